/* attachers.c - who wants the streams of a container: the monitor is asked for each, before the program runs for those
 * who came before that. Whoever waits may leave meanwhile, so that an attacher is found again by its serial. */
#include <errno.h>

#include "../../helpers/base/cleanup.h"
#include "../../helpers/base/fd.h"
#include "../task.h"
#include "internal.h"

static struct attacher *unasked(struct container *c)
{
	struct attacher *a;

	for (a = TAILQ_FIRST(&c->attachers); a; a = TAILQ_NEXT(a, next))
		if (!a->asked)
			return a;
	return NULL;
}

static bool ask_some(struct container *c, struct attach_calls *ret)
{
	struct attacher *a;

	for (ret->n = 0; c->monitor && ret->n < ARRAY_SIZE(ret->v) && (a = unasked(c)); ret->n++) {
		struct req_monitor_attach req = { .streams = a->streams };

		a->asked = true;
		ret->v[ret->n].serial = a->serial;
		ret->v[ret->n].call = monitor_submit(c->monitor, OP_MONITOR_ATTACH, &req);
	}
	return ret->n > 0;
}

void container_take_attachers(struct container *c, struct attach_calls *calls)
{
	for (unsigned i = 0; i < calls->n; i++) {
		struct rep_monitor_attach rep;
		struct attacher *a;
		int r = helper_wait(calls->v[i].call, &rep, NULL, NULL);

		/* Its client may have left while we waited. */
		for (a = TAILQ_FIRST(&c->attachers); a; a = TAILQ_NEXT(a, next))
			if (a->serial == calls->v[i].serial)
				break;
		if (!a && r == 0)
			close_fd(rep.stream);
		if (!a)
			continue;
		if (r == 0)
			a->stream = rep.stream;
		else
			a->failed = true;
		task_wake(a->task);
	}
	calls->n = 0;
}

void container_serve_attachers(struct container *c)
{
	struct attach_calls calls;

	while (ask_some(c, &calls))
		container_take_attachers(c, &calls);
}

void container_ask_attachers(struct container *c, struct attach_calls *ret)
{
	while (ask_some(c, ret)) {
		bool sent = true;

		for (unsigned i = 0; i < ret->n; i++)
			sent = sent && helper_sent(ret->v[i].call);
		if (sent && !unasked(c))
			return;
		container_take_attachers(c, ret);
	}
}

void container_fail_attachers(struct container *c)
{
	struct attacher *a;

	for (a = TAILQ_FIRST(&c->attachers); a; a = TAILQ_NEXT(a, next)) {
		a->failed = true;
		task_wake(a->task);
	}
}

int container_attach(struct container *c, uint32_t streams, bool (*gone)(void *), void *data)
{
	struct attacher a = {
		.task = task_self(), .streams = streams, .stream = -EBADF, .serial = ticket_new(c->e->containers)
	};

	container_ref(c);
	TAILQ_INSERT_TAIL(&c->attachers, &a, next);
	while (a.stream < 0 && !a.failed && !c->gone && !gone(data)) {
		if (c->monitor && container_is_running(c) && !c->cleaning && !a.asked)
			container_serve_attachers(c);
		else
			container_watch(c, -1);
	}
	TAILQ_REMOVE(&c->attachers, &a, next);
	if (a.stream >= 0 && gone(data))
		a.stream = close_fd(a.stream);
	container_put(c);
	return a.stream >= 0 ? a.stream : -1;
}
