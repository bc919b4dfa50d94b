/* export.c - an archive of what a stack of layers shows: the walk; tar_out.c writes.
 *
 * Hostile input: names, depth, types and contents of all layers; the upper one may belong to a container that runs and
 * changes it. Everything is opened beneath a layer's root without following links, and a file is sent with the length
 * that was said, whatever becomes of it meanwhile. Memory: the names of the directories on the way.
 *
 * As `docker export`: in the order of names, without the root itself, without sockets; overlayfs.rst says what a layer
 * hides of those below. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/fd.h"
#include "extract.h"
#include "tar_out.h"

enum { NAMES_MAX = 1 << 20, LINKS_MAX = 1 << 16, XATTR_MAX = 64 * 1024 };

/* A file with several names, by layer and inode: where it went first. */
struct link {
	unsigned layer;
	ino_t inode;
	char *path;
};
struct tree {
	const int *layers;
	struct tar_out *out;
	struct result *why;
	struct link *links;
	size_t nlinks, links_size;
	char path[PATH_MAX]; /* of the directory that is being walked */
};

/* Layers that show something of one directory, topmost first. */
struct shown {
	uint8_t n, v[LAYERS_MAX + 1];
};
struct name {
	char *text;
	unsigned layer;
};
struct names {
	size_t n, size;
	struct name *v;
};

static int fail(struct tree *t, int e, const char *stage)
{
	return result_fail(t->why, e, stage);
}

/* --- names ------------------------------------------------------------------------------------------------------- */
static int add_name(struct tree *t, struct names *names, const char *text, unsigned layer)
{
	if (names->n == NAMES_MAX)
		return fail(t, -E2BIG, "names");
	if (names->n == names->size) {
		size_t size = names->size ? 2 * names->size : 32;
		void *more = reallocarray(names->v, size, sizeof(*names->v));

		if (!more)
			return fail(t, -ENOMEM, "memory");
		names->v = more;
		names->size = size;
	}
	names->v[names->n] = (struct name){ strdup(text), layer };
	return names->v[names->n++].text ? 0 : fail(t, -ENOMEM, "memory");
}

static void names_finish(struct names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->v[i].text);
	free(names->v);
}

/* By name; the topmost layer first. */
static int compare_names(const void *a, const void *b)
{
	const struct name *x = a, *y = b;
	int c = strcmp(x->text, y->text);

	return c ? c : x->layer < y->layer ? -1 : x->layer > y->layer;
}

/* Names in one layer's directory; *ret_last: nothing below counts. */
static int read_layer(struct tree *t, unsigned layer, struct names *names, struct shown *shown, bool *ret_last)
{
	int fd = open_beneath(t->layers[layer], t->path, O_RDONLY | O_DIRECTORY), e = 0;
	struct dirent *ent;
	DIR *d;

	*ret_last = fd < 0 && fd != -ENOENT; /* a whiteout or another file */
	if (fd < 0)
		return fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP ? 0 : fail(t, fd, "directory");
	*ret_last = is_opaque(fd);
	shown->v[shown->n++] = (uint8_t)layer;
	d = fdopendir(fd);
	if (!d) {
		close_fd(fd);
		return fail(t, -ENOMEM, "memory");
	}
	while (e == 0 && (ent = fd_readdir(d)))
		e = add_name(t, names, ent->d_name, layer);
	closedir(d);
	return e;
}

/* --- entries ----------------------------------------------------------------------------------------------------- */
static const char *first_path(const struct tree *t, unsigned layer, ino_t inode)
{
	for (size_t i = t->nlinks; i-- > 0;)
		if (t->links[i].inode == inode && t->links[i].layer == layer)
			return t->links[i].path;
	return NULL;
}

static int add_link(struct tree *t, unsigned layer, ino_t inode, const char *path)
{
	if (t->nlinks == LINKS_MAX)
		return 0; /* it is sent twice */
	if (t->nlinks == t->links_size) {
		size_t size = t->links_size ? 2 * t->links_size : 64;
		void *more = reallocarray(t->links, size, sizeof(*t->links));

		if (!more)
			return fail(t, -ENOMEM, "memory");
		t->links = more;
		t->links_size = size;
	}
	t->links[t->nlinks] = (struct link){ layer, inode, strdup(path) };
	return t->links[t->nlinks++].path ? 0 : fail(t, -ENOMEM, "memory");
}

/* Capabilities (the kernel gives them in the form without a root id, since that is ours) and user.* but overlay's
 * own. */
static int send_xattrs(struct tree *t, int fd)
{
	char list[XATTR_MAX], value[XATTR_MAX];
	ssize_t n = flistxattr(fd, list, sizeof(list));

	for (ssize_t i = 0; i < n; i += (ssize_t)strlen(list + i) + 1) {
		const char *name = list + i;
		ssize_t size;

		if (strcmp(name, "security.capability") != 0 &&
		    (strncmp(name, "user.", 5) != 0 || strncmp(name, "user.overlay.", 13) == 0))
			continue;
		size = fgetxattr(fd, name, value, sizeof(value));
		if (size >= 0 && tar_out_xattr(t->out, name, value, (size_t)size) < 0)
			return t->why->status;
	}
	return 0;
}

static int send_data(struct tree *t, int fd, uint64_t size)
{
	while (size > 0) {
		void *to;
		size_t room = tar_out_room(t->out, &to);
		ssize_t n = room ? read(fd, to, size < room ? (size_t)size : room) : 0;

		if (!room)
			return t->why->status;
		if (n < 0)
			return fail(t, -errno, "read");
		if (n == 0) /* it became shorter */
			return tar_out_zeros(t->out, size);
		tar_out_took(t->out, (size_t)n);
		size -= (uint64_t)n;
	}
	return 0;
}

