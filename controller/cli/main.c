/* main.c - postern, the command line: the table of verbs and where the engine's socket is. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../helpers/base/cleanup.h"
#include "cli.h"

const struct verb verbs[] = {
	{ "run", "[OPTIONS] IMAGE [COMMAND] [ARG...]", "Create and start a container", verb_run },
	{ "create", "[OPTIONS] IMAGE [COMMAND] [ARG...]", "Create a container", verb_create },
	{ "start", "[-a] [-i] CONTAINER...", "Start containers", verb_start },
	{ "attach", "[OPTIONS] CONTAINER", "Connect the terminal to a running container", verb_attach },
	{ "ps", "[-a] [-q] [--no-trunc] [--format F] [--filter F]", "List containers", verb_ps },
	{ "logs", "[-f] [-t] [--tail N] [--since T] CONTAINER", "Show the output of a container", verb_logs },
	{ "stop", "[-t SECONDS] [-s SIGNAL] CONTAINER...", "Stop containers", verb_stop },
	{ "kill", "[-s SIGNAL] CONTAINER...", "Signal containers", verb_kill },
	{ "wait", "CONTAINER...", "Wait until containers end; print their exit codes", verb_wait },
	{ "rm", "[-f] [-v] CONTAINER...", "Remove containers", verb_rm },
	{ "inspect", "[--format F] [--type T] NAME...", "Show all about containers, images, volumes", verb_inspect },
	{ "events", "[--since T] [--until T] [--filter F] [--format F]", "Show what happens", verb_events },
	{ "images", "[-q] [--no-trunc] [--format F] [NAME]", "List images", verb_images },
	{ "load", "[-q] [-i FILE]", "Load images from an archive", verb_load },
	{ "import", "[-m TEXT] [-c CHANGE] FILE|- [NAME[:TAG]]", "Make an image of a file system archive",
	  verb_import },
	{ "tag", "IMAGE NAME[:TAG]", "Give an image another name", verb_tag },
	{ "rmi", "[-f] IMAGE...", "Remove images", verb_rmi },
	{ "volume", "ls|create|rm|inspect ...", "Manage volumes", verb_volume },
	{ "system", "start|stop|unit|dial-stdio", "Start or end your own engine; print a systemd unit for it; join a client to it",
	  verb_system },
	{ "doctor", "", "Say what hinders an ordinary user's engine here, and what root would do about it", verb_doctor },
	{ "info", "[--format F]", "Show the engine and what this host lets it do", verb_info },
	{ "version", "[--format F]", "Show versions", verb_version },
	{ "helpers", "[--wide] [--json]", "Show every process of the engine and what it may do, from the kernel",
	  verb_helpers },
	{ "audit", "list|follow|verify|receipt|export ...", "Read and check the audit log", verb_audit },
	{ "policy", "check|explain [FILE] [QUESTION...]", "Check the policy; ask what it allows", verb_policy },
	{ "protocol", "[--json]", "Reference of every act that helpers can be asked for", verb_protocol },
	{ 0 },
};

static void show_verbs(FILE *out, const struct verb *table, const char *group)
{
	fprintf(out, "Usage: postern [-H SOCKET] %s%s\n\n", group, *group ? "COMMAND" : "VERB [OPTIONS] [ARG...]");
	for (const struct verb *v = table; v->name; v++)
		fprintf(out, "  %s%-10s %s\n", group, v->name, v->text);
	if (!*group)
		fprintf(out, "\n  -H, --socket SOCKET  the engine's socket (POSTERN_SOCKET)\n'postern VERB --help' "
			     "tells more.\n");
}

int verb_dispatch(struct cli *cli, const struct verb *table, const char *group, int argc, char **argv)
{
	if (argc < 1 || strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0 || strcmp(argv[0], "help") == 0) {
		show_verbs(argc < 1 ? stderr : stdout, table, group);
		return argc < 1;
	}
	for (const struct verb *v = table; v->name; v++) {
		if (strcmp(v->name, argv[0]) != 0)
			continue;
		if (argc > 1 && strcmp(argv[1], "--help") == 0)
			printf("Usage: postern %s%s %s\n%s\n\n", group, v->name, v->usage, v->text);
		return v->run(cli, argc, argv);
	}
	return fail(1, "'%s%s' is no command; see 'postern --help'", group, argv[0]);
}

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
	struct cli cli = { socket ? socket : default_socket() };

	if (strncmp(cli.socket, "unix://", 7) == 0)
		cli.socket += 7;
	n = verb_dispatch(&cli, verbs, "", argc - first, argv + first);
	if (fflush(stdout) != 0 || ferror(stdout))
		return n ? n : 1;
	return n;
}
