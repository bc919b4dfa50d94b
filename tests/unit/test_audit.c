/* test_audit.c - the chain that postern-audit writes, what it makes of hostile bodies, and that `postern audit verify`
 * finds every kind of change: edit, drop, reordering, repetition, rewriting with fresh hashes, truncation. */
#include <CUnit/Basic.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "../../helpers/audit/body.c"
#include "../../helpers/audit/chain.c"

#include "../../controller/cli/audit_list.c"
#include "../../controller/cli/audit_read.c"
#include "../../controller/cli/audit_receipt.c"
#include "../../controller/cli/audit_show.c"
#include "../../controller/cli/audit_verify.c"

enum { RECORDS = 30, LINES_MAX = 256 };

static char dir[64], log_path[96], anchors_path[96];
static struct chain chain;
static char said[16384]; /* output of the last reader */

static void log_close(void)
{
	close_fd(chain.log);
	close_fd(chain.anchors);
}

static int log_open(void)
{
	memset(&chain, 0, sizeof(chain));
	chain.log = open(log_path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	chain.anchors = open(anchors_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	chain.kernel_log = -EBADF;
	chain.max_bytes = 1 << 20;
	chain.reserve = 64 << 10;
	strcpy(chain.boot, "00000000-0000-0000-0000-000000000000");
	return chain_open(&chain);
}

static int put_record(const char *channel, const char *kind, uint64_t cseq, const char *body, const char *extra)
{
	const struct record r = { channel, kind, cseq, body, extra };

	return chain_append(&chain, &r, NULL);
}

/* A log with acts of two helpers and an anchor every ten records, the last one right at the end. */
static void log_make(void)
{
	char extra[64];

	unlink(log_path);
	unlink(anchors_path);
	CU_ASSERT_EQUAL_FATAL(log_open(), 0);
	put_record("audit", "start", 0, "", "\"fresh\":1");
	for (uint64_t i = 1; i <= RECORDS; i++) {
		put_record("mount", "intent", 2 * i - 1,
			   "\"op\":\"BIND\",\"container\":"
			   "\"aaaa000000000000000000000000000000000000000000000000000000000000\","
			   "\"args\":{\"source\":1}",
			   "\"release\":0");
		snprintf(extra, sizeof(extra), "\"intent\":%" PRIu64, chain.sequence);
		put_record("mount", "outcome", 2 * i, "\"op\":\"BIND\",\"decision\":\"done\",\"errno\":0,\"us\":7",
			   extra);
		if (i % 5 == 0)
			chain_anchor(&chain);
	}
	log_close();
}

/* --- changing the file --------------------------------------------------------------------------------------- */
static char *lines[LINES_MAX];
static size_t nlines;

static void lines_read(void)
{
	FILE *f = fopen(log_path, "r");
	size_t size = 0;
	char *line = NULL;

	nlines = 0;
	while (getline(&line, &size, f) > 0) {
		lines[nlines++] = line;
		line = NULL;
		size = 0;
	}
	free(line);
	fclose(f);
}

static void lines_write(void)
{
	FILE *f = fopen(log_path, "w");

	for (size_t i = 0; i < nlines; i++) {
		fputs(lines[i], f);
		free(lines[i]);
	}
	fclose(f);
}

/* What somebody with write access who knows the format would do: new hashes from line k on. */
static void rehash(size_t k)
{
	for (; k < nlines; k++) {
		size_t n = strlen(lines[k]) - 1 - SUFFIX;
		char *prev = strstr(lines[k], ",\"prev\":\"") + 9;

		if (k > 0)
			memcpy(prev, lines[k - 1] + strlen(lines[k - 1]) - 3 - HASH_HEX, HASH_HEX);
		char hash[HASH_HEX + 1];

		hash_hex(lines[k], n, hash);
		memcpy(lines[k] + n + HASH_KEY, hash, HASH_HEX);
	}
}

static void drop(size_t k)
{
	free(lines[k]);
	memmove(lines + k, lines + k + 1, (--nlines - k) * sizeof(*lines));
}

static int verify(void)
{
	FILE *f = fmemopen(said, sizeof(said), "w");
	int e = audit_verify(dir, f);

	fclose(f);
	return e;
}

static void expect(int want, const char *word)
{
	int e = verify();

	CU_ASSERT_EQUAL(e, want);
	CU_ASSERT_PTR_NOT_NULL(strstr(said, word));
	if (e != want || !strstr(said, word))
		printf("\n    wanted \"%s\", got %d: %s", word, e, said);
}

static void test_whole(void)
{
	log_make();
	expect(0, "is whole: 67 records, 6 anchors");
	/* A restart goes on with it. */
	CU_ASSERT_EQUAL(log_open(), 0);
	CU_ASSERT_EQUAL(chain.sequence, 67);
	put_record("audit", "start", 0, "", "\"fresh\":0");
	put_record("mount", "intent", 2 * RECORDS + 1, "\"op\":\"DROP\"", "\"release\":1");
	log_close();
	expect(0, "is whole: 69 records");
}

static void test_edit(void)
{
	log_make();
	lines_read();
	*strstr(lines[20], "BIND") = 'F';
	lines_write();
	expect(1, "line 21: its hash does not fit its text: edited");
	/* With its own hash made right, the next one tells. */
	log_make();
	lines_read();
	*strstr(lines[20], "BIND") = 'F';
	char hash[HASH_HEX + 1];
	size_t n = strlen(lines[20]) - 1 - SUFFIX;

	hash_hex(lines[20], n, hash);
	memcpy(lines[20] + n + HASH_KEY, hash, HASH_HEX);
	lines_write();
	expect(1, "line 22: record 22 does not follow the one before it");
}

static void test_drop(void)
{
	log_make();
	lines_read();
	drop(14);
	drop(14);
	lines_write();
	expect(1, "line 15: records 15 to 16 are missing: dropped");
	log_make();
	lines_read();
	drop(0);
	lines_write();
	expect(1, "line 1: records 1 to 1 are missing");
}

static void test_reorder(void)
{
	char *line;

	log_make();
	lines_read();
	line = lines[30];
	lines[30] = lines[31];
	lines[31] = line;
	lines_write();
	expect(1, "line 31: record 32 stands before record 31: reordered");
	log_make();
	lines_read();
	lines[nlines++] = strdup(lines[40]);
	lines_write();
	expect(1, "reordered or repeated");
}

static void test_rewrite(void)
{
	log_make();
	lines_read();
	*strstr(lines[27], "BIND") = 'F';
	rehash(27);
	lines_write();
	/* Anchors are records 12, 23, 34 ...: it shows at the next one. */
	expect(1, "line 34: record 34 is not the one that was anchored");
	CU_ASSERT_PTR_NOT_NULL(strstr(said, "between records 24 and 34"));
	/* Dropping the end and writing another one. */
	log_make();
	lines_read();
	while (nlines > 50)
		drop(nlines - 1);
	*strstr(lines[48], "BIND") = 'F';
	rehash(48);
	lines_write();
	expect(1, "truncated");
}

static void test_truncate(void)
{
	struct stat st;

	log_make();
	lines_read();
	while (nlines > 60)
		drop(nlines - 1);
	lines_write();
	expect(1, "the log ends at record 60, but record 67 was anchored");
	log_make();
	CU_ASSERT_EQUAL_FATAL(stat(log_path, &st), 0);
	CU_ASSERT_EQUAL_FATAL(truncate(log_path, st.st_size - 10), 0);
	expect(1, "no whole record");
	log_make();
	CU_ASSERT_EQUAL_FATAL(truncate(log_path, 0), 0);
	expect(1, "truncated");
	/* Both files cut to match: an anchor record without its anchor. */
	log_make();
	CU_ASSERT_EQUAL_FATAL(stat(anchors_path, &st), 0);
	CU_ASSERT_EQUAL_FATAL(truncate(anchors_path, st.st_size / 6 * 5), 0);
	expect(0, "whole"); /* a crash between the two looks the same, and only for the very last */
	CU_ASSERT_EQUAL_FATAL(truncate(anchors_path, st.st_size / 6 * 4), 0);
	expect(1, "an anchor that the anchors file does not have");
}

static void test_torn(void)
{
	int fd;

	log_make();
	fd = open(log_path, O_WRONLY | O_APPEND);
	CU_ASSERT_EQUAL(write(fd, "{\"seq\":68,\"chan\":\"mou", 20), 20);
	close(fd);
	expect(1, "torn, or edited");
	CU_ASSERT_EQUAL_FATAL(log_open(), 0);
	CU_ASSERT_EQUAL(chain.torn, 20);
	CU_ASSERT_EQUAL(put_record("audit", "start", 0, "", "\"fresh\":1"), 0);
	log_close();
	expect(0, "1 torn lines");
	/* The torn bytes are covered, too. */
	lines_read();
	lines[67][3] = 'x';
	lines_write();
	expect(1, "line 68: not the torn bytes that record 68 tells of: edited");
}

static void write_limited(void)
{
	struct rlimit saved, small;
	struct stat st;

	getrlimit(RLIMIT_FSIZE, &saved);
	fstat(chain.log, &st);
	small = (struct rlimit){ (rlim_t)st.st_size + 100, saved.rlim_max };
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &small);
	/* the kernel cuts the write at the limit, as a full disk does */
	CU_ASSERT(put_record("mount", "intent", 2 * RECORDS + 1, "\"op\":\"BIND\"", "\"release\":0") < 0);
	CU_ASSERT(put_record("mount", "intent", 2 * RECORDS + 2, "\"op\":\"BIND\"", "\"release\":0") < 0);
	setrlimit(RLIMIT_FSIZE, &saved);
	signal(SIGXFSZ, SIG_DFL);
}

static void test_short_write(void)
{
	log_make();
	CU_ASSERT_EQUAL_FATAL(log_open(), 0);
	write_limited();
	CU_ASSERT_EQUAL(chain.torn, 100);
	CU_ASSERT_EQUAL(put_record("mount", "intent", 2 * RECORDS + 3, "\"op\":\"BIND\"", "\"release\":0"), 0);
	CU_ASSERT_EQUAL(chain.torn, 0);
	log_close();
	expect(0, "1 torn lines");
}

static void test_room(void)
{
	log_make();
	CU_ASSERT_EQUAL_FATAL(log_open(), 0);
	CU_ASSERT_EQUAL(chain_room(&chain), 0);
	CU_ASSERT(chain.allocated >= chain.size + chain.reserve);
	chain.max_bytes = chain.size + chain.reserve + AUDIT_RECORD_MAX - 1;
	CU_ASSERT_EQUAL(chain_room(&chain), -EDQUOT);
	chain.max_bytes++;
	CU_ASSERT_EQUAL(chain_room(&chain), 0);
	log_close();
}

static void test_counts(void)
{
	static const struct {
		uint64_t count, last, next;
		int result;
	} cases[] = {
		{ 3, 2 * RECORDS + 3, 2 * RECORDS + 4, 0 }, { 2, 2 * RECORDS + 3, 2 * RECORDS + 4, 1 },
		{ 4, 2 * RECORDS + 3, 2 * RECORDS + 4, 1 }, { 3, 2 * RECORDS + 3, 2 * RECORDS + 3, 1 },
	};
	char extra[64];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		log_make();
		CU_ASSERT_EQUAL_FATAL(log_open(), 0);
		snprintf(extra, sizeof(extra), "\"count\":%" PRIu64 ",\"last\":%" PRIu64, cases[i].count,
			 cases[i].last);
		put_record("mount", "suppressed", 0, "", extra);
		put_record("mount", "event", cases[i].next, "\"op\":\"x\"", "");
		log_close();
		expect(cases[i].result, cases[i].result ? "BROKEN" : "3 denials only counted");
	}
}

