/* show.c - images as clients see them. Configs are hostile: they were checked to be JSON objects, no more. */
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../helpers/base/text.h"
#include "../container/filters.h"
#include "../container/times.h"
#include "../engine.h"
#include "../json.h"
#include "internal.h"

static int add_tag(void *data, const char *ref, const char *image_id)
{
	if (!strchr(ref, '@'))
		cJSON_AddItemToArray(data, cJSON_CreateString(ref));
	return 0;
}

static int add_ref_digest(void *data, const char *ref, const char *image_id)
{
	if (strchr(ref, '@'))
		cJSON_AddItemToArray(data, cJSON_CreateString(ref));
	return 0;
}

cJSON *show_tags(struct engine *e, const char *id)
{
	cJSON *tags = cJSON_CreateArray();

	state_tag_each(e->state, id, add_tag, tags);
	return tags;
}

cJSON *show_digests(struct engine *e, const char *id)
{
	cJSON *digests = cJSON_CreateArray();

	state_tag_each(e->state, id, add_ref_digest, digests);
	return digests;
}

static cJSON *parse_config(const struct image_row *row)
{
	cJSON *config = cJSON_Parse(row->config);

	return config ? config : cJSON_CreateObject();
}

static const char *text_of(const cJSON *o, const char *name)
{
	const cJSON *v = json_get(o, name);

	return cJSON_IsString(v) ? v->valuestring : "";
}

/* Nanoseconds; 0 when the image does not say. */
static int64_t created_of(const cJSON *o)
{
	const char *text = text_of(o, "created");
	int64_t ns;

	/* Only dates: a config must not name a time that passes. */
	return strlen(text) >= 10 && text[4] == '-' && filters_time(text, &ns, NULL) == 0 ? ns : 0;
}

static void add_digest(cJSON *o, const char *name, const char *hex)
{
	char digest[8 + ID_HEX];

	snprintf(digest, sizeof(digest), "sha256:%s", hex);
	cJSON_AddStringToObject(o, name, digest);
}

/* --- list -------------------------------------------------------------------------------------------------------- */
struct listed {
	int64_t created;
	cJSON *item;
};

struct list {
	struct engine *e;
	const cJSON *filters;
	int version;
	int dangling; /* 1, 0; -1: both */
	int64_t since, before; /* bounds of creation, exclusive; 0: none */
	cJSON *counts; /* images that have each layer, by chain id; NULL: not asked */
	size_t n, size;
	struct listed *v;
};

static bool matches_reference(const cJSON *patterns, const char *ref)
{
	const cJSON *pattern;
	char name[IMAGE_REF_MAX];
	size_t n;

	/* "a:tag", "a@sha256:..." */
	n = strcspn(ref, "@");
	if (!ref[n])
		n = (size_t)(strrchr(ref, ':') - ref);
	snprintf(name, sizeof(name), "%.*s", (int)n, ref);
	cJSON_ArrayForEach(pattern, patterns)
		if (fnmatch(pattern->valuestring, ref, FNM_PATHNAME) == 0 ||
		    fnmatch(pattern->valuestring, name, FNM_PATHNAME) == 0)
			return true;
	return false;
}

static void keep_matching(const cJSON *patterns, cJSON *names)
{
	for (int i = cJSON_GetArraySize(names); i-- > 0;)
		if (!matches_reference(patterns, cJSON_GetArrayItem(names, i)->valuestring))
			cJSON_DeleteItemFromArray(names, i);
}

/* Names that the filter leaves; false when the image is out by them. */
static bool filter_names(const struct list *l, cJSON *tags, cJSON *digests)
{
	const cJSON *references = filters_get(l->filters, "reference");
	bool untagged = cJSON_GetArraySize(tags) == 0;

	if (l->dangling >= 0 && l->dangling != untagged)
		return false;
	if (!references)
		return true;
	keep_matching(references, tags);
	keep_matching(references, digests);
	return cJSON_GetArraySize(tags) > 0 || cJSON_GetArraySize(digests) > 0;
}

