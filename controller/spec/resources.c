/* resources.c - memory, processors, process counts, ulimits: Docker's rules and sentences, and what cgroup is asked to
 * set. */
#include <sched.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>

#include "../../helpers/base/cleanup.h"
#include "../../helpers/base/text.h"
#include "internal.h"

#define MEMORY_MIN (INT64_C(6) << 20)
#define SHM_DEFAULT (INT64_C(64) << 20)
#define NANO INT64_C(1000000000)
enum { SHARES_MIN = 2, SHARES_MAX = 262144, PERIOD_DEFAULT_US = 100000, PERIOD_MIN_US = 1000, PERIOD_MAX_US = 1000000 };

unsigned spec_cpus_override;

unsigned spec_cpus(void)
{
	cpu_set_t set;

	if (spec_cpus_override)
		return spec_cpus_override;
	return sched_getaffinity(0, sizeof(set), &set) ? spec_cpu_ids() : (unsigned)CPU_COUNT(&set);
}

unsigned spec_cpu_ids(void)
{
	static unsigned n; /* read from files: once */

	if (spec_cpus_override)
		return spec_cpus_override;
	if (!n)
		n = (unsigned)get_nprocs_conf();
	return n;
}

/* What no kernel of today has. */
static int check_discarded(cJSON *host, cJSON *warnings, struct err *err)
{
	static const struct {
		const char *field, *warning;
	} rows[] = {
		{ "KernelMemory", "Your kernel does not support kernel memory limit capabilities or the cgroup is not "
				  "mounted. Limitation discarded." },
		{ "KernelMemoryTCP", "Your kernel does not support kernel memory TCP limit capabilities or the cgroup "
				     "is not mounted. Limitation discarded." },
		{ "CpuPercent", "linux does not support CPU percent. Percent discarded." },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++)
		if (get_int(host, rows[i].field) && (json_warn_text(warnings, rows[i].warning, err) ||
						     json_put_int(host, rows[i].field, 0, err)))
			return -1;
	return 0;
}

static int check_memory(cJSON *host, struct err *err)
{
	int64_t memory = get_int(host, "Memory"), swap = get_int(host, "MemorySwap");
	int64_t reservation = get_int(host, "MemoryReservation"), shm = get_int(host, "ShmSize");

	if (memory && memory < MEMORY_MIN)
		return err_set(err, 400, "Minimum memory limit allowed is 6MB");
	if (swap < -1)
		return err_set(err, 400, "Invalid memory swap limit: %lld", (long long)swap);
	if (memory && swap > 0 && swap < memory)
		return err_set(err, 400, "Minimum memoryswap limit should be larger than memory limit, see usage");
	if (!memory && swap > 0)
		return err_set(err, 400,
			       "You should always set the Memory limit when using Memoryswap limit, see usage");
	if (reservation && reservation < MEMORY_MIN)
		return err_set(err, 400, "Minimum memory reservation allowed is 6MB");
	if (memory && reservation && memory < reservation)
		return err_set(err, 400,
			       "Minimum memory limit can not be less than memory reservation limit, see usage");
	if (shm < 0)
		return err_set(err, 400, "SHM size can not be less than 0");
	/* The default is as much swap as memory. */
	if (memory && !swap && memory <= INT64_MAX / 2 && json_put_int(host, "MemorySwap", memory * 2, err))
		return -1;
	return shm ? 0 : json_put_int(host, "ShmSize", SHM_DEFAULT, err);
}

static int check_swappiness(cJSON *host, struct err *err)
{
	int64_t n = get_int(host, "MemorySwappiness");

	if (n == -1)
		return json_put(host, "MemorySwappiness", cJSON_CreateNull(), err);
	if (n < 0 || n > 100)
		return err_set(err, 400, "Invalid value: %lld, valid memory swappiness range is 0-100", (long long)n);
	return 0;
}

