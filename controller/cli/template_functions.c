/* template_functions.c - the functions of --format templates, as a table. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "../../helpers/base/cleanup.h"
#include "template_internal.h"

const cJSON template_nil = { .type = cJSON_NULL };

static bool is_nil(const cJSON *v)
{
	return !v || cJSON_IsNull(v) || cJSON_IsInvalid(v);
}

bool template_truth(const cJSON *v)
{
	if (is_nil(v) || cJSON_IsFalse(v))
		return false;
	if (cJSON_IsNumber(v))
		return v->valuedouble != 0;
	if (cJSON_IsString(v))
		return v->valuestring[0];
	return cJSON_IsTrue(v) || v->child;
}

void template_put(FILE *out, const cJSON *v)
{
	_cleanup_free_ char *text = NULL;
	const cJSON *c;

	if (is_nil(v)) {
		fputs("<no value>", out);
	} else if (cJSON_IsString(v)) {
		/* From an image or a container, and on its way to a terminal. */
		for (const char *s = v->valuestring; *s; s++)
			fputc((unsigned char)*s < 0x20 && *s != '\n' && *s != '\t' ? '?' : *s, out);
	} else if (cJSON_IsArray(v) || cJSON_IsObject(v)) {
		fputs(cJSON_IsArray(v) ? "[" : "map[", out);
		cJSON_ArrayForEach(c, v) {
			fputs(c == v->child ? "" : " ", out);
			if (cJSON_IsObject(v))
				fprintf(out, "%s:", c->string);
			template_put(out, c);
		}
		fputc(']', out);
	} else {
		text = cJSON_PrintUnformatted(v);
		fputs(text ? text : "", out);
	}
}

/* Fresh. */
static char *text_of(const cJSON *v)
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	if (!f)
		return NULL;
	template_put(f, v);
	fclose(f);
	return text;
}

static const cJSON *own_text(struct template *t, char *text)
{
	const cJSON *v = template_own(t, cJSON_CreateString(text ? text : ""));

	free(text);
	return v;
}

static const cJSON *own_bool(struct template *t, bool v)
{
	return template_own(t, cJSON_CreateBool(v));
}

/* --- texts --- */
static const cJSON *call_json(struct template *t, const cJSON *const *args, size_t n)
{
	return own_text(t, is_nil(args[0]) ? strdup("null") : cJSON_PrintUnformatted(args[0]));
}

static const cJSON *change_case(struct template *t, const cJSON *v, int (*f)(int), bool words)
{
	char *text = text_of(v);
	bool start = true;

	for (char *s = text; s && *s; s++) {
		if (!words || start)
			*s = (char)f((unsigned char)*s);
		start = !isalnum((unsigned char)*s);
	}
	return own_text(t, text);
}

static const cJSON *call_upper(struct template *t, const cJSON *const *args, size_t n)
{
	return change_case(t, args[0], toupper, false);
}

static const cJSON *call_lower(struct template *t, const cJSON *const *args, size_t n)
{
	return change_case(t, args[0], tolower, false);
}

static const cJSON *call_title(struct template *t, const cJSON *const *args, size_t n)
{
	return change_case(t, args[0], toupper, true);
}

static const cJSON *call_join(struct template *t, const cJSON *const *args, size_t n)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);
	const cJSON *c;

	if (!f || !cJSON_IsString(args[1]))
		goto wrong;
	if (!is_nil(args[0]) && !cJSON_IsArray(args[0]))
		goto wrong;
	cJSON_ArrayForEach(c, args[0]) {
		if (c != args[0]->child)
			fputs(args[1]->valuestring, f);
		template_put(f, c);
	}
	fclose(f);
	return own_text(t, text);
wrong:
	if (f)
		fclose(f);
	free(text);
	return template_fail(t, "join wants a list and a text");
}

