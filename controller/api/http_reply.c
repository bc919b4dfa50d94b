/* http_reply.c - answers. A whole answer is one write of several buffers: no copy unless the socket is full.
 *
 * Values that go into headers are checked for line ends; everything else that varies is a number or a constant. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../json.h"
#include "http_internal.h"

enum { LENGTH_CHUNKED = -1, LENGTH_NONE = -2 };

static const struct {
	int status;
	const char *reason;
} reasons[] = {
	{ 101, "UPGRADED" }, { 200, "OK" }, { 201, "Created" }, { 202, "Accepted" }, { 204, "No Content" },
	{ 304, "Not Modified" },
	{ 400, "Bad Request" }, { 401, "Unauthorized" }, { 403, "Forbidden" }, { 404, "Not Found" },
	{ 405, "Method Not Allowed" }, { 406, "Not Acceptable" }, { 408, "Request Timeout" }, { 409, "Conflict" },
	{ 411, "Length Required" }, { 413, "Payload Too Large" }, { 417, "Expectation Failed" },
	{ 429, "Too Many Requests" }, { 431, "Request Header Fields Too Large" }, { 500, "Internal Server Error" },
	{ 501, "Not Implemented" }, { 503, "Service Unavailable" }, { 504, "Gateway Timeout" },
	{ 505, "HTTP Version Not Supported" },
};

static const char *reason_of(int status)
{
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return "Status";
}

/* IMF-fixdate, made once a second. */
static const char *date(struct http_server *s)
{
	time_t now = time(NULL);
	struct tm tm;

	if (now != s->date_at) {
		gmtime_r(&now, &tm);
		strftime(s->date, sizeof(s->date), "%a, %d %b %Y %H:%M:%S GMT", &tm);
		s->date_at = now;
	}
	return s->date;
}

void http_reply_header(struct http_request *r, const char *name, const char *value)
{
	size_t n = strlen(name) + strlen(value) + 4;
	char *extra;

	if (r->reply != REPLY_NONE || n > API_REPLY_HEADERS_MAX - r->extra_len || strpbrk(value, "\r\n"))
		return;
	extra = realloc(r->extra, r->extra_len + n + 1);
	if (!extra)
		return;
	r->extra = extra;
	r->extra_len += (size_t)snprintf(extra + r->extra_len, n + 1, "%s: %s\r\n", name, value);
}

/* Can the connection go on behind this answer? Only when what is left of the body will be read away. */
static bool keeps(struct http_request *r)
{
	if (r->conn->server->stopping || (!r->complete && (r->expects || http_body_left(r) > API_DRAIN_KEEP)))
		r->keep = false;
	return r->keep;
}

/* Writes headers and, in the same system call, the body. */
static int send_head(struct http_request *r, int status, const char *type, int64_t length, const char *body, size_t n)
{
	const char *connection = !keeps(r) ? "Connection: close\r\n" : r->http10 ? "Connection: keep-alive\r\n" : "";
	char head[640], framing[64] = "\r\n";
	uv_buf_t bufs[4];
	int len;

	if (length >= 0)
		snprintf(framing, sizeof(framing), "Content-Length: %lld\r\n\r\n", (long long)length);
	else if (length == LENGTH_CHUNKED)
		snprintf(framing, sizeof(framing), "Transfer-Encoding: chunked\r\n\r\n");
	len = snprintf(head, sizeof(head),
		       "HTTP/1.1 %d %s\r\nApi-Version: " API_VERSION_TEXT "\r\n%s%.200s%sDate: %s\r\n"
		       "Docker-Experimental: false\r\nOstype: linux\r\nServer: Postern/" POSTERN_VERSION
		       " (linux)\r\n%s",
		       status, reason_of(status), type ? "Content-Type: " : "", type ? type : "", type ? "\r\n" : "",
		       date(r->conn->server), connection);
	bufs[0] = uv_buf_init(head, (unsigned)len);
	bufs[1] = uv_buf_init(r->extra, (unsigned)r->extra_len);
	bufs[2] = uv_buf_init(framing, (unsigned)strlen(framing));
	bufs[3] = uv_buf_init((char *)body, (unsigned)n);
	return conn_write(r->conn, bufs, n > 0 ? 4 : 3);
}

static void reply(struct http_request *r, int status, const char *type, const char *body, size_t n)
{
	if (r->reply != REPLY_NONE)
		return;
	if (r->headers_done)
		http_skip(r); /* a short body that nobody reads is no reason to end the connection */
	send_head(r, status, type, status == 204 || status == 304 ? LENGTH_NONE : (int64_t)n, body, r->is_head ? 0 : n);
	r->reply = REPLY_DONE;
}

