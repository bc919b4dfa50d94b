/* seccomp_number.c - numbers of calls: libseccomp's, and what Debian's libseccomp does not know or sees in another way.
 * The kernel's syscall.tbl files. */
#include <linux/audit.h>
#include <string.h>

#include "../../helpers/base/cleanup.h"
#include "seccomp.h"

enum { NOT_HERE = -2 /* not of this architecture; -1 is __NR_SCMP_ERROR */ };

/* The same number everywhere, but the first. */
static const struct {
	const char *name;
	int number;
	uint32_t only; /* architecture, 0: all */
} new_calls[] = {
	{ "uretprobe", 335, SCMP_ARCH_X86_64 },
	{ "cachestat", 451, 0 },
	{ "fchmodat2", 452, 0 },
	{ "map_shadow_stack", 453, 0 },
	{ "futex_wake", 454, 0 },
	{ "futex_wait", 455, 0 },
	{ "futex_requeue", 456, 0 },
	{ "statmount", 457, 0 },
	{ "listmount", 458, 0 },
	{ "lsm_get_self_attr", 459, 0 },
	{ "lsm_set_self_attr", 460, 0 },
	{ "lsm_list_modules", 461, 0 },
	{ "mseal", 462, 0 },
	{ "setxattrat", 463, 0 },
	{ "getxattrat", 464, 0 },
	{ "listxattrat", 465, 0 },
	{ "removexattrat", 466, 0 },
	{ "open_tree_attr", 467, 0 },
	{ "file_getattr", 468, 0 },
	{ "file_setattr", 469, 0 },
};

/* libseccomp gives numbers of its own to what 32-bit x86 has behind socketcall and ipc, too. Most became calls of their
 * own with Linux 4.3 and 5.1. */
static const struct {
	const char *name;
	int number;
} x86_calls[] = {
	{ "recvmmsg", 337 },	{ "sendmmsg", 345 },	{ "socket", 359 },     { "socketpair", 360 },
	{ "bind", 361 },	{ "connect", 362 },	{ "listen", 363 },     { "accept4", 364 },
	{ "getsockopt", 365 },	{ "setsockopt", 366 },	{ "getsockname", 367 },
	{ "getpeername", 368 },
	{ "sendto", 369 },	{ "sendmsg", 370 },	{ "recvfrom", 371 },   { "recvmsg", 372 },
	{ "shutdown", 373 },	{ "semget", 393 },	{ "semctl", 394 },     { "shmget", 395 },
	{ "shmctl", 396 },	{ "shmat", 397 },	{ "shmdt", 398 },      { "msgget", 399 },
	{ "msgsnd", 400 },	{ "msgrcv", 401 },	{ "msgctl", 402 },
};

int seccomp_number(uint32_t arch, const char *name)
{
	size_t i;

	if (arch == SCMP_ARCH_NATIVE)
		arch = seccomp_arch_native();
	for (i = 0; i < ARRAY_SIZE(new_calls); i++)
		if (!strcmp(name, new_calls[i].name)) {
			if (new_calls[i].only && new_calls[i].only != arch)
				return NOT_HERE;
			return new_calls[i].number | (arch == SCMP_ARCH_X32 ? SECCOMP_X32_BIT : 0);
		}
	for (i = 0; arch == SCMP_ARCH_X86 && i < ARRAY_SIZE(x86_calls); i++)
		if (!strcmp(name, x86_calls[i].name))
			return x86_calls[i].number;
	return seccomp_syscall_resolve_name_arch(arch, name);
}

int seccomp_multiplexer(uint32_t arch, const char *name, uint32_t *ret_sub)
{
	int number = arch == SCMP_ARCH_X86 ? seccomp_syscall_resolve_name_arch(arch, name) : NOT_HERE;

	/* libseccomp's numbers: -100 and -200 less the first argument. */
	if (number < -100 && number >= -120) {
		*ret_sub = (uint32_t)(-100 - number);
		return SECCOMP_X86_SOCKETCALL;
	}
	if (number < -200 && number >= -224) {
		*ret_sub = (uint32_t)(-200 - number);
		return SECCOMP_X86_IPC;
	}
	return NOT_HERE;
}

bool seccomp_is_narrow(uint32_t arch)
{
	return !(arch & __AUDIT_ARCH_64BIT) && arch != SCMP_ARCH_X32;
}
