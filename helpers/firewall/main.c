/* postern-firewall - elements of the engine's two nftables tables: networks, endpoints, published ports.
 *
 * What the controller can say is bounded by what is there: a bridge or veth must be a link of the engine's group, a
 * container's address must be routed to a bridge of the engine's, a port and its host address must be policy's to give.
 * It opens no file. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../net/inaddr.h"
#include "../net/link.h"
#include "../net/portrule.h"
#include "../net/route.h"
#include "../base/sandbox.h"
#include "../base/text.h"
#include "../protocol/server.h"
#include "firewall.h"

enum { ENDPOINT_ELEMENTS = 1 + 2 * ADDRESSES_MAX + 2 * (ADDRESSES_MAX + 1) };

struct ctx {
	struct netlink rt;
	struct nft nft;
};

static const struct policy_firewall *policy_of(const struct request *r)
{
	return r->helper->policy;
}

static struct element element_of(uint16_t family, const char *set)
{
	return (struct element){ .family = family, .set = set };
}

static void key_name(struct element *e, const char *name)
{
	char padded[IFNAME_MAX + 1] = "";

	memcpy(padded, name, strnlen(name, IFNAME_MAX));
	element_key(e, padded, sizeof(padded));
}

/* A link of the engine's of that kind. */
static int find_ours(struct request *r, const char *name, const char *kind)
{
	struct ctx *c = r->helper->ctx;
	struct link link;
	int e = link_find(&c->rt, name, 0, &link);

	if (e < 0)
		return request_fail(r, e, "link");
	if (link.group != policy_link_group(&policy_of(r)->common) || strcmp(link.kind, kind) != 0)
		return request_fail(r, -EPERM, "not the engine's");
	return 0;
}

/* Names of links that are gone are no proof of anything, but only elements with names like ours are removed. */
static int name_ours(struct request *r, const char *name)
{
	const char *prefix = policy_of(r)->common.bridge_prefix;

	return strncmp(name, prefix, strlen(prefix)) == 0 ? 0 : request_fail(r, -EPERM, "name");
}

static int address_allowed(struct request *r, const uint8_t address[16])
{
	const struct policy_firewall *policy = policy_of(r);

	for (uint32_t i = 0; i < policy->nsubnets && i < POLICY_SUBNETS_MAX; i++)
		if (policy_subnet_holds(&policy->subnets[i], address, 128))
			return 0;
	request_rule(r, "subnets");
	return request_fail(r, -EPERM, "address");
}

/* --- networks ------------------------------------------------------------------------------------------------ */

static const struct {
	const char *set;
	uint32_t flag; /* of NETWORK; 0: always */
} network_sets[] = { { "bridges", 0 },
		     { "same", 0 },
		     { "masquerade4", NET_MASQUERADE4 },
		     { "masquerade6", NET_MASQUERADE6 },
		     { "internal", NET_INTERNAL } };

/* Those that a network with these flags has, or those that it does not have. */
static unsigned network_elements(const char *bridge, uint32_t flags, bool has, struct element *ret)
{
	unsigned n = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(network_sets); i++) {
		if ((!network_sets[i].flag || flags & network_sets[i].flag) != has)
			continue;
		ret[n] = element_of(NFPROTO_INET, network_sets[i].set);
		key_name(&ret[n], bridge);
		if (strcmp(network_sets[i].set, "same") == 0)
			key_name(&ret[n], bridge);
		n++;
	}
	return n;
}

static int run_network(struct request *r)
{
	const struct req_firewall_network *req = r->req;
	struct element all[ARRAY_SIZE(network_sets)];
	struct ctx *c = r->helper->ctx;
	int e = find_ours(r, req->bridge, "bridge");

	if (e < 0)
		return e;
	/* Told again, maybe with other flags: at no time is it without those that it has. */
	e = elements_put(&c->nft, all, network_elements(req->bridge, req->flags, true, all));
	if (e == 0)
		e = elements_remove(&c->nft, all, network_elements(req->bridge, req->flags, false, all));
	if (e == -ENFILE)
		request_rule(r, "networks.max");
	return e < 0 ? request_fail(r, e, "elements") : 0;
}

