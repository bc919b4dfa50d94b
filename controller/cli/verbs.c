/* verbs.c - every command of `postern`, as tables: what is run, what is shown by --help, what shells complete. */
#include <stdlib.h>
#include <string.h>

#include "../../helpers/base/cleanup.h"
#include "cli.h"

static int inspect_type(struct cli *cli, const char *type, int argc, char **argv)
{
	char *args[TEXTS_MAX] = { argv[0], "--type", (char *)type };

	if (argc + 2 >= TEXTS_MAX)
		return fail(1, "too many names at once");
	if (argc == 2 && strncmp(argv[1], "--__", 4) == 0) /* what its flags are */
		return verb_inspect(cli, argc, argv);
	memcpy(args + 3, argv + 1, (size_t)(argc - 1) * sizeof(*args));
	return verb_inspect(cli, argc + 2, args);
}

static int container_inspect(struct cli *cli, int argc, char **argv)
{
	return inspect_type(cli, "container", argc, argv);
}

static int image_inspect(struct cli *cli, int argc, char **argv)
{
	return inspect_type(cli, "image", argc, argv);
}

static int volume_inspect(struct cli *cli, int argc, char **argv)
{
	return inspect_type(cli, "volume", argc, argv);
}

/* clang-format off */
#define RUN { "run", "[OPTIONS] IMAGE [COMMAND] [ARG...]", "Create and start a container", verb_run, NULL }
#define CREATE { "create", "[OPTIONS] IMAGE [COMMAND] [ARG...]", "Create a container", verb_create, NULL }
#define START { "start", "[-a] [-i] CONTAINER...", "Start containers", verb_start, NULL }
#define STOP { "stop", "[-t SECONDS] [-s SIGNAL] CONTAINER...", "Stop containers", verb_stop, NULL }
#define RESTART { "restart", "[-t SECONDS] [-s SIGNAL] CONTAINER...", "Stop and start containers", verb_restart, \
		  NULL }
#define KILL { "kill", "[-s SIGNAL] CONTAINER...", "Signal containers", verb_kill, NULL }
#define PAUSE { "pause", "CONTAINER...", "Freeze all processes of containers", verb_pause, NULL }
#define UNPAUSE { "unpause", "CONTAINER...", "Let frozen containers go on", verb_unpause, NULL }
#define WAIT { "wait", "CONTAINER...", "Wait until containers end; print their exit codes", verb_wait, NULL }
#define ATTACH { "attach", "[OPTIONS] CONTAINER", "Connect the terminal to a running container", verb_attach, NULL }
#define LOGS { "logs", "[OPTIONS] CONTAINER", "Show the output of a container", verb_logs, NULL }
#define PORT { "port", "CONTAINER [PORT[/PROTOCOL]]", "Show where ports of a container are published", \
	       verb_port, NULL }
#define TOP { "top", "CONTAINER [ARGUMENTS OF ps]", "Show the processes of a container", verb_top, NULL }
#define RENAME { "rename", "CONTAINER NAME", "Give a container another name", verb_rename, NULL }
#define RM(name) { name, "[-f] [-v] CONTAINER...", "Remove containers", verb_rm, NULL }
#define PS(name) { name, "[OPTIONS]", "List containers", verb_ps, NULL }
#define EXPORT { "export", "[-o FILE] CONTAINER", "Write a container's file system as a tar archive", verb_export, \
		 NULL }
#define IMAGES(name) { name, "[OPTIONS] [IMAGE]", "List images", verb_images, NULL }
#define LOAD { "load", "[-q] [-i FILE]", "Load images from an archive", verb_load, NULL }
#define SAVE { "save", "[-o FILE] IMAGE...", "Write images as an archive", verb_save, NULL }
#define IMPORT { "import", "[-m TEXT] [-c CHANGE] FILE|- [IMAGE]", "Make an image of a file system archive", \
		 verb_import, NULL }
#define HISTORY { "history", "[OPTIONS] IMAGE", "Show the layers of an image", verb_history, NULL }
#define TAG { "tag", "IMAGE NAME[:TAG]", "Give an image another name", verb_tag, NULL }
#define RMI(name) { name, "[-f] IMAGE...", "Remove images", verb_rmi, NULL }
#define INFO { "info", "[--format F]", "Show the engine and what this host lets it do", verb_info, NULL }
#define EVENTS { "events", "[OPTIONS]", "Show what happens", verb_events, NULL }

