/* postern-ports - sockets bound at ports of the host. README.md.
 *
 * Input: protocol, address and range, all the controller's word. Which ports may lead to containers is policy's to say,
 * and a socket that only keeps others off could be read from, too: so for both. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "../base/cleanup.h"
#include "../base/sandbox.h"
#include "../net/inaddr.h"
#include "../net/portrule.h"
#include "../protocol/server.h"

enum { BACKLOG = 4096 };

/* The port, which is also found when it is 0. */
static int bind_one(const struct req_ports_bind *req, const uint8_t host[16], uint16_t port, int *ret)
{
	int type = req->protocol == IPPROTO_UDP ? SOCK_DGRAM : SOCK_STREAM, one = 1;
	bool listens = type == SOCK_STREAM && req->listen;
	struct sockaddr_storage a;
	uint8_t found[16];
	socklen_t n = inaddr_socket(host, port, &a);
	_cleanup_close_ int fd = socket(a.ss_family, type | SOCK_CLOEXEC, (int)req->protocol);
	int r;

	if (fd < 0)
		return -errno;
	/* Else a connection that has just ended would keep its port for a minute. */
	if (listens)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (a.ss_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&a, n) < 0 || (listens && listen(fd, BACKLOG) < 0))
		return -errno;
	n = sizeof(a);
	if (getsockname(fd, (struct sockaddr *)&a, &n) < 0)
		return -errno;
	r = inaddr_of_socket(&a, found, &port);
	if (r < 0)
		return r;
	*ret = TAKE_FD(fd);
	return port;
}

/* The rule for a port is the same whether it was asked for or found. */
static int check_port(struct request *r, const uint8_t host[16], uint32_t port)
{
	const struct policy_firewall *policy = r->helper->policy;
	const struct req_ports_bind *req = r->req;
	const char *rule;
	bool allowed = port_allowed(policy->ports, policy->nports, req->protocol, host, port, &rule);

	request_rule(r, rule);
	return allowed ? 0 : request_fail(r, -EPERM, "port");
}

static int run_bind(struct request *r)
{
	const struct req_ports_bind *req = r->req;
	struct rep_ports_bind *rep = r->rep;
	int e = -EADDRINUSE;
	uint8_t host[16];

	if (req->protocol != IPPROTO_TCP && req->protocol != IPPROTO_UDP && req->protocol != IPPROTO_SCTP)
		return request_fail(r, -EINVAL, "protocol");
	inaddr_bytes(req->address_hi, req->address_lo, host);
	for (uint32_t port = req->first; port <= req->last && e == -EADDRINUSE; port++) {
		e = port ? check_port(r, host, port) : 0;
		if (e < 0)
			return e;
		e = bind_one(req, host, (uint16_t)port, &rep->socket);
	}
	if (e < 0)
		return request_fail(r, e, "bind");
	rep->port = (uint32_t)e;
	return req->first ? 0 : check_port(r, host, rep->port);
}

static int start(struct helper *h)
{
	return sandbox_landlock_tcp(NULL, 0);
}

int main(int argc, char **argv)
{
	static const int syscalls[] = { SYS_socket, SYS_bind, SYS_listen, SYS_setsockopt };
	static const struct handler handlers[] = { { OP_PORTS_BIND, run_bind } };
	const struct helper_def def = {
		.id = HELPER_PORTS,
		.handlers = handlers,
		.nhandlers = ARRAY_SIZE(handlers),
		.policy_size = sizeof(struct policy_firewall),
		.ctx_size = 1,
		.start = start,
		.syscalls = syscalls,
		.nsyscalls = ARRAY_SIZE(syscalls),
		.controller_rights = op_bit(OP_PORTS_BIND),
	};

	return helper_run(&def, argc, argv);
}
