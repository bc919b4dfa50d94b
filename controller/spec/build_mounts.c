/* build_mounts.c - mounts of the runtime specification: the container's own file systems as Docker has them, then what
 * was asked for, parents first. Targets are checked again here: nothing may hide or enter /proc, or replace /dev. */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "../../helpers/base/cleanup.h"
#include "../../helpers/base/text.h"
#include "internal.h"

enum { TTY_GID = 5 /* of the group "tty" in every distribution */ };

static const struct {
	const char *target, *type, *source, *options;
} own[] = {
	/* by depth */
	{ "/proc", "proc", "proc", "nosuid,noexec,nodev" },
	{ "/dev", "tmpfs", "tmpfs", "nosuid,strictatime,mode=755,size=65536k" },
	{ "/sys", "sysfs", "sysfs", "nosuid,noexec,nodev,ro" },
	{ "/dev/pts", "devpts", "devpts", "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620" }, /* and gid=5 */
	{ "/dev/mqueue", "mqueue", "mqueue", "nosuid,noexec,nodev" },
	{ "/dev/shm", "tmpfs", "shm", "nosuid,noexec,nodev,mode=1777" }, /* and its size */
	{ "/sys/fs/cgroup", "cgroup", "cgroup", "ro,nosuid,noexec,nodev" },
};

/* What lxcfs and the like put there; as in runc. */
static const char *const below_proc[] = {
	"/proc/cpuinfo",
	"/proc/diskstats",
	"/proc/meminfo",
	"/proc/stat",
	"/proc/swaps",
	"/proc/uptime",
	"/proc/loadavg",
	"/proc/slabinfo",
	"/proc/sys/kernel/ns_last_pid",
	"/proc/sys/crypto/fips_enabled",
};

static const struct spec_mount *asked_at(const struct spec_mounts *m, const char *target)
{
	size_t i;

	for (i = 0; m && i < m->n; i++)
		if (!strcmp(m->v[i].target, target))
			return &m->v[i];
	return NULL;
}

static int check_target(const struct spec_mount *m, struct err *err)
{
	size_t i;

	/* The init makes the default nodes below /dev: not in somebody's directory. */
	if (!strcmp(m->target, "/dev") && m->type != SPEC_TMPFS)
		return err_set(err, 400, "\"/dev\" cannot be mounted over: the container's devices are there");
	if (!path_below(m->target, "/proc"))
		return 0;
	for (i = 0; i < ARRAY_SIZE(below_proc) && m->type == SPEC_BIND; i++)
		if (!strcmp(m->target, below_proc[i]))
			return 0;
	return err_set(err, 400, "\"%.256s\" cannot be mounted because it is inside /proc", m->target);
}

static int put_options(cJSON *mount, const char *list, struct err *err)
{
	cJSON *options = cJSON_CreateArray();
	const char *part;
	size_t len;

	while (list_next(&list, ',', &part, &len)) {
		char word[64];

		if (!len || len >= sizeof(word))
			continue; /* not among checked options */
		memcpy(word, part, len);
		word[len] = '\0';
		if (json_put(options, NULL, cJSON_CreateString(word), err)) {
			cJSON_Delete(options);
			return -1;
		}
	}
	return json_put(mount, "options", options, err);
}

static int put_mount(cJSON *list, const char *target, const char *type, const char *source, const char *options,
		     struct err *err)
{
	cJSON *one = cJSON_CreateObject();

	if (json_put_text(one, "destination", target, err) || json_put_text(one, "type", type, err) ||
	    json_put_text(one, "source", source, err) || put_options(one, options, err)) {
		cJSON_Delete(one);
		return -1;
	}
	return json_put(list, NULL, one, err);
}

/* Of fds from *fd on: one, or an image's layers (how many). */
static int put_fds(cJSON *list, const struct spec_mount *m, unsigned layers, size_t *fd, struct err *err)
{
	/* Sealed as it is to be: "ro" would hold for what is mounted below as well. */
	const char *access = m->readonly && !m->below_writable ? "ro" : "rw";
	bool image = m->type == SPEC_IMAGE;
	char source[24], options[64], subpath[SPEC_PATH_MAX + 16];
	cJSON *to;

	snprintf(source, sizeof(source), "fd:%zu", *fd);
	if (image)
		snprintf(options, sizeof(options), "%s,layers=%u", access, layers);
	else
		snprintf(options, sizeof(options), "rbind,rprivate,%s", access);
	*fd += image ? layers : 1;
	if (put_mount(list, m->target, image ? "image" : "bind", source, options, err))
		return -1;
	if (!m->subpath)
		return 0;
	snprintf(subpath, sizeof(subpath), "subpath=%s", m->subpath);
	to = cJSON_GetObjectItemCaseSensitive(cJSON_GetArrayItem(list, cJSON_GetArraySize(list) - 1), "options");
	return json_put(to, NULL, cJSON_CreateString(subpath), err);
}

