/* main.c - postern-user: what an ordinary user starts. Works out where that user's engine lives, checks the places,
 * enters a user namespace as its root and runs postern-launcher there, which then goes on as it does for root. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/fd.h"
#include "../base/log.h"
#include "../base/text.h"
#include "user.h"

static const char usage[] =
	"Usage: postern-user [options]\n"
	"Starts the engine of an ordinary user. Nothing of it is installed by root or runs as root.\n"
	"  --data DIR        images, containers, state, audit log ($XDG_DATA_HOME/postern, ~/.local/share/postern)\n"
	"  --run DIR         socket, status ($XDG_RUNTIME_DIR/postern, /tmp/postern-UID)\n"
	"  --policy FILE     ($XDG_CONFIG_HOME/postern/policy.json, or the one that comes with the programs;\n"
	"                    what /etc/postern/user.json does not allow is not allowed, when root has written it)\n"
	"  --bin DIR         programs (the directory of this one)\n"
	"  --cgroup NAME     directory below the root of each cgroup hierarchy that root has given to this user (the\n"
	"                    cgroup that we are started in, if it is delegated; else there are no limits)\n"
	"  --also SOCKET     a second socket; --read SOCKET: one that gives no right but to read\n"
	"  --journal SOCKET  of the log driver journald (/run/systemd/journal/socket)\n"
	"  --log FILE        messages of all programs (standard error)\n"
	"  --daemon          go to the background\n"
	"  --single-id       map no subordinate ids, though there are some\n"
	"  --purge           end what runs and remove data and status for good; do not start\n";

enum { ARGS_MAX = 24, PROGRAM_MAX = 64 << 20 };
enum { EXIT_USAGE = 2, EXIT_CANNOT = 3 /* an engine cannot be here; it said why */, EXIT_BUSY = 4 /* one is */ };

static int parse(int argc, char **argv, struct config *c)
{
	static const struct option options[] = {
		{ "data", 1, NULL, 'd' }, { "run", 1, NULL, 'r' }, { "policy", 1, NULL, 'p' }, { "bin", 1, NULL, 'b' },
		{ "cgroup", 1, NULL, 'c' }, { "log", 1, NULL, 'l' }, { "also", 1, NULL, 'A' },
		{ "journal", 1, NULL, 'j' },
		{ "read", 1, NULL, 'o' }, { "daemon", 0, NULL, 'D' }, { "purge", 0, NULL, 'P' },
		{ "single-id", 0, NULL, 's' }, { "help", 0, NULL, 'h' }, { NULL, 0, NULL, 0 },
	};
	int o, r = 0;

	while (r == 0 && (o = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (o) {
		case 'd': r = text_copy(c->data, sizeof(c->data), optarg); break;
		case 'r': r = text_copy(c->run, sizeof(c->run), optarg); break;
		case 'p': r = text_copy(c->policy, sizeof(c->policy), optarg); break;
		case 'b': r = text_copy(c->bin, sizeof(c->bin), optarg); break;
		case 'c': r = text_copy(c->cgroup, sizeof(c->cgroup), optarg); break;
		case 'l': r = text_copy(c->log, sizeof(c->log), optarg); break;
		case 'A': r = text_copy(c->sockets[SOCKET_ALSO], SOCKET_PATH_SIZE, optarg); break;
		case 'o': r = text_copy(c->sockets[SOCKET_READ], SOCKET_PATH_SIZE, optarg); break;
		case 'j': r = text_copy(c->journal, sizeof(c->journal), optarg); break;
		case 'D': c->daemon = true; break;
		case 's': c->single_id = true; break;
		case 'P': c->purge = true; break;
		case 'h': fputs(usage, stdout); exit(0);
		default: r = -EINVAL;
		}
	}
	if (r == 0 && optind != argc)
		r = -EINVAL;
	if (r == 0 && (!path_valid(c->data, strlen(c->data)) || !path_valid(c->run, strlen(c->run)))) {
		log_error("--data and --run are absolute paths");
		r = -EINVAL;
	}
	if (r == 0 && (c->cgroup[0] == '/' || strstr(c->cgroup, ".."))) {
		log_error("--cgroup is a path below the root, without '..'");
		r = -EINVAL;
	}
	return r;
}

struct args {
	unsigned n;
	char *v[ARGS_MAX + 1];
};

static void __attribute__((format(printf, 2, 3))) add(struct args *a, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (a->n < ARGS_MAX && vasprintf(&a->v[a->n], format, args) > 0)
		a->n++;
	va_end(args);
}

/* All that the launcher would otherwise take from where root's engine lives. */
static void make_args(const struct config *c, const struct ids *ids, bool cgroups, int range_ns, int netns,
		      struct args *a)
{
	const unsigned networks = 1u << HELPER_VETH | 1u << HELPER_FIREWALL | 1u << HELPER_FORWARD;
	char map[POLICY_MAP_TEXT] = "";
	size_t at = 0;

	for (unsigned i = 0; i < ids->nmap; i++)
		at += (size_t)snprintf(map + at, sizeof(map) - at, "%s%u:%u", i ? "," : "", ids->map[i].first,
				       ids->map[i].count);
	add(a, "postern-launcher");
	add(a, "--data=%s", c->data);
	add(a, "--run=%s", c->run);
	add(a, "--policy=%s", c->policy);
	add(a, "--bin=%s", c->bin);
	add(a, "--home=%s", c->home);
	if (c->narrower[0])
		add(a, "--narrower=%s", c->narrower);
	add(a, "--ids=%u", ids->single ? 0 : OWN_FIRST);
	add(a, "--ranges=%u-%u", RANGE_FIRST, RANGE_FIRST + MAP_SIZE - 1);
	add(a, "--user-map=%s", map);
	add(a, "--absent=%u", 1u << HELPER_DEVICE | (cgroups ? 0 : 1u << HELPER_CGROUP) | (netns >= 0 ? 0 : networks));
	if (netns >= 0)
		add(a, "--netns=%d", netns);
	if (cgroups)
		add(a, "--cgroup=%s", c->cgroup);
	if (range_ns >= 0)
		add(a, "--range-ns=%d", range_ns);
	if (c->sockets[SOCKET_ALSO][0])
		add(a, "--also=%s", c->sockets[SOCKET_ALSO]);
	if (c->sockets[SOCKET_READ][0])
		add(a, "--read=%s", c->sockets[SOCKET_READ]);
	if (c->journal[0])
		add(a, "--journal=%s", c->journal);
	if (c->log[0])
		add(a, "--log=%s", c->log);
	if (c->daemon)
		add(a, "--daemon");
	if (c->purge)
		add(a, "--purge");
}

/* The launcher, to be executed: root's file as it is, else a sealed copy, since its owner is the containers' root. */
static int open_launcher(const struct config *c)
{
	_cleanup_close_ int file = -EBADF;
	_cleanup_free_ char *text = NULL;
	char path[PATH_SIZE + 32];
	struct stat st;
	size_t n;
	int r;

	snprintf(path, sizeof(path), "%s/postern-launcher", c->bin);
	file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0 || fstat(file, &st) < 0) {
		r = -errno;
		log_error("%s: %s", path, strerror(-r));
		return r;
	}
	if (st.st_uid == 0 && !(st.st_mode & 022))
		return TAKE_FD(file);
	r = fd_read_all(file, PROGRAM_MAX, &text, &n);
	return r < 0 ? r : memfd_sealed("postern-launcher", text, n);
}