static void test_body(void)
{
	static const char *const good[] = {
		"\"cseq\":1",
		"\"cseq\":12,\"op\":\"MAP\",\"decision\":\"denied\"",
		"\"cseq\":1,\"a\":{\"b\":[1,-2,{\"c\":null}]},\"d\":[]",
		"\"cseq\":1,\"a\":\"\\u00e9\\\\\\\"\",\"b\":true",
		"\"cseq\":18446744073709551609",
	};
	static const char *const wrong[] = {
		"",
		"\"op\":\"x\"",
		"\"cseq\":0",
		"\"cseq\":-1",
		"\"cseq\":1,",
		"\"cseq\":1x",
		"\"cseq\":1,\"seq\":5",
		"\"cseq\":1,\"hash\":\"x\"",
		"\"cseq\":1,\"client\":{\"uid\":0}",
		"\"cseq\":1,\"intent\":1",
		"\"cseq\":1,\"a\":1,\"a\":2",
		"\"cseq\":1,\"cseq\":1",
		"\"cseq\":1,\"a\":1}",
		"\"cseq\":1,\"a\":{",
		"\"cseq\":1,\"a\":\"x",
		"\"cseq\":1,\"a\":\"\\\"",
		"\"cseq\":1,\"a\":\"\\u12g4\"",
		"\"cseq\":1,\"a\":01",
		"\"cseq\":1,\"a\":[1,]",
		"\"cseq\":1,\"a\":[[[[[[[[1]]]]]]]]",
		"\"cseq\":1,\"A\":1",
		"\"cseq\":1, \"a\":1",
		"\"cseq\":1,\"a\":nul",
		"\"cseq\":99999999999999999999",
		"\"cseq\":1,\"a\\u0062\":1",
	};
	char text[256], utf8[] = "\"cseq\":1,\"a\":\"\xff\xc3\xa9\xc0\x80\xed\xa0\x80\"";
	struct body b;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		if (body_check(strcpy(text, good[i]), &b) < 0)
			CU_FAIL(good[i]);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		if (body_check(strcpy(text, wrong[i]), &b) == 0)
			CU_FAIL(wrong[i]);
	CU_ASSERT_EQUAL(body_check(strcpy(text, good[1]), &b), 0);
	CU_ASSERT(b.cseq == 12 && b.denied && strcmp(b.op, "MAP") == 0 &&
		  strcmp(b.members, "\"op\":\"MAP\",\"decision\":\"denied\"") == 0);
	CU_ASSERT_EQUAL(body_check(utf8, &b), 0);
	CU_ASSERT_STRING_EQUAL(b.members, "\"a\":\"?\xc3\xa9?????\"");
}

