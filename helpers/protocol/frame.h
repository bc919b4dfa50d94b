/* frame.h - one datagram: header, body, fds. Native byte order: both ends are on one machine. */
#ifndef POSTERN_PROTOCOL_FRAME_H
#define POSTERN_PROTOCOL_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "../base/limits.h"

enum { FRAME_MAGIC = 0x5047, FRAME_VERSION = 1 };
enum { FRAME_REPLY = 1, FRAME_CLIENT = 2 /* the first fd is the API connection */ };

struct frame_header {
	uint16_t magic;
	uint8_t version;
	uint8_t flags;
	uint16_t op;
	uint16_t nfds;
	uint32_t id; /* of the request; replies carry it back */
	uint32_t length; /* of the body */
	uint64_t api_id; /* of the API request on whose behalf; 0 for none */
	uint8_t container[ID_BYTES]; /* zeros for none */
};

/* Starts the body of every reply. status 0: the op's reply fields follow; else nothing does. */
struct reply_header {
	int32_t status; /* 0 or -errno */
	char stage[STAGE_MAX]; /* the step that failed */
	char rule[RULE_MAX]; /* the policy rule that decided, if one did */
};

struct frame {
	struct frame_header h;
	uint8_t body[FRAME_MAX - sizeof(struct frame_header)];
	int fds[FRAME_FDS_MAX];
};

/* Sends one frame whole; header's length and nfds are set here. flags: MSG_DONTWAIT or 0. 0 or -errno. */
int frame_send(int sock, struct frame_header *h, const void *body, size_t len, const int *fds, size_t nfds, int flags);
/* Receives one frame; its fds are the caller's (close-on-exec). 0; -ENODATA when the peer has closed; -EBADMSG for
 * anything malformed (wrong magic, version, length, fd count, truncated data or control data: all fds are closed then;
 * the channel must be ended); -EAGAIN. */
int frame_receive(int sock, struct frame *ret, int flags);
void frame_close_fds(struct frame *f);

#endif
