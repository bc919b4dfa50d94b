/* upstream.c - questions for the host's name servers: from a port of its own each, under an id of our choice, the rest
 * as it came.
 *
 * Nothing is kept of the answers: what one network was told is unknown to every other. An answer counts only if it
 * comes from the server that was asked (the socket is connected) and has id and question of what was asked. */
#include "resolver.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../base/clock.h"

enum { HEADER_BYTES = 12, QUESTION_MAX = 260 };

struct query {
	struct source source;
	LIST_ENTRY(query) next;
	struct asker asker;
	uint8_t *text;
	size_t n;
	uint8_t id[2]; /* ours */
	unsigned server; /* being asked */
	int fd;
	bool stream, sent;
	uint64_t deadline_ns;
	size_t got; /* of a stream's answer */
	uint8_t *answer;
};
static LIST_HEAD(, query) queries;
static unsigned nqueries;

static void query_free(struct query *q)
{
	LIST_REMOVE(q, next);
	nqueries--;
	if (q->fd >= 0)
		close(q->fd);
	free(q->answer);
	free(q->text);
	free(q);
}

static size_t question_size(const uint8_t *text, size_t n)
{
	size_t at = HEADER_BYTES;

	while (at < n && text[at] && text[at] < 64 && at < HEADER_BYTES + QUESTION_MAX)
		at += text[at] + 1u;
	return at + 5 <= n && text[at] == 0 ? at + 5 - HEADER_BYTES : 0;
}

/* Header with an answer bit, then the very question (names without case). */
static bool is_answer(const struct query *q, const uint8_t *text, size_t n)
{
	size_t size = question_size(q->text, q->n);

	return n >= HEADER_BYTES + size && memcmp(text, q->id, 2) == 0 && (text[2] & 0x80) && size &&
	       strncasecmp((const char *)text + HEADER_BYTES, (const char *)q->text + HEADER_BYTES, size) == 0 &&
	       memcmp(text + HEADER_BYTES + size - 4, q->text + HEADER_BYTES + size - 4, 4) == 0;
}

static void pass_on(struct query *q, uint8_t *text, size_t n)
{
	memcpy(text, q->text, 2);
	asker_reply(&q->asker, text, n);
}

static bool query_send(struct query *q);

/* The next server, or the end of it: the asker asks again if it wants to. */
static void query_next(struct query *q)
{
	if (q->fd >= 0)
		close(q->fd);
	q->fd = -EBADF;
	while (q->asker.client && ++q->server < q->asker.client->nupstreams)
		if (query_send(q))
			return;
	query_free(q);
}

static void datagram_ready(struct query *q)
{
	static uint8_t text[MESSAGE_MAX];
	ssize_t n = recv(q->fd, text, sizeof(text), MSG_DONTWAIT);

	if (n < 0 && errno != EAGAIN) {
		query_next(q);
	} else if (n > 0 && is_answer(q, text, (size_t)n)) {
		pass_on(q, text, (size_t)n);
		query_free(q);
	}
}

static void stream_ready(struct query *q)
{
	ssize_t n;
	size_t want;

	if (!q->sent) {
		uint8_t framed[2 + QUESTION_MAX + 4096];

		if (q->n + 2 > sizeof(framed)) {
			query_free(q);
			return;
		}
		framed[0] = (uint8_t)(q->n >> 8);
		framed[1] = (uint8_t)q->n;
		memcpy(framed + 2, q->text, q->n);
		memcpy(framed + 2, q->id, 2);
		q->sent = send(q->fd, framed, q->n + 2, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)(q->n + 2);
		if (!q->sent)
			query_next(q);
		return;
	}
	if (!q->answer)
		q->answer = malloc(2 + MESSAGE_MAX);
	n = q->answer ? recv(q->fd, q->answer + q->got, 2 + MESSAGE_MAX - q->got, MSG_DONTWAIT) : -1;
	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		query_next(q);
		return;
	}
	q->got += (size_t)n;
	want = q->got >= 2 ? (size_t)(q->answer[0] << 8 | q->answer[1]) : SIZE_MAX;
	if (q->got < 2 || q->got - 2 < want)
		return;
	if (is_answer(q, q->answer + 2, want))
		pass_on(q, q->answer + 2, want);
	query_free(q);
}

static void ready(struct source *s, uint32_t events)
{
	struct query *q = (struct query *)s;

	if (q->stream)
		stream_ready(q);
	else
		datagram_ready(q);
}

static bool query_send(struct query *q)
{
	const struct sockaddr_storage *to = &q->asker.client->upstreams[q->server];
	socklen_t size = to->ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);

	q->sent = false;
	q->got = 0;
	q->deadline_ns = clock_ns() + TRY_MS * UINT64_C(1000000);
	q->fd = socket(to->ss_family, (q->stream ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (q->fd < 0 || (connect(q->fd, (const struct sockaddr *)to, size) < 0 && errno != EINPROGRESS) ||
	    source_add(&q->source, q->fd, q->stream ? EPOLLIN | EPOLLOUT | EPOLLET : EPOLLIN) < 0) {
		if (q->fd >= 0)
			close(q->fd);
		q->fd = -EBADF;
		return false;
	}
	if (q->stream)
		return true;
	memcpy(q->answer, q->text, q->n);
	memcpy(q->answer, q->id, 2);
	return send(q->fd, q->answer, q->n, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)q->n;
}

bool upstream_ask(const struct asker *a, const uint8_t *text, size_t n)
{
	struct query *q;

	if (!a->client->nupstreams || nqueries >= IN_FLIGHT_MAX || n < HEADER_BYTES || question_size(text, n) == 0)
		return false;
	q = calloc(1, sizeof(*q));
	if (!q)
		return false;
	q->source.ready = ready;
	q->asker = *a;
	q->stream = a->connection != NULL;
	q->fd = -EBADF;
	q->n = n;
	q->text = malloc(n);
	q->answer = q->stream ? NULL : malloc(n);
	LIST_INSERT_HEAD(&queries, q, next);
	nqueries++;
	if (!q->text || (!q->stream && !q->answer) || getrandom(q->id, sizeof(q->id), 0) != sizeof(q->id)) {
		query_free(q);
		return false;
	}
	memcpy(q->text, text, n);
	while (!query_send(q))
		if (++q->server >= a->client->nupstreams) {
			query_free(q);
			return false;
		}
	return true;
}

void upstream_expire(void)
{
	uint64_t now = clock_ns();
	struct query *q, *next;

	for (q = LIST_FIRST(&queries); q; q = next) {
		next = LIST_NEXT(q, next);
		if (q->deadline_ns < now)
			query_next(q);
	}
}

void upstream_forget(const struct client *c)
{
	struct query *q, *next;

	for (q = LIST_FIRST(&queries); q; q = next) {
		next = LIST_NEXT(q, next);
		if (q->asker.client == c)
			query_free(q);
	}
}

void upstream_forget_connection(const struct connection *k)
{
	struct query *q, *next;

	for (q = LIST_FIRST(&queries); q; q = next) {
		next = LIST_NEXT(q, next);
		if (q->asker.connection == k)
			query_free(q);
	}
}
