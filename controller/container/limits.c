/* limits.c - limits that were asked for and cannot be had here: no controller in this kernel, or, for an ordinary
 * user's engine, none that is delegated. Docker's words; like Docker, all but --cpus is discarded with a warning. */
#include "../../helpers/base/cleanup.h"
#include "../../helpers/protocol/message.h"
#include "../engine.h"
#include "../err.h"
#include "../json.h"
#include "../spec/spec.h"
#include "internal.h"

#define LIMIT_BIT(kind, type, name, ...) LIMIT_##name,
enum { CGROUP_LIMITS(LIMIT_BIT, ) };
#undef LIMIT_BIT
#define BIT(name) (UINT64_C(1) << LIMIT_##name)

static const struct {
	uint64_t bits;
	const char *warning;
} words[] = {
	{ BIT(memory_max), "Your kernel does not support memory limit capabilities or the cgroup is not mounted. "
			   "Limitation discarded." },
	{ BIT(memory_swap_max), "Your kernel does not support swap limit capabilities or the cgroup is not mounted. "
				"Memory limited without swap." },
	{ BIT(memory_low), "Your kernel does not support memory soft limit capabilities or the cgroup is not mounted. "
			   "Limitation discarded." },
	{ BIT(pids_max), "Your kernel does not support PIDs limit capabilities or the cgroup is not mounted. "
			 "PIDs limit discarded." },
	{ BIT(cpu_shares), "Your kernel does not support CPU shares or the cgroup is not mounted. Shares discarded." },
	{ BIT(cpu_quota_us) | BIT(cpu_period_us), "Your kernel does not support CPU CFS scheduler. "
						  "CPU period/quota discarded." },
	{ BIT(cpuset_cpus) | BIT(cpuset_mems), "Your kernel does not support cpuset or the cgroup is not mounted. "
					       "Cpuset discarded." },
	{ BIT(blkio_weight), "Your kernel does not support Block I/O weight or the cgroup is not mounted. "
			     "Weight discarded." },
};

/* Bits of what the request wants. */
static uint64_t asked(const struct req_cgroup_create *l)
{
	const struct {
		bool is;
		uint64_t bit;
	} all[] = {
		{ l->memory_max != UNSET, BIT(memory_max) },	 { l->memory_swap_max != UNSET, BIT(memory_swap_max) },
		{ l->memory_low != UNSET, BIT(memory_low) },	 { l->pids_max != UNSET, BIT(pids_max) },
		{ l->cpu_quota_us != UNSET, BIT(cpu_quota_us) }, { l->cpu_period_us != UNSET, BIT(cpu_period_us) },
		{ l->cpu_shares != UNSET, BIT(cpu_shares) },	 { l->blkio_weight != UNSET, BIT(blkio_weight) },
		{ l->cpuset_cpus[0], BIT(cpuset_cpus) },	 { l->cpuset_mems[0], BIT(cpuset_mems) },
	};
	uint64_t bits = 0;

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		bits |= all[i].is ? all[i].bit : 0;
	return bits;
}

int limits_check(const struct engine *e, const cJSON *merged, cJSON *warnings, struct err *err)
{
	struct req_cgroup_create l;
	uint64_t missing;

	message_init(&op_desc(OP_CGROUP_CREATE)->req, &l);
	if (spec_limits(merged, &l, err) < 0)
		return -1;
	missing = asked(&l) & ~e->limits;
	/* Without a limit of memory there is no question of swap. */
	if (missing & BIT(memory_max))
		missing &= ~BIT(memory_swap_max);
	if ((missing & BIT(cpu_quota_us)) && json_int(json_get(merged, "HostConfig"), "NanoCpus", 0, NULL) > 0)
		return err_set(err, 400, "NanoCPUs can not be set, as your kernel does not support CPU CFS scheduler "
					 "or the cgroup is not mounted");
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (missing & words[i].bits)
			cJSON_AddItemToArray(warnings, cJSON_CreateString(words[i].warning));
	return 0;
}

bool limits_have(const struct engine *e, enum limit_kind kind)
{
	static const uint64_t bits[] = {
		[LIMITS_MEMORY] = BIT(memory_max), [LIMITS_SWAP] = BIT(memory_swap_max), [LIMITS_CPU] = BIT(cpu_shares),
		[LIMITS_QUOTA] = BIT(cpu_quota_us), [LIMITS_CPUSET] = BIT(cpuset_cpus), [LIMITS_PIDS] = BIT(pids_max),
		[LIMITS_BLKIO] = BIT(blkio_weight),
	};

	return e->limits & bits[kind];
}
