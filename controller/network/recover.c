/* recover.c - after a start of the controller: the tables of the firewall against the rows of endpoints.
 *
 * A row is written before anything is made of it, so what the tables have and no row of a running container stands for
 * is the rest of a step that was cut off. */
#include <stdlib.h>
#include <string.h>

#include "../../helpers/base/cleanup.h"
#include "../../helpers/base/log.h"
#include "../container/internal.h"
#include "../engine.h"
#include "internal.h"

enum { PAGES_MAX = 1024 };

static bool stands_for(struct engine *e, const uint64_t v[PORT_NUMBERS])
{
	const struct endpoint *ep;

	TAILQ_FOREACH(ep, &e->networks->endpoints, next)
		for (unsigned i = 0; ep->there && i < ep->nports; i++) {
			const struct port *p = &ep->ports[i];

			if (v[0] == ((uint64_t)p->protocol << 32 | (uint64_t)p->host_port << 16 | p->port) &&
			    v[1] == address_hi(p->host) && v[2] == address_lo(p->host))
				return true;
		}
	return false;
}

/* Ports that lead nowhere any more. Those that stay are passed over, so that each page is another. */
static void forget_ports(struct engine *e)
{
	struct rep_firewall_list *rep = calloc(1, sizeof(*rep));
	struct req_firewall_unpublish *gone = calloc(1, sizeof(*gone));
	struct req_firewall_list req = { .skip = 0 };

	for (unsigned page = 0; rep && gone && page < PAGES_MAX; page++) {
		if (helper_call(e, OP_FIREWALL_LIST, &req, rep, NULL, NULL) < 0 || rep->ports.n == 0)
			break;
		gone->ports.n = 0;
		for (uint32_t i = 0; i < rep->ports.n; i += PORT_NUMBERS) {
			if (stands_for(e, rep->ports.v + i)) {
				req.skip++;
				continue;
			}
			memcpy(gone->ports.v + gone->ports.n, rep->ports.v + i, PORT_NUMBERS * sizeof(uint64_t));
			gone->ports.n += PORT_NUMBERS;
		}
		if (gone->ports.n && helper_call(e, OP_FIREWALL_UNPUBLISH, gone, NULL, NULL, NULL) < 0)
			break;
	}
	free(rep);
	free(gone);
}

/* The resolver has forgotten all, and bridges may have gone with whoever ended veth. */
static void helper_restarted(struct engine *e, enum helper_id id)
{
	struct network *n;

	if (id == HELPER_RESOLVER)
		resolver_repeat(e);
	if (id == HELPER_FORWARD)
		forward_repeat(e);
	if (id == HELPER_VETH || id == HELPER_FIREWALL)
		TAILQ_FOREACH(n, &e->networks->all, next)
			n->up = false;
}

void networks_recover(struct engine *e)
{
	struct endpoint *ep, *next;
	struct network *n;

	helpers_on_restart(e, helper_restarted);
	if (networks_absent(e))
		return;
	TAILQ_FOREACH_SAFE_(ep, &e->networks->endpoints, next, next) {
		struct container *c = container_by_id(e, ep->container);

		if (!c)
			endpoint_delete(e, ep);
		else if (ep->there && !container_is_running(c))
			net_release(c);
		else if (ep->there)
			ports_reserve_again(e, ep);
	}
	/* Bridges of running containers, and their rules, are made again in case something took them away. */
	TAILQ_FOREACH(n, &e->networks->all, next) {
		struct err err = { 0 };

		if (n->bridged && !network_predefined(n) && network_ready(e, n, NULL, &err) < 0)
			log_warn("network %s: %s", n->name, err.message);
	}
	TAILQ_FOREACH(ep, &e->networks->endpoints, next)
		if (ep->there)
			net_repeat(e, ep);
	forget_ports(e);
	resolver_repeat(e);
}
