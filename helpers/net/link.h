/* link.h - network interfaces as rtnetlink(7) tells of them, for programs that link libnl-3. */
#ifndef POSTERN_NET_LINK_H
#define POSTERN_NET_LINK_H

#include <stdint.h>

#include "netlink.h"

struct link {
	int index, master;
	uint32_t group;
	char kind[16]; /* "bridge", "veth"; "" for hardware and what has no kind */
};

/* A message about a link (index 0: by attributes, or all); up: IFF_UP to set, or 0. NULL without memory. */
struct nl_msg *link_message(int type, int flags, int index, unsigned up);
/* What an answer says. */
int link_read(const struct nlmsghdr *h, struct link *ret);
/* By name, or by index where name is NULL. -ENODEV when there is none. */
int link_find(struct netlink *n, const char *name, int index, struct link *ret);

#endif
