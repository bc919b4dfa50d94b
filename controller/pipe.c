/* pipe.c - see pipe.h. The helper at the other end may write what it likes, or never; that is its caller's to judge. */
#include "pipe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include <uv.h>

#include "../helpers/base/cleanup.h"
#include "engine.h"
#include "task.h"

enum { PIPE_BYTES = 256 * 1024 }; /* fewer turns; the kernel's own size where it does not allow that */

struct pipe_reader {
	uv_poll_t poll;
	int fd;
	struct task *task;
};

static void on_ready(uv_poll_t *poll, int status, int events)
{
	struct pipe_reader *p = poll->data;

	uv_poll_stop(poll);
	task_wake(p->task);
}

static void closed(uv_handle_t *h)
{
	struct pipe_reader *p = h->data;

	close_fd(p->fd);
	free(p);
}

int pipe_reader_create(struct engine *e, struct pipe_reader **ret, int *ret_write)
{
	struct pipe_reader *p = calloc(1, sizeof(*p));
	int ends[2];

	if (!p)
		return -ENOMEM;
	if (pipe2(ends, O_CLOEXEC) < 0) {
		free(p);
		return -errno;
	}
	fcntl(ends[0], F_SETPIPE_SZ, PIPE_BYTES);
	/* Ours alone: a pipe's ends are two descriptions. */
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	p->fd = ends[0];
	if (uv_poll_init(e->loop, &p->poll, p->fd) < 0) {
		close_fd(ends[0]);
		close_fd(ends[1]);
		free(p);
		return -ENOMEM;
	}
	p->poll.data = p;
	*ret = p;
	*ret_write = ends[1];
	return 0;
}

ssize_t pipe_reader_read(struct pipe_reader *p, void *buf, size_t size)
{
	ssize_t n = read(p->fd, buf, size);

	if (n >= 0 || (errno != EAGAIN && errno != EINTR))
		return n < 0 ? -errno : n;
	p->task = task_self();
	if (uv_poll_start(&p->poll, UV_READABLE | UV_DISCONNECT, on_ready) < 0)
		return -EIO;
	task_park();
	uv_poll_stop(&p->poll);
	n = read(p->fd, buf, size);
	return n < 0 ? -errno : n;
}

void pipe_reader_destroy(struct pipe_reader *p)
{
	if (!p)
		return;
	uv_poll_stop(&p->poll);
	uv_close((uv_handle_t *)&p->poll, closed);
}
