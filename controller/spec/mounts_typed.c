/* mounts_typed.c - mounts with a type: HostConfig.Mounts (docker run --mount), and those that a container has from
 * others (--volumes-from). Rules and sentences are those of moby's linux parser. */
#include <stdio.h>
#include <string.h>

#include "../../helpers/base/cleanup.h"
#include "../../helpers/base/limits.h"
#include "internal.h"

static int bad_mount(const char *type, const char *why, struct err *err)
{
	return err_set(err, 400, "invalid mount config for type \"%.32s\": %s", type, why);
}

/* Docker's words for the tmpfs(5) options of --mount. */
static int tmpfs_from_mount(const cJSON *spec, char *ret, size_t size, struct err *err)
{
	static const struct {
		const char *suffix;
		int64_t factor;
	} units[] = { { "g", 1 << 30 }, { "m", 1 << 20 }, { "k", 1 << 10 }, { "", 1 } };
	const cJSON *o = json_get(spec, "TmpfsOptions"), *option;
	int64_t bytes = get_int(o, "SizeBytes"), mode = get_int(o, "Mode");
	char mode_text[32] = "", size_text[48] = "";
	const char *exec = "";
	size_t i = 0;

	if (bytes < 0 || mode < 0 || mode > 07777)
		return bad_mount("tmpfs", "invalid size or mode", err);
	if (mode)
		snprintf(mode_text, sizeof(mode_text), ",mode=%llo", (unsigned long long)mode);
	if (bytes) {
		while (bytes % units[i].factor)
			i++;
		snprintf(size_text, sizeof(size_text), ",size=%lld%s", (long long)(bytes / units[i].factor),
			 units[i].suffix);
	}
	/* [["exec"]] or [["noexec"]] is all that there is. */
	cJSON_ArrayForEach(option, json_get(o, "Options")) {
		const cJSON *word = cJSON_IsArray(option) ? option->child : NULL;

		if (!word || !cJSON_IsString(word) || word->next || !list_has("exec,noexec", ',', word->valuestring))
			return bad_mount("tmpfs", "invalid option", err);
		exec = strcmp(word->valuestring, "exec") == 0 ? ",exec" : ",noexec";
	}
	snprintf(ret, size, "%s%s%s%s", get_bool(spec, "ReadOnly") ? "ro" : "rw", mode_text, size_text, exec);
	return 0;
}

/* "a/b" to "/a/b"; Go's filepath.IsLocal: not out of it, however it is spelled. ret: NULL for all of it. */
static int clean_subpath(const char *type, const char *subpath, char clean[SPEC_PATH_MAX], char **ret, struct err *err)
{
	char text[SPEC_PATH_MAX + 1];
	const char *part, *at = subpath;
	size_t len, deep = 0;

	*ret = NULL;
	if (!subpath[0])
		return 0;
	while (list_next(&at, '/', &part, &len)) {
		bool up = len == 2 && !memcmp(part, "..", 2);

		if (up && deep == 0)
			return bad_mount(type, "subpath must be a relative path within the volume", err);
		if (up)
			deep--;
		else
			deep += len && !(len == 1 && part[0] == '.');
	}
	if (subpath[0] == '/')
		return bad_mount(type, "subpath must be a relative path within the volume", err);
	snprintf(text, sizeof(text), "/%s", subpath);
	if (strlen(subpath) > SPEC_PATH_MAX - 2 || !path_clean(text, clean))
		return bad_mount(type, "subpath is too long or has control characters", err);
	*ret = clean;
	return 0;
}

static int check_bind_options(const cJSON *spec, const cJSON *o, struct err *err)
{
	bool readonly = get_bool(spec, "ReadOnly"), top = get_bool(o, "ReadOnlyNonRecursive"),
	     force = get_bool(o, "ReadOnlyForceRecursive");
	const char *propagation = get_text(o, "Propagation");
	char text[128];

	if (propagation[0] && !list_has("private,rprivate,slave,rslave,shared,rshared", ',', propagation)) {
		snprintf(text, sizeof(text), "invalid propagation mode: %.64s", propagation);
		return bad_mount("bind", text, err);
	}
	if (strstr(propagation, "shared"))
		return bad_mount("bind", "shared propagation is not available: what containers mount stays with them",
				 err);
	if (!readonly && top)
		return err_set(err, 400, "mount options conflict: !ReadOnly && BindOptions.ReadOnlyNonRecursive");
	if (!readonly && force)
		return err_set(err, 400, "mount options conflict: !ReadOnly && BindOptions.ReadOnlyForceRecursive");
	if (top && force)
		return err_set(err, 400,
			       "mount options conflict: ReadOnlyNonRecursive && BindOptions.ReadOnlyForceRecursive");
	return 0;
}

