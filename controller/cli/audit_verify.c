/* audit_verify.c - `postern audit verify`: is the log what was written?
 *
 * Each record has the hash of the one before and its own, so an edit, a drop and a reordering show in the file alone.
 * Who rewrites everything from some record on with fresh hashes is found by the anchors, which lie in another file (and
 * in the kernel's log); so is who cuts off the end. Torn lines, gaps and suppressed records are the log's own
 * statements of what went wrong or was counted, and are checked as such.
 *
 * The engine may go on writing meanwhile. Audit writes an anchor's record, then its anchor, then the next record: an
 * anchor that is not there yet when its record is read is there when the next record is. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "audit_log.h"

enum { CHANNELS = 16, TORN_KEPT = 65536, TRIES = 4, TRY_US = 50000 };

struct anchor {
	uint64_t seq;
	char hash[AUDIT_HASH_HEX + 1], time[40];
};

struct verifier {
	FILE *out;
	struct audit_reader *anchors_file;
	struct anchor *anchors;
	size_t nanchors, next_anchor, anchors_size;
	uint64_t seq; /* of the last good record */
	char hash[AUDIT_HASH_HEX + 1];
	uint64_t unanchored; /* sequence of an anchor record that is not in the anchors file */
	struct {
		char name[16];
		uint64_t last, missing;
	} channels[CHANNELS];
	unsigned nchannels;
	uint64_t lost, suppressed, torn_lines;
	char *torn;
	size_t torn_len;
	uint64_t torn_first; /* line number */
	bool too_torn, no_record; /* the first of the torn lines does not even end as a record does */
};

__attribute__((format(printf, 3, 4))) static int broken(const struct verifier *v, uint64_t line, const char *format,
							...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	/* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): clang-tidy 14 errs from the second file of a run on */
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	fprintf(v->out, "audit log is BROKEN at line %" PRIu64 ": %s\n", line, text);
	return AUDIT_FOUND;
}

/* A line that is being written: given a moment, it is read again from its start. */
static bool next_line(struct audit_reader *r)
{
	for (int tries = 0; tries < TRIES; tries++) {
		long at = ftell(r->file);

		if (!audit_next(r))
			return false;
		if (r->complete || !feof(r->file) || tries == TRIES - 1 || at < 0)
			return true;
		usleep(TRY_US);
		clearerr(r->file);
		fseek(r->file, at, SEEK_SET);
		r->number--;
	}
	return false;
}

static int add_anchor(struct verifier *v, const struct audit_reader *r)
{
	cJSON *json = cJSON_ParseWithLength(r->text, r->len);
	struct anchor a = { audit_u64(json, "seq"), "", "" };

	snprintf(a.hash, sizeof(a.hash), "%s", audit_text(json, "hash"));
	snprintf(a.time, sizeof(a.time), "%s", audit_text(json, "time"));
	cJSON_Delete(json);
	if (!a.seq || strlen(a.hash) != AUDIT_HASH_HEX || (v->nanchors && a.seq <= v->anchors[v->nanchors - 1].seq)) {
		fprintf(v->out, "anchors are BROKEN at line %" PRIu64 ": %s\n", r->number,
			a.seq && strlen(a.hash) == AUDIT_HASH_HEX ? "not in order" : "this is no anchor");
		return AUDIT_FOUND;
	}
	if (v->nanchors == v->anchors_size) {
		size_t size = v->anchors_size ? v->anchors_size * 2 : 64;
		struct anchor *more = reallocarray(v->anchors, size, sizeof(*more));

		if (!more)
			return AUDIT_UNREADABLE;
		v->anchors = more;
		v->anchors_size = size;
	}
	v->anchors[v->nanchors++] = a;
	return AUDIT_OK;
}

/* Those that were not read yet. Anchors grow with their line; each is one JSON object. */
static int read_anchors(struct verifier *v)
{
	int e = AUDIT_OK;

	clearerr(v->anchors_file->file);
	while (e == AUDIT_OK && next_line(v->anchors_file))
		e = add_anchor(v, v->anchors_file);
	return e;
}

/* A later line with the record that should be here: then it was moved, else it is gone. */
static bool comes_later(const struct audit_reader *r, uint64_t seq)
{
	long at = ftell(r->file);
	struct audit_reader *ahead = malloc(sizeof(*ahead));
	bool found = false;

	if (!ahead || at < 0) {
		free(ahead);
		return false;
	}
	*ahead = *r;
	while (!found && audit_next(ahead)) {
		struct audit_record rec;

		if (!audit_parse(ahead->text, ahead->len, &rec))
			continue;
		found = rec.seq == seq;
		audit_record_free(&rec);
	}
	free(ahead);
	fseek(r->file, at, SEEK_SET);
	return found;
}

