/* monitor.h - a container's monitor: parent of its init, keeper of its streams; one thread, one poll loop.
 *
 * It is a fork of spawn that has joined the container's user and network namespace. Once the init is cloned it has no
 * capability but CAP_KILL there (so that its own death kills the init), no file system, and a filter without kill,
 * ptrace, exec and sockets: what it can do to the host is to write to the log and exit files that it was given. */
#ifndef POSTERN_SPAWN_MONITOR_H
#define POSTERN_SPAWN_MONITOR_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "../protocol/frame.h"
#include "../protocol/message.h"
#include "jsonlog.h"

enum {
	MONITOR_CHANNELS = 16,
	CLIENTS_MAX = 32, /* attach streams */
	STREAM_DATA = 32768, /* bytes of data in one packet of a stream, at most */
	QUEUE_MAX = 1 << 20, /* bytes that wait for one client before output has to wait too */
	STALL_MS = 10000, /* a client that takes nothing for so long while it is waited for is dropped */
	EXIT_HOLD_MS = 1000, /* how long EXITED waits for slow clients */
	LINGER_MS = 250, /* overlays end together, at multiples of this */
	READ_SIZE = 256 * 1024,
};

struct packet {
	struct packet *next;
	size_t n;
	char data[];
};

struct client {
	int fd; /* -EBADF: free */
	uint32_t streams; /* ATTACH_* */
	struct packet *head, *tail;
	size_t queued;
	int64_t progress_ms; /* when it last took something */
};

struct stdio {
	bool terminal, stdin_once;
	int in; /* pipe, or the terminal's master; -EBADF: none or closed */
	int out[2]; /* output (or the master) and error */
	int slave; /* held, so that the master has no hang-up while the container runs */
	struct jsonlog log;
	struct log_stream streams[2];
	struct client clients[CLIENTS_MAX];
	char input[STREAM_DATA + 1]; /* on its way to `in` */
	size_t input_at, input_len;
	bool input_ends; /* close `in` once input is through */
	bool drained; /* no more output: a client that has got all is closed */
};

/* stdio.c */
void stdio_init(struct stdio *s, const struct req_spawn_create *q);
void stdio_take(struct stdio *s, const int *fds, size_t n); /* as the init sends them */
/* One more stream: its other end is *ret_fd. 0, -EMFILE or -errno. */
int stdio_attach(struct stdio *s, uint32_t streams, int64_t now_ms, int *ret_fd);
int stdio_resize(struct stdio *s, unsigned rows, unsigned columns); /* -ENOTTY */
/* Adds what to wait for; returns how many. At most 3 + CLIENTS_MAX. *timeout_ms is lowered where a client must be
 * checked. */
size_t stdio_polls(struct stdio *s, struct pollfd *p, int64_t now_ms, int *timeout_ms);
/* Moves what can be moved. */
void stdio_serve(struct stdio *s, const struct pollfd *p, size_t n, int64_t now_ms);
/* The container has ended: what is in the pipes goes to log and clients; no more comes. */
void stdio_drain(struct stdio *s, int64_t now_ms);
/* Everything that clients are to get has been handed to the kernel (or they are gone). */
bool stdio_flushed(const struct stdio *s);

enum phase {
	PHASE_CREATING, /* the init builds its root */
	PHASE_READY, /* it waits */
	PHASE_STARTING, /* told to exec */
	PHASE_RUNNING,
	PHASE_ENDED, /* reaped; streams are being flushed */
	PHASE_DONE,
};

struct monitor_channel {
	int fd; /* -EBADF: free */
	bool spawn; /* may START and ADOPT */
	struct frame_header waiting; /* a request whose answer is yet to come: op 0xffff is none */
};

struct monitor {
	enum phase phase;
	pid_t pid;
	int pidfd, control, listener, exit_file;
	int mounts, root; /* the container's mount namespace, and in it what lies on the disk: see finish(), linger() */
	int hosts; /* its /etc/hosts, if that is ours */
	struct monitor_channel channels[MONITOR_CHANNELS];
	struct rep_monitor_state state;
	struct stdio stdio;
	int64_t ended_ms;
	bool told; /* EXITED was sent */
	bool written; /* the exit file */
	bool volatile_root; /* its overlay's end writes nothing back */
	int status; /* why it could not be created or started */
	char stage[STAGE_MAX], rule[RULE_MAX];
};

enum { NO_REQUEST = 0xffff };

/* serve.c */
void channel_add(struct monitor *m, int fd, bool spawn);
bool channel_receive(struct monitor *m, struct monitor_channel *c, int64_t now_ms);
void channel_accept(struct monitor *m);
/* Answers the waiting request of one op on all channels with m->status. */
void channels_answer(struct monitor *m, enum op op);
void channels_tell_exit(struct monitor *m);
/* A generation of the log is full. Told once each, to those who listen. */
void channels_tell_rotated(struct monitor *m);
unsigned channels_of_controllers(const struct monitor *m);

#endif
