/* ops_plain.h - the part of the op table that only programs without privilege serve, and that only the controller and
 * they themselves ask: see ops.h, which includes this. Nothing that runs with a capability over what is the host's
 * encodes or decodes any of it. */
#ifndef POSTERN_PROTOCOL_OPS_PLAIN_H
#define POSTERN_PROTOCOL_OPS_PLAIN_H

#include "logfile.h"

/* --- spawn --------------------------------------------------------------------------------------------------- */
enum { HOST_CGROUP = 1, HOST_IPC = 2, HOST_NETWORK = 4, HOST_PID = 8, HOST_UTS = 16, HOST_ALL = 31 };
#define OPS_SPAWN(OP)                                                                                            \
	OP(spawn, SPAWN, create, CREATE, ACQUIRE, RUN, "makes a container's first process, which waits before exec") \
	OP(spawn, SPAWN, start, START, ACQUIRE, RUN, "lets the first process exec; a failure names its stage")   \
	OP(spawn, SPAWN, namespaces, NAMESPACES, QUERY, NONE,                                                    \
	   "namespaces of a container's first process, for another of this engine's to join")                    \
	OP(spawn, SPAWN, signal, SIGNAL, RELEASE, NONE, "signals the first process")                             \
	OP(spawn, SPAWN, make, MAKE, ACQUIRE, RUN, "makes missing directories below one of the container's own user") \
	OP(spawn, SPAWN, connect, CONNECT, QUERY, NONE, "a channel to a container's monitor")                    \
	OP(spawn, SPAWN, list, LIST, QUERY, NONE, "containers that have a monitor")
#define REQ_spawn_create(F, S)                                                                                   \
	F(S, ID, container, 0, 0)                                                                                \
	F(S, U32, terminal, 0, 1)                                                                                \
	F(S, U32, open_stdin, 0, 1)                                                                              \
	F(S, U32, stdin_once, 0, 1)                                                                              \
	F(S, U32, privileged, 0, 1) /* by policy: every capability over its user namespace, nothing masked */    \
	F(S, U32, host, 0, HOST_ALL) /* by policy: namespaces that are the host's */                             \
	F(S, FD, spec, FDK_MEMFD, REQUIRED) /* OCI runtime spec; source "fd:N" of a mount is binds[N] */         \
	F(S, FD, seccomp, FDK_MEMFD, OPTIONAL) /* array of struct sock_filter */                                 \
	F(S, FD, userns, FDK_USERNS, REQUIRED)                                                                   \
	F(S, FD, netns, FDK_NETNS, OPTIONAL) /* none with HOST_NETWORK */                                        \
	F(S, FD, pidns, FDK_PIDNS, OPTIONAL) /* another container's, as all of these owned by userns */          \
	F(S, FD, ipcns, FDK_IPCNS, OPTIONAL)                                                                     \
	F(S, FD, utsns, FDK_UTSNS, OPTIONAL)                                                                     \
	F(S, FD, shm, FDK_MNTNS, OPTIONAL) /* mount namespace whose /dev/shm is to be this one's */              \
	F(S, FD, cgroup, FDK_CGROUP2, OPTIONAL) /* none where the engine has no cgroups */                       \
	F(S, FDS, cgroup_v1, FDK_CGROUP1, CGROUP_V1_MAX)                                                         \
	F(S, FDS, layers, FDK_PATH, LAYERS_MAX)                                                                  \
	F(S, FD, upper, FDK_PATH, REQUIRED)                                                                      \
	F(S, FDS, binds, FDK_PATH, BINDS_MAX)                                                                    \
	F(S, U64, log_size, 0, LOG_SIZE_MAX) /* of a slot of the ring (logfile.h) */                             \
	F(S, U32, log_slots, 0, LOG_SLOTS_MAX) /* 0: no ring, the log is appended to (O_APPEND) */               \
	F(S, U32, log_binary, 0, 1) /* bytes that are no UTF-8 are kept */                                       \
	F(S, U32, log_journal, 0, LOG_JOURNAL_DROPS) /* each line goes to the host's journal, too */               \
	F(S, FD, log, FDK_LOG, OPTIONAL)                                                                         \
	F(S, FD, exit, FDK_LOG, REQUIRED) /* gets one line of JSON when the process has ended */
