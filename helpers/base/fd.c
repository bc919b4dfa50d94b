#include "fd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "cleanup.h"
#include "sys.h"

#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x0020 /* fcntl(2), since Linux 6.3 */
#endif

static struct fd_devs known;

static const char *const kind_names[] = {
#define FD_KIND_NAME(upper, word) [FDK_##upper] = word,
	FD_KINDS(FD_KIND_NAME)
#undef FD_KIND_NAME
};

_Static_assert(ARRAY_SIZE(kind_names) == FDK_COUNT, "a kind without a name");

const char *fd_kind_name(enum fd_kind kind)
{
	return (unsigned)kind < FDK_COUNT ? kind_names[kind] : "?";
}

static int identify(int fd, const char *path, struct fd_id *ret)
{
	struct statx st;

	if (statx(fd, path, AT_EMPTY_PATH | AT_STATX_DONT_SYNC,
		  STATX_TYPE | STATX_MODE | STATX_UID | STATX_GID | STATX_INO, &st) < 0)
		return -errno;
	*ret = (struct fd_id){
		.dev = (uint64_t)st.stx_dev_major << 32 | st.stx_dev_minor,
		.ino = st.stx_ino,
		.mode = st.stx_mode,
		.uid = st.stx_uid,
		.gid = st.stx_gid,
	};
	return 0;
}

int fd_identify(int fd, struct fd_id *ret)
{
	return identify(fd, "", ret);
}

int fd_devs_read(struct fd_devs *ret)
{
	_cleanup_close_ int memfd = memfd_create("probe", MFD_CLOEXEC);
	struct fd_id anonymous = { 0 }, ns = { 0 }, proc = { 0 };
	int r = memfd < 0 ? -errno : identify(memfd, "", &anonymous);

	if (r == 0)
		r = identify(AT_FDCWD, "/proc/self/ns/net", &ns);
	if (r == 0)
		r = identify(AT_FDCWD, "/proc", &proc);
	if (r == 0)
		*ret = (struct fd_devs){ .memfd = anonymous.dev, .nsfs = ns.dev, .proc = proc.dev };
	return r;
}

int fd_devs_cgroup(struct fd_devs *devs, int dir)
{
	struct statfs fs;
	struct fd_id id = { 0 };
	int r = identify(dir, "", &id);

	if (r < 0)
		return r;
	if (fstatfs(dir, &fs) < 0)
		return -errno;
	if (fs.f_type == CGROUP2_SUPER_MAGIC) {
		devs->cgroup2 = id.dev;
		return 0;
	}
	if (fs.f_type != CGROUP_SUPER_MAGIC)
		return -EMEDIUMTYPE;
	for (size_t i = 0; i < CGROUP_V1_MAX; i++)
		if (devs->cgroup1[i] == 0 || devs->cgroup1[i] == id.dev) {
			devs->cgroup1[i] = id.dev;
			return 0;
		}
	return -E2BIG;
}

void fd_proofs_use(const struct fd_devs *devs)
{
	known = *devs;
}

static bool socket_is(int fd, int type)
{
	int domain, actual, listening;
	socklen_t n = sizeof(int);

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &n) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_TYPE, &actual, &n) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &n) < 0)
		return false;
	return domain == AF_UNIX && actual == type && !listening;
}

static bool socket_is_inet(int fd)
{
	int domain;
	socklen_t n = sizeof(int);

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &n) == 0 && (domain == AF_INET || domain == AF_INET6);
}

static bool is_cgroup1(uint64_t dev)
{
	for (size_t i = 0; i < CGROUP_V1_MAX && known.cgroup1[i]; i++)
		if (known.cgroup1[i] == dev)
			return true;
	return false;
}

static bool is_sealed(int fd)
{
	const int want = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
	int seals = fcntl(fd, F_GET_SEALS);

	return seals >= 0 && (seals & want) == want;
}

static const int ns_types[FDK_COUNT] = {
	[FDK_USERNS] = CLONE_NEWUSER, [FDK_NETNS] = CLONE_NEWNET, [FDK_PIDNS] = CLONE_NEWPID,
	[FDK_IPCNS] = CLONE_NEWIPC, [FDK_UTSNS] = CLONE_NEWUTS, [FDK_MNTNS] = CLONE_NEWNS,
};

static bool kind_matches(int fd, enum fd_kind kind, const struct fd_id *id, int flags)
{
	bool is_path = flags & O_PATH;
	int access = flags & O_ACCMODE;

	if (is_path != (kind == FDK_PATH) && kind != FDK_CGROUP2 && kind != FDK_CGROUP1)
		return false;
	switch (kind) {
	case FDK_PATH:
		return true;
	case FDK_USERNS:
	case FDK_NETNS:
	case FDK_PIDNS:
	case FDK_IPCNS:
	case FDK_UTSNS:
	case FDK_MNTNS:
		return id->dev == known.nsfs && ioctl(fd, NS_GET_NSTYPE) == ns_types[kind];
	case FDK_PROCDIR:
		return S_ISDIR(id->mode) && id->dev == known.proc;
	case FDK_CGROUP2:
		return S_ISDIR(id->mode) && known.cgroup2 && id->dev == known.cgroup2;
	case FDK_CGROUP1:
		return S_ISDIR(id->mode) && is_cgroup1(id->dev);
	case FDK_MEMFD:
		return S_ISREG(id->mode) && id->dev == known.memfd && is_sealed(fd);
	case FDK_FILE:
		return S_ISREG(id->mode) && access == O_RDONLY;
	case FDK_LOG:
		return S_ISREG(id->mode) && access != O_RDONLY;
	case FDK_STREAM:
		return S_ISFIFO(id->mode);
	case FDK_CHANNEL:
		return S_ISSOCK(id->mode) && socket_is(fd, SOCK_SEQPACKET);
	case FDK_CLIENT:
		return S_ISSOCK(id->mode) && socket_is(fd, SOCK_STREAM);
	case FDK_INET:
		return S_ISSOCK(id->mode) && socket_is_inet(fd);
	case FDK_PIDFD:
		/* EBADF for all that is no pidfd or /proc directory: pidfd_send_signal(2) */
		return !S_ISDIR(id->mode) && sys_pidfd_send_signal(fd, 0) != -EBADF;
	case FDK_COUNT:
		break;
	}
	return false;
}

