/* links.c - links by rtnetlink(7). Their names and numbers were checked by the caller. */
#include "veth.h"

#include <errno.h>
#include <linux/if_bridge.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <string.h>
#include <sys/socket.h>

#include "../base/cleanup.h"
#include "../base/fd.h"
#include "../base/text.h"
#include "../net/inaddr.h"

#ifndef IFLA_BRPORT_LOCKED
#define IFLA_BRPORT_LOCKED 39 /* Linux 5.18 */
#endif

/* Room of a message is enough for all that is put in (libnl takes a page): a failure shows in the kernel's answer. */
static void put_mac(struct nl_msg *msg, int type, uint64_t mac)
{
	uint8_t bytes[6];

	inaddr_mac(mac, bytes);
	nla_put(msg, type, sizeof(bytes), bytes);
}

struct count {
	uint32_t group;
	const char *kind;
	unsigned n;
};

static int count_link(const struct nlmsghdr *h, void *data)
{
	struct count *c = data;
	struct link l;
	int r = link_read(h, &l);

	if (r == 0 && l.group == c->group && strcmp(l.kind, c->kind) == 0)
		c->n++;
	return r;
}

int link_count(struct netlink *n, uint32_t group, const char *kind, unsigned *ret)
{
	struct count c = { .group = group, .kind = kind };
	int r = netlink_each(n, link_message(RTM_GETLINK, NLM_F_DUMP, 0, 0), count_link, &c);

	*ret = c.n;
	return r;
}

int link_delete(struct netlink *n, int index)
{
	return netlink_ask(n, link_message(RTM_DELLINK, 0, index, 0));
}

int link_delete_group(struct netlink *n, uint32_t group)
{
	struct nl_msg *msg = link_message(RTM_DELLINK, 0, 0, 0);
	int r;

	if (msg)
		nla_put_u32(msg, IFLA_GROUP, group);
	r = netlink_ask(n, msg);
	return r == -ENODEV ? 0 : r;
}

int bridge_make(struct netlink *n, const char *name, uint32_t group, uint64_t mac)
{
	struct nl_msg *msg = link_message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0, 0);
	struct nlattr *info;

	if (!msg)
		return -ENOMEM;
	nla_put_string(msg, IFLA_IFNAME, name);
	nla_put_u32(msg, IFLA_GROUP, group);
	/* Else it is that of the lowest port and changes as containers come and go. */
	put_mac(msg, IFLA_ADDRESS, mac);
	info = nla_nest_start(msg, IFLA_LINKINFO);
	nla_put_string(msg, IFLA_INFO_KIND, "bridge");
	nla_nest_end(msg, info);
	return netlink_ask(n, msg);
}

int bridge_up(struct netlink *n, int index, uint32_t mtu)
{
	struct nl_msg *msg = link_message(RTM_NEWLINK, 0, index, IFF_UP);
	struct nlattr *info, *data;

	if (!msg)
		return -ENOMEM;
	if (mtu)
		nla_put_u32(msg, IFLA_MTU, mtu);
	info = nla_nest_start(msg, IFLA_LINKINFO);
	nla_put_string(msg, IFLA_INFO_KIND, "bridge");
	data = nla_nest_start(msg, IFLA_INFO_DATA);
	/* Nobody here asks who is in which group, so all of them would be sent everything as well; but each port that
	 * comes or goes would have the kernel set timers of every other one. */
	nla_put_u8(msg, IFLA_BR_MCAST_SNOOPING, 0);
	nla_nest_end(msg, data);
	nla_nest_end(msg, info);
	return netlink_ask(n, msg);
}

static bool is_v4(const struct prefix *p)
{
	return p->bits >= 96 && inaddr_is_v4(p->address);
}

static struct nl_msg *address_message(int type, int flags, int index, const struct prefix *p)
{
	bool v4 = is_v4(p);
	struct ifaddrmsg header = { .ifa_family = v4 ? AF_INET : AF_INET6,
				    .ifa_index = (unsigned)index,
				    .ifa_prefixlen = (uint8_t)(p->bits - (v4 ? 96 : 0)),
				    .ifa_flags = v4 ? 0 : IFA_F_NODAD };
	struct nl_msg *msg = netlink_message(type, flags, &header, sizeof(header));
	const uint8_t *bytes = p->address + (v4 ? 12 : 0);
	int size = v4 ? 4 : 16;

	if (msg) {
		nla_put(msg, IFA_LOCAL, size, bytes);
		nla_put(msg, IFA_ADDRESS, size, bytes);
	}
	return msg;
}

/* Addresses that a link has and should not. */
struct wrong {
	int index;
	const struct prefix *wanted[2];
	unsigned n;
	struct prefix found[8];
};

static int one_address(const struct nlmsghdr *h, void *data)
{
	const struct ifaddrmsg *header = nlmsg_data(h);
	struct wrong *w = data;
	struct nlattr *attr[IFA_MAX + 1], *address;
	struct prefix p = { 0 };

	if (h->nlmsg_type != RTM_NEWADDR || nlmsg_parse((struct nlmsghdr *)h, sizeof(*header), attr, IFA_MAX, NULL) < 0)
		return -EIO;
	address = attr[IFA_LOCAL] ? attr[IFA_LOCAL] : attr[IFA_ADDRESS];
	if ((int)header->ifa_index != w->index || header->ifa_scope == RT_SCOPE_LINK || !address ||
	    w->n == ARRAY_SIZE(w->found))
		return 0;
	if (header->ifa_family == AF_INET) {
		p.address[10] = p.address[11] = 0xff;
		memcpy(p.address + 12, nla_data(address), 4);
		p.bits = header->ifa_prefixlen + 96u;
	} else {
		memcpy(p.address, nla_data(address), 16);
		p.bits = header->ifa_prefixlen;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(w->wanted); i++)
		if (w->wanted[i]->bits == p.bits && memcmp(w->wanted[i]->address, p.address, sizeof(p.address)) == 0)
			return 0;
	w->found[w->n++] = p;
	return 0;
}

