/* life.c - what happens to a container that runs, and after: exits, signals, stop, pause.
 *
 * The end of a run has one path: container_exited (from the monitor's channel) -> a task -> container_finish_run. All
 * others (stop, kill, remove) only ask for an end and watch for it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "../../helpers/base/cleanup.h"
#include "../../helpers/base/fd.h"
#include "../../helpers/base/log.h"
#include "../../helpers/base/text.h"
#include "../json.h"
#include "../network/network.h"
#include "../task.h"
#include "internal.h"
#include "log_file.h"

/* --- signals --------------------------------------------------------------------------------------------- */
static const struct {
	const char *name;
	int number;
} signals[] = {
	{ "HUP", 1 },	{ "INT", 2 },	{ "QUIT", 3 },	{ "ILL", 4 },	  { "TRAP", 5 },    { "ABRT", 6 },
	{ "IOT", 6 },	{ "BUS", 7 },	{ "FPE", 8 },	{ "KILL", 9 },	  { "USR1", 10 },   { "SEGV", 11 },
	{ "USR2", 12 }, { "PIPE", 13 }, { "ALRM", 14 }, { "TERM", 15 },	  { "STKFLT", 16 }, { "CHLD", 17 },
	{ "CLD", 17 },	{ "CONT", 18 }, { "STOP", 19 }, { "TSTP", 20 },	  { "TTIN", 21 },   { "TTOU", 22 },
	{ "URG", 23 },	{ "XCPU", 24 }, { "XFSZ", 25 }, { "VTALRM", 26 }, { "PROF", 27 },   { "WINCH", 28 },
	{ "IO", 29 },	{ "POLL", 29 }, { "PWR", 30 },	{ "SYS", 31 },	  { "RTMIN", 34 },  { "RTMAX", 64 },
};

int signal_by_name(const char *name)
{
	uint64_t number;

	if (text_u64(name, 64, &number) == 0)
		return number ? (int)number : -1;
	if (strncasecmp(name, "SIG", 3) == 0)
		name += 3;
	for (unsigned i = 0; i < ARRAY_SIZE(signals); i++)
		if (strcasecmp(signals[i].name, name) == 0)
			return signals[i].number;
	if (strncasecmp(name, "RTMIN+", 6) == 0 && text_u64(name + 6, 30, &number) == 0)
		return 34 + (int)number;
	if (strncasecmp(name, "RTMAX-", 6) == 0 && text_u64(name + 6, 30, &number) == 0)
		return 64 - (int)number;
	return -1;
}

/* --- the end of a run ------------------------------------------------------------------------------------ */
/* What a run holds in the kernel, on its way back. */
struct release {
	struct engine *e;
	struct call_ctx ctx;
	struct req_cgroup_remove remove;
	struct req_idmap_release range;
	struct pending *removing;
	struct err err;
};

/* The range of one that joined another goes back with the last of them. */
static bool others_have(struct engine *e, const uint8_t *id, uint32_t base)
{
	char hex[ID_HEX + 1];

	hex_encode(id, ID_BYTES, hex);
	return base && range_is_shared(e, container_by_id(e, hex), base);
}

static void release_begin(struct release *r, struct engine *e, const uint8_t *id, uint32_t base)
{
	if (others_have(e, id, base))
		base = 0;
	*r = (struct release){ .e = e, .ctx = { .client = -1, .container = id }, .range = { .base = base } };
	memcpy(r->remove.container, id, ID_BYTES);
	r->removing = helper_submit(e, OP_CGROUP_REMOVE, &r->remove, &r->ctx, 0);
}

/* Asks again while the kernel is still taking the container apart, or when the helper has ended meanwhile; -ENOENT is
 * what we want. */
static void release_cgroup(struct release *r)
{
	int e = helper_wait(r->removing, NULL, &r->err, NULL);

	for (unsigned delay = 1; (e == -EBUSY || e == -EAGAIN || e == -ECONNRESET) && delay < 4000; delay *= 2) {
		task_sleep_ms(delay);
		r->err.status = 0;
		e = helper_call(r->e, OP_CGROUP_REMOVE, &r->remove, NULL, &r->ctx, &r->err);
	}
	if (e < 0 && e != -ENOENT && e != -EOPNOTSUPP)
		log_warn("%s", r->err.message);
}

