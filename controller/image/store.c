/* store.c - images as rows, their layers as directories that postern-layer keeps.
 *
 * A layer's row is written before its directory is made, with size PENDING, and marked so again before it is removed:
 * what an interruption leaves is found by its row. A layer belongs to every image whose row lists it; one that no row
 * lists is collected. Callers hold images_lock; it is the only thing that keeps a layer from being collected before its
 * image is there. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../helpers/base/cleanup.h"
#include "../../helpers/base/text.h"
#include "../container/events.h"
#include "../container/times.h"
#include "../engine.h"
#include "internal.h"

enum { PENDING = -1 };

void images_lock(struct engine *e)
{
	while (e->images->locked)
		waiters_park(&e->images->waiters);
	e->images->locked = true;
}

void images_unlock(struct engine *e)
{
	e->images->locked = false;
	waiters_wake_all(&e->images->waiters);
}

void images_pin(struct engine *e)
{
	e->images->pins++;
}

static void collect_late(void *arg)
{
	struct call_ctx ctx = { .client = -1 };
	struct engine *e = arg;

	images_lock(e);
	store_collect(e, &ctx, NULL, NULL, NULL);
	images_unlock(e);
}

void images_unpin(struct engine *e)
{
	if (--e->images->pins > 0 || !e->images->wanted)
		return;
	e->images->wanted = false;
	task_spawn(collect_late, e);
}

int store_layer(struct engine *e, const char *chain, struct layer_row *ret, struct err *err)
{
	if (state_layer_get(e->state, chain, ret) < 0 || ret->size == PENDING)
		return err_set(err, 404, "layer sha256:%.12s does not exist", chain);
	return 0;
}

void store_event(struct engine *e, const char *action, const char *id, const char *name)
{
	cJSON *attributes = cJSON_CreateObject();
	char digest[8 + ID_HEX];

	snprintf(digest, sizeof(digest), "sha256:%s", id);
	cJSON_AddStringToObject(attributes, "name", name);
	events_emit(e, "image", action, digest, attributes);
	cJSON_Delete(attributes);
}

static int state_failed(struct err *err, int e)
{
	return e < 0 ? err_set(err, 500, "state: %s", strerror(-e)) : 0;
}

/* --- unpacking --------------------------------------------------------------------------------------------------- */
struct unpacking {
	struct pending *call; /* NULL: nothing to wait for */
	struct layer_row row;
};

static void layer_row_of(const struct plan_image *p, unsigned i, struct layer_row *row)
{
	*row = (struct layer_row){ .size = PENDING };
	hex_encode(p->layers[i].chain, ID_BYTES, row->chain_id);
	hex_encode(p->layers[i].diff, ID_BYTES, row->diff_id);
	if (i > 0)
		hex_encode(p->layers[i - 1].chain, ID_BYTES, row->parent);
}

/* below: the layers below are there already. */
static struct pending *ask_unpack(struct engine *e, const struct call_ctx *ctx, const struct plan_image *p, unsigned i,
				  int archive, bool below)
{
	struct req_layer_unpack req = { .archive = archive, .waits = !below };

	req.offset = p->layers[i].offset;
	req.length = p->layers[i].length;
	memcpy(req.layer, p->layers[i].chain, ID_BYTES);
	memcpy(req.diff, p->layers[i].diff, ID_BYTES);
	memcpy(req.blob, p->layers[i].blob, ID_BYTES);
	for (unsigned k = i; below && k-- > 0;)
		memcpy(req.below.id[req.below.n++], p->layers[k].chain, ID_BYTES);
	return helper_submit(e, OP_LAYER_UNPACK, &req, ctx, HELPER_DEADLINE_LONG_MS);
}

/* Asks for a layer unless it is there: 1 when it is. */
static int unpack_begin(struct engine *e, const struct call_ctx *ctx, const struct plan_image *p, unsigned i,
			bool below, int archive, struct unpacking *u, struct err *err)
{
	struct layer_row known;

	u->call = NULL;
	layer_row_of(p, i, &u->row);
	if (state_layer_get(e->state, u->row.chain_id, &known) == 0 && known.size != PENDING) {
		u->row = known;
		return 1;
	}
	if (state_failed(err, state_layer_put(e->state, &u->row)) < 0)
		return -1;
	u->call = ask_unpack(e, ctx, p, i, archive, below);
	return 0;
}

static const struct {
	const char *stage, *text;
} failures[] = {
	{ "digest", "its content does not have the digest that the image says" },
	{ "blob digest", "the archive does not have the digest that the manifest says" },
	{ "archive", "archive/tar: invalid tar header" },
	{ "archive ends early", "unexpected EOF" },
	{ "compression", "its compression is broken, or unknown" },
	{ "owner outside 0..65535", "an entry's owner is outside 0..65535, the ids that containers have" },
};

