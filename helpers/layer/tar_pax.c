/* tar_pax.c - the parts of a tar's headers: numbers, maps of sparse files, pax records. tar(5); POSIX, pax.
 * Hostile input: all of it (tar.c). */
#include "tar_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../base/cleanup.h"

/* --- numbers ----------------------------------------------------------------------------------------------------- */
/* Octal between blanks, or base 256 when the top bit is set; signed, since times may be. */
int tar_number(const char *field, size_t n, int64_t *ret)
{
	const unsigned char *p = (const unsigned char *)field;
	uint64_t v = 0;
	size_t i = 0;

	if (p[0] & 0x80) {
		bool negative = p[0] & 0x40;
		uint64_t fill_byte = negative ? 0xff : 0;

		for (; i < n; i++) {
			uint64_t b = i == 0 && !negative ? p[0] & 0x7f : p[i];

			if (i + 8 < n ? b != fill_byte : i + 8 == n && (b >> 7 == 1) != negative)
				return -ERANGE;
			v = v << 8 | b;
		}
		*ret = (int64_t)v;
		return 0;
	}
	while (i < n && (p[i] == ' ' || p[i] == '\0'))
		i++;
	for (; i < n && p[i] >= '0' && p[i] <= '7'; i++) {
		if (v >> 60)
			return -ERANGE;
		v = v << 3 | (uint64_t)(p[i] - '0');
	}
	for (; i < n; i++)
		if (p[i] != ' ' && p[i] != '\0')
			return -EINVAL;
	*ret = (int64_t)v;
	return 0;
}

/* Decimal, up to one of the ends; *s is behind it then. */
static int decimal(const char **s, const char *ends, uint64_t *ret)
{
	uint64_t v = 0;
	const char *p = *s;

	if (*p < '0' || *p > '9')
		return -EINVAL;
	for (; *p >= '0' && *p <= '9'; p++) {
		if (v > (INT64_MAX - 9) / 10)
			return -ERANGE;
		v = 10 * v + (uint64_t)(*p - '0');
	}
	if (*p && !strchr(ends, *p))
		return -EINVAL;
	*s = *p ? p + 1 : p;
	*ret = v;
	return 0;
}

static int decimal_text(const char *s, uint64_t *ret)
{
	int e = decimal(&s, "", ret);

	return e < 0 ? e : *s ? -EINVAL : 0;
}

/* "-1234.5678" */
static int time_text(const char *s, struct timespec *ret)
{
	bool negative = *s == '-';
	uint64_t sec = 0;
	long ns = 0, scale = 100000000;
	int e;

	s += negative;
	e = decimal(&s, ".", &sec);
	if (e < 0)
		return e;
	for (; *s >= '0' && *s <= '9'; s++, scale /= 10)
		ns += scale * (*s - '0');
	if (*s)
		return -EINVAL;
	*ret = (struct timespec){ negative ? -(time_t)sec : (time_t)sec, ns };
	if (negative && ns) {
		ret->tv_sec--;
		ret->tv_nsec = 1000000000 - ns;
	}
	return 0;
}

/* --- sparse files ------------------------------------------------------------------------------------------------ */
int tar_add_fragment(struct tar *t, uint64_t offset, uint64_t size)
{
	if (t->nfragments == TAR_FRAGMENTS_MAX)
		return tar_fail(t, -E2BIG, "sparse file");
	if (t->nfragments == t->room) {
		size_t room = t->room ? 2 * t->room : 64;
		void *more = reallocarray(t->fragments, room, sizeof(*t->fragments));

		if (!more)
			return tar_fail(t, -ENOMEM, "memory");
		t->fragments = more;
		t->room = room;
	}
	t->fragments[t->nfragments++] = (struct tar_fragment){ offset, size };
	return 0;
}

/* In order, within the file, and together what the archive holds. */
int tar_check_fragments(struct tar *t, uint64_t packed)
{
	uint64_t end = 0;

	for (size_t i = 0; i < t->nfragments; i++) {
		const struct tar_fragment *f = &t->fragments[i];

		if (f->offset < end || f->offset > t->entry.size || f->size > t->entry.size - f->offset ||
		    f->size > packed)
			return tar_fail(t, -EINVAL, "sparse file");
		end = f->offset + f->size;
		packed -= f->size;
	}
	return packed ? tar_fail(t, -EINVAL, "sparse file") : 0;
}

