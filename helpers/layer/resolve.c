/* resolve.c - where a path of an archive leads.
 *
 * Hostile input: the path, and all links in the layer and below. The kernel is never asked to follow one: the walk goes
 * component by component with O_NOFOLLOW, a link's target is taken apart here, and ".." goes back along the names that
 * were walked, so nothing leads out of the layer's root. Nobody else writes there meanwhile.
 *
 * A layer is a difference to those below it (image-spec layer.md): "lib/x", where lib is a symbolic link of a lower
 * layer, belongs into that link's target, and a directory that the archive does not name itself is the one below. */
#include "extract.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/sys.h"

enum { LINKS_MAX = 40 }; /* as the kernel's */

int clean_path(const char *in, char out[PATH_MAX])
{
	unsigned depth = 0;
	size_t n = 0;

	while (*in) {
		size_t len = strcspn(in, "/");

		if (len == 2 && in[0] == '.' && in[1] == '.')
			return -EINVAL;
		if (len > 0 && !(len == 1 && in[0] == '.')) {
			if (len > NAME_MAX || ++depth > LAYER_DEPTH_MAX || n + len + 2 > PATH_MAX)
				return -ENAMETOOLONG;
			if (n)
				out[n++] = '/';
			memcpy(out + n, in, len);
			n += len;
		}
		in += len;
		in += strspn(in, "/");
	}
	out[n] = '\0';
	return 0;
}

