/* routes_archive.c - what comes out as an archive: images, and the files of a container. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../helpers/base/cleanup.h"
#include "../container/internal.h"
#include "../image/image.h"
#include "../image/internal.h"
#include "../pipe.h"
#include "http.h"
#include "routes_container.h"

enum { NAMES_MAX = 64, CHUNK = 256 * 1024 };

/* --- images ------------------------------------------------------------------------------------------------------ */
static void run_save(struct http_request *r)
{
	const char *names[NAMES_MAX + 1];
	struct err err = { 0 };
	unsigned n = 0;

	while (n <= NAMES_MAX && (names[n] = http_query_nth(r, "names", n)))
		n++;
	if (n == 0 || n > NAMES_MAX) {
		err_set(&err, 400, n ? "too many images at once" : "no images to save: names are missing");
		http_reply_error(r, &err);
		return;
	}
	save_images(r, names, n);
}

static void run_save_one(struct http_request *r)
{
	const char *name = http_path_arg(r, 0);

	save_images(r, &name, 1);
}

/* --- the files of a container ------------------------------------------------------------------------------------ */
/* Headers with the first bytes: until then an error can be told. */
static int pass_on(struct http_request *r, struct pipe_reader *pipe, uint8_t *buf)
{
	bool begun = false;
	ssize_t n;

	while (!http_gone(r)) {
		n = pipe_reader_read(pipe, buf, CHUNK);
		if (n == -EAGAIN)
			continue;
		if (n <= 0)
			return (int)n;
		if (!begun)
			http_begin(r, 200, "application/octet-stream");
		begun = true;
		if (http_write(r, buf, (size_t)n) < 0)
			return -1;
	}
	return -1;
}

static int export(struct http_request *r, struct container *c, const struct image *image, struct err *err)
{
	struct engine *e = http_engine(r);
	struct call_ctx ctx = http_call_ctx(r);
	struct req_layer_export req = { .layers.n = image->nlayers };
	struct rep_layer_export rep;
	struct pipe_reader *pipe;
	struct pending *call;
	uint8_t *buf = malloc(CHUNK);
	int result = buf ? pipe_reader_create(e, &pipe, &req.out) : -ENOMEM;

	if (result < 0) {
		free(buf);
		return err_set(err, 500, "pipe: %s", strerror(-result));
	}
	ctx.container = c->raw_id;
	memcpy(req.container, c->raw_id, ID_BYTES);
	memcpy(req.layers.id, image->layers, image->nlayers * sizeof(image->layers[0]));
	call = helper_submit(e, OP_LAYER_EXPORT, &req, &ctx, HELPER_DEADLINE_LONG_MS);
	close_fd(req.out);
	result = pass_on(r, pipe, buf);
	free(buf);
	pipe_reader_destroy(pipe);
	if (helper_wait(call, &rep, err, NULL) < 0)
		result = -1;
	return result;
}

static void run_export(struct http_request *r)
{
	struct container *c = route_container(r);
	struct engine *e = http_engine(r);
	struct err err = { 0 };
	struct image image;
	char id[8 + ID_HEX];

	if (!c)
		return;
	snprintf(id, sizeof(id), "sha256:%s", c->row.image_id);
	images_pin(e);
	if (image_find(e, id, &image, &err) == 0) {
		if (export(r, c, &image, &err) < 0)
			http_abort(r);
		image_finish(&image);
	}
	images_unpin(e);
	if (err.status)
		http_reply_error(r, &err); /* nothing, when the answer had begun */
	else
		container_emit(c, "export", NULL, NULL);
	http_end(r);
	container_put(c);
}

const struct route archive_routes[] = {
	{ "GET", "/images/get", RIGHTS_RUN, run_save },
	{ "GET", "/images/{*}/get", RIGHTS_RUN, run_save_one },
	{ "GET", "/containers/{}/export", RIGHTS_EXEC, run_export },
};
const size_t n_archive_routes = ARRAY_SIZE(archive_routes);
