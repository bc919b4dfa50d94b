/* sys.h - system calls without a wrapper in Debian 12's C library, and the seam for tests.
 *
 * Every function returns 0 or an fd, or -errno. Tests link a file that defines the same functions with faults;
 * production links sys.c. */
#ifndef POSTERN_BASE_SYS_H
#define POSTERN_BASE_SYS_H

#include <stdint.h>
#include <sys/types.h>

struct clone_args;
struct mount_attr;

/* What syscall(2) returned: itself, or -errno. */
int sys_answer(long r);
pid_t sys_clone3(struct clone_args *args);
int sys_open_tree(int dir, const char *path, unsigned flags);
int sys_mount_setattr(int fd, const char *path, unsigned flags, struct mount_attr *attr);
/* resolve: RESOLVE_*, openat2(2) */
int sys_openat2(int dir, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve);
int sys_pidfd_open(pid_t pid);
int sys_pidfd_send_signal(int pidfd, int signal);
int sys_pivot_root(const char *new_root, const char *put_old);
int sys_close_range(unsigned first, unsigned last, unsigned flags);

#endif
