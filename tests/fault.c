/* fault.c - linked into copies of the network programs and of the controller for tests/integration/network-steps.sh: ends its process
 * at a step that the test names. Nothing of what is installed has it (Makefile, `faulty`).
 *
 * The linker puts the functions below between callers and what they call (ld(1), --wrap). A step is such a call:
 *   PROGRAM.OP.before, .after, .reply  a helper has read a request, has done it, is about to answer
 *   PROGRAM.bind.refused       bind(2) is refused as to who is not root; nobody ends
 *   PROGRAM.kernel             a helper is about to change something by netlink
 *   controller.OP.ask, .asked, .answer  the controller is about to send a request, has sent it, has an answer
 *   controller.row.WHAT        the controller is about to write a row of a network or an endpoint
 * The file `fault` beside the program says, in words with blanks between them: the pid that is to end, the step, how many of these
 * steps go well before, and a number that is new each time. A step of "all" ends nobody: every step is told on standard error. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../controller/state/state.h"
#include "../helpers/protocol/audit.h"
#include "../helpers/protocol/call.h"
#include "../helpers/protocol/frame.h"
#include "../helpers/protocol/server.h"

struct netlink;
struct nl_msg;
struct nlmsghdr;
struct mnl_socket;

enum { FILE_BYTES = 128 };

static const char *file = "0 none 0 0";
static char program[32];

/* Before main: nothing is given up yet. */
static void __attribute__((constructor)) open_file(void)
{
	char path[PATH_MAX + 8] = "", *slash;
	ssize_t n = readlink("/proc/self/exe", path, PATH_MAX);
	int fd;
	void *p;

	slash = n > 0 ? strrchr(path, '/') : NULL;
	if (!slash)
		return;
	snprintf(program, sizeof(program), "%s", strcmp(slash + 1, "posternd") == 0 ? "controller" : strchr(slash, '-') + 1);
	strcpy(slash + 1, "fault");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	p = mmap(NULL, FILE_BYTES, PROT_READ, MAP_SHARED, fd, 0);
	if (p != MAP_FAILED)
		file = p;
	close(fd);
}

/* Where the filter does not let us. */
static void die(void)
{
	syscall(SYS_kill, getpid(), SIGKILL);
	__builtin_trap();
}

static bool reached(const char *op, const char *what)
{
	static unsigned serial, passed;
	char wanted[96], text[128], name[96];
	unsigned pid, skip, number;

	if (sscanf(file, "%u %95s %u %u", &pid, wanted, &skip, &number) != 4)
		return false;
	if (number != serial) {
		serial = number;
		passed = 0;
	}
	snprintf(name, sizeof(name), "%s.%s%s%s", program, op, what[0] ? "." : "", what);
	if (strcmp(wanted, "all") == 0) {
		int n = snprintf(text, sizeof(text), "step %s\n", name);

		if (write(STDERR_FILENO, text, (size_t)n) != n)
			return false;
	}
	return pid == (unsigned)getpid() && strcmp(wanted, name) == 0 && passed++ == skip;
}

static void step(const char *op, const char *what)
{
	if (reached(op, what))
		die();
}

/* What the linker calls __real_F is F itself; not every program has each. */
#define WRAP(type, f, ...)                                   \
	type __real_##f(__VA_ARGS__) __attribute__((weak)); \
	type __wrap_##f(__VA_ARGS__);                        \
	type __wrap_##f(__VA_ARGS__)

/* --- helpers --- */
/* Also the controller's answers come this way, and audit's. */
WRAP(int, frame_receive, int sock, struct frame *f, int flags)
{
	int r = __real_frame_receive(sock, f, flags);
	const struct op_desc *d = r == 0 && !(f->h.flags & FRAME_REPLY) ? op_desc(f->h.op) : NULL;

	if (d && strcmp(d->helper_name, program) == 0)
		step(d->name, "before");
	return r;
}

WRAP(int, audit_outcome, int audit, struct request *r, int status, const void *rep)
{
	step(r->op->name, "after");
	return __real_audit_outcome(audit, r, status, rep);
}

WRAP(int, netlink_ask, struct netlink *n, struct nl_msg *msg)
{
	step("kernel", "");
	return __real_netlink_ask(n, msg);
}

WRAP(ssize_t, mnl_socket_sendto, const struct mnl_socket *s, const void *text, size_t n)
{
	step("kernel", "");
	return __real_mnl_socket_sendto(s, text, n);
}

WRAP(int, bind, int fd, const struct sockaddr *a, socklen_t n)
{
	if (reached("bind", "refused")) {
		errno = EACCES;
		return -1;
	}
	return __real_bind(fd, a, n);
}

/* --- the controller --- */
static void asking(const struct frame_header *h, const char *what)
{
	const struct op_desc *d = op_desc(h->op);
	char name[64];

	if (!d || h->flags & FRAME_REPLY || strcmp(program, "controller") != 0)
		return;
	snprintf(name, sizeof(name), "%s-%s", d->helper_name, d->name);
	step(name, what);
}

WRAP(int, frame_send, int sock, struct frame_header *h, const void *body, size_t len, const int *fds, size_t nfds, int flags)
{
	const struct op_desc *d = op_desc(h->op);
	int r;

	if (d && h->flags & FRAME_REPLY && strcmp(d->helper_name, program) == 0)
		step(d->name, "reply");
	asking(h, "ask");
	r = __real_frame_send(sock, h, body, len, fds, nfds, flags);
	asking(h, "asked");
	return r;
}

WRAP(int, call_decode, enum op op, struct frame *f, void *ret_rep, struct reply_header *ret_header)
{
	const struct frame_header h = { .op = (uint16_t)op };

	asking(&h, "answer");
	return __real_call_decode(op, f, ret_rep, ret_header);
}

WRAP(int, state_endpoint_put, struct state *s, const struct endpoint_row *row)
{
	step("row", "endpoint");
	return __real_state_endpoint_put(s, row);
}

WRAP(int, state_endpoint_delete, struct state *s, const char *network, const char *container)
{
	step("row", "no-endpoint");
	return __real_state_endpoint_delete(s, network, container);
}

WRAP(int, state_network_insert, struct state *s, const struct network_row *row)
{
	step("row", "network");
	return __real_state_network_insert(s, row);
}

WRAP(int, state_network_update, struct state *s, const char *id, const char *config)
{
	step("row", "network-again");
	return __real_state_network_update(s, id, config);
}

WRAP(int, state_network_delete, struct state *s, const char *id)
{
	step("row", "no-network");
	return __real_state_network_delete(s, id);
}
