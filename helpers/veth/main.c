/* postern-veth - bridges of the engine's, and veth pairs between them and containers' network namespaces.
 *
 * It is in the engine's network namespace with NET_ADMIN over it, so what a request may name is narrow: links of the
 * engine's group by name (README), subnets of policy that no route of the host's meets, and network namespaces that
 * postern-netns made, proven by their owner. The controller's word decides only which of those, and under which MAC
 * address.
 *
 * Files are those of /proc/sys/net that switch forwarding on; nothing else can be opened. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/landlock.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/fd.h"
#include "../base/log.h"
#include "../base/sandbox.h"
#include "../base/text.h"
#include "../net/inaddr.h"
#include "../protocol/server.h"
#include "veth.h"

enum { FD_RANGE_NS = FD_OWN, MTU_MIN = 68, MTU_MIN_V6 = 1280 };

struct ctx {
	struct netlink rt;
	int sysctl, conf6; /* /proc/sys/net; ipv6/conf in it, negative when the kernel has no IPv6 */
	unsigned bridges, veths; /* at the most */
};

static const struct policy_veth *policy_of(const struct request *r)
{
	return r->helper->policy;
}

static uint32_t group_of(const struct request *r)
{
	return policy_link_group(&policy_of(r)->common);
}

static struct prefix prefix_v4(uint32_t address, uint32_t bits)
{
	struct prefix p = { .bits = bits ? bits + 96 : 0 };

	inaddr_bytes(0, bits ? UINT64_C(0xffff) << 32 | address : 0, p.address);
	return p;
}

static struct prefix prefix_v6(uint64_t hi, uint64_t lo, uint32_t bits)
{
	struct prefix p = { .bits = bits };

	inaddr_bytes(hi, lo, p.address);
	return p;
}

/* Within a subnet that policy names, and no narrower than leaves room for a container. */
static int subnet_allowed(struct request *r, const struct prefix *p, const char *stage)
{
	const struct policy_veth *policy = policy_of(r);

	if (p->bits > 128 - 2)
		return request_fail(r, -EINVAL, stage);
	for (uint32_t i = 0; i < policy->nsubnets && i < POLICY_SUBNETS_MAX; i++)
		if (policy_subnet_holds(&policy->subnets[i], p->address, p->bits)) {
			request_rule(r, policy->subnets[i].rule);
			return 0;
		}
	request_rule(r, "subnets");
	return request_fail(r, -EPERM, stage);
}

static int name_ours(struct request *r, const char *name)
{
	const char *prefix = policy_of(r)->common.bridge_prefix;

	if (strncmp(name, prefix, strlen(prefix)) == 0)
		return 0;
	request_rule(r, "networks.bridge_prefix");
	return request_fail(r, -EPERM, "name");
}

/* -ENODEV, -EPERM for a link that is not ours, whatever it is. */
static int find_ours(struct request *r, const char *name, const char *kind, struct link *ret)
{
	struct ctx *c = r->helper->ctx;
	int e = link_find(&c->rt, name, 0, ret);

	if (e < 0)
		return request_fail(r, e, "link");
	if (ret->group != group_of(r) || strcmp(ret->kind, kind) != 0)
		return request_fail(r, -EPERM, "not the engine's");
	return 0;
}

/* More than policy allows of one kind? Only we make them, but they go with their namespace without our knowing it:
 * *most is how many there can be, and they are counted again only when that says no. */
static int room_for(struct request *r, const char *kind, unsigned *most, uint32_t max, const char *rule)
{
	struct ctx *c = r->helper->ctx;
	int e = *most < max ? 0 : link_count(&c->rt, group_of(r), kind, most);

	if (e < 0)
		return request_fail(r, e, "count");
	if (*most < max) {
		(*most)++;
		return 0;
	}
	request_rule(r, rule);
	return request_fail(r, -EDQUOT, "count");
}

/* --- bridges ------------------------------------------------------------------------------------------------- */

