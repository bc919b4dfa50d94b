/* modes.c - which namespaces a container has of its own and which are the host's or another container's: PidMode,
 * IpcMode, UTSMode, NetworkMode, CgroupnsMode, UsernsMode, and what cannot be said beside them. The sentences are
 * Docker's. Whether the host's may be had is for policy (container/policy.c early, spawn in the end). */
#include <string.h>

#include "../../helpers/base/cleanup.h"
#include "internal.h"

static const struct mode {
	const char *field, *fallback;
	const char *words; /* comma-separated: beside "" */
	bool container;	   /* "container:NAME" as well */
	const char *invalid;
} modes[] = {
	{ "PidMode", "", "host", true, "invalid PID mode" },
	{ "IpcMode", "private", "private,none,shareable,host", true, "invalid IPC mode" },
	{ "UTSMode", "", "host", true, "invalid UTS mode" },
	{ "UsernsMode", "", "private,host", false, "invalid USER mode" },
	{ "CgroupnsMode", "private", "private,host", false, "invalid cgroup namespace mode" },
};

enum spec_share spec_share(const cJSON *host, const char *field, const char **ret_name)
{
	const char *mode = get_text(host, field);

	if (ret_name)
		*ret_name = NULL;
	if (!strcmp(mode, "host"))
		return SHARE_HOST;
	if (strncmp(mode, "container:", 10) != 0)
		return SHARE_OWN;
	if (ret_name)
		*ret_name = mode + 10;
	return SHARE_CONTAINER;
}

int check_modes(cJSON *host, struct err *err)
{
	const char *isolation = get_text(host, "Isolation"), *runtime = get_text(host, "Runtime"), *name;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(modes); i++) {
		const struct mode *m = &modes[i];
		const char *value = get_text(host, m->field);
		bool joins = spec_share(host, m->field, &name) == SHARE_CONTAINER;

		if (!value[0]) {
			if (json_put_text(host, m->field, m->fallback, err))
				return -1;
		} else if (joins ? !m->container || !name[0] : !list_has(m->words, ',', value)) {
			return err_set(err, 400, "%s: %.128s", m->invalid, value);
		}
	}
	if (spec_share(host, "UsernsMode", NULL) == SHARE_HOST)
		return err_set(err, 400,
			       "cannot share the host's user namespace: every container of this engine has one of its "
			       "own");
	if (isolation[0] && strcmp(isolation, "default") != 0)
		return err_set(err, 400, "invalid isolation '%.64s' on linux", isolation);
	if (!runtime[0])
		return json_put_text(host, "Runtime", "postern", err);
	return list_has("postern,runc", ',', runtime)
		       ? 0
		       : err_set(err, 400, "unknown or invalid runtime name: %.64s", runtime);
}

/* Of a container's network that is another's. */
static int check_joined_network(const cJSON *host, const cJSON *config, struct err *err)
{
	const struct {
		bool given;
		const char *message;
	} conflicts[] = {
		{ get_text(config, "Hostname")[0], "hostname and the network mode" },
		{ get_size(host, "Links"), "container type network can't be used with links. This would result in "
					   "undefined behavior" },
		{ get_size(host, "Dns"), "dns and the network mode" },
		{ get_size(host, "ExtraHosts"), "custom host-to-IP mapping and the network mode" },
		{ get_text(config, "MacAddress")[0], "mac-address and the network mode" },
		{ get_size(host, "PortBindings") || get_bool(host, "PublishAllPorts"),
		  "port publishing and the container type network mode" },
		{ get_size(config, "ExposedPorts"), "port exposing and the container type network mode" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(conflicts); i++)
		if (conflicts[i].given)
			return err_set(err, 400, "conflicting options: %s", conflicts[i].message);
	return 0;
}

int check_mode_conflicts(const cJSON *host, const cJSON *config, struct err *err)
{
	const char *name;
	enum spec_share network = spec_share(host, "NetworkMode", &name);

	if (network == SHARE_CONTAINER && !name[0])
		return err_set(err, 400, "Invalid network mode: invalid container format container:<name|id>");
	if (network == SHARE_CONTAINER && check_joined_network(host, config, err))
		return -1;
	if (network == SHARE_HOST && get_size(host, "Links"))
		return err_set(err, 400,
			       "conflicting options: host type networking can't be used with links. This would result "
			       "in undefined behavior");
	if (network == SHARE_HOST && get_text(config, "MacAddress")[0])
		return err_set(err, 400, "conflicting options: mac-address and the network mode");
	if (spec_share(host, "UTSMode", NULL) != SHARE_OWN && get_text(config, "Hostname")[0])
		return err_set(err, 400, "conflicting options: hostname and the UTS mode");
	return 0;
}

int check_sysctl_modes(const cJSON *host, const char *name, struct err *err)
{
	bool net = !strncmp(name, "net", 3);
	enum spec_share share = spec_share(host, net ? "NetworkMode" : "IpcMode", NULL);

	if (share == SHARE_OWN)
		return 0;
	if (share == SHARE_CONTAINER)
		return err_set(err, 400, "sysctl \"%.64s\" not allowed: its %s namespace is another container's", name,
			       net ? "network" : "ipc");
	return net ? err_set(err, 400, "sysctl \"%.64s\" not allowed in host network namespace", name)
		   : err_set(err, 400, "sysctl \"%.64s\" is not allowed in the hosts ipc namespace", name);
}
