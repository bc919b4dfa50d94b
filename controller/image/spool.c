/* spool.c - a request's body, uncompressed, in a file that has no name.
 *
 * Hostile input: the body. Written once, then only the read-only fd is kept and handed to postern-layer. libarchive is
 * asked to uncompress with exactly the filter that the first bytes call for; its reads park the task like any other. */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "../../helpers/base/cleanup.h"
#include "../api/http.h"
#include "../engine.h"
#include "internal.h"

enum {
	CHUNK = 64 * 1024,
	BLOCK = 512,
	SPACE_EVERY = 16 << 20, /* bytes between two looks at the free space */
	RATIO_MAX = 1000, /* uncompressed to compressed: gzip's own limit is 1032 */
	RATIO_FROM = 64 << 20,
};

struct body {
	struct http_request *r;
	struct spool *spool;
	bool digest; /* is asked for */
	struct sha256_ctx hash;
	struct err *err;
	uint8_t *buf; /* CHUNK */
	size_t ahead; /* bytes of buf that were read to see what it is */
	uint64_t packed;
	char block[BLOCK]; /* the first one */
};

void spool_finish(struct spool *s)
{
	s->write_fd = close_fd(s->write_fd);
	s->fd = close_fd(s->fd);
}

/* A name for a moment, so that there is a second, read-only open of it. Names left by a crash: images_create. */
static int spool_open(struct engine *e, struct spool *s, struct err *err)
{
	static uint64_t serial;
	char name[48];

	snprintf(name, sizeof(name), "spool.%d.%llu", (int)getpid(), (unsigned long long)serial++);
	s->write_fd = openat(e->state_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (s->write_fd < 0)
		return err_set(err, 500, "spool: %s", strerror(errno));
	s->fd = openat(e->state_dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	unlinkat(e->state_dir, name, 0);
	return s->fd < 0 ? err_set(err, 500, "spool: %s", strerror(errno)) : 0;
}

static ssize_t read_body(struct body *b)
{
	size_t n = b->ahead;

	if (n) {
		b->ahead = 0;
		return (ssize_t)n;
	}
	ssize_t got = http_read(b->r, b->buf, CHUNK, b->err);

	if (got > 0)
		b->packed += (uint64_t)got;
	return got;
}

/* Enough of the start to tell compressions apart. */
static int read_ahead(struct body *b)
{
	while (b->ahead < 6) {
		ssize_t n = http_read(b->r, b->buf + b->ahead, CHUNK - b->ahead, b->err);

		if (n < 0)
			return -1;
		if (n == 0)
			break;
		b->ahead += (size_t)n;
	}
	b->packed = b->ahead;
	return 0;
}

/* The first block must be a tar header (its checksum says) or the end of an empty one. */
static bool is_tar(const char *block)
{
	unsigned sum = 0, bytes = 0;

	for (int i = 0; i < BLOCK; i++) {
		bytes |= (unsigned char)block[i];
		sum += i >= 148 && i < 156 ? ' ' : (unsigned char)block[i];
	}
	return bytes == 0 || strtoul(block + 148, NULL, 8) == sum;
}

static int check_space(struct body *b)
{
	struct statvfs v;

	if (fstatvfs(b->spool->write_fd, &v) == 0 && (uint64_t)v.f_bavail * v.f_frsize < IMAGE_SPOOL_FREE)
		return err_set(b->err, 500, "no space left on device for the archive");
	return 0;
}

static int check_first(struct body *b, const void *data, size_t n)
{
	size_t have = b->spool->size < BLOCK ? (size_t)b->spool->size : BLOCK;
	size_t more = n < BLOCK - have ? n : BLOCK - have;

	memcpy(b->block + have, data, more);
	if (have < BLOCK && have + more == BLOCK && !is_tar(b->block))
		return err_set(b->err, 400, "invalid archive: archive/tar: invalid tar header");
	return 0;
}

/* Uncompressed bytes, in order. */
static int put(struct body *b, const void *data, size_t n)
{
	struct spool *s = b->spool;
	uint64_t before = s->size;

	if (check_first(b, data, n) < 0)
		return -1;
	if (n > IMAGE_SPOOL_MAX - s->size)
		return err_set(b->err, 400, "invalid archive: larger than %llu bytes",
			       (unsigned long long)IMAGE_SPOOL_MAX);
	s->size += n;
	if (s->size > RATIO_FROM && s->size / RATIO_MAX > b->packed)
		return err_set(b->err, 400, "invalid archive: compressed more than %d-fold", RATIO_MAX);
	if ((before == 0 || before / SPACE_EVERY != s->size / SPACE_EVERY) && check_space(b) < 0)
		return -1;
	if (b->digest)
		sha256_update(&b->hash, n, data);
	while (n > 0) {
		ssize_t done = write(s->write_fd, data, n);

		if (done < 0)
			return err_set(b->err, 500, "spool: %s", strerror(errno));
		data = (const char *)data + done;
		n -= (size_t)done;
	}
	return 0;
}

static int copy_plain(struct body *b)
{
	ssize_t n;

	while ((n = read_body(b)) > 0)
		if (put(b, b->buf, (size_t)n) < 0)
			return -1;
	return n < 0 ? -1 : 0;
}

static la_ssize_t read_callback(struct archive *a, void *data, const void **ret)
{
	struct body *b = data;
	ssize_t n = read_body(b);

	*ret = b->buf;
	if (n < 0)
		archive_set_error(a, EIO, "body");
	return n;
}

static int copy_filtered(struct body *b, int (*support)(struct archive *))
{
	struct archive *a = archive_read_new();
	struct archive_entry *entry;
	int r = ARCHIVE_FATAL, e = 0;

	if (a && support(a) == ARCHIVE_OK && archive_read_support_format_raw(a) == ARCHIVE_OK &&
	    archive_read_open(a, b, NULL, read_callback, NULL) == ARCHIVE_OK)
		r = archive_filter_code(a, 0) == ARCHIVE_FILTER_NONE ? ARCHIVE_FATAL :
								       archive_read_next_header(a, &entry);
	while (r == ARCHIVE_OK && e == 0) {
		const void *data;
		int64_t offset;
		size_t n = 0;

		r = archive_read_data_block(a, &data, &n, &offset);
		if (r == ARCHIVE_OK)
			e = put(b, data, n);
	}
	/* The first error stays: that of the body, if there was one. */
	if (e == 0 && r != ARCHIVE_EOF)
		e = err_set(b->err, 400, "invalid archive: cannot uncompress it");
	archive_read_free(a);
	return e;
}

static int copy(struct body *b)
{
	static const struct {
		const char *magic;
		size_t n;
		int (*support)(struct archive *);
	} filters[] = {
		{ "\x1f\x8b", 2, archive_read_support_filter_gzip },
		{ "\x28\xb5\x2f\xfd", 4, archive_read_support_filter_zstd },
		{ "\xfd" "7zXZ", 6, archive_read_support_filter_xz },
	};

	if (read_ahead(b) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(filters); i++)
		if (b->ahead >= filters[i].n && memcmp(b->buf, filters[i].magic, filters[i].n) == 0)
			return copy_filtered(b, filters[i].support);
	return copy_plain(b);
}

int spool_body(struct engine *e, struct http_request *r, bool digest, struct spool *ret, struct err *err)
{
	struct spool s = { .write_fd = -EBADF, .fd = -EBADF };
	struct body *b = calloc(1, sizeof(*b));
	int result = -1;

	if (!b)
		return err_set(err, 500, "out of memory");
	b->r = r;
	b->spool = &s;
	b->err = err;
	b->buf = malloc(CHUNK);
	b->digest = digest;
	sha256_init(&b->hash);
	if (!b->buf)
		err_set(err, 500, "out of memory");
	else if (spool_open(e, &s, err) == 0)
		result = copy(b);
	if (result == 0 && s.size == 0)
		result = err_set(err, 400, "invalid archive: it is empty");
	if (result == 0 && digest)
		sha256_digest(&b->hash, sizeof(s.digest), s.digest);
	s.write_fd = close_fd(s.write_fd);
	if (result == 0)
		*ret = s;
	else
		spool_finish(&s);
	free(b->buf);
	free(b);
	return result;
}
