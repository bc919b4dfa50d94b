/* stream.h - the bytes of one archive, uncompressed, counted against policy and hashed. */
#ifndef POSTERN_LAYER_STREAM_H
#define POSTERN_LAYER_STREAM_H

#include <sys/types.h>

#include "layer.h"

struct stream;

/* The archive at [req->offset, + req->length) of the file (length 0: to its end); *ret also when it fails, with
 * why set. */
int stream_open(const struct work *w, const struct req_layer_unpack *req, struct result *why, struct stream **ret);
/* Is that archive long, not compressed, and with one digest only? Then another process may as well hash it
 * meanwhile. */
bool stream_splits(int fd, const struct req_layer_unpack *req);
/* That process: writes the digest into `out`. */
void stream_digest(int fd, const struct req_layer_unpack *req, int out);
/* Next uncompressed bytes, valid until the next call: their number, 0 at the end, or -errno with why set. */
ssize_t stream_read(struct stream *s, const void **ret);
/* After the end: do packed and unpacked bytes have the digests that were asked for? 0 or -errno with why set. */
int stream_verify(struct stream *s, const struct req_layer_unpack *req);
/* Uncompressed bytes so far. */
uint64_t stream_length(const struct stream *s);
void stream_close(struct stream *s); /* NULL is fine */

#endif
