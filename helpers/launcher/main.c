/* main.c - postern-launcher: options, then directories, cgroups, namespaces, programs, in this order. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
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
#include "../base/sandbox.h"
#include "../base/text.h"
#include "../protocol/server.h"
#include "launcher.h"

static const char usage[] =
	"Usage: postern-launcher [options]\n"
	"Starts the engine: reads root's policy, makes what the helpers need, runs and supervises them.\n"
	"Only root starts it like this: an ordinary user starts postern-user.\n"
	"  --data DIR        images, containers, state, audit log (/var/lib/postern)\n"
	"  --run DIR         socket, status (/run/postern)\n"
	"  --policy FILE     (/etc/postern/policy.json)\n"
	"  --bin DIR         programs (the directory of this one)\n"
	"  --cgroup NAME     directory below each cgroup hierarchy (postern)\n"
	"  --ids FIRST       first of the engine's own 24 uids and gids (60706)\n"
	"  --ranges A-B      container ids (as the policy says)\n"
	"  --also SOCKET     a second socket, such as /run/docker.sock; --read SOCKET: one that gives no right but to read\n"
	"  --group NAME      group that may connect to the sockets (everyone; the policy decides what they may do)\n"
	"  --log FILE        messages of all programs (standard error)\n"
	"  --daemon          go to the background\n"
	"  --purge           end what runs and remove data, cgroups and status for good; do not start\n"
	"By postern-user only, in the namespace of an ordinary user's engine:\n"
	"  --user-map MAP    the ids of its containers, FIRST:COUNT,...\n"
	"  --absent BITS     programs that cannot be had there, by their numbers\n"
	"  --range-ns FD     the range namespace of containers that run already\n";

static int parse_ranges(const char *text, struct config *c)
{
	char *end;
	unsigned long first = strtoul(text, &end, 10), last;

	if (*end != '-')
		return -EINVAL;
	last = strtoul(end + 1, &end, 10);
	if (*end || last <= first || last >= FOREIGN_FIRST)
		return -EINVAL;
	c->range_first = (uint32_t)first;
	c->range_last = (uint32_t)last;
	return 0;
}

static void default_bin(struct config *c)
{
	ssize_t n = readlink("/proc/self/exe", c->bin, sizeof(c->bin) - 1);
	char *slash;

	c->bin[n < 0 ? 0 : n] = '\0';
	slash = strrchr(c->bin, '/');
	if (slash)
		*slash = '\0';
}

/* "0:65512,65534:1": ascending, from 0 on. With more ids than that one the engine has its own beside them. */
static int parse_map(const char *text, struct ids *ids)
{
	char copy[POLICY_MAP_TEXT], *rest = copy, *count;
	uint64_t next = 0, first, n;

	*ids = (struct ids){ .user = true };
	if (text_copy(copy, sizeof(copy), text) < 0)
		return -EINVAL;
	while ((count = strsep(&rest, ","))) {
		const char *number = strsep(&count, ":");

		if (!count || ids->nmap == POLICY_EXTENTS_MAX || text_u64(number, MAP_SIZE - 1, &first) < 0 ||
		    text_u64(count, MAP_SIZE - first, &n) < 0 || first < next || n == 0)
			return -EINVAL;
		ids->map[ids->nmap++] = (struct policy_extent){ (uint32_t)first, (uint32_t)n };
		next = first + n;
	}
	ids->count = next > 1 ? IDS_PER_ENGINE : 0;
	return ids->map[0].first == 0 ? 0 : -EINVAL;
}

/* In the first one the container ids of a user's engine would be those of the host's own users. */
static bool in_first_userns(void)
{
	struct stat st;

	return stat("/proc/self/ns/user", &st) < 0 || st.st_ino == 0xeffffffdu /* PROC_USER_INIT_INO */;
}

