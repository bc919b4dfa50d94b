/* changes.c - Dockerfile instructions that an import applies to its image's config (moby, builder/dockerfile).
 *
 * Hostile input: the text, which a client wrote. Only the instructions that change a config are known. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../../helpers/base/cleanup.h"
#include "../../helpers/base/text.h"
#include "../container/filters.h"
#include "../json.h"
#include "internal.h"

enum {
	WORDS_MAX = 256,
	PORTS_MAX = 1000, /* of one range */
};

static bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static cJSON *member(cJSON *config, const char *name, bool object)
{
	cJSON *v = cJSON_GetObjectItemCaseSensitive(config, name);

	if (v && !cJSON_IsNull(v))
		return v;
	cJSON_DeleteItemFromObjectCaseSensitive(config, name);
	return object ? cJSON_AddObjectToObject(config, name) : cJSON_AddArrayToObject(config, name);
}

static void put(cJSON *config, const char *name, cJSON *v)
{
	cJSON_DeleteItemFromObjectCaseSensitive(config, name);
	cJSON_AddItemToObject(config, name, v);
}

/* A JSON array of texts, or NULL when the arguments are not one. */
static cJSON *json_form(const char *args)
{
	struct err ignored = { 0 };
	cJSON *v = args[0] == '[' ? json_parse(args, strlen(args), &ignored) : NULL;
	const cJSON *item;
	bool texts = cJSON_IsArray(v);

	cJSON_ArrayForEach(item, v)
		texts = texts && cJSON_IsString(item);
	if (texts)
		return v;
	cJSON_Delete(v);
	return NULL;
}

/* Next word of *s with quotes and backslashes taken away, in place; NULL at the end. */
static char *next_word(char **s)
{
	char *in = *s, *out, *word, quote = 0;

	while (is_space(*in))
		in++;
	if (!*in)
		return NULL;
	for (word = out = in; *in && (quote || !is_space(*in)); in++) {
		if (*in == '\\' && quote != '\'' && in[1])
			*out++ = *++in;
		else if (quote ? *in == quote : *in == '"' || *in == '\'')
			quote = quote ? 0 : *in;
		else
			*out++ = *in;
	}
	*s = *in ? in + 1 : in;
	*out = '\0';
	return word;
}

static int change_command(cJSON *config, const char *name, char *args, struct err *err)
{
	cJSON *v = json_form(args);

	if (!v) {
		const char *const shell[] = { "/bin/sh", "-c", args };

		v = cJSON_CreateStringArray(shell, 3);
	}
	put(config, name, v);
	return 0;
}

static int change_text(cJSON *config, const char *name, char *args, struct err *err)
{
	if (!*args)
		return err_set(err, 400, "%s requires exactly one argument", name);
	put(config, name, cJSON_CreateString(args));
	return 0;
}

/* A relative one goes on from the last: both are taken as paths, "." and ".." as well. */
static int change_workdir(cJSON *config, const char *name, char *args, struct err *err)
{
	const char *before = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(config, name));
	char path[4096], whole[4096 + 2] = "", *part, *rest = path, *end = whole;

	if (!*args)
		return err_set(err, 400, "WORKDIR requires exactly one argument");
	if (text_format(path, sizeof(path), "%s/%s", args[0] == '/' || !before ? "" : before, args) < 0)
		return err_set(err, 400, "WORKDIR is too long");
	while ((part = strsep(&rest, "/"))) {
		if (!*part || strcmp(part, ".") == 0)
			continue;
		if (strcmp(part, "..") == 0) {
			while (end > whole && *--end != '/')
				;
			*end = '\0';
			continue;
		}
		*end++ = '/';
		end = stpcpy(end, part);
	}
	put(config, name, cJSON_CreateString(whole[0] ? whole : "/"));
	return 0;
}

