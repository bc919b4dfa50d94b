/* seccomp_layout.c - what a profile's rules mean for every number of each architecture, as one program:
 *
 *	architecture -> number (binary search) -> return, or the call's own code: its arguments -> return
 *
 * A call that has rules with conditions is a leaf like any other, and its code is shared by the architectures: nobody
 * else passes by it. seccomp(2), the kernel's Documentation/userspace-api/seccomp_filter.rst. */
#include <assert.h>
#include <errno.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>

#include "../../helpers/base/cleanup.h"
#include "seccomp.h"

enum {
	X32_FIRST = 512,
	X32_LAST = 547, /* numbers that mean other calls in x32 than elsewhere */
	POINTS_MAX = 2 * (SECCOMP_RULES_MAX + SECCOMP_CONDS_MAX), /* x32 and x86_64 */
	GROUND_MAX = 8,
};
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the halves of an argument lie the other way round");

struct layout {
	const struct seccomp_rules *r;
	struct program p;
	struct target conds[2][SECCOMP_CONDS_MAX]; /* code of the call whose first rule it is; [1]: 32-bit arguments */
	struct point points[POINTS_MAX];
	size_t npoints;
	struct range steps[2 * POINTS_MAX + GROUND_MAX];
};

static void add_point(struct layout *l, uint32_t value, struct target to)
{
	l->points[l->npoints] = (struct point){ value, (uint32_t)l->npoints, to };
	l->npoints++;
}

/* The points collected so far, on the ground, as code. */
static struct target put_points(struct layout *l, uint32_t offset, uint32_t mask, const struct range *ground, size_t n)
{
	n = range_spread(l->points, l->npoints, ground, n, l->steps);
	l->npoints = 0;
	return program_switch(&l->p, offset, mask, l->steps, n);
}

/* --- conditions on arguments --- */
/* The argument has 64 bits and all count: the kernel cuts some arguments to 32 bits, so a comparison of the low half
 * alone could be passed with another value than was meant. In a call of a 32-bit architecture the high half is nothing
 * (though it may hold what a 64-bit caller left there). */
static uint32_t low_half(const struct scmp_arg_cmp *c)
{
	return (uint32_t)(offsetof(struct seccomp_data, args) + c->arg * sizeof(uint64_t));
}

static uint64_t mask_of(const struct scmp_arg_cmp *c)
{
	return c->op == SCMP_CMP_MASKED_EQ ? c->datum_a : UINT64_MAX;
}

static uint64_t value_of(const struct scmp_arg_cmp *c)
{
	return c->op == SCMP_CMP_MASKED_EQ ? c->datum_b & c->datum_a : c->datum_a;
}

static bool is_equality(const struct scmp_arg_cmp *c)
{
	return c->op == SCMP_CMP_EQ || c->op == SCMP_CMP_MASKED_EQ;
}

static struct target put_high(struct layout *l, const struct scmp_arg_cmp *c, bool narrow, struct target less,
			      struct target equal, struct target more)
{
	uint32_t high = (uint32_t)(value_of(c) >> 32), mask = narrow ? 0 : (uint32_t)(mask_of(c) >> 32);
	struct range r[3];
	size_t n = range_add(r, 0, 0, less);

	n = range_add(r, n, high, equal);
	if (high != UINT32_MAX)
		n = range_add(r, n, high + 1, more);
	return program_switch(&l->p, low_half(c) + sizeof(uint32_t), mask, r, n);
}

/* Values of one argument, of which the low halves are the points. */
static struct target put_equal(struct layout *l, const struct scmp_arg_cmp *c, bool narrow, struct target no)
{
	struct range ground = { 0, no };
	struct target low = put_points(l, low_half(c), (uint32_t)mask_of(c), &ground, 1);

	return put_high(l, c, narrow, no, low, no);
}

/* yes from the value on, or from beyond it on. */
static struct target put_order(struct layout *l, const struct scmp_arg_cmp *c, bool narrow, bool beyond,
			       struct target yes, struct target no)
{
	uint32_t value = (uint32_t)value_of(c);
	struct range r[2]; /* of the low half, for which the high one has to be equal */
	size_t n = range_add(r, 0, 0, no);

	if (!beyond || value != UINT32_MAX)
		n = range_add(r, n, value + beyond, yes);
	return put_high(l, c, narrow, no, program_switch(&l->p, low_half(c), UINT32_MAX, r, n), yes);
}

