/* device.h - what the device program and postern-device share. Plain C types only: it is compiled for both. */
#ifndef POSTERN_BPF_DEVICE_H
#define POSTERN_BPF_DEVICE_H

#define DEVICE_RULES 32 /* DEVICE_RULES_MAX of limits.h: the program's loop is unrolled */
#define DEVICE_NAME 64
#define DEVICE_ID 32
#define DEVICE_ANY 0xffffffffu /* major or minor of a rule */
#define DEVICE_EVENTS_PER_SECOND 8 /* of one container; what is beyond is counted */

struct device_rule {
	__u32 type; /* BPF_DEVCG_DEV_* */
	__u32 access; /* BPF_DEVCG_ACC_*; 0 ends the list */
	__u32 major, minor;
};

/* Value of the map of rules, one per attached cgroup. Until `ready` everything is denied. */
struct device_config {
	__u32 ready;
	__u32 second, events; /* how many were reported in which second */
	__u32 suppressed; /* denials that were not */
	__u8 container[DEVICE_ID]; /* claimed by the controller, for records only */
	char name[DEVICE_NAME];
	struct device_rule rules[DEVICE_RULES];
};

struct device_event {
	__u64 cgroup; /* id of the cgroup of the process, which may be nested in the container's */
	__u32 pid, type, access, major, minor;
	__u32 suppressed; /* denials before this one that were not reported */
	__u8 container[DEVICE_ID];
	char name[DEVICE_NAME];
};

#endif
