/* stream.c - the terminal on one side, an attached container on the other: input, output, signals, window size.
 *
 * One poll loop, nothing that blocks but writes to our own output. The terminal is put back on every way out. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "../../helpers/base/cleanup.h"
#include "../../helpers/base/fd.h"
#include "cli.h"
#include "http_client.h"

enum { KEYS_MAX = 16 };

/* --- output ------------------------------------------------------------------------------------------------------ */
struct demux {
	bool plain;
	unsigned char head[8];
	size_t have; /* bytes of head */
	size_t left; /* of the payload */
};

/* Writes output where it belongs. 0, -EPROTO, or -errno of the writing. */
static int demux_feed(struct demux *d, const unsigned char *p, size_t n)
{
	while (n > 0) {
		size_t part;
		int r;

		if (d->plain)
			return fd_write_all(STDOUT_FILENO, p, n);
		if (d->left == 0) {
			d->head[d->have++] = *p++;
			n--;
			if (d->have < sizeof(d->head))
				continue;
			d->have = 0;
			d->left = (size_t)d->head[4] << 24 | (size_t)d->head[5] << 16 | (size_t)d->head[6] << 8 |
				  d->head[7];
			if (d->head[0] > 2 || d->head[1] || d->head[2] || d->head[3])
				return -EPROTO;
			continue;
		}
		part = n < d->left ? n : d->left;
		r = fd_write_all(d->head[0] == 2 ? STDERR_FILENO : STDOUT_FILENO, p, part);
		if (r < 0)
			return r;
		p += part;
		n -= part;
		d->left -= part;
	}
	return 0;
}

int stream_copy(struct http *h, bool tty)
{
	struct demux d = { .plain = tty };
	unsigned char buf[32768];
	ssize_t n;

	while ((n = http_body(h, buf, sizeof(buf))) > 0)
		if (demux_feed(&d, buf, (size_t)n) < 0)
			return 1;
	return n < 0 ? fail(1, "the output was cut off: %s", strerror((int)-n)) : 0;
}

/* --- the terminal ----------------------------------------------------------------------------------------- */
static struct termios saved_terminal;
static bool terminal_raw;

static void terminal_restore(void)
{
	if (terminal_raw)
		tcsetattr(STDIN_FILENO, TCSANOW, &saved_terminal);
	terminal_raw = false;
}

static void terminal_make_raw(void)
{
	struct termios t;

	if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &saved_terminal) < 0)
		return;
	t = saved_terminal;
	cfmakeraw(&t);
	if (tcsetattr(STDIN_FILENO, TCSANOW, &t) < 0)
		return;
	terminal_raw = true;
	atexit(terminal_restore);
}

/* "ctrl-p,ctrl-q" or "a,b" to bytes; their number. */
static size_t parse_keys(const char *s, unsigned char keys[KEYS_MAX])
{
	size_t n = 0;

	while (*s && n < KEYS_MAX) {
		size_t len = strcspn(s, ",");

		if (len == 1)
			keys[n++] = (unsigned char)*s;
		else if (len == 6 && strncmp(s, "ctrl-", 5) == 0)
			keys[n++] = s[5] & 0x1f;
		s += len + (s[len] == ',');
	}
	return n;
}

/* --- the loop --------------------------------------------------------------------------------------------- */
struct session {
	struct cli *cli;
	struct http *attach, *wait;
	const struct stream_options *o;
	struct demux demux;
	unsigned char keys[KEYS_MAX];
	size_t nkeys, matched;
	unsigned char input[16384];
	size_t sent, filled;
	bool input_open, output_open, waiting, detached;
};

static void send_size(struct session *s)
{
	struct winsize w;
	char path[256], error[256];

	if (!s->o->tty || ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) < 0 || (w.ws_row == 0 && w.ws_col == 0))
		return;
	snprintf(path, sizeof(path), API "/containers/%s/resize?h=%u&w=%u", s->o->id, w.ws_row, w.ws_col);
	api_try(s->cli, "POST", path, NULL, NULL, error, sizeof(error));
}

