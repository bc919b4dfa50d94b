/* attach.c - the way of a container into its networks and out of them.
 *
 * A start: addresses and ports are taken and the veth pairs asked for first, since nothing else of the start needs to
 * be waited for; once a pair is there, its row is written, then what depends on it goes out at once, while the
 * container is being made: pinned addresses, addresses inside, ports. After the end of a run the pair goes with the
 * container's network namespace.
 *
 * Of a start that is cut off nothing stays, since its namespaces go with it. A container that runs keeps its own: there
 * the row is written before the pair is made and forgets it after it has gone, and says meanwhile that the endpoint is
 * on its way. A helper that ends in the middle of a call may have done it or not: a pair is removed by its name in any
 * case, and the firewall is asked for what it holds (recover.c). */
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
	bool made; /* the pair, or it may be there */
	bool published, unsure; /* ports; some are there and some are not, or nobody knows */
};

struct net_plan {
	struct container *c;
	struct engine *e;
	struct call_ctx ctx;
	int userns, netns; /* the caller's */
	const cJSON *merged; /* the caller's; NULL for a container that runs */
	struct endpoint *gateway; /* by which the default route leads, NULL: none */
	struct err failure; /* of net_continue */
	bool continued;
	unsigned run; /* of the container, when this began */
	unsigned n;
	struct step steps[ENDPOINTS_MAX];
};

/* Of a container that was running: its networks are given back by now, or will be in a moment. */
static bool run_is_over(const struct container *c, unsigned run)
{
	return c->gone || c->cleaning || c->exits != run;
}

/* Of those networks that lead out, the one whose name is first, as with Docker; without `but` (NULL: all). */
static struct endpoint *choose_gateway(struct engine *e, const char *container, const struct endpoint *but)
{
	struct endpoint *ep = NULL, *best = NULL;

	while ((ep = endpoint_next(e, container, ep)))
		if (ep != but && !ep->network->internal &&
		    (!best || strcmp(ep->network->name, best->network->name) < 0))
			best = ep;
	return best;
}

static void submit_attach(struct net_plan *p, struct step *s)
{
	struct req_veth_attach req = { .mac = s->ep->mac, .mtu = s->ep->network->mtu, .isolated = !s->ep->network->icc,
				       .userns = p->userns, .netns = p->netns };

	snprintf(req.bridge, sizeof(req.bridge), "%s", s->ep->network->bridge);
	snprintf(req.name, sizeof(req.name), "%s", s->ep->inside);
	snprintf(req.host, sizeof(req.host), "%s", s->ep->host);
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
	if ((r != -EEXIST && r != -EPERM) || !err)
		return r;
	err->status = 0;
	return port_refused(e, s->ep, s->ep->ports, r, err);
}

/* What has the port may be of a run that is over: the rest of a call that was lost. */
static int publish_again(struct net_plan *p, struct step *s, unsigned call, struct err *err)
{
	static struct req_firewall_publish publish;

	networks_sweep(p->e);
	ports_request(s->ep, call * PORTS_PER_CALL, &publish);
	return helper_call(p->e, OP_FIREWALL_PUBLISH, &publish, NULL, &p->ctx, err);
}

static int wait_publish(struct net_plan *p, struct step *s, unsigned call, struct err *err)
{
	struct err why = { 0 };
	int r = helper_wait(TAKE_PTR(s->publish[call]), NULL, &why, NULL);

	if (r == -EEXIST) {
		why.status = 0;
		r = publish_again(p, s, call, &why);
	}
	if (r < 0)
		s->unsure = true;
	if (r < 0 && err)
		*err = why;
	return r;
}

