#include "peer.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "fd.h"

int peer_prove(int fd, const char sockets[SOCKET_COUNT][SOCKET_PATH_SIZE], struct peer *ret)
{
	struct pollfd end = { .fd = fd };
	struct sockaddr_un local = { 0 };
	socklen_t n = sizeof(local);
	struct peer peer = { 0 };
	struct ucred cred;
	int r;

	r = fd_prove(fd, FDK_CLIENT, NULL);
	if (r < 0)
		return r;
	/* Only the accepted side of a connection to the engine's socket has that name. Nobody but root can bind it: its
	 * directory is one of root's choice, and no program of ours may make a mount namespace of its own (seccomp). */
	if (getsockname(fd, (struct sockaddr *)&local, &n) < 0)
		return -errno;
	if (local.sun_family != AF_UNIX || !local.sun_path[0])
		return -EPERM;
	while (peer.socket < SOCKET_COUNT && strncmp(local.sun_path, sockets[peer.socket], sizeof(local.sun_path)) != 0)
		peer.socket++;
	if (peer.socket == SOCKET_COUNT)
		return -EPERM;
	n = sizeof(cred);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) < 0)
		return -errno;
	if (n != sizeof(cred))
		return -EPERM;
	peer.pid = cred.pid;
	peer.uid = cred.uid;
	peer.gid = cred.gid;
	n = sizeof(peer.groups);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, peer.groups, &n) == 0)
		peer.ngroups = n / sizeof(gid_t);
	else if (errno != ERANGE && errno != ENOPROTOOPT)
		return -errno;
	/* Whoever has gone asks for nothing any more. */
	if (poll(&end, 1, 0) > 0 && (end.revents & (POLLHUP | POLLERR | POLLNVAL)))
		return -ENOTCONN;
	*ret = peer;
	return 0;
}
