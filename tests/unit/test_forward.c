/* test_forward.c - what postern-forward passes, over the loopback of a network namespace of the test's own. Time is the test's. */
#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../../helpers/base/cleanup.h"
#include "../../helpers/forward/forward.h"

enum { MANY = 1000, ROUNDS_MAX = 4000, CONTAINER_PORT = 80, FIRST_PORT = 8000 };
static const uint64_t second_ns = 1000000000;
static struct forward f;
static uint64_t now_ns;

static void round_of(void)
{
	struct pollfd p = { .fd = f.epoll, .events = POLLIN };

	poll(&p, 1, 20);
	forward_round(&f, now_ns);
}

/* Rounds until something holds; whoever waits for what may never be is found by the count. */
#define UNTIL(condition)                                       \
	do {                                                   \
		int left_ = ROUNDS_MAX;                        \
		while (!(condition) && --left_ > 0)            \
			round_of();                            \
		CU_ASSERT(left_ > 0);                          \
	} while (0)

static struct sockaddr_in at(uint16_t port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = { htonl(INADDR_LOOPBACK) } };
}

static int bound(int type, uint16_t port)
{
	struct sockaddr_in a = at(port);
	int fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	CU_ASSERT_FATAL(bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0);
	CU_ASSERT_FATAL(type == SOCK_DGRAM || listen(fd, 4096) == 0);
	return fd;
}

static int client(int type, uint16_t port)
{
	struct sockaddr_in a = at(port);
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	CU_ASSERT_FATAL(connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0);
	return fd;
}

/* Service i, at port FIRST_PORT + i; what it leads to is at CONTAINER_PORT. */
static struct service *serve(unsigned i, bool datagrams)
{
	struct service s = { .id = i + 1, .datagrams = datagrams, .to_size = sizeof(struct sockaddr_in),
			     .watch = { .fd = bound(datagrams ? SOCK_DGRAM : SOCK_STREAM, (uint16_t)(FIRST_PORT + i)) } };
	struct sockaddr_in to = at(CONTAINER_PORT);

	memcpy(&s.to, &to, sizeof(to));
	CU_ASSERT_FATAL(service_add(&f, &s) == 0);
	return service_find(&f, s.id);
}

static void begin(unsigned services)
{
	memset(&f, 0, sizeof(f));
	CU_ASSERT_FATAL(forward_init(&f, services) == 0);
	now_ns = 1000 * second_ns;
}

static void end(void)
{
	for (uint64_t id = 1; id <= 4; id++)
		if (service_find(&f, id))
			service_end(&f, service_find(&f, id));
	CU_ASSERT(f.nservices == 0 && f.nconnections == 0 && f.nsessions == 0);
	watch_close(&f, &f.timer);
	close_fd(f.epoll);
}

static bool answers(int fd, const char *text)
{
	char buf[64] = "";
	ssize_t n = recv(fd, buf, sizeof(buf) - 1, MSG_DONTWAIT);

	return n >= 0 && (size_t)n == strlen(text) && memcmp(buf, text, (size_t)n) == 0;
}

static bool ends_with(int fd, int error)
{
	char byte;

	return recv(fd, &byte, 1, MSG_DONTWAIT) < 0 && errno == error;
}

static void test_stream(void)
{
	int container = bound(SOCK_STREAM, CONTAINER_PORT), fd, in = -1;

	begin(4);
	serve(0, false);
	fd = client(SOCK_STREAM, FIRST_PORT);
	UNTIL((in = accept4(container, NULL, NULL, SOCK_NONBLOCK)) >= 0);
	CU_ASSERT(send(fd, "question", 8, 0) == 8);
	UNTIL(answers(in, "question"));
	shutdown(fd, SHUT_WR);
	UNTIL(answers(in, "")); /* the end alone is passed on: it can still be answered */
	CU_ASSERT(send(in, "answer", 6, 0) == 6);
	UNTIL(answers(fd, "answer"));
	CU_ASSERT(f.nconnections == 1);
	close(in);
	UNTIL(answers(fd, ""));
	UNTIL(f.nconnections == 0);
	close(fd);
	close(container);
	end();
}

static void test_refused(void)
{
	int fd;

	begin(4);
	serve(0, false);
	fd = client(SOCK_STREAM, FIRST_PORT);
	UNTIL(ends_with(fd, ECONNRESET));
	CU_ASSERT(f.nconnections == 0);
	close(fd);
	end();
}

static void test_gone(void)
{
	int container = bound(SOCK_STREAM, CONTAINER_PORT), fd, in = -1;
	const struct linger now = { .l_onoff = 1 };

	begin(4);
	serve(0, false);
	fd = client(SOCK_STREAM, FIRST_PORT);
	UNTIL((in = accept4(container, NULL, NULL, SOCK_NONBLOCK)) >= 0);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fd);
	UNTIL(ends_with(in, ECONNRESET));
	CU_ASSERT(f.nconnections == 0);
	close(in);
	/* and when the service ends, the connection does */
	fd = client(SOCK_STREAM, FIRST_PORT);
	UNTIL((in = accept4(container, NULL, NULL, SOCK_NONBLOCK)) >= 0);
	service_end(&f, service_find(&f, 1));
	CU_ASSERT(answers(in, "") && answers(fd, ""));
	close(in);
	close(fd);
	close(container);
	end();
}

