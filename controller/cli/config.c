/* config.c - options of run and create to the body of POST /containers/create, row by row. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "../../helpers/base/cleanup.h"
#include "config.h"

/* The object that holds the last part of path inside body, made where missing; *ret_key is that part. */
cJSON *config_holder(cJSON *body, const char *path, const char **ret_key)
{
	const char *dot = strchr(path, '.');
	char key[64];
	cJSON *child;

	if (!dot) {
		*ret_key = path;
		return body;
	}
	snprintf(key, sizeof(key), "%.*s", (int)(dot - path), path);
	child = cJSON_GetObjectItemCaseSensitive(body, key);
	if (!child)
		child = cJSON_AddObjectToObject(body, key);
	return config_holder(child, dot + 1, ret_key);
}

void config_put(struct run_options *o, const char *path, cJSON *value)
{
	const char *key;
	cJSON *h = config_holder(o->body, path, &key);

	cJSON_DeleteItemFromObjectCaseSensitive(h, key);
	cJSON_AddItemToObject(h, key, value);
}

cJSON *config_list(struct run_options *o, const char *path)
{
	const char *key;
	cJSON *h = config_holder(o->body, path, &key), *list = cJSON_GetObjectItemCaseSensitive(h, key);

	return list ? list : cJSON_AddArrayToObject(h, key);
}

static void append(struct run_options *o, const char *path, const char *value)
{
	cJSON_AddItemToArray(config_list(o, path), cJSON_CreateString(value));
}

/* --- one function per form of value ------------------------------------------------------------------------------- */
static int put_text(void *to, const struct option_row *row, const char *value)
{
	config_put(to, row->path, cJSON_CreateString(value));
	return 0;
}

static int put_bool(void *to, const struct option_row *row, const char *value)
{
	config_put(to, row->path, cJSON_CreateBool(strcmp(value, "true") == 0));
	return 0;
}

static int put_int(void *to, const struct option_row *row, const char *value)
{
	char *end;
	long n = strtol(value, &end, 10);

	if (!*value || *end)
		return fail(-1, "--%s takes a number, not '%s'", row->name, value);
	config_put(to, row->path, cJSON_CreateNumber((double)n));
	return 0;
}

static int put_bytes(void *to, const struct option_row *row, const char *value)
{
	int64_t n;

	if (strcmp(value, "-1") == 0)
		n = -1;
	else if (size_argument(value, &n) < 0)
		return fail(-1, "--%s takes a size such as 512m, not '%s'", row->name, value);
	config_put(to, row->path, cJSON_CreateNumber((double)n));
	return 0;
}

static int put_cpus(void *to, const struct option_row *row, const char *value)
{
	char *end;
	double n = strtod(value, &end);

	if (!*value || *end || !(n >= 0 && n < 100000))
		return fail(-1, "--%s takes a number of processors such as 1.5, not '%s'", row->name, value);
	config_put(to, row->path, cJSON_CreateNumber((double)(int64_t)(n * 1e9 + 0.5)));
	return 0;
}

static int add_text(void *to, const struct option_row *row, const char *value)
{
	append(to, row->path, value);
	return 0;
}

/* "key=value" or "key" into an object of texts. */
int config_add_pair(void *to, const struct option_row *row, const char *value)
{
	char *key = strdup(value), *equals = key ? strchr(key, '=') : NULL;
	const char *last;
	cJSON *h = config_holder(((struct run_options *)to)->body, row->path, &last), *map;

	map = cJSON_GetObjectItemCaseSensitive(h, last);
	if (!map)
		map = cJSON_AddObjectToObject(h, last);
	if (equals)
		*equals = '\0';
	if (key && *key) {
		cJSON_DeleteItemFromObjectCaseSensitive(map, key);
		cJSON_AddStringToObject(map, key, equals ? equals + 1 : "");
	}
	free(key);
	return 0;
}

