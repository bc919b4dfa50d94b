/* test_lookup.c - rules and walking of postern-lookup, over a directory of our own. */
#include <CUnit/Basic.h>
#include <stdio.h>
#include <stdlib.h>

#include "../../helpers/lookup/rules.c"
#include "../../helpers/lookup/walk.c"

static struct policy_lookup policy = {
	.npaths = 4,
	.paths = {
		{ .path = "/home", .rule = "home" },
		{ .path = "/home/bob", .rule = "bob" },
		{ .path = "/home/bob/a/b", .rule = "deep" },
		{ .path = "/srv", .rule = "srv" },
	},
	.common.ndevices = 3,
	.common.devices = {
		{ .type = 2, .major = 10, .minor = 229, .path = "/dev/fuse", .rule = "fuse" },
		{ .type = 2, .major = 116, .minor = UINT32_MAX, .path = "/dev/snd", .rule = "snd" },
		{ .type = UINT32_MAX, .major = 1, .minor = 1, .path = "", .rule = "cgroup-only" },
	},
	.ndenied = 2,
	.denied = { "/srv/engine/state", "/home/bob/x" },
};

static bool rule_is(const char *path, const char *rule)
{
	const struct policy_path *p = rules_path(&policy, path);

	return rule ? p && strcmp(p->rule, rule) == 0 : !p;
}

static void test_paths(void)
{
	CU_ASSERT(rule_is("/home", "home"));
	CU_ASSERT(rule_is("/home/bobby", "home"));
	CU_ASSERT(rule_is("/home/bob", "bob"));
	CU_ASSERT(rule_is("/home/bob/a", "bob"));
	CU_ASSERT(rule_is("/home/bob/a/b", "deep"));
	CU_ASSERT(rule_is("/home/bob/a/bc", "bob"));
	CU_ASSERT(rule_is("/srv/x/y", "srv"));
	CU_ASSERT(rule_is("/", NULL));
	CU_ASSERT(rule_is("/homer", NULL));
	CU_ASSERT(rule_is("/etc", NULL));
}

static void test_denied(void)
{
	CU_ASSERT(rules_denied(&policy, "/srv/engine/state"));
	CU_ASSERT(rules_denied(&policy, "/srv/engine/state/db"));
	CU_ASSERT(!rules_denied(&policy, "/srv/engine")); /* what holds it is another question: is it covered? */
	CU_ASSERT(!rules_denied(&policy, "/"));
	CU_ASSERT(!rules_denied(&policy, "/srv/engine/states"));
	CU_ASSERT(!rules_denied(&policy, "/srv/engine2"));
	CU_ASSERT(!rules_denied(&policy, "/home/bob/xy"));
}

static void test_devices(void)
{
	struct object o = { .mode = S_IFCHR, .rdev_major = 10, .rdev_minor = 229 };

	CU_ASSERT(rules_device(&policy, "/dev/fuse", &o) == &policy.common.devices[0]);
	CU_ASSERT_PTR_NULL(rules_device(&policy, "/dev/snd", &o));
	o.rdev_minor = 228;
	CU_ASSERT_PTR_NULL(rules_device(&policy, "/dev/fuse", &o));
	o.rdev_minor = 229;
	o.mode = S_IFBLK;
	CU_ASSERT_PTR_NULL(rules_device(&policy, "/dev/fuse", &o));
	o.mode = S_IFREG;
	CU_ASSERT_PTR_NULL(rules_device(&policy, "/dev/fuse", &o));
	o = (struct object){ .mode = S_IFCHR, .rdev_major = 116, .rdev_minor = 7 };
	CU_ASSERT(rules_device(&policy, "/dev/snd", &o) == &policy.common.devices[1]);
	o = (struct object){ .mode = S_IFCHR, .rdev_major = 1, .rdev_minor = 1 };
	CU_ASSERT_PTR_NULL(rules_device(&policy, "", &o));
	CU_ASSERT(rules_device_path(&policy, "/dev/fuse") && !rules_device_path(&policy, "/dev") && !rules_device_path(&policy, ""));
}

