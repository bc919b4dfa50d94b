/* test_image.c - names, archives, configs and lists of images, without an engine around them. */
#include <CUnit/Basic.h>
#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../controller/engine.h"
#include "../../controller/image/internal.h"
#include "../../controller/json.h"
#include "../../helpers/base/cleanup.h"
#include "../../controller/digest.h"
#include "../../helpers/base/text.h"

/* --- names ---------------------------------------------------------------------------------------------------- */
static void test_references(void)
{
	static const struct {
		const char *text, *name; /* NULL: refused */
	} cases[] = {
		{ "busybox", "busybox:latest" },
		{ "busybox:1.36", "busybox:1.36" },
		{ "a/b_c/d__e/f-g/h.i:V_1.x-y", "a/b_c/d__e/f-g/h.i:V_1.x-y" },
		{ "localhost:5000/x", "localhost:5000/x:latest" },
		{ "Registry.example:5000/a/b:t", "Registry.example:5000/a/b:t" },
		{ "a---b", "a---b:latest" },
		{ "docker.io/library/busybox:1", "busybox:1" },
		{ "index.docker.io/a/b", "a/b:latest" },
		{ "docker.io/busybox", "busybox:latest" },
		{ "library/busybox", "busybox:latest" },
		{ "library/a/b", "library/a/b:latest" },
		{ "localhost/library/a", "localhost/library/a:latest" },
		{ "docker.io/localhost/a", "docker.io/localhost/a:latest" },
		{ "docker.io/quay.io/a", "docker.io/quay.io/a:latest" },
		{ "docker.io/", NULL },
		{ "", NULL }, { ":x", NULL }, { "a:", NULL }, { "A", NULL }, { "a/", NULL }, { "/a", NULL }, { "a//b", NULL },
		{ "-a", NULL }, { "a-", NULL }, { "a..b", NULL }, { "a___b", NULL }, { "a b", NULL }, { "a\n", NULL },
		{ "a:.x", NULL }, { "a:x/y:z w", NULL }, { "../a", NULL }, { "a@sha256:12", NULL }, { "ex.org:port/a", NULL },
	};
	char tag[200] = "a:", name[IMAGE_REF_MAX];
	struct reference ref;
	struct err err;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		err = (struct err){ 0 };
		int e = reference_parse(cases[i].text, &ref, &err);

		if ((e == 0) != (cases[i].name != NULL))
			printf("\n%s\n", cases[i].text);
		CU_ASSERT_EQUAL(e == 0, cases[i].name != NULL);
		CU_ASSERT_EQUAL(err.status, e == 0 ? 0 : 400);
		if (e == 0 && cases[i].name) {
			reference_text(&ref, name);
			CU_ASSERT_STRING_EQUAL(name, cases[i].name);
		}
	}
	memset(tag + 2, 't', 128);
	CU_ASSERT_EQUAL(reference_parse(tag, &ref, NULL), 0);
	tag[130] = 't';
	CU_ASSERT_EQUAL(reference_parse(tag, &ref, NULL), -1);
	err = (struct err){ 0 };
	reference_parse("Foo/bar", &ref, &err);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "must be lowercase"));
}

/* --- archives ------------------------------------------------------------------------------------------------- */
struct tar {
	struct archive *a;
	char *data;
	size_t used;
};

static void tar_begin(struct tar *t)
{
	t->data = calloc(1, 4 << 20);
	t->a = archive_write_new();
	archive_write_set_format_pax_restricted(t->a);
	archive_write_set_bytes_in_last_block(t->a, 1);
	archive_write_open_memory(t->a, t->data, 4 << 20, &t->used);
}

static void tar_put(struct tar *t, const char *path, const void *data, size_t n, const char *link)
{
	struct archive_entry *e = archive_entry_new();

	archive_entry_copy_pathname(e, path);
	archive_entry_set_mode(e, link ? S_IFLNK | 0777 : S_IFREG | 0644);
	if (link)
		archive_entry_copy_symlink(e, link);
	archive_entry_set_size(e, (int64_t)n);
	CU_ASSERT_EQUAL(archive_write_header(t->a, e), ARCHIVE_OK);
	if (n)
		archive_write_data(t->a, data, n);
	archive_entry_free(e);
}

static void tar_text(struct tar *t, const char *path, const char *text)
{
	tar_put(t, path, text, strlen(text), NULL);
}

