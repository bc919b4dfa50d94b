/* create_mounts.c - what docker create does about mounts: those of other containers (--volumes-from), host paths,
 * images and volumes, which are made and filled from the image.
 *
 * Found and named once, here; the stored configuration keeps it: "InheritedMounts", "AnonymousVolumes" and
 * "ImageMounts" (target to name or id). A start reads only that. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../helpers/base/cleanup.h"
#include "../../helpers/base/text.h"
#include "../json.h"
#include "../task.h"
#include "../volume/volume.h"
#include "internal.h"
#include "start.h"

/* --- other containers' ----------------------------------------------------------------------------------- */
/* "container[:ro|rw|z|Z]". Propagation and copying are the other container's affair. */
static int parse_from(const char *text, char *name, size_t size, bool *ret_readonly, struct err *err)
{
	const char *colon = strchr(text, ':'), *mode = colon ? colon + 1 : "rw";
	static const char *const modes[] = { "rw", "ro", "z", "Z", "rw,z", "rw,Z", "ro,z", "ro,Z" };

	if (!text[0])
		return err_set(err, 400, "volumes-from specification cannot be an empty string");
	for (unsigned i = 0; i < ARRAY_SIZE(modes); i++)
		if (strcmp(mode, modes[i]) == 0) {
			*ret_readonly = strncmp(mode, "ro", 2) == 0;
			return text_format(name, size, "%.*s", (int)strcspn(text, ":"), text) < 0
				       ? err_set(err, 400, "No such container: %.128s", text)
				       : 0;
		}
	return err_set(err, 400, "invalid mode: %.64s", mode);
}

static int inherit_one(struct engine *e, const char *text, cJSON *inherited, struct err *err)
{
	struct spec_mounts mounts = { 0 };
	struct container *c;
	bool readonly = false;
	char name[256];
	cJSON *merged;
	int r;

	if (parse_from(text, name, sizeof(name), &readonly, err) < 0)
		return -1;
	c = container_find(e, name, err);
	if (!c) {
		err->status = 400; /* as Docker: with 404 clients would pull the container's own image */
		return -1;
	}
	merged = container_config(c);
	r = container_mounts(merged, &mounts, err);
	if (r >= 0)
		r = spec_mounts_inherit(&mounts, readonly, inherited, err);
	spec_mounts_finish(&mounts);
	cJSON_Delete(merged);
	container_put(c);
	return r < 0 ? -1 : 0;
}

static int inherit(struct engine *e, cJSON *merged, struct err *err)
{
	const cJSON *from = json_get(json_get(merged, "HostConfig"), "VolumesFrom"), *text;
	cJSON *inherited;

	if (cJSON_GetArraySize(from) == 0)
		return 0;
	inherited = cJSON_AddArrayToObject(merged, "InheritedMounts");
	cJSON_ArrayForEach(text, from)
		if (cJSON_IsString(text) && inherit_one(e, text->valuestring, inherited, err) < 0)
			return -1;
	return 0;
}

/* --- host paths and images ------------------------------------------------------------------------------- */
/* Looked up now, so that what cannot be is refused here and not at the start. */
static int check_sources(struct engine *e, const struct spec_mounts *mounts, const struct call_ctx *ctx,
			 struct err *err)
{
	struct req_mount_drop drop = { 0 };
	int status = 0;

	for (size_t i = 0; i < mounts->n && status == 0; i++) {
		const struct spec_mount *m = &mounts->v[i];
		struct source_found found = { 0 };

		if (m->type != SPEC_BIND)
			continue;
		status = source_find(e, m, ctx, &found, err);
		if (found.ticket && drop.tickets.n < ARRAY_SIZE(drop.tickets.v))
			drop.tickets.v[drop.tickets.n++] = found.ticket;
	}
	if (drop.tickets.n)
		helper_detach(helper_submit(e, OP_MOUNT_DROP, &drop, NULL, 0));
	return status;
}

static int find_images(struct engine *e, cJSON *merged, const struct spec_mounts *mounts, struct err *err)
{
	cJSON *ids = NULL;

	for (size_t i = 0; i < mounts->n; i++) {
		struct image image;
		char id[80];

		if (mounts->v[i].type != SPEC_IMAGE)
			continue;
		if (image_find(e, mounts->v[i].source, &image, err) < 0) {
			err->status = 400;
			return -1;
		}
		snprintf(id, sizeof(id), "sha256:%s", image.id);
		image_finish(&image);
		if (!ids)
			ids = cJSON_AddObjectToObject(merged, "ImageMounts");
		cJSON_AddStringToObject(ids, mounts->v[i].target, id);
	}
	return 0;
}

/* --- volumes --------------------------------------------------------------------------------------------- */
/* Makes the volumes that are missing; names the anonymous ones, whose source is that from now on. */
static int make_volumes(struct engine *e, cJSON *merged, struct spec_mounts *mounts, const struct call_ctx *ctx,
			struct err *err)
{
	cJSON *names = cJSON_AddObjectToObject(merged, "AnonymousVolumes");

