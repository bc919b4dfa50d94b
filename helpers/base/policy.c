#include "policy.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "names.h"

int policy_map(int fd, size_t size, const void **ret)
{
	const struct policy_common *common;
	struct stat st;
	void *p;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (size < sizeof(*common) || st.st_size < 0 || (size_t)st.st_size != size)
		return -EINVAL;
	p = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return -errno;
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
	if (client->uid >= p->ids_base && client->uid - p->ids_base < IDS_PER_ENGINE) {
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
	if (ret_rule)
		*ret_rule = rule;
	return rights;
}

bool policy_owner_ordinary(const struct policy_common *p, uint32_t id, uint32_t first)
{
	/* 65534 is also how the kernel shows an id that it cannot show. */
	if (id == 0 || id < first || id == 65534 || id == UINT32_MAX)
		return false;
	if (id >= p->ids_base && id - p->ids_base < IDS_PER_ENGINE)
		return false;
	if (id >= p->range_first && id <= p->range_last)
		return false;
	return id < FOREIGN_FIRST || id - FOREIGN_FIRST >= MAP_SIZE;
}
