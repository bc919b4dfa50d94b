/* calls.c - how many calls a second each helper answers, policy and audit included: it is started in posternd's place
 * (see ../hostile/controller.c, whose channels it uses) and asks one after another for what a container's start and end
 * take.
 *
 * Lines "CALLS helper.OP calls-per-second least-us" on standard error, then "CALLS done". PUBLISH-nothing is one that asks
 * for what is no port: channel and audit alone, so that the rest of PUBLISH is what adding a port takes in the helper. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../../helpers/base/cleanup.h"
#include "../../helpers/base/text.h"
#include "../hostile/hostile.h"

enum { WARM = 10, ROUNDS = 150 };

struct sum {
	uint64_t ns, n, least;
};
static struct sum sums[OP_COUNT], nothing;
static bool no_port; /* is asked for */
static int failure;
static char source[200]; /* a user's directory, to be bound */

static void add(enum op op, int r, uint64_t ns)
{
	struct sum *s = no_port ? &nothing : &sums[op];

	s->ns += ns;
	s->least = s->n++ && s->least < ns ? s->least : ns;
	if ((r < 0) != no_port && failure == 0) {
		failure = r;
		dprintf(STDERR_FILENO, "CALLS failed: %s: %s\n", op_desc(op)->name, strerror(-r));
	}
}

static void bind_one(const struct sandbox *s)
{
	struct req_lookup_open look = { .ticket = new_ticket(), .writable = 1 };
	struct req_idmap_owner owner = {
		.ticket = new_ticket(), .base = s->base, .owner_uid = owner_id(), .owner_gid = owner_id()
	};
	struct req_mount_bind bind = { .source = look.ticket, .mapping = owner.ticket };
	struct rep_mount_bind rep;

	text_copy(look.path, sizeof(look.path), source);
	if (ask(channel(HELPER_LOOKUP), OP_LOOKUP_OPEN, &look, NULL, NULL) == 0 &&
	    ask(channel(HELPER_IDMAP), OP_IDMAP_OWNER, &owner, NULL, NULL) == 0 &&
	    ask(channel(HELPER_MOUNT), OP_MOUNT_BIND, &bind, &rep, NULL) == 0)
		message_close_fds(&op_desc(OP_MOUNT_BIND)->rep, &rep);
}

static void rootfs_one(const struct sandbox *s, const uint8_t layer[ID_BYTES])
{
	struct req_layer_create create = { .what = LAYER_CONTAINER };
	struct req_layer_remove remove = { .what = LAYER_CONTAINER };
	struct req_mount_rootfs rootfs = { .mapping = s->ticket, .layers = { .n = 1 } };
	struct rep_mount_rootfs rep;

	hex_encode(s->id, ID_BYTES, create.name);
	strcpy(remove.name, create.name);
	memcpy(rootfs.container, s->id, ID_BYTES);
	memcpy(rootfs.layers.id[0], layer, ID_BYTES);
	ask(channel(HELPER_LAYER), OP_LAYER_CREATE, &create, NULL, NULL);
	if (ask(channel(HELPER_MOUNT), OP_MOUNT_ROOTFS, &rootfs, &rep, NULL) == 0)
		message_close_fds(&op_desc(OP_MOUNT_ROOTFS)->rep, &rep);
	ask(channel(HELPER_LAYER), OP_LAYER_REMOVE, &remove, NULL, NULL);
}

/* --- a network --- */
enum { TCP = 6 };
#define MAC UINT64_C(0x42ac1e0002)
#define BRIDGE UINT32_C(0xac1e0001) /* 172.30.0.1 */
#define BRIDGE_NAME "pst-bench"

static void network_make(void)
{
	struct req_veth_bridge bridge = { .bridge = BRIDGE_NAME, .gateway4 = BRIDGE, .gateway4_bits = 16 };
	struct req_firewall_network network = { .bridge = BRIDGE_NAME, .flags = NET_MASQUERADE4 };

	if (ask(channel(HELPER_VETH), OP_VETH_BRIDGE, &bridge, NULL, NULL) == 0)
		ask(channel(HELPER_FIREWALL), OP_FIREWALL_NETWORK, &network, NULL, NULL);
}

