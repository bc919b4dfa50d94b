/* filters.h - the "filters" parameter of lists and events: {"k":{"v":true}} or {"k":["v"]}. */
#ifndef POSTERN_CONTAINER_FILTERS_H
#define POSTERN_CONTAINER_FILTERS_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "../err.h"

/* Parses text (NULL and "" give no filters) into {"k":["v", ...]}. known: NULL-terminated names, NULL: all are. 400 for
 * another name or shape, in Docker's words. The caller owns the result. */
int filters_parse(const char *text, const char *const *known, cJSON **ret, struct err *err);
/* Values of one filter, an array; NULL when it is not given. */
const cJSON *filters_get(const cJSON *filters, const char *key);
/* True when the filter is not given or value is among its values. */
bool filters_match(const cJSON *filters, const char *key, const char *value);
/* The same for names, of which a part is enough; "^" and "$" are its beginning and its end. */
bool filters_match_name(const cJSON *filters, const char *key, const char *name);
/* True when labels (object) have all that the filter asks: "k" or "k=v". */
bool filters_match_labels(const cJSON *filters, const char *key, const cJSON *labels);
/* A "1700000000.5", RFC 3339 or "10m" (ago) time in nanoseconds: 0 or -1 with err 400. */
int filters_time(const char *text, int64_t *ret_ns, struct err *err);

/* "10m", "1h30m", "2.5s": Go's durations in nanoseconds, to the end of the text. 0 or -1. */
int filters_duration(const char *text, int64_t *ret_ns);
/* A filter that is true or false, of which the first value counts: 1, 0, or fallback when it is not given. -1 with err
 * 400. */
int filters_bool(const cJSON *filters, const char *key, int fallback, struct err *err);

#endif
