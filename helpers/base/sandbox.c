#include "sandbox.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
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
	umask(077);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0 || setrlimit(RLIMIT_CORE, &none) < 0)
		return -errno;
	if (!keep_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return 0;
}

/* What the server loop, the codec and the C library's memory and time functions need. socketpair: DERIVE. ioctl: the
 * NS_GET_* questions. pidfd_send_signal: the proof of a pidfd (signal 0), and it needs a pidfd and the right. */
static const int base_syscalls[] = {
	SYS_read, SYS_write, SYS_readv, SYS_writev, SYS_pread64, SYS_pwrite64, SYS_close, SYS_sendmsg, SYS_recvmsg, SYS_sendto,
	SYS_recvfrom, SYS_ppoll, SYS_mmap, SYS_munmap, SYS_mprotect, SYS_mremap, SYS_madvise, SYS_brk, SYS_futex,
	SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_sigaltstack, SYS_exit, SYS_exit_group,
	SYS_clock_gettime, SYS_clock_nanosleep, SYS_nanosleep, SYS_gettimeofday, SYS_getpid, SYS_gettid, SYS_getuid,
	SYS_geteuid, SYS_getgid, SYS_getegid, SYS_fcntl, SYS_fstat, SYS_newfstatat, SYS_statx, SYS_lseek, SYS_dup,
	SYS_getrandom, SYS_getsockopt, SYS_getsockname, SYS_set_robust_list, SYS_restart_syscall, SYS_socketpair,
	SYS_ioctl, SYS_pidfd_send_signal, SYS_tgkill,
#ifdef SYS_poll
	SYS_poll,
#endif
#ifdef SYS_rseq
	SYS_rseq,
#endif
};

enum { FILTER_MAX = 512 };

static size_t add_allowed(struct sock_filter *f, size_t n, const int *syscalls, size_t count)
{
	for (size_t i = 0; i < count && n + 4 < FILTER_MAX; i++) {
		f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)syscalls[i], 0, 1);
		f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	}
	return n;
}

int sandbox_seccomp(const int *syscalls, size_t n)
{
	struct sock_filter f[FILTER_MAX];
	struct sock_fprog prog = { .filter = f };
	size_t len = 0;

	if (4 + 2 * (ARRAY_SIZE(base_syscalls) + n) + 1 > FILTER_MAX)
		return -E2BIG;
	f[len++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
	f[len++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NATIVE_ARCH, 1, 0);
	f[len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	/* The x32 numbers (bit 30) match none of the list. */
	f[len++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	len = add_allowed(f, len, base_syscalls, ARRAY_SIZE(base_syscalls));
	len = add_allowed(f, len, syscalls, n);
	f[len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	prog.len = (unsigned short)len;
#ifdef __SANITIZE_ADDRESS__
	return 0; /* the sanitizer's own system calls are not ours to list */
#endif
	/* Threads would escape: every program of ours has one here. */
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) < 0 ? -errno : 0;
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

static int landlock(const struct sandbox_dir *dirs, size_t n, uint64_t scoped, int *ret_abi)
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
		attr.net = 3; /* bind and connect TCP */
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
	return landlock(dirs, n, SCOPE_ABSTRACT | SCOPE_SIGNAL, ret_abi);
}

int sandbox_landlock_parent(int *ret_abi)
{
	return landlock(NULL, 0, SCOPE_ABSTRACT, ret_abi);
}

int sandbox_caps_set(uint64_t mask)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {
		{ .effective = (uint32_t)mask, .permitted = (uint32_t)mask },
		{ .effective = (uint32_t)(mask >> 32), .permitted = (uint32_t)(mask >> 32) },
	};

	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 && errno != EINVAL)
		return -errno;
	return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
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
