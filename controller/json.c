/* json.c - strict JSON in front of cJSON, which alone is lenient ("01", raw control characters, NUL as space).
 *
 * Every text here is hostile. A first pass over the bytes checks the grammar of RFC 8259, UTF-8, depth and number
 * of values; then cJSON builds the tree; then names are compared. Names of API fields match without case, so two
 * that differ in case only would be one field for us: refused, but in objects whose names are the user's (labels,
 * paths, options). */
#include "json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../helpers/base/cleanup.h"
#include "err.h"

/* Fields whose members are named by the user: case counts there. The lower-case ones are keys of `filters`. */
static const char *const maps[] = {
	"Annotations", "AuxiliaryAddresses", "Config", "DriverOpts", "EndpointsConfig", "ExposedPorts", "Labels",
	"Options", "PortBindings", "StorageOpt", "Sysctls", "Tmpfs", "Volumes",
	"ancestor", "before", "container", "image", "label", "label!", "name", "network", "reference", "since",
	"volume",
};

/* --- first pass ----------------------------------------------------------------------------------------------- */
struct scan {
	const char *at, *end;
	unsigned depth, nodes;
	const char *why; /* text of the failure */
};

static bool fail(struct scan *s, const char *why)
{
	if (!s->why)
		s->why = why;
	return false;
}

static void skip_space(struct scan *s)
{
	while (s->at < s->end && (*s->at == ' ' || *s->at == '\t' || *s->at == '\n' || *s->at == '\r'))
		s->at++;
}

static bool is_digit(const struct scan *s)
{
	return s->at < s->end && *s->at >= '0' && *s->at <= '9';
}

static bool scan_digits(struct scan *s)
{
	if (!is_digit(s))
		return fail(s, "invalid number");
	while (is_digit(s))
		s->at++;
	return true;
}

static bool scan_number(struct scan *s)
{
	if (*s->at == '-')
		s->at++;
	if (s->at < s->end && *s->at == '0')
		s->at++;
	else if (!scan_digits(s))
		return false;
	if (s->at < s->end && *s->at == '.') {
		s->at++;
		if (!scan_digits(s))
			return false;
	}
	if (s->at < s->end && (*s->at == 'e' || *s->at == 'E')) {
		s->at++;
		if (s->at < s->end && (*s->at == '+' || *s->at == '-'))
			s->at++;
		return scan_digits(s);
	}
	return true;
}

/* One character of several bytes: no overlong form, no surrogate, nothing above U+10FFFF (RFC 3629, section 4). */
static bool scan_utf8(struct scan *s)
{
	const unsigned char *p = (const unsigned char *)s->at;
	size_t left = (size_t)(s->end - s->at), n;
	unsigned char low = 0x80, high = 0xbf;

	if (p[0] >= 0xc2 && p[0] <= 0xdf)
		n = 1;
	else if (p[0] >= 0xe0 && p[0] <= 0xef)
		n = 2;
	else if (p[0] >= 0xf0 && p[0] <= 0xf4)
		n = 3;
	else
		return fail(s, "invalid UTF-8");
	if (p[0] == 0xe0)
		low = 0xa0;
	else if (p[0] == 0xed)
		high = 0x9f;
	else if (p[0] == 0xf0)
		low = 0x90;
	else if (p[0] == 0xf4)
		high = 0x8f;
	if (left <= n || p[1] < low || p[1] > high)
		return fail(s, "invalid UTF-8");
	for (size_t i = 2; i <= n; i++)
		if (p[i] < 0x80 || p[i] > 0xbf)
			return fail(s, "invalid UTF-8");
	s->at += n + 1;
	return true;
}

static bool scan_escape(struct scan *s)
{
	bool zero = true;

	if (s->at == s->end)
		return fail(s, "unexpected end of JSON input");
	if (*s->at != 'u') {
		if (*s->at == '\0' || !strchr("\"\\/bfnrt", *s->at))
			return fail(s, "invalid escape in a string");
		s->at++;
		return true;
	}
	s->at++;
	for (int i = 0; i < 4; i++, s->at++) {
		if (s->at == s->end || *s->at == '\0' || !strchr("0123456789abcdefABCDEF", *s->at))
			return fail(s, "invalid escape in a string");
		zero = zero && *s->at == '0';
	}
	/* Everything behind it would be lost in C strings. */
	return zero ? fail(s, "a string must not hold U+0000") : true;
}

static bool scan_string(struct scan *s)
{
	s->at++;
	while (s->at < s->end) {
		unsigned char c = (unsigned char)*s->at;

		if (c == '"') {
			s->at++;
			return true;
		}
		if (c < 0x20)
			return fail(s, "invalid control character in a string");
		if (c >= 0x80) {
			if (!scan_utf8(s))
				return false;
			continue;
		}
		s->at++;
		if (c == '\\' && !scan_escape(s))
			return false;
	}
	return fail(s, "unexpected end of JSON input");
}

