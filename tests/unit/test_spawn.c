/* test_spawn.c - what spawn makes of specs, of a container's output, of targets in a hostile image, and of PATH.
 * Everything here runs without rights; starting containers is for the integration tests. */
#include <CUnit/Basic.h>
#include <cjson/cJSON.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "../../helpers/spawn/exec.c"
#include "../../helpers/spawn/journal.c"
#include "../../helpers/spawn/jsonlog.c"
#include "../../helpers/spawn/logring.c"
#include "../../helpers/spawn/spec.c"
#include "../../helpers/spawn/stdio.c"
#include "../../helpers/spawn/target.c"

/* Of other files of spawn, not reached here. */
int init_fail(struct init *in, int err, const char *format, ...)
{
	return err;
}

int reaper_split(void)
{
	return -ENOSYS;
}

/* --- spec --- */
static struct plan plan;
static char stage[STAGE_MAX];

static int parse(const char *text)
{
	return spec_parse(text, strlen(text), 2, &plan, stage);
}

#define PROCESS "\"process\":{\"args\":[\"a\"]}"

static void expect(int want, const char *text, const char *want_stage)
{
	CU_ASSERT_EQUAL(parse(text), want);
	CU_ASSERT_STRING_EQUAL(stage, want_stage);
	spec_finish(&plan);
}

