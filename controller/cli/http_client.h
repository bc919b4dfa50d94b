/* http_client.h - a small blocking HTTP/1.1 client for the engine's Unix socket: one request per connection, or
 * one after another.
 *
 * Takes answers with a length, chunked, or up to the end of the connection, and upgraded ones, whose bytes are then
 * read and written raw. Heads are bounded. Errors are -errno; -EPROTO for what is not HTTP. */
#ifndef POSTERN_CLI_HTTP_CLIENT_H
#define POSTERN_CLI_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct http {
	int fd;
	int status;
	bool chunked, raw, ended; /* raw: up to the end of the connection */
	bool closes; /* the engine takes no further request on this connection */
	bool chunk_open; /* inside a chunk: its final CRLF is still to come */
	uint64_t left; /* of the body or of the chunk */
	char type[64]; /* Content-Type */
	size_t start, end; /* unread bytes in buf */
	char buf[32768];
};

/* Not connected: nothing to finish. The next two begin with it. */
void http_init(struct http *h);
/* Connects. 0 or -errno. */
int http_connect(struct http *h, const char *socket_path);
/* Goes on with the connection of an earlier request. Takes fd. 0, or -ENOTCONN: it has ended meanwhile. */
int http_resume(struct http *h, int fd);
/* As http_finish, but the connection itself when it can take another request: its answer was read whole. Or -EBADF. */
int http_release(struct http *h);
void http_finish(struct http *h);
/* Sends head and body (body NULL: none). headers: further lines, each ended by CRLF, or "". */
int http_request(struct http *h, const char *method, const char *path, const char *headers, const void *body,
		 size_t len);
/* Sends the head, then the body from fd: with its length when it is a regular file, else chunked. Stops early when the
 * answer comes first. progress(sent) may be NULL. */
int http_request_fd(struct http *h, const char *method, const char *path, const char *type, int body,
		    void (*progress)(uint64_t sent));
/* Reads the answer's head. */
int http_answer(struct http *h);
/* Next bytes of the body: their number, 0 at its end, -errno. */
ssize_t http_body(struct http *h, void *buf, size_t size);
/* True when http_body has bytes without waiting. */
bool http_buffered(const struct http *h);
int http_write(struct http *h, const void *data, size_t n);

#endif
