/* main.c - postern-layer: images, containers' own files and volumes in the store, without any capability on the host.
 *
 * It is root of its own user namespace, in which 0..65535 are the foreign ids of the disk; the store's root belongs to
 * that root. The store:
 *   layers/HEX          an unpacked layer, named by its chain id; never changed
 *   containers/HEX/     upper and work of a container's overlay
 *   volumes/NAME/_data
 *   splits/HEX          what it takes to make the layer's archive again (split.h)
 *   work/, trash/       see jobs.c
 * The first three are 0711: mount, another uid, walks through them by name; nobody else gets to the store's parent.
 * Trusted: argv, policy and the store's top directories. Not: the controller's requests, archives, and all that is in
 * the store, which only workers read. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/fd.h"
#include "../base/sandbox.h"
#include "../base/text.h"
#include "../protocol/server.h"
#include "layer.h"
#include "split.h"

enum { FD_STORE = FD_OWN };

/* By LAYER_IMAGE, LAYER_CONTAINER, LAYER_VOLUME. */
static const struct {
	const char *dir;
	bool hex; /* names are ids */
	const char *data; /* what SIZE counts, below the named directory */
} areas[] = {
	[LAYER_IMAGE] = { "layers", true, "." },
	[LAYER_CONTAINER] = { "containers", true, "upper" },
	[LAYER_VOLUME] = { "volumes", false, "_data" },
};

static int check_name(struct request *r, uint32_t what, const char *name)
{
	uint8_t id[ID_BYTES];

	if (areas[what].hex ? hex_decode(name, id, ID_BYTES) < 0 : !name_valid(name, strlen(name)))
		return request_fail(r, -EINVAL, "name");
	return 0;
}

