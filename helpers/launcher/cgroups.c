/* cgroups.c - R/helpers (root's) beside R/containers (the delegated root), in version 2 and in each version 1
 * hierarchy.
 *
 * The owner of a subtree can kill and freeze anything in it, so no program of ours but spawn is below R/containers
 * (cgroups(7), Documentation/admin-guide/cgroup-v2.rst "Delegation"). R may be "a/b": of the directories above the last
 * one, those that we made carry a mark (trusted.*, which only root of the host can set) and are removed with it. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/fd.h"
#include "../base/log.h"
#include "../base/text.h"
#include "launcher.h"

#define MARK "trusted.postern"
enum { DEPTH_MAX = 64, TRIES = 300, TRY_MS = 10 };

/* Version 1 controllers that a container's limits need; one that is in version 2 is not looked for. */
static const char *const v1_wanted[] = { "memory", "pids", "cpu", "cpuset", "blkio" }; /* frozen by version 2 */

/* mountinfo line: 30 25 0:26 / /sys/fs/cgroup/memory rw ... - cgroup cgroup rw,memory */
static bool parse_mount(char *line, char **ret_point, char **ret_type, char **ret_options)
{
	char *save = NULL, *field = strtok_r(line, " ", &save), *fields[5] = { 0 };
	int n = 0;

	for (; field && n < 5; field = strtok_r(NULL, " ", &save))
		fields[n++] = field;
	while (field && strcmp(field, "-") != 0)
		field = strtok_r(NULL, " ", &save);
	*ret_point = fields[4];
	*ret_type = strtok_r(NULL, " ", &save);
	strtok_r(NULL, " ", &save);
	*ret_options = strtok_r(NULL, " \n", &save);
	return n == 5 && *ret_type && *ret_options;
}

/* The controller for which this version 1 mount is needed, NULL when it is not. */
static const char *v1_controller(const struct cgroups *g, char *options)
{
	for (char *word; (word = strsep(&options, ","));)
		for (size_t i = 0; i < ARRAY_SIZE(v1_wanted); i++) {
			bool known = strcmp(word, v1_wanted[i]) != 0;

			for (unsigned k = V2 + 1; k < g->n && !known; k++)
				known = strcmp(g->all[k].controller, v1_wanted[i]) == 0;
			if (!known)
				return v1_wanted[i];
		}
	return NULL;
}

