/* attach.c - the way of a container into its networks and out of them.
 *
 * A start: addresses and ports are taken and the veth pairs asked for first, since nothing else of the start needs to
 * be waited for; once a pair is there, its row is written, then what depends on it goes out at once: pinned addresses,
 * addresses inside, ports. After the end of a run the pair goes with the container's network namespace. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../helpers/base/cleanup.h"
#include "../../helpers/base/log.h"
#include "../container/internal.h"
#include "../engine.h"
#include "../json.h"
#include "internal.h"

enum { ENDPOINTS_MAX = 32, PUBLISH_CALLS = PORTS_MAX / PORTS_PER_CALL + 1 };

struct step {
	struct endpoint *ep;
	struct pending *attach, *endpoint, *configure, *publish[PUBLISH_CALLS];
	bool published;
};

struct net_plan {
	struct container *c;
	struct engine *e;
	struct call_ctx ctx;
	int userns, netns; /* the caller's */
	struct endpoint *gateway; /* by which the default route leads, NULL: none */
	unsigned n;
	struct step steps[ENDPOINTS_MAX];
};

/* Of those networks that lead out, the one whose name is first, as with Docker. */
static struct endpoint *choose_gateway(struct engine *e, const char *container)
{
	struct endpoint *ep = NULL, *best = NULL;

	while ((ep = endpoint_next(e, container, ep)))
		if (!ep->network->internal && (!best || strcmp(ep->network->name, best->network->name) < 0))
			best = ep;
	return best;
}

static void submit_attach(struct net_plan *p, struct step *s)
{
	struct req_veth_attach req = { .mac = s->ep->mac, .mtu = s->ep->network->mtu, .isolated = !s->ep->network->icc,
				       .userns = p->userns, .netns = p->netns };

	snprintf(req.bridge, sizeof(req.bridge), "%s", s->ep->network->bridge);
	snprintf(req.name, sizeof(req.name), "%s", s->ep->inside);
	s->attach = helper_submit(p->e, OP_VETH_ATTACH, &req, &p->ctx, 0);
}

static void endpoint_request(const struct endpoint *ep, struct req_firewall_endpoint *req)
{
	memset(req, 0, sizeof(*req));
	snprintf(req->host, sizeof(req->host), "%s", ep->host);
	req->mac = ep->mac;
	if (!address_is_zero(ep->v4))
		req->addresses4.v[req->addresses4.n++] = address_v4(ep->v4);
	req->addresses4.n = endpoint_linklocal(ep, req->addresses4.v, req->addresses4.n);
	if (!address_is_zero(ep->v6)) {
		req->addresses6.v[0] = address_hi(ep->v6);
		req->addresses6.v[1] = address_lo(ep->v6);
		req->addresses6.n = 2;
	}
}

static void configure_request(const struct endpoint *ep, bool gateway, int userns, int netns,
			      struct req_netns_configure *req)
{
	const struct network *n = ep->network;

	memset(req, 0, sizeof(*req));
	req->userns = userns;
	req->netns = netns;
	snprintf(req->name, sizeof(req->name), "%s", ep->inside);
	req->linklocal4.n = endpoint_linklocal(ep, req->linklocal4.v, 0);
	if (!address_is_zero(ep->v4)) {
		req->address4 = address_v4(ep->v4);
		req->address4_bits = n->v4.bits - 96;
		req->gateway4 = gateway ? address_v4(n->v4.gateway) : 0;
	}
	if (!address_is_zero(ep->v6)) {
		req->address6_hi = address_hi(ep->v6);
		req->address6_lo = address_lo(ep->v6);
		req->address6_bits = n->v6.bits;
		req->gateway6_hi = gateway ? address_hi(n->v6.gateway) : 0;
		req->gateway6_lo = gateway ? address_lo(n->v6.gateway) : 0;
	}
}

static void submit_rest(struct net_plan *p, struct step *s)
{
	struct req_firewall_endpoint endpoint;
	struct req_netns_configure configure;
	static struct req_firewall_publish publish; /* large, and copied at once */

	endpoint_request(s->ep, &endpoint);
	s->endpoint = helper_submit(p->e, OP_FIREWALL_ENDPOINT, &endpoint, &p->ctx, 0);
	configure_request(s->ep, s->ep == p->gateway, p->userns, p->netns, &configure);
	s->configure = helper_submit(p->e, OP_NETNS_CONFIGURE, &configure, &p->ctx, 0);
	for (unsigned i = 0, first = 0; !ports_are_forwarded(p->e) && i < PUBLISH_CALLS && first < s->ep->nports; i++) {
		first += ports_request(s->ep, first, &publish);
		s->publish[i] = helper_submit(p->e, OP_FIREWALL_PUBLISH, &publish, &p->ctx, 0);
		s->published = true;
	}
}

