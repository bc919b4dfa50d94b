/* stream.h - the output of a container on its way to a client: from its log and from its monitor. */
#ifndef POSTERN_CONTAINER_STREAM_H
#define POSTERN_CONTAINER_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../err.h"

struct container;
struct http_request;

/* Where output goes. All of them run in the task that serves the client. */
struct sink {
	void *data;
	int (*write)(void *data, const void *bytes, size_t n); /* parks while the client is slow; -1: it has gone */
	bool (*gone)(void *data);
	bool framed; /* 8-byte headers (no terminal) */
};

struct log_options {
	bool out, err, timestamps, follow, details;
	int64_t tail; /* lines from the end; -1: all */
	int64_t since_ns, until_ns; /* 0: no bound */
};
/* Sends what the log has, and with follow what comes until the container stops. 0 or -1 (client gone, or err). */
int logs_send(struct container *c, const struct log_options *o, const struct sink *to);

/* POST /containers/{}/attach and GET /containers/{}/logs */
void attach_serve(struct http_request *r, struct container *c);
void logs_serve(struct http_request *r, struct container *c);

/* Detach keys: "ctrl-p,ctrl-q", "a". */
enum { DETACH_KEYS_MAX = 16 };
struct detach_keys {
	uint8_t keys[DETACH_KEYS_MAX];
	unsigned n, seen;
};
int detach_keys_parse(const char *text, struct detach_keys *ret, struct err *err);
/* Passes input on in place without the sequence: what is left of n; *ret_detach when it was typed. Keys of a sequence
 * that was begun and not finished come out first: out must have room for n + DETACH_KEYS_MAX. */
size_t detach_keys_filter(struct detach_keys *k, const uint8_t *in, size_t n, uint8_t *out, bool *ret_detach);

#endif
