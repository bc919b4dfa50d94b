/* monitor.c - from a fork of spawn to a locked-down monitor, and its loop. See monitor.h. */
#include "monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/fd.h"
#include "../base/pass.h"
#include "../base/sandbox.h"
#include "../base/sys.h"
#include "../base/text.h"
#include "init.h"
#include "spawn.h"

static struct monitor monitor;

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int failed(struct monitor *m, int err, const char *stage)
{
	text_copy(m->stage, sizeof(m->stage), stage);
	return err;
}

static int by_number(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

void fds_close_except(const int *keep, size_t n)
{
	int sorted[FRAME_FDS_MAX + 16], from = 3;

	if (n > ARRAY_SIZE(sorted))
		_exit(127);
	memcpy(sorted, keep, n * sizeof(int));
	qsort(sorted, n, sizeof(int), by_number);
	for (size_t i = 0; i < n; i++) {
		if (sorted[i] < from)
			continue;
		if (sorted[i] > from)
			sys_close_range((unsigned)from, (unsigned)sorted[i] - 1, 0);
		from = sorted[i] + 1;
	}
	sys_close_range((unsigned)from, ~0U, 0);
}

static size_t keep_some(int *keep, size_t n, const int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (fds[i] >= 0)
			keep[n++] = fds[i];
	return n;
}

/* What the init needs and the monitor does not. */
static void close_inputs(struct monitor *m, const struct launch *l)
{
	const int fds[] = { l->channel,	  l->controller, l->req->log,
			    l->req->exit, m->control,	 m->pidfd,
			    m->stdio.log.journal.fd };
	int keep[ARRAY_SIZE(fds)];

	fds_close_except(keep, keep_some(keep, 0, fds, ARRAY_SIZE(fds)));
}

/* The engine's terminal, output and signals are not ours. */
static int detach(struct monitor *m)
{
	sigset_t later;

	prctl(PR_SET_NAME, "postern-monitor");
	setsid();
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&later);
	sigaddset(&later, SIGNAL_LEAVE);
	sigprocmask(SIG_BLOCK, &later, NULL);
	/* The launcher gives helpers /dev/null as input. */
	for (int i = STDOUT_FILENO; i <= STDERR_FILENO; i++)
		if (dup2(STDIN_FILENO, i) < 0)
			return failed(m, -errno, "stdio");
	return 0;
}

/* In the working directory, which only spawn's uid can enter. */
static int listen_at(struct monitor *m, const char *name)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	m->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (m->listener < 0)
		return failed(m, -errno, "socket");
	text_copy(a.sun_path, sizeof(a.sun_path), name);
	if (bind(m->listener, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(m->listener, 8) < 0)
		return failed(m, -errno, "socket");
	return chdir("/") < 0 ? failed(m, -errno, "socket") : 0;
}

/* Checked by spawn already; owner by euid, so that all the namespace's capabilities are ours from here on. */
static int join_namespaces(struct monitor *m, const struct req_spawn_create *q)
{
	/* Version 1 of cgroups lets a process move itself only when its saved uid is its effective one, and inside the
	 * user namespace neither can be named any more. */
	if (setresuid((uid_t)-1, (uid_t)-1, geteuid()) < 0)
		return failed(m, -errno, "setresuid");
	if (setns(q->userns, CLONE_NEWUSER) < 0)
		return failed(m, -errno, "join userns");
	if (q->netns >= 0 && setns(q->netns, CLONE_NEWNET) < 0)
		return failed(m, -errno, "join netns");
	/* Another container's: of the same user namespace, so its rights are enough. The first is for children only. */
	if (q->pidns >= 0 && setns(q->pidns, CLONE_NEWPID) < 0)
		return failed(m, -errno, "join pidns");
	if (q->ipcns >= 0 && setns(q->ipcns, CLONE_NEWIPC) < 0)
		return failed(m, -errno, "join ipcns");
	if (q->utsns >= 0 && setns(q->utsns, CLONE_NEWUTS) < 0)
		return failed(m, -errno, "join utsns");
	return 0;
}

