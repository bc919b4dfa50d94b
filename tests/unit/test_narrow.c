/* test_narrow.c - two policies at once: what comes out allows just what both allow, for every kind of rule; nothing of
 * either file widens the other; and "~". */
#include "../../helpers/policy/binds.c"
#include "../../helpers/policy/compile.c"
#include "../../helpers/policy/ids.c"
#include "../../helpers/policy/narrow.c"
#include "../../helpers/policy/networks.c"
#include "../../helpers/policy/read.c"

#include <CUnit/Basic.h>
#include <arpa/inet.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/mman.h>

static struct policy policy;
static char error[512];
static const char *home = "/home/bob";

/* The user's policy with one section replaced; NULL: as it is. */
static int file_of(const char *section, const char *json)
{
	static char text[POLICY_FILE_MAX];
	FILE *f = fopen("policy/user.json", "r");
	int fd = memfd_create("policy", MFD_CLOEXEC);
	char *printed;
	cJSON *v, *new;
	size_t n;

	CU_ASSERT_FATAL(f != NULL && fd >= 0);
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	fclose(f);
	v = cJSON_Parse(text);
	CU_ASSERT_FATAL(v != NULL);
	if (section) {
		new = cJSON_Parse(json);
		CU_ASSERT_FATAL(new != NULL);
		/* A list as a whole, or members of an object. */
		if (cJSON_IsArray(new))
			cJSON_ReplaceItemInObjectCaseSensitive(v, section, new);
		else
			for (const cJSON *m = new->child; m; m = m->next)
				cJSON_ReplaceItemInObjectCaseSensitive(cJSON_GetObjectItemCaseSensitive(v, section),
								       m->string, cJSON_Duplicate(m, true));
		if (!cJSON_IsArray(new))
			cJSON_Delete(new);
	}
	printed = cJSON_Print(v);
	CU_ASSERT(write(fd, printed, strlen(printed)) == (ssize_t)strlen(printed));
	fchmod(fd, 0644);
	lseek(fd, 0, SEEK_SET);
	free(printed);
	cJSON_Delete(v);
	return fd;
}

/* A user's engine: own narrowed by root's. */
static int both(const char *section, const char *own, const char *roots)
{
	static const struct policy facts = {
		.controller = { .ids_base = MAP_SIZE,
				.ids_shared = 1,
				.range_first = 16 * MAP_SIZE,
				.range_last = 17 * MAP_SIZE - 1 },
		.lookup = { .ndenied = 1, .denied = { "/home/bob/.local/share/postern" } },
	};
	struct policy_input input = {
		.name = "policy.json", .file = file_of(own ? section : NULL, own), .owner = geteuid(), .home = home
	};
	struct policy_input narrower = { .name = "/etc/postern/user.json",
					 .file = file_of(section, roots),
					 .home = home,
					 .root = geteuid(),
					 .owner = geteuid() };
	int r;

	for (int i = 0; i < POLICY_ETC_COUNT; i++)
		input.etc[i] = narrower.etc[i] = -ENOENT;
	input.narrower = &narrower;
	policy = facts;
	*error = '\0';
	r = policy_compile(&input, &policy, error, sizeof(error));
	close_fd(input.file);
	close_fd(narrower.file);
	if (r < 0 && section && !*error)
		CU_FAIL("no reason");
	return r;
}

/* The same either way around: narrowing has no order but in names. */
static void each_way(const char *section, const char *a, const char *b, void (*check)(void))
{
	CU_ASSERT_EQUAL(both(section, a, b), 0);
	check();
	CU_ASSERT_EQUAL(both(section, b, a), 0);
	check();
}

static void test_same(void)
{
	static struct policy once;

	CU_ASSERT_EQUAL_FATAL(both(NULL, NULL, NULL), 0);
	once = policy;
	CU_ASSERT_EQUAL(once.lookup.npaths, 12); /* a home below /home is a rule of its own */
	CU_ASSERT_EQUAL(both("users", NULL, "[{\"name\":\"any\",\"any\":true,\"rights\":\"admin\",\"why\":\"-\"}]"), 0);
	CU_ASSERT_EQUAL(policy.controller.nusers, 1);
	CU_ASSERT_EQUAL(memcmp(policy.lookup.paths, once.lookup.paths, sizeof(once.lookup.paths)), 0);
	CU_ASSERT_EQUAL(memcmp(policy.firewall.ports, once.firewall.ports, sizeof(once.firewall.ports)), 0);
	CU_ASSERT_EQUAL(policy.spawn.caps, once.spawn.caps);
}

