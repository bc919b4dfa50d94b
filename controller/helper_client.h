/* helper_client.h - the controller's side of the capability protocol: pipelined over all helpers, matched by id, each
 * call with a deadline. Only in tasks (task.h). A helper that restarts fails its calls in flight; later ones use the
 * new channel. */
#ifndef POSTERN_HELPER_CLIENT_H
#define POSTERN_HELPER_CLIENT_H

#include <stdint.h>

#include "../helpers/protocol/message.h"
#include "err.h"

struct engine;
struct helpers;
struct pending;

/* On whose behalf. */
struct call_ctx {
	uint64_t api_id;
	int client; /* fd of the API connection (borrowed), or -1 */
	const uint8_t *container; /* ID_BYTES or NULL */
};

enum { HELPER_DEADLINE_MS = 10000, HELPER_DEADLINE_LONG_MS = 3600 * 1000 /* layer UNPACK */ };

/* control: FD_CHANNEL of posternd, over which the launcher sends each helper's channel. */
int helpers_create(struct engine *e, int control, struct helpers **ret);
/* Parks until every helper has a channel or ms have passed: -ETIMEDOUT. */
int helpers_wait_ready(struct helpers *h, int ms);

/* Sends; the request's fds are borrowed until this returns. Never NULL: errors come from helper_wait. */
struct pending *helper_submit(struct engine *e, enum op op, const void *req, const struct call_ctx *ctx,
			      int deadline_ms);
/* False while it waits for room in the socket, or for the helper to be there again. */
bool helper_sent(const struct pending *p);
/* Parks until the answer. 0 and *ret_rep filled (owning its fds), or -errno with err set ("idmap map: ...: Operation
 * not permitted (rule ...)", status 500, or 403 for -EPERM and -EACCES by a rule). Frees p. ret_stage (STAGE_MAX bytes)
 * may be NULL. */
int helper_wait(struct pending *p, void *ret_rep, struct err *err, char *ret_stage);
/* Nobody waits any more: the answer's fds are closed, a failure is logged. For acts that only give something up. */
void helper_detach(struct pending *p);
/* This engine runs without that helper: every call to it fails with -EOPNOTSUPP. */
bool helper_absent(const struct engine *e, enum helper_id id);
/* How often a helper's channel was lost: what it held (tickets, ranges) is gone when this has changed. */
unsigned helper_generation(struct engine *e, enum helper_id id);
/* restarted(e, id) runs in a task of its own whenever a helper has come again. */
void helpers_on_restart(struct engine *e, void (*restarted)(struct engine *e, enum helper_id id));
/* Submits and waits. An act that gives something up is asked for again without the client when that has left meanwhile.
 */
int helper_call(struct engine *e, enum op op, const void *req, void *ret_rep, const struct call_ctx *ctx,
		struct err *err);
/* For acts that may be done twice and answer nothing: again, up to five times, when the helper has ended meanwhile. */
int helper_call_surely(struct engine *e, enum op op, const void *req, const struct call_ctx *ctx, struct err *err);

/* A monitor's channel (from spawn CREATE or CONNECT): exited() runs once, in the loop, at the EXITED message or when
 * the channel ends before one (msg NULL). Takes the fd. */
struct monitor_link;
int monitor_link_create(struct engine *e, int channel, void (*exited)(void *data, const struct req_monitor_exited *msg),
			void *data, struct monitor_link **ret);
/* From now on rotated() runs in the loop whenever the monitor has begun a new part of the log. */
void monitor_link_on_rotated(struct monitor_link *m, void (*rotated)(void *data));
/* As helper_submit; the answer comes from helper_wait. */
struct pending *monitor_submit(struct monitor_link *m, enum op op, const void *req);
int monitor_call(struct monitor_link *m, enum op op, const void *req, void *ret_rep, struct err *err);
void monitor_link_destroy(struct monitor_link *m);

#endif