static struct target put_condition(struct layout *l, const struct scmp_arg_cmp *c, bool narrow, struct target yes,
				   struct target no)
{
	switch (c->op) {
	case SCMP_CMP_GE:
	case SCMP_CMP_GT:
		return put_order(l, c, narrow, c->op == SCMP_CMP_GT, yes, no);
	case SCMP_CMP_LT:
	case SCMP_CMP_LE:
		return put_order(l, c, narrow, c->op == SCMP_CMP_LE, no, yes);
	case SCMP_CMP_NE:
		add_point(l, (uint32_t)value_of(c), no);
		return put_equal(l, c, narrow, yes);
	default: /* EQ, MASKED_EQ */
		add_point(l, (uint32_t)value_of(c), yes);
		return put_equal(l, c, narrow, no);
	}
}

/* --- calls that have conditions --- */
/* Can these be told apart by one look at the argument? */
static bool alike(const struct cond_rule *a, const struct cond_rule *b)
{
	return a->nargs == 1 && b->nargs == 1 && is_equality(&a->args[0]) && is_equality(&b->args[0]) &&
	       a->args[0].arg == b->args[0].arg && mask_of(&a->args[0]) == mask_of(&b->args[0]) &&
	       value_of(&a->args[0]) >> 32 == value_of(&b->args[0]) >> 32;
}

/* Everything that the profile says of one call: the first rule that holds, else the default. */
static struct target put_call(struct layout *l, size_t first, bool narrow)
{
	const struct seccomp_rules *r = l->r;
	const struct cond_rule *rules[SECCOMP_CONDS_MAX], *o;
	struct target next = target_return(r->default_action), t;
	size_t n = 0, i, k;
	unsigned a;

	for (i = first; i < r->nconds; i++) {
		if (strcmp(r->conds[i].name, r->conds[first].name) != 0)
			continue;
		if (!r->conds[i].nargs) {
			next = target_return(r->conds[i].action);
			break;
		}
		rules[n++] = &r->conds[i];
	}
	/* From the last one to the first. */
	while (n) {
		o = rules[n - 1];
		for (i = n; i > 0 && alike(rules[i - 1], o); i--)
			;
		if (i < n) {
			for (k = i; k < n; k++)
				add_point(l, (uint32_t)value_of(&rules[k]->args[0]), target_return(rules[k]->action));
			next = put_equal(l, &o->args[0], narrow, next);
			n = i;
			continue;
		}
		t = target_return(o->action);
		for (a = o->nargs; a > 0; a--)
			t = put_condition(l, &o->args[a - 1], narrow, t, next);
		next = t;
		n--;
	}
	return next;
}

static bool is_first(const struct seccomp_rules *r, size_t i)
{
	size_t before;

	for (before = 0; before < i; before++)
		if (!strcmp(r->conds[before].name, r->conds[i].name))
			return false;
	return true;
}

static void put_calls(struct layout *l)
{
	const struct seccomp_rules *r = l->r;
	size_t i, a;

	for (i = 0; i < r->nconds; i++) {
		bool used[2] = { false, false };
		int narrow;

		if (!is_first(r, i))
			continue;
		for (a = 0; a < r->narches; a++)
			if (seccomp_number(r->arches[a], r->conds[i].name) >= 0)
				used[seccomp_is_narrow(r->arches[a])] = true;
		for (narrow = 0; narrow < 2; narrow++)
			if (used[narrow])
				l->conds[narrow][i] = put_call(l, i, narrow);
	}
}

/* --- architectures --- */
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

/* What numbers mean that no rule names. Those that are newer than the profile are ENOSYS when it denies by default: C
 * libraries take ENOSYS as "use the older call" but give up at EPERM. */
static size_t lay_ground(const struct seccomp_rules *r, uint32_t arch, struct range ground[GROUND_MAX])
{
	struct target other = target_return(r->default_action), kill = target_return(SCMP_ACT_KILL_PROCESS);
	struct target none = target_return(SECCOMP_RET_ERRNO | ENOSYS);
	bool deny = denies(r->default_action);
	struct target newer = deny ? none : other;
	size_t n = range_add(ground, 0, 0, other);

	n = range_add(ground, n, r->last + 1, newer);
	if (arch == SCMP_ARCH_X86_64 && has_arch(r, SCMP_ARCH_X32)) {
		n = range_add(ground, n, SECCOMP_X32_BIT, other);
		if (r->last < X32_FIRST) {
			n = range_add(ground, n, SECCOMP_X32_BIT + r->last + 1, newer);
			n = range_add(ground, n, SECCOMP_X32_BIT + X32_FIRST, other);
		}
		n = range_add(ground, n, SECCOMP_X32_BIT + (r->last > X32_LAST ? r->last : X32_LAST) + 1, newer);
	} else if (arch == SCMP_ARCH_X86_64) {
		/* No architecture of the profile. A tracer sets -1 so that nothing is called. */
		n = range_add(ground, n, SECCOMP_X32_BIT, kill);
		n = range_add(ground, n, 2U * SECCOMP_X32_BIT, deny ? none : kill);
		n = range_add(ground, n, 3U * SECCOMP_X32_BIT, kill);
		n = range_add(ground, n, UINT32_MAX, other);
	}
	return n;
}