/* The helper's errno says that the port is another's: then in Docker's words. */
static int port_error(const struct engine *e, const struct step *s, int r, struct err *err)
{
	if (r != -EEXIST && r != -EPERM)
		return r;
	err->status = 0;
	return port_refused(e, s->ep, s->ep->ports, r, err);
}

static int wait_rest(const struct engine *e, struct step *s, struct err *err)
{
	int r = 0, one;

	if (s->endpoint)
		r = helper_wait(TAKE_PTR(s->endpoint), NULL, err, NULL);
	if (s->configure && (one = helper_wait(TAKE_PTR(s->configure), NULL, r ? NULL : err, NULL)) < 0 && r == 0)
		r = one;
	for (unsigned i = 0; i < PUBLISH_CALLS; i++)
		if (s->publish[i] && (one = helper_wait(TAKE_PTR(s->publish[i]), NULL, r ? NULL : err, NULL)) < 0 &&
		    r == 0)
			r = port_error(e, s, one, err);
	return r < 0 ? -1 : 0;
}

static int take_attach(struct net_plan *p, struct step *s, struct err *err)
{
	struct rep_veth_attach rep;

	if (helper_wait(TAKE_PTR(s->attach), &rep, err, NULL) < 0)
		return -1;
	snprintf(s->ep->host, sizeof(s->ep->host), "%s", rep.host);
	endpoint_store(p->e, s->ep);
	return 0;
}

static int begin_one(struct net_plan *p, struct endpoint *ep, struct err *err)
{
	struct step *s = &p->steps[p->n];

	if (p->n == ENDPOINTS_MAX)
		return err_set(err, 400, "a container can be in at most %d networks", ENDPOINTS_MAX);
	if (network_ready(p->e, ep->network, &p->ctx, err) < 0 || endpoint_allocate(p->e, ep, err) < 0)
		return -1;
	s->ep = ep;
	p->n++;
	submit_attach(p, s);
	return 0;
}

static struct net_plan *plan_new(struct container *c, int userns, int netns, const struct call_ctx *ctx,
				 struct err *err)
{
	struct net_plan *p = calloc(1, sizeof(*p));

	if (!p) {
		err_set(err, 500, "out of memory");
		return NULL;
	}
	p->c = c;
	p->e = c->e;
	p->ctx = *ctx;
	p->ctx.container = c->raw_id;
	p->userns = userns;
	p->netns = netns;
	return p;
}

int net_begin(struct container *c, const cJSON *merged, int userns, int netns, const struct call_ctx *ctx,
	      struct net_plan **ret, struct err *err)
{
	struct endpoint *ep = endpoint_next(c->e, c->row.id, NULL);
	struct net_plan *p;

	*ret = NULL;
	if (!ep || networks_absent(c->e))
		return 0;
	p = plan_new(c, userns, netns, ctx, err);
	if (!p)
		return -1;
	*ret = p;
	p->gateway = choose_gateway(c->e, c->row.id);
	for (; ep; ep = endpoint_next(c->e, c->row.id, ep))
		if (begin_one(p, ep, err) < 0)
			return -1;
	return p->gateway ? ports_take(c->e, p->gateway, merged, err) : 0;
}

int net_finish(struct net_plan *p, struct err *err)
{
	int r = 0;

	for (unsigned i = 0; i < p->n; i++) {
		if (take_attach(p, &p->steps[i], err) < 0)
			return -1;
		submit_rest(p, &p->steps[i]);
	}
	for (unsigned i = 0; i < p->n; i++)
		if (wait_rest(p->e, &p->steps[i], r ? NULL : err) < 0)
			r = -1;
	for (unsigned i = 0; i < p->n && r == 0 && ports_are_forwarded(p->e); i++)
		r = forward_publish(p->e, p->steps[i].ep, err);
	if (r == 0)
		resolver_update(p->c, p->userns, p->netns, &p->ctx);
	return r;
}

