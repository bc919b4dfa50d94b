/* devices.c - devices that are not named one by one, rules by number, and what policy says no to before anything is
 * made.
 *
 * The list of devices is policy's own copy in our part; lookup and device hold theirs and decide. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "../../helpers/base/cleanup.h"
#include "../../helpers/base/text.h"
#include "../json.h"
#include "start.h"

static bool is_device(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode));
}

/* What is asked and allowed, as letters. */
static void common_access(const struct policy_device *d, const char *asked, char ret[4])
{
	static const struct {
		char letter;
		uint32_t bit;
	} rows[] = { { 'r', DEVICE_READ }, { 'w', DEVICE_WRITE }, { 'm', DEVICE_MKNOD } };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (strchr(asked, rows[i].letter) && (d->access & rows[i].bit))
			*ret++ = rows[i].letter;
	*ret = '\0';
}

/* All of policy's that this host has and that lie below from, as they are below to. */
static int add_below(const struct engine *e, struct spec_mounts *mounts, const char *from, const char *to,
		     const char *access, struct err *err)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < e->policy->ndevices; i++) {
		const struct policy_device *d = &e->policy->devices[i];
		const char *path = d->path;
		char target[4096], own[4];

		common_access(d, access, own);
		if (!path_below(path, from) || !is_device(path) || !own[0])
			continue;
		if (text_format(target, sizeof(target), "%s%s", to, path + strlen(from)) < 0)
			return err_set(err, 400, "device path is too long: %.64s", to);
		if (spec_mounts_device(mounts, path, target, own, err) < 0)
			return -1;
		n++;
	}
	return (int)n;
}

int devices_expand(const struct engine *e, const cJSON *merged, struct spec_mounts *mounts, struct err *err)
{
	for (size_t i = 0; i < mounts->n; i++) {
		char from[4096], to[4096], access[4];
		struct spec_mount *m = &mounts->v[i];
		struct stat st;
		int n;

		if (m->type != SPEC_DEVICE || stat(m->source, &st) < 0 || !S_ISDIR(st.st_mode) ||
		    text_copy(from, sizeof(from), m->source) < 0 || text_copy(to, sizeof(to), m->target) < 0 ||
		    text_copy(access, sizeof(access), m->device_access) < 0)
			continue;
		spec_mounts_remove(mounts, i);
		n = add_below(e, mounts, from, to, access, err);
		if (n < 0)
			return -1;
		if (n == 0)
			return err_set(err, 403, "device \"%.256s\" is not allowed: policy has no device below it",
				       from);
		i = (size_t)-1; /* they are sorted anew */
	}
	if (json_bool(json_get(merged, "HostConfig"), "Privileged", false, NULL) &&
	    add_below(e, mounts, "/dev", "/dev", "rwm", err) < 0)
		return -1;
	return 0;
}

static bool rule_allowed(const struct policy_common *p, const uint32_t *rule)
{
	for (uint32_t i = 0; i < p->ndevices; i++) {
		const struct policy_device *d = &p->devices[i];

		if (d->type == rule[0] && !(rule[1] & ~d->access) && (d->major == UINT32_MAX || d->major == rule[2]) &&
		    (d->minor == UINT32_MAX || d->minor == rule[3]))
			return true;
	}
	return false;
}

int devices_rules(const struct engine *e, const cJSON *merged, struct req_device_attach *req, struct err *err)
{
	const cJSON *rule;

	cJSON_ArrayForEach(rule, json_get(json_get(merged, "HostConfig"), "DeviceCgroupRules")) {
		if (req->rules.n + 4 > ARRAY_SIZE(req->rules.v))
			return err_set(err, 400, "too many device rules: at most %zu", ARRAY_SIZE(req->rules.v) / 4);
		if (spec_device_rule(rule->valuestring, &req->rules.v[req->rules.n], err) < 0)
			return -1;
		if (!rule_allowed(e->policy, &req->rules.v[req->rules.n]))
			return err_set(err, 403,
				       "device cgroup rule '%s' is not allowed: no device of policy covers it",
				       rule->valuestring);
		req->rules.n += 4;
	}
	return 0;
}