static void on_signal(struct session *s, int fd)
{
	struct signalfd_siginfo info;
	char path[256], error[256];

	if (read(fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGWINCH) {
		send_size(s);
		return;
	}
	if (!s->o->sig_proxy) {
		s->detached = true;
		return;
	}
	snprintf(path, sizeof(path), API "/containers/%s/kill?signal=%u", s->o->id, info.ssi_signo);
	api_try(s->cli, "POST", path, NULL, NULL, error, sizeof(error));
}

/* Takes out the detach keys; what turned out not to be them is passed on. */
static void take_input(struct session *s, const unsigned char *p, size_t n)
{
	for (size_t i = 0; i < n && !s->detached; i++) {
		if (s->o->tty && s->nkeys && p[i] == s->keys[s->matched]) {
			s->detached = ++s->matched == s->nkeys;
			continue;
		}
		memcpy(s->input + s->filled, s->keys, s->matched);
		s->filled += s->matched;
		s->matched = s->o->tty && s->nkeys && p[i] == s->keys[0];
		if (!s->matched)
			s->input[s->filled++] = p[i];
	}
}

static void on_input(struct session *s)
{
	unsigned char buf[8192];
	ssize_t n;

	n = read(STDIN_FILENO, buf, sizeof(buf) - KEYS_MAX);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	s->sent = s->filled = 0;
	if (n > 0) {
		take_input(s, buf, (size_t)n);
	} else {
		s->input_open = false;
		shutdown(s->attach->fd, SHUT_WR);
	}
}

static void flush_input(struct session *s)
{
	ssize_t n = send(s->attach->fd, s->input + s->sent, s->filled - s->sent, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n >= 0)
		s->sent += (size_t)n;
	else if (errno != EAGAIN && errno != EINTR)
		s->input_open = false, s->sent = s->filled = 0;
}

static int on_output(struct session *s)
{
	unsigned char buf[32768];

	do {
		ssize_t n = http_body(s->attach, buf, sizeof(buf));

		if (n <= 0) {
			s->output_open = false;
			return 0;
		}
		if (demux_feed(&s->demux, buf, (size_t)n) < 0)
			return -1;
	} while (http_buffered(s->attach));
	return 0;
}

static int session_poll(struct session *s, int signals)
{
	bool queued = s->sent < s->filled;
	struct pollfd p[4] = {
		{ .fd = signals, .events = POLLIN },
		{ .fd = s->output_open ? s->attach->fd : -1, .events = (short)(POLLIN | (queued ? POLLOUT : 0)) },
		{ .fd = s->output_open && s->input_open && !queued ? STDIN_FILENO : -1, .events = POLLIN },
		{ .fd = s->waiting ? s->wait->fd : -1, .events = POLLIN },
	};
	bool ready = s->output_open && http_buffered(s->attach);

	if (poll(p, 4, ready ? 0 : -1) < 0)
		return errno == EINTR ? 0 : -1;
	if (p[0].revents)
		on_signal(s, signals);
	if (p[1].revents & POLLOUT)
		flush_input(s);
	if ((ready || p[1].revents & (POLLIN | POLLHUP | POLLERR)) && on_output(s) < 0)
		return -1;
	if (p[2].revents)
		on_input(s);
	if (p[3].revents)
		s->waiting = false;
	return 0;
}

enum stream_end stream_run(struct cli *cli, struct http *attach, struct http *wait, const struct stream_options *o)
{
	static const int passed[] = { SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGTERM, SIGALRM, SIGWINCH };
	_cleanup_close_ int signals = -EBADF;
	_cleanup_free_ struct session *s = calloc(1, sizeof(*s));
	sigset_t set;
	int r = 0;

	if (!s)
		return STREAM_FAILED;
	s->cli = cli;
	s->attach = attach;
	s->wait = wait;
	s->o = o;
	s->demux.plain = o->tty;
	s->nkeys = parse_keys(o->detach_keys ? o->detach_keys : "ctrl-p,ctrl-q", s->keys);
	s->input_open = o->stdin_open;
	s->output_open = true;
	s->waiting = wait && !http_buffered(wait);
	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(passed); i++)
		sigaddset(&set, passed[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signals = signalfd(-1, &set, SFD_CLOEXEC);
	if (o->tty && o->stdin_open)
		terminal_make_raw();
	send_size(s);
	while (r == 0 && !s->detached && (s->output_open || s->waiting))
		r = session_poll(s, signals);
	if (s->detached && s->sent < s->filled)
		flush_input(s);
	terminal_restore();
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	return s->detached ? STREAM_DETACHED : r < 0 ? STREAM_FAILED : STREAM_ENDED;
}
