/* http.c - requests out of bytes: the one file that sees http-parser (llhttp is its successor).
 *
 * Theory: the parser is run in steps and paused between them. Between requests it is given all input until the
 * headers are complete; then one byte, which tells whether there is a body; from then on only what the handler
 * asks for, so that body and pipelined requests wait in the bounded input buffer and nothing is copied twice. At
 * the end of the message it is paused again: the next request is not looked at before this one is answered.
 *
 * Refused beyond what the parser refuses (two Content-Length, one beside Transfer-Encoding, bad chunks): folded
 * headers, a space before a header's colon, a Transfer-Encoding other than one "chunked", an unknown Expect. RFC
 * 9112, RFC 9110. */
#include <http_parser.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "http_internal.h"

/* --- callbacks: the head is collected as NUL-terminated texts in r->head ---------------------------------------- */
static int bad(struct http_request *r, int status, const char *why)
{
	if (!r->bad) {
		r->bad = why;
		r->bad_status = status;
	}
	return -1;
}

static int head_append(struct http_request *r, const char *at, size_t n)
{
	if (n > API_HEAD_MAX - r->head_len)
		return bad(r, 431, "the request's headers are too large");
	if (n > r->head_size - r->head_len) {
		size_t size = 2 * r->head_size;
		char *head;

		while (size < r->head_len + n)
			size *= 2;
		head = r->head == r->head_fixed ? malloc(size) : realloc(r->head, size);
		if (!head)
			return bad(r, 503, "out of memory");
		if (r->head == r->head_fixed)
			memcpy(head, r->head_fixed, r->head_len);
		r->head = head;
		r->head_size = size;
	}
	memcpy(r->head + r->head_len, at, n);
	r->head_len += n;
	return 0;
}

static struct http_request *request_of(http_parser *p)
{
	struct conn *c = p->data;

	return c->request;
}

static int on_begin(http_parser *p)
{
	struct conn *c = p->data;

	c->request = request_create(c);
	if (!c->request)
		return -1;
	c->state = CONN_HEAD;
	c->deadline = conn_now(c) + API_HEAD_MS;
	return 0;
}

static int on_url(http_parser *p, const char *at, size_t n)
{
	return head_append(request_of(p), at, n);
}

static int on_name(http_parser *p, const char *at, size_t n)
{
	struct http_request *r = request_of(p);

	if (r->headers_done)
		return 0; /* trailers of a chunked body say nothing to us */
	if (r->part != IN_NAME) {
		if (r->nheaders == API_HEADERS_MAX)
			return bad(r, 431, "the request has too many headers");
		if (head_append(r, "", 1) < 0)
			return -1;
		r->offsets[r->nheaders][0] = (uint32_t)r->head_len;
		r->part = IN_NAME;
	}
	return head_append(r, at, n);
}

static int on_value(http_parser *p, const char *at, size_t n)
{
	struct http_request *r = request_of(p);

	if (r->headers_done)
		return 0;
	if (r->part != IN_VALUE) {
		if (head_append(r, "", 1) < 0)
			return -1;
		r->offsets[r->nheaders++][1] = (uint32_t)r->head_len;
		r->part = IN_VALUE;
	}
	return head_append(r, at, n);
}

static int on_headers(http_parser *p)
{
	struct http_request *r = request_of(p);

	if (head_append(r, "", 1) < 0)
		return -1;
	r->headers_done = true;
	r->keep = http_should_keep_alive(p);
	http_parser_pause(p, 1);
	return 0;
}

static int on_body(http_parser *p, const char *at, size_t n)
{
	struct http_request *r = request_of(p);

	memcpy(r->body_to + r->body_len, at, n); /* n is bounded by what http_parse_body fed */
	r->body_len += n;
	return 0;
}

static int on_complete(http_parser *p)
{
	request_of(p)->complete = true;
	http_parser_pause(p, 1);
	return 0;
}

static const http_parser_settings settings = {
	.on_message_begin = on_begin,
	.on_url = on_url,
	.on_header_field = on_name,
	.on_header_value = on_value,
	.on_headers_complete = on_headers,
	.on_body = on_body,
	.on_message_complete = on_complete,
};

struct http_parser *http_parser_create(struct conn *c)
{
	http_parser *p = malloc(sizeof(*p));

	if (p) {
		http_parser_init(p, HTTP_REQUEST);
		p->data = c;
	}
	return p;
}

/* A header continued on a line that begins with a space: one reader takes it for a part of the value, another for a
 * header of its own. Looks at n bytes of the head. */
static bool folded(struct http_request *r, const char *at, size_t n)
{
	for (size_t i = 0; i < n; r->last = at[i++])
		if (r->last == '\n' && (at[i] == ' ' || at[i] == '\t'))
			return true;
	return false;
}