/* Calls f with each chain id (hex) of a row, bottom first. */
static void each_layer(const struct image_row *row, void (*f)(void *data, const char *chain), void *data)
{
	for (const char *s = row->layers; strlen(s) >= ID_HEX; s += ID_HEX + (s[ID_HEX] == ',')) {
		char hex[ID_HEX + 1];

		snprintf(hex, sizeof(hex), "%s", s);
		f(data, hex);
	}
}

static void count_layer(void *data, const char *chain)
{
	cJSON *n = cJSON_GetObjectItemCaseSensitive(data, chain);

	if (n)
		cJSON_SetNumberValue(n, n->valuedouble + 1);
	else
		cJSON_AddNumberToObject(data, chain, 1);
}

static int count_image(void *data, struct image_row *row)
{
	each_layer(row, count_layer, data);
	return 0;
}

struct sharing {
	const struct list *l;
	int64_t size;
};

static void add_shared(void *data, const char *chain)
{
	struct sharing *s = data;
	const cJSON *n = cJSON_GetObjectItemCaseSensitive(s->l->counts, chain);
	struct layer_row layer;

	if (n && n->valueint > 1 && state_layer_get(s->l->e->state, chain, &layer) == 0 && layer.size > 0)
		s->size += layer.size;
}

/* Bytes of those of its layers that other images have as well. */
static int64_t shared_size(const struct list *l, const struct image_row *row)
{
	struct sharing s = { .l = l };

	each_layer(row, add_shared, &s);
	return s.size;
}

static cJSON *summary(const struct list *l, const struct image_row *row, const cJSON *labels, cJSON *tags,
		      cJSON *digests, int64_t created)
{
	cJSON *o = cJSON_CreateObject();

	/* Older clients show what stands there. */
	if (l->version < 143 && cJSON_GetArraySize(tags) == 0) {
		cJSON_AddItemToArray(tags, cJSON_CreateString("<none>:<none>"));
		if (cJSON_GetArraySize(digests) == 0)
			cJSON_AddItemToArray(digests, cJSON_CreateString("<none>@<none>"));
	}
	cJSON_AddNumberToObject(o, "Containers", -1);
	json_add_int(o, "Created", created / 1000000000);
	add_digest(o, "Id", row->id);
	cJSON_AddItemToObject(o, "Labels", labels ? cJSON_Duplicate(labels, 1) : cJSON_CreateNull());
	cJSON_AddStringToObject(o, "ParentId", "");
	cJSON_AddItemToObject(o, "RepoDigests", digests);
	cJSON_AddItemToObject(o, "RepoTags", tags);
	json_add_int(o, "SharedSize", l->counts ? shared_size(l, row) : -1);
	json_add_int(o, "Size", row->size);
	if (l->version < 144)
		json_add_int(o, "VirtualSize", row->size);
	return o;
}

static int add_listed(struct list *l, int64_t created, cJSON *item)
{
	if (l->n == l->size) {
		size_t size = l->size ? 2 * l->size : 64;
		struct listed *more = reallocarray(l->v, size, sizeof(*more));

		if (!more) {
			cJSON_Delete(item);
			return -1;
		}
		l->v = more;
		l->size = size;
	}
	l->v[l->n++] = (struct listed){ created, item };
	return 0;
}

static int list_image(void *data, struct image_row *row)
{
	struct list *l = data;
	cJSON *config = parse_config(row), *tags = show_tags(l->e, row->id), *digests = show_digests(l->e, row->id);
	const cJSON *labels = json_get(json_get(config, "config"), "Labels");
	int64_t created = created_of(config);
	int r = 0;

	if ((l->since && created <= l->since) || (l->before && created >= l->before) ||
	    !filters_match_labels(l->filters, "label", labels) || !filter_names(l, tags, digests)) {
		cJSON_Delete(tags);
		cJSON_Delete(digests);
	} else {
		r = add_listed(l, created, summary(l, row, labels, tags, digests, created));
	}
	cJSON_Delete(config);
	return r;
}

static int newest_first(const void *a, const void *b)
{
	const struct listed *x = a, *y = b;

	return x->created < y->created ? 1 : x->created > y->created ? -1 : 0;
}

