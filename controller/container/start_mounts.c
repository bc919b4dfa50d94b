/* start_mounts.c - the part of a start that brings host paths, devices, volumes and images into the container.
 *
 * A host path goes lookup OPEN -> idmap OWNER -> mount BIND, all by tickets: posternd never holds an fd of a source.
 * Binds whose sources have the same owner share one mapping. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../../helpers/base/cleanup.h"
#include "../json.h"
#include "../volume/volume.h"
#include "start.h"

const char *bind_hint(int status, const char *stage)
{
	static const struct {
		int status;
		const char *stage, *words;
	} hints[] = {
		{ -EPERM, "owner",
		  ": it must be the client's own; what root or a system user owns can be had read-only (:ro) at most" },
		{ -EPERM, "readonly", ": policy gives it read-only (:ro)" },
		{ -EPERM, "submounts", ": something is mounted below it, and policy's rule is without submounts" },
		{ -EPERM, "path", ": no rule of policy's binds covers it, or it is the engine's own" },
		{ -ELOOP, "symlink", ": a part of it is a symbolic link, bind where that leads" },
		{ -EOPNOTSUPP, "filesystem", ": it is on a network file system, FUSE or autofs" },
	};

	for (size_t i = 0; stage && i < ARRAY_SIZE(hints); i++) {
		if (status == hints[i].status && strcmp(stage, hints[i].stage) == 0)
			return hints[i].words;
	}
	return "";
}

void bind_error(const struct spec_mount *m, int status, const char *stage, const struct err *failure, struct err *err)
{
	bool device = m->type == SPEC_DEVICE;
	static const char *const kinds[] = {
		[SPEC_BIND] = "bind source path",
		[SPEC_VOLUME] = "volume",
		[SPEC_DEVICE] = "device",
		[SPEC_IMAGE] = "image",
	};
	const char *what = kinds[m->type], *hint = device ? "" : bind_hint(status, stage);

	if (status == -ENOENT && device)
		err_set(err, 500,
			"error gathering device information while adding custom device \"%s\": no such file or "
			"directory",
			m->source);
	else if (status == -ENOENT && m->type == SPEC_BIND)
		err_set(err, 400, "invalid mount config for type \"bind\": bind source path does not exist: %s",
			m->source);
	else if (status == -EPERM || status == -EACCES)
		err_set(err, 403, "%s \"%s\" is not allowed%s: %s%s", what, m->source,
			m->readonly || device ? "" : " (writable)", failure->message, hint);
	else
		err_set(err, failure->status ? failure->status : 500, "%s \"%s\": %s%s", what, m->source,
			failure->message, hint);
}

/* A volume may be the bind or the tmpfs that its options ask for. */
static int expand_volume(struct plan *p, struct spec_mount *m, struct err *err)
{
	struct volume_row row = { 0 };
	int r = state_volume_get(p->e->state, m->source, &row);

	if (r < 0)
		return r == -ENOENT ? err_set(err, 404, "get %s: no such volume", m->source)
				    : err_set(err, 500, "volume %s: %s", m->source, strerror(-r));
	if (row.options)
		r = volume_options_apply(row.options, m);
	volume_row_finish(&row);
	return r < 0 ? err_set(err, 500, "out of memory") : 0;
}

/* Of the id that create has found. */
static int find_image(struct plan *p, struct bind *b, struct err *err)
{
	const char *id = json_text(json_get(p->merged, "ImageMounts"), b->m->target, b->m->source, NULL);

	b->image = calloc(1, sizeof(*b->image));
	if (!b->image)
		return err_set(err, 500, "out of memory");
	if (image_find(p->e, id, &b->image->image, err) < 0)
		return -1;
	p->image_layers[p->nimages++] = b->image->image.nlayers;
	return 0;
}

static int take_mounts(struct plan *p, struct err *err)
{
	unsigned fds = 0;

	for (size_t i = 0; i < p->mounts.n; i++) {
		struct spec_mount *m = &p->mounts.v[i];
		struct bind *b = &p->binds[p->nbinds];

		if (m->type == SPEC_VOLUME && expand_volume(p, m, err) < 0)
			return -1;
		if (m->type == SPEC_TMPFS)
			continue;
		if (p->nbinds == BINDS_MAX)
			return err_set(err, 400, "too many mounts: at most %u", BINDS_MAX);
		p->nbinds++;
		b->m = m;
		b->fd = -EBADF;
		if (m->type == SPEC_IMAGE && find_image(p, b, err) < 0)
			return -1;
		fds += b->image ? b->image->image.nlayers : 1;
	}
	if (fds > BINDS_MAX)
		return err_set(err, 400, "too many mounts: at most %u, of which an image's layers are one each",
			       BINDS_MAX);
	return 0;
}

