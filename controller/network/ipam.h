/* ipam.h - addresses of one subnet: the first free one, but not one that was given back a moment ago.
 *
 * Addresses are 16 bytes in network byte order, version 4 as ::ffff:a.b.c.d (96 more bits). The first 65,534 of a range
 * are given out unasked; any of the subnet may be asked for. */
#ifndef POSTERN_NETWORK_IPAM_H
#define POSTERN_NETWORK_IPAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a bridge of the kernel's holds: a port's number has ten bits, 0 is none (BR_MAX_PORTS). */
enum { BRIDGE_PORTS = 1023 };
enum { NETWORK_BITS_MAX = 126 }; /* narrower there is no room for a gateway and a container */
enum { IPAM_SPAN = 65536, IPAM_RESTING = 64, IPAM_ODD = 1024, ADDRESS_TEXT = 64 };

struct pool {
	uint8_t subnet[16], range[16], gateway[16];
	uint32_t bits, range_bits; /* bits 0: no such version here */
	uint64_t *used; /* bit per address from the range's first on */
	uint8_t odd[IPAM_ODD][16]; /* taken, but elsewhere in the subnet */
	unsigned nodd;
	uint32_t resting[IPAM_RESTING]; /* offset + 1 of those given back, a ring */
	unsigned next_resting;
};

/* "10.1.0.0/16", "10.1.0.5", "fd00::/64": bits 128 where the text has none. 0 or -EINVAL. */
int address_parse(const char *text, uint8_t ret[16], uint32_t *ret_bits);
/* Without bits where they are 0. */
const char *address_format(const uint8_t a[16], uint32_t bits, char ret[ADDRESS_TEXT]);
bool address_is_v4(const uint8_t a[16]);
bool address_is_zero(const uint8_t a[16]);
/* Bits as users count them: 16 for ::ffff:10.1.0.0/112. */
uint32_t address_user_bits(const uint8_t a[16], uint32_t bits);
uint64_t address_hi(const uint8_t a[16]);
uint64_t address_lo(const uint8_t a[16]);
uint32_t address_v4(const uint8_t a[16]);

/* Sets host bits to 0. */
void address_mask(uint8_t a[16], uint32_t bits);
/* Do two prefixes meet? */
bool prefixes_meet(const uint8_t a[16], uint32_t a_bits, const uint8_t b[16], uint32_t b_bits);

/* subnet and bits are set; range and gateway where given, else zeros. The network's and broadcast addresses and the
 * gateway are taken. 0, -EINVAL when range or gateway lie outside, -ENOMEM. */
int pool_init(struct pool *p);
void pool_finish(struct pool *p);
/* wanted NULL: the first free. -EADDRINUSE, -ERANGE (not in the subnet), -ENOSPC. */
int pool_take(struct pool *p, const uint8_t wanted[16], uint8_t ret[16]);
void pool_give(struct pool *p, const uint8_t a[16]);

#endif
