/* ask.c - one question: ours to answer, somebody else's, or nobody's. */
#include "resolver.h"

#include <sys/socket.h>

void asker_reply(const struct asker *a, const uint8_t *text, size_t n)
{
	if (a->connection)
		tcp_reply(a->connection, text, n);
	else if (a->client)
		sendto(a->client->udp, text, n, MSG_DONTWAIT | MSG_NOSIGNAL, (const struct sockaddr *)&a->from,
		       a->from_len);
}

static void answer_send(const struct asker *a, const struct question *q)
{
	size_t most = q->edns_size > NS_PACKETSZ ? q->edns_size : NS_PACKETSZ, n;
	const uint8_t *text = answer_end(q, a->connection ? MESSAGE_MAX : most, &n);

	asker_reply(a, text, n);
}

void ask(const struct asker *a, const uint8_t *text, size_t n)
{
	struct question q;

	/* What is no question gets no answer: two of our kind would talk for ever. */
	if (!question_read(text, n, &q)) {
		resolver.refused++;
		return;
	}
	if (names_answer(a->client, &q)) {
		resolver.answered++;
	} else if (names_private(&q)) {
		resolver.answered++;
		answer_begin(&q, ns_r_nxdomain);
	} else if (upstream_ask(a, text, n)) {
		resolver.forwarded++;
		return;
	} else {
		resolver.refused++;
		/* Without servers to ask there is nothing outside: it does not pay to ask again. */
		answer_begin(&q, a->client->nupstreams ? ns_r_servfail : ns_r_nxdomain);
	}
	answer_send(a, &q);
}
