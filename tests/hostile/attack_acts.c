/* attack_acts.c - threats 5-8, 10, 12-15: well-formed requests for what must not be. */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/mount.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../helpers/base/cleanup.h"
#include "../../helpers/base/fd.h"
#include "../../helpers/base/policy.h"
#include "../../helpers/base/sys.h"
#include "../../helpers/base/text.h"
#include "../../helpers/shared/mounts.h"
#include "hostile.h"

static struct reply_header why;

static void refused(const char *threat, int r, const char *what)
{
	result(r < 0 && r != -ETIMEDOUT && r != -ENODATA && r != -EBADMSG, "%s: %s (%s at %s%s%s)", threat, what, strerror(-r),
	       why.stage, why.rule[0] ? ", rule " : "", why.rule);
	memset(&why, 0, sizeof(why));
}

static void maps(void)
{
	struct sandbox s;
	struct req_idmap_owner o;
	static const struct {
		uint32_t uid, gid;
		const char *what;
	} owners[] = { { 0, 0, "root as the owner" }, { 999, 1000, "a system user as the owner" },
		       { FOREIGN_FIRST, 1000, "the foreign range as the owner" } };

	if (sandbox_make(&s, true) < 0) {
		result(false, "5: no sandbox");
		return;
	}
	if (policy()->ids_shared)
		skipped("5: whose files may be shown as a container's own", "a user's engine shows every file as it is, and the kernel judges");
	for (size_t i = 0; i < ARRAY_SIZE(owners) && !policy()->ids_shared; i++) {
		o = (struct req_idmap_owner){ .ticket = new_ticket(), .base = s.base, .owner_uid = owners[i].uid, .owner_gid = owners[i].gid };
		refused("5", ask(channel(HELPER_IDMAP), OP_IDMAP_OWNER, &o, NULL, &why), owners[i].what);
	}
	o = (struct req_idmap_owner){ .ticket = new_ticket(), .base = s.base, .owner_uid = policy()->ids_base, .owner_gid = owner_id() };
	if (policy()->ids_count)
		refused("5", ask(channel(HELPER_IDMAP), OP_IDMAP_OWNER, &o, NULL, &why), "one of our own ids as the owner");
	o.owner_uid = s.base + 5;
	if (!policy()->ids_shared)
		refused("5", ask(channel(HELPER_IDMAP), OP_IDMAP_OWNER, &o, NULL, &why), "another container's id as the owner");
	o.owner_uid = owner_id();
	o.base = s.base + 1;
	refused("5", ask(channel(HELPER_IDMAP), OP_IDMAP_OWNER, &o, NULL, &why), "a base that is no range");
	o.base = 0;
	refused("5", ask(channel(HELPER_IDMAP), OP_IDMAP_OWNER, &o, NULL, &why), "base 0, the host's own ids");
	o.base = FOREIGN_FIRST;
	refused("5", ask(channel(HELPER_IDMAP), OP_IDMAP_OWNER, &o, NULL, &why), "the foreign range as base");
	o.base = s.base + RANGE_STRIDE;
	refused("5", ask(channel(HELPER_IDMAP), OP_IDMAP_OWNER, &o, NULL, &why), "a range that nobody has");
	sandbox_drop(&s);
}

static int look(const char *path, uint32_t writable, uint64_t ticket, struct rep_lookup_open *rep)
{
	struct req_lookup_open req = { .ticket = ticket, .writable = writable };

	text_copy(req.path, sizeof(req.path), path);
	return ask(channel(HELPER_LOOKUP), OP_LOOKUP_OPEN, &req, rep, &why);
}

