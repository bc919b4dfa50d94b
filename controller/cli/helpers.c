/* helpers.c - every process of the engine and what the kernel lets it do.
 *
 * The launcher's list (helpers.json beside the socket) only says which process is which and what its user namespace is
 * for; uid, capabilities, namespaces, seccomp and cgroup are read from /proc at the moment of asking (proc(5)). Rows
 * hold everything as --json shows it; what the table shows is made of them at the end. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../helpers/shared/caps.h"
#include "../../helpers/base/cleanup.h"
#include "../../helpers/base/fd.h"
#include "../../helpers/base/text.h"
#include "cli.h"

enum { FACTS_MAX = 1 << 20, INIT_USERNS = 0xeffffffdu /* PROC_USER_INIT_INO */, CAPS_WIDTH = 30 };

cJSON *launcher_facts(const struct cli *cli)
{
	const char *slash = strrchr(cli->socket, '/');
	_cleanup_free_ char *text = NULL;
	_cleanup_close_ int fd = -EBADF;
	char path[4096];
	size_t n;

	if (text_format(path, sizeof(path), "%.*s/helpers.json", slash ? (int)(slash - cli->socket) : 1,
			slash ? cli->socket : ".") < 0)
		return NULL;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fd_read_all(fd, FACTS_MAX, &text, &n) < 0)
		return NULL;
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
static void caps_text(char *text, size_t size, const char *hex)
{
	uint64_t mask = strtoull(hex, NULL, 16);
	unsigned known = 0, held = 0;
	bool most;

	for (; capability_name(known); known++)
		held += mask >> known & 1;
	most = held > known / 2;
	snprintf(text, size, "%s", !*hex ? "-" : held == 0 ? "none" : held == known ? "all" : most ? "all but" : "");
	for (unsigned i = 0; held && held < known && i < known; i++) {
		size_t n = strlen(text);

		if ((mask >> i & 1) != most)
			snprintf(text + n, size - n, "%s%s", n ? " " : "", capability_name(i));
	}
}

/* Three sets, and in Raisable what is permitted beyond the effective one. */
static void add_caps(cJSON *row, const char *status)
{
	static const struct {
		const char *line, *key;
	} sets[] = { { "CapEff", "Effective" }, { "CapPrm", "Permitted" }, { "CapBnd", "Bounding" } };
	char hex[ARRAY_SIZE(sets)][64], text[1024];
	uint64_t raisable;

	for (size_t i = 0; i < ARRAY_SIZE(sets); i++) {
		status_line(status, sets[i].line, hex[i], sizeof(hex[i]));
		caps_text(text, sizeof(text), hex[i]);
		cJSON_AddStringToObject(row, sets[i].key, text);
	}
	raisable = strtoull(hex[1], NULL, 16) & ~strtoull(hex[0], NULL, 16);
	snprintf(hex[0], sizeof(hex[0]), "%llx", (unsigned long long)raisable);
	caps_text(text, sizeof(text), hex[0]);
	cJSON_AddStringToObject(row, "Raisable", text);
}

/* "init", "own (range)", "own (store)", "own", or "-" when we may not look. Whose it is tells the launcher; that it is
 * not the host's tells the kernel. */
