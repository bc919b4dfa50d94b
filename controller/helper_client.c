/* helper_client.c - the controller's calls to helpers and monitors over libuv.
 *
 * A remote is a helper or a monitor; a connection is the channel to it at present. Requests go out at once or, while
 * the socket is full or a helper restarts, wait in the remote's queue with fds of their own. Answers are matched by id;
 * an id is never used twice (they start at a random number, since monitors outlive the controller). One timer watches
 * all deadlines. Helpers are trusted for what they answer, but a frame that does not decode still ends the connection.
 */
#include "helper_client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <uv.h>

#include "../helpers/base/cleanup.h"
#include "../helpers/base/log.h"
#include "../helpers/protocol/call.h"
#include "../helpers/protocol/control.h"
#include "engine.h"
#include "task.h"

struct remote;

struct pending {
	TAILQ_ENTRY(pending) of_peer, of_all;
	struct remote *peer; /* NULL once done */
	enum op op;
	uint32_t id;
	uint64_t deadline_ms; /* of uv_hrtime */
	struct task *task;
	bool sent, done, detached;
	int status;
	struct reply_header header;
	void *rep; /* filled when status is 0 */
};
TAILQ_HEAD(pending_list, pending);

/* A frame that waits for the socket; owns its fds. */
struct queued {
	STAILQ_ENTRY(queued) next;
	uint32_t id;
	struct frame_header h;
	int fds[FRAME_FDS_MAX];
	size_t len;
	uint8_t body[];
};

struct connection {
	uv_poll_t poll;
	int fd;
	int events;
	bool reset; /* the peer ended with messages of ours unread */
	struct remote *peer; /* NULL once closed; freed by libuv's callback */
};

struct remote {
	struct helpers *owner;
	const char *name;
	struct connection *conn; /* NULL: none now */
	struct pending_list inflight;
	STAILQ_HEAD(queued_head, queued) queue;
	unsigned ends; /* connections lost */
	void (*request)(struct remote *p, struct frame *f); /* a frame that is no reply; NULL: a fault */
	void (*ended)(struct remote *p); /* the connection has gone */
};

struct helpers {
	struct engine *engine;
	struct remote peers[HELPER_COUNT];
	void (*restarted)(struct engine *e, enum helper_id id); /* or NULL */
	uv_poll_t control_poll;
	int control;
	uv_timer_t timer;
	uint64_t armed_ms; /* 0: not armed */
	struct pending_list all;
	uint32_t next_id;
	struct task *ready_task;
	struct frame *out, *in;
};

struct monitor_link {
	struct remote peer;
	void (*exited)(void *data, const struct req_monitor_exited *msg);
	void (*rotated)(void *data); /* may be NULL */
	void *data;
};

/* The helpers that posternd itself talks to. */
static const bool wanted[HELPER_COUNT] = {
	[HELPER_IDMAP] = true,	[HELPER_NETNS] = true,	[HELPER_LOOKUP] = true, [HELPER_MOUNT] = true,
	[HELPER_CGROUP] = true, [HELPER_DEVICE] = true, [HELPER_SPAWN] = true,	[HELPER_LAYER] = true,
	[HELPER_VETH] = true,	[HELPER_FIREWALL] = true, [HELPER_PORTS] = true, [HELPER_RESOLVER] = true,
	[HELPER_FORWARD] = true,
};

static uint64_t now_ms(void)
{
	return uv_hrtime() / 1000000;
}

/* --- pending calls --------------------------------------------------------------------------------------- */
static void pending_free(struct pending *p)
{
	if (p->rep && p->status == 0)
		message_close_fds(&op_desc(p->op)->rep, p->rep);
	free(p->rep);
	free(p);
}

static void report_lost(const struct pending *p)
{
	const struct op_desc *d = op_desc(p->op);

	log_warn("%s %s: %s%s%s", d->helper_name, d->name, p->header.stage, p->header.stage[0] ? ": " : "",
		 strerror(-p->status));
}