static int add_env(void *to, const struct option_row *row, const char *value)
{
	const char *own = strchr(value, '=') ? NULL : getenv(value);
	char *pair;

	if (*value == '=' || !*value)
		return fail(-1, "--%s: invalid environment variable: %s", row->name, value);
	if (strchr(value, '=')) {
		append(to, "Env", value);
	} else if (own && asprintf(&pair, "%s=%s", value, own) >= 0) {
		append(to, "Env", pair);
		free(pair);
	}
	return 0;
}

static int add_env_file(void *to, const struct option_row *row, const char *value)
{
	return config_add_lines(to, row, value, add_env);
}

/* "/data" is an anonymous volume; "name:/data", "/host:/data:ro", "./here:/data". */
static int add_volume(void *to, const struct option_row *row, const char *value)
{
	struct run_options *o = to;
	const char *colon = strchr(value, ':'), *key;
	char source[PATH_MAX], real[PATH_MAX];
	char *bind;

	if (!colon) {
		cJSON *h = config_holder(o->body, "Volumes", &key), *map = cJSON_GetObjectItemCaseSensitive(h, key);

		if (!map)
			map = cJSON_AddObjectToObject(h, key);
		if (!cJSON_GetObjectItemCaseSensitive(map, value))
			cJSON_AddObjectToObject(map, value);
		return 0;
	}
	if (*value != '.' && *value != '~') {
		append(o, "HostConfig.Binds", value);
		return 0;
	}
	snprintf(source, sizeof(source), "%.*s", (int)(colon - value), value);
	if (!realpath(source, real))
		return fail(-1, "--%s: %s: %s", row->name, source, strerror(errno));
	if (asprintf(&bind, "%s%s", real, colon) < 0)
		return -1;
	append(o, "HostConfig.Binds", bind);
	free(bind);
	return 0;
}

static const struct {
	const char *key, *path;
	enum { MOUNT_TEXT, MOUNT_BOOL, MOUNT_SIZE, MOUNT_MODE, MOUNT_PAIR, MOUNT_RECURSIVE } kind;
} mount_keys[] = {
	{ "type", "Type", MOUNT_TEXT },
	{ "source", "Source", MOUNT_TEXT },
	{ "src", "Source", MOUNT_TEXT },
	{ "target", "Target", MOUNT_TEXT },
	{ "destination", "Target", MOUNT_TEXT },
	{ "dst", "Target", MOUNT_TEXT },
	{ "readonly", "ReadOnly", MOUNT_BOOL },
	{ "ro", "ReadOnly", MOUNT_BOOL },
	{ "bind-propagation", "BindOptions.Propagation", MOUNT_TEXT },
	{ "bind-nonrecursive", "BindOptions.NonRecursive", MOUNT_BOOL },
	{ "bind-recursive", "BindOptions.Recursive", MOUNT_RECURSIVE },
	{ "bind-create-src", "BindOptions.CreateMountpoint", MOUNT_BOOL },
	{ "consistency", "Consistency", MOUNT_TEXT },
	{ "volume-nocopy", "VolumeOptions.NoCopy", MOUNT_BOOL },
	{ "volume-subpath", "VolumeOptions.Subpath", MOUNT_TEXT },
	{ "volume-label", "VolumeOptions.Labels", MOUNT_PAIR },
	{ "volume-opt", "VolumeOptions.DriverConfig.Options", MOUNT_PAIR },
	{ "image-subpath", "ImageOptions.Subpath", MOUNT_TEXT },
	{ "volume-driver", "VolumeOptions.DriverConfig.Name", MOUNT_TEXT },
	{ "tmpfs-size", "TmpfsOptions.SizeBytes", MOUNT_SIZE },
	{ "tmpfs-mode", "TmpfsOptions.Mode", MOUNT_MODE },
};

