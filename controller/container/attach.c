/* attach.c - docker attach: a client's connection and the monitor's stream, joined in one task.
 *
 * Output first, then input; a side that is full stops only its own direction. The descriptor of the stream is watched
 * for one event at a time, so that a slow client costs no turns of the loop. What the client does not take at once
 * waits in a file: the monitor is always read, and so the container is not held back. Only one that is SPILL_MAX behind
 * and still reads slows it, as a pipe would, since cutting a slow reader would silently cut its data; one that has
 * taken nothing for STALL_MS then is cut off. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <uv.h>

#include "../../helpers/base/cleanup.h"
#include "../api/http.h"
#include "../json.h"
#include "../task.h"
#include "internal.h"
#include "spill.h"
#include "stream.h"

enum {
	HEADER = 8, /* of a frame to the client */
	OUT_MAX = 64 * 1024, /* largest packet of the monitor's */
	IN_MAX = 16 * 1024, /* largest packet that we send */
	TURN_PACKETS = 64, /* before input has its turn */
	STALL_MS = 5000,
};

struct attach {
	struct http_request *r;
	struct http_stream *client;
	int stream;
	uv_poll_t *poll;
	struct task *task;
	bool framed, input, close_stdin;
	bool ended; /* the container's output */
	struct spill spill;
	uint8_t *spilled; /* OUT_MAX, on their way from there */
	uint64_t progress_ms; /* when the client last took something */
	bool detach;
	struct detach_keys keys;
	bool use_keys;
	uint8_t *out; /* HEADER - 1, then a packet: its type byte is the header's last */
	uint8_t *in; /* type byte, then input */
	uint8_t *raw; /* input as it came, before detach keys are taken out */
	size_t in_len; /* packet that waits for the monitor; 0: none */
};

/* --- detach keys ----------------------------------------------------------------------------------------- */
int detach_keys_parse(const char *text, struct detach_keys *ret, struct err *err)
{
	static const char control[] = "@abcdefghijklmnopqrstuvwxyz[\\]^_";

	*ret = (struct detach_keys){ .keys = { 16, 17 }, .n = 2 }; /* ctrl-p,ctrl-q */
	if (!text || !text[0])
		return 0;
	ret->n = 0;
	while (*text) {
		size_t len = strcspn(text, ",");
		const char *found = len == 6 && strncmp(text, "ctrl-", 5) == 0 ? strchr(control, text[5]) : NULL;

		if (ret->n == DETACH_KEYS_MAX || (len != 1 && !found))
			return err_set(err, 400, "Invalid detach keys (%.60s) provided", text);
		ret->keys[ret->n++] = found ? (uint8_t)(found - control) : (uint8_t)text[0];
		text += len;
		if (*text == ',')
			text++;
	}
	return 0;
}

size_t detach_keys_filter(struct detach_keys *k, const uint8_t *in, size_t n, uint8_t *out, bool *ret_detach)
{
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		if (in[i] == k->keys[k->seen]) {
			if (++k->seen < k->n)
				continue;
			k->seen = 0;
			*ret_detach = true;
			return len;
		}
		memcpy(out + len, k->keys, k->seen);
		len += k->seen;
		k->seen = in[i] == k->keys[0] && k->n > 1;
		if (!k->seen)
			out[len++] = in[i];
	}
	return len;
}

/* --- waiting for the monitor's stream -------------------------------------------------------------------- */
static void on_stream(uv_poll_t *poll, int status, int events)
{
	struct attach *a = poll->data;

	uv_poll_stop(poll);
	task_wake(a->task);
}

static void poll_freed(uv_handle_t *h)
{
	free(h);
}

static void unwatch(struct attach *a)
{
	if (a->poll)
		uv_close((uv_handle_t *)a->poll, poll_freed);
	a->poll = NULL;
	a->stream = close_fd(a->stream);
}

