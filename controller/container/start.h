/* start.h - the plan of one start, shared by start.c and start_mounts.c. */
#ifndef POSTERN_CONTAINER_START_H
#define POSTERN_CONTAINER_START_H

#include "../image/image.h"
#include "../spec/log.h"
#include "internal.h"

struct pending;

/* One entry of spawn CREATE's binds: a host path, a device or a volume. */
struct bind {
	const struct spec_mount *m;
	struct pending *open, *owner, *mount;
	uint64_t source, mapping; /* tickets */
	bool opened, mapping_made; /* mapping_made: the ticket is this entry's own, not shared with an earlier one */
	struct rep_lookup_open found;
	int fd;
};

struct plan {
	struct engine *e;
	struct container *c;
	struct call_ctx ctx;
	/* what is wanted */
	cJSON *merged, *spec;
	const char *user_name;
	bool tty;
	struct image image;
	struct spec_mounts mounts;
	struct req_cgroup_create limits;
	struct spec_log log_options;
	/* what is on its way */
	struct pending *cgroup_call, *user_call, *rootfs_call, *device_call;
	unsigned nbinds;
	struct bind binds[BINDS_MAX];
	/* what is there */
	struct rep_layer_user user;
	struct slot slot;
	bool has_cgroup, has_rootfs, created;
	struct rep_cgroup_create cgroup;
	struct rep_mount_rootfs rootfs;
	int spec_fd, seccomp, log, exit_file;
	uint32_t pid;
};

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
/* What a failed lookup means for the user. */
void bind_error(const struct spec_mount *m, int status, const struct err *failure, struct err *err);

#endif
