/* view.c - networks as clients see them: inspect, list, prune, events. */
#include <stdlib.h>
#include <string.h>

#include "../../helpers/base/cleanup.h"
#include "../container/events.h"
#include "../container/filters.h"
#include "../container/internal.h"
#include "../container/times.h"
#include "../engine.h"
#include "../json.h"
#include "internal.h"

void network_emit(struct engine *e, const struct network *n, const char *action, const char *container)
{
	cJSON *attributes = cJSON_CreateObject();

	if (container)
		cJSON_AddStringToObject(attributes, "container", container);
	cJSON_AddStringToObject(attributes, "name", n->name);
	cJSON_AddStringToObject(attributes, "type", json_text(n->config, "Driver", "", NULL));
	events_emit(e, "network", action, n->id, attributes);
	cJSON_Delete(attributes);
}

void net_tell(struct container *c, const char *action)
{
	for (struct endpoint *ep = endpoint_next(c->e, c->row.id, NULL); ep; ep = endpoint_next(c->e, c->row.id, ep))
		network_emit(c->e, ep->network, action, c->row.id);
}

static void add_container(struct engine *e, const struct endpoint *ep, cJSON *to)
{
	const struct container *c = container_by_id(e, ep->container);
	cJSON *o = cJSON_CreateObject();
	char text[ADDRESS_TEXT];

	cJSON_AddStringToObject(o, "Name", c ? c->row.name : "");
	cJSON_AddStringToObject(o, "EndpointID", ep->id);
	mac_format(ep->mac, text);
	cJSON_AddStringToObject(o, "MacAddress", text);
	cJSON_AddStringToObject(o, "IPv4Address",
				address_is_zero(ep->v4) ? "" : address_format(ep->v4, ep->network->v4.bits, text));
	cJSON_AddStringToObject(o, "IPv6Address",
				address_is_zero(ep->v6) ? "" : address_format(ep->v6, ep->network->v6.bits, text));
	cJSON_AddItemToObject(to, ep->container, o);
}

/* Those that have the host's network or none have no endpoint: they are found by what they asked for. */
static void add_others(struct engine *e, const struct network *n, cJSON *to)
{
	const struct container *c;

	TAILQ_FOREACH(c, &e->containers->all, next) {
		cJSON *merged = container_is_running(c) ? container_config(c) : NULL;
		const char *mode = json_text(json_get(merged, "HostConfig"), "NetworkMode", "", NULL);

		if (merged && strcmp(mode, n->name) == 0) {
			cJSON *o = cJSON_CreateObject();

			cJSON_AddStringToObject(o, "Name", c->row.name);
			cJSON_AddStringToObject(o, "EndpointID", c->row.id);
			cJSON_AddStringToObject(o, "MacAddress", "");
			cJSON_AddStringToObject(o, "IPv4Address", "");
			cJSON_AddStringToObject(o, "IPv6Address", "");
			cJSON_AddItemToObject(to, c->row.id, o);
		}
		cJSON_Delete(merged);
	}
}

