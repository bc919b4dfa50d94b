/* main.c - posternd, the controller: API, state and the scheduling of helper calls, without any privilege.
 *
 * Fds: 3 control socket of the launcher (each helper's channel comes over it), 4 the listening socket of the API, 5
 * policy, 6 the state directory, 7 and 8 the second and the read-only socket where there are. One thread and one loop.
 * After setup it cannot execute anything, open no socket, and no file but below its state directory (and a few that
 * describe the host). Containers do not end with it. */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <uv.h>

#include "../helpers/base/cleanup.h"
#include "../helpers/base/log.h"
#include "../helpers/base/names.h"
#include "../helpers/base/policy.h"
#include "../helpers/base/sandbox.h"
#include "api/http.h"
#include "container/container.h"
#include "container/events.h"
#include "daemon_config.h"
#include "engine.h"
#include "helper_client.h"
#include "image/image.h"
#include "json.h"
#include "network/network.h"
#include "spec/spec.h"
#include "state/state.h"
#include "task.h"

enum {
	FD_LISTEN = 4, /* where helpers have their audit channel */
	FD_STATE = 6,
	READY_MS = 30000, /* for the helpers to come up */
	END_MS = 5000, /* for starts and clean-ups under way when we are asked to end */
	END_STEP_MS = 10,
};

struct posternd {
	struct engine e;
	uv_signal_t term, interrupt;
	int status;
	bool ending;
	bool listens[SOCKET_COUNT]; /* FD_OWN, ... are sockets that the engine has beside the main one */
	int config; /* fd of posternd.json, or -EBADF */
	int end_ms; /* for starts and clean-ups under way when we are asked to end */
};

/* Beside the base list of sandbox.c. No execve, no ptrace, no socket, no kill, no clone: the thread pool of libuv is
 * never used. listen: uv_listen asks it again for the socket that it is given. */
static const int syscalls[] = {
	/* clang-format off */
	SYS_epoll_create1, SYS_epoll_ctl, SYS_epoll_pwait, SYS_eventfd2, SYS_pipe2, SYS_timerfd_create,
	SYS_timerfd_settime, SYS_inotify_init1, SYS_inotify_add_watch, SYS_inotify_rm_watch,
	SYS_accept4, SYS_listen, SYS_shutdown, SYS_getpeername, SYS_setsockopt,
	SYS_openat, SYS_faccessat, SYS_getdents64, SYS_readlinkat, SYS_getcwd, SYS_statfs, SYS_fstatfs,
	SYS_unlinkat, SYS_mkdirat, SYS_renameat, SYS_renameat2, SYS_ftruncate, SYS_fallocate, SYS_fsync,
	SYS_fdatasync, SYS_fchmod, SYS_fchown, SYS_utimensat, SYS_fadvise64, SYS_memfd_create, SYS_dup3,
	SYS_copy_file_range, SYS_sendfile, SYS_uname, SYS_sysinfo, SYS_sched_getaffinity, SYS_sched_yield,
	SYS_getrlimit, SYS_prlimit64, SYS_getrusage, SYS_getppid, SYS_clock_getres, SYS_mincore,
#ifdef SYS_open
	SYS_open, SYS_stat, SYS_lstat, SYS_access, SYS_unlink, SYS_mkdir, SYS_rmdir, SYS_readlink, SYS_rename,
	SYS_epoll_wait, SYS_chmod, SYS_time,
#endif
#ifdef SYS_faccessat2
	SYS_faccessat2,
#endif
	/* clang-format on */
};

/* --- options --------------------------------------------------------------------------------------------- */
static const char *option(const char *arg, const char *name)
{
	size_t n = strlen(name);

	return strncmp(arg, name, n) == 0 && arg[n] == '=' ? arg + n + 1 : NULL;
}