/* Rules for what is behind socketcall or ipc: they look at its first argument. */
static void put_multiplexer(struct layout *l, uint32_t arch, int multiplexer, struct target *ret)
{
	const struct seccomp_rules *r = l->r;
	struct range ground = { 0, target_return(r->default_action) };
	uint32_t sub = 0;
	size_t i;

	for (i = 0; i < r->nplain; i++)
		if (seccomp_multiplexer(arch, r->plain[i].name, &sub) == multiplexer)
			add_point(l, sub, target_return(r->plain[i].action));
	*ret = put_points(l, offsetof(struct seccomp_data, args), UINT32_MAX, &ground, 1);
}

static void add_calls(struct layout *l, uint32_t arch)
{
	const struct seccomp_rules *r = l->r;
	const struct target *code = l->conds[seccomp_is_narrow(arch)];
	size_t i;
	int nr;

	for (i = 0; i < r->nconds; i++) {
		nr = is_first(r, i) ? seccomp_number(arch, r->conds[i].name) : -1;
		if (nr >= 0)
			add_point(l, (uint32_t)nr, code[i]);
	}
	for (i = 0; i < r->nplain; i++) {
		nr = seccomp_number(arch, r->plain[i].name);
		if (nr >= 0)
			add_point(l, (uint32_t)nr, target_return(r->plain[i].action));
	}
}

static struct target put_arch(struct layout *l, uint32_t arch)
{
	static const int multiplexers[] = { SECCOMP_X86_SOCKETCALL, SECCOMP_X86_IPC };
	struct target behind[ARRAY_SIZE(multiplexers)];
	struct range ground[GROUND_MAX];
	size_t i;

	for (i = 0; arch == SCMP_ARCH_X86 && i < ARRAY_SIZE(multiplexers); i++)
		put_multiplexer(l, arch, multiplexers[i], &behind[i]);
	add_calls(l, arch);
	if (arch == SCMP_ARCH_X86_64 && has_arch(l->r, SCMP_ARCH_X32))
		add_calls(l, SCMP_ARCH_X32);
	/* Last: a rule of their own decides. */
	for (i = 0; arch == SCMP_ARCH_X86 && i < ARRAY_SIZE(multiplexers); i++)
		add_point(l, (uint32_t)multiplexers[i], behind[i]);
	return put_points(l, offsetof(struct seccomp_data, nr), UINT32_MAX, ground, lay_ground(l->r, arch, ground));
}

/* --- the whole program --- */
int seccomp_program(const struct seccomp_rules *r, struct sock_filter *out)
{
	_cleanup_free_ struct layout *l = malloc(sizeof(*l));
	struct target entry[SECCOMP_ARCHES_MAX] = { 0 }, t = target_return(SCMP_ACT_KILL_PROCESS);
	size_t i, n;

	if (!l)
		return -ENOMEM;
	memset(&l->p, 0, sizeof(l->p));
	l->p.v = out;
	l->p.top = BPF_MAXINSNS;
	l->r = r;
	l->npoints = 0;
	put_calls(l);
	/* The native one, which is the first, comes last: nearest to the start. */
	for (i = r->narches; i > 0; i--)
		if (r->arches[i - 1] != SCMP_ARCH_X32)
			entry[i - 1] = put_arch(l, r->arches[i - 1]);
	for (i = r->narches; i > 0; i--)
		if (r->arches[i - 1] != SCMP_ARCH_X32)
			t = program_jump(&l->p, BPF_JEQ, r->arches[i - 1], entry[i - 1], t);
	program_put(&l->p, t.code ? (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
								  offsetof(struct seccomp_data, arch))
				  : (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, t.action));
	if (l->p.full)
		return 0;
	n = BPF_MAXINSNS - l->p.top;
	memmove(out, out + l->p.top, n * sizeof(*out));
	return (int)n;
}
