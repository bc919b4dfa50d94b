/* http_conn.c - connections of the API socket.
 *
 * Theory: a connection reads ahead into one bounded buffer, also while a handler runs: that is how a client that
 * goes away is noticed at once. When the buffer is full, reading stops and the client waits in its own write (the
 * sweep then looks for its end). An end of input alone is no goodbye: on a Unix socket poll(2) says POLLHUP only
 * when both directions are closed.
 *
 * The fd stays open until the handler has returned, since helpers are given it as proof of the client.
 *
 * Closing lingers: our output ends first, what still comes in is thrown away (bounded in bytes and time), so that
 * a client in the middle of sending reads our answer and not a reset.
 *
 * Everything from the socket is hostile; every wait has a deadline, looked at once a second. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "../../helpers/base/log.h"
#include "http_internal.h"

struct pending_write {
	uv_write_t req;
	size_t n;
	char data[];
};

uint64_t conn_now(const struct conn *c)
{
	return uv_now(c->server->e->loop);
}

/* --- ends ----------------------------------------------------------------------------------------------------- */
static void on_sweep_closed(uv_handle_t *h)
{
	struct http_server *s = h->data;

	free(s->spare);
	free(s->facts);
	s->e->http = NULL;
	free(s);
}

static void server_check(struct http_server *s)
{
	if (s->stopping && s->nlisteners == 0 && s->nconns == 0)
		uv_close((uv_handle_t *)&s->sweep, on_sweep_closed);
}

static void input_release(struct conn *c)
{
	struct http_server *s = c->server;

	c->in_start = c->in_end = 0;
	if (!c->in)
		return;
	if (s->spare)
		free(c->in);
	else
		s->spare = c->in;
	c->in = NULL;
}

static void on_closed(uv_handle_t *h)
{
	struct conn *c = h->data;
	struct http_server *s = c->server;

	input_release(c);
	*c->link = c->next;
	if (c->next)
		c->next->link = c->link;
	if (--s->nconns == 0)
		uv_timer_stop(&s->sweep);
	free(c->parser);
	free(c);
	server_check(s);
}

static void conn_close(struct conn *c)
{
	if (c->state == CONN_CLOSED)
		return;
	request_destroy(c->request);
	c->request = NULL;
	c->state = CONN_CLOSED;
	c->server->nopen--;
	uv_close((uv_handle_t *)&c->pipe, on_closed);
}

static void linger_check(struct conn *c)
{
	if (c->gone || (c->eof && c->shut))
		conn_close(c);
}

static void on_shutdown(uv_shutdown_t *req, int status)
{
	struct conn *c = req->data;

	c->shut = true;
	if (c->state == CONN_LINGER)
		linger_check(c);
}

void conn_end_output(struct conn *c)
{
	if (c->shutting || c->gone)
		return;
	c->shutting = true;
	c->shutdown.data = c;
	if (uv_shutdown(&c->shutdown, (uv_stream_t *)&c->pipe, on_shutdown) < 0)
		c->gone = true;
}

/* --- reading -------------------------------------------------------------------------------------------------- */
static bool hung_up(const struct conn *c)
{
	uv_os_fd_t fd;
	struct pollfd p = { .events = 0 };

	if (uv_fileno((const uv_handle_t *)&c->pipe, &fd) < 0)
		return true;
	p.fd = fd;
	return poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR | POLLNVAL));
}

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *buf)
{
	struct conn *c = h->data;
	struct http_server *s = c->server;

	if (!c->in) {
		c->in = s->spare ? s->spare : malloc(API_INPUT_BYTES);
		s->spare = NULL;
		if (!c->in) {
			*buf = uv_buf_init(NULL, 0);
			return;
		}
	}
	if (c->in_start > 0 && c->in_end == API_INPUT_BYTES) {
		memmove(c->in, c->in + c->in_start, c->in_end - c->in_start);
		c->in_end -= c->in_start;
		c->in_start = 0;
	}
	*buf = uv_buf_init(c->in + c->in_end, (unsigned)(API_INPUT_BYTES - c->in_end));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf);

/* Reads exactly while there is room and a client. */
static void conn_flow(struct conn *c)
{
	bool room = c->in_end - c->in_start < API_INPUT_BYTES;

	if (c->state == CONN_CLOSED || c->eof || room == c->reading)
		return;
	if (room)
		c->reading = uv_read_start((uv_stream_t *)&c->pipe, on_alloc, on_read) == 0;
	else
		uv_read_stop((uv_stream_t *)&c->pipe);
	c->reading = room && c->reading;
}

void conn_consume(struct conn *c, size_t n)
{
	c->in_start += n;
	if (c->in_start == c->in_end)
		input_release(c);
	conn_flow(c);
}

/* Between requests: parse what there is, unless answers before it wait for a slow reader. */
static void conn_try_parse(struct conn *c)
{
	if (c->queued == 0)
		http_parse(c);
	if ((c->state == CONN_IDLE || c->state == CONN_HEAD) && c->eof && c->queued == 0)
		conn_finish(c);
}