/* Time of creation of the image that a "before" or "since" filter names. */
static int bound_of(struct engine *e, const cJSON *filters, const char *key, int64_t *ret, struct err *err)
{
	const cJSON *v = cJSON_GetArrayItem(filters_get(filters, key), 0);
	struct image image;

	*ret = 0;
	if (!v)
		return 0;
	if (image_find(e, v->valuestring, &image, err) < 0)
		return -1;
	*ret = created_of(image.config);
	image_finish(&image);
	return 0;
}

cJSON *show_list(struct engine *e, const cJSON *filters, int version, bool shared, struct err *err)
{
	struct list l = { .e = e, .filters = filters, .version = version };
	const cJSON *until = cJSON_GetArrayItem(filters_get(filters, "until"), 0);
	cJSON *all = NULL;

	l.dangling = filters_bool(filters, "dangling", -1, err);
	if (l.dangling < 0 && err && err->status)
		return NULL;
	if (bound_of(e, filters, "since", &l.since, err) < 0 || bound_of(e, filters, "before", &l.before, err) < 0)
		return NULL;
	if (until && filters_time(until->valuestring, &l.before, err) < 0)
		return NULL;
	if (shared) {
		l.counts = cJSON_CreateObject();
		state_image_each(e->state, count_image, l.counts);
	}
	if (state_image_each(e->state, list_image, &l) != 0) {
		err_set(err, 500, "state: images cannot be read");
	} else {
		if (l.n)
			qsort(l.v, l.n, sizeof(*l.v), newest_first);
		all = cJSON_CreateArray();
	}
	for (size_t i = 0; i < l.n; i++) {
		if (all)
			cJSON_AddItemToArray(all, l.v[i].item);
		else
			cJSON_Delete(l.v[i].item);
	}
	free(l.v);
	cJSON_Delete(l.counts);
	return all;
}

/* --- inspect ----------------------------------------------------------------------------------------------------- */
static const struct {
	const char *name;
	enum { EMPTY, OFF, NOTHING, LEFT_OUT } absent;
} config_fields[] = {
	{ "Hostname", EMPTY },
	{ "Domainname", EMPTY },
	{ "User", EMPTY },
	{ "AttachStdin", OFF },
	{ "AttachStdout", OFF },
	{ "AttachStderr", OFF },
	{ "ExposedPorts", LEFT_OUT },
	{ "Tty", OFF },
	{ "OpenStdin", OFF },
	{ "StdinOnce", OFF },
	{ "Env", NOTHING },
	{ "Cmd", NOTHING },
	{ "Healthcheck", LEFT_OUT },
	{ "ArgsEscaped", LEFT_OUT },
	{ "Image", EMPTY },
	{ "Volumes", NOTHING },
	{ "WorkingDir", EMPTY },
	{ "Entrypoint", NOTHING },
	{ "OnBuild", NOTHING },
	{ "Labels", NOTHING },
	{ "StopSignal", LEFT_OUT },
	{ "Shell", LEFT_OUT },
};

static cJSON *show_config(const cJSON *config)
{
	cJSON *o = cJSON_CreateObject();

	for (size_t i = 0; i < sizeof(config_fields) / sizeof(config_fields[0]); i++) {
		const char *name = config_fields[i].name;
		const cJSON *v = json_get(config, name);

		if (v)
			cJSON_AddItemToObject(o, name, cJSON_Duplicate(v, 1));
		else if (config_fields[i].absent == EMPTY)
			cJSON_AddStringToObject(o, name, "");
		else if (config_fields[i].absent == OFF)
			cJSON_AddFalseToObject(o, name);
		else if (config_fields[i].absent == NOTHING)
			cJSON_AddNullToObject(o, name);
	}
	return o;
}

static void add_optional(cJSON *o, const char *name, const char *value)
{
	if (*value)
		cJSON_AddStringToObject(o, name, value);
}