int plan_submit_sources(struct plan *p, struct err *err)
{
	struct req_lookup_open *req;

	if (take_mounts(p, err) < 0)
		return -1;
	if (p->nbinds == 0)
		return 0;
	req = calloc(1, sizeof(*req));
	if (!req)
		return err_set(err, 500, "out of memory");
	for (unsigned i = 0; i < p->nbinds; i++) {
		struct bind *b = &p->binds[i];

		if (b->m->type == SPEC_VOLUME || b->m->type == SPEC_IMAGE)
			continue;
		b->source = ticket_new(p->e->containers);
		req->ticket = b->source;
		req->what = b->m->type == SPEC_DEVICE ? LOOKUP_DEVICE : LOOKUP_BIND;
		req->writable = b->m->type == SPEC_DEVICE
					? !b->m->device_access || strchr(b->m->device_access, 'w') != NULL
					: source_writable(b->m);
		snprintf(req->path, sizeof(req->path), "%s", b->m->source);
		b->open = helper_submit(p->e, OP_LOOKUP_OPEN, req, &p->ctx, 0);
	}
	free(req);
	return 0;
}

int plan_take_sources(struct plan *p, struct err *err)
{
	for (unsigned i = 0; i < p->nbinds; i++) {
		struct bind *b = &p->binds[i];
		struct err failure = { 0 };
		char stage[STAGE_MAX] = "";
		int r;

		if (!b->open)
			continue;
		r = helper_wait(TAKE_PTR(b->open), &b->found, &failure, stage);
		b->missing = r == -ENOENT && b->m->type == SPEC_BIND && b->m->create;
		if (r < 0 && !b->missing) {
			bind_error(b->m, r, stage, &failure, err);
			return -1;
		}
		b->opened = r == 0;
	}
	return 0;
}

static void submit_image(struct plan *p, struct bind *b)
{
	struct req_mount_image *req = calloc(1, sizeof(*req));

	if (!req)
		abort();
	req->mapping = p->slot.ticket;
	req->layers.n = b->image->image.nlayers;
	memcpy(req->layers.id, b->image->image.layers, req->layers.n * ID_BYTES);
	b->mount = helper_submit(p->e, OP_MOUNT_IMAGE, req, &p->ctx, 0);
	free(req);
}

void plan_submit_volumes(struct plan *p)
{
	for (unsigned i = 0; i < p->nbinds; i++) {
		struct bind *b = &p->binds[i];
		struct req_mount_volume req = { .mapping = p->slot.ticket, .readonly = b->m->readonly };

		if (b->m->type == SPEC_IMAGE)
			submit_image(p, b);
		if (b->m->type != SPEC_VOLUME)
			continue;
		volume_await_filled(p->e->containers, b->m->source);
		snprintf(req.volume, sizeof(req.volume), "%s", b->m->source);
		b->mount = helper_submit(p->e, OP_MOUNT_VOLUME, &req, &p->ctx, 0);
	}
}

/* The mapping for b's owner: an earlier entry's or a new one. */
static void submit_owner(struct plan *p, unsigned n)
{
	struct bind *b = &p->binds[n];
	struct req_idmap_owner req = {
		.base = p->slot.base,
		.run_uid = p->user.uid,
		.run_gid = p->user.gid,
		.owner_uid = b->found.uid,
		.owner_gid = b->found.gid,
	};

	for (unsigned i = 0; i < n; i++) {
		const struct bind *o = &p->binds[i];

		if (o->mapping && o->found.uid == b->found.uid && o->found.gid == b->found.gid) {
			b->mapping = o->mapping;
			return;
		}
	}
	b->mapping = req.ticket = ticket_new(p->e->containers);
	b->owner = helper_submit(p->e, OP_IDMAP_OWNER, &req, &p->ctx, 0);
}

