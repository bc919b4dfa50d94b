/* test_seccomp_layout.c - a filter's program does what the rules say, and nothing else: it is interpreted for every
 * number of every architecture and many arguments, beside a plain reading of the rules. Also for architectures that
 * this machine has not got, and for profiles made up at random. */
#include <CUnit/Basic.h>
#include <errno.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../controller/spec/internal.h"
#include "../../controller/spec/seccomp.h"
#include "../../helpers/base/cleanup.h"

#define DOCKER_CAPS UINT64_C(0xa80425fb)

enum { NO_RETURN = 1 /* no action has this value */, VALUES_MAX = 64, STEPS_MAX = 64 };

/* --- the kernel's part: classic BPF --- */
static uint32_t interpret(const struct sock_filter *v, size_t n, const struct seccomp_data *data, unsigned *ret_steps)
{
	uint32_t a = 0;
	size_t at = 0;

	for (*ret_steps = 1; at < n; ++*ret_steps) {
		const struct sock_filter *i = &v[at++];

		switch (i->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			memcpy(&a, (const char *)data + i->k, sizeof(a));
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= i->k;
			break;
		case BPF_JMP | BPF_JA:
			at += i->k;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
			at += a == i->k ? i->jt : i->jf;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			at += a >= i->k ? i->jt : i->jf;
			break;
		case BPF_RET | BPF_K:
			return i->k;
		default:
			return NO_RETURN;
		}
	}
	return NO_RETURN;
}

/* --- the rules, read one by one --- */
static bool holds(const struct scmp_arg_cmp *c, uint64_t arg, bool narrow)
{
	if (narrow)
		arg = (uint32_t)arg;
	switch (c->op) {
	case SCMP_CMP_NE:
		return arg != c->datum_a;
	case SCMP_CMP_LT:
		return arg < c->datum_a;
	case SCMP_CMP_LE:
		return arg <= c->datum_a;
	case SCMP_CMP_EQ:
		return arg == c->datum_a;
	case SCMP_CMP_GE:
		return arg >= c->datum_a;
	case SCMP_CMP_GT:
		return arg > c->datum_a;
	case SCMP_CMP_MASKED_EQ:
		return (arg & c->datum_a) == (c->datum_b & c->datum_a);
	default:
		abort();
	}
}

/* A profile's numbers for one architecture: libseccomp is too slow to ask for each. */
struct reading {
	const struct seccomp_rules *r;
	uint32_t arch;
	int conds[SECCOMP_CONDS_MAX], plain[SECCOMP_RULES_MAX], multiplexer[SECCOMP_RULES_MAX];
	uint32_t sub[SECCOMP_RULES_MAX];
};

static void read_arch(struct reading *d, const struct seccomp_rules *r, uint32_t arch)
{
	size_t i;

	d->r = r;
	d->arch = arch;
	for (i = 0; i < r->nconds; i++)
		d->conds[i] = seccomp_number(arch, r->conds[i].name);
	for (i = 0; i < r->nplain; i++) {
		d->plain[i] = seccomp_number(arch, r->plain[i].name);
		d->multiplexer[i] = seccomp_multiplexer(arch, r->plain[i].name, &d->sub[i]);
	}
}

static uint32_t of_conditions(const struct seccomp_rules *r, const char *name, const uint64_t *args, bool narrow)
{
	size_t i;
	unsigned a;

	for (i = 0; i < r->nconds; i++) {
		if (strcmp(r->conds[i].name, name) != 0)
			continue;
		for (a = 0; a < r->conds[i].nargs; a++)
			if (!holds(&r->conds[i].args[a], args[r->conds[i].args[a].arg], narrow))
				break;
		if (a == r->conds[i].nargs)
			return r->conds[i].action;
	}
	return r->default_action;
}

static bool denies_by_default(const struct seccomp_rules *r)
{
	uint32_t action = r->default_action & 0xffff0000;

	return action != SECCOMP_RET_ALLOW && action != SECCOMP_RET_LOG && action != SECCOMP_RET_TRACE;
}

