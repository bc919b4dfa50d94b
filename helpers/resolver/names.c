/* names.c - names of containers, each in its own networks only. */
#include "resolver.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "../base/cleanup.h"

enum { ANSWERS_MAX = 64 };

struct found {
	const struct endpoint *ep[ANSWERS_MAX];
	unsigned n;
};

bool names_private(const struct question *q)
{
	return q->name[0] && !strchr(q->name, '.');
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

/* The next one of equal names is first each time. */
static void add_addresses(const struct found *f, uint16_t type)
{
	unsigned first = f->n > 1 ? resolver.rotation++ % f->n : 0;

	for (unsigned i = 0; i < f->n; i++) {
		const struct endpoint *ep = f->ep[(first + i) % f->n];

		for (uint32_t k = 0; type == ns_t_a && k < ep->n4; k++) {
			uint32_t v4 = htonl(ep->v4[k]);

			answer_add(ns_t_a, &v4, sizeof(v4));
		}
		for (uint32_t k = 0; type == ns_t_aaaa && k + 1 < ep->n6; k += 2) {
			uint8_t v6[16];

			for (unsigned b = 0; b < 16; b++)
				v6[b] = (uint8_t)(ep->v6[k + b / 8] >> (56 - 8 * (b % 8)));
			answer_add(ns_t_aaaa, v6, sizeof(v6));
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

static bool answer_reverse(const struct client *c, const struct question *q)
{
	const struct endpoint *ep;
	uint32_t v4 = 0;
	uint64_t v6[2] = { 0 };
	bool six;

	if (!read_reverse(q->name, &v4, v6, &six))
		return false;
	LIST_FOREACH(ep, &resolver.endpoints, next) {
		char text[2 * NAME_BYTES];

		if (!is_in(c, ep) ||
		    (six ? ep->n6 < 2 || ep->v6[0] != v6[0] || ep->v6[1] != v6[1] : ep->n4 == 0 || ep->v4[0] != v4))
			continue;
		snprintf(text, sizeof(text), "%.*s.%s.", (int)strcspn(ep->names, " "), ep->names, ep->network_name);
		answer_begin(q, ns_r_noerror);
		answer_add_name(ns_t_ptr, text);
		return true;
	}
	return false;
}

bool names_answer(struct client *c, const struct question *q)
{
	struct found f = { .n = 0 };
	char name[NAME_BYTES];

	if (!q->name[0] || q->class != ns_c_in)
		return false;
	if (q->type == ns_t_ptr)
		return answer_reverse(c, q);
	memcpy(name, q->name, sizeof(name));
	follow_link(c, name);
	find(c, name, &f);
	if (f.n == 0)
		return false;
	/* The name is ours, so an answer without records is the whole truth. */
	answer_begin(q, ns_r_noerror);
	add_addresses(&f, q->type);
	return true;
}
