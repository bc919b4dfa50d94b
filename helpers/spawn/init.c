/* init.c - see init.h. The order matters and each step says why it stands where it does. */
#include "init.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <grp.h>

#include "../base/cleanup.h"
#include "../base/fd.h"
#include "../base/pass.h"
#include "spawn.h"

enum { PIPE_BYTES = 1 << 20 }; /* the most that /proc/sys/fs/pipe-max-size lets anyone have */

int init_fail(struct init *in, int err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(in->report.stage, sizeof(in->report.stage), format, args);
	va_end(args);
	return err;
}

static void report_send(struct init *in, const int *fds, size_t nfds)
{
	struct iovec iov = { &in->report, sizeof(in->report) };

	if (pass_send(in->control, &iov, 1, fds, nfds, 0) < 0)
		_exit(127); /* the monitor has gone, and so do we */
}

static void fail(struct init *in, int err) __attribute__((noreturn));

static void fail(struct init *in, int err)
{
	in->report.status = err;
	in->report.mounts = 0;
	report_send(in, NULL, 0);
	_exit(127);
}

/* Joins while the effective uid is still the owner's and the shared group is still there; the version 1 files ask for
 * the writer's own ids (cgroup v1: euid 0 or the task's). Then the namespace, whose root is where we are now: cloned
 * with the process it would be the monitor's cgroup. */
static int join_cgroups(struct init *in)
{
	int e = 0;

	if (!in->in_cgroup && in->req->cgroup >= 0)
		e = file_write_at(in->req->cgroup, "cgroup.procs", "0");
	for (unsigned i = 0; i < in->req->cgroup_v1.n && e == 0; i++)
		e = file_write_at(in->req->cgroup_v1.fd[i], "tasks", "0"); /* unlike cgroup.procs, no grace period */
	if (e == 0 && !(in->req->host & HOST_CGROUP) && unshare(CLONE_NEWCGROUP) < 0)
		e = -errno;
	return e < 0 ? init_fail(in, e, "cgroup") : 0;
}

