/* test_state.c - rows go in and come out as they were; names are unique; what was committed survives a reopen. */
#include <CUnit/Basic.h>
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../controller/state/state.h"

static char dir[64], path[128];

#define HEX(c) #c #c #c #c #c #c #c #c
static const char id_a[] = HEX(aaaaaaaa), id_b[] = HEX(bbbbbbbb), id_c[] = HEX(cccccccc);

static struct state *reopen(struct state *s)
{
	struct err err = { 0 };
	struct state *next = NULL;

	state_close(s);
	CU_ASSERT_EQUAL_FATAL(state_open(path, &next, &err), 0);
	return next;
}

static int collect(void *data, struct container_row *row)
{
	strcat(data, row->name);
	strcat(data, ";");
	return 0;
}

static int take_second(void *data, struct container_row *row)
{
	struct container_row *to = data;

	if (strcmp(row->id, id_b) != 0)
		return 0;
	*to = *row;
	memset(row, 0, sizeof(*row)); /* taken */
	return 7;
}

static void test_containers(void)
{
	struct state *s = reopen(NULL);
	struct container_row a = { .name = "one", .image_ref = "busybox", .config = "{\"x\":1}", .created_ns = 5,
				   .status = STATUS_CREATED }, b = a, got = { 0 };
	char names[100] = "";

	strcpy(a.id, id_a);
	strcpy(b.id, id_b);
	strcpy(a.image_id, id_c);
	strcpy(b.image_id, id_c);
	CU_ASSERT_EQUAL(state_container_insert(s, &a), 0);
	CU_ASSERT_EQUAL(state_container_insert(s, &b), -EEXIST); /* the name */
	b.name = "two";
	CU_ASSERT_EQUAL(state_container_insert(s, &b), 0);
	b.name = "one";
	CU_ASSERT_EQUAL(state_container_update(s, &b), -EEXIST);
	b.name = "'; DROP TABLE container; --";
	b.status = STATUS_EXITED;
	b.exit_code = 137;
	b.error = "boom";
	b.oom_killed = b.auto_remove = true;
	b.base = 4294901760u;
	b.pid = 4000000000u;
	b.cgroup_id = UINT64_MAX - 1;
	b.started_ns = INT64_MAX;
	CU_ASSERT_EQUAL(state_container_update(s, &b), 0);
	s = reopen(s);
	CU_ASSERT_EQUAL(state_container_each(s, collect, names), 0);
	CU_ASSERT_STRING_EQUAL(names, "one;'; DROP TABLE container; --;");
	CU_ASSERT_EQUAL(state_container_each(s, take_second, &got), 7);
	CU_ASSERT_STRING_EQUAL(got.name, b.name);
	CU_ASSERT_STRING_EQUAL(got.error, "boom");
	CU_ASSERT_STRING_EQUAL(got.config, "{\"x\":1}");
	CU_ASSERT_STRING_EQUAL(got.image_id, id_c);
	CU_ASSERT_EQUAL(got.status, STATUS_EXITED);
	CU_ASSERT_EQUAL(got.exit_code, 137);
	CU_ASSERT_TRUE(got.oom_killed && got.auto_remove);
	CU_ASSERT_EQUAL(got.base, 4294901760u);
	CU_ASSERT_EQUAL(got.pid, 4000000000u);
	CU_ASSERT_EQUAL(got.cgroup_id, UINT64_MAX - 1);
	CU_ASSERT_EQUAL(got.started_ns, INT64_MAX);
	container_row_finish(&got);
	CU_ASSERT_EQUAL(state_container_delete(s, id_a), 0);
	CU_ASSERT_EQUAL(state_container_delete(s, id_a), -ENOENT);
	CU_ASSERT_EQUAL(state_container_update(s, &a), -ENOENT);
	state_close(s);
}

struct walk {
	struct state *s;
	char out[300];
};

/* Deletes while it walks. */
static int untag(void *data, const char *ref, const char *image_id)
{
	struct walk *w = data;

	strcat(w->out, ref);
	strcat(w->out, image_id[0] == 'a' ? "=a;" : "=b;");
	return state_tag_delete(w->s, ref);
}

static int nested_inner(void *data, struct image_row *row)
{
	++*(int *)data;
	return 0;
}

static struct state *nested_state;
static int nested(void *data, struct image_row *row)
{
	return state_image_each(nested_state, nested_inner, data);
}

