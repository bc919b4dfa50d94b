/* hostile.h - what the attacks share: channels, raw requests, results. */
#ifndef POSTERN_TESTS_HOSTILE_H
#define POSTERN_TESTS_HOSTILE_H

#include <stdbool.h>

#include "../../helpers/base/policy.h"
#include "../../helpers/protocol/call.h"

enum { FD_LISTEN = 4, STATE = 6 /* our own directory */, FD_LISTEN_READ = FD_OWN + 1 };

struct attack {
	const char *threat; /* number in the threat list */
	void (*run)(void);
};

/* From each file of attacks. */
extern const struct attack frame_attacks[], fd_attacks[], act_attacks[], net_attacks[], mount_attacks[], layer_attacks[];
extern const unsigned n_frame_attacks, n_fd_attacks, n_act_attacks, n_net_attacks, n_mount_attacks, n_layer_attacks;

/* One line of result. */
void result(bool good, const char *format, ...) __attribute__((format(printf, 2, 3)));

void skipped(const char *what, const char *reason);

/* What the engine is like. */
const struct policy_common *policy(void);
/* An ordinary user, who owns "user-owned" there: 1000 or, in a user's engine, that user. */
uint32_t owner_id(void);
/* A path in the directory that the script prepared. Good until the fourth call after. */
const char *in_hang(const char *name);

/* What is given by the launcher: channels, the directory of the test. */
void controller_start(int argc, char **argv);
/* A connection that this uid has made to a listening socket; waits for it, bounded. */
int accept_client(int listening, uid_t want);
/* The present primary channel of a helper; waits for a new one after it ended. */
int channel(enum helper_id id);
/* False for a helper that this engine runs without. */
bool has_channel(enum helper_id id);
/* A channel derived from it: may be ended without ending the helper. The caller closes it. */
int derived(enum helper_id id);
/* True when the peer has ended the channel (within two seconds). */
bool ended(int fd);
/* Asks with proper encoding; the client connection goes along. */
int ask(int fd, enum op op, const void *req, void *rep, struct reply_header *why);
int ask_as(int fd, enum op op, const void *req, void *rep, struct reply_header *why, int client);
/* Hears of every call and its time, unless NULL (../bench/calls.c). */
extern void (*on_call)(enum op op, int r, uint64_t ns);
/* The smallest request of an op that is within its bounds, with fd in every required place. */
void fill_request(enum op op, void *req, int fd);

extern int root_client, user_client; /* accepted connections: of who may all, of who may nothing */
extern int read_client; /* of who may all, through the read-only socket */
extern const char *base; /* directory of the test */

/* A container's namespaces, range and cgroup, made properly: what an honest controller has before spawn CREATE. */
struct sandbox {
	uint8_t id[ID_BYTES];
	int proc, userns, netns, lifeline, cgroup;
	uint64_t ticket;
	uint32_t base;
	struct rep_mount_rootfs rootfs;
};
int sandbox_make(struct sandbox *s, bool map);
void sandbox_drop(struct sandbox *s);
/* The first layer that is in the store: its name is told by the script through a file in our own directory. */
int some_layer(uint8_t id[ID_BYTES]);
uint64_t new_ticket(void);
/* Every one that new_ticket gave. */
void drop_tickets(void);

#endif
