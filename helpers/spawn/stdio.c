/* stdio.c - the container's streams: pipes or terminal on one side, the log and attached clients on the other.
 *
 * A client that is slower than the container slows its output, as a pipe would, once QUEUE_MAX bytes wait for it; one
 * that takes nothing at all for STALL_MS is dropped, so that no client can hold a container for good. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "monitor.h"

static char buffer[READ_SIZE]; /* touched only where a container talks */

void stdio_init(struct stdio *s, const struct req_spawn_create *q)
{
	/* Zeroed by its owner: the line buffers stay untouched until there is output. */
	s->terminal = q->terminal;
	s->stdin_once = q->stdin_once;
	s->in = s->slave = s->out[0] = s->out[1] = -EBADF;
	s->streams[0].name = "stdout";
	s->streams[1].name = "stderr";
	jsonlog_init(&s->log, q->log);
	logring_init(&s->log.ring, q->log, q->log_size, q->log_slots);
	s->log.binary = q->log_binary;
	for (unsigned i = 0; i < CLIENTS_MAX; i++)
		s->clients[i].fd = -EBADF;
}

void stdio_take(struct stdio *s, const int *fds, size_t n)
{
	if (s->terminal) {
		s->out[0] = fds[0];
		s->in = dup(fds[0]);
		s->slave = fds[1];
		return;
	}
	if (n == 3)
		s->in = fds[0];
	s->out[0] = fds[n - 2];
	s->out[1] = fds[n - 1];
}

/* --- clients --- */
static void input_end(struct stdio *s)
{
	/* A terminal's input does not end with a client; nor does that of one who may come back. */
	if (s->terminal || !s->stdin_once || s->in < 0)
		return;
	s->input_ends = true;
	if (s->input_len == 0)
		s->in = close_fd(s->in);
}

static void client_drop(struct stdio *s, struct client *c)
{
	struct packet *next;

	if (c->fd < 0)
		return;
	for (struct packet *p = c->head; p; p = next) {
		next = p->next;
		free(p);
	}
	close_fd(c->fd);
	if (c->streams & ATTACH_STDIN)
		input_end(s);
	*c = (struct client){ .fd = -EBADF };
}