static int sysctl_write(struct request *r, const char *value, const char *format, const char *name)
{
	struct ctx *c = r->helper->ctx;
	char path[64];
	int e = text_format(path, sizeof(path), format, name);

	if (e == 0)
		e = file_write_at(c->sysctl, path, value);
	return e < 0 ? request_fail(r, e, "sysctl") : 0;
}

/* Packets go on from this bridge, and to 127.0.0.1's published ports on the host as well (postern-firewall drops what
 * comes to such addresses from elsewhere). Nothing is taken from router advertisements of containers. */
static int switch_forwarding(struct request *r, const char *bridge, bool v4, bool v6)
{
	int e = 0;

	if (v4)
		e = sysctl_write(r, "1", "ipv4/%s", "ip_forward");
	if (v4 && e == 0)
		e = sysctl_write(r, "1", "ipv4/conf/%s/route_localnet", bridge);
	if (v6 && e == 0)
		e = sysctl_write(r, "0", "ipv6/conf/%s/accept_ra", bridge);
	if (v6 && e == 0)
		e = sysctl_write(r, "1", "ipv6/conf/%s/forwarding", "all");
	return e;
}

/* Of a bridge's own: locally administered, the rest from its address, so that it is the same after a restart. */
static uint64_t bridge_mac(const struct req_veth_bridge *req)
{
	uint64_t low = req->gateway4_bits ? req->gateway4 : (req->gateway6_lo ^ req->gateway6_hi) & UINT32_MAX;

	return UINT64_C(0x024200000000) | low;
}

static int run_bridge(struct request *r)
{
	const struct req_veth_bridge *req = r->req;
	const struct policy_veth *policy = policy_of(r);
	const struct prefix v4 = prefix_v4(req->gateway4, req->gateway4_bits);
	const struct prefix v6 = prefix_v6(req->gateway6_hi, req->gateway6_lo, req->gateway6_bits);
	const struct prefix *subnets[] = { &v4, &v6 };
	struct ctx *c = r->helper->ctx;
	bool made = false;
	struct link link;
	int e = name_ours(r, req->bridge);

	if (e == 0 && req->mtu && req->mtu < (v6.bits ? MTU_MIN_V6 : MTU_MIN))
		e = request_fail(r, -EINVAL, "mtu");
	for (unsigned i = 0; i < ARRAY_SIZE(subnets) && e == 0; i++)
		if (subnets[i]->bits)
			e = subnet_allowed(r, subnets[i], i ? "subnet6" : "subnet");
	for (unsigned i = 0; i < ARRAY_SIZE(subnets) && e == 0; i++)
		if (subnets[i]->bits && (e = routes_free(&c->rt, subnets[i], group_of(r))) < 0)
			request_fail(r, e, i ? "route6" : "route");
	if (e < 0)
		return e;
	if (link_find(&c->rt, req->bridge, 0, &link) == -ENODEV) {
		e = room_for(r, "bridge", &c->bridges, policy->max_bridges, "networks.max");
		if (e == 0 && (e = bridge_make(&c->rt, req->bridge, group_of(r), bridge_mac(req))) < 0)
			request_fail(r, e, "create");
		made = e == 0;
	}
	if (e == 0)
		e = find_ours(r, req->bridge, "bridge", &link);
	if (e == 0)
		e = switch_forwarding(r, req->bridge, v4.bits, v6.bits);
	if (e == 0 && ((e = bridge_addresses(&c->rt, link.index, &v4, &v6)) < 0 ||
		       (e = bridge_up(&c->rt, link.index, req->mtu)) < 0))
		request_fail(r, e, "addresses");
	if (e < 0 && made && link_find(&c->rt, req->bridge, 0, &link) == 0)
		link_delete(&c->rt, link.index);
	return e;
}

static int run_unbridge(struct request *r)
{
	const struct req_veth_unbridge *req = r->req;
	struct ctx *c = r->helper->ctx;
	struct link link;
	int e = find_ours(r, req->bridge, "bridge", &link);

	if (e == 0 && (e = link_delete(&c->rt, link.index)) < 0)
		request_fail(r, e, "delete");
	return e;
}

