/* audit_receipt.c - `postern audit receipt CONTAINER`: what was done with privilege to make and end it, in order.
 *
 * Most acts name their container. The namespaces of a container are made before it is there (a pool of ready ones), so
 * they are joined to it by what it was started with, which the kernel tells the helpers: spawn CREATE records the
 * identity of the user namespace, and so do the netns CREATE that made it and the idmap MAP that mapped it. Where a
 * start came no further than its mounts, the ticket of the mapping that mount used leads to the same MAP. The kernel
 * gives inodes of namespaces out again: only the last ones before the start belong to it. What gave the range and the
 * mapping back may name no container either (a start that failed): it has their numbers. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "../../helpers/base/text.h"
#include "audit_log.h"

enum { ACTS_MAX = 100000, LINKS_MAX = 10000 };

/* An intent with its outcome, or an event. */
struct act {
	struct audit_record record, outcome; /* json NULL when there is none */
};

/* A record of the container that leads to its namespaces, and the intents that it leads to (0: none). */
struct link {
	uint64_t seq, ticket;
	char userns[64]; /* "" until it is known */
	uint64_t map, netns, release, drop;
	uint64_t base, mapping; /* what MAP answered, and its ticket */
};

struct receipt {
	struct act *acts;
	size_t n, size;
	struct link *links;
	size_t nlinks, links_size;
	const char *start; /* of the id, or the name */
	char id[ID_HEX + 1], name[NAME_MAX_LEN + 1];
	uint64_t others; /* containers that had this name before */
	bool ambiguous;
};

static void receipt_finish(struct receipt *p)
{
	for (size_t i = 0; i < p->n; i++) {
		audit_record_free(&p->acts[i].record);
		audit_record_free(&p->acts[i].outcome);
	}
	free(p->acts);
	free(p->links);
}

static const cJSON *args_of(const struct audit_record *rec)
{
	return cJSON_GetObjectItemCaseSensitive(rec->json, "args");
}

static bool is_act(const struct audit_record *rec, const char *chan, const char *op, const char *kind)
{
	return strcmp(rec->chan, chan) == 0 && strcmp(rec->op, op) == 0 && strcmp(rec->kind, kind) == 0;
}

/* Makes room for one more in an array; false when there are too many. */
static bool grow(void **array, size_t n, size_t *size, size_t each, size_t max)
{
	size_t want = *size ? *size * 2 : 64;
	void *more;

	if (n < *size)
		return true;
	more = n < max ? reallocarray(*array, want, each) : NULL;
	if (!more)
		return false;
	*array = more;
	*size = want;
	return true;
}

/* --- what a pass over the log does with a record; true: it keeps the record's memory -------------------------- */
/* Takes an intent or an event as the next act, or an outcome to its intent, which is one of the last. */
static bool take(struct receipt *p, const struct audit_record *rec, bool mine)
{
	if (strcmp(rec->kind, "outcome") == 0) {
		for (size_t i = p->n; i > 0 && p->acts[i - 1].record.seq >= rec->intent; i--) {
			if (p->acts[i - 1].record.seq != rec->intent || p->acts[i - 1].outcome.json)
				continue;
			p->acts[i - 1].outcome = *rec;
			return true;
		}
	}
	if (!mine || !grow((void **)&p->acts, p->n, &p->size, sizeof(*p->acts), ACTS_MAX))
		return false;
	p->acts[p->n++] = (struct act){ .record = *rec };
	return true;
}

static void add_link(struct receipt *p, const struct audit_record *rec)
{
	bool spawned = is_act(rec, "spawn", "CREATE", "intent");
	struct link l = { .seq = rec->seq };

	if (!spawned && !is_act(rec, "mount", "ROOTFS", "intent"))
		return;
	if (spawned)
		snprintf(l.userns, sizeof(l.userns), "%s", audit_text(args_of(rec), "userns"));
	else
		l.ticket = audit_u64(args_of(rec), "mapping");
	if (grow((void **)&p->links, p->nlinks, &p->links_size, sizeof(*p->links), LINKS_MAX))
		p->links[p->nlinks++] = l;
}

/* By name: the last container that was given its devices under it. */
static bool find_name(struct receipt *p, const struct audit_record *rec)
{
	if (!is_act(rec, "device", "ATTACH", "intent") || strcmp(audit_text(args_of(rec), "name"), p->start) != 0 ||
	    !audit_is_id(rec->container) || strcmp(rec->container, p->id) == 0)
		return false;
	p->others += *p->id != '\0';
	memcpy(p->id, rec->container, sizeof(p->id));
	return false;
}

