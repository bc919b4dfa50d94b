/* postern-mount - detached, id-mapped, sealed mounts for containers.
 *
 * It holds CAP_SYS_ADMIN, in a private mount namespace (lookup's too) where nothing of the host is but policy's bind
 * roots and the store: there is no /etc to clone. It attaches nothing anywhere and opens nothing but by O_PATH
 * (Landlock).
 *
 * Sources come from lookup and mapping namespaces from idmap, each over a socket of its own on which nothing else may
 * be asked; the controller only names them by number. mount cannot read a mapping; so it looks at what the clone shows
 * and refuses when that is not what it has to be. Every clone goes through seal before anyone gets it: its flags are
 * locked then.
 *
 * Input: ids and names from the controller, which stay below the store by their alphabet and by openat2; ticket
 * numbers. The store's tree belongs to layer, and is not trusted to hold no links. */
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "../base/cleanup.h"
#include "../base/log.h"
#include "../base/sandbox.h"
#include "../base/text.h"
#include "../protocol/call.h"
#include "../protocol/server.h"
#include "mount.h"

enum { FD_LOOKUP = FD_OWN, FD_IDMAP, FD_SEAL, FD_STORE, MOUNTS_MAX = LAYERS_MAX + 1 };

struct ctx {
	struct tickets tickets;
	uint32_t call_id;
};

/* Clones of one request, before they are sealed. */
struct batch {
	uint32_t n;
	int fd[MOUNTS_MAX];
};

static void batch_finish(struct batch *b)
{
	for (uint32_t i = 0; i < b->n; i++)
		close_fd(b->fd[i]);
}

static struct ctx *ctx_of(struct request *r)
{
	return r->helper->ctx;
}

/* Fills ret with b->n sealed mounts. seal holds no privilege; that each answer is of the object that was asked is
 * checked, so that one which is taken over cannot pass off something else. */
static int seal(struct request *r, const struct batch *b, int *ret)
{
	struct ctx *c = ctx_of(r);
	struct call_options options = {
		.id = ++c->call_id, .api_id = r->api_id, .container = r->container, .client = -1
	};
	struct req_seal_seal req = { .mounts.n = b->n };
	struct rep_seal_seal rep;
	int e;

	memcpy(req.mounts.fd, b->fd, b->n * sizeof(int));
	e = call(FD_SEAL, OP_SEAL_SEAL, &req, &rep, &options, NULL);
	if (e < 0)
		return request_fail(r, e, "seal");
	e = rep.mounts.n == b->n ? 0 : -EPROTO;
	for (uint32_t i = 0; i < rep.mounts.n && e == 0; i++)
		if (fd_prove(rep.mounts.fd[i], FDK_PATH, NULL) < 0 || !fd_same(rep.mounts.fd[i], b->fd[i]))
			e = -EPROTO;
	if (e < 0) {
		message_close_fds(&op_desc(OP_SEAL_SEAL)->rep, &rep);
		return request_fail(r, e, "seal");
	}
	memcpy(ret, rep.mounts.fd, b->n * sizeof(int));
	return 0;
}

/* One entry of the store: on disk an id of the store's, in the clone the container's. */
static int clone_store(struct request *r, const char *path, const struct ticket *mapping, uint64_t attrs,
		       struct batch *b)
{
	const struct clone_options options = { .userns = mapping->fd, .attrs = attrs };
	const uint32_t store_first = ((const struct policy_mount *)r->helper->policy)->common.store_first;
	_cleanup_close_ int object = store_open(FD_STORE, path), fd = -EBADF;
	struct fd_id disk, shown;
	uint32_t wanted;
	int e;

	if (object < 0)
		return request_fail(r, object, "store");
	e = fd_identify(object, &disk);
	if (e < 0 || disk.uid < store_first || disk.uid - store_first >= MAP_SIZE)
		return request_fail(r, e < 0 ? e : -EPERM, "owner");
	fd = clone_object(object, &options);
	if (fd < 0)
		return request_fail(r, fd, "clone");
	wanted = mapping->fd >= 0 ? mapping->base + (disk.uid - store_first) : disk.uid;
	e = fd_identify(fd, &shown);
	if (e < 0 || shown.dev != disk.dev || shown.ino != disk.ino || shown.uid != wanted)
		return request_fail(r, e < 0 ? e : -EPERM, "mapping");
	b->fd[b->n++] = TAKE_FD(fd);
	return 0;
}