static int check_cpu(cJSON *host, struct err *err)
{
	int64_t nano = get_int(host, "NanoCpus"), period = get_int(host, "CpuPeriod"),
		quota = get_int(host, "CpuQuota");
	int64_t shares = get_int(host, "CpuShares");
	unsigned cpus = spec_cpus();

	if (nano > 0 && period > 0)
		return err_set(err, 400, "Conflicting options: Nano CPUs and CPU Period cannot both be set");
	if (nano > 0 && quota > 0)
		return err_set(err, 400, "Conflicting options: Nano CPUs and CPU Quota cannot both be set");
	if (nano < 0 || nano > cpus * NANO || (nano && nano < NANO / 100))
		return err_set(err, 400, "Range of CPUs is from 0.01 to %u.00, as there are only %u CPUs available",
			       cpus, cpus);
	if (period && (period < PERIOD_MIN_US || period > PERIOD_MAX_US))
		return err_set(err, 400,
			       "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)");
	if (quota > 0 && quota < PERIOD_MIN_US)
		return err_set(err, 400, "CPU cfs quota can not be less than 1ms (i.e. 1000)");
	if (get_int(host, "CpuRealtimePeriod") || get_int(host, "CpuRealtimeRuntime"))
		return err_set(err, 400, "Your kernel does not support CPU real-time scheduler");
	if (get_int(host, "IOMaximumIOps") || get_int(host, "IOMaximumBandwidth"))
		return err_set(err, 400,
			       "Invalid QoS settings: linux does not support Maximum IO Bandwidth or Maximum IO IOps");
	if (shares < 0)
		return err_set(err, 400, "invalid CPU shares: %lld", (long long)shares);
	if (shares && shares < SHARES_MIN)
		return json_put_int(host, "CpuShares", SHARES_MIN, err);
	return shares > SHARES_MAX ? json_put_int(host, "CpuShares", SHARES_MAX, err) : 0;
}

static int check_blkio(const cJSON *host, struct err *err)
{
	int64_t weight = get_int(host, "BlkioWeight");
	const cJSON *e;

	if (weight && (weight < 10 || weight > 1000))
		return err_set(err, 400, "Range of blkio weight is from 10 to 1000");
	cJSON_ArrayForEach(e, json_get(host, "BlkioWeightDevice")) {
		weight = get_int(e, "Weight");
		if (get_text(e, "Path")[0] != '/' || (weight && (weight < 10 || weight > 1000)))
			return err_set(err, 400, "invalid weight for device: %.128s:%lld", get_text(e, "Path"),
				       (long long)weight);
	}
	return 0;
}

static int check_cpuset(const cJSON *host, struct err *err)
{
	const char *cpus = get_text(host, "CpusetCpus"), *mems = get_text(host, "CpusetMems");
	int r = cpus[0] ? cpulist_check(cpus, spec_cpu_ids()) : 0;

	if (r == -EINVAL || strlen(cpus) > 256)
		return err_set(err, 400, "Invalid value %.64s for cpuset cpus", cpus);
	if (r)
		return err_set(err, 400, "Requested CPUs are not available - requested %.64s, available: 0-%u", cpus,
			       spec_cpu_ids() - 1);
	/* How many memory nodes there are is for the kernel to say. */
	if (mems[0] && (cpulist_check(mems, UINT32_MAX) || strlen(mems) > 256))
		return err_set(err, 400, "Invalid value %.64s for cpuset mems", mems);
	return 0;
}

/* --- ulimits --- */
static const struct {
	const char *name, *oci;
	int resource;
} rlimits[] = {
	{ "core", "RLIMIT_CORE", RLIMIT_CORE },
	{ "cpu", "RLIMIT_CPU", RLIMIT_CPU },
	{ "data", "RLIMIT_DATA", RLIMIT_DATA },
	{ "fsize", "RLIMIT_FSIZE", RLIMIT_FSIZE },
	{ "locks", "RLIMIT_LOCKS", RLIMIT_LOCKS },
	{ "memlock", "RLIMIT_MEMLOCK", RLIMIT_MEMLOCK },
	{ "msgqueue", "RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE },
	{ "nice", "RLIMIT_NICE", RLIMIT_NICE },
	{ "nofile", "RLIMIT_NOFILE", RLIMIT_NOFILE },
	{ "nproc", "RLIMIT_NPROC", RLIMIT_NPROC },
	{ "rss", "RLIMIT_RSS", RLIMIT_RSS },
	{ "rtprio", "RLIMIT_RTPRIO", RLIMIT_RTPRIO },
	{ "rttime", "RLIMIT_RTTIME", RLIMIT_RTTIME },
	{ "sigpending", "RLIMIT_SIGPENDING", RLIMIT_SIGPENDING },
	{ "stack", "RLIMIT_STACK", RLIMIT_STACK },
};

int rlimit_by_name(const char *name, const char **ret_oci)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rlimits); i++)
		if (!strcmp(name, rlimits[i].name)) {
			*ret_oci = rlimits[i].oci;
			return rlimits[i].resource;
		}
	return -1;
}

