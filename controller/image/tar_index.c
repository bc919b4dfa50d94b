/* tar_index.c - where things are in an image archive, without unpacking it: ustar, pax and GNU long names (tar(5)).
 *
 * Hostile input: every byte. Only headers are read; all numbers are checked against the file's size before use, names
 * and entries are bounded. Links are resolved by name inside the archive and never touch a file system. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../helpers/base/cleanup.h"
#include "../../helpers/base/text.h"
#include "internal.h"

enum { BLOCK = 512, LONG_MAX_BYTES = 1 << 20, NAME_BYTES_MAX = 4096, LINKS_MAX = 8 };

struct header {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[100], magic[8], uname[32],
		gname[32], major[8], minor[8], prefix[155], pad[12];
};

_Static_assert(sizeof(struct header) == BLOCK, "a tar header is one block");

struct reader {
	int fd;
	uint64_t at, end;
	struct tar_index *index;
	size_t room; /* entries that v has memory for */
	size_t names; /* bytes of all names */
	/* said by a pax or GNU header for the next entry */
	char *path, *link;
	bool has_size;
	uint64_t size;
	struct err *err;
};

static int bad(struct reader *r, const char *what)
{
	err_set(r->err, 400, "invalid archive: %s at byte %llu", what, (unsigned long long)r->at);
	return -1;
}

static int read_at(struct reader *r, uint64_t at, void *buf, size_t n)
{
	while (n > 0) {
		ssize_t done = pread(r->fd, buf, n, (off_t)at);

		if (done <= 0)
			return bad(r, done < 0 ? strerror(errno) : "unexpected end");
		buf = (char *)buf + done;
		at += (uint64_t)done;
		n -= (size_t)done;
	}
	return 0;
}

/* Octal, or base 256 when the top bit is set. */
static int number(const char *field, size_t n, uint64_t *ret)
{
	const unsigned char *p = (const unsigned char *)field;
	uint64_t v = 0;
	size_t i = 0;

	if (p[0] & 0x80) {
		if (p[0] != 0x80) /* negative, or beyond 64 bits */
			return -ERANGE;
		for (i = 1; i < n; i++) {
			if (v >> 55)
				return -ERANGE;
			v = v << 8 | p[i];
		}
		*ret = v;
		return 0;
	}
	while (i < n && p[i] == ' ')
		i++;
	for (; i < n && p[i] >= '0' && p[i] <= '7'; i++)
		v = v << 3 | (uint64_t)(p[i] - '0');
	if (i < n && p[i] != '\0' && p[i] != ' ')
		return -EINVAL;
	*ret = v;
	return 0;
}

static bool checksum_right(const struct header *h)
{
	const unsigned char *p = (const unsigned char *)h;
	uint64_t said, sum = 0;

	for (size_t i = 0; i < BLOCK; i++)
		sum += i >= offsetof(struct header, checksum) && i < offsetof(struct header, type) ? ' ' : p[i];
	return number(h->checksum, sizeof(h->checksum), &said) == 0 && said == sum;
}

/* "./a//b/" to "a/b"; ".." is taken back by name and never leads out. Fresh text or NULL. */
static char *clean(const char *dir, const char *name)
{
	size_t size = strlen(dir) + strlen(name) + 2, n = 0;
	char *out = malloc(size), *both = malloc(size), *rest = both, *part;

	if (!out || !both) {
		free(out);
		free(both);
		return NULL;
	}
	snprintf(both, size, "%s/%s", dir, name);
	while ((part = strsep(&rest, "/"))) {
		if (!*part || strcmp(part, ".") == 0)
			continue;
		if (strcmp(part, "..") == 0) {
			while (n > 0 && out[n - 1] != '/')
				n--;
			n -= n > 0;
			continue;
		}
		if (n)
			out[n++] = '/';
		memcpy(out + n, part, strlen(part));
		n += strlen(part);
	}
	out[n] = '\0';
	free(both);
	return out;
}

