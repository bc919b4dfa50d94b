/* forward.c - published ports of a user's engine: postern-forward serves on the sockets that keep them on the host.
 *
 * It forgets everything when it ends; the sockets are ours, so that it is only told again. */
#include "../engine.h"
#include "internal.h"

bool ports_are_forwarded(const struct engine *e)
{
	return e->policy->ids_shared;
}

/* Numbers of an earlier postern-forward's mean nothing to the present one. */
static uint64_t generation(struct engine *e)
{
	return (uint64_t)helper_generation(e, HELPER_FORWARD) + 1;
}

static struct pending *submit(struct engine *e, const struct endpoint *ep, struct port *p, const struct call_ctx *ctx)
{
	const uint8_t *to = address_is_v4(p->host) ? ep->v4 : ep->v6;
	struct req_forward_serve req = { .address_hi = address_hi(to), .address_lo = address_lo(to), .port = p->port,
					 .socket = p->reserved };

	req.id = p->forward = generation(e) << 32 | ++e->networks->forwards;
	return helper_submit(e, OP_FORWARD_SERVE, &req, ctx, 0);
}

int forward_publish(struct engine *e, struct endpoint *ep, const struct call_ctx *ctx, struct err *err)
{
	for (unsigned i = 0; i < ep->nports; i++)
		if (helper_wait(submit(e, ep, &ep->ports[i], ctx), NULL, err, NULL) < 0)
			return -1;
	return 0;
}

void forward_unpublish(struct engine *e, struct endpoint *ep)
{
	for (unsigned i = 0; i < ep->nports; i++) {
		const struct req_forward_unserve req = { .id = ep->ports[i].forward };

		if (req.id >> 32 == generation(e)) {
			helper_detach(helper_submit(e, OP_FORWARD_UNSERVE, &req, NULL, 0));
			e->networks->unserves++;
		}
		ep->ports[i].forward = 0;
	}
}

bool forward_settles(struct engine *e)
{
	const struct req_forward_uplink last = { 0 };
	uint32_t all = e->networks->unserves;

	if (all == e->networks->settled)
		return false;
	/* Its answer comes after everything that was asked before. */
	helper_call(e, OP_FORWARD_UPLINK, &last, NULL, NULL, NULL);
	e->networks->settled = all;
	return true;
}

/* Nobody waits: an endpoint may go meanwhile. */
void forward_again(struct engine *e, struct endpoint *ep)
{
	for (unsigned i = 0; ep->there && i < ep->nports; i++)
		if (ep->ports[i].reserved >= 0 && ep->ports[i].forward >> 32 != generation(e))
			helper_detach(submit(e, ep, &ep->ports[i], NULL));
}

void forward_repeat(struct engine *e)
{
	struct endpoint *ep;

	TAILQ_FOREACH(ep, &e->networks->endpoints, next)
		forward_again(e, ep);
}

bool networks_lead_out(struct engine *e)
{
	const struct req_forward_uplink req = { 0 };
	struct rep_forward_uplink rep;

	if (!ports_are_forwarded(e) || networks_absent(e))
		return true;
	return helper_call(e, OP_FORWARD_UPLINK, &req, &rep, NULL, NULL) < 0 || rep.v4 || rep.v6;
}
