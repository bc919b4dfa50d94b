/* user.c - who "name:group" is in an image: Docker's rules (moby/sys/user, GetExecUser) over the layers' own files.
 *
 * Hostile input: the files and everything on the way to them. They are looked up in the stack of directories as overlay
 * would (whiteouts, opaque directories), without following a link; only regular files of at most FILE_MAX bytes count,
 * anything else is as good as no file. O_NONBLOCK: a FIFO that a container puts there meanwhile does not hold us. */
#include "layer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../base/cleanup.h"
#include "../base/fd.h"
#include "../base/text.h"

enum { FILE_MAX = 1 << 20, FIELDS_MAX = 7 };
enum { OPEN_PLAIN = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC };

/* etc/NAME of the topmost layer that has one; -ENOENT when none does, or something hides it. */
static int find_file(const int *layers, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		_cleanup_close_ int etc = -EBADF;
		struct stat st;
		int fd;

		if (fstatat(layers[i], "etc", &st, AT_SYMLINK_NOFOLLOW) == 0) {
			etc = openat(layers[i], "etc", OPEN_PLAIN | O_DIRECTORY);
			if (etc < 0)
				return -ENOENT; /* whited out, a link, a file */
			if (fstatat(etc, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
				fd = S_ISREG(st.st_mode) ? openat(etc, name, OPEN_PLAIN) : -EBADF;
				if (fd >= 0 && (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)))
					fd = close_fd(fd);
				return fd < 0 ? -ENOENT : fd;
			}
			if (is_opaque(etc))
				return -ENOENT;
		}
	}
	return -ENOENT;
}

/* An empty text when there is no such file. */
static int read_file(const int *layers, size_t n, const char *name, char **ret)
{
	_cleanup_close_ int fd = find_file(layers, n, name);

	if (fd >= 0)
		return fd_read_all(fd, FILE_MAX, ret, NULL);
	*ret = strdup("");
	return *ret ? 0 : -ENOMEM;
}

/* Next line of *text, split in place at ':'; absent fields are "". The number of fields, 0 at the end of the text. */
static unsigned next_line(char **text, char *fields[FIELDS_MAX])
{
	static char none[1];
	unsigned n = 0;
	char *line;

	do {
		line = strsep(text, "\n");
		if (!line)
			return 0;
		line += strspn(line, " \t\r");
		for (size_t len = strlen(line); len > 0 && strchr(" \t\r", line[len - 1]); len--)
			line[len - 1] = '\0';
	} while (!*line);
	while (line && n < FIELDS_MAX)
		fields[n++] = strsep(&line, ":");
	for (unsigned i = n; i < FIELDS_MAX; i++)
		fields[i] = none;
	return n;
}

struct wanted {
	char name[257], group[257];
	bool has_uid, has_gid; /* the texts are numbers */
	uint64_t uid, gid;
};

static int parse_wanted(const char *user, struct wanted *w, struct result *why)
{
	size_t len = strcspn(user, ":");
	int e;

	memset(w, 0, sizeof(*w));
	if (strlen(user) >= sizeof(w->name))
		return result_fail(why, -ENAMETOOLONG, "user");
	memcpy(w->name, user, len);
	if (user[len] == ':')
		snprintf(w->group, sizeof(w->group), "%.*s", (int)strcspn(user + len + 1, ":"), user + len + 1);
	e = text_u64(w->name, MAP_SIZE - 1, &w->uid);
	if (e == -ERANGE)
		return result_fail(why, e, "user");
	w->has_uid = e == 0;
	e = text_u64(w->group, MAP_SIZE - 1, &w->gid);
	if (e == -ERANGE)
		return result_fail(why, e, "group");
	w->has_gid = e == 0;
	return 0;
}

/* *ret_name: the entry's name, "" when there is none. */
static int find_user(char *passwd, const struct wanted *w, struct rep_layer_user *ret, char ret_name[257],
		     struct result *why)
{
	char *f[FIELDS_MAX];
	uint64_t uid, gid;

	while (next_line(&passwd, f)) {
		if (text_u64(f[2], MAP_SIZE - 1, &uid) < 0 || text_u64(f[3], MAP_SIZE - 1, &gid) < 0)
			continue;
		/* "" asks for root; a number is never a name. */
		if (!*w->name || w->has_uid ? uid != w->uid : strcmp(f[0], w->name) != 0)
			continue;
		ret->uid = (uint32_t)uid;
		ret->gid = (uint32_t)gid;
		if (*f[5] && text_valid(f[5], strlen(f[5])) && strlen(f[5]) < sizeof(ret->home))
			snprintf(ret->home, sizeof(ret->home), "%s", f[5]);
		snprintf(ret_name, 257, "%.256s", f[0]);
		return 0;
	}
	if (*w->name && !w->has_uid)
		return result_fail(why, -ENOENT, "user");
	ret->uid = (uint32_t)w->uid;
	return 0;
}

