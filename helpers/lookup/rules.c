/* rules.c - what policy says. Paths are canonical (path_valid) and compared by whole components: "/home/bob" does not
 * cover
 * "/home/bobby". Input: the path from the controller; policy is root's. */
#include <string.h>
#include <sys/stat.h>

#include "../base/text.h"
#include "../protocol/ops.h"
#include "lookup.h"

const struct policy_path *rules_path(const struct policy_lookup *p, const char *path)
{
	const struct policy_path *best = NULL;

	for (uint32_t i = 0; i < p->npaths; i++) {
		const struct policy_path *rule = &p->paths[i];

		if (path_below(path, rule->path) && (!best || strlen(rule->path) > strlen(best->path)))
			best = rule;
	}
	return best;
}

bool rules_denied(const struct policy_lookup *p, const char *path)
{
	for (uint32_t i = 0; i < p->ndenied; i++)
		if (path_below(path, p->denied[i]))
			return true;
	return false;
}

bool rules_device_path(const struct policy_lookup *p, const char *path)
{
	for (uint32_t i = 0; i < p->common.ndevices; i++)
		if (p->common.devices[i].path[0] && strcmp(p->common.devices[i].path, path) == 0)
			return true;
	return false;
}

static bool number_matches(uint32_t rule, uint32_t actual)
{
	return rule == UINT32_MAX || rule == actual;
}

const struct policy_device *rules_device(const struct policy_lookup *p, const char *path, const struct object *o)
{
	uint32_t type = S_ISCHR(o->mode) ? DEVICE_CHAR : S_ISBLK(o->mode) ? DEVICE_BLOCK : 0;

	for (uint32_t i = 0; type && i < p->common.ndevices; i++) {
		const struct policy_device *rule = &p->common.devices[i];

		if (rule->path[0] && strcmp(rule->path, path) == 0 && number_matches(rule->type, type) &&
		    number_matches(rule->major, o->rdev_major) && number_matches(rule->minor, o->rdev_minor))
			return rule;
	}
	return NULL;
}

bool rules_may_search(const struct object *dir, const struct peer *client)
{
	uint32_t bit = 01;

	if (client->uid == 0)
		return true;
	if (dir->uid == client->uid) {
		bit = 0100;
	} else if (dir->gid == client->gid) {
		bit = 010;
	} else {
		for (unsigned i = 0; i < client->ngroups; i++)
			if (dir->gid == client->groups[i])
				bit = 010;
	}
	return dir->mode & bit;
}
