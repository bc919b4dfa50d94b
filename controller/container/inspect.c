/* inspect.c - GET /containers/{id}/json: everything that is known of one container, in Docker's shape (API 1.47). */
#include <stdio.h>
#include <string.h>

#include "../image/image.h"
#include "../json.h"
#include "../volume/volume.h"
#include "../network/network.h"
#include "internal.h"

/* Program and arguments as they are run: Entrypoint and Cmd in one row. */
static void add_command(cJSON *o, const cJSON *config)
{
	cJSON *args = cJSON_CreateArray();
	const char *path = "";
	const char *const lists[] = { "Entrypoint", "Cmd" };
	bool first = true;

	for (unsigned i = 0; i < 2; i++) {
		const cJSON *v;

		cJSON_ArrayForEach(v, json_get(config, lists[i])) {
			if (!cJSON_IsString(v))
				continue;
			if (first)
				path = v->valuestring;
			else
				cJSON_AddItemToArray(args, cJSON_CreateString(v->valuestring));
			first = false;
		}
	}
	cJSON_AddStringToObject(o, "Path", path);
	cJSON_AddItemToObject(o, "Args", args);
}

static cJSON *state_json(const struct container *c)
{
	cJSON *s = cJSON_CreateObject();
	char started[40], finished[40];
	bool running = container_is_running(c);

	time_rfc3339(c->row.started_ns, started);
	time_rfc3339(c->row.finished_ns, finished);
	cJSON_AddStringToObject(s, "Status", container_status_name(c->row.status));
	cJSON_AddBoolToObject(s, "Running", running);
	cJSON_AddBoolToObject(s, "Paused", c->row.status == STATUS_PAUSED);
	cJSON_AddBoolToObject(s, "Restarting", false);
	cJSON_AddBoolToObject(s, "OOMKilled", c->row.oom_killed);
	cJSON_AddBoolToObject(s, "Dead", c->row.status == STATUS_DEAD);
	cJSON_AddNumberToObject(s, "Pid", running ? c->row.pid : 0);
	cJSON_AddNumberToObject(s, "ExitCode", running ? 0 : c->row.exit_code);
	cJSON_AddStringToObject(s, "Error", c->row.error ? c->row.error : "");
	cJSON_AddStringToObject(s, "StartedAt", started);
	cJSON_AddStringToObject(s, "FinishedAt", finished);
	return s;
}

/* The paths are names, not ways in: the store belongs to the foreign range and its parent is closed. */
static cJSON *graph_driver(struct container *c)
{
	cJSON *g = cJSON_CreateObject(), *data = cJSON_AddObjectToObject(g, "Data");
	char path[4300];

	snprintf(path, sizeof(path), "%s/store/tree/containers/%s/merged", c->e->data_root, c->row.id);
	cJSON_AddStringToObject(data, "MergedDir", path);
	snprintf(path, sizeof(path), "%s/store/tree/containers/%s/upper", c->e->data_root, c->row.id);
	cJSON_AddStringToObject(data, "UpperDir", path);
	snprintf(path, sizeof(path), "%s/store/tree/containers/%s/work", c->e->data_root, c->row.id);
	cJSON_AddStringToObject(data, "WorkDir", path);
	cJSON_AddStringToObject(g, "Name", "overlay2");
	return g;
}

static const char *network_mode(const cJSON *host)
{
	const char *mode = json_text(host, "NetworkMode", "default", NULL);

	return mode && mode[0] ? mode : "default";
}

/* Of host and none, and where there are no networks of ours, there is little to tell. */
cJSON *container_networks_json(struct container *c, const cJSON *merged)
{
	const cJSON *config = json_get(merged, "Config");
	struct endpoint *ep = NULL, nothing = { .container = "" };
	cJSON *networks = cJSON_CreateObject();
	const char *mode = network_mode(json_get(merged, "HostConfig"));

	while ((ep = endpoint_next(c->e, c->row.id, ep)))
		cJSON_AddItemToObject(networks, ep->network->name, endpoint_json(c->e, ep, config));
	if (container_is_running(c)) /* as network_json names it */
		snprintf(nothing.id, sizeof(nothing.id), "%s", c->row.id);
	if (!networks->child && strncmp(mode, "container:", 10) != 0) {
		nothing.network = network_find(c->e, mode, NULL);
		if (nothing.network && (!nothing.network->bridged || networks_absent(c->e)))
			cJSON_AddItemToObject(networks, nothing.network->name, endpoint_json(c->e, &nothing, config));
	}
	return networks;
}

