/* spec.c - see spec.h. OCI runtime specification 1.x, config.md and config-linux.md.
 *
 * Unknown members are ignored as the specification demands; what is known is checked whole: no wrong type, range, path
 * or option passes. Namespaces, devices, seccomp and cgroups come as fds, not from here. */
#include "spec.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <limits.h>
#include <linux/mount.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "../shared/caps.h"
#include "../base/cleanup.h"
#include "../base/text.h"

struct parse {
	struct plan *plan;
	unsigned nbinds;
	char *stage;
};

static int bad(struct parse *p, const char *what)
{
	snprintf(p->stage, STAGE_MAX, "spec %.*s", STAGE_MAX - 6, what);
	return -EINVAL;
}

/* cJSON recurses: how deep is settled before it starts. */
static bool depth_ok(const char *s, size_t n)
{
	bool quoted = false;
	int depth = 0;

	for (size_t i = 0; i < n; i++) {
		if (quoted) {
			if (s[i] == '\\')
				i++;
			else if (s[i] == '"')
				quoted = false;
		} else if (s[i] == '"') {
			quoted = true;
		} else if (s[i] == '{' || s[i] == '[') {
			if (++depth > PLAN_DEPTH_MAX)
				return false;
		} else if (s[i] == '}' || s[i] == ']') {
			depth--;
		}
	}
	return true;
}

/* A member, NULL when absent or null. */
static const cJSON *member(const cJSON *o, const char *key)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, key);

	return cJSON_IsNull(v) ? NULL : v;
}

static int get_text(struct parse *p, const cJSON *o, const char *key, const char **ret)
{
	const cJSON *v = member(o, key);

	if (!v)
		return 0;
	if (!cJSON_IsString(v))
		return bad(p, key);
	*ret = v->valuestring;
	return 0;
}

static int get_bool(struct parse *p, const cJSON *o, const char *key, bool *ret)
{
	const cJSON *v = member(o, key);

	if (!v)
		return 0;
	if (!cJSON_IsBool(v))
		return bad(p, key);
	*ret = cJSON_IsTrue(v);
	return 0;
}

static int get_number(struct parse *p, const cJSON *o, const char *key, double min, double max, double *ret)
{
	const cJSON *v = member(o, key);

	if (!v)
		return 0;
	if (!cJSON_IsNumber(v) || !(v->valuedouble >= min && v->valuedouble <= max) ||
	    v->valuedouble != floor(v->valuedouble))
		return bad(p, key);
	*ret = v->valuedouble;
	return 0;
}

/* Values above 2^53 are only ever "no limit". */
static uint64_t limit_of(double d)
{
	return d >= 18446744073709549568.0 ? RLIM_INFINITY : (uint64_t)d;
}

static int get_array(struct parse *p, const cJSON *o, const char *key, int max, const cJSON **ret, int *ret_n)
{
	const cJSON *v = member(o, key);

	*ret = NULL;
	*ret_n = 0;
	if (!v)
		return 0;
	if (!cJSON_IsArray(v) || cJSON_GetArraySize(v) > max)
		return bad(p, key);
	*ret = v;
	*ret_n = cJSON_GetArraySize(v);
	return 0;
}

/* NULL-terminated list of texts; paths: each canonical. */
static int get_texts(struct parse *p, const cJSON *o, const char *key, bool paths, const char ***ret)
{
	const cJSON *list, *v;
	int n, e, i = 0;

	e = get_array(p, o, key, INT_MAX, &list, &n);
	if (e < 0)
		return e;
	*ret = calloc((size_t)n + 1, sizeof(**ret));
	if (!*ret)
		return -ENOMEM;
	cJSON_ArrayForEach(v, list) {
		if (!cJSON_IsString(v) || (paths && !path_valid(v->valuestring, strlen(v->valuestring))))
			return bad(p, key);
		(*ret)[i++] = v->valuestring;
	}
	return 0;
}

