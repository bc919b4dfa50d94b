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
#define FIELDS_OP(h, H, o, O, class, rights, text)                                                                     \
	static const struct field_desc req_fields_##h##_##o[] = {                                                      \
		REQ_##h##_##o(FIELD_ROW, struct req_##h##_##o){ 0 } };                                                 \
	static const struct field_desc rep_fields_##h##_##o[] = { REP_##h##_##o(FIELD_ROW, struct rep_##h##_##o){ 0 } };
ALL_OPS(FIELDS_OP)

#define HELPER_BASE HELPER_COUNT
#define DESC_OP(h, H, o, O, op_class, op_rights, op_text)                                                              \
	[OP_##H##_##O] = {                                                                                             \
		.helper = HELPER_##H,                                                                                  \
		.helper_name = #h,                                                                                     \
		.name = #O,                                                                                            \
		.text = op_text,                                                                                       \
		.class = CLASS_##op_class,                                                                             \
		.rights = RIGHTS_##op_rights,                                                                          \
		.req = { sizeof(struct req_##h##_##o), ARRAY_SIZE(req_fields_##h##_##o) - 1, req_fields_##h##_##o },   \
		.rep = { sizeof(struct rep_##h##_##o), ARRAY_SIZE(rep_fields_##h##_##o) - 1, rep_fields_##h##_##o },   \
	},
static const struct op_desc ops[] = { ALL_OPS(DESC_OP) };
_Static_assert(ARRAY_SIZE(ops) == OP_COUNT, "an op without a row");

const struct op_desc *op_desc(unsigned op)
{
	return op < OP_COUNT ? &ops[op] : NULL;
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

/* How a type lies in memory and in a frame: items of a size, after their count (u32) when that can vary. Of fds only
 * the count is in the body. */
static const struct shape {
	size_t item;
	bool counted, fds, text;
} shapes[] = {
	[FIELD_U32] = { .item = 4 },
	[FIELD_U64] = { .item = 8 },
	[FIELD_NAME] = { 1, .counted = true, .text = true },
	[FIELD_PATH] = { 1, .counted = true, .text = true },
	[FIELD_TEXT] = { 1, .counted = true, .text = true },
	[FIELD_ID] = { .item = ID_BYTES },
	[FIELD_IDS] = { ID_BYTES, .counted = true },
	[FIELD_U32S] = { 4, .counted = true },
	[FIELD_U64S] = { 8, .counted = true },
	[FIELD_FD] = { sizeof(int), .counted = true, .fds = true },
	[FIELD_FDS] = { sizeof(int), .counted = true, .fds = true },
};
_Static_assert(ARRAY_SIZE(shapes) == FIELD_FDS + 1, "a field type without a shape");

static bool is_list(enum field_type type)
{
	return type == FIELD_IDS || type == FIELD_U32S || type == FIELD_U64S || type == FIELD_FDS;
}

/* One field of a message. A list's count stands right before its items; an absent fd is none. */
struct part {
	const struct field_desc *f;
	const struct shape *shape;
	uint8_t *items;
	uint32_t n;
};

static struct part part_of(const struct field_desc *f, const void *msg)
{
	struct part p = { .f = f, .shape = &shapes[f->type], .items = (uint8_t *)msg + f->offset, .n = 1 };

	if (p.shape->text) {
		p.n = (uint32_t)strnlen((const char *)p.items, f->max + 1);
	} else if (f->type == FIELD_FD) {
		p.n = *(const int *)p.items >= 0;
	} else if (is_list(f->type)) {
		p.n = *(const uint32_t *)p.items;
		p.items += f->type == FIELD_U64S ? sizeof(uint64_t) : sizeof(uint32_t); /* alignment of the items */
	}
	return p;
}

static bool count_ok(const struct part *p)
{
	const struct field_desc *f = p->f;

	if (!p->shape->counted)
		return p->n == 1;
	if (f->type == FIELD_FD)
		return p->n == 1 || (p->n == 0 && f->max == OPTIONAL);
	return p->n <= f->max && (p->shape->fds || p->n >= f->min);
}

/* Within its declaration, count included. */
static bool part_ok(const struct part *p)
{
	const struct field_desc *f = p->f;
	uint64_t v;

	if (!count_ok(p))
		return false;
	switch (f->type) {
	case FIELD_U32:
	case FIELD_U64:
		v = f->type == FIELD_U32 ? *(const uint32_t *)p->items : *(const uint64_t *)p->items;
		return v >= f->min && v <= f->max;
	case FIELD_NAME:
		return name_valid((const char *)p->items, p->n);
	case FIELD_PATH:
		return path_valid((const char *)p->items, p->n);
	case FIELD_TEXT:
		return text_valid((const char *)p->items, p->n);
	default:
		return true;
	}
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
		struct part p = part_of(&d->fields[i], msg);

		if (!p.shape->fds)
			continue;
		for (uint32_t k = 0; k < p.n; k++)
			((int *)p.items)[k] = close_fd(((int *)p.items)[k]);
		if (is_list(p.f->type))
			*(uint32_t *)((char *)msg + p.f->offset) = 0;
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

static int encode_part(struct writer *w, const struct part *p)
{
	int r;

	if (!part_ok(p))
		return -EINVAL;
	r = p->shape->counted ? put(w, &p->n, sizeof(p->n)) : 0;
	if (r < 0 || !p->shape->fds)
		return r < 0 ? r : put(w, p->items, p->n * p->shape->item);
	if (w->fds_size - w->nfds < p->n)
		return -EMSGSIZE;
	memcpy(w->fds + w->nfds, p->items, p->n * sizeof(int));
	w->nfds += p->n;
	return 0;
}

int message_encode(const struct message_desc *d, const void *msg, uint8_t *buf, size_t size, size_t *ret_len, int *fds,
		   size_t fds_size, size_t *ret_nfds)
{
	struct writer w = { buf, size, 0, fds, fds_size, 0 };

	for (unsigned i = 0; i < d->nfields; i++) {
		struct part p = part_of(&d->fields[i], msg);
		int r = encode_part(&w, &p);

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

static bool get(struct reader *r, void *to, size_t n)
{
	if (r->left < n)
		return false;
	memcpy(to, r->buf, n);
	r->buf += n;
	r->left -= n;
	return true;
}

/* The count is within its bounds before anything is written; msg is zeroed, so that texts end. */
static bool decode_field(struct reader *r, const struct field_desc *f, void *msg)
{
	struct part p = part_of(f, msg);

	p.n = 1;
	if (p.shape->counted && !get(r, &p.n, sizeof(p.n)))
		return false;
	if (!count_ok(&p))
		return false;
	if (is_list(f->type))
		*(uint32_t *)((char *)msg + f->offset) = p.n;
	if (!p.shape->fds)
		return get(r, p.items, p.n * p.shape->item) && part_ok(&p);
	if (r->fds_left < p.n)
		return false;
	memcpy(p.items, r->fds, p.n * sizeof(int));
	r->fds += p.n;
	r->fds_left -= p.n;
	return true;
}

int message_decode(const struct message_desc *d, const uint8_t *buf, size_t len, const int *fds, size_t nfds, void *ret)
{
	struct reader r = { buf, len, fds, nfds };
	bool good = true;

	message_init(d, ret);
	for (unsigned i = 0; i < d->nfields && good; i++)
		good = decode_field(&r, &d->fields[i], ret);
	if (good && r.left == 0 && r.fds_left == 0)
		return 0;
	message_init(d, ret); /* the fds stay with the caller */
	return -EBADMSG;
}

int message_prove_fds(const struct message_desc *d, const void *msg, const char **ret_field)
{
	for (unsigned i = 0; i < d->nfields; i++) {
		struct part p = part_of(&d->fields[i], msg);

		for (uint32_t k = 0; p.shape->fds && k < p.n; k++) {
			int r = fd_prove(((const int *)p.items)[k], (enum fd_kind)p.f->min, NULL);

			if (r < 0) {
				*ret_field = p.f->name;
				return r;
			}
		}
	}
	return 0;
}

enum { ITEM_TEXT = ID_HEX + 16, ITEMS_SHOWN = 16 };

static void item_text(const struct part *p, uint32_t i, char *out)
{
	const uint8_t *item = p->items + i * p->shape->item;
	struct fd_id id = { 0 };

	if (p->shape->fds) {
		fd_identify(*(const int *)item, &id);
		snprintf(out, ITEM_TEXT, "%s:%u:%u:%llu", fd_kind_name((enum fd_kind)p->f->min),
			 (unsigned)(id.dev >> 32), (unsigned)id.dev, (unsigned long long)id.ino);
	} else if (p->shape->item == ID_BYTES) {
		hex_encode(item, ID_BYTES, out);
	} else if (p->shape->item == sizeof(uint64_t)) {
		snprintf(out, ITEM_TEXT, "%llu", (unsigned long long)*(const uint64_t *)item);
	} else {
		snprintf(out, ITEM_TEXT, "%u", *(const uint32_t *)item);
	}
}

/* Items in one text, with blanks between; of many only how many more. */
static void render_items(struct json_text *j, const struct part *p)
{
	char text[(ITEMS_SHOWN + 1) * ITEM_TEXT] = "", one[ITEM_TEXT];
	size_t len = 0;

	for (uint32_t i = 0; i < p->n && i <= ITEMS_SHOWN; i++) {
		if (i < ITEMS_SHOWN)
			item_text(p, i, one);
		else
			snprintf(one, sizeof(one), "+%u", p->n - i);
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s", i ? " " : "", one);
	}
	json_str(j, p->f->name, text);
}

int message_render(const struct message_desc *d, const void *msg, char *out, size_t size)
{
	struct json_text j;

	json_begin(&j, out, size);
	for (unsigned i = 0; i < d->nfields; i++) {
		const struct part p = part_of(&d->fields[i], msg);

		if (p.f->type == FIELD_U32)
			json_u64(&j, p.f->name, *(const uint32_t *)p.items);
		else if (p.f->type == FIELD_U64 && *(const uint64_t *)p.items != UNSET)
			json_u64(&j, p.f->name, *(const uint64_t *)p.items);
		else if (p.shape->text)
			json_str(&j, p.f->name, (const char *)p.items);
		else if (p.f->type != FIELD_U64)
			render_items(&j, &p);
	}
	return j.full ? -EMSGSIZE : 0;
}
