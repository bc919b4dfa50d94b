/* seccomp_filter.c - from rules to the program that spawn loads, and the cache of such programs.
 *
 * The program is libseccomp's (a binary tree over the numbers), behind a few instructions of ours that decide what it
 * cannot: calls that it has no name for, and ENOSYS for those newer than the profile. C libraries take ENOSYS as "use the
 * older call" but give up at EPERM. Building takes some 10 ms for three architectures; hence the cache. */
#include <limits.h>
#include <linux/audit.h>
#include <linux/bpf_common.h>
#include <linux/seccomp.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../../helpers/base/cleanup.h"
#include "../../helpers/base/fd.h"
#include "internal.h"
#include "seccomp.h"

enum {
	X32_BIT = 0x40000000,
	X32_FIRST = 512, X32_LAST = 547, /* numbers that mean other calls in x32 than elsewhere */
	PREFIX_MAX = 4 * SECCOMP_NEW_MAX + 32,
};

/* --- instructions before libseccomp's --------------------------------------------------------------------------------- */
struct program {
	struct sock_filter *v;
	size_t n, size;
};

static void put(struct program *p, struct sock_filter one)
{
	if (p->n < p->size)
		p->v[p->n] = one;
	p->n++;
}

#define STATEMENT(code, k) ((struct sock_filter)BPF_STMT(code, k))
#define JUMP(code, k, yes, no) ((struct sock_filter)BPF_JUMP(code, k, yes, no))
#define LOAD(field) STATEMENT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define RETURN(value) STATEMENT(BPF_RET | BPF_K, value)

static bool denies(uint32_t action)
{
	return action != SCMP_ACT_ALLOW && action != SCMP_ACT_LOG && (action & 0xffff0000u) != SCMP_ACT_TRACE(0);
}

/* Calls that only 64-bit x86 has: the number means something else elsewhere. */
static void put_x86_64(struct program *p, const struct seccomp_rules *r)
{
	size_t i;

	for (i = 0; i < n_new_calls; i++) {
		if (!r->has_new[i] || !new_calls[i].x86_64_only || seccomp_arch_native() != SCMP_ARCH_X86_64)
			continue;
		put(p, LOAD(arch));
		put(p, JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, 3));
		put(p, LOAD(nr));
		put(p, JUMP(BPF_JMP | BPF_JEQ | BPF_K, new_calls[i].number, 0, 1));
		put(p, RETURN(r->new_action[i]));
	}
}

size_t seccomp_prefix(const struct seccomp_rules *r, struct sock_filter *out, size_t size)
{
	struct program p = { out, 0, size };
	size_t to_main[2], i, n = 0;

	put_x86_64(&p, r);
	/* An architecture that is not among ours is for libseccomp's part to refuse. */
	put(&p, LOAD(arch));
	for (i = 0; i < r->narches; i++)
		put(&p, JUMP(BPF_JMP | BPF_JEQ | BPF_K, r->arches[i], (uint8_t)(r->narches - i), 0));
	to_main[n++] = p.n;
	put(&p, STATEMENT(BPF_JMP | BPF_JA, 0));

	put(&p, LOAD(nr));
	if (r->x32) {
		put(&p, JUMP(BPF_JMP | BPF_JSET | BPF_K, X32_BIT, 0, 4));
		put(&p, STATEMENT(BPF_ALU | BPF_AND | BPF_K, ~(uint32_t)X32_BIT));
		put(&p, JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_FIRST, 0, 2));
		put(&p, JUMP(BPF_JMP | BPF_JGT | BPF_K, X32_LAST, 1, 0));
	} else {
		put(&p, JUMP(BPF_JMP | BPF_JSET | BPF_K, X32_BIT, 0, 1)); /* no other architecture has such numbers */
	}
	to_main[n++] = p.n;
	put(&p, STATEMENT(BPF_JMP | BPF_JA, 0));
	for (i = 0; i < n_new_calls; i++)
		if (r->has_new[i] && !new_calls[i].x86_64_only) {
			put(&p, JUMP(BPF_JMP | BPF_JEQ | BPF_K, new_calls[i].number, 0, 1));
			put(&p, RETURN(r->new_action[i]));
		}
	if (denies(r->default_action)) {
		put(&p, JUMP(BPF_JMP | BPF_JGT | BPF_K, r->last, 0, 1));
		put(&p, RETURN(SECCOMP_RET_ERRNO | ENOSYS));
	}
	for (i = 0; i < n && to_main[i] < size; i++)
		out[to_main[i]].k = (uint32_t)(p.n - to_main[i] - 1);
	return p.n;
}

/* --- the whole program --------------------------------------------------------------------------------------------------- */
static int build(const struct seccomp_rules *r, void **ret, size_t *ret_bytes, struct err *err)
{
	_cleanup_close_ int fd = memfd_create("seccomp", MFD_CLOEXEC);
	struct sock_filter prefix[PREFIX_MAX], *all;
	_cleanup_free_ char *main_part = NULL;
	size_t n = seccomp_prefix(r, prefix, PREFIX_MAX) * sizeof(*prefix), main_bytes;
	int e;

	if (fd < 0 || n > sizeof(prefix))
		return err_set(err, 500, "seccomp: cannot make a filter");
	e = seccomp_export_bpf(r->ctx, fd);
	if (!e && lseek(fd, 0, SEEK_SET) < 0)
		e = -errno;
	if (!e)
		e = fd_read_all(fd, SECCOMP_PROFILE_MAX, &main_part, &main_bytes);
	if (e)
		return err_set(err, 500, "seccomp: cannot make a filter: %s", strerror(-e));
	if (n + main_bytes > BPF_MAXINSNS * sizeof(*all))
		return err_set(err, 400, "seccomp: the profile makes a filter that is too long for the kernel");
	all = malloc(n + main_bytes);
	if (!all)
		return err_set(err, 500, "seccomp: out of memory");
	memcpy(all, prefix, n);
	memcpy((char *)all + n, main_part, main_bytes);
	*ret = all;
	*ret_bytes = n + main_bytes;
	return 0;
}

/* --- cache ------------------------------------------------------------------------------------------------------------------ */
struct entry {
	uint8_t digest[SHA256_DIGEST_LENGTH]; /* of the profile: texts may be large */
	uint64_t caps, used;
	void *filter;
	size_t bytes;
};
/* Global, because it is a table of constants that happens to be made when needed: equal input, equal filter. */
static struct entry cache[SECCOMP_CACHE_MAX];
static uint64_t cache_clock;

static struct entry *cache_find(const uint8_t digest[SHA256_DIGEST_LENGTH], uint64_t caps)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cache); i++)
		if (cache[i].filter && cache[i].caps == caps && !memcmp(cache[i].digest, digest, sizeof(cache[i].digest)))
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
	size_t len = profile ? strnlen(profile, SECCOMP_PROFILE_MAX + 1) :
			       (size_t)(seccomp_default_profile_end - seccomp_default_profile);
	uint8_t digest[SHA256_DIGEST_LENGTH];
	struct seccomp_rules rules;
	struct entry *e, fresh = { .caps = caps };
	int r;

	if (len > SECCOMP_PROFILE_MAX)
		return err_set(err, 400, "Decoding seccomp profile failed: more than %d bytes", SECCOMP_PROFILE_MAX);
	SHA256((const uint8_t *)text, len, digest);
	e = cache_find(digest, caps);
	if (!e) {
		r = seccomp_rules_init(&rules, text, len, caps, err) || build(&rules, &fresh.filter, &fresh.bytes, err);
		seccomp_rules_finish(&rules);
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
