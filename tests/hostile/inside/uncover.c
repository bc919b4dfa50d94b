/* uncover - root of a container, with every capability that it can have, against the empty covers that lie over the engine's own
 * directories below a bind mount: uncover BIND COVER...
 *
 * Prints a line for each way: "WAY: held (errno)" or "WAY: OPEN". A way is open when anything is seen below a cover, or when a
 * flag that the cover was given could be taken off. mount_namespaces(7), "Restrictions on mount namespaces". */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef MOVE_MOUNT_BENEATH
#define MOVE_MOUNT_BENEATH 0x200
#endif

static const char *bind, *cover;
static char below[256]; /* of the cover, from the bind on */

static int open_tree_at(int dir, const char *path, unsigned flags)
{
	return (int)syscall(SYS_open_tree, dir, path, flags);
}

static int move_to(int from, const char *to, unsigned flags)
{
	return (int)syscall(SYS_move_mount, from, "", AT_FDCWD, to, MOVE_MOUNT_F_EMPTY_PATH | flags);
}

/* Is there anything in that directory? */
static bool seen(int dir, const char *path)
{
	int fd = openat(dir, path, O_RDONLY | O_DIRECTORY);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	unsigned n = 0;

	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n > 2;
}

static int say(const char *way, bool open, int error)
{
	printf("%s: %s", way, open ? "OPEN" : "held");
	printf(open || !error ? "\n" : " (%s)\n", strerror(error));
	return 0;
}

static void unmounts(void)
{
	static const struct {
		const char *name;
		int flags;
	} ways[] = { { "umount", 0 }, { "umount detached", MNT_DETACH }, { "umount by force", MNT_FORCE } };

	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		int r = umount2(cover, ways[i].flags);

		say(ways[i].name, r == 0 || seen(AT_FDCWD, cover), errno);
	}
}

static void flags(void)
{
	struct mount_attr clear = { .attr_clr = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV };
	struct mount_attr dev = { .attr_clr = MOUNT_ATTR_NODEV }, suid = { .attr_clr = MOUNT_ATTR_NOSUID };
	int r = mount(NULL, cover, NULL, MS_REMOUNT | MS_BIND, NULL);
	char path[300];

	say("remount of the cover writable", r == 0, errno);
	r = mount(NULL, cover, NULL, MS_REMOUNT, "size=1m");
	say("reconfiguration of its file system", r == 0, errno);
	r = (int)syscall(SYS_mount_setattr, AT_FDCWD, cover, 0, &clear, sizeof(clear));
	say("its flags cleared", r == 0, errno);
	r = (int)syscall(SYS_mount_setattr, AT_FDCWD, bind, 0x8000 /* AT_RECURSIVE */, &dev, sizeof(dev));
	say("nodev of the whole tree cleared", r == 0, errno);
	r = (int)syscall(SYS_mount_setattr, AT_FDCWD, bind, 0x8000, &suid, sizeof(suid));
	say("nosuid of the whole tree cleared", r == 0, errno);
	snprintf(path, sizeof(path), "%s/x", cover);
	r = open(path, O_CREAT | O_WRONLY, 0600);
	say("a file in the cover", r >= 0, errno);
	r = mknod(path, S_IFCHR | 0666, 0x103);
	say("a node in the cover", r == 0, errno);
}

/* A copy of the mount without what is mounted below would show what is there. */
static void copies(const char *to)
{
	char path[300];
	int fd, r = mount(bind, to, NULL, MS_BIND, NULL);

	say("a plain bind of the bind", r == 0, errno);
	fd = open_tree_at(AT_FDCWD, bind, OPEN_TREE_CLONE);
	say("a plain clone", fd >= 0 && seen(fd, below + 1), errno);
	fd = open_tree_at(AT_FDCWD, bind, OPEN_TREE_CLONE | 0x8000);
	say("a whole clone", fd >= 0 && seen(fd, below + 1), 0);
	if (fd < 0 || move_to(fd, to, 0) < 0) {
		say("(a whole clone cannot even be attached)", false, errno);
		return;
	}
	snprintf(path, sizeof(path), "%s%s", to, below);
	mount(NULL, to, NULL, MS_REC | MS_PRIVATE, NULL);
	r = umount2(path, MNT_DETACH);
	say("umount in the clone", r == 0 || seen(AT_FDCWD, path), errno);
	r = umount2(to, MNT_DETACH);
	say("umount of the clone", r == 0 && seen(AT_FDCWD, cover), errno);
}

