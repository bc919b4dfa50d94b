/* template_internal.h - what the interpreter (template.c) and its functions (template_functions.c) share. */
#ifndef POSTERN_CLI_TEMPLATE_INTERNAL_H
#define POSTERN_CLI_TEMPLATE_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>

#include "template.h"

enum { ARGS_MAX = 32 };

struct variable {
	char name[32];
	const cJSON *value;
};

struct template
{
	const char *p; /* what is read next */
	FILE *out;
	const cJSON *root;
	cJSON *pool; /* values made on the way; freed at the end */
	struct variable variables[TEMPLATE_VARIABLES_MAX];
	size_t nvariables;
	unsigned steps, depth;
	char *error; /* "": none so far */
};

/* The first error stays. Returns NULL, so that a function can end with it. */
const cJSON *template_fail(struct template *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Takes a fresh value. */
const cJSON *template_own(struct template *t, cJSON *v);
/* As Go prints a value. */
void template_put(FILE *out, const cJSON *v);
/* Go's truth: not false, 0, "", nil or empty. */
bool template_truth(const cJSON *v);
bool template_is_function(const char *name);
/* NULL with an error. */
const cJSON *template_call(struct template *t, const char *name, const cJSON *const *args, size_t n);
/* nil. */
extern const cJSON template_nil;

#endif
