/* postern-lookup - turns host paths that policy allows into objects for mount.
 *
 * It holds CAP_DAC_READ_SEARCH, in a private mount namespace (mount's too) where nothing of the host is but policy's
 * bind roots; its seccomp list has no open_by_handle_at, and Landlock refuses every open but O_PATH, so that the
 * capability finds things and reads none. The object goes to mount over a socket of their own; the controller hears
 * only what it is.
 *
 * The client must be proven and the owner of the source, unless it is root, an administrator or policy says otherwise.
 * What a client could not have found by itself is answered as if it were not there.
 *
 * Input: a canonical path from the controller, never trusted; the tree below, whose owners may change it at any
 * time. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/fd.h"
#include "../base/log.h"
#include "../base/sandbox.h"
#include "../base/text.h"
#include "../protocol/call.h"
#include "../protocol/server.h"
#include "lookup.h"

enum {
	FD_MOUNT = FD_OWN,
	FD_PROC = FD_OWN + 1, /* O_PATH directory of a /proc; only for start */
	MOUNTINFO_MAX = 4 << 20,
};

struct ctx {
	int root;
	uint64_t root_dev; /* and of all covers */
	char root_dev_text[32]; /* as in mountinfo */
	int mountinfo; /* of our own mount namespace; reading it again shows it anew */
	uint32_t call_id;
};

/* What policy and owners make of a source; becomes the message to mount. */
struct verdict {
	const char *rule;
	bool readonly, unmapped, suid;
	uint32_t submounts; /* SUBMOUNTS_* */
};

static const char rule_none[] = "none";

static int deny(struct request *r, const char *rule, const char *stage)
{
	request_rule(r, rule);
	return request_fail(r, -EPERM, stage);
}

static bool is_admin(const struct request *r)
{
	return r->client.uid == 0 || r->client_rights >= RIGHTS_ADMIN;
}

static int check_mounts(struct request *r, const struct policy_path *rule, const char *path, struct verdict *v)
{
	struct ctx *c = r->helper->ctx;
	_cleanup_free_ char *text = NULL;
	unsigned flags;
	int e = fd_read_all(c->mountinfo, MOUNTINFO_MAX, &text, NULL);

	if (e < 0)
		return request_fail(r, e, "mountinfo");
	flags = mounts_check(text, path, r->helper->policy, c->root_dev_text);
	if (flags & MOUNTS_REMOTE)
		return request_fail(r, -EOPNOTSUPP, "filesystem");
	if ((flags & MOUNTS_BELOW) && !rule->submounts)
		return deny(r, rule->rule, "submounts");
	v->submounts = (flags & MOUNTS_BELOW ? SUBMOUNTS_HOST : 0) | (flags & MOUNTS_COVERED ? SUBMOUNTS_COVERS : 0);
	return 0;
}

/* Our own state below a source lies under covers that the launcher laid there when it made this mount namespace: empty,
 * and of the file system of our root, which nobody else can put anywhere. They go along into the container and are
 * locked there. Where one is not on top (the state was renamed, or something mounted over it), what holds the state is
 * nobody's. */
static bool own_state_covered(struct request *r, const char *path)
{
	const struct policy_lookup *policy = r->helper->policy;
	const struct ctx *c = r->helper->ctx;

	for (uint32_t i = 0; i < policy->ndenied; i++) {
		struct walk walk = { .client = &r->client };
		_cleanup_close_ int fd = -EBADF;
		struct object o;

		if (!path_below(policy->denied[i], path))
			continue;
		fd = walk_open(c->root, policy->denied[i], &walk, &o);
		if (fd < 0 || o.dev != c->root_dev)
			return false;
	}
	return true;
}

/* A client's own source is shown as the container's own. Root's, the system's, ours and other containers' only as they
 * are and read-only: a container that could write there could leave set-id files of theirs. */
static int check_owner(struct request *r, const struct policy_path *rule, const struct object *o, struct verdict *v)
{
	const struct req_lookup_open *req = r->req;
	const struct policy_lookup *policy = r->helper->policy;

	if (!is_admin(r) && !rule->any_owner && o->uid != r->client.uid)
		return deny(r, rule->rule, "owner");
	v->unmapped = !policy_owner_ordinary(&policy->common, o->uid, policy->owner_uid_first);
	if (v->unmapped && req->writable)
		return deny(r, rule->rule, "owner");
	if (!rule->writable && req->writable)
		return deny(r, rule->rule, "readonly");
	if (!S_ISDIR(o->mode) && !S_ISREG(o->mode) && !S_ISSOCK(o->mode))
		return request_fail(r, -EINVAL, "type");
	/* What was asked for read-only here is never mounted writable. */
	v->readonly = !req->writable;
	v->suid = rule->suid;
	return 0;
}

