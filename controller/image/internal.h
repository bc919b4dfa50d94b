/* internal.h - what the parts of the image module share.
 *
 * Archives, configs and names are hostile. The controller indexes an archive, reads its small JSON files and hands the
 * layers to postern-layer; it never unpacks one. Everything that changes images runs under images_lock. */
#ifndef POSTERN_IMAGE_INTERNAL_H
#define POSTERN_IMAGE_INTERNAL_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../state/state.h"
#include "../task.h"
#include "image.h"

/* --- bounds ------------------------------------------------------------------------------------------------------ */
#define IMAGE_JSON_MAX (4u << 20) /* bytes of a manifest, index or config */
#define IMAGE_ENTRIES_MAX 16384u /* entries of an image archive (not of a layer) */
#define IMAGE_NAMES_MAX (4u << 20) /* bytes of all their names */
#define IMAGE_IMAGES_MAX 128u /* images in one archive */
#define IMAGE_TAGS_MAX 128u /* names of one image in an archive */
#define IMAGE_REF_MAX 400u /* bytes of "repository:tag" */
#define IMAGE_SPOOL_MAX (UINT64_C(64) << 30) /* bytes of one archive, uncompressed */
#define IMAGE_SPOOL_FREE (UINT64_C(256) << 20) /* bytes that must stay free on the disk */
#define IMAGE_CHANGES_MAX 128u /* instructions of an import */
#define IMAGE_UNPACKS 4u /* layers that one load has unpacked at once */

struct images {
	bool locked;
	struct waiters waiters;
	unsigned pins; /* while there are any, no layer is removed */
	bool wanted; /* a removal waits for the last pin */
};
void images_lock(struct engine *e);
void images_unlock(struct engine *e);
/* For who reads layers at a client's pace: what is removed meanwhile goes when the last pin does. */
void images_pin(struct engine *e);
void images_unpin(struct engine *e);

/* --- reference.c: names ------------------------------------------------------------------------------------------ */
struct reference {
	char repository[256];
	char tag[129]; /* "" when none was given */
	bool digest; /* it ended in "@sha256:..." */
};
/* "host:5000/a/b:tag". 400 "invalid reference format". */
int reference_parse(const char *text, struct reference *ret, struct err *err);
/* "repository:tag", tag "latest" when there is none. */
void reference_text(const struct reference *r, char ret[IMAGE_REF_MAX]);
/* Id (hex) of the image that a client means: name, id, prefix of an id. ret_tag, when not NULL, gets the stored name
 * when it was by name, else "". 404 "No such image: ...". */
int image_resolve(struct engine *e, const char *text, char ret_id[65], char ret_tag[IMAGE_REF_MAX], struct err *err);

/* --- platform.c: "linux/amd64" ------------------------------------------------------------------------------------ */
struct platform {
	char os[32], arch[32], variant[32];
};
extern const char image_native_arch[];
/* "os[/arch[/variant]]" or the JSON form; NULL and "" give linux and this machine. 400. */
int platform_parse(const char *text, struct platform *ret, struct err *err);
/* Is an image with this config for that platform? */
bool platform_matches(const struct platform *p, const cJSON *config);

/* --- spool.c: a request's body as an uncompressed file of ours --------------------------------------------------- */
struct http_request;
struct spool {
	int write_fd; /* while it is filled */
	int fd; /* read-only, for the helper; no name leads to it any more */
	uint64_t size;
	uint8_t digest[ID_BYTES]; /* SHA-256 of its bytes, when asked for */
};
/* Plain or compressed (gzip, zstd, xz) tar. Its first block is looked at before the rest is taken. */
int spool_body(struct engine *e, struct http_request *r, bool digest, struct spool *ret, struct err *err);
void spool_finish(struct spool *s);

/* --- tar_index.c: where things are in a tar ---------------------------------------------------------------------- */
struct tar_entry {
	char *name; /* cleaned: no leading "./" or "/" */
	char *link; /* target, resolved to a name like the above, or NULL */
	uint64_t offset, size; /* of the data in the file */
};
struct tar_index {
	size_t n;
	struct tar_entry *v;
};
/* Reads headers only (ustar, pax, GNU long names). 400 for what is none or breaks the bounds above. */
int tar_index_read(int fd, uint64_t size, struct tar_index *ret, struct err *err);
void tar_index_finish(struct tar_index *t);
/* Regular file of that name, through links inside the archive; NULL when there is none. */
const struct tar_entry *tar_index_find(const struct tar_index *t, const char *name);