static int add_old_fragments(struct tar *t, const struct number_pair *f, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		int64_t offset, size;

		if (f[i].offset[0] == '\0')
			break;
		if (NUMBER(f[i].offset, &offset) < 0 || NUMBER(f[i].size, &size) < 0 || offset < 0 || size < 0)
			return tar_fail(t, -EINVAL, "sparse file");
		if (tar_add_fragment(t, (uint64_t)offset, (uint64_t)size) < 0)
			return t->why->status;
	}
	return 0;
}

/* GNU's type S: the map is in the header and in blocks behind it. */
int tar_read_old_sparse(struct tar *t, const struct header *h)
{
	struct sparse_block more;
	char extended = h->gnu.extended;
	int64_t real;
	int e;

	if (NUMBER(h->gnu.real_size, &real) < 0 || real < 0)
		return tar_fail(t, -EINVAL, "sparse file");
	t->entry.size = (uint64_t)real;
	e = add_old_fragments(t, h->gnu.fragments, OLD_FRAGMENTS);
	while (e == 0 && extended) {
		if (tar_take(t, &more, sizeof(more), /* may_end= */ false) < 0)
			return t->why->status;
		e = add_old_fragments(t, more.fragments, MORE_FRAGMENTS);
		extended = more.extended;
	}
	return e;
}

/* pax 1.0: lines of numbers before the data: how many, then offset and size of each. */
struct lines {
	struct tar *t;
	char buf[BLOCK + 1];
	size_t at, n;
};

static int next_line(struct lines *l, uint64_t *ret)
{
	char text[24];
	const char *s = text;
	size_t n = 0;

	for (;;) {
		if (l->at == l->n) {
			if (l->t->packed < BLOCK || tar_take(l->t, l->buf, BLOCK, /* may_end= */ false) < 0)
				return tar_fail(l->t, -EINVAL, "sparse file");
			l->t->packed -= BLOCK;
			l->at = 0;
			l->n = BLOCK;
		}
		text[n] = l->buf[l->at++];
		if (text[n] == '\n')
			break;
		if (++n == sizeof(text) - 1)
			return tar_fail(l->t, -EINVAL, "sparse file");
	}
	text[n] = '\0';
	return decimal(&s, "", ret) < 0 || *s ? tar_fail(l->t, -EINVAL, "sparse file") : 0;
}

int tar_read_new_sparse(struct tar *t)
{
	struct lines l = { .t = t };
	uint64_t count = 0, offset = 0, size = 0;
	int e = next_line(&l, &count);

	if (e == 0 && count > TAR_FRAGMENTS_MAX)
		e = tar_fail(t, -E2BIG, "sparse file");
	while (e == 0 && count-- > 0) {
		e = next_line(&l, &offset);
		if (e == 0)
			e = next_line(&l, &size);
		if (e == 0)
			e = tar_add_fragment(t, offset, size);
	}
	return e;
}

/* pax 0.1: "offset,size,offset,size" */
static int read_map(struct tar *t, const char *s)
{
	uint64_t offset = 0, size = 0;

	t->nfragments = 0;
	while (*s) {
		if (decimal(&s, ",", &offset) < 0 || decimal(&s, ",", &size) < 0)
			return tar_fail(t, -EINVAL, "sparse file");
		if (tar_add_fragment(t, offset, size) < 0)
			return t->why->status;
	}
	return 0;
}

/* --- pax --------------------------------------------------------------------------------------------------------- */
int tar_copy_name(struct tar *t, char to[PATH_MAX], const char *from, size_t n)
{
	if (n >= PATH_MAX)
		return tar_fail(t, -ENAMETOOLONG, "path");
	memcpy(to, from, n);
	to[n] = '\0';
	return 0;
}

