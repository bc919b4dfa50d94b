/* test_http.c - the HTTP server over a real Unix socket: its loop runs in a thread, the tests are blocking clients.
 *
 * `test_http serve PATH` only serves, for trying it with curl or the Docker command line. */
#include <CUnit/Basic.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "../../controller/api/http_internal.h"
#include "../../controller/container/container.h"
#include "../../controller/container/events.h"
#include "../../controller/network/network.h"
#include "../../controller/state/state.h"
#include "../../helpers/base/cleanup.h"
#include "../../helpers/base/fd.h"
#include "../../helpers/base/names.h"

enum { PATIENCE_MS = 20000 };

static struct policy_common policy = {
	.magic = POLICY_MAGIC, .size = sizeof(policy), .ids_base = IDS_DEFAULT_BASE, .nusers = 1, .build = "test"
};
static struct engine engine = { .policy = &policy, .data_root = "/var/lib/postern" };
static uv_loop_t loop;
static uv_async_t stop;
static pthread_t thread;
static sem_t left; /* a handler saw its client go */
static atomic_size_t written; /* by /big */
static char dir[] = "/tmp/postern-test-http-XXXXXX";

/* --- what the server needs of the rest of the engine -------------------------------------------------------------- */
void containers_count(struct engine *e, unsigned *ret_running, unsigned *ret_paused, unsigned *ret_stopped)
{
	*ret_running = 1;
	*ret_paused = 2;
	*ret_stopped = 3;
}

int state_image_each(struct state *s, int (*f)(void *data, struct image_row *row), void *data)
{
	return f(data, NULL) + f(data, NULL);
}

bool networks_absent(const struct engine *e)
{
	return false;
}

bool networks_lead_out(struct engine *e)
{
	return true;
}

unsigned events_listeners(const struct engine *e)
{
	return 0;
}

const char *const cdi_dirs[2] = { "/etc/cdi", "/var/run/cdi" };

/* --- handlers ----------------------------------------------------------------------------------------------------- */
static void echo(struct http_request *r)
{
	struct err err = { 0 };
	char buf[1000], text[64];
	unsigned long n = 0, sum = 0;
	ssize_t k;

	while ((k = http_read(r, buf, sizeof(buf), &err)) > 0) {
		n += (unsigned long)k;
		for (ssize_t i = 0; i < k; i++)
			sum = sum * 31 + (unsigned char)buf[i];
	}
	snprintf(text, sizeof(text), "%lu:%lu", n, sum);
	if (k < 0)
		http_reply_error(r, &err);
	else
		http_reply_text(r, 200, "text/plain", text);
}

static void json(struct http_request *r)
{
	struct err err = { 0 };
	cJSON *v = http_read_json(r, &err);

	if (err.status)
		http_reply_error(r, &err);
	else if (v)
		http_reply_json(r, 201, v);
	else
		http_reply_empty(r, 204);
	cJSON_Delete(v);
}

static void wait_gone(struct http_request *r)
{
	http_begin(r, 200, NULL);
	while (!http_gone(r))
		task_park();
	sem_post(&left);
}

static void early(struct http_request *r)
{
	struct err err = { 400, "this will not do" };

	http_reply_error(r, &err);
}

static void big(struct http_request *r)
{
	char buf[10000];

	memset(buf, 'x', sizeof(buf));
	written = 0;
	http_begin(r, 200, "application/octet-stream");
	for (long n = atol(http_query(r, "n")); n > 0; n -= (long)sizeof(buf)) {
		if (http_write(r, buf, sizeof(buf)) < 0)
			break;
		written += sizeof(buf);
	}
	if (http_gone(r))
		sem_post(&left);
	http_end(r);
}

static void sized(struct http_request *r)
{
	size_t n = (size_t)atol(http_query(r, "n"));
	char *text = malloc(n + 1);

	memset(text, 'y', n);
	text[n] = '\0';
	http_reply_text(r, 200, "text/plain", text);
	free(text);
}

static void hijack(struct http_request *r)
{
	struct http_stream *s = http_hijack(r, "application/vnd.docker.raw-stream");
	char buf[4096];
	ssize_t n;
	int why;

	while ((n = http_stream_read(s, buf, sizeof(buf), &why)) > 0)
		if (http_stream_write(s, buf, (size_t)n) < 0)
			break;
	if (n == 0)
		http_stream_write(s, "end", 3);
	else
		sem_post(&left);
}

