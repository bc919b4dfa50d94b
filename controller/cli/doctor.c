/* doctor.c - what stands in the way of an ordinary user's engine on this host, what root would run about it, and what works
 * without. Each check looks at the thing itself where it can: a namespace is made, a file opened. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <pwd.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "../../helpers/base/cleanup.h"
#include "../../helpers/base/fd.h"
#include "../../helpers/base/limits.h"
#include "../../helpers/base/text.h"
#include "cli.h"

enum state { GOOD, LESS, BAD };

struct finding {
	enum state state;
	char what[300], root[300], without[200]; /* seen; what root would run; what works without */
};

static const char *user_name(void)
{
	const struct passwd *who = getpwuid(getuid());

	return who ? who->pw_name : "USER";
}

static void say(char to[], size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void say(char to[], size_t size, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(to, size, format, args);
	va_end(args);
}
#define WHAT(f, ...) say((f)->what, sizeof((f)->what), __VA_ARGS__)
#define ROOT(f, ...) say((f)->root, sizeof((f)->root), __VA_ARGS__)
#define WITHOUT(f, ...) say((f)->without, sizeof((f)->without), __VA_ARGS__)

/* -1 when there is no such file. */
static long read_number(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	_cleanup_free_ char *text = NULL;

	return fd >= 0 && fd_read_all(fd, 64, &text, NULL) == 0 ? strtol(text, NULL, 10) : -1;
}

/* Makes one, as the engine would: AppArmor lets it be made and takes the capabilities away. */
static int try_namespace(void)
{
	pid_t child = fork();
	int status;

	if (child == 0)
		_exit(unshare(CLONE_NEWUSER) < 0					    ? errno
		      : unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ? errno
												  : 0);
	return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : ECHILD;
}

static void check_namespaces(struct finding *f)
{
	int e = try_namespace();

	WHAT(f, "an ordinary user may make user namespaces");
	if (e == 0)
		return;
	f->state = BAD;
	WHAT(f, "an ordinary user may make no user namespaces (%s)", strerror(e));
	WITHOUT(f, "nothing: use an engine that root has started");
	if (read_number("/proc/sys/kernel/unprivileged_userns_clone") == 0)
		ROOT(f, "sysctl -w kernel.unprivileged_userns_clone=1");
	else if (read_number("/proc/sys/user/max_user_namespaces") == 0)
		ROOT(f, "sysctl -w user.max_user_namespaces=65536");
	else if (read_number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == 1)
		ROOT(f, "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0 (or a profile with `userns,` for postern-launcher)");
	else
		ROOT(f, "whatever this container or security module wants: nothing in sysctl forbids it");
}

static uint64_t count_ids(const char *path)
{
	FILE *file = fopen(path, "re");
	uint64_t total = 0, count;
	char line[512], number[16];

	snprintf(number, sizeof(number), "%u", getuid());
	while (file && fgets(line, sizeof(line), file)) {
		char *rest = line, *who = strsep(&rest, ":"), *first = strsep(&rest, ":"), *n = strsep(&rest, ":\n");

		if (first && n && (!strcmp(who, user_name()) || !strcmp(who, number)) && text_u64(n, UINT32_MAX, &count) == 0)
			total += count;
	}
	if (file)
		fclose(file);
	return total;
}

static void check_ids(struct finding *f)
{
	uint64_t uids = count_ids("/etc/subuid"), gids = count_ids("/etc/subgid"), n = uids < gids ? uids : gids;

	WHAT(f, "%llu subordinate uids and %llu gids", (unsigned long long)uids, (unsigned long long)gids);
	if (n >= MAP_SIZE)
		return;
	f->state = LESS;
	ROOT(f, "usermod --add-subuids 100000-165535 --add-subgids 100000-165535 %s (any 65536 that are free)", user_name());
	WITHOUT(f, n ? "containers have fewer ids: images with higher ones cannot be loaded"
		     : "containers have one id, root's, and every file of an image is its; the engine's programs share it");
}

static bool find_in_path(const char *name, char *ret, size_t size)
{
	const char *path = getenv("PATH");

	for (path = path ? path : "/usr/bin:/bin"; *path; path += path[strcspn(path, ":")] ? strcspn(path, ":") + 1 : strcspn(path, ":"))
		if (text_format(ret, size, "%.*s/%s", (int)strcspn(path, ":"), path, name) == 0 && access(ret, X_OK) == 0)
			return true;
	return false;
}

static void check_newuidmap(struct finding *f)
{
	static const char *const names[] = { "newuidmap", "newgidmap" };
	char path[4096];
	struct stat st;

	WHAT(f, "newuidmap and newgidmap can do their work");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		bool there = find_in_path(names[i], path, sizeof(path));

		if (there && stat(path, &st) == 0 && ((st.st_mode & S_ISUID) || getxattr(path, "security.capability", NULL, 0) > 0))
			continue;
		f->state = LESS;
		WITHOUT(f, "subordinate ids are of no use: postern-launcher --single-id");
		WHAT(f, "%s %s", names[i], there ? "is neither set-user-id nor has a capability" : "is missing");
		ROOT(f, there ? "chmod u+s %s" : "apt-get install uidmap%.0s", path);
		return;
	}
}

