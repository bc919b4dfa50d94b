/* rows_network.c - networks and endpoints between rows and structs. See state.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

static char *take(sqlite3_stmt *st, int column)
{
	const char *text = (const char *)sqlite3_column_text(st, column);

	return strdup(text ? text : "");
}

static void take_id(sqlite3_stmt *st, int column, char ret[65])
{
	const char *text = (const char *)sqlite3_column_text(st, column);

	snprintf(ret, 65, "%s", text ? text : "");
}

void network_row_finish(struct network_row *row)
{
	free(row->name);
	free(row->config);
	memset(row, 0, sizeof(*row));
}

int state_network_insert(struct state *s, const struct network_row *row)
{
	return query_run(s, QUERY_NETWORK_INSERT, PARAMS(T(row->id), T(row->name), T(row->config), I(row->created_ns)));
}

int state_network_update(struct state *s, const char *id, const char *config)
{
	return query_change(s, QUERY_NETWORK_UPDATE, PARAMS(T(id), T(config)));
}

int state_network_delete(struct state *s, const char *id)
{
	return query_change(s, QUERY_NETWORK_DELETE, PARAMS(T(id)));
}

int state_network_each(struct state *s, int (*f)(void *data, struct network_row *row), void *data)
{
	int64_t seq = 0;

	for (;;) {
		struct network_row row = { 0 };
		sqlite3_stmt *st;
		int e = query_step(s, QUERY_NETWORK_NEXT, &st, PARAMS(I(seq)));

		if (e <= 0)
			return e;
		seq = sqlite3_column_int64(st, 0);
		take_id(st, 1, row.id);
		row.name = take(st, 2);
		row.config = take(st, 3);
		row.created_ns = sqlite3_column_int64(st, 4);
		query_end(st);
		e = row.name && row.config ? f(data, &row) : -ENOMEM;
		network_row_finish(&row);
		if (e)
			return e;
	}
}

void endpoint_row_finish(struct endpoint_row *row)
{
	free(row->data);
	memset(row, 0, sizeof(*row));
}

int state_endpoint_put(struct state *s, const struct endpoint_row *row)
{
	return query_run(s, QUERY_ENDPOINT_PUT, PARAMS(T(row->network), T(row->container), T(row->data)));
}

int state_endpoint_delete(struct state *s, const char *network, const char *container)
{
	return query_change(s, QUERY_ENDPOINT_DELETE, PARAMS(T(network), T(container)));
}

static int each(struct state *s, enum query next, int (*f)(void *data, struct endpoint_row *row), void *data)
{
	int64_t seq = 0;

	for (;;) {
		struct endpoint_row row = { 0 };
		sqlite3_stmt *st;
		int e = query_step(s, next, &st, PARAMS(I(seq)));

		if (e <= 0)
			return e;
		seq = sqlite3_column_int64(st, 0);
		take_id(st, 1, row.network);
		take_id(st, 2, row.container);
		row.data = take(st, 3);
		query_end(st);
		e = row.data ? f(data, &row) : -ENOMEM;
		endpoint_row_finish(&row);
		if (e)
			return e;
	}
}

int state_endpoint_each(struct state *s, int (*f)(void *data, struct endpoint_row *row), void *data)
{
	return each(s, QUERY_ENDPOINT_NEXT, f, data);
}

int state_lost_each(struct state *s, int (*f)(void *data, struct endpoint_row *row), void *data)
{
	return each(s, QUERY_LOST_NEXT, f, data);
}
