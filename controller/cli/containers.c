/* containers.c - ps, logs, stop, restart, kill, wait, rm. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../helpers/base/cleanup.h"
#include "cli.h"
#include "http_client.h"

/* --- ps --------------------------------------------------------------------------------------------------- */
struct ps_options {
	bool all, quiet, no_trunc, size, latest;
	long last;
	const char *format;
	struct texts filters;
};

static const struct option_row ps_rows[] = {
	{ "all", 'a', OPT_FLAG, offsetof(struct ps_options, all), NULL, NULL, "also those that have ended" },
	{ "quiet", 'q', OPT_FLAG, offsetof(struct ps_options, quiet), NULL, NULL, "only ids" },
	{ "no-trunc", 0, OPT_FLAG, offsetof(struct ps_options, no_trunc), NULL, NULL, "whole ids and commands" },
	{ "size", 's', OPT_FLAG, offsetof(struct ps_options, size), NULL, NULL, "with their size on disk" },
	{ "latest", 'l', OPT_FLAG, offsetof(struct ps_options, latest), NULL, NULL, "the last one made" },
	{ "last", 'n', OPT_INT, offsetof(struct ps_options, last), NULL, NULL, "the last N made" },
	{ "format", 0, OPT_TEXT, offsetof(struct ps_options, format), NULL, NULL, "template, table TEMPLATE, or json" },
	{ "filter", 'f', OPT_LIST, offsetof(struct ps_options, filters), NULL, NULL, "NAME=VALUE" },
};

static const struct column ps_columns[] = {
	{ "CONTAINER ID", "ID" }, { "IMAGE", "Image" }, { "COMMAND", "Command" }, { "CREATED", "RunningFor" },
	{ "STATUS", "Status" }, { "PORTS", "Ports" }, { "NAMES", "Names" }, { "SIZE", "Size" },
};

static void add_names(cJSON *row, const cJSON *names)
{
	char text[512] = "";
	const cJSON *v;

	cJSON_ArrayForEach(v, names) {
		const char *s = cJSON_IsString(v) ? v->valuestring : "";
		size_t n = strlen(text);

		snprintf(text + n, sizeof(text) - n, "%s%s", n ? "," : "", s + (*s == '/'));
	}
	cJSON_AddStringToObject(row, "Names", text);
}

void row_add_labels(cJSON *row, const cJSON *labels)
{
	char text[4096] = "";
	const cJSON *v;

	cJSON_ArrayForEach(v, labels) {
		size_t n = strlen(text);

		snprintf(text + n, sizeof(text) - n, "%s%s=%s", n ? "," : "", v->string,
			 cJSON_IsString(v) ? v->valuestring : "");
	}
	cJSON_AddStringToObject(row, "Labels", text);
}

/* "0.0.0.0:8080->80/tcp, 90/tcp" */
static void add_ports(cJSON *row, const cJSON *ports)
{
	char text[1024] = "";
	const cJSON *p;

	cJSON_ArrayForEach(p, ports) {
		size_t n = strlen(text);
		const char *ip = json_text_at(p, "IP");

		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s", n ? ", " : "");
		if (json_number_at(p, "PublicPort") > 0 && n < sizeof(text))
			n += (size_t)snprintf(text + n, sizeof(text) - n, strchr(ip, ':') ? "[%s]:%d->" : "%s:%d->", ip,
					      (int)json_number_at(p, "PublicPort"));
		if (n < sizeof(text))
			snprintf(text + n, sizeof(text) - n, "%d/%s", (int)json_number_at(p, "PrivatePort"),
				 json_text_at(p, "Type"));
	}
	cJSON_AddStringToObject(row, "Ports", text);
}

static void add_mounts(cJSON *row, const cJSON *mounts, bool whole)
{
	char text[2048] = "";
	const cJSON *m;

	cJSON_ArrayForEach(m, mounts) {
		const char *name = *json_text_at(m, "Name") ? json_text_at(m, "Name") : json_text_at(m, "Source");
		size_t n = strlen(text);

		snprintf(text + n, sizeof(text) - n, !whole && strlen(name) > 15 ? "%s%.14s…" : "%s%s", n ? "," : "",
			 name);
	}
	cJSON_AddStringToObject(row, "Mounts", text);
}

static void add_keys(cJSON *row, const char *title, const cJSON *o)
{
	char text[512] = "";
	const cJSON *v;

	cJSON_ArrayForEach(v, o) {
		size_t n = strlen(text);

		snprintf(text + n, sizeof(text) - n, "%s%s", n ? "," : "", v->string ? v->string : "");
	}
	cJSON_AddStringToObject(row, title, text);
}

