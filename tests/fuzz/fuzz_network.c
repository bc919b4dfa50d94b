/* fuzz_network.c - any texts as subnets, ranges, gateways and options of a network: it is refused with a text, or its pools give addresses of
 * their subnets, none twice. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../controller/engine.h"
#include "../../controller/network/internal.h"
#include "../../helpers/base/policy.h"

static void take(struct pool *p)
{
	uint8_t a[2][16], last[16];

	if (!p->bits)
		return;
	for (int i = 0; i < 2; i++) {
		if (pool_take(p, NULL, a[i]) < 0)
			return;
		if (!bits_equal(a[i], p->subnet, p->bits) || (i && memcmp(a[0], a[1], 16) == 0) ||
		    pool_take(p, a[i], last) != -EADDRINUSE)
			abort();
	}
	pool_give(p, a[0]);
	if (pool_take(p, a[0], last) != 0)
		abort();
}

/* The first byte of a line says what it stands for, the next two which one of those: chance alone finds no address. */
static void value(const char *line, char ret[256])
{
	unsigned b[3] = { 0 };

	for (int i = 0; i < 3 && line[i]; i++)
		b[i] = (unsigned char)line[i];
	switch (b[0] % 5) {
	case 0: snprintf(ret, 256, "10.0.0.0/%u", b[1]); break;
	case 1: snprintf(ret, 256, "10.0.%u.%u", b[1], b[2]); break;
	case 2: snprintf(ret, 256, "fd00::/%u", b[1]); break;
	case 3: snprintf(ret, 256, "fd00::%x", b[1] << 8 | b[2]); break;
	default: snprintf(ret, 256, "%.255s", line + 1);
	}
}

/* A network's configuration as it is stored: each line of the input is one value, an empty one is none. */
static cJSON *config_of(char *text)
{
	static const char *const names[] = { "Subnet", "IPRange", "Gateway", "AuxiliaryAddresses" };
	static const char *const options[] = { "driver.mtu", "bridge.name", "bridge.host_binding_ipv4", "bridge.enable_icc" };
	cJSON *c = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(cJSON_AddObjectToObject(c, "IPAM"), "Config");
	cJSON *o = cJSON_AddObjectToObject(c, "Options"), *entry = NULL;

	cJSON_AddStringToObject(c, "Driver", "bridge");
	for (unsigned i = 0; text; i++) {
		char *word = strsep(&text, "\n"), name[64], line[256];

		line[0] = '\0';
		if (word[0])
			value(word, line);
		if (i % 4 == 0 && (i < 4 || i > 7))
			cJSON_AddItemToArray(list, entry = cJSON_CreateObject());
		snprintf(name, sizeof(name), "com.docker.network.%s", options[i % 4]);
		if (line[0] && i >= 4 && i <= 7)
			cJSON_AddStringToObject(o, name, line);
		else if (line[0] && i % 4 < 3)
			cJSON_AddStringToObject(entry, names[i % 4], line);
		else if (line[0])
			cJSON_AddStringToObject(cJSON_AddObjectToObject(entry, names[3]), "a", line);
	}
	return c;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct policy_common policy = { .bridge_prefix = "br" };
	struct engine e = { .policy = &policy };
	char *text = strndup((const char *)data, n);
	struct network *net = NULL;
	struct err err = { 0 };

	if ((network_build(&e, "0123456789abcdef", "x", 0, config_of(text), &net, &err) == 0) != (err.status == 0))
		abort();
	if (net) {
		take(&net->v4);
		take(&net->v6);
	}
	network_free(net);
	free(text);
	return 0;
}
