#include "mounts.h"

#include <sys/syscall.h>
#include <unistd.h>

#include "../base/sys.h"

int sys_move_mount(int from, const char *from_path, int to, const char *to_path, unsigned flags)
{
	return sys_answer(syscall(SYS_move_mount, from, from_path, to, to_path, flags));
}

int sys_fsopen(const char *type, unsigned flags)
{
	return sys_answer(syscall(SYS_fsopen, type, flags));
}

int sys_fsconfig(int fd, unsigned cmd, const char *key, const void *value, int aux)
{
	return sys_answer(syscall(SYS_fsconfig, fd, cmd, key, value, aux));
}

int sys_fsmount(int fd, unsigned flags, unsigned attrs)
{
	return sys_answer(syscall(SYS_fsmount, fd, flags, attrs));
}
