/* network_create.c - network create. Docker's client decides which range, gateway and address belongs to which subnet
 * before it asks; so does this, in its words. Everything else is the engine's to judge. */
#include <stdlib.h>
#include <string.h>

#include "../../helpers/base/cleanup.h"
#include "../network/ipam.h"
#include "cli.h"

struct create_options {
	bool ipv4, ipv6, internal, attachable;
	const char *driver, *ipam_driver;
	struct texts labels, options, ipam_options, subnets, ranges, gateways, aux;
};
#define OPTION(name, letter, kind, field, text)                                                                        \
	{                                                                                                              \
		name, letter, kind, offsetof(struct create_options, field), NULL, NULL, text                           \
	}

/* NOLINTBEGIN(clang-analyzer-unix.Malloc): it does not know cleanup attributes, which free what it misses */

/* --- subnets ---------------------------------------------------------------------------------------------- */
/* Values of a list option that may have several in one, "a,b": each to f. */
static int each_value(const struct texts *list, int (*f)(void *data, const char *value), void *data)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < list->n; i++) {
		_cleanup_free_ char *copy = strdup(list->v[i]);
		char *rest = copy, *value;

		while (r == 0 && rest && (value = strsep(&rest, ",")))
			r = f(data, value);
	}
	return r;
}

/* Does subnet (checked) hold an address or a subnet? */
static bool subnet_holds(const char *subnet, const char *inner)
{
	uint8_t a[16], b[16];
	uint32_t bits, inner_bits;

	if (address_parse(subnet, a, &bits) < 0 || address_parse(inner, b, &inner_bits) < 0)
		return false;
	address_mask(a, bits);
	address_mask(b, bits);
	return memcmp(a, b, sizeof(a)) == 0;
}

static bool is_prefix(const char *text)
{
	uint8_t a[16];
	uint32_t bits;

	return strchr(text, '/') && address_parse(text, a, &bits) == 0;
}

static int take_subnet(void *data, const char *subnet)
{
	cJSON *config = data, *entry;

	if (!is_prefix(subnet))
		return fail(-1, "invalid subnet: invalid CIDR address: %s", subnet);
	cJSON_ArrayForEach(entry, config)
		if (subnet_holds(subnet, json_text_at(entry, "Subnet")) ||
		    subnet_holds(json_text_at(entry, "Subnet"), subnet))
			return fail(-1, "multiple overlapping subnet configuration is not supported");
	entry = cJSON_CreateObject();
	cJSON_AddStringToObject(entry, "Subnet", subnet);
	cJSON_AddItemToArray(config, entry);
	return 0;
}

/* What belongs to the subnet that holds it. */
struct part {
	cJSON *config;
	const char *key, *word, *several;
};

static int take_part(void *data, const char *value)
{
	const struct part *p = data;
	uint8_t a[16];
	uint32_t bits;
	cJSON *entry;

	if (address_parse(value, a, &bits) < 0)
		return fail(-1, "invalid %s: %s", p->word, value);
	cJSON_ArrayForEach(entry, p->config) {
		if (!subnet_holds(json_text_at(entry, "Subnet"), value))
			continue;
		if (json_at(entry, p->key))
			return fail(-1, p->several, value, json_text_at(entry, p->key), json_text_at(entry, "Subnet"));
		cJSON_AddStringToObject(entry, p->key, value);
		return 0;
	}
	return fail(-1, "no matching subnet for %s %s", p->word, value);
}

/* "name=address" */
static int take_aux(cJSON *config, const char *pair)
{
	const char *equals = strchr(pair, '='), *address = equals ? equals + 1 : "";
	char name[256];
	cJSON *entry, *map;

	if (!equals || equals == pair || equals - pair >= (ssize_t)sizeof(name))
		return fail(-1, "invalid argument \"%s\" for \"--aux-address\" flag: it is NAME=ADDRESS", pair);
	snprintf(name, sizeof(name), "%.*s", (int)(equals - pair), pair);
	cJSON_ArrayForEach(entry, config) {
		if (!subnet_holds(json_text_at(entry, "Subnet"), address))
			continue;
		map = cJSON_GetObjectItemCaseSensitive(entry, "AuxiliaryAddresses");
		if (!map)
			map = cJSON_AddObjectToObject(entry, "AuxiliaryAddresses");
		cJSON_DeleteItemFromObjectCaseSensitive(map, name);
		cJSON_AddStringToObject(map, name, address);
		return 0;
	}
	return fail(-1, "no matching subnet for aux-address %s", address);
}

static int count_one(void *data, const char *value)
{
	++*(size_t *)data;
	return 0;
}

