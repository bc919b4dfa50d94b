/* jobs.c - requests that workers serve, at most policy's number of them at a time, and the trash.
 *
 * A layer appears whole or not at all: a worker fills work/HEX, and only its success renames that to layers/HEX; so
 * does what a volume is filled with, which takes the place of its directory if that is still empty (rename(2)). What
 * is removed goes to trash/ by one rename, so it is gone at once and for good, and a worker deletes it by and by. An
 * interrupted helper leaves nothing but entries of work/ and trash/, which the next one clears (main.c). */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/log.h"
#include "../base/text.h"
#include "../protocol/server.h"
#include "layer.h"

struct job {
	struct job *next;
	struct request r; /* with req and container below; r.op NULL: the trash */
	union {
		struct req_layer_unpack unpack;
		struct req_layer_user user;
		struct req_layer_join join;
		struct req_layer_copy copy;
	} req;
	uint8_t container[ID_BYTES];
	struct work work;
	char name[ID_HEX + 1]; /* in work: UNPACK: of the layer; COPY: no other's */
	uint64_t length; /* of a layer that is there already: that of its archive */
	pid_t pid; /* 0: waits */
	int pipe;
};

static void finish(struct helper *h, struct job *j, struct result *result);

static void close_work(struct work *w)
{
	w->archive = close_fd(w->archive);
	w->out = close_fd(w->out);
	for (unsigned i = 0; i < w->ndirs; i++)
		close_fd(w->dirs[i]);
	w->ndirs = 0;
}

/* Whatever a worker says, it may be the image that speaks: bounds here, the rest in the reply's encoder. */
static void read_result(int pipe, struct result *ret)
{
	struct result r;
	ssize_t n = read(pipe, &r, sizeof(r));

	memset(ret, 0, sizeof(*ret));
	if (n != sizeof(r) || r.status > 0) {
		result_fail(ret, -EIO, "worker");
		return;
	}
	r.stage[STAGE_MAX - 1] = r.rule[RULE_MAX - 1] = '\0';
	if (!text_valid(r.stage, strlen(r.stage)) || !text_valid(r.rule, strlen(r.rule)))
		r.stage[0] = r.rule[0] = '\0';
	*ret = r;
}

static void worker_ready(struct helper *h, int fd, short revents, void *data)
{
	struct job *j = data;
	struct result result;

	read_result(fd, &result);
	helper_poll_remove(h, fd);
	j->pipe = close_fd(j->pipe);
	/* One that lives on after its answer must not hold us. The pid is ours until it is waited for. */
	kill(j->pid, SIGKILL);
	while (waitpid(j->pid, NULL, 0) < 0 && errno == EINTR)
		;
	finish(h, j, &result);
	jobs_pump(h);
}

/* Whose pace is that of whoever reads their pipe. */
static bool sends(const struct job *j)
{
	return j->work.kind == WORK_JOIN || j->work.kind == WORK_EXPORT;
}

static void split_name(const struct job *j, char ret[ID_HEX + 8])
{
	snprintf(ret, ID_HEX + 8, "%s.split", j->name);
}

