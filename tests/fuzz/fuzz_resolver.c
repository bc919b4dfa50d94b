/* fuzz_resolver.c - any datagram or TCP message as a container's question: what is answered is a DNS message again, and
 * bears the question's id. */
#include <stdlib.h>
#include <string.h>

#include "../../helpers/resolver/resolver.h"

struct resolver resolver;

bool upstream_ask(const struct asker *a, const uint8_t *text, size_t n)
{
	return text[n - 1] & 1; /* a question has been parsed: n > 0 */
}

static const uint8_t *asked;
void tcp_reply(struct connection *k, const uint8_t *text, size_t n)
{
	ns_msg m;
	ns_rr rr;

	if (ns_initparse(text, (int)n, &m) < 0 || !ns_msg_getflag(m, ns_f_qr) ||
	    ns_msg_id(m) != (asked[0] << 8 | asked[1]))
		abort();
	for (ns_sect s = ns_s_qd; s < ns_s_max; s++)
		for (int i = 0; i < ns_msg_count(m, s); i++)
			if (ns_parserr(&m, s, i, &rr) < 0)
				abort();
}

/* A well-formed question for a name that is likely to be known, what follows being any bytes: chance alone finds none. */
static size_t question(const uint8_t *data, size_t n, uint8_t text[512])
{
	static const char *const names[] = { "\3web", "\3wWw\3Net", "\2db", "\1x", "\3www\5other",
					     "\1" "2\1" "0\2" "17\3" "172\7in-addr\4arpa" };
	const char *name = names[data[0] % 6];
	const uint8_t end[] = { 0, 0, data[1], 0, data[2] & 2 ? 1 : data[2] }; /* root, type, class */
	size_t len = strlen(name);

	memcpy(text, (uint8_t[12]){ [2] = 1, [5] = 1, [11] = data[2] & 1 }, 12);
	memcpy(text + 12, name, len);
	memcpy(text + 12 + len, end, sizeof(end));
	memcpy(text + 12 + len + sizeof(end), data + 3, n - 3);
	return 12 + len + sizeof(end) + n - 3;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct client c = { .links = "db=web x=y", .nnetworks = 1, .udp = -1 };
	static struct endpoint web = { .network_name = "net", .names = "web www w.w", .n4 = 2, .n6 = 2,
				       .v4 = { 0xac110002, 1 }, .v6 = { 0xfd00000000000000, 2 } };
	static uint8_t text[512];
	const struct asker udp = { .client = &c }, tcp = { .client = &c, .connection = (struct connection *)&c };

	if (LIST_EMPTY(&resolver.endpoints))
		LIST_INSERT_HEAD(&resolver.endpoints, &web, next);
	asked = data;
	c.nupstreams = n & 1;
	ask(&udp, data, n);
	ask(&tcp, data, n);
	if (n > 3 && n < 256) {
		n = question(data, n, text);
		asked = text;
		ask(&udp, text, n);
		ask(&tcp, text, n);
	}
	return 0;
}
