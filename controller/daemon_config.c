/* daemon_config.c - see daemon_config.h. The file is the operator's; it is parsed as strictly as a client's body. */
#include "daemon_config.h"

#include <errno.h>
#include <string.h>

#include "../helpers/base/cleanup.h"
#include "../helpers/base/fd.h"
#include "err.h"
#include "json.h"
#include "spec/log.h"

enum kind { TEXT, FLAG, NUMBER, TEXTS, MAP, ULIMITS };

static const struct {
	const char *name;
	enum kind kind;
	int64_t least, most; /* NUMBER */
} settings[] = {
	{ "debug", FLAG, 0, 0 },
	{ "default-shm-size", NUMBER, 1, INT64_C(1) << 50 },
	{ "default-ulimits", ULIMITS, 0, 0 },
	{ "init", FLAG, 0, 0 },
	{ "labels", TEXTS, 0, 0 },
	{ "log-driver", TEXT, 0, 0 },
	{ "log-opts", MAP, 0, 0 },
	{ "shutdown-timeout", NUMBER, 0, 3600 },
};

static bool all_texts(const cJSON *v)
{
	const cJSON *c;

	cJSON_ArrayForEach(c, v)
		if (!cJSON_IsString(c))
			return false;
	return true;
}

static bool all_ulimits(const cJSON *v)
{
	const cJSON *u;

	cJSON_ArrayForEach(u, v) {
		const cJSON *hard = json_get(u, "Hard"), *soft = json_get(u, "Soft");

		if (!cJSON_IsObject(u) || !cJSON_IsNumber(hard) || !cJSON_IsNumber(soft) ||
		    soft->valuedouble > hard->valuedouble)
			return false;
	}
	return true;
}

static bool fits(const cJSON *v, size_t i)
{
	switch (settings[i].kind) {
	case TEXT:
		return cJSON_IsString(v);
	case FLAG:
		return cJSON_IsBool(v);
	case NUMBER:
		return cJSON_IsNumber(v) && v->valuedouble >= (double)settings[i].least &&
		       v->valuedouble <= (double)settings[i].most && (double)(int64_t)v->valuedouble == v->valuedouble;
	case TEXTS:
		return cJSON_IsArray(v) && all_texts(v);
	case MAP:
		return cJSON_IsObject(v) && all_texts(v);
	case ULIMITS:
		return cJSON_IsObject(v) && all_ulimits(v);
	}
	return false;
}

static cJSON *log_config(const cJSON *config)
{
	const cJSON *opts = json_get(config, "log-opts");
	cJSON *log = cJSON_CreateObject();

	cJSON_AddStringToObject(log, "Type", daemon_config_log_driver(config));
	cJSON_AddItemToObject(log, "Config", opts ? cJSON_Duplicate(opts, true) : cJSON_CreateObject());
	return log;
}

static int check_log(const cJSON *config, struct err *err)
{
	cJSON *merged = cJSON_CreateObject(), *log = log_config(config);
	struct spec_log ignored;
	int r;

	cJSON_AddItemToObject(cJSON_AddObjectToObject(merged, "HostConfig"), "LogConfig", log);
	r = spec_log_check(log, err);
	if (r == 0)
		r = spec_log_parse(merged, &ignored, err);
	cJSON_Delete(merged);
	return r;
}

int daemon_config_read(int fd, cJSON **ret, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	struct err why = { 0 };
	const cJSON *v;
	cJSON *config;
	size_t n;
	int r = fd_read_all(fd, DAEMON_CONFIG_MAX, &text, &n);

	*ret = NULL;
	if (r < 0)
		return err_set(err, 500, "posternd.json: %s", strerror(-r));
	if (n == 0)
		return 0;
	config = json_parse(text, n, &why);
	if (!cJSON_IsObject(config)) {
		cJSON_Delete(config);
		return err_set(err, 500, "posternd.json: %s", why.status ? why.message : "not an object");
	}
	cJSON_ArrayForEach(v, config) {
		size_t i = 0;

		while (i < ARRAY_SIZE(settings) && strcmp(settings[i].name, v->string) != 0)
			i++;
		if (i == ARRAY_SIZE(settings))
			r = err_set(err, 500, "posternd.json: there is no setting \"%.60s\"", v->string);
		else if (!fits(v, i))
			r = err_set(err, 500, "posternd.json: \"%s\" has a value that it cannot have", v->string);
		if (r < 0)
			break;
	}
	if (r == 0 && check_log(config, &why) < 0)
		r = err_set(err, 500, "posternd.json: %s", why.message);
	if (r == 0)
		*ret = config;
	else
		cJSON_Delete(config);
	return r;
}