static void test_readers(void)
{
	struct audit_filter denied = { .denied = true }, last = { .tail = 2, .op = "mount.bind" };
	FILE *f;

	log_make();
	f = fmemopen(said, sizeof(said), "w");
	CU_ASSERT_EQUAL(audit_list(dir, &last, f, false), 0);
	fclose(f);
	CU_ASSERT_PTR_NOT_NULL(strstr(said, "mount.BIND intent aaaa00000000... source=1\n66 "));
	CU_ASSERT_PTR_NOT_NULL(strstr(said, "of=65 done us=7\n"));
	f = fmemopen(said, sizeof(said), "w");
	CU_ASSERT_EQUAL(audit_list(dir, &denied, f, false), 0);
	CU_ASSERT_EQUAL(ftell(f), 0);
	CU_ASSERT_EQUAL(audit_receipt(dir, "bbbb", f), 1);
	CU_ASSERT_EQUAL(audit_receipt(dir, "../x", f), 2);
	audit_put(f, "a\x1b[2J\xc2\x9b\xc3\xa9", 80);
	fclose(f);
	CU_ASSERT_STRING_EQUAL(said, "a\\x1b[2J\\x9b\xc3\xa9");
	CU_ASSERT_EQUAL(audit_time_ns("2026-11-21T21:41:39.5Z"), INT64_C(1795297299500000000));
	CU_ASSERT_EQUAL(audit_time_ns("2026-11-21T21:41:39"), -1);
}

