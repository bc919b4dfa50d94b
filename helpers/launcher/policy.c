/* policy.c - root's policy: opened and owned here, compiled by postern-policy without a privilege, checked, handed out.
 *
 * What comes back is one fixed struct. The engine's own facts in it are written again here, and the rest must be within
 * the bounds that nothing may leave whatever the file says: a flaw of the parser must not turn into a path or an id
 * that root acts on. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/fd.h"
#include "../base/log.h"
#include "../base/text.h"
#include "../protocol/message.h"
#include "launcher.h"

#ifndef BUILD_ID
#define BUILD_ID "unknown"
#endif

enum { OWNER_FIRST = 1000 /* files of system users are never shown as a container's own */ };

static const struct row compiler = { HELPER_POLICY, 0, USERNS_HOST, MNTNS_HOST, .no_new_privs = true, .seccomp = true,
				     .landlock = true };

/* What the engine knows and the file does not say. */
static int put_facts(struct launcher *l, struct policy *p)
{
	struct policy_common *c = &p->controller;
	char (*sockets)[SOCKET_PATH_SIZE] = l->config.sockets;
	const char *denied[] = { l->config.data, l->config.run, "/etc/postern", "/run/docker.sock",
				 sockets[SOCKET_ALSO], sockets[SOCKET_READ] };
	int r = text_format(sockets[SOCKET_MAIN], SOCKET_PATH_SIZE, "%s/postern.sock", l->config.run);

	c->magic = POLICY_MAGIC;
	c->absent = l->absent;
	c->ids_base = l->config.ids_base;
	c->ids_count = l->ids.count;
	c->store_first = l->ids.store_first;
	c->nmap = l->ids.nmap;
	memcpy(c->map, l->ids.map, sizeof(c->map));
	c->ids_shared = l->ids.user;
	if (l->ids.user) /* whose files are bound is the kernel's to judge: nothing is shown otherwise than it is */
		p->idmap.owner_uid_first = p->idmap.owner_gid_first = p->lookup.owner_uid_first =
			p->mount.owner_uid_first = 0;
	c->devs = l->devs;
	memcpy(c->sockets, sockets, sizeof(c->sockets));
	if (r < 0)
		log_error("--run: the socket's path would be too long for a Unix socket (107 bytes)");
	if (r == 0)
		r = text_copy(c->build, sizeof(c->build), BUILD_ID);
	p->lookup.ndenied = 0;
	for (size_t i = 0; i < ARRAY_SIZE(denied) && r == 0; i++)
		if (denied[i][0])
			r = text_copy(p->lookup.denied[p->lookup.ndenied++], sizeof(p->lookup.denied[i]), denied[i]);
	return r;
}

#define ENDS(array) (memchr(array, '\0', sizeof(array)) != NULL)

static bool path_sane(const struct policy_lookup *l, const struct policy_path *p)
{
	if (!ENDS(p->path) || !ENDS(p->rule) || !path_valid(p->path, strlen(p->path)) || strcmp(p->path, "/") == 0)
		return false;
	for (uint32_t i = 0; i < l->ndenied; i++)
		if (path_below(p->path, l->denied[i]))
			return false;
	return true;
}

static bool devices_sane(const struct policy_device *d, uint32_t n)
{
	for (uint32_t i = 0; i < n && i < POLICY_DEVICES_MAX; i++)
		if (!ENDS(d[i].path) || !ENDS(d[i].rule) || !path_valid(d[i].path, strlen(d[i].path)))
			return false;
	return n <= POLICY_DEVICES_MAX;
}

