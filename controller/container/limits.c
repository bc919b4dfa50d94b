/* limits.c - which limits containers can have here: no controller in this kernel, or, for an ordinary user's engine,
 * none that is delegated, is none. What was asked for all the same is spec/offered.c's. */
#include "../../helpers/base/cleanup.h"
#include "../../helpers/protocol/message.h"
#include "../engine.h"
#include "container.h"

#define BIT(limit) (UINT64_C(1) << (limit))

bool limits_have(const struct engine *e, enum limit_kind kind)
{
	static const uint64_t bits[] = {
		[LIMITS_MEMORY] = BIT(LIMIT_MEMORY), [LIMITS_SWAP] = BIT(LIMIT_SWAP),
		[LIMITS_CPU] = BIT(LIMIT_SHARES),    [LIMITS_QUOTA] = BIT(LIMIT_QUOTA),
		[LIMITS_CPUSET] = BIT(LIMIT_CPUS),   [LIMITS_PIDS] = BIT(LIMIT_PIDS),
		[LIMITS_BLKIO] = BIT(LIMIT_BLKIO),   [LIMITS_OOM_KILL] = BIT(LIMIT_OOM),
	};

	return e->limits & bits[kind];
}
