/* audit_receipt.c - `postern audit receipt CONTAINER`: what was done with privilege to make and end it, in order. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "../../helpers/base/text.h"
#include "audit_log.h"

enum { ACTS_MAX = 100000 };

/* An intent with its outcome, or an event. */
struct act {
	struct audit_record record, outcome; /* json NULL when there is none */
};

struct receipt {
	struct act *acts;
	size_t n, size;
	char id[ID_HEX + 1];
};

static void receipt_finish(struct receipt *p)
{
	for (size_t i = 0; i < p->n; i++) {
		audit_record_free(&p->acts[i].record);
		audit_record_free(&p->acts[i].outcome);
	}
	free(p->acts);
}

/* Does the record belong to the container? -1 when the given start fits two of them. */
static int belongs(struct receipt *p, const char *start, const struct audit_record *rec)
{
	uint8_t raw[ID_BYTES];

	if (strncmp(rec->container, start, strlen(start)) != 0 || hex_decode(rec->container, raw, sizeof(raw)) < 0)
		return 0;
	if (!*p->id)
		memcpy(p->id, rec->container, sizeof(p->id));
	return strcmp(p->id, rec->container) == 0 ? 1 : -1;
}

/* The act whose outcome it is: one of the last. */
static struct act *act_of(struct receipt *p, const struct audit_record *rec)
{
	for (size_t i = p->n; strcmp(rec->kind, "outcome") == 0 && i > 0; i--)
		if (p->acts[i - 1].record.seq == rec->intent && !p->acts[i - 1].outcome.json)
			return &p->acts[i - 1];
	return NULL;
}

/* Takes the record's memory when it returns true. */
static bool add_act(struct receipt *p, const struct audit_record *rec)
{
	if (p->n == ACTS_MAX)
		return false;
	if (p->n == p->size) {
		size_t size = p->size ? p->size * 2 : 64;
		struct act *more = reallocarray(p->acts, size, sizeof(*more));

		if (!more)
			return false;
		p->acts = more;
		p->size = size;
	}
	p->acts[p->n++] = (struct act){ .record = *rec };
	return true;
}

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

static int collect(struct receipt *p, struct audit_reader *r, const char *start)
{
	struct audit_record rec;

	while (audit_next(r)) {
		struct act *act;
		int mine;

		if (!audit_parse(r->text, r->len, &rec))
			continue;
		act = act_of(p, &rec);
		if (act) {
			act->outcome = rec;
			continue;
		}
		mine = belongs(p, start, &rec);
		if (mine <= 0 || !add_act(p, &rec))
			audit_record_free(&rec);
		if (mine < 0) {
			fprintf(stderr, "postern: %s is the start of more than one container's id\n", start);
			return AUDIT_FOUND;
		}
	}
	return AUDIT_OK;
}

int audit_receipt(const char *dir, const char *container, FILE *out)
{
	struct receipt p = { 0 };
	struct audit_reader *r;
	int e;

	if (!*container || strlen(container) > ID_HEX || container[strspn(container, "0123456789abcdef")]) {
		fprintf(stderr, "postern: a receipt is asked for by a container's id\n");
		return AUDIT_UNREADABLE;
	}
	r = malloc(sizeof(*r));
	if (!r || audit_open(r, dir, "audit.log") < 0) {
		free(r);
		return AUDIT_UNREADABLE;
	}
	e = collect(&p, r, container);
	audit_close(r);
	free(r);
	if (e == AUDIT_OK && p.n == 0) {
		fprintf(stderr, "postern: the audit log has nothing of container %s\n", container);
		e = AUDIT_FOUND;
	}
	if (e == AUDIT_OK)
		fprintf(out, "container %s: %zu acts\n", p.id, p.n);
	for (size_t i = 0; e == AUDIT_OK && i < p.n; i++)
		put_act(out, &p.acts[i]);
	receipt_finish(&p);
	return e;
}
