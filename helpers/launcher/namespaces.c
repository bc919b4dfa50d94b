/* namespaces.c - the namespaces that fence helpers in.
 *
 * range    maps only the container ranges and the ids of the helpers inside: idmap's CAP_SETUID reaches nothing else
 * store    0..65535 onto the foreign range: layer is root over files of images and nothing else
 * files    a mount namespace with the store and policy's bind roots, less our own state: mount and lookup find no /etc
 * spawn    proc, sys, dev and the system's libraries, all nosuid, and nothing that is mounted later: its own programs
 *          and what containers see need no more
 * user_namespaces(7), mount_namespaces(7), pivot_root(2) "pivot_root(".", ".")". */
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/nsfs.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/fd.h"
#include "../base/log.h"
#include "../base/pass.h"
#include "../base/sys.h"
#include "../base/text.h"
#include "launcher.h"

/* Runs make() in a child of ours and gives back the fds that it returns (at most 4, n of them). The child's own errors
 * are its log lines. */
static int in_child(struct launcher *l, int (*make)(struct launcher *l, int *fds), int *ret, size_t n)
{
	struct iovec byte = { &(char){ 0 }, 1 };
	int pair[2], r = pass_pair(pair);
	size_t got = 0;
	pid_t pid;

	if (r < 0)
		return r;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0) {
		int fds[4];

		close_fd(pair[0]);
		r = make(l, fds);
		if (r < 0)
			log_error("namespace: %s", strerror(-r));
		else
			r = pass_send(pair[1], &byte, 1, fds, n, 0);
		_exit(r < 0);
	}
	close_fd(pair[1]);
	r = (int)pass_receive(pair[0], &byte, 1, ret, n, &got, 0);
	close_fd(pair[0]);
	waitpid(pid, NULL, 0);
	return r < 0 ? r : got == n ? 0 : -EIO;
}

/* A user namespace with these maps. Until it is open a child holds it, which only waits to be killed. */
static int make_userns(const char *uid_map, const char *gid_map)
{
	struct clone_args args = { .flags = CLONE_NEWUSER, .exit_signal = SIGCHLD };
	pid_t parent = getpid(), pid = sys_clone3(&args);
	char path[64];
	int fd = -EBADF, r;

	if (pid < 0)
		return pid;
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		while (getppid() == parent)
			pause();
		_exit(0);
	}
	snprintf(path, sizeof(path), "/proc/%d/uid_map", pid);
	r = file_write_at(AT_FDCWD, path, uid_map);
	snprintf(path, sizeof(path), "/proc/%d/gid_map", pid);
	if (r == 0)
		r = file_write_at(AT_FDCWD, path, gid_map);
	snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
	if (r == 0)
		fd = open(path, O_RDONLY | O_CLOEXEC);
	if (r == 0 && fd < 0)
		r = -errno;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return r < 0 ? r : fd;
}

/* The range namespace above a process of a container that an earlier launcher of this engine started, so that the new
 * helpers keep their rights over it; -ENOENT when there is none. */
static int range_above(pid_t pid)
{
	_cleanup_close_ int host = open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC), ns = -EBADF;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
	ns = open(path, O_RDONLY | O_CLOEXEC);
	for (int depth = 0; ns >= 0 && host >= 0 && depth < 32; depth++) {
		int up = ioctl(ns, NS_GET_PARENT);

		if (up < 0)
			return -ENOENT;
		if (fd_same(up, host)) {
			close_fd(up);
			return depth == 0 ? -ENOENT : TAKE_FD(ns);
		}
		close_fd(ns);
		ns = up;
	}
	return -ENOENT;
}

static int range_recover(struct launcher *l)
{
	DIR *d = l->cgroups.n ? fd_opendir(l->cgroups.all[V2].dir) : NULL;
	int found = -ENOENT;

	for (struct dirent *e; d && found < 0 && (e = fd_readdir(d));) {
		char path[300], *text, *save = NULL;
		_cleanup_close_ int procs = -EBADF;

		if (strlen(e->d_name) != ID_HEX)
			continue;
		snprintf(path, sizeof(path), "%s/cgroup.procs", e->d_name);
		procs = openat(l->cgroups.all[V2].dir, path, O_RDONLY | O_CLOEXEC);
		if (procs < 0 || fd_read_all(procs, 65536, &text, NULL) < 0)
			continue;
		for (char *p = strtok_r(text, "\n", &save); p && found < 0; p = strtok_r(NULL, "\n", &save)) {
			uint64_t pid;

			if (text_u64(p, INT32_MAX, &pid) == 0)
				found = range_above((pid_t)pid);
		}
		free(text);
	}
	if (d)
		closedir(d);
	return found;
}

