/* resolver.c - sockets for name questions inside a container: at 127.0.0.11, to which its port 53 leads.
 *
 * They are at ports of their own, so that a container may run a name server itself; nftables rules in its own network
 * namespace bring what goes to 127.0.0.11:53 there, as Docker's do. Whoever is root inside may change that, for
 * itself. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "../base/cleanup.h"
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

static int make(void *data)
{
	struct sockets *s = data;
	int udp = make_socket(SOCK_DGRAM, &s->udp), tcp = udp < 0 ? udp : make_socket(SOCK_STREAM, &s->tcp);

	s->stage = "socket";
	if (tcp < 0)
		return tcp;
	s->stage = "rules";
	return dnsrules_make((uint16_t)udp, (uint16_t)tcp);
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