static int run_unnetwork(struct request *r)
{
	const struct req_firewall_unnetwork *req = r->req;
	struct element all[ARRAY_SIZE(network_sets)];
	struct ctx *c = r->helper->ctx;
	int e = name_ours(r, req->bridge);

	if (e < 0)
		return e;
	e = elements_remove(&c->nft, all, network_elements(req->bridge, NET_FLAGS, true, all));
	return e < 0 ? request_fail(r, e, "elements") : 0;
}

/* --- endpoints ----------------------------------------------------------------------------------------------- */

/* ENDPOINT and UNENDPOINT have the same fields. */
_Static_assert(sizeof(struct req_firewall_endpoint) == sizeof(struct req_firewall_unendpoint), "endpoint");

static void own_element(struct element *e, const char *set, const struct req_firewall_endpoint *req,
			const void *address, size_t size)
{
	uint8_t mac[6];

	inaddr_mac(req->mac, mac);
	*e = element_of(NFPROTO_BRIDGE, set);
	key_name(e, req->host);
	element_key(e, mac, sizeof(mac));
	element_key(e, address, size);
}

/* The link-local address that a kernel makes of a MAC address: RFC 4291, appendix A. */
static void link_local(uint64_t mac, uint8_t ret[16])
{
	uint64_t id = ((mac >> 24 ^ 0x020000) << 40) | UINT64_C(0xfffe) << 24 | (mac & 0xffffff);

	inaddr_bytes(UINT64_C(0xfe80) << 48, id, ret);
}

static unsigned endpoint_elements(const struct req_firewall_endpoint *req, struct element *ret)
{
	uint8_t address[16];
	unsigned n = 0;

	ret[n] = element_of(NFPROTO_BRIDGE, "ends");
	key_name(&ret[n++], req->host);
	for (uint32_t i = 0; i < req->addresses4.n; i++) {
		uint32_t v4 = htonl(req->addresses4.v[i]);

		own_element(&ret[n++], "own4", req, &v4, sizeof(v4));
	}
	for (uint32_t i = 0; i <= req->addresses6.n / 2; i++) {
		if (i < req->addresses6.n / 2)
			inaddr_bytes(req->addresses6.v[2 * i], req->addresses6.v[2 * i + 1], address);
		else
			link_local(req->mac, address);
		own_element(&ret[n++], "own6", req, address, sizeof(address));
		own_element(&ret[n++], "told6", req, address, sizeof(address));
	}
	return n;
}

static int endpoint_allowed(struct request *r, const struct req_firewall_endpoint *req)
{
	uint8_t address[16];
	int e = find_ours(r, req->host, "veth");

	if (e == 0 && req->addresses6.n % 2)
		e = request_fail(r, -EINVAL, "addresses");
	for (uint32_t i = 0; i < req->addresses4.n && e == 0; i++) {
		inaddr_bytes(0, UINT64_C(0xffff) << 32 | req->addresses4.v[i], address);
		/* 169.254.0.0/16 is for those on one link only, and never routed. */
		if (req->addresses4.v[i] >> 16 != (169u << 8 | 254u))
			e = address_allowed(r, address);
	}
	for (uint32_t i = 0; i + 1 < req->addresses6.n && e == 0; i += 2) {
		inaddr_bytes(req->addresses6.v[i], req->addresses6.v[i + 1], address);
		if (!IN6_IS_ADDR_LINKLOCAL((struct in6_addr *)address))
			e = address_allowed(r, address);
	}
	return e;
}

