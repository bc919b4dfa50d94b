/* policy.h - root's policy as the helpers see it: one fixed struct per helper in a sealed memfd (FD_POLICY).
 *
 * postern-policy (helpers/policy, no privilege) compiles root's JSON file to these, the launcher checks them and hands
 * them out; no helper parses text. Every rule has a name, which goes into the audit log and into refusals. */
#ifndef POSTERN_BASE_POLICY_H
#define POSTERN_BASE_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fd.h"
#include "limits.h"
#include "names.h"
#include "peer.h"

enum { POLICY_MAGIC = 0x504f4c31, POLICY_USERS_MAX = 128, POLICY_PATHS_MAX = 64, POLICY_DEVICES_MAX = 64 };
enum policy_match { POLICY_UID, POLICY_GID, POLICY_ANY };

struct policy_user {
	uint32_t match; /* enum policy_match */
	uint32_t id;
	uint32_t rights; /* enum op_rights */
	char rule[RULE_MAX];
};

/* So many ids from the first on. The kernel maps an extent as a whole, so one that it knows in parts is in parts here,
 * too. */
enum { POLICY_EXTENTS_MAX = 12, POLICY_MAP_TEXT = POLICY_EXTENTS_MAX * 36 };
struct policy_extent {
	uint32_t first, count;
};

struct policy_device {
	uint32_t type, major, minor, access; /* DEVICE_*; UINT32_MAX is any */
	char path[128]; /* "/dev/fuse"; empty when only a cgroup rule */
	char rule[RULE_MAX];
};

/* What a container may be at all, beside what it may have. */
struct policy_allow {
	uint32_t privileged; /* every capability over its own user namespace, nothing masked */
	/* The host's namespace instead of one of its own. */
	uint32_t host_cgroup, host_ipc, host_network, host_pid, host_uts;
	uint32_t seccomp_unconfined;
	uint32_t seccomp_custom; /* by the controller against its clients: spawn cannot see where a filter came from */
};

/* First in every part. */
struct policy_common {
	uint32_t magic, size; /* size of the whole part */
	uint32_t absent; /* bit per enum helper_id: what this engine runs without, since it cannot be had here */
	uint32_t ids_base; /* first of the engine's own ids (names.h) */
	uint32_t ids_count; /* IDS_PER_ENGINE; 0 where one id is all there is, which every program then has */
	uint32_t store_first; /* how a container's id 0 stands on disk: FOREIGN_FIRST */
	uint32_t nmap;
	/* A container's ids, ascending; the first holds 0; all: { 0, MAP_SIZE }. */
	struct policy_extent map[POLICY_EXTENTS_MAX];
	uint32_t ids_shared; /* one range for all containers, whose ids are those on disk: no mount is id-mapped */
	uint32_t range_first, range_last; /* container ranges: at multiples of RANGE_STRIDE from range_first */
	struct fd_devs devs; /* the kernel's own file systems, as the launcher found them */
	uint32_t nusers;
	struct policy_user users[POLICY_USERS_MAX]; /* the highest rights of all that match count */
	/* The engine's (peer.h): clients are proven against them; "": none. */
	char sockets[SOCKET_COUNT][SOCKET_PATH_SIZE];
	uint32_t ndevices; /* what containers may be given beside the default ones */
	struct policy_device devices[POLICY_DEVICES_MAX];
	struct policy_allow allow;
	char build[65]; /* build id of the engine, for records */
	char bridge_prefix[8]; /* how the names of all links made for networks begin */
};

struct policy_idmap {
	struct policy_common common;
	uint32_t max_ranges; /* in use at once */
	uint32_t owner_uid_first, owner_gid_first; /* lowest ids that an owner mapping may show; 1000 */
};

struct policy_netns {
	struct policy_common common;
	uint32_t max; /* namespaces that wait at once */
};

/* Addresses that networks may have, version 4 ones as ::ffff:a.b.c.d with 96 more bits. */
enum { POLICY_SUBNETS_MAX = 32, POLICY_PORTS_MAX = 32 };
struct policy_subnet {
	uint8_t address[16];
	uint32_t bits;
	char rule[RULE_MAX];
};

/* In the engine's network namespace: the host's, or a user's engine's own. What is this engine's there: links of the
 * group (IFLA_GROUP) policy_link_group, and the nftables of that number. */
struct policy_veth {
	struct policy_common common;
	uint32_t max_bridges, max_veths;
	uint32_t nsubnets;
	struct policy_subnet subnets[POLICY_SUBNETS_MAX];
};

struct policy_port {
	uint32_t protocol; /* IPPROTO_*; 0: any of TCP, UDP, SCTP */
	uint32_t first, last;
	struct policy_subnet address; /* of the host's, within which the port may be published */
	char rule[RULE_MAX];
};

/* Also the part of ports and forward: what the firewall does for root's engine they do for a user's. */
struct policy_firewall {
	struct policy_common common;
	uint32_t max_networks, max_endpoints, max_ports;
	uint32_t nsubnets, nports;
	struct policy_subnet subnets[POLICY_SUBNETS_MAX]; /* of networks; containers' addresses are within */
	struct policy_port ports[POLICY_PORTS_MAX];
};

struct policy_path {
	char path[256]; /* canonical; the rule covers it and all below */
	uint32_t writable, suid, submounts;
	uint32_t any_owner; /* else the source must belong to the client, or the client be uid 0 or ADMIN */
	char rule[RULE_MAX];
};