static int mount_field(struct run_options *mount, const char *field)
{
	const char *equals = strchr(field, '='), *value = equals ? equals + 1 : "true";
	size_t n = equals ? (size_t)(equals - field) : strlen(field);
	int64_t size;

	for (size_t i = 0; i < ARRAY_SIZE(mount_keys); i++) {
		if (strlen(mount_keys[i].key) != n || memcmp(mount_keys[i].key, field, n) != 0)
			continue;
		switch (mount_keys[i].kind) {
		case MOUNT_TEXT:
			config_put(mount, mount_keys[i].path, cJSON_CreateString(value));
			return 0;
		case MOUNT_BOOL:
			config_put(mount, mount_keys[i].path,
			    cJSON_CreateBool(strcmp(value, "false") != 0 && strcmp(value, "0") != 0));
			return 0;
		case MOUNT_SIZE:
			if (size_argument(value, &size) < 0)
				return fail(-1, "invalid value for %s: %s", mount_keys[i].key, value);
			config_put(mount, mount_keys[i].path, cJSON_CreateNumber((double)size));
			return 0;
		case MOUNT_PAIR:
			return config_add_pair(mount, &(struct option_row){ .path = mount_keys[i].path }, value);
		case MOUNT_RECURSIVE:
			if (strcmp(value, "enabled") == 0)
				return 0;
			if (strcmp(value, "disabled") == 0)
				config_put(mount, "BindOptions.NonRecursive", cJSON_CreateTrue());
			else if (strcmp(value, "writable") == 0)
				config_put(mount, "BindOptions.ReadOnlyNonRecursive", cJSON_CreateTrue());
			else if (strcmp(value, "readonly") == 0)
				config_put(mount, "BindOptions.ReadOnlyForceRecursive", cJSON_CreateTrue());
			else
				return fail(-1, "invalid value for bind-recursive: %s", value);
			return 0;
		case MOUNT_MODE:
			config_put(mount, mount_keys[i].path, cJSON_CreateNumber((double)strtoul(value, NULL, 8)));
			return 0;
		}
	}
	return fail(-1, "unexpected key '%.*s' in --mount", (int)n, field);
}

static int add_mount(void *to, const struct option_row *row, const char *value)
{
	struct run_options mount = { .body = cJSON_CreateObject() };
	_cleanup_free_ char *text = strdup(value);
	char *rest = text, *field;

	config_put(&mount, "Type", cJSON_CreateString("volume"));
	while (rest && (field = strsep(&rest, ","))) {
		if (mount_field(&mount, field) < 0) {
			/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): its cleanup attribute frees it */
			cJSON_Delete(mount.body);
			return -1;
		}
	}
	if (!*json_text_at(mount.body, "Target")) {
		cJSON_Delete(mount.body);
		return fail(-1, "invalid argument \"%s\" for \"--%s\" flag: target is required", value, row->name);
	}
	cJSON_AddItemToArray(config_list(to, row->path), mount.body);
	return 0;
}

/* "/run:size=64m" */
static int add_tmpfs(void *to, const struct option_row *row, const char *value)
{
	_cleanup_free_ char *pair = strdup(value);
	char *colon = pair ? strchr(pair, ':') : NULL;

	if (colon)
		*colon = '=';
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): its cleanup attribute frees it */
	return pair ? config_add_pair(to, row, pair) : -1;
}

/* "/dev/a[:/dev/b][:rwm]" */
static int add_device(void *to, const struct option_row *row, const char *value)
{
	_cleanup_free_ char *text = strdup(value);
	char *rest = text, *host = strsep(&rest, ":"), *inside = rest ? strsep(&rest, ":") : NULL;
	const char *access = rest ? rest : "rwm";
	cJSON *d = cJSON_CreateObject();

	if (inside && *inside != '/') {
		access = inside;
		inside = NULL;
	}
	cJSON_AddStringToObject(d, "PathOnHost", host ? host : "");
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): its cleanup attribute frees it */
	cJSON_AddStringToObject(d, "PathInContainer", inside ? inside : host ? host : "");
	cJSON_AddStringToObject(d, "CgroupPermissions", access);
	cJSON_AddItemToArray(config_list(to, row->path), d);
	return 0;
}

