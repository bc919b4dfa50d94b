/* walk.c - opens a host path without ever following a link.
 *
 * One openat(O_PATH | O_NOFOLLOW) a component: whoever owns a directory on the way can swap its entries, but only for
 * others that are really there, never for a way out. What is looked at afterwards is the object itself, by its fd. No
 * object is opened for reading; Landlock refuses that to this program altogether. openat(2), path_resolution(7).
 *
 * Input: a canonical path; mountinfo, which the kernel writes. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "../base/cleanup.h"
#include "../base/text.h"
#include "lookup.h"

static int object_read(int fd, struct object *ret)
{
	struct statx st;

	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_BASIC_STATS, &st) < 0)
		return -errno;
	*ret = (struct object){
		.dev = (uint64_t)st.stx_dev_major << 32 | st.stx_dev_minor,
		.ino = st.stx_ino,
		.mode = st.stx_mode,
		.uid = st.stx_uid,
		.gid = st.stx_gid,
		.rdev_major = st.stx_rdev_major,
		.rdev_minor = st.stx_rdev_minor,
	};
	return 0;
}

static int step(int dir, const char *name, struct object *ret)
{
	_cleanup_close_ int fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	int e;

	if (fd < 0)
		return -errno;
	e = object_read(fd, ret);
	if (e < 0)
		return e;
	if (S_ISLNK(ret->mode))
		return -ELOOP;
	return TAKE_FD(fd);
}

int walk_open(int root, const char *path, struct walk *w, struct object *ret)
{
	_cleanup_close_ int at = openat(root, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct object o = { 0 };
	char name[256];
	int e;

	w->hidden = false;
	w->stage = "root";
	if (at < 0)
		return -errno;
	e = object_read(at, &o);
	if (e < 0)
		return e;
	for (path++; *path;) {
		size_t n = strcspn(path, "/");
		int next;

		w->stage = "path";
		if (n >= sizeof(name))
			return -ENAMETOOLONG;
		memcpy(name, path, n);
		name[n] = '\0';
		if (!S_ISDIR(o.mode))
			return -ENOTDIR;
		if (!rules_may_search(&o, w->client))
			w->hidden = true;
		next = step(at, name, &o);
		if (next == -ELOOP)
			w->stage = "symlink";
		if (next < 0)
			return next;
		close_fd(at);
		at = next;
		path += n + (path[n] == '/');
	}
	*ret = o;
	return TAKE_FD(at);
}

/* Served by a process of anyone's or over a network: a name looked up there may never come back, and with it this
 * helper. None of them can be id-mapped without its server's consent either. */
static bool fs_remote(const char *type)
{
	static const char *const types[] = {
		"fuse", "fuseblk", "autofs", "nfs", "nfs4", "cifs", "smb3", "ceph", "afs", "coda", "9p",
	};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (strcmp(type, types[i]) == 0)
			return true;
	return strncmp(type, "fuse.", 5) == 0;
}

/* "\040" and the like, as the kernel writes space, tab, newline and backslash. */
static void unescape(char *s)
{
	char *to = s;

	for (; *s; s++) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' &&
		    s[3] >= '0' && s[3] <= '7') {
			*to++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 3;
		} else {
			*to++ = *s;
		}
	}
	*to = '\0';
}

unsigned mounts_check(char *mountinfo, const char *path, const struct policy_lookup *policy, const char *cover_dev)
{
	unsigned flags = 0;
	char *line;

	while ((line = strsep(&mountinfo, "\n")) && *line) {
		char *type = strstr(line, " - "), *point = NULL, *dev = NULL;

		if (!type)
			return MOUNTS_BELOW | MOUNTS_REMOTE; /* not as we know it: the narrow answer */
		*type = '\0';
		type += 3;
		type[strcspn(type, " ")] = '\0';
		for (int i = 0; i < 5; i++) {
			point = strsep(&line, " ");
			dev = i == 2 ? point : dev;
		}
		if (!point)
			return MOUNTS_BELOW | MOUNTS_REMOTE;
		unescape(point);
		if (strcmp(point, path) != 0 && path_below(point, path))
			flags |= rules_denied(policy, point) || strcmp(dev, cover_dev) == 0 ? MOUNTS_COVERED
											    : MOUNTS_BELOW;
		if (path_below(path, point) && fs_remote(type))
			flags |= MOUNTS_REMOTE;
	}
	return flags;
}