static int open_bind(struct request *r, struct object *o, struct verdict *v)
{
	const struct req_lookup_open *req = r->req;
	const struct policy_lookup *policy = r->helper->policy;
	const struct policy_path *rule = rules_path(policy, req->path);
	struct ctx *c = r->helper->ctx;
	struct walk walk = { .client = &r->client };
	_cleanup_close_ int fd = -EBADF;
	int e;

	if (rules_denied(policy, req->path) || !own_state_covered(r, req->path))
		return deny(r, "denied", "path");
	if (!rule)
		return deny(r, rule_none, "path");
	e = check_mounts(r, rule, req->path, v);
	if (e < 0)
		return e;
	fd = walk_open(c->root, req->path, &walk, o);
	/* Below a directory that is closed to the client, missing and not its own are one answer. */
	if (walk.hidden && !is_admin(r) && (fd < 0 || o->uid != r->client.uid))
		return deny(r, rule->rule, "owner");
	if (fd < 0)
		return request_fail(r, fd, walk.stage);
	if (o->dev == c->root_dev)
		return deny(r, "denied", "path"); /* a cover, by another name */
	e = check_owner(r, rule, o, v);
	if (e < 0)
		return e;
	v->rule = rule->rule;
	return TAKE_FD(fd);
}

static int open_device(struct request *r, struct object *o, struct verdict *v)
{
	const struct req_lookup_open *req = r->req;
	const struct policy_lookup *policy = r->helper->policy;
	const struct policy_device *rule;
	struct ctx *c = r->helper->ctx;
	struct walk walk = { .client = &r->client };
	_cleanup_close_ int fd = -EBADF;

	if (!rules_device_path(policy, req->path))
		return deny(r, rule_none, "path");
	fd = walk_open(c->root, req->path, &walk, o);
	if (fd < 0)
		return request_fail(r, fd, walk.stage);
	rule = rules_device(policy, req->path, o);
	if (!rule)
		return deny(r, rule_none, "device");
	v->rule = rule->rule;
	v->unmapped = true;
	return TAKE_FD(fd);
}

static int run_open(struct request *r)
{
	const struct req_lookup_open *req = r->req;
	struct rep_lookup_open *rep = r->rep;
	struct ctx *c = r->helper->ctx;
	struct call_options options = {
		.id = ++c->call_id, .api_id = r->api_id, .container = r->container, .client = -1
	};
	struct req_mount_source source = { .ticket = req->ticket, .what = req->what };
	struct verdict v = { 0 };
	struct rep_mount_source none;
	_cleanup_close_ int fd = -EBADF;
	struct object o = { 0 };
	int e;

	fd = req->what == LOOKUP_DEVICE ? open_device(r, &o, &v) : open_bind(r, &o, &v);
	if (fd < 0)
		return fd;
	request_rule(r, v.rule);
	source.readonly = v.readonly;
	source.unmapped = v.unmapped;
	source.suid = v.suid;
	source.submounts = v.submounts;
	source.uid = o.uid;
	source.gid = o.gid;
	source.object = fd;
	e = call(FD_MOUNT, OP_MOUNT_SOURCE, &source, &none, &options, NULL);
	if (e < 0)
		return request_fail(r, e, "mount");
	*rep = (struct rep_lookup_open){
		.mode = o.mode,
		.uid = o.uid,
		.gid = o.gid,
		.unmapped = v.unmapped,
		.rdev_major = o.rdev_major,
		.rdev_minor = o.rdev_minor,
	};
	return 0;
}

static int lookup_start(struct helper *h)
{
	struct ctx *c = h->ctx;
	struct fd_id root;

	if (getrandom(&c->call_id, sizeof(c->call_id), 0) != sizeof(c->call_id))
		return -EIO;
	c->root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	c->mountinfo = openat(FD_PROC, "self/mountinfo", O_RDONLY | O_CLOEXEC);
	if (c->root < 0 || c->mountinfo < 0 || fd_identify(c->root, &root) < 0)
		return -errno;
	c->root_dev = root.dev;
	text_format(c->root_dev_text, sizeof(c->root_dev_text), "%u:%u", (uint32_t)(root.dev >> 32),
		    (uint32_t)root.dev);
	/* From here on no /proc, and nothing can be opened but by O_PATH (which Landlock leaves alone). */
	close_fd(FD_PROC);
	return sandbox_landlock(NULL, 0, NULL);
}

static const int syscalls[] = { SYS_openat };

static const struct handler handlers[] = {
	{ OP_LOOKUP_OPEN, run_open },
};

int main(int argc, char **argv)
{
	const struct helper_def def = {
		.id = HELPER_LOOKUP,
		.handlers = handlers,
		.nhandlers = ARRAY_SIZE(handlers),
		.policy_size = sizeof(struct policy_lookup),
		.ctx_size = sizeof(struct ctx),
		.start = lookup_start,
		.syscalls = syscalls,
		.nsyscalls = ARRAY_SIZE(syscalls),
		.controller_rights = op_bit(OP_LOOKUP_OPEN),
	};

	return helper_run(&def, argc, argv);
}
