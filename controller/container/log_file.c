/* log_file.c - see log_file.h. */
#include "log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../helpers/base/cleanup.h"
#include "../spec/log.h"
#include "internal.h"

enum { CHUNK = 32 * 1024, TRIES = 16 };

int log_file_create(struct container *c, const struct spec_log *options)
{
	struct log_head head = { LOG_MAGIC, options->slots, options->size }, old;
	int fd = container_open_log(c, O_RDWR | O_CREAT | (options->slots ? 0 : O_APPEND));

	if (fd < 0 || !options->slots || pread(fd, &old, sizeof(old), 0) == sizeof(old))
		return fd; /* a container's options never change */
	if (pwrite(fd, &head, sizeof(head), 0) == sizeof(head) && ftruncate(fd, LOG_DATA) == 0)
		return fd;
	close_fd(fd);
	return -EIO;
}

bool log_may_compress(const struct container *c)
{
	return strstr(c->row.config, "compress") || strstr(c->row.config, "\"local\"") ||
	       strstr(c->row.config, "\"journald\"");
}

void log_file_delete_archives(const struct container *c)
{
	struct log_file f;

	if (!log_may_compress(c) || log_file_open(&f, c) < 0)
		return;
	log_archive_delete(f.dir, f.id, f.slots);
	log_file_close(&f);
}

/* --- entries --- */
static uint64_t slot_of(const struct log_file *f, uint64_t generation)
{
	return (generation - 1) % f->slots;
}

/* Read twice alike: the monitor may be writing it. */
static bool read_entry(const struct log_file *f, uint64_t slot, struct log_slot *ret)
{
	off_t at = (off_t)log_entry_at(slot);
	struct log_slot again;

	for (unsigned i = 0; i < TRIES; i++) {
		if (pread(f->fd, ret, sizeof(*ret), at) != sizeof(*ret) ||
		    pread(f->fd, &again, sizeof(again), at) != sizeof(again))
			return false;
		if (memcmp(ret, &again, sizeof(again)) == 0)
			return (ret->length & ~LOG_ARCHIVED) <= f->size + LOG_SLACK;
	}
	return false;
}

bool log_file_entry(const struct log_file *f, uint64_t generation, struct log_slot *ret)
{
	return generation && read_entry(f, slot_of(f, generation), ret) && ret->generation == generation;
}

/* The oldest and the newest generation that are there; 0: none. */
static void find_range(const struct log_file *f, uint64_t *ret_oldest, uint64_t *ret_newest)
{
	*ret_oldest = *ret_newest = 0;
	for (uint64_t i = 0; i < f->slots; i++) {
		struct log_slot e;

		if (!read_entry(f, i, &e) || !e.generation || slot_of(f, e.generation) != i)
			continue;
		if (e.generation > *ret_newest)
			*ret_newest = e.generation;
		if (!*ret_oldest || e.generation < *ret_oldest)
			*ret_oldest = e.generation;
	}
}

uint64_t log_file_newest(const struct log_file *f)
{
	uint64_t oldest, newest;

	find_range(f, &oldest, &newest);
	return newest;
}

static void move_to(struct log_file *f, uint64_t generation, uint64_t at)
{
	log_archive_close(TAKE_PTR(f->archive));
	f->generation = generation;
	f->at = at;
}

int log_file_open(struct log_file *f, const struct container *c)
{
	struct log_head head;
	uint64_t oldest, newest;

	*f = (struct log_file){ .dir = c->e->state_dir, .fd = container_open_log(c, O_RDONLY) };
	if (f->fd < 0)
		return f->fd;
	memcpy(f->id, c->row.id, sizeof(f->id));
	if (pread(f->fd, &head, sizeof(head), 0) != sizeof(head) || head.magic != LOG_MAGIC || head.slots < 1 ||
	    head.slots > LOG_SLOTS_MAX || head.size < 1 || head.size > LOG_SIZE_MAX)
		return 0;
	f->slots = head.slots;
	f->size = head.size;
	find_range(f, &oldest, &newest);
	f->generation = oldest ? oldest : 1;
	return 0;
}

void log_file_close(struct log_file *f)
{
	log_archive_close(TAKE_PTR(f->archive));
	f->fd = close_fd(f->fd);
}

/* --- reading --- */
static void jump(struct log_file *f)
{
	uint64_t oldest, newest;

	find_range(f, &oldest, &newest);
	f->jumped = true;
	move_to(f, oldest > f->generation ? oldest : newest > f->generation ? newest : f->generation + 1, 0);
}

/* From the compressed copy; -ENOENT when there is none. */
static ssize_t read_archive(struct log_file *f, char *buf, size_t n)
{
	uint64_t skip = f->archive ? 0 : f->at;

	if (!f->archive)
		f->archive = log_archive_open(f->dir, f->id, slot_of(f, f->generation), f->generation);
	if (!f->archive)
		return -ENOENT;
	while (skip) {
		ssize_t r = log_archive_read(f->archive, buf, skip < n ? (size_t)skip : n);

		if (r <= 0)
			return r < 0 ? -EIO : 0;
		skip -= (uint64_t)r;
	}
	return log_archive_read(f->archive, buf, n);
}

static bool follows(const struct log_file *f)
{
	struct log_slot e;

	return log_file_entry(f, f->generation + 1, &e);
}

