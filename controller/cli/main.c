/* main.c - postern, the command line: where the engine's socket is. The verbs are in verbs.c. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../helpers/base/cleanup.h"
#include "cli.h"

static const char *default_socket(void)
{
	static char path[256];
	const char *env = getenv("POSTERN_SOCKET");
	char run[200];

	if (env && *env)
		return env;
	if (geteuid() != 0 && engine_user_run(run, sizeof(run)) == 0) {
		snprintf(path, sizeof(path), "%s/postern.sock", run);
		if (access(path, F_OK) == 0 || access(SYSTEM_SOCKET, F_OK) != 0)
			return path;
	}
	return SYSTEM_SOCKET;
}

int main(int argc, char **argv)
{
	static const struct option_row rows[] = {
		{ .name = "socket", .letter = 'H', .kind = OPT_TEXT, .offset = 0, .text = "the engine's socket" },
		{ .name = "host", .kind = OPT_TEXT, .offset = 0, .text = "the same" },
	};
	const char *socket = NULL;
	int first = 1, n;

	/* Only what stands before the verb is ours. */
	while (first < argc && argv[first][0] == '-' && strcmp(argv[first], "--help") != 0 &&
	       strcmp(argv[first], "-h") != 0) {
		bool joined = strchr(argv[first], '=') || (argv[first][1] != '-' && argv[first][2]);

		if (strcmp(argv[first], "--version") == 0 || strcmp(argv[first], "-v") == 0) {
			printf("postern, API %s\n", API + 2);
			return 0;
		}
		first += joined ? 1 : 2;
	}
	if (first > argc)
		first = argc;
	if (OPTIONS(rows, &socket, false, first, argv, &n) != 0)
		return 1;
	if (socket && strncmp(socket, "unix://", 7) == 0)
		socket += 7;
	struct cli cli = { socket ? socket : default_socket(), -EBADF };

	if (strncmp(cli.socket, "unix://", 7) == 0)
		cli.socket += 7;
	if (first < argc && strcmp(argv[first], "__man") == 0)
		n = man_page(&cli);
	else if (first < argc && strcmp(argv[first], "__complete") == 0)
		n = complete(&cli, argc - first - 1, argv + first + 1);
	else
		n = verb_dispatch(&cli, verbs, "", argc - first, argv + first);
	if (fflush(stdout) != 0 || ferror(stdout))
		return n ? n : 1;
	return n;
}
