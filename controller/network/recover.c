/* recover.c - after a start of the controller or of the firewall: the tables against the endpoints.
 *
 * What the tables have and no endpoint of a running container stands for is the rest of a step that was cut off: of a
 * start of the controller's, or a call that a helper took with it when it ended. Whatever they hold is judged, and
 * asked to go, between two waits of ours: a request of another task comes before or after both. */
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
			const uint8_t *to = address_is_v4(p->host) ? ep->v4 : ep->v6;

			if (v[0] == ((uint64_t)p->protocol << 32 | (uint64_t)p->host_port << 16 | p->port) &&
			    v[1] == address_hi(p->host) && v[2] == address_lo(p->host) && v[3] == address_hi(to) &&
			    v[4] == address_lo(to))
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

static bool has_end(struct engine *e, const char *host)
{
	const struct endpoint *ep = endpoint_by_host(e, host);

	return ep && ep->there;
}

/* The same for endpoints, which the tables name by their links. */
static void forget_ends(struct engine *e)
{
	struct req_firewall_endpoints req = { .skip = 0 };
	struct rep_firewall_endpoints rep;
	char *save, *host;

	for (unsigned page = 0; page < PAGES_MAX; page++) {
		struct pending *last = NULL;

		if (helper_call(e, OP_FIREWALL_ENDPOINTS, &req, &rep, NULL, NULL) < 0 || !rep.hosts[0])
			return;
		for (host = strtok_r(rep.hosts, " ", &save); host; host = strtok_r(NULL, " ", &save)) {
			struct req_firewall_unendpoint gone = { .mac = 1 /* any */ };

			if (has_end(e, host)) {
				req.skip++;
				continue;
			}
			if (last)
				helper_detach(last);
			snprintf(gone.host, sizeof(gone.host), "%s", host);
			last = helper_submit(e, OP_FIREWALL_UNENDPOINT, &gone, NULL, 0);
		}
		if (last && helper_wait(last, NULL, NULL, NULL) < 0)
			return;
	}
}

void networks_sweep(struct engine *e)
{
	forget_ports(e);
	forget_ends(e);
}

/* The resolver has forgotten all, bridges may have gone with whoever ended veth, and calls have been lost. */
static void helper_restarted(struct engine *e, enum helper_id id)
{
	struct network *n;

	if (id == HELPER_RESOLVER)
		resolver_repeat(e);
	if (id == HELPER_FORWARD)
		forward_repeat(e);
	if (id == HELPER_FIREWALL)
		networks_sweep(e);
	if (id == HELPER_VETH || id == HELPER_FIREWALL)
		TAILQ_FOREACH(n, &e->networks->all, next)
			n->up = false;
}

/* What was on its way is taken out, what runs has its ports kept from others and what the tables should hold. */
static void recover_endpoint(struct engine *e, struct endpoint *ep, bool out, bool repeat)
{
	struct container *c = container_by_id(e, ep->container);

	if (!ep->there)
		return;
	if (out)
		net_take_out(e, ep);
	else if (!container_is_running(c))
		net_release(c);
	else if (repeat)
		net_repeat(e, ep);
	else
		ports_reserve_again(e, ep);
}

/* Containers may end while we wait, and be removed. */
static void recover_endpoints(struct engine *e, bool repeat)
{
	struct endpoint *ep, *next;

	for (ep = TAILQ_FIRST(&e->networks->endpoints); ep; ep = next) {
		bool out = ep->passing || !container_by_id(e, ep->container);

		endpoint_hold(ep);
		recover_endpoint(e, ep, out, repeat);
		next = ep->gone ? TAILQ_FIRST(&e->networks->endpoints) : TAILQ_NEXT(ep, next);
		if (endpoint_let_go(ep) && out)
			endpoint_delete(e, ep);
	}
}

void networks_recover(struct engine *e)
{
	struct network *n, *next;

	helpers_on_restart(e, helper_restarted);
	TAILQ_FOREACH_SAFE_(n, &e->networks->all, next, next)
		if (n->passing)
			network_undo(e, n);
	if (networks_absent(e))
		return;
	recover_endpoints(e, /* repeat= */ false);
	/* Bridges of running containers, and their rules, are made again in case something took them away. */
	TAILQ_FOREACH(n, &e->networks->all, next) {
		struct err err = { 0 };

		if (n->bridged && !network_predefined(n) && network_ready(e, n, NULL, &err) < 0)
			log_warn("network %s: %s", n->name, err.message);
	}
	recover_endpoints(e, /* repeat= */ true);
	networks_sweep(e);
	resolver_repeat(e);
}
