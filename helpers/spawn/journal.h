/* journal.h - a container's lines as entries of the host's journal: datagrams of systemd's native protocol
 * (https://systemd.io/JOURNAL_NATIVE_PROTOCOL), with the fields that Docker's driver `journald` has.
 *
 * The socket's path is root's word (the launcher's), never the controller's: a monitor is trusted to nobody's socket
 * else. It is connected before the monitor locks itself down, and outlives restarts of the journal (process 1 holds
 * the other end). The container's text goes only into MESSAGE, by length: it can make no field of its own. */
#ifndef POSTERN_SPAWN_JOURNAL_H
#define POSTERN_SPAWN_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	JOURNAL_FIELDS_MAX = 8192, /* JSON text */
	JOURNAL_WAIT_MS = 1000, /* how long the entries of one read wait for a journal that is behind */
	JOURNAL_READ = 4096, /* bytes of a container's output in one read: so few entries wait together */
};

struct journal {
	int fd; /* -EBADF: there is none */
	bool waits; /* mode=blocking */
	bool behind; /* it let entries wait in vain: none waits until it takes one */
	int left_ms; /* of waiting, in this read */
	char *fields; /* that every entry has, as they are sent */
	size_t nfields;
	char epoch[33]; /* of this run of the container */
	uint64_t ordinal, lost; /* entries */
};

struct journal_line {
	const char *text, *time; /* RFC 3339 */
	size_t n, time_n;
	bool error; /* of standard error */
	bool last; /* ends with a newline */
	unsigned piece; /* of a line that is too long, from 1; 0: it is whole */
	uint64_t id; /* the same for all pieces of one line */
};

/* At start, from root's arguments; forks inherit it. Without: there is no journal. */
void journal_at(const char *path);
void journal_init(struct journal *j);
/* 0, -ENOENT or -ECONNREFUSED where no journal listens, or -errno. */
int journal_open(struct journal *j, bool waits);
/* text: a JSON object of texts. Members whose names are no names of fields, or of those that an entry has by itself,
 * are left out. 0 or -errno. */
int journal_fields(struct journal *j, const char *text);
/* Entries of another read follow. */
void journal_round(struct journal *j);
/* An entry that the journal does not take is counted as lost: it never stops the container. */
void journal_send(struct journal *j, const struct journal_line *l);
void journal_finish(struct journal *j);

#endif