/* What the tables hold of an endpoint. */
static void unpin(struct engine *e, struct endpoint *ep, bool ports)
{
	static struct req_firewall_publish publish;
	struct req_firewall_endpoint endpoint;
	struct req_firewall_unendpoint forget;

	forward_unpublish(e, ep);
	for (unsigned first = 0; ports && !ports_are_forwarded(e) && first < ep->nports;) {
		first += ports_request(ep, first, &publish);
		helper_detach(helper_submit(e, OP_FIREWALL_UNPUBLISH, &publish, NULL, 0));
	}
	if (!ep->host[0])
		return;
	endpoint_request(ep, &endpoint);
	memcpy(&forget, &endpoint, sizeof(forget)); /* the same fields: ops_net.h */
	helper_detach(helper_submit(e, OP_FIREWALL_UNENDPOINT, &forget, NULL, 0));
}

static void detach(struct engine *e, const struct endpoint *ep)
{
	struct req_veth_detach req;

	if (!ep->host[0])
		return;
	snprintf(req.host, sizeof(req.host), "%s", ep->host);
	helper_detach(helper_submit(e, OP_VETH_DETACH, &req, NULL, 0));
}

static void abandon(struct net_plan *p, struct step *s)
{
	struct err ignored = { 0 };
	bool good = true;

	if (s->attach && take_attach(p, s, &ignored) < 0)
		good = false;
	wait_rest(p->e, s, &ignored);
	/* A port that was another's must stay the other's: what failed as a whole has changed nothing. */
	resolver_unname(p->e, s->ep);
	unpin(p->e, s->ep, s->published && ignored.status == 0);
	if (good)
		detach(p->e, s->ep);
	endpoint_release(p->e, s->ep);
}

void net_end(struct net_plan *p, bool failed)
{
	if (!p)
		return;
	for (unsigned i = 0; failed && i < p->n; i++)
		abandon(p, &p->steps[i]);
	free(p);
}

void net_release(struct container *c)
{
	struct endpoint *ep = NULL;

	resolver_forget(c);
	while ((ep = endpoint_next(c->e, c->row.id, ep))) {
		if (!ep->there)
			continue;
		unpin(c->e, ep, /* ports= */ true);
		endpoint_release(c->e, ep);
	}
}

/* After a restart: what the tables should hold of an endpoint that is there. Elements that they have are left alone. */
void net_repeat(struct engine *e, struct endpoint *ep)
{
	static struct req_firewall_publish publish;
	struct req_firewall_endpoint endpoint;
	struct err err = { 0 };

	if (network_ready(e, ep->network, NULL, &err) < 0) {
		log_warn("network %s: %s", ep->network->name, err.message);
		return;
	}
	endpoint_request(ep, &endpoint);
	if (ep->host[0])
		helper_call(e, OP_FIREWALL_ENDPOINT, &endpoint, NULL, NULL, NULL);
	if (ports_are_forwarded(e)) {
		forward_again(e, ep);
		return;
	}
	for (unsigned i = 0; i < ep->nports; i++) {
		struct endpoint one = *ep;

		one.ports = &ep->ports[i];
		one.nports = 1;
		ports_request(&one, 0, &publish);
		helper_call(e, OP_FIREWALL_PUBLISH, &publish, NULL, NULL, NULL); /* -EEXIST is what we want */
	}
}

/* --- a running container --- */
static int running_namespaces(struct container *c, const struct call_ctx *ctx, struct rep_spawn_namespaces *ns,
			      struct err *err)
{
	struct req_spawn_namespaces req;

	memcpy(req.container, c->raw_id, ID_BYTES);
	message_init(&op_desc(OP_SPAWN_NAMESPACES)->rep, ns);
	if (helper_call(c->e, OP_SPAWN_NAMESPACES, &req, ns, ctx, err) < 0)
		return -1;
	if (ns->netns >= 0)
		return 0;
	message_close_fds(&op_desc(OP_SPAWN_NAMESPACES)->rep, ns);
	return err_set(err, 400,
		       "container sharing network namespace with another container or host cannot be connected to any "
		       "other network");
}

/* The default route follows the choice of the gateway: takes it from `old`, gives it to the chosen one. */
static int move_gateway(struct container *c, struct endpoint *old, int userns, int netns, const struct call_ctx *ctx,
			struct err *err)
{
	struct endpoint *now = choose_gateway(c->e, c->row.id);
	struct req_netns_configure req;

	if (now == old)
		return 0;
	if (old && old->there) {
		configure_request(old, false, userns, netns, &req);
		req.down = 1;
		if (helper_call(c->e, OP_NETNS_CONFIGURE, &req, NULL, ctx, err) < 0)
			return -1;
	}
	if (!now || !now->there)
		return 0;
	configure_request(now, true, userns, netns, &req);
	return helper_call(c->e, OP_NETNS_CONFIGURE, &req, NULL, ctx, err) < 0 ? -1 : 0;
}

