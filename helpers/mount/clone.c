/* clone.c - the only places that use CAP_SYS_ADMIN: open_tree(OPEN_TREE_CLONE) of an fd that was opened in our own
 * mount namespace, and mount_setattr on that clone, which is attached nowhere. mount_setattr(2), openat2(2). */
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <sys/mount.h>

#include "../base/cleanup.h"
#include "../base/sys.h"
#include "mount.h"

#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

int clone_object(int object, const struct clone_options *o)
{
	unsigned depth = o->recursive ? AT_RECURSIVE : 0;
	/* Private: nothing that is mounted on the host later may appear in it, without our flags and ids. */
	struct mount_attr attr = { .attr_set = o->attrs, .propagation = MS_PRIVATE };
	_cleanup_close_ int fd = sys_open_tree(object, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | depth);
	int e;

	if (fd < 0)
		return fd;
	if (o->userns >= 0) {
		attr.attr_set |= MOUNT_ATTR_IDMAP;
		attr.userns_fd = (uint64_t)o->userns;
	}
	e = sys_mount_setattr(fd, "", AT_EMPTY_PATH | depth, &attr);
	attr = (struct mount_attr){ .attr_set = o->top };
	if (e == 0 && o->top)
		e = sys_mount_setattr(fd, "", AT_EMPTY_PATH, &attr);
	return e < 0 ? e : TAKE_FD(fd);
}

int store_open(int store, const char *path)
{
	return sys_openat2(store, path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0,
			   RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV);
}
