/* resolver.h - what the files of postern-resolver share.
 *
 * Questions are of containers and hostile; answers of upstream servers are no better. What is asked over the channel
 * comes from posternd. */
#ifndef POSTERN_RESOLVER_H
#define POSTERN_RESOLVER_H

#include <arpa/nameser.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include "../protocol/server.h"

struct connection;

enum { NETWORKS_MAX = 32, UPSTREAMS_MAX = 4, MESSAGE_MAX = 65535 };
enum { IN_FLIGHT_MAX = 1024, CONNECTIONS_MAX = 256, TRY_MS = 3000 };

struct endpoint {
	LIST_ENTRY(endpoint) next;
	uint8_t network[ID_BYTES], container[ID_BYTES];
	char *network_name, *names; /* names: separated by blanks */
	uint32_t n4, n6;
	uint32_t v4[ADDRESSES_MAX];
	uint64_t v6[2 * ADDRESSES_MAX];
};

/* What is polled: the kernel gives it back with each event. */
struct source {
	void (*ready)(struct source *s, uint32_t events);
};

/* A container that asks. */
struct client {
	struct source udp_source, tcp_source;
	LIST_ENTRY(client) next;
	uint8_t id[ID_BYTES];
	unsigned nnetworks;
	uint8_t networks[NETWORKS_MAX][ID_BYTES];
	unsigned nupstreams;
	struct sockaddr_storage upstreams[UPSTREAMS_MAX];
	char *links; /* "alias=target ..." */
	int udp, tcp;
};
LIST_HEAD(client_list, client);
LIST_HEAD(endpoint_list, endpoint);

struct resolver {
	int poll; /* epoll */
	struct client_list clients;
	struct endpoint_list endpoints;
	uint64_t answered, forwarded, refused;
	unsigned rotation; /* of equal names' addresses */
};
extern struct resolver resolver;

/* Adds a source to the loop. 0 or -errno. */
int source_add(struct source *s, int fd, uint32_t events);

/* --- message.c: questions are read and answers are written in one place at a time --- */
enum { NAME_BYTES = 256 };
struct question {
	uint16_t id, edns_size; /* the largest answer by UDP: 0 if it did not say */
	bool recursion, edns;
	bool plain; /* one question, and of the ordinary kind: the rest is read */
	uint16_t type, class;
	size_t owner_size;
	uint8_t owner[NS_MAXCDNAME];
	char name[NAME_BYTES]; /* of the owner, in small letters and without the final dot */
};
/* False when it is no question, or not well-formed. */
bool question_read(const uint8_t *text, size_t n, struct question *ret);
void answer_begin(const struct question *q, ns_rcode rcode);
/* A record of the question's name. What there is no room for is not in the answer. */
void answer_add(ns_type type, const void *data, size_t n);
/* The same of a name in the data. */
void answer_add_name(ns_type type, const char *name);
/* The message, until the next begins. What is longer than `most` says so instead of what it would have said. */
const uint8_t *answer_end(const struct question *q, size_t most, size_t *ret_n);

/* --- names.c --- */
/* Writes the answer to a question that is ours to answer; false when it is not: then it is for somebody upstream. */
bool names_answer(struct client *c, const struct question *q);
/* A single label is nobody else's to know. */
bool names_private(const struct question *q);

/* --- ask.c: where an answer goes --- */
struct asker {
	struct client *client; /* NULL once it is gone */
	struct sockaddr_storage from; /* UDP */
	socklen_t from_len;
	struct connection *connection; /* TCP, or NULL */
};
/* Reads a question and sees to its answer. */
void ask(const struct asker *a, const uint8_t *text, size_t n);
void asker_reply(const struct asker *a, const uint8_t *text, size_t n);

/* --- upstream.c --- */
/* Hands a question on, as it is but for its id. False when nobody can be asked. */
bool upstream_ask(const struct asker *a, const uint8_t *text, size_t n);
/* Answers that still come are nobody's. */
void upstream_forget(const struct client *c);
void upstream_forget_connection(const struct connection *k);
void upstream_expire(void);

/* --- tcp.c --- */
void tcp_accept(struct source *s, uint32_t events);
void tcp_reply(struct connection *k, const uint8_t *text, size_t n);
void tcp_forget(const struct client *c);

#endif
