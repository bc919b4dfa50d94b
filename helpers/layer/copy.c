/* copy.c - fills an empty directory with what a path of an image holds: docker's copy-up into new volumes.
 *
 * Owners, modes, times, extended attributes, symbolic and hard links are kept; devices there are none. Hostile input:
 * the image. It is read as stack.h tells, bounded in entries, bytes, depth and open directories; all that is written
 * lies in a directory that nobody else has yet (jobs.c gives it its place when all is done). */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "../base/cleanup.h"
#include "../base/fd.h"
#include "stack.h"

enum { XATTR_MAX = 65536, CHUNK = 1 << 20, LINK_BUCKETS = 1024 };

/* A file of several names, of which one was copied. */
struct linked {
	struct linked *next;
	dev_t dev;
	ino_t ino;
	char path[]; /* from the top of the copy */
};

struct copy {
	const struct policy_layer *policy;
	struct result *why;
	uint64_t entries, bytes;
	struct linked *links[LINK_BUCKETS];
	char path[PATH_MAX]; /* of the directory at work, from the top, with a slash behind it */
	int dirs[LAYER_DEPTH_MAX + 1]; /* the directories being written, from the top */
	struct stack levels[]; /* the same, read: LAYER_DEPTH_MAX + 1 */
};

static int fail(struct copy *c, int e, const char *stage)
{
	return result_fail(c->why, e, stage);
}

/* --- metadata --- */
/* As unpack.c lets them in: overlay's own are not the image's. */
static bool xattr_kept(const char *name)
{
	return strncmp(name, "user.overlay.", 13) != 0 &&
	       (strncmp(name, "user.", 5) == 0 || strcmp(name, "security.capability") == 0);
}

static int copy_xattrs(struct copy *c, int from, int to)
{
	char names[XATTR_MAX], value[XATTR_MAX];
	ssize_t n = flistxattr(from, names, sizeof(names)), size;

	if (n < 0 && errno == EOPNOTSUPP)
		return 0;
	for (char *name = names; n > 0 && name < names + n; name += strlen(name) + 1) {
		if (!xattr_kept(name))
			continue;
		size = fgetxattr(from, name, value, sizeof(value));
		if (size < 0 || fsetxattr(to, name, value, (size_t)size, 0) < 0)
			return fail(c, -errno, "xattr");
	}
	return n < 0 ? fail(c, -errno, "xattr") : 0;
}

/* Owner first: chown takes set-id bits and capabilities away. */
static int copy_metadata(struct copy *c, int from, int to)
{
	struct timespec times[2];
	struct stat st;
	int e;

	if (fstat(from, &st) < 0 || fchown(to, st.st_uid, st.st_gid) < 0)
		return fail(c, -errno, "owner");
	if (fchmod(to, st.st_mode & 07777) < 0)
		return fail(c, -errno, "mode");
	e = copy_xattrs(c, from, to);
	times[0] = st.st_atim;
	times[1] = st.st_mtim;
	if (e == 0 && futimens(to, times) < 0)
		e = fail(c, -errno, "time");
	return e;
}

/* --- hard links --- */
static struct linked **link_bucket(struct copy *c, const struct stat *st)
{
	return &c->links[(st->st_ino ^ st->st_dev) % LINK_BUCKETS];
}

static void links_finish(struct copy *c)
{
	for (unsigned i = 0; i < LINK_BUCKETS; i++)
		for (struct linked *l = c->links[i], *next; l; l = next) {
			next = l->next;
			free(l);
		}
}

/* 1 when it was made as another name of one that is there. On the way to that are directories that we made. */
static int link_known(struct copy *c, const struct stat *st, int to, const char *name)
{
	for (struct linked *l = *link_bucket(c, st); l; l = l->next)
		if (l->ino == st->st_ino && l->dev == st->st_dev)
			return linkat(c->dirs[0], l->path, to, name, 0) < 0 ? fail(c, -errno, "link") : 1;
	return 0;
}

/* One that no path reaches stays alone. */
static int link_remember(struct copy *c, const struct stat *st, const char *name)
{
	size_t len = strlen(c->path), n = strlen(name) + 1;
	struct linked *l, **bucket = link_bucket(c, st);

	if (len + n > PATH_MAX)
		return 0;
	l = malloc(sizeof(*l) + len + n);
	if (!l)
		return fail(c, -ENOMEM, "link");
	*l = (struct linked){ *bucket, st->st_dev, st->st_ino };
	memcpy(l->path, c->path, len);
	memcpy(l->path + len, name, n);
	*bucket = l;
	return 0;
}

/* --- entries --- */
static int copy_data(struct copy *c, int from, int to, off_t size)
{
	off_t left = size;
	ssize_t n;

	if (size < 0 || (uint64_t)size > c->policy->max_bytes - c->bytes)
		return fail(c, -EFBIG, "max_bytes");
	c->bytes += (uint64_t)size;
	while (left > 0) {
		n = copy_file_range(from, NULL, to, NULL, left > CHUNK ? CHUNK : (size_t)left, 0);
		if (n <= 0)
			return fail(c, n < 0 ? -errno : -EIO, "data");
		left -= n;
	}
	return 0;
}

