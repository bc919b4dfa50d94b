/* cgroups.c - R/helpers (root's) beside R/containers (the delegated root), in version 2 and in each version 1 hierarchy.
 *
 * The owner of a subtree can kill and freeze anything in it, so no program of ours but spawn is below R/containers
 * (cgroups(7), Documentation/admin-guide/cgroup-v2.rst "Delegation"). */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/fd.h"
#include "../base/log.h"
#include "../base/text.h"
#include "launcher.h"

/* Version 1 controllers that a container's limits need; one that is in version 2 is not looked for. */
static const char *const v1_wanted[] = { "memory", "pids", "cpu", "cpuset", "blkio" }; /* frozen by version 2 */

static int mkdir_p(int root, const char *path)
{
	char part[512];

	for (const char *p = path;; p++) {
		if (*p && *p != '/')
			continue;
		if (text_format(part, sizeof(part), "%.*s", (int)(p - path), path) < 0)
			return -ENAMETOOLONG;
		if (part[0] && mkdirat(root, part, 0755) < 0 && errno != EEXIST)
			return -errno;
		if (!*p)
			break;
	}
	return openat(root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* cpuset of version 1 starts empty: nothing can be put there before it has cpus and mems. */
static void inherit_cpuset(int root, const char *path)
{
	static const char *const files[] = { "cpuset.cpus", "cpuset.mems" };
	char part[512];

	for (const char *p = path;; p++) {
		if (*p && *p != '/')
			continue;
		_cleanup_close_ int dir = text_format(part, sizeof(part), "%.*s", (int)(p - path), path) < 0
						  ? -EBADF
						  : openat(root, part, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		for (size_t i = 0; dir >= 0 && i < ARRAY_SIZE(files); i++) {
			_cleanup_close_ int up = openat(dir, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
			_cleanup_close_ int fd = up < 0 ? -EBADF : openat(up, files[i], O_RDONLY | O_CLOEXEC);
			_cleanup_free_ char *text = NULL;

			if (fd >= 0 && fd_read_all(fd, 4096, &text, NULL) == 0)
				file_write_at(dir, files[i], text);
		}
		if (!*p)
			break;
	}
}

static int delegate(struct launcher *l, int dir)
{
	static const char *const files[] = { "cgroup.procs", "cgroup.subtree_control", "cgroup.threads", "tasks" };
	uid_t uid = engine_id(l, HELPER_CGROUP);
	gid_t gid = engine_id(l, IDS_CGROUP_GID);

	if (fchown(dir, uid, gid) < 0)
		return -errno;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		if (fchownat(dir, files[i], uid, gid, 0) < 0 && errno != ENOENT)
			return -errno;
	return fchmodat(dir, "cgroup.procs", 0664, 0) < 0 ? -errno : 0;
}

static int hierarchy_create(struct launcher *l, const char *mountpoint, struct hierarchy *h)
{
	_cleanup_close_ int root = open(mountpoint, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char path[300], spawn[320];
	int r;

	if (root < 0)
		return -errno;
	r = fd_devs_cgroup(&l->devs, root);
	if (r < 0)
		return r;
	snprintf(path, sizeof(path), "%s/containers", l->config.cgroup);
	snprintf(spawn, sizeof(spawn), "%s/spawn", path);
	h->dir = mkdir_p(root, path);
	if (h->dir < 0)
		return h->dir;
	h->spawn = mkdir_p(root, spawn);
	if (h->spawn < 0)
		return h->spawn;
	if (!strcmp(h->controller, "cpuset"))
		inherit_cpuset(root, spawn);
	return delegate(l, h->dir);
}

/* On a pure version 2 host: hand the controllers down to R/containers. */
static void enable_controllers(int root, const char *path)
{
	static const char *const all[] = { "+memory", "+pids", "+cpu", "+cpuset", "+io", "+hugetlb" };
	char part[512];

	for (const char *p = path;; p++) {
		if (*p && *p != '/')
			continue;
		_cleanup_close_ int dir = p == path ? dup(root)
				  : text_format(part, sizeof(part), "%.*s", (int)(p - path), path) < 0
					  ? -EBADF
					  : openat(root, part, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		for (size_t i = 0; dir >= 0 && i < ARRAY_SIZE(all); i++)
			file_write_at(dir, "cgroup.subtree_control", all[i]); /* what is not there is not there */
		if (!*p)
			break;
	}
}

/* mountinfo line: 30 25 0:26 / /sys/fs/cgroup/memory rw ... - cgroup cgroup rw,memory */
static bool parse_mount(char *line, char **ret_point, char **ret_type, char **ret_options)
{
	char *save = NULL, *field = strtok_r(line, " ", &save), *fields[5] = { 0 };
	int n = 0;

	for (; field && n < 5; field = strtok_r(NULL, " ", &save))
		fields[n++] = field;
	while (field && strcmp(field, "-"))
		field = strtok_r(NULL, " ", &save);
	*ret_point = fields[4];
	*ret_type = strtok_r(NULL, " ", &save);
	strtok_r(NULL, " ", &save);
	*ret_options = strtok_r(NULL, " \n", &save);
	return n == 5 && *ret_type && *ret_options;
}

static bool has_option(const char *options, const char *name)
{
	size_t n = strlen(name);

	for (const char *p = options; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL)
		if (!strncmp(p, name, n) && (p[n] == ',' || p[n] == '\0'))
			return true;
	return false;
}

static int add_v1(struct launcher *l, const char *point, const char *options)
{
	for (size_t i = 0; i < ARRAY_SIZE(v1_wanted); i++) {
		struct hierarchy *h = &l->cgroups.v1[l->cgroups.nv1];
		int r;

		if (!has_option(options, v1_wanted[i]))
			continue;
		for (unsigned k = 0; k < l->cgroups.nv1; k++)
			if (!strcmp(l->cgroups.v1[k].controller, v1_wanted[i]))
				return 0;
		if (l->cgroups.nv1 == CGROUP_V1_MAX)
			return -E2BIG;
		text_copy(h->controller, sizeof(h->controller), v1_wanted[i]);
		r = hierarchy_create(l, point, h);
		if (r < 0)
			return r;
		l->cgroups.nv1++;
		return 0;
	}
	return 0;
}

static int kill_all(int dir)
{
	_cleanup_close_ int events = openat(dir, "cgroup.events", O_RDONLY | O_CLOEXEC);

	if (file_write_at(dir, "cgroup.kill", "1") < 0 || events < 0)
		return -errno;
	for (int i = 0; i < 100; i++) {
		struct pollfd p = { .fd = events, .events = POLLPRI };
		_cleanup_free_ char *text = NULL;

		if (fd_read_all(events, 4096, &text, NULL) == 0 && strstr(text, "populated 0"))
			return 0;
		poll(&p, 1, 50);
	}
	return -ETIMEDOUT;
}

int cgroups_kill_helpers(struct launcher *l)
{
	return kill_all(l->cgroups.helpers);
}

static int v2_create(struct launcher *l, const char *point)
{
	_cleanup_close_ int root = open(point, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char path[300];
	int r;

	if (root < 0)
		return -errno;
	r = hierarchy_create(l, point, &l->cgroups.v2);
	if (r < 0)
		return r;
	enable_controllers(root, l->config.cgroup);
	snprintf(path, sizeof(path), "%s/helpers", l->config.cgroup);
	l->cgroups.helpers = mkdir_p(root, path);
	if (l->cgroups.helpers < 0)
		return l->cgroups.helpers;
	/* A spawn of an earlier launcher must not live beside the new one; its monitors, in the same cgroup, must go on:
	 * it ends with its channel. All other helpers are killed here. */
	return kill_all(l->cgroups.helpers);
}

int cgroups_create(struct launcher *l)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char line[4096];
	int r = 0;

	if (!f)
		return -errno;
	l->cgroups.v2.dir = -EBADF;
	while (r == 0 && fgets(line, sizeof(line), f)) {
		char *point, *type, *options;

		if (!parse_mount(line, &point, &type, &options))
			continue;
		if (!strcmp(type, "cgroup2") && l->cgroups.v2.dir < 0)
			r = v2_create(l, point);
		else if (!strcmp(type, "cgroup"))
			r = add_v1(l, point, options);
	}
	fclose(f);
	if (r == 0 && l->cgroups.v2.dir < 0) {
		log_error("no cgroup version 2 hierarchy is mounted: mount -t cgroup2 none /sys/fs/cgroup/unified");
		return -ENOENT;
	}
	return r;
}

int cgroups_enter(struct launcher *l, const struct row *row)
{
	int r;

	if (!row->in_spawn_cgroup)
		return file_write_at(l->cgroups.helpers, "cgroup.procs", "0");
	r = file_write_at(l->cgroups.v2.spawn, "cgroup.procs", "0");
	for (unsigned i = 0; i < l->cgroups.nv1 && r == 0; i++)
		r = file_write_at(l->cgroups.v1[i].spawn, "cgroup.procs", "0");
	return r;
}

/* Directories of containers (64 hex digits) and what they made below. */
static void remove_containers(int dir, unsigned depth)
{
	_cleanup_close_ int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *e;

	if (!d)
		return;
	TAKE_FD(copy);
	while ((e = readdir(d))) {
		if (e->d_type != DT_DIR || e->d_name[0] == '.' || depth > 16 || (depth == 0 && strlen(e->d_name) != ID_HEX))
			continue;
		_cleanup_close_ int sub = openat(dir, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (sub >= 0)
			remove_containers(sub, depth + 1);
		unlinkat(dir, e->d_name, AT_REMOVEDIR);
	}
	closedir(d);
}

static void remove_tree(int root, const char *path, bool all, bool kill)
{
	static const char *const below[] = { "containers/spawn", "containers", "helpers", "" };
	char part[600];

	if (all) {
		snprintf(part, sizeof(part), "%s/containers", path);
		_cleanup_close_ int dir = openat(root, part, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (dir >= 0 && kill)
			kill_all(dir);
		if (dir >= 0)
			remove_containers(dir, 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(below); i++) {
		snprintf(part, sizeof(part), "%s%s%s", path, below[i][0] ? "/" : "", below[i]);
		for (int try = 0; unlinkat(root, part, AT_REMOVEDIR) < 0 && errno == EBUSY && try < 50; try++)
			poll(NULL, 0, 10); /* the last process is still on its way out */
	}
}

void cgroups_remove(struct launcher *l, bool containers)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char line[4096];

	if (!f)
		return;
	/* version 2 first: killing there empties version 1 as well */
	for (int pass = 0; pass < 2; pass++) {
		rewind(f);
		while (fgets(line, sizeof(line), f)) {
			char *point, *type, *options;

			if (!parse_mount(line, &point, &type, &options) || strcmp(type, pass ? "cgroup" : "cgroup2"))
				continue;
			_cleanup_close_ int root = open(point, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

			if (root >= 0)
				remove_tree(root, l->config.cgroup, containers, !pass);
		}
	}
	fclose(f);
}
