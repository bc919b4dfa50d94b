/* offered.c - what was asked of resources and this host's cgroups cannot do: dropped with Docker's warning, or refused
 * with Docker's sentence. offered is postern-cgroup's word, LIMIT_* of the protocol; 0 where there is none. */
#include <string.h>

#include "../../helpers/base/cleanup.h"
#include "internal.h"

static bool has(uint64_t offered, unsigned limit)
{
	return offered >> limit & 1;
}

static cJSON *zero(void)
{
	return cJSON_CreateNumber(0);
}

static cJSON *empty_text(void)
{
	return cJSON_CreateString("");
}

/* In Docker's order. Members of one warning follow each other. */
static const struct {
	unsigned limit;
	const char *field, *warning;
	cJSON *(*none)(void);
} rows[] = {
	{ LIMIT_SWAPPINESS, "MemorySwappiness",
	  "Your kernel does not support memory swappiness capabilities or the cgroup is not mounted. Memory swappiness "
	  "discarded.",
	  cJSON_CreateNull },
	{ LIMIT_LOW, "MemoryReservation",
	  "Your kernel does not support memory soft limit capabilities or the cgroup is not mounted. Limitation "
	  "discarded.",
	  zero },
	{ LIMIT_OOM, "OomKillDisable", "Your kernel does not support OomKillDisable. OomKillDisable discarded.",
	  cJSON_CreateNull },
	{ LIMIT_PIDS, "PidsLimit",
	  "Your kernel does not support PIDs limit capabilities or the cgroup is not mounted. PIDs limit discarded.",
	  cJSON_CreateNull },
	{ LIMIT_SHARES, "CpuShares",
	  "Your kernel does not support CPU shares or the cgroup is not mounted. Shares discarded.", zero },
	{ LIMIT_PERIOD, "CpuPeriod", "Your kernel does not support CPU CFS scheduler. CPU period/quota discarded.",
	  zero },
	{ LIMIT_QUOTA, "CpuQuota", "Your kernel does not support CPU CFS scheduler. CPU period/quota discarded.",
	  zero },
	{ LIMIT_CPUS, "CpusetCpus",
	  "Your kernel does not support cpuset or the cgroup is not mounted. Cpuset discarded.", empty_text },
	{ LIMIT_MEMS, "CpusetMems",
	  "Your kernel does not support cpuset or the cgroup is not mounted. Cpuset discarded.", empty_text },
	{ LIMIT_BLKIO, "BlkioWeight",
	  "Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded.", zero },
	{ LIMIT_IO + IO_WEIGHT, "BlkioWeightDevice",
	  "Your kernel does not support Block I/O weight_device or the cgroup is not mounted. Weight-device discarded.",
	  cJSON_CreateArray },
	{ LIMIT_IO + IO_READ_BPS, "BlkioDeviceReadBps",
	  "Your kernel does not support BPS Block I/O read limit or the cgroup is not mounted. Block I/O BPS read "
	  "limit "
	  "discarded.",
	  cJSON_CreateArray },
	{ LIMIT_IO + IO_WRITE_BPS, "BlkioDeviceWriteBps",
	  "Your kernel does not support BPS Block I/O write limit or the cgroup is not mounted. Block I/O BPS write "
	  "limit "
	  "discarded.",
	  cJSON_CreateArray },
	{ LIMIT_IO + IO_READ_IOPS, "BlkioDeviceReadIOps",
	  "Your kernel does not support IOPS Block read limit or the cgroup is not mounted. Block I/O IOPS read limit "
	  "discarded.",
	  cJSON_CreateArray },
	{ LIMIT_IO + IO_WRITE_IOPS, "BlkioDeviceWriteIOps",
	  "Your kernel does not support IOPS Block write limit or the cgroup is not mounted. Block I/O IOPS write "
	  "limit "
	  "discarded.",
	  cJSON_CreateArray },
};

static int offered_memory(cJSON *host, uint64_t offered, cJSON *warnings, struct err *err)
{
	if (get_int(host, "Memory") > 0 && !has(offered, LIMIT_MEMORY)) {
		if (json_warn(warnings, err,
			      "Your kernel does not support memory limit capabilities or the cgroup is not mounted. "
			      "Limitation discarded.") ||
		    json_put_int(host, "Memory", 0, err) || json_put_int(host, "MemorySwap", -1, err))
			return -1;
	}
	if (get_int(host, "Memory") > 0 && get_int(host, "MemorySwap") != -1 && !has(offered, LIMIT_SWAP)) {
		if (json_warn(
			    warnings, err,
			    "Your kernel does not support swap limit capabilities or the cgroup is not mounted. Memory "
			    "limited without swap.") ||
		    json_put_int(host, "MemorySwap", -1, err))
			return -1;
	}
	return 0;
}

int spec_offered(cJSON *merged, uint64_t offered, cJSON *warnings, struct err *err)
{
	cJSON *host = cJSON_GetObjectItemCaseSensitive(merged, "HostConfig");
	const char *said = "";
	size_t i;

	if (offered_memory(host, offered, warnings, err))
		return -1;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *field = rows[i].field;

		if (has(offered, rows[i].limit) || !json_get(host, field))
			continue;
		/* What asks for nothing is worth no warning; a swappiness of 0 asks. */
		if ((get_size(host, field) || get_int(host, field) || get_bool(host, field) ||
		     get_text(host, field)[0] || rows[i].limit == LIMIT_SWAPPINESS) &&
		    strcmp(said, rows[i].warning) != 0) {
			said = rows[i].warning;
			if (json_warn_text(warnings, said, err))
				return -1;
		}
		if (json_put(host, field, rows[i].none(), err))
			return -1;
	}
	if (get_int(host, "NanoCpus") && !has(offered, LIMIT_QUOTA))
		return err_set(
			err, 400,
			"NanoCPUs can not be set, as your kernel does not support CPU CFS scheduler or the cgroup "
			"is not mounted");
	if (get_bool(host, "OomKillDisable") && !get_int(host, "Memory"))
		return json_warn(
			warnings, err,
			"OOM killer is disabled for the container, but no memory limit is set, this can result in "
			"the system running out of resources.");
	/* As Docker shows it where it can be set. */
	if (has(offered, LIMIT_OOM) && !json_get(host, "OomKillDisable"))
		return json_put(host, "OomKillDisable", cJSON_CreateFalse(), err);
	return 0;
}