static bool take_own(struct receipt *p, const struct audit_record *rec)
{
	bool mine = audit_is_id(rec->container) && strncmp(rec->container, p->start, strlen(p->start)) == 0;

	if (mine && !*p->id)
		memcpy(p->id, rec->container, sizeof(p->id));
	if (mine && strcmp(p->id, rec->container) != 0) {
		p->ambiguous = true;
		return false;
	}
	if (mine && is_act(rec, "device", "ATTACH", "intent"))
		snprintf(p->name, sizeof(p->name), "%s", audit_text(args_of(rec), "name"));
	if (mine)
		add_link(p, rec);
	return take(p, rec, mine);
}

static void match_map_intent(struct link *l, const struct audit_record *rec)
{
	const char *userns = audit_text(args_of(rec), "userns");
	uint64_t ticket = audit_u64(args_of(rec), "ticket");

	if (rec->seq >= l->seq || rec->seq <= l->map ||
	    !(l->ticket ? l->ticket == ticket : strcmp(l->userns, userns) == 0))
		return;
	l->map = rec->seq;
	l->mapping = ticket;
	l->base = 0;
	snprintf(l->userns, sizeof(l->userns), "%s", userns);
}

static bool match_map(struct receipt *p, const struct audit_record *rec)
{
	for (size_t i = 0; i < p->nlinks; i++) {
		struct link *l = &p->links[i];

		if (is_act(rec, "idmap", "MAP", "intent"))
			match_map_intent(l, rec);
		else if (is_act(rec, "idmap", "MAP", "outcome") && rec->intent == l->map)
			l->base = audit_u64(cJSON_GetObjectItemCaseSensitive(rec->json, "result"), "base");
	}
	return false;
}

/* The outcome has the identity; it may be on file behind the MAP's intent, since nobody waits for outcomes. */
static bool match_netns(struct receipt *p, const struct audit_record *rec)
{
	const char *userns = audit_text(cJSON_GetObjectItemCaseSensitive(rec->json, "result"), "userns");

	if (!*userns || !is_act(rec, "netns", "CREATE", "outcome"))
		return false;
	for (size_t i = 0; i < p->nlinks; i++) {
		struct link *l = &p->links[i];
		uint64_t before = l->ticket && l->map ? l->map : l->seq;

		if (rec->intent < before && rec->intent > l->netns && strcmp(l->userns, userns) == 0)
			l->netns = rec->intent;
	}
	return false;
}

/* "1 2 3" */
static bool has_number(const char *list, uint64_t number)
{
	while (*list) {
		char *end;

		if (strtoull(list, &end, 10) == number)
			return true;
		if (end == list)
			break;
		list = end + strspn(end, " ");
	}
	return false;
}

/* Does the intent belong to what the link leads to? */
static bool linked(struct link *l, const struct audit_record *rec)
{
	/* A mapping from before the namespace was made is another's, which had the inode before. */
	if (!l->map || l->map < l->netns)
		return rec->seq == l->netns;
	if (!l->release && l->base && rec->seq > l->map && is_act(rec, "idmap", "RELEASE", "intent") &&
	    audit_u64(args_of(rec), "base") == l->base)
		l->release = rec->seq;
	if (!l->drop && rec->seq > l->map && is_act(rec, "mount", "DROP", "intent") &&
	    has_number(audit_text(args_of(rec), "tickets"), l->mapping))
		l->drop = rec->seq;
	return rec->seq == l->netns || rec->seq == l->map || rec->seq == l->release || rec->seq == l->drop;
}

/* What names a container is there already, if it is ours. */
static bool take_linked(struct receipt *p, const struct audit_record *rec)
{
	bool mine = false;

	for (size_t i = 0; strcmp(rec->kind, "intent") == 0 && i < p->nlinks; i++)
		mine |= linked(&p->links[i], rec);
	return take(p, rec, mine && !*rec->container);
}

/* --- the passes ------------------------------------------------------------------------------------------------- */
/* Only lines with the id, or outcomes without one, can be the container's. */
static bool may_be_own(const struct receipt *p, const char *line)
{
	return strstr(line, p->start) || (strstr(line, ",\"intent\":") && !strstr(line, ",\"container\":\""));
}