static const struct ticket *find_mapping(struct request *r, uint64_t number, uint32_t what)
{
	const struct ticket *t = tickets_find(&ctx_of(r)->tickets, TICKET_MAPPING, number);

	if (t && t->what == what)
		return t;
	request_fail(r, -ENOENT, "mapping ticket");
	return NULL;
}

/* Layers are shared by containers: nobody writes to them. */
static int clone_layers(struct request *r, const struct ticket *mapping, const uint8_t (*id)[ID_BYTES], uint32_t n,
			struct batch *b)
{
	char hex[ID_HEX + 1], path[ID_HEX + 16];
	int e = 0;

	for (uint32_t i = 0; i < n && e == 0; i++) {
		hex_encode(id[i], ID_BYTES, hex);
		text_format(path, sizeof(path), "layers/%s", hex);
		e = clone_store(r, path, mapping, MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID | MOUNT_ATTR_RDONLY, b);
	}
	return e;
}

static int clone_rootfs(struct request *r, const struct ticket *mapping, struct batch *b)
{
	const struct req_mount_rootfs *req = r->req;
	const uint64_t attrs = MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID;
	char hex[ID_HEX + 1], path[ID_HEX + 16];
	int e = clone_layers(r, mapping, req->layers.id, req->layers.n, b);

	if (e < 0)
		return e;
	hex_encode(req->container, ID_BYTES, hex);
	text_format(path, sizeof(path), "containers/%s", hex);
	return clone_store(r, path, mapping, attrs, b);
}

static int run_rootfs(struct request *r)
{
	const struct req_mount_rootfs *req = r->req;
	struct rep_mount_rootfs *rep = r->rep;
	const struct ticket *mapping = find_mapping(r, req->mapping, MAPPING_STORE);
	struct batch b = { 0 };
	int sealed[MOUNTS_MAX] = { 0 }, e;

	if (!mapping)
		return -ENOENT;
	e = clone_rootfs(r, mapping, &b);
	if (e == 0)
		e = seal(r, &b, sealed);
	batch_finish(&b);
	if (e < 0)
		return e;
	rep->layers.n = req->layers.n;
	memcpy(rep->layers.fd, sealed, req->layers.n * sizeof(int));
	rep->upper = sealed[req->layers.n];
	return 0;
}

static int run_image(struct request *r)
{
	const struct req_mount_image *req = r->req;
	struct rep_mount_image *rep = r->rep;
	const struct ticket *mapping = find_mapping(r, req->mapping, MAPPING_STORE);
	struct batch b = { 0 };
	int e;

	if (!mapping)
		return -ENOENT;
	e = clone_layers(r, mapping, req->layers.id, req->layers.n, &b);
	if (e == 0)
		e = seal(r, &b, rep->layers.fd);
	if (e == 0)
		rep->layers.n = b.n;
	batch_finish(&b);
	return e;
}

static int run_volume(struct request *r)
{
	const struct req_mount_volume *req = r->req;
	struct rep_mount_volume *rep = r->rep;
	const struct ticket *mapping = find_mapping(r, req->mapping, MAPPING_STORE);
	char path[NAME_MAX_LEN + 32];
	struct batch b = { 0 };
	int e;

	if (!mapping)
		return -ENOENT;
	text_format(path, sizeof(path), "volumes/%s/_data", req->volume);
	e = clone_store(r, path, mapping,
			MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID | (req->readonly ? MOUNT_ATTR_RDONLY : 0), &b);
	if (e == 0)
		e = seal(r, &b, &rep->mount);
	batch_finish(&b);
	return e;
}

/* The object is the one that lookup saw, with the owner that it had then. */
static int check_source(struct request *r, const struct ticket *s)
{
	struct fd_id id;
	int e = fd_identify(s->fd, &id);

	if (e < 0)
		return request_fail(r, e, "source");
	return id.uid == s->id.uid ? 0 : request_fail(r, -ESTALE, "owner");
}

/* Which mapping, if any, a bind is made with. A mapping that shows anyone else than the source's owner as the
 * container's own is refused, and so is writing to a source that is not mapped. */
