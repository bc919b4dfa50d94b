/* audit_read.c - reading lines and records of the audit log, and showing them. The input may be hostile: audit.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <cjson/cJSON.h>
#include <openssl/sha.h>

#include "../../helpers/base/text.h"
#include "audit_log.h"

static const char hash_member[] = ",\"hash\":\"";
enum {
	HASH_MEMBER = sizeof(hash_member) - 1,
	HASH_END = HASH_MEMBER + AUDIT_HASH_HEX + 2,
	VALUE_SHOWN = 80,
	ID_SHOWN = 12
};

int audit_open(struct audit_reader *r, const char *dir, const char *name)
{
	char path[4096];

	memset(r, 0, sizeof(*r));
	if (text_format(path, sizeof(path), "%s/%s", dir, name) == 0)
		r->file = fopen(path, "re");
	else
		errno = ENAMETOOLONG;
	if (r->file)
		return 0;
	fprintf(stderr, "postern: %s/%s: %s\n", dir, name, strerror(errno));
	return -1;
}

void audit_close(struct audit_reader *r)
{
	if (r->file)
		fclose(r->file);
	r->file = NULL;
}

bool audit_next(struct audit_reader *r)
{
	int c;

	r->len = 0;
	r->complete = false;
	while (r->len < sizeof(r->text) - 1) {
		c = getc_unlocked(r->file);
		if (c == EOF || c == '\n') {
			r->complete = c == '\n';
			break;
		}
		r->text[r->len++] = (char)c;
	}
	r->text[r->len] = '\0';
	if (r->len == 0 && !r->complete)
		return false;
	r->number++;
	return true;
}

uint64_t audit_u64(const cJSON *json, const char *key)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(json, key);

	return cJSON_IsNumber(v) && v->valuedouble >= 0 && v->valuedouble < 9007199254740992.0
		       ? (uint64_t)v->valuedouble
		       : 0;
}

const char *audit_text(const cJSON *json, const char *key)
{
	const char *s = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, key));

	return s ? s : "";
}

bool audit_parse(const char *line, size_t len, struct audit_record *ret)
{
	cJSON *json = strlen(line) == len ? cJSON_ParseWithLengthOpts(line, len + 1, NULL, 1) : NULL;

	if (!cJSON_IsObject(json) || !audit_u64(json, "seq")) {
		cJSON_Delete(json);
		return false;
	}
	*ret = (struct audit_record){
		.json = json,
		.seq = audit_u64(json, "seq"),
		.cseq = audit_u64(json, "cseq"),
		.intent = audit_u64(json, "intent"),
		.chan = audit_text(json, "chan"),
		.kind = audit_text(json, "kind"),
		.time = audit_text(json, "time"),
		.op = audit_text(json, "op"),
		.decision = audit_text(json, "decision"),
		.container = audit_text(json, "container"),
		.prev = audit_text(json, "prev"),
		.hash = audit_text(json, "hash"),
		.error = (int)(audit_u64(json, "errno") & 4095),
	};
	/* The header says on whose behalf; where it says nothing, the arguments may. */
	if (!*ret->container)
		ret->container = audit_text(cJSON_GetObjectItemCaseSensitive(json, "args"), "container");
	return true;
}

void audit_record_free(struct audit_record *r)
{
	cJSON_Delete(r->json);
	r->json = NULL;
}

void audit_hash(const void *data, size_t n, char *out)
{
	uint8_t digest[AUDIT_HASH_HEX / 2];

	SHA256(data, n, digest);
	hex_encode(digest, sizeof(digest), out);
}

size_t audit_hashed_length(const char *line, size_t len)
{
	if (len <= HASH_END || memcmp(line + len - HASH_END, hash_member, HASH_MEMBER) != 0 ||
	    memcmp(line + len - 2, "\"}", 2) != 0)
		return 0;
	return len - HASH_END;
}

int64_t audit_time_ns(const char *text)
{
	struct tm tm = { 0 };
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	int64_t ns = 0, unit = 100000000;

	if (!rest)
		return -1;
	if (*rest == '.')
		for (rest++; *rest >= '0' && *rest <= '9'; rest++, unit /= 10)
			ns += (*rest - '0') * unit;
	return strcmp(rest, "Z") == 0 ? (int64_t)timegm(&tm) * 1000000000 + ns : -1;
}

static bool op_matches(const char *want, const struct audit_record *r)
{
	const char *dot = strchr(want, '.');

	if (!dot)
		return strcasecmp(want, r->op) == 0;
	return strlen(r->chan) == (size_t)(dot - want) && strncasecmp(want, r->chan, strlen(r->chan)) == 0 &&
	       strcasecmp(dot + 1, r->op) == 0;
}

bool audit_matches(const struct audit_filter *f, const struct audit_record *r)
{
	int64_t t;

	if (!f)
		return true;
	if ((f->helper && strcmp(f->helper, r->chan) != 0) || (f->op && !op_matches(f->op, r)) ||
	    (f->kind && strcmp(f->kind, r->kind) != 0) ||
	    (f->container && (!*r->container || strncmp(f->container, r->container, strlen(f->container)) != 0)) ||
	    (f->denied && strcmp(r->decision, "denied") != 0 && strcmp(r->kind, "suppressed") != 0))
		return false;
	if (!f->since_ns && !f->until_ns)
		return true;
	t = audit_time_ns(r->time);
	return (!f->since_ns || t >= f->since_ns) && (!f->until_ns || t <= f->until_ns);
}

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

static bool is_id(const char *s)
{
	uint8_t id[ID_BYTES];

	return hex_decode(s, id, sizeof(id)) == 0;
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
			audit_put(out, m->valuestring, is_id(m->valuestring) ? ID_SHOWN : VALUE_SHOWN);
		} else if (cJSON_IsNumber(m) && m->valuedouble > 1.8e19) {
			fputs("max", out); /* near 2^64: no limit */
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
		fputs(" by ", out);
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
	} else {
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
