/* stage.c - a mount namespace with nothing in it but a stage.
 *
 *   /       tmpfs, private
 *   /t      tmpfs, private: the slots, directories d0.. and files f0..  (a mount point must be of its mount's kind)
 *   /s      shared; a clone of /t is laid over it, requests attach their mounts there, and the clone is taken away with
 * them
 *
 * What is attached below /s appears in the inner process's namespace, since that began as a copy of this one: there it
 * belongs to a lesser user namespace, and the kernel locks its flags (mount_namespaces(7), "Restrictions on mount
 * namespaces"). Taking away the clone of /t at once costs one grace period of the kernel's instead of one for each
 * mount or request. */
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/fd.h"
#include "../base/sys.h"
#include "../shared/mounts.h"
#include "seal.h"

void stage_slot(unsigned i, int is_dir, char ret[16])
{
	snprintf(ret, 16, "/s/%c%u", is_dir ? 'd' : 'f', i);
}

static int write_proc(const char *name, const char *text)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/%s", name);
	return file_write_at(AT_FDCWD, path, text);
}

/* Our own id and no other: files of the stage must have an owner. */
static int enter_userns(void)
{
	unsigned uid = geteuid(), gid = getegid();
	char map[32];
	int e;

	/* Else /proc/self is root's. */
	if (prctl(PR_SET_DUMPABLE, 1) < 0 || unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return -errno;
	snprintf(map, sizeof(map), "%u %u 1", uid, uid);
	e = write_proc("setgroups", "deny");
	if (e == 0)
		e = write_proc("uid_map", map);
	snprintf(map, sizeof(map), "%u %u 1", gid, gid);
	if (e == 0)
		e = write_proc("gid_map", map);
	if (prctl(PR_SET_DUMPABLE, 0) < 0)
		return -errno;
	return e;
}

static int make_slots(void)
{
	char path[16];

	for (unsigned i = 0; i < SLOTS; i++) {
		int fd;

		snprintf(path, sizeof(path), "/t/d%u", i);
		if (mkdir(path, 0700) < 0)
			return -errno;
		snprintf(path, sizeof(path), "/t/f%u", i);
		fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
		if (fd < 0)
			return -errno;
		close_fd(fd);
	}
	return 0;
}

/* The tmpfs becomes the root and all that was there is gone: this program has no path to anything of the host's. */
static int leave_host(void)
{
	_cleanup_close_ int fs = sys_fsopen("tmpfs", FSOPEN_CLOEXEC), root = -EBADF;
	int e;

	if (fs < 0)
		return fs;
	e = sys_fsconfig(fs, FSCONFIG_SET_STRING, "mode", "0700", 0);
	if (e == 0)
		e = sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
	if (e < 0)
		return e;
	root = sys_fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
	if (root < 0)
		return root;
	e = sys_move_mount(root, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH);
	if (e < 0)
		return e;
	if (fchdir(root) < 0)
		return -errno;
	e = sys_pivot_root(".", ".");
	if (e < 0)
		return e;
	return umount2(".", MNT_DETACH) < 0 || chdir("/") < 0 ? -errno : 0;
}

int stage_enter(void)
{
	int e = enter_userns();

	if (e < 0)
		return e;
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -errno;
	e = leave_host();
	if (e < 0)
		return e;
	if (mkdir("/t", 0700) < 0 || mkdir("/s", 0700) < 0 ||
	    mount("slots", "/t", "tmpfs", MS_NODEV | MS_NOSUID | MS_NOEXEC, "mode=0700") < 0)
		return -errno;
	e = make_slots();
	if (e < 0)
		return e;
	return mount("/s", "/s", NULL, MS_BIND, NULL) < 0 || mount(NULL, "/s", NULL, MS_SHARED, NULL) < 0 ? -errno : 0;
}

static bool is_open;

int stage_open(void)
{
	_cleanup_close_ int slots = -EBADF;
	int e;

	if (is_open)
		return 0;
	slots = sys_open_tree(AT_FDCWD, "/t", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (slots < 0)
		return slots;
	e = sys_move_mount(slots, "", AT_FDCWD, "/s", MOVE_MOUNT_F_EMPTY_PATH);
	is_open = e == 0;
	return e;
}

int stage_attach(unsigned i, int mount_fd, int is_dir)
{
	char path[16];

	stage_slot(i, is_dir, path);
	return sys_move_mount(mount_fd, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH);
}

int stage_clear(void)
{
	if (is_open && umount2("/s", MNT_DETACH) < 0)
		return -errno;
	is_open = false;
	return 0;
}
