/* postern-resolver - answers name questions of containers in networks of users'. README.md.
 *
 * No capability, no file; its sockets for questions are made inside the containers by postern-netns and passed to
 * it. */
#include "resolver.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/sandbox.h"

enum { EVENTS_AT_ONCE = 64, TICK_MS = 250 };

struct resolver resolver;
static int timer = -EBADF;

static struct client *client_find(const uint8_t *id)
{
	struct client *c;

	LIST_FOREACH(c, &resolver.clients, next)
		if (memcmp(c->id, id, ID_BYTES) == 0)
			return c;
	return NULL;
}

static void client_close(struct client *c)
{
	upstream_forget(c);
	tcp_forget(c);
	c->udp = close_fd(c->udp);
	c->tcp = close_fd(c->tcp);
}

static void client_free(struct client *c)
{
	client_close(c);
	LIST_REMOVE(c, next);
	free(c->links);
	free(c);
}

static void udp_ready(struct source *s, uint32_t events)
{
	static uint8_t text[MESSAGE_MAX];
	struct asker a = { .client = (struct client *)s, .from_len = sizeof(a.from) };
	ssize_t n = recvfrom(a.client->udp, text, sizeof(text), MSG_DONTWAIT, (struct sockaddr *)&a.from, &a.from_len);

	if (n > 0)
		ask(&a, text, (size_t)n);
}

int source_add(struct source *s, int fd, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.ptr = s };

	return epoll_ctl(resolver.poll, EPOLL_CTL_ADD, fd, &e) < 0 ? -errno : 0;
}

/* --- ops --- */
static void read_upstreams(struct client *c, char *text)
{
	char *save = NULL;

	c->nupstreams = 0;
	for (char *w = strtok_r(text, " ", &save); w && c->nupstreams < UPSTREAMS_MAX; w = strtok_r(NULL, " ", &save)) {
		struct sockaddr_in *in = (struct sockaddr_in *)&c->upstreams[c->nupstreams];
		struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)in;

		memset(in6, 0, sizeof(*in6));
		if (inet_pton(AF_INET, w, &in->sin_addr) == 1) {
			in->sin_family = AF_INET;
			in->sin_port = htons(53);
			c->nupstreams++;
		} else if (inet_pton(AF_INET6, w, &in6->sin6_addr) == 1) {
			in6->sin6_family = AF_INET6;
			in6->sin6_port = htons(53);
			c->nupstreams++;
		}
	}
}

static int take_sockets(struct client *c, const struct req_resolver_serve *req)
{
	int r;

	client_close(c);
	c->udp = fcntl(req->udp, F_DUPFD_CLOEXEC, FD_OWN);
	c->tcp = fcntl(req->tcp, F_DUPFD_CLOEXEC, FD_OWN);
	if (c->udp < 0 || c->tcp < 0)
		return -errno;
	c->udp_source.ready = udp_ready;
	c->tcp_source.ready = tcp_accept;
	r = source_add(&c->udp_source, c->udp, EPOLLIN);
	return r == 0 ? source_add(&c->tcp_source, c->tcp, EPOLLIN) : r;
}

static int run_serve(struct request *r)
{
	const struct req_resolver_serve *req = r->req;
	struct client *c = client_find(req->container);
	char upstream[sizeof(req->upstream)];
	int e = 0;

	if (!c) {
		c = calloc(1, sizeof(*c));
		if (!c)
			return -ENOMEM;
		memcpy(c->id, req->container, ID_BYTES);
		c->udp = c->tcp = -EBADF;
		LIST_INSERT_HEAD(&resolver.clients, c, next);
	}
	if (req->udp >= 0 && req->tcp >= 0)
		e = take_sockets(c, req);
	c->nnetworks = req->networks.n;
	memcpy(c->networks, req->networks.id, sizeof(c->networks[0]) * c->nnetworks);
	memcpy(upstream, req->upstream, sizeof(upstream));
	read_upstreams(c, upstream);
	free(c->links);
	c->links = strdup(req->links);
	if (e == 0 && (c->udp < 0 || !c->links))
		e = -EINVAL;
	if (e < 0)
		client_free(c);
	return e;
}

static int run_unserve(struct request *r)
{
	const struct req_resolver_unserve *req = r->req;
	struct client *c = client_find(req->container);

	if (!c)
		return -ENOENT;
	client_free(c);
	return 0;
}

static struct endpoint *endpoint_find(const uint8_t *network, const uint8_t *container)
{
	struct endpoint *ep;

