/* attack_frames.c - threats 1, 2, 8, 9, 15: what a channel takes. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../../helpers/base/cleanup.h"
#include "../../helpers/base/policy.h"
#include "hostile.h"

static const enum helper_id targets[] = { HELPER_IDMAP, HELPER_NETNS, HELPER_LOOKUP, HELPER_MOUNT, HELPER_CGROUP,
					  HELPER_DEVICE, HELPER_SPAWN, HELPER_LAYER, HELPER_VETH, HELPER_FIREWALL, HELPER_PORTS,
					  HELPER_RESOLVER, HELPER_FORWARD };
static union any_message req;

/* A helper that every engine has or, better, cgroup: an op of few words to ask often, and one of ID_BYTES alone. */
static enum helper_id common_helper(void)
{
	return policy_absent(policy(), HELPER_CGROUP) ? HELPER_SPAWN : HELPER_CGROUP;
}

static enum op list_op(void)
{
	return common_helper() == HELPER_CGROUP ? OP_CGROUP_LIST : OP_SPAWN_LIST;
}

static bool send_raw(int fd, uint16_t op, const void *body, size_t len, const int *fds, size_t nfds)
{
	struct frame_header h = { .op = op, .id = 5 };

	return frame_send(fd, &h, body, len, fds, nfds, MSG_DONTWAIT) == 0;
}

static void unknown_and_foreign_ops(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
		if (policy_absent(policy(), targets[i]))
			continue;
		const uint16_t ops[] = { OP_COUNT, UINT16_MAX, targets[i] == HELPER_IDMAP ? OP_MOUNT_ROOTFS : OP_IDMAP_MAP,
					 OP_MOUNT_SOURCE, OP_MOUNT_MAPPING, OP_SEAL_SEAL, OP_AUDIT_INTENT };
		bool good = true;

		for (size_t k = 0; k < ARRAY_SIZE(ops); k++) {
			int fd = derived(targets[i]);

			send_raw(fd, ops[k], "", 0, NULL, 0);
			good = good && ended(fd);
			close_fd(fd);
		}
		result(good, "1: %s ends the channel at unknown, foreign and private ops", helper_name(targets[i]));
	}
}

/* Every op of every helper: shorter, longer, with too many and too few fds. */
static void wrong_lengths(void)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	for (unsigned op = 0; op < OP_COUNT; op++) {
		const struct op_desc *d = op_desc(op);
		enum helper_id id = d->helper == HELPER_COUNT ? common_helper() : d->helper;
		uint8_t body[FRAME_MAX];
		int fds[FRAME_FDS_MAX + 1];
		size_t len, nfds;
		bool good = true, ours = false;

		for (size_t i = 0; i < ARRAY_SIZE(targets); i++)
			ours = ours || (targets[i] == id && !policy_absent(policy(), id));
		if (!ours || d->class == CLASS_PRIVATE)
			continue;
		fill_request((enum op)op, &req, null);
		if (message_encode(&d->req, &req, body, sizeof(body) - 8, &len, fds, FRAME_FDS_MAX, &nfds) < 0) {
			result(false, "%s %s cannot be built", d->helper_name, d->name);
			continue;
		}
		for (int way = 0; way < 4; way++) {
			size_t n = way == 0 ? len - 1 : way == 1 ? len + 4 : len, k = way == 2 ? nfds + 1 : way == 3 ? nfds - 1 : nfds;

			if ((way == 0 && len == 0) || (way == 3 && nfds == 0))
				continue;
			memset(body + len, 0, 4);
			fds[nfds] = null;
			int fd = derived(id);

			send_raw(fd, (uint16_t)op, body, n, fds, k);
			if (!ended(fd)) {
				good = false;
				result(false, "1: %s %s took a request that is wrong in way %d", d->helper_name, d->name, way);
			}
			close_fd(fd);
		}
		result(good, "1, 2: %s %s: shorter, longer, more and fewer fds end the channel", d->helper_name, d->name);
	}
	close_fd(null);
}

static void too_many_fds(void)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	union {
		char buf[CMSG_SPACE(sizeof(int) * 253)];
		struct cmsghdr align;
	} control = { .align = { .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int) * 253) } };
	struct frame_header h = { .magic = FRAME_MAGIC, .version = FRAME_VERSION, .op = (uint16_t)list_op(), .nfds = 253 };
	struct iovec iov = { &h, sizeof(h) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.buf, .msg_controllen = sizeof(control.buf) };
	int fd = derived(common_helper());

	for (int i = 0; i < 253; i++)
		memcpy(CMSG_DATA(&control.align) + (size_t)i * sizeof(int), &null, sizeof(int));
	sendmsg(fd, &msg, MSG_NOSIGNAL);
	result(ended(fd), "2: 253 fds end the channel");
	close_fd(fd);
	close_fd(null);
}

