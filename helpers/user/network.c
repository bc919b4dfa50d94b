/* network.c - the network namespace of a user's engine, and the process that keeps it.
 *
 * It is owned by the engine's user namespace, so that veth and firewall have their privilege there and nowhere else.
 * Its way out is pasta(1), or slirp4netns(1): programs of the distribution's that make a tap device in it and ordinary
 * sockets outside.
 *
 * The keeper holds the namespace and the uplink as long as an engine is connected to RUN/network.sock or a container
 * runs: an engine that is started again finds the bridges that its containers are at. It takes nothing from anyone;
 * whoever can connect is the user. */
#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/clock.h"
#include "../base/fd.h"
#include "../base/log.h"
#include "../base/pass.h"
#include "../base/sys.h"
#include "../base/text.h"
#include "../shared/uplink.h"
#include "user.h"

enum {
	UPLINK_ARGS = 20, UPLINK_MS = 3000, STEP_MS = 5,
	END_MS = 3000, FIRST_MS = 10000, STEADY_S = 60, RESTARTS_MAX = 5,
};
static const char socket_name[] = "network.sock", netns_name[] = "netns";
static const char here[] = ""; /* in a command: the path of the namespace */

/* In the order in which they are tried. No port of the host leads in, and the host's loopback is nobody's to reach. */
static const char *const uplinks[][UPLINK_ARGS] = {
	{ "pasta", "--foreground", "--quiet", "--config-net", "--no-map-gw", "-t", "none", "-u", "none", "-T", "none",
	  "-U", "none", "--netns-only", "--netns", here },
	{ "slirp4netns", "--configure", "--mtu=65520", "--disable-host-loopback", "--disable-dns", "--enable-ipv6",
	  "--netns-type=path", here, "tap0" },
};

struct keeper {
	int run, listener, signals;
	int ns, probe[2]; /* the namespace; sockets in it, to ask about its routes: IPv4, IPv6 if there is any */
	int engine; /* -EBADF: none is connected */
	int container; /* then: the pidfd of a monitor */
	pid_t uplink; /* 0: there is none */
	uint64_t uplink_ns; /* since then */
	unsigned restarts; /* of one that does not stay */
	char path[PATH_SIZE + 16];
};

static int address_of(int run_dir, struct sockaddr_un *ret)
{
	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	return text_format(ret->sun_path, sizeof(ret->sun_path), "/proc/self/fd/%d/%s", run_dir, socket_name);
}

/* --- the namespace --------------------------------------------------------------------------------------------- */

static int loopback_up(int fd)
{
	struct ifreq lo = { .ifr_name = "lo" };

	if (ioctl(fd, SIOCGIFFLAGS, &lo) < 0)
		return -errno;
	lo.ifr_flags |= IFF_UP;
	return ioctl(fd, SIOCSIFFLAGS, &lo) < 0 ? -errno : 0;
}

static int make_inside(int to)
{
	const struct iovec byte = { &(char){ 0 }, 1 };
	int fds[3] = { -EBADF, -EBADF, -EBADF }, r;

	if (unshare(CLONE_NEWNET) < 0)
		return -errno;
	fds[0] = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	r = fds[0] < 0 ? -errno : uplink_probe(fds + 1);
	if (r == 0)
		r = loopback_up(fds[1]);
	return r < 0 ? r : pass_send(to, &byte, 1, fds, fds[2] < 0 ? 2 : 3, 0);
}

/* By a child, since nobody but root comes back into the host's. */
static int netns_make(struct keeper *k)
{
	struct iovec byte = { &(char){ 0 }, 1 };
	int pair[2], fds[3] = { -EBADF, -EBADF, -EBADF }, status, r;
	size_t n = 0;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	pid = fork();
	if (pid == 0)
		_exit(-make_inside(pair[1]));
	close_fd(pair[1]);
	r = pid < 0 ? -errno : (int)pass_receive(pair[0], &byte, 1, fds, 3, &n, 0);
	close_fd(pair[0]);
	if (pid > 0 && waitpid(pid, &status, 0) == pid && (r < 0 || n < 2))
		r = WIFEXITED(status) && WEXITSTATUS(status) ? -WEXITSTATUS(status) : -EIO;
	if (r < 0)
		return r;
	k->ns = fds[0];
	memcpy(k->probe, fds + 1, sizeof(k->probe));
	return 0;
}

