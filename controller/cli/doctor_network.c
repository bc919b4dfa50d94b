/* doctor_network.c - what this host offers to networks of containers, and what of it is used: bounds of the kernel's,
 * and rules of others that packets of containers have to pass in root's engine. A user's engine has a network namespace
 * of its own, so that few of these concern it. Nothing is changed; sockets are opened to ask. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "../../helpers/base/cleanup.h"
#include "../../helpers/base/text.h"
#include "../network/ipam.h"
#include "cli.h"
#include "doctor.h"

enum { NEIGHBOURS_EACH = 2, REPLY_SIZE = 32768, REPLIES_MAX = 1024, LOW_PORT = 80 };

/* --- bounds --- */

static unsigned entries_of(const char *path)
{
	const struct dirent *d;
	DIR *dir = opendir(path);
	unsigned n = 0;

	while (dir && (d = readdir(dir)))
		n += d->d_name[0] != '.';
	if (dir)
		closedir(dir);
	return n;
}

static void probe_bridges(const struct patient *p, struct finding *f)
{
	const struct dirent *d;
	DIR *dir = opendir("/sys/class/net");
	char path[300], fullest[64] = "";
	unsigned most = 0;

	while (dir && (d = readdir(dir))) {
		unsigned n;

		snprintf(path, sizeof(path), "/sys/class/net/%s/brif", d->d_name);
		n = entries_of(path);
		if (n > most) {
			most = n;
			snprintf(fullest, sizeof(fullest), "%.63s", d->d_name);
		}
	}
	if (dir)
		closedir(dir);
	if (most > BRIDGE_PORTS / 10 * 9) {
		doctor_less(f, "a bridge holds %d containers, and %s has %u", BRIDGE_PORTS, fullest, most);
		doctor_cost(f, "a network that is full refuses the next container");
		doctor_fix(f, "nothing; start further containers in another network");
	} else if (most) {
		doctor_good(f, "a bridge, so a network, holds %d containers; the fullest, %s, has %u", BRIDGE_PORTS,
			    fullest, most);
	} else {
		doctor_good(f, "a bridge, so a network, holds %d containers", BRIDGE_PORTS);
	}
}

/* The first number of the second line: entries of all network namespaces together, hexadecimal. */
static long neighbours(const char *path)
{
	_cleanup_free_ char *text = doctor_read(path);
	const char *line = text ? strchr(text, '\n') : NULL;

	return line ? strtol(line + 1, NULL, 16) : -1;
}

static void probe_neighbours(const struct patient *p, struct finding *f)
{
	static const struct {
		const char *version, *limit, *used;
	} tables[] = {
		{ "ipv4", "/proc/sys/net/ipv4/neigh/default/gc_thresh3", "/proc/net/stat/arp_cache" },
		{ "ipv6", "/proc/sys/net/ipv6/neigh/default/gc_thresh3", "/proc/net/stat/ndisc_cache" },
	};

	doctor_good(f, "how many neighbours the kernel remembers is told in the host's network namespace only");
	for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
		long limit = doctor_number(tables[i].limit), used = neighbours(tables[i].used);

		if (limit < 0 || used < 0)
			continue;
		if (used > limit / 4 * 3) {
			doctor_less(f, "%ld of %ld neighbours that the kernel remembers (%s) are in use", used, limit,
				    tables[i].version);
			doctor_cost(f, "beyond them packets to further containers are dropped; each takes about %d",
				    NEIGHBOURS_EACH);
			doctor_fix(f, "sysctl -w net.%s.neigh.default.gc_thresh3=%ld", tables[i].version,
				   limit < 4096 ? 16384 : 4 * limit);
			return;
		}
		if (i == 0)
			doctor_good(f,
				    "%ld of %ld neighbours that the kernel remembers are in use; each container takes "
				    "about %d",
				    used, limit, NEIGHBOURS_EACH);
	}
}

static void probe_low_ports(const struct patient *p, struct finding *f)
{
	long first = doctor_number("/proc/sys/net/ipv4/ip_unprivileged_port_start");

	if (first <= LOW_PORT) {
		doctor_good(f, "ports from %ld on may be published by users", first < 0 ? 0 : first);
		return;
	}
	doctor_less(f, "ports below %ld are root's", first);
	doctor_cost(f, "-p %d:%d is refused; -p 8080:%d is not", LOW_PORT, LOW_PORT, LOW_PORT);
	doctor_fix(f, "sysctl -w net.ipv4.ip_unprivileged_port_start=%d", LOW_PORT);
}

