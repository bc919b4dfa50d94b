/* image.c - see image.h: starting up, and what containers ask of images. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../helpers/base/cleanup.h"
#include "../../helpers/base/log.h"
#include "../engine.h"
#include "../helper_client.h"
#include "internal.h"

enum { READY_MS = 60 * 1000 };

/* Names that a crash left between making a spool file and taking its name away. */
static void remove_spools(struct engine *e)
{
	int fd = openat(e->state_dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *ent;

	if (!d) {
		close_fd(fd);
		return;
	}
	while ((ent = readdir(d)))
		if (strncmp(ent->d_name, "spool.", 6) == 0)
			unlinkat(e->state_dir, ent->d_name, 0);
	closedir(d);
}

/* Layers that an interrupted load or removal left. */
static void clean_up(void *arg)
{
	struct call_ctx ctx = { .client = -1 };
	struct engine *e = arg;
	struct err err = { 0 };

	if (!e->helpers || helpers_wait_ready(e->helpers, READY_MS) < 0)
		return;
	images_lock(e);
	if (store_collect(e, &ctx, NULL, NULL, &err) < 0)
		log_warn("images: %s", err.message);
	images_unlock(e);
}

int images_create(struct engine *e, struct err *err)
{
	e->images = calloc(1, sizeof(*e->images));
	if (!e->images || task_spawn(clean_up, e) < 0)
		return err_set(err, 500, "out of memory");
	remove_spools(e);
	return 0;
}

int image_find(struct engine *e, const char *ref, struct image *ret, struct err *err)
{
	struct image_row row;
	char id[65];
	unsigned n = 0;
	int r = image_resolve(e, ref, id, NULL, err);

	if (r < 0)
		return r;
	if (state_image_get(e->state, id, &row) < 0)
		return err_set(err, 500, "state: image %.12s cannot be read", id);
	memset(ret, 0, sizeof(*ret));
	memcpy(ret->id, row.id, sizeof(ret->id));
	r = store_chain(&row, &n, ret->layers, err);
	ret->config = r < 0 ? NULL : cJSON_Parse(row.config);
	image_row_finish(&row);
	if (r < 0)
		return r;
	if (!ret->config)
		return err_set(err, 500, "state: config of image %.12s is damaged", id);
	ret->nlayers = n;
	/* Rows have them bottom first. */
	for (unsigned i = 0; i < n / 2; i++) {
		uint8_t swap[ID_BYTES];

		memcpy(swap, ret->layers[i], ID_BYTES);
		memcpy(ret->layers[i], ret->layers[n - 1 - i], ID_BYTES);
		memcpy(ret->layers[n - 1 - i], swap, ID_BYTES);
	}
	return 0;
}

void image_finish(struct image *i)
{
	cJSON_Delete(i->config);
	i->config = NULL;
}

struct first {
	char *ret;
	size_t size;
};

static int take_first(void *data, const char *ref, const char *image_id)
{
	struct first *f = data;

	if (strchr(ref, '@'))
		return 0;
	snprintf(f->ret, f->size, "%s", ref);
	return 1;
}

int image_display_name(struct engine *e, const char *id, char *ret, size_t size)
{
	struct first f = { ret, size };
	int r = state_tag_each(e->state, id, take_first, &f);

	if (r == 0)
		snprintf(ret, size, "sha256:%s", id);
	return r < 0 ? r : 0;
}
