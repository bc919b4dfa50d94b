/* volume.c - see volume.h. Names are checked here; the store's directory is made and removed by postern-layer. */
#include "volume.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "../../helpers/base/cleanup.h"
#include "../../helpers/base/text.h"
#include "../container/container.h"
#include "../container/events.h"
#include "../container/times.h"
#include "../engine.h"

void volume_name_generate(char ret[65])
{
	uint8_t raw[ID_BYTES];

	if (getrandom(raw, sizeof(raw), 0) != sizeof(raw))
		abort(); /* the kernel's generator does not fail once it has started */
	hex_encode(raw, sizeof(raw), ret);
}

void volume_mountpoint(struct engine *e, const char *name, char *ret, size_t size)
{
	snprintf(ret, size, "%s/volumes/%s/_data", e->data_root, name);
}

static void emit(struct engine *e, const char *action, const char *name)
{
	cJSON *attributes = cJSON_CreateObject();

	cJSON_AddStringToObject(attributes, "driver", "local");
	events_emit(e, "volume", action, name, attributes);
	cJSON_Delete(attributes);
}

static int check_name(const char *name, struct err *err)
{
	if (strlen(name) < 2)
		return err_set(err, 400,
			       "create %s: volume name is too short, names should be at least two alphanumeric "
			       "characters",
			       name);
	if (strlen(name) > NAME_MAX_LEN || !name_valid(name, strlen(name)))
		return err_set(err, 400,
			       "create %.128s: \"%.128s\" includes invalid characters for a local volume name, only "
			       "\"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host directory, "
			       "use absolute path",
			       name, name);
	return 0;
}

static int store_row(struct engine *e, const char *name, const struct volume_wanted *w, struct err *err)
{
	struct volume_row row = { .created_ns = time_now_ns(), .anonymous = w->anonymous };
	int r;

	row.name = strdup(name);
	row.labels = w->labels ? cJSON_PrintUnformatted(w->labels) : strdup("{}");
	row.options = w->options ? cJSON_PrintUnformatted(w->options) : NULL;
	r = row.name && row.labels && !row.options == !w->options ? state_volume_put(e->state, &row) : -ENOMEM;
	volume_row_finish(&row);
	return r < 0 ? err_set(err, 500, "volume %s cannot be stored: %s", name, strerror(-r)) : 0;
}

int volume_ensure(struct engine *e, const char *name, const struct volume_wanted *w, const struct call_ctx *ctx,
		  struct err *err)
{
	struct volume_row row = { 0 };
	struct req_layer_create req = { .what = LAYER_VOLUME };
	int r = state_volume_get(e->state, name, &row);

	if (r == 0) {
		volume_row_finish(&row);
		return 0;
	}
	if (r != -ENOENT)
		return err_set(err, 500, "volume %s: %s", name, strerror(-r));
	if (check_name(name, err) < 0 || volume_options_check(name, w->options, err) < 0)
		return -1;
	snprintf(req.name, sizeof(req.name), "%s", name);
	r = helper_call(e, OP_LAYER_CREATE, &req, NULL, ctx, err);
	if (r < 0 && r != -EEXIST)
		return -1;
	if (store_row(e, name, w, err) < 0)
		return -1;
	emit(e, "create", name);
	return 1;
}

int volume_remove(struct engine *e, const char *name, bool force, const struct call_ctx *ctx, struct err *err)
{
	struct req_layer_remove req = { .what = LAYER_VOLUME };
	struct volume_row row = { 0 };
	char user[65];
	int r = state_volume_get(e->state, name, &row);

	if (r == -ENOENT)
		return force ? 0 : err_set(err, 404, "get %s: no such volume", name);
	if (r < 0)
		return err_set(err, 500, "volume %s: %s", name, strerror(-r));
	volume_row_finish(&row);
	if (containers_using_volume(e, name, user))
		return err_set(err, 409, "remove %s: volume is in use - [%s]", name, user);
	if (text_copy(req.name, sizeof(req.name), name) < 0)
		return err_set(err, 400, "volume name is too long");
	r = helper_call(e, OP_LAYER_REMOVE, &req, NULL, ctx, err);
	if (r < 0 && r != -ENOENT)
		return -1;
	state_volume_delete(e->state, name);
	emit(e, "destroy", name);
	return 0;
}

int64_t volume_size(struct engine *e, const char *name, const struct call_ctx *ctx)
{
	struct req_layer_size req = { .what = LAYER_VOLUME };
	struct rep_layer_size rep;

	if (text_copy(req.name, sizeof(req.name), name) < 0)
		return -1;
	return helper_call(e, OP_LAYER_SIZE, &req, &rep, ctx, NULL) == 0 ? (int64_t)rep.size : -1;
}

cJSON *volume_json(struct engine *e, const struct volume_row *row)
{
	cJSON *o = cJSON_CreateObject(), *labels = cJSON_Parse(row->labels);
	cJSON *options = row->options ? cJSON_Parse(row->options) : NULL;
	char path[4096 + NAME_MAX_LEN], created[40];

	time_rfc3339(row->created_ns / 1000000000 * 1000000000, created);
	volume_mountpoint(e, row->name, path, sizeof(path));
	if (!labels)
		labels = cJSON_CreateObject();
	if (row->anonymous)
		cJSON_AddStringToObject(labels, "com.docker.volume.anonymous", "");
	cJSON_AddStringToObject(o, "CreatedAt", created);
	cJSON_AddStringToObject(o, "Driver", "local");
	cJSON_AddItemToObject(o, "Labels", labels);
	cJSON_AddStringToObject(o, "Mountpoint", path);
	cJSON_AddStringToObject(o, "Name", row->name);
	cJSON_AddItemToObject(o, "Options", options ? options : cJSON_CreateNull());
	cJSON_AddStringToObject(o, "Scope", "local");
	return o;
}
