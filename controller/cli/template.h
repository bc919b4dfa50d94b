/* template.h - Go's templates as far as Docker's users go with --format, over JSON values.
 *
 * Text; {{pipeline}}; {{if}} {{else if}} {{else}} {{end}}, {{range}} (with $i, $v :=), {{with}}; {{- trim -}};
 * comments; .Field.Field, $, $name, :=, =, strings, numbers, true, false, nil, parentheses, pipes; functions: json,
 * upper, lower, title, join, split, truncate, pad, print, println, printf, len, index, slice, eq ne lt le gt ge, and or
 * not. What else Go has is refused with its name. Bounded: TEMPLATE_STEPS_MAX evaluations, TEMPLATE_DEPTH_MAX levels.
 */
#ifndef POSTERN_CLI_TEMPLATE_H
#define POSTERN_CLI_TEMPLATE_H

#include <cjson/cJSON.h>
#include <stdio.h>

enum {
	TEMPLATE_STEPS_MAX = 200000,
	TEMPLATE_DEPTH_MAX = 64,
	TEMPLATE_VARIABLES_MAX = 32,
	TEMPLATE_ERROR_MAX = 256,
};

/* Writes what it makes of v, without a final newline. 0, or -1 with Go's kind of sentence in error. */
int template_run(FILE *out, const char *text, const cJSON *v, char error[TEMPLATE_ERROR_MAX]);

#endif
