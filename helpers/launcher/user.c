/* user.c - the engine of an ordinary user: one user namespace in which everything else is as for root.
 *
 * Its id 0 is the user; 1..65533 and 65534 are ids of the user's subordinate ranges (subuid(5)), with a hole below 65534 when the
 * range is the usual 65536, since the engine's own ids come out of it too, as OWN_FIRST... in here. The distribution's newuidmap
 * and newgidmap write that map. Without them or a range one id is all there is: the kernel lets anyone map that. user_namespaces(7).
 *
 * Containers see these same ids, so the store holds them and nothing is id-mapped (the kernel would not let us); in the range
 * namespace they are shifted to RANGE_FIRST, so that there is no id 0 there and no container's map has to name one.
 *
 * Trusted: /etc/subuid and /etc/subgid; the options, which are the user's own. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/nsfs.h>
#include <pwd.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/fd.h"
#include "../base/log.h"
#include "../base/text.h"
#include "launcher.h"

enum {
	PIECES_MAX = 8, /* ranges of one user in one file */
	OWN_FIRST = MAP_SIZE, /* the engine's own ids, above those of containers */
	RANGE_FIRST = 16 * MAP_SIZE,
	WORDS_MAX = 3 * (1 + PIECES_MAX + 3),
};

struct piece {
	uint32_t first, count;
};

struct pieces {
	unsigned n;
	uint64_t total;
	struct piece v[PIECES_MAX];
};

/* Lines "name:first:count" or "uid:first:count". */
static void read_pieces(const char *path, const char *name, uid_t uid, struct pieces *ret)
{
	FILE *f = fopen(path, "re");
	char line[512], number[16];

	memset(ret, 0, sizeof(*ret));
	snprintf(number, sizeof(number), "%u", uid);
	while (f && fgets(line, sizeof(line), f) && ret->n < PIECES_MAX) {
		char *rest = line, *who = strsep(&rest, ":"), *first = strsep(&rest, ":"), *count = strsep(&rest, ":\n");
		uint64_t from, n;

		if (!count || (strcmp(who, name) != 0 && strcmp(who, number) != 0) || text_u64(first, UINT32_MAX - 1, &from) < 0 ||
		    text_u64(count, UINT32_MAX - from, &n) < 0 || n == 0)
			continue;
		ret->v[ret->n++] = (struct piece){ (uint32_t)from, (uint32_t)n };
		ret->total += n;
	}
	if (f)
		fclose(f);
}

/* What newuidmap takes: inside, outside, count, ... */
struct words {
	unsigned n;
	char text[WORDS_MAX][16];
};

static void add_extent(struct words *w, uint32_t inside, uint32_t outside, uint32_t count)
{
	snprintf(w->text[w->n++], sizeof(w->text[0]), "%u", inside);
	snprintf(w->text[w->n++], sizeof(w->text[0]), "%u", outside);
	snprintf(w->text[w->n++], sizeof(w->text[0]), "%u", count);
}

/* Takes count ids from the pieces for those from `inside` on. The pieces hold enough. */
static void add_pieces(struct words *w, struct pieces *p, uint32_t inside, uint32_t count)
{
	for (unsigned i = 0; i < p->n && count > 0; i++) {
		struct piece *k = &p->v[i];
		uint32_t n = k->count < count ? k->count : count;

		if (n == 0)
			continue;
		add_extent(w, inside, k->first, n);
		k->first += n;
		k->count -= n;
		inside += n;
		count -= n;
	}
}

/* Uids and gids may be cut at different places: what containers have is in parts that both know whole. */
static uint32_t part_at(const struct words *w, uint32_t id)
{
	for (unsigned i = 0; i + 2 < w->n; i += 3) {
		uint32_t first = (uint32_t)strtoul(w->text[i], NULL, 10), count = (uint32_t)strtoul(w->text[i + 2], NULL, 10);

		if (id - first < count)
			return first + count - id;
	}
	return 0;
}

