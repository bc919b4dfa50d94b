/* containers.c - the containers of the engine: finding, references, watching, files, events. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <uv.h>

#include "../../helpers/base/cleanup.h"
#include "../../helpers/base/log.h"
#include "../../helpers/base/text.h"
#include "../image/image.h"
#include "../json.h"
#include "../task.h"
#include "events.h"
#include "internal.h"

/* --- finding --------------------------------------------------------------------------------------------- */
/* Ids are random: a few digits spread them as well as all. */
static unsigned hash_id(const char *id, size_t len)
{
	unsigned value;

	HASH_VALUE(id, len < 12 ? len : 12, value);
	return value;
}

struct container *container_by_id(const struct engine *e, const char *id)
{
	size_t len = strlen(id);
	struct container *c;

	HASH_FIND_BYHASHVALUE(by_id, e->containers->ids, id, len, hash_id(id, len), c);
	return c;
}

struct container *container_by_name(struct engine *e, const char *name)
{
	struct container *c;

	if (name[0] == '/')
		name++;
	HASH_FIND(by_name, e->containers->names, name, strlen(name), c);
	return c;
}

struct container *container_find(struct engine *e, const char *ref, struct err *err)
{
	struct container *c = container_by_id(e, ref), *found = NULL;
	size_t len = strlen(ref);

	if (!c)
		c = container_by_name(e, ref);
	if (c)
		return container_ref(c);
	for (c = TAILQ_FIRST(&e->containers->all); c; c = TAILQ_NEXT(c, next)) {
		if (len == 0 || strncmp(c->row.id, ref, len) != 0)
			continue;
		if (found) {
			err_set(err, 400, "Multiple IDs found with provided prefix: %s", ref);
			return NULL;
		}
		found = c;
	}
	if (found)
		return container_ref(found);
	err_set(err, 404, "No such container: %s", ref);
	return NULL;
}

struct container *container_ref(struct container *c)
{
	c->refs++;
	return c;
}

void container_put(struct container *c)
{
	if (!c || --c->refs > 0)
		return;
	monitor_link_destroy(c->monitor);
	cJSON_Delete(c->labels);
	container_row_finish(&c->row);
	free(c);
}

/* What of its configuration is often asked for. */
static void take_config(struct container *c, const cJSON *merged)
{
	const cJSON *config = json_get(merged, "Config"), *labels = json_get(config, "Labels");

	c->mixes = spec_share(json_get(merged, "HostConfig"), "PidMode", NULL) != SHARE_OWN;
	c->tty = json_bool(config, "Tty", false, NULL);
	c->stdin_once = json_bool(config, "StdinOnce", false, NULL);
	c->links = cJSON_GetArraySize(json_get(json_get(merged, "HostConfig"), "Links")) > 0;
	if (c->links)
		LIST_INSERT_HEAD(&c->e->containers->linking, c, linking);
	c->labels = cJSON_GetArraySize(labels) > 0 ? cJSON_Duplicate(labels, /* recurse= */ true) : NULL;
	volume_users_add(c, merged);
}

/* --- ranges of ids --- */
struct range {
	UT_hash_handle hh;
	uint32_t base;
	unsigned users; /* containers that have it */
};

static struct range *range_find(const struct containers *cs, uint32_t base)
{
	struct range *r;

	HASH_FIND(hh, cs->ranges, &base, sizeof(base), r);
	return r;
}

/* One more container has it, or one less. */
static void range_count(struct containers *cs, uint32_t base, int by)
{
	struct range *r = base ? range_find(cs, base) : NULL;

	if (!base)
		return;
	if (!r) {
		r = calloc(1, sizeof(*r));
		if (!r)
			abort();
		r->base = base;
		HASH_ADD(hh, cs->ranges, base, sizeof(r->base), r);
	}
	r->users += (unsigned)by;
	if (!r->users) {
		HASH_DELETE(hh, cs->ranges, r);
		free(r);
	}
}

void container_set_base(struct container *c, uint32_t base)
{
	range_count(c->e->containers, base, +1);
	range_count(c->e->containers, c->row.base, -1);
	c->row.base = base;
}

bool range_is_shared(const struct engine *e, const struct container *but, uint32_t base)
{
	const struct range *r = range_find(e->containers, base);

	return r && r->users > (but && but->row.base == base);
}

/* --- the list --- */
struct container *container_add(struct engine *e, struct container_row *row, const cJSON *merged)
{
	struct container *c = calloc(1, sizeof(*c));
	cJSON *own;

