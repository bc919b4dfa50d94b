/* mounts.c - what a container has mounted beside its own file systems: Binds, Mounts, Tmpfs, Volumes, Devices as Docker
 * understands them. Only text is looked at; whether a source exists or is allowed is for lookup's policy. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../helpers/base/cleanup.h"
#include "../../helpers/base/limits.h"
#include "../../helpers/base/text.h"
#include "internal.h"

enum { TMPFS_MAX = 64, DEVICES_MAX = DEVICE_RULES_MAX - 16 /* the rest are the default ones */ };

/* What a mount owns. */
static const size_t texts[] = {
	offsetof(struct spec_mount, source),	   offsetof(struct spec_mount, target),
	offsetof(struct spec_mount, options),	   offsetof(struct spec_mount, device_access),
	offsetof(struct spec_mount, subpath),	   offsetof(struct spec_mount, mode),
	offsetof(struct spec_mount, propagation),
};

static char **text_of(struct spec_mount *m, size_t i)
{
	return (char **)((char *)m + texts[i]);
}

static void mount_finish(struct spec_mount *m)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(texts); i++)
		free(*text_of(m, i));
}

void spec_mounts_finish(struct spec_mounts *m)
{
	size_t i;

	for (i = 0; i < m->n; i++)
		mount_finish(&m->v[i]);
	free(m->v);
	*m = (struct spec_mounts){ 0 };
}

const struct spec_mount *mount_at(const struct spec_mounts *m, const char *target)
{
	size_t i;

	for (i = 0; i < m->n; i++)
		if (!strcmp(m->v[i].target, target))
			return &m->v[i];
	return NULL;
}

/* Copies the texts. Targets are unique: Docker's sentence otherwise. */
int mounts_add(struct spec_mounts *m, const struct spec_mount *one, struct err *err)
{
	struct spec_mount *v, *slot, from = *one;
	size_t i, same = 0;

	if (mount_at(m, one->target))
		return err_set(err, 400, "Duplicate mount point: %s", one->target);
	for (i = 0; i < m->n; i++)
		same += (m->v[i].type == SPEC_TMPFS) == (one->type == SPEC_TMPFS);
	if (same >= (one->type == SPEC_TMPFS ? (size_t)TMPFS_MAX : BINDS_MAX))
		return err_set(err, 400, "too many mounts: at most %u binds, volumes and devices, and %d tmpfs",
			       BINDS_MAX, TMPFS_MAX);
	v = reallocarray(m->v, m->n + 1, sizeof(*v));
	if (!v)
		return err_set(err, 500, "out of memory");
	m->v = v;
	slot = &v[m->n++];
	*slot = from;
	if (!from.source)
		from.source = (char *)"";
	for (i = 0; i < ARRAY_SIZE(texts); i++) {
		const char *text = *text_of(&from, i);

		*text_of(slot, i) = text ? strdup(text) : NULL;
	}
	for (i = 0; i < ARRAY_SIZE(texts); i++)
		if (*text_of(&from, i) && !*text_of(slot, i))
			return err_set(err, 500, "out of memory");
	return 0;
}

/* --- words after "src:dst:" --- */
/* Of each class one word at most. */
static const struct {
	const char *word;
	char class;
} mode_words[] = {
	{ "ro", 'w' },	       { "rw", 'w' },	  { "z", 'l' },		{ "Z", 'l' },
	{ "nocopy", 'c' },     { "copy", 'c' },	  { "private", 'p' },	{ "rprivate", 'p' },
	{ "slave", 'p' },      { "rslave", 'p' }, { "shared", 'p' },	{ "rshared", 'p' },
	{ "consistent", 'k' }, { "cached", 'k' }, { "delegated", 'k' }, { "default", 'k' },
};

static bool mode_valid(const char *mode)
{
	const char *part, *at = mode[0] ? mode : NULL;
	char seen[ARRAY_SIZE(mode_words) + 1] = "";
	size_t len, i, nseen = 0;

	while (list_next(&at, ',', &part, &len)) {
		for (i = 0; i < ARRAY_SIZE(mode_words); i++)
			if (strlen(mode_words[i].word) == len && !memcmp(mode_words[i].word, part, len))
				break;
		if (i == ARRAY_SIZE(mode_words) || strchr(seen, mode_words[i].class))
			return false;
		seen[nseen++] = mode_words[i].class;
	}
	return true;
}