static void submit_bind(struct plan *p, struct bind *b)
{
	struct req_mount_bind req = {
		.source = b->source,
		.mapping = b->mapping,
		.readonly = !b->m->readonly ? BIND_WRITABLE : b->m->below_writable ? BIND_READONLY_TOP : BIND_READONLY,
		.flat = b->m->flat ? BIND_FLAT : BIND_ALL,
	};
	struct req_mount_device device = { .source = b->source };

	if (b->m->type == SPEC_DEVICE)
		b->mount = helper_submit(p->e, OP_MOUNT_DEVICE, &device, &p->ctx, 0);
	else
		b->mount = helper_submit(p->e, OP_MOUNT_BIND, &req, &p->ctx, 0);
}

int plan_map_binds(struct plan *p, struct err *err)
{
	if (p->nbinds && (!policy_maps(p->e->policy, p->user.uid) || !policy_maps(p->e->policy, p->user.gid)))
		return err_set(err, 400, "uid %u or gid %u is not mapped in containers", p->user.uid, p->user.gid);
	for (unsigned i = 0; i < p->nbinds; i++)
		if (p->binds[i].missing && plan_make_source(p, &p->binds[i], err) < 0)
			return -1;
	for (unsigned i = 0; i < p->nbinds; i++)
		if (p->binds[i].m->type == SPEC_BIND && !p->binds[i].found.unmapped)
			submit_owner(p, i);
	for (unsigned i = 0; i < p->nbinds; i++) {
		struct bind *b = &p->binds[i];

		if (b->m->type == SPEC_VOLUME || b->m->type == SPEC_IMAGE)
			continue;
		/* mount knows the mapping when idmap answers; a shared one was waited for at its first entry. */
		if (b->owner) {
			if (helper_wait(TAKE_PTR(b->owner), NULL, err, NULL) < 0)
				return -1;
			b->mapping_made = true;
		}
		submit_bind(p, b);
	}
	return 0;
}

int plan_take_binds(struct plan *p, struct err *err)
{
	for (unsigned i = 0; i < p->nbinds; i++) {
		struct bind *b = &p->binds[i];
		/* The replies of BIND, VOLUME and DEVICE are all one fd; each struct is that fd and an end mark. */
		struct rep_mount_bind rep = { .mount = -EBADF };
		struct err failure = { 0 };
		int r = helper_wait(TAKE_PTR(b->mount), b->image ? (void *)&b->image->mounts : &rep, &failure, NULL);

		if (r < 0) {
			bind_error(b->m, r, NULL, &failure, err);
			return -1;
		}
		b->fd = rep.mount;
	}
	return 0;
}

void plan_collect_binds(struct plan *p)
{
	for (unsigned i = 0; i < p->nbinds; i++) {
		struct bind *b = &p->binds[i];

		if (b->open)
			b->opened = helper_wait(TAKE_PTR(b->open), NULL, NULL, NULL) == 0;
		if (b->owner)
			b->mapping_made = helper_wait(TAKE_PTR(b->owner), NULL, NULL, NULL) == 0;
		if (b->mount)
			helper_wait(TAKE_PTR(b->mount), NULL, NULL, NULL);
	}
}

void plan_finish_binds(struct plan *p)
{
	for (unsigned i = 0; i < p->nbinds; i++) {
		struct bind *b = &p->binds[i];

		close_fd(b->fd);
		if (!b->image)
			continue;
		message_close_fds(&op_desc(OP_MOUNT_IMAGE)->rep, &b->image->mounts);
		image_finish(&b->image->image);
		free(b->image);
	}
}

void plan_device_rules(const struct plan *p, struct req_device_attach *req)
{
	for (unsigned i = 0; i < p->nbinds; i++) {
		const struct bind *b = &p->binds[i];
		const char *access = b->m->device_access && b->m->device_access[0] ? b->m->device_access : "rwm";
		uint32_t *v = &req->rules.v[req->rules.n];

		if (b->m->type != SPEC_DEVICE || req->rules.n + 4 > ARRAY_SIZE(req->rules.v))
			continue;
		v[0] = S_ISBLK(b->found.mode) ? DEVICE_BLOCK : DEVICE_CHAR;
		v[1] = (strchr(access, 'r') ? DEVICE_READ : 0u) | (strchr(access, 'w') ? DEVICE_WRITE : 0u) |
		       (strchr(access, 'm') ? DEVICE_MKNOD : 0u);
		v[2] = b->found.rdev_major;
		v[3] = b->found.rdev_minor;
		req->rules.n += 4;
	}
}
