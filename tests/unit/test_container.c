/* test_container.c - states, signals, filters, times, detach keys, log reading, and the client of helpers against a
 * helper that this test plays itself: everything in one thread, so nothing depends on timing. */
#include <CUnit/Basic.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "../../controller/container/filters.h"
#include "../../controller/container/internal.h"
#include "../../controller/container/stream.h"
#include "../../controller/task.h"
#include "../../helpers/base/cleanup.h"
#include "../../helpers/base/text.h"
#include "../../helpers/protocol/call.h"

/* --- tables ---------------------------------------------------------------------------------------------- */
static void test_ids(void)
{
	static const struct {
		const char *id;
		bool fits;
	} ids[] = {
		{ "012345678901", false }, { "986737908792", false }, { "a12345678901", true }, { "01234567890f", true },
		{ "0123456e8901", true },  { "012345a78901", true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		uint8_t raw[ID_BYTES] = { [6] = 0xab };

		CU_ASSERT(hex_decode(ids[i].id, raw, 6) == 0);
		CU_ASSERT(container_id_fits(raw) == ids[i].fits);
	}
}

static void test_states(void)
{
	static const struct {
		enum container_status from;
		enum container_event ev;
		enum container_status to;
	} good[] = {
		{ STATUS_CREATED, EVENT_START, STATUS_STARTING },
		{ STATUS_CREATED, EVENT_REMOVE, STATUS_REMOVING },
		{ STATUS_STARTING, EVENT_STARTED, STATUS_RUNNING },
		{ STATUS_STARTING, EVENT_NOT_STARTED, STATUS_CREATED },
		{ STATUS_STARTING, EVENT_RESTART_FAILED, STATUS_EXITED },
		{ STATUS_RUNNING, EVENT_PAUSE, STATUS_PAUSED },
		{ STATUS_RUNNING, EVENT_EXIT, STATUS_EXITED },
		{ STATUS_PAUSED, EVENT_UNPAUSE, STATUS_RUNNING },
		{ STATUS_PAUSED, EVENT_EXIT, STATUS_EXITED },
		{ STATUS_EXITED, EVENT_START, STATUS_STARTING },
		{ STATUS_EXITED, EVENT_REMOVE, STATUS_REMOVING },
		{ STATUS_REMOVING, EVENT_REMOVE_FAILED, STATUS_DEAD },
		{ STATUS_DEAD, EVENT_REMOVE, STATUS_REMOVING },
	};
	unsigned allowed = 0;

	for (int s = 0; s < STATUS_COUNT; s++)
		for (int ev = 0; ev < EVENT_COUNT; ev++)
			allowed += container_next_status((enum container_status)s, (enum container_event)ev) >= 0;
	CU_ASSERT_EQUAL(allowed, ARRAY_SIZE(good));
	for (unsigned i = 0; i < ARRAY_SIZE(good); i++)
		CU_ASSERT_EQUAL(container_next_status(good[i].from, good[i].ev), (int)good[i].to);
	CU_ASSERT_EQUAL(container_status_by_name("exited"), STATUS_EXITED);
	CU_ASSERT_EQUAL(container_status_by_name("created"), STATUS_CREATED);
	CU_ASSERT_EQUAL(container_status_by_name("ill"), -1);
}

static void test_signals(void)
{
	CU_ASSERT_EQUAL(signal_by_name("SIGKILL"), 9);
	CU_ASSERT_EQUAL(signal_by_name("term"), 15);
	CU_ASSERT_EQUAL(signal_by_name("10"), 10);
	CU_ASSERT_EQUAL(signal_by_name("SIGRTMIN+3"), 37);
	CU_ASSERT_EQUAL(signal_by_name("RTMAX-1"), 63);
	CU_ASSERT_EQUAL(signal_by_name("0"), -1);
	CU_ASSERT_EQUAL(signal_by_name("65"), -1);
	CU_ASSERT_EQUAL(signal_by_name("SIGFOO"), -1);
	CU_ASSERT_EQUAL(signal_by_name(""), -1);
}

static void test_times(void)
{
	char text[40];
	int64_t ns;

	time_rfc3339(0, text);
	CU_ASSERT_STRING_EQUAL(text, "0001-01-01T00:00:00Z");
	time_rfc3339(INT64_C(1700000000) * 1000000000 + 120000000, text);
	CU_ASSERT_STRING_EQUAL(text, "2023-11-14T22:13:20.12Z");
	time_rfc3339(INT64_C(1700000000) * 1000000000, text);
	CU_ASSERT_STRING_EQUAL(text, "2023-11-14T22:13:20Z");
	CU_ASSERT_EQUAL(filters_time("1700000000.5", &ns, NULL), 0);
	CU_ASSERT_EQUAL(ns, INT64_C(1700000000500000000));
	CU_ASSERT_EQUAL(filters_time("1700000000.000000007", &ns, NULL), 0);
	CU_ASSERT_EQUAL(ns, INT64_C(1700000000000000007));
	CU_ASSERT_EQUAL(filters_time("2023-11-14T23:13:20.25+01:00", &ns, NULL), 0);
	CU_ASSERT_EQUAL(ns, INT64_C(1700000000250000000));
	CU_ASSERT_EQUAL(filters_time("2023-11-14T22:13:20Z", &ns, NULL), 0);
	CU_ASSERT_EQUAL(ns, INT64_C(1700000000000000000));
	CU_ASSERT_EQUAL(filters_time("1h30m", &ns, NULL), 0);
	CU_ASSERT_TRUE(ns < time_now_ns() - INT64_C(5399) * 1000000000);
	CU_ASSERT_TRUE(ns > time_now_ns() - INT64_C(5600) * 1000000000);
	CU_ASSERT_EQUAL(filters_time("yesterday", &ns, NULL), -1);
	CU_ASSERT_EQUAL(filters_time("", &ns, NULL), -1);
	CU_ASSERT_EQUAL(filters_time("99999999999999999999", &ns, NULL), -1);
}

static void test_filters(void)
{
	static const char *const known[] = { "label", "name", NULL };
	cJSON *f, *labels = cJSON_Parse("{\"a\":\"1\",\"b\":\"x=y\"}");
	struct err err = { 0 };

	CU_ASSERT_EQUAL(filters_parse(NULL, known, &f, &err), 0);
	CU_ASSERT_PTR_NULL(f);
	CU_ASSERT_TRUE(filters_match(NULL, "name", "x"));
	CU_ASSERT_EQUAL(filters_parse("{\"name\":{\"x\":true,\"y\":false}}", known, &f, &err), 0);
	CU_ASSERT_TRUE(filters_match(f, "name", "x"));
	CU_ASSERT_FALSE(filters_match(f, "name", "y"));
	cJSON_Delete(f);
	CU_ASSERT_EQUAL(filters_parse("{\"label\":[\"a\",\"b=x=y\"]}", known, &f, &err), 0);
	CU_ASSERT_TRUE(filters_match_labels(f, "label", labels));
	cJSON_Delete(f);
	CU_ASSERT_EQUAL(filters_parse("{\"label\":[\"a=2\"]}", known, &f, &err), 0);
	CU_ASSERT_FALSE(filters_match_labels(f, "label", labels));
	cJSON_Delete(f);
	CU_ASSERT_EQUAL(filters_parse("{\"other\":[\"a\"]}", known, &f, &err), -1);
	CU_ASSERT_EQUAL(err.status, 400);
	CU_ASSERT_EQUAL(filters_parse("[]", known, &f, NULL), -1);
	CU_ASSERT_EQUAL(filters_parse("{\"name\":[1]}", known, &f, NULL), -1);
	CU_ASSERT_EQUAL(filters_parse("{\"name\":\"x\"}", known, &f, NULL), -1);
	cJSON_Delete(labels);
}

static void test_detach_keys(void)
{
	struct detach_keys k;
	struct err err = { 0 };
	uint8_t out[64];
	bool detach = false;

	CU_ASSERT_EQUAL(detach_keys_parse("", &k, &err), 0);
	CU_ASSERT_EQUAL(detach_keys_filter(&k, (const uint8_t *)"ab\x10", 3, out, &detach), 2);
	CU_ASSERT_FALSE(detach);
	/* The sequence over two reads; what follows is not input any more. */
	CU_ASSERT_EQUAL(detach_keys_filter(&k, (const uint8_t *)"\x11z", 2, out, &detach), 0);
	CU_ASSERT_TRUE(detach);
	detach = false;
	CU_ASSERT_EQUAL(detach_keys_filter(&k, (const uint8_t *)"\x10x\x10\x10y", 5, out, &detach), 5);
	CU_ASSERT_EQUAL(memcmp(out, "\x10x\x10\x10y", 5), 0);
	CU_ASSERT_FALSE(detach);
	CU_ASSERT_EQUAL(detach_keys_parse("ctrl-a,b", &k, &err), 0);
	CU_ASSERT_EQUAL(k.n, 2);
	CU_ASSERT_EQUAL(k.keys[0], 1);
	CU_ASSERT_EQUAL(k.keys[1], 'b');
	CU_ASSERT_EQUAL(detach_keys_parse("ctrl-", &k, &err), -1);
	CU_ASSERT_EQUAL(detach_keys_parse("abc", &k, NULL), -1);
	CU_ASSERT_EQUAL(detach_keys_parse("a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a", &k, NULL), -1);
}

/* --- logs ------------------------------------------------------------------------------------------------ */
static char collected[1 << 20];
static size_t ncollected;

static int collect(void *data, const void *bytes, size_t n)
{
	memcpy(collected + ncollected, bytes, n);
	ncollected += n;
	collected[ncollected] = '\0';
	return 0;
}

static bool never(void *data)
{
	return false;
}

static const char log_text[] =
	"{\"log\":\"one\\n\",\"stream\":\"stdout\",\"time\":\"2023-11-14T22:13:20.5Z\"}\n"
	"{\"log\":\"\\\"two\\\" \\u003c\\ud83d\\ude00\\n\",\"stream\":\"stderr\",\"time\":\"2023-11-14T22:13:21Z\"}\n"
	"not a line of ours\n"
	"{\"log\":\"part\",\"stream\":\"stdout\",\"time\":\"2023-11-14T22:13:22.123456789Z\"}\n";

static const char *read_log(struct container *c, struct log_options o, bool framed)
{
	struct sink to = { .write = collect, .gone = never, .framed = framed };

	ncollected = 0;
	collected[0] = '\0';
	CU_ASSERT_EQUAL(logs_send(c, &o, &to), 0);
	return collected;
}

static void test_logs(void)
{
	char dir[] = "/tmp/test-container.XXXXXX", path[512];
	struct engine e = { .state_dir = -EBADF };
	struct container c = { .e = &e };
	struct log_options all = { .out = true, .err = true, .tail = -1 }, o;
	int fd;

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	memset(c.row.id, 'a', 64);
	e.state_dir = open(dir, O_RDONLY | O_DIRECTORY);
	e.state_path = dir;
	mkdirat(e.state_dir, "containers", 0700);
	CU_ASSERT_STRING_EQUAL(read_log(&c, all, false), ""); /* no file yet */
	close(container_open_exit(&c, O_RDWR | O_CREAT));
	fd = container_open_log(&c, O_RDWR | O_CREAT | O_APPEND);
	CU_ASSERT_EQUAL(write(fd, log_text, strlen(log_text)), (ssize_t)strlen(log_text));
	CU_ASSERT_STRING_EQUAL(read_log(&c, all, false), "one\n\"two\" <\xf0\x9f\x98\x80\npart");
	o = all;
	o.err = false;
	CU_ASSERT_STRING_EQUAL(read_log(&c, o, false), "one\npart");
	o = all;
	o.tail = 1;
	CU_ASSERT_STRING_EQUAL(read_log(&c, o, false), "part");
	o.tail = 0;
	CU_ASSERT_STRING_EQUAL(read_log(&c, o, false), "");
	o.tail = 100;
	CU_ASSERT_STRING_EQUAL(read_log(&c, o, false), "one\n\"two\" <\xf0\x9f\x98\x80\npart");
	o = all;
	o.since_ns = INT64_C(1700000001000000001);
	CU_ASSERT_STRING_EQUAL(read_log(&c, o, false), "part");
	o = all;
	o.until_ns = INT64_C(1700000000900000000);
	o.timestamps = true;
	CU_ASSERT_STRING_EQUAL(read_log(&c, o, false), "2023-11-14T22:13:20.500000000Z one\n");
	o = all;
	o.out = false;
	CU_ASSERT_EQUAL(memcmp(read_log(&c, o, true), "\2\0\0\0\0\0\0\014\"two\" <", 15), 0);
	/* A line longer than any of ours is left out; the next is read. */
	for (int i = 0; i < 40; i++)
		CU_ASSERT_EQUAL(write(fd, memset(path, 'x', sizeof(path)), sizeof(path)), (ssize_t)sizeof(path));
	for (int i = 0; i < 300; i++)
		CU_ASSERT_EQUAL(write(fd, path, sizeof(path)), (ssize_t)sizeof(path));
	CU_ASSERT_EQUAL(write(fd, "\n", 1), 1);
	CU_ASSERT_EQUAL(write(fd, log_text, strlen(log_text)), (ssize_t)strlen(log_text));
	CU_ASSERT_STRING_EQUAL(read_log(&c, all, false),
			       "one\n\"two\" <\xf0\x9f\x98\x80\npartone\n\"two\" <\xf0\x9f\x98\x80\npart");
	close(fd);
	container_delete_files(&e, c.row.id);
	unlinkat(e.state_dir, "containers", AT_REMOVEDIR);
	close(e.state_dir);
	CU_ASSERT_EQUAL(rmdir(dir), 0);
}

/* --- the client of helpers ------------------------------------------------------------------------------- */
static const struct policy_common policy = { .nmap = 1, .map = { { 0, MAP_SIZE } } };
static struct engine engine = { .policy = &policy };
static int control, helper; /* our ends: the launcher's and the helper's */

/* As the launcher does. */
static void give_channel(unsigned id, int *ret_helper)
{
	uint32_t message[2] = { id, 0 };
	int pair[2];
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} c = { .align = { .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int)) } };
	struct iovec iov = { message, sizeof(message) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = c.buf, .msg_controllen = sizeof(c.buf) };

	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	memcpy(CMSG_DATA(&c.align), &pair[0], sizeof(int));
	CU_ASSERT_EQUAL(sendmsg(control, &msg, 0), (ssize_t)sizeof(message));
	close(pair[0]);
	*ret_helper = pair[1];
}

