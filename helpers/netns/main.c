/* postern-netns - a user namespace and a network namespace in it, made for a container.
 *
 * It runs in the range namespace with no capability; its effective uid is IDS_OWNER, which so becomes the owner of
 * every user namespace made here. Whoever is that uid in the range namespace may enter them: spawn, and idmap while it
 * maps.
 *
 * CREATE clones a process straight into both namespaces. That process brings loopback up, gives up every fd but its
 * lifeline, and only then becomes dumpable, so that idmap may write its maps through the /proc/PID directory. It
 * waits until nobody holds the lifeline any more (or we die) and ends; the namespaces live on in the fds. clone(2),
 * ioctl_ns(2).
 *
 * With a user namespace of a container's it makes only a network in there (inside.c), and no process waits: one that
 * could be looked into would show what of the host it sees to who is root there already.
 *
 * CONFIGURE goes into such namespaces again (inside.c), proven to be ours. Nothing else in a request reaches beyond
 * them. */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <linux/sched.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/fd.h"
#include "../base/log.h"
#include "../base/sandbox.h"
#include "../base/sys.h"
#include "netns.h"

/* Closes everything but a and b. */
static int keep_two(int a, int b)
{
	unsigned low = (unsigned)(a < b ? a : b), high = (unsigned)(a < b ? b : a);

	if (low > 0 && sys_close_range(0, low - 1, 0) < 0)
		return -1;
	if (high - low > 1 && sys_close_range(low + 1, high - 1, 0) < 0)
		return -1;
	return sys_close_range(high + 1, ~0u, 0) < 0 ? -1 : 0;
}

/* The child has every capability over its new namespaces, and so may set flags of their only link. */
static int loopback_up(void)
{
	_cleanup_close_ int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq req = { .ifr_name = "lo" };

	if (sock < 0 || ioctl(sock, SIOCGIFFLAGS, &req) < 0)
		return -1;
	req.ifr_flags |= IFF_UP;
	return ioctl(sock, SIOCSIFFLAGS, &req);
}

/* Its interfaces are born without IPv6, as with Docker, until they get an address of it (CONFIGURE): the veth pair that
 * comes later must not listen before. */
static int network_init(int proc)
{
	int r = ipv6_set(proc, "sys/net/ipv6/conf/default", "1");

	return r < 0 ? r : loopback_up() < 0 ? -errno : 0;
}

/* Whoever may look into this process finds no fd of ours: they are gone before it can be looked into. */
static _Noreturn void child_main(int proc, int lifeline, int ready, pid_t parent)
{
	char byte = 0;
	ssize_t n;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent || network_init(proc) < 0 ||
	    keep_two(lifeline, ready) < 0 || prctl(PR_SET_DUMPABLE, 1) < 0 || write(ready, &byte, 1) != 1)
		_exit(1);
	close(ready);
	do
		n = read(lifeline, &byte, 1);
	while (n > 0 || (n < 0 && errno == EINTR));
	_exit(0);
}

static int open_objects(struct ctx *c, pid_t pid, struct rep_netns_create *rep)
{
	char name[16];

	/* The child is ours and not yet reaped: its number is no one else's. */
	snprintf(name, sizeof(name), "%d", pid);
	rep->proc = openat(c->proc, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (rep->proc < 0)
		return -errno;
	rep->userns = openat(rep->proc, "ns/user", O_RDONLY | O_CLOEXEC);
	rep->netns = rep->userns < 0 ? -EBADF : openat(rep->proc, "ns/net", O_RDONLY | O_CLOEXEC);
	return rep->netns < 0 ? -errno : 0;
}

static void child_ended(struct helper *h, int pidfd, short revents, void *data)
{
	struct ctx *c = data;
	siginfo_t info;

	if (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG) < 0 && errno == EINTR)
		return;
	helper_poll_remove(h, pidfd);
	close_fd(pidfd);
	c->waiting--;
}

/* Ends a child that nobody has heard of. */
static void child_discard(int pidfd)
{
	siginfo_t info;

	sys_pidfd_send_signal(pidfd, SIGKILL);
	while (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED) < 0 && errno == EINTR)
		;
	close_fd(pidfd);
}

