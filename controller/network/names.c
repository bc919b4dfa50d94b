/* names.c - what a container finds in /etc/hosts and /etc/resolv.conf of its networks. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../helpers/base/cleanup.h"
#include "../container/internal.h"
#include "../engine.h"
#include "../json.h"
#include "internal.h"

static struct endpoint *first_there(struct engine *e, const char *container)
{
	struct endpoint *ep = endpoint_next(e, container, NULL);

	while (ep && !ep->there)
		ep = endpoint_next(e, container, ep);
	return ep;
}

/* A container in no network of ours keeps what it would have without any. */
bool net_is_in(struct container *c)
{
	return first_there(c->e, c->row.id) != NULL;
}

int net_host_gateway(struct engine *e, const char *container, char *ret, size_t size)
{
	const struct endpoint *ep = first_there(e, container);
	char text[ADDRESS_TEXT];

	if (!ep || !ep->network->v4.bits)
		return -1;
	snprintf(ret, size, "%s", address_format(ep->network->v4.gateway, 0, text));
	return 0;
}

void endpoint_hosts(FILE *f, const struct endpoint *ep, const cJSON *config)
{
	const char *host = json_text(config, "Hostname", "", NULL), *domain = json_text(config, "Domainname", "", NULL);
	const size_t bare = strcspn(host, ".");
	char text[ADDRESS_TEXT];

	for (int six = 0; ep->there && six < 2; six++) {
		const uint8_t *a = six ? ep->v6 : ep->v4;

		if (address_is_zero(a))
			continue;
		fprintf(f, "%s\t", address_format(a, 0, text));
		/* The whole name may have been given as that of the host. */
		if (domain[0])
			fprintf(f, "%s.%s ", host, domain);
		else if (host[bare])
			fprintf(f, "%s ", host);
		fprintf(f, "%.*s\n", (int)bare, host);
	}
}

/* "container:alias" or "container"; HostConfig.Links of the default network. */
struct container *link_target(struct engine *e, const char *link, char alias[256], struct err *err)
{
	char name[256];
	const char *colon = strchr(link, ':'), *slash;

	snprintf(name, sizeof(name), "%.*s", colon ? (int)(colon - link) : 255, link);
	slash = colon ? strrchr(colon + 1, '/') : strrchr(name, '/');
	snprintf(alias, 256, "%s", slash ? slash + 1 : colon ? colon + 1 : name);
	return container_find(e, name, err);
}

struct network *links_network(struct container *c)
{
	const struct endpoint *mine = first_there(c->e, c->row.id);

	return mine && network_predefined(mine->network) ? mine->network : NULL;
}

void link_hosts(FILE *f, const struct container *target, const struct endpoint *ep, const char *alias)
{
	cJSON *merged = container_config(target);
	const char *host = json_text(json_get(merged, "Config"), "Hostname", "", NULL);
	char text[ADDRESS_TEXT];

	fprintf(f, "%s\t%s %s", address_format(ep->v4, 0, text), alias, host);
	fprintf(f, strcmp(alias, target->row.name) == 0 ? "\n" : " %s\n", target->row.name);
	cJSON_Delete(merged);
}

static int link_lines(FILE *f, struct container *c, const cJSON *host, struct err *err)
{
	const struct network *bridge = links_network(c);
	const cJSON *link;

	if (!bridge)
		return 0;
	cJSON_ArrayForEach(link, json_get(host, "Links")) {
		char alias[256];
		struct container *target = link_target(c->e, link->valuestring, alias, NULL);
		struct endpoint *ep = target ? endpoint_find(c->e, bridge, target->row.id) : NULL;
		bool there = ep && ep->there;

		if (there)
			link_hosts(f, target, ep, alias);
		else if (target && container_is_running(target))
			err_set(err, 409, "Cannot link to /%s, as it does not belong to the default network.",
				target->row.name);
		else
			err_set(err, 409, "Cannot link to a non running container: /%.*s AS /%s/%s", target ? -1 : 12,
				target ? target->row.name : link->valuestring, c->row.name, alias);
		if (target)
			container_put(target);
		if (!there)
			return -1;
	}
	return 0;
}

