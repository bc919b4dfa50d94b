/* save.c - an archive of images, as Docker writes it now: an OCI layout (blobs/, index.json, oci-layout) that is
 * also a docker-archive (manifest.json, repositories), so that every loader finds what it knows. The same images
 * give the same bytes: blobs in the order of their digests, times 0.
 *
 * Layers come from postern-layer through a pipe, uncompressed, with the digests that the image's id stands for;
 * anything else ends the answer in the middle. Configs are hostile and sent as they were loaded. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../helpers/base/cleanup.h"
#include "../../helpers/base/text.h"
#include "../api/http.h"
#include "../digest.h"
#include "../engine.h"
#include "../json.h"
#include "../pipe.h"
#include "internal.h"

enum { BLOCK = 512, CHUNK = 256 * 1024 };

#define OCI_TYPE "application/vnd.oci.image."

/* What is in the archive: a text, or a layer. */
struct blob {
	char name[96]; /* in the archive */
	char hex[ID_HEX + 1];
	char *text; /* owned; NULL: a layer */
	uint64_t size;
	uint8_t chain[ID_BYTES], diff[ID_BYTES];
};
struct save {
	struct http_request *r;
	struct engine *e;
	struct err *err;
	size_t n, room;
	struct blob *blobs;
	cJSON *manifest, *index, *repositories; /* manifest.json; "manifests" of index.json; repositories */
	uint8_t *buf; /* CHUNK */
};

/* --- what is asked for ------------------------------------------------------------------------------------------- */
struct wanted_tags {
	const char *repository;
	cJSON *tags;
	char id[65];
};

/* Names of one repository, for a name without a tag. */
static int add_of_repository(void *data, const char *ref, const char *image_id)
{
	struct wanted_tags *w = data;
	size_t n = strlen(w->repository);

	if (strncmp(ref, w->repository, n) == 0 && ref[n] == ':' && !strchr(ref + n + 1, '/')) {
		cJSON *v = cJSON_AddArrayToObject(w->tags, ref);

		cJSON_AddItemToArray(v, cJSON_CreateString(image_id));
	}
	return 0;
}

/* Names to save (member) and their images (first of its array); "" for images that were named by id. */
static int collect_names(struct save *s, const char *const *names, unsigned n, cJSON *wanted, cJSON *by_id)
{
	for (unsigned i = 0; i < n; i++) {
		struct reference ref = { 0 };
		struct wanted_tags w = { .tags = wanted };
		char id[65], tag[IMAGE_REF_MAX];
		struct err ignored = { 0 }, why = { 0 };
		int before = cJSON_GetArraySize(wanted);

		if (reference_parse(names[i], &ref, &ignored) == 0 && !ref.tag[0] && !ref.digest) {
			w.repository = ref.repository;
			if (state_tag_each(s->e->state, NULL, add_of_repository, &w) < 0)
				return err_set(s->err, 500, "state: names cannot be read");
			if (cJSON_GetArraySize(wanted) > before)
				continue;
		}
		if (image_resolve(s->e, names[i], id, tag, &why) < 0)
			return why.status != 404 ? err_set(s->err, why.status, "%s", why.message) :
			       ref.tag[0] ? err_set(s->err, 404, "reference does not exist") :
					    err_set(s->err, 404, "No such image: %s", names[i]);
		if (*tag && !strchr(tag, '@') && !cJSON_GetObjectItemCaseSensitive(wanted, tag))
			cJSON_AddItemToArray(cJSON_AddArrayToObject(wanted, tag), cJSON_CreateString(id));
		else if ((!*tag || strchr(tag, '@')) && !cJSON_GetObjectItemCaseSensitive(by_id, id))
			cJSON_AddNullToObject(by_id, id);
	}
	return 0;
}

/* --- blobs ------------------------------------------------------------------------------------------------------- */
static struct blob *find_blob(struct save *s, const char *hex)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->blobs[i].hex, hex) == 0)
			return &s->blobs[i];
	return NULL;
}

