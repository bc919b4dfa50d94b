/* template.c - see template.h: an interpreter that reads the text as it goes.
 *
 * A block that is not to be run is read all the same (active false), so that every mistake is found. The text is the
 * user's own, the values are the engine's answers: hostile only in their size and bytes. */
#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "../../helpers/base/cleanup.h"
#include "template_internal.h"

/* What ended a block. */
enum stop { STOP_ERROR, STOP_END_OF_TEXT, STOP_END, STOP_ELSE, STOP_ELSE_IF };

static const cJSON *pipeline(struct template *t, const cJSON *dot, bool active);
static enum stop block(struct template *t, const cJSON *dot, bool active);

const cJSON *template_fail(struct template *t, const char *format, ...)
{
	va_list args;

	if (t->error[0])
		return NULL;
	va_start(args, format);
	/* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): clang-tidy 14 errs from the second file of a run on */
	vsnprintf(t->error, TEMPLATE_ERROR_MAX, format, args);
	va_end(args);
	return NULL;
}

const cJSON *template_own(struct template *t, cJSON *v)
{
	if (!v || ++t->steps > TEMPLATE_STEPS_MAX) {
		cJSON_Delete(v);
		return template_fail(t, v ? "too many steps" : "out of memory");
	}
	cJSON_AddItemToArray(t->pool, v);
	return v;
}

/* --- reading --- */
static void skip_space(struct template *t)
{
	while (isspace((unsigned char)*t->p))
		t->p++;
}

static bool at_end(struct template *t)
{
	skip_space(t);
	return strncmp(t->p, "}}", 2) == 0 || (strncmp(t->p, "-}}", 3) == 0 && isspace((unsigned char)t->p[-1]));
}

/* Takes "}}" or " -}}". */
static bool take_end(struct template *t)
{
	if (!at_end(t)) {
		template_fail(t, *t->p ? "unexpected \"%.20s\" in action" : "unclosed action", t->p);
		return false;
	}
	if (*t->p == '-') {
		t->p += 3;
		skip_space(t);
	} else {
		t->p += 2;
	}
	return true;
}

static size_t word_length(const char *s)
{
	size_t n = 0;

	while (isalnum((unsigned char)s[n]) || s[n] == '_')
		n++;
	return n;
}

/* Takes the word when it is the next one. */
static bool take_word(struct template *t, const char *word)
{
	size_t n = strlen(word);

	skip_space(t);
	if (word_length(t->p) != n || strncmp(t->p, word, n) != 0)
		return false;
	t->p += n;
	return true;
}

/* --- values --- */
/* ".A.B" behind a value. */
static const cJSON *fields(struct template *t, const cJSON *v, bool active)
{
	while (*t->p == '.' && (word_length(t->p + 1) || t->p[1] == '_')) {
		char name[128];
		size_t n = word_length(++t->p);

		if (n >= sizeof(name))
			return template_fail(t, "a field's name is too long");
		memcpy(name, t->p, n);
		name[n] = '\0';
		t->p += n;
		if (!active || !v)
			continue;
		if (cJSON_IsObject(v))
			v = cJSON_GetObjectItemCaseSensitive(v, name);
		else if (cJSON_IsArray(v) && isdigit((unsigned char)name[0]))
			v = cJSON_GetArrayItem(v, atoi(name));
		else if (!cJSON_IsNull(v))
			return template_fail(t, "can't evaluate field %s in what is no object", name);
		v = v ? v : &template_nil;
	}
	return v;
}

static const cJSON *string_literal(struct template *t)
{
	char quote = *t->p++;
	const char *start = t->p;
	char *text, *to;
	const cJSON *v;

	while (*t->p && *t->p != quote)
		t->p += *t->p == '\\' && quote == '"' && t->p[1] ? 2 : 1;
	if (!*t->p)
		return template_fail(t, "unterminated quoted string");
	text = to = strndup(start, (size_t)(t->p++ - start));
	for (const char *s = text; s && *s; s++) {
		if (*s == '\\' && quote == '"') {
			s++;
			*to++ = *s == 'n' ? '\n' : *s == 't' ? '\t' : *s;
		} else {
			*to++ = *s;
		}
	}
	if (to)
		*to = '\0';
	v = template_own(t, cJSON_CreateString(text ? text : ""));
	free(text);
	return v;
}

