/* postern-forward - passes what comes to sockets of the host's on to containers, where the kernel's tables cannot: from outside of the
 * network namespace of a user's engine. README.md.
 *
 * It has no privilege. Sockets are postern-ports' (any that the controller passes: what it can lose by a wrong one is its own),
 * addresses are within the subnets of policy, so that it reaches containers and nothing else. Bytes of clients and containers are
 * passed, never looked at. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>

#include "../base/cleanup.h"
#include "../base/sandbox.h"
#include "../protocol/server.h"
#include "forward.h"

enum { EVENTS = 256 };

/* --- what is polled -------------------------------------------------------------------------------------------- */

void watch_set(struct forward *f, struct watch *w, uint32_t events)
{
	struct epoll_event e = { .events = events, .data = { .ptr = w } };

	if (events == w->events)
		return;
	if (epoll_ctl(f->epoll, !events ? EPOLL_CTL_DEL : w->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, w->fd, &e) == 0)
		w->events = events;
}

void watch_close(struct forward *f, struct watch *w)
{
	watch_set(f, w, 0);
	w->fd = close_fd(w->fd);
}

static void on_events(struct helper *h, int fd, short revents, void *data)
{
	struct forward *f = data;
	struct epoll_event all[EVENTS];
	int n = epoll_wait(f->epoll, all, EVENTS, 0);

	for (int i = 0; i < n; i++) {
		struct watch *w = all[i].data.ptr;

		if (w->fd >= 0 && w->events) /* else an earlier event of this round ended it */
			w->ready(f, w, all[i].events);
	}
	connections_free(f);
	sessions_free(f);
}

/* --- services -------------------------------------------------------------------------------------------------- */

void services_accept(struct forward *f, bool accept)
{
	struct service *s;

	f->full = !accept;
	TAILQ_FOREACH(s, &f->services, next)
		if (!s->datagrams)
			watch_set(f, &s->watch, accept ? EPOLLIN : 0);
}

static struct service *find(const struct forward *f, uint64_t id)
{
	struct service *s;

	TAILQ_FOREACH(s, &f->services, next)
		if (s->id == id)
			return s;
	return NULL;
}

static void set_target(struct service *s, const uint8_t address[16], uint16_t port)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)&s->to;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&s->to;

	if (IN6_IS_ADDR_V4MAPPED((const struct in6_addr *)address)) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		memcpy(&v4->sin_addr, address + 12, 4);
		s->to_size = sizeof(*v4);
	} else {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(port);
		memcpy(&v6->sin6_addr, address, 16);
		s->to_size = sizeof(*v6);
	}
}

static int address_allowed(struct request *r, const uint8_t address[16])
{
	const struct policy_firewall *policy = r->helper->policy;

	for (uint32_t i = 0; i < policy->nsubnets && i < POLICY_SUBNETS_MAX; i++)
		if (policy_subnet_holds(&policy->subnets[i], address, 128)) {
			request_rule(r, policy->subnets[i].rule);
			return 0;
		}
	request_rule(r, "subnets");
	return request_fail(r, -EPERM, "address");
}

/* A bound socket of datagrams, or a stream's that listens: which. */
static int socket_kind(int fd, bool *ret_datagrams)
{
	int type = 0, listens = 0;
	socklen_t n = sizeof(type), m = sizeof(listens);

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) < 0 || getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &m) < 0)
		return -errno;
	*ret_datagrams = type == SOCK_DGRAM;
	return type == SOCK_DGRAM || (type == SOCK_STREAM && listens) ? 0 : -EMEDIUMTYPE;
}

