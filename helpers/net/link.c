#include "link.h"

#include <errno.h>
#include <linux/rtnetlink.h>

struct nl_msg *link_message(int type, int flags, int index, unsigned up)
{
	struct ifinfomsg header = { .ifi_family = AF_UNSPEC, .ifi_index = index, .ifi_flags = up, .ifi_change = up };

	return netlink_message(type, flags, &header, sizeof(header));
}

int link_read(const struct nlmsghdr *h, struct link *ret)
{
	struct nlattr *attr[IFLA_MAX + 1], *info[IFLA_INFO_MAX + 1];
	const struct ifinfomsg *header = nlmsg_data(h);

	if (h->nlmsg_type != RTM_NEWLINK ||
	    nlmsg_parse((struct nlmsghdr *)h, sizeof(*header), attr, IFLA_MAX, NULL) < 0)
		return -EIO;
	*ret = (struct link){ .index = header->ifi_index };
	if (attr[IFLA_GROUP])
		ret->group = nla_get_u32(attr[IFLA_GROUP]);
	if (attr[IFLA_MASTER])
		ret->master = (int)nla_get_u32(attr[IFLA_MASTER]);
	if (attr[IFLA_LINKINFO] && nla_parse_nested(info, IFLA_INFO_MAX, attr[IFLA_LINKINFO], NULL) == 0 &&
	    info[IFLA_INFO_KIND])
		nla_strlcpy(ret->kind, info[IFLA_INFO_KIND], sizeof(ret->kind));
	return 0;
}

static int one_link(const struct nlmsghdr *h, void *data)
{
	return link_read(h, data);
}

int link_find(struct netlink *n, const char *name, int index, struct link *ret)
{
	struct nl_msg *msg = link_message(RTM_GETLINK, 0, name ? 0 : index, 0);

	if (msg && name)
		nla_put_string(msg, IFLA_IFNAME, name);
	return netlink_each(n, msg, one_link, ret);
}
