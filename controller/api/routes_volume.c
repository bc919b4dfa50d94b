/* routes_volume.c - /volumes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../container/container.h"
#include "../container/filters.h"
#include "../engine.h"
#include "../json.h"
#include "../volume/volume.h"
#include "http.h"

struct listing {
	struct engine *e;
	const cJSON *filters;
	bool has_dangling, dangling;
	cJSON *array;
};

static int list_row(void *data, struct volume_row *row)
{
	struct listing *l = data;
	cJSON *o = volume_json(l->e, row);
	bool used = l->has_dangling && containers_using_volume(l->e, row->name, NULL) > 0;

	if (filters_match_name(l->filters, "name", row->name) && filters_match(l->filters, "driver", "local") &&
	    filters_match_labels(l->filters, "label", json_get(o, "Labels")) &&
	    (!l->has_dangling || used != l->dangling))
		cJSON_AddItemToArray(l->array, o);
	else
		cJSON_Delete(o);
	return 0;
}

/* Docker's: one value, or several that say the same. */
static int parse_dangling(struct listing *l, struct err *err)
{
	static const char *const words[2][5] = { { "false", "0", "f", "False", "FALSE" },
						 { "true", "1", "t", "True", "TRUE" } };
	const cJSON *v, *values = filters_get(l->filters, "dangling");
	bool said[2] = { false, false };

	cJSON_ArrayForEach(v, values) {
		bool known = false;

		for (unsigned i = 0; i < 10; i++)
			if (strcmp(v->valuestring, words[i / 5][i % 5]) == 0)
				said[i / 5] = known = true;
		if (!known)
			return err_set(err, 400, "invalid filter 'dangling=[%.64s]'", v->valuestring);
	}
	if (said[0] && said[1])
		return err_set(err, 400, "invalid filter 'dangling=[true false]'");
	l->has_dangling = said[0] || said[1];
	l->dangling = said[1];
	return 0;
}

static void list(struct http_request *r)
{
	static const char *const known[] = { "dangling", "driver", "label", "name", NULL };
	cJSON *filters = NULL, *o;
	struct err err = { 0 };
	struct listing l = { .e = http_engine(r) };

	if (filters_parse(http_query(r, "filters"), known, &filters, &err) == 0) {
		l.filters = filters;
		parse_dangling(&l, &err);
	}
	if (err.status) {
		http_reply_error(r, &err);
		cJSON_Delete(filters);
		return;
	}
	o = cJSON_CreateObject();
	l.array = cJSON_AddArrayToObject(o, "Volumes");
	state_volume_each(l.e->state, list_row, &l);
	cJSON_AddNullToObject(o, "Warnings");
	http_reply_json(r, 200, o);
	cJSON_Delete(o);
	cJSON_Delete(filters);
}

static void reply_volume(struct http_request *r, const char *name, int status)
{
	struct engine *e = http_engine(r);
	struct volume_row row = { 0 };
	struct err err = { 0 };
	cJSON *o;

	if (state_volume_get(e->state, name, &row) < 0) {
		err_set(&err, 404, "get %s: no such volume", name);
		http_reply_error(r, &err);
		return;
	}
	o = volume_json(e, &row);
	volume_row_finish(&row);
	http_reply_json(r, status, o);
	cJSON_Delete(o);
}

static void inspect(struct http_request *r)
{
	reply_volume(r, http_path_arg(r, 0), 200);
}

static int check_texts(const cJSON *body, const char *name, struct err *err)
{
	const cJSON *v, *o = json_get(body, name);

	if (o && !cJSON_IsObject(o))
		return err_set(err, 400,
			       "json: cannot unmarshal into Go struct field CreateOptions.%s of type map[string]string",
			       name);
	cJSON_ArrayForEach(v, o)
		if (!cJSON_IsString(v))
			return err_set(err, 400,
				       "json: cannot unmarshal into Go struct field CreateOptions.%s of type string",
				       name);
	return 0;
}

static int check_create(const cJSON *body, struct err *err)
{
	const char *driver = json_text(body, "Driver", "local", err);

	if (err->status || check_texts(body, "Labels", err) < 0 || check_texts(body, "DriverOpts", err) < 0)
		return -1;
	if (driver[0] && strcmp(driver, "local") != 0)
		return err_set(err, 404, "error looking up volume plugin %s: plugin \"%s\" not found", driver, driver);
	return 0;
}

