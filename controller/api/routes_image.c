/* routes_image.c - the image part of the API. Bodies and parameters are hostile. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../helpers/base/cleanup.h"
#include "../../helpers/base/text.h"
#include "../container/filters.h"
#include "../container/times.h"
#include "../engine.h"
#include "../image/internal.h"
#include "../json.h"
#include "http.h"

/* Progress lines of one load, so that a client that does not read never makes us wait while images are locked. */
enum { PROGRESS_LINES_MAX = 200 };

static cJSON *filters_of(struct http_request *r, const char *const *known, struct err *err)
{
	cJSON *filters = NULL;

	filters_parse(http_query(r, "filters"), known, &filters, err);
	return filters;
}

/* --- reading ----------------------------------------------------------------------------------------------------- */
static void run_list(struct http_request *r)
{
	static const char *const known[] = { "before", "dangling", "label", "reference", "since", "until", NULL };
	struct err err = { 0 };
	cJSON *filters = filters_of(r, known, &err), *answer = NULL;
	const char *old = http_query(r, "filter");

	/* Before 1.41 a name could be given on its own. */
	if (!err.status && old && *old && http_version(r) < 141) {
		if (!filters)
			filters = cJSON_CreateObject();
		cJSON_AddItemToArray(cJSON_AddArrayToObject(filters, "reference"), cJSON_CreateString(old));
	}
	if (!err.status)
		answer = show_list(http_engine(r), filters, http_version(r), http_query_bool(r, "shared-size", false),
				   &err);
	http_reply_result(r, answer, &err);
	cJSON_Delete(filters);
}

static void run_inspect(struct http_request *r)
{
	struct engine *e = http_engine(r);
	struct err err = { 0 };
	cJSON *answer = NULL;
	char id[65];

	if (image_resolve(e, http_path_arg(r, 0), id, NULL, &err) == 0)
		answer = show_image(e, id, http_version(r), &err);
	http_reply_result(r, answer, &err);
}

static void run_history(struct http_request *r)
{
	struct engine *e = http_engine(r);
	struct err err = { 0 };
	cJSON *answer = NULL;
	char id[65];

	if (image_resolve(e, http_path_arg(r, 0), id, NULL, &err) == 0)
		answer = show_history(e, id, &err);
	http_reply_result(r, answer, &err);
}

/* --- changing ---------------------------------------------------------------------------------------------------- */
static void run_remove(struct http_request *r)
{
	struct call_ctx ctx = http_call_ctx(r);
	struct err err = { 0 };

	http_reply_result(
		r, remove_image(http_engine(r), &ctx, http_path_arg(r, 0), http_query_bool(r, "force", false), &err),
		&err);
}

static void run_prune(struct http_request *r)
{
	static const char *const known[] = { "dangling", "label", "until", NULL };
	struct call_ctx ctx = http_call_ctx(r);
	struct err err = { 0 };
	cJSON *filters = filters_of(r, known, &err), *answer = NULL;

	if (!err.status)
		answer = remove_unused(http_engine(r), &ctx, filters, &err);
	http_reply_result(r, answer, &err);
	cJSON_Delete(filters);
}

/* "repo" and "tag" of a request as one name; the tag may stand in repo. */
static int name_asked(struct http_request *r, char ret[IMAGE_REF_MAX], struct err *err)
{
	const char *repo = http_query(r, "repo"), *tag = http_query(r, "tag");
	struct reference ref;
	char text[2 * IMAGE_REF_MAX];

	if (text_format(text, sizeof(text), "%s%s%s", repo ? repo : "", tag && *tag ? ":" : "", tag ? tag : "") < 0)
		return err_set(err, 400, "invalid reference format");
	if (reference_parse(text, &ref, err) < 0)
		return -1;
	if (ref.digest)
		return err_set(err, 400, "refusing to create a tag with a digest reference");
	reference_text(&ref, ret);
	return 0;
}

static void run_tag(struct http_request *r)
{
	struct engine *e = http_engine(r);
	char id[65], name[IMAGE_REF_MAX];
	struct err err = { 0 };
	int result;

	images_lock(e);
	result = image_resolve(e, http_path_arg(r, 0), id, NULL, &err);
	if (result == 0)
		result = name_asked(r, name, &err);
	if (result == 0)
		result = store_tag(e, name, id, NULL, &err);
	images_unlock(e);
	if (result == 0)
		http_reply_empty(r, 201);
	else
		http_reply_error(r, &err);
}