/* Names that are paths, hold control characters or NUL: refused by the codec of the helper, so written by hand here. */
static void bad_texts(void)
{
	static const struct {
		const char *text;
		size_t n;
	} bad[] = { { "../x", 4 }, { "a/b", 3 }, { "a\nb", 3 }, { "a\0b", 3 }, { "", 0 }, { "..", 2 }, { "a:b,c", 5 } };
	bool good = true;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		uint8_t body[64];
		uint32_t what = LAYER_VOLUME, n = (uint32_t)bad[i].n;
		int fd = derived(HELPER_LAYER);

		memcpy(body, &what, 4);
		memcpy(body + 4, &n, 4);
		memcpy(body + 8, bad[i].text, n);
		send_raw(fd, OP_LAYER_REMOVE, body, 8 + n, NULL, 0);
		good = good && ended(fd);
		close_fd(fd);
	}
	result(good, "10: names with slashes, newlines, NUL or nothing in them end the channel");
	static const char *const paths[] = { "/tmp/../etc", "tmp", "/tmp//x", "/tmp/.", "/tmp/", "/t\nmp" };

	good = true;
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		struct __attribute__((packed)) { uint64_t ticket; uint32_t what, writable, n; char path[32]; } body = {
			.ticket = new_ticket(), .n = (uint32_t)strlen(paths[i]) };
		int fd = derived(HELPER_LOOKUP);

		strcpy(body.path, paths[i]);
		send_raw(fd, OP_LOOKUP_OPEN, &body, sizeof(body) - sizeof(body.path) + body.n, NULL, 0);
		good = good && ended(fd);
		close_fd(fd);
	}
	result(good, "6: paths that are not canonical end the channel");
}

static void rights_only_shrink(void)
{
	struct req_base_limit limit = { .mask = op_bit(list_op()) | op_bit(OP_BASE_LIMIT) | op_bit(OP_BASE_DERIVE) };
	struct req_base_limit all = { .mask = UINT64_MAX };
	struct req_base_derive derive = { .mask = UINT64_MAX };
	struct rep_base_derive rep;
	struct rep_base_limit now;
	union any_message list = { 0 };
	const uint8_t id[ID_BYTES] = { 0 };
	int fd = derived(common_helper()), r;

	result(ask(fd, OP_BASE_LIMIT, &limit, &now, NULL) == 0 && now.mask == limit.mask, "8: LIMIT shrinks");
	result(ask(fd, OP_BASE_LIMIT, &all, &now, NULL) == 0 && now.mask == limit.mask, "8: LIMIT never grows");
	r = ask(fd, OP_BASE_DERIVE, &derive, &rep, NULL);
	result(r == 0, "8: a limited channel may be derived from");
	if (r == 0) {
		result(ask(rep.channel, list_op(), &list, NULL, NULL) == 0, "8: the derived one has what is left");
		send_raw(rep.channel, common_helper() == HELPER_CGROUP ? OP_CGROUP_KILL : OP_SPAWN_CONNECT, id, ID_BYTES, NULL, 0);
		result(ended(rep.channel), "8: and not what was given up");
		close_fd(rep.channel);
	}
	close_fd(fd);
}

