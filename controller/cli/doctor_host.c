/* doctor_host.c - what this kernel and host offer to any engine, what is used of it, and what its absence costs; and
 * what root's engine needs beside. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/fs.h>
#include <linux/landlock.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "../../helpers/base/cleanup.h"
#include "../../helpers/base/sys.h"
#include "../../helpers/base/text.h"
#include "cli.h"
#include "doctor.h"

enum { MAJOR_OLDEST = 6, MINOR_OLDEST = 1, FILES_FEW = 65536 };

/* --- the kernel --- */

static void probe_kernel(const struct patient *p, struct finding *f)
{
	struct utsname u;
	unsigned major = 0, minor = 0;

	uname(&u);
	sscanf(u.release, "%u.%u", &major, &minor);
	doctor_good(f, "Linux %s", u.release);
	if (major > MAJOR_OLDEST || (major == MAJOR_OLDEST && minor >= MINOR_OLDEST))
		return;
	doctor_less(f, "Linux %s is older than 6.1, the oldest that this is tested with", u.release);
	doctor_cost(f, "what it lacks is below; the rest is untested");
	doctor_fix(f, "install a newer kernel and boot it");
}

static bool call_exists(long number)
{
	/* No arguments that any of these takes: what is there says so. */
	return syscall(number, -1, NULL, ~0ul, NULL, -1, NULL) >= 0 || errno != ENOSYS;
}

#ifndef __NR_mseal
#define __NR_mseal 462
#endif
#ifndef __NR_statmount
#define __NR_statmount 457
#endif
#ifndef __NR_mount_setattr
#define __NR_mount_setattr 442
#endif

static void probe_calls(const struct patient *p, struct finding *f)
{
	/* Needed by every start; then what is only better to have. */
	static const struct {
		const char *name, *since;
		long number;
		bool needed;
	} calls[] = {
		{ "clone3", "5.7", __NR_clone3, true },		{ "openat2", "5.6", __NR_openat2, true },
		{ "pidfd_open", "5.3", __NR_pidfd_open, true }, { "close_range", "5.9", __NR_close_range, true },
		{ "open_tree", "5.2", __NR_open_tree, true },	{ "mount_setattr", "5.12", __NR_mount_setattr, true },
		{ "statmount", "6.8", __NR_statmount, false },	{ "mseal", "6.10", __NR_mseal, false },
	};
	char missing[256] = "", newer[128] = "";

	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		char *to = calls[i].needed ? missing : newer;
		size_t size = calls[i].needed ? sizeof(missing) : sizeof(newer), n = strlen(to);

		if (!call_exists(calls[i].number))
			snprintf(to + n, size - n, "%s%s (%s)", n ? ", " : "", calls[i].name, calls[i].since);
	}
	if (*missing) {
		doctor_bad(f, "system calls are missing: %s", missing);
		doctor_cost(f, "no container can be started");
		doctor_fix(f, "a newer kernel, or an outer container whose seccomp filter knows these calls");
	} else {
		doctor_good(f,
			    "every system call that a start takes is there; newer ones that are not, and are not "
			    "needed: %s",
			    *newer ? newer : "none");
	}
}

