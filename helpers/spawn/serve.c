/* serve.c - the monitor's side of its channels: a small dispatch over the ops of OPS_MONITOR.
 *
 * Two kinds of peer: spawn (which started it, or found its socket again after a restart and could open it: the
 * directory is spawn's alone) and controllers, whose channels come from spawn. Only spawn may START and ADOPT. What is
 * malformed ends the channel. Nothing here waits for a peer. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/text.h"
#include "monitor.h"

static struct frame frame;
static union any_message req_buf, rep_buf;

void channel_add(struct monitor *m, int fd, bool spawn)
{
	for (unsigned i = 0; i < MONITOR_CHANNELS; i++)
		if (m->channels[i].fd < 0) {
			m->channels[i] = (struct monitor_channel){ .fd = fd, .spawn = spawn, .waiting.op = NO_REQUEST };
			return;
		}
	close_fd(fd);
}

static void channel_end(struct monitor_channel *c)
{
	c->fd = close_fd(c->fd);
	c->waiting.op = NO_REQUEST;
}

/* Nobody who does not read holds us. */
static void reply(struct monitor *m, struct monitor_channel *c, const struct frame_header *to, int status, void *rep)
{
	struct frame_header h = { .flags = FRAME_REPLY, .op = to->op, .id = to->id, .api_id = to->api_id };
	struct reply_header head = { .status = status };
	size_t len = 0, nfds = 0;

	if (status < 0) {
		memcpy(head.stage, m->stage, sizeof(head.stage));
		memcpy(head.rule, m->rule, sizeof(head.rule));
	} else if (message_encode(&op_desc(to->op)->rep, rep, frame.body + sizeof(head),
				  sizeof(frame.body) - sizeof(head), &len, frame.fds, FRAME_FDS_MAX, &nfds) < 0) {
		channel_end(c);
		return;
	}
	memcpy(frame.body, &head, sizeof(head));
	if (frame_send(c->fd, &h, frame.body, sizeof(head) + len, frame.fds, nfds, MSG_DONTWAIT) < 0)
		channel_end(c);
}

/* --- ops: 0, -errno, or DEFER --- */
enum { DEFER = 1 };

static int run_attach(struct monitor *m, const void *q, void *p, int64_t now_ms)
{
	const struct req_monitor_attach *req = q;
	struct rep_monitor_attach *rep = p;

	if (m->phase >= PHASE_ENDED)
		return -ESRCH;
	return stdio_attach(&m->stdio, req->streams, now_ms, &rep->stream);
}

static int run_resize(struct monitor *m, const void *q, void *p, int64_t now_ms)
{
	const struct req_monitor_resize *req = q;

	return m->phase >= PHASE_ENDED ? -ESRCH : stdio_resize(&m->stdio, req->rows, req->columns);
}

static int run_state(struct monitor *m, const void *q, void *p, int64_t now_ms)
{
	*(struct rep_monitor_state *)p = m->state;
	return 0;
}

static int run_start(struct monitor *m, const void *q, void *p, int64_t now_ms)
{
	if (m->phase == PHASE_CREATING || m->phase == PHASE_STARTING)
		return -EBUSY;
	if (m->phase != PHASE_READY)
		return m->phase == PHASE_RUNNING ? -EALREADY : -ESRCH;
	/* EPIPE: it has died, and the socket's end, read next, is followed by its exit. */
	if (send(m->control, "g", 1, MSG_NOSIGNAL | MSG_DONTWAIT) != 1 && errno != EPIPE)
		return -errno;
	m->phase = PHASE_STARTING;
	return DEFER;
}

static int run_adopt(struct monitor *m, const void *q, void *p, int64_t now_ms)
{
	/* The request's fds are closed after us; `now` it is ours. */
	struct req_monitor_adopt *req = (struct req_monitor_adopt *)q;
	struct rep_monitor_adopt *rep = p;

	if (m->phase == PHASE_CREATING)
		return req->channel >= 0 ? -EBUSY : DEFER;
	if (m->phase >= PHASE_ENDED)
		return -ESRCH;
	if (req->channel >= 0)
		channel_add(m, TAKE_FD(req->channel), /* spawn= */ false);
	rep->pid = (uint32_t)m->pid;
	rep->pidfd = dup(m->pidfd);
	return rep->pidfd < 0 ? -errno : 0;
}

static int run_archived(struct monitor *m, const void *q, void *p, int64_t now_ms)
{
	return logring_release(&m->stdio.log.ring, ((const struct req_monitor_archived *)q)->generation);
}

static int run_hosts(struct monitor *m, const void *q, void *p, int64_t now_ms)
{
	struct rep_monitor_hosts *rep = p;

	if (m->hosts < 0 || m->phase >= PHASE_ENDED)
		return m->hosts < 0 ? -ENOENT : -ESRCH;
	rep->file = dup(m->hosts);
	return rep->file < 0 ? -errno : 0;
}

