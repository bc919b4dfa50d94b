/* attack_net.c - threats 11 and 25, and 4 for networks: links, addresses, namespaces that are not the engine's. The script that starts
 * this engine has put links of another's into the network namespace where veth works: hosteth (10.77.0.1/24), hostbr, psthost. Which links
 * are there is told by a file in our own directory, "links" (proc_pid_net(5), dev): the veth of a user's engine works in another namespace
 * than this program. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../../helpers/base/cleanup.h"
#include "../../helpers/base/text.h"
#include "hostile.h"

enum { MAC = 0x42ac1e0002, GROUP_MAC = 1 };
#define IP(a, b, c, d) ((uint32_t)(a) << 24 | (b) << 16 | (c) << 8 | (d))

static struct reply_header why;

static bool is_there(const char *link)
{
	int fd = openat(STATE, "links", O_RDONLY | O_CLOEXEC);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r");
	char line[300], name[40];
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f))
		found = sscanf(line, " %39[^:]:", name) == 1 && !strcmp(name, link);
	if (f)
		fclose(f);
	return found;
}

static void refused(const char *threat, int r, const char *what)
{
	result(r < 0 && r != -ETIMEDOUT && r != -ENODATA && r != -EBADMSG, "%s: %s (%s at %s%s%s)", threat, what, strerror(-r),
	       why.stage, why.rule[0] ? ", rule " : "", why.rule);
	memset(&why, 0, sizeof(why));
}

static int bridge(const char *name, uint32_t address, uint32_t bits)
{
	struct req_veth_bridge req = { .gateway4 = address, .gateway4_bits = bits };

	text_copy(req.bridge, sizeof(req.bridge), name);
	return ask(channel(HELPER_VETH), OP_VETH_BRIDGE, &req, NULL, &why);
}

static int unbridge(const char *name)
{
	struct req_veth_unbridge req;

	text_copy(req.bridge, sizeof(req.bridge), name);
	return ask(channel(HELPER_VETH), OP_VETH_UNBRIDGE, &req, NULL, &why);
}

static int detach(const char *name)
{
	struct req_veth_detach req;

	text_copy(req.host, sizeof(req.host), name);
	return ask(channel(HELPER_VETH), OP_VETH_DETACH, &req, NULL, &why);
}

static int attach_as(const char *host, const char *name, const char *inside, int userns, int netns, uint64_t mac)
{
	struct req_veth_attach req = { .userns = userns, .netns = netns, .mac = mac };

	text_copy(req.bridge, sizeof(req.bridge), name);
	text_copy(req.host, sizeof(req.host), host);
	text_copy(req.name, sizeof(req.name), inside);
	return ask(channel(HELPER_VETH), OP_VETH_ATTACH, &req, NULL, &why);
}

static const char end[] = "pstv0000001";

static int attach(const char *name, const char *inside, int userns, int netns, uint64_t mac)
{
	return attach_as(end, name, inside, userns, netns, mac);
}

static int configure(const char *name, int userns, int netns)
{
	struct req_netns_configure req = { .address4 = IP(172, 30, 0, 2), .address4_bits = 16, .gateway4 = IP(172, 30, 0, 1),
					   .userns = userns, .netns = netns };

	text_copy(req.name, sizeof(req.name), name);
	return ask(channel(HELPER_NETNS), OP_NETNS_CONFIGURE, &req, NULL, &why);
}

static void links(void)
{
	static const char *const foreign[] = { "hosteth", "hostbr", "psthost", "lo", "nosuchlink" };
	static const struct {
		uint32_t address, bits;
		const char *what;
	} subnets[] = { { IP(8, 8, 8, 1), 24, "a subnet outside policy" },	 { IP(10, 77, 0, 9), 16, "a subnet over the host's own" },
			{ IP(10, 77, 0, 129), 28, "one within the host's own" }, { IP(172, 16, 0, 1), 11, "one wider than policy's" },
			{ IP(172, 30, 0, 1), 31, "one without room" },		 { IP(127, 0, 0, 1), 24, "loopback" } };
	char what[100];

	if (!has_channel(HELPER_VETH))
		return;
	refused("11", bridge("hostbr", IP(172, 30, 0, 1), 16), "an address for the host's bridge");
	refused("11", bridge("psthost", IP(172, 30, 0, 1), 16), "one that is named as if it were ours");
	refused("10, 11", bridge("docker0", IP(172, 30, 0, 1), 16), "a bridge whose name policy does not allow");
	for (size_t i = 0; i < ARRAY_SIZE(subnets); i++)
		refused("11", bridge("pst-x", subnets[i].address, subnets[i].bits), subnets[i].what);
	result(is_there("lo") && !is_there("pst-x"), "11: no bridge was made for them");
	for (size_t i = 0; i < ARRAY_SIZE(foreign); i++) {
		snprintf(what, sizeof(what), "removing %s as a bridge", foreign[i]);
		refused("11, 25", unbridge(foreign[i]), what);
		snprintf(what, sizeof(what), "removing %s as a veth", foreign[i]);
		refused("11, 25", detach(foreign[i]), what);
	}
	result(is_there("hosteth") && is_there("hostbr") && is_there("psthost"), "25: the host's links are there");
}

static void namespaces(void)
{
	int host = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), user = open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC);
	struct sandbox a, b;
	int r;

	if (!has_channel(HELPER_VETH))
		return;
	if (sandbox_make(&a, true) < 0 || sandbox_make(&b, true) < 0 || (r = bridge("pst-a", IP(172, 30, 0, 1), 16)) < 0) {
		result(false, "11: the set-up failed (%s at %s)", strerror(errno), why.stage);
		return;
	}
	result(bridge("pst-a", IP(172, 30, 0, 1), 16) == 0, "11: making a bridge of ours again changes nothing");
	refused("4, 25", attach("pst-a", "eth0", a.userns, host, MAC), "the host's network namespace");
	refused("4, 25", attach("pst-a", "eth0", user, host, MAC), "the same with its user namespace");
	refused("4", attach("pst-a", "eth0", a.userns, b.netns, MAC), "one container's network namespace as another's");
	refused("11", attach("hostbr", "eth0", a.userns, a.netns, MAC), "a port on the host's bridge");
	refused("11", attach("lo", "eth0", a.userns, a.netns, MAC), "a port on what is no bridge");
	refused("11", attach("pst-a", "lo", a.userns, a.netns, MAC), "a name that is taken inside");
	refused("11", attach("pst-a", "eth0", a.userns, a.netns, UINT64_C(1) << 40), "a group address as a container's");
	refused("11", attach_as("hosteth", "pst-a", "eth0", a.userns, a.netns, MAC), "the bridge's end named as the host's interface");
	refused("11", attach_as("psthost", "pst-a", "eth0", a.userns, a.netns, MAC), "as one of the host's that is named as if it were ours");
	refused("11", attach_as("eth9", "pst-a", "eth0", a.userns, a.netns, MAC), "as no link of ours is named");
	refused("11", attach_as("pst-a", "pst-a", "eth0", a.userns, a.netns, MAC), "as the bridge itself");
	r = attach("pst-a", "eth0", a.userns, a.netns, MAC);
	result(r == 0 && is_there(end), "11: an honest one works (%s)", r < 0 ? why.stage : end);
	refused("4", configure("eth0", a.userns, host), "addresses in the host's network namespace");
	refused("4", configure("eth0", user, host), "the same with its user namespace");
	refused("4", configure("eth0", b.userns, a.netns), "addresses as another container's root");
	refused("11", configure("eth7", a.userns, a.netns), "addresses for an interface that is not there");
	result(configure("eth0", a.userns, a.netns) == 0, "11: an honest one works (%s)", why.stage);
	refused("11", unbridge(end), "removing a veth as a bridge");
	refused("11", detach("pst-a"), "removing a bridge as a veth");
	result(detach(end) == 0 && !is_there(end), "11: detaching removes the pair");
	result(unbridge("pst-a") == 0 && !is_there("pst-a"), "11: and the bridge goes");
	sandbox_drop(&a);
	sandbox_drop(&b);
	close_fd(host);
	close_fd(user);
}

static int publish(enum op op, uint64_t protocol, uint32_t host, uint32_t host_port, uint32_t address, uint32_t port)
{
	struct req_firewall_publish req = { .ports = { .n = PORT_NUMBERS, .v = { protocol << 32 | host_port << 16 | port, 0,
			UINT64_C(0xffff) << 32 | host, 0, UINT64_C(0xffff) << 32 | address } } };

	return ask(channel(HELPER_FIREWALL), op, &req, NULL, &why);
}

static int endpoint(const char *host, uint64_t mac, uint32_t address)
{
	struct req_firewall_endpoint req = { .mac = mac, .addresses4 = { .n = 1, .v = { address } } };

	text_copy(req.host, sizeof(req.host), host);
	return ask(channel(HELPER_FIREWALL), OP_FIREWALL_ENDPOINT, &req, NULL, &why);
}

static int network(enum op op, const char *name)
{
	struct req_firewall_network req = { .flags = NET_MASQUERADE4 };

	text_copy(req.bridge, sizeof(req.bridge), name);
	return ask(channel(HELPER_FIREWALL), op, &req, NULL, &why);
}

/* What the tables hold now. */
static unsigned published(void)
{
	struct req_firewall_list req = { .skip = 0 };
	static struct rep_firewall_list rep;

	return ask(channel(HELPER_FIREWALL), OP_FIREWALL_LIST, &req, &rep, NULL) < 0 ? 9999 : rep.ports.n / PORT_NUMBERS;
}

