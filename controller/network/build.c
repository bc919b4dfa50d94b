/* build.c - a network from its configuration (what a client asked for, or its row): options of the bridge driver,
 * subnets.
 *
 * What a client says is checked here in Docker's words. */
#include <linux/if_ether.h>
#include <linux/ipv6.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../helpers/base/names.h"
#include "../../helpers/base/text.h"
#include "../engine.h"
#include "../json.h"
#include "internal.h"

void network_free(struct network *n)
{
	if (!n)
		return;
	pool_finish(&n->v4);
	pool_finish(&n->v6);
	cJSON_Delete(n->config);
	free(n->name);
	free(n);
}

/* --- options of the bridge driver --- */
static const char *option(const struct network *n, const char *name, const char *fallback)
{
	return json_text(json_get(n->config, "Options"), name, fallback, NULL);
}

static int option_bool(const struct network *n, const char *name, bool fallback, bool *ret, struct err *err)
{
	const char *text = option(n, name, NULL);

	*ret = text ? strcmp(text, "true") == 0 || strcmp(text, "1") == 0 : fallback;
	if (text && !*ret && strcmp(text, "false") != 0 && strcmp(text, "0") != 0)
		return err_set(err, 400,
			       "failed to parse %s value: %.64s (strconv.ParseBool: parsing \"%.64s\": invalid syntax)",
			       name, text, text);
	return 0;
}

static int read_options(struct engine *e, struct network *n, struct err *err)
{
	const char *name = option(n, "com.docker.network.bridge.name", NULL),
		   *mtu = option(n, "com.docker.network.driver.mtu", "0");
	const char *host = option(n, "com.docker.network.bridge.host_binding_ipv4", "0.0.0.0"),
		   *prefix = e->policy->bridge_prefix;
	bool masquerade;
	uint64_t number;
	uint32_t bits, least;

	if (option_bool(n, "com.docker.network.bridge.enable_icc", true, &n->icc, err) < 0 ||
	    option_bool(n, "com.docker.network.bridge.enable_ip_masquerade", true, &masquerade, err) < 0)
		return -1;
	if (mtu[0] == '-' && text_u64(mtu + 1, INT32_MAX, &number) == 0)
		return err_set(err, 400, "invalid MTU number: %.64s", mtu);
	if (text_u64(mtu, MTU_MAX, &number) < 0)
		return err_set(err, 400,
			       "failed to parse com.docker.network.driver.mtu value: %.64s (strconv.Atoi: parsing "
			       "\"%.64s\": invalid syntax)",
			       mtu, mtu);
	n->mtu = (uint32_t)number;
	least = n->v6.bits || json_bool(n->config, "EnableIPv6", false, NULL) ? IPV6_MIN_MTU : ETH_MIN_MTU;
	if (n->mtu && n->mtu < least)
		return err_set(err, 400, "invalid com.docker.network.driver.mtu: %u is less than %u", n->mtu, least);
	if (address_parse(host, n->host, &bits) < 0 || bits != 128)
		return err_set(err, 400,
			       "failed to parse com.docker.network.bridge.host_binding_ipv4 value: %.64s (nil ip)",
			       host);
	if (name && (!name_valid(name, strlen(name)) || strlen(name) > IFNAME_MAX))
		return err_set(err, 400, "invalid bridge name \"%.64s\": at most %d letters, digits, '_', '.' and '-'",
			       name, IFNAME_MAX);
	if (name)
		snprintf(n->bridge, sizeof(n->bridge), "%s", name);
	else if (strcmp(n->name, "bridge") != 0)
		snprintf(n->bridge, sizeof(n->bridge), "%s-%.*s", prefix, (int)(IFNAME_MAX - strlen(prefix) - 1),
			 n->id);
	else if (e->policy->ids_base == IDS_DEFAULT_BASE || e->policy->ids_shared)
		snprintf(n->bridge, sizeof(n->bridge), "%s0", prefix);
	else
		snprintf(n->bridge, sizeof(n->bridge), "%s0-%u", prefix, e->policy->ids_base % 100000);
	/* The way out of a user's engine speaks for one address: without masquerading answers would get lost. */
	masquerade = masquerade || e->policy->ids_shared;
	n->flags = n->internal ? NET_INTERNAL : masquerade ? NET_MASQUERADE4 | NET_MASQUERADE6 : 0;
	return 0;
}

