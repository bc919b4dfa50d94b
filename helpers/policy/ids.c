/* ids.c - what passwd, group, subuid and subgid say: names in the policy, and ids that containers must not get.
 *
 * The files are root's; they are read directly, bounded, line by line (passwd(5), group(5), subuid(5)). No name service
 * is asked: that would run other people's libraries in here. Ids of other services (LDAP, SSSD) must be kept out by
 * fixed range_first and range_last. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../base/cleanup.h"
#include "../base/fd.h"
#include "../base/log.h"
#include "../base/text.h"
#include "read.h"

enum {
	ETC_FILE_MAX = 4 << 20,
	CLAIMS_MAX = 8192,
	RANGES_LOW = 524288, /* systemd's range for containers (uids-gids, systemd) */
	RANGES_HIGH = 1879048191,
};

struct claim {
	uint32_t first, last;
	char who[40];
	const char *file;
};

struct claims {
	size_t n;
	struct claim *v;
};

/* As in policy_etc_files. */
enum { ETC_PASSWD, ETC_GROUP, ETC_SUBUID, ETC_SUBGID };
static const struct {
	unsigned first, count; /* fields with the first id and with the number of ids; count 0: one id */
} etc_fields[POLICY_ETC_COUNT] = {
	[ETC_PASSWD] = { 2, 0 }, [ETC_GROUP] = { 2, 0 }, [ETC_SUBUID] = { 1, 2 }, [ETC_SUBGID] = { 1, 2 },
};

static int read_etc(struct policy_ctx *c, unsigned file, char **ret)
{
	int fd = c->input->etc[file], r;

	r = fd < 0 ? fd : fd_read_all(fd, ETC_FILE_MAX, ret, NULL);
	if (r < 0 && r != -ENOENT)
		policy_error(c, policy_etc_files[file], "cannot be read: %s", strerror(-r));
	return r;
}

/* Cuts the next line of *text into at most 4 fields. False at the end; lines without enough fields are skipped. */
static bool next_line(char **text, char *fields[4], unsigned need)
{
	char *line, *part;
	unsigned n;

	while ((line = strsep(text, "\n"))) {
		for (n = 0; n < 4 && (part = strsep(&line, ":")); n++)
			fields[n] = part;
		if (n >= need && *fields[0] != '#' && *fields[0] != '+' && *fields[0] != '-')
			return true;
	}
	return false;
}

int policy_find_id(struct policy_ctx *c, bool group, const char *name, uint32_t *ret)
{
	_cleanup_free_ char *text = NULL;
	char *fields[4], *rest;
	uint64_t id;
	int r;

	r = read_etc(c, group ? ETC_GROUP : ETC_PASSWD, &text);
	if (r < 0)
		return r;
	rest = text;
	while (next_line(&rest, fields, 3)) {
		if (strcmp(fields[0], name) != 0 || text_u64(fields[2], UINT32_MAX - 1, &id) < 0)
			continue;
		*ret = (uint32_t)id;
		return 0;
	}
	return -ENOENT;
}

static int read_claims(struct policy_ctx *c, unsigned file, struct claims *claims)
{
	_cleanup_free_ char *text = NULL;
	char *fields[4], *rest;
	int r;

	r = read_etc(c, file, &text);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	rest = text;
	while (next_line(&rest, fields, 3)) {
		uint64_t first, count = 1;
		struct claim *new;

		if (text_u64(fields[etc_fields[file].first], UINT32_MAX, &first) < 0 ||
		    (etc_fields[file].count && text_u64(fields[etc_fields[file].count], UINT32_MAX, &count) < 0) ||
		    count == 0)
			continue;
		if (claims->n == CLAIMS_MAX)
			return policy_error(c, "ids", "more than %d entries in passwd, group, subuid and subgid",
					    CLAIMS_MAX);
		new = &claims->v[claims->n++];
		new->first = (uint32_t)first;
		new->last = first + count - 1 > UINT32_MAX ? UINT32_MAX : (uint32_t)(first + count - 1);
		new->file = policy_etc_files[file];
		snprintf(new->who, sizeof(new->who), "%s", fields[0]);
	}
	return 0;
}