/* Whatever an endpoint has. */
static int forget(const char *host)
{
	struct req_firewall_unendpoint req = { .mac = MAC };

	text_copy(req.host, sizeof(req.host), host);
	return ask(channel(HELPER_FIREWALL), OP_FIREWALL_UNENDPOINT, &req, NULL, &why);
}

/* How many endpoints the tables have. */
static unsigned pinned(void)
{
	struct req_firewall_endpoints req = { .skip = 0 };
	static struct rep_firewall_endpoints rep;
	unsigned n = 0;

	if (ask(channel(HELPER_FIREWALL), OP_FIREWALL_ENDPOINTS, &req, &rep, NULL) < 0)
		return 9999;
	for (const char *p = rep.hosts; *p; p++)
		n += p == rep.hosts || p[-1] == ' ';
	return n;
}

static void rules(void)
{
	enum { TCP = 6, ICMP = 1 };
	struct sandbox a;

	if (!has_channel(HELPER_FIREWALL))
		return;
	if (sandbox_make(&a, true) < 0 || bridge("pst-a", IP(172, 30, 0, 1), 16) < 0 ||
	    attach("pst-a", "eth0", a.userns, a.netns, MAC) < 0) {
		result(false, "11: the set-up failed (%s)", why.stage);
		return;
	}
	refused("11", network(OP_FIREWALL_NETWORK, "hostbr"), "rules for the host's bridge");
	refused("11", network(OP_FIREWALL_NETWORK, "psthost"), "rules for one that is named as if it were ours");
	refused("11", network(OP_FIREWALL_UNNETWORK, "hosteth"), "forgetting a link of the host's");
	result(network(OP_FIREWALL_NETWORK, "pst-a") == 0 && network(OP_FIREWALL_NETWORK, "pst-a") == 0, "11: an honest one works, twice");
	refused("11", endpoint("hosteth", MAC, IP(172, 30, 0, 2)), "the host's interface as an endpoint");
	refused("11", endpoint(end, MAC, IP(8, 8, 8, 8)), "an address outside policy for an endpoint");
	result(endpoint(end, MAC, IP(172, 30, 0, 2)) == 0, "11: an honest one works (%s)", why.stage);
	refused("11", forget("hosteth"), "forgetting the host's interface as an endpoint");
	result(pinned() == 1 && forget("pstv0000002") == 0 && pinned() == 1, "11: forgetting an endpoint that is not there changes nothing");
	result(forget(end) == 0 && pinned() == 0, "11: all of an endpoint goes by its name (%s)", why.stage);
	result(endpoint(end, MAC, IP(172, 30, 0, 2)) == 0 && endpoint(end, MAC, IP(172, 30, 0, 2)) == 0 && pinned() == 1,
	       "11: it can be told twice (%s)", why.stage);
	refused("11", publish(OP_FIREWALL_PUBLISH, TCP, 0, 22, IP(172, 30, 0, 2), 22), "a port outside policy");
	refused("11", publish(OP_FIREWALL_PUBLISH, ICMP, 0, 8080, IP(172, 30, 0, 2), 80), "a protocol without ports");
	refused("11", publish(OP_FIREWALL_PUBLISH, TCP, 0, 8080, IP(10, 77, 0, 9), 80), "a port that leads to a neighbour of the host");
	refused("11", publish(OP_FIREWALL_PUBLISH, TCP, 0, 8080, IP(10, 77, 0, 1), 80), "one that leads to the host itself");
	refused("11", publish(OP_FIREWALL_PUBLISH, TCP, 0, 8080, IP(172, 31, 0, 2), 80), "one that leads nowhere");
	refused("11", publish(OP_FIREWALL_PUBLISH, TCP, 0, 0, IP(172, 30, 0, 2), 80), "port 0");
	result(published() == 0, "11: nothing was published");
	result(publish(OP_FIREWALL_PUBLISH, TCP, 0, 8080, IP(172, 30, 0, 2), 80) == 0 && published() == 1, "11: an honest one works (%s)", why.stage);
	refused("11", publish(OP_FIREWALL_PUBLISH, TCP, 0, 8080, IP(172, 30, 0, 2), 81), "the same port of the host again");
	result(publish(OP_FIREWALL_UNPUBLISH, TCP, 0, 8080, IP(172, 30, 0, 2), 80) == 0 && published() == 0, "11: and goes");
	result(publish(OP_FIREWALL_UNPUBLISH, TCP, 0, 8080, IP(172, 30, 0, 2), 80) == 0, "11: once more changes nothing");
	result(detach(end) == 0 && network(OP_FIREWALL_UNNETWORK, "pst-a") == 0 && unbridge("pst-a") == 0, "11: all of it goes");
	sandbox_drop(&a);
}

