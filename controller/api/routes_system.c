/* routes_system.c - what clients ask about the engine itself: ping, version, info.
 *
 * What cannot change while the engine runs is read once, before a sandbox closes /etc, /proc and /sys; whatever
 * cannot be read is left empty, since clients only show it. Nothing here is input. */
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/sysinfo.h>
#include <sys/vfs.h>
#include <sys/utsname.h>

#include "../../helpers/base/cleanup.h"
#include "../../helpers/base/fd.h"
#include "../container/container.h"
#include "../container/events.h"
#include "../daemon_config.h"
#include "../helper_client.h"
#include "../json.h"
#include "../network/network.h"
#include "../state/state.h"
#include "http_internal.h"

/* What Docker says of a limit that cannot be had. */
static const char *const no_limit[LIMITS_COUNT] = {
	[LIMITS_MEMORY] = "WARNING: No memory limit support", [LIMITS_SWAP] = "WARNING: No swap limit support",
	[LIMITS_CPU] = "WARNING: No cpu shares support", [LIMITS_QUOTA] = "WARNING: No cpu cfs quota support",
	[LIMITS_CPUSET] = "WARNING: No cpuset support", [LIMITS_PIDS] = "WARNING: No pids limit support",
	[LIMITS_BLKIO] = "WARNING: No blkio support",
};

struct system_facts {
	struct utsname uts;
	const char *arch; /* as Go names it */
	char os[128], os_version[32]; /* os-release */
	char id[40]; /* of this engine, a UUID kept in the state directory */
	char cgroup_version[2];
	bool ip_forward, bridge_filter, bridge_filter6;
	const char *backing; /* file system of the state directory */
	bool rootless; /* an ordinary user's engine */
	bool no_cgroups, no_device_filter;
	int ncpu;
};

/* --- facts -------------------------------------------------------------------------------------------------------- */
/* Whole small file as text, or NULL. The caller frees it. */
static char *read_text(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text;
	size_t len;

	if (fd < 0 || fd_read_all(fd, 1024 * 1024, &text, &len) < 0)
		return NULL;
	return text;
}

/* KEY="value" of os-release(5). */
static void os_release(const char *text, const char *key, char *ret, size_t size)
{
	size_t n = strlen(key);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, n) != 0 || line[n] != '=')
			continue;
		line += n + 1;
		line += *line == '"';
		snprintf(ret, size, "%.*s", (int)strcspn(line, "\"\n"), line);
		return;
	}
}

/* "1" where a version 1 hierarchy is mounted: clients know no third way. proc_pid_mountinfo(5). */
static void read_cgroup_version(struct system_facts *f)
{
	_cleanup_free_ char *mounts = read_text("/proc/self/mountinfo");

	f->cgroup_version[0] = mounts && strstr(mounts, " - cgroup ") ? '1' : '2';
}

