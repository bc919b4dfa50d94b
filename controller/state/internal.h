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
	QUERY_COUNT,
};

struct state {
	sqlite3 *db;
	sqlite3_stmt *cache[QUERY_COUNT];
};

/* 0 or -errno for an SQLite result code. */
int sqlite_errno(int rc);

/* Binds by `types` (one letter per parameter: 't' const char *, NULL allowed; 'i' int64_t; 'd' int) and steps once.
 * 1: there is a row, read it and end with query_end; 0: done; or -errno. After 0 and -errno the query is ended. */
int query_step(struct state *s, enum query q, sqlite3_stmt **ret, const char *types, ...);
void query_end(sqlite3_stmt *st);
/* For statements without rows: 0 or -errno. */
int query_run(struct state *s, enum query q, const char *types, ...);
/* As query_run; -ENOENT when no row was changed. */
int query_change(struct state *s, enum query q, const char *types, ...);

#endif
