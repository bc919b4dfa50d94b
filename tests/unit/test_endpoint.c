/* test_endpoint.c - endpoints of one bridge: as many as the kernel has ports, one more is refused and takes nothing. */
#include <CUnit/Basic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../controller/engine.h"
#include "../../controller/network/internal.h"
#include "../../controller/state/state.h"

static struct networks networks;
static const struct policy_common policy = { .bridge_prefix = "pst" };
static struct engine engine = { .networks = &networks, .policy = &policy };
static struct network full = { .name = "full", .bridged = true }, other = { .name = "other", .bridged = true };

static void subnet(struct network *n, const char *text, char id)
{
	memset(n->id, id, sizeof(n->id) - 1);
	CU_ASSERT_EQUAL_FATAL(address_parse(text, n->v4.subnet, &n->v4.bits), 0);
	CU_ASSERT_EQUAL_FATAL(pool_init(&n->v4), 0);
}

static struct endpoint *add(struct network *n, unsigned number)
{
	struct endpoint *ep = calloc(1, sizeof(*ep));

	ep->network = n;
	ep->settings = cJSON_CreateObject();
	snprintf(ep->container, sizeof(ep->container), "%064x", number);
	TAILQ_INSERT_TAIL(&networks.endpoints, ep, next);
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

int main(void)
{
	CU_pSuite suite;
	struct err err = { 0 };
	struct endpoint *ep;
	unsigned failed;

	TAILQ_INIT(&networks.endpoints);
	if (state_open(":memory:", &engine.state, &err) < 0 || CU_initialize_registry() != CUE_SUCCESS)
		return 1;
	suite = CU_add_suite("endpoint", NULL, NULL);
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