static void probe_sctp(const struct patient *p, struct finding *f)
{
	_cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_SCTP);

	if (fd >= 0) {
		doctor_good(f, "the kernel has SCTP");
		return;
	}
	doctor_less(f, "the kernel has no SCTP (%s)", strerror(errno));
	doctor_cost(f, "-p PORT/sctp leads nowhere; TCP and UDP do not need it");
	doctor_fix(f, "modprobe sctp, or a kernel with it");
}

/* --- what others have to say about containers' packets --- */

static void probe_bridge_rules(const struct patient *p, struct finding *f)
{
	static const char *const files[] = { "bridge-nf-call-iptables", "bridge-nf-call-ip6tables" };

	doctor_good(f, "packets between containers of one network do not pass the rules of IP (no br_netfilter)");
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		char path[80];

		snprintf(path, sizeof(path), "/proc/sys/net/bridge/%s", files[i]);
		if (doctor_number(path) <= 0)
			continue;
		doctor_less(f, "packets between containers of one network pass the rules of IP, too (br_netfilter, %s)",
			    files[i]);
		doctor_cost(f, "slower, and others' rules meet them");
		doctor_fix(f, "sysctl -w net.bridge.%s=0, where neither Kubernetes nor Docker's icc=false needs it",
			   files[i]);
		return;
	}
}

/* A default route that came by a router advertisement, over an interface that takes none once it forwards: its name. */
static bool has_learned_route(char ret[64])
{
	enum { ROUTE_DEFAULT = 0x10000, ROUTE_LEARNED = 0x40000 }; /* RTF_DEFAULT, RTF_ADDRCONF */
	_cleanup_free_ char *text = doctor_read("/proc/net/ipv6_route");
	char *save = NULL, path[128];

	for (char *line = text ? strtok_r(text, "\n", &save) : NULL; line; line = strtok_r(NULL, "\n", &save)) {
		unsigned flags;

		if (sscanf(line, "%*s %*s %*s %*s %*s %*s %*s %*s %x %63s", &flags, ret) != 2 ||
		    (flags & (ROUTE_DEFAULT | ROUTE_LEARNED)) != (ROUTE_DEFAULT | ROUTE_LEARNED))
			continue;
		snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/accept_ra", ret);
		if (doctor_number(path) == 1)
			return true;
	}
	return false;
}

static void probe_forwarding(const struct patient *p, struct finding *f)
{
	const char *file = "/proc/sys/net/ipv4/ip_forward";
	bool on = doctor_number(file) == 1;
	char interface[64];

	if (!on && access(file, W_OK) < 0) {
		doctor_less(f, "this host does not forward packets, and it cannot be switched on here (%s)",
			    strerror(errno));
		doctor_cost(f, "no network can be made, the default one included");
		doctor_fix(f, "sysctl -w net.ipv4.ip_forward=1 outside of this container");
	} else if (doctor_number("/proc/sys/net/ipv6/conf/all/forwarding") == 0 && has_learned_route(interface)) {
		doctor_less(
			f,
			"%s takes its IPv6 route from router advertisements, and the first network with IPv6 switches "
			"forwarding on",
			interface);
		doctor_cost(f, "the host loses that route then");
		doctor_fix(f, "sysctl -w net.ipv6.conf.%s.accept_ra=2", interface);
	} else if (on) {
		doctor_good(f, "this host forwards packets");
	} else {
		doctor_good(f,
			    "this host does not forward packets; the first network switches it on, for all interfaces");
	}
}

/* A chain of somebody's at the forward hook, as the kernel tells it. */
struct chain {
	uint8_t family;
	char table[64], name[64];
};

static const struct nlattr *find_attribute(const void *data, size_t size, uint16_t type)
{
	for (const struct nlattr *a = data; size >= sizeof(*a) && a->nla_len >= sizeof(*a) && a->nla_len <= size;) {
		size_t step = NLA_ALIGN(a->nla_len);

		if ((a->nla_type & NLA_TYPE_MASK) == type)
			return a;
		size -= step < size ? step : size;
		a = (const void *)((const char *)a + step);
	}
	return NULL;
}

static bool attribute_u32(const void *data, size_t size, uint16_t type, uint32_t *ret)
{
	const struct nlattr *a = find_attribute(data, size, type);

	if (!a || a->nla_len < NLA_HDRLEN + sizeof(*ret))
		return false;
	memcpy(ret, (const char *)a + NLA_HDRLEN, sizeof(*ret));
	*ret = ntohl(*ret);
	return true;
}

static void attribute_text(const void *data, size_t size, uint16_t type, char ret[64])
{
	const struct nlattr *a = find_attribute(data, size, type);

	snprintf(ret, 64, "%.*s", a ? a->nla_len - NLA_HDRLEN : 0, a ? (const char *)a + NLA_HDRLEN : "");
}

