/* doctor_user.c - what an ordinary user's engine needs of a host on which root has installed nothing for it. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "../../helpers/base/cleanup.h"
#include "../../helpers/base/fd.h"
#include "../../helpers/base/limits.h"
#include "../../helpers/base/names.h"
#include "../../helpers/base/text.h"
#include "cli.h"
#include "doctor.h"

enum { NAMESPACES_FEW = 64 /* an engine has six, a container one or two */, SPACE_MIN_MIB = 512 };

static const char narrower[] = "/etc/postern/user.json";

static void probe_namespaces(const struct patient *p, struct finding *f)
{
	int e = doctor_try_namespace();
	long max = doctor_number("/proc/sys/user/max_user_namespaces");

	if (e == 0 && (max < 0 || max >= NAMESPACES_FEW)) {
		doctor_good(f, "an ordinary user may make user namespaces");
		return;
	}
	if (e == 0) {
		doctor_less(f, "no more than %ld user namespaces at once (user.max_user_namespaces)", max);
		doctor_cost(f, "the engine itself takes six, each container one or two more");
		doctor_fix(f, "sysctl -w user.max_user_namespaces=65536");
		return;
	}
	doctor_bad(f, "an ordinary user may make no user namespaces (%s)", strerror(e));
	doctor_cost(f, "nothing: use an engine that root has started");
	if (max == 0)
		doctor_fix(f, "sysctl -w user.max_user_namespaces=65536");
	else if (doctor_number("/proc/sys/kernel/unprivileged_userns_clone") == 0)
		doctor_fix(f, "sysctl -w kernel.unprivileged_userns_clone=1");
	else if (doctor_number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == 1)
		doctor_fix(f, "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0 (or an AppArmor profile with "
			      "`userns,` for postern-user)");
	else
		doctor_fix(f, "nothing in sysctl forbids it: this is a container, or a seccomp filter or security "
			      "module is in the way; start it so that unshare(CLONE_NEWUSER) is allowed");
}

/* --- ids --- */

static uint64_t total(const struct doctor_range *r, unsigned n)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < n; i++)
		sum += r[i].count;
	return sum;
}

/* Somebody's own id among those of our ranges: that user could signal, trace and read what containers do. */
static const char *user_in(const struct doctor_range *r, unsigned n, uid_t self)
{
	static char name[64];
	const struct passwd *who;

	*name = '\0';
	setpwent();
	while (!*name && (who = getpwent()))
		for (unsigned i = 0; i < n; i++)
			if (who->pw_uid != self && who->pw_uid - r[i].first < r[i].count)
				snprintf(name, sizeof(name), "%s", who->pw_name);
	endpwent();
	return name;
}

static void probe_ids(const struct patient *p, struct finding *f)
{
	_cleanup_free_ char *uid_text = doctor_read("/etc/subuid"), *gid_text = doctor_read("/etc/subgid");
	struct doctor_range uids[DOCTOR_RANGES], gids[DOCTOR_RANGES];
	char uid_other[64], gid_other[64];
	unsigned nu = doctor_ranges(uid_text ? uid_text : "", p->user, p->uid, uids, uid_other);
	unsigned ng = doctor_ranges(gid_text ? gid_text : "", p->user, p->uid, gids, gid_other);
	uint64_t u = total(uids, nu), g = total(gids, ng), n = u < g ? u : g;
	const char *other = *uid_other ? uid_other : *gid_other ? gid_other : user_in(uids, nu, p->uid);

	if (n > 0 && *other) {
		doctor_less(f, "%llu subordinate uids and %llu gids, of which some are %s's as well",
			    (unsigned long long)u, (unsigned long long)g, other);
		doctor_cost(f, "%s reaches into your containers as their users, and they into what is %s's", other,
			    other);
		doctor_fix(f, "give each a range of its own in /etc/subuid and /etc/subgid (usermod --del-subuids, "
			      "--add-subuids, --del-subgids, --add-subgids); what containers stored must be loaded "
			      "anew");
	} else if (n >= MAP_SIZE) {
		doctor_good(f, "%llu subordinate uids and %llu gids", (unsigned long long)u, (unsigned long long)g);
	} else {
		doctor_less(f, "%llu subordinate uids and %llu gids, not 65536", (unsigned long long)u,
			    (unsigned long long)g);
		doctor_cost(f, n > IDS_PER_ENGINE + 1
				       ? "containers have fewer ids: images with files of higher ones cannot be loaded"
				       : "containers have one id, root's, and every file of an image is its; the "
					 "engine's programs share it");
		doctor_fix(f,
			   "usermod --add-subuids 100000-165535 --add-subgids 100000-165535 %s (any 65536 that nobody "
			   "has)",
			   p->user);
	}
}

