/* tar.c - see tar.h.
 *
 * Hostile input: every byte. Numbers are checked before they are added, extensions, names, attributes and fragments are
 * bounded; a header that is not understood is an error, never a guess, but for global pax headers, which images carry
 * and nobody applies. */
#include "tar.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/cleanup.h"
#include "split.h"
#include "stream.h"

enum { BLOCK = 512, OLD_FRAGMENTS = 4, MORE_FRAGMENTS = 21 };

struct number_pair {
	char offset[12], size[12];
};
struct header {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[100], magic[8], uname[32],
		gname[32], major[8], minor[8];
	union {
		char prefix[155];
		struct {
			char atime[12], ctime[12], offset[12], longnames[4], unused;
			struct number_pair fragments[OLD_FRAGMENTS];
			char extended, real_size[12];
		} gnu;
	};
	char pad[12];
};
struct sparse_block {
	struct number_pair fragments[MORE_FRAGMENTS];
	char extended, pad[7];
};

_Static_assert(sizeof(struct header) == BLOCK, "a tar header is one block");
_Static_assert(sizeof(struct sparse_block) == BLOCK, "so is its continuation");

/* What pax headers say about the next entry. */
struct said {
	bool path, link, size, uid, gid, mtime, sparse_name, real_size;
	uint64_t real, sparse_major;
};

struct tar {
	struct stream *s;
	struct split *split;
	struct result *why;
	const uint8_t *at; /* rest of the stream's last bytes */
	size_t left;
	struct tar_entry entry;
	struct said said;
	char *pax; /* of the next entry: names and values of its attributes lie in it */
	struct tar_fragment *fragments;
	size_t nfragments, room, fragment; /* fragment: that is being read */
	uint64_t packed; /* bytes of the entry that are still in the archive */
	uint64_t offset; /* in the file, of the next one */
	unsigned padding;
	bool apart;
};

static int fail(struct tar *t, int e, const char *stage)
{
	return result_fail(t->why, e, stage);
}

static int bad(struct tar *t)
{
	return fail(t, -EINVAL, "archive");
}

/* --- bytes ------------------------------------------------------------------------------------------------------- */
/* 1: there is something; 0: the end. */
static int fill(struct tar *t)
{
	const void *data;
	ssize_t n;

	if (t->left)
		return 1;
	n = stream_read(t->s, &data);
	if (n <= 0)
		return (int)n;
	t->at = data;
	t->left = (size_t)n;
	return 1;
}

/* At most n bytes as they lie there; 0 at the end. */
static ssize_t next_bytes(struct tar *t, size_t n, const void **ret, bool keep)
{
	int e = fill(t);

	if (e <= 0)
		return e;
	if (n > t->left)
		n = t->left;
	if (keep && t->split) {
		e = split_bytes(t->split, t->at, n);
		if (e < 0)
			return fail(t, e, "split");
	}
	*ret = t->at;
	t->at += n;
	t->left -= n;
	return (ssize_t)n;
}

/* Just n bytes, to be copied, or to be passed over when to is NULL. 0: the archive ends before the first. */
static int take(struct tar *t, void *to, uint64_t n, bool may_end)
{
	bool first = true;

	while (n > 0) {
		const void *data = NULL;
		ssize_t got = next_bytes(t, n < SIZE_MAX / 2 ? (size_t)n : SIZE_MAX / 2, &data, /* keep= */ true);

		if (got < 0)
			return (int)got;
		if (got == 0)
			return first && may_end ? 0 : fail(t, -EINVAL, "archive ends early");
		if (to) {
			memcpy(to, data, (size_t)got);
			to = (char *)to + got;
		}
		n -= (uint64_t)got;
		first = false;
	}
	return 1;
}

/* --- numbers ----------------------------------------------------------------------------------------------------- */
/* Octal between blanks, or base 256 when the top bit is set; signed, since times may be. */
static int number(const char *field, size_t n, int64_t *ret)
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

