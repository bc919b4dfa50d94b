/* net.c - what a network costs: one program that serves, sends, asks and answers, alone in its image (static).
 *
 * net serve PORT               takes connections: the first byte says whether to count what comes ('s') or to send it back ('e')
 * net stream HOST PORT SECONDS sends for that long: MB/s, by the bytes that the server says it got
 * net ping HOST PORT COUNT     one byte there and back on one connection: "min median" in microseconds
 * net dns SERVER NAME SECONDS  the same question over UDP, 16 in flight: answers a second
 *
 * Both ends belong to the measurement; nothing is checked beyond what would spoil a figure. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BLOCK = 128 << 10, IN_FLIGHT = 16 };

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void die(const char *what)
{
	fprintf(stderr, "net: %s: %s\n", what, strerror(errno));
	exit(1);
}

static struct sockaddr_in address(const char *host, const char *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)) };

	if (inet_pton(AF_INET, host, &a.sin_addr) != 1)
		die(host);
	return a;
}

static int dial(const char *host, const char *port, int type)
{
	struct sockaddr_in a = address(host, port);
	int fd = socket(AF_INET, type, 0), one = 1;

	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		die(host);
	if (type == SOCK_STREAM)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

static void answer(int fd)
{
	static char buf[BLOCK];
	uint64_t count = 0;
	int one = 1;
	ssize_t n;
	char what;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (read(fd, &what, 1) != 1)
		return;
	while ((n = read(fd, buf, sizeof(buf))) > 0) {
		count += (uint64_t)n;
		if (what == 'e' && write(fd, buf, (size_t)n) != n)
			return;
	}
	if (what == 's' && write(fd, &count, sizeof(count)) < 0)
		die("write");
}

static int serve(const char *port)
{
	struct sockaddr_in a = address("0.0.0.0", port);
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	signal(SIGCHLD, SIG_IGN);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, 64) < 0)
		die("listen");
	for (;;) {
		int peer = accept(fd, NULL, NULL);

		if (peer >= 0 && fork() == 0) {
			answer(peer);
			_exit(0);
		}
		close(peer);
	}
}

static int stream(int fd, double seconds)
{
	static char buf[BLOCK];
	double start = now();
	uint64_t count;

	if (write(fd, "s", 1) != 1)
		die("write");
	while (now() - start < seconds)
		if (write(fd, buf, sizeof(buf)) < 0)
			die("write");
	shutdown(fd, SHUT_WR);
	if (recv(fd, &count, sizeof(count), MSG_WAITALL) != sizeof(count))
		die("read");
	printf("%.1f\n", (double)count / 1e6 / (now() - start));
	return 0;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static int ping(int fd, int count)
{
	double *t = calloc((size_t)count, sizeof(*t));
	char c = 'e';

	if (!t || write(fd, &c, 1) != 1)
		die("write");
	for (int i = -10; i < count; i++) {
		double start = now();

		if (write(fd, &c, 1) != 1 || read(fd, &c, 1) != 1)
			die("round trip");
		if (i >= 0)
			t[i] = (now() - start) * 1e6;
	}
	qsort(t, (size_t)count, sizeof(*t), compare);
	printf("%.1f %.1f\n", t[0], t[count / 2]);
	free(t);
	return 0;
}

/* A query for the name's A record: header, labels, type, class. */
static size_t question(const char *name, uint8_t *to)
{
	static const uint8_t head[12] = { [2] = 1 /* recursion desired */, [5] = 1 /* one question */ };
	size_t n = sizeof(head);

	memcpy(to, head, n);
	while (*name) {
		size_t len = strcspn(name, ".");

		to[n++] = (uint8_t)len;
		memcpy(to + n, name, len);
		n += len;
		name += len + (name[len] == '.');
	}
	memcpy(to + n, (const uint8_t[]){ 0, 0, 1, 0, 1 }, 5);
	return n + 5;
}

static int dns(int fd, const char *name, double seconds)
{
	uint8_t query[300], reply[1500];
	struct timeval patience = { .tv_sec = 2 };
	size_t len = question(name, query);
	double start = now();
	uint64_t count = 0;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	for (int i = 0; i < IN_FLIGHT; i++)
		if (send(fd, query, len, 0) < 0)
			die("send");
	while (now() - start < seconds) {
		ssize_t n = recv(fd, reply, sizeof(reply), 0);

		/* An error, or no answer in it. */
		if (n < 12 || (reply[3] & 15) || reply[7] == 0)
			die("answer");
		count++;
		query[1]++;
		if (send(fd, query, len, 0) < 0)
			die("send");
	}
	printf("%.0f\n", (double)count / (now() - start));
	return 0;
}

/* Who sends and who takes have a processor each, the first and the last: where the scheduler puts them halves or doubles what comes
 * through, in either engine. A name server is in this with the one or the other, and is left alone. */
static void stay(bool last)
{
	cpu_set_t all, one;
	int cpu;

	if (sched_getaffinity(0, sizeof(all), &all) < 0)
		return;
	CPU_ZERO(&one);
	for (cpu = last ? CPU_SETSIZE - 1 : 0; cpu >= 0 && cpu < CPU_SETSIZE && !CPU_ISSET(cpu, &all); cpu += last ? -1 : 1)
		;
	CPU_SET(cpu, &one);
	sched_setaffinity(0, sizeof(one), &one);
}

int main(int argc, char **argv)
{
	if (argc == 5 && strcmp(argv[1], "dns") != 0)
		stay(/* last= */ false);
	if (argc == 3)
		stay(/* last= */ true);
	if (argc == 3 && strcmp(argv[1], "serve") == 0)
		return serve(argv[2]);
	if (argc == 5 && strcmp(argv[1], "stream") == 0)
		return stream(dial(argv[2], argv[3], SOCK_STREAM), atof(argv[4]));
	if (argc == 5 && strcmp(argv[1], "ping") == 0)
		return ping(dial(argv[2], argv[3], SOCK_STREAM), atoi(argv[4]));
	if (argc == 5 && strcmp(argv[1], "dns") == 0)
		return dns(dial(argv[2], "53", SOCK_DGRAM), argv[3], atof(argv[4]));
	return 2;
}
