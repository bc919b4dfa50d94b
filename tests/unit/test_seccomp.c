/* test_seccomp.c - profiles become filters that the kernel takes and that answer as they should: each case is a system
 * call made in a forked child behind the filter. Also: errors for bad profiles, and our default list beside the
 * reference. */
#include <CUnit/Basic.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../controller/spec/internal.h"
#include "../../controller/spec/seccomp.h"
#include "../../helpers/base/cleanup.h"
#include "../../helpers/base/fd.h"

#define CAP(c) (UINT64_C(1) << (c))
#define DOCKER_CAPS UINT64_C(0xa80425fb)

struct call {
	const char *what;
	long nr;
	long args[4];
	int expect; /* errno; 0: the same as without a filter */
};

/* errno of a call behind the filter (NULL: none); 0 for success, 1000 + signal when it was killed. */
static int behind(const void *filter, size_t bytes, const struct call *c)
{
	struct sock_fprog prog = { (unsigned short)(bytes / sizeof(struct sock_filter)), (struct sock_filter *)filter };
	int status, e, fds[2];
	pid_t pid;

	if (pipe(fds) < 0)
		abort();
	pid = fork();
	if (pid == 0) {
		if (filter && (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
			       syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog))) {
			e = 2000 + errno;
		} else {
			errno = 0;
			e = syscall(c->nr, c->args[0], c->args[1], c->args[2], c->args[3]) < 0 ? errno : 0;
		}
		if (write(fds[1], &e, sizeof(e)) != sizeof(e))
			_exit(1);
		_exit(0);
	}
	close(fds[1]);
	if (read(fds[0], &e, sizeof(e)) != sizeof(e))
		e = 999;
	close(fds[0]);
	waitpid(pid, &status, 0);
	return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : e;
}

static void check_calls(const char *profile, uint64_t caps, const struct call *calls, size_t n)
{
	struct err err = { 0 };
	const void *filter;
	size_t bytes, i;

	CU_ASSERT_EQUAL_FATAL(seccomp_filter(profile, caps, &filter, &bytes, &err), 0);
	for (i = 0; i < n; i++) {
		int e = behind(filter, bytes, &calls[i]), expect = calls[i].expect;
		bool good;

		if (!expect) {
			expect = behind(NULL, 0, &calls[i]);
			if (expect == ENOSYS)
				continue; /* not in this kernel: cannot be told from refused */
		}
		good = e == expect;
		if (!good)
			fprintf(stderr, "\n%s: errno %d, expected %d\n", calls[i].what, e, expect);
		CU_ASSERT(good);
	}
}

#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif

