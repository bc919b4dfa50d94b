/* seccomp.h - between the reader of profiles (seccomp_profile.c), the part of a filter that is made here
 * (seccomp_prefix.c) and the maker of the whole (seccomp_filter.c).
 *
 * libseccomp gets what it is good at: unconditional rules, as a binary tree over the numbers of each architecture. Made
 * here, and decided before its part: rules that look at arguments (libseccomp takes time exponential in them, and a
 * profile is a client's text), calls that Debian's libseccomp has no names for, and ENOSYS for numbers that are newer
 * than the profile. */
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
	SECCOMP_OWN_MAX = 320, /* rules made here */
	SECCOMP_ARCHES_MAX = 8,
	SECCOMP_ARGS_MAX = 6,
	/* From here on a call has the same number on every architecture (the kernel's syscall.tbl files). */
	SECCOMP_UNIFIED_FIRST = 424,
};

struct own_rule {
	const char *name; /* in the profile */
	uint32_t action;
	unsigned nargs; /* 0: always; comes after those with conditions */
	struct scmp_arg_cmp args[SECCOMP_ARGS_MAX]; /* all must hold */
};

/* A profile, taken apart for one set of capabilities. */
struct seccomp_rules {
	cJSON *profile;
	scmp_filter_ctx ctx; /* holds the unconditional rules */
	uint32_t default_action; /* SCMP_ACT_*, which are the kernel's SECCOMP_RET_* */
	uint32_t arches[SECCOMP_ARCHES_MAX]; /* SCMP_ARCH_*, the native one first */
	size_t narches, nrules;
	uint32_t last; /* highest number from SECCOMP_UNIFIED_FIRST on that the profile names, allowed or not */
	struct own_rule own[SECCOMP_OWN_MAX];
	size_t nown;
};

/* Reads a profile (hostile text) into *ret, which is to be finished in any case. -1 with err (400). */
int seccomp_rules_init(struct seccomp_rules *ret, const char *profile, size_t len, uint64_t caps, struct err *err);
void seccomp_rules_finish(struct seccomp_rules *r);

/* Number of a call that libseccomp may not know; __NR_SCMP_ERROR when nobody does, other negatives when it is not of
 * this architecture. */
int seccomp_number(uint32_t arch, const char *name);
/* Is it one of those that libseccomp cannot be given? */
bool seccomp_is_new(const char *name);

/* What goes before libseccomp's program: number of instructions; those that fit are put into out. */
size_t seccomp_prefix(const struct seccomp_rules *r, struct sock_filter *out, size_t size);

#endif