/* One step: bytes, 0 at the end of all, -EAGAIN to look again. */
static ssize_t read_ring(struct log_file *f, char *buf, size_t n)
{
	struct log_slot e = { 0 }, after;
	uint64_t left;
	bool next;
	ssize_t r;

	next = follows(f);
	if (!log_file_entry(f, f->generation, &e)) {
		if (e.generation > f->generation || next)
			jump(f);
		else
			return 0; /* nothing was written yet */
		return -EAGAIN;
	}
	if (e.length & LOG_ARCHIVED) {
		r = read_archive(f, buf, n);
		if (r > 0) {
			f->at += (uint64_t)r;
			return r;
		}
		if (r < 0)
			f->jumped = true;
		move_to(f, f->generation + 1, 0);
		return -EAGAIN;
	}
	left = e.length > f->at ? e.length - f->at : 0;
	if (!left) {
		/* Once the next one is there, the length that was read after that is final. */
		if (!next)
			return 0;
		move_to(f, f->generation + 1, 0);
		return -EAGAIN;
	}
	r = pread(f->fd, buf, left < n ? (size_t)left : n,
		  (off_t)(log_data_at(slot_of(f, f->generation), f->size) + f->at));
	if (r <= 0)
		return 0;
	/* Written over, or taken away, while we read it. */
	if (!log_file_entry(f, f->generation, &after) || (after.length & LOG_ARCHIVED))
		return -EAGAIN;
	f->at += (uint64_t)r;
	return r;
}

ssize_t log_file_read(struct log_file *f, char *buf, size_t n)
{
	ssize_t r;

	if (f->slots) {
		/* Bounded: a writer that is always ahead of us is looked at again at the next growth. */
		for (uint64_t i = 0; i < 4 * f->slots + TRIES; i++) {
			r = read_ring(f, buf, n);
			if (r != -EAGAIN)
				return r;
		}
		return 0;
	}
	r = pread(f->fd, buf, n, (off_t)f->at);
	if (r > 0)
		f->at += (uint64_t)r;
	return r < 0 ? 0 : r;
}

/* --- the last lines --- */
/* Looks backwards through [base, base + end) for the start of the last *lines lines; *lines: how many are still wanted.
 */
static uint64_t tail_of(int fd, uint64_t base, uint64_t end, int64_t *lines, char *buf)
{
	uint64_t at = end;
	bool last = true; /* the newline at the very end ends the last line */

	while (at > 0) {
		size_t n = at < CHUNK ? (size_t)at : CHUNK;

		at -= n;
		if (pread(fd, buf, n, (off_t)(base + at)) != (ssize_t)n)
			return at + n;
		for (const char *p = buf + n; p > buf; p--) {
			if (p[-1] != '\n' || last) {
				last = false;
				continue;
			}
			if (--*lines == 0)
				return at + (uint64_t)(p - buf);
		}
	}
	if (end)
		--*lines; /* the first line has no newline before it */
	return 0;
}

/* The same for a compressed part, which is read forwards: twice when the start is in it. */
static uint64_t tail_of_archive(struct log_archive *a, int64_t *lines, char *buf, int64_t skip)
{
	uint64_t at = 0;
	int64_t found = 0;
	ssize_t n;

	while (a && (n = log_archive_read(a, buf, CHUNK)) > 0) {
		for (ssize_t i = 0; i < n; i++) {
			if (buf[i] != '\n' || ++found != skip)
				continue;
			return at + (uint64_t)i + 1;
		}
		at += (uint64_t)n;
	}
	*lines -= found;
	return 0;
}

static void tail_ring(struct log_file *f, int64_t lines, char *buf)
{
	uint64_t oldest, newest, g, at = 0;
	struct log_slot e;

	find_range(f, &oldest, &newest);
	for (g = newest; g && g >= oldest && lines > 0; g--) {
		if (!log_file_entry(f, g, &e))
			break;
		if (!(e.length & LOG_ARCHIVED)) {
			at = tail_of(f->fd, log_data_at(slot_of(f, g), f->size), e.length, &lines, buf);
		} else {
			struct log_archive *a = log_archive_open(f->dir, f->id, slot_of(f, g), g);

			at = tail_of_archive(a, &lines, buf, -1);
			log_archive_close(a);
			if (lines < 0) {
				a = log_archive_open(f->dir, f->id, slot_of(f, g), g);
				at = tail_of_archive(a, &lines, buf, -lines);
				log_archive_close(a);
			}
		}
		move_to(f, g, at);
	}
}

void log_file_tail(struct log_file *f, int64_t n)
{
	_cleanup_free_ char *buf = malloc(CHUNK);
	off_t end = lseek(f->fd, 0, SEEK_END);
	struct log_slot e;

	if (!buf)
		return;
	if (!f->slots) {
		f->at = end < 0 ? 0 : (uint64_t)end;
		if (n > 0)
			f->at = tail_of(f->fd, 0, f->at, &n, buf);
		return;
	}
	if (n > 0) {
		tail_ring(f, n, buf);
		return;
	}
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): its cleanup attribute frees it */
	e.generation = log_file_newest(f);
	if (e.generation && log_file_entry(f, e.generation, &e))
		move_to(f, e.generation, e.length & ~LOG_ARCHIVED);
}
