/* rootfs.c - the container's mounts, made by its own first process in its own mount and user namespace.
 *
 * Layers, upper directory and binds come as sealed mount fds: what they allow is settled, and nothing here relies on a
 * flag that we set. A tmpfs over /proc of the copied host tree is the stage; nothing that is done here is seen outside.
 * Mounts go by fd to fd (move_mount(2) with both paths empty); only target.c resolves names, below the new root. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/fd.h"
#include "../base/sys.h"
#include "../base/text.h"
#include "../shared/mounts.h"
#include "init.h"

enum { EMPTY_BOTH = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH };

static int private_mount(int fd, uint64_t attrs)
{
	struct mount_attr a = { .attr_set = attrs, .propagation = MS_PRIVATE };

	return sys_mount_setattr(fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &a);
}

/* A clone of what the stage has by that name, with these flags only. The fd or -errno. */
static int stage_clone(struct init *in, const char *name, uint64_t attrs)
{
	struct mount_attr a = { .attr_set = attrs, .attr_clr = MOUNT_ATTR__ATIME | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
				.propagation = MS_PRIVATE };
	_cleanup_close_ int fd = sys_open_tree(in->stage_dir, name, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	int e = fd < 0 ? fd : sys_mount_setattr(fd, "", AT_EMPTY_PATH, &a);

	return e < 0 ? e : TAKE_FD(fd);
}

/* In the words of a user: the kernel says EINVAL to a file over a directory and the reverse. */
static int move_to(int mount_fd, int target, bool dir)
{
	struct stat st;

	if (fstat(target, &st) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode) == dir)
		return dir ? -ENOTDIR : -EISDIR;
	return sys_move_mount(mount_fd, "", target, "", EMPTY_BOTH);
}