#define NUMBER(field, ret) number(field, sizeof(field), ret)

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
	uint64_t sec;
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
static int add_fragment(struct tar *t, uint64_t offset, uint64_t size)
{
	if (t->nfragments == TAR_FRAGMENTS_MAX)
		return fail(t, -E2BIG, "sparse file");
	if (t->nfragments == t->room) {
		size_t room = t->room ? 2 * t->room : 64;
		void *more = reallocarray(t->fragments, room, sizeof(*t->fragments));

		if (!more)
			return fail(t, -ENOMEM, "memory");
		t->fragments = more;
		t->room = room;
	}
	t->fragments[t->nfragments++] = (struct tar_fragment){ offset, size };
	return 0;
}

/* In order, within the file, and together what the archive holds. */
static int check_fragments(struct tar *t, uint64_t packed)
{
	uint64_t end = 0;

	for (size_t i = 0; i < t->nfragments; i++) {
		const struct tar_fragment *f = &t->fragments[i];

		if (f->offset < end || f->offset > t->entry.size || f->size > t->entry.size - f->offset ||
		    f->size > packed)
			return fail(t, -EINVAL, "sparse file");
		end = f->offset + f->size;
		packed -= f->size;
	}
	return packed ? fail(t, -EINVAL, "sparse file") : 0;
}

static int add_old_fragments(struct tar *t, const struct number_pair *f, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		int64_t offset, size;

		if (f[i].offset[0] == '\0')
			break;
		if (NUMBER(f[i].offset, &offset) < 0 || NUMBER(f[i].size, &size) < 0 || offset < 0 || size < 0)
			return fail(t, -EINVAL, "sparse file");
		if (add_fragment(t, (uint64_t)offset, (uint64_t)size) < 0)
			return t->why->status;
	}
	return 0;
}

/* GNU's type S: the map is in the header and in blocks behind it. */
static int read_old_sparse(struct tar *t, const struct header *h)
{
	struct sparse_block more;
	char extended = h->gnu.extended;
	int64_t real;
	int e;

	if (NUMBER(h->gnu.real_size, &real) < 0 || real < 0)
		return fail(t, -EINVAL, "sparse file");
	t->entry.size = (uint64_t)real;
	e = add_old_fragments(t, h->gnu.fragments, OLD_FRAGMENTS);
	while (e == 0 && extended) {
		if (take(t, &more, sizeof(more), /* may_end= */ false) < 0)
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
			if (l->t->packed < BLOCK || take(l->t, l->buf, BLOCK, /* may_end= */ false) < 0)
				return fail(l->t, -EINVAL, "sparse file");
			l->t->packed -= BLOCK;
			l->at = 0;
			l->n = BLOCK;
		}
		text[n] = l->buf[l->at++];
		if (text[n] == '\n')
			break;
		if (++n == sizeof(text) - 1)
			return fail(l->t, -EINVAL, "sparse file");
	}
	text[n] = '\0';
	return decimal(&s, "", ret) < 0 || *s ? fail(l->t, -EINVAL, "sparse file") : 0;
}

static int read_new_sparse(struct tar *t)
{
	struct lines l = { .t = t };
	uint64_t count, offset, size;
	int e = next_line(&l, &count);

	if (e == 0 && count > TAR_FRAGMENTS_MAX)
		e = fail(t, -E2BIG, "sparse file");
	while (e == 0 && count-- > 0) {
		e = next_line(&l, &offset);
		if (e == 0)
			e = next_line(&l, &size);
		if (e == 0)
			e = add_fragment(t, offset, size);
	}
	return e;
}

/* pax 0.1: "offset,size,offset,size" */
static int read_map(struct tar *t, const char *s)
{
	uint64_t offset, size;

	t->nfragments = 0;
	while (*s) {
		if (decimal(&s, ",", &offset) < 0 || decimal(&s, ",", &size) < 0)
			return fail(t, -EINVAL, "sparse file");
		if (add_fragment(t, offset, size) < 0)
			return t->why->status;
	}
	return 0;
}

/* --- pax --------------------------------------------------------------------------------------------------------- */
static int copy_name(struct tar *t, char to[PATH_MAX], const char *from, size_t n)
{
	if (n >= PATH_MAX)
		return fail(t, -ENAMETOOLONG, "path");
	memcpy(to, from, n);
	to[n] = '\0';
	return 0;
}

