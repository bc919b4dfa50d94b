/* engine.c - an ordinary user's own engine: started when a command needs it and none runs, stopped on request. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../helpers/base/cleanup.h"
#include "../../helpers/base/fd.h"
#include "../../helpers/base/text.h"
#include "cli.h"
#include "http_client.h"

enum { START_MS = 10000, STOP_MS = 20000, STEP_MS = 10 };
/* Of postern-user, which has said why. Busy: another command has just started it. */
enum { EXIT_USAGE = 2, EXIT_CANNOT = 3, EXIT_BUSY = 4 };

int engine_user_run(char *ret, size_t size)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");

	if (runtime && runtime[0] == '/')
		return text_format(ret, size, "%s/postern", runtime);
	return text_format(ret, size, "/tmp/postern-%u", geteuid());
}

/* Beside us as built, or where they are installed. */
int engine_program(const char *name, char *ret, size_t size)
{
	static const char *const places[] = { "%s/%s", "%s/../libexec/postern/%s" };
	char self[4096], *slash;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	self[n < 0 ? 0 : n] = '\0';
	slash = strrchr(self, '/');
	if (slash)
		*slash = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (snprintf(ret, size, places[i], self, name) < (int)size && access(ret, X_OK) == 0)
			return 0;
	return -ENOENT;
}

static bool answers(const char *socket)
{
	struct http h;
	bool good = http_connect(&h, socket) == 0;

	http_finish(&h);
	return good;
}

/* Its directory may not be there. If it is, and another's, that one would be asked instead of an engine of ours. */
static bool is_anothers(const char *run)
{
	struct stat st;

	return lstat(run, &st) == 0 && (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 002));
}

/* The run directory, when the socket is the one that this user's own engine has; -ENOENT for any other. */
static int own_run(const char *socket, char *ret, size_t size)
{
	char own[300];

	if (geteuid() == 0 || engine_user_run(ret, size) < 0 ||
	    text_format(own, sizeof(own), "%s/postern.sock", ret) < 0 || strcmp(socket, own) != 0)
		return -ENOENT;
	if (!is_anothers(ret))
		return 0;
	fprintf(stderr, "postern: %s is not a directory of yours alone: set XDG_RUNTIME_DIR, or name a socket by -H\n",
		ret);
	return -EPERM;
}

/* A user manager has given its socket a place that only it can make; connecting tells whether one is there, at once. */
static bool manager_answers(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return runtime && fd >= 0 && text_format(a.sun_path, sizeof(a.sun_path), "%s/systemd/private", runtime) == 0 &&
	       connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0;
}

/* Its exit status. */
static int run_program(const char *const argv[])
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		execvp(argv[0], (char *const *)argv);
		_exit(127);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : 127;
}

/* In a cgroup of its own where one can be had: limits, pause and stats need it. helpers/user/delegate.c */
static int run_engine(const char *program, const char *log)
{
	const char *const in_scope[] = { "systemd-run", "--user", "--scope", "--quiet", "-p", "Delegate=yes", "--",
					 program, "--daemon", "--log", log, NULL };
	const char *const direct[] = { program, "--daemon", "--log", log, NULL };
	int status = manager_answers() ? run_program(in_scope) : 127;

	/* Any other is systemd-run's. */
	if (status != 0 && status != EXIT_USAGE && status != EXIT_CANNOT && status != EXIT_BUSY)
		status = run_program(direct);
	return status == EXIT_BUSY ? 0 : status;
}

int engine_start(const char *socket)
{
	char run[256], log[300], program[4200];
	int r = own_run(socket, run, sizeof(run));

	if (r == 0)
		r = engine_program("postern-user", program, sizeof(program));
	if (r < 0)
		return r;
	fprintf(stderr, "postern: no engine runs; starting yours (`postern system stop` ends it)\n");
	if (mkdir(run, 0700) < 0 && errno == EEXIST && is_anothers(run))
		return -EPERM; /* it has come between */
	snprintf(log, sizeof(log), "%s/engine.log", run);
	r = run_engine(program, log);
	for (int ms = 0; r == 0 && ms < START_MS; ms += STEP_MS) {
		if (answers(socket))
			return 0;
		usleep(STEP_MS * 1000);
	}
	fprintf(stderr, "postern: it cannot start here: `postern doctor` says what hinders it%s%s%s\n",
		access(log, F_OK) == 0 ? ", " : "", access(log, F_OK) == 0 ? log : "",
		access(log, F_OK) == 0 ? " what happened" : "");
	return -EIO;
}