static struct frame frame;

/* Takes one request: its id. */
static uint32_t take_request(int fd, enum op op)
{
	int r = frame_receive(fd, &frame, MSG_DONTWAIT);

	CU_ASSERT_EQUAL(r, 0);
	CU_ASSERT_EQUAL(frame.h.op, op);
	frame_close_fds(&frame);
	return frame.h.id;
}

static void reply_list(int fd, uint32_t id, unsigned n)
{
	struct {
		struct reply_header h;
		uint8_t body[1024];
	} out = { 0 };
	struct rep_cgroup_list *rep = calloc(1, sizeof(*rep));
	struct frame_header h = { .op = OP_CGROUP_LIST, .id = id, .flags = FRAME_REPLY };
	size_t len, nfds;
	int fds[1];

	rep->containers.n = n;
	CU_ASSERT_EQUAL(
		message_encode(&op_desc(OP_CGROUP_LIST)->rep, rep, out.body, sizeof(out.body), &len, fds, 1, &nfds), 0);
	CU_ASSERT_EQUAL(frame_send(fd, &h, &out, sizeof(out.h) + len, NULL, 0, 0), 0);
	free(rep);
}

static void reply_refused(int fd, enum op op, uint32_t id)
{
	struct reply_header out = { .status = -EPERM, .stage = "walk", .rule = "home" };
	struct frame_header h = { .op = (uint16_t)op, .id = id, .flags = FRAME_REPLY };

	CU_ASSERT_EQUAL(frame_send(fd, &h, &out, sizeof(out), NULL, 0, 0), 0);
}

