/* audit_show.c - records of the audit log for a terminal. Any text in them may be a hostile client's: audit.h. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "../../helpers/base/text.h"
#include "audit_log.h"

enum { VALUE_SHOWN = 80, ID_SHOWN = 12 };

/* True for the first byte of what a terminal obeys: C0, DEL, and C1 (U+0080..9F). */
static bool acts(const unsigned char *s, size_t left)
{
	return s[0] < 0x20 || s[0] == 0x7f || (s[0] == 0xc2 && left > 1 && s[1] < 0xa0);
}

void audit_put(FILE *out, const char *text, size_t max)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t n = strlen(text), shown = n > max ? max : n;

	/* not in the midst of a character */
	while (shown < n && shown > 0 && (s[shown] & 0xc0) == 0x80)
		shown--;
	for (size_t i = 0; i < shown; i++) {
		if (!acts(s + i, shown - i))
			putc(s[i], out);
		else if (s[i] == 0xc2)
			fprintf(out, "\\x%02x", s[++i]);
		else
			fprintf(out, "\\x%02x", s[i]);
	}
	if (shown < n)
		fputs("...", out);
}

void audit_put_line(FILE *out, const char *line, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		const unsigned char *s = (const unsigned char *)line + i;

		if (s[0] == 0xc2 && acts(s, len - i))
			fprintf(out, "\\u%04x", ((const unsigned char *)line)[++i]);
		else if (acts(s, len - i))
			fprintf(out, "\\u%04x", s[0]);
		else
			putc(s[0], out);
	}
	putc('\n', out);
}

void audit_put_members(FILE *out, const cJSON *object)
{
	const cJSON *m;

	cJSON_ArrayForEach(m, object) {
		if (cJSON_IsString(m) && !*m->valuestring)
			continue;
		putc(' ', out);
		audit_put(out, m->string ? m->string : "", VALUE_SHOWN);
		putc('=', out);
		if (cJSON_IsString(m)) {
			audit_put(out, m->valuestring, audit_is_id(m->valuestring) ? ID_SHOWN : VALUE_SHOWN);
		} else {
			char *text = cJSON_PrintUnformatted(m);

			audit_put(out, text ? text : "?", VALUE_SHOWN);
			free(text);
		}
	}
}

void audit_put_result(FILE *out, const struct audit_record *r)
{
	const char *stage = audit_text(r->json, "stage"), *rule = audit_text(r->json, "rule");
	const char *name = r->error ? strerrorname_np(r->error) : NULL;

	audit_put(out, *r->decision ? r->decision : "?", 16);
	if (r->error)
		fprintf(out, " %s", name ? name : "unknown error");
	if (*stage) {
		fputs(" at ", out);
		audit_put(out, stage, VALUE_SHOWN);
	}
	if (*rule) {
		fputs(" by rule ", out);
		audit_put(out, rule, VALUE_SHOWN);
	}
}

static void put_client(FILE *out, const struct audit_record *r)
{
	const cJSON *client = cJSON_GetObjectItemCaseSensitive(r->json, "client");

	if (cJSON_HasObjectItem(client, "uid"))
		fprintf(out, " uid=%" PRIu64 " pid=%" PRIu64, audit_u64(client, "uid"), audit_u64(client, "pid"));
	else if (client)
		fputs(" client=unproven", out);
}

/* Members of an event that are not shown elsewhere in the line. */
static void put_others(FILE *out, const cJSON *json)
{
	static const char *const shown[] = { "seq", "chan",  "cseq", "kind",	 "time",      "mono", "boot",
					     "pid", "build", "op",   "decision", "container", "prev", "hash" };
	cJSON *copy = cJSON_Duplicate(json, 1);

	for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++)
		cJSON_DeleteItemFromObjectCaseSensitive(copy, shown[i]);
	audit_put_members(out, copy);
	cJSON_Delete(copy);
}

/* What the device program tells of an open that it refused: who, what, how, in words. */
static bool put_denied_device(FILE *out, const struct audit_record *r)
{
	static const struct {
		char letter;
		const char *word;
	} words[] = { { 'r', "read" }, { 'w', "write" }, { 'm', "mknod" } };
	const char *access = audit_text(r->json, "access"), *between = "";
	const cJSON *major = cJSON_GetObjectItemCaseSensitive(r->json, "major");

	if (strcmp(r->op, "denied") != 0 || !major)
		return false;
	fputs(" container ", out);
	audit_put(out, audit_text(r->json, "claimed_name"), VALUE_SHOWN);
	fputs(" was denied ", out);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!strchr(access, words[i].letter))
			continue;
		fprintf(out, "%s%s", between, words[i].word);
		between = " and ";
	}
	fprintf(out, " of the %s device %" PRIu64 ":%" PRIu64 " (process %" PRIu64 ")",
		*audit_text(r->json, "type") == 'b' ? "block" : "character", audit_u64(r->json, "major"),
		audit_u64(r->json, "minor"), audit_u64(r->json, "subject"));
	if (audit_u64(r->json, "unreported"))
		fprintf(out, " after %" PRIu64 " that were only counted", audit_u64(r->json, "unreported"));
	return true;
}

void audit_put_details(FILE *out, const struct audit_record *r)
{
	if (strcmp(r->kind, "intent") == 0) {
		put_client(out, r);
		audit_put_members(out, cJSON_GetObjectItemCaseSensitive(r->json, "args"));
	} else if (strcmp(r->kind, "outcome") == 0) {
		fprintf(out, " of=%" PRIu64 " ", r->intent);
		audit_put_result(out, r);
		fprintf(out, " us=%" PRIu64, audit_u64(r->json, "us"));
		audit_put_members(out, cJSON_GetObjectItemCaseSensitive(r->json, "result"));
	} else if (!put_denied_device(out, r)) {
		put_others(out, r->json);
	}
}

void audit_put_record(FILE *out, const struct audit_record *r)
{
	fprintf(out, "%" PRIu64 " ", r->seq);
	audit_put(out, r->time, 30);
	putc(' ', out);
	audit_put(out, r->chan, 16);
	if (*r->op) {
		putc('.', out);
		audit_put(out, r->op, 32);
	}
	putc(' ', out);
	audit_put(out, r->kind, 16);
	if (*r->container) {
		putc(' ', out);
		audit_put(out, r->container, ID_SHOWN);
	}
	audit_put_details(out, r);
	putc('\n', out);
}
