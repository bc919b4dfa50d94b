/* test_doctor.c - what `postern doctor` reads out of the kernel's and root's files. */
#include <CUnit/Basic.h>

#include "../../controller/cli/doctor_text.c"

static void test_ranges(void)
{
	static const char text[] =
		"# comment\nbob:100000:65536\neve:200000:65536\n1001:300000:10\nbob:x:1\nbob:5\n:1:1\nbob:400000:0\n"
		"bob:4294967295:9\nbobby:100000:65536\nbob:500000:7";
	struct doctor_range r[DOCTOR_RANGES];
	char other[64];

	CU_ASSERT_EQUAL(doctor_ranges(text, "bob", 1001, r, other), 3);
	CU_ASSERT(r[0].first == 100000 && r[0].count == 65536);
	CU_ASSERT(r[1].first == 300000 && r[1].count == 10);
	CU_ASSERT(r[2].first == 500000 && r[2].count == 7);
	CU_ASSERT_STRING_EQUAL(other, "bobby");
	CU_ASSERT_EQUAL(doctor_ranges(text, "eve", 1002, r, other), 1);
	CU_ASSERT_STRING_EQUAL(other, "");
	CU_ASSERT_EQUAL(doctor_ranges("", "eve", 1002, r, other), 0);
	/* Side by side is not together; one within the other is. */
	CU_ASSERT_EQUAL(doctor_ranges("a:10:10\nb:20:10\nc:0:10\n", "a", 1, r, other), 1);
	CU_ASSERT_STRING_EQUAL(other, "");
	CU_ASSERT_EQUAL(doctor_ranges("a:10:10\nb:12:1\n", "a", 1, r, other), 1);
	CU_ASSERT_STRING_EQUAL(other, "b");
	CU_ASSERT_EQUAL(doctor_ranges("b:0:100\na:10:10\n", "a", 1, r, other), 1);
	CU_ASSERT_STRING_EQUAL(other, "b");
}

static void test_many_ranges(void)
{
	char text[DOCTOR_RANGES * 20 + 100] = "", other[64];
	struct doctor_range r[DOCTOR_RANGES];

	for (int i = 0; i < DOCTOR_RANGES + 3; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "a:%d:1\n", 100 + i);
	CU_ASSERT_EQUAL(doctor_ranges(text, "a", 1, r, other), DOCTOR_RANGES);
}

static void test_words(void)
{
	CU_ASSERT(doctor_has_word("cpu io memory\n", "memory"));
	CU_ASSERT(doctor_has_word("rw,memory", "memory"));
	CU_ASSERT(doctor_has_word("memory", "memory"));
	CU_ASSERT(!doctor_has_word("memoryx xmemory", "memory"));
	CU_ASSERT(!doctor_has_word("", "memory"));
}

static const char mountinfo[] = "20 1 0:5 / / rw - ext4 /dev/sda1 rw\n"
				"21 20 0:20 / /proc rw,nosuid - proc proc rw,hidepid=invisible,gid=5\n"
				"22 20 0:21 / /sys/fs/cgroup ro - tmpfs tmpfs ro\n"
				"23 22 0:22 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
				"24 22 0:23 /a /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n"
				"broken line\n"
				"25 22 0:24 / /sys/fs/cgroup/unified rw shared:5 - cgroup2 cgroup2 rw,nsdelegate\n";

static void test_cgroup(void)
{
	static const char cgroup[] =
		"4:cpu,cpuacct:/a/b\n3:memory:/m\n2:pids:/\n1:name=systemd:/s\n0::/user.slice/user-1.slice\n";
	char path[256];

	CU_ASSERT(doctor_cgroup(cgroup, mountinfo, "", path, sizeof(path)) == 0);
	CU_ASSERT_STRING_EQUAL(path, "/sys/fs/cgroup/unified/user.slice/user-1.slice");
	CU_ASSERT(doctor_cgroup(cgroup, mountinfo, "memory", path, sizeof(path)) == 0);
	CU_ASSERT_STRING_EQUAL(path, "/sys/fs/cgroup/memory/m");
	CU_ASSERT(doctor_cgroup(cgroup, mountinfo, "cpu", path, sizeof(path)) == 0);
	CU_ASSERT_STRING_EQUAL(path, "/sys/fs/cgroup/cpu/b");
	CU_ASSERT(doctor_cgroup("4:cpu,cpuacct:/ab\n", mountinfo, "cpu", path, sizeof(path)) ==
		  -ENOENT); /* not below what is mounted */
	CU_ASSERT(doctor_cgroup(cgroup, mountinfo, "pids", path, sizeof(path)) == -ENOENT);
	CU_ASSERT(doctor_cgroup("", mountinfo, "", path, sizeof(path)) == -ENOENT);
	CU_ASSERT(doctor_cgroup("0::/\n", mountinfo, "", path, sizeof(path)) == 0);
	CU_ASSERT_STRING_EQUAL(path, "/sys/fs/cgroup/unified");
	CU_ASSERT(doctor_cgroup(cgroup, "25 22 0:24 / /c rw - cgroup cgroup rw,memory\n", "", path, sizeof(path)) ==
		  -ENOENT);
	CU_ASSERT(doctor_cgroup("0::/\n", mountinfo, "", path, 10) < 0);
}

static void test_options(void)
{
	char text[64];

	CU_ASSERT(doctor_mount_option(mountinfo, "/proc", "hidepid=", text, sizeof(text)));
	CU_ASSERT_STRING_EQUAL(text, "hidepid=invisible");
	CU_ASSERT(!doctor_mount_option(mountinfo, "/proc", "subset=", text, sizeof(text)));
	CU_ASSERT(!doctor_mount_option(mountinfo, "/pro", "rw", text, sizeof(text)));
	/* What is on top counts. */
	CU_ASSERT(
		!doctor_mount_option("1 0 0:1 / /proc rw - proc proc rw,hidepid=2\n2 0 0:2 / /proc rw - proc proc rw\n",
				     "/proc", "hidepid=", text, sizeof(text)));
}

int main(void)
{
	CU_pSuite suite;
	unsigned failed;

	CU_initialize_registry();
	suite = CU_add_suite("doctor", NULL, NULL);
	CU_add_test(suite, "ranges", test_ranges);
	CU_add_test(suite, "many ranges", test_many_ranges);
	CU_add_test(suite, "words", test_words);
	CU_add_test(suite, "cgroup", test_cgroup);
	CU_add_test(suite, "options", test_options);
	CU_basic_run_tests();
	failed = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failed != 0;
}
