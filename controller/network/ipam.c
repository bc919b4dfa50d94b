/* ipam.c - see ipam.h. Nothing here asks the kernel; what is taken is told again from the rows after a restart. */
#include "ipam.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../helpers/base/policy.h"
#include "../../helpers/base/text.h"

enum { WORD = 64 /* addresses in one of pool.used */ };

static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

bool address_is_v4(const uint8_t a[16])
{
	return memcmp(a, mapped, sizeof(mapped)) == 0;
}

bool address_is_zero(const uint8_t a[16])
{
	static const uint8_t zeros[16];

	return memcmp(a, zeros, sizeof(zeros)) == 0;
}

int address_parse(const char *text, uint8_t ret[16], uint32_t *ret_bits)
{
	const char *slash = strchr(text, '/');
	size_t n = slash ? (size_t)(slash - text) : strlen(text);
	char buf[INET6_ADDRSTRLEN];
	uint64_t bits = 128;
	bool v4;

	if (n == 0 || n >= sizeof(buf))
		return -EINVAL;
	memcpy(buf, text, n);
	buf[n] = '\0';
	v4 = !strchr(buf, ':');
	memcpy(ret, mapped, sizeof(mapped));
	if (inet_pton(v4 ? AF_INET : AF_INET6, buf, ret + (v4 ? 12 : 0)) != 1)
		return -EINVAL;
	if (slash) {
		if ((slash[1] == '0' && slash[2]) || text_u64(slash + 1, v4 ? 32 : 128, &bits) < 0)
			return -EINVAL;
		bits += v4 ? 96 : 0;
	}
	*ret_bits = (uint32_t)bits;
	return 0;
}

uint32_t address_user_bits(const uint8_t a[16], uint32_t bits)
{
	return address_is_v4(a) ? bits - 96 : bits;
}

const char *address_format(const uint8_t a[16], uint32_t bits, char ret[ADDRESS_TEXT])
{
	bool v4 = address_is_v4(a);

	inet_ntop(v4 ? AF_INET : AF_INET6, a + (v4 ? 12 : 0), ret, ADDRESS_TEXT);
	if (bits)
		snprintf(ret + strlen(ret), ADDRESS_TEXT - strlen(ret), "/%u", address_user_bits(a, bits));
	return ret;
}

static uint64_t number(const uint8_t *bytes)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < 8; i++)
		n = n << 8 | bytes[i];
	return n;
}

uint64_t address_hi(const uint8_t a[16])
{
	return number(a);
}

uint64_t address_lo(const uint8_t a[16])
{
	return number(a + 8);
}

uint32_t address_v4(const uint8_t a[16])
{
	return address_is_v4(a) ? (uint32_t)number(a + 8) : 0;
}

void address_mask(uint8_t a[16], uint32_t bits)
{
	for (uint32_t i = bits; i < 128; i++)
		a[i / 8] &= (uint8_t)~(0x80 >> i % 8);
}

bool prefixes_meet(const uint8_t a[16], uint32_t a_bits, const uint8_t b[16], uint32_t b_bits)
{
	return bits_equal(a, b, a_bits < b_bits ? a_bits : b_bits);
}

/* a + offset, in the last 8 bytes: no pool is given out beyond them. */
static void at_offset(const uint8_t a[16], uint64_t offset, uint8_t ret[16])
{
	uint64_t low = address_lo(a) + offset;

	memcpy(ret, a, 8);
	for (unsigned i = 0; i < 8; i++)
		ret[8 + i] = (uint8_t)(low >> (56 - 8 * i));
}

static uint64_t size_of(uint32_t bits)
{
	return bits >= 65 ? UINT64_C(1) << (128 - bits) : UINT64_MAX;
}

/* Offset in the range, or UINT64_MAX when it is not among those given out unasked. */
static uint64_t offset_of(const struct pool *p, const uint8_t a[16])
{
	uint64_t offset = address_lo(a) - address_lo(p->range);

	return address_hi(a) == address_hi(p->range) && offset < IPAM_SPAN && offset < size_of(p->range_bits)
		       ? offset
		       : UINT64_MAX;
}

