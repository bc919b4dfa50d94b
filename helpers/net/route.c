#include "route.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "inaddr.h"
#include "link.h"

static int route_out(const struct nlmsghdr *h, void *data)
{
	struct nlattr *attr[RTA_MAX + 1];
	const struct rtmsg *header = nlmsg_data(h);

	if (h->nlmsg_type != RTM_NEWROUTE ||
	    nlmsg_parse((struct nlmsghdr *)h, sizeof(*header), attr, RTA_MAX, NULL) < 0)
		return -EIO;
	if (header->rtm_type == RTN_UNICAST && attr[RTA_OIF] && !attr[RTA_GATEWAY])
		*(int *)data = (int)nla_get_u32(attr[RTA_OIF]);
	return 0;
}

int route_bridge(struct netlink *n, const uint8_t address[16], uint32_t group, int *ret_index)
{
	int skip = inaddr_is_v4(address) ? 12 : 0, out = 0, r;
	struct rtmsg header = { .rtm_family = skip ? AF_INET : AF_INET6, .rtm_dst_len = (uint8_t)(8 * (16 - skip)) };
	struct nl_msg *msg = netlink_message(RTM_GETROUTE, 0, &header, sizeof(header));
	struct link link = { 0 };

	if (msg)
		nla_put(msg, RTA_DST, 16 - skip, address + skip);
	r = netlink_each(n, msg, route_out, &out);
	if (r == 0 && out)
		r = link_find(n, NULL, out, &link);
	if (r < 0)
		return r;
	if (!out || link.group != group || strcmp(link.kind, "bridge") != 0)
		return -EPERM;
	*ret_index = out;
	return 0;
}
