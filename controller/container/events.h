/* events.h - what happened, for GET /events: a ring of the last ones and those who listen. */
#ifndef POSTERN_EVENTS_H
#define POSTERN_EVENTS_H

#include <cjson/cJSON.h>

struct engine;
struct http_request;

int events_create(struct engine *e);
/* type "container", "image", "volume"; action "start", ...; id; attributes: object (borrowed) or NULL. */
void events_emit(struct engine *e, const char *type, const char *action, const char *id, const cJSON *attributes);
/* How many clients listen. */
unsigned events_listeners(const struct engine *e);
/* GET /events: since, until, filters. */
void events_serve(struct http_request *r);

#endif
