/* seccomp_profile.c - a seccomp profile in Docker's JSON format, read into rules. A profile is a client's text and
 * hostile: bounded, every number checked. The format is that of moby/profiles. */
#include <ctype.h>
#include <linux/audit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "../../helpers/base/cleanup.h"
#include "internal.h"
#include "seccomp.h"

#ifdef __aarch64__
static const char native_arch[] = "arm64"; /* as includes and excludes call it */
#else
static const char native_arch[] = "amd64";
#endif

static int bad(struct err *err, const char *what, const char *which)
{
	return err_set(err, 400, "Decoding seccomp profile failed: %s %.64s", what, which);
}

static const char *text_of(const cJSON *v)
{
	return cJSON_IsString(v) ? v->valuestring : "";
}

/* Whole number of at most max; the format's own are 64 bits wide, but a double is exact only up to 2^53. */
static int number(const cJSON *o, const char *name, uint64_t fallback, uint64_t max, uint64_t *ret, struct err *err)
{
	const cJSON *v = json_get(o, name);
	double d = cJSON_IsNumber(v) ? v->valuedouble : -1;

	if (!v) {
		*ret = fallback;
		return 0;
	}
	if (!(d >= 0 && d <= (double)max) || (double)(uint64_t)d != d)
		return bad(err, "bad number in", name);
	*ret = (uint64_t)d;
	return 0;
}

