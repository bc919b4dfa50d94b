/* check.c - can the data directory hold what an engine puts there? Tried, not guessed from names: a user's home may be
 * on anything, and otherwise the first container would fail with an error number.
 *
 * It takes files of other ids, user.* attributes (overlay keeps its marks there, since trusted.* is not ours), and is
 * the upper layer of an overlay mounted in a user namespace (Documentation/filesystems/overlayfs.rst). */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/fd.h"
#include "../base/log.h"
#include "user.h"

enum { ROOM_LEAST = 16 << 20, ROOM_SOME = 512 << 20, DENIED_PATH_MAX = 255 /* policy.h */ };
static const char probe_name[] = ".probe", way_out[] = "keep the data elsewhere: --data DIR, or XDG_DATA_HOME";

static const char *type_name(const struct statfs *fs)
{
	static const struct {
		unsigned long magic;
		const char *name;
	} names[] = {
		{ NFS_SUPER_MAGIC, "NFS" }, { OVERLAYFS_SUPER_MAGIC, "an overlay" }, { FUSE_SUPER_MAGIC, "FUSE" },
		{ CIFS_SUPER_MAGIC, "CIFS" }, { SMB2_SUPER_MAGIC, "SMB" }, { V9FS_MAGIC, "9P" },
		{ TMPFS_MAGIC, "tmpfs" }, { MSDOS_SUPER_MAGIC, "FAT" }, { EXFAT_SUPER_MAGIC, "exFAT" },
		{ ECRYPTFS_SUPER_MAGIC, "eCryptfs" }, { AFS_SUPER_MAGIC, "AFS" }, { CEPH_SUPER_MAGIC, "Ceph" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if ((unsigned long)fs->f_type == names[i].magic)
			return names[i].name;
	return "a file system";
}

/* --- what is tried, each step in a directory with lower, upper, work and merged -------------------------------- */
static int try_owner(int dir, const struct ids *ids)
{
	return ids->single || fchownat(dir, "lower/file", 1, 1, 0) == 0 ? 0 : -errno;
}

static int try_attribute(int dir, const struct ids *ids)
{
	_cleanup_close_ int fd = openat(dir, "lower/file", O_RDONLY | O_CLOEXEC);

	return fd >= 0 && fsetxattr(fd, "user.overlay.probe", "y", 1, 0) == 0 ? 0 : -errno;
}

/* A layer is laid over another, and what was below removed: that needs a whiteout. */
static int try_overlay(int dir, const struct ids *ids)
{
	int r;

	if (fchdir(dir) < 0 || mount("postern", "merged", "overlay", MS_NOSUID | MS_NODEV,
				     "lowerdir=lower,upperdir=upper,workdir=work,userxattr") < 0)
		return -errno;
	r = unlinkat(dir, "merged/file", 0) < 0 ? -errno : 0;
	umount2("merged", MNT_DETACH);
	return r;
}

static const struct {
	int (*try)(int dir, const struct ids *ids);
	const char *cannot;
} steps[] = {
	{ try_owner, "hold files of this user's subordinate ids" },
	{ try_attribute, "hold user.* attributes, which layers need" },
	{ try_overlay, "be the upper layer of an overlay" },
};

static const char *const probe_dirs[] = { "lower", "upper", "work", "merged" };

static void remove_files(int dir, const char *name)
{
	_cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fd_opendir(fd);

	for (struct dirent *e; d && (e = fd_readdir(d));)
		unlinkat(fd, e->d_name, 0);
	if (d)
		closedir(d);
}

/* Also what one that was killed has left, in whichever state. */
static void probe_remove(int data)
{
	static const char *const with_files[] = { "lower", "upper", "work/work" };
	_cleanup_close_ int dir = openat(data, probe_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (dir < 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(with_files); i++)
		remove_files(dir, with_files[i]);
	unlinkat(dir, "work/work", AT_REMOVEDIR);
	for (size_t i = 0; i < ARRAY_SIZE(probe_dirs); i++)
		unlinkat(dir, probe_dirs[i], AT_REMOVEDIR);
	unlinkat(data, probe_name, AT_REMOVEDIR);
}

static int probe_make(int data)
{
	_cleanup_close_ int dir = -EBADF, file = -EBADF;

	probe_remove(data);
	if (mkdirat(data, probe_name, 0700) < 0)
		return -errno;
	dir = openat(data, probe_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	for (size_t i = 0; i < ARRAY_SIZE(probe_dirs); i++)
		if (dir < 0 || mkdirat(dir, probe_dirs[i], 0700) < 0)
			return -errno;
	file = openat(dir, "lower/file", O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	return file < 0 ? -errno : TAKE_FD(dir);
}

static int check_room(const struct config *c, const struct statvfs *v)
{
	uint64_t room = (uint64_t)v->f_bavail * v->f_frsize;

	if (room < ROOM_LEAST) {
		log_error("%s has room for %llu kB only: %s", c->data, (unsigned long long)room / 1024, way_out);
		return -ENOSPC;
	}
	if (room < ROOM_SOME)
		log_warn("%s has room for %llu MB only, which few images fit in: make room, or %s", c->data,
			 (unsigned long long)room >> 20, way_out);
	return 0;
}

int check_paths(const struct config *c)
{
	if (strlen(c->run) + strlen("/postern.sock") >= sizeof(((struct sockaddr_un *)0)->sun_path)) {
		log_error("%s is too long for a socket (107 bytes with its name): --run DIR, or XDG_RUNTIME_DIR",
			  c->run);
		return -ENAMETOOLONG;
	}
	if (strlen(c->data) > DENIED_PATH_MAX) {
		log_error("%s is too long (%d bytes): %s", c->data, DENIED_PATH_MAX, way_out);
		return -ENAMETOOLONG;
	}
	return 0;
}

int check_data(const struct config *c, const struct ids *ids)
{
	_cleanup_close_ int data = open(c->data, O_RDONLY | O_DIRECTORY | O_CLOEXEC), dir = -EBADF;
	struct statvfs v;
	struct statfs fs;
	int r;

	if (data < 0 || fstatvfs(data, &v) < 0 || fstatfs(data, &fs) < 0) {
		r = -errno;
		log_error("%s: %s: %s", c->data, strerror(-r), way_out);
		return r;
	}
	r = check_room(c, &v);
	if (r < 0)
		return r;
	r = dir = probe_make(data);
	if (r < 0)
		log_error("%s: %s: %s", c->data, strerror(-r), way_out);
	for (size_t i = 0; i < ARRAY_SIZE(steps) && r >= 0; i++) {
		r = steps[i].try(dir, ids);
		if (r < 0)
			log_error("%s is on %s that cannot %s (%s): %s", c->data, type_name(&fs), steps[i].cannot,
				  strerror(-r), way_out);
	}
	probe_remove(data);
	/* What a container has of its own is on the overlay, which does not take over the flag; its volumes are as they
	 * are. */
	if (r >= 0 && (v.f_flag & ST_NOEXEC))
		log_warn("%s is mounted noexec: no program in a volume can be run; %s", c->data, way_out);
	return r < 0 ? r : chdir("/") < 0 ? -errno : 0;
}
