/* start.c - docker start: a plan over the helpers (design.md, "How a container starts").
 *
 * Whatever does not depend on another answer is asked at once; the CPU work (spec, seccomp) is done while helpers work.
 * A plan owns every pending call, fd, ticket and kernel object until the container runs; on any failure plan_abandon
 * waits for what is still on its way and gives all of it back, so that nothing is left behind. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../helpers/base/cleanup.h"
#include "../../helpers/base/fd.h"
#include "../../helpers/base/log.h"
#include "../../helpers/base/text.h"
#include "../image/image.h"
#include "../json.h"
#include "../task.h"
#include "internal.h"
#include "log_file.h"
#include "../network/network.h"
#include "start.h"

/* "audio,20+alice": the groups that are asked for beside, and the user. -1 when they are too many. */
static int user_key(struct plan *p, struct err *err)
{
	const cJSON *groups = json_get(json_get(p->merged, "HostConfig"), "GroupAdd"), *g;
	struct req_layer_user *req;
	size_t len = 0;

	p->user_key[0] = '\0';
	cJSON_ArrayForEach(g, groups) {
		int n = snprintf(p->user_key + len, sizeof(req->more) - len, "%s%s", len ? "," : "", g->valuestring);

		if (n < 0 || (size_t)n >= sizeof(req->more) - len)
			return err_set(err, 400, "too many groups: their names have more than %zu bytes",
				       sizeof(req->more) - 1);
		len += (size_t)n;
	}
	p->groups_len = len;
	snprintf(p->user_key + len, sizeof(p->user_key) - len, "+%s", p->user_name);
	return 0;
}

static int plan_read(struct plan *p, struct err *err)
{
	struct container *c = p->c;
	const cJSON *config;
	char ref[80];

	p->merged = container_config(c);
	config = json_get(p->merged, "Config");
	p->user_name = json_text(config, "User", "", err);
	p->tty = json_bool(config, "Tty", false, err);
	if (err->status)
		return -1;
	snprintf(ref, sizeof(ref), "sha256:%s", c->row.image_id);
	if (image_find(p->e, ref, &p->image, err) < 0)
		return -1;
	if (cdi_inject(p->merged, err) < 0)
		return -1;
	if (user_key(p, err) < 0 || container_mounts(p->merged, &p->mounts, err) < 0 ||
	    devices_expand(p->e, p->merged, &p->mounts, err) < 0)
		return -1;
	message_init(&op_desc(OP_CGROUP_CREATE)->req, &p->limits);
	if (spec_limits(p->merged, &p->limits, err) < 0 || devices_io(p->merged, &p->limits, err) < 0)
		return -1;
	memcpy(p->limits.container, c->raw_id, ID_BYTES);
	return spec_log_parse(p->merged, &p->log_options, err);
}

/* --- first wave: what depends on nothing ----------------------------------------------------------------- */
static void submit_user(struct plan *p)
{
	struct req_layer_user *req;

	/* What the image says holds until the container has run and may have changed it. */
	if (!p->c->row.started_ns &&
	    user_cache_get(p->e->containers, p->c->row.image_id, p->user_key, &p->user) == 0)
		return;
	req = calloc(1, sizeof(*req));
	if (!req)
		abort();
	req->layers.n = p->image.nlayers;
	memcpy(req->layers.id, p->image.layers, p->image.nlayers * ID_BYTES);
	snprintf(req->user, sizeof(req->user), "%s", p->user_name);
	snprintf(req->more, sizeof(req->more), "%.*s", (int)p->groups_len, p->user_key);
	p->user_call = helper_submit(p->e, OP_LAYER_USER, req, &p->ctx, 0);
	free(req);
}