static void add_userns(cJSON *row, int pid, const char *launchers)
{
	bool named = strcmp(launchers, "range") == 0 || strcmp(launchers, "store") == 0;
	char path[64], link[64] = "";
	unsigned long inode = 0;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
	n = readlink(path, link, sizeof(link) - 1);
	link[n > 0 ? n : 0] = '\0';
	if (sscanf(link, "user:[%lu]", &inode) != 1)
		snprintf(link, sizeof(link), "-");
	else if (inode == INIT_USERNS)
		snprintf(link, sizeof(link), "init");
	else
		snprintf(link, sizeof(link), named ? "own (%s)" : "own", launchers);
	cJSON_AddStringToObject(row, "UserNamespace", link);
	cJSON_AddNumberToObject(row, "UserNamespaceInode", (double)inode);
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

static void add_facts(cJSON *row, int pid, const char *userns)
{
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
		snprintf(value, sizeof(value), "%u, eff. %u", uid, euid);
	cJSON_AddStringToObject(row, "Uid", value);
	add_caps(row, status);
	add_userns(row, pid, userns);
	status_line(status, "NoNewPrivs", value, sizeof(value));
	cJSON_AddStringToObject(row, "NoNewPrivs", *value == '1' ? "yes" : *value == '0' ? "no" : "-");
	status_line(status, "Seccomp", value, sizeof(value));
	cJSON_AddStringToObject(row, "Seccomp",
				*value >= '0' && *value <= '2' && !value[1] ? modes[*value - '0'] : "-");
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
		add_facts(row, pid, json_text_at(h, "row_userns"));
	/* Not to be seen in /proc. */
	cJSON_AddStringToObject(row, "Landlock", cJSON_IsString(landlock) ? landlock->valuestring :
				cJSON_IsBool(landlock) ? (cJSON_IsTrue(landlock) ? "yes" : "no") : "-");
	snprintf(text, sizeof(text), "%d", (int)json_number_at(h, "restarts"));
	cJSON_AddStringToObject(row, "Restarts", text);
	return row;
}

static const struct column columns[] = {
	{ "NAME", "Name" },
	{ "PID", "Pid" },
	{ "UID", "Uid" },
	{ "CAPS", "Caps" },
	{ "USERNS", "UserNamespace" },
	{ "NNP", "NoNewPrivs" },
	{ "SECCOMP", "Seccomp" },
	{ "LANDLOCK", "Landlock" },
	{ "RESTARTS", "Restarts" },
	{ "CGROUP", "Cgroup" },
	{ "PERMITTED", "Permitted" },
	{ "BOUNDING", "Bounding" },
};
enum { COLUMNS_WIDE = 2 }; /* so many at the end only with --wide */

static void set_text(cJSON *row, const char *key, const char *value)
{
	cJSON_DeleteItemFromObjectCaseSensitive(row, key);
	cJSON_AddStringToObject(row, key, value);
}

/* "SETGID SETUID (in range)": effective capabilities, where they hold, and what is permitted beyond them. */
static void add_caps_cell(cJSON *row)
{
	const char *userns = json_text_at(row, "UserNamespace"), *caps = json_text_at(row, "Effective");
	const char *raisable = json_text_at(row, "Raisable");
	char text[2048], where[64] = "";

	if (strcmp(userns, "own") == 0)
		snprintf(where, sizeof(where), " (in own)");
	else if (strncmp(userns, "own (", 5) == 0)
		snprintf(where, sizeof(where), " (in %s", userns + 5);
	if (strcmp(raisable, "none") == 0 || !*raisable)
		snprintf(text, sizeof(text), "%s%s", caps, strcmp(caps, "none") == 0 ? "" : where);
	else
		snprintf(text, sizeof(text), "%s, may raise %s%s", caps, raisable, where);
	cJSON_AddStringToObject(row, "Caps", text);
}

/* For the eye: a set that is the one before it is not written out again, cgroups are the engine's. */
static void shorten(cJSON *row, const char *cgroup)
{
	const char *path = json_text_at(row, "Cgroup");
	size_t n = strlen(cgroup);
	char below[512];

	if (!*json_text_at(row, "Effective"))
		return;
	if (strcmp(json_text_at(row, "Bounding"), json_text_at(row, "Permitted")) == 0)
		set_text(row, "Bounding", "same");
	if (strcmp(json_text_at(row, "Raisable"), "none") == 0)
		set_text(row, "Permitted", "same");
	if (n && path[0] == '/' && strncmp(path + 1, cgroup, n) == 0 && path[1 + n] == '/') {
		snprintf(below, sizeof(below), "%s", path + n + 2);
		set_text(row, "Cgroup", below);
	}
}

/* Long lists of capabilities go on in rows of their own below. */
static void wrap(cJSON *list)
{
	for (cJSON *row = list->child; row; row = row->next) {
		const char *caps = json_text_at(row, "Caps");
		size_t cut = strlen(caps) > CAPS_WIDTH ? CAPS_WIDTH : 0;
		char head[CAPS_WIDTH + 1];
		cJSON *more;

		while (cut > 0 && (caps[cut] != ' ' || caps[cut - 1] == 'n')) /* not within "(in store)" */
			cut--;
		if (cut == 0)
			continue;
		more = cJSON_CreateObject();
		cJSON_AddStringToObject(more, "Caps", caps + cut + 1);
		snprintf(head, sizeof(head), "%.*s", (int)cut, caps);
		set_text(row, "Caps", head);
		more->next = row->next;
		more->prev = row;
		if (row->next)
			row->next->prev = more;
		else
			list->child->prev = more;
		row->next = more;
	}
}

struct helpers_options {
	bool json, wide;
	const char *format;
};

static int show(cJSON *list, const struct helpers_options *o, const char *cgroup)
{
	bool plain = !o->format || strcmp(o->format, "table") == 0;

	if (o->json) {
		json_print(stdout, list, 0);
		return 0;
	}
	for (cJSON *row = list->child; row; row = row->next) {
		add_caps_cell(row);
		if (plain)
			shorten(row, cgroup);
	}
	if (plain && !o->wide)
		wrap(list);
	return table_print(list, columns, ARRAY_SIZE(columns) - (plain && !o->wide ? COLUMNS_WIDE : 0), o->format,
			   true);
}

int verb_helpers(struct cli *cli, int argc, char **argv)
{
	static const struct option_row rows[] = {
		{ "json", 0, OPT_FLAG, offsetof(struct helpers_options, json), NULL, NULL, "as JSON, with every set" },
		{ "wide", 0, OPT_FLAG, offsetof(struct helpers_options, wide), NULL, NULL,
		  "permitted and bounding sets, too" },
		{ "format", 0, OPT_TEXT, offsetof(struct helpers_options, format), NULL, NULL,
		  "template, table TEMPLATE, or json" },
	};
	struct helpers_options o = { 0 };
	cJSON *facts, *list;
	const cJSON *h;
	int n, r;

	r = OPTIONS(rows, &o, false, argc, argv, &n);
	if (r)
		return r < 0;
	if (n > 0)
		return usage("helpers [--wide] [--json] [--format F]");
	facts = launcher_facts(cli);
	if (!facts)
		return fail(1, "no helpers.json beside %s: no engine runs there, or its directory is closed to you",
			    cli->socket);
	list = cJSON_CreateArray();
	for (h = json_at(facts, "helpers.0"); h; h = h->next)
		cJSON_AddItemToArray(list, helper_row(h));
	r = show(list, &o, json_text_at(facts, "cgroup"));
	cJSON_Delete(list);
	cJSON_Delete(facts);
	return r;
}
