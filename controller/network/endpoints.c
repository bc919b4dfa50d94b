/* endpoints.c - a container in a network: what was asked for and what it was given, as a row of the database. */
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "../../helpers/base/cleanup.h"
#include "../../helpers/base/log.h"
#include "../../helpers/base/text.h"
#include "../container/internal.h"
#include "../engine.h"
#include "../json.h"
#include "../spec/spec.h"
#include "../state/state.h"
#include "internal.h"

/* --- MAC addresses --- */
int mac_parse(const char *text, uint64_t *ret)
{
	uint64_t mac = 0;

	/* Two digits each: strtoul and sscanf would take "+2" as well. */
	for (unsigned i = 0; i < 17; i++)
		if (i % 3 == 2 ? text[i] != ':' : !isxdigit((unsigned char)text[i]))
			return -EINVAL;
	if (text[17])
		return -EINVAL;
	for (unsigned i = 0; i < 17; i += 3)
		mac = mac << 8 | strtoul(text + i, NULL, 16);
	if (!mac || (mac >> 40 & 1))
		return -EINVAL;
	*ret = mac;
	return 0;
}

void mac_format(uint64_t mac, char ret[18])
{
	snprintf(ret, 18, "%02x:%02x:%02x:%02x:%02x:%02x", (unsigned)(mac >> 40 & 0xff), (unsigned)(mac >> 32 & 0xff),
		 (unsigned)(mac >> 24 & 0xff), (unsigned)(mac >> 16 & 0xff), (unsigned)(mac >> 8 & 0xff),
		 (unsigned)(mac & 0xff));
}

/* --- the list --- */
struct endpoint *endpoint_find(struct engine *e, const struct network *n, const char *container)
{
	struct endpoint *ep;

	for (ep = endpoint_next(e, container, NULL); ep && ep->network != n; ep = endpoint_next(e, container, ep))
		;
	return ep;
}

struct endpoint *endpoint_next(struct engine *e, const char *container, struct endpoint *last)
{
	struct container *c;

	if (last)
		return TAILQ_NEXT(last, of_container);
	c = container_by_id(e, container);
	return c ? TAILQ_FIRST(&c->endpoints) : NULL;
}

struct endpoint *endpoint_by_host(struct engine *e, const char *host)
{
	struct endpoint *ep;

	HASH_FIND(by_host, e->networks->hosts, host, strlen(host), ep);
	return ep;
}

static void set_host(struct engine *e, struct endpoint *ep, const char *host)
{
	if (ep->host[0])
		HASH_DELETE(by_host, e->networks->hosts, ep);
	snprintf(ep->host, sizeof(ep->host), "%s", host);
	if (ep->host[0])
		HASH_ADD_KEYPTR(by_host, e->networks->hosts, ep->host, strlen(ep->host), ep);
}

static void enlist(struct engine *e, struct endpoint *ep, struct network *n, const char *container)
{
	ep->network = n;
	ep->owner = container_by_id(e, container);
	snprintf(ep->container, sizeof(ep->container), "%s", container);
	TAILQ_INSERT_TAIL(&e->networks->endpoints, ep, next);
	TAILQ_INSERT_TAIL(&n->endpoints, ep, of_network);
	if (ep->owner)
		TAILQ_INSERT_TAIL(&ep->owner->endpoints, ep, of_container);
}

static void endpoint_free(struct endpoint *ep)
{
	ports_drop(ep);
	cJSON_Delete(ep->settings);
	free(ep);
}

void endpoint_forget(struct engine *e, struct endpoint *ep)
{
	TAILQ_REMOVE(&e->networks->endpoints, ep, next);
	TAILQ_REMOVE(&ep->network->endpoints, ep, of_network);
	if (ep->owner) {
		TAILQ_REMOVE(&ep->owner->endpoints, ep, of_container);
		container_changed(ep->owner); /* a start may wait for it */
	}
	ep->owner = NULL;
	if (ep->host[0]) /* who holds it may still need the name */
		HASH_DELETE(by_host, e->networks->hosts, ep);
	ep->network->attached -= ep->there;
	ep->gone = true;
	if (!ep->holds)
		endpoint_free(ep);
}

