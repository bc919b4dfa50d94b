/* policy_explain.c - the policy in plain words, and what it says to a question: for `postern policy check|explain`.
 *
 * Runs as whoever asks, with no privilege, on a file that policy_load has accepted. It foretells what lookup, spawn and the
 * API decide; they decide from the same struct. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "../base/caps.h"
#include "../base/cleanup.h"
#include "../base/text.h"
#include "../protocol/message.h"
#include "policy_read.h"

enum { ALLOWED = 0, DENIED = 1, UNCLEAR = 2 };

struct explain {
	struct policy policy;
	cJSON *file;
	struct policy_ctx ctx; /* for passwd and group */
	char error[512];
};

/* The rule's reason, "" when it has none. */
static const char *why(const struct explain *e, const char *list, const char *rule)
{
	const cJSON *v;

	cJSON_ArrayForEach(v, cJSON_GetObjectItemCaseSensitive(e->file, list)) {
		const cJSON *name = cJSON_GetObjectItemCaseSensitive(v, "name");

		if (cJSON_IsString(name) && strcmp(name->valuestring, rule) == 0)
			return cJSON_GetObjectItemCaseSensitive(v, "why")->valuestring;
	}
	return "";
}

static int answer(const struct explain *e, int allowed, const char *list, const char *rule, const char *reason)
{
	printf("%s: %s\n", allowed == ALLOWED ? "allowed" : "denied", reason);
	if (rule && *rule)
		printf("  rule %s: %s\n", rule, why(e, list, rule));
	return allowed;
}

static const char *device_words(const struct policy_device *d, char *out, size_t size)
{
	snprintf(out, size, "%s (%s %u:%u, %s%s%s)", d->path, d->type == DEVICE_CHAR ? "char" : "block", d->major, d->minor,
		 d->access & DEVICE_READ ? "read " : "", d->access & DEVICE_WRITE ? "write " : "",
		 d->access & DEVICE_MKNOD ? "mknod" : "");
	return out;
}

static void print_amount(const char *what, uint64_t n)
{
	if (n == UINT64_MAX)
		printf("  %s: none\n", what);
	else
		printf("  %s: %llu\n", what, (unsigned long long)n);
}

static void print_caps(const struct explain *e)
{
	const cJSON *rule, *cap;

	printf("\ncapabilities that a container may have (in its own user namespace only)\n");
	cJSON_ArrayForEach(rule, cJSON_GetObjectItemCaseSensitive(e->file, "capabilities")) {
		const char *name = cJSON_GetObjectItemCaseSensitive(rule, "name")->valuestring;

		printf("  %s:", name);
		cJSON_ArrayForEach(cap, cJSON_GetObjectItemCaseSensitive(rule, "caps"))
			printf(" %s", cap->valuestring);
		printf("\n      %s\n", why(e, "capabilities", name));
	}
}