/* A name for it that an uplink can open, in a mount namespace that nobody else is in. */
static int netns_name_it(struct keeper *k, const char *run)
{
	_cleanup_close_ int file = openat(k->run, netns_name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	char source[32];
	int r = file < 0 ? -errno : text_format(k->path, sizeof(k->path), "%s/%s", run, netns_name);

	if (r < 0)
		return r;
	snprintf(source, sizeof(source), "/proc/self/fd/%d", k->ns);
	if (unshare(CLONE_NEWNS) < 0 || mount("", "/", NULL, MS_SLAVE | MS_REC, NULL) < 0 ||
	    mount(source, k->path, NULL, MS_BIND, NULL) < 0)
		return -errno;
	return 0;
}

/* --- the way out ----------------------------------------------------------------------------------------------- */

static bool leads_out(const struct keeper *k)
{
	return uplink_leads_out(k->probe, AF_INET) || uplink_leads_out(k->probe, AF_INET6);
}

static void __attribute__((noreturn)) run_uplink(const struct keeper *k, const char *const *command)
{
	const char *argv[UPLINK_ARGS + 1];
	sigset_t none;
	size_t n = 0;

	for (; n < UPLINK_ARGS && command[n]; n++)
		argv[n] = command[n] == here ? k->path : command[n];
	argv[n] = NULL;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	execvp(argv[0], (char *const *)argv);
	_exit(errno == ENOENT ? 127 : 126);
}

/* Until it has made a route, or ended: 0, -ENOENT (there is no such program), -EIO (it said why). */
static int start_uplink(struct keeper *k, const char *const *command)
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (pid == 0)
		run_uplink(k, command);
	for (int ms = 0; ms < UPLINK_MS; ms += STEP_MS) {
		if (leads_out(k)) {
			k->uplink = pid;
			k->uplink_ns = clock_ns();
			return 0;
		}
		if (waitpid(pid, &status, WNOHANG) == pid)
			return WIFEXITED(status) && WEXITSTATUS(status) == 127 ? -ENOENT : -EIO;
		poll(NULL, 0, STEP_MS);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return -EIO;
}

static void find_uplink(struct keeper *k)
{
	bool any = false;

	for (size_t i = 0; i < ARRAY_SIZE(uplinks); i++) {
		int r = start_uplink(k, uplinks[i]);

		if (r == 0) {
			log_info("containers reach the outside by %s", uplinks[i][0]);
			return;
		}
		any = any || r != -ENOENT;
		if (r != -ENOENT)
			log_warn("%s gives no way out of containers' networks; postern doctor looks for the reason",
				 uplinks[i][0]);
	}
	if (!any)
		log_warn("containers' networks have no way out: neither pasta nor slirp4netns is installed "
			 "(apt-get install passt)");
}

/* One that does not stay is not started for ever. */
static void uplink_again(struct keeper *k)
{
	if (clock_ns() - k->uplink_ns > STEADY_S * UINT64_C(1000000000))
		k->restarts = 0;
	if (k->restarts++ < RESTARTS_MAX) {
		log_warn("the way out of containers' networks has ended: it is made again");
		find_uplink(k);
	} else {
		log_warn("the way out of containers' networks does not stay: the next start of the engine "
			 "makes it again");
	}
}

static void end_uplink(struct keeper *k)
{
	if (k->uplink <= 0)
		return;
	kill(k->uplink, SIGKILL);
	waitpid(k->uplink, NULL, 0);
	k->uplink = 0;
}

/* --- the keeper ------------------------------------------------------------------------------------------------ */

/* Nothing of what postern-user has open stays open in here, its locks least of all. */
static int settle(const struct config *c, struct keeper *k)
{
	enum { own_run = STDERR_FILENO + 1, own_listener, first = 100 };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int log = c->log[0] ? open(c->log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640) : c->daemon ? null : -EBADF;
	sigset_t set;

	/* Above what may be open, then to where everything above them can be closed. */
	k->run = fcntl(open(c->run, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), F_DUPFD_CLOEXEC, first);
	k->listener = fcntl(k->listener, F_DUPFD_CLOEXEC, first);
	if (null < 0 || k->run < 0 || k->listener < 0 || dup2(null, STDIN_FILENO) < 0 ||
	    dup2(null, STDOUT_FILENO) < 0 || (log >= 0 && dup2(log, STDERR_FILENO) < 0) ||
	    dup3(k->run, own_run, O_CLOEXEC) < 0 || dup3(k->listener, own_listener, O_CLOEXEC) < 0 ||
	    sys_close_range(own_listener + 1, ~0u, 0) < 0)
		return -errno;
	k->run = own_run;
	k->listener = own_listener;
	setsid();
	prctl(PR_SET_NAME, "postern-network");
	prctl(PR_SET_DUMPABLE, 0);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	k->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return k->signals < 0 ? -errno : 0;
}

/* Without an engine nobody reads what is said: its caller's pipe is not to be held open by us. */
static void be_quiet(const struct config *c)
{
	int null = c->log[0] || c->daemon ? -EBADF : open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null >= 0)
		dup2(null, STDERR_FILENO);
	close_fd(null);
}

