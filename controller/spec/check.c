/* check.c - what may be asked of a container, beside its limits (resources.c) and security options (security.c).
 *
 * Options that would change what a container can reach or does, and that are not carried out, are refused or told in a
 * warning; those that only matter later (restart policy, health check) are kept for inspect. The sentences are Docker's
 * where it has one. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../helpers/base/cleanup.h"
#include "../../helpers/base/limits.h"
#include "../../helpers/base/text.h"
#include "internal.h"
#include "log.h"

enum { HOSTNAME_MAX = 64, NANOSECONDS_MS = 1000000 };

static int check_healthcheck(const cJSON *health, struct err *err)
{
	static const char *const durations[] = { "Interval", "Timeout", "StartPeriod", "StartInterval" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(durations); i++) {
		int64_t n = get_int(health, durations[i]);

		if (n && n < NANOSECONDS_MS)
			return err_set(err, 400, "%s in Healthcheck cannot be less than 1ms", durations[i]);
	}
	if (get_int(health, "Retries") < 0)
		return err_set(err, 400, "Retries in Healthcheck cannot be negative");
	return 0;
}

int check_config(cJSON *config, struct err *err)
{
	const char *wd = get_text(config, "WorkingDir"), *signal = get_text(config, "StopSignal");
	const char *user = get_text(config, "User");
	char clean[SPEC_PATH_MAX];
	const cJSON *e;

	if (get_text(config, "Image")[0] && reference_check(get_text(config, "Image"), err))
		return -1;
	if (wd[0] && wd[0] != '/')
		return err_set(err, 400, "the working directory '%.256s' is invalid, it needs to be an absolute path",
			       wd);
	if (wd[0] && !path_clean(wd, clean))
		return err_set(err, 400, "the working directory is invalid: too long, or with control characters");
	if (wd[0] && json_put_text(config, "WorkingDir", clean, err))
		return -1;
	if (signal[0] && signal_parse(signal) < 0)
		return err_set(err, 400, "invalid signal: %.64s", signal);
	cJSON_ArrayForEach(e, json_get(config, "Env"))
		if (!e->valuestring[0] || e->valuestring[0] == '=')
			return err_set(err, 400, "invalid environment variable: %.256s", e->valuestring);
	if (get_text(config, "Hostname")[0] && !host_valid(get_text(config, "Hostname"), HOSTNAME_MAX))
		return err_set(err, 400, "invalid hostname format: %.128s", get_text(config, "Hostname"));
	if (get_text(config, "Domainname")[0] && !host_valid(get_text(config, "Domainname"), HOSTNAME_MAX))
		return err_set(err, 400, "invalid domainname format: %.128s", get_text(config, "Domainname"));
	if (strlen(user) > 256 || !text_valid(user, strlen(user)))
		return err_set(err, 400, "invalid user: too long, or with control characters");
	return check_healthcheck(json_get(config, "Healthcheck"), err);
}

/* --- options that are not carried out --- */
static const struct {
	const char *field, *message;
} refused[] = {
	{ "Cgroup", "a cgroup cannot be chosen: containers live below the cgroup of this engine" },
	{ "StorageOpt", "--storage-opt is supported only for overlay over xfs with 'pquota' mount option" },
};

static int check_refused(const cJSON *host, struct err *err)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(refused); i++)
		if (get_bool(host, refused[i].field) || get_size(host, refused[i].field) ||
		    get_text(host, refused[i].field)[0])
			return err_set(err, 400, "%s", refused[i].message);
	return 0;
}

/* --- network --- */
static int check_port(const char *text, bool range, struct err *err)
{
	char buf[64], *proto, *dash;
	uint64_t from, to;

	if (text_copy(buf, sizeof(buf), text))
		return err_set(err, 400, "invalid port specification: \"%.64s\"", text);
	proto = strchr(buf, '/');
	if (proto)
		*proto++ = '\0';
	dash = strchr(buf, '-');
	if (dash && range)
		*dash++ = '\0';
	if (text_u64(buf, UINT16_MAX, &from) || (dash && (text_u64(dash, UINT16_MAX, &to) || to < from)) ||
	    (proto && !list_has("tcp,udp,sctp", ',', proto)))
		return err_set(err, 400, "invalid port specification: \"%.64s\"", text);
	return 0;
}