static void pass(struct receipt *p, struct audit_reader *r, const char *needle,
		 bool (*visit)(struct receipt *, const struct audit_record *))
{
	struct audit_record rec;

	rewind(r->file);
	while (audit_next(r)) {
		if (needle ? !strstr(r->text, needle) : !may_be_own(p, r->text))
			continue;
		if (audit_parse(r->text, r->len, &rec) && !visit(p, &rec))
			audit_record_free(&rec);
	}
}

static int by_sequence(const void *a, const void *b)
{
	const struct act *x = a, *y = b;

	return (x->record.seq > y->record.seq) - (x->record.seq < y->record.seq);
}

static int collect(struct receipt *p, struct audit_reader *r)
{
	if (strlen(p->start) < ID_HEX && name_valid(p->start, strlen(p->start)))
		pass(p, r, "\"op\":\"ATTACH\"", find_name);
	if (*p->id)
		p->start = p->id;
	if (p->start[strspn(p->start, "0123456789abcdef")] == '\0')
		pass(p, r, NULL, take_own);
	if (p->ambiguous) {
		fprintf(stderr, "postern: %s is the start of more than one container's id\n", p->start);
		return AUDIT_FOUND;
	}
	if (p->n == 0) {
		fprintf(stderr, "postern: the audit log has nothing of container %s\n", p->start);
		return AUDIT_FOUND;
	}
	if (p->others)
		fprintf(stderr, "postern: so many containers had this name before: %" PRIu64 "; ask for those by id\n",
			p->others);
	pass(p, r, "\"chan\":\"idmap\"", match_map);
	pass(p, r, "\"chan\":\"netns\"", match_netns);
	pass(p, r, "\"chan\":\"idmap\"", take_linked);
	pass(p, r, "\"chan\":\"netns\"", take_linked);
	pass(p, r, "\"op\":\"DROP\"", take_linked);
	qsort(p->acts, p->n, sizeof(*p->acts), by_sequence);
	return AUDIT_OK;
}

/* --- output ----------------------------------------------------------------------------------------------------- */
static void put_act(FILE *out, const struct act *a)
{
	const struct audit_record *r = &a->record;

	audit_put(out, r->time, 30);
	putc(' ', out);
	audit_put(out, r->chan, 16);
	putc('.', out);
	audit_put(out, r->op, 32);
	putc(':', out);
	audit_put_details(out, r);
	if (strcmp(r->kind, "intent") == 0) {
		fputs(" -> ", out);
		if (a->outcome.json) {
			audit_put_result(out, &a->outcome);
			fprintf(out, " (%" PRIu64 " us)", audit_u64(a->outcome.json, "us"));
			audit_put_members(out, cJSON_GetObjectItemCaseSensitive(a->outcome.json, "result"));
		} else {
			fputs("no outcome on file", out);
		}
	}
	putc('\n', out);
}

static void put_receipt(FILE *out, const struct receipt *p)
{
	size_t denied = 0, failures = 0;

	for (size_t i = 0; i < p->n; i++) {
		denied += strcmp(p->acts[i].record.decision, "denied") == 0 ||
			  (p->acts[i].outcome.json && strcmp(p->acts[i].outcome.decision, "denied") == 0);
		failures += p->acts[i].outcome.json && strcmp(p->acts[i].outcome.decision, "failed") == 0;
	}
	fprintf(out, "container %s", p->id);
	if (*p->name) {
		fputs(" (", out);
		audit_put(out, p->name, NAME_MAX_LEN);
		putc(')', out);
	}
	fprintf(out, ": %zu acts, %zu denied, %zu failed\n", p->n, denied, failures);
	for (size_t i = 0; i < p->n; i++)
		put_act(out, &p->acts[i]);
}

int audit_receipt(const char *dir, const char *container, FILE *out)
{
	struct receipt p = { .start = container };
	struct audit_reader *r;
	int e;

	if (!name_valid(container, strlen(container))) {
		fprintf(stderr, "postern: a receipt is asked for by a container's id or name\n");
		return AUDIT_UNREADABLE;
	}
	r = malloc(sizeof(*r));
	if (!r || audit_open(r, dir, "audit.log") < 0) {
		free(r);
		return AUDIT_UNREADABLE;
	}
	e = collect(&p, r);
	audit_close(r);
	free(r);
	if (e == AUDIT_OK)
		put_receipt(out, &p);
	receipt_finish(&p);
	return e;
}