static void test_default(void)
{
	static const struct call calls[] = {
		{ "mount", SYS_mount, { 0 }, EPERM },
		{ "umount2", SYS_umount2, { 0 }, EPERM },
		{ "pivot_root", SYS_pivot_root, { 0 }, EPERM },
		{ "clone3", SYS_clone3, { 0 }, ENOSYS },
		{ "clone(NEWUSER)", SYS_clone, { CLONE_NEWUSER | 17 }, EPERM },
		{ "clone(NEWUSER) with high bits", SYS_clone, { (1L << 32) | CLONE_NEWUSER | 17 }, EPERM },
		{ "unshare(NEWUSER)", SYS_unshare, { CLONE_NEWUSER }, EPERM },
		{ "setns", SYS_setns, { -1 }, EPERM },
		{ "keyctl", SYS_keyctl, { 0 }, EPERM },
		{ "add_key", SYS_add_key, { 0 }, EPERM },
		{ "request_key", SYS_request_key, { 0 }, EPERM },
		{ "bpf", SYS_bpf, { 0 }, EPERM },
		{ "perf_event_open", SYS_perf_event_open, { 0 }, EPERM },
		{ "userfaultfd", SYS_userfaultfd, { 0 }, EPERM },
		{ "io_uring_setup", SYS_io_uring_setup, { 1 }, EPERM },
		{ "open_by_handle_at", SYS_open_by_handle_at, { -1 }, EPERM },
		{ "init_module", SYS_init_module, { 0 }, EPERM },
		{ "kexec_load", SYS_kexec_load, { 0 }, EPERM },
		{ "swapon", SYS_swapon, { 0 }, EPERM },
		{ "open_tree", SYS_open_tree, { -1 }, EPERM },
		{ "fsopen", SYS_fsopen, { 0 }, EPERM },
		{ "socket(AF_ALG)", SYS_socket, { 38, 5, 0 }, EPERM },
		{ "socket(AF_ALG) with high bits", SYS_socket, { (1L << 32) | 38, 5, 0 }, EPERM },
		{ "socket(AF_VSOCK)", SYS_socket, { 40, 1, 0 }, EPERM },
		{ "socket(AF_VSOCK) with high bits", SYS_socket, { (1L << 40) | 40, 1, 0 }, EPERM },
		{ "socket(46)", SYS_socket, { 46, 1, 0 }, EPERM },
		{ "socket(AF_UNIX, bad type)", SYS_socket, { 1, 77, 0 }, 0 },
		{ "socket(AF_NETLINK)", SYS_socket, { 16, 3, 0 }, 0 },
		{ "personality(0)", SYS_personality, { 0 }, 0 },
		{ "personality(0x20008)", SYS_personality, { 0x20008 }, 0 },
		{ "personality(query)", SYS_personality, { 0xffffffffL }, 0 },
		{ "personality(ADDR_NO_RANDOMIZE)", SYS_personality, { 0x0040000 }, EPERM },
		{ "600", 600, { 0 }, ENOSYS },
		{ "file_getattr", 468, { -1 }, ENOSYS },
		{ "open_tree_attr", 467, { -1 }, EPERM },
		{ "fchmodat2", SYS_fchmodat2, { -1, 0 }, 0 },
		{ "mbind", SYS_mbind, { 0 }, EPERM },
		{ "close", SYS_close, { -1 }, 0 },
		{ "openat", SYS_openat, { -1, 0, 0 }, 0 },
		{ "statx", SYS_statx, { -1, 0, 0 }, 0 },
		{ "io_setup", SYS_io_setup, { 0 }, 0 },
#ifdef __x86_64__
		{ "arch_prctl", SYS_arch_prctl, { 0x1004, 0 }, 0 },
		{ "uretprobe", 335, { 0 }, 0 },
		{ "x32 getpid", 0x40000000 | SYS_getpid, { 0 }, 0 },
		{ "x32 mount", 0x40000000 | SYS_mount, { 0 }, EPERM },
		{ "x32 600", 0x40000000 | 600, { 0 }, ENOSYS },
#endif
	};
	check_calls(NULL, DOCKER_CAPS, calls, ARRAY_SIZE(calls));
}

static void test_capabilities(void)
{
	static const struct call admin[] = {
		{ "unshare(bad)", SYS_unshare, { 1 }, 0 },
		{ "clone3", SYS_clone3, { 0, 0 }, 0 },
		{ "mount", SYS_mount, { 0 }, 0 },
		{ "keyctl", SYS_keyctl, { 0 }, EPERM },
		{ "socket(AF_ALG)", SYS_socket, { 38, 5, 0 }, EPERM },
	};
	static const struct call nice[] = { { "mbind", SYS_mbind, { 1, 1, 99 }, 0 } };
	struct err err = { 0 };
	const void *with, *without;
	size_t a, b;

	check_calls(NULL, DOCKER_CAPS | CAP(CAP_SYS_ADMIN), admin, ARRAY_SIZE(admin));
	check_calls(NULL, DOCKER_CAPS | CAP(CAP_SYS_NICE), nice, ARRAY_SIZE(nice));
	/* Who is not root is refused by the kernel all the same: compare the filters instead. */
	CU_ASSERT_EQUAL(seccomp_filter(NULL, DOCKER_CAPS | CAP(CAP_DAC_READ_SEARCH), &with, &a, &err), 0);
	CU_ASSERT_EQUAL(seccomp_filter(NULL, DOCKER_CAPS, &without, &b, &err), 0);
	CU_ASSERT(a != b || memcmp(with, without, a));
}