#define REP_spawn_create(F, S)                                                                                   \
	F(S, U32, pid, 1, UINT32_MAX)                                                                            \
	F(S, FD, pidfd, FDK_PIDFD, REQUIRED)                                                                     \
	F(S, FD, monitor, FDK_CHANNEL, REQUIRED)
#define REQ_spawn_start(F, S) F(S, ID, container, 0, 0)
#define REP_spawn_start(F, S)
#define REQ_spawn_namespaces(F, S) F(S, ID, container, 0, 0)
#define REP_spawn_namespaces(F, S) /* those owned by its user namespace */                                       \
	F(S, FD, userns, FDK_USERNS, REQUIRED)                                                                   \
	F(S, FD, netns, FDK_NETNS, OPTIONAL)                                                                     \
	F(S, FD, pidns, FDK_PIDNS, OPTIONAL)                                                                     \
	F(S, FD, ipcns, FDK_IPCNS, OPTIONAL)                                                                     \
	F(S, FD, utsns, FDK_UTSNS, OPTIONAL)                                                                     \
	F(S, FD, mntns, FDK_MNTNS, OPTIONAL)
#define REQ_spawn_signal(F, S) F(S, ID, container, 0, 0) F(S, U32, signal, 1, 64)
#define REP_spawn_signal(F, S)
#define REQ_spawn_make(F, S)                                                                                     \
	F(S, U32, uid, 0, MAP_SIZE - 1) /* in the container */                                                   \
	F(S, U32, gid, 0, MAP_SIZE - 1)                                                                          \
	F(S, PATH, path, 1, 4095) /* below dir */                                                                \
	F(S, FD, userns, FDK_USERNS, REQUIRED)                                                                   \
	F(S, FD, dir, FDK_PATH, REQUIRED) /* mount BIND of what is there */
#define REP_spawn_make(F, S)
#define REQ_spawn_connect(F, S) F(S, ID, container, 0, 0)
#define REP_spawn_connect(F, S)                                                                                  \
	F(S, U32, pid, 0, UINT32_MAX)                                                                            \
	F(S, FD, pidfd, FDK_PIDFD, REQUIRED)                                                                     \
	F(S, FD, monitor, FDK_CHANNEL, REQUIRED)
#define REQ_spawn_list(F, S) F(S, U32, skip, 0, CONTAINERS_MAX)
#define REP_spawn_list(F, S) F(S, IDS, containers, 0, 512)

/* --- monitor (one per container; a channel to it comes from spawn) ------------------------------------------- */
enum { ATTACH_STDIN = 1, ATTACH_STDOUT = 2, ATTACH_STDERR = 4 };
/* Packets of an attach stream (SOCK_SEQPACKET): one byte of type, then data. */
enum {
	STREAM_STDIN = 0,  /* to the monitor: input; empty: end of input */
	STREAM_STDOUT = 1, /* from the monitor */
	STREAM_STDERR = 2,
};
#define OPS_MONITOR(OP)                                                                                          \
	OP(monitor, MONITOR, attach, ATTACH, PRIVATE, NONE, "a stream of the container's input and output")      \
	OP(monitor, MONITOR, resize, RESIZE, PRIVATE, NONE, "size of the terminal")                              \
	OP(monitor, MONITOR, state, STATE, PRIVATE, NONE, "is it running, how did it end")                       \
	OP(monitor, MONITOR, start, START, PRIVATE, NONE, "from spawn: exec")                                    \
	OP(monitor, MONITOR, adopt, ADOPT, PRIVATE, NONE, "from a new spawn: pidfd and further channels")        \
	OP(monitor, MONITOR, exited, EXITED, PRIVATE, NONE,                                                     \
	   "to every channel, with request id 0: the process ended") \
	OP(monitor, MONITOR, rotated, ROTATED, PRIVATE, NONE,                                                   \
	   "to controllers, with request id 0: the log's generation that begins") \
	OP(monitor, MONITOR, archived, ARCHIVED, PRIVATE, NONE,                                                 \
	   "a full generation of the log is kept elsewhere: drop its data")                                     \
	OP(monitor, MONITOR, hosts, HOSTS, PRIVATE, NONE, "the container's /etc/hosts that the engine wrote, to change")