/* --- actions --- */
static int action(const cJSON *o, const char *field, const char *errno_field, uint32_t *ret, struct err *err)
{
	static const struct {
		const char *name;
		uint32_t value;
		bool data;
	} table[] = {
		{ "SCMP_ACT_ALLOW", SCMP_ACT_ALLOW, false },
		{ "SCMP_ACT_ERRNO", SCMP_ACT_ERRNO(0), true },
		{ "SCMP_ACT_KILL", SCMP_ACT_KILL_THREAD, false },
		{ "SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD, false },
		{ "SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS, false },
		{ "SCMP_ACT_TRAP", SCMP_ACT_TRAP, false },
		{ "SCMP_ACT_TRACE", SCMP_ACT_TRACE(0), true },
		{ "SCMP_ACT_LOG", SCMP_ACT_LOG, false },
	};
	const char *name = text_of(json_get(o, field));
	uint64_t data = 0;
	size_t i;

	if (!strcmp(name, "SCMP_ACT_NOTIFY"))
		return err_set(err, 400, "seccomp: SCMP_ACT_NOTIFY is not available in this version");
	if (number(o, errno_field, EPERM, 4095, &data, err))
		return -1;
	for (i = 0; i < ARRAY_SIZE(table); i++)
		if (!strcmp(name, table[i].name)) {
			*ret = table[i].value | (table[i].data ? (uint32_t)data : 0);
			return 0;
		}
	return bad(err, "unknown action in", field);
}

/* --- architectures --- */
static uint32_t arch_token(const cJSON *v)
{
	const char *name = text_of(v), prefix[] = "SCMP_ARCH_";
	char lower[32];
	size_t i, skip = strlen(prefix);

	if (strncmp(name, prefix, skip) != 0 || strlen(name) - skip >= sizeof(lower))
		return 0;
	for (i = 0; name[skip + i]; i++)
		lower[i] = (char)tolower((unsigned char)name[skip + i]);
	lower[i] = '\0';
	return seccomp_arch_resolve_name(lower);
}

static int add_arch(struct seccomp_rules *r, const cJSON *v, struct err *err)
{
	uint32_t token = arch_token(v);
	size_t i;

	if (!token)
		return bad(err, "unknown architecture", text_of(v));
	if (token == SCMP_ARCH_NATIVE)
		return 0;
	for (i = 0; i < r->narches; i++)
		if (r->arches[i] == token)
			return 0;
	if (!(token & __AUDIT_ARCH_LE) || r->narches == SECCOMP_ARCHES_MAX)
		return bad(err, "this machine cannot have architecture", text_of(v));
	r->arches[r->narches++] = token;
	return 0;
}

static int add_arches(struct seccomp_rules *r, const cJSON *profile, struct err *err)
{
	const cJSON *list = json_get(profile, "architectures"), *map = json_get(profile, "archMap"), *e, *sub;

	if (list && list->child && map && map->child)
		return err_set(err, 400,
			       "both \"architectures\" and \"archMap\" were specified in the seccomp profile, use "
			       "either \"architectures\" or \"archMap\"");
	r->arches[r->narches++] = seccomp_arch_native();
	cJSON_ArrayForEach(e, list)
		if (add_arch(r, e, err))
			return -1;
	cJSON_ArrayForEach(e, map)
		if (arch_token(json_get(e, "architecture")) == seccomp_arch_native())
			cJSON_ArrayForEach(sub, json_get(e, "subArchitectures"))
				if (add_arch(r, sub, err))
					return -1;
	return 0;
}

/* --- does a rule apply --- */
static bool names_arch(const cJSON *list)
{
	const cJSON *e;

	cJSON_ArrayForEach(e, list)
		if (!strcmp(text_of(e), native_arch))
			return true;
	return false;
}

/* How many of the named capabilities the process has. */
static int count_caps(const cJSON *list, uint64_t caps)
{
	const cJSON *e;
	int n = 0;

	cJSON_ArrayForEach(e, list) {
		int cap = cap_by_name(text_of(e));

		n += cap >= 0 && (caps >> cap & 1);
	}
	return n;
}

static bool kernel_at_least(const char *want)
{
	unsigned major = 0, minor = 0, want_major = 0, want_minor = 0;
	struct utsname u;

	if (uname(&u) || sscanf(u.release, "%u.%u", &major, &minor) != 2 ||
	    sscanf(want, "%u.%u", &want_major, &want_minor) < 1)
		return false;
	return major > want_major || (major == want_major && minor >= want_minor);
}

static bool applies(const cJSON *rule, uint64_t caps)
{
	const cJSON *in = json_get(rule, "includes"), *out = json_get(rule, "excludes");
	const char *kernel = text_of(json_get(in, "minKernel")), *not_kernel = text_of(json_get(out, "minKernel"));

	if (names_arch(json_get(out, "arches")) || count_caps(json_get(out, "caps"), caps) ||
	    (not_kernel[0] && kernel_at_least(not_kernel)))
		return false;
	if (get_size(in, "arches") && !names_arch(json_get(in, "arches")))
		return false;
	if (count_caps(json_get(in, "caps"), caps) != get_size(in, "caps"))
		return false;
	return !kernel[0] || kernel_at_least(kernel);
}

/* --- rules --- */
static int parse_args(const cJSON *list, struct scmp_arg_cmp ret[SECCOMP_ARGS_MAX], unsigned *ret_n, struct err *err)
{
	static const struct {
		const char *name;
		enum scmp_compare value;
	} ops[] = {
		{ "SCMP_CMP_NE", SCMP_CMP_NE },
		{ "SCMP_CMP_LT", SCMP_CMP_LT },
		{ "SCMP_CMP_LE", SCMP_CMP_LE },
		{ "SCMP_CMP_EQ", SCMP_CMP_EQ },
		{ "SCMP_CMP_GE", SCMP_CMP_GE },
		{ "SCMP_CMP_GT", SCMP_CMP_GT },
		{ "SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ },
	};
	const cJSON *e;
	unsigned n = 0;

	cJSON_ArrayForEach(e, list) {
		const char *op = text_of(json_get(e, "op"));
		uint64_t index = 0, value = 0, two = 0;
		size_t i;

		for (i = 0; i < ARRAY_SIZE(ops) && strcmp(op, ops[i].name) != 0; i++)
			;
		if (n == SECCOMP_ARGS_MAX || i == ARRAY_SIZE(ops))
			return bad(err, "bad argument rule", op);
		if (number(e, "index", 0, 5, &index, err) || number(e, "value", 0, UINT64_C(1) << 53, &value, err) ||
		    number(e, "valueTwo", 0, UINT64_C(1) << 53, &two, err))
			return -1;
		ret[n++] = (struct scmp_arg_cmp){ (unsigned)index, ops[i].value, value, two };
	}
	*ret_n = n;
	return 0;
}

/* Several conditions on one argument: each is a rule of its own then, as in runc (which profiles are written for). */
static bool repeats_argument(const struct scmp_arg_cmp *args, unsigned n)
{
	unsigned seen = 0, i;

	for (i = 0; i < n; i++) {
		if (seen & 1u << args[i].arg)
			return true;
		seen |= 1u << args[i].arg;
	}
	return false;
}

static int add_cond(struct seccomp_rules *r, const char *name, uint32_t act, const struct scmp_arg_cmp *args,
		   unsigned nargs, struct err *err)
{
	struct cond_rule *rule = &r->conds[r->nconds];
	size_t i;

	for (i = 0; i < r->nconds && !nargs; i++)
		if (!r->conds[i].nargs && !strcmp(r->conds[i].name, name))
			return 0; /* the first one holds */
	if (r->nconds == SECCOMP_CONDS_MAX)
		return err_set(err, 400, "seccomp: more than %d rules with conditions", SECCOMP_CONDS_MAX);
	*rule = (struct cond_rule){ .name = name, .action = act, .nargs = nargs };
	if (nargs)
		memcpy(rule->args, args, nargs * sizeof(*args));
	r->nconds++;
	return 0;
}

static bool has_cond(const struct seccomp_rules *r, const char *name)
{
	size_t i;

	for (i = 0; i < r->nconds; i++)
		if (!strcmp(r->conds[i].name, name))
			return true;
	return false;
}

/* A rule for one call. Those with conditions are collected in the first pass, the others, which come after them, in the
 * second: whoever narrows a call that is allowed elsewhere in the profile means it. */
static int add_call(struct seccomp_rules *r, const char *name, uint32_t act, const struct scmp_arg_cmp *args,
		    unsigned nargs, bool first_pass, struct err *err)
{
	bool one_by_one = repeats_argument(args, nargs);
	unsigned i;

	if (first_pass != (nargs > 0))
		return 0;
	if (nargs && !one_by_one)
		return add_cond(r, name, act, args, nargs, err);
	for (i = 0; i < nargs; i++)
		if (add_cond(r, name, act, &args[i], 1, err))
			return -1;
	if (nargs)
		return 0;
	if (has_cond(r, name))
		return add_cond(r, name, act, NULL, 0, err);
	if (act == r->default_action)
		return 0;
	if (r->nplain == SECCOMP_RULES_MAX)
		return err_set(err, 400, "seccomp: more than %d rules", SECCOMP_RULES_MAX);
	r->plain[r->nplain++] = (struct plain_rule){ name, act };
	return 0;
}

static int add_name(struct seccomp_rules *r, const char *name, uint32_t act, const struct scmp_arg_cmp *args,
		    unsigned nargs, bool applicable, bool first_pass, struct err *err)
{
	int nr = seccomp_number(SCMP_ARCH_NATIVE, name);

	/* Names that are newer than the library, or of nothing at all: left out, as Docker does. */
	if (nr == __NR_SCMP_ERROR)
		return 0;
	if (nr >= SECCOMP_UNIFIED_FIRST && (uint32_t)nr > r->last)
		r->last = (uint32_t)nr;
	return applicable ? add_call(r, name, act, args, nargs, first_pass, err) : 0;
}

static int add_rule(struct seccomp_rules *r, const cJSON *rule, uint64_t caps, bool first_pass, struct err *err)
{
	const cJSON *names = json_get(rule, "names"), *name = json_get(rule, "name"), *e;
	struct scmp_arg_cmp args[SECCOMP_ARGS_MAX] = { 0 };
	unsigned nargs = 0;
	uint32_t act = 0;
	bool use = applies(rule, caps);

	if (!cJSON_IsObject(rule))
		return bad(err, "not an object in", "syscalls");
	if (name && names)
		return err_set(
			err, 400,
			"both 'name' and 'names' were specified in the seccomp profile, use either 'name' or 'names'");
	if (action(rule, "action", "errnoRet", &act, err) || parse_args(json_get(rule, "args"), args, &nargs, err))
		return -1;
	if (name && add_name(r, text_of(name), act, args, nargs, use, first_pass, err))
		return -1;
	cJSON_ArrayForEach(e, names)
		if (add_name(r, text_of(e), act, args, nargs, use, first_pass, err))
			return -1;
	return 0;
}

static int read_profile(struct seccomp_rules *r, const cJSON *profile, uint64_t caps, struct err *err)
{
	const cJSON *e;
	int pass;

	if (!cJSON_IsObject(profile))
		return bad(err, "not", "an object");
	if (action(profile, "defaultAction", "defaultErrnoRet", &r->default_action, err))
		return -1;
	if (add_arches(r, profile, err))
		return -1;
	for (pass = 1; pass <= 2; pass++)
		cJSON_ArrayForEach(e, json_get(profile, "syscalls"))
			if (add_rule(r, e, caps, pass == 1, err))
				return -1;
	return 0;
}

int seccomp_rules_init(struct seccomp_rules *ret, const char *profile, size_t len, uint64_t caps, struct err *err)
{
	struct err why = { 0 };

	/* Not the lists: they are long. */
	ret->narches = ret->nconds = ret->nplain = 0;
	ret->last = SECCOMP_UNIFIED_FIRST - 1;
	ret->profile = json_parse(profile, len, &why);
	if (!ret->profile)
		return err_set(err, 400, "Decoding seccomp profile failed: %.256s", why.message);
	return read_profile(ret, ret->profile, caps, err);
}

void seccomp_rules_finish(struct seccomp_rules *r)
{
	cJSON_Delete(r->profile);
	r->profile = NULL;
}
