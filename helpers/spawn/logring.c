/* logring.c - see logring.h. */
#include "logring.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static uint64_t slot_of(const struct logring *r, uint64_t generation)
{
	return (generation - 1) % r->slots;
}

static int write_entry(const struct logring *r, const struct log_slot *entry)
{
	off_t at = (off_t)log_entry_at(slot_of(r, entry->generation));

	return pwrite(r->fd, entry, sizeof(*entry), at) == sizeof(*entry) ? 0 : -EIO;
}

static bool read_entry(const struct logring *r, uint64_t slot, struct log_slot *ret)
{
	return pread(r->fd, ret, sizeof(*ret), (off_t)log_entry_at(slot)) == sizeof(*ret);
}

void logring_init(struct logring *r, int fd, uint64_t size, uint32_t slots)
{
	*r = (struct logring){ .fd = fd, .size = slots ? size : 0, .slots = slots, .now = { 1, 0 } };
	for (uint32_t i = 0; i < slots && fd >= 0; i++) {
		struct log_slot e;

		if (!read_entry(r, i, &e) || !e.generation || slot_of(r, e.generation) != i ||
		    e.generation < r->now.generation)
			continue;
		r->now = e;
	}
	/* What cannot be a length of ours is a slot to leave. */
	if (r->now.length > size)
		r->now.length = size;
}

static size_t append(struct logring *r, const char *data, size_t n)
{
	const char *p = data;

	if (r->torn && write(r->fd, "\n", 1) == 1)
		r->torn = false; /* what stands there of a line, no reader takes */
	while (n && !r->torn) {
		ssize_t w = write(r->fd, p, n);

		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0)
			break;
		p += w;
		n -= (size_t)w;
	}
	if (p != data)
		r->torn = p[-1] != '\n';
	return n;
}

/* Up to the end of the line that fills the slot. */
static size_t part_for(const struct logring *r, const char *data, size_t n)
{
	uint64_t left = r->size - r->now.length;
	const char *end;

	if (n <= left)
		return n;
	/* The byte before the limit may be a line's end already. */
	end = memchr(data + left - 1, '\n', n - (size_t)left + 1);
	return end ? (size_t)(end - data) + 1 : n;
}

static bool go_on(struct logring *r)
{
	struct log_slot next = { r->now.generation + 1, 0 };

	if (write_entry(r, &next) < 0)
		return false;
	r->now = next;
	r->turned = true;
	return true;
}

static size_t write_data(const struct logring *r, const char *data, size_t n)
{
	off_t at = (off_t)(log_data_at(slot_of(r, r->now.generation), r->size) + r->now.length);
	size_t done = 0;

	while (done < n) {
		ssize_t w = pwrite(r->fd, data + done, n - done, at + (off_t)done);

		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0)
			break;
		done += (size_t)w;
	}
	return done;
}

size_t logring_write(struct logring *r, const char *data, size_t n)
{
	if (r->fd < 0)
		return n;
	if (!r->size)
		return append(r, data, n);
	while (n) {
		struct log_slot entry;
		size_t part;

		if (r->now.length >= r->size && !go_on(r))
			break;
		part = part_for(r, data, n);
		/* A part that did not fit on the disk is written over by what comes next. */
		if (write_data(r, data, part) < part)
			break;
		entry = (struct log_slot){ r->now.generation, r->now.length + part };
		if (write_entry(r, &entry) < 0)
			break;
		r->now = entry;
		data += part;
		n -= part;
	}
	return n;
}

int logring_release(struct logring *r, uint64_t generation)
{
	struct log_slot e;

	if (r->fd < 0 || !r->size)
		return -ENOENT;
	if (generation == r->now.generation)
		return -EBUSY;
	if (!generation || !read_entry(r, slot_of(r, generation), &e) || e.generation != generation)
		return -ESTALE;
	if (e.length & LOG_ARCHIVED)
		return 0;
	e.length |= LOG_ARCHIVED;
	if (write_entry(r, &e) < 0)
		return -EIO;
	return fallocate(r->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			 (off_t)log_data_at(slot_of(r, generation), r->size), (off_t)(r->size + LOG_SLACK)) < 0
		       ? -errno
		       : 0;
}