static const struct {
	enum op op;
	bool spawn_only;
	int (*run)(struct monitor *m, const void *req, void *rep, int64_t now_ms);
} handlers[] = {
	{ OP_MONITOR_ATTACH, false, run_attach }, { OP_MONITOR_RESIZE, false, run_resize },
	{ OP_MONITOR_STATE, false, run_state },	  { OP_MONITOR_START, true, run_start },
	{ OP_MONITOR_ADOPT, true, run_adopt },	  { OP_MONITOR_ARCHIVED, false, run_archived },
	{ OP_MONITOR_HOSTS, false, run_hosts },
};

static int dispatch(struct monitor *m, struct monitor_channel *c, unsigned handler, int64_t now_ms)
{
	const struct op_desc *desc = op_desc(handlers[handler].op);
	struct frame_header to = frame.h;
	const char *field;
	int status;

	if (message_decode(&desc->req, frame.body, frame.h.length, frame.fds, frame.h.nfds, &req_buf) < 0)
		return -EBADMSG;
	message_init(&desc->rep, &rep_buf);
	memset(m->rule, 0, sizeof(m->rule));
	text_copy(m->stage, sizeof(m->stage), desc->name);
	status = message_prove_fds(&desc->req, &req_buf, &field);
	if (status == 0)
		status = handlers[handler].run(m, &req_buf, &rep_buf, now_ms);
	if (status == DEFER && c->waiting.op != NO_REQUEST)
		status = -EBUSY;
	if (status == DEFER)
		c->waiting = to;
	else
		reply(m, c, &to, status, &rep_buf);
	message_close_fds(&desc->req, &req_buf);
	message_close_fds(&desc->rep, &rep_buf);
	return 0;
}

bool channel_receive(struct monitor *m, struct monitor_channel *c, int64_t now_ms)
{
	int e = frame_receive(c->fd, &frame, MSG_DONTWAIT);

	if (e == -EAGAIN)
		return false;
	if (e == 0) {
		e = -EBADMSG;
		for (unsigned i = 0; i < ARRAY_SIZE(handlers) && frame.h.flags == 0; i++)
			if (handlers[i].op == frame.h.op && (c->spawn || !handlers[i].spawn_only))
				e = dispatch(m, c, i, now_ms);
		if (e < 0)
			frame_close_fds(&frame);
	}
	if (e < 0)
		channel_end(c);
	return e == 0;
}

void channel_accept(struct monitor *m)
{
	int fd = accept4(m->listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd >= 0)
		channel_add(m, fd, /* spawn= */ true);
}

void channels_answer(struct monitor *m, enum op op)
{
	for (unsigned i = 0; i < MONITOR_CHANNELS; i++) {
		struct monitor_channel *c = &m->channels[i];
		struct frame_header to = c->waiting;

		if (c->fd < 0 || to.op != op)
			continue;
		c->waiting.op = NO_REQUEST;
		message_init(&op_desc(op)->rep, &rep_buf);
		if (op == OP_MONITOR_ADOPT && m->status == 0) {
			rep_buf.p_monitor_adopt.pid = (uint32_t)m->pid;
			rep_buf.p_monitor_adopt.pidfd = dup(m->pidfd);
		}
		reply(m, c, &to, m->status, &rep_buf);
		message_close_fds(&op_desc(op)->rep, &rep_buf);
	}
}

static void channels_tell(struct monitor *m, enum op op, const void *msg, bool spawn_too)
{
	struct frame_header h = { .op = (uint16_t)op };
	size_t len, nfds;

	if (message_encode(&op_desc(op)->req, msg, frame.body, sizeof(frame.body), &len, frame.fds, FRAME_FDS_MAX,
			   &nfds) < 0)
		return;
	for (unsigned i = 0; i < MONITOR_CHANNELS; i++)
		if (m->channels[i].fd >= 0 && (spawn_too || !m->channels[i].spawn))
			frame_send(m->channels[i].fd, &h, frame.body, len, NULL, 0, MSG_DONTWAIT);
}

void channels_tell_exit(struct monitor *m)
{
	struct req_monitor_exited msg = {
		.exited = m->state.exited,
		.code = m->state.code,
		.signal = m->state.signal,
		.time_ns = m->state.time_ns,
	};

	channels_tell(m, OP_MONITOR_EXITED, &msg, /* spawn_too= */ true);
	m->told = true;
}

void channels_tell_rotated(struct monitor *m)
{
	struct logring *r = &m->stdio.log.ring;
	struct req_monitor_rotated msg = { .generation = r->now.generation };

	if (r->turned)
		channels_tell(m, OP_MONITOR_ROTATED, &msg, /* spawn_too= */ false);
	r->turned = false;
}

unsigned channels_of_controllers(const struct monitor *m)
{
	unsigned n = 0;

	for (unsigned i = 0; i < MONITOR_CHANNELS; i++)
		n += m->channels[i].fd >= 0 && !m->channels[i].spawn;
	return n;
}
