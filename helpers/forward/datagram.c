/* datagram.c - a socket for each address that datagrams come from, so that what the container answers finds its way
 * back.
 *
 * A session ends when nothing has come either way for a minute, or when there are too many and it was silent
 * longest. */
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "../base/cleanup.h"
#include "forward.h"

enum { ROUNDS = 64 };
static const uint64_t silence_ns = SESSION_S * UINT64_C(1000000000);

struct session {
	struct watch watch; /* first: a watch is cast back */
	TAILQ_ENTRY(session) next, by_use;
	struct service *service;
	struct sockaddr_storage from;
	socklen_t from_size;
	struct sessions *bucket;
	uint64_t used_ns;
};

static void session_end(struct forward *f, struct session *s)
{
	TAILQ_REMOVE(s->bucket, s, next);
	TAILQ_REMOVE(&f->by_use, s, by_use);
	watch_close(f, &s->watch);
	s->service->n--;
	f->nsessions--;
	TAILQ_INSERT_TAIL(&f->ended_sessions, s, by_use);
	services_resume(f);
}

void sessions_free(struct forward *f)
{
	struct session *s;

	while ((s = TAILQ_FIRST(&f->ended_sessions))) {
		TAILQ_REMOVE(&f->ended_sessions, s, by_use);
		free(s);
	}
}

/* The one of that service (NULL: of all) that was silent longest. */
static struct session *oldest(const struct forward *f, const struct service *v)
{
	struct session *s = TAILQ_FIRST(&f->by_use);

	while (s && v && s->service != v)
		s = TAILQ_NEXT(s, by_use);
	return s;
}

void sessions_end(struct forward *f, const struct service *v)
{
	struct session *s;

	while ((s = oldest(f, v)))
		session_end(f, s);
}

uint64_t sessions_due(const struct forward *f)
{
	const struct session *s = oldest(f, NULL);

	return s ? s->used_ns + silence_ns : 0;
}

void sessions_expire(struct forward *f)
{
	struct session *s;

	while ((s = oldest(f, NULL)) && f->now_ns - s->used_ns >= silence_ns)
		session_end(f, s);
}

static void touch(struct forward *f, struct session *s)
{
	s->used_ns = f->now_ns;
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
		sendto(s->service->watch.fd, f->chunk, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL,
		       (struct sockaddr *)&s->from, s->from_size);
	}
	touch(f, s);
}

/* Of FNV, and nobody outside knows the seed. */
static struct sessions *bucket_of(struct forward *f, const struct service *v, const struct sockaddr_storage *from,
				  socklen_t n)
{
	const uint8_t *p = (const uint8_t *)from;
	uint32_t h = (f->seed ^ (uint32_t)v->id) * 16777619u;

	for (socklen_t i = 0; i < n; i++)
		h = (h ^ p[i]) * 16777619u;
	return &f->sessions[(h ^ h >> 16) % BUCKETS];
}

static struct session *find(const struct sessions *bucket, const struct service *v, const struct sockaddr_storage *from,
			    socklen_t n)
{
	struct session *s;

	TAILQ_FOREACH(s, bucket, next)
		if (s->service == v && s->from_size == n && memcmp(&s->from, from, n) == 0)
			return s;
	return NULL;
}

/* One that has too many makes room by its own. */
static struct session *session_new(struct forward *f, struct service *v, struct sessions *bucket,
				   const struct sockaddr_storage *from, socklen_t n)
{
	struct session *s;
	int fd;

	if (!service_share(v, f->nsessions, f->max_sessions)) {
		s = oldest(f, v->n ? v : NULL);
		if (s)
			session_end(f, s);
	}
	fd = service_connect(v);
	s = fd < 0 ? NULL : calloc(1, sizeof(*s));
	if (!s) {
		close_fd(fd);
		return NULL;
	}
	*s = (struct session){ .watch = { .fd = fd, .ready = session_ready }, .service = v,
			       .from = *from, .from_size = n, .bucket = bucket };
	TAILQ_INSERT_TAIL(bucket, s, next);
	TAILQ_INSERT_TAIL(&f->by_use, s, by_use);
	v->n++;
	f->nsessions++;
	if (watch_set(f, &s->watch, EPOLLIN) == 0)
		return s;
	session_end(f, s);
	return NULL;
}

/* From clients. */
void datagram_ready(struct forward *f, struct watch *w, uint32_t events)
{
	struct service *v = (struct service *)w;

	for (unsigned i = 0; i < ROUNDS; i++) {
		struct sockaddr_storage from;
		socklen_t size = sizeof(from);
		struct sessions *bucket;
		struct session *s;
		ssize_t n;

		memset(&from, 0, sizeof(from));
		n = recvfrom(v->watch.fd, f->chunk, CHUNK, MSG_DONTWAIT, (struct sockaddr *)&from, &size);
		if (n < 0 || size > sizeof(from))
			return;
		bucket = bucket_of(f, v, &from, size);
		s = find(bucket, v, &from, size);
		if (!s)
			s = session_new(f, v, bucket, &from, size);
		if (!s)
			continue;
		touch(f, s);
		send(s->watch.fd, f->chunk, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL);
	}
}