char *net_hosts(struct container *c, const cJSON *merged, struct err *err)
{
	const cJSON *host = json_get(merged, "HostConfig"), *extra;
	char *text = NULL, gateway[ADDRESS_TEXT];
	struct endpoint *ep = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);
	int r;

	if (!f) {
		err_set(err, 500, "out of memory");
		return NULL;
	}
	cJSON_ArrayForEach(extra, json_get(host, "ExtraHosts")) {
		const char *colon = strchr(extra->valuestring, ':');

		if (colon && strcmp(colon + 1, "host-gateway") == 0 &&
		    net_host_gateway(c->e, c->row.id, gateway, sizeof(gateway)) == 0)
			fprintf(f, "%s\t%.*s\n", gateway, (int)(colon - extra->valuestring), extra->valuestring);
	}
	r = link_lines(f, c, host, err);
	while ((ep = endpoint_next(c->e, c->row.id, ep)))
		endpoint_hosts(f, ep, json_get(merged, "Config"));
	if (fclose(f) != 0 || r < 0) {
		free(text);
		err_set(err, 500, "out of memory");
		return NULL;
	}
	return text;
}

/* --- /etc/resolv.conf --- */
static bool is_loopback(const char *server)
{
	uint8_t a[16];
	uint32_t bits;

	return address_parse(server, a, &bits) == 0 &&
	       (address_is_v4(a) ? address_v4(a) >> 24 == 127 : address_hi(a) == 0 && address_lo(a) == 1);
}

/* The host's own servers, without those that only the host reaches; search and options as they are. Docker's choice
 * when none is left. */
static void from_host(FILE *f, bool v6, bool servers, bool search, bool options)
{
	_cleanup_free_ char *text = host_file("/etc/resolv.conf");
	char *save = NULL;
	bool any = false;

	for (char *line = text ? strtok_r(text, "\n", &save) : NULL; line; line = strtok_r(NULL, "\n", &save)) {
		char server[ADDRESS_TEXT];

		if (sscanf(line, "nameserver %63s", server) == 1) {
			if (!servers || is_loopback(server) || (strchr(server, ':') && !v6))
				continue;
			fprintf(f, "nameserver %s\n", server);
			any = true;
		} else if (strncmp(line, "search ", 7) == 0 || strncmp(line, "domain ", 7) == 0) {
			if (search)
				fprintf(f, "%s\n", line);
		} else if (strncmp(line, "options ", 8) == 0 && options) {
			fprintf(f, "%s\n", line);
		}
	}
	if (servers && !any)
		fputs("nameserver 8.8.8.8\nnameserver 8.8.4.4\n", f);
}

static void list_line(FILE *f, const char *word, const cJSON *list, const char *last)
{
	const cJSON *v;

	/* "." alone: no search at all. */
	if (cJSON_GetArraySize(list) == 0 || strcmp(cJSON_GetArrayItem(list, 0)->valuestring, ".") == 0)
		return;
	fputs(word, f);
	cJSON_ArrayForEach(v, list)
		fprintf(f, " %s", v->valuestring);
	fprintf(f, "%s\n", last);
}

static bool has_ndots(const cJSON *options)
{
	const cJSON *v;

	cJSON_ArrayForEach(v, options)
		if (strncmp(v->valuestring, "ndots:", 6) == 0)
			return true;
	return false;
}

char *net_resolv(struct container *c, const cJSON *merged, struct err *err)
{
	const cJSON *host = json_get(merged, "HostConfig"), *dns = json_get(host, "Dns"), *v;
	bool search = cJSON_GetArraySize(json_get(host, "DnsSearch")) == 0,
	     options = cJSON_GetArraySize(json_get(host, "DnsOptions")) == 0;
	const struct endpoint *ep = first_there(c->e, c->row.id);
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f) {
		err_set(err, 500, "out of memory");
		return NULL;
	}
	if (net_resolver_serves(c)) {
		fputs("nameserver 127.0.0.11\n", f);
		from_host(f, true, false, search, options);
		fputs(options ? "options ndots:0\n" : "", f);
	} else {
		cJSON_ArrayForEach(v, dns)
			fprintf(f, "nameserver %s\n", v->valuestring);
		from_host(f, ep && !address_is_zero(ep->v6), cJSON_GetArraySize(dns) == 0, search, options);
	}
	list_line(f, "search", json_get(host, "DnsSearch"), "");
	list_line(f, "options", json_get(host, "DnsOptions"),
		  net_resolver_serves(c) && !has_ndots(json_get(host, "DnsOptions")) ? " ndots:0" : "");
	if (fclose(f) == 0)
		return text;
	free(text);
	err_set(err, 500, "out of memory");
	return NULL;
}