static void pending_done(struct pending *p, int status)
{
	if (p->peer) {
		TAILQ_REMOVE(&p->peer->inflight, p, of_peer);
		TAILQ_REMOVE(&p->peer->owner->all, p, of_all);
		p->peer = NULL;
	}
	p->status = status;
	p->done = true;
	if (!p->detached) {
		if (p->task)
			task_wake(p->task);
		return;
	}
	if (status < 0)
		report_lost(p);
	pending_free(p);
}

static void arm(struct helpers *h, uint64_t deadline);

static void on_deadline(uv_timer_t *t)
{
	struct helpers *h = t->data;
	struct pending *p, *next;
	uint64_t now = now_ms(), first = 0;

	h->armed_ms = 0;
	for (p = TAILQ_FIRST(&h->all); p; p = next) {
		next = TAILQ_NEXT(p, of_all);
		if (p->deadline_ms <= now)
			pending_done(p, -ETIMEDOUT);
		else if (!first || p->deadline_ms < first)
			first = p->deadline_ms;
	}
	if (first)
		arm(h, first);
}

static void arm(struct helpers *h, uint64_t deadline)
{
	uint64_t now = now_ms();

	if (h->armed_ms && h->armed_ms <= deadline)
		return;
	h->armed_ms = deadline;
	uv_timer_start(&h->timer, on_deadline, deadline > now ? deadline - now + 1 : 1, 0);
}

/* --- connections ----------------------------------------------------------------------------------------- */
static void on_poll(uv_poll_t *poll, int status, int events);

static void want_events(struct connection *c, int events)
{
	if (c->events != events && uv_poll_start(&c->poll, events, on_poll) == 0)
		c->events = events;
}

static void connection_freed(uv_handle_t *handle)
{
	free(handle->data);
}

static void queue_clear(struct remote *p)
{
	struct queued *q;

	while ((q = STAILQ_FIRST(&p->queue))) {
		STAILQ_REMOVE_HEAD(&p->queue, next);
		for (unsigned i = 0; i < q->h.nfds; i++)
			close_fd(q->fds[i]);
		free(q);
	}
}

/* Ends the connection; calls that the peer may have seen fail, those still queued wait for the next connection. */
static void disconnect(struct remote *p)
{
	struct connection *c = p->conn;
	struct pending *call, *next;

	if (!c)
		return;
	p->conn = NULL;
	p->ends++;
	c->peer = NULL;
	uv_close((uv_handle_t *)&c->poll, connection_freed);
	c->fd = close_fd(c->fd);
	for (call = TAILQ_FIRST(&p->inflight); call; call = next) {
		next = TAILQ_NEXT(call, of_peer);
		if (call->sent)
			pending_done(call, -ECONNRESET);
	}
	if (p->ended)
		p->ended(p);
}

static struct pending *find_call(struct remote *p, uint32_t id)
{
	struct pending *call;

	for (call = TAILQ_FIRST(&p->inflight); call; call = TAILQ_NEXT(call, of_peer))
		if (call->id == id)
			return call;
	return NULL;
}

/* A reply that nobody waits for (its deadline has passed) is dropped with its fds. */
static int take_reply(struct remote *p, struct frame *f)
{
	struct pending *call = find_call(p, f->h.id);
	int r;

	if (!call) {
		frame_close_fds(f);
		return 0;
	}
	if (f->h.op != call->op) {
		frame_close_fds(f);
		return -EBADMSG;
	}
	r = call_decode(call->op, f, call->rep, &call->header);
	pending_done(call, r);
	return r == -EBADMSG ? r : 0;
}

static void send_queue(struct remote *p)
{
	struct queued *q;

	while (p->conn && (q = STAILQ_FIRST(&p->queue))) {
		struct pending *call = find_call(p, q->id);
		int r = call ? frame_send(p->conn->fd, &q->h, q->body, q->len, q->fds, q->h.nfds, MSG_DONTWAIT) : 0;

		if (r == -EAGAIN) {
			want_events(p->conn, UV_READABLE | UV_WRITABLE);
			return;
		}
		if (r == -EPIPE || r == -ECONNRESET)
			break; /* the poll will see the end, after what is still to be read */
		if (call)
			call->sent = true;
		STAILQ_REMOVE_HEAD(&p->queue, next);
		for (unsigned i = 0; i < q->h.nfds; i++)
			close_fd(q->fds[i]);
		free(q);
		if (r < 0 && call)
			pending_done(call, r);
	}
	if (p->conn)
		want_events(p->conn, UV_READABLE);
}

