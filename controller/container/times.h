/* times.h - times as Docker writes them. */
#ifndef POSTERN_CONTAINER_TIMES_H
#define POSTERN_CONTAINER_TIMES_H

#include <stdint.h>

/* RFC 3339 with nanoseconds, trailing zeros cut; 0 is the year 1. */
void time_rfc3339(int64_t ns, char ret[40]);
int64_t time_now_ns(void);

#endif