/* What the monitor and its init read; the init has a copy of all this. */
struct inputs {
	struct plan plan;
	void *spec, *filter; /* mappings of sealed files */
	size_t spec_size, filter_size;
	struct sock_fprog seccomp;
};

static int map_input(int fd, size_t max, void **ret, size_t *ret_size)
{
	struct stat st;
	void *p;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size < 1 || (uint64_t)st.st_size > max)
		return st.st_size < 1 ? -EINVAL : -EFBIG;
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	*ret = p;
	*ret_size = (size_t)st.st_size;
	return 0;
}

static void inputs_finish(struct inputs *i)
{
	spec_finish(&i->plan);
	if (i->spec)
		munmap(i->spec, i->spec_size);
	if (i->filter)
		munmap(i->filter, i->filter_size);
}

static int read_inputs(struct monitor *m, const struct launch *l, struct inputs *i)
{
	const char *rule;
	int e;

	e = map_input(l->req->spec, SPEC_MAX, &i->spec, &i->spec_size);
	if (e < 0)
		return failed(m, e, "spec");
	e = spec_parse(i->spec, i->spec_size, l->req->binds.n, &i->plan, m->stage);
	if (e < 0)
		return e;
	e = spec_permit(&i->plan, l->policy, l->req->seccomp >= 0, l->req->privileged, &rule);
	if (e < 0) {
		text_copy(m->rule, sizeof(m->rule), rule);
		return failed(m, e, "policy");
	}
	if (l->req->seccomp < 0)
		return 0;
	e = map_input(l->req->seccomp, BPF_MAXINSNS * sizeof(struct sock_filter), &i->filter, &i->filter_size);
	if (e == 0 && i->filter_size % sizeof(struct sock_filter))
		e = -EINVAL;
	if (e < 0)
		return failed(m, e, "seccomp");
	i->seccomp.filter = i->filter;
	i->seccomp.len = (unsigned short)(i->filter_size / sizeof(struct sock_filter));
	return 0;
}

static int clone_init(struct monitor *m, const struct launch *l, const struct inputs *inputs)
{
	const struct req_spawn_create *q = l->req;
	struct clone_args args = {
		.flags = CLONE_NEWNS | CLONE_PIDFD | (q->pidns >= 0 || q->host & HOST_PID ? 0 : CLONE_NEWPID) |
			 (q->ipcns >= 0 || q->host & HOST_IPC ? 0 : CLONE_NEWIPC) |
			 (q->utsns >= 0 || q->host & HOST_UTS ? 0 : CLONE_NEWUTS),
		.pidfd = (uint64_t)(uintptr_t)&m->pidfd,
		.exit_signal = SIGCHLD,
	};
	int pair[2];
	pid_t pid;

	if (l->req->cgroup >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)l->req->cgroup;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return failed(m, -errno, "socketpair");
	pid = sys_clone3(&args);
	if (pid == -EACCES || pid == -EOPNOTSUPP) {
		/* Not into it from where we live: the init goes there by itself. */
		args.flags &= ~(uint64_t)CLONE_INTO_CGROUP;
		args.cgroup = 0;
		pid = sys_clone3(&args);
	}
	if (pid == 0) {
		static struct init in;

		in = (struct init){ .plan = &inputs->plan,
				    .req = l->req,
				    .seccomp = inputs->seccomp,
				    .control = pair[1],
				    .in_cgroup = args.flags & CLONE_INTO_CGROUP };
		close_fd(pair[0]);
		close_fd(l->channel);
		close_fd(l->controller);
		close_fd(l->req->exit);
		close_fd(l->req->log);
		close_fd(m->stdio.log.journal.fd);
		init_main(&in);
	}
	close_fd(pair[1]);
	m->control = pair[0];
	if (pid < 0)
		return failed(m, pid, "clone");
	m->pid = pid;
	m->state.pid = (uint32_t)pid;
	return 0;
}