static struct blob *new_blob(struct save *s, const char *hex)
{
	struct blob *b;

	if (s->n == s->room) {
		size_t room = s->room ? 2 * s->room : 32;
		void *more = reallocarray(s->blobs, room, sizeof(*s->blobs));

		if (!more) {
			err_set(s->err, 500, "out of memory");
			return NULL;
		}
		s->blobs = more;
		s->room = room;
	}
	b = &s->blobs[s->n++];
	*b = (struct blob){ 0 };
	memcpy(b->hex, hex, sizeof(b->hex));
	snprintf(b->name, sizeof(b->name), "blobs/sha256/%s", hex);
	return b;
}

/* Takes text. ret_hex is its digest. */
static int add_text(struct save *s, char *text, char ret_hex[ID_HEX + 1])
{
	uint8_t digest[ID_BYTES];
	struct blob *b;

	if (!text)
		return err_set(s->err, 500, "out of memory");
	digest_sha256(text, strlen(text), digest);
	hex_encode(digest, ID_BYTES, ret_hex);
	b = find_blob(s, ret_hex) ? NULL : new_blob(s, ret_hex);
	if (!b) {
		free(text);
		return s->err->status ? -1 : 0;
	}
	b->text = text;
	b->size = strlen(text);
	return 0;
}

static cJSON *descriptor(const char *type, const char *hex, uint64_t size)
{
	cJSON *o = cJSON_CreateObject();
	char digest[8 + ID_HEX];

	snprintf(digest, sizeof(digest), "sha256:%s", hex);
	cJSON_AddStringToObject(o, "mediaType", type);
	cJSON_AddStringToObject(o, "digest", digest);
	json_add_int(o, "size", (int64_t)size);
	return o;
}

static int add_layer(struct save *s, const uint8_t chain[ID_BYTES], cJSON *layers, cJSON *names, cJSON *sources)
{
	char hex[ID_HEX + 1], digest[8 + ID_HEX];
	struct layer_row row;
	struct blob *b;
	cJSON *d;

	hex_encode(chain, ID_BYTES, hex);
	if (store_layer(s->e, hex, &row, s->err) < 0)
		return -1;
	if (row.length <= 0)
		return err_set(s->err, 500, "layer sha256:%.12s was loaded by an older version: load its image again",
			       row.diff_id);
	b = find_blob(s, row.diff_id);
	if (!b) {
		b = new_blob(s, row.diff_id);
		if (!b)
			return -1;
		b->size = (uint64_t)row.length;
		memcpy(b->chain, chain, ID_BYTES);
		hex_decode(row.diff_id, b->diff, ID_BYTES);
	}
	d = descriptor(OCI_TYPE "layer.v1.tar", row.diff_id, b->size);
	cJSON_AddItemToArray(names, cJSON_CreateString(b->name));
	snprintf(digest, sizeof(digest), "sha256:%s", row.diff_id);
	if (!cJSON_GetObjectItemCaseSensitive(sources, digest))
		cJSON_AddItemToObject(sources, digest, cJSON_Duplicate(d, 1));
	cJSON_AddItemToArray(layers, d);
	return 0;
}

