/* fuzz_json.c - whatever json_parse takes can be printed and is taken again. */
#include <stdlib.h>
#include <string.h>

#include "../../controller/err.h"
#include "../../controller/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct err err = { 0 };
	cJSON *v = json_parse((const char *)data, n, &err), *again;
	char *text = v ? cJSON_PrintUnformatted(v) : NULL;

	if (!v != (err.status == 400))
		abort();
	again = text ? json_parse(text, strlen(text), &err) : NULL;
	if (v && !again)
		abort();
	cJSON_Delete(v);
	cJSON_Delete(again);
	cJSON_free(text);
	return 0;
}
