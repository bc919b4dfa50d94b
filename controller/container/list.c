/* list.c - GET /containers/json: the newest first, by filters. */
#include <stdlib.h>
#include <string.h>

#include "../../helpers/base/text.h"
#include "../image/image.h"
#include "../json.h"
#include "../network/network.h"
#include "filters.h"
#include "internal.h"

/* What the filters ask, resolved once. */
struct wanted {
	const cJSON *filters;
	int64_t before_ns, since_ns; /* 0: no bound */
	cJSON *ancestors; /* image ids in hex; NULL: not asked */
};

static bool matches_id(const cJSON *filters, const struct container *c)
{
	const cJSON *v, *values = filters_get(filters, "id");

	cJSON_ArrayForEach(v, values)
		if (strncmp(c->row.id, v->valuestring, strlen(v->valuestring)) == 0)
			return true;
	return !values;
}

static bool matches_exited(const cJSON *filters, const struct container *c)
{
	const cJSON *v, *values = filters_get(filters, "exited");

	cJSON_ArrayForEach(v, values)
		if (c->row.status == STATUS_EXITED && atoi(v->valuestring) == c->row.exit_code)
			return true;
	return !values;
}

static bool matches_volume(struct engine *e, const cJSON *filters, const cJSON *merged)
{
	const cJSON *v, *values = filters_get(filters, "volume");
	struct spec_mounts mounts = { 0 };
	bool found = !values;

	if (found)
		return true;
	if (container_mounts(merged, &mounts, NULL) >= 0)
		cJSON_ArrayForEach(v, values)
			for (size_t i = 0; i < mounts.n && !found; i++)
				found = mounts.v[i].type <= SPEC_VOLUME &&
					(strcmp(mounts.v[i].target, v->valuestring) == 0 ||
					 strcmp(mounts.v[i].source, v->valuestring) == 0);
	spec_mounts_finish(&mounts);
	return found;
}

/* By the name of one that it is attached to, or by the beginning of its id, as with Docker. */
static bool matches_network(struct container *c, const cJSON *filters, const cJSON *merged)
{
	const cJSON *v, *n, *values = filters_get(filters, "network");
	cJSON *networks;
	bool found = !values;

	if (found)
		return true;
	networks = container_networks_json(c, merged);
	cJSON_ArrayForEach(n, networks) {
		const struct network *network = network_find(c->e, n->string, NULL);

		cJSON_ArrayForEach(v, values)
			found = found || strcmp(n->string, v->valuestring) == 0 ||
				(network && strncmp(network->id, v->valuestring, strlen(v->valuestring)) == 0);
	}
	cJSON_Delete(networks);
	return found;
}

/* "80", "80/udp", "8000-8010/tcp" or "8000-8010": Docker's form of a port in a filter. */
static int parse_port(const char *text, unsigned *ret_first, unsigned *ret_last, const char **ret_protocol)
{
	char *end;

	*ret_first = *ret_last = (unsigned)strtoul(text, &end, 10);
	if (end != text && *end == '-')
		*ret_last = (unsigned)strtoul(end + 1, &end, 10);
	*ret_protocol = *end == '/' ? end + 1 : "tcp";
	if (end == text || (*end && *end != '/'))
		return -1;
	return *ret_first == 0 || *ret_first > *ret_last || *ret_last > 65535 ? -1 : 0;
}

/* ports: an object whose names are "80/tcp". */
static bool matches_ports(const cJSON *filters, const char *key, const cJSON *ports)
{
	const cJSON *v, *p, *values = filters_get(filters, key);
	unsigned first, last, from, to;
	const char *wanted, *protocol;

	cJSON_ArrayForEach(v, values) {
		if (parse_port(v->valuestring, &first, &last, &wanted) < 0)
			continue; /* resolve() refused it */
		cJSON_ArrayForEach(p, ports)
			if (parse_port(p->string, &from, &to, &protocol) == 0 && from <= last && to >= first &&
			    strcmp(wanted, protocol) == 0)
				return true;
	}
	return !values;
}

static bool matches(struct container *c, const cJSON *merged, const struct wanted *w)
{
	const cJSON *f = w->filters, *labels = json_get(json_get(merged, "Config"), "Labels"), *v;
	bool ancestor = !w->ancestors;

	cJSON_ArrayForEach(v, w->ancestors)
		ancestor = ancestor || strcmp(v->valuestring, c->row.image_id) == 0;
	if (w->before_ns && c->row.created_ns >= w->before_ns)
		return false;
	if (w->since_ns && c->row.created_ns <= w->since_ns)
		return false;
	return ancestor && matches_id(f, c) && filters_match_name(f, "name", c->row.name) && matches_exited(f, c) &&
	       filters_match(f, "status", container_status_name(c->row.status)) &&
	       filters_match_labels(f, "label", labels) && filters_match(f, "is-task", "false") &&
	       filters_match(f, "health", "none") && matches_network(c, f, merged) && matches_volume(c->e, f, merged) &&
	       matches_ports(f, "expose", json_get(json_get(merged, "Config"), "ExposedPorts")) &&
	       matches_ports(f, "publish", json_get(json_get(merged, "HostConfig"), "PortBindings"));
}

