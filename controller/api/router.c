/* router.c - from a request to its handler: path, version, rights, in that order, as Docker's clients see them.
 *
 * A pattern is compared segment by segment with the decoded path, so an encoded slash never makes a segment.
 * Rights come from the kernel's word about the peer and root's policy; both are fixed for a connection, so they
 * are looked up once. */
#include <stdlib.h>
#include <string.h>

#include "../../helpers/base/cleanup.h"
#include "../../helpers/base/policy.h"
#include "../../helpers/shared/op_names.h"
#include "http_internal.h"

/* What Docker has and this engine has not, by the method (NULL: all) and the first segments of the path: clients that ask for
 * it are told so, in Docker's words where it has some. What clients only probe for is not here: "page not found" tells them. */
#define NO_MANAGER                                                                                           \
	"This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to connect this " \
	"node to swarm and try again."
static const struct {
	const char *method, *first, *second;
	int status;
	const char *message;
} absent[] = {
	{ "POST", "swarm", "leave", 503, "This node is not part of a swarm" },
	{ "POST", "swarm", "init", 503, "swarm mode is not available in this engine" },
	{ "POST", "swarm", "join", 503, "swarm mode is not available in this engine" },
	{ NULL, "swarm", NULL, 503, NO_MANAGER },
	{ NULL, "services", NULL, 503, NO_MANAGER },
	{ NULL, "nodes", NULL, 503, NO_MANAGER },
	{ NULL, "secrets", NULL, 503, NO_MANAGER },
	{ NULL, "configs", NULL, 503, NO_MANAGER },
	{ NULL, "tasks", NULL, 503, NO_MANAGER },
	{ "POST", "build", NULL, 501, "this engine does not build images: build with another tool and load the archive" },
	{ "POST", "auth", NULL, 501, "registries are not available in this version: there is nothing to log in to" },
	{ "GET", "images", "search", 501, "registries are not available in this version: there is nothing to search" },
	{ "POST", "plugins", NULL, 501, "plugins are not available in this engine" },
};

struct match {
	const struct route *route;
	unsigned nargs;
	struct {
		unsigned first, n; /* segments */
	} args[API_ARGS_MAX];
};

static unsigned count_segments(const char *pattern)
{
	unsigned n = 0;

	for (; *pattern; pattern++)
		n += *pattern == '/';
	return n;
}

/* Patterns begin with a slash and end without one. */
static bool match_path(const struct http_request *r, const char *pattern, struct match *m)
{
	unsigned at = 0;

	m->nargs = 0;
	while (*pattern == '/') {
		const char *part = ++pattern;
		size_t len = strcspn(part, "/");
		unsigned n = 1;

		pattern += len;
		if (at == r->nsegments)
			return false;
		if (part[0] != '{') {
			if (strncmp(r->segments[at], part, len) != 0 || r->segments[at][len] != '\0')
				return false;
			at++;
			continue;
		}
		if (part[1] == '*') {
			unsigned behind = count_segments(pattern);

			if (r->nsegments - at <= behind)
				return false;
			n = r->nsegments - at - behind;
		}
		if (m->nargs == API_ARGS_MAX)
			return false;
		m->args[m->nargs].first = at;
		m->args[m->nargs++].n = n;
		at += n;
	}
	return at == r->nsegments;
}

static bool find_method(const struct http_request *r, const char *method, struct match *m)
{
	for (size_t t = 0; t < n_route_tables; t++)
		for (size_t i = 0; i < *route_tables[t].n; i++) {
			const struct route *route = &route_tables[t].routes[i];

			if (strcmp(route->method, method) == 0 && match_path(r, route->path, m)) {
				m->route = route;
				return true;
			}
		}
	return false;
}

static bool find(const struct http_request *r, struct match *m)
{
	if (find_method(r, r->method, m))
		return true;
	return r->is_head && find_method(r, "GET", m);
}

/* Joins the segments of each variable part again: "a", "b:c" to "a/b:c". */
static int take_args(struct http_request *r, const struct match *m)
{
	for (unsigned a = 0; a < m->nargs; a++) {
		char **parts = r->segments + m->args[a].first, *to;
		size_t len = 0;

		for (unsigned i = 0; i < m->args[a].n; i++)
			len += strlen(parts[i]) + 1;
		to = r->args[a] = malloc(len);
		if (!to)
			return -1;
		for (unsigned i = 0; i < m->args[a].n; i++) {
			to = stpcpy(to, parts[i]);
			*to++ = '/';
		}
		to[-1] = '\0';
	}
	return 0;
}

