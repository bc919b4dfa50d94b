/* main.c - postern-spawn: makes containers' first processes and finds them again.
 *
 * Its one power is an effective uid that owns every container's user namespace, inside the range namespace: over the
 * host it has none. It has no no_new_privs, filter or Landlock domain because containers would inherit them. It does
 * little itself: everything of one container happens in a process of that container's own (monitor.c, init.c).
 *
 * fds: 7 directory for the monitors' sockets, 8 the range namespace. */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <sys/fsuid.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <signal.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/sys.h"
#include "../base/text.h"
#include "../protocol/server.h"
#include "journal.h"
#include "spawn.h"
#include "table.h"

enum { FD_SOCKETS = FD_OWN, FD_RANGE };

/* Whose namespaces these are, the kernel says: those of the user namespace that is joined. So another container's are
 * had only together with its user namespace and range, and the host's or another engine's never. */
static const struct {
	size_t offset;
	enum fd_kind kind;
	const char *name;
} joins[] = {
	{ offsetof(struct req_spawn_create, netns), FDK_NETNS, "netns" },
	{ offsetof(struct req_spawn_create, pidns), FDK_PIDNS, "pidns" },
	{ offsetof(struct req_spawn_create, ipcns), FDK_IPCNS, "ipcns" },
	{ offsetof(struct req_spawn_create, utsns), FDK_UTSNS, "utsns" },
	{ offsetof(struct req_spawn_create, shm), FDK_MNTNS, "shm" },
};

/* The host's namespaces, and what else root's policy says yes or no to. */
static int permit_host(struct request *r, const struct req_spawn_create *q)
{
	const struct policy_allow *a = &((const struct policy_spawn *)r->helper->policy)->common.allow;
	const struct {
		uint32_t asked, allowed;
		int fd; /* of another container's instead: not both */
		const char *rule;
	} rows[] = {
		{ q->privileged, a->privileged, -EBADF, "privileged" },
		{ q->host & HOST_CGROUP, a->host_cgroup, -EBADF, "host_cgroup" },
		{ q->host & HOST_IPC, a->host_ipc, q->ipcns, "host_ipc" },
		{ q->host & HOST_NETWORK, a->host_network, q->netns, "host_network" },
		{ q->host & HOST_PID, a->host_pid, q->pidns, "host_pid" },
		{ q->host & HOST_UTS, a->host_uts, q->utsns, "host_uts" },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		if (!rows[i].asked)
			continue;
		request_rule(r, rows[i].rule);
		if (!rows[i].allowed)
			return request_fail(r, -EPERM, "policy");
		if (rows[i].fd >= 0)
			return request_fail(r, -EINVAL, "namespaces");
	}
	return 0;
}

/* Each object is the kernel's answer, not the controller's word. Sealed mounts need no proof: what they allow is fixed,
 * and another container's could only be one that this engine's controller may start anyway. */
static int prove(struct request *r, const struct req_spawn_create *q)
{
	struct table *t = r->helper->ctx;
	int e;

	e = userns_prove(q->userns, FD_RANGE, geteuid());
	if (e < 0)
		return request_fail(r, e, "userns");
	if ((q->netns < 0) != !!(q->host & HOST_NETWORK))
		return request_fail(r, -EINVAL, "netns");
	for (unsigned i = 0; i < ARRAY_SIZE(joins); i++) {
		int fd = *(const int *)((const char *)q + joins[i].offset);

		e = fd < 0 ? 0 : ns_prove(fd, joins[i].kind, q->userns);
		if (e < 0)
			return request_fail(r, e, joins[i].name);
	}
	e = permit_host(r, q);
	if (e < 0)
		return e;
	if (policy_absent(r->helper->policy, HELPER_CGROUP))
		return q->cgroup >= 0 || q->cgroup_v1.n ? request_fail(r, -EINVAL, "cgroup") : 0;
	/* Without one it would be free of limits and of the device filter. */
	e = q->cgroup < 0 ? -EPERM : cgroup_prove(t, q->cgroup, q->container, /* v2= */ true);
	for (unsigned i = 0; i < q->cgroup_v1.n && e == 0; i++)
		e = cgroup_prove(t, q->cgroup_v1.fd[i], q->container, /* v2= */ false);
	return e < 0 ? request_fail(r, e, "cgroup") : 0;
}