/* Ends its own output first and then counts what still comes. */
static void hijack_out_first(struct http_request *r)
{
	struct http_stream *s = http_hijack(r, "application/vnd.docker.raw-stream");
	char buf[4096];
	int why;

	http_stream_write(s, "out", 3);
	http_stream_shutdown(s);
	written = 0;
	for (ssize_t n; (n = http_stream_read(s, buf, sizeof(buf), &why)) > 0;)
		written += (size_t)n;
	sem_post(&left);
}

static void args(struct http_request *r)
{
	char text[256];
	const char *q = http_query(r, "q"), *second = http_query_nth(r, "q", 1);

	snprintf(text, sizeof(text), "%d|%s|%s|%s|%s|%d", http_version(r), http_path_arg(r, 0), http_path_arg(r, 1),
		 q ? q : "-", second ? second : "-", http_query_bool(r, "b", true));
	http_reply_text(r, 200, "text/plain", text);
}

static void sleeps(struct http_request *r)
{
	task_sleep_ms(strtoul(http_query(r, "ms"), NULL, 10));
	http_reply_text(r, 200, "text/plain", "slept");
}

static void silent(struct http_request *r)
{
}

static void context(struct http_request *r)
{
	struct call_ctx ctx = http_call_ctx(r);
	char text[64];

	snprintf(text, sizeof(text), "%d %d", fd_prove(ctx.client, FDK_CLIENT, NULL) == 0,
		 ctx.api_id > 0 && !ctx.container);
	http_reply_text(r, 200, "text/plain", text);
}

static const struct route my_routes[] = {
	{ "POST", "/echo", RIGHTS_RUN, echo },
	{ "POST", "/json", RIGHTS_RUN, json },
	{ "GET", "/wait", RIGHTS_READ, wait_gone },
	{ "POST", "/early", RIGHTS_RUN, early },
	{ "GET", "/big", RIGHTS_READ, big },
	{ "GET", "/sized", RIGHTS_READ, sized },
	{ "POST", "/hijack", RIGHTS_EXEC, hijack },
	{ "POST", "/hijack/out", RIGHTS_EXEC, hijack_out_first },
	{ "GET", "/sleep", RIGHTS_NONE, sleeps },
	{ "GET", "/silent", RIGHTS_NONE, silent },
	{ "GET", "/context", RIGHTS_NONE, context },
	{ "GET", "/containers/{}/json", RIGHTS_NONE, args },
	{ "GET", "/images/{*}/json", RIGHTS_NONE, args },
	{ "GET", "/both/{}/x/{*}", RIGHTS_NONE, args },
};
static const size_t n_my_routes = ARRAY_SIZE(my_routes);
const struct route_table route_tables[] = { { my_routes, &n_my_routes }, { system_routes, &n_system_routes } };
const size_t n_route_tables = ARRAY_SIZE(route_tables);

/* --- the server --------------------------------------------------------------------------------------------------- */
static void on_stop(uv_async_t *a)
{
	http_stop(&engine);
	uv_close((uv_handle_t *)a, NULL);
}

static void *serve(void *arg)
{
	uv_run(&loop, UV_RUN_DEFAULT);
	return NULL;
}

static int start(const char *path)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	struct rlimit files = { 8192, 8192 };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	setrlimit(RLIMIT_NOFILE, &files);
	sem_init(&left, 0, 0);
	policy.users[0] = (struct policy_user){ .match = POLICY_ANY, .rights = RIGHTS_ADMIN, .rule = "all" };
	snprintf(policy.sockets[SOCKET_MAIN], sizeof(policy.sockets[SOCKET_MAIN]), "%s", path);
	snprintf(name.sun_path, sizeof(name.sun_path), "%s", path);
	if (bind(fd, (struct sockaddr *)&name, sizeof(name)) < 0 || listen(fd, 1) < 0)
		return -1;
	engine.loop = &loop;
	uv_loop_init(&loop);
	uv_async_init(&loop, &stop, on_stop);
	task_init(&loop);
	return http_listen(&engine, fd);
}

static int set_up(void)
{
	char path[64];

	if (!mkdtemp(dir))
		return 1;
	engine.state_dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	snprintf(path, sizeof(path), "%s/s", dir);
	return start(path) != 0 || pthread_create(&thread, NULL, serve, NULL) != 0;
}

/* A handler that waits must not hold the engine's end up. */
static int tear_down(void)
{
	char path[64];

	uv_async_send(&stop);
	pthread_join(thread, NULL);
	snprintf(path, sizeof(path), "%s/engine-id", dir);
	unlink(path);
	unlink(policy.sockets[SOCKET_MAIN]);
	rmdir(dir);
	return engine.http != NULL;
}

