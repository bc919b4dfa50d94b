/* calls.c - how many calls a second each helper answers, policy and audit included: it is started in posternd's place
 * (see ../hostile/controller.c, whose channels it uses) and asks one after another for what a container's start and end
 * take.
 *
 * Lines "CALLS helper.OP calls-per-second" on standard error, then "CALLS done". */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../../helpers/base/cleanup.h"
#include "../../helpers/base/text.h"
#include "../hostile/hostile.h"

enum { WARM = 10, ROUNDS = 150 };

static struct {
	uint64_t ns, n;
} sums[OP_COUNT];
static int failure;
static char source[200]; /* a user's directory, to be bound */

static void add(enum op op, int r, uint64_t ns)
{
	sums[op].ns += ns;
	sums[op].n++;
	if (r < 0 && failure == 0) {
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
	ask(channel(HELPER_SPAWN), OP_SPAWN_LIST, &list, NULL, NULL);
	sandbox_drop(&s);
	drop_tickets();
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
		for (int i = 0; i < WARM + ROUNDS && failure == 0; i++) {
			if (i == WARM)
				memset(sums, 0, sizeof(sums));
			one(layer);
		}
		for (unsigned op = 0; op < OP_COUNT; op++)
			if (sums[op].n > 0)
				dprintf(STDERR_FILENO, "CALLS %s.%s %.0f\n", op_desc(op)->helper_name, op_desc(op)->name,
					(double)sums[op].n * 1e9 / (double)sums[op].ns);
	}
	dprintf(STDERR_FILENO, "CALLS done\n");
	for (;;)
		pause();
}
