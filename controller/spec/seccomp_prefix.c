/* seccomp_prefix.c - the part of a filter that comes before libseccomp's: rules with conditions on arguments, calls
 * that libseccomp has no names for, and ENOSYS for what is newer than the profile. seccomp(2), the kernel's
 * seccomp_filter.rst.
 *
 * C libraries take ENOSYS as "use the older call" but give up at EPERM. The kernel keeps a bitmap of calls that are
 * always allowed (since 5.11) and does not run the filter for them, so a plain list of comparisons costs them nothing.
 */
#include <assert.h>
#include <errno.h>
#include <linux/seccomp.h>
#include <string.h>

#include "../../helpers/base/cleanup.h"
#include "internal.h"
#include "seccomp.h"

enum {
	X32_BIT = 0x40000000,
	X32_FIRST = 512,
	X32_LAST = 547, /* numbers that mean other calls in x32 than elsewhere */
};

/* The same number everywhere, but the first. */
static const struct {
	const char *name;
	int number;
	uint32_t only; /* architecture, 0: all */
} new_calls[] = {
	{ "uretprobe", 335, SCMP_ARCH_X86_64 },
	{ "cachestat", 451, 0 },
	{ "fchmodat2", 452, 0 },
	{ "map_shadow_stack", 453, 0 },
	{ "futex_wake", 454, 0 },
	{ "futex_wait", 455, 0 },
	{ "futex_requeue", 456, 0 },
	{ "statmount", 457, 0 },
	{ "listmount", 458, 0 },
	{ "lsm_get_self_attr", 459, 0 },
	{ "lsm_set_self_attr", 460, 0 },
	{ "lsm_list_modules", 461, 0 },
	{ "mseal", 462, 0 },
	{ "setxattrat", 463, 0 },
	{ "getxattrat", 464, 0 },
	{ "listxattrat", 465, 0 },
	{ "removexattrat", 466, 0 },
	{ "open_tree_attr", 467, 0 },
	{ "file_getattr", 468, 0 },
	{ "file_setattr", 469, 0 },
};

/* libseccomp gives numbers of its own to what 32-bit x86 had only behind socketcall and ipc before Linux 4.3 and 5.1.
 */
static const struct {
	const char *name;
	int number;
} x86_calls[] = {
	{ "socket", 359 },	{ "socketpair", 360 },	{ "bind", 361 },       { "connect", 362 },
	{ "listen", 363 },	{ "accept4", 364 },	{ "getsockopt", 365 }, { "setsockopt", 366 },
	{ "getsockname", 367 }, { "getpeername", 368 }, { "sendto", 369 },     { "sendmsg", 370 },
	{ "recvfrom", 371 },	{ "recvmsg", 372 },	{ "shutdown", 373 },   { "semget", 393 },
	{ "semctl", 394 },	{ "shmget", 395 },	{ "shmctl", 396 },     { "shmat", 397 },
	{ "shmdt", 398 },	{ "msgget", 399 },	{ "msgsnd", 400 },     { "msgrcv", 401 },
	{ "msgctl", 402 },
};

static size_t find_new(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(new_calls) && strcmp(name, new_calls[i].name) != 0; i++)
		;
	return i;
}

bool seccomp_is_new(const char *name)
{
	return find_new(name) < ARRAY_SIZE(new_calls);
}

int seccomp_number(uint32_t arch, const char *name)
{
	size_t i = find_new(name);

	if (arch == SCMP_ARCH_NATIVE)
		arch = seccomp_arch_native();
	if (i == ARRAY_SIZE(new_calls)) {
		for (i = 0; arch == SCMP_ARCH_X86 && i < ARRAY_SIZE(x86_calls); i++)
			if (!strcmp(name, x86_calls[i].name))
				return x86_calls[i].number;
		return seccomp_syscall_resolve_name_arch(arch, name);
	}
	if (new_calls[i].only && new_calls[i].only != arch)
		return -2; /* not of this architecture; -1 is __NR_SCMP_ERROR */
	return new_calls[i].number | (arch == SCMP_ARCH_X32 ? X32_BIT : 0);
}