/* What is wrong with a compiled policy whose facts are ours; NULL when nothing is. */
static const char *policy_flaw(const struct policy *p)
{
	const struct policy_common *c = &p->controller;

	if (c->nusers > POLICY_USERS_MAX || p->lookup.npaths > POLICY_PATHS_MAX)
		return "too many rules";
	for (uint32_t i = 0; i < c->nusers; i++)
		if (!ENDS(c->users[i].rule) || c->users[i].match > POLICY_ANY || c->users[i].rights > RIGHTS_ADMIN)
			return "a user rule";
	for (uint32_t i = 0; i < p->lookup.npaths; i++)
		if (!path_sane(&p->lookup, &p->lookup.paths[i]))
			return "a bind rule";
	if (!devices_sane(c->devices, c->ndevices))
		return "a device rule";
	if (c->range_first < MAP_SIZE || c->range_last >= FOREIGN_FIRST || c->range_last < c->range_first ||
	    c->range_last - c->range_first < MAP_SIZE - 1)
		return "the container ids";
	if (c->ids_base <= c->range_last && c->ids_base + IDS_PER_ENGINE > c->range_first)
		return "container ids that are the engine's own";
	if (c->ids_shared)
		return NULL;
	if (p->idmap.owner_uid_first < OWNER_FIRST || p->idmap.owner_gid_first < OWNER_FIRST ||
	    p->lookup.owner_uid_first < OWNER_FIRST || p->mount.owner_uid_first < OWNER_FIRST)
		return "the lowest owners";
	return NULL;
}

/* The policy file first, then what names and ids are looked up in. */
static int open_files(struct launcher *l)
{
	for (size_t i = 0; i < ARRAY_SIZE(l->policy_files); i++) {
		const bool etc = i > 0 && i <= POLICY_ETC_COUNT;
		const char *path = i == 0 ? l->config.policy : etc ? policy_etc_files[i - 1] : l->config.narrower;

		/* The names and ids there are the host's, not those of a user's namespace. */
		if (!*path || (etc && l->ids.user))
			continue;
		l->policy_files[i] = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
		if (l->policy_files[i] < 0 && (!etc || errno != ENOENT)) {
			log_error("%s: cannot be opened: %s", path, strerror(errno));
			return -errno;
		}
	}
	return 0;
}

static int run_compiler(struct launcher *l, struct policy_job *job, int memfd)
{
	struct child c = { .row = &compiler, .policy = memfd, .keep = -EBADF, .audit = -EBADF, .program = -EBADF };
	int status, r = child_start(l, &c);

	if (r < 0)
		return r;
	while (waitpid(c.pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	job->error[sizeof(job->error) - 1] = '\0';
	log_error("%s", job->error[0] ? job->error : "postern-policy ended before it was done");
	return -EINVAL;
}

int policy_facts(struct launcher *l)
{
	int r = put_facts(l, l->policy);

	policy_spread_common(l->policy);
	return r;
}

int policy_load(struct launcher *l)
{
	_cleanup_close_ int memfd = memfd_shared("policy", sizeof(struct policy_job));
	struct policy_job *job;
	const char *flaw;
	void *map;
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(l->policy_files); i++)
		l->policy_files[i] = -EBADF;
	l->settings = -EBADF;
	r = memfd < 0 ? memfd : fd_map(memfd, sizeof(*job), PROT_READ | PROT_WRITE, &map);
	if (r < 0)
		return r;
	job = map;
	job->policy.controller.range_first = l->config.range_first;
	job->policy.controller.range_last = l->config.range_last;
	text_copy(job->home, sizeof(job->home), l->config.home);
	text_copy(job->narrower, sizeof(job->narrower), l->config.narrower);
	r = put_facts(l, &job->policy);
	if (r == 0)
		r = open_files(l);
	if (r == 0)
		r = run_compiler(l, job, memfd);
	for (size_t i = 0; i < ARRAY_SIZE(l->policy_files); i++)
		l->policy_files[i] = close_fd(l->policy_files[i]);
	/* A copy first: what is checked is what is used. */
	*l->policy = job->policy;
	munmap(job, sizeof(*job));
	if (r == 0)
		r = put_facts(l, l->policy);
	flaw = r == 0 ? policy_flaw(l->policy) : NULL;
	if (flaw) {
		log_error("postern-policy made a policy that cannot be: %s", flaw);
		return -EINVAL;
	}
	policy_spread_common(l->policy);
	return r;
}
