/* routes.c - which addresses are the host's affair: a bridge over them would take its traffic. rtnetlink(7). */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "../base/cleanup.h"
#include "../base/policy.h"
#include "veth.h"

enum { OURS_MAX = 4096, WIDE_BITS = 8, TRIES = 10 };

struct search {
	const struct prefix *p;
	uint32_t group;
	unsigned n;
	int ours[OURS_MAX]; /* index of each link of the group */
	bool met;
};

static int note_link(const struct nlmsghdr *h, void *data)
{
	const struct ifinfomsg *header = nlmsg_data(h);
	struct search *s = data;
	struct nlattr *attr[IFLA_MAX + 1];

	if (nlmsg_parse((struct nlmsghdr *)h, sizeof(*header), attr, IFLA_MAX, NULL) < 0)
		return -EIO;
	if (attr[IFLA_GROUP] && nla_get_u32(attr[IFLA_GROUP]) == s->group && s->n < OURS_MAX)
		s->ours[s->n++] = header->ifi_index;
	return 0;
}

static int compare_route(const struct nlmsghdr *h, void *data)
{
	const struct rtmsg *header = nlmsg_data(h);
	struct search *s = data;
	struct nlattr *attr[RTA_MAX + 1];
	struct prefix to = { 0 };
	int out;

	if (h->nlmsg_type != RTM_NEWROUTE ||
	    nlmsg_parse((struct nlmsghdr *)h, sizeof(*header), attr, RTA_MAX, NULL) < 0)
		return -EIO;
	/* Default routes lead everywhere, and so do the halves that some VPNs write; multicast addresses are of every
	 * link. */
	if (header->rtm_dst_len < WIDE_BITS || !attr[RTA_DST] || header->rtm_type == RTN_MULTICAST ||
	    header->rtm_type == RTN_BROADCAST)
		return 0;
	out = attr[RTA_OIF] ? (int)nla_get_u32(attr[RTA_OIF]) : 0;
	for (unsigned i = 0; i < s->n; i++)
		if (s->ours[i] == out)
			return 0;
	to.bits = header->rtm_dst_len;
	if (header->rtm_family == AF_INET) {
		to.address[10] = to.address[11] = 0xff;
		memcpy(to.address + 12, nla_data(attr[RTA_DST]), 4);
		to.bits += 96;
	} else if (header->rtm_family == AF_INET6) {
		memcpy(to.address, nla_data(attr[RTA_DST]), 16);
	} else {
		return 0;
	}
	if (bits_equal(to.address, s->p->address, to.bits < s->p->bits ? to.bits : s->p->bits))
		s->met = true;
	return 0;
}

int routes_free(struct netlink *n, const struct prefix *p, uint32_t group)
{
	static struct search s;
	struct ifinfomsg links = { .ifi_family = AF_UNSPEC };
	struct rtmsg routes = { .rtm_family = AF_UNSPEC };
	int r = -EAGAIN;

	for (unsigned i = 0; i < TRIES && r == -EAGAIN; i++) {
		s = (struct search){ .p = p, .group = group };
		r = netlink_each(n, netlink_message(RTM_GETLINK, NLM_F_DUMP, &links, sizeof(links)), note_link, &s);
		if (r == 0)
			r = netlink_each(n, netlink_message(RTM_GETROUTE, NLM_F_DUMP, &routes, sizeof(routes)),
					 compare_route, &s);
	}
	return r == 0 && s.met ? -EADDRINUSE : r;
}
