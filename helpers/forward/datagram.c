/* datagram.c - a socket for each address that datagrams come from, so that what the container answers finds its way back.
 *
 * A session ends when nothing has come either way for a minute, or when there are too many and it was silent longest. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>

#include "../base/cleanup.h"
#include "../base/clock.h"
#include "forward.h"

enum { ROUNDS = 64 };
static const uint64_t second_ns = 1000000000;

struct session {
	struct watch watch; /* first: a watch is cast back */
	TAILQ_ENTRY(session) next, by_use;
	struct service *service;
	struct sockaddr_storage from;
	socklen_t from_size;
	unsigned bucket;
	uint64_t used_ns;
};

/* Of FNV: who can send from many ports makes one chain long, and that of one service only. */
static unsigned bucket_of(const struct sockaddr_storage *a, socklen_t n)
{
	const uint8_t *p = (const uint8_t *)a;
	uint32_t h = 2166136261u;

	for (socklen_t i = 0; i < n; i++)
		h = (h ^ p[i]) * 16777619u;
	return h % BUCKETS;
}

void session_end(struct forward *f, struct session *s)
{
	TAILQ_REMOVE(&s->service->sessions[s->bucket], s, next);
	TAILQ_REMOVE(&f->by_use, s, by_use);
	watch_close(f, &s->watch);
	s->service->nsessions--;
	f->nsessions--;
	TAILQ_INSERT_TAIL(&f->ended_sessions, s, by_use);
	if (f->full)
		services_accept(f, true);
}

void sessions_free(struct forward *f)
{
	struct session *s;

	while ((s = TAILQ_FIRST(&f->ended_sessions))) {
		TAILQ_REMOVE(&f->ended_sessions, s, by_use);
		free(s);
	}
}

/* Once for the session that was silent longest. */
static void set_timer(struct forward *f)
{
	const struct session *first = TAILQ_FIRST(&f->by_use);
	struct itimerspec t = { 0 };
	uint64_t due = first ? first->used_ns + SESSION_S * second_ns : 0, now = clock_ns();

	if (!first)
		return;
	due = due > now ? due - now : 1;
	t.it_value.tv_sec = (time_t)(due / second_ns);
	t.it_value.tv_nsec = (long)(due % second_ns);
	timerfd_settime(f->timer.fd, 0, &t, NULL);
}

void sessions_expire(struct forward *f, struct watch *w, uint32_t events)
{
	uint64_t times, now = clock_ns();
	struct session *s;

	if (read(w->fd, &times, sizeof(times)) < 0)
		return;
	while ((s = TAILQ_FIRST(&f->by_use)) && now - s->used_ns >= SESSION_S * second_ns)
		session_end(f, s);
	set_timer(f);
}

static void touch(struct forward *f, struct session *s)
{
	s->used_ns = clock_ns();
	TAILQ_REMOVE(&f->by_use, s, by_use);
	TAILQ_INSERT_TAIL(&f->by_use, s, by_use);
}

/* From the container. A refusal (ICMP) is not ours to pass on: the next datagram is another try. */
static void session_ready(struct forward *f, struct watch *w, uint32_t events)
{
	struct session *s = (struct session *)w;

	for (unsigned i = 0; i < ROUNDS; i++) {
		ssize_t n = recv(s->watch.fd, f->chunk, CHUNK, MSG_DONTWAIT);

		if (n < 0)
			break;
		sendto(s->service->watch.fd, f->chunk, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&s->from, s->from_size);
	}
	touch(f, s);
}

static struct session *find(const struct service *v, unsigned bucket, const struct sockaddr_storage *from, socklen_t n)
{
	struct session *s;

	TAILQ_FOREACH(s, &v->sessions[bucket], next)
		if (s->from_size == n && memcmp(&s->from, from, n) == 0)
			return s;
	return NULL;
}

/* One more than a service or all may have: the one that was silent longest makes room, of this service if that has too many. */
static void make_room(struct forward *f, const struct service *v)
{
	struct session *s = TAILQ_FIRST(&f->by_use);

	if (v->nsessions >= SERVICE_SESSIONS_MAX)
		while (s && s->service != v)
			s = TAILQ_NEXT(s, by_use);
	else if (f->nsessions < SESSIONS_MAX)
		return;
	if (s)
		session_end(f, s);
}

static struct session *session_new(struct forward *f, struct service *v, unsigned bucket, const struct sockaddr_storage *from, socklen_t n)
{
	struct session *s = calloc(1, sizeof(*s));
	int fd;

	make_room(f, v);
	fd = socket(v->to.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (!s || fd < 0 || connect(fd, (struct sockaddr *)&v->to, v->to_size) < 0) {
		close_fd(fd);
		free(s);
		return NULL;
	}
	*s = (struct session){ .watch = { .fd = fd, .ready = session_ready }, .service = v, .from = *from, .from_size = n,
			       .bucket = bucket, .used_ns = clock_ns() };
	TAILQ_INSERT_TAIL(&v->sessions[bucket], s, next);
	TAILQ_INSERT_TAIL(&f->by_use, s, by_use);
	v->nsessions++;
	if (f->nsessions++ == 0)
		set_timer(f);
	watch_set(f, &s->watch, EPOLLIN);
	return s;
}

/* From clients. */
void datagram_ready(struct forward *f, struct watch *w, uint32_t events)
{
	struct service *v = (struct service *)w;

	for (unsigned i = 0; i < ROUNDS; i++) {
		struct sockaddr_storage from = { 0 };
		socklen_t size = sizeof(from);
		ssize_t n = recvfrom(v->watch.fd, f->chunk, CHUNK, MSG_DONTWAIT, (struct sockaddr *)&from, &size);
		unsigned bucket = bucket_of(&from, size);
		struct session *s;

		if (n < 0)
			return;
		s = find(v, bucket, &from, size);
		if (!s)
			s = session_new(f, v, bucket, &from, size);
		if (!s)
			continue;
		touch(f, s);
		send(s->watch.fd, f->chunk, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL);
	}
}
