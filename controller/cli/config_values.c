/* config_values.c - values of run's options that are more than a text or a number: ports, health checks, throttles. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../../helpers/base/cleanup.h"
#include "config.h"

int config_add_pair_file(void *to, const struct option_row *row, const char *value)
{
	_cleanup_free_ char *text = text_file(value);
	char *rest = text, *line;

	if (!text)
		return -1;
	while ((line = strsep(&rest, "\n"))) {
		line += strspn(line, " \t");
		line[strcspn(line, "\r")] = '\0';
		if (*line && *line != '#')
			config_add_pair(to, row, line);
	}
	return 0;
}

/* --- ports ------------------------------------------------------------------------------------------------ */
enum { PORTS_MAX = 4096 /* of one range */ };

/* "80" or "80-90"; the number of ports, or 0. */
static unsigned parse_ports(const char *text, unsigned *ret_first)
{
	char *end;
	unsigned long first = strtoul(text, &end, 10), last = first;

	if (end == text || !isdigit((unsigned char)*text))
		return 0;
	if (*end == '-' && isdigit((unsigned char)end[1]))
		last = strtoul(end + 1, &end, 10);
	if (*end || first > 65535 || last > 65535 || last < first || last - first >= PORTS_MAX)
		return 0;
	*ret_first = (unsigned)first;
	return (unsigned)(last - first) + 1;
}

static cJSON *object_at(struct run_options *o, const char *path)
{
	const char *key;
	cJSON *h = config_holder(o->body, path, &key), *v = cJSON_GetObjectItemCaseSensitive(h, key);

	return v ? v : cJSON_AddObjectToObject(h, key);
}

static void expose(struct run_options *o, const char *port)
{
	cJSON *ports = object_at(o, "ExposedPorts");

	if (!cJSON_GetObjectItemCaseSensitive(ports, port))
		cJSON_AddObjectToObject(ports, port);
}

static void bind_port(struct run_options *o, const char *port, const char *address, const char *host)
{
	cJSON *bindings = object_at(o, "HostConfig.PortBindings"), *list, *b = cJSON_CreateObject();

	list = cJSON_GetObjectItemCaseSensitive(bindings, port);
	if (!list)
		list = cJSON_AddArrayToObject(bindings, port);
	cJSON_AddStringToObject(b, "HostIp", address);
	cJSON_AddStringToObject(b, "HostPort", host);
	cJSON_AddItemToArray(list, b);
}

/* Cuts "/udp" off; NULL when it is no protocol. */
static const char *take_protocol(char *text)
{
	char *slash = strchr(text, '/');

	if (!slash)
		return "tcp";
	*slash = '\0';
	for (char *p = slash + 1; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return strcmp(slash + 1, "tcp") == 0 || strcmp(slash + 1, "udp") == 0 || strcmp(slash + 1, "sctp") == 0
		       ? slash + 1
		       : NULL;
}

/* [[ADDRESS:][HOST]:]CONTAINER[/PROTOCOL], ports or ranges of the same length; an IPv6 address in brackets. */
int config_add_port(void *to, const struct option_row *row, const char *value)
{
	_cleanup_free_ char *text = strdup(value);
	const char *protocol = text ? take_protocol(text) : NULL, *address = "", *host = "";
	char *inside = text ? strrchr(text, ':') : NULL, *outside;
	unsigned first, host_first = 0, n, host_n = 0;

	if (inside) {
		*inside++ = '\0';
		outside = strrchr(text, ':');
		if (text[0] == '[' && text[strlen(text) - 1] == ']')
			outside = NULL;
		host = outside ? outside + 1 : text;
		if (outside) {
			*outside = '\0';
			address = text;
			if (*address == '[' && text[strlen(text) - 1] == ']') {
				text[strlen(text) - 1] = '\0';
				address = text + 1;
			}
		}
	}
	n = text ? parse_ports(inside ? inside : text, &first) : 0;
	if (n && *host)
		host_n = parse_ports(host, &host_first);
	/* A range outside for one port inside: the engine takes a free one. */
	if (!protocol || !n || (*host && !host_n) || (host_n && n > 1 && host_n != n))
		return fail(-1,
			    "invalid argument \"%s\" for \"-p, --publish\" flag: it is "
			    "[[ADDRESS:]PORT:]PORT[/tcp|udp|sctp]",
			    value);
	for (unsigned i = 0; i < n; i++) {
		char port[32], number[16] = "";

		snprintf(port, sizeof(port), "%u/%s", first + i, protocol);
		if (host_n > 1 && n == 1)
			snprintf(number, sizeof(number), "%s", host);
		else if (host_n)
			snprintf(number, sizeof(number), "%u", host_first + i);
		expose(to, port);
		bind_port(to, port, address, number);
	}
	return 0;
}

int config_add_expose(void *to, const struct option_row *row, const char *value)
{
	_cleanup_free_ char *text = strdup(value);
	const char *protocol = text ? take_protocol(text) : NULL;
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): its cleanup attribute frees it */
	unsigned first, n = protocol ? parse_ports(text, &first) : 0;

	if (!n)
		return fail(-1, "invalid range format for --expose: %s", value);
	for (unsigned i = 0; i < n; i++) {
		char port[32];

		snprintf(port, sizeof(port), "%u/%s", first + i, protocol);
		expose(to, port);
	}
	return 0;
}

/* --- devices ---------------------------------------------------------------------------------------------- */
/* "/dev/sda:VALUE", cut at the last colon. */
static char *split_device(const char *value, char **ret_number)
{
	char *text = strdup(value), *colon = text ? strrchr(text, ':') : NULL;

	if (!colon || strncmp(text, "/dev/", 5) != 0) {
		free(text);
		return NULL;
	}
	*colon = '\0';
	*ret_number = colon + 1;
	return text;
}

