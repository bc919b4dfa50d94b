/* pool.c - ready pairs of namespaces: a user namespace with its range mapped and a network namespace in it.
 *
 * Making one takes two helpers in turn, half a start's time; so a few wait. A slot is worth nothing once idmap or
 * mount have restarted (idmap may give its range to another, mount has forgotten its mapping): it is dropped then. */
#include <errno.h>
#include <string.h>

#include "../../helpers/base/cleanup.h"
#include "../../helpers/base/log.h"
#include "../task.h"
#include "internal.h"

static const struct op_desc *desc(enum op op)
{
	return op_desc(op);
}

int slot_make(struct engine *e, struct slot *ret, const struct call_ctx *ctx, struct err *err)
{
	struct slot s = {
		.userns = -EBADF,
		.netns = -EBADF,
		.ticket = ticket_new(e->containers),
		.idmap_generation = helper_generation(e, HELPER_IDMAP),
		.mount_generation = helper_generation(e, HELPER_MOUNT),
	};
	struct req_netns_create create;
	struct rep_netns_create made;
	struct req_idmap_map map;
	struct rep_idmap_map mapped = { 0 };
	int r;

	message_init(&desc(OP_NETNS_CREATE)->req, &create);
	message_init(&desc(OP_NETNS_CREATE)->rep, &made);
	r = helper_call(e, OP_NETNS_CREATE, &create, &made, ctx, err);
	if (r < 0)
		return r;
	message_init(&desc(OP_IDMAP_MAP)->req, &map);
	map.ticket = s.ticket;
	map.proc = made.proc;
	map.userns = made.userns;
	r = helper_call(e, OP_IDMAP_MAP, &map, &mapped, ctx, err);
	if (r == 0) {
		s.base = mapped.base;
		s.userns = TAKE_FD(made.userns);
		s.netns = TAKE_FD(made.netns);
		*ret = s;
	}
	/* Ends the process that held the namespaces: the fds hold them now. */
	message_close_fds(&desc(OP_NETNS_CREATE)->rep, &made);
	return r;
}

/* A network in a user namespace that is there. */
static int make_network(struct engine *e, int userns, int *ret, const struct call_ctx *ctx, struct err *err)
{
	struct req_netns_create create = { .userns = userns };
	struct rep_netns_create made;
	int r;

	message_init(&desc(OP_NETNS_CREATE)->rep, &made);
	r = helper_call(e, OP_NETNS_CREATE, &create, &made, ctx, err);
	if (r < 0)
		return r;
	*ret = TAKE_FD(made.netns);
	message_close_fds(&desc(OP_NETNS_CREATE)->rep, &made);
	return 0;
}

int slot_join(struct engine *e, int userns, int netns, uint32_t base, struct slot *ret, const struct call_ctx *ctx,
	      struct err *err)
{
	struct req_idmap_store store = { .ticket = ticket_new(e->containers), .base = base };
	struct slot s = { .userns = userns, .netns = netns, .base = base, .ticket = store.ticket };
	int r;

	s.idmap_generation = helper_generation(e, HELPER_IDMAP);
	s.mount_generation = helper_generation(e, HELPER_MOUNT);
	r = netns >= 0 ? 0 : make_network(e, userns, &s.netns, ctx, err);
	if (r == 0)
		r = helper_call(e, OP_IDMAP_STORE, &store, NULL, ctx, err);
	if (r == 0) {
		*ret = s;
		return 0;
	}
	close_fd(s.userns);
	close_fd(s.netns);
	return r;
}

void slot_finish(struct engine *e, struct slot *s, bool release)
{
	s->userns = close_fd(s->userns);
	s->netns = close_fd(s->netns);
	if (release && s->base && s->idmap_generation == helper_generation(e, HELPER_IDMAP)) {
		struct req_idmap_release req = { .base = s->base };

		helper_detach(helper_submit(e, OP_IDMAP_RELEASE, &req, NULL, 0));
	}
	if (release && s->ticket && s->mount_generation == helper_generation(e, HELPER_MOUNT)) {
		struct req_mount_drop req = { .tickets = { .n = 1, .v = { s->ticket } } };

		helper_detach(helper_submit(e, OP_MOUNT_DROP, &req, NULL, 0));
	}
	s->base = 0;
	s->ticket = 0;
}

int slot_take(struct engine *e, struct slot *ret)
{
	struct containers *cs = e->containers;

	while (cs->npool > 0) {
		struct slot *s = &cs->pool[--cs->npool];

		if (s->idmap_generation == helper_generation(e, HELPER_IDMAP) &&
		    s->mount_generation == helper_generation(e, HELPER_MOUNT)) {
			*ret = *s;
			return 0;
		}
		slot_finish(e, s, /* release= */ true);
	}
	return -ENOENT;
}

static void refill(void *arg)
{
	struct engine *e = arg;
	struct containers *cs = e->containers;

	while (cs->npool < POOL_TARGET) {
		struct err err = { 0 };
		struct slot s = { .userns = -EBADF, .netns = -EBADF };

		if (slot_make(e, &s, NULL, &err) < 0) {
			log_warn("no ready namespaces: %s", err.message); /* the next start tries again */
			break;
		}
		if (cs->npool < POOL_TARGET)
			cs->pool[cs->npool++] = s;
		else
			slot_finish(e, &s, /* release= */ true);
	}
	cs->refilling = false;
}

void pool_refill(struct engine *e)
{
	struct containers *cs = e->containers;

	if (cs->refilling || cs->npool >= POOL_TARGET)
		return;
	cs->refilling = task_spawn(refill, e) == 0;
}