static int explain_all(const struct explain *e)
{
	static const char *const matches[] = { [POLICY_UID] = "uid", [POLICY_GID] = "gid", [POLICY_ANY] = "anyone" };
	const struct policy *p = &e->policy;
	char words[256];

	printf("who may ask (read: look; run: also start, stop, remove; exec: also enter; admin: also for others)\n");
	for (uint32_t i = 0; i < p->controller.nusers; i++) {
		const struct policy_user *u = &p->controller.users[i];

		printf("  %s: %s %u may %s\n      %s\n", u->rule, matches[u->match], u->id, op_rights_name(u->rights),
		       why(e, "users", u->rule));
	}
	printf("\nbind sources (each with all below it, the closest rule counts; never the engine's own)\n");
	for (uint32_t i = 0; i < p->lookup.npaths; i++) {
		const struct policy_path *b = &p->lookup.paths[i];

		printf("  %s: %s %s, %s%s%s\n      %s\n", b->rule, b->path, b->writable ? "writable" : "read-only",
		       b->any_owner ? "whoever owns it" : "for its owner", b->suid ? ", set-id programs work" : "",
		       b->submounts ? ", with what is mounted below" : "", why(e, "binds", b->rule));
	}
	printf("  sources of uids below %u: read-only and without an owner\n", p->lookup.owner_uid_first);
	printf("\ndevices beside null, zero, full, random, urandom and tty\n");
	for (uint32_t i = 0; i < p->lookup.ndevices; i++)
		printf("  %s: %s\n      %s\n", p->lookup.devices[i].rule, device_words(&p->lookup.devices[i], words, sizeof(words)),
		       why(e, "devices", p->lookup.devices[i].rule));
	print_caps(e);
	printf("\nsecurity\n  own seccomp profiles: %s\n  no seccomp at all: %s\n  no_new_privs: %s\n  unmasked /proc and /sys: %s\n",
	       p->spawn.seccomp_custom ? "allowed" : "denied", p->spawn.seccomp_unconfined ? "allowed" : "denied",
	       p->spawn.no_new_privs_required ? "required" : "as asked", p->spawn.unmasked_paths ? "allowed" : "denied");
	printf("\nlimits\n  container ids: %u-%u, %u containers at once\n", p->controller.range_first, p->controller.range_last,
	       p->idmap.max_ranges < p->spawn.max_containers ? p->idmap.max_ranges : p->spawn.max_containers);
	print_amount("memory of one container, at most", p->cgroup.memory_max);
	print_amount("memory when none is asked", p->cgroup.memory_default);
	print_amount("processes of one container, at most", p->cgroup.pids_max);
	print_amount("processes when none is asked", p->cgroup.pids_default);
	print_amount("bytes of one layer", p->layer.max_bytes);
	print_amount("entries of one layer", p->layer.max_entries);
	print_amount("unpacked to packed", p->layer.max_ratio);
	print_amount("bytes of the audit log", p->audit.max_bytes);
	return ALLOWED;
}

/* --- questions --- */
struct question {
	const char *what; /* the first argument that is no option */
	uint64_t uid;
	bool has_uid, writable;
	struct peer client;
};

static enum op_rights rights_of(const struct explain *e, struct question *q, const char **ret_rule)
{
	return policy_rights(&e->policy.controller, &q->client, ret_rule);
}

static int ask_user(struct explain *e, struct question *q)
{
	const char *rule;
	char reason[128];
	enum op_rights rights;

	rights = rights_of(e, q, &rule);
	if (rights == RIGHTS_NONE)
		return answer(e, DENIED, "users", NULL, "no rule names this user or one of the groups");
	snprintf(reason, sizeof(reason), "may %s", op_rights_name(rights));
	return answer(e, ALLOWED, "users", rule, reason);
}

static int ask_cap(struct explain *e, struct question *q)
{
	int n = capability_number(q->what);
	const cJSON *rule, *cap;

	if (n < 0) {
		fprintf(stderr, "no capability %s\n", q->what);
		return UNCLEAR;
	}
	cJSON_ArrayForEach(rule, cJSON_GetObjectItemCaseSensitive(e->file, "capabilities"))
		cJSON_ArrayForEach(cap, cJSON_GetObjectItemCaseSensitive(rule, "caps"))
			if (capability_number(cap->valuestring) == n)
				return answer(e, ALLOWED, "capabilities", cJSON_GetObjectItemCaseSensitive(rule, "name")->valuestring,
					      "on request, in the container's own user namespace");
	return answer(e, DENIED, NULL, NULL, "no rule of \"capabilities\" lists it");
}

static int ask_device(struct explain *e, struct question *q)
{
	const struct policy_lookup *l = &e->policy.lookup;
	char words[256];

	for (uint32_t i = 0; i < l->ndevices; i++)
		if (strcmp(l->devices[i].path, q->what) == 0)
			return answer(e, ALLOWED, "devices", l->devices[i].rule, device_words(&l->devices[i], words, sizeof(words)));
	return answer(e, DENIED, NULL, NULL, "no rule of \"devices\" names it");
}

