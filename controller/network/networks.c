/* networks.c - the networks there are: rows, making, removing, the three that are always there.
 *
 * What may be is for the helpers (veth: subnets, names). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "../../helpers/base/cleanup.h"
#include "../../helpers/base/log.h"
#include "../../helpers/base/text.h"
#include "../container/internal.h"
#include "../container/times.h"
#include "../engine.h"
#include "../json.h"
#include "../spec/spec.h"
#include "../state/state.h"
#include "internal.h"

static const char *const predefined[] = { "bridge", "host", "none" };

bool network_predefined(const struct network *n)
{
	for (size_t i = 0; i < ARRAY_SIZE(predefined); i++)
		if (strcmp(n->name, predefined[i]) == 0)
			return true;
	return false;
}

bool networks_absent(const struct engine *e)
{
	return helper_absent(e, HELPER_VETH) || helper_absent(e, HELPER_FIREWALL);
}

/* --- the lists --- */
static void enlist(struct engine *e, struct network *n, bool found)
{
	n->found = found;
	TAILQ_INSERT_TAIL(found ? &e->networks->all : &e->networks->passing, n, next);
	if (found)
		HASH_ADD_KEYPTR(by_name, e->networks->names, n->name, strlen(n->name), n);
}

static void delist(struct engine *e, struct network *n)
{
	TAILQ_REMOVE(n->found ? &e->networks->all : &e->networks->passing, n, next);
	if (n->found)
		HASH_DELETE(by_name, e->networks->names, n);
}

static struct network *by_name(struct engine *e, const char *name)
{
	struct network *n;

	HASH_FIND(by_name, e->networks->names, name, strlen(name), n);
	return n;
}

/* --- subnets --- */
static bool meets_one(const struct network_head *list, const struct network *but, const uint8_t subnet[16],
		      uint32_t bits)
{
	const struct network *n;

	TAILQ_FOREACH(n, list, next)
		if (n != but && ((n->v4.bits && prefixes_meet(n->v4.subnet, n->v4.bits, subnet, bits)) ||
				 (n->v6.bits && prefixes_meet(n->v6.subnet, n->v6.bits, subnet, bits))))
			return true;
	return false;
}

/* Those that other requests are making count as well. */
static bool meets_another(struct engine *e, const struct network *n, const uint8_t subnet[16], uint32_t bits)
{
	return meets_one(&e->networks->all, n, subnet, bits) || meets_one(&e->networks->passing, n, subnet, bits);
}

/* Appends an entry to IPAM.Config. */
static void put_subnet(struct network *n, const char *subnet)
{
	cJSON *ipam = (cJSON *)json_get(n->config, "IPAM"), *list = (cJSON *)json_get(ipam, "Config"),
	      *entry = cJSON_CreateObject();

	if (!list)
		list = cJSON_AddArrayToObject(ipam, "Config");
	cJSON_AddStringToObject(entry, "Subnet", subnet);
	cJSON_AddItemToArray(list, entry);
}

/* The gateways as they were chosen. */
static void put_gateways(struct network *n)
{
	cJSON *entry;

	cJSON_ArrayForEach(entry, json_get(json_get(n->config, "IPAM"), "Config")) {
		const struct pool *p = strchr(json_text(entry, "Subnet", "", NULL), ':') ? &n->v6 : &n->v4;
		char text[ADDRESS_TEXT];

		if (!json_text(entry, "Gateway", "", NULL)[0]) {
			cJSON_DeleteItemFromObject(entry, "Gateway");
			cJSON_AddStringToObject(entry, "Gateway", address_format(p->gateway, 0, text));
		}
	}
}

/* --- Docker's default pools: 172.17 to 172.31, then 192.168 in sixteenths; and a subnet of the engine's own for
 * version 6 --- */
enum { POOLS_172 = 15, POOLS = POOLS_172 + 16 };

static void default_subnet(unsigned i, char ret[ADDRESS_TEXT])
{
	if (i < POOLS_172)
		snprintf(ret, ADDRESS_TEXT, "172.%u.0.0/16", 17 + i);
	else
		snprintf(ret, ADDRESS_TEXT, "192.168.%u.0/20", 16 * (i - POOLS_172));
}

