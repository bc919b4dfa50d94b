/* dirs.c - what the engine has on disk, and who owns it.
 *
 * DATA/store 0700 root: nobody reaches a set-id file of an image by path (root of a user's engine is the user, and of
 * its containers: there an id of the engine's that no container has keeps it); its tree (ids of images, the foreign
 * range) is handed out as an fd. DATA/state is the controller's, DATA/audit root's and append-only. RUN: socket,
 * monitors, status. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/fd.h"
#include "../base/log.h"
#include "../base/text.h"
#include "launcher.h"

/* Makes or opens a directory that must be what we say: a link or another owner there is not followed but refused. */
static int dir_make(int parent, const char *name, mode_t mode, uid_t uid, gid_t gid)
{
	_cleanup_close_ int fd = -EBADF;

	if (mkdirat(parent, name, mode) < 0 && errno != EEXIST)
		return -errno;
	fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fchown(fd, uid, gid) < 0 || fchmod(fd, mode) < 0)
		return -errno;
	return TAKE_FD(fd);
}

/* mkdir -p of a path that root gave; the last component gets the mode. */
static int path_make(const char *path, mode_t mode)
{
	char part[PATH_SIZE];

	for (size_t at = 0; path_prefix(path, &at, part, sizeof(part));)
		if (mkdir(part, 0755) < 0 && errno != EEXIST)
			return -errno;
	return dir_make(AT_FDCWD, path, mode, 0, 0);
}

/* chattr +a: an append-only file cannot be cut or rewritten by whoever holds it open (ioctl_iflags(2)). */
static int set_append_only(int fd, bool on)
{
	int flags;

	if (ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0)
		return -errno;
	flags = on ? flags | FS_APPEND_FL : flags & ~FS_APPEND_FL;
	return ioctl(fd, FS_IOC_SETFLAGS, &flags) < 0 ? -errno : 0;
}

static int open_log(int dir, const char *name, gid_t gid)
{
	static unsigned warned; /* once is enough for both files */
	_cleanup_close_ int fd = openat(dir, name, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0640);
	int r;

	if (fd < 0)
		return -errno;
	/* Already append-only files refuse a change of owner: they have it from their first day. */
	if (fchown(fd, 0, gid) < 0 && errno != EPERM)
		return -errno;
	r = set_append_only(fd, true);
	if (r < 0 && !warned++)
		log_warn("%s: this file system has no append-only flag (%s): only ownership protects the log", name,
			 strerror(-r));
	return TAKE_FD(fd);
}

static int store_create(struct launcher *l, int data)
{
	static const char *const parts[] = { "layers", "containers", "volumes" };
	const uint32_t keeper = l->ids.user ? engine_id(l, HELPER_LAYER) : 0;
	_cleanup_close_ int parent = dir_make(data, "store", 0700, keeper, keeper);

	if (parent < 0)
		return parent;
	l->store_dir = dir_make(parent, "tree", 0711, l->ids.store_first, l->ids.store_first);
	if (l->store_dir < 0)
		return l->store_dir;
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		_cleanup_close_ int fd = dir_make(l->store_dir, parts[i], 0711, l->ids.store_first, l->ids.store_first);

		if (fd < 0)
			return fd;
	}
	return 0;
}

/* A user's are nobody else's. */
static int data_make(const struct launcher *l)
{
	return path_make(l->config.data, l->ids.user ? 0700 : 0711);
}

static int run_make(const struct launcher *l)
{
	return path_make(l->config.run, l->ids.user ? 0700 : 0755);
}

int dirs_resolve(struct launcher *l)
{
	_cleanup_close_ int data = data_make(l);
	char real[PATH_SIZE];

	if (data < 0)
		return data;
	if (!realpath(l->config.data, real) || text_copy(l->config.data, sizeof(l->config.data), real) < 0 ||
	    !realpath(l->config.run, real) || text_copy(l->config.run, sizeof(l->config.run), real) < 0)
		return -errno;
	return 0;
}