static int compare_claims(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

static const struct claim *find_overlap(const struct claims *claims, uint32_t first, uint32_t last, bool engine)
{
	for (size_t i = 0; i < claims->n; i++) {
		const struct claim *k = &claims->v[i];

		/* Names for the engine's own ids may stand in passwd and group. */
		if (engine && strncmp(k->who, "postern", 7) == 0)
			continue;
		if (k->first <= last && k->last >= first)
			return k;
	}
	return NULL;
}

/* The largest gap between claims, from a whole multiple of MAP_SIZE on. */
static int largest_gap(const struct claims *claims, uint64_t low, uint64_t high, uint32_t *ret_first,
		       uint32_t *ret_last)
{
	uint64_t from = low, best = 0;

	for (size_t i = 0; i <= claims->n; i++) {
		uint64_t until = i < claims->n ? claims->v[i].first : high + 1, start, size;

		if (until > high + 1)
			until = high + 1;
		start = (from + MAP_SIZE - 1) / MAP_SIZE * MAP_SIZE;
		size = until > start ? (until - start) / MAP_SIZE * MAP_SIZE : 0;
		if (size > best) {
			best = size;
			*ret_first = (uint32_t)start;
			*ret_last = (uint32_t)(start + size - 1);
		}
		if (i < claims->n && (uint64_t)claims->v[i].last + 1 > from)
			from = (uint64_t)claims->v[i].last + 1;
	}
	return best ? 0 : -ENOSPC;
}

int policy_ranges(struct policy_ctx *c, uint32_t first, uint32_t last, struct policy_common *ret)
{
	static struct claim v[CLAIMS_MAX];
	const uint32_t ids = ret->ids_base, ids_last = ids + IDS_PER_ENGINE - 1;
	struct claims claims = { 0, v };
	const struct claim *k;
	bool automatic;
	int r;

	for (unsigned i = 0; i < POLICY_ETC_COUNT; i++) {
		r = read_claims(c, i, &claims);
		if (r < 0)
			return r;
	}
	qsort(v, claims.n, sizeof(*v), compare_claims);

	k = find_overlap(&claims, ids, ids_last, /* engine= */ true);
	if (k)
		return policy_error(c, "ids",
				    "%s in %s has %u-%u, which meets the engine's own ids %u-%u; "
				    "start with another --ids",
				    k->who, k->file, k->first, k->last, ids, ids_last);
	k = find_overlap(&claims, FOREIGN_FIRST, FOREIGN_FIRST + MAP_SIZE - 1, false);
	if (k)
		return policy_error(c, "ids",
				    "%s in %s has %u-%u, which meets %u-%u, where files of images belong; "
				    "move that entry",
				    k->who, k->file, k->first, k->last, FOREIGN_FIRST, FOREIGN_FIRST + MAP_SIZE - 1);
	automatic = first == 0;
	first = first ? first : RANGES_LOW;
	last = last ? last : RANGES_HIGH;
	if (first < RANGES_LOW || last > RANGES_HIGH || last < first || last - first < MAP_SIZE - 1)
		return policy_error(c, "ids.range_first", "%u-%u must lie within %d-%d and hold %u ids or more", first,
				    last, RANGES_LOW, RANGES_HIGH, MAP_SIZE);
	if (automatic && largest_gap(&claims, first, last, &first, &last) < 0)
		return policy_error(c, "ids.range_first", "no %u ids in a row are free between %u and %u; see %s",
				    MAP_SIZE, first, last, policy_etc_files[ETC_SUBUID]);
	k = find_overlap(&claims, first, last, false);
	if (k)
		return policy_error(c, "ids.range_first",
				    "%s in %s has %u-%u, which meets the container ids %u-%u; "
				    "write \"auto\", or choose others",
				    k->who, k->file, k->first, k->last, first, last);
	if (first <= ids_last && last >= ids)
		return policy_error(c, "ids.range_first", "the engine's own ids %u-%u meet the container ids %u-%u; "
				    "start with another --ids", ids, ids_last, first, last);
	ret->range_first = first;
	ret->range_last = last;
	return 0;
}
