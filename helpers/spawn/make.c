/* make.c - directories that a bind's source lacks (docker run -v /there/not/yet:/x).
 *
 * They are made by a child that has nothing but the container's own user: in its user namespace, with one fd, a mount
 * of what is there (mount BIND, which has shown it as that user's after policy allowed to write to it). So whoever
 * asks this can have nothing that a container with the same bind could not do, and what comes of it belongs on disk
 * to whom the bind's source belongs to. The source is looked up again afterwards, like any other.
 *
 * Input: an fd and a canonical path from the controller, never trusted; the tree below, whose owner may change it at
 * any time: each component is made and opened without following a link, in the directory that was opened before. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/sys.h"
#include "../base/text.h"
#include "spawn.h"

enum { LEVELS_MAX = 32, MAKE_MS = 1500 /* under a caller's patience with all else */ };

static int make_below(int dir, const char *path)
{
	_cleanup_close_ int at = openat(dir, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	char name[NAME_MAX + 1];

	for (unsigned level = 0; at >= 0 && *path; level++) {
		size_t n = strcspn(++path, "/");
		int next;

		if (level == LEVELS_MAX)
			return -E2BIG;
		if (n > NAME_MAX)
			return -ENAMETOOLONG;
		memcpy(name, path, n);
		name[n] = '\0';
		path += n;
		if (mkdirat(at, name, 0755) < 0 && errno != EEXIST)
			return -errno;
		next = openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (next < 0)
			return -errno;
		close_fd(at);
		at = next;
	}
	return at < 0 ? -errno : 0;
}

/* ids_shared: every id of the engine's own user's, who may do this anyway. */
static int child_make(const struct req_spawn_make *q, bool ids_shared)
{
	struct stat st;

	if (setns(q->userns, CLONE_NEWUSER) < 0)
		return -errno;
	/* setgroups fails where a single id is mapped; there is none to drop then. */
	if ((setgroups(0, NULL) < 0 && errno != EPERM) || setresgid(q->gid, q->gid, q->gid) < 0 ||
	    setresuid(q->uid, q->uid, q->uid) < 0)
		return -errno;
	if (fstat(q->dir, &st) < 0)
		return -errno;
	/* Not what anybody may write to, such as the host's /tmp: nothing of a container's ids is to stay there. */
	if (!ids_shared && st.st_uid != q->uid)
		return -EPERM;
	umask(022);
	return make_below(q->dir, q->path);
}

int make_directories(const struct req_spawn_make *q, bool ids_shared)
{
	_cleanup_close_ int pidfd = -EBADF;
	const int keep[] = { q->userns, q->dir };
	struct pollfd p = { .events = POLLIN };
	pid_t pid = fork();
	int status;

	if (pid < 0)
		return -errno;
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		fds_close_except(keep, ARRAY_SIZE(keep));
		_exit(-child_make(q, ids_shared)); /* every errno is below 256 */
	}
	p.fd = pidfd = sys_pidfd_open(pid);
	/* A file system that does not answer holds this container only. */
	if (pidfd < 0 || poll(&p, 1, MAKE_MS) != 1)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -ETIMEDOUT;
}