void endpoint_hold(struct endpoint *ep)
{
	ep->holds++;
	ep->network->users++;
}

bool endpoint_let_go(struct endpoint *ep)
{
	ep->holds--;
	ep->network->users--;
	if (!ep->gone)
		return true;
	if (!ep->holds)
		endpoint_free(ep);
	return false;
}

/* --- rows --- */
static cJSON *port_row(const struct port *p)
{
	char host[ADDRESS_TEXT];
	cJSON *o = cJSON_CreateObject();

	cJSON_AddNumberToObject(o, "protocol", p->protocol);
	cJSON_AddNumberToObject(o, "port", p->port);
	cJSON_AddNumberToObject(o, "host_port", p->host_port);
	cJSON_AddStringToObject(o, "host", address_format(p->host, 0, host));
	return o;
}

void endpoint_store(struct engine *e, const struct endpoint *ep)
{
	_cleanup_free_ char *text = NULL;
	struct endpoint_row row;
	char address[ADDRESS_TEXT];
	cJSON *o;
	int r;

	if (ep->gone)
		return;
	o = cJSON_CreateObject();
	cJSON_AddStringToObject(o, "id", ep->id);
	cJSON_AddItemReferenceToObject(o, "settings", ep->settings);
	if (ep->passing)
		cJSON_AddTrueToObject(o, "passing");
	if (ep->there) {
		cJSON *ports = cJSON_AddArrayToObject(o, "ports");

		if (!address_is_zero(ep->v4))
			cJSON_AddStringToObject(o, "v4", address_format(ep->v4, 0, address));
		if (!address_is_zero(ep->v6))
			cJSON_AddStringToObject(o, "v6", address_format(ep->v6, 0, address));
		mac_format(ep->mac, address);
		cJSON_AddStringToObject(o, "mac", address);
		cJSON_AddStringToObject(o, "inside", ep->inside);
		cJSON_AddStringToObject(o, "host", ep->host);
		for (unsigned i = 0; i < ep->nports; i++)
			cJSON_AddItemToArray(ports, port_row(&ep->ports[i]));
	}
	text = cJSON_PrintUnformatted(o);
	cJSON_Delete(o);
	row.data = text;
	snprintf(row.network, sizeof(row.network), "%s", ep->network->id);
	snprintf(row.container, sizeof(row.container), "%s", ep->container);
	r = text ? state_endpoint_put(e->state, &row) : -ENOMEM;
	if (r < 0)
		log_error("database: endpoint of %.12s in %s: %s", ep->container, ep->network->name, strerror(-r));
}

static void load_ports(struct endpoint *ep, const cJSON *list)
{
	const cJSON *o;
	uint32_t bits;

	ep->ports = calloc((size_t)cJSON_GetArraySize(list) + 1, sizeof(*ep->ports));
	if (!ep->ports)
		return;
	cJSON_ArrayForEach(o, list) {
		struct port *p = &ep->ports[ep->nports];

		*p = (struct port){ .reserved = -EBADF };
		p->protocol = (uint32_t)json_int(o, "protocol", 0, NULL);
		p->port = (uint16_t)json_int(o, "port", 0, NULL);
		p->host_port = (uint16_t)json_int(o, "host_port", 0, NULL);
		if (address_parse(json_text(o, "host", "", NULL), p->host, &bits) == 0)
			ep->nports++;
	}
}

