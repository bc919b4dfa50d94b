/* format.c - what is shown: JSON paths, --format templates, tables, sizes and times. No locale is ever set. */
#define _XOPEN_SOURCE 700
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../helpers/base/cleanup.h"
#include "cli.h"
#include "template.h"

void text_plain(char *out, size_t size, const char *s)
{
	size_t n = 0;

	for (; *s && n + 1 < size; s++, n++)
		out[n] = (unsigned char)*s < 0x20 || *s == 0x7f ? '?' : *s;
	out[n] = '\0';
}

enum { TEXT_FILE_MAX = 4 << 20 };

char *text_file(const char *path)
{
	FILE *f = fopen(path, "re");
	char *text = f ? malloc(TEXT_FILE_MAX) : NULL;
	size_t n = text ? fread(text, 1, TEXT_FILE_MAX, f) : 0;

	if (f)
		fclose(f);
	if (!text || n == TEXT_FILE_MAX) {
		fail(-1, "%s: %s", path, f ? "too large" : strerror(errno));
		free(text);
		return NULL;
	}
	text[n] = '\0';
	return text;
}

/* --- JSON ------------------------------------------------------------------------------------------------------ */
const cJSON *json_at(const cJSON *v, const char *path)
{
	char key[128];

	while (v && *path) {
		size_t n = strcspn(path, ".");

		if (n >= sizeof(key))
			return NULL;
		memcpy(key, path, n);
		key[n] = '\0';
		v = cJSON_IsArray(v) ? cJSON_GetArrayItem(v, isdigit((unsigned char)*key) ? atoi(key) : -1) :
				       cJSON_GetObjectItemCaseSensitive(v, key);
		path += n + (path[n] == '.');
	}
	return v;
}

const char *json_text_at(const cJSON *v, const char *path)
{
	v = json_at(v, path);
	return cJSON_IsString(v) ? v->valuestring : "";
}

double json_number_at(const cJSON *v, const char *path)
{
	v = json_at(v, path);
	return cJSON_IsNumber(v) ? v->valuedouble : 0;
}

/* As Docker lays it out: 4 spaces a level, nothing for an empty object or list. */
void json_print(FILE *out, const cJSON *v, int depth)
{
	bool object = cJSON_IsObject(v);
	_cleanup_free_ char *text = NULL;
	const cJSON *c;

	if ((!object && !cJSON_IsArray(v)) || !v->child) {
		text = cJSON_PrintUnformatted(v);
		fprintf(out, "%s%s", text ? text : "null", depth ? "" : "\n");
		return;
	}
	fputs(object ? "{" : "[", out);
	cJSON_ArrayForEach(c, v) {
		cJSON name = { .type = cJSON_String, .valuestring = c->string };
		_cleanup_free_ char *quoted = object ? cJSON_PrintUnformatted(&name) : NULL;

		fprintf(out, "%s\n%*s%s%s", c == v->child ? "" : ",", 4 * (depth + 1), "", quoted ? quoted : "",
			quoted ? ": " : "");
		json_print(out, c, depth + 1);
	}
	fprintf(out, "\n%*s%s", 4 * depth, "", object ? "}" : "]");
	if (depth == 0)
		fputc('\n', out);
}

/* --- templates --------------------------------------------------------------------------------------------------- */
int template_print(FILE *out, const char *text, const cJSON *v)
{
	char error[TEMPLATE_ERROR_MAX];

	if (template_run(out, text, v, error) < 0)
		return fail(-1, "template parsing error: template: :1: %s", error);
	fputc('\n', out);
	return 0;
}

/* --- tables ------------------------------------------------------------------------------------------------------ */
enum { COLUMNS_MAX = 16, CELL_MAX = 512, CELL_MIN = 7 /* as Docker's */ };

/* Letters as seen: bytes that do not continue a UTF-8 sequence. */
static int width(const char *s)
{
	int n = 0;

	for (; *s; s++)
		n += (*s & 0xc0) != 0x80;
	return n;
}

static int print_columns(const cJSON *rows, const struct column *columns, size_t n, bool titles)
{
	int widths[COLUMNS_MAX];
	char cell[CELL_MAX];
	const cJSON *row;

	for (size_t i = 0; i < n; i++)
		widths[i] = titles ? width(columns[i].title) : 0;
	cJSON_ArrayForEach(row, rows) {
		for (size_t i = 0; i < n; i++) {
			text_plain(cell, sizeof(cell), json_text_at(row, columns[i].key));
			widths[i] = width(cell) > widths[i] ? width(cell) : widths[i];
		}
	}
	for (size_t i = 0; i < n; i++)
		if (widths[i] < CELL_MIN)
			widths[i] = CELL_MIN;
	for (size_t i = 0; titles && i < n; i++)
		printf("%s%*s", columns[i].title, i + 1 < n ? widths[i] - width(columns[i].title) + 3 : 0, "");
	if (titles)
		putchar('\n');
	cJSON_ArrayForEach(row, rows) {
		for (size_t i = 0; i < n; i++) {
			text_plain(cell, sizeof(cell), json_text_at(row, columns[i].key));
			printf("%s%*s", cell, i + 1 < n ? widths[i] - width(cell) + 3 : 0, "");
		}
		putchar('\n');
	}
	return 0;
}

