/* rows.c - between rows and structs. See state.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

/* Fresh copy of a text column; NULL for NULL. */
static int take_text(sqlite3_stmt *st, int column, char **ret)
{
	const char *text = (const char *)sqlite3_column_text(st, column);

	*ret = NULL;
	if (!text)
		return 0;
	*ret = strdup(text);
	return *ret ? 0 : -ENOMEM;
}

static void take_id(sqlite3_stmt *st, int column, char ret[65])
{
	const char *text = (const char *)sqlite3_column_text(st, column);

	snprintf(ret, 65, "%s", text ? text : "");
}

/* --- containers -------------------------------------------------------------------------------------------------- */
void container_row_finish(struct container_row *row)
{
	free(row->name);
	free(row->image_ref);
	free(row->config);
	free(row->error);
	memset(row, 0, sizeof(*row));
}

int state_container_insert(struct state *s, const struct container_row *row)
{
	return query_run(s, QUERY_CONTAINER_INSERT,
			 PARAMS(T(row->id), T(row->name), T(row->image_id), T(row->image_ref), T(row->config),
				I(row->created_ns), I(row->started_ns), I(row->finished_ns), I(row->status),
				I(row->exit_code), T(row->error), I(row->oom_killed), I(row->base), I(row->pid),
				I(row->cgroup_id), I(row->auto_remove)));
}

int state_container_update(struct state *s, const struct container_row *row)
{
	return query_change(s, QUERY_CONTAINER_UPDATE,
			    PARAMS(T(row->id), T(row->name), I(row->created_ns), I(row->started_ns),
				   I(row->finished_ns), I(row->status), I(row->exit_code), T(row->error),
				   I(row->oom_killed), I(row->base), I(row->pid), I(row->cgroup_id),
				   I(row->auto_remove)));
}

int state_container_delete(struct state *s, const char *id)
{
	return query_change(s, QUERY_CONTAINER_DELETE, PARAMS(T(id)));
}

static int read_container(sqlite3_stmt *st, struct container_row *row)
{
	memset(row, 0, sizeof(*row));
	take_id(st, 1, row->id);
	take_id(st, 3, row->image_id);
	row->created_ns = sqlite3_column_int64(st, 6);
	row->started_ns = sqlite3_column_int64(st, 7);
	row->finished_ns = sqlite3_column_int64(st, 8);
	row->status = (enum container_status)sqlite3_column_int(st, 9);
	row->exit_code = sqlite3_column_int(st, 10);
	row->oom_killed = sqlite3_column_int(st, 12);
	row->base = (uint32_t)sqlite3_column_int64(st, 13);
	row->pid = (uint32_t)sqlite3_column_int64(st, 14);
	row->cgroup_id = (uint64_t)sqlite3_column_int64(st, 15);
	row->auto_remove = sqlite3_column_int(st, 16);
	if ((unsigned)row->status >= STATUS_COUNT)
		row->status = STATUS_DEAD;
	if (take_text(st, 2, &row->name) < 0 || take_text(st, 4, &row->image_ref) < 0 ||
	    take_text(st, 5, &row->config) < 0 || take_text(st, 11, &row->error) < 0) {
		container_row_finish(row);
		return -ENOMEM;
	}
	return 0;
}

int state_container_each(struct state *s, int (*f)(void *data, struct container_row *row), void *data)
{
	struct container_row row;
	int64_t seq = 0;
	sqlite3_stmt *st;
	int e;

	for (;;) {
		e = query_step(s, QUERY_CONTAINER_NEXT, &st, PARAMS(I(seq)));
		if (e <= 0)
			return e;
		seq = sqlite3_column_int64(st, 0);
		e = read_container(st, &row);
		query_end(st);
		if (e < 0)
			return e;
		e = f(data, &row);
		container_row_finish(&row);
		if (e)
			return e;
	}
}

/* --- images ------------------------------------------------------------------------------------------------------ */
void image_row_finish(struct image_row *row)
{
	free(row->config);
	free(row->layers);
	memset(row, 0, sizeof(*row));
}

int state_image_put(struct state *s, const struct image_row *row)
{
	return query_run(s, QUERY_IMAGE_PUT,
			 PARAMS(T(row->id), T(row->config), T(row->layers), I(row->created_ns), I(row->size)));
}

static int read_image(sqlite3_stmt *st, struct image_row *row)
{
	memset(row, 0, sizeof(*row));
	take_id(st, 1, row->id);
	row->created_ns = sqlite3_column_int64(st, 4);
	row->size = sqlite3_column_int64(st, 5);
	if (take_text(st, 2, &row->config) < 0 || take_text(st, 3, &row->layers) < 0) {
		image_row_finish(row);
		return -ENOMEM;
	}
	return 0;
}

int state_image_get(struct state *s, const char *id, struct image_row *ret)
{
	struct image_row row;
	sqlite3_stmt *st;
	int e = query_step(s, QUERY_IMAGE_GET, &st, PARAMS(T(id)));

	if (e <= 0)
		return e < 0 ? e : -ENOENT;
	e = read_image(st, &row);
	query_end(st);
	if (e == 0)
		*ret = row;
	return e;
}

int state_image_delete(struct state *s, const char *id)
{
	return query_change(s, QUERY_IMAGE_DELETE, PARAMS(T(id)));
}

int state_image_each(struct state *s, int (*f)(void *data, struct image_row *row), void *data)
{
	struct image_row row;
	int64_t seq = 0;
	sqlite3_stmt *st;
	int e;

	for (;;) {
		e = query_step(s, QUERY_IMAGE_NEXT, &st, PARAMS(I(seq)));
		if (e <= 0)
			return e;
		seq = sqlite3_column_int64(st, 0);
		e = read_image(st, &row);
		query_end(st);
		if (e < 0)
			return e;
		e = f(data, &row);
		image_row_finish(&row);
		if (e)
			return e;
	}
}

