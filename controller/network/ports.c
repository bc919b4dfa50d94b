/* ports.c - published ports: what is asked for, which of the host's ports serve, and how both are shown.
 *
 * A port that leads to a container is taken on the host by a bound socket as well, so that no other program gets it and
 * one that has it is noticed before anything is changed. Whether policy gives it is for the firewall's helper to
 * say. */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../helpers/base/cleanup.h"
#include "../../helpers/base/text.h"
#include "../container/internal.h"
#include "../engine.h"
#include "../json.h"
#include "internal.h"

static const struct {
	const char *name;
	uint32_t number;
	const char *table; /* of /proc/net */
} protocols[] = {
	{ "tcp", IPPROTO_TCP, "tcp" },
	{ "udp", IPPROTO_UDP, "udp" },
	{ "sctp", IPPROTO_SCTP, NULL },
};

static size_t protocol_at(uint32_t number)
{
	size_t i = 0;

	while (i + 1 < ARRAY_SIZE(protocols) && protocols[i].number != number)
		i++;
	return i;
}

/* "80/tcp"; checked when the container was made. */
static bool port_name(const char *text, uint16_t *ret_port, uint32_t *ret_protocol)
{
	char number[8];
	const char *slash = strchr(text, '/');
	size_t n = slash ? (size_t)(slash - text) : strlen(text);
	uint64_t port;

	if (n == 0 || n >= sizeof(number))
		return false;
	memcpy(number, text, n);
	number[n] = '\0';
	*ret_protocol = IPPROTO_TCP;
	for (size_t i = 0; slash && i < ARRAY_SIZE(protocols); i++)
		if (strcmp(slash + 1, protocols[i].name) == 0)
			*ret_protocol = protocols[i].number;
	if (text_u64(number, UINT16_MAX, &port) < 0 || port == 0)
		return false;
	*ret_port = (uint16_t)port;
	return true;
}

/* --- the host's side --- */
/* For ports that only root may bind: does a socket listen there? Any address counts. */
static bool in_table(const char *table, uint16_t port)
{
	char path[32], line[256];
	bool found = false;

	for (int version = 4; version <= 6 && !found; version += 2) {
		snprintf(path, sizeof(path), "/proc/net/%s%s", table, version == 6 ? "6" : "");
		FILE *f = fopen(path, "re");

		while (f && !found && fgets(line, sizeof(line), f)) {
			unsigned local, state;

			if (sscanf(line, " %*u: %*[0-9A-F]:%x %*[0-9A-F]:%*x %x", &local, &state) == 2)
				found = local == port && (strcmp(table, "tcp") != 0 || state == 0x0a /* TCP_LISTEN */);
		}
		if (f)
			fclose(f);
	}
	return found;
}

/* Takes one of the ports (0: any): its number, and the socket, which is -EBADF for what only root may bind. Or
 * -errno. */
static int reserve(struct engine *e, uint32_t protocol, const uint8_t host[16], uint16_t first, uint16_t last, int *ret)
{
	struct req_ports_bind req = { .protocol = protocol, .first = first, .last = last,
				      .address_hi = address_hi(host), .address_lo = address_lo(host),
				      .listen = ports_are_forwarded(e) };
	const char *table = protocols[protocol_at(protocol)].table;
	struct rep_ports_bind rep;
	int r;

	*ret = -EBADF;
	if (ports_are_forwarded(e) && protocol == IPPROTO_SCTP)
		return -EPROTONOSUPPORT;
	r = helper_call(e, OP_PORTS_BIND, &req, &rep, NULL, NULL);
	if (r == -EADDRINUSE && forward_settles(e))
		r = helper_call(e, OP_PORTS_BIND, &req, &rep, NULL, NULL);
	if (r == 0) {
		*ret = rep.socket;
		return (int)rep.port;
	}
	if (ports_are_forwarded(e))
		return r; /* without its socket nothing leads in */
	/* Nobody but root could take it. */
	for (uint32_t port = first; r == -EACCES && table && first && port <= last; port++)
		if (!in_table(table, (uint16_t)port))
			return (int)port;
	if (r == -EACCES && table && first)
		return -EADDRINUSE;
	/* A kernel without SCTP, or without version 6: nobody else can have it either. */
	return (r == -EPROTONOSUPPORT || r == -EAFNOSUPPORT || r == -ESOCKTNOSUPPORT) && first ? first : r;
}

void ports_drop(struct endpoint *ep)
{
	for (unsigned i = 0; i < ep->nports; i++)
		close_fd(ep->ports[i].reserved);
	free(TAKE_PTR(ep->ports));
	ep->nports = 0;
}

