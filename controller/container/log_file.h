/* log_file.h - a container's log on the disk: one file that grows, or a ring (protocol/logfile.h) with compressed parts
 * beside it. The monitor writes it; its bytes are trusted no more than the container is. */
#ifndef POSTERN_CONTAINER_LOG_FILE_H
#define POSTERN_CONTAINER_LOG_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../../helpers/protocol/logfile.h"

struct container;
struct engine;
struct spec_log;
struct log_archive;

/* Opened for reading; lines come in the order in which they were written. */
struct log_file {
	int dir, fd;
	char id[65];
	uint64_t size, slots; /* 0: no ring */
	uint64_t generation; /* where reading is; 0 without a ring */
	uint64_t at; /* in it */
	bool jumped; /* what was to be read next is gone: older lines were dropped, `at` is at a line's start again */
	struct log_archive *archive; /* of this generation, when it is read from there */
};

/* fd for the monitor, made when missing, or -errno. */
int log_file_create(struct container *c, const struct spec_log *options);
/* At the first line that is kept. 0 or -errno (-ENOENT: never started). */
int log_file_open(struct log_file *f, const struct container *c);
void log_file_close(struct log_file *f);
/* Moves to where the last n lines begin. */
void log_file_tail(struct log_file *f, int64_t n);
/* 0: nothing more for now. Look at `jumped` before the bytes are used. */
ssize_t log_file_read(struct log_file *f, char *buf, size_t n);

/* The entry of a generation, as it stands there now; false when that is not kept. */
bool log_file_entry(const struct log_file *f, uint64_t generation, struct log_slot *ret);
uint64_t log_file_newest(const struct log_file *f);

/* --- compressed parts (log_archive.c) --- */
/* NULL when there is none of just that generation. */
struct log_archive *log_archive_open(int dir, const char *id, uint64_t slot, uint64_t generation);
void log_archive_close(struct log_archive *a);
/* Uncompressed bytes from the start on; 0 at the end, -1 when it is damaged. */
ssize_t log_archive_read(struct log_archive *a, char *buf, size_t n);
/* Compresses every full part, in a task of its own; harmless when one is at it already. */
void log_archive_begin(struct container *c);
void log_archive_delete(int dir, const char *id, uint64_t slots);
/* Cheap; false only when there are none. */
bool log_may_compress(const struct container *c);
/* Before the log itself is removed. */
void log_file_delete_archives(const struct container *c);

#endif