/* Something was read or input has ended. */
static void conn_advance(struct conn *c)
{
	switch (c->state) {
	case CONN_IDLE:
	case CONN_HEAD:
		if (c->gone)
			conn_close(c);
		else
			conn_try_parse(c);
		break;
	case CONN_RUN:
		if (c->request->input_wait || c->gone)
			task_wake(c->request->task);
		break;
	case CONN_LINGER:
		c->drained += c->in_end - c->in_start;
		input_release(c);
		if (c->drained > API_DRAIN_MAX)
			conn_close(c);
		else
			linger_check(c);
		break;
	case CONN_CLOSED:
		break;
	}
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct conn *c = stream->data;

	if (n == 0)
		return;
	if (n > 0) {
		c->in_end += (size_t)n;
	} else {
		uv_read_stop(stream);
		c->reading = false;
		c->eof = true;
		c->gone = n != UV_EOF || hung_up(c);
		if (c->in_start == c->in_end)
			input_release(c);
	}
	conn_advance(c);
	conn_flow(c);
}

/* --- writing -------------------------------------------------------------------------------------------------- */
static void on_written(uv_write_t *req, int status)
{
	struct pending_write *w = (struct pending_write *)req;
	struct conn *c = req->data;

	c->queued -= w->n;
	free(w);
	if (c->state == CONN_CLOSED)
		return;
	if (status < 0)
		c->gone = true;
	switch (c->state) {
	case CONN_IDLE:
	case CONN_HEAD:
		if (c->gone)
			conn_close(c);
		else if (c->queued == 0)
			conn_try_parse(c);
		break;
	case CONN_RUN:
		if (c->request->output_wait || c->gone)
			task_wake(c->request->task);
		break;
	case CONN_LINGER:
		c->deadline = conn_now(c) + API_LINGER_MS; /* it reads, if slowly */
		linger_check(c);
		break;
	case CONN_CLOSED:
		break;
	}
}

int conn_write(struct conn *c, const uv_buf_t *bufs, unsigned n)
{
	struct pending_write *w;
	size_t total = 0, sent = 0, at = 0;
	uv_buf_t rest;

	if (c->gone || c->shutting || c->state == CONN_CLOSED)
		return -1;
	for (unsigned i = 0; i < n; i++)
		total += bufs[i].len;
	if (c->queued == 0) {
		int r = uv_try_write((uv_stream_t *)&c->pipe, bufs, n);

		if (r < 0 && r != UV_EAGAIN)
			goto gone;
		sent = r > 0 ? (size_t)r : 0;
	}
	if (sent == total)
		return 0;
	w = malloc(sizeof(*w) + total - sent);
	if (!w)
		goto gone;
	w->n = total - sent;
	for (unsigned i = 0; i < n; i++) {
		size_t skip = sent < bufs[i].len ? sent : bufs[i].len;

		sent -= skip;
		if (skip == bufs[i].len)
			continue; /* base may be NULL */
		memcpy(w->data + at, bufs[i].base + skip, bufs[i].len - skip);
		at += bufs[i].len - skip;
	}
	w->req.data = c;
	rest = uv_buf_init(w->data, (unsigned)w->n);
	if (uv_write(&w->req, (uv_stream_t *)&c->pipe, &rest, 1, on_written) < 0) {
		free(w);
		goto gone;
	}
	c->queued += w->n;
	return 0;
gone:
	c->gone = true;
	return -1;
}

/* --- from one request to the next ----------------------------------------------------------------------------- */
void conn_finish(struct conn *c)
{
	request_destroy(c->request);
	c->request = NULL;
	if (c->gone) {
		conn_close(c);
		return;
	}
	c->state = CONN_LINGER;
	c->deadline = conn_now(c) + (c->server->stopping ? 0 : API_LINGER_MS);
	input_release(c);
	conn_end_output(c);
	conn_flow(c);
	linger_check(c);
}

void conn_next(struct conn *c)
{
	bool keep = c->request->keep;

	request_destroy(c->request);
	c->request = NULL;
	if (!keep || c->gone || c->server->stopping) {
		conn_finish(c);
		return;
	}
	c->state = CONN_IDLE;
	c->since = conn_now(c);
	c->deadline = c->since + API_IDLE_MS;
	conn_try_parse(c);
	conn_flow(c);
}

/* --- times ---------------------------------------------------------------------------------------------------- */
static void conn_expire(struct conn *c)
{
	switch (c->state) {
	case CONN_HEAD:
		http_refuse(c, 408, "the request's headers took too long");
		break;
	case CONN_RUN:
		c->deadline = 0;
		c->request->timed_out = true;
		task_wake(c->request->task);
		break;
	case CONN_IDLE:
	case CONN_LINGER:
		conn_close(c);
		break;
	case CONN_CLOSED:
		break;
	}
}

