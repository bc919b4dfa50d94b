/* server.c - see server.h. */
#include "server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/clock.h"
#include "../base/log.h"
#include "../base/pass.h"
#include "../base/sandbox.h"
#include "../base/text.h"
#include "audit.h"

enum { KEEP_MAGIC = 0x4b454550, POLLS_MAX = 4096 };

struct server_channel {
	int fd;
	uint64_t rights;
	uint32_t generation; /* so that a late answer never reaches a successor on the same slot */
	bool primary; /* the controller's: its rights are kept over a crash */
};

/* One request at a time: its buffers are static. */
static struct frame frame;
static union any_message req_buf, rep_buf;

static const uint64_t CHANNEL_OPS = UINT64_C(3) << 62; /* LIMIT and DERIVE */

int request_fail(struct request *r, int err, const char *stage)
{
	snprintf(r->stage, sizeof(r->stage), "%s", stage);
	return err;
}

void request_rule(struct request *r, const char *rule)
{
	snprintf(r->rule, sizeof(r->rule), "%s", rule);
}

static void channel_end(struct helper *h, unsigned i, const char *why)
{
	struct server_channel *c = &h->channels[i];

	if (why)
		log_warn("channel %u ended: %s", i, why);
	c->fd = close_fd(c->fd);
	c->generation++;
	if (c->primary)
		h->stopping = true;
}

static void send_reply(struct helper *h, struct request *r, int status, const void *rep)
{
	struct server_channel *c = &h->channels[r->channel];
	struct frame_header header = {
		.flags = FRAME_REPLY, .op = (uint16_t)(r->op - op_desc(0)), .id = r->id, .api_id = r->api_id
	};
	struct reply_header *head = (struct reply_header *)frame.body;
	size_t len = 0, nfds = 0;
	int e;

	if (c->fd < 0 || c->generation != r->generation)
		return;
	memset(head, 0, sizeof(*head));
	head->status = status;
	memcpy(head->stage, r->stage, sizeof(head->stage));
	memcpy(head->rule, r->rule, sizeof(head->rule));
	if (status == 0) {
		e = message_encode(&r->op->rep, rep, frame.body + sizeof(*head), sizeof(frame.body) - sizeof(*head),
				   &len, frame.fds, FRAME_FDS_MAX, &nfds);
		if (e < 0) {
			log_error("reply of %s does not fit its declaration", r->op->name);
			head->status = e;
			len = nfds = 0;
		}
	}
	e = frame_send(c->fd, &header, frame.body, sizeof(*head) + len, frame.fds, nfds, MSG_DONTWAIT);
	/* Who does not read answers does not get to hold the helper. */
	if (e < 0)
		channel_end(h, r->channel, e == -EPIPE ? NULL : "its replies are not read");
}

/* Outcome first: when the asker knows, the log knows. */
static void conclude(struct request *r, int status, void *rep)
{
	if (r->op->class != CLASS_PRIVATE)
		audit_outcome(r->helper->audit, r, status, rep);
	send_reply(r->helper, r, status, rep);
}

void request_reply(struct request *r, int status, void *rep)
{
	union any_message none;

	if (!rep) {
		message_init(&r->op->rep, &none);
		rep = &none;
	}
	conclude(r, status, rep);
}

static int run_limit(struct request *r)
{
	const struct req_base_limit *req = r->req;
	struct rep_base_limit *rep = r->rep;
	struct server_channel *c = &r->helper->channels[r->channel];

	c->rights &= req->mask;
	if (c->primary)
		r->helper->keep->rights = c->rights;
	rep->mask = c->rights;
	return 0;
}

static int channel_add(struct helper *h, int fd, uint64_t rights, bool primary)
{
	for (unsigned i = 0; i < CHANNELS_MAX; i++) {
		struct server_channel *c = &h->channels[i];

		if (c->fd >= 0)
			continue;
		c->fd = fd;
		c->rights = rights;
		c->primary = primary;
		c->generation++;
		return 0;
	}
	return -EMFILE;
}

static int run_derive(struct request *r)
{
	const struct req_base_derive *req = r->req;
	struct rep_base_derive *rep = r->rep;
	int pair[2], e = pass_pair(pair);

	if (e < 0)
		return request_fail(r, e, "socketpair");
	e = channel_add(r->helper, pair[0], r->helper->channels[r->channel].rights & req->mask, false);
	if (e < 0) {
		close_fd(pair[0]);
		close_fd(pair[1]);
		return request_fail(r, e, "channels");
	}
	rep->channel = pair[1];
	return 0;
}