/* Does this one drop, or refuse, what is forwarded? Ours never does by its policy. */
static bool chain_drops(const struct nlmsghdr *h, struct chain *ret)
{
	const struct nfgenmsg *g = NLMSG_DATA(h);
	const char *data = (const char *)g + NLMSG_ALIGN(sizeof(*g));
	size_t size = h->nlmsg_len - NLMSG_SPACE(sizeof(*g));
	const struct nlattr *hook = find_attribute(data, size, NFTA_CHAIN_HOOK);
	uint32_t number, policy = NF_ACCEPT;

	if (!hook ||
	    !attribute_u32((const char *)hook + NLA_HDRLEN, hook->nla_len - NLA_HDRLEN, NFTA_HOOK_HOOKNUM, &number) ||
	    number != NF_INET_FORWARD || g->nfgen_family == NFPROTO_BRIDGE || g->nfgen_family == NFPROTO_NETDEV)
		return false;
	attribute_u32(data, size, NFTA_CHAIN_POLICY, &policy);
	ret->family = g->nfgen_family;
	attribute_text(data, size, NFTA_CHAIN_TABLE, ret->table);
	attribute_text(data, size, NFTA_CHAIN_NAME, ret->name);
	/* firewalld's accepts, but its last rule does not. */
	return policy == NF_DROP || (strcmp(ret->table, "firewalld") == 0 && strcmp(ret->name, "filter_FORWARD") == 0);
}

/* The first such chain: 1, 0 or -errno. */
static int find_dropping(struct chain *ret)
{
	const struct {
		struct nlmsghdr h;
		struct nfgenmsg g;
	} ask = {
		.h = { sizeof(ask), NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETCHAIN, NLM_F_REQUEST | NLM_F_DUMP, 1, 0 },
		.g = { AF_UNSPEC, NFNETLINK_V0, 0 },
	};
	_cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	_cleanup_free_ char *reply = malloc(REPLY_SIZE);
	const struct timeval second = { .tv_sec = 1 };
	int found = 0;

	if (fd < 0 || !reply || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second)) < 0 ||
	    send(fd, &ask, sizeof(ask), 0) < 0)
		return -errno;
	for (unsigned i = 0; i < REPLIES_MAX; i++) {
		ssize_t n = recv(fd, reply, REPLY_SIZE, 0);
		int left = (int)n;

		if (n < 0)
			return -errno;
		for (const struct nlmsghdr *h = (void *)reply; NLMSG_OK(h, left); h = NLMSG_NEXT(h, left)) {
			if (h->nlmsg_type == NLMSG_DONE)
				return found;
			if (h->nlmsg_type == NLMSG_ERROR)
				return ((const struct nlmsgerr *)NLMSG_DATA(h))->error;
			if (!found && h->nlmsg_len >= NLMSG_SPACE(sizeof(struct nfgenmsg)))
				found = chain_drops(h, ret);
		}
	}
	return found;
}

static void probe_firewall(const struct patient *p, struct finding *f)
{
	static const char *const families[] = {
		[NFPROTO_INET] = "inet", [NFPROTO_IPV4] = "ip", [NFPROTO_IPV6] = "ip6"
	};
	struct chain c = { 0 };
	const char *family;
	int r = find_dropping(&c);

	if (r <= 0) {
		if (r < 0)
			doctor_good(f, "rules of others cannot be looked at (%s)", strerror(-r));
		else
			doctor_good(f, "no firewall of this host's drops what is forwarded by default");
		return;
	}
	family = c.family < ARRAY_SIZE(families) && families[c.family] ? families[c.family] : "?";
	doctor_less(f, "a firewall drops what it does not know: nftables chain %s %s %s", family, c.table, c.name);
	doctor_cost(f, "containers reach neither the outside nor, through published ports, each other, unless its "
		       "rules let pst* pass");
	if (strcmp(c.table, "firewalld") == 0)
		doctor_fix(f, "firewall-cmd --permanent --zone=trusted --add-interface=pst+; firewall-cmd --reload");
	else
		doctor_fix(f,
			   "nft insert rule %s %s %s iifname 'pst*' accept; nft insert rule %s %s %s oifname 'pst*' "
			   "accept",
			   family, c.table, c.name, family, c.table, c.name);
}

const struct probe doctor_network_probes[] = {
	{ "sctp", probe_sctp },
	{ "bridges", probe_bridges },
	{ "neighbours", probe_neighbours },
	{ 0 },
};

const struct probe doctor_root_network_probes[] = {
	{ "forwarding", probe_forwarding },
	{ "firewall", probe_firewall },
	{ "bridge rules", probe_bridge_rules },
	{ 0 },
};

const struct probe doctor_user_network_probes[] = {
	{ "low ports", probe_low_ports },
	{ 0 },
};