static void own_subnet6(const struct network *n, char ret[ADDRESS_TEXT])
{
	snprintf(ret, ADDRESS_TEXT, "fd%.2s:%.4s:%.4s::/64", n->id, n->id + 2, n->id + 6);
}

/* What veth BRIDGE has refused, in words that name the thing; why: the helper's own. */
static void bridge_refused(const struct engine *e, const struct network *n, int r, const char *stage,
			   const struct err *why, struct err *err)
{
	const struct pool *p = strchr(stage, '6') ? &n->v6 : &n->v4;
	char subnet[ADDRESS_TEXT];

	address_format(p->subnet, p->bits, subnet);
	if (r == -EADDRINUSE)
		err_set(err, 403, "invalid pool request: %s meets a route of this host (ip route); choose another",
			subnet);
	else if (r == -EPERM && strncmp(stage, "subnet", 6) == 0)
		err_set(err, 403,
			"the policy of this engine (section \"subnets\" of %s) does not give %s to networks: whoever "
			"keeps it may add a rule",
			e->policy_path ? e->policy_path : "the policy", subnet);
	else if (r == -EPERM && strcmp(stage, "name") == 0)
		err_set(err, 403, "bridge name \"%s\": names of this engine's bridges begin with \"%s\"", n->bridge,
			e->policy->bridge_prefix);
	else
		err_set(err, why->status, "%s", why->message);
}

/* The kernel's word on a bridge: its rules as well. ret_stage: what of it was refused. */
static int make_bridge(struct engine *e, struct network *n, const struct call_ctx *ctx, char ret_stage[STAGE_MAX],
		       struct err *err)
{
	struct req_veth_bridge bridge = { .mtu = n->mtu };
	struct req_firewall_network rules = { .flags = n->flags };
	struct err why = { 0 };
	int r;

	ret_stage[0] = '\0';
	if (n->up || !n->bridged)
		return 0;
	snprintf(bridge.bridge, sizeof(bridge.bridge), "%s", n->bridge);
	snprintf(rules.bridge, sizeof(rules.bridge), "%s", n->bridge);
	if (n->v4.bits) {
		bridge.gateway4 = address_v4(n->v4.gateway);
		bridge.gateway4_bits = n->v4.bits - 96;
	}
	if (n->v6.bits) {
		bridge.gateway6_hi = address_hi(n->v6.gateway);
		bridge.gateway6_lo = address_lo(n->v6.gateway);
		bridge.gateway6_bits = n->v6.bits;
	}
	r = helper_wait(helper_submit(e, OP_VETH_BRIDGE, &bridge, ctx, 0), NULL, &why, ret_stage);
	n->made = n->made || r == 0 || r == -ECONNRESET || r == -ETIMEDOUT;
	if (r < 0)
		bridge_refused(e, n, r, ret_stage, &why, err);
	else
		r = helper_call(e, OP_FIREWALL_NETWORK, &rules, NULL, ctx, err);
	n->up = r == 0;
	return r;
}

/* It cannot where a name or a subnet of version 6 was refused. */
static bool another_helps(const char *stage)
{
	return !stage[0] || strcmp(stage, "subnet") == 0 || strcmp(stage, "route") == 0;
}

/* Tries default subnets until one meets neither a network of ours nor a route of the host's. */
static int choose_subnet(struct engine *e, struct network *n, const struct call_ctx *ctx, struct err *err)
{
	struct err refused = { 0 };
	unsigned n_refused = 0;

	for (unsigned i = 0; i < POOLS; i++) {
		char text[ADDRESS_TEXT], stage[STAGE_MAX] = "";
		struct err why = { 0 };
		cJSON *entry = cJSON_CreateObject();
		uint8_t subnet[16];
		uint32_t bits;
		int r;

		default_subnet(i, text);
		address_parse(text, subnet, &bits);
		cJSON_AddStringToObject(entry, "Subnet", text);
		r = meets_another(e, n, subnet, bits) ? -EADDRINUSE : network_subnet(n, entry, &why);
		cJSON_Delete(entry);
		if (r == 0)
			r = make_bridge(e, n, ctx, stage, &why);
		if (r == 0) {
			put_subnet(n, text);
			return 0;
		}
		pool_finish(&n->v4);
		memset(&n->v4, 0, sizeof(n->v4));
		if ((r != -EADDRINUSE && r != -EPERM) || !another_helps(stage))
			return err_set(err, why.status ? why.status : 500, "%s", why.message);
		if (r == -EPERM) {
			refused = why;
			n_refused++;
		}
	}
	if (n_refused == POOLS) /* not for their subnets */
		return err_set(err, refused.status, "%s", refused.message);
	return err_set(err, 500, "all predefined address pools have been fully subnetted");
}

