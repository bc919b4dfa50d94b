/* routes_network.c - /networks. */
#include <string.h>

#include "../container/filters.h"
#include "../container/internal.h"
#include "../engine.h"
#include "../json.h"
#include "../network/network.h"
#include "http.h"

static void list(struct http_request *r)
{
	static const char *const known[] = { "dangling", "driver", "id", "label", "name", "scope", "type", NULL };
	cJSON *filters = NULL, *array = NULL;
	struct err err = { 0 };

	if (filters_parse(http_query(r, "filters"), known, &filters, &err) == 0)
		array = network_list(http_engine(r), filters, /* containers= */ http_version(r) < 128, &err);
	http_reply_result(r, array, &err);
	cJSON_Delete(filters);
}

static void inspect(struct http_request *r)
{
	const char *scope = http_query(r, "scope");
	struct err err = { 0 };
	struct network *n = network_find(http_engine(r), http_path_arg(r, 0), &err);
	cJSON *o;

	if (n && scope && scope[0] && strcmp(scope, "local") != 0)
		err_set(&err, 404, "network %.128s not found", http_path_arg(r, 0));
	if (!n || err.status) {
		http_reply_error(r, &err);
		return;
	}
	o = network_json(http_engine(r), n, /* containers= */ true);
	/* Not among the options, where docker-compose would take it for a change. */
	if (n->bridged && http_query(r, "verbose") && strcmp(http_query(r, "verbose"), "true") == 0)
		cJSON_AddStringToObject(o, "Bridge", n->bridge);
	http_reply_json(r, 200, o);
	cJSON_Delete(o);
}

static void create(struct http_request *r)
{
	struct call_ctx ctx = http_call_ctx(r);
	struct err err = { 0 };
	cJSON *body = http_read_json(r, &err), *o;
	struct network *n;

	if (!err.status && !body)
		err_set(&err, 400, "invalid JSON: got EOF while reading request body");
	if (err.status || network_create(http_engine(r), body, &ctx, &n, &err) < 0) {
		http_reply_error(r, &err);
	} else {
		o = cJSON_CreateObject();
		cJSON_AddStringToObject(o, "Id", n->id);
		cJSON_AddStringToObject(o, "Warning", "");
		http_reply_json(r, 201, o);
		cJSON_Delete(o);
	}
	cJSON_Delete(body);
}

static void delete(struct http_request *r)
{
	struct call_ctx ctx = http_call_ctx(r);
	struct err err = { 0 };
	struct network *n = network_find(http_engine(r), http_path_arg(r, 0), &err);

	if (!n || network_remove(http_engine(r), n, &ctx, &err) < 0)
		http_reply_error(r, &err);
	else
		http_reply_empty(r, 204);
}

static void prune(struct http_request *r)
{
	static const char *const known[] = { "until", "label", "label!", NULL };
	struct call_ctx ctx = http_call_ctx(r);
	struct err err = { 0 };
	cJSON *filters = NULL, *o = cJSON_CreateObject(), *names = cJSON_AddArrayToObject(o, "NetworksDeleted");

	if (filters_parse(http_query(r, "filters"), known, &filters, &err) < 0 ||
	    network_prune(http_engine(r), filters, &ctx, names, &err) < 0) {
		http_reply_error(r, &err);
	} else {
		if (!names->child)
			cJSON_ReplaceItemInObject(o, "NetworksDeleted", cJSON_CreateNull());
		http_reply_json(r, 200, o);
	}
	cJSON_Delete(o);
	cJSON_Delete(filters);
}

static void change(struct http_request *r, bool connect)
{
	struct call_ctx ctx = http_call_ctx(r);
	struct engine *e = http_engine(r);
	struct err err = { 0 };
	cJSON *body = http_read_json(r, &err);
	const char *ref = json_text(body, "Container", "", &err);
	struct network *n = err.status ? NULL : network_find(e, http_path_arg(r, 0), &err);
	struct container *c = n ? container_find(e, ref, &err) : NULL;
	int result = -1;

	if (c && connect)
		result = net_connect(c, n, json_get(body, "EndpointConfig"), &ctx, &err);
	else if (c)
		result = net_disconnect(c, n, json_bool(body, "Force", false, &err), &ctx, &err);
	if (result < 0)
		http_reply_error(r, &err);
	else
		http_reply_empty(r, 200);
	if (c)
		container_put(c);
	cJSON_Delete(body);
}

static void connect_one(struct http_request *r)
{
	change(r, true);
}

static void disconnect_one(struct http_request *r)
{
	change(r, false);
}

const struct route network_routes[] = {
	{ "GET", "/networks", RIGHTS_READ, list },
	{ "POST", "/networks/create", RIGHTS_RUN, create },
	{ "POST", "/networks/prune", RIGHTS_RUN, prune },
	{ "GET", "/networks/{}", RIGHTS_READ, inspect },
	{ "DELETE", "/networks/{}", RIGHTS_RUN, delete },
	{ "POST", "/networks/{}/connect", RIGHTS_RUN, connect_one },
	{ "POST", "/networks/{}/disconnect", RIGHTS_RUN, disconnect_one },
};
const size_t n_network_routes = sizeof(network_routes) / sizeof(network_routes[0]);