/* work/HEX, which will be the layer, and work/HEX.split; or what a volume will hold. */
static int open_work(struct layer *l, struct job *j)
{
	struct work *w = &j->work;
	char split[ID_HEX + 8];
	int fd;

	if (mkdirat(l->work, j->name, 0755) < 0)
		return -errno;
	fd = openat(l->work, j->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	memmove(w->dirs + 1, w->dirs, w->ndirs * sizeof(int));
	w->dirs[0] = fd;
	w->ndirs++;
	if (w->kind != WORK_UNPACK)
		return 0;
	split_name(j, split);
	w->out = openat(l->work, split, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	return w->out < 0 ? -errno : 0;
}

static int start(struct helper *h, struct job *j)
{
	struct layer *l = h->ctx;
	int e = 0;

	if (j->work.kind == WORK_UNPACK || j->work.kind == WORK_COPY)
		e = open_work(l, j);
	if (e == 0)
		e = worker_start(&j->work, &j->pid, &j->pipe);
	if (e < 0)
		return e;
	close_work(&j->work);
	/* The worker's end is its own; without a poll it would never be seen to end. */
	e = helper_poll_add(h, j->pipe, POLLIN, worker_ready, j);
	if (e < 0) {
		kill(j->pid, SIGKILL);
		waitpid(j->pid, NULL, 0);
		j->pipe = close_fd(j->pipe);
		j->pid = 0;
		return e;
	}
	if (j->work.kind == WORK_CLEAR)
		l->clearing = true;
	else if (sends(j))
		l->sending++;
	else
		l->running++;
	return 0;
}

static void unlink_job(struct layer *l, struct job *j)
{
	struct job **p = &l->jobs;

	while (*p && *p != j)
		p = &(*p)->next;
	if (*p)
		*p = j->next;
	l->njobs--;
}

void remove_split(struct layer *l, const char *name)
{
	unlinkat(l->splits, name, 0);
}

/* A layer's directory takes its place, after its split, or both go. */
static void place_layer(struct helper *h, struct job *j, struct result *r)
{
	struct layer *l = h->ctx;
	char split[ID_HEX + 8];

	split_name(j, split);
	if (r->status == 0 && renameat(l->work, split, l->splits, j->name) < 0)
		result_fail(r, -errno, "rename");
	if (r->status == 0 && renameat2(l->work, j->name, l->areas[LAYER_IMAGE], j->name, RENAME_NOREPLACE) < 0) {
		result_fail(r, -errno, "rename");
		remove_split(l, j->name);
	}
	if (r->status < 0) {
		trash(h, l->work, j->name);
		unlinkat(l->work, split, 0);
	}
}

/* A volume's new content takes the place of its empty directory. Whoever came first has filled it. */
static void place_volume(struct helper *h, struct job *j, struct result *r)
{
	struct layer *l = h->ctx;
	_cleanup_close_ int dir = -EBADF;

	if (r->status == 0 && r->copy.copied) {
		dir = openat(l->areas[LAYER_VOLUME], j->req.copy.volume,
			     O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (dir >= 0 && renameat(l->work, j->name, dir, "_data") == 0)
			return;
		if (errno != ENOTEMPTY && errno != EEXIST)
			result_fail(r, -errno, "rename");
		r->copy.copied = 0;
	}
	trash(h, l->work, j->name);
}

static void answer(struct job *j, struct result *r)
{
	union {
		struct rep_layer_unpack unpack;
		struct rep_layer_size size;
		struct rep_layer_user user;
		struct rep_layer_join join;
		struct rep_layer_export export;
		struct rep_layer_copy copy;
	} rep;

	message_init(&j->r.op->rep, &rep);
	switch ((enum op)(j->r.op - op_desc(0))) {
	case OP_LAYER_UNPACK:
		rep.unpack.size = j->work.kind == WORK_SIZE ? r->size.size : r->unpack.size;
		rep.unpack.length = j->work.kind == WORK_SIZE ? j->length : r->unpack.length;
		break;
	case OP_LAYER_JOIN:
		rep.join.length = r->length;
		break;
	case OP_LAYER_EXPORT:
		rep.export.length = r->length;
		break;
	case OP_LAYER_SIZE:
		rep.size.size = r->size.size;
		break;
	case OP_LAYER_COPY:
		rep.copy.copied = r->copy.copied;
		break;
	default:
		rep.user = r->user;
		rep.user.home[sizeof(rep.user.home) - 1] = '\0';
		if (r->user.uid >= MAP_SIZE || r->user.gid >= MAP_SIZE ||
		    r->user.groups.n > ARRAY_SIZE(r->user.groups.v))
			result_fail(r, -EIO, "worker");
	}
	if (r->stage[0])
		request_fail(&j->r, r->status, r->stage);
	if (r->rule[0])
		request_rule(&j->r, r->rule);
	request_reply(&j->r, r->status, r->status == 0 ? &rep : NULL);
}

static void finish(struct helper *h, struct job *j, struct result *result)
{
	struct layer *l = h->ctx;

	unlink_job(l, j);
	close_work(&j->work);
	if (j->work.kind == WORK_CLEAR) {
		l->clearing = false;
		if (result->status < 0)
			log_warn("trash: %s: %s", result->stage, strerror(-result->status));
	} else {
		if (j->pid)
			(*(sends(j) ? &l->sending : &l->running))--;
		if (j->work.kind == WORK_UNPACK)
			place_layer(h, j, result);
		else if (j->work.kind == WORK_COPY)
			place_volume(h, j, result);
		answer(j, result);
	}
	free(j);
}

static void start_clear(struct helper *h)
{
	struct layer *l = h->ctx;
	struct job *j = calloc(1, sizeof(*j));
	int e;

	l->trashed = false;
	if (!j)
		return;
	j->work = (struct work){ .kind = WORK_CLEAR, .archive = -EBADF, .out = -EBADF, .digest = -EBADF,
				 .policy = h->policy };
	j->work.dirs[0] = openat(l->trash, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	j->work.ndirs = j->work.dirs[0] >= 0;
	j->next = l->jobs;
	l->jobs = j;
	l->njobs++;
	e = j->work.ndirs ? start(h, j) : -EMFILE;
	if (e < 0) {
		unlink_job(l, j);
		close_work(&j->work);
		free(j);
		log_warn("trash: %s", strerror(-e));
	}
}

void jobs_pump(struct helper *h)
{
	const struct policy_layer *policy = h->policy;
	struct layer *l = h->ctx;
	struct job *j, *next;

	if (l->trashed && !l->clearing)
		start_clear(h);
	for (j = l->jobs; j; j = next) {
		struct result failed = { 0 };
		int e;

		next = j->next;
		if (j->pid || (sends(j) ? l->sending : l->running) >= policy->max_workers)
			continue;
		e = start(h, j);
		if (e < 0) {
			result_fail(&failed, e, "worker");
			finish(h, j, &failed);
		}
	}
}

bool job_unpacks(struct layer *l, const uint8_t id[ID_BYTES])
{
	char name[ID_HEX + 1];

	hex_encode(id, ID_BYTES, name);
	for (struct job *j = l->jobs; j; j = j->next)
		if (j->work.kind == WORK_UNPACK && strcmp(j->name, name) == 0)
			return true;
	return false;
}

int job_defer(struct request *r, struct work *w, uint64_t length)
{
	struct layer *l = r->helper->ctx;
	struct job *j = l->njobs < LAYER_QUEUE_MAX ? calloc(1, sizeof(*j)) : NULL, **p = &l->jobs;

	if (!j) {
		close_work(w);
		return request_fail(r, -EAGAIN, "workers");
	}
	j->r = *r;
	j->r.client_fd = -EBADF;
	j->r.req = &j->req;
	j->r.rep = NULL;
	memcpy(j->container, r->container, ID_BYTES);
	j->r.container = j->container;
	if (w->kind == WORK_UNPACK) {
		j->req.unpack = *(const struct req_layer_unpack *)w->req;
		hex_encode(j->req.unpack.layer, ID_BYTES, j->name);
	} else if (w->kind == WORK_USER) {
		j->req.user = *(const struct req_layer_user *)w->req;
	} else if (w->kind == WORK_JOIN) {
		j->req.join = *(const struct req_layer_join *)w->req;
	} else if (w->kind == WORK_COPY) {
		j->req.copy = *(const struct req_layer_copy *)w->req;
		/* neither an id nor a volume */
		snprintf(j->name, sizeof(j->name), "+%llu", (unsigned long long)l->serial++);
	}
	j->work = *w;
	j->length = length;
	j->work.req = &j->req;
	j->pipe = -EBADF;
	while (*p)
		p = &(*p)->next;
	*p = j;
	l->njobs++;
	r->deferred = true;
	jobs_pump(r->helper);
	return 0;
}

int trash(struct helper *h, int dir, const char *name)
{
	struct layer *l = h->ctx;
	char to[24];

	for (;;) {
		snprintf(to, sizeof(to), "%llu", (unsigned long long)l->serial++);
		if (renameat2(dir, name, l->trash, to, RENAME_NOREPLACE) == 0) {
			l->trashed = true;
			return 0;
		}
		if (errno != EEXIST)
			return -errno;
	}
}
