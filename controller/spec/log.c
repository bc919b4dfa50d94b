/* log.c - see log.h. Everything here is a client's: hostile. */
#include "log.h"

#include <ctype.h>
#include <errno.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../../helpers/base/cleanup.h"
#include "../../helpers/protocol/logfile.h"
#include "internal.h"

enum {
	SLOTS_MIN = 4, /* finer than few big files: a turn drops less at once, and a reader has longer to follow */
	TAG_MAX = 1024,
	REGEX_MAX = 512,
	ATTRS_MAX = 8192, /* what a monitor takes */
};

const char *const spec_log_drivers[SPEC_LOG_DRIVERS] = {
	[SPEC_LOG_JOURNALD] = "journald",
	[SPEC_LOG_JSON_FILE] = "json-file",
	[SPEC_LOG_LOCAL] = "local",
	[SPEC_LOG_NONE] = "none",
};

static const struct {
	const char *options, *unknown;
} drivers[SPEC_LOG_DRIVERS] = {
	[SPEC_LOG_JOURNALD] = { "labels,labels-regex,env,env-regex,tag",
				"unknown log opt '%.64s' for journald log driver" },
	[SPEC_LOG_JSON_FILE] = { "max-size,max-file,compress,labels,labels-regex,env,env-regex,tag",
				 "unknown log opt '%.64s' for json-file log driver" },
	[SPEC_LOG_LOCAL] = { "max-size,max-file,compress", "unknown log opt '%.64s' for log driver local" },
	[SPEC_LOG_NONE] = { NULL, NULL },
};

/* Go's strconv.ParseBool: 1, 0, or -1. */
static int parse_bool(const char *text)
{
	if (list_has("1,t,T,TRUE,true,True", ',', text))
		return 1;
	return list_has("0,f,F,FALSE,false,False", ',', text) ? 0 : -1;
}

/* "10m", "1.5gb", "512": powers of `base`. -1 when it is no size. */
static int64_t parse_size(const char *text, double base)
{
	static const char units[] = "bkmgtp";
	const char *unit;
	double v;
	char *end;

	if (text[0] < '0' || text[0] > '9' || strspn(text, "0123456789.") == 0)
		return -1;
	v = strtod(text, &end);
	while (*end == ' ')
		end++;
	unit = *end ? strchr(units, *end | 0x20) : units;
	if (!unit || (*end && !*unit))
		return -1;
	if (*end)
		end++;
	if (unit > units && (*end | 0x20) == 'i')
		end++;
	if (unit > units && (*end | 0x20) == 'b')
		end++;
	for (; unit > units; unit--)
		v *= base;
	return *end || v > 9e18 ? -1 : (int64_t)v;
}

/* Options that every driver has. */
static int check_common(const cJSON *config, struct err *err)
{
	const char *mode = get_text(config, "mode"), *buffer = get_text(config, "max-buffer-size");

	if (mode[0] && !list_has("blocking,non-blocking", ',', mode))
		return err_set(err, 400, "logger: logging mode not supported: %.64s", mode);
	if (!json_get(config, "max-buffer-size"))
		return 0;
	if (strcmp(mode, "non-blocking") != 0)
		return err_set(err, 400, "logger: max-buffer-size option is only supported with 'mode=non-blocking'");
	if (parse_size(buffer, 1024) < 0)
		return err_set(err, 400, "error parsing option max-buffer-size: invalid size: '%.64s'", buffer);
	return 0;
}

static int driver_by_name(const char *name)
{
	for (int i = 0; i < SPEC_LOG_DRIVERS; i++)
		if (strcmp(spec_log_drivers[i], name) == 0)
			return i;
	return -1;
}

int spec_log_check(const cJSON *log, struct err *err)
{
	const char *type = get_text(log, "Type");
	const cJSON *config = json_get(log, "Config"), *opt;
	int driver = type[0] ? driver_by_name(type) : SPEC_LOG_JSON_FILE;

	if (driver == SPEC_LOG_NONE)
		return 0;
	if (check_common(config, err) < 0)
		return -1;
	if (driver < 0)
		return err_set(err, 400, "logger: no log driver named '%.64s' is registered", type);
	cJSON_ArrayForEach(opt, config) {
		if (list_has("mode,max-buffer-size,cache-disabled,cache-max-size,cache-max-file,cache-compress", ',',
			     opt->string))
			continue;
		if (!list_has(drivers[driver].options, ',', opt->string))
			return err_set(err, 400, drivers[driver].unknown, opt->string);
	}
	return 0;
}

