/* logs.c - docker logs: reads the lines that the monitor writes (log_file.h says where they are).
 *
 * A line is {"log":"...","stream":"stdout","attrs":{...},"time":"..."}, attrs only where there are some; the text
 * inside is the container's: hostile, but the JSON around it is our monitor's. A line that is not of that form is left
 * out. Following: inotify (uv_fs_event) says when the file has grown, the container's exit when it is complete. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "../../helpers/base/cleanup.h"
#include "../api/http.h"
#include "../json.h"
#include "../spec/log.h"
#include "../task.h"
#include "filters.h"
#include "internal.h"
#include "log_file.h"
#include "stream.h"

enum {
	LINE_MAX_BYTES = 128 * 1024, /* 16 kB of output, each byte at worst \u00XX, and attributes */
	OUT_BYTES = 32 * 1024, /* gathered before the client gets them */
	TURN_BYTES = 4 << 20, /* read before others have their turn */
};

struct reader {
	const struct log_options *o;
	const struct sink *to;
	struct log_file file;
	size_t turn; /* bytes read in it */
	char *in, *out;
	size_t in_len, out_len;
	bool skipping; /* within a line that is too long */
	bool past; /* `until` was reached */
};

/* --- one line -------------------------------------------------------------------------------------------- */
static int hex4(const char *s)
{
	int v = 0;

	for (int i = 0; i < 4; i++) {
		char ch = s[i];
		int d = ch >= '0' && ch <= '9'	 ? ch - '0'
			: ch >= 'a' && ch <= 'f' ? ch - 'a' + 10
			: ch >= 'A' && ch <= 'F' ? ch - 'A' + 10
						 : -1;

		if (d < 0)
			return -1;
		v = v << 4 | d;
	}
	return v;
}

static char *put_utf8(char *to, unsigned c)
{
	if (c < 0x80) {
		*to++ = (char)c;
	} else if (c < 0x800) {
		*to++ = (char)(0xc0 | c >> 6);
		*to++ = (char)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		*to++ = (char)(0xe0 | c >> 12);
		*to++ = (char)(0x80 | (c >> 6 & 0x3f));
		*to++ = (char)(0x80 | (c & 0x3f));
	} else {
		*to++ = (char)(0xf0 | c >> 18);
		*to++ = (char)(0x80 | (c >> 12 & 0x3f));
		*to++ = (char)(0x80 | (c >> 6 & 0x3f));
		*to++ = (char)(0x80 | (c & 0x3f));
	}
	return to;
}

/* A JSON string from behind its quote, unescaped in place. *ret_end is behind the closing quote. -1: malformed. */
static ssize_t unescape(char *s, char *end, char **ret_end)
{
	static const char from[] = "\"\\/bfnrt", is[] = "\"\\/\b\f\n\r\t";
	char *to = s, *p = s;

	while (p < end && *p != '"') {
		const char *e;
		int c, low;

		if (*p != '\\') {
			*to++ = *p++;
			continue;
		}
		if (end - p < 2)
			return -1;
		e = strchr(from, p[1]);
		if (e && p[1]) {
			*to++ = is[e - from];
			p += 2;
			continue;
		}
		c = p[1] == 'u' && end - p >= 6 ? hex4(p + 2) : -1;
		if (c < 0)
			return -1;
		p += 6;
		/* A byte that is no UTF-8, in a log that keeps such. No text has these: it would be no UTF-8. */
		if (c >= 0xdc80 && c < 0xdd00) {
			*to++ = (char)(c & 0xff);
			continue;
		}
		low = c >= 0xd800 && c < 0xdc00 && end - p >= 6 && p[0] == '\\' && p[1] == 'u' ? hex4(p + 2) : -1;
		if (low >= 0xdc00 && low < 0xe000) {
			c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
			p += 6;
		}
		to = put_utf8(to, (unsigned)c);
	}
	if (p >= end)
		return -1;
	*ret_end = p + 1;
	return to - s;
}

