/* nft.c - the kernel answers a batch before send returns, and says nothing of what went well. */
#include "nft.h"

#include <errno.h>
#include <sys/socket.h>

enum { ANSWER_BYTES = 32 << 10 };

int nft_open(struct mnl_socket **ret)
{
	struct mnl_socket *s = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	int r;

	if (s && mnl_socket_bind(s, 0, MNL_SOCKET_AUTOPID) == 0) {
		*ret = s;
		return 0;
	}
	r = -errno;
	if (s)
		mnl_socket_close(s);
	return r;
}

int nft_send(struct mnl_socket *sock, struct mnl_nlmsg_batch *batch)
{
	char answer[ANSWER_BYTES];
	int fd = mnl_socket_get_fd(sock), r = 0;
	ssize_t got;

	if (mnl_socket_sendto(sock, mnl_nlmsg_batch_head(batch), mnl_nlmsg_batch_size(batch)) < 0)
		r = -errno;
	mnl_nlmsg_batch_stop(batch);
	if (r < 0)
		return r;
	while ((got = recv(fd, answer, sizeof(answer), MSG_DONTWAIT)) > 0) {
		int left = (int)got;

		for (const struct nlmsghdr *h = (void *)answer; mnl_nlmsg_ok(h, left); h = mnl_nlmsg_next(h, &left))
			if (h->nlmsg_type == NLMSG_ERROR && r == 0)
				r = ((const struct nlmsgerr *)mnl_nlmsg_get_payload(h))->error;
	}
	return r;
}
