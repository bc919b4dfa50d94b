/* test_logs.c - a log from its writer (helpers/spawn) to its reader (controller/container): the ring, and its options.
 */
#include <CUnit/Basic.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../controller/container/internal.h"
#include "../../controller/container/log_file.h"
#include "../../controller/spec/log.h"
#include "../../helpers/base/cleanup.h"
#include "../../helpers/base/text.h"
#include "../../helpers/spawn/logring.c"

static char dir[] = "/tmp/test-logs.XXXXXX";
static struct engine engine;
static struct container container = { .e = &engine };
static struct spec_log options = { .size = 1000, .slots = 5 };
static struct logring ring;

static int set_up(void)
{
	static char config[] = "{}";

	if (!mkdtemp(dir))
		return -1;
	engine.state_dir = open(dir, O_RDONLY | O_DIRECTORY);
	memset(container.row.id, 'a', 64);
	container.row.config = config;
	return mkdirat(engine.state_dir, "containers", 0700);
}

static int tear_down(void)
{
	close(engine.state_dir);
	return rmdir(dir);
}

static void ring_open(void)
{
	int fd = log_file_create(&container, &options);

	CU_ASSERT_FATAL(fd >= 0);
	logring_init(&ring, fd, options.size, options.slots);
}

static void ring_end(void)
{
	close(ring.fd);
	close(container_open_exit(&container, O_RDWR | O_CREAT));
	container_delete_files(&engine, container.row.id);
}

