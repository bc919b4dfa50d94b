/* seccomp_tree.c - steps of a 32-bit value as a binary search tree of BPF jumps. seccomp(2), the kernel's
 * Documentation/networking/filter.rst.
 *
 * When a filter is loaded the kernel runs it for every number of each architecture to learn which are always allowed
 * (since 5.11; those skip it from then on), translates and compiles it: what counts is few instructions and short
 * ways. */
#include <assert.h>
#include <linux/seccomp.h>
#include <stdlib.h>

#include "seccomp.h"

enum { REACH = 254 /* of a jump's 255: the other side of it may need one more instruction */ };
static_assert((SECCOMP_NEAR & (SECCOMP_NEAR - 1)) == 0, "a mask");

struct target target_return(uint32_t action)
{
	return (struct target){ .action = action };
}

bool target_same(struct target a, struct target b)
{
	return a.code == b.code && (a.code || a.action == b.action);
}

uint32_t program_put(struct program *p, struct sock_filter one)
{
	if (p->top == 0)
		p->full = true;
	else
		p->v[--p->top] = one;
	return p->top;
}

/* Where the next instruction can jump to get there. */
static uint32_t near(struct program *p, struct target t)
{
	size_t slot = (t.code ? t.code : t.action ^ t.action >> 16) & (SECCOMP_NEAR - 1);

	if (t.code && t.code - p->top <= REACH)
		return t.code;
	if (p->near[slot].at && target_same(p->near[slot].to, t) && p->near[slot].at - p->top <= REACH)
		return p->near[slot].at;
	p->near[slot].to = t;
	if (t.code)
		p->near[slot].at = program_put(p, (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, t.code - p->top));
	else
		p->near[slot].at = program_put(p, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, t.action));
	return p->near[slot].at;
}

struct target program_jump(struct program *p, uint16_t test, uint32_t k, struct target yes, struct target no)
{
	uint32_t to_no, to_yes;

	if (target_same(yes, no))
		return yes;
	to_no = near(p, no);
	to_yes = near(p, yes);
	return (struct target){ .code = program_put(
					p, (struct sock_filter)BPF_JUMP(BPF_JMP | test | BPF_K, k,
									(uint8_t)(to_yes - p->top),
									(uint8_t)(to_no - p->top))) };
}

/* The first step's own first value does not count: whoever comes here has it, or a higher one. */
static struct target tree(struct program *p, const struct range *r, size_t n)
{
	struct target low, high;

	if (n == 1)
		return r[0].to;
	/* One value that is different from those around it. */
	if (n == 3 && target_same(r[0].to, r[2].to) && r[2].first - r[1].first == 1)
		return program_jump(p, BPF_JEQ, r[1].first, r[1].to, r[0].to);
	high = tree(p, r + n / 2, n - n / 2);
	low = tree(p, r, n / 2);
	return program_jump(p, BPF_JGE, r[n / 2].first, high, low);
}

struct target program_switch(struct program *p, uint32_t offset, uint32_t mask, const struct range *r, size_t n)
{
	struct target t;

	if (!mask || n == 1)
		return r[0].to;
	t = tree(p, r, n);
	if (mask != UINT32_MAX)
		program_put(p, (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, mask));
	t.code = program_put(p, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset));
	return t;
}

/* --- steps --- */
size_t range_add(struct range *r, size_t n, uint32_t first, struct target to)
{
	if (n && r[n - 1].first == first)
		n--;
	if (n && target_same(r[n - 1].to, to))
		return n;
	r[n] = (struct range){ first, to };
	return n + 1;
}

static int by_value(const void *a, const void *b)
{
	const struct point *x = a, *y = b;

	if (x->value != y->value)
		return x->value < y->value ? -1 : 1;
	return x->rank < y->rank ? -1 : x->rank > y->rank;
}

size_t range_spread(struct point *points, size_t npoints, const struct range *ground, size_t nground, struct range *out)
{
	size_t n = 0, g = 0, i;

	qsort(points, npoints, sizeof(*points), by_value);
	for (i = 0; i < npoints; i++) {
		if (i && points[i].value == points[i - 1].value)
			continue;
		for (; g < nground && ground[g].first <= points[i].value; g++)
			n = range_add(out, n, ground[g].first, ground[g].to);
		n = range_add(out, n, points[i].value, points[i].to);
		if (points[i].value != UINT32_MAX)
			n = range_add(out, n, points[i].value + 1, ground[g - 1].to);
	}
	for (; g < nground; g++)
		n = range_add(out, n, ground[g].first, ground[g].to);
	return n;
}
