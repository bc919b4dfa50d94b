/* http.h - HTTP/1.1 on the engine's Unix socket, as Docker's clients speak it. http-parser is seen by http.c only.
 *
 * Each request runs its handler in a task of its own. Inputs are hostile: sizes, counts and times are bounded
 * (api/limits.h); a request that breaks framing rules (two Content-Length, one beside Transfer-Encoding, bad chunk)
 * is answered 400 and the connection closed. */
#ifndef POSTERN_API_HTTP_H
#define POSTERN_API_HTTP_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../err.h"
#include "../helper_client.h"

struct engine;
struct http_request;
struct http_stream;

/* --- serving ----------------------------------------------------------------------------------------------- */
/* For each listening socket, SOCKET_COUNT at most. */
int http_listen(struct engine *e, int listening_fd);
void http_stop(struct engine *e);

/* --- what was asked ---------------------------------------------------------------------------------------- */
/* "GET", ... "HEAD" too: it is routed as GET and its answer goes without the body, whatever the handler writes. */
const char *http_method(const struct http_request *r);
/* API version asked by the path, times 100 (1.47: 147); the newest when the path has none. */
int http_version(const struct http_request *r);
/* Decoded query value, or NULL. */
const char *http_query(const struct http_request *r, const char *name);
/* The same for a parameter given several times ("names=a&names=b"); n from 0. */
const char *http_query_nth(const struct http_request *r, const char *name, unsigned n);
/* "", 0, no, false, none (any case): false, else true; fallback when absent. */
bool http_query_bool(const struct http_request *r, const char *name, bool fallback);
/* Variable part of the route ("{id}"): "" when absent. */
const char *http_path_arg(const struct http_request *r, unsigned n);
const char *http_header(const struct http_request *r, const char *name);
struct engine *http_engine(const struct http_request *r);
/* api_id and client fd of this request, for helper calls. container is NULL; copy and set it. */
struct call_ctx http_call_ctx(const struct http_request *r);
/* True once the client has gone or the engine stops: long handlers look after every park. The task is woken then. */
bool http_gone(const struct http_request *r);

/* --- body -------------------------------------------------------------------------------------------------- */
/* Next bytes of the body; parks. 0 at its end, -1 with err when it is malformed or the client has gone. */
ssize_t http_read(struct http_request *r, void *buf, size_t size, struct err *err);
/* Whole body as JSON, at most API_BODY_MAX. An empty body is NULL without an error. */
cJSON *http_read_json(struct http_request *r, struct err *err);

/* --- answers (one per request) ----------------------------------------------------------------------------- */
/* A further header of the answer, before it begins. A value with a line end, or beyond API_REPLY_HEADERS_MAX, is
 * left out. */
void http_reply_header(struct http_request *r, const char *name, const char *value);
void http_reply_json(struct http_request *r, int status, const cJSON *body); /* borrows body */
void http_reply_text(struct http_request *r, int status, const char *type, const char *body);
void http_reply_empty(struct http_request *r, int status); /* 204, 304, 201 ... */
void http_reply_error(struct http_request *r, const struct err *err); /* {"message": ...} */
/* 200 with what was found (takes it), or err when it is NULL. */
void http_reply_result(struct http_request *r, cJSON *found, const struct err *err);
/* Headers at once, chunked body follows; type NULL: application/json. */
void http_begin(struct http_request *r, int status, const char *type);
/* Parks while the client is slow (API_WRITE_HIGH bytes queued). -1 once it has gone. */
int http_write(struct http_request *r, const void *data, size_t n);
int http_write_json(struct http_request *r, const cJSON *value); /* one line and \r\n */
/* The answer cannot be finished: ends the connection in the middle of it, so that the client sees that. */
void http_abort(struct http_request *r);
/* Also ends a reply whose handler returns without one: 500. */
void http_end(struct http_request *r);

/* --- hijack (attach, exec) --------------------------------------------------------------------------------- */
/* With "Upgrade: tcp" 101, else a raw 200; from here the connection is a byte stream. type: content type. NULL
 * when it cannot be: answered already, or the client sends a body that nobody reads. */
struct http_stream *http_hijack(struct http_request *r, const char *type);
/* Parks until there is input: its length; 0 when the client has half-closed; -1 when it has gone or, with -EAGAIN
 * in *ret_why, when the task was woken for another reason (look at your own conditions before each call: it parks
 * once). The end is told once; after it a call parks for other wakes. Bytes right behind the request's headers
 * come first. */
ssize_t http_stream_read(struct http_stream *s, void *buf, size_t size, int *ret_why);
int http_stream_write(struct http_stream *s, const void *data, size_t n); /* parks while the client is slow; -1: gone */
/* Never parks. 1: taken; 0: the client is slow, nothing was taken, and the task is woken when it has caught up; -1:
 * gone. */
int http_stream_try(struct http_stream *s, const void *data, size_t n);
void http_stream_shutdown(struct http_stream *s); /* ends our output */
/* Closes when the handler returns. */

/* --- routes ------------------------------------------------------------------------------------------------ */
struct route {
	const char *method; /* "GET" serves HEAD as well */
	const char *path; /* "/containers/{}/json"; "{}" is one segment, "{*}" the rest but a following literal end:
	                   * "/images/{*}/json" takes "a/b:c" */
	enum op_rights rights; /* what the client's uid or gid must have by policy: else 403 */
	void (*run)(struct http_request *r);
};

/* Each file of routes ends with an array; api/routes.c lists them all. */
extern const struct route system_routes[], image_routes[], archive_routes[], container_routes[], volume_routes[],
	df_routes[], network_routes[];
extern const size_t n_system_routes, n_image_routes, n_archive_routes, n_container_routes, n_volume_routes, n_df_routes,
	n_network_routes;

#endif
