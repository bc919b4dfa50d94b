/* filters.c - see filters.h. The text is a client's: hostile. */
#include "filters.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "../../helpers/base/names.h"
#include "../../helpers/base/text.h"
#include "../json.h"
#include "times.h"

/* Adds the values of one key to an array: names of an object whose value is true, or texts of an array. */
static int add_values(const cJSON *in, cJSON *out, struct err *err)
{
	const cJSON *v;

	if (!cJSON_IsObject(in) && !cJSON_IsArray(in))
		return err_set(err, 400, "invalid filter");
	cJSON_ArrayForEach(v, in) {
		if (cJSON_IsArray(in) && cJSON_IsString(v))
			cJSON_AddItemToArray(out, cJSON_CreateString(v->valuestring));
		else if (cJSON_IsObject(in) && cJSON_IsTrue(v))
			cJSON_AddItemToArray(out, cJSON_CreateString(v->string));
		else if (!cJSON_IsObject(in) || !cJSON_IsBool(v))
			return err_set(err, 400, "invalid filter");
	}
	return 0;
}

static bool is_known(const char *const *known, const char *name)
{
	if (!known)
		return true;
	for (; *known; known++)
		if (strcmp(*known, name) == 0)
			return true;
	return false;
}

int filters_parse(const char *text, const char *const *known, cJSON **ret, struct err *err)
{
	const cJSON *key;
	cJSON *in, *out;

	*ret = NULL;
	if (!text || !text[0])
		return 0;
	in = json_parse(text, strlen(text), err);
	if (!in)
		return -1;
	out = cJSON_CreateObject();
	if (!cJSON_IsObject(in)) {
		err_set(err, 400, "invalid filter");
		goto fail;
	}
	cJSON_ArrayForEach(key, in) {
		if (!is_known(known, key->string)) {
			err_set(err, 400, "invalid filter '%.100s'", key->string);
			goto fail;
		}
		if (add_values(key, cJSON_AddArrayToObject(out, key->string), err) < 0)
			goto fail;
	}
	cJSON_Delete(in);
	*ret = out;
	return 0;
fail:
	cJSON_Delete(in);
	cJSON_Delete(out);
	return -1;
}

const cJSON *filters_get(const cJSON *filters, const char *key)
{
	const cJSON *values = cJSON_GetObjectItemCaseSensitive(filters, key);

	return cJSON_GetArraySize(values) > 0 ? values : NULL;
}

/* Docker takes a regular expression; here it is a part of the name, with ^ and $ at its ends: a client's pattern must
 * not cost us time. */
static bool name_like(const char *name, const char *pattern)
{
	char text[NAME_MAX_LEN + 4];
	size_t len;
	bool front, back;

	front = pattern[0] == '^';
	if (front)
		pattern++;
	if (pattern[0] == '/') { /* names are shown with one */
		front = true;
		pattern++;
	}
	if (text_copy(text, sizeof(text), pattern) < 0)
		return false;
	len = strlen(text);
	back = len > 0 && text[len - 1] == '$';
	if (back)
		text[--len] = '\0';
	if (front && back)
		return strcmp(name, text) == 0;
	if (front)
		return strncmp(name, text, len) == 0;
	if (back)
		return strlen(name) >= len && strcmp(name + strlen(name) - len, text) == 0;
	return strstr(name, text) != NULL;
}

bool filters_match_name(const cJSON *filters, const char *key, const char *name)
{
	const cJSON *v, *values = filters_get(filters, key);

	cJSON_ArrayForEach(v, values)
		if (name_like(name, v->valuestring))
			return true;
	return !values;
}

bool filters_match(const cJSON *filters, const char *key, const char *value)
{
	const cJSON *v, *values = filters_get(filters, key);

	cJSON_ArrayForEach(v, values)
		if (value && strcmp(v->valuestring, value) == 0)
			return true;
	return !values;
}

static bool has_label(const cJSON *labels, const char *wanted)
{
	const char *equals = strchr(wanted, '=');
	size_t len = equals ? (size_t)(equals - wanted) : strlen(wanted);
	const cJSON *l;

	cJSON_ArrayForEach(l, labels)
		if (strlen(l->string) == len && strncmp(l->string, wanted, len) == 0 &&
		    (!equals || (cJSON_IsString(l) && strcmp(l->valuestring, equals + 1) == 0)))
			return true;
	return false;
}