cJSON *container_row(const cJSON *c, bool whole)
{
	cJSON *row = cJSON_CreateObject();
	time_t created = (time_t)json_number_at(c, "Created");
	char text[512], ago[64], date[64];
	struct tm tm;

	snprintf(text, sizeof(text), "%.*s", whole ? 64 : 12, json_text_at(c, "Id"));
	cJSON_AddStringToObject(row, "ID", text);
	cJSON_AddStringToObject(row, "Image", json_text_at(c, "Image"));
	snprintf(text, sizeof(text),
		 !whole && strlen(json_text_at(c, "Command")) > 20 ? "\"%.19s…\"" : "\"%.500s\"",
		 json_text_at(c, "Command"));
	cJSON_AddStringToObject(row, "Command", text);
	text_ago(ago, sizeof(ago), (int64_t)(time(NULL) - created));
	snprintf(text, sizeof(text), "%s ago", ago);
	cJSON_AddStringToObject(row, "RunningFor", text);
	strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S %z UTC", gmtime_r(&created, &tm));
	cJSON_AddStringToObject(row, "CreatedAt", date);
	cJSON_AddStringToObject(row, "Status", json_text_at(c, "Status"));
	cJSON_AddStringToObject(row, "State", json_text_at(c, "State"));
	add_ports(row, json_at(c, "Ports"));
	add_mounts(row, json_at(c, "Mounts"), whole);
	add_keys(row, "Networks", json_at(c, "NetworkSettings.Networks"));
	add_names(row, json_at(c, "Names"));
	row_add_labels(row, json_at(c, "Labels"));
	text_size(ago, sizeof(ago), json_number_at(c, "SizeRw"), SIZE_SHORT);
	text_size(date, sizeof(date), json_number_at(c, "SizeRootFs"), SIZE_SHORT);
	snprintf(text, sizeof(text), json_number_at(c, "SizeRootFs") > 0 ? "%s (virtual %s)" : "%s", ago, date);
	cJSON_AddStringToObject(row, "Size", text);
	return row;
}

int verb_ps(struct cli *cli, int argc, char **argv)
{
	static const struct column ids[] = { { "", "ID" } };
	struct ps_options o = { 0 };
	_cleanup_free_ char *filters = NULL, *path = NULL;
	cJSON *list = NULL, *rows;
	const cJSON *c;
	int n, r;

	r = OPTIONS(ps_rows, &o, false, argc, argv, &n);
	if (r)
		return r < 0;
	filters = api_filters(&o.filters);
	if (!filters)
		return 1;
	if (asprintf(&path, API "/containers/json?all=%d&size=%d&limit=%ld&filters=%s", o.all, o.size,
		     o.latest ? 1 : o.last, filters) < 0)
		return 1;
	if (api_call(cli, "GET", path, NULL, &list) < 0)
		return 1;
	rows = cJSON_CreateArray();
	cJSON_ArrayForEach(c, list) {
		cJSON_AddItemToArray(rows, container_row(c, o.no_trunc));
	}
	if (o.quiet)
		r = table_print(rows, ids, 1, o.format, false);
	else
		r = table_print(rows, ps_columns, ARRAY_SIZE(ps_columns) - !o.size, o.format, true);
	cJSON_Delete(rows);
	cJSON_Delete(list);
	return r;
}

/* --- logs ------------------------------------------------------------------------------------------------- */
struct logs_options {
	bool follow, timestamps, details;
	const char *tail, *since, *until;
};

int verb_logs(struct cli *cli, int argc, char **argv)
{
	static const struct option_row rows[] = {
		{ "follow", 'f', OPT_FLAG, offsetof(struct logs_options, follow), NULL, NULL, "and what comes" },
		{ "details", 0, OPT_FLAG, offsetof(struct logs_options, details), NULL, NULL,
		  "what --log-opt adds to lines" },
		{ "timestamps", 't', OPT_FLAG, offsetof(struct logs_options, timestamps), NULL, NULL,
		  "with the time of each line" },
		{ "tail", 'n', OPT_TEXT, offsetof(struct logs_options, tail), NULL, NULL, "only the last N lines" },
		{ "since", 0, OPT_TEXT, offsetof(struct logs_options, since), NULL, NULL, "from a time on, or 10m" },
		{ "until", 0, OPT_TEXT, offsetof(struct logs_options, until), NULL, NULL, "up to a time" },
	};
	struct logs_options o = { .tail = "all" };
	_cleanup_free_ char *inspect = NULL, *path = NULL;
	char since[64] = "0", until[64] = "0";
	struct http *h;
	cJSON *c = NULL;
	int n, r;

	r = OPTIONS(rows, &o, false, argc, argv, &n);
	if (r)
		return r < 0;
	if (n != 1)
		return usage("logs [-f] [-t] [--tail N] [--since T] CONTAINER");
	if ((o.since && time_argument(o.since, since, sizeof(since)) < 0) ||
	    (o.until && time_argument(o.until, until, sizeof(until)) < 0))
		return 1;
	inspect = api_path(API "/containers/%s/json", argv[1]);
	if (api_call(cli, "GET", inspect, NULL, &c) < 0)
		return 1;
	path = api_path(API "/containers/%s/logs?stdout=1&stderr=1&follow=%s&timestamps=%s&details=%s&tail=%s&since=%s"
			    "&until=%s",
			argv[1], o.follow ? "1" : "0", o.timestamps ? "1" : "0", o.details ? "1" : "0", o.tail, since,
			until);
	h = api_open(cli, "GET", path, "");
	r = h ? stream_copy(h, cJSON_IsTrue(json_at(c, "Config.Tty"))) : 1;
	if (h)
		http_finish(h);
	free(h);
	cJSON_Delete(c);
	return r;
}

