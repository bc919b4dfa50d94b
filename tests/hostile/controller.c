/* controller.c - a controller that was taken over (see README.md).
 *
 * It has what posternd has: fd 3 from the launcher, the listening socket, the policy, its directory, no privilege. Unlike
 * posternd it has not locked itself down, so it may do whatever an attacker's code could. Results go to standard error as
 * lines "HOSTILE ok - ..."; at the end "HOSTILE done". */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../../helpers/base/cleanup.h"
#include "../../helpers/base/names.h"
#include "../../helpers/base/text.h"
#include "../../helpers/protocol/control.h"
#include "hostile.h"


int root_client = -EBADF, user_client = -EBADF, read_client = -EBADF;
const char *base = "/";
void (*on_call)(enum op op, int r, uint64_t ns);
static int channels[HELPER_COUNT];
static uint32_t next_id = 1000;
static uint64_t first_ticket, last_ticket;

void result(bool good, const char *format, ...)
{
	char text[600];
	va_list args;
	int n;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	n = dprintf(STDERR_FILENO, "HOSTILE %s - %s\n", good ? "ok" : "not ok", text);
	(void)n;
}

void skipped(const char *what, const char *reason)
{
	dprintf(STDERR_FILENO, "HOSTILE skip - %s (%s)\n", what, reason);
}

const struct policy_common *policy(void)
{
	static const struct policy_common *p;

	if (!p)
		p = mmap(NULL, sizeof(*p), PROT_READ, MAP_SHARED, FD_POLICY, 0);
	return p;
}

uint32_t owner_id(void)
{
	return policy()->ids_shared ? 0 : 1000;
}

const char *in_hang(const char *name)
{
	static char paths[4][300];
	static unsigned next;
	char *path = paths[next++ % ARRAY_SIZE(paths)];

	snprintf(path, sizeof(paths[0]), "%s-hang/%s", base, name);
	return path;
}

/* Takes what the launcher sends: a new channel for a helper that was started again. */
static bool take_channel(int ms)
{
	struct control_message m;
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = { &m, sizeof(m) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.buf, .msg_controllen = sizeof(control.buf) };
	struct pollfd p = { .fd = FD_CHANNEL, .events = POLLIN };

	if (poll(&p, 1, ms) <= 0 || recvmsg(FD_CHANNEL, &msg, MSG_CMSG_CLOEXEC) != sizeof(m) || m.helper >= HELPER_COUNT)
		return false;
	close_fd(channels[m.helper]);
	memcpy(&channels[m.helper], CMSG_DATA(&control.align), sizeof(int));
	return true;
}

static bool alive(int fd)
{
	struct pollfd p = { .fd = fd };

	return fd >= 0 && (poll(&p, 1, 0) == 0 || !(p.revents & (POLLHUP | POLLERR | POLLNVAL)));
}

int channel(enum helper_id id)
{
	for (int i = 0; i < 100; i++) {
		while (take_channel(0))
			;
		if (alive(channels[id]))
			return channels[id];
		take_channel(50);
	}
	dprintf(STDERR_FILENO, "HOSTILE not ok - no channel of %s\nHOSTILE done\n", helper_name(id));
	exit(1);
}

bool has_channel(enum helper_id id)
{
	while (take_channel(0))
		;
	return channels[id] >= 0;
}

int derived(enum helper_id id)
{
	struct req_base_derive req = { .mask = UINT64_MAX };
	struct rep_base_derive rep;
	int r = ask_as(channel(id), OP_BASE_DERIVE, &req, &rep, NULL, -1);

	if (r < 0) {
		result(false, "%s gives no derived channel: %s", helper_name(id), strerror(-r));
		return -EBADF;
	}
	return rep.channel;
}

bool ended(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	static struct frame f;

	while (poll(&p, 1, 2000) > 0) {
		int r = frame_receive(fd, &f, MSG_DONTWAIT);

		if (r == -ENODATA)
			return true;
		if (r == 0)
			frame_close_fds(&f);
	}
	return false;
}

int ask_as(int fd, enum op op, const void *req, void *rep, struct reply_header *why, int client)
{
	struct call_options o = { .id = next_id++, .client = client, .api_id = 1, .deadline_ms = 4000 };
	static union any_message ignored;
	struct timespec a, b;
	int r;

	clock_gettime(CLOCK_MONOTONIC, &a);
	r = call(fd, op, req, rep ? rep : &ignored, &o, why);
	clock_gettime(CLOCK_MONOTONIC, &b);
	if (on_call)
		on_call(op, r, (uint64_t)((b.tv_sec - a.tv_sec) * 1000000000 + b.tv_nsec - a.tv_nsec));
	return r;
}

int ask(int fd, enum op op, const void *req, void *rep, struct reply_header *why)
{
	return ask_as(fd, op, req, rep, why, root_client);
}

