/* tar_out.c - see tar_out.h. tar(5); Go, archive/tar/writer.go. Names and attributes come from images and
 * containers. */
#include "tar_out.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../base/cleanup.h"
#include "../base/fd.h"

enum { BLOCK = 512, BUFFER = 64 * 1024 };

struct header {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[100], magic[8], uname[32],
		gname[32], major[8], minor[8], prefix[155], pad[12];
};

_Static_assert(sizeof(struct header) == BLOCK, "a tar header is one block");

struct tar_out {
	int fd;
	struct result *why;
	uint64_t length; /* what is in buf included */
	size_t n;
	char *pax; /* records of the next entry */
	size_t npax, pax_size;
	uint8_t buf[BUFFER];
};

static const struct {
	char letter;
	mode_t bits; /* which Docker writes into the mode as well */
} types[] = {
	[TAR_FILE] = { '0', S_IFREG },     [TAR_HARDLINK] = { '1', S_IFREG }, [TAR_SYMLINK] = { '2', S_IFLNK },
	[TAR_CHAR] = { '3', S_IFCHR },     [TAR_BLOCK] = { '4', S_IFBLK },    [TAR_DIR] = { '5', S_IFDIR },
	[TAR_FIFO] = { '6', S_IFIFO },
};

static int flush(struct tar_out *o)
{
	int e = fd_write_all(o->fd, o->buf, o->n);

	o->n = 0;
	return e < 0 ? result_fail(o->why, e, "output") : 0;
}

size_t tar_out_room(struct tar_out *o, void **ret)
{
	if (o->n == BUFFER && flush(o) < 0)
		return 0;
	*ret = o->buf + o->n;
	return BUFFER - o->n;
}

void tar_out_took(struct tar_out *o, size_t n)
{
	o->n += n;
	o->length += n;
}

static int put(struct tar_out *o, const void *data, uint64_t n)
{
	while (n > 0) {
		void *to;
		size_t room = tar_out_room(o, &to);

		if (room == 0)
			return o->why->status;
		if (room > n)
			room = (size_t)n;
		if (data) {
			memcpy(to, data, room);
			data = (const char *)data + room;
		} else {
			memset(to, 0, room);
		}
		tar_out_took(o, room);
		n -= room;
	}
	return 0;
}

int tar_out_zeros(struct tar_out *o, uint64_t n)
{
	return put(o, NULL, n);
}

int tar_out_pad(struct tar_out *o)
{
	return put(o, NULL, -o->length % BLOCK);
}

/* --- headers ----------------------------------------------------------------------------------------------------- */
/* Octal when it fits: true. */
static bool octal(char *field, size_t size, uint64_t value)
{
	char text[32];
	bool fits = snprintf(text, sizeof(text), "%0*llo", (int)size - 1, (unsigned long long)value) < (int)size;

	memcpy(field, fits ? text : "000000000000", size);
	field[size - 1] = '\0';
	return fits;
}

static int put_header(struct tar_out *o, const char *name, const char *link, char type, mode_t mode, uint64_t uid,
		      uint64_t gid, uint64_t size, uint64_t mtime)
{
	struct header h = { 0 };
	unsigned sum = 0;
	char text[8];

	memcpy(h.name, name, strnlen(name, sizeof(h.name)));
	memcpy(h.link, link, strnlen(link, sizeof(h.link)));
	octal(h.mode, sizeof(h.mode), mode);
	octal(h.uid, sizeof(h.uid), uid);
	octal(h.gid, sizeof(h.gid), gid);
	octal(h.size, sizeof(h.size), size);
	octal(h.mtime, sizeof(h.mtime), mtime);
	octal(h.major, sizeof(h.major), 0);
	octal(h.minor, sizeof(h.minor), 0);
	h.type = type;
	memcpy(h.magic, "ustar\0" "00", sizeof(h.magic));
	memset(h.checksum, ' ', sizeof(h.checksum));
	for (size_t i = 0; i < BLOCK; i++)
		sum += ((const unsigned char *)&h)[i];
	snprintf(text, sizeof(text), "%06o", sum);
	memcpy(h.checksum, text, 7);
	return put(o, &h, BLOCK);
}

