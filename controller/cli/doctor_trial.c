/* doctor_trial.c - what only trying tells: security modules and outer containers forbid things that no file names.
 *
 * Each trial is a child, so that its namespaces and mounts end with it; directories that one needs are made and removed
 * by the parent. */
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../helpers/base/cleanup.h"
#include "../../helpers/base/fd.h"
#include "../../helpers/base/sys.h"
#include "../../helpers/base/text.h"
#include "doctor.h"

static int reap(pid_t child)
{
	int status;

	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -ECHILD;
}

int doctor_in_child(int (*trial)(const void *data), const void *data)
{
	pid_t child = fork();

	if (child == 0)
		_exit(trial(data) & 0xff);
	return child < 0 ? errno : abs(reap(child));
}

int doctor_enter(int flags)
{
	unsigned uid = geteuid(), gid = getegid();
	char map[32];
	int r;

	if (unshare(CLONE_NEWUSER | flags) < 0)
		return errno;
	r = file_write_at(AT_FDCWD, "/proc/self/setgroups", "deny");
	snprintf(map, sizeof(map), "0 %u 1\n", uid);
	if (r == 0)
		r = file_write_at(AT_FDCWD, "/proc/self/uid_map", map);
	snprintf(map, sizeof(map), "0 %u 1\n", gid);
	if (r == 0)
		r = file_write_at(AT_FDCWD, "/proc/self/gid_map", map);
	return -r;
}

/* AppArmor lets a namespace be made and takes the capabilities in it away: a mount tells. */
static int try_namespace(const void *data)
{
	int e = doctor_enter(CLONE_NEWNS);

	return e ? e : mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ? errno : 0;
}

int doctor_try_namespace(void)
{
	return doctor_in_child(try_namespace, NULL);
}

static int mount_proc(const void *data)
{
	return mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0 ? errno : 0;
}

static int try_proc(const void *data)
{
	int e = doctor_enter(CLONE_NEWNS | CLONE_NEWPID);

	return e ? e : doctor_in_child(mount_proc, NULL);
}

int doctor_try_proc(void)
{
	return doctor_in_child(try_proc, NULL);
}

static int try_overlay(const void *dir)
{
	int e = doctor_enter(CLONE_NEWNS);

	if (e || chdir(dir) < 0)
		return e ? e : errno;
	if (mount("overlay", "merged", "overlay", 0, "lowerdir=lower,upperdir=upper,workdir=work,userxattr") < 0)
		return errno;
	/* No whiteout: the file system keeps one in "work" that would have to be searched for. */
	return mkdir("merged/new", 0700) < 0 || chmod("merged/old", 0755) < 0 ? errno : 0;
}

int doctor_try_overlay(const char *dir)
{
	static const char *const made[] = { "lower", "lower/old", "upper", "work", "merged" };
	/* What the file system leaves in there; children first. */
	static const char *const left[] = { "upper/new", "upper/old", "work/work", "lower/old",
					    "lower",	 "upper",     "work",	   "merged" };
	char base[4096];
	_cleanup_close_ int fd = -EBADF;
	int e = 0;

	if (text_format(base, sizeof(base), "%s/.doctor-XXXXXX", dir) < 0)
		return ENAMETOOLONG;
	if (!mkdtemp(base))
		return errno;
	fd = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < ARRAY_SIZE(made) && e == 0; i++)
		e = fd < 0 || mkdirat(fd, made[i], 0700) < 0 ? errno : 0;
	if (e == 0)
		e = doctor_in_child(try_overlay, base);
	for (size_t i = 0; fd >= 0 && i < ARRAY_SIZE(left); i++)
		if (unlinkat(fd, left[i], AT_REMOVEDIR) < 0)
			unlinkat(fd, left[i], 0);
	rmdir(base);
	return e;
}

static int wait_for_end(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	pause();
	return 0;
}

/* A child in a user namespace of its own, without maps; killed and reaped by the caller. */
static pid_t hold_namespace(void)
{
	struct clone_args args = { .flags = CLONE_NEWUSER, .exit_signal = SIGCHLD };
	pid_t child = sys_clone3(&args);

	if (child == 0)
		_exit(wait_for_end());
	return child;
}

static void let_go(pid_t child)
{
	kill(child, SIGKILL);
	reap(child);
}

int doctor_try_idmap(const char *dir)
{
	_cleanup_close_ int tree = sys_open_tree(AT_FDCWD, dir, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC), ns = -EBADF;
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP };
	pid_t child;
	char path[64];
	int e;

	if (tree < 0)
		return -tree;
	child = hold_namespace();
	if (child < 0)
		return -child;
	snprintf(path, sizeof(path), "/proc/%d/uid_map", child);
	e = -file_write_at(AT_FDCWD, path, "0 524288 65536\n");
	snprintf(path, sizeof(path), "/proc/%d/gid_map", child);
	if (e == 0)
		e = -file_write_at(AT_FDCWD, path, "0 524288 65536\n");
	snprintf(path, sizeof(path), "/proc/%d/ns/user", child);
	ns = open(path, O_RDONLY | O_CLOEXEC);
	attr.userns_fd = (uint64_t)ns;
	if (e == 0)
		e = ns < 0 ? errno : -sys_mount_setattr(tree, "", AT_EMPTY_PATH, &attr);
	let_go(child);
	return e;
}

int doctor_try_mapper(const char *program, uint32_t self, uint32_t subordinate)
{
	pid_t holder = hold_namespace(), child;
	char text[3][16];
	int null, r;

	if (holder < 0)
		return holder;
	child = fork();
	if (child == 0) {
		null = open("/dev/null", O_WRONLY);
		if (null >= 0)
			dup2(null, STDERR_FILENO);
		snprintf(text[0], sizeof(text[0]), "%d", holder);
		snprintf(text[1], sizeof(text[1]), "%u", self);
		snprintf(text[2], sizeof(text[2]), "%u", subordinate);
		execlp(program, program, text[0], "0", text[1], "1", "1", text[2], "1", (char *)NULL);
		_exit(127);
	}
	r = child < 0 ? -errno : reap(child);
	let_go(holder);
	return r;
}