/* --- archive.c: what an image archive holds ---------------------------------------------------------------------- */
struct plan_layer {
	uint8_t diff[ID_BYTES], chain[ID_BYTES];
	uint8_t blob[ID_BYTES]; /* digest of the bytes below as they lie there; zeros when nothing says it */
	uint64_t offset, length; /* in the spooled file */
};
struct plan_image {
	char id[65];
	char *config; /* byte for byte */
	unsigned nlayers;
	struct plan_layer *layers; /* bottom first */
	unsigned ntags;
	char **tags; /* "repository:tag", and "repository@sha256:..." of manifests that were verified */
};
struct plan {
	unsigned n;
	struct plan_image *v;
};
/* Docker's archive (manifest.json) or an OCI layout (index.json). Digests of configs and manifests are verified here,
 * those of layers by postern-layer. */
int plan_read(int fd, const struct tar_index *t, struct plan *ret, struct err *err);
void plan_finish(struct plan *p);
/* Id, diff ids and chain ids from a config; takes nothing. layers get no offset. */
int plan_image_config(const char *text, size_t len, struct plan_image *ret, struct err *err);
void plan_image_finish(struct plan_image *p);

/* --- store.c: images, their layers in the store, their rows ------------------------------------------------------ */
/* Called with each layer when it starts (done false) and when it is in the store. */
typedef void (*store_progress)(void *data, const struct plan_layer *layer, bool done, bool existed);
/* Unpacks what is missing and writes the rows: all of the image or nothing. Locked. */
int store_image(struct engine *e, const struct call_ctx *ctx, const struct plan_image *p, int archive,
		store_progress progress, void *data, struct err *err);
/* Makes a tag point to an image. *ret_old (65 bytes) is the image that loses it, or "". */
int store_tag(struct engine *e, const char *ref, const char *id, char *ret_old, struct err *err);
/* Removes layers that no image has any more; `deleted` (may be NULL) gets a {"Deleted": ...} for each. */
int store_collect(struct engine *e, const struct call_ctx *ctx, cJSON *deleted, int64_t *ret_freed, struct err *err);
/* Chain ids of a row, split; -1 with err when it is damaged. ret may be NULL. */
int store_chain(const struct image_row *row, unsigned *ret_n, uint8_t ret[LAYERS_MAX][ID_BYTES], struct err *err);
/* The layer of that chain id in hex. 404 when it is not there, or was never whole. */
int store_layer(struct engine *e, const char *chain, struct layer_row *ret, struct err *err);
/* Emits an image event with the attribute "name". */
void store_event(struct engine *e, const char *action, const char *id, const char *name);

/* --- show.c: JSON for clients ------------------------------------------------------------------------------------ */
/* shared: SharedSize is counted, else -1. */
cJSON *show_list(struct engine *e, const cJSON *filters, int version, bool shared, struct err *err);
cJSON *show_image(struct engine *e, const char *id, int version, struct err *err);
cJSON *show_history(struct engine *e, const char *id, struct err *err);
/* Names of an image: arrays of texts. */
cJSON *show_tags(struct engine *e, const char *id);
cJSON *show_digests(struct engine *e, const char *id); /* "repository@sha256:..." */

/* --- remove.c ---------------------------------------------------------------------------------------------------- */
/* Docker's rules; the answer is an array of {"Untagged"} and {"Deleted"}. Locks. */
cJSON *remove_image(struct engine *e, const struct call_ctx *ctx, const char *text, bool force, struct err *err);
cJSON *remove_unused(struct engine *e, const struct call_ctx *ctx, const cJSON *filters, struct err *err);

/* --- save.c ------------------------------------------------------------------------------------------------------ */
/* Answers with an archive of the named images, or with the error. */
void save_images(struct http_request *r, const char *const *names, unsigned n);

/* --- changes.c --------------------------------------------------------------------------------------------------- */
/* Applies a Dockerfile instruction (CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, ONBUILD, STOPSIGNAL, USER, VOLUME, WORKDIR) to
 * an image's "config" object. */
int change_apply(cJSON *config, const char *instruction, struct err *err);

#endif