static int take_user(struct plan *p, struct err *err)
{
	char stage[STAGE_MAX] = "";
	struct err failure = { 0 };
	struct pending *call = TAKE_PTR(p->user_call);
	int r;

	if (!call)
		return 0;
	r = helper_wait(call, &p->user, &failure, stage);
	if (r == -ENOENT && stage[0] == '+')
		return err_set(err, 400, "Unable to find group %s: no matching entries in group file", stage + 1);
	if (r == -ENOENT && !strcmp(stage, "group"))
		return err_set(err, 400, "unable to find group %s: no matching entries in group file",
			       strchr(p->user_name, ':') ? strchr(p->user_name, ':') + 1 : "");
	if (r == -ENOENT)
		return err_set(err, 400, "unable to find user %.*s: no matching entries in passwd file",
			       (int)strcspn(p->user_name, ":"), p->user_name);
	if (r == -ERANGE)
		return err_set(err, 400, "uids and gids must be in range 0-%u: a container has no others",
			       MAP_SIZE - 1);
	if (r < 0) {
		*err = failure;
		return -1;
	}
	if (!p->c->row.started_ns)
		user_cache_put(p->e->containers, p->c->row.image_id, p->user_key, &p->user);
	return 0;
}

static void submit_rootfs(struct plan *p)
{
	struct req_mount_rootfs *req = calloc(1, sizeof(*req));

	if (!req)
		abort();
	req->mapping = p->slot.ticket;
	req->layers.n = p->image.nlayers;
	if (p->image.nlayers)
		memcpy(req->layers.id, p->image.layers, p->image.nlayers * ID_BYTES);
	/* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): plan_new sets p->c */
	memcpy(req->container, p->c->raw_id, ID_BYTES);
	p->rootfs_call = helper_submit(p->e, OP_MOUNT_ROOTFS, req, &p->ctx, 0);
	free(req);
}

/* --- spec and filter ------------------------------------------------------------------------------------- */
static int make_seccomp(struct plan *p, struct err *err)
{
	const char *profile;
	const void *filter;
	uint64_t caps;
	size_t bytes;

	if (spec_seccomp_unconfined(p->merged, &profile))
		return 0;
	if (profile && !p->e->policy->allow.seccomp_custom)
		return err_set(err, 403,
			       "a seccomp profile of one's own is not allowed (policy: security.seccomp_custom)");
	/* Docker runs privileged ones without a filter; here policy may say so, and else they have the usual one. */
	if (!profile && p->e->policy->allow.seccomp_unconfined &&
	    json_bool(json_get(p->merged, "HostConfig"), "Privileged", false, NULL))
		return 0;
	if (spec_caps(p->merged, ~UINT64_C(0), &caps, err) < 0 ||
	    seccomp_filter(profile, caps, &filter, &bytes, err) < 0)
		return -1;
	p->seccomp = memfd_sealed("seccomp", filter, bytes);
	return p->seccomp < 0 ? err_set(err, 500, "seccomp filter: %s", strerror(-p->seccomp)) : 0;
}

/* Takes text, which may be NULL: then there is nothing to say. */
static void annotate(struct plan *p, const char *name, char *text)
{
	if (text)
		cJSON_AddStringToObject(cJSON_GetObjectItem(p->spec, "annotations"), name, text);
	free(text);
}

static int add_log_attrs(struct plan *p, struct err *err)
{
	const struct container_row *row = &p->c->row;
	const struct spec_log_info info = { row->id, row->name, row->image_id, row->image_ref };
	const struct spec_log *log = &p->log_options;
	char *text;

	if (log->journal) {
		if (spec_log_journal(p->merged, &info, &text, err) < 0)
			return -1;
		annotate(p, "org.postern.journal", text);
	}
	if (log->journal || log->driver == SPEC_LOG_JSON_FILE) {
		if (spec_log_attrs(p->merged, &info, &text, err) < 0)
			return -1;
		annotate(p, "org.postern.log", text);
	}
	return 0;
}