/* Never busy: idmap asks /proc only before it gives the range out again. One that has ended meanwhile may have done it
 * or not. */
static void release_range(struct release *r)
{
	int e;

	if (!r->range.base)
		return;
	e = helper_call_surely(r->e, OP_IDMAP_RELEASE, &r->range, &r->ctx, &r->err);
	if (e < 0 && e != -ENOENT)
		log_warn("%s", r->err.message);
}

/* Every process of a container; without cgroups its first, with which the kernel ends all others of its pid
 * namespace. */
static int kill_processes(struct engine *e, const uint8_t *id, const struct call_ctx *ctx, struct err *err)
{
	struct req_spawn_signal first = { .signal = 9 };
	struct req_cgroup_kill req;
	struct err failure = { 0 };
	int r;

	memcpy(req.container, id, ID_BYTES);
	memcpy(first.container, id, ID_BYTES);
	r = helper_absent(e, HELPER_CGROUP) ? helper_call(e, OP_SPAWN_SIGNAL, &first, NULL, ctx, &failure) :
					      helper_call(e, OP_CGROUP_KILL, &req, NULL, ctx, &failure);
	if (r == -ESRCH || r == -ENOENT)
		return 0; /* it has just ended */
	return r < 0 ? err_set(err, failure.status, "%s", failure.message) : 0;
}

static void kill_lost(struct engine *e, const uint8_t *id)
{
	struct call_ctx ctx = { .client = -1, .container = id };

	kill_processes(e, id, &ctx, NULL);
}

void container_release_kernel(struct engine *e, const uint8_t *id, uint32_t base, bool kill)
{
	struct release r;

	if (kill)
		kill_lost(e, id);
	release_begin(&r, e, id, base);
	release_cgroup(&r);
	release_range(&r);
}

/* The monitor wrote it before it ended; without a monitor it is all that is known. */
static int read_exit_file(struct container *c, struct req_monitor_exited *ret)
{
	_cleanup_close_ int fd = container_open_exit(c, O_RDONLY);
	_cleanup_free_ char *text = NULL;
	size_t len;
	cJSON *o;
	int r = fd < 0 ? fd : fd_read_all(fd, EXIT_FILE_MAX, &text, &len);

	if (r < 0)
		return r;
	o = cJSON_Parse(text);
	if (!json_int(o, "exited", 0, NULL)) {
		cJSON_Delete(o);
		return -ENODATA;
	}
	ret->exited = 1;
	ret->code = (uint32_t)json_int(o, "code", 255, NULL) & 0xff;
	ret->signal = (uint32_t)json_int(o, "signal", 0, NULL);
	ret->time_ns = (uint64_t)json_int(o, "time_ns", 0, NULL);
	cJSON_Delete(o);
	return 0;
}

static void record_end(struct container *c, bool lost, const struct rep_cgroup_stat *stat)
{
	c->row.oom_killed = stat && stat->oom_kills > 0 && stat->oom_kills != UINT64_MAX;
	c->row.exit_code = lost ? 255 : (int)c->exit.code;
	c->row.finished_ns = !lost && c->exit.time_ns ? (int64_t)c->exit.time_ns : time_now_ns();
	c->row.pid = 0;
	container_set_base(c, 0);
	if (!lost)
		return;
	free(c->row.error);
	c->row.error = strdup("its monitor was lost");
}

static void tell_end(struct container *c)
{
	char code[16];

	if (c->row.oom_killed)
		container_emit(c, "oom", NULL, NULL);
	snprintf(code, sizeof(code), "%d", c->row.exit_code);
	container_emit(c, "die", "exitCode", code);
	net_tell(c, "disconnect");
	container_tell_volumes(c, /* mounted= */ false);
}

static bool removes_itself(const struct container *c)
{
	return c->row.auto_remove && !c->keep && !c->gone;
}

