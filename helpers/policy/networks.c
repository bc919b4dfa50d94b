/* networks.c - the rules about networks: which subnets they may have, and which ports of the host may lead to
 * containers. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "../base/cleanup.h"
#include "../base/text.h"
#include "read.h"

enum { ADDRESS_BITS = 128, V4_BITS = 96 /* of ::ffff:0.0.0.0 before the address */ };

static bool host_bits_clear(const struct policy_subnet *s)
{
	for (uint32_t bit = s->bits; bit < ADDRESS_BITS; bit++)
		if (s->address[bit / 8] & 0x80 >> bit % 8)
			return false;
	return true;
}

/* "10.0.0.0/8" or "fc00::/7", as bytes of version 6. */
static int read_prefix(struct policy_ctx *c, const char *text, const char *where, struct policy_subnet *ret)
{
	char address[INET6_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	bool v4 = !strchr(text, ':');
	size_t n = slash ? (size_t)(slash - text) : 0;
	uint64_t bits = 0;

	memset(ret->address, 0, sizeof(ret->address));
	if (v4)
		ret->address[10] = ret->address[11] = 0xff;
	if (n > 0 && n < sizeof(address)) {
		memcpy(address, text, n);
		address[n] = '\0';
	}
	if (n == 0 || n >= sizeof(address) || text_u64(slash + 1, v4 ? 32 : ADDRESS_BITS, &bits) < 0 ||
	    inet_pton(v4 ? AF_INET : AF_INET6, address, ret->address + (v4 ? V4_BITS / 8 : 0)) != 1)
		return policy_error(c, where, "\"%s\" is no subnet; write it as \"172.16.0.0/12\" or \"fc00::/7\"",
				    text);
	ret->bits = (uint32_t)bits + (v4 ? V4_BITS : 0);
	if (!host_bits_clear(ret))
		return policy_error(c, where, "\"%s\" has bits set behind its prefix; clear them", text);
	return 0;
}

bool policy_subnet_meet(const struct policy_subnet *a, const struct policy_subnet *b, struct policy_subnet *ret)
{
	const struct policy_subnet *wide = a->bits < b->bits ? a : b, *narrow = wide == a ? b : a;

	for (uint32_t bit = 0; bit < wide->bits; bit++)
		if ((wide->address[bit / 8] ^ narrow->address[bit / 8]) & 0x80 >> bit % 8)
			return false;
	*ret = *narrow;
	memcpy(ret->rule, a->rule, sizeof(ret->rule));
	return true;
}

struct subnet_rule {
	const char *name, *why, *subnet;
};
static const struct policy_field subnet_fields[] = {
	POLICY_NAME(struct subnet_rule), POLICY_WHY(struct subnet_rule),
	POLICY_FIELD(struct subnet_rule, subnet, PT_TEXT, PF_REQUIRED, 3, 64),
};

int policy_read_subnet(struct policy_ctx *c, const cJSON *v, const char *where)
{
	struct policy_veth *veth = &c->out->veth;
	struct policy_subnet *s = &veth->subnets[veth->nsubnets];
	struct subnet_rule rule = { 0 };

	if (POLICY_OBJECT(c, v, where, subnet_fields, &rule) < 0 || read_prefix(c, rule.subnet, where, s) < 0)
		return -EINVAL;
	for (uint32_t i = 0; i < veth->nsubnets; i++)
		if (veth->subnets[i].bits == s->bits &&
		    memcmp(veth->subnets[i].address, s->address, sizeof(s->address)) == 0)
			return policy_error(c, where, "rule \"%s\" is for the same subnet; join them",
					    veth->subnets[i].rule);
	veth->nsubnets++;
	return text_copy(s->rule, sizeof(s->rule), rule.name);
}

struct port_rule {
	const char *name, *why, *protocol, *address;
	uint32_t first, last;
};
static const struct policy_field port_fields[] = {
	POLICY_NAME(struct port_rule),
	POLICY_WHY(struct port_rule),
	POLICY_FIELD(struct port_rule, protocol, PT_TEXT, PF_REQUIRED, 3, 4),
	POLICY_FIELD(struct port_rule, address, PT_TEXT, PF_REQUIRED, 3, 64),
	POLICY_FIELD(struct port_rule, first, PT_U32, PF_REQUIRED, 1, 65535),
	POLICY_FIELD(struct port_rule, last, PT_U32, PF_REQUIRED, 1, 65535),
};

int policy_read_port(struct policy_ctx *c, const cJSON *v, const char *where)
{
	static const struct {
		const char *name;
		uint32_t number;
	} protocols[] = { { "any", 0 }, { "tcp", IPPROTO_TCP }, { "udp", IPPROTO_UDP }, { "sctp", IPPROTO_SCTP } };
	struct policy_firewall *f = &c->out->firewall;
	struct policy_port *p = &f->ports[f->nports];
	struct port_rule rule = { 0 };
	size_t i = 0;

	if (POLICY_OBJECT(c, v, where, port_fields, &rule) < 0 || read_prefix(c, rule.address, where, &p->address) < 0)
		return -EINVAL;
	while (i < ARRAY_SIZE(protocols) && strcmp(protocols[i].name, rule.protocol) != 0)
		i++;
	if (i == ARRAY_SIZE(protocols))
		return policy_error(c, where, "\"protocol\" must be \"any\", \"tcp\", \"udp\" or \"sctp\"");
	if (rule.last < rule.first)
		return policy_error(c, where, "\"last\" is below \"first\"");
	p->protocol = protocols[i].number;
	p->first = rule.first;
	p->last = rule.last;
	f->nports++;
	return text_copy(p->rule, sizeof(p->rule), rule.name);
}

bool policy_port_meet(const struct policy_port *a, const struct policy_port *b, struct policy_port *ret)
{
	struct policy_port p = *a;

	if (a->protocol && b->protocol && a->protocol != b->protocol)
		return false;
	p.protocol = a->protocol ? a->protocol : b->protocol;
	p.first = a->first > b->first ? a->first : b->first;
	p.last = a->last < b->last ? a->last : b->last;
	if (p.last < p.first || !policy_subnet_meet(&a->address, &b->address, &p.address))
		return false;
	*ret = p;
	return true;
}
