/* log.h - logging drivers and their options, as `--log-driver` and `--log-opt` give them. */
#ifndef POSTERN_SPEC_LOG_H
#define POSTERN_SPEC_LOG_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

struct err;

enum spec_log_driver { SPEC_LOG_JOURNALD, SPEC_LOG_JSON_FILE, SPEC_LOG_LOCAL, SPEC_LOG_NONE, SPEC_LOG_DRIVERS };

struct spec_log {
	enum spec_log_driver driver;
	bool kept; /* in a file, which `docker logs` reads; with journald that is beside the journal */
	uint32_t journal; /* LOG_JOURNAL_*, 0: not to the journal */
	uint64_t size; /* of a part of the log; 0: it grows without bound */
	uint32_t slots; /* parts that are kept; with their size they hold max-file times max-size */
	bool compress; /* full parts */
	bool binary; /* keeps bytes that are no UTF-8 */
};

/* What the options are about, beside the merged configuration. */
struct spec_log_info {
	const char *id, *name, *image_id, *image_ref;
};

extern const char *const spec_log_drivers[SPEC_LOG_DRIVERS];

/* Driver and names of options, Docker's words for others: what create refuses. log: a LogConfig. */
int spec_log_check(const cJSON *log, struct err *err);
/* The values too: what start refuses. */
int spec_log_parse(const cJSON *merged, struct spec_log *ret, struct err *err);
/* What --log-opt labels, env and tag add to each line: *ret_text is a JSON object in fresh memory, or NULL when there
 * is nothing to add. */
int spec_log_attrs(const cJSON *merged, const struct spec_log_info *info, char **ret_text, struct err *err);
/* The same for the journal: which fields every entry has, those of the container first. Never NULL on success. */
int spec_log_journal(const cJSON *merged, const struct spec_log_info *info, char **ret_text, struct err *err);
/* Whether `docker logs` can read what this container (its HostConfig) writes. */
bool spec_log_readable(const cJSON *host);

#endif