/* The default network is not tied to its subnet before a container is in it: where the host has another use for that
 * (Docker's own bridge), it takes the next one. */
static int move_default(struct engine *e, struct network *n, const struct call_ctx *ctx, struct err *err)
{
	cJSON *ipam = (cJSON *)json_get(n->config, "IPAM");
	_cleanup_free_ char *text = NULL;

	pool_finish(&n->v4);
	memset(&n->v4, 0, sizeof(n->v4));
	cJSON_ReplaceItemInObject(ipam, "Config", cJSON_CreateArray());
	if (choose_subnet(e, n, ctx, err) < 0)
		return -1;
	put_gateways(n);
	text = cJSON_PrintUnformatted(n->config);
	if (!text || state_network_update(e->state, n->id, text) < 0)
		return err_set(err, 500, "database: the default network cannot be stored");
	return 0;
}

/* There are containers in it that run. */
static bool is_lived_in(const struct network *n)
{
	return n->attached > 0;
}

static int make_ready(struct engine *e, struct network *n, const struct call_ctx *ctx, struct err *err)
{
	char stage[STAGE_MAX];
	struct err why = { 0 };
	int r = make_bridge(e, n, ctx, stage, &why);

	if (r == -EADDRINUSE && network_predefined(n) && !is_lived_in(n))
		return move_default(e, n, ctx, err);
	if (r == -EADDRINUSE)
		return err_set(err, 500, "network %s: its subnet meets a route of this host (ip route)", n->name);
	if (r < 0 && err)
		*err = why;
	return r;
}

/* One at a time: the default network's subnet may change under it. */
int network_ready(struct engine *e, struct network *n, const struct call_ctx *ctx, struct err *err)
{
	int r = 0;

	n->users++;
	while (n->settling)
		waiters_park(&n->settled);
	if (!n->up) {
		n->settling = true;
		r = make_ready(e, n, ctx, err);
		n->settling = false;
		waiters_wake_all(&n->settled);
	}
	n->users--;
	return r;
}

/* --- making --- */
static int insert(struct engine *e, struct network *n, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	struct network_row row = { .name = n->name, .created_ns = n->created_ns };
	int r;

	if (n->passing)
		cJSON_AddTrueToObject(n->config, "Passing");
	row.config = text = cJSON_PrintUnformatted(n->config);
	cJSON_DeleteItemFromObject(n->config, "Passing");
	snprintf(row.id, sizeof(row.id), "%s", n->id);
	r = text ? state_network_insert(e->state, &row) : -ENOMEM;
	if (r == -EEXIST)
		return err_set(err, 409, "network with name %s already exists", n->name);
	if (r < 0)
		return err_set(err, 500, "database: %s", strerror(-r));
	enlist(e, n, /* found= */ !n->passing);
	return 0;
}

/* Of those that are on their way in or out nobody finds one; their subnets and bridges are taken. */
static void set_passing(struct engine *e, struct network *n, bool passing)
{
	delist(e, n);
	n->passing = passing;
	enlist(e, n, /* found= */ !passing);
}

/* It is made: the row says so. */
static int arrive(struct engine *e, struct network *n, struct err *err)
{
	_cleanup_free_ char *text = cJSON_PrintUnformatted(n->config);
	int r = text ? state_network_update(e->state, n->id, text) : -ENOMEM;

	if (r < 0)
		return err_set(err, 500, "database: %s", strerror(-r));
	set_passing(e, n, false);
	return 0;
}