#define REQ_monitor_rotated(F, S) F(S, U64, generation, 1, UINT64_MAX)
#define REP_monitor_rotated(F, S)
#define REQ_monitor_archived(F, S) F(S, U64, generation, 1, UINT64_MAX)
#define REP_monitor_archived(F, S)
#define REQ_monitor_hosts(F, S)
#define REP_monitor_hosts(F, S) F(S, FD, file, FDK_LOG, REQUIRED) /* readable, too; its content is the container's */
#define REQ_monitor_attach(F, S) F(S, U32, streams, 1, 7)
#define REP_monitor_attach(F, S) F(S, FD, stream, FDK_CHANNEL, REQUIRED)
#define REQ_monitor_resize(F, S) F(S, U32, rows, 0, 65535) F(S, U32, columns, 0, 65535)
#define REP_monitor_resize(F, S)
#define EXIT_FIELDS(F, S)                                                                                        \
	F(S, U32, exited, 0, 1)                                                                                  \
	F(S, U32, code, 0, 255) /* exit status, or 128 + signal */                                               \
	F(S, U32, signal, 0, 64)                                                                                 \
	F(S, U64, time_ns, 0, UINT64_MAX) /* CLOCK_REALTIME of the end */
#define REQ_monitor_state(F, S)
#define REP_monitor_state(F, S) F(S, U32, pid, 0, UINT32_MAX) F(S, U32, started, 0, 1) EXIT_FIELDS(F, S)
#define REQ_monitor_start(F, S)
#define REP_monitor_start(F, S)
/* channel: served as a controller's from now on */
#define REQ_monitor_adopt(F, S) F(S, FD, channel, FDK_CHANNEL, OPTIONAL)
#define REP_monitor_adopt(F, S) F(S, U32, pid, 0, UINT32_MAX) F(S, FD, pidfd, FDK_PIDFD, REQUIRED)
#define REQ_monitor_exited(F, S) EXIT_FIELDS(F, S)
#define REP_monitor_exited(F, S)

/* --- layer --------------------------------------------------------------------------------------------------- */
enum { LAYER_PLAIN = 0, LAYER_GZIP = 1 };
enum { LAYER_IMAGE = 0, LAYER_CONTAINER = 1, LAYER_VOLUME = 2 };
#define OPS_LAYER(OP)                                                                                            \
	OP(layer, LAYER, unpack, UNPACK, ACQUIRE, RUN,                                                         \
	   "unpacks a layer archive; fails unless its diff id is the given one") \
	OP(layer, LAYER, create, CREATE, ACQUIRE, RUN, "makes the directories of a container or a volume")       \
	OP(layer, LAYER, copy, COPY, ACQUIRE, RUN, "fills an empty volume from a directory of an image")         \
	OP(layer, LAYER, remove, REMOVE, RELEASE, NONE, "removes a layer, a container's directories or a volume") \
	OP(layer, LAYER, size, SIZE, QUERY, NONE, "bytes that one of them takes")                                \
	OP(layer, LAYER, user, USER, QUERY, NONE, "finds a user in passwd and group files of an image")          \
	OP(layer, LAYER, join, JOIN, QUERY, RUN, "makes a layer's archive again, with its diff id, into a pipe") \
	OP(layer, LAYER, export, EXPORT, QUERY, EXEC, "an archive of a container's files, into a pipe")
#define REQ_layer_unpack(F, S)                                                                                   \
	F(S, ID, layer, 0, 0) /* chain id: name of the directory */                                              \
	F(S, ID, diff, 0, 0) /* SHA-256 of the uncompressed archive */                                           \
	F(S, U64, offset, 0, UINT64_MAX) /* where the archive starts in the file */                              \
	F(S, U64, length, 0, UINT64_MAX)                                                                         \
	F(S, ID, blob, 0, 0) /* SHA-256 of these bytes as they lie there; zeros: not asked */                    \
	F(S, U32, waits, 0, 1) /* there are layers below, but not yet: -EAGAIN when they are needed */           \
	F(S, IDS, below, 0, LAYERS_MAX) /* the layers below, topmost first */                                    \
	F(S, FD, archive, FDK_FILE, REQUIRED)
