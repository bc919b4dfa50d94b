/* http_request.c - what was asked: target, query, headers. All texts come from the client; they are decoded in
 * place and hold no NUL but their own end. Names and paths are for the handlers to check. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../../helpers/base/cleanup.h"
#include "http_internal.h"

struct http_request *request_create(struct conn *c)
{
	struct http_request *r = malloc(sizeof(*r));

	if (!r)
		return NULL;
	memset(r, 0, offsetof(struct http_request, headers));
	r->head = r->head_fixed;
	r->head_size = sizeof(r->head_fixed);
	r->conn = c;
	r->version = API_VERSION;
	r->stream.request = r;
	return r;
}

void request_destroy(struct http_request *r)
{
	if (!r)
		return;
	for (unsigned i = 0; i < API_ARGS_MAX; i++)
		free(r->args[i]);
	if (r->head != r->head_fixed)
		free(r->head);
	free(r->extra);
	free(r);
}

/* --- target ----------------------------------------------------------------------------------------------------- */
static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* %XX, and '+' for a space in queries. -1 when malformed or when a NUL comes out. */
static int decode(char *s, bool query)
{
	char *to = s;

	for (; *s; s++) {
		if (*s == '%') {
			int high = hex(s[1]), low = high < 0 ? -1 : hex(s[2]);

			if (low < 0 || high + low == 0)
				return -1;
			*to++ = (char)(high << 4 | low);
			s += 2;
		} else {
			*to++ = query && *s == '+' ? ' ' : *s;
		}
	}
	*to = '\0';
	return 0;
}

static int parse_query(struct http_request *r, char *query, struct err *err)
{
	char *next;

	for (char *at = query; at && *at; at = next) {
		char *value;

		next = strchr(at, '&');
		if (next)
			*next++ = '\0';
		if (!*at)
			continue;
		if (r->nquery == API_QUERY_MAX)
			return err_set(err, 400, "too many query parameters");
		value = strchr(at, '=');
		if (value)
			*value++ = '\0';
		else
			value = at + strlen(at);
		if (decode(at, true) < 0 || decode(value, true) < 0)
			return err_set(err, 400, "invalid URL escape in the query");
		r->query[r->nquery++] = (struct http_pair){ at, value };
	}
	return 0;
}

/* "v1.47" */
static bool is_version(const char *s)
{
	return s[0] == 'v' && s[1] && strspn(s + 1, "0123456789.") == strlen(s + 1);
}

int request_parse_target(struct http_request *r, struct err *err)
{
	char *path = r->target, *query, *next;

	for (const char *at = path; *at; at++)
		if ((unsigned char)*at <= ' ' || *at == 0x7f)
			return err_set(err, 400, "malformed request target");
	/* "http://host/path": the absolute form, which a server must take (RFC 9112, 3.2.2). */
	if (strncasecmp(path, "http://", 7) == 0)
		path = strchr(path + 7, '/');
	if (!path || *path != '/')
		return err_set(err, 400, "malformed request target");
	path[strcspn(path, "#")] = '\0';
	query = strchr(path, '?');
	if (query) {
		*query++ = '\0';
		if (parse_query(r, query, err) < 0)
			return -1;
	}
	/* Empty segments do not count: "/containers//name/json" asks for "/name". */
	for (char *at = path; at; at = next) {
		next = strchr(at, '/');
		if (next)
			*next++ = '\0';
		if (!*at)
			continue;
		if (decode(at, false) < 0)
			return err_set(err, 400, "invalid URL escape in the path");
		if (!r->version_text && r->nsegments == 0 && is_version(at)) {
			r->version_text = at + 1;
			continue;
		}
		if (r->nsegments == API_SEGMENTS_MAX)
			return err_set(err, 404, "page not found");
		r->segments[r->nsegments++] = at;
	}
	return 0;
}

/* --- for handlers ------------------------------------------------------------------------------------------------- */
const char *http_method(const struct http_request *r)
{
	return r->method;
}

int http_version(const struct http_request *r)
{
	return r->version;
}

const char *http_query(const struct http_request *r, const char *name)
{
	return http_query_nth(r, name, 0);
}

const char *http_query_nth(const struct http_request *r, const char *name, unsigned n)
{
	for (unsigned i = 0; i < r->nquery; i++)
		if (strcmp(r->query[i].name, name) == 0 && n-- == 0)
			return r->query[i].value;
	return NULL;
}

bool http_query_bool(const struct http_request *r, const char *name, bool fallback)
{
	static const char *const no[] = { "", "0", "no", "false", "none" };
	const char *value = http_query(r, name);

	if (!value)
		return fallback;
	for (size_t i = 0; i < ARRAY_SIZE(no); i++)
		if (strcasecmp(value, no[i]) == 0)
			return false;
	return true;
}

const char *http_path_arg(const struct http_request *r, unsigned n)
{
	return n < API_ARGS_MAX && r->args[n] ? r->args[n] : "";
}

const char *http_header(const struct http_request *r, const char *name)
{
	for (unsigned i = 0; i < r->nheaders; i++)
		if (strcasecmp(r->headers[i].name, name) == 0)
			return r->headers[i].value;
	return NULL;
}

struct engine *http_engine(const struct http_request *r)
{
	return r->conn->server->e;
}

struct call_ctx http_call_ctx(const struct http_request *r)
{
	uv_os_fd_t fd = -1;

	/* Open until the handler returns (http_conn.c). */
	uv_fileno((const uv_handle_t *)&r->conn->pipe, &fd);
	return (struct call_ctx){ .api_id = r->api_id, .client = fd };
}

bool http_gone(const struct http_request *r)
{
	return r->conn->gone || r->conn->server->stopping;
}
