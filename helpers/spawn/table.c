/* table.c - see table.h. One epoll fd stands for all monitors among the helper's polls. */
#include "table.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/log.h"
#include "../base/sys.h"
#include "../base/text.h"
#include "../protocol/call.h"

static struct frame frame;

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static struct near_head *near_of(struct table *t, const uint8_t *id)
{
	return &t->near[(id[0] | id[1] << 8) % NEAR];
}

struct entry *table_find(struct table *t, const uint8_t *id)
{
	struct entry *e;

	LIST_FOREACH(e, near_of(t, id), near)
		if (!e->exited && memcmp(e->id, id, ID_BYTES) == 0)
			return e;
	return NULL;
}

int table_add(struct table *t, const uint8_t *id, pid_t monitor, int monitor_pidfd, bool child, int channel,
	      struct entry **ret)
{
	struct entry *e = calloc(1, sizeof(*e));
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = e };
	char hex[ID_HEX + 1];

	if (!e || epoll_ctl(t->epoll, EPOLL_CTL_ADD, channel, &event) < 0) {
		free(e);
		close_fd(channel);
		close_fd(monitor_pidfd);
		return -ENOMEM;
	}
	memcpy(e->id, id, ID_BYTES);
	hex_encode(id, ID_BYTES, hex);
	text_format(e->socket, sizeof(e->socket), "%s.sock", hex);
	e->monitor = monitor;
	e->monitor_pidfd = monitor_pidfd;
	e->child = child;
	e->channel = channel;
	e->pidfd = -EBADF;
	TAILQ_INIT(&e->pendings);
	TAILQ_INSERT_TAIL(&t->entries, e, next);
	LIST_INSERT_HEAD(near_of(t, id), e, near);
	t->n++;
	*ret = e;
	return 0;
}

static void drop_name(struct entry *e)
{
	if (e->socket[0])
		unlink(e->socket);
	e->socket[0] = '\0';
}

/* --- answers --- */
static void arm_timer(struct table *t, bool on)
{
	struct itimerspec every = { { on, 0 }, { on, 0 } };

	/* Not again while it runs: requests that keep coming would put it off for ever. */
	if (on != t->armed)
		timerfd_settime(t->timer, 0, &every, NULL);
	t->armed = on;
}

int table_ask(struct table *t, struct entry *e, struct request *r, enum op op, int channel, int end)
{
	struct call_options options = { .id = ++t->last_id, .api_id = r->api_id, .container = e->id, .client = -1 };
	struct pending *p = calloc(1, sizeof(*p));
	union {
		struct req_monitor_adopt adopt;
		struct req_monitor_start start;
	} req = { 0 };
	int err = -ENOMEM;

	if (op == OP_MONITOR_ADOPT)
		req.adopt.channel = channel >= 0 ? channel : -EBADF;
	if (p)
		err = call_send(e->channel, op, &req, &options, MSG_DONTWAIT);
	if (err < 0) {
		free(p);
		close_fd(end);
		return request_fail(r, err, "monitor");
	}
	r->deferred = true;
	p->r = *r;
	memcpy(p->container, r->container, ID_BYTES);
	p->r.container = p->container;
	p->r.client_fd = -EBADF;
	p->asked = op;
	p->id = options.id;
	p->end = end;
	p->deadline_ms = now_ms() + ANSWER_MS;
	TAILQ_INSERT_TAIL(&e->pendings, p, next);
	arm_timer(t, true);
	return 0;
}

static void finish(struct entry *e, struct pending *p, int status)
{
	union any_message *rep = NULL;

	if (status == 0 && p->asked == OP_MONITOR_ADOPT) {
		/* CREATE and CONNECT answer alike. */
		static union any_message answer;
		int pidfd = fcntl(e->pidfd, F_DUPFD_CLOEXEC, 3);

		rep = &answer;
		message_init(&p->r.op->rep, rep);
		if (p->r.op == op_desc(OP_SPAWN_CREATE))
			rep->p_spawn_create =
				(struct rep_spawn_create){ .pid = (uint32_t)e->pid, .pidfd = pidfd, .monitor = p->end };
		else
			rep->p_spawn_connect = (struct rep_spawn_connect){ .pid = (uint32_t)e->pid,
									   .pidfd = pidfd,
									   .monitor = p->end };
		p->end = -EBADF;
	}
	request_reply(&p->r, status, rep);
	if (rep)
		message_close_fds(&p->r.op->rep, rep);
	TAILQ_REMOVE(&e->pendings, p, next);
	close_fd(p->end);
	free(p);
}