const char *daemon_config_log_driver(const cJSON *config)
{
	const char *driver = json_text(config, "log-driver", "json-file", NULL);

	return driver && driver[0] ? driver : "json-file";
}

/* Docker's rule: the default options are those of the default driver, and a client's own replace them one by one. */
static void apply_log(const cJSON *config, cJSON *host)
{
	cJSON *log = (cJSON *)json_get(host, "LogConfig"), *given, *merged;
	const char *type = json_text(log, "Type", "", NULL);
	const cJSON *opt;

	if (type && type[0] && strcmp(type, daemon_config_log_driver(config)) != 0)
		return;
	merged = log_config(config);
	given = cJSON_GetObjectItem(merged, "Config");
	cJSON_ArrayForEach(opt, json_get(log, "Config")) {
		cJSON_DeleteItemFromObjectCaseSensitive(given, opt->string);
		cJSON_AddItemToObject(given, opt->string, cJSON_Duplicate(opt, true));
	}
	cJSON_DeleteItemFromObject(host, "LogConfig");
	cJSON_AddItemToObject(host, "LogConfig", merged);
}

static bool has_ulimit(const cJSON *list, const char *name)
{
	const cJSON *u;

	cJSON_ArrayForEach(u, list)
		if (strcmp(json_text(u, "Name", "", NULL), name) == 0)
			return true;
	return false;
}

static void apply_ulimits(const cJSON *config, cJSON *host)
{
	cJSON *list = (cJSON *)json_get(host, "Ulimits");
	const cJSON *u;

	if (!json_get(config, "default-ulimits"))
		return;
	if (!cJSON_IsArray(list)) {
		cJSON_DeleteItemFromObject(host, "Ulimits");
		list = cJSON_AddArrayToObject(host, "Ulimits");
	}
	cJSON_ArrayForEach(u, json_get(config, "default-ulimits")) {
		cJSON *one;

		if (has_ulimit(list, u->string))
			continue;
		one = cJSON_CreateObject();
		cJSON_AddStringToObject(one, "Name", u->string);
		cJSON_AddItemToObject(one, "Hard", cJSON_Duplicate(json_get(u, "Hard"), true));
		cJSON_AddItemToObject(one, "Soft", cJSON_Duplicate(json_get(u, "Soft"), true));
		cJSON_AddItemToArray(list, one);
	}
}

static void apply_one(const cJSON *config, cJSON *host, const char *setting, const char *name)
{
	const cJSON *v = json_get(config, setting), *given = json_get(host, name);

	if (!v || (given && !(cJSON_IsNumber(given) && given->valuedouble == 0)))
		return;
	cJSON_DeleteItemFromObject(host, name);
	cJSON_AddItemToObject(host, name, cJSON_Duplicate(v, true));
}

cJSON *daemon_config_apply(const cJSON *config, const cJSON *body)
{
	cJSON *copy = cJSON_Duplicate(body, true), *host = (cJSON *)json_get(copy, "HostConfig");

	if (!config || !cJSON_IsObject(copy) || (host && !cJSON_IsObject(host)))
		return copy;
	if (!host) {
		cJSON_DeleteItemFromObject(copy, "HostConfig");
		host = cJSON_AddObjectToObject(copy, "HostConfig");
	}
	apply_log(config, host);
	apply_ulimits(config, host);
	apply_one(config, host, "default-shm-size", "ShmSize");
	apply_one(config, host, "init", "Init");
	return copy;
}
