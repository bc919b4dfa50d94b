/* remove.c - taking names from images and images from the store, by Docker's rules (moby, image_delete.go).
 *
 * One difference: an image whose container is still there keeps its layers and its row when it is removed by force; it
 * loses its names, and goes with `prune` once the container has gone: a container cannot start without its layers. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../container/container.h"
#include "../container/filters.h"
#include "../engine.h"
#include "../json.h"
#include "internal.h"

struct removal {
	struct engine *e;
	const struct call_ctx *ctx;
	char id[65];
	const char *text; /* as the client named it */
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

enum conflict { CONFLICT_RUNNING = 1, CONFLICT_NAMES = 2, CONFLICT_STOPPED = 4 };

/* Tags and digests. */
static int add_ref(void *data, const char *ref, const char *image_id)
{
	cJSON_AddItemToArray(data, cJSON_CreateString(ref));
	return 0;
}

static cJSON *refs_of(struct removal *r)
{
	cJSON *refs = cJSON_CreateArray();

	state_tag_each(r->e->state, r->id, add_ref, refs);
	return refs;
}

/* What stands in the way of removing the image itself. */
static int check_conflicts(struct removal *r, unsigned which)
{
	unsigned running, used;
	char one[65] = "";
	cJSON *refs;
	int n;

	used = containers_using_image(r->e, r->id, &running, one);
	one[12] = '\0';
	if ((which & CONFLICT_RUNNING) && running)
		return conflict(r, true, "image is being used by running container %s", one);
	refs = refs_of(r);
	n = cJSON_GetArraySize(refs);
	cJSON_Delete(refs);
	if ((which & CONFLICT_NAMES) && n > 0)
		return conflict(r, false, "image is referenced in multiple repositories%s", "");
	if ((which & CONFLICT_STOPPED) && used)
		return conflict(r, false, "image is being used by stopped container %s", one);
	return 0;
}

static int remove_refs(struct removal *r, cJSON *refs)
{
	const cJSON *ref;
	int e = 0;

	cJSON_ArrayForEach(ref, refs)
		if (e == 0)
			e = untag(r, ref->valuestring);
	cJSON_Delete(refs);
	return e;
}

/* The image itself with all its names; the layers that nobody else has follow. */
static int remove_whole(struct removal *r)
{
	char one[65], digest[8 + ID_HEX];
	unsigned running;

	if (remove_refs(r, refs_of(r)) < 0)
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

static size_t repository_length(const char *ref)
{
	const char *slash = strrchr(ref, '/');

	return strcspn(slash ? slash : ref, ":@") + (slash ? (size_t)(slash - ref) : 0);
}

static bool same_repository(const char *a, const char *b)
{
	size_t n = repository_length(a);

	return n == repository_length(b) && strncmp(a, b, n) == 0;
}

/* At most one tag, and digests of its repository only. */
static bool is_single(const cJSON *refs)
{
	const cJSON *ref, *tag = NULL;

	cJSON_ArrayForEach(ref, refs) {
		if (strchr(ref->valuestring, '@'))
			continue;
		if (tag)
			return false;
		tag = ref;
	}
	if (!tag)
		tag = refs->child;
	cJSON_ArrayForEach(ref, refs)
		if (!same_repository(ref->valuestring, tag->valuestring))
			return false;
	return true;
}

/* With the last tag of a repository go its digests. */
static int remove_digests(struct removal *r, const char *tag)
{
	cJSON *refs = refs_of(r), *digests = cJSON_CreateArray();
	const cJSON *ref;
	bool more = strchr(tag, '@') != NULL;

	cJSON_ArrayForEach(ref, refs) {
		if (!same_repository(ref->valuestring, tag))
			continue;
		if (strchr(ref->valuestring, '@'))
			cJSON_AddItemToArray(digests, cJSON_CreateString(ref->valuestring));
		else
			more = true;
	}
	cJSON_Delete(refs);
	if (!more)
		return remove_refs(r, digests);
	cJSON_Delete(digests);
	return 0;
}

/* By name: that name goes, and the image with its last one. */
static int remove_by_name(struct removal *r, const char *tag)
{
	struct err why = { 0 }, *err = r->err;
	cJSON *refs = refs_of(r);
	bool single = is_single(refs);
	unsigned running;
	char one[65];
	int e, n;

	cJSON_Delete(refs);
	if (!r->force && single && containers_using_image(r->e, r->id, &running, one) > 0)
		return err_set(err, 409,
			       "conflict: unable to remove repository reference \"%s\" (must force) - container %.12s "
			       "is using its referenced image %.12s",
			       r->text, one, r->id);
	if (untag(r, tag) < 0 || remove_digests(r, tag) < 0)
		return -1;
	refs = refs_of(r);
	n = cJSON_GetArraySize(refs);
	cJSON_Delete(refs);
	if (n > 0)
		return 0;
	/* The name is gone, which was asked for: that the image is still used is no failure. */
	r->err = &why;
	e = check_conflicts(r, CONFLICT_RUNNING | (r->force ? 0 : CONFLICT_STOPPED));
	r->err = err;
	return e < 0 ? 0 : remove_whole(r);
}

static int remove_by_id(struct removal *r)
{
	cJSON *refs = refs_of(r);
	unsigned which = CONFLICT_RUNNING;

	if (!r->force)
		which |= CONFLICT_STOPPED | (is_single(refs) ? 0 : CONFLICT_NAMES);
	cJSON_Delete(refs);
	if (check_conflicts(r, which) < 0)
		return -1;
	return remove_whole(r);
}

cJSON *remove_image(struct engine *e, const struct call_ctx *ctx, const char *text, bool force, struct err *err)
{
	struct removal r = { .e = e, .ctx = ctx, .text = text, .force = force, .err = err };
	char tag[IMAGE_REF_MAX];
	int result;

	r.done = cJSON_CreateArray();
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

cJSON *remove_unused(struct engine *e, const struct call_ctx *ctx, const cJSON *filters, struct err *err)
{
	struct removal r = { .e = e, .ctx = ctx, .done = cJSON_CreateArray(), .err = err };
	cJSON *images, *answer = NULL, *listed = cJSON_Duplicate(filters, 1);
	int dangling = filters_bool(filters, "dangling", 1, err);
	bool tagged = dangling == 0;
	const cJSON *item;
	int64_t freed = 0;
	int result = 0;

	cJSON_DeleteItemFromObject(listed, "dangling");
	images_lock(e);
	images = dangling < 0 ? NULL : show_list(e, listed, 0, /* shared= */ false, err);
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
