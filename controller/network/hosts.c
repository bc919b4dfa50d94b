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

/* Bytes of the line at p, with its end. */
static size_t line_length(const char *p, const char *end)
{
	const char *newline = memchr(p, '\n', (size_t)(end - p));

	return newline ? (size_t)(newline - p) + 1 : (size_t)(end - p);
}

static bool has_line(const char *lines, const char *line, size_t len)
{
	const char *end = lines + strlen(lines);

	for (size_t n; lines < end; lines += n) {
		n = line_length(lines, end);
		if (n == len && memcmp(lines, line, n) == 0)
			return true;
	}
	return false;
}

size_t hosts_without(char *text, size_t len, const char *lines)
{
	const char *end = text + len;
	char *to = text;

	for (size_t n; text < end; text += n) {
		n = line_length(text, end);
		if (has_line(lines, text, n))
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

static int change_file(int file, const char *lines, bool add)
{
	_cleanup_free_ char *text = NULL;
	size_t len, left;
	int r = fd_read_all(file, HOSTS_MAX, &text, &len);

	if (r < 0 || add)
		return r < 0 ? r : append(file, text, len, lines);
	left = hosts_without(text, len, lines);
	if (left == len)
		return 0;
	r = lseek(file, 0, SEEK_SET) < 0 ? -errno : fd_write_all(file, text, left);
	return r < 0 || ftruncate(file, (off_t)left) == 0 ? r : -errno;
}

/* A container without its line is better than none in the network: what fails is logged. */
static void change(struct container *c, const char *lines, bool add)
{
	struct req_monitor_hosts req = { 0 };
	struct rep_monitor_hosts rep;
	int r;

	if (!c->monitor)
		return;
	message_init(&op_desc(OP_MONITOR_HOSTS)->rep, &rep);
	r = monitor_call(c->monitor, OP_MONITOR_HOSTS, &req, &rep, NULL);
	if (r == 0) {
		r = change_file(rep.file, lines, add);
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

static void change_all(struct container *c, const char *lines, bool add)
{
	struct container *other, **joined = NULL;
	size_t n = 0;

	change(c, lines, add);
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
		change(joined[i], lines, add);
		container_put(joined[i]);
	}
	free(joined);
}

void hosts_add(struct container *c, const struct endpoint *ep)
{
	_cleanup_free_ char *lines = lines_of(c, ep);

	if (!lines || !lines[0])
		return;
	change_all(c, lines, /* add= */ true);
	/* It was taken out while a monitor was waited for. */
	if (!ep->there)
		change_all(c, lines, /* add= */ false);
}

void hosts_remove(struct container *c, const struct endpoint *ep)
{
	_cleanup_free_ char *lines = lines_of(c, ep);

	if (lines && lines[0])
		change_all(c, lines, /* add= */ false);
}