/* The word for it, or "". */
static const char *propagation_of(const char *mode)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(mode_words); i++)
		if (mode_words[i].class == 'p' && list_has(mode, ',', mode_words[i].word))
			return mode_words[i].word;
	return "";
}

/* Cleans a target and refuses those that no mount can have. text is empty or "invalid volume specification: '...': ".
 */
int mount_target(const char *target, const char *prefix, const char *type, char ret[SPEC_PATH_MAX],
		 struct err *err)
{
	const char *why = NULL;

	if (!target[0])
		why = "field Target must not be empty";
	else if (target[0] != '/')
		return err_set(err, 400,
			       "%sinvalid mount config for type \"%s\": invalid mount path: '%.256s' mount path must "
			       "be absolute",
			       prefix, type, target);
	else if (!path_clean(target, ret))
		why = "mount path is too long or has control characters";
	else if (!strcmp(ret, "/"))
		why = "invalid specification: destination can't be '/'";
	return why ? err_set(err, 400, "%sinvalid mount config for type \"%s\": %s", prefix, type, why) : 0;
}

int check_volume_name(const char *name, struct err *err)
{
	if (strlen(name) == 1)
		return err_set(err, 400,
			       "create %s: volume name is too short, names should be at least two alphanumeric "
			       "characters",
			       name);
	if (!name_valid(name, strlen(name)))
		return err_set(err, 400,
			       "create %.128s: \"%.128s\" includes invalid characters for a local volume name, only "
			       "\"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host directory, "
			       "use absolute path",
			       name, name);
	if (strlen(name) > NAME_MAX_LEN)
		return err_set(err, 400, "volume name is too long: at most %u bytes", NAME_MAX_LEN);
	return 0;
}

int check_volume_driver(const char *driver, struct err *err)
{
	if (driver[0] && strcmp(driver, "local") != 0)
		return err_set(err, 400, "error looking up volume plugin %.64s: plugin \"%.64s\" not found", driver,
			       driver);
	return 0;
}

/* --- HostConfig.Binds: [source:]target[:mode] --- */
/* text: a copy of raw, which is cut. */
static int add_bind_parts(struct spec_mounts *m, const char *raw, char *text, const char *driver, struct err *err)
{
	char target[SPEC_PATH_MAX], source[SPEC_PATH_MAX], prefix[320];
	char *field[3] = { text, NULL, NULL };
	struct spec_mount one = { 0 };
	const char *mode, *from, *to, *propagation;
	size_t n = 1;
	char *c;

	for (c = text; (c = strchr(c, ':')); n++) {
		if (n == ARRAY_SIZE(field))
			return err_set(err, 400, "invalid volume specification: '%.256s'", raw);
		*c++ = '\0';
		field[n] = c;
	}
	/* "/foo:rw" is no volume: those without a source have no mode. */
	if (!field[0][0] || (n == 2 && mode_valid(field[1])))
		return err_set(err, 400, "invalid volume specification: '%.256s'", raw);
	mode = field[2] ? field[2] : "";
	from = n == 1 ? "" : field[0];
	to = n == 1 ? field[0] : field[1];
	if (!mode_valid(mode))
		return err_set(err, 400, "invalid mode: %.128s", mode);
	propagation = propagation_of(mode);
	if (strstr(propagation, "shared"))
		return err_set(err, 400,
			       "mount propagation %.64s is not available: what containers mount stays with them",
			       propagation);

	one.type = from[0] == '/' ? SPEC_BIND : SPEC_VOLUME;
	one.readonly = list_has(mode, ',', "ro");
	snprintf(prefix, sizeof(prefix), "invalid volume specification: '%.256s': ", raw);
	if (mount_target(to, prefix, one.type == SPEC_BIND ? "bind" : "volume", target, err))
		return -1;
	one.target = target;
	one.source = (char *)from;
	if (one.type == SPEC_BIND) {
		if (list_has(mode, ',', "nocopy") || list_has(mode, ',', "copy"))
			return err_set(err, 400,
				       "%sinvalid mount config for type \"bind\": field VolumeOptions must not be "
				       "specified",
				       prefix);
		if (!path_clean(from, source))
			return err_set(err, 400, "%ssource path is too long or has control characters", prefix);
		one.source = source;
		one.create = true;
		one.mode = (char *)mode;
		one.propagation = (char *)(propagation[0] ? propagation : "rprivate");
	} else {
		if (propagation[0])
			return err_set(err, 400,
				       "%sinvalid mount config for type \"volume\": field BindOptions must not be "
				       "specified",
				       prefix);
		one.mode = (char *)(mode[0] || n == 1 ? mode : "z"); /* as Docker fills it in */
		if ((from[0] && check_volume_name(from, err)) || check_volume_driver(driver, err))
			return -1;
		one.options = list_has(mode, ',', "nocopy") ? (char *)"nocopy" : NULL;
	}
	return mounts_add(m, &one, err);
}