static uint32_t meaning(const struct reading *d, uint32_t nr, const uint64_t *args)
{
	const struct seccomp_rules *r = d->r;
	uint32_t plain = nr;
	size_t i;

	for (i = 0; i < r->nconds; i++)
		if (d->conds[i] >= 0 && (uint32_t)d->conds[i] == nr)
			return of_conditions(r, r->conds[i].name, args, d->arch == SCMP_ARCH_X86 ||
										d->arch == SCMP_ARCH_ARM);
	for (i = 0; i < r->nplain; i++)
		if (d->plain[i] >= 0 && (uint32_t)d->plain[i] == nr)
			return r->plain[i].action;
	for (i = 0; i < r->nplain; i++)
		if (d->multiplexer[i] >= 0 && (uint32_t)d->multiplexer[i] == nr && d->sub[i] == (uint32_t)args[0])
			return r->plain[i].action;
	if (d->arch == SCMP_ARCH_X32) {
		plain = nr & ~(uint32_t)SECCOMP_X32_BIT;
		if (plain >= 512 && plain < 548)
			return r->default_action;
	}
	return plain > r->last && denies_by_default(r) ? SECCOMP_RET_ERRNO | ENOSYS : r->default_action;
}

/* What the whole profile says; the readings are those of its architectures. */
static uint32_t expected(const struct reading *d, size_t n, const struct seccomp_data *data)
{
	uint32_t nr = (uint32_t)data->nr, arch = data->arch;
	uint64_t args[6];
	bool x32 = false, x86_64 = false;
	size_t i;

	memcpy(args, data->args, sizeof(args));
	for (i = 0; i < n; i++) {
		x32 = x32 || d[i].arch == SCMP_ARCH_X32;
		x86_64 = x86_64 || d[i].arch == SCMP_ARCH_X86_64;
	}
	if (arch == SCMP_ARCH_X86_64 && x86_64 && nr >= SECCOMP_X32_BIT && !x32) {
		if (nr == UINT32_MAX)
			return d->r->default_action;
		if (nr >> 30 == 2 && denies_by_default(d->r))
			return SECCOMP_RET_ERRNO | ENOSYS;
		return SECCOMP_RET_KILL_PROCESS;
	}
	if (arch == SCMP_ARCH_X86_64 && nr & SECCOMP_X32_BIT)
		arch = SCMP_ARCH_X32;
	for (i = 0; i < n; i++)
		if (d[i].arch == arch)
			return meaning(&d[i], nr, args);
	return SECCOMP_RET_KILL_PROCESS;
}

/* --- the two beside each other --- */
struct check {
	struct seccomp_rules rules;
	struct reading readings[SECCOMP_ARCHES_MAX];
	struct sock_filter program[BPF_MAXINSNS];
	size_t n;
	uint64_t values[VALUES_MAX];
	size_t nvalues, wrong;
	unsigned steps; /* longest way */
};

static void add_value(struct check *c, uint64_t value)
{
	size_t i;

	for (i = 0; i < c->nvalues; i++)
		if (c->values[i] == value)
			return;
	if (c->nvalues < VALUES_MAX)
		c->values[c->nvalues++] = value;
}

/* Values that rules look for, those around them, and those with another high half. */
static void find_values(struct check *c)
{
	size_t i;
	unsigned a, k;

	c->nvalues = 0;
	add_value(c, 0);
	add_value(c, UINT64_MAX);
	add_value(c, 16);
	for (i = 0; i < c->rules.nconds; i++)
		for (a = 0; a < c->rules.conds[i].nargs; a++) {
			const struct scmp_arg_cmp *arg = &c->rules.conds[i].args[a];
			const uint64_t of[] = { arg->datum_a, arg->datum_a & arg->datum_b };

			for (k = 0; k < ARRAY_SIZE(of); k++) {
				add_value(c, of[k]);
				add_value(c, of[k] - 1);
				add_value(c, of[k] + 1);
				add_value(c, of[k] ^ UINT64_C(1) << 32);
			}
		}
}

