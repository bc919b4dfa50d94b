/* split.c - see split.h. zlib.h. */
#include "split.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <nettle/sha2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "../base/cleanup.h"
#include "../base/fd.h"
#include "../base/sys.h"

enum { PENDING_MAX = 32 * 1024, CHUNK = 128 * 1024 };
enum record_type { RECORD_BYTES = 'B', RECORD_FILE = 'F', RECORD_END = 'E' };

/* In the byte order of the machine: a store does not travel. */
struct split_header {
	char magic[8];
	uint64_t length; /* of the archive */
};
struct record {
	uint32_t type, path; /* path: length of what follows a FILE */
	uint64_t size;
};

static const char magic[8] = "pstSPL1";

struct split {
	int fd; /* borrowed */
	gzFile z;
	size_t npending; /* bytes, so that neighbours become one record */
	uint8_t pending[PENDING_MAX];
};

/* --- writing ----------------------------------------------------------------------------------------------------- */
static int put(struct split *s, const void *data, size_t n)
{
	return n && gzwrite(s->z, data, (unsigned)n) != (int)n ? (errno ? -errno : -EIO) : 0;
}

static int put_record(struct split *s, enum record_type type, const char *path, uint64_t size)
{
	struct record r = { .type = type, .path = path ? (uint32_t)strlen(path) : 0, .size = size };
	int e = put(s, &r, sizeof(r));

	return e < 0 || !path ? e : put(s, path, r.path);
}

static int put_pending(struct split *s)
{
	size_t n = s->npending;
	int e = n ? put_record(s, RECORD_BYTES, NULL, n) : 0;

	s->npending = 0;
	return e < 0 ? e : put(s, s->pending, n);
}

int split_create(int fd, struct split **ret)
{
	struct split_header h = { 0 };
	struct split *s = calloc(1, sizeof(*s));
	int copy = -EBADF, e = -ENOMEM;

	if (!s)
		return e;
	s->fd = fd;
	e = fd_write_all(fd, &h, sizeof(h));
	copy = e < 0 ? -EBADF : fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (e == 0 && copy < 0)
		e = -errno;
	if (e == 0) {
		s->z = gzdopen(copy, "wb1");
		e = s->z ? 0 : -ENOMEM;
	}
	if (e < 0) {
		close_fd(copy);
		free(s);
		return e;
	}
	*ret = s;
	return 0;
}

int split_bytes(struct split *s, const void *data, size_t n)
{
	int e = 0;

	if (s->npending + n > PENDING_MAX)
		e = put_pending(s);
	if (e == 0 && n > PENDING_MAX) {
		e = put_record(s, RECORD_BYTES, NULL, n);
		return e < 0 ? e : put(s, data, n);
	}
	if (e == 0 && n) {
		memcpy(s->pending + s->npending, data, n);
		s->npending += n;
	}
	return e;
}

int split_file(struct split *s, const char *path, uint64_t size)
{
	int e = put_pending(s);

	return e < 0 ? e : put_record(s, RECORD_FILE, path, size);
}

int split_finish(struct split *s, uint64_t length)
{
	struct split_header h = { .length = length };
	int e = put_pending(s);

	if (e == 0)
		e = put_record(s, RECORD_END, NULL, length);
	if (gzclose_w(TAKE_PTR(s->z)) != Z_OK && e == 0)
		e = -EIO;
	memcpy(h.magic, magic, sizeof(magic));
	if (e == 0 && pwrite(s->fd, &h, sizeof(h), 0) != (ssize_t)sizeof(h))
		e = -EIO;
	return e;
}

void split_destroy(struct split *s)
{
	if (s && s->z)
		gzclose_w(s->z);
	free(s);
}

int split_length(int fd, uint64_t *ret)
{
	struct split_header h;

	if (pread(fd, &h, sizeof(h), 0) != (ssize_t)sizeof(h) || memcmp(h.magic, magic, sizeof(magic)) != 0)
		return -EINVAL;
	*ret = h.length;
	return 0;
}

/* --- joining ----------------------------------------------------------------------------------------------------- */
struct joining {
	gzFile z;
	int dir, out;
	struct sha256_ctx hash;
	uint64_t length;
	struct result *why;
	uint8_t buf[CHUNK];
};

static int fail(struct joining *j, int e, const char *stage)
{
	return result_fail(j->why, e, stage);
}

static int give(struct joining *j, size_t n)
{
	int e;

	sha256_update(&j->hash, n, j->buf);
	j->length += n;
	e = fd_write_all(j->out, j->buf, n);
	return e < 0 ? fail(j, e, "output") : 0;
}

static int get(struct joining *j, void *to, size_t n)
{
	return gzread(j->z, to, (unsigned)n) == (int)n ? 0 : fail(j, -EIO, "split");
}

static int join_bytes(struct joining *j, uint64_t size)
{
	int e = 0;

	while (size > 0 && e == 0) {
		size_t n = size < CHUNK ? (size_t)size : CHUNK;

		e = get(j, j->buf, n);
		if (e == 0)
			e = give(j, n);
		size -= n;
	}
	return e;
}

/* Nothing but a regular file of the layer: no link is followed, nothing else is waited for. */
static int join_file(struct joining *j, const char *path, uint64_t size)
{
	_cleanup_close_ int fd = sys_openat2(j->dir, path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC, 0,
					     RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
	struct stat st;
	int e = 0;

	if (fd < 0)
		return fail(j, fd, "file");
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || (uint64_t)st.st_size != size)
		return fail(j, -EIO, "file");
	while (size > 0 && e == 0) {
		ssize_t n = read(fd, j->buf, size < CHUNK ? (size_t)size : CHUNK);

		if (n <= 0)
			return fail(j, n < 0 ? -errno : -EIO, "file");
		e = give(j, (size_t)n);
		size -= (uint64_t)n;
	}
	return e;
}

static int join_all(struct joining *j)
{
	char path[PATH_MAX];
	struct record r;
	int e;

	while ((e = get(j, &r, sizeof(r))) == 0 && r.type != RECORD_END) {
		if (r.type == RECORD_BYTES) {
			e = join_bytes(j, r.size);
		} else if (r.type != RECORD_FILE || r.path == 0 || r.path >= PATH_MAX) {
			e = fail(j, -EIO, "split");
		} else {
			e = get(j, path, r.path);
			path[r.path] = '\0';
			if (e == 0)
				e = join_file(j, path, r.size);
		}
		if (e < 0)
			break;
	}
	return e;
}

int split_join(int fd, int dir, int out, const uint8_t diff[ID_BYTES], struct result *why, uint64_t *ret_length)
{
	struct joining *j = calloc(1, sizeof(*j));
	uint8_t digest[ID_BYTES];
	int e;

	if (!j)
		return result_fail(why, -ENOMEM, "memory");
	j->dir = dir;
	j->out = out;
	j->why = why;
	sha256_init(&j->hash);
	if (lseek(fd, (off_t)sizeof(struct split_header), SEEK_SET) < 0)
		e = fail(j, -errno, "split");
	else
		e = (j->z = gzdopen(fd, "rb")) ? join_all(j) : fail(j, -ENOMEM, "memory");
	sha256_digest(&j->hash, sizeof(digest), digest);
	if (e == 0 && memcmp(digest, diff, ID_BYTES) != 0)
		e = fail(j, -EINVAL, "digest");
	if (e == 0)
		*ret_length = j->length;
	if (j->z)
		gzclose_r(j->z);
	free(j);
	return e;
}
