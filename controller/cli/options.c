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

/* One "--name" or "--name=value"; *i is moved past a value of its own. */
static int parse_long(const struct option_row *rows, size_t n, void *to, int argc, char **argv, int *i)
{
	const char *name = argv[*i] + 2, *equals = strchr(name, '=');
	const struct option_row *row = find_long(rows, n, name, equals ? (size_t)(equals - name) : strlen(name));

	if (!row && strcmp(name, "help") == 0)
		return show_help(rows, n, argv[0]);
	if (!row)
		return fail(-1, "unknown flag: --%s\nSee 'postern %s --help'.", name, argv[0]);
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
