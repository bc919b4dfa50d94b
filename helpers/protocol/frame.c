#include "frame.h"

#include <errno.h>
#include <sys/socket.h>

#include "../base/cleanup.h"
#include "../base/pass.h"

int frame_send(int sock, struct frame_header *h, const void *body, size_t len, const int *fds, size_t nfds, int flags)
{
	const struct iovec iov[2] = { { h, sizeof(*h) }, { (void *)body, len } };

	if (len > FRAME_MAX - sizeof(*h) || nfds > FRAME_FDS_MAX)
		return -EMSGSIZE;
	h->magic = FRAME_MAGIC;
	h->version = FRAME_VERSION;
	h->length = (uint32_t)len;
	h->nfds = (uint16_t)nfds;
	return pass_send(sock, iov, 2, fds, nfds, flags);
}

void frame_close_fds(struct frame *f)
{
	for (unsigned i = 0; i < f->h.nfds; i++)
		close_fd(f->fds[i]);
	f->h.nfds = 0;
}

int frame_receive(int sock, struct frame *ret, int flags)
{
	const struct iovec iov[2] = { { &ret->h, sizeof(ret->h) }, { ret->body, sizeof(ret->body) } };
	const struct frame_header *h = &ret->h;
	size_t nfds = 0;
	ssize_t n = pass_receive(sock, iov, 2, ret->fds, FRAME_FDS_MAX, &nfds, flags);

	if (n >= (ssize_t)sizeof(*h) && h->magic == FRAME_MAGIC && h->version == FRAME_VERSION &&
	    h->length == (size_t)n - sizeof(*h) && h->nfds == nfds)
		return 0;
	/* The header may say anything: only what came is closed. */
	ret->h.nfds = (uint16_t)nfds;
	frame_close_fds(ret);
	if (n == -ECONNRESET || (n == 0 && nfds == 0))
		return -ENODATA;
	return n < 0 ? (int)n : -EBADMSG;
}