	if (!c)
		return NULL;
	if (hex_decode(row->id, c->raw_id, ID_BYTES) < 0) {
		free(c);
		return NULL;
	}
	c->e = e;
	c->refs = 1; /* the list's */
	c->row = *row;
	memset(row, 0, sizeof(*row));
	TAILQ_INIT(&c->attachers);
	TAILQ_INIT(&c->watches);
	TAILQ_INIT(&c->endpoints);
	TAILQ_INSERT_TAIL(&e->containers->all, c, next);
	HASH_ADD_KEYPTR_BYHASHVALUE(by_id, e->containers->ids, c->row.id, ID_HEX, hash_id(c->row.id, ID_HEX), c);
	HASH_ADD_KEYPTR(by_name, e->containers->names, c->row.name, strlen(c->row.name), c);
	e->containers->n++;
	range_count(e->containers, c->row.base, +1);
	own = merged ? NULL : container_config(c);
	take_config(c, own ? own : merged);
	cJSON_Delete(own);
	return c;
}

void container_drop(struct container *c)
{
	struct containers *cs = c->e->containers;

	container_set_base(c, 0);
	volume_users_drop(c);
	c->gone = true;
	TAILQ_REMOVE(&cs->all, c, next);
	if (c->links)
		LIST_REMOVE(c, linking);
	HASH_DELETE(by_id, cs->ids, c);
	HASH_DELETE(by_name, cs->names, c);
	cs->n--;
}

char *container_set_name(struct container *c, char *name)
{
	char *old = c->row.name;

	HASH_DELETE(by_name, c->e->containers->names, c);
	c->row.name = name;
	HASH_ADD_KEYPTR(by_name, c->e->containers->names, name, strlen(name), c);
	return old;
}

uint64_t ticket_new(struct containers *cs)
{
	return cs->next_ticket++;
}

/* --- status and watching --------------------------------------------------------------------------------- */
bool container_is_running(const struct container *c)
{
	return c->row.status == STATUS_RUNNING || c->row.status == STATUS_PAUSED;
}

void container_changed(struct container *c)
{
	struct watch *w;

	for (w = TAILQ_FIRST(&c->watches); w; w = TAILQ_NEXT(w, next))
		task_wake(w->task);
}

int container_apply(struct container *c, enum container_event ev)
{
	int next = container_next_status(c->row.status, ev);

	if (next < 0)
		return -1;
	c->row.status = (enum container_status)next;
	container_changed(c);
	return 0;
}

void container_watch(struct container *c, int64_t ms)
{
	struct watch w = { .task = task_self() };

	TAILQ_INSERT_TAIL(&c->watches, &w, next);
	if (ms < 0)
		task_park();
	else
		task_sleep_ms((uint64_t)ms);
	TAILQ_REMOVE(&c->watches, &w, next);
}

int container_store(struct container *c)
{
	int r = c->gone ? 0 : state_container_update(c->e->state, &c->row);

	if (r < 0)
		log_error("container %.12s: its row cannot be written: %s", c->row.id, strerror(-r));
	return r;
}

struct call_ctx container_ctx(const struct container *c)
{
	return (struct call_ctx){ .client = -1, .container = c->raw_id };
}

/* --- configuration --------------------------------------------------------------------------------------- */
cJSON *container_config(const struct container *c)
{
	cJSON *o = cJSON_Parse(c->row.config);

	return o ? o : cJSON_CreateObject();
}

int container_mounts(const cJSON *merged, struct spec_mounts *ret, struct err *err)
{
	const cJSON *names = cJSON_GetObjectItemCaseSensitive(merged, "AnonymousVolumes");
	int r = spec_mounts(merged, ret, err);

	for (size_t i = 0; r >= 0 && i < ret->n; i++) {
		struct spec_mount *m = &ret->v[i];
		const cJSON *name = cJSON_GetObjectItemCaseSensitive(names, m->target);

		if (m->type != SPEC_VOLUME || (m->source && m->source[0]) || !cJSON_IsString(name))
			continue;
		free(m->source);
		m->source = strdup(name->valuestring);
		m->anonymous = true;
	}
	return r;
}

/* --- files ----------------------------------------------------------------------------------------------- */
int container_open_log(const struct container *c, int flags)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "containers/%s-json.log", c->row.id);
	fd = openat(c->e->state_dir, path, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
	return fd < 0 ? -errno : fd;
}

int container_open_exit(const struct container *c, int flags)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "containers/%s", c->row.id);
	fd = openat(c->e->state_dir, path, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
	return fd < 0 ? -errno : fd;
}

void container_log_path(const struct container *c, const cJSON *host, char *ret, size_t size)
{
	const cJSON *log = json_get(host, "LogConfig");

	ret[0] = '\0';
	if (strcmp(json_text(log, "Type", "json-file", NULL), "json-file") == 0)
		snprintf(ret, size, "%s/containers/%s-json.log", c->e->state_path, c->row.id);
}

void container_delete_files(struct engine *e, const char *id)
{
	char path[256];

	snprintf(path, sizeof(path), "containers/%s-json.log", id);
	unlinkat(e->state_dir, path, 0);
	snprintf(path, sizeof(path), "containers/%s", id);
	if (unlinkat(e->state_dir, path, 0) < 0 && errno != ENOENT)
		log_warn("container %.12s: its file stays: %s", id, strerror(errno));
}