static struct pending *ask_list(void)
{
	struct req_cgroup_list req = { .skip = 0 };

	return helper_submit(&engine, OP_CGROUP_LIST, &req, NULL, 0);
}

/* Gives the loop turns until fd has something to read. */
static void await_request(int fd)
{
	char byte;

	for (int i = 0; i < 5000 && recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0; i++)
		task_sleep_ms(1);
}

static int wait_list(struct pending *p, unsigned want)
{
	struct rep_cgroup_list *rep = calloc(1, sizeof(*rep));
	int r = helper_wait(p, rep, NULL, NULL);

	if (r == 0)
		CU_ASSERT_EQUAL(rep->containers.n, want);
	free(rep);
	return r;
}

static void check_order(void)
{
	struct pending *a = ask_list(), *b; /* before there is a channel: waits */
	uint32_t id_a, id_b;

	give_channel(HELPER_CGROUP, &helper);
	await_request(helper);
	b = ask_list();
	id_a = take_request(helper, OP_CGROUP_LIST);
	id_b = take_request(helper, OP_CGROUP_LIST);
	CU_ASSERT_NOT_EQUAL(id_a, id_b);
	reply_list(helper, id_b, 2);
	CU_ASSERT_EQUAL(wait_list(b, 2), 0);
	reply_list(helper, id_a, 1);
	CU_ASSERT_EQUAL(wait_list(a, 1), 0);
}

