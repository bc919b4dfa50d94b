/* config_network.c - options of run and create that are about networks: ports, networks, addresses, hosts. What they
 * mean and the words for what is wrong are those of Docker's client. */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../../helpers/base/cleanup.h"
#include "config.h"

/* NOLINTBEGIN(clang-analyzer-unix.Malloc): it does not know cleanup attributes, which free what it misses */

static bool is_address(const char *text)
{
	unsigned char a[sizeof(struct in6_addr)];

	return inet_pton(strchr(text, ':') ? AF_INET6 : AF_INET, text, a) == 1;
}

static int invalid(const struct option_row *row, const char *value, const char *why)
{
	return fail(-1, "invalid argument \"%s\" for \"--%s\" flag: %s: %s", value, row->name, why, value);
}

/* --- ports ------------------------------------------------------------------------------------------------ */
enum { RANGE_MAX = 4096 /* ports of one option */ };

static bool parse_port(const char *text, size_t n, unsigned *ret)
{
	unsigned port = 0;

	for (size_t i = 0; i < n; i++) {
		if (!isdigit((unsigned char)text[i]))
			return false;
		port = port * 10 + (unsigned)(text[i] - '0');
		if (port > 65535)
			return false;
	}
	*ret = port;
	return n > 0;
}

/* "80" or "80-90"; the number of ports, or 0. */
static unsigned parse_ports(const char *text, unsigned *ret_first)
{
	const char *dash = strchr(text, '-');
	unsigned first, last;

	if (!parse_port(text, dash ? (size_t)(dash - text) : strlen(text), &first))
		return 0;
	last = first;
	if (dash && !parse_port(dash + 1, strlen(dash + 1), &last))
		return 0;
	if (last < first || last - first >= RANGE_MAX)
		return 0;
	*ret_first = first;
	return last - first + 1;
}

static cJSON *object_at(struct run_options *o, const char *path)
{
	const char *key;
	cJSON *h = config_holder(o->body, path, &key), *v = cJSON_GetObjectItemCaseSensitive(h, key);

	return v ? v : cJSON_AddObjectToObject(h, key);
}

static void expose(struct run_options *o, const char *port)
{
	cJSON *ports = object_at(o, "ExposedPorts");

	if (!cJSON_GetObjectItemCaseSensitive(ports, port))
		cJSON_AddObjectToObject(ports, port);
}

static void bind_port(struct run_options *o, const char *port, const char *address, const char *host)
{
	cJSON *bindings = object_at(o, "HostConfig.PortBindings"), *list, *b = cJSON_CreateObject();

	list = cJSON_GetObjectItemCaseSensitive(bindings, port);
	if (!list)
		list = cJSON_AddArrayToObject(bindings, port);
	cJSON_AddStringToObject(b, "HostIp", address);
	cJSON_AddStringToObject(b, "HostPort", host);
	cJSON_AddItemToArray(list, b);
}