static const cJSON *call_split(struct template *t, const cJSON *const *args, size_t n)
{
	const char *s, *found;
	cJSON *list;
	size_t len;

	if (!cJSON_IsString(args[0]) || !cJSON_IsString(args[1]) || !args[1]->valuestring[0])
		return template_fail(t, "split wants two texts");
	list = cJSON_CreateArray();
	len = strlen(args[1]->valuestring);
	for (s = args[0]->valuestring; (found = strstr(s, args[1]->valuestring)); s = found + len) {
		char *part = strndup(s, (size_t)(found - s));

		cJSON_AddItemToArray(list, cJSON_CreateString(part ? part : ""));
		free(part);
	}
	cJSON_AddItemToArray(list, cJSON_CreateString(s));
	return template_own(t, list);
}

static const cJSON *call_truncate(struct template *t, const cJSON *const *args, size_t n)
{
	char *text = text_of(args[0]);

	if (text && cJSON_IsNumber(args[1]) && args[1]->valuedouble >= 0 && args[1]->valuedouble < (double)strlen(text))
		text[(size_t)args[1]->valuedouble] = '\0';
	return own_text(t, text);
}

/* pad TEXT BEFORE AFTER; nothing around an empty text. */
static const cJSON *call_pad(struct template *t, const cJSON *const *args, size_t n)
{
	char *text = text_of(args[0]), *out = NULL;
	int before = cJSON_IsNumber(args[1]) ? args[1]->valueint & 255 : 0;
	int after = cJSON_IsNumber(args[2]) ? args[2]->valueint & 255 : 0;

	if (!text || !text[0] || asprintf(&out, "%*s%s%*s", before, "", text, after, "") < 0)
		return own_text(t, text);
	free(text);
	return own_text(t, out);
}

static const cJSON *print_all(struct template *t, const cJSON *const *args, size_t n, bool line)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	for (size_t i = 0; f && i < n; i++) {
		/* Go: println puts a space everywhere, print only between two that are no texts. */
		if (i && (line || (!cJSON_IsString(args[i - 1]) && !cJSON_IsString(args[i]))))
			fputc(' ', f);
		template_put(f, args[i]);
	}
	if (f && line)
		fputc('\n', f);
	if (f)
		fclose(f);
	return own_text(t, text);
}

static const cJSON *call_print(struct template *t, const cJSON *const *args, size_t n)
{
	return print_all(t, args, n, false);
}

static const cJSON *call_println(struct template *t, const cJSON *const *args, size_t n)
{
	return print_all(t, args, n, true);
}

/* One directive: flags, width and precision as they stand; false when the verb is none of ours. */
static bool put_directive(FILE *f, const char *flags, size_t len, char verb, const cJSON *v)
{
	char format[40];
	_cleanup_free_ char *text = NULL;
	double number = cJSON_IsNumber(v) ? v->valuedouble : cJSON_IsString(v) ? strtod(v->valuestring, NULL) : 0;

	if (number > 9e18 || number < -9e18 || number != number)
		number = 0;
	if (len > 20)
		return false;
	/* NOLINTBEGIN(clang-diagnostic-format-nonliteral): digits, dots and signs only */
	switch (verb) {
	case 'd':
	case 'x':
		snprintf(format, sizeof(format), "%%%.*sll%c", (int)len, flags, verb);
		fprintf(f, format, (long long)number);
		return true;
	case 'f':
	case 'g':
	case 'e':
		snprintf(format, sizeof(format), "%%%.*s%c", (int)len, flags, verb);
		fprintf(f, format, number);
		return true;
	case 'q':
		text = cJSON_IsString(v) ? cJSON_PrintUnformatted(v) : text_of(v);
		break;
	case 's':
	case 'v':
	case 't':
		text = text_of(v);
		break;
	default:
		return false;
	}
	snprintf(format, sizeof(format), "%%%.*ss", (int)len, flags);
	fprintf(f, format, text ? text : "");
	/* NOLINTEND(clang-diagnostic-format-nonliteral) */
	return true;
}

