/* audit_log.h - lines of the audit log and what is in them; for the audit_*.c of this folder. */
#ifndef POSTERN_CLI_AUDIT_LOG_H
#define POSTERN_CLI_AUDIT_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "../../helpers/base/limits.h"
#include "audit.h"

struct cJSON;

enum { AUDIT_HASH_HEX = 64, AUDIT_OK = 0, AUDIT_FOUND = 1, AUDIT_UNREADABLE = 2 };

/* A line-wise reader. A line that is longer than a record can be is given in pieces, which are no records. */
struct audit_reader {
	FILE *file;
	char text[AUDIT_RECORD_MAX + 2];
	size_t len; /* of the line, without its newline */
	bool complete; /* it had a newline */
	uint64_t number; /* from 1 */
};

/* dir/name; tells standard error when it cannot. 0 or -1. */
int audit_open(struct audit_reader *r, const char *dir, const char *name);
void audit_close(struct audit_reader *r);
/* False at the end. */
bool audit_next(struct audit_reader *r);

/* A parsed record; texts live as long as `json`. */
struct audit_record {
	struct cJSON *json;
	uint64_t seq, cseq, intent;
	const char *chan, *kind, *time, *op, *decision, *container; /* "" when absent */
	const char *prev, *hash;
	int error; /* errno of an outcome */
};
/* False when the line is no record. Its hash is not checked. */
bool audit_parse(const char *line, size_t len, struct audit_record *ret);
void audit_record_free(struct audit_record *r);

/* Number, text or "" of a member. Whole numbers beyond 15 digits are cJSON_Raw items with the log's own digits. */
uint64_t audit_u64(const struct cJSON *json, const char *key);
const char *audit_text(const struct cJSON *json, const char *key);

/* 32 bytes in hex: the id of a container, or a hash. */
bool audit_is_id(const char *s);

/* SHA-256 in hex; out takes AUDIT_HASH_HEX + 1 bytes. */
void audit_hash(const void *data, size_t n, char *out);
/* Length of the text that the hash at the end of a record is of; 0 when there is no hash at the end. */
size_t audit_hashed_length(const char *line, size_t len);

/* RFC 3339 in UTC, as in the log, to nanoseconds; -1 when it is none. */
int64_t audit_time_ns(const char *text);
bool audit_matches(const struct audit_filter *f, const struct audit_record *r);
/* Prints a text so that it cannot act on a terminal; at most max bytes of it. */
void audit_put(FILE *out, const char *text, size_t max);
/* key=value of an object's members, ids cut, empty ones left out; each with a space before it. */
void audit_put_members(FILE *out, const struct cJSON *object);
/* "done", or "denied EPERM at STAGE by RULE". */
void audit_put_result(FILE *out, const struct audit_record *r);
/* Of one record: client and arguments, or result, or what an event tells. Each with a space before it. */
void audit_put_details(FILE *out, const struct audit_record *r);
/* One record as one line. */
void audit_put_record(FILE *out, const struct audit_record *r);
/* A line of the file as it is; bytes that act on a terminal are escaped. */
void audit_put_line(FILE *out, const char *line, size_t len);

#endif
