/* init.h - the first process of a container, from clone to exec. It runs our code with the container's own rights only:
 * root of its user namespace, in its namespaces and cgroups. A failure is told to the monitor with its stage. */
#ifndef POSTERN_SPAWN_INIT_H
#define POSTERN_SPAWN_INIT_H

#include <limits.h>
#include <linux/filter.h>
#include <stdbool.h>
#include <stdint.h>

#include "../base/limits.h"
#include "../protocol/message.h"
#include "spec.h"

/* From the init to the monitor (SOCK_SEQPACKET). Status 0: all is made and it waits for one byte; the fds are then
 * {master, slave} of the terminal or {input or nothing, output, error}, then, if `hosts`, /etc/hosts, and last, if
 * `mounts`, the mount namespace and its root. Exec ends the socket: success. */
struct init_report {
	int32_t status;
	uint32_t hosts, mounts;
	char stage[STAGE_MAX];
};
enum { REPORT_FDS = 6, SHARED_MOUNTS = 5 };

struct init {
	const struct plan *plan;
	const struct req_spawn_create *req; /* the fds */
	struct sock_fprog seccomp; /* filter NULL: none */
	int control;
	bool in_cgroup; /* cloned into the version 2 cgroup already */
	/* made on the way */
	int binds[BINDS_MAX]; /* copies of req's, -EBADF once attached */
	int shared[SHARED_MOUNTS]; /* share.c: mounts of others', -EBADF once attached */
	int stage_dir, root; /* O_PATH */
	unsigned nviews; /* directories v0, v1 ... of the stage (view.c) */
	int dev, devpts, proc; /* mounts, or -EBADF when the spec has none */
	int hosts, mounts; /* for the monitor: /etc/hosts, -EBADF where the user has a mount; the mount namespace */
	int master, slave;
	struct init_report report;
	char program[PATH_MAX]; /* exec.c: what args[0] means */
};

void init_main(struct init *in) __attribute__((noreturn));

/* Notes the stage (printf) and returns err. */
int init_fail(struct init *in, int err, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* share.c: clones what is the host's or another container's, while the host's tree is still to be seen. */
int share_take(struct init *in);
/* The clone that stands for a mount of the spec: *ret is the caller's. -ENODATA: it is the container's own; -ENOENT:
 * the host has none. */
int share_find(struct init *in, const struct plan_mount *m, int *ret);

/* rootfs.c: mounts everything below a private stage; in->root is the new root then. 0 or -errno. */
int rootfs_build(struct init *in);
/* Makes in->root the root of the mount namespace; the host's tree is left below it, at the working directory. */
int rootfs_enter(struct init *in);
/* Takes the host's tree away. The kernel takes its time for this. */
int rootfs_leave_host(void);

/* view.c: a mount of what is at `subpath` below a detached mount, resp. of an image's layers together. The fd or
 * -errno; -EXDEV: a link leads out of it. */
int view_below(struct init *in, int mount_fd, const char *subpath);
int view_image(struct init *in, const struct plan_mount *m);

/* target.c: what `path` is below root, symbolic links followed inside root only, never through /proc's magic ones: an
 * O_PATH fd or -errno. */
int target_open(int root, const char *path);
/* The same; what is missing is made: directories, and at the end a directory or an empty file. */
int target_make(int root, const char *path, bool dir);

/* exec.c: ids, capabilities, no_new_privs, filter, and which file it will be: all but exec. 0, or -errno with the stage
 * noted, to be told when the program is asked for. */
int exec_prepare(struct init *in);
/* Only returns on failure: -errno with the stage noted. */
int exec_program(struct init *in);
/* The file that args[0] means: itself when it has a slash, else looked up in PATH of env. -ENOENT, -EACCES, -EISDIR. */
int exec_lookup(const char *name, const char *const *env, char *ret, size_t size);
/* reaper.c: runs as process 1 beside the program, whose exit status becomes its own. Returns in the child, which is to
 * be the program; -errno in the parent when there is no child. */
int reaper_split(void);

#endif
