/* acts.c - pause, unpause, rename, top, history, save, export, prune. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "../../helpers/base/cleanup.h"
#include "../../helpers/base/fd.h"
#include "cli.h"
#include "http_client.h"

struct act_options {
	const char *format, *output;
	bool force, all, volumes, quiet, no_trunc, human;
	struct texts filters;
};
#define OPTION(name, letter, kind, field, text)                                                                        \
	{                                                                                                              \
		name, letter, kind, offsetof(struct act_options, field), NULL, NULL, text                              \
	}

/* --- one request for each container ----------------------------------------------------------------------- */
static int simple(struct cli *cli, int argc, char **argv, const char *path)
{
	struct act_options o;
	int n, r;

	r = options_parse(NULL, 0, &o, false, argc, argv, &n);
	if (r)
		return r < 0;
	return n ? api_each(cli, n, argv + 1, "POST", path, "", /* force= */ false)
		 : usage_of(argv[0], "CONTAINER...", n);
}

int verb_pause(struct cli *cli, int argc, char **argv)
{
	return simple(cli, argc, argv, API "/containers/%s/pause");
}

int verb_unpause(struct cli *cli, int argc, char **argv)
{
	return simple(cli, argc, argv, API "/containers/%s/unpause");
}

int verb_rename(struct cli *cli, int argc, char **argv)
{
	_cleanup_free_ char *path = NULL;
	int n, r = options_parse(NULL, 0, NULL, false, argc, argv, &n);

	if (r)
		return r < 0;
	if (n != 2)
		return usage_of(argv[0], "CONTAINER NAME", n);
	path = api_path(API "/containers/%s/rename?name=%s", argv[1], argv[2]);
	return api_call(cli, "POST", path, NULL, NULL) < 0;
}

/* --- tables ----------------------------------------------------------------------------------------------- */
enum { TOP_COLUMNS_MAX = 16 };

int verb_top(struct cli *cli, int argc, char **argv)
{
	struct column columns[TOP_COLUMNS_MAX];
	char keys[TOP_COLUMNS_MAX][16];
	_cleanup_free_ char *path = NULL;
	const cJSON *title, *process, *cell;
	cJSON *answer = NULL, *rows;
	char arguments[512] = "";
	size_t count = 0;
	int r;

	if (argc < 2 || argv[1][0] == '-')
		return usage_of(argv[0], "CONTAINER [ARGUMENTS OF ps]", argc - 1);
	for (int i = 2; i < argc; i++) {
		size_t at = strlen(arguments);

		snprintf(arguments + at, sizeof(arguments) - at, "%s%s", at ? " " : "", argv[i]);
	}
	path = api_path(*arguments ? API "/containers/%s/top?ps_args=%s" : API "/containers/%s/top", argv[1],
			arguments);
	if (api_call(cli, "GET", path, NULL, &answer) < 0)
		return 1;
	cJSON_ArrayForEach(title, json_at(answer, "Titles")) {
		if (count == TOP_COLUMNS_MAX || !cJSON_IsString(title))
			break;
		snprintf(keys[count], sizeof(keys[count]), "%zu", count);
		columns[count] = (struct column){ title->valuestring, keys[count] };
		count++;
	}
	rows = cJSON_CreateArray();
	cJSON_ArrayForEach(process, json_at(answer, "Processes")) {
		cJSON *row = cJSON_CreateObject();
		size_t i = 0;

		cJSON_ArrayForEach(cell, process)
			if (i < count)
				cJSON_AddStringToObject(row, keys[i++], cJSON_IsString(cell) ? cell->valuestring : "");
		cJSON_AddItemToArray(rows, row);
	}
	r = table_print(rows, columns, count, NULL, true);
	cJSON_Delete(rows);
	cJSON_Delete(answer);
	return r;
}