static int open_dir_at(int dir, const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static struct work work_of(const struct request *r, enum work_kind kind)
{
	return (struct work){ .kind = kind, .archive = -EBADF, .out = -EBADF, .digest = -EBADF, .req = r->req,
			      .policy = r->helper->policy };
}

static int add_layer(struct work *w, int area, const uint8_t id[ID_BYTES], const char *below)
{
	_cleanup_close_ int dir = -EBADF;
	char name[ID_HEX + 1];
	int fd;

	hex_encode(id, ID_BYTES, name);
	dir = open_dir_at(area, name);
	fd = dir < 0 ? dir : open_dir_at(dir, below);
	if (fd < 0)
		return fd;
	w->dirs[w->ndirs++] = fd;
	return 0;
}

static int add_layers(struct work *w, int area, const uint8_t (*id)[ID_BYTES], unsigned n)
{
	int e = 0;

	for (unsigned i = 0; i < n && e == 0; i++)
		e = add_layer(w, area, id[i], ".");
	return e;
}

/* Its fds are not taken. */
static void forget_dirs(struct work *w)
{
	for (unsigned i = 0; i < w->ndirs; i++)
		close_fd(w->dirs[i]);
	w->ndirs = 0;
}

static int open_split(struct layer *l, const char *name)
{
	int fd = openat(l->splits, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static uint64_t archive_length(struct layer *l, const char *name)
{
	_cleanup_close_ int fd = open_split(l, name);
	uint64_t length = 0;

	if (fd >= 0)
		split_length(fd, &length);
	return length;
}

static int run_unpack(struct request *r)
{
	struct req_layer_unpack *req = (struct req_layer_unpack *)r->req;
	struct layer *l = r->helper->ctx;
	struct work w = work_of(r, WORK_UNPACK);
	char name[ID_HEX + 1];
	uint64_t length = 0;
	int e, fd;

	hex_encode(req->layer, ID_BYTES, name);
	fd = open_dir_at(l->areas[LAYER_IMAGE], name);
	if (fd >= 0) {
		/* There already, whole: only its size is asked. */
		w.kind = WORK_SIZE;
		w.dirs[w.ndirs++] = fd;
		length = archive_length(l, name);
	} else if (fd != -ENOENT) {
		return request_fail(r, fd, "layer");
	} else if (job_unpacks(l, req->layer)) {
		return request_fail(r, -EBUSY, "unpacking already");
	} else {
		e = add_layers(&w, l->areas[LAYER_IMAGE], req->below.id, req->below.n);
		if (e < 0) {
			forget_dirs(&w);
			return request_fail(r, e, "layers below");
		}
		w.archive = TAKE_FD(req->archive);
	}
	return job_defer(r, &w, length);
}

static int run_join(struct request *r)
{
	struct req_layer_join *req = (struct req_layer_join *)r->req;
	struct layer *l = r->helper->ctx;
	struct work w = work_of(r, WORK_JOIN);
	char name[ID_HEX + 1];
	int e = add_layer(&w, l->areas[LAYER_IMAGE], req->layer, ".");

	if (e < 0)
		return request_fail(r, e, "layer");
	hex_encode(req->layer, ID_BYTES, name);
	w.archive = open_split(l, name);
	if (w.archive < 0) {
		forget_dirs(&w);
		return request_fail(r, w.archive, "split");
	}
	w.out = TAKE_FD(req->out);
	return job_defer(r, &w, 0);
}

static int run_export(struct request *r)
{
	struct req_layer_export *req = (struct req_layer_export *)r->req;
	struct layer *l = r->helper->ctx;
	struct work w = work_of(r, WORK_EXPORT);
	int e = add_layer(&w, l->areas[LAYER_CONTAINER], req->container, "upper");

	if (e == 0)
		e = add_layers(&w, l->areas[LAYER_IMAGE], req->layers.id, req->layers.n);
	if (e < 0) {
		forget_dirs(&w);
		return request_fail(r, e, "layers");
	}
	w.out = TAKE_FD(req->out);
	return job_defer(r, &w, 0);
}

/* Made aside and renamed: whole or not at all. */
static int make_pair(struct request *r, int area, const char *name, const char *const *below, unsigned n)
{
	struct layer *l = r->helper->ctx;
	_cleanup_close_ int dir = -EBADF;
	int e = 0;

	if (mkdirat(l->work, name, 0711) < 0)
		return -errno;
	dir = open_dir_at(l->work, name);
	if (dir < 0)
		e = dir;
	for (unsigned i = 0; i < n && e == 0; i++)
		if (mkdirat(dir, below[i], 0755) < 0)
			e = -errno;
	if (e == 0 && renameat2(l->work, name, area, name, RENAME_NOREPLACE) < 0)
		e = -errno;
	if (e < 0) {
		trash(r->helper, l->work, name);
		jobs_pump(r->helper);
	}
	return e;
}

static int run_create(struct request *r)
{
	static const char *const container[] = { "upper", "work" }, *const volume[] = { "_data" };
	const struct req_layer_create *req = r->req;
	struct layer *l = r->helper->ctx;
	struct stat st;
	int e = check_name(r, req->what, req->name);

	if (e < 0)
		return e;
	if (req->what == LAYER_CONTAINER)
		e = make_pair(r, l->areas[LAYER_CONTAINER], req->name, container, ARRAY_SIZE(container));
	else if (fstatat(l->areas[LAYER_VOLUME], req->name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return 0; /* a volume is used again */
	else
		e = make_pair(r, l->areas[LAYER_VOLUME], req->name, volume, ARRAY_SIZE(volume));
	return e < 0 ? request_fail(r, e, "directory") : 0;
}

/* Gone when this answers: the rest is deletion, for which nobody waits. */
static int run_remove(struct request *r)
{
	const struct req_layer_remove *req = r->req;
	struct layer *l = r->helper->ctx;
	int e = check_name(r, req->what, req->name);

	if (e < 0)
		return e;
	e = trash(r->helper, l->areas[req->what], req->name);
	if (e < 0)
		return request_fail(r, e, "remove");
	if (req->what == LAYER_IMAGE)
		remove_split(l, req->name);
	r->deferred = true;
	request_reply(r, 0, NULL);
	jobs_pump(r->helper);
	return 0;
}

static int run_size(struct request *r)
{
	const struct req_layer_size *req = r->req;
	struct layer *l = r->helper->ctx;
	struct work w = work_of(r, WORK_SIZE);
	_cleanup_close_ int dir = -EBADF;
	int e = check_name(r, req->what, req->name), fd;

	if (e < 0)
		return e;
	dir = open_dir_at(l->areas[req->what], req->name);
	fd = dir < 0 ? dir : open_dir_at(dir, areas[req->what].data);
	if (fd < 0)
		return request_fail(r, fd, "size");
	w.dirs[w.ndirs++] = fd;
	return job_defer(r, &w, 0);
}

/* 1 when there is nothing in it. */
static int is_empty(int dir)
{
	DIR *d = fd_opendir(dir);
	int empty;

	if (!d)
		return -errno;
	empty = !fd_readdir(d);
	closedir(d);
	return empty;
}

static int run_copy(struct request *r)
{
	const struct req_layer_copy *req = r->req;
	struct layer *l = r->helper->ctx;
	struct work w = work_of(r, WORK_COPY);
	_cleanup_close_ int dir = open_dir_at(l->areas[LAYER_VOLUME], req->volume), data = -EBADF;
	int e = dir < 0 ? dir : 0;

	if (e == 0)
		e = data = open_dir_at(dir, areas[LAYER_VOLUME].data);
	if (e >= 0)
		e = is_empty(data);
	if (e < 0)
		return request_fail(r, e, "volume");
	if (e == 0)
		return 0; /* as is found out again when the copy is there; this is only quicker */
	e = add_layers(&w, l->areas[LAYER_IMAGE], req->layers.id, req->layers.n);
	if (e < 0) {
		forget_dirs(&w);
		return request_fail(r, e, "layers");
	}
	return job_defer(r, &w, 0);
}

static int run_user(struct request *r)
{
	static const uint8_t none[ID_BYTES];
	const struct req_layer_user *req = r->req;
	struct layer *l = r->helper->ctx;
	struct work w = work_of(r, WORK_USER);
	int e = 0;

	/* On behalf of a container its own files are the topmost layer: users that were added in it count. */
	if (memcmp(r->container, none, ID_BYTES) != 0) {
		e = add_layer(&w, l->areas[LAYER_CONTAINER], r->container, "upper");
		if (e == -ENOENT)
			e = 0;
	}
	if (e == 0)
		e = add_layers(&w, l->areas[LAYER_IMAGE], req->layers.id, req->layers.n);
	if (e < 0) {
		forget_dirs(&w);
		return request_fail(r, e, "layers");
	}
	return job_defer(r, &w, 0);
}

static int open_area(const char *name, mode_t mode)
{
	if (mkdirat(FD_STORE, name, mode) < 0 && errno != EEXIST)
		return -errno;
	return open_dir_at(FD_STORE, name);
}

/* Calls f with each name in a directory of ours; the names may go meanwhile. */
static int each_name(struct helper *h, int dir, int (*f)(struct helper *h, const char *name))
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *ent;
	int e = 0;

	if (!d) {
		close_fd(fd);
		return -ENOMEM;
	}
	while (e == 0 && (ent = fd_readdir(d)))
		e = f(h, ent->d_name);
	closedir(d);
	return e;
}

/* What an interrupted helper was at. */
static int clear_work(struct helper *h, const char *name)
{
	struct layer *l = h->ctx;

	return trash(h, l->work, name);
}

/* A split whose layer did not come to its place. */
static int clear_split(struct helper *h, const char *name)
{
	struct layer *l = h->ctx;
	struct stat st;

	if (fstatat(l->areas[LAYER_IMAGE], name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		remove_split(l, name);
	return 0;
}

static int start(struct helper *h)
{
	struct layer *l = h->ctx;
	struct sandbox_dir store = { FD_STORE, UINT64_MAX };
	int e;

	umask(0);
	for (unsigned i = 0; i < ARRAY_SIZE(areas); i++) {
		l->areas[i] = open_area(areas[i].dir, 0711);
		if (l->areas[i] < 0)
			return l->areas[i];
	}
	l->work = open_area("work", 0700);
	l->trash = open_area("trash", 0700);
	l->splits = open_area("splits", 0700);
	if (l->work < 0 || l->trash < 0 || l->splits < 0)
		return l->work < 0 ? l->work : l->trash < 0 ? l->trash : l->splits;
	e = sandbox_landlock(&store, 1, NULL);
	if (e == 0)
		e = each_name(h, l->work, clear_work);
	if (e == 0)
		e = each_name(h, l->splits, clear_split);
	l->trashed = true; /* and what it had not deleted yet */
	if (e == 0)
		jobs_pump(h);
	return e;
}

static const struct handler handlers[] = {
	{ OP_LAYER_UNPACK, run_unpack },
	{ OP_LAYER_CREATE, run_create },
	{ OP_LAYER_COPY, run_copy },
	{ OP_LAYER_REMOVE, run_remove },
	{ OP_LAYER_SIZE, run_size },
	{ OP_LAYER_USER, run_user },
	{ OP_LAYER_JOIN, run_join },
	{ OP_LAYER_EXPORT, run_export },
};

int main(int argc, char **argv)
{
	struct helper_def def = {
		.id = HELPER_LAYER,
		.handlers = handlers,
		.nhandlers = ARRAY_SIZE(handlers),
		.policy_size = sizeof(struct policy_layer),
		.ctx_size = sizeof(struct layer),
		.start = start,
		.syscalls = worker_syscalls,
		.nsyscalls = n_worker_syscalls,
		.controller_rights = op_bit(OP_LAYER_UNPACK) | op_bit(OP_LAYER_CREATE) | op_bit(OP_LAYER_COPY) |
				     op_bit(OP_LAYER_REMOVE) |
				     op_bit(OP_LAYER_SIZE) | op_bit(OP_LAYER_USER) |
				     op_bit(OP_LAYER_JOIN) | op_bit(OP_LAYER_EXPORT),
	};

	return helper_run(&def, argc, argv);
}
