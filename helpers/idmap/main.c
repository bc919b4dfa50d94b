/* postern-idmap - gives container user namespaces their ids, and mount the tables that translate files to them.
 *
 * Its CAP_SETUID and CAP_SETGID hold only inside the range namespace, which maps the container ranges and a few ids of
 * the engine's own and nothing else of the host: a line for any other id fails in the kernel, whoever writes it.
 * Landlock leaves it /proc alone; ptrace of processes outside its domain (and so /proc/PID/mem, /proc/PID/ns) is denied
 * by it too.
 *
 * The namespace that MAP maps is the one of the passed /proc/PID. That it is ours needs no trust in the controller: the
 * kernel lets a whole range be written only by the effective uid that owns the namespace (IDS_OWNER) from the parent
 * namespace (the range namespace), once. The passed userns fd is proven the same way, so that an alien one is refused
 * by name.
 *
 * Input: numbers from the controller, bounded by policy and by what was given out; fds, proven. */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <signal.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/fd.h"
#include "../base/log.h"
#include "../base/sandbox.h"
#include "../protocol/call.h"
#include "../protocol/server.h"
#include "idmap.h"

enum { FD_MOUNT = FD_OWN, FD_RANGE_NS = FD_OWN + 1 };

struct ctx {
	int proc;
	uint32_t call_id;
	struct live live; /* of the last scan */
	struct live marked; /* taken only because someone lived there when this helper began */
};

_Static_assert(sizeof(struct ranges) <= sizeof(((struct keep *)0)->own), "the state must outlive a crash");

static const struct policy_idmap *policy_of(struct request *r)
{
	return r->helper->policy;
}

static struct ranges *ranges_of(struct helper *h)
{
	return (struct ranges *)h->keep->own;
}

/* The effective uid changes while maps are written; the kernel then forgets the death signal (prctl(2)). */
static int become(uid_t euid)
{
	if (syscall(SYS_setresuid, -1, euid, -1) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return -errno;
	return 0;
}

static int read_small(int dir, const char *name, char *buf, size_t size)
{
	_cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, size - 1);

	if (n < 0)
		return -errno;
	buf[n] = '\0';
	return 0;
}

/* The first line tells whose it is: the kernel takes a map whole. */
static int check_map(int proc, const char *name, uint32_t base, uint32_t size)
{
	unsigned inside, outside, count;
	char text[128];
	int e = read_small(proc, name, text, sizeof(text));

	if (e < 0)
		return e;
	if (sscanf(text, "%u %u %u", &inside, &outside, &count) != 3 || inside != 0 || outside != base || count != size)
		return -EIO;
	return 0;
}

/* As the owner of the namespace, and only for these two files. */
static int write_maps(struct request *r, int proc, uint32_t base)
{
	const struct policy_common *policy = &policy_of(r)->common;
	char map[POLICY_MAP_TEXT];
	int e, back;

	policy_map_format(policy, 0, base, map);
	e = become(policy_id(policy, IDS_OWNER));
	if (e < 0)
		return e;
	e = file_write_at(proc, "uid_map", map);
	if (e == 0)
		e = file_write_at(proc, "gid_map", map);
	back = become(policy_id(policy, HELPER_IDMAP));
	if (back < 0) {
		log_error("cannot leave the owner's uid");
		r->helper->stopping = true;
		return back;
	}
	if (e == 0)
		e = check_map(proc, "uid_map", base, policy->map[0].count);
	if (e == 0)
		e = check_map(proc, "gid_map", base, policy->map[0].count);
	return e;
}

/* Makes the mapping and hands it to mount, over a socket that the controller has no end of. Where ids on disk are what
 * containers see, the ticket comes without one. */
