/* top.c - GET /containers/{id}/top: what `ps` would show of a container's processes.
 *
 * No ps is run: posternd may execute nothing. Everything comes from files of /proc that anybody may read (proc(5):
 * stat, cmdline, the owner of the directory). Which processes there are is said by the container's cgroup; an engine
 * without cgroups follows the children of the container's monitor. Ids are as the container sees them, process numbers
 * are the host's, as with Docker. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>

#include "../../helpers/base/cleanup.h"
#include "../../helpers/base/fd.h"
#include "../../helpers/base/policy.h"
#include "../json.h"
#include "internal.h"
#include "top.h"

enum { PROCESSES_MAX = 32768, DEPTH_MAX = 16 /* of cgroups */ };

struct processes {
	size_t n, size;
	int *pid;
};

static int add_pid(struct processes *p, int pid)
{
	if (p->n == PROCESSES_MAX)
		return -E2BIG;
	if (p->n == p->size) {
		size_t size = p->size ? 2 * p->size : 64;
		int *more = reallocarray(p->pid, size, sizeof(*more));

		if (!more)
			return -ENOMEM;
		p->pid = more;
		p->size = size;
	}
	p->pid[p->n++] = pid;
	return 0;
}

/* --- one process ------------------------------------------------------------------------------------------------- */
static char *read_file(int pid, const char *name, size_t *ret_len)
{
	_cleanup_close_ int fd = -EBADF;
	char path[64], *text;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd >= 0 && fd_read_all(fd, 1 << 20, &text, ret_len) == 0 ? text : NULL;
}

/* The command of a process is its own to choose: between the first '(' and the last ')'. */
static int parse_stat(const char *text, struct process *p)
{
	const char *open = strchr(text, '('), *close = strrchr(text, ')');
	unsigned long long user, system;

	if (!open || !close || close < open)
		return -1;
	snprintf(p->comm, sizeof(p->comm), "%.*s", (int)(close - open - 1), open + 1);
	if (sscanf(close + 1, " %c %d %d %d %d %*d %*u %*u %*u %*u %*u %llu %llu %*d %*d %d %d %d %*d %llu %llu %llu",
		   &p->state, &p->ppid, &p->pgrp, &p->session, &p->tty, &user, &system, &p->priority, &p->nice,
		   &p->threads, &p->start, &p->vsize, &p->rss) != 13)
		return -1;
	p->cpu = user + system;
	return 0;
}

static void read_args(struct process *p)
{
	size_t len = 0;
	char *text = read_file(p->pid, "cmdline", &len);

	while (len > 0 && text[len - 1] == '\0')
		len--;
	if (len == 0)
		snprintf(p->args, sizeof(p->args), "[%s]%s", p->comm, p->state == 'Z' ? " <defunct>" : "");
	for (size_t i = 0; i < len && i < sizeof(p->args) - 1; i++)
		p->args[i] = iscntrl((unsigned char)text[i]) ? (text[i] ? '?' : ' ') : text[i];
	if (len > 0)
		p->args[len < sizeof(p->args) ? len : sizeof(p->args) - 1] = '\0';
	free(text);
}

/* -1 when it has gone. */
static int read_process(const struct container *c, int pid, struct process *p)
{
	uint32_t base = c->e->policy->ids_shared ? c->e->policy->store_first : c->row.base;
	char *text = read_file(pid, "stat", NULL), path[32];
	struct stat st;
	int r = text ? parse_stat(text, p) : -1;

	free(text);
	p->pid = pid;
	snprintf(path, sizeof(path), "/proc/%d", pid);
	if (r < 0 || stat(path, &st) < 0)
		return -1;
	/* What is not dumpable belongs to the namespace's root on /proc: that is 0 inside as well. */
	p->uid = st.st_uid - base < MAP_SIZE ? st.st_uid - base : OVERFLOW_ID;
	read_args(p);
	return 0;
}