/* --- process --- */
static int parse_caps(struct parse *p, const cJSON *process)
{
	static const char *const keys[] = { "bounding", "effective", "permitted", "inheritable", "ambient" };
	const cJSON *caps = member(process, "capabilities"), *list, *v;
	int n, e;

	_Static_assert(ARRAY_SIZE(keys) == PLAN_CAPS_COUNT, "a set without a key");
	for (unsigned i = 0; i < PLAN_CAPS_COUNT; i++) {
		e = get_array(p, caps, keys[i], 64, &list, &n);
		if (e < 0)
			return e;
		cJSON_ArrayForEach(v, list) {
			int cap = cJSON_IsString(v) ? capability_number(v->valuestring) : -1;

			if (cap < 0)
				return bad(p, keys[i]);
			p->plan->caps[i] |= UINT64_C(1) << cap;
		}
	}
	/* What the kernel would refuse in the middle of things: capabilities(7). */
	if ((p->plan->caps[PLAN_EFFECTIVE] & ~p->plan->caps[PLAN_PERMITTED]) ||
	    (p->plan->caps[PLAN_AMBIENT] & ~(p->plan->caps[PLAN_PERMITTED] & p->plan->caps[PLAN_INHERITABLE])))
		return bad(p, "capabilities");
	return 0;
}