static int make_map(struct ids *ids, const struct words *uids, const struct words *gids)
{
	for (uint32_t id = 0; id <= OVERFLOW_ID;) {
		uint32_t u = part_at(uids, id), g = part_at(gids, id), n = u < g ? u : g;

		if (n && ids->nmap == POLICY_EXTENTS_MAX)
			return -E2BIG;
		if (n)
			ids->map[ids->nmap++] = (struct policy_extent){ id, n };
		/* Only one gap is possible: below nobody. */
		id = n ? id + n : id < OVERFLOW_ID ? OVERFLOW_ID : OVERFLOW_ID + 1;
	}
	return 0;
}

static void make_words(struct words *w, struct pieces *p, uint32_t self, uint32_t low)
{
	add_extent(w, 0, self, 1);
	add_pieces(w, p, 1, low - 1);
	add_pieces(w, p, OVERFLOW_ID, 1);
	add_pieces(w, p, OWN_FIRST, IDS_PER_ENGINE);
}

/* Runs newuidmap or newgidmap: set-id programs of the distribution's, the only ones that we ever run. */
static int run_mapper(const char *program, pid_t target, const struct words *w)
{
	char pid[16];
	const char *argv[WORDS_MAX + 3] = { program, pid };
	int status;
	pid_t child = fork();

	if (child < 0)
		return -errno;
	snprintf(pid, sizeof(pid), "%d", target);
	for (unsigned i = 0; i < w->n; i++)
		argv[2 + i] = w->text[i];
	if (child == 0) {
		execvp(program, (char *const *)argv);
		_exit(127);
	}
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : WIFEXITED(status) && WEXITSTATUS(status) == 127 ? -ENOENT : -EPERM;
}

/* Enters the namespace; a child that stays outside has the maps written. */
static int enter_mapped(const struct words *uids, const struct words *gids)
{
	pid_t self = getpid(), child;
	int status, go[2];
	char byte = 0;

	if (pipe2(go, O_CLOEXEC) < 0)
		return -errno;
	child = fork();
	if (child < 0)
		return -errno;
	if (child == 0) {
		int r;

		close_fd(go[1]);
		if (read(go[0], &byte, 1) != 1)
			_exit(0); /* no namespace */
		r = run_mapper("newuidmap", self, uids);
		if (r == 0)
			r = run_mapper("newgidmap", self, gids);
		_exit(-r);
	}
	close_fd(go[0]);
	if (unshare(CLONE_NEWUSER) < 0)
		status = -errno;
	else
		status = write(go[1], &byte, 1) == 1 ? 0 : -errno;
	close_fd(go[1]);
	if (status == 0 && (waitpid(child, &status, 0) < 0 || !WIFEXITED(status)))
		return -ECHILD;
	return status < 0 ? status : -WEXITSTATUS(status);
}

/* A map of one id needs no help, if nobody in it can drop groups (which may be there to deny). */
static int enter_single(uid_t uid, gid_t gid)
{
	char map[32];
	int r;

	if (unshare(CLONE_NEWUSER) < 0)
		return -errno;
	r = file_write_at(AT_FDCWD, "/proc/self/setgroups", "deny");
	snprintf(map, sizeof(map), "0 %u 1\n", uid);
	if (r == 0)
		r = file_write_at(AT_FDCWD, "/proc/self/uid_map", map);
	snprintf(map, sizeof(map), "0 %u 1\n", gid);
	if (r == 0)
		r = file_write_at(AT_FDCWD, "/proc/self/gid_map", map);
	return r;
}