static void publish(enum op op, uint64_t host_port)
{
	struct req_firewall_publish req = {
		.ports = { PORT_NUMBERS,
			   { (uint64_t)TCP << 32 | host_port << 16 | 80, 0, UINT64_C(0xffff00000000), 0,
			     UINT64_C(0xffff00000000) | (BRIDGE + 1) } }
	};

	ask(channel(HELPER_FIREWALL), op, &req, NULL, NULL);
}

static void network_one(const struct sandbox *s)
{
	struct req_veth_attach attach = { .bridge = BRIDGE_NAME, .name = "eth0", .mac = MAC, .userns = s->userns, .netns = s->netns };
	struct req_netns_configure inside = { .name = "eth0", .address4 = BRIDGE + 1, .address4_bits = 16, .gateway4 = BRIDGE,
					      .userns = s->userns, .netns = s->netns };
	struct req_firewall_endpoint end = { .mac = MAC, .addresses4 = { 1, { BRIDGE + 1 } } };
	struct req_firewall_unendpoint forget;
	static unsigned number;

	snprintf(attach.host, sizeof(attach.host), "pstv%07x", ++number);
	if (ask(channel(HELPER_VETH), OP_VETH_ATTACH, &attach, NULL, NULL) < 0)
		return;
	ask(channel(HELPER_NETNS), OP_NETNS_CONFIGURE, &inside, NULL, NULL);
	text_copy(end.host, sizeof(end.host), attach.host);
	ask(channel(HELPER_FIREWALL), OP_FIREWALL_ENDPOINT, &end, NULL, NULL);
	publish(OP_FIREWALL_PUBLISH, 20080);
	no_port = true;
	publish(OP_FIREWALL_PUBLISH, 0);
	no_port = false;
	publish(OP_FIREWALL_UNPUBLISH, 20080);
	memcpy(&forget, &end, sizeof(forget));
	ask(channel(HELPER_FIREWALL), OP_FIREWALL_UNENDPOINT, &forget, NULL, NULL);
}

static void one(const uint8_t layer[ID_BYTES])
{
	struct req_spawn_list list = { 0 };
	struct req_device_attach attach = { .name = "bench" };
	struct sandbox s;

	if (sandbox_make(&s, /* map= */ true) < 0)
		return;
	attach.cgroup = s.cgroup;
	if (!policy_absent(policy(), HELPER_DEVICE))
		ask(channel(HELPER_DEVICE), OP_DEVICE_ATTACH, &attach, NULL, NULL);
	rootfs_one(&s, layer);
	bind_one(&s);
	network_one(&s);
	ask(channel(HELPER_SPAWN), OP_SPAWN_LIST, &list, NULL, NULL);
	sandbox_drop(&s);
	drop_tickets();
}

static void tell(const struct op_desc *op, const char *more, const struct sum *s)
{
	if (s->n > 0)
		dprintf(STDERR_FILENO, "CALLS %s.%s%s %.0f %.1f\n", op->helper_name, op->name, more,
			(double)s->n * 1e9 / (double)s->ns, (double)s->least / 1e3);
}

int main(int argc, char **argv)
{
	_cleanup_close_ int fd = openat(FD_KEEP, "layer-id", O_RDONLY | O_CLOEXEC);
	_cleanup_close_ int where = openat(FD_KEEP, "source", O_RDONLY | O_CLOEXEC);
	uint8_t layer[ID_BYTES];
	char hex[ID_HEX + 1] = "";

	controller_start(argc, argv);
	dprintf(STDERR_FILENO, "CALLS ready\n");
	root_client = accept_client(FD_LISTEN, 0);
	if (root_client < 0 || fd < 0 || read(fd, hex, ID_HEX) != ID_HEX || hex_decode(hex, layer, ID_BYTES) < 0 ||
	    where < 0 || read(where, source, sizeof(source) - 1) <= 0) {
		dprintf(STDERR_FILENO, "CALLS failed: no client, layer or source\n");
	} else {
		on_call = add;
		network_make();
		for (int i = 0; i < WARM + ROUNDS && failure == 0; i++) {
			if (i == WARM) {
				memset(sums, 0, sizeof(sums));
				memset(&nothing, 0, sizeof(nothing));
			}
			one(layer);
		}
		for (unsigned op = 0; op < OP_COUNT; op++)
			tell(op_desc(op), "", &sums[op]);
		tell(op_desc(OP_FIREWALL_PUBLISH), "-nothing", &nothing);
	}
	dprintf(STDERR_FILENO, "CALLS done\n");
	for (;;)
		pause();
}
