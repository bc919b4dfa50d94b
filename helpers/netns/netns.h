/* netns.h - what the files of postern-netns share. */
#ifndef POSTERN_NETNS_H
#define POSTERN_NETNS_H

#include "../protocol/server.h"

enum { FD_RANGE_NS = FD_OWN };

struct ctx {
	int proc; /* /proc */
	unsigned waiting; /* children whose lifeline still holds */
};

/* --- inside.c --- */
/* Runs act(data) as root of those namespaces, which must be a container's of ours: proven here; netns -EBADF: of a new
 * one. What act opens is open here afterwards. 0, what act returned, or -errno; a failure before it has the stage
 * "userns" or "netns". */
int inside(struct request *r, int userns, int netns, int (*act)(void *data), void *data);

/* --- configure.c --- */
int run_configure(struct request *r);
/* In the current network namespace: what interfaces take from a directory below proc ("sys/net/ipv6/conf/NAME"). No
 * router is listened to; disabled is "1" or "0". 0 also without IPv6, or -errno. The directory is looked up once: the
 * kernel compares it with that of every network namespace there is. */
int ipv6_set(int proc, const char *conf, const char *disabled);
/* --- dnsrules.c --- */
/* In the current network namespace: what goes to 127.0.0.11:53 goes to these ports there. 0 or -errno. */
int dnsrules_make(uint16_t udp, uint16_t tcp);
/* --- resolver.c --- */
int run_resolver(struct request *r);

#endif