static int take_port(uint32_t protocol, uint32_t address, uint32_t first, uint32_t last, bool listens)
{
	struct req_ports_bind req = { .protocol = protocol, .first = first, .last = last, .address_lo = UINT64_C(0xffff) << 32 | address,
				      .listen = listens };
	struct rep_ports_bind rep = { .socket = -EBADF };
	int r = ask(channel(HELPER_PORTS), OP_PORTS_BIND, &req, &rep, &why);

	return r < 0 ? r : rep.socket;
}

static void ports(void)
{
	static const struct {
		uint32_t protocol, address, first, last;
		const char *what;
	} bad[] = { { IPPROTO_TCP, 0, 22, 22, "a port of the host's services" }, { IPPROTO_UDP, 0, 53, 53, "the same for datagrams" },
		    { IPPROTO_TCP, 0, 1, 65535, "a range that begins there" }, { IPPROTO_TCP, IP(8, 8, 8, 8), 8080, 8080, "another host's address" },
		    { IPPROTO_TCP, 0, 8081, 8080, "a range that ends before it begins" }, { IPPROTO_ICMP, 0, 8080, 8080, "a protocol without ports" },
		    { IPPROTO_RAW, 0, 8080, 8080, "raw packets" } };
	int fd;

	for (size_t i = 0; i < 2 * ARRAY_SIZE(bad); i++)
		refused("11", take_port(bad[i / 2].protocol, bad[i / 2].address, bad[i / 2].first, bad[i / 2].last, i % 2), bad[i / 2].what);
	fd = take_port(IPPROTO_TCP, 0, 8080, 8080, false);
	result(fd >= 0, "11: an honest one works (%s)", why.stage);
	refused("11", take_port(IPPROTO_TCP, 0, 8080, 8080, true), "one that is taken");
	refused("11", take_port(IPPROTO_TCP, IP(127, 0, 0, 1), 8080, 8080, true), "the same at one address");
	close_fd(fd);
}