static const struct verb container_verbs[] = {
	ATTACH, CREATE, EXPORT,
	{ "inspect", "[OPTIONS] CONTAINER...", "Show all about containers", container_inspect, NULL },
	KILL, LOGS, PS("ls"), PS("list"), PS("ps"), PAUSE, PORT,
	{ "prune", "[-f] [--filter F]", "Remove all stopped containers", container_prune, NULL },
	RENAME, RESTART, RM("rm"), RM("remove"), RUN, START, STOP, TOP, UNPAUSE, WAIT,
	{ 0 },
};

static const struct verb image_verbs[] = {
	HISTORY, IMPORT,
	{ "inspect", "[OPTIONS] IMAGE...", "Show all about images", image_inspect, NULL },
	LOAD, IMAGES("ls"), IMAGES("list"),
	{ "prune", "[-a] [-f] [--filter F]", "Remove images that are not used", image_prune, NULL },
	RMI("rm"), RMI("remove"), SAVE, TAG,
	{ 0 },
};

static const struct verb network_verbs[] = {
	{ "connect", "[OPTIONS] NETWORK CONTAINER", "Put a container into a network", network_connect, NULL },
	{ "create", "[OPTIONS] NAME", "Make a network", network_create, NULL },
	{ "disconnect", "[OPTIONS] NETWORK CONTAINER", "Take a container out of a network", network_disconnect, NULL },
	{ "inspect", "[OPTIONS] NETWORK...", "Show all about networks, or a picture", network_inspect, NULL },
	{ "ls", "[OPTIONS]", "List networks", network_ls, NULL },
	{ "list", "[OPTIONS]", "List networks", network_ls, NULL },
	{ "picture", "[OPTIONS] [NETWORK...]", "Draw who is connected to what: text, DOT or SVG", network_picture,
	  NULL },
	{ "prune", "[-f] [--filter F]", "Remove networks that are not used", network_prune, NULL },
	{ "rm", "[-f] NETWORK...", "Remove networks", network_rm, NULL },
	{ "remove", "[-f] NETWORK...", "Remove networks", network_rm, NULL },
	{ 0 },
};

static const struct verb volume_verbs[] = {
	{ "create", "[OPTIONS] [NAME]", "Make a volume", volume_create, NULL },
	{ "inspect", "[OPTIONS] VOLUME...", "Show all about volumes", volume_inspect, NULL },
	{ "ls", "[OPTIONS]", "List volumes", volume_ls, NULL },
	{ "list", "[OPTIONS]", "List volumes", volume_ls, NULL },
	{ "prune", "[-a] [-f] [--filter F]", "Remove volumes that are not used", volume_prune, NULL },
	{ "rm", "[-f] VOLUME...", "Remove volumes", volume_rm, NULL },
	{ "remove", "[-f] VOLUME...", "Remove volumes", volume_rm, NULL },
	{ 0 },
};

static const struct verb system_verbs[] = {
	{ "df", "[--format F] [-v]", "Show what images, containers and volumes take on the disk", system_df, NULL },
	{ "dial-stdio", "", "Join standard input and output to the engine's socket (what DOCKER_HOST=ssh:// runs)",
	  system_dial_stdio, NULL },
	EVENTS, INFO,
	{ "prune", "[-a] [-f] [--volumes] [--filter F]", "Remove what is not used", system_prune, NULL },
	{ "start", "", "Start your own engine", system_start, NULL },
	{ "stop", "", "End the engine; containers run on, and the next one finds them", system_stop, NULL },
	{ "unit", "", "Print a systemd user unit for your own engine", system_unit, NULL },
	{ 0 },
};

const struct verb verbs[] = {
	RUN, CREATE, START, STOP, RESTART, KILL, PAUSE, UNPAUSE, WAIT, ATTACH, LOGS, TOP, PORT, PS("ps"), RENAME,
	RM("rm"), EXPORT,
	IMAGES("images"), LOAD, SAVE, IMPORT, HISTORY, TAG, RMI("rmi"),
	{ "inspect", "[OPTIONS] NAME...", "Show all about containers, images, networks, volumes", verb_inspect,
	  NULL },
	EVENTS, INFO,
	{ "version", "[--format F]", "Show versions", verb_version, NULL },
	{ "container", "COMMAND", "Manage containers", NULL, container_verbs },
	{ "image", "COMMAND", "Manage images", NULL, image_verbs },
	{ "network", "COMMAND", "Manage networks", NULL, network_verbs },
	{ "volume", "COMMAND", "Manage volumes", NULL, volume_verbs },
	{ "system", "COMMAND", "The engine as a whole; an engine of your own", NULL, system_verbs },
	{ "doctor", "[--format json]",
	  "Say what this host lacks for an engine of yours, and what root would do about it", verb_doctor, NULL },
	{ "helpers", "[--wide] [--json]", "Show every process of the engine and what it may do, from the kernel",
	  verb_helpers, NULL },
	{ "audit", "list|follow|verify|receipt|export ...", "Read and check the audit log", verb_audit, NULL },
	{ "policy", "check|explain [FILE] [QUESTION...]", "Check the policy; ask what it allows", verb_policy, NULL },
	{ "protocol", "[--json|--man]", "Reference of every act that helpers can be asked for", verb_protocol, NULL },
	{ "completion", "bash|zsh|fish", "Print the completion of a shell", verb_completion, NULL },
	{ 0 },
};