static int resolve_container(struct engine *e, const cJSON *filters, const char *key, int64_t *ret, struct err *err)
{
	const cJSON *v;

	cJSON_ArrayForEach(v, filters_get(filters, key)) {
		struct container *c = container_find(e, v->valuestring, err);

		if (!c)
			return -1;
		*ret = c->row.created_ns;
		container_put(c);
	}
	return 0;
}

/* Filters whose values must have a form; Docker's words. */
static int check_values(const cJSON *filters, struct err *err)
{
	static const char *const health[] = { "none", "starting", "healthy", "unhealthy" };
	static const char *const ports[] = { "expose", "publish" };
	const cJSON *v;

	cJSON_ArrayForEach(v, filters_get(filters, "health")) {
		size_t i = 0;

		while (i < sizeof(health) / sizeof(health[0]) && strcmp(health[i], v->valuestring) != 0)
			i++;
		if (i == sizeof(health) / sizeof(health[0]))
			return err_set(err, 400, "unrecognised filter value for health: %.60s", v->valuestring);
	}
	cJSON_ArrayForEach(v, filters_get(filters, "exited")) {
		char *end;

		strtol(v->valuestring, &end, 10);
		if (end == v->valuestring || *end)
			return err_set(err, 400, "strconv.Atoi: parsing \"%.60s\": invalid syntax", v->valuestring);
	}
	for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++)
		cJSON_ArrayForEach(v, filters_get(filters, ports[i])) {
			unsigned first, last;
			const char *protocol;

			if (parse_port(v->valuestring, &first, &last, &protocol) < 0)
				return err_set(err, 400, "invalid filter '%s=%.60s'", ports[i], v->valuestring);
		}
	return 0;
}

static int resolve(struct engine *e, struct wanted *w, struct err *err)
{
	const cJSON *v, *values = filters_get(w->filters, "ancestor");

	cJSON_ArrayForEach(v, filters_get(w->filters, "status"))
		if (container_status_by_name(v->valuestring) < 0)
			return err_set(err, 400, "invalid filter 'status=%.60s'", v->valuestring);
	if (check_values(w->filters, err) < 0)
		return -1;
	if (resolve_container(e, w->filters, "before", &w->before_ns, err) < 0 ||
	    resolve_container(e, w->filters, "since", &w->since_ns, err) < 0)
		return -1;
	if (values)
		w->ancestors = cJSON_CreateArray();
	cJSON_ArrayForEach(v, values) {
		struct image image;

		if (image_find(e, v->valuestring, &image, NULL) < 0)
			continue; /* Docker lists nothing for an unknown one */
		cJSON_AddItemToArray(w->ancestors, cJSON_CreateString(image.id));
		image_finish(&image);
	}
	return 0;
}

cJSON *container_list(struct engine *e, bool all, int64_t limit, bool size, const cJSON *filters, struct err *err)
{
	struct wanted w = { .filters = filters };
	struct container **found;
	struct container *c;
	cJSON *array;
	unsigned n = 0;

	if (resolve(e, &w, err) < 0)
		return NULL;
	/* Filters by state, and a number, imply all; sizes park, so the containers are held first. */
	all = all || limit > 0 || filters_get(filters, "status") || filters_get(filters, "exited");
	found = calloc(e->containers->n + 1, sizeof(*found));
	array = cJSON_CreateArray();
	for (c = TAILQ_LAST(&e->containers->all, container_head); c; c = TAILQ_PREV(c, container_head, next)) {
		cJSON *merged;

		if (!found || (!all && !container_is_running(c)) || (limit > 0 && n >= (uint64_t)limit))
			continue;
		merged = container_config(c);
		if (matches(c, merged, &w))
			found[n++] = container_ref(c);
		cJSON_Delete(merged);
	}
	for (unsigned i = 0; i < n; i++) {
		cJSON *merged = container_config(found[i]);

		cJSON_AddItemToArray(array, container_summary(found[i], merged, size));
		cJSON_Delete(merged);
		container_put(found[i]);
	}
	free(found);
	cJSON_Delete(w.ancestors);
	return array;
}