static void probe_lsm(const struct patient *p, struct finding *f)
{
	_cleanup_free_ char *active = doctor_read("/sys/kernel/security/lsm");
	int abi = (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	if (active)
		active[strcspn(active, "\n")] = '\0';
	if (abi > 0) {
		doctor_good(f, "Landlock (version %d) fences the helpers; security modules: %s", abi,
			    active ? active : "not told here");
		return;
	}
	doctor_less(f, "no Landlock (%s); security modules: %s", strerror(errno), active ? active : "not told here");
	doctor_cost(f, "helpers do not start that close the file system to themselves");
	doctor_fix(f, "boot with lsm=landlock,%s", active ? active : "...");
	f->state = DOCTOR_BAD;
}

static void probe_seccomp(const struct patient *p, struct finding *f)
{
	_cleanup_free_ char *actions = doctor_read("/proc/sys/kernel/seccomp/actions_avail");

	if (actions && strstr(actions, "kill_process")) {
		doctor_good(f, "seccomp filters containers and every helper");
		return;
	}
	doctor_bad(f, "no seccomp filters (CONFIG_SECCOMP_FILTER)");
	doctor_fix(f, "a kernel with them");
}

/* Helpers have ids of their own: one writes the maps of processes that are another's. */
static void probe_hidepid(const struct patient *p, struct finding *f)
{
	_cleanup_free_ char *mountinfo = doctor_read("/proc/self/mountinfo");
	char hide[64];

	if (!mountinfo || !doctor_mount_option(mountinfo, "/proc", "hidepid=", hide, sizeof(hide)) ||
	    doctor_has_word("hidepid=off hidepid=0", hide)) {
		doctor_good(f, "/proc shows the processes of others");
		return;
	}
	doctor_bad(f, "/proc is mounted %s", hide);
	doctor_cost(f, "the engine starts, and no container: its helpers cannot find each other's processes");
	doctor_fix(f, "mount -o remount,hidepid=off /proc");
}

/* --- files --- */

static void probe_root_overlay(const struct patient *p, struct finding *f)
{
	int e = doctor_try_overlay(p->data);

	if (e == 0) {
		doctor_good(f, "overlay can be mounted by containers' root over %s", p->data);
		return;
	}
	doctor_bad(f, "overlay cannot be mounted in a user namespace over %s (%s)", p->data, strerror(e));
	doctor_fix(f, e == ENODEV		  ? "modprobe overlay"
		      : e == EPERM || e == ENOSPC ? "sysctl -w user.max_user_namespaces=65536"
						  : "another --data: on ext4, xfs, btrfs or tmpfs");
}

static void probe_idmap(const struct patient *p, struct finding *f)
{
	int e = doctor_try_idmap(p->data);

	if (e == 0) {
		doctor_good(f, "%s can be mounted with other ids: layers are stored once for all containers", p->data);
		return;
	}
	doctor_bad(f, "%s cannot be mounted with other ids (%s)", p->data, strerror(e));
	doctor_fix(f,
		   "another --data: on ext4, xfs (5.12), btrfs (5.15), overlay's lower layers (5.19) or tmpfs (6.3)");
}

static void probe_append(const struct patient *p, struct finding *f)
{
	_cleanup_close_ int fd = open(p->data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int flags;

	if (fd >= 0 && ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0) {
		doctor_good(f, "the file system of %s has an append-only flag for the audit log", p->data);
		return;
	}
	doctor_less(f, "the file system of %s has no append-only flag (%s)", p->data, strerror(errno));
	doctor_cost(f, "the audit log is protected by its owner alone; anchors still show what was changed");
	doctor_fix(f, "another --data: on ext4, xfs or btrfs");
}

static void probe_root_data(const struct patient *p, struct finding *f)
{
	struct statvfs fs;

	if (statvfs(p->data, &fs) < 0) {
		doctor_bad(f, "%s: %s", p->data, strerror(errno));
	} else if (fs.f_flag & (ST_RDONLY | ST_NOEXEC)) {
		doctor_bad(f, "%s is mounted %s", p->data,
			   fs.f_flag & ST_RDONLY ? "read-only" : "noexec: no program of an image would run");
		doctor_fix(f, "mount -o remount,rw,exec the file system of %s; or another --data", p->data);
	} else if (fs.f_flag & ST_NOSUID) {
		doctor_less(f, "%s is mounted nosuid", p->data);
		doctor_cost(f, "su, sudo and ping in containers gain nothing");
		doctor_fix(f, "mount -o remount,suid the file system of %s; or another --data", p->data);
	} else {
		doctor_good(f, "%s: %llu MiB free", p->data, (unsigned long long)fs.f_bavail * fs.f_frsize >> 20);
	}
}

/* --- cgroups --- */

static void probe_cgroups(const struct patient *p, struct finding *f)
{
	static const struct {
		const char *v2, *v1, *use;
	} controllers[] = {
		{ "memory", "memory", "memory limits" },	 { "pids", "pids", "process limits" },
		{ "cpu", "cpu", "processor shares and quotas" }, { "cpuset", "cpuset", "processor pinning" },
		{ "io", "blkio", "disk weights and throttles" },
	};
	_cleanup_free_ char *cgroup = doctor_read("/proc/self/cgroup"),
			    *mountinfo = doctor_read("/proc/self/mountinfo"), *have = NULL;
	char path[4096] = "", used[256] = "", missing[256] = "";
	char *c;

	if (!cgroup || !mountinfo || doctor_cgroup("0::/\n", mountinfo, "", path, sizeof(path)) < 0) {
		doctor_bad(f, "no cgroup file system of version 2 is mounted");
		doctor_cost(f, "root's engine keeps its helpers and containers there");
		doctor_fix(f, "mount -t cgroup2 cgroup2 /sys/fs/cgroup (beside version 1: /sys/fs/cgroup/unified)");
		return;
	}
	c = path + strlen(path);
	text_copy(c, sizeof(path) - strlen(path), "/cgroup.controllers");
	have = doctor_read(path);
	*c = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(controllers); i++) {
		char v1[4096];
		bool two = have && doctor_has_word(have, controllers[i].v2);
		bool one = !two && doctor_cgroup(cgroup, mountinfo, controllers[i].v1, v1, sizeof(v1)) == 0;
		char *to = two || one ? used : missing;
		size_t n = strlen(to);

		snprintf(to + n, sizeof(used) - n, "%s%s%s", n ? ", " : "",
			 two || one ? controllers[i].v2 : controllers[i].use, one ? " (version 1)" : "");
	}
	if (!*missing) {
		doctor_good(f, "version 2 at %s; %s", path, used);
		return;
	}
	doctor_less(f, "version 2 at %s; %s", path, *used ? used : "no controllers");
	doctor_cost(f, "there are no %s", missing);
	doctor_fix(f, "boot with cgroup_enable=memory, or a kernel with these controllers");
}

static void probe_kill(const struct patient *p, struct finding *f)
{
	_cleanup_free_ char *mountinfo = doctor_read("/proc/self/mountinfo");
	char own[4096] = "", file[4200];
	_cleanup_free_ char *cgroup = doctor_read("/proc/self/cgroup");

	/* The root has none of its files. */
	if (!mountinfo || !cgroup || doctor_cgroup(cgroup, mountinfo, "", own, sizeof(own)) < 0) {
		doctor_less(f, "this process is in no cgroup of version 2");
		return;
	}
	snprintf(file, sizeof(file), "%s/cgroup.kill", own);
	if (access(file, F_OK) == 0 || doctor_has_word("/sys/fs/cgroup /sys/fs/cgroup/unified", own)) {
		doctor_good(f, "containers are killed and frozen as a whole by their cgroup");
		return;
	}
	doctor_less(f, "cgroups of version 2 have no cgroup.kill (Linux 5.14)");
	doctor_cost(f, "containers are killed by their first process, which takes a little longer");
	doctor_fix(f, "a newer kernel");
}

/* --- devices, networks --- */

static int try_bpf(const void *data)
{
	const struct bpf_insn allow[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 1 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE,
		.insn_cnt = ARRAY_SIZE(allow),
		.insns = (uint64_t)(uintptr_t)allow,
		.license = (uint64_t)(uintptr_t) "GPL",
	};

	return syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr)) < 0 ? errno : 0;
}

