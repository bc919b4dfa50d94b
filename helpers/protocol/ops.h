/* ops.h - every act that can be asked of a helper, declared once.
 *
 * OP(helper, HELPER, op, OP, class, rights, text) names it; REQ_helper_op and REP_helper_op list its fields and fds as
 * F(S, TYPE, name, a, b):
 *
 *   U32 U64        unsigned number, a..b
 *   NAME           Docker's name alphabet, a..b bytes      PATH   canonical absolute path, a..b bytes
 *   TEXT           no control characters, a..b bytes       ID     32 raw bytes (a, b unused)
 *   IDS            a..b times 32 bytes                     U32S   a..b numbers
 *   U64S           a..b numbers
 *   FD             one fd of kind a; b: REQUIRED, OPTIONAL FDS    0..b fds of kind a
 *
 * class:  ACQUIRE  makes or takes something: its intent is written before, it fails when the audit log is full
 *         RELEASE  gives something up (stop, kill, remove): space for its records is reserved
 *         QUERY    changes nothing: recorded like the others
 *         PRIVATE  between two helpers, part of an act that one of them records
 * rights: what the proven API client must have by policy: NONE (no client needed), READ, RUN, EXEC, ADMIN.
 *
 * The frame header carries for every op: request id, API request id, the container's id (or zeros) and, as first fd,
 * the API connection of the client on whose behalf it is asked. */
#ifndef POSTERN_PROTOCOL_OPS_H
#define POSTERN_PROTOCOL_OPS_H

#include "../base/fd.h"
#include "../base/limits.h"
#include "ops_net.h"
#include "ops_plain.h"

#define UNSET UINT64_MAX /* a limit that is not to be set */

/* --- every helper: rights of the channel itself ------------------------------------------------------------- */
#define OPS_BASE(OP)                                                                                             \
	OP(base, BASE, limit, LIMIT, QUERY, NONE, "shrinks the ops that this channel may ask, for good")         \
	OP(base, BASE, derive, DERIVE, QUERY, NONE, "makes another channel with fewer ops")
#define REQ_base_limit(F, S) F(S, U64, mask, 0, UINT64_MAX)
#define REP_base_limit(F, S) F(S, U64, mask, 0, UINT64_MAX)
#define REQ_base_derive(F, S) F(S, U64, mask, 0, UINT64_MAX)
#define REP_base_derive(F, S) F(S, FD, channel, FDK_CHANNEL, REQUIRED)

/* --- idmap --------------------------------------------------------------------------------------------------- */
#define OPS_IDMAP(OP)                                                                                                  \
	OP(idmap, IDMAP, map, MAP, ACQUIRE, NONE,                                                                      \
	   "chooses a range, maps a new container's user namespace to it, hands mount the store mapping")              \
	OP(idmap, IDMAP, owner, OWNER, ACQUIRE, RUN,                                                                   \
	   "hands mount a mapping that shows one host user's files as one id of a container")                          \
	OP(idmap, IDMAP, store, STORE, ACQUIRE, RUN,                                                                   \
	   "hands mount the store mapping of a range once more, for a container that joins another's namespaces")      \
	OP(idmap, IDMAP, release, RELEASE, RELEASE, NONE,                                                              \
	   "gives a range back; given out again only when no process has an id of it")
#define REQ_idmap_map(F, S)                                                                                      \
	F(S, U64, ticket, 1, UINT64_MAX) /* mount will know the store mapping by this number */                  \
	F(S, FD, proc, FDK_PROCDIR, REQUIRED) /* /proc/PID of the process that made the namespace */             \
	F(S, FD, userns, FDK_USERNS, REQUIRED)
#define REP_idmap_map(F, S) F(S, U32, base, 0, UINT32_MAX)
#define REQ_idmap_owner(F, S)                                                                                    \
	F(S, U64, ticket, 1, UINT64_MAX)                                                                         \
	F(S, U32, base, 0, UINT32_MAX) /* a range that MAP chose */                                              \
	F(S, U32, run_uid, 0, MAP_SIZE - 1) /* id in the container that is to be the owner */                    \
	F(S, U32, run_gid, 0, MAP_SIZE - 1)                                                                      \
	F(S, U32, owner_uid, 0, UINT32_MAX - 1) /* of the source on the host; mount checks it by fstat */        \
	F(S, U32, owner_gid, 0, UINT32_MAX - 1)
#define REP_idmap_owner(F, S)
#define REQ_idmap_store(F, S)                                                                                    \
	F(S, U64, ticket, 1, UINT64_MAX)                                                                         \
	F(S, U32, base, 0, UINT32_MAX) /* a range that MAP chose */