static int run_handler(struct request *r)
{
	const struct helper_def *def = r->helper->def;
	unsigned op = (unsigned)(r->op - op_desc(0));

	if (op == OP_BASE_LIMIT)
		return run_limit(r);
	if (op == OP_BASE_DERIVE)
		return run_derive(r);
	for (size_t i = 0; i < def->nhandlers; i++)
		if (def->handlers[i].op == op)
			return def->handlers[i].run(r);
	return request_fail(r, -EOPNOTSUPP, "handler");
}

/* Who asks, as the kernel says; inside the range namespace uids outside show as the overflow id, and audit's own
 * reading (audit_intent) takes their place. */
static int prove_client(struct request *r)
{
	const struct policy_common *policy = r->helper->policy;
	const char *rule;
	int e;

	if (!r->has_client)
		return 0;
	e = peer_prove(r->client_fd, policy->sockets, &r->client);
	if (e < 0) {
		r->client_fd = -EBADF; /* an unproven client stands in no record */
		return request_fail(r, e, "client");
	}
	r->client_rights = policy_rights(policy, &r->client, &rule);
	return 0;
}

static int check_rights(struct request *r)
{
	if (r->op->rights == RIGHTS_NONE || (r->has_client && r->client_rights >= r->op->rights))
		return 0;
	request_rule(r, "users");
	return request_fail(r, -EPERM, r->has_client ? "client rights" : "no client");
}

static void process(struct request *r)
{
	const char *field = "";
	int e = prove_client(r);

	if (e == 0) {
		e = message_prove_fds(&r->op->req, r->req, &field);
		if (e < 0)
			request_fail(r, e, field);
	}
	if (r->op->class != CLASS_PRIVATE) {
		int written = audit_intent(r->helper->audit, r, &r->sequence);

		if (written < 0) {
			/* Nothing happens that is not on file. */
			send_reply(r->helper, r, request_fail(r, written == -EBADMSG ? -EIO : written, "audit"), NULL);
			return;
		}
	}
	if (e == 0)
		e = check_rights(r);
	if (e == 0)
		e = run_handler(r);
	if (e == 0 && r->deferred)
		return;
	conclude(r, e, r->rep);
}

static const struct op_desc *permitted(struct helper *h, const struct server_channel *c, const struct frame *f)
{
	const struct op_desc *desc = op_desc(f->h.op);

	if (!desc || (f->h.flags & ~FRAME_CLIENT) || !(c->rights & op_bit(f->h.op)))
		return NULL;
	return desc->helper == h->def->id || desc->helper == HELPER_COUNT ? desc : NULL;
}

static void serve(struct helper *h, unsigned i)
{
	struct server_channel *c = &h->channels[i];
	struct request r = { .helper = h, .channel = i, .client_fd = -EBADF };
	uint8_t container[ID_BYTES];
	unsigned client;
	int e;

	e = frame_receive(c->fd, &frame, MSG_DONTWAIT);
	if (e == -EAGAIN)
		return;
	if (e < 0) {
		channel_end(h, i, e == -ENODATA ? NULL : "malformed frame");
		return;
	}
	client = (frame.h.flags & FRAME_CLIENT) ? 1 : 0;
	r.op = permitted(h, c, &frame);
	if (!r.op || client > frame.h.nfds ||
	    message_decode(&r.op->req, frame.body, frame.h.length, frame.fds + client, frame.h.nfds - client,
			   &req_buf) < 0) {
		frame_close_fds(&frame);
		channel_end(h, i, r.op ? "malformed request" : "op outside its rights");
		return;
	}
	memcpy(container, frame.h.container, ID_BYTES);
	message_init(&r.op->rep, &rep_buf);
	r.req = &req_buf;
	r.rep = &rep_buf;
	r.api_id = frame.h.api_id;
	r.id = frame.h.id;
	r.generation = c->generation;
	r.container = container;
	r.has_client = client;
	r.client_fd = client ? frame.fds[0] : -EBADF;
	r.started_ns = clock_ns();
	int client_fd = r.client_fd; /* process may put it aside */

	process(&r);
	close_fd(client_fd);
	message_close_fds(&r.op->req, &req_buf);
	message_close_fds(&r.op->rep, &rep_buf);
}

