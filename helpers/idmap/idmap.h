/* idmap.h - between the files of postern-idmap. */
#ifndef POSTERN_IDMAP_H
#define POSTERN_IDMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../base/policy.h"

/* --- ranges.c: which ranges are given out --- */

/* Ranges beyond are left to nobody: more than anyone runs, and the state fits in what outlives a crash. */
enum { RANGES_MAX = 24000 };

/* Lives in keep->own. */
struct ranges {
	uint32_t first; /* id */
	uint32_t count; /* 0: not initialised yet */
	uint32_t cursor; /* index of the next to try */
	/* So many from the cursor on were not given out since ranges_learn, or since the launcher began. */
	uint32_t fresh;
	uint32_t used;
	uint32_t shared; /* the first is everyone's */
	uint8_t taken[RANGES_MAX / 8];
};

/* Ranges that some process of the host has an id of. */
struct live {
	uint8_t bit[RANGES_MAX / 8];
};

void ranges_init(struct ranges *r, uint32_t first, uint32_t last, uint32_t start);
/* Index of the range that starts at id base, or -ENOENT when there is none or it is not given out. */
int ranges_find(const struct ranges *r, uint32_t base);
/* Chooses the next one, none of live's; it is marked no more. Its index, -EDQUOT when max are in use, or -EAGAIN when
 * only a look at all processes and ranges_learn can tell which are free. */
int ranges_take(struct ranges *r, const struct live *live, struct live *marked, uint32_t max);
/* After that look: those that nobody has and nobody lives in may be given out once each. Adds to live who has one. */
void ranges_learn(struct ranges *r, struct live *live);
void ranges_give(struct ranges *r, uint32_t index);
bool live_has(const struct live *l, uint32_t index);
/* Takes what others live in, and adds it to marked. */
void ranges_mark(struct ranges *r, const struct live *live, struct live *marked);
/* Gives back what is marked and nobody lives in any more: nobody need tell that it is over. */
void ranges_unmark(struct ranges *r, const struct live *live, struct live *marked);
/* Forgets those that were given out long ago (in number of grants) and that no process lives in. */
void ranges_reclaim(struct ranges *r, const struct live *live);
/* Adds the ids of one /proc/PID/status. */
void live_add_status(struct live *l, const struct ranges *r, const char *status);
/* Reads all of proc (a directory fd). 0 or -errno. */
int live_scan(int proc, const struct ranges *r, struct live *ret);

/* --- mapping.c: user namespaces that are only a mapping --- */

/* count ids from `disk` on are shown as those from `shown` on. */
struct extent {
	uint32_t disk, shown, count;
};
enum { EXTENTS_MAX = 3, EXTENTS_TEXT_MAX = 128 };

/* The foreign range as the container's; with an owner (has_owner), that id is shown as base + run, and nobody else
 * is. */
unsigned mapping_extents(uint32_t base, bool has_owner, uint32_t owner, uint32_t run, struct extent ret[EXTENTS_MAX]);
void mapping_format(const struct extent *e, unsigned n, char ret[EXTENTS_TEXT_MAX]);
/* A user namespace with these maps, kept by the fd alone. The fd or -errno. */
int mapping_create(int proc, const char *uids, const char *gids);

#endif
