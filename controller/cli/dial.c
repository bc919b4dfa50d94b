/* dial.c - postern system dial-stdio: the engine's socket at standard input and output. Docker's clients run
 * `ssh HOST docker system dial-stdio` for DOCKER_HOST=ssh://HOST; a link named docker to postern answers. Bytes are not
 * looked at.
 *
 * Two processes, one for each direction: neither waits for the other, and half-close goes through. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../helpers/base/fd.h"
#include "cli.h"
#include "http_client.h"

enum { BLOCK = 64 * 1024 };

/* Up to the end of `from` or of whoever reads `to`. */
static int copy(int from, int to)
{
	static char block[BLOCK];
	ssize_t n;

	for (;;) {
		n = read(from, block, sizeof(block));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : 0;
		if (fd_write_all(to, block, (size_t)n) < 0)
			return -errno;
	}
}

static void __attribute__((noreturn)) send_input(int engine, pid_t parent)
{
	/* Nobody is left who would take the answer. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() == parent && copy(STDIN_FILENO, engine) == 0)
		shutdown(engine, SHUT_WR);
	_exit(0);
}

int system_dial_stdio(struct cli *cli, int argc, char **argv)
{
	static struct http h;
	pid_t parent = getpid(), child;
	int r;

	if (argc > 1)
		return usage("system dial-stdio");
	r = engine_connect(cli, &h);
	if (r < 0)
		return fail(1, "no engine at %s: %s", cli->socket, strerror(-r));
	signal(SIGPIPE, SIG_IGN);
	child = fork();
	if (child < 0)
		return fail(1, "%s", strerror(errno));
	if (child == 0)
		send_input(h.fd, parent);
	r = copy(h.fd, STDOUT_FILENO);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	http_finish(&h);
	return r < 0 && r != -ECONNRESET;
}