#define REP_idmap_store(F, S)
#define REQ_idmap_release(F, S) F(S, U32, base, 0, UINT32_MAX)
#define REP_idmap_release(F, S)

/* --- netns --------------------------------------------------------------------------------------------------- */
#define OPS_NETNS(OP)                                                                                            \
	OP(netns, NETNS, create, CREATE, ACQUIRE, NONE,                                                          \
	   "makes a user namespace and a network namespace in it, loopback up; waits unmapped until lifeline ends")
#define REQ_netns_create(F, S)                                                                                         \
	F(S, FD, userns, FDK_USERNS, OPTIONAL) /* a container's: no new one, only a network in it */
#define REP_netns_create(F, S) /* all but netns: with a new user namespace */                                    \
	F(S, FD, proc, FDK_PROCDIR, OPTIONAL)                                                                    \
	F(S, FD, userns, FDK_USERNS, OPTIONAL)                                                                   \
	F(S, FD, netns, FDK_NETNS, REQUIRED)                                                                     \
	F(S, FD, lifeline, FDK_STREAM, OPTIONAL) /* close it when the maps are written */

/* --- lookup -------------------------------------------------------------------------------------------------- */
enum { LOOKUP_BIND = 0, LOOKUP_DEVICE = 1 };
#define OPS_LOOKUP(OP)                                                                                           \
	OP(lookup, LOOKUP, open, OPEN, ACQUIRE, RUN,                                                             \
	   "walks to a host path that policy allows and hands mount the object; tells its owner and type")
#define REQ_lookup_open(F, S)                                                                                    \
	F(S, U64, ticket, 1, UINT64_MAX) /* mount will know the source by this number */                         \
	F(S, U32, what, LOOKUP_BIND, LOOKUP_DEVICE)                                                              \
	F(S, U32, writable, 0, 1)                                                                                \
	F(S, PATH, path, 1, 4095)
#define REP_lookup_open(F, S)                                                                                    \
	F(S, U32, mode, 0, UINT32_MAX) /* st_mode */                                                             \
	F(S, U32, uid, 0, UINT32_MAX)                                                                            \
	F(S, U32, gid, 0, UINT32_MAX)                                                                            \
	F(S, U32, unmapped, 0, 1) /* only read-only and without an owner mapping (root's, system's) */           \
	F(S, U32, rdev_major, 0, UINT32_MAX)                                                                     \
	F(S, U32, rdev_minor, 0, UINT32_MAX)

/* --- mount --------------------------------------------------------------------------------------------------- */
#define OPS_MOUNT(OP)                                                                                            \
	OP(mount, MOUNT, rootfs, ROOTFS, ACQUIRE, NONE,                                                          \
	   "id-mapped, sealed clones of an image's layers (read-only) and of a container's upper directory")     \
	OP(mount, MOUNT, image, IMAGE, ACQUIRE, NONE, "id-mapped, sealed, read-only clones of an image's layers") \
	OP(mount, MOUNT, volume, VOLUME, ACQUIRE, NONE, "id-mapped, sealed clone of a volume")                   \
	OP(mount, MOUNT, bind, BIND, ACQUIRE, RUN, "id-mapped, sealed clone of a source that lookup found")      \
	OP(mount, MOUNT, device, DEVICE, ACQUIRE, RUN, "sealed clone of a device node that lookup found")        \
	OP(mount, MOUNT, drop, DROP, RELEASE, NONE, "forgets tickets")                                           \
	OP(mount, MOUNT, source, SOURCE, PRIVATE, NONE, "from lookup: an object under a ticket")                 \
	OP(mount, MOUNT, mapping, MAPPING, PRIVATE, NONE, "from idmap: a mapping namespace under a ticket")
#define REQ_mount_rootfs(F, S)                                                                                   \
	F(S, U64, mapping, 1, UINT64_MAX) /* ticket given to idmap MAP */                                        \
	F(S, IDS, layers, 1, LAYERS_MAX) /* topmost first: directories layers/HEX in the store */                \
	F(S, ID, container, 0, 0) /* containers/HEX in the store, made by layer CREATE */
#define REP_mount_rootfs(F, S)                                                                                   \
	F(S, FDS, layers, FDK_PATH, LAYERS_MAX)                                                                  \
	F(S, FD, upper, FDK_PATH, REQUIRED) /* holds upper/ and work/ */
#define REQ_mount_image(F, S)                                                                                    \
	F(S, U64, mapping, 1, UINT64_MAX)                                                                        \
	F(S, IDS, layers, 1, LAYERS_MAX) /* topmost first */