static uint32_t rights_of(uint32_t uid, uint32_t gid)
{
	struct peer client = { .uid = uid, .gid = gid };

	return policy_rights(&policy.controller, &client, NULL);
}

static void check_users(void)
{
	CU_ASSERT_EQUAL(rights_of(0, 9), RIGHTS_RUN);
	CU_ASSERT_EQUAL(rights_of(1, 9), RIGHTS_READ);
	CU_ASSERT_EQUAL(rights_of(2, 9), RIGHTS_READ);
	CU_ASSERT_EQUAL(rights_of(3, 5), RIGHTS_READ);
	CU_ASSERT_EQUAL(rights_of(3, 9), RIGHTS_READ);
}

static void check_users_apart(void)
{
	CU_ASSERT_EQUAL(rights_of(0, 5), 0);
	CU_ASSERT_EQUAL(rights_of(1, 6), 0);
	CU_ASSERT_EQUAL(policy.controller.nusers, 0);
}

static void test_users(void)
{
	each_way("users",
		 "[{\"name\":\"a\",\"uid\":0,\"rights\":\"admin\",\"why\":\"-\"},{\"name\":\"b\",\"gid\":5,\"rights\":"
		 "\"exec\",\"why\":\"-\"},"
		 "{\"name\":\"c\",\"any\":true,\"rights\":\"read\",\"why\":\"-\"}]",
		 "[{\"name\":\"x\",\"uid\":0,\"rights\":\"run\",\"why\":\"-\"},{\"name\":\"y\",\"uid\":1,\"rights\":"
		 "\"admin\",\"why\":\"-\"},"
		 "{\"name\":\"z\",\"any\":true,\"rights\":\"read\",\"why\":\"-\"}]",
		 check_users);
	/* Nobody is in both; and who would be in both is not said by one rule: no right rather than too much. */
	each_way("users",
		 "[{\"name\":\"a\",\"uid\":0,\"rights\":\"admin\",\"why\":\"-\"},{\"name\":\"b\",\"gid\":6,\"rights\":"
		 "\"admin\",\"why\":\"-\"}]",
		 "[{\"name\":\"x\",\"gid\":5,\"rights\":\"admin\",\"why\":\"-\"},{\"name\":\"y\",\"uid\":1,\"rights\":"
		 "\"admin\",\"why\":\"-\"}]",
		 check_users_apart);
	CU_ASSERT_EQUAL(both("users", NULL, "[{\"name\":\"a\",\"user\":\"bob\",\"rights\":\"admin\",\"why\":\"-\"}]"),
			-EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(error, "/etc/postern/user.json: users[0]: an engine of a user's knows no names"));
	CU_ASSERT_EQUAL(
		both("users", NULL,
		     "[{\"name\":\"a\",\"user\":\"bob\",\"optional\":true,\"rights\":\"admin\",\"why\":\"-\"}]"),
		0);
	CU_ASSERT_EQUAL(policy.controller.nusers, 0);
}

/* What is allowed at a path: "-" nothing, else letters w(ritable) s(uid) m(ounts) o(wners). */
static const char *at(const char *path)
{
	static char text[8];
	const struct policy_path *p = closest(&policy.lookup, path);

	snprintf(text, sizeof(text), "%s%s%s%s%s", p ? "+" : "-", p && p->writable ? "w" : "", p && p->suid ? "s" : "",
		 p && p->submounts ? "m" : "", p && p->any_owner ? "o" : "");
	return text;
}