static int run_endpoint(struct request *r)
{
	struct element all[ENDPOINT_ELEMENTS];
	struct ctx *c = r->helper->ctx;
	int e = endpoint_allowed(r, r->req);
	unsigned n;

	if (e < 0)
		return e;
	n = endpoint_elements(r->req, all);
	e = elements_put(&c->nft, all, n);
	if (e == -ENFILE)
		request_rule(r, "networks.endpoints");
	return e < 0 ? request_fail(r, e, "elements") : 0;
}

struct owned {
	const struct element *end;
	unsigned n;
	struct element e[ENDPOINT_ELEMENTS];
};

static int one_owned(const struct element *e, void *data)
{
	struct owned *o = data;

	if (memcmp(e->key, o->end->key, o->end->key_size) != 0)
		return 0;
	o->e[o->n++] = *e;
	return o->n == ARRAY_SIZE(o->e); /* not one more */
}

/* Whatever it was told to have. Its name at last, by which ENDPOINTS tells of it. */
static int forget_end(struct nft *nft, const struct element *end)
{
	static const char *const sets[] = { "own4", "own6", "told6" };
	struct owned o = { .end = end };
	int e = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(sets) && e >= 0; i++)
		do {
			o.n = 0;
			e = elements_each(nft, NFPROTO_BRIDGE, sets[i], one_owned, &o);
			if (e >= 0)
				e = elements_remove(nft, o.e, o.n);
		} while (e == 0 && o.n == ARRAY_SIZE(o.e));
	return e < 0 ? e : elements_remove(nft, end, 1);
}

static int run_unendpoint(struct request *r)
{
	const struct req_firewall_unendpoint *req = r->req;
	struct element all[ENDPOINT_ELEMENTS];
	struct ctx *c = r->helper->ctx;
	int e = name_ours(r, req->host);
	unsigned n;

	if (e == 0 && req->addresses6.n % 2)
		e = request_fail(r, -EINVAL, "addresses");
	if (e < 0)
		return e;
	n = endpoint_elements(r->req, all);
	e = req->addresses4.n || req->addresses6.n ? elements_remove(&c->nft, all, n) : forget_end(&c->nft, all);
	return e < 0 ? request_fail(r, e, "elements") : 0;
}

/* --- ports --------------------------------------------------------------------------------------------------- */

struct port {
	uint32_t protocol, host_port, port;
	uint8_t host[16], address[16];
};

static const char *const port_sets[] = { "any4", "one4", "any6", "one6" };
enum { SET_ONE = 1, SET_V6 = 2 };

static bool port_read(const uint64_t v[PORT_NUMBERS], struct port *ret)
{
	*ret = (struct port){ .protocol = (uint32_t)(v[0] >> 32),
			      .host_port = v[0] >> 16 & 0xffff,
			      .port = v[0] & 0xffff };
	inaddr_bytes(v[1], v[2], ret->host);
	inaddr_bytes(v[3], v[4], ret->address);
	return (ret->protocol == IPPROTO_TCP || ret->protocol == IPPROTO_UDP || ret->protocol == IPPROTO_SCTP) &&
	       ret->host_port && ret->port && inaddr_is_v4(ret->host) == inaddr_is_v4(ret->address);
}

static bool is_any(const uint8_t address[16])
{
	static const uint8_t zeros[16];

	return inaddr_is_v4(address) ? memcmp(address + 12, zeros, 4) == 0 : memcmp(address, zeros, 16) == 0;
}

static void port_element(const struct port *p, struct element *e)
{
	bool v4 = inaddr_is_v4(p->host), any = is_any(p->host);
	size_t skip = v4 ? 12 : 0, size = 16 - skip;
	uint8_t protocol = (uint8_t)p->protocol;
	uint16_t host_port = htons((uint16_t)p->host_port), port = htons((uint16_t)p->port);

	*e = element_of(NFPROTO_INET, port_sets[(any ? 0 : SET_ONE) | (v4 ? 0 : SET_V6)]);
	if (!any)
		element_key(e, p->host + skip, size);
	element_key(e, &protocol, sizeof(protocol));
	element_key(e, &host_port, sizeof(host_port));
	element_data(e, p->address + skip, size);
	element_data(e, &port, sizeof(port));
}