static void fail(struct entry *e, struct pending *p)
{
	request_fail(&p->r, e->status ? e->status : -ECHILD, e->status ? e->stage : "monitor");
	if (e->rule[0])
		request_rule(&p->r, e->rule);
	finish(e, p, e->status ? e->status : -ECHILD);
}

/* Its monitor has gone, and with it the container: every answer that it owed, then nothing is left of it. */
static void entry_end(struct table *t, struct entry *e)
{
	struct pending *p, *following;

	if (e->child)
		while (waitpid(e->monitor, NULL, 0) < 0 && errno == EINTR)
			;
	for (p = TAILQ_FIRST(&e->pendings); p; p = following) {
		following = TAILQ_NEXT(p, next);
		fail(e, p);
	}
	epoll_ctl(t->epoll, EPOLL_CTL_DEL, e->monitor_pidfd, NULL);
	close_fd(e->monitor_pidfd);
	TAILQ_REMOVE(&t->entries, e, next);
	LIST_REMOVE(e, near);
	free(e);
}

/* Its container has ended; it may have more to do: clients to serve, mounts to take down. */
static void entry_exited(struct table *t, struct entry *e)
{
	if (e->exited)
		return;
	e->exited = true;
	drop_name(e);
	t->n--;
}

/* Its channel has ended: a monitor does that when it exits and not before; should it not exit, it is made to. What it
 * held may be long to take down (a container can have left much to write back), and nobody waits for that. */
static void entry_over(struct table *t, struct entry *e)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = e };

	epoll_ctl(t->epoll, EPOLL_CTL_DEL, e->channel, NULL);
	e->channel = close_fd(e->channel);
	sys_pidfd_send_signal(e->monitor_pidfd, SIGKILL);
	if (e->pidfd >= 0) /* a program that changed its ids has no death signal any more */
		sys_pidfd_send_signal(e->pidfd, SIGKILL);
	e->pidfd = close_fd(e->pidfd);
	entry_exited(t, e);
	if (epoll_ctl(t->epoll, EPOLL_CTL_ADD, e->monitor_pidfd, &event) < 0)
		entry_end(t, e);
}

/* An answer. A failed CREATE or START ends the monitor: it is passed on when nothing is left (entry_end). */
static int answered(struct entry *e, struct frame *f)
{
	struct reply_header head = { 0 };
	union any_message rep;
	struct pending *p;
	int status;

	for (p = TAILQ_FIRST(&e->pendings); p && p->id != f->h.id; p = TAILQ_NEXT(p, next))
		;
	if (!p || p->asked != f->h.op)
		return -EBADMSG;
	status = call_decode(p->asked, f, &rep, &head);
	if (status == -EBADMSG)
		return status;
	/* Not the time for it: the monitor lives on. */
	if (status < 0 &&
	    (p->r.op == op_desc(OP_SPAWN_CONNECT) ||
	     (p->asked == OP_MONITOR_START && (status == -EALREADY || status == -EBUSY || status == -ESRCH)))) {
		request_fail(&p->r, status, head.stage);
		finish(e, p, status);
		return 0;
	}
	if (status < 0) {
		e->status = status;
		text_copy(e->stage, sizeof(e->stage), head.stage);
		text_copy(e->rule, sizeof(e->rule), head.rule);
		return 0;
	}
	if (p->asked == OP_MONITOR_ADOPT) {
		if (fd_prove(rep.p_monitor_adopt.pidfd, FDK_PIDFD, NULL) < 0) {
			close_fd(rep.p_monitor_adopt.pidfd);
			return -EBADMSG;
		}
		close_fd(e->pidfd);
		e->pid = (pid_t)rep.p_monitor_adopt.pid;
		e->pidfd = rep.p_monitor_adopt.pidfd;
	}
	finish(e, p, 0);
	return 0;
}

static void entry_receive(struct table *t, struct entry *e)
{
	int r = frame_receive(e->channel, &frame, MSG_DONTWAIT);

	if (r == -EAGAIN)
		return;
	if (r == 0 && (frame.h.flags & FRAME_REPLY)) {
		r = answered(e, &frame);
	} else if (r == 0) {
		r = frame.h.op == OP_MONITOR_EXITED ? 0 : -EBADMSG;
		frame_close_fds(&frame);
		if (r == 0)
			entry_exited(t, e);
	}
	if (r < 0)
		entry_over(t, e);
}