static int run_create(struct request *r)
{
	const struct policy_spawn *policy = r->helper->policy;
	const struct req_spawn_create *q = r->req;
	struct table *t = r->helper->ctx;
	struct entry *entry = NULL;
	struct spare s;
	int before, e;

	e = table_make_way(t, q->container, &before);
	if (e < 0)
		return request_fail(r, e, "container");
	if (t->n >= policy->max_containers) {
		request_rule(r, "max_containers");
		return request_fail(r, -EDQUOT, "containers");
	}
	e = prove(r, q);
	if (e < 0)
		return e;
	e = spare_take(&t->spare, q, before, policy, &s);
	if (e < 0)
		return request_fail(r, e, "monitor");
	/* Without its channels a monitor ends by itself. */
	e = table_add(t, q->container, s.pid, s.pidfd, /* child= */ true, s.channel, &entry);
	if (e < 0) {
		close_fd(s.controller);
		return request_fail(r, e, "monitor");
	}
	/* Its answer is the outcome: ready, or what failed. */
	e = table_ask(t, entry, r, OP_MONITOR_ADOPT, /* channel= */ -1, s.controller);
	spare_make(&t->spare, policy); /* while that one is busy; without it the next takes longer */
	return e;
}

static int run_start(struct request *r)
{
	const struct req_spawn_start *q = r->req;
	struct table *t = r->helper->ctx;
	struct entry *e = table_find(t, q->container);

	return e ? table_ask(t, e, r, OP_MONITOR_START, -1, -EBADF) : request_fail(r, -ESRCH, "container");
}

/* The kernel's word, not the monitor's; -1 when it has ended. proc_pid_fdinfo(5) */
static pid_t pidfd_number(int pidfd)
{
	_cleanup_close_ int fd = -EBADF;
	char text[512], *line;
	ssize_t n;

	snprintf(text, sizeof(text), "/proc/self/fdinfo/%d", pidfd);
	fd = open(text, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	text[n < 0 ? 0 : n] = '\0';
	line = strstr(text, "\nPid:");
	return line ? (pid_t)strtol(line + 5, NULL, 10) : -1;
}

/* Of its first process, by its pidfd. Only those of its own user namespace: what it has
 * from the host or the engine is nobody's to pass on. */
static int run_namespaces(struct request *r)
{
	static const struct {
		const char *name;
		enum fd_kind kind;
		size_t offset;
	} rows[] = {
		{ "net", FDK_NETNS, offsetof(struct rep_spawn_namespaces, netns) },
		{ "pid", FDK_PIDNS, offsetof(struct rep_spawn_namespaces, pidns) },
		{ "ipc", FDK_IPCNS, offsetof(struct rep_spawn_namespaces, ipcns) },
		{ "uts", FDK_UTSNS, offsetof(struct rep_spawn_namespaces, utsns) },
		{ "mnt", FDK_MNTNS, offsetof(struct rep_spawn_namespaces, mntns) },
	};
	const struct req_spawn_namespaces *q = r->req;
	struct rep_spawn_namespaces *rep = r->rep;
	struct entry *e = table_find(r->helper->ctx, q->container);
	char path[64];
	pid_t pid = e && e->pidfd >= 0 ? pidfd_number(e->pidfd) : 0;

	if (pid <= 0)
		return request_fail(r, -ESRCH, "container");
	snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
	rep->userns = open(path, O_RDONLY | O_CLOEXEC);
	if (rep->userns < 0)
		return request_fail(r, errno == ENOENT ? -ESRCH : -errno, "user");
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		int *to = (int *)((char *)rep + rows[i].offset);

		snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, rows[i].name);
		*to = open(path, O_RDONLY | O_CLOEXEC);
		if (*to >= 0 && ns_prove(*to, rows[i].kind, rep->userns) < 0)
			*to = close_fd(*to);
	}
	/* Asked last: until now the number was this process's. */
	return sys_pidfd_send_signal(e->pidfd, 0) < 0 ? request_fail(r, -ESRCH, "container") : 0;
}

/* By pidfd: never another process. The effective uid owns the namespace of the target and those below it. */
static int run_signal(struct request *r)
{
	const struct req_spawn_signal *q = r->req;
	struct entry *e = table_find(r->helper->ctx, q->container);
	int err = e && e->pidfd >= 0 ? sys_pidfd_send_signal(e->pidfd, (int)q->signal) : -ESRCH;

	return err < 0 ? request_fail(r, err, "container") : 0;
}

