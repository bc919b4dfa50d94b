/* main.c - postern-launcher: options (options.c), then directories, cgroups, namespaces, programs, in this order. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/log.h"
#include "../base/pass.h"
#include "../base/sandbox.h"
#include "../protocol/server.h"
#include "launcher.h"

/* Its part of the policy. In the range namespace the engine's ids may have other numbers. */
static int policy_memfd(struct launcher *l, const struct row *row)
{
	size_t size = 0;
	struct policy_common *part = (struct policy_common *)policy_part(l->policy, row->id, &size);

	if (!part)
		return -EBADF;
	part->ids_base = row->userns == USERNS_RANGE ? engine_id_in_range(l, 0) : engine_id(l, 0);
	return memfd_sealed("policy", part, size);
}

/* What every program is given beside its own: policy part, keep, socket to audit. */
static int children_prepare(struct launcher *l)
{
	for (unsigned i = 0; i < HELPER_COUNT; i++) {
		l->children[i].audit = l->children[i].audit_peer = l->children[i].controller_end = -EBADF;
		l->children[i].keep = l->children[i].policy = l->children[i].program = -EBADF;
	}
	for (unsigned i = 0; i < nrows; i++) {
		struct child *c = &l->children[rows[i].id];
		int sockets[2], r;

		if (l->absent & 1u << rows[i].id)
			continue;
		c->row = &rows[i];
		c->policy = policy_memfd(l, &rows[i]);
		if (c->policy < 0 && c->policy != -EBADF)
			return c->policy;
		if (rows[i].id == HELPER_CONTROLLER) {
			c->audit = l->listening[SOCKET_MAIN];
			c->keep = l->state_dir;
			continue;
		}
		c->keep = memfd_shared("keep", sizeof(struct keep));
		if (c->keep < 0)
			return c->keep;
		if (rows[i].id == HELPER_AUDIT) {
			c->audit = l->audit_log;
			continue;
		}
		r = pass_pair(sockets);
		if (r < 0)
			return r;
		c->audit = sockets[0];
		c->audit_peer = sockets[1];
	}
	return 0;
}

/* Containers inherit what the launcher has: as many files as the kernel gives, and an out-of-memory score that spares
 * the engine first (both need CAP_SYS_RESOURCE to go beyond what we were given). */
static void raise_own_limits(void)
{
	struct rlimit files = { 1048576, 1048576 }, old;

	if (getrlimit(RLIMIT_NOFILE, &old) == 0 && setrlimit(RLIMIT_NOFILE, &files) < 0) {
		old.rlim_cur = old.rlim_max;
		setrlimit(RLIMIT_NOFILE, &old);
	}
}

/* In the background nothing of the caller's is held open: its pipe would never end. */
static int to_background(struct launcher *l)
{
	const char *log = l->config.log[0] ? l->config.log : "/dev/null";
	_cleanup_close_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	_cleanup_close_ int fd = open(log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);

	if (null < 0 || fd < 0) {
		log_error("%s: %s", log, strerror(errno));
		return -errno;
	}
	if (l->config.log[0] && dup2(fd, STDERR_FILENO) < 0)
		return -errno;
	if (l->config.daemon && (daemon(/* nochdir= */ 0, /* noclose= */ 1) < 0 || dup2(null, STDIN_FILENO) < 0 ||
				 dup2(null, STDOUT_FILENO) < 0 || (!l->config.log[0] && dup2(null, STDERR_FILENO) < 0)))
		return -errno;
	return 0;
}

#define STEP(what, call)                                                                  \
	do {                                                                              \
		r = (call);                                                               \
		if (r < 0) {                                                              \
			log_error("%s: %s", what, strerror(-r));                          \
			return r;                                                         \
		}                                                                         \
	} while (0)

