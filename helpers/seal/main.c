/* postern-seal - locks the flags of mounts for good.
 *
 * Who owns the user namespace of a mount namespace may clear read-only, nosuid and nodev on mounts attached there. Not
 * on ones that came from a greater user namespace into a lesser one: so seal, which has no privilege on the host, makes
 * two namespaces of its own, one below the other, attaches the mounts in the first and has them cloned in the second
 * (stage.c, inner.c).
 *
 * Input: detached mounts from mount, its only peer. Nothing else reaches it; a plain path fd is no detached mount and
 * cannot be attached without a privilege over its namespace, which seal has not. */
#include <errno.h>
#include <linux/capability.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/fd.h"
#include "../base/log.h"
#include "../base/sandbox.h"
#include "../protocol/server.h"
#include "seal.h"

enum { CLEAR_MS = 10 };

struct ctx {
	int inner;
	int timer; /* runs while anything is on the stage */
	unsigned used; /* slots */
};

/* Clearing waits for the kernel, and whoever asks us waits for us: so it is done when the slots have run out, or a
 * little after the first was used. */
static int clear(struct helper *h)
{
	struct ctx *c = h->ctx;
	int e = stage_clear();

	c->used = 0;
	if (e < 0) {
		log_error("the stage cannot be cleared");
		h->stopping = true;
	}
	return e;
}

static void on_timer(struct helper *h, int fd, short revents, void *data)
{
	uint64_t ticks;

	if (read(fd, &ticks, sizeof(ticks)) == sizeof(ticks))
		clear(h);
}

static int open_slots(struct helper *h, unsigned n)
{
	const struct itimerspec soon = { .it_value.tv_nsec = CLEAR_MS * 1000000 };
	struct ctx *c = h->ctx;
	int e;

	if (c->used > SLOTS - n) {
		e = clear(h);
		if (e < 0)
			return e;
	}
	if (c->used == 0 && timerfd_settime(c->timer, 0, &soon, NULL) < 0)
		return -errno;
	return stage_open();
}

static int attach_all(struct request *r, unsigned char is_dir[SLOTS])
{
	const struct ctx *c = r->helper->ctx;
	const struct req_seal_seal *req = r->req;
	struct fd_id id;
	int e;

	for (unsigned i = 0; i < req->mounts.n; i++) {
		e = fd_identify(req->mounts.fd[i], &id);
		if (e < 0)
			return request_fail(r, e, "object");
		is_dir[i] = S_ISDIR(id.mode) ? 1 : 0;
		e = stage_attach(c->used + i, req->mounts.fd[i], is_dir[i]);
		if (e < 0)
			return request_fail(r, e, "attach");
	}
	return 0;
}

static int run_seal(struct request *r)
{
	const struct req_seal_seal *req = r->req;
	struct rep_seal_seal *rep = r->rep;
	struct ctx *c = r->helper->ctx;
	unsigned char is_dir[SLOTS];
	int e;

	e = open_slots(r->helper, req->mounts.n);
	if (e < 0)
		return request_fail(r, e, "stage");
	e = attach_all(r, is_dir);
	if (e == 0) {
		e = inner_clone(c->inner, c->used, req->mounts.n, is_dir, rep->mounts.fd);
		if (e == -ENODATA)
			r->helper->stopping = true;
		if (e < 0)
			request_fail(r, e, "clone");
		else
			rep->mounts.n = req->mounts.n;
	}
	c->used += req->mounts.n;
	return e;
}

static void inner_ended(struct helper *h, int fd, short revents, void *data)
{
	log_error("the inner process has ended");
	h->stopping = true;
}

static int seal_start(struct helper *h)
{
	struct ctx *c = h->ctx;
	int e;

	e = stage_enter();
	if (e < 0)
		return e;
	e = sandbox_caps_set(CAP_BIT(CAP_SYS_ADMIN)); /* over its own namespaces */
	if (e < 0)
		return e;
	c->inner = inner_start();
	if (c->inner < 0)
		return c->inner;
	c->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (c->timer < 0)
		return -errno;
	e = helper_poll_add(h, c->timer, POLLIN, on_timer, NULL);
	return e < 0 ? e : helper_poll_add(h, c->inner, POLLIN, inner_ended, NULL);
}

static const int syscalls[] = { SYS_open_tree, SYS_move_mount, SYS_umount2, SYS_timerfd_settime };

static const struct handler handlers[] = {
	{ OP_SEAL_SEAL, run_seal },
};

int main(int argc, char **argv)
{
	const struct helper_def def = {
		.id = HELPER_SEAL,
		.handlers = handlers,
		.nhandlers = ARRAY_SIZE(handlers),
		.policy_size = sizeof(struct policy_common),
		.ctx_size = sizeof(struct ctx),
		.start = seal_start,
		.syscalls = syscalls,
		.nsyscalls = ARRAY_SIZE(syscalls),
		.controller_rights = op_bit(OP_SEAL_SEAL),
	};

	return helper_run(&def, argc, argv);
}