static cJSON *history_row(const cJSON *layer, const struct act_options *o)
{
	cJSON *row = cJSON_CreateObject();
	const char *id = json_text_at(layer, "Id"), *by = json_text_at(layer, "CreatedBy");
	time_t created = (time_t)json_number_at(layer, "Created");
	char text[4096], ago[64];
	struct tm tm;

	if (strncmp(id, "sha256:", 7) == 0 && !o->no_trunc)
		id += 7;
	snprintf(text, sizeof(text), "%.*s", o->no_trunc ? 80 : 12, id);
	cJSON_AddStringToObject(row, "ID", text);
	text_ago(ago, sizeof(ago), (int64_t)(time(NULL) - created));
	snprintf(text, sizeof(text), "%s ago", ago);
	cJSON_AddStringToObject(row, "CreatedSince", text);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&created, &tm));
	cJSON_AddStringToObject(row, "CreatedAt", text);
	snprintf(text, sizeof(text), !o->no_trunc && strlen(by) > 45 ? "%.44s…" : "%.4000s", by);
	cJSON_AddStringToObject(row, "CreatedBy", text);
	if (o->human)
		text_size(text, sizeof(text), json_number_at(layer, "Size"), SIZE_SHORT);
	else
		snprintf(text, sizeof(text), "%.0f", json_number_at(layer, "Size"));
	cJSON_AddStringToObject(row, "Size", text);
	cJSON_AddStringToObject(row, "Comment", json_text_at(layer, "Comment"));
	return row;
}

int verb_history(struct cli *cli, int argc, char **argv)
{
	static const struct option_row rows[] = {
		OPTION("format", 0, OPT_TEXT, format, "template, table TEMPLATE, or json"),
		OPTION("human", 'H', OPT_FLAG, human, "sizes and times to be read (true)"),
		OPTION("no-trunc", 0, OPT_FLAG, no_trunc, "all of it"),
		OPTION("quiet", 'q', OPT_FLAG, quiet, "only ids"),
	};
	static const struct column columns[] = { { "IMAGE", "ID" },
						 { "CREATED", "CreatedSince" },
						 { "CREATED BY", "CreatedBy" },
						 { "SIZE", "Size" },
						 { "COMMENT", "Comment" } };
	struct act_options o = { .human = true };
	_cleanup_free_ char *path = NULL;
	cJSON *list = NULL, *table;
	const cJSON *layer;
	int n, r;

	r = OPTIONS(rows, &o, false, argc, argv, &n);
	if (r)
		return r < 0;
	if (n != 1)
		return usage_of(argv[0], "[OPTIONS] IMAGE", n);
	path = api_path(API "/images/%s/history", argv[1]);
	if (api_call(cli, "GET", path, NULL, &list) < 0)
		return 1;
	table = cJSON_CreateArray();
	cJSON_ArrayForEach(layer, list) {
		cJSON_AddItemToArray(table, history_row(layer, &o));
	}
	r = o.quiet ? table_print(table, columns, 1, o.format, false)
		    : table_print(table, columns, ARRAY_SIZE(columns), o.format, true);
	cJSON_Delete(table);
	cJSON_Delete(list);
	return r;
}

/* --- save and export -------------------------------------------------------------------------------------- */
/* The body to a file, which appears under its name only when it is whole, or to standard output. */
static int receive(struct http *h, int fd)
{
	bool show = isatty(STDERR_FILENO) && fd != STDOUT_FILENO;
	_cleanup_free_ char *buf = malloc(1 << 16);
	uint64_t got = 0;
	ssize_t n = buf ? 1 : -ENOMEM;
	char size[32];

	while (n > 0 && (n = http_body(h, buf, 1 << 16)) > 0) {
		int r = fd_write_all(fd, buf, (size_t)n);

		if (r < 0)
			return fail(1, "write: %s", strerror(-r));
		if (show && (got >> 23) != (got + (uint64_t)n) >> 23) {
			text_size(size, sizeof(size), (double)got, SIZE_SHORT);
			fprintf(stderr, "\r%s  ", size);
		}
		got += (uint64_t)n;
	}
	if (show)
		fprintf(stderr, "\r                    \r");
	return n < 0 ? fail(1, "the transfer was cut off: %s", strerror((int)-n)) : 0;
}

