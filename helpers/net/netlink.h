/* netlink.h - asking the kernel over a netlink socket, with errno for an answer. libnl-3; rtnetlink(7).
 *
 * For programs that link libnl-3. Names, numbers and addresses are the caller's to check. */
#ifndef POSTERN_NET_NETLINK_H
#define POSTERN_NET_NETLINK_H

#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/socket.h>
#include <stdbool.h>
#include <stdint.h>

struct netlink {
	struct nl_sock *sock;
	int error; /* of the last answer */
	bool done; /* with it */
	int (*each)(const struct nlmsghdr *answer,
		    void *data); /* of the running question; not 0: note that as its error */
	void *data;
};

/* Opens a socket of that protocol (NETLINK_ROUTE) in the caller's network namespace. 0 or -errno. */
int netlink_open(struct netlink *n, int protocol);
void netlink_close(struct netlink *n);

/* A message of that type with a family header; NULL without memory. */
struct nl_msg *netlink_message(int type, int flags, const void *header, size_t size);
/* Sends it and waits for the kernel's acknowledgement; frees it (NULL: -ENOMEM). 0 or the kernel's -errno. */
int netlink_ask(struct netlink *n, struct nl_msg *msg);
/* The same; each() sees every message of the answer. -EAGAIN: what was asked for changed meanwhile. */
int netlink_each(struct netlink *n, struct nl_msg *msg, int (*each)(const struct nlmsghdr *answer, void *data),
		 void *data);

#endif
