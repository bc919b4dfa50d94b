/* main.c - postern-cgroup: creates, limits, freezes, kills, counts and removes containers' cgroups.
 *
 * It has no capability: its uid owns the delegated roots (fd 7 version 2, --v1=NAME:FD the others) and nothing else.
 * Who owns a subtree can kill and freeze anything in it; therefore the engine's own programs live beside it, and every
 * op names a container by id, never a path: it acts only on directories that it made (a table, filled again from the
 * directories that it owns after a restart). Policy bounds what may be asked; nothing here waits: freezing and removing
 * are answered when the kernel says so (cgroup.events), or after WAIT_MS. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <linux/landlock.h>

#include "../base/cleanup.h"
#include "../base/fd.h"
#include "../base/log.h"
#include "../base/sandbox.h"
#include "../base/text.h"
#include "../protocol/server.h"
#include "cgroup.h"

enum { WAIT_MS = 2000, WAIT_STEP_MS = 20, WAITS_MAX = 256, LIST_MAX = 512 };

enum wait_for { WAIT_FREE, WAIT_THAWED, WAIT_FROZEN, WAIT_REMOVED };

/* A request whose answer the kernel still owes. */
struct wait {
	enum wait_for what; /* WAIT_FREE: not in use */
	int events, timer; /* cgroup.events; ticks for what has no event */
	unsigned ticks;
	uint8_t id[ID_BYTES], container[ID_BYTES];
	struct request request; /* a copy; its container is the one here */
};

struct ctx {
	struct roots roots;
	unsigned nids, nwaits;
	uint8_t ids[CONTAINERS_MAX][ID_BYTES];
	char parents[CONTAINERS_MAX][PARENT_MAX + 1]; /* of each */
	struct wait *waits[WAITS_MAX];
};

static const struct policy_cgroup *policy(const struct helper *h)
{
	return h->policy;
}

static int id_find(const struct ctx *c, const uint8_t *id)
{
	for (unsigned i = 0; i < c->nids; i++)
		if (memcmp(c->ids[i], id, ID_BYTES) == 0)
			return (int)i;
	return -ENOENT;
}

static int id_add(void *data, const char *parent, const uint8_t *id)
{
	struct ctx *c = data;

	if (c->nids == CONTAINERS_MAX)
		return -EDQUOT;
	snprintf(c->parents[c->nids], sizeof(c->parents[0]), "%s", parent);
	memcpy(c->ids[c->nids++], id, ID_BYTES);
	return 0;
}

static void id_forget(struct ctx *c, const uint8_t *id)
{
	int i = id_find(c, id);

	if (i < 0)
		return;
	memcpy(c->ids[i], c->ids[--c->nids], ID_BYTES);
	memmove(c->parents[i], c->parents[c->nids], sizeof(c->parents[0]));
}

static const char *parent_of(const struct ctx *c, const uint8_t *id)
{
	int i = id_find(c, id);

	return i < 0 ? "" : c->parents[i];
}

/* Only what we made can be opened, whatever the request names. */
static int open_known(struct request *r, const uint8_t *id, struct group *ret)
{
	struct ctx *c = r->helper->ctx;
	int err = id_find(c, id);

	if (err >= 0)
		err = group_open(&c->roots, parent_of(c, id), id, ret);
	return err < 0 ? request_fail(r, err, "open") : 0;
}

#define _cleanup_group_ __attribute__((cleanup(group_close)))
#define GROUP_INIT { .v2 = GROUP_NONE, .v1 = { [0 ... CGROUP_V1_MAX - 1] = GROUP_NONE } }

/* Default and bound of one limit. */
static int bound(struct request *r, uint64_t *value, uint64_t most, uint64_t normal, bool is_new, const char *rule)
{
	if (*value == UNSET && is_new)
		*value = normal < most ? normal : most;
	if (*value == UNSET || *value <= most)
		return 0;
	request_rule(r, rule);
	return request_fail(r, -EPERM, "policy");
}

static int limits_of(struct request *r, const void *first, bool is_new, struct limits *ret)
{
	const struct policy_cgroup *p = policy(r->helper);
	int err;

	memcpy(ret, first, sizeof(*ret));
	err = bound(r, &ret->memory_max, p->memory_max, p->memory_default, is_new, "memory_max");
	return err < 0 ? err : bound(r, &ret->pids_max, p->pids_max, p->pids_default, is_new, "pids_max");
}

