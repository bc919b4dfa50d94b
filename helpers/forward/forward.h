/* forward.h - what the files of postern-forward share: an event loop below the helper's own, and what it serves. */
#ifndef POSTERN_FORWARD_FORWARD_H
#define POSTERN_FORWARD_FORWARD_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/socket.h>

enum {
	CHUNK = 65536, /* read at once; no datagram is longer */
	SERVICES_MAX = 65536,
	CONNECTIONS_MAX = 4096, /* of all services: two sockets each, and two chunks at most that wait */
	SESSIONS_MAX = 4096, SERVICE_SESSIONS_MAX = 1024, /* addresses that datagrams come from: a socket each */
	SESSION_S = 60, /* without a datagram */
	BUCKETS = 256,
};

struct forward;

/* Something that is polled. Whoever frees what holds it first calls watch_close. */
struct watch {
	int fd;
	uint32_t events; /* asked for; 0: not polled */
	void (*ready)(struct forward *f, struct watch *w, uint32_t events);
};

struct connection;
struct session;
TAILQ_HEAD(connections, connection);
TAILQ_HEAD(sessions, session);

struct service {
	struct watch watch; /* the socket */
	TAILQ_ENTRY(service) next;
	uint64_t id;
	bool datagrams;
	struct sockaddr_storage to;
	socklen_t to_size;
	struct connections connections;
	struct sessions sessions[BUCKETS];
	unsigned nsessions;
};
TAILQ_HEAD(services, service);

struct forward {
	int epoll;
	struct services services;
	unsigned nservices, nconnections, nsessions;
	bool full; /* nobody is accepted until a connection ends */
	struct connections ended; /* freed once no event of a round can mean them */
	struct sessions by_use, ended_sessions; /* the one that was silent longest first */
	struct watch timer;
	uint8_t chunk[CHUNK];
};

/* main.c */
/* Polls for events, 0: not at all. A failure ends what the fd serves, with its next event. */
void watch_set(struct forward *f, struct watch *w, uint32_t events);
void watch_close(struct forward *f, struct watch *w);
/* Accepts again or no more. */
void services_accept(struct forward *f, bool accept);

/* stream.c */
void stream_ready(struct forward *f, struct watch *w, uint32_t events);
void connection_end(struct forward *f, struct connection *c);
void connections_free(struct forward *f); /* those that have ended */

/* datagram.c */
void datagram_ready(struct forward *f, struct watch *w, uint32_t events);
void session_end(struct forward *f, struct session *s);
void sessions_free(struct forward *f);
void sessions_expire(struct forward *f, struct watch *w, uint32_t events);

#endif
