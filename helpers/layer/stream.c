/* stream.c - from the file's bytes to the archive's, hashed on the way.
 *
 *   pread -> [SHA-256 of the blob] -> [gzip, zstd or xz, by magic] -> SHA-256 and limits
 *
 * Hostile input: all of it. libarchive is asked for exactly these filters and never for one that runs a program
 * (archive_read_support_filter_*(3) answers ARCHIVE_WARN when it would). The digest covers every uncompressed byte,
 * those after the end of the tar as well (image-spec config.md, "Layer DiffID"). */
#include "stream.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/fd.h"

enum {
	CHUNK = 128 * 1024,
	RATIO_FROM = 16 << 20, /* unpacked bytes from which on the ratio counts */
	SPLIT_FROM = 1 << 20, /* bytes from which on a process of its own for the digest pays */
};

struct stream {
	int fd;
	uint64_t at, end; /* next packed byte in the file, and where they end */
	uint64_t packed, unpacked;
	struct archive *filter; /* NULL: not compressed */
	struct sha256_ctx hash, blob_hash;
	bool hash_blob;
	int digest; /* whence the digest comes instead of from hash, or -EBADF */
	const struct policy_layer *policy;
	struct result *why;
	int failed; /* -errno, with why set: the cause of whatever libarchive says then */
	uint8_t buf[CHUNK];
};

static const uint8_t none[ID_BYTES];

static int stream_fail(struct stream *s, int e, const char *stage)
{
	s->failed = e;
	return result_fail(s->why, e, stage);
}

static ssize_t read_packed(struct stream *s)
{
	uint64_t left = s->end - s->at;
	ssize_t n = pread(s->fd, s->buf, left < CHUNK ? (size_t)left : CHUNK, (off_t)s->at);

	if (n < 0)
		return stream_fail(s, -errno, "read");
	s->at += (uint64_t)n;
	s->packed += (uint64_t)n;
	if (s->hash_blob)
		sha256_update(&s->blob_hash, (size_t)n, s->buf);
	return n;
}

static la_ssize_t packed_callback(struct archive *a, void *data, const void **ret)
{
	struct stream *s = data;
	ssize_t n = read_packed(s);

	*ret = s->buf;
	if (n < 0)
		archive_set_error(a, EIO, "read");
	return n < 0 ? -1 : n;
}

ssize_t stream_read(struct stream *s, const void **ret)
{
	const struct policy_layer *p = s->policy;
	ssize_t n;

	if (s->failed)
		return s->failed;
	if (s->filter) {
		int64_t offset;
		size_t size = 0;
		int r = archive_read_data_block(s->filter, ret, &size, &offset);

		if (s->failed)
			return s->failed;
		if (r != ARCHIVE_OK && r != ARCHIVE_EOF)
			return stream_fail(s, -EINVAL, "compression");
		n = r == ARCHIVE_EOF ? 0 : (ssize_t)size;
	} else {
		n = read_packed(s);
		*ret = s->buf;
	}
	if (n <= 0)
		return n;
	s->unpacked += (uint64_t)n;
	/* Headers count too: a million empty entries are half a gigabyte. */
	if (s->unpacked > p->max_bytes) {
		snprintf(s->why->rule, sizeof(s->why->rule), "layer.max_bytes");
		return stream_fail(s, -EFBIG, "bytes");
	}
	if (p->max_ratio && s->unpacked > RATIO_FROM && s->unpacked / p->max_ratio > s->packed) {
		snprintf(s->why->rule, sizeof(s->why->rule), "layer.max_ratio");
		return stream_fail(s, -EFBIG, "ratio");
	}
	if (s->digest < 0)
		sha256_update(&s->hash, (size_t)n, *ret);
	return n;
}

static const struct {
	uint8_t magic[6];
	size_t n;
	int (*support)(struct archive *a);
} filters[] = {
	{ { 0x1f, 0x8b }, 2, archive_read_support_filter_gzip },
	{ { 0x28, 0xb5, 0x2f, 0xfd }, 4, archive_read_support_filter_zstd },
	{ { 0xfd, '7', 'z', 'X', 'Z', 0 }, 6, archive_read_support_filter_xz },
};

/* Index of the filter for what starts there; ARRAY_SIZE(filters): none; or -errno. */
static int find_filter(int fd, uint64_t at, uint64_t end)
{
	uint8_t magic[6] = { 0 };
	size_t i;

	if (pread(fd, magic, end - at < 6 ? (size_t)(end - at) : 6, (off_t)at) < 0)
		return -errno;
	for (i = 0; i < ARRAY_SIZE(filters); i++)
		if (memcmp(magic, filters[i].magic, filters[i].n) == 0)
			break;
	return (int)i;
}

