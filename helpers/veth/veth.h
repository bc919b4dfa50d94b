/* veth.h - what the files of postern-veth share. */
#ifndef POSTERN_VETH_H
#define POSTERN_VETH_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "../net/link.h"

/* An address of version 4 (as ::ffff:a.b.c.d, bits 96 and more) or 6, in network byte order. */
struct prefix {
	uint8_t address[16];
	uint32_t bits;
};

/* --- links.c --- */
/* How many links of that kind have the group. */
int link_count(struct netlink *n, uint32_t group, const char *kind, unsigned *ret);
int link_delete(struct netlink *n, int index);
/* All of the group: rtnetlink deletes a group at once. 0 also when there is none. */
int link_delete_group(struct netlink *n, uint32_t group);

int bridge_make(struct netlink *n, const char *name, uint32_t group, uint64_t mac);
/* Up, with that MTU unless it is 0; it does not look into who joins which multicast group. */
int bridge_up(struct netlink *n, int index, uint32_t mtu);
/* Addresses of a link := these two (bits 0: none); others of it are removed, but link-local ones. */
int bridge_addresses(struct netlink *n, int index, const struct prefix *v4, const struct prefix *v6);

struct veth {
	const char *host, *name; /* the bridge's end, and the container's */
	uint32_t group, mtu;
	uint64_t mac; /* of the container's end */
	int bridge, netns; /* index; fd */
	int conf6; /* /proc/sys/net/ipv6/conf, or negative: no IPv6 */
	bool isolated;
};
/* The pair, its port locked to the MAC address. -EEXIST when either name is taken. Nothing is left when it fails. */
int veth_make(struct netlink *n, const struct veth *v);

/* --- routes.c --- */
/* -EADDRINUSE when a route of the host's, other than a default one or one through a link of the group, meets the
 * prefix. */
int routes_free(struct netlink *n, const struct prefix *p, uint32_t group);

#endif
