/* changes.c - Dockerfile instructions that an import applies to its image's config (moby, builder/dockerfile).
 *
 * Hostile input: the text, which a client wrote. Only the instructions that change a config are known. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../../helpers/base/cleanup.h"
#include "../json.h"
#include "internal.h"

enum { WORDS_MAX = 256 };

static bool is_space(char c)
{
	return c == ' ' || c == '\t';
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

static int change_workdir(cJSON *config, const char *name, char *args, struct err *err)
{
	if (args[0] != '/')
		return err_set(err, 400, "WORKDIR of an import must be absolute: %.200s", args);
	return change_text(config, name, args, err);
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

/* EXPOSE and VOLUME: objects whose names count. */
static int change_set(cJSON *config, const char *name, char *args, struct err *err)
{
	cJSON *to = member(config, name, /* object= */ true), *list = json_form(args);
	bool ports = strcmp(name, "ExposedPorts") == 0;
	const cJSON *v;
	char *word;

	cJSON_ArrayForEach(v, list) {
		put(to, v->valuestring, cJSON_CreateObject());
	}
	if (list) {
		cJSON_Delete(list);
		return 0;
	}
	while ((word = next_word(&args))) {
		char port[32];

		if (!ports) {
			put(to, word, cJSON_CreateObject());
			continue;
		}
		if (strlen(word) > 16 || strspn(word, "0123456789-") == 0)
			return err_set(err, 400, "Invalid containerPort: %.64s", word);
		snprintf(port, sizeof(port), "%s%s", word, strchr(word, '/') ? "" : "/tcp");
		put(to, port, cJSON_CreateObject());
	}
	return 0;
}

static int change_onbuild(cJSON *config, const char *name, char *args, struct err *err)
{
	cJSON_AddItemToArray(member(config, name, /* object= */ false), cJSON_CreateString(args));
	return 0;
}

static const struct {
	const char *word, *name;
	int (*apply)(cJSON *config, const char *name, char *args, struct err *err);
} instructions[] = {
	{ "CMD", "Cmd", change_command },
	{ "ENTRYPOINT", "Entrypoint", change_command },
	{ "ENV", "Env", change_pairs },
	{ "EXPOSE", "ExposedPorts", change_set },
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
