/* api.c - requests to the engine: JSON in, JSON out, errors in Docker's words. */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "../../helpers/base/cleanup.h"
#include "cli.h"
#include "http_client.h"

enum { ANSWER_MAX = 64 << 20, LINE_MAX_BYTES = 4 << 20 };

struct text {
	char *s;
	size_t n, size;
};

static int text_add(struct text *t, const char *s, size_t n)
{
	if (t->size - t->n <= n) {
		size_t size = (t->n + n + 1) * 2;
		char *new = realloc(t->s, size);

		if (!new)
			return -ENOMEM;
		t->s = new;
		t->size = size;
	}
	memcpy(t->s + t->n, s, n);
	t->n += n;
	t->s[t->n] = '\0';
	return 0;
}

static int no_engine(struct cli *cli, int r)
{
	if (r == -EACCES || r == -EPERM)
		return fail(-1, "permission denied at %s: your user is not among those whom the policy lets in",
			    cli->socket);
	return fail(-1, "Cannot connect to the Postern engine at unix://%s (%s). Is postern-launcher running?",
		    cli->socket, strerror(-r));
}

static int read_all(struct http *h, struct text *t)
{
	char buf[16384];
	ssize_t n;

	while ((n = http_body(h, buf, sizeof(buf))) > 0)
		if (t->n + (size_t)n > ANSWER_MAX || text_add(t, buf, (size_t)n) < 0)
			return -EMSGSIZE;
	return (int)n;
}

/* The message of an error's body. */
static void error_text(struct http *h, char *out, size_t size)
{
	struct text t = { 0 };
	cJSON *v = NULL;

	if (read_all(h, &t) == 0 && t.s)
		v = cJSON_Parse(t.s);
	if (*json_text_at(v, "message"))
		text_plain(out, size, json_text_at(v, "message"));
	else
		snprintf(out, size, "status %d", h->status);
	cJSON_Delete(v);
	free(t.s);
}

int api_error(struct http *h)
{
	char message[2048];

	error_text(h, message, sizeof(message));
	fprintf(stderr, "Error response from daemon: %s\n", message);
	return -h->status;
}

static int exchange(struct cli *cli, const char *method, const char *path, const cJSON *body, struct http *h)
{
	_cleanup_free_ char *text = body ? cJSON_PrintUnformatted(body) : NULL;
	int r = cli->kept >= 0 ? http_resume(h, TAKE_FD(cli->kept)) : -ENOTCONN;

	if (r < 0)
		r = engine_connect(cli, h);
	if (r < 0)
		return no_engine(cli, r);
	r = http_request(h, method, path, "", text, text ? strlen(text) : 0);
	if (r == 0)
		r = http_answer(h);
	if (r < 0)
		return fail(-1, "the engine did not answer: %s", strerror(-r));
	return 0;
}

int api_try(struct cli *cli, const char *method, const char *path, const cJSON *body, cJSON **ret, char *error,
	    size_t size)
{
	struct http h;
	struct text t = { 0 };
	int r = exchange(cli, method, path, body, &h);

	*error = '\0';
	if (r == 0 && h.status >= 400) {
		error_text(&h, error, size);
		r = -h.status;
	} else if (r == 0) {
		r = read_all(&h, &t);
		if (ret)
			*ret = r == 0 && t.n > 0 ? cJSON_Parse(t.s) : NULL;
		if (r < 0 || (ret && t.n > 0 && !*ret))
			r = fail(-1, "the engine's answer was cut off or is not JSON");
		else
			r = h.status;
	}
	free(t.s);
	close_fd(cli->kept);
	cli->kept = http_release(&h);
	return r;
}

int api_call(struct cli *cli, const char *method, const char *path, const cJSON *body, cJSON **ret)
{
	char error[2048];
	int r = api_try(cli, method, path, body, ret, error, sizeof(error));

	if (*error)
		fprintf(stderr, "Error response from daemon: %s\n", error);
	return r;
}

int api_each(struct cli *cli, int n, char **names, const char *method, const char *format, const char *query,
		bool force)
{
	int status = 0;

	for (int i = 0; i < n; i++) {
		_cleanup_free_ char *start = api_path(format, names[i]), *path = NULL;
		int r = asprintf(&path, "%s%s", start, query) < 0 ? -1 : api_call(cli, method, path, NULL, NULL);

		if (r >= 0)
			printf("%s\n", names[i]);
		else if (r != -404 || !force)
			status = 1;
		fflush(stdout);
	}
	return status;
}

struct http *api_ask(struct cli *cli, const char *method, const char *path, const char *headers)
{
	struct http *h = malloc(sizeof(*h));
	int r;