/* The container ids, and single ids of the engine's own as they are. */
static void write_map(const struct launcher *l, const uint32_t *offsets, size_t n, char *map, size_t size)
{
	const struct policy_common *p = &l->policy->controller;
	uint32_t first = p->range_first;
	size_t at;

	/* A user's engine has one range, which lies elsewhere inside (helpers/user). */
	if (p->ids_shared)
		at = policy_map_format(p, first, 0, map);
	else
		at = (size_t)snprintf(map, size, "%u %u %u\n", first, first, p->range_last - first + 1);
	for (size_t i = 0; i < n && l->ids.count; i++)
		at += (size_t)snprintf(map + at, size - at, "%u %u 1\n", engine_id(l, offsets[i]),
				       engine_id(l, offsets[i]));
}

static int range_create(struct launcher *l)
{
	static const uint32_t uids[] = { HELPER_IDMAP, HELPER_NETNS, HELPER_SPAWN, IDS_OWNER };
	static const uint32_t gids[] = { HELPER_IDMAP, HELPER_NETNS, HELPER_SPAWN, IDS_OWNER, IDS_CGROUP_GID };
	char uid_map[POLICY_MAP_TEXT + 256], gid_map[POLICY_MAP_TEXT + 256];
	int found = l->range_ns >= 0 ? l->range_ns : range_recover(l);

	if (found >= 0) {
		log_info("containers of an earlier launcher are running: their range namespace is used on");
		return found;
	}
	write_map(l, uids, ARRAY_SIZE(uids), uid_map, sizeof(uid_map));
	write_map(l, gids, ARRAY_SIZE(gids), gid_map, sizeof(gid_map));
	return make_userns(uid_map, gid_map);
}

/* The root to be: a directory that no policy can bind, hidden in this namespace only. */
#define ROOT "/proc"

static int bind_into(const char *source, const char *path, bool recursive)
{
	char target[2 * PATH_SIZE], part[2 * PATH_SIZE];

	if (access(source, F_OK) < 0)
		return 0; /* what is not there cannot be bound: lookup will say so */
	if (text_format(target, sizeof(target), ROOT "%s", path) < 0)
		return -ENAMETOOLONG;
	for (size_t at = strlen(ROOT); path_prefix(target, &at, part, sizeof(part));)
		if (mkdir(part, 0755) < 0 && errno != EEXIST && errno != EROFS)
			return -errno;
	return mount(source, target, NULL, MS_BIND | (recursive ? MS_REC : 0), NULL) < 0 ? -errno : 0;
}

static bool covered(const struct policy_lookup *p, uint32_t i)
{
	for (uint32_t k = 0; k < p->npaths; k++)
		if (k != i && strcmp(p->paths[k].path, p->paths[i].path) != 0 &&
		    path_below(p->paths[i].path, p->paths[k].path))
			return true;
	return false;
}

/* Our own state below a bind root is laid over with an empty directory, so that what holds it can be bound all the
 * same. The cover goes into the container with it and is locked there like every mount from a greater user namespace
 * (mount_namespaces(7)). Where none is laid, lookup gives nobody what holds that state. */
static int cover(const char *path)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
					       MOUNT_ATTR_NOEXEC };
	static const char empty[] = ROOT "/.cover";
	char target[2 * PATH_SIZE];
	struct stat st;

	if (mkdir(empty, 0555) < 0 && errno != EEXIST)
		return -errno;
	if (text_format(target, sizeof(target), ROOT "%s", path) < 0 || lstat(target, &st) < 0 ||
	    !S_ISDIR(st.st_mode))
		return 0;
	if (mount(empty, target, NULL, MS_BIND, NULL) < 0)
		return -errno;
	return sys_mount_setattr(AT_FDCWD, target, 0, &attr);
}

