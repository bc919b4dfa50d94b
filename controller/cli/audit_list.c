/* audit_list.c - `postern audit list`, `follow` and `export`: records as lines, as they are, or as OCSF events. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "audit_log.h"

enum { FOLLOW_MS = 200, TAIL_MAX = 100000 };

static void show(FILE *out, const struct audit_reader *r, const struct audit_record *rec, bool json)
{
	if (json)
		audit_put_line(out, r->text, r->len);
	else
		audit_put_record(out, rec);
}

/* Offsets of the last so many matching lines. */
struct tail {
	long *at;
	uint64_t n, size;
};

static void list_all(struct audit_reader *r, const struct audit_filter *f, FILE *out, bool json, struct tail *tail)
{
	struct audit_record rec;
	long at = ftell(r->file);

	for (; audit_next(r); at = ftell(r->file)) {
		if (!audit_parse(r->text, r->len, &rec))
			continue;
		if (audit_matches(f, &rec)) {
			if (tail)
				tail->at[tail->n++ % tail->size] = at;
			else
				show(out, r, &rec, json);
		}
		audit_record_free(&rec);
	}
}

static int list(struct audit_reader *r, const struct audit_filter *f, FILE *out, bool json)
{
	struct tail tail = { .size = f ? f->tail : 0 };

	if (!tail.size) {
		list_all(r, f, out, json, NULL);
		return AUDIT_OK;
	}
	if (tail.size > TAIL_MAX)
		tail.size = TAIL_MAX;
	tail.at = calloc(tail.size, sizeof(*tail.at));
	if (!tail.at)
		return AUDIT_UNREADABLE;
	list_all(r, f, out, json, &tail);
	for (uint64_t i = tail.n > tail.size ? tail.n - tail.size : 0; i < tail.n; i++) {
		struct audit_record rec;

		if (fseek(r->file, tail.at[i % tail.size], SEEK_SET) == 0 && audit_next(r) &&
		    audit_parse(r->text, r->len, &rec)) {
			show(out, r, &rec, json);
			audit_record_free(&rec);
		}
	}
	free(tail.at);
	return AUDIT_OK;
}

int audit_list(const char *dir, const struct audit_filter *f, FILE *out, bool json)
{
	struct audit_reader *r = malloc(sizeof(*r));
	int e = AUDIT_UNREADABLE;

	if (r && audit_open(r, dir, "audit.log") == 0) {
		e = list(r, f, out, json);
		audit_close(r);
	}
	free(r);
	return e;
}

/* Nothing can come any more: the engine and its data were removed. */
static bool removed(const struct audit_reader *r)
{
	struct stat st;

	return fstat(fileno(r->file), &st) == 0 && st.st_nlink == 0;
}

int audit_follow(const char *dir, const struct audit_filter *f, FILE *out, bool json)
{
	struct audit_reader *r = malloc(sizeof(*r));
	int e = AUDIT_OK;
	long end = 0;

	if (!r || audit_open(r, dir, "audit.log") < 0) {
		free(r);
		return AUDIT_UNREADABLE;
	}
	fseek(r->file, 0, SEEK_END);
	end = ftell(r->file);
	if (f && f->tail) {
		rewind(r->file);
		e = list(r, f, out, json);
		fseek(r->file, end, SEEK_SET);
	}
	for (;;) {
		struct audit_record rec;

		if (fflush(out) != 0 || ferror(out))
			break;
		/* A line that is not whole yet is read again. */
		if (!audit_next(r) || !r->complete) {
			if (removed(r))
				break;
			usleep(FOLLOW_MS * 1000);
			clearerr(r->file);
			fseek(r->file, end, SEEK_SET);
			continue;
		}
		end = ftell(r->file);
		if (!audit_parse(r->text, r->len, &rec))
			continue;
		if (audit_matches(f, &rec))
			show(out, r, &rec, json);
		audit_record_free(&rec);
	}
	audit_close(r);
	free(r);
	return e;
}

/* --- OCSF (schema.ocsf.io 1.3), class API Activity ----------------------------------------------------------- */
enum {
	OCSF_CATEGORY = 6,
	OCSF_CLASS = 6003,
	OCSF_CREATE = 1,
	OCSF_READ = 2,
	OCSF_UPDATE = 3,
	OCSF_DELETE = 4,
	OCSF_OTHER = 99
};

static int activity_of(const char *op)
{
	static const struct {
		const char *op;
		int activity;
	} rows[] = {
		{ "CREATE", OCSF_CREATE }, { "MAP", OCSF_CREATE },    { "ATTACH", OCSF_CREATE },
		{ "ROOTFS", OCSF_CREATE }, { "BIND", OCSF_CREATE },   { "VOLUME", OCSF_CREATE },
		{ "UNPACK", OCSF_CREATE }, { "OPEN", OCSF_READ },     { "LIST", OCSF_READ },
		{ "STAT", OCSF_READ },	   { "SIZE", OCSF_READ },     { "USER", OCSF_READ },
		{ "UPDATE", OCSF_UPDATE }, { "FREEZE", OCSF_UPDATE }, { "START", OCSF_UPDATE },
		{ "SIGNAL", OCSF_UPDATE }, { "REMOVE", OCSF_DELETE }, { "RELEASE", OCSF_DELETE },
		{ "DROP", OCSF_DELETE },   { "KILL", OCSF_DELETE },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(rows[i].op, op) == 0)
			return rows[i].activity;
	return OCSF_OTHER;
}

