/* io.c - rates and weights per block device: io.max and io.weight of version 2, blkio's files of version 1.
 *
 * Numbers only: which device a path means was the controller's to find, and a limit on the wrong one slows nobody but
 * the container. From: cgroup-v2.rst (IO), cgroup-v1/blkio-controller.rst. */
#include "cgroup.h"

#include <inttypes.h>

#include "../base/cleanup.h"
#include "../base/fd.h"
#include "../base/text.h"

static const struct {
	const char *v1, *v1_bfq;
	const char *v2, *v2_bfq;
	const char *key; /* of version 2's file */
} kinds[IO_KINDS] = {
	[IO_READ_BPS] = { "blkio.throttle.read_bps_device", NULL, "io.max", NULL, "rbps=" },
	[IO_WRITE_BPS] = { "blkio.throttle.write_bps_device", NULL, "io.max", NULL, "wbps=" },
	[IO_READ_IOPS] = { "blkio.throttle.read_iops_device", NULL, "io.max", NULL, "riops=" },
	[IO_WRITE_IOPS] = { "blkio.throttle.write_iops_device", NULL, "io.max", NULL, "wiops=" },
	[IO_WEIGHT] = { "blkio.weight_device", "blkio.bfq.weight_device", "io.weight", "io.bfq.weight", "" },
};

static int put_io(const struct roots *roots, const struct group *g, const uint64_t *rule, const char **ret_step)
{
	const char *files[2];
	char text[96];
	bool is_v2;
	int dir = group_dir(roots, g, CTL_IO, &is_v2), r;

	if (dir < 0)
		return -ENOENT;
	files[0] = is_v2 ? kinds[rule[0]].v2_bfq : kinds[rule[0]].v1_bfq;
	files[1] = is_v2 ? kinds[rule[0]].v2 : kinds[rule[0]].v1;
	r = text_format(text, sizeof(text), "%" PRIu64 ":%" PRIu64 " %s%" PRIu64, rule[1] >> 32, rule[1] & UINT32_MAX,
			is_v2 ? kinds[rule[0]].key : "", rule[2]);
	if (r < 0)
		return r;
	r = -ENOENT;
	for (unsigned i = 0; i < ARRAY_SIZE(files) && r == -ENOENT; i++) {
		r = files[i] ? file_write_at(dir, files[i], text) : -ENOENT;
		if (r < 0 && r != -ENOENT)
			*ret_step = files[i];
	}
	return r;
}

int io_apply(const struct roots *roots, const struct group *g, const struct limits *l, uint64_t *asked, uint64_t *done,
	     const char **ret_step)
{
	if (l->io.n % 3)
		return -EINVAL;
	for (uint32_t i = 0; i < l->io.n; i += 3) {
		const uint64_t *rule = &l->io.v[i];
		int r;

		if (rule[0] >= IO_KINDS)
			return -EINVAL;
		*asked |= UINT64_C(1) << (LIMIT_IO + rule[0]);
		r = put_io(roots, g, rule, ret_step);
		if (r == 0)
			*done |= UINT64_C(1) << (LIMIT_IO + rule[0]);
		else if (r != -ENOENT)
			return r;
	}
	return 0;
}