static int load_row(void *data, struct endpoint_row *row)
{
	struct engine *e = data;
	struct network *n;
	struct endpoint *ep = calloc(1, sizeof(*ep));
	cJSON *o = cJSON_Parse(row->data);
	uint32_t bits;

	TAILQ_FOREACH(n, &e->networks->all, next)
		if (strcmp(n->id, row->network) == 0)
			break;
	if (!ep || !o || !n) {
		free(ep);
		cJSON_Delete(o);
		return 0;
	}
	enlist(e, ep, n, row->container);
	snprintf(ep->id, sizeof(ep->id), "%s", json_text(o, "id", "", NULL));
	ep->settings = cJSON_DetachItemFromObject(o, "settings");
	if (!ep->settings)
		ep->settings = cJSON_CreateObject();
	ep->passing = json_bool(o, "passing", false, NULL);
	if (json_get(o, "mac")) {
		ep->there = true;
		n->attached++;
		mac_parse(json_text(o, "mac", "", NULL), &ep->mac);
		if (json_get(o, "v4") && address_parse(json_text(o, "v4", "", NULL), ep->v4, &bits) == 0)
			pool_take(&n->v4, ep->v4, ep->v4);
		if (json_get(o, "v6") && address_parse(json_text(o, "v6", "", NULL), ep->v6, &bits) == 0)
			pool_take(&n->v6, ep->v6, ep->v6);
		snprintf(ep->inside, sizeof(ep->inside), "%s", json_text(o, "inside", "", NULL));
		set_host(e, ep, json_text(o, "host", "", NULL));
		load_ports(ep, json_get(o, "ports"));
	}
	cJSON_Delete(o);
	return 0;
}

static int load_lost(void *data, struct endpoint_row *row)
{
	struct container *c = container_by_id(data, row->container);

	if (c)
		snprintf(c->lost, sizeof(c->lost), "%s", row->network);
	return 0;
}

int endpoints_load(struct engine *e, struct err *err)
{
	if (state_endpoint_each(e->state, load_row, e) < 0 || state_lost_each(e->state, load_lost, e) < 0)
		return err_set(err, 500, "database: endpoints cannot be read");
	return 0;
}

/* --- making one --- */
#define ADDRESS_REFUSED "user specified IP address is supported on user defined networks only"
#define ADDRESS_NOWHERE \
	"user specified IP address is supported only when connecting to networks with user configured subnets"
#define ADDRESS_OUTSIDE "no configured subnet or ip-range contain the IP address %.64s"

/* Regular: spec_endpoint. */
static int check_settings(const struct network *n, const cJSON *settings, struct err *err)
{
	const cJSON *ipam = json_get(settings, "IPAMConfig"), *aliases = json_get(settings, "Aliases"), *a;
	const char *ip4 = json_text(ipam, "IPv4Address", "", NULL), *ip6 = json_text(ipam, "IPv6Address", "", NULL);
	const char *mac = json_text(settings, "MacAddress", "", NULL);
	uint8_t address[16];
	uint64_t number;
	uint32_t bits;

	if (network_predefined(n) && cJSON_GetArraySize(aliases) > 0)
		return err_set(err, 400,
			       "invalid endpoint settings:\nnetwork-scoped alias is supported only for containers in "
			       "user defined networks");
	if (network_predefined(n) && (ip4[0] || ip6[0]))
		return err_set(err, 400, "invalid endpoint settings:\n" ADDRESS_REFUSED);
	if (ip4[0] && (address_parse(ip4, address, &bits) < 0 || !address_is_v4(address) || bits != 128))
		return err_set(err, 400, "invalid endpoint settings:\ninvalid IPv4 address: %.64s", ip4);
	if (ip6[0] && (address_parse(ip6, address, &bits) < 0 || address_is_v4(address) || bits != 128))
		return err_set(err, 400, "invalid endpoint settings:\ninvalid IPv6 address: %.64s", ip6);
	if (mac[0] && mac_parse(mac, &number) < 0)
		return err_set(err, 400, "invalid MAC address: %.64s", mac);
	cJSON_ArrayForEach(a, aliases)
		if (!name_valid(a->valuestring, strlen(a->valuestring)))
			return err_set(err, 400, "invalid alias \"%.64s\": only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed",
				       a->valuestring);
	cJSON_ArrayForEach(a, json_get(settings, "Links"))
		if (!spec_link_valid(a->valuestring))
			return err_set(err, 400, "bad format for links: %.256s", a->valuestring);
	cJSON_ArrayForEach(a, json_get(ipam, "LinkLocalIPs"))
		if (address_parse(a->valuestring, address, &bits) < 0 || !address_is_v4(address) ||
		    address_v4(address) >> 16 != (169u << 8 | 254u))
			return err_set(err, 400, "invalid link-local IP address: %.64s: must be within 169.254.0.0/16",
				       a->valuestring);
	return 0;
}

