/* body.c - see body.h. The grammar is RFC 8259's, with keys of [a-z0-9_] and a bounded depth. Input: hostile. */
#include "body.h"

#include <errno.h>
#include <string.h>

#include "../base/cleanup.h"

enum { DEPTH_MAX = 6, KEYS_MAX = 40 };

static const char *const reserved[] = {
	"seq",	  "chan",    "cseq",   "kind", "time", "mono",	"boot",
	"intent", "release", "client", "prev", "hash", "count", "last",
};

static bool value(const char **s, int depth);

/* Control characters cannot be there: the codec refuses them. */
static bool string(const char **s)
{
	if (*(*s)++ != '"')
		return false;
	for (; **s && **s != '"'; (*s)++) {
		if (**s != '\\')
			continue;
		(*s)++;
		if (**s == 'u') {
			for (int i = 0; i < 4; i++)
				if (!strchr("0123456789abcdefABCDEF", *++*s) || !**s)
					return false;
		} else if (!**s || !strchr("\"\\/bfnrt", **s)) {
			return false;
		}
	}
	return *(*s)++ == '"';
}

static bool number(const char **s)
{
	size_t n;

	*s += **s == '-';
	n = strspn(*s, "0123456789");
	if (n == 0 || n > 20 || (n > 1 && **s == '0'))
		return false;
	*s += n;
	return true;
}

static bool word(const char **s, const char *w)
{
	size_t n = strlen(w);

	if (strncmp(*s, w, n) != 0)
		return false;
	*s += n;
	return true;
}

/* A key of ours; *ret_len without the quotes. */
static bool key(const char **s, const char **ret, size_t *ret_len)
{
	const char *start = *s + 1;
	size_t n;

	if (**s != '"')
		return false;
	n = strspn(start, "abcdefghijklmnopqrstuvwxyz0123456789_");
	*s = start + n;
	*ret = start;
	*ret_len = n;
	return n > 0 && word(s, "\":");
}

static bool members(const char **s, char end, int depth)
{
	const char *name;
	size_t n;

	if (**s == end)
		return ++*s;
	do
		if ((end == '}' && !key(s, &name, &n)) || !value(s, depth))
			return false;
	while (*(*s)++ == ',');
	return (*s)[-1] == end;
}

static bool value(const char **s, int depth)
{
	if (depth > DEPTH_MAX)
		return false;
	switch (**s) {
	case '"':
		return string(s);
	case '{':
		++*s;
		return members(s, '}', depth + 1);
	case '[':
		++*s;
		return members(s, ']', depth + 1);
	default:
		return word(s, "true") || word(s, "false") || word(s, "null") || number(s);
	}
}

static bool is_reserved(const char *name, size_t n)
{
	for (unsigned i = 0; i < ARRAY_SIZE(reserved); i++)
		if (strlen(reserved[i]) == n && memcmp(reserved[i], name, n) == 0)
			return true;
	return false;
}

static bool top_members(const char *s, struct body *ret)
{
	struct {
		const char *name;
		size_t n;
	} seen[KEYS_MAX] = { 0 };
	unsigned nseen = 0;

	for (;;) {
		const char *name, *start;
		size_t n;

		if (nseen == KEYS_MAX || !key(&s, &name, &n) || is_reserved(name, n))
			return false;
		for (unsigned i = 0; i < nseen; i++)
			if (seen[i].n == n && memcmp(seen[i].name, name, n) == 0)
				return false;
		seen[nseen].name = name;
		seen[nseen++].n = n;
		start = s;
		if (!value(&s, 0))
			return false;
		if (n == 8 && memcmp(name, "decision", 8) == 0)
			ret->denied = s - start == 8 && memcmp(start, "\"denied\"", 8) == 0;
		if (n == 2 && memcmp(name, "op", 2) == 0 && *start == '"' && (size_t)(s - start - 2) < sizeof(ret->op))
			memcpy(ret->op, start + 1, (size_t)(s - start - 2));
		if (*s == '\0')
			return true;
		if (*s++ != ',')
			return false;
	}
}

/* Length of the UTF-8 sequence at s, or 0 (RFC 3629: no overlong forms, no surrogates). */
static size_t utf8_length(const unsigned char *s)
{
	size_t n = s[0] < 0x80			 ? 1
		   : s[0] >= 0xc2 && s[0] < 0xe0 ? 2
		   : (s[0] & 0xf0) == 0xe0	 ? 3
		   : s[0] >= 0xf0 && s[0] < 0xf5 ? 4
						 : 0;

	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf0 && s[1] < 0x90) ||
	    (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

static void make_utf8(char *text)
{
	while (*text) {
		size_t n = utf8_length((unsigned char *)text);

		if (n == 0)
			*text = '?';
		text += n ? n : 1;
	}
}

int body_check(char *text, struct body *ret)
{
	static const char first[] = "\"cseq\":";
	struct body b = { 0 };
	const char *s = text + sizeof(first) - 1;

	make_utf8(text);
	if (strncmp(text, first, sizeof(first) - 1) != 0 || *s < '1' || *s > '9')
		return -EBADMSG;
	for (; *s >= '0' && *s <= '9'; s++) {
		if (b.cseq > (UINT64_MAX - 9) / 10)
			return -EBADMSG;
		b.cseq = b.cseq * 10 + (uint64_t)(*s - '0');
	}
	b.members = *s == ',' ? s + 1 : s;
	if (*s != '\0' && (*s != ',' || !top_members(s + 1, &b)))
		return -EBADMSG;
	*ret = b;
	return 0;
}
