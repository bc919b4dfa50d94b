#include "sandbox.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cleanup.h"

#if defined(__x86_64__)
#define NATIVE_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE_ARCH AUDIT_ARCH_AARCH64
#else
#error "name this machine's AUDIT_ARCH"
#endif

/* Capabilities come over exec as ambient ones; no further exec is to have them. */
static int clear_inheritance(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data) < 0)
		return -errno;
	return sandbox_caps_set((uint64_t)data[1].permitted << 32 | data[0].permitted);
}

int sandbox_start(bool keep_privs)
{
	const struct rlimit none = { 0, 0 };
	int r = clear_inheritance();

	if (r < 0)
		return r;
	/* exec made the effective uid (IDS_OWNER, which spawn and netns share) the saved one, too: who has it could
	 * signal us. */
	if (geteuid() != getuid() && setresuid((uid_t)-1, (uid_t)-1, getuid()) < 0)
		return -errno;
	umask(077);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0 || setrlimit(RLIMIT_CORE, &none) < 0)
		return -errno;
	if (!keep_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return 0;
}

/* What the server loop, the codec and the C library's memory and time functions need. socketpair: DERIVE. */
static const int base_syscalls[] = {
	SYS_read, SYS_write, SYS_readv, SYS_writev, SYS_pread64, SYS_pwrite64, SYS_close, SYS_sendmsg, SYS_recvmsg,
	SYS_sendto, SYS_recvfrom, SYS_ppoll, SYS_mmap, SYS_munmap, SYS_mprotect, SYS_mremap, SYS_madvise, SYS_brk,
	SYS_futex, SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_sigaltstack, SYS_exit, SYS_exit_group,
	SYS_clock_gettime, SYS_clock_nanosleep, SYS_nanosleep, SYS_gettimeofday, SYS_getpid, SYS_gettid, SYS_getuid,
	SYS_geteuid, SYS_getgid, SYS_getegid, SYS_fcntl, SYS_fstat, SYS_newfstatat, SYS_statx, SYS_lseek, SYS_dup,
	SYS_getrandom, SYS_getsockopt, SYS_getsockname, SYS_set_robust_list, SYS_restart_syscall, SYS_socketpair,
#ifdef SYS_poll
	SYS_poll,
#endif
#ifdef SYS_rseq
	SYS_rseq,
#endif
};

/* What helpers need beyond that. ioctl: the NS_GET_* questions. pidfd_send_signal: the proof of a pidfd (signal 0), and
 * it needs a pidfd and the right. */
static const int helper_syscalls[] = { SYS_ioctl, SYS_pidfd_send_signal, SYS_tgkill };

enum { FILTER_MAX = 512, CALLS_MAX = 120 };

static int compare_int(const void *a, const void *b)
{
	return *(const int *)a < *(const int *)b ? -1 : *(const int *)a > *(const int *)b;
}

/* Where the answer changes between neighbouring numbers: at bound[i] it becomes allowed for odd i, killed for even. */
static size_t bounds_of(int *calls, size_t n, uint32_t *bound)
{
	size_t count = 0;

	qsort(calls, n, sizeof(*calls), compare_int);
	bound[count++] = 0;
	for (size_t i = 0; i < n; i++) {
		uint32_t nr = (uint32_t)calls[i];

		if (count > 1 && bound[count - 1] == nr) {
			bound[count - 1] = nr + 1; /* goes on */
		} else if (count == 1 || bound[count - 1] < nr + 1) {
			bound[count++] = nr;
			bound[count++] = nr + 1;
		}
	}
	return count;
}

/* A search tree over the bounds: the kernel runs it once for every number when it is loaded, so it must be shallow. */
static size_t add_tree(struct sock_filter *f, size_t at, const uint32_t *bound, size_t lo, size_t hi)
{
	size_t middle = (lo + hi) / 2, left;

	if (hi - lo == 1) {
		f[at] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
						     lo % 2 ? SECCOMP_RET_ALLOW : SECCOMP_RET_KILL_PROCESS);
		return at + 1;
	}
	left = add_tree(f, at + 1, bound, lo, middle);
	f[at] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, bound[middle], (uint8_t)(left - at - 1), 0);
	return add_tree(f, left, bound, middle, hi);
}

/* calls: sorted here. ioctl_request: the only one, when ioctl is not among the calls; 0: none. */
static int install(int *calls, size_t n, uint32_t ioctl_request)
{
	struct sock_filter f[FILTER_MAX] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NATIVE_ARCH, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		/* The x32 numbers (bit 30) are above the last bound. */
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	};
	const struct sock_filter one_ioctl[] = {
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 4),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ioctl_request, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};
	uint32_t bound[2 * CALLS_MAX + 1];
	struct sock_fprog prog = { .filter = f };
	size_t at = 4;

	if (ioctl_request) {
		memcpy(f + at, one_ioctl, sizeof(one_ioctl));
		at += ARRAY_SIZE(one_ioctl);
	}
	/* CALLS_MAX calls make a tree of at most 481 steps, whose jumps fit into a byte. */
	prog.len = (unsigned short)add_tree(f, at, bound, 0, bounds_of(calls, n, bound));