static const cJSON *variable(struct template *t)
{
	size_t n = word_length(++t->p);
	const cJSON *v = n == 0 ? t->root : NULL;

	for (size_t i = t->nvariables; i > 0 && !v; i--)
		if (strlen(t->variables[i - 1].name) == n && strncmp(t->variables[i - 1].name, t->p, n) == 0)
			v = t->variables[i - 1].value;
	if (!v)
		return template_fail(t, "undefined variable \"$%.*s\"", (int)(n < 30 ? n : 30), t->p);
	t->p += n;
	return v;
}

static const cJSON *number(struct template *t)
{
	char *end;
	double d = strtod(t->p, &end);

	t->p = end;
	return template_own(t, cJSON_CreateNumber(d));
}

/* NULL with an error. */
static const cJSON *operand(struct template *t, const cJSON *dot, bool active)
{
	const cJSON *v;

	skip_space(t);
	if (*t->p == '(') {
		t->p++;
		if (++t->depth > TEMPLATE_DEPTH_MAX)
			return template_fail(t, "too deep");
		v = pipeline(t, dot, active);
		t->depth--;
		skip_space(t);
		if (v && *t->p != ')')
			return template_fail(t, "unclosed left paren");
		t->p += v != NULL;
		return v ? fields(t, v, active) : NULL;
	}
	if (*t->p == '"' || *t->p == '`')
		return string_literal(t);
	if (*t->p == '$')
		return (v = variable(t)) ? fields(t, v, active) : NULL;
	if (*t->p == '.' && !isdigit((unsigned char)t->p[1])) {
		if (word_length(t->p + 1))
			return fields(t, dot, active);
		t->p++;
		return dot;
	}
	if (*t->p == '.') /* ".0.Name": Docker has it not, users of this program had it */
		return fields(t, dot, active);
	if (isdigit((unsigned char)*t->p) || (*t->p == '-' && isdigit((unsigned char)t->p[1])))
		return number(t);
	if (take_word(t, "true"))
		return template_own(t, cJSON_CreateBool(true));
	if (take_word(t, "false"))
		return template_own(t, cJSON_CreateBool(false));
	if (take_word(t, "nil"))
		return &template_nil;
	return template_fail(t, "unexpected \"%.20s\" in action", t->p);
}

static bool at_operand(struct template *t)
{
	return !at_end(t) && *t->p && !strchr("|):=,", *t->p);
}

/* A function with its arguments, or one value; `piped` comes last. */
static const cJSON *command(struct template *t, const cJSON *dot, const cJSON *piped, bool active)
{
	const cJSON *args[ARGS_MAX + 1], *v;
	char name[64] = "";
	size_t n, count = 0;

	skip_space(t);
	n = isalpha((unsigned char)*t->p) ? word_length(t->p) : 0;
	if (n && n < sizeof(name) && strncmp(t->p, "true", n) != 0 && strncmp(t->p, "false", n) != 0 &&
	    strncmp(t->p, "nil", n) != 0) {
		memcpy(name, t->p, n);
		name[n] = '\0';
		if (!template_is_function(name))
			return template_fail(t, "function \"%s\" not defined", name);
		t->p += n;
		while (at_operand(t)) {
			v = operand(t, dot, active);
			if (!v)
				return NULL;
			if (count == ARGS_MAX)
				return template_fail(t, "too many arguments");
			args[count++] = v;
		}
		if (piped)
			args[count++] = piped;
		return active ? template_call(t, name, args, count) : &template_nil;
	}
	if (piped)
		return template_fail(t, "what stands behind | must be a function");
	v = operand(t, dot, active);
	if (v && at_operand(t))
		return template_fail(t, "can't give argument to non-function");
	return v;
}

static const cJSON *pipeline(struct template *t, const cJSON *dot, bool active)
{
	const cJSON *v = NULL;

	do {
		if (++t->steps > TEMPLATE_STEPS_MAX)
			return template_fail(t, "too many steps");
		v = command(t, dot, v, active);
		skip_space(t);
	} while (v && *t->p == '|' && t->p++);
	return v;
}

static void set_variable(struct template *t, const char *name, size_t n, const cJSON *value)
{
	struct variable *to = &t->variables[t->nvariables];

	if (n == 0 || n >= sizeof(to->name) || t->nvariables == TEMPLATE_VARIABLES_MAX) {
		template_fail(t, "too many variables, or a name that is too long");
		return;
	}
	memcpy(to->name, name, n);
	to->name[n] = '\0';
	to->value = value;
	t->nvariables++;
}

