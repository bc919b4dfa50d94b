/* test_resolver.c - what postern-resolver answers, message by message. Upstream servers and TCP connections are the test's. */
#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>
#include <arpa/inet.h>
#include <string.h>
#include <unistd.h>

#include "../../helpers/base/cleanup.h"
#include "../../helpers/resolver/resolver.h"

struct resolver resolver;

static uint8_t answer[MESSAGE_MAX];
static size_t answer_n; /* 0: none */
static bool upstream; /* somebody can be asked */
static unsigned forwarded;

void tcp_reply(struct connection *k, const uint8_t *text, size_t n)
{
	memcpy(answer, text, n);
	answer_n = n;
}

bool upstream_ask(const struct asker *a, const uint8_t *text, size_t n)
{
	forwarded += upstream;
	return upstream;
}

static const uint8_t one[ID_BYTES] = "one", two[ID_BYTES] = "two";
static struct client client = { .links = "db=web other=elsewhere", .nnetworks = 1, .udp = -EBADF };
static struct endpoint web = { .network_name = "net", .names = "web Alias w.w", .n4 = 2, .n6 = 4,
			       .v4 = { 0xac110002, 0xac120002 }, .v6 = { 0xfd00000000000000, 2, 0xfd00000000000000, 3 } };
static struct endpoint twin[3] = { { .network_name = "net", .names = "twin", .n4 = 1, .v4 = { 1 } },
				   { .network_name = "net", .names = "twin", .n4 = 1, .v4 = { 2 } },
				   { .network_name = "net", .names = "twin", .n4 = 1, .v4 = { 3 } } };
static struct endpoint many[20], strange = { .network_name = "far", .names = "strange", .n4 = 1, .v4 = { 0x0a000001 } };

enum { EDNS = 1, UDP = 2 };

/* A question for a name, with room for its edges; its size. */
static size_t question(uint8_t text[512], const char *name, uint16_t type, int how, uint16_t edns_size)
{
	size_t n = 12;

	memcpy(text, (uint8_t[12]){ 0xab, 0xcd, 1, 0, 0, 1, [11] = how & EDNS ? 1 : 0 }, 12);
	for (const char *p = name; *p; p += strcspn(p, ".") + (p[strcspn(p, ".")] == '.')) {
		size_t len = strcspn(p, ".");

		text[n++] = (uint8_t)len;
		memcpy(text + n, p, len);
		n += len;
	}
	text[n++] = 0;
	ns_put16(type, text + n);
	ns_put16(ns_c_in, text + n + 2);
	n += 4;
	if (how & EDNS) {
		memcpy(text + n, (uint8_t[11]){ 0, 0, ns_t_opt, (uint8_t)(edns_size >> 8), (uint8_t)edns_size }, 11);
		n += 11;
	}
	return n;
}

static ns_msg m;

/* Asks; the answer is in m. Its rcode, or -1 without an answer. */
static int put(const uint8_t *text, size_t n, int how)
{
	struct asker a = { .client = &client, .connection = how & UDP ? NULL : (struct connection *)&client };
	int pair[2] = { -EBADF, -EBADF };

	answer_n = 0;
	if (how & UDP) {
		CU_ASSERT_FATAL(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair) == 0);
		client.udp = pair[0];
	}
	ask(&a, text, n);
	if (how & UDP) {
		ssize_t got = recv(pair[1], answer, sizeof(answer), 0);

		answer_n = got > 0 ? (size_t)got : 0;
		client.udp = close_fd(pair[0]);
		close(pair[1]);
	}
	if (!answer_n)
		return -1;
	CU_ASSERT_FATAL(ns_initparse(answer, (int)answer_n, &m) == 0);
	CU_ASSERT(ns_msg_getflag(m, ns_f_qr) && ns_msg_getflag(m, ns_f_ra) && ns_msg_getflag(m, ns_f_rd) == (text[2] & 1));
	CU_ASSERT(ns_msg_id(m) == 0xabcd);
	return ns_msg_getflag(m, ns_f_rcode);
}

static int ask_for(const char *name, uint16_t type, int how, uint16_t edns_size)
{
	uint8_t text[512];

	return put(text, question(text, name, type, how, edns_size), how);
}

