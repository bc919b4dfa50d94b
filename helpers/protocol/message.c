#include "message.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "../base/cleanup.h"
#include "../base/fd.h"
#include "../base/text.h"
#include "audit.h"

#define FIELD_ROW(S, ftype, fname, a, b) \
	{ .name = #fname, .type = FIELD_##ftype, .offset = offsetof(S, fname), .min = (a), .max = (b) },

/* An op may have no fields: the last row is never looked at. */
#define FIELDS_OP(h, H, o, O, class, rights, text)                                                                 \
	static const struct field_desc req_fields_##h##_##o[] = { REQ_##h##_##o(FIELD_ROW, struct req_##h##_##o){ 0 } }; \
	static const struct field_desc rep_fields_##h##_##o[] = { REP_##h##_##o(FIELD_ROW, struct rep_##h##_##o){ 0 } };
ALL_OPS(FIELDS_OP)

#define HELPER_BASE HELPER_COUNT
#define DESC_OP(h, H, o, O, op_class, op_rights, op_text)                                                               \
	[OP_##H##_##O] = {                                                                                              \
		.helper = HELPER_##H,                                                                                   \
		.helper_name = #h,                                                                                      \
		.name = #O,                                                                                             \
		.text = op_text,                                                                                        \
		.class = CLASS_##op_class,                                                                              \
		.rights = RIGHTS_##op_rights,                                                                           \
		.req = { sizeof(struct req_##h##_##o), ARRAY_SIZE(req_fields_##h##_##o) - 1, req_fields_##h##_##o },    \
		.rep = { sizeof(struct rep_##h##_##o), ARRAY_SIZE(rep_fields_##h##_##o) - 1, rep_fields_##h##_##o },    \
	},
static const struct op_desc ops[] = { ALL_OPS(DESC_OP) };
_Static_assert(ARRAY_SIZE(ops) == OP_COUNT, "an op without a row");

const struct op_desc *op_desc(unsigned op)
{
	return op < OP_COUNT ? &ops[op] : NULL;
}

const char *op_class_name(enum op_class c)
{
	static const char *const names[] = { "acquire", "release", "query", "private" };

	return (unsigned)c < ARRAY_SIZE(names) ? names[c] : "?";
}

const char *op_rights_name(enum op_rights r)
{
	static const char *const names[] = { "none", "read", "run", "exec", "admin" };

	return (unsigned)r < ARRAY_SIZE(names) ? names[r] : "?";
}

uint64_t op_bit(unsigned op)
{
	unsigned first = op;

	if (op == OP_BASE_LIMIT)
		return UINT64_C(1) << 62;
	if (op == OP_BASE_DERIVE)
		return UINT64_C(1) << 63;
	if (op >= OP_COUNT)
		return 0;
	while (first > 0 && ops[first - 1].helper == ops[op].helper)
		first--;
	return UINT64_C(1) << (op - first);
}

/* A list's count stands right before its elements. */
static uint32_t *list_count(void *msg, const struct field_desc *f)
{
	return (uint32_t *)((char *)msg + f->offset);
}

static void *list_items(void *msg, const struct field_desc *f)
{
	size_t align = f->type == FIELD_U64S ? 8 : f->type == FIELD_IDS ? 1 : 4;
	size_t at = sizeof(uint32_t);

	return (char *)msg + f->offset + (at + align - 1) / align * align;
}

void message_init(const struct message_desc *d, void *msg)
{
	memset(msg, 0, d->size);
	for (unsigned i = 0; i < d->nfields; i++)
		if (d->fields[i].type == FIELD_FD)
			*(int *)((char *)msg + d->fields[i].offset) = -EBADF;
}

void message_close_fds(const struct message_desc *d, void *msg)
{
	for (unsigned i = 0; i < d->nfields; i++) {
		const struct field_desc *f = &d->fields[i];

		if (f->type == FIELD_FD) {
			int *fd = (int *)((char *)msg + f->offset);

			*fd = close_fd(*fd);
		} else if (f->type == FIELD_FDS) {
			int *fds = list_items(msg, f);
			uint32_t *n = list_count(msg, f);

			while (*n > 0) {
				--*n;
				fds[*n] = close_fd(fds[*n]);
			}
		}
	}
}

static bool text_ok(const struct field_desc *f, const char *s, size_t n)
{
	if (n < f->min || n > f->max)
		return false;
	switch (f->type) {
	case FIELD_NAME:
		return name_valid(s, n);
	case FIELD_PATH:
		return path_valid(s, n);
	default:
		return text_valid(s, n);
	}
}

struct writer {
	uint8_t *buf;
	size_t size, len;
	int *fds;
	size_t fds_size, nfds;
};

static int put(struct writer *w, const void *data, size_t n)
{
	if (w->size - w->len < n)
		return -EMSGSIZE;
	memcpy(w->buf + w->len, data, n);
	w->len += n;
	return 0;
}

static int put_u32(struct writer *w, uint32_t v)
{
	return put(w, &v, sizeof(v));
}

static int put_fd(struct writer *w, int fd)
{
	if (w->nfds == w->fds_size)
		return -EMSGSIZE;
	w->fds[w->nfds++] = fd;
	return 0;
}

static size_t item_size(enum field_type type)
{
	return type == FIELD_IDS ? ID_BYTES : type == FIELD_U64S ? 8 : 4;
}

static int encode_list(struct writer *w, const struct field_desc *f, const void *p, void *msg)
{
	uint32_t n = *list_count(msg, f);
	const char *items = list_items(msg, f);
	int r;

	if (n > f->max || (f->type != FIELD_FDS && n < f->min))
		return -EINVAL;
	r = put_u32(w, n);
	if (f->type != FIELD_FDS)
		return r < 0 ? r : put(w, items, n * item_size(f->type));
	for (uint32_t i = 0; i < n && r == 0; i++)
		r = put_fd(w, ((const int *)items)[i]);
	return r;
}

static int encode_field(struct writer *w, const struct field_desc *f, void *msg)
{
	void *p = (char *)msg + f->offset;
	uint64_t v;
	size_t n;
	int r;

	switch (f->type) {
	case FIELD_U32:
		v = *(uint32_t *)p;
		return v < f->min || v > f->max ? -EINVAL : put_u32(w, (uint32_t)v);
	case FIELD_U64:
		v = *(uint64_t *)p;
		return v < f->min || v > f->max ? -EINVAL : put(w, &v, sizeof(v));
	case FIELD_NAME:
	case FIELD_PATH:
	case FIELD_TEXT:
		n = strnlen(p, f->max + 1);
		if (!text_ok(f, p, n))
			return -EINVAL;
		r = put_u32(w, (uint32_t)n);
		return r < 0 ? r : put(w, p, n);
	case FIELD_ID:
		return put(w, p, ID_BYTES);
	case FIELD_FD:
		/* presence is written, so that exact lengths still tell everything */
		v = *(int *)p >= 0;
		if (!v && f->max == REQUIRED)
			return -EINVAL;
		r = put_u32(w, (uint32_t)v);
		return r < 0 || !v ? r : put_fd(w, *(int *)p);
	case FIELD_IDS:
	case FIELD_U32S:
	case FIELD_U64S:
	case FIELD_FDS:
		return encode_list(w, f, p, msg);
	}
	return -EINVAL;
}

int message_encode(const struct message_desc *d, const void *msg, uint8_t *buf, size_t size, size_t *ret_len, int *fds,
		   size_t fds_size, size_t *ret_nfds)
{
	struct writer w = { buf, size, 0, fds, fds_size, 0 };

	for (unsigned i = 0; i < d->nfields; i++) {
		int r = encode_field(&w, &d->fields[i], (void *)msg);

		if (r < 0)
			return r;
	}
	*ret_len = w.len;
	*ret_nfds = w.nfds;
	return 0;
}

struct reader {
	const uint8_t *buf;
	size_t left;
	const int *fds;
	size_t fds_left;
};

static int get(struct reader *r, void *to, size_t n)
{
	if (r->left < n)
		return -EBADMSG;
	memcpy(to, r->buf, n);
	r->buf += n;
	r->left -= n;
	return 0;
}

static int get_fd(struct reader *r, int *to)
{
	if (r->fds_left == 0)
		return -EBADMSG;
	*to = *r->fds++;
	r->fds_left--;
	return 0;
}

static int decode_list(struct reader *rd, const struct field_desc *f, void *msg)
{
	char *items = list_items(msg, f);
	uint32_t n = 0;
	int r = get(rd, &n, sizeof(n));

	if (r < 0 || n > f->max || (f->type != FIELD_FDS && n < f->min))
		return -EBADMSG;
	if (f->type != FIELD_FDS) {
		r = get(rd, items, n * item_size(f->type));
	} else {
		for (uint32_t i = 0; i < n && r == 0; i++)
			r = get_fd(rd, &((int *)items)[i]);
	}
	if (r == 0)
		*list_count(msg, f) = n;
	return r;
}

static int decode_field(struct reader *rd, const struct field_desc *f, void *msg)
{
	void *p = (char *)msg + f->offset;
	uint32_t n = 0;
	uint64_t v = 0;
	int r;

	switch (f->type) {
	case FIELD_U32:
		r = get(rd, &n, sizeof(n));
		*(uint32_t *)p = n;
		return r < 0 || n < f->min || n > f->max ? -EBADMSG : 0;
	case FIELD_U64:
		r = get(rd, &v, sizeof(v));
		*(uint64_t *)p = v;
		return r < 0 || v < f->min || v > f->max ? -EBADMSG : 0;
	case FIELD_NAME:
	case FIELD_PATH:
	case FIELD_TEXT:
		r = get(rd, &n, sizeof(n));
		if (r < 0 || n > f->max || rd->left < n || !text_ok(f, (const char *)rd->buf, n))
			return -EBADMSG;
		r = get(rd, p, n);
		((char *)p)[n] = '\0';
		return r;
	case FIELD_ID:
		return get(rd, p, ID_BYTES);
	case FIELD_FD:
		r = get(rd, &n, sizeof(n));
		if (r < 0 || n > 1 || (n == 0 && f->max == REQUIRED))
			return -EBADMSG;
		return n ? get_fd(rd, p) : 0;
	case FIELD_IDS:
	case FIELD_U32S:
	case FIELD_U64S:
	case FIELD_FDS:
		return decode_list(rd, f, msg);
	}
	return -EBADMSG;
}

int message_decode(const struct message_desc *d, const uint8_t *buf, size_t len, const int *fds, size_t nfds, void *ret)
{
	struct reader r = { buf, len, fds, nfds };

	message_init(d, ret);
	for (unsigned i = 0; i < d->nfields; i++)
		if (decode_field(&r, &d->fields[i], ret) < 0)
			goto bad;
	if (r.left == 0 && r.fds_left == 0)
		return 0;
bad:
	message_init(d, ret); /* the fds stay with the caller */
	return -EBADMSG;
}

int message_prove_fds(const struct message_desc *d, const void *msg, const char **ret_field)
{
	for (unsigned i = 0; i < d->nfields; i++) {
		const struct field_desc *f = &d->fields[i];
		const int *fds = (const int *)((const char *)msg + f->offset);
		uint32_t n = 0;

		if (f->type == FIELD_FD)
			n = *fds >= 0;
		else if (f->type == FIELD_FDS) {
			n = *list_count((void *)msg, f);
			fds = list_items((void *)msg, f);
		}
		for (uint32_t k = 0; k < n; k++) {
			int r = fd_prove(fds[k], (enum fd_kind)f->min, NULL);

			if (r < 0) {
				*ret_field = f->name;
				return r;
			}
		}
	}
	return 0;
}

static void render_fds(struct json_text *j, const struct field_desc *f, const int *fds, uint32_t n)
{
	char text[512];
	size_t len = 0;

	for (uint32_t i = 0; i < n; i++) {
		struct fd_id id = { 0 };
		int w;

		fd_identify(fds[i], &id);
		w = snprintf(text + len, sizeof(text) - len, "%s%s:%llu:%llu:%llu", i ? " " : "",
			     fd_kind_name((enum fd_kind)f->min), (unsigned long long)(id.dev >> 32),
			     (unsigned long long)(id.dev & UINT32_MAX), (unsigned long long)id.ino);
		if (w < 0 || (size_t)w >= sizeof(text) - len - 16) {
			text[len] = '\0';
			snprintf(text + len, sizeof(text) - len, " +%u", n - i);
			break;
		}
		len += (size_t)w;
	}
	text[n ? sizeof(text) - 1 : 0] = '\0';
	json_str(j, f->name, text);
}

static void render_list(struct json_text *j, const struct field_desc *f, void *msg)
{
	enum { SHOWN = 16 };
	uint32_t n = *list_count(msg, f);
	const char *items = list_items(msg, f);
	char text[SHOWN * (ID_HEX + 1) + 32];
	size_t len = 0;

	text[0] = '\0';
	for (uint32_t i = 0; i < n; i++) {
		char one[ID_HEX + 1];

		if (i == SHOWN) {
			snprintf(text + len, sizeof(text) - len, " +%u", n - i);
			break;
		}
		if (f->type == FIELD_IDS)
			hex_encode((const uint8_t *)items + (size_t)i * ID_BYTES, ID_BYTES, one);
		else if (f->type == FIELD_U64S)
			snprintf(one, sizeof(one), "%llu", (unsigned long long)((const uint64_t *)items)[i]);
		else
			snprintf(one, sizeof(one), "%u", ((const uint32_t *)items)[i]);
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s", i ? " " : "", one);
	}
	json_str(j, f->name, text);
}

int message_render(const struct message_desc *d, const void *msg, char *out, size_t size)
{
	struct json_text j;

	json_begin(&j, out, size);
	for (unsigned i = 0; i < d->nfields; i++) {
		const struct field_desc *f = &d->fields[i];
		const void *p = (const char *)msg + f->offset;
		char hex[ID_HEX + 1];

		switch (f->type) {
		case FIELD_U32:
			json_u64(&j, f->name, *(const uint32_t *)p);
			break;
		case FIELD_U64:
			if (*(const uint64_t *)p == UNSET)
				continue;
			json_u64(&j, f->name, *(const uint64_t *)p);
			break;
		case FIELD_NAME:
		case FIELD_PATH:
		case FIELD_TEXT:
			json_str(&j, f->name, p);
			break;
		case FIELD_ID:
			hex_encode(p, ID_BYTES, hex);
			json_str(&j, f->name, hex);
			break;
		case FIELD_FD:
			render_fds(&j, f, p, *(const int *)p >= 0);
			break;
		case FIELD_FDS:
			render_fds(&j, f, list_items((void *)msg, f), *list_count((void *)msg, f));
			break;
		case FIELD_IDS:
		case FIELD_U32S:
		case FIELD_U64S:
			render_list(&j, f, (void *)msg);
			break;
		}
	}
	return j.full ? -EMSGSIZE : 0;
}
