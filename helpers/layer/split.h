/* split.h - what it takes to make a layer's archive again, byte for byte: all of it but the files' data.
 *
 * A split lies beside the layer (splits/HEX). After a plain header of 16 bytes (magic, length of the
 * archive) a gzip stream of records: bytes of the archive, or a path below the layer whose data stands there. */
#ifndef POSTERN_LAYER_SPLIT_H
#define POSTERN_LAYER_SPLIT_H

#include "layer.h"

struct split;

/* Starts one in the empty file fd, which is borrowed. */
int split_create(int fd, struct split **ret);
/* The next n bytes of the archive. */
int split_bytes(struct split *s, const void *data, size_t n);
/* The next `size` bytes of the archive are the file at path (clean, relative to the layer). */
int split_file(struct split *s, const char *path, uint64_t size);
/* Writes all. length: of the archive. */
int split_finish(struct split *s, uint64_t length);
void split_destroy(struct split *s); /* NULL is fine */
/* Length of the archive, from a split's header. -EINVAL when it is none. */
int split_length(int fd, uint64_t *ret);

/* Writes the archive of the layer in dir to out, and fails unless it has the digest. The split and the layer are as
 * untrusted as the image that they came from. */
int split_join(int fd, int dir, int out, const uint8_t diff[ID_BYTES], struct result *why, uint64_t *ret_length);

#endif