static int pax_sparse(struct tar *t, const char *key, const char *value)
{
	struct said *said = &t->said;
	uint64_t n;

	t->entry.sparse = true;
	if (strcmp(key, "map") == 0)
		return read_map(t, value);
	if (strcmp(key, "name") == 0) {
		said->sparse_name = true;
		return copy_name(t, t->entry.name, value, strlen(value));
	}
	if (decimal_text(value, &n) < 0)
		return fail(t, -EINVAL, "sparse file");
	if (strcmp(key, "major") == 0) {
		said->sparse_major = n;
	} else if (strcmp(key, "size") == 0 || strcmp(key, "realsize") == 0) {
		said->real_size = true;
		said->real = n;
	} else if (strcmp(key, "offset") == 0) {
		return add_fragment(t, n, 0);
	} else if (strcmp(key, "numbytes") == 0) {
		if (t->nfragments == 0)
			return fail(t, -EINVAL, "sparse file");
		t->fragments[t->nfragments - 1].size = n;
	}
	return 0;
}

static int pax_id(struct tar *t, const char *value, uint64_t *ret, bool *ret_said)
{
	*ret_said = true;
	return decimal_text(value, ret) < 0 ? fail(t, -EOVERFLOW, "owner outside 0..65535") : 0;
}

/* One record; key and value are NUL-terminated, the value may hold further NULs. */
static int pax_record(struct tar *t, const char *key, const char *value, size_t n)
{
	static const char xattr[] = "SCHILY.xattr.", sparse[] = "GNU.sparse.";
	struct tar_entry *e = &t->entry;
	struct said *said = &t->said;

	if (strncmp(key, xattr, sizeof(xattr) - 1) == 0) {
		if (e->nxattrs == TAR_XATTRS_MAX)
			return fail(t, -E2BIG, "xattrs");
		e->xattrs[e->nxattrs++] = (struct tar_xattr){ key + sizeof(xattr) - 1, value, n };
		return 0;
	}
	if (strlen(value) != n)
		return strcmp(key, "path") == 0 || strcmp(key, "linkpath") == 0 ? fail(t, -EINVAL, "path") : 0;
	if (n == 0)
		return 0; /* "delete": as if it had not been said */
	if (strcmp(key, "path") == 0) {
		if (said->sparse_name)
			return 0;
		said->path = true;
		return copy_name(t, e->name, value, n);
	}
	if (strcmp(key, "linkpath") == 0) {
		said->link = true;
		return copy_name(t, e->link, value, n);
	}
	if (strcmp(key, "size") == 0) {
		said->size = true;
		return decimal_text(value, &t->packed) < 0 ? bad(t) : 0;
	}
	if (strcmp(key, "uid") == 0)
		return pax_id(t, value, &e->uid, &said->uid);
	if (strcmp(key, "gid") == 0)
		return pax_id(t, value, &e->gid, &said->gid);
	if (strcmp(key, "mtime") == 0) {
		said->mtime = true;
		return time_text(value, &e->mtime) < 0 ? bad(t) : 0;
	}
	return strncmp(key, sparse, sizeof(sparse) - 1) == 0 ? pax_sparse(t, key + sizeof(sparse) - 1, value) : 0;
}

