/* hosts.c - /etc/hosts of containers that run, when their networks change: Docker writes a line for each address that
 * comes, and takes it out again. The file is the one that the container sees (its monitor has it open), so what users
 * wrote into it stays, and its content is hostile: whole lines are compared, and nothing else is understood.
 *
 * A container that has joined the network of another has a file of its own with the same lines. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../helpers/base/cleanup.h"
#include "../../helpers/base/fd.h"
#include "../../helpers/base/log.h"
#include "../container/internal.h"
#include "../engine.h"
#include "../json.h"
#include "internal.h"

enum { HOSTS_MAX = 256 << 10 }; /* bytes */

enum change {
	ADD,
	REMOVE,
	REPLACE, /* those of the same link */
};

/* Bytes of the line at p, with its end. */
static size_t line_length(const char *p, const char *end)
{
	const char *newline = memchr(p, '\n', (size_t)(end - p));

	return newline ? (size_t)(newline - p) + 1 : (size_t)(end - p);
}

/* Of a link's line: its alias and the other's id. The address before them may be another, and so may the other's name,
 * which is last. */
static const char *link_in(const char *line, size_t *len)
{
	const char *end = line + *len, *tab = memchr(line, '\t', *len), *blank;

	blank = tab ? memchr(tab, ' ', (size_t)(end - tab)) : NULL;
	if (!blank)
		return line;
	for (blank++; blank < end && *blank != ' ' && *blank != '\n'; blank++)
		;
	*len = (size_t)(blank - tab);
	return tab;
}

static bool has_line(const char *lines, const char *line, size_t len, bool by_link)
{
	const char *end = lines + strlen(lines);

	if (by_link)
		line = link_in(line, &len);
	for (size_t n; lines < end; lines += n) {
		size_t want = n = line_length(lines, end);
		const char *own = by_link ? link_in(lines, &want) : lines;

		if (want == len && memcmp(own, line, len) == 0)
			return true;
	}
	return false;
}

size_t hosts_without(char *text, size_t len, const char *lines, bool by_link)
{
	const char *end = text + len;
	char *to = text;

	for (size_t n; text < end; text += n) {
		n = line_length(text, end);
		if (has_line(lines, text, n, by_link))
			continue;
		memmove(to, text, n);
		to += n;
	}
	return len - (size_t)(end - to);
}

/* Where there is no room for all, nothing is added. */
static int append(int file, const char *text, size_t len, const char *lines)
{
	int r = lseek(file, (off_t)len, SEEK_SET) < 0 ? -errno : 0;

	if (r == 0 && len > 0 && text[len - 1] != '\n')
		r = fd_write_all(file, "\n", 1);
	if (r == 0)
		r = fd_write_all(file, lines, strlen(lines));
	return r < 0 && ftruncate(file, (off_t)len) < 0 ? -errno : r;
}

static int change_file(int file, const char *lines, enum change how)
{
	_cleanup_free_ char *text = NULL;
	size_t len, left;
	int r = fd_read_all(file, HOSTS_MAX, &text, &len);

	if (r < 0)
		return r;
	left = how == ADD ? len : hosts_without(text, len, lines, how == REPLACE);
	if (left < len) {
		r = lseek(file, 0, SEEK_SET) < 0 ? -errno : fd_write_all(file, text, left);
		if (r == 0 && ftruncate(file, (off_t)left) < 0)
			r = -errno;
	}
	return r < 0 || how == REMOVE ? r : append(file, text, left, lines);
}

/* A container without its line is better than none in the network: what fails is logged. */
static void change(struct container *c, const char *lines, enum change how)
{
	struct req_monitor_hosts req = { 0 };
	struct rep_monitor_hosts rep;
	int r;

	if (!c->monitor)
		return;
	message_init(&op_desc(OP_MONITOR_HOSTS)->rep, &rep);
	r = monitor_call(c->monitor, OP_MONITOR_HOSTS, &req, &rep, NULL);
	if (r == 0) {
		r = change_file(rep.file, lines, how);
		message_close_fds(&op_desc(OP_MONITOR_HOSTS)->rep, &rep);
	}
	/* A mount of the user's is there; it has ended. */
	if (r < 0 && r != -ENOENT && r != -ESRCH && r != -ECONNRESET)
		log_warn("container %s: /etc/hosts: %s", c->row.id, strerror(-r));
}

