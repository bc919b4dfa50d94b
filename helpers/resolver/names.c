/* names.c - names of containers, each in its own networks only. */
#include "resolver.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/cleanup.h"

enum { NAME_BYTES = 256, ANSWERS_MAX = 64, TTL = 600, EDNS_BYTES = 1232 };

struct found {
	const struct endpoint *ep[ANSWERS_MAX];
	unsigned n;
};

/* The only question of a packet, or NULL. */
static const ldns_rr *question_of(const ldns_pkt *q)
{
	return ldns_pkt_qdcount(q) == 1 && ldns_pkt_get_opcode(q) == LDNS_PACKET_QUERY && !ldns_pkt_qr(q)
		       ? ldns_rr_list_rr(ldns_pkt_question(q), 0) : NULL;
}

/* In small letters and without the final dot. */
static bool name_of(const ldns_rr *rr, char ret[NAME_BYTES])
{
	char *text = rr ? ldns_rdf2str(ldns_rr_owner(rr)) : NULL;
	size_t n = text ? strlen(text) : 0;
	bool fits = n > 0 && n < NAME_BYTES;

	if (fits) {
		memcpy(ret, text, n + 1);
		if (ret[n - 1] == '.')
			ret[n - 1] = '\0';
		for (char *p = ret; *p; p++)
			if (*p >= 'A' && *p <= 'Z')
				*p = (char)(*p - 'A' + 'a');
	}
	free(text);
	return fits;
}

bool names_private(const ldns_pkt *q)
{
	char name[NAME_BYTES];

	return name_of(question_of(q), name) && name[0] && !strchr(name, '.');
}

static bool is_in(const struct client *c, const struct endpoint *ep)
{
	for (unsigned i = 0; i < c->nnetworks; i++)
		if (memcmp(c->networks[i], ep->network, ID_BYTES) == 0)
			return true;
	return false;
}

/* Is the word of n bytes one of the names, compared without case? */
static bool has_name(const char *names, const char *word, size_t n)
{
	for (const char *p = names; *p;) {
		size_t len = strcspn(p, " ");

		if (len == n && strncasecmp(p, word, n) == 0)
			return true;
		p += len + (p[len] == ' ');
	}
	return false;
}

/* By its name, or by that and the network's. */
static bool is_called(const struct endpoint *ep, const char *name)
{
	size_t n = strlen(name), network = strlen(ep->network_name);

	if (has_name(ep->names, name, n))
		return true;
	return n > network + 1 && name[n - network - 1] == '.' &&
	       strcasecmp(name + n - network, ep->network_name) == 0 && has_name(ep->names, name, n - network - 1);
}

/* What a link of the client's own makes of a name. */
static void follow_link(const struct client *c, char name[NAME_BYTES])
{
	size_t n = strlen(name);

	for (const char *p = c->links; *p;) {
		size_t len = strcspn(p, " ");

		if (len > n + 1 && p[n] == '=' && strncasecmp(p, name, n) == 0 && len - n - 1 < NAME_BYTES) {
			snprintf(name, NAME_BYTES, "%.*s", (int)(len - n - 1), p + n + 1);
			return;
		}
		p += len + (p[len] == ' ');
	}
}

static void find(const struct client *c, const char *name, struct found *ret)
{
	const struct endpoint *ep;

	LIST_FOREACH(ep, &resolver.endpoints, next)
		if (ret->n < ANSWERS_MAX && is_in(c, ep) && is_called(ep, name))
			ret->ep[ret->n++] = ep;
}

static ldns_pkt *begin(const ldns_pkt *q, ldns_pkt_rcode rcode)
{
	const ldns_rr *rr = question_of(q);
	ldns_pkt *a = ldns_pkt_new();

	if (!a)
		return NULL;
	ldns_pkt_set_id(a, ldns_pkt_id(q));
	ldns_pkt_set_qr(a, true);
	ldns_pkt_set_rd(a, ldns_pkt_rd(q));
	ldns_pkt_set_ra(a, true);
	ldns_pkt_set_rcode(a, rcode);
	if (ldns_pkt_edns(q))
		ldns_pkt_set_edns_udp_size(a, EDNS_BYTES);
	if (rr)
		ldns_pkt_push_rr(a, LDNS_SECTION_QUESTION, ldns_rr_clone(rr));
	return a;
}

ldns_pkt *names_failure(const ldns_pkt *q, ldns_pkt_rcode rcode)
{
	return begin(q, rcode);
}