static int wait_rest(struct net_plan *p, struct step *s, struct err *err)
{
	int r = 0, one;

	if (s->endpoint)
		r = helper_wait(TAKE_PTR(s->endpoint), NULL, err, NULL);
	if (s->configure && (one = helper_wait(TAKE_PTR(s->configure), NULL, r ? NULL : err, NULL)) < 0 && r == 0)
		r = one;
	for (unsigned i = 0; i < PUBLISH_CALLS; i++)
		if (s->publish[i] && (one = wait_publish(p, s, i, r ? NULL : err)) < 0 && r == 0)
			r = port_error(p->e, s, one, err);
	return r < 0 ? -1 : 0;
}

static int take_attach(struct net_plan *p, struct step *s, struct err *err)
{
	int r = helper_wait(TAKE_PTR(s->attach), NULL, err, NULL);

	/* What a helper refuses it has not made. */
	s->made = r == 0 || r == -ECONNRESET || r == -ETIMEDOUT;
	if (r < 0)
		return -1;
	if (!s->ep->there)
		return err_set(err, 409, "container %s has ended meanwhile", p->c->row.id);
	if (!s->ep->passing)
		endpoint_store(p->e, s->ep);
	return 0;
}

static int begin_one(struct net_plan *p, struct endpoint *ep, struct err *err)
{
	struct step *s = &p->steps[p->n];

	if (p->n == ENDPOINTS_MAX)
		return err_set(err, 400, "a container can be in at most %d networks", ENDPOINTS_MAX);
	if (ep->network->passing)
		return err_set(err, 404, "network %s not found", ep->network->name);
	endpoint_hold(ep);
	if (network_ready(p->e, ep->network, &p->ctx, err) < 0 ||
	    (ep->gone && err_set(err, 409, "container %s was removed meanwhile", p->c->row.id) < 0) ||
	    (!p->merged && run_is_over(p->c, p->run) &&
	     err_set(err, 409, "container %s has ended meanwhile", p->c->row.id) < 0) ||
	    endpoint_allocate(p->e, ep, err) < 0) {
		endpoint_let_go(ep);
		return -1;
	}
	s->ep = ep;
	p->n++;
	if (ep->passing)
		endpoint_store(p->e, ep);
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
	p->run = c->exits;
	p->ctx = *ctx;
	p->ctx.container = c->raw_id;
	p->userns = userns;
	p->netns = netns;
	return p;
}

/* Another request connects it, or disconnects it. */
static bool is_passing(const struct container *c)
{
	const struct endpoint *ep;

	TAILQ_FOREACH(ep, &c->endpoints, of_container)
		if (ep->passing)
			return true;
	return false;
}

static void passed(struct container *c, struct endpoint *ep)
{
	ep->passing = false;
	container_changed(c);
}

int net_begin(struct container *c, const cJSON *merged, int userns, int netns, const struct call_ctx *ctx,
	      struct net_plan **ret, struct err *err)
{
	struct endpoint *ep;
	struct net_plan *p;

	*ret = NULL;
	if (networks_absent(c->e))
		return 0;
	if (c->lost[0])
		return err_set(err, 404, "network %s not found", c->lost);
	/* What began in the run before; nothing begins while it starts. */
	while (is_passing(c))
		container_watch(c, -1);
	ep = endpoint_next(c->e, c->row.id, NULL);
	if (!ep)
		return 0;
	p = plan_new(c, userns, netns, ctx, err);
	if (!p)
		return -1;
	*ret = p;
	p->merged = merged;
	for (; ep; ep = endpoint_next(c->e, c->row.id, ep))
		if (begin_one(p, ep, err) < 0)
			return -1;
	p->gateway = choose_gateway(c->e, c->row.id, NULL);
	return p->gateway ? ports_take(c->e, p->gateway, merged, err) : 0;
}

void net_continue(struct net_plan *p)
{
	for (unsigned i = 0; i < p->n && !p->failure.status; i++)
		if (take_attach(p, &p->steps[i], &p->failure) == 0)
			submit_rest(p, &p->steps[i]);
	p->continued = true;
}

