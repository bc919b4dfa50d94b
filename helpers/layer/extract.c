/* extract.c - see extract.h.
 *
 * Hostile input: everything in an entry. Invariants:
 * - the kernel follows no symbolic link: parents are opened with openat2(RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS), or
 *   walked by resolve.c, which stays inside; the last component is made with O_EXCL, O_NOFOLLOW or a call that does not
 *   follow. Nobody else writes there meanwhile.
 * - a hard link's target is a file of this layer, found the same way; never a device.
 * - the only device node is 0/0, made from ".wh." names (image-spec layer.md, "Whiteouts"; overlayfs.rst).
 * - ids are 0..65535; set-id bits stay, they mean something inside the container's ids only. */
#include "extract.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "../base/cleanup.h"
#include "split.h"

#define WH ".wh."
#define WH_OPAQUE ".wh..wh..opq"
#define WH_META ".wh..wh."

struct dir_time {
	char *path;
	struct timespec mtime;
};

void extract_init(struct extract *x, int root, const struct policy_layer *policy, struct result *why)
{
	memset(x, 0, sizeof(*x));
	x->root = root;
	x->policy = policy;
	x->why = why;
	x->parent = -EBADF;
}

void extract_finish(struct extract *x)
{
	x->parent = close_fd(x->parent);
	for (size_t i = 0; i < x->ndirs; i++)
		free(x->dirs[i].path);
	free(x->dirs);
	x->dirs = NULL;
	x->ndirs = 0;
}

int extract_fail(struct extract *x, int e, const char *stage)
{
	return result_fail(x->why, e, stage);
}

int extract_over(struct extract *x, const char *stage, const char *rule)
{
	snprintf(x->why->rule, sizeof(x->why->rule), "%s", rule);
	return extract_fail(x, -EFBIG, stage);
}

int extract_count(struct extract *x)
{
	if (++x->entries > x->policy->max_entries)
		return extract_over(x, "entries", "layer.max_entries");
	return 0;
}

int extract_set_opaque(int dir)
{
	return fsetxattr(dir, "user.overlay.opaque", "y", 1, 0) < 0 ? -errno : 0;
}

/* Splits a clean path: x->parent is its directory (made when missing), the result its last component. */
static int enter_parent(struct extract *x, char *path, const char **ret_name)
{
	char *slash = strrchr(path, '/');
	const char *parent = slash ? path : "";
	char found[PATH_MAX];
	int fd;

	if (slash)
		*slash = '\0';
	*ret_name = slash ? slash + 1 : path;
	if (x->parent >= 0 && strcmp(parent, x->parent_said) == 0)
		return 0;
	fd = open_beneath(x->root, parent, O_RDONLY | O_DIRECTORY);
	if (fd >= 0) {
		snprintf(found, sizeof(found), "%s", parent);
	} else {
		/* Links on the way, or something is missing. */
		if (fd == -ENOENT || fd == -ELOOP || fd == -ENOTDIR)
			fd = resolve_dir(x, parent, /* make= */ true, found);
		if (fd < 0)
			return extract_fail(x, fd, "path");
	}
	close_fd(x->parent);
	x->parent = fd;
	memcpy(x->parent_said, parent, strlen(parent) + 1);
	memcpy(x->parent_path, found, strlen(found) + 1);
	return 0;
}

/* Where one id is all there is, everything is its; that is no more than a container could do there itself. */
static int check_ids(struct extract *x, const struct tar_entry *entry)
{
	const struct policy_common *p = &x->policy->common;

	if (entry->uid >= MAP_SIZE || entry->gid >= MAP_SIZE)
		return extract_fail(x, -EOVERFLOW, "owner outside 0..65535");
	if (p->ids_count && (!policy_maps(p, (uint32_t)entry->uid) || !policy_maps(p, (uint32_t)entry->gid)))
		return extract_fail(x, -EOVERFLOW, "owner that containers have not");
	return 0;
}

static uid_t uid_of(const struct extract *x, const struct tar_entry *entry)
{
	return x->policy->common.ids_count ? (uid_t)entry->uid : 0;
}

static gid_t gid_of(const struct extract *x, const struct tar_entry *entry)
{
	return x->policy->common.ids_count ? (gid_t)entry->gid : 0;
}

