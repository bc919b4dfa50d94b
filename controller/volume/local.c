/* local.c - the options of the local driver: type, device and o, as mount(8) has them (moby, volume/local).
 *
 * Nothing is mounted on the host: what a volume with options stands for is mounted in each container that has it. A
 * bind is one like any other then, looked up on behalf of the client that starts the container; a tmpfs is the
 * container's own. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../helpers/base/text.h"
#include "../json.h"
#include "../spec/spec.h"
#include "volume.h"

static const char *option(const cJSON *options, const char *name)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(options, name);

	return cJSON_IsString(v) ? v->valuestring : "";
}

static bool is_one_of(const char *word, size_t len, const char *const *words)
{
	for (; *words; words++)
		if (strlen(*words) == len && strncmp(*words, word, len) == 0)
			return true;
	return false;
}

/* Of a list with commas. */
static bool has_word(const char *list, const char *word)
{
	const char *const words[] = { word, NULL };

	for (size_t len; *list; list += len + (list[len] == ',')) {
		len = strcspn(list, ",");
		if (is_one_of(list, len, words))
			return true;
	}
	return false;
}

static bool words_known(const char *list)
{
	static const char *const known[] = { "bind",  "rbind",	 "defaults", "rw", "ro",
					     "nosuid", "nodev", "private",  "rprivate", NULL };

	for (size_t len; *list; list += len + (list[len] == ',')) {
		len = strcspn(list, ",");
		if (len && !is_one_of(list, len, known))
			return false;
	}
	return true;
}

static int check_kind(const char *name, const cJSON *options, struct err *err)
{
	const char *type = option(options, "type"), *device = option(options, "device"), *o = option(options, "o");
	bool bind = has_word(o, "bind") || has_word(o, "rbind");

	if (strcmp(type, "tmpfs") == 0)
		return check_tmpfs_options(o, err);
	if (!bind || !words_known(o) ||
	    (type[0] && strcmp(type, "none") != 0 && strcmp(type, "bind") != 0))
		return err_set(err, 400,
			       "create %s: volumes of type \"%.32s\" with options \"%.128s\" are not available: this "
			       "engine mounts nothing for them but tmpfs (type=tmpfs) and host directories that policy "
			       "allows (o=bind)",
			       name, type, o);
	if (!path_valid(device, strlen(device)))
		return err_set(err, 400, "create %s: invalid device \"%.256s\": an absolute path is needed", name,
			       device);
	return 0;
}

int volume_options_check(const char *name, const cJSON *options, struct err *err)
{
	static const char *const known[] = { "type", "device", "o", NULL };
	const cJSON *v;

	cJSON_ArrayForEach(v, options) {
		if (strcmp(v->string, "size") == 0)
			return err_set(err, 400, "create %s: quota size requested but no quota support", name);
		if (!is_one_of(v->string, strlen(v->string), known) || !cJSON_IsString(v))
			return err_set(err, 400, "create %s: invalid option: \"%.64s\"", name, v->string);
	}
	if (cJSON_GetArraySize(options) == 0)
		return 0;
	for (unsigned i = 0; i < 2; i++)
		if (!option(options, known[i])[0] && (i || !option(options, "o")[0]))
			return err_set(err, 400, "create %s: missing required option: \"%s\"", name, known[i]);
	return check_kind(name, options, err);
}

static int replace(char **text, const char *with, const char *more)
{
	char *copy;

	if (asprintf(&copy, "%s%s", with, more) < 0)
		return -1;
	free(*text);
	*text = copy;
	return 0;
}

int volume_options_apply(const char *text, struct spec_mount *m)
{
	cJSON *options = cJSON_Parse(text);
	const char *o = option(options, "o");
	int r = 0;

	if (cJSON_GetArraySize(options) == 0) {
		cJSON_Delete(options);
		return 0;
	}
	if (strcmp(option(options, "type"), "tmpfs") == 0) {
		m->type = SPEC_TMPFS;
		/* Unlike --tmpfs, whose programs do not run unless that is asked. */
		r = replace(&m->options, m->readonly ? "exec,ro," : "exec,", o);
	} else {
		m->type = SPEC_BIND;
		m->readonly = m->readonly || has_word(o, "ro");
		r = replace(&m->source, option(options, "device"), "");
	}
	cJSON_Delete(options);
	return r;
}