/* --- load -------------------------------------------------------------------------------------------------------- */
struct progress {
	struct http_request *r;
	bool quiet;
	unsigned lines;
};

static void write_line(struct http_request *r, const char *key, const char *text)
{
	cJSON *line = cJSON_CreateObject();

	cJSON_AddStringToObject(line, key, text);
	http_write_json(r, line);
	cJSON_Delete(line);
}

/* In a stream that has begun, errors are lines. */
static void write_error(struct http_request *r, const struct err *err)
{
	cJSON *line = cJSON_CreateObject(), *detail = cJSON_AddObjectToObject(line, "errorDetail");

	cJSON_AddStringToObject(detail, "message", err->message);
	cJSON_AddStringToObject(line, "error", err->message);
	http_write_json(r, line);
	cJSON_Delete(line);
}

/* "[====>   ]  2.1MB/4.2MB", as Docker draws it for those who only print. */
enum { BAR_WIDTH = 50, BAR_SIZE = BAR_WIDTH + 72 };
static void progress_bar(bool done, uint64_t total, char ret[BAR_SIZE])
{
	static const char units[][3] = { "B", "kB", "MB", "GB", "TB" };
	double size = (double)total;
	unsigned unit = 0;
	char text[32], bar[BAR_WIDTH + 2];

	while (size >= 1000 && unit < ARRAY_SIZE(units) - 1) {
		size /= 1000;
		unit++;
	}
	snprintf(text, sizeof(text), "%.4g%.2s", size, units[unit]);
	/* ">" stands behind what is done. */
	memset(bar, done ? '=' : ' ', BAR_WIDTH + 1);
	bar[done ? BAR_WIDTH : 0] = '>';
	bar[BAR_WIDTH + 1] = '\0';
	snprintf(ret, BAR_SIZE, "[%s] %8s/%s", bar, done ? text : "0B", text);
}

static void show_progress(void *data, const struct plan_layer *layer, bool done, bool existed)
{
	struct progress *p = data;
	char hex[ID_HEX + 1], bar[BAR_SIZE];
	cJSON *line, *detail;

	if (p->quiet || existed || p->lines++ >= PROGRESS_LINES_MAX)
		return;
	hex_encode(layer->diff, ID_BYTES, hex);
	hex[12] = '\0';
	line = cJSON_CreateObject();
	cJSON_AddStringToObject(line, "status", "Loading layer");
	detail = cJSON_AddObjectToObject(line, "progressDetail");
	json_add_int(detail, "current", done ? (int64_t)layer->length : 0);
	json_add_int(detail, "total", (int64_t)layer->length);
	progress_bar(done, layer->length, bar);
	cJSON_AddStringToObject(line, "progress", bar);
	cJSON_AddStringToObject(line, "id", hex);
	http_write_json(p->r, line);
	cJSON_Delete(line);
}

/* One image with its names: all there or nothing changed. The lines to say are kept until the lock is released. */
static int load_image(struct http_request *r, const struct plan_image *p, int fd, struct progress *progress,
		      cJSON *said, struct err *err)
{
	struct engine *e = http_engine(r);
	struct call_ctx ctx = http_call_ctx(r);
	char digest[8 + ID_HEX], old[65], line[2 * IMAGE_REF_MAX];
	int result;

	images_lock(e);
	result = store_image(e, &ctx, p, fd, show_progress, progress, err);
	for (unsigned i = 0; i < p->ntags && result == 0; i++) {
		result = store_tag(e, p->tags[i], p->id, old, err);
		if (result == 0 && *old && !strchr(p->tags[i], '@')) {
			snprintf(line, sizeof(line),
				 "The image %s already exists, renaming the old one with ID sha256:%s to empty "
				 "string\n", p->tags[i], old);
			cJSON_AddItemToArray(said, cJSON_CreateString(line));
		}
	}
	images_unlock(e);
	if (result < 0)
		return -1;
	snprintf(digest, sizeof(digest), "sha256:%s", p->id);
	store_event(e, "load", p->id, p->ntags ? p->tags[0] : digest);
	for (unsigned i = 0; i < p->ntags; i++) {
		if (strchr(p->tags[i], '@'))
			continue;
		snprintf(line, sizeof(line), "Loaded image: %s\n", p->tags[i]);
		cJSON_AddItemToArray(said, cJSON_CreateString(line));
	}
	if (p->ntags == 0) {
		snprintf(line, sizeof(line), "Loaded image ID: %s\n", digest);
		cJSON_AddItemToArray(said, cJSON_CreateString(line));
	}
	return 0;
}