static const char *failure_text(const char *stage, const char *fallback)
{
	for (size_t i = 0; i < ARRAY_SIZE(failures); i++)
		if (strcmp(stage, failures[i].stage) == 0)
			return failures[i].text;
	return fallback;
}

/* All layers below have ended, so one that could not do without them has its second try. */
static int unpack_end(struct engine *e, const struct call_ctx *ctx, const struct plan_image *p, unsigned i, int archive,
		      struct unpacking *u, struct err *err)
{
	struct rep_layer_unpack rep;
	char stage[STAGE_MAX] = "";
	struct err why = { 0 };
	int r;

	if (!u->call)
		return 0;
	r = helper_wait(TAKE_PTR(u->call), &rep, &why, stage);
	if (r == -EAGAIN && strcmp(stage, "layers below") == 0) {
		why = (struct err){ 0 };
		r = helper_wait(ask_unpack(e, ctx, p, i, archive, /* below= */ true), &rep, &why, stage);
	}
	if (r < 0)
		return err_set(err, why.status, "layer sha256:%.12s: %s", u->row.diff_id,
			       failure_text(stage, why.message));
	u->row.size = rep.size < INT64_MAX ? (int64_t)rep.size : INT64_MAX;
	u->row.length = rep.length < INT64_MAX ? (int64_t)rep.length : 0;
	return state_failed(err, state_layer_put(e->state, &u->row));
}

struct window {
	struct unpacking v[IMAGE_UNPACKS];
	unsigned begun, ended; /* layers, from the bottom */
	int64_t size;
};

/* All layers of an image, some at a time. After a failure those under way are still waited for. */
static int unpack_layers(struct engine *e, const struct call_ctx *ctx, const struct plan_image *p, int archive,
			 store_progress progress, void *data, int64_t *ret_size, struct err *err)
{
	struct window w = { 0 };
	int result = 0;

	while (w.ended < w.begun || (result == 0 && w.begun < p->nlayers)) {
		struct unpacking *u;

		while (result == 0 && w.begun < p->nlayers && w.begun - w.ended < IMAGE_UNPACKS) {
			u = &w.v[w.begun % IMAGE_UNPACKS];
			int there = unpack_begin(e, ctx, p, w.begun, w.begun == w.ended, archive, u, err);

			if (there < 0) {
				result = -1;
				break;
			}
			if (progress)
				progress(data, &p->layers[w.begun], /* done= */ there, there);
			w.begun++;
		}
		if (w.ended == w.begun)
			break;
		u = &w.v[w.ended % IMAGE_UNPACKS];
		bool asked = u->call != NULL;

		if (unpack_end(e, ctx, p, w.ended, archive, u, result < 0 ? NULL : err) < 0)
			result = -1;
		else if (asked && progress)
			progress(data, &p->layers[w.ended], /* done= */ true, false);
		w.size += u->row.size > 0 ? u->row.size : 0;
		w.ended++;
	}
	*ret_size = w.size;
	return result;
}

static int write_rows(struct engine *e, const struct plan_image *p, int64_t size, struct err *err)
{
	struct image_row row = { .config = p->config, .created_ns = time_now_ns(), .size = size };
	char *layers = malloc((ID_HEX + 1) * p->nlayers + 1);
	size_t n = 0;
	int r;

	if (!layers)
		return err_set(err, 500, "out of memory");
	for (unsigned i = 0; i < p->nlayers; i++) {
		if (i > 0)
			layers[n++] = ',';
		hex_encode(p->layers[i].chain, ID_BYTES, layers + n);
		n += ID_HEX;
	}
	row.layers = layers;
	memcpy(row.id, p->id, sizeof(row.id));
	r = state_image_put(e->state, &row);
	free(layers);
	return state_failed(err, r);
}

int store_image(struct engine *e, const struct call_ctx *ctx, const struct plan_image *p, int archive,
		store_progress progress, void *data, struct err *err)
{
	int64_t size = 0;
	int r = unpack_layers(e, ctx, p, archive, progress, data, &size, err);

	if (r == 0)
		r = write_rows(e, p, size, err);
	if (r < 0)
		store_collect(e, ctx, NULL, NULL, NULL);
	return r;
}