static bool find_in_path(const char *name, char *ret, size_t size)
{
	const char *path = getenv("PATH");

	path = path ? path : "/usr/bin:/bin";
	for (size_t n; *path; path += n + (path[n] == ':')) {
		n = strcspn(path, ":");
		if (text_format(ret, size, "%.*s/%s", (int)n, path, name) == 0 && access(ret, X_OK) == 0)
			return true;
	}
	return false;
}

/* Why a set-id program that is there gives nothing. */
static bool mapper_flaw(const char *path, struct finding *f)
{
	struct statvfs fs;
	struct stat st;

	if (stat(path, &st) < 0 || statvfs(path, &fs) < 0)
		return false;
	if (!(st.st_mode & S_ISUID) && getxattr(path, "security.capability", NULL, 0) <= 0) {
		doctor_less(f, "%s is neither set-user-id nor has a capability", path);
		doctor_fix(f, "chmod u+s %s", path);
	} else if ((st.st_mode & S_ISUID) && st.st_uid != 0) {
		doctor_less(f, "%s belongs to uid %u", path, st.st_uid);
		doctor_fix(f, "apt-get install --reinstall uidmap");
	} else if (fs.f_flag & ST_NOSUID) {
		doctor_less(f, "%s is on a file system mounted nosuid", path);
		doctor_fix(f, "mount -o remount,suid the file system of %s", path);
	} else if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1) {
		doctor_less(f, "this session may gain no privileges (no_new_privs): %s can do nothing", path);
		doctor_fix(f, "start the session, or the container that it is in, without no_new_privs");
	} else {
		return false;
	}
	return true;
}

static void probe_mappers(const struct patient *p, struct finding *f)
{
	static const struct {
		const char *name, *file;
	} mappers[] = { { "newuidmap", "/etc/subuid" }, { "newgidmap", "/etc/subgid" } };
	char path[4096], other[64];
	struct doctor_range r[DOCTOR_RANGES];

	for (size_t i = 0; i < ARRAY_SIZE(mappers); i++) {
		_cleanup_free_ char *text = doctor_read(mappers[i].file);
		int e = 0;

		doctor_cost(f, "subordinate ids are of no use: containers have one id");
		if (!find_in_path(mappers[i].name, path, sizeof(path))) {
			doctor_less(f, "%s is missing", mappers[i].name);
			doctor_fix(f, "apt-get install uidmap");
			return;
		}
		if (mapper_flaw(path, f))
			return;
		if (doctor_ranges(text ? text : "", p->user, p->uid, r, other) > 0 && r[0].count > 0 && p->uid != 0)
			e = doctor_try_mapper(mappers[i].name, i == 0 ? p->uid : getegid(), r[0].first);
		if (e != 0 && doctor_try_namespace() == 0) {
			doctor_less(f, "%s does not do its work (status %d)", path, e);
			doctor_fix(f,
				   "see what it says: unshare -U sleep 60 & %s $! 0 %u 1 1 %u 1; an outer container "
				   "must have CAP_SETUID and CAP_SETGID in its bounding set, and map these ids itself",
				   path, p->uid, r[0].first);
			return;
		}
	}
	f->cost[0] = '\0';
	doctor_good(f, "newuidmap and newgidmap can do their work");
}