static char *expect(char *p, const char *end, const char *text)
{
	size_t n = strlen(text);

	return p && (size_t)(end - p) >= n && memcmp(p, text, n) == 0 ? p + n : NULL;
}

struct line {
	char *text;
	size_t len;
	int stream; /* 1 stdout, 2 stderr */
	char *attrs; /* of attrs_len bytes of JSON; NULL: none */
	size_t attrs_len;
	char time[40];
};

/* Behind a JSON object of texts: to its closing brace. */
static char *skip_object(char *p, const char *end)
{
	bool quoted = false;

	for (; p < end; p++) {
		if (*p == '\\')
			p++;
		else if (*p == '"')
			quoted = !quoted;
		else if (*p == '}' && !quoted)
			return p + 1;
	}
	return NULL;
}

static int parse_line(char *p, char *end, struct line *ret)
{
	char *stream, *attrs;
	ssize_t n;

	p = expect(p, end, "{\"log\":\"");
	if (!p)
		return -1;
	ret->text = p;
	n = unescape(p, end, &p);
	if (n < 0)
		return -1;
	ret->len = (size_t)n;
	stream = p = expect(p, end, ",\"stream\":\"std");
	if (!p || end - p < 3)
		return -1;
	ret->stream = *stream == 'e' ? 2 : 1;
	p = expect(p + 3, end, "\"");
	attrs = expect(p, end, ",\"attrs\":");
	ret->attrs = attrs;
	if (attrs && (p = skip_object(attrs, end)))
		ret->attrs_len = (size_t)(p - attrs);
	p = expect(p, end, ",\"time\":\"");
	if (!p)
		return -1;
	n = unescape(p, end, &end);
	if (n < 0 || n >= (ssize_t)sizeof(ret->time))
		return -1;
	memcpy(ret->time, p, (size_t)n);
	ret->time[n] = '\0';
	return 0;
}

/* --- output ---------------------------------------------------------------------------------------------- */
static int flush(struct reader *r)
{
	size_t n = r->out_len;

	r->out_len = 0;
	return n ? r->to->write(r->to->data, r->out, n) : 0;
}

static int put(struct reader *r, const char *data, size_t n)
{
	while (n > 0) {
		size_t take = OUT_BYTES - r->out_len < n ? OUT_BYTES - r->out_len : n;

		memcpy(r->out + r->out_len, data, take);
		r->out_len += take;
		data += take;
		n -= take;
		if (r->out_len == OUT_BYTES && flush(r) < 0)
			return -1;
	}
	return 0;
}

/* Nine digits always, as Docker prints them. */
static int timestamp(const char *time, char *ret, size_t size)
{
	const char *dot = strchr(time, '.');
	int whole = dot ? (int)(dot - time) : (int)strcspn(time, "Z+");
	int digits = dot ? (int)strspn(dot + 1, "0123456789") : 0;
	const char *zone = dot ? dot + 1 + digits : time + whole;
	int n = snprintf(ret, size, "%.*s.%.*s%.*s%s ", whole, time, digits > 9 ? 9 : digits, dot ? dot + 1 : "",
			 digits < 9 ? 9 - digits : 0, "000000000", zone);

	return n < 0 || (size_t)n >= size ? 0 : n;
}

/* Docker's --details: "key=value,other=value ", each escaped as in a URL. */
static char *details(const struct line *l)
{
	cJSON *attrs = l->attrs ? cJSON_ParseWithLength(l->attrs, l->attrs_len) : NULL;
	const cJSON *a;
	size_t size = 2, n = 0;
	char *text;

	cJSON_ArrayForEach(a, attrs)
		if (cJSON_IsString(a))
			size += 3 * (strlen(a->string) + strlen(a->valuestring)) + 2;
	text = malloc(size);
	cJSON_ArrayForEach(a, attrs) {
		const char *const parts[] = { a->string, cJSON_IsString(a) ? a->valuestring : "" };

		if (!text || !cJSON_IsString(a))
			continue;
		if (n)
			text[n++] = ',';
		for (int i = 0; i < 2; i++) {
			for (const unsigned char *c = (const unsigned char *)parts[i]; *c; c++) {
				if (isalnum(*c) || strchr("-_.~", *c))
					text[n++] = (char)*c;
				else if (*c == ' ')
					text[n++] = '+';
				else
					n += (size_t)snprintf(text + n, size - n, "%%%02X", *c);
			}
			if (i == 0)
				text[n++] = '=';
		}
	}
	cJSON_Delete(attrs);
	if (text)
		memcpy(text + n, " ", 2);
	return text;
}

