/* http_internal.h - what the files of the HTTP server share; nobody else includes it.
 *
 *   http_conn.c     a connection: accepting, reading ahead, writing, lingering close, times
 *   http.c          requests out of bytes (http-parser is seen here only)
 *   http_request.c  what was asked: target, query, headers
 *   http_body.c     bodies and hijacked streams
 *   http_reply.c    answers
 *   router.c        routes, versions, rights */
#ifndef POSTERN_API_HTTP_INTERNAL_H
#define POSTERN_API_HTTP_INTERNAL_H

#include <time.h>
#include <uv.h>

#include "../../helpers/base/peer.h"
#include "../engine.h"
#include "../task.h"
#include "http.h"
#include "limits.h"

struct system_facts;
struct http_parser;

enum conn_state {
	CONN_IDLE, /* between requests */
	CONN_HEAD, /* within a request's headers */
	CONN_RUN, /* its handler has it */
	CONN_LINGER, /* our output ends; input is thrown away until the client closes or time is up */
	CONN_CLOSED,
};

struct conn {
	uv_pipe_t pipe;
	uv_shutdown_t shutdown;
	struct http_server *server;
	struct conn *next, **link;
	struct http_parser *parser;
	struct http_request *request; /* CONN_HEAD, CONN_RUN */
	enum conn_state state;
	uint64_t deadline; /* uv_now; 0: none */
	uint64_t since; /* state is IDLE since */
	char *in; /* API_INPUT_BYTES, there only while it holds something */
	size_t in_start, in_end;
	size_t queued; /* bytes that the socket has not taken yet */
	size_t drained;
	uint32_t rights; /* enum op_rights, once proven */
	struct peer peer; /* once proven */
	bool proven;
	bool reading, eof; /* eof: the client has ended its output */
	bool gone; /* nobody is there any more */
	bool shutting, shut; /* our output was asked to end; has ended */
};

struct http_server {
	struct engine *e;
	uv_pipe_t listeners[SOCKET_COUNT];
	uv_timer_t sweep;
	struct conn *conns;
	unsigned nconns, nopen; /* nopen: those that are not being closed */
	unsigned nlisteners; /* those of them that are handles, from the first on */
	bool stopping;
	char *spare; /* one input buffer kept warm */
	struct system_facts *facts; /* routes_system.c */
	time_t date_at;
	char date[32];
};

struct http_stream {
	struct http_request *request;
	bool told_end;
};

struct http_pair {
	const char *name, *value;
};

/* How the body of our answer goes. */
enum reply_state { REPLY_NONE, REPLY_CHUNKED, REPLY_PLAIN, REPLY_STREAM, REPLY_DONE };

struct http_request {
	struct conn *conn;
	struct task *task;
	uint64_t api_id;
	uint64_t body_by; /* uv_now by which the body must be there; 0: none */

	/* what was parsed; the texts lie in `head` */
	const char *method;
	char *target;
	const char *version_text; /* "1.47" or NULL */
	int version;
	unsigned nheaders, nquery, nsegments;
	char *args[API_ARGS_MAX]; /* malloc'ed */

	/* while parsing */
	char *head; /* malloc'ed when head_fixed is too small */
	size_t head_len, head_size;
	enum { IN_URL, IN_NAME, IN_VALUE } part;
	char last; /* raw byte before, to find folded headers */
	const char *bad; /* why the message is malformed */
	int bad_status;
	char *body_to; /* where the parser's body bytes go */
	size_t body_len;

	bool is_head, http10, upgrade;
	bool headers_done, complete; /* headers, whole message parsed */
	bool keep; /* the connection may serve another request */
	bool expects; /* 100-continue is still owed */
	bool input_wait, output_wait; /* the task is parked for it */
	bool timed_out;

	enum reply_state reply;
	char *extra; /* further headers of the answer, complete lines */
	size_t extra_len;
	struct http_stream stream;

	/* From here on nothing is cleared at the start: `n...` and head_len say what is valid. */
	struct http_pair headers[API_HEADERS_MAX], query[API_QUERY_MAX];
	char *segments[API_SEGMENTS_MAX]; /* of the path behind the version, decoded */
	uint32_t offsets[API_HEADERS_MAX][2]; /* of names and values in head, while it may still move */
	char head_fixed[1024];
};

/* --- http_conn.c -------------------------------------------------------------------------------------------- */
/* Serves one connected socket, which it takes; for tests and fuzzing. 0 or -errno. */
int http_serve(struct engine *e, int fd);
uint64_t conn_now(const struct conn *c);
/* Writes now what the socket takes and queues a copy of the rest; never parks. 0, or -1 when the client has gone. */
int conn_write(struct conn *c, const uv_buf_t *bufs, unsigned n);
/* Input that was used; reads on when there is room again. */
void conn_consume(struct conn *c, size_t n);
/* The request is over: serves the next one, or ends the connection. */
void conn_next(struct conn *c);
/* Ends output behind what is queued, then closes once the client has, or time is up. */
void conn_finish(struct conn *c);
void conn_end_output(struct conn *c);

/* --- http.c ------------------------------------------------------------------------------------------------- */
/* A connection's parser. NULL: no memory. */
struct http_parser *http_parser_create(struct conn *c);
/* Parses input of a connection in CONN_IDLE or CONN_HEAD; starts the handler behind the headers. */
void http_parse(struct conn *c);
/* Body bytes out of the input into buf, at most size: their number. 0: look at complete, bad, or wait for input. */
size_t http_parse_body(struct http_request *r, void *buf, size_t size);
/* Bytes of the body still to come as the client said; UINT64_MAX when it did not. */
uint64_t http_body_left(const struct http_request *r);
/* Answers without a handler and ends the connection. */
void http_refuse(struct conn *c, int status, const char *message);

/* --- http_request.c ----------------------------------------------------------------------------------------- */
struct http_request *request_create(struct conn *c);
void request_destroy(struct http_request *r);
/* Takes the target apart: version, segments, query. -1 with err (400). */
int request_parse_target(struct http_request *r, struct err *err);

/* --- http_body.c -------------------------------------------------------------------------------------------- */
/* Throws away the part of the body that is here already. */
void http_skip(struct http_request *r);
/* Reads away a short body that the handler left, so that the connection can go on; parks. False: it cannot. */
bool http_drain(struct http_request *r);

/* --- router.c ----------------------------------------------------------------------------------------------- */
struct route_table {
	const struct route *routes;
	const size_t *n;
};
extern const struct route_table route_tables[]; /* routes.c */
extern const size_t n_route_tables;
void router_run(struct http_request *r);

/* --- routes_system.c ---------------------------------------------------------------------------------------- */
/* Reads what does not change (kernel, distribution, cgroups), before a sandbox closes it. NULL: no memory. */
struct system_facts *system_facts_create(struct engine *e);

#endif