/* From here on it must not: gain, signal (it shares its uid with spawn and netns), trace, exec, open or connect. */
static int lock_down(struct monitor *m)
{
	static const int calls[] = { SYS_accept4, SYS_waitid, SYS_wait4, SYS_setsockopt, SYS_shutdown, SYS_fallocate };
	int e, abi;

	setgroups(0, NULL); /* the shared cgroup group; EPERM where nothing is mapped */
	/* PR_SET_PDEATHSIG is sent with our rights (signal(7)): over the container's own namespace this one is kept,
	 * though no call that could use it is left. */
	e = sandbox_caps_set(CAP_BIT(CAP_KILL));
	if (e == 0 && (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0))
		e = -errno;
	if (e == 0)
		e = sandbox_landlock_parent(&abi);
	if (e == 0)
		e = sandbox_seccomp_mute(calls, ARRAY_SIZE(calls), TIOCSWINSZ);
	return e < 0 ? failed(m, e, "lock down") : 0;
}

/* By a path, so as long as there are any: before the container's own namespaces. */
static int open_journal(struct monitor *m, const struct req_spawn_create *q)
{
	int e = q->log_journal ? journal_open(&m->stdio.log.journal, q->log_journal == LOG_JOURNAL_WAITS) : 0;

	return e < 0 ? failed(m, e, "journal") : 0;
}

/* The init builds its root meanwhile: what it need not wait for comes after it. */
static int become_monitor(struct monitor *m, const struct launch *l)
{
	static struct inputs inputs;
	int e;

	if ((e = open_journal(m, l->req)) < 0 || (e = join_namespaces(m, l->req)) < 0 ||
	    (e = read_inputs(m, l, &inputs)) < 0 || (e = clone_init(m, l, &inputs)) < 0)
		return e;
	m->volatile_root = inputs.plan.volatile_root;
	jsonlog_attrs(&m->stdio.log, inputs.plan.log_attrs);
	if (l->req->log_journal && (e = journal_fields(&m->stdio.log.journal, inputs.plan.journal)) < 0)
		return failed(m, e, "journal");
	close_inputs(m, l);
	inputs_finish(&inputs);
	malloc_trim(0);
	if ((e = detach(m)) < 0 || (e = listen_at(m, l->socket)) < 0)
		return e;
	return lock_down(m);
}

/* --- what happens --- */
/* Spawn asks right after its fork; what failed before that is still to be told. */
static void await_question(struct monitor *m)
{
	struct pollfd p = { .fd = m->channels[0].fd, .events = POLLIN };
	char stage[STAGE_MAX], rule[RULE_MAX];

	memcpy(stage, m->stage, sizeof(stage));
	memcpy(rule, m->rule, sizeof(rule));
	if (m->channels[0].waiting.op == NO_REQUEST && poll(&p, 1, CALL_DEADLINE_MS) == 1)
		channel_receive(m, &m->channels[0], now_ms());
	memcpy(m->stage, stage, sizeof(stage));
	memcpy(m->rule, rule, sizeof(rule));
}

/* It could not be created (op ADOPT) or started (op START). */
static void done(struct monitor *m, enum op op, int err)
{
	if (op == OP_MONITOR_ADOPT)
		await_question(m);
	m->status = err;
	channels_answer(m, op);
	m->phase = PHASE_DONE;
}

static void made(struct monitor *m, const struct init_report *report, const int *fds, size_t n)
{
	if (report->mounts) {
		m->root = fds[--n];
		m->mounts = fds[--n];
	}
	if (report->hosts)
		m->hosts = fds[--n];
	stdio_take(&m->stdio, fds, n);
	m->phase = PHASE_READY;
	m->status = 0;
	channels_answer(m, OP_MONITOR_ADOPT);
}

