/* tar_out.h - writing a tar as Go's archive/tar does for Docker: ustar, and pax where that has no room. */
#ifndef POSTERN_LAYER_TAR_OUT_H
#define POSTERN_LAYER_TAR_OUT_H

#include "tar.h"

struct tar_out;

/* To fd, which is borrowed. All functions: 0 or -errno with why set; after a failure only close. */
int tar_out_open(int fd, struct result *why, struct tar_out **ret);
/* An extended attribute of the next entry. */
int tar_out_xattr(struct tar_out *o, const char *name, const void *value, size_t size);
/* The header; entry->size bytes of data follow. Times in whole seconds. */
int tar_out_entry(struct tar_out *o, const struct tar_entry *entry);
/* Data: room to put it (0: failed), and how much was put there; or so many zeros. */
size_t tar_out_room(struct tar_out *o, void **ret);
void tar_out_took(struct tar_out *o, size_t n);
int tar_out_zeros(struct tar_out *o, uint64_t n);
/* To the next block. */
int tar_out_pad(struct tar_out *o);
/* The end of the archive; its length. */
int tar_out_end(struct tar_out *o, uint64_t *ret_length);
void tar_out_close(struct tar_out *o); /* NULL is fine */

#endif
