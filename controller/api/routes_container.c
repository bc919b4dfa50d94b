/* routes_container.c - /containers: making, listing, starting, ending. What streams is in routes_container_io.c. */
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "../container/filters.h"
#include "../container/internal.h"
#include "../json.h"
#include "http.h"
#include "routes_container.h"

struct container *route_container(struct http_request *r)
{
	struct err err = { 0 };
	struct container *c = container_find(http_engine(r), http_path_arg(r, 0), &err);

	if (!c)
		http_reply_error(r, &err);
	return c;
}

/* 204, 304 when there was nothing to do, or the error. */
static void reply_done(struct http_request *r, int status, const struct err *err)
{
	if (status < 0)
		http_reply_error(r, err);
	else
		http_reply_empty(r, status == 0 ? 204 : 304);
}

static int query_int(struct http_request *r, const char *name, int64_t fallback, int64_t *ret, struct err *err)
{
	const char *text = http_query(r, name);
	char *end;

	*ret = fallback;
	if (!text || !text[0])
		return 0;
	*ret = strtoll(text, &end, 10);
	return *end ? err_set(err, 400, "strconv.Atoi: parsing \"%.60s\": invalid syntax", text) : 0;
}

static void create(struct http_request *r)
{
	struct call_ctx ctx = http_call_ctx(r);
	struct err err = { 0 };
	struct container *c = NULL;
	cJSON *body = http_read_json(r, &err), *warnings = cJSON_CreateArray(), *o;
	int status = -1;

	if (!body && !err.status)
		err_set(&err, 400, "config cannot be empty in order to create a container");
	if (body)
		status = container_create(http_engine(r), body, http_query(r, "name"), http_query(r, "platform"),
					  &ctx, warnings, &c, &err);
	cJSON_Delete(body);
	if (status < 0) {
		cJSON_Delete(warnings);
		http_reply_error(r, &err);
		return;
	}
	o = cJSON_CreateObject();
	cJSON_AddStringToObject(o, "Id", c->row.id);
	cJSON_AddItemToObject(o, "Warnings", warnings);
	http_reply_json(r, 201, o);
	cJSON_Delete(o);
	container_put(c);
}

static void list(struct http_request *r)
{
	static const char *const known[] = { "ancestor",  "before",  "expose", "exited", "health",  "id",
					     "isolation", "is-task", "label",  "name",	 "network", "publish",
					     "since",	  "status",  "volume", NULL };
	struct err err = { 0 };
	cJSON *filters = NULL, *array = NULL;
	int64_t limit = 0;

	if (filters_parse(http_query(r, "filters"), known, &filters, &err) == 0 &&
	    query_int(r, "limit", 0, &limit, &err) == 0)
		array = container_list(http_engine(r), http_query_bool(r, "all", false), limit,
				       http_query_bool(r, "size", false), filters, &err);
	http_reply_result(r, array, &err);
	cJSON_Delete(filters);
}

/* Before 1.45 the names that a container answers to were among its aliases, and docker-compose 1 connects anew every
 * container whose short id is not there. */
static void add_names(const struct container *c, cJSON *inspect)
{
	const char *host = json_text(json_get(inspect, "Config"), "Hostname", "", NULL);
	cJSON *settings, *aliases;
	char id[13];

	snprintf(id, sizeof(id), "%.12s", c->row.id);
	cJSON_ArrayForEach(settings, json_get(json_get(inspect, "NetworkSettings"), "Networks")) {
		if (!json_get(settings, "DNSNames"))
			continue; /* no network of a user's */
		aliases = cJSON_GetObjectItemCaseSensitive(settings, "Aliases");
		if (!cJSON_IsArray(aliases)) {
			cJSON_DeleteItemFromObjectCaseSensitive(settings, "Aliases");
			aliases = cJSON_AddArrayToObject(settings, "Aliases");
		}
		json_add_once(aliases, id);
		json_add_once(aliases, host);
	}
}

static void inspect(struct http_request *r)
{
	struct container *c = route_container(r);
	cJSON *o;

	if (!c)
		return;
	o = container_inspect(c, http_query_bool(r, "size", false));
	if (http_version(r) < 145)
		add_names(c, o);
	http_reply_json(r, 200, o);
	cJSON_Delete(o);
	container_put(c);
}

