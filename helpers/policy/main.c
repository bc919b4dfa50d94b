/* main.c - postern-policy: makes of root's JSON what the helpers go by, without a privilege of its own.
 *
 * --compile NAME   for the launcher: the job is FD_POLICY (struct policy_job), the file FD_OWN, policy_etc_files follow
 * --check FILE     for `postern policy` and for root: 0 valid, 1 not, 2 cannot be read or wrong usage
 * Either way no file can be opened, and nothing asked of the kernel but memory and bytes, before the first one is
 * parsed. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/fd.h"
#include "../base/log.h"
#include "../base/sandbox.h"
#include "compile.h"

/* Last component, as basename(3) without its surprises. */
static const char *name_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static int lock_down(void)
{
	/* qsort(3) asks for the size of the memory. */
	static const int syscalls[] = { SYS_sysinfo };
	int r = sandbox_landlock(NULL, 0, NULL);

	return r < 0 ? r : sandbox_seccomp(syscalls, ARRAY_SIZE(syscalls));
}

static int compile(const char *path)
{
	struct policy_input input = { .name = name_of(path), .file = FD_OWN },
			    narrower = { .file = FD_OWN + 1 + POLICY_ETC_COUNT };
	struct policy_job *job;
	void *map;
	int r;

	if (fd_map(FD_POLICY, sizeof(*job), PROT_READ | PROT_WRITE, &map) < 0) {
		log_error("--compile is for postern-launcher");
		return 2;
	}
	job = map;
	narrower.name = job->narrower; /* in full: whoever reads the error is not who can mend that file */
	for (int i = 0; i < POLICY_ETC_COUNT; i++)
		input.etc[i] = narrower.etc[i] = fcntl(FD_OWN + 1 + i, F_GETFD) < 0 ? -ENOENT : FD_OWN + 1 + i;
	/* The host's root, as the namespace of a user's engine shows it, where 0 is the user. */
	if (job->policy.controller.ids_shared) {
		input.root = narrower.root = narrower.owner = OVERFLOW_ID;
		input.home = narrower.home = job->home;
	}
	if (job->narrower[0])
		input.narrower = &narrower;
	r = lock_down();
	if (r == 0)
		r = policy_compile(&input, &job->policy, job->error, sizeof(job->error));
	if (r < 0 && !job->error[0])
		snprintf(job->error, sizeof(job->error), "%s: %s", input.name, strerror(-r));
	return r < 0;
}

static int check(const char *path)
{
	/* A user asks about an engine of their own. */
	struct policy_input input = { .name = name_of(path),
				      .owner = geteuid(),
				      .home = geteuid() ? getenv("HOME") : NULL };
	static struct policy policy = { .controller.ids_base = IDS_DEFAULT_BASE };
	char error[512] = "";
	int r;

	input.file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (input.file < 0) {
		fprintf(stderr, "%s: cannot be opened: %s\n", input.name, strerror(errno));
		return 2;
	}
	for (int i = 0; i < POLICY_ETC_COUNT; i++) {
		input.etc[i] = open(policy_etc_files[i], O_RDONLY | O_CLOEXEC);
		if (input.etc[i] < 0)
			input.etc[i] = -errno;
	}
	r = lock_down();
	if (r == 0)
		r = policy_compile(&input, &policy, error, sizeof(error));
	if (r < 0) {
		fprintf(stderr, "%s\n", *error ? error : strerror(-r));
		return r == -EINVAL ? 1 : 2;
	}
	printf("%s: valid: %u user, %u bind, %u device rules; container ids %u-%u\n", path, policy.controller.nusers,
	       policy.lookup.npaths, policy.controller.ndevices, policy.controller.range_first,
	       policy.controller.range_last);
	return 0;
}

int main(int argc, char **argv)
{
	int r;

	log_init("postern-policy", LOG_LEVEL_INFO);
	r = sandbox_start(/* keep_privs= */ false);
	if (r < 0) {
		log_error("start: %s", strerror(-r));
		return 2;
	}
	if (argc == 3 && strcmp(argv[1], "--compile") == 0)
		return compile(argv[2]);
	if (argc == 3 && strcmp(argv[1], "--check") == 0)
		return check(argv[2]);
	fprintf(stderr, "Usage: postern-policy --check FILE\n");
	return 2;
}
