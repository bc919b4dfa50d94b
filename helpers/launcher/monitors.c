/* monitors.c - the containers of an engine without cgroups, found by the sockets of their monitors.
 *
 * Only spawn's uid can make a socket in that directory; the kernel says which process listens there (SO_PEERCRED, unix(7)). */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/fd.h"
#include "../base/sys.h"
#include "../base/text.h"
#include "launcher.h"

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

int monitors_each(int dir, int (*each)(pid_t monitor))
{
	DIR *d = fd_opendir(dir);
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

void monitors_kill(struct launcher *l)
{
	char path[PATH_SIZE + 16];
	_cleanup_close_ int dir = -EBADF;

	snprintf(path, sizeof(path), "%s/monitors", l->config.run);
	dir = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir >= 0)
		monitors_each(dir, kill_one);
}