static const cJSON *call_printf(struct template *t, const cJSON *const *args, size_t n)
{
	char *text = NULL;
	size_t size, next = 1;
	bool good = cJSON_IsString(args[0]);
	FILE *f = good ? open_memstream(&text, &size) : NULL;

	for (const char *p = f ? args[0]->valuestring : ""; *p && good; p++) {
		size_t flags, digits;

		if (*p != '%' || p[1] == '%') {
			p += *p == '%';
			fputc(*p, f);
			continue;
		}
		flags = strspn(p + 1, "-+ 0");
		digits = strspn(p + 1 + flags, "0123456789.");
		good = digits <= 4 && next < n &&
		       put_directive(f, p + 1, flags + digits, p[1 + flags + digits], args[next++]);
		p += 1 + flags + digits;
	}
	if (f)
		fclose(f);
	if (good && next == n)
		return own_text(t, text);
	free(text);
	return template_fail(t, "printf takes a text with one of %%s %%d %%v %%q %%x %%f %%t for each further value");
}

/* --- lists and maps --- */
static const cJSON *call_len(struct template *t, const cJSON *const *args, size_t n)
{
	const cJSON *v = args[0];

	if (cJSON_IsString(v))
		return template_own(t, cJSON_CreateNumber((double)strlen(v->valuestring)));
	if (cJSON_IsArray(v) || cJSON_IsObject(v) || is_nil(v))
		return template_own(t, cJSON_CreateNumber(is_nil(v) ? 0 : cJSON_GetArraySize(v)));
	return template_fail(t, "error calling len: len of this type");
}

static const cJSON *call_index(struct template *t, const cJSON *const *args, size_t n)
{
	const cJSON *v = args[0];

	for (size_t i = 1; i < n; i++) {
		if (is_nil(v))
			return template_fail(t, "error calling index: index of untyped nil");
		if (cJSON_IsObject(v) && cJSON_IsString(args[i])) {
			v = cJSON_GetObjectItemCaseSensitive(v, args[i]->valuestring);
			v = v ? v : &template_nil;
			continue;
		}
		if (!cJSON_IsArray(v) || !cJSON_IsNumber(args[i]))
			return template_fail(t, "error calling index: cannot index this with that");
		if (args[i]->valuedouble < 0 || args[i]->valuedouble >= cJSON_GetArraySize(v))
			return template_fail(t, "error calling index: index out of range: %.0f", args[i]->valuedouble);
		v = cJSON_GetArrayItem(v, (int)args[i]->valuedouble);
	}
	return v;
}

/* slice TEXT FROM [TO] */
static const cJSON *call_slice(struct template *t, const cJSON *const *args, size_t n)
{
	size_t len = cJSON_IsString(args[0]) ? strlen(args[0]->valuestring) : 0;
	double from = n > 1 && cJSON_IsNumber(args[1]) ? args[1]->valuedouble : 0;
	double to = n > 2 && cJSON_IsNumber(args[2]) ? args[2]->valuedouble : (double)len;

	if (!cJSON_IsString(args[0]) || !(from >= 0 && from <= to && to <= (double)len))
		return template_fail(t, "error calling slice: not a text, or index out of range");
	return own_text(t, strndup(args[0]->valuestring + (size_t)from, (size_t)(to - from)));
}

/* --- comparing --- */
/* -1, 0, 1; *ret_good false for values that cannot be compared. */
static int compare(const cJSON *a, const cJSON *b, bool *ret_good)
{
	*ret_good = true;
	if (cJSON_IsString(a) && cJSON_IsString(b)) {
		int r = strcmp(a->valuestring, b->valuestring);

		return (r > 0) - (r < 0);
	}
	if (cJSON_IsNumber(a) && cJSON_IsNumber(b))
		return (a->valuedouble > b->valuedouble) - (a->valuedouble < b->valuedouble);
	if (cJSON_IsBool(a) && cJSON_IsBool(b))
		return (int)cJSON_IsTrue(a) - (int)cJSON_IsTrue(b);
	if (is_nil(a) || is_nil(b))
		return !(is_nil(a) && is_nil(b));
	*ret_good = false;
	return 1;
}

