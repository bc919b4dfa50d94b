/* test_spec.c - create bodies of real clients become what inspect shows and what spawn is given: golden files (the
 * .in.json were recorded from docker 28.2, docker-py 5.0 and compose 1.29; .out.json are ours, written anew by
 * POSTERN_GOLDEN_UPDATE=1), the OCI schema where POSTERN_REFERENCE has it, and tables of what is refused and warned of.
 */
#include <CUnit/Basic.h>

#include "../../controller/spec/internal.h"
#include "../../helpers/base/cleanup.h"
#include "schema.h"

#define ID "0123456789abcccccccccccccccccccccccccccccccccccccccccccccccccccc"

static cJSON *parse(const char *text)
{
	cJSON *o = cJSON_Parse(text);

	if (!o)
		fprintf(stderr, "\nnot JSON: %s\n", text);
	return o;
}

static cJSON *read_json(const char *dir, const char *name, const char *suffix)
{
	char path[4096], *text = NULL;
	struct err err = { 0 };
	cJSON *o = NULL;
	size_t len;
	int fd;

	snprintf(path, sizeof(path), "%s/%s%s", dir, name, suffix);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fd_read_all(fd, 1 << 20, &text, &len) == 0)
		o = text ? json_parse(text, len, &err) : NULL;
	close_fd(fd);
	free(text);
	return o;
}

/* The folder of this file, then golden: make runs at the top. */
static const char *golden_dir(void)
{
	static char dir[4096];

	snprintf(dir, sizeof(dir), "%s", __FILE__);
	*strrchr(dir, '/') = '\0';
	strncat(dir, "/golden", sizeof(dir) - strlen(dir) - 1);
	return dir;
}

/* --- golden files --- */
static cJSON *limits_json(const cJSON *merged)
{
	static struct req_cgroup_create req;
	const struct message_desc *d = &op_desc(OP_CGROUP_CREATE)->req;
	char text[2048], braces[2052];

	message_init(d, &req);
	CU_ASSERT_EQUAL(spec_limits(merged, &req, NULL), 0);
	CU_ASSERT(message_render(d, &req, text, sizeof(text)) >= 0);
	snprintf(braces, sizeof(braces), "{%s}", text);
	return parse(braces);
}

static cJSON *mounts_json(const struct spec_mounts *m)
{
	static const char *const types[] = { "bind", "volume", "tmpfs", "device", "image" };
	cJSON *list = cJSON_CreateArray();
	char text[9000];
	size_t i;

	for (i = 0; i < m->n; i++) {
		const struct spec_mount *v = &m->v[i];

		snprintf(text, sizeof(text), "%s %s on %s %s options=%s access=%s create=%d", types[v->type],
			 v->source[0] ? v->source : "-", v->target, v->readonly ? "ro" : "rw",
			 v->options ? v->options : "-", v->device_access ? v->device_access : "-", v->create);
		cJSON_AddItemToArray(list, cJSON_CreateString(text));
	}
	return list;
}

/* All that comes of an input: {"merged", "warnings", "mounts", "limits", "spec"}. */
static cJSON *run(const cJSON *in, struct err *err)
{
	const cJSON *input = json_get(in, "input"), *g;
	cJSON *out = cJSON_CreateObject(), *warnings = cJSON_CreateArray(), *merged, *spec;
	struct spec_mounts mounts = { 0 };
	uint32_t groups[8];
	struct spec_input si = {
		.id = get_text(input, "id"),
		.name = "x",
		.uid = (uint32_t)get_int(input, "uid"),
		.gid = (uint32_t)get_int(input, "gid"),
		.groups = groups,
		.home = get_text(input, "home"),
		.mounts = &mounts,
		.cgroups_path = get_text(input, "id"),
		.caps_allowed = UINT64_MAX,
	};

	cJSON_ArrayForEach(g, json_get(input, "groups"))
		groups[si.ngroups++] = (uint32_t)g->valuedouble;
	merged = spec_merge(json_get(in, "body"), json_get(in, "image"), warnings, err);
	if (merged)
		cJSON_AddItemToObject(out, "merged", merged);
	cJSON_AddItemToObject(out, "warnings", warnings);
	if (!merged || spec_mounts(merged, &mounts, err))
		return out;
	cJSON_AddItemToObject(out, "mounts", mounts_json(&mounts));
	cJSON_AddItemToObject(out, "limits", limits_json(merged));
	si.merged = merged;
	spec = spec_build(&si, err);
	if (spec)
		cJSON_AddItemToObject(out, "spec", spec);
	spec_mounts_finish(&mounts);
	return out;
}

/* What spawn reads: printed and parsed again, so that raw numbers are numbers. */
static bool valid_spec(const cJSON *spec)
{
	const char *reference = getenv("POSTERN_REFERENCE");
	struct schema_set set = { 0 };
	const cJSON *schema;
	char dir[4096], *text;
	cJSON *again;
	bool good;

	if (!reference)
		return true;
	snprintf(dir, sizeof(dir), "%s/oci-runtime-schema", reference);
	set.dir = dir;
	schema = schema_file(&set, "config-schema.json");
	CU_ASSERT_PTR_NOT_NULL_FATAL(schema);
	text = cJSON_PrintUnformatted(spec);
	again = cJSON_Parse(text);
	good = schema_check(&set, schema, schema, again, "spec");
	cJSON_Delete(again);
	cJSON_free(text);
	schema_finish(&set);
	return good;
}

