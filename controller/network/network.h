/* network.h - networks, and the endpoints that containers have in them.
 *
 * A network is a row of the database; one of driver bridge is also a bridge (veth BRIDGE) and elements of the
 * firewall's. An endpoint is a row as well: what the user asked of it, and while its container runs what it was given,
 * written down before it is made. A row and the kernel differ by one step at most; networks_recover compares them.
 * Addresses are 16 bytes, version 4 as ::ffff:a.b.c.d. */
#ifndef POSTERN_NETWORK_H
#define POSTERN_NETWORK_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "../../helpers/base/limits.h"
#include "../err.h"
#include "../hash.h"
#include "../helper_client.h"
#include "../task.h"
#include "ipam.h"

struct engine;
struct container;

TAILQ_HEAD(endpoint_head, endpoint);

struct network {
	TAILQ_ENTRY(network) next;
	UT_hash_handle by_name; /* while it is found */
	char id[65];
	char *name;
	cJSON *config; /* as inspect shows it: Driver, IPAM with what was chosen, Options, Labels ... */
	int64_t created_ns;
	bool bridged; /* driver bridge: the rest holds for it only */
	char bridge[IFNAME_MAX + 1];
	struct pool v4, v6;
	bool internal, icc, up; /* up: its bridge is known to be there, and its rules */
	bool made; /* the bridge may be there */
	bool passing; /* it is being made or removed; by its row made: after a crash it goes */
	bool found; /* among all, not among those that are passing */
	uint32_t flags; /* NET_* */
	uint32_t mtu;
	uint8_t host[16]; /* where its ports are published by default */
	unsigned users; /* tasks that are at work in it: not to be removed meanwhile */
	bool settling; /* one of them makes its bridge; others wait for that */
	struct waiters settled;
	struct endpoint_head endpoints;
	unsigned attached; /* those of them that are there */
};
TAILQ_HEAD(network_head, network);

/* One port of a container's that leads to it. */
struct port {
	uint32_t protocol; /* IPPROTO_* */
	uint16_t port, host_port;
	uint8_t host[16];
	int reserved; /* socket that keeps others of the host's off the port, or -EBADF */
	uint64_t forward; /* where postern-forward serves it: its number there, 0 before */
};
enum { PORTS_MAX = 1024 };

struct endpoint {
	TAILQ_ENTRY(endpoint) next, of_network, of_container;
	struct network *network;
	struct container *owner; /* NULL: there is none, and recover.c is to remove it */
	UT_hash_handle by_host; /* while it has a name there */
	char container[65], id[65];
	cJSON *settings; /* as the user gave it: EndpointSettings; never NULL */
	/* while its container runs */
	bool there; /* addresses are taken */
	uint8_t v4[16], v6[16]; /* bits of the pools; zeros: none */
	uint64_t mac;
	bool named; /* the resolver was told its names */
	char inside[IFNAME_MAX + 1]; /* "eth0" */
	char host[IFNAME_MAX + 1]; /* the bridge's end: named before it is made */
	bool passing; /* on its way in or out while its container runs, by its row: after a crash it is taken out */
	/* Who is at it and may wait: its memory and its network stay until the last of them has let go. */
	unsigned holds;
	bool gone; /* out of the list, and without a row */
	struct port *ports; /* of the container, if they lead to it by this network */
	unsigned nports;
};

struct networks {
	struct network_head all, passing;
	struct network *names; /* all, by their names (hash.h) */
	struct endpoint_head endpoints;
	struct endpoint *hosts; /* by the names of the bridges' ends */
	uint32_t forwards; /* numbers given to postern-forward */
	uint32_t unserves, settled; /* ends that it was told of; so many of them are known to be done */
};

/* --- all networks (networks.c) --- */
int networks_create(struct engine *e, struct err *err); /* reads the rows; makes bridge, host and none */
/* Once the helpers are ready: what the firewall has and no row stands for goes; what rows of running containers stand
 * for is made. */
void networks_recover(struct engine *e);
/* By name, id or unambiguous prefix of one. NULL with err: 404, 400. */
struct network *network_find(struct engine *e, const char *ref, struct err *err);
/* As POST /networks/create. *ret is borrowed. */
int network_create(struct engine *e, const cJSON *body, const struct call_ctx *ctx, struct network **ret,
		   struct err *err);
/* 403 while it has endpoints of running containers. */
int network_remove(struct engine *e, struct network *n, const struct call_ctx *ctx, struct err *err);
bool network_predefined(const struct network *n);
/* Makes sure that its bridge and rules are there. */
int network_ready(struct engine *e, struct network *n, const struct call_ctx *ctx, struct err *err);
/* A helper that this takes is not there. */
bool networks_absent(const struct engine *e);
/* As GET /networks/{id}; containers: with those that run in it. */
cJSON *network_json(struct engine *e, const struct network *n, bool containers);
/* GET /networks; NULL with err. */
cJSON *network_list(struct engine *e, const cJSON *filters, bool containers, struct err *err);
/* Those that no container uses and that were made before `until_ns` and match label filters: names into the array. */
int network_prune(struct engine *e, const cJSON *filters, const struct call_ctx *ctx, cJSON *ret, struct err *err);
void network_emit(struct engine *e, const struct network *n, const char *action, const char *container);