bool filters_match_labels(const cJSON *filters, const char *key, const cJSON *labels)
{
	const cJSON *v;

	cJSON_ArrayForEach(v, filters_get(filters, key))
		if (!has_label(labels, v->valuestring))
			return false;
	return true;
}

/* "10m", "1h30m", "2.5s": Go's durations, to the whole number of nanoseconds. */
int filters_duration(const char *s, int64_t *ret)
{
	static const struct {
		const char *unit;
		double ns;
	} units[] = { { "ns", 1 }, { "us", 1e3 }, { "ms", 1e6 }, { "s", 1e9 }, { "m", 60e9 }, { "h", 3600e9 } };
	double total = 0;

	while (*s) {
		char *end;
		double v = strtod(s, &end);
		bool found = false;

		if (end == s || v < 0 || v > 1e12)
			return -1;
		for (unsigned i = 0; i < sizeof(units) / sizeof(units[0]) && !found; i++) {
			size_t len = strlen(units[i].unit);

			found = strncmp(end, units[i].unit, len) == 0 && !isalpha((unsigned char)end[len]);
			if (found) {
				total += v * units[i].ns;
				s = end + len;
			}
		}
		if (!found || total > 9e18)
			return -1;
	}
	*ret = (int64_t)total;
	return 0;
}

/* Digits behind a point as nanoseconds. */
static const char *parse_fraction(const char *s, int64_t *ret)
{
	int64_t unit = 100000000;

	*ret = 0;
	if (*s != '.')
		return s;
	for (s++; isdigit((unsigned char)*s); s++, unit /= 10)
		*ret += (*s - '0') * unit;
	return s;
}

static int parse_rfc3339(const char *s, int64_t *ret)
{
	struct tm tm = { 0 };
	int64_t fraction, offset = 0;
	const char *p = strptime(s, "%Y-%m-%dT%H:%M:%S", &tm);

	if (!p) {
		memset(&tm, 0, sizeof(tm));
		p = strptime(s, "%Y-%m-%d", &tm);
		if (!p)
			return -1;
	}
	p = parse_fraction(p, &fraction);
	if ((*p == '+' || *p == '-') && isdigit((unsigned char)p[1]) && isdigit((unsigned char)p[2]) && p[3] == ':' &&
	    isdigit((unsigned char)p[4]) && isdigit((unsigned char)p[5])) {
		offset = ((p[1] - '0') * 10 + p[2] - '0') * 3600 + ((p[4] - '0') * 10 + p[5] - '0') * 60;
		offset = *p == '-' ? -offset : offset;
		p += 6;
	} else if (*p == 'Z') {
		p++;
	}
	if (*p)
		return -1;
	*ret = ((int64_t)timegm(&tm) - offset) * 1000000000 + fraction;
	return 0;
}

int filters_time(const char *text, int64_t *ret_ns, struct err *err)
{
	char *end;
	long long seconds;
	int64_t fraction, ago;

	errno = 0;
	seconds = strtoll(text, &end, 10);
	if (end != text && errno == 0 && seconds > -9000000000 && seconds < 9000000000) {
		const char *p = parse_fraction(end, &fraction);

		if (!*p) {
			*ret_ns = (int64_t)seconds * 1000000000 + fraction;
			return 0;
		}
	}
	if (parse_rfc3339(text, ret_ns) == 0)
		return 0;
	if (text[0] && filters_duration(text, &ago) == 0) {
		*ret_ns = time_now_ns() - ago;
		return 0;
	}
	return err_set(err, 400, "failed to parse value as time or duration: \"%.100s\"", text);
}

int filters_bool(const cJSON *filters, const char *key, int fallback, struct err *err)
{
	const cJSON *v = cJSON_GetArrayItem(filters_get(filters, key), 0);

	if (!v)
		return fallback;
	if (strcmp(v->valuestring, "1") == 0 || strcasecmp(v->valuestring, "true") == 0)
		return 1;
	if (strcmp(v->valuestring, "0") == 0 || strcasecmp(v->valuestring, "false") == 0)
		return 0;
	return err_set(err, 400, "invalid filter '%s=[%.60s]'", key, v->valuestring);
}