/* The image's blobs, its entry of manifest.json, and what index.json says of it, once for each name. tags: array. */
static int add_image(struct save *s, const struct image_row *row, cJSON *tags)
{
	uint8_t chains[LAYERS_MAX][ID_BYTES];
	cJSON *oci = cJSON_CreateObject(), *item = cJSON_CreateObject(), *layers, *names, *sources, *d, *notes;
	char config[ID_HEX + 1], manifest[ID_HEX + 1] = "", name[96];
	const cJSON *tag;
	unsigned n = 0;
	char *text;
	int e;

	cJSON_AddNumberToObject(oci, "schemaVersion", 2);
	cJSON_AddStringToObject(oci, "mediaType", OCI_TYPE "manifest.v1+json");
	cJSON_AddItemToObject(oci, "config", descriptor(OCI_TYPE "config.v1+json", row->id, strlen(row->config)));
	layers = cJSON_AddArrayToObject(oci, "layers");
	snprintf(name, sizeof(name), "blobs/sha256/%s", row->id);
	cJSON_AddStringToObject(item, "Config", name);
	cJSON_AddItemToObject(item, "RepoTags",
			      cJSON_GetArraySize(tags) ? cJSON_Duplicate(tags, 1) : cJSON_CreateNull());
	names = cJSON_AddArrayToObject(item, "Layers");
	sources = cJSON_AddObjectToObject(item, "LayerSources");
	e = store_chain(row, &n, chains, s->err);
	for (unsigned i = 0; i < n && e == 0; i++)
		e = add_layer(s, chains[i], layers, names, sources);
	if (e == 0)
		e = add_text(s, strdup(row->config), config);
	text = e == 0 ? cJSON_PrintUnformatted(oci) : NULL;
	if (e == 0)
		e = add_text(s, text, manifest);
	tag = tags->child;
	/* Once without a name, or once for each. */
	while (e == 0) {
		d = descriptor(OCI_TYPE "manifest.v1+json", manifest, find_blob(s, manifest)->size);
		cJSON_AddItemToArray(s->index, d);
		if (!tag)
			break;
		notes = cJSON_AddObjectToObject(d, "annotations");
		cJSON_AddStringToObject(notes, "io.containerd.image.name", tag->valuestring);
		cJSON_AddStringToObject(notes, "org.opencontainers.image.ref.name", strrchr(tag->valuestring, ':') + 1);
		tag = tag->next;
		if (!tag)
			break;
	}
	cJSON_Delete(oci);
	if (e == 0)
		cJSON_AddItemToArray(s->manifest, item);
	else
		cJSON_Delete(item);
	return e;
}

/* "repositories" of the oldest loaders: {"busybox": {"latest": "layer id"}}; ours is the topmost layer's diff id. */
static void add_repository(struct save *s, const char *tag)
{
	const cJSON *last = s->manifest->child ? s->manifest->child->prev : NULL;
	const cJSON *layers = cJSON_GetObjectItem(last, "Layers");
	char repository[IMAGE_REF_MAX], *colon;
	cJSON *o;

	snprintf(repository, sizeof(repository), "%s", tag);
	colon = strrchr(repository, ':');
	if (!colon || !layers || !layers->child)
		return;
	*colon++ = '\0';
	o = cJSON_GetObjectItemCaseSensitive(s->repositories, repository);
	if (!o)
		o = cJSON_AddObjectToObject(s->repositories, repository);
	cJSON_AddStringToObject(o, colon, strrchr(layers->child->prev->valuestring, '/') + 1);
}

/* All images that were asked for, each once, with those of its names that were. */
static int add_images(struct save *s, const cJSON *wanted, const cJSON *by_id, const struct platform *platform)
{
	cJSON *done = cJSON_Duplicate(by_id, 1), *ids = done;
	const cJSON *v, *id;
	int e = 0;

	cJSON_ArrayForEach(v, wanted) {
		if (!cJSON_GetObjectItemCaseSensitive(ids, v->child->valuestring))
			cJSON_AddNullToObject(ids, v->child->valuestring);
	}
	cJSON_ArrayForEach(id, ids) {
		cJSON *tags = cJSON_CreateArray(), *config;
		struct image_row row;
		const cJSON *tag;

		cJSON_ArrayForEach(v, wanted) {
			if (strcmp(v->child->valuestring, id->string) == 0)
				cJSON_AddItemToArray(tags, cJSON_CreateString(v->string));
		}
		if (e == 0 && state_image_get(s->e->state, id->string, &row) < 0)
			e = err_set(s->err, 404, "No such image: sha256:%s", id->string);
		else if (e == 0) {
			config = cJSON_Parse(row.config);
			if (platform && !platform_matches(platform, config))
				e = err_set(s->err, 404, "image with reference %.200s was found but does not match the "
					    "specified platform: wanted %s/%s",
					    tags->child ? tags->child->valuestring : id->string, platform->os,
					    platform->arch);
			else
				e = add_image(s, &row, tags);
			cJSON_Delete(config);
			image_row_finish(&row);
		}
		cJSON_ArrayForEach(tag, tags) {
			if (e == 0)
				add_repository(s, tag->valuestring);
		}
		cJSON_Delete(tags);
	}
	cJSON_Delete(done);
	return e;
}

