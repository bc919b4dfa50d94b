/* message.c - DNS messages (RFC 1035, 6891): a question is read, an answer written.
 *
 * Every name and length of a question goes through the C library's own parser (ns_parse.c, ns_name.c), which knows the
 * message's end. Of a question's further records only the OPT one is looked at. The one answer in the making is kept
 * here: one question is answered at a time. */
#include "resolver.h"

#include <string.h>

enum { TTL = 600, EDNS_BYTES = 1232, OPT_BYTES = 1 + NS_RRFIXEDSZ, OWNER_POINTER = 0xc000 | NS_HFIXEDSZ };
enum { FLAG_QR = 0x8000, FLAG_TC = 0x0200, FLAG_RD = 0x0100, FLAG_RA = 0x0080 };
enum { AT_FLAGS = 2, AT_QUESTIONS = 4, AT_ANSWERS = 6, AT_ADDITIONAL = 10 };

static struct {
	uint8_t text[MESSAGE_MAX];
	size_t n, head; /* head: all before the records */
	uint16_t flags, records;
} answer;

static bool read_owner(ns_msg *m, struct question *ret)
{
	const uint8_t *text = ns_msg_base(*m), *at = text + NS_HFIXEDSZ;
	ns_rr rr;

	if (ns_parserr(m, ns_s_qd, 0, &rr) < 0 ||
	    ns_name_unpack(text, ns_msg_end(*m), at, ret->owner, sizeof(ret->owner)) < 0)
		return false;
	for (ret->owner_size = 0; ret->owner[ret->owner_size];)
		ret->owner_size += ret->owner[ret->owner_size] + 1u;
	ret->owner_size++;
	ret->type = ns_rr_type(rr);
	ret->class = ns_rr_class(rr);
	/* One that needs more room, all in numbers, is no container's. */
	if (strlen(rr.name) < sizeof(ret->name))
		for (char *from = rr.name, *to = ret->name; *from; from++)
			*to++ = *from >= 'A' && *from <= 'Z' ? (char)(*from - 'A' + 'a') : *from;
	return true;
}

static bool read_options(ns_msg *m, struct question *ret)
{
	ns_rr rr;

	for (int i = 0; i < ns_msg_count(*m, ns_s_ar); i++) {
		if (ns_parserr(m, ns_s_ar, i, &rr) < 0)
			return false;
		if (ns_rr_type(rr) == ns_t_opt) {
			ret->edns = true;
			ret->edns_size = ns_rr_class(rr);
		}
	}
	return true;
}

bool question_read(const uint8_t *text, size_t n, struct question *ret)
{
	ns_msg m;

	if (n > MESSAGE_MAX || ns_initparse(text, (int)n, &m) < 0 || ns_msg_getflag(m, ns_f_qr))
		return false;
	memset(ret, 0, offsetof(struct question, owner));
	memset(ret->name, 0, sizeof(ret->name));
	ret->id = ns_msg_id(m);
	ret->recursion = ns_msg_getflag(m, ns_f_rd);
	ret->plain = ns_msg_count(m, ns_s_qd) == 1 && ns_msg_getflag(m, ns_f_opcode) == ns_o_query;
	return (!ret->plain || read_owner(&m, ret)) && read_options(&m, ret);
}

static void put16(uint16_t v)
{
	ns_put16(v, answer.text + answer.n);
	answer.n += NS_INT16SZ;
}

static void put32(uint32_t v)
{
	ns_put32(v, answer.text + answer.n);
	answer.n += NS_INT32SZ;
}

static void put(const void *data, size_t n)
{
	memcpy(answer.text + answer.n, data, n);
	answer.n += n;
}

void answer_begin(const struct question *q, ns_rcode rcode)
{
	memset(answer.text, 0, NS_HFIXEDSZ);
	answer.n = NS_HFIXEDSZ;
	answer.records = 0;
	answer.flags = (uint16_t)(FLAG_QR | FLAG_RA | (q->recursion ? FLAG_RD : 0) | rcode);
	ns_put16(q->id, answer.text);
	if (q->plain) {
		ns_put16(1, answer.text + AT_QUESTIONS);
		put(q->owner, q->owner_size);
		put16(q->type);
		put16(q->class);
	}
	answer.head = answer.n;
}

void answer_add(ns_type type, const void *data, size_t n)
{
	if (sizeof(answer.text) - answer.n < NS_INT16SZ + NS_RRFIXEDSZ + n + OPT_BYTES)
		return;
	put16(OWNER_POINTER);
	put16((uint16_t)type);
	put16(ns_c_in);
	put32(TTL);
	put16((uint16_t)n);
	put(data, n);
	answer.records++;
}

void answer_add_name(ns_type type, const char *name)
{
	uint8_t wire[NS_MAXCDNAME];
	size_t n = 0;

	if (ns_name_pton(name, wire, sizeof(wire)) < 0)
		return;
	while (wire[n])
		n += wire[n] + 1u;
	answer_add(type, wire, n + 1);
}

const uint8_t *answer_end(const struct question *q, size_t most, size_t *ret_n)
{
	if (answer.n + (q->edns ? OPT_BYTES : 0) > most) {
		/* Too large for a datagram: the asker comes again by TCP. */
		answer.n = answer.head;
		answer.records = 0;
		answer.flags |= FLAG_TC;
	}
	ns_put16(answer.flags, answer.text + AT_FLAGS);
	ns_put16(answer.records, answer.text + AT_ANSWERS);
	if (q->edns) {
		ns_put16(1, answer.text + AT_ADDITIONAL);
		put("", 1);
		put16(ns_t_opt);
		put16(EDNS_BYTES);
		put32(0);
		put16(0);
	}
	*ret_n = answer.n;
	return answer.text;
}