static bool is_used(const struct pool *p, uint64_t offset)
{
	return p->used[offset / WORD] >> offset % WORD & 1;
}

static int mark(struct pool *p, const uint8_t a[16])
{
	uint64_t offset = offset_of(p, a);

	if (offset != UINT64_MAX) {
		if (is_used(p, offset))
			return -EADDRINUSE;
		p->used[offset / WORD] |= UINT64_C(1) << offset % WORD;
		return 0;
	}
	for (unsigned i = 0; i < p->nodd; i++)
		if (memcmp(p->odd[i], a, 16) == 0)
			return -EADDRINUSE;
	if (p->nodd == IPAM_ODD)
		return -ENOSPC;
	memcpy(p->odd[p->nodd++], a, 16);
	return 0;
}

int pool_init(struct pool *p)
{
	uint8_t edge[16];

	if (!p->bits)
		return 0;
	address_mask(p->subnet, p->bits);
	if (p->range_bits == 0) {
		memcpy(p->range, p->subnet, 16);
		p->range_bits = p->bits;
	}
	address_mask(p->range, p->range_bits);
	if (p->range_bits < p->bits || !bits_equal(p->range, p->subnet, p->bits))
		return -EINVAL;
	if (address_is_zero(p->gateway))
		at_offset(memcmp(p->range, p->subnet, 16) == 0 ? p->subnet : p->range, 1, p->gateway);
	if (!bits_equal(p->gateway, p->subnet, p->bits))
		return -EINVAL;
	p->used = calloc(1, IPAM_SPAN / 8);
	if (!p->used)
		return -ENOMEM;
	mark(p, p->subnet);
	if (address_is_v4(p->subnet) && p->bits < 127) {
		at_offset(p->subnet, size_of(p->bits) - 1, edge);
		mark(p, edge);
	}
	mark(p, p->gateway);
	return 0;
}

void pool_finish(struct pool *p)
{
	free(p->used);
	p->used = NULL;
}

static bool is_resting(const struct pool *p, uint64_t offset)
{
	for (unsigned i = 0; i < IPAM_RESTING; i++)
		if (p->resting[i] == offset + 1)
			return true;
	return false;
}

int pool_take(struct pool *p, const uint8_t wanted[16], uint8_t ret[16])
{
	uint64_t end = size_of(p->range_bits) < IPAM_SPAN ? size_of(p->range_bits) : IPAM_SPAN;

	if (wanted) {
		if (!bits_equal(wanted, p->subnet, p->bits))
			return -ERANGE;
		memcpy(ret, wanted, 16);
		return mark(p, wanted);
	}
	/* Those given back last are for when there are no others. */
	for (int rested = 1; rested >= 0; rested--)
		for (uint64_t o = 0; o < end; o++) {
			if (p->used[o / WORD] == UINT64_MAX)
				o |= WORD - 1; /* all of them at one glance */
			if (is_used(p, o) || (rested && is_resting(p, o)))
				continue;
			at_offset(p->range, o, ret);
			return mark(p, ret);
		}
	return -ENOSPC;
}

void pool_give(struct pool *p, const uint8_t a[16])
{
	uint64_t offset = offset_of(p, a);

	if (offset != UINT64_MAX) {
		p->used[offset / WORD] &= ~(UINT64_C(1) << offset % WORD);
		p->resting[p->next_resting] = (uint32_t)offset + 1;
		p->next_resting = (p->next_resting + 1) % IPAM_RESTING;
		return;
	}
	for (unsigned i = 0; i < p->nodd; i++)
		if (memcmp(p->odd[i], a, 16) == 0) {
			memmove(p->odd[i], p->odd[i + 1], (size_t)(p->nodd - i - 1) * 16);
			p->nodd--;
			return;
		}
}