/* "nofile=1024:2048" */
static int add_ulimit(void *to, const struct option_row *row, const char *value)
{
	const char *equals = strchr(value, '=');
	char name[32], *end = NULL;
	long long soft = 0, hard;
	cJSON *u;

	if (equals)
		soft = strtoll(equals + 1, &end, 10);
	if (!equals || end == equals + 1 || equals - value >= (ssize_t)sizeof(name))
		return fail(-1, "invalid ulimit argument: %s", value);
	hard = soft;
	if (*end == ':')
		hard = strtoll(end + 1, &end, 10);
	if (*end)
		return fail(-1, "invalid ulimit argument: %s", value);
	snprintf(name, sizeof(name), "%.*s", (int)(equals - value), value);
	u = cJSON_CreateObject();
	cJSON_AddStringToObject(u, "Name", name);
	cJSON_AddNumberToObject(u, "Soft", (double)soft);
	cJSON_AddNumberToObject(u, "Hard", (double)hard);
	cJSON_AddItemToArray(config_list(to, row->path), u);
	return 0;
}

static int put_entrypoint(void *to, const struct option_row *row, const char *value)
{
	cJSON *list = cJSON_CreateArray();

	cJSON_AddItemToArray(list, cJSON_CreateString(value));
	config_put(to, row->path, list);
	return 0;
}

/* A seccomp profile is read here: the engine takes its text, not a path. */
static int add_security(void *to, const struct option_row *row, const char *value)
{
	_cleanup_free_ char *text = NULL, *option = NULL;

	if (strncmp(value, "seccomp=", 8) != 0 || strcmp(value + 8, "unconfined") == 0 ||
	    strcmp(value + 8, "builtin") == 0) {
		append(to, row->path, value);
		return 0;
	}
	text = text_file(value + 8);
	if (!text || asprintf(&option, "seccomp=%s", text) < 0)
		return -1;
	append(to, row->path, option);
	return 0;
}

