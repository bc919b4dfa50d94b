/* narrow.c - two policies at once: the one of a user's engine, and what root lets such engines have.
 *
 * What comes out allows just what both allow: no rule is ever wider than either. Where the two cannot be joined exactly
 * (a rule for a uid with one for a gid) the answer is the narrower one. Rules bear root's name where root has one for
 * the very same thing. */
#include <errno.h>
#include <string.h>

#include "../base/cleanup.h"
#include "../base/log.h"
#include "../base/text.h"
#include "../protocol/message.h"
#include "read.h"

static int too_many(struct policy_ctx *by, const char *where, unsigned max)
{
	return policy_error(by, where, "with the policy that it narrows there are more than %u rules; join some", max);
}

/* --- users: the lesser of the rights that each gives --- */

/* One rule for the clients that both rules are for; false when there is none, or no rule can say it. */
static bool user_meet(const struct policy_user *a, const struct policy_user *b, struct policy_user *ret)
{
	*ret = a->match == POLICY_ANY ? *b : *a;
	ret->rights = a->rights < b->rights ? a->rights : b->rights;
	if (a->match == POLICY_ANY || b->match == POLICY_ANY || (a->match == b->match && a->id == b->id))
		return true;
	if (a->match != b->match || a->match == POLICY_GID)
		log_warn("policy: users: rules \"%s\" and \"%s\" together are for members of both only, which is not "
			 "said here: left out",
			 a->rule, b->rule);
	return false;
}

static int narrow_users(struct policy_ctx *by, struct policy *p)
{
	const struct policy_common *roots = &by->out->controller;
	struct policy_common *own = &p->controller;
	struct policy_user out[POLICY_USERS_MAX] = { 0 }, u;
	uint32_t n = 0;

	for (uint32_t i = 0; i < roots->nusers; i++)
		for (uint32_t k = 0; k < own->nusers; k++) {
			if (!user_meet(&roots->users[i], &own->users[k], &u))
				continue;
			if (n == POLICY_USERS_MAX)
				return too_many(by, "users", POLICY_USERS_MAX);
			out[n++] = u;
		}
	memset(own->users, 0, sizeof(own->users));
	memcpy(own->users, out, n * sizeof(*out));
	own->nusers = n;
	return 0;
}

/* --- binds: at each path that either names, what both closest rules say --- */

static const struct policy_path *closest(const struct policy_lookup *l, const char *path)
{
	for (uint32_t i = 0; i < l->npaths; i++)
		if (path_below(path, l->paths[i].path))
			return &l->paths[i]; /* the longest are first */
	return NULL;
}

/* Paths that one side does not cover are left out, and no shorter rule that is kept covers them: it would be of that
 * side's. */
static int narrow_binds(struct policy_ctx *by, struct policy *p)
{
	const struct policy_lookup *roots = &by->out->lookup;
	static struct policy_lookup own;

	own = p->lookup;
	p->lookup.npaths = 0;
	memset(p->lookup.paths, 0, sizeof(p->lookup.paths));
	for (uint32_t i = 0; i < roots->npaths + own.npaths; i++) {
		const char *path = i < roots->npaths ? roots->paths[i].path : own.paths[i - roots->npaths].path;
		const struct policy_path *r = closest(roots, path), *o = closest(&own, path);
		struct policy_path both;

		/* Named by both: root's turn was before. */
		if (!r || !o || (i >= roots->npaths && strcmp(r->path, path) == 0))
			continue;
		both = strcmp(r->path, path) == 0 ? *r : *o;
		both.writable = r->writable && o->writable;
		both.suid = r->suid && o->suid;
		both.submounts = r->submounts && o->submounts;
		both.any_owner = r->any_owner && o->any_owner;
		if (p->lookup.npaths == POLICY_PATHS_MAX)
			return too_many(by, "binds", POLICY_PATHS_MAX);
		policy_add_path(&p->lookup, &both);
	}
	return 0;
}

/* --- devices: the same node in both --- */