/* How many of the low ids there are, 0 when one id must do. */
static uint32_t low_ids(const struct launcher *l, const struct pieces *uids, const struct pieces *gids)
{
	uint64_t total = uids->total < gids->total ? uids->total : gids->total;
	const uint64_t others = IDS_PER_ENGINE + 1 /* nobody */ - 1 /* the user */;

	if (l->config.single_id)
		return 0;
	if (total < others + 2) {
		log_warn("no subordinate ids for this user in /etc/subuid and /etc/subgid: containers have one id only");
		return 0;
	}
	return total - others < OVERFLOW_ID ? (uint32_t)(total - others) : OVERFLOW_ID;
}

/* --- after an earlier launcher: its containers live on in its namespace, and only from there can anyone be their helper --- */

static bool is_namespace(int fd, ino_t ino)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_ino == ino;
}

/* The namespace right below ours that a process lives in or below, when it has that number. */
static int namespace_above(const char *pid, ino_t host, ino_t wanted)
{
	_cleanup_close_ int ns = -EBADF;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%.16s/ns/user", pid);
	ns = open(path, O_RDONLY | O_CLOEXEC);
	while (ns >= 0 && !is_namespace(ns, host)) {
		int up = ioctl(ns, NS_GET_PARENT);

		if (up >= 0 && is_namespace(up, host)) {
			close_fd(up);
			return is_namespace(ns, wanted) ? TAKE_FD(ns) : -ENOENT;
		}
		close_fd(ns);
		ns = up;
	}
	return -ENOENT;
}

/* Numbers of namespaces are used again: it must have the very map that ours would have. */
static bool has_map(int ns, const struct words *w)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		FILE *f = setns(ns, CLONE_NEWUSER) < 0 ? NULL : fopen("/proc/self/uid_map", "re");
		unsigned n = 0;
		char word[16];

		while (f && fscanf(f, "%15s", word) == 1 && n < w->n && strcmp(word, w->text[n]) == 0)
			n++;
		_exit(!f || n != w->n || !feof(f));
	}
	return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void record_path(const struct launcher *l, char ret[PATH_SIZE + 16])
{
	snprintf(ret, PATH_SIZE + 16, "%s/userns", l->config.run);
}

/* 0 when it was entered; -ENOENT when there is none any more. */
static int enter_earlier(struct launcher *l, const struct words *uids)
{
	char path[PATH_SIZE + 16], number[24] = "";
	FILE *f = (record_path(l, path), fopen(path, "re"));
	struct stat self;
	struct dirent *e;
	uint64_t wanted;
	int r = -ENOENT;
	DIR *proc;

	if (!f)
		return -ENOENT;
	if (!fgets(number, sizeof(number), f) || text_u64(number, UINT64_MAX, &wanted) < 0)
		wanted = 0;
	fclose(f);
	proc = wanted && stat("/proc/self/ns/user", &self) == 0 ? opendir("/proc") : NULL;
	while (proc && r == -ENOENT && (e = readdir(proc))) {
		_cleanup_close_ int ns = e->d_name[0] >= '1' && e->d_name[0] <= '9'
						 ? namespace_above(e->d_name, self.st_ino, (ino_t)wanted) : -EBADF;

		if (ns >= 0 && has_map(ns, uids))
			r = setns(ns, CLONE_NEWUSER) < 0 ? -errno : 0;
	}
	if (proc)
		closedir(proc);
	return r;
}

int user_record(struct launcher *l)
{
	_cleanup_close_ int fd = -EBADF;
	char path[PATH_SIZE + 16], text[24];
	struct stat st;

	record_path(l, path);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0 || stat("/proc/self/ns/user", &st) < 0)
		return -errno;
	snprintf(text, sizeof(text), "%llu", (unsigned long long)st.st_ino);
	return fd_write_all(fd, text, strlen(text));
}