static const cJSON *call_eq(struct template *t, const cJSON *const *args, size_t n)
{
	bool good;

	for (size_t i = 1; i < n; i++) {
		int r = compare(args[0], args[i], &good);

		if (!good)
			return template_fail(t, "error calling eq: incompatible types for comparison");
		if (r == 0)
			return own_bool(t, true);
	}
	return own_bool(t, false);
}

static const cJSON *call_ne(struct template *t, const cJSON *const *args, size_t n)
{
	const cJSON *v = call_eq(t, args, n);

	return v ? own_bool(t, !cJSON_IsTrue(v)) : NULL;
}

/* accepted: bit 0 for less, 1 for equal, 2 for greater. */
static const cJSON *order(struct template *t, const cJSON *const *args, unsigned accepted)
{
	bool good;
	int r = compare(args[0], args[1], &good);

	return good ? own_bool(t, accepted >> (r + 1) & 1) : template_fail(t, "incompatible types for comparison");
}

static const cJSON *call_lt(struct template *t, const cJSON *const *args, size_t n)
{
	return order(t, args, 1);
}
static const cJSON *call_le(struct template *t, const cJSON *const *args, size_t n)
{
	return order(t, args, 3);
}
static const cJSON *call_gt(struct template *t, const cJSON *const *args, size_t n)
{
	return order(t, args, 4);
}
static const cJSON *call_ge(struct template *t, const cJSON *const *args, size_t n)
{
	return order(t, args, 6);
}

static const cJSON *call_and(struct template *t, const cJSON *const *args, size_t n)
{
	for (size_t i = 0; i + 1 < n; i++)
		if (!template_truth(args[i]))
			return args[i];
	return args[n - 1];
}

static const cJSON *call_or(struct template *t, const cJSON *const *args, size_t n)
{
	for (size_t i = 0; i + 1 < n; i++)
		if (template_truth(args[i]))
			return args[i];
	return args[n - 1];
}

static const cJSON *call_not(struct template *t, const cJSON *const *args, size_t n)
{
	return own_bool(t, !template_truth(args[0]));
}

/* --- all of them --- */
static const struct {
	const char *name;
	size_t least, most; /* arguments */
	const cJSON *(*call)(struct template *t, const cJSON *const *args, size_t n);
} functions[] = {
	{ "json", 1, 1, call_json },
	{ "upper", 1, 1, call_upper },
	{ "lower", 1, 1, call_lower },
	{ "title", 1, 1, call_title },
	{ "join", 2, 2, call_join },
	{ "split", 2, 2, call_split },
	{ "truncate", 2, 2, call_truncate },
	{ "pad", 3, 3, call_pad },
	{ "print", 0, ARGS_MAX, call_print },
	{ "println", 0, ARGS_MAX, call_println },
	{ "printf", 1, ARGS_MAX, call_printf },
	{ "len", 1, 1, call_len },
	{ "index", 1, ARGS_MAX, call_index },
	{ "slice", 1, 3, call_slice },
	{ "eq", 2, ARGS_MAX, call_eq },
	{ "ne", 2, 2, call_ne },
	{ "lt", 2, 2, call_lt },
	{ "le", 2, 2, call_le },
	{ "gt", 2, 2, call_gt },
	{ "ge", 2, 2, call_ge },
	{ "and", 1, ARGS_MAX, call_and },
	{ "or", 1, ARGS_MAX, call_or },
	{ "not", 1, 1, call_not },
};

static int function_by_name(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(functions); i++)
		if (strcmp(functions[i].name, name) == 0)
			return (int)i;
	return -1;
}

bool template_is_function(const char *name)
{
	return function_by_name(name) >= 0;
}

const cJSON *template_call(struct template *t, const char *name, const cJSON *const *args, size_t n)
{
	int i = function_by_name(name);

	if (i < 0)
		return template_fail(t, "function \"%.40s\" not defined", name);
	if (n < functions[i].least || n > functions[i].most)
		return template_fail(t, "wrong number of args for %s: want %zu got %zu", name, functions[i].least, n);
	return functions[i].call(t, args, n);
}