	if (!h)
		return NULL;
	r = engine_connect(cli, h);
	if (r < 0)
		no_engine(cli, r);
	else if ((r = http_request(h, method, path, headers, NULL, 0)) < 0)
		fail(1, "the engine did not answer: %s", strerror(-r));
	else
		return h;
	http_finish(h);
	free(h);
	return NULL;
}

struct http *api_answered(struct http *h)
{
	int r;

	if (!h)
		return NULL;
	r = http_answer(h);
	if (r < 0)
		fail(1, "the engine did not answer: %s", strerror(-r));
	else if (h->status >= 400)
		api_error(h);
	else
		return h;
	http_finish(h);
	free(h);
	return NULL;
}

struct http *api_open(struct cli *cli, const char *method, const char *path, const char *headers)
{
	return api_answered(api_ask(cli, method, path, headers));
}

int api_stream(struct http *h, int (*f)(void *data, const cJSON *value), void *data)
{
	struct text line = { 0 };
	char buf[8192];
	ssize_t n;
	int r = 0;

	while (r == 0 && (n = http_body(h, buf, sizeof(buf))) > 0) {
		for (ssize_t i = 0; r == 0 && i < n; i++) {
			cJSON *v;

			if (buf[i] != '\n') {
				r = line.n < LINE_MAX_BYTES ? text_add(&line, &buf[i], 1) : -1;
				continue;
			}
			v = line.n ? cJSON_Parse(line.s) : NULL;
			if (v)
				r = f(data, v);
			cJSON_Delete(v);
			line.n = 0;
		}
	}
	free(line.s);
	return r ? r : n < 0 ? -1 : 0;
}

struct progress {
	bool quiet;
	int failed;
};

static int show_progress(void *data, const cJSON *v)
{
	struct progress *p = data;
	char text[1024], id[80];

	if (*json_text_at(v, "error")) {
		text_plain(text, sizeof(text), json_text_at(v, "error"));
		fprintf(stderr, "%s\n", text);
		p->failed = 1;
	} else if (*json_text_at(v, "stream")) {
		const char *s = json_text_at(v, "stream");

		snprintf(text, sizeof(text), "%.*s", (int)strcspn(s, "\r\n"), s);
		text_plain(text, sizeof(text), text);
		printf("%s\n", text);
	} else if (*json_text_at(v, "status") && !p->quiet) {
		text_plain(text, sizeof(text), json_text_at(v, "status"));
		text_plain(id, sizeof(id), json_text_at(v, "id"));
		if (!*json_text_at(v, "progress"))
			printf("%s%s%s\n", id, *id ? ": " : "", text);
	}
	fflush(stdout);
	return 0;
}

int api_progress(struct http *h, bool quiet)
{
	struct progress p = { quiet, 0 };

	if (api_stream(h, show_progress, &p) < 0)
		return fail(1, "the engine's answer was cut off");
	return p.failed;
}

static int add_encoded(struct text *t, const char *s)
{
	static const char hex[] = "0123456789ABCDEF";
	int r = 0;

	for (; *s && r == 0; s++) {
		char code[3] = { '%', hex[(unsigned char)*s >> 4], hex[*s & 15] };

		if (isascii(*s) && (isalnum((unsigned char)*s) || strchr("-_.~/:", *s)))
			r = text_add(t, s, 1);
		else
			r = text_add(t, code, 3);
	}
	return r;
}

char *api_path(const char *format, ...)
{
	struct text t = { 0 };
	va_list args;
	int r = text_add(&t, "", 0);

	va_start(args, format);
	for (const char *p = format; *p && r == 0; p++) {
		if (p[0] == '%' && p[1] == 's') {
			r = add_encoded(&t, va_arg(args, const char *));
			p++;
		} else {
			r = text_add(&t, p, 1);
		}
	}
	va_end(args);
	if (r < 0) {
		fail(1, "out of memory");
		exit(1);
	}
	return t.s;
}

char *api_filters(const struct texts *filters)
{
	cJSON *v = cJSON_CreateObject();
	_cleanup_free_ char *text = NULL;

	for (size_t i = 0; i < filters->n; i++) {
		const char *equals = strchr(filters->v[i], '=');
		char key[64];
		cJSON *list;

		if (!equals || equals == filters->v[i] || equals - filters->v[i] >= (ssize_t)sizeof(key)) {
			fail(1, "invalid filter '%s': must be name=value", filters->v[i]);
			cJSON_Delete(v);
			return NULL;
		}
		snprintf(key, sizeof(key), "%.*s", (int)(equals - filters->v[i]), filters->v[i]);
		list = cJSON_GetObjectItemCaseSensitive(v, key);
		if (!list)
			list = cJSON_AddArrayToObject(v, key);
		cJSON_AddItemToArray(list, cJSON_CreateString(equals + 1));
	}
	text = cJSON_PrintUnformatted(v);
	cJSON_Delete(v);
	return api_path("%s", text ? text : "{}");
}
