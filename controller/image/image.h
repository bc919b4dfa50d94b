/* image.h - images: loading, names, layers; what a container needs of one. */
#ifndef POSTERN_IMAGE_H
#define POSTERN_IMAGE_H

#include <cjson/cJSON.h>
#include <stdint.h>

#include "../../helpers/base/limits.h"
#include "../err.h"
#include "../helper_client.h"

struct engine;
struct http_request;

int images_create(struct engine *e, struct err *err); /* sets e->images; removes what an interrupted load left */

struct image {
	char id[65]; /* hex SHA-256 of the config */
	cJSON *config; /* OCI image config */
	unsigned nlayers;
	uint8_t layers[LAYERS_MAX][ID_BYTES]; /* chain ids, topmost first (as mount ROOTFS wants them) */
};
/* By name, name:tag, id, id prefix, sha256:id. 404 "No such image: ...". */
int image_find(struct engine *e, const char *ref, struct image *ret, struct err *err);
void image_finish(struct image *i);
/* First tag of the image, or "sha256:..." */
int image_display_name(struct engine *e, const char *id, char *ret, size_t size);

#endif
