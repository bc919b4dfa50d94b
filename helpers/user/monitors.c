/* monitors.c - the containers of a user's engine, found by the sockets of their monitors.
 *
 * Only spawn's uid can make a socket in that directory; the kernel says which process listens there (SO_PEERCRED,
 * unix(7)). Cgroups, by which root's engine finds them, may not be there, or be others than they were. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/fd.h"
#include "../base/sys.h"
#include "../base/text.h"
#include "user.h"

/* The process behind a socket, 0 when there is none. */
static pid_t listener(int dir, const char *name)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct ucred cred;
	socklen_t n = sizeof(cred);

	if (fd < 0 || text_format(a.sun_path, sizeof(a.sun_path), "/proc/self/fd/%d/%s", dir, name) < 0 ||
	    connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) < 0)
		return 0;
	return cred.pid;
}

/* each(pid) for every living monitor until one call returns something else than -ENOENT, which is returned. */
static int monitors_each(int run_dir, int (*each)(pid_t monitor))
{
	_cleanup_close_ int dir = openat(run_dir, "monitors", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = dir < 0 ? NULL : fd_opendir(dir);
	int r = -ENOENT;

	if (!d)
		return -ENOENT;
	for (struct dirent *e; r == -ENOENT && (e = fd_readdir(d));) {
		pid_t pid = strlen(e->d_name) == ID_HEX + 5 ? listener(dir, e->d_name) : 0;

		if (pid > 0)
			r = each(pid);
	}
	closedir(d);
	return r;
}

/* The namespace right below ours that a monitor lives in or below. */
static int range_above(pid_t pid)
{
	_cleanup_close_ int own = open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC), ns = -EBADF;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
	ns = open(path, O_RDONLY | O_CLOEXEC);
	while (ns >= 0 && own >= 0) {
		int up = ioctl(ns, NS_GET_PARENT);

		if (up >= 0 && fd_same(up, own)) {
			close_fd(up);
			return TAKE_FD(ns);
		}
		close_fd(ns);
		ns = up;
	}
	return -ENOENT;
}

int monitors_range(int run_dir)
{
	return monitors_each(run_dir, range_above);
}

static int open_pidfd(pid_t monitor)
{
	int fd = sys_pidfd_open(monitor);

	return fd == -ESRCH ? -ENOENT : fd;
}

int monitors_any(int run_dir)
{
	return monitors_each(run_dir, open_pidfd);
}

/* By pidfd, and only while it still is the monitor's child: the number may be another's by now. */
static void kill_child(pid_t monitor, const char *number)
{
	_cleanup_close_ int pidfd = -EBADF;
	char path[64], parent[32];
	_cleanup_free_ char *status = NULL;
	uint64_t pid;

	if (text_u64(number, INT32_MAX, &pid) < 0)
		return;
	pidfd = sys_pidfd_open((pid_t)pid);
	snprintf(path, sizeof(path), "/proc/%s/status", number);
	snprintf(parent, sizeof(parent), "\nPPid:\t%d\n", monitor);
	_cleanup_close_ int file = open(path, O_RDONLY | O_CLOEXEC);

	if (pidfd >= 0 && file >= 0 && fd_read_all(file, 65536, &status, NULL) == 0 && strstr(status, parent))
		sys_pidfd_send_signal(pidfd, SIGKILL);
}

static int kill_one(pid_t monitor)
{
	_cleanup_close_ int pidfd = sys_pidfd_open(monitor), file = -EBADF;
	struct pollfd end = { .fd = pidfd, .events = POLLIN };
	_cleanup_free_ char *children = NULL;
	char path[64], *save = NULL;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", monitor, monitor);
	file = open(path, O_RDONLY | O_CLOEXEC);
	if (file >= 0 && fd_read_all(file, 65536, &children, NULL) == 0)
		for (char *p = strtok_r(children, " ", &save); p; p = strtok_r(NULL, " ", &save))
			kill_child(monitor, p);
	/* It writes the exit status and goes by itself; should it hang, it is made to. */
	if (pidfd >= 0 && poll(&end, 1, 1000) != 1) {
		sys_pidfd_send_signal(pidfd, SIGKILL);
		poll(&end, 1, 1000);
	}
	return -ENOENT; /* the next */
}

void monitors_kill(int run_dir)
{
	monitors_each(run_dir, kill_one);
}