#ifdef __x86_64__
/* A 32-bit call from 64-bit code; the arguments lie below 4 GB. */
static long int80(long nr, long a, long b, long c)
{
	long r;

	__asm__ volatile("int $0x80" : "=a"(r) : "a"(nr), "b"(a), "c"(b), "d"(c) : "memory", "r8", "r9", "r10", "r11");
	return (int)r;
}

static int in_child_32(const void *filter, size_t bytes, long nr, long a, long b, long c)
{
	struct sock_fprog prog = { (unsigned short)(bytes / sizeof(struct sock_filter)), (struct sock_filter *)filter };
	int fds[2], status, r = 12345;
	pid_t pid;

	if (pipe(fds) < 0)
		abort();
	pid = fork();
	if (pid == 0) {
		if (filter &&
		    (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog)))
			_exit(2);
		r = (int)int80(nr, a, b, c);
		if (write(fds[1], &r, sizeof(r)) != sizeof(r))
			_exit(1);
		_exit(0);
	}
	close(fds[1]);
	if (read(fds[0], &r, sizeof(r)) != sizeof(r))
		r = 12345;
	close(fds[0]);
	waitpid(pid, &status, 0);
	return r;
}

static void test_32_bit(void)
{
	enum { GETPID = 20, MOUNT = 21, SOCKETCALL = 102, SYS_SOCKET_SUB = 1, CLONE3 = 435, SOCKET = 359 };
	uint32_t *args = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	struct err err = { 0 };
	const void *filter;
	size_t bytes;

	CU_ASSERT_FATAL(args != MAP_FAILED);
	if (in_child_32(NULL, 0, GETPID, 0, 0, 0) <= 0) {
		fprintf(stderr, "\nskipped: no 32-bit calls on this kernel\n");
		return;
	}
	args[0] = 38;
	args[1] = 5;
	CU_ASSERT_EQUAL_FATAL(seccomp_filter(NULL, DOCKER_CAPS, &filter, &bytes, &err), 0);
	CU_ASSERT(in_child_32(filter, bytes, GETPID, 0, 0, 0) > 0);
	CU_ASSERT_EQUAL(in_child_32(filter, bytes, MOUNT, 0, 0, 0), -EPERM);
	CU_ASSERT_EQUAL(in_child_32(filter, bytes, CLONE3, 0, 0, 0), -ENOSYS);
	/* AF_ALG neither through the multiplexer, nor directly; AF_UNIX (bad type) gets as far as the kernel. */
	CU_ASSERT_EQUAL(in_child_32(filter, bytes, SOCKETCALL, SYS_SOCKET_SUB, (long)args, 0), -ENOSYS);
	CU_ASSERT_EQUAL(in_child_32(filter, bytes, SOCKET, 38, 5, 0), -EPERM);
	CU_ASSERT_EQUAL(in_child_32(filter, bytes, SOCKET, 1, 77, 0), -EINVAL);
	CU_ASSERT_EQUAL(in_child_32(filter, bytes, 600, 0, 0, 0), -ENOSYS);
	CU_ASSERT_EQUAL(in_child_32(filter, bytes, 452, -1, 0, 0), -EFAULT);
	munmap(args, 4096);
}
#else
static void test_32_bit(void)
{
}
#endif