/* A file or directory, which has an fd. */
static int send_opened(struct tree *t, unsigned layer, const char *path, struct tar_entry *entry)
{
	_cleanup_close_ int fd = open_beneath(t->layers[layer], path, O_RDONLY | O_NONBLOCK);
	struct stat st;
	const char *first = NULL;
	int e;

	if (fd == -ENOENT || fd == -ELOOP || fd == -ENXIO)
		return 0; /* gone meanwhile */
	if (fd < 0 || fstat(fd, &st) < 0)
		return fail(t, fd < 0 ? fd : -errno, "file");
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return 0;
	entry->type = S_ISDIR(st.st_mode) ? TAR_DIR : TAR_FILE;
	entry->size = S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
	if (S_ISREG(st.st_mode) && st.st_nlink > 1)
		first = first_path(t, layer, st.st_ino);
	if (first) {
		entry->type = TAR_HARDLINK;
		entry->size = 0;
		snprintf(entry->link, sizeof(entry->link), "%s", first);
	}
	e = first ? 0 : send_xattrs(t, fd);
	if (e == 0)
		e = tar_out_entry(t->out, entry);
	if (e == 0 && entry->size)
		e = send_data(t, fd, entry->size);
	if (e == 0)
		e = tar_out_pad(t->out);
	if (e == 0 && !first && S_ISREG(st.st_mode) && st.st_nlink > 1)
		e = add_link(t, layer, st.st_ino, path);
	return e;
}

static int send_one(struct tree *t, unsigned layer, const char *path, const struct stat *st)
{
	struct tar_entry *entry = calloc(1, sizeof(*entry));
	ssize_t n;
	int e = 0;

	if (!entry)
		return fail(t, -ENOMEM, "memory");
	snprintf(entry->name, sizeof(entry->name), "%s%s", path, S_ISDIR(st->st_mode) ? "/" : "");
	entry->mode = st->st_mode & 07777;
	entry->uid = st->st_uid;
	entry->gid = st->st_gid;
	entry->mtime = st->st_mtim;
	if (S_ISREG(st->st_mode) || S_ISDIR(st->st_mode)) {
		e = send_opened(t, layer, path, entry);
	} else if (S_ISLNK(st->st_mode)) {
		entry->type = TAR_SYMLINK;
		n = readlinkat(t->layers[layer], path, entry->link, sizeof(entry->link) - 1);
		e = n > 0 ? tar_out_entry(t->out, entry) : 0;
	} else if (S_ISFIFO(st->st_mode)) {
		entry->type = TAR_FIFO;
		e = tar_out_entry(t->out, entry);
	}
	free(entry);
	return e;
}

/* --- the walk ---------------------------------------------------------------------------------------------------- */
static int walk(struct tree *t, const struct shown *above, unsigned top, unsigned depth);

static int look_at(struct tree *t, const struct name *name, struct stat *ret)
{
	_cleanup_close_ int dir = open_beneath(t->layers[name->layer], t->path, O_RDONLY | O_DIRECTORY);

	return dir < 0 ? dir : fstatat(dir, name->text, ret, AT_SYMLINK_NOFOLLOW);
}

/* One name in t->path, which stays as it was. */
static int visit(struct tree *t, const struct name *name, const struct shown *shown, unsigned depth)
{
	size_t before = strlen(t->path);
	struct stat st;
	int e;

	if (look_at(t, name, &st) < 0 || is_whiteout(&st))
		return 0;
	if (before + strlen(name->text) + 3 > sizeof(t->path) || depth == LAYER_DEPTH_MAX)
		return fail(t, -ENAMETOOLONG, "path");
	snprintf(t->path + before, sizeof(t->path) - before, "%s%s", before ? "/" : "", name->text);
	e = send_one(t, name->layer, t->path, &st);
	if (e == 0 && S_ISDIR(st.st_mode))
		e = walk(t, shown, name->layer, depth + 1);
	t->path[before] = '\0';
	return e;
}

/* The directory t->path, as the layers from `top` on that show something of the one above it have it. */
static int walk(struct tree *t, const struct shown *above, unsigned top, unsigned depth)
{
	struct shown shown = { 0 };
	struct names names = { 0 };
	bool last = false;
	int e = 0;

	for (unsigned i = 0; i < above->n && e == 0 && !last; i++)
		if (above->v[i] >= top)
			e = read_layer(t, above->v[i], &names, &shown, &last);
	if (names.n)
		qsort(names.v, names.n, sizeof(*names.v), compare_names);
	for (size_t i = 0; i < names.n && e == 0; i++)
		if (i == 0 || strcmp(names.v[i].text, names.v[i - 1].text) != 0)
			e = visit(t, &names.v[i], &shown, depth);
	names_finish(&names);
	return e;
}

int export_tree(const int *layers, unsigned n, int out, struct result *why, uint64_t *ret_length)
{
	struct tree *t = calloc(1, sizeof(*t));
	struct shown all = { .n = (uint8_t)n };
	int e;

	if (!t)
		return result_fail(why, -ENOMEM, "memory");
	t->layers = layers;
	t->why = why;
	for (unsigned i = 0; i < n; i++)
		all.v[i] = (uint8_t)i;
	e = tar_out_open(out, why, &t->out);
	if (e == 0)
		e = walk(t, &all, 0, 0);
	if (e == 0)
		e = tar_out_end(t->out, ret_length);
	for (size_t i = 0; i < t->nlinks; i++)
		free(t->links[i].path);
	tar_out_close(t->out);
	free(t->links);
	free(t);
	return e;
}