/* One takes nothing of what it was sent; another is served meanwhile, and the first gets all of it once it reads. */
static void test_slow(void)
{
	static uint8_t block[65536];
	int container = bound(SOCK_STREAM, CONTAINER_PORT), slow, fast, in = -1, in2 = -1;
	size_t sent = 0, got = 0;

	begin(4);
	serve(0, false);
	slow = client(SOCK_STREAM, FIRST_PORT);
	UNTIL((in = accept4(container, NULL, NULL, SOCK_NONBLOCK)) >= 0);
	for (int idle = 0; idle < 3;) {
		ssize_t n = send(in, block, sizeof(block), MSG_DONTWAIT);

		sent += n > 0 ? (size_t)n : 0;
		idle = n > 0 ? 0 : idle + 1;
		round_of();
	}
	CU_ASSERT(sent > 0);
	fast = client(SOCK_STREAM, FIRST_PORT);
	UNTIL((in2 = accept4(container, NULL, NULL, SOCK_NONBLOCK)) >= 0);
	CU_ASSERT(send(in2, "answer", 6, 0) == 6);
	UNTIL(answers(fast, "answer"));
	shutdown(in, SHUT_WR);
	for (int rounds = 0; got < sent && rounds < ROUNDS_MAX; rounds++) {
		ssize_t n = recv(slow, block, sizeof(block), MSG_DONTWAIT);

		got += n > 0 ? (size_t)n : 0;
		if (n <= 0)
			round_of();
	}
	CU_ASSERT_EQUAL(got, sent);
	UNTIL(answers(slow, ""));
	close(slow);
	close(fast);
	close(in);
	close(in2);
	close(container);
	end();
}

static void test_many(void)
{
	static int fds[MANY], ins[MANY];
	int container = bound(SOCK_STREAM, CONTAINER_PORT), accepted = 0, answered = 0;

	begin(4);
	serve(0, false);
	CU_ASSERT(f.max_connections >= 2 * MANY);
	for (int i = 0; i < MANY; i++)
		fds[i] = client(SOCK_STREAM, FIRST_PORT);
	UNTIL((ins[accepted] = accept4(container, NULL, NULL, SOCK_NONBLOCK)) >= 0 ? ++accepted == MANY : false);
	CU_ASSERT_EQUAL(f.nconnections, MANY);
	for (int i = 0; i < MANY; i++)
		CU_ASSERT(send(ins[i], "x", 1, 0) == 1);
	UNTIL(answers(fds[answered], "x") ? ++answered == MANY : false);
	for (int i = 0; i < MANY; i++) {
		close(fds[i]);
		close(ins[i]);
	}
	UNTIL(f.nconnections == 0);
	close(container);
	end();
}

/* None takes more than it leaves to the others, and who waits has its turn. */
static void test_shares(void)
{
	int container = bound(SOCK_STREAM, CONTAINER_PORT), fds[6], other[2];
	struct service *a, *b;

	begin(4);
	f.max_connections = 8;
	a = serve(0, false);
	b = serve(1, false);
	for (int i = 0; i < 6; i++)
		fds[i] = client(SOCK_STREAM, FIRST_PORT);
	UNTIL(a->is_paused);
	CU_ASSERT_EQUAL(a->n, 4);
	for (int i = 0; i < 2; i++)
		other[i] = client(SOCK_STREAM, FIRST_PORT + 1);
	UNTIL(b->n == 2);
	CU_ASSERT_EQUAL(a->n, 4);
	for (int i = 0; i < 4; i++)
		close(fds[i]);
	for (int in; (in = accept4(container, NULL, NULL, 0)) >= 0;)
		close(in);
	UNTIL(a->n == 2); /* those that waited; the clients of the others' keep theirs half open */
	CU_ASSERT(!a->is_paused && b->n == 2);
	for (int i = 0; i < 2; i++) {
		close(fds[4 + i]);
		close(other[i]);
	}
	close(container);
	end();
}

