/* fd.h - what an fd really is, proven before it is used.
 *
 * A received fd may be of a FUSE or network file system that never answers, or of a driver whose ioctl acts.
 * So nothing is asked of the file system itself until the device number is known to be the kernel's own:
 * statx(AT_EMPTY_PATH | AT_STATX_DONT_SYNC) is answered from memory (statx(2)). */
#ifndef POSTERN_BASE_FD_H
#define POSTERN_BASE_FD_H

#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "limits.h"

/* Kinds that an op can declare. The word is what the audit log shows. */
#define FD_KINDS(K)                                                                           \
	K(USERNS, "userns")     /* user namespace (nsfs) */                                   \
	K(NETNS, "netns")       /* network namespace (nsfs) */                                \
	K(PIDNS, "pidns")                                                                     \
	K(IPCNS, "ipcns")                                                                     \
	K(UTSNS, "utsns")                                                                     \
	K(MNTNS, "mntns")                                                                     \
	K(PROCDIR, "procdir")   /* directory /proc/PID, not O_PATH */                         \
	K(CGROUP2, "cgroup2")   /* directory of the version 2 hierarchy */                    \
	K(CGROUP1, "cgroup1")   /* directory of a version 1 hierarchy */                      \
	K(PATH, "path")         /* O_PATH, any object; its file system is not touched */      \
	K(MEMFD, "memfd")       /* sealed against shrink, grow and write; readable */         \
	K(FILE, "file")         /* regular file, read-only, not O_PATH */                     \
	K(LOG, "log")           /* regular file, O_WRONLY or O_RDWR */                        \
	K(STREAM, "stream")     /* pipe or FIFO end */                                        \
	K(CHANNEL, "channel")   /* AF_UNIX SOCK_SEQPACKET socket */                           \
	K(CLIENT, "client")     /* AF_UNIX SOCK_STREAM socket: an accepted API connection */  \
	K(INET, "inet")         /* AF_INET or AF_INET6 socket */                             \
	K(PIDFD, "pidfd")

enum fd_kind {
#define FD_KIND_ENUM(upper, word) FDK_##upper,
	FD_KINDS(FD_KIND_ENUM)
#undef FD_KIND_ENUM
	FDK_COUNT,
};

const char *fd_kind_name(enum fd_kind kind);

/* Identity for the audit log, taken without touching the file system. */
struct fd_id {
	uint64_t dev;
	uint64_t ino;
	uint32_t mode; /* st_mode */
	uint32_t uid, gid;
};

/* Device numbers (major << 32 | minor) of the kernel's own file systems: an fd on one of them answers without harm. */
struct fd_devs {
	uint64_t nsfs, proc, memfd, cgroup2;
	uint64_t cgroup1[CGROUP_V1_MAX]; /* 0: none */
};
/* Reads them from this kernel (/proc must be there); cgroup1 and cgroup2 stay 0 unless dirs are given by
 * fd_devs_cgroup. 0 or -errno. */
int fd_devs_read(struct fd_devs *ret);
/* Adds the file system of a cgroup directory; magic tells the version. */
int fd_devs_cgroup(struct fd_devs *devs, int dir);
/* What fd_prove compares with; copied. helper_run does it from the policy part. */
void fd_proofs_use(const struct fd_devs *devs);

/* 0 or -errno. Never blocks on a file system. */
int fd_identify(int fd, struct fd_id *ret);

/* Proves kind, access mode and flags (no O_ASYNC; O_PATH only where the kind is one). 0, -EMEDIUMTYPE when it is
 * something else, or -errno. ret may be NULL. */
int fd_prove(int fd, enum fd_kind kind, struct fd_id *ret);

/* Proves that a user namespace is a child of `parent` (an fd) and owned by `owner` (uid in our own user namespace).
 * -EPERM when it is not. ioctl_ns(2). */
int userns_prove(int fd, int parent, uid_t owner);

/* Proves that a namespace of that kind (FDK_NETNS ...) is owned by the user namespace `userns`. -EPERM when it is
 * not. */
int ns_prove(int fd, enum fd_kind kind, int userns);

/* True when both fds are of the same object (device and inode). */
bool fd_same(int a, int b);

/* The entries of a directory from its first one on, without touching the fd's own position. NULL with errno. */
DIR *fd_opendir(int dir);
/* The next one that is neither "." nor "..", or NULL. */
struct dirent *fd_readdir(DIR *d);

/* Reads a whole file or memfd of at most max bytes into fresh memory, NUL-terminated. -EFBIG above max. */
int fd_read_all(int fd, size_t max, char **ret, size_t *ret_len);
/* Writes all; -errno of the first failure. */
int fd_write_all(int fd, const void *data, size_t n);
/* Opens `name` below dir for writing, writes text, closes: for cgroup and proc files. */
int file_write_at(int dir, const char *name, const char *text);
/* Maps a file of just that size, shared. -EINVAL when it has another. */
int fd_map(int fd, size_t size, int prot, void **ret);
/* A memfd of zeros that two processes share by mmap; it keeps its size. */
int memfd_shared(const char *name, size_t size);
/* A sealed memfd with that content, or -errno. The caller owns it. */
int memfd_sealed(const char *name, const void *data, size_t n);

#endif
