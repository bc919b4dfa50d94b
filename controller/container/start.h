/* start.h - the plan of one start, shared by start.c and start_mounts.c. */
#ifndef POSTERN_CONTAINER_START_H
#define POSTERN_CONTAINER_START_H

#include "../image/image.h"
#include "../spec/log.h"
#include "internal.h"

struct pending;

/* One entry of spawn CREATE's binds: a host path, a device or a volume; an image has several. */
struct bind {
	const struct spec_mount *m;
	struct pending *open, *owner, *mount;
	uint64_t source, mapping; /* tickets */
	bool opened, mapping_made; /* mapping_made: the ticket is this entry's own, not shared with an earlier one */
	bool missing; /* a source that is to be made */
	struct rep_lookup_open found;
	int fd;
	struct bind_image *image; /* IMAGE: instead of fd */
};
struct bind_image {
	struct image image;
	struct rep_mount_image mounts;
};

/* What a container has of others' (join.c). */
struct join {
	uint32_t host; /* HOST_* */
	int pidns, ipcns, utsns, shm; /* -EBADF: its own */
	cJSON *network_of; /* configuration of the container whose network it has, or NULL */
	char network_of_id[65];
	char *hosts, *resolv; /* the host's files, with its network */
};

struct plan {
	struct engine *e;
	struct container *c;
	struct call_ctx ctx;
	/* what is wanted */
	cJSON *merged, *spec;
	const char *user_name;
	char user_key[4096 + 260]; /* groups_len bytes of groups, "+", the user: what the cache goes by */
	size_t groups_len;
	bool tty;
	struct image image;
	struct spec_mounts mounts;
	struct req_cgroup_create limits;
	struct spec_log log_options;
	/* what is on its way */
	struct pending *cgroup_call, *user_call, *rootfs_call, *device_call;
	unsigned nbinds;
	struct bind binds[BINDS_MAX];
	unsigned image_layers[BINDS_MAX], nimages;
	/* what is there */
	struct rep_layer_user user;
	struct slot slot;
	struct join join;
	struct net_plan *net; /* NULL: no network of ours */
	int64_t began_ns; /* before its program could write: clients ask for the log since then */
	char *hosts, *resolv; /* files of its networks, or NULL */
	bool has_cgroup, has_rootfs, created;
	struct rep_cgroup_create cgroup;
	struct rep_mount_rootfs rootfs;
	int spec_fd, seccomp, log, exit_file;
	uint32_t pid;
};

/* Sets p->slot: ready namespaces, or those of the containers that it joins. */
int plan_join(struct plan *p, struct err *err);
void join_init(struct join *j);
void join_finish(struct join *j);
/* Lookups of host paths and devices. */
int plan_submit_sources(struct plan *p, struct err *err);
int plan_take_sources(struct plan *p, struct err *err);
/* Once the store mapping is there. */
void plan_submit_volumes(struct plan *p);
/* Owner mappings, then the bind and device mounts; needs the user. */
int plan_map_binds(struct plan *p, struct err *err);
int plan_take_binds(struct plan *p, struct err *err);
/* After a failure: waits for every call, keeps what came. */
void plan_collect_binds(struct plan *p);
void plan_device_rules(const struct plan *p, struct req_device_attach *req);
/* cdi.c: turns DeviceRequests into devices, mounts, environment and groups of the configuration. */
int cdi_inject(cJSON *merged, struct err *err);
/* devices.c: a directory is every device of policy below it; a privileged container has all of policy's. */
int devices_expand(const struct engine *e, const cJSON *merged, struct spec_mounts *mounts, struct err *err);
/* DeviceCgroupRules, behind those of the devices. */
int devices_rules(const struct engine *e, const cJSON *merged, struct req_device_attach *req, struct err *err);
/* Rates and weights of block devices, whose numbers the host's files tell. */
int devices_io(const cJSON *merged, struct req_cgroup_create *ret, struct err *err);
/* What policy says no to, early and in Docker's words: 403. The helpers ask it again. */
int policy_check(const struct engine *e, const cJSON *merged, struct err *err);
void plan_finish_binds(struct plan *p);
/* --- start_errors.c --- */
/* strerror(3) as Go spells it; until the next call. */
const char *go_error(int err);
/* The sentence of runc for a stage of the container's first process that failed; docker's command line takes 127 and
 * 126 from it. spec: what was to be run. */
void start_error(const cJSON *spec, int status, const char *stage, struct err *err);
/* Docker's exit code for a program that could not be started, by the error's words; that it is none is the client's
 * fault (400). */
int start_exit_code(struct err *err);
/* --- start_make.c --- */
/* A source, or what of the way to it is there when it is to be made: known to mount by the ticket. */
struct source_found {
	uint64_t ticket; /* 0: none */
	struct rep_lookup_open object;
};
/* What lookup OPEN is asked for: what is mounted below may be written to although the mount itself is read-only. */
static inline bool source_writable(const struct spec_mount *m)
{
	return !m->readonly || m->below_writable;
}
int source_find(struct engine *e, const struct spec_mount *m, const struct call_ctx *ctx, struct source_found *ret,
		struct err *err);
/* Makes b's source and finds it; needs the user and the slot. */
int plan_make_source(struct plan *p, struct bind *b, struct err *err);
/* What a failed lookup means for the user; stage: where in lookup, or NULL when another helper failed. */
void bind_error(const struct spec_mount *m, int status, const char *stage, const struct err *failure, struct err *err);
/* What the user can do about what lookup refused with that status and stage, to be put behind its message: "" or
 * ": ...". */
const char *bind_hint(int status, const char *stage);

#endif