/* --- tags -------------------------------------------------------------------------------------------------------- */
int state_tag_put(struct state *s, const char *ref, const char *image_id)
{
	return query_run(s, QUERY_TAG_PUT, PARAMS(T(ref), T(image_id)));
}

int state_tag_delete(struct state *s, const char *ref)
{
	return query_change(s, QUERY_TAG_DELETE, PARAMS(T(ref)));
}

int state_tag_get(struct state *s, const char *ref, char ret_id[65])
{
	sqlite3_stmt *st;
	int e = query_step(s, QUERY_TAG_GET, &st, PARAMS(T(ref)));

	if (e <= 0)
		return e < 0 ? e : -ENOENT;
	take_id(st, 0, ret_id);
	query_end(st);
	return 0;
}

int state_tag_each(struct state *s, const char *image_id, int (*f)(void *data, const char *ref, const char *image_id),
		   void *data)
{
	char *ref = strdup("");
	char id[65];
	sqlite3_stmt *st;
	int e = ref ? 0 : -ENOMEM;

	while (e == 0) {
		char *next;

		if (image_id)
			e = query_step(s, QUERY_TAG_NEXT_OF_IMAGE, &st, PARAMS(T(ref), T(image_id)));
		else
			e = query_step(s, QUERY_TAG_NEXT, &st, PARAMS(T(ref)));
		if (e <= 0)
			break;
		e = take_text(st, 0, &next);
		take_id(st, 1, id);
		query_end(st);
		if (e < 0)
			break;
		free(ref);
		ref = next;
		e = f(data, ref, id);
	}
	free(ref);
	return e;
}

/* --- layers ------------------------------------------------------------------------------------------------------ */
int state_layer_put(struct state *s, const struct layer_row *row)
{
	return query_run(s, QUERY_LAYER_PUT,
			 PARAMS(T(row->chain_id), T(row->diff_id), T(row->parent), I(row->size), I(row->length)));
}

static void read_layer(sqlite3_stmt *st, struct layer_row *row)
{
	take_id(st, 1, row->chain_id);
	take_id(st, 2, row->diff_id);
	take_id(st, 3, row->parent);
	row->size = sqlite3_column_int64(st, 4);
	row->length = sqlite3_column_int64(st, 5);
}

int state_layer_get(struct state *s, const char *chain_id, struct layer_row *ret)
{
	sqlite3_stmt *st;
	int e = query_step(s, QUERY_LAYER_GET, &st, PARAMS(T(chain_id)));

	if (e <= 0)
		return e < 0 ? e : -ENOENT;
	read_layer(st, ret);
	query_end(st);
	return 0;
}

int state_layer_delete(struct state *s, const char *chain_id)
{
	return query_change(s, QUERY_LAYER_DELETE, PARAMS(T(chain_id)));
}

int state_layer_each(struct state *s, int (*f)(void *data, const struct layer_row *row), void *data)
{
	struct layer_row row;
	int64_t seq = 0;
	sqlite3_stmt *st;
	int e;

	for (;;) {
		e = query_step(s, QUERY_LAYER_NEXT, &st, PARAMS(I(seq)));
		if (e <= 0)
			return e;
		seq = sqlite3_column_int64(st, 0);
		read_layer(st, &row);
		query_end(st);
		e = f(data, &row);
		if (e)
			return e;
	}
}

/* --- volumes ----------------------------------------------------------------------------------------------------- */
void volume_row_finish(struct volume_row *row)
{
	free(row->name);
	free(row->labels);
	free(row->options);
	memset(row, 0, sizeof(*row));
}

int state_volume_put(struct state *s, const struct volume_row *row)
{
	return query_run(s, QUERY_VOLUME_PUT,
			 PARAMS(T(row->name), T(row->labels), I(row->created_ns), I(row->anonymous), T(row->options)));
}

static int read_volume(sqlite3_stmt *st, struct volume_row *row)
{
	memset(row, 0, sizeof(*row));
	row->created_ns = sqlite3_column_int64(st, 3);
	row->anonymous = sqlite3_column_int(st, 4);
	if (take_text(st, 1, &row->name) < 0 || take_text(st, 2, &row->labels) < 0 ||
	    take_text(st, 5, &row->options) < 0) {
		volume_row_finish(row);
		return -ENOMEM;
	}
	return 0;
}

int state_volume_get(struct state *s, const char *name, struct volume_row *ret)
{
	struct volume_row row;
	sqlite3_stmt *st;
	int e = query_step(s, QUERY_VOLUME_GET, &st, PARAMS(T(name)));

	if (e <= 0)
		return e < 0 ? e : -ENOENT;
	e = read_volume(st, &row);
	query_end(st);
	if (e == 0)
		*ret = row;
	return e;
}

int state_volume_delete(struct state *s, const char *name)
{
	return query_change(s, QUERY_VOLUME_DELETE, PARAMS(T(name)));
}

int state_volume_each(struct state *s, int (*f)(void *data, struct volume_row *row), void *data)
{
	struct volume_row row;
	int64_t seq = 0;
	sqlite3_stmt *st;
	int e;

	for (;;) {
		e = query_step(s, QUERY_VOLUME_NEXT, &st, PARAMS(I(seq)));
		if (e <= 0)
			return e;
		seq = sqlite3_column_int64(st, 0);
		e = read_volume(st, &row);
		query_end(st);
		if (e < 0)
			return e;
		e = f(data, &row);
		volume_row_finish(&row);
		if (e)
			return e;
	}
}
