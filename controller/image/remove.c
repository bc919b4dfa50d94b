/* remove.c - taking names from images and images from the store, by Docker's rules (moby, image_delete.go).
 *
 * One difference: an image whose container is still there keeps its layers and its row when it is removed by force; it
 * loses its names, and goes with `prune` once the container has gone: a container cannot start without its layers. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "../container/container.h"
#include "../container/filters.h"
#include "../engine.h"
#include "../json.h"
#include "internal.h"

struct removal {
	struct engine *e;
	const struct call_ctx *ctx;
	char id[65];
	bool force;
	cJSON *done; /* the answer */
	struct err *err;
};

static void note(cJSON *done, const char *what, const char *text)
{
	cJSON *o = cJSON_CreateObject();

	cJSON_AddStringToObject(o, what, text);
	cJSON_AddItemToArray(done, o);
}

static int untag(struct removal *r, const char *ref)
{
	char digest[8 + ID_HEX];

	if (state_tag_delete(r->e->state, ref) < 0)
		return err_set(r->err, 500, "state: %s cannot be removed", ref);
	note(r->done, "Untagged", ref);
	snprintf(digest, sizeof(digest), "sha256:%s", r->id);
	store_event(r->e, "untag", r->id, digest);
	return 0;
}

static int conflict(struct removal *r, bool hard, const char *format, const char *container)
{
	char why[128];

	snprintf(why, sizeof(why), format, container);
	return err_set(r->err, 409, "conflict: unable to delete %.12s (%s) - %s", r->id,
		       hard ? "cannot be forced" : "must be forced", why);
}

/* What stands in the way of removing the image itself. names: several of them do, unless forced. */
static int check_conflicts(struct removal *r, bool names)
{
	unsigned running, used;
	char one[65] = "";

	used = containers_using_image(r->e, r->id, &running, one);
	one[12] = '\0';
	if (running)
		return conflict(r, true, "image is being used by running container %s", one);
	if (r->force)
		return 0;
	if (names) {
		cJSON *tags = show_tags(r->e, r->id);
		int n = cJSON_GetArraySize(tags);

		cJSON_Delete(tags);
		if (n > 0)
			return conflict(r, false, "image is referenced in multiple repositories%s", "");
	}
	if (used)
		return conflict(r, false, "image is being used by stopped container %s", one);
	return 0;
}

static int remove_all_tags(struct removal *r)
{
	cJSON *tags = show_tags(r->e, r->id);
	const cJSON *tag;
	int e = 0;

	cJSON_ArrayForEach(tag, tags)
		if (e == 0)
			e = untag(r, tag->valuestring);
	cJSON_Delete(tags);
	return e;
}

/* The image itself, and the layers that nobody else has. */
static int remove_whole(struct removal *r)
{
	char one[65], digest[8 + ID_HEX];
	unsigned running;

	if (remove_all_tags(r) < 0)
		return -1;
	if (containers_using_image(r->e, r->id, &running, one) > 0) {
		one[12] = '\0';
		return cJSON_GetArraySize(r->done) > 0 ?
			       0 : conflict(r, true, "image is being used by stopped container %s", one);
	}
	if (state_image_delete(r->e->state, r->id) < 0)
		return err_set(r->err, 500, "state: image %.12s cannot be removed", r->id);
	snprintf(digest, sizeof(digest), "sha256:%s", r->id);
	store_event(r->e, "delete", r->id, digest);
	note(r->done, "Deleted", digest);
	return 0;
}

/* By name: that name goes, and the image with its last one. */
static int remove_by_name(struct removal *r, const char *tag)
{
	cJSON *tags = show_tags(r->e, r->id);
	int n = cJSON_GetArraySize(tags);
	unsigned running;
	char one[65];
	struct err why = { 0 }, *err = r->err;
	int e;

	cJSON_Delete(tags);
	if (!r->force && n == 1 && containers_using_image(r->e, r->id, &running, one) > 0)
		return err_set(err, 409,
			       "conflict: unable to remove repository reference \"%s\" (must force) - container %.12s "
			       "is using its referenced image %.12s",
			       tag, one, r->id);
	if (untag(r, tag) < 0)
		return -1;
	if (n > 1)
		return 0;
	/* The name is gone, which was asked for: that the image is still used is no failure. */
	r->err = &why;
	e = check_conflicts(r, /* names= */ false);
	r->err = err;
	return e < 0 ? 0 : remove_whole(r);
}

static bool single_repository(struct removal *r)
{
	cJSON *tags = show_tags(r->e, r->id);
	int n = cJSON_GetArraySize(tags);

	cJSON_Delete(tags);
	return n == 1;
}

static int remove_by_id(struct removal *r)
{
	if (check_conflicts(r, /* names= */ !single_repository(r)) < 0)
		return -1;
	return remove_whole(r);
}

cJSON *remove_image(struct engine *e, const struct call_ctx *ctx, const char *text, bool force, struct err *err)
{
	struct removal r = { .e = e, .ctx = ctx, .force = force, .done = cJSON_CreateArray(), .err = err };
	char tag[IMAGE_REF_MAX];
	int result;

	images_lock(e);
	result = image_resolve(e, text, r.id, tag, err);
	if (result == 0)
		result = *tag ? remove_by_name(&r, tag) : remove_by_id(&r);
	/* Layers follow; what fails here is collected at the next removal or start. */
	if (result == 0)
		store_collect(e, ctx, r.done, NULL, NULL);
	images_unlock(e);
	if (result == 0)
		return r.done;
	cJSON_Delete(r.done);
	return NULL;
}

static bool is_true(const cJSON *v)
{
	return v && (strcasecmp(v->valuestring, "true") == 0 || strcmp(v->valuestring, "1") == 0);
}

cJSON *remove_unused(struct engine *e, const struct call_ctx *ctx, const cJSON *filters, struct err *err)
{
	struct removal r = { .e = e, .ctx = ctx, .done = cJSON_CreateArray(), .err = err };
	const cJSON *dangling = cJSON_GetArrayItem(filters_get(filters, "dangling"), 0), *item;
	cJSON *images, *answer = NULL, *listed = cJSON_Duplicate(filters, 1);
	bool tagged = dangling && !is_true(dangling);
	int64_t freed = 0;
	int result = 0;

	cJSON_DeleteItemFromObject(listed, "dangling");
	images_lock(e);
	images = show_list(e, listed, 0, err);
	cJSON_ArrayForEach(item, images) {
		cJSON *tags;
		unsigned running;
		bool named;

		snprintf(r.id, sizeof(r.id), "%s", cJSON_GetObjectItem(item, "Id")->valuestring + 7);
		tags = show_tags(e, r.id);
		named = cJSON_GetArraySize(tags) > 0;
		cJSON_Delete(tags);
		if ((named && !tagged) || containers_using_image(e, r.id, &running, NULL) > 0)
			continue;
		result = remove_whole(&r);
		if (result < 0)
			break;
	}
	if (images && result == 0)
		result = store_collect(e, ctx, r.done, &freed, err);
	images_unlock(e);
	if (images && result == 0) {
		answer = cJSON_CreateObject();
		cJSON_AddItemToObject(answer, "ImagesDeleted",
				      cJSON_GetArraySize(r.done) ? cJSON_Duplicate(r.done, 1) : cJSON_CreateNull());
		json_add_int(answer, "SpaceReclaimed", freed);
	}
	cJSON_Delete(images);
	cJSON_Delete(listed);
	cJSON_Delete(r.done);
	return answer;
}
