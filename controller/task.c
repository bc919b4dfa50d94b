/* task.c - coroutines over the event loop.
 *
 * Theory: one run queue. A wake appends a task; the queue is drained right after the loop polled (check phase), so
 * what an event woke runs in the same turn. While tasks are ready an idle handle keeps the poll from blocking. A
 * turn drains only what was queued at its start: tasks that wake each other do not starve input and output.
 *
 * A task and its stack are one mapping: a guard page below, the struct at the top. Ended ones go to a small pool
 * still inside their entry function, so starting the next costs one switch and no system call but swapcontext's
 * own (rt_sigprocmask). A few of them keep their pages and are taken first; those beyond, of a busy moment, give theirs
 * back, so an idle engine stays small.
 *
 * makecontext(3), swapcontext(3); fibres of the address sanitizer: sanitizer/common_interface_defs.h. */
#include "task.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <uv.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#include <sanitizer/lsan_interface.h>
#define WITH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#include <sanitizer/common_interface_defs.h>
#include <sanitizer/lsan_interface.h>
#define WITH_ASAN 1
#endif
#endif

enum {
	GUARD_BYTES = 4096,
#ifdef WITH_ASAN
	STACK_BYTES = 512 * 1024, /* frames grow by red zones */
#else
	STACK_BYTES = 128 * 1024,
#endif
	MAP_BYTES = GUARD_BYTES + STACK_BYTES,
	STACK_WARM_BYTES = 8192, /* at the top: the struct and the entry's frames, never given back */
	WARM_MAX = 4, /* one request after another pays for no fault */
	COLD_MAX = 12,
};

struct task {
	ucontext_t context;
	void (*fn)(void *arg);
	void *arg;
	struct task *next; /* in the run queue or the pool */
	char *map;
	bool queued;
	bool has_timer; /* timer was initialised: the stack cannot go before it is closed */
	uv_timer_t timer;
#ifdef WITH_ASAN
	void *fake; /* the sanitizer's, while switched away */
#endif
};

/* The one scheduler of this thread; every call of libuv's needs it, none can carry it. */
static struct {
	uv_loop_t *loop;
	uv_check_t check;
	uv_idle_t idle;
	ucontext_t context; /* of the loop, while a task runs */
	struct task *current;
	struct task *first, **last;
	unsigned nready;
	struct task *warm, *cold; /* the pool: with their pages and without */
	unsigned nwarm, ncold;
	bool ended; /* current has returned */
#ifdef WITH_ASAN
	void *fake;
	const void *stack;
	size_t stack_size;
#endif
} sched;

static void switch_to_task(struct task *t)
{
#ifdef WITH_ASAN
	__sanitizer_start_switch_fiber(&sched.fake, t->map + GUARD_BYTES, STACK_BYTES);
#endif
	swapcontext(&sched.context, &t->context);
#ifdef WITH_ASAN
	__sanitizer_finish_switch_fiber(sched.fake, NULL, NULL);
#endif
}

static void switch_to_loop(struct task *t)
{
#ifdef WITH_ASAN
	__sanitizer_start_switch_fiber(&t->fake, sched.stack, sched.stack_size);
#endif
	swapcontext(&t->context, &sched.context);
#ifdef WITH_ASAN
	__sanitizer_finish_switch_fiber(t->fake, &sched.stack, &sched.stack_size);
#endif
}

static void task_entry(void)
{
	struct task *t = sched.current;

#ifdef WITH_ASAN
	__sanitizer_finish_switch_fiber(NULL, &sched.stack, &sched.stack_size);
#endif
	for (;;) {
		t->fn(t->arg);
		sched.ended = true;
		switch_to_loop(t);
	}
}

/* Apart from task_map: getcontext returns twice for the compiler. */
static void context_make(ucontext_t *context, void *stack, size_t size)
{
	getcontext(context);
	context->uc_stack.ss_sp = stack;
	context->uc_stack.ss_size = size;
	context->uc_link = NULL;
	makecontext(context, task_entry, 0);
}

static struct task *task_map(void)
{
	struct task *t;
	char *map;

	map = mmap(NULL, MAP_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1,
		   0);
	if (map == MAP_FAILED)
		return NULL;
	if (mprotect(map, GUARD_BYTES, PROT_NONE) < 0) {
		munmap(map, MAP_BYTES);
		return NULL;
	}
#ifdef WITH_ASAN
	__lsan_register_root_region(map + GUARD_BYTES, STACK_BYTES);
#endif
	t = (struct task *)(map + ((MAP_BYTES - sizeof(*t)) & ~(size_t)63));
	t->map = map;
	context_make(&t->context, map + GUARD_BYTES, (size_t)((char *)t - map) - GUARD_BYTES);
	return t;
}