static int take(struct reader *r, char **to, const char *s, size_t n)
{
	if (n >= NAME_BYTES_MAX)
		return bad(r, "name too long");
	free(*to);
	*to = strndup(s, n);
	return *to ? 0 : bad(r, "out of memory");
}

/* "LEN key=value\n" one after another. */
static int read_pax(struct reader *r, char *text, size_t n)
{
	while (n > 0) {
		char *end, *key, *eq, *value;
		unsigned long len = strtoul(text, &end, 10);
		size_t value_len;

		if (end == text || *end != ' ' || len > n || len < (size_t)(end - text) + 3 || text[len - 1] != '\n')
			return bad(r, "malformed pax header");
		key = end + 1;
		eq = memchr(key, '=', len - (size_t)(key - text));
		if (!eq)
			return bad(r, "malformed pax header");
		*eq = '\0';
		value = eq + 1;
		value_len = len - (size_t)(value - text) - 1;
		value[value_len] = '\0';
		if (strcmp(key, "path") == 0 && take(r, &r->path, value, value_len) < 0)
			return -1;
		if (strcmp(key, "linkpath") == 0 && take(r, &r->link, value, value_len) < 0)
			return -1;
		if (strcmp(key, "size") == 0) {
			if (text_u64(value, INT64_MAX, &r->size) < 0)
				return bad(r, "malformed pax header");
			r->has_size = true;
		}
		if (strncmp(key, "GNU.sparse.", 11) == 0)
			return bad(r, "sparse file");
		text += len;
		n -= len;
	}
	return 0;
}

/* Headers about the next entry: 'x' pax, 'L' and 'K' GNU's long name and link. */
static int read_extension(struct reader *r, char type, uint64_t size)
{
	char *text;
	int e;

	if (size > LONG_MAX_BYTES)
		return bad(r, "header too long");
	text = malloc(size + 1);
	if (!text)
		return bad(r, "out of memory");
	e = read_at(r, r->at, text, size);
	text[size] = '\0';
	if (e == 0 && type == 'x')
		e = read_pax(r, text, size);
	else if (e == 0)
		e = take(r, type == 'L' ? &r->path : &r->link, text, strlen(text));
	free(text);
	return e;
}

/* Fresh text: what an extension said, else what the header has room for. */
static char *name_of(const struct reader *r, const struct header *h)
{
	bool prefix = memcmp(h->magic, "ustar", 6) == 0 && h->prefix[0];
	char text[sizeof(h->prefix) + sizeof(h->name) + 2];

	if (r->path)
		return strdup(r->path);
	snprintf(text, sizeof(text), "%.155s%s%.100s", prefix ? h->prefix : "", prefix ? "/" : "", h->name);
	return strdup(text);
}

/* A hard link names an entry, a symbolic link starts where it stands. */
static char *target_of(const struct header *h, char *name, const char *target)
{
	char *slash = strrchr(name, '/');

	if (h->type == '1' || !slash || target[0] == '/')
		return clean("", target);
	*slash = '\0';
	return clean(name, target);
}

static int grow(struct reader *r)
{
	struct tar_index *t = r->index;
	size_t room = r->room ? 2 * r->room : 64;
	struct tar_entry *more;

	if (t->n < r->room)
		return 0;
	more = reallocarray(t->v, room, sizeof(*more));
	if (!more)
		return -1;
	t->v = more;
	r->room = room;
	return 0;
}

