/* test_idmap.c - ranges and mappings of postern-idmap: that no range is given to two, and no id shown as two. */
#include <CUnit/Basic.h>

#include "../../helpers/idmap/mapping.c"
#include "../../helpers/idmap/ranges.c"

enum { FIRST = 524288, N = 4000 };

static struct ranges r;
static struct live live, marked;

static void make(uint32_t count, uint32_t start)
{
	ranges_init(&r, FIRST, FIRST + count * RANGE_STRIDE - 1, start);
	memset(&live, 0, sizeof(live));
	memset(&marked, 0, sizeof(marked));
}

static void test_init(void)
{
	make(10, 13);
	CU_ASSERT(r.count == 10 && r.cursor == 3 && r.fresh == 10 && r.used == 0);
	ranges_init(&r, FIRST, FIRST + MAP_SIZE - 2, 0); /* one id too few */
	CU_ASSERT(r.count == 0);
	ranges_init(&r, FIRST, FIRST - 1, 0);
	CU_ASSERT(r.count == 0);
	ranges_init(&r, FIRST, 1879048191, UINT32_MAX); /* all that systemd's scheme has */
	CU_ASSERT(r.count == RANGES_MAX && r.cursor < RANGES_MAX);
}

static void test_never_twice(void)
{
	static bool given[N];

	make(N, N - 2);
	for (unsigned i = 0; i < N; i++) {
		int k = ranges_take(&r, &live, &marked, N);

		CU_ASSERT_FATAL(k >= 0 && k < N && !given[k]);
		given[k] = true;
	}
	CU_ASSERT(r.used == N);
	CU_ASSERT(ranges_take(&r, &live, &marked, N + 1) == -EAGAIN);
	ranges_learn(&r, &live);
	CU_ASSERT(ranges_take(&r, &live, &marked, N + 1) == -EAGAIN); /* nobody has given one back */
}

static void test_max(void)
{
	make(10, 0);
	CU_ASSERT(ranges_take(&r, &live, &marked, 2) == 0);
	CU_ASSERT(ranges_take(&r, &live, &marked, 2) == 1);
	CU_ASSERT(ranges_take(&r, &live, &marked, 2) == -EDQUOT);
	ranges_give(&r, 0);
	CU_ASSERT(ranges_take(&r, &live, &marked, 2) == 2); /* not the one just given back */
}

static void test_reuse(void)
{
	make(3, 0);
	for (int i = 0; i < 3; i++)
		CU_ASSERT(ranges_take(&r, &live, &marked, 3) == i);
	for (uint32_t i = 0; i < 3; i++)
		ranges_give(&r, i);
	/* All were given out once: only with a look at who lives where. */
	CU_ASSERT(ranges_take(&r, &live, &marked, 3) == -EAGAIN);
	live_add_status(&live, &r, "Name:\tx\nUid:\t524288\t524288\t524288\t524288\n");
	ranges_learn(&r, &live);
	CU_ASSERT(ranges_take(&r, &live, &marked, 3) == 1);
	/* What was given back after the look waits for the next, which may show who is left in it. */
	ranges_give(&r, 1);
	CU_ASSERT(ranges_take(&r, &live, &marked, 3) == 2);
	CU_ASSERT(ranges_take(&r, &live, &marked, 3) == -EAGAIN);
	live_add_status(&live, &r, "Name:\tx\nGid:\t589825\t589825\t589825\t589825\n");
	ranges_learn(&r, &live);
	CU_ASSERT(ranges_take(&r, &live, &marked, 3) == -EAGAIN);
	memset(&live, 0, sizeof(live));
	ranges_learn(&r, &live);
	CU_ASSERT(ranges_take(&r, &live, &marked, 3) == 0);
	CU_ASSERT(ranges_take(&r, &live, &marked, 3) == 1);
	CU_ASSERT(ranges_take(&r, &live, &marked, 4) == -EAGAIN); /* 2 is taken */
}

