/* call.h - asking a helper, blocking: between helpers and in tests. Not for the controller's event loop. */
#ifndef POSTERN_PROTOCOL_CALL_H
#define POSTERN_PROTOCOL_CALL_H

#include "frame.h"
#include "message.h"

struct call_options {
	uint32_t id; /* must differ from call to call on one channel */
	uint64_t api_id;
	const uint8_t *container; /* ID_BYTES or NULL */
	int client; /* API connection or -1 */
	int deadline_ms; /* 0: CALL_DEADLINE_MS */
};

/* Sends a request (struct req_*) and waits for the reply with the same id; others are dropped. ret_rep (struct rep_*)
 * is filled on success only and then owns its fds. Returns 0, the helper's -errno, -ETIMEDOUT, -EBADMSG, or -ENODATA
 * when the channel has ended. ret_header, when given, has stage and rule of a refusal. The request's fds stay the
 * caller's. */
int call(int channel, enum op op, const void *req, void *ret_rep, const struct call_options *options,
	 struct reply_header *ret_header);

/* Only builds and sends: for requests without an answer. */
int call_send(int channel, enum op op, const void *req, const struct call_options *options, int flags);

/* Encodes the request of `op` into a frame ready for frame_send(sock, &f->h, f->body, f->h.length, f->fds, f->h.nfds,
 * ...). Its fds are borrowed. */
int call_encode(enum op op, const void *req, const struct call_options *options, struct frame *f);
/* Splits a received reply frame of `op`: the helper's status, ret_header, and on 0 the reply, which owns the fds. */
int call_decode(enum op op, struct frame *f, void *ret_rep, struct reply_header *ret_header);

#endif