/* Does a rule look at this call's arguments, on any architecture? */
static bool looks(const struct check *c, uint32_t nr)
{
	const struct reading *d;
	size_t i;

	for (d = c->readings; d < c->readings + c->rules.narches; d++) {
		for (i = 0; i < c->rules.nconds; i++)
			if ((uint32_t)d->conds[i] == nr)
				return true;
		for (i = 0; i < c->rules.nplain; i++)
			if ((uint32_t)d->multiplexer[i] == nr)
				return true;
	}
	return false;
}

static void check_number(struct check *c, uint32_t arch, uint32_t nr)
{
	struct seccomp_data data = { .nr = (int)nr, .arch = arch };
	size_t i, a, n = looks(c, nr) ? 3 * c->nvalues : 3;
	uint32_t want, got;
	unsigned steps;

	for (i = 0; i < n; i++) {
		for (a = 0; a < ARRAY_SIZE(data.args); a++)
			data.args[a] = c->values[(i / 3 + a * (i % 3)) % c->nvalues];
		want = expected(c->readings, c->rules.narches, &data);
		got = interpret(c->program, c->n, &data, &steps);
		if (steps > c->steps)
			c->steps = steps;
		if (got == want)
			continue;
		if (c->wrong++ < 10)
			fprintf(stderr, "\narchitecture %x, call %x, %llx %llx %llx: %x, expected %x\n", arch, nr,
				data.args[0], data.args[1], data.args[2], got, want);
	}
}

static void check_rules(struct check *c)
{
	static const uint32_t arches[] = { SCMP_ARCH_X86_64, SCMP_ARCH_X86, SCMP_ARCH_AARCH64, SCMP_ARCH_ARM, 0x1234 };
	static const uint32_t from[] = { 0, 0x3ffffff0, 0x7ffffff0, 0xbffffff0, 0xfffffff0, 0xf0000 };
	static const uint32_t count[] = { 1024, 16 + 1024, 32, 32, 16, 16 };
	int n = seccomp_program(&c->rules, c->program);
	uint32_t k;
	size_t i, j;

	CU_ASSERT_FATAL(n > 0);
	c->n = (size_t)n;
	c->wrong = c->steps = 0;
	for (i = 0; i < c->rules.narches; i++)
		read_arch(&c->readings[i], &c->rules, c->rules.arches[i]);
	find_values(c);
	for (i = 0; i < ARRAY_SIZE(arches); i++)
		for (j = 0; j < ARRAY_SIZE(from); j++)
			for (k = 0; k < count[j]; k++)
				check_number(c, arches[i], from[j] + k);
	CU_ASSERT_EQUAL(c->wrong, 0);
}

static void init(struct check *c, const char *profile, size_t len, uint64_t caps)
{
	struct err err = { 0 };

	if (seccomp_rules_init(&c->rules, profile, len, caps, &err))
		fprintf(stderr, "\n%s\n", err.message);
	CU_ASSERT_EQUAL_FATAL(err.status, 0);
}

static struct check *new_check(void)
{
	struct check *c = calloc(1, sizeof(*c));

	if (!c)
		abort();
	return c;
}

static void test_default(void)
{
	static const uint64_t caps[] = { 0, DOCKER_CAPS, DOCKER_CAPS | UINT64_C(1) << CAP_SYS_ADMIN, UINT64_MAX };
	struct check *c = new_check();
	size_t i;

	for (i = 0; i < ARRAY_SIZE(caps); i++) {
		init(c, seccomp_default_profile,
		     (size_t)((uintptr_t)seccomp_default_profile_end - (uintptr_t)seccomp_default_profile), caps[i]);
		check_rules(c);
		/* Each start of a container pays for these. */
		CU_ASSERT(c->n < 400);
		CU_ASSERT(c->steps < 30);
		/* On the other kind of machine. */
		c->rules.narches = 2;
		c->rules.arches[0] = SCMP_ARCH_AARCH64;
		c->rules.arches[1] = SCMP_ARCH_ARM;
		check_rules(c);
		seccomp_rules_finish(&c->rules);
	}
	free(c);
}