/* A mount namespace that is to hold what is put below ROOT and nothing else. Its fd or -errno. */
static int mounts_begin(unsigned long propagation)
{
	int ns;

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | propagation, NULL) < 0)
		return -errno;
	ns = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	if (ns < 0 || mount("postern", ROOT, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=64k,mode=755") < 0)
		return -errno;
	umask(0);
	return ns;
}

static int mounts_end(void)
{
	if (mount(NULL, ROOT, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0 ||
	    chdir(ROOT) < 0 || sys_pivot_root(".", ".") < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return -errno;
	return 0;
}

static int files_create(struct launcher *l, int *fds)
{
	const struct policy_lookup *policy = &l->policy->lookup;
	char store[PATH_SIZE + 16];
	int r = 0, ns = mounts_begin(MS_SLAVE);

	if (ns < 0)
		return ns;
	snprintf(store, sizeof(store), "%s/store/tree", l->config.data);
	for (uint32_t i = 0; i < policy->npaths && r == 0; i++)
		if (!covered(policy, i))
			r = bind_into(policy->paths[i].path, policy->paths[i].path, /* recursive= */ true);
	if (r == 0 && policy->common.ndevices)
		r = bind_into("/dev", "/dev", /* recursive= */ false);
	/* What is mounted below may not be taken off in a user's namespace: mount_namespaces(7). */
	if (r == -EINVAL)
		r = bind_into("/dev", "/dev", /* recursive= */ true);
	for (uint32_t i = 0; i < policy->ndenied && r == 0; i++)
		r = cover(policy->denied[i]);
	if (r == 0)
		r = bind_into(store, "/.store", /* recursive= */ false);
	if (r == 0)
		r = mounts_end();
	if (r < 0)
		return r;
	fds[0] = ns;
	fds[1] = open("/.store", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fds[1] < 0 ? -errno : 0;
}

/* proc and sys whole, or the kernel lets no container mount its own (user_namespaces(7)). */
static int spawn_create(struct launcher *l, int *fds)
{
	static const char *const seen[] = { "/sys", "/dev", "/usr", "/lib", "/lib64" };
	struct mount_attr nosuid = { .attr_set = MOUNT_ATTR_NOSUID };
	_cleanup_close_ int proc = sys_open_tree(AT_FDCWD, "/proc", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	char journal[SOCKET_PATH_SIZE], *slash;
	int r;

	if (proc < 0)
		return proc;
	r = fds[0] = mounts_begin(MS_PRIVATE);
	for (size_t i = 0; i < ARRAY_SIZE(seen) && r >= 0; i++)
		r = bind_into(seen[i], seen[i], /* recursive= */ true);
	/* The directory: a socket's file is another one after each start of the journal's. */
	text_copy(journal, sizeof(journal), l->config.journal);
	slash = strrchr(journal, '/');
	if (r >= 0 && slash && slash > journal) {
		*slash = '\0';
		r = bind_into(journal, journal, /* recursive= */ true);
	}
	if (r >= 0 && (mkdir(ROOT "/proc", 0555) < 0 ||
		       move_mount(proc, "", AT_FDCWD, ROOT "/proc", MOVE_MOUNT_F_EMPTY_PATH) < 0))
		r = -errno;
	if (r >= 0)
		r = mounts_end();
	return r < 0 ? r : sys_mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &nosuid);
}

int namespaces_create(struct launcher *l)
{
	char map[POLICY_MAP_TEXT];
	int fds[4] = { -EBADF, -EBADF }, r;

	l->range_ns = range_create(l);
	if (l->range_ns < 0)
		return l->range_ns;
	policy_map_format(&l->policy->controller, 0, l->ids.store_first, map);
	l->store_ns = make_userns(map, map);
	if (l->store_ns < 0)
		return l->store_ns;
	r = in_child(l, files_create, fds, 2);
	if (r < 0)
		return r;
	l->files_mntns = fds[0];
	l->store_in_files = fds[1];
	r = in_child(l, spawn_create, fds, 1);
	if (r == 0)
		l->spawn_mntns = fds[0];
	return r;
}
