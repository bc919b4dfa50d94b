/* build.c - the OCI runtime specification of a container (config.md, config-linux.md of the specification), in the form
 * that spawn takes: sources of binds are "fd:N", annotations org.postern.* carry what the specification has no place
 * for.
 *
 * merged comes from spec_merge, so its types are right; the user, groups and home come from the image, hence are
 * hostile. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../helpers/base/cleanup.h"
#include "../../helpers/base/limits.h"
#include "../../helpers/base/policy.h"
#include "../../helpers/base/text.h"
#include "internal.h"

enum { HOSTNAME_LEN = 12 /* of the id, when none is given */ };

/* As Docker 28 has them. */
const char *const masked_paths[] = {
	"/proc/asound",
	"/proc/acpi",
	"/proc/interrupts",
	"/proc/kcore",
	"/proc/keys",
	"/proc/latency_stats",
	"/proc/timer_list",
	"/proc/timer_stats",
	"/proc/sched_debug",
	"/proc/scsi",
	"/sys/firmware",
	"/sys/devices/virtual/powercap",
	NULL,
};
const char *const readonly_paths[] = {
	"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger", NULL,
};

static cJSON *text_item(const char *text)
{
	return cJSON_CreateString(text);
}

static int append_text(cJSON *array, const char *text, struct err *err)
{
	return json_put(array, NULL, text_item(text), err);
}

/* Adds a member that is then filled; NULL with err. */
static cJSON *add_object(cJSON *to, const char *name, struct err *err)
{
	return json_put(to, name, cJSON_CreateObject(), err) ? NULL : cJSON_GetObjectItemCaseSensitive(to, name);
}

static cJSON *add_array(cJSON *to, const char *name, struct err *err)
{
	return json_put(to, name, cJSON_CreateArray(), err) ? NULL : cJSON_GetObjectItemCaseSensitive(to, name);
}

/* --- process --- */
static uint32_t last_id(const struct spec_input *in)
{
	const struct policy_extent *last = in->ids ? &in->ids->map[in->ids->nmap - 1] : NULL;

	return last ? last->first + last->count - 1 : MAP_SIZE - 1;
}

bool spec_maps(const struct spec_input *in, uint32_t id)
{
	return in->ids ? policy_maps(in->ids, id) : id < MAP_SIZE;
}

static int build_user(cJSON *process, const struct spec_input *in, const cJSON *host, struct err *err)
{
	cJSON *user = add_object(process, "user", err), *groups;
	uint32_t gids[256] = { in->gid };
	size_t n = 1, i;

	if (!spec_maps(in, in->uid) || !spec_maps(in, in->gid))
		return err_set(err, 400, "user %u:%u is not mapped: a container has the ids 0 to %u", in->uid, in->gid,
			       last_id(in));
	/* What the image lists besides is worth no failure; what was asked for (the list has both) is. */
	for (i = 0; i < in->ngroups && n < ARRAY_SIZE(gids); i++)
		if (spec_maps(in, in->groups[i]) || !in->ids || get_size(host, "GroupAdd"))
			gids[n++] = in->groups[i];
	if (!user || json_put_int(user, "uid", in->uid, err) || json_put_int(user, "gid", in->gid, err))
		return -1;
	groups = add_array(user, "additionalGids", err);
	for (i = 0; i < n; i++) {
		size_t before;

		for (before = 0; before < i && gids[before] != gids[i]; before++)
			;
		if (!spec_maps(in, gids[i]))
			return err_set(err, 400, "group %u is not mapped: a container has the ids 0 to %u", gids[i],
				       last_id(in));
		if (before == i && json_put(groups, NULL, cJSON_CreateNumber(gids[i]), err))
			return -1;
	}
	return groups ? 0 : -1;
}

static int build_args(cJSON *process, const cJSON *config, struct err *err)
{
	static const char *const lists[] = { "Entrypoint", "Cmd" };
	cJSON *args = add_array(process, "args", err);
	const cJSON *e;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(lists); i++)
		cJSON_ArrayForEach(e, json_get(config, lists[i]))
			if (append_text(args, e->valuestring, err))
				return -1;
	if (args && !args->child)
		return err_set(err, 400, "No command specified");
	return args ? 0 : -1;
}