static int make_spec(struct plan *p, struct err *err)
{
	struct spec_input in = {
		.merged = p->merged,
		.id = p->c->row.id,
		.name = p->c->row.name,
		.uid = p->user.uid,
		.gid = p->user.gid,
		.groups = p->user.groups.v,
		.ngroups = p->user.groups.n,
		.home = p->user.home,
		.mounts = &p->mounts,
		.network_of = p->join.network_of,
		.net_hosts = p->hosts,
		.net_resolv = p->resolv,
		.host_hosts = p->join.hosts,
		.host_resolv = p->join.resolv,
		.image_layers = p->image_layers,
		.cgroups_path = p->c->row.id,
		.ids = p->e->policy,
		.caps_allowed = ~UINT64_C(0), /* spawn holds the policy and refuses */
	};
	char *text;

	p->spec = spec_build(&in, err);
	if (!p->spec)
		return -1;
	if (make_seccomp(p, err) < 0 || add_log_attrs(p, err) < 0)
		return -1;
	text = cJSON_PrintUnformatted(p->spec);
	if (!text)
		return err_set(err, 500, "out of memory");
	p->spec_fd = memfd_sealed("spec", text, strlen(text));
	cJSON_free(text);
	return p->spec_fd < 0 ? err_set(err, 500, "spec: %s", strerror(-p->spec_fd)) : 0;
}

static int open_files(struct plan *p, struct err *err)
{
	if (p->log_options.kept) {
		p->log = log_file_create(p->c, &p->log_options);
		if (p->log < 0)
			return err_set(err, 500, "log file: %s", strerror(-p->log));
	}
	p->exit_file = container_open_exit(p->c, O_RDWR | O_CREAT | O_TRUNC);
	return p->exit_file < 0 ? err_set(err, 500, "exit file: %s", strerror(-p->exit_file)) : 0;
}

/* --- cgroup and devices ---------------------------------------------------------------------------------- */
static void warn_unsupported(const struct plan *p)
{
	static const char *const limit[LIMIT_COUNT] = {
		"memory",	 "memory swap",	      "memory reservation", "pids",	   "cpu quota",
		"cpu period",	 "cpu shares",	      "blkio weight",	    "swappiness",  "oom kill",
		"cpuset cpus",	 "cpuset mems",	      "device read bps",    "write bps",   "device read iops",
		"device write iops", "device weight",
	};

	for (unsigned i = 0; i < ARRAY_SIZE(limit); i++)
		if (p->cgroup.unsupported & (UINT64_C(1) << i))
			log_warn("container %.12s: this host cannot limit %s", p->c->row.id, limit[i]);
}

static int take_cgroup(struct plan *p, struct err *err)
{
	struct req_device_attach req;

	if (helper_absent(p->e, HELPER_CGROUP))
		return 0; /* `info` and the answer to create say what that means */
	if (helper_wait(TAKE_PTR(p->cgroup_call), &p->cgroup, err, NULL) < 0)
		return -1;
	p->has_cgroup = true;
	warn_unsupported(p);
	message_init(&op_desc(OP_DEVICE_ATTACH)->req, &req);
	snprintf(req.name, sizeof(req.name), "%s", p->c->row.name);
	plan_device_rules(p, &req);
	if (devices_rules(p->e, p->merged, &req, err) < 0)
		return -1;
	req.cgroup = p->cgroup.v2;
	if (helper_absent(p->e, HELPER_DEVICE))
		return 0;
	p->device_call = helper_submit(p->e, OP_DEVICE_ATTACH, &req, &p->ctx, 0);
	return 0;
}

