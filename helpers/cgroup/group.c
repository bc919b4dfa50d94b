/* group.c - making, finding and removing the directories.
 *
 * Invariants: a name below a root is always 64 hex digits that we made from an id, so ".." or a path cannot be meant,
 * alone or in a parent whose name is one component of Docker's name alphabet;
 * every open is relative to a root's fd with O_NOFOLLOW; only files named in this program are touched; a directory that
 * our uid does not own is not ours. The order is version 2 first when making and last when removing, so that a
 * directory there stands for everything (after a crash, too). From: kernel docs cgroup-v2.rst, cgroup-v1/. */
#include "cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/fd.h"
#include "../base/text.h"

enum { NESTING_MAX = 16, GROUP_PATH = PARENT_MAX + 1 + ID_HEX + 1 };

static const struct {
	const char *v2, *v1; /* names in cgroup.controllers, in /proc/cgroups */
} controllers[CTL_COUNT] = {
	[CTL_MEMORY] = { "memory", "memory" },
	[CTL_PIDS] = { "pids", "pids" },
	[CTL_CPU] = { "cpu", "cpu" },
	[CTL_CPUSET] = { "cpuset", "cpuset" },
	[CTL_IO] = { "io", "blkio" },
	[CTL_CPUACCT] = { NULL, "cpuacct" }, /* version 2 has cpu.stat without any controller */
};

int read_at(int dir, const char *name, char *buf, size_t size)
{
	_cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = pread(fd, buf, size - 1, 0);
	if (n < 0)
		return -errno;
	if (n > 0 && buf[n - 1] == '\n')
		n--;
	buf[n] = '\0';
	return (int)n;
}

/* Is word one of those in list? */
static bool has_word(const char *list, const char *word, const char *separators)
{
	size_t n = strlen(word);

	for (const char *s = list; *s; s += strspn(s, separators)) {
		size_t len = strcspn(s, separators);

		if (len == n && memcmp(s, word, n) == 0)
			return true;
		s += len;
	}
	return false;
}

int group_dir(const struct roots *roots, const struct group *g, enum controller c, bool *ret_v2)
{
	*ret_v2 = roots->v2_controllers & 1u << c;
	if (*ret_v2)
		return g->v2;
	for (unsigned i = 0; i < roots->nv1; i++)
		if (has_word(roots->v1[i].controllers, controllers[c].v1, ","))
			return g->v1[i];
	return -ENOENT;
}

/* Only members of the join group may move a process in (clone3 with CLONE_INTO_CGROUP wants write access there and at
 * the common ancestor). They own nothing: limits and the tree itself stay with us. In version 1 the file is "tasks": a
 * thread that moves itself waits for no grace period of RCU there, which cgroup.procs costs 10 ms for. */
static int let_join(const struct roots *roots, int dir, const char *file)
{
	struct stat st;

	if (fstatat(dir, file, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (st.st_gid != roots->join_gid && fchownat(dir, file, (uid_t)-1, roots->join_gid, 0) < 0)
		return -errno;
	if ((st.st_mode & 07777) != 0664 && fchmodat(dir, file, 0664, 0) < 0)
		return -errno;
	return 0;
}

/* One that cannot be enabled (real-time tasks, for cpu) is not there: subtree_control tells. */
static int enable_below(int dir)
{
	char text[512] = "", enable[32];
	int r = read_at(dir, "cgroup.controllers", text, sizeof(text));

	for (int c = 0; r >= 0 && c < CTL_COUNT; c++) {
		if (!controllers[c].v2 || !has_word(text, controllers[c].v2, " "))
			continue;
		if (text_format(enable, sizeof(enable), "+%s", controllers[c].v2) == 0)
			(void)file_write_at(dir, "cgroup.subtree_control", enable);
	}
	return r;
}

/* A version 1 cpuset is then born with what its parent has. Without it fill_cpuset writes that, for each of which the
 * kernel looks at all of its siblings and builds the scheduler's domains anew. */
static void clone_cpusets(const struct roots *roots)
{
	for (unsigned i = 0; i < roots->nv1; i++)
		if (has_word(roots->v1[i].controllers, "cpuset", ","))
			(void)file_write_at(roots->v1[i].fd, "cgroup.clone_children", "1");
}

int roots_prepare(struct roots *roots)
{
	char text[512];
	int r = enable_below(roots->v2);

	if (r < 0)
		return r;
	clone_cpusets(roots);
	r = read_at(roots->v2, "cgroup.subtree_control", text, sizeof(text));
	if (r < 0)
		return r;
	for (int c = 0; c < CTL_COUNT; c++)
		if (controllers[c].v2 && has_word(text, controllers[c].v2, " "))
			roots->v2_controllers |= 1u << c;
	return let_join(roots, roots->v2, "cgroup.procs");
}

static DIR *list_dir(int dir)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d)
		close_fd(fd);
	return d;
}