static int check_ulimits(const cJSON *host, struct err *err)
{
	const cJSON *list = json_get(host, "Ulimits"), *u, *before;
	const char *oci;

	if (cJSON_GetArraySize(list) > (int)ARRAY_SIZE(rlimits))
		return err_set(err, 400, "too many ulimits");
	cJSON_ArrayForEach(u, list) {
		int64_t soft = get_int(u, "Soft"), hard = get_int(u, "Hard");

		if (rlimit_by_name(get_text(u, "Name"), &oci) < 0)
			return err_set(err, 400, "invalid ulimit type: %.64s", get_text(u, "Name"));
		for (before = list->child; before != u; before = before->next)
			if (!strcmp(get_text(before, "Name"), get_text(u, "Name")))
				return err_set(err, 400, "duplicate ulimit: %s", get_text(u, "Name"));
		if (soft < -1 || hard < -1)
			return err_set(err, 400, "invalid ulimit: %s", get_text(u, "Name"));
		if (hard != -1 && (soft == -1 || soft > hard))
			return err_set(err, 400,
				       "ulimit soft limit must be less than or equal to hard limit: %lld > %lld",
				       (long long)soft, (long long)hard);
	}
	return 0;
}

int check_resources(cJSON *host, cJSON *warnings, struct err *err)
{
	int64_t oom = get_int(host, "OomScoreAdj");
	const cJSON *pids = json_get(host, "PidsLimit");

	if (check_swappiness(host, err) || check_discarded(host, warnings, err) || check_memory(host, err) ||
	    check_cpu(host, err) || check_cpuset(host, err) || check_blkio(host, err) || check_ulimits(host, err))
		return -1;
	if (oom < -1000 || oom > 1000)
		return err_set(err, 400, "Invalid value %lld, range for oom score adj is [-1000, 1000]",
			       (long long)oom);
	/* 0 and every negative number are ways to say unlimited. */
	if (pids && pids->valuedouble <= 0)
		return json_put(host, "PidsLimit", cJSON_CreateNull(), err);
	return 0;
}

/* --- for the cgroup helper --- */
static uint64_t positive(const cJSON *host, const char *name)
{
	int64_t n = get_int(host, name);

	return n > 0 ? (uint64_t)n : UNSET;
}

int spec_limits(const cJSON *merged, struct req_cgroup_create *ret, struct err *err)
{
	const cJSON *host = json_get(merged, "HostConfig");
	int64_t nano = get_int(host, "NanoCpus");

	ret->memory_max = positive(host, "Memory");
	ret->memory_swap_max = positive(host, "MemorySwap");
	ret->memory_low = positive(host, "MemoryReservation");
	ret->pids_max = positive(host, "PidsLimit");
	ret->cpu_quota_us = positive(host, "CpuQuota");
	ret->cpu_period_us = positive(host, "CpuPeriod");
	ret->cpu_shares = positive(host, "CpuShares");
	ret->blkio_weight = positive(host, "BlkioWeight");
	/* Every value counts here, 0 as well. */
	ret->memory_swappiness = UNSET;
	if (json_get(host, "MemorySwappiness"))
		ret->memory_swappiness = (uint64_t)get_int(host, "MemorySwappiness");
	ret->oom_kill_disable = get_bool(host, "OomKillDisable") ? 1 : UNSET;
	if (nano > 0) {
		ret->cpu_period_us = PERIOD_DEFAULT_US;
		ret->cpu_quota_us = (uint64_t)nano * PERIOD_DEFAULT_US / NANO;
	}
	if (text_copy(ret->parent, sizeof(ret->parent), get_text(host, "CgroupParent")))
		return err_set(err, 400, "invalid cgroup parent: too long");
	if (text_copy(ret->cpuset_cpus, sizeof(ret->cpuset_cpus), get_text(host, "CpusetCpus")) ||
	    text_copy(ret->cpuset_mems, sizeof(ret->cpuset_mems), get_text(host, "CpusetMems")))
		return err_set(err, 400, "Invalid value for cpuset: too long");
	return 0;
}
