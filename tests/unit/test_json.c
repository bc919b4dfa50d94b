/* test_json.c - what json_parse takes and refuses, and how fields are read. */
#include <CUnit/Basic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../controller/err.h"
#include "../../controller/json.h"

static cJSON *parse(const char *text, struct err *err)
{
	*err = (struct err){ 0 };
	return json_parse(text, strlen(text), err);
}

static bool taken(const char *text, size_t n)
{
	struct err err = { 0 };
	cJSON *v = json_parse(text, n, &err);
	bool ok = v != NULL;

	CU_ASSERT(ok ? err.status == 0 : err.status == 400 && err.message[0]);
	cJSON_Delete(v);
	return ok;
}

static void test_grammar(void)
{
	static const char *const good[] = {
		"{}",
		"[]",
		" [1, -2.5e+3, 0, true, false, null, \"x\"] \n",
		"\"\\u00e9 \\ud83d\\ude00 \\\\ \\n\"",
		"0",
		"-0",
		"{\"a\":{\"b\":[{}]}}",
		"\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"",
	};
	static const char *const wrong[] = {
		"",
		" ",
		"{",
		"[1",
		"{\"a\"",
		"{\"a\":",
		"{\"a\":1",
		"{\"a\":1,}",
		"[1,]",
		"[,]",
		"{a:1}",
		"{'a':1}",
		"01",
		"+1",
		".5",
		"1.",
		"1e",
		"-",
		"tru",
		"nul",
		"NaN",
		"{} {}",
		"[]]",
		"\"",
		"\"\\",
		"\"\\x\"",
		"\"\\u12\"",
		"\"\\u0000\"",
		"\"a\nb\"",
		"\"\xff\"",
		"\"\xc0\xaf\"",
		"\"\xed\xa0\x80\"",
		"\"\xf4\x90\x80\x80\"",
		"\"\xe2\x82\"",
		"\"\\ud800\"",
		"{\"a\":1,\"a\":2}",
		"{\"Image\":1,\"image\":2}",
		"{\"x\":{\"Labels\":{\"a\":1,\"a\":1}}}",
		"/**/1",
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (!taken(good[i], strlen(good[i])))
			CU_FAIL(good[i]);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (taken(wrong[i], strlen(wrong[i])))
			CU_FAIL(wrong[i]);
	CU_ASSERT_FALSE(taken("1\0", 2)); /* a NUL is no space */
	CU_ASSERT_FALSE(taken("[1\0]", 4));
	CU_ASSERT_TRUE(taken("[1]xx", 3)); /* the length counts, not the terminator */
}

static void test_bounds(void)
{
	size_t n = 2 * JSON_NODES_MAX + 16, depth = JSON_DEPTH_MAX;
	char *text = malloc(n);

	memset(text, '[', depth);
	memset(text + depth, ']', depth);
	CU_ASSERT_TRUE(taken(text, 2 * depth));
	memset(text, '[', depth + 1);
	memset(text + depth + 1, ']', depth + 1);
	CU_ASSERT_FALSE(taken(text, 2 * depth + 2));
	memset(text, '[', n);
	CU_ASSERT_FALSE(taken(text, n));

	/* the array itself and its elements */
	for (size_t extra = 0; extra < 2; extra++) {
		size_t at = 0;

		text[at++] = '[';
		for (size_t i = 0; i < JSON_NODES_MAX - 1 + extra; i++) {
			text[at++] = '1';
			text[at++] = ',';
		}
		text[at - 1] = ']';
		CU_ASSERT_EQUAL(taken(text, at), extra == 0);
	}
	free(text);
}

/* Case matters among names that are the user's, and the sorted comparison finds a duplicate anywhere. */
static void test_names(void)
{
	struct err err;
	char text[4096], *at = text;
	cJSON *v = parse("{\"Labels\":{\"Foo\":\"1\",\"foo\":\"2\"},\"Volumes\":{\"/A\":{},\"/a\":{}}}", &err);

	CU_ASSERT_PTR_NOT_NULL_FATAL(v);
	CU_ASSERT_STRING_EQUAL(json_text(json_get(v, "labels"), "foo", "", &err), "2");
	CU_ASSERT_STRING_EQUAL(json_text(json_get(v, "LABELS"), "Foo", "", &err), "1");
	cJSON_Delete(v);

	at += sprintf(at, "{\"dup\":0");
	for (int i = 0; i < 100; i++)
		at += sprintf(at, ",\"n%d\":0", i);
	at += sprintf(at, "}");
	v = parse(text, &err);
	CU_ASSERT_PTR_NOT_NULL(v);
	cJSON_Delete(v);
	sprintf(at - 1, ",\"DUP\":0}");
	CU_ASSERT_PTR_NULL(parse(text, &err));
	CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "duplicate name"));
}