/* --- files --- */

static void probe_data(const struct patient *p, struct finding *f)
{
	_cleanup_close_ int file = open(p->data, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	int why = file < 0 ? errno : 0;
	struct statvfs fs;
	struct statfs type;

	doctor_fix(f, "mount that file system otherwise; or, as yourself, name a directory on another one: "
		      "XDG_DATA_HOME or --data");
	if (statvfs(p->data, &fs) < 0 || statfs(p->data, &type) < 0) {
		doctor_bad(f, "%s: %s", p->data, strerror(errno));
	} else if (type.f_type == NFS_SUPER_MAGIC || type.f_type == CIFS_SUPER_MAGIC ||
		   type.f_type == SMB2_SUPER_MAGIC || type.f_type == FUSE_SUPER_MAGIC) {
		doctor_bad(f, "%s is on a network file system or FUSE, which knows no subordinate ids", p->data);
	} else if (fs.f_flag & ST_RDONLY) {
		doctor_bad(f, "%s is read-only", p->data);
	} else if (why == EACCES || why == EPERM || access(p->data, W_OK) < 0) {
		doctor_bad(f, "%s is not yours to write", p->data);
	} else if (file >= 0 && fsetxattr(file, "user.overlay.probe", "y", 1, 0) < 0) {
		doctor_bad(f, "%s is on a file system without user.* attributes (%s)", p->data, strerror(errno));
		doctor_cost(f, "no overlay, so no layers of images");
	} else if (fs.f_flag & ST_NOEXEC) {
		doctor_bad(f, "%s is mounted noexec: no program of an image would run", p->data);
	} else if (fs.f_flag & ST_NOSUID) {
		doctor_less(f, "%s is mounted nosuid", p->data);
		doctor_cost(f, "su, sudo and ping in containers gain nothing");
	} else if ((unsigned long long)fs.f_bavail * fs.f_frsize >> 20 < SPACE_MIN_MIB) {
		doctor_less(f, "%s has %llu MiB left", p->data, (unsigned long long)fs.f_bavail * fs.f_frsize >> 20);
		doctor_cost(f, "few images fit");
		doctor_fix(f, "make room; or, as yourself, name a directory elsewhere: XDG_DATA_HOME or --data");
	} else {
		f->fix[0] = '\0';
		doctor_good(f, "the data directory %s is on a file system that can do it all", p->data);
	}
}

static void probe_overlay(const struct patient *p, struct finding *f)
{
	int e = access(p->data, W_OK) == 0 ? doctor_try_overlay(p->data) : 0;

	if (e == 0) {
		doctor_good(f, "overlay can be mounted in a user namespace");
		return;
	}
	doctor_bad(f, "overlay cannot be used in a user namespace over %s (%s)", p->data, strerror(e));
	doctor_cost(f, "no container can have a root file system");
	if (e == ENODEV)
		doctor_fix(f, "modprobe overlay");
	else if (e == EPERM)
		doctor_fix(f, "Linux 5.11 or newer, and user namespaces that may mount (see there)");
	else
		doctor_fix(f, "put the data directory on ext4, xfs, btrfs or tmpfs: not on another overlay or a "
			      "network file system (XDG_DATA_HOME or --data, as yourself)");
}

static void probe_proc(const struct patient *p, struct finding *f)
{
	int e = doctor_try_proc();

	if (e != 0 && doctor_try_namespace() == 0) {
		doctor_bad(f,
			   "/proc cannot be mounted in a new namespace (%s): parts of it are covered here, as in a "
			   "container",
			   strerror(e));
		doctor_cost(f, "no container gets its /proc");
		doctor_fix(f, "start the outer container with its /proc as it is (docker run --security-opt "
			      "systempaths=unconfined)");
		return;
	}
	doctor_good(f, "/proc can be mounted in new namespaces");
}

static void probe_run(const struct patient *p, struct finding *f)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	char run[256];
	struct stat st;

	if (engine_user_run(run, sizeof(run)) < 0 ||
	    strlen(run) + sizeof("/postern.sock") > sizeof(((struct sockaddr_un *)0)->sun_path)) {
		doctor_bad(f, "the path of the socket would be longer than a Unix socket's may be (107 bytes)");
		doctor_fix(f, "as yourself: a shorter XDG_RUNTIME_DIR, or --run");
		return;
	}
	if (lstat(run, &st) == 0 && (!S_ISDIR(st.st_mode) || st.st_uid != p->uid)) {
		doctor_bad(f, "%s is not a directory of yours", run);
		doctor_fix(f, "rm -r %s; or, as yourself, set XDG_RUNTIME_DIR", run);
		return;
	}
	if (runtime && runtime[0] == '/' && (stat(runtime, &st) < 0 || st.st_uid != p->uid)) {
		doctor_bad(f, "XDG_RUNTIME_DIR is %s, which is not yours", runtime);
		doctor_fix(f, "log in as this user instead of su; or, as yourself, unset XDG_RUNTIME_DIR");
		return;
	}
	if (!runtime || runtime[0] != '/') {
		doctor_less(f, "no XDG_RUNTIME_DIR: the socket is in %s", run);
		doctor_cost(f, "all the same, but cleaners of /tmp may take it away");
		doctor_fix(f, "loginctl enable-linger %s, where there is systemd, and log in anew", p->user);
		return;
	}
	doctor_good(f, "the socket is in %s", run);
}