/* Cuts "/udp" off, in small letters; "tcp" when there is none. */
static const char *take_protocol(char *text)
{
	char *slash = strchr(text, '/'), *end;

	if (!slash)
		return "tcp";
	*slash++ = '\0';
	end = strchr(slash, '/');
	if (end)
		*end = '\0';
	for (char *p = slash; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return *slash ? slash : "tcp";
}

static bool is_protocol(const char *s)
{
	return strcmp(s, "tcp") == 0 || strcmp(s, "udp") == 0 || strcmp(s, "sctp") == 0;
}

/* Cuts what is behind the last colon off; NULL when there is none. */
static char *cut_last(char *text)
{
	char *colon = strrchr(text, ':');

	if (!colon)
		return NULL;
	*colon = '\0';
	return colon + 1;
}

/* "published=8080,target=80,protocol=udp" as "8080:80/udp". Fresh memory, or NULL after a message. */
static char *port_of_pairs(const char *value)
{
	_cleanup_free_ char *copy = strdup(value);
	const char *published = "", *target = "", *protocol = "tcp";
	char *rest = copy, *word, *text;

	while (rest && (word = strsep(&rest, ","))) {
		char *equals = strchr(word, '=');

		if (!equals || equals == word) {
			fail(-1, "invalid publish opts format (should be name=value but got '%s')", word);
			return NULL;
		}
		*equals = '\0';
		if (strcmp(word, "published") == 0)
			published = equals + 1;
		else if (strcmp(word, "target") == 0)
			target = equals + 1;
		else if (strcmp(word, "protocol") == 0)
			protocol = equals + 1;
	}
	return asprintf(&text, "%s:%s/%s", published, target, protocol) < 0 ? NULL : text;
}

/* [[ADDRESS:][HOST]:]CONTAINER[/PROTOCOL], ports or ranges of the same length; an IPv6 address may be in brackets. A
 * range outside for one port inside: the engine takes a free one of it. */
int config_add_port(void *to, const struct option_row *row, const char *value)
{
	_cleanup_free_ char *text = strchr(value, '=') ? port_of_pairs(value) : strdup(value);
	char *inside = text ? cut_last(text) : NULL, *host = "", *address = "";
	unsigned first, host_first = 0, n, host_n = 0;
	const char *protocol;
	size_t len;

	if (!text)
		return -1;
	if (inside) {
		host = cut_last(text);
		address = host ? text : "";
		host = host ? host : text;
	} else {
		inside = text;
	}
	protocol = take_protocol(inside);
	len = strlen(address);
	if (len > 1 && address[0] == '[' && address[len - 1] == ']') {
		address[len - 1] = '\0';
		address++;
	}
	if (*address && !is_address(address))
		return fail(-1, "invalid IP address: %s", address);
	if (!*inside)
		return fail(-1, "no port specified: %s<empty>", value);
	n = parse_ports(inside, &first);
	if (!n)
		return fail(-1, "invalid containerPort: %s", inside);
	if (*host)
		host_n = parse_ports(host, &host_first);
	if (*host && !host_n)
		return fail(-1, "invalid hostPort: %s", host);
	if (host_n && n > 1 && host_n != n)
		return fail(-1, "invalid ranges specified for container and host Ports: %s and %s", inside, host);
	if (!is_protocol(protocol))
		return fail(-1, "invalid proto: %s", protocol);
	for (unsigned i = 0; i < n; i++) {
		char port[32], number[16] = "";

		snprintf(port, sizeof(port), "%u/%s", first + i, protocol);
		if (host_n > 1 && n == 1)
			snprintf(number, sizeof(number), "%u-%u", host_first, host_first + host_n - 1);
		else if (host_n)
			snprintf(number, sizeof(number), "%u", host_first + i);
		expose(to, port);
		bind_port(to, port, address, number);
	}
	return 0;
}

int config_add_expose(void *to, const struct option_row *row, const char *value)
{
	_cleanup_free_ char *text = strdup(value);
	const char *protocol;
	unsigned first, n;

	if (!text)
		return -1;
	if (strchr(text, ':'))
		return fail(-1, "invalid port format for --expose: %s", value);
	protocol = take_protocol(text);
	n = parse_ports(text, &first);
	if (!n || !is_protocol(protocol))
		return fail(-1, "invalid range format for --expose: %s", value);
	for (unsigned i = 0; i < n; i++) {
		char port[32];

		snprintf(port, sizeof(port), "%u/%s", first + i, protocol);
		expose(to, port);
	}
	return 0;
}

/* --- hosts and servers ------------------------------------------------------------------------------------ */
/* NAME:ADDRESS or NAME=ADDRESS; the address may be in brackets, or host-gateway. */
int config_add_host(void *to, const struct option_row *row, const char *value)
{
	_cleanup_free_ char *text = strdup(value), *entry = NULL;
	char *cut = text ? strchr(text, '=') : NULL, *address;
	size_t n;

	if (!text)
		return -1;
	cut = cut ? cut : strchr(text, ':');
	if (cut)
		*cut = '\0';
	if (!cut || !*text || strchr(text, ':'))
		return fail(-1, "invalid argument \"%s\" for \"--add-host\" flag: bad format for add-host: \"%s\"",
			    value, value);
	address = cut + 1;
	n = strlen(address);
	if (n > 2 && address[0] == '[' && address[n - 1] == ']') {
		address[n - 1] = '\0';
		address++;
	}
	if (strcmp(address, "host-gateway") != 0 && !is_address(address))
		return fail(-1,
			    "invalid argument \"%s\" for \"--add-host\" flag: invalid IP address in add-host: \"%s\"",
			    value, address);
	if (asprintf(&entry, "%s:%s", text, address) < 0)
		return -1;
	cJSON_AddItemToArray(config_list(to, row->path), cJSON_CreateString(entry));
	return 0;
}

int config_add_server(void *to, const struct option_row *row, const char *value)
{
	if (!is_address(value))
		return invalid(row, value, "IP address is not correctly formatted");
	cJSON_AddItemToArray(config_list(to, row->path), cJSON_CreateString(value));
	return 0;
}

/* CONTAINER[:ALIAS] */
int config_add_link(void *to, const struct option_row *row, const char *value)
{
	const char *colon = strchr(value, ':');

	if (!*value)
		return invalid(row, value, "empty string specified for links");
	if (colon && strchr(colon + 1, ':'))
		return invalid(row, value, "bad format for links");
	cJSON_AddItemToArray(config_list(to, row->path), cJSON_CreateString(value));
	return 0;
}

/* --- networks --------------------------------------------------------------------------------------------- */
static bool is_users(const char *network)
{
	static const char *const own[] = { "default", "bridge", "host", "none" };

	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		if (strcmp(network, own[i]) == 0)
			return false;
	return strncmp(network, "container:", 10) != 0;
}

/* "02:42:ac:11:00:02", or with dashes. */
static bool is_mac(const char *text)
{
	if (strlen(text) != 17)
		return false;
	for (size_t i = 0; i < 17; i++)
		if (i % 3 == 2 ? text[i] != text[2] || (text[2] != ':' && text[2] != '-')
			       : !isxdigit((unsigned char)text[i]))
			return false;
	return true;
}

static const struct {
	const char *key, *path;
	enum { NETWORK_TEXT, NETWORK_LIST, NETWORK_PAIR, NETWORK_MAC, NETWORK_NUMBER } kind;
} network_keys[] = {
	{ "name", "Target", NETWORK_TEXT },
	{ "alias", "Settings.Aliases", NETWORK_LIST },
	{ "ip", "Settings.IPAMConfig.IPv4Address", NETWORK_TEXT },
	{ "ip6", "Settings.IPAMConfig.IPv6Address", NETWORK_TEXT },
	{ "mac-address", "Settings.MacAddress", NETWORK_MAC },
	{ "link-local-ip", "Settings.IPAMConfig.LinkLocalIPs", NETWORK_LIST },
	{ "driver-opt", "Settings.DriverOpts", NETWORK_PAIR },
	{ "gw-priority", "Settings.GwPriority", NETWORK_NUMBER },
};

/* NULL, or what is wrong. */
static const char *network_field(struct run_options *to, char *field)
{
	char *value = strchr(field, '='), *end;

	if (!value || value == field)
		return "invalid field";
	*value++ = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(network_keys); i++) {
		const char *path = network_keys[i].path;

		if (strcasecmp(field, network_keys[i].key) != 0)
			continue;
		switch (network_keys[i].kind) {
		case NETWORK_MAC:
			if (!is_mac(value))
				return "not a valid mac address";
			/* fall through */
		case NETWORK_TEXT:
			config_put(to, path, cJSON_CreateString(value));
			return NULL;
		case NETWORK_LIST:
			cJSON_AddItemToArray(config_list(to, path), cJSON_CreateString(value));
			return NULL;
		case NETWORK_PAIR:
			if (!strchr(value, '=') || *value == '=')
				return "invalid key value pair format in driver options";
			config_add_pair(to, &(struct option_row){ .path = path }, value);
			return NULL;
		case NETWORK_NUMBER:
			config_put(to, path, cJSON_CreateNumber((double)strtol(value, &end, 10)));
			return !*value || *end ? "gw-priority is not a number" : NULL;
		}
	}
	return "invalid field key";
}

