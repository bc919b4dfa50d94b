/* sandbox.h - how a program gives up what its row does not name.
 *
 * The launcher drops uid, groups, capabilities and the bounding set before exec. The program itself, in named
 * stages: sandbox_start (first thing in main: still *should* be able to open files), then its own set-up, then
 * sandbox_enter (from here it *must not* make any system call outside its list: the process is killed). */
#ifndef POSTERN_BASE_SANDBOX_H
#define POSTERN_BASE_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* PDEATHSIG KILL, non-dumpable, core limit 0, umask 077, and no_new_privs unless `keep_privs` (spawn). */
int sandbox_start(bool keep_privs);

/* Only listed system calls (by number, native ABI only) from now on; any other kills the process.
 * The base list (read, write, sendmsg, poll, mmap ... what the server loop and libc need) is always there. */
int sandbox_seccomp(const int *syscalls, size_t n);
/* Less, for a process whose uid others share: no call of the base list that signals, and no ioctl but this request. */
int sandbox_seccomp_mute(const int *syscalls, size_t n, uint32_t ioctl_request);

/* Landlock: no file-system access at all but below the given directory fds with the given rights
 * (LANDLOCK_ACCESS_FS_*); with n == 0 nothing can be opened by path. A kernel without Landlock is no error: *ret_abi
 * is 0 then. landlock(7). */
struct sandbox_dir {
	int fd;
	uint64_t rights;
};
int sandbox_landlock(const struct sandbox_dir *dirs, size_t n, int *ret_abi);
/* The same for a program whose work is TCP: everywhere else it can be neither bound nor connected. */
int sandbox_landlock_tcp(const struct sandbox_dir *dirs, size_t n);
/* No file at all, for a process whose end must kill a child outside the domain: the death signal of prctl(2) is sent
 * with the dying parent's rights, so signals are not scoped here. */
int sandbox_landlock_parent(int *ret_abi);

/* Effective and permitted sets := mask (bit per capability), inheritable and ambient empty. capabilities(7). */
int sandbox_caps_set(uint64_t mask);
/* All sets := mask, so that the next exec keeps just these. */
int sandbox_caps_pass(uint64_t mask);
/* Drops every capability outside mask from the bounding set. Needs CAP_SETPCAP. */
int sandbox_bounding_set(uint64_t mask);

#define CAP_BIT(cap) (UINT64_C(1) << (cap))

#endif
