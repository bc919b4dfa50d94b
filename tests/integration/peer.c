/* peer.c - both ends of what the tests of networks send; static, to run in containers and in network namespaces alike.
 *
 *   serve PORT...                 TCP and UDP, both IP versions; writes who asked to standard output
 *   ask tcp|udp ADDRESS PORT      prints as whom the server saw us; fails without an answer within a second
 *   rtt ADDRESS PORT N            TCP, one byte there and back: minimum and median in us
 *   flood ADDRESS PORT MS         TCP, one way: MB/s
 *   forge IF SMAC SIP DMAC DIP PORT   a UDP packet and ARP answers with whatever sender one likes (CAP_NET_RAW)
 *   hold PORT                     a TCP socket that listens on all addresses, until killed
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PORTS_MAX = 16, BLOCK = 1 << 17 };
static char block[BLOCK];

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int fail(const char *what)
{
	perror(what);
	return 1;
}

/* An IPv4 address as such, also when it came to a socket of version 6. */
static void name_of(const struct sockaddr_in6 *a, char ret[64])
{
	inet_ntop(AF_INET6, &a->sin6_addr, ret, 64);
	if (IN6_IS_ADDR_V4MAPPED(&a->sin6_addr))
		inet_ntop(AF_INET, a->sin6_addr.s6_addr + 12, ret, 64);
}

static void one_connection(int fd, const char *who)
{
	char what = 0;
	ssize_t n;

	if (read(fd, &what, 1) != 1)
		return;
	if (what == 'w')
		dprintf(fd, "%s\n", who);
	while (what == 'e' && (n = read(fd, block, BLOCK)) > 0)
		if (write(fd, block, (size_t)n) != n)
			return;
	while (what == 's' && read(fd, block, BLOCK) > 0)
		;
	shutdown(fd, SHUT_WR);
	while (read(fd, block, BLOCK) > 0)
		;
}

static void answer(int fd, int stream, int port)
{
	struct sockaddr_in6 a;
	socklen_t size = sizeof(a);
	char who[64];
	int c = fd, on = 1;

	if (stream)
		c = accept(fd, (struct sockaddr *)&a, &size);
	else if (recvfrom(fd, block, BLOCK, 0, (struct sockaddr *)&a, &size) < 0)
		return;
	if (c < 0)
		return;
	name_of(&a, who);
	printf("%s %d %s\n", stream ? "tcp" : "udp", port, who);
	fflush(stdout);
	if (!stream) {
		size = (socklen_t)snprintf(block, BLOCK, "%s\n", who);
		sendto(fd, block, size, 0, (struct sockaddr *)&a, sizeof(a));
		return;
	}
	setsockopt(c, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (fork() == 0) {
		one_connection(c, who);
		_exit(0);
	}
	close(c);
}

static int open_port(int type, int port)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };
	int fd = socket(AF_INET6, type, 0), on = 1, off = 0;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || (type == SOCK_STREAM && listen(fd, 64) < 0))
		exit(fail("bind"));
	return fd;
}

static int serve(int n, char **ports)
{
	struct pollfd p[2 * PORTS_MAX];

	signal(SIGCHLD, SIG_IGN);
	if (n > PORTS_MAX)
		return 2;
	for (int i = 0; i < n; i++) {
		p[2 * i] = (struct pollfd){ .fd = open_port(SOCK_STREAM, atoi(ports[i])), .events = POLLIN };
		p[2 * i + 1] = (struct pollfd){ .fd = open_port(SOCK_DGRAM, atoi(ports[i])), .events = POLLIN };
	}
	puts("serves");
	fflush(stdout);
	while (poll(p, (nfds_t)(2 * n), -1) > 0)
		for (int i = 0; i < 2 * n; i++)
			if (p[i].revents)
				answer(p[i].fd, i % 2 == 0, atoi(ports[i / 2]));
	return fail("poll");
}

static int reach(const char *protocol, const char *address, const char *port, char what)
{
	struct addrinfo hints = { .ai_socktype = strcmp(protocol, "udp") == 0 ? SOCK_DGRAM : SOCK_STREAM }, *a;
	const char *patience = getenv("PEER_SECONDS");
	struct timeval wait = { .tv_sec = patience ? atoi(patience) : 10 };
	int on = 1, r = getaddrinfo(address, port, &hints, &a), fd;

	if (r) {
		fprintf(stderr, "%s: %s\n", address, gai_strerror(r));
		exit(1);
	}
	fd = socket(a->ai_family, a->ai_socktype, 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(fd, a->ai_addr, a->ai_addrlen) < 0 || write(fd, &what, 1) != 1)
		exit(fail("connect"));
	freeaddrinfo(a);
	return fd;
}

