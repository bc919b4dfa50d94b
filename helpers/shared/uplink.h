/* uplink.h - is there a way out of a network namespace? */
#ifndef POSTERN_SHARED_UPLINK_H
#define POSTERN_SHARED_UPLINK_H

#include <stdbool.h>

/* Sockets in the caller's network namespace to ask about its routes: of IPv4, of IPv6 (-EBADF where the kernel has
 * none). 0 or -errno. */
int uplink_probe(int ret[2]);
/* Does one of these lead there by that family (AF_INET, AF_INET6)? Nothing is sent. */
bool uplink_leads_out(const int probe[2], int family);

#endif
