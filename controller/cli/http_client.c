/* http_client.c - see http_client.h. The engine is trusted to be the user's own, but its bytes are bounded all the
 * same. */
#include "http_client.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "../../helpers/base/cleanup.h"
#include "../../helpers/base/text.h"

void http_init(struct http *h)
{
	memset(h, 0, offsetof(struct http, buf));
	h->fd = -EBADF;
}

int http_connect(struct http *h, const char *socket_path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	http_init(h);
	if (text_copy(a.sun_path, sizeof(a.sun_path), socket_path) < 0)
		return -ENAMETOOLONG;
	h->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (h->fd < 0)
		return -errno;
	if (connect(h->fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
		h->fd = close_fd(h->fd);
		return -errno;
	}
	return 0;
}

int http_resume(struct http *h, int fd)
{
	char c;

	http_init(h);
	h->fd = fd;
	/* Nothing was asked: anything but silence is its end. */
	if (recv(fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN)
		return 0;
	h->fd = close_fd(h->fd);
	return -ENOTCONN;
}

int http_release(struct http *h)
{
	int fd = h->ended && !h->closes && h->start == h->end ? TAKE_FD(h->fd) : -EBADF;

	http_finish(h);
	return fd;
}

void http_finish(struct http *h)
{
	h->fd = close_fd(h->fd);
}

int http_write(struct http *h, const void *data, size_t n)
{
	const char *p = data;

	while (n > 0) {
		ssize_t w = send(h->fd, p, n, MSG_NOSIGNAL);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return -errno;
		p += w;
		n -= (size_t)w;
	}
	return 0;
}

/* The head, and a body (NULL: none, or it follows) in the same write: the engine wakes up for the whole. */
static int send_head(struct http *h, const char *method, const char *path, const char *headers, const char *length,
		     const void *body, size_t len)
{
	_cleanup_free_ char *head = NULL;
	int n = asprintf(&head, "%s %s HTTP/1.1\r\nHost: postern\r\nUser-Agent: postern-cli\r\n%s%s\r\n", method, path,
			 headers, length);
	char *whole;

	if (n < 0)
		return -ENOMEM;
	if (body && len > 0) {
		whole = realloc(head, (size_t)n + len);
		if (!whole)
			return -ENOMEM;
		head = whole;
		memcpy(head + n, body, len);
	}
	return http_write(h, head, (size_t)n + (body ? len : 0));
}

int http_request(struct http *h, const char *method, const char *path, const char *headers, const void *body,
		 size_t len)
{
	char length[64] = "";

	if (body)
		snprintf(length, sizeof(length), "Content-Type: application/json\r\nContent-Length: %zu\r\n", len);
	else if (strcmp(method, "GET") != 0 && !strstr(headers, "Upgrade:"))
		snprintf(length, sizeof(length), "Content-Length: 0\r\n");
	return send_head(h, method, path, headers, length, body, len);
}

/* Room to write, or an answer that came first: 1. */
static int wait_writable(struct http *h)
{
	struct pollfd p = { h->fd, POLLIN | POLLOUT, 0 };

	while (poll(&p, 1, -1) < 0)
		if (errno != EINTR)
			return -errno;
	return p.revents & (POLLIN | POLLHUP | POLLERR) ? 1 : 0;
}

int http_request_fd(struct http *h, const char *method, const char *path, const char *type, int body,
		    void (*progress)(uint64_t sent))
{
	enum { BLOCK = 65536 };
	char block[BLOCK + 32]; /* a chunk's head before the data, its end behind */
	char headers[128], length[64];
	uint64_t sent = 0;
	bool sized;
	struct stat st;
	off_t at;
	int r;

	if (fstat(body, &st) < 0)
		return -errno;
	at = lseek(body, 0, SEEK_CUR);
	sized = S_ISREG(st.st_mode) && at >= 0 && at <= st.st_size;
	if (sized)
		snprintf(length, sizeof(length), "Content-Length: %lld\r\n", (long long)(st.st_size - at));
	else
		snprintf(length, sizeof(length), "Transfer-Encoding: chunked\r\n");
	snprintf(headers, sizeof(headers), "Content-Type: %s\r\n", type);
	r = send_head(h, method, path, headers, length, NULL, 0);
	for (;;) {
		ssize_t n = r < 0 ? 0 : read(body, block + 16, BLOCK);

		if (r < 0)
			return r;
		if (n < 0)
			return -errno;
		if (sized && (uint64_t)n > (uint64_t)(st.st_size - at) - sent)
			n = (ssize_t)((uint64_t)(st.st_size - at) - sent);
		r = wait_writable(h);
		if (r != 0)
			return r < 0 ? r : 0;
		if (n == 0)
			return sized ? 0 : http_write(h, "0\r\n\r\n", 5);
		sent += (uint64_t)n;
		if (sized) {
			r = http_write(h, block + 16, (size_t)n);
		} else {
			/* The length in front has always 8 digits: that it fits is seen at once. */
			snprintf(length, sizeof(length), "%08zx\r\n", (size_t)n);
			memcpy(block + 6, length, 10);
			block[16 + n] = '\r';
			block[17 + n] = '\n';
			r = http_write(h, block + 6, 10 + (size_t)n + 2);
		}
		/* Refused while we were sending: the answer says why. */
		if (r == -EPIPE || r == -ECONNRESET)
			return 0;
		if (progress)
			progress(sent);
	}
}

/* Reads more into buf. 1, 0 at the end of the connection, -errno. */
static int fill(struct http *h)
{
	ssize_t n;

	if (h->start == h->end)
		h->start = h->end = 0;
	if (h->end == sizeof(h->buf)) {
		if (h->start == 0)
			return -EPROTO;
		memmove(h->buf, h->buf + h->start, h->end - h->start);
		h->end -= h->start;
		h->start = 0;
	}
	do
		n = read(h->fd, h->buf + h->end, sizeof(h->buf) - h->end);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n < 0 ? -errno : 0;
	h->end += (size_t)n;
	return 1;
}

/* The next line without its end; it stays in buf. */
static int read_line(struct http *h, char **ret)
{
	for (;;) {
		char *at = h->buf + h->start, *end = memchr(at, '\n', h->end - h->start);
		int r;

		if (end) {
			h->start = (size_t)(end - h->buf) + 1;
			*end = '\0';
			if (end > at && end[-1] == '\r')
				end[-1] = '\0';
			*ret = at;
			return 0;
		}
		r = fill(h);
		if (r <= 0)
			return r < 0 ? r : -EPROTO;
	}
}

static int read_head(struct http *h)
{
	bool sized = false;
	char *line;
	int r;

	r = read_line(h, &line);
	if (r < 0)
		return r;
	if (strncmp(line, "HTTP/1.", 7) != 0 || strlen(line) < 12)
		return -EPROTO;
	h->status = atoi(line + 9);
	h->chunked = h->raw = h->closes = false;
	h->left = 0;
	while ((r = read_line(h, &line)) == 0 && *line) {
		char *value = strchr(line, ':');

		if (!value)
			return -EPROTO;
		*value++ = '\0';
		value += strspn(value, " \t");
		if (strcasecmp(line, "Content-Length") == 0) {
			sized = true;
			if (text_u64(value, UINT64_MAX, &h->left) < 0)
				return -EPROTO;
		} else if (strcasecmp(line, "Transfer-Encoding") == 0) {
			h->chunked = strcasecmp(value, "chunked") == 0;
		} else if (strcasecmp(line, "Connection") == 0) {
			h->closes = strcasecmp(value, "close") == 0;
		} else if (strcasecmp(line, "Content-Type") == 0) {
			snprintf(h->type, sizeof(h->type), "%s", value);
		}
	}
	if (r == 0 && !h->chunked && !sized && h->status >= 200 && h->status != 204 && h->status != 304)
		h->raw = true;
	if (h->status == 101)
		h->raw = true;
	h->ended = !h->chunked && !h->raw && h->left == 0;
	return r;
}

int http_answer(struct http *h)
{
	int r;

	do
		r = read_head(h);
	while (r == 0 && h->status >= 100 && h->status < 200 && h->status != 101);
	return r;
}

/* Moves to the next chunk; the last one ends the body. */
static int next_chunk(struct http *h)
{
	char *line, *end;
	int r;

	if (h->chunk_open) {
		r = read_line(h, &line);
		if (r < 0 || *line)
			return r < 0 ? r : -EPROTO;
	}
	r = read_line(h, &line);
	if (r < 0)
		return r;
	errno = 0;
	h->left = strtoull(line, &end, 16);
	if (end == line || errno || (*end && *end != ';'))
		return -EPROTO;
	h->chunk_open = true;
	if (h->left > 0)
		return 0;
	h->ended = true;
	while ((r = read_line(h, &line)) == 0 && *line)
		;
	return r;
}

ssize_t http_body(struct http *h, void *buf, size_t size)
{
	size_t n;
	int r;

	while (h->chunked && h->left == 0 && !h->ended) {
		r = next_chunk(h);
		if (r < 0)
			return r;
	}
	if (h->ended)
		return 0;
	if (h->start == h->end) {
		r = fill(h);
		if (r < 0)
			return r;
		if (r == 0) {
			h->ended = true;
			return h->raw ? 0 : -EPROTO;
		}
	}
	n = h->end - h->start;
	n = n < size ? n : size;
	if (!h->raw) {
		n = n < h->left ? n : (size_t)h->left;
		h->left -= n;
		h->ended = !h->chunked && h->left == 0;
	}
	memcpy(buf, h->buf + h->start, n);
	h->start += n;
	return (ssize_t)n;
}

bool http_buffered(const struct http *h)
{
	return h->ended || h->end > h->start;
}
