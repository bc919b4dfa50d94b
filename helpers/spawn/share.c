/* share.c - mounts that are not the container's own: the host's, by policy, or another container's /dev/shm.
 *
 * A file system that shows a namespace can be mounted only by who owns that (proc: the pid namespace, sysfs: the
 * network's, mqueue: IPC's), and a container owns none of the host's: so there it is a clone of the host's mount. spawn
 * has asked policy; what of it the container may read or write is the kernel's to say, to which it is nobody.
 *
 * Another container's /dev/shm is cloned by a child of ours inside that one's mount namespace. What lies there is that
 * container's choice; both are of one user namespace, so it can give nothing that this one could not have made. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/pass.h"
#include "../base/sys.h"
#include "init.h"
#include "spawn.h"

static const struct {
	uint32_t host;
	enum plan_fs fs;
	const char *source; /* of the spec's mount; NULL: any */
	const char *path;
} rows[SHARED_MOUNTS] = {
	{ HOST_PID, PLAN_PROC, NULL, "/proc" },		{ HOST_NETWORK, PLAN_SYSFS, NULL, "/sys" },
	{ HOST_IPC, PLAN_MQUEUE, NULL, "/dev/mqueue" }, { HOST_CGROUP, PLAN_CGROUP2, NULL, "/sys/fs/cgroup" },
	{ HOST_IPC, PLAN_TMPFS, "shm", "/dev/shm" },
};
enum { ROW_SHM = SHARED_MOUNTS - 1 };

static void child_main(int mntns, int channel) __attribute__((noreturn));

/* Not dumpable and with nothing open but these two: processes of the other container may see it. */
static void child_main(int mntns, int channel)
{
	const int keep[] = { mntns, channel };
	struct iovec iov = { (char[1]){ 0 }, 1 };
	int dir, tree;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	fds_close_except(keep, ARRAY_SIZE(keep));
	if (setns(mntns, CLONE_NEWNS) < 0)
		_exit(errno);
	dir = sys_openat2(AT_FDCWD, "/dev/shm", O_PATH | O_DIRECTORY | O_CLOEXEC, 0,
			  RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
	tree = dir < 0 ? dir : sys_open_tree(dir, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
	_exit(tree < 0 ? -tree : pass_send(channel, &iov, 1, &tree, 1, 0) < 0 ? EIO : 0);
}

static int shm_take(int mntns)
{
	_cleanup_close_ int ours = -EBADF, theirs = -EBADF;
	struct iovec iov = { (char[1]){ 0 }, 1 };
	int pair[2], fd = -EBADF, status = 0;
	size_t n = 0;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	ours = pair[0];
	theirs = pair[1];
	pid = fork();
	if (pid == 0)
		child_main(mntns, theirs);
	cleanup_close_p(&theirs);
	if (pid < 0)
		return -errno;
	if (pass_receive(ours, &iov, 1, &fd, 1, &n, 0) < 0)
		n = 0;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (n == 1)
		return fd;
	return WIFEXITED(status) && WEXITSTATUS(status) ? -WEXITSTATUS(status) : -EIO;
}

int share_take(struct init *in)
{
	for (unsigned i = 0; i < SHARED_MOUNTS; i++) {
		in->shared[i] = -EBADF;
		if (!(in->req->host & rows[i].host))
			continue;
		in->shared[i] =
			sys_open_tree(AT_FDCWD, rows[i].path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
		if (in->shared[i] < 0 && in->shared[i] != -ENOENT)
			return init_fail(in, in->shared[i], "host's %s", rows[i].path);
	}
	if (in->req->shm < 0)
		return 0;
	in->shared[ROW_SHM] = shm_take(in->req->shm);
	return in->shared[ROW_SHM] < 0 ? init_fail(in, in->shared[ROW_SHM], "shared /dev/shm") : 0;
}

int share_find(struct init *in, const struct plan_mount *m, int *ret)
{
	for (unsigned i = 0; i < SHARED_MOUNTS; i++) {
		bool wanted = in->req->host & rows[i].host || (i == ROW_SHM && in->req->shm >= 0);

		if (!wanted || m->fs != rows[i].fs || (rows[i].source && strcmp(m->source, rows[i].source) != 0))
			continue;
		*ret = TAKE_FD(in->shared[i]);
		return *ret < 0 ? -ENOENT : 0;
	}
	return -ENODATA;
}
