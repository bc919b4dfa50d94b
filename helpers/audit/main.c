/* main.c - postern-audit: the log that no other program can change.
 *
 * It holds the log file (fd 4) and the anchors (fd 7), both append-only, and one channel per helper
 * (--channel=NAME:FD), never the controller's; the channel says who speaks. An intent is on file before it is
 * acknowledged; the client of an act is proven here, from the connection itself, for helpers that cannot see its uid.
 * All input but argv and policy is hostile: bodies are checked (body.h), numbers are compared, floods of denials are
 * counted instead of written, and no helper can make it wait. It has a loop of its own because a helper's loop records
 * what it does - in here.
 *
 * README.md defines the records. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/landlock.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/fd.h"
#include "../base/log.h"
#include "../base/peer.h"
#include "../base/sandbox.h"
#include "../base/text.h"
#include "../protocol/server.h"
#include "body.h"
#include "chain.h"

enum { FD_LOG = FD_AUDIT, FD_ANCHORS = FD_OWN, FD_KMSG };
enum { KEPT_MAGIC = 0x41554431, QUIET_MS = 1000 };
#define NO_AUID UINT32_MAX

/* Outlives a crash (FD_KEEP). */
struct kept {
	uint32_t magic;
	struct {
		uint64_t last; /* cseq of the last message */
		uint64_t suppressed; /* messages that got no record since the last "suppressed" one */
	} channels[HELPER_COUNT];
};
_Static_assert(sizeof(struct kept) <= sizeof(((struct keep *)0)->own), "kept fits");

struct channel {
	int fd;
	enum helper_id id;
	unsigned denials; /* written in this minute */
	uint32_t asker; /* uid behind its last intent; NO_UID for none */
};

/* Clients whose acts a helper refused in this minute. The effect of a refused act is nothing, but its intent had to be
 * on file before anybody knew: who makes too many has the next ones refused here, unwritten and counted. */
enum { ASKERS_MAX = 128 };
struct asker {
	enum helper_id helper;
	uint32_t uid;
	unsigned refusals;
};

struct ctx {
	const struct policy_audit *policy;
	struct kept *kept;
	struct chain chain;
	struct channel channels[HELPER_COUNT];
	unsigned nchannels;
	struct asker askers[ASKERS_MAX]; /* the last one stands for all beyond */
	unsigned naskers;
	int signals, proc;
	uint64_t minute, told_ns;
};

static struct frame frame;
static union any_message message;

static void suppress(struct ctx *c, const struct channel *ch)
{
	c->kept->channels[ch->id].suppressed++;
}

static int record(struct ctx *c, const char *channel, const char *kind, uint64_t cseq, const char *body,
		  const char *extra, uint64_t *ret_sequence)
{
	const struct record r = { channel, kind, cseq, body, extra };
	int e = chain_append(&c->chain, &r, ret_sequence);

	if (e < 0)
		log_error("%s record of %s: %s", kind, channel, strerror(-e));
	return e;
}

/* Numbers of a channel are gapless; what is missing never arrived, and that is a record, too. */
static bool check_sequence(struct ctx *c, const struct channel *ch, uint64_t cseq)
{
	uint64_t *last = &c->kept->channels[ch->id].last;
	char extra[96];

	if (cseq <= *last)
		return false;
	if (cseq - *last > 1) {
		(void)text_format(extra, sizeof(extra), "\"count\":%" PRIu64 ",\"last\":%" PRIu64, cseq - *last - 1,
				  cseq - 1);
		record(c, helper_name(ch->id), "gap", 0, "", extra, NULL);
	}
	*last = cseq;
	return true;
}