/* "name=a=b"'s form: a word, '=' and a word, anywhere. */
static bool is_long(const char *value)
{
	const char *equals = strchr(value, '=');

	return equals && equals > value && (isalnum((unsigned char)equals[-1]) || equals[-1] == '_') && equals[1];
}

/* NAME, or name=NAME,alias=...,ip=...: one of the list that config_finish_network turns into the body. */
int config_add_network(void *to, const struct option_row *row, const char *value)
{
	struct run_options *o = to, one = { .body = cJSON_CreateObject() };
	_cleanup_free_ char *text = strdup(value);
	const char *wrong = NULL;
	char *rest = text, *field;

	if (is_long(value)) {
		while (!wrong && rest && (field = strsep(&rest, ",")))
			wrong = network_field(&one, field);
		if (!wrong && !*json_text_at(one.body, "Target"))
			wrong = "network name/id is not specified";
	} else {
		config_put(&one, "Target", cJSON_CreateString(value));
	}
	if (wrong) {
		cJSON_Delete(one.body);
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): its cleanup attribute frees it */
		return invalid(row, value, wrong);
	}
	if (!o->networks)
		o->networks = cJSON_CreateArray();
	cJSON_AddItemToArray(o->networks, one.body);
	return 0;
}

static int put_once(struct run_options *one, const char *path, const char *value, const char *conflict)
{
	if (!value)
		return 0;
	if (json_at(one->body, path))
		return fail(-1, "conflicting options: cannot specify both %s", conflict);
	config_put(one, path, cJSON_CreateString(value));
	return 0;
}

