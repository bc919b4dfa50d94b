/* state.h - the controller's memory: one SQLite database (WAL), migrated on open.
 *
 * Rows hold what must outlive the controller. A row and the kernel may differ by one step; recovery repairs. All
 * functions return 0 or -errno (-ENOENT: no such row, -EEXIST: unique name taken) and log nothing. Texts that are
 * returned are the caller's (free). Times are nanoseconds since the epoch; 0 is "never". Ids are 64 hex digits. */
#ifndef POSTERN_STATE_H
#define POSTERN_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../err.h"

struct state;

/* Opens the database file, made when missing; path may be relative to the working directory. */
int state_open(const char *path, struct state **ret, struct err *err);
void state_close(struct state *s);
int state_begin(struct state *s);
int state_commit(struct state *s);
void state_rollback(struct state *s);

/* --- containers -------------------------------------------------------------------------------------------------- */
enum container_status {
	STATUS_CREATED, STATUS_STARTING, STATUS_RUNNING, STATUS_PAUSED, STATUS_EXITED, STATUS_REMOVING, STATUS_DEAD,
	STATUS_COUNT,
};
struct container_row {
	char id[65];
	char *name; /* without slash */
	char image_id[65]; /* config digest, hex */
	char *image_ref; /* as the user gave it */
	char *config; /* JSON: the create body with image defaults merged: {"Config","HostConfig","NetworkingConfig"} */
	int64_t created_ns, started_ns, finished_ns;
	enum container_status status;
	int exit_code;
	char *error; /* State.Error or NULL */
	bool oom_killed;
	uint32_t base; /* first id of its range while it runs, else 0 */
	uint32_t pid; /* while it runs */
	uint64_t cgroup_id;
	bool auto_remove;
};
void container_row_finish(struct container_row *row); /* frees its texts */
int state_container_insert(struct state *s, const struct container_row *row);
/* Everything but id, image and config, which never change. */
int state_container_update(struct state *s, const struct container_row *row);
int state_container_delete(struct state *s, const char *id);
/* each row in order of creation; stops when f returns non-zero and returns that */
int state_container_each(struct state *s, int (*f)(void *data, struct container_row *row), void *data);

/* --- images ------------------------------------------------------------------------------------------------------ */
struct image_row {
	char id[65]; /* SHA-256 of the config, hex */
	char *config; /* the image's config JSON, byte for byte */
	char *layers; /* chain ids, hex, bottom first, comma-separated */
	int64_t created_ns; /* when it was loaded here */
	int64_t size;
};
void image_row_finish(struct image_row *row);
int state_image_put(struct state *s, const struct image_row *row); /* replaces */
int state_image_get(struct state *s, const char *id, struct image_row *ret);
int state_image_delete(struct state *s, const char *id); /* tags with it */
int state_image_each(struct state *s, int (*f)(void *data, struct image_row *row), void *data);
int state_tag_put(struct state *s, const char *ref, const char *image_id); /* "busybox:latest"; moves */
int state_tag_delete(struct state *s, const char *ref);
int state_tag_get(struct state *s, const char *ref, char ret_id[65]);
/* image_id NULL: all */
int state_tag_each(struct state *s, const char *image_id, int (*f)(void *data, const char *ref, const char *image_id),
		   void *data);

/* --- layers: unpacked directories in the store, shared by images ------------------------------------------------- */
struct layer_row {
	char chain_id[65], diff_id[65], parent[65]; /* parent: chain id or "" */
	int64_t size; /* of its files */
	int64_t length; /* of its archive, uncompressed; 0: not known */
};
int state_layer_put(struct state *s, const struct layer_row *row);
int state_layer_get(struct state *s, const char *chain_id, struct layer_row *ret);
int state_layer_delete(struct state *s, const char *chain_id);
int state_layer_each(struct state *s, int (*f)(void *data, const struct layer_row *row), void *data);

/* --- volumes ----------------------------------------------------------------------------------------------------- */
struct volume_row {
	char *name, *labels; /* labels: JSON object */
	char *options; /* JSON object of the driver's options, NULL: none */
	int64_t created_ns;
	bool anonymous;
};
void volume_row_finish(struct volume_row *row);
int state_volume_put(struct state *s, const struct volume_row *row);
int state_volume_get(struct state *s, const char *name, struct volume_row *ret);
int state_volume_delete(struct state *s, const char *name);
int state_volume_each(struct state *s, int (*f)(void *data, struct volume_row *row), void *data);

/* --- networks and endpoints -------------------------------------------------------------------------------------- */
struct network_row {
	char id[65];
	char *name, *config; /* config: JSON object */
	int64_t created_ns;
};
void network_row_finish(struct network_row *row);
int state_network_insert(struct state *s, const struct network_row *row);
int state_network_update(struct state *s, const char *id, const char *config);
int state_network_delete(struct state *s, const char *id); /* endpoints with it */
int state_network_each(struct state *s, int (*f)(void *data, struct network_row *row), void *data);

struct endpoint_row {
	char network[65], container[65];
	char *data; /* JSON object: what was asked for, and what is there while the container runs */
};
void endpoint_row_finish(struct endpoint_row *row);
int state_endpoint_put(struct state *s, const struct endpoint_row *row); /* replaces */
int state_endpoint_delete(struct state *s, const char *network, const char *container);
int state_endpoint_each(struct state *s, int (*f)(void *data, struct endpoint_row *row), void *data);
/* Those that went with their network, until their container goes; data: "". */
int state_lost_each(struct state *s, int (*f)(void *data, struct endpoint_row *row), void *data);

#endif
