/* mapping.c - user namespaces that no process lives in: mount gives them to the kernel as the table of an id-mapped
 * mount.
 *
 * A child of ours is made in a fresh user namespace (owned by our effective uid, whose maps we may therefore write with
 * CAP_SETUID and CAP_SETGID over the range namespace); an fd of the namespace is kept and the child let go. The kernel
 * itself checks every line against the range namespace: what it does not map cannot be shown. user_namespaces(7). */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/fd.h"
#include "../base/sys.h"
#include "idmap.h"

unsigned mapping_extents(uint32_t base, bool has_owner, uint32_t owner, uint32_t run, struct extent ret[EXTENTS_MAX])
{
	unsigned n = 0;

	if (!has_owner) {
		ret[0] = (struct extent){ FOREIGN_FIRST, base, MAP_SIZE };
		return 1;
	}
	/* The foreign id that would be shown as the owner's too is left out. */
	ret[n++] = (struct extent){ owner, base + run, 1 };
	if (run > 0)
		ret[n++] = (struct extent){ FOREIGN_FIRST, base, run };
	if (run < MAP_SIZE - 1)
		ret[n++] = (struct extent){ FOREIGN_FIRST + run + 1, base + run + 1, MAP_SIZE - 1 - run };
	return n;
}

void mapping_format(const struct extent *e, unsigned n, char ret[EXTENTS_TEXT_MAX])
{
	size_t len = 0;

	ret[0] = '\0';
	for (unsigned i = 0; i < n; i++)
		len += (size_t)snprintf(ret + len, EXTENTS_TEXT_MAX - len, "%u %u %u\n", e[i].disk, e[i].shown,
					e[i].count);
}

/* Fd-less before it is dumpable (which it must be: else its maps are root's files); ends with its peer. */
static _Noreturn void child_main(int sock)
{
	char byte = 0;
	ssize_t n;

	if (sys_close_range(0, (unsigned)sock - 1, 0) < 0 || sys_close_range((unsigned)sock + 1, ~0u, 0) < 0 ||
	    prctl(PR_SET_DUMPABLE, 1) < 0 || write(sock, &byte, 1) != 1)
		_exit(1);
	do
		n = read(sock, &byte, 1);
	while (n < 0 && errno == EINTR);
	_exit(0);
}

static int write_maps(int proc, pid_t pid, const char *uids, const char *gids)
{
	_cleanup_close_ int dir = -EBADF;
	char name[16];
	int e, ns;

	/* It lives until our end of the pair is closed: the number is no one else's. */
	snprintf(name, sizeof(name), "%d", pid);
	dir = openat(proc, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return -errno;
	e = file_write_at(dir, "uid_map", uids);
	if (e == 0)
		e = file_write_at(dir, "gid_map", gids);
	if (e < 0)
		return e;
	ns = openat(dir, "ns/user", O_RDONLY | O_CLOEXEC);
	return ns < 0 ? -errno : ns;
}

int mapping_create(int proc, const char *uids, const char *gids)
{
	struct clone_args args = { .flags = CLONE_NEWUSER, .exit_signal = SIGCHLD };
	_cleanup_close_ int mine = -EBADF, its = -EBADF;
	int pair[2], e;
	char byte;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	mine = pair[0];
	its = pair[1];
	pid = sys_clone3(&args);
	if (pid < 0)
		return pid;
	if (pid == 0)
		child_main(its);
	cleanup_close_p(&its);
	e = read(mine, &byte, 1) == 1 ? write_maps(proc, pid, uids, gids) : -EIO;
	/* It ends with our end of the pair, and nobody waits for it (SIGCHLD is ignored). */
	return e;
}
