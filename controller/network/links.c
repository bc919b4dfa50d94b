/* links.c - --link on the default network: Docker's variables that tell a container of another one. Lines of /etc/hosts
 * for the same links are in names.c, names in users' networks are the resolver's. Names and aliases have been checked
 * when the container was made (controller/spec/check.c), but the other's variables and ports are its image's and
 * user's: they stay values, never names of ours. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../../helpers/base/cleanup.h"
#include "../container/internal.h"
#include "../engine.h"
#include "../json.h"
#include "../spec/spec.h"
#include "internal.h"

static bool on_default(const cJSON *host)
{
	const char *mode = json_text(host, "NetworkMode", "default", NULL);

	return !mode[0] || strcmp(mode, "default") == 0 || strcmp(mode, "bridge") == 0;
}

int links_take(struct engine *e, cJSON *merged, struct err *err)
{
	const cJSON *own = json_get(merged, "HostConfig");
	cJSON *link;

	/* In networks of users' they are names, which may come later. */
	if (!on_default(own))
		return 0;
	cJSON_ArrayForEach(link, json_get(own, "Links")) {
		struct err missing = { 0 };
		char alias[256], text[ID_HEX + 257];
		struct container *target = link_target(e, link->valuestring, alias, &missing);
		cJSON *theirs;
		bool host;

		/* Not 404: clients would look for an image of that name. */
		if (!target)
			return err_set(err, 400, "could not get container for %.*s: %s",
				       (int)strcspn(link->valuestring, ":"), link->valuestring, missing.message);
		theirs = container_config(target);
		host = spec_share(json_get(theirs, "HostConfig"), "NetworkMode", NULL) == SHARE_HOST;
		cJSON_Delete(theirs);
		snprintf(text, sizeof(text), "%s:%s", target->row.id, alias);
		container_put(target);
		if (!cJSON_SetValuestring(link, text))
			return err_set(err, 500, "out of memory");
		if (host)
			return err_set(err, 400,
				       "conflicting options: host type networking can't be used with links. This would "
				       "result in "
				       "undefined behavior");
	}
	return 0;
}

/* --- variables -------------------------------------------------------------------------------------------- */
static void add(cJSON *env, char *text)
{
	cJSON_AddItemToArray(env, cJSON_CreateString(text));
	free(text);
}

#define ADD(env, ...)                                   \
	do {                                            \
		char *text_;                            \
		if (asprintf(&text_, __VA_ARGS__) >= 0) \
			add(env, text_);                \
	} while (0)

struct exposed {
	unsigned port;
	const char *protocol; /* "tcp" */
	char upper[8]; /* "TCP" */
};

static int compare(const void *left, const void *right)
{
	const struct exposed *a = left, *b = right;
	int tcp = (strcmp(b->protocol, "tcp") == 0) - (strcmp(a->protocol, "tcp") == 0);

	if (tcp)
		return tcp;
	return a->port != b->port ? (a->port > b->port) - (a->port < b->port) : strcmp(a->protocol, b->protocol);
}

/* tcp first, by number. The caller frees. */
static struct exposed *read_ports(const cJSON *ports, size_t *ret_n)
{
	struct exposed *list = calloc((size_t)cJSON_GetArraySize(ports) + 1, sizeof(*list));
	const cJSON *port;
	size_t n = 0;

	if (!list)
		abort();
	cJSON_ArrayForEach(port, ports) {
		const char *slash = strchr(port->string, '/');
		unsigned long number = strtoul(port->string, NULL, 10);

		if (!number || number > 65535 || (slash && strlen(slash + 1) >= sizeof(list[n].upper)))
			continue;
		list[n].port = (unsigned)number;
		list[n].protocol = slash && slash[1] ? slash + 1 : "tcp";
		for (size_t i = 0; list[n].protocol[i]; i++)
			list[n].upper[i] = (char)toupper((unsigned char)list[n].protocol[i]);
		n++;
	}
	qsort(list, n, sizeof(*list), compare);
	*ret_n = n;
	return list;
}

/* A row of ports that follow each other has its ends named as well. */
static void add_range(cJSON *env, const char *alias, const char *ip, const struct exposed *first,
		      const struct exposed *last)
{
	char prefix[320];

	if (first == last)
		return;
	snprintf(prefix, sizeof(prefix), "%s_PORT_%u_%s", alias, first->port, first->upper);
	ADD(env, "%s_START=%s://%s:%u", prefix, first->protocol, ip, first->port);
	ADD(env, "%s_PORT_START=%u", prefix, first->port);
	ADD(env, "%s_END=%s://%s:%u", prefix, last->protocol, ip, last->port);
	ADD(env, "%s_PORT_END=%u", prefix, last->port);
}

