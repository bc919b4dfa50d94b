/* routes_container_io.c - the routes of containers that stream or wait: their headers go out at once. */
#include <stdlib.h>
#include <string.h>

#include "../container/events.h"
#include "../container/internal.h"
#include "../container/stream.h"
#include "../json.h"
#include "http.h"
#include "routes_container.h"

void route_attach(struct http_request *r)
{
	struct container *c = route_container(r);

	if (!c)
		return;
	attach_serve(r, c);
	container_put(c);
}

void route_logs(struct http_request *r)
{
	struct container *c = route_container(r);

	if (!c)
		return;
	logs_serve(r, c);
	container_put(c);
}

void route_top(struct http_request *r)
{
	struct container *c = route_container(r);
	struct call_ctx ctx = http_call_ctx(r);
	struct err err = { 0 };
	cJSON *o;

	if (!c)
		return;
	o = container_top(c, http_query(r, "ps_args"), &ctx, &err);
	http_reply_result(r, o, &err);
	container_put(c);
}

void route_events(struct http_request *r)
{
	events_serve(r);
}

/* A number of rows or columns. */
static int query_size(struct http_request *r, const char *name, uint32_t *ret, struct err *err)
{
	const char *text = http_query(r, name);
	char *end;
	unsigned long v = strtoul(text ? text : "", &end, 10);

	if (!text || !text[0] || *end || v > 65535)
		return err_set(err, 400, "strconv.Atoi: parsing \"%.40s\": invalid syntax", text ? text : "");
	*ret = (uint32_t)v;
	return 0;
}

void route_resize(struct http_request *r)
{
	struct container *c = route_container(r);
	struct req_monitor_resize req = { 0 };
	struct err err = { 0 };

	if (!c)
		return;
	query_size(r, "h", &req.rows, &err);
	query_size(r, "w", &req.columns, &err);
	if (!err.status && (!container_is_running(c) || !c->monitor))
		err_set(&err, 409, "cannot resize a stopped container: container %s is not running", c->row.id);
	if (!err.status)
		monitor_call(c->monitor, OP_MONITOR_RESIZE, &req, NULL, &err);
	if (err.status)
		http_reply_error(r, &err);
	else
		http_reply_empty(r, 200);
	container_put(c);
}

enum condition { NOT_RUNNING, NEXT_EXIT, REMOVED };

static bool reached(const struct container *c, enum condition condition, unsigned run)
{
	switch (condition) {
	case NEXT_EXIT:
		return c->exits != run || c->gone;
	case REMOVED:
		return c->gone;
	default:
		return c->gone || (!container_is_running(c) && c->row.status != STATUS_STARTING);
	}
}

void route_wait(struct http_request *r)
{
	static const char *const names[] = {
		[NOT_RUNNING] = "not-running", [NEXT_EXIT] = "next-exit", [REMOVED] = "removed"
	};
	const char *text = http_query(r, "condition");
	enum condition condition = NOT_RUNNING;
	struct container *c;
	struct err err = { 0 };
	unsigned run;
	cJSON *o;

	if (text && text[0]) {
		while (condition <= REMOVED && strcmp(names[condition], text) != 0)
			condition++;
		if (condition > REMOVED) {
			err_set(&err, 400, "invalid condition: \"%.60s\"", text);
			http_reply_error(r, &err);
			return;
		}
	}
	c = route_container(r);
	if (!c)
		return;
	run = c->exits;
	/* The command line starts the container only when it has seen our headers. */
	http_begin(r, 200, NULL);
	while (!reached(c, condition, run) && !http_gone(r))
		container_watch(c, -1);
	if (!http_gone(r)) {
		o = cJSON_CreateObject();
		cJSON_AddNumberToObject(o, "StatusCode", c->row.exit_code);
		http_write_json(r, o);
		http_end(r);
		cJSON_Delete(o);
	}
	container_put(c);
}