/* "table {{.ID}}\t{{.Names}}": its fields as columns, with the titles that the table has for them. */
static int print_named(const cJSON *rows, const struct column *columns, size_t n, const char *format)
{
	struct column wanted[COLUMNS_MAX];
	char keys[COLUMNS_MAX][64];
	size_t count = 0;

	for (const char *p = strstr(format, "{{"); p; p = strstr(p, "{{")) {
		const char *start = p + 2 + strspn(p + 2, " ."), *end = strstr(p, "}}");

		if (!end || count == COLUMNS_MAX)
			return fail(1, "template: unclosed action, or too many columns");
		snprintf(keys[count], sizeof(keys[count]), "%.*s", (int)strcspn(start, " }"), start);
		wanted[count] = (struct column){ keys[count], keys[count] };
		for (size_t i = 0; i < n; i++)
			if (strcmp(columns[i].key, keys[count]) == 0)
				wanted[count] = columns[i];
		count++;
		p = end + 2;
	}
	return print_columns(rows, wanted, count, true);
}

int table_print(const cJSON *rows, const struct column *columns, size_t n, const char *format, bool titles)
{
	const cJSON *row;

	if (!format || strcmp(format, "table") == 0)
		return print_columns(rows, columns, n, titles);
	if (strncmp(format, "table ", 6) == 0)
		return print_named(rows, columns, n, format + 6);
	cJSON_ArrayForEach(row, rows) {
		if (template_print(stdout, strcmp(format, "json") == 0 ? "{{json .}}" : format, row) < 0)
			return 1;
	}
	return 0;
}

/* --- sizes and times -------------------------------------------------------------------------------------- */
void text_ago(char *out, size_t size, int64_t seconds)
{
	static const struct {
		int64_t below, unit;
		const char *word;
	} steps[] = { { 60, 1, "second" },
		      { 3600, 60, "minute" },
		      { 48 * 3600, 3600, "hour" },
		      { 14 * 86400, 86400, "day" },
		      { 60 * 86400, 7 * 86400, "week" },
		      { 730 * 86400, 30 * 86400, "month" },
		      { INT64_MAX, 365 * 86400, "year" } };

	if (seconds < 1) {
		snprintf(out, size, "Less than a second");
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		int64_t n = seconds / steps[i].unit;

		if (seconds >= steps[i].below)
			continue;
		if (n == 1 && steps[i].unit > 1)
			snprintf(out, size, "About %s %s", steps[i].unit == 3600 ? "an" : "a", steps[i].word);
		else
			snprintf(out, size, "%lld %s%s", (long long)n, steps[i].word, n == 1 ? "" : "s");
		return;
	}
}

void text_size(char *out, size_t size, double bytes, enum size_digits digits)
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB", "PB" };
	size_t i = 0;

	while (bytes >= 1000 && i + 1 < ARRAY_SIZE(units)) {
		bytes /= 1000;
		i++;
	}
	snprintf(out, size, "%.*g%s", (int)digits, bytes, units[i]);
}

int64_t time_seconds(const char *s)
{
	struct tm tm = { 0 };
	const char *end = strptime(s, "%Y-%m-%dT%H:%M:%S", &tm);
	int hours, minutes;
	int64_t t;

	if (!end || tm.tm_year < 70)
		return 0;
	t = (int64_t)timegm(&tm);
	if (*end == '.')
		end += 1 + strspn(end + 1, "0123456789");
	if ((*end == '+' || *end == '-') && sscanf(end + 1, "%2d:%2d", &hours, &minutes) == 2)
		t -= (*end == '+' ? 1 : -1) * (hours * 3600 + minutes * 60);
	return t;
}

/* "1h30m", "20s", "1.5h": seconds before now. */
static int duration(const char *s, double *ret)
{
	static const char units[] = "smhd";
	static const int seconds[] = { 1, 60, 3600, 86400 };
	double sum = 0;

	while (*s) {
		char *end;
		double n = strtod(s, &end);
		const char *unit = *end ? strchr(units, *end) : NULL;

		if (end == s || !unit || n < 0 || !isdigit((unsigned char)*s))
			return -1;
		sum += n * seconds[unit - units];
		s = end + 1;
	}
	*ret = sum;
	return 0;
}

int time_argument(const char *s, char *out, size_t size)
{
	double ago;

	if (*s && s[strspn(s, "0123456789.")] == '\0') {
		snprintf(out, size, "%s", s);
		return 0;
	}
	if (*s && duration(s, &ago) == 0) {
		snprintf(out, size, "%lld", (long long)time(NULL) - (long long)ago);
		return 0;
	}
	if (time_seconds(s)) {
		const char *dot = strchr(s, '.');

		snprintf(out, size, "%lld%.*s", (long long)time_seconds(s),
			 dot ? 1 + (int)strspn(dot + 1, "0123456789") : 0, dot ? dot : "");
		return 0;
	}
	return fail(-1, "'%s' is no time: give seconds, RFC 3339, or how long ago (1h30m)", s);
}

int size_argument(const char *s, int64_t *ret)
{
	static const char units[] = "bkmgtp";
	char *end;
	double n = strtod(s, &end);
	const char *unit = *end ? strchr(units, tolower((unsigned char)*end)) : units;

	if (end == s || !isdigit((unsigned char)*s) || !unit)
		return -1;
	if (*end && unit > units && (end[1] == 'i' || end[1] == 'I') && tolower((unsigned char)end[2]) == 'b')
		end += 2;
	else if (*end && unit > units && tolower((unsigned char)end[1]) == 'b')
		end++;
	if (*end && end[1])
		return -1;
	for (const char *u = units; u < unit; u++)
		n *= 1024;
	if (n > 9e18)
		return -1;
	*ret = (int64_t)n;
	return 0;
}