/* Anchors that are written while the log is read are no sign of anything. */
static void test_live(void)
{
	struct audit_reader *r = calloc(2, sizeof(*r));
	struct verifier v = { .out = fopen("/dev/null", "w"), .anchors_file = r };
	char text[4096], *half;
	size_t n;
	FILE *f;

	log_make();
	f = fopen(anchors_path, "r");
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = '\0';
	half = strchr(strchr(text, '\n') + 1, '\n') + 21; /* two lines and some of the third */
	CU_ASSERT_EQUAL_FATAL(truncate(anchors_path, half - text), 0);
	memset(v.hash, '0', AUDIT_HASH_HEX);
	CU_ASSERT_EQUAL_FATAL(audit_open(&r[0], dir, "anchors"), 0);
	CU_ASSERT_EQUAL_FATAL(audit_open(&r[1], dir, "audit.log"), 0);
	CU_ASSERT_EQUAL(read_anchors(&v), AUDIT_FOUND); /* a torn line stays one */
	free(v.anchors);
	v.anchors = NULL;
	v.nanchors = v.anchors_size = 0;
	CU_ASSERT_EQUAL_FATAL(truncate(anchors_path, half - text - 20), 0);
	audit_close(&r[0]);
	CU_ASSERT_EQUAL_FATAL(audit_open(&r[0], dir, "anchors"), 0);
	CU_ASSERT_EQUAL(read_anchors(&v), AUDIT_OK);
	f = fopen(anchors_path, "w");
	fputs(text, f);
	fclose(f);
	while (next_line(&r[1]))
		CU_ASSERT_EQUAL(check_line(&v, &r[1]), AUDIT_OK);
	CU_ASSERT_EQUAL(v.next_anchor, 6);
	audit_close(&r[0]);
	audit_close(&r[1]);
	fclose(v.out);
	free(v.anchors);
	free(r);
}