static int give_mapping(struct request *r, struct req_mount_mapping *m, const char *uids, const char *gids)
{
	struct ctx *c = r->helper->ctx;
	struct call_options options = {
		.id = ++c->call_id, .api_id = r->api_id, .container = r->container, .client = -1
	};
	bool as_is = policy_of(r)->common.ids_shared;
	_cleanup_close_ int ns = as_is ? -EBADF : mapping_create(c->proc, uids, gids);
	struct rep_mount_mapping rep;
	int e;

	if (ns < 0 && !as_is)
		return request_fail(r, ns, "mapping");
	m->userns = ns;
	e = call(FD_MOUNT, OP_MOUNT_MAPPING, m, &rep, &options, NULL);
	return e < 0 ? request_fail(r, e, "mount") : 0;
}

static int give_store(struct request *r, uint64_t ticket, uint32_t base)
{
	struct req_mount_mapping mapping = { .ticket = ticket, .what = MAPPING_STORE, .base = base };
	struct extent extents[EXTENTS_MAX];
	char text[EXTENTS_TEXT_MAX];

	mapping_format(extents, mapping_extents(base, false, 0, 0, extents), text);
	return give_mapping(r, &mapping, text, text);
}

static int take_range(struct request *r)
{
	const struct policy_idmap *policy = policy_of(r);
	struct ranges *ranges = ranges_of(r->helper);
	struct ctx *c = r->helper->ctx;
	int index = ranges_take(ranges, &c->live, &c->marked, policy->max_ranges), e;

	if (index >= 0)
		return index;
	/* All were given out once since it was last read, or too many are: what is free, /proc knows. */
	e = live_scan(c->proc, ranges, &c->live);
	if (e < 0)
		return request_fail(r, e, "scan");
	if (index == -EDQUOT)
		ranges_reclaim(ranges, &c->live);
	ranges_unmark(ranges, &c->live, &c->marked);
	ranges_learn(ranges, &c->live);
	index = ranges_take(ranges, &c->live, &c->marked, policy->max_ranges);
	if (index < 0) {
		request_rule(r, "idmap.max_ranges");
		return request_fail(r, -EDQUOT, "range");
	}
	return index;
}

static int run_map(struct request *r)
{
	const struct req_idmap_map *req = r->req;
	struct rep_idmap_map *rep = r->rep;
	struct ranges *ranges = ranges_of(r->helper);
	char text[EXTENTS_TEXT_MAX] = "";
	int e, index;

	e = userns_prove(req->userns, FD_RANGE_NS, policy_id(&policy_of(r)->common, IDS_OWNER));
	if (e < 0)
		return request_fail(r, -EPERM, "userns");
	/* Only process directories have the file; a namespace is mapped once. */
	e = read_small(req->proc, "uid_map", text, sizeof(text));
	if (e < 0)
		return request_fail(r, -EPERM, "proc");
	if (text[0] != '\0')
		return request_fail(r, -EPERM, "mapped");
	index = take_range(r);
	if (index < 0)
		return index;
	rep->base = ranges->first + (uint32_t)index * RANGE_STRIDE;
	e = give_store(r, req->ticket, rep->base);
	if (e == 0) {
		e = write_maps(r, req->proc, rep->base);
		if (e < 0)
			request_fail(r, e, "map");
	}
	if (e < 0) {
		ranges_give(ranges, (uint32_t)index);
		return e;
	}
	return 0;
}

static int run_owner(struct request *r)
{
	const struct req_idmap_owner *req = r->req;
	const struct policy_idmap *policy = policy_of(r);
	struct req_mount_mapping mapping = {
		.ticket = req->ticket,
		.what = MAPPING_OWNER,
		.base = req->base,
		.run_uid = req->run_uid,
		.owner_uid = req->owner_uid,
	};
	char uids[EXTENTS_TEXT_MAX], gids[EXTENTS_TEXT_MAX];
	struct extent extents[EXTENTS_MAX];
	bool has_gid;

	if (ranges_find(ranges_of(r->helper), req->base) < 0)
		return request_fail(r, -ENOENT, "range");
	/* Showing root's or a system user's files as the container's own would let it write set-id files of that
	 * user. */
	if (!policy_owner_ordinary(&policy->common, req->owner_uid, policy->owner_uid_first)) {
		request_rule(r, "idmap.owner_uid_first");
		return request_fail(r, -EPERM, "owner");
	}
	has_gid = policy_owner_ordinary(&policy->common, req->owner_gid, policy->owner_gid_first);
	mapping_format(extents, mapping_extents(req->base, true, req->owner_uid, req->run_uid, extents), uids);
	mapping_format(extents, mapping_extents(req->base, has_gid, req->owner_gid, req->run_gid, extents), gids);
	return give_mapping(r, &mapping, uids, gids);
}

