#include "audit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../base/clock.h"
#include "../base/text.h"
#include "call.h"
#include "server.h"

enum { BODY_MAX = 8192 }; /* as ops.h bounds the body */

void json_begin(struct json_text *j, char *buf, size_t size)
{
	*j = (struct json_text){ .buf = buf, .size = size };
	buf[0] = '\0';
}

/* Adds whole or not at all, so that a full text is still well-formed. */
static void add(struct json_text *j, const char *text)
{
	size_t n = strlen(text);

	if (j->full || j->size - j->len <= n) {
		j->full = 1;
		return;
	}
	memcpy(j->buf + j->len, text, n);
	j->len += n;
	j->buf[j->len] = '\0';
}

/* "key":value, with a bracket or quote on each side of the value or "". */
static void member(struct json_text *j, const char *key, const char *open, const char *value, const char *close)
{
	size_t start = j->len;

	if (j->full)
		return;
	if (start)
		add(j, ",");
	add(j, "\"");
	add(j, key);
	add(j, "\":");
	add(j, open);
	add(j, value);
	add(j, close);
	if (j->full) {
		j->len = start;
		j->buf[start] = '\0';
	}
}

void json_u64(struct json_text *j, const char *key, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	member(j, key, "", text, "");
}

void json_str(struct json_text *j, const char *key, const char *value)
{
	char text[BODY_MAX];
	size_t n = 0;

	for (; *value && n < sizeof(text) - 8; value++) {
		unsigned char c = (unsigned char)*value;

		if (c == '"' || c == '\\') {
			text[n++] = '\\';
			text[n++] = (char)c;
		} else if (c < 0x20 || c == 0x7f) {
			n += (size_t)snprintf(text + n, 7, "\\u%04x", c);
		} else {
			text[n++] = (char)c;
		}
	}
	text[n] = '\0';
	member(j, key, "\"", text, "\"");
}

void json_raw(struct json_text *j, const char *members)
{
	if (*members == '\0' || j->full)
		return;
	if (j->len)
		add(j, ",");
	add(j, members);
}

static bool has_container(const struct request *r)
{
	static const uint8_t none[ID_BYTES];

	return memcmp(r->container, none, ID_BYTES) != 0;
}

static void head(struct json_text *j, struct request *r)
{
	char hex[ID_HEX + 1];

	json_str(j, "op", r->op->name);
	json_u64(j, "pid", (uint64_t)getpid());
	json_str(j, "build", ((const struct policy_common *)r->helper->policy)->build);
	if (r->api_id)
		json_u64(j, "api", r->api_id);
	if (has_container(r)) {
		hex_encode(r->container, ID_BYTES, hex);
		json_str(j, "container", hex);
	}
}

static void channel_sequence(struct json_text *j, struct helper *h)
{
	json_u64(j, "cseq", ++h->keep->sequence);
}

int audit_intent(int audit, struct request *r, uint64_t *ret_sequence)
{
	const struct policy_common *common = r->helper->policy;
	struct req_audit_intent req = { .release = r->op->class == CLASS_RELEASE, .client = r->client_fd };
	struct call_options options = { .id = ++r->helper->audit_id, .client = -1 };
	struct rep_audit_intent rep;
	char args[BODY_MAX - 1024];
	struct json_text j;
	int e;

	json_begin(&j, req.body, sizeof(req.body));
	channel_sequence(&j, r->helper);
	head(&j, r);
	message_render(&r->op->req, r->req, args, sizeof(args));
	member(&j, "args", "{", args, "}");
	e = call(audit, OP_AUDIT_INTENT, &req, &rep, &options, NULL);
	if (e < 0)
		return e;
	*ret_sequence = rep.sequence;
	/* Inside the range namespace the kernel shows us no uid outside it, and the ones that it has may have other
	 * numbers there. */
	if (r->client_fd >= 0 && (r->client.uid == OVERFLOW_ID ||
				  r->client.uid - common->range_first <= common->range_last - common->range_first)) {
		r->client_rights = rep.rights;
		r->client.uid = rep.uid;
		r->client.gid = rep.gid;
		r->client.pid = (pid_t)rep.pid;
	}
	return 0;
}

int audit_outcome(int audit, struct request *r, int status, const void *rep)
{
	struct req_audit_outcome req = { .sequence = r->sequence };
	struct call_options options = { .id = ++r->helper->audit_id, .client = -1 };
	char results[BODY_MAX - 1024];
	struct json_text j;

	json_begin(&j, req.body, sizeof(req.body));
	channel_sequence(&j, r->helper);
	head(&j, r);
	json_str(&j, "decision", status == -EPERM || status == -EACCES ? "denied" : status < 0 ? "failed" : "done");
	json_u64(&j, "errno", (uint64_t)-status);
	if (r->stage[0])
		json_str(&j, "stage", r->stage);
	if (r->rule[0])
		json_str(&j, "rule", r->rule);
	json_u64(&j, "us", (clock_ns() - r->started_ns) / 1000);
	if (status == 0 && rep) {
		message_render(&r->op->rep, rep, results, sizeof(results));
		if (results[0])
			member(&j, "result", "{", results, "}");
	}
	return call_send(audit, OP_AUDIT_OUTCOME, &req, &options, 0);
}

void helper_event(struct helper *h, const char *members)
{
	struct req_audit_event req;
	struct call_options options = { .id = ++h->audit_id, .client = -1 };
	struct json_text j;

	json_begin(&j, req.body, sizeof(req.body));
	channel_sequence(&j, h);
	json_u64(&j, "pid", (uint64_t)getpid());
	json_raw(&j, members);
	/* Never waits: a flood of denials must not stop the helper; audit sees the gap in cseq and says so. */
	call_send(h->audit, OP_AUDIT_EVENT, &req, &options, MSG_DONTWAIT);
}