static bool has_joined(struct container *c, const struct container *donor)
{
	cJSON *merged = c == donor ? NULL : container_config(c);
	struct container *of = NULL;
	struct err err = { 0 };
	const char *name;

	if (merged && spec_share(json_get(merged, "HostConfig"), "NetworkMode", &name) == SHARE_CONTAINER)
		of = container_find(c->e, name, &err);
	cJSON_Delete(merged);
	if (of)
		container_put(of);
	return of == donor;
}

static char *lines_of(const struct container *c, const struct endpoint *ep)
{
	cJSON *merged = container_config(c);
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (f) {
		endpoint_hosts(f, ep, json_get(merged, "Config"));
		if (fclose(f) != 0)
			free(TAKE_PTR(text));
	}
	cJSON_Delete(merged);
	return text;
}

static void change_all(struct container *c, const char *lines, enum change how)
{
	struct container *other, **joined = NULL;
	size_t n = 0;

	change(c, lines, how);
	if (!c->row.base || !range_is_shared(c->e, c, c->row.base))
		return;
	/* The list may change while a monitor is waited for. */
	TAILQ_FOREACH(other, &c->e->containers->all, next) {
		struct container **more;

		if (other->row.base != c->row.base || !has_joined(other, c))
			continue;
		more = reallocarray(joined, n + 1, sizeof(*joined));
		if (!more)
			break;
		joined = more;
		joined[n++] = container_ref(other);
	}
	for (size_t i = 0; i < n; i++) {
		change(joined[i], lines, how);
		container_put(joined[i]);
	}
	free(joined);
}

void hosts_add(struct container *c, const struct endpoint *ep)
{
	_cleanup_free_ char *lines = lines_of(c, ep);

	if (!lines || !lines[0])
		return;
	change_all(c, lines, ADD);
	/* It was taken out while a monitor was waited for. */
	if (!ep->there)
		change_all(c, lines, REMOVE);
}

void hosts_remove(struct container *c, const struct endpoint *ep)
{
	_cleanup_free_ char *lines = lines_of(c, ep);

	if (lines && lines[0])
		change_all(c, lines, REMOVE);
}

/* Its lines in c's file; NULL: c has no link to it. */
static char *lines_of_links(struct container *c, struct container *target)
{
	struct network *bridge = container_is_running(c) ? links_network(c) : NULL;
	struct endpoint *ep = bridge ? endpoint_find(c->e, bridge, target->row.id) : NULL;
	cJSON *merged = ep && ep->there ? container_config(c) : NULL;
	const cJSON *link;
	char *text = NULL;
	size_t size;
	FILE *f = merged ? open_memstream(&text, &size) : NULL;

	cJSON_ArrayForEach(link, json_get(json_get(merged, "HostConfig"), "Links")) {
		struct err err = { 0 };
		char alias[256];
		struct container *to = link_target(c->e, link->valuestring, alias, &err);

		if (f && to == target)
			link_hosts(f, target, ep, alias);
		if (to)
			container_put(to);
	}
	cJSON_Delete(merged);
	if (f && fclose(f) != 0)
		free(TAKE_PTR(text));
	return text;
}

void hosts_tell_linking(struct container *target)
{
	struct container *c, **linking = NULL;
	size_t n = 0;

	/* The list may change while a monitor is waited for. */
	LIST_FOREACH(c, &target->e->containers->linking, linking) {
		struct container **more = reallocarray(linking, n + 1, sizeof(*linking));

		if (!more)
			break;
		linking = more;
		linking[n++] = container_ref(c);
	}
	for (size_t i = 0; i < n; i++) {
		/* With the address of now: the target may have started once more. */
		_cleanup_free_ char *lines = lines_of_links(linking[i], target);

		if (lines && lines[0])
			change_all(linking[i], lines, REPLACE);
		container_put(linking[i]);
	}
	free(linking);
}
