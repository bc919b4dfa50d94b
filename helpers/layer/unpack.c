/* unpack.c - a layer's archive: from the file's bytes to entries, hashed in between.
 *
 *   pread -> [gzip, zstd or xz, by magic] -> SHA-256 and limits -> tar -> extract.c
 *
 * Hostile input: all of the archive. libarchive is asked for exactly these filters and never for one that runs a
 * program (archive_read_support_filter_*(3) answers ARCHIVE_WARN when it would). The digest covers every uncompressed
 * byte, those after the end of the tar as well (image-spec config.md, "Layer DiffID"). */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "extract.h"

enum {
	CHUNK = 128 * 1024,
	RATIO_FROM = 16 << 20, /* unpacked bytes from which on the ratio counts */
};

struct stream {
	int fd;
	uint64_t at, end; /* next packed byte in the file, and where they end */
	uint64_t packed, unpacked;
	struct archive *filter; /* NULL: not compressed */
	struct sha256_ctx hash;
	const struct policy_layer *policy;
	struct result *why;
	bool failed; /* with why set: the cause of whatever libarchive says then */
	uint8_t buf[CHUNK];
};

int result_fail(struct result *r, int e, const char *stage)
{
	/* The first one is the cause. */
	if (r->status == 0) {
		r->status = e;
		snprintf(r->stage, sizeof(r->stage), "%s", stage);
	}
	return r->status;
}

static ssize_t stream_fail(struct stream *s, int e, const char *stage)
{
	s->failed = true;
	result_fail(s->why, e, stage);
	return -1;
}

static ssize_t read_packed(struct stream *s)
{
	uint64_t left = s->end - s->at;
	ssize_t n = pread(s->fd, s->buf, left < CHUNK ? (size_t)left : CHUNK, (off_t)s->at);

	if (n < 0)
		return stream_fail(s, -errno, "read");
	s->at += (uint64_t)n;
	s->packed += (uint64_t)n;
	return n;
}

static la_ssize_t packed_callback(struct archive *a, void *data, const void **ret)
{
	struct stream *s = data;
	ssize_t n = read_packed(s);

	*ret = s->buf;
	if (n < 0)
		archive_set_error(a, EIO, "read");
	return n;
}

/* Next uncompressed bytes, counted and hashed: their number, 0 at the end, -1 with why set. */
static ssize_t stream_read(struct stream *s, const void **ret)
{
	const struct policy_layer *p = s->policy;
	ssize_t n;

	if (s->failed)
		return -1;
	if (s->filter) {
		int64_t offset;
		size_t size = 0;
		int r = archive_read_data_block(s->filter, ret, &size, &offset);

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
	sha256_update(&s->hash, (size_t)n, *ret);
	return n;
}

static la_ssize_t stream_callback(struct archive *a, void *data, const void **ret)
{
	ssize_t n = stream_read(data, ret);

	if (n < 0)
		archive_set_error(a, EIO, "stream");
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

/* A stage that only uncompresses, when the archive starts like something that is. */
static int open_filter(struct stream *s)
{
	uint8_t magic[6] = { 0 };
	struct archive_entry *entry;
	size_t i;

	if (pread(s->fd, magic, s->end - s->at < 6 ? (size_t)(s->end - s->at) : 6, (off_t)s->at) < 0)
		return (int)stream_fail(s, -errno, "read");
	for (i = 0; i < ARRAY_SIZE(filters); i++)
		if (memcmp(magic, filters[i].magic, filters[i].n) == 0)
			break;
	if (i == ARRAY_SIZE(filters))
		return 0;
	s->filter = archive_read_new();
	if (!s->filter || filters[i].support(s->filter) != ARCHIVE_OK ||
	    archive_read_support_format_raw(s->filter) != ARCHIVE_OK)
		return (int)stream_fail(s, -EOPNOTSUPP, "compression");
	if (archive_read_open(s->filter, s, NULL, packed_callback, NULL) != ARCHIVE_OK ||
	    archive_read_next_header(s->filter, &entry) != ARCHIVE_OK)
		return (int)stream_fail(s, -EINVAL, "compression");
	return 0;
}

static int stream_open(struct stream *s, int fd, const struct req_layer_unpack *req, const struct policy_layer *policy,
		       struct result *why)
{
	struct stat st;

	s->fd = fd;
	s->policy = policy;
	s->why = why;
	if (fstat(fd, &st) < 0)
		return (int)stream_fail(s, -errno, "archive");
	if (req->offset > (uint64_t)st.st_size || req->length > (uint64_t)st.st_size - req->offset)
		return (int)stream_fail(s, -ERANGE, "archive");
	s->at = req->offset;
	s->end = req->length ? req->offset + req->length : (uint64_t)st.st_size;
	sha256_init(&s->hash);
	return open_filter(s);
}

/* Reads on to the end, so that the digest covers all; compares it. */
static int stream_verify(struct stream *s, const uint8_t diff[ID_BYTES])
{
	uint8_t digest[ID_BYTES];
	const void *data;
	ssize_t n;

	while ((n = stream_read(s, &data)) > 0)
		;
	if (n < 0)
		return s->why->status;
	sha256_digest(&s->hash, sizeof(digest), digest);
	if (memcmp(digest, diff, ID_BYTES) != 0)
		return result_fail(s->why, -EINVAL, "digest");
	return 0;
}

static void stream_close(struct stream *s)
{
	archive_read_free(s->filter);
	free(s);
}

static int extract_all(struct stream *s, struct extract *x)
{
	struct archive *a = archive_read_new();
	struct archive_entry *entry;
	int r, e = 0;

	if (!a || archive_read_support_format_tar(a) != ARCHIVE_OK ||
	    archive_read_support_format_empty(a) != ARCHIVE_OK ||
	    archive_read_open(a, s, NULL, stream_callback, NULL) != ARCHIVE_OK) {
		e = result_fail(s->why, -EINVAL, "archive");
		goto out;
	}
	while (e == 0 && (r = archive_read_next_header(a, &entry)) != ARCHIVE_EOF) {
		/* WARN: an odd header or a name in another character set; the entry stands as it is. */
		if (r != ARCHIVE_OK && r != ARCHIVE_WARN)
			e = result_fail(s->why, -EINVAL, "archive");
		else
			e = extract_entry(x, a, entry);
	}
out:
	archive_read_free(a);
	return e;
}

int unpack(int archive, int dir, const struct req_layer_unpack *req, const struct policy_layer *policy,
	   struct result *ret)
{
	struct stream *s = calloc(1, sizeof(*s));
	struct extract x;
	int e;

	if (!s)
		return result_fail(ret, -ENOMEM, "memory");
	extract_init(&x, dir, policy, ret);
	e = stream_open(s, archive, req, policy, ret);
	if (e == 0)
		e = extract_all(s, &x);
	if (e == 0)
		e = stream_verify(s, req->diff);
	if (e == 0)
		e = extract_times(&x);
	if (e == 0)
		ret->unpack.size = x.bytes;
	extract_finish(&x);
	stream_close(s);
	return e == 0 ? 0 : ret->status;
}
