/* volume_users.c - which containers have which volumes; a container's are settled when it is made. */
#include <stdlib.h>
#include <string.h>

#include "../../helpers/base/cleanup.h"
#include "internal.h"

/* One volume of one container's. */
struct volume_use {
	TAILQ_ENTRY(volume_use) of_volume;
	struct volume_use *of_container; /* the next */
	struct used_volume *volume;
	struct container *c;
};

struct used_volume {
	UT_hash_handle hh;
	TAILQ_HEAD(volume_use_head, volume_use) users; /* in the order of all containers */
	unsigned n;
	char name[];
};

static struct used_volume *find(const struct containers *cs, const char *name)
{
	struct used_volume *v;

	HASH_FIND(hh, cs->used_volumes, name, strlen(name), v);
	return v;
}

static struct used_volume *find_or_make(struct containers *cs, const char *name)
{
	struct used_volume *v = find(cs, name);
	size_t len = strlen(name);

	if (v)
		return v;
	v = calloc(1, sizeof(*v) + len + 1);
	if (!v)
		abort();
	memcpy(v->name, name, len + 1);
	TAILQ_INIT(&v->users);
	HASH_ADD_KEYPTR(hh, cs->used_volumes, v->name, len, v);
	return v;
}

static void add(struct container *c, const char *name)
{
	struct used_volume *v = find_or_make(c->e->containers, name);
	struct volume_use *u;

	for (u = c->volumes; u; u = u->of_container)
		if (u->volume == v)
			return; /* at another place as well */
	u = calloc(1, sizeof(*u));
	if (!u)
		abort();
	*u = (struct volume_use){ .of_container = c->volumes, .volume = v, .c = c };
	c->volumes = u;
	TAILQ_INSERT_TAIL(&v->users, u, of_volume);
	v->n++;
}

void volume_users_add(struct container *c, const cJSON *merged)
{
	struct spec_mounts mounts = { 0 };

	if (container_mounts(merged, &mounts, NULL) >= 0)
		for (size_t i = 0; i < mounts.n; i++)
			if (mounts.v[i].type == SPEC_VOLUME && mounts.v[i].source)
				add(c, mounts.v[i].source);
	spec_mounts_finish(&mounts);
}

void volume_users_drop(struct container *c)
{
	struct volume_use *u;

	while ((u = c->volumes)) {
		struct used_volume *v = u->volume;

		c->volumes = u->of_container;
		TAILQ_REMOVE(&v->users, u, of_volume);
		free(u);
		if (--v->n > 0)
			continue;
		/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): the table is there as long as v is in it */
		HASH_DELETE(hh, c->e->containers->used_volumes, v);
		free(v);
	}
}

unsigned containers_using_volume(struct engine *e, const char *volume, char ret_one[65])
{
	const struct used_volume *v = find(e->containers, volume);

	if (v && ret_one)
		memcpy(ret_one, TAILQ_FIRST(&v->users)->c->row.id, 65);
	return v ? v->n : 0;
}

bool containers_running_with_volume(struct engine *e, const char *volume)
{
	const struct used_volume *v = find(e->containers, volume);
	const struct volume_use *u;

	if (!v)
		return false;
	TAILQ_FOREACH(u, &v->users, of_volume)
		if (container_is_running(u->c) || u->c->row.status == STATUS_STARTING)
			return true;
	return false;
}