/* --- a client ----------------------------------------------------------------------------------------------------- */
static int dial(void)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	struct timeval patience = { .tv_sec = PATIENCE_MS / 1000 };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(name.sun_path, sizeof(name.sun_path), "%s", policy.sockets[SOCKET_MAIN]);
	if (connect(fd, (struct sockaddr *)&name, sizeof(name)) < 0)
		return close_fd(fd);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	return fd;
}

static bool put(int fd, const char *text)
{
	return send(fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text);
}

/* Reads until the text has come, or the end, or size bytes. */
static char *get_until(int fd, const char *text, char *buf, size_t size)
{
	size_t len = 0;
	ssize_t n;

	buf[0] = '\0';
	while (len < size - 1 && !(text && strstr(buf, text)) && (n = read(fd, buf + len, size - 1 - len)) > 0) {
		len += (size_t)n;
		buf[len] = '\0';
	}
	return buf;
}

static bool ends(int fd)
{
	char c;

	return read(fd, &c, 1) == 0;
}

/* One request on a connection of its own, until its end. */
static const char *ask(const char *text)
{
	static char buf[70000];
	_cleanup_close_ int fd = dial();

	put(fd, text);
	shutdown(fd, SHUT_WR);
	return get_until(fd, NULL, buf, sizeof(buf));
}

static int status_of(const char *answer)
{
	return strncmp(answer, "HTTP/1.1 ", 9) == 0 ? atoi(answer + 9) : 0;
}

static bool has(const char *answer, const char *text)
{
	if (strstr(answer, text))
		return true;
	printf("\n\"%s\" is not in: %s\n", text, answer);
	return false;
}

static bool wait_left(void)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PATIENCE_MS / 1000;
	return sem_timedwait(&left, &until) == 0;
}

/* --- tests -------------------------------------------------------------------------------------------------------- */
static void test_ping(void)
{
	static const char *const headers[] = {
		"Api-Version: 1.47\r\n", "Ostype: linux\r\n", "Server: Postern/", "Docker-Experimental: false\r\n",
		"Builder-Version: 1\r\n", "Swarm: inactive\r\n", "Pragma: no-cache\r\n", "Content-Length: 2\r\n",
		"Cache-Control: no-cache, no-store, must-revalidate\r\n",
	};
	const char *a;

	for (int head = 0; head < 2; head++) {
		a = ask(head ? "HEAD /_ping HTTP/1.1\r\nHost: d\r\n\r\n"
			     : "GET /v1.30/_ping HTTP/1.1\r\nHost: d\r\n\r\n");
		CU_ASSERT_EQUAL(status_of(a), 200);
		for (size_t i = 0; i < ARRAY_SIZE(headers); i++)
			CU_ASSERT_TRUE(has(a, headers[i]));
		CU_ASSERT_STRING_EQUAL(strstr(a, "\r\n\r\n") + 4, head ? "" : "OK");
	}
}

static void test_system(void)
{
	const char *a = ask("GET /v1.24/version HTTP/1.1\r\n\r\n");

	CU_ASSERT(status_of(a) == 200 && has(a, "\"Version\":\"0.1.0\"") && has(a, "\"MinAPIVersion\":\"1.24\""));
	a = ask("GET /info HTTP/1.1\r\n\r\n");
	CU_ASSERT(status_of(a) == 200 && has(a, "\"Containers\":6,") && has(a, "\"Images\":2,") &&
		  has(a, "name=no-daemon-privilege"));
	CU_ASSERT(!strstr(a, "\"MemTotal\":0"));
}

