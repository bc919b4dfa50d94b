/* inner.c - the lesser of seal's two processes.
 *
 * It lives in a user namespace below seal's, so everything that seal attaches reaches it with locked flags; its clones
 * keep the locks wherever they are attached. It knows no request but "clone n slots from here on", and does nothing
 * else. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/sandbox.h"
#include "../base/sys.h"
#include "../protocol/frame.h"
#include "seal.h"

#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

static struct frame frame; /* each process has its own */

static int clone_slot(unsigned i, int is_dir)
{
	/* Else it would follow the stage, and lose what is mounted below it when that is cleared. */
	struct mount_attr attr = { .propagation = MS_PRIVATE };
	_cleanup_close_ int fd = -EBADF;
	char path[16];
	int e;

	stage_slot(i, is_dir, path);
	fd = sys_open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	if (fd < 0)
		return fd;
	e = sys_mount_setattr(fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr);
	return e < 0 ? e : TAKE_FD(fd);
}

/* Request: the first slot as its id, one byte a slot (is it a directory?). Reply: the status as an int, and the fds. */
static int serve(int sock)
{
	unsigned n, count;
	int status = 0, e;

	e = frame_receive(sock, &frame, 0);
	if (e < 0)
		return e;
	count = frame.h.length;
	if (frame.h.nfds || count > SLOTS || frame.h.id > SLOTS - count) {
		frame_close_fds(&frame);
		return -EBADMSG;
	}
	for (n = 0; n < count && status == 0; n++) {
		int fd = clone_slot(frame.h.id + n, frame.body[n]);

		if (fd < 0) {
			status = fd;
			break;
		}
		frame.fds[n] = fd;
	}
	e = frame_send(sock, &frame.h, &status, sizeof(status), frame.fds, status == 0 ? n : 0, 0);
	frame.h.nfds = (uint16_t)n;
	frame_close_fds(&frame);
	return e;
}

static _Noreturn void inner_main(int sock, pid_t parent)
{
	static const int syscalls[] = { SYS_open_tree, SYS_mount_setattr };

	if (sys_close_range(0, (unsigned)sock - 1, 0) < 0 || sys_close_range((unsigned)sock + 1, ~0u, 0) < 0 ||
	    prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent || prctl(PR_SET_DUMPABLE, 0) < 0 ||
	    sandbox_caps_set(CAP_BIT(CAP_SYS_ADMIN)) < 0 || sandbox_seccomp(syscalls, ARRAY_SIZE(syscalls)) < 0)
		_exit(1);
	while (serve(sock) == 0)
		;
	_exit(1);
}

int inner_start(void)
{
	struct clone_args args = { .flags = CLONE_NEWUSER | CLONE_NEWNS, .exit_signal = SIGCHLD };
	_cleanup_close_ int ours = -EBADF, its = -EBADF;
	pid_t self = getpid(), pid;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	ours = pair[0];
	its = pair[1];
	pid = sys_clone3(&args);
	if (pid < 0)
		return pid;
	if (pid == 0)
		inner_main(its, self);
	return TAKE_FD(ours);
}

int inner_clone(int sock, unsigned first, unsigned n, const unsigned char *is_dir, int *ret)
{
	struct frame_header h = { .id = first };
	int status, e;

	e = frame_send(sock, &h, is_dir, n, NULL, 0, 0);
	if (e == 0)
		e = frame_receive(sock, &frame, 0);
	if (e < 0)
		return -ENODATA;
	if (frame.h.length != sizeof(status))
		e = -ENODATA;
	memcpy(&status, frame.body, sizeof(status));
	if (e == 0 && status < 0)
		e = status;
	if (e == 0 && frame.h.nfds != n)
		e = -ENODATA;
	if (e < 0) {
		frame_close_fds(&frame);
		return e;
	}
	memcpy(ret, frame.fds, n * sizeof(int));
	return 0;
}
