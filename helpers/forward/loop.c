/* loop.c - what postern-forward polls and serves.
 *
 * No service can take the room of the others: each may have as many connections as are left to all (service_share), so
 * one alone gets half, two a third each. Who has too many waits until one ends. */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "forward.h"

enum { EVENTS = 256 };
static const uint64_t second_ns = 1000000000;

/* --- what is polled -------------------------------------------------------------------------------------------- */

int watch_set(struct forward *f, struct watch *w, uint32_t events)
{
	struct epoll_event e = { .events = events, .data = { .ptr = w } };

	if (events == w->events)
		return 0;
	if (epoll_ctl(f->epoll, !events ? EPOLL_CTL_DEL : w->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, w->fd, &e) < 0)
		return -errno;
	w->events = events;
	return 0;
}

void watch_close(struct forward *f, struct watch *w)
{
	watch_set(f, w, 0);
	w->fd = close_fd(w->fd);
}

/* For the next session that ends, or the next try of who waits. */
static void set_timer(struct forward *f)
{
	uint64_t due = sessions_due(f), retry = f->now_ns + RETRY_S * second_ns;
	struct itimerspec t = { 0 };

	if (!TAILQ_EMPTY(&f->paused) && (!due || due > retry))
		due = retry;
	if (!due || (f->due_ns && f->due_ns <= due))
		return;
	f->due_ns = due;
	due = due > f->now_ns ? due - f->now_ns : 1;
	t.it_value.tv_sec = (time_t)(due / second_ns);
	t.it_value.tv_nsec = (long)(due % second_ns);
	timerfd_settime(f->timer.fd, 0, &t, NULL);
}

static void on_timer(struct forward *f, struct watch *w, uint32_t events)
{
	uint64_t times;

	if (read(w->fd, &times, sizeof(times)) < 0)
		return;
	f->due_ns = 0;
	sessions_expire(f);
	services_resume(f);
}

void forward_round(struct forward *f, uint64_t now_ns)
{
	struct epoll_event all[EVENTS];
	int n = epoll_wait(f->epoll, all, EVENTS, 0);

	f->now_ns = now_ns;
	for (int i = 0; i < n; i++) {
		struct watch *w = all[i].data.ptr;

		if (w->fd >= 0 && w->events) /* else an earlier event of this round ended it */
			w->ready(f, w, all[i].events);
	}
	connections_free(f);
	sessions_free(f);
	set_timer(f);
}

static unsigned least(unsigned a, rlim_t b)
{
	return a < b ? a : (unsigned)b;
}

int forward_init(struct forward *f, unsigned max_services)
{
	struct rlimit files;

	for (unsigned i = 0; i < BUCKETS; i++) {
		TAILQ_INIT(&f->services[i]);
		TAILQ_INIT(&f->sessions[i]);
	}
	TAILQ_INIT(&f->paused);
	TAILQ_INIT(&f->ended);
	TAILQ_INIT(&f->by_use);
	TAILQ_INIT(&f->ended_sessions);
	if (getrlimit(RLIMIT_NOFILE, &files) < 0 || getrandom(&f->seed, sizeof(f->seed), 0) != sizeof(f->seed))
		return -errno;
	f->max_services = least(max_services, files.rlim_cur / 4);
	f->max_connections = least(CONNECTIONS_MAX, files.rlim_cur / 6);
	f->max_sessions = least(SESSIONS_MAX, files.rlim_cur / 6);
	f->epoll = epoll_create1(EPOLL_CLOEXEC);
	f->timer = (struct watch){ .fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK),
				   .ready = on_timer };
	if (f->epoll < 0 || f->timer.fd < 0)
		return -errno;
	return watch_set(f, &f->timer, EPOLLIN);
}

/* --- services -------------------------------------------------------------------------------------------------- */

bool service_share(const struct service *s, unsigned all, unsigned max)
{
	return all < max && s->n < max - all;
}

void service_pause(struct forward *f, struct service *s)
{
	if (s->is_paused || watch_set(f, &s->watch, 0) < 0)
		return;
	TAILQ_INSERT_TAIL(&f->paused, s, paused);
	s->is_paused = true;
}

/* Who still has too many is paused again when next it is ready. */
void services_resume(struct forward *f)
{
	struct service *s, *next;

	for (s = TAILQ_FIRST(&f->paused); s; s = next) {
		next = TAILQ_NEXT(s, paused);
		if (watch_set(f, &s->watch, EPOLLIN) < 0)
			continue;
		TAILQ_REMOVE(&f->paused, s, paused);
		s->is_paused = false;
	}
}

int service_connect(const struct service *s)
{
	int type = (s->datagrams ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC | SOCK_NONBLOCK;
	_cleanup_close_ int fd = socket(s->to.ss_family, type, 0);

	if (fd < 0 || (s->bridge && setsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &s->bridge, sizeof(s->bridge)) < 0) ||
	    (connect(fd, (const struct sockaddr *)&s->to, s->to_size) < 0 && errno != EINPROGRESS))
		return -errno;
	return TAKE_FD(fd);
}

struct service *service_find(struct forward *f, uint64_t id)
{
	struct service *s;

	TAILQ_FOREACH(s, &f->services[id % BUCKETS], next)
		if (s->id == id)
			return s;
	return NULL;
}

int service_add(struct forward *f, const struct service *what)
{
	struct service *s;
	int r;

	if (f->nservices == f->max_services)
		return -EDQUOT;
	if (service_find(f, what->id))
		return -EEXIST;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	*s = *what;
	s->watch.ready = s->datagrams ? datagram_ready : stream_ready;
	TAILQ_INIT(&s->connections);
	r = watch_set(f, &s->watch, EPOLLIN);
	if (r < 0) {
		free(s);
		return r;
	}
	TAILQ_INSERT_TAIL(&f->services[s->id % BUCKETS], s, next);
	f->nservices++;
	return 0;
}

void service_end(struct forward *f, struct service *s)
{
	while (!TAILQ_EMPTY(&s->connections))
		connection_end(f, TAILQ_FIRST(&s->connections));
	sessions_end(f, s);
	if (s->is_paused)
		TAILQ_REMOVE(&f->paused, s, paused);
	TAILQ_REMOVE(&f->services[s->id % BUCKETS], s, next);
	f->nservices--;
	watch_close(f, &s->watch);
	free(s);
	connections_free(f);
	sessions_free(f);
}
