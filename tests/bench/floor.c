/* floor.c - the least that a container start can cost: clone3 with all namespaces, four mounts, pivot_root, exec.
 *
 * floor ROOTFS PROGRAM [ARG...]; the unit in which `make bench` tells the engine's times. */
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int container(char **argv)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || mount(argv[1], argv[1], NULL, MS_BIND | MS_REC, NULL) < 0 ||
	    chdir(argv[1]) < 0 || mount("proc", "proc", "proc", MS_NOSUID | MS_NOEXEC | MS_NODEV, NULL) < 0 ||
	    mount("tmpfs", "dev", "tmpfs", MS_NOSUID, "mode=755") < 0 || mount("sysfs", "sys", "sysfs", MS_RDONLY, NULL) < 0 ||
	    syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0) {
		perror("floor");
		return 1;
	}
	execv(argv[2], argv + 2);
	perror(argv[2]);
	return 1;
}

int main(int argc, char **argv)
{
	struct clone_args args = {
		.flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP,
		.exit_signal = SIGCHLD,
	};
	int status;
	long pid;

	if (argc < 3)
		return 2;
	pid = syscall(SYS_clone3, &args, sizeof(args));
	if (pid < 0) {
		perror("clone3");
		return 1;
	}
	if (pid == 0)
		_exit(container(argv));
	waitpid((pid_t)pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