#define REP_layer_unpack(F, S)                                                                                   \
	F(S, U64, size, 0, UINT64_MAX) /* bytes of its files */                                                  \
	F(S, U64, length, 0, UINT64_MAX) /* of the archive, uncompressed */
#define REQ_layer_create(F, S)                                                                                   \
	F(S, U32, what, LAYER_CONTAINER, LAYER_VOLUME)                                                           \
	F(S, NAME, name, 1, NAME_MAX_LEN) /* hex id of the container, or the volume's name */
#define REP_layer_create(F, S)
#define REQ_layer_copy(F, S)                                                                                     \
	F(S, IDS, layers, 1, LAYERS_MAX) /* topmost first */                                                     \
	F(S, NAME, volume, 1, NAME_MAX_LEN)                                                                      \
	F(S, PATH, path, 1, 4095) /* in the image, whose symbolic links are followed inside it */
#define REP_layer_copy(F, S) F(S, U32, copied, 0, 1) /* not: it has content, or there is no such directory */
#define REQ_layer_remove(F, S)                                                                                   \
	F(S, U32, what, LAYER_IMAGE, LAYER_VOLUME)                                                               \
	F(S, NAME, name, 1, NAME_MAX_LEN)
#define REP_layer_remove(F, S)
#define REQ_layer_size(F, S)                                                                                     \
	F(S, U32, what, LAYER_IMAGE, LAYER_VOLUME)                                                               \
	F(S, NAME, name, 1, NAME_MAX_LEN)
#define REP_layer_size(F, S) F(S, U64, size, 0, UINT64_MAX)
#define REQ_layer_user(F, S)                                                                                     \
	F(S, IDS, layers, 1, LAYERS_MAX)                                                                         \
	F(S, TEXT, user, 0, 256) /* Docker's form: name or uid, optionally ":group" */                           \
	F(S, TEXT, more, 0, 4096) /* further groups, names or gids, with commas between */
#define REP_layer_user(F, S)                                                                                     \
	F(S, U32, uid, 0, UINT32_MAX)                                                                            \
	F(S, U32, gid, 0, UINT32_MAX)                                                                            \
	F(S, U32S, groups, 0, 64)                                                                                \
	F(S, TEXT, home, 0, 1024)

#define REQ_layer_join(F, S)                                                                                     \
	F(S, ID, layer, 0, 0) /* chain id */                                                                     \
	F(S, ID, diff, 0, 0) /* what comes out has this SHA-256, or the call fails */                            \
	F(S, FD, out, FDK_STREAM, REQUIRED)
#define REP_layer_join(F, S) F(S, U64, length, 0, UINT64_MAX)
#define REQ_layer_export(F, S)                                                                                   \
	F(S, ID, container, 0, 0)                                                                                \
	F(S, IDS, layers, 1, LAYERS_MAX) /* of its image, topmost first */                                       \
	F(S, FD, out, FDK_STREAM, REQUIRED)
#define REP_layer_export(F, S) F(S, U64, length, 0, UINT64_MAX)

/* --- resolver: without any privilege; the controller tells it who is called what ----------------------------- */
#define OPS_RESOLVER(OP)                                                                                         \
	OP(resolver, RESOLVER, serve, SERVE, PRIVATE, NONE, "answers on a container's sockets for its networks") \
	OP(resolver, RESOLVER, unserve, UNSERVE, RELEASE, NONE, "closes them")                                   \
	OP(resolver, RESOLVER, names, NAMES, PRIVATE, NONE,                                                       \
	   "the names of one endpoint in one network, replacing earlier ones") \
	OP(resolver, RESOLVER, unname, UNNAME, PRIVATE, NONE, "forgets an endpoint")                             \
	OP(resolver, RESOLVER, counts, COUNTS, PRIVATE, NONE, "questions answered, forwarded and refused")