int devices_io(const cJSON *merged, struct req_cgroup_create *ret, struct err *err)
{
	static const struct {
		const char *field, *number;
		unsigned kind;
	} rows[] = {
		{ "BlkioWeightDevice", "Weight", IO_WEIGHT },	   { "BlkioDeviceReadBps", "Rate", IO_READ_BPS },
		{ "BlkioDeviceWriteBps", "Rate", IO_WRITE_BPS },   { "BlkioDeviceReadIOps", "Rate", IO_READ_IOPS },
		{ "BlkioDeviceWriteIOps", "Rate", IO_WRITE_IOPS },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const cJSON *e;

		cJSON_ArrayForEach(e, json_get(json_get(merged, "HostConfig"), rows[i].field)) {
			const char *path = json_text(e, "Path", "", NULL);
			int64_t n = json_int(e, rows[i].number, 0, NULL);
			uint64_t *rule = &ret->io.v[ret->io.n];
			struct stat st;

			if (ret->io.n + 3 > ARRAY_SIZE(ret->io.v))
				return err_set(err, 400, "too many limits of block devices: at most %d", IO_RULES_MAX);
			if (!path || stat(path, &st) < 0)
				return err_set(err, 400, "stat %.256s: no such file or directory", path ? path : "");
			if (!S_ISBLK(st.st_mode) || n < 0)
				return err_set(err, 400, "%.256s: not a block device", path);
			rule[0] = rows[i].kind;
			rule[1] = (uint64_t)major(st.st_rdev) << 32 | minor(st.st_rdev);
			rule[2] = (uint64_t)n;
			ret->io.n += 3;
		}
	}
	return 0;
}

int policy_check(const struct engine *e, const cJSON *merged, struct err *err)
{
	const cJSON *host = json_get(merged, "HostConfig");
	const struct policy_allow *a = &e->policy->allow;
	const char *profile;
	const struct {
		bool asked;
		uint32_t allowed;
		const char *what, *rule;
	} rows[] = {
		{ json_bool(host, "Privileged", false, NULL), a->privileged, "cannot run in privileged mode",
		  "privileged" },
		{ spec_share(host, "NetworkMode", NULL) == SHARE_HOST, a->host_network,
		  "cannot share the host's network namespace when user namespaces are enabled", "host_network" },
		{ spec_share(host, "PidMode", NULL) == SHARE_HOST, a->host_pid,
		  "cannot share the host PID namespace when user namespaces are enabled", "host_pid" },
		{ spec_share(host, "IpcMode", NULL) == SHARE_HOST, a->host_ipc,
		  "cannot share the host's IPC namespace when user namespaces are enabled", "host_ipc" },
		{ spec_share(host, "UTSMode", NULL) == SHARE_HOST, a->host_uts,
		  "cannot share the host's UTS namespace when user namespaces are enabled", "host_uts" },
		{ spec_share(host, "CgroupnsMode", NULL) == SHARE_HOST, a->host_cgroup,
		  "cannot share the host's cgroup namespace when user namespaces are enabled", "host_cgroup" },
		{ spec_seccomp_unconfined(merged, &profile), a->seccomp_unconfined,
		  "cannot run without a seccomp filter", "seccomp_unconfined" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].asked && !rows[i].allowed)
			return err_set(err, 403, "%s: policy does not allow it (rule security.%s)", rows[i].what,
				       rows[i].rule);
	if (json_text(host, "CgroupParent", "", NULL)[0] && helper_absent(e, HELPER_CGROUP))
		return err_set(err, 400, "no cgroup parent can be had: no cgroup is delegated to this engine");
	/* Its other processes would outlive it: nothing but a cgroup holds them together. */
	if (spec_share(host, "PidMode", NULL) == SHARE_HOST && helper_absent(e, HELPER_CGROUP))
		return err_set(err, 400, "cannot share the host PID namespace: no cgroup is delegated to this engine");
	return 0;
}
