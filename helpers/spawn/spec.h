/* spec.h - an OCI runtime spec as a checked plan of what the init has to do. The text comes from the controller and is
 * hostile; it is parsed in the monitor of its own container, after that has joined the container's user namespace. */
#ifndef POSTERN_SPAWN_SPEC_H
#define POSTERN_SPAWN_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../base/limits.h"
#include "../base/policy.h"

struct cJSON;

enum {
	PLAN_RLIMITS_MAX = 16,
	PLAN_MOUNTS_MAX = 128,
	PLAN_DEPTH_MAX = 32, /* nesting of the JSON text */
};

enum plan_fs {
	PLAN_BIND, PLAN_PROC, PLAN_SYSFS, PLAN_TMPFS, PLAN_DEVPTS, PLAN_MQUEUE, PLAN_CGROUP2, PLAN_IMAGE, PLAN_FS_COUNT
};

struct plan_mount {
	const char *target; /* absolute, canonical */
	const char *source; /* shown in the container's mount table */
	enum plan_fs fs;
	unsigned bind; /* PLAN_BIND, PLAN_IMAGE: index of the (first) fd */
	unsigned layers; /* PLAN_IMAGE: so many fds, topmost first */
	const char *subpath; /* of both: what of it is mounted, canonical from its root; NULL: all */
	uint64_t attrs; /* MOUNT_ATTR_* to set */
	const char **options; /* "size=64m": of the file system, all of them known */
	size_t noptions;
};

struct plan_pair {
	const char *key, *value;
};

struct plan_rlimit {
	int resource;
	const char *name;
	uint64_t soft, hard;
};

enum { PLAN_BOUNDING, PLAN_EFFECTIVE, PLAN_PERMITTED, PLAN_INHERITABLE, PLAN_AMBIENT, PLAN_CAPS_COUNT };

/* Texts are borrowed from `doc`. */
struct plan {
	struct cJSON *doc;
	const char **argv, **env; /* NULL-terminated */
	const char *cwd;
	uint32_t uid, gid;
	gid_t *groups;
	size_t ngroups;
	uint64_t caps[PLAN_CAPS_COUNT];
	bool no_new_privs;
	struct plan_rlimit rlimits[PLAN_RLIMITS_MAX];
	size_t nrlimits;
	bool has_oom_score;
	int oom_score;
	unsigned rows, columns; /* of the terminal at first; 0: none said */
	const char *hostname, *domainname; /* NULL: none */
	const char *apparmor, *selinux; /* labels; NULL: none */
	bool root_readonly;
	struct plan_mount *mounts;
	size_t nmounts;
	const char **masked, **readonly; /* paths, NULL-terminated */
	struct plan_pair *sysctls; /* key: path below /proc/sys */
	size_t nsysctls;
	struct plan_pair *files; /* path and content */
	size_t nfiles;
	bool tiny_init;
	const char *log_attrs; /* JSON object for every line of the log; NULL: none */
	const char *journal; /* JSON object of fields for every entry of the journal; NULL: none */
	bool volatile_root; /* what is written need not outlast the machine */
	char (*sysctl_paths)[128];
};

/* Parses exactly len bytes. nbinds: how many bind fds there are. 0, or -errno with the offending part in ret_stage.
 * On failure too spec_finish must be called. */
int spec_parse(const char *text, size_t len, unsigned nbinds, struct plan *ret, char ret_stage[STAGE_MAX]);
void spec_finish(struct plan *p);

/* Policy over a plan: -EPERM and the rule's name. privileged: policy has said yes to that already. A hostile controller
 * gains nothing by a spec: what the container may hold is root's word. */
int spec_permit(const struct plan *p, const struct policy_spawn *policy, bool has_seccomp, bool privileged,
		const char **ret_rule);

#endif
