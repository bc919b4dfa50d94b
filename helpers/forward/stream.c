/* stream.c - connections: what comes in on one side goes out on the other, half-closes included.
 *
 * A side is read only while the other has taken all before, so at most a chunk waits in each direction. A socket that
 * has an end in both directions is not polled any more: its kernel would report that for ever. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "../base/cleanup.h"
#include "forward.h"

enum { ROUNDS = 8 /* chunks at once, then others have their turn */, ACCEPTS = 64 };

struct side {
	struct watch watch; /* first: a watch is cast back */
	struct connection *connection;
	uint8_t *waiting; /* to be written here */
	size_t at, size;
	bool ended, shut; /* nothing more comes from here; the end was passed on to here */
};

struct connection {
	TAILQ_ENTRY(connection) next;
	struct service *service;
	struct side side[2]; /* client, container */
	bool connecting;
};

static struct side *other(struct side *s)
{
	struct connection *c = s->connection;

	return s == &c->side[0] ? &c->side[1] : &c->side[0];
}

void connection_end(struct forward *f, struct connection *c)
{
	TAILQ_REMOVE(&c->service->connections, c, next);
	for (unsigned i = 0; i < 2; i++)
		watch_close(f, &c->side[i].watch);
	TAILQ_INSERT_TAIL(&f->ended, c, next);
	c->service->n--;
	f->nconnections--;
	services_resume(f);
}

void connections_free(struct forward *f)
{
	struct connection *c;

	while ((c = TAILQ_FIRST(&f->ended))) {
		TAILQ_REMOVE(&f->ended, c, next);
		free(c->side[0].waiting);
		free(c->side[1].waiting);
		free(c);
	}
}

/* The other side learns that this was no orderly end. */
static void reset(struct forward *f, struct connection *c)
{
	const struct linger now = { .l_onoff = 1 };

	for (unsigned i = 0; i < 2; i++)
		if (c->side[i].watch.fd >= 0)
			setsockopt(c->side[i].watch.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	connection_end(f, c);
}

/* 0, or -errno: the connection is broken. */
static int flush(struct side *s)
{
	while (s->waiting) {
		ssize_t n = send(s->watch.fd, s->waiting + s->at, s->size - s->at, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
		s->at += (size_t)n;
		if (s->at == s->size) {
			free(s->waiting);
			s->waiting = NULL;
		}
	}
	return 0;
}

/* What a socket does not take at once waits. */
static int write_to(struct side *to, const uint8_t *data, size_t n)
{
	ssize_t done = send(to->watch.fd, data, n, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (done < 0 && errno != EAGAIN && errno != EINTR)
		return -errno;
	if (done < 0)
		done = 0;
	if ((size_t)done == n)
		return 0;
	to->size = n - (size_t)done;
	to->at = 0;
	to->waiting = malloc(to->size);
	if (!to->waiting)
		return -ENOMEM;
	memcpy(to->waiting, data + done, to->size);
	return 0;
}

static int read_from(struct forward *f, struct side *from)
{
	struct side *to = other(from);

	for (unsigned i = 0; i < ROUNDS && !from->ended && !to->waiting; i++) {
		ssize_t n = recv(from->watch.fd, f->chunk, CHUNK, MSG_DONTWAIT);
		int r;

		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
		from->ended = n == 0;
		r = n > 0 ? write_to(to, f->chunk, (size_t)n) : 0;
		if (r < 0)
			return r;
		if (n < CHUNK)
			break;
	}
	return 0;
}

static void pass_end(struct side *from)
{
	struct side *to = other(from);

	if (!from->ended || to->waiting || to->shut)
		return;
	to->shut = true;
	shutdown(to->watch.fd, SHUT_WR);
}

static int rearm(struct forward *f, struct connection *c)
{
	int r = 0;

	for (unsigned i = 0; i < 2 && r == 0; i++) {
		struct side *s = &c->side[i];
		uint32_t events = s->waiting ? EPOLLOUT : 0;

		if (c->connecting)
			events = i == 1 ? EPOLLOUT : 0;
		else if (!s->ended && !other(s)->waiting)
			events |= EPOLLIN;
		r = watch_set(f, &s->watch, events);
	}
	return r;
}

/* 0, or -errno: the connection is broken. */
static int connected(struct connection *c)
{
	int error = 0;
	socklen_t n = sizeof(error);

	c->connecting = false;
	if (getsockopt(c->side[1].watch.fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0)
		return -errno;
	return -error;
}

static void side_ready(struct forward *f, struct watch *w, uint32_t events)
{
	struct side *s = (struct side *)w;
	struct connection *c = s->connection;
	int r = c->connecting ? connected(c) : 0;

	if (r == 0 && (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)))
		r = flush(s);
	if (r == 0 && (events & (EPOLLIN | EPOLLERR | EPOLLHUP)))
		r = read_from(f, s);
	if (r == 0) {
		pass_end(&c->side[0]);
		pass_end(&c->side[1]);
		if (c->side[0].shut && c->side[1].shut) {
			connection_end(f, c);
			return;
		}
		r = rearm(f, c);
	}
	if (r < 0)
		reset(f, c);
}

/* Takes both. */
static void begin(struct forward *f, struct service *s, int client, int container)
{
	const int one = 1, fds[] = { client, container };
	struct connection *c = calloc(1, sizeof(*c));

	if (!c) {
		close_fd(client);
		close_fd(container);
		return;
	}
	*c = (struct connection){ .service = s, .connecting = true };
	for (unsigned i = 0; i < 2; i++) {
		c->side[i] = (struct side){ .watch = { .fd = fds[i], .ready = side_ready }, .connection = c };
		setsockopt(fds[i], SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
		/* Who writes has its own opinion about the size of segments. */
		setsockopt(fds[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	}
	TAILQ_INSERT_TAIL(&s->connections, c, next);
	s->n++;
	f->nconnections++;
	if (rearm(f, c) < 0)
		reset(f, c);
}

void stream_ready(struct forward *f, struct watch *w, uint32_t events)
{
	struct service *s = (struct service *)w;

	for (unsigned i = 0; i < ACCEPTS && service_share(s, f->nconnections, f->max_connections); i++) {
		int client = accept4(s->watch.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), container;

		if (client < 0) {
			if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
				service_pause(f, s);
			return;
		}
		container = service_connect(s);
		if (container < 0)
			close_fd(client);
		else
			begin(f, s, client, container);
	}
	if (!service_share(s, f->nconnections, f->max_connections))
		service_pause(f, s);
}
