/* ids.c - which ids an ordinary user's engine has (subuid(5)), and where they stand in its user namespace.
 *
 * Its id 0 is the user; 1..65533 and 65534 are ids of the user's subordinate ranges, with a hole below 65534 when the
 * range is the usual 65536, since the engine's own ids come out of it too, as OWN_FIRST... in here. Without a range one
 * id is all there is.
 *
 * Containers see these same ids, so the store holds them and nothing is id-mapped (the kernel would not let us); in the
 * range namespace they are shifted to RANGE_FIRST, so that there is no id 0 there and no container's map has to name
 * one. */
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../base/log.h"
#include "../base/text.h"
#include "user.h"

struct piece {
	uint32_t first, count;
};

struct pieces {
	unsigned n;
	uint64_t total;
	struct piece v[PIECES_MAX];
};

/* Lines "name:first:count" or "uid:first:count". */
static void read_pieces(const char *path, const char *name, uid_t uid, struct pieces *ret)
{
	FILE *f = fopen(path, "re");
	char line[512], number[16];

	memset(ret, 0, sizeof(*ret));
	snprintf(number, sizeof(number), "%u", uid);
	while (f && fgets(line, sizeof(line), f) && ret->n < PIECES_MAX) {
		char *rest = line, *who = strsep(&rest, ":");
		char *first = strsep(&rest, ":"), *count = strsep(&rest, ":\n");
		uint64_t from, n;

		if (!count || (strcmp(who, name) != 0 && strcmp(who, number) != 0))
			continue;
		if (text_u64(first, UINT32_MAX - 1, &from) < 0 || text_u64(count, UINT32_MAX - from, &n) < 0 || n == 0)
			continue;
		ret->v[ret->n++] = (struct piece){ (uint32_t)from, (uint32_t)n };
		ret->total += n;
	}
	if (f)
		fclose(f);
}

static void add_extent(struct words *w, uint32_t inside, uint32_t outside, uint32_t count)
{
	snprintf(w->text[w->n++], sizeof(w->text[0]), "%u", inside);
	snprintf(w->text[w->n++], sizeof(w->text[0]), "%u", outside);
	snprintf(w->text[w->n++], sizeof(w->text[0]), "%u", count);
}

/* Takes count ids from the pieces for those from `inside` on. The pieces hold enough. */
static void add_pieces(struct words *w, struct pieces *p, uint32_t inside, uint32_t count)
{
	for (unsigned i = 0; i < p->n && count > 0; i++) {
		struct piece *k = &p->v[i];
		uint32_t n = k->count < count ? k->count : count;

		if (n == 0)
			continue;
		add_extent(w, inside, k->first, n);
		k->first += n;
		k->count -= n;
		inside += n;
		count -= n;
	}
}

/* Uids and gids may be cut at different places: what containers have is in parts that both know whole. */
static uint32_t part_at(const struct words *w, uint32_t id)
{
	for (unsigned i = 0; i + 2 < w->n; i += 3) {
		uint32_t first = (uint32_t)strtoul(w->text[i], NULL, 10);
		uint32_t count = (uint32_t)strtoul(w->text[i + 2], NULL, 10);

		if (id - first < count)
			return first + count - id;
	}
	return 0;
}

static int make_map(struct ids *ids)
{
	for (uint32_t id = 0; id <= OVERFLOW_ID;) {
		uint32_t u = part_at(&ids->uids, id), g = part_at(&ids->gids, id), n = u < g ? u : g;

		if (n && ids->nmap == POLICY_EXTENTS_MAX)
			return -E2BIG;
		if (n)
			ids->map[ids->nmap++] = (struct policy_extent){ id, n };
		/* Only one gap is possible: below nobody. */
		id = n ? id + n : id < OVERFLOW_ID ? OVERFLOW_ID : OVERFLOW_ID + 1;
	}
	return 0;
}

static void make_words(struct words *w, struct pieces *p, uint32_t self, uint32_t low)
{
	add_extent(w, 0, self, 1);
	add_pieces(w, p, 1, low - 1);
	add_pieces(w, p, OVERFLOW_ID, 1);
	add_pieces(w, p, OWN_FIRST, IDS_PER_ENGINE);
}

/* How many of the low ids there are; 0 when one id must do. */
static uint32_t low_ids(const struct pieces *uids, const struct pieces *gids)
{
	uint64_t total = uids->total < gids->total ? uids->total : gids->total;
	const uint64_t others = IDS_PER_ENGINE + 1 /* nobody */ - 1 /* the user */;

	if (total < others + 2) {
		log_warn("no subordinate ids of this user's in /etc/subuid and /etc/subgid: containers have one id");
		return 0;
	}
	return total - others < OVERFLOW_ID ? (uint32_t)(total - others) : OVERFLOW_ID;
}

int ids_find(bool single, struct ids *ret)
{
	const struct passwd *who = getpwuid(getuid());
	const char *name = who ? who->pw_name : "";
	struct pieces uids, gids;
	uint32_t low;

	memset(ret, 0, sizeof(*ret));
	read_pieces("/etc/subuid", name, getuid(), &uids);
	read_pieces("/etc/subgid", name, getuid(), &gids);
	low = single ? 0 : low_ids(&uids, &gids);
	if (low > 0) {
		make_words(&ret->uids, &uids, getuid(), low);
		make_words(&ret->gids, &gids, getgid(), low);
		return make_map(ret);
	}
	ret->single = true;
	add_extent(&ret->uids, 0, getuid(), 1);
	add_extent(&ret->gids, 0, getgid(), 1);
	ret->map[ret->nmap++] = (struct policy_extent){ 0, 1 };
	return 0;
}
