/* tree.c - walking and removing trees that an image or a container made.
 *
 * Hostile input: names, depth, modes and types of everything below dir, which a running container may be changing. Each
 * level is opened from the fd of the one above with O_NOFOLLOW, so a swapped link is never followed. Permissions do not
 * matter: the worker has CAP_DAC_OVERRIDE in its user namespace. */
#include "layer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "../base/cleanup.h"

bool is_whiteout(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0);
}

bool is_opaque(int dir)
{
	char value[2];

	return fgetxattr(dir, "user.overlay.opaque", value, sizeof(value)) == 1 && value[0] == 'y';
}

static DIR *open_dir(int dir, const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d)
		close_fd(fd);
	return d;
}

static bool is_dot(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* A file with n names adds an nth for each, in 65536ths of a byte: the sum is exact to half a byte. */
static int add_size(int dir, const char *name, unsigned depth, uint64_t *sum)
{
	struct stat st;
	struct dirent *ent;
	DIR *d = open_dir(dir, name);
	int e = 0;

	if (!d)
		return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? 0 : -errno;
	while (e == 0 && (ent = readdir(d))) {
		if (is_dot(ent->d_name) || fstatat(dirfd(d), ent->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (S_ISREG(st.st_mode) && (uint64_t)st.st_size < UINT64_C(1) << 47)
			*sum += ((uint64_t)st.st_size << 16) / (st.st_nlink ? st.st_nlink : 1);
		else if (S_ISDIR(st.st_mode) && depth < LAYER_DEPTH_MAX)
			e = add_size(dirfd(d), ent->d_name, depth + 1, sum);
	}
	closedir(d);
	return e;
}

int tree_size(int dir, uint64_t *ret)
{
	uint64_t sum = 0;
	int e = add_size(dir, ".", 0, &sum);

	if (e == 0)
		*ret = (sum + (1 << 15)) >> 16;
	return e;
}

/* hoist: directory on the same file system that takes levels too deep for one walk, or -1. */
struct removal {
	int hoist;
	unsigned max_depth;
	unsigned hoisted;
};

static int remove_below(struct removal *r, int dir, const char *name, unsigned depth);

static int remove_one(struct removal *r, int dir, const char *name, unsigned depth)
{
	char aside[32];

	if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -errno;
	if (unlinkat(dir, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	if (errno != ENOTEMPTY && errno != EEXIST)
		return -errno;
	if (depth < r->max_depth)
		return remove_below(r, dir, name, depth + 1);
	if (r->hoist < 0)
		return -ELOOP;
	do
		snprintf(aside, sizeof(aside), "+%u", r->hoisted++);
	while (renameat2(dir, name, r->hoist, aside, RENAME_NOREPLACE) < 0 && errno == EEXIST);
	return 0; /* if it could not be moved, the directory above will not be empty, and that is told */
}

static int remove_below(struct removal *r, int dir, const char *name, unsigned depth)
{
	struct dirent *ent;
	DIR *d = open_dir(dir, name);
	int e = 0;

	if (!d)
		return errno == ENOENT ? 0 : -errno;
	while (e == 0 && (ent = readdir(d)))
		if (!is_dot(ent->d_name))
			e = remove_one(r, dirfd(d), ent->d_name, depth);
	closedir(d);
	if (e == 0 && unlinkat(dir, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		e = -errno;
	return e;
}

int tree_remove(int dir, const char *name)
{
	struct removal r = { .hoist = -1, .max_depth = LAYER_DEPTH_MAX };

	return remove_one(&r, dir, name, 0);
}

int tree_clear(int dir)
{
	struct removal r = { .hoist = dir, .max_depth = 64 };
	struct dirent *ent;
	DIR *d = open_dir(dir, ".");
	bool again = true;
	int e = 0;

	if (!d)
		return -errno;
	/* What was hoisted, or moved here meanwhile, needs another round; one that removes nothing is the last. */
	while (again) {
		again = false;
		e = 0;
		rewinddir(d);
		while ((ent = readdir(d))) {
			if (is_dot(ent->d_name))
				continue;
			int failed = remove_one(&r, dir, ent->d_name, 0);

			if (failed < 0)
				e = failed;
			else
				again = true;
		}
	}
	closedir(d);
	return e;
}
