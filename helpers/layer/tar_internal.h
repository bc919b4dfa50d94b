/* tar_internal.h - what tar.c and tar_pax.c share: see tar.h. */
#ifndef POSTERN_LAYER_TAR_INTERNAL_H
#define POSTERN_LAYER_TAR_INTERNAL_H

#include "tar.h"

enum { BLOCK = 512, OLD_FRAGMENTS = 4, MORE_FRAGMENTS = 21 };

struct number_pair {
	char offset[12], size[12];
};
struct header {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[100], magic[8], uname[32],
		gname[32], major[8], minor[8];
	union {
		char prefix[155];
		struct {
			char atime[12], ctime[12], offset[12], longnames[4], unused;
			struct number_pair fragments[OLD_FRAGMENTS];
			char extended, real_size[12];
		} gnu;
	};
	char pad[12];
};
struct sparse_block {
	struct number_pair fragments[MORE_FRAGMENTS];
	char extended, pad[7];
};

_Static_assert(sizeof(struct header) == BLOCK, "a tar header is one block");
_Static_assert(sizeof(struct sparse_block) == BLOCK, "so is its continuation");

/* What pax headers say about the next entry. */
struct said {
	bool path, link, size, uid, gid, mtime, sparse_name, real_size;
	uint64_t real, sparse_major;
};

struct tar {
	struct stream *s;
	struct split *split;
	struct result *why;
	const uint8_t *at; /* rest of the stream's last bytes */
	size_t left;
	struct tar_entry entry;
	struct said said;
	char *pax; /* of the next entry: names and values of its attributes lie in it */
	struct tar_fragment *fragments;
	size_t nfragments, room, fragment; /* fragment: that is being read */
	uint64_t packed; /* bytes of the entry that are still in the archive */
	uint64_t offset; /* in the file, of the next one */
	unsigned padding;
	bool apart;
};

/* Notes stage and returns e. */
int tar_fail(struct tar *t, int e, const char *stage);
/* n bytes as a name: to[PATH_MAX]. */
int tar_copy_name(struct tar *t, char to[PATH_MAX], const char *from, size_t n);
/* Just n bytes, to be copied, or to be passed over when to is NULL: 1. 0: the archive ends before the first, which
 * is an error unless it may. */
int tar_take(struct tar *t, void *to, uint64_t n, bool may_end);

/* --- tar_pax.c ---------------------------------------------------------------------------------------------------- */
/* Octal between blanks, or base 256 when the top bit is set; signed, since times may be. */
int tar_number(const char *field, size_t n, int64_t *ret);
#define NUMBER(field, ret) tar_number(field, sizeof(field), ret)
int tar_add_fragment(struct tar *t, uint64_t offset, uint64_t size);
/* In order, within the file, and together what the archive holds. */
int tar_check_fragments(struct tar *t, uint64_t packed);
/* The maps of sparse files: GNU's type S; pax 1.0, before the data. */
int tar_read_old_sparse(struct tar *t, const struct header *h);
int tar_read_new_sparse(struct tar *t);
/* The records of a pax header, which are changed; names and values point into them. */
int tar_read_pax(struct tar *t, char *text, size_t n);

#endif