/* CREATE and UPDATE declare the same fields in the same order behind the id. */
#define LIMITS_AT(type) offsetof(struct type, memory_max)
static_assert(LIMITS_AT(req_cgroup_create) + sizeof(struct limits) <= sizeof(struct req_cgroup_create), "create");
static_assert(LIMITS_AT(req_cgroup_update) + sizeof(struct limits) <= sizeof(struct req_cgroup_update), "update");
static_assert(offsetof(struct req_cgroup_create, cpuset_mems) - LIMITS_AT(req_cgroup_create) ==
	      offsetof(struct limits, cpuset_mems), "layout");

static void give_fds(const struct roots *roots, struct group *g, int *v2, uint32_t *n, int *v1)
{
	*v2 = TAKE_FD(g->v2);
	*n = roots->nv1;
	for (unsigned i = 0; i < roots->nv1; i++)
		v1[i] = TAKE_FD(g->v1[i]);
}

static uint64_t cgroup_id(int dir)
{
	struct fd_id id;

	return fd_identify(dir, &id) < 0 ? 0 : id.ino;
}

static int cgroup_create(struct request *r)
{
	const struct req_cgroup_create *req = r->req;
	struct rep_cgroup_create *rep = r->rep;
	struct ctx *c = r->helper->ctx;
	_cleanup_group_ struct group g = GROUP_INIT;
	struct limits limits;
	const char *step;
	int err;

	err = limits_of(r, (const char *)req + LIMITS_AT(req_cgroup_create), true, &limits);
	if (err < 0)
		return err;
	if (c->nids >= policy(r->helper)->max_containers || c->nids == CONTAINERS_MAX) {
		request_rule(r, "max_containers");
		return request_fail(r, -EDQUOT, "policy");
	}
	if (id_find(c, req->container) >= 0)
		return request_fail(r, -EEXIST, "table");
	/* The name is our hex of 32 bytes in a directory that only we own: it can be nobody else's. */
	if (!parent_valid(req->parent))
		return request_fail(r, -EINVAL, "parent");
	err = group_create(&c->roots, req->parent, req->container, &g, &step);
	if (err < 0)
		return request_fail(r, err, step);
	err = limits_apply(&c->roots, &g, &limits, &rep->unsupported, &step);
	if (err < 0) {
		group_remove(&c->roots, req->parent, req->container);
		return request_fail(r, err, step);
	}
	id_add(c, req->parent, req->container);
	rep->cgroup_id = cgroup_id(g.v2);
	give_fds(&c->roots, &g, &rep->v2, &rep->v1.n, rep->v1.fd);
	return 0;
}

static int cgroup_update(struct request *r)
{
	const struct req_cgroup_update *req = r->req;
	struct rep_cgroup_update *rep = r->rep;
	struct ctx *c = r->helper->ctx;
	_cleanup_group_ struct group g = GROUP_INIT;
	struct limits limits;
	const char *step;
	int err;

	err = limits_of(r, (const char *)req + LIMITS_AT(req_cgroup_update), false, &limits);
	if (err == 0)
		err = open_known(r, req->container, &g);
	if (err < 0)
		return err;
	err = limits_apply(&c->roots, &g, &limits, &rep->unsupported, &step);
	return err < 0 ? request_fail(r, err, step) : 0;
}

static int cgroup_open(struct request *r)
{
	const struct req_cgroup_open *req = r->req;
	struct rep_cgroup_open *rep = r->rep;
	struct ctx *c = r->helper->ctx;
	_cleanup_group_ struct group g = GROUP_INIT;
	int err = open_known(r, req->container, &g);

	if (err < 0)
		return err;
	rep->cgroup_id = cgroup_id(g.v2);
	give_fds(&c->roots, &g, &rep->v2, &rep->v1.n, rep->v1.fd);
	return 0;
}

static int cgroup_kill(struct request *r)
{
	const struct req_cgroup_kill *req = r->req;
	_cleanup_group_ struct group g = GROUP_INIT;
	int err = open_known(r, req->container, &g);

	if (err < 0)
		return err;
	/* Reaches forks that race with it and frozen processes; in every kernel since 5.14. */
	err = file_write_at(g.v2, "cgroup.kill", "1");
	return err < 0 ? request_fail(r, err, "cgroup.kill") : 0;
}

static int cgroup_stat(struct request *r)
{
	const struct req_cgroup_stat *req = r->req;
	struct ctx *c = r->helper->ctx;
	_cleanup_group_ struct group g = GROUP_INIT;
	int err = open_known(r, req->container, &g);

	if (err < 0)
		return err;
	usage_read(&c->roots, &g, r->rep);
	return 0;
}

