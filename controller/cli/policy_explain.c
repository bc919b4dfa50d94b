/* policy_explain.c - the policy in plain words, and what it says to a question.
 *
 * Reads a file that the launcher's compiler has just accepted (policy.c), so members are there and of their type. It
 * foretells what lookup, spawn and the API decide; they decide by what the launcher made of the same file. Exit status:
 * 0 allowed, 1 denied, 2 no such question. */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../helpers/shared/caps.h"
#include "../../helpers/base/cleanup.h"
#include "../../helpers/base/limits.h"
#include "../../helpers/base/names.h"
#include "../../helpers/base/text.h"
#include "cli.h"

enum { ALLOWED = 0, DENIED = 1, UNCLEAR = 2, GROUPS_MAX = 64, RANGES_LOW = 524288, RANGES_HIGH = 1879048191 };

struct question {
	const cJSON *policy, *facts; /* facts: of the running engine, or NULL */
	const char *what;
	const char *uid_text, *gid_text;
	bool writable;
	bool users; /* about an engine of the asking user's, who is 0 there */
	int64_t uid; /* -1: none */
	gid_t groups[GROUPS_MAX];
	int ngroups;
};

/* --- everything ------------------------------------------------------------------------------------------- */
static const struct {
	const char *key, *words;
} headings[] = {
	{ "users", "Who may ask (read: look; run: also start, stop, remove; exec: also enter; admin: also others' bind "
		   "sources)" },
	{ "binds", "Bind sources, each with all below it, for their owners; the closest rule counts. What root or a "
		   "system user owns:\n"
		   "read-only and without an owner. Never the engine's own directories" },
	{ "devices", "Devices beside null, zero, full, random, urandom and tty" },
	{ "capabilities", "Capabilities that a container may have, in its own user namespace only" },
	{ "ids", "Ids on the host" },
	{ "containers", "Containers and what one of them may use" },
	{ "security", "Security options" },
	{ "layers", "Layers of images" },
	{ "audit", "The audit log" },
};

static void print_member(const cJSON *m, const char *lead)
{
	const cJSON *v;

	printf("%s%s%s", lead, cJSON_IsFalse(m) ? "not " : "", m->string);
	if (cJSON_IsString(m))
		printf(" %s", m->valuestring);
	else if (cJSON_IsNumber(m))
		printf(" %.0f", m->valuedouble);
	cJSON_ArrayForEach(v, m) {
		printf(" %s", cJSON_IsString(v) ? v->valuestring : "");
	}
}

/* A rule on one line, a section member by member; then the reason. */
static void print_rule(const cJSON *rule, bool section)
{
	const char *lead = section ? "  " : " ";
	const cJSON *m;

	if (!section)
		printf("  %s:", json_text_at(rule, "name"));
	cJSON_ArrayForEach(m, rule) {
		if (strcmp(m->string, "name") == 0 || strcmp(m->string, "why") == 0)
			continue;
		print_member(m, lead);
		lead = section ? "\n  " : ", ";
	}
	printf("\n      %s\n", json_text_at(rule, "why"));
}

/* In a user's own engine nothing is id-mapped: the user's own permissions are what holds. */
static const char users_binds[] =
	"Bind sources, each with all below it, as far as you may read and write there yourself; the closest rule\n"
	"counts. Never the engine's own directories";

static int explain_all(const struct question *q)
{
	for (size_t i = 0; i < ARRAY_SIZE(headings); i++) {
		const cJSON *v = json_at(q->policy, headings[i].key);
		bool own = q->users && strcmp(headings[i].key, "binds") == 0;

		printf("%s%s:\n", i ? "\n" : "", own ? users_binds : headings[i].words);
		if (cJSON_IsObject(v))
			print_rule(v, /* section= */ true);
		for (const cJSON *rule = cJSON_IsArray(v) ? v->child : NULL; rule; rule = rule->next)
			print_rule(rule, /* section= */ false);
	}
	return ALLOWED;
}

/* --- questions -------------------------------------------------------------------------------------------- */
static int answer(int status, const cJSON *rule, const char *reason)
{
	printf("%s: %s\n", status == ALLOWED ? "allowed" : "denied", reason);
	if (rule)
		printf("  rule %s: %s\n", json_text_at(rule, "name"), json_text_at(rule, "why"));
	return status;
}

static bool in_groups(const struct question *q, gid_t gid)
{
	for (int i = 0; i < q->ngroups; i++)
		if (q->groups[i] == gid)
			return true;
	return false;
}

