/* top.h - what the two halves of `top` share: a process as read from /proc, and the columns that ps would show of
 * it. */
#ifndef POSTERN_CONTAINER_TOP_H
#define POSTERN_CONTAINER_TOP_H

#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "../err.h"

struct process {
	int pid, ppid, pgrp, session, tty, nice, threads, priority;
	char state;
	unsigned long long cpu, start, vsize, rss; /* ticks, ticks since boot, bytes, pages */
	uint32_t uid; /* inside */
	char comm[64], args[4096];
};

struct now {
	time_t boot, now;
	double memory; /* bytes */
};

typedef void show(const struct process *p, const struct now *now, char *to, size_t size);

struct column {
	const char *name, *title; /* of -o, and as procps' ps(1) heads it */
	show *show;
};

enum { COLUMNS_MAX = 24 };
struct chosen {
	unsigned n;
	struct column v[COLUMNS_MAX];
};

/* What arguments of ps ask for: -ef, aux, -e and -o lists. 0; -1 with err (500), in the words of ps, for what is not
 * known. */
int top_columns(const char *args, struct chosen *ret, struct err *err);

#endif
