/* resolver.c - telling postern-resolver who is called what and on which sockets who asks.
 *
 * It forgets everything when it ends, so a container's sockets are made anew for each (netns RESOLVER does that as
 * often as it is asked). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../helpers/base/cleanup.h"
#include "../../helpers/base/log.h"
#include "../../helpers/base/text.h"
#include "../container/internal.h"
#include "../engine.h"
#include "../json.h"
#include "internal.h"

enum { SERVERS_MAX = 3 /* as many as the C library asks */ };

static bool of_users(const struct endpoint *ep)
{
	return ep->there && !network_predefined(ep->network);
}

bool net_resolver_serves(struct container *c)
{
	struct endpoint *ep = NULL;

	while ((ep = endpoint_next(c->e, c->row.id, ep)))
		if (of_users(ep))
			return true;
	return false;
}

/* Appends a word and a blank before it, if it fits. */
static void add_word(char *to, size_t size, const char *word)
{
	size_t used = strlen(to);

	if (used + strlen(word) + 2 <= size)
		snprintf(to + used, size - used, "%s%s", used ? " " : "", word);
}

static void resolver_names(struct engine *e, struct endpoint *ep, const cJSON *config)
{
	struct req_resolver_names *req;
	const cJSON *name;
	cJSON *names;

	if (!of_users(ep))
		return;
	req = calloc(1, sizeof(*req));
	names = endpoint_names(e, ep, config);
	if (!req)
		abort();
	hex_decode(ep->network->id, req->network, ID_BYTES);
	hex_decode(ep->container, req->container, ID_BYTES);
	snprintf(req->network_name, sizeof(req->network_name), "%s", ep->network->name);
	cJSON_ArrayForEach(name, names)
		add_word(req->names, sizeof(req->names), name->valuestring);
	if (!address_is_zero(ep->v4))
		req->addresses4.v[req->addresses4.n++] = address_v4(ep->v4);
	if (!address_is_zero(ep->v6)) {
		req->addresses6.v[0] = address_hi(ep->v6);
		req->addresses6.v[1] = address_lo(ep->v6);
		req->addresses6.n = 2;
	}
	helper_detach(helper_submit(e, OP_RESOLVER_NAMES, req, NULL, 0));
	ep->named = true;
	cJSON_Delete(names);
	free(req);
}

void net_renamed(struct container *c)
{
	cJSON *merged = container_config(c);
	struct endpoint *ep = NULL;

	while (!helper_absent(c->e, HELPER_RESOLVER) && (ep = endpoint_next(c->e, c->row.id, ep)))
		resolver_names(c->e, ep, json_get(merged, "Config"));
	cJSON_Delete(merged);
}

void resolver_unname(struct engine *e, struct endpoint *ep)
{
	struct req_resolver_unname req;

	if (!ep->named)
		return;
	ep->named = false;
	hex_decode(ep->network->id, req.network, ID_BYTES);
	hex_decode(ep->container, req.container, ID_BYTES);
	helper_detach(helper_submit(e, OP_RESOLVER_UNNAME, &req, NULL, 0));
}

/* --- whom to ask about other names --- */
static void host_servers(char *to, size_t size)
{
	_cleanup_free_ char *text = host_file("/etc/resolv.conf");
	char *save = NULL, server[ADDRESS_TEXT];
	unsigned n = 0;

	if (!text)
		return;
	for (char *line = strtok_r(text, "\n", &save); line && n < SERVERS_MAX; line = strtok_r(NULL, "\n", &save))
		if (sscanf(line, "nameserver %63s", server) == 1) {
			add_word(to, size, server);
			n++;
		}
}

static void set_upstream(struct container *c, const cJSON *host, char *to, size_t size)
{
	struct endpoint *ep = NULL;
	const cJSON *server;
	bool out = false;

	while ((ep = endpoint_next(c->e, c->row.id, ep)))
		out = out || (ep->there && !ep->network->internal);
	if (!out)
		return;
	cJSON_ArrayForEach(server, json_get(host, "Dns"))
		add_word(to, size, server->valuestring);
	if (!to[0])
		host_servers(to, size);
}

/* "container:alias" of each network, by the name of the container that is meant. */
static void set_links(struct container *c, char *to, size_t size)
{
	struct endpoint *ep = NULL;
	const cJSON *link;

	while ((ep = endpoint_next(c->e, c->row.id, ep)))
		cJSON_ArrayForEach(link, json_get(ep->settings, "Links")) {
			struct container *target;
			char alias[256], word[600];

			if (!cJSON_IsString(link) || !(target = link_target(c->e, link->valuestring, alias, NULL)))
				continue;
			snprintf(word, sizeof(word), "%s=%s", alias, target->row.name);
			add_word(to, size, word);
			container_put(target);
		}
}

/* One that has left all networks of users' goes on to ask it: it forwards, and knows nobody. */
static bool has_resolver(struct container *c)
{
	return net_resolver_serves(c) || c->resolver_generation != 0;
}

