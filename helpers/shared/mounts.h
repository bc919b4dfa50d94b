/* mounts.h - system calls of the mount API without a wrapper in Debian 12's C library, for those who attach mounts or
 * make new ones: programs without privilege in namespaces of their own. As sys.h: 0 or an fd, or -errno.
 * move_mount(2), fsopen(2). */
#ifndef POSTERN_SHARED_MOUNTS_H
#define POSTERN_SHARED_MOUNTS_H

int sys_move_mount(int from, const char *from_path, int to, const char *to_path, unsigned flags);
int sys_fsopen(const char *type, unsigned flags);
int sys_fsconfig(int fd, unsigned cmd, const char *key, const void *value, int aux);
int sys_fsmount(int fd, unsigned flags, unsigned attrs);

#endif