static void probe_bpf(const struct patient *p, struct finding *f)
{
	int e = doctor_in_child(try_bpf, NULL);

	if (e == 0) {
		doctor_good(f, "device rules can be loaded (BPF)");
		return;
	}
	doctor_bad(f, "no device rules (BPF) can be loaded: %s", strerror(e));
	doctor_cost(f, "root's engine starts no container without them");
	doctor_fix(f, "a kernel with CONFIG_CGROUP_BPF, not locked down, and CAP_BPF in an outer container");
}

static void probe_ipv6(const struct patient *p, struct finding *f)
{
	long off = doctor_number("/proc/sys/net/ipv6/conf/all/disable_ipv6");

	if (off == 0) {
		doctor_good(f, "IPv6 is on");
		return;
	}
	doctor_less(f, off == 1 ? "IPv6 is switched off" : "the kernel has no IPv6");
	doctor_cost(f, "for networks: version 4 only");
	doctor_fix(f, off == 1 ? "sysctl -w net.ipv6.conf.all.disable_ipv6=0" : "boot without ipv6.disable=1");
}

/* Asks the tables for their generation, in a network namespace of our own. */
static int try_nftables(const void *data)
{
	struct {
		struct nlmsghdr h;
		struct nfgenmsg g;
	} ask = {
		.h = { sizeof(ask), NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETGEN, NLM_F_REQUEST | NLM_F_ACK, 1, 0 },
		.g = { AF_UNSPEC, NFNETLINK_V0, 0 },
	};
	struct {
		struct nlmsghdr h;
		struct nlmsgerr e;
		char rest[1024];
	} answer;
	const struct timeval second = { .tv_sec = 1 };
	int fd, flags = geteuid() == 0 ? 0 : CLONE_NEWUSER;

	if (unshare(CLONE_NEWNET | flags) < 0)
		return errno;
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second)) < 0 ||
	    send(fd, &ask, sizeof(ask), 0) < 0 || recv(fd, &answer, sizeof(answer), 0) < (ssize_t)sizeof(answer.h))
		return errno ? errno : EIO;
	return answer.h.nlmsg_type == NLMSG_ERROR ? -answer.e.error : 0;
}