static int parse(int argc, char **argv, struct posternd *p)
{
	struct engine *e = &p->e;

	for (int i = 1; i < argc; i++) {
		const char *v;

		if ((v = option(argv[i], "--state")))
			e->state_path = v;
		else if ((v = option(argv[i], "--data-root")))
			e->data_root = v;
		else if ((v = option(argv[i], "--socket")))
			e->socket_path = v;
		else if ((v = option(argv[i], "--policy")))
			e->policy_path = v;
		else if ((v = option(argv[i], "--config")))
			p->config = atoi(v);
		else
			return -EINVAL;
	}
	return e->state_path && e->data_root && e->socket_path ? 0 : -EINVAL;
}

/* --- fences ---------------------------------------------------------------------------------------------- */
static int lock_files(int state_dir)
{
	enum { READ = LANDLOCK_ACCESS_FS_READ_FILE, LIST = LANDLOCK_ACCESS_FS_READ_DIR };
	static const struct {
		const char *path;
		uint64_t rights;
	} readable[] = {
		{ "/proc", READ | LIST }, /* info: kernel, memory, processors */
		{ "/sys", READ | LIST },
		{ "/etc/os-release", READ },
		{ "/etc/hosts", READ }, /* --network host */
		{ "/etc/resolv.conf", READ },
		{ "/etc/cdi", READ | LIST }, /* --gpus, devices by name */
		{ "/var/run/cdi", READ | LIST },
		{ "/usr/lib/os-release", READ },
	};
	struct sandbox_dir dirs[ARRAY_SIZE(readable) + 1];
	size_t n = 0;
	int r;

	dirs[n++] = (struct sandbox_dir){ state_dir, ~(uint64_t)LANDLOCK_ACCESS_FS_EXECUTE };
	for (size_t i = 0; i < ARRAY_SIZE(readable); i++) {
		int fd = open(readable[i].path, O_PATH | O_CLOEXEC);

		if (fd >= 0)
			dirs[n++] = (struct sandbox_dir){ fd, readable[i].rights };
	}
	r = sandbox_landlock(dirs, n, NULL);
	while (--n > 0)
		close(dirs[n].fd);
	return r;
}

/* Every monitor is a channel, every client a connection. */
static void raise_limits(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) == 0) {
		l.rlim_cur = l.rlim_max;
		setrlimit(RLIMIT_NOFILE, &l);
	}
	/* Bursts (a body, a frame) go back to the kernel. */
	mallopt(M_TRIM_THRESHOLD, 256 * 1024);
	mallopt(M_MMAP_THRESHOLD, 128 * 1024);
}

/* --- life ------------------------------------------------------------------------------------------------ */
static void end_task(void *arg)
{
	struct posternd *p = arg;

	http_stop(&p->e);
	for (unsigned waited = 0; waited < (unsigned)p->end_ms && containers_busy(&p->e); waited += END_STEP_MS)
		task_sleep_ms(END_STEP_MS);
	task_sleep_ms(END_STEP_MS); /* last bytes to clients */
	uv_stop(p->e.loop);
}

static void on_signal(uv_signal_t *s, int number)
{
	struct posternd *p = s->data;

	if (p->ending)
		return;
	p->ending = true;
	log_info("ends; containers run on");
	if (task_spawn(end_task, p) < 0)
		uv_stop(p->e.loop);
}

static int listen_all(struct posternd *p)
{
	int r = http_listen(&p->e, FD_LISTEN);

	for (int i = SOCKET_MAIN + 1; r == 0 && i < SOCKET_COUNT; i++)
		if (p->listens[i])
			r = http_listen(&p->e, FD_OWN + i - (SOCKET_MAIN + 1));
	return r;
}

static void start_task(void *arg)
{
	struct posternd *p = arg;
	struct err err = { 0 };
	int r = helpers_wait_ready(p->e.helpers, READY_MS);

	if (r < 0)
		err_set(&err, 500, "helpers are missing");
	if (r == 0 && !p->ending)
		r = images_create(&p->e, &err);
	if (r == 0 && !p->ending)
		r = containers_recover(&p->e, &err);
	if (r == 0 && !p->ending)
		networks_recover(&p->e);
	if (r == 0 && !p->ending) {
		r = listen_all(p);
		if (r < 0)
			err_set(&err, 500, "cannot listen: %s", strerror(-r));
	}
	if (r < 0) {
		log_error("%s", err.message);
		p->status = EXIT_FAILURE;
		uv_stop(p->e.loop);
		return;
	}
	log_info("listens on %s", p->e.socket_path);
}