static void test_fields(void)
{
	struct err err;
	cJSON *v = parse(
		"{\"Tty\":true,\"n\":-1,\"big\":9007199254740993,\"f\":1.5,\"huge\":9223372036854775808,\"s\":\"x\","
		"\"gone\":null,\"cmd\":[\"a\",null,\"b\"],\"odd\":[1]}",
		&err);
	const char **texts;
	size_t n;

	CU_ASSERT_PTR_NOT_NULL_FATAL(v);
	CU_ASSERT_TRUE(json_bool(v, "TTY", false, &err));
	CU_ASSERT_TRUE(json_bool(v, "gone", true, &err));
	CU_ASSERT_EQUAL(json_int(v, "N", 7, &err), -1);
	CU_ASSERT_EQUAL(json_int(v, "absent", 7, &err), 7);
	CU_ASSERT_PTR_NULL(json_get(v, "gone"));
	CU_ASSERT_PTR_NULL(json_get(NULL, "x"));
	texts = json_texts(v, "Cmd", &n, &err);
	CU_ASSERT_EQUAL(n, 3);
	CU_ASSERT_STRING_EQUAL(texts[1], "");
	CU_ASSERT_PTR_NULL(texts[3]);
	free(texts);
	texts = json_texts(v, "s", &n, &err);
	CU_ASSERT(n == 1 && strcmp(texts[0], "x") == 0 && !texts[1]);
	free(texts);
	CU_ASSERT_PTR_NULL(json_texts(v, "gone", &n, &err));
	CU_ASSERT_EQUAL(err.status, 0);

	CU_ASSERT_EQUAL(json_int(v, "f", 3, &err), 3);
	CU_ASSERT_EQUAL(err.status, 400);
	err.status = 0;
	json_int(v, "huge", 0, &err);
	CU_ASSERT_EQUAL(err.status, 400);
	err.status = 0;
	json_bool(v, "s", false, &err);
	CU_ASSERT_EQUAL(err.status, 400);
	err.status = 0;
	CU_ASSERT_PTR_NULL(json_texts(v, "odd", &n, &err));
	CU_ASSERT_EQUAL(err.status, 400);
	cJSON_Delete(v);
}

static void test_making(void)
{
	cJSON *o = cJSON_CreateObject();
	char *text, quoted[64];

	json_add_int(o, "t", INT64_C(1712345678901234567));
	text = cJSON_PrintUnformatted(o);
	CU_ASSERT_STRING_EQUAL(text, "{\"t\":1712345678901234567}");
	cJSON_free(text);
	cJSON_Delete(o);
	CU_ASSERT_EQUAL(json_quote(quoted, sizeof(quoted), "a\"\\\n\x01\xff\xc3\xa9"), strlen(quoted));
	CU_ASSERT_STRING_EQUAL(quoted, "\"a\\\"\\\\\\n\\u0001?\xc3\xa9\"");
	json_quote(quoted, 8, "0123456789");
	CU_ASSERT_STRING_EQUAL(quoted, "\"01234\"");
}

int main(void)
{
	unsigned failures;
	CU_pSuite s;

	CU_initialize_registry();
	s = CU_add_suite("json", NULL, NULL);
	CU_add_test(s, "grammar", test_grammar);
	CU_add_test(s, "bounds", test_bounds);
	CU_add_test(s, "names", test_names);
	CU_add_test(s, "fields", test_fields);
	CU_add_test(s, "making", test_making);
	CU_basic_run_tests();
	failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures ? 1 : 0;
}
