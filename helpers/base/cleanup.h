/* cleanup.h - scoped ownership of fds and memory (GCC and Clang cleanup attribute).
 *
 * `_cleanup_close_ int fd = -EBADF;` is closed on every way out; TAKE_FD hands it over. */
#ifndef POSTERN_BASE_CLEANUP_H
#define POSTERN_BASE_CLEANUP_H

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* Closes fd when it is one; keeps errno. Always returns -EBADF, to be stored where the fd was. */
static inline int close_fd(int fd)
{
	int saved = errno;

	if (fd >= 0)
		close(fd);
	errno = saved;
	return -EBADF;
}

static inline void cleanup_close_p(int *fd)
{
	*fd = close_fd(*fd);
}

static inline void cleanup_free_p(void *p)
{
	int saved = errno;

	free(*(void **)p);
	errno = saved;
}

#define _cleanup_close_ __attribute__((cleanup(cleanup_close_p)))
#define _cleanup_free_ __attribute__((cleanup(cleanup_free_p)))

#define TAKE_FD(fd)                     \
	({                              \
		int taken_fd_ = (fd);   \
		(fd) = -EBADF;          \
		taken_fd_;              \
	})

#define TAKE_PTR(ptr)                              \
	({                                         \
		__typeof__(ptr) taken_ptr_ = (ptr); \
		(ptr) = NULL;                      \
		taken_ptr_;                        \
	})

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#endif