cJSON *show_image(struct engine *e, const char *id, int version, struct err *err)
{
	struct image_row row;
	cJSON *o, *config, *part;
	const cJSON *diff_ids;
	char when[40];

	if (state_image_get(e->state, id, &row) < 0) {
		err_set(err, 404, "No such image: sha256:%s", id);
		return NULL;
	}
	config = parse_config(&row);
	o = cJSON_CreateObject();
	add_digest(o, "Id", id);
	cJSON_AddItemToObject(o, "RepoTags", show_tags(e, id));
	cJSON_AddItemToObject(o, "RepoDigests", show_digests(e, id));
	cJSON_AddStringToObject(o, "Parent", "");
	cJSON_AddStringToObject(o, "Comment", text_of(config, "comment"));
	add_optional(o, "Created", text_of(config, "created"));
	cJSON_AddStringToObject(o, "DockerVersion", text_of(config, "docker_version"));
	cJSON_AddStringToObject(o, "Author", text_of(config, "author"));
	cJSON_AddItemToObject(o, "Config", show_config(json_get(config, "config")));
	/* Docker left it out with 1.45; but docker-compose 1.29, which takes the newest version there is, fails without
	 * it when it makes a container anew. */
	cJSON_AddItemToObject(o, "ContainerConfig", show_config(json_get(config, "container_config")));
	cJSON_AddStringToObject(o, "Architecture", text_of(config, "architecture"));
	add_optional(o, "Variant", text_of(config, "variant"));
	cJSON_AddStringToObject(o, "Os", *text_of(config, "os") ? text_of(config, "os") : "linux");
	add_optional(o, "OsVersion", text_of(config, "os.version"));
	json_add_int(o, "Size", row.size);
	if (version < 144)
		json_add_int(o, "VirtualSize", row.size);
	part = cJSON_AddObjectToObject(o, "GraphDriver");
	cJSON_AddNullToObject(part, "Data"); /* no path: nobody but the helpers gets to a layer */
	cJSON_AddStringToObject(part, "Name", "overlay2");
	part = cJSON_AddObjectToObject(o, "RootFS");
	cJSON_AddStringToObject(part, "Type", "layers");
	diff_ids = json_get(json_get(config, "rootfs"), "diff_ids");
	cJSON_AddItemToObject(part, "Layers", diff_ids ? cJSON_Duplicate(diff_ids, 1) : cJSON_CreateArray());
	part = cJSON_AddObjectToObject(o, "Metadata");
	time_rfc3339(row.created_ns, when);
	cJSON_AddStringToObject(part, "LastTagTime", when);
	cJSON_Delete(config);
	image_row_finish(&row);
	return o;
}

/* --- history ----------------------------------------------------------------------------------------------------- */
static int64_t layer_size(struct engine *e, const struct image_row *row, unsigned n)
{
	struct layer_row layer;
	char hex[ID_HEX + 1];

	if (strlen(row->layers) < (n + 1) * (ID_HEX + 1) - 1)
		return 0; /* more steps than layers */
	snprintf(hex, sizeof(hex), "%s", row->layers + n * (ID_HEX + 1));
	return state_layer_get(e->state, hex, &layer) == 0 && layer.size > 0 ? layer.size : 0;
}

cJSON *show_history(struct engine *e, const char *id, struct err *err)
{
	cJSON *config, *all = cJSON_CreateArray();
	const cJSON *step;
	struct image_row row;
	unsigned layer = 0;

	if (state_image_get(e->state, id, &row) < 0) {
		cJSON_Delete(all);
		err_set(err, 404, "No such image: sha256:%s", id);
		return NULL;
	}
	config = parse_config(&row);
	cJSON_ArrayForEach(step, json_get(config, "history")) {
		bool empty = cJSON_IsTrue(json_get(step, "empty_layer")), last = !step->next;
		cJSON *o = cJSON_CreateObject();

		cJSON_AddStringToObject(o, "Comment", text_of(step, "comment"));
		json_add_int(o, "Created", created_of(step) / 1000000000);
		cJSON_AddStringToObject(o, "CreatedBy", text_of(step, "created_by"));
		if (last)
			add_digest(o, "Id", id);
		else
			cJSON_AddStringToObject(o, "Id", "<missing>");
		json_add_int(o, "Size", empty ? 0 : layer_size(e, &row, layer++));
		cJSON_AddItemToObject(o, "Tags", last ? show_tags(e, id) : cJSON_CreateNull());
		cJSON_InsertItemInArray(all, 0, o);
	}
	cJSON_Delete(config);
	image_row_finish(&row);
	return all;
}