int config_add_throttle(void *to, const struct option_row *row, const char *value)
{
	bool bytes = strstr(row->name, "bps");
	_cleanup_free_ char *path = NULL;
	char *number, *end = NULL;
	int64_t n = 0;
	cJSON *d;

	path = split_device(value, &number);
	if (path && bytes && size_argument(number, &n) < 0)
		n = -1;
	if (path && !bytes) {
		n = strtoll(number, &end, 10);
		if (!*number || *end)
			n = -1;
	}
	if (!path || n < 0)
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): its cleanup attribute frees it */
		return fail(-1, "invalid argument \"%s\" for \"--%s\" flag: it is <device-path>:<number>%s", value,
			    row->name, bytes ? "[<unit>]" : "");
	d = cJSON_CreateObject();
	cJSON_AddStringToObject(d, "Path", path);
	cJSON_AddNumberToObject(d, "Rate", (double)n);
	cJSON_AddItemToArray(config_list(to, row->path), d);
	return 0;
}

int config_add_weight_device(void *to, const struct option_row *row, const char *value)
{
	_cleanup_free_ char *path = NULL;
	char *number, *end;
	long n;
	cJSON *d;

	path = split_device(value, &number);
	n = path ? strtol(number, &end, 10) : -1;
	if (!path || !*number || *end || (n && (n < 10 || n > 1000)))
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): its cleanup attribute frees it */
		return fail(-1, "invalid argument \"%s\" for \"--%s\" flag: it is <device-path>:weight, 10 to 1000",
			    value, row->name);
	d = cJSON_CreateObject();
	cJSON_AddStringToObject(d, "Path", path);
	cJSON_AddNumberToObject(d, "Weight", (double)n);
	cJSON_AddItemToArray(config_list(to, row->path), d);
	return 0;
}

/* "all", "2", "device=0,1", "driver=cdi,count=1,capabilities=gpu": Docker's request for devices. */
int config_add_gpus(void *to, const struct option_row *row, const char *value)
{
	cJSON *d = cJSON_CreateObject(), *caps, *inner;
	char *end;
	long count = strcmp(value, "all") == 0 ? -1 : strtol(value, &end, 10);

	if (strncmp(value, "device=", 7) == 0) {
		cJSON *ids = cJSON_AddArrayToObject(d, "DeviceIDs");
		_cleanup_free_ char *text = strdup(value + 7);
		char *rest = text, *id;

		while (rest && (id = strsep(&rest, ",")))
			cJSON_AddItemToArray(ids, cJSON_CreateString(id));
	} else if (count == -1 || (*value && !*end && count > 0)) {
		cJSON_AddNumberToObject(d, "Count", (double)count);
	} else {
		cJSON_Delete(d);
		return fail(-1, "--%s is all, a number or device=ID,..., not '%s'", row->name, value);
	}
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): its cleanup attribute frees it */
	caps = cJSON_AddArrayToObject(d, "Capabilities");
	inner = cJSON_CreateArray();
	cJSON_AddItemToArray(inner, cJSON_CreateString("gpu"));
	cJSON_AddItemToArray(caps, inner);
	cJSON_AddItemToArray(config_list(to, row->path), d);
	return 0;
}

/* --- restarts and health ---------------------------------------------------------------------------------- */
int config_put_restart(void *to, const struct option_row *row, const char *value)
{
	const char *colon = strchr(value, ':');
	char name[32], *end = NULL;
	long count = colon ? strtol(colon + 1, &end, 10) : 0;

	if (colon && (!colon[1] || *end))
		return fail(-1, "maximum retry count must be an integer");
	snprintf(name, sizeof(name), "%.*s", colon ? (int)(colon - value) : 31, value);
	config_put(to, "HostConfig.RestartPolicy.Name", cJSON_CreateString(name));
	config_put(to, "HostConfig.RestartPolicy.MaximumRetryCount", cJSON_CreateNumber((double)count));
	return 0;
}

int config_put_health(void *to, const struct option_row *row, const char *value)
{
	cJSON *test = cJSON_CreateArray();

	cJSON_AddItemToArray(test, cJSON_CreateString("CMD-SHELL"));
	cJSON_AddItemToArray(test, cJSON_CreateString(value));
	config_put(to, row->path, test);
	return 0;
}

int config_put_no_health(void *to, const struct option_row *row, const char *value)
{
	cJSON *test;

	if (strcmp(value, "true") != 0)
		return 0;
	test = cJSON_CreateArray();
	cJSON_AddItemToArray(test, cJSON_CreateString("NONE"));
	config_put(to, "Healthcheck.Test", test);
	return 0;
}

int config_put_duration(void *to, const struct option_row *row, const char *value)
{
	static const struct {
		const char *unit;
		double ns;
	} units[] = { { "ns", 1 }, { "us", 1e3 }, { "ms", 1e6 }, { "s", 1e9 }, { "m", 60e9 }, { "h", 3600e9 } };
	const char *p = value;
	double sum = 0;

	while (*p && sum >= 0) {
		char *end;
		double v = strtod(p, &end);
		size_t n = strspn(end, "nusmh"), i;

		for (i = 0; i < ARRAY_SIZE(units); i++)
			if (strlen(units[i].unit) == n && strncmp(units[i].unit, end, n) == 0)
				break;
		if (end == p || v < 0 || i == ARRAY_SIZE(units))
			sum = -1;
		else
			sum += v * units[i].ns;
		p = end + n;
	}
	if (!*value || sum < 0 || sum > 9e18)
		return fail(-1, "invalid argument \"%s\" for \"--%s\" flag: time: invalid duration", value, row->name);
	config_put(to, row->path, cJSON_CreateNumber(sum));
	return 0;
}
