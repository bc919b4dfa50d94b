/* spawn.h - what the files of this helper share. See README.md for the processes. */
#ifndef POSTERN_SPAWN_H
#define POSTERN_SPAWN_H

#include <stddef.h>
#include <stdint.h>

#include "../base/policy.h"
#include "../protocol/message.h"

/* What a new monitor starts from: memory copied by fork, fds of which it keeps only these. */
struct launch {
	const struct req_spawn_create *req;
	const struct policy_spawn *policy;
	int channel; /* to spawn */
	int controller; /* the first one for a controller */
	char socket[ID_HEX + 6]; /* name of its own socket, in the working directory */
};

/* In the child of spawn's fork. */
void monitor_main(const struct launch *l) __attribute__((noreturn));

/* Closes everything from 3 on but n fds, which need not be sorted. */
void fds_close_except(const int *keep, size_t n);

#endif
