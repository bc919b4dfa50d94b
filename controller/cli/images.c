/* images.c - images, load, import, tag, rmi. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../../helpers/base/cleanup.h"
#include "cli.h"
#include "http_client.h"

/* Splits "registry:5000/a/b:tag": the last colon behind the last slash. Returns the tag or NULL; cuts name there. */
static char *split_tag(char *name)
{
	char *slash = strrchr(name, '/'), *colon = strrchr(slash ? slash : name, ':');

	if (!colon)
		return NULL;
	*colon = '\0';
	return colon + 1;
}

/* --- images ----------------------------------------------------------------------------------------------- */
struct images_options {
	bool all, quiet, no_trunc, digests;
	const char *format;
	struct texts filters;
};

static const struct option_row images_rows[] = {
	{ "all", 'a', OPT_FLAG, offsetof(struct images_options, all), NULL, NULL, "also those without a name" },
	{ "quiet", 'q', OPT_FLAG, offsetof(struct images_options, quiet), NULL, NULL, "only ids" },
	{ "digests", 0, OPT_FLAG, offsetof(struct images_options, digests), NULL, NULL, "with digests" },
	{ "no-trunc", 0, OPT_FLAG, offsetof(struct images_options, no_trunc), NULL, NULL, "whole ids" },
	{ "format", 0, OPT_TEXT, offsetof(struct images_options, format), NULL, NULL,
	  "template, table TEMPLATE, or json" },
	{ "filter", 'f', OPT_LIST, offsetof(struct images_options, filters), NULL, NULL, "NAME=VALUE" },
};

static const struct column images_columns[] = {
	{ "REPOSITORY", "Repository" }, { "TAG", "Tag" },   { "IMAGE ID", "ID" },
	{ "CREATED", "CreatedSince" },	{ "SIZE", "Size" },
};

static const struct column digest_columns[] = {
	{ "REPOSITORY", "Repository" }, { "TAG", "Tag" }, { "DIGEST", "Digest" }, { "IMAGE ID", "ID" },
	{ "CREATED", "CreatedSince" },	{ "SIZE", "Size" },
};

/* The digest that the repository has for this image. */
static const char *digest_of(const cJSON *image, const char *repository)
{
	size_t n = strlen(repository);
	const cJSON *d;

	cJSON_ArrayForEach(d, json_at(image, "RepoDigests"))
		if (cJSON_IsString(d) && strncmp(d->valuestring, repository, n) == 0 && d->valuestring[n] == '@')
			return d->valuestring + n + 1;
	return "<none>";
}

cJSON *image_row(const cJSON *image, const char *ref, bool whole)
{
	cJSON *row = cJSON_CreateObject();
	_cleanup_free_ char *name = strdup(ref);
	char *tag = name ? split_tag(name) : NULL;
	const char *id = json_text_at(image, "Id");
	char text[256], ago[64];
	time_t created;
	struct tm tm;

	if (!whole && strncmp(id, "sha256:", 7) == 0)
		id += 7;
	cJSON_AddStringToObject(row, "Repository", name ? name : "");
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): its cleanup attribute frees it */
	cJSON_AddStringToObject(row, "Tag", tag ? tag : "<none>");
	snprintf(text, sizeof(text), "%.*s", whole ? 80 : 12, id);
	cJSON_AddStringToObject(row, "ID", text);
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): its cleanup attribute frees it */
	cJSON_AddStringToObject(row, "Digest", digest_of(image, name ? name : ""));
	created = (time_t)json_number_at(image, "Created");
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S +0000 UTC", gmtime_r(&created, &tm));
	cJSON_AddStringToObject(row, "CreatedAt", text);
	text_ago(ago, sizeof(ago), (int64_t)time(NULL) - (int64_t)json_number_at(image, "Created"));
	snprintf(text, sizeof(text), "%s ago", ago);
	cJSON_AddStringToObject(row, "CreatedSince", text);
	text_size(text, sizeof(text), json_number_at(image, "Size"), SIZE_SHORT);
	cJSON_AddStringToObject(row, "Size", text);
	return row;
}