/* --- writing ----------------------------------------------------------------------------------------------------- */
/* A ustar header; sizes from 8 GiB on in base 256, as GNU has it. */
static int put_header(struct save *s, const char *name, char type, unsigned mode, uint64_t size)
{
	static const char magic[] = { 'u', 's', 't', 'a', 'r', '\0', '0', '0' };
	char h[BLOCK] = "";
	unsigned sum = 0;

	snprintf(h, 100, "%s", name);
	snprintf(h + 100, 8, "%07o", mode);
	snprintf(h + 108, 8, "%07o", 0); /* uid, gid */
	snprintf(h + 116, 8, "%07o", 0);
	if (size >> 33) {
		h[124] = (char)0x80;
		for (int i = 0; i < 8; i++)
			h[135 - i] = (char)(size >> 8 * i);
	} else {
		snprintf(h + 124, 12, "%011llo", (unsigned long long)size);
	}
	snprintf(h + 136, 12, "%011o", 0); /* mtime */
	memset(h + 148, ' ', 8);
	h[156] = type;
	memcpy(h + 257, magic, sizeof(magic));
	snprintf(h + 329, 8, "%07o", 0); /* device */
	snprintf(h + 337, 8, "%07o", 0);
	for (size_t i = 0; i < BLOCK; i++)
		sum += (unsigned char)h[i];
	snprintf(h + 148, 8, "%06o", sum);
	return http_write(s->r, h, BLOCK);
}

static int put_padding(struct save *s, uint64_t size)
{
	static const char zeros[BLOCK];

	return size % BLOCK ? http_write(s->r, zeros, BLOCK - size % BLOCK) : 0;
}

static int put_text(struct save *s, const char *name, const char *text)
{
	size_t n = strlen(text);

	if (put_header(s, name, '0', 0644, n) < 0 || http_write(s->r, text, n) < 0)
		return -1;
	return put_padding(s, n);
}

/* What comes out of the pipe, and no more than was said. */
static int pass_on(struct save *s, struct pipe_reader *pipe, uint64_t size)
{
	uint64_t left = size;
	ssize_t n;

	while (!http_gone(s->r)) {
		n = pipe_reader_read(pipe, s->buf, CHUNK);
		if (n == -EAGAIN)
			continue;
		if (n <= 0)
			return n == 0 && left == 0 ? 0 : err_set(s->err, 500, "layer: unexpected end");
		if ((uint64_t)n > left)
			return err_set(s->err, 500, "layer: longer than it was");
		left -= (uint64_t)n;
		if (http_write(s->r, s->buf, (size_t)n) < 0)
			return -1;
	}
	return -1;
}

static int put_layer(struct save *s, const struct blob *b)
{
	struct call_ctx ctx = http_call_ctx(s->r);
	struct req_layer_join req = { 0 };
	struct rep_layer_join rep;
	struct pipe_reader *pipe;
	struct pending *call;
	int e = pipe_reader_create(s->e, &pipe, &req.out);

	if (e < 0)
		return err_set(s->err, 500, "pipe: %s", strerror(-e));
	memcpy(req.layer, b->chain, ID_BYTES);
	memcpy(req.diff, b->diff, ID_BYTES);
	call = helper_submit(s->e, OP_LAYER_JOIN, &req, &ctx, HELPER_DEADLINE_LONG_MS);
	close_fd(req.out);
	e = put_header(s, b->name, '0', 0644, b->size);
	if (e == 0)
		e = pass_on(s, pipe, b->size);
	pipe_reader_destroy(pipe); /* before waiting: the helper may still want to write */
	if (helper_wait(call, &rep, s->err, NULL) < 0)
		e = -1;
	return e < 0 ? e : put_padding(s, b->size);
}

