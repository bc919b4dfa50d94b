/* delegate.c - a cgroup of version 2 that this user may divide: R, in which the launcher makes R/containers and
 * R/helpers.
 *
 * R is the cgroup that we were started in, when a user manager has given it to us (systemd: Delegate=yes), or a
 * directory that root has made and given away (--cgroup). The kernel lets a process be moved only by who may write to
 * cgroup.procs of both sides and of what is above both, and no controller go further down while a process is in R
 * itself: so we move to R/launcher, which shows at the same time that R is ours. Containers that run on stay where they
 * are, and so does R then (RUN/cgroup). Documentation/admin-guide/cgroup-v2.rst, "Delegation Containment" and "No
 * Internal Process Constraint". */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/fd.h"
#include "../base/log.h"
#include "../base/text.h"
#include "user.h"

enum { FILE_MAX = 65536 };
static const char record_name[] = "cgroup";

static char *read_at(int dir, const char *path)
{
	_cleanup_close_ int fd = openat(dir, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	char *text;

	return fd >= 0 && fd_read_all(fd, FILE_MAX, &text, NULL) == 0 ? text : NULL;
}

/* Where version 2 is mounted: "... MOUNT-POINT options - cgroup2 ..." (proc_pid_mountinfo(5)); -ENOENT. */
static int open_root(void)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char line[4096], point[PATH_SIZE];
	int root = -ENOENT;

	while (f && root < 0 && fgets(line, sizeof(line), f))
		if (strstr(line, " - cgroup2 ") && sscanf(line, "%*s %*s %*s %*s %4095s", point) == 1)
			root = open(point, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (f)
		fclose(f);
	return root;
}

/* The cgroup we were started in, without the slash it begins with; "" for the root. A manager may have put us into its
 * "launcher" already, the one place where it still can while R has containers (systemd: DelegateSubgroup=). */
static int own_cgroup(char *ret, size_t size)
{
	static const char leaf[] = "/launcher";
	_cleanup_free_ char *text = read_at(AT_FDCWD, "/proc/self/cgroup");
	size_t n;
	const char *line = !text ? NULL : strncmp(text, "0::/", 4) == 0 ? text : strstr(text, "\n0::/");

	if (!line)
		return -ENOENT;
	line = strchr(line, '/') + 1;
	n = strcspn(line, "\n");
	if (n > strlen(leaf) && strncmp(line + n - strlen(leaf), leaf, strlen(leaf)) == 0)
		n -= strlen(leaf);
	return text_format(ret, size, "%.*s", (int)n, line);
}

/* Others in it, as a shell in whose place we were not executed, keep controllers from going further down. */
static bool has_others(int dir)
{
	_cleanup_free_ char *procs = read_at(dir, "cgroup.procs");
	char own[16], *save = NULL;
	bool others = false;

	snprintf(own, sizeof(own), "%d", getpid());
	for (char *p = procs ? strtok_r(procs, "\n", &save) : NULL; p && !others; p = strtok_r(NULL, "\n", &save))
		others = strcmp(p, own) != 0;
	return others;
}

/* Moves us into R/launcher. Not ours: -EACCES, -EPERM; not there: -ENOENT; -EBUSY when others are in R. */
static int move(int root, const char *path)
{
	_cleanup_close_ int dir = openat(root, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), leaf = -EBADF;

	if (dir < 0)
		return -errno;
	if (has_others(dir))
		return -EBUSY;
	if (mkdirat(dir, "launcher", 0755) < 0 && errno != EEXIST)
		return -errno;
	leaf = openat(dir, "launcher", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return leaf < 0 ? -errno : file_write_at(leaf, "cgroup.procs", "0");
}

/* What the engine used whose containers run; "" when it had no cgroups. */
static void recorded(int run_dir, char *ret, size_t size)
{
	_cleanup_free_ char *text = read_at(run_dir, record_name);

	if (!text || text_copy(ret, size, text) < 0)
		*ret = '\0';
}

static int record(int run_dir, const char *path)
{
	const int flags = O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC;
	_cleanup_close_ int fd = openat(run_dir, record_name, flags, 0600);

	return fd < 0 ? -errno : fd_write_all(fd, path, strlen(path));
}

/* Without R there are no limits: said where it was asked for or is half there, and in `info` in any case. */
static void explain(const struct config *c, const char *path, int r)
{
	if (r == -EBUSY)
		log_warn("cgroup /%s holds other processes too: no limits; "
			 "start by systemd-run --user --scope -p Delegate=yes", path);
	else if (c->cgroup[0])
		log_warn("--cgroup %s: %s: no limits; root must give it, its cgroup.procs and its "
			 "cgroup.subtree_control to this user, and start us in it", path, strerror(-r));
}

bool delegate_find(struct config *c, int run_dir, bool containers)
{
	_cleanup_close_ int root = open_root();
	char path[CGROUP_SIZE] = "";
	int r = root < 0 ? root : 0;

	if (containers || c->purge)
		recorded(run_dir, path, sizeof(path));
	else if (r == 0 && !c->cgroup[0])
		r = own_cgroup(path, sizeof(path));
	else
		text_copy(path, sizeof(path), c->cgroup);
	if (r == 0 && !path[0])
		r = -ENOENT;
	/* To end things one need not be among them. */
	if (r == 0 && c->purge)
		r = faccessat(root, path, W_OK, 0) < 0 ? -errno : 0;
	else if (r == 0)
		r = move(root, path);
	if (r < 0 && !c->purge)
		explain(c, path, r);
	if (!containers && !c->purge)
		record(run_dir, r == 0 ? path : "");
	if (r == 0)
		text_copy(c->cgroup, sizeof(c->cgroup), path);
	return r == 0;
}
