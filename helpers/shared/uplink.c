#include "uplink.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

int uplink_probe(int ret[2])
{
	ret[0] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (ret[0] < 0)
		return -errno;
	ret[1] = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return 0;
}

/* To an address that is nobody's (RFC 5737, RFC 3849): connecting a datagram socket only asks for a route. */
bool uplink_leads_out(const int probe[2], int family)
{
	const struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(9),
					.sin_addr = { htonl(0xcb007101) } };
	const struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(9),
					 .sin6_addr = { { { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 } } } };

	if (family == AF_INET6)
		return probe[1] >= 0 && connect(probe[1], (const struct sockaddr *)&v6, sizeof(v6)) == 0;
	return connect(probe[0], (const struct sockaddr *)&v4, sizeof(v4)) == 0;
}
