/* spare.c - the next container's monitor, forked before anyone asks for it: copying spawn and starting the copy takes
 * time that a container's start need not wait for.
 *
 * A spare knows nothing and has nothing open but its two channels (and our working directory). CREATE's request comes to
 * it as spawn got it, after spawn's proofs; what it sends is trusted as the memory of a fork would be. It ends with its
 * channel. */
#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/sys.h"
#include "../base/text.h"
#include "../protocol/call.h"
#include "spawn.h"

static void spare_main(int channel, int controller, const struct policy_spawn *policy) __attribute__((noreturn));

static void spare_main(int channel, int controller, const struct policy_spawn *policy)
{
	static struct frame frame;
	static union any_message req;
	const int keep[] = { channel, controller };
	struct launch l = { .req = &req.q_spawn_create, .policy = policy, .channel = channel, .controller = controller };
	char hex[ID_HEX + 1];

	prctl(PR_SET_NAME, "postern-spare");
	fds_close_except(keep, ARRAY_SIZE(keep));
	if (frame_receive(channel, &frame, 0) < 0 || frame.h.op != OP_SPAWN_CREATE ||
	    message_decode(&op_desc(OP_SPAWN_CREATE)->req, frame.body, frame.h.length, frame.fds, frame.h.nfds, &req) < 0)
		_exit(0);
	hex_encode(l.req->container, ID_BYTES, hex);
	text_format(l.socket, sizeof(l.socket), "%s.sock", hex);
	monitor_main(&l);
}

int spare_make(struct spare *s, const struct policy_spawn *policy)
{
	_cleanup_close_ int theirs = -EBADF, controllers = -EBADF;
	struct spare new = { .pidfd = -EBADF, .channel = -EBADF, .controller = -EBADF };
	int pair[2], e;

	if (s->pid > 0)
		return 0;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	new.channel = pair[0];
	theirs = pair[1];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		e = -errno;
		spare_end(&new);
		return e;
	}
	new.controller = pair[0];
	controllers = pair[1];
	new.pid = fork();
	if (new.pid == 0)
		spare_main(theirs, controllers, policy);
	e = new.pid < 0 ? -errno : 0;
	if (e == 0)
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
	*s = (struct spare){ 0 };
}

int spare_take(struct spare *s, const struct req_spawn_create *req, const struct policy_spawn *policy, struct spare *ret)
{
	const struct call_options options = { .container = req->container, .client = -1 };
	int e = -EPIPE;

	/* Twice: the first may have been killed while it waited. */
	for (int i = 0; i < 2 && (e == -EPIPE || e == -ECONNRESET); i++) {
		e = spare_make(s, policy);
		if (e < 0)
			return e;
		e = call_send(s->channel, OP_SPAWN_CREATE, req, &options, MSG_DONTWAIT);
		if (e < 0)
			spare_end(s);
	}
	if (e < 0)
		return e;
	*ret = *s;
	*s = (struct spare){ 0 };
	return 0;
}