/* Calls that 32-bit x86 has behind others, beside rules for those others. */
static void test_multiplexed(void)
{
#define PROFILE(action, list) \
	"{\"defaultAction\":\"" action "\",\"architectures\":[\"SCMP_ARCH_X86\"],\"syscalls\":[" list "]}"
#define RULE(names, action) "{\"names\":[" names "],\"action\":\"" action "\"}"
	static const char *const profiles[] = {
		PROFILE("SCMP_ACT_ERRNO", RULE("\"sendmsg\",\"semop\",\"send\"", "SCMP_ACT_ALLOW")),
		PROFILE("SCMP_ACT_ALLOW", RULE("\"recvmmsg\",\"shmget\"", "SCMP_ACT_ERRNO")),
		PROFILE("SCMP_ACT_ERRNO", RULE("\"sendmsg\",\"semop\"", "SCMP_ACT_ALLOW") "," RULE(
						  "\"socketcall\",\"ipc\"", "SCMP_ACT_LOG")),
		PROFILE("SCMP_ACT_ERRNO",
			RULE("\"sendmsg\",\"semop\"", "SCMP_ACT_ALLOW") ","
			"{\"names\":[\"socketcall\",\"recvmmsg\"],\"action\":\"SCMP_ACT_LOG\",\"args\":["
			"{\"index\":0,\"value\":3,\"op\":\"SCMP_CMP_LE\"}]}"),
	};
	static const struct {
		size_t profile;
		uint32_t nr, first_arg, action;
	} known[] = {
		{ 0, SECCOMP_X86_SOCKETCALL, 16, SECCOMP_RET_ALLOW }, /* sendmsg */
		{ 0, SECCOMP_X86_SOCKETCALL, 17, SECCOMP_RET_ERRNO | EPERM },
		{ 0, 370, 0, SECCOMP_RET_ALLOW }, /* sendmsg itself */
		{ 0, SECCOMP_X86_IPC, 1, SECCOMP_RET_ALLOW }, /* semop */
		{ 1, SECCOMP_X86_SOCKETCALL, 19, SECCOMP_RET_ERRNO | EPERM }, /* recvmmsg */
		{ 1, 337, 0, SECCOMP_RET_ERRNO | EPERM },
		{ 1, SECCOMP_X86_IPC, 23, SECCOMP_RET_ERRNO | EPERM }, /* shmget */
		{ 2, SECCOMP_X86_SOCKETCALL, 1, SECCOMP_RET_LOG },
		{ 3, SECCOMP_X86_SOCKETCALL, 3, SECCOMP_RET_LOG },
		{ 3, SECCOMP_X86_SOCKETCALL, 16, SECCOMP_RET_ERRNO | EPERM },
		{ 3, 337, 3, SECCOMP_RET_LOG },
	};
	struct check *c = new_check();
	unsigned steps;
	size_t i, k;

	for (i = 0; i < ARRAY_SIZE(profiles); i++) {
		init(c, profiles[i], strlen(profiles[i]), 0);
		check_rules(c);
		for (k = 0; k < ARRAY_SIZE(known); k++) {
			/* The high half is what a 64-bit caller left there: the kernel does not look at it. */
			struct seccomp_data data = { .nr = (int)known[k].nr,
						     .arch = SCMP_ARCH_X86,
						     .args = { known[k].first_arg | UINT64_C(1) << 32 } };

			if (known[k].profile == i)
				CU_ASSERT_EQUAL(interpret(c->program, c->n, &data, &steps), known[k].action);
		}
		seccomp_rules_finish(&c->rules);
	}
	free(c);
}

/* --- made up --- */
static const char *const names[] = {
	"read",	      "write",	   "close",	 "kill",     "lseek",	 "socket",    "clone",	   "personality",
	"sendmsg",    "semop",	   "shmget",	 "socketcall", "ipc",	 "recvmmsg",  "send",	   "accept4",
	"cachestat",  "fchmodat2", "futex_wait", "uretprobe", "open",	 "openat",    "openat2",   "mount",
	"umount2",    "ioctl",	   "rt_sigaction", "readv",  "execve",	 "chown32",   "no_such_call", "statx",
	"set_tls",    "cacheflush", "clone3",	 "getpid",   "fork",	 "bpf",	      "clock_gettime64", "mseal",
};

