/* internal.h - what the files of controller/container share; nobody else includes it but api/routes_container*.c.
 *
 * A container is a row of the database plus what is open for it. Its status changes only through container_apply and
 * the table in states.c. Between two parks nothing else runs, so a status is also the lock: who has moved a container
 * to STARTING or REMOVING owns it until it moves it on; `cleaning` owns it after an exit. */
#ifndef POSTERN_CONTAINER_INTERNAL_H
#define POSTERN_CONTAINER_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "../../helpers/base/limits.h"
#include "../engine.h"
#include "../hash.h"
#include "../helper_client.h"
#include "../spec/spec.h"
#include "../state/state.h"
#include "../task.h"
#include "container.h"
#include "times.h"

enum {
	POOL_TARGET = 2, /* ready namespaces */
	USER_CACHE_MAX = 16, /* resolved users of images */
	EXIT_FILE_MAX = 4096,
	STOP_TIMEOUT_S = 10, /* Docker's default */
	KILL_WAIT_MS = 10000,
};

/* --- states (states.c) ----------------------------------------------------------------------------------- */
enum container_event {
	EVENT_START, /* start was asked */
	EVENT_STARTED,
	EVENT_NOT_STARTED, /* the first start failed */
	EVENT_RESTART_FAILED, /* a later one did */
	EVENT_PAUSE,
	EVENT_UNPAUSE,
	EVENT_EXIT,
	EVENT_REMOVE,
	EVENT_REMOVE_FAILED,
	EVENT_COUNT,
};
const char *container_status_name(enum container_status s); /* "running" */
/* -1 when unknown. */
int container_status_by_name(const char *name);
/* The status that follows, or -1 when the event cannot happen in `from`. */
int container_next_status(enum container_status from, enum container_event ev);

/* --- one container --------------------------------------------------------------------------------------- */
/* Somebody who wants the streams of a container before its program runs; lives on the stack of a task. */
struct attacher {
	TAILQ_ENTRY(attacher) next;
	struct task *task;
	uint32_t streams; /* ATTACH_* */
	int stream; /* once there, else -EBADF */
	uint64_t serial; /* tells it from a later one at the same address */
	bool asked; /* the monitor is being asked by the start */
	bool failed; /* the start failed */
};

struct watch {
	TAILQ_ENTRY(watch) next;
	struct task *task;
};

struct container {
	TAILQ_ENTRY(container) next;
	LIST_ENTRY(container) linking; /* if it has links */
	UT_hash_handle by_id, by_name; /* until it is gone */
	struct engine *e;
	unsigned refs;
	uint8_t raw_id[ID_BYTES];
	struct container_row row;
	cJSON *labels; /* of the configuration, kept for events; NULL: none */
	struct monitor_link *monitor; /* while it runs */
	struct req_monitor_exited exit; /* valid once exit_seen */
	bool exit_seen; /* the monitor told of the end of this run */
	bool cleaning; /* ended; its cgroup and range are being given back */
	bool mixes; /* its processes are not all in a pid namespace of its own */
	bool tty, stdin_once, links; /* as its configuration says */
	bool keep; /* a restart is under way: AutoRemove waits */
	bool archiving, archive_again; /* full parts of its log are being compressed; more of them since */
	bool gone; /* removed; only references are left */
	unsigned resolver_generation; /* of the resolver that has its sockets, + 1; 0: none */
	unsigned exits; /* runs that have ended since the controller started */
	unsigned restarts;
	TAILQ_HEAD(attacher_head, attacher) attachers;
	TAILQ_HEAD(watch_head, watch) watches;
	struct volume_use *volumes; /* that it has (volume_users.c) */
	char lost[65]; /* the network that was removed while it was in that and did not run; "": none */
	TAILQ_HEAD(endpoint_of, endpoint) endpoints; /* controller/network's, in the order in which they were made */
};

