/* volume.h - named and anonymous volumes: a row and a directory in the store (layer CREATE, REMOVE). */
#ifndef POSTERN_VOLUME_H
#define POSTERN_VOLUME_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "../err.h"
#include "../helper_client.h"
#include "../state/state.h"

struct engine;

/* 64 hex digits, as Docker names anonymous ones. */
void volume_name_generate(char ret[65]);
/* What a new one gets; objects (borrowed) or NULL. */
struct volume_wanted {
	const cJSON *labels, *options;
	bool anonymous;
};
/* Makes the volume unless it is there. 1: made, 0: was there, -1. */
int volume_ensure(struct engine *e, const char *name, const struct volume_wanted *w, const struct call_ctx *ctx,
		  struct err *err);
/* local.c: the driver's options: err 400 with Docker's words for what cannot be. */
int volume_options_check(const char *name, const cJSON *options, struct err *err);
/* Makes a volume's mount the bind or tmpfs that its options (JSON text) ask for. -1: no memory. */
struct spec_mount;
int volume_options_apply(const char *options, struct spec_mount *m);
/* 404 when it is not there (0 with force), 409 when a container uses it. */
int volume_remove(struct engine *e, const char *name, bool force, const struct call_ctx *ctx, struct err *err);
/* Bytes, or -1. */
int64_t volume_size(struct engine *e, const char *name, const struct call_ctx *ctx);
/* Path that is shown to users: no path that posternd can reach. */
void volume_mountpoint(struct engine *e, const char *name, char *ret, size_t size);
/* As GET /volumes/{name} answers. */
cJSON *volume_json(struct engine *e, const struct volume_row *row);

#endif
