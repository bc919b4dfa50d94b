/* server.h - the life of a helper: its channels, rights, audit and loop.
 *
 * main of a helper is helper_run(&definition, argc, argv). One thread; one request at a time: receive, decode, rights,
 * client proof, fd proofs, intent (acknowledged), handler, outcome, reply. A malformed frame, an op outside the rights
 * or of another helper ends the channel; a refused request gets a typed reply.
 *
 * The audit call comes before the effect: a handler is never entered unless its intent is on file. */
#ifndef POSTERN_PROTOCOL_SERVER_H
#define POSTERN_PROTOCOL_SERVER_H

#include <poll.h>
#include <stdbool.h>

#include "../base/peer.h"
#include "../base/policy.h"
#include "frame.h"
#include "message.h"

struct helper;

/* One request in the hands of a handler. */
struct request {
	struct helper *helper;
	unsigned channel; /* index: 0 is FD_CHANNEL */
	const struct op_desc *op;
	const void *req; /* struct req_*; its fds are closed after the handler unless it takes them (set to -EBADF) */
	void *rep; /* struct rep_*, initialised; its fds are closed after the reply was sent */
	uint64_t api_id;
	const uint8_t *container; /* ID_BYTES; zeros for none */
	bool has_client;
	int client_fd; /* the API connection, or -EBADF */
	struct peer client; /* proven: by the helper itself, and where it cannot see the uid by audit */
	enum op_rights client_rights; /* by policy */
	char stage[STAGE_MAX]; /* set by request_fail */
	char rule[RULE_MAX]; /* set by request_rule */
	bool deferred; /* the handler will answer later with request_reply (layer's workers) */
	/* for request_reply */
	uint32_t id, generation;
	uint64_t sequence, started_ns;
};

/* Notes stage and returns err: `return request_fail(r, -EPERM, "map");` */
int request_fail(struct request *r, int err, const char *stage);
/* Notes the policy rule that decided; a later one replaces it. */
void request_rule(struct request *r, const char *rule);
/* Answers a deferred request (outcome record, then reply). rep may be NULL when status is not 0. Takes a copy that the
 * handler made of the struct request. */
void request_reply(struct request *r, int status, void *rep);

struct handler {
	enum op op;
	int (*run)(struct request *r); /* 0 or -errno */
};

/* Further fds to poll (children's pidfds, rings). ready() must not block. */
struct helper_poll {
	int fd;
	short events;
	void (*ready)(struct helper *h, int fd, short revents, void *data);
	void *data;
};

struct helper_def {
	enum helper_id id;
	const struct handler *handlers;
	size_t nhandlers;
	bool keep_privs; /* spawn: no no_new_privs (see sandbox_start) */
	size_t policy_size; /* of its struct policy_* */
	size_t ctx_size; /* of the helper's own struct, zeroed at start */
	/* Opens what is needed; then the sandbox is entered with `syscalls` beside the base list, unless NULL. */
	int (*start)(struct helper *h);
	/* Called when the last channel has ended; NULL: just exit. */
	void (*stop)(struct helper *h);
	const int *syscalls;
	size_t nsyscalls;
	/* Further channels at fds from FD_OWN on: which ops each may ask (private sockets between helpers). */
	unsigned nprivate;
	uint64_t private_rights[4];
	uint64_t controller_rights; /* ops of FD_CHANNEL (op_bit), LIMIT and DERIVE always among them */
};

/* Survives a crash of the helper: FD_KEEP, held by the launcher, mapped shared. A restart never amplifies. */
struct keep {
	uint32_t magic;
	uint32_t own_size;
	uint64_t rights; /* of FD_CHANNEL, only ever shrinking */
	uint64_t sequence; /* audit: per channel, gapless */
	uint64_t restarts;
	uint8_t own[3072]; /* the helper's own */
};

struct helper {
	const struct helper_def *def;
	const void *policy; /* struct policy_*; starts with struct policy_common */
	struct keep *keep;
	void *ctx;
	int audit; /* FD_AUDIT */
	uint32_t audit_id; /* of the last call to audit */
	struct helper_poll *polls;
	unsigned npolls;
	struct server_channel *channels;
	bool stopping;
	int argc;
	char **argv;
};

/* argv is what the launcher gives (root's): "--v1=memory:8". Returns the exit status. */
int helper_run(const struct helper_def *def, int argc, char **argv);

/* Adds or removes a polled fd. 0 or -EMFILE. */
int helper_poll_add(struct helper *h, int fd, short events,
		    void (*ready)(struct helper *, int, short, void *), void *data);
void helper_poll_remove(struct helper *h, int fd);
/* Records something that was seen (class EVENT). members: from json_* of audit.h. Suppression is audit's. */
void helper_event(struct helper *h, const char *members);

#endif
