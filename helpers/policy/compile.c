/* compile.c - the sections of the policy file: a table of fields each, and the checks that a table cannot say.
 *
 * Every rule has a name, which goes into refusals and the audit log, and says why it is there. What is not allowed is
 * denied. Nothing here widens what a helper would refuse of its own accord (owners below 1000, our own directories). */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../shared/caps.h"
#include "../base/cleanup.h"
#include "../base/log.h"
#include "../base/text.h"
#include "../protocol/message.h"
#include "../shared/op_names.h"
#include "read.h"

/* One place in the JSON value, for errors: "binds[3]". */
#define WHERE_MAX 64

/* A section of scalars: each member by its name in the file and its place in the parts. */
#define SECTION_WHY { "why", PT_TEXT, PF_REQUIRED, POLICY_NOWHERE, 1, POLICY_WHY_MAX }
#define S(key, place, type, flags, min, max)                                                                           \
	{ key, type, PF_REQUIRED | (flags), offsetof(struct policy, place), min, max }
static const struct policy_field ids_fields[] = {
	SECTION_WHY,
	S("range_first", controller.range_first, PT_U32, PF_AUTO | PF_HIGHER, 1, UINT32_MAX),
	S("range_last", controller.range_last, PT_U32, PF_AUTO, 1, UINT32_MAX),
	S("max_ranges", idmap.max_ranges, PT_U32, 0, 1, CONTAINERS_MAX),
	S("owner_uid_first", idmap.owner_uid_first, PT_U32, PF_HIGHER, 1000, UINT32_MAX - 1),
	S("owner_gid_first", idmap.owner_gid_first, PT_U32, PF_HIGHER, 1000, UINT32_MAX - 1),
};
static const struct policy_field container_fields[] = {
	SECTION_WHY,
	S("max", spawn.max_containers, PT_U32, 0, 1, CONTAINERS_MAX),
	S("waiting_namespaces", netns.max, PT_U32, 0, 1, CONTAINERS_MAX),
	S("mount_tickets", mount.max_tickets, PT_U32, 0, 1, TICKETS_MAX),
	S("memory_max", cgroup.memory_max, PT_SIZE, PF_NONE, 1 << 20, INT64_MAX),
	S("memory_default", cgroup.memory_default, PT_SIZE, PF_NONE, 1 << 20, INT64_MAX),
	S("pids_max", cgroup.pids_max, PT_SIZE, PF_NONE, 1, INT64_MAX),
	S("pids_default", cgroup.pids_default, PT_SIZE, PF_NONE, 1, INT64_MAX),
};
/* Denied when it is not said. */
#define ALLOW(member) { #member, PT_BOOL, 0, offsetof(struct policy, controller.allow.member), 0, 1 }
static const struct policy_field security_fields[] = {
	SECTION_WHY,
	S("seccomp_custom", controller.allow.seccomp_custom, PT_BOOL, 0, 0, 1),
	S("seccomp_unconfined", controller.allow.seccomp_unconfined, PT_BOOL, 0, 0, 1),
	S("no_new_privs_required", spawn.no_new_privs_required, PT_BOOL, PF_HIGHER, 0, 1),
	S("unmasked_paths", spawn.unmasked_paths, PT_BOOL, 0, 0, 1),
	ALLOW(privileged), ALLOW(host_cgroup), ALLOW(host_ipc), ALLOW(host_network), ALLOW(host_pid), ALLOW(host_uts),
};
#undef ALLOW
static const struct policy_field layer_fields[] = {
	SECTION_WHY,
	S("layer_bytes", layer.max_bytes, PT_SIZE, 0, 1 << 20, INT64_MAX),
	S("layer_entries", layer.max_entries, PT_SIZE, 0, 1, INT64_MAX),
	S("layer_ratio", layer.max_ratio, PT_SIZE, 0, 2, 1 << 20),
	S("layer_workers", layer.max_workers, PT_U32, 0, 1, 64),
};
static const struct policy_field network_fields[] = {
	SECTION_WHY,
	S("max", veth.max_bridges, PT_U32, 0, 0, 4096),
	S("endpoints", veth.max_veths, PT_U32, 0, 0, CONTAINERS_MAX),
	S("published_ports", firewall.max_ports, PT_U32, 0, 0, 1 << 20),
	{ "bridge_prefix", PT_LABEL, PF_REQUIRED, offsetof(struct policy, controller.bridge_prefix),
	  2, sizeof(((struct policy_common *)0)->bridge_prefix) - 1 },
};
static const struct policy_field audit_fields[] = {
	SECTION_WHY,
	S("max_bytes", audit.max_bytes, PT_SIZE, 0, 1 << 20, INT64_MAX),
	S("reserve_bytes", audit.reserve_bytes, PT_SIZE, PF_HIGHER, 1 << 18, 1 << 30),
	S("anchor_records", audit.anchor_records, PT_U32, 0, 1, 1 << 20),
	S("anchor_seconds", audit.anchor_seconds, PT_U32, 0, 1, 86400),
	S("kernel_log", audit.kernel_log, PT_BOOL, PF_HIGHER, 0, 1),
	S("denials_per_minute", audit.denials_per_minute, PT_U32, PF_HIGHER, 1, 100000),
};
#undef S