static int add_group(struct rep_layer_user *ret, uint64_t gid, struct result *why)
{
	for (uint32_t i = 0; i < ret->groups.n; i++)
		if (ret->groups.v[i] == gid)
			return 0;
	if (ret->groups.n == ARRAY_SIZE(ret->groups.v))
		return result_fail(why, -E2BIG, "groups");
	ret->groups.v[ret->groups.n++] = (uint32_t)gid;
	return 0;
}

/* One of --group-add: an entry's name or gid, else a number as it is. text is changed by reading it. */
static int find_more(char *text, const char *asked, struct rep_layer_user *ret, struct result *why)
{
	uint64_t number, gid;
	char *f[FIELDS_MAX];
	char stage[STAGE_MAX];
	int e = text_u64(asked, MAP_SIZE - 1, &number);

	while (next_line(&text, f))
		if (text_u64(f[2], MAP_SIZE - 1, &gid) == 0 &&
		    (strcmp(f[0], asked) == 0 || (e == 0 && gid == number)))
			return add_group(ret, gid, why);
	if (e == 0)
		return add_group(ret, number, why);
	snprintf(stage, sizeof(stage), "+%s", asked);
	return result_fail(why, e == -ERANGE ? e : -ENOENT, stage);
}

static int find_all_more(const char *file, const char *list, struct rep_layer_user *ret, struct result *why)
{
	char *copy = strdup(list), *rest = copy, *asked;
	int e = 0;

	if (!copy)
		return result_fail(why, -ENOMEM, "groups");
	while (e == 0 && (asked = strsep(&rest, ","))) {
		char *text = strdup(file);

		e = text ? *asked ? find_more(text, asked, ret, why) : 0 : result_fail(why, -ENOMEM, "groups");
		free(text);
	}
	free(copy);
	return e;
}

static bool is_member(char *members, const char *name)
{
	char *member;

	while ((member = strsep(&members, ",")))
		if (*name && strcmp(member, name) == 0)
			return true;
	return false;
}

/* With a group asked for, it alone counts; else every group that lists the user. */
static int find_groups(char *group, const struct wanted *w, const char *name, struct rep_layer_user *ret,
		       struct result *why)
{
	char *f[FIELDS_MAX];
	uint64_t gid;

	while (next_line(&group, f)) {
		if (text_u64(f[2], MAP_SIZE - 1, &gid) < 0)
			continue;
		if (*w->group) {
			if (w->has_gid ? gid != w->gid : strcmp(f[0], w->group) != 0)
				continue;
			ret->gid = (uint32_t)gid;
			return 0;
		}
		if (!is_member(f[3], name))
			continue;
		if (add_group(ret, gid, why) < 0)
			return -E2BIG;
	}
	if (*w->group && !w->has_gid)
		return result_fail(why, -ENOENT, "group");
	if (*w->group)
		ret->gid = (uint32_t)w->gid;
	return 0;
}

int user_find(const int *layers, size_t n, const char *user, const char *more, struct rep_layer_user *ret,
	      struct result *why)
{
	char *passwd = NULL, *group = NULL, *again = NULL;
	char name[257] = "";
	struct wanted w;
	int e;

	memset(ret, 0, sizeof(*ret));
	snprintf(ret->home, sizeof(ret->home), "/");
	e = parse_wanted(user, &w, why);
	if (e < 0)
		return e;
	e = read_file(layers, n, "passwd", &passwd);
	if (e < 0)
		return result_fail(why, e, "passwd");
	e = find_user(passwd, &w, ret, name, why);
	free(passwd);
	if (e < 0)
		return e;
	e = read_file(layers, n, "group", &group);
	if (e < 0)
		return result_fail(why, e, "group file");
	again = strdup(group);
	if (!again) {
		free(group);
		return result_fail(why, -ENOMEM, "group file");
	}
	e = find_groups(group, &w, name, ret, why);
	if (e == 0)
		e = find_all_more(again, more, ret, why);
	free(again);
	free(group);
	return e;
}
