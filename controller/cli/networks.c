/* networks.c - network ls, rm, connect, disconnect, inspect, picture; port. */
#include <stdlib.h>
#include <string.h>

#include "../../helpers/base/cleanup.h"
#include "cli.h"
#include "picture.h"

struct network_options {
	bool quiet, no_trunc, force, verbose, picture, dot, svg;
	const char *format, *ip, *ip6, *priority;
	struct texts filters, options, aliases, links, linklocals;
};
#define OPTION(name, letter, kind, field, text)                                                                        \
	{                                                                                                              \
		name, letter, kind, offsetof(struct network_options, field), NULL, NULL, text                          \
	}

/* --- ls --------------------------------------------------------------------------------------------------- */
static const struct column columns[] = {
	{ "NETWORK ID", "ID" }, { "NAME", "Name" }, { "DRIVER", "Driver" }, { "SCOPE", "Scope" },
	/* only where a format names them */
	{ "IPV4", "IPv4" }, { "IPV6", "IPv6" }, { "INTERNAL", "Internal" }, { "LABELS", "Labels" },
	{ "CREATED AT", "CreatedAt" },
};
enum { SHOWN = 4 };

/* "2026-11-22T01:59:31.778580078Z" as Go prints a time. */
static void put_created(cJSON *row, const char *rfc3339)
{
	char text[64];
	size_t n = strcspn(rfc3339, "Z");

	snprintf(text, sizeof(text), "%.*s +0000 UTC", (int)n, rfc3339);
	if (strlen(rfc3339) > 10)
		text[10] = ' ';
	cJSON_AddStringToObject(row, "CreatedAt", text);
}

static cJSON *ls_row(const cJSON *n, const struct network_options *o)
{
	static const struct {
		const char *key, *from;
	} flags[] = { { "IPv4", "EnableIPv4" }, { "IPv6", "EnableIPv6" }, { "Internal", "Internal" } };
	cJSON *row = cJSON_CreateObject();
	char id[65];

	snprintf(id, sizeof(id), "%.*s", o->no_trunc ? 64 : 12, json_text_at(n, "Id"));
	put_created(row, json_text_at(n, "Created"));
	cJSON_AddStringToObject(row, "Driver", json_text_at(n, "Driver"));
	cJSON_AddStringToObject(row, "ID", id);
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		cJSON_AddStringToObject(row, flags[i].key, cJSON_IsTrue(json_at(n, flags[i].from)) ? "true" : "false");
	row_add_labels(row, json_at(n, "Labels"));
	cJSON_AddStringToObject(row, "Name", json_text_at(n, "Name"));
	cJSON_AddStringToObject(row, "Scope", json_text_at(n, "Scope"));
	return row;
}

static int by_name(const void *a, const void *b)
{
	return strverscmp(json_text_at(*(cJSON *const *)a, "Name"), json_text_at(*(cJSON *const *)b, "Name"));
}

/* Rows by name, numbers in it by value. */
static cJSON *sorted_rows(const cJSON *list, const struct network_options *o)
{
	size_t n = (size_t)cJSON_GetArraySize(list), i = 0;
	const cJSON **all = calloc(n + 1, sizeof(*all)), *item;
	cJSON *rows = cJSON_CreateArray();

	if (!all)
		abort();
	cJSON_ArrayForEach(item, list)
		all[i++] = item;
	qsort(all, n, sizeof(*all), by_name);
	for (i = 0; i < n; i++)
		cJSON_AddItemToArray(rows, ls_row(all[i], o));
	free(all);
	return rows;
}

int network_ls(struct cli *cli, int argc, char **argv)
{
	static const struct option_row rows[] = {
		OPTION("quiet", 'q', OPT_FLAG, quiet, "only ids"),
		OPTION("no-trunc", 0, OPT_FLAG, no_trunc, "whole ids"),
		OPTION("format", 0, OPT_TEXT, format, "template, table TEMPLATE, or json"),
		OPTION("filter", 'f', OPT_LIST, filters, "NAME=VALUE"),
	};
	struct network_options o = { 0 };
	_cleanup_free_ char *filters = NULL, *path = NULL;
	cJSON *list = NULL, *table;
	int n, r;

	r = OPTIONS(rows, &o, false, argc, argv, &n);
	if (r)
		return r < 0;
	if (n)
		return usage_of("network ls", "[OPTIONS]", n);
	filters = api_filters(&o.filters);
	if (!filters || asprintf(&path, API "/networks?filters=%s", filters) < 0 ||
	    api_call(cli, "GET", path, NULL, &list) < 0)
		return 1;
	table = sorted_rows(list, &o);
	if (o.format && strncmp(o.format, "table ", 6) == 0)
		r = table_print(table, columns, ARRAY_SIZE(columns), o.format, true);
	else
		r = table_print(table, columns, o.quiet ? 1 : SHOWN, o.format, !o.quiet);
	cJSON_Delete(table);
	cJSON_Delete(list);
	return r;
}