#define REP_mount_image(F, S) F(S, FDS, layers, FDK_PATH, LAYERS_MAX)
#define REQ_mount_volume(F, S)                                                                                   \
	F(S, U64, mapping, 1, UINT64_MAX)                                                                        \
	F(S, U32, readonly, 0, 1)                                                                                \
	F(S, NAME, volume, 1, NAME_MAX_LEN)
#define REP_mount_volume(F, S) F(S, FD, mount, FDK_PATH, REQUIRED)
/* What is mounted below the source comes along when policy lists it; covers of the engine's own state always do. */
enum { BIND_ALL = 0, BIND_FLAT = 1 /* nothing but covers, or not at all */, BIND_FLAT_RATHER = 2 };
enum { BIND_WRITABLE = 0, BIND_READONLY = 1, BIND_READONLY_TOP = 2 /* but what is mounted below */ };
#define REQ_mount_bind(F, S)                                                                                     \
	F(S, U64, source, 1, UINT64_MAX) /* ticket given to lookup OPEN */                                       \
	F(S, U64, mapping, 0, UINT64_MAX) /* ticket given to idmap OWNER; 0 for an unmapped one */               \
	F(S, U32, readonly, BIND_WRITABLE, BIND_READONLY_TOP)                                                    \
	F(S, U32, flat, BIND_ALL, BIND_FLAT_RATHER)
#define REP_mount_bind(F, S) F(S, FD, mount, FDK_PATH, REQUIRED)
#define REQ_mount_device(F, S) F(S, U64, source, 1, UINT64_MAX)
#define REP_mount_device(F, S) F(S, FD, mount, FDK_PATH, REQUIRED)
#define REQ_mount_drop(F, S) F(S, U64S, tickets, 0, 64)
#define REP_mount_drop(F, S)
enum { SUBMOUNTS_HOST = 1, SUBMOUNTS_COVERS = 2 }; /* what is mounted below, and may come along; what has to */
#define REQ_mount_source(F, S)                                                                                   \
	F(S, U64, ticket, 1, UINT64_MAX)                                                                         \
	F(S, U32, what, LOOKUP_BIND, LOOKUP_DEVICE)                                                              \
	F(S, U32, readonly, 0, 1) /* policy: never writable */                                                   \
	F(S, U32, unmapped, 0, 1) /* policy: no owner mapping */                                                 \
	F(S, U32, suid, 0, 1) /* policy: set-id programs may work from it */                                     \
	F(S, U32, submounts, 0, SUBMOUNTS_HOST | SUBMOUNTS_COVERS)                                               \
	F(S, U32, uid, 0, UINT32_MAX)                                                                            \
	F(S, U32, gid, 0, UINT32_MAX)                                                                            \
	F(S, FD, object, FDK_PATH, REQUIRED)
#define REP_mount_source(F, S)
enum { MAPPING_STORE = 0, MAPPING_OWNER = 1 };
#define REQ_mount_mapping(F, S)                                                                                  \
	F(S, U64, ticket, 1, UINT64_MAX)                                                                         \
	F(S, U32, what, MAPPING_STORE, MAPPING_OWNER)                                                            \
	F(S, U32, base, 0, UINT32_MAX) /* first id of the container's range */                                   \
	F(S, U32, run_uid, 0, MAP_SIZE - 1)                                                                      \
	F(S, U32, owner_uid, 0, UINT32_MAX) /* OWNER: id on disk that is shown as base + run_uid */              \
	F(S, FD, userns, FDK_USERNS, OPTIONAL) /* none: ids on disk are what containers see (ids_shared) */
#define REP_mount_mapping(F, S)

/* --- seal (its only peer is mount) --------------------------------------------------------------------------- */
#define OPS_SEAL(OP) OP(seal, SEAL, seal, SEAL, PRIVATE, NONE, "clones mounts so that their flags are locked for good")
#define REQ_seal_seal(F, S) F(S, FDS, mounts, FDK_PATH, LAYERS_MAX + 1)
#define REP_seal_seal(F, S) F(S, FDS, mounts, FDK_PATH, LAYERS_MAX + 1)