static int load(struct http_request *r, struct progress *progress, cJSON *said, struct err *err)
{
	struct spool spool = { .write_fd = -EBADF, .fd = -EBADF };
	struct tar_index index = { 0 };
	struct plan plan = { 0 };
	int result = spool_body(http_engine(r), r, /* digest= */ false, &spool, err);

	/* As dockerd: from here on it is a stream, and an error its last line. Not before the body is in: "100
	 * Continue" may have to come first. */
	http_begin(r, 200, NULL);
	if (result == 0)
		result = tar_index_read(spool.fd, spool.size, &index, err);
	if (result == 0)
		result = plan_read(spool.fd, &index, &plan, err);
	tar_index_finish(&index);
	for (unsigned i = 0; i < plan.n && result == 0; i++)
		result = load_image(r, &plan.v[i], spool.fd, progress, said, err);
	plan_finish(&plan);
	spool_finish(&spool);
	return result;
}

static void run_load(struct http_request *r)
{
	struct progress progress = { .r = r, .quiet = http_query_bool(r, "quiet", false) };
	cJSON *said = cJSON_CreateArray();
	struct err err = { 0 };
	const cJSON *line;
	int result;

	result = load(r, &progress, said, &err);
	cJSON_ArrayForEach(line, said) {
		write_line(r, "stream", line->valuestring);
	}
	if (result < 0)
		write_error(r, &err);
	cJSON_Delete(said);
	http_end(r);
}

/* --- import ------------------------------------------------------------------------------------------------------ */
/* The config of an image that is one file system archive. */
static char *import_config(struct http_request *r, const uint8_t digest[ID_BYTES], struct err *err)
{
	struct platform platform;
	const char *message = http_query(r, "message"), *change;
	cJSON *root = cJSON_CreateObject(), *config, *step, *part;
	char when[40], diff[8 + ID_HEX] = "sha256:";
	char *text = NULL;
	int e = platform_parse(http_query(r, "platform"), &platform, err);

	if (!message || !*message)
		message = "Imported from -";
	time_rfc3339(time_now_ns(), when);
	hex_encode(digest, ID_BYTES, diff + 7);
	cJSON_AddStringToObject(root, "architecture", platform.arch);
	cJSON_AddStringToObject(root, "comment", message);
	config = cJSON_AddObjectToObject(root, "config");
	for (unsigned i = 0; e == 0 && i < IMAGE_CHANGES_MAX && (change = http_query_nth(r, "changes", i)); i++)
		if (*change)
			e = change_apply(config, change, err);
	cJSON_AddStringToObject(root, "created", when);
	step = cJSON_CreateObject();
	cJSON_AddStringToObject(step, "created", when);
	cJSON_AddStringToObject(step, "comment", message);
	cJSON_AddItemToArray(cJSON_AddArrayToObject(root, "history"), step);
	cJSON_AddStringToObject(root, "os", platform.os);
	if (platform.variant[0])
		cJSON_AddStringToObject(root, "variant", platform.variant);
	part = cJSON_AddObjectToObject(root, "rootfs");
	cJSON_AddStringToObject(part, "type", "layers");
	cJSON_AddItemToArray(cJSON_AddArrayToObject(part, "diff_ids"), cJSON_CreateString(diff));
	if (e == 0)
		text = cJSON_PrintUnformatted(root);
	cJSON_Delete(root);
	return text;
}