static void check_binds(void)
{
	CU_ASSERT_STRING_EQUAL(at("/home"), "+");
	CU_ASSERT_STRING_EQUAL(at("/home/bob"), "+w");
	CU_ASSERT_STRING_EQUAL(at("/home/bob/a"), "+w");
	CU_ASSERT_STRING_EQUAL(at("/home/bob/ro/x"), "+");
	CU_ASSERT_STRING_EQUAL(at("/home/bobby"), "+");
	CU_ASSERT_STRING_EQUAL(at("/srv"), "-");
	CU_ASSERT_STRING_EQUAL(at("/srv/a"), "-");
	CU_ASSERT_STRING_EQUAL(at("/srv/a/b"), "+wm");
	CU_ASSERT_STRING_EQUAL(at("/srv/c"), "-");
	CU_ASSERT_STRING_EQUAL(at("/mnt"), "-");
	CU_ASSERT_STRING_EQUAL(at("/opt"), "-");
	CU_ASSERT_STRING_EQUAL(at("/tmp"), "+so");
}

static void test_binds(void)
{
#define BIND(name, path, rest) "{\"name\":\"" name "\",\"why\":\"-\",\"path\":\"" path "\"," rest "}"
	each_way(
		"binds",
		"[" BIND("a", "/home", "\"writable\":true") "," BIND("b", "/home/bob/ro", "\"writable\":false") "," BIND(
			"c", "/srv/a",
			"\"writable\":true,\"submounts\":true") "," BIND("d", "/mnt",
									 "\"writable\":true") "," BIND("e", "/tmp",
												       "\"writable\":"
												       "false,\"suid\":"
												       "true,\"any_"
												       "owner\":true") "]",
		"[" BIND("k", "/home", "\"writable\":false") "," BIND("l", "~", "\"writable\":true,\"submounts\":true") "," BIND(
			"m", "/srv/a/b",
			"\"writable\":true,\"submounts\":true") "," BIND("n", "/srv/c",
									 "\"writable\":true") "," BIND("o", "/opt",
												       "\"writable\":"
												       "true") "," BIND("p",
															"/tmp",
															"\"writable\":true,\"suid\":true,\"any_owner\":true") "]",
		check_binds);
	CU_ASSERT_EQUAL(both("binds", NULL, "[]"), 0);
	CU_ASSERT_EQUAL(policy.lookup.npaths, 0);
	/* Root's rule is named where it is for the path, the user's where it is closer. */
	CU_ASSERT_EQUAL(
		both("binds",
		     "[" BIND("own", "/srv", "\"writable\":true") "," BIND("deep", "/srv/x", "\"writable\":true") "]",
		     "[" BIND("roots", "/srv", "\"writable\":true") "]"),
		0);
	CU_ASSERT_STRING_EQUAL(closest(&policy.lookup, "/srv")->rule, "roots");
	CU_ASSERT_STRING_EQUAL(closest(&policy.lookup, "/srv/x")->rule, "deep");
	CU_ASSERT_EQUAL(policy.lookup.npaths, 2);
}

static void test_home(void)
{
	const char *rules =
		"[" BIND("own", "~", "\"writable\":true") "," BIND("deep", "~/work", "\"writable\":false") "]";

	CU_ASSERT_EQUAL(both("binds", rules, rules), 0);
	CU_ASSERT_STRING_EQUAL(at("/home/bob/x"), "+w");
	CU_ASSERT_STRING_EQUAL(at("/home/bob/work/x"), "+");
	CU_ASSERT_STRING_EQUAL(at("/home/eve"), "-");
	/* What cannot be bound is not, and that is no error: it is how that user's home is. */
	home = "/";
	CU_ASSERT_EQUAL(both("binds", rules, rules), 0);
	CU_ASSERT_STRING_EQUAL(at("/"), "-");
	CU_ASSERT_STRING_EQUAL(at("/work"), "-");
	home = "/usr/local/bob";
	CU_ASSERT_EQUAL(both("binds", rules, rules), 0);
	CU_ASSERT_STRING_EQUAL(at("/usr/local/bob"), "-");
	CU_ASSERT_STRING_EQUAL(at("/usr/local/bob/work"), "+"); /* asked read-only, which is allowed there */
	home = NULL;
	CU_ASSERT_EQUAL(both("binds", rules, rules), 0);
	CU_ASSERT_EQUAL(policy.lookup.npaths, 0);
	/* Where another rule is already. */
	home = "/srv/bob";
	CU_ASSERT_EQUAL(
		both("binds", NULL,
		     "[" BIND("home", "~", "\"writable\":true") "," BIND("same", "/srv/bob", "\"writable\":false") "]"),
		0);
	CU_ASSERT_STRING_EQUAL(at("/srv/bob"), "+w");
	home = "/home/bob";
	CU_ASSERT_EQUAL(both("binds", NULL,
			     "[" BIND("a", "/srv/bob", "\"writable\":true") "," BIND("b", "/srv/bob",
										     "\"writable\":false") "]"),
			-EINVAL);
	CU_ASSERT_EQUAL(both("binds", NULL, "[" BIND("a", "~bob", "\"writable\":true") "]"), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(error, "\"~bob\" is not canonical"));
	CU_ASSERT_EQUAL(both("binds", NULL, "[" BIND("a", "~/../eve", "\"writable\":true") "]"), -EINVAL);
	CU_ASSERT_EQUAL(both("binds", NULL, "[" BIND("a", "~/", "\"writable\":true") "]"), -EINVAL);
	/* Our own state, also below a home. */
	CU_ASSERT_EQUAL(both("binds", NULL, "[" BIND("a", "~/.local/share/postern/store", "\"writable\":true") "]"), 0);
	CU_ASSERT_STRING_EQUAL(at("/home/bob/.local/share/postern/store"), "-");
}