static int bind_mapping(struct request *r, const struct ticket *s, const struct ticket **ret)
{
	const struct req_mount_bind *req = r->req;
	const struct policy_mount *policy = r->helper->policy;
	const struct ticket *m = NULL;

	if (req->readonly != BIND_READONLY && s->readonly)
		return request_fail(r, -EPERM, "readonly");
	if (req->mapping != 0) {
		m = find_mapping(r, req->mapping, MAPPING_OWNER);
		if (!m)
			return -ENOENT;
		/* lookup and idmap said so already; neither is taken at its word alone. */
		if (s->unmapped || m->owner_uid != s->id.uid ||
		    !policy_owner_ordinary(&policy->common, s->id.uid, policy->owner_uid_first))
			return request_fail(r, -EPERM, "owner");
	} else if (req->readonly != BIND_READONLY) {
		return request_fail(r, -EPERM, "unmapped");
	}
	*ret = m;
	return 0;
}

static int clone_bind(struct request *r, const struct ticket *s, struct batch *b)
{
	const struct req_mount_bind *req = r->req;
	const struct ticket *m = NULL;
	bool mapped;
	struct clone_options options = { .userns = -EBADF, .attrs = MOUNT_ATTR_NODEV };
	_cleanup_close_ int fd = -EBADF;
	struct fd_id shown;
	int e;

	e = check_source(r, s);
	if (e == 0)
		e = bind_mapping(r, s, &m);
	if (e < 0)
		return e;
	/* Without its covers the engine's own state would be seen in there, and nothing can be left out of a clone. */
	if (req->flat == BIND_FLAT && s->submounts == (SUBMOUNTS_HOST | SUBMOUNTS_COVERS))
		return request_fail(r, -EPERM, "covers");
	options.recursive = req->flat == BIND_ALL ? s->submounts != 0 : s->submounts & SUBMOUNTS_COVERS;
	options.attrs |= (s->suid ? 0 : MOUNT_ATTR_NOSUID) | (req->readonly == BIND_READONLY ? MOUNT_ATTR_RDONLY : 0);
	options.top = req->readonly == BIND_READONLY_TOP ? MOUNT_ATTR_RDONLY : 0;
	mapped = m && m->fd >= 0;
	if (mapped)
		options.userns = m->fd;
	fd = clone_object(s->fd, &options);
	if (fd < 0)
		return request_fail(r, fd, "clone");
	e = fd_identify(fd, &shown);
	if (e < 0 || shown.dev != s->id.dev || shown.ino != s->id.ino ||
	    shown.uid != (mapped ? m->base + m->run_uid : s->id.uid))
		return request_fail(r, e < 0 ? e : -EPERM, "mapping");
	b->fd[b->n++] = TAKE_FD(fd);
	return 0;
}

/* A source is good for one mount, whatever comes of it. */
static int take_source(struct request *r, uint64_t number, uint32_t what, struct ticket *ret)
{
	struct ticket *s = tickets_find(&ctx_of(r)->tickets, TICKET_SOURCE, number);

	if (!s || s->what != what)
		return request_fail(r, -ENOENT, "source ticket");
	*ret = *s;
	s->fd = -EBADF;
	ticket_free(s);
	return 0;
}

static int run_bind(struct request *r)
{
	const struct req_mount_bind *req = r->req;
	struct rep_mount_bind *rep = r->rep;
	struct batch b = { 0 };
	struct ticket source = { .fd = -EBADF };
	int e;

	e = take_source(r, req->source, LOOKUP_BIND, &source);
	if (e < 0)
		return e;
	e = clone_bind(r, &source, &b);
	if (e == 0)
		e = seal(r, &b, &rep->mount);
	batch_finish(&b);
	ticket_free(&source);
	return e;
}

static int run_device(struct request *r)
{
	const struct req_mount_device *req = r->req;
	struct rep_mount_device *rep = r->rep;
	/* Not id-mapped (devtmpfs cannot be); the device filter of the cgroup says who may open it. */
	const struct clone_options options = { .userns = -EBADF, .attrs = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC };
	struct batch b = { 0 };
	struct ticket source = { .fd = -EBADF };
	int e;

	e = take_source(r, req->source, LOOKUP_DEVICE, &source);
	if (e < 0)
		return e;
	e = check_source(r, &source);
	if (e == 0 && !S_ISCHR(source.id.mode) && !S_ISBLK(source.id.mode))
		e = request_fail(r, -EPERM, "type");
	if (e == 0) {
		b.fd[0] = clone_object(source.fd, &options);
		if (b.fd[0] < 0)
			e = request_fail(r, b.fd[0], "clone");
		else
			b.n = 1;
	}
	if (e == 0)
		e = seal(r, &b, &rep->mount);
	batch_finish(&b);
	ticket_free(&source);
	return e;
}

