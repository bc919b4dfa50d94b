/* options.c - command lines by table, as Docker's users type them: --name value, --name=value, -it, -eX, -e X, --. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli.h"

int fail(int status, const char *format, ...)
{
	va_list args;

	fputs("postern: ", stderr);
	va_start(args, format);
	/* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): clang-tidy 14 errs from the second file of a run on */
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return status;
}

int usage(const char *text)
{
	fprintf(stderr, "Usage: postern %s\n", text);
	return 1;
}

int usage_of(const char *verb, const char *arguments, int n)
{
	fprintf(stderr, "postern: 'postern %s' does not take %d argument%s.\nSee 'postern %s --help'.\n\n", verb, n,
		n == 1 ? "" : "s", verb);
	fprintf(stderr, "Usage:  postern %s %s\n", verb, arguments);
	return 1;
}

/* --- what was probably meant --- */
enum { DISTANCE_WORD_MAX = 24 };

/* How many letters must change, come, go or swap places. */
static unsigned distance(const char *a, const char *b)
{
	unsigned d[DISTANCE_WORD_MAX + 1][DISTANCE_WORD_MAX + 1];
	size_t n = strlen(a), m = strlen(b);

	if (n > DISTANCE_WORD_MAX || m > DISTANCE_WORD_MAX)
		return DISTANCE_WORD_MAX;
	for (size_t i = 0; i <= n; i++) {
		for (size_t k = 0; k <= m; k++) {
			unsigned least = i == 0 ? (unsigned)k : d[i - 1][k] + 1;

			if (i > 0 && k == 0)
				least = (unsigned)i;
			if (k > 0 && d[i][k - 1] + 1 < least)
				least = d[i][k - 1] + 1;
			if (i > 0 && k > 0 && d[i - 1][k - 1] + (a[i - 1] != b[k - 1]) < least)
				least = d[i - 1][k - 1] + (a[i - 1] != b[k - 1]);
			if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1] &&
			    d[i - 2][k - 2] + 1 < least)
				least = d[i - 2][k - 2] + 1;
			d[i][k] = least;
		}
	}
	return d[n][m];
}

const char *word_nearest(const char *word, const char *(*next)(const void *data, size_t i), const void *data)
{
	unsigned best = strlen(word) < 4 ? 2 : 3, n;
	const char *found = NULL, *w;

	for (size_t i = 0; (w = next(data, i)); i++) {
		n = distance(word, w);
		if (n < best) {
			best = n;
			found = w;
		}
	}
	return found;
}

/* --- values --- */
static bool takes_value(const struct option_row *row)
{
	return row->kind != OPT_FLAG && row->kind != OPT_APPLY_FLAG;
}

static int set_bool(const struct option_row *row, const char *value, bool *ret)
{
	if (strcasecmp(value, "true") == 0 || strcmp(value, "1") == 0)
		*ret = true;
	else if (strcasecmp(value, "false") == 0 || strcmp(value, "0") == 0)
		*ret = false;
	else
		return fail(-1, "--%s is true or false, not '%s'", row->name, value);
	return 0;
}

static int set(const struct option_row *row, void *to, const char *value)
{
	void *at = (char *)to + row->offset;
	struct texts *list = at;
	bool flag = false;
	char *end;

	switch (row->kind) {
	case OPT_FLAG:
		return set_bool(row, value, at);
	case OPT_TEXT:
		*(const char **)at = value;
		return 0;
	case OPT_INT:
		errno = 0;
		*(long *)at = strtol(value, &end, 10);
		return *value && !*end && !errno ? 0 : fail(-1, "--%s takes a number, not '%s'", row->name, value);
	case OPT_LIST:
		if (list->n == TEXTS_MAX)
			return fail(-1, "--%s more than %d times", row->name, TEXTS_MAX);
		list->v[list->n++] = value;
		return 0;
	case OPT_APPLY_FLAG:
		if (set_bool(row, value, &flag) < 0)
			return -1;
		return row->apply(to, row, flag ? "true" : "false");
	case OPT_APPLY:
		return row->apply(to, row, value);
	}
	return -1;
}

static const struct option_row *find_long(const struct option_row *rows, size_t n, const char *name, size_t len)
{
	for (size_t i = 0; i < n; i++)
		if (strlen(rows[i].name) == len && memcmp(rows[i].name, name, len) == 0)
			return &rows[i];
	return NULL;
}

static const struct option_row *find_letter(const struct option_row *rows, size_t n, char letter)
{
	for (size_t i = 0; i < n; i++)
		if (rows[i].letter == letter)
			return &rows[i];
	return NULL;
}