static int add_bind(struct spec_mounts *m, const char *raw, const char *driver, struct err *err)
{
	char *text = strdup(raw);
	int r = text ? add_bind_parts(m, raw, text, driver, err) : err_set(err, 500, "out of memory");

	free(text);
	return r;
}

/* --- the others --- */
int check_tmpfs_options(const char *options, struct err *err)
{
	static const char flags[] =
		"defaults,ro,rw,exec,noexec,suid,nosuid,dev,nodev,sync,async,atime,noatime,diratime,"
		"nodiratime,relatime,strictatime,private,rprivate,slave,rslave";
	static const char keys[] = "size,mode,uid,gid,nr_inodes,nr_blocks";
	const char *part, *at = options[0] ? options : NULL;
	size_t len, i;

	while (list_next(&at, ',', &part, &len)) {
		const char *equal = memchr(part, '=', len);
		size_t n = equal ? (size_t)(equal - part) : len;
		char word[32], *value = word + n + 1;

		if (len >= sizeof(word))
			return err_set(err, 400, "invalid tmpfs option [\"%.64s\"]", part);
		memcpy(word, part, len);
		word[len] = '\0';
		word[n] = '\0';
		if (!list_has(equal ? keys : flags, ',', word) || !n || (equal && !value[0]))
			return err_set(err, 400, "invalid tmpfs option [\"%s\"]", word);
		/* Numbers with a unit at most: nothing else reaches the kernel. */
		for (i = 0; equal && value[i]; i++)
			if (!strchr("0123456789", value[i]) && (value[i + 1] || !i || !strchr("kmgKMG%", value[i])))
				return err_set(err, 400, "invalid tmpfs option [\"%s\" \"%s\"]", word, value);
	}
	return 0;
}

static int add_tmpfs(struct spec_mounts *m, const cJSON *e, struct err *err)
{
	char target[SPEC_PATH_MAX];
	struct spec_mount one = { .type = SPEC_TMPFS, .target = target, .options = e->valuestring };

	if (mount_target(e->string, "", "tmpfs", target, err) || check_tmpfs_options(one.options, err))
		return -1;
	one.readonly = list_has(one.options, ',', "ro");
	return mounts_add(m, &one, err);
}

/* Config.Volumes, also from the image: an anonymous volume unless something else is mounted there. */
static int add_anonymous(struct spec_mounts *m, const char *path, struct err *err)
{
	char target[SPEC_PATH_MAX];
	struct spec_mount one = { .type = SPEC_VOLUME, .target = target };

	if (mount_target(path, "", "volume", target, err))
		return -1;
	return mount_at(m, target) ? 0 : mounts_add(m, &one, err);
}

static int add_device(struct spec_mounts *m, const cJSON *e, struct err *err)
{
	const char *host = get_text(e, "PathOnHost"), *inside = get_text(e, "PathInContainer");
	const char *access = get_text(e, "CgroupPermissions");
	char source[SPEC_PATH_MAX], target[SPEC_PATH_MAX];
	struct spec_mount one = { .type = SPEC_DEVICE, .source = source, .target = target };

	if (!access[0])
		access = "rwm";
	if (!path_clean(host, source))
		return err_set(err, 400,
			       "error gathering device information while adding custom device \"%.256s\": not an "
			       "absolute path",
			       host);
	if (!path_clean(inside[0] ? inside : host, target) || !strcmp(target, "/"))
		return err_set(err, 400, "invalid device path in the container: \"%.256s\"", inside);
	if (strlen(access) > 3 || strspn(access, "rwm") != strlen(access))
		return err_set(err, 400, "invalid device mode: %.16s", access);
	one.device_access = (char *)access;
	return mounts_add(m, &one, err);
}