static int check_port(struct request *r, const struct port *p)
{
	const struct policy_firewall *policy = policy_of(r);
	const char *rule;
	bool allowed = port_allowed(policy->ports, policy->nports, p->protocol, p->host, p->host_port, &rule);

	request_rule(r, rule);
	return allowed ? 0 : request_fail(r, -EPERM, "port");
}

/* Is the address on a bridge of ours, by the kernel's word? */
static int behind_bridge(struct request *r, const uint8_t address[16])
{
	struct ctx *c = r->helper->ctx;
	int index, e = route_bridge(&c->rt, address, policy_link_group(&policy_of(r)->common), &index);

	return e < 0 ? request_fail(r, e, e == -EPERM ? "address" : "route") : 0;
}

static int run_publish(struct request *r)
{
	const struct req_firewall_publish *req = r->req;
	struct element all[PORTS_PER_CALL];
	struct ctx *c = r->helper->ctx;
	unsigned n = req->ports.n / PORT_NUMBERS;
	int e = req->ports.n % PORT_NUMBERS ? request_fail(r, -EINVAL, "ports") : 0;

	for (unsigned i = 0; i < n && e == 0; i++) {
		struct port p;

		e = port_read(req->ports.v + PORT_NUMBERS * i, &p) ? check_port(r, &p)
								   : request_fail(r, -EINVAL, "ports");
		if (e == 0)
			e = behind_bridge(r, p.address);
		port_element(&p, &all[i]);
	}
	if (e < 0)
		return e;
	e = elements_add(&c->nft, all, n);
	if (e == -ENFILE)
		request_rule(r, "networks.published_ports");
	return e < 0 ? request_fail(r, e, "elements") : 0;
}

static int run_unpublish(struct request *r)
{
	const struct req_firewall_unpublish *req = r->req;
	struct element all[PORTS_PER_CALL];
	struct ctx *c = r->helper->ctx;
	unsigned n = req->ports.n / PORT_NUMBERS;
	int e = req->ports.n % PORT_NUMBERS ? -EINVAL : 0;

	for (unsigned i = 0; i < n && e == 0; i++) {
		struct port p;

		e = port_read(req->ports.v + PORT_NUMBERS * i, &p) ? 0 : -EINVAL;
		port_element(&p, &all[i]);
	}
	if (e == 0)
		e = elements_remove(&c->nft, all, n);
	return e < 0 ? request_fail(r, e, "ports") : 0;
}

/* --- what is there ------------------------------------------------------------------------------------------- */

struct listing {
	uint32_t skip;
	struct rep_firewall_list *ports;
	struct rep_firewall_endpoints *ends;
	bool any, v4;
};

static uint64_t number_of(const uint8_t *bytes)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < 8; i++)
		n = n << 8 | bytes[i];
	return n;
}

/* One address of an element; the other version's form of it in front. */
static const uint8_t *read_address(const struct listing *l, const uint8_t *at, uint64_t ret[2])
{
	uint8_t address[16] = { [10] = 0xff, [11] = 0xff };
	size_t size = l->v4 ? 4 : 16;

	if (at)
		memcpy(address + 16 - size, at, size);
	else if (!l->v4)
		memset(address, 0, sizeof(address));
	ret[0] = number_of(address);
	ret[1] = number_of(address + 8);
	return at ? at + size : NULL;
}

static int one_port(const struct element *e, void *data)
{
	struct listing *l = data;
	const uint8_t *key = e->key, *to = e->data;
	uint64_t *v = l->ports->ports.v + l->ports->ports.n;
	size_t address = l->v4 ? 4 : 16;

	if (e->key_size != 8 + (l->any ? 0 : address) || e->data_size != address + 4)
		return -EIO;
	if (l->skip > 0) {
		l->skip--;
		return 0;
	}
	if (l->ports->ports.n == ARRAY_SIZE(l->ports->ports.v))
		return 1;
	key = read_address(l, l->any ? NULL : key, v + 1);
	if (!key)
		key = e->key;
	to = read_address(l, to, v + 3);
	v[0] = (uint64_t)key[0] << 32 | (uint64_t)key[4] << 24 | (uint64_t)key[5] << 16 | (uint64_t)to[0] << 8 | to[1];
	l->ports->ports.n += PORT_NUMBERS;
	return 0;
}

