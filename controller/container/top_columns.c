/* top_columns.c - the columns of ps(1) that `top` knows, and the arguments that choose them, which are a client's:
 * hostile. */
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../../helpers/base/cleanup.h"
#include "top.h"

enum { TICKS = 100 /* USER_HZ of Linux on all that we run on */ };

static void seconds(long long s, bool hours, char *to, size_t size)
{
	long long days = s / 86400, h = s / 3600 % 24, m = s / 60 % 60;

	if (days)
		snprintf(to, size, "%lld-%02lld:%02lld:%02lld", days, h, m, s % 60);
	else if (h || hours)
		snprintf(to, size, "%02lld:%02lld:%02lld", h, m, s % 60);
	else
		snprintf(to, size, "%02lld:%02lld", m, s % 60);
}

static time_t started(const struct process *p, const struct now *now)
{
	return now->boot + (time_t)(p->start / TICKS);
}

static double cpu_share(const struct process *p, const struct now *now)
{
	double age = difftime(now->now, started(p, now));

	return age > 0 ? 100.0 * (double)p->cpu / TICKS / age : 0;
}

#define NUMBER(name, value)                                                                      \
	static void name(const struct process *p, const struct now *now, char *to, size_t size) \
	{                                                                                        \
		snprintf(to, size, "%lld", (long long)(value));                                  \
	}
NUMBER(show_pid, p->pid)
NUMBER(show_ppid, p->ppid)
NUMBER(show_pgid, p->pgrp)
NUMBER(show_sid, p->session)
NUMBER(show_uid, p->uid)
NUMBER(show_nice, p->nice)
NUMBER(show_threads, p->threads)
NUMBER(show_priority, p->priority)
NUMBER(show_vsz, p->vsize / 1024)
NUMBER(show_rss, p->rss * (unsigned long long)sysconf(_SC_PAGESIZE) / 1024)
NUMBER(show_c, cpu_share(p, now) > 99 ? 99 : cpu_share(p, now))
NUMBER(show_etimes, now->now - started(p, now))

static void show_user(const struct process *p, const struct now *now, char *to, size_t size)
{
	/* Of names only root's is the same everywhere; others are the image's business. */
	if (p->uid == 0)
		snprintf(to, size, "root");
	else
		snprintf(to, size, "%u", p->uid);
}

static void show_comm(const struct process *p, const struct now *now, char *to, size_t size)
{
	snprintf(to, size, "%s%s", p->comm, p->state == 'Z' ? " <defunct>" : "");
}

static void show_args(const struct process *p, const struct now *now, char *to, size_t size)
{
	snprintf(to, size, "%s", p->args);
}

static void show_tty(const struct process *p, const struct now *now, char *to, size_t size)
{
	unsigned major = (unsigned)p->tty >> 8 & 0xfff;
	unsigned minor = ((unsigned)p->tty & 0xff) | ((unsigned)p->tty >> 12 & 0xfff00);

	if (major >= 136 && major <= 143) /* Unix98 terminals, Documentation/admin-guide/devices.txt */
		snprintf(to, size, "pts/%u", (major - 136) * 256 + minor);
	else
		snprintf(to, size, "%s", p->tty ? "tty" : "?");
}

static void show_stime(const struct process *p, const struct now *now, char *to, size_t size)
{
	time_t t = started(p, now);
	struct tm tm, today;

	localtime_r(&t, &tm);
	localtime_r(&now->now, &today);
	if (tm.tm_year != today.tm_year)
		strftime(to, size, "%Y", &tm);
	else
		strftime(to, size, tm.tm_yday == today.tm_yday ? "%H:%M" : "%b%d", &tm);
}

static void show_time(const struct process *p, const struct now *now, char *to, size_t size)
{
	seconds((long long)(p->cpu / TICKS), true, to, size);
}

static void show_bsdtime(const struct process *p, const struct now *now, char *to, size_t size)
{
	snprintf(to, size, "%llu:%02llu", p->cpu / TICKS / 60, p->cpu / TICKS % 60);
}

static void show_etime(const struct process *p, const struct now *now, char *to, size_t size)
{
	seconds(now->now - started(p, now), false, to, size);
}

static void show_state(const struct process *p, const struct now *now, char *to, size_t size)
{
	snprintf(to, size, "%c", p->state);
}

static void show_stat(const struct process *p, const struct now *now, char *to, size_t size)
{
	const char *nice = p->nice < 0 ? "<" : p->nice > 0 ? "N" : "";

	snprintf(to, size, "%c%s%s%s", p->state, nice, p->session == p->pid ? "s" : "", p->threads > 1 ? "l" : "");
}

static void show_pcpu(const struct process *p, const struct now *now, char *to, size_t size)
{
	snprintf(to, size, "%.1f", cpu_share(p, now));
}

static void show_pmem(const struct process *p, const struct now *now, char *to, size_t size)
{
	snprintf(to, size, "%.1f",
		 now->memory > 0 ? 100.0 * (double)p->rss * (double)sysconf(_SC_PAGESIZE) / now->memory : 0);
}