void ports_reserve_again(struct engine *e, struct endpoint *ep)
{
	for (unsigned i = 0; i < ep->nports; i++) {
		struct port p = ep->ports[i];

		if (p.reserved >= 0)
			continue;
		reserve(e, p.protocol, p.host, p.host_port, p.host_port, &p.reserved);
		/* The container may have ended meanwhile, and its ports gone. */
		if (i < ep->nports && ep->ports[i].reserved < 0)
			ep->ports[i].reserved = p.reserved;
		else
			close_fd(p.reserved);
	}
}

/* --- what is asked for --- */
struct wish {
	struct engine *e;
	struct endpoint *ep;
	uint16_t port;
	uint32_t protocol;
	uint16_t first, last; /* of the host's; 0: any */
	uint8_t host[16];
	bool everywhere; /* no address was given: both versions */
};

static int add_port(const struct wish *w, const uint8_t host[16], uint16_t host_port, int reserved, struct err *err)
{
	struct endpoint *ep = w->ep;
	struct port *more = ep->nports < PORTS_MAX ? realloc(ep->ports, (ep->nports + 1) * sizeof(*more)) : NULL;

	if (!more) {
		close_fd(reserved);
		return err_set(err, 400, "more than %d published ports", PORTS_MAX);
	}
	ep->ports = more;
	more[ep->nports] =
		(struct port){ .protocol = w->protocol, .port = w->port, .host_port = host_port, .reserved = reserved };
	memcpy(more[ep->nports++].host, host, 16);
	return 0;
}

int port_refused(const struct engine *e, const struct endpoint *ep, const struct port *p, int error, struct err *err)
{
	const char *name = protocols[protocol_at(p->protocol)].name;
	const struct container *c = container_by_id(e, ep->container);
	char address[ADDRESS_TEXT], host[ADDRESS_TEXT + 2];

	address_format(p->host, 0, address);
	snprintf(host, sizeof(host), address_is_v4(p->host) ? "%s" : "[%s]", address);
	if (error == -EPERM)
		return err_set(err, 403,
			       "the policy of this engine (section \"ports\" of %s) does not give all of the published "
			       "ports, the first of them %s:%u, to containers: whoever keeps it may add a rule",
			       e->policy_path ? e->policy_path : "the policy", host, p->host_port);
	if (error == -EACCES && p->host_port && ports_are_forwarded(e))
		return err_set(err, 500,
			       "cannot expose privileged port %u, you can add 'net.ipv4.ip_unprivileged_port_start=%u' "
			       "to /etc/sysctl.conf, or choose a larger port number: listen %s %s:%u: bind: permission "
			       "denied",
			       p->host_port, p->host_port, name, host, p->host_port);
	return err_set(err, 500,
		       "driver failed programming external connectivity on endpoint %s (%s): Bind for %s:%u failed: %s",
		       c ? c->row.name : ep->container, ep->id, host, p->host_port,
		       error == -EADDRINUSE || error == -EEXIST ? "port is already allocated" : strerror(-error));
}

static int refuse(const struct wish *w, int error, struct err *err)
{
	struct port p = { .protocol = w->protocol, .host_port = w->first };

	memcpy(p.host, w->host, sizeof(p.host));
	return port_refused(w->e, w->ep, &p, error, err);
}

static int take_wish(struct wish *w, struct err *err)
{
	static const uint8_t any6[16];
	bool v4 = address_is_v4(w->host), both = w->everywhere && !address_is_zero(w->ep->v6);
	uint16_t port;
	int fd, fd6 = -EBADF, r = -EADDRINUSE;

	if (address_is_zero(v4 ? w->ep->v4 : w->ep->v6))
		return err_set(err, 400,
			       "cannot publish a port at an address of IPv%c: the container has none of that version",
			       v4 ? '4' : '6');
	for (uint32_t try = w->first; try <= w->last && r == -EADDRINUSE; try++) {
		/* Both versions of an address must have the same port. */
		r = reserve(w->e, w->protocol, w->host, (uint16_t)try, both ? (uint16_t)try : w->last, &fd);
		if (r > 0 && both && reserve(w->e, w->protocol, any6, (uint16_t)r, (uint16_t)r, &fd6) < 0) {
			close_fd(fd);
			r = -EADDRINUSE;
		} else if (!both) {
			break;
		}
	}
	if (r <= 0)
		return refuse(w, r, err);
	port = (uint16_t)r;
	if (add_port(w, w->host, port, fd, err) < 0) {
		close_fd(fd6);
		return -1;
	}
	return both ? add_port(w, any6, port, fd6, err) : 0;
}

