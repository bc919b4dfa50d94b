/* log_archive.c - full parts of a ring, compressed beside it (--log-opt compress).
 *
 * A part is compressed by a task in small steps, so that nobody waits; then the monitor is asked to let the data go,
 * since only it knows that it is not writing there again. An archive is a log_slot that says whose it is, then a gzip
 * stream; its name is that of the slot, so there are never more of them than slots. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "../../helpers/base/cleanup.h"
#include "../../helpers/base/fd.h"
#include "../../helpers/base/log.h"
#include "../spec/log.h"
#include "../task.h"
#include "internal.h"
#include "log_file.h"

enum {
	STEP = 64 * 1024, /* compressed at once: about a millisecond */
	GZIP = 15 + 16, /* window, and the format */
};

static void archive_path(char ret[128], const char *id, uint64_t slot, const char *suffix)
{
	snprintf(ret, 128, "containers/%s-json.log.%llu.gz%s", id, (unsigned long long)slot, suffix);
}

/* --- reading --- */
struct log_archive {
	int fd;
	z_stream z;
	unsigned char in[STEP];
};

struct log_archive *log_archive_open(int dir, const char *id, uint64_t slot, uint64_t generation)
{
	struct log_archive *a = calloc(1, sizeof(*a));
	struct log_slot whose;
	char path[128];

	if (!a)
		return NULL;
	archive_path(path, id, slot, "");
	a->fd = openat(dir, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (a->fd >= 0 && read(a->fd, &whose, sizeof(whose)) == sizeof(whose) && whose.generation == generation &&
	    inflateInit2(&a->z, GZIP) == Z_OK)
		return a;
	close_fd(a->fd);
	free(a);
	return NULL;
}

void log_archive_close(struct log_archive *a)
{
	if (!a)
		return;
	inflateEnd(&a->z);
	close_fd(a->fd);
	free(a);
}

ssize_t log_archive_read(struct log_archive *a, char *buf, size_t n)
{
	a->z.next_out = (unsigned char *)buf;
	a->z.avail_out = (unsigned)n;
	while (a->z.avail_out == n) {
		int r;

		if (!a->z.avail_in) {
			ssize_t got = read(a->fd, a->in, sizeof(a->in));

			if (got < 0)
				return -1;
			a->z.next_in = a->in;
			a->z.avail_in = (unsigned)got;
		}
		r = inflate(&a->z, Z_NO_FLUSH);
		if (r == Z_STREAM_END)
			break;
		if (r != Z_OK)
			return -1;
	}
	return (ssize_t)(n - a->z.avail_out);
}

/* --- writing --- */
struct job {
	struct log_file f;
	struct container *c;
	uint64_t slot;
	struct log_slot e;
	int out;
	z_stream z;
	char *in, *buf;
};

static int write_step(struct job *j, size_t n, int flush)
{
	j->z.next_in = (unsigned char *)j->in;
	j->z.avail_in = (unsigned)n;
	do {
		j->z.next_out = (unsigned char *)j->buf;
		j->z.avail_out = STEP;
		if (deflate(&j->z, flush) == Z_STREAM_ERROR)
			return -EIO;
		if (fd_write_all(j->out, j->buf, STEP - j->z.avail_out) < 0)
			return -ENOSPC;
	} while (j->z.avail_out == 0);
	return 0;
}

static int compress_all(struct job *j)
{
	off_t base = (off_t)log_data_at(j->slot, j->f.size);
	struct log_slot now;
	int r = fd_write_all(j->out, &j->e, sizeof(j->e));

	for (uint64_t at = 0; r == 0 && at < j->e.length;) {
		size_t n = j->e.length - at < STEP ? (size_t)(j->e.length - at) : STEP;

		if (pread(j->f.fd, j->in, n, base + (off_t)at) != (ssize_t)n)
			return -EIO;
		at += n;
		r = write_step(j, n, at == j->e.length ? Z_FINISH : Z_NO_FLUSH);
		task_sleep_ms(0); /* others first */
	}
	/* Written over meanwhile: what we have is of two generations. */
	if (r == 0 && !log_file_entry(&j->f, j->e.generation, &now))
		r = -ESTALE;
	return r;
}

/* The monitor's to do while there is one; afterwards nobody writes. */
static void let_go(struct job *j)
{
	struct req_monitor_archived req = { .generation = j->e.generation };
	struct log_slot e;

	if (j->c->monitor) {
		monitor_call(j->c->monitor, OP_MONITOR_ARCHIVED, &req, NULL, NULL);
		return;
	}
	if (j->c->gone || container_is_running(j->c) || j->c->row.status == STATUS_STARTING || j->c->cleaning ||
	    !log_file_entry(&j->f, j->e.generation, &e))
		return;
	_cleanup_close_ int fd = container_open_log(j->c, O_RDWR);

	e.length |= LOG_ARCHIVED;
	if (fd >= 0 && pwrite(fd, &e, sizeof(e), (off_t)log_entry_at(j->slot)) == sizeof(e))
		fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)log_data_at(j->slot, j->f.size),
			  (off_t)(j->f.size + LOG_SLACK));
}