static void on_sweep(uv_timer_t *timer)
{
	struct http_server *s = timer->data;
	struct conn *next;

	for (struct conn *c = s->conns; c; c = next) {
		next = c->next; /* closing unlinks in a later turn */
		if (!c->reading && !c->gone && c->state != CONN_CLOSED && hung_up(c)) {
			c->eof = c->gone = true;
			conn_advance(c);
		}
		if (c->deadline && c->deadline <= conn_now(c))
			conn_expire(c);
	}
}

/* --- accepting ------------------------------------------------------------------------------------------------ */
static struct conn *conn_create(struct http_server *s)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->parser = http_parser_create(c);
	if (!c->parser || uv_pipe_init(s->e->loop, &c->pipe, /* ipc= */ 0) < 0) {
		free(c->parser);
		free(c);
		return NULL;
	}
	c->server = s;
	c->pipe.data = c;
	c->state = CONN_IDLE;
	c->since = conn_now(c);
	c->deadline = c->since + API_IDLE_MS;
	c->next = s->conns;
	c->link = &s->conns;
	if (c->next)
		c->next->link = &c->next;
	s->conns = c;
	s->nopen++;
	if (s->nconns++ == 0)
		uv_timer_start(&s->sweep, on_sweep, API_SWEEP_MS, API_SWEEP_MS);
	return c;
}

/* All places are taken: the one that has idled longest goes, if it has for a while. */
static bool make_room(struct http_server *s)
{
	struct conn *oldest = NULL;

	for (struct conn *c = s->conns; c; c = c->next)
		if (c->state == CONN_IDLE && (!oldest || c->since < oldest->since))
			oldest = c;
	if (!oldest || conn_now(oldest) - oldest->since < API_EVICT_MS)
		return false;
	conn_close(oldest);
	return true;
}

static void conn_start(struct conn *c)
{
	struct http_server *s = c->server;

	if (s->nopen > API_CONNECTIONS_MAX + API_REFUSALS_MAX)
		conn_close(c);
	else if (s->nopen > API_CONNECTIONS_MAX && !make_room(s))
		http_refuse(c, 503, "too many connections to the engine");
	conn_flow(c);
}

static void on_connection(uv_stream_t *listener, int status)
{
	struct http_server *s = listener->data;
	struct conn *c;

	if (status < 0 || s->stopping)
		return;
	c = conn_create(s);
	if (!c) {
		log_error("api: no memory for a connection");
		return;
	}
	if (uv_accept(listener, (uv_stream_t *)&c->pipe) < 0)
		conn_close(c);
	else
		conn_start(c);
}

static struct http_server *server_create(struct engine *e)
{
	struct http_server *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->e = e;
	s->facts = system_facts_create(e);
	if (!s->facts || uv_timer_init(e->loop, &s->sweep) < 0) {
		free(s->facts);
		free(s);
		return NULL;
	}
	s->sweep.data = s;
	/* A client that goes while we write is an error code, not a signal. */
	signal(SIGPIPE, SIG_IGN);
	tzset(); /* reads its file now, for gmtime_r after a sandbox */
	e->http = s;
	return s;
}

int http_listen(struct engine *e, int listening_fd)
{
	struct http_server *s = e->http ? e->http : server_create(e);
	uv_pipe_t *p;
	int r;

	if (!s)
		return -ENOMEM;
	if (s->nlisteners == SOCKET_COUNT)
		return -EMFILE;
	p = &s->listeners[s->nlisteners];
	r = uv_pipe_init(e->loop, p, /* ipc= */ 0);
	if (r < 0)
		return r;
	s->nlisteners++;
	p->data = s;
	r = uv_pipe_open(p, listening_fd);
	if (r < 0)
		return r;
	return uv_listen((uv_stream_t *)p, 512, on_connection);
}

int http_serve(struct engine *e, int fd)
{
	struct http_server *s = e->http ? e->http : server_create(e);
	struct conn *c = s ? conn_create(s) : NULL;
	int r;

	if (!c)
		return -ENOMEM;
	r = uv_pipe_open(&c->pipe, fd);
	if (r < 0)
		conn_close(c);
	else
		conn_start(c);
	return r;
}

static void on_listener_closed(uv_handle_t *h)
{
	struct http_server *s = h->data;

	s->nlisteners--;
	server_check(s);
}

void http_stop(struct engine *e)
{
	struct http_server *s = e->http;
	struct conn *next;

	if (!s || s->stopping)
		return;
	s->stopping = true;
	for (struct conn *c = s->conns; c; c = next) {
		next = c->next;
		if (c->state == CONN_RUN)
			task_wake(c->request->task);
		else
			conn_close(c);
	}
	for (unsigned i = 0; i < s->nlisteners; i++)
		uv_close((uv_handle_t *)&s->listeners[i], on_listener_closed);
	server_check(s);
}
