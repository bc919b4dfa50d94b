/* fuzz_http.c - one connection's bytes through parser, router and body (short enough that no answer fills the socket). */
#include <sys/socket.h>

#include "../../controller/api/http_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct policy_common policy;
	static struct engine e = { .policy = &policy, .state_dir = -1 };
	int fds[2];

	if (!e.loop)
		task_init(e.loop = uv_default_loop());
	if (n > 1024 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return 0;
	http_serve(&e, fds[0]);
	send(fds[1], data, n, MSG_NOSIGNAL);
	shutdown(fds[1], SHUT_WR); /* the server closes when it has answered all */
	uv_run(e.loop, UV_RUN_DEFAULT);
	close(fds[1]);
	return 0;
}