static void check_refusal(void)
{
	struct req_cgroup_kill req = { 0 };
	struct err err = { 0 };
	char stage[STAGE_MAX] = "";
	struct pending *p = helper_submit(&engine, OP_CGROUP_KILL, &req, NULL, 0);

	reply_refused(helper, OP_CGROUP_KILL, take_request(helper, OP_CGROUP_KILL));
	CU_ASSERT_EQUAL(helper_wait(p, NULL, &err, stage), -EPERM);
	CU_ASSERT_EQUAL(err.status, 403);
	CU_ASSERT_STRING_EQUAL(err.message, "cgroup KILL: walk: Operation not permitted (rule home)");
	CU_ASSERT_STRING_EQUAL(stage, "walk");
}

static void check_deadline(void)
{
	struct req_cgroup_list req = { .skip = 0 };
	struct pending *p = helper_submit(&engine, OP_CGROUP_LIST, &req, NULL, 1);
	uint32_t late = take_request(helper, OP_CGROUP_LIST);

	CU_ASSERT_EQUAL(wait_list(p, 0), -ETIMEDOUT);
	reply_list(helper, late, 7); /* nobody's any more */
	p = ask_list();
	reply_list(helper, take_request(helper, OP_CGROUP_LIST), 1);
	CU_ASSERT_EQUAL(wait_list(p, 1), 0);
}

