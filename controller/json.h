/* json.h - JSON bodies as Docker's clients send them (shared rules: one value, bounded, duplicates refused, names
 * matched without case, null stands for absent, unknown fields ignored). Built on cJSON. */
#ifndef POSTERN_JSON_H
#define POSTERN_JSON_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

enum { JSON_DEPTH_MAX = 64, JSON_NODES_MAX = 100000 };

/* Parses exactly one value. NULL with *err set (400, Docker's sentences) when it is not one, too deep, has duplicate
 * names (compared without case), or trailing bytes. The caller owns the result: cJSON_Delete. */
cJSON *json_parse(const char *text, size_t len, struct err *err);

/* Member of an object without case; NULL for absent and for null. o may be NULL. */
const cJSON *json_get(const cJSON *o, const char *name);
/* Text member or fallback; *err (400) when it is of another type. */
const char *json_text(const cJSON *o, const char *name, const char *fallback, struct err *err);
bool json_bool(const cJSON *o, const char *name, bool fallback, struct err *err);
/* Whole number; *err (400) when it is no number, a fraction or out of int64. */
int64_t json_int(const cJSON *o, const char *name, int64_t fallback, struct err *err);
/* Array of texts: NULL-terminated fresh array whose strings belong to the JSON value; free() the array. A single string
 * counts as an array of one (Docker's StrSlice). NULL for absent. */
const char **json_texts(const cJSON *o, const char *name, size_t *ret_n, struct err *err);

/* A number with all its digits: cJSON's own are doubles, printed as 1.7e+18 beyond 2^53, which no client takes for an
 * integer. For printing only: it is a raw node that json_int does not read. */
cJSON *json_add_int(cJSON *o, const char *name, int64_t value);
/* Appends a text to an array of texts that has it not; an empty one never. */
void json_add_once(cJSON *array, const char *text);
/* Writes text as a JSON string with its quotes, cut to what fits; bytes that are no UTF-8 become '?'. Returns its
 * length. */
size_t json_quote(char *to, size_t size, const char *text);

#endif