/* What old clients look for: the settings of the default network, beside the list. */
static void add_default_network(struct container *c, cJSON *n)
{
	static const char *const copied[] = { "EndpointID",  "Gateway",	  "GlobalIPv6Address", "GlobalIPv6PrefixLen",
					      "IPAddress",   "IPPrefixLen", "IPv6Gateway",	       "MacAddress" };
	const struct network *bridge = network_find(c->e, "bridge", NULL);
	struct endpoint *ep = bridge ? endpoint_find(c->e, bridge, c->row.id) : NULL;
	cJSON *settings = ep ? endpoint_json(c->e, ep, NULL) : NULL;

	for (unsigned i = 0; settings && i < sizeof(copied) / sizeof(copied[0]); i++)
		cJSON_ReplaceItemInObject(n, copied[i], cJSON_DetachItemFromObject(settings, copied[i]));
	cJSON_Delete(settings);
}

static cJSON *network_settings(struct container *c, const cJSON *merged)
{
	static const char *const texts[] = { "Bridge",	    "SandboxID", "SandboxKey",	      "LinkLocalIPv6Address",
					     "EndpointID",  "Gateway",	 "GlobalIPv6Address", "IPAddress",
					     "IPv6Gateway", "MacAddress" };
	static const char *const numbers[] = { "LinkLocalIPv6PrefixLen", "GlobalIPv6PrefixLen", "IPPrefixLen" };
	cJSON *n = cJSON_CreateObject();
	char path[64];

	for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		cJSON_AddStringToObject(n, texts[i], "");
	for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		cJSON_AddNumberToObject(n, numbers[i], 0);
	if (container_is_running(c)) {
		snprintf(path, sizeof(path), "/proc/%u/ns/net", c->row.pid);
		cJSON_ReplaceItemInObject(n, "SandboxID", cJSON_CreateString(c->row.id));
		cJSON_ReplaceItemInObject(n, "SandboxKey", cJSON_CreateString(path));
	}
	cJSON_AddItemToObject(n, "Ports", ports_json(c->e, c->row.id, merged));
	cJSON_AddBoolToObject(n, "HairpinMode", false);
	cJSON_AddNullToObject(n, "SecondaryIPAddresses");
	cJSON_AddNullToObject(n, "SecondaryIPv6Addresses");
	cJSON_AddItemToObject(n, "Networks", container_networks_json(c, merged));
	add_default_network(c, n);
	return n;
}

static void add_sizes(struct container *c, cJSON *o)
{
	struct req_layer_size req = { .what = LAYER_CONTAINER };
	struct call_ctx ctx = container_ctx(c);
	struct image_row image = { 0 };
	struct rep_layer_size rep;
	int64_t rw = 0, root = 0;

	snprintf(req.name, sizeof(req.name), "%s", c->row.id);
	if (helper_call(c->e, OP_LAYER_SIZE, &req, &rep, &ctx, NULL) == 0)
		rw = (int64_t)rep.size;
	if (state_image_get(c->e->state, c->row.image_id, &image) == 0) {
		root = image.size;
		image_row_finish(&image);
	}
	json_add_int(o, "SizeRw", rw);
	json_add_int(o, "SizeRootFs", root + rw);
}

static void add_identity(struct container *c, cJSON *o, const cJSON *config, const cJSON *host)
{
	char text[4300], created[40];

	time_rfc3339(c->row.created_ns, created);
	cJSON_AddStringToObject(o, "Id", c->row.id);
	cJSON_AddStringToObject(o, "Created", created);
	add_command(o, config);
	cJSON_AddItemToObject(o, "State", state_json(c));
	snprintf(text, sizeof(text), "sha256:%s", c->row.image_id);
	cJSON_AddStringToObject(o, "Image", text);
	/* These files exist only inside: the init makes them in a private tmpfs. */
	cJSON_AddStringToObject(o, "ResolvConfPath", "");
	cJSON_AddStringToObject(o, "HostnamePath", "");
	cJSON_AddStringToObject(o, "HostsPath", "");
	container_log_path(c, host, text, sizeof(text));
	cJSON_AddStringToObject(o, "LogPath", text);
	snprintf(text, sizeof(text), "/%s", c->row.name);
	cJSON_AddStringToObject(o, "Name", text);
	cJSON_AddNumberToObject(o, "RestartCount", c->restarts);
	cJSON_AddStringToObject(o, "Driver", "overlay2");
	cJSON_AddStringToObject(o, "Platform", "linux");
	cJSON_AddStringToObject(o, "MountLabel", "");
	cJSON_AddStringToObject(o, "ProcessLabel", "");
	cJSON_AddStringToObject(o, "AppArmorProfile", "");
	cJSON_AddNullToObject(o, "ExecIDs");
}

cJSON *container_inspect(struct container *c, bool size)
{
	cJSON *merged = container_config(c), *o = cJSON_CreateObject();

	add_identity(c, o, json_get(merged, "Config"), json_get(merged, "HostConfig"));
	cJSON_AddItemToObject(o, "GraphDriver", graph_driver(c));
	if (size)
		add_sizes(c, o);
	cJSON_AddItemToObject(o, "Mounts", container_mounts_json(c->e, merged));
	cJSON_AddItemToObject(o, "NetworkSettings", network_settings(c, merged));
	links_show(c, cJSON_GetObjectItemCaseSensitive(merged, "HostConfig"));
	cJSON_AddItemToObject(o, "HostConfig", cJSON_DetachItemFromObject(merged, "HostConfig"));
	cJSON_AddItemToObject(o, "Config", cJSON_DetachItemFromObject(merged, "Config"));
	cJSON_Delete(merged);
	return o;
}