static uint64_t cseq;

static void act(const char *channel, const char *op, const char *head, const char *args, const char *outcome)
{
	char body[1024], extra[64];

	snprintf(body, sizeof(body), "\"op\":\"%s\",%s\"args\":{%s}", op, head, args);
	put_record(channel, "intent", ++cseq, body, "\"release\":0");
	snprintf(extra, sizeof(extra), "\"intent\":%" PRIu64, chain.sequence);
	snprintf(body, sizeof(body), "\"op\":\"%s\",%s%s", op, head, outcome);
	put_record(channel, "outcome", ++cseq, body, extra);
}

static void receipt(const char *what)
{
	FILE *f = fmemopen(said, sizeof(said), "w");

	CU_ASSERT_EQUAL(audit_receipt(dir, what, f), 0);
	fclose(f);
}

#define CONTAINER(digit) \
	"\"container\":\"" digit "00000000000000000000000000000000000000000000000000000000000000" digit "\","
#define DONE "\"decision\":\"done\",\"errno\":0,\"us\":1"
#define NETNS(mark) DONE ",\"result\":{\"userns\":\"userns:0:4:77\",\"netns\":\"" mark "\"}"

/* One slot of namespaces three times with the same inode, for three containers. */
static void receipts_make(void)
{
	unlink(log_path);
	unlink(anchors_path);
	CU_ASSERT_EQUAL_FATAL(log_open(), 0);
	put_record("audit", "start", 0, "", "\"fresh\":1");
	cseq = 0;
	act("netns", "CREATE", "", "", NETNS("net-one"));
	act("idmap", "MAP", "", "\"ticket\":9223372036854775809,\"userns\":\"userns:0:4:77\"",
	    DONE ",\"result\":{\"base\":65536}");
	act("device", "ATTACH", CONTAINER("a"), "\"name\":\"web\"", DONE);
	act("spawn", "CREATE", CONTAINER("a"), "\"userns\":\"userns:0:4:77\"", DONE);
	act("idmap", "RELEASE", CONTAINER("a"), "\"base\":65536", DONE);
	act("netns", "CREATE", "", "", NETNS("net-two"));
	act("idmap", "MAP", "", "\"ticket\":9223372036854775810,\"userns\":\"userns:0:4:77\"",
	    DONE ",\"result\":{\"base\":65536}");
	act("lookup", "OPEN", CONTAINER("b"), "\"path\":\"/etc\"",
	    "\"decision\":\"denied\",\"errno\":1,\"stage\":\"path\",\"rule\":\"never\",\"us\":1");
	act("mount", "ROOTFS", CONTAINER("b"), "\"mapping\":9223372036854775810", DONE);
	act("mount", "DROP", "", "\"tickets\":\"7 9223372036854775810\"", DONE);
	act("idmap", "RELEASE", "", "\"base\":65536", DONE);
	act("netns", "CREATE", "", "", NETNS("net-three"));
	act("idmap", "MAP", "", "\"ticket\":9223372036854775811,\"userns\":\"userns:0:4:77\"",
	    DONE ",\"result\":{\"base\":65536}");
	act("device", "ATTACH", CONTAINER("c"), "\"name\":\"web\"", DONE);
	act("spawn", "CREATE", CONTAINER("c"), "\"userns\":\"userns:0:4:77\"", DONE);
	put_record("device", "event", ++cseq,
		   "\"op\":\"denied\",\"decision\":\"denied\"," CONTAINER("c") "\"claimed_name\":\"web\",\"cgroup\":5,"
		   "\"subject\":812,\"type\":\"c\",\"major\":1,\"minor\":11,\"access\":\"rw\"", "");
	act("layer", "REMOVE", "",
	    "\"what\":1,\"name\":\"c00000000000000000000000000000000000000000000000000000000000000c\"", DONE);
	log_close();
}

