/* audit.h - a helper's side of the audit log: rendering a record and having it written. */
#ifndef POSTERN_PROTOCOL_AUDIT_H
#define POSTERN_PROTOCOL_AUDIT_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

struct request;

/* A JSON text being built in a fixed buffer; once it does not fit, nothing more is added and `full` is set. */
struct json_text {
	char *buf;
	size_t size, len;
	int full;
};
void json_begin(struct json_text *j, char *buf, size_t size);
void json_u64(struct json_text *j, const char *key, uint64_t value);
void json_str(struct json_text *j, const char *key, const char *value); /* escaped */
void json_raw(struct json_text *j, const char *members); /* "a":1,"b":2 made by these functions */

/* Intent of a decoded request; returns after audit acknowledged it, with its sequence. -EDQUOT when the log is full,
 * -ETIMEDOUT when audit does not answer: the effect must not happen then. */
int audit_intent(int audit, struct request *r, uint64_t *ret_sequence);
/* Outcome: never waits for more than the socket's buffer. status 0 or -errno. */
int audit_outcome(int audit, struct request *r, int status, const void *rep);

#endif