static int compare_blobs(const void *a, const void *b)
{
	return strcmp(((const struct blob *)a)->hex, ((const struct blob *)b)->hex);
}

/* Prints v into the archive. */
static int put_json(struct save *s, const char *name, const cJSON *v)
{
	char *text = cJSON_PrintUnformatted(v);
	int e = text ? put_text(s, name, text) : -1;

	free(text);
	return e;
}

static int put_all(struct save *s)
{
	static const char end[2 * BLOCK];
	cJSON *index = cJSON_CreateObject();
	int e;

	cJSON_AddNumberToObject(index, "schemaVersion", 2);
	cJSON_AddStringToObject(index, "mediaType", OCI_TYPE "index.v1+json");
	cJSON_AddItemReferenceToObject(index, "manifests", s->index);
	if (s->n)
		qsort(s->blobs, s->n, sizeof(*s->blobs), compare_blobs);
	http_begin(s->r, 200, "application/x-tar");
	e = put_header(s, "blobs/", '5', 0755, 0);
	if (e == 0)
		e = put_header(s, "blobs/sha256/", '5', 0755, 0);
	for (size_t i = 0; i < s->n && e == 0; i++)
		e = s->blobs[i].text ? put_text(s, s->blobs[i].name, s->blobs[i].text) : put_layer(s, &s->blobs[i]);
	if (e == 0)
		e = put_json(s, "index.json", index);
	if (e == 0)
		e = put_json(s, "manifest.json", s->manifest);
	if (e == 0)
		e = put_text(s, "oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}");
	if (e == 0 && s->repositories->child)
		e = put_json(s, "repositories", s->repositories);
	if (e == 0)
		e = http_write(s->r, end, sizeof(end));
	cJSON_Delete(index);
	return e;
}

void save_images(struct http_request *r, const char *const *names, unsigned n)
{
	struct err err = { 0 };
	struct save s = { .r = r, .e = http_engine(r), .err = &err };
	cJSON *wanted = cJSON_CreateObject(), *by_id = cJSON_CreateObject();
	const char *platform_text = http_query(r, "platform");
	struct platform platform;
	int e = platform_parse(platform_text, &platform, &err);

	s.manifest = cJSON_CreateArray();
	s.index = cJSON_CreateArray();
	s.repositories = cJSON_CreateObject();
	s.buf = malloc(CHUNK);
	if (!s.buf)
		e = err_set(&err, 500, "out of memory");
	images_pin(s.e);
	if (e == 0)
		e = collect_names(&s, names, n, wanted, by_id);
	if (e == 0)
		e = add_images(&s, wanted, by_id, platform_text && *platform_text ? &platform : NULL);
	if (e < 0) {
		http_reply_error(r, &err);
	} else if (put_all(&s) < 0) {
		http_abort(r);
	} else {
		http_end(r);
		for (const cJSON *v = s.manifest->child; v; v = v->next) {
			const char *id = strrchr(cJSON_GetObjectItem(v, "Config")->valuestring, '/') + 1;

			store_event(s.e, "save", id, id);
		}
	}
	images_unpin(s.e);
	for (size_t i = 0; i < s.n; i++)
		free(s.blobs[i].text);
	free(s.blobs);
	free(s.buf);
	cJSON_Delete(s.manifest);
	cJSON_Delete(s.index);
	cJSON_Delete(s.repositories);
	cJSON_Delete(wanted);
	cJSON_Delete(by_id);
}