/* --- the process ----------------------------------------------------------------------------------------- */
static int spawn_create(struct plan *p, struct err *err)
{
	const cJSON *config = json_get(p->merged, "Config");
	struct rep_spawn_create rep;
	struct req_spawn_create req;
	char stage[STAGE_MAX] = "";
	struct err failure = { 0 };
	struct pending *call;
	int r;

	message_init(&op_desc(OP_SPAWN_CREATE)->req, &req);
	memcpy(req.container, p->c->raw_id, ID_BYTES);
	req.terminal = p->tty;
	req.open_stdin = json_bool(config, "OpenStdin", false, NULL);
	req.stdin_once = json_bool(config, "StdinOnce", false, NULL);
	req.spec = p->spec_fd;
	req.seccomp = p->seccomp;
	req.userns = p->slot.userns;
	req.netns = p->join.host & HOST_NETWORK ? -EBADF : p->slot.netns;
	req.pidns = p->join.pidns;
	req.ipcns = p->join.ipcns;
	req.utsns = p->join.utsns;
	req.shm = p->join.shm;
	req.host = p->join.host;
	req.privileged = json_bool(json_get(p->merged, "HostConfig"), "Privileged", false, NULL);
	req.cgroup = p->cgroup.v2;
	req.cgroup_v1.n = p->cgroup.v1.n;
	memcpy(req.cgroup_v1.fd, p->cgroup.v1.fd, p->cgroup.v1.n * sizeof(int));
	req.layers.n = p->rootfs.layers.n;
	memcpy(req.layers.fd, p->rootfs.layers.fd, p->rootfs.layers.n * sizeof(int));
	req.upper = p->rootfs.upper;
	for (unsigned i = 0; i < p->nbinds; i++) {
		const struct bind *b = &p->binds[i];

		if (!b->image)
			req.binds.fd[req.binds.n++] = b->fd;
		for (unsigned k = 0; b->image && k < b->image->mounts.layers.n; k++)
			req.binds.fd[req.binds.n++] = b->image->mounts.layers.fd[k];
	}
	req.log = p->log;
	req.log_size = p->log_options.size;
	req.log_slots = p->log_options.slots;
	req.log_binary = p->log_options.binary;
	req.log_journal = p->log_options.journal;
	req.exit = p->exit_file;
	p->created = true; /* or will be, if the answer does not come */
	call = helper_submit(p->e, OP_SPAWN_CREATE, &req, &p->ctx, 0);
	if (p->net)
		net_continue(p->net);
	r = helper_wait(call, &rep, &failure, stage);
	if (r < 0) {
		if (failure.status == 403)
			return err_set(err, 403, "%s", failure.message);
		if (strcmp(stage, "journal") == 0)
			return err_set(err, 500,
				       "failed to create task for container: failed to initialize logging driver: "
				       "journald is not enabled on this host (%s): "
				       "its socket is the launcher's --journal",
				       go_error(-r));
		start_error(p->spec, r, stage, err);
		return -1;
	}
	p->pid = rep.pid;
	close_fd(rep.pidfd);
	r = container_link_monitor(p->c, rep.monitor);
	return r < 0 ? err_set(err, 500, "monitor: %s", strerror(-r)) : 0;
}

static int spawn_start(struct plan *p, struct err *err)
{
	struct req_spawn_start req = { 0 };
	char stage[STAGE_MAX] = "";
	struct attach_calls attaching;
	struct err failure = { 0 };
	struct pending *call;
	int r;

	container_ask_attachers(p->c, &attaching);
	memcpy(req.container, p->c->raw_id, ID_BYTES);
	p->began_ns = time_now_ns();
	call = helper_submit(p->e, OP_SPAWN_START, &req, &p->ctx, 0);
	container_take_attachers(p->c, &attaching);
	r = helper_wait(call, NULL, &failure, stage);
	if (r == 0)
		return 0;
	if (failure.status == 403)
		return err_set(err, 403, "%s", failure.message);
	start_error(p->spec, r, stage, err);
	return -1;
}

/* --- the whole ------------------------------------------------------------------------------------------- */
/* Into its networks, if it has a network of its own; the files there tell of them. */
static int begin_network(struct plan *p, struct err *err)
{
	struct container *of = p->join.network_of ? container_by_id(p->e, p->join.network_of_id) : p->c;
	const cJSON *merged = p->join.network_of ? p->join.network_of : p->merged;

	if (of == p->c && (p->join.host & HOST_NETWORK ||
			   net_begin(p->c, merged, p->slot.userns, p->slot.netns, &p->ctx, &p->net, err) < 0))
		return err->status ? -1 : 0;
	if (!of || !net_is_in(of))
		return 0;
	p->hosts = net_hosts(of, merged, err);
	p->resolv = p->hosts ? net_resolv(of, merged, err) : NULL;
	if (p->resolv && of == p->c && links_env(p->c, p->merged, err) < 0)
		return -1;
	return p->resolv ? 0 : -1;
}