bool container_is_running(const struct container *c); /* or paused */
/* Moves along the table; wakes who watches. -1 (and no change) when the event cannot happen now. */
int container_apply(struct container *c, enum container_event ev);
/* Wakes who watches. */
void container_changed(struct container *c);
/* Parks until the container changes, the task is woken otherwise, or ms have passed (-1: no limit). */
void container_watch(struct container *c, int64_t ms);
int container_store(struct container *c); /* row to the database */
struct call_ctx container_ctx(const struct container *c); /* without a client: for exits and recovery */
/* With the name and image, and the labels, as Docker has them; extra "k", "v" or NULL. */
void container_emit(struct container *c, const char *action, const char *key, const char *value);
/* Volume events mount or unmount, one for each that it has. */
void container_tell_volumes(struct container *c, bool mounted);
/* Parsed row.config; the caller owns it. Never NULL for a stored row. */
cJSON *container_config(const struct container *c);
/* All mounts, anonymous volumes with their names. */
int container_mounts(const cJSON *merged, struct spec_mounts *ret, struct err *err);
/* Files of a container in the state directory: containers/HEX (its exit line), containers/HEX-json.log. fd or
 * -errno. */
int container_open_log(const struct container *c, int flags);
int container_open_exit(const struct container *c, int flags);
/* As inspect shows it: "" for other drivers than json-file. */
void container_log_path(const struct container *c, const cJSON *host, char *ret, size_t size);

/* --- mounts of a new container (create_mounts.c) --- */
struct image;
/* Finds, makes and fills what `merged` asks for, and notes it there. */
int create_mounts(struct engine *e, cJSON *merged, const struct image *image, const struct call_ctx *ctx,
		  struct err *err);
/* Its volumes without a name of the user's, unless another container has them. */
void remove_anonymous(struct engine *e, const cJSON *merged, const struct call_ctx *ctx);
struct containers;
bool volume_is_filling(const struct containers *cs, const char *volume);
/* Parks until the volume has its first content. */
void volume_await_filled(struct containers *cs, const char *volume);

/* join.c: a file of the host's that containers may know; NULL when it cannot be read or is too large. The caller
 * frees. */
char *host_file(const char *path);

/* --- all containers -------------------------------------------------------------------------------------- */
/* A ready, mapped pair of namespaces. */
struct slot {
	int userns, netns;
	uint32_t base;
	uint64_t ticket; /* of the store mapping */
	unsigned idmap_generation, mount_generation;
};

struct user_entry {
	char image[65];
	char *name;
	struct rep_layer_user user;
};

struct containers {
	TAILQ_HEAD(container_head, container) all;
	LIST_HEAD(linking_head, container) linking;
	struct container *ids, *names; /* the same by their ids and names (hash.h) */
	struct range *ranges; /* by their first ids */
	struct used_volume *used_volumes; /* by their names (volume_users.c) */
	unsigned n;
	uint64_t next_ticket;
	struct slot pool[POOL_TARGET];
	unsigned npool;
	bool refilling;
	struct user_entry users[USER_CACHE_MAX];
	unsigned next_user;
	struct filling *filling; /* volumes that get their first content (create_mounts.c) */
	struct waiters filled;
	unsigned busy; /* starts and clean-ups under way, for an orderly end */
};

/* By id, unambiguous id prefix or name (with or without "/"): a reference to be put. 404 or 400. */
struct container *container_find(struct engine *e, const char *ref, struct err *err);
struct container *container_by_id(const struct engine *e, const char *id); /* borrowed, NULL: none */
struct container *container_by_name(struct engine *e, const char *name); /* borrowed */
struct container *container_ref(struct container *c);
void container_put(struct container *c);
/* Takes what row holds. merged: its configuration, or NULL: it is parsed. */
struct container *container_add(struct engine *e, struct container_row *row, const cJSON *merged);
/* It is gone: only references are left. The list's is the caller's to put. */
void container_drop(struct container *c);
/* Takes name; what it had before is the caller's to free. */
char *container_set_name(struct container *c, char *name);
/* The range that it has while it runs, or 0: row.base changes only here. */
void container_set_base(struct container *c, uint32_t base);
/* Has one but this, which may be NULL, the range? A container that joined another has the other's. */
bool range_is_shared(const struct engine *e, const struct container *but, uint32_t base);
/* Of container_add and container_drop: its volumes have one more user, or one less. */
void volume_users_add(struct container *c, const cJSON *merged);
void volume_users_drop(struct container *c);
uint64_t ticket_new(struct containers *cs);
/* Its first twelve digits become a host name, and resolvers take one of decimal digits alone for an address
 * (inet_aton(3)), which is nobody's: false for those. */
bool container_id_fits(const uint8_t id[ID_BYTES]);
/* adjective_noun that is free. */
void container_name_generate(struct engine *e, char *ret, size_t size);