static int check_ports(const cJSON *host, const cJSON *config, struct err *err)
{
	const cJSON *ports, *binding;

	cJSON_ArrayForEach(ports, json_get(config, "ExposedPorts"))
		if (check_port(ports->string, /* range= */ true, err))
			return -1;
	cJSON_ArrayForEach(ports, json_get(host, "PortBindings")) {
		if (check_port(ports->string, /* range= */ false, err))
			return -1;
		cJSON_ArrayForEach(binding, ports) {
			const char *ip = get_text(binding, "HostIp"), *port = get_text(binding, "HostPort");

			if (port[0] && check_port(port, /* range= */ true, err))
				return -1;
			if (ip[0] && !ip_valid(ip))
				return err_set(err, 400, "invalid IP address: %.64s", ip);
		}
	}
	return 0;
}

static int check_network(cJSON *host, const cJSON *config, cJSON *warnings, struct err *err)
{
	const char *mode = get_text(host, "NetworkMode");

	if (check_mode_conflicts(host, config, err))
		return -1;
	if (spec_share(host, "NetworkMode", NULL) == SHARE_CONTAINER)
		return 0;
	if (!strcmp(mode, "host")) {
		if (get_size(host, "PortBindings"))
			return json_warn(warnings, err, "Published ports are discarded when using host network mode");
		return 0;
	}
	if (!mode[0]) {
		if (json_put_text(host, "NetworkMode", "default", err))
			return -1;
		mode = "default";
	}
	if (!name_valid(mode, strlen(mode)) || strlen(mode) > NAME_MAX_LEN)
		return err_set(err, 400, "invalid network mode: %.128s", mode);
	return check_ports(host, config, err);
}

bool spec_link_valid(const char *text)
{
	const char *name = text + (text[0] == '/'), *colon = strchr(name, ':');
	const char *alias = colon ? strrchr(colon, '/') : NULL;

	alias = alias ? alias + 1 : colon ? colon + 1 : name;
	return name_valid(name, colon ? (size_t)(colon - name) : strlen(name)) && strlen(name) <= 2 * NAME_MAX_LEN &&
	       name_valid(alias, strlen(alias)) && strlen(alias) <= NAME_MAX_LEN;
}

static int check_links(const cJSON *host, struct err *err)
{
	const cJSON *e;

	cJSON_ArrayForEach(e, json_get(host, "Links"))
		if (!spec_link_valid(e->valuestring))
			return err_set(err, 400, "bad format for links: %.256s", e->valuestring);
	return 0;
}

/* Everything that goes into /etc/hosts and /etc/resolv.conf: no line of its own may be smuggled in. */
static int check_names(const cJSON *host, struct err *err)
{
	static const char *const lists[] = { "DnsSearch", "DnsOptions" };
	const cJSON *e;
	size_t i;

	cJSON_ArrayForEach(e, json_get(host, "ExtraHosts")) {
		const char *text = e->valuestring, *ip = strchr(text, ':');
		char name[254];

		if (!ip || ip == text || (size_t)(ip - text) >= sizeof(name))
			return err_set(err, 400, "bad format for add-host: \"%.128s\"", text);
		memcpy(name, text, (size_t)(ip - text));
		name[ip++ - text] = '\0';
		if (!host_valid(name, sizeof(name) - 1))
			return err_set(err, 400, "bad format for add-host: \"%.128s\"", text);
		if (strcmp(ip, "host-gateway") != 0 && !ip_valid(ip))
			return err_set(err, 400, "invalid IP address in add-host: \"%.64s\"", ip);
	}
	cJSON_ArrayForEach(e, json_get(host, "Dns"))
		if (!ip_valid(e->valuestring))
			return err_set(err, 400, "invalid IP address: %.64s", e->valuestring);
	for (i = 0; i < ARRAY_SIZE(lists); i++)
		cJSON_ArrayForEach(e, json_get(host, lists[i]))
			if (strlen(e->valuestring) > 255 || strpbrk(e->valuestring, " \t") ||
			    !text_valid(e->valuestring, strlen(e->valuestring)))
				return err_set(err, 400, "invalid %s: \"%.64s\"", lists[i], e->valuestring);
	return check_links(host, err);
}

/* --- logs, restarts, annotations --- */
static int check_log(cJSON *host, struct err *err)
{
	cJSON *log = cJSON_GetObjectItemCaseSensitive(host, "LogConfig");

	if (spec_log_check(log, err) < 0)
		return -1;
	return get_text(log, "Type")[0] ? 0 : json_put_text(log, "Type", "json-file", err);
}