/* "NAME=VALUE", in the place of an earlier one of that name. */
static int set_env(cJSON *env, const char *name, const char *value)
{
	size_t n = strlen(name), size = n + strlen(value) + 2;
	char *text = malloc(size);
	const cJSON *v;
	cJSON *item;
	int i = 0;

	if (!text)
		return -1;
	snprintf(text, size, "%s=%s", name, value);
	item = cJSON_CreateString(text);
	cJSON_ArrayForEach(v, env) {
		if (cJSON_IsString(v) && strncmp(v->valuestring, text, n + 1) == 0)
			break;
		i++;
	}
	if (v)
		cJSON_ReplaceItemInArray(env, i, item);
	else
		cJSON_AddItemToArray(env, item);
	free(text);
	return 0;
}

/* "K=V K2=V2" for ENV and LABEL; "K V" is the old form. */
static int change_pairs(cJSON *config, const char *name, char *args, struct err *err)
{
	bool env = strcmp(name, "Env") == 0;
	cJSON *to = member(config, name, /* object= */ !env);
	char *word, *value, *eq;

	for (unsigned n = 0; n < WORDS_MAX && (word = next_word(&args)); n++) {
		eq = strchr(word, '=');
		if (n == 0 && !eq) {
			value = args + strspn(args, " \t");
			if (!*value)
				return err_set(err, 400, "%s must have two arguments", env ? "ENV" : "LABEL");
			args = value + strlen(value);
		} else if (!eq || eq == word) {
			return err_set(err, 400,
				       "Syntax error - can't find = in \"%.200s\". Must be of the form: name=value",
				       word);
		} else {
			*eq = '\0';
			value = eq + 1;
		}
		if (!env)
			put(to, word, cJSON_CreateString(value));
		else if (set_env(to, word, value) < 0)
			return err_set(err, 500, "out of memory");
	}
	return 0;
}

/* "80", "53/udp", "7000-7002/tcp" */
static int expose(cJSON *to, char *word, struct err *err)
{
	char *proto = strchr(word, '/'), *end, port[32];
	unsigned long first, last;

	if (proto)
		*proto++ = '\0';
	for (char *c = proto; c && *c; c++)
		*c = *c >= 'A' && *c <= 'Z' ? (char)(*c + 32) : *c;
	if (proto && strcmp(proto, "tcp") != 0 && strcmp(proto, "udp") != 0 && strcmp(proto, "sctp") != 0)
		return err_set(err, 400, "Invalid proto: %.64s", proto);
	first = last = strtoul(word, &end, 10);
	if (end != word && *end == '-' && is_digit(end[1]))
		last = strtoul(end + 1, &end, 10);
	if (!is_digit(*word) || *end || last > 65535 || first > last || last - first >= PORTS_MAX)
		return err_set(err, 400, "Invalid containerPort: %.64s", word);
	for (; first <= last; first++) {
		snprintf(port, sizeof(port), "%lu/%s", first, proto ? proto : "tcp");
		put(to, port, cJSON_CreateObject());
	}
	return 0;
}

/* EXPOSE and VOLUME: objects whose names count. */
static int change_set(cJSON *config, const char *name, char *args, struct err *err)
{
	cJSON *to = member(config, name, /* object= */ true), *list = json_form(args);
	bool ports = strcmp(name, "ExposedPorts") == 0;
	const cJSON *v;
	char *word;
	int e = 0;

	cJSON_ArrayForEach(v, list) {
		put(to, v->valuestring, cJSON_CreateObject());
	}
	if (list) {
		cJSON_Delete(list);
		return 0;
	}
	while (e == 0 && (word = next_word(&args))) {
		if (ports)
			e = expose(to, word, err);
		else
			put(to, word, cJSON_CreateObject());
	}
	return e;
}