static void start(struct http_request *r)
{
	struct container *c = route_container(r);
	struct call_ctx ctx = http_call_ctx(r);
	struct err err = { 0 };

	if (!c)
		return;
	reply_done(r, container_start(c, &ctx, &err), &err);
	container_put(c);
}

/* t (seconds; -1: forever; absent: the container's own) and signal. */
static int stop_options(struct http_request *r, int *ret_signal, int64_t *ret_timeout, struct err *err)
{
	const char *name = http_query(r, "signal");

	*ret_signal = name && name[0] ? signal_by_name(name) : 0;
	if (*ret_signal < 0)
		return err_set(err, 400, "invalid signal: %.60s", name);
	if (query_int(r, "t", -1, ret_timeout, err) < 0)
		return -1;
	if (http_query(r, "t") && http_query(r, "t")[0] && *ret_timeout < 0)
		*ret_timeout = INT64_MAX;
	return 0;
}

/* stop and restart ask the same and differ in what is done. */
static void end_run(struct http_request *r, int (*act)(struct container *c, int signal, int64_t timeout,
						       const struct call_ctx *ctx, struct err *err))
{
	struct container *c = route_container(r);
	struct call_ctx ctx = http_call_ctx(r);
	struct err err = { 0 };
	int64_t timeout = 0;
	int signal = 0, status;

	if (!c)
		return;
	status = stop_options(r, &signal, &timeout, &err);
	if (status == 0)
		status = act(c, signal, timeout, &ctx, &err);
	reply_done(r, status, &err);
	container_put(c);
}

static void stop(struct http_request *r)
{
	end_run(r, container_stop);
}

static void restart(struct http_request *r)
{
	end_run(r, container_restart);
}

static void kill_container(struct http_request *r)
{
	struct container *c = route_container(r);
	struct call_ctx ctx = http_call_ctx(r);
	const char *name = http_query(r, "signal");
	int signal = signal_by_name(name && name[0] ? name : "KILL");
	struct err err = { 0 };

	if (!c)
		return;
	if (signal < 0)
		reply_done(r, err_set(&err, 400, "invalid signal: %.60s", name), &err);
	else
		reply_done(r, container_kill(c, signal, &ctx, &err), &err);
	container_put(c);
}

static void pause_or_not(struct http_request *r, bool pause)
{
	struct container *c = route_container(r);
	struct call_ctx ctx = http_call_ctx(r);
	struct err err = { 0 };

	if (!c)
		return;
	reply_done(r, container_pause(c, pause, &ctx, &err), &err);
	container_put(c);
}

static void pause_container(struct http_request *r)
{
	pause_or_not(r, true);
}

static void unpause_container(struct http_request *r)
{
	pause_or_not(r, false);
}

static void rename_container(struct http_request *r)
{
	struct container *c = route_container(r);
	const char *name = http_query(r, "name");
	struct err err = { 0 };

	if (!c)
		return;
	reply_done(r, container_rename(c, name ? name : "", &err), &err);
	container_put(c);
}

static void remove_container(struct http_request *r)
{
	struct container *c = route_container(r);
	struct call_ctx ctx = http_call_ctx(r);
	struct err err = { 0 };

	if (!c)
		return;
	reply_done(r,
		   container_remove(c, http_query_bool(r, "force", false), http_query_bool(r, "v", false), &ctx, &err),
		   &err);
	container_put(c);
}

/* --- prune ----------------------------------------------------------------------------------------------- */
static bool prunable(const struct container *c, const cJSON *filters, int64_t until_ns)
{
	cJSON *merged;
	bool yes;

	if (c->cleaning ||
	    (c->row.status != STATUS_CREATED && c->row.status != STATUS_EXITED && c->row.status != STATUS_DEAD))
		return false;
	if (until_ns && c->row.created_ns > until_ns)
		return false;
	merged = container_config(c);
	yes = filters_match_labels(filters, "label", json_get(json_get(merged, "Config"), "Labels")) &&
	      (!filters_get(filters, "label!") ||
	       !filters_match_labels(filters, "label!", json_get(json_get(merged, "Config"), "Labels")));
	cJSON_Delete(merged);
	return yes;
}

