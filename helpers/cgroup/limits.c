/* limits.c - Docker's limits as files of version 2, or of the version 1 hierarchy that has the controller.
 *
 * The values come from a controller that may be hostile: main.c has compared them with policy; here numbers stay
 * numbers and texts are checked before they become the content of a file. What no hierarchy of this host can set is
 * told in a mask, not passed over in silence. From: cgroup-v2.rst, cgroup-v1/{memory,cpusets,blkio-controller}.rst;
 * conversions of shares and weights as in the OCI runtimes. */
#include "cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/fd.h"
#include "../base/text.h"

struct setter {
	const struct roots *roots;
	const struct group *g;
	uint64_t asked, done; /* bits */
	const char **step;
};

/* Docker's shares 2..262144 on version 2's 1..10000. */
static uint64_t weight_of_shares(uint64_t shares)
{
	shares = shares < 2 ? 2 : shares > 262144 ? 262144 : shares;
	return 1 + (shares - 2) * 9999 / 262142;
}

static uint64_t shares_bounded(uint64_t shares)
{
	return shares < 2 ? 2 : shares > 262144 ? 262144 : shares;
}

/* blkio's 10..1000 on io.weight's 1..10000. */
static uint64_t weight_of_blkio(uint64_t weight)
{
	weight = weight < 10 ? 10 : weight > 1000 ? 1000 : weight;
	return 1 + (weight - 10) * 9999 / 990;
}

static uint64_t same(uint64_t value)
{
	return value;
}

/* Rows of the same bit are alternatives: the first whose file exists is used. */
static const struct row {
	unsigned bit;
	size_t offset;
	enum controller controller;
	const char *v2, *v1; /* files */
	const char *v1_none; /* how "no limit" is written there */
	uint64_t (*to_v2)(uint64_t), (*to_v1)(uint64_t);
} rows[] = {
	{ LIMIT_LOW, offsetof(struct limits, memory_low), CTL_MEMORY, "memory.low", "memory.soft_limit_in_bytes", "-1",
	  same, same },
	{ LIMIT_PIDS, offsetof(struct limits, pids_max), CTL_PIDS, "pids.max", "pids.max", "max", same, same },
	{ LIMIT_SHARES, offsetof(struct limits, cpu_shares), CTL_CPU, "cpu.weight", "cpu.shares", "1024",
	  weight_of_shares, shares_bounded },
	{ LIMIT_BLKIO, offsetof(struct limits, blkio_weight), CTL_IO, "io.bfq.weight", "blkio.bfq.weight", "100", same,
	  same },
	{ LIMIT_BLKIO, offsetof(struct limits, blkio_weight), CTL_IO, "io.weight", "blkio.weight", "500",
	  weight_of_blkio, same },
	/* Version 2 has neither. */
	{ LIMIT_SWAPPINESS, offsetof(struct limits, memory_swappiness), CTL_MEMORY, NULL, "memory.swappiness", "60",
	  same, same },
	{ LIMIT_OOM, offsetof(struct limits, oom_kill_disable), CTL_MEMORY, NULL, "memory.oom_control", "0", same,
	  same },
};

