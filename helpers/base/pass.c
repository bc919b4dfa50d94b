#include "pass.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "cleanup.h"
#include "limits.h"

enum { SCM_FDS_MAX = 253 /* SCM_MAX_FD of the kernel */ };

union control {
	char buf[CMSG_SPACE(sizeof(int) * SCM_FDS_MAX)];
	struct cmsghdr head;
};

int pass_pair(int ret[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret) < 0 ? -errno : 0;
}

int pass_send(int sock, const struct iovec *iov, size_t n, const int *fds, size_t nfds, int flags)
{
	union control control;
	struct msghdr msg = { .msg_iov = (struct iovec *)iov, .msg_iovlen = n };
	ssize_t r;

	if (nfds > FRAME_FDS_MAX)
		return -EMSGSIZE;
	if (nfds) {
		control.head = (struct cmsghdr){ .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS,
						 .cmsg_len = CMSG_LEN(sizeof(int) * nfds) };
		memcpy(CMSG_DATA(&control.head), fds, sizeof(int) * nfds);
		msg.msg_control = control.buf;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * nfds);
	}
	do
		r = sendmsg(sock, &msg, MSG_NOSIGNAL | flags);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : 0;
}

/* Takes every fd that came, wanted or not, so that none leaks. False when there was anything else or no room. */
static bool take_fds(struct msghdr *msg, int *fds, size_t size, size_t *n)
{
	bool good = true;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) {
			good = false;
			continue;
		}
		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (*n < size) {
				fds[(*n)++] = fd;
			} else {
				close_fd(fd);
				good = false;
			}
		}
	}
	return good;
}

ssize_t pass_receive(int sock, const struct iovec *iov, size_t n, int *fds, size_t size, size_t *ret_nfds, int flags)
{
	union control control;
	struct msghdr msg = { .msg_iov = (struct iovec *)iov, .msg_iovlen = n, .msg_control = control.buf,
			      .msg_controllen = sizeof(control.buf) };
	size_t nfds = 0;
	ssize_t r;

	do
		r = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC | flags);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return -errno;
	if (!take_fds(&msg, fds, size, &nfds) || (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) {
		while (nfds > 0)
			close_fd(fds[--nfds]);
		return -EBADMSG;
	}
	*ret_nfds = nfds;
	return r;
}
