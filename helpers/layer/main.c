/* main.c - postern-layer: images, containers' own files and volumes in the store, without any capability on the host.
 *
 * It is root of its own user namespace, in which 0..65535 are the foreign ids of the disk; the store's root belongs to
 * that root. The store:
 *   layers/HEX          an unpacked layer, named by its chain id; never changed
 *   containers/HEX/     upper and work of a container's overlay
 *   volumes/NAME/_data
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
#include "../base/sandbox.h"
#include "../base/text.h"
#include "../protocol/server.h"
#include "layer.h"

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

static int run_unpack(struct request *r)
{
	struct req_layer_unpack *req = (struct req_layer_unpack *)r->req;
	struct layer *l = r->helper->ctx;
	struct work w = { .kind = WORK_UNPACK, .archive = -EBADF, .req = req, .policy = r->helper->policy };
	char name[ID_HEX + 1];
	int fd;

	hex_encode(req->layer, ID_BYTES, name);
	fd = open_dir_at(l->areas[LAYER_IMAGE], name);
	if (fd >= 0) {
		/* There already, whole: only its size is asked. */
		w.kind = WORK_SIZE;
		w.dirs[w.ndirs++] = fd;
	} else if (fd != -ENOENT) {
		return request_fail(r, fd, "layer");
	} else if (job_unpacks(l, req->layer)) {
		return request_fail(r, -EBUSY, "unpacking already");
	} else {
		w.archive = TAKE_FD(req->archive);
	}
	return job_defer(r, &w);
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

/* Gone when this returns: the rest is deletion. */
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
	jobs_pump(r->helper);
	return 0;
}

static int run_size(struct request *r)
{
	const struct req_layer_size *req = r->req;
	struct layer *l = r->helper->ctx;
	struct work w = { .kind = WORK_SIZE, .archive = -EBADF, .policy = r->helper->policy };
	_cleanup_close_ int dir = -EBADF;
	int e = check_name(r, req->what, req->name), fd;

	if (e < 0)
		return e;
	dir = open_dir_at(l->areas[req->what], req->name);
	fd = dir < 0 ? dir : open_dir_at(dir, areas[req->what].data);
	if (fd < 0)
		return request_fail(r, fd, "size");
	w.dirs[w.ndirs++] = fd;
	return job_defer(r, &w);
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

static int run_user(struct request *r)
{
	static const uint8_t none[ID_BYTES];
	const struct req_layer_user *req = r->req;
	struct layer *l = r->helper->ctx;
	struct work w = { .kind = WORK_USER, .archive = -EBADF, .req = req, .policy = r->helper->policy };
	int e = 0;

	/* On behalf of a container its own files are the topmost layer: users that were added in it count. */
	if (memcmp(r->container, none, ID_BYTES) != 0) {
		e = add_layer(&w, l->areas[LAYER_CONTAINER], r->container, "upper");
		if (e == -ENOENT)
			e = 0;
	}
	for (unsigned i = 0; i < req->layers.n && e == 0; i++)
		e = add_layer(&w, l->areas[LAYER_IMAGE], req->layers.id[i], ".");
	if (e < 0) {
		for (unsigned i = 0; i < w.ndirs; i++)
			close_fd(w.dirs[i]);
		return request_fail(r, e, "layers");
	}
	return job_defer(r, &w);
}

static int open_area(const char *name, mode_t mode)
{
	if (mkdirat(FD_STORE, name, mode) < 0 && errno != EEXIST)
		return -errno;
	return open_dir_at(FD_STORE, name);
}

/* What an interrupted helper was at. */
static int clear_work(struct helper *h)
{
	struct layer *l = h->ctx;
	int fd = openat(l->work, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *ent;
	int e = 0;

	if (!d) {
		close_fd(fd);
		return -ENOMEM;
	}
	while (e == 0 && (ent = readdir(d)))
		if (strcmp(ent->d_name, ".") != 0 && strcmp(ent->d_name, "..") != 0)
			e = trash(h, l->work, ent->d_name);
	closedir(d);
	l->trashed = true; /* and what it had not deleted yet */
	return e;
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
	if (l->work < 0 || l->trash < 0)
		return l->work < 0 ? l->work : l->trash;
	e = sandbox_landlock(&store, 1, NULL);
	if (e == 0)
		e = clear_work(h);
	if (e == 0)
		jobs_pump(h);
	return e;
}

static const struct handler handlers[] = {
	{ OP_LAYER_UNPACK, run_unpack },
	{ OP_LAYER_CREATE, run_create },
	{ OP_LAYER_REMOVE, run_remove },
	{ OP_LAYER_SIZE, run_size },
	{ OP_LAYER_USER, run_user },
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
		.controller_rights = op_bit(OP_LAYER_UNPACK) | op_bit(OP_LAYER_CREATE) | op_bit(OP_LAYER_REMOVE) |
				     op_bit(OP_LAYER_SIZE) | op_bit(OP_LAYER_USER),
	};

	return helper_run(&def, argc, argv);
}