#define REQ_resolver_serve(F, S)                                                                                 \
	F(S, ID, container, 0, 0)                                                                                \
	F(S, IDS, networks, 0, 32) /* in which it looks, and in which it is; none: of users' it has left the last */ \
	F(S, TEXT, upstream, 0, 512) /* addresses to forward to, separated by blanks; "": not forwarded */       \
	F(S, TEXT, search, 0, 1024) /* domains under which names are ours as well */                             \
	F(S, TEXT, links, 0, 4096) /* names of its own: "alias=target" separated by blanks */                    \
	F(S, FD, udp, FDK_INET, OPTIONAL) /* none: keep those that it has */                                     \
	F(S, FD, tcp, FDK_INET, OPTIONAL)
#define REP_resolver_serve(F, S)
#define REQ_resolver_unserve(F, S) F(S, ID, container, 0, 0)
#define REP_resolver_unserve(F, S)
#define REQ_resolver_names(F, S)                                                                                 \
	F(S, ID, network, 0, 0)                                                                                  \
	F(S, ID, container, 0, 0)                                                                                \
	F(S, TEXT, network_name, 1, 256)                                                                         \
	F(S, TEXT, names, 0, 4096) /* name, aliases, short id, with blanks between; the first for reverse answers */ \
	F(S, U32S, addresses4, 0, 8)                                                                             \
	F(S, U64S, addresses6, 0, 16)
#define REP_resolver_names(F, S)
#define REQ_resolver_unname(F, S) F(S, ID, network, 0, 0) F(S, ID, container, 0, 0)
#define REP_resolver_unname(F, S)
#define REQ_resolver_counts(F, S)
#define REP_resolver_counts(F, S)                                                                                \
	F(S, U64, answered, 0, UINT64_MAX) F(S, U64, forwarded, 0, UINT64_MAX) F(S, U64, refused, 0, UINT64_MAX)

/* --- forward: without any privilege, in the engine's network namespace; passes bytes where the kernel cannot ------ */
#define OPS_FORWARD(OP)                                                                                          \
	OP(forward, FORWARD, serve, SERVE, ACQUIRE, NONE, "passes what comes to a socket on to an address")       \
	OP(forward, FORWARD, unserve, UNSERVE, RELEASE, NONE, "closes it and its connections")                    \
	OP(forward, FORWARD, uplink, UPLINK, QUERY, NONE, "is there a way out of the namespace?")
#define REQ_forward_serve(F, S)                                                                                  \
	F(S, U64, id, 1, UINT64_MAX)                                                                             \
	F(S, U64, address_hi, 0, UINT64_MAX) /* of the container, as in PUBLISH */                               \
	F(S, U64, address_lo, 0, UINT64_MAX)                                                                     \
	F(S, U32, port, 1, 65535)                                                                                \
	F(S, FD, socket, FDK_INET, REQUIRED) /* listening, or bound if a datagram one */
#define REP_forward_serve(F, S)
#define REQ_forward_unserve(F, S) F(S, U64, id, 1, UINT64_MAX)
#define REP_forward_unserve(F, S)
#define REQ_forward_uplink(F, S)
#define REP_forward_uplink(F, S) F(S, U32, v4, 0, 1) F(S, U32, v6, 0, 1)

/* --- ports: without any privilege, in the host's network namespace ------------------------------------------- */
#define OPS_PORTS(OP)                                                                                            \
	OP(ports, PORTS, bind, BIND, ACQUIRE, NONE, "a socket at the first free one of some ports of the host's")
#define REQ_ports_bind(F, S)                                                                                     \
	F(S, U32, protocol, 0, 255)                                                                              \
	F(S, U32, first, 0, 65535) /* 0: any */                                                                  \
	F(S, U32, last, 0, 65535)                                                                                \
	F(S, U32, listen, 0, 1)                                                                                  \
	F(S, U64, address_hi, 0, UINT64_MAX) /* as in PUBLISH */                                                 \
	F(S, U64, address_lo, 0, UINT64_MAX)
#define REP_ports_bind(F, S) F(S, U32, port, 1, 65535) F(S, FD, socket, FDK_INET, REQUIRED)

#endif
