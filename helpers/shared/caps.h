/* caps.h - capabilities by name (capabilities(7)), in one table: for policy, specs and what `postern helpers` shows. */
#ifndef POSTERN_SHARED_CAPS_H
#define POSTERN_SHARED_CAPS_H

#define CAPABILITIES(C)                                                                                            \
	C(CHOWN) C(DAC_OVERRIDE) C(DAC_READ_SEARCH) C(FOWNER) C(FSETID) C(KILL) C(SETGID) C(SETUID) C(SETPCAP)     \
	C(LINUX_IMMUTABLE) C(NET_BIND_SERVICE) C(NET_BROADCAST) C(NET_ADMIN) C(NET_RAW) C(IPC_LOCK) C(IPC_OWNER)   \
	C(SYS_MODULE) C(SYS_RAWIO) C(SYS_CHROOT) C(SYS_PTRACE) C(SYS_PACCT) C(SYS_ADMIN) C(SYS_BOOT) C(SYS_NICE)   \
	C(SYS_RESOURCE) C(SYS_TIME) C(SYS_TTY_CONFIG) C(MKNOD) C(LEASE) C(AUDIT_WRITE) C(AUDIT_CONTROL) C(SETFCAP) \
	C(MAC_OVERRIDE) C(MAC_ADMIN) C(SYSLOG) C(WAKE_ALARM) C(BLOCK_SUSPEND) C(AUDIT_READ) C(PERFMON) C(BPF)      \
	C(CHECKPOINT_RESTORE)

/* "CHOWN", or NULL for a number without a name. */
const char *capability_name(unsigned cap);
/* "CHOWN" or "CAP_CHOWN", in any case; -EINVAL when there is none. */
int capability_number(const char *name);

#endif