/* True when two tmpfs options cannot both hold: the same key, or a word and its opposite. */
static bool excludes(const char *a, const char *b)
{
	static const char *const pairs[][2] = {
		{ "noexec", "exec" },
		{ "nosuid", "suid" },
		{ "nodev", "dev" },
		{ "ro", "rw" },
		{ "sync", "async" },
		{ "noatime", "atime" },
		{ "noatime", "relatime" },
		{ "noatime", "strictatime" },
		{ "relatime", "strictatime" },
		{ "nodiratime", "diratime" },
		{ "relatime", "atime" },
		{ "strictatime", "atime" },
	};
	size_t i, key = strcspn(a, "=");

	if (key == strcspn(b, "=") && !memcmp(a, b, key))
		return true;
	for (i = 0; i < ARRAY_SIZE(pairs); i++)
		if ((!strcmp(a, pairs[i][0]) && !strcmp(b, pairs[i][1])) ||
		    (!strcmp(a, pairs[i][1]) && !strcmp(b, pairs[i][0])))
			return true;
	return false;
}

/* Docker's defaults for a tmpfs, then what was asked; the later one holds. Propagation means nothing for one of our
 * own. */
static int tmpfs_options(const char *asked, char *ret, size_t size, struct err *err)
{
	enum { WORDS_MAX = 32, WORD_MAX = 48 };
	char words[WORDS_MAX][WORD_MAX] = { "nosuid", "nodev", "noexec" };
	const char *part, *at = asked && asked[0] ? asked : NULL;
	size_t n = 3, i, j, len, used = 0;

	while (list_next(&at, ',', &part, &len)) {
		char word[WORD_MAX];

		if (n == WORDS_MAX || len >= sizeof(word))
			return err_set(err, 400, "tmpfs options are too long");
		memcpy(word, part, len);
		word[len] = '\0';
		if (!len || list_has("defaults,private,rprivate,slave,rslave", ',', word))
			continue;
		for (i = j = 0; i < n; i++)
			if (!excludes(words[i], word))
				memmove(words[j++], words[i], WORD_MAX);
		n = j;
		memcpy(words[n++], word, len + 1);
	}
	for (i = 0; i < n; i++)
		used += (size_t)snprintf(ret + used, size - used, "%s%s", i ? "," : "", words[i]);
	return 0;
}

/* The container's own file systems from *at on that are no deeper than max, but those that were replaced. */
static int put_own(cJSON *list, const struct spec_input *in, const cJSON *host, size_t *at, unsigned max,
		   struct err *err)
{
	for (; *at < ARRAY_SIZE(own) && path_depth(own[*at].target) <= max; (*at)++) {
		const char *target = own[*at].target, *options = own[*at].options;
		bool shm = !strcmp(target, "/dev/shm");
		char more[128];

		if (asked_at(in->mounts, target) || (shm && !strcmp(get_text(host, "IpcMode"), "none")))
			continue;
		if (shm) {
			snprintf(more, sizeof(more), "%s,size=%lld", options, (long long)get_int(host, "ShmSize"));
			options = more;
		} else if (!strcmp(own[*at].type, "devpts") && spec_maps(in, TTY_GID)) {
			snprintf(more, sizeof(more), "%s,gid=%d", options, TTY_GID);
			options = more;
		}
		if (put_mount(list, target, own[*at].type, own[*at].source, options, err))
			return -1;
	}
	return 0;
}

int build_mounts(cJSON *spec, const struct spec_input *in, const cJSON *host, struct err *err)
{
	size_t at = 0, fd = 0, images = 0, i, n = in->mounts ? in->mounts->n : 0;
	char options[2048];
	cJSON *list;

	if (json_put(spec, "mounts", cJSON_CreateArray(), err))
		return -1;
	list = cJSON_GetObjectItemCaseSensitive(spec, "mounts");
	for (i = 0; i < n; i++) {
		const struct spec_mount *m = &in->mounts->v[i];
		int r;

		if (check_target(m, err) || put_own(list, in, host, &at, path_depth(m->target), err))
			return -1;
		if (m->type == SPEC_TMPFS)
			r = tmpfs_options(m->options, options, sizeof(options), err) ||
			    put_mount(list, m->target, "tmpfs", "tmpfs", options, err);
		else
			r = put_fds(list, m, m->type == SPEC_IMAGE ? in->image_layers[images++] : 0, &fd, err);
		if (r)
			return -1;
	}
	return put_own(list, in, host, &at, UINT_MAX, err);
}
