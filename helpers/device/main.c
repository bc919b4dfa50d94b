/* main.c - postern-device: attaches the device filter (bpf/device.bpf.c) to containers' cgroups.
 *
 * CAP_BPF and CAP_NET_ADMIN to load the program once; then only CAP_NET_ADMIN is left and, of bpf(2), only attaching,
 * asking and writing values: whoever takes it over has no program but this one to attach, and that one only ever
 * denies. The launcher keeps program, map and ring in a mailbox (fds 7 and 8), so that a restart loads nothing and old
 * containers go on reporting.
 *
 * A request's cgroup fd is proven: of the version 2 hierarchy, directly below the delegated root (fd 9), made by
 * postern-cgroup, without a filter yet. Rules beyond the default ones must each lie inside a device of policy. The
 * container's id and name are the controller's word and only go into records. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "../../bpf/device.h"
#include "../base/cleanup.h"
#include "../base/fd.h"
#include "../base/log.h"
#include "../base/sandbox.h"
#include "../base/text.h"
#include "../protocol/audit.h"
#include "../protocol/server.h"
#include "device.skel.h"

enum { FD_MAILBOX_IN = FD_OWN, FD_MAILBOX_OUT, FD_ROOT };
enum { OBJ_PROGRAM, OBJ_CONFIGS, OBJ_EVENTS, OBJ_COUNT };
enum { EVENTS_AT_ONCE = 64 };

struct ctx {
	int obj[OBJ_COUNT];
	struct ring_buffer *ring;
	unsigned handled; /* events since the last wake-up */
	uint64_t dropped;
};

static const struct device_rule default_rules[] = {
	/* Making a node is harmless: using it is decided here again. */
	{ BPF_DEVCG_DEV_CHAR, BPF_DEVCG_ACC_MKNOD, DEVICE_ANY, DEVICE_ANY },
	{ BPF_DEVCG_DEV_BLOCK, BPF_DEVCG_ACC_MKNOD, DEVICE_ANY, DEVICE_ANY },
	{ BPF_DEVCG_DEV_CHAR, 7, 1, 3 }, /* null */
	{ BPF_DEVCG_DEV_CHAR, 7, 1, 5 }, /* zero */
	{ BPF_DEVCG_DEV_CHAR, 7, 1, 7 }, /* full */
	{ BPF_DEVCG_DEV_CHAR, 7, 1, 8 }, /* random */
	{ BPF_DEVCG_DEV_CHAR, 7, 1, 9 }, /* urandom */
	{ BPF_DEVCG_DEV_CHAR, 7, 5, 0 }, /* tty */
	{ BPF_DEVCG_DEV_CHAR, 7, 5, 1 }, /* console */
	{ BPF_DEVCG_DEV_CHAR, 7, 5, 2 }, /* ptmx */
	{ BPF_DEVCG_DEV_CHAR, 7, 136, DEVICE_ANY }, /* pts */
};

static_assert(DEVICE_RULES == DEVICE_RULES_MAX, "the program's rules are the protocol's");
static_assert(ARRAY_SIZE(default_rules) <= 16, "the protocol leaves 16 for the default ones");
static_assert((int)DEVICE_BLOCK == (int)BPF_DEVCG_DEV_BLOCK && (int)DEVICE_CHAR == (int)BPF_DEVCG_DEV_CHAR, "types");
static_assert((int)DEVICE_MKNOD == (int)BPF_DEVCG_ACC_MKNOD && (int)DEVICE_WRITE == (int)BPF_DEVCG_ACC_WRITE, "access");

/* The policy device that a rule lies inside, or NULL. "Any" of a rule only fits "any" of policy. */
static const struct policy_device *allowed_by(const struct policy_common *p, const struct device_rule *rule)
{
	for (uint32_t i = 0; i < p->ndevices && i < POLICY_DEVICES_MAX; i++) {
		const struct policy_device *d = &p->devices[i];

		if ((d->type == DEVICE_ANY || d->type == rule->type) &&
		    (d->major == DEVICE_ANY || d->major == rule->major) &&
		    (d->minor == DEVICE_ANY || d->minor == rule->minor) && !(rule->access & ~d->access))
			return d;
	}
	return NULL;
}