static void new_id(char ret[65])
{
	uint8_t raw[ID_BYTES];

	if (getrandom(raw, sizeof(raw), 0) != sizeof(raw))
		abort();
	hex_encode(raw, sizeof(raw), ret);
}

static cJSON *base_config(const char *driver)
{
	cJSON *c = cJSON_CreateObject(), *ipam;

	cJSON_AddStringToObject(c, "Driver", driver);
	ipam = cJSON_AddObjectToObject(c, "IPAM");
	cJSON_AddStringToObject(ipam, "Driver", "default");
	cJSON_AddNullToObject(ipam, "Options");
	cJSON_AddArrayToObject(ipam, "Config");
	cJSON_AddObjectToObject(c, "Options");
	cJSON_AddObjectToObject(c, "Labels");
	return c;
}

static int check_create(struct engine *e, const cJSON *body, const char *name, struct err *err)
{
	static const char *const elsewhere[] = { "overlay", "macvlan", "ipvlan" };
	const char *driver = json_text(body, "Driver", "", NULL);

	if (!name[0])
		return err_set(err, 400, "invalid name: name is empty");
	if (!name_valid(name, strlen(name)) || strlen(name) > NAME_MAX_LEN)
		return err_set(err, 400, "invalid network name \"%.128s\": only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed",
			       name);
	for (size_t i = 0; i < ARRAY_SIZE(predefined); i++)
		if (strcmp(name, predefined[i]) == 0 || strcmp(name, "default") == 0)
			return err_set(err, 403, "operation is not permitted on predefined %s network", name);
	if (by_name(e, name))
		return err_set(err, 409, "network with name %s already exists", name);
	if (strcmp(driver, "host") == 0 || strcmp(driver, "null") == 0)
		return err_set(err, 403, "only one instance of \"%s\" network is allowed", driver);
	for (size_t i = 0; i < ARRAY_SIZE(elsewhere); i++)
		if (strcmp(driver, elsewhere[i]) == 0)
			return err_set(err, 400,
				       "network driver \"%s\" is not available: networks of this engine are bridges",
				       driver);
	if (driver[0] && strcmp(driver, "bridge") != 0)
		return err_set(err, 404, "could not find plugin %.64s in v1 plugin registry: plugin not found", driver);
	if (json_bool(body, "Ingress", false, NULL) || json_bool(body, "ConfigOnly", false, NULL) ||
	    json_text(json_get(body, "ConfigFrom"), "Network", "", NULL)[0])
		return err_set(err, 400, "ingress and config-only networks are for swarms");
	if (strcmp(json_text(body, "Scope", "", err), "swarm") == 0)
		return err_set(err, 403, "cannot create a swarm scoped network when swarm is not active");
	if (networks_absent(e))
		return err_set(err, 501, "networks are not available in this engine");
	return 0;
}

/* What the client said, as inspect shows it. */
static cJSON *config_of(const cJSON *body, struct err *err)
{
	static const char *const copied[] = { "EnableIPv6", "Internal", "Attachable", "IPAM", "Options", "Labels" };
	const char *ipam_driver = json_text(json_get(body, "IPAM"), "Driver", "", NULL);
	cJSON *c, *ipam;

	if (ipam_driver[0] && strcmp(ipam_driver, "default") != 0) {
		err_set(err, 404, "could not find plugin %.64s in v1 plugin registry: plugin not found", ipam_driver);
		return NULL;
	}
	c = cJSON_CreateObject();
	cJSON_AddStringToObject(c, "Driver", "bridge");
	for (size_t i = 0; i < ARRAY_SIZE(copied); i++)
		cJSON_AddItemToObject(c, copied[i], cJSON_Duplicate(json_get(body, copied[i]), true));
	ipam = (cJSON *)json_get(c, "IPAM");
	cJSON_ReplaceItemInObject(ipam, "Driver", cJSON_CreateString("default"));
	return c;
}

static const struct network *same_bridge(const struct network_head *list, const struct network *n)
{
	const struct network *other;

	TAILQ_FOREACH(other, list, next)
		if (other != n && other->bridged && strcmp(other->bridge, n->bridge) == 0)
			return other;
	return NULL;
}

