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

/* What Docker has and this engine has not, by the method (NULL: all) and the beginning of the path: clients that ask
 * for it are told so, in Docker's words where it has some. What clients only probe for is not here: "page not found"
 * tells them. */
#define NO_MANAGER                                                                                           \
	"This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to connect this " \
	"node to swarm and try again."
#define NOT_YET(what) what " is not available in this version of the engine"
#define NO_REGISTRY "registries are not available in this version of the engine: "
static const struct {
	const char *method, *path;
	int status;
	const char *message;
} absent[] = {
	{ "POST", "/swarm/leave", 503, "This node is not part of a swarm" },
	{ "POST", "/swarm/init", 503, "swarm mode is not available in this engine" },
	{ "POST", "/swarm/join", 503, "swarm mode is not available in this engine" },
	{ NULL, "/swarm", 503, NO_MANAGER },
	{ NULL, "/services", 503, NO_MANAGER },
	{ NULL, "/nodes", 503, NO_MANAGER },
	{ NULL, "/secrets", 503, NO_MANAGER },
	{ NULL, "/configs", 503, NO_MANAGER },
	{ NULL, "/tasks", 503, NO_MANAGER },
	{ NULL, "/containers/{}/exec", 501, NOT_YET("exec") },
	{ NULL, "/exec", 501, NOT_YET("exec") },
	{ NULL, "/containers/{}/archive", 501,
	  NOT_YET("copying from and to containers (cp)") ": bind a directory, or use export" },
	{ NULL, "/containers/{}/copy", 501,
	  NOT_YET("copying from containers (cp)") ": bind a directory, or use export" },
	{ NULL, "/containers/{}/stats", 501, NOT_YET("stats") },
	{ NULL, "/containers/{}/update", 501, NOT_YET("update") ": remove the container and run it again" },
	{ NULL, "/containers/{}/changes", 501, NOT_YET("diff") },
	{ NULL, "/containers/{}/checkpoints", 501, "checkpoints are not available in this engine" },
	{ "DELETE", "/containers/{}/{}", 501, NOT_YET("rm --link") ": remove the container and run it again" },
	{ NULL, "/commit", 501, NOT_YET("commit") ": export the container and import that" },
	{ "POST", "/build", 501, "this engine does not build images: build with another tool and load the archive" },
	{ "POST", "/auth", 501, NO_REGISTRY "there is nothing to log in to" },
	{ "GET", "/images/search", 501, NO_REGISTRY "there is nothing to search" },
	{ "POST", "/images/{*}/push", 501, NO_REGISTRY "use save" },
	{ "GET", "/distribution", 501, NO_REGISTRY "there is nothing to look at" },
	{ "POST", "/plugins", 501, "plugins are not available in this engine" },
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

/* Of the first n segments. Patterns begin with a slash and end without one. */
static bool match_path(const struct http_request *r, unsigned n_segments, const char *pattern, struct match *m)
{
	unsigned at = 0;

	if (n_segments > r->nsegments)
		return false;
	m->nargs = 0;
	while (*pattern == '/') {
		const char *part = ++pattern;
		size_t len = strcspn(part, "/");
		unsigned n = 1;

		pattern += len;
		if (at == n_segments)
			return false;
		if (part[0] != '{') {
			if (strncmp(r->segments[at], part, len) != 0 || r->segments[at][len] != '\0')
				return false;
			at++;
			continue;
		}
		if (part[1] == '*') {
			unsigned behind = count_segments(pattern);

			if (n_segments - at <= behind)
				return false;
			n = n_segments - at - behind;
		}
		if (m->nargs == API_ARGS_MAX)
			return false;
		m->args[m->nargs].first = at;
		m->args[m->nargs++].n = n;
		at += n;
	}
	return at == n_segments;
}

static bool find_method(const struct http_request *r, const char *method, struct match *m)
{
	for (size_t t = 0; t < n_route_tables; t++)
		for (size_t i = 0; i < *route_tables[t].n; i++) {
			const struct route *route = &route_tables[t].routes[i];

			if (strcmp(route->method, method) == 0 && match_path(r, r->nsegments, route->path, m)) {
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
			       "client version %.32s is too old. Minimum supported API version is "
			       API_VERSION_LEAST_TEXT ", please upgrade your client to a newer version",
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
			       "permission denied: %s %s takes the right \"%s\", and whoever comes through this socket "
			       "may read at most; the engine's other socket is %s",
			       route->method, route->path, op_rights_name(route->rights),
			       e->policy->sockets[SOCKET_MAIN]);
	return err_set(err, 403,
		       "permission denied: %s %s takes the right \"%s\", and user id %u has %s%s%s on this engine; %s "
		       "can grant it in the section \"users\" of %s",
		       route->method, route->path, op_rights_name(route->rights), c->peer.uid, c->rights ? "\"" : "",
		       c->rights ? op_rights_name(c->rights) : "none", c->rights ? "\"" : "",
		       e->policy->ids_shared ? "who runs this engine" : "root",
		       e->policy_path ? e->policy_path : "the policy");
}

static int check_rights(struct http_request *r, const struct route *route, struct err *err)
{
	struct conn *c = r->conn;
	struct engine *e = c->server->e;
	uv_os_fd_t fd;

	if (route->rights == RIGHTS_NONE)
		return 0;
	if (!c->proven) {
		if (uv_fileno((const uv_handle_t *)&c->pipe, &fd) < 0 ||
		    peer_prove(fd, e->policy->sockets, &c->peer) < 0)
			return err_set(err, 403, "permission denied: the client of this connection cannot be proven");
		c->rights = policy_rights(e->policy, &c->peer, NULL);
		c->proven = true;
	}
	return c->rights >= (uint32_t)route->rights ? 0 : lacks(r, route, err);
}

static void not_found(const struct http_request *r, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(absent); i++) {
		struct match m;

		if ((!absent[i].method || strcmp(r->method, absent[i].method) == 0) &&
		    (match_path(r, r->nsegments, absent[i].path, &m) ||
		     match_path(r, count_segments(absent[i].path), absent[i].path, &m)))
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