/* --- users --- */
struct user_rule {
	const char *name, *why, *user, *group, *rights;
	uint32_t uid, gid, any, optional;
};
static const struct policy_field user_fields[] = {
	POLICY_NAME(struct user_rule),
	POLICY_WHY(struct user_rule),
	POLICY_FIELD(struct user_rule, uid, PT_U32, 0, 0, UINT32_MAX - 1),
	POLICY_FIELD(struct user_rule, gid, PT_U32, 0, 0, UINT32_MAX - 1),
	POLICY_FIELD(struct user_rule, user, PT_TEXT, 0, 1, 64),
	POLICY_FIELD(struct user_rule, group, PT_TEXT, 0, 1, 64),
	POLICY_FIELD(struct user_rule, any, PT_BOOL, 0, 0, 1),
	POLICY_FIELD(struct user_rule, optional, PT_BOOL, 0, 0, 1),
	POLICY_FIELD(struct user_rule, rights, PT_TEXT, PF_REQUIRED, 1, 16),
};

static int read_user(struct policy_ctx *c, const cJSON *v, const char *where)
{
	struct user_rule rule = { .uid = UINT32_MAX, .gid = UINT32_MAX };
	struct policy_common *common = &c->out->controller;
	struct policy_user *u = &common->users[common->nusers];
	uint32_t rights = RIGHTS_READ;
	int r = 0;

	if (POLICY_OBJECT(c, v, where, user_fields, &rule) < 0)
		return -EINVAL;
	if ((rule.uid != UINT32_MAX) + (rule.gid != UINT32_MAX) + !!rule.user + !!rule.group + !!rule.any != 1)
		return policy_error(c, where,
				    "must have just one of \"uid\", \"user\", \"gid\", \"group\" and \"any\": true");
	while (rights <= RIGHTS_ADMIN && strcmp(op_rights_name(rights), rule.rights) != 0)
		rights++;
	if (rights > RIGHTS_ADMIN)
		return policy_error(c, where,
				    "rights must be \"read\", \"run\", \"exec\" or \"admin\"; "
				    "leave the rule out for none");
	if (rule.user || rule.group) {
		r = policy_find_id(c, !!rule.group, rule.group ? rule.group : rule.user,
				   rule.group ? &rule.gid : &rule.uid);
		if (r == -ENOENT && common->ids_shared && !rule.optional)
			return policy_error(c, where,
					    "an engine of a user's knows no names of the host's; "
					    "its user is \"uid\": 0");
		if (r == -ENOENT && rule.optional && common->ids_shared)
			return 0;
		if (r == -ENOENT && rule.optional) {
			log_warn("policy: %s: no %s \"%s\" here, rule %s is left out", where,
				 rule.group ? "group" : "user", rule.group ? rule.group : rule.user, rule.name);
			return 0;
		}
		if (r == -ENOENT)
			return policy_error(c, where, "no %s \"%s\" in %s; make it, or add \"optional\": true",
					    rule.group ? "group" : "user", rule.group ? rule.group : rule.user,
					    policy_etc_files[rule.group ? 1 : 0]);
		if (r < 0)
			return r;
	}
	u->match = rule.any ? POLICY_ANY : rule.gid != UINT32_MAX ? POLICY_GID : POLICY_UID;
	u->id = rule.any ? 0 : u->match == POLICY_GID ? rule.gid : rule.uid;
	u->rights = rights;
	for (uint32_t i = 0; i < common->nusers; i++)
		if (common->users[i].match == u->match && common->users[i].id == u->id)
			return policy_error(c, where, "is for the same id as rule \"%s\"; join them",
					    common->users[i].rule);
	common->nusers++;
	return text_copy(u->rule, sizeof(u->rule), rule.name);
}

/* --- devices --- */
struct device_rule {
	const char *name, *why, *path, *type, *access;
	uint32_t major, minor;
};
static const struct policy_field device_fields[] = {
	POLICY_NAME(struct device_rule),
	POLICY_WHY(struct device_rule),
	POLICY_FIELD(struct device_rule, path, PT_PATH, PF_REQUIRED, 6, sizeof(((struct policy_device *)0)->path) - 1),
	POLICY_FIELD(struct device_rule, type, PT_TEXT, PF_REQUIRED, 4, 5),
	POLICY_FIELD(struct device_rule, access, PT_TEXT, PF_REQUIRED, 1, 3),
	POLICY_FIELD(struct device_rule, major, PT_U32, PF_REQUIRED, 0, 4095),
	POLICY_FIELD(struct device_rule, minor, PT_U32, PF_REQUIRED, 0, 1048575),
};

