/* archive.c - what an image archive says it holds: Docker's (manifest.json) and OCI layouts (index.json).
 *
 * Hostile input: everything. JSON is bounded and strict (json.h), digests in names are compared with what is there,
 * diff ids come from the config and are verified when the layer is unpacked. image-spec: image-layout.md, manifest.md,
 * config.md. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../helpers/base/cleanup.h"
#include "../../helpers/base/text.h"
#include "../digest.h"
#include "../json.h"
#include "internal.h"

enum { INDEX_DEPTH_MAX = 3 }; /* an index of indexes of indexes */

/* "sha256:HEX" */
static int parse_digest(const char *text, uint8_t ret[ID_BYTES])
{
	return text && strncmp(text, "sha256:", 7) == 0 ? hex_decode(text + 7, ret, ID_BYTES) : -EINVAL;
}

/* What a descriptor says of its blob must be so: image-spec descriptor.md, "size". */
static int check_size(const cJSON *descriptor, const struct tar_entry *entry, struct err *err)
{
	struct err why = { 0 };
	int64_t size = json_int(descriptor, "size", -1, &why);

	if (why.status || (size < 0 && json_get(descriptor, "size")))
		return err_set(err, 400, "invalid archive: malformed descriptor");
	if (entry && size >= 0 && (uint64_t)size != entry->size)
		return err_set(err, 400, "invalid archive: %.80s has %llu bytes, not the %lld that its descriptor says",
			       json_text(descriptor, "digest", "", NULL), (unsigned long long)entry->size,
			       (long long)size);
	return 0;
}

/* The file as text (NUL-terminated, without NUL inside); wanted, when not NULL, is its digest. */
static char *read_text(int fd, const struct tar_index *t, const char *name, const uint8_t *wanted, size_t *ret_len,
		       struct err *err)
{
	const struct tar_entry *entry = tar_index_find(t, name);
	_cleanup_free_ char *text = NULL;
	uint8_t digest[ID_BYTES];

	if (!entry) {
		err_set(err, 400, "invalid archive: %.200s is missing", name);
		return NULL;
	}
	if (entry->size > IMAGE_JSON_MAX) {
		err_set(err, 400, "invalid archive: %.200s is larger than %u bytes", name, IMAGE_JSON_MAX);
		return NULL;
	}
	text = malloc(entry->size + 1);
	if (!text || pread(fd, text, entry->size, (off_t)entry->offset) != (ssize_t)entry->size) {
		err_set(err, 500, "archive: %s", text ? "unexpected end" : "out of memory");
		return NULL;
	}
	text[entry->size] = '\0';
	if (memchr(text, '\0', entry->size)) {
		err_set(err, 400, "invalid archive: %.200s is not JSON", name);
		return NULL;
	}
	digest_sha256(text, entry->size, digest);
	if (wanted && memcmp(digest, wanted, ID_BYTES) != 0) {
		err_set(err, 400, "invalid archive: %.200s does not have its digest", name);
		return NULL;
	}
	*ret_len = entry->size;
	return TAKE_PTR(text);
}

static cJSON *read_json(int fd, const struct tar_index *t, const char *name, const uint8_t *wanted, struct err *err)
{
	size_t len;
	_cleanup_free_ char *text = read_text(fd, t, name, wanted, &len, err);
	struct err why = { 0 };
	cJSON *v = text ? json_parse(text, len, &why) : NULL;

	if (text && !v)
		err_set(err, 400, "invalid archive: %.200s: %.500s", name, why.message);
	return v;
}

/* --- config ------------------------------------------------------------------------------------------------------ */
void plan_image_finish(struct plan_image *p)
{
	for (unsigned i = 0; i < p->ntags; i++)
		free(p->tags[i]);
	free(p->tags);
	free(p->layers);
	free(p->config);
	*p = (struct plan_image){ 0 };
}

void plan_finish(struct plan *p)
{
	for (unsigned i = 0; i < p->n; i++)
		plan_image_finish(&p->v[i]);
	free(p->v);
	*p = (struct plan){ 0 };
}

/* image-spec config.md, "Layer ChainID" */
static void chain_next(const uint8_t *below, const uint8_t diff[ID_BYTES], uint8_t ret[ID_BYTES])
{
	char text[2 * (7 + ID_HEX) + 2], a[ID_HEX + 1], b[ID_HEX + 1];

	if (!below) {
		memcpy(ret, diff, ID_BYTES);
		return;
	}
	hex_encode(below, ID_BYTES, a);
	hex_encode(diff, ID_BYTES, b);
	snprintf(text, sizeof(text), "sha256:%s sha256:%s", a, b);
	digest_sha256(text, strlen(text), ret);
}