/* "LEN key=value\n", whose length counts its own digits. */
static int add_record(struct tar_out *o, const char *prefix, const char *key, const void *value, size_t size)
{
	size_t body = strlen(prefix) + strlen(key) + size + 3, len = body + 1;
	char digits[24];

	while ((size_t)snprintf(digits, sizeof(digits), "%zu", len) + body != len)
		len = (size_t)snprintf(NULL, 0, "%zu", len) + body;
	if (o->npax + len + 1 > TAR_EXTENSION_MAX)
		return result_fail(o->why, -E2BIG, "xattrs");
	if (o->npax + len + 1 > o->pax_size) {
		char *more = realloc(o->pax, 2 * (o->npax + len + 1));

		if (!more)
			return result_fail(o->why, -ENOMEM, "memory");
		o->pax = more;
		o->pax_size = 2 * (o->npax + len + 1);
	}
	o->npax += (size_t)sprintf(o->pax + o->npax, "%s %s%s=", digits, prefix, key);
	memcpy(o->pax + o->npax, value, size);
	o->npax += size;
	o->pax[o->npax++] = '\n';
	return 0;
}

int tar_out_xattr(struct tar_out *o, const char *name, const void *value, size_t size)
{
	return add_record(o, "SCHILY.xattr.", name, value, size);
}

static bool plain(const char *s)
{
	if (strlen(s) > 100)
		return false;
	while (*s && (unsigned char)*s < 0x80)
		s++;
	return *s == '\0';
}

static int add_number(struct tar_out *o, const char *key, int64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%lld", (long long)value);
	return add_record(o, "", key, text, strlen(text));
}

/* A name for the pax header, which only those see who do not know pax. */
static void pax_name(const char *name, char ret[100])
{
	const char *end = name + strlen(name), *base;

	while (end > name && end[-1] == '/')
		end--;
	for (base = end; base > name && base[-1] != '/'; base--)
		;
	snprintf(ret, 100, "PaxHeaders.0/%.*s", end - base < 80 ? (int)(end - base) : 80, base);
}

int tar_out_entry(struct tar_out *o, const struct tar_entry *entry)
{
	uint64_t mtime = entry->mtime.tv_sec > 0 ? (uint64_t)entry->mtime.tv_sec : 0;
	char name[100];
	int e = 0;

	if (!plain(entry->name))
		e = add_record(o, "", "path", entry->name, strlen(entry->name));
	if (e == 0 && !plain(entry->link))
		e = add_record(o, "", "linkpath", entry->link, strlen(entry->link));
	if (e == 0 && entry->size >> 33)
		e = add_number(o, "size", (int64_t)entry->size);
	if (e == 0 && (entry->mtime.tv_sec < 0 || mtime >> 33))
		e = add_number(o, "mtime", entry->mtime.tv_sec);
	if (e == 0 && o->npax) {
		pax_name(entry->name, name);
		e = put_header(o, name, "", 'x', 0, 0, 0, o->npax, 0);
		if (e == 0)
			e = put(o, o->pax, o->npax);
		if (e == 0)
			e = tar_out_pad(o);
		o->npax = 0;
	}
	if (e < 0)
		return e;
	return put_header(o, entry->name, entry->link, types[entry->type].letter, entry->mode | types[entry->type].bits,
			  entry->uid, entry->gid, entry->size >> 33 ? 0 : entry->size, mtime >> 33 ? 0 : mtime);
}

int tar_out_end(struct tar_out *o, uint64_t *ret_length)
{
	int e = put(o, NULL, 2 * BLOCK);

	if (e == 0)
		e = flush(o);
	if (e == 0)
		*ret_length = o->length;
	return e;
}

int tar_out_open(int fd, struct result *why, struct tar_out **ret)
{
	struct tar_out *o = calloc(1, sizeof(*o));

	*ret = o;
	if (!o)
		return result_fail(why, -ENOMEM, "memory");
	o->fd = fd;
	o->why = why;
	return 0;
}

void tar_out_close(struct tar_out *o)
{
	if (!o)
		return;
	free(o->pax);
	free(o);
}