static int64_t layer_size(struct container *c, const struct call_ctx *ctx)
{
	struct req_layer_size req = { .what = LAYER_CONTAINER };
	struct rep_layer_size rep;

	memcpy(req.name, c->row.id, sizeof(c->row.id));
	return helper_call(c->e, OP_LAYER_SIZE, &req, &rep, ctx, NULL) == 0 ? (int64_t)rep.size : 0;
}

static struct container *next_prunable(struct engine *e, const cJSON *filters, int64_t until_ns, const cJSON *failed)
{
	struct container *c;

	for (c = TAILQ_FIRST(&e->containers->all); c; c = TAILQ_NEXT(c, next))
		if (prunable(c, filters, until_ns) && !cJSON_GetObjectItemCaseSensitive(failed, c->row.id))
			return container_ref(c);
	return NULL;
}

static void prune(struct http_request *r)
{
	static const char *const known[] = { "until", "label", "label!", NULL };
	struct call_ctx ctx = http_call_ctx(r);
	cJSON *filters = NULL, *o, *deleted, *failed;
	const cJSON *until;
	int64_t until_ns = 0, space = 0;
	struct err err = { 0 };
	struct container *c;

	if (filters_parse(http_query(r, "filters"), known, &filters, &err) < 0 ||
	    ((until = cJSON_GetArrayItem(filters_get(filters, "until"), 0)) &&
	     filters_time(until->valuestring, &until_ns, &err) < 0)) {
		http_reply_error(r, &err);
		cJSON_Delete(filters);
		return;
	}
	o = cJSON_CreateObject();
	deleted = cJSON_AddArrayToObject(o, "ContainersDeleted");
	failed = cJSON_CreateObject();
	/* Removing parks: the list is looked at anew each time. */
	while (!http_gone(r) && (c = next_prunable(http_engine(r), filters, until_ns, failed))) {
		int64_t size = layer_size(c, &ctx);

		if (container_remove(c, false, false, &ctx, NULL) == 0) {
			cJSON_AddItemToArray(deleted, cJSON_CreateString(c->row.id));
			space += size;
		} else {
			cJSON_AddTrueToObject(failed, c->row.id);
		}
		container_put(c);
	}
	json_add_int(o, "SpaceReclaimed", space);
	http_reply_json(r, 200, o);
	cJSON_Delete(o);
	cJSON_Delete(failed);
	cJSON_Delete(filters);
}

const struct route container_routes[] = {
	{ "POST", "/containers/create", RIGHTS_RUN, create },
	{ "GET", "/containers/json", RIGHTS_READ, list },
	{ "POST", "/containers/prune", RIGHTS_RUN, prune },
	{ "GET", "/containers/{}/json", RIGHTS_READ, inspect },
	{ "POST", "/containers/{}/start", RIGHTS_RUN, start },
	{ "POST", "/containers/{}/stop", RIGHTS_RUN, stop },
	{ "POST", "/containers/{}/restart", RIGHTS_RUN, restart },
	{ "POST", "/containers/{}/kill", RIGHTS_RUN, kill_container },
	{ "POST", "/containers/{}/pause", RIGHTS_RUN, pause_container },
	{ "POST", "/containers/{}/unpause", RIGHTS_RUN, unpause_container },
	{ "POST", "/containers/{}/rename", RIGHTS_RUN, rename_container },
	{ "DELETE", "/containers/{}", RIGHTS_RUN, remove_container },
	{ "POST", "/containers/{}/attach", RIGHTS_RUN, route_attach },
	{ "POST", "/containers/{}/resize", RIGHTS_RUN, route_resize },
	{ "POST", "/containers/{}/wait", RIGHTS_READ, route_wait },
	{ "GET", "/containers/{}/logs", RIGHTS_READ, route_logs },
	{ "GET", "/containers/{}/top", RIGHTS_READ, route_top },
	{ "GET", "/events", RIGHTS_READ, route_events },
};
const size_t n_container_routes = sizeof(container_routes) / sizeof(container_routes[0]);
