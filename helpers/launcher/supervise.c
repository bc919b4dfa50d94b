/* supervise.c - starts all, starts again what ends, stops all.
 *
 * A restart never amplifies: rights live in the keep memfds; failures back off and end the engine when they go on. When
 * audit ends, every helper is ended too: none acts unrecorded. When the controller ends its channels end, and with them
 * the helpers; containers and their monitors live on in any case. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/clock.h"
#include "../base/log.h"
#include "../base/pass.h"
#include "../protocol/control.h"
#include "launcher.h"

enum { WINDOW_S = 10, FAILURES_MAX = 10 };

static void hand_over(struct launcher *l, struct child *c)
{
	struct control_message m = { c->row->id, c->restarts };
	const struct iovec iov = { &m, sizeof(m) };

	if (c->controller_end < 0)
		return;
	/* A controller that does not read waits; it gets the channel with its next start. */
	if (pass_send(l->control[0], &iov, 1, &c->controller_end, 1, MSG_DONTWAIT) == 0)
		c->controller_end = close_fd(c->controller_end);
}

static int start(struct launcher *l, struct child *c)
{
	int r = child_start(l, c);

	if (r < 0) {
		log_error("%s: cannot start: %s", helper_name(c->row->id), strerror(-r));
		return r;
	}
	hand_over(l, c);
	return 0;
}

/* A fresh control socket for each controller: what an earlier one did not read is gone with it. */
static int control_create(struct launcher *l)
{
	close_fd(l->control[0]);
	close_fd(l->control[1]);
	return pass_pair(l->control);
}

static void note_failure(struct child *c, uint64_t now)
{
	if (now - c->window_ns > WINDOW_S * UINT64_C(1000000000)) {
		c->window_ns = now;
		c->failures = 0;
	}
	c->failures++;
	/* At once the first two times, then slower and slower up to a second. */
	c->not_before_ns = c->failures <= 2 ? now : now + (UINT64_C(10000000) << (c->failures < 7 ? c->failures : 7));
}

static void end_child(struct child *c)
{
	if (c->pid <= 0)
		return;
	c->excused = true;
	kill(c->pid, SIGKILL);
}

static void child_ended(struct launcher *l, struct child *c, int status)
{
	const char *name = helper_name(c->row->id);

	c->pid = 0;
	c->controller_end = close_fd(c->controller_end);
	if (l->stopping)
		return;
	c->restarts++;
	/* That we ended it is not its failure; that the controller ended its channel counts, or it could do so for
	 * ever. */
	if (!c->excused)
		note_failure(c, clock_ns());
	c->excused = false;
	if (WIFSIGNALED(status))
		log_warn("%s was ended by signal %d: starting it again", name, WTERMSIG(status));
	else if (WEXITSTATUS(status))
		log_warn("%s exited with status %d: starting it again", name, WEXITSTATUS(status));
	/* Nobody acts unrecorded. And a controller's channels are ended for certain: a copy of them may have been
	 * passed on. */
	if (c->row->id == HELPER_AUDIT)
		log_warn("audit has ended: all helpers are ended with it");
	for (unsigned i = 0; i < HELPER_COUNT; i++)
		if ((c->row->id == HELPER_AUDIT && i != HELPER_CONTROLLER) ||
		    (c->row->id == HELPER_CONTROLLER && i != HELPER_AUDIT && i != HELPER_SEAL))
			end_child(&l->children[i]);
	if (c->row->id == HELPER_CONTROLLER)
		control_create(l);
}

static void reap(struct launcher *l)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (unsigned i = 0; i < HELPER_COUNT; i++)
			if (l->children[i].pid == pid)
				child_ended(l, &l->children[i], status);
}

/* Starts what is due, in the order of the rows. Returns ms to the next one that is not, or -1; -2: the engine has
 * failed. */
static int start_due(struct launcher *l)
{
	uint64_t now = clock_ns();
	bool changed = false;
	int wait = -1;

	for (unsigned i = 0; i < nrows; i++) {
		struct child *c = &l->children[rows[i].id];

		if (c->pid > 0 || !c->row)
			continue;
		if (c->failures > FAILURES_MAX) {
			log_error("%s fails again and again: the engine is stopped", helper_name(c->row->id));
			return -2;
		}
		if (c->not_before_ns > now) {
			int ms = (int)((c->not_before_ns - now) / 1000000) + 1;

			if (wait < 0 || ms < wait)
				wait = ms;
			if (c->row->id == HELPER_AUDIT)
				break; /* nobody before audit */
			continue;
		}
		if (start(l, c) < 0) {
			note_failure(c, now);
			wait = 10;
			continue;
		}
		changed = true;
	}
	if (changed)
		status_write(l);
	return wait;
}

/* Until all but those of the mask have ended, or the time is over. */
static void wait_for_end(struct launcher *l, unsigned but, int ms)
{
	for (bool any = true; any && ms > 0; ms -= 10) {
		any = false;
		reap(l);
		for (unsigned i = 0; i < HELPER_COUNT; i++)
			any = any || (l->children[i].pid > 0 && !(but & 1u << i));
		if (any)
			poll(NULL, 0, 10);
	}
}

static void stop_all(struct launcher *l)
{
	struct child *controller = &l->children[HELPER_CONTROLLER], *audit = &l->children[HELPER_AUDIT];

	l->stopping = true;
	/* The controller answers what it has; then helpers end with their channels. */
	if (controller->pid > 0)
		kill(controller->pid, SIGTERM);
	wait_for_end(l, ~(1u << HELPER_CONTROLLER), 5000);
	if (controller->pid > 0)
		kill(controller->pid, SIGKILL);
	wait_for_end(l, 1u << HELPER_AUDIT | 1u << HELPER_SEAL, 2000);
	if (audit->pid > 0)
		kill(audit->pid, SIGTERM); /* writes its last anchor */
	wait_for_end(l, ~(1u << HELPER_AUDIT), 1000);
	for (unsigned k = 0; k < HELPER_COUNT; k++)
		if (l->children[k].pid > 0)
			kill(l->children[k].pid, SIGKILL);
	while (waitpid(-1, NULL, 0) > 0)
		;
}

int supervise(struct launcher *l)
{
	sigset_t set;
	_cleanup_close_ int signals = -EBADF;
	int wait, result = 0;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signals < 0 || control_create(l) < 0)
		return -errno;
	for (;;) {
		struct pollfd p = { .fd = signals, .events = POLLIN };
		struct signalfd_siginfo info;

		wait = start_due(l);
		if (wait == -2) {
			result = -EIO;
			break;
		}
		if (poll(&p, 1, wait) < 0 && errno != EINTR)
			break;
		if (read(signals, &info, sizeof(info)) != sizeof(info))
			continue;
		if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
			break;
		if (info.ssi_signo == SIGCHLD)
			reap(l);
	}
	stop_all(l);
	return result;
}