/* user.* but overlay's own, and capabilities in the form without a root id (the kernel binds them to ours). */
static bool xattr_kept(const char *name, const void *value, size_t size)
{
	uint32_t magic;

	if (strncmp(name, "user.overlay.", 13) == 0)
		return false;
	if (strncmp(name, "user.", 5) == 0)
		return name[5] != '\0';
	if (strcmp(name, "security.capability") != 0 || size != 20)
		return false;
	memcpy(&magic, value, sizeof(magic));
	return (magic & 0xff000000u) == 0x02000000u; /* VFS_CAP_REVISION_2, linux/capability.h */
}

static int set_xattrs(struct extract *x, int fd, const struct tar_entry *entry)
{
	for (unsigned i = 0; i < entry->nxattrs; i++) {
		const struct tar_xattr *a = &entry->xattrs[i];

		if (!xattr_kept(a->name, a->value, a->size)) {
			x->skipped_xattrs++;
			continue;
		}
		if (fsetxattr(fd, a->name, a->value, a->size, 0) < 0)
			return extract_fail(x, -errno, "xattr");
	}
	return 0;
}

/* Owner first: chown takes set-id bits and capabilities away. What is right already (most is) costs a look, no
 * change. */
static int set_metadata(struct extract *x, int fd, const struct tar_entry *entry)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return extract_fail(x, -errno, "owner");
	if (st.st_uid != uid_of(x, entry) || st.st_gid != gid_of(x, entry)) {
		if (fchown(fd, uid_of(x, entry), gid_of(x, entry)) < 0)
			return extract_fail(x, -errno, "owner");
		st.st_mode = 0;
	}
	if ((st.st_mode & 07777) != entry->mode && fchmod(fd, entry->mode) < 0)
		return extract_fail(x, -errno, "mode");
	return set_xattrs(x, fd, entry);
}

static int write_data(struct extract *x, struct tar *t, int fd, uint64_t size)
{
	uint64_t end = 0, offset;
	const void *data;
	ssize_t n;

	while ((n = tar_data(t, &data, &offset)) > 0) {
		end = offset + (uint64_t)n;
		while (n > 0) {
			ssize_t done = pwrite(fd, data, (size_t)n, (off_t)offset);

			if (done < 0)
				return extract_fail(x, -errno, "write");
			data = (const char *)data + done;
			offset += (uint64_t)done;
			n -= done;
		}
	}
	if (n < 0)
		return (int)n;
	if (end < size && ftruncate(fd, (off_t)size) < 0)
		return extract_fail(x, -errno, "write");
	return 0;
}

/* Where the file stands is enough to make the archive again, unless it has holes. */
static int keep_data(struct extract *x, const char *name, const struct tar_entry *entry, struct split *split)
{
	char path[2 * PATH_MAX];
	int e;

	if (!split || entry->size == 0 || entry->sparse)
		return 0;
	snprintf(path, sizeof(path), "%s%s%s", x->parent_path, *x->parent_path ? "/" : "", name);
	e = strlen(path) < PATH_MAX ? split_file(split, path, entry->size) : -ENAMETOOLONG;
	return e < 0 ? extract_fail(x, e, "split") : 0;
}

/* A later entry replaces an earlier one of the same name; only a directory meets a directory. */
static int make_room(struct extract *x, const char *name, bool dir, bool *ret_whiteout)
{
	struct stat st;
	int e;

	*ret_whiteout = false;
	if (fstatat(x->parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : extract_fail(x, -errno, "path");
	if (dir && S_ISDIR(st.st_mode))
		return 0;
	*ret_whiteout = is_whiteout(&st);
	x->replaced = x->replaced || S_ISREG(st.st_mode) || S_ISDIR(st.st_mode);
	e = tree_remove(x->parent, name);
	return e < 0 ? extract_fail(x, e, "replace") : 0;
}

/* In the place of an earlier one of the same name, which is seldom. */
static int create_file(struct extract *x, const char *name, mode_t mode)
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(x->parent, name, flags, mode & 0777);
	bool whiteout;
	int e;

	if (fd < 0 && errno == EEXIST) {
		e = make_room(x, name, /* dir= */ false, &whiteout);
		if (e < 0)
			return e;
		fd = openat(x->parent, name, flags, mode & 0777);
	}
	return fd < 0 ? extract_fail(x, -errno, "create") : fd;
}

static int make_file(struct extract *x, const char *name, struct tar *t, const struct tar_entry *entry,
		     struct split *split)
{
	_cleanup_close_ int fd = -EBADF;
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, entry->mtime };
	int e;

	if (entry->size > x->policy->max_bytes - x->bytes)
		return extract_over(x, "bytes", "layer.max_bytes");
	x->bytes += entry->size;
	fd = create_file(x, name, entry->mode);
	if (fd < 0)
		return fd;
	e = keep_data(x, name, entry, split);
	if (e == 0 && split)
		tar_apart(t);
	if (e == 0)
		e = write_data(x, t, fd, entry->size);
	if (e == 0)
		e = set_metadata(x, fd, entry);
	if (e == 0 && futimens(fd, times) < 0)
		e = extract_fail(x, -errno, "time");
	return e;
}