int endpoint_add(struct engine *e, struct network *n, const char *container, const cJSON *settings, bool passing,
		 struct endpoint **ret, struct err *err)
{
	cJSON *regular = spec_endpoint(settings, err);
	struct endpoint *ep;
	uint8_t raw[ID_BYTES];

	if (!regular || check_settings(n, regular, err) < 0) {
		cJSON_Delete(regular);
		return -1;
	}
	ep = calloc(1, sizeof(*ep));
	if (!ep || getrandom(raw, sizeof(raw), 0) != sizeof(raw)) {
		free(ep);
		cJSON_Delete(regular);
		return err_set(err, 500, "out of memory");
	}
	ep->passing = passing;
	hex_encode(raw, sizeof(raw), ep->id);
	ep->settings = regular;
	enlist(e, ep, n, container);
	endpoint_store(e, ep);
	*ret = ep;
	return 0;
}

void endpoint_delete(struct engine *e, struct endpoint *ep)
{
	state_endpoint_delete(e->state, ep->network->id, ep->container);
	endpoint_forget(e, ep);
}

static const cJSON *settings_for(const cJSON *configs, const struct network *n)
{
	const cJSON *s = json_get(configs, n->name);

	return s ? s : json_get(configs, n->id);
}

static int add_wanted(struct engine *e, const char *container, const char *name, const cJSON *settings, struct err *err)
{
	struct network *n = network_find(e, name, err);
	struct err why = { 0 };
	struct endpoint *ep;

	if (!n)
		return -1;
	if (!n->bridged || endpoint_find(e, n, container))
		return 0;
	if (endpoint_add(e, n, container, settings, /* passing= */ false, &ep, &why) == 0)
		return 0;
	if (why.status != 400)
		return err_set(err, why.status, "%s", why.message);
	return err_set(err, 400, "invalid config for network %s: %s", n->name, why.message);
}

/* What older clients say beside the settings of the only network goes into them. */
static cJSON *main_settings(const cJSON *merged, const struct network *n)
{
	const cJSON *given = settings_for(json_get(json_get(merged, "NetworkingConfig"), "EndpointsConfig"), n);
	const char *mac = json_text(json_get(merged, "Config"), "MacAddress", "", NULL);
	cJSON *s = cJSON_IsObject(given) ? cJSON_Duplicate(given, true) : cJSON_CreateObject();

	if (mac[0] && !json_text(s, "MacAddress", "", NULL)[0]) {
		cJSON_DeleteItemFromObject(s, "MacAddress");
		cJSON_AddStringToObject(s, "MacAddress", mac);
	}
	return s;
}

/* Of a container with the host's network, another's or none. */
static int check_without(const cJSON *merged, struct err *err)
{
	const cJSON *config;

	cJSON_ArrayForEach(config, json_get(json_get(merged, "NetworkingConfig"), "EndpointsConfig")) {
		const cJSON *ipam = json_get(config, "IPAMConfig");

		if (json_text(ipam, "IPv4Address", "", NULL)[0] || json_text(ipam, "IPv6Address", "", NULL)[0])
			return err_set(err, 400,
				       "invalid config for network %s: invalid endpoint settings:\n" ADDRESS_REFUSED,
				       config->string);
	}
	return 0;
}

