/* inaddr.h - addresses as ops carry them (16 bytes in two numbers, IPv4 as ::ffff:a.b.c.d) and as the kernel takes
 * them. */
#ifndef POSTERN_NET_INADDR_H
#define POSTERN_NET_INADDR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

void inaddr_bytes(uint64_t hi, uint64_t lo, uint8_t ret[16]);
/* A MAC address of the low 48 bits. */
void inaddr_mac(uint64_t mac, uint8_t ret[6]);
bool inaddr_is_v4(const uint8_t address[16]);
/* For bind(2) and connect(2): its length. */
socklen_t inaddr_socket(const uint8_t address[16], uint16_t port, struct sockaddr_storage *ret);
/* What getsockname(2) said; -EAFNOSUPPORT for what is neither IPv4 nor IPv6. */
int inaddr_of_socket(const struct sockaddr_storage *from, uint8_t ret[16], uint16_t *ret_port);

#endif