static int change_onbuild(cJSON *config, const char *name, char *args, struct err *err)
{
	size_t n = strcspn(args, " \t");

	if (n == 7 && strncasecmp(args, "ONBUILD", n) == 0)
		return err_set(err, 400, "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
	if ((n == 4 && strncasecmp(args, "FROM", n) == 0) || (n == 10 && strncasecmp(args, "MAINTAINER", n) == 0))
		return err_set(err, 400, "%.*s isn't allowed as an ONBUILD trigger", (int)n, args);
	if (n == 0)
		return err_set(err, 400, "ONBUILD requires at least one argument");
	cJSON_AddItemToArray(member(config, name, /* object= */ false), cJSON_CreateString(args));
	return 0;
}

/* "[--interval=5s ...] CMD command" or "NONE" */
static int change_healthcheck(cJSON *config, const char *name, char *args, struct err *err)
{
	static const struct {
		const char *flag, *field;
	} times[] = {
		{ "--interval=", "Interval" },
		{ "--timeout=", "Timeout" },
		{ "--start-period=", "StartPeriod" },
		{ "--start-interval=", "StartInterval" },
	};
	cJSON *check = cJSON_CreateObject(), *test = NULL, *item;
	char *end = args;
	size_t n, i;
	int64_t ns;

	for (; strncmp(args, "--", 2) == 0; args = end + strspn(end, " \t")) {
		end = args + strcspn(args, " \t");
		if (*end)
			*end++ = '\0';
		for (i = 0; i < ARRAY_SIZE(times); i++)
			if (strncmp(args, times[i].flag, strlen(times[i].flag)) == 0)
				break;
		if (i < ARRAY_SIZE(times) && filters_duration(args + strlen(times[i].flag), &ns) == 0 && ns >= 1000000)
			json_add_int(check, times[i].field, ns);
		else if (strncmp(args, "--retries=", 10) == 0 && is_digit(args[10]) && strlen(args) < 18)
			json_add_int(check, "Retries", strtol(args + 10, NULL, 10));
		else
			goto wrong;
	}
	n = strcspn(args, " \t");
	if (n == 4 && strncasecmp(args, "NONE", 4) == 0 && !args[4]) {
		test = cJSON_CreateStringArray((const char *const[]){ "NONE" }, 1);
	} else if (n == 3 && strncasecmp(args, "CMD", 3) == 0 && args[3]) {
		args += 3 + strspn(args + 3, " \t");
		test = json_form(args);
		if (test) {
			item = cJSON_CreateString("CMD");
			cJSON_InsertItemInArray(test, 0, item);
		} else {
			test = cJSON_CreateStringArray((const char *const[]){ "CMD-SHELL", args }, 2);
		}
	} else {
		goto wrong;
	}
	cJSON_AddItemToObject(check, "Test", test);
	put(config, name, check);
	return 0;
wrong:
	cJSON_Delete(check);
	return err_set(err, 400, "HEALTHCHECK: cannot make sense of \"%.100s\"", args);
}

static const struct {
	const char *word, *name;
	int (*apply)(cJSON *config, const char *name, char *args, struct err *err);
} instructions[] = {
	{ "CMD", "Cmd", change_command },
	{ "ENTRYPOINT", "Entrypoint", change_command },
	{ "ENV", "Env", change_pairs },
	{ "EXPOSE", "ExposedPorts", change_set },
	{ "HEALTHCHECK", "Healthcheck", change_healthcheck },
	{ "LABEL", "Labels", change_pairs },
	{ "ONBUILD", "OnBuild", change_onbuild },
	{ "STOPSIGNAL", "StopSignal", change_text },
	{ "USER", "User", change_text },
	{ "VOLUME", "Volumes", change_set },
	{ "WORKDIR", "WorkingDir", change_workdir },
};

int change_apply(cJSON *config, const char *instruction, struct err *err)
{
	_cleanup_free_ char *copy = strdup(instruction);
	char *word = copy, *args;
	size_t n;

	if (!copy)
		return err_set(err, 500, "out of memory");
	word += strspn(word, " \t");
	n = strcspn(word, " \t");
	args = word + n;
	args += strspn(args, " \t");
	for (size_t end = strlen(args); end > 0 && is_space(args[end - 1]); end--)
		args[end - 1] = '\0';
	word[n] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(instructions); i++)
		if (strcasecmp(word, instructions[i].word) == 0)
			return instructions[i].apply(config, instructions[i].name, args, err);
	return err_set(err, 400, "%.64s is not a valid change command", word);
}