static int cgroup_list(struct request *r)
{
	const struct req_cgroup_list *req = r->req;
	struct rep_cgroup_list *rep = r->rep;
	struct ctx *c = r->helper->ctx;

	for (unsigned i = req->skip; i < c->nids && rep->containers.n < LIST_MAX; i++)
		memcpy(rep->containers.id[rep->containers.n++], c->ids[i], ID_BYTES);
	rep->limits = limits_supported(&c->roots);
	return 0;
}

/* --- what is answered later ---------------------------------------------------------------------------------- */

/* 1 when it is so, 0 not yet, or -errno. */
static int wait_step(struct ctx *c, const struct wait *w)
{
	int r;

	if (w->what != WAIT_REMOVED) {
		r = group_event(w->events, "frozen");
		return r < 0 ? r : r == (w->what == WAIT_FROZEN);
	}
	r = group_event(w->events, "populated");
	/* -ENODEV: the directory went away; version 1 may still have its part. */
	if (r == 1)
		return 0;
	r = group_remove(&c->roots, parent_of(c, w->id), w->id);
	if (r < 0)
		return r == -EBUSY || r == -ENOTEMPTY ? 0 : r;
	id_forget(c, w->id);
	return 1;
}

static void wait_end(struct helper *h, struct wait *w, int status)
{
	struct ctx *c = h->ctx;
	union any_message *rep = calloc(1, sizeof(*rep));

	helper_poll_remove(h, w->events);
	helper_poll_remove(h, w->timer);
	close_fd(w->events);
	close_fd(w->timer);
	for (unsigned i = 0; i < c->nwaits; i++)
		if (c->waits[i] == w)
			c->waits[i] = c->waits[--c->nwaits];
	request_reply(&w->request, rep ? status : -ENOMEM, rep);
	free(rep);
	free(w);
}

static void wait_ready(struct helper *h, int fd, short revents, void *data)
{
	struct wait *w = data;
	uint64_t ticks = 0;
	int r = wait_step(h->ctx, w);

	if (fd == w->timer && read(fd, &ticks, sizeof(ticks)) == (ssize_t)sizeof(ticks))
		w->ticks += ticks > WAIT_MS ? WAIT_MS : (unsigned)ticks;
	if (r == 0 && w->ticks >= WAIT_MS / WAIT_STEP_MS)
		r = request_fail(&w->request, w->what == WAIT_REMOVED ? -EBUSY : -ETIMEDOUT, "wait");
	if (r != 0)
		wait_end(h, w, r < 0 ? r : 0);
}