/* All that is read-only here is so recursively: ForceRecursive holds by itself. */
static int mount_bind(const cJSON *spec, struct spec_mount *one, char source[SPEC_PATH_MAX], struct err *err)
{
	const cJSON *o = json_get(spec, "BindOptions");
	const char *propagation = get_text(o, "Propagation"), *from = get_text(spec, "Source");
	char text[320];

	if (!from[0])
		return bad_mount("bind", "field Source must not be empty", err);
	if (check_bind_options(spec, o, err))
		return -1;
	if (from[0] != '/') {
		snprintf(text, sizeof(text), "invalid mount path: '%.256s' mount path must be absolute", from);
		return bad_mount("bind", text, err);
	}
	if (!path_clean(from, source))
		return bad_mount("bind", "source path is too long or has control characters", err);
	one->source = source;
	one->create = get_bool(o, "CreateMountpoint");
	one->flat = get_bool(o, "NonRecursive");
	one->below_writable = get_bool(o, "ReadOnlyNonRecursive");
	one->propagation = (char *)(propagation[0] ? propagation : "rprivate");
	return 0;
}

static int mount_volume(const cJSON *spec, struct spec_mount *one, char subpath[SPEC_PATH_MAX], struct err *err)
{
	const cJSON *o = json_get(spec, "VolumeOptions");

	one->source = (char *)get_text(spec, "Source");
	one->options = get_bool(o, "NoCopy") ? (char *)"nocopy" : NULL;
	one->mode = (char *)"z"; /* as Docker fills it in */
	one->volume = o;
	if (get_text(o, "Subpath")[0] && !one->source[0])
		return bad_mount("volume", "must not set Subpath when using anonymous volumes", err);
	if (clean_subpath("volume", get_text(o, "Subpath"), subpath, &one->subpath, err))
		return -1;
	if (one->readonly && !one->source[0])
		return bad_mount("volume", "must not set ReadOnly mode when using anonymous volumes", err);
	if ((one->source[0] && check_volume_name(one->source, err)) ||
	    check_volume_driver(get_text(json_get(o, "DriverConfig"), "Name"), err))
		return -1;
	return 0;
}

static int mount_image(const cJSON *spec, struct spec_mount *one, char subpath[SPEC_PATH_MAX], struct err *err)
{
	one->source = (char *)get_text(spec, "Source");
	one->readonly = true;
	if (!one->source[0])
		return bad_mount("image", "field Source must not be empty", err);
	if (clean_subpath("image", get_text(json_get(spec, "ImageOptions"), "Subpath"), subpath, &one->subpath, err))
		return -1;
	return reference_check(one->source, err);
}

static const struct {
	const char *type;
	enum spec_mount_type is;
	const char *options; /* the one of the Options that it may have */
} types[] = {
	{ "bind", SPEC_BIND, "BindOptions" },
	{ "volume", SPEC_VOLUME, "VolumeOptions" },
	{ "tmpfs", SPEC_TMPFS, "TmpfsOptions" },
	{ "image", SPEC_IMAGE, "ImageOptions" },
};

/* Docker looks at all but TmpfsOptions, which clients may leave where they mean nothing. */
static int check_fields(const cJSON *spec, size_t type, struct err *err)
{
	static const char *const extra[] = { "BindOptions", "VolumeOptions", "ImageOptions" };
	char text[64];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(extra); i++) {
		if (!json_get(spec, extra[i]) || !strcmp(extra[i], types[type].options))
			continue;
		snprintf(text, sizeof(text), "field %s must not be specified", extra[i]);
		return bad_mount(types[type].type, text, err);
	}
	return 0;
}