static cJSON *ocsf_metadata(const struct audit_record *r)
{
	cJSON *m = cJSON_CreateObject(), *product = cJSON_AddObjectToObject(m, "product");
	char id[32];

	cJSON_AddStringToObject(m, "version", "1.3.0");
	cJSON_AddStringToObject(product, "name", "Postern");
	cJSON_AddStringToObject(product, "vendor_name", "Postern");
	cJSON_AddStringToObject(m, "log_name", "audit.log");
	cJSON_AddStringToObject(m, "uid", r->hash);
	cJSON_AddNumberToObject(m, "sequence", (double)r->seq);
	/* both records of an act have the intent's number */
	if (r->intent || strcmp(r->kind, "intent") == 0) {
		snprintf(id, sizeof(id), "%" PRIu64, r->intent ? r->intent : r->seq);
		cJSON_AddStringToObject(m, "correlation_uid", id);
	}
	return m;
}

static cJSON *ocsf_actor(const struct audit_record *r)
{
	const cJSON *client = cJSON_GetObjectItemCaseSensitive(r->json, "client");
	cJSON *actor = cJSON_CreateObject(), *user, *process;
	char uid[32];

	cJSON_AddStringToObject(actor, "app_name", "posternd");
	if (!cJSON_HasObjectItem(client, "uid"))
		return actor;
	snprintf(uid, sizeof(uid), "%" PRIu64, audit_u64(client, "uid"));
	user = cJSON_AddObjectToObject(actor, "user");
	cJSON_AddStringToObject(user, "uid", uid);
	process = cJSON_AddObjectToObject(actor, "process");
	cJSON_AddNumberToObject(process, "pid", (double)audit_u64(client, "pid"));
	return actor;
}

static void ocsf_status(cJSON *o, const struct audit_record *r)
{
	bool denied = strcmp(r->decision, "denied") == 0;
	int status = denied || r->error ? 2 : strcmp(r->decision, "done") == 0 ? 1 : 0;
	static const char *const words[] = { "Unknown", "Success", "Failure" };

	cJSON_AddNumberToObject(o, "status_id", status);
	cJSON_AddStringToObject(o, "status", words[status]);
	if (r->error)
		cJSON_AddStringToObject(o, "status_code", strerrorname_np(r->error) ? strerrorname_np(r->error) : "?");
	if (*audit_text(r->json, "rule"))
		cJSON_AddStringToObject(o, "status_detail", audit_text(r->json, "rule"));
	cJSON_AddNumberToObject(o, "severity_id", denied ? 3 : 1);
	cJSON_AddStringToObject(o, "severity", denied ? "Medium" : "Informational");
}

static void put_ocsf(FILE *out, const struct audit_record *r)
{
	cJSON *o = cJSON_CreateObject(), *api, *resources, *resource;
	int64_t ms = audit_time_ns(r->time) / 1000000;
	int activity = activity_of(r->op);
	char *text;

	cJSON_AddNumberToObject(o, "category_uid", OCSF_CATEGORY);
	cJSON_AddNumberToObject(o, "class_uid", OCSF_CLASS);
	cJSON_AddNumberToObject(o, "activity_id", activity);
	cJSON_AddNumberToObject(o, "type_uid", OCSF_CLASS * 100 + activity);
	cJSON_AddNumberToObject(o, "time", (double)ms);
	cJSON_AddItemToObject(o, "metadata", ocsf_metadata(r));
	cJSON_AddItemToObject(o, "actor", ocsf_actor(r));
	cJSON_AddStringToObject(cJSON_AddObjectToObject(o, "src_endpoint"), "svc_name", "posternd");
	api = cJSON_AddObjectToObject(o, "api");
	cJSON_AddStringToObject(api, "operation", *r->op ? r->op : r->kind);
	cJSON_AddStringToObject(cJSON_AddObjectToObject(api, "service"), "name", r->chan);
	ocsf_status(o, r);
	if (*r->container) {
		resources = cJSON_AddArrayToObject(o, "resources");
		resource = cJSON_CreateObject();
		cJSON_AddStringToObject(resource, "type", "container");
		cJSON_AddStringToObject(resource, "uid", r->container);
		cJSON_AddItemToArray(resources, resource);
	}
	cJSON_AddItemToObject(o, "unmapped", cJSON_Duplicate(r->json, 1));
	text = cJSON_PrintUnformatted(o);
	if (text)
		audit_put_line(out, text, strlen(text));
	free(text);
	cJSON_Delete(o);
}

int audit_export(const char *dir, const char *format, FILE *out)
{
	bool ocsf = strcmp(format, "ocsf") == 0;
	struct audit_reader *r;
	struct audit_record rec;

	if (!ocsf && strcmp(format, "json") != 0) {
		fprintf(stderr, "postern: unknown format, use json or ocsf\n");
		return AUDIT_UNREADABLE;
	}
	r = malloc(sizeof(*r));
	if (!r || audit_open(r, dir, "audit.log") < 0) {
		free(r);
		return AUDIT_UNREADABLE;
	}
	while (audit_next(r)) {
		if (!audit_parse(r->text, r->len, &rec))
			continue;
		if (ocsf)
			put_ocsf(out, &rec);
		else
			audit_put_line(out, r->text, r->len);
		audit_record_free(&rec);
	}
	audit_close(r);
	free(r);
	return AUDIT_OK;
}
