/* lookup.h - between the files of postern-lookup. */
#ifndef POSTERN_LOOKUP_H
#define POSTERN_LOOKUP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "../base/policy.h"

struct object {
	uint64_t dev, ino;
	uint32_t mode, uid, gid;
	uint32_t rdev_major, rdev_minor;
};

/* --- rules.c: what policy says of a path, an owner, a client --- */

/* The rule for a bind source, or NULL: the longest that covers it. */
const struct policy_path *rules_path(const struct policy_lookup *p, const char *path);
/* Our own state, or below it. */
bool rules_denied(const struct policy_lookup *p, const char *path);
bool rules_device_path(const struct policy_lookup *p, const char *path);
/* The rule for a device node that was found, or NULL. */
const struct policy_device *rules_device(const struct policy_lookup *p, const char *path, const struct object *o);
/* May a client whose own the directory is not find names in it? By mode bits. */
bool rules_may_search(const struct object *dir, const struct peer *client);

/* --- walk.c: from "/" to the object, one component at a time --- */

struct walk {
	const struct peer *client;
	bool hidden; /* out: a directory on the way is closed to the client, so nothing below is told */
	const char *stage; /* out, of a failure */
};
/* An O_PATH fd, or -errno: -ELOOP for a symbolic link anywhere, -ENOTDIR, -ENOENT. */
int walk_open(int root, const char *path, struct walk *w, struct object *ret);

enum {
	MOUNTS_BELOW = 1,
	MOUNTS_REMOTE = 2, /* the way leads into a file system that may never answer */
	MOUNTS_COVERED = 4, /* covers of our own state (main.c) are below, wherever it is by now, or what they hide */
};
/* Flags for path, from the text of mountinfo (proc(5)); unescapes it in place. cover_dev: "0:39", of all covers. */
unsigned mounts_check(char *mountinfo, const char *path, const struct policy_lookup *policy, const char *cover_dev);

#endif