static void one_golden(const char *name)
{
	cJSON *in = read_json(golden_dir(), name, ".in.json"), *out;
	char path[4096], *text, *want = NULL;
	struct err err = { 0 };
	size_t len;
	int fd;

	CU_ASSERT_PTR_NOT_NULL_FATAL(in);
	out = run(in, &err);
	if (err.status)
		fprintf(stderr, "\n%s: %s\n", name, err.message);
	CU_ASSERT_EQUAL(err.status, 0);
	CU_ASSERT(json_get(out, "spec") && valid_spec(json_get(out, "spec")));
	text = cJSON_Print(out);
	snprintf(path, sizeof(path), "%s/%s.out.json", golden_dir(), name);
	if (getenv("POSTERN_GOLDEN_UPDATE")) {
		FILE *f = fopen(path, "w");

		CU_ASSERT_PTR_NOT_NULL_FATAL(f);
		fprintf(f, "%s\n", text);
		fclose(f);
	}
	fd = open(path, O_RDONLY | O_CLOEXEC);
	CU_ASSERT_FATAL(fd >= 0 && fd_read_all(fd, 1 << 20, &want, &len) == 0);
	close(fd);
	if (strncmp(text, want, strlen(text)) || len != strlen(text) + 1) {
		size_t at = 0;

		while (text[at] && text[at] == want[at])
			at++;
		fprintf(stderr, "\n%s differs from byte %zu: %.200s\n", path, at, text + at);
		CU_FAIL("golden file");
	}
	free(want);
	cJSON_free(text);
	cJSON_Delete(out);
	cJSON_Delete(in);
}

static void test_golden(void)
{
	static const char *const names[] = { "cli28_plain", "cli28_full", "cli28_unmasked",
					     "cli20_caps",  "docker_py",  "compose_1_29" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		one_golden(names[i]);
}

/* The validator itself: it must be able to say no. */
static void test_schema(void)
{
	static const char *const bad[] = {
		"{}",
		"{\"ociVersion\":1}",
		"{\"ociVersion\":\"1.2.0\",\"root\":{}}",
		"{\"ociVersion\":\"1.2.0\",\"mounts\":[{\"source\":\"x\"}]}",
		"{\"ociVersion\":\"1.2.0\",\"process\":{\"cwd\":\"/\",\"args\":[1]}}",
		"{\"ociVersion\":\"1.2.0\",\"process\":{\"cwd\":\"/"
		"\",\"rlimits\":[{\"type\":\"nofile\",\"hard\":1,\"soft\":1}]}}",
	};
	cJSON *v;
	size_t i;

	if (!getenv("POSTERN_REFERENCE")) {
		fprintf(stderr, "\nskipped: POSTERN_REFERENCE is not set\n");
		return;
	}
	fprintf(stderr, "\n(six complaints follow, as they should)");
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		v = parse(bad[i]);
		CU_ASSERT_FALSE(valid_spec(v));
		cJSON_Delete(v);
	}
}

/* --- refusals and warnings --- */
static cJSON *merge_text(const char *body, const char *image, cJSON *warnings, struct err *err)
{
	cJSON *b = parse(body), *i = parse(image), *merged = spec_merge(b, i, warnings, err);

	cJSON_Delete(b);
	cJSON_Delete(i);
	return merged;
}

