/* http_body.c - bodies as the handler asks for them, and hijacked connections.
 *
 * Nothing is read ahead but the connection's own buffer: a handler that does not read stops the client. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../json.h"
#include "http_internal.h"

static void send_continue(struct http_request *r)
{
	static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
	uv_buf_t buf = uv_buf_init((char *)text, sizeof(text) - 1);

	r->expects = false;
	if (r->reply == REPLY_NONE)
		conn_write(r->conn, &buf, 1);
}

/* Parks until there is something new about the input. */
static void input_park(struct http_request *r)
{
	r->input_wait = true;
	task_park();
	r->input_wait = false;
}

ssize_t http_read(struct http_request *r, void *buf, size_t size, struct err *err)
{
	struct conn *c = r->conn;
	size_t n;

	if (size == 0)
		return 0;
	for (;;) {
		n = http_parse_body(r, buf, size);
		if (n > 0)
			return (ssize_t)n;
		if (r->complete)
			return 0;
		if (r->bad)
			return err_set(err, r->bad_status, "malformed request body: %s", r->bad);
		if (r->timed_out) {
			r->keep = false;
			return err_set(err, 408, "the request's body took too long");
		}
		if (c->eof || http_gone(r))
			return err_set(err, 400, "unexpected end of the request's body");
		if (r->expects)
			send_continue(r);
		c->deadline = r->body_by ? r->body_by : conn_now(c) + API_BODY_MS;
		input_park(r);
		c->deadline = 0;
	}
}

/* Reads all of it into *ret (malloc'ed). -1 with err. */
static ssize_t read_all(struct http_request *r, char **ret, struct err *err)
{
	uint64_t left = http_body_left(r);
	size_t size = left < API_BODY_MAX ? (size_t)left + 1 : 4096, len = 0;
	char *buf = NULL, *larger;
	ssize_t n;

	if (left != UINT64_MAX && left > API_BODY_MAX)
		goto too_large;
	for (;;) {
		larger = realloc(buf, size);
		if (!larger) {
			free(buf);
			return err_set(err, 503, "out of memory");
		}
		buf = larger;
		while (len < size && (n = http_read(r, buf + len, size - len, err)) != 0) {
			if (n < 0) {
				free(buf);
				return -1;
			}
			len += (size_t)n;
		}
		if (len > API_BODY_MAX)
			goto too_large;
		if (len < size)
			break;
		size = 2 * size < API_BODY_MAX + 1 ? 2 * size : API_BODY_MAX + 1;
	}
	*ret = buf;
	return (ssize_t)len;
too_large:
	free(buf);
	return err_set(err, 413, "the request's body is larger than %d bytes", API_BODY_MAX);
}

static bool is_json(const char *type)
{
	static const char json[] = "application/json";

	if (!type || strncasecmp(type, json, sizeof(json) - 1) != 0)
		return false;
	type += sizeof(json) - 1;
	type += strspn(type, " \t");
	return *type == '\0' || *type == ';';
}

cJSON *http_read_json(struct http_request *r, struct err *err)
{
	const char *type = http_header(r, "content-type");
	cJSON *v = NULL;
	char *text = NULL;
	ssize_t n;

	if (r->complete)
		return NULL;
	r->body_by = conn_now(r->conn) + API_JSON_MS;
	n = read_all(r, &text, err);
	r->body_by = 0;
	if (n > 0 && !is_json(type))
		err_set(err, 400, "unsupported Content-Type header (%.128s): must be 'application/json'",
			type ? type : "");
	else if (n > 0)
		v = json_parse(text, (size_t)n, err);
	free(text);
	return v;
}

void http_skip(struct http_request *r)
{
	char scratch[4096];

	while (!r->complete && !r->bad && http_parse_body(r, scratch, sizeof(scratch)) > 0)
		;
}

bool http_drain(struct http_request *r)
{
	char scratch[4096];

	http_skip(r);
	if (r->complete || !r->keep || r->expects || http_body_left(r) > API_DRAIN_KEEP)
		return r->complete;
	r->body_by = conn_now(r->conn) + API_LINGER_MS;
	while (http_read(r, scratch, sizeof(scratch), NULL) > 0)
		;
	return r->complete;
}

/* --- hijacked ----------------------------------------------------------------------------------------------------- */
ssize_t http_stream_read(struct http_stream *s, void *buf, size_t size, int *ret_why)
{
	struct conn *c = s->request->conn;
	bool parked = false;

	for (;; parked = true) {
		size_t n = c->in_end - c->in_start;

		if (n > 0) {
			n = n < size ? n : size;
			memcpy(buf, c->in + c->in_start, n);
			conn_consume(c, n);
			return (ssize_t)n;
		}
		if (http_gone(s->request)) {
			*ret_why = -ECONNRESET;
			return -1;
		}
		if (c->eof && !s->told_end) {
			s->told_end = true;
			return 0;
		}
		if (parked) {
			*ret_why = -EAGAIN;
			return -1;
		}
		input_park(s->request);
	}
}

int http_stream_write(struct http_stream *s, const void *data, size_t n)
{
	struct http_request *r = s->request;
	uv_buf_t buf = uv_buf_init((char *)data, (unsigned)n);

	if (n == 0)
		return 0;
	if (http_gone(r) || conn_write(r->conn, &buf, 1) < 0)
		return -1;
	while (r->conn->queued > API_WRITE_HIGH && !http_gone(r)) {
		r->output_wait = true;
		task_park();
		r->output_wait = false;
	}
	return http_gone(r) ? -1 : 0;
}

int http_stream_try(struct http_stream *s, const void *data, size_t n)
{
	struct http_request *r = s->request;
	uv_buf_t buf = uv_buf_init((char *)data, (unsigned)n);

	r->output_wait = r->conn->queued > API_WRITE_HIGH;
	if (http_gone(r))
		return -1;
	if (r->output_wait)
		return 0;
	return conn_write(r->conn, &buf, 1) < 0 ? -1 : 1;
}

void http_stream_shutdown(struct http_stream *s)
{
	conn_end_output(s->request->conn);
}
