/* attack_net.c - threats 11 and 25, and 4 for networks: links, addresses, namespaces that are not the engine's. The script that starts
 * this engine has put links of the host's into its network namespace: hosteth (10.77.0.1/24), hostbr, psthost. */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../../helpers/base/cleanup.h"
#include "../../helpers/base/text.h"
#include "hostile.h"

enum { MAC = 0x42ac1e0002, GROUP_MAC = 1 };
#define IP(a, b, c, d) ((uint32_t)(a) << 24 | (b) << 16 | (c) << 8 | (d))

static struct reply_header why;

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

static int attach(const char *name, const char *inside, int userns, int netns, uint64_t mac, struct rep_veth_attach *rep)
{
	struct req_veth_attach req = { .userns = userns, .netns = netns, .mac = mac };

	text_copy(req.bridge, sizeof(req.bridge), name);
	text_copy(req.name, sizeof(req.name), inside);
	return ask(channel(HELPER_VETH), OP_VETH_ATTACH, &req, rep, &why);
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
	result(if_nametoindex("pst-x") == 0, "11: no bridge was made for them");
	for (size_t i = 0; i < ARRAY_SIZE(foreign); i++) {
		snprintf(what, sizeof(what), "removing %s as a bridge", foreign[i]);
		refused("11, 25", unbridge(foreign[i]), what);
		snprintf(what, sizeof(what), "removing %s as a veth", foreign[i]);
		refused("11, 25", detach(foreign[i]), what);
	}
	result(if_nametoindex("hosteth") && if_nametoindex("hostbr") && if_nametoindex("psthost"), "25: the host's links are there");
}

static void namespaces(void)
{
	int host = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), user = open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC);
	struct rep_veth_attach rep = { 0 }, other;
	struct sandbox a, b;
	int r;

	if (!has_channel(HELPER_VETH))
		return;
	if (sandbox_make(&a, true) < 0 || sandbox_make(&b, true) < 0 || (r = bridge("pst-a", IP(172, 30, 0, 1), 16)) < 0) {
		result(false, "11: the set-up failed (%s at %s)", strerror(errno), why.stage);
		return;
	}
	result(bridge("pst-a", IP(172, 30, 0, 1), 16) == 0, "11: making a bridge of ours again changes nothing");
	refused("4, 25", attach("pst-a", "eth0", a.userns, host, MAC, &other), "the host's network namespace");
	refused("4, 25", attach("pst-a", "eth0", user, host, MAC, &other), "the same with its user namespace");
	refused("4", attach("pst-a", "eth0", a.userns, b.netns, MAC, &other), "one container's network namespace as another's");
	refused("11", attach("hostbr", "eth0", a.userns, a.netns, MAC, &other), "a port on the host's bridge");
	refused("11", attach("lo", "eth0", a.userns, a.netns, MAC, &other), "a port on what is no bridge");
	refused("11", attach("pst-a", "lo", a.userns, a.netns, MAC, &other), "a name that is taken inside");
	refused("11", attach("pst-a", "eth0", a.userns, a.netns, UINT64_C(1) << 40, &other), "a group address as a container's");
	r = attach("pst-a", "eth0", a.userns, a.netns, MAC, &rep);
	result(r == 0 && if_nametoindex(rep.host), "11: an honest one works (%s)", r < 0 ? why.stage : rep.host);
	refused("4", configure("eth0", a.userns, host), "addresses in the host's network namespace");
	refused("4", configure("eth0", user, host), "the same with its user namespace");
	refused("4", configure("eth0", b.userns, a.netns), "addresses as another container's root");
	refused("11", configure("eth7", a.userns, a.netns), "addresses for an interface that is not there");
	result(configure("eth0", a.userns, a.netns) == 0, "11: an honest one works (%s)", why.stage);
	refused("11", unbridge(rep.host), "removing a veth as a bridge");
	refused("11", detach("pst-a"), "removing a bridge as a veth");
	result(detach(rep.host) == 0 && !if_nametoindex(rep.host), "11: detaching removes the pair");
	result(unbridge("pst-a") == 0 && !if_nametoindex("pst-a"), "11: and the bridge goes");
	sandbox_drop(&a);
	sandbox_drop(&b);
	close_fd(host);
	close_fd(user);
}

const struct attack net_attacks[] = { { "11, 25", links }, { "4, 11, 25", namespaces } };
const unsigned n_net_attacks = ARRAY_SIZE(net_attacks);