/* The source, or its nearest parent that exists; *ret_link when a component is a symbolic link. */
static int nearest(const char *path, struct stat *ret, bool *ret_missing, bool *ret_link)
{
	char part[4096];
	struct stat st;

	*ret_missing = *ret_link = false;
	if (text_copy(part, sizeof(part), path) < 0)
		return -ENAMETOOLONG;
	for (char *p = part + 1; p; ) {
		p = strchr(p, '/');
		if (p)
			*p = '\0';
		if (lstat(part, &st) < 0) {
			*ret_missing = errno == ENOENT;
			return *ret_missing ? 0 : -errno;
		}
		*ret = st;
		if (S_ISLNK(st.st_mode)) {
			*ret_link = true;
			return 0;
		}
		if (p)
			*p++ = '/';
	}
	return 0;
}

static int judge_owner(struct explain *e, struct question *q, const struct policy_path *rule, const struct stat *st)
{
	const struct policy_common *common = &e->policy.controller;
	const char *user_rule;
	char reason[256];

	if (rights_of(e, q, &user_rule) < RIGHTS_RUN)
		return answer(e, DENIED, "users", user_rule, "this client may not run containers");
	if (!rule->any_owner && q->client.uid != 0 && st->st_uid != q->client.uid && rights_of(e, q, NULL) < RIGHTS_ADMIN) {
		snprintf(reason, sizeof(reason), "it belongs to uid %u, not to the client", st->st_uid);
		return answer(e, DENIED, "binds", rule->rule, reason);
	}
	if (!policy_owner_ordinary(common, st->st_uid, e->policy.lookup.owner_uid_first)) {
		snprintf(reason, sizeof(reason), "it belongs to uid %u of the system: read-only and without an owner", st->st_uid);
		return answer(e, q->writable ? DENIED : ALLOWED, "binds", rule->rule, reason);
	}
	snprintf(reason, sizeof(reason), "%s, owner %u shows as the container's user", q->writable ? "writable" : "read-only",
		 st->st_uid);
	return answer(e, ALLOWED, "binds", rule->rule, reason);
}

static int ask_bind(struct explain *e, struct question *q)
{
	const struct policy_lookup *l = &e->policy.lookup;
	const struct policy_path *rule = NULL;
	struct stat st = { 0 };
	bool missing, link;
	int r;

	if (!path_valid(q->what, strlen(q->what))) {
		fprintf(stderr, "%s is not canonical\n", q->what);
		return UNCLEAR;
	}
	for (uint32_t i = 0; i < l->ndenied; i++)
		if (path_below(q->what, l->denied[i]))
			return answer(e, DENIED, NULL, NULL, "it is the engine's own");
	for (uint32_t i = 0; i < l->npaths && !rule; i++)
		if (path_below(q->what, l->paths[i].path))
			rule = &l->paths[i];
	if (!rule)
		return answer(e, DENIED, NULL, NULL, "no rule of \"binds\" covers it");
	if (q->writable && !rule->writable)
		return answer(e, DENIED, "binds", rule->rule, "the rule is read-only");
	r = nearest(q->what, &st, &missing, &link);
	if (r < 0) {
		fprintf(stderr, "%s: %s\n", q->what, strerror(-r));
		return UNCLEAR;
	}
	if (link)
		return answer(e, DENIED, "binds", rule->rule, "a part of the path is a symbolic link; name its target");
	if (missing)
		printf("(it does not exist; judged by the parent's owner)\n");
	return judge_owner(e, q, rule, &st);
}

static const struct {
	const char *word, *usage;
	int (*ask)(struct explain *e, struct question *q);
} questions[] = {
	{ "bind", "bind PATH --uid UID [--gid GID]... [--rw]", ask_bind },
	{ "device", "device /dev/NAME", ask_device },
	{ "user", "user UID | user --gid GID", ask_user },
	{ "cap", "cap NAME", ask_cap },
};

