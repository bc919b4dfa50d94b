/* config_values.c - values of run's options that are more than a text or a number: health checks, throttles,
 * devices. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../../helpers/base/cleanup.h"
#include "config.h"

int config_add_lines(void *to, const struct option_row *row, const char *path,
		     int (*add)(void *to, const struct option_row *row, const char *line))
{
	_cleanup_free_ char *text = text_file(path);
	char *rest = text, *line;

	if (!text)
		return -1;
	while ((line = strsep(&rest, "\n"))) {
		line += strspn(line, " \t");
		line[strcspn(line, "\r")] = '\0';
		if (*line && *line != '#' && add(to, row, line) < 0)
			return -1;
	}
	return 0;
}

int config_add_pair_file(void *to, const struct option_row *row, const char *value)
{
	return config_add_lines(to, row, value, config_add_pair);
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