#ifdef __SANITIZE_ADDRESS__
	return 0; /* the sanitizer's own system calls are not ours to list */
#endif
	/* Threads would escape: every program of ours has one here. */
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) < 0 ? -errno : 0;
}

static int restrict_to(const int *base, size_t nbase, const int *more, size_t n, uint32_t ioctl_request)
{
	int calls[CALLS_MAX];
	size_t count = ARRAY_SIZE(base_syscalls) + nbase + n;

	if (count > CALLS_MAX)
		return -E2BIG;
	memcpy(calls, base_syscalls, sizeof(base_syscalls));
	if (nbase)
		memcpy(calls + ARRAY_SIZE(base_syscalls), base, nbase * sizeof(*base));
	if (n)
		memcpy(calls + ARRAY_SIZE(base_syscalls) + nbase, more, n * sizeof(*more));
	return install(calls, count, ioctl_request);
}

int sandbox_seccomp(const int *syscalls, size_t n)
{
	return restrict_to(helper_syscalls, ARRAY_SIZE(helper_syscalls), syscalls, n, 0);
}

int sandbox_seccomp_mute(const int *syscalls, size_t n, uint32_t ioctl_request)
{
	return restrict_to(NULL, 0, syscalls, n, ioctl_request);
}

/* struct landlock_ruleset_attr as of ABI 6; older kernels take the prefix they know. */
struct ruleset {
	uint64_t fs, net, scoped;
};

static uint64_t fs_rights_of(int abi)
{
	return abi >= 5 ? 0xffff : abi >= 3 ? 0x7fff : abi >= 2 ? 0x3fff : 0x1fff;
}

enum { SCOPE_ABSTRACT = 1, SCOPE_SIGNAL = 2 };

enum { NET_TCP = 3 /* bind and connect */ };

static int landlock(const struct sandbox_dir *dirs, size_t n, uint64_t net, uint64_t scoped, int *ret_abi)
{
	_cleanup_close_ int fd = -EBADF;
	int abi = (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	struct ruleset attr = { 0 };
	size_t size = sizeof(attr.fs);

	if (ret_abi)
		*ret_abi = abi < 0 ? 0 : abi;
	if (abi < 0)
		return errno == ENOSYS || errno == EOPNOTSUPP ? 0 : -errno;
	attr.fs = fs_rights_of(abi);
	if (abi >= 4) {
		attr.net = net;
		size = offsetof(struct ruleset, scoped);
	}
	if (abi >= 6) {
		attr.scoped = scoped;
		size = sizeof(attr);
	}
	fd = (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0);
	if (fd < 0)
		return -errno;
	for (size_t i = 0; i < n; i++) {
		struct landlock_path_beneath_attr rule = {
			.allowed_access = dirs[i].rights & attr.fs,
			.parent_fd = dirs[i].fd,
		};

		if (syscall(SYS_landlock_add_rule, fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
			return -errno;
	}
	return syscall(SYS_landlock_restrict_self, fd, 0) < 0 ? -errno : 0;
}

/* Abstract Unix sockets and signals stay among our own children. */
int sandbox_landlock(const struct sandbox_dir *dirs, size_t n, int *ret_abi)
{
	return landlock(dirs, n, NET_TCP, SCOPE_ABSTRACT | SCOPE_SIGNAL, ret_abi);
}

int sandbox_landlock_tcp(const struct sandbox_dir *dirs, size_t n)
{
	return landlock(dirs, n, 0, SCOPE_ABSTRACT | SCOPE_SIGNAL, NULL);
}

int sandbox_landlock_parent(int *ret_abi)
{
	return landlock(NULL, 0, NET_TCP, SCOPE_ABSTRACT, ret_abi);
}

static int caps_set(uint64_t mask, uint64_t inheritable)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	for (int i = 0; i < 2; i++)
		data[i] = (struct __user_cap_data_struct){ .effective = (uint32_t)(mask >> 32 * i),
							   .permitted = (uint32_t)(mask >> 32 * i),
							   .inheritable = (uint32_t)(inheritable >> 32 * i) };
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 && errno != EINVAL)
		return -errno;
	return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

int sandbox_caps_set(uint64_t mask)
{
	return caps_set(mask, 0);
}

int sandbox_caps_pass(uint64_t mask)
{
	int r = caps_set(mask, mask);

	for (int cap = 0; cap < 64 && r == 0; cap++)
		if ((mask & CAP_BIT(cap)) && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0)
			r = -errno;
	return r;
}

int sandbox_bounding_set(uint64_t mask)
{
	for (int cap = 0; cap < 64; cap++) {
		if (mask & CAP_BIT(cap))
			continue;
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0) {
			if (errno == EINVAL) /* past the last one that this kernel knows */
				return 0;
			return -errno;
		}
	}
	return 0;
}
