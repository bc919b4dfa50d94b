/* audit_read.c - lines and records of the audit log, and which of them are wanted. The input may be hostile: audit.h.
 *
 * Numbers reach 2^64 (tickets, masks, times), where cJSON's doubles end at 2^53: a longer one is kept as its own
 * digits. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <cjson/cJSON.h>

#include "../../helpers/base/digest.h"
#include "../../helpers/base/text.h"
#include "audit_log.h"

static const char hash_member[] = ",\"hash\":\"";
enum {
	HASH_MEMBER = sizeof(hash_member) - 1,
	HASH_END = HASH_MEMBER + AUDIT_HASH_HEX + 2,
	DIGITS_EXACT = 15 /* that many decimal digits every double keeps */
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

/* --- numbers -------------------------------------------------------------------------------------------------- */
/* The next number behind *p in a JSON text that parsed, outside of strings; its length, 0 at the end. */
static size_t next_number(const char **p)
{
	static const char of_numbers[] = "+-.0123456789Ee";
	const char *s = *p;

	for (; *s && *s != '-' && (*s < '0' || *s > '9'); s++)
		if (*s == '"')
			for (s++; *s && *s != '"'; s++)
				s += s[0] == '\\' && s[1];
	*p = s;
	return strspn(s, of_numbers);
}

/* Gives long numbers their text back: a walk of the tree meets them in the order of the text. */
static void keep_digits(cJSON *v, const char **text)
{
	for (; v; v = v->next) {
		size_t n;

		keep_digits(v->child, text);
		if (!cJSON_IsNumber(v))
			continue;
		n = next_number(text);
		if (n > DIGITS_EXACT && strcspn(*text, ".Ee") >= n) {
			v->valuestring = strndup(*text, n); /* freed with v: cJSON's memory is the C library's */
			v->type = v->valuestring ? cJSON_Raw : cJSON_Number;
		}
		*text += n;
	}
}

uint64_t audit_u64(const cJSON *json, const char *key)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(json, key);
	uint64_t n;

	if (cJSON_IsRaw(v))
		return text_u64(v->valuestring, UINT64_MAX, &n) == 0 ? n : 0;
	return cJSON_IsNumber(v) && v->valuedouble >= 0 && v->valuedouble < 1e15 ? (uint64_t)v->valuedouble : 0;
}

const char *audit_text(const cJSON *json, const char *key)
{
	const char *s = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, key));

	return s ? s : "";
}

bool audit_is_id(const char *s)
{
	uint8_t id[ID_BYTES];

	return hex_decode(s, id, sizeof(id)) == 0;
}

bool audit_parse(const char *line, size_t len, struct audit_record *ret)
{
	cJSON *json = strlen(line) == len ? cJSON_ParseWithLengthOpts(line, len + 1, NULL, 1) : NULL;
	const char *rest = line;
	const cJSON *args;

	keep_digits(json, &rest);
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
	/* The header says on whose behalf; where it says nothing, the arguments may (layer has the id for a name). */
	args = cJSON_GetObjectItemCaseSensitive(json, "args");
	if (!*ret->container)
		ret->container = audit_text(args, "container");
	if (!*ret->container && strcmp(ret->chan, "layer") == 0 && audit_is_id(audit_text(args, "name")))
		ret->container = audit_text(args, "name");
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

	digest_sha256(data, n, digest);
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