/* Few big files become more and smaller parts of the same sum. */
static void set_parts(struct spec_log *l, uint64_t size, uint64_t files)
{
	uint64_t slots = files < SLOTS_MIN ? SLOTS_MIN : files > LOG_SLOTS_MAX ? LOG_SLOTS_MAX : files;

	if (size > LOG_SIZE_MAX)
		size = LOG_SIZE_MAX;
	size = size > UINT64_MAX / files ? UINT64_MAX / slots : size * files / slots;
	l->size = size > LOG_SIZE_MAX ? LOG_SIZE_MAX : size ? size : 1;
	l->slots = (uint32_t)slots;
}

#define FAILED "failed to initialize logging driver: "

/* How the file is bounded: by options of its own, or, where it is kept beside something else, by those of a cache. */
static const struct {
	const char *size, *files, *compress;
} bounds[] = { { "max-size", "max-file", "compress" }, { "cache-max-size", "cache-max-file", "cache-compress" } };

static int parse_values(const cJSON *config, struct spec_log *l, struct err *err)
{
	unsigned which = l->driver == SPEC_LOG_JOURNALD;
	const char *size = get_text(config, bounds[which].size), *file = get_text(config, bounds[which].files),
		   *compress = get_text(config, bounds[which].compress);
	bool local = l->driver != SPEC_LOG_JSON_FILE;
	/* "-1" stands for "without bound" */
	bool given = json_get(config, bounds[which].size) && strcmp(size, "-1") != 0;
	int64_t bytes = local ? 20 * 1024 * 1024 : 0;
	long files = local ? 5 : 1;
	int on = local;
	char *end;

	if (given && (bytes = parse_size(size, 1000)) < 0)
		return err_set(err, 400, FAILED "invalid size: '%.64s'", size);
	if (given && bytes == 0)
		return err_set(err, 400, FAILED "max-size must be a positive number");
	if (file[0]) {
		errno = 0;
		files = strtol(file, &end, 10);
		if (*end || errno)
			return err_set(err, 400, FAILED "strconv.Atoi: parsing \"%.64s\": invalid syntax", file);
		if (files < 1)
			return err_set(err, 400, FAILED "max-file cannot be less than 1");
	}
	if (compress[0] && (on = parse_bool(compress)) < 0)
		return err_set(err, 400, FAILED "strconv.ParseBool: parsing \"%.64s\": invalid syntax", compress);
	if (on && (files < 2 || !bytes)) {
		if (compress[0] || !local)
			return err_set(err, 400,
				       FAILED
				       "compress cannot be true when max-file is less than 2 or max-size is not set");
		on = 0;
	}
	l->compress = on;
	if (bytes)
		set_parts(l, (uint64_t)bytes, (uint64_t)files);
	return 0;
}

bool spec_log_readable(const cJSON *host)
{
	const cJSON *log = json_get(host, "LogConfig");
	int driver = driver_by_name(get_text(log, "Type"));

	return driver != SPEC_LOG_NONE &&
	       (driver != SPEC_LOG_JOURNALD || parse_bool(get_text(json_get(log, "Config"), "cache-disabled")) != 1);
}

int spec_log_parse(const cJSON *merged, struct spec_log *ret, struct err *err)
{
	const cJSON *log = json_get(json_get(merged, "HostConfig"), "LogConfig");
	int driver = driver_by_name(get_text(log, "Type"));
	struct spec_log l = { .driver = driver < 0 ? SPEC_LOG_JSON_FILE : (enum spec_log_driver)driver };

	l.binary = l.driver == SPEC_LOG_LOCAL || l.driver == SPEC_LOG_JOURNALD;
	l.kept = spec_log_readable(json_get(merged, "HostConfig"));
	if (l.driver == SPEC_LOG_JOURNALD)
		l.journal = strcmp(get_text(json_get(log, "Config"), "mode"), "non-blocking") == 0 ? LOG_JOURNAL_DROPS :
												     LOG_JOURNAL_WAITS;
	if (l.driver != SPEC_LOG_NONE && parse_values(json_get(log, "Config"), &l, err) < 0)
		return -1;
	*ret = l;
	return 0;
}

