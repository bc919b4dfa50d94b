/* container.h - the life of containers: states as a table, start as a plan over the helpers, recovery. */
#ifndef POSTERN_CONTAINER_H
#define POSTERN_CONTAINER_H

#include <stdbool.h>

#include "../err.h"
#include "../helper_client.h"

struct engine;

int containers_create(struct engine *e, struct err *err); /* sets e->containers */
/* Compares rows with the kernel (monitors, cgroups) and repairs; in a task, once the helpers are ready. */
int containers_recover(struct engine *e, struct err *err);
/* Number of containers that use an image (id hex), for image removal; *ret_running counts those that run. */
unsigned containers_using_image(struct engine *e, const char *image_id, unsigned *ret_running, char ret_one[65]);
unsigned containers_using_volume(struct engine *e, const char *volume, char ret_one[65]);
bool containers_running_with_volume(struct engine *e, const char *volume);
void containers_count(struct engine *e, unsigned *ret_running, unsigned *ret_paused, unsigned *ret_stopped);

/* cdi.c: where the host says which devices there are by name. */
extern const char *const cdi_dirs[2];

/* limits.c: what containers can be limited in here. */
enum limit_kind {
	LIMITS_MEMORY,
	LIMITS_SWAP,
	LIMITS_CPU,
	LIMITS_QUOTA,
	LIMITS_CPUSET,
	LIMITS_PIDS,
	LIMITS_BLKIO,
	LIMITS_COUNT, /* warned of when they are not there */
	LIMITS_OOM_KILL = LIMITS_COUNT,
};
bool limits_have(const struct engine *e, enum limit_kind kind);

/* A start or the clean-up after an exit is under way: an orderly end waits for it. */
bool containers_busy(struct engine *e);

#endif
