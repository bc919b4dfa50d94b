/* tar.h - entries of a tar, one after another: ustar, GNU and pax with sparse files, as Go's archive/tar reads
 * them, since that is what images are written for. Names are bytes; nothing is converted. tar(5). */
#ifndef POSTERN_LAYER_TAR_H
#define POSTERN_LAYER_TAR_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "layer.h"

enum {
	TAR_XATTRS_MAX = 128, /* of one entry */
	TAR_EXTENSION_MAX = 1 << 20, /* bytes of one pax or GNU header */
	TAR_FRAGMENTS_MAX = 1 << 18, /* of one sparse file */
};

enum tar_type { TAR_FILE, TAR_HARDLINK, TAR_SYMLINK, TAR_CHAR, TAR_BLOCK, TAR_DIR, TAR_FIFO };

struct tar_xattr {
	const char *name; /* NUL-terminated */
	const void *value;
	size_t size;
};
struct tar_fragment {
	uint64_t offset, size; /* in the file */
};
struct tar_entry {
	enum tar_type type;
	char name[PATH_MAX], link[PATH_MAX];
	uint32_t mode; /* permissions, set-id and sticky bits */
	uint64_t uid, gid;
	struct timespec mtime;
	uint64_t size; /* of the file, holes included; 0 for what is none */
	bool sparse;
	unsigned nxattrs;
	struct tar_xattr xattrs[TAR_XATTRS_MAX];
};

struct stream;
struct split;
struct tar;

/* split (may be NULL) is told every byte but those that tar_data hands out while tar_apart is in force. */
int tar_open(struct stream *s, struct split *split, struct result *why, struct tar **ret);
/* 1: *ret is the next entry, until the next call; 0: the end; -errno with why set. */
int tar_next(struct tar *t, const struct tar_entry **ret);
/* Next bytes of the entry's file and where they belong, in order: their number, 0 at its end, -errno with why set. */
ssize_t tar_data(struct tar *t, const void **ret, uint64_t *ret_offset);
/* The data of this entry is kept elsewhere: the split gets none of it. Not for a sparse file, whose holes are not
 * kept. */
void tar_apart(struct tar *t);
/* Reads what follows the archive's end. 0 or -errno with why set. */
int tar_rest(struct tar *t);
void tar_close(struct tar *t); /* NULL is fine */

#endif
