/* rows.c - the trust map: what each program has. `postern helpers` and a test read the same from the kernel. */
#include <linux/capability.h>
#include <stddef.h>

#include "../base/cleanup.h"
#include "../base/sandbox.h"
#include "launcher.h"

#ifndef CAP_BPF
#define CAP_BPF 39
#endif

/* layer is root of its own user namespace: these are capabilities over the store's ids and nothing else. */
#define LAYER_CAPS                                                                                            \
	(CAP_BIT(CAP_CHOWN) | CAP_BIT(CAP_DAC_OVERRIDE) | CAP_BIT(CAP_FOWNER) | CAP_BIT(CAP_FSETID) |        \
	 CAP_BIT(CAP_MKNOD) | CAP_BIT(CAP_SETFCAP))

/* fd 7 and what follows: a member of struct launcher each (README of the helper). */
#define GIVEN(member) offsetof(struct launcher, member)

const struct row rows[] = {
	/* audit first: nobody acts before it listens */
	{ HELPER_AUDIT, 0, USERNS_HOST, MNTNS_HOST, .no_new_privs = true, .seccomp = true, .landlock = true,
	  .fds = { GIVEN(audit_anchors), GIVEN(kmsg) } },
	/* The id that it maps in its namespaces is 0 then, which takes SETFCAP of whoever makes them; in there it is
	 * gone. */
	{ HELPER_SEAL, 0, USERNS_HOST, MNTNS_HOST, .no_new_privs = true, .seccomp = true,
	  .caps_one_id = CAP_BIT(CAP_SETFCAP) },
	{ HELPER_MOUNT, CAP_BIT(CAP_SYS_ADMIN), USERNS_HOST, MNTNS_FILES, .no_new_privs = true, .seccomp = true,
	  .landlock = true,
	  .fds = { GIVEN(lookup_mount[1]), GIVEN(idmap_mount[1]), GIVEN(mount_seal[0]), GIVEN(store_in_files) } },
	{ HELPER_LOOKUP, CAP_BIT(CAP_DAC_READ_SEARCH), USERNS_HOST, MNTNS_FILES, .no_new_privs = true, .seccomp = true,
	  .landlock = true, .fds = { GIVEN(lookup_mount[0]), GIVEN(proc) } },
	{ HELPER_IDMAP, CAP_BIT(CAP_SETUID) | CAP_BIT(CAP_SETGID), USERNS_RANGE, MNTNS_HOST, .no_new_privs = true,
	  .seccomp = true, .landlock = true, .fds = { GIVEN(idmap_mount[0]), GIVEN(range_ns) } },
	{ HELPER_NETNS, 0, USERNS_RANGE, MNTNS_HOST, .owner_euid = true, .no_new_privs = true, .seccomp = true,
	  .landlock = true, .fds = { GIVEN(range_ns) } },
	{ HELPER_FIREWALL, CAP_BIT(CAP_NET_ADMIN), USERNS_HOST, MNTNS_HOST, .in_netns = true, .no_new_privs = true,
	  .seccomp = true, .landlock = true },
	{ HELPER_FORWARD, 0, USERNS_HOST, MNTNS_HOST, .in_netns = true, .no_new_privs = true, .seccomp = true,
	  .landlock = true },
	{ HELPER_RESOLVER, 0, USERNS_HOST, MNTNS_HOST, .no_new_privs = true, .seccomp = true, .landlock = true },
	{ HELPER_PORTS, 0, USERNS_HOST, MNTNS_HOST, .no_new_privs = true, .seccomp = true, .landlock = true },
	{ HELPER_VETH, CAP_BIT(CAP_NET_ADMIN), USERNS_HOST, MNTNS_HOST, .in_netns = true, .no_new_privs = true,
	  .seccomp = true, .landlock = true, .fds = { GIVEN(range_ns) } },
	{ HELPER_CGROUP, 0, USERNS_HOST, MNTNS_HOST, .no_new_privs = true, .seccomp = true, .landlock = true,
	  .fds = { GIVEN(cgroups.all[V2].dir) } },
	{ HELPER_DEVICE, CAP_BIT(CAP_BPF) | CAP_BIT(CAP_NET_ADMIN), USERNS_HOST, MNTNS_HOST, .no_new_privs = true,
	  .seccomp = true, .landlock = true,
	  .fds = { GIVEN(device_box[0]), GIVEN(device_box[1]), GIVEN(cgroups.all[V2].dir) } },
	{ HELPER_SPAWN, 0, USERNS_RANGE, MNTNS_SPAWN, .owner_euid = true, .in_spawn_cgroup = true,
	  .fds = { GIVEN(monitors_dir), GIVEN(range_ns) } },
	{ HELPER_LAYER, LAYER_CAPS, USERNS_STORE, MNTNS_HOST, .no_new_privs = true, .seccomp = true, .landlock = true,
	  .fds = { GIVEN(store_dir) } },
	{ HELPER_CONTROLLER, 0, USERNS_HOST, MNTNS_HOST, .no_new_privs = true, .seccomp = true, .landlock = true,
	  .fds = { GIVEN(listening[SOCKET_ALSO]), GIVEN(listening[SOCKET_READ]) } },
};
const unsigned nrows = ARRAY_SIZE(rows);