/* --- a row of the list ----------------------------------------------------------------------------------- */
/* As Docker's units.HumanDuration. */
static void human_duration(int64_t ns, char *ret, size_t size)
{
	int64_t s = ns / 1000000000, m = s / 60, h = (m + 30) / 60;

	if (s < 1)
		snprintf(ret, size, "Less than a second");
	else if (s == 1)
		snprintf(ret, size, "1 second");
	else if (s < 60)
		snprintf(ret, size, "%d seconds", (int)s);
	else if (m == 1)
		snprintf(ret, size, "About a minute");
	else if (m < 60)
		snprintf(ret, size, "%d minutes", (int)m);
	else if (h == 1)
		snprintf(ret, size, "About an hour");
	else if (h < 48)
		snprintf(ret, size, "%d hours", (int)h);
	else if (h < 24 * 7 * 2)
		snprintf(ret, size, "%d days", (int)(h / 24));
	else if (h < 24 * 30 * 2)
		snprintf(ret, size, "%d weeks", (int)(h / 24 / 7));
	else if (h < 24 * 365 * 2)
		snprintf(ret, size, "%d months", (int)(h / 24 / 30));
	else
		snprintf(ret, size, "%d years", (int)(h / 24 / 365));
}

static void status_text(const struct container *c, char *ret, size_t size)
{
	char age[40];
	int64_t now = time_now_ns();

	switch (c->row.status) {
	case STATUS_RUNNING:
	case STATUS_PAUSED:
		human_duration(now - c->row.started_ns, age, sizeof(age));
		snprintf(ret, size, "Up %s%s", age, c->row.status == STATUS_PAUSED ? " (Paused)" : "");
		break;
	case STATUS_EXITED:
		human_duration(now - c->row.finished_ns, age, sizeof(age));
		snprintf(ret, size, "Exited (%d) %s ago", c->row.exit_code, age);
		break;
	case STATUS_REMOVING:
		snprintf(ret, size, "Removal In Progress");
		break;
	case STATUS_DEAD:
		snprintf(ret, size, "Dead");
		break;
	default:
		snprintf(ret, size, "Created");
	}
}

/* One line; arguments with a space in single quotes, as Docker shows them. */
static void command_text(const cJSON *config, char *ret, size_t size)
{
	const char *const lists[] = { "Entrypoint", "Cmd" };
	size_t n = 0;

	ret[0] = '\0';
	for (unsigned i = 0; i < 2; i++) {
		const cJSON *v;

		cJSON_ArrayForEach(v, json_get(config, lists[i])) {
			const char *text = cJSON_IsString(v) ? v->valuestring : "";
			const char *quote = n > 0 && strchr(text, ' ') ? "'" : "";

			if (n < size)
				n += (size_t)snprintf(ret + n, size - n, "%s%s%s%s", n ? " " : "", quote, text, quote);
		}
	}
}

cJSON *container_summary(struct container *c, const cJSON *merged, bool size)
{
	const cJSON *config = json_get(merged, "Config"), *host = json_get(merged, "HostConfig"),
		    *labels = json_get(config, "Labels");
	cJSON *o = cJSON_CreateObject(), *names = cJSON_AddArrayToObject(o, "Names"), *part;
	char text[2048];

	cJSON_AddStringToObject(o, "Id", c->row.id);
	snprintf(text, sizeof(text), "/%s", c->row.name);
	cJSON_AddItemToArray(names, cJSON_CreateString(text));
	cJSON_AddStringToObject(o, "Image", c->row.image_ref);
	snprintf(text, sizeof(text), "sha256:%s", c->row.image_id);
	cJSON_AddStringToObject(o, "ImageID", text);
	command_text(config, text, sizeof(text));
	cJSON_AddStringToObject(o, "Command", text);
	json_add_int(o, "Created", c->row.created_ns / 1000000000);
	cJSON_AddItemToObject(o, "Ports", ports_list_json(c->e, c->row.id, merged));
	if (size)
		add_sizes(c, o);
	cJSON_AddItemToObject(o, "Labels", labels ? cJSON_Duplicate(labels, true) : cJSON_CreateObject());
	cJSON_AddStringToObject(o, "State", container_status_name(c->row.status));
	status_text(c, text, sizeof(text));
	cJSON_AddStringToObject(o, "Status", text);
	part = cJSON_AddObjectToObject(o, "HostConfig");
	cJSON_AddStringToObject(part, "NetworkMode", network_mode(host));
	part = cJSON_AddObjectToObject(o, "NetworkSettings");
	cJSON_AddItemToObject(part, "Networks", container_networks_json(c, merged));
	cJSON_AddItemToObject(o, "Mounts", container_mounts_json(c->e, merged));
	return o;
}
