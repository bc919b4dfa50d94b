/* state.c - the database: opening, migrating, transactions; rows are in rows.c.
 *
 * One connection, one thread, exclusive locking (no shared-memory file, and two controllers never share a database).
 * Memory is kept small: the page cache holds 256 kB, nothing is mapped. sqlite.org/pragma.html.
 * Trusted input: the file is ours (0600 in a 0700 directory); texts in it came from clients and images. */
#include "internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../helpers/base/cleanup.h"

/* Step n brings user_version n to n + 1. Never edit one that was released: add another. */
static const char *const migrations[] = {
	"CREATE TABLE container (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,"
	" name TEXT NOT NULL UNIQUE, image_id TEXT NOT NULL, image_ref TEXT, config TEXT NOT NULL,"
	" created_ns INTEGER NOT NULL, started_ns INTEGER NOT NULL, finished_ns INTEGER NOT NULL,"
	" status INTEGER NOT NULL, exit_code INTEGER NOT NULL, error TEXT, oom_killed INTEGER NOT NULL,"
	" base INTEGER NOT NULL, pid INTEGER NOT NULL, cgroup_id INTEGER NOT NULL, auto_remove INTEGER NOT NULL);"
	"CREATE TABLE image (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, config TEXT NOT NULL,"
	" layers TEXT NOT NULL, created_ns INTEGER NOT NULL, size INTEGER NOT NULL);"
	"CREATE TABLE tag (ref TEXT PRIMARY KEY, image_id TEXT NOT NULL REFERENCES image(id) ON DELETE CASCADE)"
	" WITHOUT ROWID;"
	"CREATE INDEX tag_image ON tag(image_id);"
	"CREATE TABLE layer (seq INTEGER PRIMARY KEY AUTOINCREMENT, chain_id TEXT NOT NULL UNIQUE,"
	" diff_id TEXT NOT NULL, parent TEXT NOT NULL, size INTEGER NOT NULL);"
	"CREATE TABLE volume (seq INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, labels TEXT,"
	" created_ns INTEGER NOT NULL, anonymous INTEGER NOT NULL);",
	"ALTER TABLE layer ADD COLUMN length INTEGER NOT NULL DEFAULT 0;",
	"ALTER TABLE volume ADD COLUMN options TEXT",
	"CREATE TABLE network (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, "
	"name TEXT NOT NULL UNIQUE,"
	" config TEXT NOT NULL, created_ns INTEGER NOT NULL);"
	"CREATE TABLE endpoint (seq INTEGER PRIMARY KEY AUTOINCREMENT,"
	" network TEXT NOT NULL REFERENCES network(id) ON DELETE CASCADE,"
	" container TEXT NOT NULL REFERENCES container(id) ON DELETE CASCADE, data TEXT NOT NULL,"
	" UNIQUE(network, container));"
	"CREATE INDEX endpoint_container ON endpoint(container);",
	/* Who was in a network that has gone: not to be started as if it had never been there. */
	"CREATE TABLE lost (seq INTEGER PRIMARY KEY AUTOINCREMENT, network TEXT NOT NULL,"
	" container TEXT NOT NULL REFERENCES container(id) ON DELETE CASCADE, UNIQUE(container, network));"
	"CREATE TRIGGER network_lost BEFORE DELETE ON network BEGIN"
	" INSERT OR IGNORE INTO lost (network, container) SELECT network, container FROM endpoint WHERE network=OLD.id;"
	" END;",
};

enum { SCHEMA_VERSION = ARRAY_SIZE(migrations) };

int sqlite_errno(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_OK:
	case SQLITE_DONE:
	case SQLITE_ROW:
		return 0;
	case SQLITE_CONSTRAINT:
		return rc == SQLITE_CONSTRAINT_FOREIGNKEY ? -ENOENT : -EEXIST;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_READONLY:
		return -EROFS;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return -EBADMSG;
	case SQLITE_TOOBIG:
		return -EFBIG;
	default:
		return -EIO;
	}
}