/* A peer that ends with messages of ours unread leaves an error before its last messages: they are read past it. */
static int receive(struct connection *c, struct frame *f)
{
	int r = frame_receive(c->fd, f, MSG_DONTWAIT);

	if (r == -ENODATA && !c->reset) {
		c->reset = true;
		r = frame_receive(c->fd, f, MSG_DONTWAIT);
	}
	return r;
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct connection *c = poll->data;
	struct helpers *h = c->peer->owner;
	int r = 0;

	if (status < 0)
		events = UV_READABLE; /* libuv's word for a hang-up with an error */
	while (r == 0 && c->peer && (events & UV_READABLE)) {
		r = receive(c, h->in);
		if (r < 0)
			break;
		if (h->in->h.flags & FRAME_REPLY) {
			r = take_reply(c->peer, h->in);
		} else if (c->peer->request) {
			c->peer->request(c->peer, h->in);
		} else {
			frame_close_fds(h->in);
			r = -EBADMSG;
		}
	}
	if (!c->peer)
		return;
	if (status < 0 || (r < 0 && r != -EAGAIN)) {
		if (r != -ENODATA && r != -EAGAIN)
			log_warn("channel to %s: %s", c->peer->name, strerror(-r));
		disconnect(c->peer);
		return;
	}
	if (events & UV_WRITABLE)
		send_queue(c->peer);
}

/* Takes fd. */
static int connect_remote(struct remote *p, int fd)
{
	struct connection *c = calloc(1, sizeof(*c));
	int r;

	if (!c) {
		close_fd(fd);
		return -ENOMEM;
	}
	r = uv_poll_init(p->owner->engine->loop, &c->poll, fd);
	if (r < 0) {
		close_fd(fd);
		free(c);
		return r;
	}
	c->poll.data = c;
	c->fd = fd;
	c->peer = p;
	p->conn = c;
	want_events(c, UV_READABLE);
	send_queue(p);
	return 0;
}

static void remote_init(struct remote *p, struct helpers *h, const char *name)
{
	p->owner = h;
	p->name = name;
	TAILQ_INIT(&p->inflight);
	STAILQ_INIT(&p->queue);
}

/* --- asking ---------------------------------------------------------------------------------------------- */
static int enqueue(struct remote *p, uint32_t id, const struct frame *f)
{
	struct queued *q = malloc(sizeof(*q) + f->h.length);

	if (!q)
		return -ENOMEM;
	q->id = id;
	q->h = f->h;
	q->len = f->h.length;
	memcpy(q->body, f->body, q->len);
	for (q->h.nfds = 0; q->h.nfds < f->h.nfds; q->h.nfds++) {
		int fd = fcntl(f->fds[q->h.nfds], F_DUPFD_CLOEXEC, 0);

		if (fd < 0) {
			int r = -errno;

			while (q->h.nfds > 0)
				close_fd(q->fds[--q->h.nfds]);
			free(q);
			return r;
		}
		q->fds[q->h.nfds] = fd;
	}
	STAILQ_INSERT_TAIL(&p->queue, q, next);
	return 0;
}

static int send_call(struct remote *p, struct pending *call, const void *req, const struct call_ctx *ctx)
{
	struct frame *f = p->owner->out;
	struct call_options o = {
		.id = call->id,
		.api_id = ctx ? ctx->api_id : 0,
		.container = ctx ? ctx->container : NULL,
		.client = ctx ? ctx->client : -1,
	};
	int r = call_encode(call->op, req, &o, f);
	bool gone;

	if (r < 0)
		return r;
	if (p->conn && STAILQ_EMPTY(&p->queue)) {
		r = frame_send(p->conn->fd, &f->h, f->body, f->h.length, f->fds, f->h.nfds, MSG_DONTWAIT);
		if (r == 0) {
			call->sent = true;
			return 0;
		}
		/* Of a peer that has gone there may be messages to read; the poll sees them and then the end. */
		if (r != -EAGAIN && r != -EPIPE && r != -ECONNRESET)
			return r;
	}
	gone = r == -EPIPE || r == -ECONNRESET;
	r = enqueue(p, call->id, f);
	if (r == 0 && p->conn && !gone)
		want_events(p->conn, UV_READABLE | UV_WRITABLE);
	return r;
}

