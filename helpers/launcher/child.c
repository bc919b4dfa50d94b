/* child.c - one program, started with exactly its row.
 *
 * Between fork and exec, in this order because each step needs what a later one gives up: cgroup, mount namespace, user
 * namespace, fds, bounding set, ids, capabilities, exec of an fd that was opened before (in the files namespace there
 * is no program to find). */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/fd.h"
#include "../base/log.h"
#include "../base/pass.h"
#include "../base/sandbox.h"
#include "../base/sys.h"
#include "../base/text.h"
#include "../protocol/server.h"
#include "launcher.h"

enum { HIGH_FD = 1000 /* above all that a plan places */, FDS_MAX = 48, ARGS_MAX = 32, ARG_SIZE = 4200 };
enum { PROGRAM_MAX = 256 << 20 };

struct plan {
	int fds[FDS_MAX]; /* what becomes fd 3, 4, ... (-EBADF: closed) */
	unsigned nfds;
	char args[ARGS_MAX][ARG_SIZE];
	unsigned nargs;
};

static unsigned add_fd(struct plan *p, int fd)
{
	p->fds[p->nfds++] = fd;
	return p->nfds - 1 + FD_CHANNEL;
}

static void __attribute__((format(printf, 2, 3))) add_arg(struct plan *p, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(p->args[p->nargs++], ARG_SIZE, format, args);
	va_end(args);
}

/* It stands where only the engine's owner writes, and is the controller's to parse. */
static int open_settings(const char *policy)
{
	const char *slash = strrchr(policy, '/');
	char path[PATH_MAX];

	if (!slash || text_format(path, sizeof(path), "%.*s/posternd.json", (int)(slash - policy), policy) < 0)
		return -EBADF;
	return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
}

/* What the row's table cannot say: fds whose number varies, and the arguments that name them. */
static void add_special(struct launcher *l, const struct row *row, struct plan *p)
{
	switch (row->id) {
	case HELPER_CGROUP:
		for (unsigned i = V2 + 1; i < l->cgroups.n; i++)
			add_arg(p, "--v1=%s:%u", l->cgroups.all[i].controller, add_fd(p, l->cgroups.all[i].dir));
		break;
	case HELPER_AUDIT:
		for (unsigned i = 0; i < HELPER_COUNT; i++)
			if (l->children[i].audit_peer >= 0)
				add_arg(p, "--channel=%s:%u", helper_name((enum helper_id)i),
					add_fd(p, l->children[i].audit_peer));
		break;
	case HELPER_SPAWN:
		add_arg(p, "--journal=%s", l->config.journal);
		break;
	case HELPER_CONTROLLER:
		add_arg(p, "--socket=%s", l->config.sockets[SOCKET_MAIN]);
		add_arg(p, "--policy=%s", l->config.policy);
		add_arg(p, "--data-root=%s", l->config.data);
		add_arg(p, "--state=%s/state", l->config.data);
		close_fd(l->settings);
		l->settings = open_settings(l->config.policy);
		if (l->settings >= 0)
			add_arg(p, "--config=%u", add_fd(p, l->settings));
		break;
	case HELPER_POLICY:
		for (size_t i = 0; i < ARRAY_SIZE(l->policy_files); i++)
			add_fd(p, l->policy_files[i]);
		add_arg(p, "--compile");
		add_arg(p, "%s", l->config.policy);
		break;
	default:
		break;
	}
}

static int make_plan(struct launcher *l, struct child *c, int channel, struct plan *p)
{
	p->nfds = p->nargs = 0;
	if (c->row->id == HELPER_CONTROLLER)
		add_arg(p, "posternd");
	else
		add_arg(p, "postern-%s", helper_name(c->row->id));
	add_fd(p, channel);
	add_fd(p, c->audit);
	add_fd(p, c->policy);
	add_fd(p, c->keep);
	for (size_t i = 0; i < ARRAY_SIZE(c->row->fds) && c->row->fds[i]; i++)
		add_fd(p, *(const int *)((const char *)l + c->row->fds[i]));
	add_special(l, c->row, p);
	if (c->purging)
		add_arg(p, "--purge");
	return p->nfds > FDS_MAX ? -E2BIG : 0;
}