static int watch(struct attach *a, struct engine *e)
{
	a->task = task_self();
	a->poll = calloc(1, sizeof(*a->poll));
	if (!a->poll)
		return -1;
	if (uv_poll_init(e->loop, a->poll, a->stream) < 0) {
		free(TAKE_PTR(a->poll));
		return -1;
	}
	a->poll->data = a;
	return 0;
}

/* --- moving bytes ---------------------------------------------------------------------------------------- */
/* To the client, or behind what waits for it already. -1: it has gone, or there is no disk for it. */
static int give(struct attach *a, const void *data, size_t n)
{
	int r = spill_empty(&a->spill) ? http_stream_try(a->client, data, n) : 0;

	if (r > 0)
		a->progress_ms = uv_hrtime() / 1000000;
	return r != 0 ? r : spill_put(&a->spill, data, n);
}

/* -1: the client has gone. */
static int give_spilled(struct attach *a)
{
	while (!spill_empty(&a->spill)) {
		ssize_t n = spill_peek(&a->spill, a->spilled, OUT_MAX);
		int r = n <= 0 ? -1 : http_stream_try(a->client, a->spilled, (size_t)n);

		if (r <= 0)
			return r;
		spill_drop(&a->spill, (size_t)n);
		a->progress_ms = uv_hrtime() / 1000000;
	}
	return 0;
}

/* Until there is no more for now, or no room. -1: the client has gone. */
static int move_output(struct attach *a)
{
	for (unsigned i = 0; i < TURN_PACKETS && !a->ended && spill_has_room(&a->spill); i++) {
		uint8_t *packet = a->out + HEADER - 1;
		ssize_t n = recv(a->stream, packet, OUT_MAX + 1, MSG_DONTWAIT);
		uint8_t type;

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return 0;
		if (n <= 0) {
			a->ended = true;
			return 0;
		}
		if (n == 1)
			continue;
		type = packet[0];
		n--;
		if (!a->framed) {
			if (give(a, a->out + HEADER, (size_t)n) < 0)
				return -1;
			continue;
		}
		memset(a->out, 0, HEADER);
		a->out[0] = type;
		a->out[4] = (uint8_t)(n >> 24);
		a->out[5] = (uint8_t)(n >> 16);
		a->out[6] = (uint8_t)(n >> 8);
		a->out[7] = (uint8_t)n;
		if (give(a, a->out, HEADER + (size_t)n) < 0)
			return -1;
	}
	return 0;
}