static bool absent(const struct remote *p)
{
	for (unsigned i = 0; i < HELPER_COUNT; i++)
		if (p == &p->owner->peers[i])
			return helper_absent(p->owner->engine, i);
	return false;
}

static struct pending *submit(struct remote *p, enum op op, const void *req, const struct call_ctx *ctx,
			      int deadline_ms)
{
	struct helpers *h = p->owner;
	struct pending *call = calloc(1, sizeof(*call));
	int r;

	if (!call)
		abort(); /* so small an allocation fails only when the system is past saving */
	call->op = op;
	call->id = h->next_id++;
	if (h->next_id == 0)
		h->next_id = 1; /* 0 marks messages that are no answers */
	call->deadline_ms = now_ms() + (uint64_t)(deadline_ms > 0 ? deadline_ms : HELPER_DEADLINE_MS);
	call->rep = malloc(op_desc(op)->rep.size);
	if (!call->rep)
		abort();
	call->peer = p;
	TAILQ_INSERT_TAIL(&p->inflight, call, of_peer);
	TAILQ_INSERT_TAIL(&h->all, call, of_all);
	r = absent(p) ? -EOPNOTSUPP : send_call(p, call, req, ctx);
	if (r < 0)
		pending_done(call, r);
	else
		arm(h, call->deadline_ms);
	return call;
}

struct pending *helper_submit(struct engine *e, enum op op, const void *req, const struct call_ctx *ctx,
			      int deadline_ms)
{
	return submit(&e->helpers->peers[op_desc(op)->helper], op, req, ctx, deadline_ms);
}

bool helper_sent(const struct pending *p)
{
	return p->sent;
}

static int describe(const struct pending *p, struct err *err)
{
	const struct op_desc *d = op_desc(p->op);
	const char *stage = p->header.stage, *rule = p->header.rule;
	bool refused = (p->status == -EPERM || p->status == -EACCES) && rule[0];

	/* policy's denials_per_minute: what audit answers to a client that was refused too often */
	if (p->status == -EBUSY && strcmp(stage, "audit") == 0)
		return err_set(err, 429,
			       "too many requests of this client were refused by policy: %s does nothing more for it "
			       "before the next minute",
			       d->helper_name);
	return err_set(err, refused ? 403 : 500, "%s %s: %s%s%s%s%s%s", d->helper_name, d->name, stage,
		       stage[0] ? ": " : "", strerror(-p->status), rule[0] ? " (rule " : "", rule, rule[0] ? ")" : "");
}

int helper_wait(struct pending *p, void *ret_rep, struct err *err, char *ret_stage)
{
	int status;

	while (!p->done) {
		p->task = task_self();
		task_park();
	}
	status = p->status;
	if (status < 0) {
		describe(p, err);
		if (ret_stage)
			memcpy(ret_stage, p->header.stage, STAGE_MAX);
	} else if (ret_rep) {
		memcpy(ret_rep, p->rep, op_desc(p->op)->rep.size);
		free(TAKE_PTR(p->rep));
	}
	pending_free(p);
	return status;
}

void helper_detach(struct pending *p)
{
	if (!p->done) {
		p->detached = true;
		return;
	}
	if (p->status < 0)
		report_lost(p);
	pending_free(p);
}

int helper_call(struct engine *e, enum op op, const void *req, void *ret_rep, const struct call_ctx *ctx,
		struct err *err)
{
	struct err failure = { 0 };
	int r = helper_wait(helper_submit(e, op, req, ctx, 0), ret_rep, &failure, NULL);