static int show_help(const struct option_row *rows, size_t n, const char *verb)
{
	printf("Options of %s:\n", verb);
	for (size_t i = 0; i < n; i++)
		printf("  %c%c%s --%-20s %s\n", rows[i].letter ? '-' : ' ', rows[i].letter ? rows[i].letter : ' ',
		       rows[i].letter ? "," : " ", rows[i].name, rows[i].text ? rows[i].text : "");
	return 1;
}

struct all_rows {
	const struct option_row *rows;
	size_t n;
};

static const char *row_name(const void *data, size_t i)
{
	const struct all_rows *all = data;

	return i < all->n ? all->rows[i].name : NULL;
}

static int show_flags(const struct option_row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		printf("--%s\n", rows[i].name);
	printf("--help\n");
	return 1;
}

static int show_items(const struct option_row *rows, size_t n)
{
	printf(".Bl -tag -width Ds\n");
	for (size_t i = 0; i < n; i++) {
		printf(".It ");
		if (rows[i].letter)
			printf("Fl %c , ", rows[i].letter);
		printf("Fl \\-");
		for (const char *p = rows[i].name; *p; p++)
			printf(*p == '-' ? "\\-" : "%c", *p);
		printf("%s\n%s.\n", takes_value(&rows[i]) ? " Ar value" : "", rows[i].text ? rows[i].text : "");
	}
	printf(".El\n");
	return 1;
}

/* One "--name" or "--name=value"; *i is moved past a value of its own. */
static int parse_long(const struct option_row *rows, size_t n, void *to, int argc, char **argv, int *i)
{
	const char *name = argv[*i] + 2, *equals = strchr(name, '=');
	const struct option_row *row = find_long(rows, n, name, equals ? (size_t)(equals - name) : strlen(name));

	if (!row && strcmp(name, "help") == 0)
		return show_help(rows, n, argv[0]);
	if (!row) {
		const struct all_rows all = { rows, n };
		const char *near = word_nearest(name, row_name, &all);

		return near ? fail(-1, "unknown flag: --%s; did you mean --%s?\nSee 'postern %s --help'.", name, near,
				   argv[0])
			    : fail(-1, "unknown flag: --%s\nSee 'postern %s --help'.", name, argv[0]);
	}
	if (equals)
		return set(row, to, equals + 1);
	if (!takes_value(row))
		return set(row, to, "true");
	if (*i + 1 >= argc)
		return fail(-1, "flag needs an argument: --%s", name);
	return set(row, to, argv[++*i]);
}

/* "-it", "-eA=b", "-e A=b". */
static int parse_letters(const struct option_row *rows, size_t n, void *to, int argc, char **argv, int *i)
{
	for (const char *p = argv[*i] + 1; *p; p++) {
		const struct option_row *row = find_letter(rows, n, *p);

		if (!row && *p == 'h')
			return show_help(rows, n, argv[0]);
		if (!row)
			return fail(-1, "unknown shorthand flag: '%c' in %s\nSee 'postern %s --help'.", *p, argv[*i],
				    argv[0]);
		if (!takes_value(row)) {
			if (p[1] == '=')
				return set(row, to, p + 2);
			if (set(row, to, "true") < 0)
				return -1;
			continue;
		}
		if (p[1])
			return set(row, to, p[1] == '=' ? p + 2 : p + 1);
		if (*i + 1 >= argc)
			return fail(-1, "flag needs an argument: '%c' in %s", *p, argv[*i]);
		return set(row, to, argv[++*i]);
	}
	return 0;
}

int options_parse(const struct option_row *rows, size_t n, void *to, bool in_order, int argc, char **argv, int *ret_n)
{
	int out = 1, r;

	if (argc == 2 && strcmp(argv[1], COMPLETE_FLAGS) == 0)
		return show_flags(rows, n);
	if (argc == 2 && strcmp(argv[1], MAN_FLAGS) == 0)
		return show_items(rows, n);
	for (int i = 1; i < argc; i++) {
		bool option = argv[i][0] == '-' && argv[i][1];

		if (option && strcmp(argv[i], "--") == 0) {
			while (++i < argc)
				argv[out++] = argv[i];
			break;
		}
		if (!option) {
			argv[out++] = argv[i];
			while (in_order && ++i < argc)
				argv[out++] = argv[i];
			continue;
		}
		r = argv[i][1] == '-' ? parse_long(rows, n, to, argc, argv, &i)
				      : parse_letters(rows, n, to, argc, argv, &i);
		if (r != 0)
			return r;
	}
	*ret_n = out - 1;
	return 0;
}