/* As root of the new one; the fd is ours as well. */
static int make_network(void *data)
{
	struct ctx *c = data;
	int fd, e = network_init(c->proc);

	if (e < 0)
		return e;
	fd = openat(c->proc, "self/ns/net", O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int run_create(struct request *r)
{
	const struct policy_netns *policy = r->helper->policy;
	const struct req_netns_create *req = r->req;
	struct rep_netns_create *rep = r->rep;
	struct ctx *c = r->helper->ctx;
	_cleanup_close_ int life_read = -EBADF, life_write = -EBADF, ready_read = -EBADF, ready_write = -EBADF;
	int life[2], ready[2], pidfd = -EBADF, e;
	pid_t self = getpid(), pid;
	char byte;

	if (req->userns >= 0) {
		e = inside(r, req->userns, -EBADF, make_network, c);
		if (e < 0)
			return r->stage[0] ? e : request_fail(r, e, "network");
		rep->netns = e;
		return 0;
	}
	if (c->waiting >= policy->max) {
		request_rule(r, "netns.max");
		return request_fail(r, -EDQUOT, "waiting");
	}
	if (pipe2(life, O_CLOEXEC) < 0)
		return request_fail(r, -errno, "pipe");
	life_read = life[0];
	life_write = life[1];
	if (pipe2(ready, O_CLOEXEC) < 0)
		return request_fail(r, -errno, "pipe");
	ready_read = ready[0];
	ready_write = ready[1];

	struct clone_args args = {
		.flags = CLONE_NEWUSER | CLONE_NEWNET | CLONE_PIDFD,
		.pidfd = (uintptr_t)&pidfd,
		.exit_signal = SIGCHLD,
	};
	pid = sys_clone3(&args);
	if (pid < 0)
		return request_fail(r, pid, "clone");
	if (pid == 0)
		child_main(c->proc, life_read, ready_write, self);
	cleanup_close_p(&ready_write);
	/* It runs our own few lines: it writes, or it ends and the pipe with it. */
	e = read(ready_read, &byte, 1) == 1 ? open_objects(c, pid, rep) : -EIO;
	if (e == 0)
		e = helper_poll_add(r->helper, pidfd, POLLIN, child_ended, c);
	if (e < 0) {
		child_discard(pidfd);
		return request_fail(r, e, "child");
	}
	c->waiting++;
	rep->lifeline = TAKE_FD(life_write);
	return 0;
}

static int netns_start(struct helper *h)
{
	struct ctx *c = h->ctx;
	struct sandbox_dir dirs[2];
	int e;

	c->proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (c->proc < 0)
		return -errno;
	dirs[0] = (struct sandbox_dir){ c->proc, LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR };
	dirs[1] = (struct sandbox_dir){ openat(c->proc, "sys/net", O_PATH | O_DIRECTORY | O_CLOEXEC),
					LANDLOCK_ACCESS_FS_WRITE_FILE };
	if (dirs[1].fd < 0)
		return -errno;
	e = sandbox_landlock_tcp(dirs, ARRAY_SIZE(dirs));
	close_fd(dirs[1].fd);
	return e;
}

static const int syscalls[] = {
	SYS_clone3, SYS_pipe2, SYS_socket, SYS_openat, SYS_waitid, SYS_close_range, SYS_prctl, SYS_getppid, SYS_setns,
	SYS_unshare,
	/* inside.c */
	SYS_clone, SYS_wait4, SYS_bind, SYS_listen, SYS_setsockopt,
};

static const struct handler handlers[] = {
	{ OP_NETNS_CREATE, run_create },
	{ OP_NETNS_CONFIGURE, run_configure },
	{ OP_NETNS_RESOLVER, run_resolver },
};

int main(int argc, char **argv)
{
	const struct helper_def def = {
		.id = HELPER_NETNS,
		.handlers = handlers,
		.nhandlers = ARRAY_SIZE(handlers),
		.policy_size = sizeof(struct policy_netns),
		.ctx_size = sizeof(struct ctx),
		.start = netns_start,
		.syscalls = syscalls,
		.nsyscalls = ARRAY_SIZE(syscalls),
		.controller_rights = op_bit(OP_NETNS_CREATE) | op_bit(OP_NETNS_CONFIGURE) | op_bit(OP_NETNS_RESOLVER),
	};

	return helper_run(&def, argc, argv);
}