static int pax_sparse(struct tar *t, const char *key, const char *value)
{
	struct said *said = &t->said;
	uint64_t n = 0;

	t->entry.sparse = true;
	if (strcmp(key, "map") == 0)
		return read_map(t, value);
	if (strcmp(key, "name") == 0) {
		said->sparse_name = true;
		return tar_copy_name(t, t->entry.name, value, strlen(value));
	}
	if (decimal_text(value, &n) < 0)
		return tar_fail(t, -EINVAL, "sparse file");
	if (strcmp(key, "major") == 0) {
		said->sparse_major = n;
	} else if (strcmp(key, "size") == 0 || strcmp(key, "realsize") == 0) {
		said->real_size = true;
		said->real = n;
	} else if (strcmp(key, "offset") == 0) {
		return tar_add_fragment(t, n, 0);
	} else if (strcmp(key, "numbytes") == 0) {
		if (t->nfragments == 0)
			return tar_fail(t, -EINVAL, "sparse file");
		t->fragments[t->nfragments - 1].size = n;
	}
	return 0;
}

static int pax_id(struct tar *t, const char *value, uint64_t *ret, bool *ret_said)
{
	*ret_said = true;
	return decimal_text(value, ret) < 0 ? tar_fail(t, -EOVERFLOW, "owner outside 0..65535") : 0;
}

/* One record; key and value are NUL-terminated, the value may hold further NULs. */
static int pax_record(struct tar *t, const char *key, const char *value, size_t n)
{
	static const char xattr[] = "SCHILY.xattr.", sparse[] = "GNU.sparse.";
	struct tar_entry *e = &t->entry;
	struct said *said = &t->said;

	if (strncmp(key, xattr, sizeof(xattr) - 1) == 0) {
		if (e->nxattrs == TAR_XATTRS_MAX)
			return tar_fail(t, -E2BIG, "xattrs");
		e->xattrs[e->nxattrs++] = (struct tar_xattr){ key + sizeof(xattr) - 1, value, n };
		return 0;
	}
	if (strlen(value) != n)
		return strcmp(key, "path") == 0 || strcmp(key, "linkpath") == 0 ? tar_fail(t, -EINVAL, "path") : 0;
	if (n == 0)
		return 0; /* "delete": as if it had not been said */
	if (strcmp(key, "path") == 0) {
		if (said->sparse_name)
			return 0;
		said->path = true;
		return tar_copy_name(t, e->name, value, n);
	}
	if (strcmp(key, "linkpath") == 0) {
		said->link = true;
		return tar_copy_name(t, e->link, value, n);
	}
	if (strcmp(key, "size") == 0) {
		said->size = true;
		return decimal_text(value, &t->packed) < 0 ? tar_fail(t, -EINVAL, "archive") : 0;
	}
	if (strcmp(key, "uid") == 0)
		return pax_id(t, value, &e->uid, &said->uid);
	if (strcmp(key, "gid") == 0)
		return pax_id(t, value, &e->gid, &said->gid);
	if (strcmp(key, "mtime") == 0) {
		said->mtime = true;
		return time_text(value, &e->mtime) < 0 ? tar_fail(t, -EINVAL, "archive") : 0;
	}
	return strncmp(key, sparse, sizeof(sparse) - 1) == 0 ? pax_sparse(t, key + sizeof(sparse) - 1, value) : 0;
}

/* "LEN key=value\n" one after another. */
int tar_read_pax(struct tar *t, char *text, size_t n)
{
	while (n > 0) {
		char *end, *eq;
		size_t key;
		unsigned long len = strtoul(text, &end, 10);
		int e;

		key = (size_t)(end - text) + 1;
		if (end == text || *end != ' ' || len > n || len < key + 2 || text[len - 1] != '\n')
			return tar_fail(t, -EINVAL, "archive");
		eq = memchr(text + key, '=', len - key);
		if (!eq || eq == text + key)
			return tar_fail(t, -EINVAL, "archive");
		*eq++ = '\0';
		text[len - 1] = '\0';
		e = pax_record(t, text + key, eq, len - 1 - (size_t)(eq - text));
		if (e < 0)
			return e;
		text += len;
		n -= len;
	}
	return 0;
}