static bool rule_matches(const struct question *q, const cJSON *rule)
{
	const cJSON *uid = json_at(rule, "uid"), *gid = json_at(rule, "gid");
	const struct passwd *user = *json_text_at(rule, "user") ? getpwnam(json_text_at(rule, "user")) : NULL;
	const struct group *group = *json_text_at(rule, "group") ? getgrnam(json_text_at(rule, "group")) : NULL;

	if (cJSON_IsTrue(json_at(rule, "any")))
		return true;
	if (uid || user)
		return q->uid == (uid ? (int64_t)uid->valuedouble : (int64_t)user->pw_uid);
	return (gid || group) && in_groups(q, gid ? (gid_t)gid->valuedouble : group->gr_gid);
}

/* 0: none; 1 read, 2 run, 3 exec, 4 admin. */
static int rights(const struct question *q, const cJSON **ret_rule)
{
	static const char *const words[] = { "none", "read", "run", "exec", "admin" };
	const cJSON *rule;
	int best = 0;

	*ret_rule = NULL;
	cJSON_ArrayForEach(rule, json_at(q->policy, "users")) {
		for (int i = best + 1; i < (int)ARRAY_SIZE(words); i++) {
			if (strcmp(words[i], json_text_at(rule, "rights")) == 0 && rule_matches(q, rule)) {
				best = i;
				*ret_rule = rule;
			}
		}
	}
	return best;
}

static int ask_user(const struct question *q)
{
	const cJSON *rule;
	char reason[64];

	if (rights(q, &rule) == 0)
		return answer(DENIED, NULL, "no rule of \"users\" is for this user or one of the groups");
	snprintf(reason, sizeof(reason), "may %s", json_text_at(rule, "rights"));
	return answer(ALLOWED, rule, reason);
}

static int ask_cap(const struct question *q)
{
	int n = capability_number(q->what);
	const cJSON *rule, *cap;

	if (n < 0)
		return fail(UNCLEAR, "no capability %s", q->what);
	cJSON_ArrayForEach(rule, json_at(q->policy, "capabilities")) {
		cJSON_ArrayForEach(cap, json_at(rule, "caps")) {
			if (capability_number(cap->valuestring) == n)
				return answer(ALLOWED, rule, "in the container's own user namespace");
		}
	}
	return answer(DENIED, NULL, "no rule of \"capabilities\" lists it");
}

static int ask_device(const struct question *q)
{
	const cJSON *rule;

	cJSON_ArrayForEach(rule, json_at(q->policy, "devices")) {
		if (strcmp(json_text_at(rule, "path"), q->what) == 0)
			return answer(ALLOWED, rule, json_text_at(rule, "access"));
	}
	return answer(DENIED, NULL, "no rule of \"devices\" names it");
}

/* The source, or its nearest parent that exists; *ret_link when a component is a symbolic link. */
static int nearest(const char *path, struct stat *ret, bool *ret_missing, bool *ret_link)
{
	char part[4096];
	struct stat st;

	*ret_missing = *ret_link = false;
	if (text_copy(part, sizeof(part), path) < 0)
		return -ENAMETOOLONG;
	for (char *p = part + 1; p && !*ret_link; ) {
		p = strchr(p, '/');
		if (p)
			*p = '\0';
		if (lstat(part, &st) < 0) {
			*ret_missing = errno == ENOENT;
			return *ret_missing ? 0 : -errno;
		}
		*ret = st;
		*ret_link = S_ISLNK(st.st_mode);
		if (p)
			*p++ = '/';
	}
	return 0;
}

static bool owner_ordinary(const struct question *q, uint32_t uid)
{
	uint32_t ids = q->facts ? (uint32_t)json_number_at(q->facts, "ids") : IDS_DEFAULT_BASE;

	return uid >= json_number_at(q->policy, "ids.owner_uid_first") && uid != 65534 && uid - ids >= IDS_PER_ENGINE &&
	       (uid < RANGES_LOW || uid > RANGES_HIGH) && uid - FOREIGN_FIRST >= MAP_SIZE;
}

static int judge_source(const struct question *q, const cJSON *rule, const struct stat *st)
{
	const cJSON *user_rule;
	char reason[128];
	int r = rights(q, &user_rule);

	if (r < 2)
		return answer(DENIED, user_rule, "this client may not run containers");
	if (q->users)
		return answer(ALLOWED, rule, q->writable ? "writable, as far as you may write there yourself"
							 : "as far as you may read there yourself");
	if (!cJSON_IsTrue(json_at(rule, "any_owner")) && q->uid != 0 && r < 4 && st->st_uid != q->uid) {
		snprintf(reason, sizeof(reason), "it belongs to uid %u, not to the client", st->st_uid);
		return answer(DENIED, rule, reason);
	}
	if (!owner_ordinary(q, st->st_uid)) {
		snprintf(reason, sizeof(reason), "uid %u is the system's: only read-only and without an owner",
			 st->st_uid);
		return answer(q->writable ? DENIED : ALLOWED, rule, reason);
	}
	snprintf(reason, sizeof(reason), "%s; its owner %u shows as the container's user",
		 q->writable ? "writable" : "read-only", st->st_uid);
	return answer(ALLOWED, rule, reason);
}