static void test_refused(void)
{
#define CONFIG(c) "{\"Image\":\"i\",\"Cmd\":[\"x\"]," c "}"
#define HOST(h) "{\"Image\":\"i\",\"Cmd\":[\"x\"],\"HostConfig\":{" h "}}"
#define MOUNT(m) HOST("\"Mounts\":[{" m "}]")
	static const struct {
		const char *body, *message;
	} cases[] = {
		{ "[]", "config cannot be empty in order to create a container" },
		{ "{\"Image\":\"i\"}", "No command specified" },
		{ "{\"Image\":\"i\",\"Cmd\":[],\"Entrypoint\":[\"\"]}", "No command specified" },
		{ "{\"Image\":\"a b\",\"Cmd\":[\"x\"]}", "invalid reference format" },
		{ "{\"Image\":\"a:b:c\",\"Cmd\":[\"x\"]}", "invalid reference format" },
		{ "{\"Image\":\"x/Foo:1\",\"Cmd\":[\"x\"]}",
		  "invalid reference format: repository name (x/Foo) must be lowercase" },
		{ CONFIG("\"Tty\":\"yes\""),
		  "json: cannot unmarshal string into Go struct field CreateRequest.Tty of type bool" },
		{ CONFIG("\"Env\":[1]"),
		  "json: cannot unmarshal number into Go struct field CreateRequest.Env of type string" },
		{ CONFIG("\"Env\":[\"=x\"]"), "invalid environment variable: =x" },
		{ CONFIG("\"Env\":[\"\"]"), "invalid environment variable: " },
		{ CONFIG("\"WorkingDir\":\"a\""),
		  "the working directory 'a' is invalid, it needs to be an absolute path" },
		{ CONFIG("\"StopSignal\":\"SIGFOO\""), "invalid signal: SIGFOO" },
		{ CONFIG("\"Hostname\":\"a\\nb\""), "invalid hostname format: a\nb" },
		{ CONFIG("\"Healthcheck\":{\"Interval\":1}"), "Interval in Healthcheck cannot be less than 1ms" },
		{ CONFIG("\"Volumes\":{\"x\":{}}"),
		  "invalid mount config for type \"volume\": invalid mount path: 'x' mount path must be absolute" },
		{ CONFIG("\"ExposedPorts\":{\"x\":{}}"), "invalid port specification: \"x\"" },
		{ HOST("\"UsernsMode\":\"host\""),
		  "cannot share the host's user namespace: every container of this engine has one of its own" },
		{ HOST("\"UsernsMode\":\"x\""), "invalid USER mode: x" },
		{ HOST("\"NetworkMode\":\"container:\""),
		  "Invalid network mode: invalid container format container:<name|id>" },
		{ "{\"Image\":\"i\",\"Cmd\":[\"x\"],\"Hostname\":\"h\",\"HostConfig\":{\"NetworkMode\":\"container:x\"}}",
		  "conflicting options: hostname and the network mode" },
		{ HOST("\"NetworkMode\":\"container:x\",\"Dns\":[\"1.1.1.1\"]"),
		  "conflicting options: dns and the network mode" },
		{ HOST("\"NetworkMode\":\"container:x\",\"ExtraHosts\":[\"a:1.1.1.1\"]"),
		  "conflicting options: custom host-to-IP mapping and the network mode" },
		{ HOST("\"NetworkMode\":\"container:x\",\"PublishAllPorts\":true"),
		  "conflicting options: port publishing and the container type network mode" },
		{ "{\"Image\":\"i\",\"Cmd\":[\"x\"],\"Hostname\":\"h\",\"HostConfig\":{\"UTSMode\":\"host\"}}",
		  "conflicting options: hostname and the UTS mode" },
		{ HOST("\"PidMode\":\"container:\""), "invalid PID mode: container:" },
		{ HOST("\"PidMode\":\"x\""), "invalid PID mode: x" },
		{ HOST("\"IpcMode\":\"x\""), "invalid IPC mode: x" },
		{ HOST("\"UTSMode\":\"x\""), "invalid UTS mode: x" },
		{ HOST("\"CgroupnsMode\":\"container:x\""), "invalid cgroup namespace mode: container:x" },
		{ HOST("\"Isolation\":\"hyperv\""), "invalid isolation 'hyperv' on linux" },
		{ HOST("\"NetworkMode\":\"host\",\"Sysctls\":{\"net.ipv4.ip_forward\":\"1\"}"),
		  "sysctl \"net.ipv4.ip_forward\" not allowed in host network namespace" },
		{ HOST("\"IpcMode\":\"host\",\"Sysctls\":{\"kernel.shmmax\":\"1\"}"),
		  "sysctl \"kernel.shmmax\" is not allowed in the hosts ipc namespace" },
		{ HOST("\"IpcMode\":\"container:x\",\"Sysctls\":{\"kernel.shmmax\":\"1\"}"),
		  "sysctl \"kernel.shmmax\" not allowed: its ipc namespace is another container's" },
		{ HOST("\"CgroupParent\":\"/x\""),
		  "invalid cgroup parent \"/x\": containers live below the cgroup of this engine; give the name of a group in "
		  "it" },
		{ HOST("\"Runtime\":\"kata\""), "unknown or invalid runtime name: kata" },
		{ HOST("\"Links\":[\"x:y\\n1.2.3.4 z\"]"), "bad format for links: x:y\n1.2.3.4 z" },
		{ HOST("\"Links\":[\":y\"]"), "bad format for links: :y" },
		{ HOST("\"Links\":[\"x:\"]"), "bad format for links: x:" },
		{ HOST("\"Links\":[\"x:a:b\"]"), "bad format for links: x:a:b" },
		{ HOST("\"DeviceCgroupRules\":[\"d 1:1 r\"]"), "invalid device cgroup rule format: 'd 1:1 r'" },
		{ HOST("\"DeviceCgroupRules\":[\"c 1:1 rwmm\"]"), "invalid device cgroup rule format: 'c 1:1 rwmm'" },
		{ HOST("\"DeviceCgroupRules\":[\"c 1:*1 r\"]"), "invalid device cgroup rule format: 'c 1:*1 r'" },
		{ HOST("\"CapAdd\":[\"CAP_FOO\"]"), "invalid CapAdd: unknown capability: \"CAP_FOO\"" },
		{ HOST("\"CapDrop\":[\"x\"]"), "invalid CapDrop: unknown capability: \"CAP_X\"" },
		{ HOST("\"Sysctls\":{\"kernel.hostname\":\"x\"}"),
		  "sysctl \"kernel.hostname\" is not in a separate kernel namespace" },
		{ HOST("\"Sysctls\":{\"net/../kernel/x\":\"x\"}"), "invalid sysctl \"net/../kernel/x\"" },
		{ HOST("\"Sysctls\":{\"net..x\":\"x\"}"), "invalid sysctl \"net..x\"" },
		{ HOST("\"SecurityOpt\":[\"foo\"]"), "invalid --security-opt 1: \"foo\"" },
		{ HOST("\"SecurityOpt\":[\"foo=bar\"]"), "invalid --security-opt 2: \"foo=bar\"" },
		{ HOST("\"SecurityOpt\":[\"no-new-privileges=maybe\"]"),
		  "invalid --security-opt 2: \"no-new-privileges=maybe\"" },
		{ HOST("\"Annotations\":{\"org.postern.init\":\"true\"}"),
		  "invalid Annotations: org.postern. is reserved" },
		{ HOST("\"RestartPolicy\":{\"Name\":\"never\"}"),
		  "invalid restart policy: unknown policy 'never'; use one of 'no', 'always', 'on-failure', or "
		  "'unless-stopped'" },
		{ HOST("\"RestartPolicy\":{\"Name\":\"always\"},\"AutoRemove\":true"),
		  "can't create 'AutoRemove' container with restart policy" },
		{ HOST("\"LogConfig\":{\"Type\":\"syslog\"}"), "logger: no log driver named 'syslog' is registered" },
		{ HOST("\"LogConfig\":{\"Config\":{\"x\":\"1\"}}"), "unknown log opt 'x' for json-file log driver" },
		{ HOST("\"ExtraHosts\":[\"a\"]"), "bad format for add-host: \"a\"" },
		{ HOST("\"ExtraHosts\":[\"a\\tb:1.1.1.1\"]"), "bad format for add-host: \"a\tb:1.1.1.1\"" },
		{ HOST("\"ExtraHosts\":[\"a:1.1.1\"]"), "invalid IP address in add-host: \"1.1.1\"" },
		{ HOST("\"Dns\":[\"x\"]"), "invalid IP address: x" },
		{ HOST("\"DnsSearch\":[\"a\\nnameserver 1.1.1.1\"]"), "invalid DnsSearch: \"a\nnameserver 1.1.1.1\"" },
		{ HOST("\"PortBindings\":{\"80/tcp\":[{\"HostPort\":\"x\"}]}"), "invalid port specification: \"x\"" },
		{ HOST("\"MaskedPaths\":[\"../x\"]"), "invalid MaskedPaths: \"../x\" is not a clean absolute path" },
		/* limits */
		{ HOST("\"Memory\":1048576"), "Minimum memory limit allowed is 6MB" },
		{ HOST("\"Memory\":8388608,\"MemorySwap\":7340032"),
		  "Minimum memoryswap limit should be larger than memory limit, see usage" },
		{ HOST("\"MemorySwap\":8388608"),
		  "You should always set the Memory limit when using Memoryswap limit, see usage" },
		{ HOST("\"Memory\":8388608,\"MemoryReservation\":9388608"),
		  "Minimum memory limit can not be less than memory reservation limit, see usage" },
		{ HOST("\"MemorySwappiness\":101"), "Invalid value: 101, valid memory swappiness range is 0-100" },
		{ HOST("\"NanoCpus\":2000000001"),
		  "Range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available" },
		{ HOST("\"NanoCpus\":-1"), "Range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available" },
		{ HOST("\"NanoCpus\":1000000000,\"CpuQuota\":5000"),
		  "Conflicting options: Nano CPUs and CPU Quota cannot both be set" },
		{ HOST("\"CpuPeriod\":1"),
		  "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)" },
		{ HOST("\"CpusetCpus\":\"2\""), "Requested CPUs are not available - requested 2, available: 0-1" },
		{ HOST("\"CpusetCpus\":\"1-\""), "Invalid value 1- for cpuset cpus" },
		{ HOST("\"BlkioWeight\":5"), "Range of blkio weight is from 10 to 1000" },
		{ HOST("\"OomScoreAdj\":1001"), "Invalid value 1001, range for oom score adj is [-1000, 1000]" },
		{ HOST("\"ShmSize\":-1"), "SHM size can not be less than 0" },
		{ HOST("\"Ulimits\":[{\"Name\":\"x\"}]"), "invalid ulimit type: x" },
		{ HOST("\"Ulimits\":[{\"Name\":\"nofile\",\"Soft\":3,\"Hard\":2}]"),
		  "ulimit soft limit must be less than or equal to hard limit: 3 > 2" },
		{ HOST("\"Memory\":1.5"),
		  "json: cannot unmarshal number into Go struct field HostConfig.Memory of type int64" },
		/* mounts */
		{ HOST("\"Binds\":[\"/a:/b:/c:ro\"]"), "invalid volume specification: '/a:/b:/c:ro'" },
		{ HOST("\"Binds\":[\"/a:ro\"]"), "invalid volume specification: '/a:ro'" },
		{ HOST("\"Binds\":[\":/a\"]"), "invalid volume specification: ':/a'" },
		{ HOST("\"Binds\":[\"/a:/b:ro,rw\"]"), "invalid mode: ro,rw" },
		{ HOST("\"Binds\":[\"/a:/b:x\"]"), "invalid mode: x" },
		{ HOST("\"Binds\":[\"/a:b\"]"), "invalid volume specification: '/a:b': invalid mount config for type "
						"\"bind\": invalid mount path: 'b' mount path must be absolute" },
		{ HOST("\"Binds\":[\"/a:/b/..\"]"),
		  "invalid volume specification: '/a:/b/..': invalid mount config for type \"bind\": invalid "
		  "specification: destination can't be '/'" },
		{ HOST("\"Binds\":[\"/a:/b:rshared\"]"),
		  "mount propagation rshared is not available: what containers mount stays with them" },
		{ HOST("\"Binds\":[\"./a:/b\"]"), "create ./a: \"./a\" includes invalid characters for a local volume "
						  "name, only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you "
						  "intended to pass a host directory, use absolute path" },
		{ HOST("\"Binds\":[\"v:/b\"]"),
		  "create v: volume name is too short, names should be at least two alphanumeric characters" },
		{ HOST("\"Binds\":[\"vv:/b\"],\"VolumeDriver\":\"nfs\""),
		  "error looking up volume plugin nfs: plugin \"nfs\" not found" },
		{ HOST("\"Binds\":[\"/a:/b\",\"/c:/b/\"]"), "Duplicate mount point: /b" },
		{ HOST("\"Binds\":[\"/a:/b\"],\"Tmpfs\":{\"/b\":\"\"}"), "Duplicate mount point: /b" },
		{ MOUNT("\"Type\":\"bind\",\"Target\":\"/a\""),
		  "invalid mount config for type \"bind\": field Source must not be empty" },
		{ MOUNT("\"Type\":\"bind\",\"Source\":\"/a\""),
		  "invalid mount config for type \"bind\": field Target must not be empty" },
		{ MOUNT("\"Type\":\"bind\",\"Source\":\"a\",\"Target\":\"/a\""),
		  "invalid mount config for type \"bind\": invalid mount path: 'a' mount path must be absolute" },
		{ MOUNT("\"Type\":\"npipe\",\"Target\":\"/a\""),
		  "invalid mount config for type \"npipe\": mount type unknown" },
		{ MOUNT("\"Type\":\"volume\",\"Target\":\"/a\",\"BindOptions\":{}"),
		  "invalid mount config for type \"volume\": field BindOptions must not be specified" },
		{ MOUNT("\"Type\":\"volume\",\"Target\":\"/a\",\"ReadOnly\":true"),
		  "invalid mount config for type \"volume\": must not set ReadOnly mode when using anonymous volumes" },
		{ MOUNT("\"Type\":\"tmpfs\",\"Target\":\"/a\",\"Source\":\"x\""),
		  "invalid mount config for type \"tmpfs\": field Source must not be specified" },
		{ HOST("\"Binds\":[\"/a:/b:nocopy\"]"),
		  "invalid volume specification: '/a:/b:nocopy': invalid mount config for type \"bind\": field "
		  "VolumeOptions must not be specified" },
		{ HOST("\"Binds\":[\"vol:/b:rslave\"]"),
		  "invalid volume specification: 'vol:/b:rslave': invalid mount config for type \"volume\": field "
		  "BindOptions must not be specified" },
		{ MOUNT("\"Type\":\"bind\",\"Source\":\"/a\",\"Target\":\"/b\",\"BindOptions\":{\"Propagation\":\"x\"}"),
		  "invalid mount config for type \"bind\": invalid propagation mode: x" },
		{ MOUNT("\"Type\":\"bind\",\"Source\":\"/a\",\"Target\":\"/b\",\"BindOptions\":{\"ReadOnlyForceRecursive\":true}"),
		  "mount options conflict: !ReadOnly && BindOptions.ReadOnlyForceRecursive" },
		{ MOUNT("\"Type\":\"volume\",\"Source\":\"vv\",\"Target\":\"/b\",\"VolumeOptions\":{\"Subpath\":\"a/../../b\"}"),
		  "invalid mount config for type \"volume\": subpath must be a relative path within the volume" },
		{ MOUNT("\"Type\":\"volume\",\"Source\":\"vv\",\"Target\":\"/b\",\"VolumeOptions\":{\"Subpath\":\"/a\"}"),
		  "invalid mount config for type \"volume\": subpath must be a relative path within the volume" },
		{ MOUNT("\"Type\":\"volume\",\"Target\":\"/b\",\"VolumeOptions\":{\"Subpath\":\"a\"}"),
		  "invalid mount config for type \"volume\": must not set Subpath when using anonymous volumes" },
		{ MOUNT("\"Type\":\"image\",\"Target\":\"/b\""),
		  "invalid mount config for type \"image\": field Source must not be empty" },
		{ MOUNT("\"Type\":\"image\",\"Source\":\"i\",\"Target\":\"/b\",\"VolumeOptions\":{}"),
		  "invalid mount config for type \"image\": field VolumeOptions must not be specified" },
		{ HOST("\"Tmpfs\":{\"/a\":\"bogus\"}"), "invalid tmpfs option [\"bogus\"]" },
		{ HOST("\"Tmpfs\":{\"/a\":\"size=1m/\"}"), "invalid tmpfs option [\"size\" \"1m/\"]" },
		{ HOST("\"Devices\":[{\"PathOnHost\":\"/dev/x\",\"CgroupPermissions\":\"q\"}]"),
		  "invalid device mode: q" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct err err = { 0 };
		cJSON *merged = merge_text(cases[i].body, "{}", NULL, &err);

		if (merged || strcmp(err.message, cases[i].message))
			fprintf(stderr, "\n%s\n  %s\n  expected %s\n", cases[i].body, err.message, cases[i].message);
		CU_ASSERT_PTR_NULL(merged);
		CU_ASSERT_EQUAL(err.status, 400);
		CU_ASSERT_STRING_EQUAL(err.message, cases[i].message);
		cJSON_Delete(merged);
	}
}

/* What the host's cgroups lack: Docker's warnings, and what is left in HostConfig. */
static void test_offered(void)
{
#define KERNEL "Your kernel does not support "
#define CGROUP " or the cgroup is not mounted. "
#define BIT(limit) (UINT64_C(1) << (limit))
	static const struct {
		const char *host, *warning;
		uint64_t offered;
		const char *field, *left; /* as JSON */
	} cases[] = {
		{ "\"Memory\":10000000", NULL, UINT64_MAX, "MemorySwap", "20000000" },
		{ "\"Memory\":10000000", KERNEL "memory limit capabilities" CGROUP "Limitation discarded.", 0, "Memory", "0" },
		{ "\"Memory\":10000000", KERNEL "swap limit capabilities" CGROUP "Memory limited without swap.",
		  BIT(LIMIT_MEMORY), "MemorySwap", "-1" },
		{ "\"MemorySwappiness\":0", KERNEL "memory swappiness capabilities" CGROUP "Memory swappiness discarded.", 0,
		  "MemorySwappiness", "null" },
		{ "\"MemorySwappiness\":0", NULL, UINT64_MAX, "MemorySwappiness", "0" },
		{ "\"MemoryReservation\":10000000", KERNEL "memory soft limit capabilities" CGROUP "Limitation discarded.",
		  0, "MemoryReservation", "0" },
		{ "\"OomKillDisable\":true", KERNEL "OomKillDisable. OomKillDisable discarded.", 0, "OomKillDisable", "null" },
		{ "\"OomKillDisable\":false", NULL, 0, "OomKillDisable", "null" },
		{ "\"OomKillDisable\":true",
		  "OOM killer is disabled for the container, but no memory limit is set, this can result in the system "
		  "running out of resources.",
		  UINT64_MAX, "OomKillDisable", "true" },
		{ "\"PidsLimit\":5", KERNEL "PIDs limit capabilities" CGROUP "PIDs limit discarded.", 0, "PidsLimit", "null" },
		{ "\"CpuShares\":5", KERNEL "CPU shares" CGROUP "Shares discarded.", 0, "CpuShares", "0" },
		{ "\"CpuPeriod\":5000,\"CpuQuota\":5000", KERNEL "CPU CFS scheduler. CPU period/quota discarded.", 0,
		  "CpuQuota", "0" },
		{ "\"CpusetCpus\":\"0\",\"CpusetMems\":\"0\"", KERNEL "cpuset" CGROUP "Cpuset discarded.", 0, "CpusetMems",
		  "\"\"" },
		{ "\"BlkioWeight\":10", KERNEL "Block I/O weight" CGROUP "Weight discarded.", 0, "BlkioWeight", "0" },
		{ "\"BlkioWeightDevice\":[{\"Path\":\"/dev/x\",\"Weight\":10}]",
		  KERNEL "Block I/O weight_device" CGROUP "Weight-device discarded.", 0, "BlkioWeightDevice", "[]" },
		{ "\"BlkioDeviceReadBps\":[{\"Path\":\"/dev/x\",\"Rate\":10}]",
		  KERNEL "BPS Block I/O read limit" CGROUP "Block I/O BPS read limit discarded.", 0, "BlkioDeviceReadBps",
		  "[]" },
		{ "\"BlkioDeviceWriteIOps\":[{\"Path\":\"/dev/x\",\"Rate\":10}]",
		  KERNEL "IOPS Block write limit" CGROUP "Block I/O IOPS write limit discarded.", 0, "BlkioDeviceWriteIOps",
		  "[]" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		cJSON *warnings = cJSON_CreateArray(), *merged;
		struct err err = { 0 };
		char body[512], *left;

		snprintf(body, sizeof(body), HOST("\"NetworkMode\":\"none\",%s"), cases[i].host);
		merged = merge_text(body, "{}", warnings, &err);
		CU_ASSERT_EQUAL_FATAL(spec_offered(merged, cases[i].offered, warnings, &err), 0);
		CU_ASSERT_EQUAL(cJSON_GetArraySize(warnings), cases[i].warning ? 1 : 0);
		if (warnings->child && cases[i].warning)
			CU_ASSERT_STRING_EQUAL(warnings->child->valuestring, cases[i].warning);
		left = cJSON_PrintUnformatted(cJSON_GetObjectItem(json_get(merged, "HostConfig"), cases[i].field));
		CU_ASSERT_STRING_EQUAL(left, cases[i].left);
		cJSON_free(left);
		cJSON_Delete(merged);
		cJSON_Delete(warnings);
	}
#undef KERNEL
#undef CGROUP
#undef BIT
}

static void test_platform(void)
{
	static const struct {
		const char *platform, *image, *message; /* NULL: fits */
	} cases[] = {
		{ "linux/s390x", "{\"os\":\"linux\",\"architecture\":\"s390x\"}", NULL },
		{ "s390x", "{\"os\":\"linux\",\"architecture\":\"s390x\"}", NULL },
		{ "linux/arm/v7", "{\"architecture\":\"arm\"}", NULL },
		{ "linux/s390x", "{\"os\":\"linux\",\"architecture\":\"mips64le\"}",
		  "image with reference i was found but does not match the specified platform: wanted linux/s390x, actual: "
		  "linux/mips64le" },
		{ "linux/arm/v7", "{\"os\":\"linux\",\"architecture\":\"arm\",\"variant\":\"v6\"}",
		  "image with reference i was found but does not match the specified platform: wanted linux/arm/v7, actual: "
		  "linux/arm/v6" },
		{ "plan9", "{}", "\"plan9\": unknown operating system or architecture: invalid argument" },
		{ "a/b/c/d", "{}", "\"a/b/c/d\": cannot parse platform specifier: invalid argument" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		cJSON *image = cJSON_Parse(cases[i].image), *warnings = cJSON_CreateArray();
		struct err err = { 0 };

		CU_ASSERT_EQUAL(spec_platform(cases[i].platform, "i", image, warnings, &err), cases[i].message ? -1 : 0);
		CU_ASSERT_STRING_EQUAL(err.message, cases[i].message ? cases[i].message : "");
		CU_ASSERT_PTR_NULL(warnings->child);
		cJSON_Delete(image);
		cJSON_Delete(warnings);
	}
}

static void test_warned(void)
{
	static const struct {
		const char *body, *warning; /* NULL: none */
	} cases[] = {
		{ HOST("\"NetworkMode\":\"none\""), NULL },
		{ HOST(""), NULL },
		{ HOST("\"NetworkMode\":\"proj_default\""), NULL },
		{ HOST("\"NetworkMode\":\"none\",\"PortBindings\":{\"80/tcp\":[{\"HostPort\":\"80\"}]}"), NULL },
		{ HOST("\"NetworkMode\":\"none\",\"SecurityOpt\":[\"apparmor=x\"]"),
		  "AppArmor is not enabled on this host: profile x is not applied" },
		{ HOST("\"NetworkMode\":\"none\",\"SecurityOpt\":[\"label=type:x\"]"),
		  "SELinux labels are not applied in this version: label=type:x" },
		{ HOST("\"NetworkMode\":\"none\",\"SecurityOpt\":[\"label:disable\",\"apparmor=unconfined\"]"), NULL },
		{ HOST("\"NetworkMode\":\"none\",\"CpuPercent\":5"), "linux does not support CPU percent. Percent discarded." },
		{ HOST("\"NetworkMode\":\"none\",\"MemorySwappiness\":-1,\"OomKillDisable\":false,\"KernelMemory\":0"),
		  NULL },
		{ HOST("\"NetworkMode\":\"none\",\"ExtraHosts\":[\"h:host-gateway\"]"), NULL },
		{ HOST("\"NetworkMode\":\"none\",\"RestartPolicy\":{\"Name\":\"on-failure\",\"MaximumRetryCount\":3}"),
		  NULL },
	};
	size_t i;

	spec_apparmor_override = 0;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		cJSON *warnings = cJSON_CreateArray(), *merged;
		struct err err = { 0 };

		merged = merge_text(cases[i].body, "{}", warnings, &err);
		CU_ASSERT_PTR_NOT_NULL(merged);
		CU_ASSERT_EQUAL(cJSON_GetArraySize(warnings), cases[i].warning ? 1 : 0);
		if (warnings->child && cases[i].warning)
			CU_ASSERT_STRING_EQUAL(warnings->child->valuestring, cases[i].warning);
		cJSON_Delete(merged);
		cJSON_Delete(warnings);
	}
}

/* --- Docker's rules for joining a body and an image --- */
static void test_merge(void)
{
	static const char image[] =
		"{\"config\":{\"Entrypoint\":[\"/e\"],\"Cmd\":[\"c\"],\"Env\":[\"A=i\",\"B=i\",\"=bad\"],"
		"\"WorkingDir\":\"/w/../v/\",\"User\":\"u\",\"Labels\":{\"a\":\"i\",\"b\":\"i\"}}}";
	static const struct {
		const char *body, *part, *want;
	} cases[] = {
		{ "{}", "Entrypoint", "[\"/e\"]" },
		{ "{}", "Cmd", "[\"c\"]" },
		{ "{\"cmd\":\"one text\"}", "Cmd", "[\"one text\"]" },
		{ "{\"Cmd\":[\"x\"]}", "Entrypoint", "[\"/e\"]" },
		{ "{\"Entrypoint\":[\"/f\"]}", "Cmd", "null" },
		{ "{\"Entrypoint\":\"/f\",\"Cmd\":[\"x\"]}", "Cmd", "[\"x\"]" },
		{ "{\"Entrypoint\":[\"\"],\"Cmd\":[\"x\"]}", "Entrypoint", "null" },
		{ "{\"Entrypoint\":[],\"Cmd\":null}", "Cmd", "[\"c\"]" },
		{ "{\"Entrypoint\":[],\"Cmd\":null}", "Entrypoint", "[]" },
		{ "{}", "Env", "[\"A=i\",\"B=i\"]" },
		{ "{\"Env\":[\"C=1\",\"A=2\"]}", "Env", "[\"C=1\",\"A=2\",\"B=i\"]" },
		{ "{\"Env\":[\"A\"]}", "Env", "[\"A\",\"B=i\"]" },
		{ "{\"Labels\":{\"a\":\"me\"}}", "Labels", "{\"a\":\"me\",\"b\":\"i\"}" },
		{ "{}", "WorkingDir", "\"/v\"" },
		{ "{\"WorkingDir\":\"/x//y/\"}", "WorkingDir", "\"/x/y\"" },
		{ "{\"User\":\"\"}", "User", "\"u\"" },
		{ "{\"User\":\"7\"}", "User", "\"7\"" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct err err = { 0 };
		cJSON *merged = merge_text(cases[i].body, image, NULL, &err);
		char *text = cJSON_PrintUnformatted(cJSON_GetObjectItem(json_get(merged, "Config"), cases[i].part));

		CU_ASSERT_PTR_NOT_NULL_FATAL(text);
		if (strcmp(text, cases[i].want))
			fprintf(stderr, "\n%s: %s, expected %s\n", cases[i].body, text, cases[i].want);
		CU_ASSERT_STRING_EQUAL(text, cases[i].want);
		cJSON_free(text);
		cJSON_Delete(merged);
	}
}

/* --- what only starting finds --- */
static void test_build_refused(void)
{
	static const struct {
		const char *body;
		uint32_t uid;
		uint64_t caps;
		int status;
		const char *message;
	} cases[] = {
		{ HOST("\"Binds\":[\"/a:/proc\"]"), 0, UINT64_MAX, 400,
		  "\"/proc\" cannot be mounted because it is inside /proc" },
		{ HOST("\"Binds\":[\"/a:/proc/1/fd\"]"), 0, UINT64_MAX, 400,
		  "\"/proc/1/fd\" cannot be mounted because it is inside /proc" },
		{ HOST("\"Tmpfs\":{\"/proc/cpuinfo\":\"\"}"), 0, UINT64_MAX, 400,
		  "\"/proc/cpuinfo\" cannot be mounted because it is inside /proc" },
		{ HOST("\"Binds\":[\"/a:/proc/cpuinfo\"]"), 0, UINT64_MAX, 0, "" },
		{ HOST("\"Binds\":[\"/a:/dev\"]"), 0, UINT64_MAX, 400,
		  "\"/dev\" cannot be mounted over: the container's devices are there" },
		{ HOST(""), 65536, UINT64_MAX, 400, "user 65536:0 is not mapped: a container has the ids 0 to 65535" },
		{ HOST("\"CapAdd\":[\"SYS_ADMIN\"]"), 0, 1, 403,
		  "capability CAP_SYS_ADMIN is not allowed by the policy of this engine" },
		{ HOST(""), 0, 1, 0, "" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct err err = { 0 };
		struct spec_mounts mounts = { 0 };
		cJSON *merged = merge_text(cases[i].body, "{}", NULL, &err), *spec;
		struct spec_input in = { .merged = merged,
					 .id = ID,
					 .name = "x",
					 .uid = cases[i].uid,
					 .mounts = &mounts,
					 .caps_allowed = cases[i].caps };

		CU_ASSERT_FATAL(merged && spec_mounts(merged, &mounts, &err) == 0);
		spec = spec_build(&in, &err);
		CU_ASSERT_EQUAL(spec == NULL, cases[i].status != 0);
		CU_ASSERT_EQUAL(err.status, cases[i].status);
		CU_ASSERT_STRING_EQUAL(err.message, cases[i].message);
		cJSON_Delete(spec);
		cJSON_Delete(merged);
		spec_mounts_finish(&mounts);
	}
}

static void test_caps(void)
{
	static const struct {
		const char *host;
		uint64_t want;
	} cases[] = {
		{ "", 0xa80425fb },
		{ "\"CapDrop\":[\"ALL\"]", 0 },
		{ "\"CapDrop\":[\"all\"],\"CapAdd\":[\"chown\"]", 1 },
		{ "\"CapAdd\":[\"ALL\"]", 0x1ffffffffff },
		{ "\"CapAdd\":[\"ALL\"],\"CapDrop\":[\"CAP_CHOWN\"]", 0x1fffffffffe },
		{ "\"CapAdd\":[\"NET_ADMIN\"],\"CapDrop\":[\"NET_RAW\"]", (0xa80425fb & ~(1u << 13)) | 1u << 12 },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		char body[256];
		uint64_t caps = 0;
		cJSON *merged;

		snprintf(body, sizeof(body), "{\"Cmd\":[\"x\"],\"HostConfig\":{%s}}", cases[i].host);
		merged = merge_text(body, "{}", NULL, NULL);
		CU_ASSERT_EQUAL(spec_caps(merged, UINT64_MAX, &caps, NULL), 0);
		CU_ASSERT_EQUAL(caps, cases[i].want);
		cJSON_Delete(merged);
	}
}

static void test_seccomp_choice(void)
{
	static const struct {
		const char *opt, *profile;
		bool unconfined;
	} cases[] = {
		{ "label=disable", NULL, false },     { "seccomp=unconfined", NULL, true },
		{ "seccomp:unconfined", NULL, true }, { "seccomp=builtin", NULL, false },
		{ "seccomp={}", "{}", false },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *profile = "";
		char body[256];
		cJSON *merged;

		snprintf(body, sizeof(body), "{\"Cmd\":[\"x\"],\"HostConfig\":{\"SecurityOpt\":[\"%s\"]}}",
			 cases[i].opt);
		merged = merge_text(body, "{}", NULL, NULL);
		CU_ASSERT_EQUAL(spec_seccomp_unconfined(merged, &profile), cases[i].unconfined);
		CU_ASSERT((!profile && !cases[i].profile) || !strcmp(profile, cases[i].profile));
		cJSON_Delete(merged);
	}
}

static void test_limits(void)
{
	static struct req_cgroup_create req;
	cJSON *merged = merge_text(
		"{\"Cmd\":[\"x\"],\"HostConfig\":{\"Memory\":67108864,\"NanoCpus\":500000000,\"PidsLimit\":-1,"
		"\"CpuShares\":1,\"CpusetCpus\":\"0-1\"}}",
		"{}", NULL, NULL);

	CU_ASSERT_EQUAL(spec_limits(merged, &req, NULL), 0);
	CU_ASSERT_EQUAL(req.memory_max, 67108864);
	CU_ASSERT_EQUAL(req.memory_swap_max, 2 * 67108864);
	CU_ASSERT_EQUAL(req.memory_low, UNSET);
	CU_ASSERT_EQUAL(req.pids_max, UNSET);
	CU_ASSERT_EQUAL(req.cpu_period_us, 100000);
	CU_ASSERT_EQUAL(req.cpu_quota_us, 50000);
	CU_ASSERT_EQUAL(req.cpu_shares, 2);
	CU_ASSERT_STRING_EQUAL(req.cpuset_cpus, "0-1");
	cJSON_Delete(merged);
}

static void test_texts(void)
{
	static const struct {
		const char *in, *out;
	} paths[] = {
		{ "/", "/" },	   { "//", "/" },      { "/a/", "/a" }, { "/a/./b//c/../d", "/a/b/d" },
		{ "/../..", "/" }, { "/..a", "/..a" },
	};
	char clean[SPEC_PATH_MAX], *deep = malloc(3 * SPEC_PATH_MAX);
	size_t i;

	for (i = 0; i < ARRAY_SIZE(paths); i++) {
		CU_ASSERT(path_clean(paths[i].in, clean));
		CU_ASSERT_STRING_EQUAL(clean, paths[i].out);
	}
	CU_ASSERT_FALSE(path_clean("a", clean));
	CU_ASSERT_FALSE(path_clean("/a\n", clean));
	memset(deep, 'x', 3 * SPEC_PATH_MAX);
	deep[0] = '/';
	deep[3 * SPEC_PATH_MAX - 1] = '\0';
	CU_ASSERT_FALSE(path_clean(deep, clean));
	deep[SPEC_PATH_MAX - 1] = '\0';
	CU_ASSERT(path_clean(deep, clean));
	for (i = 0; i < 3 * SPEC_PATH_MAX - 1; i += 2)
		memcpy(deep + i, "/x", 2);
	deep[3 * SPEC_PATH_MAX - 1] = '\0';
	CU_ASSERT_FALSE(path_clean(deep, clean));
	free(deep);
	CU_ASSERT_EQUAL(signal_parse("SIGTERM"), 15);
	CU_ASSERT_EQUAL(signal_parse("kill"), 9);
	CU_ASSERT_EQUAL(signal_parse("64"), 64);
	CU_ASSERT_EQUAL(signal_parse("65"), -1);
	CU_ASSERT_EQUAL(signal_parse("0"), -1);
	CU_ASSERT_EQUAL(signal_parse("SIGRTMIN+3"), 37);
	CU_ASSERT_EQUAL(reference_check("host:5000/a/b:tag", NULL), 0);
	CU_ASSERT_EQUAL(
		reference_check("busybox@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
				NULL),
		0);
	CU_ASSERT_EQUAL(
		reference_check("sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL), 0);
	CU_ASSERT_EQUAL(reference_check("", NULL), -1);
	CU_ASSERT_EQUAL(reference_check("-a", NULL), -1);
	CU_ASSERT_EQUAL(reference_check("a//b", NULL), -1);
	CU_ASSERT_EQUAL(cpulist_check("0,2-3", 4), 0);
	CU_ASSERT_EQUAL(cpulist_check("0,2-3", 3), -ERANGE);
	CU_ASSERT_EQUAL(cpulist_check("3-2", 9), -EINVAL);
	CU_ASSERT_EQUAL(cpulist_check("0,", 9), -EINVAL);
}

/* Too much of anything is refused, not worked on. */
static void test_bounds(void)
{
	cJSON *body = parse("{\"Cmd\":[\"x\"],\"HostConfig\":{\"Binds\":[]}}"), *env = cJSON_CreateArray(), *merged;
	cJSON *binds = cJSON_GetObjectItem(cJSON_GetObjectItem(body, "HostConfig"), "Binds");
	struct err err = { 0 };
	char text[64];
	size_t i;

	for (i = 0; i <= BINDS_MAX; i++) {
		snprintf(text, sizeof(text), "/a:/b/%zu", i);
		cJSON_AddItemToArray(binds, cJSON_CreateString(text));
	}
	CU_ASSERT_PTR_NULL(spec_merge(body, NULL, NULL, &err));
	CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "too many mounts"));
	cJSON_DeleteItemFromArray(binds, 0);
	err = (struct err){ 0 };
	merged = spec_merge(body, NULL, NULL, &err);
	CU_ASSERT_PTR_NOT_NULL(merged);
	cJSON_Delete(merged);
	for (i = 0; i <= SPEC_ELEMENTS_MAX; i++)
		cJSON_AddItemToArray(env, cJSON_CreateString("A=1"));
	cJSON_AddItemToObject(body, "Env", env);
	CU_ASSERT_PTR_NULL(spec_merge(body, NULL, NULL, &err));
	CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "more than 8192 elements"));
	cJSON_Delete(body);
}

int main(void)
{
	unsigned failures;
	CU_pSuite s;

	if (CU_initialize_registry() != CUE_SUCCESS)
		return 1;
	spec_cpus_override = 2;
	s = CU_add_suite("spec", NULL, NULL);
	CU_ADD_TEST(s, test_golden);
	CU_ADD_TEST(s, test_schema);
	CU_ADD_TEST(s, test_refused);
	CU_ADD_TEST(s, test_warned);
	CU_ADD_TEST(s, test_offered);
	CU_ADD_TEST(s, test_platform);
	CU_ADD_TEST(s, test_merge);
	CU_ADD_TEST(s, test_build_refused);
	CU_ADD_TEST(s, test_caps);
	CU_ADD_TEST(s, test_seccomp_choice);
	CU_ADD_TEST(s, test_limits);
	CU_ADD_TEST(s, test_texts);
	CU_ADD_TEST(s, test_bounds);
	CU_basic_run_tests();
	failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures ? 1 : 0;
}