struct policy_lookup {
	struct policy_common common;
	uint32_t npaths;
	struct policy_path paths[POLICY_PATHS_MAX];
	uint32_t ndenied;
	char denied[16][256]; /* our own state, sockets, logs: never, whatever the rules say */
	uint32_t owner_uid_first; /* owners below it, our own ids and container ranges: only unmapped and read-only */
};

struct policy_mount {
	struct policy_common common;
	uint32_t owner_uid_first;
	uint32_t max_tickets;
};

struct policy_cgroup {
	struct policy_common common;
	uint32_t max_containers;
	uint64_t memory_max, pids_max; /* the most that a container may ask; UINT64_MAX: no bound */
	uint64_t memory_default, pids_default; /* when none is asked; UINT64_MAX: none is set */
};

struct policy_spawn {
	struct policy_common common;
	uint32_t max_containers;
	uint64_t caps; /* bit per capability that a container may have */
	uint32_t no_new_privs_required;
	uint32_t unmasked_paths; /* systempaths=unconfined allowed? */
};

struct policy_layer {
	struct policy_common common;
	uint64_t max_bytes, max_entries, max_ratio; /* of one layer; ratio: unpacked to packed */
	uint32_t max_workers;
};

struct policy_audit {
	struct policy_common common;
	uint64_t max_bytes; /* of the log; acquiring acts are refused beyond */
	uint64_t reserve_bytes; /* kept allocated for releases and outcomes */
	uint32_t anchor_records, anchor_seconds; /* an anchor after so many records or seconds with records */
	uint32_t kernel_log; /* anchors also to /dev/kmsg */
	uint32_t denials_per_minute; /* per channel; more are counted in one 'suppressed' record */
};

/* Every part. */
struct policy {
	struct policy_common controller;
	struct policy_idmap idmap;
	struct policy_netns netns;
	struct policy_veth veth;
	struct policy_firewall firewall;
	struct policy_lookup lookup;
	struct policy_mount mount;
	struct policy_cgroup cgroup;
	struct policy_spawn spawn;
	struct policy_layer layer;
	struct policy_audit audit;
	struct policy_common seal, device, resolver; /* nothing of their own */
};

/* What the launcher and the compiler share, in a memfd (FD_POLICY of the compiler). In: what the engine knows and the
 * file does not say (ids_base, devs, socket, build, denied; range_first and range_last when they are to replace the
 * file's, else 0). Out: the whole policy, or the error. The file itself is FD_OWN, policy_etc_files and the file that
 * narrows it follow. */
struct policy_job {
	struct policy policy;
	char home[256], narrower[256]; /* of the user whose engine it is; name of the file that narrows; "" for none */
	char error[512];
};
enum { POLICY_ETC_COUNT = 4 };
extern const char *const policy_etc_files[POLICY_ETC_COUNT];

/* The part that a program gets as FD_POLICY. NULL when it gets none. */
const void *policy_part(const struct policy *p, enum helper_id id, size_t *ret_size);
/* Gives every part the common one of the controller, and its own size. */
void policy_spread_common(struct policy *p);

/* Maps FD_POLICY and checks magic and size. -EINVAL when it is not a part of that size. */
int policy_map(int fd, size_t size, const void **ret);
/* enum op_rights of a proven client; *ret_rule (may be NULL) names the rule, "" when none matches, "read-only-socket"
 * when that allows less. */
uint32_t policy_rights(const struct policy_common *p, const struct peer *client, const char **ret_rule);

/* An id of the engine's own: of a program (enum helper_id) or IDS_*. */
static inline uint32_t policy_id(const struct policy_common *p, uint32_t offset)
{
	return p->ids_base + (offset < p->ids_count ? offset : 0);
}

static inline bool policy_own_id(const struct policy_common *p, uint32_t id)
{
	return id - p->ids_base < p->ids_count;
}

static inline bool policy_absent(const struct policy_common *p, enum helper_id id)
{
	return p->absent & 1u << id;
}

static inline uint32_t policy_link_group(const struct policy_common *p)
{
	return 0x50000000 | p->ids_base;
}

/* How many ranges of containers are in these ids. */
static inline uint32_t policy_range_count(uint32_t first, uint32_t last)
{
	return last < first || last - first < MAP_SIZE - 1 ? 0 : (last - first - (MAP_SIZE - 1)) / RANGE_STRIDE + 1;
}

/* Are the first bits of both the same? */
bool bits_equal(const uint8_t *a, const uint8_t *b, uint32_t bits);

static inline bool policy_subnet_holds(const struct policy_subnet *s, const uint8_t address[16], uint32_t bits)
{
	return bits >= s->bits && bits_equal(s->address, address, s->bits);
}

/* Is it an id that containers have? */
bool policy_maps(const struct policy_common *p, uint32_t id);
/* The lines of a uid_map: a container's ids from `inside` on in the new namespace, from `outside` on in its parent. The
 * length. */
size_t policy_map_format(const struct policy_common *p, uint32_t inside, uint32_t outside, char ret[POLICY_MAP_TEXT]);

/* True for an id whose files may be shown in a container as its own: from `first` on, and neither 0, the overflow id,
 * one of the engine's own, of a container range nor of the foreign range. With ids_shared nothing is shown otherwise
 * than it is, and the kernel lets a container do what the engine's user may: all but the engine's own. */
bool policy_owner_ordinary(const struct policy_common *p, uint32_t id, uint32_t first);

#endif
