/* target.c - where a mount goes, below a root that the image filled. openat2(2).
 *
 * The image may hold any symbolic link, and a volume in it may be changed by another container while we walk. So every
 * step is the kernel's walk inside `root` (RESOLVE_IN_ROOT): a swap can only lead to another place of the same
 * container, which is its own to spoil. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/sys.h"
#include "../base/text.h"
#include "../shared/paths.h"
#include "init.h"

enum { LINKS_MAX = 40, RETRIES_MAX = 64 };

struct walk {
	int root;
	char done[PATH_MAX]; /* walked so far: no symbolic links, no leading slash; "" is root */
	char rest[PATH_MAX];
	int links;
};

static int open_in(int root, const char *path, uint64_t flags)
{
	int fd = -EAGAIN;

	/* EAGAIN: something was renamed meanwhile. */
	for (int i = 0; i < RETRIES_MAX && fd == -EAGAIN; i++)
		fd = sys_openat2(root, *path ? path : ".", flags | O_PATH | O_CLOEXEC, 0,
				 RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
	return fd;
}

int target_open(int root, const char *path)
{
	return open_in(root, path + (*path == '/'), 0);
}

static void step_up(struct walk *w)
{
	char *slash = strrchr(w->done, '/');

	*(slash ? slash : w->done) = '\0';
}

static int follow(struct walk *w, int link)
{
	char text[PATH_MAX], rest[PATH_MAX];
	ssize_t n = readlinkat(link, "", text, sizeof(text) - 1);

	if (n < 0)
		return -errno;
	if (++w->links > LINKS_MAX)
		return -ELOOP;
	text[n] = '\0';
	if (text[0] == '/')
		w->done[0] = '\0';
	if (text_format(rest, sizeof(rest), "%s/%s", text, w->rest) < 0)
		return -ENAMETOOLONG;
	memcpy(w->rest, rest, strlen(rest) + 1);
	return 0;
}

/* What is there already, be it a link, is left as it is. */
static int make_one(int root, const char *parent_path, const char *name, bool dir)
{
	_cleanup_close_ int parent = open_in(root, parent_path, O_DIRECTORY);
	int r;

	if (parent < 0)
		return parent;
	r = dir ? mkdirat(parent, name, 0755) : mknodat(parent, name, S_IFREG | 0644, 0);
	return r < 0 && errno != EEXIST ? -errno : 0;
}

/* One component: into w->done, or its link's text in front of the rest. */
static int step(struct walk *w, const char *name, bool dir)
{
	_cleanup_close_ int fd = -EBADF;
	char path[PATH_MAX];
	struct stat st;
	int e;

	if (strcmp(name, ".") == 0)
		return 0;
	if (strcmp(name, "..") == 0) {
		step_up(w);
		return 0;
	}
	if (text_format(path, sizeof(path), "%s%s%s", w->done, w->done[0] ? "/" : "", name) < 0)
		return -ENAMETOOLONG;
	fd = open_in(w->root, path, O_NOFOLLOW);
	if (fd == -ENOENT) {
		e = make_one(w->root, w->done, name, dir || w->rest[strspn(w->rest, "/")]);
		if (e < 0)
			return e;
		fd = open_in(w->root, path, O_NOFOLLOW);
	}
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISLNK(st.st_mode))
		return follow(w, fd);
	memcpy(w->done, path, strlen(path) + 1);
	return 0;
}

/* The usual case: only the last component is missing. -ENOENT when it is not that. */
static int make_last(int root, const char *path, bool dir)
{
	const char *slash = strrchr(path, '/');
	char parent[PATH_MAX];
	int e;

	if (!slash || !slash[1] || slash - path >= PATH_MAX || strcmp(slash, "/.") == 0 || strcmp(slash, "/..") == 0)
		return -ENOENT;
	memcpy(parent, path, (size_t)(slash - path));
	parent[slash - path] = '\0';
	e = make_one(root, parent + (*parent == '/'), slash + 1, dir);
	return e < 0 ? e : target_open(root, path);
}

int target_make(int root, const char *path, bool dir)
{
	struct walk w = { .root = root };
	char name[NAME_MAX + 1];
	int fd, e;

	fd = target_open(root, path);
	if (fd == -ENOENT)
		fd = make_last(root, path, dir);
	if (fd != -ENOENT)
		return fd;
	if (text_copy(w.rest, sizeof(w.rest), path) < 0)
		return -ENAMETOOLONG;
	while (path_next(w.rest, name)) {
		e = step(&w, name, dir);
		if (e < 0)
			return e;
	}
	if (path_rest(w.rest))
		return -ENAMETOOLONG;
	return open_in(root, w.done, 0);
}