/* libseccomp asks the kernel what it can do when it is first used: that must be before our own filter. The default
 * filter for the default capabilities is what nearly every start needs. */
static void warm_up(void)
{
	cJSON *merged = cJSON_CreateObject();
	struct err err = { 0 };
	const void *filter;
	uint64_t caps;
	size_t bytes;

	if (spec_caps(merged, ~UINT64_C(0), &caps, &err) < 0 || seccomp_filter(NULL, caps, &filter, &bytes, &err) < 0)
		log_warn("default seccomp filter: %s", err.message);
	cJSON_Delete(merged);
}

static int read_config(struct posternd *p, struct err *err)
{
	cJSON *config;

	if (daemon_config_read(p->config, &config, err) < 0)
		return -1;
	p->config = close_fd(p->config);
	p->e.config = config;
	if (json_get(config, "shutdown-timeout"))
		p->end_ms = 1000 * (int)json_int(config, "shutdown-timeout", 0, NULL);
	return 0;
}

static int set_up(struct posternd *p, struct err *err)
{
	struct engine *e = &p->e;
	const void *policy;
	int r = policy_map(FD_POLICY, sizeof(struct policy_common), &policy);

	if (r < 0)
		return err_set(err, 500, "policy: %s", strerror(-r));
	e->policy = policy;
	e->state_dir = FD_STATE;
	if (p->config >= 0 && read_config(p, err) < 0)
		return -1;
	e->loop = uv_default_loop();
	if (!e->loop)
		return err_set(err, 500, "no event loop");
	task_init(e->loop);
	uv_signal_init(e->loop, &p->term);
	uv_signal_init(e->loop, &p->interrupt);
	p->term.data = p->interrupt.data = p;
	uv_signal_start(&p->term, on_signal, SIGTERM);
	uv_signal_start(&p->interrupt, on_signal, SIGINT);
	/* By the fd, not by its path. */
	if (fchdir(e->state_dir) < 0)
		return err_set(err, 500, "state directory: %s", strerror(errno));
	if (state_open("state.db", &e->state, err) < 0)
		return -1;
	if (events_create(e) < 0)
		return err_set(err, 500, "out of memory");
	r = helpers_create(e, FD_CHANNEL, &e->helpers);
	if (r < 0)
		return err_set(err, 500, "control socket: %s", strerror(-r));
	return containers_create(e, err) < 0 ? -1 : networks_create(e, err);
}

int main(int argc, char **argv)
{
	static struct posternd p = { .config = -EBADF, .end_ms = END_MS };
	struct err err = { 0 };
	int r;

	log_init("posternd", LOG_LEVEL_INFO);
	signal(SIGPIPE, SIG_IGN);
	if (parse(argc, argv, &p) < 0) {
		fprintf(stderr,
			"usage (by postern-launcher only): posternd --state=PATH --data-root=PATH --socket=PATH "
			"--policy=PATH [--config=FD]\n");
		return 2;
	}
	for (int i = SOCKET_MAIN + 1; i < SOCKET_COUNT; i++)
		p.listens[i] = fcntl(FD_OWN + i - (SOCKET_MAIN + 1), F_GETFD) >= 0;
	raise_limits();
	r = sandbox_start(/* keep_privs= */ false);
	if (r < 0)
		err_set(&err, 500, "sandbox: %s", strerror(-r));
	if (r < 0 || set_up(&p, &err) < 0) {
		log_error("%s", err.message);
		return EXIT_FAILURE;
	}
	warm_up();
	r = lock_files(FD_STATE);
	if (r == 0)
		r = sandbox_seccomp(syscalls, ARRAY_SIZE(syscalls));
	if (r < 0 || task_spawn(start_task, &p) < 0) {
		log_error("sandbox: %s", strerror(r < 0 ? -r : ENOMEM));
		return EXIT_FAILURE;
	}
	uv_run(p.e.loop, UV_RUN_DEFAULT);
	state_close(p.e.state);
	return p.status;
}