int mount_typed(struct spec_mounts *m, const cJSON *spec, struct err *err)
{
	const char *type = get_text(spec, "Type");
	char target[SPEC_PATH_MAX], text[SPEC_PATH_MAX];
	struct spec_mount one = { .target = target, .readonly = get_bool(spec, "ReadOnly"), .typed = true };
	size_t i = 0;
	int r;

	while (i < ARRAY_SIZE(types) && strcmp(types[i].type, type) != 0)
		i++;
	if (i == ARRAY_SIZE(types))
		return bad_mount(type, "mount type unknown", err);
	if (mount_target(get_text(spec, "Target"), "", type, target, err) || check_fields(spec, i, err))
		return -1;
	one.type = types[i].is;
	switch (one.type) {
	case SPEC_BIND:
		r = mount_bind(spec, &one, text, err);
		break;
	case SPEC_VOLUME:
		r = mount_volume(spec, &one, text, err);
		break;
	case SPEC_IMAGE:
		r = mount_image(spec, &one, text, err);
		break;
	default:
		if (get_text(spec, "Source")[0])
			return bad_mount(type, "field Source must not be specified", err);
		one.options = text;
		r = tmpfs_from_mount(spec, text, sizeof(text), err);
	}
	return r ? -1 : mounts_add(m, &one, err);
}

int mounts_warn(const struct spec_mounts *m, cJSON *warnings, struct err *err)
{
	size_t i;

	for (i = 0; i < m->n; i++) {
		const struct spec_mount *one = &m->v[i];

		if (one->type != SPEC_BIND || !one->propagation || !strstr(one->propagation, "slave"))
			continue;
		if (json_warn(warnings, err,
			      "Mount propagation %s of %.200s: what is mounted below its source on the host later is "
			      "not shown, since it would come without the container's ids and past policy.",
			      one->propagation, one->target))
			return -1;
	}
	return 0;
}

/* --- of other containers --- */
int spec_mounts_inherit(const struct spec_mounts *from, bool readonly, cJSON *inherited, struct err *err)
{
	size_t i;

	for (i = 0; i < from->n; i++) {
		const struct spec_mount *m = &from->v[i];
		const struct {
			const char *name, *text;
		} texts[] = {
			{ "Source", m->source },   { "Target", m->target },
			{ "Subpath", m->subpath }, { "Mode", m->mode },
			{ "Propagation", m->propagation },
		};
		cJSON *o;
		size_t k;

		if (m->type != SPEC_BIND && m->type != SPEC_VOLUME && m->type != SPEC_IMAGE)
			continue;
		o = cJSON_CreateObject();
		for (k = 0; k < ARRAY_SIZE(texts); k++)
			if (texts[k].text && json_put_text(o, texts[k].name, texts[k].text, err)) {
				cJSON_Delete(o);
				return -1;
			}
		if (json_put_int(o, "Type", m->type, err) ||
		    json_put(o, "ReadOnly", cJSON_CreateBool(m->readonly || readonly), err) ||
		    json_put(o, "Create", cJSON_CreateBool(m->create), err) ||
		    json_put(o, "Anonymous", cJSON_CreateBool(m->anonymous), err) ||
		    json_put(o, "Flat", cJSON_CreateBool(m->flat), err) ||
		    json_put(o, "BelowWritable", cJSON_CreateBool(m->below_writable && !readonly), err)) {
			cJSON_Delete(o);
			return -1;
		}
		if (json_put(inherited, NULL, o, err))
			return -1;
	}
	return 0;
}

int mount_inherited(struct spec_mounts *m, const cJSON *o, struct err *err)
{
	const struct spec_mount one = {
		.type = (enum spec_mount_type)get_int(o, "Type"),
		.source = (char *)get_text(o, "Source"),
		.target = (char *)get_text(o, "Target"),
		.readonly = get_bool(o, "ReadOnly"),
		.create = get_bool(o, "Create"),
		.flat = get_bool(o, "Flat"),
		.below_writable = get_bool(o, "BelowWritable"),
		.inherited = true,
		.anonymous = get_bool(o, "Anonymous"),
		.subpath = (char *)json_text(o, "Subpath", NULL, NULL),
		.mode = (char *)get_text(o, "Mode"),
		.propagation = (char *)get_text(o, "Propagation"),
	};

	return mount_at(m, one.target) ? 0 : mounts_add(m, &one, err);
}