static void paths(void)
{
	static const char *const outside[] = { "/etc", "/etc/shadow", "/", "/root", "/proc", "/sys", "/dev/sda", "/.store",
					       "/.store/layers", "/run/docker.sock", "/homes", "/tmpfoo" };
	int there, missing;

	for (size_t i = 0; i < ARRAY_SIZE(outside); i++) {
		char what[200];

		snprintf(what, sizeof(what), "lookup of %s", outside[i]);
		refused("6, 19", look(outside[i], 0, new_ticket(), NULL), what);
	}
	there = look("/etc/passwd", 0, new_ticket(), NULL);
	missing = look("/etc/no-such-file", 0, new_ticket(), NULL);
	result(there == missing && there < 0, "6: outside policy, what is there and what is missing is answered alike");
	refused("20", look(base, 0, new_ticket(), NULL), "lookup of the engine's own data");
	char state[300];

	snprintf(state, sizeof(state), "%s/audit/audit.log", base);
	refused("20", look(state, 0, new_ticket(), NULL), "lookup of the audit log");
	if (!policy()->ids_shared) /* a user's container may there what the user may: nothing (the script looks) */
		refused("6", look(in_hang("root-owned"), 1, new_ticket(), NULL), "a root-owned source, writable");
	refused("6", look(in_hang("link"), 0, new_ticket(), NULL), "a symbolic link");
	refused("6", look(in_hang("link/passwd"), 0, new_ticket(), NULL), "a path through a symbolic link");
}

/* 6: root's directory through the container's own mapping, to write a 4755 file as uid 0 there. */
static void root_owned_bind(void)
{
	struct sandbox s;
	uint64_t source = new_ticket();
	struct req_mount_bind bind = { .source = source };
	struct req_idmap_owner owner;
	struct rep_mount_bind rep;
	int r;

	if (sandbox_make(&s, true) < 0 || look(in_hang("root-owned"), 0, source, NULL) < 0) {
		result(false, "6: the set-up failed (%s)", why.stage);
		return;
	}
	bind.mapping = s.ticket;
	refused("6", ask(channel(HELPER_MOUNT), OP_MOUNT_BIND, &bind, &rep, &why), "a root-owned source under the store mapping");
	source = bind.source = new_ticket();
	look(in_hang("root-owned"), 0, source, NULL);
	bind.mapping = 0;
	bind.readonly = 0;
	refused("6", ask(channel(HELPER_MOUNT), OP_MOUNT_BIND, &bind, &rep, &why), "the same unmapped but writable");
	/* an owner mapping for another user's file */
	source = bind.source = new_ticket();
	owner = (struct req_idmap_owner){ .ticket = new_ticket(), .base = s.base, .owner_uid = 1001, .owner_gid = 1001 };
	r = ask(channel(HELPER_IDMAP), OP_IDMAP_OWNER, &owner, NULL, &why);
	if (r == 0 && look(in_hang("user-owned"), 1, source, NULL) == 0) {
		bind.mapping = owner.ticket;
		refused("6", ask(channel(HELPER_MOUNT), OP_MOUNT_BIND, &bind, &rep, &why), "uid 1000's source under a mapping for uid 1001");
	} else {
		result(false, "6: no owner mapping: %s at %s", strerror(-r), why.stage);
	}
	/* 8: a source ticket serves once; tickets that nobody made */
	source = bind.source = new_ticket();
	owner = (struct req_idmap_owner){ .ticket = new_ticket(), .base = s.base, .owner_uid = owner_id(), .owner_gid = owner_id() };
	r = ask(channel(HELPER_IDMAP), OP_IDMAP_OWNER, &owner, NULL, &why);
	bind.mapping = owner.ticket;
	if (r == 0 && look(in_hang("user-owned"), 1, source, NULL) == 0 &&
	    ask(channel(HELPER_MOUNT), OP_MOUNT_BIND, &bind, &rep, &why) == 0) {
		struct mount_attr clear = { .attr_clr = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV };

		result(sys_mount_setattr(rep.mount, "", AT_EMPTY_PATH, &clear) < 0, "7: nosuid and nodev of a bind cannot be cleared");
		close_fd(rep.mount);
		refused("8", ask(channel(HELPER_MOUNT), OP_MOUNT_BIND, &bind, &rep, &why), "a source ticket used twice");
	} else {
		result(false, "7: a proper bind failed: %s at %s", strerror(-r), why.stage);
	}
	bind.source = new_ticket();
	refused("8", ask(channel(HELPER_MOUNT), OP_MOUNT_BIND, &bind, &rep, &why), "a source ticket that nobody made");
	sandbox_drop(&s);
}