static int user_version(sqlite3 *db, int *ret)
{
	sqlite3_stmt *st;
	int rc = sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &st, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(st);
	if (rc == SQLITE_ROW)
		*ret = sqlite3_column_int(st, 0);
	sqlite3_finalize(st);
	return sqlite_errno(rc);
}

static int migrate(sqlite3 *db, struct err *err)
{
	char pragma[64];
	int version = 0;
	int e = user_version(db, &version);

	if (e < 0) {
		err_set(err, 500, "database: %s", sqlite3_errmsg(db));
		return e;
	}
	if (version > SCHEMA_VERSION) {
		err_set(err, 500, "database: made by a newer version of this engine (schema %d, known %d)", version,
			SCHEMA_VERSION);
		return -EPROTO;
	}
	for (; version < SCHEMA_VERSION; version++) {
		snprintf(pragma, sizeof(pragma), "PRAGMA user_version = %d", version + 1);
		if (sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK ||
		    sqlite3_exec(db, migrations[version], NULL, NULL, NULL) != SQLITE_OK ||
		    sqlite3_exec(db, pragma, NULL, NULL, NULL) != SQLITE_OK ||
		    sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK) {
			e = sqlite_errno(sqlite3_extended_errcode(db));
			err_set(err, 500, "database: migration %d: %s", version, sqlite3_errmsg(db));
			sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
			return e < 0 ? e : -EIO;
		}
	}
	return 0;
}

/* Paths as they are given: the directory above ours may be one that we cannot pass, and so has no path for us. */
static int plain_path(sqlite3_vfs *vfs, const char *path, int size, char *ret)
{
	sqlite3_snprintf(size, ret, "%s", path);
	return SQLITE_OK;
}

static const char *plain_vfs(void)
{
	static sqlite3_vfs vfs;

	if (!vfs.zName && sqlite3_vfs_find(NULL)) {
		vfs = *sqlite3_vfs_find(NULL);
		vfs.zName = "postern";
		vfs.pNext = NULL;
		vfs.xFullPathname = plain_path;
		sqlite3_vfs_register(&vfs, /* default= */ 0);
	}
	return vfs.zName;
}

int state_open(const char *path, struct state **ret, struct err *err)
{
	static const char settings[] =
		/* First of all: the log's index stays in memory only when nothing was read before. */
		"PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
		"PRAGMA cache_size = -256; PRAGMA mmap_size = 0; PRAGMA temp_store = MEMORY;"
		"PRAGMA wal_autocheckpoint = 256; PRAGMA journal_size_limit = 1048576; PRAGMA foreign_keys = ON;";
	struct state *s = calloc(1, sizeof(*s));
	int rc, e;

	if (!s) {
		err_set(err, 500, "out of memory");
		return -ENOMEM;
	}
	rc = sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
			     plain_vfs());
	if (rc == SQLITE_OK) {
		sqlite3_extended_result_codes(s->db, 1);
		sqlite3_busy_timeout(s->db, 5000);
		rc = sqlite3_exec(s->db, settings, NULL, NULL, NULL);
	}
	if (rc != SQLITE_OK) {
		e = sqlite_errno(rc);
		err_set(err, 500, "database: %s", s->db ? sqlite3_errmsg(s->db) : "out of memory");
	} else {
		e = migrate(s->db, err);
	}
	if (e < 0) {
		state_close(s);
		return e;
	}
	*ret = s;
	return 0;
}

void state_close(struct state *s)
{
	if (!s)
		return;
	for (unsigned i = 0; i < QUERY_COUNT; i++)
		sqlite3_finalize(s->cache[i]);
	sqlite3_close(s->db);
	free(s);
}

int state_begin(struct state *s)
{
	return query_run(s, QUERY_BEGIN, NULL);
}

int state_commit(struct state *s)
{
	int e = query_run(s, QUERY_COMMIT, NULL);

	if (e < 0)
		state_rollback(s);
	return e;
}

void state_rollback(struct state *s)
{
	if (!sqlite3_get_autocommit(s->db))
		query_run(s, QUERY_ROLLBACK, NULL);
}
