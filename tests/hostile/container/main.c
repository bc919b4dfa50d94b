/* main.c - a container's root with every capability of its namespace and no system call filter, against the engine that
 * runs it (threats 29-34). The host's script says what there is to reach: process ids, files, file handles, a socket.
 * Results are lines "ok - ...", "not ok - ..." on standard output.
 *
 * What it asks is whether anything is reached, so an attack that fails for any reason is well. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../../helpers/base/cleanup.h"

#ifndef FD_PIDFS_ROOT
#define FD_PIDFS_ROOT -10002
#define FD_NSFS_ROOT -10003
#endif

static void __attribute__((format(printf, 2, 3))) result(bool good, const char *format, ...)
{
	va_list args;

	fputs(good ? "ok - " : "not ok - ", stdout);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
}

static bool opens(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC | O_NONBLOCK);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* --- processes of the host: numbers are given --- */
static bool reaches_process(pid_t pid)
{
	char path[64], byte = 0;
	struct iovec local = { &byte, 1 }, remote = { &byte, 1 };
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	bool reached = kill(pid, 0) == 0 || ptrace(PTRACE_SEIZE, pid, NULL, NULL) == 0 ||
		       process_vm_writev(pid, &local, 1, &remote, 1, 0) >= 0 || errno == EFAULT || pidfd >= 0;

	for (size_t i = 0; i < 3; i++) {
		static const char *const names[] = { "mem", "root", "fd" };

		snprintf(path, sizeof(path), "/proc/%d/%s", pid, names[i]);
		reached = reached || opens(path, i == 0 ? O_RDWR : O_RDONLY);
	}
	for (int fd = 0; pidfd >= 0 && fd < 16; fd++)
		reached = syscall(SYS_pidfd_getfd, pidfd, fd, 0) >= 0 || reached;
	return reached;
}

static void processes(char *pids)
{
	int seen = 0, asked = 0, reached = 0;
	DIR *proc = opendir("/proc");

	for (struct dirent *e; proc && (e = readdir(proc));)
		seen += e->d_name[0] >= '1' && e->d_name[0] <= '9';
	if (proc)
		closedir(proc);
	result(seen >= 1 && seen <= 4, "32: only its own processes are in its /proc (%d)", seen);
	for (char *p = strtok(pids, ","); p; p = strtok(NULL, ",")) {
		asked++;
		reached += reaches_process(atoi(p));
	}
	result(asked > 8 && reached == 0,
	       "32: of %d programs of the engine none can be signalled, traced, written to or have fds taken (%d)", asked, reached);
}

/* --- the namespaces above --- */
static void namespaces(void)
{
	static const char *const names[] = { "user", "pid", "mnt", "net", "ipc", "uts", "cgroup", "time" };
	struct stat own, got;
	int up = 0, other = 0;

	if (stat("/proc/self/ns/user", &own) < 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char path[64];
		int fd, n;

		snprintf(path, sizeof(path), "/proc/self/ns/%s", names[i]);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		n = ioctl(fd, NS_GET_PARENT);
		up += n >= 0;
		n = ioctl(fd, NS_GET_USERNS);
		other += n >= 0 && fstat(n, &got) == 0 && got.st_ino != own.st_ino && i != 0;
	}
	result(up == 0, "31: no namespace's parent can be had (%d)", up);
	result(other == 0, "31: nor a user namespace but its own (%d)", other);
}

/* --- files of the host --- */
static bool sees(const char *marker)
{
	static const char *const roots[] = {
		"", "/proc/1/root", "/proc/self/root", "/proc/1/cwd", "/proc/1/cwd/../../../..", "/proc/self/fd/0/..",
		"/b/..", "/b/../../..",
	};
	char path[4096];
	struct stat st;

	for (size_t i = 0; i < ARRAY_SIZE(roots); i++) {
		snprintf(path, sizeof(path), "%s%s", roots[i], marker);
		if (stat(path, &st) == 0)
			return true;
	}
	return false;
}

