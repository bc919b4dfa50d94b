/* message.h - what derives from ops.h: structs, descriptors, codec.
 *
 * For every op there are `struct req_<helper>_<op>` and `struct rep_<helper>_<op>`, an enum value OP_<HELPER>_<OP> and
 * a row in the table that op_desc() reads. Texts are NUL-terminated arrays; an FD that is absent is -EBADF. */
#ifndef POSTERN_PROTOCOL_MESSAGE_H
#define POSTERN_PROTOCOL_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#include "../base/names.h"
#include "ops.h"

enum op {
#define OP_ENUM(h, H, o, O, class, rights, text) OP_##H##_##O,
	ALL_OPS(OP_ENUM)
#undef OP_ENUM
	OP_COUNT,
};

enum op_class { CLASS_ACQUIRE, CLASS_RELEASE, CLASS_QUERY, CLASS_PRIVATE };
enum { OPTIONAL = 0, REQUIRED = 1 };

enum field_type {
	FIELD_U32, FIELD_U64, FIELD_NAME, FIELD_PATH, FIELD_TEXT, FIELD_ID, FIELD_IDS, FIELD_U32S, FIELD_U64S,
	FIELD_FD, FIELD_FDS,
};

#define DECL_U32(name, a, b) uint32_t name;
#define DECL_U64(name, a, b) uint64_t name;
#define DECL_NAME(name, a, b) char name[(b) + 1];
#define DECL_PATH(name, a, b) char name[(b) + 1];
#define DECL_TEXT(name, a, b) char name[(b) + 1];
#define DECL_ID(name, a, b) uint8_t name[ID_BYTES];
#define DECL_IDS(name, a, b) struct { uint32_t n; uint8_t id[b][ID_BYTES]; } name;
#define DECL_U32S(name, a, b) struct { uint32_t n; uint32_t v[b]; } name;
#define DECL_U64S(name, a, b) struct { uint32_t n; uint64_t v[b]; } name;
#define DECL_FD(name, a, b) int name;
#define DECL_FDS(name, a, b) struct { uint32_t n; int fd[b]; } name;
#define DECL_FIELD(S, type, name, a, b) DECL_##type(name, a, b)

#define DECL_OP(h, H, o, O, class, rights, text)                                   \
	struct req_##h##_##o { REQ_##h##_##o(DECL_FIELD, ) uint32_t end_; };       \
	struct rep_##h##_##o { REP_##h##_##o(DECL_FIELD, ) uint32_t end_; };
ALL_OPS(DECL_OP)
#undef DECL_OP

/* Room for the largest request or reply. */
union any_message {
#define ANY_OP(h, H, o, O, class, rights, text) struct req_##h##_##o q_##h##_##o; struct rep_##h##_##o p_##h##_##o;
	ALL_OPS(ANY_OP)
#undef ANY_OP
};

struct field_desc {
	const char *name;
	enum field_type type;
	size_t offset;
	uint64_t min, max; /* FD, FDS: min is the enum fd_kind; max is REQUIRED/OPTIONAL, or the most there may be */
};

struct message_desc {
	size_t size; /* of the struct */
	unsigned nfields;
	const struct field_desc *fields;
};

struct op_desc {
	enum helper_id helper; /* HELPER_COUNT for the ops that every helper has */
	const char *helper_name, *name, *text;
	enum op_class class;
	enum op_rights rights;
	struct message_desc req, rep;
};

/* NULL when there is no such op. */
const struct op_desc *op_desc(unsigned op);
/* The bit of an op in a rights mask: its position among its helper's ops; LIMIT is 62 and DERIVE is 63. */
uint64_t op_bit(unsigned op);

/* Sets everything to zero and every fd to -EBADF. */
void message_init(const struct message_desc *d, void *msg);
/* Closes every fd of a message and sets it to -EBADF. */
void message_close_fds(const struct message_desc *d, void *msg);

/* Encodes into buf and fds (which borrow the message's fds). -EINVAL when a field is out of its bounds, -EMSGSIZE. */
int message_encode(const struct message_desc *d, const void *msg, uint8_t *buf, size_t size, size_t *ret_len,
		   int *fds, size_t fds_size, size_t *ret_nfds);
/* Decodes exactly len bytes and nfds fds, which the message owns on success (on failure they stay with the caller).
 * -EBADMSG for anything that encode would not have made. Fd kinds are not proven here. */
int message_decode(const struct message_desc *d, const uint8_t *buf, size_t len, const int *fds, size_t nfds,
		   void *ret);
/* Proves the kind of every fd. -EMEDIUMTYPE or another -errno; *ret_field names the culprit. */
int message_prove_fds(const struct message_desc *d, const void *msg, const char **ret_field);
/* Members of a JSON object ("a":1,"b":"x") into a text of at most size bytes; long arrays are cut with a count. */
int message_render(const struct message_desc *d, const void *msg, char *out, size_t size);

#endif