static bool change_variable(struct template *t, const char *name, size_t n, const cJSON *value)
{
	for (size_t i = t->nvariables; i > 0; i--)
		if (strlen(t->variables[i - 1].name) == n && strncmp(t->variables[i - 1].name, name, n) == 0) {
			t->variables[i - 1].value = value;
			return true;
		}
	return false;
}

/* --- blocks --- */
static const cJSON *condition(struct template *t, const cJSON *dot, bool active)
{
	const cJSON *v = pipeline(t, dot, active);

	return v && take_end(t) ? v : NULL;
}

static enum stop need_end(struct template *t, enum stop s)
{
	if (s == STOP_END)
		return s;
	if (s != STOP_ERROR)
		template_fail(t, s == STOP_END_OF_TEXT ? "unexpected EOF" : "unexpected {{else}}");
	return STOP_ERROR;
}

/* Behind "if" or "with". */
static enum stop conditional(struct template *t, const cJSON *dot, bool active, bool with)
{
	bool done = false;
	enum stop s = STOP_ELSE_IF;

	while (s == STOP_ELSE_IF) {
		const cJSON *v = condition(t, dot, active && !done);
		bool now = v && active && !done && template_truth(v);

		if (!v)
			return STOP_ERROR;
		done |= now;
		s = block(t, with ? v : dot, now);
	}
	if (s == STOP_ELSE)
		s = block(t, dot, active && !done);
	return need_end(t, s);
}

/* "$i, $v :=" of a range; lengths 0 where there is none. */
static void range_names(struct template *t, const char *names[2], size_t lengths[2])
{
	const char *start = t->p;

	lengths[0] = lengths[1] = 0;
	for (int i = 0; i < 2; i++) {
		skip_space(t);
		if (*t->p != '$')
			break;
		names[i] = ++t->p;
		lengths[i] = word_length(t->p);
		t->p += lengths[i];
		skip_space(t);
		if (strncmp(t->p, ":=", 2) == 0) {
			t->p += 2;
			return;
		}
		if (*t->p++ != ',')
			break;
	}
	lengths[0] = lengths[1] = 0;
	t->p = start;
}

static enum stop range(struct template *t, const cJSON *dot, bool active)
{
	const char *names[2], *body;
	size_t lengths[2], variables = t->nvariables;
	const cJSON *list, *item;
	enum stop s = STOP_ERROR;
	bool wanted;
	int i = 0;

	range_names(t, names, lengths);
	list = condition(t, dot, active);
	if (!list)
		return STOP_ERROR;
	if (active && !cJSON_IsArray(list) && !cJSON_IsObject(list) && !cJSON_IsNull(list)) {
		template_fail(t, "range can't iterate over what is no list");
		return STOP_ERROR;
	}
	body = t->p;
	wanted = active;
	active = active && list->child;
	for (item = active ? list->child : NULL; item; item = item->next) {
		const cJSON *key = !lengths[0]	  ? &template_nil
				   : item->string ? template_own(t, cJSON_CreateString(item->string))
						  : template_own(t, cJSON_CreateNumber(i++));

		if (!key)
			return STOP_ERROR;
		if (lengths[1])
			set_variable(t, names[0], lengths[0], key);
		if (lengths[0])
			set_variable(t, names[lengths[1] ? 1 : 0], lengths[lengths[1] ? 1 : 0], item);
		t->p = body;
		s = block(t, item, true);
		t->nvariables = variables;
		if (s == STOP_ERROR)
			return s;
	}
	if (!active) {
		for (int k = 0; k < 2; k++)
			if (lengths[k])
				set_variable(t, names[k], lengths[k], &template_nil);
		s = block(t, &template_nil, false);
		t->nvariables = variables;
	}
	if (s == STOP_ELSE)
		s = block(t, dot, wanted && !list->child);
	return need_end(t, s);
}

