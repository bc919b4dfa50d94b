/* spill.c - see spill.h. */
#include "spill.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "../../helpers/base/cleanup.h"

enum { PUNCH = 16 << 20 /* given back to the disk at once */ };

static uint64_t all; /* bytes that wait in any of them */

bool spill_has_room(const struct spill *s)
{
	return s->to - s->from < SPILL_MAX && all < SPILL_ALL_MAX;
}

void spill_init(struct spill *s, int dir)
{
	*s = (struct spill){ .dir = dir, .fd = -EBADF };
}

void spill_finish(struct spill *s)
{
	s->fd = close_fd(s->fd);
	all -= s->to - s->from;
	s->from = s->to = 0;
}

static int spill_open(struct spill *s)
{
	static const char name[] = "spill.new"; /* for a moment; where the file system has no files without one */

	s->fd = openat(s->dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (s->fd >= 0)
		return 0;
	s->fd = openat(s->dir, name, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (s->fd < 0)
		return -errno;
	unlinkat(s->dir, name, 0);
	return 0;
}

int spill_put(struct spill *s, const void *data, size_t n)
{
	size_t done = 0;

	if (s->fd < 0 && spill_open(s) < 0)
		return -EIO;
	while (done < n) {
		ssize_t w = pwrite(s->fd, (const char *)data + done, n - done, (off_t)(s->to + done));

		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0)
			return w < 0 ? -errno : -EIO;
		done += (size_t)w;
	}
	s->to += n;
	all += n;
	return 0;
}

ssize_t spill_peek(const struct spill *s, void *buf, size_t n)
{
	uint64_t left = s->to - s->from;
	ssize_t r = left ? pread(s->fd, buf, left < n ? (size_t)left : n, (off_t)s->from) : 0;

	return r < 0 ? -errno : r == 0 && left ? -EIO : r;
}

void spill_drop(struct spill *s, size_t n)
{
	uint64_t before = s->from;

	s->from += n;
	all -= n;
	if (s->from == s->to) {
		s->from = s->to = 0;
		(void)!ftruncate(s->fd, 0);
	} else if (s->from / PUNCH != before / PUNCH) {
		fallocate(s->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, (off_t)s->from);
	}
}
