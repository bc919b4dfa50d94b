/* engine.c - an ordinary user's own engine: started when a command needs it and none runs, stopped on request. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../helpers/base/cleanup.h"
#include "../../helpers/base/fd.h"
#include "../../helpers/base/text.h"
#include "cli.h"
#include "http_client.h"

enum { START_MS = 10000, STOP_MS = 20000, STEP_MS = 10 };

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

static int cannot(const char *log)
{
	fprintf(stderr, "postern: it cannot start here: `postern doctor` says what hinders it, %s what happened\n", log);
	return -EIO;
}

int engine_start(const char *socket)
{
	char run[256], own[300], log[300], program[4200];
	int status;
	pid_t pid;

	/* Only the one that would be found at the place of this user's. */
	if (geteuid() == 0 || engine_user_run(run, sizeof(run)) < 0 ||
	    text_format(own, sizeof(own), "%s/postern.sock", run) < 0 || strcmp(socket, own) != 0)
		return -ENOENT;
	if (engine_program("postern-user", program, sizeof(program)) < 0)
		return -ENOENT;
	fprintf(stderr, "postern: no engine runs; starting yours (`postern system stop` ends it)\n");
	/* The launcher refuses a directory there that is another's. */
	mkdir(run, 0700);
	snprintf(log, sizeof(log), "%s/engine.log", run);
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0) {
		execl(program, program, "--daemon", "--log", log, (char *)NULL);
		_exit(127);
	}
	if (waitpid(pid, &status, 0) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		return cannot(log);
	}
	for (int ms = 0; ms < START_MS; ms += STEP_MS) {
		if (answers(socket))
			return 0;
		usleep(STEP_MS * 1000);
	}
	return cannot(log);
}

int engine_connect(struct cli *cli, struct http *h)
{
	int r = http_connect(h, cli->socket);

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

static int stop(struct cli *cli, int argc, char **argv)
{
	char path[4200], *slash;
	_cleanup_free_ char *text = NULL;
	_cleanup_close_ int fd = -EBADF;
	uint64_t pid;

	snprintf(path, sizeof(path), "%s", cli->socket);
	slash = strrchr(path, '/');
	if (!slash || slash + sizeof("/launcher.pid") > path + sizeof(path))
		return fail(1, "%s is no engine's socket", cli->socket);
	strcpy(slash, "/launcher.pid");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	/* Whoever holds the lock is a launcher that lives, and the number in the file its own. */
	if (fd < 0 || !locked(fd))
		return fail(1, "no engine runs at %s", cli->socket);
	if (fd_read_all(fd, 32, &text, NULL) < 0 || (text[strcspn(text, "\n")] = '\0', text_u64(text, INT32_MAX, &pid)) < 0 ||
	    kill((pid_t)pid, SIGTERM) < 0)
		return fail(1, "the engine at %s cannot be ended: %s", cli->socket, strerror(errno));
	for (int ms = 0; ms < STOP_MS; ms += STEP_MS) {
		if (!locked(fd))
			return 0;
		usleep(STEP_MS * 1000);
	}
	return fail(1, "the engine at %s does not end", cli->socket);
}

static int start(struct cli *cli, int argc, char **argv)
{
	int r;

	if (answers(cli->socket))
		return 0;
	r = engine_start(cli->socket);
	return r == -ENOENT ? fail(1, "%s is not your own engine's socket: root starts that one", cli->socket) : r < 0;
}

static const struct verb system_verbs[] = {
	{ "start", "", "Start your own engine", start },
	{ "stop", "", "End the engine; containers run on, and the next one finds them", stop },
	{ 0 },
};

int verb_system(struct cli *cli, int argc, char **argv)
{
	return verb_dispatch(cli, system_verbs, "system ", argc - 1, argv + 1);
}