/* --- cgroups, sessions --- */

static void probe_delegation(const struct patient *p, struct finding *f)
{
	static const char *const wanted[] = { "memory", "pids", "cpu", "cpuset", "io" };
	_cleanup_free_ char *cgroup = doctor_read("/proc/self/cgroup"),
			    *mountinfo = doctor_read("/proc/self/mountinfo"), *have = NULL;
	const bool systemd = access("/run/systemd/system", F_OK) == 0;
	char path[4096] = "", file[4200], missing[64] = "", first[64] = "";

	if (cgroup && mountinfo && doctor_cgroup(cgroup, mountinfo, "", path, sizeof(path)) == 0) {
		snprintf(file, sizeof(file), "%s/cgroup.controllers", path);
		have = doctor_read(file);
	}
	snprintf(file, sizeof(file), "%s/cgroup.procs", path);
	doctor_cost(f, "no limits of memory, processors or processes, no pause, no stats for containers; the user's "
		       "own limits hold");
	if (!*path || access(path, W_OK) < 0 || access(file, W_OK) < 0) {
		doctor_less(f, "no cgroup is delegated to this user");
		if (systemd)
			doctor_fix(f, "apt-get install dbus-user-session, and log in anew: the user manager delegates; "
				      "then `systemd-run --user --scope -p Delegate=yes` starts what may have cgroups");
		else
			doctor_fix(f,
				   "mkdir /sys/fs/cgroup/.../%s in each hierarchy, chown it with its cgroup.procs, "
				   "cgroup.subtree_control and tasks to %s, and start `postern-user --cgroup %s` in it",
				   p->user, p->user, p->user);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
		if (!have || !doctor_has_word(have, wanted[i])) {
			size_t n = strlen(missing);

			snprintf(missing + n, sizeof(missing) - n, "%s%s", n ? ", " : "", wanted[i]);
			if (!*first)
				snprintf(first, sizeof(first), "%s", wanted[i]);
		}
	if (*missing) {
		doctor_less(f, "cgroup %s is delegated without %s", path, missing);
		doctor_cost(f, "no limits of what these controllers count");
		if (systemd)
			doctor_fix(f, "mkdir -p /etc/systemd/system/user@.service.d && printf "
				      "'[Service]\\nDelegate=cpu cpuset io memory pids\\n' "
				      ">/etc/systemd/system/user@.service.d/delegate.conf && systemctl daemon-reload");
		else
			doctor_fix(f,
				   "write +%s into the cgroup.subtree_control above; with cgroups of version 1 boot "
				   "with cgroup_no_v1=all",
				   first);
		return;
	}
	f->cost[0] = '\0';
	doctor_good(f, "cgroup %s is delegated to this user, with all controllers", path);
}

static void probe_linger(const struct patient *p, struct finding *f)
{
	char path[300];

	snprintf(path, sizeof(path), "/var/lib/systemd/linger/%s", p->user);
	if (access("/run/systemd/system", F_OK) < 0 || access(path, F_OK) == 0) {
		doctor_good(f, "what you leave running stays when you log out");
		return;
	}
	doctor_less(f, "systemd ends what you leave running when you log out");
	doctor_cost(f, "containers end with your last session");
	doctor_fix(f, "loginctl enable-linger %s", p->user);
}

/* --- for networks --- */

static void probe_tun(const struct patient *p, struct finding *f)
{
	_cleanup_close_ int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	int e = errno;

	if (fd >= 0) {
		doctor_good(f, "/dev/net/tun can be opened");
		return;
	}
	doctor_less(f, "/dev/net/tun cannot be opened: %s", strerror(e));
	doctor_cost(f, "containers reach each other by networks, but have no way out; published ports work");
	doctor_fix(f, e == ENOENT || e == ENXIO || e == ENODEV ? "modprobe tun" : "chmod 0666 /dev/net/tun");
}

static void probe_uplink(const struct patient *p, struct finding *f)
{
	char path[4096];

	if (find_in_path("pasta", path, sizeof(path)) || find_in_path("slirp4netns", path, sizeof(path))) {
		doctor_good(f, "%s is there", path);
		return;
	}
	doctor_less(f, "neither pasta nor slirp4netns is installed");
	doctor_cost(f, "containers reach each other by networks, but have no way out; published ports work");
	doctor_fix(f, "apt-get install passt (or slirp4netns)");
}

/* --- root's word --- */

static void probe_policy(const struct patient *p, struct finding *f)
{
	char program[4096];
	struct stat st;
	int status;
	pid_t child;

	if (access(narrower, F_OK) < 0 && (errno == ENOENT || errno == ENOTDIR)) {
		doctor_good(f, "root has written no %s", narrower);
		return;
	}
	doctor_fix(f, "chmod 0755 /etc/postern; chown 0:0 %s; chmod 0644 %s", narrower, narrower);
	if (access(narrower, R_OK) < 0) {
		doctor_bad(f, "%s cannot be read: %s", narrower, strerror(errno));
		return;
	}
	if (stat(narrower, &st) < 0 || st.st_uid != 0 || (st.st_mode & 022)) {
		doctor_bad(f, "%s could be written by others than root: no engine of a user's starts", narrower);
		return;
	}
	f->fix[0] = '\0';
	if (engine_program("postern-policy", program, sizeof(program)) < 0)
		return;
	child = fork();
	if (child == 0) {
		int null = open("/dev/null", O_WRONLY);

		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
		execl(program, program, "--check", narrower, (char *)NULL);
		_exit(127);
	}
	if (child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		doctor_good(f, "%s narrows what engines of users allow", narrower);
		return;
	}
	doctor_bad(f, "%s is not valid: no engine of a user's starts", narrower);
	doctor_fix(f, "postern policy check %s", narrower);
}

const struct probe doctor_user_probes[] = {
	{ "user namespaces", probe_namespaces },
	{ "subordinate ids", probe_ids },
	{ "newuidmap", probe_mappers },
	{ "data directory", probe_data },
	{ "overlay", probe_overlay },
	{ "new proc", probe_proc },
	{ "run directory", probe_run },
	{ "policy", probe_policy },
	{ "cgroups", probe_delegation },
	{ "linger", probe_linger },
	{ "tun", probe_tun },
	{ "uplink", probe_uplink },
	{ 0 },
};