int store_tag(struct engine *e, const char *ref, const char *id, char *ret_old, struct err *err)
{
	char old[65];

	if (state_tag_get(e->state, ref, old) < 0 || strcmp(old, id) == 0)
		old[0] = '\0';
	if (state_failed(err, state_tag_put(e->state, ref, id)) < 0)
		return -1;
	if (ret_old)
		memcpy(ret_old, old, sizeof(old));
	store_event(e, "tag", id, ref);
	return 0;
}

/* --- collecting -------------------------------------------------------------------------------------------------- */
int store_chain(const struct image_row *row, unsigned *ret_n, uint8_t ret[LAYERS_MAX][ID_BYTES], struct err *err)
{
	const char *s = row->layers;
	unsigned n = 0;

	for (;;) {
		char hex[ID_HEX + 1];
		uint8_t id[ID_BYTES];

		snprintf(hex, sizeof(hex), "%s", s);
		if (n == LAYERS_MAX || hex_decode(hex, id, ID_BYTES) < 0)
			return err_set(err, 500, "state: layers of image %.12s are damaged", row->id);
		if (ret)
			memcpy(ret[n], id, ID_BYTES);
		n++;
		s += ID_HEX;
		if (*s == '\0')
			break;
		s++;
	}
	*ret_n = n;
	return 0;
}

struct chains {
	size_t n, size;
	char (*v)[65];
};

static int add_chain(struct chains *c, const char *hex)
{
	if (c->n == c->size) {
		size_t size = c->size ? 2 * c->size : 64;
		void *more = reallocarray(c->v, size, sizeof(*c->v));

		if (!more)
			return -ENOMEM;
		c->v = more;
		c->size = size;
	}
	snprintf(c->v[c->n++], 65, "%s", hex);
	return 0;
}

static int add_used(void *data, struct image_row *row)
{
	const char *s = row->layers;
	int e = 0;

	while (e == 0 && strlen(s) >= ID_HEX) {
		char hex[65];

		snprintf(hex, sizeof(hex), "%s", s);
		e = add_chain(data, hex);
		s += ID_HEX + (s[ID_HEX] == ',');
	}
	return e;
}

static int compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

struct collection {
	struct chains used, unused;
};

static int add_unused(void *data, const struct layer_row *row)
{
	struct collection *c = data;

	if (c->used.n && bsearch(row->chain_id, c->used.v, c->used.n, sizeof(*c->used.v), compare))
		return 0;
	return add_chain(&c->unused, row->chain_id);
}

static int remove_layer(struct engine *e, const struct call_ctx *ctx, const char *chain, int64_t *freed,
			struct err *err)
{
	struct req_layer_remove req = { .what = LAYER_IMAGE };
	struct rep_layer_remove rep;
	struct layer_row row;
	int r;

	if (state_layer_get(e->state, chain, &row) < 0)
		return 0;
	if (row.size > 0)
		*freed += row.size;
	row.size = PENDING;
	if (state_failed(err, state_layer_put(e->state, &row)) < 0)
		return -1;
	snprintf(req.name, sizeof(req.name), "%s", chain);
	r = helper_wait(helper_submit(e, OP_LAYER_REMOVE, &req, ctx, HELPER_DEADLINE_MS), &rep, err, NULL);
	if (r < 0 && r != -ENOENT)
		return -1;
	if (err && r == -ENOENT)
		*err = (struct err){ 0 }; /* never unpacked */
	return state_failed(err, state_layer_delete(e->state, chain));
}

int store_collect(struct engine *e, const struct call_ctx *ctx, cJSON *deleted, int64_t *ret_freed, struct err *err)
{
	struct collection c = { 0 };
	int64_t freed = 0;
	int r;

	if (e->images->pins) {
		e->images->wanted = true;
		return 0;
	}
	r = state_image_each(e->state, add_used, &c.used);

	if (c.used.n)
		qsort(c.used.v, c.used.n, sizeof(*c.used.v), compare);
	if (r == 0)
		r = state_layer_each(e->state, add_unused, &c);
	r = state_failed(err, r);
	/* Topmost first. */
	for (size_t i = c.unused.n; r == 0 && i-- > 0;) {
		struct err why = { 0 };
		char digest[8 + ID_HEX];

		r = remove_layer(e, ctx, c.unused.v[i], &freed, &why);
		if (r < 0) {
			err_set(err, why.status, "%s", why.message);
		} else if (deleted) {
			cJSON *item = cJSON_CreateObject();

			snprintf(digest, sizeof(digest), "sha256:%s", c.unused.v[i]);
			cJSON_AddStringToObject(item, "Deleted", digest);
			cJSON_AddItemToArray(deleted, item);
		}
	}
	free(c.used.v);
	free(c.unused.v);
	if (ret_freed)
		*ret_freed += freed;
	return r;
}