static void test_images(void)
{
	struct state *s = reopen(NULL);
	struct image_row a = { .config = "{}", .layers = "x,y", .created_ns = 1, .size = 10 }, b = a, got;
	struct walk w = { .s = s };
	char id[65];
	int n = 0;

	strcpy(a.id, id_a);
	strcpy(b.id, id_b);
	CU_ASSERT_EQUAL(state_tag_put(s, "busybox:latest", id_a), -ENOENT); /* no such image */
	CU_ASSERT_EQUAL(state_image_put(s, &a), 0);
	CU_ASSERT_EQUAL(state_image_put(s, &b), 0);
	CU_ASSERT_EQUAL(state_tag_put(s, "busybox:latest", id_a), 0);
	CU_ASSERT_EQUAL(state_tag_put(s, "busybox:1", id_a), 0);
	CU_ASSERT_EQUAL(state_tag_put(s, "alpine:3", id_b), 0);
	a.size = 20;
	CU_ASSERT_EQUAL(state_image_put(s, &a), 0); /* replaces, tags stay */
	CU_ASSERT_EQUAL_FATAL(state_image_get(s, id_a, &got), 0);
	CU_ASSERT_EQUAL(got.size, 20);
	CU_ASSERT_STRING_EQUAL(got.layers, "x,y");
	image_row_finish(&got);
	CU_ASSERT_EQUAL(state_tag_get(s, "busybox:latest", id), 0);
	CU_ASSERT_STRING_EQUAL(id, id_a);
	CU_ASSERT_EQUAL(state_tag_put(s, "busybox:latest", id_b), 0); /* moves */
	CU_ASSERT_EQUAL(state_tag_get(s, "busybox:latest", id), 0);
	CU_ASSERT_STRING_EQUAL(id, id_b);
	nested_state = s;
	CU_ASSERT_EQUAL(state_image_each(s, nested, &n), 0);
	CU_ASSERT_EQUAL(n, 4);
	CU_ASSERT_EQUAL(state_tag_each(s, id_b, untag, &w), 0);
	CU_ASSERT_STRING_EQUAL(w.out, "alpine:3=b;busybox:latest=b;");
	CU_ASSERT_EQUAL(state_tag_get(s, "busybox:latest", id), -ENOENT);
	CU_ASSERT_EQUAL(state_image_delete(s, id_a), 0);
	CU_ASSERT_EQUAL(state_tag_get(s, "busybox:1", id), -ENOENT); /* went with its image */
	CU_ASSERT_EQUAL(state_image_get(s, id_a, &got), -ENOENT);
	state_close(s);
}

static int count_layer(void *data, const struct layer_row *row)
{
	*(int64_t *)data += row->size;
	return 0;
}

static int count_volume(void *data, struct volume_row *row)
{
	++*(int *)data;
	return 0;
}

static void test_layers_and_volumes(void)
{
	struct state *s = reopen(NULL);
	struct layer_row l = { .size = -1 }, got;
	struct volume_row v = { .name = "data", .labels = "{\"a\":\"b\"}", .created_ns = 3, .anonymous = true }, seen;
	int64_t sum = 0;
	int n = 0;

	strcpy(l.chain_id, id_a);
	strcpy(l.diff_id, id_b);
	CU_ASSERT_EQUAL(state_layer_put(s, &l), 0);
	l.size = 77;
	CU_ASSERT_EQUAL(state_layer_put(s, &l), 0);
	CU_ASSERT_EQUAL(state_layer_get(s, id_a, &got), 0);
	CU_ASSERT_STRING_EQUAL(got.diff_id, id_b);
	CU_ASSERT_STRING_EQUAL(got.parent, "");
	CU_ASSERT_EQUAL(state_layer_each(s, count_layer, &sum), 0);
	CU_ASSERT_EQUAL(sum, 77);
	CU_ASSERT_EQUAL(state_layer_delete(s, id_a), 0);
	CU_ASSERT_EQUAL(state_layer_get(s, id_a, &got), -ENOENT);
	CU_ASSERT_EQUAL(state_volume_put(s, &v), 0);
	CU_ASSERT_EQUAL_FATAL(state_volume_get(s, "data", &seen), 0);
	CU_ASSERT_STRING_EQUAL(seen.labels, v.labels);
	CU_ASSERT_TRUE(seen.anonymous);
	volume_row_finish(&seen);
	CU_ASSERT_EQUAL(state_volume_each(s, count_volume, &n), 0);
	CU_ASSERT_EQUAL(n, 1);
	CU_ASSERT_EQUAL(state_volume_delete(s, "data"), 0);
	CU_ASSERT_EQUAL(state_volume_delete(s, "data"), -ENOENT);
	state_close(s);
}