/* --- subnets --- */
/* Of "what NAME", in the words that the client used. */
static int within(const struct pool *p, const char *what, const char *name, const char *text, uint8_t ret[16],
		  uint32_t *ret_bits, struct err *err)
{
	const bool range = strcmp(what, "ip-range") == 0, v4 = address_is_v4(p->subnet);
	char subnet[ADDRESS_TEXT];

	address_format(p->subnet, p->bits, subnet);
	if (address_parse(text, ret, ret_bits) < 0 || (range && !strchr(text, '/')))
		return err_set(err, 400, "invalid network config:\ninvalid %s %.64s: invalid %s", what, name,
			       range ? "CIDR block notation" : "address");
	if (address_is_v4(ret) != v4 || !strchr(text, ':') != v4)
		return err_set(err, 400, "invalid network config:\ninvalid %s %.64s: parent subnet is an IPv%c block",
			       what, name, v4 ? '4' : '6');
	if (*ret_bits < p->bits)
		return err_set(
			err, 400,
			"invalid network config:\ninvalid %s %.64s: CIDR block is bigger than its parent subnet %s",
			what, name, subnet);
	if (!bits_equal(ret, p->subnet, p->bits))
		return err_set(err, 400,
			       "invalid network config:\ninvalid %s %.64s: parent subnet %s doesn't contain %s", what,
			       name, subnet, range ? "ip-range" : "this address");
	return 0;
}

static int read_auxiliary(struct pool *p, const cJSON *config, struct err *err)
{
	const cJSON *aux;

	cJSON_ArrayForEach(aux, json_get(config, "AuxiliaryAddresses")) {
		uint8_t address[16], taken[16];
		uint32_t bits;

		if (!cJSON_IsString(aux))
			return err_set(err, 400, "invalid auxiliary address: not a text");
		if (within(p, "auxiliary address", aux->string, aux->valuestring, address, &bits, err) < 0)
			return -1;
		if (pool_take(p, address, taken) < 0)
			return err_set(err, 400, "auxiliary address %.64s: Address already in use", aux->valuestring);
	}
	return 0;
}

int network_subnet(struct network *n, const cJSON *config, struct err *err)
{
	const char *subnet = json_text(config, "Subnet", "", err), *range = json_text(config, "IPRange", "", err);
	const char *gateway = json_text(config, "Gateway", "", err);
	uint8_t address[16], masked[16];
	char text[ADDRESS_TEXT];
	struct pool *p;
	uint32_t bits;
	bool v4;

	if (err->status)
		return -1;
	/* An IPv4 one in words of IPv6 is neither. */
	if (!strchr(subnet, '/') || address_parse(subnet, address, &bits) < 0 ||
	    address_is_v4(address) == !!strchr(subnet, ':'))
		return err_set(err, 400, "invalid network config:\ninvalid subnet %.64s: invalid CIDR block notation",
			       subnet);
	v4 = address_is_v4(address);
	memcpy(masked, address, sizeof(masked));
	address_mask(masked, bits);
	if (memcmp(masked, address, sizeof(masked)) != 0)
		return err_set(err, 400, "invalid network config:\ninvalid subnet %.64s: it should be %s", subnet,
			       address_format(masked, bits, text));
	if (bits > NETWORK_BITS_MAX || bits == (v4 ? 96 : 0))
		return err_set(err, 400,
			       "invalid network config:\ninvalid subnet %.64s: it must be a /%d or wider, and not all "
			       "there is",
			       subnet, v4 ? NETWORK_BITS_MAX - 96 : NETWORK_BITS_MAX);
	p = v4 ? &n->v4 : &n->v6;
	if (p->bits)
		return err_set(err, 403, "bridge driver doesn't support multiple subnets");
	memcpy(p->subnet, address, sizeof(p->subnet));
	p->bits = bits;
	if (range[0] && within(p, "ip-range", range, range, p->range, &p->range_bits, err) < 0)
		return -1;
	if (gateway[0] && within(p, "gateway", gateway, gateway, p->gateway, &bits, err) < 0)
		return -1;
	if (pool_init(p) < 0)
		return err_set(err, 400,
			       "invalid network config:\nip-range %.64s and gateway %.64s do not lie within %.64s",
			       range, gateway, subnet);
	return read_auxiliary(p, config, err);
}

int network_build(struct engine *e, const char *id, const char *name, int64_t created_ns, cJSON *config,
		  struct network **ret, struct err *err)
{
	struct network *n = calloc(1, sizeof(*n));
	const cJSON *entry;

	if (!n || !(n->name = strdup(name))) {
		free(n);
		cJSON_Delete(config);
		return err_set(err, 500, "out of memory");
	}
	TAILQ_INIT(&n->endpoints);
	snprintf(n->id, sizeof(n->id), "%s", id);
	n->config = config;
	n->created_ns = created_ns;
	n->bridged = strcmp(json_text(config, "Driver", "", NULL), "bridge") == 0;
	n->internal = json_bool(config, "Internal", false, NULL);
	cJSON_ArrayForEach(entry, json_get(json_get(config, "IPAM"), "Config"))
		if (n->bridged && network_subnet(n, entry, err) < 0) {
			network_free(n);
			return -1;
		}
	if (n->bridged && read_options(e, n, err) < 0) {
		network_free(n);
		return -1;
	}
	*ret = n;
	return 0;
}
