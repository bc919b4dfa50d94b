/* Every op's codec, frames with fds, and what must be refused. */
#include <CUnit/Basic.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../helpers/protocol/audit.h"
#include "../../helpers/protocol/call.h"
#include "../../helpers/protocol/frame.h"
#include "../../helpers/protocol/message.h"

static union any_message m, back;
static struct frame f;

/* The smallest message that is within its bounds. */
static void fill(const struct message_desc *d, void *msg)
{
	message_init(d, msg);
	for (unsigned i = 0; i < d->nfields; i++) {
		const struct field_desc *fd = &d->fields[i];
		char *p = (char *)msg + fd->offset;

		switch (fd->type) {
		case FIELD_U32: *(uint32_t *)p = (uint32_t)fd->min; break;
		case FIELD_U64: *(uint64_t *)p = fd->min; break;
		case FIELD_NAME: memset(p, 'n', fd->min); break;
		case FIELD_TEXT: memset(p, 't', fd->min); break;
		case FIELD_PATH: p[0] = '/'; break;
		case FIELD_IDS: case FIELD_U32S: case FIELD_U64S: *(uint32_t *)p = (uint32_t)fd->min; break;
		case FIELD_FD: *(int *)p = fd->max == REQUIRED ? 500 : -EBADF; break;
		default: break;
		}
	}
}

static void each(void (*check)(const struct op_desc *, const struct message_desc *))
{
	for (unsigned op = 0; op < OP_COUNT; op++) {
		check(op_desc(op), &op_desc(op)->req);
		check(op_desc(op), &op_desc(op)->rep);
	}
}

static void round_trip(const struct op_desc *op, const struct message_desc *d)
{
	static uint8_t buf[FRAME_MAX], again[FRAME_MAX];
	int fds[FRAME_FDS_MAX];
	size_t len, nfds, len2, nfds2;

	fill(d, &m);
	CU_ASSERT_EQUAL(message_encode(d, &m, buf, sizeof(buf), &len, fds, FRAME_FDS_MAX, &nfds), 0);
	CU_ASSERT_EQUAL(message_decode(d, buf, len, fds, nfds, &back), 0);
	CU_ASSERT_EQUAL(message_encode(d, &back, again, sizeof(again), &len2, fds, FRAME_FDS_MAX, &nfds2), 0);
	CU_ASSERT(len == len2 && nfds == nfds2 && !memcmp(buf, again, len));
	/* one byte less, one more, one fd less, one more */
	if (len)
		CU_ASSERT_EQUAL(message_decode(d, buf, len - 1, fds, nfds, &back), -EBADMSG);
	CU_ASSERT_EQUAL(message_decode(d, buf, len + 1, fds, nfds, &back), -EBADMSG);
	CU_ASSERT_EQUAL(message_decode(d, buf, len, fds, nfds + 1, &back), -EBADMSG);
	if (nfds)
		CU_ASSERT_EQUAL(message_decode(d, buf, len, fds, nfds - 1, &back), -EBADMSG);
	(void)op;
}

static void codec_of_every_op(void)
{
	each(round_trip);
}

/* No field takes a value outside its bounds, in either direction. */
static void bounds(const struct op_desc *op, const struct message_desc *d)
{
	static uint8_t buf[FRAME_MAX];
	int fds[FRAME_FDS_MAX];
	size_t len, nfds;

	for (unsigned i = 0; i < d->nfields; i++) {
		const struct field_desc *fd = &d->fields[i];
		char *p = (char *)&m + fd->offset;

		fill(d, &m);
		switch (fd->type) {
		case FIELD_U32:
			if (fd->max >= UINT32_MAX)
				continue;
			*(uint32_t *)p = (uint32_t)fd->max + 1;
			break;
		case FIELD_NAME: memset(p, 0, 2); p[0] = '/'; break;
		case FIELD_PATH: strcpy(p, "/a/../b"); break;
		case FIELD_TEXT:
			if (fd->max < 2)
				continue;
			strcpy(p, "\n");
			break;
		case FIELD_IDS: case FIELD_U32S: case FIELD_U64S: case FIELD_FDS: *(uint32_t *)p = (uint32_t)fd->max + 1; break;
		case FIELD_FD:
			if (fd->max != REQUIRED)
				continue;
			*(int *)p = -EBADF;
			break;
		default: continue;
		}
		if (message_encode(d, &m, buf, sizeof(buf), &len, fds, FRAME_FDS_MAX, &nfds) != -EINVAL)
			CU_FAIL(op->name);
	}
}

static void bounds_of_every_field(void)
{
	each(bounds);
}

static int open_fds(void)
{
	int n = 0;

	for (int i = 0; i < 256; i++)
		n += fcntl(i, F_GETFD) >= 0;
	return n;
}

