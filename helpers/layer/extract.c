/* extract.c - see extract.h.
 *
 * Hostile input: everything in an entry. Invariants:
 * - no symbolic link is ever followed: parents are resolved with openat2(RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS), the
 *   last component is made with O_EXCL, O_NOFOLLOW or a call that does not follow. Nobody else writes there meanwhile.
 * - a hard link's target is a file of this layer, found the same way; never a device.
 * - the only device node is 0/0, made from ".wh." names (image-spec layer.md, "Whiteouts"; overlayfs.rst).
 * - ids are 0..65535; set-id bits stay, they mean something inside the container's ids only. */
#include "extract.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "../base/cleanup.h"
#include "../base/sys.h"

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

static int fail(struct extract *x, int e, const char *stage)
{
	return result_fail(x->why, e, stage);
}

static int over(struct extract *x, const char *stage, const char *rule)
{
	snprintf(x->why->rule, sizeof(x->why->rule), "%s", rule);
	return fail(x, -EFBIG, stage);
}

static int count_entry(struct extract *x)
{
	if (++x->entries > x->policy->max_entries)
		return over(x, "entries", "layer.max_entries");
	return 0;
}

/* "./a//b/" and "/a/b" become "a/b", the root "". ".." is refused wherever it stands. */
static int clean_path(const char *in, char out[PATH_MAX])
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

static int open_beneath(int root, const char *path, uint64_t flags)
{
	int fd;

	do
		fd = sys_openat2(root, *path ? path : ".", flags | O_CLOEXEC | O_NOFOLLOW, 0,
				 RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
	while (fd == -EAGAIN); /* a rename elsewhere raced with ".." checks: openat2(2) */
	return fd;
}

static int set_opaque(int dir)
{
	return fsetxattr(dir, "user.overlay.opaque", "y", 1, 0) < 0 ? -errno : 0;
}

/* Makes one directory that the archive does not name itself; in the place of a whiteout it hides what is below. */
static int make_parent(struct extract *x, int dir, const char *name)
{
	_cleanup_close_ int fd = -EBADF;
	struct stat st;
	bool opaque = false;
	int e;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		if (S_ISLNK(st.st_mode))
			return fail(x, -ELOOP, "symlink in path");
		if (!is_whiteout(&st))
			return S_ISDIR(st.st_mode) ? 0 : fail(x, -ENOTDIR, "path");
		if (unlinkat(dir, name, 0) < 0)
			return fail(x, -errno, "path");
		opaque = true;
	}
	e = count_entry(x);
	if (e < 0)
		return e;
	if (mkdirat(dir, name, 0755) < 0)
		return fail(x, -errno, "mkdir");
	if (!opaque)
		return 0;
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	e = fd < 0 ? -errno : set_opaque(fd);
	return e < 0 ? fail(x, e, "opaque") : 0;
}

