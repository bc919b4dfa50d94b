/* cgroup.h - a container's directories in the version 2 hierarchy and in each version 1 hierarchy that is given. */
#ifndef POSTERN_CGROUP_CGROUP_H
#define POSTERN_CGROUP_CGROUP_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "../protocol/message.h"

/* The delegated roots. Their fds come from the launcher; all other paths are relative to them. */
struct roots {
	int v2;
	unsigned nv1;
	struct {
		char controllers[64]; /* "memory", "cpu,cpuacct" */
		int fd;
	} v1[CGROUP_V1_MAX];
	unsigned v2_controllers; /* bit per enum controller that containers have in version 2 */
	uid_t uid; /* owner of what we make */
	gid_t join_gid; /* may move processes into it */
};

/* One container's directories, open. */
struct group {
	int v2;
	int v1[CGROUP_V1_MAX]; /* as in roots */
};
enum { GROUP_NONE = -EBADF, PARENT_MAX = 64 };

enum controller { CTL_MEMORY, CTL_PIDS, CTL_CPU, CTL_CPUSET, CTL_IO, CTL_CPUACCT, CTL_COUNT };

/* The fields of CREATE and UPDATE from memory_max on. */
struct limits {
	CGROUP_LIMITS(DECL_FIELD, )
};
/* Above it a number means "no limit" (and UNSET "leave it as it is"). */
#define LIMIT_LARGEST ((uint64_t)INT64_MAX)

/* Enables the controllers that we set limits with, lets the join group in, learns what there is. 0 or -errno. */
int roots_prepare(struct roots *roots);
/* Calls found() for each directory with a container's name that we own. 0 or -errno. */
int roots_scan(const struct roots *roots, int (*found)(void *data, const char *parent, const uint8_t *id), void *data);
/* A name that a parent may have: "" for none, Docker's name alphabet, no container's id. */
bool parent_valid(const char *parent);

/* -EEXIST when it is there. What was made is removed again on failure; *ret_step says where it failed. */
int group_create(const struct roots *roots, const char *parent, const uint8_t *id, struct group *ret,
		 const char **ret_step);
/* -ENOENT; -EPERM when we did not make it. */
int group_open(const struct roots *roots, const char *parent, const uint8_t *id, struct group *ret);
void group_close(struct group *g);
/* Removes all directories with what is nested in them, and the parent with the last in it; 0 also when they are gone.
 * -EBUSY while a process is inside. */
int group_remove(const struct roots *roots, const char *parent, const uint8_t *id);
/* A value of cgroup.events ("frozen", "populated"): 0, 1 or -errno. */
int group_event(int events, const char *key);

/* LIMIT_* that can be set for a container here. */
uint64_t limits_supported(const struct roots *roots);
/* Sets what is not UNSET or empty. *ret_step names the file that refused; *ret_unsupported what cannot be set. */
int limits_apply(const struct roots *roots, const struct group *g, const struct limits *l, uint64_t *ret_unsupported,
		 const char **ret_step);
/* io.c: the rules of one limits struct. */
int io_apply(const struct roots *roots, const struct group *g, const struct limits *l, uint64_t *asked, uint64_t *done,
	     const char **ret_step);
void usage_read(const struct roots *roots, const struct group *g, struct rep_cgroup_stat *ret);

/* The directory of g that has a controller; *ret_v2 its version. -ENOENT when no hierarchy has it. */
int group_dir(const struct roots *roots, const struct group *g, enum controller c, bool *ret_v2);
/* Reads a small file, NUL-terminated, without the final newline. Its length or -errno. */
int read_at(int dir, const char *name, char *buf, size_t size);

#endif