/* An ordinary user has R where root has made it and given it away; and no more. */
static bool is_given(const struct launcher *l, int root)
{
	struct stat st;

	return !l->ids.user || (fstatat(root, l->config.cgroup, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_uid == 0);
}

/* The first mount of every hierarchy that is needed. */
static int find_hierarchies(struct launcher *l)
{
	struct cgroups *g = &l->cgroups;
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char line[4096];
	int r = 0;

	if (!f)
		return -errno;
	g->n = V2 + 1;
	g->all[V2] = (struct hierarchy){ .root = -EBADF };
	while (r == 0 && fgets(line, sizeof(line), f)) {
		char *point, *type, *options;
		const char *controller = NULL;
		struct hierarchy *h;

		if (!parse_mount(line, &point, &type, &options))
			continue;
		if (!strcmp(type, "cgroup"))
			controller = v1_controller(g, options);
		if (controller && g->n < ARRAY_SIZE(g->all))
			h = &g->all[g->n++];
		else if (!strcmp(type, "cgroup2") && g->all[V2].root < 0)
			h = &g->all[V2];
		else
			continue;
		h->controller = controller ? controller : "";
		h->root = open(point, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (h->root < 0)
			r = -errno;
		if (r == 0 && controller && !is_given(l, h->root)) {
			h->root = close_fd(h->root);
			g->n--;
		}
	}
	fclose(f);
	if (r == 0 && g->all[V2].root < 0) {
		log_error("no cgroup version 2 hierarchy is mounted: mount -t cgroup2 none /sys/fs/cgroup/unified");
		r = -ENOENT;
	}
	return r;
}

/* cpuset of version 1 starts empty: nothing can be put there before it has cpus and mems. */
static void inherit_cpuset(int parent, int dir)
{
	static const char *const files[] = { "cpuset.cpus", "cpuset.mems" };

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		_cleanup_close_ int fd = openat(parent, files[i], O_RDONLY | O_CLOEXEC);
		_cleanup_free_ char *text = NULL;

		if (fd >= 0 && fd_read_all(fd, 4096, &text, NULL) == 0)
			file_write_at(dir, files[i], text);
	}
}

/* On a pure version 2 host: hand the controllers down, from above before the directory is used. What is not there is
 * not there. */
static void enable_controllers(int dir)
{
	static const char *const all[] = { "+memory", "+pids", "+cpu", "+cpuset", "+io", "+hugetlb" };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		file_write_at(dir, "cgroup.subtree_control", all[i]);
}

/* Makes or opens path below parent. */
static int make_below(const struct hierarchy *h, int parent, const char *path)
{
	_cleanup_close_ int above = openat(parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char part[sizeof(((struct config *)0)->cgroup)];

	for (size_t at = 0; path_prefix(path, &at, part, sizeof(part));) {
		bool made = mkdirat(parent, part, 0755) == 0;
		int dir = -1;

		if (made || errno == EEXIST)
			dir = openat(parent, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (dir < 0)
			return -errno;
		if (made)
			fsetxattr(dir, MARK, "", 0, 0);
		if (!strcmp(h->controller, "cpuset"))
			inherit_cpuset(above, dir);
		else if (!*h->controller)
			enable_controllers(above);
		close_fd(above);
		above = dir;
	}
	return TAKE_FD(above);
}

static int delegate(struct launcher *l, int dir)
{
	static const char *const files[] = { "cgroup.procs", "cgroup.subtree_control", "cgroup.threads", "tasks",
					     "cgroup.clone_children" };
	uid_t uid = engine_id(l, HELPER_CGROUP);
	gid_t gid = engine_id(l, IDS_CGROUP_GID);

	if (fchown(dir, uid, gid) < 0)
		return -errno;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		if (fchownat(dir, files[i], uid, gid, 0) < 0 && errno != ENOENT)
			return -errno;
	return fchmodat(dir, "cgroup.procs", 0664, 0) < 0 ? -errno : 0;
}

static int hierarchy_create(struct launcher *l, struct hierarchy *h)
{
	_cleanup_close_ int top = make_below(h, h->root, l->config.cgroup);
	int r;

	if (top < 0)
		return top;
	r = fd_devs_cgroup(&l->devs, top);
	if (r < 0)
		return r;
	h->dir = make_below(h, top, "containers");
	h->spawn = make_below(h, top, "containers/spawn");
	if (h->dir < 0 || h->spawn < 0)
		return h->dir < 0 ? h->dir : h->spawn;
	r = delegate(l, h->dir);
	if (r == 0 && h == &l->cgroups.all[V2])
		r = l->cgroups.helpers = make_below(h, top, "helpers");
	return r < 0 ? r : 0;
}

/* Kills all in a version 2 cgroup and below, and waits until they are gone, 5 s at most. */
static int kill_all(int dir)
{
	_cleanup_close_ int events = openat(dir, "cgroup.events", O_RDONLY | O_CLOEXEC);

	if (events < 0 || file_write_at(dir, "cgroup.kill", "1") < 0)
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

int cgroups_create(struct launcher *l)
{
	int r = find_hierarchies(l);

	for (unsigned i = 0; i < l->cgroups.n && r == 0; i++)
		r = hierarchy_create(l, &l->cgroups.all[i]);
	/* A spawn of an earlier launcher must not live beside the new one; its monitors, in the same cgroup, must go
	 * on: it ends with its channel. All other helpers are killed here. */
	return r < 0 ? r : kill_all(l->cgroups.helpers);
}

int cgroups_enter(struct launcher *l, const struct row *row)
{
	int r = 0;

	if (l->cgroups.n == 0)
		return 0;
	if (!row->in_spawn_cgroup)
		return file_write_at(l->cgroups.helpers, "cgroup.procs", "0");
	for (unsigned i = 0; i < l->cgroups.n && r == 0; i++)
		r = file_write_at(l->cgroups.all[i].spawn, "cgroup.procs", "0");
	return r;
}

static bool has_containers(int dir)
{
	DIR *d = fd_opendir(dir);
	bool found = false;

	for (struct dirent *e; d && !found && (e = fd_readdir(d));)
		found = strlen(e->d_name) == ID_HEX;
	if (d)
		closedir(d);
	return found;
}

/* rmdir(2) takes only what has no process: removing is never killing. What stays shows in the directory above. */
static void remove_tree(int parent, const char *name, unsigned depth)
{
	_cleanup_close_ int dir = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = dir < 0 || depth == DEPTH_MAX ? NULL : fd_opendir(dir);

	for (struct dirent *e; d && (e = fd_readdir(d));)
		if (e->d_type == DT_DIR)
			remove_tree(dir, e->d_name, depth + 1);
	if (d)
		closedir(d);
	unlinkat(parent, name, AT_REMOVEDIR);
}

static void remove_marked_parents(int root, const char *path)
{
	char part[sizeof(((struct config *)0)->cgroup)];

	if (text_copy(part, sizeof(part), path) < 0)
		return;
	for (char *slash; (slash = strrchr(part, '/'));) {
		_cleanup_close_ int dir = -EBADF;

		*slash = '\0';
		dir = openat(root, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (dir < 0 || fgetxattr(dir, MARK, NULL, 0) < 0 || unlinkat(root, part, AT_REMOVEDIR) < 0)
			return;
	}
}

void cgroups_remove(struct launcher *l, bool containers)
{
	struct cgroups *g = &l->cgroups;
	const char *path = l->config.cgroup;
	char whole[sizeof(l->config.cgroup) + 16];
	bool left = true;

	/* R itself is not a user's to remove, and the launcher of that user's is in it. */
	snprintf(whole, sizeof(whole), "%s%s", path, l->ids.user ? "/containers" : "");
	if ((l->absent & 1u << HELPER_CGROUP) || (g->n == 0 && find_hierarchies(l) < 0))
		return;
	_cleanup_close_ int top = openat(g->all[V2].root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_close_ int helpers = openat(top, "helpers", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_close_ int dir = openat(top, "containers", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	/* What a helper had forked may outlive it by a moment. */
	if (helpers >= 0)
		kill_all(helpers);
	if (containers && dir >= 0)
		kill_all(dir);
	if (!containers && has_containers(dir))
		return; /* they live on, and the next launcher finds them */
	/* A process that has ended still counts until it is reaped, and version 1 has no word for when that is. */
	for (int try = 0; left && try < TRIES; try++) {
		left = false;
		for (unsigned i = 0; i < g->n; i++) {
			remove_tree(g->all[i].root, path, 0);
			left = left || faccessat(g->all[i].root, whole, F_OK, 0) == 0;
		}
		if (left)
			poll(NULL, 0, TRY_MS);
	}
	if (left)
		log_warn("cgroup %s cannot be removed: it holds processes that do not end", path);
	for (unsigned i = 0; i < g->n; i++)
		remove_marked_parents(g->all[i].root, path);
}