cJSON *network_json(struct engine *e, const struct network *n, bool containers)
{
	cJSON *o = cJSON_CreateObject(), *from;
	const struct endpoint *ep;
	char created[40];

	cJSON_AddStringToObject(o, "Name", n->name);
	cJSON_AddStringToObject(o, "Id", n->id);
	time_rfc3339(n->created_ns, created);
	cJSON_AddStringToObject(o, "Created", created);
	cJSON_AddStringToObject(o, "Scope", "local");
	cJSON_AddStringToObject(o, "Driver", json_text(n->config, "Driver", "", NULL));
	cJSON_AddBoolToObject(o, "EnableIPv4", true);
	cJSON_AddBoolToObject(o, "EnableIPv6", n->v6.bits != 0);
	cJSON_AddItemToObject(o, "IPAM", cJSON_Duplicate(json_get(n->config, "IPAM"), true));
	cJSON_AddBoolToObject(o, "Internal", n->internal);
	cJSON_AddBoolToObject(o, "Attachable", json_bool(n->config, "Attachable", false, NULL));
	cJSON_AddBoolToObject(o, "Ingress", false);
	from = cJSON_AddObjectToObject(o, "ConfigFrom");
	cJSON_AddStringToObject(from, "Network", "");
	cJSON_AddBoolToObject(o, "ConfigOnly", false);
	from = cJSON_AddObjectToObject(o, "Containers");
	TAILQ_FOREACH(ep, &n->endpoints, of_network)
		if (containers && ep->there)
			add_container(e, ep, from);
	if (containers && !n->bridged)
		add_others(e, n, from);
	cJSON_AddItemToObject(o, "Options", cJSON_Duplicate(json_get(n->config, "Options"), true));
	from = cJSON_GetObjectItemCaseSensitive(o, "Options");
	if (n->bridged && network_predefined(n)) /* of another one only if it was asked for: docker-compose compares */
		cJSON_AddStringToObject(from, "com.docker.network.bridge.name", n->bridge);
	cJSON_AddItemToObject(o, "Labels", cJSON_Duplicate(json_get(n->config, "Labels"), true));
	return o;
}

static bool in_use(const struct network *n)
{
	return !TAILQ_EMPTY(&n->endpoints);
}

static bool matches(const struct network *n, const cJSON *filters, int dangling)
{
	return filters_match_name(filters, "name", n->name) && filters_match_name(filters, "id", n->id) &&
	       filters_match(filters, "driver", json_text(n->config, "Driver", "", NULL)) &&
	       filters_match(filters, "scope", "local") &&
	       filters_match(filters, "type", network_predefined(n) ? "builtin" : "custom") &&
	       filters_match_labels(filters, "label", json_get(n->config, "Labels")) &&
	       (dangling < 0 || (!network_predefined(n) && !in_use(n)) == dangling);
}

cJSON *network_list(struct engine *e, const cJSON *filters, bool containers, struct err *err)
{
	int dangling = filters_bool(filters, "dangling", -1, err);
	const cJSON *type, *types = filters_get(filters, "type");
	cJSON *array = cJSON_CreateArray();
	const struct network *n;

	cJSON_ArrayForEach(type, types)
		if (strcmp(type->valuestring, "custom") != 0 && strcmp(type->valuestring, "builtin") != 0)
			err_set(err, 400, "invalid filter: 'type'='%.64s'", type->valuestring);
	TAILQ_FOREACH(n, &e->networks->all, next)
		if (matches(n, filters, dangling))
			cJSON_AddItemToArray(array, network_json(e, n, containers));
	if (!err->status)
		return array;
	cJSON_Delete(array);
	return NULL;
}

int network_prune(struct engine *e, const cJSON *filters, const struct call_ctx *ctx, cJSON *ret, struct err *err)
{
	const cJSON *until = cJSON_GetArrayItem(filters_get(filters, "until"), 0);
	struct network *n, *next;
	int64_t before = INT64_MAX;

	if (until && filters_time(until->valuestring, &before, err) < 0)
		return -1;
	TAILQ_FOREACH_SAFE_(n, &e->networks->all, next, next) {
		const cJSON *labels = json_get(n->config, "Labels");
		char name[NAME_MAX_LEN + 1];

		if (network_predefined(n) || in_use(n) || n->users || n->created_ns > before ||
		    !filters_match_labels(filters, "label", labels) ||
		    (filters_get(filters, "label!") && filters_match_labels(filters, "label!", labels)))
			continue;
		snprintf(name, sizeof(name), "%s", n->name);
		if (network_remove(e, n, ctx, err) < 0)
			return -1;
		cJSON_AddItemToArray(ret, cJSON_CreateString(name));
		/* Others may have come and gone meanwhile. */
		next = TAILQ_FIRST(&e->networks->all);
	}
	return 0;
}
