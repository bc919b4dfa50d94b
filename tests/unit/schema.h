/* schema.h - checks a JSON value against the JSON schemas (draft 4) of the OCI runtime specification: as much of the
 * language as those use. Test code: one .c includes it. */
#ifndef POSTERN_TEST_SCHEMA_H
#define POSTERN_TEST_SCHEMA_H

#include <cjson/cJSON.h>
#include <fcntl.h>
#include <math.h>
#include <regex.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../controller/json.h"
#include "../../helpers/base/fd.h"

enum { SCHEMA_FILES_MAX = 16 };
struct schema_set {
	const char *dir;
	bool quiet; /* inside anyOf and the like: a failure is no failure yet */
	size_t n;
	struct {
		char name[64];
		cJSON *doc;
	} files[SCHEMA_FILES_MAX];
};

static bool schema_check(struct schema_set *s, const cJSON *file, const cJSON *schema, const cJSON *v,
			 const char *path);

static const cJSON *schema_file(struct schema_set *s, const char *name)
{
	char path[4096], *text = NULL;
	size_t i, len;
	int fd;

	for (i = 0; i < s->n; i++)
		if (!strcmp(s->files[i].name, name))
			return s->files[i].doc;
	snprintf(path, sizeof(path), "%s/%s", s->dir, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || s->n == SCHEMA_FILES_MAX || fd_read_all(fd, 1 << 20, &text, &len))
		return NULL;
	close(fd);
	snprintf(s->files[s->n].name, sizeof(s->files[s->n].name), "%s", name);
	s->files[s->n].doc = cJSON_Parse(text);
	free(text);
	return s->files[s->n++].doc;
}

static bool schema_fail(struct schema_set *s, const char *path, const char *why)
{
	if (!s->quiet)
		fprintf(stderr, "\n%s: %s\n", path, why);
	return false;
}

/* "file.json#/definitions/X", either part may be missing. */
static bool schema_ref(struct schema_set *s, const cJSON *file, const char *ref, const cJSON *v, const char *path)
{
	const char *hash = strchr(ref, '#');
	size_t n = hash ? (size_t)(hash - ref) : strlen(ref);
	char name[64], part[128];
	const cJSON *to;

	snprintf(name, sizeof(name), "%.*s", (int)n, ref);
	file = n ? schema_file(s, name) : file;
	for (to = file; hash && *hash && to;) {
		hash += hash[0] == '#' ? 1 : 0;
		if (!*hash)
			break;
		hash++;
		n = strcspn(hash, "/");
		snprintf(part, sizeof(part), "%.*s", (int)n, hash);
		hash += n;
		to = cJSON_GetObjectItemCaseSensitive(to, part);
	}
	return to ? schema_check(s, file, to, v, path) : schema_fail(s, path, ref);
}

static bool schema_type(const cJSON *type, const cJSON *v)
{
	const char *t = cJSON_IsString(type) ? type->valuestring : "";

	return (!strcmp(t, "object") && cJSON_IsObject(v)) || (!strcmp(t, "array") && cJSON_IsArray(v)) ||
	       (!strcmp(t, "string") && cJSON_IsString(v)) || (!strcmp(t, "boolean") && cJSON_IsBool(v)) ||
	       (!strcmp(t, "null") && cJSON_IsNull(v)) || (!strcmp(t, "number") && cJSON_IsNumber(v)) ||
	       (!strcmp(t, "integer") && cJSON_IsNumber(v) && floor(v->valuedouble) == v->valuedouble);
}

static bool schema_matches(const char *pattern, const char *text)
{
	regex_t re;
	bool match;

	if (regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB))
		return true; /* not of this kind of expression */
	match = !regexec(&re, text, 0, NULL, 0);
	regfree(&re);
	return match;
}