static int read_diff_ids(const cJSON *config, struct plan_image *p, struct err *err)
{
	const cJSON *ids = json_get(json_get(config, "rootfs"), "diff_ids"), *id;
	int n = cJSON_IsArray(ids) ? cJSON_GetArraySize(ids) : 0;

	if (n == 0)
		return err_set(err, 400, "invalid image: it has no layers");
	if (n > (int)LAYERS_MAX)
		return err_set(err, 400, "max depth exceeded: an image has at most %u layers", LAYERS_MAX);
	p->layers = calloc((size_t)n, sizeof(*p->layers));
	if (!p->layers)
		return err_set(err, 500, "out of memory");
	cJSON_ArrayForEach(id, ids) {
		struct plan_layer *l = &p->layers[p->nlayers];

		if (parse_digest(cJSON_GetStringValue(id), l->diff) < 0)
			return err_set(err, 400, "invalid image: malformed diff id");
		chain_next(p->nlayers ? l[-1].chain : NULL, l->diff, l->chain);
		p->nlayers++;
	}
	return 0;
}

int plan_image_config(const char *text, size_t len, struct plan_image *ret, struct err *err)
{
	struct plan_image p = { 0 };
	uint8_t id[ID_BYTES];
	struct err why = { 0 };
	cJSON *config = json_parse(text, len, &why);
	const char *os;
	int e = -1;

	if (!cJSON_IsObject(config)) {
		err_set(err, 400, "invalid image: config: %.500s", *why.message ? why.message : "not an object");
		goto out;
	}
	os = json_text(config, "os", "linux", err);
	if (!os)
		goto out;
	if (*os && strcmp(os, "linux") != 0) {
		err_set(err, 400, "cannot load %.64s image on linux", os);
		goto out;
	}
	if (json_get(config, "config") && !cJSON_IsObject(json_get(config, "config"))) {
		err_set(err, 400, "invalid image: config is not an object");
		goto out;
	}
	p.config = strndup(text, len);
	if (!p.config) {
		err_set(err, 500, "out of memory");
		goto out;
	}
	digest_sha256(text, len, id);
	hex_encode(id, ID_BYTES, p.id);
	e = read_diff_ids(config, &p, err);
out:
	cJSON_Delete(config);
	if (e == 0)
		*ret = p;
	else
		plan_image_finish(&p);
	return e;
}

static int push_tag(struct plan_image *p, const char *name, struct err *err)
{
	char **more;

	if (p->ntags == IMAGE_TAGS_MAX)
		return err_set(err, 400, "invalid archive: too many names for one image");
	more = reallocarray(p->tags, p->ntags + 1, sizeof(*more));
	if (!more)
		return err_set(err, 500, "out of memory");
	p->tags = more;
	p->tags[p->ntags] = strdup(name);
	if (!p->tags[p->ntags])
		return err_set(err, 500, "out of memory");
	p->ntags++;
	return 0;
}

static int add_tag(struct plan_image *p, const char *text, struct err *err)
{
	char name[IMAGE_REF_MAX];
	struct reference ref;

	if (reference_parse(text, &ref, err) < 0)
		return -1;
	if (ref.digest)
		return 0; /* names an image that it cannot become here */
	reference_text(&ref, name);
	return push_tag(p, name, err);
}

/* blob: digest of the bytes in the archive, or NULL when nothing says it. */
static int set_layer(struct plan_image *p, unsigned i, const struct tar_index *t, const char *name, const uint8_t *blob,
		     struct err *err)
{
	const struct tar_entry *entry = tar_index_find(t, name);

	if (!p->layers || i >= p->nlayers || !entry || entry->size == 0) /* length 0: to the end of the file */
		return err_set(err, 400, "invalid archive: layer %.200s is missing", name);
	p->layers[i].offset = entry->offset;
	p->layers[i].length = entry->size;
	if (blob)
		memcpy(p->layers[i].blob, blob, ID_BYTES);
	return 0;
}

static struct plan_image *add_image(struct plan *plan, struct err *err)
{
	struct plan_image *more = NULL;

	if (plan->n < IMAGE_IMAGES_MAX)
		more = reallocarray(plan->v, plan->n + 1, sizeof(*more));
	if (!more) {
		err_set(err, 400, "invalid archive: too many images");
		return NULL;
	}
	plan->v = more;
	plan->v[plan->n] = (struct plan_image){ 0 };
	return &plan->v[plan->n++];
}

