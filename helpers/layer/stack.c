/* stack.c - a directory of an image as overlay shows it: its directories in the layers, topmost first, one over the
 * other (kernel: filesystems/overlayfs, "Upper and Lower"; whiteouts and opaque directories as unpack.c leaves them).
 *
 * Hostile input: everything below the layers. Each level is opened from the fd of the one above with O_NOFOLLOW;
 * symbolic links are followed by hand, inside the image, and only so many. Nobody changes a layer, so what is found
 * stays. */
#include "stack.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "../base/cleanup.h"
#include "../base/text.h"
#include "../shared/paths.h"

enum { LINKS_MAX = 40 };

void stack_finish(struct stack *s)
{
	for (unsigned i = 0; i < s->n; i++)
		close_fd(s->fd[i]);
	s->n = 0;
}

/* One more layer of the directory; 1 when none below it is seen, 0, or -errno. Takes fd. */
static int push(struct stack *s, int fd)
{
	if (s->n == LAYERS_MAX) {
		close_fd(fd);
		return -E2BIG;
	}
	s->fd[s->n++] = fd;
	return is_opaque(fd);
}

int stack_lookup(const struct stack *s, const char *name, struct stack *ret_dir, struct stat *ret_st, int *ret_at)
{
	struct stack dir = { 0 };
	struct stat st;
	int e = 0;

	for (unsigned i = 0; i < s->n && e == 0; i++) {
		int fd;

		if (fstatat(s->fd[i], name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
			e = errno == ENOENT ? 0 : -errno;
			continue;
		}
		if (!S_ISDIR(st.st_mode)) {
			/* Hides what is below; is seen when nothing is above, and no whiteout. */
			if (dir.n == 0 && !is_whiteout(&st)) {
				*ret_st = st;
				*ret_at = s->fd[i];
				return 0;
			}
			break;
		}
		if (dir.n == 0)
			*ret_st = st;
		fd = openat(s->fd[i], name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		e = fd < 0 ? -errno : push(&dir, fd);
	}
	if (e < 0 || dir.n == 0) {
		stack_finish(&dir);
		return e < 0 ? e : -ENOENT;
	}
	*ret_dir = dir;
	*ret_at = -EBADF;
	return 0;
}

/* --- paths --- */
struct walk {
	const struct stack *root;
	struct stack at;
	char done[PATH_MAX]; /* how `at` is reached: no links; "" is root */
	char rest[PATH_MAX];
	int links;
};

static int start_over(struct walk *w)
{
	stack_finish(&w->at);
	for (unsigned i = 0; i < w->root->n; i++) {
		int fd = openat(w->root->fd[i], ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (fd < 0)
			return -errno;
		w->at.fd[w->at.n++] = fd;
	}
	return 0;
}

/* As if the path were `prefix` and the rest, from root on. */
static int again(struct walk *w, const char *prefix)
{
	char path[PATH_MAX];

	if (++w->links > LINKS_MAX)
		return -ELOOP;
	if (text_format(path, sizeof(path), "%s/%s", prefix, w->rest) < 0)
		return -ENAMETOOLONG;
	memcpy(w->rest, path, strlen(path) + 1);
	w->done[0] = '\0';
	return start_over(w);
}

static int follow(struct walk *w, int dir, const char *name)
{
	char text[PATH_MAX], path[PATH_MAX];
	ssize_t n = readlinkat(dir, name, text, sizeof(text) - 1);

	if (n < 0)
		return -errno;
	text[n] = '\0';
	if (text_format(path, sizeof(path), "%s/%s", text[0] == '/' ? "" : w->done, text) < 0)
		return -ENAMETOOLONG;
	return again(w, path);
}

static int step(struct walk *w, const char *name)
{
	char path[PATH_MAX], *slash;
	struct stack next;
	struct stat st;
	int at, e;

	if (strcmp(name, ".") == 0)
		return 0;
	if (strcmp(name, "..") == 0) {
		slash = strrchr(w->done, '/');
		*(slash ? slash : w->done) = '\0';
		memcpy(path, w->done, sizeof(path));
		return again(w, path);
	}
	e = stack_lookup(&w->at, name, &next, &st, &at);
	if (e < 0)
		return e;
	if (S_ISLNK(st.st_mode))
		return follow(w, at, name);
	if (!S_ISDIR(st.st_mode))
		return -ENOTDIR;
	stack_finish(&w->at);
	w->at = next;
	if (text_format(path, sizeof(path), "%s/%s", w->done, name) < 0)
		return -ENAMETOOLONG;
	memcpy(w->done, path, strlen(path) + 1);
	return 0;
}

int stack_resolve(const struct stack *root, const char *path, struct stack *ret)
{
	struct walk *w = calloc(1, sizeof(*w));
	char name[NAME_MAX + 1];
	int e;

	if (!w)
		return -ENOMEM;
	w->root = root;
	e = text_copy(w->rest, sizeof(w->rest), path);
	if (e == 0)
		e = start_over(w);
	while (e == 0 && path_next(w->rest, name))
		e = step(w, name);
	if (e == 0 && path_rest(w->rest))
		e = -ENAMETOOLONG;
	if (e < 0)
		stack_finish(&w->at);
	else
		*ret = w->at;
	free(w);
	return e;
}
