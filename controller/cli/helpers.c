/* helpers.c - every process of the engine and what the kernel lets it do.
 *
 * The launcher's list (helpers.json beside the socket) only says which process is which; uid, capabilities, namespaces,
 * seccomp and cgroup are read from /proc at the moment of asking (proc(5)). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../helpers/base/caps.h"
#include "../../helpers/base/cleanup.h"
#include "cli.h"

enum { FACTS_MAX = 1 << 20, INIT_USERNS = 0xeffffffdu /* PROC_USER_INIT_INO */ };

cJSON *launcher_facts(const struct cli *cli)
{
	const char *slash = strrchr(cli->socket, '/');
	_cleanup_free_ char *path = NULL, *text = malloc(FACTS_MAX);
	size_t n;
	FILE *f;

	if (!text || asprintf(&path, "%.*s/helpers.json", slash ? (int)(slash - cli->socket) : 1, slash ? cli->socket : ".") < 0)
		return NULL;
	f = fopen(path, "re");
	if (!f)
		return NULL;
	n = fread(text, 1, FACTS_MAX - 1, f);
	fclose(f);
	text[n] = '\0';
	return cJSON_Parse(text);
}

/* Value of a "Name:\tvalue" line of /proc/PID/status, "" when it is not there. */
static const char *status_line(const char *status, const char *name, char *out, size_t size)
{
	size_t n = strlen(name);

	*out = '\0';
	for (const char *p = status; p && *p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL) {
		if (strncmp(p, name, n) != 0 || p[n] != ':')
			continue;
		p += n + 1 + strspn(p + n + 1, "\t ");
		snprintf(out, size, "%.*s", (int)strcspn(p, "\n"), p);
		break;
	}
	return out;
}

static bool read_proc(int pid, const char *name, char *out, size_t size)
{
	char path[64];
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	f = fopen(path, "re");
	if (!f)
		return false;
	n = fread(out, 1, size - 1, f);
	fclose(f);
	out[n] = '\0';
	return n > 0;
}

/* "CHOWN KILL", "none", "all", "all but SYS_RESOURCE"; "-" when it is not known. */
static void add_caps(cJSON *row, const char *key, const char *hex)
{
	uint64_t mask = strtoull(hex, NULL, 16);
	unsigned known = 0, held = 0;
	char text[1024] = "";
	bool most;

	for (; capability_name(known); known++)
		held += mask >> known & 1;
	most = held > known / 2;
	snprintf(text, sizeof(text), "%s", !*hex ? "-" : held == 0 ? "none" : held == known ? "all" : most ? "all but" : "");
	for (unsigned i = 0; held && held < known && i < known; i++) {
		size_t n = strlen(text);

		if ((mask >> i & 1) != most)
			snprintf(text + n, sizeof(text) - n, "%s%s", n ? " " : "", capability_name(i));
	}
	cJSON_AddStringToObject(row, key, text);
}

/* "init", the inode of another user namespace, or "-" when we may not look. */
static void add_userns(cJSON *row, int pid)
{
	char path[64], link[64] = "";
	ssize_t n;
	unsigned long inode;

	snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
	n = readlink(path, link, sizeof(link) - 1);
	link[n > 0 ? n : 0] = '\0';
	if (sscanf(link, "user:[%lu]", &inode) != 1)
		snprintf(link, sizeof(link), "-");
	else if (inode == INIT_USERNS)
		snprintf(link, sizeof(link), "init");
	else
		snprintf(link, sizeof(link), "%lu", inode);
	cJSON_AddStringToObject(row, "UserNamespace", link);
}

static void add_cgroup(cJSON *row, int pid)
{
	char text[4096], *line, *rest = text;

	if (!read_proc(pid, "cgroup", text, sizeof(text)))
		text[0] = '\0';
	while ((line = strsep(&rest, "\n")) && strncmp(line, "0::", 3) != 0)
		;
	cJSON_AddStringToObject(row, "Cgroup", line ? line + 3 : "-");
}

