/* layer.h - what the parts of postern-layer share.
 *
 * The parent (main.c, jobs.c) never looks into an archive or at what an image holds: it makes, renames and hands out
 * directories. Everything else runs in a worker of its own (worker.c), which has one directory and no way out of it.
 * What a worker tells is as untrusted as the image that it worked on. */
#ifndef POSTERN_LAYER_H
#define POSTERN_LAYER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../base/policy.h"
#include "../protocol/message.h"

enum { LAYER_DEPTH_MAX = 256 }; /* components of one path in an archive, levels of a tree that is walked */

/* What a worker answers, in one write to its pipe. */
struct result {
	int32_t status; /* 0 or -errno */
	char stage[STAGE_MAX];
	char rule[RULE_MAX];
	union {
		struct rep_layer_unpack unpack;
		struct rep_layer_size size;
		struct rep_layer_user user;
		uint64_t length; /* JOIN, EXPORT: bytes written */
		struct rep_layer_copy copy;
	};
};

/* Notes stage and returns e, as request_fail does. */
int result_fail(struct result *r, int e, const char *stage);

/* --- worker.c: one process for one piece of work ----------------------------------------------------------------- */
enum work_kind {
	WORK_UNPACK, WORK_SIZE, WORK_USER, WORK_CLEAR, WORK_JOIN, WORK_EXPORT, WORK_DIGEST, WORK_COPY, WORK_COUNT,
};
struct work {
	enum work_kind kind;
	int archive; /* UNPACK; JOIN: the split. -EBADF: none */
	int out; /* UNPACK: the split; JOIN, EXPORT: a pipe. -EBADF: none */
	int digest; /* UNPACK, once it runs: whence the SHA-256 of the archive comes; -EBADF: from nowhere else */
	int dirs[LAYERS_MAX + 1]; /* what it may see: one directory, and those of the stack below it, topmost first */
	unsigned ndirs;
	const void *req; /* struct req_layer_unpack, req_layer_user, req_layer_join or req_layer_copy */
	const struct policy_layer *policy;
};
/* Forks. *ret_pipe gets one struct result, or ends without one. The caller owns both: kill, then wait. */
int worker_start(const struct work *w, pid_t *ret_pid, int *ret_pipe);
/* System calls that the parent's filter must allow for its workers, beside the base list. */
extern const int worker_syscalls[];
extern const size_t n_worker_syscalls;

/* --- jobs.c: requests that workers serve ------------------------------------------------------------------------- */
enum { LAYER_QUEUE_MAX = 1024 }; /* requests that wait or run; more are refused with -EAGAIN */
struct helper;
struct request;
struct job;
struct layer {
	int areas[3]; /* layers, containers, volumes: by LAYER_IMAGE, LAYER_CONTAINER, LAYER_VOLUME */
	int splits; /* beside layers: split.h */
	int work, trash; /* what is being made; what is to be deleted */
	uint64_t serial; /* of names in trash */
	struct job *jobs; /* in order of arrival: running and waiting ones */
	unsigned njobs, running, sending; /* sending: running ones that wait for who reads their pipe; counted apart */
	bool trashed, clearing; /* there is something in trash; a worker is at it */
};
/* Defers r: a worker will do it. Takes the fds in w, also on failure. length: for the answer of an UNPACK that only
 * counts. */
int job_defer(struct request *r, struct work *w, uint64_t length);
/* True when that layer is being unpacked. */
bool job_unpacks(struct layer *l, const uint8_t id[ID_BYTES]);
/* Takes a layer's split away. */
void remove_split(struct layer *l, const char *name);
/* Moves dir/name to the trash, whence a worker deletes it by and by. */
int trash(struct helper *h, int dir, const char *name);
/* Starts whatever may start. */
void jobs_pump(struct helper *h);

/* --- what workers do ----------------------------------------------------------------------------------------------
 * unpack.c: the archive at [offset, offset + length) of the file (length 0: to its end) into the empty directory
 * dirs[0], seen over the others, and its split to out, unless that is -EBADF. Fails unless the SHA-256 of the
 * uncompressed bytes is req->diff. The directory holds half a layer after a failure. */
int unpack(const struct work *w, const struct req_layer_unpack *req, struct result *ret);

/* export.c: an archive of what the stacked directories show, topmost first, as `docker export` has it. */
int export_tree(const int *layers, unsigned n, int out, struct result *why, uint64_t *ret_length);

/* copy.c: what the directory `path` of the stacked layers holds, and its own owner and mode, into the empty directory
 * `to`. Nothing (not copied) when there is no such directory. */
int copy_tree(int to, const int *layers, unsigned n, const char *path, const struct policy_layer *policy,
	      struct result *ret);

/* tree.c: none follows a symbolic link. */
/* Bytes of the regular files below dir; a file with n names counts once if they are all there. */
int tree_size(int dir, uint64_t *ret);
/* Removes `name` in dir and all below it; -ELOOP when it is deeper than LAYER_DEPTH_MAX. */
int tree_remove(int dir, const char *name);
/* Removes everything in dir, however deep. */
int tree_clear(int dir);
/* True for the character device 0/0 and for a directory with user.overlay.opaque=y (by fd, not O_PATH). */
struct stat;
bool is_whiteout(const struct stat *st);
bool is_opaque(int dir);

/* user.c: Docker's user syntax ("", "name", "uid", "name:group" ...) against etc/passwd and etc/group of the stacked
 * directories, topmost first. more: further groups, names or numbers with commas between; one that is neither is
 * -ENOENT at stage "+NAME". */
int user_find(const int *layers, size_t n, const char *user, const char *more, struct rep_layer_user *ret,
	      struct result *why);

#endif