/* "1.47" as 1047, so that 1.100 is above 1.47; what is no version is 0. */
static unsigned long version_number(const char *text)
{
	char *end;
	unsigned long major = strtoul(text, &end, 10), minor = 0;

	if (*end == '.')
		minor = strtoul(end + 1, NULL, 10);
	if (major > 1000 || minor > 999)
		return 1000 * 1000;
	return 1000 * major + minor;
}

static int check_version(struct http_request *r, struct err *err)
{
	unsigned long v;

	if (!r->version_text)
		return 0;
	v = version_number(r->version_text);
	if (v < API_VERSION_LEAST / 100 * 1000 + API_VERSION_LEAST % 100)
		return err_set(err, 400,
			       "client version %.32s is too old. Minimum supported API version is " API_VERSION_LEAST_TEXT
			       ", please upgrade your client to a newer version",
			       r->version_text);
	if (v > API_VERSION / 100 * 1000 + API_VERSION % 100)
		return err_set(err, 400, "client version %.32s is too new. Maximum supported API version is "
			       API_VERSION_TEXT, r->version_text);
	r->version = (int)(v / 1000 * 100 + v % 1000);
	return 0;
}

/* What is missing, and who can grant it. */
static int lacks(const struct http_request *r, const struct route *route, struct err *err)
{
	const struct conn *c = r->conn;
	const struct engine *e = c->server->e;

	if (c->peer.socket == SOCKET_READ && route->rights > RIGHTS_READ && c->rights == RIGHTS_READ)
		return err_set(err, 403,
			       "permission denied: %s %s takes the right \"%s\", and whoever comes through this socket may read "
			       "at most; the engine's other socket is %s", route->method, route->path,
			       op_rights_name(route->rights), e->policy->sockets[SOCKET_MAIN]);
	return err_set(err, 403,
		       "permission denied: %s %s takes the right \"%s\", and user id %u has %s%s%s on this engine; %s can grant it "
		       "in the section \"users\" of %s", route->method, route->path, op_rights_name(route->rights), c->peer.uid,
		       c->rights ? "\"" : "", c->rights ? op_rights_name(c->rights) : "none", c->rights ? "\"" : "",
		       e->policy->ids_shared ? "who runs this engine" : "root", e->policy_path ? e->policy_path : "the policy");
}

static int check_rights(struct http_request *r, const struct route *route, struct err *err)
{
	struct conn *c = r->conn;
	struct engine *e = c->server->e;
	uv_os_fd_t fd;

	if (route->rights == RIGHTS_NONE)
		return 0;
	if (!c->proven) {
		if (uv_fileno((const uv_handle_t *)&c->pipe, &fd) < 0 || peer_prove(fd, e->policy->sockets, &c->peer) < 0)
			return err_set(err, 403, "permission denied: the client of this connection cannot be proven");
		c->rights = policy_rights(e->policy, &c->peer, NULL);
		c->proven = true;
	}
	return c->rights >= (uint32_t)route->rights ? 0 : lacks(r, route, err);
}

static void not_found(const struct http_request *r, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(absent) && r->nsegments > 0; i++) {
		const char *second = absent[i].second;

		if (strcmp(r->segments[0], absent[i].first) == 0 && (!absent[i].method || strcmp(r->method, absent[i].method) == 0) &&
		    (!second || (r->nsegments > 1 && strcmp(r->segments[1], second) == 0)))
			err_set(err, absent[i].status, "%s", absent[i].message);
	}
	err_set(err, 404, "page not found");
}

void router_run(struct http_request *r)
{
	struct err err = { 0 };
	struct match m = { 0 };

	if (!find(r, &m))
		not_found(r, &err);
	else if (check_version(r, &err) == 0 && check_rights(r, m.route, &err) == 0 && take_args(r, &m) < 0)
		err_set(&err, 503, "out of memory");
	if (!err.status && m.route)
		m.route->run(r);
	else
		http_reply_error(r, &err);
}
