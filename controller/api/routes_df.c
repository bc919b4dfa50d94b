/* routes_df.c - GET /system/df: what images, containers and volumes take.
 *
 * Sizes of containers and volumes are asked of postern-layer, which parks: rows are copied out of the database
 * before. */
#include <stdlib.h>
#include <string.h>

#include "../container/internal.h"
#include "../image/internal.h"
#include "../json.h"
#include "../volume/volume.h"
#include "http.h"

/* --- images ------------------------------------------------------------------------------------------------------ */
static int add_layer(void *data, const struct layer_row *layer)
{
	*(int64_t *)data += layer->size > 0 ? layer->size : 0;
	return 0;
}

static cJSON *images(struct engine *e, int version, int64_t *ret_layers)
{
	cJSON *list = show_list(e, NULL, version, /* shared= */ true, NULL), *image;

	state_layer_each(e->state, add_layer, ret_layers);
	cJSON_ArrayForEach(image, list) {
		const char *id = json_text(image, "Id", "sha256:", NULL) + strlen("sha256:");

		cJSON_ReplaceItemInObjectCaseSensitive(image, "Containers",
						       cJSON_CreateNumber(containers_using_image(e, id, NULL, NULL)));
	}
	return list;
}

/* --- volumes ----------------------------------------------------------------------------------------------------- */
struct listing {
	struct engine *e;
	cJSON *array;
};

static int add_volume(void *data, struct volume_row *row)
{
	struct listing *l = data;

	cJSON_AddItemToArray(l->array, volume_json(l->e, row));
	return 0;
}

static cJSON *volumes(struct engine *e, const struct call_ctx *ctx)
{
	struct listing l = { e, cJSON_CreateArray() };
	cJSON *volume;

	state_volume_each(e->state, add_volume, &l);
	cJSON_ArrayForEach(volume, l.array) {
		const char *name = json_text(volume, "Name", "", NULL);
		cJSON *usage = cJSON_AddObjectToObject(volume, "UsageData");

		json_add_int(usage, "Size", volume_size(e, name, ctx));
		cJSON_AddNumberToObject(usage, "RefCount", containers_using_volume(e, name, NULL));
	}
	return l.array;
}

/* --- the route --------------------------------------------------------------------------------------------------- */
enum { DF_CONTAINER, DF_IMAGE, DF_VOLUME, DF_CACHE, DF_COUNT };

/* "type" may be given several times; all when it is not. */
static int wanted(struct http_request *r, bool ret[DF_COUNT], struct err *err)
{
	static const char *const names[DF_COUNT] = { "container", "image", "volume", "build-cache" };
	const char *type;

	for (unsigned i = 0; i < DF_COUNT; i++)
		ret[i] = !http_query(r, "type");
	for (unsigned n = 0; (type = http_query_nth(r, "type", n)); n++) {
		unsigned i = 0;

		while (i < DF_COUNT && strcmp(names[i], type) != 0)
			i++;
		if (i == DF_COUNT)
			return err_set(err, 400, "unknown object type: %.60s", type);
		ret[i] = true;
	}
	return 0;
}

static void df(struct http_request *r)
{
	struct call_ctx ctx = http_call_ctx(r);
	struct engine *e = http_engine(r);
	bool want[DF_COUNT];
	struct err err = { 0 };
	int64_t layers = 0;
	cJSON *o;

	if (wanted(r, want, &err) < 0) {
		http_reply_error(r, &err);
		return;
	}
	o = cJSON_CreateObject();
	if (want[DF_IMAGE])
		cJSON_AddItemToObject(o, "Images", images(e, http_version(r), &layers));
	json_add_int(o, "LayersSize", layers);
	if (want[DF_CONTAINER])
		cJSON_AddItemToObject(o, "Containers", container_list(e, true, 0, true, NULL, NULL));
	if (want[DF_VOLUME])
		cJSON_AddItemToObject(o, "Volumes", volumes(e, &ctx));
	if (want[DF_CACHE])
		cJSON_AddArrayToObject(o, "BuildCache"); /* nothing is built here */
	if (want[DF_CACHE] && http_version(r) < 142)
		cJSON_AddNumberToObject(o, "BuilderSize", 0);
	http_reply_json(r, 200, o);
	cJSON_Delete(o);
}

const struct route df_routes[] = {
	{ "GET", "/system/df", RIGHTS_READ, df },
};
const size_t n_df_routes = sizeof(df_routes) / sizeof(df_routes[0]);