/* --- what is added to each line --- */
/* NULL: none was asked for. */
static int compile(const cJSON *config, const char *name, regex_t *re, regex_t **ret, struct err *err)
{
	const char *text = get_text(config, name);

	*ret = NULL;
	if (!text[0])
		return 0;
	if (strlen(text) > REGEX_MAX || regcomp(re, text, REG_EXTENDED | REG_NOSUB) != 0)
		return err_set(err, 400, FAILED "error parsing regexp: `%.100s`", text);
	*ret = re;
	return 0;
}

static bool wanted(const char *list, const regex_t *re, const char *key)
{
	return list_has(list, ',', key) || (re && regexec(re, key, 0, NULL, 0) == 0);
}

/* By key, as Go prints its maps. */
static cJSON *sorted(cJSON *attrs, struct err *err)
{
	cJSON *out = cJSON_CreateObject();

	while (out && attrs && attrs->child) {
		cJSON *least = attrs->child, *e;

		cJSON_ArrayForEach(e, attrs)
			if (strcmp(e->string, least->string) < 0)
				least = e;
		if (json_put(out, least->string, cJSON_DetachItemViaPointer(attrs, least), err) < 0)
			break;
	}
	cJSON_Delete(attrs);
	return out;
}

static int add_labels(cJSON *attrs, const cJSON *merged, const cJSON *options, struct err *err)
{
	const cJSON *label;
	regex_t space, *re;
	int r = compile(options, "labels-regex", &space, &re, err);

	cJSON_ArrayForEach(label, json_get(json_get(merged, "Config"), "Labels"))
		if (r == 0 && cJSON_IsString(label) && wanted(get_text(options, "labels"), re, label->string))
			r = json_put_text(attrs, label->string, label->valuestring, err);
	if (re)
		regfree(re);
	return r;
}

static int add_env(cJSON *attrs, const cJSON *merged, const cJSON *options, struct err *err)
{
	const cJSON *e;
	regex_t space, *re;
	int r = compile(options, "env-regex", &space, &re, err);

	cJSON_ArrayForEach(e, json_get(json_get(merged, "Config"), "Env")) {
		_cleanup_free_ char *key = cJSON_IsString(e) ? strdup(e->valuestring) : NULL;
		char *value = key ? strchr(key, '=') : NULL;

		if (!value)
			continue;
		*value++ = '\0';
		if (r == 0 && wanted(get_text(options, "env"), re, key))
			r = json_put_text(attrs, key, value, err);
	}
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): its cleanup attribute frees it */
	if (re)
		regfree(re);
	return r;
}