/* --- Docker's archive -------------------------------------------------------------------------------------------- */
/* "HEX.json" and "blobs/sha256/HEX" say what the digest must be. */
static const uint8_t *digest_in_name(const char *name, uint8_t digest[ID_BYTES])
{
	const char *base = strrchr(name, '/');
	char hex[ID_HEX + 1];
	size_t n;

	base = base ? base + 1 : name;
	n = strcspn(base, ".");
	if (n != ID_HEX)
		return NULL;
	memcpy(hex, base, n);
	hex[n] = '\0';
	return hex_decode(hex, digest, ID_BYTES) == 0 ? digest : NULL;
}

/* The image of a config, which must have as many layers as are listed; NULL after err. */
static struct plan_image *begin_image(int fd, const struct tar_index *t, const char *config, const uint8_t *digest,
				      const cJSON *layers, struct plan *plan, struct err *err)
{
	size_t len;
	_cleanup_free_ char *text = read_text(fd, t, config, digest, &len, err);
	struct plan_image *p = text ? add_image(plan, err) : NULL;

	if (!p || plan_image_config(text, len, p, err) < 0)
		return NULL;
	if (!layers || cJSON_GetArraySize(layers) != (int)p->nlayers) {
		err_set(err, 400, "invalid manifest, layers length mismatch: expected %u, got %d", p->nlayers,
			cJSON_GetArraySize(layers));
		return NULL;
	}
	return p;
}

static int read_docker_image(int fd, const struct tar_index *t, const cJSON *item, struct plan *plan, struct err *err)
{
	const char *config = json_text(item, "Config", NULL, err);
	const cJSON *layers = json_get(item, "Layers"), *tags = json_get(item, "RepoTags"), *v;
	uint8_t digest[ID_BYTES];
	struct plan_image *p;
	unsigned i = 0;

	if (!config)
		return err_set(err, 400, "invalid archive: manifest.json names no config");
	p = begin_image(fd, t, config, digest_in_name(config, digest), layers, plan, err);
	if (!p)
		return -1;
	cJSON_ArrayForEach(v, layers)
		if (!cJSON_IsString(v) || set_layer(p, i++, t, v->valuestring, NULL, err) < 0)
			return err_set(err, 400, "invalid archive: malformed manifest.json");
	cJSON_ArrayForEach(v, tags)
		if (!cJSON_IsString(v) || add_tag(p, v->valuestring, err) < 0)
			return err_set(err, 400, "invalid archive: malformed manifest.json");
	return 0;
}

static int read_docker(int fd, const struct tar_index *t, struct plan *plan, struct err *err)
{
	cJSON *manifest = read_json(fd, t, "manifest.json", NULL, err);
	const cJSON *item;
	int e = manifest ? 0 : -1;

	if (e == 0 && !cJSON_IsArray(manifest))
		e = err_set(err, 400, "invalid archive: malformed manifest.json");
	cJSON_ArrayForEach(item, manifest)
		if (e == 0)
			e = read_docker_image(fd, t, item, plan, err);
	cJSON_Delete(manifest);
	return e;
}

/* --- OCI layout -------------------------------------------------------------------------------------------------- */
static int blob_of(const cJSON *descriptor, uint8_t digest[ID_BYTES], char name[96], struct err *err)
{
	char hex[ID_HEX + 1];

	if (parse_digest(json_text(descriptor, "digest", NULL, NULL), digest) < 0)
		return err_set(err, 400, "invalid archive: malformed descriptor");
	hex_encode(digest, ID_BYTES, hex);
	snprintf(name, 96, "blobs/sha256/%s", hex);
	return 0;
}

/* "repository@sha256:..." for an image that came under a name, with the manifest's digest that was verified. */
static int add_digest(struct plan_image *p, const char *tag, const uint8_t digest[ID_BYTES], struct err *err)
{
	char hex[ID_HEX + 1], text[IMAGE_REF_MAX];
	struct reference ref;

	if (reference_parse(tag, &ref, err) < 0)
		return -1;
	hex_encode(digest, ID_BYTES, hex);
	snprintf(text, sizeof(text), "%s@sha256:%s", ref.repository, hex);
	return push_tag(p, text, err);
}

/* One layer of a manifest: where it lies, its size and digest. */
static int set_blob(struct plan_image *p, unsigned i, const struct tar_index *t, const cJSON *descriptor,
		    struct err *err)
{
	uint8_t digest[ID_BYTES];
	char name[96];

