/* test_endpoint.c - endpoints of one bridge: as many as the kernel has ports, one more is refused and takes nothing; and
 * how containers, their endpoints and who has a volume are found. */
#include <CUnit/Basic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../controller/container/internal.h"
#include "../../controller/engine.h"
#include "../../controller/network/internal.h"
#include "../../controller/state/state.h"

static struct networks networks;
static struct containers containers;
static const struct policy_common policy = { .bridge_prefix = "pst" };
static struct engine engine = { .networks = &networks, .containers = &containers, .policy = &policy };
static struct network full = { .name = "full", .bridged = true }, other = { .name = "other", .bridged = true };

static void subnet(struct network *n, const char *text, char id)
{
	memset(n->id, id, sizeof(n->id) - 1);
	CU_ASSERT_EQUAL_FATAL(address_parse(text, n->v4.subnet, &n->v4.bits), 0);
	CU_ASSERT_EQUAL_FATAL(pool_init(&n->v4), 0);
}

static struct endpoint *add(struct network *n, unsigned number)
{
	struct endpoint *ep = NULL;
	struct err err = { 0 };
	char container[65];

	snprintf(container, sizeof(container), "%064x", number);
	CU_ASSERT_EQUAL_FATAL(endpoint_add(&engine, n, container, NULL, /* passing= */ false, &ep, &err), 0);
	return ep;
}

static void test_full(void)
{
	static const uint8_t none[16];
	struct endpoint *first, *ep = NULL;
	struct err err = { 0 };

	subnet(&full, "10.9.0.0/16", 'a');
	subnet(&other, "10.10.0.0/16", 'b');
	for (unsigned i = 1; i <= BRIDGE_PORTS; i++)
		CU_ASSERT_EQUAL_FATAL(endpoint_allocate(&engine, add(&full, i), &err), 0);
	first = TAILQ_FIRST(&networks.endpoints);
	ep = add(&full, BRIDGE_PORTS + 1);
	CU_ASSERT_EQUAL(endpoint_allocate(&engine, ep, &err), -1);
	CU_ASSERT_EQUAL(err.status, 403);
	CU_ASSERT_STRING_EQUAL(
		err.message,
		"network full is full: a bridge of the kernel's holds 1023 containers; use another network");
	CU_ASSERT(!ep->there && memcmp(ep->v4, none, 16) == 0);

	/* Another network has room; one that goes makes some. */
	memset(&err, 0, sizeof(err));
	CU_ASSERT_EQUAL(endpoint_allocate(&engine, add(&other, BRIDGE_PORTS + 1), &err), 0);
	CU_ASSERT_EQUAL(endpoint_allocate(&engine, ep, &err), -1);
	memset(&err, 0, sizeof(err));
	endpoint_release(&engine, first);
	CU_ASSERT_EQUAL(full.attached, BRIDGE_PORTS - 1);
	CU_ASSERT_EQUAL(endpoint_allocate(&engine, ep, &err), 0);
	endpoint_forget(&engine, ep);
	CU_ASSERT_EQUAL(full.attached, BRIDGE_PORTS - 1);
	endpoint_release(&engine, first); /* once more changes nothing */
	CU_ASSERT_EQUAL(full.attached, BRIDGE_PORTS - 1);
}

static struct container *contain(unsigned number, const char *name, const char *binds)
{
	struct container_row row = { .name = strdup(name), .base = 65536 };
	struct container *c;