void http_reply_json(struct http_request *r, int status, const cJSON *body)
{
	char *text;
	size_t n;

	if (r->reply != REPLY_NONE)
		return;
	text = cJSON_PrintBuffered(body, 2048, /* fmt= */ 0);
	if (!text) {
		struct err err = { 503, "out of memory" };

		http_reply_error(r, &err);
		return;
	}
	n = strlen(text);
	text[n] = '\n'; /* as Docker's encoder ends each value; the NUL is not sent */
	reply(r, status, "application/json", text, n + 1);
	cJSON_free(text);
}

void http_reply_text(struct http_request *r, int status, const char *type, const char *body)
{
	reply(r, status, type, body, strlen(body));
}

void http_reply_empty(struct http_request *r, int status)
{
	reply(r, status, NULL, NULL, 0);
}

void http_reply_error(struct http_request *r, const struct err *err)
{
	static const char open[] = "{\"message\":";
	char text[2 * sizeof(err->message) + 32];
	size_t n = sizeof(open) - 1;

	memcpy(text, open, n);
	n += json_quote(text + n, sizeof(text) - n - 3, err->status ? err->message : "internal error");
	memcpy(text + n, "}\n", 3);
	reply(r, err->status ? err->status : 500, "application/json", text, n + 2);
}

void http_reply_result(struct http_request *r, cJSON *found, const struct err *err)
{
	if (found)
		http_reply_json(r, 200, found);
	else
		http_reply_error(r, err);
	cJSON_Delete(found);
}

/* --- streams ------------------------------------------------------------------------------------------------------ */
void http_begin(struct http_request *r, int status, const char *type)
{
	if (r->reply != REPLY_NONE)
		return;
	if (r->http10) {
		r->keep = false; /* the end of the connection is the end of the body */
		r->reply = REPLY_PLAIN;
	} else {
		r->reply = REPLY_CHUNKED;
	}
	send_head(r, status, type ? type : "application/json", r->http10 ? LENGTH_NONE : LENGTH_CHUNKED, NULL, 0);
}

/* One chunk of two parts, without copying; parks while the client is slow. */
static int write_chunk(struct http_request *r, const void *data, size_t n, const char *tail)
{
	struct conn *c = r->conn;
	uv_buf_t bufs[4];
	char size[24];

	if (http_gone(r) || (r->reply != REPLY_CHUNKED && r->reply != REPLY_PLAIN))
		return -1;
	if (n == 0 || r->is_head)
		return 0; /* an empty chunk would be the end */
	bufs[1] = uv_buf_init((char *)data, (unsigned)n);
	bufs[2] = uv_buf_init((char *)tail, (unsigned)strlen(tail));
	n += bufs[2].len;
	bufs[0] = uv_buf_init(size, (unsigned)snprintf(size, sizeof(size), "%zx\r\n", n));
	bufs[3] = uv_buf_init((char *)"\r\n", 2);
	if (r->reply == REPLY_CHUNKED ? conn_write(c, bufs, 4) < 0 : conn_write(c, &bufs[1], 2) < 0)
		return -1;
	while (c->queued > API_WRITE_HIGH && !http_gone(r)) {
		r->output_wait = true;
		task_park();
		r->output_wait = false;
	}
	return http_gone(r) ? -1 : 0;
}

int http_write(struct http_request *r, const void *data, size_t n)
{
	return write_chunk(r, data, n, "");
}

int http_write_json(struct http_request *r, const cJSON *value)
{
	char *text = cJSON_PrintBuffered(value, 512, /* fmt= */ 0);
	int e;

	if (!text)
		return -1;
	e = write_chunk(r, text, strlen(text), "\r\n");
	cJSON_free(text);
	return e;
}

void http_abort(struct http_request *r)
{
	if (r->reply == REPLY_NONE)
		return; /* nothing was said: an ordinary error will be */
	r->keep = false;
	r->reply = REPLY_DONE;
}

void http_end(struct http_request *r)
{
	uv_buf_t last = uv_buf_init((char *)"0\r\n\r\n", 5);

	switch (r->reply) {
	case REPLY_NONE: {
		struct err err = { 500, "the request was not answered" };

		http_reply_error(r, &err);
		break;
	}
	case REPLY_CHUNKED:
		if (!r->is_head)
			conn_write(r->conn, &last, 1);
		r->reply = REPLY_DONE;
		break;
	case REPLY_PLAIN:
		r->reply = REPLY_DONE;
		break;
	case REPLY_STREAM:
	case REPLY_DONE:
		break;
	}
}

struct http_stream *http_hijack(struct http_request *r, const char *type)
{
	bool was_kept = r->keep;

	if (r->reply != REPLY_NONE)
		return NULL;
	r->keep = true; /* for the headers' sake: neither close nor keep-alive is said */
	if (!http_drain(r)) {
		r->keep = was_kept;
		return NULL;
	}
	r->http10 = false;
	if (r->upgrade) {
		http_reply_header(r, "Connection", "Upgrade");
		http_reply_header(r, "Upgrade", "tcp");
	}
	send_head(r, r->upgrade ? 101 : 200, type, LENGTH_NONE, NULL, 0);
	r->reply = REPLY_STREAM;
	return &r->stream;
}