/* --- instructions --- */
struct program {
	struct sock_filter *v;
	size_t n, size; /* n counts on when there is no more room */
};

static size_t put(struct program *p, struct sock_filter one)
{
	if (p->n < p->size)
		p->v[p->n] = one;
	return p->n++;
}

/* Makes the jump (BPF_JA) at `at` go to the next instruction. */
static void land(struct program *p, size_t at)
{
	if (at < p->size)
		p->v[at].k = (uint32_t)(p->n - at - 1);
}

#define STATEMENT(code, k) ((struct sock_filter)BPF_STMT(code, k))
#define JUMP(test, k, yes, no) \
	((struct sock_filter)BPF_JUMP(BPF_JMP | (test) | BPF_K, k, (uint8_t)(yes), (uint8_t)(no)))
#define LOAD(offset) STATEMENT(BPF_LD | BPF_W | BPF_ABS, offset)
#define GO STATEMENT(BPF_JMP | BPF_JA, 0)
#define RETURN(value) STATEMENT(BPF_RET | BPF_K, value)

enum { CONDITION_SIZE = 6 /* instructions */ };
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the halves of an argument lie the other way round");

/* One condition: falls through when it holds, else goes `fail` instructions beyond its end. The argument has 64 bits
 * and all count, high half first: the kernel cuts some arguments to 32 bits, so a comparison of the low half alone
 * could be passed with another value than was meant. Fixed length, so that the distances are known; a spare load fills
 * it up. */
static void put_condition(struct program *p, const struct scmp_arg_cmp *c, unsigned fail)
{
	uint32_t low = offsetof(struct seccomp_data, args) + c->arg * sizeof(uint64_t), high = low + sizeof(uint32_t);
	uint64_t value = c->op == SCMP_CMP_MASKED_EQ ? c->datum_b & c->datum_a : c->datum_a;
	uint32_t value_high = (uint32_t)(value >> 32), value_low = (uint32_t)value;
	uint64_t mask = c->op == SCMP_CMP_MASKED_EQ ? c->datum_a : UINT64_MAX;

	/* A 0..5 after the condition's start; "holds" is its end, 6. */
	switch (c->op) {
	case SCMP_CMP_GT:
	case SCMP_CMP_GE:
		put(p, LOAD(high));
		put(p, JUMP(BPF_JGT, value_high, 4, 0));
		put(p, JUMP(BPF_JEQ, value_high, 0, 3 + fail));
		put(p, LOAD(low));
		put(p, JUMP(c->op == SCMP_CMP_GT ? BPF_JGT : BPF_JGE, value_low, 1, 1 + fail));
		put(p, LOAD(low));
		break;
	case SCMP_CMP_LT:
	case SCMP_CMP_LE:
		put(p, LOAD(high));
		put(p, JUMP(BPF_JGT, value_high, 4 + fail, 0));
		put(p, JUMP(BPF_JEQ, value_high, 0, 3));
		put(p, LOAD(low));
		put(p, JUMP(c->op == SCMP_CMP_LT ? BPF_JGE : BPF_JGT, value_low, 1 + fail, 1));
		put(p, LOAD(low));
		break;
	case SCMP_CMP_NE:
		put(p, LOAD(high));
		put(p, JUMP(BPF_JEQ, value_high, 0, 4));
		put(p, LOAD(low));
		put(p, JUMP(BPF_JEQ, value_low, 2 + fail, 2));
		put(p, LOAD(low));
		put(p, LOAD(low));
		break;
	default: /* EQ, MASKED_EQ */
		put(p, LOAD(high));
		put(p, STATEMENT(BPF_ALU | BPF_AND | BPF_K, (uint32_t)(mask >> 32)));
		put(p, JUMP(BPF_JEQ, value_high, 0, 3 + fail));
		put(p, LOAD(low));
		put(p, STATEMENT(BPF_ALU | BPF_AND | BPF_K, (uint32_t)mask));
		put(p, JUMP(BPF_JEQ, value_low, 0, fail));
		break;
	}
}