static int receive_file(struct http *h, const char *path)
{
	_cleanup_free_ char *temporary = NULL;
	_cleanup_close_ int fd = -EBADF;
	int r;

	if (asprintf(&temporary, "%s.XXXXXX", path) < 0)
		return 1;
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return fail(1, "%s: %s", path, strerror(errno));
	r = receive(h, fd);
	if (r == 0 && rename(temporary, path) < 0)
		r = fail(1, "%s: %s", path, strerror(errno));
	if (r)
		unlink(temporary);
	return r;
}

static int fetch(struct cli *cli, const char *path, const char *output)
{
	struct http *h;
	int r;

	if (!output && isatty(STDOUT_FILENO))
		return fail(1, "cowardly refusing to save to a terminal. Use the -o flag or redirect");
	h = api_open(cli, "GET", path, "");
	if (!h)
		return 1;
	r = output ? receive_file(h, output) : receive(h, STDOUT_FILENO);
	http_finish(h);
	free(h);
	return r;
}

static const struct option_row output_rows[] = {
	OPTION("output", 'o', OPT_TEXT, output, "a file instead of standard output"),
};

int verb_save(struct cli *cli, int argc, char **argv)
{
	struct act_options o = { 0 };
	_cleanup_free_ char *path = api_path(API "/images/get");
	int n, r;

	r = OPTIONS(output_rows, &o, false, argc, argv, &n);
	if (r)
		return r < 0;
	if (n == 0)
		return usage_of(argv[0], "[-o FILE] IMAGE...", n);
	for (int i = 1; i <= n; i++) {
		_cleanup_free_ char *name = api_path("names=%s", argv[i]), *longer = NULL;

		if (asprintf(&longer, "%s%c%s", path, i > 1 ? '&' : '?', name) < 0)
			return 1;
		free(path);
		path = TAKE_PTR(longer);
	}
	return fetch(cli, path, o.output);
}

int verb_export(struct cli *cli, int argc, char **argv)
{
	struct act_options o = { 0 };
	_cleanup_free_ char *path = NULL;
	int n, r;

	r = OPTIONS(output_rows, &o, false, argc, argv, &n);
	if (r)
		return r < 0;
	if (n != 1)
		return usage_of(argv[0], "[-o FILE] CONTAINER", n);
	path = api_path(API "/containers/%s/export", argv[1]);
	return fetch(cli, path, o.output);
}

/* --- prune ------------------------------------------------------------------------------------------------ */
static const struct option_row prune_rows[] = {
	OPTION("force", 'f', OPT_FLAG, force, "without asking"),
	OPTION("all", 'a', OPT_FLAG, all, "also what only is not used"),
	OPTION("volumes", 0, OPT_FLAG, volumes, "system: anonymous volumes, too"),
	OPTION("filter", 0, OPT_LIST, filters, "NAME=VALUE"),
};