/* "LEN key=value\n" one after another. */
static int read_pax(struct tar *t, char *text, size_t n)
{
	while (n > 0) {
		char *end, *eq;
		size_t key;
		unsigned long len = strtoul(text, &end, 10);
		int e;

		key = (size_t)(end - text) + 1;
		if (end == text || *end != ' ' || len > n || len < key + 2 || text[len - 1] != '\n')
			return bad(t);
		eq = memchr(text + key, '=', len - key);
		if (!eq || eq == text + key)
			return bad(t);
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

/* --- headers ----------------------------------------------------------------------------------------------------- */
static bool checksum_right(const struct header *h)
{
	const unsigned char *p = (const unsigned char *)h;
	int64_t said, sum = 0, signed_sum = 0;

	for (size_t i = 0; i < BLOCK; i++) {
		bool own = i >= offsetof(struct header, checksum) && i < offsetof(struct header, type);

		sum += own ? ' ' : p[i];
		signed_sum += own ? ' ' : (signed char)p[i];
	}
	return NUMBER(h->checksum, &said) == 0 && (said == sum || said == signed_sum);
}

/* Headers about the next entry: 'x' pax, 'g' for all, 'L' and 'K' GNU's long name and link. */
static int read_extension(struct tar *t, char type, uint64_t size)
{
	struct said *said = &t->said;
	char *text;
	int e;

	if (size > TAR_EXTENSION_MAX)
		return fail(t, -E2BIG, "header");
	text = malloc(size + 1);
	if (!text)
		return fail(t, -ENOMEM, "memory");
	text[size] = '\0';
	e = take(t, text, size, /* may_end= */ false);
	if (e >= 0)
		e = take(t, NULL, -size % BLOCK, /* may_end= */ false);
	if (e >= 0 && type == 'x') {
		free(t->pax);
		t->pax = TAKE_PTR(text);
		t->entry.nxattrs = 0;
		e = read_pax(t, t->pax, size);
	} else if (e >= 0 && type == 'L' && !said->path) {
		said->path = true;
		e = copy_name(t, t->entry.name, text, strlen(text));
	} else if (e >= 0 && type == 'K' && !said->link) {
		said->link = true;
		e = copy_name(t, t->entry.link, text, strlen(text));
	}
	free(text);
	return e < 0 ? e : 0;
}

static const struct {
	char letter;
	enum tar_type type;
} types[] = {
	{ '0', TAR_FILE }, { '\0', TAR_FILE }, { '7', TAR_FILE }, { 'S', TAR_FILE }, { '1', TAR_HARDLINK },
	{ '2', TAR_SYMLINK }, { '3', TAR_CHAR }, { '4', TAR_BLOCK }, { '5', TAR_DIR }, { '6', TAR_FIFO },
};

static int read_ids(struct tar *t, const struct header *h)
{
	int64_t uid, gid;

	if (NUMBER(h->uid, &uid) < 0 || NUMBER(h->gid, &gid) < 0 || uid < 0 || gid < 0)
		return fail(t, -EOVERFLOW, "owner outside 0..65535");
	if (!t->said.uid)
		t->entry.uid = (uint64_t)uid;
	if (!t->said.gid)
		t->entry.gid = (uint64_t)gid;
	return 0;
}

static void read_names(struct tar *t, const struct header *h)
{
	bool prefix = memcmp(h->magic, "ustar", 6) == 0 && h->prefix[0];
	struct tar_entry *e = &t->entry;

	if (!t->said.path && !t->said.sparse_name)
		snprintf(e->name, sizeof(e->name), "%.155s%s%.100s", prefix ? h->prefix : "", prefix ? "/" : "", h->name);
	if (!t->said.link)
		snprintf(e->link, sizeof(e->link), "%.100s", h->link);
}

static int read_fragments(struct tar *t, const struct header *h)
{
	struct tar_entry *e = &t->entry;
	uint64_t before = t->packed;
	int r = 0;

	if (h->type == 'S') {
		e->sparse = true;
		r = read_old_sparse(t, h);
	} else if (e->sparse) {
		if (e->type != TAR_FILE || !t->said.real_size)
			return fail(t, -EINVAL, "sparse file");
		e->size = t->said.real;
		if (t->said.sparse_major == 1)
			r = read_new_sparse(t);
		t->padding = (unsigned)(-before % BLOCK);
	} else if (e->type == TAR_FILE) {
		e->size = t->packed;
		t->nfragments = 0;
		return add_fragment(t, 0, t->packed);
	} else {
		t->nfragments = 0;
	}
	return r < 0 ? r : check_fragments(t, t->packed);
}

/* The header of an entry itself. size: as it says, or as pax did. */
static int read_entry(struct tar *t, const struct header *h, uint64_t size)
{
	struct tar_entry *e = &t->entry;
	int64_t mode, mtime;
	size_t i, n;

	for (i = 0; i < ARRAY_SIZE(types) && types[i].letter != h->type; i++)
		;
	if (i == ARRAY_SIZE(types))
		return fail(t, -EOPNOTSUPP, "type of entry");
	e->type = types[i].type;
	read_names(t, h);
	n = strlen(e->name);
	if (h->type == '\0' && n && e->name[n - 1] == '/')
		e->type = TAR_DIR;
	if (NUMBER(h->mode, &mode) < 0 || NUMBER(h->mtime, &mtime) < 0)
		return bad(t);
	e->mode = (uint32_t)mode & 07777;
	if (!t->said.mtime)
		e->mtime = (struct timespec){ .tv_sec = mtime };
	if (read_ids(t, h) < 0)
		return t->why->status;
	/* What is no file has no data, whatever it says: as Go reads it. */
	t->packed = e->type == TAR_FILE ? size : 0;
	t->padding = (unsigned)(-t->packed % BLOCK);
	return read_fragments(t, h);
}

static void forget(struct tar *t)
{
	free(TAKE_PTR(t->pax));
	t->said = (struct said){ 0 };
	t->entry.nxattrs = 0;
	t->entry.sparse = false;
	t->entry.size = 0;
	t->nfragments = t->fragment = 0;
	t->offset = 0;
	t->apart = false;
}

int tar_next(struct tar *t, const struct tar_entry **ret)
{
	static const struct header zero;
	struct header h;
	int64_t size;
	int e;

	/* What nobody read of the last one. */
	t->apart = false;
	e = take(t, NULL, t->packed, /* may_end= */ false);
	if (e >= 0)
		e = take(t, NULL, t->padding, /* may_end= */ false);
	if (e < 0)
		return e;
	forget(t);
	t->packed = t->padding = 0;
	for (;;) {
		e = take(t, &h, BLOCK, /* may_end= */ true);
		if (e <= 0 || memcmp(&h, &zero, BLOCK) == 0)
			return e < 0 ? e : 0;
		if (!checksum_right(&h))
			return bad(t);
		if (NUMBER(h.size, &size) < 0 || size < 0)
			return fail(t, -EINVAL, "size");
		if (h.type == 'x' || h.type == 'g' || h.type == 'L' || h.type == 'K') {
			e = read_extension(t, h.type, (uint64_t)size);
		} else {
			e = read_entry(t, &h, t->said.size ? t->packed : (uint64_t)size);
			if (e == 0) {
				*ret = &t->entry;
				return 1;
			}
		}
		if (e < 0)
			return e;
	}
}

void tar_apart(struct tar *t)
{
	t->apart = !t->entry.sparse;
}

ssize_t tar_data(struct tar *t, const void **ret, uint64_t *ret_offset)
{
	struct tar_fragment *f;
	ssize_t n;

	while (t->fragment < t->nfragments && t->fragments[t->fragment].size == 0)
		t->fragment++;
	if (t->fragment == t->nfragments)
		return 0;
	f = &t->fragments[t->fragment];
	n = next_bytes(t, f->size < SIZE_MAX / 2 ? (size_t)f->size : SIZE_MAX / 2, ret, /* keep= */ !t->apart);
	if (n == 0)
		return fail(t, -EINVAL, "archive ends early");
	if (n < 0)
		return n;
	*ret_offset = f->offset;
	f->offset += (uint64_t)n;
	f->size -= (uint64_t)n;
	t->packed -= (uint64_t)n;
	return n;
}

int tar_rest(struct tar *t)
{
	const void *data;
	ssize_t n;

	while ((n = next_bytes(t, SIZE_MAX / 2, &data, /* keep= */ true)) > 0)
		;
	return (int)n;
}

int tar_open(struct stream *s, struct split *split, struct result *why, struct tar **ret)
{
	struct tar *t = calloc(1, sizeof(*t));

	*ret = t;
	if (!t)
		return result_fail(why, -ENOMEM, "memory");
	t->s = s;
	t->split = split;
	t->why = why;
	return 0;
}

void tar_close(struct tar *t)
{
	if (!t)
		return;
	free(t->pax);
	free(t->fragments);
	free(t);
}