static void check_tun(struct finding *f)
{
	_cleanup_close_ int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	WHAT(f, "/dev/net/tun can be opened");
	if (fd >= 0)
		return;
	f->state = LESS;
	WHAT(f, "/dev/net/tun cannot be opened: %s", strerror(errno));
	ROOT(f, errno == ENOENT ? "modprobe tun" : "chmod 0666 /dev/net/tun");
	WITHOUT(f, "containers have loopback and each other, but no way out");
}

/* The directory, or the one above it that is there. */
static void data_directory(char ret[4096])
{
	const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
	char *slash;

	if (data && data[0] == '/')
		snprintf(ret, 4096, "%s/postern", data);
	else
		snprintf(ret, 4096, "%s/.local/share/postern", home && home[0] == '/' ? home : "");
	while (access(ret, F_OK) < 0 && (slash = strrchr(ret, '/')) && slash != ret)
		*slash = '\0';
}

static void check_data(struct finding *f)
{
	char path[4096];
	struct statvfs fs;
	struct statfs type;
	_cleanup_close_ int file = -EBADF;
	const char *flaw = NULL;

	data_directory(path);
	if (statvfs(path, &fs) < 0 || statfs(path, &type) < 0) {
		f->state = BAD;
		WHAT(f, "%s: %s", path, strerror(errno));
		return;
	}
	WHAT(f, "the data directory %s is on a file system that can do it all", path);
	file = open(path, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (type.f_type == NFS_SUPER_MAGIC)
		flaw = "is on NFS, which knows no subordinate ids", f->state = BAD;
	else if (fs.f_flag & ST_RDONLY)
		flaw = "is read-only", f->state = BAD;
	else if (file >= 0 && fsetxattr(file, "user.overlay.probe", "y", 1, 0) < 0)
		flaw = "is on a file system without user.* attributes", f->state = BAD;
	else if (fs.f_flag & ST_NOEXEC)
		flaw = "is mounted noexec", f->state = BAD;
	else if (fs.f_flag & ST_NOSUID)
		flaw = "is mounted nosuid: su, sudo, ping in containers will not gain anything", f->state = LESS;
	if (!flaw)
		return;
	WHAT(f, "%s %s", path, flaw);
	ROOT(f, "mount that file system otherwise; or, as yourself, set XDG_DATA_HOME to a local one");
}

static void check_delegation(struct finding *f)
{
	_cleanup_close_ int fd = open("/proc/self/cgroup", O_RDONLY | O_CLOEXEC);
	_cleanup_free_ char *text = NULL;
	char path[4200] = "";
	const char *line;

	if (fd >= 0 && fd_read_all(fd, 65536, &text, NULL) == 0 && (line = strstr(text, "0::/")))
		snprintf(path, sizeof(path), "/sys/fs/cgroup%.*s", (int)strcspn(line + 3, "\n"), line + 3);
	WHAT(f, "cgroup %s is delegated to this user", path);
	if (path[0] && access(path, W_OK) == 0)
		return;
	f->state = LESS;
	WHAT(f, "no cgroup is delegated to this user");
	ROOT(f, "with systemd: install dbus-user-session, and log in anew (its user manager delegates)");
	WITHOUT(f, "no limits of memory, processors or processes, no pause, no stats");
}

static void check_linger(struct finding *f)
{
	char path[300];

	snprintf(path, sizeof(path), "/var/lib/systemd/linger/%s", user_name());
	WHAT(f, "what you leave running stays when you log out");
	if (access("/run/systemd/system", F_OK) < 0 || access(path, F_OK) == 0)
		return;
	f->state = LESS;
	WHAT(f, "systemd ends what you leave running when you log out");
	ROOT(f, "loginctl enable-linger %s", user_name());
	WITHOUT(f, "containers end with your last session");
}

static const struct {
	const char *name;
	void (*check)(struct finding *f);
} checks[] = {
	{ "user namespaces", check_namespaces }, { "subordinate ids", check_ids }, { "newuidmap", check_newuidmap },
	{ "network", check_tun },		 { "data directory", check_data }, { "cgroups", check_delegation },
	{ "linger", check_linger },
};

int verb_doctor(struct cli *cli, int argc, char **argv)
{
	static const char *const words[] = { [GOOD] = "good", [LESS] = "less", [BAD] = "bad" };
	int status = 0;

	if (argc > 1)
		return usage("doctor");
	if (geteuid() == 0)
		printf("root's engine needs nothing of this; it is for engines of ordinary users.\n");
	for (size_t i = 0; i < ARRAY_SIZE(checks); i++) {
		struct finding f = { GOOD };

		checks[i].check(&f);
		printf("%-4s  %s: %s\n", words[f.state], checks[i].name, f.what);
		if (f.root[0])
			printf("      root would run: %s\n", f.root);
		if (f.without[0])
			printf("      without it: %s\n", f.without);
		status |= f.state == BAD;
	}
	return status;
}
