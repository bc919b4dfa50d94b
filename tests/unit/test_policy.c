/* test_policy.c - the policy compiler: the default is valid and says what it should; every slip is an error that names its place.
 * And the launcher's check of what comes from it: nothing that it acts on as root is believed. */
#include "../../helpers/policy/binds.c"
#include "../../helpers/policy/compile.c"
#include "../../helpers/policy/ids.c"
#include "../../helpers/policy/narrow.c"
#include "../../helpers/policy/networks.c"
#include "../../helpers/policy/read.c"
#include "../../helpers/launcher/policy.c"

#include <CUnit/Basic.h>
#include <linux/capability.h>
#include <sys/stat.h>

static char dir[64] = "/tmp/test_policy.XXXXXX";
static char file[96];
static struct policy policy;
static char error[512];

static void write_file(const char *name, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	CU_ASSERT_FATAL(f != NULL);
	fputs(text, f);
	fclose(f);
	chmod(path, 0644);
}

static void write_etc(const char *passwd, const char *group, const char *subuid, const char *subgid)
{
	write_file("passwd", passwd);
	write_file("group", group);
	write_file("subuid", subuid);
	write_file("subgid", subgid);
}

/* Not run here: tests/integration runs the compiler as the launcher's child. */
int child_start(struct launcher *l, struct child *c)
{
	return -ENOSYS;
}

/* With the facts given, or the defaults. */
static int load(const struct policy *facts)
{
	static const char *const names[POLICY_ETC_COUNT] = { "passwd", "group", "subuid", "subgid" };
	static const struct policy none = { .controller.ids_base = IDS_DEFAULT_BASE };
	struct policy_input input = { .name = "policy.json", .file = open(file, O_RDONLY | O_CLOEXEC), .owner = geteuid() };
	char path[128];
	int r;

	policy = facts ? *facts : none;
	*error = '\0';
	for (int i = 0; i < POLICY_ETC_COUNT; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		input.etc[i] = open(path, O_RDONLY | O_CLOEXEC);
		if (input.etc[i] < 0)
			input.etc[i] = -errno;
	}
	r = policy_compile(&input, &policy, error, sizeof(error));
	close_fd(input.file);
	for (int i = 0; i < POLICY_ETC_COUNT; i++)
		close_fd(input.etc[i]);
	return r;
}

static cJSON *default_policy(void)
{
	static char text[POLICY_FILE_MAX];
	FILE *f = fopen("policy/default.json", "r");
	cJSON *v;
	size_t n;

	CU_ASSERT_FATAL(f != NULL);
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	fclose(f);
	v = cJSON_Parse(text);
	CU_ASSERT_FATAL(v != NULL);
	return v;
}

static void write_policy(const cJSON *v)
{
	char *text = cJSON_Print(v);

	write_file("policy.json", text);
	free(text);
}

/* The default with one member of it replaced (value as JSON; NULL removes it) must fail with `expected` in the message. */
static void expect(const char *section, int index, const char *key, const char *value, const char *expected)
{
	cJSON *v = default_policy(), *at = v;

	if (section)
		at = cJSON_GetObjectItemCaseSensitive(v, section);
	if (index >= 0)
		at = cJSON_GetArrayItem(at, index);
	CU_ASSERT_FATAL(at != NULL);
	cJSON_DeleteItemFromObjectCaseSensitive(at, key);
	if (value) {
		cJSON *new = cJSON_Parse(value);

		CU_ASSERT_FATAL(new != NULL);
		cJSON_AddItemToObject(at, key, new);
	}
	write_policy(v);
	cJSON_Delete(v);
	CU_ASSERT_EQUAL(load(NULL), -EINVAL);
	if (!strstr(error, expected)) {
		printf("\n  got \"%s\", expected \"%s\"\n", error, expected);
		CU_FAIL("message");
	}
}

static void reset(void)
{
	cJSON *v = default_policy();

	write_policy(v);
	cJSON_Delete(v);
	write_etc("root:x:0:0::/:/bin/sh\nbob:x:1001:1001::/home/bob:/bin/sh\n", "root:x:0:\npostern:x:990:bob\nbob:x:1001:\n",
		  "bob:100000:65536\n", "bob:100000:65536\n");
}