static void test_may_search(void)
{
	struct peer client = { .uid = 1000, .gid = 1000, .ngroups = 1, .groups = { 50 } };
	struct object o = { .mode = S_IFDIR | 0700, .uid = 1000, .gid = 1 };

	CU_ASSERT(rules_may_search(&o, &client));
	o.mode = S_IFDIR | 0077; /* the owner's bits count for the owner */
	CU_ASSERT(!rules_may_search(&o, &client));
	o = (struct object){ .mode = S_IFDIR | 0010, .uid = 1, .gid = 50 };
	CU_ASSERT(rules_may_search(&o, &client));
	o.mode = S_IFDIR | 0701; /* and the group's for its members */
	CU_ASSERT(!rules_may_search(&o, &client));
	o.gid = 51;
	CU_ASSERT(rules_may_search(&o, &client));
	o.mode = S_IFDIR | 0766;
	CU_ASSERT(!rules_may_search(&o, &client));
	client.uid = 0;
	CU_ASSERT(rules_may_search(&o, &client));
}

static char base[] = "/tmp/postern-test-lookup-XXXXXX";

static int walk(int root, const char *path, struct walk *w, struct object *o)
{
	static const struct peer stranger = { .uid = 54321, .gid = 54321 };

	*w = (struct walk){ .client = &stranger };
	return walk_open(root, path, w, o);
}

static void test_walk(void)
{
	_cleanup_close_ int root = open(base, O_PATH | O_DIRECTORY | O_CLOEXEC), fd = -EBADF;
	struct walk w;
	struct object o;
	struct stat st;
	char text[4];

	fd = walk(root, "/d/file", &w, &o);
	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT(S_ISREG(o.mode) && o.uid == getuid() && fstat(fd, &st) == 0 && st.st_ino == o.ino);
	CU_ASSERT(read(fd, text, 1) < 0 && errno == EBADF); /* O_PATH */
	close_fd(fd);
	fd = walk(root, "/", &w, &o);
	CU_ASSERT(fd >= 0 && S_ISDIR(o.mode));
	CU_ASSERT(walk(root, "/out", &w, &o) == -ELOOP && strcmp(w.stage, "symlink") == 0);
	CU_ASSERT(walk(root, "/out/passwd", &w, &o) == -ELOOP && strcmp(w.stage, "symlink") == 0);
	CU_ASSERT(walk(root, "/near/file", &w, &o) == -ELOOP);
	CU_ASSERT(walk(root, "/dangling", &w, &o) == -ELOOP);
	CU_ASSERT(walk(root, "/nosuch", &w, &o) == -ENOENT);
	CU_ASSERT(walk(root, "/nosuch/x", &w, &o) == -ENOENT);
	CU_ASSERT(walk(root, "/d/file/x", &w, &o) == -ENOTDIR);
	CU_ASSERT(walk(root, "/d/nosuch", &w, &o) == -ENOENT && !w.hidden);
	CU_ASSERT(walk(root, "/closed/nosuch", &w, &o) == -ENOENT && w.hidden);
	CU_ASSERT(walk(root, "/closed", &w, &o) >= 0 && !w.hidden);
}

static void test_long_name(void)
{
	_cleanup_close_ int root = open(base, O_PATH | O_DIRECTORY | O_CLOEXEC);
	char path[300] = "/";
	struct walk w;
	struct object o;

	memset(path + 1, 'a', 256);
	CU_ASSERT(walk(root, path, &w, &o) == -ENAMETOOLONG);
	path[256] = '\0';
	CU_ASSERT(walk(root, path, &w, &o) == -ENOENT);
}