/* As at MAP, for a range that is in use: whoever may start a container in a fresh one gains nothing by a second
 * mapping. */
static int run_store(struct request *r)
{
	const struct req_idmap_store *req = r->req;

	if (ranges_find(ranges_of(r->helper), req->base) < 0)
		return request_fail(r, -ENOENT, "range");
	return give_store(r, req->ticket, req->base);
}

/* No proof is asked for here: a range that was given out once is given again only when all others were, too, and /proc
 * showed no process with an id of it after that (take_range). A controller that lies gains nothing. */
static int run_release(struct request *r)
{
	const struct req_idmap_release *req = r->req;
	struct ranges *ranges = ranges_of(r->helper);
	int index = ranges_find(ranges, req->base);

	if (index < 0)
		return request_fail(r, index, "range");
	ranges_give(ranges, (uint32_t)index);
	return 0;
}

static int idmap_start(struct helper *h)
{
	const struct policy_common *common = h->policy;
	struct ranges *ranges = ranges_of(h);
	struct ctx *c = h->ctx;
	struct sandbox_dir dir;
	uint32_t seed[2];
	int e;

	signal(SIGCHLD, SIG_IGN);
	/* The call ids differ from those of a predecessor, whose answers may still come. */
	if (getrandom(seed, sizeof(seed), 0) != sizeof(seed))
		return -EIO;
	c->call_id = seed[0];
	if (ranges->count == 0)
		ranges_init(ranges, common->range_first, common->range_last, seed[1]);
	ranges->shared = common->ids_shared;
	if (ranges->count == 0)
		return -EINVAL;
	c->proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (c->proc < 0)
		return -errno;
	e = live_scan(c->proc, ranges, &c->live);
	if (e < 0)
		return e;
	ranges_mark(ranges, &c->live, &c->marked);
	ranges_learn(ranges, &c->live);
	dir = (struct sandbox_dir){
		c->proc, LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_DIR,
	};
	return sandbox_landlock(&dir, 1, NULL);
}

/* setresuid without setresgid: no gid is ever taken; no execve, no kill, no socket but socketpair. */
static const int syscalls[] = {
	SYS_clone3, SYS_openat, SYS_getdents64, SYS_close_range, SYS_prctl, SYS_setresuid,
};

static const struct handler handlers[] = {
	{ OP_IDMAP_MAP, run_map },
	{ OP_IDMAP_OWNER, run_owner },
	{ OP_IDMAP_STORE, run_store },
	{ OP_IDMAP_RELEASE, run_release },
};

int main(int argc, char **argv)
{
	const struct helper_def def = {
		.id = HELPER_IDMAP,
		.handlers = handlers,
		.nhandlers = ARRAY_SIZE(handlers),
		.policy_size = sizeof(struct policy_idmap),
		.ctx_size = sizeof(struct ctx),
		.start = idmap_start,
		.syscalls = syscalls,
		.nsyscalls = ARRAY_SIZE(syscalls),
		.controller_rights = op_bit(OP_IDMAP_MAP) | op_bit(OP_IDMAP_OWNER) | op_bit(OP_IDMAP_STORE) |
				     op_bit(OP_IDMAP_RELEASE),
	};

	return helper_run(&def, argc, argv);
}