static int run_list(struct request *r)
{
	const struct req_firewall_list *req = r->req;
	struct listing l = { .skip = req->skip, .ports = r->rep };
	struct ctx *c = r->helper->ctx;
	int e = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(port_sets) && e == 0; i++) {
		l.any = !(i & SET_ONE);
		l.v4 = !(i & SET_V6);
		e = elements_each(&c->nft, NFPROTO_INET, port_sets[i], one_port, &l);
	}
	return e < 0 ? request_fail(r, e, "elements") : 0;
}

static int one_end(const struct element *e, void *data)
{
	struct listing *l = data;
	char *to = l->ends->hosts;
	size_t used = strlen(to), n = strnlen((const char *)e->key, IFNAME_MAX);

	if (l->skip > 0) {
		l->skip--;
		return 0;
	}
	if (used + n + 2 > sizeof(l->ends->hosts))
		return 1;
	snprintf(to + used, sizeof(l->ends->hosts) - used, "%s%.*s", used ? " " : "", (int)n, (const char *)e->key);
	return 0;
}

static int run_endpoints(struct request *r)
{
	const struct req_firewall_endpoints *req = r->req;
	struct listing l = { .skip = req->skip, .ends = r->rep };
	struct ctx *c = r->helper->ctx;
	int e = elements_each(&c->nft, NFPROTO_BRIDGE, "ends", one_end, &l);

	return e < 0 ? request_fail(r, e, "elements") : 0;
}

/* --- start --------------------------------------------------------------------------------------------------- */

static int start(struct helper *h)
{
	const struct policy_firewall *policy = h->policy;
	struct ctx *c = h->ctx;
	int r = text_format(c->nft.table, sizeof(c->nft.table), "postern_%u", policy->common.ids_base);

	for (int i = 1; i < h->argc; i++)
		if (strcmp(h->argv[i], "--purge") == 0)
			_exit(table_delete(c->nft.table) < 0);
	if (r == 0)
		r = table_make(policy, c->nft.table);
	if (r == 0)
		r = elements_open(&c->nft);
	if (r == 0)
		r = netlink_open(&c->rt, NETLINK_ROUTE);
	return r < 0 ? r : sandbox_landlock(NULL, 0, NULL);
}

static const struct handler handlers[] = {
	{ OP_FIREWALL_NETWORK, run_network },	{ OP_FIREWALL_UNNETWORK, run_unnetwork },
	{ OP_FIREWALL_ENDPOINT, run_endpoint }, { OP_FIREWALL_UNENDPOINT, run_unendpoint },
	{ OP_FIREWALL_PUBLISH, run_publish },	{ OP_FIREWALL_UNPUBLISH, run_unpublish },
	{ OP_FIREWALL_LIST, run_list },		{ OP_FIREWALL_ENDPOINTS, run_endpoints },
};

int main(int argc, char **argv)
{
	static const int syscalls[] = { SYS_bind };
	struct helper_def def = {
		.id = HELPER_FIREWALL,
		.handlers = handlers,
		.nhandlers = ARRAY_SIZE(handlers),
		.policy_size = sizeof(struct policy_firewall),
		.ctx_size = sizeof(struct ctx),
		.start = start,
		.syscalls = syscalls,
		.nsyscalls = ARRAY_SIZE(syscalls),
	};

	for (size_t i = 0; i < ARRAY_SIZE(handlers); i++)
		def.controller_rights |= op_bit(handlers[i].op);
	return helper_run(&def, argc, argv);
}