/* "$x := pipeline", "$x = pipeline" or a pipeline whose value is printed. */
static bool statement(struct template *t, const cJSON *dot, bool active)
{
	const char *start = t->p, *name;
	const cJSON *v;
	size_t n;

	if (*t->p == '$' && (n = word_length(t->p + 1))) {
		name = ++t->p;
		t->p += n;
		skip_space(t);
		if (strncmp(t->p, ":=", 2) == 0 || (*t->p == '=' && t->p[1] != '=')) {
			bool new = *t->p == ':';

			t->p += new ? 2 : 1;
			v = pipeline(t, dot, active);
			if (v && new)
				set_variable(t, name, n, v);
			else if (v && !change_variable(t, name, n, v))
				template_fail(t, "undefined variable \"$%.*s\"", (int)(n < 30 ? n : 30), name);
			return v && take_end(t) && !t->error[0];
		}
		t->p = start;
	}
	v = pipeline(t, dot, active);
	if (!v || !take_end(t))
		return false;
	if (active)
		template_put(t->out, v);
	return true;
}

/* One action, behind its "{{". STOP_END_OF_TEXT: go on. */
static enum stop action(struct template *t, const cJSON *dot, bool active)
{
	static const char *const unknown[] = { "template", "define", "block", "break", "continue" };

	skip_space(t);
	if (strncmp(t->p, "/*", 2) == 0) {
		const char *end = strstr(t->p, "*/");

		t->p = end ? end + 2 : t->p + strlen(t->p);
		return take_end(t) ? STOP_END_OF_TEXT : STOP_ERROR;
	}
	if (take_word(t, "end"))
		return take_end(t) ? STOP_END : STOP_ERROR;
	if (take_word(t, "else")) {
		if (take_word(t, "if"))
			return STOP_ELSE_IF;
		return take_end(t) ? STOP_ELSE : STOP_ERROR;
	}
	for (size_t i = 0; i < ARRAY_SIZE(unknown); i++)
		if (word_length(t->p) == strlen(unknown[i]) && strncmp(t->p, unknown[i], strlen(unknown[i])) == 0) {
			template_fail(t, "{{%s}} is not supported here", unknown[i]);
			return STOP_ERROR;
		}
	if (take_word(t, "if"))
		return conditional(t, dot, active, false) == STOP_END ? STOP_END_OF_TEXT : STOP_ERROR;
	if (take_word(t, "with"))
		return conditional(t, dot, active, true) == STOP_END ? STOP_END_OF_TEXT : STOP_ERROR;
	if (take_word(t, "range"))
		return range(t, dot, active) == STOP_END ? STOP_END_OF_TEXT : STOP_ERROR;
	return statement(t, dot, active) ? STOP_END_OF_TEXT : STOP_ERROR;
}

/* Text up to the next action; Docker's users write \t and \n in it. */
static void text(struct template *t, bool active)
{
	const char *open = strstr(t->p, "{{"), *end = open ? open : t->p + strlen(t->p);
	const char *keep = end;

	if (open && open[2] == '-' && isspace((unsigned char)open[3]))
		while (keep > t->p && isspace((unsigned char)keep[-1]))
			keep--;
	for (const char *p = t->p; active && p < keep; p++) {
		if (*p == '\\' && p + 1 < keep && (p[1] == 't' || p[1] == 'n'))
			fputc(*++p == 't' ? '\t' : '\n', t->out);
		else
			fputc(*p, t->out);
	}
	t->p = end;
}

static enum stop block(struct template *t, const cJSON *dot, bool active)
{
	size_t variables = t->nvariables;
	enum stop s = STOP_END_OF_TEXT;

	if (++t->depth > TEMPLATE_DEPTH_MAX)
		template_fail(t, "too deep");
	while (s == STOP_END_OF_TEXT && !t->error[0]) {
		text(t, active);
		if (!*t->p)
			break;
		t->p += t->p[2] == '-' && isspace((unsigned char)t->p[3]) ? 3 : 2;
		if (++t->steps > TEMPLATE_STEPS_MAX)
			template_fail(t, "too many steps");
		else
			s = action(t, dot, active);
	}
	t->depth--;
	t->nvariables = variables;
	return t->error[0] ? STOP_ERROR : s;
}

int template_run(FILE *out, const char *source, const cJSON *v, char error[TEMPLATE_ERROR_MAX])
{
	struct template t = { .p = source, .out = out, .root = v, .pool = cJSON_CreateArray(), .error = error };
	enum stop s;

	error[0] = '\0';
	s = block(&t, v, true);
	if (s != STOP_ERROR && s != STOP_END_OF_TEXT)
		template_fail(&t, "unexpected {{%s}}", s == STOP_END ? "end" : "else");
	cJSON_Delete(t.pool);
	return error[0] ? -1 : 0;
}