static int take_rules(struct request *r, struct device_config *config)
{
	const struct req_device_attach *req = r->req;
	size_t n = ARRAY_SIZE(default_rules);

	memcpy(config->rules, default_rules, sizeof(default_rules));
	if (req->rules.n % 4)
		return request_fail(r, -EINVAL, "rules");
	for (uint32_t i = 0; i < req->rules.n; i += 4) {
		const uint32_t *v = &req->rules.v[i];
		const struct device_rule rule = { v[0], v[1], v[2], v[3] };
		const struct policy_device *d;

		if (rule.type != DEVICE_BLOCK && rule.type != DEVICE_CHAR) {
			request_rule(r, "no rule for all devices");
			return request_fail(r, -EPERM, "rules");
		}
		if (!rule.access || (rule.access & ~7u) || n == DEVICE_RULES)
			return request_fail(r, -EINVAL, "rules");
		d = allowed_by(r->helper->policy, &rule);
		request_rule(r, d ? d->rule : "devices");
		if (!d)
			return request_fail(r, -EPERM, "rules");
		config->rules[n++] = rule;
	}
	return 0;
}

static bool is_cgroups(const struct policy_common *policy, int dir)
{
	struct fd_id id;

	return fd_identify(dir, &id) == 0 && id.uid == policy->ids_base + HELPER_CGROUP;
}

/* A directory in the delegated root, or in a parent there, made by postern-cgroup. The kernel's cgroup2 is already
 * known to be the file system (message_prove_fds); ".." of a cgroup is its parent, whoever opened it and how. */