static int run_make(struct request *r)
{
	const struct req_spawn_make *q = r->req;
	int e = userns_prove(q->userns, FD_RANGE, geteuid());

	if (e < 0)
		return request_fail(r, e, "userns");
	e = make_directories(q, ((const struct policy_spawn *)r->helper->policy)->common.ids_shared);
	return e < 0 ? request_fail(r, e, "make") : 0;
}

static int run_connect(struct request *r)
{
	const struct req_spawn_connect *q = r->req;
	struct entry *e = table_find(r->helper->ctx, q->container);
	int pair[2], err;

	if (!e)
		return request_fail(r, -ESRCH, "container");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return request_fail(r, -errno, "socketpair");
	err = table_ask(r->helper->ctx, e, r, OP_MONITOR_ADOPT, pair[1], pair[0]);
	close_fd(pair[1]);
	return err;
}

static int run_list(struct request *r)
{
	const struct req_spawn_list *q = r->req;
	struct rep_spawn_list *rep = r->rep;
	struct table *t = r->helper->ctx;
	uint32_t skip = q->skip;

	for (struct entry *e = TAILQ_FIRST(&t->entries); e; e = TAILQ_NEXT(e, next)) {
		if (e->exited)
			continue;
		if (skip > 0) {
			skip--;
			continue;
		}
		if (rep->containers.n == sizeof(rep->containers.id) / ID_BYTES)
			break;
		memcpy(rep->containers.id[rep->containers.n++], e->id, ID_BYTES);
	}
	return 0;
}

/* The directory is the working directory from now on: socket addresses have 108 bytes. It belongs to the effective uid
 * or, as files go by the file-system uid, to our own. */
static int enter_sockets(void)
{
	if (fchdir(FD_SOCKETS) == 0 && faccessat(AT_FDCWD, ".", W_OK | X_OK, AT_EACCESS) == 0)
		return 0;
	setfsuid(getuid());
	/* A change of ids takes these away. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0)
		return -errno;
	return fchdir(FD_SOCKETS) < 0 ? -errno : 0;
}

/* Which signals whoever started the engine had ignored is no business of a container's. */
static void reset_signals(void)
{
	struct sigaction dfl = { .sa_handler = SIG_DFL };

	for (int s = 1; s < NSIG; s++)
		sigaction(s, &dfl, NULL);
}

static int start(struct helper *h)
{
	struct table *t = h->ctx;
	int e = enter_sockets();

	reset_signals();
	for (int i = 1; i < h->argc; i++)
		if (strncmp(h->argv[i], "--journal=", 10) == 0)
			journal_at(h->argv[i] + 10);
	/* What keeps our rights over a restart is for no child. */
	if (madvise(h->keep, sizeof(*h->keep), MADV_DONTFORK) < 0)
		return -errno;
	tzset(); /* gmtime_r of a monitor must not be the first to ask for the zone: it opens nothing any more */
	if (e == 0)
		e = spare_init();
	if (e == 0)
		e = table_init(t, h);
	return e < 0 ? e : spare_make(&t->spare, h->policy);
}

static const struct handler handlers[] = {
	{ OP_SPAWN_CREATE, run_create },   { OP_SPAWN_START, run_start }, { OP_SPAWN_SIGNAL, run_signal },
	{ OP_SPAWN_CONNECT, run_connect }, { OP_SPAWN_LIST, run_list },	 { OP_SPAWN_NAMESPACES, run_namespaces },
	{ OP_SPAWN_MAKE, run_make },
};

int main(int argc, char **argv)
{
	const struct helper_def def = {
		.id = HELPER_SPAWN,
		.handlers = handlers,
		.nhandlers = ARRAY_SIZE(handlers),
		.keep_privs = true,
		.policy_size = sizeof(struct policy_spawn),
		.ctx_size = sizeof(struct table),
		.start = start,
		.controller_rights = op_bit(OP_SPAWN_CREATE) | op_bit(OP_SPAWN_START) | op_bit(OP_SPAWN_SIGNAL) |
				     op_bit(OP_SPAWN_CONNECT) | op_bit(OP_SPAWN_LIST) | op_bit(OP_SPAWN_NAMESPACES) |
				     op_bit(OP_SPAWN_MAKE),
	};

	return helper_run(&def, argc, argv);
}