static bool schema_object(struct schema_set *s, const cJSON *file, const cJSON *schema, const cJSON *v,
			  const char *path)
{
	const cJSON *properties = cJSON_GetObjectItemCaseSensitive(schema, "properties"), *e, *p;
	bool good = true;

	cJSON_ArrayForEach(e, cJSON_GetObjectItemCaseSensitive(schema, "required"))
		if (!cJSON_GetObjectItemCaseSensitive(v, e->valuestring))
			good = schema_fail(s, path, "a required member is missing");
	cJSON_ArrayForEach(e, v) {
		char sub[512];

		snprintf(sub, sizeof(sub), "%s.%s", path, e->string);
		p = cJSON_GetObjectItemCaseSensitive(properties, e->string);
		if (p)
			good = schema_check(s, file, p, e, sub) && good;
		else if (cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(schema, "additionalProperties")))
			good = schema_fail(s, sub, "unknown member");
		cJSON_ArrayForEach(p, cJSON_GetObjectItemCaseSensitive(schema, "patternProperties"))
			if (schema_matches(p->string, e->string))
				good = schema_check(s, file, p, e, sub) && good;
	}
	return good;
}

static unsigned schema_count(struct schema_set *s, const cJSON *file, const cJSON *list, const cJSON *v,
			     const char *path)
{
	bool quiet = s->quiet;
	unsigned n = 0;
	const cJSON *e;

	s->quiet = true;
	cJSON_ArrayForEach(e, list)
		n += schema_check(s, file, e, v, path);
	s->quiet = quiet;
	return n;
}

static bool schema_scalar(struct schema_set *s, const cJSON *schema, const cJSON *v, const char *path)
{
	const cJSON *min = cJSON_GetObjectItemCaseSensitive(schema, "minimum");
	const cJSON *max = cJSON_GetObjectItemCaseSensitive(schema, "maximum");
	const cJSON *pattern = cJSON_GetObjectItemCaseSensitive(schema, "pattern");
	const cJSON *words = cJSON_GetObjectItemCaseSensitive(schema, "enum"), *e;
	bool found = !words;

	if (cJSON_IsNumber(v) &&
	    ((min && v->valuedouble < min->valuedouble) || (max && v->valuedouble > max->valuedouble)))
		return schema_fail(s, path, "number out of range");
	if (cJSON_IsString(v) && pattern && !schema_matches(pattern->valuestring, v->valuestring))
		return schema_fail(s, path, "does not match its pattern");
	cJSON_ArrayForEach(e, words)
		found = found || cJSON_Compare(e, v, true);
	return found ? true : schema_fail(s, path, "not one of the possible values");
}

static bool schema_check(struct schema_set *s, const cJSON *file, const cJSON *schema, const cJSON *v, const char *path)
{
	const cJSON *ref = cJSON_GetObjectItemCaseSensitive(schema, "$ref"),
		    *type = cJSON_GetObjectItemCaseSensitive(schema, "type");
	const cJSON *items = cJSON_GetObjectItemCaseSensitive(schema, "items"), *list, *e;
	bool good = true;

	if (ref && !schema_ref(s, file, ref->valuestring, v, path))
		return false;
	if (cJSON_IsString(type) && !schema_type(type, v))
		return schema_fail(s, path, "wrong type");
	good = schema_scalar(s, schema, v, path);
	if (cJSON_IsObject(v))
		good = schema_object(s, file, schema, v, path) && good;
	if (cJSON_IsArray(v) && items)
		cJSON_ArrayForEach(e, v)
			good = schema_check(s, file, items, e, path) && good;
	list = cJSON_GetObjectItemCaseSensitive(schema, "anyOf");
	if (list && !schema_count(s, file, list, v, path))
		good = schema_fail(s, path, "none of anyOf");
	list = cJSON_GetObjectItemCaseSensitive(schema, "oneOf");
	if (list && schema_count(s, file, list, v, path) != 1)
		good = schema_fail(s, path, "not exactly one of oneOf");
	cJSON_ArrayForEach(e, cJSON_GetObjectItemCaseSensitive(schema, "allOf"))
		good = schema_check(s, file, e, v, path) && good;
	list = cJSON_GetObjectItemCaseSensitive(schema, "not");
	if (list) {
		bool quiet = s->quiet, is;

		s->quiet = true;
		is = schema_check(s, file, list, v, path);
		s->quiet = quiet;
		good = is ? schema_fail(s, path, "is what it must not be") : good;
	}
	return good;
}

static void schema_finish(struct schema_set *s)
{
	while (s->n)
		cJSON_Delete(s->files[--s->n].doc);
}

#endif
