/* jsonlog.h - a container's output as Docker's json-file lines: {"log":"...\n","stream":"stdout","time":"..."}.
 *
 * Lines longer than LOG_LINE_MAX are cut into pieces without a newline, as Docker does; a reader joins them. What is
 * not UTF-8 becomes U+FFFD; in a binary log it stands as a lone surrogate U+DC80..U+DCFF, from which a reader gets the
 * byte back. Writes are batched: the caller flushes when there is nothing more to read. */
#ifndef POSTERN_SPAWN_JSONLOG_H
#define POSTERN_SPAWN_JSONLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "journal.h"
#include "logring.h"

enum {
	LOG_LINE_MAX = 16384,
	LOG_BATCH = 512 * 1024, /* written at once */
	LOG_ATTRS_MAX = 8192, /* JSON text */
	LOG_ENTRY_MAX = 6 * LOG_LINE_MAX + LOG_ATTRS_MAX + 128, /* the worst that a line can become */
};

/* What of a stream has not come to its newline yet. */
struct log_stream {
	const char *name; /* "stdout" */
	unsigned piece; /* how many of its line the journal has */
	uint64_t id; /* of that line */
	size_t len;
	char line[LOG_LINE_MAX];
};

struct jsonlog {
	struct logring ring;
	bool binary;
	char attrs[LOG_ATTRS_MAX + 16]; /* ",\"attrs\":{...}", or "" */
	size_t attrs_len;
	char *batch; /* made at the first output */
	size_t len;
	char stamp[40]; /* of now, without the final Z */
	size_t stamp_len;
	int64_t second; /* that the stamp's first part says */
	uint64_t lost; /* bytes that could not be written */
	struct journal journal; /* beside it; its own to open */
};

/* Without a ring; that and the rest are set by their own. */
void jsonlog_init(struct jsonlog *l, int fd);
/* text: a JSON object that every line is to carry, or NULL. What is longer than LOG_ATTRS_MAX is left out. */
void jsonlog_attrs(struct jsonlog *l, const char *text);
void jsonlog_finish(struct jsonlog *l);
/* Time for the lines that follow, which were read at once: CLOCK_REALTIME. */
void jsonlog_time(struct jsonlog *l, int64_t ns);
/* Output of a stream, any length. */
void jsonlog_add(struct jsonlog *l, struct log_stream *s, const char *data, size_t n);
/* The stream has ended: its last, unfinished line. */
void jsonlog_end(struct jsonlog *l, struct log_stream *s);
/* Writes the batch. A full disk loses lines, it never stops the container. */
void jsonlog_flush(struct jsonlog *l);

#endif