static int read_question(struct explain *e, int argc, char **argv, struct question *q)
{
	uint64_t id;

	for (int i = 1; i < argc; i++) {
		bool uid = strcmp(argv[i], "--uid") == 0, gid = strcmp(argv[i], "--gid") == 0;

		if (strcmp(argv[i], "--rw") == 0) {
			q->writable = true;
		} else if (uid || gid) {
			if (++i == argc || text_u64(argv[i], UINT32_MAX - 1, &id) < 0 || q->client.ngroups == PEER_GROUPS_MAX)
				return -EINVAL;
			if (gid)
				q->client.groups[q->client.ngroups++] = (gid_t)id;
			else
				q->uid = id, q->has_uid = true;
		} else if (q->what || argv[i][0] == '-') {
			return -EINVAL;
		} else {
			q->what = argv[i];
		}
	}
	if (strcmp(argv[0], "user") == 0 && q->what && !q->has_uid) {
		if (text_u64(q->what, UINT32_MAX - 1, &q->uid) < 0)
			return -EINVAL;
		q->has_uid = true;
	}
	q->client.uid = q->has_uid ? (uid_t)q->uid : (gid_t)-1;
	q->client.gid = (gid_t)-1;
	if (q->has_uid && q->client.ngroups < PEER_GROUPS_MAX)
		q->client.ngroups += (unsigned)policy_groups_of(&e->ctx, (uint32_t)q->uid, q->client.groups + q->client.ngroups,
								PEER_GROUPS_MAX - q->client.ngroups);
	if (strcmp(argv[0], "user") == 0)
		return q->has_uid || q->client.ngroups ? 0 : -EINVAL;
	return q->what && (q->has_uid || strcmp(argv[0], "bind") != 0) ? 0 : -EINVAL;
}

static int explain_question(struct explain *e, int argc, char **argv)
{
	for (size_t i = 0; i < ARRAY_SIZE(questions); i++) {
		struct question q = { 0 };

		if (strcmp(questions[i].word, argv[0]) == 0 && read_question(e, argc, argv, &q) == 0)
			return questions[i].ask(e, &q);
	}
	fprintf(stderr, "questions:\n");
	for (size_t i = 0; i < ARRAY_SIZE(questions); i++)
		fprintf(stderr, "  %s\n", questions[i].usage);
	return UNCLEAR;
}

int policy_main(int argc, char **argv)
{
	static const char *const denied[] = { "/var/lib/postern", "/run/postern", "/etc/postern" };
	static const struct policy_engine engine = { .denied = denied, .ndenied = ARRAY_SIZE(denied) };
	_cleanup_free_ struct explain *e = calloc(1, sizeof(*e));
	int r;

	if (!e || argc < 3) {
		fprintf(stderr, "usage: %s --policy-check FILE | --policy-explain FILE [question]\n", argc ? argv[0] : "postern-launcher");
		return UNCLEAR;
	}
	r = policy_load(argv[2], &engine, &e->policy, e->error, sizeof(e->error));
	if (r < 0) {
		fprintf(stderr, "%s\n", *e->error ? e->error : strerror(-r));
		return r == -EINVAL ? DENIED : UNCLEAR;
	}
	if (strcmp(argv[1], "--policy-check") == 0) {
		printf("%s: valid: %u user, %u bind, %u device rules; container ids %u-%u\n", argv[2], e->policy.controller.nusers,
		       e->policy.lookup.npaths, e->policy.lookup.ndevices, e->policy.controller.range_first,
		       e->policy.controller.range_last);
		return ALLOWED;
	}
	e->ctx = (struct policy_ctx){ .engine = &engine, .etc = "/etc", .file = argv[2], .error = e->error,
				      .error_size = sizeof(e->error) };
	r = policy_parse(&e->ctx, argv[2], &e->file);
	if (r == 0)
		r = argc > 3 ? explain_question(e, argc - 3, argv + 3) : explain_all(e);
	else
		r = UNCLEAR;
	cJSON_Delete(e->file);
	return r;
}
