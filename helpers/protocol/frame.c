#include "frame.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "../base/cleanup.h"

int frame_send(int sock, struct frame_header *h, const void *body, size_t len, const int *fds, size_t nfds, int flags)
{
	union {
		char buf[CMSG_SPACE(sizeof(int) * FRAME_FDS_MAX)];
		struct cmsghdr align;
	} control;
	struct iovec iov[2] = { { h, sizeof(*h) }, { (void *)body, len } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	ssize_t n;

	if (len > FRAME_MAX - sizeof(*h) || nfds > FRAME_FDS_MAX)
		return -EMSGSIZE;
	h->magic = FRAME_MAGIC;
	h->version = FRAME_VERSION;
	h->length = (uint32_t)len;
	h->nfds = (uint16_t)nfds;
	if (nfds) {
		struct cmsghdr *c = &control.align;

		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * nfds);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * nfds);
		msg.msg_control = control.buf;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * nfds);
	}
	do
		n = sendmsg(sock, &msg, MSG_NOSIGNAL | flags);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

void frame_close_fds(struct frame *f)
{
	for (unsigned i = 0; i < f->h.nfds; i++)
		close_fd(f->fds[i]);
	f->h.nfds = 0;
}

/* Collects every fd that came, declared or not, so that none leaks. */
static size_t take_fds(struct msghdr *msg, int *fds, size_t size, bool *ret_strange)
{
	size_t n = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) {
			*ret_strange = true;
			continue;
		}
		size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (n < size) {
				fds[n++] = fd;
			} else {
				close_fd(fd);
				*ret_strange = true;
			}
		}
	}
	return n;
}

int frame_receive(int sock, struct frame *ret, int flags)
{
	union {
		char buf[CMSG_SPACE(sizeof(int) * 253)]; /* SCM_MAX_FD */
		struct cmsghdr align;
	} control;
	struct iovec iov[2] = { { &ret->h, sizeof(ret->h) }, { ret->body, sizeof(ret->body) } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2, .msg_control = control.buf, .msg_controllen = sizeof(control.buf) };
	bool strange = false;
	size_t nfds;
	ssize_t n;

	do
		n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC | flags);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == ECONNRESET ? -ENODATA : -errno;
	nfds = take_fds(&msg, ret->fds, FRAME_FDS_MAX, &strange);
	if (n == 0 && nfds == 0) {
		ret->h.nfds = 0;
		return -ENODATA;
	}
	if (strange || (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) || (size_t)n < sizeof(ret->h) ||
	    ret->h.magic != FRAME_MAGIC || ret->h.version != FRAME_VERSION || ret->h.length != (size_t)n - sizeof(ret->h) ||
	    ret->h.nfds != nfds) {
		ret->h.nfds = (uint16_t)nfds;
		frame_close_fds(ret);
		return -EBADMSG;
	}
	return 0;
}