int bridge_addresses(struct netlink *n, int index, const struct prefix *v4, const struct prefix *v6)
{
	struct ifaddrmsg header = { .ifa_family = AF_UNSPEC };
	struct wrong w = { .index = index, .wanted = { v4, v6 } };
	int r = netlink_each(n, netlink_message(RTM_GETADDR, NLM_F_DUMP, &header, sizeof(header)), one_address, &w);

	for (unsigned i = 0; i < w.n && r == 0; i++)
		r = netlink_ask(n, address_message(RTM_DELADDR, 0, index, &w.found[i]));
	for (unsigned i = 0; i < ARRAY_SIZE(w.wanted) && r == 0; i++)
		if (w.wanted[i]->bits)
			r = netlink_ask(n,
					address_message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, index, w.wanted[i]));
	return r;
}

static int pair_make(struct netlink *n, const struct veth *v)
{
	struct nl_msg *msg = link_message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0, 0);
	struct ifinfomsg peer = { .ifi_family = AF_UNSPEC };
	struct nlattr *info, *data, *far;

	if (!msg)
		return -ENOMEM;
	nla_put_string(msg, IFLA_IFNAME, v->host);
	nla_put_u32(msg, IFLA_GROUP, v->group);
	nla_put_u32(msg, IFLA_MASTER, (uint32_t)v->bridge);
	if (v->mtu)
		nla_put_u32(msg, IFLA_MTU, v->mtu);
	info = nla_nest_start(msg, IFLA_LINKINFO);
	nla_put_string(msg, IFLA_INFO_KIND, "veth");
	data = nla_nest_start(msg, IFLA_INFO_DATA);
	far = nla_nest_start(msg, VETH_INFO_PEER);
	nlmsg_append(msg, &peer, sizeof(peer), NLMSG_ALIGNTO);
	nla_put_string(msg, IFLA_IFNAME, v->name);
	nla_put_u32(msg, IFLA_NET_NS_FD, (uint32_t)v->netns);
	put_mac(msg, IFLA_ADDRESS, v->mac);
	if (v->mtu)
		nla_put_u32(msg, IFLA_MTU, v->mtu);
	nla_nest_end(msg, far);
	nla_nest_end(msg, data);
	nla_nest_end(msg, info);
	return netlink_ask(n, msg);
}

/* And up. */
static int port_lock(struct netlink *n, int index, bool isolated)
{
	struct nl_msg *msg = link_message(RTM_NEWLINK, 0, index, IFF_UP);
	struct nlattr *info, *port;

	if (!msg)
		return -ENOMEM;
	info = nla_nest_start(msg, IFLA_LINKINFO);
	nla_put_string(msg, IFLA_INFO_SLAVE_KIND, "bridge");
	port = nla_nest_start(msg, IFLA_INFO_SLAVE_DATA);
	/* Back to where it came from: with br_netfilter its own published port is reached within the bridge. */
	nla_put_u8(msg, IFLA_BRPORT_MODE, 1);
	nla_put_u8(msg, IFLA_BRPORT_LEARNING, 0);
	nla_put_u8(msg, IFLA_BRPORT_LOCKED, 1);
	nla_put_u8(msg, IFLA_BRPORT_ISOLATED, isolated);
	nla_nest_end(msg, port);
	nla_nest_end(msg, info);
	return netlink_ask(n, msg);
}

static int port_address(struct netlink *n, int index, uint64_t mac)
{
	struct ndmsg header = {
		.ndm_family = AF_BRIDGE, .ndm_ifindex = index, .ndm_state = NUD_NOARP, .ndm_flags = NTF_MASTER
	};
	struct nl_msg *msg = netlink_message(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, &header, sizeof(header));

	if (msg)
		put_mac(msg, NDA_LLADDR, mac);
	return netlink_ask(n, msg);
}

/* A bridge's port has no use for IPv6: the kernel would look for routers with it, in each container, and keep a route
 * of every port among those of all others. Down as it is, it never had any. There is no such file where there is no
 * IPv6: in this kernel, or at a link whose MTU is too small for it. */
static int port_quiet(int conf6, const char *name)
{
	char path[IFNAMSIZ + 16];
	int r;

	if (conf6 < 0)
		return 0;
	r = text_format(path, sizeof(path), "%s/disable_ipv6", name);
	if (r == 0)
		r = file_write_at(conf6, path, "1");
	return r == -ENOENT ? 0 : r;
}

int veth_make(struct netlink *n, const struct veth *v)
{
	struct link host;
	int r = pair_make(n, v);

	if (r < 0)
		return r;
	/* Nothing comes through before the container's end is up, and that is for later. */
	r = link_find(n, v->host, 0, &host);
	if (r == 0)
		r = port_quiet(v->conf6, v->host);
	if (r == 0)
		r = port_lock(n, host.index, v->isolated);
	if (r == 0)
		r = port_address(n, host.index, v->mac);
	if (r < 0 && link_find(n, v->host, 0, &host) == 0)
		link_delete(n, host.index);
	return r;
}
