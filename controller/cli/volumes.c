/* volumes.c - volume ls, create, rm. */
#include <stdlib.h>
#include <string.h>

#include "../../helpers/base/cleanup.h"
#include "cli.h"

struct volume_options {
	bool quiet, force;
	const char *format, *driver;
	struct texts filters, labels;
};

static const struct column columns[] = { { "DRIVER", "Driver" }, { "VOLUME NAME", "Name" } };

int volume_ls(struct cli *cli, int argc, char **argv)
{
	static const struct option_row rows[] = {
		{ "quiet", 'q', OPT_FLAG, offsetof(struct volume_options, quiet), NULL, NULL, "only names" },
		{ "format", 0, OPT_TEXT, offsetof(struct volume_options, format), NULL, NULL,
		  "template, table TEMPLATE, or json" },
		{ "filter", 'f', OPT_LIST, offsetof(struct volume_options, filters), NULL, NULL, "NAME=VALUE" },
	};
	struct volume_options o = { 0 };
	_cleanup_free_ char *filters = NULL, *path = NULL;
	cJSON *v = NULL;
	int n, r;

	r = OPTIONS(rows, &o, false, argc, argv, &n);
	if (r)
		return r < 0;
	filters = api_filters(&o.filters);
	if (!filters || asprintf(&path, API "/volumes?filters=%s", filters) < 0)
		return 1;
	if (api_call(cli, "GET", path, NULL, &v) < 0)
		return 1;
	r = table_print(json_at(v, "Volumes"), o.quiet ? columns + 1 : columns, o.quiet ? 1 : 2, o.format, !o.quiet);
	cJSON_Delete(v);
	return r;
}

int volume_create(struct cli *cli, int argc, char **argv)
{
	static const struct option_row rows[] = {
		{ "label", 'l', OPT_LIST, offsetof(struct volume_options, labels), NULL, NULL, "NAME=VALUE" },
		{ "driver", 'd', OPT_TEXT, offsetof(struct volume_options, driver), NULL, NULL, "local" },
	};
	struct volume_options o = { 0 };
	cJSON *body, *labels, *answer = NULL;
	int n, r;

	r = OPTIONS(rows, &o, false, argc, argv, &n);
	if (r)
		return r < 0;
	if (n > 1)
		return usage("volume create [--label NAME=VALUE] [NAME]");
	body = cJSON_CreateObject();
	if (n == 1)
		cJSON_AddStringToObject(body, "Name", argv[1]);
	cJSON_AddStringToObject(body, "Driver", o.driver ? o.driver : "local");
	labels = cJSON_AddObjectToObject(body, "Labels");
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): its cleanup attribute frees it */
	for (size_t i = 0; i < o.labels.n; i++) {
		_cleanup_free_ char *name = strdup(o.labels.v[i]);
		char *value = name;

		strsep(&value, "=");
		cJSON_AddStringToObject(labels, name, value ? value : "");
	}
	r = api_call(cli, "POST", API "/volumes/create", body, &answer) < 0;
	if (r == 0)
		printf("%s\n", json_text_at(answer, "Name"));
	cJSON_Delete(answer);
	cJSON_Delete(body);
	return r;
}

int volume_rm(struct cli *cli, int argc, char **argv)
{
	static const struct option_row rows[] = {
		{ "force", 'f', OPT_FLAG, offsetof(struct volume_options, force), NULL, NULL,
		  "no error when it is not there" },
	};
	struct volume_options o = { 0 };
	int n, r, status = 0;

	r = OPTIONS(rows, &o, false, argc, argv, &n);
	if (r)
		return r < 0;
	if (n == 0)
		return usage("volume rm [-f] NAME...");
	for (int i = 1; i <= n; i++) {
		_cleanup_free_ char *path = api_path(API "/volumes/%s?force=%s", argv[i], o.force ? "1" : "0");

		if (api_call(cli, "DELETE", path, NULL, NULL) < 0)
			status = 1;
		else
			printf("%s\n", argv[i]);
	}
	return status;
}