static void test_transactions(void)
{
	struct state *s = reopen(NULL);
	struct layer_row l = { .size = 1 }, got;

	strcpy(l.chain_id, id_a);
	CU_ASSERT_EQUAL(state_begin(s), 0);
	CU_ASSERT_EQUAL(state_layer_put(s, &l), 0);
	state_rollback(s);
	CU_ASSERT_EQUAL(state_layer_get(s, id_a, &got), -ENOENT);
	CU_ASSERT_EQUAL(state_begin(s), 0);
	CU_ASSERT_EQUAL(state_layer_put(s, &l), 0);
	CU_ASSERT_EQUAL(state_commit(s), 0);
	s = reopen(s);
	CU_ASSERT_EQUAL(state_layer_get(s, id_a, &got), 0);
	CU_ASSERT_EQUAL(state_begin(s), 0);
	CU_ASSERT_EQUAL(state_layer_delete(s, id_a), 0);
	s = reopen(s); /* a transaction that was not committed is not there */
	CU_ASSERT_EQUAL(state_layer_get(s, id_a, &got), 0);
	CU_ASSERT_EQUAL(state_layer_delete(s, id_a), 0);
	state_close(s);
}

static void test_refuses(void)
{
	struct err err = { 0 };
	struct state *s = NULL;
	sqlite3 *db;
	char bad[160];

	CU_ASSERT_TRUE(state_open("/nonexistent/state.db", &s, &err) < 0);
	CU_ASSERT_EQUAL(err.status, 500);
	snprintf(bad, sizeof(bad), "%s/newer.db", dir);
	CU_ASSERT_EQUAL_FATAL(sqlite3_open(bad, &db), SQLITE_OK);
	sqlite3_exec(db, "PRAGMA user_version = 1000", NULL, NULL, NULL);
	sqlite3_close(db);
	memset(&err, 0, sizeof(err));
	CU_ASSERT_EQUAL(state_open(bad, &s, &err), -EPROTO);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "newer version"));
	unlink(bad);
	CU_ASSERT_PTR_NULL(s);
}

static int count(void *data, struct endpoint_row *row)
{
	CU_ASSERT_STRING_EQUAL(row->container, id_a);
	CU_ASSERT_STRING_EQUAL(row->network, id_b);
	++*(int *)data;
	return 0;
}

/* A network that goes takes its endpoints along, and who was in it is known until that goes, too. */
static void test_networks(void)
{
	struct state *s = reopen(NULL);
	struct container_row c = { .name = "member", .image_ref = "busybox", .config = "{}", .status = STATUS_CREATED };
	struct network_row n = { .name = "net", .config = "{}" };
	struct endpoint_row ep = { .data = "{}" };
	int lost = 0, there = 0;

	strcpy(c.id, id_a);
	strcpy(c.image_id, id_c);
	strcpy(n.id, id_b);
	strcpy(ep.network, id_b);
	strcpy(ep.container, id_a);
	state_container_delete(s, id_a);
	CU_ASSERT_EQUAL(state_container_insert(s, &c), 0);
	CU_ASSERT_EQUAL(state_network_insert(s, &n), 0);
	CU_ASSERT_EQUAL(state_endpoint_put(s, &ep), 0);
	CU_ASSERT_EQUAL(state_endpoint_each(s, count, &there), 0);
	CU_ASSERT_EQUAL(state_lost_each(s, count, &lost), 0);
	CU_ASSERT_TRUE(there == 1 && lost == 0);
	CU_ASSERT_EQUAL(state_network_delete(s, id_b), 0);
	s = reopen(s);
	CU_ASSERT_EQUAL(state_endpoint_each(s, count, &there), 0);
	CU_ASSERT_EQUAL(state_lost_each(s, count, &lost), 0);
	CU_ASSERT_TRUE(there == 1 && lost == 1);
	CU_ASSERT_EQUAL(state_container_delete(s, id_a), 0);
	CU_ASSERT_EQUAL(state_lost_each(s, count, &lost), 0);
	CU_ASSERT_EQUAL(lost, 1);
	state_close(s);
}

int main(void)
{
	CU_pSuite suite;
	char wal[140];
	unsigned failed;

	strcpy(dir, "/tmp/postern-test-state-XXXXXX");
	if (!mkdtemp(dir))
		return 1;
	snprintf(path, sizeof(path), "%s/state.db", dir);
	CU_initialize_registry();
	suite = CU_add_suite("state", NULL, NULL);
	CU_add_test(suite, "containers", test_containers);
	CU_add_test(suite, "images and tags", test_images);
	CU_add_test(suite, "layers and volumes", test_layers_and_volumes);
	CU_add_test(suite, "networks and endpoints", test_networks);
	CU_add_test(suite, "transactions", test_transactions);
	CU_add_test(suite, "refuses", test_refuses);
	CU_basic_run_tests();
	failed = CU_get_number_of_failures();
	CU_cleanup_registry();
	unlink(path);
	snprintf(wal, sizeof(wal), "%s-wal", path);
	unlink(wal);
	rmdir(dir);
	return failed != 0;
}