static int file_of(const void *data, size_t n)
{
	int fd = memfd_create("archive", MFD_CLOEXEC);

	CU_ASSERT_EQUAL(write(fd, data, n), (ssize_t)n);
	return fd;
}

static int tar_end(struct tar *t)
{
	int fd;

	archive_write_close(t->a);
	archive_write_free(t->a);
	fd = file_of(t->data, t->used);
	free(t->data);
	return fd;
}

static void hex_digest(const char *text, char hex[65])
{
	uint8_t digest[32];

	digest_sha256(text, strlen(text), digest);
	hex_encode(digest, 32, hex);
}

static int plan_of(int fd, struct plan *plan, struct err *err)
{
	struct tar_index index;
	struct stat st = { 0 };
	int e;

	memset(err, 0, sizeof(*err));
	fstat(fd, &st);
	e = tar_index_read(fd, (uint64_t)st.st_size, &index, err);
	if (e == 0) {
		e = plan_read(fd, &index, plan, err);
		tar_index_finish(&index);
	}
	close(fd);
	return e;
}

#define HEX(c) #c #c #c #c #c #c #c #c
#define DIFF_A HEX(aaaaaaaa)
#define DIFF_B HEX(bbbbbbbb)
#define CONFIG "{\"os\":\"linux\",\"config\":{},\"rootfs\":{\"diff_ids\":[\"sha256:" DIFF_A "\",\"sha256:" DIFF_B "\"]}}"

static void test_docker_archive(void)
{
	char hex[65], name[80], chain[65], text[400], deep[260];
	struct plan plan;
	struct err err;
	struct tar t;
	char *first;

	hex_digest(CONFIG, hex);
	snprintf(name, sizeof(name), "%s.json", hex);
	memset(deep, 'd', sizeof(deep));
	memcpy(deep + 250, "/layer.tar", 10); /* longer than a header has room for */
	deep[120] = '/';
	first = strndup(deep, 260);
	tar_begin(&t);
	tar_text(&t, name, CONFIG);
	tar_text(&t, first, "first layer");
	tar_put(&t, "./two/layer.tar", NULL, 0, "../real/layer.tar");
	tar_text(&t, "real/layer.tar", "second");
	snprintf(text, sizeof(text), "[{\"Config\":\"%s\",\"RepoTags\":[\"a:1\",\"b\"],\"Layers\":[\"%s\",\"two/layer.tar\"]}]", name,
		 first);
	tar_text(&t, "manifest.json", text);
	CU_ASSERT_EQUAL_FATAL(plan_of(tar_end(&t), &plan, &err), 0);
	CU_ASSERT_EQUAL(plan.n, 1);
	CU_ASSERT_STRING_EQUAL(plan.v[0].id, hex);
	CU_ASSERT_STRING_EQUAL(plan.v[0].config, CONFIG);
	CU_ASSERT_EQUAL(plan.v[0].ntags, 2);
	CU_ASSERT_STRING_EQUAL(plan.v[0].tags[1], "b:latest");
	CU_ASSERT_EQUAL(plan.v[0].nlayers, 2);
	CU_ASSERT_EQUAL(plan.v[0].layers[0].length, 11);
	CU_ASSERT_EQUAL(plan.v[0].layers[1].length, 6);
	/* image-spec: ChainID(A, B) = SHA256("sha256:A sha256:B"), ChainID(A) = A */
	hex_digest("sha256:" DIFF_A " sha256:" DIFF_B, chain);
	hex_encode(plan.v[0].layers[1].chain, 32, name);
	CU_ASSERT_STRING_EQUAL(name, chain);
	hex_encode(plan.v[0].layers[0].chain, 32, name);
	CU_ASSERT_STRING_EQUAL(name, DIFF_A);
	plan_finish(&plan);
	free(first);
}

static void expect_refused(const char *config_name, const char *config, const char *manifest, const char *why)
{
	struct plan plan;
	struct err err;
	struct tar t;

	tar_begin(&t);
	tar_text(&t, config_name, config);
	tar_text(&t, "l", "layer");
	tar_put(&t, "loop", NULL, 0, "loop");
	if (manifest)
		tar_text(&t, "manifest.json", manifest);
	CU_ASSERT_EQUAL(plan_of(tar_end(&t), &plan, &err), -1);
	if (!strstr(err.message, why))
		printf("\nnot '%s': %s\n", why, err.message);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.message, why));
	CU_ASSERT_EQUAL(err.status, 400);
}

