/* recover.c - after a start of the controller: rows against the kernel.
 *
 * A row and the kernel may differ by one step. Whoever has a monitor lives on; whoever has none has ended, and its exit
 * file says how; a cgroup, a monitor or a directory that no row stands for is the rest of a step that was cut off and
 * goes. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../helpers/base/cleanup.h"
#include "../../helpers/base/log.h"
#include "../../helpers/base/text.h"
#include "../task.h"
#include "internal.h"
#include "log_file.h"

enum { CONNECT_ATTEMPTS = 5, CONNECT_PAUSE_MS = 200, PAGES_MAX = 2 * CONTAINERS_MAX / 512 };

/* 0, -ENOENT when there is no monitor, or another -errno when it cannot be told. */
static int connect_monitor(struct container *c, struct rep_spawn_connect *ret)
{
	struct req_spawn_connect req;
	struct call_ctx ctx = container_ctx(c);
	struct err err = { 0 };
	int r = -EIO;

	memcpy(req.container, c->raw_id, ID_BYTES);
	for (unsigned i = 0; i < CONNECT_ATTEMPTS; i++) {
		err.status = 0;
		r = helper_call(c->e, OP_SPAWN_CONNECT, &req, ret, &ctx, &err);
		if (r == 0 || r == -ENOENT)
			return r;
		if (r == -ESRCH || r == -ECONNREFUSED)
			return -ENOENT;
		task_sleep_ms(CONNECT_PAUSE_MS);
	}
	log_error("container %.12s: %s", c->row.id, err.message);
	return r;
}

static void recover_running(struct container *c)
{
	struct rep_spawn_connect rep;
	struct req_monitor_state req = { 0 };
	struct rep_monitor_state state;
	int r;

	c->row.status = c->row.status == STATUS_PAUSED ? STATUS_PAUSED : STATUS_RUNNING;
	r = connect_monitor(c, &rep);
	if (r == -ENOENT) {
		container_finish_run(c);
		return;
	}
	if (r < 0)
		return; /* it may well run: not ours to end */
	close_fd(rep.pidfd);
	if (rep.pid)
		c->row.pid = rep.pid;
	if (container_link_monitor(c, rep.monitor) < 0)
		return;
	r = monitor_call(c->monitor, OP_MONITOR_STATE, &req, &state, NULL);
	if (r == 0 && state.exited && !c->exit_seen && container_is_running(c)) {
		c->exit = (struct req_monitor_exited){
			.exited = 1, .code = state.code, .signal = state.signal, .time_ns = state.time_ns
		};
		c->exit_seen = true;
		container_finish_run(c);
		return;
	}
	log_archive_begin(c);
	log_info("container %.12s (%s) runs on", c->row.id, c->row.name);
}

/* The next container whose row says that it was doing something; rows change while we wait. */
static struct container *next_unsettled(struct engine *e, const struct container *after)
{
	struct container *c = after ? TAILQ_NEXT(after, next) : TAILQ_FIRST(&e->containers->all);

	return c ? container_ref(c) : NULL;
}

static void settle(struct container *c)
{
	switch (c->row.status) {
	case STATUS_RUNNING:
	case STATUS_STARTING:
	case STATUS_PAUSED:
		recover_running(c);
		break;
	case STATUS_REMOVING:
		container_apply(c, EVENT_REMOVE_FAILED);
		/* fallthrough */
	case STATUS_DEAD:
		container_remove(c, /* force= */ true, /* volumes= */ c->row.auto_remove, NULL, NULL);
		break;
	case STATUS_EXITED:
		if (c->row.auto_remove)
			container_remove(c, /* force= */ true, /* volumes= */ true, NULL, NULL);
		break;
	default:
		break;
	}
}

static void settle_all(struct engine *e)
{
	struct container *c = NULL, *next;

	/* A container that was removed has left the list: then we begin again; those already settled cost nothing. */
	while ((next = next_unsettled(e, c && !c->gone ? c : NULL))) {
		if (c)
			container_put(c);
		c = next;
		if (!c->monitor)
			settle(c);
	}
	if (c)
		container_put(c);
}

/* Cgroups of containers that do not run by their rows: whatever is in them ends, monitors with it. */
static void remove_cgroups(struct engine *e)
{
	struct rep_cgroup_list *rep = malloc(sizeof(*rep));
	struct req_cgroup_list req = { .skip = 0 };

	/* Bounded, since one that cannot be removed is listed again. */
	for (unsigned page = 0; rep && page < PAGES_MAX; page++) {
		if (helper_call(e, OP_CGROUP_LIST, &req, rep, NULL, NULL) < 0)
			break;
		e->limits = rep->limits;
		for (uint32_t i = 0; i < rep->containers.n; i++) {
			char id[ID_HEX + 1];
			struct container *c;

			hex_encode(rep->containers.id[i], ID_BYTES, id);
			c = container_by_id(e, id);
			if (c && (container_is_running(c) || c->row.status == STATUS_STARTING || c->cleaning)) {
				req.skip++;
				continue;
			}
			log_warn("container %.12s: a cgroup without a run is removed", id);
			container_release_kernel(e, rep->containers.id[i], 0, /* kill= */ true);
		}
		if (rep->containers.n < ARRAY_SIZE(rep->containers.id))
			break;
	}
	free(rep);
}

/* Monitors whose container has no run and, so, no cgroup any more: nothing is left to kill but what they watch. */
static void remove_monitors(struct engine *e)
{
	struct rep_spawn_list *rep = malloc(sizeof(*rep));
	struct req_spawn_list req = { .skip = 0 };

	while (rep && helper_call(e, OP_SPAWN_LIST, &req, rep, NULL, NULL) == 0) {
		for (uint32_t i = 0; i < rep->containers.n; i++) {
			struct req_spawn_signal end = { .signal = 9 };
			char id[ID_HEX + 1];
			struct container *c;

			hex_encode(rep->containers.id[i], ID_BYTES, id);
			c = container_by_id(e, id);
			if (c && (container_is_running(c) || c->row.status == STATUS_STARTING || c->cleaning))
				continue;
			memcpy(end.container, rep->containers.id[i], ID_BYTES);
			helper_call(e, OP_SPAWN_SIGNAL, &end, NULL, NULL, NULL);
		}
		if (rep->containers.n < ARRAY_SIZE(rep->containers.id))
			break;
		req.skip += rep->containers.n;
	}
	free(rep);
}

static void remove_directories(struct engine *e)
{
	int fd = openat(e->state_dir, "containers", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!d) {
		close_fd(fd);
		return;
	}
	while ((entry = readdir(d))) {
		struct req_layer_remove req = { .what = LAYER_CONTAINER };
		uint8_t id[ID_BYTES];
		struct err err = { 0 };
		int r;

		if (hex_decode(entry->d_name, id, ID_BYTES) < 0 || container_by_id(e, entry->d_name))
			continue;
		snprintf(req.name, sizeof(req.name), "%.64s", entry->d_name);
		r = helper_call(e, OP_LAYER_REMOVE, &req, NULL, NULL, &err);
		if (r == 0 || r == -ENOENT)
			container_delete_files(e, req.name);
		else
			log_warn("container %.12s: %s", req.name, err.message);
	}
	closedir(d);
}

int containers_recover(struct engine *e, struct err *err)
{
	settle_all(e);
	remove_monitors(e);
	remove_cgroups(e);
	remove_directories(e);
	pool_refill(e);
	return 0;
}