	if (r == -ENOTCONN && ctx && ctx->client >= 0 && op_desc(op)->class == CLASS_RELEASE) {
		struct call_ctx alone = *ctx;

		alone.client = -1;
		failure.status = 0;
		r = helper_wait(helper_submit(e, op, req, &alone, 0), ret_rep, &failure, NULL);
	}
	return r < 0 && err ? (err_set(err, failure.status, "%s", failure.message), r) : r;
}

int helper_call_surely(struct engine *e, enum op op, const void *req, const struct call_ctx *ctx, struct err *err)
{
	int r = -ECONNRESET;

	for (unsigned tries = 5; tries > 0 && r == -ECONNRESET; tries--) {
		if (err)
			err->status = 0;
		r = helper_call(e, op, req, NULL, ctx, err);
	}
	return r;
}

bool helper_absent(const struct engine *e, enum helper_id id)
{
	return policy_absent(e->policy, id);
}

unsigned helper_generation(struct engine *e, enum helper_id id)
{
	return e->helpers->peers[id].ends;
}

/* --- the launcher's control socket ----------------------------------------------------------------------- */
static bool all_ready(const struct helpers *h)
{
	for (unsigned i = 0; i < HELPER_COUNT; i++)
		if (wanted[i] && !helper_absent(h->engine, i) && !h->peers[i].conn)
			return false;
	return true;
}

struct restart {
	struct engine *e;
	enum helper_id id;
};

static void tell_restart(void *arg)
{
	struct restart *r = arg;

	r->e->helpers->restarted(r->e, r->id);
	free(r);
}

void helpers_on_restart(struct engine *e, void (*restarted)(struct engine *e, enum helper_id id))
{
	e->helpers->restarted = restarted;
}

static void note_restart(struct helpers *h, enum helper_id id)
{
	struct restart *r = h->restarted ? malloc(sizeof(*r)) : NULL;

	if (!r)
		return;
	*r = (struct restart){ h->engine, id };
	if (task_spawn(tell_restart, r) < 0)
		free(r);
}

static void take_channel(struct helpers *h, const struct control_message *m, int fd)
{
	struct remote *p;

	if (m->helper >= HELPER_COUNT) {
		close_fd(fd);
		return;
	}
	p = &h->peers[m->helper];
	if (m->restarts)
		log_warn("%s was restarted (%u)", p->name, m->restarts);
	disconnect(p);
	if (connect_remote(p, fd) < 0)
		log_error("channel to %s: cannot be watched", p->name);
	if (m->restarts)
		note_restart(h, (enum helper_id)m->helper);
	if (h->ready_task && all_ready(h))
		task_wake(h->ready_task);
}

static void on_control(uv_poll_t *poll, int status, int events)
{
	struct helpers *h = poll->data;

	for (;;) {
		struct control_message m;
		union {
			char buf[CMSG_SPACE(sizeof(int))];
			struct cmsghdr align;
		} control;
		struct iovec iov = { &m, sizeof(m) };
		struct msghdr msg = { .msg_iov = &iov,
				      .msg_iovlen = 1,
				      .msg_control = control.buf,
				      .msg_controllen = sizeof(control.buf) };
		ssize_t n = recvmsg(h->control, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
		struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&msg) : NULL;
		int fd = -EBADF;

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			/* The launcher has gone; containers live on, the next launcher finds them. */
			log_error("the launcher has gone");
			uv_poll_stop(poll);
			uv_stop(h->engine->loop);
			return;
		}
		if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
		    c->cmsg_len == CMSG_LEN(sizeof(int)))
			memcpy(&fd, CMSG_DATA(c), sizeof(fd));
		if (n == sizeof(m) && fd >= 0)
			take_channel(h, &m, fd);
		else
			close_fd(fd);
	}
}