#define OWN(field) offsetof(struct run_options, field)
#define ROW(name, letter, apply, path, text) { name, letter, OPT_APPLY, 0, apply, path, text }
#define SWITCH(name, letter, path, text) { name, letter, OPT_APPLY_FLAG, 0, put_bool, path, text }
static const struct option_row run_rows[] = {
	{ "detach", 'd', OPT_FLAG, OWN(detach), NULL, NULL, "run: print the id and leave it running" },
	{ "interactive", 'i', OPT_FLAG, OWN(interactive), NULL, NULL, "keep its input open" },
	{ "tty", 't', OPT_FLAG, OWN(tty), NULL, NULL, "give it a terminal" },
	{ "rm", 0, OPT_FLAG, OWN(remove), NULL, NULL, "remove it when it has ended" },
	{ "name", 0, OPT_TEXT, OWN(name), NULL, NULL, "its name" },
	{ "attach", 'a', OPT_LIST, OWN(attach), NULL, NULL, "stdin, stdout, stderr" },
	{ "quiet", 'q', OPT_FLAG, OWN(quiet), NULL, NULL, "no progress of a pull" },
	{ "pull", 0, OPT_TEXT, OWN(pull), NULL, NULL, "always, missing, never" },
	{ "cidfile", 0, OPT_TEXT, OWN(cidfile), NULL, NULL, "write its id to a file" },
	{ "detach-keys", 0, OPT_TEXT, OWN(detach_keys), NULL, NULL, "leave with these (ctrl-p,ctrl-q)" },
	{ "sig-proxy", 0, OPT_FLAG, OWN(sig_proxy), NULL, NULL, "pass signals on (true)" },
	ROW("env", 'e', add_env, NULL, "NAME=VALUE, or NAME from here"),
	ROW("env-file", 0, add_env_file, NULL, "a file of them"),
	ROW("workdir", 'w', put_text, "WorkingDir", "working directory"),
	ROW("user", 'u', put_text, "User", "USER[:GROUP] inside"),
	ROW("group-add", 0, add_text, "HostConfig.GroupAdd", "further group"),
	ROW("hostname", 'h', put_text, "Hostname", "its host name"),
	ROW("domainname", 0, put_text, "Domainname", "its domain name"),
	ROW("label", 'l', config_add_pair, "Labels", "NAME=VALUE"),
	ROW("entrypoint", 0, put_entrypoint, "Entrypoint", "instead of the image's"),
	ROW("stop-signal", 0, put_text, "StopSignal", "signal of stop"),
	ROW("stop-timeout", 0, put_int, "StopTimeout", "seconds until it is killed"),
	ROW("volume", 'v', add_volume, NULL, "SOURCE:TARGET[:ro]"),
	ROW("mount", 0, add_mount, "HostConfig.Mounts", "type=bind,source=,target=[,readonly]"),
	ROW("tmpfs", 0, add_tmpfs, "HostConfig.Tmpfs", "PATH[:OPTIONS]"),
	SWITCH("read-only", 0, "HostConfig.ReadonlyRootfs", "read-only root"),
	ROW("device", 0, add_device, "HostConfig.Devices", "/dev/NAME[:TARGET][:rwm]"),
	ROW("memory", 'm', put_bytes, "HostConfig.Memory", "most memory, 512m"),
	ROW("memory-swap", 0, put_bytes, "HostConfig.MemorySwap", "memory and swap together"),
	ROW("memory-reservation", 0, put_bytes, "HostConfig.MemoryReservation", "memory kept for it"),
	ROW("cpus", 0, put_cpus, "HostConfig.NanoCpus", "processors, 1.5"),
	ROW("cpu-shares", 'c', put_int, "HostConfig.CpuShares", "weight"),
	ROW("cpu-period", 0, put_int, "HostConfig.CpuPeriod", "microseconds"),
	ROW("cpu-quota", 0, put_int, "HostConfig.CpuQuota", "microseconds"),
	ROW("cpuset-cpus", 0, put_text, "HostConfig.CpusetCpus", "0-2,4"),
	ROW("cpuset-mems", 0, put_text, "HostConfig.CpusetMems", "0"),
	ROW("pids-limit", 0, put_int, "HostConfig.PidsLimit", "most processes"),
	ROW("oom-score-adj", 0, put_int, "HostConfig.OomScoreAdj", "-1000 to 1000"),
	ROW("shm-size", 0, put_bytes, "HostConfig.ShmSize", "size of /dev/shm"),
	ROW("ulimit", 0, add_ulimit, "HostConfig.Ulimits", "nofile=1024:2048"),
	ROW("sysctl", 0, config_add_pair, "HostConfig.Sysctls", "NAME=VALUE"),
	ROW("cap-add", 0, add_text, "HostConfig.CapAdd", "further capability"),
	ROW("cap-drop", 0, add_text, "HostConfig.CapDrop", "without this one"),
	ROW("security-opt", 0, add_security, "HostConfig.SecurityOpt", "seccomp=FILE, no-new-privileges"),
	SWITCH("privileged", 0, "HostConfig.Privileged", "refused by the engine"),
	SWITCH("init", 0, "HostConfig.Init", "a small init that reaps"),
	ROW("network", 0, config_add_network, NULL,
	    "NAME, none, host, container:NAME, or name=NAME,alias=,ip=,ip6=,..."),
	ROW("net", 0, config_add_network, NULL, "the same"),
	{ "network-alias", 0, OPT_LIST, OWN(aliases), NULL, NULL, "further name in its network" },
	{ "net-alias", 0, OPT_LIST, OWN(aliases), NULL, NULL, "the same" },
	{ "ip", 0, OPT_TEXT, OWN(ip), NULL, NULL, "its IPv4 address" },
	{ "ip6", 0, OPT_TEXT, OWN(ip6), NULL, NULL, "its IPv6 address" },
	{ "link-local-ip", 0, OPT_LIST, OWN(linklocals), NULL, NULL, "further link-local address" },
	{ "mac-address", 0, OPT_TEXT, OWN(mac), NULL, NULL, "of its interface" },
	ROW("add-host", 0, config_add_host, "HostConfig.ExtraHosts", "NAME:ADDRESS, or NAME:host-gateway"),
	ROW("dns", 0, config_add_server, "HostConfig.Dns", "name server"),
	ROW("dns-search", 0, add_text, "HostConfig.DnsSearch", "search domain"),
	ROW("dns-option", 0, add_text, "HostConfig.DnsOptions", "resolver option"),
	ROW("dns-opt", 0, add_text, "HostConfig.DnsOptions", "the same"),
	ROW("ipc", 0, put_text, "HostConfig.IpcMode", "private, none, shareable, container:NAME"),
	ROW("pid", 0, put_text, "HostConfig.PidMode", "process namespace: container:NAME"),
	ROW("uts", 0, put_text, "HostConfig.UTSMode", "host names' namespace"),
	ROW("cgroupns", 0, put_text, "HostConfig.CgroupnsMode", "private, host"),
	ROW("cgroup-parent", 0, put_text, "HostConfig.CgroupParent", "below the engine's root"),
	ROW("volumes-from", 0, add_text, "HostConfig.VolumesFrom", "CONTAINER[:ro]"),
	ROW("volume-driver", 0, put_text, "HostConfig.VolumeDriver", "local"),
	ROW("label-file", 0, config_add_pair_file, "Labels", "a file of labels"),
	ROW("annotation", 0, config_add_pair, "HostConfig.Annotations", "NAME=VALUE for the runtime"),
	ROW("log-driver", 0, put_text, "HostConfig.LogConfig.Type", "journald, json-file, local, none"),
	ROW("log-opt", 0, config_add_pair, "HostConfig.LogConfig.Config", "max-size=10m, max-file=3, ..."),
	ROW("publish", 'p', config_add_port, NULL, "[[ADDRESS:][PORT]:]PORT[/PROTOCOL], ranges too"),
	SWITCH("publish-all", 'P', "HostConfig.PublishAllPorts", "all ports that the image exposes"),
	ROW("expose", 0, config_add_expose, NULL, "PORT[-PORT][/PROTOCOL]"),
	ROW("link", 0, config_add_link, "HostConfig.Links", "CONTAINER[:ALIAS]"),
	ROW("restart", 0, config_put_restart, NULL, "no, always, unless-stopped, on-failure[:N]"),
	ROW("runtime", 0, put_text, "HostConfig.Runtime", "the engine has its own only"),
	ROW("isolation", 0, put_text, "HostConfig.Isolation", "default"),
	ROW("storage-opt", 0, config_add_pair, "HostConfig.StorageOpt", "NAME=VALUE"),
	ROW("memory-swappiness", 0, put_int, "HostConfig.MemorySwappiness", "0 to 100"),
	SWITCH("oom-kill-disable", 0, "HostConfig.OomKillDisable", "wait instead of killing it"),
	ROW("cpu-rt-period", 0, put_int, "HostConfig.CpuRealtimePeriod", "microseconds"),
	ROW("cpu-rt-runtime", 0, put_int, "HostConfig.CpuRealtimeRuntime", "microseconds"),
	ROW("blkio-weight", 0, put_int, "HostConfig.BlkioWeight", "10 to 1000"),
	ROW("blkio-weight-device", 0, config_add_weight_device, "HostConfig.BlkioWeightDevice", "/dev/sda:200"),
	ROW("device-read-bps", 0, config_add_throttle, "HostConfig.BlkioDeviceReadBps", "/dev/sda:1mb"),
	ROW("device-write-bps", 0, config_add_throttle, "HostConfig.BlkioDeviceWriteBps", "/dev/sda:1mb"),
	ROW("device-read-iops", 0, config_add_throttle, "HostConfig.BlkioDeviceReadIOps", "/dev/sda:1000"),
	ROW("device-write-iops", 0, config_add_throttle, "HostConfig.BlkioDeviceWriteIOps", "/dev/sda:1000"),
	ROW("device-cgroup-rule", 0, add_text, "HostConfig.DeviceCgroupRules", "c 1:3 rwm"),
	ROW("gpus", 0, config_add_gpus, "HostConfig.DeviceRequests", "all, N, device=ID"),
	ROW("health-cmd", 0, config_put_health, "Healthcheck.Test", "command of the health check"),
	ROW("health-interval", 0, config_put_duration, "Healthcheck.Interval", "time between two, 30s"),
	ROW("health-timeout", 0, config_put_duration, "Healthcheck.Timeout", "for one"),
	ROW("health-start-period", 0, config_put_duration, "Healthcheck.StartPeriod", "until failures count"),
	ROW("health-start-interval", 0, config_put_duration, "Healthcheck.StartInterval", "between two meanwhile"),
	ROW("health-retries", 0, put_int, "Healthcheck.Retries", "failures until it is unhealthy"),
	{ "no-healthcheck", 0, OPT_APPLY_FLAG, 0, config_put_no_health, NULL, "not even the image's" },
	{ "platform", 0, OPT_TEXT, OWN(platform), NULL, NULL, "linux/amd64" },
	ROW("userns", 0, put_text, "HostConfig.UsernsMode", "always the engine's choice"),
};

