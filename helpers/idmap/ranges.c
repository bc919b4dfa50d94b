/* ranges.c - gives each container a range of its own, and none to two.
 *
 * Sequential with wrap-around from a start that differs from launcher to launcher: a range comes back only after all
 * others were given out, and then only if nobody had it and no process had an id of it when /proc was last read, which
 * was after it had been given out for the last time. So one reading serves a whole turn, however many processes there
 * are. The state outlives a crash of the helper, which reads /proc when it starts.
 *
 * Input: /proc, which the kernel writes; what a process calls itself there (Name:) cannot start a line. proc(5). */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/limits.h"
#include "idmap.h"

/* Grants that are too young to be reclaimed: their containers may not have started yet. */
enum { RECLAIM_AGE = 1024, STATUS_MAX = 16384 };

static bool bit_get(const uint8_t *bits, uint32_t i)
{
	return bits[i / 8] & (1u << i % 8);
}

static void bit_set(uint8_t *bits, uint32_t i)
{
	bits[i / 8] |= (uint8_t)(1u << i % 8);
}

static void bit_clear(uint8_t *bits, uint32_t i)
{
	bits[i / 8] &= (uint8_t)~(1u << i % 8);
}

void ranges_init(struct ranges *r, uint32_t first, uint32_t last, uint32_t start)
{
	uint32_t count = policy_range_count(first, last);

	if (count > RANGES_MAX)
		count = RANGES_MAX;
	*r = (struct ranges){ .first = first, .count = count, .cursor = count ? start % count : 0, .fresh = count };
}

int ranges_find(const struct ranges *r, uint32_t base)
{
	uint32_t i = (base - r->first) / RANGE_STRIDE;

	if (r->shared)
		return base == r->first ? 0 : -ENOENT;
	if (base < r->first || (base - r->first) % RANGE_STRIDE || i >= r->count || !bit_get(r->taken, i))
		return -ENOENT;
	return (int)i;
}

int ranges_take(struct ranges *r, const struct live *live, struct live *marked, uint32_t max)
{
	if (r->shared)
		return 0;
	if (r->used >= max)
		return -EDQUOT;
	while (r->fresh > 0) {
		uint32_t i = r->cursor;

		r->cursor = (i + 1) % r->count;
		r->fresh--;
		if (bit_get(r->taken, i) || bit_get(live->bit, i))
			continue;
		bit_set(r->taken, i);
		bit_clear(marked->bit, i);
		r->used++;
		return (int)i;
	}
	return -EAGAIN;
}

void ranges_learn(struct ranges *r, struct live *live)
{
	for (size_t i = 0; i < sizeof(live->bit); i++)
		live->bit[i] |= r->taken[i];
	r->fresh = r->count;
}

void ranges_give(struct ranges *r, uint32_t index)
{
	if (r->shared)
		return;
	bit_clear(r->taken, index);
	r->used--;
}

bool live_has(const struct live *l, uint32_t index)
{
	return bit_get(l->bit, index);
}

void ranges_mark(struct ranges *r, const struct live *live, struct live *marked)
{
	for (uint32_t i = 0; i < r->count; i++)
		if (bit_get(live->bit, i) && !bit_get(r->taken, i)) {
			bit_set(r->taken, i);
			bit_set(marked->bit, i);
			r->used++;
		}
}

void ranges_unmark(struct ranges *r, const struct live *live, struct live *marked)
{
	for (uint32_t i = 0; i < r->count; i++)
		if (bit_get(marked->bit, i) && !bit_get(live->bit, i)) {
			bit_clear(marked->bit, i);
			if (bit_get(r->taken, i))
				ranges_give(r, i);
		}
}

void ranges_reclaim(struct ranges *r, const struct live *live)
{
	for (uint32_t age = RECLAIM_AGE; age < r->count; age++) {
		uint32_t i = (r->cursor + r->count - age) % r->count;

		if (bit_get(r->taken, i) && !bit_get(live->bit, i))
			ranges_give(r, i);
	}
}

/* Every number of one line. */
static void add_line(struct live *l, const struct ranges *r, const char *p)
{
	while (*p && *p != '\n') {
		char *end;
		unsigned long id;

		if (!isdigit((unsigned char)*p)) {
			p++;
			continue;
		}
		id = strtoul(p, &end, 10);
		p = end;
		if (id >= r->first && (id - r->first) / RANGE_STRIDE < r->count)
			bit_set(l->bit, (uint32_t)((id - r->first) / RANGE_STRIDE));
	}
}

void live_add_status(struct live *l, const struct ranges *r, const char *status)
{
	static const char *const keys[] = { "\nUid:", "\nGid:", "\nGroups:" };

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const char *p = strstr(status, keys[i]);

		if (p)
			add_line(l, r, p + strlen(keys[i]));
	}
}

int live_scan(int proc, const struct ranges *r, struct live *ret)
{
	static char status[STATUS_MAX];
	int fd = openat(proc, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *d;
	int e = 0;

	if (!dir) {
		e = -errno;
		close_fd(fd);
		return e;
	}
	memset(ret, 0, sizeof(*ret));
	for (errno = 0; (d = readdir(dir)); errno = 0) {
		_cleanup_close_ int file = -EBADF;
		char path[32];
		ssize_t n;

		if (!isdigit((unsigned char)d->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "%.16s/status", d->d_name);
		file = openat(proc, path, O_RDONLY | O_CLOEXEC);
		n = file < 0 ? -1 : read(file, status, sizeof(status) - 1);
		if (n <= 0)
			continue; /* it has ended */
		status[n] = '\0';
		live_add_status(ret, r, status);
	}
	e = -errno;
	closedir(dir);
	return e;
}
