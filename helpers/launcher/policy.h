/* policy.h - root's policy file (JSON) compiled to the structs that the helpers get (../base/policy.h).
 *
 * The file is root's and trusted; it is read strictly all the same, so that a slip of the pen is an error with its place
 * and its remedy and never a rule that silently does not hold. What each member means: policy/README.md. */
#ifndef POSTERN_LAUNCHER_POLICY_H
#define POSTERN_LAUNCHER_POLICY_H

#include <stddef.h>
#include <stdint.h>

#include "../base/names.h"
#include "../base/policy.h"

/* What the engine knows and the file does not say. All texts are borrowed. */
struct policy_engine {
	uint32_t ids_base; /* 0: IDS_DEFAULT_BASE */
	uint32_t range_first, range_last; /* container ids; 0: as the policy says */
	const char *socket; /* NULL: none */
	const char *build; /* NULL: "" */
	const struct fd_devs *devs; /* NULL: zeros */
	const char *const *denied; /* data, run, configuration, cgroup directories: never a bind source */
	size_t ndenied;
	const char *etc; /* directory of passwd, group, subuid, subgid; NULL: "/etc" */
};

/* Every part, each complete with its struct policy_common. */
struct policy {
	struct policy_common controller;
	struct policy_idmap idmap;
	struct policy_netns netns;
	struct policy_lookup lookup;
	struct policy_mount mount;
	struct policy_seal seal;
	struct policy_cgroup cgroup;
	struct policy_device_part device;
	struct policy_spawn spawn;
	struct policy_layer layer;
	struct policy_audit audit;
};

enum { POLICY_FILE_MAX = 1 << 20, POLICY_WHY_MAX = 512 };

/* 0, or -errno with the reason in error ("policy.json: binds[2].path: ..."). The file must belong to root or to the caller and be
 * writable by nobody else. Users and groups marked optional that do not exist are skipped with a warning. */
int policy_load(const char *path, const struct policy_engine *engine, struct policy *ret, char *error, size_t error_size);

/* The part that a program gets as FD_POLICY. NULL when it gets none. */
const void *policy_part(const struct policy *p, enum helper_id id, size_t *ret_size);

/* `--policy-check FILE` as argv[1] and argv[2], for `postern policy` and for root. Returns the exit status: 0 valid, 1 not, 2 cannot
 * read or wrong usage. */
int policy_main(int argc, char **argv);

#endif
