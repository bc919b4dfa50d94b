/* stack.h - a directory as the layers of an image show it together. */
#ifndef POSTERN_LAYER_STACK_H
#define POSTERN_LAYER_STACK_H

#include <sys/stat.h>

#include "layer.h"

struct stack {
	unsigned n;
	int fd[LAYERS_MAX]; /* topmost first; at the last one there is nothing seen below */
};

void stack_finish(struct stack *s);
/* What `name` is in s: *ret_st; for a directory *ret_dir (the caller's) and *ret_at -EBADF, else *ret_at the
 * directory (an fd of s) that has it. -ENOENT, or -errno. */
int stack_lookup(const struct stack *s, const char *name, struct stack *ret_dir, struct stat *ret_st, int *ret_at);
/* The directory that an absolute path leads to, links followed inside root. -ENOENT, -ENOTDIR, -ELOOP, or -errno. */
int stack_resolve(const struct stack *root, const char *path, struct stack *ret);

#endif