static int read_device(struct policy_ctx *c, const cJSON *v, const char *where)
{
	static const char letters[] = "mrw";
	struct policy_common *l = &c->out->controller;
	struct policy_device *d = &l->devices[l->ndevices];
	struct device_rule rule = { 0 };

	if (POLICY_OBJECT(c, v, where, device_fields, &rule) < 0)
		return -EINVAL;
	if (!path_below(rule.path, "/dev") || strcmp(rule.path, "/dev") == 0)
		return policy_error(c, where, "\"path\" must be below /dev");
	d->type = strcmp(rule.type, "char") == 0 ? DEVICE_CHAR : strcmp(rule.type, "block") == 0 ? DEVICE_BLOCK : 0;
	if (!d->type)
		return policy_error(c, where, "\"type\" must be \"char\" or \"block\"");
	d->access = 0;
	for (const char *a = rule.access; *a; a++) {
		const char *at = strchr(letters, *a);
		uint32_t bit = at ? 1u << (at - letters) : 0; /* DEVICE_MKNOD, DEVICE_READ, DEVICE_WRITE */

		if (!bit || (d->access & bit))
			return policy_error(c, where, "\"access\" must be letters of \"rwm\", each once");
		d->access |= bit;
	}
	for (uint32_t i = 0; i < l->ndevices; i++)
		if (strcmp(l->devices[i].path, rule.path) == 0 || (l->devices[i].type == d->type &&
		    l->devices[i].major == rule.major && l->devices[i].minor == rule.minor))
			return policy_error(c, where, "rule \"%s\" is for the same device; join them",
					    l->devices[i].rule);
	d->major = rule.major;
	d->minor = rule.minor;
	l->ndevices++;
	if (text_copy(d->path, sizeof(d->path), rule.path) < 0)
		return -EINVAL;
	return text_copy(d->rule, sizeof(d->rule), rule.name);
}

/* --- capabilities --- */
struct caps_rule {
	const char *name, *why;
	const cJSON *caps;
};
static const struct policy_field caps_fields[] = {
	POLICY_NAME(struct caps_rule),
	POLICY_WHY(struct caps_rule),
	POLICY_FIELD(struct caps_rule, caps, PT_ARRAY, PF_REQUIRED, 0, 0),
};

static int read_caps(struct policy_ctx *c, const cJSON *v, const char *where)
{
	struct caps_rule rule = { 0 };
	const cJSON *word;

	if (POLICY_OBJECT(c, v, where, caps_fields, &rule) < 0)
		return -EINVAL;
	cJSON_ArrayForEach(word, rule.caps) {
		int cap = cJSON_IsString(word) ? capability_number(word->valuestring) : -1;

		if (cap < 0 || strcmp(capability_name((unsigned)cap), word->valuestring) != 0)
			return policy_error(c, where, "\"%s\" is no capability; write it as \"NET_ADMIN\"",
					    cJSON_IsString(word) ? word->valuestring : "?");
		if (c->out->spawn.caps & UINT64_C(1) << cap)
			return policy_error(c, where, "%s is there twice; remove one", word->valuestring);
		c->out->spawn.caps |= UINT64_C(1) << cap;
	}
	return 0;
}

/* --- the file --- */

static const struct rule_list {
	const char *key;
	unsigned max;
	int (*read)(struct policy_ctx *c, const cJSON *v, const char *where);
} lists[] = {
	{ "users", POLICY_USERS_MAX, read_user },
	{ "binds", POLICY_PATHS_MAX, policy_read_bind },
	{ "devices", POLICY_DEVICES_MAX, read_device },
	{ "capabilities", 64, read_caps },
	{ "subnets", POLICY_SUBNETS_MAX, policy_read_subnet },
	{ "ports", POLICY_PORTS_MAX, policy_read_port },
};

static const struct policy_section sections[] = {
	{ "ids", ids_fields, ARRAY_SIZE(ids_fields) },
	{ "containers", container_fields, ARRAY_SIZE(container_fields) },
	{ "security", security_fields, ARRAY_SIZE(security_fields) },
	{ "layers", layer_fields, ARRAY_SIZE(layer_fields) },
	{ "networks", network_fields, ARRAY_SIZE(network_fields) },
	{ "audit", audit_fields, ARRAY_SIZE(audit_fields) },
};

