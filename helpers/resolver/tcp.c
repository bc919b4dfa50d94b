/* tcp.c - questions by TCP: two bytes of length before each, one question at a time (RFC 1035, 4.2.2). */
#include "resolver.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { QUESTION_BYTES = 4096 };

struct connection {
	struct source source;
	LIST_ENTRY(connection) next;
	struct client *client;
	int fd;
	size_t got;
	uint8_t text[2 + QUESTION_BYTES];
};
static LIST_HEAD(, connection) connections;
static unsigned nconnections;

static void connection_free(struct connection *k)
{
	upstream_forget_connection(k);
	LIST_REMOVE(k, next);
	nconnections--;
	close(k->fd);
	free(k);
}

void tcp_reply(struct connection *k, const uint8_t *text, size_t n)
{
	uint8_t length[2] = { (uint8_t)(n >> 8), (uint8_t)n };
	struct iovec v[] = { { length, 2 }, { (void *)text, n } };
	struct msghdr msg = { .msg_iov = v, .msg_iovlen = 2 };

	/* Who does not read gets half of it and then no more. */
	if (sendmsg(k->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)(n + 2))
		shutdown(k->fd, SHUT_RDWR);
}

static void connection_ready(struct source *s, uint32_t events)
{
	struct connection *k = (struct connection *)s;
	ssize_t n = recv(k->fd, k->text + k->got, sizeof(k->text) - k->got, MSG_DONTWAIT);
	size_t want;

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		connection_free(k);
		return;
	}
	k->got += (size_t)n;
	while (k->got >= 2) {
		struct asker a = { .client = k->client, .connection = k };

		want = (size_t)(k->text[0] << 8 | k->text[1]);
		if (want > QUESTION_BYTES) {
			connection_free(k);
			return;
		}
		if (k->got - 2 < want)
			return;
		ask(&a, k->text + 2, want);
		memmove(k->text, k->text + 2 + want, k->got - 2 - want);
		k->got -= 2 + want;
	}
}

void tcp_accept(struct source *s, uint32_t events)
{
	struct client *c = (struct client *)((char *)s - offsetof(struct client, tcp_source));
	int fd = accept4(c->tcp, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct connection *k = fd >= 0 && nconnections < CONNECTIONS_MAX ? calloc(1, sizeof(*k)) : NULL;

	if (!k) {
		if (fd >= 0)
			close(fd);
		return;
	}
	k->source.ready = connection_ready;
	k->client = c;
	k->fd = fd;
	LIST_INSERT_HEAD(&connections, k, next);
	nconnections++;
	if (source_add(&k->source, fd, EPOLLIN) < 0)
		connection_free(k);
}

void tcp_forget(const struct client *c)
{
	struct connection *k, *next;

	for (k = LIST_FIRST(&connections); k; k = next) {
		next = LIST_NEXT(k, next);
		if (k->client == c)
			connection_free(k);
	}
}