static int put_subnets(cJSON *config, const struct create_options *o)
{
	struct part range = { config, "IPRange", "range",
			      "cannot configure multiple ranges (%s, %s) on the same subnet (%s)" };
	struct part gateway = { config, "Gateway", "gateway",
				"cannot configure multiple gateways (%s, %s) for the same subnet (%s)" };
	size_t subnets = 0, ranges = 0, gateways = 0;

	each_value(&o->subnets, count_one, &subnets);
	each_value(&o->ranges, count_one, &ranges);
	each_value(&o->gateways, count_one, &gateways);
	if (subnets < ranges || subnets < gateways)
		return fail(-1, "every ip-range or gateway must have a corresponding subnet");
	if (each_value(&o->subnets, take_subnet, config) < 0 || each_value(&o->ranges, take_part, &range) < 0 ||
	    each_value(&o->gateways, take_part, &gateway) < 0)
		return -1;
	for (size_t i = 0; i < o->aux.n; i++)
		if (take_aux(config, o->aux.v[i]) < 0)
			return -1;
	return 0;
}

/* --- the request ------------------------------------------------------------------------------------------ */
/* "name=value" texts as an object. */
void json_put_pairs(cJSON *to, const char *key, const struct texts *pairs)
{
	cJSON *map = cJSON_AddObjectToObject(to, key);

	for (size_t i = 0; i < pairs->n; i++) {
		_cleanup_free_ char *name = strdup(pairs->v[i]);
		char *value = name;

		strsep(&value, "=");
		if (!name || !*name)
			continue;
		cJSON_DeleteItemFromObjectCaseSensitive(map, name);
		cJSON_AddStringToObject(map, name, value ? value : "");
	}
}

static int send_create(struct cli *cli, const char *name, const struct create_options *o)
{
	cJSON *body = cJSON_CreateObject(), *ipam, *answer = NULL;
	int r;

	cJSON_AddStringToObject(body, "Name", name);
	cJSON_AddStringToObject(body, "Driver", o->driver);
	cJSON_AddBoolToObject(body, "EnableIPv4", o->ipv4);
	cJSON_AddBoolToObject(body, "EnableIPv6", o->ipv6);
	cJSON_AddBoolToObject(body, "Internal", o->internal);
	cJSON_AddBoolToObject(body, "Attachable", o->attachable);
	json_put_pairs(body, "Options", &o->options);
	json_put_pairs(body, "Labels", &o->labels);
	ipam = cJSON_AddObjectToObject(body, "IPAM");
	cJSON_AddStringToObject(ipam, "Driver", o->ipam_driver);
	json_put_pairs(ipam, "Options", &o->ipam_options);
	r = put_subnets(cJSON_AddArrayToObject(ipam, "Config"), o) < 0;
	if (r == 0)
		r = api_call(cli, "POST", API "/networks/create", body, &answer) < 0;
	if (r == 0 && *json_text_at(answer, "Warning"))
		fprintf(stderr, "WARNING: %s\n", json_text_at(answer, "Warning"));
	if (r == 0)
		printf("%s\n", json_text_at(answer, "Id"));
	cJSON_Delete(answer);
	cJSON_Delete(body);
	return r;
}

int network_create(struct cli *cli, int argc, char **argv)
{
	static const struct option_row rows[] = {
		OPTION("driver", 'd', OPT_TEXT, driver, "bridge"),
		OPTION("subnet", 0, OPT_LIST, subnets, "10.1.0.0/16; one of each version"),
		OPTION("ip-range", 0, OPT_LIST, ranges, "part of the subnet that containers get addresses of"),
		OPTION("gateway", 0, OPT_LIST, gateways, "the bridge's own address"),
		OPTION("aux-address", 0, OPT_LIST, aux, "NAME=ADDRESS that no container gets"),
		OPTION("ipv4", 0, OPT_FLAG, ipv4, "IPv4 addresses (true)"),
		OPTION("ipv6", 0, OPT_FLAG, ipv6, "IPv6 addresses, too"),
		OPTION("internal", 0, OPT_FLAG, internal, "no way out, and none in"),
		OPTION("attachable", 0, OPT_FLAG, attachable, "kept for Docker's clients"),
		OPTION("label", 0, OPT_LIST, labels, "NAME=VALUE"),
		OPTION("opt", 'o', OPT_LIST, options, "com.docker.network.bridge.name=..., and so on"),
		OPTION("ipam-driver", 0, OPT_TEXT, ipam_driver, "default"),
		OPTION("ipam-opt", 0, OPT_LIST, ipam_options, "NAME=VALUE"),
	};
	struct create_options o = { .driver = "bridge", .ipam_driver = "default", .ipv4 = true };
	int n, r;

	r = OPTIONS(rows, &o, false, argc, argv, &n);
	if (r)
		return r < 0;
	return n == 1 ? send_create(cli, argv[1], &o) : usage_of("network create", "[OPTIONS] NETWORK", n);
}

/* NOLINTEND(clang-analyzer-unix.Malloc) */
