/* jsonlog.c - see jsonlog.h. */
#include "jsonlog.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/cleanup.h"

void jsonlog_init(struct jsonlog *l, int fd)
{
	*l = (struct jsonlog){ .second = -1 };
	logring_init(&l->ring, fd, 0, 0);
	journal_init(&l->journal);
}

void jsonlog_attrs(struct jsonlog *l, const char *text)
{
	int n = text && strlen(text) <= LOG_ATTRS_MAX ? snprintf(l->attrs, sizeof(l->attrs), ",\"attrs\":%s", text) : 0;

	l->attrs_len = n < 0 ? 0 : (size_t)n;
}

void jsonlog_finish(struct jsonlog *l)
{
	jsonlog_flush(l);
	free(l->batch);
	l->batch = NULL;
	journal_finish(&l->journal);
}

/* Days since 1970 to a date of the Gregorian calendar, in eras of 400 years that begin in March. The C library's own
 * functions open time zone files, which a locked-down monitor must not. */
static void put_date(char *out, size_t size, int64_t second)
{
	int64_t days = second / 86400 + 719468, era = days / 146097, day = days % 146097;
	int64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	int64_t in_year = day - (365 * year + year / 4 - year / 100), month = (5 * in_year + 2) / 153;
	int rest = (int)(second % 86400);

	day = in_year - (153 * month + 2) / 5 + 1;
	month = month < 10 ? month + 3 : month - 9;
	snprintf(out, size, "%04d-%02d-%02dT%02d:%02d:%02d", (int)(year + era * 400 + (month <= 2)) % 10000, (int)month,
		 (int)day, rest / 3600, rest / 60 % 60, rest % 60);
}

void jsonlog_time(struct jsonlog *l, int64_t ns)
{
	int64_t second = ns / 1000000000;
	unsigned rest = (unsigned)(ns % 1000000000);
	size_t n = 19;

	journal_round(&l->journal);
	if (ns < 0)
		return;
	if (second != l->second) {
		put_date(l->stamp, sizeof(l->stamp), second);
		l->second = second;
	}
	if (rest) {
		l->stamp[n] = '.';
		for (unsigned i = 9; i > 0; i--, rest /= 10)
			l->stamp[n + i] = (char)('0' + rest % 10);
		n += 10;
		while (l->stamp[n - 1] == '0')
			n--;
	}
	l->stamp_len = n;
}

/* True when one of the eight bytes needs a look: control, quote, backslash, <, >, & or not ASCII. */
static inline bool special8(const char *s)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), high = ones * 0x80;
	uint64_t v, hit;

	memcpy(&v, s, 8);
#define SPECIAL_BYTE(c) ((v ^ ones * (c)) - ones)
	hit = v | (v - ones * 0x20) | SPECIAL_BYTE('"') | SPECIAL_BYTE('\\') | SPECIAL_BYTE('<') | SPECIAL_BYTE('>') |
	      SPECIAL_BYTE('&');
#undef SPECIAL_BYTE
	return hit & high;
}

static inline bool plain(unsigned char c)
{
	return c >= 0x20 && c < 0x80 && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&';
}

/* Length of the well-formed sequence at s, 0 when it is none (RFC 3629: no overlong forms, no surrogates). */
static size_t utf8_len(const unsigned char *s, size_t n)
{
	size_t len = s[0] >= 0xf0 && s[0] <= 0xf4 ? 4 : s[0] >= 0xe0 ? 3 : s[0] >= 0xc2 ? 2 : 0;

	if (s[0] > 0xf4 || len == 0 || len > n)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf0 && s[1] < 0x90) ||
	    (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return len;
}

static char *put(char *out, const char *s, size_t n)
{
	memcpy(out, s, n);
	return out + n;
}

static char *put_escape(char *out, unsigned char c)
{
	static const char digits[] = "0123456789abcdef";

	*out++ = '\\';
	if (c == '"' || c == '\\' || c == '\n' || c == '\r' || c == '\t') {
		*out++ = c == '\n' ? 'n' : c == '\r' ? 'r' : c == '\t' ? 't' : (char)c;
		return out;
	}
	*out++ = 'u';
	*out++ = '0';
	*out++ = '0';
	*out++ = digits[c >> 4];
	*out++ = digits[c & 15];
	return out;
}

static char *put_byte(char *out, unsigned char c)
{
	static const char digits[] = "0123456789abcdef";

	out = put(out, "\\udc", 4);
	*out++ = digits[c >> 4];
	*out++ = digits[c & 15];
	return out;
}