static void check_full_socket(void)
{
	enum { MANY = 3000 };
	struct pending **p = calloc(MANY, sizeof(struct pending *));

	for (unsigned i = 0; i < MANY; i++)
		p[i] = ask_list();
	for (unsigned i = 0; i < MANY; i++) {
		await_request(helper);
		reply_list(helper, take_request(helper, OP_CGROUP_LIST), i % 3);
		CU_ASSERT_EQUAL(wait_list(p[i], i % 3), 0);
	}
	free(p);
}

static void check_restart(void)
{
	unsigned generation = helper_generation(&engine, HELPER_CGROUP);
	struct pending *sent = ask_list(), *next;
	int old = helper;

	take_request(old, OP_CGROUP_LIST);
	close(old);
	CU_ASSERT_EQUAL(wait_list(sent, 0), -ECONNRESET);
	CU_ASSERT_EQUAL(helper_generation(&engine, HELPER_CGROUP), generation + 1);
	next = ask_list(); /* waits for the new channel */
	give_channel(HELPER_CGROUP, &helper);
	await_request(helper);
	reply_list(helper, take_request(helper, OP_CGROUP_LIST), 1);
	CU_ASSERT_EQUAL(wait_list(next, 1), 0);
}

static void check_malformed(void)
{
	struct pending *p = ask_list();
	uint32_t id = take_request(helper, OP_CGROUP_LIST);

	reply_refused(helper, OP_CGROUP_KILL, id); /* an answer to another op */
	CU_ASSERT_EQUAL(wait_list(p, 0), -ECONNRESET);
	close(helper);
}