static int add_once(struct run_options *one, const char *path, const struct texts *values, const char *conflict)
{
	if (values->n && json_at(one->body, path))
		return fail(-1, "conflicting options: cannot specify both %s", conflict);
	for (size_t i = 0; i < values->n; i++)
		cJSON_AddItemToArray(config_list(one, path), cJSON_CreateString(values->v[i]));
	return 0;
}

/* --ip and so on are of the first network. */
static int add_common(const struct run_options *o, struct run_options *one)
{
	const cJSON *link, *links = json_at(o->body, "HostConfig.Links");

	if (o->mac && !is_mac(o->mac))
		return fail(-1, "%s is not a valid mac address", o->mac);
	if (add_once(one, "Settings.Aliases", &o->aliases, "--network-alias and per-network alias") < 0 ||
	    put_once(one, "Settings.IPAMConfig.IPv4Address", o->ip, "--ip and per-network IPv4 address") < 0 ||
	    put_once(one, "Settings.IPAMConfig.IPv6Address", o->ip6, "--ip6 and per-network IPv6 address") < 0 ||
	    put_once(one, "Settings.MacAddress", o->mac, "--mac-address and per-network MAC address") < 0 ||
	    add_once(one, "Settings.IPAMConfig.LinkLocalIPs", &o->linklocals,
		     "--link-local-ip and per-network link-local IP addresses") < 0)
		return -1;
	if (is_users(json_text_at(one->body, "Target")))
		cJSON_ArrayForEach(link, links)
			cJSON_AddItemToArray(config_list(one, "Settings.Links"), cJSON_Duplicate(link, true));
	return 0;
}

/* One network into the body; `first` tells the mode, too. */
static int put_network(struct run_options *o, cJSON *network, bool first)
{
	struct run_options one = { .body = network };
	const char *target = json_text_at(network, "Target"), *mac;
	cJSON *all, *settings;

	if (!target[strspn(target, " ")])
		return fail(-1, "no name set for network");
	if (first && add_common(o, &one) < 0)
		return -1;
	if (!is_users(target) && json_at(network, "Settings.Aliases"))
		return fail(-1, "network-scoped aliases are only supported for user-defined networks");
	if (first)
		config_put(o, "HostConfig.NetworkMode", cJSON_CreateString(target));
	mac = json_text_at(network, "Settings.MacAddress");
	if (first && *mac)
		config_put(o, "MacAddress", cJSON_CreateString(mac));
	all = object_at(o, "NetworkingConfig.EndpointsConfig");
	if (cJSON_GetObjectItemCaseSensitive(all, target))
		return fail(-1, "network \"%s\" is specified multiple times", target);
	settings = cJSON_DetachItemFromObjectCaseSensitive(network, "Settings");
	cJSON_AddItemToObject(all, target, settings ? settings : cJSON_CreateObject());
	return 0;
}

int config_finish_network(struct run_options *o)
{
	bool users = false, others = false;
	cJSON *network;

	if (!o->networks) {
		struct run_options one = { .body = cJSON_CreateObject() };

		config_put(&one, "Target", cJSON_CreateString("default"));
		o->networks = cJSON_CreateArray();
		cJSON_AddItemToArray(o->networks, one.body);
	}
	cJSON_ArrayForEach(network, o->networks) {
		if (is_users(json_text_at(network, "Target")))
			users = true;
		else
			others = true;
		if (put_network(o, network, network == o->networks->child) < 0)
			return -1;
	}
	if (users && others)
		return fail(-1,
			    "conflicting options: cannot attach both user-defined and non-user-defined network-modes");
	/* One about which nothing is said but its name needs no more than the mode. */
	network = object_at(o, "NetworkingConfig.EndpointsConfig");
	if (cJSON_GetArraySize(network) == 1 && !network->child->child)
		cJSON_DeleteItemFromObjectCaseSensitive(o->body, "NetworkingConfig");
	return 0;
}

/* NOLINTEND(clang-analyzer-unix.Malloc) */
