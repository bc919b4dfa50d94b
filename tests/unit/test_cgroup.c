/* test_cgroup.c - directories and limits of postern-cgroup: version 2 files in plain directories (this host may have
 * none of the controllers there), and the real hierarchies of this host, below directories of our own. Needs root for
 * these; says so and passes without. */
#include <CUnit/Basic.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#include "../../helpers/cgroup/group.c"
#include "../../helpers/cgroup/io.c"
#include "../../helpers/cgroup/limits.c"

static const char *const v1_names[] = { "memory", "pids", "cpu", "cpuset", "blkio" };
static char v2_root[96], v1_root[ARRAY_SIZE(v1_names)][96];
static struct roots real;
static const uint8_t one[ID_BYTES] = { 1 }, two[ID_BYTES] = { 2 };

static struct limits unset(void)
{
	struct limits l = { 0 };

	for (uint64_t *v = &l.memory_max; v <= &l.oom_kill_disable; v++)
		*v = UNSET;
	return l;
}

static bool file_is(int dir, const char *name, const char *want)
{
	char text[256];
	int r = read_at(dir, name, text, sizeof(text));

	if (r >= 0 && strcmp(text, want) == 0)
		return true;
	printf("\n    %s is \"%s\", not \"%s\"", name, r < 0 ? strerror(-r) : text, want);
	return false;
}

/* --- version 2, pretended ------------------------------------------------------------------------------------ */
static char fake_path[] = "/tmp/postern-test-cgroup-XXXXXX";
static const char *const fake_files[] = { "memory.max", "memory.swap.max", "memory.low",  "pids.max",	"cpu.max",
					  "cpu.weight", "io.weight",	   "cpuset.cpus", "cpuset.mems" };