static void move_input(struct attach *a)
{
	ssize_t n;

	if (!a->in_len)
		return;
	n = send(a->stream, a->in, a->in_len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	a->in_len = 0; /* sent, or nobody reads it any more */
}

/* Takes input from the client; parks. false: it has gone. */
static bool take_input(struct attach *a)
{
	uint8_t *to = a->use_keys ? a->raw : a->in + 1;
	int why = 0;
	ssize_t n = http_stream_read(a->client, to, IN_MAX, &why);

	if (n < 0)
		return why == -EAGAIN;
	a->in[0] = STREAM_STDIN;
	if (n == 0) {
		/* End of input; output goes on. */
		a->input = false;
		a->in_len = a->close_stdin ? 1 : 0;
		return true;
	}
	if (a->use_keys)
		n = (ssize_t)detach_keys_filter(&a->keys, a->raw, (size_t)n, a->in + 1, &a->detach);
	a->in_len = n > 0 ? (size_t)n + 1 : 0;
	return true;
}

/* What wakes us: the monitor's stream, input, or a client that has caught up. */
static int await_events(struct attach *a)
{
	bool full = !spill_has_room(&a->spill);
	int events = (a->ended || full ? 0 : UV_READABLE) | (a->in_len && !a->ended ? UV_WRITABLE : 0);

	if (events && uv_poll_start(a->poll, events, on_stream) < 0)
		return -1;
	if (full) {
		task_sleep_ms(STALL_MS);
	} else if (a->input && !a->in_len && !a->detach && !a->ended) {
		if (!take_input(a))
			return -1;
	} else {
		task_park();
	}
	return full && uv_hrtime() / 1000000 - a->progress_ms >= STALL_MS ? -1 : 0;
}

static void pump(struct attach *a)
{
	a->progress_ms = uv_hrtime() / 1000000;
	while (!http_gone(a->r)) {
		if (give_spilled(a) < 0 || move_output(a) < 0)
			return;
		if (a->ended && spill_empty(&a->spill))
			return;
		move_input(a);
		if (a->detach && !a->in_len)
			return;
		if (await_events(a) < 0)
			return;
	}
}

static bool client_gone(void *data)
{
	return http_gone(data);
}

struct logs_sink {
	struct http_request *r;
	struct http_stream *client;
};

static int write_logs(void *data, const void *bytes, size_t n)
{
	struct logs_sink *s = data;

	return http_stream_write(s->client, bytes, n);
}

static bool logs_gone(void *data)
{
	struct logs_sink *s = data;

	return http_gone(s->r);
}

static int replay_logs(struct attach *a, struct container *c)
{
	struct log_options o = { .out = http_query_bool(a->r, "stdout", false),
				 .err = http_query_bool(a->r, "stderr", false),
				 .tail = -1 };
	struct logs_sink s = { .r = a->r, .client = a->client };
	struct sink to = { .data = &s, .write = write_logs, .gone = logs_gone, .framed = a->framed };

	return logs_send(c, &o, &to);
}

static void run(struct attach *a, struct container *c)
{
	uint32_t streams = (http_query_bool(a->r, "stdin", false) ? (uint32_t)ATTACH_STDIN : 0) |
			   (http_query_bool(a->r, "stdout", false) ? (uint32_t)ATTACH_STDOUT : 0) |
			   (http_query_bool(a->r, "stderr", false) ? (uint32_t)ATTACH_STDERR : 0);

	if (http_query_bool(a->r, "logs", false) && replay_logs(a, c) < 0)
		return;
	if (!http_query_bool(a->r, "stream", false) || !streams)
		return;
	a->input = streams & ATTACH_STDIN;
	a->stream = container_attach(c, streams, client_gone, a->r);
	if (a->stream < 0)
		return;
	a->out = malloc(HEADER + OUT_MAX);
	a->in = malloc(1 + IN_MAX + DETACH_KEYS_MAX);
	a->raw = malloc(IN_MAX);
	a->spilled = malloc(OUT_MAX);
	spill_init(&a->spill, c->e->state_dir);
	if (a->out && a->in && a->raw && a->spilled && watch(a, c->e) == 0)
		pump(a);
	spill_finish(&a->spill);
	unwatch(a);
	if (a->detach)
		container_emit(c, "detach", NULL, NULL);
	free(a->out);
	free(a->in);
	free(a->raw);
	free(a->spilled);
}

void attach_serve(struct http_request *r, struct container *c)
{
	struct attach a = { .r = r,
			    .stream = -EBADF,
			    .framed = !c->tty,
			    .use_keys = c->tty,
			    .close_stdin = !c->tty && c->stdin_once };
	struct err err = { 0 };

	if (c->row.status == STATUS_PAUSED) {
		err_set(&err, 409, "container %s is paused, unpause the container before attach", c->row.id);
		http_reply_error(r, &err);
		return;
	}
	if (detach_keys_parse(http_query(r, "detachKeys"), &a.keys, &err) < 0) {
		http_reply_error(r, &err);
		return;
	}
	a.client = http_hijack(r, a.framed && http_version(r) >= 142 ? "application/vnd.docker.multiplexed-stream"
								     : "application/vnd.docker.raw-stream");
	if (!a.client)
		return;
	container_emit(c, "attach", NULL, NULL);
	run(&a, c);
	http_stream_shutdown(a.client);
}
