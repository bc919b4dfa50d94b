/* seccomp.h - a filter is made in three steps: a profile is read into rules (seccomp_profile.c), the rules are laid out
 * for each architecture as what every number means (seccomp_layout.c), and that becomes binary search trees
 * (seccomp_tree.c). seccomp_filter.c keeps the results. libseccomp is asked for names and numbers only
 * (seccomp_number.c): its own filters are several times as long, which each start of a container pays for, and it takes
 * time exponential in the rules that look at arguments, while a profile is a client's text. */
#ifndef POSTERN_SPEC_SECCOMP_H
#define POSTERN_SPEC_SECCOMP_H

#include <cjson/cJSON.h>
#include <linux/filter.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

enum {
	SECCOMP_RULES_MAX = 4096, /* unconditional rules that apply; also what the kernel takes as instructions */
	SECCOMP_CONDS_MAX = 320, /* rules for calls that have rules with conditions */
	SECCOMP_ARCHES_MAX = 8,
	SECCOMP_ARGS_MAX = 6,
	/* From here on a call has the same number on every architecture (the kernel's syscall.tbl files). */
	SECCOMP_UNIFIED_FIRST = 424,
	SECCOMP_X86_SOCKETCALL = 102,
	SECCOMP_X86_IPC = 117,
	SECCOMP_X32_BIT = 0x40000000, /* in numbers of x32, which otherwise is x86_64 to the kernel */
};

/* A rule for a call that has rules with conditions. */
struct cond_rule {
	const char *name; /* in the profile */
	uint32_t action;
	unsigned nargs; /* 0: always; comes after those with conditions */
	struct scmp_arg_cmp args[SECCOMP_ARGS_MAX]; /* all must hold */
};

/* A rule for a call that has none with conditions. */
struct plain_rule {
	const char *name; /* in the profile */
	uint32_t action;
};

/* A profile, taken apart for one set of capabilities. The first rule that holds for a call decides. */
struct seccomp_rules {
	cJSON *profile;
	uint32_t default_action; /* SCMP_ACT_*, which are the kernel's SECCOMP_RET_* */
	uint32_t arches[SECCOMP_ARCHES_MAX]; /* SCMP_ARCH_*, the native one first */
	size_t narches;
	uint32_t last; /* highest number from SECCOMP_UNIFIED_FIRST on that the profile names, allowed or not */
	struct cond_rule conds[SECCOMP_CONDS_MAX];
	size_t nconds;
	struct plain_rule plain[SECCOMP_RULES_MAX];
	size_t nplain;
};

/* Reads a profile (hostile text) into *ret, which is to be finished in any case. -1 with err (400). */
int seccomp_rules_init(struct seccomp_rules *ret, const char *profile, size_t len, uint64_t caps, struct err *err);
void seccomp_rules_finish(struct seccomp_rules *r);

/* Number of a call, also when libseccomp does not know it; __NR_SCMP_ERROR when nobody does, other negatives when it is
 * not of this architecture. */
int seccomp_number(uint32_t arch, const char *name);
/* 32-bit x86 has calls behind socketcall and ipc: number of that one, and in *ret_sub its first argument for the call
 * named. Negative when there is none. */
int seccomp_multiplexer(uint32_t arch, const char *name, uint32_t *ret_sub);
/* Are its arguments 32 bits wide? */
bool seccomp_is_narrow(uint32_t arch);

/* The whole program into out, which has room for BPF_MAXINSNS: number of instructions; 0 when that is not enough,
 * -ENOMEM. */
int seccomp_program(const struct seccomp_rules *r, struct sock_filter *out);

/* --- programs (seccomp_tree.c) --- */
/* Where a jump goes: to code that is there already, or to "return action". */
struct target {
	uint32_t action;
	uint32_t code; /* index into the program; 0: return */
};

enum { SECCOMP_NEAR = 64 };

/* Written from its end to its start: BPF jumps forward only, so where they go is there already, and how far it is is
 * known. */
struct program {
	struct sock_filter *v; /* BPF_MAXINSNS */
	uint32_t top; /* index of the first instruction */
	bool full; /* what was added since is lost */
	struct {
		struct target to;
		uint32_t at; /* a copy of the return, or a jump to the code; 0: none */
	} near[SECCOMP_NEAR];
};

/* A function of a 32-bit value in steps: `to` holds from `first` to the next one's first. The first one begins at 0. */
struct range {
	uint32_t first;
	struct target to;
};

/* A single value. */
struct point {
	uint32_t value;
	uint32_t rank; /* the lower one decides when a value is there twice */
	struct target to;
};

struct target target_return(uint32_t action);
bool target_same(struct target a, struct target b);
uint32_t program_put(struct program *p, struct sock_filter one);
/* Jump to yes when "accumulator test k" holds (BPF_JEQ, BPF_JGE), else to no. Where that is too far for a jump, what is
 * needed is put behind it. */
struct target program_jump(struct program *p, uint16_t test, uint32_t k, struct target yes, struct target no);
/* Look at the word of struct seccomp_data at offset, masked, and go where it says. */
struct target program_switch(struct program *p, uint32_t offset, uint32_t mask, const struct range *r, size_t n);

/* Adds a step to n ones, whose first values are not higher: number of steps then. */
size_t range_add(struct range *r, size_t n, uint32_t first, struct target to);
/* The points (which are sorted) on a ground: number of steps in out, which has room for 2 * npoints + nground. */
size_t range_spread(struct point *points, size_t npoints, const struct range *ground, size_t nground,
		    struct range *out);

#endif