static unsigned check(const char *path)
{
	char info[] = "21 1 0:20 / / rw - tmpfs postern rw\n"
		      "22 21 8:1 /home /home rw,noatime shared:1 - ext4 /dev/sda1 rw\n"
		      "23 22 0:30 / /home/bob/mnt rw master:2 - fuse.sshfs host:/ rw\n"
		      "24 22 0:31 / /home/bob/my\\040disk rw - ext4 /dev/sdb1 rw\n"
		      "25 22 0:32 / /home/carol/net rw - nfs4 server:/ rw\n"
		      "26 22 0:33 / /home/dora - - overlay x rw\n"
		      "27 21 8:1 /srv /srv rw - ext4 /dev/sda1 rw\n"
		      "28 27 0:20 /.cover /srv/engine/state ro - tmpfs postern rw\n"
		      "31 27 0:20 /.cover /srv/moved/state ro - tmpfs postern rw\n"
		      "29 27 0:34 / /srv/engine/state/below rw - tmpfs hidden rw\n"
		      "30 27 0:35 / /srv/engine/states rw - tmpfs others rw\n";

	return mounts_check(info, path, &policy, "0:20");
}

static void test_mounts(void)
{
	char strange[] = "21 1 0:20 / / rw\n", few[] = "21 1 - ext4 x rw\n", none[] = "";

	CU_ASSERT(check("/home") == MOUNTS_BELOW);
	CU_ASSERT(check("/home/bob") == MOUNTS_BELOW);
	CU_ASSERT(check("/home/bob/x") == 0);
	CU_ASSERT(check("/home/bob/mn") == 0);
	CU_ASSERT(check("/home/bob/mnt") == MOUNTS_REMOTE);
	CU_ASSERT(check("/home/bob/mnt/deep") == MOUNTS_REMOTE);
	CU_ASSERT(check("/home/bob/my disk") == 0);
	CU_ASSERT(check("/home/bob/my") == 0);
	CU_ASSERT(check("/home/carol/net/x") == MOUNTS_REMOTE);
	CU_ASSERT(check("/home/dora") == 0);
	CU_ASSERT(check("/srv") == (MOUNTS_COVERED | MOUNTS_BELOW));
	CU_ASSERT(check("/srv/engine/state") == MOUNTS_COVERED);
	CU_ASSERT(check("/srv/moved") == MOUNTS_COVERED); /* by what it is, not by its place */
	CU_ASSERT(check("/srv/engine/state/below") == 0);
	CU_ASSERT(mounts_check(strange, "/x", &policy, "0:20") == (MOUNTS_BELOW | MOUNTS_REMOTE));
	CU_ASSERT(mounts_check(few, "/x", &policy, "0:20") == (MOUNTS_BELOW | MOUNTS_REMOTE));
	CU_ASSERT(mounts_check(none, "/x", &policy, "0:20") == 0);
}

static int tree_make(void)
{
	char command[512];

	if (!mkdtemp(base))
		return -1;
	snprintf(command, sizeof(command),
		 "cd %s && mkdir -m 755 d && mkdir -m 700 closed && touch d/file && ln -s /etc out && ln -s d near && "
		 "ln -s /nosuch/x dangling && chmod 755 .", base);
	return system(command);
}

int main(void)
{
	CU_pSuite suite;
	unsigned failed;
	char command[128];

	if (tree_make() != 0)
		return 1;
	CU_initialize_registry();
	suite = CU_add_suite("lookup", NULL, NULL);
	CU_add_test(suite, "paths", test_paths);
	CU_add_test(suite, "denied", test_denied);
	CU_add_test(suite, "devices", test_devices);
	CU_add_test(suite, "may search", test_may_search);
	CU_add_test(suite, "walk", test_walk);
	CU_add_test(suite, "long name", test_long_name);
	CU_add_test(suite, "mounts", test_mounts);
	CU_basic_run_tests();
	failed = CU_get_number_of_failures();
	CU_cleanup_registry();
	snprintf(command, sizeof(command), "rm -rf %s", base);
	return system(command) != 0 || failed != 0;
}