static int serve_at(uint64_t id, uint64_t hi, uint64_t lo, int fd)
{
	struct req_forward_serve req = { .id = id, .address_hi = hi, .address_lo = lo, .port = 80, .socket = fd };

	return ask(channel(HELPER_FORWARD), OP_FORWARD_SERVE, &req, NULL, &why);
}

static int serve(uint64_t id, uint32_t address, int fd)
{
	return serve_at(id, 0, UINT64_C(0xffff) << 32 | address, fd);
}

static int unserve(uint64_t id)
{
	struct req_forward_unserve req = { .id = id };

	return ask(channel(HELPER_FORWARD), OP_FORWARD_UNSERVE, &req, NULL, &why);
}

/* Through the engine's network namespace and its uplink: to nobody but containers. */
static void forward_elsewhere(int fd)
{
	static const struct {
		uint32_t address;
		const char *what;
	} v4[] = { { IP(8, 8, 8, 8), "an address outside policy" }, { IP(10, 77, 0, 9), "a neighbour on another's link, within policy" },
		   { IP(10, 77, 0, 1), "an address of the namespace's own" }, { IP(172, 30, 0, 1), "its end of the bridge" },
		   { IP(172, 31, 0, 2), "one that only the way out leads to" }, { IP(10, 0, 2, 2), "slirp4netns's door to the host" },
		   { IP(10, 0, 2, 3), "its name server" }, { IP(169, 254, 1, 1), "a link-local one" }, { IP(127, 0, 0, 1), "loopback" },
		   { IP(172, 30, 255, 255), "everybody at the bridge" }, { IP(224, 0, 0, 1), "a group" }, { 0, "no address" } };
	static const struct {
		uint64_t hi, lo;
		const char *what;
	} v6[] = { { 0, 0, "IPv6: no address" }, { 0, 1, "IPv6: loopback" }, { UINT64_C(0xfe80) << 48, 1, "IPv6: a link-local one" },
		   { UINT64_C(0xfd00) << 48, 2, "IPv6: one that is nobody's, within policy" }, { UINT64_C(0xff02) << 48, 1, "IPv6: a group" },
		   { UINT64_C(0x20010db8) << 32, 1, "IPv6: an address outside policy" } };

	for (size_t i = 0; i < ARRAY_SIZE(v4); i++)
		refused("11", serve(1, v4[i].address, fd), v4[i].what);
	for (size_t i = 0; i < ARRAY_SIZE(v6); i++)
		refused("11", serve_at(1, v6[i].hi, v6[i].lo, fd), v6[i].what);
}

