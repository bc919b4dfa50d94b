#include "caps.h"

#include <errno.h>
#include <linux/capability.h>
#include <stddef.h>
#include <strings.h>

#include "../base/cleanup.h"

static const char *const words[] = {
#define CAPABILITY_WORD(name) [CAP_##name] = #name,
	CAPABILITIES(CAPABILITY_WORD)
#undef CAPABILITY_WORD
};

_Static_assert(ARRAY_SIZE(words) == CAP_LAST_CAP + 1, "a capability without a name");

const char *capability_name(unsigned cap)
{
	return cap < ARRAY_SIZE(words) ? words[cap] : NULL;
}

int capability_number(const char *name)
{
	if (strncasecmp(name, "CAP_", 4) == 0)
		name += 4;
	for (unsigned i = 0; i < ARRAY_SIZE(words); i++)
		if (strcasecmp(name, words[i]) == 0)
			return (int)i;
	return -EINVAL;
}