/* The working directory is left outside of a new root, and ".." leads up from there: chroot(2). */
static void leave_root(void)
{
	int top = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	mkdir("/jail", 0755);
	if (chroot("/jail") < 0 || fchdir(top) < 0)
		return;
	for (int i = 0; i < 64; i++)
		if (chdir("..") < 0)
			break;
	if (chroot(".") < 0)
		return;
}

static void unmount_all(void)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char line[4096], path[4096];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%*s %*s %*s %*s %4095s", path) == 1 && strcmp(path, "/proc") != 0 && strcmp(path, "/b") != 0)
			umount2(path, MNT_DETACH);
	if (f)
		fclose(f);
}

static void host_files(char *markers)
{
	static const char *const fatal[] = {
		"/proc/sysrq-trigger", "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/kcore",
		"/proc/sys/vm/panic_on_oom", "/dev/mem", "/sys/kernel/uevent_helper", "/sys/fs/cgroup/cgroup.procs",
		"/sys/fs/cgroup/release_agent",
	};
	int seen = 0, written = 0;

	unmount_all();
	leave_root();
	for (char *m = strtok(markers, ","); m; m = strtok(NULL, ",")) {
		bool now = sees(m);

		if (now)
			printf("# %s\n", m);
		seen += now;
	}
	result(seen == 0,
	       "29, 31: with all taken off that can be, and out of its root by chroot, it sees nothing of the host's (%d)",
	       seen);
	for (size_t i = 0; i < ARRAY_SIZE(fatal); i++) {
		bool now = opens(fatal[i], O_WRONLY);

		if (now)
			printf("# %s\n", fatal[i]);
		written += now;
	}
	result(written == 0, "34: what the masks hid cannot be written either (%d)", written);
}

/* TYPE:HEX of name_to_handle_at(2) on the host, of files that it must not reach. */
static void handles(char *list)
{
	const int mounts[] = { open("/", O_RDONLY), open("/b", O_RDONLY), open("/proc", O_RDONLY), open("/dev/null", O_RDONLY),
			       open("/etc/hostname", O_RDONLY), FD_PIDFS_ROOT, FD_NSFS_ROOT };
	int opened = 0, asked = 0;

	for (char *h = strtok(list, ","); h; h = strtok(NULL, ",")) {
		union {
			struct file_handle h;
			char room[sizeof(struct file_handle) + MAX_HANDLE_SZ];
		} u = { .h = { 0 } };
		char *hex = strchr(h, ':');

		u.h.handle_type = atoi(h);
		for (hex++; hex && hex[0] && hex[1] && u.h.handle_bytes < MAX_HANDLE_SZ; hex += 2) {
			unsigned byte;

			sscanf(hex, "%2x", &byte);
			u.h.f_handle[u.h.handle_bytes++] = (unsigned char)byte;
		}
		for (size_t i = 0; i < ARRAY_SIZE(mounts); i++) {
			int fd = open_by_handle_at(mounts[i], &u.h, O_RDONLY);

			asked++;
			if (fd >= 0)
				printf("# handle %s by mount %zu\n", h, i);
			opened += fd >= 0;
		}
	}
	result(asked > 6 && opened == 0, "20, 31: file handles of the host's open by none of its mounts (%d tries, %d)", asked, opened);
}

/* --- layers: they are somewhere below the overlay --- */
static void layers(void)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char line[8192], *at;
	int reached = 0;

	while (f && fgets(line, sizeof(line), f)) {
		if (!strstr(line, " - overlay "))
			continue;
		for (at = strtok(strstr(line, " - overlay "), ",:=\n"); at; at = strtok(NULL, ",:=\n"))
			reached += at[0] == '/' && at[1] != '\0' && access(at, F_OK) == 0;
	}
	if (f)
		fclose(f);
	result(reached == 0, "7: the overlay's directories have no path in here (%d)", reached);
	result(mount(NULL, "/", NULL, MS_REMOUNT, "lowerdir=/tmp,upperdir=/tmp,workdir=/tmp") < 0 ||
		       access("/bin/busybox", F_OK) == 0,
	       "7: the overlay cannot be remounted over others");
}