static void forward_sockets(int listening)
{
	const struct sockaddr_in any = { .sin_family = AF_INET };
	int pair[2], fds[7] = { open("/dev/null", O_RDWR | O_CLOEXEC), socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
				socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0),
				socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0) };
	static const char *const what[] = { "a device as a socket", "a socket that is not bound", "one that does not listen", "one of datagrams that is not bound",
					    "a Unix socket", "a netlink socket", "one end of a pair" };

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0 || bind(fds[2], (const struct sockaddr *)&any, sizeof(any)) < 0)
		result(false, "3: the set-up failed (%s)", strerror(errno));
	fds[6] = pair[0];
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		refused("3", serve(1, IP(172, 30, 0, 2), fds[i]), what[i]);
		close_fd(fds[i]);
	}
	close_fd(pair[1]);
	fcntl(listening, F_SETFL, O_ASYNC);
	refused("3", serve(1, IP(172, 30, 0, 2), listening), "a socket that signals");
	fcntl(listening, F_SETFL, 0);
}

static void forwarded(void)
{
	struct sandbox a;
	int fd, datagrams;

	if (!has_channel(HELPER_FORWARD))
		return;
	fd = take_port(IPPROTO_TCP, 0, 8080, 8080, true);
	datagrams = take_port(IPPROTO_UDP, 0, 8080, 8080, true);
	if (fd < 0 || datagrams < 0 || sandbox_make(&a, true) < 0 || bridge("pst-a", IP(172, 30, 0, 1), 16) < 0 ||
	    attach("pst-a", "eth0", a.userns, a.netns, MAC) < 0) {
		result(false, "11: the set-up failed (%s)", why.stage);
		return;
	}
	forward_elsewhere(fd);
	forward_sockets(fd);
	result(serve(1, IP(172, 30, 0, 2), fd) == 0, "11: an honest one works (%s)", why.stage);
	refused("11", serve(1, IP(172, 30, 0, 3), datagrams), "a number that is taken");
	result(serve(2, IP(172, 30, 0, 2), datagrams) == 0, "11: an honest one of datagrams works (%s)", why.stage);
	refused("11", unserve(3), "the end of one that is not there");
	result(unserve(1) == 0 && unserve(2) == 0, "11: both go");
	refused("8", unserve(1), "once more");
	result(detach(end) == 0 && unbridge("pst-a") == 0, "11: all of it goes");
	refused("11", serve(1, IP(172, 30, 0, 2), fd), "a container whose bridge has gone");
	close_fd(fd);
	close_fd(datagrams);
	sandbox_drop(&a);
}

const struct attack net_attacks[] = { { "11, 25", links }, { "4, 11, 25", namespaces }, { "11", rules }, { "11", ports }, { "3, 8, 11", forwarded } };
const unsigned n_net_attacks = ARRAY_SIZE(net_attacks);