static int check_restart(cJSON *host, struct err *err)
{
	cJSON *policy = cJSON_GetObjectItemCaseSensitive(host, "RestartPolicy");
	const char *name = get_text(policy, "Name");
	int64_t count = get_int(policy, "MaximumRetryCount");

	if (!name[0])
		return json_put_text(policy, "Name", "no", err);
	if (!list_has("no,always,on-failure,unless-stopped", ',', name))
		return err_set(err, 400,
			       "invalid restart policy: unknown policy '%.64s'; use one of 'no', 'always', "
			       "'on-failure', or 'unless-stopped'",
			       name);
	if (count && strcmp(name, "on-failure") != 0)
		return err_set(err, 400,
			       "invalid restart policy: maximum retry count can only be used with 'on-failure'%s",
			       count < 0 ? " and cannot be negative" : "");
	if (count < 0)
		return err_set(err, 400, "invalid restart policy: maximum retry count cannot be negative");
	if (get_bool(host, "AutoRemove") && strcmp(name, "no") != 0)
		return err_set(err, 400, "can't create 'AutoRemove' container with restart policy");
	return 0;
}

/* Docker takes any path of the hierarchy; ours ends at our own root. */
static int check_cgroup_parent(const cJSON *host, struct err *err)
{
	const char *parent = get_text(host, "CgroupParent");

	if (parent[0] && (!name_valid(parent, strlen(parent)) || strlen(parent) >= ID_HEX))
		return err_set(err, 400,
			       "invalid cgroup parent \"%.128s\": containers live below the cgroup of this "
			       "engine; give the name of a group in it",
			       parent);
	return 0;
}

static int check_lists(const cJSON *host, struct err *err)
{
	uint32_t rule[4];
	const cJSON *e;

	cJSON_ArrayForEach(e, json_get(host, "Annotations")) {
		if (!e->string[0])
			return err_set(err, 400,
				       "invalid Annotations: the empty string is not permitted as an annotation key");
		if (!strncmp(e->string, "org.postern.", 12))
			return err_set(err, 400, "invalid Annotations: org.postern. is reserved");
	}
	cJSON_ArrayForEach(e, json_get(host, "DeviceCgroupRules"))
		if (spec_device_rule(e->valuestring, rule, err))
			return -1;
	cJSON_ArrayForEach(e, json_get(host, "Sysctls"))
		if (check_sysctl(e->string, err) || check_sysctl_modes(host, e->string, err))
			return -1;
	cJSON_ArrayForEach(e, json_get(host, "GroupAdd"))
		if (!e->valuestring[0] || strlen(e->valuestring) > 128 || strchr(e->valuestring, ',') ||
		    !text_valid(e->valuestring, strlen(e->valuestring)))
			return err_set(err, 400, "invalid group: \"%.64s\"", e->valuestring);
	if (json_get(host, "ConsoleSize") && get_size(host, "ConsoleSize") != 2)
		return err_set(err, 400, "invalid console size: two numbers are needed");
	cJSON_ArrayForEach(e, json_get(host, "ConsoleSize"))
		if (e->valuedouble < 0 || e->valuedouble > UINT16_MAX)
			return err_set(err, 400, "invalid console size: two numbers up to 65535 are needed");
	return 0;
}

/* Docker shows the lists that apply, also when the client has sent none. An empty list is sent for
 * systempaths=unconfined; whether that may be is for spawn's policy to say. */
static int default_paths(cJSON *host, const char *field, const char *const *list, struct err *err)
{
	const cJSON *given = json_get(host, field), *e;
	cJSON *paths;
	char clean[SPEC_PATH_MAX];

	cJSON_ArrayForEach(e, given)
		if (!path_clean(e->valuestring, clean) || strcmp(clean, e->valuestring) != 0)
			return err_set(err, 400, "invalid %s: \"%.256s\" is not a clean absolute path", field,
				       e->valuestring);
	if (given)
		return 0;
	for (paths = cJSON_CreateArray(); *list; list++)
		if (json_put(paths, NULL, cJSON_CreateString(*list), err))
			break;
	if (json_put(host, field, paths, err) || *list)
		return -1;
	return 0;
}

static int default_console(cJSON *host, struct err *err)
{
	cJSON *size;

	if (json_get(host, "ConsoleSize"))
		return 0;
	size = cJSON_CreateIntArray((const int[]){ 0, 0 }, 2);
	return json_put(host, "ConsoleSize", size, err);
}

int check_hostconfig(cJSON *host, const cJSON *config, cJSON *warnings, struct err *err)
{
	if (check_refused(host, err) || check_modes(host, err) || check_network(host, config, warnings, err) ||
	    check_names(host, err) || check_log(host, err) || check_restart(host, err) ||
	    check_lists(host, err) || check_cgroup_parent(host, err) || check_security(host, warnings, err) ||
	    check_resources(host, warnings, err))
		return -1;
	/* None at all when privileged, unless the client has said so. */
	if ((!get_bool(host, "Privileged") && (default_paths(host, "MaskedPaths", masked_paths, err) ||
					       default_paths(host, "ReadonlyPaths", readonly_paths, err))) ||
	    default_console(host, err))
		return -1;
	return 0;
}
