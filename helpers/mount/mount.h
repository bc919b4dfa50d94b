/* mount.h - between the files of postern-mount. */
#ifndef POSTERN_MOUNT_H
#define POSTERN_MOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../base/fd.h"

/* --- tickets.c: what lookup and idmap handed in, under numbers that the controller chose --- */

enum ticket_kind { TICKET_FREE, TICKET_SOURCE, TICKET_MAPPING };

struct ticket {
	uint64_t number;
	enum ticket_kind kind;
	uint32_t what; /* LOOKUP_* or MAPPING_* */
	int fd; /* source: O_PATH object; mapping: user namespace */
	struct fd_id id; /* source: as lookup saw it */
	bool readonly, unmapped, suid; /* source */
	uint32_t submounts; /* source: SUBMOUNTS_* */
	uint32_t base, run_uid, owner_uid; /* mapping */
};

struct tickets {
	struct ticket *v;
	uint32_t size;
};

int tickets_init(struct tickets *t, uint32_t size);
/* Copies new and takes its fd on success. -EEXIST, or -EDQUOT when full. */
int tickets_add(struct tickets *t, const struct ticket *new);
/* NULL when there is none of that kind. */
struct ticket *tickets_find(struct tickets *t, enum ticket_kind kind, uint64_t number);
/* Forgets it and closes its fd. */
void ticket_free(struct ticket *t);
void tickets_drop(struct tickets *t, uint64_t number);

/* --- clone.c: detached mounts --- */

struct clone_options {
	int userns; /* the id mapping, or -EBADF */
	uint64_t attrs; /* MOUNT_ATTR_* to set */
	uint64_t top; /* and those that are not for what is mounted below */
	bool recursive;
};

/* A detached, private clone of what the O_PATH fd object stands for. The fd or -errno. */
int clone_object(int object, const struct clone_options *o);
/* Opens a directory below the store: no links, no other file system, no way out. An O_PATH fd or -errno. */
int store_open(int store, const char *path);

#endif
