/* read.h - inside the policy compiler: strict reading of JSON by tables, and the ids of the host. */
#ifndef POSTERN_POLICY_READ_H
#define POSTERN_POLICY_READ_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "compile.h"

enum { POLICY_RULES_MAX = 512 };

struct policy_ctx {
	const struct policy_input *input;
	struct policy *out;
	const char *file;
	char *error;
	size_t error_size;
	const char *names[POLICY_RULES_MAX]; /* of rules, borrowed from the JSON value */
	unsigned nnames;
	const char *of_home[POLICY_PATHS_MAX]; /* those whose path began with "~" */
	unsigned nof_home;
};

enum policy_type {
	PT_NAME,   /* const char *: name of a rule, unique in the file */
	PT_TEXT,   /* const char *: min..max bytes, no control characters */
	PT_LABEL,  /* char[max + 1]: letters and digits, min..max of them, copied */
	PT_PATH,   /* const char *: canonical, at most max bytes */
	PT_BOOL,   /* uint32_t */
	PT_U32,    /* uint32_t, min..max */
	PT_SIZE,   /* uint64_t, min..max: a number or "16 GiB" */
	PT_ARRAY,  /* const cJSON * */
};
/* Offset of a member that is checked but not kept. */
#define POLICY_NOWHERE SIZE_MAX
enum { PF_REQUIRED = 1, PF_AUTO = 2 /* "auto": 0 */, PF_NONE = 4 /* "none": UINT64_MAX */,
       PF_HIGHER = 8 /* of two policies the higher number is the narrower; true, of two truths */ };

struct policy_field {
	const char *key;
	enum policy_type type;
	unsigned flags;
	size_t offset;
	uint64_t min, max;
};

struct policy_section {
	const char *key;
	const struct policy_field *fields;
	size_t n;
};

/* Members that every rule has, and one of a rule of type s. */
#define POLICY_WHY(s) { "why", PT_TEXT, PF_REQUIRED, offsetof(s, why), 1, POLICY_WHY_MAX }
#define POLICY_NAME(s) { "name", PT_NAME, PF_REQUIRED, offsetof(s, name), 1, RULE_MAX - 1 }
#define POLICY_FIELD(s, member, type, flags, min, max) { #member, type, flags, offsetof(s, member), min, max }

/* -EINVAL with "file: where: ..." in the error. */
int policy_error(struct policy_ctx *c, const char *where, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Reads an object into the struct `to`, whose texts then borrow from it. Absent optional members are left as they
 * are. */
int policy_object(struct policy_ctx *c, const cJSON *object, const char *where, const struct policy_field *fields,
		  size_t n, void *to);
#define POLICY_OBJECT(c, object, where, fields, to) policy_object(c, object, where, fields, ARRAY_SIZE(fields), to)

/* The whole file as one value, bounded, no duplicate members. The caller owns it. */
int policy_parse(struct policy_ctx *c, cJSON **ret);

/* --- bind sources (binds.c) --- */
int policy_read_bind(struct policy_ctx *c, const cJSON *v, const char *where);
/* There must be room for it. */
void policy_add_path(struct policy_lookup *l, const struct policy_path *p);

/* --- two policies at once (narrow.c) --- */
/* Takes from *p what root's, which is *by->out, does not allow. 0, or -EINVAL when the two leave nothing that an engine
 * could run with, or more rules than there is room for. */
int policy_narrow(struct policy_ctx *by, const struct policy_section *all, size_t n, struct policy *p);

/* --- networks (networks.c): one rule of "subnets" and of "ports" --- */
int policy_read_subnet(struct policy_ctx *c, const cJSON *v, const char *where);
int policy_read_port(struct policy_ctx *c, const cJSON *v, const char *where);
/* The addresses that are in both; false when there are none. The rule's name is a's. */
bool policy_subnet_meet(const struct policy_subnet *a, const struct policy_subnet *b, struct policy_subnet *ret);
/* The same for ports. */
bool policy_port_meet(const struct policy_port *a, const struct policy_port *b, struct policy_port *ret);

/* --- ids of the host (ids.c) --- */
/* 0, -ENOENT when there is no such user (or group), or -errno. */
int policy_find_id(struct policy_ctx *c, bool group, const char *name, uint32_t *ret);
/* Settles the container ranges: first and last as the policy says, 0 for "auto". ret->ids_base is given. */
int policy_ranges(struct policy_ctx *c, uint32_t first, uint32_t last, struct policy_common *ret);

#endif
