/* spare.c - the next container's monitor, forked before anyone asks for it: copying spawn and starting the copy takes
 * time that a container's start need not wait for.
 *
 * A spare knows nothing and has nothing open but its two channels (and our working directory). CREATE's request comes
 * to it as spawn got it, after spawn's proofs; what it sends is trusted as the memory of a fork would be. It ends with
 * its channel.
 *
 * Spawn holds some fds of each container, and to copy them all only to close them again would make each start longer by
 * the number of containers. So the child shares spawn's table until it takes a copy of its low end (CLOSE_RANGE_UNSHARE
 * of close_range(2)); its two channels are at numbers there that are kept for them, which nobody may touch before it
 * has said that it is ready. */
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/pass.h"
#include "../base/sys.h"
#include "../base/text.h"
#include "../protocol/call.h"
#include "spawn.h"

enum { AWAIT_MS = 1000 };
/* Id of the request: a pidfd follows. */
enum { CREATE_AT_ONCE, CREATE_AFTER };

/* The child's channels, ascending: one to be asked on, and one for a controller. */
enum { CHANNEL, CONTROLLER, ENDS };
static int ends[ENDS] = { -EBADF, -EBADF };

/* Of the same container's last run: two overlays over the same files are none of the kernel's liking. */
static void await_end(int channel)
{
	char byte;
	struct iovec iov = { &byte, 1 };
	struct pollfd p = { .events = POLLIN };
	size_t n = 0;

	if (pass_receive(channel, &iov, 1, &p.fd, 1, &n, 0) < 0 || n != 1)
		_exit(0);
	poll(&p, 1, AWAIT_MS);
	close_fd(p.fd);
}

static int send_end(int channel, int pidfd)
{
	char byte = 0;
	struct iovec iov = { &byte, 1 };

	return pass_send(channel, &iov, 1, &pidfd, 1, MSG_DONTWAIT);
}

static void spare_main(const struct policy_spawn *policy) __attribute__((noreturn));

static void spare_main(const struct policy_spawn *policy)
{
	static struct frame frame;
	static union any_message req;
	const int channel = ends[CHANNEL];
	struct launch l = {
		.req = &req.q_spawn_create, .policy = policy, .channel = channel, .controller = ends[CONTROLLER]
	};
	const struct message_desc *desc = &op_desc(OP_SPAWN_CREATE)->req;
	char hex[ID_HEX + 1];

	if (sys_close_range((unsigned)ends[CONTROLLER] + 1, ~0U, CLOSE_RANGE_UNSHARE) < 0 ||
	    send(channel, "", 1, MSG_NOSIGNAL) != 1)
		_exit(0);
	prctl(PR_SET_NAME, "postern-spare");
	fds_close_except(ends, ENDS);
	if (frame_receive(channel, &frame, 0) < 0 || frame.h.op != OP_SPAWN_CREATE ||
	    message_decode(desc, frame.body, frame.h.length, frame.fds, frame.h.nfds, &req) < 0)
		_exit(0);
	if (frame.h.id == CREATE_AFTER)
		await_end(channel);
	hex_encode(l.req->container, ID_BYTES, hex);
	text_format(l.socket, sizeof(l.socket), "%s.sock", hex);
	monitor_main(&l);
}

int spare_init(void)
{
	for (int i = 0; i < ENDS; i++) {
		ends[i] = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
		if (ends[i] < 0)
			return -errno;
	}
	return 0;
}

/* The numbers are kept. */
static void ends_close(void)
{
	for (int i = 0; i < ENDS; i++)
		dup3(STDIN_FILENO, ends[i], O_CLOEXEC);
}

/* A channel; the child's end of it lies at its number. Our end or -errno. */
static int end_make(int i)
{
	int pair[2], e = 0;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	if (dup3(pair[1], ends[i], O_CLOEXEC) < 0)
		e = -errno;
	close_fd(pair[1]);
	if (e < 0)
		close_fd(pair[0]);
	return e < 0 ? e : pair[0];
}

/* Until it is, the table of fds is its own as well. */
static int await_ready(const struct spare *s)
{
	struct pollfd p[] = { { .fd = s->channel, .events = POLLIN }, { .fd = s->pidfd, .events = POLLIN } };
	char byte;

	while (poll(p, ARRAY_SIZE(p), -1) < 0)
		if (errno != EINTR)
			return -errno;
	return p[0].revents & POLLIN && read(s->channel, &byte, 1) == 1 ? 0 : -EPIPE;
}

int spare_make(struct spare *s, const struct policy_spawn *policy)
{
	struct spare new = { .pidfd = -EBADF, .channel = -EBADF, .controller = -EBADF };
	struct clone_args args = { .flags = CLONE_FILES, .exit_signal = SIGCHLD };
	int e;

	if (s->pid > 0)
		return 0;
	e = new.channel = end_make(CHANNEL);
	if (e >= 0)
		e = new.controller = end_make(CONTROLLER);
	if (e >= 0)
		e = new.pid = sys_clone3(&args);
	if (e == 0)
		spare_main(policy);
	if (e > 0)
		e = new.pidfd = sys_pidfd_open(new.pid); /* our child: its number cannot be another's yet */
	if (e < 0) {
		spare_end(&new);
		return e;
	}
	*s = new;
	return 0;
}

void spare_end(struct spare *s)
{
	close_fd(s->channel); /* ends it */
	close_fd(s->controller);
	if (s->pid > 0) {
		kill(s->pid, SIGKILL);
		while (waitpid(s->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	close_fd(s->pidfd);
	ends_close();
	*s = (struct spare){ 0 };
}

int spare_take(struct spare *s, const struct req_spawn_create *req, int before, const struct policy_spawn *policy,
	       struct spare *ret)
{
	const struct call_options options = {
		.id = before >= 0 ? CREATE_AFTER : CREATE_AT_ONCE, .container = req->container, .client = -1
	};
	int e = -EPIPE;

	/* Twice: the first may have been killed while it waited. */
	for (int i = 0; i < 2 && (e == -EPIPE || e == -ECONNRESET); i++) {
		e = spare_make(s, policy);
		if (e < 0)
			return e;
		e = await_ready(s);
		if (e == 0) {
			ends_close();
			e = call_send(s->channel, OP_SPAWN_CREATE, req, &options, MSG_DONTWAIT);
		}
		if (e == 0 && before >= 0)
			e = send_end(s->channel, before);
		if (e < 0)
			spare_end(s);
	}
	if (e < 0)
		return e;
	*ret = *s;
	*s = (struct spare){ 0 };
	return 0;
}