int some_layer(uint8_t id[ID_BYTES])
{
	char hex[ID_HEX + 2] = "";
	_cleanup_close_ int fd = openat(STATE, "layer-id", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, hex, ID_HEX) != ID_HEX)
		return -ENOENT;
	return hex_decode(hex, id, ID_BYTES);
}

/* 7: what a hostile holder of layer fds can do with them in a namespace of its own. Runs in a child: it is root there. */
static int write_to_layer(int layer)
{
	struct mount_attr clear = { .attr_clr = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID };
	uid_t uid = getuid();
	gid_t gid = getgid();
	char map[64];
	int tree, wrote = 0;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return 100;
	file_write_at(AT_FDCWD, "/proc/self/setgroups", "deny");
	snprintf(map, sizeof(map), "0 %u 1", uid);
	file_write_at(AT_FDCWD, "/proc/self/uid_map", map);
	snprintf(map, sizeof(map), "0 %u 1", gid);
	file_write_at(AT_FDCWD, "/proc/self/gid_map", map);
	mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
	if (mount("t", "/mnt", "tmpfs", 0, NULL) < 0)
		return 101;
	wrote |= sys_mount_setattr(layer, "", AT_EMPTY_PATH, &clear) == 0 ? 1 : 0;
	if (sys_move_mount(layer, "", AT_FDCWD, "/mnt", MOVE_MOUNT_F_EMPTY_PATH) == 0) {
		wrote |= sys_mount_setattr(AT_FDCWD, "/mnt", 0, &clear) == 0 ? 2 : 0;
		wrote |= mount(NULL, "/mnt", NULL, MS_REMOUNT | MS_BIND, NULL) == 0 ? 4 : 0;
	}
	tree = sys_open_tree(layer, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (tree >= 0)
		wrote |= sys_mount_setattr(tree, "", AT_EMPTY_PATH, &clear) == 0 ? 8 : 0;
	wrote |= openat(layer, "tmp/written", O_CREAT | O_WRONLY, 0644) >= 0 ? 16 : 0;
	wrote |= openat(layer, "bin/busybox", O_WRONLY) >= 0 ? 32 : 0;
	return wrote;
}

static void layers(void)
{
	struct sandbox s;
	struct req_mount_rootfs req = { .layers = { .n = 1 } };
	struct rep_mount_rootfs rep;
	struct req_layer_create create = { .what = LAYER_CONTAINER };
	struct req_layer_remove remove = { .what = LAYER_CONTAINER };
	int r, status = 0;
	pid_t pid;

	if (sandbox_make(&s, true) < 0 || some_layer(req.layers.id[0]) < 0) {
		result(false, "7: no sandbox or no layer");
		return;
	}
	hex_encode(s.id, ID_BYTES, create.name);
	r = ask(channel(HELPER_LAYER), OP_LAYER_CREATE, &create, NULL, &why);
	memcpy(req.container, s.id, ID_BYTES);
	req.mapping = s.ticket;
	r = r < 0 ? r : ask(channel(HELPER_MOUNT), OP_MOUNT_ROOTFS, &req, &rep, &why);
	result(r == 0, "7: an honest ROOTFS works (%s at %s)", strerror(-r), why.stage);
	if (r == 0) {
		struct req_spawn_create spawn;

		pid = fork();
		if (pid == 0)
			_exit(write_to_layer(rep.layers.fd[0]));
		waitpid(pid, &status, 0);
		result(WIFEXITED(status) && WEXITSTATUS(status) == 0, "7: a layer's flags cannot be cleared, nothing is written (%d)",
		       WIFEXITED(status) ? WEXITSTATUS(status) : -1);
		/* an O_PATH fd reopened */
		char path[64];

		snprintf(path, sizeof(path), "/proc/self/fd/%d/bin/busybox", rep.layers.fd[0]);
		result(open(path, O_WRONLY | O_CLOEXEC) < 0, "7: a file of a layer does not open for writing through /proc/self/fd");
		message_init(&op_desc(OP_SPAWN_CREATE)->req, &spawn);
		message_close_fds(&op_desc(OP_MOUNT_ROOTFS)->rep, &rep);
	}
	/* 8: unknown layers, another container's directory, wrong ticket */
	memset(req.layers.id[0], 0x5a, ID_BYTES);
	refused("22", ask(channel(HELPER_MOUNT), OP_MOUNT_ROOTFS, &req, &rep, &why), "a layer that is not there");
	some_layer(req.layers.id[0]);
	req.mapping = new_ticket();
	refused("8", ask(channel(HELPER_MOUNT), OP_MOUNT_ROOTFS, &req, &rep, &why), "a mapping ticket that nobody made");
	strcpy(remove.name, create.name);
	ask(channel(HELPER_LAYER), OP_LAYER_REMOVE, &remove, NULL, NULL);
	sandbox_drop(&s);
}

static void cgroups(void)
{
	static const char *const parents[] = { "..", "../x", "a/b", "/", "spawn", ".",
					       "0100000000000000000000000000000000000000000000000000000000000000" };
	struct req_cgroup_create create;
	struct rep_cgroup_create made;
	struct req_cgroup_kill kill = { .container = { 0 } };
	struct req_cgroup_remove remove = { .container = { 0 } };
	struct req_cgroup_freeze freeze = { .frozen = 1 };
	struct req_device_attach attach = { .name = "x", .cgroup = open("/sys/fs/cgroup/unified", O_RDONLY | O_DIRECTORY | O_CLOEXEC) };
	struct sandbox s;

	if (policy_absent(policy(), HELPER_CGROUP)) {
		close_fd(attach.cgroup);
		skipped("12, 13: cgroups and devices", "the kernel gives this user neither");
		return;
	}
	if (attach.cgroup < 0)
		attach.cgroup = open("/sys/fs/cgroup", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (unsigned i = 0; i < ARRAY_SIZE(parents); i++) {
		message_init(&op_desc(OP_CGROUP_CREATE)->req, &create);
		create.container[0] = 1;
		create.memory_max = create.memory_swap_max = create.memory_low = create.pids_max = UNSET;
		create.cpu_quota_us = create.cpu_period_us = create.cpu_shares = create.blkio_weight = UNSET;
		create.memory_swappiness = create.oom_kill_disable = UNSET;
		text_copy(create.parent, sizeof(create.parent), parents[i]);
		refused("12", ask(channel(HELPER_CGROUP), OP_CGROUP_CREATE, &create, &made, &why), "a cgroup in a parent that is none");
	}
	refused("12", ask(channel(HELPER_CGROUP), OP_CGROUP_KILL, &kill, NULL, &why), "kill of a cgroup that it did not make");
	refused("12", ask(channel(HELPER_CGROUP), OP_CGROUP_REMOVE, &remove, NULL, &why), "remove of one that it did not make");
	refused("12", ask(channel(HELPER_CGROUP), OP_CGROUP_FREEZE, &freeze, NULL, &why), "freeze of one that it did not make");
	refused("13", ask(channel(HELPER_DEVICE), OP_DEVICE_ATTACH, &attach, NULL, &why), "a device filter on the host's root cgroup");
	close_fd(attach.cgroup);
	if (sandbox_make(&s, true) < 0)
		return;
	attach.cgroup = openat(s.cgroup, "../spawn", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	refused("13", ask(channel(HELPER_DEVICE), OP_DEVICE_ATTACH, &attach, NULL, &why), "a device filter on spawn's cgroup");
	close_fd(attach.cgroup);
	attach.cgroup = openat(s.cgroup, "../../helpers", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	refused("13", ask(channel(HELPER_DEVICE), OP_DEVICE_ATTACH, &attach, NULL, &why), "a device filter on the helpers' cgroup");
	close_fd(attach.cgroup);
	result(file_write_at(s.cgroup, "../../helpers/cgroup.kill", "1") < 0, "12: the helpers' cgroup cannot be killed by the controller");
	result(file_write_at(s.cgroup, "cgroup.kill", "1") < 0, "12: nor a container's, but through the helper");
	/* rules */
	attach.cgroup = s.cgroup;
	attach.rules.n = 4;
	memcpy(attach.rules.v, (uint32_t[]){ DEVICE_CHAR, 7, UINT32_MAX, UINT32_MAX }, 16);
	refused("13", ask(channel(HELPER_DEVICE), OP_DEVICE_ATTACH, &attach, NULL, &why), "the device rule c *:* rwm");
	memcpy(attach.rules.v, (uint32_t[]){ DEVICE_CHAR, DEVICE_READ, 1, 11 }, 16);
	refused("13", ask(channel(HELPER_DEVICE), OP_DEVICE_ATTACH, &attach, NULL, &why), "the kernel log as a device");
	attach.rules.n = 3;
	refused("13", ask(channel(HELPER_DEVICE), OP_DEVICE_ATTACH, &attach, NULL, &why), "a rule cut short");
	attach.rules.n = 0;
	result(ask(channel(HELPER_DEVICE), OP_DEVICE_ATTACH, &attach, NULL, &why) == 0, "13: the default rules attach");
	refused("13", ask(channel(HELPER_DEVICE), OP_DEVICE_ATTACH, &attach, NULL, &why), "a second filter");
	sandbox_drop(&s);
}

static int memfd_of(const char *text)
{
	return memfd_sealed("spec", text, strlen(text));
}

static int memfd_filter(void)
{
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, 0x7fff0000);

	return memfd_sealed("seccomp", &allow, sizeof(allow));
}

#define SPEC(process, linux_part)                                                                                        \
	"{\"ociVersion\":\"1.0.2\",\"process\":{\"terminal\":false,\"user\":{\"uid\":0,\"gid\":0},\"args\":[\"/bin/true\"]," \
	"\"env\":[\"PATH=/bin\"],\"cwd\":\"/\"" process "},\"root\":{\"path\":\"rootfs\"},\"hostname\":\"x\",\"mounts\":["       \
	"{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\"}],\"linux\":{" linux_part "}}"

#define MASKED                                                                                                        \
	"\"maskedPaths\":[\"/proc/kcore\",\"/proc/keys\",\"/proc/timer_list\",\"/sys/firmware\"],"                      \
	"\"readonlyPaths\":[\"/proc/bus\",\"/proc/fs\",\"/proc/irq\",\"/proc/sys\",\"/proc/sysrq-trigger\"]"

/* 14: specs that ask for more than policy gives. */
static void specs(void)
{
	static const struct {
		const char *what, *spec;
		bool no_seccomp;
	} bad[] = {
		{ "a capability outside policy",
		  SPEC(",\"capabilities\":{\"bounding\":[\"CAP_SYS_MODULE\"],\"effective\":[\"CAP_SYS_MODULE\"],\"permitted\":[\"CAP_SYS_MODULE\"]}", ""),
		  false },
		{ "no seccomp filter", SPEC("", ""), true },
		{ "a host path as the source of a bind",
		  "{\"ociVersion\":\"1.0.2\",\"process\":{\"user\":{\"uid\":0,\"gid\":0},\"args\":[\"/bin/true\"],\"cwd\":\"/\"},\"root\":{\"path\":\"r\"},"
		  "\"mounts\":[{\"destination\":\"/m\",\"type\":\"bind\",\"source\":\"/etc\"}],\"linux\":{}}", false },
		{ "a bind that was not passed",
		  "{\"ociVersion\":\"1.0.2\",\"process\":{\"user\":{\"uid\":0,\"gid\":0},\"args\":[\"/bin/true\"],\"cwd\":\"/\"},\"root\":{\"path\":\"r\"},"
		  "\"mounts\":[{\"destination\":\"/m\",\"type\":\"bind\",\"source\":\"fd:3\"}],\"linux\":{}}", false },
		{ "a sysctl of the host", SPEC("", "\"sysctl\":{\"kernel.core_pattern\":\"|/x\"}"), false },
		{ "no JSON", "{", false },
		{ "an empty spec", "{}", false },
	};
	static const char unsealed[] =
		"{\"ociVersion\":\"1.0.2\",\"process\":{\"user\":{\"uid\":0,\"gid\":0},\"args\":[\"/bin/true\"],\"cwd\":\"/\"},\"root\":{\"path\":\"r\"},"
		"\"mounts\":[{\"destination\":\"/m\",\"type\":\"bind\",\"source\":\"fd:0\",\"options\":[\"rw\"]}],\"linux\":{" MASKED "}}";
	struct sandbox s;
	struct rep_mount_rootfs rootfs;
	struct req_mount_rootfs want = { .layers = { .n = 1 } };
	struct req_layer_create create = { .what = LAYER_CONTAINER };
	struct req_layer_remove remove = { .what = LAYER_CONTAINER };
	int r, log = openat(6, "hostile-log", O_CREAT | O_RDWR | O_APPEND | O_CLOEXEC, 0600);

	if (sandbox_make(&s, true) < 0 || some_layer(want.layers.id[0]) < 0) {
		result(false, "14: no sandbox");
		return;
	}
	hex_encode(s.id, ID_BYTES, create.name);
	ask(channel(HELPER_LAYER), OP_LAYER_CREATE, &create, NULL, &why);
	memcpy(want.container, s.id, ID_BYTES);
	want.mapping = s.ticket;
	r = ask(channel(HELPER_MOUNT), OP_MOUNT_ROOTFS, &want, &rootfs, &why);
	if (r < 0) {
		result(false, "14: no rootfs: %s at %s", strerror(-r), why.stage);
		return;
	}
	for (size_t i = 0; i <= ARRAY_SIZE(bad) + 4; i++) {
		struct req_spawn_create req;
		struct rep_spawn_create rep;
		const char *what = i < ARRAY_SIZE(bad) ? bad[i].what : i == ARRAY_SIZE(bad) ? "the host's network namespace"
				 : i == ARRAY_SIZE(bad) + 1 ? "the host's user namespace"
				 : i == ARRAY_SIZE(bad) + 2 ? "the host's cgroup"
				 : i == ARRAY_SIZE(bad) + 4 ? "entries of the journal that say not whose they are"
				 : "7: a directory of the host that nobody sealed, in the place of a volume";
		int loose = open(in_hang("user-owned"), O_PATH | O_DIRECTORY | O_CLOEXEC);
		int host = open(i == ARRAY_SIZE(bad) ? "/proc/self/ns/net" : "/proc/self/ns/user", O_RDONLY | O_CLOEXEC);
		int up = openat(s.cgroup, "../..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		message_init(&op_desc(OP_SPAWN_CREATE)->req, &req);
		memcpy(req.container, s.id, ID_BYTES);
		req.spec = memfd_of(i < ARRAY_SIZE(bad) ? bad[i].spec : i == ARRAY_SIZE(bad) + 3 ? unsealed : SPEC("", ""));
		req.binds.n = i == ARRAY_SIZE(bad) + 3;
		req.binds.fd[0] = loose;
		req.seccomp = i < ARRAY_SIZE(bad) && bad[i].no_seccomp ? -EBADF : memfd_filter();
		req.userns = i == ARRAY_SIZE(bad) + 1 ? host : s.userns;
		req.netns = i == ARRAY_SIZE(bad) ? host : s.netns;
		req.cgroup = i == ARRAY_SIZE(bad) + 2 ? up : s.cgroup;
		req.layers.n = 1;
		req.layers.fd[0] = rootfs.layers.fd[0];
		req.upper = rootfs.upper;
		req.exit = log;
		req.log_journal = i == ARRAY_SIZE(bad) + 4 ? LOG_JOURNAL_WAITS : 0;
		r = ask(channel(HELPER_SPAWN), OP_SPAWN_CREATE, &req, &rep, &why);
		refused("14", r, what);
		if (r == 0)
			message_close_fds(&op_desc(OP_SPAWN_CREATE)->rep, &rep);
		close_fd(loose);
		close_fd(req.spec);
		close_fd(req.seccomp);
		close_fd(host);
		close_fd(up);
	}
	message_close_fds(&op_desc(OP_MOUNT_ROOTFS)->rep, &rootfs);
	close_fd(log);
	strcpy(remove.name, create.name);
	ask(channel(HELPER_LAYER), OP_LAYER_REMOVE, &remove, NULL, NULL);
	sandbox_drop(&s);
}

/* A process in user, ipc, uts and mount namespaces of its own, until `end` is closed. */
static pid_t stranger(int *ret_end)
{
	int ready[2], end[2];
	char byte = 0;
	pid_t pid;

	if (pipe(ready) < 0 || pipe(end) < 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		close(end[1]);
		if (unshare(CLONE_NEWUSER) < 0 || unshare(CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNS | CLONE_NEWNET) < 0)
			_exit(1);
		_exit(write(ready[1], &byte, 1) != 1 || read(end[0], &byte, 1) != 0);
	}
	close(ready[1]);
	close(end[0]);
	byte = 1;
	if (read(ready[0], &byte, 1) != 1 || byte)
		pid = -1;
	close(ready[0]);
	*ret_end = end[1];
	return pid;
}

/* 4, 14: namespaces to join that are not of the user namespace that is joined, and the host's by number. */
static void shares(void)
{
	static const struct {
		const char *name, *what;
		size_t offset;
	} rows[] = {
		{ "pid", "pid namespace", offsetof(struct req_spawn_create, pidns) },
		{ "ipc", "IPC namespace", offsetof(struct req_spawn_create, ipcns) },
		{ "uts", "UTS namespace", offsetof(struct req_spawn_create, utsns) },
		{ "mnt", "mount namespace, for its /dev/shm", offsetof(struct req_spawn_create, shm) },
		{ "net", "network namespace", offsetof(struct req_spawn_create, netns) },
	};
	int end = -1, place = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int log = openat(6, "hostile-log", O_CREAT | O_RDWR | O_APPEND | O_CLOEXEC, 0600);
	pid_t other = stranger(&end);
	struct rep_spawn_create rep;
	struct req_spawn_create req;
	struct sandbox s;

	if (sandbox_make(&s, true) < 0) {
		result(false, "4: no sandbox");
		return;
	}
	message_init(&op_desc(OP_SPAWN_CREATE)->req, &req);
	memcpy(req.container, s.id, ID_BYTES);
	req.spec = memfd_of(SPEC("", ""));
	req.seccomp = memfd_filter();
	req.userns = s.userns;
	req.netns = s.netns;
	req.cgroup = s.cgroup;
	req.layers.n = 1;
	req.layers.fd[0] = req.upper = place;
	req.exit = log;
	for (unsigned i = 0; i < 3 * ARRAY_SIZE(rows); i++) {
		static const char *const whose[] = { "the host's", "a stranger's", "a user namespace for a" };
		unsigned kind = i % 3;
		int *to = (int *)((char *)&req + rows[i / 3].offset), before = *to;
		char path[64], what[128];

		snprintf(path, sizeof(path), "/proc/%d/ns/%s", kind == 1 && other > 0 ? other : getpid(), rows[i / 3].name);
		*to = kind == 2 ? dup(s.userns) : open(path, O_RDONLY | O_CLOEXEC);
		snprintf(what, sizeof(what), "%s %s to join", whose[kind], rows[i / 3].what);
		if (*to >= 0)
			refused("4", ask(channel(HELPER_SPAWN), OP_SPAWN_CREATE, &req, &rep, &why), what);
		close_fd(*to);
		*to = before;
	}
	for (unsigned bit = 1; bit <= HOST_ALL; bit <<= 1) {
		char what[64];

		snprintf(what, sizeof(what), "host namespace %u, which policy does not allow", bit);
		req.host = bit;
		req.netns = bit == HOST_NETWORK ? -EBADF : s.netns;
		refused("14", ask(channel(HELPER_SPAWN), OP_SPAWN_CREATE, &req, &rep, &why), what);
	}
	req.host = 0;
	req.netns = -EBADF;
	refused("14", ask(channel(HELPER_SPAWN), OP_SPAWN_CREATE, &req, &rep, &why), "no network namespace at all");
	close_fd(req.spec);
	close_fd(req.seccomp);
	close_fd(place);
	close_fd(log);
	close_fd(end);
	if (other > 0)
		waitpid(other, NULL, 0);
	sandbox_drop(&s);
}

/* What lets a container join another must not make one of what is none. */
static void joins(void)
{
	struct req_netns_create net = { .userns = open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC) };
	struct req_idmap_store store = { .ticket = new_ticket(), .base = 0 };
	struct req_spawn_namespaces who = { .container = { 1 } };
	struct rep_spawn_namespaces rep;
	struct rep_netns_create made;
	struct sandbox s;

	refused("4", ask(channel(HELPER_NETNS), OP_NETNS_CREATE, &net, &made, &why), "a network in the host's user namespace");
	close_fd(net.userns);
	refused("4", ask(channel(HELPER_SPAWN), OP_SPAWN_NAMESPACES, &who, &rep, &why), "namespaces of a container that is none");
	refused("5", ask(channel(HELPER_IDMAP), OP_IDMAP_STORE, &store, NULL, &why), "a store mapping to the host's own ids");
	store.base = FOREIGN_FIRST;
	refused("5", ask(channel(HELPER_IDMAP), OP_IDMAP_STORE, &store, NULL, &why), "a store mapping to the foreign range");
	if (sandbox_make(&s, true) < 0)
		return;
	store.base = s.base + RANGE_STRIDE;
	refused("5", ask(channel(HELPER_IDMAP), OP_IDMAP_STORE, &store, NULL, &why), "a store mapping to a range that nobody has");
	store.base = s.base + 1;
	refused("5", ask(channel(HELPER_IDMAP), OP_IDMAP_STORE, &store, NULL, &why), "a store mapping to a base that is no range");
	sandbox_drop(&s);
}

static void tickets_are_bounded(void)
{
	int r = 0, n = 0;

	drop_tickets();
	for (; n < (int)TICKETS_MAX + 8 && r == 0; n++)
		r = look(in_hang("user-owned"), 0, new_ticket(), NULL);
	result(r < 0 && n == (int)TICKETS_MAX + 1, "15: tickets are bounded (%d)", n);
	drop_tickets();
	result(look(in_hang("user-owned"), 0, new_ticket(), NULL) == 0, "15: and free again after DROP");
	drop_tickets();
}

/* Last: what a flood of refusals does to the log is looked at by the script. */
static void flood_of_denials(void)
{
	int n = 0;

	for (; n < 3000; n++)
		look("/etc/shadow", 0, new_ticket(), NULL);
	result(look(in_hang("user-owned"), 0, 7, NULL) != -ENODATA, "15: %d refusals, and the helper is there", n);
}

const struct attack act_attacks[] = {
	{ "5", maps }, { "6, 20", paths }, { "6-8", root_owned_bind }, { "7, 22", layers }, { "12, 13", cgroups },
	{ "14", specs },   { "4, 14", shares },  { "4, 5", joins },
	{ "15", tickets_are_bounded }, { "15", flood_of_denials },
};
const unsigned n_act_attacks = ARRAY_SIZE(act_attacks);