/* Docker's template of a tag: texts and {{.Name}} and its like. out: TAG_MAX + 1 bytes. */
static int expand_tag(const char *tag, const struct spec_log_info *info, char *out, struct err *err)
{
	const struct {
		const char *name, *value;
		int max; /* bytes of it */
	} fields[] = {
		{ "ID", info->id, 12 },
		{ "FullID", info->id, 64 },
		{ "Name", info->name, 256 },
		{ "ImageID", info->image_id, 12 },
		{ "ImageFullID", info->image_id, 64 },
		{ "ImageName", info->image_ref, 512 },
		{ "DaemonName", "docker", 16 },
	};
	size_t n = 0;

	while (*tag && n < TAG_MAX) {
		size_t len, i;

		if (strncmp(tag, "{{", 2) != 0) {
			out[n++] = *tag++;
			continue;
		}
		tag += 2 + strspn(tag + 2, " ");
		len = tag[0] == '.' ? strspn(tag + 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") : 0;
		for (i = 0; i < ARRAY_SIZE(fields); i++)
			if (len == strlen(fields[i].name) && strncmp(fields[i].name, tag + 1, len) == 0)
				break;
		if (i == ARRAY_SIZE(fields) || strncmp(tag + 1 + len + strspn(tag + 1 + len, " "), "}}", 2) != 0)
			return err_set(err, 400,
				       FAILED "template: log-tag:1: what stands at \"{{%.60s\" is not one of {{.ID}}, "
					      "{{.FullID}}, {{.Name}}, {{.ImageID}}, {{.ImageFullID}}, {{.ImageName}}, "
					      "{{.DaemonName}}",
				       tag);
		tag += 1 + len;
		tag += strspn(tag, " ") + 2;
		n += (size_t)snprintf(out + n, TAG_MAX + 1 - n, "%.*s", fields[i].max, fields[i].value);
	}
	if (n > TAG_MAX)
		return err_set(err, 400, FAILED "the tag is too long");
	out[n] = '\0';
	return 0;
}

/* What a monitor takes: *ret_text in fresh memory. */
static int print_attrs(const cJSON *attrs, char **ret_text, struct err *err)
{
	char *text = cJSON_PrintUnformatted(attrs);

	if (!text)
		return err_set(err, 500, "out of memory");
	if (strlen(text) > ATTRS_MAX) {
		free(text);
		return err_set(err, 400, FAILED "labels, env and tag are more than %d bytes", ATTRS_MAX);
	}
	*ret_text = text;
	return 0;
}

int spec_log_attrs(const cJSON *merged, const struct spec_log_info *info, char **ret_text, struct err *err)
{
	const cJSON *options = json_get(json_get(json_get(merged, "HostConfig"), "LogConfig"), "Config");
	cJSON *attrs = cJSON_CreateObject();
	char tag[TAG_MAX + 1] = "", *text = NULL;
	int r;

	if (!attrs)
		return err_set(err, 500, "out of memory");
	r = add_labels(attrs, merged, options, err);
	if (r == 0)
		r = add_env(attrs, merged, options, err);
	if (r == 0 && get_text(options, "tag")[0]) {
		r = expand_tag(get_text(options, "tag"), info, tag, err);
		if (r == 0)
			r = json_put_text(attrs, "tag", tag, err);
	}
	if (r == 0 && attrs->child) {
		attrs = sorted(attrs, err);
		r = print_attrs(attrs, &text, err);
	}
	cJSON_Delete(attrs);
	if (r == 0)
		*ret_text = text;
	return r;
}

/* --- fields of the journal --- */
/* "com.example/x" becomes "COM_EXAMPLE_X", as Docker does it; false when nothing is left. */
static bool field_name(const char *key, char *ret, size_t size)
{
	size_t n = 0;

	for (; *key && n < size - 1; key++) {
		char ch = isalnum((unsigned char)*key) ? (char)toupper((unsigned char)*key) : '_';

		if (n || ch != '_')
			ret[n++] = ch;
	}
	ret[n] = '\0';
	return n > 0 && !*key;
}

/* Labels and environment of a client's choice never take the place of a field that says whose entry it is. */
static int add_renamed(cJSON *fields, const cJSON *attrs, struct err *err)
{
	const cJSON *v;
	char name[65];

	cJSON_ArrayForEach(v, attrs)
		if (field_name(v->string, name, sizeof(name)) && !json_get(fields, name) &&
		    json_put_text(fields, name, v->valuestring, err) < 0)
			return -1;
	return 0;
}

int spec_log_journal(const cJSON *merged, const struct spec_log_info *info, char **ret_text, struct err *err)
{
	const cJSON *options = json_get(json_get(json_get(merged, "HostConfig"), "LogConfig"), "Config");
	cJSON *fields = cJSON_CreateObject(), *attrs = cJSON_CreateObject();
	const char *template = get_text(options, "tag");
	char tag[TAG_MAX + 1], id[13];
	const char *const given[][2] = {
		{ "CONTAINER_ID", id },
		{ "CONTAINER_ID_FULL", info->id },
		{ "CONTAINER_NAME", info->name },
		{ "CONTAINER_TAG", tag },
		{ "IMAGE_NAME", info->image_ref },
		{ "SYSLOG_IDENTIFIER", tag },
	};
	int r = fields && attrs ? 0 : err_set(err, 500, "out of memory");

	snprintf(id, sizeof(id), "%.12s", info->id);
	if (r == 0)
		r = expand_tag(template[0] ? template : "{{.ID}}", info, tag, err);
	for (size_t i = 0; i < ARRAY_SIZE(given) && r == 0; i++)
		r = json_put_text(fields, given[i][0], given[i][1], err);
	if (r == 0)
		r = add_labels(attrs, merged, options, err);
	if (r == 0)
		r = add_env(attrs, merged, options, err);
	if (r == 0)
		r = add_renamed(fields, attrs, err);
	if (r == 0)
		r = print_attrs(fields, ret_text, err);
	cJSON_Delete(fields);
	cJSON_Delete(attrs);
	return r;
}
