#include "netlink.h"

#include <errno.h>
#include <netlink/netlink.h>

#include "../base/cleanup.h"

static int on_error(struct sockaddr_nl *from, struct nlmsgerr *err, void *data)
{
	struct netlink *n = data;

	n->error = err->error;
	n->done = true;
	return NL_STOP;
}

static int on_done(struct nl_msg *msg, void *data)
{
	struct netlink *n = data;

	n->done = true;
	return NL_STOP;
}

static int on_valid(struct nl_msg *msg, void *data)
{
	struct netlink *n = data;

	if (n->each && n->error == 0)
		n->error = n->each(nlmsg_hdr(msg), n->data);
	return NL_OK;
}

int netlink_open(struct netlink *n, int protocol)
{
	*n = (struct netlink){ .sock = nl_socket_alloc() };
	if (!n->sock)
		return -ENOMEM;
	if (nl_socket_modify_cb(n->sock, NL_CB_VALID, NL_CB_CUSTOM, on_valid, n) < 0 ||
	    nl_socket_modify_cb(n->sock, NL_CB_ACK, NL_CB_CUSTOM, on_done, n) < 0 ||
	    nl_socket_modify_cb(n->sock, NL_CB_FINISH, NL_CB_CUSTOM, on_done, n) < 0 ||
	    nl_socket_modify_err_cb(n->sock, NL_CB_CUSTOM, on_error, n) < 0 || nl_connect(n->sock, protocol) < 0) {
		netlink_close(n);
		return errno ? -errno : -EIO;
	}
	return 0;
}

void netlink_close(struct netlink *n)
{
	if (n->sock)
		nl_socket_free(n->sock);
	n->sock = NULL;
}

struct nl_msg *netlink_message(int type, int flags, const void *header, size_t size)
{
	struct nl_msg *msg = nlmsg_alloc_simple(type, flags | NLM_F_REQUEST);

	if (msg && nlmsg_append(msg, (void *)header, size, NLMSG_ALIGNTO) < 0) {
		nlmsg_free(msg);
		return NULL;
	}
	return msg;
}

int netlink_ask(struct netlink *n, struct nl_msg *msg)
{
	return netlink_each(n, msg, NULL, NULL);
}

int netlink_each(struct netlink *n, struct nl_msg *msg, int (*each)(const struct nlmsghdr *answer, void *data),
		 void *data)
{
	int r;

	if (!msg)
		return -ENOMEM;
	n->each = each;
	n->data = data;
	n->error = 0;
	n->done = false;
	r = nl_send_auto(n->sock, msg);
	nlmsg_free(msg);
	/* The answer to a dump says where it ends, every other is followed by the acknowledgement that was asked for.
	 */
	while (r >= 0 && !n->done)
		r = nl_recvmsgs_default(n->sock);
	return n->error ? n->error : r == -NLE_DUMP_INTR ? -EAGAIN : r < 0 ? -EIO : 0;
}