static void test_custom(void)
{
	static const char allow[] =
		"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":["
		"{\"names\":[\"chmod\",\"fchmodat\",\"fchmodat2\",\"no_such_call\"],\"action\":\"SCMP_ACT_ERRNO\","
		"\"errnoRet\":13},{\"name\":\"kill\",\"action\":\"SCMP_ACT_ERRNO\",\"args\":["
		"{\"index\":1,\"value\":9,\"op\":\"SCMP_CMP_EQ\"},{\"index\":1,\"value\":15,\"op\":\"SCMP_CMP_EQ\"}]}]"
		"}";
	static const char narrow[] =
		"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"kill\",\"close\"],"
		"\"action\":\"SCMP_ACT_LOG\"},{\"name\":\"kill\",\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":13,"
		"\"args\":[{\"index\":1,\"value\":9,\"op\":\"SCMP_CMP_EQ\"}]},"
		"{\"names\":[\"kill\",\"close\"],\"action\":\"SCMP_ACT_ERRNO\"}]}";
	static const struct call narrowed[] = {
		{ "kill 9", SYS_kill, { 1 << 30, 9 }, EACCES },
		{ "kill 10", SYS_kill, { 1 << 30, 10 }, ESRCH },
		{ "close", SYS_close, { -1 }, EBADF },
	};
	static const struct call calls[] = {
		{ "fchmodat", SYS_fchmodat, { -1, 0 }, EACCES },
		{ "fchmodat2", SYS_fchmodat2, { -1, 0 }, EACCES },
		{ "kill 9", SYS_kill, { 1 << 30, 9 }, EPERM },
		{ "kill 15", SYS_kill, { 1 << 30, 15 }, EPERM },
		{ "kill 0", SYS_kill, { 1 << 30, 0 }, 0 },
		{ "close", SYS_close, { -1 }, 0 },
		{ "mount", SYS_mount, { 0 }, 0 },
	};
	static const char deny[] =
		"{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":1,\"syscalls\":[{\"names\":["
		"\"write\",\"exit_group\",\"exit\"],\"action\":\"SCMP_ACT_ALLOW\",\"excludes\":{\"minKernel\":\"99.0\"}"
		"},"
		"{\"names\":[\"close\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{\"minKernel\":\"99.0\"}}]}";
	static const struct call denied[] = {
		{ "close", SYS_close, { -1 }, EPERM },
		{ "openat", SYS_openat, { -1, 0 }, EPERM },
		{ "write", SYS_write, { -1, 0 }, 0 },
		{ "openat2 is newer than the profile", SYS_openat2, { -1, 0 }, ENOSYS },
#ifdef __x86_64__
		{ "x32 is not among its architectures", 0x40000000 | 600, { 0 }, 1000 + SIGSYS },
#endif
	};

	check_calls(allow, 0, calls, ARRAY_SIZE(calls));
	check_calls(narrow, 0, narrowed, ARRAY_SIZE(narrowed));
	check_calls(deny, 0, denied, ARRAY_SIZE(denied));
}

/* Every comparison, on both halves of an argument: lseek's offset is 64 bits wide. EACCES where the rule holds. */
static void test_comparisons(void)
{
	static const struct {
		const char *op, *value, *two;
		long holds[3], fails[3];
	} cases[] = {
		{ "EQ", "4294967301", "0", { 4294967301, 4294967301, 4294967301 }, { 5, 4294967300, 8589934597 } },
		{ "NE", "4294967301", "0", { 5, 4294967300, 8589934597 }, { 4294967301, 4294967301, 4294967301 } },
		{ "GT", "4294967301", "0", { 4294967302, 8589934592, -1 }, { 4294967301, 4294967300, 6 } },
		{ "GE", "4294967301", "0", { 4294967301, 8589934592, -1 }, { 4294967300, 6, 0 } },
		{ "LT", "4294967301", "0", { 4294967300, 6, 0 }, { 4294967301, 8589934592, -1 } },
		{ "LE", "4294967301", "0", { 4294967301, 6, 0 }, { 4294967302, 8589934592, -1 } },
		{ "MASKED_EQ",
		  "4294967297",
		  "4294967299",
		  { 4294967297, 4294967299, 12884901889 },
		  { 1, 4294967298, 4294967296 } },
	};
	size_t i, k;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct call calls[6] = { 0 };
		char profile[512];

		snprintf(profile, sizeof(profile),
			 "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"name\":\"lseek\",\"action\":\"SCMP_"
			 "ACT_ERRNO\",\"errnoRet\":13,"
			 "\"args\":[{\"index\":0,\"value\":1000,\"op\":\"SCMP_CMP_GT\"},{\"index\":1,\"value\":%s,"
			 "\"valueTwo\":%s,\"op\":\"SCMP_CMP_%s\"},"
			 "{\"index\":2,\"value\":7,\"op\":\"SCMP_CMP_EQ\"}]}]}",
			 cases[i].value, cases[i].two, cases[i].op);
		for (k = 0; k < 3; k++) {
			calls[k] = (struct call){ cases[i].op, SYS_lseek, { 5000, cases[i].holds[k], 7 }, EACCES };
			calls[3 + k] = (struct call){ cases[i].op, SYS_lseek, { 5000, cases[i].fails[k], 7 }, EBADF };
		}
		check_calls(profile, 0, calls, ARRAY_SIZE(calls));
		/* The conditions before and after count as well. */
		calls[0].args[0] = 1000;
		calls[1].args[2] = 8;
		calls[0].expect = calls[1].expect = EBADF;
		check_calls(profile, 0, calls, 2);
	}
}