int engine_connect(struct cli *cli, struct http *h)
{
	char run[256];
	int r = own_run(cli->socket, run, sizeof(run));

	http_init(h);
	if (r == -EPERM)
		return r;
	r = http_connect(h, cli->socket);
	if ((r == -ENOENT || r == -ECONNREFUSED) && engine_start(cli->socket) == 0)
		r = http_connect(h, cli->socket);
	return r;
}

/* --- postern system ------------------------------------------------------------------------------------------ */
static bool locked(int fd)
{
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK;
	flock(fd, LOCK_UN);
	return false;
}

int system_stop(struct cli *cli, int argc, char **argv)
{
	const char *slash = strrchr(cli->socket, '/');
	char path[4200];
	_cleanup_free_ char *text = NULL;
	_cleanup_close_ int fd = -EBADF;
	uint64_t pid;

	if (!slash || text_format(path, sizeof(path), "%.*s/launcher.pid", (int)(slash - cli->socket), cli->socket) < 0)
		return fail(1, "%s is no engine's socket", cli->socket);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	/* Whoever holds the lock is a launcher that lives, and the number in the file its own. */
	if (fd < 0 || !locked(fd))
		return fail(1, "no engine runs at %s", cli->socket);
	if (fd_read_all(fd, 32, &text, NULL) < 0 ||
	    (text[strcspn(text, "\n")] = '\0', text_u64(text, INT32_MAX, &pid)) < 0 || kill((pid_t)pid, SIGTERM) < 0)
		return fail(1, "the engine at %s cannot be ended: %s", cli->socket, strerror(errno));
	for (int ms = 0; ms < STOP_MS; ms += STEP_MS) {
		if (!locked(fd))
			return 0;
		usleep(STEP_MS * 1000);
	}
	return fail(1, "the engine at %s does not end", cli->socket);
}

/* One's own, also where root's engine is what commands go to. */
int system_start(struct cli *cli, int argc, char **argv)
{
	char run[256], own[300];
	const char *socket = cli->socket;
	int r;

	if (strcmp(socket, SYSTEM_SOCKET) == 0 && geteuid() != 0 && engine_user_run(run, sizeof(run)) == 0 &&
	    text_format(own, sizeof(own), "%s/postern.sock", run) == 0)
		socket = own;
	r = own_run(socket, run, sizeof(run));
	if (r != -EPERM && answers(socket))
		return 0;
	if (r == 0)
		r = engine_start(socket);
	return r == -ENOENT ? fail(1, "%s is not your own engine's socket: root starts that one", socket) : r < 0;
}

/* The service only starts the engine, which goes on in a scope: a service whose containers run on in its own cgroup
 * could not be started again (cgroup-v2.rst, "No Internal Process Constraint"). */
static const char unit_text[] =
	"# systemd user unit: postern system unit >~/.config/systemd/user/postern.service\n"
	"#                    systemctl --user daemon-reload; systemctl --user enable --now postern\n"
	"# At logout systemd ends your user manager, and with it the engine and every container, unless root has run\n"
	"#                    loginctl enable-linger USER\n"
	"# which also starts them when the host starts.\n"
	"[Unit]\n"
	"Description=Postern, a container engine of this user's\n"
	"\n"
	"[Service]\n"
	"ExecStart=systemd-run --user --scope --quiet -p Delegate=yes %s\n"
	"# containers run on when the engine is stopped or fails, and the next one finds them\n"
	"KillMode=process\n"
	"Delegate=yes\n"
	"Restart=on-failure\n"
	"RestartPreventExitStatus=2 3 4\n"
	"\n"
	"[Install]\n"
	"WantedBy=default.target\n";

int system_unit(struct cli *cli, int argc, char **argv)
{
	char program[4200];

	if (engine_program("postern-user", program, sizeof(program)) < 0)
		return fail(1, "postern-user is not beside this program");
	printf(unit_text, program);
	return 0;
}