static void test_datagrams(void)
{
	int container = bound(SOCK_DGRAM, CONTAINER_PORT), fds[3];
	struct sockaddr_in from[3], again;
	socklen_t size;
	char c;

	begin(4);
	serve(0, true);
	for (int i = 0; i < 3; i++) {
		fds[i] = client(SOCK_DGRAM, FIRST_PORT);
		CU_ASSERT(send(fds[i], &"abc"[i], 1, 0) == 1);
		UNTIL((size = sizeof(from[i]), recvfrom(container, &c, 1, 0, (struct sockaddr *)&from[i], &size)) == 1);
		CU_ASSERT_EQUAL(c, "abc"[i]);
	}
	CU_ASSERT_EQUAL(f.nsessions, 3);
	for (int i = 2; i >= 0; i--) {
		char text[] = { "xyz"[i], '\0' };

		sendto(container, text, 1, 0, (struct sockaddr *)&from[i], sizeof(from[i]));
		UNTIL(answers(fds[i], text));
	}
	/* empty ones are datagrams, too */
	CU_ASSERT(send(fds[0], "", 0, 0) == 0);
	UNTIL((size = sizeof(again), recvfrom(container, &c, 1, 0, (struct sockaddr *)&again, &size)) == 0);
	CU_ASSERT(again.sin_port == from[0].sin_port && f.nsessions == 3);
	/* silence ends them: the one that was used later stays */
	now_ns += 30 * second_ns;
	CU_ASSERT(send(fds[1], "d", 1, 0) == 1);
	UNTIL(recv(container, &c, 1, 0) == 1);
	f.now_ns = now_ns += 31 * second_ns;
	sessions_expire(&f);
	CU_ASSERT_EQUAL(f.nsessions, 1);
	CU_ASSERT_EQUAL(sessions_due(&f), now_ns + 29 * second_ns);
	f.now_ns = now_ns += 29 * second_ns;
	sessions_expire(&f);
	CU_ASSERT(f.nsessions == 0 && sessions_due(&f) == 0);
	sessions_free(&f);
	CU_ASSERT(send(fds[0], "e", 1, 0) == 1);
	UNTIL(recv(container, &c, 1, 0) == 1);
	CU_ASSERT_EQUAL(f.nsessions, 1);
	for (int i = 0; i < 3; i++)
		close(fds[i]);
	close(container);
	end();
}

/* However many addresses datagrams come from: a service has its share, and its oldest ones give way. */
static void test_sessions(void)
{
	int container = bound(SOCK_DGRAM, CONTAINER_PORT), fds[20], other;
	struct sockaddr_in from;
	socklen_t size = sizeof(from);
	struct service *a, *b;
	char c;

	begin(4);
	f.max_sessions = 8;
	a = serve(0, true);
	b = serve(1, true);
	other = client(SOCK_DGRAM, FIRST_PORT + 1);
	CU_ASSERT(send(other, "o", 1, 0) == 1);
	UNTIL(recvfrom(container, &c, 1, 0, (struct sockaddr *)&from, &size) == 1);
	for (int i = 0; i < 20; i++) {
		now_ns++;
		fds[i] = client(SOCK_DGRAM, FIRST_PORT);
		CU_ASSERT(send(fds[i], "a", 1, 0) == 1);
		UNTIL(recv(container, &c, 1, 0) == 1);
		CU_ASSERT(a->n <= 4 && f.nsessions <= 8);
	}
	CU_ASSERT(a->n == 4 && b->n == 1);
	CU_ASSERT(sendto(container, "p", 1, 0, (struct sockaddr *)&from, size) == 1);
	UNTIL(answers(other, "p"));
	for (int i = 0; i < 20; i++)
		close(fds[i]);
	close(other);
	close(container);
	end();
}

static void test_limits(void)
{
	struct service s = { .watch = { .fd = -EBADF } };

	begin(2);
	serve(0, false);
	s.id = 1;
	CU_ASSERT_EQUAL(service_add(&f, &s), -EEXIST);
	s.id = 2;
	CU_ASSERT_EQUAL(service_add(&f, &s), -EBADF);
	serve(1, true);
	s.id = 3;
	CU_ASSERT_EQUAL(service_add(&f, &s), -EDQUOT);
	service_end(&f, service_find(&f, 1));
	CU_ASSERT_PTR_NULL(service_find(&f, 1));
	serve(2, false);
	end();
}

static int own_network(void)
{
	struct rlimit files = { 16384, 16384 };
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	_cleanup_close_ int fd = -EBADF;

	setrlimit(RLIMIT_NOFILE, &files);
	if (unshare(CLONE_NEWNET) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return -1;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return ioctl(fd, SIOCSIFFLAGS, &lo);
}

int main(void)
{
	CU_pSuite s;

	CU_initialize_registry();
	s = CU_add_suite("forward", own_network, NULL);
	CU_add_test(s, "both ways, and a half-close", test_stream);
	CU_add_test(s, "a container that refuses", test_refused);
	CU_add_test(s, "who goes without a word", test_gone);
	CU_add_test(s, "a slow client", test_slow);
	CU_add_test(s, "1,000 connections", test_many);
	CU_add_test(s, "shares of connections", test_shares);
	CU_add_test(s, "datagrams, and their silence", test_datagrams);
	CU_add_test(s, "shares of sessions", test_sessions);
	CU_add_test(s, "services", test_limits);
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	unsigned bad = CU_get_number_of_failures() + CU_get_number_of_suites_failed();
	CU_cleanup_registry();
	return bad != 0;
}
