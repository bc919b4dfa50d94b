/* verb_audit.c - audit list|follow|verify|receipt|export: options in, functions of audit.h out. */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../../helpers/base/cleanup.h"
#include "audit.h"
#include "cli.h"

#define SYSTEM_AUDIT_DIR "/var/lib/postern/audit"

struct audit_options {
	const char *dir, *helper, *op, *container, *kind, *since, *until, *format;
	bool denied, json;
	long tail;
};

static const struct option_row rows[] = {
	{ "dir", 0, OPT_TEXT, offsetof(struct audit_options, dir), NULL, NULL,
	  "directory of the log (the engine's, unless given)" },
	{ "helper", 0, OPT_TEXT, offsetof(struct audit_options, helper), NULL, NULL,
	  "list, follow: only of this helper" },
	{ "op", 0, OPT_TEXT, offsetof(struct audit_options, op), NULL, NULL, "only this act: bind, mount.bind" },
	{ "container", 0, OPT_TEXT, offsetof(struct audit_options, container), NULL, NULL,
	  "only of this container (id)" },
	{ "kind", 0, OPT_TEXT, offsetof(struct audit_options, kind), NULL, NULL,
	  "intent, outcome, event, suppressed ..." },
	{ "since", 0, OPT_TEXT, offsetof(struct audit_options, since), NULL, NULL, "from a time on, or 10m" },
	{ "until", 0, OPT_TEXT, offsetof(struct audit_options, until), NULL, NULL, "up to a time" },
	{ "denied", 0, OPT_FLAG, offsetof(struct audit_options, denied), NULL, NULL, "only what was refused" },
	{ "tail", 'n', OPT_INT, offsetof(struct audit_options, tail), NULL, NULL, "only the last N" },
	{ "json", 0, OPT_FLAG, offsetof(struct audit_options, json), NULL, NULL, "records as they are" },
	{ "format", 0, OPT_TEXT, offsetof(struct audit_options, format), NULL, NULL, "export: json or ocsf" },
};

static int time_ns(const char *s, int64_t *ret)
{
	char seconds[64];

	if (!s)
		return 0;
	if (time_argument(s, seconds, sizeof(seconds)) < 0)
		return -1;
	*ret = strtoll(seconds, NULL, 10) * 1000000000;
	return 0;
}

/* The engine's log directory, in fresh memory. */
static char *find_dir(struct cli *cli, const char *given)
{
	cJSON *facts = given ? NULL : launcher_facts(cli);
	const char *dir = json_text_at(facts, "audit_dir");
	char *copy = strdup(given ? given : *dir ? dir : SYSTEM_AUDIT_DIR);

	cJSON_Delete(facts);
	return copy;
}

/* The whole id of a container that the engine still knows by this name; else the text itself: the log may know it. */
static char *find_container(struct cli *cli, const char *name)
{
	_cleanup_free_ char *path = api_path(API "/containers/%s/json", name);
	bool hex = strlen(name) >= 12 && name[strspn(name, "0123456789abcdef")] == '\0';
	char error[2048], *id;
	cJSON *c = NULL;

	if (hex || access(cli->socket, W_OK) < 0 || api_try(cli, "GET", path, NULL, &c, error, sizeof(error)) < 0)
		return strdup(name);
	id = strdup(*json_text_at(c, "Id") ? json_text_at(c, "Id") : name);
	cJSON_Delete(c);
	return id;
}

static int do_list(struct cli *cli, const struct audit_options *o, const char *dir, char **args)
{
	struct audit_filter f = { .helper = o->helper,
				  .op = o->op,
				  .container = o->container,
				  .kind = o->kind,
				  .denied = o->denied,
				  .tail = o->tail > 0 ? (uint64_t)o->tail : 0 };

	if (time_ns(o->since, &f.since_ns) < 0 || time_ns(o->until, &f.until_ns) < 0)
		return 2;
	return strcmp(args[0], "follow") == 0 ? audit_follow(dir, &f, stdout, o->json)
					      : audit_list(dir, &f, stdout, o->json);
}

static int do_verify(struct cli *cli, const struct audit_options *o, const char *dir, char **args)
{
	return audit_verify(dir, stdout);
}

static int do_export(struct cli *cli, const struct audit_options *o, const char *dir, char **args)
{
	const char *format = args[1] ? args[1] : o->format ? o->format : "json";

	if (strcmp(format, "json") != 0 && strcmp(format, "ocsf") != 0)
		return fail(2, "the format is json or ocsf, not '%s'", format);
	return audit_export(dir, format, stdout);
}

static int do_receipt(struct cli *cli, const struct audit_options *o, const char *dir, char **args)
{
	/* Another engine's log is not asked about names of this one. */
	_cleanup_free_ char *id = o->dir ? strdup(args[1]) : find_container(cli, args[1]);

	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): its cleanup attribute frees it */
	return id ? audit_receipt(dir, id, stdout) : 2;
}

static const struct {
	const char *name, *usage;
	int least, most; /* arguments */
	int (*run)(struct cli *cli, const struct audit_options *o, const char *dir, char **args);
} acts[] = {
	{ "list",
	  "audit list [--helper H] [--op OP] [--container ID] [--kind K] [--denied] [--since T] [--until T] [--tail N] "
	  "[--json]",
	  0, 0, do_list },
	{ "follow", "audit follow [options of list]", 0, 0, do_list },
	{ "verify", "audit verify", 0, 0, do_verify },
	{ "receipt", "audit receipt CONTAINER", 1, 1, do_receipt },
	{ "export", "audit export [json|ocsf]", 0, 1, do_export },
};

int verb_audit(struct cli *cli, int argc, char **argv)
{
	struct audit_options o = { 0 };
	_cleanup_free_ char *dir = NULL;
	int n, r;

	r = OPTIONS(rows, &o, false, argc, argv, &n);
	if (r)
		return r < 0 ? 2 : 0;
	for (size_t i = 0; n > 0 && i < ARRAY_SIZE(acts); i++) {
		if (strcmp(acts[i].name, argv[1]) != 0)
			continue;
		if (n - 1 < acts[i].least || n - 1 > acts[i].most) {
			usage(acts[i].usage);
			return 2;
		}
		argv[n + 1] = NULL;
		dir = find_dir(cli, o.dir);
		return dir ? acts[i].run(cli, &o, dir, argv + 1) : 2;
	}
	for (size_t i = 0; i < ARRAY_SIZE(acts); i++)
		usage(acts[i].usage);
	return 2;
}
