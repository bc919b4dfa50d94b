/* start_make.c - sources of binds that are not there yet (docker run -v /there/not/yet:/x).
 *
 * What is there is looked up as a source that is to be written to: policy and its owner decide as for a bind of it.
 * It is mounted for the container's user, as whom spawn MAKE makes what is missing, and then let go; the source
 * itself is looked up like any other. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../helpers/base/cleanup.h"
#include "../../helpers/base/text.h"
#include "start.h"

enum { ABOVE_MAX = 16 /* missing levels; Docker has no limit */ };

static int lookup(struct engine *e, const char *path, size_t len, bool writable, const struct call_ctx *ctx,
		  struct source_found *ret, struct err *err, char *ret_stage)
{
	struct req_lookup_open *req = calloc(1, sizeof(*req));
	uint64_t ticket = ticket_new(e->containers);
	int r;

	if (!req) {
		err_set(err, 500, "out of memory");
		return -ENOMEM;
	}
	req->ticket = ticket;
	req->what = LOOKUP_BIND;
	req->writable = writable;
	snprintf(req->path, sizeof(req->path), "%.*s", (int)len, path);
	r = helper_wait(helper_submit(e, OP_LOOKUP_OPEN, req, ctx, 0), &ret->object, err, ret_stage);
	free(req);
	if (r == 0)
		ret->ticket = ticket;
	return r;
}

static int cannot_make(const struct spec_mount *m, int status, const char *stage, const struct err *why,
		       struct err *err)
{
	bool denied = status == -EPERM || status == -EACCES;

	return err_set(err, denied ? 403 : 500,
		       "error while creating mount source path '%.300s': mkdir %.300s%s: %.200s%s", m->source,
		       m->source, denied ? " is not allowed" : "",
		       status == -E2BIG ? "too many levels are missing" : why->message, bind_hint(status, stage));
}

/* The nearest directory above the source that is there: its length in *ret_len. */
static int find_above(struct engine *e, const struct spec_mount *m, const struct call_ctx *ctx,
		      struct source_found *ret, size_t *ret_len, struct err *err)
{
	size_t len = strlen(m->source);
	struct err why = { 0 };
	char stage[STAGE_MAX] = "";
	int r = -ENOENT;

	for (unsigned up = 0; up < ABOVE_MAX && r == -ENOENT; up++) {
		while (len > 1 && m->source[len - 1] != '/')
			len--;
		len -= len > 1;
		why.status = 0;
		r = lookup(e, m->source, len, /* writable= */ true, ctx, ret, &why, stage);
		if (len == 1)
			break;
	}
	*ret_len = len;
	return r < 0 ? cannot_make(m, r == -ENOENT ? -E2BIG : r, stage, &why, err) : 0;
}

int source_find(struct engine *e, const struct spec_mount *m, const struct call_ctx *ctx, struct source_found *ret,
		struct err *err)
{
	struct err failure = { 0 };
	char stage[STAGE_MAX] = "";
	size_t len;
	int r;

	if (strlen(m->source) >= sizeof(((struct req_lookup_open *)NULL)->path))
		return err_set(err, 400, "bind source path is too long");
	r = lookup(e, m->source, strlen(m->source), source_writable(m), ctx, ret, &failure, stage);
	if (r == -ENOENT && m->create)
		return find_above(e, m, ctx, ret, &len, err);
	if (r < 0)
		bind_error(m, r, stage, &failure, err);
	return r < 0 ? -1 : 0;
}

/* The mount of what is there, as the container's user has it. */
static int mount_above(struct plan *p, const struct source_found *above, uint64_t mapping, int *ret, struct err *err)
{
	struct req_idmap_owner owner = {
		.ticket = mapping,
		.base = p->slot.base,
		.run_uid = p->user.uid,
		.run_gid = p->user.gid,
		.owner_uid = above->object.uid,
		.owner_gid = above->object.gid,
	};
	struct req_mount_bind bind = { .source = above->ticket, .mapping = mapping, .flat = BIND_FLAT_RATHER };
	struct rep_mount_bind rep;
	int r = helper_call(p->e, OP_IDMAP_OWNER, &owner, NULL, &p->ctx, err);

	if (r == 0)
		r = helper_call(p->e, OP_MOUNT_BIND, &bind, &rep, &p->ctx, err);
	if (r == 0)
		*ret = rep.mount;
	return r;
}

static int make_below(struct plan *p, int dir, const char *path, struct err *err)
{
	struct req_spawn_make *req = calloc(1, sizeof(*req));
	int r;

	if (!req)
		return -ENOMEM;
	/* Where containers share their ids the source belongs to the engine's user, who is root in them. */
	req->uid = p->e->policy->ids_shared ? 0 : p->user.uid;
	req->gid = p->e->policy->ids_shared ? 0 : p->user.gid;
	snprintf(req->path, sizeof(req->path), "%s", path);
	req->userns = p->slot.userns;
	req->dir = dir;
	r = helper_call(p->e, OP_SPAWN_MAKE, req, NULL, &p->ctx, err);
	free(req);
	return r;
}

int plan_make_source(struct plan *p, struct bind *b, struct err *err)
{
	struct req_mount_drop drop = { 0 };
	struct source_found above = { 0 };
	_cleanup_close_ int dir = -EBADF;
	struct err why = { 0 };
	char stage[STAGE_MAX] = "";
	size_t len;
	int r;

	if (find_above(p->e, b->m, &p->ctx, &above, &len, err) < 0)
		return -1;
	drop.tickets.v[0] = above.ticket;
	drop.tickets.v[1] = ticket_new(p->e->containers);
	drop.tickets.n = 2;
	r = mount_above(p, &above, drop.tickets.v[1], &dir, &why);
	if (r == 0)
		r = make_below(p, dir, b->m->source + (len > 1 ? len : 0), &why);
	helper_detach(helper_submit(p->e, OP_MOUNT_DROP, &drop, NULL, 0));
	if (r < 0)
		return cannot_make(b->m, r, NULL, &why, err);
	above = (struct source_found){ 0 };
	r = lookup(p->e, b->m->source, strlen(b->m->source), source_writable(b->m), &p->ctx, &above, &why, stage);
	if (r < 0) {
		bind_error(b->m, r, stage, &why, err);
		return -1;
	}
	b->source = above.ticket;
	b->found = above.object;
	b->opened = true;
	return 0;
}