static void check_devices(void)
{
	CU_ASSERT_EQUAL(policy.controller.ndevices, 1);
	CU_ASSERT_STRING_EQUAL(policy.lookup.common.devices[0].path, "/dev/a");
	CU_ASSERT_EQUAL(policy.lookup.common.devices[0].access, DEVICE_READ);
	CU_ASSERT_EQUAL(policy.device.ndevices, 1);
}

static void test_devices(void)
{
#define DEVICE(name, path, type, major, minor, access)                                                                 \
	"{\"name\":\"" name "\",\"why\":\"-\",\"path\":\"" path "\",\"type\":\"" type "\",\"major\":" major            \
	",\"minor\":" minor ",\"access\":\"" access "\"}"
	each_way("devices",
		 "[" DEVICE("a", "/dev/a", "char", "10", "1", "rw") "," DEVICE(
			 "b", "/dev/b", "char", "10", "2", "r") "," DEVICE("c", "/dev/c", "char", "10", "3",
									   "rwm") "," DEVICE("d", "/dev/d", "char",
											     "10", "4", "rwm") "]",
		 "[" DEVICE("k", "/dev/d", "block", "10", "4", "rwm") "," DEVICE(
			 "l", "/dev/b", "char", "10", "2", "w") "," DEVICE("m", "/dev/a", "char", "10", "1",
									   "rm") "," DEVICE("n", "/dev/c", "char", "10",
											    "33", "rwm") "]",
		 check_devices);
}

static void check_caps(void)
{
	CU_ASSERT_EQUAL(policy.spawn.caps, UINT64_C(1) << CAP_KILL | UINT64_C(1) << CAP_CHOWN);
}

static void test_caps(void)
{
	each_way("capabilities", "[{\"name\":\"a\",\"why\":\"-\",\"caps\":[\"KILL\",\"CHOWN\",\"SYS_ADMIN\"]}]",
		 "[{\"name\":\"b\",\"why\":\"-\",\"caps\":[\"KILL\"]},{\"name\":\"c\",\"why\":\"-\",\"caps\":["
		 "\"CHOWN\",\"SYS_PTRACE\"]}]",
		 check_caps);
}

static void check_networks(void)
{
	uint8_t wanted[16] = { [10] = 0xff, [11] = 0xff, [12] = 10, [13] = 1 };

	CU_ASSERT_EQUAL(policy.veth.nsubnets, 1);
	CU_ASSERT_EQUAL(policy.veth.subnets[0].bits, 96 + 16);
	CU_ASSERT_EQUAL(memcmp(policy.veth.subnets[0].address, wanted, 16), 0);
	CU_ASSERT_EQUAL(policy.firewall.nsubnets, 1);
}

static void check_ports(void)
{
	const struct policy_firewall *f = &policy.firewall;

	CU_ASSERT_EQUAL(f->nports, 2);
	for (uint32_t i = 0; i < f->nports; i++) {
		CU_ASSERT(f->ports[i].protocol == IPPROTO_TCP && f->ports[i].address.bits == 96 + 8);
		CU_ASSERT((f->ports[i].first == 1024 && f->ports[i].last == 2000) ||
			  (f->ports[i].first == 80 && f->ports[i].last == 80));
	}
}