static void test_default(void)
{
	const struct policy_common *common;
	size_t size;
	struct peer bob = { .uid = 1001, .gid = 1001, .ngroups = 1, .groups = { 990 } }, eve = { .uid = 1002, .gid = 1002 };
	const char *rule;

	reset();
	CU_ASSERT_EQUAL_FATAL(load(NULL), 0);
	CU_ASSERT_EQUAL(policy.controller.range_first, 524288);
	CU_ASSERT_EQUAL(policy.controller.range_last, 1879048191);
	CU_ASSERT_EQUAL(policy_rights(&policy.mount.common, &bob, &rule), RIGHTS_EXEC);
	CU_ASSERT_STRING_EQUAL(rule, "group-postern");
	CU_ASSERT_EQUAL(policy_rights(&policy.mount.common, &eve, NULL), RIGHTS_NONE);
	CU_ASSERT_EQUAL(policy.lookup.npaths, 7);
	CU_ASSERT_STRING_EQUAL(policy.lookup.paths[6].path, "/tmp"); /* the longest first */
	CU_ASSERT(policy.spawn.caps & UINT64_C(1) << CAP_NET_ADMIN);
	CU_ASSERT(!(policy.spawn.caps & UINT64_C(1) << CAP_SYS_MODULE));
	CU_ASSERT_EQUAL(policy.audit.max_bytes, UINT64_C(1) << 30);
	CU_ASSERT_EQUAL(policy.audit.reserve_bytes, 4 << 20);
	CU_ASSERT_EQUAL(policy.cgroup.memory_max, UINT64_MAX);
	CU_ASSERT_EQUAL(policy.device.ndevices, 2);
	for (unsigned i = 0; i < HELPER_COUNT; i++) {
		common = policy_part(&policy, i, &size);
		if (!common)
			continue;
		CU_ASSERT_EQUAL(common->magic, POLICY_MAGIC);
		CU_ASSERT_EQUAL(common->size, size);
		CU_ASSERT_EQUAL(common->nusers, 2);
	}
	CU_ASSERT_PTR_NULL(policy_part(&policy, HELPER_MONITOR, &size));
}

static void test_facts(void)
{
	static struct policy e;

	e = (struct policy){ .controller = { .ids_base = 70000, .sockets = { "/run/x.sock" }, .build = "abc", .range_first = 1048576,
					     .range_last = 1048576 + 2 * RANGE_STRIDE - 2 },
			     .lookup = { .ndenied = 1, .denied = { "/srv/engine" } } };
	reset();
	CU_ASSERT_EQUAL_FATAL(load(&e), 0);
	CU_ASSERT_EQUAL(policy.spawn.common.ids_base, 70000);
	CU_ASSERT_STRING_EQUAL(policy.lookup.common.sockets[SOCKET_MAIN], "/run/x.sock");
	CU_ASSERT_EQUAL(policy.lookup.ndenied, 1);
	CU_ASSERT_EQUAL(policy.idmap.max_ranges, 2);
	CU_ASSERT_EQUAL(policy.idmap.common.range_first, 1048576);
	strcpy(e.lookup.denied[0], "/srv"); /* a rule may not lie in the engine's own directories */
	CU_ASSERT_EQUAL(load(&e), -EINVAL);
	CU_ASSERT(strstr(error, "binds[1]") != NULL);
	strcpy(e.lookup.denied[0], "/srv/engine");
	e.controller.ids_base = 100000 - IDS_PER_ENGINE + 1;
	CU_ASSERT_EQUAL(load(&e), -EINVAL);
	CU_ASSERT(strstr(error, "engine's own ids") != NULL && strstr(error, "bob") != NULL);
	e.controller.ids_base = 1048576 + 100; /* among the container ids */
	CU_ASSERT_EQUAL(load(&e), -EINVAL);
	CU_ASSERT(strstr(error, "meet the container ids") != NULL);
}