/* --- stage and overlay --- */
static int stage_make(struct init *in)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return init_fail(in, -errno, "private mounts");
	/* /proc is there on every host and needed no more; its content is seen again nowhere. */
	if (mount("tmpfs", "/proc", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=64m,mode=755") < 0)
		return init_fail(in, -errno, "stage");
	in->stage_dir = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (in->stage_dir < 0 || fchdir(in->stage_dir) < 0)
		return init_fail(in, -errno, "stage");
	return 0;
}

static int attach(struct init *in, int fd, const char *name)
{
	if (mkdirat(in->stage_dir, name, 0755) < 0)
		return -errno;
	/* A peer of the helper's mount would pass on what we mount below. */
	int e = private_mount(fd, 0);

	return e < 0 ? e : sys_move_mount(fd, "", in->stage_dir, name, MOVE_MOUNT_F_EMPTY_PATH);
}

/* One mount(2): its option page holds all LAYERS_MAX names on every kernel, where fsconfig(2) takes 255 bytes and
 * lowerdir+ needs 6.7. */
static int overlay_try(const char *options)
{
	return mount("overlay", "m", "overlay", 0, options) < 0 ? -errno : 0;
}

/* A volatile one leaves word in its work directory, so that nobody relies on it after a crash (kernel:
 * filesystems/overlayfs, "Volatile mount"). Ours are of containers that go away when they end: who starts one again has
 * only stopped it in between. */
static bool forget_volatile(struct init *in)
{
	unlinkat(in->stage_dir, "u/work/work/incompat/volatile/dirty", 0);
	return unlinkat(in->stage_dir, "u/work/work/incompat/volatile", AT_REMOVEDIR) == 0;
}

/* The names are our own, relative to the stage, so nothing needs escaping and the container's mount table shows no path
 * of the host. */
static int overlay_mount(struct init *in)
{
	char options[2048], name[16];
	size_t len;
	int e;

	len = (size_t)snprintf(options, sizeof(options),
			       "%suserxattr,index=off,upperdir=u/upper,workdir=u/work,lowerdir=",
			       in->plan->volatile_root ? "volatile," : "");
	if (in->req->layers.n == 0)
		return init_fail(in, -EINVAL, "overlay");
	for (unsigned i = 0; i < in->req->layers.n; i++) {
		snprintf(name, sizeof(name), "%u", i);
		e = attach(in, in->req->layers.fd[i], name);
		if (e < 0)
			return init_fail(in, e, "layer %u", i);
		len += (size_t)snprintf(options + len, sizeof(options) - len, "%s%u", i ? ":" : "", i);
	}
	e = attach(in, in->req->upper, "u");
	if (e < 0)
		return init_fail(in, e, "upper");
	if (mkdirat(in->stage_dir, "m", 0755) < 0)
		return init_fail(in, -errno, "overlay");
	e = overlay_try(options);
	if (e == -EINVAL && forget_volatile(in))
		e = overlay_try(options);
	if (e < 0)
		return init_fail(in, e, "overlay");
	in->root = openat(in->stage_dir, "m", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return in->root < 0 ? init_fail(in, -errno, "overlay") : 0;
}

/* --- the spec's mounts --- */
static int fs_make(const char *type, const char *source, uint64_t attrs, const char *const *options, size_t n)
{
	_cleanup_close_ int fs = sys_fsopen(type, FSOPEN_CLOEXEC);
	char key[128];
	int e;

	if (fs < 0)
		return fs;
	if (source)
		sys_fsconfig(fs, FSCONFIG_SET_STRING, "source", source, 0); /* only shown; not all take one */
	for (size_t i = 0; i < n; i++) {
		size_t len = strcspn(options[i], "=");

		if (len >= sizeof(key))
			return -EINVAL;
		memcpy(key, options[i], len);
		key[len] = '\0';
		if (options[i][len])
			e = sys_fsconfig(fs, FSCONFIG_SET_STRING, key, options[i] + len + 1, 0);
		else
			e = sys_fsconfig(fs, FSCONFIG_SET_FLAG, key, NULL, 0);
		if (e < 0)
			return e;
	}
	e = sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
	return e < 0 ? e : sys_fsmount(fs, FSMOUNT_CLOEXEC, (unsigned)attrs);
}

static const struct {
	const char *type;
	bool plain_target; /* the target's path must hold no symbolic link: masks and labels count on the place */
} fs_types[] = {
	[PLAN_BIND] = { NULL, false },	       [PLAN_PROC] = { "proc", true },	    [PLAN_SYSFS] = { "sysfs", true },
	[PLAN_TMPFS] = { "tmpfs", false },     [PLAN_DEVPTS] = { "devpts", false }, [PLAN_MQUEUE] = { "mqueue", false },
	[PLAN_CGROUP2] = { "cgroup2", false }, [PLAN_IMAGE] = { NULL, false },
};
_Static_assert(ARRAY_SIZE(fs_types) == PLAN_FS_COUNT, "a file system without a row");

static int bind_take(struct init *in, const struct plan_mount *m, bool *ret_dir)
{
	_cleanup_close_ int fd = m->fs == PLAN_IMAGE ? view_image(in, m) : TAKE_FD(in->binds[m->bind]);
	struct stat st = { 0 };
	int e;

	if (fd < 0)
		return init_fail(in, fd, m->subpath ? "subpath %s" : "mount %s", m->target);
	/* Access times are the sealed mount's own. */
	e = private_mount(fd, m->attrs & ~(uint64_t)MOUNT_ATTR__ATIME);
	if (e == 0 && m->fs == PLAN_BIND && m->subpath) {
		int below = view_below(in, fd, m->subpath);

		if (below < 0)
			return init_fail(in, below, "subpath %s", m->target);
		close_fd(fd);
		fd = below;
	}
	if (e == 0 && fstat(fd, &st) < 0)
		e = -errno;
	if (e < 0)
		return init_fail(in, e, "mount %s", m->target);
	*ret_dir = S_ISDIR(st.st_mode);
	return TAKE_FD(fd);
}

/* As Docker has it: then the stage's tmpfs, which is of that size, does for it. A file system more for each container
 * would have to be mounted at its start, and the kernel looks at all there are whenever a cgroup goes. */
static bool is_usual_dev(const struct init *in, const struct plan_mount *m)
{
	return m->fs == PLAN_TMPFS && in->dev < 0 && strcmp(m->target, "/dev") == 0 && m->noptions == 2 &&
	       strcmp(m->options[0], "mode=755") == 0 && strcmp(m->options[1], "size=65536k") == 0;
}

static int dev_make(struct init *in, uint64_t attrs)
{
	return mkdirat(in->stage_dir, "dev", 0755) < 0 ? -errno : stage_clone(in, "dev", attrs);
}

/* in->dev is a tmpfs of ours that nobody else has seen yet: a name in it is what we made. */
static int bind_dev(struct init *in, const char *path, const char *name)
{
	_cleanup_close_ int from = sys_open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	if (from < 0)
		return from;
	if (mknodat(in->dev, name, S_IFREG | 0644, 0) < 0)
		return -errno;
	return sys_move_mount(from, "", in->dev, name, MOVE_MOUNT_F_EMPTY_PATH);
}

/* What Docker puts into a fresh /dev: OCI config-linux.md, "Default Devices" and "/dev symbolic links". */
static int dev_fill(struct init *in)
{
	static const char *const nodes[] = { "null", "zero", "full", "random", "urandom", "tty" };
	static const struct {
		const char *name, *to;
	} links[] = {
		{ "ptmx", "pts/ptmx" },		 { "fd", "/proc/self/fd" },	  { "stdin", "/proc/self/fd/0" },
		{ "stdout", "/proc/self/fd/1" }, { "stderr", "/proc/self/fd/2" }, { "core", "/proc/kcore" },
	};
	char path[32];
	int e;

	for (size_t i = 0; i < ARRAY_SIZE(nodes); i++) {
		snprintf(path, sizeof(path), "/dev/%s", nodes[i]);
		e = bind_dev(in, path, nodes[i]);
		if (e < 0)
			return init_fail(in, e, "device %s", path);
	}
	for (size_t i = 0; i < ARRAY_SIZE(links); i++)
		if (symlinkat(links[i].to, in->dev, links[i].name) < 0)
			return init_fail(in, -errno, "link /dev/%s", links[i].name);
	return 0;
}

static int mount_one(struct init *in, const struct plan_mount *m)
{
	_cleanup_close_ int fd = -EBADF, target = -EBADF;
	bool dir = true;
	int e;

	e = share_find(in, m, &fd);
	if (e == -ENOENT)
		return 0;
	if (e == 0) {
		e = private_mount(fd, m->attrs & ~(uint64_t)MOUNT_ATTR__ATIME);
	} else if (m->fs == PLAN_BIND || m->fs == PLAN_IMAGE) {
		fd = e = bind_take(in, m, &dir);
		if (e < 0)
			return e; /* it has told the stage */
	} else if (is_usual_dev(in, m)) {
		fd = e = dev_make(in, m->attrs);
	} else {
		fd = e = fs_make(fs_types[m->fs].type, m->source, m->attrs, m->options, m->noptions);
	}
	if (e < 0)
		return init_fail(in, e, "mount %s", m->target);
	target = target_make(in->root, m->target, dir);
	if (target >= 0 && fs_types[m->fs].plain_target) {
		close_fd(target);
		target = sys_openat2(in->root, m->target, O_PATH | O_CLOEXEC, 0, RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS);
	}
	e = target < 0 ? target : move_to(fd, target, dir);
	if (e < 0)
		return init_fail(in, e, "mount %s", m->target);
	if (m->fs == PLAN_TMPFS && strcmp(m->target, "/dev") == 0 && in->dev < 0) {
		in->dev = TAKE_FD(fd);
		return dev_fill(in);
	}
	if (m->fs == PLAN_DEVPTS && in->devpts < 0)
		in->devpts = TAKE_FD(fd);
	if (m->fs == PLAN_PROC && in->proc < 0)
		in->proc = TAKE_FD(fd);
	return 0;
}

/* Small files of ours, on the stage's tmpfs, which lives on as long as one of them is mounted. */
static int files_mount(struct init *in)
{
	char name[16];

	for (size_t i = 0; i < in->plan->nfiles; i++) {
		const struct plan_pair *f = &in->plan->files[i];
		_cleanup_close_ int file = -EBADF, tree = -EBADF, target = -EBADF;
		uint64_t attrs = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
		int e;

		snprintf(name, sizeof(name), "f%u", (unsigned)i);
		file = openat(in->stage_dir, name, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0644);
		e = file < 0 ? -errno : fd_write_all(file, f->value, strlen(f->value));
		if (e == 0)
			e = tree = stage_clone(in, name, attrs | (in->plan->root_readonly ? MOUNT_ATTR_RDONLY : 0));
		if (e >= 0)
			e = target = target_make(in->root, f->key, /* dir= */ false);
		if (e >= 0)
			e = move_to(tree, target, /* dir= */ false);
		if (e < 0)
			return init_fail(in, e, "file %s", f->key);
		if (strcmp(f->key, "/etc/hosts") == 0)
			in->hosts = TAKE_FD(file);
	}
	return 0;
}

/* --- hiding --- */
/* Directories are covered by an empty one of the stage's. */
static int cover_make(struct init *in, bool dir)
{
	uint64_t attrs = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;

	if (!dir)
		return sys_open_tree(AT_FDCWD, "/dev/null", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (mkdirat(in->stage_dir, "cover", 0555) < 0 && errno != EEXIST)
		return -errno;
	return stage_clone(in, "cover", attrs);
}

static int mask_one(struct init *in, const char *path)
{
	_cleanup_close_ int target = target_open(in->root, path), cover = -EBADF;
	struct stat st;

	if (target == -ENOENT || target == -ENOTDIR)
		return 0;
	if (target < 0 || fstat(target, &st) < 0)
		return target < 0 ? target : -errno;
	cover = cover_make(in, S_ISDIR(st.st_mode));
	return cover < 0 ? cover : sys_move_mount(cover, "", target, "", EMPTY_BOTH);
}

static int readonly_one(struct init *in, const char *path)
{
	_cleanup_close_ int target = target_open(in->root, path), clone = -EBADF;
	int e;

	if (target == -ENOENT || target == -ENOTDIR)
		return 0;
	if (target < 0)
		return target;
	clone = sys_open_tree(target, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE);
	if (clone < 0)
		return clone;
	e = private_mount(clone, MOUNT_ATTR_RDONLY);
	return e < 0 ? e : sys_move_mount(clone, "", target, "", EMPTY_BOTH);
}

static int hide(struct init *in)
{
	int e;

	for (const char **p = in->plan->masked; *p; p++) {
		e = mask_one(in, *p);
		if (e < 0)
			return init_fail(in, e, "mask %s", *p);
	}
	for (const char **p = in->plan->readonly; *p; p++) {
		e = readonly_one(in, *p);
		if (e < 0)
			return init_fail(in, e, "read-only %s", *p);
	}
	if (in->plan->root_readonly) {
		struct mount_attr a = { .attr_set = MOUNT_ATTR_RDONLY };

		e = sys_mount_setattr(in->root, "", AT_EMPTY_PATH, &a);
		if (e < 0)
			return init_fail(in, e, "read-only /");
	}
	return 0;
}

/* Through the fd of a proc of our own: no path of the image leads there. Nothing is mounted in it yet, and what were
 * would not be entered. */
static int sysctls_write(struct init *in)
{
	char path[160];

	if (in->plan->nsysctls && in->proc < 0)
		return init_fail(in, -ENOENT, "sysctl");
	for (size_t i = 0; i < in->plan->nsysctls; i++) {
		const struct plan_pair *s = &in->plan->sysctls[i];
		_cleanup_close_ int fd = -EBADF;

		snprintf(path, sizeof(path), "sys/%s", s->key);
		fd = sys_openat2(in->proc, path, O_WRONLY | O_CLOEXEC, 0,
				 RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV);
		if (fd < 0)
			return init_fail(in, fd, "sysctl %s", s->key);
		if (write(fd, s->value, strlen(s->value)) < 0)
			return init_fail(in, -errno, "sysctl %s", s->key);
	}
	return 0;
}

/* A terminal of the container's own devpts; the other side cannot be another's. */
static int terminal_open(struct init *in)
{
	_cleanup_close_ int tree = -EBADF, file = -EBADF;
	struct winsize size = { .ws_row = (unsigned short)in->plan->rows, .ws_col = (unsigned short)in->plan->columns };
	int unlock = 0, e;

	in->master = openat(in->devpts, "ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (in->master < 0 || ioctl(in->master, TIOCSPTLCK, &unlock) < 0)
		return -errno;
	in->slave = ioctl(in->master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (in->slave < 0)
		return -errno;
	if (size.ws_row && size.ws_col)
		ioctl(in->master, TIOCSWINSZ, &size);
	if (fchown(in->slave, in->plan->uid, (gid_t)-1) < 0)
		return -errno;
	if (in->dev < 0)
		return 0;
	tree = sys_open_tree(in->slave, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
	if (tree < 0)
		return tree;
	file = openat(in->dev, "console", O_CREAT | O_EXCL | O_NOFOLLOW | O_RDONLY | O_CLOEXEC, 0600);
	e = file < 0 ? -errno : sys_move_mount(tree, "", file, "", EMPTY_BOTH);
	return e;
}

int rootfs_build(struct init *in)
{
	_cleanup_close_ int cwd = -EBADF;
	int e;

	e = share_take(in);
	if (e == 0)
		e = stage_make(in);
	if (e == 0)
		e = overlay_mount(in);
	for (size_t i = 0; i < in->plan->nmounts && e == 0; i++)
		e = mount_one(in, &in->plan->mounts[i]);
	if (e == 0)
		e = files_mount(in);
	if (e < 0)
		return e;
	cwd = target_make(in->root, in->plan->cwd, /* dir= */ true);
	if (cwd < 0)
		return init_fail(in, cwd, "chdir");
	if (in->req->terminal && (e = terminal_open(in)) < 0)
		return init_fail(in, e, "terminal");
	e = sysctls_write(in);
	return e < 0 ? e : hide(in);
}

int rootfs_enter(struct init *in)
{
	/* Both the same: the old root comes to lie over the new one (pivot_root(2)). */
	if (fchdir(in->root) < 0 || sys_pivot_root(".", ".") < 0)
		return init_fail(in, -errno, "pivot_root");
	return 0;
}

int rootfs_leave_host(void)
{
	return umount2(".", MNT_DETACH) < 0 || chdir("/") < 0 ? -errno : 0;
}