static bool scan_word(struct scan *s, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(s->end - s->at) < n || memcmp(s->at, word, n) != 0)
		return fail(s, "invalid literal");
	s->at += n;
	return true;
}

static bool scan_value(struct scan *s);

/* Members of an array or object, up to and with its closing bracket. */
static bool scan_members(struct scan *s, char close, bool named)
{
	s->at++;
	if (++s->depth > JSON_DEPTH_MAX)
		return fail(s, "exceeded max depth");
	skip_space(s);
	if (s->at < s->end && *s->at == close) {
		s->at++;
		s->depth--;
		return true;
	}
	for (;;) {
		if (named) {
			skip_space(s);
			if (s->at == s->end)
				return fail(s, "unexpected end of JSON input");
			if (*s->at != '"')
				return fail(s, "a name must be a string");
			if (!scan_string(s))
				return false;
			skip_space(s);
			if (s->at == s->end || *s->at != ':')
				return fail(s, s->at == s->end ? "unexpected end of JSON input"
							       : "':' expected after a name");
			s->at++;
		}
		if (!scan_value(s))
			return false;
		skip_space(s);
		if (s->at == s->end)
			return fail(s, "unexpected end of JSON input");
		if (*s->at == close)
			break;
		if (*s->at != ',')
			return fail(s, "',' expected between values");
		s->at++;
	}
	s->at++;
	s->depth--;
	return true;
}

static bool scan_value(struct scan *s)
{
	skip_space(s);
	if (s->at == s->end)
		return fail(s, "unexpected end of JSON input");
	if (++s->nodes > JSON_NODES_MAX)
		return fail(s, "too many values");
	switch (*s->at) {
	case '{':
		return scan_members(s, '}', /* named= */ true);
	case '[':
		return scan_members(s, ']', /* named= */ false);
	case '"':
		return scan_string(s);
	case 't':
		return scan_word(s, "true");
	case 'f':
		return scan_word(s, "false");
	case 'n':
		return scan_word(s, "null");
	case '-': case '0': case '1': case '2': case '3': case '4': case '5': case '6': case '7': case '8': case '9':
		return scan_number(s);
	default:
		return fail(s, "invalid character looking for beginning of value");
	}
}

/* --- names ---------------------------------------------------------------------------------------------------- */
static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int by_name_without_case(const void *a, const void *b)
{
	return strcasecmp(*(char *const *)a, *(char *const *)b);
}

static bool is_map(const char *name)
{
	for (size_t i = 0; name && i < ARRAY_SIZE(maps); i++)
		if (strcasecmp(name, maps[i]) == 0)
			return true;
	return false;
}

/* n log n, since n is the client's. */
static int check_object(const cJSON *o, struct err *err)
{
	int (*compare)(const void *, const void *) = is_map(o->string) ? by_name : by_name_without_case;
	const char *few[16];
	_cleanup_free_ const char **many = NULL;
	const char **names = few;
	size_t n = 0;

	for (const cJSON *i = o->child; i; i = i->next)
		n++;
	if (n > ARRAY_SIZE(few)) {
		names = many = malloc(n * sizeof(*names));
		if (!many)
			return err_set(err, 500, "out of memory");
	}
	n = 0;
	for (const cJSON *i = o->child; i; i = i->next)
		names[n++] = i->string;
	if (n > 1)
		qsort(names, n, sizeof(*names), compare);
	for (size_t i = 1; i < n; i++)
		if (compare(&names[i - 1], &names[i]) == 0)
			return err_set(err, 400, "invalid JSON: duplicate name \"%.64s\"", names[i]);
	return 0;
}

static int check_names(const cJSON *v, struct err *err)
{
	if (cJSON_IsObject(v) && check_object(v, err) < 0)
		return -1;
	for (const cJSON *i = v->child; i; i = i->next)
		if (i->child && check_names(i, err) < 0)
			return -1;
	return 0;
}

cJSON *json_parse(const char *text, size_t len, struct err *err)
{
	struct scan s = { .at = text, .end = text + len };
	cJSON *v;

	if (!scan_value(&s)) {
		err_set(err, 400, "invalid JSON: %s (at byte %zu)", s.why, (size_t)(s.at - text));
		return NULL;
	}
	skip_space(&s);
	if (s.at != s.end) {
		err_set(err, 400, "unexpected content after JSON");
		return NULL;
	}
	v = cJSON_ParseWithLength(text, len);
	if (!v) {
		/* What the grammar allows and cJSON does not: a lone surrogate, a number of more than 63 digits. */
		err_set(err, 400, "invalid JSON: a value cannot be represented");
		return NULL;
	}
	if (check_names(v, err) < 0) {
		cJSON_Delete(v);
		return NULL;
	}
	return v;
}