static void test_ranges(void)
{
	reset();
	write_file("subuid", "bob:100000:65536\neve:600000:65536\n");
	CU_ASSERT_EQUAL_FATAL(load(NULL), 0); /* auto: behind eve's, at a whole multiple */
	CU_ASSERT_EQUAL(policy.controller.range_first, 11 * MAP_SIZE);
	write_file("passwd", "root:x:0:0::/:/bin/sh\nldap:x:1200000000:1::/:/bin/sh\n");
	CU_ASSERT_EQUAL_FATAL(load(NULL), 0); /* the larger part: below ldap's */
	CU_ASSERT(policy.controller.range_last < 1200000000);
	write_file("subgid", "all:65536:2000000000\n");
	CU_ASSERT_EQUAL(load(NULL), -EINVAL);
	CU_ASSERT(strstr(error, "no 65536 ids in a row are free") != NULL);
}

static void test_range_errors(void)
{
	reset();
	write_file("subuid", "eve:600000:65536\n");
	expect("ids", -1, "range_first", "524288", "eve in");
	reset();
	write_file("subgid", "eve:2147352576:10\n");
	expect("ids", -1, "max_ranges", "1", "where files of images belong");
	reset();
	expect("ids", -1, "range_first", "1000", "ids.range_first");
	expect("ids", -1, "range_last", "600000000000", "ids.range_last");
	expect("ids", -1, "range_last", "524289", "must lie within");
	expect("ids", -1, "owner_uid_first", "0", "ids.owner_uid_first: is 0; must be 1000");
	expect("ids", -1, "owner_gid_first", "999", "ids.owner_gid_first");
	reset();
	write_file("subuid", "all:1000:2000000000\n");
	write_file("subgid", "");
	CU_ASSERT_EQUAL(load(NULL), -EINVAL);
}

static void test_strict(void)
{
	reset();
	expect(NULL, -1, "bindz", "[]", "no section \"bindz\"");
	expect(NULL, -1, "audit", NULL, "\"audit\" is missing");
	expect(NULL, -1, "users", "{}", "users: must be a list");
	expect("binds", 1, "wrtable", "true", "binds[1]: there is no \"wrtable\"");
	expect("binds", 1, "writable", "1", "binds[1].writable: must be true or false");
	expect("binds", 1, "why", NULL, "\"why\" is missing");
	expect("binds", 1, "why", "\"\"", "binds[1].why");
	expect("binds", 1, "name", "\"a b\"", "binds[1].name");
	expect("binds", 1, "name", "\"home\"", "names another rule");
	expect("devices", 0, "name", "\"home\"", "names another rule");
	expect("audit", -1, "max_bytes", "1.5", "audit.max_bytes: must be a whole number");
	expect("audit", -1, "max_bytes", "\"1 GB\"", "audit.max_bytes");
	expect("audit", -1, "max_bytes", "\"99999999999 TiB\"", "audit.max_bytes");
	expect("audit", -1, "reserve_bytes", "\"512 MiB\"", "audit.reserve_bytes");
	expect("audit", -1, "anchor_records", "\"auto\"", "audit.anchor_records");
	expect("networks", -1, "bridge_prefix", "\"no-\"", "small letters and digits");
	expect("networks", -1, "bridge_prefix", "\"muchtoolong\"", "networks.bridge_prefix: has 11 bytes");
	expect("subnets", 0, "subnet", "\"172.16.0.0\"", "is no subnet");
	expect("subnets", 0, "subnet", "\"172.16.1.0/12\"", "bits set behind");
	expect("subnets", 0, "subnet", "\"10.0.0.0/8\"", "same subnet");
	expect("ports", 0, "protocol", "\"icmp\"", "\"protocol\" must be");
	expect("ports", 0, "first", "65535000", "ports[0].first");
	expect("ports", 2, "last", "79", "below \"first\"");
	expect("ports", 0, "address", "\"::/129\"", "is no subnet");
	expect("containers", -1, "pids_default", "100000", "above pids_max");
	expect("containers", -1, "max", "100000", "containers.max: is 100000");
	expect("security", -1, "seccomp_custom", "\"yes\"", "security.seccomp_custom");
}