void container_finish_run(struct container *c)
{
	struct req_cgroup_stat req;
	struct rep_cgroup_stat stat;
	struct call_ctx ctx = container_ctx(c);
	struct release release;
	struct pending *stating;
	bool lost = !c->exit_seen && read_exit_file(c, &c->exit) < 0;
	bool counted, stored;

	container_ref(c);
	c->e->containers->busy++;
	c->cleaning = true;
	/* What it has left in another's pid namespace does not end with it. */
	if (lost || (c->mixes && !helper_absent(c->e, HELPER_CGROUP)))
		kill_lost(c->e, c->raw_id); /* without a word from the monitor something may still run */
	/* The last count of what it used, then the cgroup's end: in this order at the helper, so neither waits here. */
	memcpy(req.container, c->raw_id, ID_BYTES);
	stating = helper_submit(c->e, OP_CGROUP_STAT, &req, &ctx, 0);
	net_release(c);
	release_begin(&release, c->e, c->raw_id, c->row.base);
	counted = helper_wait(stating, &stat, NULL, NULL) == 0;
	record_end(c, lost, counted ? &stat : NULL);
	container_apply(c, EVENT_EXIT);
	/* The row of one that removes itself goes in a moment. Until then it says that it runs, and whoever finds it so
	 * ends it as here. */
	stored = !removes_itself(c);
	if (stored)
		container_store(c);
	c->exits++;
	tell_end(c);
	release_cgroup(&release);
	monitor_link_destroy(TAKE_PTR(c->monitor));
	c->exit_seen = false;
	c->cleaning = false;
	container_changed(c);
	if (removes_itself(c))
		container_remove(c, /* force= */ false, /* volumes= */ true, NULL, NULL);
	else if (!stored)
		container_store(c);
	/* The range last, after whoever waits for the end has heard of it: nobody waits for this. */
	task_yield();
	release_range(&release);
	c->e->containers->busy--;
	container_put(c);
}

static void exit_task(void *arg)
{
	struct container *c = arg;

	/* The program may end before its start was answered. */
	while (c->row.status == STATUS_STARTING)
		container_watch(c, -1);
	if (container_is_running(c) && !c->cleaning)
		container_finish_run(c);
	container_put(c);
}

void container_exited(void *data, const struct req_monitor_exited *msg)
{
	struct container *c = data;

	if (msg) {
		c->exit = *msg;
		c->exit_seen = true;
	}
	container_ref(c);
	if (task_spawn(exit_task, c) < 0)
		container_put(c);
}

static void on_rotated(void *data)
{
	log_archive_begin(data);
}

int container_link_monitor(struct container *c, int channel)
{
	int r = monitor_link_create(c->e, channel, container_exited, c, &c->monitor);

	if (r == 0)
		monitor_link_on_rotated(c->monitor, on_rotated);
	return r;
}

/* --- asking for an end ----------------------------------------------------------------------------------- */
/* Waits until the run with number `run` has ended; false after ms. */
static bool wait_exit(struct container *c, unsigned run, int64_t ms)
{
	uint64_t deadline = uv_hrtime() / 1000000 + (uint64_t)(ms < 0 ? 0 : ms);

	while (c->exits == run && container_is_running(c)) {
		uint64_t now = uv_hrtime() / 1000000;

		if (ms >= 0 && now >= deadline)
			return false;
		container_watch(c, ms < 0 ? -1 : (int64_t)(deadline - now));
	}
	return true;
}

static int kill_all(struct container *c, const struct call_ctx *ctx, struct err *err)
{
	struct req_cgroup_freeze thaw = { .frozen = 0 };

	if (kill_processes(c->e, c->raw_id, ctx, err) < 0)
		return -1;
	if (c->row.status == STATUS_PAUSED) {
		/* A frozen process dies once it is thawed. */
		memcpy(thaw.container, c->raw_id, ID_BYTES);
		helper_call(c->e, OP_CGROUP_FREEZE, &thaw, NULL, ctx, NULL);
	}
	return 0;
}

static int send_signal(struct container *c, int signal, const struct call_ctx *ctx, struct err *err)
{
	struct req_spawn_signal req = { .signal = (uint32_t)signal };
	struct err failure = { 0 };
	int r;

	memcpy(req.container, c->raw_id, ID_BYTES);
	r = helper_call(c->e, OP_SPAWN_SIGNAL, &req, NULL, ctx, &failure);
	if (r == -ESRCH || r == -ENOENT)
		return 0; /* it has just ended */
	return r < 0 ? err_set(err, failure.status, "%s", failure.message) : 0;
}