/* Subnets that the client did not give, then the bridge. */
static int settle(struct engine *e, struct network *n, const struct call_ctx *ctx, struct err *err)
{
	bool wants6 = json_bool(n->config, "EnableIPv6", false, NULL);
	const struct network *other = same_bridge(&e->networks->all, n);
	char text[ADDRESS_TEXT], stage[STAGE_MAX];
	int r;

	if (!other)
		other = same_bridge(&e->networks->passing, n);
	if (other)
		return err_set(err, 403,
			       "cannot create network %s (%s): conflicts with network %s (%s): networks have same "
			       "bridge name",
			       n->id, n->bridge, other->id, other->bridge);
	if (n->v6.bits && !wants6) {
		cJSON_ReplaceItemInObject(n->config, "EnableIPv6", cJSON_CreateTrue());
	} else if (wants6 && !n->v6.bits) {
		cJSON *entry = cJSON_CreateObject();

		own_subnet6(n, text);
		cJSON_AddStringToObject(entry, "Subnet", text);
		r = network_subnet(n, entry, err);
		cJSON_Delete(entry);
		if (r < 0)
			return -1;
		put_subnet(n, text);
	}
	if ((n->v4.bits && meets_another(e, n, n->v4.subnet, n->v4.bits)) ||
	    (n->v6.bits && meets_another(e, n, n->v6.subnet, n->v6.bits)))
		return err_set(err, 403, "invalid pool request: Pool overlaps with other one on this address space");
	r = n->v4.bits ? make_bridge(e, n, ctx, stage, err) : choose_subnet(e, n, ctx, err);
	if (r == 0)
		put_gateways(n);
	return r;
}

static void take_down(struct engine *e, struct network *n)
{
	struct req_firewall_unnetwork rules;
	struct req_veth_unbridge bridge;

	snprintf(rules.bridge, sizeof(rules.bridge), "%s", n->bridge);
	snprintf(bridge.bridge, sizeof(bridge.bridge), "%s", n->bridge);
	helper_call_surely(e, OP_FIREWALL_UNNETWORK, &rules, NULL, NULL);
	helper_call_surely(e, OP_VETH_UNBRIDGE, &bridge, NULL, NULL);
	n->up = n->made = false;
}

void network_undo(struct engine *e, struct network *n)
{
	take_down(e, n);
	state_network_delete(e->state, n->id);
	delist(e, n);
	network_free(n);
}

/* Not yet in any list. */
static struct network *network_asked(struct engine *e, const cJSON *given, struct err *err)
{
	cJSON *body = spec_network(given, err), *config = NULL;
	const char *name = json_text(body, "Name", "", NULL);
	struct network *n = NULL;
	char id[65];

	if (body && check_create(e, body, name, err) == 0)
		config = config_of(body, err);
	new_id(id);
	if (config)
		network_build(e, id, name, time_now_ns(), config, &n, err);
	cJSON_Delete(body);
	return n;
}

int network_create(struct engine *e, const cJSON *body, const struct call_ctx *ctx, struct network **ret,
		   struct err *err)
{
	struct network *n = network_asked(e, body, err);

	if (!n)
		return -1;
	n->passing = true;
	if (insert(e, n, err) < 0) {
		network_free(n);
		return -1;
	}
	if (settle(e, n, ctx, err) < 0 || arrive(e, n, err) < 0) {
		if (n->made)
			take_down(e, n);
		state_network_delete(e->state, n->id);
		delist(e, n);
		network_free(n);
		return -1;
	}
	network_emit(e, n, "create", NULL);
	*ret = n;
	return 0;
}

