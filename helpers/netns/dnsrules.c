/* dnsrules.c - what leads 127.0.0.11:53 to the sockets for name questions, in a container's own network namespace:
 *
 *	table ip postern_dns {
 *		chain out {
 *			type nat hook output priority -100;
 *			ip daddr 127.0.0.11 udp dport 53 dnat to 127.0.0.11:UDP
 *			ip daddr 127.0.0.11 tcp dport 53 dnat to 127.0.0.11:TCP
 *		}
 *	}
 *
 * By libnftnl, in the kernel's terms: as text it took libnftables, its parser and a look at all that is there. A
 * removal costs the kernel a grace period, so the table is only removed where there is one already. */
#include <arpa/inet.h>
#include <errno.h>
#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/table.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <stddef.h>

#include "../base/cleanup.h"
#include "../net/nft.h"
#include "netns.h"

#define TABLE "postern_dns"
#define CHAIN "out"

enum { BATCH_BYTES = 8192, PRIORITY = -100 /* NF_IP_PRI_NAT_DST */ };

struct batch {
	struct mnl_nlmsg_batch *b;
	uint32_t sequence;
	char room[2 * BATCH_BYTES];
};

static struct nlmsghdr *message(struct batch *b, uint16_t type, uint16_t flags)
{
	return nftnl_nlmsg_build_hdr(mnl_nlmsg_batch_current(b->b), type, NFPROTO_IPV4, flags, b->sequence++);
}

static int batch_begin(struct batch *b)
{
	b->sequence = 1;
	b->b = mnl_nlmsg_batch_start(b->room, BATCH_BYTES);
	return b->b ? 0 : -ENOMEM;
}

static int put_table(struct batch *b, uint16_t type, uint16_t flags)
{
	struct nftnl_table *t = nftnl_table_alloc();

	if (!t || nftnl_table_set_str(t, NFTNL_TABLE_NAME, TABLE) < 0) {
		if (t)
			nftnl_table_free(t);
		return -ENOMEM;
	}
	nftnl_table_nlmsg_build_payload(message(b, type, flags), t);
	mnl_nlmsg_batch_next(b->b);
	nftnl_table_free(t);
	return 0;
}

static int put_chain(struct batch *b)
{
	struct nftnl_chain *c = nftnl_chain_alloc();
	int r = -ENOMEM;

	if (c && nftnl_chain_set_str(c, NFTNL_CHAIN_TABLE, TABLE) == 0 &&
	    nftnl_chain_set_str(c, NFTNL_CHAIN_NAME, CHAIN) == 0 &&
	    nftnl_chain_set_str(c, NFTNL_CHAIN_TYPE, "nat") == 0) {
		nftnl_chain_set_u32(c, NFTNL_CHAIN_HOOKNUM, NF_INET_LOCAL_OUT);
		nftnl_chain_set_s32(c, NFTNL_CHAIN_PRIO, PRIORITY);
		nftnl_chain_nlmsg_build_payload(message(b, NFT_MSG_NEWCHAIN, NLM_F_CREATE), c);
		mnl_nlmsg_batch_next(b->b);
		r = 0;
	}
	if (c)
		nftnl_chain_free(c);
	return r;
}

/* One expression of a rule: its numbers (attribute 0: no more) and its data. */
struct part {
	const char *name;
	struct {
		uint16_t attribute;
		uint32_t value;
	} numbers[4];
	uint16_t attribute;
	const void *data;
	uint32_t size;
};

static int add_part(struct nftnl_rule *rule, const struct part *p)
{
	struct nftnl_expr *e = nftnl_expr_alloc(p->name);

	if (!e)
		return -ENOMEM;
	nftnl_rule_add_expr(rule, e); /* frees it from here on */
	for (unsigned i = 0; i < ARRAY_SIZE(p->numbers) && p->numbers[i].attribute; i++)
		nftnl_expr_set_u32(e, p->numbers[i].attribute, p->numbers[i].value);
	return p->data && nftnl_expr_set(e, p->attribute, p->data, p->size) < 0 ? -ENOMEM : 0;
}

/* What a load has put into register 1 is this. */
#define EQUALS(what)                                                                              \
	{                                                                                         \
		.name = "cmp",                                                                    \
		.numbers = { { NFTNL_EXPR_CMP_SREG, NFT_REG_1 }, { NFTNL_EXPR_CMP_OP, NFT_CMP_EQ } }, \
		.attribute = NFTNL_EXPR_CMP_DATA, .data = &(what), .size = sizeof(what)           \
	}