static void test_routes(void)
{
	static const struct {
		const char *request;
		int status;
		const char *text;
	} rows[] = {
		{ "GET /v1.23/_ping", 400,
		  "client version 1.23 is too old. Minimum supported API version is 1.24, please upgrade" },
		{ "GET /v1.48/_ping", 400, "client version 1.48 is too new. Maximum supported API version is 1.47\"" },
		{ "GET /v1.100/_ping", 400, "too new" },
		{ "GET /v2/_ping", 400, "too new" },
		{ "GET /v99999999999999999999.1/_ping", 400, "too new" },
		{ "GET /grpc", 404, "{\"message\":\"page not found\"}\n" },
		{ "POST /v1.47/session", 404, "page not found" },
		{ "GET /", 404, "page not found" },
		{ "DELETE /_ping", 404, "page not found" },
		{ "GET /containers/a", 404, "page not found" },
		{ "GET /containers/a/b/json", 404, "page not found" },
		{ "GET /images/json", 404, "page not found" },
		{ "GET /v1.40/services", 503, "This node is not a swarm manager. Use \\\"docker swarm init\\\"" },
		{ "GET /secrets/x", 503, "not a swarm manager" },
		{ "GET /v1.40/containers/a/json", 200, "140|a||-|-|1" },
		{ "GET /containers//a/json", 200, "147|a||" },
		{ "GET /containers/%2fa%20b/json?q=1+2%26&b=No", 200, "147|/a b||1 2&|-|0" },
		{ "GET /images/a/b:c/json?q=1&q=2&b", 200, "147|a/b:c||1|2|0" },
		{ "GET /images/json/json", 200, "147|json||" },
		{ "GET /both/1/x/2/3?b=0&b=1", 200, "147|1|2/3|-|-|0" },
		{ "GET http://docker/containers/a/json", 200, "|a|" },
		{ "GET /\tcontainers/a/json", 400, "malformed request target" },
		{ "GET /containers/%zz/json", 400, "invalid URL escape" },
		{ "GET /containers/%00/json", 400, "invalid URL escape" },
		{ "GET /containers/a/json?q=%", 400, "invalid URL escape" },
		{ "GET /a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a", 404,
		  "page not found" },
		{ "GET /silent", 500, "was not answered" },
		{ "GET /context", 200, "1 1" },
		{ "GET /version", 200, "1.47" },
		{ "CONNECT a:1", 400, "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char request[512];
		const char *a;

		snprintf(request, sizeof(request), "%s HTTP/1.1\r\nHost: docker\r\n\r\n", rows[i].request);
		a = ask(request);
		if (status_of(a) != rows[i].status || !has(a, rows[i].text)) {
			printf("\n%s: %s\n", rows[i].request, a);
			CU_FAIL("route");
		}
	}
}

/* Requests that two readers could read differently: refused, and the connection ends. */
static void test_framing(void)
{
	static const struct {
		const char *request;
		int status;
	} rows[] = {
		{ "POST /echo HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx", 400 },
		{ "POST /echo HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
		  400 },
		{ "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n1\r\nx\r\n0\r\n\r\n",
		  400 },
		{ "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		  400 },
		{ "POST /echo HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400 },
		{ "POST /echo HTTP/1.1\r\nTransfer-Encoding: identity\r\n\r\n", 400 },
		{ "POST /echo HTTP/1.1\r\nTransfer-Encodingx: y\r\n\r\n", 400 }, /* found behind the headers only */
		{ "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400 },
		{ "POST /echo HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400 },
		{ "POST /echo HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n", 400 },
		{ "POST /echo HTTP/1.1\r\nContent-Length: 1, 1\r\n\r\nx", 400 },
		{ "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400 },
		{ "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxy\r\n", 400 },
		{ "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", 400 },
		{ "POST /echo HTTP/1.1\r\nContent-Length: 5\r\n\r\nab", 400 },
		{ "GET /_ping HTTP/1.1\r\nA: b\r\n c\r\n\r\n", 400 },
		{ "GET /_ping HTTP/1.1\r\n A: b\r\n\r\n", 400 },
		{ "GET /_ping HTTP/1.1\r\nA : b\r\n\r\n", 400 },
		{ "GET /_ping HTTP/1.1\r\nA\x01: b\r\n\r\n", 400 },
		{ "POST /echo HTTP/1.1\r\nExpect: a-miracle\r\n\r\n", 417 },
		{ "GET /_ping HTTP/2.0\r\n\r\n", 505 },
		{ "GET /_ping HTTP/x\r\n\r\n", 400 },
		{ "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400 },
		{ "\x16\x03\x01\x02", 400 },
		{ "GET _ping HTTP/1.1\r\n\r\n", 400 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char request[512];
		const char *a;

		/* a second request behind it must not be answered */
		snprintf(request, sizeof(request), "%sGET /_ping HTTP/1.1\r\n\r\n", rows[i].request);
		a = ask(strstr(request, "\r\n\r\nab") ? rows[i].request : request);
		if (status_of(a) != rows[i].status || !has(a, "{\"message\":") || strstr(a + 9, "HTTP/1.1 ")) {
			printf("\n%s: %s\n", rows[i].request, a);
			CU_FAIL("framing");
		}
	}
}

static void test_keep_alive(void)
{
	static const char request[] = "GET /containers/a/json?q=%d HTTP/1.1\r\nHost: d\r\n\r\n";
	_cleanup_close_ int fd = dial();
	char buf[4096], text[128];

	for (int i = 0; i < 50; i++) {
		snprintf(text, sizeof(text), request, i);
		CU_ASSERT_TRUE_FATAL(put(fd, text));
		snprintf(text, sizeof(text), "|%d|", i);
		CU_ASSERT_TRUE(has(get_until(fd, "|-|1", buf, sizeof(buf)), text));
	}
	/* byte by byte */
	for (const char *p = "GET /_ping HTTP/1.1\r\nHost: d\r\n\r\n"; *p; p++)
		CU_ASSERT_EQUAL(write(fd, p, 1), 1);
	CU_ASSERT_TRUE(has(get_until(fd, "\r\n\r\nOK", buf, sizeof(buf)), "200 OK"));
	put(fd, "GET /_ping HTTP/1.1\r\nConnection: close\r\n\r\n");
	CU_ASSERT_TRUE(has(get_until(fd, NULL, buf, sizeof(buf)), "Connection: close\r\n"));
	CU_ASSERT_TRUE(has(ask("GET /_ping HTTP/1.0\r\n\r\n"), "Connection: close\r\n"));
	CU_ASSERT_TRUE(has(ask("GET /_ping HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"), "Connection: keep-alive\r\n"));
}

/* In order, though the first takes longest; a refused one ends the row. */
static void test_pipelining(void)
{
	const char *a = ask("GET /sleep?ms=50 HTTP/1.1\r\n\r\nPOST /echo HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"
			    "POST /early HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\nGET /_ping "
			    "HTTP/1.1\r\n\r\n"
			    "GET /_ping HTTP/1.1\r\nA: b\r\nA\r\n\r\nGET /info HTTP/1.1\r\n\r\n");
	const char *slept = strstr(a, "slept"), *echoed = strstr(a, "3:96354"),
		   *refused = strstr(a, "this will not do"), *ping = strstr(a, "\r\n\r\nOK"),
		   *bad = strstr(a, "400 Bad Request\r\nApi");

	if (!slept || !echoed || !refused || !ping)
		printf("\n%s\n", a);
	CU_ASSERT_PTR_NOT_NULL(bad);
	CU_ASSERT(slept && echoed && refused && ping && slept < echoed && echoed < refused && refused < ping);
	CU_ASSERT_PTR_NULL(strstr(a, "SecurityOptions"));
}

/* A client that asks on and on without reading must not fill our memory. */
static void test_pipelining_unread(void)
{
	static const char request[] = "GET /sized?n=60000 HTTP/1.1\r\n\r\n";
	_cleanup_close_ int fd = dial();
	char c;

	fcntl(fd, F_SETFL, O_NONBLOCK);
	for (int i = 0; i < 20000; i++)
		if (send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) < 0)
			break;
	CU_ASSERT_EQUAL(errno, EAGAIN); /* the server stopped reading */
	fcntl(fd, F_SETFL, 0);
	CU_ASSERT_EQUAL(read(fd, &c, 1), 1);
	CU_ASSERT_EQUAL(status_of(ask("GET /_ping HTTP/1.1\r\n\r\n")), 200);
}

static void test_bodies(void)
{
	_cleanup_close_ int fd = dial();
	char buf[4096], *body = malloc(300000);
	unsigned long sum = 0;

	CU_ASSERT_TRUE(has(ask("POST /echo HTTP/1.1\r\nContent-Length: 0\r\n\r\n"), "0:0"));
	CU_ASSERT_TRUE(has(ask("POST /echo HTTP/1.1\r\n\r\n"), "0:0"));
	CU_ASSERT_TRUE(has(ask("POST /echo HTTP/1.1\r\nTransfer-Encoding: "
			       "chunked\r\n\r\n3;x=y\r\nabc\r\n1\r\nd\r\n0\r\nT: t\r\n\r\n"),
			   "4:2987074"));
	/* larger than all buffers, in both framings */
	for (int i = 0; i < 300000; i++) {
		body[i] = (char)(i * 7);
		sum = sum * 31 + (unsigned char)body[i];
	}
	snprintf(buf, sizeof(buf), "300000:%lu", sum);
	put(fd, "POST /echo HTTP/1.1\r\nContent-Length: 300000\r\n\r\n");
	send(fd, body, 300000, MSG_NOSIGNAL);
	CU_ASSERT_TRUE(has(get_until(fd, "300000:", (char[4096]){ 0 }, 4096), buf));
	put(fd, "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n");
	for (int i = 0; i < 300000; i += 3000) {
		put(fd, "bb8\r\n");
		send(fd, body + i, 3000, MSG_NOSIGNAL);
		put(fd, "\r\n");
	}
	put(fd, "0\r\n\r\n");
	CU_ASSERT_TRUE(has(get_until(fd, "300000:", (char[4096]){ 0 }, 4096), buf));
	free(body);

	put(fd, "POST /echo HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
	CU_ASSERT_STRING_EQUAL(get_until(fd, "\r\n\r\n", buf, sizeof(buf)), "HTTP/1.1 100 Continue\r\n\r\n");
	put(fd, "ab");
	CU_ASSERT_TRUE(has(get_until(fd, "2:", buf, sizeof(buf)), "200 OK"));
	/* refused: no 100, and the body is not waited for */
	put(fd, "POST /early HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
	CU_ASSERT_EQUAL(status_of(get_until(fd, NULL, buf, sizeof(buf))), 400);
}

static void test_json(void)
{
	static const char head[] = "POST /json HTTP/1.1\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n%s";
	static const struct {
		const char *type, *body;
		int status;
	} rows[] = {
		{ "application/json", "{\"a\":[1]}", 201 }, { "application/json; charset=utf-8", "[]", 201 },
		{ "text/plain", "", 204 }, { "text/plain", "{}", 400 }, { "application/jsonx", "{}", 400 },
		{ "application/json", "{\"a\":1,\"A\":1}", 400 }, { "application/json", "{}{}", 400 },
	};
	char request[512];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		snprintf(request, sizeof(request), head, rows[i].type, strlen(rows[i].body), rows[i].body);
		CU_ASSERT_EQUAL(status_of(ask(request)), rows[i].status);
	}
	CU_ASSERT_TRUE(
		has(ask("POST /json HTTP/1.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
			"3\r\n{\"a\r\n4\r\n\":1}\r\n0\r\n\r\n"),
		    "{\"a\":1}\n"));
	CU_ASSERT_EQUAL(status_of(ask("POST /json HTTP/1.1\r\nContent-Length: 1048577\r\n\r\n")), 413);
}

/* The answer comes while the client is sending a body that nobody wants. */
static void test_early_answer(void)
{
	_cleanup_close_ int fd = dial();
	char block[65536] = { 0 }, buf[2048];
	struct pollfd p = { .fd = fd, .events = POLLIN };
	size_t sent = 0;

	put(fd, "POST /early HTTP/1.1\r\nContent-Length: 5000000000\r\n\r\n");
	/* keeps sending for a while after the answer, as a client does that looks at it late */
	while (sent < 20 * 1000 * 1000 && send(fd, block, sizeof(block), MSG_NOSIGNAL) > 0)
		sent += sizeof(block);
	CU_ASSERT(sent >= 20 * 1000 * 1000);
	CU_ASSERT_EQUAL(poll(&p, 1, PATIENCE_MS), 1);
	get_until(fd, NULL, buf, sizeof(buf));
	CU_ASSERT(status_of(buf) == 400 && has(buf, "this will not do") && has(buf, "Connection: close"));
}

static void test_gone(void)
{
	char buf[1024];
	int fd = dial();

	put(fd, "GET /wait HTTP/1.1\r\n\r\n");
	CU_ASSERT_TRUE(has(get_until(fd, "\r\n\r\n", buf, sizeof(buf)), "Transfer-Encoding: chunked\r\n"));
	close(fd);
	CU_ASSERT_TRUE(wait_left());

	/* a half-close is no goodbye; the close after it is */
	fd = dial();
	put(fd, "GET /wait HTTP/1.1\r\n\r\n");
	shutdown(fd, SHUT_WR);
	CU_ASSERT_EQUAL(status_of(get_until(fd, "\r\n\r\n", buf, sizeof(buf))), 200);
	CU_ASSERT_EQUAL(status_of(ask("GET /sleep?ms=20 HTTP/1.1\r\n\r\n")), 200);
	CU_ASSERT_EQUAL(sem_trywait(&left), -1);
	close(fd);
	CU_ASSERT_TRUE(wait_left());

	/* behind a buffer full of requests that nobody reads */
	fd = dial();
	put(fd, "GET /wait HTTP/1.1\r\n\r\n");
	get_until(fd, "\r\n\r\n", buf, sizeof(buf));
	fcntl(fd, F_SETFL, O_NONBLOCK);
	while (put(fd, "GET /_ping HTTP/1.1\r\n\r\n"))
		;
	close(fd);
	CU_ASSERT_TRUE(wait_left());
}

static void test_slow_reader(void)
{
	char buf[65536];
	size_t before, total = 0;
	ssize_t n;
	int fd = dial();

	put(fd, "GET /big?n=20000000 HTTP/1.1\r\n\r\n");
	CU_ASSERT_EQUAL(recv(fd, buf, 100, MSG_WAITALL), 100);
	do { /* it stops writing */
		before = written;
		ask("GET /sleep?ms=50 HTTP/1.1\r\n\r\n");
	} while (written != before);
	CU_ASSERT(before < 2 * 1000 * 1000);
	put(fd, "GET /_ping HTTP/1.1\r\nConnection: close\r\n\r\n");
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		total += (size_t)n;
	CU_ASSERT(total > 20000000 && written == 20000000);
	close(fd);

	fd = dial();
	put(fd, "GET /big?n=20000000 HTTP/1.1\r\n\r\n");
	CU_ASSERT_EQUAL(recv(fd, buf, 100, MSG_WAITALL), 100);
	close(fd);
	CU_ASSERT_TRUE(wait_left());
	CU_ASSERT_PTR_NULL(strstr(ask("HEAD /big?n=100 HTTP/1.1\r\n\r\n"), "xxx"));
	CU_ASSERT_PTR_NOT_NULL(strstr(ask("GET /big?n=100 HTTP/1.0\r\n\r\n"), "\r\n\r\nxxx"));
}

static void test_hijack(void)
{
	char buf[1024];
	int fd = dial();

	/* with Upgrade; input right behind the headers; half-close by us is the end of its input, output goes on */
	put(fd, "POST /hijack HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nfirst,");
	get_until(fd, "first,", buf, sizeof(buf));
	CU_ASSERT(status_of(buf) == 101 && has(buf, "Connection: Upgrade\r\n") && has(buf, "Upgrade: tcp\r\n") &&
		  has(buf, "Content-Type: application/vnd.docker.raw-stream\r\n") && has(buf, "\r\n\r\nfirst,"));
	CU_ASSERT_PTR_NULL(strstr(buf, "Content-Length"));
	put(fd, "GET / HTTP/1.1\r\n\r\n");
	CU_ASSERT_STRING_EQUAL(get_until(fd, "\r\n\r\n", buf, sizeof(buf)), "GET / HTTP/1.1\r\n\r\n");
	shutdown(fd, SHUT_WR);
	CU_ASSERT_STRING_EQUAL(get_until(fd, NULL, buf, sizeof(buf)), "end");
	close(fd);

	/* without, behind a body */
	fd = dial();
	put(fd, "POST /hijack HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}RAW");
	get_until(fd, "RAW", buf, sizeof(buf));
	CU_ASSERT(status_of(buf) == 200 && has(buf, "\r\n\r\nRAW") && !strstr(buf, "Connection:") &&
		  !strstr(buf, "Transfer-Enc"));
	close(fd);
	CU_ASSERT_TRUE(wait_left());

	/* our half-close first */
	fd = dial();
	put(fd, "POST /hijack/out HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n");
	CU_ASSERT_TRUE(has(get_until(fd, NULL, buf, sizeof(buf)), "\r\n\r\nout"));
	put(fd, "still here");
	shutdown(fd, SHUT_WR);
	CU_ASSERT_TRUE(wait_left());
	CU_ASSERT_EQUAL(written, 10);
	close(fd);
}

static void test_rights(void)
{
	struct policy_user all = policy.users[0];
	const char *a;

	policy.users[0].rights = RIGHTS_READ;
	a = ask("POST /echo HTTP/1.1\r\nContent-Length: 1\r\n\r\nx");
	CU_ASSERT(status_of(a) == 403 && has(a, "the right \\\"run\\\"") &&
		  has(a, "section \\\"users\\\" of the policy"));
	CU_ASSERT_EQUAL(status_of(ask("GET /info HTTP/1.1\r\n\r\n")), 200);
	policy.nusers = 0;
	CU_ASSERT_EQUAL(status_of(ask("GET /info HTTP/1.1\r\n\r\n")), 403);
	CU_ASSERT_EQUAL(status_of(ask("GET /_ping HTTP/1.1\r\n\r\n")), 200);
	policy.users[0] = all;
	policy.nusers = 1;
	CU_ASSERT_EQUAL(status_of(ask("POST /echo HTTP/1.1\r\n\r\n")), 200);
}

static void test_bounds(void)
{
	static char request[API_HEAD_MAX + 4096];
	char *at;

	for (int n = API_HEADERS_MAX; n <= API_HEADERS_MAX + 1; n++) {
		at = stpcpy(request, "GET /_ping HTTP/1.1\r\n");
		for (int i = 0; i < n; i++)
			at = stpcpy(at, "A: b\r\n");
		stpcpy(at, "\r\n");
		CU_ASSERT_EQUAL(status_of(ask(request)), n == API_HEADERS_MAX ? 200 : 431);
	}
	for (int n = API_QUERY_MAX; n <= API_QUERY_MAX + 1; n++) {
		at = stpcpy(request, "GET /_ping?");
		for (int i = 0; i < n; i++)
			at = stpcpy(at, "a=b&");
		stpcpy(at, " HTTP/1.1\r\n\r\n");
		CU_ASSERT_EQUAL(status_of(ask(request)), n == API_QUERY_MAX ? 200 : 400);
	}
	for (int n = API_HEAD_MAX - 100; n <= API_HEAD_MAX + 100; n += 200) {
		at = stpcpy(request, "GET /_ping HTTP/1.1\r\nA: ");
		memset(at, 'a', (size_t)n);
		stpcpy(at + n, "\r\n\r\n");
		CU_ASSERT_EQUAL(status_of(ask(request)), n < API_HEAD_MAX ? 200 : 431);
	}
}

static void test_connections(void)
{
	static int fds[API_CONNECTIONS_MAX];
	char buf[1024];
	const char *a;
	int n = 0;

	for (; n < API_CONNECTIONS_MAX; n++) {
		fds[n] = dial();
		if (fds[n] < 0 || !put(fds[n], "GET /wait HTTP/1.1\r\n\r\n"))
			break;
		get_until(fds[n], "\r\n\r\n", buf, sizeof(buf));
		if (status_of(buf) != 200)
			break;
	}
	CU_ASSERT_EQUAL(n, API_CONNECTIONS_MAX);
	a = ask("GET /_ping HTTP/1.1\r\n\r\n");
	CU_ASSERT(status_of(a) == 503 && has(a, "too many connections"));
	for (int i = 0; i < n; i++)
		close(fds[i]);
	for (int i = 0; i < n; i++)
		CU_ASSERT_TRUE_FATAL(wait_left());
	CU_ASSERT_EQUAL(status_of(ask("GET /_ping HTTP/1.1\r\n\r\n")), 200);
}

/* The last one: it leaves a handler waiting for tear_down. */
static void test_stop(void)
{
	int fd = dial();
	char buf[1024];

	put(fd, "GET /wait HTTP/1.1\r\n\r\n");
	CU_ASSERT_EQUAL(status_of(get_until(fd, "\r\n\r\n", buf, sizeof(buf))), 200);
	uv_async_send(&stop);
	CU_ASSERT_TRUE(wait_left());
	CU_ASSERT_TRUE(strcmp(get_until(fd, NULL, buf, sizeof(buf)), "0\r\n\r\n") == 0 && ends(fd));
	close(fd);
	pthread_join(thread, NULL);
	CU_ASSERT_PTR_NULL(engine.http);
	/* for tear_down: an engine can also listen again */
	uv_async_init(&loop, &stop, on_stop);
	pthread_create(&thread, NULL, serve, NULL);
}

static const CU_TestInfo tests[] = {
	{ "ping", test_ping },
	{ "system", test_system },
	{ "routes", test_routes },
	{ "framing", test_framing },
	{ "keep-alive", test_keep_alive },
	{ "pipelining", test_pipelining },
	{ "unread answers", test_pipelining_unread },
	{ "bodies", test_bodies },
	{ "json", test_json },
	{ "early answer", test_early_answer },
	{ "gone", test_gone },
	{ "slow reader", test_slow_reader },
	{ "hijack", test_hijack },
	{ "rights", test_rights },
	{ "bounds", test_bounds },
	{ "connections", test_connections },
	{ "stop", test_stop },
	CU_TEST_INFO_NULL,
};

int main(int argc, char **argv)
{
	CU_SuiteInfo suites[] = { { "http", set_up, tear_down, NULL, NULL, (CU_TestInfo *)tests }, CU_SUITE_INFO_NULL };
	unsigned failures;

	if (argc == 3 && strcmp(argv[1], "serve") == 0) {
		engine.state_dir = AT_FDCWD;
		return start(argv[2]) != 0 || uv_run(&loop, UV_RUN_DEFAULT);
	}
	setvbuf(stdout, NULL, _IONBF, 0);
	CU_initialize_registry();
	CU_register_suites(suites);
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures ? 1 : 0;
}