static int connect_running(struct container *c, struct endpoint *ep, const struct call_ctx *ctx, struct err *err)
{
	struct rep_spawn_namespaces ns;
	struct endpoint *old;
	struct net_plan *p;
	int r;

	if (running_namespaces(c, ctx, &ns, err) < 0)
		return -1;
	/* Who has the default route so far. */
	TAILQ_REMOVE(&c->e->networks->endpoints, ep, next);
	old = choose_gateway(c->e, c->row.id);
	TAILQ_INSERT_TAIL(&c->e->networks->endpoints, ep, next);
	p = plan_new(c, ns.userns, ns.netns, ctx, err);
	r = p ? begin_one(p, ep, err) : -1;
	if (r == 0)
		r = net_finish(p, err);
	if (r == 0)
		r = move_gateway(c, old, ns.userns, ns.netns, ctx, err);
	net_end(p, r < 0);
	message_close_fds(&op_desc(OP_SPAWN_NAMESPACES)->rep, &ns);
	return r;
}

int net_connect(struct container *c, struct network *n, const cJSON *settings, const struct call_ctx *ctx,
		struct err *err)
{
	cJSON *merged = container_config(c);
	const char *mode = json_text(json_get(merged, "HostConfig"), "NetworkMode", "", NULL);
	bool other = spec_share(json_get(merged, "HostConfig"), "NetworkMode", NULL) != SHARE_OWN,
	     none = strcmp(mode, "none") == 0;
	struct endpoint *ep;
	int r;

	cJSON_Delete(merged);
	if (strcmp(n->name, "host") == 0)
		return err_set(err, 400,
			       "container cannot be disconnected from host network or connected to host network");
	if (other)
		return err_set(err, 400,
			       "container sharing network namespace with another container or host cannot be connected "
			       "to any other network");
	if (none || !n->bridged)
		return err_set(err, 400,
			       "container cannot be connected to multiple networks with one of the networks in private "
			       "(none) mode");
	if (endpoint_find(c->e, n, c->row.id))
		return err_set(err, 403, "endpoint with name %s already exists in network %s", c->row.name, n->name);
	n->users++;
	if (endpoint_add(c->e, n, c->row.id, settings, &ep, err) < 0) {
		n->users--;
		return -1;
	}
	r = container_is_running(c) ? connect_running(c, ep, ctx, err) : 0;
	if (r < 0)
		endpoint_delete(c->e, ep);
	else
		network_emit(c->e, n, "connect", c->row.id);
	n->users--;
	return r;
}

static int disconnect_running(struct container *c, struct endpoint *ep, const struct call_ctx *ctx, struct err *err)
{
	bool gateway = choose_gateway(c->e, c->row.id) == ep;
	struct rep_spawn_namespaces ns;
	int r = 0;

	if (gateway && running_namespaces(c, ctx, &ns, err) < 0)
		return -1;
	unpin(c->e, ep, /* ports= */ true);
	detach(c->e, ep);
	resolver_unname(c->e, ep);
	endpoint_release(c->e, ep);
	resolver_refresh(c);
	if (gateway) {
		TAILQ_REMOVE(&c->e->networks->endpoints, ep, next);
		r = move_gateway(c, NULL, ns.userns, ns.netns, ctx, err);
		TAILQ_INSERT_TAIL(&c->e->networks->endpoints, ep, next);
		message_close_fds(&op_desc(OP_SPAWN_NAMESPACES)->rep, &ns);
	}
	return r;
}

int net_disconnect(struct container *c, struct network *n, bool force, const struct call_ctx *ctx, struct err *err)
{
	struct endpoint *ep = endpoint_find(c->e, n, c->row.id);
	int r = 0;

	if (strcmp(n->name, "host") == 0)
		return err_set(err, 400,
			       "container cannot be disconnected from host network or connected to host network");
	if (!ep)
		return err_set(err, force ? 404 : 403, "container %s is not connected to network %s", c->row.id,
			       n->name);
	n->users++;
	if (ep->there && container_is_running(c))
		r = disconnect_running(c, ep, ctx, force ? NULL : err);
	if (r == 0 || force) {
		r = 0;
		if (ep->there) {
			unpin(c->e, ep, /* ports= */ true);
			endpoint_release(c->e, ep);
		}
		endpoint_delete(c->e, ep);
		network_emit(c->e, n, "disconnect", c->row.id);
	}
	n->users--;
	return r;
}