static void finish_body(struct run_options *o, bool create, int argc, char **argv)
{
	bool in = o->interactive && !o->detach, out = !o->detach;
	struct winsize w;

	if (o->attach.n) {
		in = out = false;
		for (size_t i = 0; i < o->attach.n; i++) {
			in |= strcasecmp(o->attach.v[i], "stdin") == 0;
			out |= strcasecmp(o->attach.v[i], "stdin") != 0;
		}
	}
	config_put(o, "Image", cJSON_CreateString(argv[0]));
	for (int i = 1; i < argc; i++)
		append(o, "Cmd", argv[i]);
	config_put(o, "Tty", cJSON_CreateBool(o->tty));
	config_put(o, "OpenStdin", cJSON_CreateBool(o->interactive));
	config_put(o, "StdinOnce", cJSON_CreateBool(o->interactive && !o->detach));
	config_put(o, "AttachStdin", cJSON_CreateBool(in));
	config_put(o, "AttachStdout", cJSON_CreateBool(out));
	config_put(o, "AttachStderr", cJSON_CreateBool(out));
	config_put(o, "HostConfig.AutoRemove", cJSON_CreateBool(o->remove));
	if (!create && o->tty && ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0) {
		cJSON *size = config_list(o, "HostConfig.ConsoleSize");

		cJSON_AddItemToArray(size, cJSON_CreateNumber(w.ws_row));
		cJSON_AddItemToArray(size, cJSON_CreateNumber(w.ws_col));
	}
}

int config_parse(struct run_options *o, bool create, int argc, char **argv)
{
	int n, r;

	*o = (struct run_options){ .sig_proxy = true, .body = cJSON_CreateObject() };
	r = OPTIONS(run_rows, o, true, argc, argv, &n);
	if (r == 0 && n == 0)
		r = fail(-2, "'postern %s' requires at least 1 argument: an image; see 'postern %s --help'", argv[0],
			 argv[0]);
	if (r == 0 && o->pull && strcmp(o->pull, "always") != 0 && strcmp(o->pull, "missing") != 0 &&
	    strcmp(o->pull, "never") != 0)
		r = fail(-1, "--pull is always, missing or never, not '%s'", o->pull);
	if (r == 0)
		r = config_finish_network(o);
	if (r == 0)
		finish_body(o, create, n, argv + 1);
	cJSON_Delete(o->networks);
	o->networks = NULL;
	return r;
}