void fill_request(enum op op, void *req, int fd)
{
	const struct message_desc *d = &op_desc(op)->req;

	message_init(d, req);
	for (unsigned i = 0; i < d->nfields; i++) {
		const struct field_desc *f = &d->fields[i];
		char *p = (char *)req + f->offset;

		switch (f->type) {
		case FIELD_U32: *(uint32_t *)p = (uint32_t)f->min; break;
		case FIELD_U64: *(uint64_t *)p = f->min; break;
		case FIELD_NAME: memset(p, 'n', f->min); break;
		case FIELD_TEXT: memset(p, 't', f->min); break;
		case FIELD_PATH: strcpy(p, "/tmp"); break;
		case FIELD_IDS: case FIELD_U32S: case FIELD_U64S: *(uint32_t *)p = (uint32_t)f->min; break;
		case FIELD_FD: *(int *)p = f->max == REQUIRED ? fd : -EBADF; break;
		default: break;
		}
	}
}

uint64_t new_ticket(void)
{
	static uint64_t last;

	if (last == 0) {
		if (getrandom(&last, sizeof(last), 0) < 0)
			last = 1;
		last = first_ticket = last >> 1;
	}
	return last_ticket = ++last;
}

void drop_tickets(void)
{
	struct req_mount_drop drop = { .tickets = { .n = 0 } };

	for (uint64_t t = first_ticket; t <= last_ticket; t++) {
		drop.tickets.v[drop.tickets.n++] = t;
		if (drop.tickets.n == 64 || t == last_ticket) {
			ask(channel(HELPER_MOUNT), OP_MOUNT_DROP, &drop, NULL, NULL);
			drop.tickets.n = 0;
		}
	}
}

int sandbox_make(struct sandbox *s, bool map)
{
	struct req_netns_create make = { .userns = -EBADF };
	struct rep_netns_create made;
	struct req_cgroup_create group;
	struct rep_cgroup_create cgroup;
	int r;

	memset(s, 0, sizeof(*s));
	s->cgroup = -EBADF;
	if (getrandom(s->id, sizeof(s->id), 0) != sizeof(s->id))
		return -EIO;
	r = ask(channel(HELPER_NETNS), OP_NETNS_CREATE, &make, &made, NULL);
	if (r < 0)
		return r;
	s->proc = made.proc;
	s->userns = made.userns;
	s->netns = made.netns;
	s->lifeline = made.lifeline;
	s->ticket = new_ticket();
	if (map) {
		struct req_idmap_map req = { .ticket = s->ticket, .proc = s->proc, .userns = s->userns };
		struct rep_idmap_map rep;

		r = ask(channel(HELPER_IDMAP), OP_IDMAP_MAP, &req, &rep, NULL);
		if (r < 0)
			return r;
		s->base = rep.base;
	}
	if (policy_absent(policy(), HELPER_CGROUP))
		return 0;
	message_init(&op_desc(OP_CGROUP_CREATE)->req, &group);
	memcpy(group.container, s->id, ID_BYTES);
	group.memory_max = group.memory_swap_max = group.memory_low = group.pids_max = UNSET;
	group.memory_swappiness = group.oom_kill_disable = UNSET;
	group.cpu_quota_us = group.cpu_period_us = group.cpu_shares = group.blkio_weight = UNSET;
	r = ask(channel(HELPER_CGROUP), OP_CGROUP_CREATE, &group, &cgroup, NULL);
	if (r < 0)
		return r;
	s->cgroup = cgroup.v2;
	for (uint32_t i = 0; i < cgroup.v1.n; i++)
		close_fd(cgroup.v1.fd[i]);
	return 0;
}

void sandbox_drop(struct sandbox *s)
{
	struct req_cgroup_remove remove;
	struct req_idmap_release release = { .base = s->base };
	struct req_mount_drop drop = { .tickets = { 1, { s->ticket } } };

	close_fd(s->proc);
	close_fd(s->lifeline);
	close_fd(s->userns);
	close_fd(s->netns);
	close_fd(s->cgroup);
	memcpy(remove.container, s->id, ID_BYTES);
	if (!policy_absent(policy(), HELPER_CGROUP))
		ask(channel(HELPER_CGROUP), OP_CGROUP_REMOVE, &remove, NULL, NULL);
	if (s->base)
		ask(channel(HELPER_IDMAP), OP_IDMAP_RELEASE, &release, NULL, NULL);
	ask(channel(HELPER_MOUNT), OP_MOUNT_DROP, &drop, NULL, NULL);
}

int accept_client(int listening, uid_t want)
{
	for (int i = 0; i < 200; i++) {
		struct pollfd p = { .fd = listening, .events = POLLIN };
		struct ucred cred;
		socklen_t n = sizeof(cred);

		if (poll(&p, 1, 100) <= 0)
			continue;
		int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);

		if (fd >= 0 && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) == 0 && cred.uid == want)
			return fd;
		close_fd(fd);
	}
	return -ETIMEDOUT;
}

void controller_start(int argc, char **argv)
{
	static const enum helper_id needed[] = { HELPER_IDMAP, HELPER_NETNS, HELPER_LOOKUP, HELPER_MOUNT, HELPER_CGROUP,
						 HELPER_DEVICE, HELPER_SPAWN, HELPER_LAYER };

	signal(SIGPIPE, SIG_IGN);
	for (unsigned i = 0; i < HELPER_COUNT; i++)
		channels[i] = -EBADF;
	for (int i = 1; i < argc; i++)
		if (!strncmp(argv[i], "--data-root=", 12))
			base = argv[i] + 12;
	for (size_t i = 0; i < ARRAY_SIZE(needed); i++)
		if (!policy_absent(policy(), needed[i]))
			channel(needed[i]);
}
