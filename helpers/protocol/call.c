#include "call.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "../base/cleanup.h"
#include "../base/clock.h"

int call_encode(enum op op, const void *req, const struct call_options *options, struct frame *f)
{
	const struct op_desc *desc = op_desc(op);
	size_t first = 0, len, nfds;
	int r;

	f->h = (struct frame_header){ .op = (uint16_t)op, .id = options->id, .api_id = options->api_id };
	if (options->container)
		memcpy(f->h.container, options->container, ID_BYTES);
	if (options->client >= 0) {
		f->h.flags = FRAME_CLIENT;
		f->fds[first++] = options->client;
	}
	r = message_encode(&desc->req, req, f->body, sizeof(f->body), &len, f->fds + first, FRAME_FDS_MAX - first,
			   &nfds);
	if (r < 0)
		return r;
	f->h.length = (uint32_t)len;
	f->h.nfds = (uint16_t)(first + nfds);
	return 0;
}

int call_decode(enum op op, struct frame *f, void *ret_rep, struct reply_header *ret_header)
{
	const struct op_desc *desc = op_desc(op);
	struct reply_header h;
	int r;

	if (f->h.length < sizeof(h) || f->h.op != op || !(f->h.flags & FRAME_REPLY)) {
		frame_close_fds(f);
		return -EBADMSG;
	}
	memcpy(&h, f->body, sizeof(h));
	h.stage[STAGE_MAX - 1] = '\0';
	h.rule[RULE_MAX - 1] = '\0';
	if (ret_header)
		*ret_header = h;
	if (h.status != 0) {
		frame_close_fds(f);
		return h.status < 0 && h.status > -4096 ? h.status : -EBADMSG;
	}
	r = message_decode(&desc->rep, f->body + sizeof(h), f->h.length - sizeof(h), f->fds, f->h.nfds, ret_rep);
	if (r < 0)
		frame_close_fds(f);
	return r;
}

static int send_request(int channel, enum op op, const void *req, const struct call_options *options, int flags,
			struct frame *f)
{
	int r = call_encode(op, req, options, f);

	return r < 0 ? r : frame_send(channel, &f->h, f->body, f->h.length, f->fds, f->h.nfds, flags);
}

int call_send(int channel, enum op op, const void *req, const struct call_options *options, int flags)
{
	_cleanup_free_ struct frame *f = malloc(sizeof(*f));

	return f ? send_request(channel, op, req, options, flags, f) : -ENOMEM;
}

static int wait_reply(int channel, uint32_t id, int deadline_ms, struct frame *f)
{
	const uint64_t end = clock_ns() + (uint64_t)deadline_ms * 1000000u;

	f->h.length = 0; /* nothing to decode before a frame has come */
	for (;;) {
		struct pollfd p = { .fd = channel, .events = POLLIN };
		const uint64_t now = clock_ns();
		int r = poll(&p, 1, now < end ? (int)((end - now) / 1000000u) + 1 : 0);

		if (r < 0 && errno != EINTR)
			return -errno;
		if (r == 0 && now >= end)
			return -ETIMEDOUT;
		if (r <= 0)
			continue;
		r = frame_receive(channel, f, MSG_DONTWAIT);
		if (r == -EAGAIN)
			continue;
		if (r < 0)
			return r;
		if ((f->h.flags & FRAME_REPLY) && f->h.id == id)
			return 0;
		frame_close_fds(f); /* an answer that came too late for its call */
	}
}

int call(int channel, enum op op, const void *req, void *ret_rep, const struct call_options *options,
	 struct reply_header *ret_header)
{
	_cleanup_free_ struct frame *f = malloc(sizeof(*f));
	int r;

	if (!f)
		return -ENOMEM;
	r = send_request(channel, op, req, options, 0, f);
	if (r < 0)
		return r == -EPIPE || r == -ECONNRESET ? -ENODATA : r;
	r = wait_reply(channel, options->id, options->deadline_ms > 0 ? options->deadline_ms : CALL_DEADLINE_MS, f);
	return r < 0 ? r : call_decode(op, f, ret_rep, ret_header);
}