int open_beneath(int root, const char *path, uint64_t flags)
{
	int fd;

	do
		fd = sys_openat2(root, *path ? path : ".", flags | O_CLOEXEC | O_NOFOLLOW, 0,
				 RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
	while (fd == -EAGAIN); /* a rename elsewhere raced with ".." checks: openat2(2) */
	return fd;
}

static int open_dir_at(int dir, const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* --- what is below ----------------------------------------------------------------------------------------------- */
struct below {
	mode_t mode; /* 0: nothing, or nothing that counts */
	uid_t uid;
	gid_t gid;
	char target[PATH_MAX]; /* of a symbolic link */
};

static void read_below(int dir, const char *name, const struct stat *st, struct below *ret)
{
	ssize_t n;

	if (S_ISLNK(st->st_mode)) {
		n = readlinkat(dir, name, ret->target, sizeof(ret->target) - 1);
		if (n <= 0)
			return;
		ret->target[n] = '\0';
	} else if (!S_ISDIR(st->st_mode)) {
		return;
	}
	ret->mode = st->st_mode;
	ret->uid = st->st_uid;
	ret->gid = st->st_gid;
}

/* Looks for `name` in the directory `path` of one layer: true when that answers for those below it as well. */
static bool look_in(int layer, const char *path, const char *name, struct below *ret)
{
	_cleanup_close_ int dir = open_dir_at(layer, ".");
	bool hides = false; /* an opaque directory on the way */
	struct stat st;

	for (;;) {
		char part[NAME_MAX + 1];
		size_t len = strcspn(path, "/");
		const char *next = *path ? part : name;
		int fd;

		if (dir < 0)
			return true;
		memcpy(part, path, len);
		part[len] = '\0';
		hides = hides || is_opaque(dir);
		if (fstatat(dir, next, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return hides;
		if (!*path)
			break;
		if (!S_ISDIR(st.st_mode))
			return true; /* a whiteout or a file hides what is below */
		fd = open_dir_at(dir, part);
		close_fd(dir);
		dir = fd;
		path += len + (path[len] == '/');
	}
	read_below(dir, name, &st, ret);
	return true;
}

/* The topmost of the layers below that has it, seen through the walked path of this one. */
static int look_below(struct extract *x, int dir, const char *path, const char *name, struct below *ret)
{
	ret->mode = 0;
	if (is_opaque(dir))
		return 0;
	if (x->waits)
		return extract_fail(x, -EAGAIN, "layers below");
	for (unsigned i = 0; i < x->nlowers; i++)
		if (look_in(x->lowers[i], path, name, ret))
			break;
	return 0;
}

/* --- the walk ---------------------------------------------------------------------------------------------------- */
struct walk {
	struct extract *x;
	bool make;
	int dir; /* where it is */
	char path[PATH_MAX]; /* the same by name */
	char rest[2 * PATH_MAX]; /* still to go */
	unsigned links;
};

static int walk_fail(struct walk *w, int e, const char *stage)
{
	return extract_fail(w->x, e, w->make ? stage : "hard link");
}

static int to_root(struct walk *w)
{
	close_fd(w->dir);
	w->path[0] = '\0';
	w->dir = open_dir_at(w->x->root, ".");
	return w->dir < 0 ? walk_fail(w, w->dir, "path") : 0;
}

static int step_back(struct walk *w)
{
	char *slash = strrchr(w->path, '/');

	*(slash ? slash : w->path) = '\0';
	close_fd(w->dir);
	w->dir = open_beneath(w->x->root, w->path, O_RDONLY | O_DIRECTORY);
	return w->dir < 0 ? walk_fail(w, w->dir, "path") : 0;
}

static int step_into(struct walk *w, const char *name)
{
	size_t n = strlen(w->path);
	int fd = open_dir_at(w->dir, name);

	if (fd < 0)
		return walk_fail(w, fd, "path");
	close_fd(w->dir);
	w->dir = fd;
	if (n + strlen(name) + 2 > sizeof(w->path))
		return walk_fail(w, -ENAMETOOLONG, "path");
	snprintf(w->path + n, sizeof(w->path) - n, "%s%s", n ? "/" : "", name);
	return 0;
}

static int follow(struct walk *w, const char *target)
{
	size_t n = strlen(target), rest = strlen(w->rest) + 1;

	if (++w->links > LINKS_MAX)
		return walk_fail(w, -ELOOP, "symlinks in path");
	if (n + rest + 1 > sizeof(w->rest))
		return walk_fail(w, -ENAMETOOLONG, "symlinks in path");
	memmove(w->rest + n + 1, w->rest, rest);
	memcpy(w->rest, target, n);
	w->rest[n] = '/';
	return target[0] == '/' ? to_root(w) : 0;
}

/* A directory that the archive has not named: as the one below, or plain; over a whiteout it hides what is below. */
static int make_dir(struct walk *w, const char *name, const struct below *like, bool opaque)
{
	_cleanup_close_ int fd = -EBADF;
	int e = extract_count(w->x);

	if (e < 0)
		return e;
	if (mkdirat(w->dir, name, 0755) < 0)
		return walk_fail(w, -errno, "mkdir");
	fd = open_dir_at(w->dir, name);
	if (fd < 0)
		return walk_fail(w, fd, "mkdir");
	if (like->mode && (fchown(fd, like->uid, like->gid) < 0 || fchmod(fd, like->mode & 07777) < 0))
		return walk_fail(w, -errno, "mkdir");
	e = opaque ? extract_set_opaque(fd) : 0;
	return e < 0 ? walk_fail(w, e, "opaque") : 0;
}

/* Nothing of that name in this layer: what is below decides. */
static int step_missing(struct walk *w, const char *name)
{
	struct below below;
	int e;

	e = look_below(w->x, w->dir, w->path, name, &below);
	if (e < 0)
		return e;
	if (S_ISLNK(below.mode))
		return follow(w, below.target);
	if (!w->make)
		return walk_fail(w, -ENOENT, "path");
	e = make_dir(w, name, &below, /* opaque= */ false);
	return e < 0 ? e : step_into(w, name);
}

static int step(struct walk *w, const char *name)
{
	char target[PATH_MAX];
	struct stat st;
	ssize_t n;
	int e;

	if (strcmp(name, ".") == 0 || !*name)
		return 0;
	if (strcmp(name, "..") == 0)
		return step_back(w);
	if (fstatat(w->dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? step_missing(w, name) : walk_fail(w, -errno, "path");
	if (S_ISDIR(st.st_mode))
		return step_into(w, name);
	if (S_ISLNK(st.st_mode)) {
		n = readlinkat(w->dir, name, target, sizeof(target) - 1);
		if (n <= 0)
			return walk_fail(w, n < 0 ? -errno : -EINVAL, "path");
		target[n] = '\0';
		return follow(w, target);
	}
	if (!is_whiteout(&st) || !w->make)
		return walk_fail(w, -ENOTDIR, "path");
	if (unlinkat(w->dir, name, 0) < 0)
		return walk_fail(w, -errno, "path");
	e = make_dir(w, name, &(struct below){ 0 }, /* opaque= */ true);
	return e < 0 ? e : step_into(w, name);
}

int resolve_dir(struct extract *x, const char *path, bool make, char ret_path[PATH_MAX])
{
	struct walk w = { .x = x, .make = make, .dir = -EBADF };
	int e = to_root(&w);

	snprintf(w.rest, sizeof(w.rest), "%s", path);
	while (e == 0 && w.rest[0]) {
		char name[NAME_MAX + 1];
		size_t len = strcspn(w.rest, "/"), skip = len + strspn(w.rest + len, "/");

		if (len > NAME_MAX) {
			e = walk_fail(&w, -ENAMETOOLONG, "path");
			break;
		}
		memcpy(name, w.rest, len);
		name[len] = '\0';
		memmove(w.rest, w.rest + skip, strlen(w.rest + skip) + 1);
		e = step(&w, name);
	}
	if (e < 0) {
		close_fd(w.dir);
		return e;
	}
	memcpy(ret_path, w.path, strlen(w.path) + 1);
	return w.dir;
}