static int check_order(struct verifier *v, const struct audit_reader *r, const struct audit_record *rec)
{
	uint64_t want = v->seq + 1;

	if (rec->seq < want)
		return broken(v, r->number, "record %" PRIu64 " stands after record %" PRIu64 ": reordered or repeated",
			      rec->seq, v->seq);
	if (rec->seq > want && comes_later(r, want))
		return broken(v, r->number, "record %" PRIu64 " stands before record %" PRIu64 ": reordered", rec->seq,
			      want);
	if (rec->seq > want)
		return broken(v, r->number, "records %" PRIu64 " to %" PRIu64 " are missing: dropped", want,
			      rec->seq - 1);
	if (strcmp(rec->prev, v->hash) != 0)
		return broken(v, r->number,
			      "record %" PRIu64 " does not follow the one before it: one of them was replaced",
			      rec->seq);
	return AUDIT_OK;
}

static int compare_anchor(struct verifier *v, uint64_t line, uint64_t seq, const char *hash)
{
	const struct anchor *a = &v->anchors[v->next_anchor];
	uint64_t since = v->next_anchor ? a[-1].seq : 0;

	if (strcmp(a->hash, hash) != 0)
		return broken(v, line,
			      "record %" PRIu64 " is not the one that was anchored at %s: rewritten between "
			      "records %" PRIu64 " and %" PRIu64,
			      seq, a->time, since + 1, seq);
	v->next_anchor++;
	return AUDIT_OK;
}

static bool anchored(const struct verifier *v, uint64_t seq)
{
	return v->next_anchor < v->nanchors && v->anchors[v->next_anchor].seq == seq;
}

static int check_anchor(struct verifier *v, const struct audit_reader *r, const struct audit_record *rec)
{
	int e;

	if (v->unanchored) {
		e = read_anchors(v);
		if (e != AUDIT_OK)
			return e;
		if (!anchored(v, v->unanchored))
			return broken(v, r->number - 1,
				      "record %" PRIu64 " is an anchor that the anchors file does not have",
				      v->unanchored);
		e = compare_anchor(v, r->number - 1, v->unanchored, v->hash);
		v->unanchored = 0;
		if (e != AUDIT_OK)
			return e;
	}
	if (anchored(v, rec->seq))
		return compare_anchor(v, r->number, rec->seq, rec->hash);
	if (strcmp(rec->kind, "anchor") == 0)
		v->unanchored = rec->seq; /* only the last record may be: a crash came between the two */
	return AUDIT_OK;
}

/* What was not written one by one must add up: README of helpers/audit. */
static int check_channel(struct verifier *v, const struct audit_reader *r, const struct audit_record *rec)
{
	bool counts = strcmp(rec->kind, "suppressed") == 0 || strcmp(rec->kind, "gap") == 0;
	uint64_t at = counts ? audit_u64(rec->json, "last") : rec->cseq, count = audit_u64(rec->json, "count");
	unsigned i = 0;

	if (strcmp(rec->kind, "start") == 0 && audit_u64(rec->json, "fresh"))
		v->nchannels = 0;
	if (!at)
		return AUDIT_OK;
	while (i < v->nchannels && strcmp(v->channels[i].name, rec->chan) != 0)
		i++;
	if (i == v->nchannels) {
		if (i == CHANNELS || strlen(rec->chan) >= sizeof(v->channels[0].name))
			return broken(v, r->number, "record %" PRIu64 " is of a channel that does not exist", rec->seq);
		memset(&v->channels[i], 0, sizeof(v->channels[i]));
		memcpy(v->channels[v->nchannels++].name, rec->chan, strlen(rec->chan));
	}
	if (at < v->channels[i].last || (!counts && at == v->channels[i].last))
		return broken(v, r->number, "record %" PRIu64 ": the helper's own number runs backwards", rec->seq);
	v->channels[i].missing += at - v->channels[i].last - (counts ? 0 : 1);
	v->channels[i].last = at;
	if (!counts)
		return AUDIT_OK;
	if (count > v->channels[i].missing || (rec->kind[0] == 's' && count != v->channels[i].missing))
		return broken(v, r->number,
			      "record %" PRIu64 " counts %" PRIu64 " others, but %" PRIu64 " are not there", rec->seq,
			      count, v->channels[i].missing);
	v->channels[i].missing -= count;
	*(rec->kind[0] == 's' ? &v->suppressed : &v->lost) += count;
	return AUDIT_OK;
}

