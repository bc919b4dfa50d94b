/* postern-forward - passes what comes to sockets of the host's on to containers, where the kernel's tables cannot: from
 * outside of the network namespace of a user's engine. README.md.
 *
 * It has no privilege. What the controller says is bounded by what is there: an address must be one of policy's, behind
 * a bridge of the engine's, and its packets leave by that bridge only, also when the bridge goes later; a socket must
 * be bound at a port that policy lets lead to containers. Bytes of clients and containers are passed, never looked
 * at. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/syscall.h>

#include "../base/cleanup.h"
#include "../base/clock.h"
#include "../base/sandbox.h"
#include "../net/inaddr.h"
#include "../net/portrule.h"
#include "../net/route.h"
#include "../protocol/server.h"
#include "../shared/uplink.h"
#include "forward.h"

struct ctx {
	struct forward forward;
	struct netlink rt;
	int probe[2];
};

/* Its bridge, by the kernel's word. */
static int prove_address(struct request *r, const uint8_t address[16], int *ret_bridge)
{
	const struct policy_firewall *policy = r->helper->policy;
	struct ctx *c = r->helper->ctx;
	const char *rule = NULL;
	int e;

	for (uint32_t i = 0; i < policy->nsubnets && i < POLICY_SUBNETS_MAX && !rule; i++)
		if (policy_subnet_holds(&policy->subnets[i], address, 128))
			rule = policy->subnets[i].rule;
	request_rule(r, rule ? rule : "subnets");
	if (!rule)
		return request_fail(r, -EPERM, "address");
	e = route_bridge(&c->rt, address, policy_link_group(&policy->common), ret_bridge);
	return e < 0 ? request_fail(r, e, e == -EPERM ? "address" : "route") : 0;
}

static int option_of(int fd, int option)
{
	int value = 0;
	socklen_t n = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, option, &value, &n) < 0 ? -errno : value;
}

/* Bound, and listening unless it is one of datagrams: which. */
static int prove_socket(struct request *r, int fd, bool *ret_datagrams)
{
	const struct policy_firewall *policy = r->helper->policy;
	int protocol = option_of(fd, SO_PROTOCOL);
	struct sockaddr_storage a = { 0 };
	socklen_t n = sizeof(a);
	uint8_t host[16];
	uint16_t port;
	const char *rule;

	if (protocol != IPPROTO_UDP && (protocol != IPPROTO_TCP || option_of(fd, SO_ACCEPTCONN) != 1))
		return request_fail(r, -EMEDIUMTYPE, "socket");
	if (getsockname(fd, (struct sockaddr *)&a, &n) < 0 || inaddr_of_socket(&a, host, &port) < 0 || port == 0)
		return request_fail(r, -EMEDIUMTYPE, "socket");
	if (!port_allowed(policy->ports, policy->nports, (uint32_t)protocol, host, port, &rule)) {
		request_rule(r, rule);
		return request_fail(r, -EPERM, "port");
	}
	if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
		return request_fail(r, -errno, "socket");
	*ret_datagrams = protocol == IPPROTO_UDP;
	return 0;
}

static int run_serve(struct request *r)
{
	struct req_forward_serve *req = (struct req_forward_serve *)r->req;
	struct forward *f = &((struct ctx *)r->helper->ctx)->forward;
	struct service s = { .id = req->id, .watch = { .fd = req->socket } };
	uint8_t address[16];
	int e = prove_socket(r, req->socket, &s.datagrams);

	inaddr_bytes(req->address_hi, req->address_lo, address);
	if (e == 0)
		e = prove_address(r, address, &s.bridge);
	if (e < 0)
		return e;
	s.to_size = inaddr_socket(address, (uint16_t)req->port, &s.to);
	e = service_add(f, &s);
	if (e == -EDQUOT)
		request_rule(r, "networks.published_ports");
	if (e < 0)
		return request_fail(r, e, "service");
	req->socket = -EBADF; /* the service's */
	return 0;
}

static int run_unserve(struct request *r)
{
	const struct req_forward_unserve *req = r->req;
	struct forward *f = &((struct ctx *)r->helper->ctx)->forward;
	struct service *s = service_find(f, req->id);

	if (!s)
		return request_fail(r, -ENOENT, "id");
	service_end(f, s);
	return 0;
}

static int run_uplink(struct request *r)
{
	const struct ctx *c = r->helper->ctx;
	struct rep_forward_uplink *rep = r->rep;

	rep->v4 = uplink_leads_out(c->probe, AF_INET);
	rep->v6 = uplink_leads_out(c->probe, AF_INET6);
	return 0;
}

/* --- start ----------------------------------------------------------------------------------------------------- */

static void on_events(struct helper *h, int fd, short revents, void *data)
{
	forward_round(data, clock_ns());
}

static int start(struct helper *h)
{
	const struct policy_firewall *policy = h->policy;
	struct ctx *c = h->ctx;
	int r = forward_init(&c->forward, policy->max_ports);

	if (r == 0)
		r = netlink_open(&c->rt, NETLINK_ROUTE);
	if (r == 0)
		r = uplink_probe(c->probe);
	if (r == 0)
		r = helper_poll_add(h, c->forward.epoll, POLLIN, on_events, &c->forward);
	return r < 0 ? r : sandbox_landlock_tcp(NULL, 0);
}

int main(int argc, char **argv)
{
	static const int syscalls[] = {
		SYS_socket, SYS_connect, SYS_accept4, SYS_shutdown, SYS_setsockopt, SYS_epoll_ctl, SYS_epoll_pwait,
		SYS_timerfd_settime,
#ifdef SYS_epoll_wait
		SYS_epoll_wait,
#endif
	};
	static const struct handler handlers[] = {
		{ OP_FORWARD_SERVE, run_serve },
		{ OP_FORWARD_UNSERVE, run_unserve },
		{ OP_FORWARD_UPLINK, run_uplink },
	};
	const struct helper_def def = {
		.id = HELPER_FORWARD,
		.handlers = handlers,
		.nhandlers = ARRAY_SIZE(handlers),
		.policy_size = sizeof(struct policy_firewall),
		.ctx_size = sizeof(struct ctx),
		.start = start,
		.syscalls = syscalls,
		.nsyscalls = ARRAY_SIZE(syscalls),
		.controller_rights = op_bit(OP_FORWARD_SERVE) | op_bit(OP_FORWARD_UNSERVE) | op_bit(OP_FORWARD_UPLINK),
	};

	return helper_run(&def, argc, argv);
}