/* Everything that the profile says of one call, for one architecture: the first rule that holds, else the default. */
static void put_call(struct program *p, const struct seccomp_rules *r, size_t first, uint32_t number)
{
	const char *name = r->own[first].name;
	bool decided = false;
	size_t over, i;
	unsigned a;

	put(p, JUMP(BPF_JEQ, number, 1, 0));
	over = put(p, GO);
	for (i = first; i < r->nown && !decided; i++) {
		const struct own_rule *o = &r->own[i];

		if (strcmp(o->name, name) != 0)
			continue;
		for (a = 0; a < o->nargs; a++)
			put_condition(p, &o->args[a], (o->nargs - 1 - a) * CONDITION_SIZE + 1);
		put(p, RETURN(o->action));
		decided = !o->nargs;
	}
	if (!decided)
		put(p, RETURN(r->default_action));
	land(p, over);
}

static bool is_first(const struct seccomp_rules *r, size_t i)
{
	size_t before;

	for (before = 0; before < i; before++)
		if (!strcmp(r->own[before].name, r->own[i].name))
			return false;
	return true;
}

static bool denies(uint32_t action)
{
	return action != SCMP_ACT_ALLOW && action != SCMP_ACT_LOG && (action & 0xffff0000u) != SCMP_ACT_TRACE(0);
}

static bool has_arch(const struct seccomp_rules *r, uint32_t arch)
{
	size_t i;

	for (i = 0; i < r->narches; i++)
		if (r->arches[i] == arch)
			return true;
	return false;
}

/* The accumulator holds the number. */
static void put_enosys(struct program *p, const struct seccomp_rules *r, uint32_t arch)
{
	size_t to_main = SIZE_MAX;

	if (!denies(r->default_action))
		return;
	if (arch == SCMP_ARCH_X86_64) {
		if (has_arch(r, SCMP_ARCH_X32)) {
			put(p, JUMP(BPF_JSET, X32_BIT, 0, 4));
			put(p, STATEMENT(BPF_ALU | BPF_AND | BPF_K, ~(uint32_t)X32_BIT));
			put(p, JUMP(BPF_JGE, X32_FIRST, 0, 2));
			put(p, JUMP(BPF_JGT, X32_LAST, 1, 0));
		} else {
			put(p, JUMP(BPF_JSET, X32_BIT, 0,
				    1)); /* no architecture of the profile: libseccomp's part refuses */
		}
		to_main = put(p, GO);
	}
	put(p, JUMP(BPF_JGT, r->last, 0, 1));
	put(p, RETURN(SECCOMP_RET_ERRNO | ENOSYS));
	if (to_main != SIZE_MAX)
		land(p, to_main);
}

static void put_arch(struct program *p, const struct seccomp_rules *r, uint32_t arch)
{
	size_t i;
	int nr;

	for (i = 0; i < r->nown; i++) {
		if (!is_first(r, i))
			continue;
		nr = seccomp_number(arch, r->own[i].name);
		if (nr >= 0)
			put_call(p, r, i, (uint32_t)nr);
	}
}

size_t seccomp_prefix(const struct seccomp_rules *r, struct sock_filter *out, size_t size)
{
	struct program p = { out, 0, size };
	size_t to_main[SECCOMP_ARCHES_MAX], i, n = 0;

	for (i = 0; i < r->narches; i++) {
		uint32_t arch = r->arches[i];
		size_t next;

		/* The kernel knows x32 as x86_64 with a bit in the number. */
		if (arch == SCMP_ARCH_X32)
			continue;
		put(&p, LOAD(offsetof(struct seccomp_data, arch)));
		put(&p, JUMP(BPF_JEQ, arch, 1, 0));
		next = put(&p, GO);
		put(&p, LOAD(offsetof(struct seccomp_data, nr)));
		put_arch(&p, r, arch);
		if (arch == SCMP_ARCH_X86_64 && has_arch(r, SCMP_ARCH_X32))
			put_arch(&p, r, SCMP_ARCH_X32);
		put_enosys(&p, r, arch);
		to_main[n++] = put(&p, GO);
		land(&p, next);
	}
	for (i = 0; i < n; i++)
		land(&p, to_main[i]);
	return p.n;
}
