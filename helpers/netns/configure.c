/* configure.c - an interface inside a container: its addresses, routes, and whether it listens to router
 * advertisements.
 *
 * It happens as root of the container's own namespaces, so nothing that a request says can reach beyond them. */
#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "../base/cleanup.h"
#include "../base/fd.h"
#include "../net/inaddr.h"
#include "../net/netlink.h"
#include "../base/text.h"
#include "netns.h"

enum { LINK_LOCAL_BITS = 16 };

struct configure {
	const struct req_netns_configure *req;
	int proc;
	const char *stage;
	struct netlink rt;
	int index;
};

/* An address or gateway in network byte order. */
struct address {
	int family;
	uint8_t bytes[16];
};

static struct address address4(uint32_t v)
{
	struct address a = { .family = AF_INET };

	v = htonl(v);
	memcpy(a.bytes, &v, sizeof(v));
	return a;
}

static struct address address6(uint64_t hi, uint64_t lo)
{
	struct address a = { .family = AF_INET6 };

	inaddr_bytes(hi, lo, a.bytes);
	return a;
}

static int address_size(const struct address *a)
{
	return a->family == AF_INET ? 4 : 16;
}

static int add_address(struct configure *c, const struct address *a, uint32_t bits, unsigned scope)
{
	struct ifaddrmsg header = { .ifa_family = (uint8_t)a->family,
				    .ifa_prefixlen = (uint8_t)bits,
				    .ifa_index = (unsigned)c->index,
				    .ifa_scope = (uint8_t)scope,
				    .ifa_flags = a->family == AF_INET6 ? IFA_F_NODAD : 0 };
	struct nl_msg *msg = netlink_message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, &header, sizeof(header));

	if (!msg)
		return -ENOMEM;
	nla_put(msg, IFA_LOCAL, address_size(a), a->bytes);
	nla_put(msg, IFA_ADDRESS, address_size(a), a->bytes);
	if (a->family == AF_INET && bits < 31) {
		struct address broadcast = *a;

		for (uint32_t bit = bits; bit < 32; bit++)
			broadcast.bytes[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
		nla_put(msg, IFA_BROADCAST, 4, broadcast.bytes);
	}
	return netlink_ask(&c->rt, msg);
}

static struct nl_msg *default_route(struct configure *c, int type, int flags, int family)
{
	struct rtmsg header = { .rtm_family = (uint8_t)family, .rtm_table = RT_TABLE_MAIN, .rtm_type = RTN_UNICAST,
				.rtm_protocol = RTPROT_BOOT, .rtm_scope = RT_SCOPE_UNIVERSE };
	struct nl_msg *msg = netlink_message(type, flags, &header, sizeof(header));

	if (msg)
		nla_put_u32(msg, RTA_OIF, (uint32_t)c->index);
	return msg;
}

static int set_gateway(struct configure *c, const struct address *a)
{
	struct nl_msg *msg = default_route(c, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, a->family);

	if (msg)
		nla_put(msg, RTA_GATEWAY, address_size(a), a->bytes);
	return netlink_ask(&c->rt, msg);
}

/* The default routes through it, if there are any. */
static int forget_gateways(struct configure *c)
{
	static const int families[] = { AF_INET, AF_INET6 };

	for (unsigned i = 0; i < ARRAY_SIZE(families); i++) {
		int r = netlink_ask(&c->rt, default_route(c, RTM_DELROUTE, 0, families[i]));

		if (r < 0 && r != -ESRCH && r != -ENOENT)
			return r;
	}
	return 0;
}

static int link_up(struct configure *c)
{
	struct ifinfomsg header = {
		.ifi_family = AF_UNSPEC, .ifi_index = c->index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP
	};

	return netlink_ask(&c->rt, netlink_message(RTM_SETLINK, 0, &header, sizeof(header)));
}

int ipv6_set(int proc, const char *conf, const char *disabled)
{
	_cleanup_close_ int dir = openat(proc, conf, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (dir < 0)
		return errno == ENOENT ? 0 : -errno;
	r = file_write_at(dir, "accept_ra", "0");
	return r < 0 ? r : file_write_at(dir, "disable_ipv6", disabled);
}

/* Without an address of version 6 it has none, as with Docker: that is how it was born (ipv6_defaults). Else before it
 * is up: nobody on the bridge may tell it routes. */
static int set_ipv6(struct configure *c)
{
	char path[64];
	int r;

	if (!c->req->address6_bits)
		return 0;
	r = text_format(path, sizeof(path), "sys/net/ipv6/conf/%s", c->req->name);
	return r < 0 ? r : ipv6_set(c->proc, path, "0");
}

static int set_addresses(struct configure *c)
{
	const struct req_netns_configure *req = c->req;
	const struct address v4 = address4(req->address4), v6 = address6(req->address6_hi, req->address6_lo);
	int r = 0;

	if (req->address4_bits)
		r = add_address(c, &v4, req->address4_bits, RT_SCOPE_UNIVERSE);
	if (r == 0 && req->address6_bits)
		r = add_address(c, &v6, req->address6_bits, RT_SCOPE_UNIVERSE);
	for (uint32_t i = 0; i < req->linklocal4.n && r == 0; i++) {
		const struct address local = address4(req->linklocal4.v[i]);

		r = add_address(c, &local, LINK_LOCAL_BITS, RT_SCOPE_LINK);
	}
	return r;
}

static int set_gateways(struct configure *c)
{
	const struct req_netns_configure *req = c->req;
	const struct address v4 = address4(req->gateway4), v6 = address6(req->gateway6_hi, req->gateway6_lo);
	int r = req->gateway4 ? set_gateway(c, &v4) : 0;

	return r == 0 && (req->gateway6_hi || req->gateway6_lo) ? set_gateway(c, &v6) : r;
}

static int configure(void *data)
{
	struct configure *c = data;
	int r = netlink_open(&c->rt, NETLINK_ROUTE);

	c->stage = "link";
	if (r < 0)
		return r;
	c->index = (int)if_nametoindex(c->req->name);
	r = c->index ? 0 : -errno;
	if (r == 0 && c->req->down) {
		c->stage = "routes";
		r = forget_gateways(c);
	} else if (r == 0) {
		c->stage = "sysctl";
		r = set_ipv6(c);
		if (r == 0) {
			c->stage = "addresses";
			r = set_addresses(c);
		}
		if (r == 0)
			r = link_up(c);
		if (r == 0) {
			c->stage = "routes";
			r = set_gateways(c);
		}
	}
	netlink_close(&c->rt);
	return r;
}

int run_configure(struct request *r)
{
	const struct req_netns_configure *req = r->req;
	const struct ctx *ctx = r->helper->ctx;
	struct configure c = { .req = req, .proc = ctx->proc };
	int e = inside(r, req->userns, req->netns, configure, &c);

	return e < 0 && c.stage ? request_fail(r, e, c.stage) : e;
}