int helper_poll_add(struct helper *h, int fd, short events, void (*ready)(struct helper *, int, short, void *),
		    void *data)
{
	if (h->npolls == POLLS_MAX)
		return -EMFILE;
	h->polls[h->npolls++] = (struct helper_poll){ fd, events, ready, data };
	return 0;
}

void helper_poll_remove(struct helper *h, int fd)
{
	for (unsigned i = 0; i < h->npolls; i++)
		if (h->polls[i].fd == fd) {
			h->polls[i] = h->polls[--h->npolls];
			return;
		}
}

static int map_keep(struct helper *h)
{
	void *p;
	int r = fd_map(FD_KEEP, sizeof(struct keep), PROT_READ | PROT_WRITE, &p);

	if (r < 0)
		return r;
	h->keep = p;
	if (h->keep->magic != KEEP_MAGIC) {
		h->keep->magic = KEEP_MAGIC;
		h->keep->rights = UINT64_MAX;
	} else {
		h->keep->restarts++;
	}
	return 0;
}

static int start(struct helper *h)
{
	const struct helper_def *def = h->def;
	const struct policy_common *common;
	int e;

	e = sandbox_start(def->keep_privs);
	if (e < 0)
		return e;
	e = policy_map(FD_POLICY, def->policy_size, &h->policy);
	if (e < 0)
		return e;
	common = h->policy;
	fd_proofs_use(&common->devs);
	e = map_keep(h);
	if (e < 0)
		return e;
	/* What the controller gave up stays given up. */
	e = channel_add(h, FD_CHANNEL, (def->controller_rights | CHANNEL_OPS) & h->keep->rights, true);
	for (unsigned i = 0; i < def->nprivate && e == 0; i++)
		e = channel_add(h, FD_OWN + (int)i, def->private_rights[i], false);
	if (e == 0 && def->start)
		e = def->start(h);
	if (e == 0 && def->syscalls)
		e = sandbox_seccomp(def->syscalls, def->nsyscalls);
	return e;
}

static void loop(struct helper *h)
{
	static struct pollfd p[CHANNELS_MAX + POLLS_MAX];

	while (!h->stopping) {
		size_t n = 0;

		for (unsigned i = 0; i < CHANNELS_MAX; i++)
			p[n++] = (struct pollfd){ .fd = h->channels[i].fd, .events = POLLIN };
		for (unsigned i = 0; i < h->npolls; i++)
			p[n++] = (struct pollfd){ .fd = h->polls[i].fd, .events = h->polls[i].events };
		if (poll(p, n, -1) < 0) {
			if (errno == EINTR)
				continue;
			break;
		}
		/* Callbacks may change the list: look each fd up again. */
		for (size_t k = CHANNELS_MAX; k < n; k++)
			for (unsigned i = 0; p[k].revents && i < h->npolls; i++)
				if (h->polls[i].fd == p[k].fd) {
					h->polls[i].ready(h, p[k].fd, p[k].revents, h->polls[i].data);
					break;
				}
		for (unsigned i = 0; i < CHANNELS_MAX; i++)
			if (p[i].revents && h->channels[i].fd == p[i].fd && h->channels[i].fd >= 0)
				serve(h, i);
	}
}

int helper_run(const struct helper_def *def, int argc, char **argv)
{
	static struct server_channel channels[CHANNELS_MAX];
	static struct helper_poll polls[POLLS_MAX];
	struct helper h = {
		.def = def, .audit = FD_AUDIT, .channels = channels, .polls = polls, .argc = argc, .argv = argv
	};
	char program[32];
	int e;

	text_format(program, sizeof(program), "postern-%s", helper_name(def->id));
	log_init(program, LOG_LEVEL_INFO);
	for (unsigned i = 0; i < CHANNELS_MAX; i++)
		channels[i].fd = -EBADF;
	if (def->ctx_size) {
		h.ctx = calloc(1, def->ctx_size);
		if (!h.ctx)
			return 1;
	}
	e = start(&h);
	if (e < 0) {
		log_error("start: %s", strerror(-e));
		return 1;
	}
	loop(&h);
	if (def->stop)
		def->stop(&h);
	return 0;
}