/* Lines "N xxxx\n" of different lengths, count of them from *next on. */
static void write_lines(unsigned *next, unsigned count)
{
	static char batch[1 << 18];
	size_t n = 0;

	for (; count > 0; count--, ++*next)
		n += (size_t)sprintf(batch + n, "%u %.*s\n", *next, (int)(*next % 37),
				     "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
	CU_ASSERT_EQUAL(logring_write(&ring, batch, n), 0);
}

struct check {
	struct log_file f;
	char line[64];
	size_t n;
	unsigned next; /* number that must come */
	unsigned lines, jumps;
};

static void check_line(struct check *k, bool first)
{
	unsigned number = (unsigned)strtoul(k->line, NULL, 10);

	k->line[k->n] = '\0';
	if (!first)
		CU_ASSERT_EQUAL(number, k->next);
	CU_ASSERT_EQUAL(strlen(strchr(k->line, ' ') + 1), number % 37);
	k->next = number + 1;
	k->lines++;
}

/* All that is there, in small pieces. */
static void check_all(struct check *k, bool first)
{
	char buf[100];
	ssize_t n;

	while ((n = log_file_read(&k->f, buf, sizeof(buf))) > 0) {
		if (k->f.jumped) {
			k->n = 0;
			k->jumps++;
			first = true;
		}
		k->f.jumped = false;
		for (ssize_t i = 0; i < n; i++) {
			if (buf[i] != '\n') {
				k->line[k->n++ % 64] = buf[i];
				continue;
			}
			check_line(k, first);
			first = false;
			k->n = 0;
		}
	}
}

/* A reader that keeps up, over hundreds of turns and runs of the writer. */
static void test_follow(void)
{
	struct check k = { .next = 0 };
	unsigned next = 0;
	struct stat st;

	ring_open();
	CU_ASSERT_EQUAL(log_file_open(&k.f, &container), 0);
	check_all(&k, false);
	CU_ASSERT_EQUAL(k.lines, 0);
	for (unsigned i = 0; i < 400; i++) {
		write_lines(&next, i % 3 ? i % 20 : 90); /* the latter turn more than once */
		check_all(&k, false);
		if (i % 50 == 7) {
			close(ring.fd);
			ring_open();
		}
	}
	CU_ASSERT_EQUAL(k.next, next);
	CU_ASSERT_EQUAL(k.lines, next);
	CU_ASSERT_EQUAL(k.jumps, 0);
	fstat(ring.fd, &st);
	CU_ASSERT_TRUE(st.st_blocks * 512 <= 5 * (4096 + 4096) + 5 * 4096 + 4096);
	log_file_close(&k.f);
	ring_end();
}

/* One that is left behind goes on at the oldest line that is kept, once. */
static void test_left_behind(void)
{
	struct check k = { .next = 0 };
	unsigned next = 0;

	ring_open();
	CU_ASSERT_EQUAL(log_file_open(&k.f, &container), 0);
	write_lines(&next, 10);
	check_all(&k, false);
	write_lines(&next, 3000);
	check_all(&k, false);
	CU_ASSERT_EQUAL(k.jumps, 1);
	CU_ASSERT_EQUAL(k.next, next);
	CU_ASSERT_TRUE(k.lines > 10 + 5 * 1000 / 45 / 2 && k.lines < 10 + 5 * 1100 / 20);
	log_file_close(&k.f);
	ring_end();
}

static void test_tail(void)
{
	unsigned next = 0;

	ring_open();
	write_lines(&next, 1000);
	for (int64_t tail = 0; tail < 140; tail += tail < 30 ? 1 : 17) {
		struct check k = { .next = next - (unsigned)tail };

		CU_ASSERT_EQUAL(log_file_open(&k.f, &container), 0);
		log_file_tail(&k.f, tail);
		check_all(&k, false);
		CU_ASSERT_EQUAL(k.lines, tail);
		CU_ASSERT_EQUAL(k.jumps, 0);
		log_file_close(&k.f);
	}
	ring_end();
}

/* What a reader of damaged tables gets is an end, not a loop. */
static void test_damaged(void)
{
	struct log_slot bad[] = {
		{ 1, 1 }, { 7, UINT64_MAX }, { UINT64_MAX, 5 }, { 4, LOG_ARCHIVED | 100 }, { 5, 2000 }
	};
	struct check k = { .next = 0 };
	char buf[256];
	unsigned n = 0;

	ring_open();
	CU_ASSERT_EQUAL(pwrite(ring.fd, bad, sizeof(bad), (off_t)log_entry_at(0)), (ssize_t)sizeof(bad));
	CU_ASSERT_EQUAL(log_file_open(&k.f, &container), 0);
	while (log_file_read(&k.f, buf, sizeof(buf)) > 0 && n < 1000)
		n++;
	CU_ASSERT_TRUE(n < 100);
	log_file_tail(&k.f, 50);
	log_file_close(&k.f);
	logring_init(&ring, ring.fd, options.size, options.slots);
	CU_ASSERT_EQUAL(logring_release(&ring, ring.now.generation), -EBUSY);
	CU_ASSERT_EQUAL(logring_release(&ring, 3), -ESTALE);
	ring_end();
}

static void test_release(void)
{
	struct check k = { .next = 0 };
	unsigned next = 0;
	struct log_slot e;

	ring_open();
	write_lines(&next, 130);
	CU_ASSERT_EQUAL(logring_release(&ring, 1), 0);
	CU_ASSERT_EQUAL(logring_release(&ring, 1), 0);
	CU_ASSERT_EQUAL(log_file_open(&k.f, &container), 0);
	CU_ASSERT_TRUE(log_file_entry(&k.f, 1, &e) && (e.length & LOG_ARCHIVED));
	check_all(&k, true); /* there is no archive: the part is left out */
	CU_ASSERT_EQUAL(k.next, next);
	CU_ASSERT_TRUE(k.lines < next);
	log_file_close(&k.f);
	ring_end();
}

static void test_options(void)
{
	static const struct {
		const char *type, *config, *error; /* NULL: taken */
		uint64_t size, slots;
	} rows[] = {
		{ "json-file", "{}", NULL, 0, 0 },
		{ "json-file", "{\"max-size\":\"10m\"}", NULL, 2500000, 4 },
		{ "json-file", "{\"max-size\":\"10m\",\"max-file\":\"8\"}", NULL, 10000000, 8 },
		{ "json-file", "{\"max-size\":\"1kb\",\"max-file\":\"10240\"}", NULL, 10000, 1024 },
		{ "json-file", "{\"max-size\":\"-1\"}", NULL, 0, 0 },
		{ "json-file", "{\"max-size\":\"1.5g\",\"max-file\":\"4\",\"compress\":\"true\"}", NULL, 1500000000,
		  4 },
		{ "json-file", "{\"max-size\":\"99999999p\",\"max-file\":\"99999999\"}", "invalid size", 0, 0 },
		{ "json-file", "{\"max-size\":\"999p\",\"max-file\":\"99999999\"}", NULL, LOG_SIZE_MAX, 1024 },
		{ "json-file", "{\"max-size\":\"10x\"}", "invalid size: '10x'", 0, 0 },
		{ "json-file", "{\"max-size\":\"\"}", "invalid size: ''", 0, 0 },
		{ "json-file", "{\"max-size\":\"0\"}", "max-size must be a positive number", 0, 0 },
		{ "json-file", "{\"max-file\":\"-3\"}", "max-file cannot be less than 1", 0, 0 },
		{ "json-file", "{\"max-file\":\"3x\"}", "parsing \"3x\": invalid syntax", 0, 0 },
		{ "json-file", "{\"compress\":\"maybe\"}", "parsing \"maybe\": invalid syntax", 0, 0 },
		{ "json-file", "{\"compress\":\"1\"}", "compress cannot be true", 0, 0 },
		{ "json-file", "{\"mode\":\"x\"}", "logging mode not supported: x", 0, 0 },
		{ "json-file", "{\"mode\":\"non-blocking\",\"max-buffer-size\":\"4m\"}", NULL, 0, 0 },
		{ "json-file", "{\"max-buffer-size\":\"4m\"}", "only supported with 'mode=non-blocking'", 0, 0 },
		{ "json-file", "{\"syslog-address\":\"x\"}",
		  "unknown log opt 'syslog-address' for json-file log driver", 0, 0 },
		{ "local", "{}", NULL, 20971520, 5 },
		{ "local", "{\"max-file\":\"1\"}", NULL, 5242880, 4 },
		{ "local", "{\"tag\":\"x\"}", "unknown log opt 'tag' for log driver local", 0, 0 },
		{ "journald", "{\"tag\":\"x\",\"cache-max-size\":\"10m\",\"cache-max-file\":\"8\"}", NULL, 10000000, 8 },
		{ "journald", "{\"max-size\":\"10m\"}", "unknown log opt 'max-size' for journald log driver", 0, 0 },
		{ "journald", "{\"cache-max-size\":\"ten\"}", "invalid size: 'ten'", 0, 0 },
		{ "none", "{\"whatever\":\"x\"}", NULL, 0, 0 },
		{ "fluentd", "{}", "logger: no log driver named 'fluentd' is registered", 0, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char text[512];
		struct err err = { 0 };
		struct spec_log l = { 0 };
		cJSON *merged;
		int r;

		snprintf(text, sizeof(text), "{\"HostConfig\":{\"LogConfig\":{\"Type\":\"%s\",\"Config\":%s}}}",
			 rows[i].type, rows[i].config);
		merged = cJSON_Parse(text);
		r = spec_log_check(cJSON_GetObjectItem(cJSON_GetObjectItem(merged, "HostConfig"), "LogConfig"), &err);
		if (r == 0)
			r = spec_log_parse(merged, &l, &err);
		CU_ASSERT_EQUAL(r, rows[i].error ? -1 : 0);
		if (rows[i].error && !strstr(err.message, rows[i].error))
			CU_FAIL(err.message);
		CU_ASSERT_EQUAL(l.size, rows[i].size);
		CU_ASSERT_EQUAL(l.slots, rows[i].slots);
		cJSON_Delete(merged);
	}
}

static void test_attrs(void)
{
	static const struct spec_log_info info = { "0123456789abcdef", "box", "fedcba9876543210", "busybox:1" };
	static const struct {
		const char *config, *text; /* NULL: refused; "": nothing */
	} rows[] = {
		{ "{}", "" },
		{ "{\"labels\":\"b,none\"}", "{\"b\":\"2\"}" },
		{ "{\"labels-regex\":\"^[ab]\"}", "{\"a.x\":\"1\",\"b\":\"2\"}" },
		{ "{\"labels-regex\":\"(\"}", NULL },
		{ "{\"env\":\"PATH\",\"env-regex\":\"^Z\",\"labels\":\"b\"}",
		  "{\"PATH\":\"/bin\",\"Z1\":\"a=b\",\"b\":\"2\"}" },
		{ "{\"tag\":\"{{.Name}}/{{ .ID }}-{{.ImageID}}-{{.ImageName}}\"}",
		  "{\"tag\":\"box/0123456789ab-fedcba987654-busybox:1\"}" },
		{ "{\"tag\":\"{{.Names}}\"}", NULL },
		{ "{\"tag\":\"{{.Name\"}", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char text[512], *attrs = NULL;
		struct err err = { 0 };
		cJSON *merged;

		snprintf(text, sizeof(text),
			 "{\"Config\":{\"Labels\":{\"b\":\"2\",\"a.x\":\"1\",\"c\":\"3\"},\"Env\":[\"Z1=a=b\",\"PATH=/"
			 "bin\",\"X\"]},"
			 "\"HostConfig\":{\"LogConfig\":{\"Config\":%s}}}",
			 rows[i].config);
		merged = cJSON_Parse(text);
		CU_ASSERT_EQUAL(spec_log_attrs(merged, &info, &attrs, &err), rows[i].text ? 0 : -1);
		if (rows[i].text)
			CU_ASSERT_STRING_EQUAL(attrs ? attrs : "", rows[i].text);
		free(attrs);
		cJSON_Delete(merged);
	}
}

static void test_journal_fields(void)
{
	static const struct spec_log_info info = { "0123456789abcdef", "box", "fedcba9876543210", "busybox:1" };
	cJSON *merged = cJSON_Parse("{\"Config\":{\"Labels\":{\"com.x/y\":\"1\",\"_uid\":\"2\",\"container_name\":\"3\",\"--\":\"4\","
				    "\"COM-X-Y\":\"5\"}},\"HostConfig\":{\"LogConfig\":{\"Config\":{\"labels-regex\":\".\"}}}}");
	struct err err = { 0 };
	char *text = NULL;

	CU_ASSERT_EQUAL(spec_log_journal(merged, &info, &text, &err), 0);
	CU_ASSERT_STRING_EQUAL(text ? text : "",
			       "{\"CONTAINER_ID\":\"0123456789ab\",\"CONTAINER_ID_FULL\":\"0123456789abcdef\","
			       "\"CONTAINER_NAME\":\"box\",\"CONTAINER_TAG\":\"0123456789ab\",\"IMAGE_NAME\":\"busybox:1\","
			       "\"SYSLOG_IDENTIFIER\":\"0123456789ab\",\"COM_X_Y\":\"1\",\"UID\":\"2\"}");
	free(text);
	cJSON_Delete(merged);
}

int main(void)
{
	static const CU_TestInfo tests[] = {
		{ "a reader that keeps up", test_follow },
		{ "one that is left behind", test_left_behind },
		{ "the last lines", test_tail },
		{ "damaged tables", test_damaged },
		{ "parts that are archived", test_release },
		{ "options", test_options },
		{ "attributes", test_attrs },
		{ "fields of the journal", test_journal_fields },
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = { { .pName = "logs", .pTests = (CU_TestInfo *)tests }, CU_SUITE_INFO_NULL };
	unsigned bad;

	if (set_up() < 0 || CU_initialize_registry() || CU_register_suites(suites))
		return 1;
	CU_basic_set_mode(CU_BRM_NORMAL);
	CU_basic_run_tests();
	bad = CU_get_number_of_failures();
	CU_cleanup_registry();
	unlinkat(engine.state_dir, "containers", AT_REMOVEDIR);
	return tear_down() < 0 || bad;
}