static int prepare(struct launcher *l)
{
	/* What stays: restarting a child in its namespaces with its ids and capabilities, killing and cleaning up. */
	const uint64_t kept = CAP_BIT(CAP_SETUID) | CAP_BIT(CAP_SETGID) | CAP_BIT(CAP_SETPCAP) |
			      CAP_BIT(CAP_SYS_ADMIN) | CAP_BIT(CAP_KILL) | CAP_BIT(CAP_DAC_OVERRIDE) |
			      CAP_BIT(CAP_DAC_READ_SEARCH) | CAP_BIT(CAP_NET_ADMIN) | CAP_BIT(39 /* CAP_BPF */) |
			      CAP_BIT(CAP_CHOWN) | CAP_BIT(CAP_SYS_CHROOT) | CAP_BIT(CAP_FOWNER) | CAP_BIT(CAP_MKNOD) |
			      CAP_BIT(CAP_FSETID) | CAP_BIT(CAP_SETFCAP);
	int r;

	raise_own_limits();
	STEP("directories", dirs_resolve(l));
	if (!(l->absent & 1u << HELPER_CGROUP))
		STEP("cgroups", cgroups_create(l));
	STEP("policy", policy_load(l));
	STEP("directories", dirs_create(l));
	STEP("namespaces", namespaces_create(l));
	l->proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	STEP("sockets", pass_pair(l->lookup_mount));
	STEP("sockets", pass_pair(l->idmap_mount));
	STEP("sockets", pass_pair(l->mount_seal));
	STEP("sockets", pass_pair(l->device_box));
	STEP("socket", dirs_listen(l));
	STEP("programs", children_prepare(l));
	free(l->policy);
	l->policy = NULL;
	STEP("capabilities", sandbox_caps_set(kept));
	return 0;
}

/* Links and rules outlive who made them: those who may touch them remove them. */
static void networks_remove(struct launcher *l)
{
	if (policy_facts(l) < 0)
		return;
	for (unsigned i = 0; i < nrows; i++) {
		struct child c = {
			.row = &rows[i], .purging = true, .audit = -EBADF, .controller_end = -EBADF, .program = -EBADF
		};

		if ((c.row->id != HELPER_VETH && c.row->id != HELPER_FIREWALL) || l->absent & 1u << c.row->id)
			continue;
		c.policy = policy_memfd(l, c.row);
		c.keep = memfd_shared("keep", sizeof(struct keep));
		if (child_start(l, &c) == 0)
			waitpid(c.pid, NULL, 0);
		close_fd(c.policy);
		close_fd(c.keep);
		close_fd(c.controller_end);
	}
}

/* With the lock: whatever has the engine's names is this launcher's to end. */
static int run(struct launcher *l)
{
	int r;

	l->policy = calloc(1, sizeof(*l->policy));
	STEP("policy", l->policy ? 0 : -ENOMEM);
	STEP("another launcher", dirs_lock(l));
	if (l->config.purge) {
		networks_remove(l);
		cgroups_remove(l, /* containers= */ true);
		return dirs_purge(l);
	}
	r = prepare(l);
	if (r == 0)
		r = supervise(l);
	for (unsigned i = 0; i < SOCKET_COUNT; i++)
		if (l->listening[i] >= FD_CHANNEL + l->npassed)
			unlink(l->config.sockets[i]);
	cgroups_remove(l, /* containers= */ false);
	return r;
}

int main(int argc, char **argv)
{
	static struct launcher l = {
		.config = { .data = "/var/lib/postern", .run = "/run/postern", .policy = "/etc/postern/policy.json",
			    .cgroup = "postern", .journal = "/run/systemd/journal/socket",
			    .ids_base = IDS_DEFAULT_BASE },
		.ids = { .count = IDS_PER_ENGINE, .store_first = FOREIGN_FIRST, .nmap = 1, .map = { { 0, MAP_SIZE } } },
		.range_ns = -EBADF, .netns = -EBADF, .control = { -EBADF, -EBADF }, .kmsg = -EBADF,
		.listening = { -EBADF, -EBADF, -EBADF },
	};
	const char *for_whom = getenv("LISTEN_PID"), *passed = getenv("LISTEN_FDS");
	int r;

	log_init("postern-launcher", LOG_LEVEL_INFO);
	l.npassed = for_whom && passed && atoi(for_whom) == getpid() ? atoi(passed) : 0;
	if (options_read(argc, argv, &l) < 0)
		return 2;
	if (!l.ids.user)
		l.absent = 1u << HELPER_FORWARD; /* the kernel forwards */
	if (geteuid() != 0) {
		log_error("only root starts this; postern-user starts the engine of an ordinary user");
		return 2;
	}
	r = fd_devs_read(&l.devs);
	if (r < 0)
		log_error("/proc: %s", strerror(-r));
	if (r == 0 && !l.config.purge)
		r = to_background(&l);
	if (r == 0)
		r = run(&l);
	return r < 0;
}