/* The data of an answer's record, which bears the question's name. */
static const uint8_t *record(int i, uint16_t type, const char *name, size_t size)
{
	static ns_rr rr;

	if (ns_parserr(&m, ns_s_an, i, &rr) < 0)
		return NULL;
	CU_ASSERT(ns_rr_type(rr) == type && ns_rr_class(rr) == ns_c_in && ns_rr_ttl(rr) == 600);
	CU_ASSERT_STRING_EQUAL(ns_rr_name(rr), name);
	CU_ASSERT(!size || ns_rr_rdlen(rr) == size);
	return ns_rr_rdata(rr);
}

static uint32_t address(int i, const char *name)
{
	const uint8_t *p = record(i, ns_t_a, name, 4);

	return p ? ns_get32(p) : 0;
}

static void test_names(void)
{
	static const char *const good[] = { "web", "WEB", "alias", "w.w", "web.net", "alias.NET", "db" };
	static const char *const bad[] = { "strange", "we", "webs", "other", "net" };
	static const char *const outside[] = { "strange.far", "web.far", "web.net.org", "x.y" };

	for (unsigned i = 0; i < ARRAY_SIZE(good); i++) {
		CU_ASSERT(ask_for(good[i], ns_t_a, 0, 0) == ns_r_noerror);
		CU_ASSERT(ns_msg_count(m, ns_s_an) == 2 && ns_msg_count(m, ns_s_qd) == 1);
		CU_ASSERT(address(0, good[i]) == 0xac110002 && address(1, good[i]) == 0xac120002);
		CU_ASSERT(ask_for(good[i], ns_t_mx, UDP, 0) == ns_r_noerror && ns_msg_count(m, ns_s_an) == 0);
	}
	forwarded = 0;
	upstream = true;
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		CU_ASSERT(ask_for(bad[i], ns_t_a, 0, 0) == ns_r_nxdomain && ns_msg_count(m, ns_s_qd) == 1);
	CU_ASSERT(forwarded == 0);
	for (unsigned i = 0; i < ARRAY_SIZE(outside); i++)
		CU_ASSERT(ask_for(outside[i], ns_t_a, UDP, 0) == -1 && forwarded == i + 1);
	upstream = false;
	CU_ASSERT(ask_for("x.y", ns_t_a, 0, 0) == ns_r_nxdomain);
	client.nupstreams = 1;
	CU_ASSERT(ask_for("x.y", ns_t_a, 0, 0) == ns_r_servfail);
	client.nupstreams = 0;
}

static void test_version_6(void)
{
	const uint8_t *p;

	CU_ASSERT(ask_for("web", ns_t_aaaa, 0, 0) == ns_r_noerror && ns_msg_count(m, ns_s_an) == 2);
	p = record(1, ns_t_aaaa, "web", 16);
	CU_ASSERT(p && memcmp(p, (uint8_t[16]){ 0xfd, [15] = 3 }, 16) == 0);
	CU_ASSERT(ask_for("twin", ns_t_aaaa, 0, 0) == ns_r_noerror && ns_msg_count(m, ns_s_an) == 0);
}

static void test_reverse(void)
{
	static const char *const names[] = {
		"2.0.17.172.in-addr.arpa",
		"2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.F.ip6.arpa",
	};

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		const uint8_t *p;

		CU_ASSERT(ask_for(names[i], ns_t_ptr, 0, 0) == ns_r_noerror && ns_msg_count(m, ns_s_an) == 1);
		p = record(0, ns_t_ptr, names[i], 9);
		CU_ASSERT(p && memcmp(p, "\3web\3net", 9) == 0);
	}
	CU_ASSERT(ask_for("1.0.0.10.in-addr.arpa", ns_t_ptr, 0, 0) == ns_r_nxdomain); /* another network's */
	CU_ASSERT(ask_for("999.0.0.10.in-addr.arpa", ns_t_ptr, 0, 0) == ns_r_nxdomain);
}

static void test_turns(void)
{
	unsigned first[4] = { 0 };

	for (unsigned i = 0; i < 9; i++) {
		CU_ASSERT(ask_for("twin", ns_t_a, UDP, 0) == ns_r_noerror && ns_msg_count(m, ns_s_an) == 3);
		CU_ASSERT(address(0, "twin") + address(1, "twin") + address(2, "twin") == 6);
		first[address(0, "twin") & 3]++;
	}
	CU_ASSERT(first[1] == 3 && first[2] == 3 && first[3] == 3);
}