static void probe_nftables(const struct patient *p, struct finding *f)
{
	int e = doctor_in_child(try_nftables, NULL);

	if (e == 0) {
		doctor_good(f, "nftables can be used");
		return;
	}
	doctor_less(f, "nftables cannot be used: %s", strerror(e));
	doctor_cost(f, "for networks: no masquerading, no published ports");
	doctor_fix(f, "modprobe nf_tables, or a kernel with it");
}

/* --- bounds --- */

static void probe_limits(const struct patient *p, struct finding *f)
{
	struct rlimit files;

	getrlimit(RLIMIT_NOFILE, &files);
	if (files.rlim_max == RLIM_INFINITY || files.rlim_max >= FILES_FEW) {
		doctor_good(f, "%llu open files for each program", (unsigned long long)files.rlim_max);
		return;
	}
	doctor_less(f, "no more than %llu open files for each program", (unsigned long long)files.rlim_max);
	doctor_cost(f, "fewer containers at once, and no higher --ulimit nofile in them");
	doctor_fix(f, "raise the hard limit: LimitNOFILE= of the service, or /etc/security/limits.conf");
}

static void probe_max_namespaces(const struct patient *p, struct finding *f)
{
	int e = doctor_try_namespace();

	if (e == 0) {
		doctor_good(f, "user namespaces can be made");
		return;
	}
	doctor_bad(f, "no user namespace can be made: %s", strerror(e));
	doctor_fix(f, "sysctl -w user.max_user_namespaces=65536");
}

static void probe_root_policy(const struct patient *p, struct finding *f)
{
	struct stat st;

	if (stat("/etc/postern/policy.json", &st) == 0) {
		doctor_good(f, "/etc/postern/policy.json is there; `postern policy check` reads it");
		return;
	}
	doctor_less(f, "no /etc/postern/policy.json");
	doctor_cost(f, "postern-launcher starts with --policy FILE only");
	doctor_fix(f, "make install");
}

const struct probe doctor_host_probes[] = {
	{ "kernel", probe_kernel },
	{ "system calls", probe_calls },
	{ "seccomp", probe_seccomp },
	{ "security modules", probe_lsm },
	{ "open files", probe_limits },
	{ "nftables", probe_nftables },
	{ "ipv6", probe_ipv6 },
	{ "proc", probe_hidepid },
	{ 0 },
};

const struct probe doctor_root_probes[] = {
	{ "policy", probe_root_policy },
	{ "user namespaces", probe_max_namespaces },
	{ "data directory", probe_root_data },
	{ "overlay", probe_root_overlay },
	{ "other ids", probe_idmap },
	{ "append-only", probe_append },
	{ "cgroups", probe_cgroups },
	{ "cgroup.kill", probe_kill },
	{ "devices", probe_bpf },
	{ 0 },
};