/* The entry of that name (n bytes), or NULL. */
static cJSON *env_find(cJSON *env, const char *name, size_t n)
{
	cJSON *e;

	cJSON_ArrayForEach(e, env)
		if (strncmp(e->valuestring, name, n) == 0 && e->valuestring[n] == '=')
			return e;
	return NULL;
}

/* "NAME=value" replaces an entry of that name or is added; "NAME" alone removes it. */
static int env_set(cJSON *env, const char *entry, struct err *err)
{
	size_t n = strcspn(entry, "=");
	cJSON *e = env_find(env, entry, n);

	if (!e)
		return entry[n] ? append_text(env, entry, err) : 0;
	if (entry[n])
		return cJSON_SetValuestring(e, entry) ? 0 : err_set(err, 500, "out of memory");
	cJSON_Delete(cJSON_DetachItemViaPointer(env, e));
	return 0;
}

static int build_env(cJSON *process, const struct spec_input *in, const cJSON *config, const char *hostname,
		     struct err *err)
{
	cJSON *env = add_array(process, "env", err);
	char text[1200];
	const cJSON *e;

	snprintf(text, sizeof(text), "HOSTNAME=%s", hostname);
	if (append_text(env, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", err) ||
	    append_text(env, text, err) || (get_bool(config, "Tty") && append_text(env, "TERM=xterm", err)))
		return -1;
	cJSON_ArrayForEach(e, json_get(config, "Env"))
		if (env_set(env, e->valuestring, err))
			return -1;
	if (env_find(env, "HOME", strlen("HOME")))
		return 0;
	snprintf(text, sizeof(text), "HOME=%s", in->home && in->home[0] ? in->home : "/");
	return append_text(env, text, err);
}

static int build_caps(cJSON *process, const struct spec_input *in, struct err *err)
{
	/* As capabilities(7) has it at an exec by another user than root: none in effect, the bounding set stays. */
	const char *const sets[] = { "bounding", "effective", "permitted" };
	cJSON *caps = add_object(process, "capabilities", err);
	uint64_t mask;
	size_t i;
	int cap;

	if (!caps || spec_caps(in->merged, in->caps_allowed, &mask, err))
		return -1;
	for (i = 0; i < ARRAY_SIZE(sets); i++) {
		cJSON *list = add_array(caps, sets[i], err);

		for (cap = 0; cap_name(cap) && (i == 0 || in->uid == 0); cap++)
			if ((mask >> cap & 1) && append_text(list, cap_name(cap), err))
				return -1;
		if (!list)
			return -1;
	}
	return 0;
}

/* -1 is unlimited: all bits, which a double cannot hold. */
static cJSON *rlimit_value(int64_t n)
{
	return n < 0 ? cJSON_CreateRaw("18446744073709551615") : cJSON_CreateNumber((double)n);
}

static int build_rlimits(cJSON *process, const cJSON *host, struct err *err)
{
	cJSON *list;
	const cJSON *u;

	if (!get_size(host, "Ulimits"))
		return 0;
	list = add_array(process, "rlimits", err);
	cJSON_ArrayForEach(u, json_get(host, "Ulimits")) {
		cJSON *one = cJSON_CreateObject();
		const char *oci;

		if (rlimit_by_name(get_text(u, "Name"), &oci) < 0) {
			cJSON_Delete(one);
			return err_set(err, 400, "invalid ulimit type: %.64s", get_text(u, "Name"));
		}
		if (json_put_text(one, "type", oci, err) ||
		    json_put(one, "hard", rlimit_value(get_int(u, "Hard")), err) ||
		    json_put(one, "soft", rlimit_value(get_int(u, "Soft")), err)) {
			cJSON_Delete(one);
			return -1;
		}
		if (json_put(list, NULL, one, err))
			return -1;
	}
	return 0;
}

static int build_console(cJSON *process, const cJSON *host, struct err *err)
{
	const cJSON *size = json_get(host, "ConsoleSize");
	cJSON *console;

	if (cJSON_GetArraySize(size) != 2 || (size->child->valuedouble == 0 && size->child->next->valuedouble == 0))
		return 0;
	console = add_object(process, "consoleSize", err);
	if (json_put(console, "height", cJSON_CreateNumber(size->child->valuedouble), err) ||
	    json_put(console, "width", cJSON_CreateNumber(size->child->next->valuedouble), err))
		return -1;
	return 0;
}

static int build_process(cJSON *spec, const struct spec_input *in, const char *hostname, struct err *err)
{
	const cJSON *config = json_get(in->merged, "Config"), *host = json_get(in->merged, "HostConfig");
	const char *wd = get_text(config, "WorkingDir");
	cJSON *process = add_object(spec, "process", err);

	if (!process || json_put(process, "terminal", cJSON_CreateBool(get_bool(config, "Tty")), err) ||
	    build_console(process, host, err) || build_user(process, in, host, err) ||
	    build_args(process, config, err) || build_env(process, in, config, hostname, err) ||
	    json_put_text(process, "cwd", wd[0] ? wd : "/", err) || build_caps(process, in, err) ||
	    build_rlimits(process, host, err))
		return -1;
	if (security_apparmor(host) && spec_apparmor() &&
	    json_put_text(process, "apparmorProfile", security_apparmor(host), err))
		return -1;
	/* Always there: what the engine's own processes have is not for containers to inherit. */
	if (json_put_int(process, "oomScoreAdj", get_int(host, "OomScoreAdj"), err) ||
	    json_put(process, "noNewPrivileges", cJSON_CreateBool(security_no_new_privileges(host)), err))
		return -1;
	return 0;
}

/* --- linux --- */
static int build_paths(cJSON *to, const char *name, const cJSON *list, bool per_cpu, struct err *err)
{
	cJSON *paths = add_array(to, name, err);
	const cJSON *e;
	unsigned cpu;

	cJSON_ArrayForEach(e, list)
		if (append_text(paths, e->valuestring, err))
			return -1;
	/* Temperatures tell about the neighbours' load. Docker shows these in inspect only where they exist; so do not
	 * we. */
	for (cpu = 0; per_cpu && cpu < spec_cpu_ids(); cpu++) {
		char path[80];

		snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u/thermal_throttle", cpu);
		if (append_text(paths, path, err))
			return -1;
	}
	return paths ? 0 : -1;
}

static int build_sysctl(cJSON *to, const struct spec_input *in, const cJSON *host, struct err *err)
{
	/* Both networks and ids are the container's own, so low ports and ping need no capability. */
	cJSON *sysctl = add_object(to, "sysctl", err);
	char groups[32];
	const cJSON *e;

	snprintf(groups, sizeof(groups), "0 %u", last_id(in));
	if (spec_share(host, "NetworkMode", NULL) == SHARE_OWN &&
	    (json_put_text(sysctl, "net.ipv4.ip_unprivileged_port_start", "0", err) ||
	     json_put_text(sysctl, "net.ipv4.ping_group_range", groups, err)))
		return -1;
	cJSON_ArrayForEach(e, json_get(host, "Sysctls"))
		if (check_sysctl(e->string, err) || check_sysctl_modes(host, e->string, err) ||
		    json_put_text(sysctl, e->string, e->valuestring, err))
			return -1;
	return 0;
}

static int build_linux(cJSON *spec, const struct spec_input *in, const cJSON *host, struct err *err)
{
	static const struct {
		const char *type, *mode;
	} namespaces[] = {
		{ "user", "" },	      { "mount", "" },	    { "network", "NetworkMode" },  { "uts", "UTSMode" },
		{ "pid", "PidMode" }, { "ipc", "IpcMode" }, { "cgroup", "CgroupnsMode" },
	};
	const cJSON *masked = json_get(host, "MaskedPaths"), *readonly = json_get(host, "ReadonlyPaths");
	cJSON *linux_part = add_object(spec, "linux", err), *list;
	size_t i;

	if (!linux_part || build_sysctl(linux_part, in, host, err))
		return -1;
	if (in->cgroups_path && json_put_text(linux_part, "cgroupsPath", in->cgroups_path, err))
		return -1;
	list = add_array(linux_part, "namespaces", err);
	for (i = 0; i < ARRAY_SIZE(namespaces); i++) {
		cJSON *one;

		if (spec_share(host, namespaces[i].mode, NULL) != SHARE_OWN)
			continue;
		one = cJSON_CreateObject();
		if (json_put_text(one, "type", namespaces[i].type, err) || json_put(list, NULL, one, err))
			return -1;
	}
	/* An empty list is systempaths=unconfined: then nothing is masked. */
	if (build_paths(linux_part, "maskedPaths", masked, masked && masked->child, err) ||
	    build_paths(linux_part, "readonlyPaths", readonly, false, err))
		return -1;
	return 0;
}

/* --- all of it --- */
static int build_annotations(cJSON *spec, const struct spec_input *in, const char *hostname, struct err *err)
{
	const cJSON *host = json_get(in->merged, "HostConfig"), *e;
	cJSON *annotations = add_object(spec, "annotations", err);

	cJSON_ArrayForEach(e, json_get(host, "Annotations"))
		if (json_put_text(annotations, e->string, e->valuestring, err))
			return -1;
	if (!annotations || (get_bool(host, "Init") && json_put_text(annotations, "org.postern.init", "true", err)) ||
	    (get_bool(host, "AutoRemove") && json_put_text(annotations, "org.postern.volatile", "true", err)))
		return -1;
	return build_files(annotations, in, hostname, err);
}

/* A privileged container may write to what it mounts itself. */
static int open_mounts(cJSON *spec, struct err *err)
{
	const cJSON *mount;

	cJSON_ArrayForEach(mount, json_get(spec, "mounts")) {
		const cJSON *option;

		if (!list_has("sysfs,cgroup", ',', get_text(mount, "type")))
			continue;
		cJSON_ArrayForEach(option, json_get(mount, "options"))
			if (!strcmp(option->valuestring, "ro") && !cJSON_SetValuestring((cJSON *)option, "rw"))
				return err_set(err, 500, "out of memory");
	}
	return 0;
}

static int build_all(cJSON *spec, const struct spec_input *in, struct err *err)
{
	const cJSON *config = json_get(in->merged, "Config"), *host = json_get(in->merged, "HostConfig");
	char short_id[HOSTNAME_LEN + 1];
	const char *hostname = get_text(config, "Hostname"), *domain = get_text(config, "Domainname");
	bool own_uts = spec_share(host, "UTSMode", NULL) == SHARE_OWN;
	cJSON *root;

	snprintf(short_id, sizeof(short_id), "%s", in->id);
	if (in->network_of) {
		hostname = get_text(json_get(in->network_of, "Config"), "Hostname");
		domain = get_text(json_get(in->network_of, "Config"), "Domainname");
	}
	if (!hostname[0])
		hostname = short_id;
	if (json_put_text(spec, "ociVersion", "1.2.0", err) || build_process(spec, in, hostname, err))
		return -1;
	root = add_object(spec, "root", err);
	if (json_put_text(root, "path", "rootfs", err) ||
	    json_put(root, "readonly", cJSON_CreateBool(get_bool(host, "ReadonlyRootfs")), err) ||
	    (own_uts && (json_put_text(spec, "hostname", hostname, err) ||
			 (domain[0] && json_put_text(spec, "domainname", domain, err)))))
		return -1;
	if (build_mounts(spec, in, host, err) || (get_bool(host, "Privileged") && open_mounts(spec, err)) ||
	    build_annotations(spec, in, hostname, err) ||
	    build_linux(spec, in, host, err))
		return -1;
	return 0;
}

cJSON *spec_build(const struct spec_input *in, struct err *err)
{
	cJSON *spec = cJSON_CreateObject();

	if (build_all(spec, in, err)) {
		cJSON_Delete(spec);
		return NULL;
	}
	return spec;
}
