#include "names.h"

#include <stddef.h>

#include "cleanup.h"

static const char *const names[] = {
#define HELPER_NAME(upper, lower) [HELPER_##upper] = lower,
	HELPERS(HELPER_NAME)
#undef HELPER_NAME
};

_Static_assert(ARRAY_SIZE(names) == HELPER_COUNT, "a helper without a name");

const char *helper_name(enum helper_id id)
{
	return (unsigned)id < HELPER_COUNT ? names[id] : NULL;
}
