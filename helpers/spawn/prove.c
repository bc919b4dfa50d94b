/* prove.c - what spawn must know of a cgroup directory or a monitor before it relies on it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/fd.h"
#include "../base/sys.h"
#include "../base/text.h"
#include "table.h"

enum { CGROUP_FILE_MAX = 16384 };

int cgroup_read(const char *pid, char *ret, size_t size)
{
	_cleanup_close_ int fd = -EBADF;
	_cleanup_free_ char *text = NULL;
	char path[64];
	const char *line;
	int e;

	snprintf(path, sizeof(path), "/proc/%s/cgroup", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	e = fd < 0 ? -errno : fd_read_all(fd, CGROUP_FILE_MAX, &text, NULL);
	if (e < 0)
		return e;
	line = !text ? NULL : strncmp(text, "0::", 3) == 0 ? text : strstr(text, "\n0::");
	if (!line)
		return -ENOENT;
	line = strstr(line, "0::") + 3;
	return text_format(ret, size, "%.*s", (int)strcspn(line, "\n"), line);
}

/* The kernel's own name for the directory ends with parent and id, however the hierarchy is mounted. With another
 * container's cgroup a hostile controller would have its limits and its kill apply to the wrong one. */
int cgroup_prove(const struct table *t, int dir, const uint8_t *id, bool v2)
{
	char link[64], path[4096], hex[ID_HEX + 1];
	const char *slash = strrchr(t->cgroup, '/');
	size_t len, at;
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", dir);
	n = readlink(link, path, sizeof(path));
	if (n < 0)
		return -errno;
	hex_encode(id, ID_BYTES, hex);
	at = (size_t)n;
	if (at == sizeof(path) || at < ID_HEX + 1 || memcmp(path + at - ID_HEX, hex, ID_HEX) != 0 ||
	    path[at - ID_HEX - 1] != '/')
		return -EPERM;
	if (!v2)
		return 0;
	/* Below the parent of our own, R/containers/spawn. */
	at -= ID_HEX + 1;
	len = slash ? (size_t)(slash - t->cgroup) : 0;
	for (int i = 0; slash && i < 2; i++) {
		if (at >= len && memcmp(path + at - len, t->cgroup, len) == 0)
			return 0;
		/* Or in a parent there, which is no container. */
		path[at] = '\0';
		slash = strrchr(path, '/');
		at = slash ? (size_t)(slash - path) : 0;
		if (slash && strlen(slash + 1) == ID_HEX)
			break;
	}
	return -EPERM;
}

int monitor_connect(const struct table *t, const char *name, int *ret_channel, pid_t *ret_pid, int *ret_pidfd)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), pidfd = -EBADF;
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	char pid[16], theirs[sizeof(t->cgroup)];
	struct ucred cred;
	socklen_t n = sizeof(cred);
	int e;

	if (fd < 0)
		return -errno;
	e = text_copy(a.sun_path, sizeof(a.sun_path), name);
	if (e < 0)
		return e;
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		return -errno;
	/* Of whoever listened. In our directory only spawn's uid can have made a socket; its monitors live in our
	 * cgroup, where no container's process can go. */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) < 0)
		return -errno;
	if (cred.pid <= 0 || (cred.uid != getuid() && cred.uid != geteuid()))
		return -EPERM;
	pidfd = sys_pidfd_open(cred.pid);
	if (pidfd < 0)
		return pidfd;
	snprintf(pid, sizeof(pid), "%d", cred.pid);
	/* Without cgroups it is in whichever its engine was started in: that says nothing, and the socket all. */
	e = t->cgroup[0] ? cgroup_read(pid, theirs, sizeof(theirs)) : 0;
	if (e < 0)
		return e;
	if (t->cgroup[0] && strcmp(theirs, t->cgroup) != 0)
		return -EPERM;
	*ret_pid = cred.pid;
	*ret_pidfd = TAKE_FD(pidfd);
	*ret_channel = TAKE_FD(fd);
	return 0;
}
