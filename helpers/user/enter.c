/* enter.c - one user namespace in which everything else is as for root (user_namespaces(7)).
 *
 * The distribution's newuidmap and newgidmap write a map of subordinate ids; one id the kernel lets anyone map. What an
 * earlier engine left running lives on in its namespace, and only from there can anyone be its helper: RUN/userns tells
 * which it was. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/fd.h"
#include "../base/log.h"
#include "../base/text.h"
#include "user.h"

static const char record_name[] = "userns";

/* Runs newuidmap or newgidmap: set-id programs of the distribution's, the only ones that we ever run. */
static int run_mapper(const char *program, pid_t target, const struct words *w)
{
	char pid[16];
	const char *argv[WORDS_MAX + 3] = { program, pid };
	int status;
	pid_t child = fork();

	if (child < 0)
		return -errno;
	snprintf(pid, sizeof(pid), "%d", target);
	for (unsigned i = 0; i < w->n; i++)
		argv[2 + i] = w->text[i];
	if (child == 0) {
		execvp(program, (char *const *)argv);
		_exit(127);
	}
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	if (!WIFEXITED(status))
		return -EPERM;
	return WEXITSTATUS(status) == 0 ? 0 : WEXITSTATUS(status) == 127 ? -ENOENT : -EPERM;
}

/* Enters the namespace; a child that stays outside has the maps written. */
static int enter_mapped(const struct ids *ids)
{
	pid_t self = getpid(), child;
	int status, go[2];
	char byte = 0;

	if (pipe2(go, O_CLOEXEC) < 0)
		return -errno;
	child = fork();
	if (child < 0)
		return -errno;
	if (child == 0) {
		int r;

		close_fd(go[1]);
		if (read(go[0], &byte, 1) != 1)
			_exit(0); /* no namespace */
		r = run_mapper("newuidmap", self, &ids->uids);
		if (r == 0)
			r = run_mapper("newgidmap", self, &ids->gids);
		_exit(-r);
	}
	close_fd(go[0]);
	if (unshare(CLONE_NEWUSER) < 0)
		status = -errno;
	else
		status = write(go[1], &byte, 1) == 1 ? 0 : -errno;
	close_fd(go[1]);
	if (status == 0 && (waitpid(child, &status, 0) < 0 || !WIFEXITED(status)))
		return -ECHILD;
	return status < 0 ? status : -WEXITSTATUS(status);
}

/* A map of one id needs no help, if nobody in it can drop groups (which may be there to deny). */
static int enter_single(const struct ids *ids)
{
	char map[48];
	int r;

	if (unshare(CLONE_NEWUSER) < 0)
		return -errno;
	r = file_write_at(AT_FDCWD, "/proc/self/setgroups", "deny");
	snprintf(map, sizeof(map), "0 %s 1\n", ids->uids.text[1]);
	if (r == 0)
		r = file_write_at(AT_FDCWD, "/proc/self/uid_map", map);
	snprintf(map, sizeof(map), "0 %s 1\n", ids->gids.text[1]);
	if (r == 0)
		r = file_write_at(AT_FDCWD, "/proc/self/gid_map", map);
	return r;
}

/* --- the namespace of an earlier engine ---------------------------------------------------------------------- */

static bool is_namespace(int fd, ino_t ino)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_ino == ino;
}

/* The namespace right below ours that a process lives in or below, when it has that number. */
static int namespace_above(const char *pid, ino_t host, ino_t wanted)
{
	_cleanup_close_ int ns = -EBADF;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%.16s/ns/user", pid);
	ns = open(path, O_RDONLY | O_CLOEXEC);
	while (ns >= 0 && !is_namespace(ns, host)) {
		int up = ioctl(ns, NS_GET_PARENT);

		if (up >= 0 && is_namespace(up, host)) {
			close_fd(up);
			return is_namespace(ns, wanted) ? TAKE_FD(ns) : -ENOENT;
		}
		close_fd(ns);
		ns = up;
	}
	return -ENOENT;
}

/* Numbers of namespaces are used again: it must have the very map that ours would have. */
static bool has_map(int ns, const struct words *w)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		FILE *f = setns(ns, CLONE_NEWUSER) < 0 ? NULL : fopen("/proc/self/uid_map", "re");
		unsigned n = 0;
		char word[16];

		while (f && fscanf(f, "%15s", word) == 1 && n < w->n && strcmp(word, w->text[n]) == 0)
			n++;
		_exit(!f || n != w->n || !feof(f));
	}
	return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* 0 when it was entered; -ENOENT when there is none any more. */
static int enter_earlier(const struct ids *ids, int run_dir)
{
	_cleanup_close_ int fd = openat(run_dir, record_name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	_cleanup_free_ char *number = NULL;
	uint64_t wanted;
	struct stat self;
	struct dirent *e;
	int r = -ENOENT;
	DIR *proc;

	if (fd < 0 || fd_read_all(fd, 32, &number, NULL) < 0 || text_u64(number, UINT64_MAX, &wanted) < 0)
		return -ENOENT;
	proc = stat("/proc/self/ns/user", &self) == 0 ? opendir("/proc") : NULL;
	while (proc && r == -ENOENT && (e = readdir(proc))) {
		_cleanup_close_ int ns = -EBADF;

		if (e->d_name[0] >= '1' && e->d_name[0] <= '9')
			ns = namespace_above(e->d_name, self.st_ino, (ino_t)wanted);
		if (ns >= 0 && has_map(ns, &ids->uids))
			r = setns(ns, CLONE_NEWUSER) < 0 ? -errno : 0;
	}
	if (proc)
		closedir(proc);
	return r;
}

static int record(int run_dir)
{
	const int flags = O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC;
	_cleanup_close_ int fd = openat(run_dir, record_name, flags, 0600);
	struct stat st;
	char text[24];

	if (fd < 0 || stat("/proc/self/ns/user", &st) < 0)
		return -errno;
	snprintf(text, sizeof(text), "%llu", (unsigned long long)st.st_ino);
	return fd_write_all(fd, text, strlen(text));
}

int enter(const struct ids *ids, int run_dir)
{
	int r = enter_earlier(ids, run_dir);

	if (r == -ENOENT)
		r = ids->single ? enter_single(ids) : enter_mapped(ids);
	if (r == -ENOENT && !ids->single)
		log_error("newuidmap is missing: apt-get install uidmap, or start with --single-id");
	if (r == 0)
		r = record(run_dir);
	if (r < 0) {
		log_error("user namespace: %s (postern doctor says what is in the way)", strerror(-r));
		return r;
	}
	/* The user's groups stay outside, where the kernel lets us drop them. */
	if ((!ids->single && setgroups(0, NULL) < 0) || unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0) {
		r = -errno;
		log_error("mount namespace: %s", strerror(-r));
	}
	return r;
}