/* --- fields --------------------------------------------------------------------------------------------------- */
const cJSON *json_get(const cJSON *o, const char *name)
{
	const cJSON *found = NULL;

	if (!cJSON_IsObject(o))
		return NULL;
	for (const cJSON *i = o->child; i; i = i->next) {
		/* most differ in the first letter: a configuration has a hundred names, and each is asked for */
		if (((i->string[0] ^ name[0]) & ~0x20) || strcasecmp(i->string, name) != 0)
			continue;
		found = i;
		if (strcmp(i->string, name) == 0)
			break; /* in a map both may be there */
	}
	return found && !cJSON_IsNull(found) ? found : NULL;
}

const char *json_text(const cJSON *o, const char *name, const char *fallback, struct err *err)
{
	const cJSON *v = json_get(o, name);

	if (!v)
		return fallback;
	if (!cJSON_IsString(v)) {
		err_set(err, 400, "invalid JSON: field %s must be a string", name);
		return fallback;
	}
	return v->valuestring;
}

bool json_bool(const cJSON *o, const char *name, bool fallback, struct err *err)
{
	const cJSON *v = json_get(o, name);

	if (!v)
		return fallback;
	if (!cJSON_IsBool(v)) {
		err_set(err, 400, "invalid JSON: field %s must be true or false", name);
		return fallback;
	}
	return cJSON_IsTrue(v);
}

int64_t json_int(const cJSON *o, const char *name, int64_t fallback, struct err *err)
{
	const cJSON *v = json_get(o, name);

	if (!v)
		return fallback;
	/* 2^63 as a double is the first value that is too large. */
	if (!cJSON_IsNumber(v) || v->valuedouble != floor(v->valuedouble) || v->valuedouble < -9223372036854775808.0 ||
	    v->valuedouble >= 9223372036854775808.0) {
		err_set(err, 400, "invalid JSON: field %s must be a whole number", name);
		return fallback;
	}
	return (int64_t)v->valuedouble;
}

const char **json_texts(const cJSON *o, const char *name, size_t *ret_n, struct err *err)
{
	const cJSON *v = json_get(o, name);
	const char **texts;
	size_t n = 0;

	*ret_n = 0;
	if (!v)
		return NULL;
	if (!cJSON_IsString(v) && !cJSON_IsArray(v)) {
		err_set(err, 400, "invalid JSON: field %s must be an array of strings", name);
		return NULL;
	}
	for (const cJSON *i = v->child; i; i = i->next)
		n++;
	texts = calloc(n + 2, sizeof(*texts));
	if (!texts) {
		err_set(err, 500, "out of memory");
		return NULL;
	}
	n = 0;
	if (cJSON_IsString(v))
		texts[n++] = v->valuestring;
	for (const cJSON *i = v->child; i; i = i->next) {
		if (!cJSON_IsString(i) && !cJSON_IsNull(i)) {
			free(texts);
			err_set(err, 400, "invalid JSON: field %s must be an array of strings", name);
			return NULL;
		}
		texts[n++] = cJSON_IsString(i) ? i->valuestring : "";
	}
	*ret_n = n;
	return texts;
}

/* --- making --------------------------------------------------------------------------------------------------- */
void json_add_once(cJSON *array, const char *text)
{
	const cJSON *v;

	cJSON_ArrayForEach(v, array)
		if (cJSON_IsString(v) && strcmp(v->valuestring, text) == 0)
			return;
	if (text[0])
		cJSON_AddItemToArray(array, cJSON_CreateString(text));
}

cJSON *json_add_int(cJSON *o, const char *name, int64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%lld", (long long)value);
	return cJSON_AddRawToObject(o, name, text);
}

size_t json_quote(char *to, size_t size, const char *text)
{
	size_t n = 0;

	if (size < 3)
		return 0;
	to[n++] = '"';
	for (struct scan s = { .at = text, .end = text + strlen(text) }; s.at < s.end;) {
		const char *from = s.at;
		unsigned char c = (unsigned char)*from;
		char escape[8];
		size_t k;

		if (c >= 0x80 && scan_utf8(&s)) {
			k = (size_t)(s.at - from);
		} else {
			s.at = from + 1;
			if (c == '"' || c == '\\')
				k = (size_t)snprintf(escape, sizeof(escape), "\\%c", c);
			else if (c == '\n')
				k = (size_t)snprintf(escape, sizeof(escape), "\\n");
			else if (c < 0x20 || c == 0x7f)
				k = (size_t)snprintf(escape, sizeof(escape), "\\u%04x", c);
			else
				k = (size_t)snprintf(escape, sizeof(escape), "%c", c < 0x80 ? c : '?');
			from = escape;
		}
		if (size - n < k + 2)
			break;
		memcpy(to + n, from, k);
		n += k;
	}
	to[n++] = '"';
	to[n] = '\0';
	return n;
}