static int prove_cgroup(struct request *r, int cgroup, struct fd_id *ret)
{
	const struct policy_common *policy = r->helper->policy;
	_cleanup_close_ int parent = openat(cgroup, "..", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	_cleanup_close_ int above = openat(cgroup, "../..", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	uint32_t n = 0;
	int e;

	if (parent < 0)
		return request_fail(r, -errno, "parent");
	if (!fd_same(parent, FD_ROOT) && !(is_cgroups(policy, parent) && fd_same(above, FD_ROOT)))
		return request_fail(r, -EPERM, "parent");
	e = fd_prove(cgroup, FDK_CGROUP2, ret);
	if (e < 0)
		return request_fail(r, e, "cgroup");
	/* The other directory there is spawn's own, which belongs to root. */
	if (!is_cgroups(policy, cgroup))
		return request_fail(r, -EPERM, "owner");
	e = bpf_prog_query(cgroup, BPF_CGROUP_DEVICE, 0, NULL, NULL, &n);
	if (e < 0)
		return request_fail(r, e, "query");
	return n == 0 ? 0 : request_fail(r, -EEXIST, "query");
}

static int device_attach(struct request *r)
{
	const struct req_device_attach *req = r->req;
	const struct ctx *c = r->helper->ctx;
	struct device_config config = { .ready = 1 };
	struct bpf_cgroup_storage_key key = { .attach_type = BPF_CGROUP_DEVICE };
	struct fd_id id = { 0 };
	int e;

	e = prove_cgroup(r, req->cgroup, &id);
	if (e == 0)
		e = take_rules(r, &config);
	if (e < 0)
		return e;
	memcpy(config.container, r->container, sizeof(config.container));
	memcpy(config.name, req->name, strnlen(req->name, sizeof(config.name) - 1));
	/* Several may be attached and all must agree: what the host attaches further up still holds. From here on every
	 * device is denied until the rules are there; the kernel exchanges a value as a whole. */
	e = bpf_prog_attach(c->obj[OBJ_PROGRAM], req->cgroup, BPF_CGROUP_DEVICE, BPF_F_ALLOW_MULTI);
	if (e < 0)
		return request_fail(r, e, "attach");
	key.cgroup_inode_id = id.ino;
	e = bpf_map_update_elem(c->obj[OBJ_CONFIGS], &key, &config, BPF_EXIST);
	return e < 0 ? request_fail(r, e, "rules") : 0;
}

/* --- denials ------------------------------------------------------------------------------------------------- */

static void access_words(uint32_t access, char *out)
{
	static const struct {
		uint32_t bit;
		char letter;
	} letters[] = { { BPF_DEVCG_ACC_READ, 'r' }, { BPF_DEVCG_ACC_WRITE, 'w' }, { BPF_DEVCG_ACC_MKNOD, 'm' } };

	for (unsigned i = 0; i < ARRAY_SIZE(letters); i++)
		if (access & letters[i].bit)
			*out++ = letters[i].letter;
	*out = '\0';
}

static int on_event(void *data, void *sample, size_t size)
{
	const struct device_event *e = sample;
	struct helper *h = data;
	struct ctx *c = h->ctx;
	char text[1024], hex[ID_HEX + 1], access[4], name[DEVICE_NAME];
	struct json_text j;

	if (size < sizeof(*e))
		return 0;
	if (c->handled++ >= EVENTS_AT_ONCE) {
		c->dropped += 1 + e->suppressed;
		return 0;
	}
	hex_encode(e->container, ID_BYTES, hex);
	access_words(e->access, access);
	memcpy(name, e->name, sizeof(name));
	name[sizeof(name) - 1] = '\0';
	json_begin(&j, text, sizeof(text));
	json_str(&j, "op", "denied");
	json_str(&j, "decision", "denied");
	json_str(&j, "container", hex);
	json_str(&j, "claimed_name", name);
	json_u64(&j, "cgroup", e->cgroup);
	json_u64(&j, "subject", e->pid);
	json_str(&j, "type", e->type == BPF_DEVCG_DEV_BLOCK ? "b" : "c");
	json_u64(&j, "major", e->major);
	json_u64(&j, "minor", e->minor);
	json_str(&j, "access", access);
	if (e->suppressed || c->dropped)
		json_u64(&j, "unreported", e->suppressed + c->dropped);
	c->dropped = 0;
	helper_event(h, text);
	return 0;
}

static void ring_ready(struct helper *h, int fd, short revents, void *data)
{
	struct ctx *c = h->ctx;

	c->handled = 0;
	ring_buffer__consume(c->ring);
}

/* --- start --------------------------------------------------------------------------------------------------- */

static int mailbox_put(const int *fds)
{
	struct frame_header h = { 0 };

	return frame_send(FD_MAILBOX_IN, &h, NULL, 0, fds, OBJ_COUNT, MSG_DONTWAIT);
}

/* -EAGAIN when nothing was put there before. */
static int mailbox_get(int *ret)
{
	static struct frame f;
	int e = frame_receive(FD_MAILBOX_OUT, &f, MSG_DONTWAIT);

	if (e < 0)
		return e;
	if (f.h.nfds != OBJ_COUNT) {
		frame_close_fds(&f);
		return -EBADMSG;
	}
	memcpy(ret, f.fds, sizeof(int) * OBJ_COUNT);
	return 0;
}

static int load(int *ret)
{
	struct device_bpf *skel = device_bpf__open_and_load();

	if (!skel)
		return -errno;
	ret[OBJ_PROGRAM] = fcntl(bpf_program__fd(skel->progs.device_filter), F_DUPFD_CLOEXEC, FD_ROOT + 1);
	ret[OBJ_CONFIGS] = fcntl(bpf_map__fd(skel->maps.configs), F_DUPFD_CLOEXEC, FD_ROOT + 1);
	ret[OBJ_EVENTS] = fcntl(bpf_map__fd(skel->maps.events), F_DUPFD_CLOEXEC, FD_ROOT + 1);
	device_bpf__destroy(skel);
	for (unsigned i = 0; i < OBJ_COUNT; i++)
		if (ret[i] < 0)
			return -EMFILE;
	return 0;
}

/* Of bpf(2) only what an attach takes; the first argument is the command itself. The list of system calls comes on top.
 */
static int fence_bpf(void)
{
	struct sock_filter f[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_bpf, 0, 5),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, BPF_PROG_ATTACH, 3, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, BPF_PROG_QUERY, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, BPF_MAP_UPDATE_ELEM, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { .len = ARRAY_SIZE(f), .filter = f };

	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) < 0 ? -errno : 0;
}

static int start(struct helper *h)
{
	struct ctx *c = h->ctx;
	const char *step = "mailbox";
	int e = mailbox_get(c->obj);

	libbpf_set_print(NULL);
	if (e == -EAGAIN) {
		step = "load";
		e = load(c->obj);
	}
	if (e == 0) {
		step = "mailbox";
		e = mailbox_put(c->obj);
	}
	if (e == 0) {
		step = "ring";
		c->ring = ring_buffer__new(c->obj[OBJ_EVENTS], on_event, h, NULL);
		e = c->ring ? helper_poll_add(h, ring_buffer__epoll_fd(c->ring), POLLIN, ring_ready, NULL) : -errno;
	}
	if (e == 0) {
		step = "fences";
		/* Since 5.19 only loading needs CAP_BPF. */
		e = sandbox_caps_set(CAP_BIT(CAP_NET_ADMIN));
	}
	if (e == 0)
		e = sandbox_landlock(NULL, 0, NULL);
	if (e == 0)
		e = fence_bpf();
	if (e < 0)
		log_error("device program: %s: %s", step, strerror(-e));
	return e;
}

int main(int argc, char **argv)
{
	static const struct handler handlers[] = { { OP_DEVICE_ATTACH, device_attach } };
	static const int syscalls[] = { SYS_bpf, SYS_openat };
	const struct helper_def def = {
		.id = HELPER_DEVICE,
		.handlers = handlers,
		.nhandlers = ARRAY_SIZE(handlers),
		.policy_size = sizeof(struct policy_common),
		.ctx_size = sizeof(struct ctx),
		.start = start,
		.syscalls = syscalls,
		.nsyscalls = ARRAY_SIZE(syscalls),
		.controller_rights = op_bit(OP_DEVICE_ATTACH),
	};

	return helper_run(&def, argc, argv);
}