static void test_bad_profiles(void)
{
#define RULE(r) "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[" r "]}"
	static const char *const bad[] = {
		"",
		"{",
		"[]",
		"1",
		"{}",
		"{\"defaultAction\":\"SCMP_ACT_FOO\"}",
		"{\"defaultAction\":1}",
		"{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":-1}",
		"{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":1.5}",
		"{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":5000}",
		"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":[\"SCMP_ARCH_VAX\"]}",
		"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":[\"SCMP_ARCH_X86\"],\"archMap\":[{}]}",
		RULE("1"),
		RULE("{\"names\":[\"read\"]}"),
		RULE("{\"names\":[\"read\"],\"name\":\"write\",\"action\":\"SCMP_ACT_LOG\"}"),
		RULE("{\"names\":[\"read\"],\"action\":\"SCMP_ACT_NOTIFY\"}"),
		RULE("{\"names\":[\"read\"],\"action\":\"SCMP_ACT_LOG\",\"args\":[{\"index\":6,\"value\":0,\"op\":"
		     "\"SCMP_CMP_EQ\"}]}"),
		RULE("{\"names\":[\"read\"],\"action\":\"SCMP_ACT_LOG\",\"args\":[{\"index\":0,\"value\":0,\"op\":\"=="
		     "\"}]}"),
		RULE("{\"names\":[\"read\"],\"action\":\"SCMP_ACT_LOG\",\"args\":[{\"index\":0,\"value\":1e300,\"op\":"
		     "\"SCMP_CMP_EQ\"}]}"),
	};
	const void *filter = NULL;
	size_t bytes, i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		struct err err = { 0 };
		int r = seccomp_filter(bad[i], 0, &filter, &bytes, &err);

		if (r != -1 || err.status != 400)
			fprintf(stderr, "\nprofile %zu: %d %d %s\n", i, r, err.status, err.message);
		CU_ASSERT_EQUAL(r, -1);
		CU_ASSERT_EQUAL(err.status, 400);
		CU_ASSERT(!strncmp(err.message, "Decoding seccomp profile failed", 31) ||
			  strstr(err.message, "seccomp"));
	}
	CU_ASSERT_PTR_NULL(filter);
}

