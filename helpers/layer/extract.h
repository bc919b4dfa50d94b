/* extract.h - putting one entry of an archive into the layer's directory. */
#ifndef POSTERN_LAYER_EXTRACT_H
#define POSTERN_LAYER_EXTRACT_H

#include <limits.h>
#include <time.h>

#include "layer.h"

struct archive;
struct archive_entry;
struct dir_time;

struct extract {
	int root; /* the layer's directory */
	const struct policy_layer *policy;
	struct result *why; /* stage and rule of a failure */
	uint64_t entries, bytes; /* against policy; bytes: of regular files, holes included */
	uint64_t skipped_devices, skipped_xattrs;
	int parent; /* O_PATH, directory of the last entry, so that neighbours need no walk */
	char parent_path[PATH_MAX];
	struct dir_time *dirs; /* times of directories are set last */
	size_t ndirs, dirs_size;
};

void extract_init(struct extract *x, int root, const struct policy_layer *policy, struct result *why);
void extract_finish(struct extract *x);
/* One entry and its data. 0 or -errno with stage set. */
int extract_entry(struct extract *x, struct archive *a, struct archive_entry *entry);
/* After the last one: times of directories. */
int extract_times(struct extract *x);

#endif
