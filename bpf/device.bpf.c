/* device.bpf.c - decides every open and mknod of a device by a process of a container, and reports denials.
 *
 * One program for all containers: its rules are in the storage of the cgroup that it is attached to, which nested
 * cgroups share. It fails closed: no rules, no device. The loop is unrolled completely, so that every access has a
 * constant offset and loading needs no CAP_PERFMON; no type of the kernel's is used, so no BTF of the running kernel.
 * A container that is denied in a loop gets DEVICE_EVENTS_PER_SECOND reports, cannot fill the ring for others, and its
 * rest is counted. From: kernel docs cgroup-v1/devices.rst, bpf/map_cgroup_storage.rst, bpf/ringbuf.rst. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "device.h"

struct {
	__uint(type, BPF_MAP_TYPE_CGROUP_STORAGE);
	__type(key, struct bpf_cgroup_storage_key);
	__type(value, struct device_config);
} configs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} events SEC(".maps");

static __always_inline void report(struct device_config *config, __u32 type, __u32 access, __u32 major, __u32 minor)
{
	__u32 second = bpf_ktime_get_ns() / 1000000000;
	struct device_event *e;

	/* Two processors may race here: a report more or less, no harm. */
	if (config->second != second) {
		config->second = second;
		config->events = 0;
	}
	e = config->events < DEVICE_EVENTS_PER_SECOND ? bpf_ringbuf_reserve(&events, sizeof(*e), 0) : 0;
	if (!e) {
		config->suppressed++;
		return;
	}
	config->events++;
	e->cgroup = bpf_get_current_cgroup_id();
	e->pid = bpf_get_current_pid_tgid() >> 32;
	e->type = type;
	e->access = access;
	e->major = major;
	e->minor = minor;
	e->suppressed = config->suppressed;
	config->suppressed = 0;
	__builtin_memcpy(e->container, config->container, sizeof(e->container));
	__builtin_memcpy(e->name, config->name, sizeof(e->name));
	bpf_ringbuf_submit(e, 0);
}

SEC("cgroup/dev")
int device_filter(struct bpf_cgroup_dev_ctx *ctx)
{
	struct device_config *config = bpf_get_local_storage(&configs, 0);
	__u32 type = ctx->access_type & 0xffff, access = ctx->access_type >> 16;
	__u32 major = ctx->major, minor = ctx->minor;

	asm volatile("" : "+r"(major), "+r"(minor)); /* loads from ctx only at constant offsets */
	if (config->ready) {
		_Pragma("clang loop unroll(full)") for (int i = 0; i < DEVICE_RULES; i++)
		{
			struct device_rule *rule = &config->rules[i];

			if (!rule->access)
				break;
			if (rule->type == type && (rule->major == DEVICE_ANY || rule->major == major) &&
			    (rule->minor == DEVICE_ANY || rule->minor == minor) && !(access & ~rule->access))
				return 1;
		}
	}
	report(config, type, access, major, minor);
	return 0;
}

char _license[] SEC("license") = "GPL";