static int make_parents(struct extract *x, const char *path)
{
	_cleanup_close_ int dir = open_beneath(x->root, "", O_PATH | O_DIRECTORY);
	char name[NAME_MAX + 1];
	int e;

	while (dir >= 0 && *path) {
		size_t len = strcspn(path, "/");
		int next;

		memcpy(name, path, len);
		name[len] = '\0';
		e = make_parent(x, dir, name);
		if (e < 0)
			return e;
		next = openat(dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (next < 0)
			return fail(x, -errno, "path");
		close_fd(dir);
		dir = next;
		path += len + (path[len] == '/');
	}
	return dir < 0 ? fail(x, dir, "path") : 0;
}

/* Splits a clean path: x->parent is its directory (made when missing), the result its last component. */
static int enter_parent(struct extract *x, char *path, const char **ret_name)
{
	char *slash = strrchr(path, '/');
	const char *parent = slash ? path : "";
	int fd, e;

	if (slash)
		*slash = '\0';
	*ret_name = slash ? slash + 1 : path;
	if (x->parent < 0 || strcmp(parent, x->parent_path) != 0) {
		fd = open_beneath(x->root, parent, O_PATH | O_DIRECTORY);
		if (fd == -ENOENT || fd == -ENOTDIR) {
			e = make_parents(x, parent);
			if (e < 0)
				return e;
			fd = open_beneath(x->root, parent, O_PATH | O_DIRECTORY);
		}
		if (fd < 0)
			return fail(x, fd, fd == -ELOOP ? "symlink in path" : "path");
		close_fd(x->parent);
		x->parent = fd;
		snprintf(x->parent_path, sizeof(x->parent_path), "%s", parent);
	}
	return 0;
}

/* Where one id is all there is, everything is its; that is no more than a container could do there itself. */
static int check_ids(struct extract *x, struct archive_entry *entry)
{
	const struct policy_common *p = &x->policy->common;
	int64_t uid = archive_entry_uid(entry), gid = archive_entry_gid(entry);

	if (uid < 0 || uid >= MAP_SIZE || gid < 0 || gid >= MAP_SIZE)
		return fail(x, -EOVERFLOW, "owner outside 0..65535");
	if (p->ids_count == 0) {
		archive_entry_set_uid(entry, 0);
		archive_entry_set_gid(entry, 0);
		return 0;
	}
	if (!policy_maps(p, (uint32_t)uid) || !policy_maps(p, (uint32_t)gid))
		return fail(x, -EOVERFLOW, "owner that containers have not");
	return 0;
}

static struct timespec mtime_of(struct archive_entry *entry)
{
	struct timespec t = { .tv_nsec = UTIME_OMIT };

	if (archive_entry_mtime_is_set(entry)) {
		t.tv_sec = archive_entry_mtime(entry);
		t.tv_nsec = archive_entry_mtime_nsec(entry);
		if (t.tv_nsec < 0 || t.tv_nsec > 999999999)
			t.tv_nsec = 0;
	}
	return t;
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

static int set_xattrs(struct extract *x, int fd, struct archive_entry *entry)
{
	const char *name;
	const void *value;
	size_t size;

	archive_entry_xattr_reset(entry);
	while (archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK) {
		if (!name || !xattr_kept(name, value, size)) {
			x->skipped_xattrs++;
			continue;
		}
		if (fsetxattr(fd, name, value, size, 0) < 0)
			return fail(x, -errno, "xattr");
	}
	return 0;
}

/* Owner first: chown takes set-id bits and capabilities away. */
static int set_metadata(struct extract *x, int fd, struct archive_entry *entry)
{
	if (fchown(fd, (uid_t)archive_entry_uid(entry), (gid_t)archive_entry_gid(entry)) < 0)
		return fail(x, -errno, "owner");
	if (fchmod(fd, archive_entry_perm(entry) & 07777) < 0)
		return fail(x, -errno, "mode");
	return set_xattrs(x, fd, entry);
}

static int write_data(struct extract *x, struct archive *a, int fd, int64_t size)
{
	int64_t end = 0, offset;
	const void *data;
	size_t n;
	int r;

	while ((r = archive_read_data_block(a, &data, &n, &offset)) == ARCHIVE_OK || r == ARCHIVE_WARN) {
		if (offset < end || offset > size || n > (uint64_t)(size - offset))
			return fail(x, -EINVAL, "archive");
		end = offset + (int64_t)n;
		while (n > 0) {
			ssize_t done = pwrite(fd, data, n, offset);

			if (done < 0)
				return fail(x, -errno, "write");
			data = (const char *)data + done;
			offset += done;
			n -= (size_t)done;
		}
	}
	if (r != ARCHIVE_EOF)
		return fail(x, -EINVAL, "archive");
	if (end < size && ftruncate(fd, size) < 0)
		return fail(x, -errno, "write");
	return 0;
}

static int make_file(struct extract *x, const char *name, struct archive *a, struct archive_entry *entry)
{
	_cleanup_close_ int fd = -EBADF;
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, mtime_of(entry) };
	int64_t size = archive_entry_size(entry);
	int e;

	if (size < 0)
		return fail(x, -EINVAL, "archive");
	if ((uint64_t)size > x->policy->max_bytes - x->bytes)
		return over(x, "bytes", "layer.max_bytes");
	x->bytes += (uint64_t)size;
	fd = openat(x->parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return fail(x, -errno, "create");
	e = write_data(x, a, fd, size);
	if (e == 0)
		e = set_metadata(x, fd, entry);
	if (e == 0 && futimens(fd, times) < 0)
		e = fail(x, -errno, "time");
	return e;
}

static int remember_time(struct extract *x, const char *path, struct archive_entry *entry)
{
	if (x->ndirs == x->dirs_size) {
		size_t size = x->dirs_size ? 2 * x->dirs_size : 256;
		struct dir_time *more = reallocarray(x->dirs, size, sizeof(*more));

		if (!more)
			return fail(x, -ENOMEM, "memory");
		x->dirs = more;
		x->dirs_size = size;
	}
	x->dirs[x->ndirs].mtime = mtime_of(entry);
	x->dirs[x->ndirs].path = strdup(path);
	if (!x->dirs[x->ndirs].path)
		return fail(x, -ENOMEM, "memory");
	x->ndirs++;
	return 0;
}

/* An existing directory stays and gets the entry's metadata. name NULL: the layer's own directory. */
static int make_dir(struct extract *x, const char *name, const char *path, bool opaque, struct archive_entry *entry)
{
	_cleanup_close_ int fd = -EBADF;
	int e;

	if (name && mkdirat(x->parent, name, 0700) < 0 && errno != EEXIST)
		return fail(x, -errno, "mkdir");
	fd = openat(name ? x->parent : x->root, name ? name : ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return fail(x, -errno, "mkdir");
	e = set_metadata(x, fd, entry);
	if (e == 0 && opaque) {
		e = set_opaque(fd);
		if (e < 0)
			return fail(x, e, "opaque");
	}
	return e < 0 ? e : remember_time(x, path, entry);
}

/* Symbolic links and FIFOs: things without an fd of their own. */
static int make_other(struct extract *x, const char *name, struct archive_entry *entry)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, mtime_of(entry) };
	const char *target = archive_entry_symlink(entry);
	bool link = archive_entry_filetype(entry) == AE_IFLNK;

	if (link && (!target || !*target))
		return fail(x, -EINVAL, "symlink");
	if ((link ? symlinkat(target, x->parent, name) : mknodat(x->parent, name, S_IFIFO | 0600, 0)) < 0)
		return fail(x, -errno, "create");
	if (fchownat(x->parent, name, (uid_t)archive_entry_uid(entry), (gid_t)archive_entry_gid(entry),
		     AT_SYMLINK_NOFOLLOW) < 0)
		return fail(x, -errno, "owner");
	if (!link && fchmodat(x->parent, name, archive_entry_perm(entry) & 07777, 0) < 0)
		return fail(x, -errno, "mode");
	if (utimensat(x->parent, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return fail(x, -errno, "time");
	return 0;
}

static int make_hardlink(struct extract *x, const char *name, const char *target)
{
	_cleanup_close_ int dir = -EBADF;
	char path[PATH_MAX], *slash;
	const char *base;
	struct stat st;
	int e = clean_path(target, path);

	if (e < 0)
		return fail(x, e, "hard link");
	slash = strrchr(path, '/');
	if (slash)
		*slash = '\0';
	base = slash ? slash + 1 : path;
	dir = open_beneath(x->root, slash ? path : "", O_PATH | O_DIRECTORY);
	if (dir < 0)
		return fail(x, dir, "hard link");
	if (!*base || fstatat(dir, base, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return fail(x, -ENOENT, "hard link");
	if (!S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode) && !S_ISFIFO(st.st_mode))
		return fail(x, -EPERM, "hard link");
	if (linkat(dir, base, x->parent, name, 0) < 0)
		return fail(x, -errno, "hard link");
	return 0;
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
		return fail(x, -EINVAL, "whiteout");
	else if (fstatat(x->parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return mknodat(x->parent, name, S_IFCHR, makedev(0, 0)) < 0 ? fail(x, -errno, "whiteout") : 0;
	else if (!S_ISDIR(st.st_mode))
		return 0;
	fd = openat(x->parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	e = fd < 0 ? -errno : set_opaque(fd);
	return e < 0 ? fail(x, e, "whiteout") : 0;
}

/* A later entry replaces an earlier one of the same name; only a directory meets a directory. */
static int make_room(struct extract *x, const char *name, bool dir, bool *ret_whiteout)
{
	struct stat st;
	int e;

	*ret_whiteout = false;
	if (fstatat(x->parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : fail(x, -errno, "path");
	if (dir && S_ISDIR(st.st_mode))
		return 0;
	*ret_whiteout = is_whiteout(&st);
	e = tree_remove(x->parent, name);
	return e < 0 ? fail(x, e, "replace") : 0;
}

static int make_node(struct extract *x, const char *name, const char *path, struct archive *a,
		     struct archive_entry *entry)
{
	const char *target = archive_entry_hardlink(entry);
	mode_t type = archive_entry_filetype(entry);
	bool whiteout;
	int e;

	if (!target && type != AE_IFREG && type != AE_IFDIR && type != AE_IFLNK && type != AE_IFIFO) {
		/* Devices are not for an image to bring: the kernel refuses them here, and a container has its /dev. */
		x->skipped_devices++;
		return 0;
	}
	e = make_room(x, name, !target && type == AE_IFDIR, &whiteout);
	if (e < 0)
		return e;
	if (target)
		return make_hardlink(x, name, target);
	if (type == AE_IFREG)
		return make_file(x, name, a, entry);
	if (type == AE_IFDIR)
		return make_dir(x, name, path, whiteout, entry);
	return make_other(x, name, entry);
}

int extract_entry(struct extract *x, struct archive *a, struct archive_entry *entry)
{
	const char *raw = archive_entry_pathname(entry), *name;
	char path[PATH_MAX], whole[PATH_MAX];
	int e = raw ? clean_path(raw, path) : -EINVAL;

	if (e < 0)
		return fail(x, e, "path");
	e = count_entry(x);
	if (e == 0)
		e = check_ids(x, entry);
	if (e < 0)
		return e;
	if (!*path)
		return archive_entry_filetype(entry) == AE_IFDIR && !archive_entry_hardlink(entry) ?
			       make_dir(x, NULL, "", /* opaque= */ false, entry) : fail(x, -EINVAL, "path");
	memcpy(whole, path, strlen(path) + 1);
	e = enter_parent(x, path, &name);
	if (e < 0)
		return e;
	if (strncmp(name, WH, strlen(WH)) == 0)
		return make_whiteout(x, name);
	return make_node(x, name, whole, a, entry);
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
			return fail(x, fd < 0 ? fd : -errno, "time");
	}
	return 0;
}