/* The init says that it is ready or why it is not; its end without a word is exec, or death before it was ready. */
static void control_receive(struct monitor *m)
{
	struct init_report report = { 0 };
	struct iovec iov = { &report, sizeof(report) };
	enum op op = m->phase == PHASE_CREATING ? OP_MONITOR_ADOPT : OP_MONITOR_START;
	int fds[REPORT_FDS];
	size_t n = 0;
	ssize_t len = pass_receive(m->control, &iov, 1, fds, REPORT_FDS, &n, MSG_DONTWAIT);

	if (len == -EAGAIN)
		return;
	if (len == sizeof(report) && report.status == 0 && m->phase == PHASE_CREATING &&
	    n >= 2u + !!report.hosts + 2 * !!report.mounts) {
		made(m, &report, fds, n);
		return;
	}
	m->control = close_fd(m->control);
	if (len == sizeof(report)) {
		report.stage[STAGE_MAX - 1] = '\0';
		text_copy(m->stage, sizeof(m->stage), report.stage);
		done(m, op, report.status < 0 ? report.status : -EPROTO);
	} else if (m->phase == PHASE_STARTING) {
		m->phase = PHASE_RUNNING;
		m->state.started = 1;
		m->status = 0;
		channels_answer(m, op);
	} else if (m->phase == PHASE_CREATING) {
		text_copy(m->stage, sizeof(m->stage), "init");
		done(m, op, -ECHILD);
	}
}

static void write_exit(struct monitor *m)
{
	char line[160];
	int n = snprintf(line, sizeof(line), "{\"exited\":1,\"code\":%u,\"signal\":%u,\"time_ns\":%llu}\n",
			 m->state.code, m->state.signal, (unsigned long long)m->state.time_ns);

	fd_write_all(m->exit_file, line, (size_t)n);
	m->written = true;
}