static bool confirmed(const struct act_options *o, const char *what)
{
	char answer[16] = "";

	if (o->force)
		return true;
	printf("WARNING! This will remove %s.\nAre you sure you want to continue? [y/N] ", what);
	fflush(stdout);
	return fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

/* Prints what went under a title and adds what that gave back. 0 or 1 after a message. */
static int prune(struct cli *cli, const char *path, struct act_options *o, const char *extra, const char *title,
		 const char *key, double *bytes)
{
	_cleanup_free_ char *filters = NULL, *whole = NULL;
	struct texts with = o->filters;
	const cJSON *item, *part;
	cJSON *answer = NULL;

	if (extra && with.n < TEXTS_MAX)
		with.v[with.n++] = extra;
	filters = api_filters(&with);
	if (!filters || asprintf(&whole, "%s?filters=%s", path, filters) < 0 ||
	    api_call(cli, "POST", whole, NULL, &answer) < 0)
		return 1;
	if (json_at(answer, key) && json_at(answer, key)->child)
		printf("%s\n", title);
	cJSON_ArrayForEach(item, json_at(answer, key)) {
		if (cJSON_IsString(item))
			printf("%s\n", item->valuestring);
		for (part = cJSON_IsObject(item) ? item->child : NULL; part; part = part->next)
			printf("%s: %s\n", strcmp(part->string, "Untagged") == 0 ? "untagged" : "deleted",
			       part->valuestring);
	}
	if (json_at(answer, key) && json_at(answer, key)->child)
		printf("\n");
	*bytes += json_number_at(answer, "SpaceReclaimed");
	cJSON_Delete(answer);
	return 0;
}

static int prune_parse(struct act_options *o, int argc, char **argv)
{
	int n, r;

	*o = (struct act_options){ 0 };
	r = OPTIONS(prune_rows, o, false, argc, argv, &n);
	if (r)
		return r;
	return n ? (usage_of(argv[0], "[-f] [--filter F]", n), -1) : 0;
}

static int prune_total(int r, double bytes)
{
	char size[32];

	text_size(size, sizeof(size), bytes, SIZE_LONG);
	if (r == 0)
		printf("Total reclaimed space: %s\n", size);
	return r;
}

#define PRUNE_CONTAINERS API "/containers/prune", &o, NULL, "Deleted Containers:", "ContainersDeleted"
#define PRUNE_IMAGES API "/images/prune", &o, o.all ? "dangling=false" : NULL, "Deleted Images:", "ImagesDeleted"
#define PRUNE_VOLUMES API "/volumes/prune", &o, o.all ? "all=true" : NULL, "Deleted Volumes:", "VolumesDeleted"

#define PRUNE_NETWORKS API "/networks/prune", &o, NULL, "Deleted Networks:", "NetworksDeleted"

int network_prune(struct cli *cli, int argc, char **argv)
{
	struct act_options o;
	double bytes = 0;
	int r = prune_parse(&o, argc, argv);

	if (r || !confirmed(&o, "all custom networks not used by at least one container"))
		return r < 0;
	return prune(cli, PRUNE_NETWORKS, &bytes);
}

int container_prune(struct cli *cli, int argc, char **argv)
{
	struct act_options o;
	double bytes = 0;
	int r = prune_parse(&o, argc, argv);

	if (r || !confirmed(&o, "all stopped containers"))
		return r < 0;
	return prune_total(prune(cli, PRUNE_CONTAINERS, &bytes), bytes);
}

int image_prune(struct cli *cli, int argc, char **argv)
{
	struct act_options o;
	double bytes = 0;
	int r = prune_parse(&o, argc, argv);

	if (r || !confirmed(&o, o.all ? "all images without at least one container associated to them"
				      : "all dangling images"))
		return r < 0;
	return prune_total(prune(cli, PRUNE_IMAGES, &bytes), bytes);
}

int volume_prune(struct cli *cli, int argc, char **argv)
{
	struct act_options o;
	double bytes = 0;
	int r = prune_parse(&o, argc, argv);

	if (r || !confirmed(&o, o.all ? "all local volumes not used by at least one container"
				      : "anonymous local volumes not used by at least one container"))
		return r < 0;
	return prune_total(prune(cli, PRUNE_VOLUMES, &bytes), bytes);
}

int system_prune(struct cli *cli, int argc, char **argv)
{
	struct act_options o;
	double bytes = 0;
	int r = prune_parse(&o, argc, argv);

	if (r || !confirmed(&o, o.all ? "all stopped containers, and all networks and images that none uses"
				      : "all stopped containers, all networks that none uses and all dangling images"))
		return r < 0;
	r = prune(cli, PRUNE_CONTAINERS, &bytes) | prune(cli, PRUNE_NETWORKS, &bytes) |
	    prune(cli, PRUNE_IMAGES, &bytes);
	if (o.volumes) {
		o.all = false;
		r |= prune(cli, PRUNE_VOLUMES, &bytes);
	}
	return prune_total(r, bytes);
}
