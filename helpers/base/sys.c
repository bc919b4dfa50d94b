#include "sys.h"

#include <errno.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <sys/syscall.h>
#include <unistd.h>

int sys_answer(long r)
{
	return r < 0 ? -errno : (int)r;
}

pid_t sys_clone3(struct clone_args *args)
{
	return sys_answer(syscall(SYS_clone3, args, sizeof(*args)));
}

int sys_open_tree(int dir, const char *path, unsigned flags)
{
	return sys_answer(syscall(SYS_open_tree, dir, path, flags));
}

int sys_mount_setattr(int fd, const char *path, unsigned flags, struct mount_attr *attr)
{
	return sys_answer(syscall(SYS_mount_setattr, fd, path, flags, attr, sizeof(*attr)));
}

int sys_openat2(int dir, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve)
{
	struct open_how how = { .flags = flags, .mode = mode, .resolve = resolve };

	return sys_answer(syscall(SYS_openat2, dir, path, &how, sizeof(how)));
}

int sys_pidfd_open(pid_t pid)
{
	return sys_answer(syscall(SYS_pidfd_open, pid, 0));
}

int sys_pidfd_send_signal(int pidfd, int signal)
{
	return sys_answer(syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0));
}

int sys_pivot_root(const char *new_root, const char *put_old)
{
	return sys_answer(syscall(SYS_pivot_root, new_root, put_old));
}

int sys_close_range(unsigned first, unsigned last, unsigned flags)
{
	return sys_answer(syscall(SYS_close_range, first, last, flags));
}