/* Answers at once when it is so already. */
static int wait_start(struct request *r, const struct group *g, const uint8_t *id, enum wait_for what)
{
	static const struct itimerspec tick = { { 0, WAIT_STEP_MS * 1000000 }, { 0, WAIT_STEP_MS * 1000000 } };
	struct ctx *c = r->helper->ctx;
	struct wait now = { .what = what, .timer = -EBADF }, *w;
	int err;

	now.events = openat(g->v2, "cgroup.events", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (now.events < 0)
		return request_fail(r, -errno, "cgroup.events");
	memcpy(now.id, id, ID_BYTES);
	err = wait_step(c, &now);
	if (err == 0 && c->nwaits == WAITS_MAX)
		err = -EAGAIN;
	w = err == 0 ? malloc(sizeof(*w)) : NULL;
	if (!w) {
		close_fd(now.events);
		return err > 0 ? 0 : request_fail(r, err < 0 ? err : -ENOMEM, "wait");
	}
	*w = now;
	w->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	err = w->timer < 0 || timerfd_settime(w->timer, 0, &tick, NULL) < 0 ? -errno : 0;
	if (err == 0)
		err = helper_poll_add(r->helper, w->events, POLLPRI, wait_ready, w);
	if (err == 0) {
		err = helper_poll_add(r->helper, w->timer, POLLIN, wait_ready, w);
		if (err < 0)
			helper_poll_remove(r->helper, w->events);
	}
	if (err < 0) {
		close_fd(w->events);
		close_fd(w->timer);
		free(w);
		return request_fail(r, err, "wait");
	}
	r->deferred = true;
	w->request = *r;
	memcpy(w->container, r->container, ID_BYTES);
	w->request.container = w->container;
	c->waits[c->nwaits++] = w;
	return 0;
}

static int cgroup_freeze(struct request *r)
{
	const struct req_cgroup_freeze *req = r->req;
	_cleanup_group_ struct group g = GROUP_INIT;
	int err = open_known(r, req->container, &g);

	if (err < 0)
		return err;
	err = file_write_at(g.v2, "cgroup.freeze", req->frozen ? "1" : "0");
	if (err < 0)
		return request_fail(r, err, "cgroup.freeze");
	return wait_start(r, &g, req->container, req->frozen ? WAIT_FROZEN : WAIT_THAWED);
}

static int cgroup_remove(struct request *r)
{
	const struct req_cgroup_remove *req = r->req;
	struct ctx *c = r->helper->ctx;
	_cleanup_group_ struct group g = GROUP_INIT;
	int err = id_find(c, req->container);

	if (err < 0)
		return request_fail(r, err, "table");
	err = group_open(&c->roots, parent_of(c, req->container), req->container, &g);
	if (err == 0)
		return wait_start(r, &g, req->container, WAIT_REMOVED);
	/* Half of it is gone, as after a crash: what is left has no process. */
	err = err == -ENOENT ? group_remove(&c->roots, parent_of(c, req->container), req->container) : err;
	if (err < 0)
		return request_fail(r, err, "remove");
	id_forget(c, req->container);
	return 0;
}

/* --- start --------------------------------------------------------------------------------------------------- */

/* "--v1=memory:8", from the launcher. */
static int parse_v1(struct roots *roots, const char *arg)
{
	const char *colon = strrchr(arg, ':');
	uint64_t fd;
	int r;

	if (!colon || roots->nv1 == CGROUP_V1_MAX)
		return -EINVAL;
	r = text_u64(colon + 1, INT32_MAX, &fd);
	if (r == 0)
		r = text_format(roots->v1[roots->nv1].controllers, sizeof(roots->v1[0].controllers), "%.*s",
				(int)(colon - arg), arg);
	if (r == 0)
		r = fd_prove((int)fd, FDK_CGROUP1, NULL);
	if (r == 0)
		roots->v1[roots->nv1++].fd = (int)fd;
	return r;
}

static int fence(const struct roots *roots)
{
	const uint64_t rights = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE |
				LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_MAKE_DIR |
				LANDLOCK_ACCESS_FS_REMOVE_DIR;
	struct sandbox_dir dirs[1 + CGROUP_V1_MAX] = { { roots->v2, rights } };

	for (unsigned i = 0; i < roots->nv1; i++)
		dirs[1 + i] = (struct sandbox_dir){ roots->v1[i].fd, rights };
	return sandbox_landlock(dirs, 1 + roots->nv1, NULL);
}

static int start(struct helper *h)
{
	struct ctx *c = h->ctx;
	int r = 0;

	umask(022); /* spawn searches what we make; modes of the files in it are the kernel's */
	c->roots.v2 = FD_OWN;
	c->roots.uid = geteuid();
	c->roots.join_gid = policy_id(&policy(h)->common, IDS_CGROUP_GID);
	for (int i = 1; r == 0 && i < h->argc; i++)
		if (strncmp(h->argv[i], "--v1=", 5) == 0)
			r = parse_v1(&c->roots, h->argv[i] + 5);
	if (r == 0)
		r = fd_prove(FD_OWN, FDK_CGROUP2, NULL);
	if (r == 0)
		r = roots_prepare(&c->roots);
	if (r == 0)
		r = roots_scan(&c->roots, id_add, c);
	if (r == 0)
		r = fence(&c->roots);
	if (r < 0)
		log_error("delegated cgroup: %s", strerror(-r));
	return r;
}

static const int syscalls[] = {
	SYS_openat, SYS_mkdirat, SYS_unlinkat, SYS_fchmodat, SYS_fchownat, SYS_newfstatat, SYS_getdents64,
	SYS_timerfd_create, SYS_timerfd_settime, SYS_pread64,
};

static const struct handler handlers[] = {
	{ OP_CGROUP_CREATE, cgroup_create }, { OP_CGROUP_UPDATE, cgroup_update }, { OP_CGROUP_OPEN, cgroup_open },
	{ OP_CGROUP_FREEZE, cgroup_freeze }, { OP_CGROUP_KILL, cgroup_kill }, { OP_CGROUP_STAT, cgroup_stat },
	{ OP_CGROUP_REMOVE, cgroup_remove }, { OP_CGROUP_LIST, cgroup_list },
};

int main(int argc, char **argv)
{
	struct helper_def def = {
		.id = HELPER_CGROUP,
		.handlers = handlers,
		.nhandlers = ARRAY_SIZE(handlers),
		.policy_size = sizeof(struct policy_cgroup),
		.ctx_size = sizeof(struct ctx),
		.start = start,
		.syscalls = syscalls,
		.nsyscalls = ARRAY_SIZE(syscalls),
	};

	for (unsigned i = 0; i < ARRAY_SIZE(handlers); i++)
		def.controller_rights |= op_bit(handlers[i].op);
	return helper_run(&def, argc, argv);
}
