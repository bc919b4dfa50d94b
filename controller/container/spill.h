/* spill.h - output that a client has not taken yet, in a file without a name: so a slow client costs the container
 * nothing but disk, up to a bound. */
#ifndef POSTERN_CONTAINER_SPILL_H
#define POSTERN_CONTAINER_SPILL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	SPILL_MAX = 256 << 20, /* bytes of one client */
	SPILL_ALL_MAX = 1 << 30, /* of all */
};

struct spill {
	int dir; /* the state directory */
	int fd; /* -EBADF: never used */
	uint64_t from, to;
};

void spill_init(struct spill *s, int dir);
void spill_finish(struct spill *s);
static inline bool spill_empty(const struct spill *s)
{
	return s->from == s->to;
}
/* Room for a further packet? */
bool spill_has_room(const struct spill *s);
int spill_put(struct spill *s, const void *data, size_t n); /* 0 or -errno: nothing was kept */
/* The oldest bytes, at most n; spill_drop takes them off. 0: none, or -errno. */
ssize_t spill_peek(const struct spill *s, void *buf, size_t n);
void spill_drop(struct spill *s, size_t n);

#endif