static int enter_namespace(struct launcher *l)
{
	static struct words uid_words, gid_words;
	struct pieces uids, gids;
	uid_t uid = getuid();
	gid_t gid = getgid();
	const struct passwd *who = getpwuid(uid);
	uint32_t low;
	int r;

	read_pieces("/etc/subuid", who ? who->pw_name : "", uid, &uids);
	read_pieces("/etc/subgid", who ? who->pw_name : "", uid, &gids);
	low = low_ids(l, &uids, &gids);
	if (low == 0) {
		l->ids = (struct ids){ .user = true, .nmap = 1, .map = { { 0, 1 } } };
		l->config.ids_base = 0;
		add_extent(&uid_words, 0, uid, 1);
		r = enter_earlier(l, &uid_words);
		if (r == -ENOENT)
			r = enter_single(uid, gid);
	} else {
		l->ids = (struct ids){ .user = true, .count = IDS_PER_ENGINE };
		l->config.ids_base = OWN_FIRST;
		make_words(&uid_words, &uids, uid, low);
		make_words(&gid_words, &gids, gid, low);
		r = make_map(&l->ids, &uid_words, &gid_words);
		if (r == 0)
			r = enter_earlier(l, &uid_words);
		if (r == -ENOENT)
			r = enter_mapped(&uid_words, &gid_words);
		if (r == -ENOENT)
			log_error("newuidmap is missing: apt-get install uidmap, or start with --single-id");
	}
	l->config.range_first = RANGE_FIRST;
	l->config.range_last = RANGE_FIRST + MAP_SIZE - 1;
	return r;
}

/* --- places (XDG Base Directory Specification) --- */
static const char roots_policy[] = "/etc/postern/user.json";

static int place(char *to, const char *variable, const char *home, const char *below)
{
	const char *base = getenv(variable);

	if (base && base[0] == '/')
		return text_format(to, PATH_SIZE, "%s/postern", base);
	return text_format(to, PATH_SIZE, "%s/%s/postern", home, below);
}

int user_defaults(struct config *c)
{
	const char *home = getenv("HOME"), *runtime = getenv("XDG_RUNTIME_DIR");
	const struct passwd *who = home && home[0] == '/' ? NULL : getpwuid(getuid());
	int r;

	if (who)
		home = who->pw_dir;
	if (!home || home[0] != '/') {
		log_error("neither HOME nor /etc/passwd says where this user's files are");
		return -ENOENT;
	}
	r = place(c->data, "XDG_DATA_HOME", home, ".local/share");
	if (r == 0 && runtime && runtime[0] == '/')
		r = text_format(c->run, sizeof(c->run), "%s/postern", runtime);
	else if (r == 0)
		r = text_format(c->run, sizeof(c->run), "/tmp/postern-%u", getuid());
	if (r == 0)
		r = place(c->policy, "XDG_CONFIG_HOME", home, ".config");
	if (r == 0)
		r = text_format(c->policy + strlen(c->policy), sizeof(c->policy) - strlen(c->policy), "/policy.json");
	/* With the programs as installed, or in the tree that they were built in. */
	if (r == 0 && access(c->policy, F_OK) < 0)
		r = text_format(c->policy, sizeof(c->policy), "%s/policy.json", c->bin);
	if (r == 0 && access(c->policy, F_OK) < 0)
		r = text_format(c->policy, sizeof(c->policy), "%s/../../policy/default.json", c->bin);
	return r;
}

void user_policy(struct config *c)
{
	if (access(roots_policy, F_OK) < 0 || strcmp(c->policy, roots_policy) == 0)
		return;
	log_info("%s is the policy: root's for engines of users", roots_policy);
	text_copy(c->policy, sizeof(c->policy), roots_policy);
}

int user_enter(struct launcher *l)
{
	int r = enter_namespace(l);

	if (r < 0) {
		log_error("user namespace: %s (postern doctor says what is in the way)", strerror(-r));
		return r;
	}
	/* The user's groups stay outside, where the kernel lets us drop them. */
	if ((l->ids.count && setgroups(0, NULL) < 0) || unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0) {
		log_error("mount namespace: %s", strerror(errno));
		return -errno;
	}
	l->absent = 1u << HELPER_CGROUP | 1u << HELPER_DEVICE;
	return 0;
}