static void frames(void)
{
	int pair[2], null = open("/dev/null", O_RDONLY), before, many[FRAME_FDS_MAX];
	struct frame_header h = { .op = 3, .id = 9 };
	struct frame_header bad;

	CU_ASSERT_FATAL(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0);
	before = open_fds();
	CU_ASSERT_EQUAL(frame_send(pair[0], &h, "body", 4, &null, 1, 0), 0);
	CU_ASSERT_EQUAL(frame_receive(pair[1], &f, 0), 0);
	CU_ASSERT(f.h.op == 3 && f.h.id == 9 && f.h.length == 4 && f.h.nfds == 1 && !memcmp(f.body, "body", 4));
	CU_ASSERT(fcntl(f.fds[0], F_GETFD) & FD_CLOEXEC);
	frame_close_fds(&f);
	CU_ASSERT_EQUAL(open_fds(), before);
	/* short, wrong magic, wrong length: refused, and their fds closed */
	CU_ASSERT_EQUAL(send(pair[0], "x", 1, 0), 1);
	CU_ASSERT_EQUAL(frame_receive(pair[1], &f, 0), -EBADMSG);
	bad = h;
	bad.magic = 1;
	CU_ASSERT(send(pair[0], &bad, sizeof(bad), 0) > 0);
	CU_ASSERT_EQUAL(frame_receive(pair[1], &f, 0), -EBADMSG);
	bad = h;
	bad.length = 5;
	bad.nfds = 0;
	CU_ASSERT(send(pair[0], &bad, sizeof(bad), 0) > 0);
	CU_ASSERT_EQUAL(frame_receive(pair[1], &f, 0), -EBADMSG);
	for (unsigned i = 0; i < FRAME_FDS_MAX; i++)
		many[i] = null;
	CU_ASSERT_EQUAL(frame_send(pair[0], &h, "", 0, many, FRAME_FDS_MAX, 0), 0);
	CU_ASSERT_EQUAL(frame_receive(pair[1], &f, 0), 0);
	frame_close_fds(&f);
	CU_ASSERT_EQUAL(open_fds(), before);
	CU_ASSERT_EQUAL(frame_receive(pair[1], &f, MSG_DONTWAIT), -EAGAIN);
	close(pair[0]);
	CU_ASSERT_EQUAL(frame_receive(pair[1], &f, 0), -ENODATA);
	close(pair[1]);
	close(null);
}

/* Late answers are dropped, the right one is taken, a refusal brings its stage and rule. */
static void calls(void)
{
	struct req_idmap_release req = { .base = 1 };
	struct rep_idmap_release rep;
	struct call_options options = { .id = 7, .client = -1, .deadline_ms = 50 };
	struct { struct reply_header h; } body = { .h = { .status = -EBUSY, .stage = "here", .rule = "why" } };
	struct frame_header h = { .op = OP_IDMAP_RELEASE, .flags = FRAME_REPLY, .id = 6 };
	struct reply_header got;
	int pair[2];

	CU_ASSERT_FATAL(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0);
	CU_ASSERT_EQUAL(call(pair[0], OP_IDMAP_RELEASE, &req, &rep, &options, &got), -ETIMEDOUT);
	frame_send(pair[1], &h, &body, sizeof(body), NULL, 0, 0);
	h.id = 7;
	frame_send(pair[1], &h, &body, sizeof(body), NULL, 0, 0);
	CU_ASSERT_EQUAL(call(pair[0], OP_IDMAP_RELEASE, &req, &rep, &options, &got), -EBUSY);
	CU_ASSERT(!strcmp(got.stage, "here") && !strcmp(got.rule, "why"));
	close(pair[1]);
	CU_ASSERT_EQUAL(call(pair[0], OP_IDMAP_RELEASE, &req, &rep, &options, &got), -ENODATA);
	close(pair[0]);
}

static void records(void)
{
	char buf[64];
	struct json_text j;

	json_begin(&j, buf, sizeof(buf));
	json_str(&j, "a", "x\"\n\\");
	json_u64(&j, "n", 5);
	CU_ASSERT_STRING_EQUAL(buf, "\"a\":\"x\\\"\\u000a\\\\\",\"n\":5");
	json_str(&j, "long", "0123456789012345678901234567890123456789");
	CU_ASSERT(j.full);
	CU_ASSERT_STRING_EQUAL(buf, "\"a\":\"x\\\"\\u000a\\\\\",\"n\":5"); /* whole or not at all */
}

static void bits(void)
{
	uint64_t seen[HELPER_COUNT + 1] = { 0 };

	for (unsigned op = 0; op < OP_COUNT; op++) {
		uint64_t bit = op_bit(op);

		CU_ASSERT(bit && !(seen[op_desc(op)->helper] & bit));
		seen[op_desc(op)->helper] |= bit;
		CU_ASSERT((bit >> 62 != 0) == (op_desc(op)->helper == HELPER_COUNT));
	}
	CU_ASSERT_EQUAL(op_bit(OP_COUNT), 0);
	CU_ASSERT_PTR_NULL(op_desc(OP_COUNT));
}

int main(void)
{
	CU_initialize_registry();
	CU_pSuite s = CU_add_suite("protocol", NULL, NULL);

	CU_add_test(s, "codec of every op", codec_of_every_op);
	CU_add_test(s, "bounds of every field", bounds_of_every_field);
	CU_add_test(s, "frames", frames);
	CU_add_test(s, "calls", calls);
	CU_add_test(s, "records", records);
	CU_add_test(s, "rights bits", bits);
	CU_basic_run_tests();
	unsigned bad = CU_get_number_of_tests_failed();

	CU_cleanup_registry();
	return bad != 0;
}