int verb_images(struct cli *cli, int argc, char **argv)
{
	static const struct column ids[] = { { "", "ID" } };
	struct images_options o = { 0 };
	_cleanup_free_ char *filters = NULL, *path = NULL, *reference = NULL;
	cJSON *list = NULL, *rows;
	const cJSON *image, *tag;
	int n, r;

	r = OPTIONS(images_rows, &o, false, argc, argv, &n);
	if (r)
		return r < 0;
	if (n > 1)
		return usage("images [OPTIONS] [NAME[:TAG]]");
	if (n == 1 && asprintf(&reference, "reference=%s", argv[1]) >= 0 && o.filters.n < TEXTS_MAX)
		o.filters.v[o.filters.n++] = reference;
	filters = api_filters(&o.filters);
	if (!filters || asprintf(&path, API "/images/json?all=%d&filters=%s", o.all, filters) < 0)
		return 1;
	if (api_call(cli, "GET", path, NULL, &list) < 0)
		return 1;
	rows = cJSON_CreateArray();
	cJSON_ArrayForEach(image, list) {
		const cJSON *tags = json_at(image, "RepoTags");

		cJSON_ArrayForEach(tag, tags) {
			if (cJSON_IsString(tag))
				cJSON_AddItemToArray(rows, image_row(image, tag->valuestring, o.no_trunc));
		}
		if (cJSON_GetArraySize(tags) == 0)
			cJSON_AddItemToArray(rows, image_row(image, "<none>", o.no_trunc));
	}
	if (o.quiet)
		r = table_print(rows, ids, 1, o.format, false);
	else
		r = o.digests ? table_print(rows, digest_columns, ARRAY_SIZE(digest_columns), o.format, true) :
				table_print(rows, images_columns, ARRAY_SIZE(images_columns), o.format, true);
	cJSON_Delete(rows);
	cJSON_Delete(list);
	return r;
}

/* --- load and import -------------------------------------------------------------------------------------- */
static void show_sent(uint64_t sent)
{
	static time_t last;
	char text[32];

	if (time(NULL) == last)
		return;
	last = time(NULL);
	text_size(text, sizeof(text), (double)sent, SIZE_SHORT);
	fprintf(stderr, "\r%s sent ", text);
}

/* Sends a file (NULL or "-": standard input) and shows what the engine says to it. */
static int send_archive(struct cli *cli, const char *path, const char *file, bool quiet)
{
	_cleanup_close_ int opened = -EBADF;
	struct http h;
	bool show = !quiet && isatty(STDERR_FILENO);
	int fd = STDIN_FILENO, r;

	if (file && strcmp(file, "-") != 0) {
		opened = open(file, O_RDONLY | O_CLOEXEC);
		if (opened < 0)
			return fail(1, "open %s: %s", file, strerror(errno));
		fd = opened;
	} else if (isatty(STDIN_FILENO)) {
		return fail(1, "requested load from stdin, but stdin is a terminal");
	}
	r = engine_connect(cli, &h);
	if (r < 0)
		return fail(1, "Cannot connect to the Postern engine at unix://%s (%s). Is postern-launcher running?",
			    cli->socket, strerror(-r));
	r = http_request_fd(&h, "POST", path, "application/x-tar", fd, show ? show_sent : NULL);
	if (show)
		fprintf(stderr, "\r                    \r");
	if (r == 0)
		r = http_answer(&h);
	if (r < 0)
		r = fail(1, "the transfer failed: %s", strerror(-r));
	else if (h.status >= 400)
		r = api_error(&h) != 0;
	else
		r = api_progress(&h, quiet);
	http_finish(&h);
	return r;
}

struct load_options {
	bool quiet;
	const char *input, *message;
	struct texts changes;
};

