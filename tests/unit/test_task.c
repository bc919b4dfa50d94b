/* test_task.c - tasks over a loop: order, parking, sleeping, lists of waiters, reuse of stacks. */
#include <CUnit/Basic.h>
#include <string.h>
#include <uv.h>

#include "../../controller/task.h"

static uv_loop_t loop;
static struct waiters waiters;
static struct task *parked;
static char trace[64];
static unsigned ran;
static bool open_now;

static void note(char c)
{
	size_t n = strlen(trace);

	if (n < sizeof(trace) - 1) {
		trace[n] = c;
		trace[n + 1] = '\0';
	}
}

static void run(void)
{
	uv_run(&loop, UV_RUN_DEFAULT);
}

static void letter(void *arg)
{
	note(*(const char *)arg);
	task_wake(task_self()); /* harmless: it runs */
	note(*(const char *)arg);
}

static void test_order(void)
{
	trace[0] = '\0';
	CU_ASSERT_PTR_NULL(task_self());
	for (const char *p = "abc"; *p; p++)
		CU_ASSERT_EQUAL(task_spawn(letter, (void *)p), 0);
	CU_ASSERT_STRING_EQUAL(trace, ""); /* not before the loop's turn */
	run();
	CU_ASSERT_STRING_EQUAL(trace, "aabbcc");
}

static void parks(void *arg)
{
	parked = task_self();
	note('p');
	task_park();
	note('q');
	parked = NULL;
}

static void wakes(void *arg)
{
	task_wake(parked);
	task_wake(parked); /* twice is once */
	note('w');
}

static void test_park(void)
{
	trace[0] = '\0';
	task_spawn(parks, NULL);
	task_spawn(wakes, NULL);
	run();
	CU_ASSERT_STRING_EQUAL(trace, "pwq");
}

static void sleeps(void *arg)
{
	task_sleep_ms(*(const unsigned *)arg);
	note((char)('0' + *(const unsigned *)arg / 100));
}

static void sleeps_woken(void *arg)
{
	parked = task_self();
	task_sleep_ms(3600 * 1000);
	note('!');
}

static void test_sleep(void)
{
	static const unsigned ms[] = { 400, 0, 100 };

	trace[0] = '\0';
	for (int i = 0; i < 3; i++)
		task_spawn(sleeps, (void *)&ms[i]);
	run();
	CU_ASSERT_STRING_EQUAL(trace, "014");
	trace[0] = '\0';
	task_spawn(sleeps_woken, NULL);
	task_spawn(wakes, NULL);
	run(); /* ends: no timer is left */
	CU_ASSERT_STRING_EQUAL(trace, "w!");
}

static void waits(void *arg)
{
	while (!open_now)
		waiters_park(&waiters);
	ran++;
}

/* Woken for another reason it leaves the list by itself. */
static void waits_once(void *arg)
{
	parked = task_self();
	waiters_park(&waiters);
	note('o');
}

static void opens(void *arg)
{
	task_wake(parked);
	task_sleep_ms(1);
	waiters_wake_all(&waiters); /* too early: all wait again */
	task_sleep_ms(1);
	CU_ASSERT_EQUAL(ran, 0);
	open_now = true;
	waiters_wake_all(&waiters);
}

/* More tasks than the pool keeps, twice, each with a stack that was used before. */
static void test_waiters(void)
{
	for (int round = 0; round < 2; round++) {
		trace[0] = '\0';
		ran = 0;
		open_now = false;
		for (int i = 0; i < 100; i++)
			task_spawn(i == 50 ? waits_once : waits, NULL);
		task_spawn(opens, NULL);
		run();
		CU_ASSERT_EQUAL(ran, 99);
		CU_ASSERT_STRING_EQUAL(trace, "o");
		CU_ASSERT_PTR_NULL(waiters.first);
	}
}

static void deep(void *arg)
{
	volatile char room[64 * 1024];

	for (size_t i = 0; i < sizeof(room); i += 512)
		room[i] = 1;
	ran += (unsigned)room[512];
}

static void test_stack(void)
{
	ran = 0;
	for (int i = 0; i < 40; i++)
		task_spawn(deep, NULL);
	run();
	CU_ASSERT_EQUAL(ran, 40);
}

int main(void)
{
	unsigned failures;
	CU_pSuite s;

	uv_loop_init(&loop);
	task_init(&loop);
	CU_initialize_registry();
	s = CU_add_suite("task", NULL, NULL);
	CU_add_test(s, "order", test_order);
	CU_add_test(s, "park", test_park);
	CU_add_test(s, "sleep", test_sleep);
	CU_add_test(s, "waiters", test_waiters);
	CU_add_test(s, "stack", test_stack);
	CU_basic_run_tests();
	failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures ? 1 : 0;
}
