/* extract.h - putting one entry of an archive into the layer's directory. */
#ifndef POSTERN_LAYER_EXTRACT_H
#define POSTERN_LAYER_EXTRACT_H

#include <limits.h>
#include <time.h>

#include "layer.h"
#include "tar.h"

struct dir_time;

struct extract {
	int root; /* the layer's directory */
	const int *lowers; /* directories of the layers below, topmost first */
	unsigned nlowers;
	bool waits; /* there are layers below, but they are not given: -EAGAIN when they are needed */
	const struct policy_layer *policy;
	struct result *why; /* stage and rule of a failure */
	uint64_t entries, bytes; /* against policy; bytes: of regular files, holes included */
	uint64_t skipped_devices, skipped_xattrs;
	bool replaced; /* a later entry took the place of a file: its data is gone */
	int parent; /* directory of the last entry, so that neighbours need no walk */
	char parent_said[PATH_MAX]; /* as the archive named it */
	char parent_path[PATH_MAX]; /* where that is: no symbolic links */
	struct dir_time *dirs; /* times of directories are set last */
	size_t ndirs, dirs_size;
};

void extract_init(struct extract *x, int root, const struct policy_layer *policy, struct result *why);
void extract_finish(struct extract *x);
/* One entry and its data. 0 or -errno with stage set. split (may be NULL) learns of files whose data stands in the
 * layer. */
struct split;
int extract_entry(struct extract *x, struct tar *t, const struct tar_entry *entry, struct split *split);
/* After the last one: times of directories. */
int extract_times(struct extract *x);

/* For the parts: notes stage and returns e; the same for a bound of the policy. */
int extract_fail(struct extract *x, int e, const char *stage);
int extract_over(struct extract *x, const char *stage, const char *rule);
/* Counts one more entry against policy. */
int extract_count(struct extract *x);
int extract_set_opaque(int dir);

/* resolve.c: "./a//b/" and "/a/b" become "a/b", the root "". ".." is refused wherever it stands. */
int clean_path(const char *in, char out[PATH_MAX]);
/* Opens below root; symbolic links are an error. */
int open_beneath(int root, const char *path, uint64_t flags);
/* The directory that a clean path names, seen from the layer's own root: its symbolic links, and those of the
 * layers below, lead where they would in a container, never out. make: what is missing is made, as it is below or
 * 0755. The fd, and its path without links, or -errno with stage set. */
int resolve_dir(struct extract *x, const char *path, bool make, char ret_path[PATH_MAX]);

#endif
