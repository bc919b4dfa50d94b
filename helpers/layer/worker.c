/* worker.c - one process for one piece of work, confined before it touches anything hostile.
 *
 * A worker keeps its pipe, its directory (Landlock: with the rights of its kind and nothing else), its archive
 * (read-only), the capabilities of its kind inside the store's user namespace, and the system calls of its kind. So an
 * image that takes over its own unpacking gets that one directory, which it could have filled as it liked anyway; what
 * it answers ends this one request. */
#include <errno.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <fcntl.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/sandbox.h"
#include "../base/sys.h"
#include "layer.h"
#include "split.h"
#include "stream.h"

#ifndef LANDLOCK_ACCESS_FS_REFER
#define LANDLOCK_ACCESS_FS_REFER (1ULL << 13)
#endif
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif

enum {
	WORKER_MEMORY = 256 << 20, /* bytes of address space */
	WORKER_FDS = LAYER_DEPTH_MAX + 64, /* one for each level of a tree */
	COPY_FDS = 4096, /* and one for each layer that has it */
};

#define READ_RIGHTS (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define UNPACK_RIGHTS                                                                                                  \
	(READ_RIGHTS | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |                                 \
	 LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR |                 \
	 LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_SYM |                    \
	 LANDLOCK_ACCESS_FS_REFER | LANDLOCK_ACCESS_FS_TRUNCATE)
#define CLEAR_RIGHTS                                                                                                   \
	(READ_RIGHTS | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR |  \
	 LANDLOCK_ACCESS_FS_REFER)

#define UNPACK_CAPS                                                                                                    \
	(CAP_BIT(CAP_CHOWN) | CAP_BIT(CAP_DAC_OVERRIDE) | CAP_BIT(CAP_FOWNER) | CAP_BIT(CAP_FSETID) |                  \
	 CAP_BIT(CAP_MKNOD) | CAP_BIT(CAP_SETFCAP))

static const int unpack_calls[] = {
	SYS_openat, SYS_openat2, SYS_mkdirat, SYS_mknodat, SYS_unlinkat, SYS_symlinkat, SYS_linkat, SYS_fchown,
	SYS_fchownat, SYS_fchmod, SYS_fchmodat, SYS_fsetxattr, SYS_utimensat, SYS_ftruncate, SYS_getdents64,
	SYS_fgetxattr, SYS_readlinkat,
};
static const int copy_calls[] = {
	SYS_openat, SYS_mkdirat, SYS_mknodat, SYS_symlinkat, SYS_linkat, SYS_readlinkat, SYS_fchown, SYS_fchownat,
	SYS_fchmod, SYS_fchmodat, SYS_flistxattr, SYS_fgetxattr, SYS_fsetxattr, SYS_utimensat, SYS_getdents64,
	SYS_copy_file_range,
};
static const int read_calls[] = { SYS_openat, SYS_getdents64, SYS_fgetxattr };
/* sysinfo: qsort of the C library asks how much memory there is. */
static const int send_calls[] = {
	SYS_openat, SYS_openat2, SYS_getdents64, SYS_fgetxattr, SYS_flistxattr, SYS_readlinkat, SYS_sysinfo,
};
static const int clear_calls[] = { SYS_openat, SYS_getdents64, SYS_unlinkat, SYS_renameat2 };