static void create(struct http_request *r)
{
	struct call_ctx ctx = http_call_ctx(r);
	struct err err = { 0 };
	cJSON *body = http_read_json(r, &err);
	const char *name = body ? json_text(body, "Name", "", &err) : "";
	struct volume_wanted w = { json_get(body, "Labels"), json_get(body, "DriverOpts"), !name || !name[0] };
	char generated[65];

	if (cJSON_GetArraySize(w.options) == 0)
		w.options = NULL;
	if (w.anonymous) {
		volume_name_generate(generated);
		name = generated;
	}
	if (err.status || check_create(body, &err) < 0 || volume_ensure(http_engine(r), name, &w, &ctx, &err) < 0)
		http_reply_error(r, &err);
	else
		reply_volume(r, name, 201);
	cJSON_Delete(body);
}

static void remove_volume(struct http_request *r)
{
	struct call_ctx ctx = http_call_ctx(r);
	struct err err = { 0 };

	if (volume_remove(http_engine(r), http_path_arg(r, 0), http_query_bool(r, "force", false), &ctx, &err) < 0)
		http_reply_error(r, &err);
	else
		http_reply_empty(r, 204);
}

/* --- prune ----------------------------------------------------------------------------------------------- */
struct pruning {
	struct engine *e;
	const cJSON *filters;
	bool all;
	cJSON *names; /* candidates */
};

static int candidate(void *data, struct volume_row *row)
{
	struct pruning *p = data;
	cJSON *o = volume_json(p->e, row);
	const cJSON *labels = json_get(o, "Labels");

	if ((p->all || row->anonymous) && filters_match_labels(p->filters, "label", labels) &&
	    (!filters_get(p->filters, "label!") || !filters_match_labels(p->filters, "label!", labels)) &&
	    containers_using_volume(p->e, row->name, NULL) == 0)
		cJSON_AddItemToArray(p->names, cJSON_CreateString(row->name));
	cJSON_Delete(o);
	return 0;
}

static void prune(struct http_request *r)
{
	static const char *const known[] = { "all", "label", "label!", NULL };
	struct call_ctx ctx = http_call_ctx(r);
	struct pruning p = { .e = http_engine(r) };
	cJSON *filters = NULL, *o, *deleted;
	const cJSON *all, *name;
	struct err err = { 0 };
	int64_t space = 0;

	if (filters_parse(http_query(r, "filters"), known, &filters, &err) < 0) {
		http_reply_error(r, &err);
		return;
	}
	all = cJSON_GetArrayItem(filters_get(filters, "all"), 0);
	/* Before 1.42 named volumes went as well. */
	p.all = http_version(r) < 142 ||
		(all && (strcmp(all->valuestring, "true") == 0 || strcmp(all->valuestring, "1") == 0));
	p.filters = filters;
	p.names = cJSON_CreateArray();
	state_volume_each(p.e->state, candidate, &p);
	o = cJSON_CreateObject();
	deleted = cJSON_AddArrayToObject(o, "VolumesDeleted");
	cJSON_ArrayForEach(name, p.names) {
		int64_t size = volume_size(p.e, name->valuestring, &ctx);

		if (volume_remove(p.e, name->valuestring, false, &ctx, NULL) < 0)
			continue;
		cJSON_AddItemToArray(deleted, cJSON_CreateString(name->valuestring));
		space += size > 0 ? size : 0;
	}
	json_add_int(o, "SpaceReclaimed", space);
	http_reply_json(r, 200, o);
	cJSON_Delete(o);
	cJSON_Delete(p.names);
	cJSON_Delete(filters);
}

const struct route volume_routes[] = {
	{ "GET", "/volumes", RIGHTS_READ, list },
	{ "POST", "/volumes/create", RIGHTS_RUN, create },
	{ "POST", "/volumes/prune", RIGHTS_RUN, prune },
	{ "GET", "/volumes/{}", RIGHTS_READ, inspect },
	{ "DELETE", "/volumes/{}", RIGHTS_RUN, remove_volume },
};
const size_t n_volume_routes = sizeof(volume_routes) / sizeof(volume_routes[0]);
