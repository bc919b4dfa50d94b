/* system.c - inspect, info, version, events. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../helpers/base/cleanup.h"
#include "cli.h"
#include "http_client.h"

struct show_options {
	const char *format, *type, *since, *until;
	struct texts filters;
	bool size;
};

static const struct option_row format_rows[] = {
	{ "format", 'f', OPT_TEXT, offsetof(struct show_options, format), NULL, NULL,
	  "template: {{.Field.Name}}, or json" },
};

/* --- inspect ---------------------------------------------------------------------------------------------- */
static const struct {
	const char *type, *path;
} kinds[] = { { "container", API "/containers/%s/json" },
	      { "image", API "/images/%s/json" },
	      { "network", API "/networks/%s" },
	      { "volume", API "/volumes/%s" } };

/* The first kind that knows the name. NULL after a message. */
static cJSON *find_any(struct cli *cli, const char *name, const char *type)
{
	char error[2048] = "";
	bool known = false;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		_cleanup_free_ char *path = api_path(kinds[i].path, name);
		cJSON *v = NULL;
		int r;

		if (type && strcmp(type, kinds[i].type) != 0)
			continue;
		known = true;
		r = api_try(cli, "GET", path, NULL, &v, error, sizeof(error));
		if (r >= 0 && v)
			return v;
		if (r == -1)
			return NULL;
		if (r != -404 || type) {
			fprintf(stderr, "Error response from daemon: %s\n", error);
			return NULL;
		}
	}
	if (known)
		fprintf(stderr, "Error: No such object: %s\n", name);
	else
		fail(1, "--type is container, image, network or volume, not '%s'", type);
	return NULL;
}

/* As an indented array, or by template line by line. */
static int print_objects(const cJSON *list, const char *format)
{
	const cJSON *v;

	if (!format) {
		json_print(stdout, list, 0);
		return 0;
	}
	cJSON_ArrayForEach(v, list) {
		if (template_print(stdout, strcmp(format, "json") == 0 ? "{{json .}}" : format, v) < 0)
			return 1;
	}
	return 0;
}

int verb_inspect(struct cli *cli, int argc, char **argv)
{
	static const struct option_row rows[] = {
		{ "format", 'f', OPT_TEXT, offsetof(struct show_options, format), NULL, NULL,
		  "template: {{.State.Status}}, or json" },
		{ "type", 0, OPT_TEXT, offsetof(struct show_options, type), NULL, NULL,
		  "container, image, network or volume" },
		{ "size", 's', OPT_FLAG, offsetof(struct show_options, size), NULL, NULL, "with sizes" },
	};
	struct show_options o = { 0 };
	int n, r, status = 0;
	cJSON *list;

	r = OPTIONS(rows, &o, false, argc, argv, &n);
	if (r)
		return r < 0;
	if (n == 0)
		return usage("inspect [--format F] [--type T] NAME...");
	list = cJSON_CreateArray();
	for (int i = 1; i <= n; i++) {
		cJSON *v = find_any(cli, argv[i], o.type);

		if (v)
			cJSON_AddItemToArray(list, v);
		else
			status = 1;
	}
	if (print_objects(list, o.format))
		status = 1;
	cJSON_Delete(list);
	return status;
}

/* --- info and version ------------------------------------------------------------------------------------- */
/* Name, value per line; objects and lists indented below their name. */
static void print_tree(const cJSON *v, int depth)
{
	char text[1024];
	const cJSON *c;

	cJSON_ArrayForEach(c, v) {
		const char *name = c->string ? c->string : "-";

		if (cJSON_IsNull(c) || ((cJSON_IsObject(c) || cJSON_IsArray(c)) && !c->child))
			continue;
		printf("%*s%s%s", depth, "", name, c->string ? ":" : "");
		if (cJSON_IsString(c)) {
			text_plain(text, sizeof(text), c->valuestring);
			printf(" %s\n", text);
		} else if (cJSON_IsObject(c) || cJSON_IsArray(c)) {
			putchar('\n');
			print_tree(c, depth + 2);
		} else {
			_cleanup_free_ char *value = cJSON_PrintUnformatted(c);

			printf(" %s\n", value ? value : "");
		}
	}
}

static int show(struct cli *cli, const char *path, int argc, char **argv, const char *how)
{
	struct show_options o = { 0 };
	cJSON *v = NULL;
	int n, r;

	r = OPTIONS(format_rows, &o, false, argc, argv, &n);
	if (r)
		return r < 0;
	if (n)
		return usage(how);
	if (api_call(cli, "GET", path, NULL, &v) < 0)
		return 1;
	if (o.format)
		r = template_print(stdout, strcmp(o.format, "json") == 0 ? "{{json .}}" : o.format, v) < 0;
	else
		print_tree(v, 0);
	cJSON_Delete(v);
	return r;
}