/* Room for 6 * n bytes is the caller's promise. */
static char *put_text(char *out, const char *s, size_t n, bool binary)
{
	size_t i = 0;

	while (i < n) {
		while (n - i >= 8 && !special8(s + i)) {
			memcpy(out, s + i, 8);
			out += 8;
			i += 8;
		}
		if (i == n)
			break;
		unsigned char c = (unsigned char)s[i];

		if (plain(c)) {
			*out++ = (char)c;
			i++;
		} else if (c < 0x80) {
			out = put_escape(out, c);
			i++;
		} else {
			size_t len = utf8_len((const unsigned char *)s + i, n - i);
			bool end = len == 3 && memcmp(s + i, "\xe2\x80", 2) == 0 &&
				   ((unsigned char)s[i + 2] & 0xfe) == 0xa8;

			if (end) /* line ends to JavaScript */
				out = put(out, s[i + 2] & 1 ? "\\u2029" : "\\u2028", 6);
			else if (len)
				out = put(out, s + i, len);
			else
				out = binary ? put_byte(out, c) : put(out, "\\ufffd", 6);
			i += len ? len : 1;
		}
	}
	return out;
}

static void to_journal(struct jsonlog *l, struct log_stream *s, const char *line, size_t n, bool newline)
{
	struct journal_line j = { .text = line, .n = n, .error = strcmp(s->name, "stderr") == 0, .last = newline };
	char stamp[sizeof(l->stamp) + 1];

	memcpy(stamp, l->stamp, l->stamp_len);
	stamp[l->stamp_len] = 'Z';
	j.time = stamp;
	j.time_n = l->stamp_len + 1;
	if (s->piece == 0)
		s->id = l->journal.ordinal;
	if (!newline || s->piece)
		j.piece = ++s->piece;
	j.id = s->id;
	if (newline)
		s->piece = 0;
	journal_send(&l->journal, &j);
}

static void entry(struct jsonlog *l, struct log_stream *s, const char *line, size_t n, bool newline)
{
	char *out;

	if (l->journal.fd >= 0)
		to_journal(l, s, line, n, newline);
	if (l->ring.fd < 0)
		return;
	if (!l->batch) {
		l->batch = malloc(LOG_BATCH);
		if (!l->batch) {
			l->lost += n;
			return;
		}
	}
	if (LOG_BATCH - l->len < LOG_ENTRY_MAX)
		jsonlog_flush(l);
	out = put(l->batch + l->len, "{\"log\":\"", 8);
	out = put_text(out, line, n, l->binary);
	out = newline ? put(out, "\\n\",\"stream\":\"", 14) : put(out, "\",\"stream\":\"", 12);
	out = put(out, s->name, strlen(s->name));
	*out++ = '"';
	out = put(out, l->attrs, l->attrs_len);
	out = put(out, ",\"time\":\"", 9);
	out = put(out, l->stamp, l->stamp_len);
	out = put(out, "Z\"}\n", 4);
	l->len = (size_t)(out - l->batch);
}

/* How much of n bytes to take so that no character is cut in two. */
static size_t whole_characters(const char *s, size_t n)
{
	for (size_t back = 1; back <= 3 && back < n; back++) {
		unsigned char c = (unsigned char)s[n - back];

		if (c < 0x80)
			break;
		if (c >= 0xc0)
			return (size_t)(c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2) > back ? n - back : n;
	}
	return n;
}

void jsonlog_add(struct jsonlog *l, struct log_stream *s, const char *data, size_t n)
{
	while (n > 0) {
		const char *newline = memchr(data, '\n', n);
		size_t len = newline ? (size_t)(newline - data) : n, take;

		if (s->len == 0 && newline && len <= LOG_LINE_MAX) { /* the usual case, without a copy */
			entry(l, s, data, len, true);
			data += len + 1;
			n -= len + 1;
			continue;
		}
		take = len < LOG_LINE_MAX - s->len ? len : LOG_LINE_MAX - s->len;
		memcpy(s->line + s->len, data, take);
		s->len += take;
		data += take;
		n -= take;
		if (newline && take == len) {
			entry(l, s, s->line, s->len, true);
			s->len = 0;
			data++;
			n--;
		} else if (s->len == LOG_LINE_MAX) {
			size_t whole = whole_characters(s->line, s->len);

			entry(l, s, s->line, whole, false);
			s->len -= whole;
			memmove(s->line, s->line + whole, s->len);
		}
	}
}

void jsonlog_end(struct jsonlog *l, struct log_stream *s)
{
	if (s->len)
		entry(l, s, s->line, s->len, false);
	s->len = 0;
	s->piece = 0;
}

void jsonlog_flush(struct jsonlog *l)
{
	if (l->len)
		l->lost += logring_write(&l->ring, l->batch, l->len);
	l->len = 0;
}