/* Everything that needs the user's own rights on the host, then everything that needs those in the namespace. */
static int run(struct config *c)
{
	_cleanup_close_ int launcher = -EBADF;
	struct args args = { 0 };
	struct ids ids;
	int r, run_dir = -EBADF, range_ns;
	bool cgroups;

	if (c->purge && access(c->run, F_OK) < 0 && access(c->data, F_OK) < 0)
		return 0;
	r = places_narrower(c);
	if (r == 0)
		r = check_paths(c);
	if (r == 0)
		r = places_take(c, &run_dir);
	if (r == 0)
		r = launcher = open_launcher(c);
	if (r >= 0)
		r = ids_find(c->single_id, &ids);
	if (r == 0)
		r = enter(&ids, run_dir);
	if (r == 0 && !c->purge)
		r = check_data(c, &ids);
	if (r < 0)
		return r;
	if (c->purge) {
		monitors_kill(run_dir);
		network_end(run_dir);
	}
	range_ns = monitors_range(run_dir);
	if (range_ns >= 0)
		fcntl(range_ns, F_SETFD, 0);
	cgroups = delegate_find(c, run_dir, range_ns >= 0);
	make_args(c, &ids, cgroups, range_ns, c->purge ? -EBADF : network_take(c, run_dir), &args);
	fexecve(launcher, args.v, environ);
	log_error("postern-launcher: %s", strerror(errno));
	return -errno;
}

int main(int argc, char **argv)
{
	static struct config c;
	int r;

	log_init("postern-user", LOG_LEVEL_INFO);
	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		fputs(usage, stdout); /* root may ask what it is, too */
		return 0;
	}
	if (geteuid() == 0) {
		log_error("root starts postern-launcher; this is for ordinary users");
		return EXIT_USAGE;
	}
	if (places_default(&c) < 0)
		return EXIT_CANNOT;
	if (parse(argc, argv, &c) < 0) {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	r = run(&c);
	return r == -EBUSY ? EXIT_BUSY : r < 0 ? EXIT_CANNOT : 0;
}