static void test_networks(void)
{
#define SUBNET(name, subnet) "{\"name\":\"" name "\",\"why\":\"-\",\"subnet\":\"" subnet "\"}"
#define PORT(name, protocol, first, last, address)                                                                     \
	"{\"name\":\"" name "\",\"why\":\"-\",\"protocol\":\"" protocol "\",\"first\":" first ",\"last\":" last        \
	",\"address\":\"" address "\"}"
	each_way("subnets", "[" SUBNET("a", "10.0.0.0/8") "," SUBNET("b", "fc00::/7") "]",
		 "[" SUBNET("k", "10.1.0.0/16") "," SUBNET("l", "192.168.0.0/16") "," SUBNET("m", "fe80::/64") "]",
		 check_networks);
	each_way("ports",
		 "[" PORT("a", "any", "1024", "65535", "0.0.0.0/0") "," PORT("b", "tcp", "80", "443", "0.0.0.0/0") "]",
		 "[" PORT("k", "tcp", "1000", "2000", "127.0.0.0/8") "," PORT(
			 "l", "tcp", "80", "80",
			 "127.0.0.0/8") "," PORT("m", "udp", "100", "200",
						 "127.0.0.0/8") "," PORT("n", "any", "2000", "3000", "fe80::/10") "]",
		 check_ports);
}

static void check_containers(void)
{
	CU_ASSERT_EQUAL(policy.spawn.max_containers, 7);
	CU_ASSERT_EQUAL(policy.cgroup.max_containers, 7);
	CU_ASSERT_EQUAL(policy.cgroup.memory_max, 64 << 20);
	CU_ASSERT_EQUAL(policy.cgroup.memory_default, 64 << 20); /* of one more than the other lets anyone have */
	CU_ASSERT_EQUAL(policy.cgroup.pids_max, 50);
	CU_ASSERT_EQUAL(policy.cgroup.pids_default, 20);
}

static void check_security(void)
{
	CU_ASSERT_EQUAL(policy.spawn.common.allow.seccomp_unconfined, 0);
	CU_ASSERT_EQUAL(policy.spawn.unmasked_paths, 0);
	CU_ASSERT_EQUAL(policy.spawn.common.allow.privileged, 0);
	CU_ASSERT_EQUAL(policy.spawn.common.allow.host_network, 1);
	CU_ASSERT_EQUAL(policy.spawn.no_new_privs_required, 1);
}

static void check_layers(void)
{
	CU_ASSERT_EQUAL(policy.layer.max_bytes, 4 << 20);
	CU_ASSERT_EQUAL(policy.layer.max_workers, 2);
}

/* The log: as much of it as either wants. */
static void check_audit(void)
{
	CU_ASSERT_EQUAL(policy.audit.kernel_log, 1);
	CU_ASSERT_EQUAL(policy.audit.anchor_records, 10);
	CU_ASSERT_EQUAL(policy.audit.denials_per_minute, 500);
	CU_ASSERT_EQUAL(policy.audit.max_bytes, 16 << 20);
	CU_ASSERT_EQUAL(policy.audit.reserve_bytes, 4 << 20);
}

static void test_numbers(void)
{
	each_way("containers",
		 "{\"max\":7,\"memory_max\":\"none\",\"memory_default\":\"1 GiB\",\"pids_max\":50,\"pids_default\":50}",
		 "{\"max\":9,\"memory_max\":\"64 "
		 "MiB\",\"memory_default\":\"none\",\"pids_max\":\"none\",\"pids_default\":20}",
		 check_containers);
	each_way("security",
		 "{\"seccomp_unconfined\":false,\"privileged\":false,\"unmasked_paths\":true,\"no_new_privs_required\":"
		 "false}",
		 "{\"seccomp_unconfined\":true,\"unmasked_paths\":false,\"no_new_privs_required\":true}",
		 check_security);
	each_way("layers", "{\"layer_bytes\":\"4 MiB\",\"layer_workers\":3}",
		 "{\"layer_bytes\":\"1 GiB\",\"layer_workers\":2}", check_layers);
	each_way("audit",
		 "{\"max_bytes\":\"16 MiB\",\"reserve_bytes\":\"1 "
		 "MiB\",\"kernel_log\":true,\"anchor_records\":10,\"denials_per_minute\":50}",
		 "{\"max_bytes\":\"1 GiB\",\"reserve_bytes\":\"64 "
		 "MiB\",\"kernel_log\":false,\"anchor_records\":99,\"denials_per_minute\":500}",
		 check_audit);
}

