/* spawn.h - what the files of this helper share. See README.md for the processes. */
#ifndef POSTERN_SPAWN_H
#define POSTERN_SPAWN_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../base/policy.h"
#include "../protocol/message.h"

/* What a new monitor starts from. Nothing else is open. */
struct launch {
	const struct req_spawn_create *req;
	const struct policy_spawn *policy;
	int channel; /* to spawn */
	int controller; /* the first one for a controller */
	char socket[ID_HEX + 6]; /* name of its own socket, in the working directory */
};

void monitor_main(const struct launch *l) __attribute__((noreturn));

/* spare.c: a child of ours that will be a monitor; zeroed: none */
struct spare {
	pid_t pid;
	int pidfd, channel, controller; /* our ends: one to ask it, and one for a controller */
};

/* Before any other fd is opened. 0 or -errno. */
int spare_init(void);
/* Makes it when there is none. 0 or -errno. */
int spare_make(struct spare *s, const struct policy_spawn *policy);
/* Kills and reaps it. */
void spare_end(struct spare *s);
/* Gives it (or one made now) its container and hands it to the caller: *ret; *s is none then. before: pidfd of a
 * monitor whose end it is to await, or -EBADF. 0 or -errno. */
int spare_take(struct spare *s, const struct req_spawn_create *req, int before, const struct policy_spawn *policy,
	       struct spare *ret);

/* make.c: makes q->path below q->dir as the container's user q->uid. 0, -EPERM when q->dir is not that user's, or
 * -errno. */
int make_directories(const struct req_spawn_make *q, bool ids_shared);

/* From spawn to a monitor whose container has ended: it starts again, so do not linger. */
enum { SIGNAL_LEAVE = SIGUSR1 };

/* Closes everything from 3 on but n fds, which need not be sorted. */
void fds_close_except(const int *keep, size_t n);

#endif