/* --- events and times ------------------------------------------------------------------------------------ */
void container_emit(struct container *c, const char *action, const char *key, const char *value)
{
	cJSON *attributes = cJSON_CreateObject();
	const cJSON *label;

	cJSON_ArrayForEach(label, c->labels)
		if (cJSON_IsString(label))
			cJSON_AddStringToObject(attributes, label->string, label->valuestring);
	if (key)
		cJSON_AddStringToObject(attributes, key, value);
	cJSON_AddStringToObject(attributes, "image", c->row.image_ref);
	cJSON_AddStringToObject(attributes, "name", c->row.name);
	events_emit(c->e, "container", action, c->row.id, attributes);
	cJSON_Delete(attributes);
}

int64_t time_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void time_rfc3339(int64_t ns, char ret[40])
{
	time_t s = (time_t)(ns / 1000000000);
	struct tm tm;
	size_t n;

	if (ns <= 0) {
		snprintf(ret, 40, "0001-01-01T00:00:00Z");
		return;
	}
	gmtime_r(&s, &tm);
	n = strftime(ret, 40, "%Y-%m-%dT%H:%M:%S", &tm);
	if (ns % 1000000000) {
		n += (size_t)snprintf(ret + n, 40 - n, ".%09d", (int)(ns % 1000000000));
		while (ret[n - 1] == '0')
			n--;
	}
	memcpy(ret + n, "Z", 2);
}

/* --- users of images ------------------------------------------------------------------------------------- */
int user_cache_get(struct containers *cs, const char *image, const char *name, struct rep_layer_user *ret)
{
	for (unsigned i = 0; i < USER_CACHE_MAX; i++) {
		const struct user_entry *u = &cs->users[i];

		if (u->name && strcmp(u->image, image) == 0 && strcmp(u->name, name) == 0) {
			*ret = u->user;
			return 0;
		}
	}
	return -ENOENT;
}

void user_cache_put(struct containers *cs, const char *image, const char *name, const struct rep_layer_user *user)
{
	struct user_entry *u = &cs->users[cs->next_user++ % USER_CACHE_MAX];

	free(u->name);
	u->name = strdup(name);
	snprintf(u->image, sizeof(u->image), "%s", image);
	u->user = *user;
}

/* --- for others ------------------------------------------------------------------------------------------ */
unsigned containers_using_image(struct engine *e, const char *image_id, unsigned *ret_running, char ret_one[65])
{
	struct container *c;
	unsigned n = 0, running = 0;

	for (c = TAILQ_FIRST(&e->containers->all); c; c = TAILQ_NEXT(c, next)) {
		bool runs = container_is_running(c) || c->row.status == STATUS_STARTING;

		/* Or mounted in it: then its id is in the configuration. */
		if (strcmp(c->row.image_id, image_id) != 0 && !strstr(c->row.config, image_id))
			continue;
		/* The one that is named should be the one that stands in the way most. */
		if (ret_one && (n == 0 || (runs && running == 0)))
			memcpy(ret_one, c->row.id, 65);
		n++;
		running += runs;
	}
	if (ret_running)
		*ret_running = running;
	return n;
}

void containers_count(struct engine *e, unsigned *ret_running, unsigned *ret_paused, unsigned *ret_stopped)
{
	struct container *c;

	*ret_running = *ret_paused = *ret_stopped = 0;
	for (c = TAILQ_FIRST(&e->containers->all); c; c = TAILQ_NEXT(c, next)) {
		if (c->row.status == STATUS_PAUSED)
			++*ret_paused;
		else if (c->row.status == STATUS_RUNNING)
			++*ret_running;
		else
			++*ret_stopped;
	}
}

bool containers_busy(struct engine *e)
{
	return e->containers && e->containers->busy > 0;
}

static int load_row(void *data, struct container_row *row)
{
	struct engine *e = data;
	struct container *c = container_add(e, row, NULL);

	if (!c) {
		log_error("container %.12s: not read", row->id);
		container_row_finish(row);
		memset(row, 0, sizeof(*row)); /* the texts are ours or gone: state has nothing left to free */
	}
	return 0;
}

int containers_create(struct engine *e, struct err *err)
{
	struct containers *cs = calloc(1, sizeof(*cs));
	int r;

	if (!cs)
		return err_set(err, 500, "out of memory");
	TAILQ_INIT(&cs->all);
	e->containers = cs;
	/* Tickets are never reused, not even by the next controller: mount may still know ours. */
	if (getrandom(&cs->next_ticket, sizeof(cs->next_ticket), 0) != sizeof(cs->next_ticket))
		return err_set(err, 500, "no random numbers");
	cs->next_ticket = (cs->next_ticket >> 1) | 1;
	if (mkdirat(e->state_dir, "containers", 0700) < 0 && errno != EEXIST)
		return err_set(err, 500, "directory of containers: %s", strerror(errno));
	r = state_container_each(e->state, load_row, e);
	return r < 0 ? err_set(err, 500, "containers cannot be read: %s", strerror(-r)) : 0;
}