static const struct {
	const char *name;
	int resource;
} rlimit_names[] = {
	{ "RLIMIT_AS", RLIMIT_AS },
	{ "RLIMIT_CORE", RLIMIT_CORE },
	{ "RLIMIT_CPU", RLIMIT_CPU },
	{ "RLIMIT_DATA", RLIMIT_DATA },
	{ "RLIMIT_FSIZE", RLIMIT_FSIZE },
	{ "RLIMIT_LOCKS", RLIMIT_LOCKS },
	{ "RLIMIT_MEMLOCK", RLIMIT_MEMLOCK },
	{ "RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE },
	{ "RLIMIT_NICE", RLIMIT_NICE },
	{ "RLIMIT_NOFILE", RLIMIT_NOFILE },
	{ "RLIMIT_NPROC", RLIMIT_NPROC },
	{ "RLIMIT_RSS", RLIMIT_RSS },
	{ "RLIMIT_RTPRIO", RLIMIT_RTPRIO },
	{ "RLIMIT_RTTIME", RLIMIT_RTTIME },
	{ "RLIMIT_SIGPENDING", RLIMIT_SIGPENDING },
	{ "RLIMIT_STACK", RLIMIT_STACK },
};

static int parse_rlimits(struct parse *p, const cJSON *process)
{
	const cJSON *list, *v;
	int n, e;

	e = get_array(p, process, "rlimits", PLAN_RLIMITS_MAX, &list, &n);
	if (e < 0)
		return e;
	cJSON_ArrayForEach(v, list) {
		struct plan_rlimit *r = &p->plan->rlimits[p->plan->nrlimits++];
		const char *name = NULL;
		double soft = -1, hard = -1;

		e = get_text(p, v, "type", &name);
		if (e == 0)
			e = get_number(p, v, "soft", 0, 18446744073709551616.0, &soft);
		if (e == 0)
			e = get_number(p, v, "hard", 0, 18446744073709551616.0, &hard);
		if (e < 0)
			return e;
		for (size_t i = 0; name && soft >= 0 && hard >= 0 && i < ARRAY_SIZE(rlimit_names); i++)
			if (strcmp(name, rlimit_names[i].name) == 0)
				*r = (struct plan_rlimit){ rlimit_names[i].resource, rlimit_names[i].name,
							   limit_of(soft), limit_of(hard) };
		if (!r->name || r->soft > r->hard)
			return bad(p, "rlimits");
	}
	return 0;
}

static int parse_user(struct parse *p, const cJSON *process)
{
	const cJSON *user = member(process, "user"), *list, *v;
	double uid = 0, gid = 0;
	int n, e;

	e = get_number(p, user, "uid", 0, MAP_SIZE - 1, &uid);
	if (e == 0)
		e = get_number(p, user, "gid", 0, MAP_SIZE - 1, &gid);
	if (e == 0)
		e = get_array(p, user, "additionalGids", 64, &list, &n);
	if (e < 0)
		return e;
	p->plan->uid = (uint32_t)uid;
	p->plan->gid = (uint32_t)gid;
	p->plan->groups = calloc((size_t)n + 1, sizeof(gid_t));
	if (!p->plan->groups)
		return -ENOMEM;
	cJSON_ArrayForEach(v, list) {
		if (!cJSON_IsNumber(v) || !(v->valuedouble >= 0 && v->valuedouble < MAP_SIZE))
			return bad(p, "additionalGids");
		p->plan->groups[p->plan->ngroups++] = (gid_t)v->valuedouble;
	}
	return 0;
}

static int parse_process(struct parse *p, const cJSON *process)
{
	const cJSON *size = member(process, "consoleSize");
	double oom = NAN, rows = 0, columns = 0;
	struct plan *plan = p->plan;
	int e;

	if (!cJSON_IsObject(process))
		return bad(p, "process");
	plan->cwd = "/";
	if ((e = get_texts(p, process, "args", false, &plan->argv)) < 0 ||
	    (e = get_texts(p, process, "env", false, &plan->env)) < 0 ||
	    (e = get_text(p, process, "cwd", &plan->cwd)) < 0 ||
	    (e = get_text(p, process, "apparmorProfile", &plan->apparmor)) < 0 ||
	    (e = get_text(p, process, "selinuxLabel", &plan->selinux)) < 0 ||
	    (e = get_bool(p, process, "noNewPrivileges", &plan->no_new_privs)) < 0 ||
	    (e = get_number(p, process, "oomScoreAdj", -1000, 1000, &oom)) < 0 ||
	    (e = get_number(p, size, "height", 0, 65535, &rows)) < 0 ||
	    (e = get_number(p, size, "width", 0, 65535, &columns)) < 0 || (e = parse_user(p, process)) < 0 ||
	    (e = parse_caps(p, process)) < 0 || (e = parse_rlimits(p, process)) < 0)
		return e;
	if (!plan->argv[0] || plan->argv[0][0] == '\0')
		return bad(p, "args");
	if (!path_valid(plan->cwd, strlen(plan->cwd)))
		return bad(p, "cwd");
	plan->has_oom_score = !isnan(oom);
	plan->oom_score = isnan(oom) ? 0 : (int)oom;
	plan->rows = (unsigned)rows;
	plan->columns = (unsigned)columns;
	return 0;
}

/* --- mounts --- */
/* Options of the mount itself: mount(8). Propagation: a sealed clone has no peers, so that private is what it is. */
static const struct {
	const char *name;
	uint64_t set;
	int error;
} mount_options[] = {
	{ "ro", MOUNT_ATTR_RDONLY, 0 },
	{ "rw", 0, 0 },
	{ "nosuid", MOUNT_ATTR_NOSUID, 0 },
	{ "suid", 0, 0 },
	{ "nodev", MOUNT_ATTR_NODEV, 0 },
	{ "dev", 0, 0 },
	{ "noexec", MOUNT_ATTR_NOEXEC, 0 },
	{ "exec", 0, 0 },
	{ "noatime", MOUNT_ATTR_NOATIME, 0 },
	{ "strictatime", MOUNT_ATTR_STRICTATIME, 0 },
	{ "relatime", 0, 0 },
	{ "atime", 0, 0 },
	{ "nodiratime", MOUNT_ATTR_NODIRATIME, 0 },
	{ "diratime", 0, 0 },
	{ "bind", 0, 0 },
	{ "rbind", 0, 0 },
	{ "private", 0, 0 },
	{ "rprivate", 0, 0 },
	{ "defaults", 0, 0 },
	{ "sync", 0, 0 },
	{ "async", 0, 0 },
	{ "slave", 0, -EOPNOTSUPP },
	{ "rslave", 0, -EOPNOTSUPP },
	{ "shared", 0, -EOPNOTSUPP },
	{ "rshared", 0, -EOPNOTSUPP },
};

/* What each file system may be told beside. */
static const struct {
	const char *type;
	const char *keys[8];
} fs_kinds[] = {
	[PLAN_BIND] = { "bind", { "subpath", NULL } },
	[PLAN_PROC] = { "proc", { "hidepid", "subset", NULL } },
	[PLAN_SYSFS] = { "sysfs", { NULL } },
	[PLAN_TMPFS] = { "tmpfs", { "size", "nr_blocks", "nr_inodes", "mode", "uid", "gid", NULL } },
	[PLAN_DEVPTS] = { "devpts", { "newinstance", "ptmxmode", "mode", "uid", "gid", "max", NULL } },
	[PLAN_MQUEUE] = { "mqueue", { NULL } },
	[PLAN_CGROUP2] = { "cgroup", { NULL } },
	[PLAN_IMAGE] = { "image", { "subpath", "layers", NULL } },
};
_Static_assert(ARRAY_SIZE(fs_kinds) == PLAN_FS_COUNT, "a file system without a row");

static bool is_fd(const struct plan_mount *m)
{
	return m->fs == PLAN_BIND || m->fs == PLAN_IMAGE;
}

/* Of a mount that is one of fds: for us, not for a file system. */
static int parse_view(struct parse *p, struct plan_mount *m, const char *text)
{
	const char *value = strchr(text, '=');
	uint64_t n;

	if (!value++)
		return -EINVAL;
	if (text[0] == 's') {
		m->subpath = value;
		return path_valid(value, strlen(value)) && strlen(value) < PATH_MAX ? 0 : -EINVAL;
	}
	if (text_u64(value, LAYERS_MAX, &n) < 0 || n == 0 || n > p->nbinds - m->bind)
		return -EINVAL;
	m->layers = (unsigned)n;
	return 0;
}

static int parse_option(struct parse *p, struct plan_mount *m, const char *text)
{
	size_t n = strcspn(text, "=");

	for (size_t i = 0; i < ARRAY_SIZE(mount_options); i++)
		if (strcmp(text, mount_options[i].name) == 0) {
			m->attrs |= mount_options[i].set;
			return mount_options[i].error;
		}
	for (size_t i = 0; fs_kinds[m->fs].keys[i]; i++)
		if (strlen(fs_kinds[m->fs].keys[i]) == n && strncmp(text, fs_kinds[m->fs].keys[i], n) == 0) {
			if (is_fd(m))
				return parse_view(p, m, text);
			m->options[m->noptions++] = text;
			return strlen(text) < 128 ? 0 : -EINVAL;
		}
	return -EINVAL;
}

static int mount_kind(struct parse *p, const char *type, struct plan_mount *m)
{
	uint64_t n;

	if (strcmp(type, "cgroup2") == 0)
		type = "cgroup";
	for (m->fs = 0; m->fs < PLAN_FS_COUNT; m->fs++)
		if (strcmp(fs_kinds[m->fs].type, type) == 0)
			break;
	if (m->fs == PLAN_FS_COUNT)
		return -ENODEV;
	if (!is_fd(m))
		return 0;
	/* Never a path: a bind is an fd that mount made. */
	if (strncmp(m->source, "fd:", 3) != 0 || text_u64(m->source + 3, UINT32_MAX, &n) < 0 || n >= p->nbinds)
		return -EINVAL;
	m->bind = (unsigned)n;
	return 0;
}

static int parse_mount(struct parse *p, const cJSON *v, struct plan_mount *m)
{
	const char *type = "bind";
	const cJSON *list, *o;
	int n, e;

	m->source = "none";
	e = get_text(p, v, "destination", &m->target);
	if (e == 0)
		e = get_text(p, v, "type", &type);
	if (e == 0)
		e = get_text(p, v, "source", &m->source);
	if (e == 0)
		e = get_array(p, v, "options", 64, &list, &n);
	if (e < 0)
		return e;
	if (!m->target || !path_valid(m->target, strlen(m->target)) || strlen(m->target) >= PATH_MAX || !m->target[1] ||
	    strlen(m->source) > 200)
		return bad(p, "mount destination");
	snprintf(p->stage, STAGE_MAX, "mount %.*s", STAGE_MAX - 7, m->target);
	e = mount_kind(p, type, m);
	if (e < 0)
		return e;
	m->options = calloc((size_t)n + 1, sizeof(*m->options));
	if (!m->options)
		return -ENOMEM;
	cJSON_ArrayForEach(o, list) {
		e = cJSON_IsString(o) ? parse_option(p, m, o->valuestring) : -EINVAL;
		if (e < 0)
			return e;
	}
	return m->fs == PLAN_IMAGE && !m->layers ? -EINVAL : 0;
}

static int parse_mounts(struct parse *p, const cJSON *doc)
{
	const cJSON *list, *v;
	int n, e;

	e = get_array(p, doc, "mounts", PLAN_MOUNTS_MAX, &list, &n);
	if (e < 0)
		return e;
	p->plan->mounts = calloc((size_t)n + 1, sizeof(*p->plan->mounts));
	if (!p->plan->mounts)
		return -ENOMEM;
	cJSON_ArrayForEach(v, list) {
		e = parse_mount(p, v, &p->plan->mounts[p->plan->nmounts++]);
		if (e < 0)
			return e;
	}
	return 0;
}

/* --- linux, annotations --- */
/* Only what belongs to a namespace of the container's: the network's and IPC's (sysvipc(7), mq_overview(7)). */
static bool sysctl_allowed(const char *path)
{
	static const char *const own[] = {
		"kernel/shmmax", "kernel/shmall", "kernel/shmmni", "kernel/shm_rmid_forced",
		"kernel/msgmax", "kernel/msgmnb", "kernel/msgmni", "kernel/sem",
	};

	if (strncmp(path, "net/", 4) == 0 || strncmp(path, "fs/mqueue/", 10) == 0)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		if (strcmp(path, own[i]) == 0)
			return true;
	return false;
}

static int parse_sysctl(struct parse *p, const cJSON *v)
{
	char *path = p->plan->sysctl_paths[p->plan->nsysctls];
	size_t n = strlen(v->string);
	/* sysctl(8): with a slash first the dots are part of names */
	bool dots = strcspn(v->string, "/") > strcspn(v->string, ".");

	snprintf(p->stage, STAGE_MAX, "sysctl %.*s", STAGE_MAX - 8, v->string);
	if (n == 0 || n >= sizeof(p->plan->sysctl_paths[0]) || !cJSON_IsString(v))
		return -EINVAL;
	for (size_t i = 0; i <= n; i++)
		path[i] = !dots ? v->string[i] : v->string[i] == '.' ? '/' : v->string[i] == '/' ? '.' : v->string[i];
	if (strstr(path, "..") || path[0] == '/' || !text_valid(path, n))
		return -EINVAL;
	if (!sysctl_allowed(path))
		return -EPERM;
	p->plan->sysctls[p->plan->nsysctls++] = (struct plan_pair){ path, v->valuestring };
	return 0;
}

static int parse_linux(struct parse *p, const cJSON *o)
{
	const cJSON *sysctl = member(o, "sysctl"), *v;
	int n = cJSON_GetArraySize(sysctl), e;

	e = get_texts(p, o, "maskedPaths", true, &p->plan->masked);
	if (e == 0)
		e = get_texts(p, o, "readonlyPaths", true, &p->plan->readonly);
	if (e < 0)
		return e;
	if (sysctl && (!cJSON_IsObject(sysctl) || n > 256))
		return bad(p, "sysctl");
	p->plan->sysctls = calloc((size_t)n + 1, sizeof(*p->plan->sysctls));
	p->plan->sysctl_paths = calloc((size_t)n + 1, sizeof(*p->plan->sysctl_paths));
	if (!p->plan->sysctls || !p->plan->sysctl_paths)
		return -ENOMEM;
	cJSON_ArrayForEach(v, sysctl) {
		e = parse_sysctl(p, v);
		if (e < 0)
			return e;
	}
	return 0;
}

static int parse_annotations(struct parse *p, const cJSON *o)
{
	static const char prefix[] = "org.postern.file.";
	const cJSON *v;
	int n = cJSON_GetArraySize(o);

	if (o && !cJSON_IsObject(o))
		return bad(p, "annotations");
	p->plan->files = calloc((size_t)n + 1, sizeof(*p->plan->files));
	if (!p->plan->files)
		return -ENOMEM;
	cJSON_ArrayForEach(v, o) {
		const char *path = v->string + sizeof(prefix) - 1;

		if (!cJSON_IsString(v))
			return bad(p, "annotations");
		if (strcmp(v->string, "org.postern.init") == 0)
			p->plan->tiny_init = strcmp(v->valuestring, "true") == 0;
		if (strcmp(v->string, "org.postern.log") == 0)
			p->plan->log_attrs = v->valuestring;
		if (strcmp(v->string, "org.postern.journal") == 0)
			p->plan->journal = v->valuestring;
		if (strcmp(v->string, "org.postern.volatile") == 0)
			p->plan->volatile_root = strcmp(v->valuestring, "true") == 0;
		if (strncmp(v->string, prefix, sizeof(prefix) - 1) != 0)
			continue;
		if (!path_valid(path, strlen(path)) || strlen(path) >= PATH_MAX || !path[1] || p->plan->nfiles == 64)
			return bad(p, v->string);
		p->plan->files[p->plan->nfiles++] = (struct plan_pair){ path, v->valuestring };
	}
	return 0;
}

int spec_parse(const char *text, size_t len, unsigned nbinds, struct plan *ret, char ret_stage[STAGE_MAX])
{
	struct parse p = { ret, nbinds, ret_stage };
	const char *end = NULL;
	int e;

	*ret = (struct plan){ 0 };
	ret_stage[0] = '\0';
	if (len > SPEC_MAX || !depth_ok(text, len))
		return bad(&p, "size");
	ret->doc = cJSON_ParseWithLengthOpts(text, len, &end, /* require_null_terminated= */ false);
	if (!cJSON_IsObject(ret->doc))
		return bad(&p, "JSON");
	for (; end < text + len; end++)
		if (!strchr(" \t\r\n", *end) || !*end)
			return bad(&p, "JSON");
	if ((e = get_text(&p, ret->doc, "hostname", &ret->hostname)) < 0 ||
	    (e = get_text(&p, ret->doc, "domainname", &ret->domainname)) < 0 ||
	    (e = get_bool(&p, member(ret->doc, "root"), "readonly", &ret->root_readonly)) < 0 ||
	    (e = parse_process(&p, member(ret->doc, "process"))) < 0 || (e = parse_mounts(&p, ret->doc)) < 0 ||
	    (e = parse_linux(&p, member(ret->doc, "linux"))) < 0 ||
	    (e = parse_annotations(&p, member(ret->doc, "annotations"))) < 0)
		return e;
	ret_stage[0] = '\0';
	return 0;
}

void spec_finish(struct plan *p)
{
	for (size_t i = 0; i < p->nmounts; i++)
		free(p->mounts[i].options);
	free(p->mounts);
	free(p->argv);
	free(p->env);
	free(p->groups);
	free(p->masked);
	free(p->readonly);
	free(p->sysctls);
	free(p->sysctl_paths);
	free(p->files);
	cJSON_Delete(p->doc);
	*p = (struct plan){ 0 };
}

static bool listed(const char **list, const char *path)
{
	for (; *list; list++)
		if (strcmp(*list, path) == 0)
			return true;
	return false;
}

/* What tells of, or acts on, the host: every default that Docker ever had names these. */
static bool paths_hidden(const struct plan *p)
{
	static const char *const masked[] = { "/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware" };
	static const char *const readonly[] = { "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
						"/proc/sysrq-trigger" };

	for (size_t i = 0; i < ARRAY_SIZE(masked); i++)
		if (!listed(p->masked, masked[i]))
			return false;
	for (size_t i = 0; i < ARRAY_SIZE(readonly); i++)
		if (!listed(p->readonly, readonly[i]) && !listed(p->masked, readonly[i]))
			return false;
	/* Those hold for one place: the same file system elsewhere would show all. */
	for (size_t i = 0; i < p->nmounts; i++)
		if ((p->mounts[i].fs == PLAN_PROC && strcmp(p->mounts[i].target, "/proc") != 0) ||
		    (p->mounts[i].fs == PLAN_SYSFS && strcmp(p->mounts[i].target, "/sys") != 0))
			return false;
	return true;
}

int spec_permit(const struct plan *p, const struct policy_spawn *policy, bool has_seccomp, bool privileged,
		const char **ret_rule)
{
	*ret_rule = "caps";
	for (unsigned i = 0; i < PLAN_CAPS_COUNT && !privileged; i++)
		if (p->caps[i] & ~policy->caps)
			return -EPERM;
	*ret_rule = "seccomp_unconfined";
	if (!has_seccomp && !policy->common.allow.seccomp_unconfined)
		return -EPERM;
	*ret_rule = "no_new_privs_required";
	if (!p->no_new_privs && policy->no_new_privs_required)
		return -EPERM;
	*ret_rule = "unmasked_paths";
	if (!policy->unmasked_paths && !privileged && !paths_hidden(p))
		return -EPERM;
	*ret_rule = "";
	return 0;
}