static void test_refused_archives(void)
{
#define LIST(layers) "[{\"Config\":\"c\",\"Layers\":[" layers "]}]"
	static const char one[] = "{\"rootfs\":{\"diff_ids\":[\"sha256:" DIFF_A "\"]}}";

	expect_refused("c", one, NULL, "does not contain a manifest.json");
	expect_refused("c", one, "{", "manifest.json");
	expect_refused("c", one, "{}", "malformed manifest.json");
	expect_refused("c", one, "[]", "no image");
	expect_refused("c", one, "[{}]", "names no config");
	expect_refused("d", one, LIST("\"l\""), "c is missing");
	expect_refused("c", one, LIST(""), "layers length mismatch: expected 1, got 0");
	expect_refused("c", one, LIST("\"l\",\"l\""), "layers length mismatch: expected 1, got 2");
	expect_refused("c", one, LIST("\"m\""), "layer m is missing");
	expect_refused("c", one, LIST("\"loop\""), "layer loop is missing");
	expect_refused("c", one, LIST("7"), "malformed");
	expect_refused("c", one, "[{\"Config\":\"c\",\"Layers\":[\"l\"],\"RepoTags\":[\"A b\"]}]", "invalid reference");
	expect_refused("c", "7", LIST("\"l\""), "config");
	expect_refused("c", "{\"rootfs\":{\"diff_ids\":[]}}", LIST("\"l\""), "no layers");
	expect_refused("c", "{\"rootfs\":{\"diff_ids\":[\"md5:1\"]}}", LIST("\"l\""), "malformed diff id");
	expect_refused("c", "{\"os\":\"windows\",\"rootfs\":{}}", LIST("\"l\""), "cannot load windows image");
	expect_refused("c", "{\"config\":[],\"rootfs\":{}}", LIST("\"l\""), "config is not an object");
	/* A name that promises another digest. */
	expect_refused(DIFF_B ".json", one, "[{\"Config\":\"" DIFF_B ".json\",\"Layers\":[\"l\"]}]", "does not have its digest");
}

static void test_oci_layout(void)
{
	char config_hex[65], manifest_hex[65], other_hex[65], manifest[800], index[1200], name[100];
	static const char layer_a[] = "packed a", layer_b[] = "packed b";
	struct plan plan;
	struct err err;
	struct tar t;

	hex_digest(CONFIG, config_hex);
	snprintf(manifest, sizeof(manifest),
		 "{\"config\":{\"digest\":\"sha256:%s\"},\"layers\":[{\"digest\":\"sha256:" DIFF_A "\"},{\"digest\":\"sha256:" DIFF_B
		 "\"}]}", config_hex);
	hex_digest(manifest, manifest_hex);
	hex_digest("other", other_hex);
	for (int broken = 0; broken < 2; broken++) {
		tar_begin(&t);
		snprintf(name, sizeof(name), "blobs/sha256/%s", config_hex);
		tar_text(&t, name, CONFIG);
		snprintf(name, sizeof(name), "blobs/sha256/%s", broken ? other_hex : manifest_hex);
		tar_text(&t, name, manifest);
		tar_text(&t, "blobs/sha256/" DIFF_A, layer_a);
		tar_text(&t, "blobs/sha256/" DIFF_B, layer_b);
		snprintf(index, sizeof(index),
			 "{\"manifests\":[{\"digest\":\"sha256:%s\",\"platform\":{\"os\":\"unknown\",\"architecture\":\"unknown\"}},"
			 "{\"digest\":\"sha256:%s\",\"annotations\":{\"org.opencontainers.image.ref.name\":\"x/y:z\"}}]}", DIFF_A,
			 broken ? other_hex : manifest_hex);
		tar_text(&t, "index.json", index);
		int e = plan_of(tar_end(&t), &plan, &err);

		CU_ASSERT_EQUAL(e, broken ? -1 : 0);
		if (e < 0) {
			CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "digest"));
			continue;
		}
		CU_ASSERT_EQUAL(plan.n, 1);
		CU_ASSERT_STRING_EQUAL(plan.v[0].id, config_hex);
		CU_ASSERT_STRING_EQUAL(plan.v[0].tags[0], "x/y:z");
		CU_ASSERT_EQUAL(plan.v[0].layers[1].length, strlen(layer_b));
		plan_finish(&plan);
	}
}