static int copy_file(struct copy *c, int at, const char *name, const struct stat *st, int to)
{
	_cleanup_close_ int in = openat(at, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), out = -EBADF;
	int e;

	if (in < 0)
		return fail(c, -errno, "read");
	out = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (out < 0)
		return fail(c, -errno, "create");
	e = copy_data(c, in, out, st->st_size);
	return e < 0 ? e : copy_metadata(c, in, out);
}

/* Symbolic links and FIFOs; others do not come in images. */
static int copy_special(struct copy *c, int at, const char *name, const struct stat *st, int to)
{
	const struct timespec times[2] = { st->st_atim, st->st_mtim };
	char text[4096];
	ssize_t n;

	if (S_ISLNK(st->st_mode)) {
		n = readlinkat(at, name, text, sizeof(text) - 1);
		if (n < 0)
			return fail(c, -errno, "read");
		text[n] = '\0';
		n = symlinkat(text, to, name);
	} else if (S_ISFIFO(st->st_mode)) {
		n = mknodat(to, name, S_IFIFO | 0600, 0);
	} else {
		return 0;
	}
	if (n < 0)
		return fail(c, -errno, "create");
	if (fchownat(to, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0 ||
	    (S_ISFIFO(st->st_mode) && fchmodat(to, name, st->st_mode & 07777, 0) < 0) ||
	    utimensat(to, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return fail(c, -errno, "owner");
	return 0;
}

static int copy_dir(struct copy *c, unsigned depth);

/* c->levels[depth + 1] is there. */
static int enter_dir(struct copy *c, unsigned depth, const char *name)
{
	size_t len = strlen(c->path), n = strlen(name);
	int *to = &c->dirs[depth + 1], e;

	if (depth + 1 == LAYER_DEPTH_MAX || len + n + 2 > sizeof(c->path))
		return fail(c, -ELOOP, "depth");
	if (mkdirat(c->dirs[depth], name, 0700) < 0)
		return fail(c, -errno, "create");
	*to = openat(c->dirs[depth], name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (*to < 0)
		return fail(c, -errno, "create");
	memcpy(c->path + len, name, n);
	memcpy(c->path + len + n, "/", 2);
	e = copy_dir(c, depth + 1);
	c->path[len] = '\0';
	*to = close_fd(*to);
	return e;
}

static int copy_entry(struct copy *c, unsigned depth, const char *name)
{
	struct stack *below = &c->levels[depth + 1];
	int to = c->dirs[depth], at, e;
	struct stat st;

	e = stack_lookup(&c->levels[depth], name, below, &st, &at);
	if (e == -ENOENT)
		return 0; /* a whiteout */
	if (e < 0)
		return fail(c, e, "read");
	if (c->entries++ == c->policy->max_entries)
		e = fail(c, -E2BIG, "max_entries");
	if (S_ISDIR(st.st_mode)) {
		if (e == 0)
			e = enter_dir(c, depth, name);
		stack_finish(below);
		return e;
	}
	if (e == 0 && st.st_nlink > 1)
		e = link_known(c, &st, to, name);
	if (e != 0)
		return e < 0 ? e : 0;
	e = S_ISREG(st.st_mode) ? copy_file(c, at, name, &st, to) : copy_special(c, at, name, &st, to);
	return e == 0 && st.st_nlink > 1 && S_ISREG(st.st_mode) ? link_remember(c, &st, name) : e;
}

/* A layer above has it, be it as a whiteout. */
static bool seen_above(const struct stack *s, unsigned layer, const char *name)
{
	struct stat st;

	for (unsigned i = 0; i < layer; i++)
		if (fstatat(s->fd[i], name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			return true;
	return false;
}

/* c->levels[depth] into c->dirs[depth]. */
static int copy_dir(struct copy *c, unsigned depth)
{
	const struct stack *s = &c->levels[depth];
	struct dirent *ent;
	int e = 0;

	for (unsigned i = 0; i < s->n && e == 0; i++) {
		DIR *d = fd_opendir(s->fd[i]);

		if (!d)
			return fail(c, -errno, "read");
		while (e == 0 && (ent = fd_readdir(d)))
			if (!seen_above(s, i, ent->d_name))
				e = copy_entry(c, depth, ent->d_name);
		closedir(d);
	}
	return e < 0 ? e : copy_metadata(c, s->fd[0], c->dirs[depth]);
}

int copy_tree(int to, const int *layers, unsigned n, const char *path, const struct policy_layer *policy,
	      struct result *ret)
{
	struct copy *c = calloc(1, sizeof(*c) + (LAYER_DEPTH_MAX + 1) * sizeof(c->levels[0]));
	struct stack root = { .n = n };
	int e;

	if (!c)
		return result_fail(ret, -ENOMEM, "memory");
	c->policy = policy;
	c->why = ret;
	c->dirs[0] = to;
	memcpy(root.fd, layers, n * sizeof(int));
	e = stack_resolve(&root, path, &c->levels[0]);
	if (e == -ENOENT || e == -ENOTDIR) {
		free(c);
		return 0; /* nothing there to copy */
	}
	e = e < 0 ? fail(c, e, "path") : copy_dir(c, 0);
	ret->copy.copied = e == 0;
	stack_finish(&c->levels[0]);
	links_finish(c);
	free(c);
	return e;
}