static bool has_file(const struct roots *roots, const struct group *g, enum controller c, const char *v2,
		     const char *v1)
{
	bool is_v2;
	int dir = group_dir(roots, g, c, &is_v2);
	const char *file = is_v2 ? v2 : v1;
	struct stat st;

	return dir >= 0 && file && fstatat(dir, file, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Writes one file; -ENOENT when no hierarchy has it. */
static int put(struct setter *s, enum controller c, const char *v2, const char *v2_text, const char *v1,
	       const char *v1_text)
{
	bool is_v2;
	int dir = group_dir(s->roots, s->g, c, &is_v2);
	int r;

	if (dir < 0)
		return dir;
	if (!(is_v2 ? v2 : v1))
		return -ENOENT;
	r = file_write_at(dir, is_v2 ? v2 : v1, is_v2 ? v2_text : v1_text);
	if (r < 0 && r != -ENOENT)
		*s->step = is_v2 ? v2 : v1;
	return r;
}

static void number(char *text, size_t size, uint64_t value, const char *none)
{
	if (value > LIMIT_LARGEST)
		text_copy(text, size, none);
	else
		(void)text_format(text, size, "%" PRIu64, value);
}

/* Marks what was set; a file that does not exist is no failure, the mask tells it. */
static int noted(struct setter *s, unsigned bit, int r)
{
	if (r == 0)
		s->done |= 1u << bit;
	return r == -ENOENT ? 0 : r;
}

/* Docker's words say what they mean; the files take more. */
static bool in_range(const struct limits *l)
{
	return (l->memory_swappiness == UNSET || l->memory_swappiness <= 100) &&
	       (l->oom_kill_disable == UNSET || l->oom_kill_disable <= 1);
}

static int put_rows(struct setter *s, const struct limits *l)
{
	char v2[32], v1[32];
	int r = 0;

	for (unsigned i = 0; r == 0 && i < ARRAY_SIZE(rows); i++) {
		const struct row *row = &rows[i];
		uint64_t value = *(const uint64_t *)((const char *)l + row->offset);

		if (value == UNSET)
			continue;
		s->asked |= 1u << row->bit;
		if (s->done & 1u << row->bit)
			continue;
		number(v2, sizeof(v2), value > LIMIT_LARGEST ? value : row->to_v2(value),
		       row->to_v2 == same ? "max" : "100");
		number(v1, sizeof(v1), value > LIMIT_LARGEST ? value : row->to_v1(value), row->v1_none);
		r = noted(s, row->bit, put(s, row->controller, row->v2, v2, row->v1, v1));
	}
	return r;
}

/* Docker's MemorySwap counts memory as well; version 1 does so too, version 2 does not. */
static int put_memory(struct setter *s, const struct limits *l)
{
	char memory[32], v2[32], v1[32], now[32];
	uint64_t base = l->memory_max;
	bool is_v2;
	int dir = group_dir(s->roots, s->g, CTL_MEMORY, &is_v2), r = 0, memory_r = 0;

	number(memory, sizeof(memory), l->memory_max, is_v2 ? "max" : "-1");
	if (l->memory_max != UNSET) {
		s->asked |= 1u << LIMIT_MEMORY;
		memory_r = put(s, CTL_MEMORY, "memory.max", memory, "memory.limit_in_bytes", memory);
	}
	if (l->memory_swap_max != UNSET) {
		s->asked |= 1u << LIMIT_SWAP;
		if (base == UNSET && (dir < 0 || read_at(dir, "memory.max", now, sizeof(now)) < 0 ||
				      text_u64(now, LIMIT_LARGEST, &base) < 0))
			base = 0;
		if (l->memory_swap_max <= LIMIT_LARGEST && base <= LIMIT_LARGEST && l->memory_swap_max < base)
			return -EINVAL;
		number(v1, sizeof(v1), l->memory_swap_max, "-1");
		number(v2, sizeof(v2), l->memory_swap_max > LIMIT_LARGEST || base > LIMIT_LARGEST ? UINT64_MAX :
					       l->memory_swap_max - base, "max");
		r = noted(s, LIMIT_SWAP, put(s, CTL_MEMORY, "memory.swap.max", v2, "memory.memsw.limit_in_bytes", v1));
	}
	/* Version 1 keeps limit <= memsw at every moment: raising both needs the other order. */
	if (memory_r == -EINVAL && r == 0 && !is_v2)
		memory_r = put(s, CTL_MEMORY, "memory.max", memory, "memory.limit_in_bytes", memory);
	if (l->memory_max != UNSET)
		memory_r = noted(s, LIMIT_MEMORY, memory_r);
	return memory_r < 0 ? memory_r : r;
}

static int put_cpu(struct setter *s, const struct limits *l)
{
	char quota[32], period[32], both[80], now[80] = "max 100000";
	bool is_v2;
	int dir = group_dir(s->roots, s->g, CTL_CPU, &is_v2), r = 0;
	char *space;

	s->asked |= (l->cpu_quota_us != UNSET) << LIMIT_QUOTA | (l->cpu_period_us != UNSET) << LIMIT_PERIOD;
	if (dir < 0 || (l->cpu_quota_us == UNSET && l->cpu_period_us == UNSET))
		return 0;
	number(quota, sizeof(quota), l->cpu_quota_us, is_v2 ? "max" : "-1");
	number(period, sizeof(period), l->cpu_period_us, "100000");
	if (!is_v2) {
		if (l->cpu_period_us != UNSET)
			r = noted(s, LIMIT_PERIOD, put(s, CTL_CPU, NULL, NULL, "cpu.cfs_period_us", period));
		if (r == 0 && l->cpu_quota_us != UNSET)
			r = noted(s, LIMIT_QUOTA, put(s, CTL_CPU, NULL, NULL, "cpu.cfs_quota_us", quota));
		return r;
	}
	/* One file for both: what is not asked stays as it is. */
	(void)read_at(dir, "cpu.max", now, sizeof(now));
	space = strchr(now, ' ');
	if (!space)
		return -EBADMSG;
	*space++ = '\0';
	r = text_format(both, sizeof(both), "%s %s", l->cpu_quota_us == UNSET ? now : quota,
			l->cpu_period_us == UNSET ? space : period);
	if (r == 0)
		r = put(s, CTL_CPU, "cpu.max", both, NULL, NULL);
	if (r == 0)
		s->done |= 1u << LIMIT_QUOTA | 1u << LIMIT_PERIOD;
	return r == -ENOENT ? 0 : r;
}

static int put_cpuset(struct setter *s, unsigned bit, const char *file, const char *text)
{
	if (!*text)
		return 0;
	s->asked |= 1u << bit;
	if (text[strspn(text, "0123456789,-")] != '\0')
		return -EINVAL;
	return noted(s, bit, put(s, CTL_CPUSET, file, text, file, text));
}

int limits_apply(const struct roots *roots, const struct group *g, const struct limits *l, uint64_t *ret_unsupported,
		 const char **ret_step)
{
	struct setter s = { .roots = roots, .g = g, .step = ret_step };
	int r;

	*ret_step = "limits";
	r = in_range(l) ? put_memory(&s, l) : -EINVAL;
	if (r == 0)
		r = put_rows(&s, l);
	if (r == 0)
		r = put_cpu(&s, l);
	if (r == 0)
		r = put_cpuset(&s, LIMIT_CPUS, "cpuset.cpus", l->cpuset_cpus);
	if (r == 0)
		r = put_cpuset(&s, LIMIT_MEMS, "cpuset.mems", l->cpuset_mems);
	if (r == 0)
		r = io_apply(roots, g, l, &s.asked, &s.done, ret_step);
	if (r == 0)
		*ret_unsupported = s.asked & ~s.done;
	return r;
}

uint64_t limits_supported(const struct roots *roots)
{
	static const struct {
		unsigned bit;
		enum controller controller;
		const char *v2, *v1;
	} files[] = {
		{ LIMIT_MEMORY, CTL_MEMORY, "memory.max", "memory.limit_in_bytes" },
		{ LIMIT_SWAP, CTL_MEMORY, "memory.swap.max", "memory.memsw.limit_in_bytes" },
		{ LIMIT_QUOTA, CTL_CPU, "cpu.max", "cpu.cfs_quota_us" },
		{ LIMIT_PERIOD, CTL_CPU, "cpu.max", "cpu.cfs_period_us" },
		{ LIMIT_CPUS, CTL_CPUSET, "cpuset.cpus", "cpuset.cpus" },
		{ LIMIT_MEMS, CTL_CPUSET, "cpuset.mems", "cpuset.mems" },
		{ LIMIT_IO + IO_READ_BPS, CTL_IO, "io.max", "blkio.throttle.read_bps_device" },
		{ LIMIT_IO + IO_WRITE_BPS, CTL_IO, "io.max", "blkio.throttle.write_bps_device" },
		{ LIMIT_IO + IO_READ_IOPS, CTL_IO, "io.max", "blkio.throttle.read_iops_device" },
		{ LIMIT_IO + IO_WRITE_IOPS, CTL_IO, "io.max", "blkio.throttle.write_iops_device" },
		{ LIMIT_IO + IO_WEIGHT, CTL_IO, "io.bfq.weight", "blkio.bfq.weight_device" },
		{ LIMIT_IO + IO_WEIGHT, CTL_IO, "io.weight", "blkio.weight_device" },
	};
	/* A container's directory has the files that the one above it has. */
	struct group g = { .v2 = roots->v2 };
	uint64_t mask = 0;

	for (unsigned i = 0; i < roots->nv1; i++)
		g.v1[i] = roots->v1[i].fd;
	for (unsigned i = 0; i < ARRAY_SIZE(files); i++)
		if (has_file(roots, &g, files[i].controller, files[i].v2, files[i].v1))
			mask |= UINT64_C(1) << files[i].bit;
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++)
		if (has_file(roots, &g, rows[i].controller, rows[i].v2, rows[i].v1))
			mask |= UINT64_C(1) << rows[i].bit;
	return mask;
}

/* A number in a file: alone, or behind `key` in a flat-keyed one. "max" and what is not there: otherwise. */
static uint64_t value_at(int dir, const char *file, const char *key, uint64_t otherwise)
{
	char text[4096], *s = text, *end;
	size_t n = key ? strlen(key) : 0;
	unsigned long long value;

	if (dir < 0 || read_at(dir, file, text, sizeof(text)) < 0)
		return otherwise;
	while (key && s && !(strncmp(s, key, n) == 0 && s[n] == ' ')) {
		s = strchr(s, '\n');
		s = s ? s + 1 : NULL;
	}
	if (!s)
		return otherwise;
	errno = 0;
	value = strtoull(key ? s + n + 1 : s, &end, 10);
	return errno || end == s || (*end != '\0' && *end != '\n') ? otherwise : value;
}

static uint64_t usage(const struct roots *roots, const struct group *g, enum controller c, const char *v2,
		      const char *v1, const char *key, uint64_t otherwise)
{
	bool is_v2;
	int dir = group_dir(roots, g, c, &is_v2);

	return value_at(dir, is_v2 ? v2 : v1, key, otherwise);
}

void usage_read(const struct roots *roots, const struct group *g, struct rep_cgroup_stat *ret)
{
	bool is_v2;
	int cpu;

	ret->memory_usage = usage(roots, g, CTL_MEMORY, "memory.current", "memory.usage_in_bytes", NULL, 0);
	ret->memory_max = usage(roots, g, CTL_MEMORY, "memory.max", "memory.limit_in_bytes", NULL, UNSET);
	if (ret->memory_max >= LIMIT_LARGEST - 65535) /* version 1's "no limit", rounded to a page */
		ret->memory_max = UNSET;
	ret->pids = usage(roots, g, CTL_PIDS, "pids.current", "pids.current", NULL, 0);
	ret->oom_kills = usage(roots, g, CTL_MEMORY, "memory.events", "memory.oom_control", "oom_kill", 0);
	/* Version 2 counts time even without the cpu controller; version 1's is finer. */
	cpu = group_dir(roots, g, CTL_CPUACCT, &is_v2);
	ret->cpu_usage_ns = cpu >= 0 ? value_at(cpu, "cpuacct.usage", NULL, 0) :
				       value_at(g->v2, "cpu.stat", "usage_usec", 0) * 1000;
}