static int add_entry(struct reader *r, const struct header *h, uint64_t size)
{
	bool link = h->type == '1' || h->type == '2';
	struct tar_index *t = r->index;
	struct tar_entry entry = { .offset = r->at, .size = size };
	char *name = name_of(r, h), *target = r->link ? strdup(r->link) : strndup(h->link, sizeof(h->link));
	int e = 0;

	if (name && target)
		r->names += strlen(name) + strlen(target);
	if (!name || !target || grow(r) < 0)
		e = bad(r, "out of memory");
	else if (t->n == IMAGE_ENTRIES_MAX || r->names > IMAGE_NAMES_MAX)
		e = bad(r, "too many entries");
	if (e == 0) {
		entry.name = clean("", name);
		entry.link = link ? target_of(h, name, target) : NULL;
		if (!entry.name || (link && !entry.link))
			e = bad(r, "out of memory");
	}
	if (e == 0) {
		t->v[t->n++] = entry;
	} else {
		free(entry.name);
		free(entry.link);
	}
	free(name);
	free(target);
	return e;
}

static int next_entry(struct reader *r, const struct header *h)
{
	bool extension = h->type == 'x' || h->type == 'L' || h->type == 'K', global = h->type == 'g';
	bool file = h->type == '0' || h->type == '\0' || h->type == '7';
	bool link = h->type == '1' || h->type == '2';
	uint64_t size, padded;
	int e = 0;

	if (number(h->size, sizeof(h->size), &size) < 0)
		return bad(r, "malformed size");
	r->at += BLOCK;
	if (!extension && !global && r->has_size)
		size = r->size;
	if (link)
		size = 0; /* some writers repeat the target's */
	if (size > r->end - r->at)
		return bad(r, "unexpected end");
	if (h->type == 'S')
		return bad(r, "sparse file");
	if (extension)
		e = read_extension(r, h->type, size);
	else if (file || link)
		e = add_entry(r, h, size);
	if (!extension && !global) {
		free(r->path);
		free(r->link);
		r->path = r->link = NULL;
		r->has_size = false;
	}
	padded = (size + BLOCK - 1) / BLOCK * BLOCK;
	r->at += padded < r->end - r->at ? padded : r->end - r->at;
	return e;
}

static int compare(const void *a, const void *b)
{
	const struct tar_entry *x = a, *y = b;
	int c = strcmp(x->name, y->name);

	return c ? c : x->offset < y->offset ? -1 : x->offset > y->offset;
}

int tar_index_read(int fd, uint64_t size, struct tar_index *ret, struct err *err)
{
	struct tar_index index = { 0 };
	struct reader r = { .fd = fd, .end = size, .index = &index, .err = err };
	static const struct header zero;
	unsigned headers = 0;
	struct header h;
	int e = 0;

	while (e == 0 && r.end - r.at >= BLOCK) {
		e = read_at(&r, r.at, &h, BLOCK);
		if (e < 0 || memcmp(&h, &zero, BLOCK) == 0)
			break;
		if (++headers > 4 * IMAGE_ENTRIES_MAX)
			e = bad(&r, "too many entries");
		else
			e = checksum_right(&h) ? next_entry(&r, &h) : bad(&r, "no tar header");
	}
	free(r.path);
	free(r.link);
	if (e < 0) {
		tar_index_finish(&index);
		return -1;
	}
	if (index.n)
		qsort(index.v, index.n, sizeof(*index.v), compare);
	*ret = index;
	return 0;
}

void tar_index_finish(struct tar_index *t)
{
	for (size_t i = 0; i < t->n; i++) {
		free(t->v[i].name);
		free(t->v[i].link);
	}
	free(t->v);
	*t = (struct tar_index){ 0 };
}

/* The last entry of a name counts, as when unpacking. */
static const struct tar_entry *find_last(const struct tar_index *t, const char *name)
{
	size_t low = 0, high = t->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(t->v[middle].name, name) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low > 0 && strcmp(t->v[low - 1].name, name) == 0 ? &t->v[low - 1] : NULL;
}

const struct tar_entry *tar_index_find(const struct tar_index *t, const char *name)
{
	char *wanted = clean("", name);
	const struct tar_entry *found = wanted ? find_last(t, wanted) : NULL;

	free(wanted);
	for (unsigned links = 0; found && found->link; links++)
		found = links < LINKS_MAX ? find_last(t, found->link) : NULL;
	return found;
}