/* clang-format on */

/* What Docker's command line has beside these. */
#define NOT_YET "is not available in this version"
#define NO_REGISTRY NOT_YET ": there is no registry client, use 'load' and 'save'"
#define ONE_HOST "is not available: this engine is of one host"
static const struct {
	const char *name, *text;
} absent[] = {
	{ "exec", NOT_YET },
	{ "stats", NOT_YET },
	{ "update", NOT_YET },
	{ "diff", NOT_YET },
	{ "cp", NOT_YET ": bind a directory, or use 'export'" },
	{ "commit", NOT_YET ": use 'export' and 'import'" },
	{ "pull", NO_REGISTRY },
	{ "push", NO_REGISTRY },
	{ "search", NO_REGISTRY },
	{ "login", NO_REGISTRY },
	{ "logout", NO_REGISTRY },
	{ "manifest", NO_REGISTRY },
	{ "trust", NO_REGISTRY },
	{ "build", "is not available: build with another tool and 'load' the archive" },
	{ "builder", "is not available: build with another tool and 'load' the archive" },
	{ "buildx", "is not available: build with another tool and 'load' the archive" },
	{ "compose", "is a program of its own: docker-compose works with DOCKER_HOST" },
	{ "context", "is not available: -H SOCKET or POSTERN_SOCKET names another engine" },
	{ "swarm", ONE_HOST },
	{ "service", ONE_HOST },
	{ "stack", ONE_HOST },
	{ "node", ONE_HOST },
	{ "secret", ONE_HOST },
	{ "config", ONE_HOST },
	{ "plugin", "is not available in this engine" },
	{ "checkpoint", "is not available in this engine" },
};

static const char *why_absent(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(absent); i++)
		if (strcmp(absent[i].name, name) == 0)
			return absent[i].text;
	return NULL;
}

/* --- finding one ------------------------------------------------------------------------------------------ */
const struct verb *verb_find(const struct verb *table, const char *name)
{
	for (const struct verb *v = table; v->name; v++)
		if (strcmp(v->name, name) == 0)
			return v;
	return NULL;
}

static const char *verb_name(const void *data, size_t i)
{
	return ((const struct verb *)data)[i].name;
}

static void show_verbs(FILE *out, const struct verb *table, const char *group)
{
	fprintf(out, "Usage: postern [-H SOCKET] %s%s\n\n", group, *group ? "COMMAND" : "COMMAND [OPTIONS] [ARG...]");
	for (const struct verb *v = table; v->name; v++)
		fprintf(out, "  %s%-*s %s\n", group, *group ? 10 : 11, v->name, v->text);
	if (!*group)
		fprintf(out, "\n  -H, --host SOCKET  the engine's socket (POSTERN_SOCKET)\n"
			     "Run 'postern COMMAND --help' for more information on a command.\n");
}

static bool is_help(const char *word)
{
	return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0;
}

int verb_dispatch(struct cli *cli, const struct verb *table, const char *group, int argc, char **argv)
{
	const struct verb *v;
	const char *near;
	char inner[64];

	if (argc < 1 || is_help(argv[0])) {
		show_verbs(argc < 1 ? stderr : stdout, table, group);
		return argc < 1;
	}
	v = verb_find(table, argv[0]);
	if (!v && why_absent(argv[0]))
		return fail(1, "'%s%s' %s.", group, argv[0], why_absent(argv[0]));
	if (!v) {
		near = word_nearest(argv[0], verb_name, table);
		fail(1, "'%s%s' is not a postern command.", group, argv[0]);
		if (near)
			fprintf(stderr, "Did you mean '%s%s'?\n", group, near);
		fprintf(stderr, "See 'postern %s--help'\n", group);
		return 1;
	}
	snprintf(inner, sizeof(inner), "%s%s ", group, v->name);
	if (v->sub)
		return verb_dispatch(cli, v->sub, inner, argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "--help") == 0)
		printf("Usage: postern %s%s\n\n%s\n\n", inner, v->usage, v->text);
	/* One that takes nothing must not act on a word that it does not look at. */
	if (!v->usage[0] && argc > 1)
		return is_help(argv[1]) ? 0 : usage_of(argv[0], v->usage, argc - 1);
	return v->run(cli, argc, argv);
}