/* --- what takes a capability of the host's --- */
static void host_capabilities(void)
{
	const struct {
		const char *what;
		bool done;
	} tries[] = {
		{ "a device node",
		  mknod("/tmp/sda", S_IFBLK | 0600, makedev(254, 0)) == 0 && opens("/tmp/sda", O_RDONLY) },
		{ "a device node in a bind",
		  mknod("/b/kmsg", S_IFCHR | 0600, makedev(1, 11)) == 0 && opens("/b/kmsg", O_RDONLY) },
		{ "a block device's file system", mount("/dev/vda", "/tmp", "ext4", 0, NULL) == 0 },
		{ "a kernel module", syscall(SYS_init_module, "", 0, "") == 0 },
		{ "kexec", syscall(SYS_kexec_load, 0, 0, NULL, 0) == 0 },
		{ "the clock", syscall(SYS_settimeofday, &(struct timeval){ 1, 0 }, NULL) == 0 },
		{ "a BPF program", syscall(SYS_bpf, 5, &(char[128]){ 8, 0, 0, 0 }, 128) >= 0 },
		{ "the kernel log", syscall(SYS_syslog, 5 /* clear */, NULL, 0) == 0 },
	};
	int done = 0;

	for (size_t i = 0; i < ARRAY_SIZE(tries); i++) {
		if (tries[i].done)
			printf("# %s\n", tries[i].what);
		done += tries[i].done;
	}
	result(done == 0, "13, 31: its capabilities do nothing outside its namespace (%d of %zu)", done, ARRAY_SIZE(tries));
}

static void sockets(const char *path, const char *abstract)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t n;

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	result(connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0, "32: the engine's socket cannot be reached by its path");
	snprintf(a.sun_path + 1, sizeof(a.sun_path) - 1, "%s", abstract);
	a.sun_path[0] = '\0';
	n = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(abstract));
	result(connect(fd, (struct sockaddr *)&a, n) < 0, "32: nor an abstract socket of the host's");
}

static void open_fds(void)
{
	int n = 0;

	for (int fd = 3; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	result(n == 0, "30: no fd is left open for it (%d)", n);
}

/* --- an executable of the engine's, by an fd that was opened through /proc/PID/exe --- */
static void attack_executable(int fd, const char *what)
{
	char path[64], byte;
	int wrote = 0;

	if (pread(fd, &byte, 1, 0) != 1 || byte != 0x7f) {
		result(true, "30: %s cannot even be read", what);
		return;
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	/* its owner may make it writable first */
	if (fchown(fd, 0, 0) == 0)
		fchmod(fd, 0777);
	for (int i = 0; i < 200; i++) {
		int again = open(path, (i % 2 ? O_WRONLY : O_RDWR) | O_CLOEXEC);

		wrote += again >= 0 && (pwrite(again, "#", 1, 0) == 1 || ftruncate(again, 0) == 0 ||
					fallocate(again, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096) == 0);
		if (again >= 0)
			close(again);
	}
	wrote += truncate(path, 0) == 0;
	result(wrote == 0, "30: %s cannot be written (%d)", what, wrote);
	fchmod(fd, 0); /* and, if it is its owner, so that it never starts again: the script looks */
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "exe") == 0) {
		attack_executable(atoi(argv[2]), "the program that the image had run as /proc/self/exe");
		return 0;
	}
	if (argc == 2 && strcmp(argv[1], "init") == 0) {
		int fd = open("/proc/1/exe", O_RDONLY | O_CLOEXEC);

		if (fd < 0)
			result(true, "30: the executable of --init cannot be opened (%s)", strerror(errno));
		else
			attack_executable(fd, "the executable of --init");
		return 0;
	}
	if (argc != 6) {
		fprintf(stderr, "usage: attack PIDS MARKERS HANDLES SOCKET ABSTRACT\n");
		return 2;
	}
	open_fds();
	processes(argv[1]);
	namespaces();
	sockets(argv[4], argv[5]);
	handles(argv[3]);
	host_capabilities();
	layers();
	host_files(argv[2]);
	return 0;
}