/* 1: sent; 0: its buffer is full; -1: it has gone. */
static int client_send(struct client *c, const struct iovec *iov, size_t n)
{
	struct msghdr msg = { .msg_iov = (struct iovec *)iov, .msg_iovlen = n };

	if (sendmsg(c->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return 1;
	return errno == EAGAIN || errno == ENOBUFS || errno == EINTR ? 0 : -1;
}

static int client_enqueue(struct client *c, char type, const char *data, size_t n)
{
	struct packet *p = malloc(sizeof(*p) + n + 1);

	if (!p)
		return -1;
	p->next = NULL;
	p->n = n + 1;
	p->data[0] = type;
	memcpy(p->data + 1, data, n);
	if (c->tail)
		c->tail->next = p;
	else
		c->head = p;
	c->tail = p;
	c->queued += p->n;
	return 0;
}

static void client_flush(struct stdio *s, struct client *c, int64_t now_ms)
{
	while (c->head) {
		struct packet *p = c->head;
		struct iovec iov = { p->data, p->n };
		int r = client_send(c, &iov, 1);

		if (r < 0)
			client_drop(s, c);
		if (r <= 0)
			return;
		c->head = p->next;
		if (!c->head)
			c->tail = NULL;
		c->queued -= p->n;
		c->progress_ms = now_ms;
		free(p);
	}
	if (s->drained)
		client_drop(s, c);
}

static void client_give(struct stdio *s, struct client *c, char type, const char *data, size_t n, int64_t now_ms)
{
	while (n > 0 && c->fd >= 0) {
		size_t part = n < STREAM_DATA ? n : STREAM_DATA;
		struct iovec iov[2] = { { &type, 1 }, { (char *)data, part } };
		int r = c->head ? 0 : client_send(c, iov, 2);

		if (r > 0)
			c->progress_ms = now_ms;
		if (r < 0 || (r == 0 && client_enqueue(c, type, data, part) < 0)) {
			client_drop(s, c);
			return;
		}
		data += part;
		n -= part;
	}
}

/* One packet of input, or the end of it. */
static void client_receive(struct stdio *s, struct client *c)
{
	ssize_t n = recv(c->fd, s->input, sizeof(s->input), MSG_DONTWAIT | MSG_TRUNC);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || n > (ssize_t)sizeof(s->input) || s->input[0] != STREAM_STDIN) {
		/* It has closed its side, or sent what is none of ours; it still gets what it is to get. */
		if (c->streams & ATTACH_STDIN)
			input_end(s);
		c->streams &= ~(uint32_t)ATTACH_STDIN;
		if (n != 0 || !c->streams)
			client_drop(s, c);
		return;
	}
	if (!(c->streams & ATTACH_STDIN))
		return;
	if (n == 1) {
		input_end(s);
	} else if (s->in >= 0 && !s->input_ends) {
		s->input_at = 1;
		s->input_len = (size_t)n - 1;
	}
}

int stdio_attach(struct stdio *s, uint32_t streams, int64_t now_ms, int *ret_fd)
{
	int pair[2], size = 1 << 20;

	for (unsigned i = 0; i < CLIENTS_MAX; i++) {
		if (s->clients[i].fd >= 0)
			continue;
		if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
			return -errno;
		setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
		s->clients[i] = (struct client){ .fd = pair[0], .streams = streams, .progress_ms = now_ms };
		*ret_fd = pair[1];
		return 0;
	}
	return -EMFILE;
}

int stdio_resize(struct stdio *s, unsigned rows, unsigned columns)
{
	struct winsize size = { .ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns };

	if (!s->terminal || s->out[0] < 0)
		return -ENOTTY;
	return ioctl(s->out[0], TIOCSWINSZ, &size) < 0 ? -errno : 0;
}

/* --- output and input --- */
static void stream_end(struct stdio *s, int i)
{
	jsonlog_end(&s->log, &s->streams[i]);
	s->out[i] = close_fd(s->out[i]);
}

/* False when there is nothing more for now. */
static bool output_read(struct stdio *s, int i, int64_t now_ms)
{
	ssize_t n = read(s->out[i], buffer, s->log.journal.fd >= 0 ? JOURNAL_READ : sizeof(buffer));
	struct timespec t;

	if (n < 0 && errno == EINTR)
		return true;
	if (n < 0 && errno == EAGAIN)
		return false;
	if (n <= 0) { /* EIO: the terminal was hung up */
		stream_end(s, i);
		return false;
	}
	clock_gettime(CLOCK_REALTIME, &t);
	jsonlog_time(&s->log, (int64_t)t.tv_sec * 1000000000 + t.tv_nsec);
	jsonlog_add(&s->log, &s->streams[i], buffer, (size_t)n);
	for (unsigned k = 0; k < CLIENTS_MAX; k++)
		if (s->clients[k].fd >= 0 && (s->clients[k].streams & (i ? ATTACH_STDERR : ATTACH_STDOUT)))
			client_give(s, &s->clients[k], i ? STREAM_STDERR : STREAM_STDOUT, buffer, (size_t)n, now_ms);
	return true;
}

static void input_write(struct stdio *s)
{
	while (s->input_len && s->in >= 0) {
		ssize_t n = write(s->in, s->input + s->input_at, s->input_len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0) { /* nobody reads it any more */
			s->in = close_fd(s->in);
			break;
		}
		s->input_at += (size_t)n;
		s->input_len -= (size_t)n;
	}
	s->input_len = 0;
	if (s->input_ends)
		s->in = close_fd(s->in);
}

static bool output_held(const struct stdio *s)
{
	for (unsigned i = 0; i < CLIENTS_MAX; i++)
		if (s->clients[i].fd >= 0 && s->clients[i].queued >= QUEUE_MAX)
			return true;
	return false;
}

size_t stdio_polls(struct stdio *s, struct pollfd *p, int64_t now_ms, int *timeout_ms)
{
	bool held = output_held(s);
	size_t n = 0;

	for (int i = 0; i < 2; i++)
		p[n++] = (struct pollfd){ .fd = held ? -1 : s->out[i], .events = POLLIN };
	p[n++] = (struct pollfd){ .fd = s->input_len ? s->in : -1, .events = POLLOUT };
	for (unsigned i = 0; i < CLIENTS_MAX; i++) {
		struct client *c = &s->clients[i];
		bool blocked = s->input_len && (c->streams & ATTACH_STDIN); /* one packet at a time */
		short events =
			(short)((blocked || !(c->streams & ATTACH_STDIN) ? 0 : POLLIN) | (c->head ? POLLOUT : 0));

		/* With nothing asked a hang-up is still told: not while its input waits, or without end. */
		p[n++] = (struct pollfd){ .fd = blocked && !c->head ? -1 : c->fd, .events = events };
		if (c->fd >= 0 && c->head) {
			int64_t left = c->progress_ms + STALL_MS - now_ms;

			if (*timeout_ms < 0 || left < *timeout_ms)
				*timeout_ms = left < 0 ? 0 : (int)left;
		}
	}
	return n;
}

void stdio_serve(struct stdio *s, const struct pollfd *p, size_t n, int64_t now_ms)
{
	for (int i = 0; i < 2; i++)
		if (p[i].revents && s->out[i] >= 0)
			output_read(s, i, now_ms);
	jsonlog_flush(&s->log);
	if (p[2].revents)
		input_write(s);
	for (unsigned i = 0; i < CLIENTS_MAX && 3 + i < n; i++) {
		struct client *c = &s->clients[i];
		short got = p[3 + i].revents;

		if (c->fd < 0 || p[3 + i].fd != c->fd)
			continue;
		if (c->head)
			client_flush(s, c, now_ms);
		if (c->fd >= 0 && c->head && now_ms - c->progress_ms >= STALL_MS)
			client_drop(s, c);
		if (c->fd < 0)
			continue;
		if ((got & POLLIN) && s->input_len == 0) {
			client_receive(s, c);
			input_write(s);
		} else if (got & (POLLHUP | POLLERR)) {
			client_drop(s, c);
		}
	}
}

void stdio_drain(struct stdio *s, int64_t now_ms)
{
	for (int i = 0; i < 2; i++) {
		/* All writers are dead but one who was handed the pipe and lives elsewhere: what is there is all. */
		for (int left = 64; s->out[i] >= 0 && left > 0 && output_read(s, i, now_ms); left--)
			;
		if (s->out[i] >= 0)
			stream_end(s, i);
	}
	jsonlog_finish(&s->log);
	s->in = close_fd(s->in);
	s->slave = close_fd(s->slave);
	s->input_len = 0;
	s->drained = true;
	for (unsigned i = 0; i < CLIENTS_MAX; i++)
		if (!s->clients[i].head)
			client_drop(s, &s->clients[i]);
}

bool stdio_flushed(const struct stdio *s)
{
	for (unsigned i = 0; i < CLIENTS_MAX; i++)
		if (s->clients[i].head)
			return false;
	return true;
}
