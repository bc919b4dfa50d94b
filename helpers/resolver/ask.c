/* ask.c - one question: ours to answer, somebody else's, or nobody's. */
#include "resolver.h"

#include <stdlib.h>
#include <sys/socket.h>

enum { UDP_BYTES = 512 };

void asker_reply(const struct asker *a, const uint8_t *text, size_t n)
{
	if (a->connection)
		tcp_reply(a->connection, text, n);
	else if (a->client)
		sendto(a->client->udp, text, n, MSG_DONTWAIT | MSG_NOSIGNAL, (const struct sockaddr *)&a->from,
		       a->from_len);
}

/* Too large for a datagram: the asker comes again by TCP. */
static bool truncate_for(const struct asker *a, const ldns_pkt *q, ldns_pkt *answer, size_t n)
{
	size_t most = ldns_pkt_edns(q) && ldns_pkt_edns_udp_size(q) > UDP_BYTES ? ldns_pkt_edns_udp_size(q) : UDP_BYTES;

	if (a->connection || n <= most)
		return false;
	ldns_rr_list_deep_free(ldns_pkt_answer(answer));
	ldns_pkt_set_answer(answer, ldns_rr_list_new());
	ldns_pkt_set_ancount(answer, 0);
	ldns_pkt_set_tc(answer, true);
	return true;
}

static void send_packet(const struct asker *a, const ldns_pkt *q, ldns_pkt *answer)
{
	uint8_t *wire = NULL;
	size_t n = 0;

	if (answer && ldns_pkt2wire(&wire, answer, &n) == LDNS_STATUS_OK) {
		if (truncate_for(a, q, answer, n)) {
			free(wire);
			wire = NULL;
			if (ldns_pkt2wire(&wire, answer, &n) != LDNS_STATUS_OK)
				n = 0;
		}
		if (n)
			asker_reply(a, wire, n);
	}
	free(wire);
	ldns_pkt_free(answer);
}

void ask(const struct asker *a, const uint8_t *text, size_t n)
{
	ldns_pkt *q = NULL, *answer;

	/* What is no question gets no answer: two of our kind would talk for ever. */
	if (ldns_wire2pkt(&q, text, n) != LDNS_STATUS_OK || ldns_pkt_qr(q)) {
		ldns_pkt_free(q);
		resolver.refused++;
		return;
	}
	answer = names_answer(a->client, q);
	if (answer) {
		resolver.answered++;
		send_packet(a, q, answer);
	} else if (names_private(q)) {
		resolver.answered++;
		send_packet(a, q, names_failure(q, LDNS_RCODE_NXDOMAIN));
	} else if (upstream_ask(a, text, n)) {
		resolver.forwarded++;
	} else {
		resolver.refused++;
		/* Without servers to ask there is nothing outside: it does not pay to ask again. */
		send_packet(a, q, names_failure(q, a->client->nupstreams ? LDNS_RCODE_SERVFAIL : LDNS_RCODE_NXDOMAIN));
	}
	ldns_pkt_free(q);
}
