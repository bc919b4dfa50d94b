/* names.h - the programs of an engine: their numbers, names and uids, in one table.
 *
 * An engine's own ids are one block of IDS_PER_ENGINE numbers from a configurable base
 * (launcher option --ids); a program's uid and gid are base + its number. */
#ifndef POSTERN_BASE_NAMES_H
#define POSTERN_BASE_NAMES_H

#include <stdint.h>

/* name, capabilities in words (for the README, `postern helpers` and tests) */
#define HELPERS(H)                   \
	H(CONTROLLER, "controller")  \
	H(IDMAP, "idmap")            \
	H(NETNS, "netns")            \
	H(VETH, "veth")              \
	H(FIREWALL, "firewall")      \
	H(LOOKUP, "lookup")          \
	H(MOUNT, "mount")            \
	H(SEAL, "seal")              \
	H(CGROUP, "cgroup")          \
	H(DEVICE, "device")          \
	H(SPAWN, "spawn")            \
	H(LAYER, "layer")            \
	H(AUDIT, "audit")            \
	H(MONITOR, "monitor")        \
	H(POLICY, "policy")          \
	H(RESOLVER, "resolver")      \
	H(FORWARD, "forward")        \
	H(PORTS, "ports")

enum helper_id {
#define HELPER_ENUM(upper, lower) HELPER_##upper,
	HELPERS(HELPER_ENUM)
#undef HELPER_ENUM
	HELPER_COUNT,
};

/* Offsets in the engine's block of ids that belong to no program. */
enum {
	IDS_OWNER = 20,      /* effective uid of netns and spawn: owner of every container's user namespace */
	IDS_CGROUP_GID = 21, /* gid that may move a process into a container's cgroup */
	IDS_PER_ENGINE = 24,
	IDS_DEFAULT_BASE = 60706, /* not used by Debian or systemd (uid table of systemd) */
};

/* Fixed fds of every program. */
enum {
	FD_CHANNEL = 3, /* its channel (SOCK_SEQPACKET) */
	FD_AUDIT = 4,   /* to audit; in audit itself: the log file */
	FD_POLICY = 5,  /* sealed memfd: struct policy_<helper> (policy.h) */
	FD_KEEP = 6,    /* memfd that outlives a crash of the helper: struct keep (protocol/server.h) */
	FD_OWN = 7,     /* first of what its row needs */
};

/* Short name ("idmap") or NULL. */
const char *helper_name(enum helper_id id);

/* Rights of an API client; each includes those before it. */
enum op_rights { RIGHTS_NONE, RIGHTS_READ, RIGHTS_RUN, RIGHTS_EXEC, RIGHTS_ADMIN };

#endif