int network_remove(struct engine *e, struct network *n, const struct call_ctx *ctx, struct err *err)
{
	struct endpoint *ep;
	int r;

	if (network_predefined(n))
		return err_set(err, 403, "%s is a pre-defined network and cannot be removed", n->name);
	if (is_lived_in(n))
		return err_set(err, 403, "error while removing network: network %s id %s has active endpoints", n->name,
			       n->id);
	if (n->users)
		return err_set(err, 409, "network %s is in use by another request", n->name);
	set_passing(e, n, true);
	take_down(e, n);
	r = state_network_delete(e->state, n->id);
	if (r < 0) {
		set_passing(e, n, false);
		return err_set(err, 500, "database: %s", strerror(-r));
	}
	while ((ep = TAILQ_FIRST(&n->endpoints))) {
		if (ep->owner)
			snprintf(ep->owner->lost, sizeof(ep->owner->lost), "%s", n->id);
		endpoint_forget(e, ep);
	}
	delist(e, n);
	network_emit(e, n, "destroy", NULL);
	network_free(n);
	return 0;
}

struct network *network_find(struct engine *e, const char *ref, struct err *err)
{
	struct network *n, *found = by_name(e, strcmp(ref, "default") == 0 ? "bridge" : ref);
	size_t len = strlen(ref);

	if (found)
		return found;
	TAILQ_FOREACH(n, &e->networks->all, next) {
		if (!len || strncmp(n->id, ref, len) != 0)
			continue;
		if (found) {
			err_set(err, 400, "network %.128s is ambiguous (2 matches found on ID prefix)", ref);
			return NULL;
		}
		found = n;
	}
	if (!found)
		err_set(err, 404, "network %.128s not found", ref);
	return found;
}

/* --- at the start --- */
static int load_row(void *data, struct network_row *row)
{
	struct engine *e = data;
	cJSON *config = cJSON_Parse(row->config);
	bool passing = json_bool(config, "Passing", false, NULL);
	struct err err = { 0 };
	struct network *n;

	cJSON_DeleteItemFromObject(config, "Passing");
	if (!config || network_build(e, row->id, row->name, row->created_ns, config, &n, &err) < 0) {
		log_error("network %s: %s", row->name, config ? err.message : "its row cannot be read");
		return 0;
	}
	n->passing = passing;
	enlist(e, n, /* found= */ true); /* passing or not: see networks_recover */
	return 0;
}

/* The default one takes Docker's first subnet; its bridge is made when something first needs it, and if the host has
 * another use for the subnet by then, that start says so. */
static int make_predefined(struct engine *e, const char *name, struct err *err)
{
	bool bridge = strcmp(name, "bridge") == 0;
	cJSON *config = base_config(bridge ? "bridge" : strcmp(name, "none") == 0 ? "null" : name), *entry, *options;
	struct network *n = NULL;
	char id[65];

	if (bridge) {
		entry = cJSON_CreateObject();
		cJSON_AddStringToObject(entry, "Subnet", "172.17.0.0/16");
		cJSON_AddStringToObject(entry, "Gateway", "172.17.0.1");
		cJSON_AddItemToArray((cJSON *)json_get(json_get(config, "IPAM"), "Config"), entry);
		options = (cJSON *)json_get(config, "Options");
		cJSON_AddStringToObject(options, "com.docker.network.bridge.default_bridge", "true");
		cJSON_AddStringToObject(options, "com.docker.network.bridge.enable_icc", "true");
		cJSON_AddStringToObject(options, "com.docker.network.bridge.enable_ip_masquerade", "true");
		cJSON_AddStringToObject(options, "com.docker.network.bridge.host_binding_ipv4", "0.0.0.0");
		cJSON_AddStringToObject(options, "com.docker.network.driver.mtu", "1500");
	}
	new_id(id);
	network_build(e, id, name, time_now_ns(), config, &n, err);
	return n ? insert(e, n, err) : -1;
}

int networks_create(struct engine *e, struct err *err)
{
	e->networks = calloc(1, sizeof(*e->networks));
	if (!e->networks)
		return err_set(err, 500, "out of memory");
	TAILQ_INIT(&e->networks->all);
	TAILQ_INIT(&e->networks->passing);
	TAILQ_INIT(&e->networks->endpoints);
	if (state_network_each(e->state, load_row, e) < 0)
		return err_set(err, 500, "database: networks cannot be read");
	for (size_t i = 0; i < ARRAY_SIZE(predefined); i++)
		if (!by_name(e, predefined[i]) && make_predefined(e, predefined[i], err) < 0)
			return -1;
	return endpoints_load(e, err);
}