static int run_drop(struct request *r)
{
	const struct req_mount_drop *req = r->req;

	for (uint32_t i = 0; i < req->tickets.n; i++)
		tickets_drop(&ctx_of(r)->tickets, req->tickets.v[i]);
	return 0;
}

static int add_ticket(struct request *r, struct ticket *t, int *fd)
{
	int e = tickets_add(&ctx_of(r)->tickets, t);

	if (e < 0)
		return request_fail(r, e, "ticket");
	*fd = -EBADF; /* the table's now */
	return 0;
}

/* Only lookup's socket may ask this. */
static int run_source(struct request *r)
{
	struct req_mount_source *req = (struct req_mount_source *)r->req;
	struct ticket t = {
		.number = req->ticket,
		.kind = TICKET_SOURCE,
		.what = req->what,
		.fd = req->object,
		.readonly = req->readonly,
		.unmapped = req->unmapped,
		.suid = req->suid,
		.submounts = req->submounts,
	};
	int e = fd_identify(req->object, &t.id);

	if (e < 0)
		return request_fail(r, e, "object");
	if (t.id.uid != req->uid || t.id.gid != req->gid)
		return request_fail(r, -ESTALE, "owner");
	return add_ticket(r, &t, &req->object);
}

/* Only idmap's socket may ask this. */
static int run_mapping(struct request *r)
{
	struct req_mount_mapping *req = (struct req_mount_mapping *)r->req;
	struct ticket t = {
		.number = req->ticket,
		.kind = TICKET_MAPPING,
		.what = req->what,
		.fd = req->userns,
		.base = req->base,
		.run_uid = req->run_uid,
		.owner_uid = req->owner_uid,
	};
	const struct policy_mount *policy = r->helper->policy;

	if ((req->userns >= 0) == policy->common.ids_shared)
		return request_fail(r, -EINVAL, "mapping");
	return add_ticket(r, &t, &req->userns);
}

static int mount_start(struct helper *h)
{
	const struct policy_mount *policy = h->policy;
	struct ctx *c = h->ctx;
	struct rlimit limit;
	int e;

	if (getrandom(&c->call_id, sizeof(c->call_id), 0) != sizeof(c->call_id))
		return -EIO;
	/* An fd a ticket, and two requests' worth of others. */
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return -errno;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		return -errno;
	e = tickets_init(&c->tickets, policy->max_tickets < TICKETS_MAX ? policy->max_tickets : TICKETS_MAX);
	if (e < 0)
		return e;
	return sandbox_landlock(NULL, 0, NULL);
}

static const int syscalls[] = { SYS_openat2, SYS_open_tree, SYS_mount_setattr };

static const struct handler handlers[] = {
	{ OP_MOUNT_ROOTFS, run_rootfs }, { OP_MOUNT_IMAGE, run_image },	  { OP_MOUNT_VOLUME, run_volume },
	{ OP_MOUNT_BIND, run_bind },	 { OP_MOUNT_DEVICE, run_device }, { OP_MOUNT_DROP, run_drop },
	{ OP_MOUNT_SOURCE, run_source }, { OP_MOUNT_MAPPING, run_mapping },
};

int main(int argc, char **argv)
{
	const struct helper_def def = {
		.id = HELPER_MOUNT,
		.handlers = handlers,
		.nhandlers = ARRAY_SIZE(handlers),
		.policy_size = sizeof(struct policy_mount),
		.ctx_size = sizeof(struct ctx),
		.start = mount_start,
		.syscalls = syscalls,
		.nsyscalls = ARRAY_SIZE(syscalls),
		.nprivate = 2,
		.private_rights = { op_bit(OP_MOUNT_SOURCE), op_bit(OP_MOUNT_MAPPING) },
		.controller_rights = op_bit(OP_MOUNT_ROOTFS) | op_bit(OP_MOUNT_IMAGE) | op_bit(OP_MOUNT_VOLUME) |
				     op_bit(OP_MOUNT_BIND) | op_bit(OP_MOUNT_DEVICE) | op_bit(OP_MOUNT_DROP),
	};

	return helper_run(&def, argc, argv);
}
