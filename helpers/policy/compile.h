/* compile.h - root's policy file (JSON) compiled to the structs that the helpers get (../base/policy.h).
 *
 * The file is root's and trusted; it is read strictly all the same, so that a slip of the pen is an error with its
 * place and its remedy and never a rule that silently does not hold. What each member means: policy/README.md. */
#ifndef POSTERN_POLICY_COMPILE_H
#define POSTERN_POLICY_COMPILE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../base/policy.h"

/* What is read: fds that were opened before the sandbox, by the launcher or by --check. They stay the caller's. */
struct policy_input {
	const char *name; /* of the file, in errors */
	int file;
	/* Whom the file may belong to: the host's root by the number it has here, and one other, or root again. */
	uid_t root, owner;
	const char *home; /* what "~" stands for; NULL in root's engine */
	/* Root's word on it, or NULL: what this file allows beyond is not allowed. */
	const struct policy_input *narrower;
	/* policy_etc_files; -ENOENT when there is none, another -errno when it cannot be opened. */
	int etc[POLICY_ETC_COUNT];
};

enum { POLICY_FILE_MAX = 1 << 20, POLICY_WHY_MAX = 512 };

/* Fills *policy, which has the engine's facts (struct policy_job): 0, or -errno with the reason in error ("policy.json:
 * binds[2].path: ...") and *policy as it was. The file must belong to root or to input->owner and be writable by nobody
 * else, and so must input->narrower. Users and groups marked optional that do not exist are skipped with a warning. */
int policy_compile(const struct policy_input *input, struct policy *policy, char *error, size_t error_size);

#endif