/* Puts the fds at 3, 4, ... and closes all others. Only standard error stays of the standard three. */
static int place_fds(struct plan *p, int null)
{
	for (unsigned i = 0; i < p->nfds; i++) {
		if (p->fds[i] < 0)
			continue;
		p->fds[i] = fcntl(p->fds[i], F_DUPFD_CLOEXEC, HIGH_FD);
		if (p->fds[i] < 0)
			return -errno;
	}
	if (dup2(null, 0) < 0 || dup2(null, 1) < 0)
		return -errno;
	for (unsigned i = 0; i < p->nfds; i++) {
		int to = FD_CHANNEL + (int)i;

		if (p->fds[i] < 0)
			close(to);
		else if (dup2(p->fds[i], to) < 0)
			return -errno;
	}
	return sys_close_range(FD_CHANNEL + p->nfds, ~0u, CLOSE_RANGE_CLOEXEC);
}

/* Root in the row's user namespace until here; afterwards nothing but the row. */
static int become(struct launcher *l, const struct row *row)
{
	bool in_range = row->userns == USERNS_RANGE;
	uid_t uid = row->userns == USERNS_STORE ? 0 : in_range ? engine_id_in_range(l, row->id) : engine_id(l, row->id);
	uid_t euid = row->owner_euid ? engine_id_in_range(l, IDS_OWNER) : uid;
	gid_t shared = engine_id(l, IDS_CGROUP_GID);
	/* The owner may only give files to a group that it is in. */
	bool joins = row->in_spawn_cgroup || row->id == HELPER_CGROUP;
	uint64_t caps = row->caps | (l->ids.count ? 0 : row->caps_one_id);
	/* A process that enters a container's user namespace gets that namespace's full set anew (user_namespaces(7)).
	 */
	int r = sandbox_bounding_set(caps);

	if (r < 0)
		return r;
	/* With one id there is no group to join, and none that could be left. */
	if (prctl(PR_SET_KEEPCAPS, 1) < 0 || (l->ids.count && setgroups(joins ? 1 : 0, &shared) < 0) ||
	    setresgid(uid, uid, uid) < 0 || setresuid(uid, euid, uid) < 0)
		return -errno;
	r = sandbox_caps_pass(caps);
	if (r < 0)
		return r;
	if (row->no_new_privs && !row->owner_euid && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return 0;
}

static int enter(struct launcher *l, const struct row *row)
{
	int mnt = row->mntns == MNTNS_FILES ? l->files_mntns : row->mntns == MNTNS_SPAWN ? l->spawn_mntns : -1;
	int user = row->userns == USERNS_RANGE ? l->range_ns : row->userns == USERNS_STORE ? l->store_ns : -1;
	int r = cgroups_enter(l, row);

	if (r < 0)
		return r;
	if (mnt >= 0 && setns(mnt, CLONE_NEWNS) < 0)
		return -errno;
	if (chdir("/") < 0 || (row->in_netns && l->netns >= 0 && setns(l->netns, CLONE_NEWNET) < 0))
		return -errno;
	if (user >= 0 && setns(user, CLONE_NEWUSER) < 0)
		return -errno;
	return 0;
}

static void __attribute__((noreturn))
run_child(struct launcher *l, struct child *c, struct plan *p, int program, pid_t parent)
{
	char *argv[ARGS_MAX + 1] = { 0 }, *envp[] = { NULL };
	sigset_t none;
	int r, null = open("/dev/null", O_RDWR | O_CLOEXEC), binary = fcntl(program, F_DUPFD_CLOEXEC, HIGH_FD);

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	/* The namespaces are fds that placing ours may overwrite: they come first. */
	r = null < 0 || binary < 0 ? -EMFILE : enter(l, c->row);
	if (r == 0)
		r = place_fds(p, null);
	if (r == 0)
		r = become(l, c->row);
	if (r < 0) {
		log_error("%s: cannot take its row: %s", helper_name(c->row->id), strerror(-r));
		_exit(126);
	}
	/* After the change of ids, which clears it; the program sets it again after exec. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(126);
	for (unsigned i = 0; i < p->nargs; i++)
		argv[i] = p->args[i];
	syscall(SYS_execveat, binary, "", argv, envp, AT_EMPTY_PATH);
	log_error("%s: cannot run: %s", argv[0], strerror(errno));
	_exit(127);
}

/* A file of an id that containers have could be written through their /proc/self/exe: what runs is a sealed copy. */
static int program_seal(struct launcher *l, struct child *c, int file)
{
	_cleanup_free_ char *text = NULL;
	struct stat st;
	size_t n;
	int r;

	if (fstat(file, &st) < 0)
		return -errno;
	if (st.st_uid < l->ids.store_first || st.st_uid - l->ids.store_first >= MAP_SIZE)
		return 0;
	/* Root of the host's, as a user's namespace shows it: nobody in here can write it. */
	if (st.st_uid == OVERFLOW_ID && faccessat(file, "", W_OK, AT_EMPTY_PATH) < 0)
		return 0;
	r = fd_read_all(file, PROGRAM_MAX, &text, &n);
	if (r < 0)
		return r;
	c->program = memfd_sealed("program", text, n);
	if (c->program < 0)
		return c->program;
	/* Its owner could make it a file that nobody may execute (kernels below 6.3): that is no id of containers',
	 * where there is another. */
	return fchown(c->program, engine_id(l, c->row->id), engine_id(l, c->row->id)) < 0 ? -errno : 0;
}

static int program_open(struct launcher *l, struct child *c, const char *name)
{
	_cleanup_close_ int fd = -EBADF;
	char path[PATH_SIZE + ARG_SIZE];
	int r;

	if (c->program >= 0)
		return fcntl(c->program, F_DUPFD_CLOEXEC, FD_CHANNEL);
	snprintf(path, sizeof(path), "%s/%s", l->config.bin, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		log_error("%s: %s", path, strerror(errno));
	r = fd < 0 ? -errno : program_seal(l, c, fd);
	if (r < 0)
		return r;
	return c->program >= 0 ? fcntl(c->program, F_DUPFD_CLOEXEC, FD_CHANNEL) : TAKE_FD(fd);
}

/* A helper's channel to the controller is new with each start: the old one's end tells the controller that calls are
 * lost. */
static int new_channel(struct launcher *l, struct child *c, int *ret)
{
	enum helper_id id = c->row->id;
	int pair[2], r;

	if (id == HELPER_AUDIT || id == HELPER_POLICY)
		return 0;
	if (id == HELPER_SEAL || id == HELPER_CONTROLLER) {
		*ret = dup(id == HELPER_SEAL ? l->mount_seal[1] : l->control[1]);
		return *ret < 0 ? -errno : 0;
	}
	r = pass_pair(pair);
	if (r < 0)
		return r;
	close_fd(c->controller_end);
	c->controller_end = pair[1];
	*ret = pair[0];
	return 0;
}

int child_start(struct launcher *l, struct child *c)
{
	_cleanup_close_ int program = -EBADF, channel = -EBADF;
	static struct plan plan;
	pid_t pid, parent = getpid();
	int r;

	r = new_channel(l, c, &channel);
	if (r == 0)
		r = make_plan(l, c, channel, &plan);
	if (r == 0)
		r = program = program_open(l, c, plan.args[0]);
	if (r < 0)
		return r;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0)
		run_child(l, c, &plan, program, parent);
	c->pid = pid;
	return 0;
}