static void test_receipt(void)
{
	receipts_make();
	receipt("a");
	CU_ASSERT_PTR_NOT_NULL(strstr(said, "a (web): 5 acts, 0 denied, 0 failed\n"));
	CU_ASSERT(strstr(said, "net-one") && !strstr(said, "net-two") && !strstr(said, "net-three"));
	CU_ASSERT_PTR_NOT_NULL(strstr(said, "idmap.MAP: ticket=9223372036854775809 "));
	CU_ASSERT(strstr(said, "netns.CREATE") < strstr(said, "idmap.MAP") &&
		  strstr(said, "idmap.MAP") < strstr(said, "spawn.CREATE"));
	/* A start that came no further than its mounts; what gave its range back names nobody. */
	receipt("b0000000");
	CU_ASSERT_PTR_NOT_NULL(strstr(said, "b: 6 acts, 1 denied, 0 failed\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(said, "lookup.OPEN: path=/etc -> denied EPERM at path by rule never (1 us)\n"));
	CU_ASSERT(strstr(said, "net-two") && !strstr(said, "net-one") && !strstr(said, "net-three"));
	CU_ASSERT(strstr(said, "mount.DROP: tickets=7 9223372036854775810") &&
		  strstr(said, "idmap.RELEASE: base=65536"));
	/* By name: the last one that had it. */
	receipt("web");
	CU_ASSERT_PTR_NOT_NULL(strstr(said, "c (web): 6 acts, 1 denied, 0 failed\n"));
	CU_ASSERT(strstr(said, "net-three") && !strstr(said, "net-two"));
	CU_ASSERT_PTR_NOT_NULL(strstr(
		said,
		"device.denied: container web was denied read and write of the character device 1:11 (process 812)\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(said, "layer.REMOVE"));
}

static void test_numbers(void)
{
	static const char line[] =
		"{\"seq\":1,\"a\":\"9223372036854775809 \\\"-5\",\"b\":[-12345678901234567890,1.5e300,7],"
		"\"c\":{\"d\":18446744073709551615},\"e\":true,\"f\":999999999999999,\"g\":18446744073709551616}";
	struct audit_record r;
	char *text;

	CU_ASSERT_FATAL(audit_parse(line, sizeof(line) - 1, &r));
	text = cJSON_PrintUnformatted(r.json);
	CU_ASSERT_PTR_NOT_NULL(strstr(text,
				      "\"a\":\"9223372036854775809 \\\"-5\",\"b\":[-12345678901234567890,1.5e+300,7],"
				      "\"c\":{\"d\":18446744073709551615},\"e\":true,\"f\":999999999999999,"
				      "\"g\":18446744073709551616}"));
	CU_ASSERT_EQUAL(audit_u64(cJSON_GetObjectItem(r.json, "c"), "d"), UINT64_MAX);
	CU_ASSERT_EQUAL(audit_u64(r.json, "f"), 999999999999999);
	CU_ASSERT_EQUAL(audit_u64(r.json, "g"), 0);
	free(text);
	audit_record_free(&r);
	receipts_make();
	FILE *f = fmemopen(said, sizeof(said), "w");

	CU_ASSERT_EQUAL(audit_export(dir, "ocsf", f), 0);
	fclose(f);
	CU_ASSERT_PTR_NOT_NULL(strstr(said, "\"ticket\":9223372036854775809"));
}

int main(void)
{
	CU_pSuite suite;

	strcpy(dir, "/tmp/postern-test-audit-XXXXXX");
	if (!mkdtemp(dir))
		return 1;
	snprintf(log_path, sizeof(log_path), "%s/audit.log", dir);
	snprintf(anchors_path, sizeof(anchors_path), "%s/anchors", dir);
	CU_initialize_registry();
	suite = CU_add_suite("audit", NULL, NULL);
	CU_add_test(suite, "whole", test_whole);
	CU_add_test(suite, "edit", test_edit);
	CU_add_test(suite, "drop", test_drop);
	CU_add_test(suite, "reorder", test_reorder);
	CU_add_test(suite, "rewrite", test_rewrite);
	CU_add_test(suite, "truncate", test_truncate);
	CU_add_test(suite, "torn", test_torn);
	CU_add_test(suite, "short write", test_short_write);
	CU_add_test(suite, "room", test_room);
	CU_add_test(suite, "counts", test_counts);
	CU_add_test(suite, "body", test_body);
	CU_add_test(suite, "readers", test_readers);
	CU_add_test(suite, "live", test_live);
	CU_add_test(suite, "receipt", test_receipt);
	CU_add_test(suite, "numbers", test_numbers);
	CU_basic_run_tests();
	unsigned failed = CU_get_number_of_failures();

	CU_cleanup_registry();
	unlink(log_path);
	unlink(anchors_path);
	rmdir(dir);
	return failed != 0;
}