static void forged_clients(void)
{
	struct req_lookup_open open_req = { .ticket = new_ticket(), .path = "/tmp" };
	struct reply_header why = { 0 };
	struct sockaddr_un engine = { .sun_family = AF_UNIX };
	int pair[2], fd = channel(HELPER_LOOKUP), r;
	int own = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t n = sizeof(engine);

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return;
	r = ask_as(fd, OP_LOOKUP_OPEN, &open_req, NULL, &why, -1);
	result(r == -EPERM, "9: no client, no bind (%s)", strerror(-r));
	r = ask_as(fd, OP_LOOKUP_OPEN, &open_req, NULL, &why, pair[0]);
	result(r == -EPERM, "9: a socket pair of its own is no client (%s)", strerror(-r));
	r = ask_as(fd, OP_LOOKUP_OPEN, &open_req, NULL, &why, STDERR_FILENO);
	result(r < 0 && r != -ETIMEDOUT, "9: a file is no client (%s)", strerror(-r));
	/* Its own connection to the engine's socket: the accepted side tells its uid. */
	if (getsockname(4, (struct sockaddr *)&engine, &n) == 0 && connect(own, (struct sockaddr *)&engine, n) == 0) {
		int accepted = accept4(4, NULL, NULL, SOCK_CLOEXEC);

		r = ask_as(fd, OP_LOOKUP_OPEN, &open_req, NULL, &why, accepted);
		/* Where one id is all there is, it is the engine's user: it gains what any client of that user's has. */
		if (policy()->ids_count)
			result(r == -EPERM, "9: the controller is not its own client (%s)", strerror(-r));
		else
			skipped("9: the controller is not its own client", "without subordinate ids it has its user's id");
		/* the connecting side has no name of the engine */
		r = ask_as(fd, OP_LOOKUP_OPEN, &open_req, NULL, &why, own);
		result(r < 0, "9: nor is the connecting end (%s)", strerror(-r));
		close_fd(own);
		own = -EBADF;
		r = ask_as(fd, OP_LOOKUP_OPEN, &open_req, NULL, &why, accepted);
		result(r < 0, "9: a client that has gone asks for nothing (%s)", strerror(-r));
		close_fd(accepted);
	} else if (policy()->ids_shared && policy()->ids_count) {
		result(errno == EACCES, "9: the controller does not even get to its own socket (%s)", strerror(errno));
	} else {
		result(false, "9: cannot connect to the engine's socket: %s", strerror(errno));
	}
	r = ask_as(fd, OP_LOOKUP_OPEN, &open_req, NULL, &why, user_client);
	result(r == -EPERM, "9: a client without rights by policy is refused (%s, %s)", strerror(-r), why.rule);
	r = ask_as(fd, OP_LOOKUP_OPEN, &open_req, NULL, &why, read_client);
	result(r == -EPERM, "9: root through the read-only socket is refused what takes more than to read (%s, %s)", strerror(-r), why.rule);
	close_fd(own);
	close_fd(pair[0]);
	close_fd(pair[1]);
}

static void floods(void)
{
	union any_message list = { 0 };
	struct call_options o = { .id = 1, .client = -1 };
	int fd = derived(common_helper()), sent = 0, cycle[2];

	while (sent < 20000 && call_send(fd, list_op(), &list, &o, MSG_DONTWAIT) == 0)
		sent++;
	/* nothing is read: the helper must end us rather than wait */
	for (int i = 0; i < 200 && sent < 20000; i++) {
		usleep(10000);
		while (sent < 20000 && call_send(fd, list_op(), &list, &o, MSG_DONTWAIT) == 0)
			sent++;
	}
	close_fd(fd);
	result(ask(channel(common_helper()), list_op(), &list, NULL, NULL) == 0,
	       "15: a flood of %d requests with unread replies: the helper serves others", sent);
	/* sockets that hold each other */
	fd = derived(common_helper());
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, cycle) == 0) {
		struct frame_header h = { .op = (uint16_t)list_op() };
		int both[2] = { cycle[0], cycle[1] };

		frame_send(cycle[0], &h, "", 0, both, 2, MSG_DONTWAIT);
		frame_send(fd, &h, "", 0, both, 2, MSG_DONTWAIT);
		result(ended(fd), "15: a cycle of sockets ends the channel");
		close_fd(cycle[0]);
		close_fd(cycle[1]);
	}
	close_fd(fd);
	/* channels are bounded */
	int many[CHANNELS_MAX + 4], n = 0, r = 0;
	struct req_base_derive derive = { .mask = UINT64_MAX };
	struct rep_base_derive rep;

	for (; n < (int)CHANNELS_MAX + 4 && r == 0; n++) {
		r = ask(channel(common_helper()), OP_BASE_DERIVE, &derive, &rep, NULL);
		many[n] = r == 0 ? rep.channel : -EBADF;
	}
	result(r == -EMFILE, "15: channels of one helper are bounded (%d)", n);
	while (n > 0)
		close_fd(many[--n]);
	usleep(50000);
}

const struct attack frame_attacks[] = {
	{ "1", unknown_and_foreign_ops }, { "1, 2", wrong_lengths }, { "2", too_many_fds }, { "6, 10", bad_texts },
	{ "8", rights_only_shrink }, { "9", forged_clients }, { "15", floods },
};
const unsigned n_frame_attacks = ARRAY_SIZE(frame_attacks);
