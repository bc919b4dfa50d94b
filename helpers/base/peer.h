/* peer.h - who is behind an accepted API connection, read from the kernel (unix(7): SO_PEERCRED, SO_PEERGROUPS).
 *
 * The controller passes the connection with a call; what it says of its client is not asked. A closed connection
 * still tells who it was; a socket that is no accepted connection of the engine's listening socket is refused. */
#ifndef POSTERN_BASE_PEER_H
#define POSTERN_BASE_PEER_H

#include <stdint.h>
#include <sys/types.h>

#define PEER_GROUPS_MAX 64

/* Where clients connect. SOCKET_ALSO is a second name for the same; through SOCKET_READ nobody has more than the right
 * to read. */
enum { SOCKET_MAIN, SOCKET_ALSO, SOCKET_READ, SOCKET_COUNT, SOCKET_PATH_SIZE = 108 };

struct peer {
	pid_t pid;
	uid_t uid;
	gid_t gid;
	unsigned ngroups;
	gid_t groups[PEER_GROUPS_MAX]; /* supplementary; those above the limit do not count */
	unsigned socket; /* SOCKET_*: through which it came */
};

/* sockets: the local names of which the connection must have one (the engine's sockets; "": there is none), so that
 * another service's socket proves nothing. 0, -EPERM (not ours), -EMEDIUMTYPE (no such socket), or -errno. */
int peer_prove(int fd, const char sockets[SOCKET_COUNT][SOCKET_PATH_SIZE], struct peer *ret);

#endif
