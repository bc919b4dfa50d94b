/* internal.h - queries of the state: each is prepared once, when it is first used, and kept. */
#ifndef POSTERN_STATE_INTERNAL_H
#define POSTERN_STATE_INTERNAL_H

#include <sqlite3.h>

#include "state.h"

enum query {
	QUERY_BEGIN, QUERY_COMMIT, QUERY_ROLLBACK,
	QUERY_CONTAINER_INSERT, QUERY_CONTAINER_UPDATE, QUERY_CONTAINER_DELETE, QUERY_CONTAINER_NEXT,
	QUERY_IMAGE_PUT, QUERY_IMAGE_GET, QUERY_IMAGE_DELETE, QUERY_IMAGE_NEXT,
	QUERY_TAG_PUT, QUERY_TAG_DELETE, QUERY_TAG_GET, QUERY_TAG_NEXT, QUERY_TAG_NEXT_OF_IMAGE,
	QUERY_LAYER_PUT, QUERY_LAYER_GET, QUERY_LAYER_DELETE, QUERY_LAYER_NEXT,
	QUERY_VOLUME_PUT, QUERY_VOLUME_GET, QUERY_VOLUME_DELETE, QUERY_VOLUME_NEXT,
	QUERY_NETWORK_INSERT, QUERY_NETWORK_UPDATE, QUERY_NETWORK_DELETE, QUERY_NETWORK_NEXT,
	QUERY_ENDPOINT_PUT, QUERY_ENDPOINT_DELETE, QUERY_ENDPOINT_NEXT, QUERY_LOST_NEXT,
	QUERY_COUNT,
};

struct state {
	sqlite3 *db;
	sqlite3_stmt *cache[QUERY_COUNT];
};

/* 0 or -errno for an SQLite result code. */
int sqlite_errno(int rc);

/* Values for the ?1, ?2 ... of a statement, in order; a text may be NULL. */
struct param {
	enum { PARAM_END, PARAM_TEXT, PARAM_NUMBER } type;
	const char *text;
	int64_t number;
};
#define T(value) { .type = PARAM_TEXT, .text = (value) }
#define I(value) { .type = PARAM_NUMBER, .number = (int64_t)(value) }
#define PARAMS(...) (const struct param[]){ __VA_ARGS__, { .type = PARAM_END } }

/* Binds and steps once. 1: there is a row, read it and end with query_end; 0: done; or -errno. After 0 and -errno the
 * query is ended. params may be NULL. */
int query_step(struct state *s, enum query q, sqlite3_stmt **ret, const struct param *params);
void query_end(sqlite3_stmt *st);
/* For statements without rows: 0 or -errno. */
int query_run(struct state *s, enum query q, const struct param *params);
/* As query_run; -ENOENT when no row was changed. */
int query_change(struct state *s, enum query q, const struct param *params);

#endif