int endpoints_of_create(struct engine *e, const char *container, const cJSON *merged, struct err *err)
{
	const cJSON *host = json_get(merged, "HostConfig"), *config;
	const char *mode = json_text(host, "NetworkMode", "default", NULL);
	struct network *n;
	cJSON *settings;
	int r;

	if (networks_absent(e) || json_bool(json_get(merged, "Config"), "NetworkDisabled", false, NULL))
		return 0;
	if (spec_share(host, "NetworkMode", NULL) != SHARE_OWN || strcmp(mode, "none") == 0)
		return check_without(merged, err);
	n = network_find(e, mode[0] ? mode : "default", err);
	if (!n)
		return -1;
	settings = main_settings(merged, n);
	r = add_wanted(e, container, n->name, settings, err);
	cJSON_Delete(settings);
	cJSON_ArrayForEach(config, json_get(json_get(merged, "NetworkingConfig"), "EndpointsConfig"))
		if (r == 0)
			r = add_wanted(e, container, config->string, cJSON_IsObject(config) ? config : NULL, err);
	return r;
}

/* --- while it runs --- */
static int take_address(const struct network *n, struct pool *p, const char *wanted, uint8_t ret[16], struct err *err)
{
	uint8_t address[16];
	uint32_t bits;
	int r;

	memset(ret, 0, 16);
	if (!p->bits)
		return wanted[0] ? err_set(err, 400, "invalid endpoint settings:\n" ADDRESS_NOWHERE) : 0;
	if (wanted[0])
		address_parse(wanted, address, &bits);
	r = pool_take(p, wanted[0] ? address : NULL, ret);
	if (r == -EADDRINUSE)
		return err_set(err, 403, "Address already in use");
	if (r == -ERANGE)
		return err_set(err, 400, "invalid endpoint settings:\n" ADDRESS_OUTSIDE, wanted);
	if (r < 0)
		return err_set(err, 500, "no available IPv%c addresses on this network's address pools: %s (%s)",
			       address_is_v4(p->subnet) ? '4' : '6', n->name, n->id);
	return 0;
}

/* As Docker: from the address of version 4, so that it is the same again. */
static uint64_t choose_mac(const struct endpoint *ep)
{
	uint32_t low = address_v4(ep->v4);
	uint64_t mac;

	if (!low && getrandom(&low, sizeof(low), 0) != sizeof(low))
		abort();
	mac = UINT64_C(0x024200000000) | low;
	return mac;
}

static void choose_inside(struct engine *e, struct endpoint *ep)
{
	for (unsigned i = 0;; i++) {
		const struct endpoint *other = NULL;

		snprintf(ep->inside, sizeof(ep->inside), "eth%u", i);
		while ((other = endpoint_next(e, ep->container, (struct endpoint *)other)))
			if (other != ep && other->there && strcmp(other->inside, ep->inside) == 0)
				break;
		if (!other)
			return;
	}
}

/* The prefix of all links of ours, "v", seven hexadecimal digits. */
static void choose_host(struct engine *e, struct endpoint *ep)
{
	char host[sizeof(ep->host)];
	uint32_t number;

	do {
		if (getrandom(&number, sizeof(number), 0) != sizeof(number))
			abort();
		snprintf(host, sizeof(host), "%.7sv%07x", e->policy->bridge_prefix, number & 0xfffffff);
	} while (endpoint_by_host(e, host));
	set_host(e, ep, host);
}

int endpoint_allocate(struct engine *e, struct endpoint *ep, struct err *err)
{
	const cJSON *ipam = json_get(ep->settings, "IPAMConfig");
	const char *mac = json_text(ep->settings, "MacAddress", "", NULL);

	if (ep->network->attached >= BRIDGE_PORTS)
		return err_set(err, 403,
			       "network %s is full: a bridge of the kernel's holds %d containers; use another network",
			       ep->network->name, BRIDGE_PORTS);
	if (take_address(ep->network, &ep->network->v4, json_text(ipam, "IPv4Address", "", NULL), ep->v4, err) < 0)
		return -1;
	if (take_address(ep->network, &ep->network->v6, json_text(ipam, "IPv6Address", "", NULL), ep->v6, err) < 0) {
		if (!address_is_zero(ep->v4))
			pool_give(&ep->network->v4, ep->v4);
		return -1;
	}
	if (!mac[0] || mac_parse(mac, &ep->mac) < 0)
		ep->mac = choose_mac(ep);
	choose_inside(e, ep);
	choose_host(e, ep);
	ep->there = true;
	ep->network->attached++;
	return 0;
}

