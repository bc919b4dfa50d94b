/* view.c - mounts of which the container gets a part: a directory or file below a volume or a bind (subpath), and an
 * image's layers as one read-only tree.
 *
 * Both are put together below the stage, which goes away with the host's tree; what is moved into the container is a
 * clone, whose flags are those that the sealed mount came with. A volume and an image may hold any link: a way that
 * leads out of them is refused (openat2(2), RESOLVE_BENEATH). */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/sys.h"
#include "../base/text.h"
#include "../shared/mounts.h"
#include "init.h"

enum { RETRIES_MAX = 64 };

/* A directory of the stage that nobody has used yet: its number. */
static int stage_place(struct init *in, char ret[16])
{
	snprintf(ret, 16, "v%u", in->nviews++);
	return mkdirat(in->stage_dir, ret, 0755) < 0 ? -errno : 0;
}

/* What is at path below a mounted directory, as a mount of its own. */
static int clone_below(int dir, const char *path)
{
	_cleanup_close_ int at = -EAGAIN;

	/* EAGAIN: something was renamed meanwhile. */
	for (int i = 0; i < RETRIES_MAX && at == -EAGAIN; i++)
		at = sys_openat2(dir, path[1] ? path + 1 : ".", O_PATH | O_CLOEXEC, 0,
				 RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS);
	if (at < 0)
		return at;
	return sys_open_tree(at, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE);
}

int view_below(struct init *in, int mount_fd, const char *subpath)
{
	_cleanup_close_ int dir = -EBADF;
	char name[16];
	int e;

	e = stage_place(in, name);
	if (e == 0)
		e = sys_move_mount(mount_fd, "", in->stage_dir, name, MOVE_MOUNT_F_EMPTY_PATH);
	if (e < 0)
		return e;
	dir = openat(in->stage_dir, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return dir < 0 ? -errno : clone_below(dir, subpath);
}

/* The names of the layers' mounts, and of an empty directory: an overlay without an upper one takes two at least. */
static int attach_layers(struct init *in, const struct plan_mount *m, char *options, size_t size)
{
	size_t len = (size_t)snprintf(options, size, "userxattr,lowerdir=");
	char name[16];
	int e = 0;

	for (unsigned i = 0; i <= m->layers && e == 0; i++) {
		e = stage_place(in, name);
		if (e == 0 && i < m->layers)
			e = sys_move_mount(in->binds[m->bind + i], "", in->stage_dir, name, MOVE_MOUNT_F_EMPTY_PATH);
		len += (size_t)snprintf(options + len, size - len, "%s%s", i ? ":" : "", name);
	}
	for (unsigned i = 0; i < m->layers; i++)
		in->binds[m->bind + i] = close_fd(in->binds[m->bind + i]);
	return e;
}

int view_image(struct init *in, const struct plan_mount *m)
{
	_cleanup_close_ int dir = -EBADF;
	char name[16], options[2048];
	int e;

	e = attach_layers(in, m, options, sizeof(options));
	if (e == 0)
		e = stage_place(in, name);
	if (e < 0)
		return e;
	/* The working directory is the stage. */
	if (mount("overlay", name, "overlay", MS_RDONLY | MS_NOSUID | MS_NODEV, options) < 0)
		return -errno;
	dir = openat(in->stage_dir, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return dir < 0 ? -errno : clone_below(dir, m->subpath ? m->subpath : "/");
}