static int run_serve(struct request *r)
{
	struct req_forward_serve *req = (struct req_forward_serve *)r->req;
	struct forward *f = r->helper->ctx;
	uint8_t address[16];
	struct service *s;
	bool datagrams = false;
	int e;

	for (unsigned i = 0; i < 8; i++) {
		address[i] = (uint8_t)(req->address_hi >> (56 - 8 * i));
		address[8 + i] = (uint8_t)(req->address_lo >> (56 - 8 * i));
	}
	e = address_allowed(r, address);
	if (e < 0)
		return e;
	e = socket_kind(req->socket, &datagrams);
	if (e < 0)
		return request_fail(r, e, "socket");
	if (find(f, req->id))
		return request_fail(r, -EEXIST, "id");
	if (f->nservices == SERVICES_MAX)
		return request_fail(r, -EDQUOT, "services");
	if (fcntl(req->socket, F_SETFL, O_NONBLOCK) < 0)
		return request_fail(r, -errno, "socket");
	s = calloc(1, sizeof(*s));
	if (!s)
		return request_fail(r, -ENOMEM, "memory");
	*s = (struct service){ .watch = { .fd = TAKE_FD(req->socket), .ready = datagrams ? datagram_ready : stream_ready }, .id = req->id,
			       .datagrams = datagrams };
	TAILQ_INIT(&s->connections);
	for (unsigned i = 0; i < BUCKETS; i++)
		TAILQ_INIT(&s->sessions[i]);
	set_target(s, address, (uint16_t)req->port);
	TAILQ_INSERT_TAIL(&f->services, s, next);
	f->nservices++;
	watch_set(f, &s->watch, datagrams || !f->full ? EPOLLIN : 0);
	return 0;
}

static int run_unserve(struct request *r)
{
	const struct req_forward_unserve *req = r->req;
	struct forward *f = r->helper->ctx;
	struct service *s = find(f, req->id);

	if (!s)
		return request_fail(r, -ENOENT, "id");
	while (!TAILQ_EMPTY(&s->connections))
		connection_end(f, TAILQ_FIRST(&s->connections));
	for (unsigned i = 0; i < BUCKETS; i++)
		while (!TAILQ_EMPTY(&s->sessions[i]))
			session_end(f, TAILQ_FIRST(&s->sessions[i]));
	TAILQ_REMOVE(&f->services, s, next);
	f->nservices--;
	watch_close(f, &s->watch);
	free(s);
	connections_free(f);
	sessions_free(f);
	return 0;
}

/* Connecting a datagram socket sends nothing; the addresses are nobody's (RFC 5737, RFC 3849). */
static bool leads_out(const struct sockaddr *to, socklen_t n)
{
	_cleanup_close_ int fd = socket(to->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	return fd >= 0 && connect(fd, to, n) == 0;
}

static int run_uplink(struct request *r)
{
	struct rep_forward_uplink *rep = r->rep;
	const struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(9), .sin_addr = { htonl(0xcb007101) } };
	const struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(9),
					 .sin6_addr = { { { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 } } } };

	rep->v4 = leads_out((const struct sockaddr *)&v4, sizeof(v4));
	rep->v6 = leads_out((const struct sockaddr *)&v6, sizeof(v6));
	return 0;
}

/* --- start ----------------------------------------------------------------------------------------------------- */

static int start(struct helper *h)
{
	struct forward *f = h->ctx;
	int r;

	TAILQ_INIT(&f->services);
	TAILQ_INIT(&f->ended);
	TAILQ_INIT(&f->by_use);
	TAILQ_INIT(&f->ended_sessions);
	f->epoll = epoll_create1(EPOLL_CLOEXEC);
	f->timer = (struct watch){ .fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK), .ready = sessions_expire };
	if (f->epoll < 0 || f->timer.fd < 0)
		return -errno;
	watch_set(f, &f->timer, EPOLLIN);
	r = helper_poll_add(h, f->epoll, POLLIN, on_events, f);
	return r < 0 ? r : sandbox_landlock_tcp(NULL, 0);
}

int main(int argc, char **argv)
{
	static const int syscalls[] = {
		SYS_socket, SYS_connect, SYS_accept4, SYS_shutdown, SYS_setsockopt, SYS_epoll_ctl, SYS_epoll_pwait, SYS_timerfd_settime,
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
		.ctx_size = sizeof(struct forward),
		.start = start,
		.syscalls = syscalls,
		.nsyscalls = ARRAY_SIZE(syscalls),
		.controller_rights = op_bit(OP_FORWARD_SERVE) | op_bit(OP_FORWARD_UNSERVE) | op_bit(OP_FORWARD_UPLINK),
	};

	return helper_run(&def, argc, argv);
}
