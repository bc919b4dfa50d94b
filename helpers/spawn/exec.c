/* exec.c - from root of the container to the program: ids, capabilities, filter, exec. capabilities(7), seccomp(2).
 *
 * With no_new_privs the filter comes last, so that it need not allow what we do. Without it, installing asks for
 * CAP_SYS_ADMIN in our user namespace: it comes before that goes, and must allow setresuid, capset, prctl, stat, read
 * and execve, as every profile made for containers does. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/sandbox.h"
#include "../base/sys.h"
#include "../base/text.h"
#include "init.h"

static int check_executable(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	return access(path, X_OK) < 0 ? -errno : 0;
}

static const char *env_get(const char *const *env, const char *key)
{
	size_t n = strlen(key);

	for (; *env; env++)
		if (strncmp(*env, key, n) == 0 && (*env)[n] == '=')
			return *env + n + 1;
	return NULL;
}

int exec_lookup(const char *name, const char *const *env, char *ret, size_t size)
{
	const char *path = env_get(env, "PATH");

	if (strchr(name, '/'))
		return text_copy(ret, size, name) < 0 ? -ENAMETOOLONG : check_executable(ret);
	if (!path)
		path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	/* What is not an executable file does not count, as in Docker: "not found" then. */
	for (;;) {
		size_t n = strcspn(path, ":");

		if (text_format(ret, size, "%.*s/%s", n ? (int)n : 1, n ? path : ".", name) == 0 &&
		    check_executable(ret) == 0)
			return 0;
		if (!path[n])
			return -ENOENT;
		path += n + 1;
	}
}

/* No magic links: a working directory of /proc/self/fd/N would be one of ours. */
static int enter_cwd(const char *cwd)
{
	_cleanup_close_ int fd = sys_openat2(AT_FDCWD, cwd, O_PATH | O_DIRECTORY | O_CLOEXEC, 0, RESOLVE_NO_MAGICLINKS);

	if (fd < 0)
		return fd;
	return fchdir(fd) < 0 ? -errno : 0;
}

static int install_filter(struct init *in)
{
	if (!in->seccomp.filter)
		return 0;
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &in->seccomp) < 0)
		return init_fail(in, -errno, "seccomp");
	return 0;
}

static int set_caps(const struct plan *p)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	for (int i = 0; i < 2; i++)
		data[i] = (struct __user_cap_data_struct){
			.effective = (uint32_t)(p->caps[PLAN_EFFECTIVE] >> (32 * i)),
			.permitted = (uint32_t)(p->caps[PLAN_PERMITTED] >> (32 * i)),
			.inheritable = (uint32_t)(p->caps[PLAN_INHERITABLE] >> (32 * i)),
		};
	if (syscall(SYS_capset, &header, data) < 0)
		return -errno;
	for (unsigned cap = 0; cap < 64; cap++)
		if ((p->caps[PLAN_AMBIENT] & CAP_BIT(cap)) &&
		    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0)
			return -errno;
	return 0;
}

/* Where one id is all there is, groups can be neither taken nor left; its own a program has in any case. */
static bool own_group_only(const struct plan *p)
{
	for (size_t i = 0; i < p->ngroups; i++)
		if (p->groups[i] != p->gid)
			return false;
	return true;
}

static int become_user(struct init *in)
{
	const struct plan *p = in->plan;
	int e;

	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		return init_fail(in, -errno, "capabilities");
	if ((setgroups(p->ngroups, p->groups) < 0 && (errno != EPERM || !own_group_only(p))) ||
	    setresgid(p->gid, p->gid, p->gid) < 0 || setresuid(p->uid, p->uid, p->uid) < 0)
		return init_fail(in, -errno, "user");
	e = set_caps(p);
	return e < 0 ? init_fail(in, e, "capabilities") : 0;
}

int exec_prepare(struct init *in)
{
	const struct plan *p = in->plan;
	char cwd[PATH_MAX];
	int e, entered;

	/* First as root: a directory that the user may not enter is still its working directory, as in Docker. */
	entered = enter_cwd(p->cwd);
	e = sandbox_bounding_set(p->caps[PLAN_BOUNDING]);
	if (e < 0)
		return init_fail(in, e, "capabilities");
	if (!p->no_new_privs && (e = install_filter(in)) < 0)
		return e;
	e = become_user(in);
	if (e < 0)
		return e;
	if (entered == -EACCES || entered == -EPERM)
		entered = enter_cwd(p->cwd);
	if (entered < 0)
		return init_fail(in, entered, "chdir");
	/* "(unreachable)": not below the root */
	if (syscall(SYS_getcwd, cwd, sizeof(cwd)) < 0 || cwd[0] != '/')
		return init_fail(in, -ENOENT, "chdir");
	/* The change of ids took the death signal away. Should the monitor have gone meanwhile, nobody says "go". */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (p->no_new_privs) {
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
			return init_fail(in, -errno, "no_new_privs");
		e = install_filter(in);
		if (e < 0)
			return e;
	}
	e = exec_lookup(p->argv[0], p->env, in->program, sizeof(in->program));
	return e < 0 ? init_fail(in, e, "exec") : 0;
}

int exec_program(struct init *in)
{
	const struct plan *p = in->plan;
	int e;

	if (p->tiny_init && (e = reaper_split()) < 0)
		return init_fail(in, e, "init");
	execve(in->program, (char *const *)p->argv, (char *const *)p->env);
	return init_fail(in, -errno, "exec");
}