static void flush_suppressed(struct ctx *c)
{
	char extra[96];

	for (unsigned i = 0; i < c->nchannels; i++) {
		enum helper_id id = c->channels[i].id;
		uint64_t n = c->kept->channels[id].suppressed;

		(void)text_format(extra, sizeof(extra), "\"count\":%" PRIu64 ",\"last\":%" PRIu64, n,
				  c->kept->channels[id].last);
		if (n > 0 && record(c, helper_name(id), "suppressed", 0, "", extra, NULL) == 0)
			c->kept->channels[id].suppressed = 0;
		c->channels[i].denials = 0;
	}
	c->naskers = 0;
}

static struct asker *asker_of(struct ctx *c, const struct channel *ch)
{
	for (unsigned i = 0; i < c->naskers; i++)
		if (c->askers[i].helper == ch->id && c->askers[i].uid == ch->asker)
			return &c->askers[i];
	if (c->naskers < ASKERS_MAX)
		c->askers[c->naskers++] = (struct asker){ ch->id, ch->asker, 0 };
	return &c->askers[c->naskers - 1];
}

/* May one more denial of this channel be written in this minute? Takes it. */
static bool denial_fits(struct ctx *c, struct channel *ch)
{
	if (ch->denials >= c->policy->denials_per_minute)
		return false;
	ch->denials++;
	return true;
}