static int archive_one(struct job *j, uint64_t generation)
{
	int dir = j->c->e->state_dir, r = -ENOMEM;
	char path[128], temporary[128];

	if (!log_file_entry(&j->f, generation, &j->e) || (j->e.length & LOG_ARCHIVED) || !j->e.length)
		return 0;
	j->slot = (generation - 1) % j->f.slots;
	archive_path(path, j->c->row.id, j->slot, "");
	archive_path(temporary, j->c->row.id, j->slot, ".new");
	j->out = openat(dir, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (j->out < 0)
		return -errno;
	memset(&j->z, 0, sizeof(j->z));
	if (deflateInit2(&j->z, Z_BEST_SPEED, Z_DEFLATED, GZIP, 8, Z_DEFAULT_STRATEGY) == Z_OK) {
		r = compress_all(j);
		deflateEnd(&j->z);
	}
	j->out = close_fd(j->out);
	if (r == 0 && !j->c->gone && renameat(dir, temporary, dir, path) == 0)
		let_go(j);
	else
		unlinkat(dir, temporary, 0);
	return r == -ESTALE ? 0 : r;
}

static void archive_task(void *arg)
{
	struct container *c = arg;
	struct job j = { .c = c, .in = malloc(STEP), .buf = malloc(STEP) };
	int r = j.in && j.buf ? log_file_open(&j.f, c) : -ENOMEM;
	uint64_t newest;

	do {
		c->archive_again = false;
		newest = r == 0 && j.f.slots ? log_file_newest(&j.f) : 0;
		for (uint64_t g = newest > j.f.slots ? newest - j.f.slots + 1 : 1; g < newest && r == 0 && !c->gone;
		     g++)
			r = archive_one(&j, g);
	} while (r == 0 && c->archive_again && !c->gone);
	if (r < 0 && r != -ENOENT)
		log_warn("container %.12s: its log is not compressed: %s", c->row.id, strerror(-r));
	if (r != -ENOENT && j.f.fd >= 0)
		log_file_close(&j.f);
	if (c->gone) /* the last step may have made one more */
		log_archive_delete(c->e->state_dir, c->row.id, j.f.slots);
	free(j.in);
	free(j.buf);
	c->archiving = false;
	container_put(c);
}

void log_archive_begin(struct container *c)
{
	struct err ignored = { 0 };
	struct spec_log options;
	cJSON *merged;

	if (!log_may_compress(c))
		return;
	if (c->archiving) {
		c->archive_again = true;
		return;
	}
	merged = container_config(c);
	if (spec_log_parse(merged, &options, &ignored) == 0 && options.compress && options.slots) {
		c->archiving = true;
		if (task_spawn(archive_task, container_ref(c)) < 0) {
			c->archiving = false;
			container_put(c);
		}
	}
	cJSON_Delete(merged);
}

void log_archive_delete(int dir, const char *id, uint64_t slots)
{
	char path[128];

	for (uint64_t slot = 0; slot < slots; slot++) {
		archive_path(path, id, slot, "");
		unlinkat(dir, path, 0);
		archive_path(path, id, slot, ".new");
		unlinkat(dir, path, 0);
	}
}