static void narrow_devices(struct policy_ctx *by, struct policy *p)
{
	const struct policy_common *roots = &by->out->controller;
	struct policy_common *l = &p->controller;
	uint32_t n = 0;

	for (uint32_t i = 0; i < l->ndevices; i++)
		for (uint32_t k = 0; k < roots->ndevices; k++) {
			const struct policy_device *r = &roots->devices[k];
			struct policy_device d = l->devices[i];

			d.access &= r->access;
			if (strcmp(d.path, r->path) != 0 || d.type != r->type || d.major != r->major ||
			    d.minor != r->minor || d.access == 0)
				continue;
			memcpy(d.rule, r->rule, sizeof(d.rule));
			l->devices[n++] = d;
			break; /* a path is there once in each */
		}
	memset(&l->devices[n], 0, (POLICY_DEVICES_MAX - n) * sizeof(l->devices[0]));
	l->ndevices = n;
}

/* --- networks --- */

static int narrow_networks(struct policy_ctx *by, struct policy *p)
{
	const struct policy *roots = by->out;
	static struct policy_subnet subnets[POLICY_SUBNETS_MAX];
	static struct policy_port ports[POLICY_PORTS_MAX];
	uint32_t nsubnets = 0, nports = 0;
	struct policy_subnet subnet;
	struct policy_port port;

	for (uint32_t i = 0; i < roots->veth.nsubnets; i++)
		for (uint32_t k = 0; k < p->veth.nsubnets; k++) {
			if (!policy_subnet_meet(&roots->veth.subnets[i], &p->veth.subnets[k], &subnet))
				continue;
			if (nsubnets == POLICY_SUBNETS_MAX)
				return too_many(by, "subnets", POLICY_SUBNETS_MAX);
			subnets[nsubnets++] = subnet;
		}
	for (uint32_t i = 0; i < roots->firewall.nports; i++)
		for (uint32_t k = 0; k < p->firewall.nports; k++) {
			if (!policy_port_meet(&roots->firewall.ports[i], &p->firewall.ports[k], &port))
				continue;
			if (nports == POLICY_PORTS_MAX)
				return too_many(by, "ports", POLICY_PORTS_MAX);
			ports[nports++] = port;
		}
	memset(p->veth.subnets, 0, sizeof(p->veth.subnets));
	memcpy(p->veth.subnets, subnets, nsubnets * sizeof(*subnets));
	p->veth.nsubnets = nsubnets;
	memset(p->firewall.ports, 0, sizeof(p->firewall.ports));
	memcpy(p->firewall.ports, ports, nports * sizeof(*ports));
	p->firewall.nports = nports;
	return 0;
}

/* --- numbers and switches --- */

static void narrow_field(const struct policy_field *f, const struct policy *roots, struct policy *p)
{
	const char *from = (const char *)roots + f->offset;
	char *to = (char *)p + f->offset;
	bool higher = f->flags & PF_HIGHER;

	if (f->offset == POLICY_NOWHERE)
		return;
	if (f->type == PT_SIZE) {
		uint64_t r = *(const uint64_t *)from, *own = (uint64_t *)to;

		*own = (r < *own) != higher ? r : *own;
	} else if (f->type == PT_U32 || f->type == PT_BOOL) {
		uint32_t r = *(const uint32_t *)from, *own = (uint32_t *)to;

		*own = (r < *own) != higher ? r : *own;
	}
}

/* Of two files that are each right in themselves, one may ask by default for more than the other lets anyone have. */
static void settle(struct policy *p)
{
	struct policy_cgroup *g = &p->cgroup;

	if (g->memory_default != UINT64_MAX && g->memory_default > g->memory_max)
		g->memory_default = g->memory_max;
	if (g->pids_default != UINT64_MAX && g->pids_default > g->pids_max)
		g->pids_default = g->pids_max;
	if (p->audit.reserve_bytes > p->audit.max_bytes / 4)
		p->audit.reserve_bytes = p->audit.max_bytes / 4;
}

int policy_narrow(struct policy_ctx *by, const struct policy_section *all, size_t n, struct policy *p)
{
	int r = narrow_users(by, p);

	if (r == 0)
		r = narrow_binds(by, p);
	if (r == 0)
		r = narrow_networks(by, p);
	if (r < 0)
		return r;
	narrow_devices(by, p);
	p->spawn.caps &= by->out->spawn.caps;
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < all[i].n; k++)
			narrow_field(&all[i].fields[k], by->out, p);
	settle(p);
	if (p->controller.range_last < p->controller.range_first ||
	    p->controller.range_last - p->controller.range_first < MAP_SIZE - 1)
		return policy_error(by, "ids.range_first",
				    "leaves no container ids together with the policy that it narrows");
	return 0;
}