/* --- rm, connect, disconnect ------------------------------------------------------------------------------ */
int network_rm(struct cli *cli, int argc, char **argv)
{
	static const struct option_row rows[] = {
		OPTION("force", 'f', OPT_FLAG, force, "no error when it is not there"),
	};
	struct network_options o = { 0 };
	int n, r;

	r = OPTIONS(rows, &o, false, argc, argv, &n);
	if (r)
		return r < 0;
	if (n == 0)
		return usage_of("network rm", "[-f] NETWORK...", n);
	return api_each(cli, n, argv + 1, "DELETE", API "/networks/%s", "", o.force);
}

static void put_list(cJSON *to, const char *key, const struct texts *list)
{
	cJSON *array = list->n ? cJSON_AddArrayToObject(to, key) : NULL;

	for (size_t i = 0; i < list->n; i++)
		cJSON_AddItemToArray(array, cJSON_CreateString(list->v[i]));
}

static cJSON *endpoint_settings(const struct network_options *o)
{
	cJSON *settings = cJSON_CreateObject(), *ipam;

	if (o->ip || o->ip6 || o->linklocals.n) {
		ipam = cJSON_AddObjectToObject(settings, "IPAMConfig");
		if (o->ip)
			cJSON_AddStringToObject(ipam, "IPv4Address", o->ip);
		if (o->ip6)
			cJSON_AddStringToObject(ipam, "IPv6Address", o->ip6);
		put_list(ipam, "LinkLocalIPs", &o->linklocals);
	}
	put_list(settings, "Aliases", &o->aliases);
	put_list(settings, "Links", &o->links);
	if (o->options.n)
		json_put_pairs(settings, "DriverOpts", &o->options);
	if (o->priority)
		cJSON_AddNumberToObject(settings, "GwPriority", (double)strtol(o->priority, NULL, 10));
	return settings;
}

/* Takes value, which the request has besides the container. */
static int change(struct cli *cli, const char *format, char **argv, const char *name, cJSON *value)
{
	_cleanup_free_ char *path = api_path(format, argv[1]);
	cJSON *body = cJSON_CreateObject();
	int r;

	cJSON_AddStringToObject(body, "Container", argv[2]);
	cJSON_AddItemToObject(body, name, value);
	r = api_call(cli, "POST", path, body, NULL) < 0;
	cJSON_Delete(body);
	return r;
}

int network_connect(struct cli *cli, int argc, char **argv)
{
	static const struct option_row rows[] = {
		OPTION("ip", 0, OPT_TEXT, ip, "its IPv4 address there"),
		OPTION("ip6", 0, OPT_TEXT, ip6, "its IPv6 address there"),
		OPTION("alias", 0, OPT_LIST, aliases, "further name there"),
		OPTION("link", 0, OPT_LIST, links, "CONTAINER[:ALIAS]"),
		OPTION("link-local-ip", 0, OPT_LIST, linklocals, "further link-local address"),
		OPTION("driver-opt", 0, OPT_LIST, options, "NAME=VALUE"),
		OPTION("gw-priority", 0, OPT_TEXT, priority, "the network of the highest has the way out"),
	};
	struct network_options o = { 0 };
	int n, r;

	r = OPTIONS(rows, &o, false, argc, argv, &n);
	if (r)
		return r < 0;
	if (n != 2)
		return usage_of("network connect", "[OPTIONS] NETWORK CONTAINER", n);
	return change(cli, API "/networks/%s/connect", argv, "EndpointConfig", endpoint_settings(&o));
}

int network_disconnect(struct cli *cli, int argc, char **argv)
{
	static const struct option_row rows[] = {
		OPTION("force", 'f', OPT_FLAG, force, "also when it cannot be asked"),
	};
	struct network_options o = { 0 };
	int n, r;

	r = OPTIONS(rows, &o, false, argc, argv, &n);
	if (r)
		return r < 0;
	if (n != 2)
		return usage_of("network disconnect", "[-f] NETWORK CONTAINER", n);
	return change(cli, API "/networks/%s/disconnect", argv, "Force", cJSON_CreateBool(o.force));
}