static uint32_t draw(uint32_t *state, uint32_t below)
{
	*state = *state * 1664525 + 1013904223;
	return (*state >> 16) % below;
}

static size_t make_up(uint32_t seed, char *out, size_t size)
{
	static const char *const actions[] = { "ERRNO", "ALLOW", "KILL", "KILL_PROCESS", "TRAP", "TRACE", "LOG" };
	static const char *const ops[] = { "NE", "LT", "LE", "GE", "GT", "MASKED_EQ", "EQ", "EQ", "EQ", "EQ" };
	static const char *const values[] = { "0",	    "1",	  "9",	      "38",	    "40",
					      "4294967295", "4294967296", "4294967301", "4294967300", "131080" };
	uint32_t rules = 1 + draw(&seed, 40), i, k, n;
	size_t len = (size_t)snprintf(out, size, "{\"defaultAction\":\"SCMP_ACT_%s\",\"syscalls\":[",
				      actions[draw(&seed, draw(&seed, 2) ? 2 : ARRAY_SIZE(actions))]);

	for (i = 0; i < rules; i++) {
		len += (size_t)snprintf(out + len, size - len,
					"%s{\"action\":\"SCMP_ACT_%s\",\"errnoRet\":%u,\"names\":[", i ? "," : "",
					actions[draw(&seed, ARRAY_SIZE(actions))], draw(&seed, 40));
		for (k = 0, n = 1 + draw(&seed, 6); k < n; k++)
			len += (size_t)snprintf(out + len, size - len, "%s\"%s\"", k ? "," : "",
						names[draw(&seed, ARRAY_SIZE(names))]);
		len += (size_t)snprintf(out + len, size - len, "],\"args\":[");
		for (k = 0, n = draw(&seed, 2) * (1 + draw(&seed, 3)); k < n; k++)
			len += (size_t)snprintf(
				out + len, size - len,
				"%s{\"index\":%u,\"value\":%s,\"valueTwo\":%s,\"op\":\"SCMP_CMP_%s\"}", k ? "," : "",
				draw(&seed, 3), values[draw(&seed, ARRAY_SIZE(values))],
				values[draw(&seed, ARRAY_SIZE(values))], ops[draw(&seed, ARRAY_SIZE(ops))]);
		len += (size_t)snprintf(out + len, size - len, "]}");
	}
	len += (size_t)snprintf(out + len, size - len, "]}");
	CU_ASSERT_FATAL(len < size);
	return len;
}

static void test_made_up(void)
{
	static const uint32_t other[] = { SCMP_ARCH_X86_64, SCMP_ARCH_X86, SCMP_ARCH_X32, SCMP_ARCH_AARCH64,
					  SCMP_ARCH_ARM };
	struct check *c = new_check();
	static char text[64 * 1024];
	uint32_t seed;
	size_t i;

	for (seed = 1; seed <= 24; seed++) {
		init(c, text, make_up(seed, text, sizeof(text)), 0);
		c->rules.narches = 0;
		for (i = 0; i < ARRAY_SIZE(other); i++)
			if (i == 0 || seed >> (i - 1) & 1)
				c->rules.arches[c->rules.narches++] = other[i];
		check_rules(c);
		if (c->wrong)
			fprintf(stderr, "seed %u: %s\n", seed, text);
		seccomp_rules_finish(&c->rules);
	}
	free(c);
}

static bool kernel_takes(const struct check *c)
{
	struct sock_fprog prog = { (unsigned short)c->n, (struct sock_filter *)c->program };
	int status;
	pid_t pid = fork();

	if (pid == 0)
		syscall(SYS_exit_group, prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
						syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog));
	waitpid(pid, &status, 0);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* Longer than a jump reaches: every second call has an action of its own, or a condition. */