/* --- stop, restart, kill, rm, wait ------------------------------------------------------------------------------ */
struct stop_options {
	const char *time, *signal;
	bool force, volumes;
};

static int end(struct cli *cli, int argc, char **argv, const char *path)
{
	static const struct option_row rows[] = {
		{ "time", 't', OPT_TEXT, offsetof(struct stop_options, time), NULL, NULL,
		  "seconds until it is killed" },
		{ "timeout", 0, OPT_TEXT, offsetof(struct stop_options, time), NULL, NULL, "the same" },
		{ "signal", 's', OPT_TEXT, offsetof(struct stop_options, signal), NULL, NULL, "instead of its own" },
	};
	struct stop_options o = { 0 };
	_cleanup_free_ char *query = NULL;
	int n, r;

	r = OPTIONS(rows, &o, false, argc, argv, &n);
	if (r)
		return r < 0;
	if (n == 0)
		return usage_of(argv[0], "[-t SECONDS] [-s SIGNAL] CONTAINER...", n);
	/* An empty one is as good as none. */
	query = api_path("?t=%s&signal=%s", o.time ? o.time : "", o.signal ? o.signal : "");
	return api_each(cli, n, argv + 1, "POST", path, query, /* force= */ false);
}

int verb_stop(struct cli *cli, int argc, char **argv)
{
	return end(cli, argc, argv, API "/containers/%s/stop");
}

int verb_restart(struct cli *cli, int argc, char **argv)
{
	return end(cli, argc, argv, API "/containers/%s/restart");
}

int verb_kill(struct cli *cli, int argc, char **argv)
{
	static const struct option_row rows[] = {
		{ "signal", 's', OPT_TEXT, offsetof(struct stop_options, signal), NULL, NULL, "KILL unless given" },
	};
	struct stop_options o = { .signal = "KILL" };
	_cleanup_free_ char *query = NULL;
	int n, r;

	r = OPTIONS(rows, &o, false, argc, argv, &n);
	if (r)
		return r < 0;
	if (n == 0)
		return usage("kill [-s SIGNAL] CONTAINER...");
	query = api_path("?signal=%s", o.signal);
	return api_each(cli, n, argv + 1, "POST", API "/containers/%s/kill", query, /* force= */ false);
}

int verb_rm(struct cli *cli, int argc, char **argv)
{
	static const struct option_row rows[] = {
		{ "force", 'f', OPT_FLAG, offsetof(struct stop_options, force), NULL, NULL, "also when it runs" },
		{ "volumes", 'v', OPT_FLAG, offsetof(struct stop_options, volumes), NULL, NULL,
		  "with its anonymous volumes" },
	};
	struct stop_options o = { 0 };
	char query[32];
	int n, r;

	r = OPTIONS(rows, &o, false, argc, argv, &n);
	if (r)
		return r < 0;
	if (n == 0)
		return usage("rm [-f] [-v] CONTAINER...");
	snprintf(query, sizeof(query), "?force=%d&v=%d", o.force, o.volumes);
	return api_each(cli, n, argv + 1, "DELETE", API "/containers/%s", query, o.force);
}

int verb_wait(struct cli *cli, int argc, char **argv)
{
	int status = 0;

	if (argc < 2 || argv[1][0] == '-')
		return usage("wait CONTAINER...");
	for (int i = 1; i < argc; i++) {
		_cleanup_free_ char *path = api_path(API "/containers/%s/wait", argv[i]);
		cJSON *answer = NULL;

		if (api_call(cli, "POST", path, NULL, &answer) < 0 || !answer)
			status = 1;
		else
			printf("%d\n", (int)json_number_at(answer, "StatusCode"));
		fflush(stdout);
		cJSON_Delete(answer);
	}
	return status;
}