static int import(struct http_request *r, const char *name, char ret_id[65], struct err *err)
{
	static const uint8_t none[ID_BYTES];
	struct engine *e = http_engine(r);
	struct call_ctx ctx = http_call_ctx(r);
	struct spool spool = { .write_fd = -EBADF, .fd = -EBADF };
	struct plan_image image = { 0 };
	_cleanup_free_ char *config = import_config(r, none, err); /* wrong changes are told before the body is taken */
	int result = config ? spool_body(e, r, /* digest= */ true, &spool, err) : -1;

	free(config);
	config = result == 0 ? import_config(r, spool.digest, err) : NULL;
	result = config ? plan_image_config(config, strlen(config), &image, err) : -1;
	if (result == 0) {
		image.layers[0].length = spool.size;
		images_lock(e);
		result = store_image(e, &ctx, &image, spool.fd, NULL, NULL, err);
		if (result == 0 && *name)
			result = store_tag(e, name, image.id, NULL, err);
		images_unlock(e);
	}
	if (result == 0) {
		snprintf(ret_id, 65, "%s", image.id);
		store_event(e, "import", image.id, *name ? name : image.id);
	}
	plan_image_finish(&image);
	spool_finish(&spool);
	return result;
}

static void run_import(struct http_request *r, const char *source)
{
	const char *repo = http_query(r, "repo");
	char name[IMAGE_REF_MAX] = "", id[65], line[8 + ID_HEX];
	struct err err = { 0 };

	if (strcmp(source, "-") != 0)
		err_set(&err, 501, "importing from a URL is not available in this version: send the archive itself");
	else if (!repo || !*repo || name_asked(r, name, &err) == 0)
		import(r, name, id, &err);
	if (err.status) {
		http_reply_error(r, &err);
		return;
	}
	snprintf(line, sizeof(line), "sha256:%s", id);
	http_begin(r, 200, NULL);
	write_line(r, "status", line);
	http_end(r);
}

/* A client that wants an image made sure of gets what is here, or is told how to bring it. */
static void run_pull(struct http_request *r, const char *source)
{
	const char *tag = http_query(r, "tag");
	char text[2 * IMAGE_REF_MAX], name[IMAGE_REF_MAX], id[65], line[2 * IMAGE_REF_MAX];
	struct reference ref;
	struct err err = { 0 };
	const char *joint = !tag || !*tag ? "" : strncmp(tag, "sha256:", 7) == 0 ? "@" : ":";

	if (text_format(text, sizeof(text), "%s%s%s", source, joint, tag ? tag : "") < 0)
		err_set(&err, 400, "invalid reference format");
	else if (reference_parse(text, &ref, &err) == 0)
		reference_text(&ref, name);
	if (!err.status && image_resolve(http_engine(r), text, id, NULL, NULL) < 0)
		err_set(&err, 501,
			"pulling is not available in this version: bring %s with `docker load` or `docker import`",
			name);
	if (err.status) {
		http_reply_error(r, &err);
		return;
	}
	snprintf(line, sizeof(line), "Status: Image is up to date for %s", name);
	http_begin(r, 200, NULL);
	write_line(r, "status", line);
	http_end(r);
}

static void run_create(struct http_request *r)
{
	const char *image = http_query(r, "fromImage"), *source = http_query(r, "fromSrc");
	struct err err = { 0 };

	if (image && *image) {
		run_pull(r, image);
	} else if (source && *source) {
		run_import(r, source);
	} else {
		err_set(&err, 400, "either fromImage or fromSrc must be given");
		http_reply_error(r, &err);
	}
}

const struct route image_routes[] = {
	{ "GET", "/images/json", RIGHTS_READ, run_list },
	{ "POST", "/images/load", RIGHTS_RUN, run_load },
	{ "POST", "/images/create", RIGHTS_RUN, run_create },
	{ "POST", "/images/prune", RIGHTS_RUN, run_prune },
	{ "GET", "/images/{*}/json", RIGHTS_READ, run_inspect },
	{ "GET", "/images/{*}/history", RIGHTS_READ, run_history },
	{ "POST", "/images/{*}/tag", RIGHTS_RUN, run_tag },
	{ "DELETE", "/images/{*}", RIGHTS_RUN, run_remove },
};
const size_t n_image_routes = ARRAY_SIZE(image_routes);