static int read_list(struct policy_ctx *c, const struct rule_list *list, const cJSON *v)
{
	char where[WHERE_MAX];
	const cJSON *rule;
	unsigned n = 0;
	int r;

	if (!cJSON_IsArray(v))
		return policy_error(c, list->key, "must be a list in [ ]");
	cJSON_ArrayForEach(rule, v) {
		snprintf(where, sizeof(where), "%s[%u]", list->key, n);
		if (n++ == list->max)
			return policy_error(c, where, "more than %u rules", list->max);
		r = list->read(c, rule, where);
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_file(struct policy_ctx *c, const cJSON *file)
{
	const cJSON *v;
	int r;

	if (!cJSON_IsObject(file))
		return policy_error(c, "", "must be an object in { }");
	cJSON_ArrayForEach(v, file) {
		size_t i = 0, k = 0;

		while (i < ARRAY_SIZE(lists) && strcmp(lists[i].key, v->string) != 0)
			i++;
		while (k < ARRAY_SIZE(sections) && strcmp(sections[k].key, v->string) != 0)
			k++;
		if (i < ARRAY_SIZE(lists))
			r = read_list(c, &lists[i], v);
		else if (k < ARRAY_SIZE(sections))
			r = policy_object(c, v, v->string, sections[k].fields, sections[k].n, c->out);
		else if (strcmp(v->string, "why") == 0 && cJSON_IsString(v))
			r = 0;
		else
			r = policy_error(c, "", "there is no section \"%.64s\"; remove it or mend its spelling",
					 v->string);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		if (!cJSON_GetObjectItemCaseSensitive(file, lists[i].key))
			return policy_error(c, "", "\"%s\" is missing; add it, [] if there are no such rules",
					    lists[i].key);
	for (size_t i = 0; i < ARRAY_SIZE(sections); i++)
		if (!cJSON_GetObjectItemCaseSensitive(file, sections[i].key))
			return policy_error(c, "", "\"%s\" is missing; see policy/default.json", sections[i].key);
	return 0;
}

static int check_limits(struct policy_ctx *c)
{
	const struct policy_cgroup *g = &c->out->cgroup;
	const struct policy_audit *a = &c->out->audit;

	if (g->memory_default != UINT64_MAX && g->memory_default > g->memory_max)
		return policy_error(c, "containers.memory_default", "is above memory_max; lower it");
	if (g->pids_default != UINT64_MAX && g->pids_default > g->pids_max)
		return policy_error(c, "containers.pids_default", "is above pids_max; lower it");
	if (a->reserve_bytes > a->max_bytes / 4)
		return policy_error(c, "audit.reserve_bytes", "is more than a quarter of max_bytes; lower it");
	return 0;
}

/* What more than one part has. */
static void spread(struct policy *p)
{
	uint32_t ranges = policy_range_count(p->controller.range_first, p->controller.range_last);

	if (p->idmap.max_ranges > ranges)
		p->idmap.max_ranges = ranges;
	p->lookup.owner_uid_first = p->mount.owner_uid_first = p->idmap.owner_uid_first;
	p->cgroup.max_containers = p->spawn.max_containers;
	p->firewall.max_networks = p->veth.max_bridges;
	p->firewall.max_endpoints = p->veth.max_veths;
	p->firewall.nsubnets = p->veth.nsubnets;
	memcpy(p->firewall.subnets, p->veth.subnets, sizeof(p->firewall.subnets));
}

/* One file, over the engine's facts that are in *c->out. */
static int compile_file(struct policy_ctx *c)
{
	const struct policy_common given = c->out->controller;
	struct policy_common *p = &c->out->controller;
	cJSON *file = NULL;
	int r;

	p->magic = POLICY_MAGIC;
	r = policy_parse(c, &file);
	if (r == 0)
		r = read_file(c, file);
	if (r == 0)
		r = check_limits(c);
	if (r == 0)
		r = policy_ranges(c, given.range_first ? given.range_first : p->range_first,
				  given.range_last ? given.range_last : p->range_last, p);
	cJSON_Delete(file);
	return r;
}

int policy_compile(const struct policy_input *input, struct policy *policy, char *error, size_t error_size)
{
	_cleanup_free_ struct policy *both = calloc(2, sizeof(*both));
	struct policy *p = both;
	struct policy_ctx c = {
		.input = input, .out = p, .file = input->name, .error = error, .error_size = error_size
	};
	int r;

	if (!both)
		return -ENOMEM;
	both[0] = both[1] = *policy;
	r = compile_file(&c);
	if (r == 0 && input->narrower) {
		const struct policy_input *n = input->narrower;
		struct policy_ctx by = {
			.input = n, .out = &both[1], .file = n->name, .error = error, .error_size = error_size
		};

		r = compile_file(&by);
		if (r == 0)
			r = policy_narrow(&by, sections, ARRAY_SIZE(sections), p);
	}
	if (r < 0)
		return r;
	spread(p);
	policy_spread_common(p);
	*policy = *p;
	return 0;
}
