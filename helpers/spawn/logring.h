/* logring.h - where a monitor's log lines go: to the end of a file, or around a bounded ring (protocol/logfile.h). */
#ifndef POSTERN_SPAWN_LOGRING_H
#define POSTERN_SPAWN_LOGRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../protocol/logfile.h"

struct logring {
	int fd; /* borrowed; -EBADF: nothing is kept */
	uint64_t size; /* of a slot; 0: no ring, the file is only appended to */
	uint32_t slots;
	struct log_slot now; /* the entry that is written to */
	bool torn; /* appending stopped in the middle of a line */
	bool turned; /* a new generation has begun since somebody looked */
};

/* Goes on where an earlier run has stopped. A ring's file has its table from the controller; what it says is checked.
 */
void logring_init(struct logring *r, int fd, uint64_t size, uint32_t slots);
/* Whole lines. Returns how many bytes were not written: a full disk loses lines, it never stops the container. */
size_t logring_write(struct logring *r, const char *data, size_t n);
/* The generation has been compressed elsewhere: its data goes. 0, -ESTALE when it is not there any more, -EBUSY when it
 * is written to, or -errno. */
int logring_release(struct logring *r, uint64_t generation);

#endif