static void test_find(void)
{
	make(10, 4);
	CU_ASSERT(ranges_take(&r, &live, &marked, 10) == 4);
	CU_ASSERT(ranges_find(&r, FIRST + 4 * RANGE_STRIDE) == 4);
	CU_ASSERT(ranges_find(&r, FIRST + 4 * RANGE_STRIDE + 1) == -ENOENT);
	CU_ASSERT(ranges_find(&r, FIRST + 5 * RANGE_STRIDE) == -ENOENT);
	CU_ASSERT(ranges_find(&r, FIRST + 10 * RANGE_STRIDE) == -ENOENT);
	CU_ASSERT(ranges_find(&r, 0) == -ENOENT);
	CU_ASSERT(ranges_find(&r, FIRST - 1) == -ENOENT);
	CU_ASSERT(ranges_find(&r, FOREIGN_FIRST) == -ENOENT);
	CU_ASSERT(ranges_find(&r, UINT32_MAX) == -ENOENT);
	ranges_give(&r, 4);
	CU_ASSERT(ranges_find(&r, FIRST + 4 * RANGE_STRIDE) == -ENOENT);
}

static void test_mark_and_reclaim(void)
{
	make(N, 0);
	live_add_status(&live, &r, "\nGid:\t655362\t655362\t655362\t655362\n"); /* range 2 */
	ranges_mark(&r, &live, &marked);
	ranges_mark(&r, &live, &marked);
	CU_ASSERT(r.used == 1 && ranges_find(&r, FIRST + 2 * RANGE_STRIDE) == 2);
	for (int i = 0; i < 1500; i++)
		CU_ASSERT_FATAL(ranges_take(&r, &live, &marked, N) >= 0);
	ranges_reclaim(&r, &live);
	CU_ASSERT(ranges_find(&r, FIRST + 2 * RANGE_STRIDE) == 2); /* lived in */
	CU_ASSERT(ranges_find(&r, FIRST) == -ENOENT); /* old and empty */
	CU_ASSERT(ranges_find(&r, FIRST + 1499 * RANGE_STRIDE) == 1499); /* young: may not have started yet */
}

static void test_unmark(void)
{
	make(4, 0);
	live_add_status(&live, &r, "\nGid:\t589825\n"); /* range 1 */
	live_add_status(&live, &r, "\nGid:\t655362\n"); /* and 2 */
	ranges_mark(&r, &live, &marked);
	for (int i = 0; i < 2; i++)
		CU_ASSERT(ranges_take(&r, &live, &marked, 4) == 3 * i);
	ranges_unmark(&r, &live, &marked);
	CU_ASSERT(r.used == 4); /* lived in */
	ranges_give(&r, 1); /* told that it is over, and given out anew */
	memset(&live, 0, sizeof(live));
	ranges_learn(&r, &live);
	CU_ASSERT(ranges_take(&r, &live, &marked, 4) == 1);
	memset(&live, 0, sizeof(live));
	ranges_unmark(&r, &live, &marked);
	CU_ASSERT(ranges_find(&r, FIRST + 2 * RANGE_STRIDE) == -ENOENT); /* nobody told, nobody lives there */
	/* None of those that were given out, though nobody lives there yet. */
	CU_ASSERT(r.used == 3 && ranges_find(&r, FIRST) == 0 && ranges_find(&r, FIRST + RANGE_STRIDE) == 1);
}

static bool lives(const char *status, uint32_t range)
{
	memset(&live, 0, sizeof(live));
	live_add_status(&live, &r, status);
	return live_has(&live, range);
}