	CU_ASSERT_FATAL(asprintf(&row.config, "{\"HostConfig\":{\"Binds\":%s}}", binds) > 0);
	snprintf(row.id, sizeof(row.id), "%064x", number);
	c = container_add(&engine, &row, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	return c;
}

/* The first that is free, but what was given back last comes when there is no other. */
static void test_pool(void)
{
	static struct pool p;
	uint8_t a[16], back[16];
	unsigned n = 0;

	CU_ASSERT_EQUAL_FATAL(address_parse("10.13.0.0/23", p.subnet, &p.bits), 0);
	CU_ASSERT_EQUAL_FATAL(pool_init(&p), 0);
	for (uint32_t i = 2; i < 202; i++) {
		CU_ASSERT_EQUAL_FATAL(pool_take(&p, NULL, a), 0);
		CU_ASSERT_EQUAL(address_v4(a) & 0xff, i);
		if (i == 70)
			memcpy(back, a, 16);
	}
	pool_give(&p, back);
	CU_ASSERT(pool_take(&p, NULL, a) == 0 && (address_v4(a) & 0xff) == 202);
	for (unsigned i = 0; i < IPAM_RESTING; i++) {
		CU_ASSERT_EQUAL(pool_take(&p, NULL, a), 0);
		pool_give(&p, a);
	}
	CU_ASSERT(pool_take(&p, NULL, a) == 0 && (address_v4(a) & 0xff) == 70);
	while (pool_take(&p, NULL, a) == 0)
		n++;
	CU_ASSERT_EQUAL(n, 510 - 202);
	pool_give(&p, back);
	CU_ASSERT(pool_take(&p, NULL, a) == 0 && memcmp(a, back, 16) == 0);
	pool_finish(&p);
}

static void test_containers(void)
{
	struct container *a = contain(0xa, "aa", "[\"data:/a\"]"), *b = contain(0xb, "bb", "[\"data:/a\",\"data:/b\"]");
	char one[65];

	CU_ASSERT_PTR_EQUAL(container_by_id(&engine, a->row.id), a);
	CU_ASSERT_PTR_EQUAL(container_by_id(&engine, b->row.id), b);
	CU_ASSERT_PTR_NULL(container_by_id(&engine, "a"));
	CU_ASSERT_PTR_NULL(container_by_id(&engine, ""));
	CU_ASSERT_PTR_EQUAL(container_by_name(&engine, "/aa"), a);
	CU_ASSERT_PTR_EQUAL(container_by_name(&engine, "bb"), b);
	CU_ASSERT_PTR_NULL(container_by_name(&engine, "b"));

	free(container_set_name(a, strdup("cc")));
	CU_ASSERT_PTR_NULL(container_by_name(&engine, "aa"));
	CU_ASSERT_PTR_EQUAL(container_by_name(&engine, "cc"), a);

	/* A range is shared as long as another has it. */
	CU_ASSERT(range_is_shared(&engine, a, 65536));
	CU_ASSERT(!range_is_shared(&engine, a, 131072));
	container_set_base(b, 131072);
	CU_ASSERT(!range_is_shared(&engine, a, 65536));
	CU_ASSERT(range_is_shared(&engine, NULL, 65536));
	CU_ASSERT(range_is_shared(&engine, a, 131072));
	container_set_base(b, 0);
	CU_ASSERT(!range_is_shared(&engine, a, 131072));

	/* "data" is a's and b's, twice b's; "none" is nobody's. */
	CU_ASSERT_EQUAL(containers_using_volume(&engine, "none", one), 0);
	CU_ASSERT_EQUAL(containers_using_volume(&engine, "data", one), 2);
	CU_ASSERT_STRING_EQUAL(one, a->row.id);
	CU_ASSERT(!containers_running_with_volume(&engine, "data"));
	b->row.status = STATUS_RUNNING;
	CU_ASSERT(containers_running_with_volume(&engine, "data"));
	CU_ASSERT(!containers_running_with_volume(&engine, "none"));

	container_drop(a);
	CU_ASSERT_EQUAL(containers_using_volume(&engine, "data", one), 1);
	CU_ASSERT_STRING_EQUAL(one, b->row.id);
	CU_ASSERT_PTR_NULL(container_by_id(&engine, a->row.id));
	CU_ASSERT_PTR_NULL(container_by_name(&engine, "cc"));
	CU_ASSERT_PTR_EQUAL(container_by_name(&engine, "bb"), b);
	CU_ASSERT(!range_is_shared(&engine, NULL, 65536));
	container_drop(b);
	CU_ASSERT(!containers.n && !containers.ids && !containers.names && !containers.ranges && !containers.used_volumes);
	container_put(a);
	container_put(b);
}

static void test_found(void)
{
	static struct network left = { .name = "left", .bridged = true }, right = { .name = "right", .bridged = true };
	struct container *a = contain(0xa, "aa", "[]"), *b = contain(0xb, "bb", "[]");
	struct endpoint *al, *ar, *bl;
	struct err err = { 0 };

	TAILQ_INIT(&left.endpoints);
	TAILQ_INIT(&right.endpoints);
	subnet(&left, "10.11.0.0/16", 'c');
	subnet(&right, "10.12.0.0/16", 'd');
	al = add(&left, 0xa);
	bl = add(&left, 0xb);
	ar = add(&right, 0xa);
	CU_ASSERT_PTR_EQUAL(endpoint_next(&engine, a->row.id, NULL), al);
	CU_ASSERT_PTR_EQUAL(endpoint_next(&engine, a->row.id, al), ar);
	CU_ASSERT_PTR_NULL(endpoint_next(&engine, a->row.id, ar));
	CU_ASSERT_PTR_EQUAL(endpoint_find(&engine, &right, a->row.id), ar);
	CU_ASSERT_PTR_NULL(endpoint_find(&engine, &right, b->row.id));
	CU_ASSERT_PTR_NULL(endpoint_by_host(&engine, ""));

	CU_ASSERT_EQUAL_FATAL(endpoint_allocate(&engine, al, &err), 0);
	CU_ASSERT_EQUAL_FATAL(endpoint_allocate(&engine, bl, &err), 0);
	CU_ASSERT_PTR_EQUAL(endpoint_by_host(&engine, al->host), al);
	CU_ASSERT_PTR_EQUAL(endpoint_by_host(&engine, bl->host), bl);

	/* Who holds one that goes has its memory and its name, and nobody finds it. */
	endpoint_hold(al);
	endpoint_forget(&engine, al);
	CU_ASSERT(al->host[0]);
	CU_ASSERT_PTR_NULL(endpoint_by_host(&engine, al->host));
	CU_ASSERT_PTR_EQUAL(endpoint_next(&engine, a->row.id, NULL), ar);
	CU_ASSERT_PTR_EQUAL(TAILQ_FIRST(&left.endpoints), bl);
	CU_ASSERT(!endpoint_let_go(al));

	endpoint_forget(&engine, ar);
	endpoint_forget(&engine, bl);
	CU_ASSERT(TAILQ_EMPTY(&left.endpoints) && TAILQ_EMPTY(&a->endpoints) && TAILQ_EMPTY(&b->endpoints));
	CU_ASSERT_EQUAL(left.attached, 0);
	pool_finish(&left.v4);
	pool_finish(&right.v4);
	container_drop(a);
	container_drop(b);
	container_put(a);
	container_put(b);
}

static void check_hosts(bool by_link, const char *text, const char *lines, const char *want)
{
	char copy[128];
	size_t n = (size_t)snprintf(copy, sizeof(copy), "%s", text);

	n = hosts_without(copy, n, lines, by_link);
	CU_ASSERT(n == strlen(want) && memcmp(copy, want, n) == 0);
}

static void test_hosts(void)
{
	check_hosts(false, "1.1.1.1\ta\n2.2.2.2\ta\n", "1.1.1.1\ta\n", "2.2.2.2\ta\n");
	check_hosts(false, "x\n1.1.1.1\ta\ny\nfd00::1\ta\nz", "1.1.1.1\ta\nfd00::1\ta\n", "x\ny\nz");
	check_hosts(false, "1.1.1.1\ta\n1.1.1.1\ta b\n 1.1.1.1\ta\n", "1.1.1.1\ta\n", "1.1.1.1\ta b\n 1.1.1.1\ta\n");
	check_hosts(false, "1.1.1.1\ta\n1.1.1.1\ta", "1.1.1.1\ta\n", "1.1.1.1\ta"); /* its end is somebody's who changed it */
	check_hosts(false, "\n\n", "1.1.1.1\ta\n", "\n\n");
	check_hosts(false, "", "1.1.1.1\ta\n", "");
	check_hosts(true, "1.1.1.1\ta b old\n1.1.1.1\ta b\n1.1.1.1\ta bc\n1.1.1.1\ta\nb\n", "3.3.3.3\ta b new\n",
		    "1.1.1.1\ta bc\n1.1.1.1\ta\nb\n");
	check_hosts(true, "1.1.1.1\ta b c\n2.2.2.2\ta\n", "3.3.3.3\ta b c\n", "2.2.2.2\ta\n");
	check_hosts(true, "a b c\n1.1.1.1 a b c\n\ta b c\n", "3.3.3.3\ta b c\n", "a b c\n1.1.1.1 a b c\n");
	/* Any bytes: nothing is looked for behind the first zero, but all are kept. */
	char odd[] = "a\0b\n1.1.1.1\ta\n\0";

	CU_ASSERT(hosts_without(odd, sizeof(odd) - 1, "1.1.1.1\ta\n", false) == 5 && memcmp(odd, "a\0b\n\0", 5) == 0);
}

int main(void)
{
	CU_pSuite suite;
	struct err err = { 0 };
	struct endpoint *ep;
	unsigned failed;

	TAILQ_INIT(&containers.all);
	TAILQ_INIT(&networks.endpoints);
	TAILQ_INIT(&full.endpoints);
	TAILQ_INIT(&other.endpoints);
	if (state_open(":memory:", &engine.state, &err) < 0 || CU_initialize_registry() != CUE_SUCCESS)
		return 1;
	suite = CU_add_suite("endpoint", NULL, NULL);
	CU_add_test(suite, "addresses of a pool", test_pool);
	CU_add_test(suite, "containers are found", test_containers);
	CU_add_test(suite, "endpoints are found", test_found);
	CU_add_test(suite, "lines of a hosts file", test_hosts);
	CU_add_test(suite, "a full bridge", test_full);
	CU_basic_run_tests();
	failed = CU_get_number_of_failures();
	CU_cleanup_registry();
	while ((ep = TAILQ_FIRST(&networks.endpoints)))
		endpoint_forget(&engine, ep);
	pool_finish(&full.v4);
	pool_finish(&other.v4);
	state_close(engine.state);
	return failed != 0;
}