static int parse(int argc, char **argv, struct launcher *l)
{
	static const struct option options[] = {
		{ "data", 1, NULL, 'd' }, { "run", 1, NULL, 'r' }, { "policy", 1, NULL, 'p' }, { "bin", 1, NULL, 'b' },
		{ "cgroup", 1, NULL, 'c' }, { "ids", 1, NULL, 'i' }, { "ranges", 1, NULL, 'R' },
		{ "group", 1, NULL, 'g' }, { "log", 1, NULL, 'l' },
		{ "also", 1, NULL, 'A' }, { "read", 1, NULL, 'o' }, { "daemon", 0, NULL, 'D' },
		{ "purge", 0, NULL, 'P' }, { "user-map", 1, NULL, 'u' }, { "absent", 1, NULL, 'a' },
		{ "range-ns", 1, NULL, 'n' }, { "narrower", 1, NULL, 'N' }, { "home", 1, NULL, 'H' }, { "help", 0, NULL, 'h' }, { NULL, 0, NULL, 0 },
	};
	const uint32_t dispensable = 1u << HELPER_CGROUP | 1u << HELPER_DEVICE | 1u << HELPER_VETH |
				     1u << HELPER_FIREWALL;
	struct config *c = &l->config;
	uint64_t number;
	int o, r = 0;

	text_copy(c->cgroup, sizeof(c->cgroup), "postern");
	c->ids_base = IDS_DEFAULT_BASE;
	default_bin(c);
	text_copy(c->data, sizeof(c->data), "/var/lib/postern");
	text_copy(c->run, sizeof(c->run), "/run/postern");
	text_copy(c->policy, sizeof(c->policy), "/etc/postern/policy.json");
	while (r == 0 && (o = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (o) {
		case 'd': r = text_copy(c->data, sizeof(c->data), optarg); break;
		case 'r': r = text_copy(c->run, sizeof(c->run), optarg); break;
		case 'p': r = text_copy(c->policy, sizeof(c->policy), optarg); break;
		case 'b': r = text_copy(c->bin, sizeof(c->bin), optarg); break;
		case 'c': r = text_copy(c->cgroup, sizeof(c->cgroup), optarg); break;
		case 'g': r = text_copy(c->group, sizeof(c->group), optarg); break;
		case 'A': r = text_copy(c->sockets[SOCKET_ALSO], SOCKET_PATH_SIZE, optarg); break;
		case 'o': r = text_copy(c->sockets[SOCKET_READ], SOCKET_PATH_SIZE, optarg); break;
		case 'l': r = text_copy(c->log, sizeof(c->log), optarg); break;
		case 'R': r = parse_ranges(optarg, c); break;
		case 'i':
			r = text_u64(optarg, FOREIGN_FIRST - IDS_PER_ENGINE, &number);
			c->ids_base = (uint32_t)number;
			break;
		case 'D': c->daemon = true; break;
		case 'u': r = in_first_userns() ? -EPERM : parse_map(optarg, &l->ids); break;
		case 'a':
			r = text_u64(optarg, UINT32_MAX, &number);
			l->absent = (uint32_t)number;
			break;
		/* setns(2) takes it only when it is one below our own. */
		case 'n':
			r = text_u64(optarg, INT32_MAX, &number);
			l->range_ns = (int)number;
			break;
		case 'N': r = text_copy(c->narrower, sizeof(c->narrower), optarg); break;
		case 'H': r = text_copy(c->home, sizeof(c->home), optarg); break;
		case 'P': c->purge = true; break;
		case 'h': fputs(usage, stdout); exit(0);
		default: r = -EINVAL;
		}
		if (r < 0 && o != '?')
			log_error("option %s: not a usable value: %s", argv[optind - 1], optarg);
	}
	if (r == 0 && (optind != argc || (!l->ids.user && (l->absent || l->range_ns >= 0)) ||
		       (l->absent & ~dispensable)))
		r = -EINVAL;
	/* Two levels down are named below it: R/containers, R/helpers. */
	if (r == 0 && (!path_valid(c->data, strlen(c->data)) || !path_valid(c->run, strlen(c->run)) ||
		       c->cgroup[0] == '/' || strstr(c->cgroup, "..") || !strcmp(c->data, "/") ||
		       !strcmp(c->run, "/"))) {
		log_error("--data and --run are absolute paths, --cgroup a name without '..'");
		r = -EINVAL;
	}
	return r;
}

static int pair(int sockets[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0 ? -errno : 0;
}

/* Its part of the policy. In the range namespace the engine's ids may have other numbers. */
static int policy_memfd(struct launcher *l, const struct row *row)
{
	size_t size = 0;
	struct policy_common *part = (struct policy_common *)policy_part(&l->policy, row->id, &size);

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
		r = pair(sockets);
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
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int fd = open(log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);

	if (null < 0 || fd < 0) {
		log_error("%s: %s", log, strerror(errno));
		return -errno;
	}
	if (l->config.log[0] && dup2(fd, STDERR_FILENO) < 0)
		return -errno;
	if (l->config.daemon && (daemon(/* nochdir= */ 0, /* noclose= */ 1) < 0 || dup2(null, STDIN_FILENO) < 0 ||
				 dup2(null, STDOUT_FILENO) < 0 || (!l->config.log[0] && dup2(null, STDERR_FILENO) < 0)))
		return -errno;
	close_fd(null);
	close_fd(fd);
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
			      CAP_BIT(CAP_CHOWN) | CAP_BIT(CAP_SYS_CHROOT) | CAP_BIT(CAP_FOWNER) | CAP_BIT(CAP_MKNOD) | CAP_BIT(CAP_FSETID) |
			      CAP_BIT(CAP_SETFCAP);
	int r;

	raise_own_limits();
	STEP("directories", dirs_resolve(l));
	if (!(l->absent & 1u << HELPER_CGROUP))
		STEP("cgroups", cgroups_create(l));
	STEP("policy", policy_load(l));
	STEP("directories", dirs_create(l));
	STEP("namespaces", namespaces_create(l));
	l->proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	STEP("sockets", pair(l->lookup_mount));
	STEP("sockets", pair(l->idmap_mount));
	STEP("sockets", pair(l->mount_seal));
	STEP("sockets", pair(l->device_box));
	STEP("socket", dirs_listen(l));
	STEP("programs", children_prepare(l));
	STEP("capabilities", sandbox_caps_set(kept));
	return 0;
}

/* Links and rules outlive who made them: those who may touch them remove them. */
static void networks_remove(struct launcher *l)
{
	if (policy_facts(l) < 0)
		return;
	for (unsigned i = 0; i < nrows; i++) {
		struct child c = { .row = &rows[i], .purging = true, .audit = -EBADF, .controller_end = -EBADF, .program = -EBADF };

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
			unlink(l->policy.controller.sockets[i]);
	cgroups_remove(l, /* containers= */ false);
	return r;
}

int main(int argc, char **argv)
{
	static struct launcher l = {
		.ids = { .count = IDS_PER_ENGINE, .store_first = FOREIGN_FIRST, .nmap = 1, .map = { { 0, MAP_SIZE } } },
		.range_ns = -EBADF, .control = { -EBADF, -EBADF }, .kmsg = -EBADF, .listening = { -EBADF, -EBADF, -EBADF },
	};
	const char *for_whom = getenv("LISTEN_PID"), *passed = getenv("LISTEN_FDS");
	int r;

	log_init("postern-launcher", LOG_LEVEL_INFO);
	l.npassed = for_whom && passed && atoi(for_whom) == getpid() ? atoi(passed) : 0;
	if (parse(argc, argv, &l) < 0) {
		fputs(usage, stderr);
		return 2;
	}
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
