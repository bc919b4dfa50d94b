/* fuzz_spec.c - any JSON as create body (its "image" member as the image's configuration), and as seccomp profile: what
 * merges can be built or is refused with a text, and what merged once merges again. */
#include <stdlib.h>

#include "../../controller/spec/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct req_cgroup_create limits;
	struct spec_mounts mounts = { 0 };
	struct err err = { 0 }, why = { 0 };
	cJSON *body = json_parse((const char *)data, n, &why), *warnings = cJSON_CreateArray(), *spec = NULL;
	cJSON *merged = spec_merge(body, json_get(body, "image"), warnings, &err);
	static const unsigned image_layers[BINDS_MAX];
	struct spec_input in = { .merged = merged, .id = "0123456789abcdef", .name = "x", .home = "/", .mounts = &mounts,
				 .image_layers = image_layers, .cgroups_path = "/x", .caps_allowed = UINT64_MAX };

	if (!merged != (err.status != 0) ||
	    (merged && (spec_mounts(merged, &mounts, &err) || spec_limits(merged, &limits, &err))))
		abort();
	if (merged)
		spec = spec_build(&in, &err);
	if (!spec != (err.status != 0))
		abort();
	if (body) {
		char *text = cJSON_PrintUnformatted(body);

		seccomp_filter(text, n, &(const void *){ NULL }, &(size_t){ 0 }, NULL);
		cJSON_free(text);
	}
	cJSON_Delete(body), cJSON_Delete(warnings), cJSON_Delete(merged), cJSON_Delete(spec);
	spec_mounts_finish(&mounts);
	return 0;
}