/* Login uid of a client: best effort, it is shown and decides nothing. */
static uint32_t auid_of(const struct ctx *c, pid_t pid)
{
	char path[32], text[16];
	uint64_t v;
	ssize_t n;

	if (pid <= 0 || text_format(path, sizeof(path), "%d/loginuid", pid) < 0)
		return NO_AUID;
	_cleanup_close_ int fd = openat(c->proc, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return NO_AUID;
	text[n] = '\0';
	return text_u64(text, UINT32_MAX, &v) < 0 ? NO_AUID : (uint32_t)v;
}

/* Who is behind the connection; nobody (rights 0) when it proves nothing. */
static void prove_client(struct ctx *c, int fd, struct rep_audit_intent *rep, char *text, size_t size)
{
	struct peer peer;
	uint32_t auid;
	int e;

	rep->uid = rep->gid = UINT32_MAX;
	if (fd < 0)
		return;
	e = peer_prove(fd, c->policy->common.sockets, &peer);
	if (e < 0) {
		(void)text_format(text, size, ",\"client\":{\"errno\":%d}", -e);
		return;
	}
	rep->uid = peer.uid;
	rep->gid = peer.gid;
	rep->pid = (uint32_t)peer.pid;
	rep->rights = policy_rights(&c->policy->common, &peer, NULL);
	auid = auid_of(c, peer.pid);
	(void)text_format(text, size, ",\"client\":{\"uid\":%u,\"gid\":%u,\"pid\":%d,\"auid\":%" PRId64 "}", peer.uid,
			  peer.gid, peer.pid, auid == NO_AUID ? (int64_t)-1 : (int64_t)auid);
}

/* The op of a helper by the name in a body. */
static const struct op_desc *op_named(enum helper_id helper, const char *name)
{
	const struct op_desc *d;

	for (unsigned i = 0; (d = op_desc(i)); i++)
		if (d->helper == helper && strcmp(d->name, name) == 0)
			return d;
	return NULL;
}

static int take_intent(struct ctx *c, struct channel *ch, const struct body *b, struct rep_audit_intent *rep)
{
	const struct req_audit_intent *req = &message.q_audit_intent;
	const struct op_desc *op = op_named(ch->id, b->op);
	/* What the op is, not what the helper says, opens the reserve. */
	bool release = req->release && op && op->class == CLASS_RELEASE;
	char extra[160] = "\"release\":";
	int e = 0;

	text_copy(extra + strlen(extra), 2, release ? "1" : "0");
	prove_client(c, req->client, rep, extra + strlen(extra), sizeof(extra) - strlen(extra));
	ch->asker = rep->uid;
	/* An act that this client's rights do not allow will have no effect: a flood of them needs no records each. */
	if (op && op->rights > rep->rights && !denial_fits(c, ch)) {
		suppress(c, ch);
		return -EPERM;
	}
	if (!release && asker_of(c, ch)->refusals >= c->policy->denials_per_minute) {
		suppress(c, ch);
		return -EBUSY;
	}
	if (!release)
		e = chain_room(&c->chain);
	if (e == 0)
		e = record(c, helper_name(ch->id), "intent", b->cseq, b->members, extra, &rep->sequence);
	if (e < 0)
		suppress(c, ch);
	return e == 0 ? 0 : -EDQUOT;
}

static void take_outcome(struct ctx *c, struct channel *ch, const struct body *b)
{
	char extra[48];

	(void)text_format(extra, sizeof(extra), "\"intent\":%" PRIu64, message.q_audit_outcome.sequence);
	if (b->denied)
		asker_of(c, ch)->refusals++;
	if ((b->denied && !denial_fits(c, ch)) ||
	    record(c, helper_name(ch->id), "outcome", b->cseq, b->members, extra, NULL) < 0)
		suppress(c, ch);
}

static void take_event(struct ctx *c, struct channel *ch, const struct body *b)
{
	/* What is seen must not eat what is kept for acts. */
	if (!denial_fits(c, ch) || chain_room(&c->chain) < 0 ||
	    record(c, helper_name(ch->id), "event", b->cseq, b->members, "", NULL) < 0)
		suppress(c, ch);
}

static void channel_end(struct ctx *c, struct channel *ch, const char *why)
{
	char extra[96];

	if (why) {
		log_warn("channel of %s ended: %s", helper_name(ch->id), why);
		(void)text_format(extra, sizeof(extra), "\"decision\":\"denied\",\"reason\":\"%s\"", why);
		record(c, "audit", "event", 0, "", extra, NULL);
	}
	ch->fd = close_fd(ch->fd);
}

/* An answer is never waited for: who does not read it has no channel any more. */
static void acknowledge(struct ctx *c, struct channel *ch, int status, const struct rep_audit_intent *rep)
{
	struct frame_header h = {
		.flags = FRAME_REPLY, .op = OP_AUDIT_INTENT, .id = frame.h.id, .api_id = frame.h.api_id
	};
	struct reply_header head = { .status = status };
	size_t len = 0, nfds = 0;
	uint8_t body[256];
	int e = 0;

	if (status < 0)
		(void)text_copy(head.stage, sizeof(head.stage), "audit");
	memcpy(body, &head, sizeof(head));
	if (status == 0)
		e = message_encode(&op_desc(OP_AUDIT_INTENT)->rep, rep, body + sizeof(head),
				   sizeof(body) - sizeof(head), &len, NULL, 0, &nfds);
	if (e == 0)
		e = frame_send(ch->fd, &h, body, sizeof(head) + len, NULL, 0, MSG_DONTWAIT);
	if (e < 0)
		channel_end(c, ch, e == -EPIPE ? NULL : "its acknowledgements are not read");
}

static char *body_of(unsigned op)
{
	return op == OP_AUDIT_INTENT ? message.q_audit_intent.body :
	       op == OP_AUDIT_OUTCOME ? message.q_audit_outcome.body : message.q_audit_event.body;
}

static void serve(struct ctx *c, struct channel *ch)
{
	struct rep_audit_intent rep = { 0 };
	const struct op_desc *d;
	struct body b;
	int e = frame_receive(ch->fd, &frame, MSG_DONTWAIT);

	if (e == -EAGAIN)
		return;
	if (e < 0) {
		channel_end(c, ch, e == -ENODATA ? NULL : "malformed frame");
		return;
	}
	d = op_desc(frame.h.op);
	if (!d || d->helper != HELPER_AUDIT || frame.h.flags ||
	    message_decode(&d->req, frame.body, frame.h.length, frame.fds, frame.h.nfds, &message) < 0) {
		frame_close_fds(&frame);
		channel_end(c, ch, "malformed request");
		return;
	}
	if (body_check(body_of(frame.h.op), &b) < 0) {
		channel_end(c, ch, "malformed body");
	} else if (!check_sequence(c, ch, b.cseq)) {
		channel_end(c, ch, "sequence repeated");
	} else if (frame.h.op == OP_AUDIT_INTENT) {
		e = take_intent(c, ch, &b, &rep);
		acknowledge(c, ch, e, &rep);
	} else if (frame.h.op == OP_AUDIT_OUTCOME) {
		take_outcome(c, ch, &b);
	} else {
		take_event(c, ch, &b);
	}
	message_close_fds(&d->req, &message);
}

/* Suppressed records each minute; anchors as policy says, and in the file also whenever it got quiet, so that hardly a
 * record can be cut off unseen. */
static void tick(struct ctx *c, bool quiet)
{
	const struct policy_audit *p = c->policy;
	uint64_t now = mono_ns(), minute = now / 60000000000u, news = c->chain.sequence - c->chain.told;

	if (minute != c->minute) {
		c->minute = minute;
		flush_suppressed(c);
	}
	if (news == 0)
		c->told_ns = now;
	if (news >= p->anchor_records || (news && now - c->told_ns >= p->anchor_seconds * UINT64_C(1000000000))) {
		chain_anchor(&c->chain);
		chain_tell_kernel(&c->chain);
		c->told_ns = now;
	} else if (quiet) {
		chain_anchor(&c->chain);
	}
}

/* Is there something that time must bring on file? */
static bool is_pending(const struct ctx *c)
{
	for (unsigned i = 0; i < c->nchannels; i++)
		if (c->kept->channels[c->channels[i].id].suppressed)
			return true;
	return c->chain.sequence != c->chain.told;
}

static void loop(struct ctx *c)
{
	struct pollfd p[HELPER_COUNT + 1];
	unsigned open = c->nchannels;
	int n;

	while (open > 0) {
		open = 0;
		for (unsigned i = 0; i < c->nchannels; i++) {
			p[i] = (struct pollfd){ .fd = c->channels[i].fd, .events = POLLIN };
			open += c->channels[i].fd >= 0;
		}
		p[c->nchannels] = (struct pollfd){ .fd = c->signals, .events = POLLIN };
		n = poll(p, c->nchannels + 1, is_pending(c) ? QUIET_MS : -1);
		if (n < 0 && errno != EINTR)
			return;
		if (p[c->nchannels].revents)
			return;
		/* One message of each in turn: a flood of one does not silence the others. */
		for (unsigned i = 0; i < c->nchannels; i++)
			if (p[i].revents && c->channels[i].fd >= 0)
				serve(c, &c->channels[i]);
		tick(c, n == 0);
	}
}

/* "--channel=idmap:9", from the launcher. */
static int add_channel(struct ctx *c, const char *arg)
{
	const char *colon = strchr(arg, ':');
	uint64_t fd;

	if (!colon || text_u64(colon + 1, INT32_MAX, &fd) < 0 || fd < FD_OWN ||
	    fd_prove((int)fd, FDK_CHANNEL, NULL) < 0)
		return -EINVAL;
	for (unsigned id = HELPER_CONTROLLER + 1; id < HELPER_COUNT; id++) {
		const char *name = helper_name(id);

		if (strlen(name) != (size_t)(colon - arg) || strncmp(arg, name, strlen(name)) != 0)
			continue;
		for (unsigned i = 0; i < c->nchannels; i++)
			if (c->channels[i].id == id)
				return -EINVAL;
		c->channels[c->nchannels++] = (struct channel){ .fd = (int)fd, .id = id };
		return 0;
	}
	return -EINVAL;
}

static int open_state(struct ctx *c, bool *ret_fresh)
{
	const int flags = fcntl(FD_LOG, F_GETFL);
	struct keep *keep;
	struct stat st;
	const void *p;
	int e;

	if (flags < 0 || !(flags & O_APPEND) || (flags & O_ACCMODE) != O_RDWR)
		return -EBADF;
	e = policy_map(FD_POLICY, sizeof(struct policy_audit), &p);
	if (e < 0)
		return e;
	c->policy = p;
	fd_proofs_use(&c->policy->common.devs);
	if (fstat(FD_KEEP, &st) < 0 || st.st_size != sizeof(*keep))
		return -EINVAL;
	keep = mmap(NULL, sizeof(*keep), PROT_READ | PROT_WRITE, MAP_SHARED, FD_KEEP, 0);
	if (keep == MAP_FAILED)
		return -errno;
	c->kept = (struct kept *)keep->own;
	*ret_fresh = c->kept->magic != KEPT_MAGIC;
	c->kept->magic = KEPT_MAGIC;
	c->chain.log = FD_LOG;
	c->chain.anchors = FD_ANCHORS;
	c->chain.kernel_log = c->policy->kernel_log && fcntl(FD_KMSG, F_GETFD) >= 0 ? FD_KMSG : -EBADF;
	c->chain.max_bytes = c->policy->max_bytes ? c->policy->max_bytes : UINT64_MAX;
	c->chain.reserve = c->policy->reserve_bytes;
	return 0;
}

static int read_boot_id(struct ctx *c)
{
	_cleanup_close_ int fd = openat(c->proc, "sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, c->chain.boot, sizeof(c->chain.boot) - 1);

	if (n < 36)
		return -ENODATA;
	c->chain.boot[36] = '\0';
	return 0;
}

static int enter_sandbox(const struct ctx *c)
{
	static const int syscalls[] = { SYS_fallocate, SYS_fstatfs, SYS_openat };
	const struct sandbox_dir dirs[] = { { c->proc, LANDLOCK_ACCESS_FS_READ_FILE } };
	int e = sandbox_landlock(dirs, ARRAY_SIZE(dirs), NULL);

	return e < 0 ? e : sandbox_seccomp(syscalls, ARRAY_SIZE(syscalls));
}

static int start(struct ctx *c, int argc, char **argv)
{
	char extra[160];
	bool fresh = false;
	sigset_t ends;
	int e = sandbox_start(false);

	if (e == 0)
		e = open_state(c, &fresh);
	for (int i = 1; e == 0 && i < argc; i++)
		e = strncmp(argv[i], "--channel=", 10) == 0 ? add_channel(c, argv[i] + 10) : -EINVAL;
	if (e < 0)
		return e;
	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	sigprocmask(SIG_BLOCK, &ends, NULL);
	c->signals = signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK);
	c->proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (c->signals < 0 || c->proc < 0)
		return -errno;
	e = read_boot_id(c);
	if (e == 0)
		e = chain_open(&c->chain);
	if (e == 0)
		e = enter_sandbox(c);
	if (e < 0)
		return e;
	c->minute = mono_ns() / 60000000000u;
	c->told_ns = mono_ns();
	/* fresh: the helpers count from 1 again */
	(void)text_format(extra, sizeof(extra), "\"pid\":%d,\"build\":\"%.64s\",\"fresh\":%d", getpid(),
			  c->policy->common.build, fresh);
	e = record(c, "audit", "start", 0, "", extra, NULL);
	chain_anchor(&c->chain);
	chain_tell_kernel(&c->chain);
	return e;
}

int main(int argc, char **argv)
{
	static struct ctx c;
	int e;

	log_init("postern-audit", LOG_LEVEL_INFO);
	e = start(&c, argc, argv);
	if (e < 0) {
		log_error("start: %s",
			  e == -EBADMSG ? "the log's tail is no record: move the file away" : strerror(-e));
		return 1;
	}
	loop(&c);
	flush_suppressed(&c);
	chain_anchor(&c.chain);
	chain_tell_kernel(&c.chain);
	return 0;
}
