/* main.c - a spawn that was taken over (threats 7 and 21): it has spawn's ids, namespaces and cgroup, owns every
 * container's user namespace, and tries what that must not give. Lines "HOSTILE ok - ..." go to the engine's log. */
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../../helpers/base/cleanup.h"
#include "../../../helpers/base/fd.h"
#include "../../../helpers/base/sys.h"
#include "../../../helpers/protocol/server.h"
#include "../../../helpers/shared/mounts.h"

static void result(bool good, const char *format, ...)
{
	char text[300];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	dprintf(STDERR_FILENO, "HOSTILE %s - %s\n", good ? "ok" : "not ok", text);
}

/* As root of the container's user namespace, with every capability in it: layers are sealed all the same. */
static void attack_layer(int layer, const char *what, bool writable)
{
	struct mount_attr clear = { .attr_clr = MOUNT_ATTR_RDONLY }, suid = { .attr_clr = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV };
	int tree;

	if (sys_move_mount(layer, "", AT_FDCWD, "/usr", MOVE_MOUNT_F_EMPTY_PATH) < 0) {
		result(false, "7: %s cannot be attached by the container's root", what);
		return;
	}
	if (!writable) {
		result(sys_mount_setattr(AT_FDCWD, "/usr", 0, &clear) == -EPERM, "7: %s: read-only cannot be cleared", what);
		result(mount(NULL, "/usr", NULL, MS_REMOUNT | MS_BIND, NULL) < 0, "7: %s: nor by a remount", what);
		result(open("/usr/bin/busybox", O_WRONLY | O_CLOEXEC) < 0 && errno == EROFS, "7: %s: its files are not writable", what);
		result(open("/usr/new", O_CREAT | O_WRONLY | O_CLOEXEC, 0644) < 0, "7: %s: no file can be made", what);
	}
	result(sys_mount_setattr(AT_FDCWD, "/usr", 0, &suid) == -EPERM, "7: %s: nosuid and nodev cannot be cleared", what);
	tree = sys_open_tree(AT_FDCWD, "/usr", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (tree >= 0) {
		result(sys_mount_setattr(tree, "", AT_EMPTY_PATH, &suid) == -EPERM, "7: %s: nor on a clone of it", what);
		close(tree);
	}
	umount2("/usr", MNT_DETACH);
}

static void as_container_root(const struct req_spawn_create *q)
{
	if (setns(q->userns, CLONE_NEWUSER) < 0 || setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0 || unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
		result(false, "7: cannot enter the container's user namespace: %s", strerror(errno));
		return;
	}
	attack_layer(q->layers.fd[0], "a layer", false);
	attack_layer(q->upper, "the upper directory", true);
	/* 31: what a new mount namespace of the container's sees of the host is as locked */
	result(mount(NULL, "/usr", NULL, MS_REMOUNT | MS_BIND, NULL) < 0, "31: nosuid of the host's mounts cannot be cleared");
	result(open("/etc/shadow", O_RDONLY | O_CLOEXEC) < 0, "21: container root does not read /etc/shadow");
	result(mknod("/dev/shm/postern-node", S_IFCHR | 0666, 0x103) < 0, "13: container root makes no device node");
	result(mount("/dev/vda", "/usr", "ext4", 0, NULL) < 0, "31: no block device can be mounted");
}

/* Left by an engine before us, which had the same ids: nobody has waited for it yet. */
static bool ended(int pid)
{
	char path[64], state = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "re");
	if (!f)
		return true;
	if (fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
		state = 0;
	fclose(f);
	return state == 'Z';
}

static void as_spawn(struct helper *h)
{
	const struct policy_common *policy = h->policy;
	uint32_t ids = policy->ids_base;
	char path[64];

	result(setresuid(0, 0, 0) < 0, "21: spawn does not become root");
	result(setresuid(1000, 1000, 1000) < 0, "21: nor a user");
	if (policy->ids_count)
		result(setresuid(ids + HELPER_CGROUP, -1, -1) < 0, "21: nor another helper");
	result(open("/etc/shadow", O_RDONLY | O_CLOEXEC) < 0, "21: spawn does not read /etc/shadow");
	/* every process of the engine's other helpers: no signal, no trace */
	int signalled = 0, traced = 0, seen = 0;

	for (int pid = 2; pid < 4194304 && seen < 400000; pid++) {
		struct stat st;

		snprintf(path, sizeof(path), "/proc/%d/ns", pid);
		if (pid == getpid() || pid == getppid() || stat(path, &st) < 0 || ended(pid)) {
			if (pid > 200000)
				break;
			continue;
		}
		seen++;
		signalled += kill(pid, 0) == 0;
		if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) == 0) {
			traced++;
			ptrace(PTRACE_DETACH, pid, NULL, NULL);
		}
	}
	result(traced == 0, "21, 32: of %d processes of the host none can be traced (%d)", seen, traced);
	if (policy->ids_count)
		result(signalled == 0, "21, 32: nor signalled (%d)", signalled);
	else
		dprintf(STDERR_FILENO, "HOSTILE skip - 21, 32: nor signalled (without subordinate ids they all are its own user's)\n");
}

static int run_create(struct request *r)
{
	const struct req_spawn_create *q = r->req;
	pid_t pid = fork();

	if (pid == 0) {
		as_container_root(q);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	pid = fork();
	if (pid == 0) {
		as_spawn(r->helper);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	dprintf(STDERR_FILENO, "HOSTILE done\n");
	return request_fail(r, -EIO, "taken over");
}

static int run_list(struct request *r)
{
	return 0;
}

static const struct handler handlers[] = { { OP_SPAWN_CREATE, run_create }, { OP_SPAWN_LIST, run_list } };

int main(int argc, char **argv)
{
	const struct helper_def def = {
		.id = HELPER_SPAWN,
		.handlers = handlers,
		.nhandlers = ARRAY_SIZE(handlers),
		.keep_privs = true,
		.policy_size = sizeof(struct policy_spawn),
		.controller_rights = UINT64_MAX >> 2,
	};

	return helper_run(&def, argc, argv);
}