static void keep_torn(struct verifier *v, const struct audit_reader *r)
{
	char *more = v->torn_len + r->len + 1 <= TORN_KEPT ? realloc(v->torn, v->torn_len + r->len + 1) : NULL;

	if (!v->torn_first) {
		v->torn_first = r->number;
		v->no_record = !audit_hashed_length(r->text, r->len);
	}
	v->too_torn |= !more;
	if (!more)
		return;
	v->torn = more;
	memcpy(v->torn + v->torn_len, r->text, r->len);
	v->torn_len += r->len;
	if (r->complete)
		v->torn[v->torn_len++] = '\n';
}

/* Lines that are no records are only good when the record behind them says exactly which bytes they are. */
static int check_torn(struct verifier *v, const struct audit_record *rec)
{
	char hash[AUDIT_HASH_HEX + 1];

	if (!v->torn_first)
		return AUDIT_OK;
	audit_hash(v->torn, v->torn_len, hash);
	if (rec && strcmp(rec->kind, "torn") == 0 && !v->too_torn && audit_u64(rec->json, "bytes") == v->torn_len &&
	    strcmp(audit_text(rec->json, "sha256"), hash) == 0) {
		v->torn_lines++;
		v->torn_first = 0;
		v->torn_len = 0;
		return AUDIT_OK;
	}
	if (!v->no_record)
		return broken(v, v->torn_first, "its hash does not fit its text: edited");
	if (!rec)
		return broken(v, v->torn_first, "the last line is no whole record: torn, or edited");
	if (strcmp(rec->kind, "torn") == 0)
		return broken(v, v->torn_first, "not the torn bytes that record %" PRIu64 " tells of: edited",
			      rec->seq);
	return broken(v, v->torn_first, "this is no record: overwritten or put in");
}

static int check_line(struct verifier *v, const struct audit_reader *r)
{
	size_t n = r->complete ? audit_hashed_length(r->text, r->len) : 0;
	char hash[AUDIT_HASH_HEX + 1];
	struct audit_record rec;
	int e;

	if (n)
		audit_hash(r->text, n, hash);
	if (!n || memcmp(r->text + r->len - 2 - AUDIT_HASH_HEX, hash, AUDIT_HASH_HEX) != 0 ||
	    !audit_parse(r->text, r->len, &rec)) {
		keep_torn(v, r);
		return AUDIT_OK;
	}
	e = check_torn(v, &rec);
	if (e == AUDIT_OK)
		e = check_order(v, r, &rec);
	if (e == AUDIT_OK)
		e = check_anchor(v, r, &rec);
	if (e == AUDIT_OK)
		e = check_channel(v, r, &rec);
	v->seq = rec.seq;
	memcpy(v->hash, hash, sizeof(v->hash));
	audit_record_free(&rec);
	return e;
}

static int check_end(struct verifier *v, uint64_t lines)
{
	int e = check_torn(v, NULL);

	if (e != AUDIT_OK)
		return e;
	if (v->next_anchor < v->nanchors) {
		const struct anchor *a = &v->anchors[v->next_anchor];

		return broken(v, lines,
			      "the log ends at record %" PRIu64 ", but record %" PRIu64
			      " was anchored at %s: truncated",
			      v->seq, a->seq, a->time);
	}
	fprintf(v->out, "audit log is whole: %" PRIu64 " records, %zu anchors, head %s", v->seq, v->nanchors, v->hash);
	if (v->suppressed)
		fprintf(v->out, ", %" PRIu64 " denials only counted", v->suppressed);
	if (v->lost)
		fprintf(v->out, ", %" PRIu64 " messages of helpers never arrived", v->lost);
	if (v->torn_lines)
		fprintf(v->out, ", %" PRIu64 " torn lines (full disk or power loss)", v->torn_lines);
	putc('\n', v->out);
	return AUDIT_OK;
}

static int verify_files(struct verifier *v, struct audit_reader *log)
{
	int e = read_anchors(v);

	while (e == AUDIT_OK && next_line(log))
		e = check_line(v, log);
	return e == AUDIT_OK ? check_end(v, log->number) : e;
}

int audit_verify(const char *dir, FILE *out)
{
	struct audit_reader *r = calloc(2, sizeof(*r));
	struct verifier v = { .out = out, .anchors_file = r };
	int e = AUDIT_UNREADABLE;

	memset(v.hash, '0', AUDIT_HASH_HEX);
	if (r && audit_open(&r[0], dir, "anchors") == 0 && audit_open(&r[1], dir, "audit.log") == 0)
		e = verify_files(&v, &r[1]);
	if (r) {
		audit_close(&r[0]);
		audit_close(&r[1]);
	}
	free(v.anchors);
	free(v.torn);
	free(r);
	return e;
}