/* Runs the parser over n bytes of input. False: it found a fault. */
static bool feed(struct conn *c, size_t n)
{
	const char *at = c->in + c->in_start;
	bool head = !c->request || !c->request->headers_done, ok;
	http_parser *p = c->parser;
	size_t used;

	if (HTTP_PARSER_ERRNO(p) != HPE_OK && HTTP_PARSER_ERRNO(p) != HPE_PAUSED)
		return false; /* the library aborts when it is taken out of an error */
	http_parser_pause(p, 0);
	used = http_parser_execute(p, &settings, at, n);
	if (used > n)
		used = n;
	ok = HTTP_PARSER_ERRNO(p) == HPE_OK || HTTP_PARSER_ERRNO(p) == HPE_PAUSED;
	if (ok && head && c->request && folded(c->request, at, used))
		ok = bad(c->request, 400, "a header must not be folded") == 0;
	conn_consume(c, used);
	return ok;
}

/* --- requests --------------------------------------------------------------------------------------------------- */
void http_refuse(struct conn *c, int status, const char *message)
{
	struct err err = { 0 };

	if (!c->request)
		c->request = request_create(c);
	if (c->request) {
		err_set(&err, status, "%s", message);
		c->request->keep = false;
		http_reply_error(c->request, &err);
	}
	conn_finish(c);
}

static void refuse_malformed(struct conn *c)
{
	struct http_request *r = c->request;
	enum http_errno e = HTTP_PARSER_ERRNO(c->parser);

	if (r && r->bad)
		http_refuse(c, r->bad_status, r->bad);
	else if (e == HPE_HEADER_OVERFLOW)
		http_refuse(c, 431, "the request's headers are too large");
	else
		http_refuse(c, 400, http_errno_description(e));
}

/* What the parser lets pass. */
static int check_headers(struct http_request *r)
{
	bool encoded = false;

	for (unsigned i = 0; i < r->nheaders; i++) {
		const char *name = r->headers[i].name, *value = r->headers[i].value;

		/* Debian builds the parser with its lenient table: "Content-Length : 1" would pass as a header of
		 * our own. */
		if (!*name || strpbrk(name, " \t"))
			return bad(r, 400, "invalid character in header");
		if (strcasecmp(name, "transfer-encoding") == 0) {
			if (encoded || strcasecmp(value, "chunked") != 0 || r->http10)
				return bad(r, 400, "unsupported transfer encoding");
			encoded = true;
		} else if (strcasecmp(name, "expect") == 0) {
			if (strcasecmp(value, "100-continue") != 0)
				return bad(r, 417, "unsupported expectation");
			r->expects = !r->http10;
		} else if (strcasecmp(name, "upgrade") == 0) {
			r->upgrade = true;
		}
	}
	return 0;
}

static void request_main(void *arg)
{
	struct http_request *r = arg;
	struct conn *c = r->conn;

	r->task = task_self();
	router_run(r);
	http_end(r);
	if (r->reply == REPLY_STREAM || !http_drain(r))
		r->keep = false;
	conn_next(c);
}

/* The headers are there: hands the request to a task. */
static void request_start(struct conn *c)
{
	struct http_request *r = c->request;
	http_parser *p = c->parser;
	struct err err = { 0 };

	r->method = http_method_str((enum http_method)p->method);
	r->is_head = p->method == HTTP_HEAD;
	r->http10 = p->http_major < 1 || (p->http_major == 1 && p->http_minor == 0);
	r->target = r->head;
	for (unsigned i = 0; i < r->nheaders; i++)
		r->headers[i] = (struct http_pair){ r->head + r->offsets[i][0], r->head + r->offsets[i][1] };
	if (p->http_major != 1) {
		http_refuse(c, 505, "only HTTP/1 is spoken here");
		return;
	}
	if (check_headers(r) < 0) {
		http_refuse(c, r->bad_status, r->bad);
		return;
	}
	if (request_parse_target(r, &err) < 0) {
		http_refuse(c, err.status, err.message);
		return;
	}
	c->state = CONN_RUN;
	c->deadline = 0;
	r->api_id = ++c->server->e->next_api_id;
	/* The byte at which the parser paused tells it whether a body follows. */
	if (!feed(c, 1)) {
		refuse_malformed(c);
		return;
	}
	if (r->complete)
		r->expects = false;
	if (task_spawn(request_main, r) < 0)
		http_refuse(c, 503, "out of memory");
}

void http_parse(struct conn *c)
{
	while ((c->state == CONN_IDLE || c->state == CONN_HEAD) && c->in_start < c->in_end) {
		if (!feed(c, c->in_end - c->in_start)) {
			refuse_malformed(c);
			return;
		}
		if (c->request && c->request->headers_done) {
			request_start(c);
			return;
		}
	}
}

size_t http_parse_body(struct http_request *r, void *buf, size_t size)
{
	struct conn *c = r->conn;

	r->body_to = buf;
	r->body_len = 0;
	while (!r->complete && !r->bad && r->body_len == 0 && c->in_start < c->in_end) {
		size_t n = c->in_end - c->in_start;

		if (!feed(c, n < size ? n : size)) {
			bad(r, 400, http_errno_description(HTTP_PARSER_ERRNO((http_parser *)c->parser)));
			r->keep = false;
		}
	}
	return r->body_len;
}

uint64_t http_body_left(const struct http_request *r)
{
	const http_parser *p = r->conn->parser;

	if (r->complete)
		return 0;
	return (p->flags & F_CONTENTLENGTH) ? p->content_length : UINT64_MAX;
}