static int plan_run(struct plan *p, struct err *err)
{
	struct engine *e = p->e;

	if (plan_read(p, err) < 0)
		return -1;
	if (!helper_absent(e, HELPER_CGROUP))
		p->cgroup_call = helper_submit(e, OP_CGROUP_CREATE, &p->limits, &p->ctx, 0);
	submit_user(p);
	if (plan_submit_sources(p, err) < 0)
		return -1;
	if (plan_join(p, err) < 0 || begin_network(p, err) < 0)
		return -1;
	submit_rootfs(p);
	plan_submit_volumes(p);
	if (take_user(p, err) < 0 || make_spec(p, err) < 0 || open_files(p, err) < 0)
		return -1;
	/* Devices first: the rules need their numbers. */
	if (plan_take_sources(p, err) < 0 || take_cgroup(p, err) < 0 || plan_map_binds(p, err) < 0)
		return -1;
	if (helper_wait(TAKE_PTR(p->rootfs_call), &p->rootfs, err, NULL) < 0)
		return -1;
	p->has_rootfs = true;
	if (plan_take_binds(p, err) < 0)
		return -1;
	if (spawn_create(p, err) < 0 || (p->net && net_finish(p->net, err) < 0))
		return -1;
	/* The filter is of the cgroup, and must be there before the program, not before its process. */
	if (p->device_call && helper_wait(TAKE_PTR(p->device_call), NULL, err, NULL) < 0)
		return -1;
	return spawn_start(p, err);
}

/* The mappings and sources have done their part once the mounts are made. */
static void drop_tickets(struct plan *p)
{
	struct req_mount_drop req = { 0 };

	p->ctx.client = -1; /* who may have left by now; giving up needs nobody's right */
	if (p->slot.ticket && p->slot.mount_generation == helper_generation(p->e, HELPER_MOUNT))
		req.tickets.v[req.tickets.n++] = p->slot.ticket;
	for (unsigned i = 0; i < p->nbinds; i++) {
		const struct bind *b = &p->binds[i];
		uint64_t mine[2] = { b->opened ? b->source : 0, b->mapping_made ? b->mapping : 0 };

		for (unsigned k = 0; k < 2; k++) {
			if (!mine[k])
				continue;
			if (req.tickets.n == ARRAY_SIZE(req.tickets.v)) {
				helper_detach(helper_submit(p->e, OP_MOUNT_DROP, &req, &p->ctx, 0));
				req.tickets.n = 0;
			}
			req.tickets.v[req.tickets.n++] = mine[k];
		}
	}
	p->slot.ticket = 0;
	if (req.tickets.n)
		helper_detach(helper_submit(p->e, OP_MOUNT_DROP, &req, &p->ctx, 0));
}

/* After a failure: takes what is still on its way, then gives everything back. */
static void plan_abandon(struct plan *p)
{
	p->ctx.client = -1;
	if (p->cgroup_call)
		p->has_cgroup = helper_wait(TAKE_PTR(p->cgroup_call), &p->cgroup, NULL, NULL) == 0;
	if (p->rootfs_call)
		p->has_rootfs = helper_wait(TAKE_PTR(p->rootfs_call), &p->rootfs, NULL, NULL) == 0;
	if (p->user_call)
		helper_wait(TAKE_PTR(p->user_call), NULL, NULL, NULL);
	if (p->device_call)
		helper_wait(TAKE_PTR(p->device_call), NULL, NULL, NULL);
	plan_collect_binds(p);
	drop_tickets(p);
	net_end(TAKE_PTR(p->net), /* failed= */ true);
	p->slot.userns = close_fd(p->slot.userns);
	p->slot.netns = close_fd(p->slot.netns);
	if (p->has_cgroup || p->slot.base)
		container_release_kernel(p->e, p->c->raw_id, p->slot.base, /* kill= */ p->created);
	monitor_link_destroy(TAKE_PTR(p->c->monitor));
}