/* --- veth pairs ---------------------------------------------------------------------------------------------- */

static int run_attach(struct request *r)
{
	const struct req_veth_attach *req = r->req;
	const struct policy_veth *policy = policy_of(r);
	struct ctx *c = r->helper->ctx;
	struct veth v = { .host = req->host,
			  .name = req->name,
			  .group = group_of(r),
			  .mtu = req->mtu,
			  .mac = req->mac,
			  .netns = req->netns,
			  .conf6 = c->conf6,
			  .isolated = req->isolated };
	struct link bridge = { 0 }, taken;
	int e = userns_prove(req->userns, FD_RANGE_NS, policy_id(&policy->common, IDS_OWNER));

	if (e < 0)
		return request_fail(r, e, "userns");
	e = ns_prove(req->netns, FDK_NETNS, req->userns);
	if (e < 0)
		return request_fail(r, e, "netns");
	/* A group address is nobody's own. */
	if (req->mac >> 40 & 1)
		return request_fail(r, -EINVAL, "mac");
	if (req->mtu && req->mtu < MTU_MIN)
		return request_fail(r, -EINVAL, "mtu");
	e = name_ours(r, req->host);
	if (e == 0)
		e = find_ours(r, req->bridge, "bridge", &bridge);
	if (e == 0)
		e = room_for(r, "veth", &c->veths, policy->max_veths, "networks.endpoints");
	if (e < 0)
		return e;
	v.bridge = bridge.index;
	e = veth_make(&c->rt, &v);
	if (e == -EEXIST)
		return request_fail(r, e, link_find(&c->rt, req->host, 0, &taken) == 0 ? "name" : "name inside");
	return e < 0 ? request_fail(r, e, "create") : 0;
}

static int run_detach(struct request *r)
{
	const struct req_veth_detach *req = r->req;
	struct ctx *c = r->helper->ctx;
	struct link link;
	int e = find_ours(r, req->host, "veth", &link);

	if (e == 0 && (e = link_delete(&c->rt, link.index)) < 0)
		request_fail(r, e, "delete");
	return e;
}

/* --- start --------------------------------------------------------------------------------------------------- */

static int start(struct helper *h)
{
	struct ctx *c = h->ctx;
	struct sandbox_dir dir;
	int r = netlink_open(&c->rt, NETLINK_ROUTE);

	if (r < 0)
		return r;
	c->sysctl = open("/proc/sys/net", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (c->sysctl < 0)
		return -errno;
	/* By its own fd: from above the kernel would look through the directories of all network namespaces. */
	c->conf6 = openat(c->sysctl, "ipv6/conf", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 1; i < h->argc; i++)
		if (strcmp(h->argv[i], "--purge") == 0)
			_exit(link_delete_group(&c->rt, policy_link_group(h->policy)) < 0);
	c->bridges = c->veths = UINT_MAX; /* not counted yet */
	dir = (struct sandbox_dir){ c->sysctl, LANDLOCK_ACCESS_FS_WRITE_FILE };
	return sandbox_landlock(&dir, 1, NULL);
}

static const int syscalls[] = { SYS_openat };

static const struct handler handlers[] = {
	{ OP_VETH_BRIDGE, run_bridge },
	{ OP_VETH_UNBRIDGE, run_unbridge },
	{ OP_VETH_ATTACH, run_attach },
	{ OP_VETH_DETACH, run_detach },
};

int main(int argc, char **argv)
{
	const struct helper_def def = {
		.id = HELPER_VETH,
		.handlers = handlers,
		.nhandlers = ARRAY_SIZE(handlers),
		.policy_size = sizeof(struct policy_veth),
		.ctx_size = sizeof(struct ctx),
		.start = start,
		.syscalls = syscalls,
		.nsyscalls = ARRAY_SIZE(syscalls),
		.controller_rights = op_bit(OP_VETH_BRIDGE) | op_bit(OP_VETH_UNBRIDGE) | op_bit(OP_VETH_ATTACH) |
				     op_bit(OP_VETH_DETACH),
	};

	return helper_run(&def, argc, argv);
}