static const struct {
	uint64_t caps, rights;
	const int *calls;
	size_t ncalls;
} kinds[] = {
	[WORK_UNPACK] = { UNPACK_CAPS, UNPACK_RIGHTS, unpack_calls, ARRAY_SIZE(unpack_calls) },
	[WORK_SIZE] = { CAP_BIT(CAP_DAC_OVERRIDE), READ_RIGHTS, read_calls, ARRAY_SIZE(read_calls) },
	[WORK_USER] = { CAP_BIT(CAP_DAC_OVERRIDE), READ_RIGHTS, read_calls, ARRAY_SIZE(read_calls) },
	[WORK_CLEAR] = { CAP_BIT(CAP_DAC_OVERRIDE) | CAP_BIT(CAP_FOWNER), CLEAR_RIGHTS, clear_calls,
			 ARRAY_SIZE(clear_calls) },
	[WORK_JOIN] = { CAP_BIT(CAP_DAC_OVERRIDE), READ_RIGHTS, send_calls, ARRAY_SIZE(send_calls) },
	[WORK_DIGEST] = { 0, 0, NULL, 0 },
	[WORK_EXPORT] = { CAP_BIT(CAP_DAC_OVERRIDE), READ_RIGHTS, send_calls, ARRAY_SIZE(send_calls) },
	[WORK_COPY] = { UNPACK_CAPS, UNPACK_RIGHTS, copy_calls, ARRAY_SIZE(copy_calls) },
};

_Static_assert(ARRAY_SIZE(kinds) == WORK_COUNT, "a kind of work without its fence");

/* A filter is inherited and only ever narrowed, so the parent's must hold all of the above and what confining takes. */
const int worker_syscalls[] = {
	SYS_openat, SYS_openat2, SYS_mkdirat, SYS_mknodat, SYS_unlinkat, SYS_symlinkat, SYS_linkat, SYS_fchown,
	SYS_fchownat, SYS_fchmod, SYS_fchmodat, SYS_fsetxattr, SYS_utimensat, SYS_ftruncate, SYS_getdents64,
	SYS_fgetxattr, SYS_flistxattr, SYS_readlinkat, SYS_renameat2, SYS_renameat, SYS_sysinfo,
	SYS_copy_file_range,
	SYS_clone, SYS_wait4, SYS_kill, SYS_pipe2, SYS_close_range, SYS_prctl, SYS_getppid, SYS_capset, SYS_prlimit64,
	SYS_seccomp, SYS_landlock_create_ruleset, SYS_landlock_add_rule, SYS_landlock_restrict_self,
};
const size_t n_worker_syscalls = ARRAY_SIZE(worker_syscalls);

static int set_limit(int resource, rlim_t value)
{
	struct rlimit now, limit = { value, value };

	if (getrlimit(resource, &now) < 0)
		return -errno;
	if (now.rlim_max != RLIM_INFINITY && now.rlim_max < value)
		limit.rlim_cur = limit.rlim_max = now.rlim_max;
	return setrlimit(resource, &limit) < 0 ? -errno : 0;
}

static int set_limits(const struct work *w)
{
	bool writes = w->kind == WORK_UNPACK || w->kind == WORK_COPY;
	int e = set_limit(RLIMIT_NOFILE, w->kind == WORK_COPY ? COPY_FDS : WORKER_FDS + w->ndirs);

	if (e == 0)
		e = set_limit(RLIMIT_FSIZE, writes ? (rlim_t)w->policy->max_bytes : 0);
#ifndef __SANITIZE_ADDRESS__
	if (e == 0)
		e = set_limit(RLIMIT_AS, WORKER_MEMORY);
#endif
	signal(SIGXFSZ, SIG_IGN); /* EFBIG is answer enough */
	signal(SIGPIPE, SIG_IGN); /* and so is EPIPE */
	return e;
}

/* Closes every fd but the standard ones and those of w: the channels above all. */
static int close_others(const struct work *w, int pipe)
{
	int keep[LAYERS_MAX + 6], next = STDERR_FILENO + 1;
	unsigned n = 0;

	for (unsigned i = 0; i < w->ndirs; i++)
		keep[n++] = w->dirs[i];
	keep[n++] = pipe;
	if (w->archive >= 0)
		keep[n++] = w->archive;
	if (w->out >= 0)
		keep[n++] = w->out;
	if (w->digest >= 0)
		keep[n++] = w->digest;
	while (n > 0) {
		unsigned least = 0;
		int e;

		for (unsigned i = 1; i < n; i++)
			if (keep[i] < keep[least])
				least = i;
		e = keep[least] > next ? sys_close_range((unsigned)next, (unsigned)keep[least] - 1, 0) : 0;
		if (e < 0)
			return e;
		next = keep[least] + 1;
		keep[least] = keep[--n];
	}
	return sys_close_range((unsigned)next, ~0u, 0);
}