static struct call_ctx ctx_of(struct container *c, const struct call_ctx *ctx)
{
	struct call_ctx own = ctx ? *ctx : container_ctx(c);

	own.container = c->raw_id;
	return own;
}

int container_kill(struct container *c, int signal, const struct call_ctx *ctx, struct err *err)
{
	struct call_ctx own = ctx_of(c, ctx);
	unsigned run = c->exits;
	char number[16];

	while (c->row.status == STATUS_STARTING)
		container_watch(c, -1);
	if (!container_is_running(c))
		return err_set(err, 409, "cannot kill container: %s: container %s is not running", c->row.name,
			       c->row.id);
	if ((signal == 9 ? kill_all(c, &own, err) : send_signal(c, signal, &own, err)) < 0)
		return -1;
	snprintf(number, sizeof(number), "%d", signal);
	container_emit(c, "kill", "signal", number);
	if (signal == 9)
		wait_exit(c, run, KILL_WAIT_MS);
	return 0;
}

int container_stop(struct container *c, int signal, int64_t timeout_s, const struct call_ctx *ctx, struct err *err)
{
	struct call_ctx own = ctx_of(c, ctx);
	unsigned run = c->exits;
	cJSON *merged;
	const cJSON *config;
	char number[16];

	while (c->row.status == STATUS_STARTING)
		container_watch(c, -1);
	if (!container_is_running(c))
		return 1;
	merged = container_config(c);
	config = json_get(merged, "Config");
	if (signal <= 0)
		signal = signal_by_name(json_text(config, "StopSignal", "SIGTERM", NULL));
	if (signal <= 0)
		signal = 15;
	if (timeout_s < 0)
		timeout_s = json_int(config, "StopTimeout", STOP_TIMEOUT_S, NULL);
	cJSON_Delete(merged);
	if (c->row.status == STATUS_PAUSED)
		container_pause(c, false, &own, NULL);
	snprintf(number, sizeof(number), "%d", signal);
	if (send_signal(c, signal, &own, err) < 0)
		return -1;
	container_emit(c, "kill", "signal", number);
	if (!wait_exit(c, run, timeout_s < 0 ? -1 : timeout_s > 1000000000 ? -1 : timeout_s * 1000)) {
		if (kill_all(c, &own, err) < 0)
			return -1;
		container_emit(c, "kill", "signal", "9");
		if (!wait_exit(c, run, KILL_WAIT_MS))
			return err_set(err, 500, "cannot stop container: %s: it did not end when killed", c->row.name);
	}
	while (c->cleaning)
		container_watch(c, -1);
	container_emit(c, "stop", NULL, NULL);
	return 0;
}

int container_restart(struct container *c, int signal, int64_t timeout_s, const struct call_ctx *ctx, struct err *err)
{
	int r;

	c->keep = true;
	r = container_stop(c, signal, timeout_s, ctx, err);
	c->keep = false;
	if (r >= 0)
		r = container_start(c, ctx, err);
	if (r == 0)
		container_emit(c, "restart", NULL, NULL);
	return r < 0 ? -1 : 0;
}

int container_pause(struct container *c, bool pause, const struct call_ctx *ctx, struct err *err)
{
	struct call_ctx own = ctx_of(c, ctx);
	struct req_cgroup_freeze req = { .frozen = pause };

	if (!container_is_running(c))
		return err_set(err, 409, "Container %s is not running", c->row.id);
	if (container_next_status(c->row.status, pause ? EVENT_PAUSE : EVENT_UNPAUSE) < 0)
		return err_set(err, 409, pause ? "Container %s is already paused" : "Container %s is not paused",
			       c->row.id);
	if (helper_absent(c->e, HELPER_CGROUP))
		return err_set(err, 500,
			       "Cannot pause container %s: this engine has no cgroups, and nothing else can freeze it",
			       c->row.id);
	memcpy(req.container, c->raw_id, ID_BYTES);
	if (helper_call(c->e, OP_CGROUP_FREEZE, &req, NULL, &own, err) < 0)
		return -1;
	if (container_apply(c, pause ? EVENT_PAUSE : EVENT_UNPAUSE) < 0)
		return 0; /* it has ended meanwhile */
	container_store(c);
	container_emit(c, pause ? "pause" : "unpause", NULL, NULL);
	return 0;
}