int fd_prove(int fd, enum fd_kind kind, struct fd_id *ret)
{
	struct fd_id id = { 0 };
	int flags, r;

	flags = fcntl(fd, F_GETFL);
	if (flags < 0)
		return -errno;
	r = fd_identify(fd, &id);
	if (r < 0)
		return r;
	if ((flags & O_ASYNC) || !kind_matches(fd, kind, &id, flags))
		return -EMEDIUMTYPE;
	if (ret)
		*ret = id;
	return 0;
}

bool fd_same(int a, int b)
{
	struct fd_id x = { 0 }, y = { 0 };

	return fd_identify(a, &x) == 0 && fd_identify(b, &y) == 0 && x.dev == y.dev && x.ino == y.ino;
}

int userns_prove(int fd, int parent, uid_t owner)
{
	_cleanup_close_ int actual = -EBADF;
	uid_t uid;
	int r;

	r = fd_prove(fd, FDK_USERNS, NULL);
	if (r < 0)
		return r;
	/* EPERM when the parent is outside our own user namespace: not ours then. */
	actual = ioctl(fd, NS_GET_PARENT);
	if (actual < 0)
		return -errno;
	if (ioctl(fd, NS_GET_OWNER_UID, &uid) < 0)
		return -errno;
	return fd_same(actual, parent) && uid == owner ? 0 : -EPERM;
}

int ns_prove(int fd, enum fd_kind kind, int userns)
{
	_cleanup_close_ int actual = -EBADF;
	int r;

	r = fd_prove(fd, kind, NULL);
	if (r < 0)
		return r;
	actual = ioctl(fd, NS_GET_USERNS);
	if (actual < 0)
		return -errno;
	return fd_same(actual, userns) ? 0 : -EPERM;
}

DIR *fd_opendir(int dir)
{
	_cleanup_close_ int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (d)
		TAKE_FD(fd);
	return d;
}

struct dirent *fd_readdir(DIR *d)
{
	struct dirent *e;

	do
		e = readdir(d);
	while (e && (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..")));
	return e;
}

int fd_read_all(int fd, size_t max, char **ret, size_t *ret_len)
{
	_cleanup_free_ char *buf = NULL;
	size_t len = 0, size = 0;

	for (;;) {
		if (len == size) {
			size_t want = size ? size * 2 : 4096;
			char *more;

			if (want > max + 1)
				want = max + 1;
			if (want == size)
				return -EFBIG;
			more = realloc(buf, want + 1);
			if (!more)
				return -ENOMEM;
			buf = more;
			size = want;
		}
		ssize_t n = pread(fd, buf + len, size - len, (off_t)len);

		if (n < 0 && errno == ESPIPE)
			n = read(fd, buf + len, size - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	if (len > max)
		return -EFBIG;
	if (!buf) {
		buf = malloc(1);
		if (!buf)
			return -ENOMEM;
	}
	buf[len] = '\0';
	*ret = TAKE_PTR(buf);
	if (ret_len)
		*ret_len = len;
	return 0;
}

int fd_write_all(int fd, const void *data, size_t n)
{
	const char *p = data;

	while (n > 0) {
		ssize_t w = write(fd, p, n);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return -errno;
		p += w;
		n -= (size_t)w;
	}
	return 0;
}

int file_write_at(int dir, const char *name, const char *text)
{
	_cleanup_close_ int fd = openat(dir, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return -errno;
	/* One write: proc and cgroup files take a value whole. */
	return write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

int fd_map(int fd, size_t size, int prot, void **ret)
{
	struct stat st;
	void *p;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size < 0 || (size_t)st.st_size != size)
		return -EINVAL;
	p = mmap(NULL, size, prot, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	*ret = p;
	return 0;
}

int memfd_shared(const char *name, size_t size)
{
	_cleanup_close_ int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || ftruncate(fd, (off_t)size) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return -errno;
	return TAKE_FD(fd);
}

int memfd_sealed(const char *name, const void *data, size_t n)
{
	const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;
	_cleanup_close_ int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int r;

	if (fd < 0)
		return -errno;
	r = fd_write_all(fd, data, n);
	if (r < 0)
		return r;
	/* Where the kernel can (6.3), nobody takes the right to execute it away either. */
	if (fcntl(fd, F_ADD_SEALS, seals | F_SEAL_EXEC) < 0 && (errno != EINVAL || fcntl(fd, F_ADD_SEALS, seals) < 0))
		return -errno;
	return TAKE_FD(fd);
}