/* More rules than the limit, and a text that is too long, are refused before they cost time. */
static void test_bounds(void)
{
	size_t size = 300 * 1024, n, i;
	char *text = malloc(size), *large = malloc(SECCOMP_PROFILE_MAX + 2);
	struct err err = { 0 };
	const void *filter;
	size_t bytes;

	n = (size_t)sprintf(
		text,
		"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"action\":\"SCMP_ACT_LOG\",\"names\":[\"read\"");
	for (i = 0; i < SECCOMP_RULES_MAX; i++)
		n += (size_t)sprintf(text + n, ",\"write\"");
	sprintf(text + n, "]}]}");
	CU_ASSERT_EQUAL(seccomp_filter(text, 0, &filter, &bytes, &err), -1);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "more than"));
	n = (size_t)sprintf(text, "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[");
	for (i = 0; i <= SECCOMP_CONDS_MAX; i++)
		n += (size_t)sprintf(text + n,
				     "%s{\"action\":\"SCMP_ACT_LOG\",\"names\":[\"read\"],\"args\":[{\"index\":0,"
				     "\"op\":\"SCMP_CMP_EQ\",\"value\":%zu}]}",
				     i ? "," : "", i);
	sprintf(text + n, "]}");
	err = (struct err){ 0 };
	CU_ASSERT_EQUAL(seccomp_filter(text, 0, &filter, &bytes, &err), -1);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "conditions"));
	memset(large, ' ', SECCOMP_PROFILE_MAX + 1);
	large[SECCOMP_PROFILE_MAX + 1] = '\0';
	err.status = 0;
	CU_ASSERT_EQUAL(seccomp_filter(large, 0, &filter, &bytes, &err), -1);
	CU_ASSERT_EQUAL(err.status, 400);
	free(text);
	free(large);
}

static void test_cache(void)
{
	char profile[] = "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[]}";
	const void *first, *again, *other;
	size_t bytes, i;

	CU_ASSERT_EQUAL(seccomp_filter(profile, 0, &first, &bytes, NULL), 0);
	CU_ASSERT_EQUAL(seccomp_filter(profile, 0, &again, &bytes, NULL), 0);
	CU_ASSERT_PTR_EQUAL(first, again);
	for (i = 1; i < SECCOMP_CACHE_MAX; i++) {
		CU_ASSERT_EQUAL(seccomp_filter(profile, i, &other, &bytes, NULL), 0);
		CU_ASSERT_PTR_NOT_EQUAL(first, other);
	}
	CU_ASSERT_EQUAL(seccomp_filter(profile, 0, &again, &bytes, NULL), 0);
	CU_ASSERT_PTR_EQUAL(first, again);
}

/* --- our list beside the reference --- */
/* Why a call that the reference allows is missing in ours, or the other way round. */
static const struct {
	const char *names, *why;
} explained[] = {
	{ "acct,clock_settime,clock_settime64,settimeofday,stime,delete_module,init_module,finit_module,ioperm,iopl",
	  "the kernel wants the capability in the first user namespace, which no container of ours has" },
	{ "epoll_ctl_old,epoll_wait_old,lookup_dcookie", "no kernel has them any more" },
	{ "riscv_flush_icache,riscv_hwprobe,s390_pci_mmio_read,s390_pci_mmio_write,s390_runtime_instr,swapcontext",
	  "architectures that this engine is not for" },
	{ "socketcall", "would open AF_ALG to 32-bit programs; ENOSYS instead" },
	{ "open_tree_attr", "newer than the reference; with CAP_SYS_ADMIN only, like open_tree" },
	{ "ptrace,process_vm_readv,process_vm_writev", "without a condition: every kernel that we support is newer" },
	{ "uretprobe", "with a condition: 64-bit x86 only" },
};

static bool is_explained(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(explained); i++)
		if (list_has(explained[i].names, ',', name))
			return true;
	return false;
}