static bool is_ours(const struct roots *roots, int fd)
{
	struct fd_id id;

	return fd_identify(fd, &id) == 0 && S_ISDIR(id.mode) && id.uid == roots->uid;
}

bool parent_valid(const char *parent)
{
	uint8_t id[ID_BYTES];

	return !*parent || (name_valid(parent, strlen(parent)) && strlen(parent) <= PARENT_MAX &&
			    hex_decode(parent, id, ID_BYTES) < 0);
}

/* Containers in dir, which is the root, or a parent in it. */
static int scan_dir(const struct roots *roots, int dir, const char *parent,
		    int (*found)(void *, const char *, const uint8_t *), void *data)
{
	DIR *d = list_dir(dir);
	struct dirent *e;
	int r = 0;

	if (!d)
		return -errno;
	while (r == 0 && (e = readdir(d))) {
		uint8_t id[ID_BYTES];

		if (e->d_type != DT_DIR || e->d_name[0] == '.')
			continue;
		_cleanup_close_ int fd = openat(dir, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (fd < 0 || !is_ours(roots, fd))
			continue;
		if (hex_decode(e->d_name, id, ID_BYTES) == 0)
			r = found(data, parent, id);
		else if (!*parent && parent_valid(e->d_name))
			r = scan_dir(roots, fd, e->d_name, found, data);
	}
	closedir(d);
	return r;
}

int roots_scan(const struct roots *roots, int (*found)(void *, const char *, const uint8_t *), void *data)
{
	return scan_dir(roots, roots->v2, "", found, data);
}

void group_close(struct group *g)
{
	g->v2 = close_fd(g->v2);
	for (unsigned i = 0; i < CGROUP_V1_MAX; i++)
		g->v1[i] = close_fd(g->v1[i]);
}

static void group_init(struct group *g)
{
	g->v2 = GROUP_NONE;
	for (unsigned i = 0; i < CGROUP_V1_MAX; i++)
		g->v1[i] = GROUP_NONE;
}

static int open_ours(const struct roots *roots, int root, const char *name)
{
	_cleanup_close_ int fd = openat(root, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	return is_ours(roots, fd) ? TAKE_FD(fd) : -EPERM;
}

static void group_path(const char *parent, const uint8_t *id, char ret[GROUP_PATH])
{
	char hex[ID_HEX + 1];

	hex_encode(id, ID_BYTES, hex);
	(void)text_format(ret, GROUP_PATH, "%s%s%s", parent, *parent ? "/" : "", hex);
}

int group_open(const struct roots *roots, const char *parent, const uint8_t *id, struct group *ret)
{
	char name[GROUP_PATH];
	struct group g;
	int r;

	group_init(&g);
	group_path(parent, id, name);
	r = g.v2 = open_ours(roots, roots->v2, name);
	for (unsigned i = 0; r >= 0 && i < roots->nv1; i++)
		r = g.v1[i] = open_ours(roots, roots->v1[i].fd, name);
	if (r < 0) {
		group_close(&g);
		return r;
	}
	*ret = g;
	return 0;
}

/* Removes what is below dir, deepest first. Bounded in depth; the number is bounded by what the kernel lets nest. */
static int remove_nested(int dir, int depth)
{
	struct dirent *e;
	int r = 0;
	DIR *d;

	if (depth > NESTING_MAX)
		return -ELOOP;
	d = list_dir(dir);
	if (!d)
		return -errno;
	while (r == 0 && (e = readdir(d))) {
		if (e->d_type != DT_DIR || strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (unlinkat(dir, e->d_name, AT_REMOVEDIR) == 0)
			continue;
		_cleanup_close_ int fd = openat(dir, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		r = fd < 0 ? -errno : remove_nested(fd, depth + 1);
		if (r == 0 && unlinkat(dir, e->d_name, AT_REMOVEDIR) < 0 && errno != ENOENT)
			r = -errno;
	}
	closedir(d);
	return r;
}

static int remove_one(const struct roots *roots, int root, const char *name)
{
	_cleanup_close_ int fd = open_ours(roots, root, name);
	int r;

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	if (unlinkat(root, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	if (errno != EBUSY && errno != ENOTEMPTY)
		return -errno;
	r = remove_nested(fd, 0);
	if (r < 0)
		return r;
	return unlinkat(root, name, AT_REMOVEDIR) < 0 && errno != ENOENT ? -errno : 0;
}

/* With the last container in it; never what is not ours, such as spawn's own group. */
static void drop_parent(const struct roots *roots, int root, const char *parent)
{
	_cleanup_close_ int fd = *parent ? open_ours(roots, root, parent) : -EBADF;

	if (fd >= 0)
		unlinkat(root, parent, AT_REMOVEDIR);
}

int group_remove(const struct roots *roots, const char *parent, const uint8_t *id)
{
	char name[GROUP_PATH];
	int r = 0;

	group_path(parent, id, name);
	for (unsigned i = 0; r == 0 && i < roots->nv1; i++) {
		r = remove_one(roots, roots->v1[i].fd, name);
		if (r == 0)
			drop_parent(roots, roots->v1[i].fd, parent);
	}
	if (r == 0)
		r = remove_one(roots, roots->v2, name);
	if (r == 0)
		drop_parent(roots, roots->v2, parent);
	return r;
}

/* A version 1 cpuset may be born empty, and then takes no process until it has cpus and mems. */
static int fill_cpuset(const struct roots *roots, unsigned hierarchy, int dir)
{
	static const char *const files[] = { "cpuset.cpus", "cpuset.mems" };
	static const char *const above[] = { "../cpuset.cpus", "../cpuset.mems" };
	char text[1024];
	int r = 0;

	if (!has_word(roots->v1[hierarchy].controllers, "cpuset", ","))
		return 0;
	for (unsigned i = 0; r >= 0 && i < ARRAY_SIZE(files); i++) {
		r = read_at(dir, files[i], text, sizeof(text));
		if (r != 0)
			continue; /* cgroup.clone_children of the one above has done it */
		r = read_at(dir, above[i], text, sizeof(text));
		if (r >= 0)
			r = file_write_at(dir, files[i], text);
	}
	return r;
}

static int make_one(const struct roots *roots, int root, const char *name)
{
	_cleanup_close_ int fd = -EBADF;
	int r;

	if (mkdirat(root, name, 0755) < 0)
		return -errno;
	fd = open_ours(roots, root, name);
	r = fd < 0 ? fd : let_join(roots, fd, root == roots->v2 ? "cgroup.procs" : "tasks");
	if (r < 0) {
		unlinkat(root, name, AT_REMOVEDIR);
		return r;
	}
	return TAKE_FD(fd);
}

/* In every hierarchy; one that is there is used. */
static int make_parent(const struct roots *roots, const char *parent)
{
	for (unsigned i = 0; i <= roots->nv1; i++) {
		int root = i < roots->nv1 ? roots->v1[i].fd : roots->v2, r;

		if (mkdirat(root, parent, 0755) < 0 && errno != EEXIST)
			return -errno;
		_cleanup_close_ int fd = open_ours(roots, root, parent);

		r = fd < 0 ? fd : i < roots->nv1 ? fill_cpuset(roots, i, fd) : enable_below(fd);
		if (r < 0)
			return r;
	}
	return 0;
}

int group_create(const struct roots *roots, const char *parent, const uint8_t *id, struct group *ret,
		 const char **ret_step)
{
	char name[GROUP_PATH];
	struct group g;
	int r;

	group_init(&g);
	group_path(parent, id, name);
	*ret_step = "parent";
	r = *parent ? make_parent(roots, parent) : 0;
	if (r < 0) {
		for (unsigned i = 0; i <= roots->nv1; i++)
			drop_parent(roots, i < roots->nv1 ? roots->v1[i].fd : roots->v2, parent);
		return r;
	}
	*ret_step = "version 2";
	r = g.v2 = make_one(roots, roots->v2, name);
	if (r < 0)
		return r;
	for (unsigned i = 0; r >= 0 && i < roots->nv1; i++) {
		*ret_step = roots->v1[i].controllers;
		r = make_one(roots, roots->v1[i].fd, name);
		/* Version 2 was not there: what is here is the rest of a removal that was cut short. */
		if (r == -EEXIST && remove_one(roots, roots->v1[i].fd, name) == 0)
			r = make_one(roots, roots->v1[i].fd, name);
		g.v1[i] = r;
		if (r >= 0)
			r = fill_cpuset(roots, i, g.v1[i]);
	}
	if (r < 0) {
		group_close(&g);
		group_remove(roots, parent, id);
		return r;
	}
	*ret = g;
	return 0;
}

int group_event(int events, const char *key)
{
	char text[256];
	size_t n = strlen(key);
	ssize_t len = pread(events, text, sizeof(text) - 1, 0);

	if (len < 0)
		return -errno;
	text[len] = '\0';
	for (char *s = text; s; s = strchr(s, '\n')) {
		s += *s == '\n';
		if (strncmp(s, key, n) == 0 && s[n] == ' ')
			return s[n + 1] == '1';
	}
	return -ENODATA;
}
