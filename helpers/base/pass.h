/* pass.h - a datagram and its fds over an AF_UNIX socket (unix(7), cmsg(3)). */
#ifndef POSTERN_BASE_PASS_H
#define POSTERN_BASE_PASS_H

#include <stddef.h>
#include <sys/uio.h>

/* Two ends of a channel, close-on-exec. 0 or -errno. */
int pass_pair(int ret[2]);
/* Sends all of iov and at most FRAME_FDS_MAX fds, which stay the caller's. 0 or -errno; never a signal. */
int pass_send(int sock, const struct iovec *iov, size_t n, const int *fds, size_t nfds, int flags);
/* Receives into iov; returns the bytes. *ret_nfds fds (at most size) are then the caller's, close-on-exec. -EBADMSG,
 * with every fd closed, when more fds, other control data or more bytes came than there is room for. */
ssize_t pass_receive(int sock, const struct iovec *iov, size_t n, int *fds, size_t size, size_t *ret_nfds, int flags);

#endif