static void test_spec_whole(void)
{
	static const char text[] =
		"{\"ociVersion\":\"1.0.2\",\"unknown\":{\"x\":[1]},\"hostname\":\"h\",\"domainname\":null,\"root\":{"
		"\"readonly\":true},"
		"\"process\":{\"terminal\":true,\"args\":[\"sh\",\"-c\",\"x\"],\"env\":[\"A=1\"],\"cwd\":\"/w\","
		"\"user\":{\"uid\":7,\"gid\":8,\"additionalGids\":[9,10]},\"noNewPrivileges\":true,\"oomScoreAdj\":-5,"
		"\"capabilities\":{\"bounding\":[\"CAP_CHOWN\",\"CAP_KILL\"],\"effective\":[\"CAP_CHOWN\"],"
		"\"permitted\":[\"CAP_CHOWN\"]},"
		"\"rlimits\":[{\"type\":\"RLIMIT_NOFILE\",\"soft\":5,\"hard\":18446744073709551615}],"
		"\"consoleSize\":{\"height\":3,\"width\":4}},"
		"\"mounts\":[{\"destination\":\"/"
		"proc\",\"type\":\"proc\",\"source\":\"proc\",\"options\":[\"nosuid\",\"nodev\"]},"
		"{\"destination\":\"/"
		"t\",\"type\":\"tmpfs\",\"source\":\"t\",\"options\":[\"ro\",\"size=1m\",\"mode=1777\"]},"
		"{\"destination\":\"/"
		"b\",\"type\":\"bind\",\"source\":\"fd:1\",\"options\":[\"rbind\",\"ro\",\"rprivate\"]}],"
		"\"linux\":{\"maskedPaths\":[\"/proc/kcore\"],\"readonlyPaths\":[\"/proc/sys\"],"
		"\"sysctl\":{\"net.ipv4.ip_forward\":\"1\",\"net/ipv4/conf/eth0.1/forwarding\":\"0\"}},"
		"\"annotations\":{\"org.postern.init\":\"true\",\"org.postern.volatile\":\"true\",\"org.postern.file./etc/"
		"hosts\":\"x\\n\",\"other\":\"y\"}}\n";

	CU_ASSERT_EQUAL_FATAL(parse(text), 0);
	CU_ASSERT_STRING_EQUAL(plan.argv[2], "x");
	CU_ASSERT_PTR_NULL(plan.argv[3]);
	CU_ASSERT_STRING_EQUAL(plan.env[0], "A=1");
	CU_ASSERT_STRING_EQUAL(plan.cwd, "/w");
	CU_ASSERT_EQUAL(plan.uid, 7);
	CU_ASSERT_EQUAL(plan.gid, 8);
	CU_ASSERT_EQUAL(plan.ngroups, 2);
	CU_ASSERT_EQUAL(plan.groups[1], 10);
	CU_ASSERT_EQUAL(plan.caps[PLAN_BOUNDING], 0x21);
	CU_ASSERT_EQUAL(plan.caps[PLAN_EFFECTIVE], 1);
	CU_ASSERT_TRUE(plan.no_new_privs && plan.has_oom_score && plan.root_readonly && plan.tiny_init && plan.volatile_root);
	CU_ASSERT_EQUAL(plan.oom_score, -5);
	CU_ASSERT_EQUAL(plan.rlimits[0].resource, RLIMIT_NOFILE);
	CU_ASSERT_EQUAL(plan.rlimits[0].hard, RLIM_INFINITY);
	CU_ASSERT_EQUAL(plan.rows, 3);
	CU_ASSERT_STRING_EQUAL(plan.hostname, "h");
	CU_ASSERT_PTR_NULL(plan.domainname);
	CU_ASSERT_EQUAL(plan.nmounts, 3);
	CU_ASSERT_EQUAL(plan.mounts[0].attrs, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
	CU_ASSERT_EQUAL(plan.mounts[1].noptions, 2);
	CU_ASSERT_STRING_EQUAL(plan.mounts[1].options[0], "size=1m");
	CU_ASSERT_EQUAL(plan.mounts[2].fs, PLAN_BIND);
	CU_ASSERT_EQUAL(plan.mounts[2].bind, 1);
	CU_ASSERT_STRING_EQUAL(plan.sysctls[0].key, "net/ipv4/ip_forward");
	CU_ASSERT_STRING_EQUAL(plan.sysctls[1].key, "net/ipv4/conf/eth0.1/forwarding");
	CU_ASSERT_EQUAL(plan.nfiles, 1);
	CU_ASSERT_STRING_EQUAL(plan.files[0].key, "/etc/hosts");
	spec_finish(&plan);
}

static void test_spec_refused(void)
{
	static const struct {
		int error;
		const char *text, *stage;
	} rows[] = {
		{ -EINVAL, "", "spec JSON" },
		{ -EINVAL, "[]", "spec JSON" },
		{ -EINVAL, "{" PROCESS "} x", "spec JSON" },
		{ -EINVAL, "{}", "spec process" },
		{ -EINVAL, "{\"process\":{\"args\":[]}}", "spec args" },
		{ -EINVAL, "{\"process\":{\"args\":[1]}}", "spec args" },
		{ -EINVAL, "{\"process\":{\"args\":[\"a\"],\"cwd\":\"a/b\"}}", "spec cwd" },
		{ -EINVAL, "{\"process\":{\"args\":[\"a\"],\"cwd\":\"/a/../b\"}}", "spec cwd" },
		{ -EINVAL, "{\"process\":{\"args\":[\"a\"],\"user\":{\"uid\":65536}}}", "spec uid" },
		{ -EINVAL, "{\"process\":{\"args\":[\"a\"],\"user\":{\"uid\":-1}}}", "spec uid" },
		{ -EINVAL, "{\"process\":{\"args\":[\"a\"],\"user\":{\"uid\":1.5}}}", "spec uid" },
		{ -EINVAL, "{\"process\":{\"args\":[\"a\"],\"capabilities\":{\"bounding\":[\"CAP_NONE\"]}}}",
		  "spec bounding" },
		{ -EINVAL, "{\"process\":{\"args\":[\"a\"],\"capabilities\":{\"effective\":[\"CAP_KILL\"]}}}",
		  "spec capabilities" },
		{ -EINVAL,
		  "{\"process\":{\"args\":[\"a\"],\"rlimits\":[{\"type\":\"RLIMIT_NOFILE\",\"soft\":2,\"hard\":1}]}}",
		  "spec rlimits" },
		{ -EINVAL,
		  "{\"process\":{\"args\":[\"a\"],\"rlimits\":[{\"type\":\"RLIMIT_X\",\"soft\":1,\"hard\":1}]}}",
		  "spec rlimits" },
		{ -EINVAL, "{" PROCESS ",\"mounts\":[{\"destination\":\"x\"}]}", "spec mount destination" },
		{ -EINVAL, "{" PROCESS ",\"mounts\":[{\"destination\":\"/\",\"type\":\"tmpfs\"}]}",
		  "spec mount destination" },
		{ -EINVAL, "{" PROCESS ",\"mounts\":[{\"destination\":\"/x\",\"source\":\"/etc\"}]}", "mount /x" },
		{ -EINVAL, "{" PROCESS ",\"mounts\":[{\"destination\":\"/x\",\"source\":\"fd:2\"}]}", "mount /x" },
		{ -ENODEV, "{" PROCESS ",\"mounts\":[{\"destination\":\"/x\",\"type\":\"ext4\"}]}", "mount /x" },
		{ -EINVAL,
		  "{" PROCESS ",\"mounts\":[{\"destination\":\"/x\",\"type\":\"tmpfs\",\"options\":[\"lowerdir=/\"]}]}",
		  "mount /x" },
		{ -EINVAL,
		  "{" PROCESS ",\"mounts\":[{\"destination\":\"/x\",\"type\":\"proc\",\"options\":[\"size=1\"]}]}",
		  "mount /x" },
		{ -EOPNOTSUPP,
		  "{" PROCESS ",\"mounts\":[{\"destination\":\"/x\",\"source\":\"fd:0\",\"options\":[\"rshared\"]}]}",
		  "mount /x" },
		{ -EPERM, "{" PROCESS ",\"linux\":{\"sysctl\":{\"kernel.core_pattern\":\"x\"}}}",
		  "sysctl kernel.core_pattern" },
		{ -EINVAL, "{" PROCESS ",\"linux\":{\"sysctl\":{\"net/../kernel/core_pattern\":\"x\"}}}",
		  "sysctl net/../kernel/core_pattern" },
		{ -EINVAL, "{" PROCESS ",\"linux\":{\"maskedPaths\":[\"proc\"]}}", "spec maskedPaths" },
		{ -EINVAL, "{" PROCESS ",\"annotations\":{\"org.postern.file.etc\":\"x\"}}",
		  "spec org.postern.file.etc" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		expect(rows[i].error, rows[i].text, rows[i].stage);
}

static void test_spec_deep(void)
{
	char text[400];
	size_t n = (size_t)sprintf(text, "{" PROCESS ",\"x\":");

	memset(text + n, '[', 100);
	memset(text + n + 100, ']', 100);
	strcpy(text + n + 200, "}");
	expect(-EINVAL, text, "spec size");
	/* within a string they are no nesting */
	text[n] = '"';
	text[n + 199] = '"';
	expect(0, text, "");
}

#define HIDDEN                                                                                                \
	"\"linux\":{\"maskedPaths\":[\"/proc/kcore\",\"/proc/keys\",\"/proc/timer_list\",\"/sys/firmware\"]," \
	"\"readonlyPaths\":[\"/proc/bus\",\"/proc/fs\",\"/proc/irq\",\"/proc/sys\",\"/proc/sysrq-trigger\"]}"

static bool privileged;

static void permit(int want, const char *text, const struct policy_spawn *policy, bool seccomp, const char *want_rule)
{
	const char *rule = "?";

	CU_ASSERT_EQUAL_FATAL(parse(text), 0);
	CU_ASSERT_EQUAL(spec_permit(&plan, policy, seccomp, privileged, &rule), want);
	CU_ASSERT_STRING_EQUAL(rule, want_rule);
	spec_finish(&plan);
}

static void test_spec_policy(void)
{
	static const char caps[] =
		"{\"process\":{\"args\":[\"a\"],\"capabilities\":{\"bounding\":[\"CAP_KILL\"]}}," HIDDEN "}";
	static const char plain_spec[] = "{" PROCESS "," HIDDEN "}", open_spec[] = "{" PROCESS "}";
	static const char second[] = "{" PROCESS ",\"mounts\":[{\"destination\":\"/p\",\"type\":\"proc\"}]," HIDDEN "}";
	struct policy_spawn p = { .caps = 1 << 5 };

	permit(0, caps, &p, true, "");
	p.caps = 1;
	permit(-EPERM, caps, &p, true, "caps");
	permit(-EPERM, plain_spec, &p, false, "seccomp_unconfined");
	permit(-EPERM, open_spec, &p, true, "unmasked_paths");
	permit(-EPERM, second, &p, true, "unmasked_paths");
	privileged = true;
	permit(0, caps, &p, true, "");
	permit(0, open_spec, &p, true, "");
	permit(-EPERM, open_spec, &p, false, "seccomp_unconfined");
	privileged = false;
	p.unmasked_paths = p.common.allow.seccomp_unconfined = 1;
	permit(0, open_spec, &p, false, "");
	p.no_new_privs_required = 1;
	permit(-EPERM, plain_spec, &p, true, "no_new_privs_required");
}

/* --- log --- */
static struct jsonlog logger_;
static struct log_stream out;
static int file;
static char *text_of_log;

static void log_open(void)
{
	file = memfd_create("log", MFD_CLOEXEC);
	memset(&out, 0, sizeof(out));
	out.name = "stdout";
	jsonlog_init(&logger_, file);
	jsonlog_time(&logger_, INT64_C(1700000000120000000));
}

/* Everything written so far, to be parsed or compared. */
static const char *log_text(void)
{
	free(text_of_log);
	jsonlog_flush(&logger_);
	CU_ASSERT_EQUAL_FATAL(fd_read_all(file, 1 << 24, &text_of_log, NULL), 0);
	return text_of_log;
}

static void log_close(void)
{
	jsonlog_finish(&logger_);
	close(file);
}

#define LINE(text) "{\"log\":\"" text "\",\"stream\":\"stdout\",\"time\":\"2023-11-14T22:13:20.12Z\"}\n"

static void test_log_lines(void)
{
	log_open();
	jsonlog_add(&logger_, &out, "one\ntw", 6);
	jsonlog_add(&logger_, &out, "o\n\nlast", 7);
	CU_ASSERT_STRING_EQUAL(log_text(), LINE("one\\n") LINE("two\\n") LINE("\\n"));
	jsonlog_end(&logger_, &out);
	jsonlog_end(&logger_, &out);
	CU_ASSERT_STRING_EQUAL(log_text(), LINE("one\\n") LINE("two\\n") LINE("\\n") LINE("last"));
	log_close();
}

static void test_journal(void)
{
	int pair[2];
	char got[32768], *head = got, *message;
	ssize_t n;

	log_open();
	CU_ASSERT_EQUAL(journal_open(&logger_.journal, true), -ENOENT);
	CU_ASSERT_EQUAL(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair), 0);
	logger_.journal.fd = pair[0];
	CU_ASSERT_EQUAL(journal_fields(&logger_.journal, "[]"), -EINVAL);
	CU_ASSERT_EQUAL(journal_fields(&logger_.journal, "{\"TAG\":\"a\\nPRIORITY=0\",\"_UID\":\"0\",\"a=b\":\"x\","
							 "\"9\":\"x\",\"\":\"x\",\"N\":7,\"MESSAGE\":\"x\","
							 "\"PRIORITY\":\"0\",\"SYSLOG_TIMESTAMP\":\"x\","
							 "\"CONTAINER_LOG_EPOCH\":\"x\",\"CONTAINER_PARTIAL_ID\":\"x\"}"),
			0);
	jsonlog_add(&logger_, &out, "x\nPRIORITY=0\n", 13);
	n = recv(pair[1], got, sizeof(got), 0);
	CU_ASSERT_TRUE_FATAL(n > 40);
	CU_ASSERT_EQUAL(memcmp(head, "TAG\n\x0c\0\0\0\0\0\0\0a\nPRIORITY=0\n", 25), 0);
	head += 25;
	got[n] = '\0';
	CU_ASSERT_EQUAL(strncmp(head, "PRIORITY=6\nSYSLOG_TIMESTAMP=2023-11-14T22:13:20.12Z\n", 52), 0);
	message = strstr(head, "\nMESSAGE\n");
	CU_ASSERT_PTR_NOT_NULL_FATAL(message);
	CU_ASSERT_TRUE(got + n == message + 9 + 8 + 2);
	CU_ASSERT_EQUAL(memcmp(message + 9, "\1\0\0\0\0\0\0\0x\n", 10), 0);
	/* Full, it loses entries and counts them; the log has the lines all the same. */
	logger_.journal.waits = false;
	for (unsigned i = 0; i < 2000; i++)
		jsonlog_add(&logger_, &out, "y\n", 2);
	CU_ASSERT_TRUE(logger_.journal.lost > 0 && logger_.journal.lost < 2000);
	CU_ASSERT_EQUAL(strlen(log_text()) % strlen(LINE("y\\n")), strlen(LINE("x\\n") LINE("PRIORITY=0\\n")) % strlen(LINE("y\\n")));
	log_close();
	close(pair[1]);
}

static void add(const char *text)
{
	jsonlog_add(&logger_, &out, text, strlen(text));
}

static void test_log_escapes(void)
{
	log_open();
	add("a\"b\\c\td\re\x01<&>\x7f\n");
	add("\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80 \xe2\x80\xa8\n");
	add("\xff \xc0\x80 \xed\xa0\x80 \xe2\x82\n");
	CU_ASSERT_STRING_EQUAL(log_text(),
			       LINE("a\\\"b\\\\c\\td\\re\\u0001\\u003c\\u0026\\u003e\x7f\\n")
				       LINE("\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80 \\u2028\\n")
					       LINE("\\ufffd \\ufffd\\ufffd \\ufffd\\ufffd\\ufffd \\ufffd\\ufffd\\n"));
	log_close();
}

/* What the log says, joined as a reader joins it; every line is valid JSON and none says more than LOG_LINE_MAX. */
static size_t log_joined(char *ret, size_t *ret_lines)
{
	const char *p = log_text();
	size_t n = 0;

	*ret_lines = 0;
	while (*p) {
		const char *end;
		cJSON *o = cJSON_ParseWithOpts(p, &end, 0);
		const char *s = cJSON_GetStringValue(cJSON_GetObjectItem(o, "log"));

		CU_ASSERT_PTR_NOT_NULL_FATAL(s);
		CU_ASSERT_TRUE(strlen(s) <= LOG_LINE_MAX + 1 && *end == '\n');
		memcpy(ret + n, s, strlen(s));
		n += strlen(s);
		p = end + 1;
		++*ret_lines;
		cJSON_Delete(o);
	}
	return n;
}

static void test_log_long(void)
{
	static char data[200000], joined[200000];
	size_t n, lines;

	/* three-byte characters, so that every cut would hit one if it were careless */
	for (size_t i = 0; i + 3 <= sizeof(data) - 2; i += 3)
		memcpy(data + i, "\xe2\x82\xac", 3);
	data[sizeof(data) - 2] = 'x';
	data[sizeof(data) - 1] = '\n';
	for (size_t piece = 1; piece < 70000; piece = piece * 7 + 1) {
		log_open();
		for (size_t at = 0; at < sizeof(data); at += piece)
			jsonlog_add(&logger_, &out, data + at, sizeof(data) - at < piece ? sizeof(data) - at : piece);
		n = log_joined(joined, &lines);
		CU_ASSERT_EQUAL(n, sizeof(data));
		CU_ASSERT_EQUAL(memcmp(joined, data, sizeof(data)), 0);
		CU_ASSERT_EQUAL(lines, 13);
		log_close();
	}
}

static void test_log_time(void)
{
	static const struct {
		int64_t ns;
		const char *text;
	} rows[] = {
		{ 0, "1970-01-01T00:00:00" },
		{ INT64_C(951782400000000001), "2000-02-29T00:00:00.000000001" },
		{ INT64_C(1704067199999999999), "2023-12-31T23:59:59.999999999" },
		{ INT64_C(1709251200000000000), "2024-03-01T00:00:00" },
		{ INT64_C(4107542399500000000), "2100-02-28T23:59:59.5" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		jsonlog_init(&logger_, -EBADF);
		jsonlog_time(&logger_, rows[i].ns);
		CU_ASSERT_EQUAL(logger_.stamp_len, strlen(rows[i].text));
		CU_ASSERT_EQUAL(memcmp(logger_.stamp, rows[i].text, logger_.stamp_len), 0);
	}
}

/* A full device loses output and says so, but never blocks or crashes. */
static void test_log_full(void)
{
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);

	if (full < 0)
		return;
	jsonlog_init(&logger_, full);
	memset(&out, 0, sizeof(out));
	out.name = "stdout";
	jsonlog_time(&logger_, 0);
	jsonlog_add(&logger_, &out, "x\n", 2);
	jsonlog_flush(&logger_);
	CU_ASSERT_TRUE(logger_.lost > 0);
	CU_ASSERT_EQUAL(logger_.len, 0);
	log_close();
}

/* --- streams --- */
static struct stdio streams;
static int pipes[3][2];

static void streams_open(bool stdin_once)
{
	memset(&streams, 0, sizeof(streams));
	const struct req_spawn_create q = { .stdin_once = stdin_once, .log = -EBADF };

	stdio_init(&streams, &q);
	for (int i = 0; i < 3; i++)
		CU_ASSERT_EQUAL_FATAL(pipe2(pipes[i], O_CLOEXEC | O_NONBLOCK), 0);
	stdio_take(&streams, (const int[]){ pipes[0][1], pipes[1][0], pipes[2][0] }, 3);
}

/* One turn of the monitor's loop. */
static void turn(int64_t now)
{
	struct pollfd p[3 + CLIENTS_MAX];
	int timeout = -1;
	size_t n = stdio_polls(&streams, p, now, &timeout);

	CU_ASSERT_TRUE_FATAL(poll(p, n, 0) >= 0);
	stdio_serve(&streams, p, n, now);
}

static void streams_close(int client)
{
	stdio_drain(&streams, 0);
	for (unsigned i = 0; i < CLIENTS_MAX; i++)
		client_drop(&streams, &streams.clients[i]);
	close(client);
	close(pipes[0][0]);
	close(pipes[1][1]);
	close(pipes[2][1]);
}

static void test_stream_output(void)
{
	int all, only_errors;
	char b[100];

	streams_open(false);
	CU_ASSERT_EQUAL_FATAL(stdio_attach(&streams, ATTACH_STDOUT | ATTACH_STDERR, 0, &all), 0);
	CU_ASSERT_EQUAL_FATAL(stdio_attach(&streams, ATTACH_STDERR, 0, &only_errors), 0);
	CU_ASSERT_EQUAL(write(pipes[1][1], "out", 3), 3);
	turn(0);
	CU_ASSERT_EQUAL(write(pipes[2][1], "err", 3), 3);
	turn(0);
	CU_ASSERT_EQUAL(recv(all, b, sizeof(b), MSG_DONTWAIT), 4);
	CU_ASSERT_EQUAL(memcmp(b, "\1out", 4), 0);
	CU_ASSERT_EQUAL(recv(all, b, sizeof(b), MSG_DONTWAIT), 4);
	CU_ASSERT_EQUAL(memcmp(b, "\2err", 4), 0);
	CU_ASSERT_EQUAL(recv(only_errors, b, sizeof(b), MSG_DONTWAIT), 4);
	CU_ASSERT_EQUAL(memcmp(b, "\2err", 4), 0);
	CU_ASSERT_TRUE(recv(only_errors, b, sizeof(b), MSG_DONTWAIT) < 0);
	close(only_errors);
	turn(0);
	stdio_drain(&streams, 0);
	CU_ASSERT_TRUE(stdio_flushed(&streams));
	CU_ASSERT_EQUAL(recv(all, b, sizeof(b), MSG_DONTWAIT), 0);
	streams_close(all);
}

static void test_stream_input(void)
{
	char b[100];
	int c;

	for (int once = 0; once < 2; once++) {
		streams_open(once);
		CU_ASSERT_EQUAL_FATAL(stdio_attach(&streams, 7, 0, &c), 0);
		send(c, "\0ab", 3, 0);
		send(c, "\0c", 2, 0);
		send(c, "\0", 1, 0);
		for (int i = 0; i < 5; i++)
			turn(0);
		CU_ASSERT_EQUAL(read(pipes[0][0], b, sizeof(b)), 3);
		CU_ASSERT_EQUAL(memcmp(b, "abc", 3), 0);
		/* Ended for good, or open for the next client. */
		CU_ASSERT_EQUAL(read(pipes[0][0], b, sizeof(b)), once ? 0 : -1);
		streams_close(c);
	}
}

/* A client that takes nothing holds output at QUEUE_MAX, for STALL_MS and no longer. */
static void test_stream_stalled(void)
{
	static char block[65536];
	int c, turns = 0;

	streams_open(false);
	CU_ASSERT_EQUAL_FATAL(stdio_attach(&streams, ATTACH_STDOUT, 0, &c), 0);
	while (turns++ < 10000) {
		ssize_t n = write(pipes[1][1], block, sizeof(block));

		turn(0);
		if (n < 0 && streams.clients[0].queued >= QUEUE_MAX)
			break;
	}
	CU_ASSERT_TRUE(turns < 10000);
	turn(STALL_MS - 1);
	CU_ASSERT_TRUE(write(pipes[1][1], block, sizeof(block)) < 0);
	turn(STALL_MS);
	CU_ASSERT_EQUAL(streams.clients[0].fd, -EBADF);
	turn(STALL_MS);
	CU_ASSERT_TRUE(write(pipes[1][1], block, sizeof(block)) > 0);
	streams_close(c);
}

/* --- targets --- */
static char root_path[] = "/tmp/postern-test-XXXXXX";
static int root;

static bool exists_outside(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

static void test_target(void)
{
	struct stat st;
	int fd;

	CU_ASSERT_EQUAL(mkdirat(root, "etc", 0755), 0);
	CU_ASSERT_EQUAL(symlinkat("../../../../etc", root, "up"), 0);
	CU_ASSERT_EQUAL(symlinkat("/etc", root, "abs"), 0);
	CU_ASSERT_EQUAL(symlinkat("/not/there", root, "dangling"), 0);
	CU_ASSERT_EQUAL(symlinkat("loop", root, "loop"), 0);
	CU_ASSERT_EQUAL(symlinkat("../x/./y/..", root, "etc/dots"), 0);

	CU_ASSERT_EQUAL(target_open(root, "/a/b"), -ENOENT);
	fd = target_make(root, "/a/b/c", /* dir= */ true);
	CU_ASSERT_TRUE(fd >= 0 && fstat(fd, &st) == 0 && S_ISDIR(st.st_mode));
	close(fd);
	fd = target_make(root, "/up/postern-test-file", /* dir= */ false);
	CU_ASSERT_TRUE(fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode));
	close(fd);
	CU_ASSERT_EQUAL(faccessat(root, "etc/postern-test-file", F_OK, 0), 0);
	CU_ASSERT_FALSE(exists_outside("/etc/postern-test-file"));
	fd = target_make(root, "/dangling/sub", /* dir= */ true);
	CU_ASSERT_TRUE(fd >= 0);
	close(fd);
	CU_ASSERT_EQUAL(faccessat(root, "not/there/sub", F_OK, 0), 0);
	CU_ASSERT_FALSE(exists_outside("/not/there"));
	fd = target_make(root, "/etc/dots/z", /* dir= */ true);
	CU_ASSERT_TRUE(fd >= 0);
	close(fd);
	CU_ASSERT_EQUAL(faccessat(root, "x/z", F_OK, 0), 0);
	/* only the last component is missing: a plain one, a link to nowhere, no name at all */
	fd = target_make(root, "/up/new", /* dir= */ true);
	CU_ASSERT_TRUE(fd >= 0 && fstat(fd, &st) == 0 && S_ISDIR(st.st_mode));
	close(fd);
	CU_ASSERT_EQUAL(faccessat(root, "etc/new", F_OK, 0), 0);
	CU_ASSERT_EQUAL(symlinkat("/not/here", root, "etc/nowhere"), 0);
	fd = target_make(root, "/etc/nowhere", /* dir= */ false);
	CU_ASSERT_TRUE(fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode));
	close(fd);
	CU_ASSERT_EQUAL(faccessat(root, "not/here", F_OK, 0), 0);
	CU_ASSERT_FALSE(exists_outside("/not/here"));
	fd = target_make(root, "/", /* dir= */ true);
	CU_ASSERT_TRUE(fd >= 0);
	close(fd);
	CU_ASSERT_EQUAL(target_make(root, "/loop/x", true), -ELOOP);
	CU_ASSERT_EQUAL(target_make(root, "/etc/postern-test-file/x", true), -ENOTDIR);
}

/* --- PATH --- */
static int lookup(const char *name, const char *path, char *ret)
{
	const char *env[] = { "A=1", path, NULL };

	return exec_lookup(name, env, ret, PATH_MAX);
}

static void test_lookup(void)
{
	char env[200], ret[PATH_MAX], want[200];

	close(openat(root, "plain", O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
	close(openat(root, "run", O_CREAT | O_WRONLY | O_CLOEXEC, 0755));
	mkdirat(root, "bin", 0755);
	mkdirat(root, "bin/run", 0755);
	snprintf(env, sizeof(env), "PATH=/nonexistent:%s/bin:%s", root_path, root_path);
	snprintf(want, sizeof(want), "%s/run", root_path);
	CU_ASSERT_EQUAL(lookup("run", env, ret), 0); /* a directory of that name does not count */
	CU_ASSERT_STRING_EQUAL(ret, want);
	CU_ASSERT_EQUAL(lookup("plain", env, ret), -ENOENT);
	CU_ASSERT_EQUAL(lookup("missing", env, ret), -ENOENT);
	snprintf(want, sizeof(want), "%s/plain", root_path);
	CU_ASSERT_EQUAL(lookup(want, env, ret), -EACCES);
	CU_ASSERT_EQUAL(lookup(root_path, env, ret), -EISDIR);
	CU_ASSERT_EQUAL(lookup("/nonexistent/x", env, ret), -ENOENT);
	CU_ASSERT_EQUAL(lookup("sh", "B=1", ret), 0); /* the default path */
}

/* --- the monitor's filter --- */
static int signal_of(void (*act)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || sandbox_seccomp_mute(NULL, 0, TIOCSWINSZ) < 0)
			_exit(1);
		act();
		_exit(0);
	}
	if (waitpid(pid, &status, 0) != pid || (WIFEXITED(status) && WEXITSTATUS(status) != 0))
		return -1;
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void resize(void)
{
	ioctl(STDIN_FILENO, TIOCSWINSZ, NULL);
}

static void read_size(void)
{
	ioctl(STDIN_FILENO, TIOCGWINSZ, NULL);
}

static void signal_self(void)
{
	syscall(SYS_tgkill, getpid(), getpid(), 0);
}

static void signal_pidfd(void)
{
	syscall(SYS_pidfd_send_signal, -1, 0, NULL, 0);
}

static void test_mute(void)
{
#ifndef __SANITIZE_ADDRESS__
	CU_ASSERT_EQUAL(signal_of(resize), 0);
	CU_ASSERT_EQUAL(signal_of(read_size), SIGSYS);
	CU_ASSERT_EQUAL(signal_of(signal_self), SIGSYS);
	CU_ASSERT_EQUAL(signal_of(signal_pidfd), SIGSYS);
#endif
}

int main(void)
{
	static const CU_TestInfo tests[] = {
		{ "a whole spec", test_spec_whole },
		{ "refused specs", test_spec_refused },
		{ "deep nesting", test_spec_deep },
		{ "policy over a spec", test_spec_policy },
		{ "log lines", test_log_lines },
		{ "entries of the journal", test_journal },
		{ "log escapes", test_log_escapes },
		{ "long lines", test_log_long },
		{ "log time", test_log_time },
		{ "a full disk", test_log_full },
		{ "output to clients", test_stream_output },
		{ "input", test_stream_input },
		{ "a stalled client", test_stream_stalled },
		{ "mount targets", test_target },
		{ "PATH lookup", test_lookup },
		{ "the monitor's filter", test_mute },
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = { { "spawn", NULL, NULL, NULL, NULL, (CU_TestInfo *)tests }, CU_SUITE_INFO_NULL };
	unsigned failed;
	char command[64];

	if (!mkdtemp(root_path))
		return 1;
	root = open(root_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0 || CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
		return 1;
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	failed = CU_get_number_of_failures();
	CU_cleanup_registry();
	free(text_of_log);
	snprintf(command, sizeof(command), "rm -rf %s", root_path);
	return system(command) != 0 || failed > 0;
}