static void plan_finish(struct plan *p)
{
	if (p->has_cgroup)
		message_close_fds(&op_desc(OP_CGROUP_CREATE)->rep, &p->cgroup);
	if (p->has_rootfs)
		message_close_fds(&op_desc(OP_MOUNT_ROOTFS)->rep, &p->rootfs);
	plan_finish_binds(p);
	close_fd(p->slot.userns);
	close_fd(p->slot.netns);
	join_finish(&p->join);
	net_end(p->net, /* failed= */ false);
	free(p->hosts);
	free(p->resolv);
	close_fd(p->spec_fd);
	close_fd(p->seccomp);
	close_fd(p->log);
	close_fd(p->exit_file);
	spec_mounts_finish(&p->mounts);
	image_finish(&p->image);
	cJSON_Delete(p->spec);
	cJSON_Delete(p->merged);
	free(p);
}

static struct plan *plan_create(struct container *c, const struct call_ctx *ctx)
{
	struct plan *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->e = c->e;
	p->c = c;
	p->ctx = *ctx;
	p->ctx.container = c->raw_id;
	message_init(&op_desc(OP_CGROUP_CREATE)->rep, &p->cgroup);
	join_init(&p->join);
	p->slot.userns = p->slot.netns = p->spec_fd = p->seccomp = p->log = p->exit_file = -EBADF;
	return p;
}

static void started(struct plan *p)
{
	struct container *c = p->c;

	c->row.pid = p->pid;
	container_set_base(c, p->slot.base);
	c->row.cgroup_id = p->cgroup.cgroup_id;
	c->row.started_ns = p->began_ns;
	c->row.exit_code = 0;
	c->row.oom_killed = false;
	free(TAKE_PTR(c->row.error));
	container_apply(c, EVENT_STARTED);
	container_store(c);
	net_tell(c, "connect");
	container_tell_volumes(c, /* mounted= */ true);
	container_emit(c, "start", NULL, NULL);
	drop_tickets(p);
	pool_refill(c->e);
}

static void not_started(struct container *c, struct err *err)
{
	char code[16];

	c->row.exit_code = start_exit_code(err);
	free(c->row.error);
	c->row.error = strdup(err->message);
	c->row.pid = 0;
	container_set_base(c, 0);
	snprintf(code, sizeof(code), "%d", c->row.exit_code);
	container_apply(c, c->row.started_ns ? EVENT_RESTART_FAILED : EVENT_NOT_STARTED);
	container_store(c);
	container_emit(c, "die", "exitCode", code);
}

int container_start(struct container *c, const struct call_ctx *ctx, struct err *err)
{
	struct plan *p;
	int r;

	while (c->row.status == STATUS_STARTING || c->cleaning)
		container_watch(c, -1);
	if (c->row.status == STATUS_PAUSED)
		return err_set(err, 409, "cannot start a paused container, try unpause instead");
	if (c->row.status == STATUS_RUNNING)
		return 1;
	if (c->gone || container_next_status(c->row.status, EVENT_START) < 0)
		return err_set(err, 409, "container is marked for removal and cannot be started");
	p = plan_create(c, ctx);
	if (!p)
		return err_set(err, 500, "out of memory");
	container_ref(c);
	c->e->containers->busy++;
	c->exit_seen = false;
	container_apply(c, EVENT_START);
	r = plan_run(p, err);
	if (r < 0) {
		plan_abandon(p);
		not_started(c, err);
		container_fail_attachers(c);
	} else {
		started(p);
	}
	plan_finish(p);
	c->e->containers->busy--;
	if (r < 0 && c->row.auto_remove) {
		container_remove(c, /* force= */ true, /* volumes= */ true, ctx, NULL);
		/* Who waits for the removal hears of it before who asked for the start, as in Docker. */
		task_sleep_ms(1);
	}
	container_put(c);
	return r < 0 ? -1 : 0;
}