	for (size_t i = 0; i < mounts->n; i++) {
		struct spec_mount *m = &mounts->v[i];
		struct volume_wanted w = { json_get(m->volume, "Labels"),
					   json_get(json_get(m->volume, "DriverConfig"), "Options"), !m->source[0] };
		char name[ID_HEX + 1] = "";

		if (m->type != SPEC_VOLUME)
			continue;
		if (cJSON_GetArraySize(w.options) == 0)
			w.options = NULL;
		if (m->anonymous) /* another container's: gone with the last that has it */
			cJSON_AddStringToObject(names, m->target, m->source);
		if (w.anonymous) {
			volume_name_generate(name);
			cJSON_AddStringToObject(names, m->target, name);
			free(m->source);
			m->source = strdup(name);
			if (!m->source)
				return err_set(err, 500, "out of memory");
		}
		if (volume_ensure(e, m->source, &w, ctx, err) < 0)
			return -1;
	}
	return 0;
}

/* A volume whose directory is being replaced by its first content: who mounts it waits for that. On the stack of a
 * task. */
struct filling {
	struct filling *next;
	const char *volume;
};

bool volume_is_filling(const struct containers *cs, const char *volume)
{
	for (const struct filling *f = cs->filling; f; f = f->next)
		if (strcmp(f->volume, volume) == 0)
			return true;
	return false;
}

void volume_await_filled(struct containers *cs, const char *volume)
{
	while (volume_is_filling(cs, volume))
		waiters_park(&cs->filled);
}

static void filling_end(struct containers *cs, struct filling *f)
{
	struct filling **at = &cs->filling;

	while (*at != f)
		at = &(*at)->next;
	*at = f->next;
	waiters_wake_all(&cs->filled);
}

static int fill_one(struct engine *e, const struct spec_mount *m, struct req_layer_copy *req,
		    const struct call_ctx *ctx, struct err *err)
{
	struct containers *cs = e->containers;
	struct filling mine = { .volume = m->source };
	struct volume_row row = { 0 };
	struct rep_layer_copy rep;
	int r = state_volume_get(e->state, m->source, &row);
	bool special = r == 0 && row.options;

	volume_row_finish(&row);
	volume_await_filled(cs, m->source);
	/* A running container has the directory that would be replaced: it would be left with one that is no more. */
	if (special || containers_running_with_volume(e, m->source))
		return 0;
	mine.next = cs->filling;
	cs->filling = &mine;
	snprintf(req->volume, sizeof(req->volume), "%s", m->source);
	snprintf(req->path, sizeof(req->path), "%s", m->target);
	r = helper_wait(helper_submit(e, OP_LAYER_COPY, req, ctx, HELPER_DEADLINE_LONG_MS), &rep, err, NULL);
	filling_end(cs, &mine);
	return r < 0 ? -1 : 0;
}

static bool is_filled_from_image(const struct spec_mount *m)
{
	return m->type == SPEC_VOLUME && !m->inherited && !m->subpath &&
	       (!m->options || strcmp(m->options, "nocopy") != 0);
}

/* Docker's copy-up: a volume without content gets what the image has at that place. */
static int fill_volumes(struct engine *e, const struct spec_mounts *mounts, const struct image *image,
			const struct call_ctx *ctx, struct err *err)
{
	struct req_layer_copy *req = NULL;
	int r = 0;

	for (size_t i = 0; i < mounts->n && r == 0; i++) {
		const struct spec_mount *m = &mounts->v[i];

		if (!is_filled_from_image(m))
			continue;
		if (!req)
			req = calloc(1, sizeof(*req));
		if (!req)
			return err_set(err, 500, "out of memory");
		req->layers.n = image->nlayers;
		memcpy(req->layers.id, image->layers, image->nlayers * ID_BYTES);
		r = fill_one(e, m, req, ctx, err);
	}
	free(req);
	return r;
}

int create_mounts(struct engine *e, cJSON *merged, const struct image *image, const struct call_ctx *ctx,
		  struct err *err)
{
	struct spec_mounts mounts = { 0 };
	int r = inherit(e, merged, err);

	if (r == 0)
		r = spec_mounts(merged, &mounts, err) < 0 ? -1 : check_sources(e, &mounts, ctx, err);
	if (r == 0)
		r = find_images(e, merged, &mounts, err);
	if (r == 0)
		r = make_volumes(e, merged, &mounts, ctx, err);
	if (r == 0)
		r = fill_volumes(e, &mounts, image, ctx, err);
	spec_mounts_finish(&mounts);
	return r;
}

void remove_anonymous(struct engine *e, const cJSON *merged, const struct call_ctx *ctx)
{
	const cJSON *name;

	cJSON_ArrayForEach(name, cJSON_GetObjectItemCaseSensitive(merged, "AnonymousVolumes"))
		if (cJSON_IsString(name) && containers_using_volume(e, name->valuestring, NULL) == 0)
			volume_remove(e, name->valuestring, /* force= */ true, ctx, NULL);
}