static void test_paths(void)
{
	reset();
	expect("binds", 0, "path", "\"/home/\"", "not canonical");
	expect("binds", 0, "path", "\"/home/../etc\"", "not canonical");
	expect("binds", 0, "path", "\"home\"", "not canonical");
	expect("binds", 0, "path", "\"/\"", "belongs to the system");
	expect("binds", 0, "path", "\"/proc/1\"", "belongs to the system");
	expect("binds", 0, "path", "\"/sys/fs/cgroup\"", "belongs to the system");
	expect("binds", 0, "path", "\"/etc\"", "belongs to the system");
	expect("binds", 0, "path", "\"/etc/ssl\"", "\"writable\": false");
	expect("binds", 0, "path", "\"/srv\"", "rule \"home\" is for the same path");
	expect("devices", 0, "path", "\"/tmp/fuse\"", "below /dev");
	expect("devices", 0, "type", "\"file\"", "\"char\" or \"block\"");
	expect("devices", 0, "access", "\"rr\"", "each once");
	expect("devices", 0, "access", "\"x\"", "letters of");
}

static void test_users(void)
{
	reset();
	expect("users", 0, "gid", "5", "just one of");
	expect("users", 0, "uid", NULL, "just one of");
	expect("users", 0, "rights", "\"root\"", "rights must be");
	expect("users", 0, "rights", "\"none\"", "rights must be");
	expect("users", 1, "gid", "990", "just one of");
}

static void test_names(void)
{
	reset();
	expect("users", 1, "optional", "\"no\"", "users[1].optional");
	write_file("group", "root:x:0:\n");
	reset();
	write_file("group", "root:x:0:\n");
	CU_ASSERT_EQUAL(load(NULL), 0); /* optional: left out */
	CU_ASSERT_EQUAL(policy.controller.nusers, 1);
	expect("users", 1, "optional", "false", "no group \"postern\"");
}

static void test_caps(void)
{
	reset();
	expect("capabilities", 0, "caps", "[\"NET_ADMIN\"]", "NET_ADMIN is there twice");
	expect("capabilities", 0, "caps", "[\"CAP_KILL\"]", "is no capability");
	expect("capabilities", 0, "caps", "[\"ROOT\"]", "is no capability");
	expect("capabilities", 0, "caps", "[7]", "is no capability");
}