/* --- cgroup -------------------------------------------------------------------------------------------------- */
/* Limits of a container; UNSET leaves the kernel's default. Bytes, ids, microseconds, weights as in Docker's API. */
#define CGROUP_LIMITS(F, S)                                                                                      \
	F(S, U64, memory_max, 0, UINT64_MAX)                                                                     \
	F(S, U64, memory_swap_max, 0, UINT64_MAX) /* memory and swap together, as Docker's MemorySwap */         \
	F(S, U64, memory_low, 0, UINT64_MAX)                                                                     \
	F(S, U64, pids_max, 0, UINT64_MAX)                                                                       \
	F(S, U64, cpu_quota_us, 0, UINT64_MAX)                                                                   \
	F(S, U64, cpu_period_us, 0, UINT64_MAX)                                                                  \
	F(S, U64, cpu_shares, 0, UINT64_MAX)                                                                     \
	F(S, U64, blkio_weight, 0, UINT64_MAX)                                                                   \
	F(S, U64, memory_swappiness, 0, UINT64_MAX) /* 0..100 */                                                 \
	F(S, U64, oom_kill_disable, 0, UINT64_MAX) /* 0, 1 */                                                    \
	F(S, TEXT, cpuset_cpus, 0, 256)                                                                          \
	F(S, TEXT, cpuset_mems, 0, 256)                                                                          \
	F(S, U64S, io, 0, 3 * IO_RULES_MAX) /* IO_*; device, major << 32 | minor; rate or weight */
enum { IO_READ_BPS, IO_WRITE_BPS, IO_READ_IOPS, IO_WRITE_IOPS, IO_WEIGHT, IO_KINDS, IO_RULES_MAX = 64 };
/* Bits of `unsupported` and `limits`. */
enum {
	LIMIT_MEMORY, LIMIT_SWAP, LIMIT_LOW, LIMIT_PIDS, LIMIT_QUOTA, LIMIT_PERIOD, LIMIT_SHARES, LIMIT_BLKIO,
	LIMIT_SWAPPINESS, LIMIT_OOM, LIMIT_CPUS, LIMIT_MEMS, LIMIT_IO, LIMIT_COUNT = LIMIT_IO + IO_KINDS,
};
#define OPS_CGROUP(OP)                                                                                           \
	OP(cgroup, CGROUP, create, CREATE, ACQUIRE, NONE, "makes a container's cgroup with its limits")          \
	OP(cgroup, CGROUP, update, UPDATE, ACQUIRE, RUN, "changes limits")                                       \
	OP(cgroup, CGROUP, open, OPEN, QUERY, NONE, "opens a cgroup that it made")                               \
	OP(cgroup, CGROUP, freeze, FREEZE, ACQUIRE, RUN, "freezes or thaws; answers when it is so")              \
	OP(cgroup, CGROUP, kill, KILL, RELEASE, NONE, "kills all processes of a container")                      \
	OP(cgroup, CGROUP, stat, STAT, QUERY, NONE, "usage of a container")                                      \
	OP(cgroup, CGROUP, remove, REMOVE, RELEASE, NONE, "removes a container's cgroup")                        \
	OP(cgroup, CGROUP, list, LIST, QUERY, NONE, "containers that have a cgroup")
#define REQ_cgroup_create(F, S)                                                                                  \
	F(S, ID, container, 0, 0) CGROUP_LIMITS(F, S)                                                            \
	F(S, TEXT, parent, 0, 64) /* name of a group in our root to be in, made when missing; "": the root itself */
#define REP_cgroup_create(F, S)                                                                                  \
	F(S, U64, cgroup_id, 0, UINT64_MAX) /* inode of the version 2 directory */                               \
	F(S, U64, unsupported, 0, UINT64_MAX) /* LIMIT_* that this host cannot set */                            \
	F(S, FD, v2, FDK_CGROUP2, REQUIRED)                                                                      \
	F(S, FDS, v1, FDK_CGROUP1, CGROUP_V1_MAX)
#define REQ_cgroup_update(F, S) F(S, ID, container, 0, 0) CGROUP_LIMITS(F, S)
#define REP_cgroup_update(F, S) F(S, U64, unsupported, 0, UINT64_MAX)
#define REQ_cgroup_open(F, S) F(S, ID, container, 0, 0)
#define REP_cgroup_open(F, S)                                                                                    \
	F(S, U64, cgroup_id, 0, UINT64_MAX)                                                                      \
	F(S, FD, v2, FDK_CGROUP2, REQUIRED)                                                                      \
	F(S, FDS, v1, FDK_CGROUP1, CGROUP_V1_MAX)