/* --- which processes --------------------------------------------------------------------------------------------- */
/* Numbers of a cgroup and of those below it, which a container may have made. */
static int read_cgroup(int dir, unsigned depth, struct processes *ret)
{
	_cleanup_close_ int fd = openat(dir, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	_cleanup_free_ char *text = NULL;
	int r = fd < 0 ? -errno : fd_read_all(fd, 1 << 20, &text, NULL);
	DIR *d;

	for (char *rest = text, *line; r == 0 && (line = strsep(&rest, "\n"));)
		if (*line)
			r = add_pid(ret, atoi(line));
	d = r == 0 && depth < DEPTH_MAX ? fd_opendir(dir) : NULL;
	for (struct dirent *e; d && r == 0 && (e = fd_readdir(d));) {
		_cleanup_close_ int sub =
			e->d_type == DT_DIR ? openat(dir, e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -EBADF;

		if (sub >= 0)
			r = read_cgroup(sub, depth + 1, ret);
	}
	if (d)
		closedir(d);
	return r;
}

static int by_cgroup(struct container *c, const struct call_ctx *ctx, struct processes *ret)
{
	struct req_cgroup_open req;
	struct rep_cgroup_open rep;
	int r, dir;

	memcpy(req.container, c->raw_id, ID_BYTES);
	r = helper_call(c->e, OP_CGROUP_OPEN, &req, &rep, ctx, NULL);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < rep.v1.n; i++)
		close(rep.v1.fd[i]);
	dir = openat(rep.v2, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	close(rep.v2);
	r = dir < 0 ? -errno : read_cgroup(dir, 0, ret);
	if (dir >= 0)
		close(dir);
	return r;
}

static int parent_of(int pid)
{
	char *text = read_file(pid, "stat", NULL);
	struct process p = { 0 };
	int r = text ? parse_stat(text, &p) : -1;

	free(text);
	return r < 0 ? 0 : p.ppid;
}

/* A process of the host, and whether it descends from the monitor. */
struct kin {
	int pid, parent;
	enum { UNKNOWN, RELATED, STRANGE } is;
};

static int by_pid(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b; /* pid comes first */
}

static int list_all(struct kin **ret, size_t *ret_n)
{
	DIR *proc = opendir("/proc");
	size_t size = 0;
	int r = proc ? 0 : -errno;

	*ret = NULL;
	*ret_n = 0;
	for (struct dirent *e; proc && r == 0 && (e = readdir(proc));) {
		int pid = atoi(e->d_name);
		struct kin *more = *ret;

		if (pid <= 0)
			continue;
		if (*ret_n == PROCESSES_MAX) {
			r = -E2BIG;
		} else if (*ret_n == size) {
			more = reallocarray(*ret, size = size ? 2 * size : 256, sizeof(*more));
			r = more ? 0 : -ENOMEM;
		}
		if (r == 0) {
			*ret = more;
			more[(*ret_n)++] = (struct kin){ pid, parent_of(pid), UNKNOWN };
		}
	}
	if (proc)
		closedir(proc);
	return r;
}

/* Up the line of parents to one that is known, then the same way again to write down what was found: each process is
 * passed twice, whatever tree a container grows. A line longer than all (numbers used again meanwhile) belongs to
 * nobody. */
static void find_out(struct kin *all, size_t n, struct kin *from, int monitor)
{
	struct kin *at = from, *end = NULL;
	int is = STRANGE;

	for (size_t steps = 0; at && at->is == UNKNOWN && steps < n; steps++) {
		end = at;
		if (at->parent == monitor)
			is = RELATED;
		at = is == RELATED ? NULL : bsearch(&at->parent, all, n, sizeof(*all), by_pid);
	}
	if (at && at->is == RELATED)
		is = RELATED;
	for (at = from; at && at->is == UNKNOWN;
	     at = at == end ? NULL : bsearch(&at->parent, all, n, sizeof(*all), by_pid))
		at->is = is;
}

/* All that descends from the parent of the first process, its monitor. */
static int by_parents(const struct container *c, struct processes *ret)
{
	int monitor = parent_of((int)c->row.pid), r;
	struct kin *all;
	size_t n;

	if (monitor <= 1)
		return -ESRCH;
	r = list_all(&all, &n);
	if (r == 0 && n > 0)
		qsort(all, n, sizeof(*all), by_pid);
	for (size_t i = 0; r == 0 && i < n; i++) {
		find_out(all, n, &all[i], monitor);
		if (all[i].is == RELATED)
			r = add_pid(ret, all[i].pid);
	}
	free(all);
	return r;
}

/* --- the answer -------------------------------------------------------------------------------------------------- */
static void read_now(struct now *now)
{
	char *text = NULL, *line;
	int fd = open("/proc/stat", O_RDONLY | O_CLOEXEC);
	struct sysinfo memory;

	now->now = time(NULL);
	now->boot = now->now;
	if (fd >= 0 && fd_read_all(fd, 1 << 20, &text, NULL) == 0 && (line = strstr(text, "\nbtime ")))
		now->boot = (time_t)strtoll(line + 7, NULL, 10);
	if (fd >= 0)
		close(fd);
	free(text);
	now->memory = sysinfo(&memory) == 0 ? (double)memory.totalram * memory.mem_unit : 0;
}

static cJSON *rows(const struct container *c, const struct processes *found, const struct chosen *chosen)
{
	cJSON *all = cJSON_CreateArray();
	struct now now;

	read_now(&now);
	for (size_t i = 0; i < found->n; i++) {
		static struct process p; /* one thread, no park */
		char text[sizeof(p.args)];
		cJSON *row;

		if (read_process(c, found->pid[i], &p) < 0)
			continue;
		row = cJSON_CreateArray();
		for (unsigned k = 0; k < chosen->n; k++) {
			chosen->v[k].show(&p, &now, text, sizeof(text));
			cJSON_AddItemToArray(row, cJSON_CreateString(text));
		}
		cJSON_AddItemToArray(all, row);
	}
	return all;
}

cJSON *container_top(struct container *c, const char *ps_args, const struct call_ctx *ctx, struct err *err)
{
	struct processes found = { 0 };
	struct chosen chosen = { 0 };
	bool has_pid = false;
	cJSON *o, *titles;
	int r;

	if (!container_is_running(c)) {
		err_set(err, 409, "container %s is not running", c->row.id);
		return NULL;
	}
	if (top_columns(ps_args && ps_args[0] ? ps_args : "-ef", &chosen, err) < 0)
		return NULL;
	for (unsigned i = 0; i < chosen.n; i++)
		has_pid = has_pid || strcmp(chosen.v[i].title, "PID") == 0;
	if (!has_pid) {
		err_set(err, 500, "Couldn't find PID field in ps output");
		return NULL;
	}
	r = helper_absent(c->e, HELPER_CGROUP) ? by_parents(c, &found) : by_cgroup(c, ctx, &found);
	if (r < 0) {
		free(found.pid);
		err_set(err, 500, "the container's processes cannot be listed: %s", strerror(-r));
		return NULL;
	}
	if (found.n)
		qsort(found.pid, found.n, sizeof(*found.pid), by_pid);
	o = cJSON_CreateObject();
	titles = cJSON_AddArrayToObject(o, "Titles");
	for (unsigned i = 0; i < chosen.n; i++)
		cJSON_AddItemToArray(titles, cJSON_CreateString(chosen.v[i].title));
	cJSON_AddItemToObject(o, "Processes", rows(c, &found, &chosen));
	free(found.pid);
	return o;
}