	LIST_FOREACH(ep, &resolver.endpoints, next)
		if (memcmp(ep->network, network, ID_BYTES) == 0 && memcmp(ep->container, container, ID_BYTES) == 0)
			return ep;
	return NULL;
}

static void endpoint_free(struct endpoint *ep)
{
	LIST_REMOVE(ep, next);
	free(ep->network_name);
	free(ep->names);
	free(ep);
}

static int run_names(struct request *r)
{
	const struct req_resolver_names *req = r->req;
	struct endpoint *ep = endpoint_find(req->network, req->container);

	if (ep)
		endpoint_free(ep);
	ep = calloc(1, sizeof(*ep));
	if (!ep)
		return -ENOMEM;
	LIST_INSERT_HEAD(&resolver.endpoints, ep, next);
	memcpy(ep->network, req->network, ID_BYTES);
	memcpy(ep->container, req->container, ID_BYTES);
	ep->network_name = strdup(req->network_name);
	ep->names = strdup(req->names);
	ep->n4 = req->addresses4.n;
	ep->n6 = req->addresses6.n;
	memcpy(ep->v4, req->addresses4.v, sizeof(ep->v4));
	memcpy(ep->v6, req->addresses6.v, sizeof(ep->v6));
	if (ep->network_name && ep->names && ep->n6 % 2 == 0)
		return 0;
	endpoint_free(ep);
	return -EINVAL;
}

static int run_unname(struct request *r)
{
	const struct req_resolver_unname *req = r->req;
	struct endpoint *ep = endpoint_find(req->network, req->container);

	if (!ep)
		return -ENOENT;
	endpoint_free(ep);
	return 0;
}

static int run_counts(struct request *r)
{
	struct rep_resolver_counts *rep = r->rep;

	rep->answered = resolver.answered;
	rep->forwarded = resolver.forwarded;
	rep->refused = resolver.refused;
	return 0;
}

/* --- start --- */
/* An event may end what a later one of the same look is about: each is looked up in the kernel again. */
static void poll_ready(struct helper *h, int fd, short revents, void *data)
{
	struct epoll_event e;

	for (unsigned i = 0; i < EVENTS_AT_ONCE && epoll_wait(resolver.poll, &e, 1, 0) == 1; i++)
		((struct source *)e.data.ptr)->ready(e.data.ptr, e.events);
}

static void tick(struct helper *h, int fd, short revents, void *data)
{
	uint64_t times;

	if (read(fd, &times, sizeof(times)) == sizeof(times))
		upstream_expire();
}

static int start(struct helper *h)
{
	const struct itimerspec every = { .it_interval.tv_nsec = TICK_MS * 1000000L,
					  .it_value.tv_nsec = TICK_MS * 1000000L };
	int r;

	resolver.poll = epoll_create1(EPOLL_CLOEXEC);
	timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (resolver.poll < 0 || timer < 0 || timerfd_settime(timer, 0, &every, NULL) < 0)
		return -errno;
	r = helper_poll_add(h, resolver.poll, POLLIN, poll_ready, NULL);
	if (r == 0)
		r = helper_poll_add(h, timer, POLLIN, tick, NULL);
	return r < 0 ? r : sandbox_landlock_tcp(NULL, 0);
}

int main(int argc, char **argv)
{
	static const int syscalls[] = {
		SYS_socket, SYS_connect, SYS_accept4, SYS_shutdown, SYS_epoll_ctl, SYS_epoll_pwait, SYS_timerfd_settime,
#ifdef SYS_epoll_wait
		SYS_epoll_wait,
#endif
	};
	static const struct handler handlers[] = {
		{ OP_RESOLVER_SERVE, run_serve },   { OP_RESOLVER_UNSERVE, run_unserve },
		{ OP_RESOLVER_NAMES, run_names },   { OP_RESOLVER_UNNAME, run_unname },
		{ OP_RESOLVER_COUNTS, run_counts },
	};
	struct helper_def def = {
		.id = HELPER_RESOLVER,
		.handlers = handlers,
		.nhandlers = ARRAY_SIZE(handlers),
		.policy_size = sizeof(struct policy_common),
		.ctx_size = 1,
		.start = start,
		.syscalls = syscalls,
		.nsyscalls = ARRAY_SIZE(syscalls),
	};

	for (size_t i = 0; i < ARRAY_SIZE(handlers); i++)
		def.controller_rights |= op_bit(handlers[i].op);
	return helper_run(&def, argc, argv);
}