/* name NULL: the layer's own directory. */
static int remember_time(struct extract *x, const char *name, const struct tar_entry *entry)
{
	size_t n = name ? strlen(x->parent_path) + strlen(name) + 2 : 1;

	if (x->ndirs == x->dirs_size) {
		size_t size = x->dirs_size ? 2 * x->dirs_size : 256;
		struct dir_time *more = reallocarray(x->dirs, size, sizeof(*more));

		if (!more)
			return extract_fail(x, -ENOMEM, "memory");
		x->dirs = more;
		x->dirs_size = size;
	}
	x->dirs[x->ndirs].mtime = entry->mtime;
	x->dirs[x->ndirs].path = malloc(n);
	if (!x->dirs[x->ndirs].path)
		return extract_fail(x, -ENOMEM, "memory");
	snprintf(x->dirs[x->ndirs].path, n, "%s%s%s", name ? x->parent_path : "", name && *x->parent_path ? "/" : "",
		 name ? name : "");
	x->ndirs++;
	return 0;
}

/* An existing directory stays and gets the entry's metadata. name NULL: the layer's own directory. */
static int make_dir(struct extract *x, const char *name, bool opaque, const struct tar_entry *entry)
{
	_cleanup_close_ int fd = -EBADF;
	int e;

	if (name && mkdirat(x->parent, name, 0700) < 0 && errno != EEXIST)
		return extract_fail(x, -errno, "mkdir");
	fd = openat(name ? x->parent : x->root, name ? name : ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return extract_fail(x, -errno, "mkdir");
	e = set_metadata(x, fd, entry);
	if (e == 0 && opaque) {
		e = extract_set_opaque(fd);
		if (e < 0)
			return extract_fail(x, e, "opaque");
	}
	return e < 0 ? e : remember_time(x, name, entry);
}

/* Symbolic links and FIFOs: things without an fd of their own. */
static int make_other(struct extract *x, const char *name, const struct tar_entry *entry)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, entry->mtime };
	const char *target = entry->link;
	bool link = entry->type == TAR_SYMLINK;

	if (link && !*target)
		return extract_fail(x, -EINVAL, "symlink");
	if ((link ? symlinkat(target, x->parent, name) : mknodat(x->parent, name, S_IFIFO | 0600, 0)) < 0)
		return extract_fail(x, -errno, "create");
	if (fchownat(x->parent, name, uid_of(x, entry), gid_of(x, entry),
		     AT_SYMLINK_NOFOLLOW) < 0)
		return extract_fail(x, -errno, "owner");
	if (!link && fchmodat(x->parent, name, entry->mode, 0) < 0)
		return extract_fail(x, -errno, "mode");
	if (utimensat(x->parent, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return extract_fail(x, -errno, "time");
	return 0;
}

/* As Docker: the last name's owner, mode and time are the file's. */
static int make_hardlink(struct extract *x, const char *name, const struct tar_entry *entry)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, entry->mtime };
	_cleanup_close_ int dir = -EBADF;
	char path[PATH_MAX], found[PATH_MAX], *slash;
	const char *base;
	struct stat st;
	int e = clean_path(entry->link, path);

	if (e < 0)
		return extract_fail(x, e, "hard link");
	slash = strrchr(path, '/');
	if (slash)
		*slash = '\0';
	base = slash ? slash + 1 : path;
	dir = resolve_dir(x, slash ? path : "", /* make= */ false, found);
	if (dir < 0)
		return dir;
	if (!*base || fstatat(dir, base, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return extract_fail(x, -ENOENT, "hard link");
	if (!S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode) && !S_ISFIFO(st.st_mode))
		return extract_fail(x, -EPERM, "hard link");
	if (linkat(dir, base, x->parent, name, 0) < 0)
		return extract_fail(x, -errno, "hard link");
	if (st.st_uid != uid_of(x, entry) || st.st_gid != gid_of(x, entry)) {
		if (fchownat(x->parent, name, uid_of(x, entry), gid_of(x, entry), AT_SYMLINK_NOFOLLOW) < 0)
			return extract_fail(x, -errno, "owner");
		st.st_mode &= S_IFMT;
	}
	/* No link: nothing is followed. */
	if (!S_ISLNK(st.st_mode) && (st.st_mode & 07777) != entry->mode &&
	    fchmodat(x->parent, name, entry->mode, 0) < 0)
		return extract_fail(x, -errno, "mode");
	return utimensat(x->parent, name, times, AT_SYMLINK_NOFOLLOW) < 0 ? extract_fail(x, -errno, "time") : 0;
}