static void take_engine(struct keeper *k)
{
	const struct iovec byte = { &(char){ 0 }, 1 };
	int fd = accept4(k->listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return;
	close_fd(k->engine);
	k->engine = fd;
	k->container = close_fd(k->container);
	k->restarts = 0;
	if (k->uplink == 0)
		find_uplink(k);
	pass_send(fd, &byte, 1, &k->ns, 1, MSG_DONTWAIT);
}

static void take_signals(struct keeper *k, bool *stop)
{
	struct signalfd_siginfo info;

	while (read(k->signals, &info, sizeof(info)) == sizeof(info))
		*stop = *stop || info.ssi_signo == SIGTERM;
	if (k->uplink > 0 && waitpid(k->uplink, NULL, WNOHANG) == k->uplink) {
		k->uplink = 0;
		uplink_again(k);
	}
}

/* False when neither an engine nor a container is there any more. */
static bool still_needed(const struct config *c, struct keeper *k)
{
	struct pollfd p[] = { { .fd = k->engine, .events = POLLIN }, { .fd = k->container, .events = POLLIN } };

	if (poll(p, ARRAY_SIZE(p), 0) < 0)
		return true;
	if (p[0].revents) {
		k->engine = close_fd(k->engine);
		be_quiet(c);
	}
	if (p[1].revents)
		k->container = close_fd(k->container);
	if (k->engine < 0 && k->container < 0)
		k->container = monitors_any(k->run);
	return k->engine >= 0 || k->container >= 0;
}

static void __attribute__((noreturn)) keep(const struct config *c, int listener, int listens)
{
	static struct keeper k = { .run = -EBADF, .ns = -EBADF, .engine = -EBADF, .container = -EBADF };
	bool stop = false, begun = false; /* begun: an engine has come; the first one has some time to */
	int r;

	/* By the process that is to be found as the one behind the socket (SO_PEERCRED). */
	if (listen(listener, 4) < 0 || write(listens, "", 1) != 1)
		_exit(1);
	k.listener = listener;
	r = settle(c, &k);
	if (r == 0)
		r = netns_make(&k);
	if (r == 0)
		r = netns_name_it(&k, c->run);
	if (r < 0) {
		log_error("network namespace: %s", strerror(-r));
		_exit(1);
	}
	do {
		struct pollfd p[] = { { .fd = k.listener, .events = POLLIN }, { .fd = k.signals, .events = POLLIN },
				      { .fd = k.engine, .events = POLLIN }, { .fd = k.container, .events = POLLIN } };

		r = poll(p, ARRAY_SIZE(p), begun ? -1 : FIRST_MS);
		if (r == 0 || (r < 0 && errno != EINTR))
			break;
		if (p[0].revents)
			take_engine(&k);
		if (p[1].revents)
			take_signals(&k, &stop);
		begun = begun || k.engine >= 0;
	} while (!stop && (!begun || still_needed(c, &k)));
	end_uplink(&k);
	umount2(k.path, MNT_DETACH);
	unlinkat(k.run, netns_name, 0);
	unlinkat(k.run, socket_name, 0);
	_exit(0);
}

/* --- for postern-user ------------------------------------------------------------------------------------------ */

/* Not our child: the launcher that we become waits for its own only. */
static int spawn_keeper(const struct config *c, int listener)
{
	int listens[2], r;
	char byte;
	pid_t pid;

	if (pipe2(listens, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid == 0) {
		if (fork() == 0)
			keep(c, listener, listens[1]);
		_exit(0);
	}
	r = pid < 0 ? -errno : 0;
	close_fd(listens[1]);
	if (r == 0 && read(listens[0], &byte, 1) != 1)
		r = -ECHILD;
	close_fd(listens[0]);
	waitpid(pid, NULL, 0);
	return r;
}

static int start_keeper(const struct config *c, int run_dir)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct sockaddr_un a;
	int r = fd < 0 ? -errno : address_of(run_dir, &a);
	mode_t mask = umask(0177);

	if (r == 0 && unlinkat(run_dir, socket_name, 0) < 0 && errno != ENOENT)
		r = -errno;
	if (r == 0 && bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		r = -errno;
	umask(mask);
	return r < 0 ? r : spawn_keeper(c, fd);
}

/* Connects to a keeper: the connection, which is the engine's sign of life; -ECONNREFUSED, -ENOENT. */
static int dial(int run_dir)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct sockaddr_un a;
	int r = fd < 0 ? -errno : address_of(run_dir, &a);

	if (r < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		return r < 0 ? r : -errno;
	return TAKE_FD(fd);
}

/* Its namespace, if that is one of the user namespace that we are in. */
static int receive(int fd)
{
	_cleanup_close_ int ns = -EBADF, owner = -EBADF, own = open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC);
	struct iovec byte = { &(char){ 0 }, 1 };
	size_t n = 0;
	int r = (int)pass_receive(fd, &byte, 1, &ns, 1, &n, 0);

	if (r < 0 || n != 1)
		return r < 0 ? r : -EIO;
	owner = ioctl(ns, NS_GET_USERNS);
	return owner >= 0 && fd_same(owner, own) ? TAKE_FD(ns) : -EPERM;
}

/* Waits for the end of one that we have told that nobody needs it, or makes it end. */
static void see_end(int fd, bool force)
{
	struct ucred who = { .pid = 0 };
	socklen_t n = sizeof(who);
	_cleanup_close_ int pidfd = -EBADF;
	struct pollfd end = { .events = POLLIN };

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) == 0 && who.pid > 0)
		end.fd = pidfd = sys_pidfd_open(who.pid);
	close_fd(fd);
	if (pidfd < 0)
		return;
	if (force)
		sys_pidfd_send_signal(pidfd, SIGTERM);
	if (poll(&end, 1, END_MS) != 1)
		sys_pidfd_send_signal(pidfd, SIGKILL);
}

int network_take(const struct config *c, int run_dir)
{
	int fd = dial(run_dir), ns, r;

	ns = fd < 0 ? fd : receive(fd);
	if (fd >= 0 && ns < 0) {
		see_end(fd, /* force= */ true); /* of another user namespace, or about to end */
		fd = -EBADF;
	}
	if (fd < 0) {
		r = start_keeper(c, run_dir);
		fd = r < 0 ? r : dial(run_dir);
		ns = fd < 0 ? fd : receive(fd);
	}
	if (ns < 0) {
		close_fd(fd);
		log_error("network namespace: %s", strerror(-ns));
		return ns;
	}
	/* Over exec: the connection as long as the launcher lives. */
	fcntl(fd, F_SETFD, 0);
	fcntl(ns, F_SETFD, 0);
	return ns;
}

void network_end(int run_dir)
{
	int fd = dial(run_dir);

	if (fd >= 0)
		see_end(fd, /* force= */ true);
}