static void task_put(struct task *t)
{
	t->has_timer = false;
	if (sched.nwarm < WARM_MAX) {
		t->next = sched.warm;
		sched.warm = t;
		sched.nwarm++;
		return;
	}
	if (sched.ncold == COLD_MAX) {
#ifdef WITH_ASAN
		__lsan_unregister_root_region(t->map + GUARD_BYTES, STACK_BYTES);
#endif
		munmap(t->map, MAP_BYTES);
		return;
	}
	madvise(t->map + GUARD_BYTES, STACK_BYTES - STACK_WARM_BYTES, MADV_DONTNEED);
	t->next = sched.cold;
	sched.cold = t;
	sched.ncold++;
}

static void on_timer_closed(uv_handle_t *h)
{
	task_put(h->data);
}

static void task_run(struct task *t)
{
	sched.current = t;
	switch_to_task(t);
	sched.current = NULL;
	if (!sched.ended)
		return;
	sched.ended = false;
	t->fn = NULL;
	if (t->has_timer)
		uv_close((uv_handle_t *)&t->timer, on_timer_closed);
	else
		task_put(t);
}

static void on_check(uv_check_t *check)
{
	for (unsigned n = sched.nready; n > 0; n--) {
		struct task *t = sched.first;

		sched.first = t->next;
		if (!sched.first)
			sched.last = &sched.first;
		sched.nready--;
		t->queued = false;
		task_run(t);
	}
	if (sched.nready == 0)
		uv_idle_stop(&sched.idle);
}

static void on_idle(uv_idle_t *idle)
{
	/* Being active is its purpose: the loop polls without waiting. */
}

void task_init(struct uv_loop_s *loop)
{
	sched.loop = loop;
	sched.last = &sched.first;
	uv_check_init(loop, &sched.check);
	uv_check_start(&sched.check, on_check);
	uv_unref((uv_handle_t *)&sched.check);
	uv_idle_init(loop, &sched.idle);
}

static struct task *task_get(void)
{
	struct task **list = sched.warm ? &sched.warm : &sched.cold, *t = *list;

	if (!t)
		return task_map();
	*list = t->next;
	--*(list == &sched.warm ? &sched.nwarm : &sched.ncold);
	return t;
}

int task_spawn(void (*fn)(void *arg), void *arg)
{
	struct task *t = task_get();

	if (!t)
		return -ENOMEM;
	t->fn = fn;
	t->arg = arg;
	task_wake(t);
	return 0;
}

struct task *task_self(void)
{
	return sched.current;
}

void task_park(void)
{
	struct task *t = sched.current;

	if (!t)
		abort(); /* a wait outside a task would stop the engine for good */
	switch_to_loop(t);
}

static void enqueue(struct task *t)
{
	t->queued = true;
	t->next = NULL;
	*sched.last = t;
	sched.last = &t->next;
	if (sched.nready++ == 0)
		uv_idle_start(&sched.idle, on_idle);
}

void task_wake(struct task *t)
{
	if (t && !t->queued && t != sched.current && t->fn)
		enqueue(t);
}

void task_yield(void)
{
	enqueue(sched.current);
	task_park();
}

static void on_timer(uv_timer_t *timer)
{
	task_wake(timer->data);
}

void task_sleep_ms(uint64_t ms)
{
	struct task *t = sched.current;

	if (!t)
		abort();
	if (!t->has_timer) {
		uv_timer_init(sched.loop, &t->timer);
		t->timer.data = t;
		t->has_timer = true;
	}
	uv_update_time(sched.loop);
	uv_timer_start(&t->timer, on_timer, ms, 0);
	task_park();
	uv_timer_stop(&t->timer);
}

struct waiter {
	struct task *task;
	struct waiter *next, **link; /* link: what points at it; NULL once taken off the list */
};

void waiters_park(struct waiters *w)
{
	struct waiter self = { .task = sched.current, .next = w->first, .link = &w->first };

	if (self.next)
		self.next->link = &self.next;
	/* cppcheck-suppress autoVariables ; it leaves the list before this returns */
	w->first = &self;
	task_park();
	if (!self.link)
		return;
	*self.link = self.next;
	if (self.next)
		self.next->link = self.link;
}

void waiters_wake_all(struct waiters *w)
{
	struct waiter *next;

	for (struct waiter *i = w->first; i; i = next) {
		next = i->next;
		i->link = NULL; /* the list may go before the task runs */
		task_wake(i->task);
	}
	w->first = NULL;
}