/* A stage that only uncompresses, when the archive starts like something that is. */
static int open_filter(struct stream *s)
{
	struct archive_entry *entry;
	int i = find_filter(s->fd, s->at, s->end);

	if (i < 0)
		return stream_fail(s, i, "read");
	if (i == ARRAY_SIZE(filters))
		return 0;
	s->filter = archive_read_new();
	if (!s->filter || filters[i].support(s->filter) != ARCHIVE_OK ||
	    archive_read_support_format_raw(s->filter) != ARCHIVE_OK ||
	    archive_read_support_format_empty(s->filter) != ARCHIVE_OK)
		return stream_fail(s, -EOPNOTSUPP, "compression");
	if (archive_read_open(s->filter, s, NULL, packed_callback, NULL) != ARCHIVE_OK)
		return stream_fail(s, -EINVAL, "compression");
	/* None of the filters took it: libarchive would pass the bytes through. */
	if (archive_filter_code(s->filter, 0) == ARCHIVE_FILTER_NONE)
		return stream_fail(s, -EINVAL, "compression");
	switch (archive_read_next_header(s->filter, &entry)) {
	case ARCHIVE_OK:
	case ARCHIVE_EOF: /* nothing is in it: read says so, too */
		return 0;
	default:
		return stream_fail(s, -EINVAL, "compression");
	}
}

/* What has one digest only is asked for it once. */
static bool two_digests(const struct req_layer_unpack *req)
{
	return memcmp(req->blob, none, ID_BYTES) != 0 && memcmp(req->blob, req->diff, ID_BYTES) != 0;
}

bool stream_splits(int fd, const struct req_layer_unpack *req)
{
	uint64_t end = req->offset + req->length;

	return req->length >= SPLIT_FROM && end > req->offset && !two_digests(req) &&
	       find_filter(fd, req->offset, end) == ARRAY_SIZE(filters);
}

void stream_digest(int fd, const struct req_layer_unpack *req, int out)
{
	uint64_t left = req->length;
	uint8_t digest[ID_BYTES], *buf = malloc(CHUNK);
	struct sha256_ctx hash;

	sha256_init(&hash);
	while (buf && left > 0) {
		off_t at = (off_t)(req->offset + req->length - left);
		ssize_t n = pread(fd, buf, left < CHUNK ? (size_t)left : CHUNK, at);

		if (n <= 0)
			break; /* no digest is no right one */
		sha256_update(&hash, (size_t)n, buf);
		left -= (uint64_t)n;
	}
	sha256_digest(&hash, sizeof(digest), digest);
	if (left == 0)
		fd_write_all(out, digest, sizeof(digest));
	free(buf);
}

int stream_open(const struct work *w, const struct req_layer_unpack *req, struct result *why, struct stream **ret)
{
	struct stream *s = calloc(1, sizeof(*s));
	int fd = w->archive;
	struct stat st;

	*ret = s;
	if (!s)
		return result_fail(why, -ENOMEM, "memory");
	s->fd = fd;
	s->policy = w->policy;
	s->digest = w->digest;
	s->why = why;
	if (fstat(fd, &st) < 0)
		return stream_fail(s, -errno, "archive");
	if (req->offset > (uint64_t)st.st_size || req->length > (uint64_t)st.st_size - req->offset)
		return stream_fail(s, -ERANGE, "archive");
	s->at = req->offset;
	s->end = req->length ? req->offset + req->length : (uint64_t)st.st_size;
	s->hash_blob = two_digests(req);
	sha256_init(&s->hash);
	sha256_init(&s->blob_hash);
	return open_filter(s);
}

int stream_verify(struct stream *s, const struct req_layer_unpack *req)
{
	uint8_t digest[ID_BYTES];
	ssize_t n;

	/* What may follow the compressed part. */
	while (s->hash_blob && s->at < s->end) {
		n = read_packed(s);
		if (n <= 0)
			return n < 0 ? s->failed : stream_fail(s, -EINVAL, "archive");
	}
	sha256_digest(&s->blob_hash, sizeof(digest), digest);
	if (s->hash_blob && memcmp(digest, req->blob, ID_BYTES) != 0)
		return stream_fail(s, -EINVAL, "blob digest");
	sha256_digest(&s->hash, sizeof(digest), digest);
	if (s->digest >= 0 && read(s->digest, digest, sizeof(digest)) != (ssize_t)sizeof(digest))
		return stream_fail(s, -EIO, "digest worker");
	if (memcmp(digest, req->diff, ID_BYTES) != 0)
		return stream_fail(s, -EINVAL, "digest");
	return 0;
}

uint64_t stream_length(const struct stream *s)
{
	return s->unpacked;
}

void stream_close(struct stream *s)
{
	if (!s)
		return;
	archive_read_free(s->filter);
	free(s);
}
