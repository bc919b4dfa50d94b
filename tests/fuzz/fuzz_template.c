/* fuzz_template.c - templates of --format: any text over a value with everything in it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../controller/cli/template.c"
#include "../../controller/cli/template_functions.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char value[] = "{\"A\":\"x\",\"B\":{\"C\":5,\"D\":[1,\"\",null,true]},\"L\":[\"one\",\"two\"],\"N\":1e300}";
	char error[TEMPLATE_ERROR_MAX], *text = strndup((const char *)data, size);
	cJSON *v = cJSON_Parse(value);
	FILE *out = fopen("/dev/null", "we");

	template_run(out, text, v, error);
	fclose(out);
	cJSON_Delete(v);
	free(text);
	return 0;
}