static int make_sockets(struct container *c, int userns, int netns, const struct call_ctx *ctx,
			struct rep_netns_resolver *ret, struct err *err)
{
	struct req_netns_resolver req = { .userns = userns, .netns = netns };
	unsigned run = c->exits;
	int r;

	message_init(&op_desc(OP_NETNS_RESOLVER)->rep, ret);
	if (c->resolver_generation == helper_generation(c->e, HELPER_RESOLVER) + 1)
		return 0; /* it has them */
	r = helper_call(c->e, OP_NETNS_RESOLVER, &req, ret, ctx, err);
	if (r < 0 || (!c->cleaning && c->exits == run))
		return r;
	/* The next run must not be served by these sockets. */
	message_close_fds(&op_desc(OP_NETNS_RESOLVER)->rep, ret);
	return err_set(err, 409, "the container has ended meanwhile");
}

static int serve(struct container *c, const cJSON *merged, int userns, int netns, const struct call_ctx *ctx,
		 struct err *err)
{
	struct req_resolver_serve *req = calloc(1, sizeof(*req));
	struct rep_netns_resolver sockets;
	struct endpoint *ep = NULL;
	unsigned run = c->exits, generation;
	int r;

	if (!req)
		abort();
	r = make_sockets(c, userns, netns, ctx, &sockets, err);
	memcpy(req->container, c->raw_id, ID_BYTES);
	while ((ep = endpoint_next(c->e, c->row.id, ep)))
		if (of_users(ep) && req->networks.n < ARRAY_SIZE(req->networks.id))
			hex_decode(ep->network->id, req->networks.id[req->networks.n++], ID_BYTES);
	set_upstream(c, json_get(merged, "HostConfig"), req->upstream, sizeof(req->upstream));
	set_links(c, req->links, sizeof(req->links));
	req->udp = sockets.udp;
	req->tcp = sockets.tcp;
	if (r == 0) {
		/* It has them as soon as it is asked: who ends the container meanwhile takes them from it. */
		c->resolver_generation = generation = helper_generation(c->e, HELPER_RESOLVER) + 1;
		r = helper_call(c->e, OP_RESOLVER_SERVE, req, NULL, ctx, err);
		if (r < 0 && c->exits == run && c->resolver_generation == generation)
			c->resolver_generation = 0;
	}
	message_close_fds(&op_desc(OP_NETNS_RESOLVER)->rep, &sockets);
	free(req);
	return r;
}

void resolver_update(struct container *c, const cJSON *merged, int userns, int netns, const struct call_ctx *ctx)
{
	struct endpoint *ep = NULL;
	struct err err = { 0 };
	cJSON *own = NULL;

	if (helper_absent(c->e, HELPER_RESOLVER) || !has_resolver(c))
		return;
	if (!merged)
		merged = own = container_config(c);
	while ((ep = endpoint_next(c->e, c->row.id, ep)))
		resolver_names(c->e, ep, json_get(merged, "Config"));
	if (serve(c, merged, userns, netns, ctx, &err) < 0 && err.status != 409 /* it has ended meanwhile */)
		log_warn("container %.12s: no names of other containers: %s", c->row.id, err.message);
	cJSON_Delete(own);
}

void resolver_refresh(struct container *c)
{
	struct rep_spawn_namespaces ns;
	struct req_spawn_namespaces req;
	struct call_ctx ctx = container_ctx(c);
	struct err err = { 0 };

	if (helper_absent(c->e, HELPER_RESOLVER) || !has_resolver(c))
		return;
	memcpy(req.container, c->raw_id, ID_BYTES);
	message_init(&op_desc(OP_SPAWN_NAMESPACES)->rep, &ns);
	if (helper_call(c->e, OP_SPAWN_NAMESPACES, &req, &ns, &ctx, &err) == 0)
		resolver_update(c, NULL, ns.userns, ns.netns, &ctx);
	else
		log_warn("container %.12s: no names of other containers: %s", c->row.id, err.message);
	message_close_fds(&op_desc(OP_SPAWN_NAMESPACES)->rep, &ns);
}

void resolver_forget(struct container *c)
{
	struct req_resolver_unserve req;
	struct endpoint *ep = NULL;

	while ((ep = endpoint_next(c->e, c->row.id, ep)))
		resolver_unname(c->e, ep);
	if (c->resolver_generation == 0)
		return;
	c->resolver_generation = 0;
	memcpy(req.container, c->raw_id, ID_BYTES);
	helper_detach(helper_submit(c->e, OP_RESOLVER_UNSERVE, &req, NULL, 0));
}

void resolver_repeat(struct engine *e)
{
	struct container *c, *next;

	for (c = TAILQ_FIRST(&e->containers->all); c; c = next) {
		container_ref(c);
		if (container_is_running(c))
			resolver_refresh(c);
		next = c->gone ? NULL : TAILQ_NEXT(c, next);
		container_put(c);
	}
}
