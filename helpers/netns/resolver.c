/* resolver.c - sockets for name questions inside a container: at 127.0.0.11, to which its port 53 leads.
 *
 * They are at ports of their own, so that a container may run a name server itself; nftables rules in its own network
 * namespace bring what goes to 127.0.0.11:53 there, as Docker's do. Whoever is root inside may change that, for
 * itself. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <nftables/libnftables.h>
#include <stdio.h>
#include <sys/socket.h>

#include "../base/cleanup.h"
#include "../base/text.h"
#include "netns.h"

enum { BACKLOG = 64 };

struct sockets {
	int udp, tcp;
	const char *stage;
};

/* Bound to any port of 127.0.0.11: the port, or -errno. */
static int make_socket(int type, int *ret)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f00000b) };
	_cleanup_close_ int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	socklen_t n = sizeof(a);

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, n) < 0 || (type == SOCK_STREAM && listen(fd, BACKLOG) < 0) ||
	    getsockname(fd, (struct sockaddr *)&a, &n) < 0)
		return -errno;
	*ret = TAKE_FD(fd);
	return ntohs(a.sin_port);
}

static int make_rules(int udp, int tcp)
{
	struct nft_ctx *c = nft_ctx_new(NFT_CTX_DEFAULT);
	char text[768];
	int r = text_format(text, sizeof(text),
			    "add table ip postern_dns\ndelete table ip postern_dns\n"
			    "table ip postern_dns {\n"
			    "	chain out {\n"
			    "		type nat hook output priority -100;\n"
			    "		ip daddr 127.0.0.11 udp dport 53 dnat to 127.0.0.11:%d\n"
			    "		ip daddr 127.0.0.11 tcp dport 53 dnat to 127.0.0.11:%d\n"
			    "	}\n"
			    "}\n", udp, tcp);

	if (!c)
		return -ENOMEM;
	nft_ctx_buffer_error(c);
	if (r == 0 && nft_run_cmd_from_buffer(c, text) != 0)
		r = errno ? -errno : -EOPNOTSUPP;
	nft_ctx_free(c);
	return r;
}

static int make(void *data)
{
	struct sockets *s = data;
	int udp = make_socket(SOCK_DGRAM, &s->udp), tcp = udp < 0 ? udp : make_socket(SOCK_STREAM, &s->tcp);

	s->stage = "socket";
	if (tcp < 0)
		return tcp;
	s->stage = "rules";
	return make_rules(udp, tcp);
}

int run_resolver(struct request *r)
{
	const struct req_netns_resolver *req = r->req;
	struct rep_netns_resolver *rep = r->rep;
	struct sockets s = { .udp = -EBADF, .tcp = -EBADF };
	int e = inside(r, req->userns, req->netns, make, &s);

	rep->udp = s.udp;
	rep->tcp = s.tcp;
	return e < 0 && s.stage ? request_fail(r, e, s.stage) : e;
}