/* A header of our own making. */
static void header(char *h, const char *name, const char *size, char type)
{
	unsigned sum = 0;

	memset(h, 0, 512);
	strcpy(h, name);
	memcpy(h + 124, size, strlen(size));
	h[156] = type;
	memcpy(h + 257, "ustar", 6);
	memset(h + 148, ' ', 8);
	for (int i = 0; i < 512; i++)
		sum += (unsigned char)h[i];
	snprintf(h + 148, 8, "%06o", sum);
}

static int index_of(const char *data, size_t n, struct tar_index *index)
{
	struct err err = { 0 };
	int fd = file_of(data, n), e = tar_index_read(fd, n, index, &err);

	close(fd);
	CU_ASSERT_EQUAL(err.status, e == 0 ? 0 : 400);
	return e;
}

static void test_hostile_tars(void)
{
	static char data[8192];
	struct tar_index index;
	const struct tar_entry *entry;

	header(data, "f", "00000000010", '0');
	CU_ASSERT_EQUAL(index_of(data, 512 + 8, &index), 0); /* no padding, no end: as others take it */
	tar_index_finish(&index);
	CU_ASSERT_EQUAL(index_of(data, 512 + 7, &index), -1);
	data[0] = 'g'; /* the checksum is of "f" */
	CU_ASSERT_EQUAL(index_of(data, 1024, &index), -1);
	header(data, "f", "\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", '0');
	memcpy(data + 124, "\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", 12);
	header(data + 1024, "g", "", '0');
	CU_ASSERT_EQUAL(index_of(data, 2048, &index), -1);
	header(data, "f", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", '0');
	CU_ASSERT_EQUAL(index_of(data, 2048, &index), -1);
	header(data, "f", "9", '0');
	CU_ASSERT_EQUAL(index_of(data, 2048, &index), -1);
	header(data, "f", "0", 'S');
	CU_ASSERT_EQUAL(index_of(data, 2048, &index), -1);
	/* pax: its size counts, a broken one does not pass */
	static const char *const broken[] = { "99 path=x\n", "3 \n", "0 a=b\n", "12 path=abcd", "8 nokey\n", "-1 a=b\n",
					      "17 size=-1234567\n", "18 GNU.sparse.a=1\n" };
	for (size_t i = 0; i < ARRAY_SIZE(broken); i++) {
		char size[12];

		memset(data, 0, sizeof(data));
		snprintf(size, sizeof(size), "%o", (unsigned)strlen(broken[i]));
		header(data, "p", size, 'x');
		strcpy(data + 512, broken[i]);
		header(data + 1024, "f", "1", '0');
		CU_ASSERT_EQUAL(index_of(data, 4096, &index), -1);
	}
	memset(data, 0, sizeof(data));
	header(data, "p", "12", 'x'); /* octal 12: 10 bytes */
	strcpy(data + 512, "10 size=7\n");
	header(data + 1024, "./a/../../up/f", "1", '0');
	header(data + 2048, "h", "5", '1'); /* a hard link with a size has no data */
	strcpy(data + 2048 + 157, "up/f");
	header(data + 2048, "h", "5", '1');
	CU_ASSERT_EQUAL_FATAL(index_of(data, 4096, &index), 0);
	entry = tar_index_find(&index, "/up/f");
	CU_ASSERT_PTR_NOT_NULL_FATAL(entry);
	CU_ASSERT_EQUAL(entry->size, 7);
	CU_ASSERT_EQUAL(entry->offset, 1536);
	CU_ASSERT_PTR_NULL(tar_index_find(&index, "a"));
	CU_ASSERT_EQUAL(index.n, 2);
	tar_index_finish(&index);
}

/* --- changes ---------------------------------------------------------------------------------------------------- */
static void test_changes(void)
{
	static const char *const good[] = {
		"CMD [\"sh\",\"-c\",\"x\"]", "entrypoint echo hi", "ENV A=1 B=\"two words\" A=3", "ENV OLD with  spaces",
		"LABEL k=v q='a b'", "EXPOSE 80 53/udp", "USER bob:staff", "VOLUME [\"/v\"]", "VOLUME /w /x", "WORKDIR /x/../d/",
		"WORKDIR ./e/..", "EXPOSE 7000-7001/TCP",
		"HEALTHCHECK --interval=5s --retries=3 CMD true", "HEALTHCHECK NONE", "HEALTHCHECK --timeout=1m30s CMD [\"a\"]",
		"STOPSIGNAL SIGINT", "ONBUILD RUN x",
	};
	static const char *const bad[] = { "RUN x", "", "ENV A", "ENV A=1 B", "WORKDIR", "USER", "EXPOSE 1-65535", "EXPOSE 1/icmp",
					   "ONBUILD ONBUILD RUN x", "ONBUILD FROM x", "HEALTHCHECK", "HEALTHCHECK --interval=x CMD a",
					   "HEALTHCHECK RUN a", "EXPOSE http", "COPY a b" };
	cJSON *config = cJSON_CreateObject();
	struct err err;
	char *text;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		CU_ASSERT_EQUAL(change_apply(config, good[i], NULL), 0);
	text = cJSON_PrintUnformatted(config);
	CU_ASSERT_STRING_EQUAL(text, "{\"Cmd\":[\"sh\",\"-c\",\"x\"],\"Entrypoint\":[\"/bin/sh\",\"-c\",\"echo hi\"],"
				     "\"Env\":[\"A=3\",\"B=two words\",\"OLD=with  spaces\"],\"Labels\":{\"k\":\"v\",\"q\":\"a b\"},"
				     "\"ExposedPorts\":{\"80/tcp\":{},\"53/udp\":{},\"7000/tcp\":{},\"7001/tcp\":{}},\"User\":\"bob:staff\","
				     "\"Volumes\":{\"/v\":{},\"/w\":{},\"/x\":{}},\"WorkingDir\":\"/d\","
				     "\"Healthcheck\":{\"Timeout\":90000000000,\"Test\":[\"CMD\",\"a\"]},"
				     "\"StopSignal\":\"SIGINT\",\"OnBuild\":[\"RUN x\"]}");
	free(text);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		err = (struct err){ 0 };
		CU_ASSERT_EQUAL(change_apply(config, bad[i], &err), -1);
		CU_ASSERT_EQUAL(err.status, 400);
	}
	cJSON_Delete(config);
}