/* Does a profile allow a call (or does it always, when unconditional)? */
static bool allows(const cJSON *profile, const char *name, bool always)
{
	const cJSON *rule, *e;

	cJSON_ArrayForEach(rule, json_get(profile, "syscalls")) {
		if (strcmp(get_text(rule, "action"), "SCMP_ACT_ALLOW") ||
		    (always && (get_size(rule, "args") || get_size(rule, "includes") || get_size(rule, "excludes"))))
			continue;
		cJSON_ArrayForEach(e, json_get(rule, "names"))
			if (!strcmp(e->valuestring, name))
				return true;
	}
	return false;
}

static size_t differences(const cJSON *a, const cJSON *b, const char *which, bool always)
{
	const cJSON *rule, *e;
	size_t n = 0;

	cJSON_ArrayForEach(rule, json_get(a, "syscalls"))
		cJSON_ArrayForEach(e, json_get(rule, "names"))
			if (allows(a, e->valuestring, always) && !allows(b, e->valuestring, always) &&
			    !is_explained(e->valuestring)) {
				fprintf(stderr, "\n%s: %s\n", which, e->valuestring);
				n++;
			}
	return n;
}

static void test_reference(void)
{
	const char *dir = getenv("POSTERN_REFERENCE");
	char path[4096], *text = NULL;
	cJSON *ours, *reference;
	size_t len;
	int fd;

	snprintf(path, sizeof(path), "%s/container-seccomp-default.json", dir ? dir : "/nonexistent");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		fprintf(stderr, "\nskipped: POSTERN_REFERENCE is not set\n");
		return;
	}
	CU_ASSERT_EQUAL_FATAL(fd_read_all(fd, 1 << 20, &text, &len), 0);
	close(fd);
	reference = json_parse(text, len, NULL);
	ours = json_parse(seccomp_default_profile, (size_t)(seccomp_default_profile_end - seccomp_default_profile),
			  NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(reference);
	CU_ASSERT_PTR_NOT_NULL_FATAL(ours);
	CU_ASSERT_EQUAL(differences(ours, reference, "only ours allows", false), 0);
	CU_ASSERT_EQUAL(differences(reference, ours, "only the reference allows", false), 0);
	CU_ASSERT_EQUAL(differences(ours, reference, "only ours allows always", true), 0);
	CU_ASSERT_EQUAL(differences(reference, ours, "only the reference allows always", true), 0);
	cJSON_Delete(ours);
	cJSON_Delete(reference);
	/* The reference itself must compile, too: users start from it. */
	CU_ASSERT_EQUAL(seccomp_filter(text, DOCKER_CAPS, (const void *[]){ NULL }, &len, NULL), 0);
	free(text);
}

static void test_names(void)
{
	int cap;

	for (cap = 0; cap < 41; cap++)
		CU_ASSERT_EQUAL(cap_by_name(cap_name(cap)), cap);
	CU_ASSERT_PTR_NULL(cap_name(41));
	CU_ASSERT_PTR_NULL(cap_name(-1));
	CU_ASSERT_EQUAL(cap_by_name("chown"), CAP_CHOWN);
	CU_ASSERT_EQUAL(cap_by_name("cap_Net_admin"), CAP_NET_ADMIN);
	CU_ASSERT_EQUAL(cap_by_name("CAP_"), -1);
	CU_ASSERT_EQUAL(cap_by_name("FOO"), -1);
}

int main(void)
{
	CU_pSuite s;
	unsigned failures;

	if (CU_initialize_registry() != CUE_SUCCESS)
		return 1;
	s = CU_add_suite("seccomp", NULL, NULL);
	CU_ADD_TEST(s, test_default);
	CU_ADD_TEST(s, test_capabilities);
	CU_ADD_TEST(s, test_32_bit);
	CU_ADD_TEST(s, test_custom);
	CU_ADD_TEST(s, test_comparisons);
	CU_ADD_TEST(s, test_bad_profiles);
	CU_ADD_TEST(s, test_bounds);
	CU_ADD_TEST(s, test_cache);
	CU_ADD_TEST(s, test_reference);
	CU_ADD_TEST(s, test_names);
	CU_basic_run_tests();
	failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures ? 1 : 0;
}