static void test_text(void)
{
	static const struct {
		const char *text, *expected;
	} cases[] = {
		{ "", "not valid JSON" }, { "[]", "must be an object" }, { "{} {}", "not valid JSON" },
		{ "{\n\"users\": [],\n\"users\": []}", "users: is there twice" }, { "{\n\n\"users\": [,]}", "near line 3" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		write_file("policy.json", cases[i].text);
		CU_ASSERT_EQUAL(load(NULL), -EINVAL);
		if (!strstr(error, cases[i].expected))
			printf("\n  %zu: %s\n", i, error);
		CU_ASSERT(strstr(error, cases[i].expected) != NULL);
	}
	reset();
	chmod(file, 0666);
	CU_ASSERT_EQUAL(load(NULL), -EINVAL);
	CU_ASSERT(strstr(error, "written by others") != NULL);
	unlink(file);
	CU_ASSERT_EQUAL(mkdir(file, 0755), 0);
	CU_ASSERT_EQUAL(load(NULL), -EINVAL);
	rmdir(file);
}

/* --- the launcher's check --- */
static struct policy broken;

static void break_user_rule(void) { memset(broken.controller.users[1].rule, 'x', RULE_MAX); }
static void break_user_rights(void) { broken.controller.users[0].rights = RIGHTS_ADMIN + 1; }
static void break_user_count(void) { broken.controller.nusers = POLICY_USERS_MAX + 1; }
static void break_path_count(void) { broken.lookup.npaths = UINT32_MAX; }
static void break_path_end(void) { memset(broken.lookup.paths[0].path, '/', sizeof(broken.lookup.paths[0].path)); }
static void break_path_up(void) { strcpy(broken.lookup.paths[3].path, "/srv/../etc"); }
static void break_path_root(void) { strcpy(broken.lookup.paths[3].path, "/"); }
static void break_path_own(void) { strcpy(broken.lookup.paths[3].path, "/var/lib/engine/store"); }
static void break_device_path(void) { strcpy(broken.controller.devices[1].path, "dev/fuse"); }
static void break_device_count(void) { broken.controller.ndevices = POLICY_DEVICES_MAX + 1; }
static void break_device_rule(void) { memset(broken.controller.devices[0].rule, 'x', RULE_MAX); }
static void break_range_low(void) { broken.controller.range_first = MAP_SIZE - 1; }
static void break_range_foreign(void) { broken.controller.range_last = FOREIGN_FIRST; }
static void break_range_small(void) { broken.controller.range_last = broken.controller.range_first + MAP_SIZE - 2; }
static void break_range_back(void) { broken.controller.range_last = broken.controller.range_first - 1; }
static void break_ids_in_range(void) { broken.controller.range_first = 70000 + IDS_PER_ENGINE - 1; }
static void break_owner_uid(void) { broken.mount.owner_uid_first = 0; }
static void break_owner_gid(void) { broken.idmap.owner_gid_first = 999; }

static void test_launcher(void)
{
	static void (*const breaks[])(void) = {
		break_user_rule, break_user_rights, break_user_count, break_path_count, break_path_end, break_path_up,
		break_path_root, break_path_own, break_device_path, break_device_count, break_device_rule, break_range_low,
		break_range_foreign, break_range_small, break_range_back, break_ids_in_range, break_owner_uid, break_owner_gid,
	};
	static struct launcher l = { .config = { .data = "/var/lib/engine", .run = "/run/engine", .ids_base = 70000 } };
	static struct policy facts;

	reset();
	CU_ASSERT_EQUAL_FATAL(put_facts(&l, &facts), 0);
	CU_ASSERT_EQUAL_FATAL(load(&facts), 0);
	CU_ASSERT_STRING_EQUAL(policy.mount.common.sockets[SOCKET_MAIN], "/run/engine/postern.sock");
	CU_ASSERT_PTR_NULL(policy_flaw(&policy));
	for (size_t i = 0; i < ARRAY_SIZE(breaks); i++) {
		broken = policy;
		breaks[i]();
		if (!policy_flaw(&broken))
			printf("\n  break %zu is not seen\n", i);
		CU_ASSERT_PTR_NOT_NULL(policy_flaw(&broken));
	}
	/* The facts are the launcher's, whatever came back. */
	broken = policy;
	broken.controller.ids_base = 0;
	broken.lookup.ndenied = 0;
	strcpy(broken.controller.sockets[SOCKET_READ], "/tmp/other");
	CU_ASSERT_EQUAL(put_facts(&l, &broken), 0);
	policy_spread_common(&broken);
	CU_ASSERT_EQUAL(memcmp(&broken, &policy, sizeof(policy)), 0);
	memset(l.config.run, 'r', 120);
	CU_ASSERT_EQUAL(put_facts(&l, &facts), -ENAMETOOLONG);
}

int main(void)
{
	static const char *const files[] = { "passwd", "group", "subuid", "subgid", "policy.json" };
	CU_pSuite s;
	unsigned failed;
	char path[128];

	if (!mkdtemp(dir))
		return 1;
	snprintf(file, sizeof(file), "%s/policy.json", dir);
	CU_initialize_registry();
	s = CU_add_suite("policy", NULL, NULL);
	CU_add_test(s, "the default", test_default);
	CU_add_test(s, "what the engine adds", test_facts);
	CU_add_test(s, "container ids", test_ranges);
	CU_add_test(s, "container ids that meet others", test_range_errors);
	CU_add_test(s, "strictness", test_strict);
	CU_add_test(s, "paths", test_paths);
	CU_add_test(s, "users", test_users);
	CU_add_test(s, "names that are not there", test_names);
	CU_add_test(s, "capabilities", test_caps);
	CU_add_test(s, "the file itself", test_text);
	CU_add_test(s, "what the launcher checks", test_launcher);
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	failed = CU_get_number_of_failures();
	CU_cleanup_registry();
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
		unlink(path);
	}
	rmdir(dir);
	return failed != 0;
}