#define REQ_cgroup_freeze(F, S) F(S, ID, container, 0, 0) F(S, U32, frozen, 0, 1)
#define REP_cgroup_freeze(F, S)
#define REQ_cgroup_kill(F, S) F(S, ID, container, 0, 0)
#define REP_cgroup_kill(F, S)
#define REQ_cgroup_stat(F, S) F(S, ID, container, 0, 0)
#define REP_cgroup_stat(F, S)                                                                                    \
	F(S, U64, memory_usage, 0, UINT64_MAX)                                                                   \
	F(S, U64, memory_max, 0, UINT64_MAX)                                                                     \
	F(S, U64, cpu_usage_ns, 0, UINT64_MAX)                                                                   \
	F(S, U64, pids, 0, UINT64_MAX)                                                                           \
	F(S, U64, oom_kills, 0, UINT64_MAX)
#define REQ_cgroup_remove(F, S) F(S, ID, container, 0, 0)
#define REP_cgroup_remove(F, S)
#define REQ_cgroup_list(F, S) F(S, U32, skip, 0, CONTAINERS_MAX)
#define REP_cgroup_list(F, S)                                                                                    \
	F(S, IDS, containers, 0, 512)                                                                            \
	F(S, U64, limits, 0, UINT64_MAX) /* LIMIT_* that can be set */

/* --- device -------------------------------------------------------------------------------------------------- */
enum { DEVICE_BLOCK = 1, DEVICE_CHAR = 2 };       /* BPF_DEVCG_DEV_* */
enum { DEVICE_MKNOD = 1, DEVICE_READ = 2, DEVICE_WRITE = 4 }; /* BPF_DEVCG_ACC_* */
#define OPS_DEVICE(OP)                                                                                           \
	OP(device, DEVICE, attach, ATTACH, ACQUIRE, NONE,                                                        \
	   "attaches the device filter to a container's cgroup with the default rules and those given")
#define REQ_device_attach(F, S)                                                                                  \
	F(S, NAME, name, 1, NAME_MAX_LEN) /* the container's name, for denial records (claimed) */               \
	F(S, U32S, rules, 0, 4 * (DEVICE_RULES_MAX - 16)) /* type, access, major, minor; UINT32_MAX is any */    \
	F(S, FD, cgroup, FDK_CGROUP2, REQUIRED)
#define REP_device_attach(F, S)

/* --- audit (from each helper, on its fd 4) ------------------------------------------------------------------- */
#define OPS_AUDIT(OP)                                                                                                  \
	OP(audit, AUDIT, intent, INTENT, PRIVATE, NONE,                                                                \
	   "a record that must be on file before its effect; acknowledged")                                            \
	OP(audit, AUDIT, outcome, OUTCOME, PRIVATE, NONE, "what came of it; not acknowledged")                         \
	OP(audit, AUDIT, event, EVENT, PRIVATE, NONE, "something seen, such as a denied device; not acknowledged")
/* body: fields of the record as JSON members without braces, made by audit_render (audit.h), never by hand */
#define REQ_audit_intent(F, S)                                                                                   \
	F(S, U32, release, 0, 1)                                                                                 \
	F(S, TEXT, body, 0, 8192)                                                                                \
	F(S, FD, client, FDK_CLIENT, OPTIONAL) /* audit proves it and writes who it is into the record */
/* A helper inside the range namespace cannot see uids outside it: audit's reading is what it goes by. */
#define REP_audit_intent(F, S)                                                                                   \
	F(S, U64, sequence, 0, UINT64_MAX)                                                                       \
	F(S, U32, uid, 0, UINT32_MAX)                                                                            \
	F(S, U32, gid, 0, UINT32_MAX)                                                                            \
	F(S, U32, pid, 0, UINT32_MAX)                                                                            \
	F(S, U32, rights, 0, 4) /* enum op_rights by policy */
#define REQ_audit_outcome(F, S) F(S, U64, sequence, 0, UINT64_MAX) F(S, TEXT, body, 0, 8192)
#define REP_audit_outcome(F, S)
#define REQ_audit_event(F, S) F(S, TEXT, body, 0, 8192)
#define REP_audit_event(F, S)

#define ALL_OPS(OP)      \
	OPS_BASE(OP)     \
	OPS_IDMAP(OP)    \
	OPS_NETNS(OP)    \
	OPS_NETNS_NET(OP) \
	OPS_NETNS_RESOLVER(OP) \
	OPS_VETH(OP)     \
	OPS_FIREWALL(OP) \
	OPS_LOOKUP(OP)   \
	OPS_MOUNT(OP)    \
	OPS_SEAL(OP)     \
	OPS_CGROUP(OP)   \
	OPS_DEVICE(OP)   \
	OPS_SPAWN(OP)    \
	OPS_MONITOR(OP)  \
	OPS_LAYER(OP)    \
	OPS_RESOLVER(OP) \
	OPS_FORWARD(OP)  \
	OPS_PORTS(OP)    \
	OPS_AUDIT(OP)

#endif
