/* attack_fds.c - threats 3 and 4: objects that are not what they are passed for. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../helpers/base/cleanup.h"
#include "hostile.h"

static union any_message req;

/* Each op that takes an fd, with each object that it must not take. A FUSE file that never answers is among them when the
 * script made one (fd 20). */
static void wrong_kinds(void)
{
	int fifo[2], stream[2];
	struct {
		const char *name;
		int fd;
	} wrong[] = {
		{ "/dev/null", open("/dev/null", O_RDWR | O_CLOEXEC) },
		{ "a directory", open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC) },
		{ "an O_PATH fd of /etc/shadow", open("/etc/shadow", O_PATH | O_CLOEXEC) },
		{ "the host's mount namespace", open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC) },
		{ "a loose memfd", memfd_create("loose", MFD_ALLOW_SEALING | MFD_CLOEXEC) },
		{ "a pipe", pipe2(fifo, O_CLOEXEC) == 0 ? fifo[0] : -1 },
		{ "a stream socket", socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, stream) == 0 ? stream[0] : -1 },
		{ "a FUSE object that never answers", openat(AT_FDCWD, in_hang("mnt"), O_PATH | O_CLOEXEC) },
	};

	for (unsigned op = 0; op < OP_COUNT; op++) {
		const struct op_desc *d = op_desc(op);
		bool takes = false;

		for (unsigned i = 0; i < d->req.nfields; i++)
			takes = takes || (d->req.fields[i].type == FIELD_FD && d->req.fields[i].max == REQUIRED);
		if (!takes || d->class == CLASS_PRIVATE || !has_channel(d->helper))
			continue;
		for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
			struct reply_header why = { 0 };
			struct timespec a, b;
			int r;

			if (wrong[i].fd < 0) {
				if (i + 1 < ARRAY_SIZE(wrong))
					result(false, "3: %s cannot be made", wrong[i].name);
				continue;
			}
			fill_request((enum op)op, &req, wrong[i].fd);
			clock_gettime(CLOCK_MONOTONIC, &a);
			r = ask(channel(d->helper), (enum op)op, &req, NULL, &why);
			clock_gettime(CLOCK_MONOTONIC, &b);
			result(r < 0 && r != -ETIMEDOUT && r != -ENODATA && r != -EBADMSG && b.tv_sec - a.tv_sec < 3,
			       "3: %s %s refuses %s (%s at %s)", d->helper_name, d->name, wrong[i].name, strerror(-r), why.stage);
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		close_fd(wrong[i].fd);
	close_fd(fifo[1]);
	close_fd(stream[1]);
}

static int proc_of(pid_t pid)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d", pid);
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void map_refuses(const char *what, int proc, int userns)
{
	struct req_idmap_map map = { .ticket = new_ticket(), .proc = proc, .userns = userns };
	struct reply_header why = { 0 };
	int r = ask(channel(HELPER_IDMAP), OP_IDMAP_MAP, &map, NULL, &why);

	result(r < 0 && r != -ETIMEDOUT, "4: idmap does not map %s (%s at %s)", what, strerror(-r), why.stage);
}

static void foreign_namespaces(void)
{
	int host_user = open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC), self = proc_of(getpid()), mine, mine_proc, pipes[2];
	struct sandbox s, other;
	pid_t pid;
	char byte;

	map_refuses("the host's user namespace", self, host_user);
	/* a user namespace of the controller's own: another owner, another parent */
	if (pipe(pipes) < 0)
		return;
	pid = fork();
	if (pid == 0) {
		close(pipes[0]);
		if (unshare(CLONE_NEWUSER) < 0)
			_exit(1);
		prctl(PR_SET_DUMPABLE, 1);
		if (write(pipes[1], "x", 1) == 1)
			pause();
		_exit(0);
	}
	close(pipes[1]);
	if (read(pipes[0], &byte, 1) == 1) {
		char path[64];

		snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
		mine = open(path, O_RDONLY | O_CLOEXEC);
		mine_proc = proc_of(pid);
		map_refuses("a user namespace that the controller made", mine_proc, mine);
		if (sandbox_make(&s, true) == 0) {
			map_refuses("an already mapped one", s.proc, s.userns);
			map_refuses("one with another's /proc directory", mine_proc, s.userns);
			map_refuses("one with its own /proc directory", self, s.userns);
			if (sandbox_make(&other, false) == 0) {
				/* (Another new container's /proc directory beside an honest user namespace would be
				 * mapped: both are ours and new, and nothing is gained by swapping them.) */
				map_refuses("a network namespace in its place", other.proc, s.netns);
				sandbox_drop(&other);
			}
			sandbox_drop(&s);
		} else {
			result(false, "4: no container sandbox could be made");
		}
		close_fd(mine);
		close_fd(mine_proc);
	}
	close(pipes[0]);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close_fd(host_user);
	close_fd(self);
}

const struct attack fd_attacks[] = { { "3", wrong_kinds }, { "4", foreign_namespaces } };
const unsigned n_fd_attacks = ARRAY_SIZE(fd_attacks);