/* --- finding and showing ------------------------------------------------------------------------------------------ */
static void put_image(struct engine *e, const char *id, const char *created, const char *tag)
{
	char config[300];
	struct image_row row = { .config = config, .layers = DIFF_A "," DIFF_B, .size = 9, .created_ns = 1 };

	snprintf(config, sizeof(config),
		 "{\"created\":\"%s\",\"config\":{\"Labels\":{\"l\":\"v\"},\"Env\":[\"A=b\"]},\"history\":[{\"empty_layer\":true},"
		 "{\"created_by\":\"x\"}]}", created);
	strcpy(row.id, id);
	CU_ASSERT_EQUAL(state_image_put(e->state, &row), 0);
	if (tag)
		CU_ASSERT_EQUAL(state_tag_put(e->state, tag, id), 0);
}

static unsigned listed(struct engine *e, const char *filters, const char *first)
{
	cJSON *f = filters ? cJSON_Parse(filters) : NULL, *list = show_list(e, f, 147, false, NULL);
	unsigned n = (unsigned)cJSON_GetArraySize(list);
	const char *id = cJSON_GetStringValue(cJSON_GetObjectItem(cJSON_GetArrayItem(list, 0), "Id"));

	if (first)
		CU_ASSERT_TRUE(id && strncmp(id + 7, first, strlen(first)) == 0);
	cJSON_Delete(f);
	cJSON_Delete(list);
	return n;
}

#define ID_1 HEX(12345678)
#define ID_2 HEX(12340000)
#define ID_3 HEX(dddddddd)

