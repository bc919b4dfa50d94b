/* tar.c - see tar.h; tar_pax.c has the parts of headers.
 *
 * Hostile input: every byte. Numbers are checked before they are added, extensions, names, attributes and fragments are
 * bounded; a header that is not understood is an error, never a guess, but for global pax headers, which images carry
 * and nobody applies. */
#include "tar_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/cleanup.h"
#include "split.h"
#include "stream.h"

int tar_fail(struct tar *t, int e, const char *stage)
{
	return result_fail(t->why, e, stage);
}

static int bad(struct tar *t)
{
	return tar_fail(t, -EINVAL, "archive");
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
			return tar_fail(t, e, "split");
	}
	*ret = t->at;
	t->at += n;
	t->left -= n;
	return (ssize_t)n;
}

/* Just n bytes, to be copied, or to be passed over when to is NULL. 0: the archive ends before the first. */
int tar_take(struct tar *t, void *to, uint64_t n, bool may_end)
{
	bool first = true;

	while (n > 0) {
		const void *data = NULL;
		ssize_t got = next_bytes(t, n < SIZE_MAX / 2 ? (size_t)n : SIZE_MAX / 2, &data, /* keep= */ true);

		if (got < 0)
			return (int)got;
		if (got == 0 || !data)
			return first && may_end ? 0 : tar_fail(t, -EINVAL, "archive ends early");
		if (to) {
			memcpy(to, data, (size_t)got);
			to = (char *)to + got;
		}
		n -= (uint64_t)got;
		first = false;
	}
	return 1;
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
		return tar_fail(t, -E2BIG, "header");
	text = malloc(size + 1);
	if (!text)
		return tar_fail(t, -ENOMEM, "memory");
	text[size] = '\0';
	e = tar_take(t, text, size, /* may_end= */ false);
	if (e >= 0)
		e = tar_take(t, NULL, -size % BLOCK, /* may_end= */ false);
	if (e >= 0 && type == 'x') {
		free(t->pax);
		t->pax = TAKE_PTR(text);
		t->entry.nxattrs = 0;
		e = tar_read_pax(t, t->pax, size);
	} else if (e >= 0 && type == 'L' && !said->path) {
		said->path = true;
		e = tar_copy_name(t, t->entry.name, text, strlen(text));
	} else if (e >= 0 && type == 'K' && !said->link) {
		said->link = true;
		e = tar_copy_name(t, t->entry.link, text, strlen(text));
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
		return tar_fail(t, -EOVERFLOW, "owner outside 0..65535");
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
		snprintf(e->name, sizeof(e->name), "%.155s%s%.100s", prefix ? h->prefix : "", prefix ? "/" : "",
			 h->name);
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
		r = tar_read_old_sparse(t, h);
	} else if (e->sparse) {
		if (e->type != TAR_FILE || !t->said.real_size)
			return tar_fail(t, -EINVAL, "sparse file");
		e->size = t->said.real;
		if (t->said.sparse_major == 1)
			r = tar_read_new_sparse(t);
		t->padding = (unsigned)(-before % BLOCK);
	} else if (e->type == TAR_FILE) {
		e->size = t->packed;
		t->nfragments = 0;
		return tar_add_fragment(t, 0, t->packed);
	} else {
		t->nfragments = 0;
	}
	return r < 0 ? r : tar_check_fragments(t, t->packed);
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
		return tar_fail(t, -EOPNOTSUPP, "type of entry");
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
	static const uint8_t zero[BLOCK];
	struct header h;
	int64_t size;
	int e;

	/* What nobody read of the last one. */
	t->apart = false;
	e = tar_take(t, NULL, t->packed, /* may_end= */ false);
	if (e >= 0)
		e = tar_take(t, NULL, t->padding, /* may_end= */ false);
	if (e < 0)
		return e;
	forget(t);
	t->packed = t->padding = 0;
	for (;;) {
		e = tar_take(t, &h, BLOCK, /* may_end= */ true);
		if (e <= 0 || memcmp((const uint8_t *)&h, zero, BLOCK) == 0)
			return e < 0 ? e : 0;
		if (!checksum_right(&h))
			return bad(t);
		if (NUMBER(h.size, &size) < 0 || size < 0)
			return tar_fail(t, -EINVAL, "size");
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
		return tar_fail(t, -EINVAL, "archive ends early");
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