int spec_device_rule(const char *text, uint32_t ret[4], struct err *err)
{
	static const struct {
		char letter;
		uint32_t bit;
	} access[] = { { 'r', DEVICE_READ }, { 'w', DEVICE_WRITE }, { 'm', DEVICE_MKNOD } };
	char type, major[16], minor[16], letters[4];
	uint64_t numbers[2] = { UINT32_MAX, UINT32_MAX };
	uint32_t mask = 0;
	int end = 0;
	size_t i;

	if (sscanf(text, "%c %15[0-9*]:%15[0-9*] %3[rwm]%n", &type, major, minor, letters, &end) != 4 || text[end] ||
	    !strchr("abc", type) || (strcmp(major, "*") != 0 && text_u64(major, UINT32_MAX - 1, &numbers[0])) ||
	    (strcmp(minor, "*") != 0 && text_u64(minor, UINT32_MAX - 1, &numbers[1])))
		return err_set(err, 400, "invalid device cgroup rule format: '%.64s'", text);
	for (i = 0; i < ARRAY_SIZE(access); i++)
		mask |= strchr(letters, access[i].letter) ? access[i].bit : 0;
	ret[0] = type == 'b' ? DEVICE_BLOCK : type == 'c' ? DEVICE_CHAR : 0;
	ret[1] = mask;
	ret[2] = (uint32_t)numbers[0];
	ret[3] = (uint32_t)numbers[1];
	return 0;
}

unsigned path_depth(const char *path)
{
	unsigned n = 0;

	for (; *path; path++)
		n += *path == '/';
	return n;
}

/* Stable, so that the order of a request is kept among equals: both come from one array. */
static void sort(struct spec_mounts *m)
{
	size_t i, j;

	for (i = 1; i < m->n; i++) {
		struct spec_mount one = m->v[i];

		for (j = i; j > 0 && path_depth(m->v[j - 1].target) > path_depth(one.target); j--)
			m->v[j] = m->v[j - 1];
		m->v[j] = one;
	}
}

static int collect(struct spec_mounts *m, const cJSON *config, const cJSON *host, const cJSON *inherited,
		   struct err *err)
{
	const cJSON *e;

	cJSON_ArrayForEach(e, json_get(host, "Binds"))
		if (add_bind(m, e->valuestring, get_text(host, "VolumeDriver"), err))
			return -1;
	cJSON_ArrayForEach(e, json_get(host, "Mounts"))
		if (mount_typed(m, e, err))
			return -1;
	cJSON_ArrayForEach(e, json_get(host, "Tmpfs"))
		if (add_tmpfs(m, e, err))
			return -1;
	if (get_size(host, "Devices") > DEVICES_MAX)
		return err_set(err, 400, "too many devices: at most %d", DEVICES_MAX);
	cJSON_ArrayForEach(e, json_get(host, "Devices"))
		if (add_device(m, e, err))
			return -1;
	/* What other containers have: where nothing of its own is. */
	cJSON_ArrayForEach(e, inherited)
		if (mount_inherited(m, e, err))
			return -1;
	cJSON_ArrayForEach(e, json_get(config, "Volumes"))
		if (add_anonymous(m, e->string, err))
			return -1;
	return 0;
}

int spec_mounts(const cJSON *merged, struct spec_mounts *ret, struct err *err)
{
	struct spec_mounts m = { 0 };

	if (collect(&m, json_get(merged, "Config"), json_get(merged, "HostConfig"), json_get(merged, "InheritedMounts"),
		    err)) {
		spec_mounts_finish(&m);
		return -1;
	}
	sort(&m);
	*ret = m;
	return 0;
}

int spec_mounts_device(struct spec_mounts *m, const char *source, const char *target, const char *access,
		       struct err *err)
{
	struct spec_mount one = {
		.type = SPEC_DEVICE, .source = (char *)source, .target = (char *)target, .device_access = (char *)access
	};

	if (mount_at(m, target))
		return 0;
	if (mounts_add(m, &one, err))
		return -1;
	sort(m);
	return 0;
}

void spec_mounts_remove(struct spec_mounts *m, size_t i)
{
	mount_finish(&m->v[i]);
	memmove(&m->v[i], &m->v[i + 1], (--m->n - i) * sizeof(m->v[0]));
}
