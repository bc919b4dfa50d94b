/* places.c - where an ordinary user's engine lives, and whose these places are.
 *
 * XDG Base Directory Specification. /tmp/postern-UID stands in for a missing $XDG_RUNTIME_DIR: in a directory that
 * everybody may write to, so the first to make it there may be another user, and what it holds theirs. */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/fd.h"
#include "../base/log.h"
#include "../base/text.h"
#include "user.h"

static const char roots_policy[] = "/etc/postern/user.json";

/* The directory of this program. */
static void default_bin(struct config *c)
{
	ssize_t n = readlink("/proc/self/exe", c->bin, sizeof(c->bin) - 1);
	char *slash;

	c->bin[n < 0 ? 0 : n] = '\0';
	slash = strrchr(c->bin, '/');
	if (slash)
		*slash = '\0';
}

static int place(char *to, const char *variable, const char *home, const char *below)
{
	const char *base = getenv(variable);

	if (base && base[0] == '/')
		return text_format(to, PATH_SIZE, "%s/postern", base);
	return text_format(to, PATH_SIZE, "%s/%s/postern", home, below);
}

/* With the programs as installed, or in the tree that they were built in. */
static int default_policy(struct config *c, const char *home)
{
	static const char *const beside[] = { "%s/user.json", "%s/../../policy/user.json" };
	char dir[PATH_SIZE];
	int r = place(dir, "XDG_CONFIG_HOME", home, ".config");

	if (r == 0)
		r = text_format(c->policy, sizeof(c->policy), "%s/policy.json", dir);
	for (size_t i = 0; i < ARRAY_SIZE(beside) && r == 0 && access(c->policy, F_OK) < 0; i++)
		r = text_format(c->policy, sizeof(c->policy), beside[i], c->bin);
	return r;
}

int places_default(struct config *c)
{
	const char *home = getenv("HOME"), *runtime = getenv("XDG_RUNTIME_DIR");
	const struct passwd *who = home && home[0] == '/' ? NULL : getpwuid(getuid());
	char real[PATH_SIZE];
	int r;

	if (who)
		home = who->pw_dir;
	default_bin(c);
	if (!home || home[0] != '/') {
		log_error("neither HOME nor /etc/passwd says where this user's files are");
		return -ENOENT;
	}
	/* What policy says of "~" is compared with paths that have no links in them. A longer one is none that can be
	 * bound. */
	if (!realpath(home, real) || text_copy(c->home, sizeof(c->home), real) < 0)
		c->home[0] = '\0';
	r = place(c->data, "XDG_DATA_HOME", home, ".local/share");
	if (r == 0 && runtime && runtime[0] == '/')
		r = text_format(c->run, sizeof(c->run), "%s/postern", runtime);
	else if (r == 0)
		r = text_format(c->run, sizeof(c->run), "/tmp/postern-%u", getuid());
	if (r == 0)
		r = default_policy(c, home);
	if (r < 0)
		log_error("a path of this user's is too long");
	return r;
}

int places_narrower(struct config *c)
{
	int r;

	if (access(roots_policy, F_OK) == 0) {
		log_info("%s narrows what the policy %s allows", roots_policy, c->policy);
		return text_copy(c->narrower, sizeof(c->narrower), roots_policy);
	}
	if (errno == ENOENT || errno == ENOTDIR)
		return 0;
	r = -errno; /* there may be one: nobody is to run without it by an accident */
	log_error("%s: %s", roots_policy, strerror(-r));
	return r;
}

/* mkdir -p; what is there already is not looked at. */
static int make_all(const char *path)
{
	char part[PATH_SIZE];

	for (size_t at = 0; path_prefix(path, &at, part, sizeof(part));)
		if (mkdir(part, 0700) < 0 && errno != EEXIST)
			return -errno;
	return 0;
}

/* Nobody else can take the directory away and put another there. */
static bool parent_safe(int dir)
{
	struct stat st;

	return fstatat(dir, "..", &st, 0) == 0 && (!(st.st_mode & 002) || (st.st_mode & S_ISVTX));
}

/* Made when it is missing; the user's, and nobody else may write there. Its lock is held from here to the end of the
 * launcher. */
static int take(const char *path, const char *way_out)
{
	_cleanup_close_ int dir = -EBADF;
	struct stat st = { 0 };
	int r = make_all(path);

	if (r == 0) {
		dir = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW); /* over exec */
		r = dir < 0 || fstat(dir, &st) < 0 ? -errno : 0;
	}
	if (r < 0) {
		log_error("%s: %s: %s", path, strerror(-r), way_out);
		return r;
	}
	if (st.st_uid != getuid() || (st.st_mode & 002) || !parent_safe(dir)) {
		log_error("%s (uid %u, mode %04o) is not yours alone, or others may put another in its place: %s", path,
			  st.st_uid, st.st_mode & 07777, way_out);
		return -EPERM;
	}
	if (flock(dir, LOCK_EX | LOCK_NB) < 0) {
		r = errno == EWOULDBLOCK ? -EBUSY : -errno;
		log_error("%s: %s", path, r == -EBUSY ? "an engine of yours has it already" : strerror(-r));
		return r;
	}
	return TAKE_FD(dir);
}

int places_take(const struct config *c, int *ret_run)
{
	int run = take(c->run, "set XDG_RUNTIME_DIR, or use --run DIR"), data;

	if (run < 0)
		return run;
	/* One engine may be at one run directory and another, of a login with another environment, at the same data. */
	data = take(c->data, "set XDG_DATA_HOME, or use --data DIR");
	if (data < 0) {
		close_fd(run);
		return data;
	}
	*ret_run = run;
	return 0;
}
