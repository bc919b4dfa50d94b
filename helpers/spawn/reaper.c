/* reaper.c - a process 1 for programs that are none: forwards signals, reaps orphans, ends with the program.
 * It has the program's ids, capabilities and filter, and nothing open. pid_namespaces(7). */
#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../base/sys.h"
#include "init.h"

/* Exit status of the program, or -1 while it runs. */
static int reap(pid_t program)
{
	int status, result = -1;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (pid == program)
			result = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	return result;
}

static void reaper_run(pid_t program, const sigset_t *all) __attribute__((noreturn));

static void reaper_run(pid_t program, const sigset_t *all)
{
	for (;;) {
		siginfo_t info;
		int signal = sigwaitinfo(all, &info), status;

		if (signal > 0 && signal != SIGCHLD)
			kill(program, signal);
		status = reap(program);
		if (status >= 0)
			_exit(status);
	}
}

int reaper_split(void)
{
	sigset_t all, before;
	pid_t pid;

	/* Blocked signals are never dropped, though process 1 has no handlers: they wait for sigwaitinfo. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	pid = fork();
	if (pid < 0) {
		int e = -errno;

		sigprocmask(SIG_SETMASK, &before, NULL);
		return e;
	}
	if (pid > 0) {
		prctl(PR_SET_NAME, "postern-init");
		sys_close_range(0, ~0U, 0); /* the control socket too: the program's exec is to end it */
		reaper_run(pid, &all);
	}
	/* A group of its own in the foreground, so that job control works (SIGTTOU is still blocked). */
	setpgid(0, 0);
	tcsetpgrp(STDIN_FILENO, getpid());
	sigprocmask(SIG_SETMASK, &before, NULL);
	return 0;
}