	if (blob_of(descriptor, digest, name, err) < 0 || check_size(descriptor, tar_index_find(t, name), err) < 0)
		return -1;
	return set_layer(p, i, t, name, digest, err);
}

static int read_oci_manifest(int fd, const struct tar_index *t, const cJSON *manifest, const char *tag,
			     const uint8_t own_digest[ID_BYTES], struct plan *plan, struct err *err)
{
	const cJSON *layers = json_get(manifest, "layers"), *v;
	uint8_t digest[ID_BYTES];
	struct plan_image *p;
	unsigned i = 0;
	char name[96];

	if (blob_of(json_get(manifest, "config"), digest, name, err) < 0)
		return -1;
	if (check_size(json_get(manifest, "config"), tar_index_find(t, name), err) < 0)
		return -1;
	p = begin_image(fd, t, name, digest, layers, plan, err);
	if (!p)
		return -1;
	cJSON_ArrayForEach(v, layers)
		if (set_blob(p, i++, t, v, err) < 0)
			return -1;
	if (!tag)
		return 0;
	return add_tag(p, tag, err) < 0 ? -1 : add_digest(p, tag, own_digest, err);
}

/* Attestations and other machines' variants lie beside the image. */
static bool is_for_us(const cJSON *descriptor)
{
	const cJSON *platform = json_get(descriptor, "platform");
	const char *os = json_text(platform, "os", "linux", NULL);
	const char *arch = json_text(platform, "architecture", image_native_arch, NULL);

	return os && arch && strcmp(os, "linux") == 0 && strcmp(arch, image_native_arch) == 0;
}

/* The name that a descriptor carries: whole in containerd's annotation, else OCI's if it is more than a tag. */
static const char *name_of(const cJSON *descriptor)
{
	const cJSON *annotations = json_get(descriptor, "annotations");
	const char *name = json_text(annotations, "io.containerd.image.name", NULL, NULL);

	if (!name) {
		name = json_text(annotations, "org.opencontainers.image.ref.name", NULL, NULL);
		if (name && !strpbrk(name, ":/"))
			name = NULL;
	}
	return name;
}

static int read_oci_index(int fd, const struct tar_index *t, const cJSON *index, const char *tag, unsigned depth,
			  struct plan *plan, struct err *err)
{
	const cJSON *manifests = json_get(index, "manifests"), *descriptor;
	int n = cJSON_GetArraySize(manifests), e = 0;

	if (depth > INDEX_DEPTH_MAX)
		return err_set(err, 400, "invalid archive: too many indexes in one another");
	cJSON_ArrayForEach(descriptor, manifests) {
		const char *name = name_of(descriptor);
		uint8_t digest[ID_BYTES];
		char blob[96];
		cJSON *v;

		if (e < 0)
			break;
		if (n > 1 && !is_for_us(descriptor))
			continue;
		if (blob_of(descriptor, digest, blob, err) < 0)
			return -1;
		/* An index may name what this archive does not bring. */
		if (depth > 0 && !tar_index_find(t, blob))
			continue;
		if (check_size(descriptor, tar_index_find(t, blob), err) < 0)
			return -1;
		v = read_json(fd, t, blob, digest, err);
		if (!v)
			return -1;
		if (json_get(v, "manifests"))
			e = read_oci_index(fd, t, v, name ? name : tag, depth + 1, plan, err);
		else
			e = read_oci_manifest(fd, t, v, name ? name : tag, digest, plan, err);
		cJSON_Delete(v);
	}
	return e;
}

int plan_read(int fd, const struct tar_index *t, struct plan *ret, struct err *err)
{
	struct plan plan = { 0 };
	cJSON *index = NULL;
	int e;

	if (tar_index_find(t, "manifest.json")) {
		e = read_docker(fd, t, &plan, err);
	} else if (tar_index_find(t, "index.json")) {
		index = read_json(fd, t, "index.json", NULL, err);
		e = index ? read_oci_index(fd, t, index, NULL, 0, &plan, err) : -1;
		cJSON_Delete(index);
	} else {
		e = err_set(err, 400, "invalid archive: does not contain a manifest.json or an index.json");
	}
	if (e == 0 && plan.n == 0)
		e = err_set(err, 400, "invalid archive: no image for this machine in it");
	if (e == 0)
		*ret = plan;
	else
		plan_finish(&plan);
	return e;
}