static int send_line(struct reader *r, char *start, char *end)
{
	_cleanup_free_ char *extra = NULL;
	struct line l = { 0 };
	char stamp[64];
	size_t nextra;
	int n = 0;

	if (parse_line(start, end, &l) < 0)
		return 0;
	if (r->o->since_ns || r->o->until_ns) {
		int64_t at;

		if (filters_time(l.time, &at, NULL) < 0 || at < r->o->since_ns)
			return 0;
		if (r->o->until_ns && at > r->o->until_ns) {
			r->past = true;
			return 0;
		}
	}
	if (l.stream == 2 ? !r->o->err : !r->o->out)
		return 0;
	if (r->o->timestamps)
		n = timestamp(l.time, stamp, sizeof(stamp));
	if (r->o->details)
		extra = details(&l);
	nextra = extra ? strlen(extra) : 0;
	if (r->to->framed) {
		uint32_t len = (uint32_t)(l.len + (size_t)n + nextra);
		const char head[8] = { (char)l.stream,	 0,	   0, 0, (char)(len >> 24), (char)(len >> 16),
				       (char)(len >> 8), (char)len };

		if (put(r, head, sizeof(head)) < 0)
			return -1;
	}
	return put(r, stamp, (size_t)n) < 0 || put(r, extra, nextra) < 0 ? -1 : put(r, l.text, l.len);
}

/* --- the file -------------------------------------------------------------------------------------------- */
/* Every whole line of what has come. */
static int take_lines(struct reader *r)
{
	char *start = r->in, *end = r->in + r->in_len, *newline;

	while (!r->past && (newline = memchr(start, '\n', (size_t)(end - start)))) {
		if (!r->skipping && send_line(r, start, newline) < 0)
			return -1;
		r->skipping = false;
		start = newline + 1;
	}
	r->in_len = (size_t)(end - start);
	memmove(r->in, start, r->in_len);
	if (r->in_len == LINE_MAX_BYTES) {
		r->skipping = true;
		r->in_len = 0;
	}
	return 0;
}

/* Sends what there is, until the end of the log. */
static int read_lines(struct reader *r)
{
	while (!r->past && !r->to->gone(r->to->data)) {
		ssize_t n = log_file_read(&r->file, r->in + r->in_len, LINE_MAX_BYTES - r->in_len);

		if (r->file.jumped && r->in_len) { /* the rest of that line is gone */
			memmove(r->in, r->in + r->in_len, (size_t)(n > 0 ? n : 0));
			r->in_len = 0;
		}
		r->skipping &= !r->file.jumped;
		r->file.jumped = false;
		if (n <= 0)
			return flush(r);
		r->in_len += (size_t)n;
		if (take_lines(r) < 0)
			return -1;
		r->turn += (size_t)n;
		if (r->turn >= TURN_BYTES && task_self()) {
			r->turn = 0;
			task_sleep_ms(0);
		}
	}
	return flush(r);
}

struct growth {
	uv_fs_event_t event;
	struct task *task;
};

static void on_growth(uv_fs_event_t *event, const char *name, int events, int status)
{
	struct growth *g = event->data;

	task_wake(g->task);
}

static void growth_freed(uv_handle_t *h)
{
	free(h->data);
}

static struct growth *growth_watch(struct container *c)
{
	struct growth *g = calloc(1, sizeof(*g));
	char path[128];