/* "~" is the home of the user whose engine it is: of whoever asks. */
static void rule_path(const char *path, char *ret, size_t size)
{
	const char *home = getenv("HOME");

	if (*path != '~' || text_format(ret, size, "%s%s", home ? home : "", path + 1) < 0)
		text_copy(ret, size, path);
}

static int ask_bind(const struct question *q)
{
	const char *own[] = { "/var/lib/postern", "/run/postern", "/etc/postern", json_text_at(q->facts, "data") };
	const cJSON *rule, *best = NULL;
	size_t best_length = 0;
	struct stat st = { 0 };
	bool missing, link;
	int r;

	if (!path_valid(q->what, strlen(q->what)))
		return fail(UNCLEAR, "%s is not canonical: write it absolute, without '.', '..', '//'", q->what);
	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		if (*own[i] && path_below(q->what, own[i]))
			return answer(DENIED, NULL, "it is the engine's own");
	cJSON_ArrayForEach(rule, json_at(q->policy, "binds")) {
		char path[4096];

		rule_path(json_text_at(rule, "path"), path, sizeof(path));
		if (path_below(q->what, path) && strlen(path) > best_length) {
			best = rule;
			best_length = strlen(path);
		}
	}
	if (!best)
		return answer(DENIED, NULL, "no rule of \"binds\" covers it");
	if (q->writable && !cJSON_IsTrue(json_at(best, "writable")))
		return answer(DENIED, best, "the rule is read-only");
	r = nearest(q->what, &st, &missing, &link);
	if (r < 0)
		return fail(UNCLEAR, "%s: %s", q->what, strerror(-r));
	if (link)
		return answer(DENIED, best, "a part of the path is a symbolic link; name its target");
	if (missing)
		printf("(it is not there; judged by the owner of its parent)\n");
	return judge_source(q, best, &st);
}

static const struct {
	const char *word, *usage;
	int (*ask)(const struct question *q);
	bool needs_what, needs_uid;
} questions[] = {
	{ "bind", "bind PATH --uid UID [--gid GID] [--rw]", ask_bind, true, true },
	{ "device", "device /dev/NAME", ask_device, true, false },
	{ "user", "user UID, user --gid GID", ask_user, false, false },
	{ "cap", "cap NAME", ask_cap, true, false },
};

/* Who the client is: the uid with the groups it has here, and a gid of its own. */
static int read_client(struct question *q)
{
	const struct passwd *pw;
	uint64_t id;

	if (q->gid_text) {
		if (text_u64(q->gid_text, UINT32_MAX - 1, &id) < 0)
			return -EINVAL;
		q->groups[q->ngroups++] = (gid_t)id;
	}
	if (!q->uid_text)
		return 0;
	if (text_u64(q->uid_text, UINT32_MAX - 1, &id) < 0)
		return -EINVAL;
	q->uid = (int64_t)id;
	pw = getpwuid((uid_t)id);
	if (pw) {
		int room = GROUPS_MAX - q->ngroups;

		if (getgrouplist(pw->pw_name, pw->pw_gid, q->groups + q->ngroups, &room) >= 0)
			q->ngroups += room;
	}
	return 0;
}

int policy_explain(const cJSON *policy, const cJSON *facts, int argc, char **argv)
{
	static const struct option_row rows[] = {
		{ "uid", 0, OPT_TEXT, offsetof(struct question, uid_text), NULL, NULL, "the client" },
		{ "gid", 0, OPT_TEXT, offsetof(struct question, gid_text), NULL, NULL, "a group of the client" },
		{ "rw", 0, OPT_FLAG, offsetof(struct question, writable), NULL, NULL, "for writing" },
	};
	struct question q = { .policy = policy, .facts = facts, .uid = -1, .users = facts && geteuid() != 0 };
	int n;

	if (argc == 0)
		return explain_all(&q);
	if (OPTIONS(rows, &q, false, argc, argv, &n) != 0)
		return UNCLEAR;
	for (size_t i = 0; i < ARRAY_SIZE(questions); i++) {
		if (strcmp(questions[i].word, argv[0]) != 0 || n > 1)
			continue;
		if (questions[i].ask == ask_user && n == 1)
			q.uid_text = argv[1];
		q.what = n == 1 ? argv[1] : NULL;
		if (q.users && !q.uid_text)
			q.uid = 0;
		if ((questions[i].needs_what && !q.what) || (questions[i].needs_uid && !q.uid_text && !q.users) ||
		    read_client(&q) < 0)
			break;
		return questions[i].ask(&q);
	}
	fprintf(stderr, "questions:\n");
	for (size_t i = 0; i < ARRAY_SIZE(questions); i++)
		fprintf(stderr, "  %s\n", questions[i].usage);
	return UNCLEAR;
}