static int become_root(struct init *in)
{
	/* setgroups fails where a single id is mapped (rootless without newuidmap); there is none to drop then. */
	if ((setgroups(0, NULL) < 0 && errno != EPERM) || setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		return init_fail(in, -errno, "ids");
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* a change of ids takes it away */
	return 0;
}

/* Labels of the next exec: apparmor(7), selinux(8). Through the host's /proc, which no image has touched. */
static int write_label(struct init *in)
{
	char text[512];
	int e;

	if (in->plan->apparmor) {
		if (snprintf(text, sizeof(text), "exec %s", in->plan->apparmor) >= (int)sizeof(text))
			return init_fail(in, -EINVAL, "apparmor");
		e = file_write_at(AT_FDCWD, "/proc/self/attr/apparmor/exec", text);
		if (e == -ENOENT)
			e = file_write_at(AT_FDCWD, "/proc/self/attr/exec", text);
		if (e < 0)
			return init_fail(in, e, "apparmor");
	}
	if (in->plan->selinux) {
		e = file_write_at(AT_FDCWD, "/proc/self/attr/exec", in->plan->selinux);
		if (e < 0)
			return init_fail(in, e, "selinux");
	}
	return 0;
}

/* The file belongs to whom the process is dumpable for, and who is root in this user namespace may then look into us:
 * in a pid namespace that is shared that is another container's. So only once nothing of the host can be found here. */
static int set_oom_score(struct init *in)
{
	char text[16];
	int e;

	if (!in->plan->has_oom_score)
		return 0;
	snprintf(text, sizeof(text), "%d", in->plan->oom_score);
	prctl(PR_SET_DUMPABLE, 1);
	e = file_write_at(in->proc, "self/oom_score_adj", text);
	prctl(PR_SET_DUMPABLE, 0);
	/* Whoever started the engine may have given it a worse one than 0 for good (systemd: services of users have
	 * 200): then that of a container that asked for none is the engine's. */
	if (e == -EACCES && in->plan->oom_score == 0)
		return 0;
	return e < 0 ? init_fail(in, e, "write /proc/self/oom_score_adj") : 0;
}

static int set_limits(struct init *in)
{
	for (size_t i = 0; i < in->plan->nrlimits; i++) {
		const struct plan_rlimit *r = &in->plan->rlimits[i];
		struct rlimit limit = { r->soft, r->hard };

		/* EPERM: above what the launcher could raise for all. */
		if (setrlimit(r->resource, &limit) < 0)
			return init_fail(in, -errno, "error setting rlimit type %d", r->resource);
	}
	return 0;
}

static int set_names(struct init *in)
{
	const char *host = in->plan->hostname, *domain = in->plan->domainname;

	if (host && sethostname(host, strlen(host)) < 0)
		return init_fail(in, -errno, "hostname");
	if (domain && setdomainname(domain, strlen(domain)) < 0)
		return init_fail(in, -errno, "domainname");
	return 0;
}

/* --- standard input, output, error --- */
/* A pipe that belongs to the program's user, so that it can open /dev/stdout again. */
static int make_pipe(struct init *in, int *ret_read, int *ret_write)
{
	int p[2];

	if (pipe2(p, O_CLOEXEC) < 0)
		return -errno;
	fcntl(p[0], F_SETPIPE_SZ, PIPE_BYTES);
	*ret_read = p[0];
	*ret_write = p[1];
	/* The other end's close tells us nothing here; the owner of the inode is one for both. */
	return fchown(p[0], in->plan->uid, in->plan->gid) < 0 ? -errno : 0;
}

static int stdio_make(struct init *in, int own[3], int *theirs, size_t *ret_n)
{
	int e = 0;

	*ret_n = 0;
	if (in->req->terminal) {
		own[0] = own[1] = own[2] = in->slave;
		theirs[(*ret_n)++] = in->master;
		theirs[(*ret_n)++] = in->slave;
		return 0;
	}
	own[0] = STDIN_FILENO; /* /dev/null since the monitor */
	if (in->req->open_stdin) {
		e = make_pipe(in, &own[0], &theirs[0]);
		*ret_n = 1;
	}
	for (int i = 1; i <= 2 && e == 0; i++)
		e = make_pipe(in, &theirs[(*ret_n)++], &own[i]);
	for (size_t i = 0; i < *ret_n && e == 0; i++)
		if (fcntl(theirs[i], F_SETFL, O_NONBLOCK) < 0)
			e = -errno;
	return e < 0 ? init_fail(in, e, "stdio") : 0;
}

static int stdio_take(struct init *in, const int own[3])
{
	setsid(); /* fails for a leader, which is as well */
	if (in->req->terminal && ioctl(in->slave, TIOCSCTTY, 0) < 0)
		return init_fail(in, -errno, "terminal");
	for (int i = 0; i < 3; i++)
		if (own[i] != i && dup2(own[i], i) < 0)
			return init_fail(in, -errno, "stdio");
	return 0;
}

/* All up to the answer to CREATE. */
static int prepare(struct init *in)
{
	int own[3] = { -EBADF, -EBADF, -EBADF }, theirs[REPORT_FDS] = { -EBADF, -EBADF, -EBADF };
	size_t n;
	int e;

	/* Mounts that end with us would have to be written back before anyone sees that we have exited. Our /proc is
	 * still the host's; without one it costs that time. */
	in->mounts = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	if ((e = join_cgroups(in)) < 0 || (e = write_label(in)) < 0 || (e = become_root(in)) < 0 ||
	    (e = set_names(in)) < 0)
		return e;
	umask(0);
	if ((e = rootfs_build(in)) < 0 || (e = rootfs_enter(in)) < 0 || (e = stdio_make(in, own, theirs, &n)) < 0)
		return e;
	umask(022);
	if ((e = stdio_take(in, own)) < 0 || (e = set_limits(in)) < 0)
		return e;
	in->report.hosts = in->hosts >= 0;
	if (in->hosts >= 0)
		theirs[n++] = in->hosts;
	in->report.mounts = in->mounts >= 0;
	if (in->mounts >= 0) {
		theirs[n++] = in->mounts;
		theirs[n++] = in->root;
	}
	report_send(in, theirs, n);
	return 0;
}

/* While that answer travels, and START comes back: all that is left but exec. */
static int prepare_program(struct init *in)
{
	const int keep[2] = { in->control, in->proc };
	int e = rootfs_leave_host();

	if (e < 0)
		return init_fail(in, e, "pivot_root");
	/* From here on nothing is open but what the program gets, and the control socket until exec. */
	fds_close_except(keep, ARRAY_SIZE(keep));
	e = set_oom_score(in);
	in->proc = close_fd(in->proc);
	return e < 0 ? e : exec_prepare(in);
}

void init_main(struct init *in)
{
	sigset_t none;
	char go;
	int e;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (unsigned i = 0; i < in->req->binds.n; i++)
		in->binds[i] = in->req->binds.fd[i];
	in->stage_dir = in->root = in->dev = in->devpts = in->proc = in->master = in->slave = in->hosts = -EBADF;
	in->report = (struct init_report){ 0 };
	e = prepare(in);
	if (e < 0)
		fail(in, e);
	e = prepare_program(in);
	/* read, which every filter allows: ours may be in force */
	if (read(in->control, &go, 1) != 1)
		_exit(127); /* never started */
	if (e == 0)
		e = exec_program(in);
	fail(in, e);
}