/* Made at the first start and kept. */
static void read_id(struct system_facts *f, int state_dir)
{
	_cleanup_close_ int fd = openat(state_dir, "engine-id", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	unsigned char b[16];

	if (fd >= 0 && read(fd, f->id, 36) == 36)
		return;
	if (getrandom(b, sizeof(b), 0) != sizeof(b))
		return;
	b[6] = (unsigned char)((b[6] & 0x0f) | 0x40); /* version 4, RFC 9562 */
	b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
	snprintf(f->id, sizeof(f->id), "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0],
		 b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
	close_fd(fd);
	fd = openat(state_dir, "engine-id", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd >= 0)
		fd_write_all(fd, f->id, 36);
}

static bool is_one(const char *path)
{
	_cleanup_free_ char *text = read_text(path);

	return text && text[0] == '1';
}

/* As Docker names them; statfs(2). */
static const char *backing(int dir)
{
	static const struct {
		unsigned long magic;
		const char *name;
	} known[] = {
		{ EXT4_SUPER_MAGIC, "extfs" }, { XFS_SUPER_MAGIC, "xfs" }, { BTRFS_SUPER_MAGIC, "btrfs" },
		{ TMPFS_MAGIC, "tmpfs" }, { OVERLAYFS_SUPER_MAGIC, "overlayfs" }, { F2FS_SUPER_MAGIC, "f2fs" },
		{ 0x2fc12fc1, "zfs" },
	};
	struct statfs st;

	for (size_t i = 0; i < ARRAY_SIZE(known) && fstatfs(dir, &st) == 0; i++)
		if ((unsigned long)st.f_type == known[i].magic)
			return known[i].name;
	return "<unknown>";
}

static const char *go_arch(const char *machine)
{
	static const char *const names[][2] = {
		{ "x86_64", "amd64" }, { "aarch64", "arm64" }, { "armv7l", "arm" }, { "i686", "386" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(names[i][0], machine) == 0)
			return names[i][1];
	return machine;
}

struct system_facts *system_facts_create(struct engine *e)
{
	struct system_facts *f = calloc(1, sizeof(*f));
	_cleanup_free_ char *os = read_text("/etc/os-release");
	cpu_set_t cpus;

	if (!f)
		return NULL;
	uname(&f->uts);
	f->arch = go_arch(f->uts.machine);
	snprintf(f->os, sizeof(f->os), "Linux");
	if (os) {
		os_release(os, "PRETTY_NAME", f->os, sizeof(f->os));
		os_release(os, "VERSION_ID", f->os_version, sizeof(f->os_version));
	}
	f->ip_forward = is_one("/proc/sys/net/ipv4/ip_forward");
	f->bridge_filter = is_one("/proc/sys/net/bridge/bridge-nf-call-iptables");
	f->bridge_filter6 = is_one("/proc/sys/net/bridge/bridge-nf-call-ip6tables");
	f->backing = backing(e->state_dir);
	f->ncpu = sched_getaffinity(0, sizeof(cpus), &cpus) == 0 ? CPU_COUNT(&cpus) : 1;
	read_cgroup_version(f);
	f->no_cgroups = helper_absent(e, HELPER_CGROUP);
	f->no_device_filter = helper_absent(e, HELPER_DEVICE);
	f->rootless = e->policy->ids_shared;
	read_id(f, e->state_dir);
	return f;
}

/* --- ping, version ------------------------------------------------------------------------------------------------ */
static void ping(struct http_request *r)
{
	http_reply_header(r, "Builder-Version", "1");
	http_reply_header(r, "Swarm", "inactive");
	http_reply_header(r, "Cache-Control", "no-cache, no-store, must-revalidate");
	http_reply_header(r, "Pragma", "no-cache");
	http_reply_text(r, 200, "text/plain; charset=utf-8", "OK");
}

static void version(struct http_request *r)
{
	const struct engine *e = http_engine(r);
	const struct system_facts *f = r->conn->server->facts;
	const char *fields[][2] = {
		{ "ApiVersion", API_VERSION_TEXT }, { "MinAPIVersion", API_VERSION_LEAST_TEXT },
		{ "GitCommit", e->policy->build }, { "GoVersion", "" }, { "Os", "linux" }, { "Arch", f->arch },
		{ "KernelVersion", f->uts.release }, { "BuildTime", "" },
	};
	cJSON *o = cJSON_CreateObject(), *component = cJSON_CreateObject(), *details;

	cJSON_AddStringToObject(cJSON_AddObjectToObject(o, "Platform"), "Name", "Postern");
	cJSON_AddItemToArray(cJSON_AddArrayToObject(o, "Components"), component);
	cJSON_AddStringToObject(component, "Name", "Engine");
	cJSON_AddStringToObject(component, "Version", POSTERN_VERSION);
	details = cJSON_AddObjectToObject(component, "Details");
	cJSON_AddStringToObject(details, "Experimental", "false");
	cJSON_AddStringToObject(o, "Version", POSTERN_VERSION);
	cJSON_AddFalseToObject(o, "Experimental");
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		cJSON_AddStringToObject(details, fields[i][0], fields[i][1]);
		cJSON_AddStringToObject(o, fields[i][0], fields[i][1]);
	}
	http_reply_json(r, 200, o);
	cJSON_Delete(o);
}

/* --- info --------------------------------------------------------------------------------------------------------- */
static int count_image(void *data, struct image_row *row)
{
	++*(unsigned *)data;
	return 0;
}

static void add_counts(cJSON *o, struct engine *e)
{
	unsigned running = 0, paused = 0, stopped = 0, images = 0;

	containers_count(e, &running, &paused, &stopped);
	state_image_each(e->state, count_image, &images);
	cJSON_AddNumberToObject(o, "Containers", running + paused + stopped);
	cJSON_AddNumberToObject(o, "ContainersRunning", running);
	cJSON_AddNumberToObject(o, "ContainersPaused", paused);
	cJSON_AddNumberToObject(o, "ContainersStopped", stopped);
	cJSON_AddNumberToObject(o, "Images", images);
}

static cJSON *add_texts(cJSON *o, const char *name, const char *const *texts, size_t n)
{
	cJSON *a = cJSON_CreateStringArray(texts, (int)n);

	cJSON_AddItemToObject(o, name, a);
	return a;
}

static void add_storage(cJSON *o, const struct engine *e, const struct system_facts *f)
{
	const char *const status[][2] = { { "Backing Filesystem", f->backing }, { "Supports d_type", "true" },
					  { "userxattr", "true" } };
	cJSON *a;

	cJSON_AddStringToObject(o, "Driver", "overlay2");
	a = cJSON_AddArrayToObject(o, "DriverStatus");
	for (size_t i = 0; i < ARRAY_SIZE(status); i++)
		cJSON_AddItemToArray(a, cJSON_CreateStringArray(status[i], 2));
	cJSON_AddStringToObject(o, "DockerRootDir", e->data_root);
}

static void add_plugins(const struct engine *e, cJSON *o)
{
	static const char *const volume[] = { "local" }, *const network[] = { "bridge", "host", "null" };
	static const char *const log[] = { "journald", "json-file", "local" };
	size_t absent = networks_absent(e); /* then no bridge is made */
	cJSON *p = cJSON_AddObjectToObject(o, "Plugins");

	add_texts(p, "Volume", volume, ARRAY_SIZE(volume));
	add_texts(p, "Network", network + absent, ARRAY_SIZE(network) - absent);
	cJSON_AddNullToObject(p, "Authorization");
	add_texts(p, "Log", log, ARRAY_SIZE(log));
	cJSON_AddStringToObject(o, "LoggingDriver", daemon_config_log_driver(e->config));
}

static void warn(cJSON *warnings, const char *text)
{
	cJSON_AddItemToArray(warnings, cJSON_CreateString(text));
}

static void add_limits(cJSON *o, struct engine *e, const struct system_facts *f)
{
	static const struct {
		const char *name;
		enum limit_kind kind;
	} flags[] = {
		{ "MemoryLimit", LIMITS_MEMORY }, { "SwapLimit", LIMITS_SWAP }, { "CpuCfsPeriod", LIMITS_QUOTA },
		{ "CpuCfsQuota", LIMITS_QUOTA }, { "CPUShares", LIMITS_CPU }, { "CPUSet", LIMITS_CPUSET },
		{ "PidsLimit", LIMITS_PIDS },
	};
	cJSON *warnings = cJSON_CreateArray();

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		cJSON_AddBoolToObject(o, flags[i].name, limits_have(e, flags[i].kind));
	cJSON_AddBoolToObject(o, "OomKillDisable", limits_have(e, LIMITS_OOM_KILL));
	cJSON_AddStringToObject(o, "CgroupDriver", f->no_cgroups ? "none" : "cgroupfs");
	cJSON_AddStringToObject(o, "CgroupVersion", f->cgroup_version);
	if (f->no_cgroups)
		warn(warnings, "WARNING: Running in rootless-mode without cgroups. Systemd is required to enable "
			       "cgroups in rootless-mode.");
	for (unsigned i = 0; i < LIMITS_COUNT; i++)
		if (!limits_have(e, i))
			warn(warnings, no_limit[i]);
	if (f->no_device_filter)
		warn(warnings, "WARNING: No device filter: containers are limited to devices that are bound and that "
			       "the user may open");
	if (!networks_lead_out(e))
		warn(warnings, "WARNING: No way out of containers' networks: pasta (apt-get install passt) is not "
			       "running; postern doctor looks for the reason");
	cJSON_AddItemToObject(o, "Warnings", warnings);
}

static void add_host(cJSON *o, const struct system_facts *f)
{
	struct sysinfo memory;
	struct timespec now;
	char text[64];
	struct tm tm;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	snprintf(text + strftime(text, 32, "%Y-%m-%dT%H:%M:%S", &tm), 32, ".%09ldZ", now.tv_nsec);
	cJSON_AddStringToObject(o, "SystemTime", text);
	cJSON_AddStringToObject(o, "KernelVersion", f->uts.release);
	cJSON_AddStringToObject(o, "OperatingSystem", f->os);
	cJSON_AddStringToObject(o, "OSVersion", f->os_version);
	cJSON_AddStringToObject(o, "OSType", "linux");
	cJSON_AddStringToObject(o, "Architecture", f->uts.machine);
	cJSON_AddStringToObject(o, "Name", f->uts.nodename);
	cJSON_AddNumberToObject(o, "NCPU", f->ncpu);
	json_add_int(o, "MemTotal", sysinfo(&memory) == 0 ? (int64_t)memory.totalram * memory.mem_unit : 0);
	cJSON_AddBoolToObject(o, "IPv4Forwarding", f->ip_forward);
	cJSON_AddBoolToObject(o, "BridgeNfIptables", f->bridge_filter);
	cJSON_AddBoolToObject(o, "BridgeNfIp6tables", f->bridge_filter6);
}

/* What we have none of, in the form that clients parse. */
static void add_absent(const struct engine *e, cJSON *o)
{
	static const char *const empty[] = {
		"IndexServerAddress", "HttpProxy", "HttpsProxy", "NoProxy", "Isolation", "InitBinary", "ProductLicense",
	};
	static const char *const commits[] = { "ContainerdCommit", "RuncCommit", "InitCommit" };
	static const char *const counts[] = { "NFd", "NGoroutines" };
	const cJSON *labels;
	cJSON *sub;

	for (size_t i = 0; i < ARRAY_SIZE(empty); i++)
		cJSON_AddStringToObject(o, empty[i], "");
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++)
		cJSON_AddNumberToObject(o, counts[i], 0);
	for (size_t i = 0; i < ARRAY_SIZE(commits); i++)
		cJSON_AddStringToObject(cJSON_AddObjectToObject(o, commits[i]), "ID", "");
	labels = json_get(e->config, "labels");
	cJSON_AddItemToObject(o, "Labels", labels ? cJSON_Duplicate(labels, true) : cJSON_CreateArray());
	cJSON_AddBoolToObject(o, "Debug", json_bool(e->config, "debug", false, NULL));
	cJSON_AddNullToObject(o, "GenericResources");
	cJSON_AddBoolToObject(o, "ExperimentalBuild", false);
	sub = cJSON_AddObjectToObject(o, "RegistryConfig");
	cJSON_AddArrayToObject(sub, "InsecureRegistryCIDRs");
	cJSON_AddObjectToObject(sub, "IndexConfigs");
	cJSON_AddArrayToObject(sub, "Mirrors");
	sub = cJSON_AddObjectToObject(o, "Swarm");
	cJSON_AddStringToObject(sub, "NodeID", "");
	cJSON_AddStringToObject(sub, "NodeAddr", "");
	cJSON_AddStringToObject(sub, "LocalNodeState", "inactive");
	cJSON_AddBoolToObject(sub, "ControlAvailable", false);
	cJSON_AddStringToObject(sub, "Error", "");
	cJSON_AddNullToObject(sub, "RemoteManagers");
}

static void info(struct http_request *r)
{
	static const char *const security[] = { "name=seccomp,profile=builtin", "name=userns",
						"name=no-daemon-privilege", "name=rootless" /* at the end */ };
	struct engine *e = http_engine(r);
	const struct system_facts *f = r->conn->server->facts;
	cJSON *o = cJSON_CreateObject(), *runtimes;

	cJSON_AddStringToObject(o, "ID", f->id);
	cJSON_AddStringToObject(o, "ServerVersion", POSTERN_VERSION);
	add_counts(o, e);
	add_storage(o, e, f);
	add_plugins(e, o);
	add_limits(o, e, f);
	add_host(o, f);
	add_texts(o, "CDISpecDirs", cdi_dirs, ARRAY_SIZE(cdi_dirs));
	cJSON_AddNumberToObject(o, "NEventsListener", events_listeners(e));
	add_texts(o, "SecurityOptions", security, ARRAY_SIZE(security) - !f->rootless);
	runtimes = cJSON_AddObjectToObject(o, "Runtimes");
	cJSON_AddStringToObject(cJSON_AddObjectToObject(runtimes, "postern"), "path", "postern-spawn");
	cJSON_AddStringToObject(o, "DefaultRuntime", "postern");
	cJSON_AddBoolToObject(o, "LiveRestoreEnabled", true);
	add_absent(e, o);
	http_reply_json(r, 200, o);
	cJSON_Delete(o);
}

const struct route system_routes[] = {
	{ "GET", "/_ping", RIGHTS_NONE, ping },
	{ "GET", "/version", RIGHTS_NONE, version },
	{ "GET", "/info", RIGHTS_READ, info },
};
const size_t n_system_routes = ARRAY_SIZE(system_routes);
