/* security.c - security options, and which sysctls a container may set. All of it is what a client wrote. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "../../helpers/base/cleanup.h"
#include "../../helpers/base/text.h"
#include "internal.h"

/* "name=value" or, as older clients write it, "name:value"; value NULL when there is none. */
static size_t split(const char *opt, const char **ret_value)
{
	size_t n = strcspn(opt, "=");

	if (!opt[n])
		n = strcspn(opt, ":");
	*ret_value = opt[n] ? opt + n + 1 : NULL;
	return n;
}

static bool is(const char *opt, size_t n, const char *name)
{
	return n == strlen(name) && !memcmp(opt, name, n);
}

static bool parse_bool(const char *text, bool *ret)
{
	if (!text || list_has("1,t,T,true,TRUE,True", ',', text))
		*ret = true;
	else if (list_has("0,f,F,false,FALSE,False", ',', text))
		*ret = false;
	else
		return false;
	return true;
}

static int check_option(const char *opt, cJSON *warnings, struct err *err)
{
	const char *value;
	size_t n = split(opt, &value);
	bool flag;

	if (is(opt, n, "no-new-privileges"))
		return parse_bool(value, &flag) ? 0 : err_set(err, 400, "invalid --security-opt 2: \"%.128s\"", opt);
	if (!value)
		return err_set(err, 400, "invalid --security-opt 1: \"%.128s\"", opt);
	if (is(opt, n, "seccomp")) {
		if (strlen(value) > SECCOMP_PROFILE_MAX)
			return err_set(err, 400, "Decoding seccomp profile failed: more than %d bytes",
				       SECCOMP_PROFILE_MAX);
		return 0;
	}
	if (is(opt, n, "apparmor")) {
		/* Without AppArmor there is nothing to apply, as in Docker. One that is not loaded fails the start. */
		if (!strcmp(value, "unconfined") || spec_apparmor())
			return 0;
		return json_warn(warnings, err, "AppArmor is not enabled on this host: profile %.64s is not applied",
				 value);
	}
	if (is(opt, n, "label"))
		return !strcmp(value, "disable")
			       ? 0
			       : json_warn(warnings, err, "SELinux labels are not applied in this version: %.64s", opt);
	return err_set(err, 400, "invalid --security-opt 2: \"%.128s\"", opt);
}

int check_security(const cJSON *host, cJSON *warnings, struct err *err)
{
	const cJSON *e;

	cJSON_ArrayForEach(e, json_get(host, "SecurityOpt"))
		if (check_option(e->valuestring, warnings, err))
			return -1;
	return 0;
}

bool security_no_new_privileges(const cJSON *host)
{
	const cJSON *e;
	bool set = false;

	cJSON_ArrayForEach(e, json_get(host, "SecurityOpt")) {
		const char *value;
		size_t n = split(e->valuestring, &value);

		if (is(e->valuestring, n, "no-new-privileges"))
			parse_bool(value, &set);
	}
	return set;
}

const char *security_apparmor(const cJSON *host)
{
	const char *profile = NULL;
	const cJSON *e;

	cJSON_ArrayForEach(e, json_get(host, "SecurityOpt")) {
		const char *value;
		size_t n = split(e->valuestring, &value);

		if (value && is(e->valuestring, n, "apparmor"))
			profile = strcmp(value, "unconfined") != 0 ? value : NULL;
	}
	return profile;
}

int spec_apparmor_override = -1;

bool spec_apparmor(void)
{
	_cleanup_close_ int fd = -EBADF;
	char on = 'N';

	if (spec_apparmor_override >= 0)
		return spec_apparmor_override;
	fd = open("/sys/module/apparmor/parameters/enabled", O_RDONLY | O_CLOEXEC);
	return fd >= 0 && read(fd, &on, 1) == 1 && on == 'Y';
}

bool spec_seccomp_unconfined(const cJSON *merged, const char **ret_profile)
{
	const cJSON *e;

	*ret_profile = NULL;
	cJSON_ArrayForEach(e, json_get(json_get(merged, "HostConfig"), "SecurityOpt")) {
		const char *value;
		size_t n = split(e->valuestring, &value);

		if (value && is(e->valuestring, n, "seccomp"))
			*ret_profile = value;
	}
	if (!*ret_profile)
		return false;
	if (!strcmp(*ret_profile, "unconfined")) {
		*ret_profile = NULL;
		return true;
	}
	if (!strcmp(*ret_profile, "builtin"))
		*ret_profile = NULL;
	return false;
}

int check_sysctl(const char *name, struct err *err)
{
	/* Of the ipc namespace; those of the network namespace begin with "net". sysctl(5), the kernel's ipc_sysctl.c
	 */
	static const char *const ipc[] = {
		"kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem",
		"kernel.shmall", "kernel.shmmax", "kernel.shmmni", "kernel.shm_rmid_forced"
	};
	const char *part, *at = name;
	char dotted[256];
	size_t i, len, n;

	if (text_copy(dotted, sizeof(dotted), name) || !text_valid(name, strlen(name)))
		return err_set(err, 400, "invalid sysctl \"%.64s\"", name);
	/* Whichever separator comes first is the separator. An empty or dotted component could lead out of
	 * /proc/sys/net. */
	n = strcspn(name, "./");
	while (name[n] && list_next(&at, name[n], &part, &len))
		if (!len || part[0] == '.' || (name[n] == '.' && memchr(part, '/', len)))
			return err_set(err, 400, "invalid sysctl \"%.64s\"", name);
	for (i = 0; name[n] == '/' && dotted[i]; i++)
		if (dotted[i] == '/')
			dotted[i] = '.';
	for (i = 0; i < ARRAY_SIZE(ipc); i++)
		if (!strcmp(dotted, ipc[i]))
			return 0;
	if (!strncmp(dotted, "net.", 4) || !strncmp(dotted, "fs.mqueue.", 10))
		return 0;
	return err_set(err, 400, "sysctl \"%.64s\" is not in a separate kernel namespace", name);
}
