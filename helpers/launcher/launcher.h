/* launcher.h - what the launcher's files share.
 *
 * Trusted: signals, exit statuses of its own children, root's files. Everything else is made here. */
#ifndef POSTERN_LAUNCHER_H
#define POSTERN_LAUNCHER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "../base/limits.h"
#include "../base/names.h"
#include "../base/policy.h"

enum { PATH_SIZE = 4096 };

/* Where an engine lives: every one of these can be given, so that many run side by side. */
struct config {
	char narrower[256], home[256]; /* root's policy for a user's engine, and that user's home; "" for none */
	char data[PATH_SIZE], run[PATH_SIZE], policy[PATH_SIZE], bin[PATH_SIZE], log[PATH_SIZE];
	char cgroup[512]; /* directory below the root of each hierarchy */
	char journal[SOCKET_PATH_SIZE]; /* where containers' lines may go */
	char group[64]; /* of the sockets; "" for everyone: policy decides all the same */
	char sockets[SOCKET_COUNT][SOCKET_PATH_SIZE]; /* "": none; the main one is RUN/postern.sock (policy.c) */
	uint32_t ids_base, range_first, range_last;
	bool daemon, purge;
};

/* Which ids there are: in the host's user namespace for root's engine, in one of its own for a user's (--user-map). */
struct ids {
	bool user; /* it is a user's */
	uint32_t count; /* of the engine's own, from config.ids_base on; 0: all programs have that one */
	uint32_t store_first, nmap; /* policy.h */
	struct policy_extent map[POLICY_EXTENTS_MAX];
};

enum userns { USERNS_HOST, USERNS_RANGE, USERNS_STORE };
enum mntns { MNTNS_HOST, MNTNS_FILES, MNTNS_SPAWN };

/* What a program is given. */
struct row {
	enum helper_id id;
	uint64_t caps;
	enum userns userns;
	enum mntns mntns;
	bool owner_euid; /* effective uid IDS_OWNER */
	bool no_new_privs, seccomp, landlock; /* as it ends up; shown by `postern helpers` */
	bool in_spawn_cgroup;
	bool in_netns; /* in the engine's network namespace, where that is not the host's */
	uint64_t caps_one_id; /* beside caps, where one id is all there is */
	size_t fds[5]; /* from FD_OWN on: offsets of fds in struct launcher, 0 after the last */
};
extern const struct row rows[];
extern const unsigned nrows;

struct hierarchy {
	const char *controller; /* the first that containers need, "memory"; "" for version 2 */
	int root; /* mount point */
	int dir; /* delegated root: R/containers */
	int spawn; /* R/containers/spawn */
};

enum { V2 = 0 /* in struct cgroups: version 1 hierarchies come after it */ };
struct cgroups {
	unsigned n; /* 0: not looked for yet */
	struct hierarchy all[1 + CGROUP_V1_MAX];
	int helpers; /* R/helpers in version 2 */
};

struct child {
	const struct row *row;
	pid_t pid; /* 0: not running */
	int keep; /* memfd; the controller's state directory */
	int policy; /* sealed memfd or -EBADF */
	int program; /* sealed memfd of what containers could write to, else -EBADF */
	int audit; /* this program's end of its socket to audit; audit's log; the controller's listening socket */
	int audit_peer; /* audit's end; held so that a restart of either keeps the queue */
	int controller_end; /* of its present channel, until the controller has it */
	uint32_t restarts;
	uint64_t window_ns; /* start of the window in which failures are counted */
	unsigned failures;
	bool excused; /* ended by us */
	bool purging; /* it is to remove what it has ever made, and end */
	uint64_t not_before_ns; /* back-off */
};

struct launcher {
	struct config config;
	struct ids ids;
	uint32_t absent; /* bit per enum helper_id: not started, since this kernel does not let us */
	struct policy *policy; /* NULL from when the programs have their parts on */
	int policy_files[1 + POLICY_ETC_COUNT + 1]; /* for the compiler: the policy, lists of ids, what narrows it */
	int settings; /* posternd.json beside the policy, for the controller; -EBADF: none */
	struct fd_devs devs;
	struct cgroups cgroups;
	/* Namespaces; that of the range is given (--range-ns) when containers of an earlier launcher are in it. */
	int range_ns, store_ns, files_mntns, spawn_mntns;
	int netns; /* given: the engine's own network namespace; -EBADF: it is the host's */
	int store_dir; /* host's view */
	int store_in_files; /* opened in files_mntns */
	int proc; /* O_PATH of /proc: lookup reads its own mountinfo at start, where it has none */
	int state_dir, monitors_dir, audit_log, audit_anchors, kmsg, listening[SOCKET_COUNT];
	int lookup_mount[2], idmap_mount[2], mount_seal[2], device_box[2];
	int control[2]; /* launcher's end, controller's end */
	struct child children[HELPER_COUNT];
	/* Sockets given to us from FD_CHANNEL on (sd_listen_fds(3)): used when we would make theirs, never removed. */
	int npassed;
	bool stopping;
};

/* options.c: l->config and what postern-user says; -EINVAL after saying what is wrong, and the usage. */
int options_read(int argc, char **argv, struct launcher *l);

/* dirs.c: directories, audit files, socket. */
int dirs_create(struct launcher *l);
/* Both paths without links: what policy denies and binds is compared by name. */
int dirs_resolve(struct launcher *l);
int dirs_listen(struct launcher *l);
int dirs_lock(struct launcher *l); /* -EBUSY when another launcher serves these directories */
int dirs_purge(struct launcher *l); /* data and run directories, for good */

/* cgroups.c */
int cgroups_create(struct launcher *l); /* kills what an earlier launcher left among its helpers */
int cgroups_enter(struct launcher *l, const struct row *row); /* the calling process */
/* All that this engine made, helpers killed first; while there are containers only if they are to end as well. */
void cgroups_remove(struct launcher *l, bool containers);

/* namespaces.c */
int namespaces_create(struct launcher *l);

/* policy.c: l->policy; the reason is logged. */
int policy_load(struct launcher *l);
int policy_facts(struct launcher *l); /* only what the launcher itself knows; no file is read */

/* child.c */
int child_start(struct launcher *l, struct child *c);

/* supervise.c */
int supervise(struct launcher *l);

/* status.c: RUN/helpers.json, for `postern helpers`. */
int status_write(const struct launcher *l);

/* An id of this engine. */
static inline uint32_t engine_id(const struct launcher *l, uint32_t offset)
{
	return l->config.ids_base + (offset < l->ids.count ? offset : 0);
}

/* The same inside the range namespace: where one id is all there is, it is the container's. */
static inline uint32_t engine_id_in_range(const struct launcher *l, uint32_t offset)
{
	return l->ids.count ? engine_id(l, offset) : l->config.range_first;
}

#endif