int dirs_create(struct launcher *l)
{
	_cleanup_close_ int data = data_make(l), run = run_make(l), audit = -EBADF;
	uid_t controller = engine_id(l, HELPER_CONTROLLER), owner = engine_id(l, IDS_OWNER);
	int r;

	if (data < 0 || run < 0)
		return data < 0 ? data : run;
	r = store_create(l, data);
	if (r < 0)
		return r;
	l->state_dir = dir_make(data, "state", 0700, controller, controller);
	audit = dir_make(data, "audit", 0750, 0, 0);
	l->monitors_dir = dir_make(run, "monitors", 0700, owner, engine_id(l, HELPER_SPAWN));
	if (l->state_dir < 0 || audit < 0 || l->monitors_dir < 0)
		return -EACCES;
	l->audit_log = open_log(audit, "audit.log", 0);
	l->audit_anchors = open_log(audit, "anchors", 0);
	if (l->audit_log < 0 || l->audit_anchors < 0)
		return l->audit_log < 0 ? l->audit_log : l->audit_anchors;
	l->kmsg = l->policy->audit.kernel_log ? open("/dev/kmsg", O_WRONLY | O_CLOEXEC) : -EBADF;
	return 0;
}

int dirs_lock(struct launcher *l)
{
	char path[PATH_SIZE + 32], pid[16];
	_cleanup_close_ int run = -EBADF;
	int fd;

	if (l->config.purge && access(l->config.run, F_OK) < 0)
		return 0;
	run = run_make(l);
	if (run < 0)
		return run;
	snprintf(path, sizeof(path), "%s/launcher.pid", l->config.run);
	fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? -EBUSY : -errno;
	snprintf(pid, sizeof(pid), "%d\n", getpid());
	if (ftruncate(fd, 0) < 0 || write(fd, pid, strlen(pid)) < 0)
		return -errno;
	return 0; /* held open, and so locked, to the end */
}

static int listen_at(const struct launcher *l, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX }, passed = { 0 };
	_cleanup_close_ int fd = path[0] ? socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0) : -EBADF;
	struct group *group = l->config.group[0] ? getgrnam(l->config.group) : NULL;
	socklen_t n;

	if (fd < 0)
		return path[0] ? -errno : -EBADF;
	for (int i = FD_CHANNEL; n = sizeof(passed), i < FD_CHANNEL + l->npassed; i++)
		if (getsockname(i, (struct sockaddr *)&passed, &n) == 0 &&
		    strncmp(passed.sun_path, path, sizeof(passed.sun_path)) == 0)
			return i;
	if (text_copy(address.sun_path, sizeof(address.sun_path), path) < 0)
		return -ENAMETOOLONG;
	/* What another engine serves is not taken from it. */
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 || errno == EAGAIN)
		return -EADDRINUSE;
	if (unlink(address.sun_path) < 0 && errno != ENOENT)
		return -errno;
	/* Being able to connect is not a right: the policy's users are. With a group, others do not even get that far.
	 */
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    chmod(address.sun_path, group ? 0660 : 0666) < 0 ||
	    (group && chown(address.sun_path, 0, group->gr_gid) < 0) || listen(fd, 512) < 0)
		return -errno;
	return TAKE_FD(fd);
}

int dirs_listen(struct launcher *l)
{
	int r = 0;

	for (unsigned i = 0; i < SOCKET_COUNT && (r >= 0 || r == -EBADF); i++)
		r = l->listening[i] = listen_at(l, l->config.sockets[i]);
	return r == -EBADF ? 0 : r;
}

/* Removes everything below dir, which must not be one that others write to meanwhile. */
static int remove_below(int dir)
{
	DIR *d = fd_opendir(dir);
	int r = 0;

	if (!d)
		return -errno;
	for (struct dirent *e; (e = fd_readdir(d));) {
		_cleanup_close_ int fd = -EBADF;

		if (unlinkat(dir, e->d_name, 0) == 0)
			continue;
		fd = openat(dir, e->d_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
		if (fd < 0) {
			r = -errno;
			continue;
		}
		set_append_only(fd, false);
		if (unlinkat(dir, e->d_name, 0) == 0)
			continue;
		if (remove_below(fd) < 0 || unlinkat(dir, e->d_name, AT_REMOVEDIR) < 0)
			r = -errno;
	}
	closedir(d);
	return r;
}

int dirs_purge(struct launcher *l)
{
	const char *const roots[] = { l->config.data, l->config.run };
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(roots); i++) {
		_cleanup_close_ int fd = open(roots[i], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (fd < 0 && errno == ENOENT)
			continue;
		if (fd < 0 || remove_below(fd) < 0 || rmdir(roots[i]) < 0) {
			r = -errno;
			log_error("%s: cannot be removed whole: %s", roots[i], strerror(errno));
		}
	}
	return r;
}