static void test_status(void)
{
	make(10, 0);
	CU_ASSERT(lives("Name:\tsh\nUid:\t0\t0\t589825\t0\nGid:\t0\t0\t0\t0\n", 1));
	CU_ASSERT(lives("Name:\tsh\nUid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t589823\n", 0));
	CU_ASSERT(lives("Name:\tsh\nUid:\t0\nGroups:\t4 24 1179647 \n", 9));
	CU_ASSERT(!lives("Name:\tsh\nUid:\t1000\t1000\t1000\t1000\nGroups:\t\nPid:\t589825\n", 1));
	CU_ASSERT(!lives("Name:\tUid: 589825\nUid:\t0\t0\t0\t0\n", 1));
	CU_ASSERT(!lives("Name:\tsh\nUid:\t1179658\t524287\t4294967295\t99999999999999999999\n", 9));
	CU_ASSERT(!lives("", 0));
}

/* Every id of the container is shown for at most one on disk, and none beyond its range. */
static void check_extents(const struct extent *e, unsigned n, uint32_t base, uint32_t want)
{
	uint64_t total = 0;

	for (unsigned i = 0; i < n; i++) {
		CU_ASSERT(e[i].count > 0 && e[i].shown >= base && e[i].shown - base + e[i].count <= MAP_SIZE);
		total += e[i].count;
		for (unsigned k = 0; k < i; k++) {
			CU_ASSERT(e[i].disk >= e[k].disk + e[k].count || e[k].disk >= e[i].disk + e[i].count);
			CU_ASSERT(e[i].shown >= e[k].shown + e[k].count || e[k].shown >= e[i].shown + e[i].count);
		}
	}
	CU_ASSERT(total == want);
}

static void test_extents(void)
{
	static const uint32_t runs[] = { 0, 1, 1000, MAP_SIZE - 2, MAP_SIZE - 1 };
	struct extent e[EXTENTS_MAX];
	char text[EXTENTS_TEXT_MAX];

	CU_ASSERT(mapping_extents(FIRST, false, 0, 0, e) == 1);
	mapping_format(e, 1, text);
	CU_ASSERT_STRING_EQUAL(text, "2147352576 524288 65536\n");
	for (size_t i = 0; i < ARRAY_SIZE(runs); i++) {
		unsigned n = mapping_extents(FIRST, true, 1000, runs[i], e);

		CU_ASSERT(n <= EXTENTS_MAX && e[0].disk == 1000 && e[0].shown == FIRST + runs[i] && e[0].count == 1);
		check_extents(e, n, FIRST, MAP_SIZE);
	}
	mapping_format(e, mapping_extents(1879048191 - 65535, true, 4294967294u, 1000, e), text);
	CU_ASSERT_STRING_EQUAL(text, "4294967294 1878983656 1\n2147352576 1878982656 1000\n2147353577 1878983657 64535\n");
}

static void test_scan(void)
{
	_cleanup_close_ int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	/* Of our own uid at least this process is there. */
	ranges_init(&r, getuid() / MAP_SIZE * MAP_SIZE, getuid() / MAP_SIZE * MAP_SIZE + MAP_SIZE - 1, 0);
	CU_ASSERT(live_scan(proc, &r, &live) == 0);
	CU_ASSERT(live_has(&live, 0));
	CU_ASSERT(live_scan(-1, &r, &live) == -EBADF);
}

int main(void)
{
	CU_pSuite suite;
	unsigned failed;

	CU_initialize_registry();
	suite = CU_add_suite("idmap", NULL, NULL);
	CU_add_test(suite, "init", test_init);
	CU_add_test(suite, "never twice", test_never_twice);
	CU_add_test(suite, "max", test_max);
	CU_add_test(suite, "reuse", test_reuse);
	CU_add_test(suite, "find", test_find);
	CU_add_test(suite, "mark and reclaim", test_mark_and_reclaim);
	CU_add_test(suite, "unmark", test_unmark);
	CU_add_test(suite, "status", test_status);
	CU_add_test(suite, "extents", test_extents);
	CU_add_test(suite, "scan", test_scan);
	CU_basic_run_tests();
	failed = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failed != 0;
}