/* --- inspect and picture ---------------------------------------------------------------------------------- */
int network_inspect(struct cli *cli, int argc, char **argv)
{
	static const struct option_row rows[] = {
		OPTION("format", 'f', OPT_TEXT, format, "template: {{.IPAM.Config}}, or json"),
		OPTION("verbose", 'v', OPT_FLAG, verbose, "the same as without"),
		OPTION("picture", 0, OPT_FLAG, picture, "who is connected to what, as a tree"),
	};
	char *args[TEXTS_MAX] = { argv[0], "--type", "network", "--format" };
	struct network_options o = { 0 };
	int n, r, at = 3;

	r = OPTIONS(rows, &o, false, argc, argv, &n);
	if (r)
		return r < 0;
	if (o.picture)
		return picture_print(cli, PICTURE_TEXT, n, argv + 1);
	if (n == 0 || n + 6 > TEXTS_MAX)
		return usage_of("network inspect", "[OPTIONS] NETWORK...", n);
	if (o.format) {
		args[4] = (char *)o.format;
		at = 5;
	}
	memcpy(args + at, argv + 1, (size_t)n * sizeof(*args));
	return verb_inspect(cli, at + n, args);
}

int network_picture(struct cli *cli, int argc, char **argv)
{
	static const struct option_row rows[] = {
		OPTION("dot", 0, OPT_FLAG, dot, "as a graph for dot(1)"),
		OPTION("svg", 0, OPT_FLAG, svg, "as a drawing"),
	};
	struct network_options o = { 0 };
	int n, r;

	r = OPTIONS(rows, &o, false, argc, argv, &n);
	if (r)
		return r < 0;
	if (o.dot && o.svg)
		return fail(1, "--dot or --svg, not both");
	return picture_print(cli, o.dot ? PICTURE_DOT : o.svg ? PICTURE_SVG : PICTURE_TEXT, n, argv + 1);
}

/* --- port ------------------------------------------------------------------------------------------------- */
static int compare_lines(const void *a, const void *b)
{
	return strverscmp(*(char *const *)a, *(char *const *)b);
}

static void add_bindings(char **lines, size_t *n, const cJSON *bindings, const char *from)
{
	const cJSON *b;

	cJSON_ArrayForEach(b, bindings) {
		const char *ip = json_text_at(b, "HostIp"), *format = strchr(ip, ':') ? "%s%s[%s]:%s" : "%s%s%s:%s";

		if (asprintf(&lines[*n], format, from, *from ? " -> " : "", ip, json_text_at(b, "HostPort")) < 0)
			abort();
		++*n;
	}
}

static int print_ports(const cJSON *ports, const char *only, const char *said, const char *container)
{
	size_t n = 0, all = 0;
	const cJSON *p;
	char **lines;

	cJSON_ArrayForEach(p, ports)
		all += (size_t)cJSON_GetArraySize(p);
	lines = calloc(all + 1, sizeof(*lines));
	if (!lines)
		abort();
	cJSON_ArrayForEach(p, ports)
		if (!only || strcmp(p->string, only) == 0)
			add_bindings(lines, &n, p, only ? "" : p->string);
	qsort(lines, n, sizeof(*lines), compare_lines);
	for (size_t i = 0; i < n; i++) {
		printf("%s\n", lines[i]);
		free(lines[i]);
	}
	free(lines);
	return only && n == 0 ? fail(1, "no public port '%s' published for %s", said, container) : 0;
}

int verb_port(struct cli *cli, int argc, char **argv)
{
	_cleanup_free_ char *path = NULL;
	char only[32] = "", *end;
	cJSON *c = NULL;
	int n, r = options_parse(NULL, 0, NULL, false, argc, argv, &n);

	if (r)
		return r < 0;
	if (n < 1 || n > 2)
		return usage_of(argv[0], "CONTAINER [PORT[/PROTOCOL]]", n);
	path = api_path(API "/containers/%s/json", argv[1]);
	if (api_call(cli, "GET", path, NULL, &c) < 0)
		return 1;
	if (n == 2) {
		unsigned long port = strtoul(argv[2], &end, 10);

		if (end == argv[2] || argv[2][0] == '-' || (*end && *end != '/') || port > 65535)
			r = fail(1, "invalid port (%s)", argv[2]);
		snprintf(only, sizeof(only), "%lu/%.8s", port, *end == '/' && end[1] ? end + 1 : "tcp");
	}
	if (r == 0)
		r = print_ports(json_at(c, "NetworkSettings.Ports"), n == 2 ? only : NULL, argv[n], argv[1]);
	cJSON_Delete(c);
	return r;
}
