/* forward.h - what the files of postern-forward share: an event loop below the helper's own, and what it serves. */
#ifndef POSTERN_FORWARD_FORWARD_H
#define POSTERN_FORWARD_FORWARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/socket.h>

enum {
	CHUNK = 65536, /* read at once; no datagram is longer */
	CONNECTIONS_MAX = 4096, /* of all services: two sockets each, and two chunks at most that wait */
	SESSIONS_MAX = 4096, /* addresses that datagrams come from: a socket each */
	SESSION_S = 60, /* without a datagram */
	RETRY_S = 1, /* a service that could not accept */
	BUCKETS = 1024,
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
struct service;
TAILQ_HEAD(connections, connection);
TAILQ_HEAD(sessions, session);
TAILQ_HEAD(services, service);

struct service {
	struct watch watch; /* the socket; first: a watch is cast back */
	TAILQ_ENTRY(service) next, paused;
	uint64_t id;
	bool datagrams, is_paused;
	int bridge; /* interface that packets to the container leave by, and no other; 0: any */
	struct sockaddr_storage to;
	socklen_t to_size;
	struct connections connections;
	unsigned n; /* of its connections or sessions */
};

struct forward {
	int epoll;
	uint64_t now_ns; /* of this round */
	struct watch timer;
	uint64_t due_ns; /* when it ends; 0: not set */
	struct services services[BUCKETS]; /* by id */
	struct services paused; /* those that do not accept until something ends or RETRY_S is over */
	unsigned nservices, max_services;
	unsigned nconnections, max_connections;
	struct connections ended; /* freed once no event of a round can mean them */
	struct sessions sessions[BUCKETS]; /* by service and address */
	struct sessions by_use, ended_sessions; /* the one that was silent longest first */
	unsigned nsessions, max_sessions;
	uint32_t seed;
	uint8_t chunk[CHUNK];
};

/* --- loop.c: what is polled, and what is served --- */
/* However many files may be open, some are left: services have a quarter of them at most, connections a third, sessions
 * a sixth. 0 or -errno. */
int forward_init(struct forward *f, unsigned max_services);
/* Handles what is ready; now as clock_ns(). */
void forward_round(struct forward *f, uint64_t now_ns);
/* Polls for events, 0: not at all. 0 or -errno: nothing has changed. */
int watch_set(struct forward *f, struct watch *w, uint32_t events);
void watch_close(struct forward *f, struct watch *w);
/* A socket that is connected, or being, to the service's container; or -errno. */
int service_connect(const struct service *s);
/* May it have one more of what all have max of? None takes more than it leaves to the others. */
bool service_share(const struct service *s, unsigned all, unsigned max);
/* Accepts no more until something ends; everything that waits so accepts again. */
void service_pause(struct forward *f, struct service *s);
void services_resume(struct forward *f);
struct service *service_find(struct forward *f, uint64_t id);
/* Takes its fd on success. -EEXIST: the id; -EDQUOT: there are max_services. */
int service_add(struct forward *f, const struct service *what);
/* With its connections and sessions. */
void service_end(struct forward *f, struct service *s);

/* --- stream.c --- */
void stream_ready(struct forward *f, struct watch *w, uint32_t events);
void connection_end(struct forward *f, struct connection *c);
void connections_free(struct forward *f); /* those that have ended */

/* --- datagram.c --- */
void datagram_ready(struct forward *f, struct watch *w, uint32_t events);
void sessions_end(struct forward *f, const struct service *s); /* of one service */
void sessions_free(struct forward *f);
void sessions_expire(struct forward *f); /* those that were silent for SESSION_S */
uint64_t sessions_due(const struct forward *f); /* when the next one will be: as now_ns; 0: there is none */

#endif