int helpers_create(struct engine *e, int control, struct helpers **ret)
{
	struct helpers *h = calloc(1, sizeof(*h));
	int r;

	if (!h)
		return -ENOMEM;
	h->engine = e;
	h->control = control;
	h->in = malloc(sizeof(*h->in));
	h->out = malloc(sizeof(*h->out));
	TAILQ_INIT(&h->all);
	for (unsigned i = 0; i < HELPER_COUNT; i++)
		remote_init(&h->peers[i], h, helper_name(i));
	r = getrandom(&h->next_id, sizeof(h->next_id), 0) == sizeof(h->next_id) ? 0 : -EIO;
	h->next_id |= 1;
	if (r == 0 && (!h->in || !h->out))
		r = -ENOMEM;
	if (r == 0)
		r = uv_timer_init(e->loop, &h->timer);
	if (r == 0)
		r = uv_poll_init(e->loop, &h->control_poll, control);
	if (r < 0) {
		free(h->in);
		free(h->out);
		free(h);
		return r;
	}
	h->timer.data = h;
	h->control_poll.data = h;
	*ret = h;
	return uv_poll_start(&h->control_poll, UV_READABLE, on_control);
}

int helpers_wait_ready(struct helpers *h, int ms)
{
	uint64_t deadline = now_ms() + (uint64_t)ms;

	h->ready_task = task_self();
	while (!all_ready(h)) {
		uint64_t now = now_ms();

		if (now >= deadline)
			break;
		task_sleep_ms(deadline - now);
	}
	h->ready_task = NULL;
	for (unsigned i = 0; i < HELPER_COUNT; i++)
		if (wanted[i] && !helper_absent(h->engine, i) && !h->peers[i].conn)
			log_error("%s has not come up", h->peers[i].name);
	return all_ready(h) ? 0 : -ETIMEDOUT;
}

/* --- monitors -------------------------------------------------------------------------------------------- */
static void monitor_report(struct monitor_link *m, const struct req_monitor_exited *msg)
{
	void (*exited)(void *, const struct req_monitor_exited *) = TAKE_PTR(m->exited);

	if (exited)
		exited(m->data, msg);
}

static void monitor_request(struct remote *p, struct frame *f)
{
	struct monitor_link *m = (struct monitor_link *)p;
	struct req_monitor_exited msg;
	bool good = f->h.op == OP_MONITOR_EXITED && f->h.nfds == 0 &&
		    message_decode(&op_desc(OP_MONITOR_EXITED)->req, f->body, f->h.length, NULL, 0, &msg) == 0;
	bool rotated = f->h.op == OP_MONITOR_ROTATED;

	frame_close_fds(f);
	if (good)
		monitor_report(m, &msg);
	else if (rotated && m->rotated)
		m->rotated(m->data);
}

static void monitor_ended(struct remote *p)
{
	struct monitor_link *m = (struct monitor_link *)p;
	struct pending *call;

	/* There is no next connection. */
	queue_clear(p);
	while ((call = TAILQ_FIRST(&p->inflight)))
		pending_done(call, -ECONNRESET);
	monitor_report(m, NULL);
}

int monitor_link_create(struct engine *e, int channel, void (*exited)(void *data, const struct req_monitor_exited *msg),
			void *data, struct monitor_link **ret)
{
	struct monitor_link *m = calloc(1, sizeof(*m));
	int r;

	if (!m) {
		close_fd(channel);
		return -ENOMEM;
	}
	remote_init(&m->peer, e->helpers, "monitor");
	m->peer.request = monitor_request;
	m->peer.ended = monitor_ended;
	m->exited = exited;
	m->data = data;
	r = connect_remote(&m->peer, channel);
	if (r < 0) {
		free(m);
		return r;
	}
	*ret = m;
	return 0;
}

void monitor_link_on_rotated(struct monitor_link *m, void (*rotated)(void *data))
{
	m->rotated = rotated;
}

struct pending *monitor_submit(struct monitor_link *m, enum op op, const void *req)
{
	struct pending *call = submit(&m->peer, op, req, NULL, 0);

	if (!m->peer.conn && !call->done) {
		queue_clear(&m->peer);
		pending_done(call, -ECONNRESET);
	}
	return call;
}

int monitor_call(struct monitor_link *m, enum op op, const void *req, void *ret_rep, struct err *err)
{
	return helper_wait(monitor_submit(m, op, req), ret_rep, err, NULL);
}

void monitor_link_destroy(struct monitor_link *m)
{
	if (!m)
		return;
	m->exited = NULL;
	m->rotated = NULL;
	disconnect(&m->peer);
	queue_clear(&m->peer);
	free(m);
}