void endpoint_release(struct engine *e, struct endpoint *ep)
{
	if (!ep->there)
		return;
	if (!address_is_zero(ep->v4))
		pool_give(&ep->network->v4, ep->v4);
	if (!address_is_zero(ep->v6))
		pool_give(&ep->network->v6, ep->v6);
	ports_drop(ep);
	ep->there = false;
	ep->network->attached -= !ep->gone;
	ep->inside[0] = '\0';
	endpoint_store(e, ep);
}

uint32_t endpoint_linklocal(const struct endpoint *ep, uint32_t to[ADDRESSES_MAX], uint32_t n)
{
	const cJSON *a;

	cJSON_ArrayForEach(a, json_get(json_get(ep->settings, "IPAMConfig"), "LinkLocalIPs")) {
		uint8_t address[16];
		uint32_t bits;

		if (n < ADDRESSES_MAX && cJSON_IsString(a) && address_parse(a->valuestring, address, &bits) == 0)
			to[n++] = address_v4(address);
	}
	return n;
}

static void put_copy(cJSON *to, const cJSON *from, const char *name)
{
	const cJSON *v = json_get(from, name);

	cJSON_AddItemToObject(to, name, v ? cJSON_Duplicate(v, true) : cJSON_CreateNull());
}

static void put_address(cJSON *o, const char *gateway, const char *address, const char *bits, const struct pool *p,
			const uint8_t a[16], bool there)
{
	char text[ADDRESS_TEXT];
	bool has = there && !address_is_zero(a);

	cJSON_AddStringToObject(o, gateway, has ? address_format(p->gateway, 0, text) : "");
	cJSON_AddStringToObject(o, address, has ? address_format(a, 0, text) : "");
	cJSON_AddNumberToObject(o, bits, has ? address_user_bits(a, p->bits) : 0);
}

cJSON *endpoint_names(struct engine *e, const struct endpoint *ep, const cJSON *config)
{
	const struct container *c = container_by_id(e, ep->container);
	cJSON *names = cJSON_CreateArray();
	const cJSON *a;
	char id[13];

	if (c)
		json_add_once(names, c->row.name);
	cJSON_ArrayForEach(a, json_get(ep->settings, "Aliases"))
		json_add_once(names, a->valuestring);
	snprintf(id, sizeof(id), "%.12s", ep->container);
	json_add_once(names, id);
	json_add_once(names, json_text(config, "Hostname", "", NULL));
	return names;
}

cJSON *endpoint_json(struct engine *e, const struct endpoint *ep, const cJSON *config)
{
	cJSON *o = cJSON_CreateObject();
	char mac[18] = "";

	put_copy(o, ep->settings, "IPAMConfig");
	put_copy(o, ep->settings, "Links");
	put_copy(o, ep->settings, "Aliases");
	if (ep->there)
		mac_format(ep->mac, mac);
	cJSON_AddStringToObject(o, "MacAddress", ep->there ? mac : json_text(ep->settings, "MacAddress", "", NULL));
	put_copy(o, ep->settings, "DriverOpts");
	/* Of a stopped one, too: clients tell by it whether it is in the network that they mean. */
	cJSON_AddStringToObject(o, "NetworkID", ep->network->id);
	cJSON_AddStringToObject(o, "EndpointID", ep->there || !ep->network->bridged ? ep->id : "");
	put_address(o, "Gateway", "IPAddress", "IPPrefixLen", &ep->network->v4, ep->v4, ep->there);
	put_address(o, "IPv6Gateway", "GlobalIPv6Address", "GlobalIPv6PrefixLen", &ep->network->v6, ep->v6, ep->there);
	if (network_predefined(ep->network))
		cJSON_AddNullToObject(o, "DNSNames");
	else
		cJSON_AddItemToObject(o, "DNSNames", endpoint_names(e, ep, config));
	return o;
}