static void test_finding(void)
{
	struct engine e = { 0 };
	struct image image;
	struct err err = { 0 };
	char id[65], tag[IMAGE_REF_MAX], name[100];
	cJSON *v;

	CU_ASSERT_EQUAL_FATAL(state_open(":memory:", &e.state, &err), 0);
	put_image(&e, ID_1, "2020-01-01T00:00:00Z", "busybox:latest");
	put_image(&e, ID_2, "2021-01-01T00:00:00Z", "reg.example/library/alpine:3");
	put_image(&e, ID_3, "nonsense", NULL);
	CU_ASSERT_EQUAL(image_resolve(&e, "busybox", id, tag, &err), 0);
	CU_ASSERT_STRING_EQUAL(id, ID_1);
	CU_ASSERT_STRING_EQUAL(tag, "busybox:latest");
	CU_ASSERT_EQUAL(image_resolve(&e, "12345", id, tag, &err), 0);
	CU_ASSERT_STRING_EQUAL(id, ID_1);
	CU_ASSERT_STRING_EQUAL(tag, "");
	CU_ASSERT_EQUAL(image_resolve(&e, "sha256:" ID_2, id, tag, &err), 0);
	CU_ASSERT_EQUAL(image_resolve(&e, ID_2, id, tag, &err), 0);
	CU_ASSERT_EQUAL(image_resolve(&e, "alpine:3", id, tag, &err), 0); /* the only one of that name */
	CU_ASSERT_STRING_EQUAL(id, ID_2);
	CU_ASSERT_EQUAL(image_resolve(&e, "1234", id, tag, &err), -1); /* of two */
	CU_ASSERT_EQUAL(err.status, 404);
	CU_ASSERT_STRING_EQUAL(err.message, "No such image: 1234:latest");
	CU_ASSERT_EQUAL(image_resolve(&e, "other.example/busybox", id, tag, NULL), -1);
	CU_ASSERT_EQUAL(image_resolve(&e, "alpine", id, tag, NULL), -1);
	CU_ASSERT_EQUAL(image_resolve(&e, "sha256:", id, tag, NULL), -1);
	CU_ASSERT_EQUAL_FATAL(image_find(&e, "busybox", &image, NULL), 0);
	CU_ASSERT_EQUAL(image.nlayers, 2);
	CU_ASSERT_EQUAL(image.layers[0][0], 0xbb); /* topmost first */
	CU_ASSERT_EQUAL(image.layers[1][0], 0xaa);
	image_finish(&image);
	CU_ASSERT_EQUAL(image_display_name(&e, ID_1, name, sizeof(name)), 0);
	CU_ASSERT_STRING_EQUAL(name, "busybox:latest");
	image_display_name(&e, ID_3, name, sizeof(name));
	CU_ASSERT_STRING_EQUAL(name, "sha256:" ID_3);
	CU_ASSERT_EQUAL(listed(&e, NULL, ID_2), 3); /* newest first */
	CU_ASSERT_EQUAL(listed(&e, "{\"dangling\":[\"true\"]}", ID_3), 1);
	CU_ASSERT_EQUAL(listed(&e, "{\"dangling\":[\"false\"]}", NULL), 2);
	CU_ASSERT_EQUAL(listed(&e, "{\"reference\":[\"busy*\"]}", ID_1), 1);
	CU_ASSERT_EQUAL(listed(&e, "{\"reference\":[\"busybox:1\"]}", NULL), 0);
	CU_ASSERT_EQUAL(listed(&e, "{\"label\":[\"l=v\"]}", NULL), 3);
	CU_ASSERT_EQUAL(listed(&e, "{\"label\":[\"l=w\"]}", NULL), 0);
	CU_ASSERT_EQUAL(listed(&e, "{\"since\":[\"busybox\"]}", ID_2), 1);
	v = show_history(&e, ID_1, NULL);
	CU_ASSERT_EQUAL(cJSON_GetArraySize(v), 2);
	CU_ASSERT_STRING_EQUAL(cJSON_GetObjectItem(cJSON_GetArrayItem(v, 0), "CreatedBy")->valuestring, "x");
	CU_ASSERT_STRING_EQUAL(cJSON_GetObjectItem(cJSON_GetArrayItem(v, 1), "Id")->valuestring, "<missing>");
	cJSON_Delete(v);
	v = show_image(&e, ID_1, 143, NULL);
	CU_ASSERT_TRUE(cJSON_HasObjectItem(v, "VirtualSize"));
	CU_ASSERT_TRUE(cJSON_IsNull(cJSON_GetObjectItem(cJSON_GetObjectItem(v, "Config"), "Cmd")));
	cJSON_Delete(v);
	state_close(e.state);
}

int main(void)
{
	CU_pSuite suite;
	unsigned failed;

	CU_initialize_registry();
	suite = CU_add_suite("image", NULL, NULL);
	CU_add_test(suite, "references", test_references);
	CU_add_test(suite, "docker's archive", test_docker_archive);
	CU_add_test(suite, "refused archives", test_refused_archives);
	CU_add_test(suite, "oci layout", test_oci_layout);
	CU_add_test(suite, "hostile tars", test_hostile_tars);
	CU_add_test(suite, "changes", test_changes);
	CU_add_test(suite, "finding and showing", test_finding);
	CU_basic_run_tests();
	failed = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failed != 0;
}
