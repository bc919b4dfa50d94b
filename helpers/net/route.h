/* route.h - where the kernel's routing table sends an address: rtnetlink(7). */
#ifndef POSTERN_NET_ROUTE_H
#define POSTERN_NET_ROUTE_H

#include <stdint.h>

#include "netlink.h"

/* The bridge of that link group (one of the engine's) behind which the address is, by its index. -EPERM when it is
 * elsewhere: the host's own, at another link, or beyond a gateway; or why the kernel gives no answer. */
int route_bridge(struct netlink *n, const uint8_t address[16], uint32_t group, int *ret_index);

#endif
