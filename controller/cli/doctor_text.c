/* doctor_text.c - what the kernel's and root's files say, as the probes of `postern doctor` need it. proc(5),
 * subuid(5), cgroups(7). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../helpers/base/cleanup.h"
#include "../../helpers/base/fd.h"
#include "../../helpers/base/text.h"
#include "doctor.h"

enum { FILE_MAX = 4 << 20 };

char *doctor_read(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text = NULL;

	return fd >= 0 && fd_read_all(fd, FILE_MAX, &text, NULL) == 0 ? text : NULL;
}

long doctor_number(const char *path)
{
	_cleanup_free_ char *text = doctor_read(path);

	return text && *text ? strtol(text, NULL, 10) : -1;
}

/* A line's who, first and count; false when it is none. */
static bool range_line(const char *line, char who[64], struct doctor_range *ret)
{
	unsigned long long first, count;
	int end = 0;

	if (sscanf(line, "%63[^:\n]:%llu:%llu%n", who, &first, &count, &end) != 3 || *who == '#' || count == 0 ||
	    first > UINT32_MAX || count > UINT32_MAX - first)
		return false;
	*ret = (struct doctor_range){ (uint32_t)first, (uint32_t)count };
	return line[end] == '\n' || line[end] == '\0';
}

static bool ranges_meet(const struct doctor_range *a, const struct doctor_range *b)
{
	return a->first < b->first ? b->first - a->first < a->count : a->first - b->first < b->count;
}

static const char *next_line(const char *line)
{
	line += strcspn(line, "\n");
	return *line ? line + 1 : line;
}

unsigned doctor_ranges(const char *text, const char *user, uid_t uid, struct doctor_range ret[DOCTOR_RANGES],
		       char ret_other[64])
{
	char who[64], number[16];
	struct doctor_range r;
	unsigned n = 0;

	snprintf(number, sizeof(number), "%u", uid);
	*ret_other = '\0';
	for (const char *line = text; *line && n < DOCTOR_RANGES; line = next_line(line))
		if (range_line(line, who, &r) && (strcmp(who, user) == 0 || strcmp(who, number) == 0))
			ret[n++] = r;
	for (const char *line = text; *line && !*ret_other; line = next_line(line)) {
		if (!range_line(line, who, &r) || strcmp(who, user) == 0 || strcmp(who, number) == 0)
			continue;
		for (unsigned i = 0; i < n; i++)
			if (ranges_meet(&r, &ret[i]))
				memcpy(ret_other, who, sizeof(who));
	}
	return n;
}

bool doctor_has_word(const char *list, const char *word)
{
	size_t n = strlen(word);

	while (*list) {
		size_t length = strcspn(list, " ,\n\t");

		if (length == n && memcmp(list, word, n) == 0)
			return true;
		list += length + (list[length] != '\0');
	}
	return false;
}

/* A line of mountinfo: the fields before " - ", and those after it. */
struct mount_line {
	char root[2048], point[2048], type[64], super[2048];
};

static bool mount_line(const char *line, struct mount_line *ret)
{
	const char *end = line + strcspn(line, "\n"), *dash = strstr(line, " - ");

	return dash && dash < end && sscanf(line, "%*s %*s %*s %2047s %2047s", ret->root, ret->point) == 2 &&
	       sscanf(dash + 3, "%63s %*s %2047s", ret->type, ret->super) == 2;
}

/* The path of a line "N:LIST:PATH" whose list has the controller; "" is version 2's. */
static bool cgroup_line(const char *line, const char *controller, char *ret, size_t size)
{
	const char *list = strchr(line, ':'), *path = list ? strchr(list + 1, ':') : NULL,
		   *end = line + strcspn(line, "\n");
	char words[256];

	if (!path || path >= end || text_format(words, sizeof(words), "%.*s", (int)(path - list - 1), list + 1) < 0)
		return false;
	if (*controller ? !doctor_has_word(words, controller) : *words != '\0')
		return false;
	return text_format(ret, size, "%.*s", (int)(end - path - 1), path + 1) == 0;
}

int doctor_cgroup(const char *cgroup, const char *mountinfo, const char *controller, char *ret, size_t size)
{
	static struct mount_line m;
	char path[2048] = "";

	for (const char *line = cgroup; *line && !*path; line = next_line(line))
		if (!cgroup_line(line, controller, path, sizeof(path)))
			*path = '\0';
	for (const char *line = mountinfo; *path && *line; line = next_line(line)) {
		const char *below = path;

		if (!mount_line(line, &m) || strcmp(m.type, *controller ? "cgroup" : "cgroup2") != 0 ||
		    (*controller && !doctor_has_word(m.super, controller)))
			continue;
		/* What is mounted may be a part of the tree. */
		if (strcmp(m.root, "/") != 0) {
			if (!path_below(path, m.root))
				continue;
			below += strlen(m.root);
		}
		return text_format(ret, size, "%s%s", m.point, strcmp(below, "/") == 0 ? "" : below);
	}
	return -ENOENT;
}

bool doctor_mount_option(const char *mountinfo, const char *point, const char *name, char *ret, size_t size)
{
	static struct mount_line m;
	const char *at = NULL;
	static char super[2048];

	/* The last one at a point is the one on top. */
	for (const char *line = mountinfo; *line; line = next_line(line))
		if (mount_line(line, &m) && strcmp(m.point, point) == 0)
			memcpy(super, m.super, sizeof(super)), at = super;
	for (; at && *at; at += strcspn(at, ","), at += *at == ',')
		if (strncmp(at, name, strlen(name)) == 0)
			return text_format(ret, size, "%.*s", (int)strcspn(at, ","), at) == 0;
	return false;
}