static void test_long(void)
{
	struct check *c = new_check();
	size_t size = 512 * 1024, len, jumps = 0, i;
	char *text = malloc(size);
	uint32_t k, first = true;

	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	len = (size_t)snprintf(text, size,
			       "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":[\"SCMP_ARCH_X86\","
			       "\"SCMP_ARCH_X32\"],\"syscalls\":[");
	for (k = 1; k < 430; k += 2) {
		char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, (int)k);

		if (name && strcmp(name, "exit_group") != 0) {
			len += (size_t)snprintf(text + len, size - len,
						"%s{\"name\":\"%s\",\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":%u",
						first ? "" : ",", name, k);
			if (k % 3 == 0)
				len += (size_t)snprintf(text + len, size - len,
							",\"args\":[{\"index\":0,\"value\":9,\"op\":\"SCMP_CMP_GT\"},"
							"{\"index\":1,\"value\":%u,\"op\":\"SCMP_CMP_NE\"}]",
							k);
			len += (size_t)snprintf(text + len, size - len, "}");
			first = false;
		}
		free(name);
	}
	len += (size_t)snprintf(text + len, size - len, "]}");
	CU_ASSERT_FATAL(len < size);
	init(c, text, len, 0);
	check_rules(c);
	for (i = 0; i < c->n; i++)
		jumps += c->program[i].code == (BPF_JMP | BPF_JA);
	CU_ASSERT(jumps > 0);
	CU_ASSERT(c->n > 1000);
	CU_ASSERT(c->steps < STEPS_MAX);
	CU_ASSERT(kernel_takes(c));
	seccomp_rules_finish(&c->rules);
	free(text);
	free(c);
}

/* More than the kernel takes is refused, and nothing is written beyond the end. */
static void test_too_long(void)
{
	struct seccomp_rules *r = calloc(1, sizeof(*r));
	struct {
		struct sock_filter program[BPF_MAXINSNS], fence[64];
	} *out = malloc(sizeof(*out));
	static const char *const calls[] = { "read", "write" };
	size_t i, k, written = 0;

	CU_ASSERT_FATAL(r && out);
	memset(out->fence, 0xa5, sizeof(out->fence));
	r->arches[r->narches++] = SCMP_ARCH_X86_64;
	r->arches[r->narches++] = SCMP_ARCH_X86;
	r->default_action = SCMP_ACT_ALLOW;
	for (i = 0; i < SECCOMP_CONDS_MAX; i++) {
		struct cond_rule *rule = &r->conds[r->nconds++];

		*rule = (struct cond_rule){ .name = calls[i % 2], .action = SCMP_ACT_ERRNO(i), .nargs = 6 };
		for (k = 0; k < rule->nargs; k++)
			rule->args[k] = (struct scmp_arg_cmp){ (unsigned)k, SCMP_CMP_GT, UINT64_MAX / 3 * i, 0 };
	}
	CU_ASSERT_EQUAL(seccomp_program(r, out->program), 0);
	for (i = 0; i < sizeof(out->fence); i++)
		written += ((const uint8_t *)out->fence)[i] != 0xa5;
	CU_ASSERT_EQUAL(written, 0);
	/* Nothing at all is a program, too. */
	r->nconds = 0;
	CU_ASSERT(seccomp_program(r, out->program) > 0);
	r->default_action = SCMP_ACT_KILL_PROCESS;
	CU_ASSERT(seccomp_program(r, out->program) > 0);
	free(r);
	free(out);
}

int main(void)
{
	CU_pSuite s;
	unsigned failures;

	if (CU_initialize_registry() != CUE_SUCCESS)
		return 1;
	s = CU_add_suite("seccomp_layout", NULL, NULL);
	CU_ADD_TEST(s, test_default);
	CU_ADD_TEST(s, test_multiplexed);
	CU_ADD_TEST(s, test_made_up);
	CU_ADD_TEST(s, test_long);
	CU_ADD_TEST(s, test_too_long);
	CU_basic_run_tests();
	failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures ? 1 : 0;
}