/* Names of -o and the titles of procps' ps(1). */
static const struct column columns[] = {
	{ "pid", "PID", show_pid }, { "ppid", "PPID", show_ppid }, { "pgid", "PGID", show_pgid },
	{ "pgrp", "PGRP", show_pgid }, { "sid", "SID", show_sid }, { "sess", "SESS", show_sid },
	{ "user", "USER", show_user }, { "euser", "EUSER", show_user }, { "uname", "USER", show_user },
	{ "uid", "UID", show_uid }, { "euid", "EUID", show_uid }, { "comm", "COMMAND", show_comm },
	{ "ucmd", "CMD", show_comm }, { "args", "COMMAND", show_args }, { "command", "COMMAND", show_args },
	{ "cmd", "CMD", show_args }, { "tty", "TT", show_tty }, { "tt", "TT", show_tty },
	{ "tname", "TTY", show_tty }, { "stime", "STIME", show_stime }, { "start_time", "START", show_stime },
	{ "time", "TIME", show_time }, { "cputime", "TIME", show_time }, { "bsdtime", "TIME", show_bsdtime },
	{ "etime", "ELAPSED", show_etime }, { "etimes", "ELAPSED", show_etimes }, { "stat", "STAT", show_stat },
	{ "state", "S", show_state }, { "s", "S", show_state }, { "vsz", "VSZ", show_vsz },
	{ "vsize", "VSZ", show_vsz }, { "rss", "RSS", show_rss }, { "rssize", "RSS", show_rss },
	{ "ni", "NI", show_nice }, { "nice", "NI", show_nice }, { "pri", "PRI", show_priority },
	{ "nlwp", "NLWP", show_threads }, { "thcount", "THCNT", show_threads }, { "c", "C", show_c },
	{ "pcpu", "%CPU", show_pcpu }, { "%cpu", "%CPU", show_pcpu }, { "pmem", "%MEM", show_pmem },
	{ "%mem", "%MEM", show_pmem },
};

/* What each known set of letters shows; the first column's title is not that of -o. */
static const struct {
	const char *letters, *columns, *title;
} formats[] = {
	{ "ef", "user,pid,ppid,c,stime,tname,time,cmd", "UID" },
	{ "aux", "user,pid,%cpu,%mem,vsz,rss,tname,stat,start_time,bsdtime,command", "USER" },
	{ "e", "pid,tname,time,ucmd", "PID" },
};

/* A list of names, len bytes of it. */
static int choose(const char *list, size_t len, struct chosen *ret, struct err *err)
{
	const char *end = list + len;

	for (const char *at = list; at < end; at += *at == ',') {
		size_t n = 0, i = 0;

		while (at + n < end && at[n] != ',')
			n++;
		while (i < ARRAY_SIZE(columns) &&
		       (strlen(columns[i].name) != n || strncmp(columns[i].name, at, n) != 0))
			i++;
		if (i == ARRAY_SIZE(columns))
			return err_set(err, 500, "error: unknown user-defined format specifier \"%.*s\"",
				       (int)(n < 60 ? n : 60), at);
		if (ret->n == COLUMNS_MAX)
			return err_set(err, 400, "too many columns");
		ret->v[ret->n++] = columns[i];
		at += n;
	}
	return 0;
}

/* The letters are those of one format, in any order and number. */
static bool same_letters(const char *letters, const char *of)
{
	return letters[0] && strspn(letters, of) == strlen(letters) && strspn(of, letters) == strlen(of);
}

/* Options apart from -o into letters. */
static int read_options(const char *args, char *letters, size_t size, struct chosen *ret, struct err *err)
{
	static const char blanks[] = " \t";
	size_t n = 0;

	for (const char *at = args + strspn(args, blanks); *at; at += strspn(at, blanks)) {
		const char *end = at + strcspn(at, blanks);

		for (at += *at == '-'; at < end && *at != 'o'; at++) {
			if (n == size - 1 || !isalpha((unsigned char)*at))
				return err_set(err, 500, "error: unsupported option (BSD syntax)");
			letters[n++] = (char)(*at == 'A' ? 'e' : *at);
		}
		if (at == end)
			continue;
		/* The list stands behind the o or is the next word. */
		at += 1;
		if (at == end) {
			at += strspn(at, blanks);
			end = at + strcspn(at, blanks);
		}
		if (at == end)
			return err_set(err, 500, "error: format specification must follow -o");
		if (choose(at, (size_t)(end - at), ret, err) < 0)
			return -1;
		at = end;
	}
	letters[n] = '\0';
	return 0;
}

/* -e, -A and a choose all processes, which is all that there is to choose here. */
int top_columns(const char *args, struct chosen *ret, struct err *err)
{
	char text[32] = "";
	const char *letters = text;

	if (read_options(args, text, sizeof(text), ret, err) < 0)
		return -1;
	if (ret->n)
		return strspn(text, "eax") == strlen(text) ? 0 : err_set(err, 500, "error: conflicting format options");
	if (!*text || same_letters(text, "f"))
		letters = "ef";
	else if (same_letters(text, "x"))
		letters = "e";
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
		if (same_letters(letters, formats[i].letters)) {
			if (choose(formats[i].columns, strlen(formats[i].columns), ret, err) < 0)
				return -1;
			ret->v[0].title = formats[i].title;
			return 0;
		}
	return err_set(err, 500, "error: unsupported option (BSD syntax)");
}
