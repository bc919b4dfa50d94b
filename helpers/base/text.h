/* text.h - checked texts: ids in hex, names, canonical paths, bounded copies. */
#ifndef POSTERN_BASE_TEXT_H
#define POSTERN_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "limits.h"

/* out takes 2 * n + 1 bytes. */
void hex_encode(const uint8_t *bytes, size_t n, char *out);
/* Exactly 2 * n lower-case digits and the end of the string, or -EINVAL. */
int hex_decode(const char *text, uint8_t *ret, size_t n);

/* [A-Za-z0-9][A-Za-z0-9_.-]*: what Docker allows as a name. n bytes, no NUL among them. */
bool name_valid(const char *s, size_t n);
/* Absolute, no empty, "." or ".." component, no control characters, no trailing slash but in "/". */
bool path_valid(const char *s, size_t n);
/* No control characters (below 0x20, 0x7f) and no NUL. */
bool text_valid(const char *s, size_t n);
/* True when path is prefix or lies below it, compared by whole components. */
bool path_below(const char *path, const char *prefix);

/* The prefixes of a path, each a component longer: for (size_t at = 0; path_prefix(path, &at, part, sizeof(part));).
 * False after the whole of it, and when one does not fit. */
bool path_prefix(const char *path, size_t *at, char *part, size_t size);

/* Copies s whole or not at all: -ENAMETOOLONG. */
int text_copy(char *to, size_t size, const char *s);
/* printf into a fixed buffer, whole or -ENAMETOOLONG. */
int text_format(char *to, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Decimal without sign, spaces or trailing bytes. -EINVAL or -ERANGE (above max). */
int text_u64(const char *s, uint64_t max, uint64_t *ret);

#endif
