/* read.c - strict JSON: what a table of fields does not name is an error, and so is everything twice.
 *
 * Input: root's policy file. Trusted, but checked as if it were not: a wrong rule must fail at once and with its
 * place. */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "../base/cleanup.h"
#include "../base/fd.h"
#include "../base/text.h"
#include "read.h"

int policy_error(struct policy_ctx *c, const char *where, const char *format, ...)
{
	va_list args;
	int n;

	n = snprintf(c->error, c->error_size, "%s: %s%s", c->file, where, *where ? ": " : "");
	if (n < 0 || (size_t)n >= c->error_size)
		return -EINVAL;
	va_start(args, format);
	vsnprintf(c->error + n, c->error_size - (size_t)n, format, args);
	va_end(args);
	return -EINVAL;
}

static int check_duplicates(struct policy_ctx *c, const cJSON *v)
{
	for (const cJSON *a = v->child; a; a = a->next) {
		for (const cJSON *b = a->next; a->string && b; b = b->next)
			if (strcmp(a->string, b->string) == 0)
				return policy_error(c, a->string, "is there twice in one object; remove one");
		if (check_duplicates(c, a) < 0)
			return -EINVAL;
	}
	return 0;
}

int policy_parse(struct policy_ctx *c, cJSON **ret)
{
	_cleanup_free_ char *text = NULL;
	const char *end = NULL;
	struct stat st;
	unsigned line = 1;
	size_t len;
	cJSON *v;
	int r;

	if (fstat(c->input->file, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return policy_error(c, "", "is not a regular file");
	if ((st.st_uid != c->input->root && st.st_uid != c->input->owner) || (st.st_mode & 022))
		return policy_error(c, "",
				    "could be written by others (uid %u, mode %04o); chown it to root and chmod 0644",
				    st.st_uid, st.st_mode & 07777);
	r = fd_read_all(c->input->file, POLICY_FILE_MAX, &text, &len);
	if (r < 0) {
		policy_error(c, "", "cannot be read: %s", strerror(-r));
		return r;
	}
	if (strlen(text) != len)
		return policy_error(c, "", "has a NUL byte in it");
	v = cJSON_ParseWithLengthOpts(text, len + 1, &end, /* require_null_terminated= */ true);
	if (!v) {
		for (const char *p = text; end && p < end; p++)
			line += *p == '\n';
		return policy_error(c, "", "is not valid JSON near line %u", line);
	}
	if (check_duplicates(c, v) < 0) {
		cJSON_Delete(v);
		return -EINVAL;
	}
	*ret = v;
	return 0;
}

/* "4 MiB", "4MiB", "4096". */
static int size_text(const char *s, uint64_t *ret)
{
	static const struct {
		const char *unit;
		unsigned shift;
	} units[] = { { "", 0 }, { "B", 0 }, { "KiB", 10 }, { "MiB", 20 }, { "GiB", 30 }, { "TiB", 40 } };
	size_t digits = strspn(s, "0123456789");
	char number[20];
	uint64_t v;

	if (digits == 0 || digits >= sizeof(number))
		return -EINVAL;
	memcpy(number, s, digits);
	number[digits] = '\0';
	if (text_u64(number, UINT64_MAX, &v) < 0)
		return -EINVAL;
	s += digits + (s[digits] == ' ');
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (strcmp(s, units[i].unit) != 0)
			continue;
		if (v > UINT64_MAX >> units[i].shift)
			return -ERANGE;
		*ret = v << units[i].shift;
		return 0;
	}
	return -EINVAL;
}

static int read_number(struct policy_ctx *c, const cJSON *v, const char *where, const struct policy_field *f,
		       uint64_t *ret)
{
	uint64_t n;

	if (cJSON_IsString(v) && (f->flags & PF_AUTO) && strcmp(v->valuestring, "auto") == 0) {
		*ret = 0;
		return 0;
	}
	if (cJSON_IsString(v) && (f->flags & PF_NONE) && strcmp(v->valuestring, "none") == 0) {
		*ret = UINT64_MAX;
		return 0;
	}
	if (cJSON_IsNumber(v) && v->valuedouble >= 0 && v->valuedouble <= 9007199254740992.0 &&
	    v->valuedouble == floor(v->valuedouble))
		n = (uint64_t)v->valuedouble;
	else if (f->type != PT_SIZE || !cJSON_IsString(v) || size_text(v->valuestring, &n) < 0)
		return policy_error(c, where, "must be a whole number%s%s%s",
				    f->type == PT_SIZE ? " or a size such as \"4 MiB\"" : "",
				    f->flags & PF_AUTO ? " or \"auto\"" : "", f->flags & PF_NONE ? " or \"none\"" : "");
	if (n < f->min || n > f->max)
		return policy_error(c, where, "is %llu; must be %llu to %llu", (unsigned long long)n,
				    (unsigned long long)f->min, (unsigned long long)f->max);
	*ret = n;
	return 0;
}

static int read_name(struct policy_ctx *c, const cJSON *v, const char *where)
{
	const char *s = v->valuestring;

	if (!name_valid(s, strlen(s)) || strlen(s) >= RULE_MAX)
		return policy_error(c, where, "must be letters, digits, '_', '.' and '-' only, at most %u",
				    RULE_MAX - 1);
	for (unsigned i = 0; i < c->nnames; i++)
		if (strcmp(c->names[i], s) == 0)
			return policy_error(c, where, "\"%s\" names another rule already; give each its own name", s);
	if (c->nnames == POLICY_RULES_MAX)
		return policy_error(c, where, "more than %d rules", POLICY_RULES_MAX);
	c->names[c->nnames++] = s;
	return 0;
}

static int read_text(struct policy_ctx *c, const cJSON *v, const char *where, const struct policy_field *f)
{
	const char *s = v->valuestring;
	size_t n;

	if (!cJSON_IsString(v))
		return policy_error(c, where, "must be a text in quotes");
	n = strlen(s);
	if (n < f->min || n > f->max)
		return policy_error(c, where, "has %zu bytes; must have %llu to %llu", n, (unsigned long long)f->min,
				    (unsigned long long)f->max);
	if (!text_valid(s, n))
		return policy_error(c, where, "has control characters");
	if (f->type == PT_PATH && !path_valid(s, n))
		return policy_error(c, where,
				    "\"%s\" is not canonical; write it absolute, without '.', '..', '//' "
				    "or a final '/'",
				    s);
	if (f->type == PT_LABEL && strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789") != n)
		return policy_error(c, where, "must be small letters and digits only");
	return f->type == PT_NAME ? read_name(c, v, where) : 0;
}

static int read_field(struct policy_ctx *c, const cJSON *v, const char *where, const struct policy_field *f, void *to)
{
	uint64_t n = 0;
	int r;

	switch (f->type) {
	case PT_LABEL:
		r = read_text(c, v, where, f);
		return r < 0 ? r : text_copy((char *)to + f->offset, f->max + 1, v->valuestring);
	case PT_NAME:
	case PT_TEXT:
	case PT_PATH:
		r = read_text(c, v, where, f);
		if (r == 0 && f->offset != POLICY_NOWHERE)
			*(const char **)((char *)to + f->offset) = v->valuestring;
		return r;
	case PT_BOOL:
		if (!cJSON_IsBool(v))
			return policy_error(c, where, "must be true or false");
		*(uint32_t *)((char *)to + f->offset) = cJSON_IsTrue(v);
		return 0;
	case PT_U32:
		r = read_number(c, v, where, f, &n);
		if (r == 0)
			*(uint32_t *)((char *)to + f->offset) = (uint32_t)n;
		return r;
	case PT_SIZE:
		r = read_number(c, v, where, f, &n);
		if (r == 0)
			*(uint64_t *)((char *)to + f->offset) = n;
		return r;
	case PT_ARRAY:
		if (!cJSON_IsArray(v))
			return policy_error(c, where, "must be a list in [ ]");
		*(const cJSON **)((char *)to + f->offset) = v;
		return 0;
	}
	return -EINVAL;
}

int policy_object(struct policy_ctx *c, const cJSON *object, const char *where, const struct policy_field *fields,
		  size_t n, void *to)
{
	char path[256];

	if (!cJSON_IsObject(object))
		return policy_error(c, where, "must be an object in { }");
	for (const cJSON *v = object->child; v; v = v->next) {
		size_t i = 0;

		while (i < n && strcmp(fields[i].key, v->string) != 0)
			i++;
		if (text_format(path, sizeof(path), "%s%s%s", where, *where ? "." : "", v->string) < 0 || i == n)
			return policy_error(c, where, "there is no \"%.64s\" here; remove it or mend its spelling",
					    v->string);
		if (read_field(c, v, path, &fields[i], to) < 0)
			return -EINVAL;
	}
	for (size_t i = 0; i < n; i++)
		if ((fields[i].flags & PF_REQUIRED) && !cJSON_GetObjectItemCaseSensitive(object, fields[i].key))
			return policy_error(c, where, "\"%s\" is missing; add it (policy/README.md says what it means)",
					    fields[i].key);
	return 0;
}