/* --- acts (tasks only) ----------------------------------------------------------------------------------- */
/* docker create. name NULL: a generated one; platform NULL: any. *ret is a reference. warnings: texts for the
 * answer. */
int container_create(struct engine *e, const cJSON *body, const char *name, const char *platform,
		     const struct call_ctx *ctx, cJSON *warnings, struct container **ret, struct err *err);
/* 0; 1 when it runs already; -1. */
int container_start(struct container *c, const struct call_ctx *ctx, struct err *err);
/* 0; 1 when it does not run. timeout_s < 0: the container's own. signal 0: the container's own. */
int container_stop(struct container *c, int signal, int64_t timeout_s, const struct call_ctx *ctx, struct err *err);
int container_restart(struct container *c, int signal, int64_t timeout_s, const struct call_ctx *ctx, struct err *err);
int container_kill(struct container *c, int signal, const struct call_ctx *ctx, struct err *err);
int container_pause(struct container *c, bool pause, const struct call_ctx *ctx, struct err *err);
int container_rename(struct container *c, const char *name, struct err *err);
int container_remove(struct container *c, bool force, bool volumes, const struct call_ctx *ctx, struct err *err);
/* "SIGTERM", "TERM", "15"; -1. */
int signal_by_name(const char *name);
const char *signal_name(int signal);
/* A stream of what runs now, or of the next run from its first byte: fd; -1: it did not start, was removed, or gone()
 * said that the client has left. */
int container_attach(struct container *c, uint32_t streams, bool (*gone)(void *), void *data);
/* Gives those who wait in container_attach their streams. */
void container_serve_attachers(struct container *c);
/* The same in two steps, for a start between CREATE and START: what is asked reaches the monitor before anything that
 * is asked of spawn after it. The second waits. */
struct attach_calls {
	unsigned n;
	struct {
		uint64_t serial; /* the attacher's */
		struct pending *call;
	} v[8];
};
void container_ask_attachers(struct container *c, struct attach_calls *ret);
void container_take_attachers(struct container *c, struct attach_calls *calls);
void container_fail_attachers(struct container *c);

/* --- inside ---------------------------------------------------------------------------------------------- */
/* The channel of a monitor that watches this container; takes the fd. */
int container_link_monitor(struct container *c, int channel);
/* Called by the monitor link. */
void container_exited(void *data, const struct req_monitor_exited *msg);
/* After the end of a run: row, event, waiters, then cgroup and range back. */
void container_finish_run(struct container *c);
/* Gives back what a run holds in the kernel; retries while it is busy. kill: also ends what still runs. */
void container_release_kernel(struct engine *e, const uint8_t *id, uint32_t base, bool kill);
void container_delete_files(struct engine *e, const char *id);
int slot_take(struct engine *e, struct slot *ret); /* 0 or -ENOENT */
int slot_make(struct engine *e, struct slot *ret, const struct call_ctx *ctx, struct err *err);
/* Of a running container's user namespace and range; netns -EBADF: a new network in it. Takes both fds. */
int slot_join(struct engine *e, int userns, int netns, uint32_t base, struct slot *ret, const struct call_ctx *ctx,
	      struct err *err);
/* Closes; release: nothing runs in it, so its range and mapping go back as well. */
void slot_finish(struct engine *e, struct slot *s, bool release);
void pool_refill(struct engine *e);
/* Resolves the user of an image through the cache: 0 when it was there, else -ENOENT. */
int user_cache_get(struct containers *cs, const char *image, const char *name, struct rep_layer_user *ret);
void user_cache_put(struct containers *cs, const char *image, const char *name, const struct rep_layer_user *user);

/* --- views (inspect.c, list.c) --------------------------------------------------------------------------- */
cJSON *container_inspect(struct container *c, bool size);
/* NetworkSettings.Networks of a container with this HostConfig: EndpointSettings by the network's name. */
cJSON *container_networks_json(struct container *c, const cJSON *merged);
/* One row of GET /containers/json. */
cJSON *container_summary(struct container *c, const cJSON *merged, bool size);
cJSON *container_list(struct engine *e, bool all, int64_t limit, bool size, const cJSON *filters, struct err *err);
/* top.c: GET /containers/{id}/top; ps_args as for ps, NULL: "-ef". NULL with err. */
cJSON *container_top(struct container *c, const char *ps_args, const struct call_ctx *ctx, struct err *err);
cJSON *container_mounts_json(struct engine *e, const cJSON *merged);

#endif
