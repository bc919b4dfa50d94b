#include "inaddr.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

void inaddr_bytes(uint64_t hi, uint64_t lo, uint8_t ret[16])
{
	for (unsigned i = 0; i < 8; i++) {
		ret[i] = (uint8_t)(hi >> (56 - 8 * i));
		ret[8 + i] = (uint8_t)(lo >> (56 - 8 * i));
	}
}

void inaddr_mac(uint64_t mac, uint8_t ret[6])
{
	for (unsigned i = 0; i < 6; i++)
		ret[i] = (uint8_t)(mac >> (40 - 8 * i));
}

bool inaddr_is_v4(const uint8_t address[16])
{
	return IN6_IS_ADDR_V4MAPPED((const struct in6_addr *)address);
}

socklen_t inaddr_socket(const uint8_t address[16], uint16_t port, struct sockaddr_storage *ret)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;

	memset(ret, 0, sizeof(*ret));
	if (inaddr_is_v4(address)) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		memcpy(&v4->sin_addr, address + 12, 4);
		return sizeof(*v4);
	}
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(port);
	memcpy(&v6->sin6_addr, address, 16);
	return sizeof(*v6);
}

int inaddr_of_socket(const struct sockaddr_storage *from, uint8_t ret[16], uint16_t *ret_port)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)from;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)from;

	if (from->ss_family == AF_INET) {
		inaddr_bytes(0, UINT64_C(0xffff) << 32 | ntohl(v4->sin_addr.s_addr), ret);
		*ret_port = ntohs(v4->sin_port);
		return 0;
	}
	if (from->ss_family != AF_INET6)
		return -EAFNOSUPPORT;
	memcpy(ret, &v6->sin6_addr, 16);
	*ret_port = ntohs(v6->sin6_port);
	return 0;
}