static void init_ended(struct monitor *m)
{
	siginfo_t info = { 0 };
	struct timespec t;

	if (waitid(P_PID, (id_t)m->pid, &info, WEXITED | WNOHANG) < 0 || info.si_pid != m->pid)
		return;
	m->pidfd = close_fd(m->pidfd);
	while (m->control >= 0 && m->phase != PHASE_DONE) {
		enum phase before = m->phase;

		control_receive(m); /* its last word, sent before it died */
		if (m->phase == before)
			break;
	}
	if (m->phase == PHASE_DONE)
		return;
	clock_gettime(CLOCK_REALTIME, &t);
	m->state.exited = 1;
	m->state.signal = info.si_code == CLD_EXITED ? 0 : (uint32_t)info.si_status;
	m->state.code = info.si_code == CLD_EXITED ? (uint32_t)info.si_status & 255 : 128 + m->state.signal;
	m->state.time_ns = (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
	m->phase = PHASE_ENDED;
	m->ended_ms = now_ms();
	stdio_drain(&m->stdio, m->ended_ms);
}

/* After the end: tell, once the clients have theirs or have had their time; go, once all is handed over. Binds and
 * volumes are let go as soon as it is told, the overlay with our own end. */
static void finish(struct monitor *m, int *timeout_ms)
{
	int64_t left = m->ended_ms + EXIT_HOLD_MS - now_ms();

	if (!m->told && (stdio_flushed(&m->stdio) || left <= 0))
		channels_tell_exit(m);
	if (!m->written)
		write_exit(m);
	if (m->told)
		m->mounts = close_fd(m->mounts);
	if (stdio_flushed(&m->stdio))
		m->phase = PHASE_DONE;
	else if (!m->told && (*timeout_ms < 0 || left < *timeout_ms))
		*timeout_ms = (int)left;
}

/* A controller asks for its clients' streams and, without waiting, has spawn say START. So when there is a word of
 * spawn's, all that was said to us before it is heard first, also what poll has not told of yet: no byte is missed. */
static void serve_channels(struct monitor *m, const struct pollfd *p)
{
	bool spawns = false;

	for (unsigned i = 0; i < MONITOR_CHANNELS; i++)
		spawns = spawns || (p[i].revents && m->channels[i].spawn);
	for (unsigned pass = 0; pass < 2; pass++)
		for (unsigned i = 0; i < MONITOR_CHANNELS && m->phase != PHASE_DONE; i++) {
			struct monitor_channel *c = &m->channels[i];
			unsigned more = spawns && !c->spawn ? CLIENTS_MAX : 1;

			if (c->fd < 0 || c->fd != p[i].fd || c->spawn != (pass == 1) || (!p[i].revents && more == 1))
				continue;
			while (more > 0 && channel_receive(m, c, now_ms()))
				more--;
		}
}

static void loop(struct monitor *m)
{
	enum { CONTROL, PIDFD, LISTENER, FIRST };
	struct pollfd p[FIRST + MONITOR_CHANNELS + 3 + CLIENTS_MAX];

	while (m->phase != PHASE_DONE) {
		struct pollfd *streams = p + FIRST + MONITOR_CHANNELS;
		int timeout = -1;
		size_t n;

		/* Nobody is left who could start it. */
		if (m->phase <= PHASE_READY && channels_of_controllers(m) == 0)
			return;
		if (m->phase == PHASE_ENDED)
			finish(m, &timeout);
		if (m->phase == PHASE_DONE)
			return;
		/* An init that waits has nothing to say; should it die, whoever says START hears of it. */
		p[CONTROL] = (struct pollfd){ .fd = m->phase == PHASE_READY ? -1 : m->control, .events = POLLIN };
		p[PIDFD] = (struct pollfd){ .fd = m->phase == PHASE_READY ? -1 : m->pidfd, .events = POLLIN };
		p[LISTENER] = (struct pollfd){ .fd = m->listener, .events = POLLIN };
		for (unsigned i = 0; i < MONITOR_CHANNELS; i++)
			p[FIRST + i] = (struct pollfd){ .fd = m->channels[i].fd, .events = POLLIN };
		n = stdio_polls(&m->stdio, streams, now_ms(), &timeout);
		if (poll(p, (nfds_t)(FIRST + MONITOR_CHANNELS + n), timeout) < 0 && errno != EINTR)
			return;
		stdio_serve(&m->stdio, streams, n, now_ms());
		channels_tell_rotated(m);
		if (p[CONTROL].revents && m->control >= 0)
			control_receive(m);
		if (p[PIDFD].revents && m->phase != PHASE_DONE && m->phase != PHASE_READY)
			init_ended(m);
		if (p[LISTENER].revents)
			channel_accept(m);
		serve_channels(m, p + FIRST);
	}
}

/* The overlay's end writes the whole file system below back, and keeps whoever changes that waiting meanwhile: the
 * next containers. So those that ended within the same LINGER_MS do it together: the first writes, the others find
 * little. */
static void linger(struct monitor *m)
{
	struct timespec t;
	sigset_t none;
	int64_t until;

	if (m->root < 0 || !m->told || m->volatile_root)
		return;
	m->listener = close_fd(m->listener);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	until = (now_ms() / LINGER_MS + 1) * LINGER_MS;
	t = (struct timespec){ .tv_sec = until / 1000, .tv_nsec = until % 1000 * 1000000 };
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

void monitor_main(const struct launch *l)
{
	struct monitor *m = &monitor;
	int e;

	m->pidfd = m->control = m->listener = m->mounts = m->root = m->hosts = -EBADF;
	m->exit_file = l->req->exit;
	for (unsigned i = 0; i < MONITOR_CHANNELS; i++)
		m->channels[i] = (struct monitor_channel){ .fd = -EBADF, .waiting.op = NO_REQUEST };
	channel_add(m, l->channel, /* spawn= */ true);
	channel_add(m, l->controller, /* spawn= */ false);
	stdio_init(&m->stdio, l->req);
	e = become_monitor(m, l);
	if (e < 0)
		done(m, OP_MONITOR_ADOPT, e);
	else
		loop(m);
	linger(m);
	/* Whatever the init still is, it ends with the socket and with us; nothing is left when spawn hears of it. */
	close_fd(m->control);
	if (m->pid > 0 && m->pidfd >= 0) {
		siginfo_t info;

		waitid(P_PID, (id_t)m->pid, &info, WEXITED);
	}
	_exit(0);
}