/* 20 endpoints with 2 addresses of version 6 each: 1,120 bytes and the question. */
static void test_sizes(void)
{
	CU_ASSERT(ask_for("many", ns_t_aaaa, 0, 0) == ns_r_noerror && ns_msg_count(m, ns_s_an) == 40);
	CU_ASSERT(!ns_msg_getflag(m, ns_f_tc) && ns_msg_count(m, ns_s_ar) == 0);
	CU_ASSERT(ask_for("many", ns_t_aaaa, UDP, 0) == ns_r_noerror && ns_msg_count(m, ns_s_an) == 0);
	CU_ASSERT(ns_msg_getflag(m, ns_f_tc) && ns_msg_count(m, ns_s_qd) == 1 && answer_n == 22);
	CU_ASSERT(ask_for("many", ns_t_aaaa, UDP | EDNS, 600) == ns_r_noerror && ns_msg_getflag(m, ns_f_tc));
	CU_ASSERT(ns_msg_count(m, ns_s_ar) == 1 && answer_n == 33);
	CU_ASSERT(ask_for("many", ns_t_aaaa, UDP | EDNS, 1152) == ns_r_noerror && ns_msg_getflag(m, ns_f_tc));
	CU_ASSERT(ask_for("many", ns_t_aaaa, UDP | EDNS, 1153) == ns_r_noerror && ns_msg_count(m, ns_s_an) == 40);
	CU_ASSERT(!ns_msg_getflag(m, ns_f_tc) && answer_n == 1153);
	CU_ASSERT(ask_for("web", ns_t_a, UDP | EDNS, 0) == ns_r_noerror && ns_msg_count(m, ns_s_ar) == 1);
}

static void test_malformed(void)
{
	uint8_t text[512];
	size_t n = question(text, "web", ns_t_a, EDNS, 1232);

	for (size_t i = 0; i < n; i++)
		CU_ASSERT(put(text, i, 0) == -1);
	CU_ASSERT(put(text, n, 0) == ns_r_noerror && put(text, n + 1, 0) == -1);
	text[2] |= 0x80; /* an answer */
	CU_ASSERT(put(text, n, 0) == -1);
	text[2] = 1 | ns_o_notify << 3;
	CU_ASSERT(put(text, n, 0) == ns_r_nxdomain && ns_msg_count(m, ns_s_qd) == 0);
	text[2] = 1;
	memcpy(text + 12, "\xc0\x0c\0\1\0\1", 6); /* a name that begins with itself */
	text[11] = 0;
	CU_ASSERT(put(text, 18, 0) == -1);
	text[13] = 0xff;
	CU_ASSERT(put(text, 18, 0) == -1);
	text[5] = 0; /* no question at all */
	CU_ASSERT(put(text, 12, 0) == ns_r_nxdomain && answer_n == 12);
	n = question(text, "", ns_t_a, 0, 0);
	CU_ASSERT(put(text, n, 0) == ns_r_nxdomain && ns_msg_count(m, ns_s_an) == 0);
	n = question(text, "web", ns_t_a, 0, 0);
	text[n - 1] = ns_c_chaos;
	CU_ASSERT(put(text, n, 0) == ns_r_nxdomain && ns_msg_count(m, ns_s_an) == 0);
}

static void add(struct endpoint *ep, const uint8_t *network)
{
	memcpy(ep->network, network, ID_BYTES);
	LIST_INSERT_HEAD(&resolver.endpoints, ep, next);
}

static int fill(void)
{
	memcpy(client.networks[0], one, ID_BYTES);
	add(&web, one);
	add(&strange, two);
	for (unsigned i = 0; i < ARRAY_SIZE(twin); i++)
		add(&twin[i], one);
	for (unsigned i = 0; i < ARRAY_SIZE(many); i++) {
		many[i] = (struct endpoint){ .network_name = "net", .names = "many", .n6 = 4, .v6 = { 1, i, 2, i } };
		add(&many[i], one);
	}
	return 0;
}

int main(void)
{
	CU_pSuite s;

	CU_initialize_registry();
	s = CU_add_suite("resolver", fill, NULL);
	CU_add_test(s, "names, aliases and links, of its own networks", test_names);
	CU_add_test(s, "addresses of version 6", test_version_6);
	CU_add_test(s, "reverse names", test_reverse);
	CU_add_test(s, "equal names in turn", test_turns);
	CU_add_test(s, "what does not fit", test_sizes);
	CU_add_test(s, "what is no question", test_malformed);
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	unsigned bad = CU_get_number_of_failures() + CU_get_number_of_suites_failed();
	CU_cleanup_registry();
	return bad != 0;
}
