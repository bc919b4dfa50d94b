/* user.h - what the files of postern-user share.
 *
 * It has no privilege, is started by the user and trusts that user: its options, its environment, and root's
 * /etc/subuid, /etc/subgid and /etc/postern/user.json. */
#ifndef POSTERN_USER_USER_H
#define POSTERN_USER_USER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "../base/limits.h"
#include "../base/names.h"
#include "../base/policy.h"

enum {
	PATH_SIZE = 4096,
	CGROUP_SIZE = 512,
	PIECES_MAX = 8, /* subordinate ranges of one user in one file */
	WORDS_MAX = 3 * (1 + PIECES_MAX + 3),
	OWN_FIRST = MAP_SIZE, /* the engine's own ids, above those of containers */
	RANGE_FIRST = 16 * MAP_SIZE, /* the container ids in the range namespace, where there is to be no id 0 */
};

struct config {
	char data[PATH_SIZE], run[PATH_SIZE], policy[PATH_SIZE], bin[PATH_SIZE], log[PATH_SIZE];
	char cgroup[CGROUP_SIZE]; /* below the root of each hierarchy; "": the one that we were started in */
	char sockets[SOCKET_COUNT][SOCKET_PATH_SIZE]; /* passed on; "": none */
	char journal[SOCKET_PATH_SIZE]; /* likewise */
	char home[256], narrower[256]; /* what root lets users' engines have, "" when nothing is said */
	bool daemon, purge, single_id;
};

/* What newuidmap takes: inside, outside, count, ... */
struct words {
	unsigned n;
	char text[WORDS_MAX][16];
};

/* The ids of the user namespace, in the host's numbers and in its own. */
struct ids {
	bool single; /* nothing but the user's own id */
	struct words uids, gids;
	unsigned nmap; /* of those that containers have: parts that uids and gids are both whole in */
	struct policy_extent map[POLICY_EXTENTS_MAX];
};

/* places.c. 0 or -errno, the reason logged. */
int places_default(struct config *c);
/* Run and data directory, made when missing: the user's, and nobody else may write there. Both are locked until the
 * launcher ends; *ret_run is open. -EBUSY while another engine has one. */
int places_take(const struct config *c, int *ret_run);
/* What root wrote for users' engines: it narrows theirs, whatever that is. 0 or -errno, the reason logged. */
int places_narrower(struct config *c);

/* ids.c. Reads /etc/subuid and /etc/subgid. 0 or -errno. */
int ids_find(bool single, struct ids *ret);

/* enter.c. Enters the user namespace of an earlier engine whose containers still run, or one of its own, as its root;
 * then a mount namespace. The reason of a failure is logged. */
int enter(const struct ids *ids, int run_dir);

/* delegate.c. With true c->cgroup is one that the launcher may use, and we are in its "launcher". `containers`: some of
 * an earlier engine run, and stay where they are. */
bool delegate_find(struct config *c, int run_dir, bool containers);

/* check.c. Are the paths short enough? */
int check_paths(const struct config *c);
/* Can the data directory hold what an engine puts there? Tried, in the namespaces of enter(). -errno, the way out
 * logged. */
int check_data(const struct config *c, const struct ids *ids);

/* monitors.c: what an engine has left running, found by the sockets of the containers' monitors. */
/* The range namespace above a container, or -ENOENT. */
int monitors_range(int run_dir);
/* A monitor's pidfd, or -ENOENT. */
int monitors_any(int run_dir);
/* Ends all containers, then their monitors. */
void monitors_kill(int run_dir);

/* network.c: the engine's network namespace, kept with its way out while an engine or a container is there. It is to be
 * called as root of the user namespace that owns it. */
/* The namespace, which the launcher is to have, or -errno, the reason logged. The engine counts as there until all
 * copies of what this leaves open are closed. */
int network_take(const struct config *c, int run_dir);
/* Ends both; what is in there is gone then. */
void network_end(int run_dir);

#endif