int verb_info(struct cli *cli, int argc, char **argv)
{
	return show(cli, API "/info", argc, argv, "info [--format F]");
}

/* The two sides, as Docker names them. */
int verb_version(struct cli *cli, int argc, char **argv)
{
	struct show_options o = { 0 };
	cJSON *both, *client, *server = NULL;
	int n, r;

	r = OPTIONS(format_rows, &o, false, argc, argv, &n);
	if (r)
		return r < 0;
	if (n)
		return usage_of(argv[0], "[--format F]", n);
	if (api_call(cli, "GET", API "/version", NULL, &server) < 0)
		return 1;
	both = cJSON_CreateObject();
	client = cJSON_AddObjectToObject(both, "Client");
	cJSON_AddStringToObject(client, "Version", json_text_at(server, "Version")); /* of one build */
	cJSON_AddStringToObject(client, "ApiVersion", API + 2);
	cJSON_AddStringToObject(client, "APIVersion", API + 2);
	cJSON_AddStringToObject(client, "Os", "linux");
	cJSON_AddStringToObject(client, "Arch", json_text_at(server, "Arch"));
	/* Docker's templates have its field's name, its JSON another. */
	cJSON_AddStringToObject(server, "APIVersion", json_text_at(server, "ApiVersion"));
	cJSON_AddItemToObject(both, "Server", server);
	if (o.format)
		r = template_print(stdout, strcmp(o.format, "json") == 0 ? "{{json .}}" : o.format, both) < 0;
	else
		print_tree(both, 0);
	cJSON_Delete(both);
	return r;
}

/* --- events ----------------------------------------------------------------------------------------------- */
static int show_event(void *data, const cJSON *v)
{
	const char *format = data;
	int64_t ns = (int64_t)json_number_at(v, "timeNano");
	time_t t = (time_t)json_number_at(v, "time");
	char date[64], text[512];
	const cJSON *attribute;
	bool first = true;
	struct tm tm;

	if (format) {
		if (template_print(stdout, strcmp(format, "json") == 0 ? "{{json .}}" : format, v) < 0)
			return 1;
		return fflush(stdout) ? 1 : 0;
	}
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", gmtime_r(&t, &tm));
	printf("%s.%09lldZ %s %s %s", date, (long long)(ns - (int64_t)t * 1000000000), json_text_at(v, "Type"),
	       json_text_at(v, "Action"), json_text_at(v, "Actor.ID"));
	cJSON_ArrayForEach(attribute, json_at(v, "Actor.Attributes")) {
		text_plain(text, sizeof(text), cJSON_IsString(attribute) ? attribute->valuestring : "");
		printf("%s%s=%s", first ? " (" : ", ", attribute->string, text);
		first = false;
	}
	printf("%s\n", first ? "" : ")");
	return fflush(stdout) ? 1 : 0;
}

int verb_events(struct cli *cli, int argc, char **argv)
{
	static const struct option_row rows[] = {
		{ "since", 0, OPT_TEXT, offsetof(struct show_options, since), NULL, NULL, "from a time on, or 10m" },
		{ "until", 0, OPT_TEXT, offsetof(struct show_options, until), NULL, NULL, "up to a time" },
		{ "filter", 'f', OPT_LIST, offsetof(struct show_options, filters), NULL, NULL, "NAME=VALUE" },
		{ "format", 0, OPT_TEXT, offsetof(struct show_options, format), NULL, NULL, "template, or json" },
	};
	struct show_options o = { 0 };
	_cleanup_free_ char *filters = NULL, *path = NULL;
	char since[64] = "", until[64] = "";
	struct http *h;
	int n, r;

	r = OPTIONS(rows, &o, false, argc, argv, &n);
	if (r)
		return r < 0;
	if ((o.since && time_argument(o.since, since, sizeof(since)) < 0) ||
	    (o.until && time_argument(o.until, until, sizeof(until)) < 0))
		return 1;
	filters = api_filters(&o.filters);
	if (!filters)
		return 1;
	if (asprintf(&path, API "/events?filters=%s%s%s%s%s", filters, *since ? "&since=" : "", since,
		     *until ? "&until=" : "", until) < 0)
		return 1;
	h = api_open(cli, "GET", path, "");
	if (!h)
		return 1;
	r = api_stream(h, show_event, (void *)o.format) ? 1 : 0;
	http_finish(h);
	free(h);
	return r;
}