	if (!g)
		return NULL;
	/* By the fd: the directories above need not be ours to pass. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d/containers/%s-json.log", c->e->state_dir, c->row.id);
	uv_fs_event_init(c->e->loop, &g->event);
	g->event.data = g;
	g->task = task_self();
	if (uv_fs_event_start(&g->event, on_growth, path, 0) == 0)
		return g;
	uv_close((uv_handle_t *)&g->event, growth_freed);
	return NULL;
}

static int follow(struct container *c, struct reader *r)
{
	struct growth *g = growth_watch(c);
	unsigned run = c->exits;
	int status = 0;

	while (status == 0 && g && !r->past && !r->to->gone(r->to->data)) {
		/* The monitor tells of the end after its last write: what is read after it is all there is. */
		bool ended = c->exits != run || !container_is_running(c) || c->gone;
		int64_t left = r->o->until_ns ? (r->o->until_ns - time_now_ns()) / 1000000 + 1 : -1;

		status = read_lines(r);
		if (ended || (r->o->until_ns && left <= 0))
			break;
		if (status == 0 && c->exits == run && !r->to->gone(r->to->data))
			container_watch(c, left);
	}
	if (g)
		uv_close((uv_handle_t *)&g->event, growth_freed);
	return status;
}

int logs_send(struct container *c, const struct log_options *o, const struct sink *to)
{
	struct reader r = { .o = o, .to = to };
	int status = log_file_open(&r.file, c);

	if (status < 0)
		return status == -ENOENT ? 0 : -1;
	r.in = malloc(LINE_MAX_BYTES + OUT_BYTES);
	status = -1;
	if (r.in) {
		r.out = r.in + LINE_MAX_BYTES;
		if (o->tail >= 0)
			log_file_tail(&r.file, o->tail);
		status = read_lines(&r);
	}
	if (status == 0 && o->follow && container_is_running(c))
		status = follow(c, &r);
	log_file_close(&r.file);
	free(r.in);
	return status;
}

/* --- the route ------------------------------------------------------------------------------------------- */
static int write_body(void *data, const void *bytes, size_t n)
{
	return http_write(data, bytes, n);
}

static bool client_gone(void *data)
{
	return http_gone(data);
}

static int parse_options(struct http_request *r, struct log_options *ret, struct err *err)
{
	const char *tail = http_query(r, "tail"), *since = http_query(r, "since"), *until = http_query(r, "until");
	char *end;

	*ret = (struct log_options){
		.out = http_query_bool(r, "stdout", false),
		.err = http_query_bool(r, "stderr", false),
		.timestamps = http_query_bool(r, "timestamps", false),
		.follow = http_query_bool(r, "follow", false),
		.details = http_query_bool(r, "details", false),
		.tail = -1,
	};
	if (!ret->out && !ret->err)
		return err_set(err, 400, "Bad parameters: you must choose at least one stream");
	if (tail && tail[0] && strcmp(tail, "all") != 0) {
		ret->tail = strtoll(tail, &end, 10);
		if (*end || ret->tail < 0)
			ret->tail = -1; /* as Docker: what is no number means all */
	}
	if (since && since[0] && filters_time(since, &ret->since_ns, err) < 0)
		return -1;
	if (until && until[0] && strcmp(until, "0") != 0 && filters_time(until, &ret->until_ns, err) < 0)
		return -1;
	return 0;
}

void logs_serve(struct http_request *r, struct container *c)
{
	cJSON *merged = container_config(c);
	bool tty = json_bool(json_get(merged, "Config"), "Tty", false, NULL),
	     none = !spec_log_readable(json_get(merged, "HostConfig"));
	struct sink to = { .data = r, .write = write_body, .gone = client_gone, .framed = !tty };
	struct log_options o;
	struct err err = { 0 };

	cJSON_Delete(merged);
	if (none)
		err_set(&err, 501, "configured logging driver does not support reading");
	if (none || parse_options(r, &o, &err) < 0) {
		http_reply_error(r, &err);
		return;
	}
	http_begin(r, 200,
		   !tty && http_version(r) >= 142 ? "application/vnd.docker.multiplexed-stream"
						  : "application/vnd.docker.raw-stream");
	if (logs_send(c, &o, &to) == 0)
		http_end(r);
}