static void test_errors(void)
{
	CU_ASSERT_EQUAL(both("audit", NULL, "{\"max_bytes\":5}"), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(error, "/etc/postern/user.json: audit.max_bytes"));
	CU_ASSERT_EQUAL(both("audit", "{\"max_bytes\":5}", "{\"max_bytes\":5}"), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(error, "policy.json: audit.max_bytes"));
	CU_ASSERT_PTR_NULL(strstr(error, "/etc"));
}

/* A rule for each file is as many as there may be; together they are more. */
static void test_too_many(void)
{
	static char own[POLICY_FILE_MAX], roots[POLICY_FILE_MAX];
	size_t a = 0, b = 0;

	for (int i = 0; i < POLICY_PATHS_MAX; i++) {
		a += (size_t)snprintf(own + a, sizeof(own) - a,
				      "%s{\"name\":\"n%d\",\"why\":\"-\",\"path\":\"/srv/%d\",\"writable\":true}",
				      i ? "," : "[", i, i);
		b += (size_t)snprintf(roots + b, sizeof(roots) - b,
				      "%s{\"name\":\"n%d\",\"why\":\"-\",\"path\":\"/srv/%d/x\",\"writable\":true}",
				      i ? "," : "[", i, i);
	}
	strcat(own, "]");
	strcat(roots, "]");
	CU_ASSERT_EQUAL(both("binds", own, roots), 0);
	CU_ASSERT_EQUAL(policy.lookup.npaths, POLICY_PATHS_MAX);
	strcpy(strrchr(own, '{'), "{\"name\":\"all\",\"why\":\"-\",\"path\":\"/srv\",\"writable\":true}]");
	strcpy(strrchr(roots, '{'), "{\"name\":\"all\",\"why\":\"-\",\"path\":\"/srv\",\"writable\":true}]");
	CU_ASSERT_EQUAL(both("binds", own, roots), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(
		strstr(error, "/etc/postern/user.json: binds: with the policy that it narrows there are more than 64"));
}

/* Who it may belong to, in a namespace in which 0 is the user. */
static void test_owner(void)
{
	struct policy_input input = {
		.name = "policy.json", .file = file_of(NULL, NULL), .root = geteuid() + 1, .owner = geteuid()
	};
	struct policy_input narrower = {
		.name = "user.json", .file = file_of(NULL, NULL), .root = geteuid() + 1, .owner = geteuid() + 1
	};

	for (int i = 0; i < POLICY_ETC_COUNT; i++)
		input.etc[i] = narrower.etc[i] = -ENOENT;
	policy = (struct policy){ .controller.ids_base = MAP_SIZE };
	CU_ASSERT_EQUAL(policy_compile(&input, &policy, error, sizeof(error)), 0);
	input.narrower = &narrower;
	lseek(input.file, 0, SEEK_SET);
	policy = (struct policy){ .controller.ids_base = MAP_SIZE };
	CU_ASSERT_EQUAL(policy_compile(&input, &policy, error, sizeof(error)), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(error, "user.json: could be written by others"));
	close_fd(input.file);
	close_fd(narrower.file);
}

int main(void)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} tests[] = {
		{ "a policy narrowed by the same", test_same },
		{ "users", test_users },
		{ "binds", test_binds },
		{ "home", test_home },
		{ "devices", test_devices },
		{ "capabilities", test_caps },
		{ "networks", test_networks },
		{ "numbers", test_numbers },
		{ "errors", test_errors },
		{ "too many", test_too_many },
		{ "owner", test_owner },
	};
	CU_pSuite s;
	unsigned failed;

	CU_initialize_registry();
	s = CU_add_suite("narrow", NULL, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(tests); i++)
		CU_add_test(s, tests[i].name, tests[i].run);
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	failed = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failed != 0;
}
