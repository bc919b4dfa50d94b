/* task.h - straight-line code over the event loop: a task is a coroutine with a stack of its own (makecontext(3)).
 *
 * The loop (libuv) runs callbacks; a task runs until it parks, a callback wakes it. One thread, so no locks;
 * between two parks nothing else runs. Every wait is a loop over its condition: a wake says "look again", not "it
 * is so". */
#ifndef POSTERN_TASK_H
#define POSTERN_TASK_H

#include <stdbool.h>
#include <stdint.h>

struct task;
struct uv_loop_s;

void task_init(struct uv_loop_s *loop);
/* Starts fn(arg) at the next turn of the loop. 0 or -ENOMEM. */
int task_spawn(void (*fn)(void *arg), void *arg);
/* The running task, or NULL in a plain callback. */
struct task *task_self(void);
/* Gives the loop its turn until task_wake of this task. Only in a task. */
void task_park(void);
/* Gives the loop its turn, and all that are woken theirs, before it goes on. Only in a task. */
void task_yield(void);
/* Schedules a parked task; harmless when it is running or woken already. */
void task_wake(struct task *t);
/* Parks for so long, or shorter when woken. */
void task_sleep_ms(uint64_t ms);

/* A list of tasks that wait for the same thing: while (!cond) waiters_park(&w); */
struct waiters {
	struct waiter *first;
};
void waiters_park(struct waiters *w);
void waiters_wake_all(struct waiters *w);

#endif
