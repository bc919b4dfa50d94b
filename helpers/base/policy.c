#include "policy.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "cleanup.h"

const char *const policy_etc_files[POLICY_ETC_COUNT] = { "/etc/passwd", "/etc/group", "/etc/subuid", "/etc/subgid" };

#define PART(H, member) [HELPER_##H] = { offsetof(struct policy, member), sizeof(((struct policy *)0)->member) }
static const struct {
	size_t offset, size;
} parts[HELPER_COUNT] = {
	PART(CONTROLLER, controller), PART(IDMAP, idmap), PART(NETNS, netns), PART(LOOKUP, lookup), PART(MOUNT, mount),
	PART(SEAL, seal), PART(CGROUP, cgroup), PART(DEVICE, device), PART(SPAWN, spawn), PART(LAYER, layer),
	PART(AUDIT, audit), PART(VETH, veth), PART(FIREWALL, firewall), PART(RESOLVER, resolver),
	PART(FORWARD, firewall), PART(PORTS, firewall),
};

const void *policy_part(const struct policy *p, enum helper_id id, size_t *ret_size)
{
	if ((unsigned)id >= HELPER_COUNT || parts[id].size == 0)
		return NULL;
	*ret_size = parts[id].size;
	return (const char *)p + parts[id].offset;
}

void policy_spread_common(struct policy *p)
{
	const struct policy_common common = p->controller;

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		struct policy_common *to = (struct policy_common *)((char *)p + parts[i].offset);

		if (parts[i].size == 0)
			continue;
		*to = common;
		to->size = (uint32_t)parts[i].size;
	}
}

int policy_map(int fd, size_t size, const void **ret)
{
	const struct policy_common *common;
	void *p;
	int r = size < sizeof(*common) ? -EINVAL : fd_map(fd, size, PROT_READ, &p);

	if (r < 0)
		return r;
	common = p;
	if (common->magic != POLICY_MAGIC || common->size != size || common->nusers > POLICY_USERS_MAX) {
		munmap(p, size);
		return -EINVAL;
	}
	*ret = p;
	return 0;
}

static int matches(const struct policy_user *u, const struct peer *client)
{
	switch ((enum policy_match)u->match) {
	case POLICY_UID:
		return u->id == client->uid;
	case POLICY_GID:
		for (unsigned i = 0; i < client->ngroups; i++)
			if (u->id == client->groups[i])
				return 1;
		return u->id == client->gid;
	case POLICY_ANY:
		return 1;
	}
	return 0;
}

uint32_t policy_rights(const struct policy_common *p, const struct peer *client, const char **ret_rule)
{
	const char *rule = "";
	uint32_t rights = 0;

	/* Our own programs are nobody's clients: a controller taken over must not ask on its own behalf. */
	if (policy_own_id(p, client->uid)) {
		if (ret_rule)
			*ret_rule = "own-ids";
		return 0;
	}
	for (uint32_t i = 0; i < p->nusers; i++) {
		const struct policy_user *u = &p->users[i];

		if (matches(u, client) && u->rights > rights) {
			rights = u->rights;
			rule = u->rule;
		}
	}
	if (client->socket == SOCKET_READ && rights > RIGHTS_READ) {
		rights = RIGHTS_READ;
		rule = "read-only-socket";
	}
	if (ret_rule)
		*ret_rule = rule;
	return rights;
}

bool bits_equal(const uint8_t *a, const uint8_t *b, uint32_t bits)
{
	uint32_t whole = bits / 8, rest = bits % 8;

	return memcmp(a, b, whole) == 0 && (rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0);
}

bool policy_maps(const struct policy_common *p, uint32_t id)
{
	for (uint32_t i = 0; i < p->nmap && i < POLICY_EXTENTS_MAX; i++)
		if (id - p->map[i].first < p->map[i].count)
			return true;
	return false;
}

size_t policy_map_format(const struct policy_common *p, uint32_t inside, uint32_t outside, char ret[POLICY_MAP_TEXT])
{
	size_t n = 0;

	for (uint32_t i = 0; i < p->nmap && i < POLICY_EXTENTS_MAX; i++)
		n += (size_t)snprintf(ret + n, POLICY_MAP_TEXT - n, "%u %u %u\n", inside + p->map[i].first,
				      outside + p->map[i].first, p->map[i].count);
	return n;
}

bool policy_owner_ordinary(const struct policy_common *p, uint32_t id, uint32_t first)
{
	if (id == UINT32_MAX || id < first || policy_own_id(p, id))
		return false;
	if (p->ids_shared)
		return true;
	/* 65534 is also how the kernel shows an id that it cannot show. */
	if (id == 0 || id == OVERFLOW_ID)
		return false;
	if (id >= p->range_first && id <= p->range_last)
		return false;
	return id < FOREIGN_FIRST || id - FOREIGN_FIRST >= MAP_SIZE;
}
