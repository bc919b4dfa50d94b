/* seccomp.h - between the reader of profiles (seccomp_profile.c) and the maker of filters (seccomp_filter.c). */
#ifndef POSTERN_SPEC_SECCOMP_H
#define POSTERN_SPEC_SECCOMP_H

#include <linux/filter.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

enum {
	SECCOMP_RULES_MAX = 4096, /* rules that one profile may have for one set of capabilities */
	SECCOMP_ARCHES_MAX = 8,
	/* From here on a call has the same number on every architecture (the kernel's syscall.tbl files). */
	SECCOMP_UNIFIED_FIRST = 424,
	SECCOMP_NEW_MAX = 32,
};

/* Calls that Debian's libseccomp has no names for; libseccomp cannot be given their numbers when there is more than one
 * architecture, so they are decided before its part of the filter. */
struct new_call {
	const char *name;
	uint32_t number;
	bool x86_64_only;
};
extern const struct new_call new_calls[];
extern const size_t n_new_calls;

/* A profile, taken apart for one set of capabilities. */
struct seccomp_rules {
	scmp_filter_ctx ctx;
	uint32_t default_action; /* SCMP_ACT_*, which are the kernel's SECCOMP_RET_* */
	uint32_t arches[SECCOMP_ARCHES_MAX]; /* AUDIT_ARCH_* */
	size_t narches, nrules;
	bool x32;
	uint32_t last; /* highest number from SECCOMP_UNIFIED_FIRST on that the profile names, allowed or not */
	bool has_new[SECCOMP_NEW_MAX];
	uint32_t new_action[SECCOMP_NEW_MAX];
};

/* Reads a profile (hostile text) into *ret, which is to be finished in any case. -1 with err (400). */
int seccomp_rules_init(struct seccomp_rules *ret, const char *profile, size_t len, uint64_t caps, struct err *err);
void seccomp_rules_finish(struct seccomp_rules *r);

/* What goes before libseccomp's program: number of instructions put into out, at most size; 0 when nothing is needed. */
size_t seccomp_prefix(const struct seccomp_rules *r, struct sock_filter *out, size_t size);

#endif
