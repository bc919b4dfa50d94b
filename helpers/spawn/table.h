/* table.h - spawn's containers: what it knows of each monitor, and the requests whose answer a monitor owes. */
#ifndef POSTERN_SPAWN_TABLE_H
#define POSTERN_SPAWN_TABLE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "../protocol/server.h"
#include "spawn.h"

enum {
	ANSWER_MS = 30000, /* a monitor that owes an answer for so long is killed */
	NEAR = 1024,
	PROVE_MS = 1000, /* one that was there before us has so long to say who it is */
};

/* A deferred request and the monitor's op that answers it. */
struct pending {
	TAILQ_ENTRY(pending) next;
	struct request r;
	uint8_t container[ID_BYTES];
	enum op asked; /* OP_MONITOR_ADOPT or OP_MONITOR_START */
	uint32_t id;
	int end; /* the controller's end of a new channel, or -EBADF */
	int64_t deadline_ms;
};

struct entry {
	TAILQ_ENTRY(entry) next;
	LIST_ENTRY(entry) near;
	uint8_t id[ID_BYTES];
	char socket[ID_HEX + 6]; /* "" once the container has ended */
	pid_t monitor;
	int monitor_pidfd;
	bool child; /* ours to reap */
	int channel; /* -EBADF: it has ended, and the monitor is about to */
	pid_t pid; /* of the init; 0 before it is ready */
	int pidfd;
	bool exited; /* the init */
	int status; /* why it failed, kept until its monitor has gone */
	char stage[STAGE_MAX], rule[RULE_MAX];
	TAILQ_HEAD(pending_head, pending) pendings;
};

struct table {
	struct helper *helper;
	TAILQ_HEAD(entry_head, entry) entries;
	LIST_HEAD(near_head, entry) near[NEAR]; /* the same by the first bytes of their ids, which are random */
	unsigned n; /* whose containers have not ended */
	int epoll, timer;
	bool armed; /* the timer: some answer may be owed */
	uint32_t last_id;
	struct spare spare; /* the next monitor */
	char cgroup[4096]; /* our own in version 2, a monitor's is the same; "": this engine has none */
};

/* Opens what is polled, reads our cgroup and finds the monitors that an earlier spawn left. */
int table_init(struct table *t, struct helper *h);
struct entry *table_find(struct table *t, const uint8_t *id); /* NULL: none, or its container has ended */
/* Takes channel and pidfd, also on failure. */
int table_add(struct table *t, const uint8_t *id, pid_t monitor, int monitor_pidfd, bool child, int channel,
	      struct entry **ret);
/* Makes way for a new container of the same id, when the old one has ended. -EEXIST when it has not. *ret_before: pidfd
 * of an old monitor that may not have gone yet (the table's), or -EBADF. */
int table_make_way(struct table *t, const uint8_t *id, int *ret_before);
/* Asks the monitor; r is answered when it is. channel: passed on with ADOPT, or -1. Takes end. */
int table_ask(struct table *t, struct entry *e, struct request *r, enum op op, int channel, int end);

/* prove.c: /proc/PID/cgroup of a process, "self" for ours. */
int cgroup_read(const char *pid, char *ret, size_t size);
/* That a v2 or v1 directory is the container's own, beside our cgroup: -EPERM. */
int cgroup_prove(const struct table *t, int dir, const uint8_t *id, bool v2);
/* Connects to the monitor behind a socket of our directory and proves it: uid and cgroup. 0, -ECONNREFUSED when there
 * is nobody, -EPERM or -errno. */
int monitor_connect(const struct table *t, const char *socket, int *ret_channel, pid_t *ret_pid, int *ret_pidfd);

#endif
