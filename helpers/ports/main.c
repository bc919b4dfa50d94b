/* postern-ports - sockets bound at ports of the host. README.md.
 *
 * Input: protocol, address and range, all the controller's word. What may be published is policy's: the firewall judges it where the
 * kernel forwards and a port is only kept from others, this program where its sockets are what clients reach (a user's engine). */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "../base/cleanup.h"
#include "../base/sandbox.h"
#include "../net/portrule.h"
#include "../protocol/server.h"

enum { BACKLOG = 4096 };

static socklen_t address_of(const struct req_ports_bind *req, uint16_t port, struct sockaddr_storage *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (req->address_hi == 0 && req->address_lo >> 32 == 0xffff) {
		struct sockaddr_in *in = (struct sockaddr_in *)ret;

		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		in->sin_addr.s_addr = htonl((uint32_t)req->address_lo);
		return sizeof(*in);
	}
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret;

	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(port);
	for (unsigned i = 0; i < 8; i++) {
		in6->sin6_addr.s6_addr[i] = (uint8_t)(req->address_hi >> (56 - 8 * i));
		in6->sin6_addr.s6_addr[8 + i] = (uint8_t)(req->address_lo >> (56 - 8 * i));
	}
	return sizeof(*in6);
}

static int bind_one(const struct req_ports_bind *req, uint16_t port, int *ret)
{
	int type = req->protocol == IPPROTO_UDP ? SOCK_DGRAM : SOCK_STREAM, one = 1;
	struct sockaddr_storage a;
	socklen_t n = address_of(req, port, &a);
	_cleanup_close_ int fd = socket(a.ss_family, type | SOCK_CLOEXEC, (int)req->protocol);

	if (fd < 0)
		return -errno;
	/* Else a connection that has just ended would keep its port for a minute. */
	if (type == SOCK_STREAM && req->listen)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (a.ss_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&a, n) < 0 || (type == SOCK_STREAM && req->listen && listen(fd, BACKLOG) < 0))
		return -errno;
	n = sizeof(a);
	if (getsockname(fd, (struct sockaddr *)&a, &n) < 0)
		return -errno;
	*ret = TAKE_FD(fd);
	return ntohs(a.ss_family == AF_INET ? ((struct sockaddr_in *)&a)->sin_port
					    : ((struct sockaddr_in6 *)&a)->sin6_port);
}

/* The rule for a port is the same whether it was asked for or found. */
static int check_port(struct request *r, uint16_t port)
{
	const struct policy_firewall *policy = r->helper->policy;
	const struct req_ports_bind *req = r->req;
	uint8_t host[16];
	const char *rule;

	if (!req->listen && !policy->common.ids_shared)
		return 0;
	for (unsigned i = 0; i < 8; i++) {
		host[i] = (uint8_t)(req->address_hi >> (56 - 8 * i));
		host[8 + i] = (uint8_t)(req->address_lo >> (56 - 8 * i));
	}
	if (port_allowed(policy->ports, policy->nports, req->protocol, host, port, &rule)) {
		request_rule(r, rule);
		return 0;
	}
	request_rule(r, rule);
	return request_fail(r, -EPERM, "port");
}

static int run_bind(struct request *r)
{
	const struct req_ports_bind *req = r->req;
	struct rep_ports_bind *rep = r->rep;
	int e = -EADDRINUSE;

	if (req->protocol != IPPROTO_TCP && req->protocol != IPPROTO_UDP && req->protocol != IPPROTO_SCTP)
		return request_fail(r, -EINVAL, "protocol");
	for (uint32_t port = req->first; port <= req->last && e == -EADDRINUSE; port++) {
		e = port ? check_port(r, (uint16_t)port) : 0;
		if (e < 0)
			return e;
		e = bind_one(req, (uint16_t)port, &rep->socket);
	}
	if (e < 0)
		return request_fail(r, e, "bind");
	rep->port = (uint32_t)e;
	return req->first ? 0 : check_port(r, (uint16_t)e);
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
