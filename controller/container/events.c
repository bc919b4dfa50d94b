/* events.c - a ring of the last events and those who listen. An event's text is made once, when it happens.
 *
 * A listener has the number of the next event that it wants; one that is slower than the ring misses some. */
#include "events.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "../api/http.h"
#include "../engine.h"
#include "../json.h"
#include "../task.h"
#include "filters.h"
#include "times.h"

enum { EVENTS_RING = 256, SECOND = 1000000000 };

struct event {
	int64_t time_ns;
	cJSON *o; /* as it is sent */
};

struct listener {
	TAILQ_ENTRY(listener) next;
	struct task *task;
};

struct events {
	struct event ring[EVENTS_RING];
	uint64_t count; /* events that ever were; number n is in ring[n % EVENTS_RING] */
	TAILQ_HEAD(listener_head, listener) listeners;
};

int events_create(struct engine *e)
{
	e->events = calloc(1, sizeof(*e->events));
	if (!e->events)
		return -1;
	TAILQ_INIT(&e->events->listeners);
	return 0;
}

void events_emit(struct engine *e, const char *type, const char *action, const char *id, const cJSON *attributes)
{
	struct event *ev = &e->events->ring[e->events->count % EVENTS_RING];
	cJSON *o = cJSON_CreateObject(), *actor;
	const cJSON *from = json_get(attributes, "image");
	struct listener *l;

	cJSON_Delete(ev->o);
	ev->o = o;
	ev->time_ns = time_now_ns();
	if (strcmp(type, "container") == 0 || strcmp(type, "image") == 0) {
		cJSON_AddStringToObject(o, "status", action);
		cJSON_AddStringToObject(o, "id", id);
		if (cJSON_IsString(from) && type[0] == 'c')
			cJSON_AddStringToObject(o, "from", from->valuestring);
	}
	cJSON_AddStringToObject(o, "Type", type);
	cJSON_AddStringToObject(o, "Action", action);
	actor = cJSON_AddObjectToObject(o, "Actor");
	cJSON_AddStringToObject(actor, "ID", id);
	cJSON_AddItemToObject(actor, "Attributes",
			      attributes ? cJSON_Duplicate(attributes, true) : cJSON_CreateObject());
	cJSON_AddStringToObject(o, "scope", "local");
	json_add_int(o, "time", ev->time_ns / 1000000000);
	json_add_int(o, "timeNano", ev->time_ns);
	e->events->count++;
	for (l = TAILQ_FIRST(&e->events->listeners); l; l = TAILQ_NEXT(l, next))
		task_wake(l->task);
}

unsigned events_listeners(const struct engine *e)
{
	const struct listener *l;
	unsigned n = 0;

	for (l = TAILQ_FIRST(&e->events->listeners); l; l = TAILQ_NEXT(l, next))
		n++;
	return n;
}

static const char *text_of(const cJSON *o, const char *name)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, name);

	return cJSON_IsString(v) ? v->valuestring : "";
}

/* By id, its prefix, or name; an image also by the name without its tag. */
static bool matches_object(const cJSON *filters, const char *key, const cJSON *event, bool image)
{
	const cJSON *v, *values = filters_get(filters, key), *actor = cJSON_GetObjectItemCaseSensitive(event, "Actor");
	const cJSON *attributes = cJSON_GetObjectItemCaseSensitive(actor, "Attributes");
	const char *id = text_of(actor, "ID");
	const char *name = text_of(attributes, image && text_of(attributes, "image")[0] ? "image" : "name");

	if (!values)
		return true;
	if (!image && strcmp(text_of(event, "Type"), key) != 0)
		return false;
	cJSON_ArrayForEach(v, values) {
		size_t len = strlen(v->valuestring);

		if (len && strncmp(id, v->valuestring, len) == 0 &&
		    (!image || strcmp(text_of(event, "Type"), "image") == 0))
			return true;
		if (strcmp(name, v->valuestring) == 0 ||
		    (image && len && strncmp(name, v->valuestring, len) == 0 && name[len] == ':'))
			return true;
	}
	return false;
}

/* "exec_start" also matches "exec_start: sh". */
static bool matches_action(const cJSON *filters, const char *action)
{
	const cJSON *v, *values = filters_get(filters, "event");

	cJSON_ArrayForEach(v, values) {
		size_t len = strlen(v->valuestring);

		if (strncmp(action, v->valuestring, len) == 0 && (action[len] == '\0' || action[len] == ':'))
			return true;
	}
	return !values;
}

static bool matches(const cJSON *filters, const cJSON *event)
{
	const cJSON *actor = cJSON_GetObjectItemCaseSensitive(event, "Actor");

	return filters_match(filters, "type", text_of(event, "Type")) && filters_match(filters, "scope", "local") &&
	       matches_action(filters, text_of(event, "Action")) &&
	       matches_object(filters, "container", event, false) && matches_object(filters, "volume", event, false) &&
	       matches_object(filters, "network", event, false) && matches_object(filters, "daemon", event, false) &&
	       matches_object(filters, "image", event, true) &&
	       filters_match_labels(filters, "label", cJSON_GetObjectItemCaseSensitive(actor, "Attributes"));
}

/* Sends what there is from *next on; -1 once the client has gone. */
static int send_events(struct http_request *r, const cJSON *filters, int64_t since, int64_t until, uint64_t *next)
{
	struct events *evs = http_engine(r)->events;

	while (*next < evs->count) {
		const struct event *ev;

		if (evs->count - *next > EVENTS_RING)
			*next = evs->count - EVENTS_RING;
		ev = &evs->ring[(*next)++ % EVENTS_RING];
		/* Clients cut the end to whole seconds: a whole second means all of it. */
		if (ev->time_ns < since || (until && ev->time_ns > until + (until % SECOND ? 0 : SECOND - 1)) ||
		    !matches(filters, ev->o))
			continue;
		/* While we wait for a slow client the ring may move on: send a copy. */
		cJSON *copy = cJSON_Duplicate(ev->o, true);
		int status = http_write_json(r, copy);

		cJSON_Delete(copy);
		if (status < 0)
			return -1;
	}
	return 0;
}

static void serve(struct http_request *r, const cJSON *filters, int64_t since, int64_t until)
{
	struct events *evs = http_engine(r)->events;
	struct listener self = { .task = task_self() };
	uint64_t next = since ? 0 : evs->count;

	http_begin(r, 200, NULL);
	TAILQ_INSERT_TAIL(&evs->listeners, &self, next);
	while (!http_gone(r) && send_events(r, filters, since, until, &next) == 0) {
		int64_t now = time_now_ns();

		if (until && now >= until)
			break;
		if (until)
			task_sleep_ms((uint64_t)((until - now) / 1000000 + 1));
		else
			task_park();
	}
	TAILQ_REMOVE(&evs->listeners, &self, next);
	http_end(r);
}

void events_serve(struct http_request *r)
{
	const char *since = http_query(r, "since"), *until = http_query(r, "until");
	int64_t since_ns = 0, until_ns = 0;
	struct err err = { 0 };
	cJSON *filters = NULL;

	if ((since && since[0] && filters_time(since, &since_ns, &err) < 0) ||
	    (until && until[0] && filters_time(until, &until_ns, &err) < 0) ||
	    filters_parse(http_query(r, "filters"), /* known= */ NULL, &filters, &err) < 0)
		http_reply_error(r, &err);
	else
		serve(r, filters, since_ns, until_ns);
	cJSON_Delete(filters);
}