static void add_facts(cJSON *row, int pid)
{
	static const struct {
		const char *line, *key;
	} sets[] = { { "CapEff", "Effective" }, { "CapPrm", "Permitted" }, { "CapBnd", "Bounding" } };
	static const char *const modes[] = { "off", "strict", "filter" };
	char status[8192], value[256];
	unsigned uid = 0, euid = 0;

	if (!read_proc(pid, "status", status, sizeof(status))) {
		cJSON_AddStringToObject(row, "Uid", "gone");
		return;
	}
	sscanf(status_line(status, "Uid", value, sizeof(value)), "%u %u", &uid, &euid);
	if (uid == euid)
		snprintf(value, sizeof(value), "%u", uid);
	else
		snprintf(value, sizeof(value), "%u (effective %u)", uid, euid);
	cJSON_AddStringToObject(row, "Uid", value);
	for (size_t i = 0; i < ARRAY_SIZE(sets); i++)
		add_caps(row, sets[i].key, status_line(status, sets[i].line, value, sizeof(value)));
	add_userns(row, pid);
	status_line(status, "NoNewPrivs", value, sizeof(value));
	cJSON_AddStringToObject(row, "NoNewPrivs", *value == '1' ? "yes" : *value == '0' ? "no" : "-");
	status_line(status, "Seccomp", value, sizeof(value));
	cJSON_AddStringToObject(row, "Seccomp", *value >= '0' && *value <= '2' && !value[1] ? modes[*value - '0'] : "-");
	add_cgroup(row, pid);
}

static cJSON *helper_row(const cJSON *h)
{
	const cJSON *landlock = json_at(h, "landlock");
	int pid = (int)json_number_at(h, "pid");
	cJSON *row = cJSON_CreateObject();
	char text[32];

	cJSON_AddStringToObject(row, "Name", json_text_at(h, "name"));
	snprintf(text, sizeof(text), pid > 0 ? "%d" : "-", pid);
	cJSON_AddStringToObject(row, "Pid", text);
	if (pid > 0)
		add_facts(row, pid);
	/* Not to be seen in /proc. */
	cJSON_AddStringToObject(row, "Landlock", cJSON_IsString(landlock) ? landlock->valuestring :
				cJSON_IsBool(landlock) ? (cJSON_IsTrue(landlock) ? "yes" : "no") : "-");
	snprintf(text, sizeof(text), "%d", (int)json_number_at(h, "restarts"));
	cJSON_AddStringToObject(row, "Restarts", text);
	return row;
}

static const struct column columns[] = {
	{ "NAME", "Name" }, { "PID", "Pid" }, { "UID", "Uid" }, { "USERNS", "UserNamespace" }, { "NNP", "NoNewPrivs" },
	{ "SECCOMP", "Seccomp" }, { "LANDLOCK", "Landlock" }, { "RESTARTS", "Restarts" }, { "CGROUP", "Cgroup" },
	{ "EFFECTIVE", "Effective" }, { "PERMITTED", "Permitted" }, { "BOUNDING", "Bounding" },
};

/* For the eye: a set that is the one before it is not written out again. */
static void shorten(cJSON *row)
{
	bool permitted = strcmp(json_text_at(row, "Permitted"), json_text_at(row, "Effective")) == 0;

	if (!*json_text_at(row, "Effective"))
		return;
	if (strcmp(json_text_at(row, "Bounding"), json_text_at(row, "Permitted")) == 0)
		cJSON_ReplaceItemInObjectCaseSensitive(row, "Bounding", cJSON_CreateString("same"));
	if (permitted)
		cJSON_ReplaceItemInObjectCaseSensitive(row, "Permitted", cJSON_CreateString("same"));
}

struct helpers_options {
	bool json;
	const char *format;
};

int verb_helpers(struct cli *cli, int argc, char **argv)
{
	static const struct option_row rows[] = {
		{ "json", 0, OPT_FLAG, offsetof(struct helpers_options, json), NULL, NULL, "as JSON" },
		{ "format", 0, OPT_TEXT, offsetof(struct helpers_options, format), NULL, NULL, "template, table TEMPLATE, or json" },
	};
	struct helpers_options o = { 0 };
	cJSON *facts, *list, *row;
	const cJSON *h, *known;
	int n, r;

	r = OPTIONS(rows, &o, false, argc, argv, &n);
	if (r)
		return r < 0;
	facts = launcher_facts(cli);
	if (!facts)
		return fail(1, "no helpers.json beside %s: no engine runs there, or its directory is closed to you", cli->socket);
	known = json_at(facts, "helpers");
	list = cJSON_CreateArray();
	cJSON_ArrayForEach(h, known)
		cJSON_AddItemToArray(list, helper_row(h));
	if (o.json) {
		json_print(stdout, list, 0);
	} else {
		if (!o.format)
			cJSON_ArrayForEach(row, list)
				shorten(row);
		r = table_print(list, columns, ARRAY_SIZE(columns), o.format, true);
	}
	cJSON_Delete(list);
	cJSON_Delete(facts);
	return r;
}
