/* helpers/user: which ids an ordinary user's engine has. ids.c is included, so that what is static can be asked. */
#include <CUnit/Basic.h>
#include <stdio.h>

#include "../../helpers/user/ids.c"

static void read_text(const char *text, struct pieces *ret)
{
	FILE *f = fopen("/tmp/postern-test-subuid", "w");

	CU_ASSERT_FATAL(f != NULL);
	fputs(text, f);
	fclose(f);
	read_pieces("/tmp/postern-test-subuid", "bob", 1001, ret);
	remove("/tmp/postern-test-subuid");
}

static void test_pieces(void)
{
	struct pieces p;

	read_text("alice:100000:65536\nbob:200000:65536\nbobby:1:2\n1001:300000:10\n", &p);
	CU_ASSERT_EQUAL(p.n, 2);
	CU_ASSERT_EQUAL(p.total, 65546);
	CU_ASSERT_EQUAL(p.v[1].first, 300000);
	/* What is not a range is not taken for one. */
	read_text("bob\nbob:1\nbob:x:1\nbob:-1:5\nbob:5:0\nbob:4294967290:10\nbob:4294967296:1\n:::\nbob:7:3", &p);
	CU_ASSERT_EQUAL(p.n, 1);
	CU_ASSERT_EQUAL(p.total, 3);
	read_pieces("/nonexistent", "bob", 1001, &p);
	CU_ASSERT_EQUAL(p.n, 0);
}

static void check_words(const struct words *w, const char *wanted)
{
	char text[512] = "";

	for (unsigned i = 0; i < w->n; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i ? " " : "", w->text[i]);
	CU_ASSERT_STRING_EQUAL(text, wanted);
}

static void test_usual(void)
{
	struct pieces u = { 1, 65536, { { 100000, 65536 } } }, g = u;
	struct ids ids = { 0 };
	uint32_t low = low_ids(&u, &g);

	CU_ASSERT_EQUAL(low, 65512);
	make_words(&ids.uids, &u, 1001, low);
	make_words(&ids.gids, &g, 1001, low);
	check_words(&ids.uids, "0 1001 1 1 100000 65511 65534 165511 1 65536 165512 24");
	CU_ASSERT_EQUAL(make_map(&ids), 0);
	/* The user's own id is an extent by itself: what is mapped on must lie within one of the parent's. */
	CU_ASSERT_EQUAL(ids.nmap, 3);
	CU_ASSERT_EQUAL(ids.map[0].count, 1);
	CU_ASSERT_EQUAL(ids.map[1].count, 65511);
	CU_ASSERT_EQUAL(ids.map[2].first, OVERFLOW_ID);
}

/* Uids and gids cut at different places: parts that both are whole in. */
static void test_cut(void)
{
	struct pieces u = { 2, 65536, { { 100000, 1000 }, { 300000, 64536 } } };
	struct pieces g = { 2, 65536, { { 100000, 3000 }, { 300000, 62536 } } };
	struct ids ids = { 0 };
	uint32_t low = low_ids(&u, &g), next = 0;

	make_words(&ids.uids, &u, 1001, low);
	make_words(&ids.gids, &g, 1001, low);
	CU_ASSERT_EQUAL(make_map(&ids), 0);
	CU_ASSERT_EQUAL(ids.nmap, 5);
	for (unsigned i = 0; i + 1 < ids.nmap; i++) {
		CU_ASSERT_EQUAL(ids.map[i].first, next);
		next += ids.map[i].count;
	}
	CU_ASSERT_EQUAL(next, low);
}

static void test_few(void)
{
	struct pieces u = { 1, 25, { { 100000, 25 } } }, more = { 1, 26, { { 100000, 26 } } };
	struct pieces all = { 1, 200000, { { 100000, 200000 } } };

	CU_ASSERT_EQUAL(low_ids(&u, &all), 0);
	CU_ASSERT_EQUAL(low_ids(&all, &more), 2);
	CU_ASSERT_EQUAL(low_ids(&all, &all), OVERFLOW_ID);
}

int main(void)
{
	CU_pSuite s;

	CU_initialize_registry();
	s = CU_add_suite("user", NULL, NULL);
	CU_add_test(s, "subordinate ids", test_pieces);
	CU_add_test(s, "the usual range", test_usual);
	CU_add_test(s, "ranges cut at different places", test_cut);
	CU_add_test(s, "too few ids", test_few);
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	return CU_get_number_of_failures() != 0;
}