static unsigned exits;
static int last_code;

static void on_exited(void *data, const struct req_monitor_exited *msg)
{
	exits++;
	last_code = msg ? (int)msg->code : -1;
}

static void check_monitor(void)
{
	struct req_monitor_exited msg = { .exited = 1, .code = 3 };
	struct call_options o = { .client = -1 };
	struct req_monitor_state state = { 0 };
	struct monitor_link *m;
	struct pending *p;
	int pair[2];

	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	CU_ASSERT_EQUAL(monitor_link_create(&engine, pair[0], on_exited, NULL, &m), 0);
	p = monitor_submit(m, OP_MONITOR_STATE, &state);
	/* The end of the run is read although the monitor has gone with our request unread. */
	CU_ASSERT_EQUAL(call_send(pair[1], OP_MONITOR_EXITED, &msg, &o, 0), 0);
	close(pair[1]);
	CU_ASSERT_EQUAL(helper_wait(p, NULL, NULL, NULL), -ECONNRESET);
	CU_ASSERT_EQUAL(exits, 1);
	CU_ASSERT_EQUAL(last_code, 3);
	CU_ASSERT_EQUAL(monitor_call(m, OP_MONITOR_STATE, &state, NULL, NULL), -ECONNRESET);
	CU_ASSERT_EQUAL(exits, 1);
	monitor_link_destroy(m);

	/* One that ends without a word tells so. */
	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	CU_ASSERT_EQUAL(monitor_link_create(&engine, pair[0], on_exited, NULL, &m), 0);
	close(pair[1]);
	for (int i = 0; i < 5000 && exits == 1; i++)
		task_sleep_ms(1);
	CU_ASSERT_EQUAL(exits, 2);
	CU_ASSERT_EQUAL(last_code, -1);
	monitor_link_destroy(m);
}

static void helper_task(void *arg)
{
	check_order();
	check_refusal();
	check_deadline();
	check_full_socket();
	check_restart();
	check_malformed();
	check_monitor();
	uv_stop(engine.loop);
}

static void test_helper_client(void)
{
	int pair[2];

	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	control = pair[1];
	engine.loop = uv_default_loop();
	task_init(engine.loop);
	CU_ASSERT_EQUAL_FATAL(helpers_create(&engine, pair[0], &engine.helpers), 0);
	CU_ASSERT_EQUAL(task_spawn(helper_task, NULL), 0);
	uv_run(engine.loop, UV_RUN_DEFAULT);
}

int main(void)
{
	CU_pSuite s;
	unsigned failures;

	CU_initialize_registry();
	s = CU_add_suite("container", NULL, NULL);
	CU_add_test(s, "states", test_states);
	CU_add_test(s, "signals", test_signals);
	CU_add_test(s, "ids that are host names", test_ids);
	CU_add_test(s, "times", test_times);
	CU_add_test(s, "filters", test_filters);
	CU_add_test(s, "detach keys", test_detach_keys);
	CU_add_test(s, "logs", test_logs);
	CU_add_test(s, "helper client", test_helper_client);
	CU_basic_run_tests();
	failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