int table_make_way(struct table *t, const uint8_t *id, int *ret_before)
{
	struct entry *e = table_find(t, id);
	int before = -EBADF;

	/* Its end may wait unread: the controller can have heard of it first. */
	for (int i = 0; e && i < 4; i++, e = table_find(t, id))
		entry_receive(t, e);
	if (e)
		return -EEXIST;
	/* It may go on giving slow clients what is theirs, but must not hold the container's files longer than that. */
	LIST_FOREACH(e, near_of(t, id), near)
		if (memcmp(e->id, id, ID_BYTES) == 0 && sys_pidfd_send_signal(e->monitor_pidfd, SIGNAL_LEAVE) == 0 &&
		    before < 0)
			before = e->monitor_pidfd; /* the last one's */
	*ret_before = before;
	return 0;
}

static void on_epoll(struct helper *h, int fd, short revents, void *data)
{
	struct table *t = data;
	struct epoll_event event;
	struct entry *e;

	/* One at a time: ending an entry must not leave another event pointing to it. */
	if (epoll_wait(t->epoll, &event, 1, 0) != 1)
		return;
	e = event.data.ptr;
	if (e->channel >= 0)
		entry_receive(t, e);
	else
		entry_end(t, e);
}

static void on_timer(struct helper *h, int fd, short revents, void *data)
{
	struct table *t = data;
	bool waiting = false;
	uint64_t ticks;
	struct entry *e;

	if (read(t->timer, &ticks, sizeof(ticks)) < 0)
		return;
	TAILQ_FOREACH(e, &t->entries, next) {
		struct pending *p = TAILQ_FIRST(&e->pendings);

		waiting |= p != NULL;
		if (!p || p->deadline_ms > now_ms())
			continue;
		/* Its init dies with it; the end of the channel does the rest. */
		e->status = -ETIMEDOUT;
		text_copy(e->stage, sizeof(e->stage), "monitor");
		sys_pidfd_send_signal(e->monitor_pidfd, SIGKILL);
	}
	if (!waiting)
		arm_timer(t, false);
}

/* --- after a restart --- */
static int adopt(struct table *t, const char *name, const uint8_t *id)
{
	struct call_options options = { .id = ++t->last_id, .container = id, .client = -1, .deadline_ms = PROVE_MS };
	struct req_monitor_adopt req = { .channel = -EBADF };
	struct rep_monitor_adopt rep;
	int channel, pidfd, r;
	struct entry *e;
	pid_t pid;

	r = monitor_connect(t, name, &channel, &pid, &pidfd);
	if (r < 0)
		return r;
	r = call(channel, OP_MONITOR_ADOPT, &req, &rep, &options, NULL);
	if (r < 0) {
		struct pollfd end = { .fd = pidfd, .events = POLLIN };

		/* Its container has ended, or was never started: only the name is in the way. */
		if (r == -ESRCH || (r == -ENODATA && poll(&end, 1, PROVE_MS) == 1))
			r = -ECONNREFUSED;
		close_fd(channel);
		close_fd(pidfd);
		return r;
	}
	r = table_add(t, id, pid, pidfd, /* child= */ false, channel, &e);
	if (r < 0) {
		close_fd(rep.pidfd);
		return r;
	}
	e->pid = (pid_t)rep.pid;
	e->pidfd = rep.pidfd;
	return 0;
}

static int find_monitors(struct table *t)
{
	uint8_t id[ID_BYTES];
	char hex[ID_HEX + 1];
	struct dirent *d;
	DIR *dir = opendir(".");

	if (!dir)
		return -errno;
	while ((d = readdir(dir))) {
		int r;

		if (strlen(d->d_name) != ID_HEX + 5 || strcmp(d->d_name + ID_HEX, ".sock") != 0)
			continue;
		memcpy(hex, d->d_name, ID_HEX);
		hex[ID_HEX] = '\0';
		if (hex_decode(hex, id, ID_BYTES) < 0)
			continue;
		r = adopt(t, d->d_name, id);
		if (r == -ECONNREFUSED)
			unlink(d->d_name);
		else if (r < 0)
			log_warn("monitor %.12s: %s", hex, strerror(-r));
	}
	closedir(dir);
	return 0;
}

int table_init(struct table *t, struct helper *h)
{
	const struct policy_spawn *p = h->policy;
	int r = 0;

	t->helper = h;
	TAILQ_INIT(&t->entries);
	t->epoll = epoll_create1(EPOLL_CLOEXEC);
	t->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (t->epoll < 0 || t->timer < 0)
		return -errno;
	if (!policy_absent(&p->common, HELPER_CGROUP))
		r = cgroup_read("self", t->cgroup, sizeof(t->cgroup));
	if (r == 0)
		r = helper_poll_add(h, t->epoll, POLLIN, on_epoll, t);
	if (r == 0)
		r = helper_poll_add(h, t->timer, POLLIN, on_timer, t);
	return r < 0 ? r : find_monitors(t);
}
