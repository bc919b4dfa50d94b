/* fuzz_oci.c - the OCI runtime spec that the controller sends, as a monitor parses it. */
#include <stddef.h>
#include <stdint.h>

#include "../../helpers/spawn/spec.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct policy_spawn policy = { .caps = 0xa80425fb };
	char stage[STAGE_MAX];
	const char *rule;
	struct plan plan;

	if (spec_parse((const char *)data, size, 4, &plan, stage) == 0)
		spec_permit(&plan, &policy, size & 1, size & 2, &rule);
	spec_finish(&plan);
	return 0;
}
