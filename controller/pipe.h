/* pipe.h - what a helper sends through a pipe, read by a task at its own pace. */
#ifndef POSTERN_PIPE_H
#define POSTERN_PIPE_H

#include <sys/types.h>

struct engine;
struct pipe_reader;

/* *ret_write is the other end, for a helper: the caller closes its own. 0 or -errno. */
int pipe_reader_create(struct engine *e, struct pipe_reader **ret, int *ret_write);
/* Next bytes; parks. 0 at the end, -EAGAIN when the task was woken for another reason, or -errno. */
ssize_t pipe_reader_read(struct pipe_reader *p, void *buf, size_t size);
/* NULL is fine. Who still writes gets EPIPE. */
void pipe_reader_destroy(struct pipe_reader *p);

#endif
