/* seccomp_filter.c - from a profile to the program that spawn loads, and the cache of such programs: building one takes
 * a millisecond. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../helpers/base/cleanup.h"
#include "../../helpers/base/digest.h"
#include "internal.h"
#include "seccomp.h"

static int build(const struct seccomp_rules *r, void **ret, size_t *ret_bytes, struct err *err)
{
	_cleanup_free_ struct sock_filter *all = malloc(BPF_MAXINSNS * sizeof(*all));
	int n = all ? seccomp_program(r, all) : -ENOMEM;
	size_t bytes = (size_t)n * sizeof(*all);
	void *fit = n > 0 ? malloc(bytes) : NULL;

	if (n == 0)
		return err_set(err, 400, "seccomp: the profile makes a filter that is too long for the kernel");
	if (!fit)
		return err_set(err, 500, "seccomp: out of memory");
	*ret = memcpy(fit, all, bytes);
	*ret_bytes = bytes;
	return 0;
}

/* --- cache --- */
struct entry {
	uint8_t digest[SHA256_DIGEST_SIZE]; /* of the profile: texts may be large */
	uint64_t caps, used;
	void *filter;
	size_t bytes;
};
/* Global, because it is a table of constants that happens to be made when needed: equal input, equal filter. */
static struct entry cache[SECCOMP_CACHE_MAX];
static uint64_t cache_clock;

static struct entry *cache_find(const uint8_t digest[SHA256_DIGEST_SIZE], uint64_t caps)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cache); i++)
		if (cache[i].filter && cache[i].caps == caps &&
		    !memcmp(cache[i].digest, digest, sizeof(cache[i].digest)))
			return &cache[i];
	return NULL;
}

static struct entry *cache_oldest(void)
{
	struct entry *oldest = cache;
	size_t i;

	for (i = 1; i < ARRAY_SIZE(cache); i++)
		if (cache[i].used < oldest->used)
			oldest = &cache[i];
	return oldest;
}

int seccomp_filter(const char *profile, uint64_t caps, const void **ret, size_t *ret_bytes, struct err *err)
{
	const char *text = profile ? profile : seccomp_default_profile;
	size_t len = profile ? strnlen(profile, SECCOMP_PROFILE_MAX + 1)
			     : (size_t)((uintptr_t)seccomp_default_profile_end - (uintptr_t)seccomp_default_profile);
	uint8_t digest[SHA256_DIGEST_SIZE];
	_cleanup_free_ struct seccomp_rules *rules = NULL; /* large for the stack of a task */
	struct entry *e, fresh = { .caps = caps };
	int r;

	if (len > SECCOMP_PROFILE_MAX)
		return err_set(err, 400, "Decoding seccomp profile failed: more than %d bytes", SECCOMP_PROFILE_MAX);
	digest_sha256(text, len, digest);
	e = cache_find(digest, caps);
	if (!e) {
		rules = malloc(sizeof(*rules));
		if (!rules)
			return err_set(err, 500, "seccomp: out of memory");
		r = seccomp_rules_init(rules, text, len, caps, err) || build(rules, &fresh.filter, &fresh.bytes, err);
		seccomp_rules_finish(rules);
		if (r)
			return -1;
		memcpy(fresh.digest, digest, sizeof(digest));
		e = cache_oldest();
		free(e->filter);
		*e = fresh;
	}
	e->used = ++cache_clock;
	*ret = e->filter;
	*ret_bytes = e->bytes;
	return 0;
}