static int confine(const struct work *w, int pipe, pid_t parent)
{
	struct sandbox_dir dirs[LAYERS_MAX + 1];
	int e;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		return -ESRCH;
	e = close_others(w, pipe);
	if (e == 0)
		e = set_limits(w);
	for (unsigned i = 0; i < w->ndirs; i++)
		/* The first one is its own. */
		dirs[i] = (struct sandbox_dir){ w->dirs[i], i == 0 ? kinds[w->kind].rights : READ_RIGHTS };
	if (e == 0)
		e = sandbox_caps_set(kinds[w->kind].caps);
	if (e == 0)
		e = sandbox_landlock(dirs, w->ndirs, NULL);
	return e < 0 ? e : sandbox_seccomp(kinds[w->kind].calls, kinds[w->kind].ncalls);
}

/* A process beside this one, with even less, hashes the archive: half of the time of unpacking one that is not
 * compressed. It ends with this one, and without a digest of its own that one fails. */
static int start_digest(const struct work *w, int *ret)
{
	struct work digest = { .kind = WORK_DIGEST, .archive = w->archive, .out = -EBADF, .digest = -EBADF };
	pid_t parent = getpid(), pid;
	int pipe[2];

	*ret = -EBADF;
	if (w->kind != WORK_UNPACK || !stream_splits(w->archive, w->req))
		return 0;
	signal(SIGCHLD, SIG_IGN); /* nobody waits for it */
	if (pipe2(pipe, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid == 0) {
		if (confine(&digest, pipe[1], parent) == 0)
			stream_digest(w->archive, w->req, pipe[1]);
		_exit(0);
	}
	close_fd(pipe[1]);
	*ret = pipe[0];
	return pid < 0 ? -EAGAIN : 0;
}

static void work(const struct work *w, struct result *r)
{
	const struct req_layer_user *user = w->req;
	const struct req_layer_join *join = w->req;
	const struct req_layer_copy *copy = w->req;
	int e = 0;

	switch (w->kind) {
	case WORK_UNPACK:
		unpack(w, w->req, r);
		break;
	case WORK_JOIN:
		split_join(w->archive, w->dirs[0], w->out, join->diff, r, &r->length);
		break;
	case WORK_EXPORT:
		export_tree(w->dirs, w->ndirs, w->out, r, &r->length);
		break;
	case WORK_SIZE:
		e = tree_size(w->dirs[0], &r->size.size);
		break;
	case WORK_USER:
		user_find(w->dirs, w->ndirs, user->user, user->more, &r->user, r);
		break;
	case WORK_COPY:
		copy_tree(w->dirs[0], w->dirs + 1, w->ndirs - 1, copy->path, w->policy, r);
		break;
	default:
		e = tree_clear(w->dirs[0]);
	}
	if (e < 0)
		result_fail(r, e, "tree");
}

int worker_start(const struct work *w, pid_t *ret_pid, int *ret_pipe)
{
	pid_t parent = getpid(), pid;
	int pipe[2], e;

	if (pipe2(pipe, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid < 0) {
		e = -errno;
		close_fd(pipe[0]);
		close_fd(pipe[1]);
		return e;
	}
	if (pid == 0) {
		struct result r = { 0 };
		struct work own = *w;

		e = start_digest(w, &own.digest);
		if (e == 0)
			e = confine(&own, pipe[1], parent);
		if (e < 0)
			result_fail(&r, e, "confine");
		else
			work(&own, &r);
		_exit(write(pipe[1], &r, sizeof(r)) != sizeof(r));
	}
	close_fd(pipe[1]);
	*ret_pid = pid;
	*ret_pipe = pipe[0];
	return 0;
}