int net_finish(struct net_plan *p, struct err *err)
{
	int r = 0;

	if (!p->continued)
		net_continue(p);
	if (p->failure.status) {
		if (err)
			*err = p->failure;
		return -1;
	}
	for (unsigned i = 0; i < p->n; i++)
		if (wait_rest(p, &p->steps[i], r ? NULL : err) < 0)
			r = -1;
	for (unsigned i = 0; i < p->n && r == 0 && ports_are_forwarded(p->e); i++)
		r = forward_publish(p->e, p->steps[i].ep, &p->ctx, err);
	if (r == 0)
		resolver_update(p->c, p->merged, p->userns, p->netns, &p->ctx);
	if (r == 0 && p->merged)
		hosts_tell_linking(p->c);
	return r;
}

/* What the tables hold of an endpoint. */
static void unpin(struct engine *e, struct endpoint *ep, bool ports)
{
	static struct req_firewall_publish publish;
	struct req_firewall_endpoint endpoint;
	struct req_firewall_unendpoint forget;

	if (!ep->there)
		return; /* its container has ended meanwhile */
	forward_unpublish(e, ep);
	for (unsigned first = 0; ports && !ports_are_forwarded(e) && first < ep->nports;) {
		first += ports_request(ep, first, &publish);
		helper_detach(helper_submit(e, OP_FIREWALL_UNPUBLISH, &publish, NULL, 0));
	}
	endpoint_request(ep, &endpoint);
	memcpy(&forget, &endpoint, sizeof(forget)); /* the same fields: ops_net.h */
	helper_detach(helper_submit(e, OP_FIREWALL_UNENDPOINT, &forget, NULL, 0));
}

/* Waits until the pair has gone: the row must not forget its name before. */
static void detach(struct engine *e, const struct endpoint *ep)
{
	struct req_veth_detach req;
	struct err err = { 0 };
	int r;

	snprintf(req.host, sizeof(req.host), "%s", ep->host);
	r = helper_call_surely(e, OP_VETH_DETACH, &req, NULL, &err);
	if (r < 0 && r != -ENODEV)
		log_warn("%s", err.message);
}

void net_take_out(struct engine *e, struct endpoint *ep)
{
	detach(e, ep); /* as long as it is there its addresses are pinned */
	resolver_unname(e, ep); /* without a wait before the release: others tell its names as long as it is there */
	unpin(e, ep, /* ports= */ true);
	endpoint_release(e, ep);
}

static void abandon(struct net_plan *p, struct step *s)
{
	if (s->attach)
		take_attach(p, s, NULL);
	wait_rest(p, s, NULL);
	if (s->made) {
		detach(p->e, s->ep);
		/* A port that was another's must stay the other's. */
		unpin(p->e, s->ep, s->published && !s->unsure);
	}
	resolver_unname(p->e, s->ep);
	endpoint_release(p->e, s->ep);
}

void net_end(struct net_plan *p, bool failed)
{
	bool unsure = false;

	if (!p)
		return;
	if (failed && p->merged)
		resolver_forget(p->c);
	for (unsigned i = 0; i < p->n; i++) {
		if (failed)
			abandon(p, &p->steps[i]);
		unsure = unsure || (failed && p->steps[i].unsure);
		endpoint_let_go(p->steps[i].ep);
	}
	if (unsure)
		networks_sweep(p->e);
	free(p);
}

/* Do others live in its network namespace? It does not end with this container then. */
static bool others_inside(const struct container *c)
{
	return c->row.base && range_is_shared(c->e, c, c->row.base);
}