static int take_binding(struct wish *w, const cJSON *binding, struct err *err)
{
	const char *ip = json_text(binding, "HostIp", "", NULL), *port = json_text(binding, "HostPort", "", NULL);
	unsigned first = 0, last;
	uint32_t bits;

	w->everywhere = !ip[0] && address_is_v4(w->ep->network->host) && address_v4(w->ep->network->host) == 0;
	memcpy(w->host, w->ep->network->host, sizeof(w->host));
	if (ip[0] && address_parse(ip, w->host, &bits) < 0)
		return err_set(err, 400, "invalid IP address: %.64s", ip);
	last = sscanf(port, "%u-%u", &first, &last) == 2 ? last : first;
	w->first = (uint16_t)first;
	w->last = (uint16_t)last;
	return take_wish(w, err);
}

int ports_take(struct engine *e, struct endpoint *ep, const cJSON *merged, struct err *err)
{
	const cJSON *host = json_get(merged, "HostConfig"), *bindings = json_get(host, "PortBindings"), *list, *b;
	struct wish w = { .e = e, .ep = ep };

	cJSON_ArrayForEach(list, bindings) {
		if (!port_name(list->string, &w.port, &w.protocol))
			continue;
		cJSON_ArrayForEach(b, list)
			if (take_binding(&w, b, err) < 0)
				return -1;
	}
	if (!json_bool(host, "PublishAllPorts", false, NULL))
		return 0;
	cJSON_ArrayForEach(list, json_get(json_get(merged, "Config"), "ExposedPorts"))
		if (cJSON_GetArraySize(json_get(bindings, list->string)) == 0 &&
		    port_name(list->string, &w.port, &w.protocol) && take_binding(&w, NULL, err) < 0)
			return -1;
	return 0;
}

unsigned ports_request(const struct endpoint *ep, unsigned first, struct req_firewall_publish *req)
{
	unsigned n = 0;

	for (; n < PORTS_PER_CALL && first + n < ep->nports; n++) {
		const struct port *p = &ep->ports[first + n];
		const uint8_t *to = address_is_v4(p->host) ? ep->v4 : ep->v6;
		uint64_t *v = req->ports.v + PORT_NUMBERS * n;

		v[0] = (uint64_t)p->protocol << 32 | (uint64_t)p->host_port << 16 | p->port;
		v[1] = address_hi(p->host);
		v[2] = address_lo(p->host);
		v[3] = address_hi(to);
		v[4] = address_lo(to);
	}
	req->ports.n = PORT_NUMBERS * n;
	return n;
}

/* --- how they are shown --- */
static const char *name_of(const struct port *p, char ret[16])
{
	snprintf(ret, 16, "%u/%s", p->port, protocols[protocol_at(p->protocol)].name);
	return ret;
}

cJSON *ports_json(struct engine *e, const char *container, const cJSON *merged)
{
	struct endpoint *ep = NULL;
	cJSON *o = cJSON_CreateObject();
	const cJSON *exposed;
	char name[16], host[ADDRESS_TEXT], number[8];

	while ((ep = endpoint_next(e, container, ep)))
		for (unsigned i = 0; ep->there && i < ep->nports; i++) {
			cJSON *list, *b = cJSON_CreateObject();

			name_of(&ep->ports[i], name);
			list = cJSON_GetObjectItemCaseSensitive(o, name);
			if (!list)
				list = cJSON_AddArrayToObject(o, name);
			cJSON_AddStringToObject(b, "HostIp", address_format(ep->ports[i].host, 0, host));
			snprintf(number, sizeof(number), "%u", ep->ports[i].host_port);
			cJSON_AddStringToObject(b, "HostPort", number);
			cJSON_AddItemToArray(list, b);
		}
	ep = NULL;
	while ((ep = endpoint_next(e, container, ep)) && !ep->there)
		;
	cJSON_ArrayForEach(exposed, json_get(json_get(merged, "Config"), "ExposedPorts"))
		if (ep && !cJSON_GetObjectItemCaseSensitive(o, exposed->string))
			cJSON_AddNullToObject(o, exposed->string);
	return o;
}

cJSON *ports_list_json(struct engine *e, const char *container, const cJSON *merged)
{
	cJSON *all = ports_json(e, container, merged), *list, *array = cJSON_CreateArray();

	cJSON_ArrayForEach(list, all) {
		cJSON *b = list->child;
		uint32_t protocol;
		uint16_t port;

		if (!port_name(list->string, &port, &protocol))
			continue;
		do {
			cJSON *o = cJSON_CreateObject();

			if (b)
				cJSON_AddStringToObject(o, "IP", json_text(b, "HostIp", "", NULL));
			cJSON_AddNumberToObject(o, "PrivatePort", port);
			if (b)
				cJSON_AddNumberToObject(o, "PublicPort", atoi(json_text(b, "HostPort", "0", NULL)));
			cJSON_AddStringToObject(o, "Type", protocols[protocol_at(protocol)].name);
			cJSON_AddItemToArray(array, o);
			b = b ? b->next : NULL;
		} while (b);
	}
	cJSON_Delete(all);
	return array;
}