/* --- endpoints (endpoints.c) --- */
struct endpoint *endpoint_find(struct engine *e, const struct network *n, const char *container); /* NULL: none */
/* The next endpoint of a container, after `last` (NULL: the first), in the order in which they were made. */
struct endpoint *endpoint_next(struct engine *e, const char *container, struct endpoint *last);
/* Whose end at a bridge has, or had last, this name; NULL: none. */
struct endpoint *endpoint_by_host(struct engine *e, const char *host);
/* Adds the row. settings is copied; NULL: none. passing: see there. */
int endpoint_add(struct engine *e, struct network *n, const char *container, const cJSON *settings, bool passing,
		 struct endpoint **ret, struct err *err);
/* Row and memory; the latter stays while somebody holds it. */
void endpoint_delete(struct engine *e, struct endpoint *ep);
/* Those that a new container asks for: the rows. 404 for a network that is not there. */
int endpoints_of_create(struct engine *e, const char *container, const cJSON *merged, struct err *err);
/* Takes its addresses, MAC and name inside. The row is the caller's to write, before anything is made of it. 403 when
 * the bridge would have no port for it. */
int endpoint_allocate(struct engine *e, struct endpoint *ep, struct err *err);
/* Gives them and its ports back; the row says so. */
void endpoint_release(struct engine *e, struct endpoint *ep);
void endpoint_store(struct engine *e, const struct endpoint *ep);
/* EndpointSettings as inspect shows them; config: its container's Config. */
cJSON *endpoint_json(struct engine *e, const struct endpoint *ep, const cJSON *config);

/* --- a container's network (attach.c) --- */
/* What a start makes of it: the calls go out together with the others of a start. */
struct net_plan;
/* Takes addresses and ports, sends the first calls. *ret NULL: nothing to do. merged: the container's configuration. */
int net_begin(struct container *c, const cJSON *merged, int userns, int netns, const struct call_ctx *ctx,
	      struct net_plan **ret, struct err *err);
/* Waits for the interfaces and sends what depends on them; net_finish tells of a failure. Need not be called. */
void net_continue(struct net_plan *p);
/* Waits until interfaces have their addresses and ports lead in. */
int net_finish(struct net_plan *p, struct err *err);
/* Frees the plan; failed: takes back what was made. */
void net_end(struct net_plan *p, bool failed);
/* After the end of a run: ports, addresses and names go back. */
void net_release(struct container *c);
/* An event "connect" or "disconnect" of each network that it is in: it has started or ended. */
void net_tell(struct container *c, const char *action);
int net_connect(struct container *c, struct network *n, const cJSON *settings, const struct call_ctx *ctx,
		struct err *err);
int net_disconnect(struct container *c, struct network *n, bool force, const struct call_ctx *ctx, struct err *err);

/* --- ports (ports.c) --- */
/* Sets ep->ports to what HostConfig asks for, each reserved on the host: 500 in Docker's words when one is taken. */
int ports_take(struct engine *e, struct endpoint *ep, const cJSON *merged, struct err *err);
void ports_drop(struct endpoint *ep); /* closes and frees them: it has none then */
/* After a restart of the controller: what others of the host must not take. */
void ports_reserve_again(struct engine *e, struct endpoint *ep);
/* Fills a request of the firewall's with at most PORTS_PER_CALL of ep's ports from the first on; how many. */
unsigned ports_request(const struct endpoint *ep, unsigned first, struct req_firewall_publish *req);
/* NetworkSettings.Ports, and Ports of the list, of a container. */
cJSON *ports_json(struct engine *e, const char *container, const cJSON *merged);
cJSON *ports_list_json(struct engine *e, const char *container, const cJSON *merged);

/* --- links of the default network (links.c) --- */
/* Of a new container: names become ids, so that another name changes nothing. 400 in Docker's words when there is no
 * such container. */
int links_take(struct engine *e, cJSON *merged, struct err *err);
/* Variables that tell of linked containers, into merged's Config.Env, which is this start's own. Addresses are taken.
 */
int links_env(struct container *c, cJSON *merged, struct err *err);
/* HostConfig.Links as inspect shows them: "/db:/web/alias". */
void links_show(const struct container *c, cJSON *host);

/* A user's engine: postern-forward serves, and the kernel's tables have no port (forward.c). */
bool ports_are_forwarded(const struct engine *e);
/* Is there a way from containers' networks to the outside? */
bool networks_lead_out(struct engine *e);

/* --- files inside (names.c) --- */
/* Lines of /etc/hosts for a container's endpoints and links. The caller frees. */
char *net_hosts(struct container *c, const cJSON *merged, struct err *err);
/* /etc/resolv.conf. */
char *net_resolv(struct container *c, const cJSON *merged, struct err *err);
/* Is it in a network of ours, now that addresses are taken? */
bool net_is_in(struct container *c);
/* Does the resolver answer its questions? Only in networks of users'. */
bool net_resolver_serves(struct container *c);
/* Has another name from now on. */
void net_renamed(struct container *c);
/* host-gateway of --add-host: 0 or -1 when there is none. */
int net_host_gateway(struct engine *e, const char *container, char *ret, size_t size);

#endif