void net_release(struct container *c)
{
	bool others = others_inside(c);
	struct endpoint *ep = NULL;

	resolver_forget(c);
	while ((ep = endpoint_next(c->e, c->row.id, ep))) {
		if (!ep->there)
			continue;
		endpoint_hold(ep);
		if (others) {
			detach(c->e, ep);
			resolver_unname(c->e, ep); /* if they were told again meanwhile */
		}
		unpin(c->e, ep, /* ports= */ true);
		endpoint_release(c->e, ep);
		if (!endpoint_let_go(ep))
			ep = NULL; /* from the first again: those that are done are not there */
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
	struct err why = { 0 };
	int r;

	memcpy(req.container, c->raw_id, ID_BYTES);
	message_init(&op_desc(OP_SPAWN_NAMESPACES)->rep, ns);
	r = helper_call(c->e, OP_SPAWN_NAMESPACES, &req, ns, ctx, &why);
	if (r == -ESRCH)
		return err_set(err, 409, "container %s has ended meanwhile", c->row.id);
	if (r < 0)
		return err_set(err, why.status, "%s", why.message);
	if (ns->netns >= 0)
		return 0;
	message_close_fds(&op_desc(OP_SPAWN_NAMESPACES)->rep, ns);
	return err_set(err, 400,
		       "container sharing network namespace with another container or host cannot be connected to any "
		       "other network");
}

/* The default route follows the choice of the gateway: takes it from `old`, gives it to `now`. */
static int move_gateway(struct container *c, struct endpoint *old, struct endpoint *now, int userns, int netns,
			const struct call_ctx *ctx, struct err *err)
{
	struct req_netns_configure req;

	if (now == old)
		return 0;
	if (old && old->there) {
		configure_request(old, false, userns, netns, &req);
		req.down = 1;
		if (helper_call_surely(c->e, OP_NETNS_CONFIGURE, &req, ctx, err) < 0)
			return -1;
	}
	if (!now || !now->there)
		return 0;
	configure_request(now, true, userns, netns, &req);
	return helper_call_surely(c->e, OP_NETNS_CONFIGURE, &req, ctx, err) < 0 ? -1 : 0;
}

/* Published ports lead in by the gateway; where they have lost theirs, or there was none, they take what there is. */
static int follow_ports(struct container *c, struct endpoint *now, struct err *err)
{
	struct endpoint *ep = NULL;
	cJSON *merged;
	int r;

	if (!now || !now->there)
		return 0;
	while ((ep = endpoint_next(c->e, c->row.id, ep)))
		if (ep->nports > 0)
			return 0;
	merged = container_config(c);
	endpoint_hold(now);
	r = ports_take(c->e, now, merged, err);
	cJSON_Delete(merged);
	if (r < 0 || !now->there) {
		ports_drop(now);
	} else if (now->nports > 0) {
		endpoint_store(c->e, now);
		net_repeat(c->e, now);
	}
	endpoint_let_go(now);
	return r;
}

static int connect_running(struct container *c, struct endpoint *ep, const struct call_ctx *ctx, struct err *err)
{
	struct rep_spawn_namespaces ns;
	struct net_plan *p;
	int r;

	if (running_namespaces(c, ctx, &ns, err) < 0)
		return -1;
	p = plan_new(c, ns.userns, ns.netns, ctx, err);
	r = p ? begin_one(p, ep, err) : -1;
	if (r == 0)
		r = net_finish(p, err);
	if (r == 0)
		r = move_gateway(c, choose_gateway(c->e, c->row.id, ep), choose_gateway(c->e, c->row.id, NULL),
				 ns.userns, ns.netns, ctx, err);
	if (r == 0 && !choose_gateway(c->e, c->row.id, ep))
		r = follow_ports(c, choose_gateway(c->e, c->row.id, NULL), err);
	net_end(p, r < 0);
	message_close_fds(&op_desc(OP_SPAWN_NAMESPACES)->rep, &ns);
	return r;
}

/* A start or an end that is under way has its endpoints for itself, and so has another request: both would move the
 * default route. */
static void wait_settled(struct container *c, struct network *n)
{
	n->users++;
	while (!c->gone && (c->row.status == STATUS_STARTING || c->cleaning || is_passing(c)))
		container_watch(c, -1);
	n->users--;
}

int net_connect(struct container *c, struct network *n, const cJSON *settings, const struct call_ctx *ctx,
		struct err *err)
{
	cJSON *merged = container_config(c);
	const char *mode = json_text(json_get(merged, "HostConfig"), "NetworkMode", "", NULL);
	bool other = spec_share(json_get(merged, "HostConfig"), "NetworkMode", NULL) != SHARE_OWN,
	     none = strcmp(mode, "none") == 0;
	struct endpoint *ep;
	bool running;
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
	wait_settled(c, n);
	if (c->gone)
		return err_set(err, 404, "No such container: %s", c->row.id);
	if (endpoint_find(c->e, n, c->row.id))
		return err_set(err, 403, "endpoint with name %s already exists in network %s", c->row.name, n->name);
	running = container_is_running(c);
	if (endpoint_add(c->e, n, c->row.id, settings, running, &ep, err) < 0)
		return -1;
	endpoint_hold(ep);
	r = running ? connect_running(c, ep, ctx, err) : 0;
	passed(c, ep);
	if (running && r == 0 && !ep->gone) {
		endpoint_store(c->e, ep);
		network_emit(c->e, n, "connect", c->row.id);
		hosts_add(c, ep);
		endpoint_let_go(ep);
		return 0;
	}
	if (!endpoint_let_go(ep)) {
		r = err_set(err, 409, "container %s was removed meanwhile", c->row.id);
	} else if (r < 0) {
		endpoint_delete(c->e, ep);
		resolver_refresh(c);
	}
	return r; /* of one that does not run the start tells */
}

static int disconnect_running(struct container *c, struct endpoint *ep, const struct call_ctx *ctx, struct err *err)
{
	bool gateway = choose_gateway(c->e, c->row.id, NULL) == ep, ports = ep->nports > 0;
	struct rep_spawn_namespaces ns;
	struct err why = { 0 };
	int r = 0;

	if (gateway && running_namespaces(c, ctx, &ns, err) < 0)
		return -1;
	endpoint_store(c->e, ep);
	net_take_out(c->e, ep);
	resolver_refresh(c);
	if (gateway) {
		r = move_gateway(c, NULL, choose_gateway(c->e, c->row.id, ep), ns.userns, ns.netns, ctx, err);
		message_close_fds(&op_desc(OP_SPAWN_NAMESPACES)->rep, &ns);
	}
	/* It is out of the network all the same. */
	if (ports && follow_ports(c, choose_gateway(c->e, c->row.id, ep), &why) < 0)
		log_warn("container %s: its ports: %s", c->row.id, why.message);
	return r;
}

int net_disconnect(struct container *c, struct network *n, bool force, const struct call_ctx *ctx, struct err *err)
{
	bool running = container_is_running(c), hosts = false;
	struct endpoint *ep;
	int r = 0;

	if (running && strcmp(n->name, "host") == 0) {
		cJSON *merged = container_config(c);

		hosts = spec_share(json_get(merged, "HostConfig"), "NetworkMode", NULL) == SHARE_HOST;
		cJSON_Delete(merged);
	}
	if (hosts)
		return err_set(err, 400,
			       "container cannot be disconnected from host network or connected to host network");
	wait_settled(c, n);
	ep = endpoint_find(c->e, n, c->row.id);
	if (!ep)
		return err_set(err, force ? 404 : 403, "container %s is not connected to %snetwork %s", c->row.id,
			       running ? "" : "the ", n->name);
	endpoint_hold(ep);
	ep->passing = true;
	hosts_remove(c, ep);
	while (c->cleaning) /* it has ended meanwhile; a start waits for us */
		container_watch(c, -1);
	if (ep->there && container_is_running(c))
		r = disconnect_running(c, ep, ctx, force ? NULL : err);
	if (ep->there && force)
		net_take_out(c->e, ep);
	passed(c, ep);
	if (r < 0 && !force && !ep->gone) {
		endpoint_store(c->e, ep);
		hosts_add(c, ep);
	}
	if (endpoint_let_go(ep) && (r == 0 || force)) {
		endpoint_delete(c->e, ep);
		network_emit(c->e, n, "disconnect", c->row.id);
		r = 0;
	}
	return r;
}