static void add_ports(cJSON *env, const char *alias, const char *ip, const cJSON *ports)
{
	size_t n, start = 0;
	struct exposed *list = read_ports(ports, &n);

	for (size_t i = 0; i < n; i++) {
		const struct exposed *p = &list[i];
		char prefix[320];

		if (i == 0)
			ADD(env, "%s_PORT=%s://%s:%u", alias, p->protocol, ip, p->port);
		snprintf(prefix, sizeof(prefix), "%s_PORT_%u_%s", alias, p->port, p->upper);
		ADD(env, "%s=%s://%s:%u", prefix, p->protocol, ip, p->port);
		ADD(env, "%s_ADDR=%s", prefix, ip);
		ADD(env, "%s_PORT=%u", prefix, p->port);
		ADD(env, "%s_PROTO=%s", prefix, p->protocol);
		if (i + 1 < n && p[1].port == p->port + 1 && strcmp(p[1].protocol, p->protocol) == 0)
			continue;
		add_range(env, alias, ip, &list[start], p);
		start = i + 1;
	}
	free(list);
}

static void add_link(cJSON *env, const struct container *c, const char *name, const char *ip, const cJSON *theirs)
{
	const cJSON *config = json_get(theirs, "Config"), *v;
	char alias[256];
	size_t i;

	for (i = 0; name[i] && i + 1 < sizeof(alias); i++)
		alias[i] = (char)(name[i] == '-' ? '_' : toupper((unsigned char)name[i]));
	alias[i] = '\0';
	add_ports(env, alias, ip, json_get(config, "ExposedPorts"));
	ADD(env, "%s_NAME=/%s/%s", alias, c->row.name, name);
	cJSON_ArrayForEach(v, json_get(config, "Env")) {
		const char *equals = strchr(v->valuestring, '=');

		if (equals && strncmp(v->valuestring, "HOME=", 5) != 0 && strncmp(v->valuestring, "PATH=", 5) != 0)
			ADD(env, "%s_ENV_%s", alias, v->valuestring);
	}
}

/* Before the container's own variables: those win. */
static void put_first(cJSON *merged, cJSON *env)
{
	cJSON *config = cJSON_GetObjectItemCaseSensitive(merged, "Config");
	cJSON *own = cJSON_DetachItemFromObjectCaseSensitive(config, "Env"), *v;

	while (cJSON_IsArray(own) && (v = cJSON_DetachItemFromArray(own, 0)))
		cJSON_AddItemToArray(env, v);
	cJSON_Delete(own);
	cJSON_AddItemToObject(config, "Env", env);
}

int links_env(struct container *c, cJSON *merged, struct err *err)
{
	const cJSON *link, *links = json_get(json_get(merged, "HostConfig"), "Links");
	struct network *bridge = links && links->child ? network_find(c->e, "bridge", err) : NULL;
	cJSON *env;

	if (!bridge || !endpoint_find(c->e, bridge, c->row.id))
		return err->status ? -1 : 0;
	env = cJSON_CreateArray();
	cJSON_ArrayForEach(link, links) {
		char alias[256], ip[ADDRESS_TEXT];
		struct container *target = link_target(c->e, link->valuestring, alias, err);
		const struct endpoint *ep = target ? endpoint_find(c->e, bridge, target->row.id) : NULL;
		cJSON *theirs;

		/* One that does not run has been refused for its line in /etc/hosts. */
		if (ep && ep->there) {
			theirs = container_config(target);
			add_link(env, c, alias, address_format(ep->v4, 0, ip), theirs);
			cJSON_Delete(theirs);
		}
		if (target)
			container_put(target);
	}
	put_first(merged, env);
	return err->status ? -1 : 0;
}

void links_show(const struct container *c, cJSON *host)
{
	cJSON *link, *links = cJSON_GetObjectItemCaseSensitive(host, "Links");

	if (!on_default(host)) { /* each network's settings tell */
		if (links)
			cJSON_ReplaceItemInObject(host, "Links", cJSON_CreateNull());
		return;
	}
	cJSON_ArrayForEach(link, links) {
		char alias[256], *text;
		struct container *target = link_target(c->e, link->valuestring, alias, NULL);
		int n = asprintf(&text, "/%.*s:/%s/%s", target ? -1 : 12, target ? target->row.name : link->valuestring,
				 c->row.name, alias);

		if (n >= 0) {
			cJSON_SetValuestring(link, text);
			free(text);
		}
		if (target)
			container_put(target);
	}
}
