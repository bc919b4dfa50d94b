/* nft.h - changes of nf_tables, as libnftnl and libmnl write them: all of a batch or none.
 *
 * For programs that link libmnl. */
#ifndef POSTERN_NET_NFT_H
#define POSTERN_NET_NFT_H

#include <libmnl/libmnl.h>

/* Opens a socket in the caller's network namespace, which the caller closes. 0 or -errno. */
int nft_open(struct mnl_socket **ret);
/* Sends the batch and frees it. 0 or the first error among the kernel's answers. */
int nft_send(struct mnl_socket *sock, struct mnl_nlmsg_batch *batch);

#endif