/* ".wh.NAME" hides NAME of the layers below, ".wh..wh..opq" all of the directory. What this layer has itself stays. */
static int make_whiteout(struct extract *x, const char *base)
{
	_cleanup_close_ int fd = -EBADF;
	const char *name = base + strlen(WH);
	struct stat st;
	int e;

	if (strcmp(base, WH_OPAQUE) == 0)
		name = "."; /* x->parent itself */
	else if (strncmp(base, WH_META, strlen(WH_META)) == 0)
		return 0; /* AUFS's own bookkeeping */
	else if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return extract_fail(x, -EINVAL, "whiteout");
	else if (fstatat(x->parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return mknodat(x->parent, name, S_IFCHR, makedev(0, 0)) < 0 ? extract_fail(x, -errno, "whiteout") : 0;
	else if (!S_ISDIR(st.st_mode))
		return 0;
	fd = openat(x->parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	e = fd < 0 ? -errno : extract_set_opaque(fd);
	return e < 0 ? extract_fail(x, e, "whiteout") : 0;
}

static int make_node(struct extract *x, const char *name, struct tar *t, const struct tar_entry *entry,
		     struct split *split)
{
	bool whiteout = false;
	int e = 0;

	/* Devices are not for an image to bring: the kernel refuses them here, and a container has its /dev. */
	if (entry->type == TAR_CHAR || entry->type == TAR_BLOCK) {
		x->skipped_devices++;
		return 0;
	}
	if (entry->type != TAR_FILE)
		e = make_room(x, name, entry->type == TAR_DIR, &whiteout);
	if (e < 0)
		return e;
	switch (entry->type) {
	case TAR_HARDLINK:
		return make_hardlink(x, name, entry);
	case TAR_FILE:
		return make_file(x, name, t, entry, split);
	case TAR_DIR:
		return make_dir(x, name, whiteout, entry);
	default:
		return make_other(x, name, entry);
	}
}

int extract_entry(struct extract *x, struct tar *t, const struct tar_entry *entry, struct split *split)
{
	const char *name;
	char path[PATH_MAX];
	int e = clean_path(entry->name, path);

	if (e < 0)
		return extract_fail(x, e, e == -EINVAL ? "path with .." : "path");
	e = extract_count(x);
	if (e == 0)
		e = check_ids(x, entry);
	if (e < 0)
		return e;
	if (!*path)
		return entry->type == TAR_DIR ? make_dir(x, NULL, /* opaque= */ false, entry) :
						extract_fail(x, -EINVAL, "path");
	e = enter_parent(x, path, &name);
	if (e < 0)
		return e;
	if (strncmp(name, WH, strlen(WH)) == 0)
		return make_whiteout(x, name);
	return make_node(x, name, t, entry, split);
}

int extract_times(struct extract *x)
{
	for (size_t i = x->ndirs; i-- > 0;) {
		struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, x->dirs[i].mtime };
		_cleanup_close_ int fd = open_beneath(x->root, x->dirs[i].path, O_RDONLY | O_DIRECTORY);

		/* Replaced by a later entry: no such directory any more. */
		if (fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP)
			continue;
		if (fd < 0 || futimens(fd, times) < 0)
			return extract_fail(x, fd < 0 ? fd : -errno, "time");
	}
	return 0;
}