static void moves(const char *to)
{
	int fd = open_tree_at(AT_FDCWD, cover, 0), fresh;
	int r = mount(cover, to, NULL, MS_MOVE, NULL);

	say("the cover moved away", r == 0, errno);
	r = fd < 0 ? -1 : move_to(fd, to, 0);
	say("moved by fd", r == 0, errno);
	fresh = open_tree_at(AT_FDCWD, "/tmp", OPEN_TREE_CLONE);
	r = fresh < 0 ? -1 : move_to(fresh, cover, MOVE_MOUNT_BENEATH);
	say("a mount put beneath the cover", r == 0, errno);
}

static void renames(void)
{
	char parent[300], aside[300], path[600];
	int r;

	snprintf(parent, sizeof(parent), "%s", cover);
	*strrchr(parent, '/') = '\0';
	snprintf(aside, sizeof(aside), "%s-aside", cover);
	r = rename(cover, aside);
	say("the covered directory renamed", r == 0, errno);
	r = rmdir(cover);
	say("or removed", r == 0, errno);
	if (strcmp(parent, bind) == 0)
		return;
	/* Its parent can be: the cover goes along. */
	snprintf(aside, sizeof(aside), "%s-aside", parent);
	r = rename(parent, aside);
	snprintf(path, sizeof(path), "%s%s", aside, strrchr(cover, '/'));
	say("its parent renamed", seen(AT_FDCWD, path), r < 0 ? errno : 0);
	if (r == 0)
		rename(aside, parent);
}

static void overlays(const char *to)
{
	char options[400], path[400];
	int r;

	snprintf(options, sizeof(options), "lowerdir=%s:/tmp,userxattr", bind);
	r = mount("o", to, "overlay", 0, options);
	snprintf(path, sizeof(path), "%s%s", to, below);
	say("an overlay of the bind", r == 0 && seen(AT_FDCWD, path), errno);
	if (r == 0)
		umount2(to, MNT_DETACH);
}

static void roots(void)
{
	char path[300];
	int r, status;

	if (fork() == 0) {
		snprintf(path, sizeof(path), "%s", below);
		r = chroot(bind);
		r = r == 0 ? umount2(path, MNT_DETACH) : r;
		say("chroot, then umount", r == 0 || seen(AT_FDCWD, path), errno);
		fflush(stdout);
		_exit(0);
	}
	wait(&status);
	if (fork() == 0) {
		r = unshare(CLONE_NEWNS) < 0 || chdir(bind) < 0 ? -1 : (int)syscall(SYS_pivot_root, ".", ".");
		if (r == 0)
			r = umount2(".", MNT_DETACH) < 0 || umount2(below, MNT_DETACH) < 0 ? -1 : 0;
		say("pivot_root, then umount", r == 0 || seen(AT_FDCWD, below), errno);
		fflush(stdout);
		_exit(0);
	}
	wait(&status);
}

static void handles(void)
{
	struct {
		struct file_handle h;
		unsigned char bytes[128];
	} of = { .h.handle_bytes = 128 };
	int at = open(bind, O_RDONLY | O_DIRECTORY), id, fd = -1;
	unsigned char *ino = of.h.f_handle;
	bool found = false;

	/* Handles of ext4 hold the number of an inode and its generation: the one of the bind itself, and its neighbours'. */
	if (name_to_handle_at(AT_FDCWD, bind, &of.h, &id, 0) == 0) {
		for (int i = 0; i < 256 && !found; i++, (*ino)++) {
			fd = open_by_handle_at(at, &of.h, O_RDONLY | O_DIRECTORY);
			found = fd >= 0 && (seen(fd, "store") || seen(fd, "monitors"));
		}
	}
	say("by file handle", found, errno);
}

static void all(const char *name, const char *to)
{
	printf("-- %s\n", name);
	unmounts();
	flags();
	copies(to);
	moves(to);
	renames();
	overlays(to);
	roots();
	handles();
	fflush(stdout);
}

int main(int argc, char **argv)
{
	int status;

	if (argc < 3)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0); /* children must not print it again */
	bind = argv[1];
	mkdir("/mnt", 0755);
	mkdir("/mnt/to", 0755);
	for (int i = 2; i < argc; i++) {
		cover = argv[i];
		snprintf(below, sizeof(below), "%s", cover + strlen(bind));
		printf("-- sight\n");
		say("what the cover shows", seen(AT_FDCWD, cover), 0);
		all("as root of the container", "/mnt/to");
		fflush(stdout);
		if (fork() == 0) {
			if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
				printf("(no nested namespace: %s)\n", strerror(errno));
			else
				all("in a user and mount namespace below it", "/mnt/to");
			fflush(stdout);
			_exit(0);
		}
		wait(&status);
	}
	return 0;
}