static int ask(char **v)
{
	int fd = reach(v[0], v[1], v[2], 'w');
	ssize_t n = read(fd, block, BLOCK - 1);

	if (n <= 0)
		return fail("no answer");
	return write(STDOUT_FILENO, block, (size_t)n) == n ? 0 : 1;
}

static int by_size(const void *a, const void *b)
{
	double d = *(const double *)a - *(const double *)b;

	return d < 0 ? -1 : d > 0;
}

static int rtt(char **v)
{
	int fd = reach("tcp", v[0], v[1], 'e'), n = atoi(v[2]);
	double *t = calloc((size_t)n, sizeof(*t));

	for (int i = 0; i < n; i++) {
		double start = now_us();

		if (write(fd, "x", 1) != 1 || read(fd, block, 1) != 1)
			return fail("rtt");
		t[i] = now_us() - start;
	}
	qsort(t, (size_t)n, sizeof(*t), by_size);
	printf("%.1f %.1f\n", t[0], t[n / 2]);
	return 0;
}

static int flood(char **v)
{
	int fd = reach("tcp", v[0], v[1], 's');
	double start = now_us(), end = start + 1e3 * atof(v[2]), sent = 0;

	while (now_us() < end) {
		ssize_t n = write(fd, block, BLOCK);

		if (n < 0)
			return fail("flood");
		sent += (double)n;
	}
	shutdown(fd, SHUT_WR);
	if (read(fd, block, 1) < 0)
		return fail("end");
	printf("%.1f\n", sent / (now_us() - start));
	return 0;
}

/* --- whatever sender one likes --- */
static void mac_of(const char *text, uint8_t ret[6])
{
	unsigned b[6];

	if (sscanf(text, "%x:%x:%x:%x:%x:%x", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5]) != 6)
		exit(2);
	for (int i = 0; i < 6; i++)
		ret[i] = (uint8_t)b[i];
}

static uint16_t sum_of(const uint8_t *p, int n)
{
	uint32_t s = 0;

	for (int i = 0; i < n; i += 2)
		s += (uint32_t)p[i] << 8 | p[i + 1];
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return (uint16_t)~s;
}

static void send_frame(const char *interface, const uint8_t *frame, size_t size)
{
	struct sockaddr_ll a = { .sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(interface), .sll_halen = 6 };
	int fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));

	memcpy(a.sll_addr, frame, 6);
	if (fd < 0 || sendto(fd, frame, size, 0, (struct sockaddr *)&a, sizeof(a)) != (ssize_t)size)
		exit(fail("packet"));
	close(fd);
}

static int forge(char **v)
{
	uint8_t udp[14 + 20 + 8 + 2] = { [12] = 0x08, [14] = 0x45, [17] = 30, [22] = 64, [23] = 17, [34] = 0x30, [35] = 0x39, [39] = 10, [42] = 'w' };
	uint8_t arp[42] = { [12] = 0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, 2 };
	uint16_t port = (uint16_t)atoi(v[5]), sum;

	mac_of(v[1], udp + 6);
	mac_of(v[3], udp);
	inet_pton(AF_INET, v[2], udp + 26);
	inet_pton(AF_INET, v[4], udp + 30);
	udp[36] = (uint8_t)(port >> 8);
	udp[37] = (uint8_t)port;
	sum = sum_of(udp + 14, 20);
	udp[24] = (uint8_t)(sum >> 8);
	udp[25] = (uint8_t)sum;
	send_frame(v[0], udp, sizeof(udp));
	memcpy(arp, udp, 12);
	memcpy(arp + 22, udp + 6, 6);
	memcpy(arp + 28, udp + 26, 4);
	memcpy(arp + 32, udp, 6);
	memcpy(arp + 38, udp + 30, 4);
	send_frame(v[0], arp, sizeof(arp));
	return 0;
}

static int hold(char **v)
{
	open_port(SOCK_STREAM, atoi(v[0]));
	puts("holds");
	fflush(stdout);
	return pause();
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int arguments;
		int (*run)(char **v);
	} verbs[] = { { "ask", 3, ask }, { "rtt", 3, rtt }, { "flood", 3, flood }, { "forge", 6, forge }, { "hold", 1, hold } };

	signal(SIGPIPE, SIG_IGN);
	if (argc > 2 && strcmp(argv[1], "serve") == 0)
		return serve(argc - 2, argv + 2);
	for (size_t i = 0; argc > 1 && i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(argv[1], verbs[i].name) == 0 && argc - 2 == verbs[i].arguments)
			return verbs[i].run(argv + 2);
	return 2;
}