static void push(ldns_pkt *a, const ldns_rr *question, ldns_rr_type type, ldns_rdf *data)
{
	ldns_rr *rr = ldns_rr_new();

	if (!rr || !data) {
		ldns_rdf_deep_free(data);
		ldns_rr_free(rr);
		return;
	}
	ldns_rr_set_owner(rr, ldns_rdf_clone(ldns_rr_owner(question)));
	ldns_rr_set_type(rr, type);
	ldns_rr_set_class(rr, LDNS_RR_CLASS_IN);
	ldns_rr_set_ttl(rr, TTL);
	ldns_rr_push_rdf(rr, data);
	ldns_pkt_push_rr(a, LDNS_SECTION_ANSWER, rr);
}

/* The next one of equal names is first each time. */
static void push_addresses(ldns_pkt *a, const ldns_rr *question, const struct found *f, ldns_rr_type type)
{
	unsigned first = f->n > 1 ? resolver.rotation++ % f->n : 0;

	for (unsigned i = 0; i < f->n; i++) {
		const struct endpoint *ep = f->ep[(first + i) % f->n];

		for (uint32_t k = 0; type == LDNS_RR_TYPE_A && k < ep->n4; k++) {
			uint32_t v4 = htonl(ep->v4[k]);

			push(a, question, type, ldns_rdf_new_frm_data(LDNS_RDF_TYPE_A, sizeof(v4), &v4));
		}
		for (uint32_t k = 0; type == LDNS_RR_TYPE_AAAA && k + 1 < ep->n6; k += 2) {
			uint8_t v6[16];

			for (unsigned b = 0; b < 16; b++)
				v6[b] = (uint8_t)(ep->v6[k + b / 8] >> (56 - 8 * (b % 8)));
			push(a, question, type, ldns_rdf_new_frm_data(LDNS_RDF_TYPE_AAAA, sizeof(v6), v6));
		}
	}
}

/* "2.0.17.172.in-addr.arpa", or 32 half bytes before ip6.arpa. */
static bool read_reverse(const char *name, uint32_t *v4, uint64_t v6[2], bool *ret_v6)
{
	unsigned b[4];
	int end = 0;
	size_t n = strlen(name);

	*ret_v6 = false;
	if (sscanf(name, "%3u.%3u.%3u.%3u.in-addr.arpa%n", &b[0], &b[1], &b[2], &b[3], &end) == 4 && end &&
	    !name[end]) {
		*v4 = b[3] << 24 | b[2] << 16 | b[1] << 8 | b[0];
		return b[0] < 256 && b[1] < 256 && b[2] < 256 && b[3] < 256;
	}
	if (n != 72 || strcmp(name + 64, "ip6.arpa") != 0)
		return false;
	v6[0] = v6[1] = 0;
	for (unsigned i = 0; i < 32; i++) {
		const char *digits = "0123456789abcdef", *d = strchr(digits, name[2 * i]);

		if (!d || !*d || name[2 * i + 1] != '.')
			return false;
		v6[i < 16 ? 1 : 0] |= (uint64_t)(d - digits) << (4 * (i % 16));
	}
	*ret_v6 = true;
	return true;
}

static ldns_pkt *answer_reverse(const struct client *c, const ldns_pkt *q, const ldns_rr *question, const char *name)
{
	const struct endpoint *ep;
	uint32_t v4 = 0;
	uint64_t v6[2] = { 0 };
	bool six;

	if (!read_reverse(name, &v4, v6, &six))
		return NULL;
	LIST_FOREACH(ep, &resolver.endpoints, next) {
		char text[2 * NAME_BYTES];
		ldns_pkt *a;

		if (!is_in(c, ep) ||
		    (six ? ep->n6 < 2 || ep->v6[0] != v6[0] || ep->v6[1] != v6[1] : ep->n4 == 0 || ep->v4[0] != v4))
			continue;
		snprintf(text, sizeof(text), "%.*s.%s.", (int)strcspn(ep->names, " "), ep->names, ep->network_name);
		a = begin(q, LDNS_RCODE_NOERROR);
		if (a)
			push(a, question, LDNS_RR_TYPE_PTR, ldns_dname_new_frm_str(text));
		return a;
	}
	return NULL;
}

ldns_pkt *names_answer(struct client *c, const ldns_pkt *q)
{
	const ldns_rr *question = question_of(q);
	struct found f = { .n = 0 };
	char name[NAME_BYTES];
	ldns_rr_type type;
	ldns_pkt *a;

	if (!name_of(question, name) || ldns_rr_get_class(question) != LDNS_RR_CLASS_IN)
		return NULL;
	type = ldns_rr_get_type(question);
	if (type == LDNS_RR_TYPE_PTR)
		return answer_reverse(c, q, question, name);
	follow_link(c, name);
	find(c, name, &f);
	if (f.n == 0)
		return NULL;
	/* The name is ours, so an answer without records is the whole truth. */
	a = begin(q, LDNS_RCODE_NOERROR);
	if (a)
		push_addresses(a, question, &f, type);
	return a;
}
