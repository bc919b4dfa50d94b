/* join.c - namespaces that a container does not have of its own: the host's by policy, or those of running containers.
 *
 * Sharing any namespace with a container implies its user namespace and range (the kernel gives nobody else rights in
 * it), so all that are joined must be of one. The fds come from spawn and go back to it, which proves them again. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "../../helpers/base/cleanup.h"
#include "../../helpers/base/fd.h"
#include "../json.h"
#include "internal.h"
#include "start.h"

enum { HOST_FILE_MAX = 64 << 10 };

static const struct mode {
	const char *field, *what;
	uint32_t host;
	size_t from, to; /* in the reply of NAMESPACES, in struct join (SIZE_MAX: slot.netns) */
} modes[] = {
	{ "NetworkMode", "network", HOST_NETWORK, offsetof(struct rep_spawn_namespaces, netns), SIZE_MAX },
	{ "PidMode", "PID namespace", HOST_PID, offsetof(struct rep_spawn_namespaces, pidns),
	  offsetof(struct join, pidns) },
	{ "IpcMode", "IPC namespace", HOST_IPC, offsetof(struct rep_spawn_namespaces, ipcns),
	  offsetof(struct join, ipcns) },
	{ "UTSMode", "UTS namespace", HOST_UTS, offsetof(struct rep_spawn_namespaces, utsns),
	  offsetof(struct join, utsns) },
	{ "CgroupnsMode", "cgroup namespace", HOST_CGROUP, 0, 0 },
};

void join_init(struct join *j)
{
	*j = (struct join){ .pidns = -EBADF, .ipcns = -EBADF, .utsns = -EBADF, .shm = -EBADF };
}

void join_finish(struct join *j)
{
	close_fd(j->pidns);
	close_fd(j->ipcns);
	close_fd(j->utsns);
	close_fd(j->shm);
	cJSON_Delete(j->network_of);
	free(j->hosts);
	free(j->resolv);
}

/* The one that is named, when it can be joined: a reference. */
static struct container *find_donor(struct plan *p, const struct mode *m, const char *name, struct err *err)
{
	struct container *d = container_find(p->e, name, err);
	const char *ipc;
	cJSON *config;

	if (!d)
		return NULL;
	if (d == p->c) {
		err_set(err, 400, "cannot join own %s", m->what);
	} else if (!container_is_running(d) || !d->row.base || d->cleaning) {
		if (m->host == HOST_NETWORK)
			err_set(err, 409, "cannot join network of a non running container: %s", d->row.id);
		else
			err_set(err, 409, "failed to join %s: container %s is not running", m->what, d->row.id);
	} else if (m->host == HOST_IPC) {
		config = container_config(d);
		ipc = json_text(json_get(config, "HostConfig"), "IpcMode", "", NULL);
		if (!strcmp(ipc, "private") || !strcmp(ipc, "none"))
			err_set(err, 400,
				"failed to join IPC namespace: container %s: non-shareable IPC (hint: use "
				"IpcMode:shareable for the donor container)",
				d->row.id);
		cJSON_Delete(config);
	}
	if (!err->status)
		return d;
	container_put(d);
	return NULL;
}

/* Takes from a donor's namespaces what m wants; the first one's user namespace is everybody's. */
static int take(struct plan *p, const struct mode *m, struct container *d, struct rep_spawn_namespaces *ns,
		struct err *err)
{
	int *from = (int *)((char *)ns + m->from);
	int *to = m->to == SIZE_MAX ? &p->slot.netns : (int *)((char *)&p->join + m->to);

	if (p->slot.userns < 0)
		p->slot.userns = TAKE_FD(ns->userns);
	else if (!fd_same(p->slot.userns, ns->userns))
		return err_set(err, 400,
			       "conflicting options: container %s has another user namespace than the other container "
			       "that is to be joined",
			       d->row.name);
	/* It has the host's: so has who joins it, if policy lets it. */
	if (*from < 0)
		p->join.host |= m->host;
	*to = TAKE_FD(*from);
	if (m->host == HOST_IPC)
		p->join.shm = TAKE_FD(ns->mntns);
	if (m->host == HOST_NETWORK) {
		p->join.network_of = container_config(d);
		snprintf(p->join.network_of_id, sizeof(p->join.network_of_id), "%s", d->row.id);
	}
	p->slot.base = d->row.base;
	return 0;
}

static int join_one(struct plan *p, const struct mode *m, const char *name, struct err *err)
{
	struct container *d = find_donor(p, m, name, err);
	struct req_spawn_namespaces req;
	struct rep_spawn_namespaces ns;
	int r;

	if (!d)
		return -1;
	memcpy(req.container, d->raw_id, ID_BYTES);
	message_init(&op_desc(OP_SPAWN_NAMESPACES)->rep, &ns);
	r = helper_call(p->e, OP_SPAWN_NAMESPACES, &req, &ns, &p->ctx, err);
	if (r == 0 && !container_is_running(d))
		r = err_set(err, 409, "failed to join %s: container %s is not running", m->what, d->row.id);
	if (r == 0)
		r = take(p, m, d, &ns, err);
	message_close_fds(&op_desc(OP_SPAWN_NAMESPACES)->rep, &ns);
	container_put(d);
	return r < 0 ? -1 : 0;
}

char *host_file(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char *text = NULL;

	return fd >= 0 && fd_read_all(fd, HOST_FILE_MAX, &text, NULL) == 0 ? text : NULL;
}

int plan_join(struct plan *p, struct err *err)
{
	const cJSON *host = json_get(p->merged, "HostConfig");
	struct slot s = { 0 };
	const char *name;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(modes); i++) {
		switch (spec_share(host, modes[i].field, &name)) {
		case SHARE_HOST:
			p->join.host |= modes[i].host;
			break;
		case SHARE_CONTAINER:
			if (join_one(p, &modes[i], name, err) < 0)
				return -1;
			break;
		case SHARE_OWN:
			break;
		}
	}
	if (p->join.host & HOST_NETWORK) {
		p->join.hosts = host_file("/etc/hosts");
		p->join.resolv = host_file("/etc/resolv.conf");
	}
	if (p->slot.userns < 0)
		return slot_take(p->e, &p->slot) < 0 ? slot_make(p->e, &p->slot, &p->ctx, err) : 0;
	s.base = p->slot.base;
	p->slot.base = 0; /* nothing of ours until it is made */
	if (slot_join(p->e, TAKE_FD(p->slot.userns), TAKE_FD(p->slot.netns), s.base, &s, &p->ctx, err) < 0)
		return -1;
	p->slot = s;
	container_set_base(p->c, s.base); /* so that the donor's end does not give it back meanwhile */
	return 0;
}
