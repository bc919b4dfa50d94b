/* query.c - the statements of the state as a table, and running one. Nothing is ever pasted into SQL. */
#include "internal.h"

#include <errno.h>

#include "../../helpers/base/cleanup.h"

#define CONTAINER_COLUMNS                                                                                      \
	"id, name, image_id, image_ref, config, created_ns, started_ns, finished_ns, status, exit_code, error, " \
	"oom_killed, base, pid, cgroup_id, auto_remove"

/* "Next" queries walk by key, one row a time, so that rows may change and tasks may park between two. */
static const char *const queries[] = {
	[QUERY_BEGIN] = "BEGIN IMMEDIATE",
	[QUERY_COMMIT] = "COMMIT",
	[QUERY_ROLLBACK] = "ROLLBACK",
	[QUERY_CONTAINER_INSERT] = "INSERT INTO container (" CONTAINER_COLUMNS ")"
				   " VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16)",
	[QUERY_CONTAINER_UPDATE] =
		"UPDATE container SET name=?2, created_ns=?3, started_ns=?4, finished_ns=?5, status=?6,"
		" exit_code=?7, error=?8, oom_killed=?9, base=?10, pid=?11, cgroup_id=?12,"
		" auto_remove=?13 WHERE id=?1",
	[QUERY_CONTAINER_DELETE] = "DELETE FROM container WHERE id=?1",
	[QUERY_CONTAINER_NEXT] = "SELECT seq, " CONTAINER_COLUMNS " FROM container WHERE seq>?1 ORDER BY seq LIMIT 1",
	[QUERY_IMAGE_PUT] = "INSERT INTO image (id, config, layers, created_ns, size) VALUES (?1,?2,?3,?4,?5)"
			    " ON CONFLICT(id) DO UPDATE SET config=?2, layers=?3, created_ns=?4, size=?5",
	[QUERY_IMAGE_GET] = "SELECT seq, id, config, layers, created_ns, size FROM image WHERE id=?1",
	[QUERY_IMAGE_DELETE] = "DELETE FROM image WHERE id=?1",
	[QUERY_IMAGE_NEXT] =
		"SELECT seq, id, config, layers, created_ns, size FROM image WHERE seq>?1 ORDER BY seq LIMIT 1",
	[QUERY_TAG_PUT] = "INSERT INTO tag (ref, image_id) VALUES (?1,?2) ON CONFLICT(ref) DO UPDATE SET image_id=?2",
	[QUERY_TAG_DELETE] = "DELETE FROM tag WHERE ref=?1",
	[QUERY_TAG_GET] = "SELECT image_id FROM tag WHERE ref=?1",
	[QUERY_TAG_NEXT] = "SELECT ref, image_id FROM tag WHERE ref>?1 ORDER BY ref LIMIT 1",
	[QUERY_TAG_NEXT_OF_IMAGE] = "SELECT ref, image_id FROM tag WHERE ref>?1 AND image_id=?2 ORDER BY ref LIMIT 1",
	[QUERY_LAYER_PUT] = "INSERT INTO layer (chain_id, diff_id, parent, size, length) VALUES (?1,?2,?3,?4,?5)"
			    " ON CONFLICT(chain_id) DO UPDATE SET diff_id=?2, parent=?3, size=?4, length=?5",
	[QUERY_LAYER_GET] = "SELECT seq, chain_id, diff_id, parent, size, length FROM layer WHERE chain_id=?1",
	[QUERY_LAYER_DELETE] = "DELETE FROM layer WHERE chain_id=?1",
	[QUERY_LAYER_NEXT] =
		"SELECT seq, chain_id, diff_id, parent, size, length FROM layer WHERE seq>?1 ORDER BY seq LIMIT 1",
	[QUERY_VOLUME_PUT] = "INSERT INTO volume (name, labels, created_ns, anonymous, options) VALUES (?1,?2,?3,?4,?5)"
			     " ON CONFLICT(name) DO UPDATE SET labels=?2, created_ns=?3, anonymous=?4, options=?5",
	[QUERY_VOLUME_GET] = "SELECT seq, name, labels, created_ns, anonymous, options FROM volume WHERE name=?1",
	[QUERY_VOLUME_DELETE] = "DELETE FROM volume WHERE name=?1",
	[QUERY_VOLUME_NEXT] = "SELECT seq, name, labels, created_ns, anonymous, options FROM volume"
			      " WHERE seq>?1 ORDER BY seq LIMIT 1",
	[QUERY_NETWORK_INSERT] = "INSERT INTO network (id, name, config, created_ns) VALUES (?1,?2,?3,?4)",
	[QUERY_NETWORK_UPDATE] = "UPDATE network SET config=?2 WHERE id=?1",
	[QUERY_NETWORK_DELETE] = "DELETE FROM network WHERE id=?1",
	[QUERY_NETWORK_NEXT] = "SELECT seq, id, name, config, created_ns FROM network"
			       " WHERE seq>?1 ORDER BY seq LIMIT 1",
	[QUERY_ENDPOINT_PUT] = "INSERT INTO endpoint (network, container, data) VALUES (?1,?2,?3)"
			       " ON CONFLICT(network, container) DO UPDATE SET data=?3",
	[QUERY_ENDPOINT_DELETE] = "DELETE FROM endpoint WHERE network=?1 AND container=?2",
	[QUERY_ENDPOINT_NEXT] = "SELECT seq, network, container, data FROM endpoint WHERE seq>?1 ORDER BY seq LIMIT 1",
	[QUERY_LOST_NEXT] = "SELECT seq, network, container, '' FROM lost WHERE seq>?1 ORDER BY seq LIMIT 1",
};

_Static_assert(ARRAY_SIZE(queries) == QUERY_COUNT, "a query without a statement");

/* The caller's strings outlive the step, so they are not copied; query_end forgets them. */
static int bind(sqlite3_stmt *st, const struct param *params)
{
	int rc = SQLITE_OK;

	for (int i = 0; params && params[i].type != PARAM_END && rc == SQLITE_OK; i++) {
		if (params[i].type == PARAM_TEXT)
			rc = sqlite3_bind_text(st, i + 1, params[i].text, -1, SQLITE_STATIC);
		else
			rc = sqlite3_bind_int64(st, i + 1, params[i].number);
	}
	return rc;
}

void query_end(sqlite3_stmt *st)
{
	if (!st)
		return;
	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
}

int query_step(struct state *s, enum query q, sqlite3_stmt **ret, const struct param *params)
{
	sqlite3_stmt *st;
	int rc = SQLITE_OK;

	if (!s->cache[q])
		rc = sqlite3_prepare_v3(s->db, queries[q], -1, SQLITE_PREPARE_PERSISTENT, &s->cache[q], NULL);
	st = s->cache[q];
	if (rc == SQLITE_OK)
		rc = bind(st, params);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(st);
	if (rc == SQLITE_ROW) {
		*ret = st;
		return 1;
	}
	query_end(st);
	return sqlite_errno(rc);
}

int query_run(struct state *s, enum query q, const struct param *params)
{
	sqlite3_stmt *st = NULL;
	int e = query_step(s, q, &st, params);

	if (e == 1)
		query_end(st);
	return e < 0 ? e : 0;
}

int query_change(struct state *s, enum query q, const struct param *params)
{
	int e = query_run(s, q, params);

	if (e < 0)
		return e;
	return sqlite3_changes(s->db) > 0 ? 0 : -ENOENT;
}