static void fake_write(int dir, const char *name, const char *text)
{
	_cleanup_close_ int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	CU_ASSERT_EQUAL(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

static int apply(const struct roots *roots, const struct group *g, struct limits l, uint64_t *unsupported)
{
	const char *step;

	return limits_apply(roots, g, &l, unsupported, &step);
}

static void test_v2_files(void)
{
	struct roots roots = { .v2_controllers = ~0u };
	struct group g = { .v2 = open(fake_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) };
	uint64_t unsupported = 99;
	struct limits l = unset();

	CU_ASSERT_EQUAL(apply(&roots, &g, l, &unsupported), 0);
	CU_ASSERT_EQUAL(unsupported, 0);
	for (size_t i = 0; i < ARRAY_SIZE(fake_files); i++)
		fake_write(g.v2, fake_files[i], "");
	fake_write(g.v2, "cpu.max", "max 100000\n");
	l.memory_max = 1000;
	l.memory_swap_max = 1500;
	l.memory_low = 10;
	l.pids_max = LIMIT_LARGEST + 1;
	l.cpu_quota_us = 50000;
	l.cpu_shares = 1024;
	l.blkio_weight = 500;
	strcpy(l.cpuset_cpus, "0-3,5");
	CU_ASSERT_EQUAL(apply(&roots, &g, l, &unsupported), 0);
	CU_ASSERT_EQUAL(unsupported, 0);
	CU_ASSERT(file_is(g.v2, "memory.max", "1000") && file_is(g.v2, "memory.swap.max", "500") &&
		  file_is(g.v2, "memory.low", "10"));
	CU_ASSERT(file_is(g.v2, "pids.max", "max") && file_is(g.v2, "cpu.max", "50000 100000"));
	CU_ASSERT(file_is(g.v2, "cpu.weight", "39") && file_is(g.v2, "io.weight", "4950") &&
		  file_is(g.v2, "cpuset.cpus", "0-3,5"));
	CU_ASSERT(file_is(g.v2, "cpuset.mems", ""));
	/* Half of a pair leaves the other half as it is. */
	l = unset();
	l.cpu_period_us = 200000; /* as long as what is there: a plain file is not cut */
	fake_write(g.v2, "memory.max", "");
	fake_write(g.v2, "cpu.max", "50000 100000\n");
	CU_ASSERT_EQUAL(apply(&roots, &g, l, &unsupported), 0);
	CU_ASSERT(file_is(g.v2, "cpu.max", "50000 200000"));
	CU_ASSERT(file_is(g.v2, "memory.max", ""));
	/* Rates of devices: version 2 has one file, and neither of the two options of memory. */
	l = unset();
	fake_write(g.v2, "io.max", "");
	l.io.n = 6;
	memcpy(l.io.v, (uint64_t[]){ IO_READ_BPS, UINT64_C(8) << 32 | 16, 1000, IO_WEIGHT, UINT64_C(8) << 32, 100 }, 48);
	fake_write(g.v2, "io.weight", "");
	l.memory_swappiness = 10;
	l.oom_kill_disable = 1;
	CU_ASSERT_EQUAL(apply(&roots, &g, l, &unsupported), 0);
	CU_ASSERT_EQUAL(unsupported, 1u << LIMIT_SWAPPINESS | 1u << LIMIT_OOM);
	CU_ASSERT(file_is(g.v2, "io.max", "8:16 rbps=1000") && file_is(g.v2, "io.weight", "8:0 100"));
	l.io.v[0] = IO_KINDS;
	CU_ASSERT_EQUAL(apply(&roots, &g, l, &unsupported), -EINVAL);
	l.io.n = 5;
	CU_ASSERT_EQUAL(apply(&roots, &g, l, &unsupported), -EINVAL);
	l = unset();
	l.memory_swappiness = 101;
	CU_ASSERT_EQUAL(apply(&roots, &g, l, &unsupported), -EINVAL);
	CU_ASSERT(limits_supported(&(struct roots){ .v2 = g.v2, .v2_controllers = ~0u }) & 1u << (LIMIT_IO + IO_WRITE_IOPS));
	CU_ASSERT(!(limits_supported(&(struct roots){ .v2 = g.v2, .v2_controllers = ~0u }) & 1u << LIMIT_OOM));
	/* Memory and swap together less than memory alone. */
	l = unset();
	l.memory_max = 1000;
	l.memory_swap_max = 999;
	CU_ASSERT_EQUAL(apply(&roots, &g, l, &unsupported), -EINVAL);
	l = unset();
	strcpy(l.cpuset_mems, "0\\n1");
	CU_ASSERT_EQUAL(apply(&roots, &g, l, &unsupported), -EINVAL);
	close_fd(g.v2);
}

static void test_unsupported(void)
{
	struct roots roots = { .v2_controllers = 1u << CTL_MEMORY | 1u << CTL_IO };
	struct group g = { .v2 = open(fake_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) };
	struct limits l = unset();
	uint64_t unsupported = 0;

	unlinkat(g.v2, "memory.swap.max", 0);
	unlinkat(g.v2, "io.weight", 0);
	l.memory_max = 1000;
	l.memory_swap_max = 2000;
	l.pids_max = 5;
	l.cpu_quota_us = 1000;
	l.blkio_weight = 10;
	strcpy(l.cpuset_mems, "0");
	CU_ASSERT_EQUAL(apply(&roots, &g, l, &unsupported), 0);
	CU_ASSERT_EQUAL(unsupported,
			1u << LIMIT_SWAP | 1u << LIMIT_PIDS | 1u << LIMIT_QUOTA | 1u << LIMIT_BLKIO | 1u << LIMIT_MEMS);
	close_fd(g.v2);
}

static void test_conversions(void)
{
	CU_ASSERT_EQUAL(weight_of_shares(0), 1);
	CU_ASSERT_EQUAL(weight_of_shares(2), 1);
	CU_ASSERT_EQUAL(weight_of_shares(262144), 10000);
	CU_ASSERT_EQUAL(weight_of_shares(UINT64_MAX), 10000);
	CU_ASSERT_EQUAL(weight_of_blkio(1), 1);
	CU_ASSERT_EQUAL(weight_of_blkio(5000), 10000);
}

static void test_stat(void)
{
	struct roots roots = { .v2_controllers = 1u << CTL_MEMORY | 1u << CTL_PIDS };
	struct group g = { .v2 = open(fake_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) };
	struct rep_cgroup_stat s;

	fake_write(g.v2, "memory.current", "4096\n");
	fake_write(g.v2, "memory.max", "max\n");
	fake_write(g.v2, "memory.events", "low 0\noom 7\noom_kill 3\noom_group_kill 9\n");
	fake_write(g.v2, "cpu.stat", "usage_usec 12\nuser_usec 5\n");
	fake_write(g.v2, "pids.current", "nonsense\n");
	usage_read(&roots, &g, &s);
	CU_ASSERT(s.memory_usage == 4096 && s.memory_max == UNSET && s.oom_kills == 3 && s.cpu_usage_ns == 12000 &&
		  s.pids == 0);
	fake_write(g.v2, "cgroup.events", "populated 1\nfrozen 0\n");
	_cleanup_close_ int events = openat(g.v2, "cgroup.events", O_RDONLY | O_CLOEXEC);

	CU_ASSERT(group_event(events, "populated") == 1 && group_event(events, "frozen") == 0 &&
		  group_event(events, "froze") == -ENODATA);
	close_fd(g.v2);
}

/* --- the real hierarchies ------------------------------------------------------------------------------------ */
static bool have_real(void)
{
	if (real.v2 >= 0 && real.nv1 > 0)
		return true;
	printf("\n    not run: needs root and cgroup version 2 at unified with version 1 beside it");
	return false;
}

static void real_start(void)
{
	static const char base[] = "/sys/fs/cgroup";
	char text[256];

	real = (struct roots){ .v2 = -EBADF, .uid = geteuid(), .join_gid = 4242 };
	snprintf(v2_root, sizeof(v2_root), "%s/unified/postern-test-cgdev-%d", base, getpid());
	if (geteuid() != 0 || mkdir(v2_root, 0755) < 0)
		return;
	real.v2 = open(v2_root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < ARRAY_SIZE(v1_names); i++) {
		snprintf(v1_root[i], sizeof(v1_root[i]), "%s/%s/postern-test-cgdev-%d", base, v1_names[i], getpid());
		if (mkdir(v1_root[i], 0755) < 0)
			continue;
		strcpy(real.v1[real.nv1].controllers, v1_names[i]);
		real.v1[real.nv1].fd = open(v1_root[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		for (int k = 0; k < 2 && strcmp(v1_names[i], "cpuset") == 0; k++) {
			_cleanup_close_ int up = openat(real.v1[real.nv1].fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
			const char *name = k ? "cpuset.mems" : "cpuset.cpus";

			if (read_at(up, name, text, sizeof(text)) > 0)
				file_write_at(real.v1[real.nv1].fd, name, text);
		}
		real.nv1++;
	}
}

static void real_stop(void)
{
	if (real.v2 < 0)
		return;
	group_remove(&real, "", one);
	group_remove(&real, "", two);
	rmdir(v2_root);
	for (size_t i = 0; i < ARRAY_SIZE(v1_names); i++)
		rmdir(v1_root[i]);
}

static int count(void *data, const char *parent, const uint8_t *id)
{
	++*(int *)data;
	return 0;
}

static void test_create(void)
{
	struct group g, again;
	const char *step;
	struct stat st;
	int n = 0;

	if (!have_real())
		return;
	CU_ASSERT_EQUAL(roots_prepare(&real), 0);
	CU_ASSERT_EQUAL_FATAL(group_create(&real, "", one, &g, &step), 0);
	CU_ASSERT_EQUAL(group_create(&real, "", one, &again, &step), -EEXIST);
	CU_ASSERT_EQUAL(fstatat(g.v2, "cgroup.procs", &st, 0), 0);
	CU_ASSERT((st.st_mode & 07777) == 0664 && st.st_gid == 4242);
	CU_ASSERT_EQUAL(roots_scan(&real, count, &n), 0);
	CU_ASSERT_EQUAL(n, 1);
	CU_ASSERT_EQUAL(group_open(&real, "", two, &again), -ENOENT);
	CU_ASSERT_EQUAL(group_open(&real, "", one, &again), 0);
	group_close(&again);
	/* A directory with such a name that is another's is not ours. */
	real.uid = 1;
	n = 0;
	CU_ASSERT_EQUAL(group_open(&real, "", one, &again), -EPERM);
	CU_ASSERT_EQUAL(group_remove(&real, "", one), -EPERM);
	CU_ASSERT_EQUAL(roots_scan(&real, count, &n), 0);
	CU_ASSERT_EQUAL(n, 0);
	real.uid = geteuid();
	CU_ASSERT_EQUAL(group_remove(&real, "", one), 0);
	CU_ASSERT_EQUAL(group_remove(&real, "", one), 0);
	/* In a parent, which goes with the last. */
	CU_ASSERT_EQUAL_FATAL(group_create(&real, "team", one, &g, &step), 0);
	group_close(&g);
	CU_ASSERT_EQUAL_FATAL(group_create(&real, "team", two, &g, &step), 0);
	group_close(&g);
	n = 0;
	CU_ASSERT_EQUAL(roots_scan(&real, count, &n), 0);
	CU_ASSERT_EQUAL(n, 2);
	CU_ASSERT_EQUAL(group_open(&real, "", one, &again), -ENOENT);
	CU_ASSERT_EQUAL(group_open(&real, "team", one, &again), 0);
	group_close(&again);
	CU_ASSERT_EQUAL(group_remove(&real, "team", one), 0);
	CU_ASSERT_EQUAL(faccessat(real.v2, "team", F_OK, 0), 0);
	CU_ASSERT_EQUAL(group_remove(&real, "team", two), 0);
	CU_ASSERT_NOT_EQUAL(faccessat(real.v2, "team", F_OK, 0), 0);
	CU_ASSERT(parent_valid("") && parent_valid("a.slice") && !parent_valid("..") && !parent_valid("a/b"));
	CU_ASSERT(!parent_valid("0100000000000000000000000000000000000000000000000000000000000000"));
	CU_ASSERT_EQUAL(group_open(&real, "", one, &again), -ENOENT);
	group_close(&g);
}

static void test_v1_limits(void)
{
	struct limits l = unset();
	uint64_t unsupported;
	const char *step;
	struct group g;

	if (!have_real())
		return;
	CU_ASSERT_EQUAL_FATAL(group_create(&real, "", one, &g, &step), 0);
	l.memory_max = 64 << 20;
	l.memory_swap_max = 128 << 20;
	l.pids_max = 50;
	l.cpu_shares = 1;
	CU_ASSERT_EQUAL(apply(&real, &g, l, &unsupported), 0);
	CU_ASSERT(file_is(g.v1[0], "memory.limit_in_bytes", "67108864") && file_is(g.v1[1], "pids.max", "50"));
	CU_ASSERT(file_is(g.v1[2], "cpu.shares", "2"));
	/* Raising both goes the other way round. */
	l.memory_max = 256 << 20;
	l.memory_swap_max = 512 << 20;
	l.pids_max = UNSET - 1;
	CU_ASSERT_EQUAL(apply(&real, &g, l, &unsupported), 0);
	CU_ASSERT(file_is(g.v1[0], "memory.limit_in_bytes", "268435456") && file_is(g.v1[1], "pids.max", "max"));
	group_close(&g);
	CU_ASSERT_EQUAL(group_remove(&real, "", one), 0);
}

static void test_remove_busy(void)
{
	const char *step;
	struct group g;
	pid_t child;

	if (!have_real())
		return;
	CU_ASSERT_EQUAL_FATAL(group_create(&real, "", two, &g, &step), 0);
	CU_ASSERT_EQUAL(mkdirat(g.v2, "a", 0755), 0);
	CU_ASSERT_EQUAL(mkdirat(g.v2, "a/b", 0755), 0);
	CU_ASSERT_EQUAL(mkdirat(g.v2, "c", 0755), 0);
	child = fork();
	if (child == 0) {
		file_write_at(g.v2, "a/b/cgroup.procs", "0");
		file_write_at(g.v1[1], "cgroup.procs", "0");
		kill(getpid(), SIGSTOP);
		_exit(0);
	}
	waitpid(child, NULL, WUNTRACED);
	CU_ASSERT_EQUAL(group_remove(&real, "", two), -EBUSY);
	CU_ASSERT_EQUAL(file_write_at(g.v2, "cgroup.kill", "1"), 0);
	waitpid(child, NULL, 0);
	CU_ASSERT_EQUAL(group_remove(&real, "", two), 0);
	group_close(&g);
}

/* What a removal that was cut short leaves in version 1 does not stop a new container. */
static void test_leftover(void)
{
	char name[ID_HEX + 1];
	const char *step;
	struct group g;

	if (!have_real())
		return;
	hex_encode(one, ID_BYTES, name);
	CU_ASSERT_EQUAL(mkdirat(real.v1[1].fd, name, 0755), 0);
	CU_ASSERT_EQUAL(group_create(&real, "", one, &g, &step), 0);
	group_close(&g);
	CU_ASSERT_EQUAL(group_remove(&real, "", one), 0);
}

int main(void)
{
	unsigned failed;
	CU_pSuite suite;

	if (!mkdtemp(fake_path))
		return 1;
	umask(022);
	real_start();
	CU_initialize_registry();
	suite = CU_add_suite("cgroup", NULL, NULL);
	CU_add_test(suite, "version 2 files", test_v2_files);
	CU_add_test(suite, "stat", test_stat);
	CU_add_test(suite, "unsupported", test_unsupported);
	CU_add_test(suite, "conversions", test_conversions);
	CU_add_test(suite, "create", test_create);
	CU_add_test(suite, "version 1 limits", test_v1_limits);
	CU_add_test(suite, "remove busy", test_remove_busy);
	CU_add_test(suite, "leftover", test_leftover);
	CU_basic_run_tests();
	failed = CU_get_number_of_failures();
	CU_cleanup_registry();
	real_stop();
	_cleanup_close_ int fake = open(fake_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	static const char *const more[] = { "memory.current", "memory.events", "cpu.stat", "pids.current",
					    "cgroup.events" };

	for (size_t i = 0; i < ARRAY_SIZE(fake_files); i++)
		unlinkat(fake, fake_files[i], 0);
	for (size_t i = 0; i < ARRAY_SIZE(more); i++)
		unlinkat(fake, more[i], 0);
	rmdir(fake_path);
	return failed != 0;
}