#define LOAD(base, offset, what)                                                                  \
	{                                                                                         \
		.name = "payload",                                                                \
		.numbers = { { NFTNL_EXPR_PAYLOAD_DREG, NFT_REG_1 }, { NFTNL_EXPR_PAYLOAD_BASE, base }, \
			     { NFTNL_EXPR_PAYLOAD_OFFSET, offset },                               \
			     { NFTNL_EXPR_PAYLOAD_LEN, sizeof(what) } }                           \
	}
#define PUT(reg, what)                                                                            \
	{                                                                                         \
		.name = "immediate", .numbers = { { NFTNL_EXPR_IMM_DREG, reg } },                 \
		.attribute = NFTNL_EXPR_IMM_DATA, .data = &(what), .size = sizeof(what)           \
	}

static int put_rule(struct batch *b, uint8_t protocol, uint16_t port)
{
	const uint32_t address = htonl(0x7f00000b);
	const uint16_t dns = htons(53), to = htons(port);
	const struct part parts[] = {
		LOAD(NFT_PAYLOAD_NETWORK_HEADER, offsetof(struct iphdr, daddr), address),
		EQUALS(address),
		{ .name = "meta",
		  .numbers = { { NFTNL_EXPR_META_KEY, NFT_META_L4PROTO }, { NFTNL_EXPR_META_DREG, NFT_REG_1 } } },
		EQUALS(protocol),
		LOAD(NFT_PAYLOAD_TRANSPORT_HEADER, offsetof(struct udphdr, dest), dns), /* TCP has it there, too */
		EQUALS(dns),
		PUT(NFT_REG_1, address),
		PUT(NFT_REG_2, to),
		{ .name = "nat",
		  .numbers = { { NFTNL_EXPR_NAT_TYPE, NFT_NAT_DNAT }, { NFTNL_EXPR_NAT_FAMILY, NFPROTO_IPV4 },
			       { NFTNL_EXPR_NAT_REG_ADDR_MIN, NFT_REG_1 },
			       { NFTNL_EXPR_NAT_REG_PROTO_MIN, NFT_REG_2 } } },
	};
	struct nftnl_rule *rule = nftnl_rule_alloc();
	int r = rule && nftnl_rule_set_str(rule, NFTNL_RULE_TABLE, TABLE) == 0 &&
		nftnl_rule_set_str(rule, NFTNL_RULE_CHAIN, CHAIN) == 0 ? 0 : -ENOMEM;

	for (unsigned i = 0; i < ARRAY_SIZE(parts) && r == 0; i++)
		r = add_part(rule, &parts[i]);
	if (r == 0) {
		nftnl_rule_nlmsg_build_payload(message(b, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND), rule);
		mnl_nlmsg_batch_next(b->b);
	}
	if (rule)
		nftnl_rule_free(rule);
	return r;
}

/* 1 when the table is there, 0 when not, or -errno. */
static int is_there(struct mnl_socket *sock, struct batch *b)
{
	int r = batch_begin(b);

	if (r < 0)
		return r;
	r = put_table(b, NFT_MSG_GETTABLE, NLM_F_ACK);
	if (r < 0) {
		mnl_nlmsg_batch_stop(b->b);
		return r;
	}
	r = nft_send(sock, b->b);
	return r == 0 ? 1 : r == -ENOENT ? 0 : r;
}

static int put_all(struct batch *b, bool again, uint16_t udp, uint16_t tcp)
{
	int r = again ? put_table(b, NFT_MSG_DELTABLE, 0) : 0;

	if (r == 0)
		r = put_table(b, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL);
	if (r == 0)
		r = put_chain(b);
	if (r == 0)
		r = put_rule(b, IPPROTO_UDP, udp);
	return r == 0 ? put_rule(b, IPPROTO_TCP, tcp) : r;
}

static int make(struct mnl_socket *sock, uint16_t udp, uint16_t tcp)
{
	static struct batch b;
	int r, again = is_there(sock, &b);

	r = again < 0 ? again : batch_begin(&b);
	if (r < 0)
		return r;
	nftnl_batch_begin(mnl_nlmsg_batch_current(b.b), b.sequence++);
	mnl_nlmsg_batch_next(b.b);
	r = put_all(&b, again, udp, tcp);
	nftnl_batch_end(mnl_nlmsg_batch_current(b.b), b.sequence++);
	mnl_nlmsg_batch_next(b.b);
	if (r == 0)
		return nft_send(sock, b.b);
	mnl_nlmsg_batch_stop(b.b);
	return r;
}

int dnsrules_make(uint16_t udp, uint16_t tcp)
{
	struct mnl_socket *sock;
	int r = nft_open(&sock);

	if (r < 0)
		return r;
	r = make(sock, udp, tcp);
	mnl_socket_close(sock);
	return r;
}