int verb_load(struct cli *cli, int argc, char **argv)
{
	static const struct option_row rows[] = {
		{ "input", 'i', OPT_TEXT, offsetof(struct load_options, input), NULL, NULL,
		  "a file instead of standard input" },
		{ "quiet", 'q', OPT_FLAG, offsetof(struct load_options, quiet), NULL, NULL, "no progress" },
	};
	struct load_options o = { 0 };
	int n, r;

	r = OPTIONS(rows, &o, false, argc, argv, &n);
	if (r)
		return r < 0;
	if (n > 0)
		return usage("load [-q] [-i FILE]");
	return send_archive(cli, o.quiet ? API "/images/load?quiet=1" : API "/images/load?quiet=0", o.input, o.quiet);
}

int verb_import(struct cli *cli, int argc, char **argv)
{
	static const struct option_row rows[] = {
		{ "message", 'm', OPT_TEXT, offsetof(struct load_options, message), NULL, NULL,
		  "for the image's history" },
		{ "change", 'c', OPT_LIST, offsetof(struct load_options, changes), NULL, NULL,
		  "instruction such as CMD [\"sh\"]" },
	};
	struct load_options o = { 0 };
	_cleanup_free_ char *path = NULL;
	char *tag = NULL;
	int n, r;

	r = OPTIONS(rows, &o, false, argc, argv, &n);
	if (r)
		return r < 0;
	if (n < 1 || n > 2)
		return usage("import [-m TEXT] [-c CHANGE] FILE|- [NAME[:TAG]]");
	if (n == 2)
		tag = split_tag(argv[2]);
	path = api_path(API "/images/create?fromSrc=-&repo=%s&tag=%s&message=%s", n == 2 ? argv[2] : "", tag ? tag : "",
			o.message ? o.message : "");
	for (size_t i = 0; i < o.changes.n; i++) {
		_cleanup_free_ char *change = api_path("&changes=%s", o.changes.v[i]), *longer = NULL;

		if (asprintf(&longer, "%s%s", path, change) < 0)
			return 1;
		free(path);
		path = TAKE_PTR(longer);
	}
	return send_archive(cli, path, argv[1], false);
}

/* --- tag and rmi ------------------------------------------------------------------------------------------ */
int verb_tag(struct cli *cli, int argc, char **argv)
{
	_cleanup_free_ char *path = NULL;
	char *tag;

	if (argc != 3 || argv[1][0] == '-')
		return usage("tag IMAGE NAME[:TAG]");
	tag = split_tag(argv[2]);
	path = api_path(API "/images/%s/tag?repo=%s&tag=%s", argv[1], argv[2], tag ? tag : "");
	return api_call(cli, "POST", path, NULL, NULL) < 0;
}

struct rmi_options {
	bool force, no_prune;
};

int verb_rmi(struct cli *cli, int argc, char **argv)
{
	static const struct option_row rows[] = {
		{ "force", 'f', OPT_FLAG, offsetof(struct rmi_options, force), NULL, NULL,
		  "also when containers use it" },
		{ "no-prune", 0, OPT_FLAG, offsetof(struct rmi_options, no_prune), NULL, NULL,
		  "keep parents without a name" },
	};
	struct rmi_options o = { 0 };
	const cJSON *act;
	int n, r, status = 0;

	r = OPTIONS(rows, &o, false, argc, argv, &n);
	if (r)
		return r < 0;
	if (n == 0)
		return usage("rmi [-f] IMAGE...");
	for (int i = 1; i <= n; i++) {
		_cleanup_free_ char *path = api_path(API "/images/%s?force=%s&noprune=%s", argv[i], o.force ? "1" : "0",
						     o.no_prune ? "1" : "0");
		cJSON *list = NULL;

		if (api_call(cli, "DELETE", path, NULL, &list) < 0)
			status = 1;
		cJSON_ArrayForEach(act, list) {
			printf("%s: %s\n", *json_text_at(act, "Untagged") ? "Untagged" : "Deleted",
			       *json_text_at(act, "Untagged") ? json_text_at(act, "Untagged")
							      : json_text_at(act, "Deleted"));
		}
		cJSON_Delete(list);
	}
	return status;
}
