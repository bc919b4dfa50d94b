/* internal.h - what the files of controller/network share. */
#ifndef POSTERN_NETWORK_INTERNAL_H
#define POSTERN_NETWORK_INTERNAL_H

#include <stdio.h>

#include "network.h"

/* sys/queue.h of the C library has no safe walk. */
#define TAILQ_FOREACH_SAFE_(var, head, field, tmp) \
	for ((var) = TAILQ_FIRST(head); (var) && ((tmp) = TAILQ_NEXT(var, field), 1); (var) = (tmp))

/* Takes config, also when it fails. */
int network_build(struct engine *e, const char *id, const char *name, int64_t created_ns, cJSON *config,
		  struct network **ret, struct err *err);
/* Reads one more entry of IPAM.Config, {"Subnet": ...}. */
int network_subnet(struct network *n, const cJSON *config, struct err *err);
/* One that no list holds any more; NULL is allowed. */
void network_free(struct network *n);
/* One that was being made when the controller ended. */
void network_undo(struct engine *e, struct network *n);
int endpoints_load(struct engine *e, struct err *err);
/* Out of the list, without touching its row. */
void endpoint_forget(struct engine *e, struct endpoint *ep);
/* Keeps its memory and its network while the caller waits; letting go is false when it was removed meanwhile: it may be
 * freed then. */
void endpoint_hold(struct endpoint *ep);
bool endpoint_let_go(struct endpoint *ep);

int mac_parse(const char *text, uint64_t *ret);
void mac_format(uint64_t mac, char ret[18]);
/* Names that it answers to in a network of a user's: its own, its aliases, its short id, its host name; config: its
 * container's Config. The caller owns the array. */
cJSON *endpoint_names(struct engine *e, const struct endpoint *ep, const cJSON *config);
/* Appends the further addresses that the user asked for to the n that are there: how many now. */
uint32_t endpoint_linklocal(const struct endpoint *ep, uint32_t to[ADDRESSES_MAX], uint32_t n);

/* Why a port, or the first of some, cannot lead to the container: in Docker's words where it has any. -1. */
int port_refused(const struct engine *e, const struct endpoint *ep, const struct port *p, int error, struct err *err);
void net_repeat(struct engine *e, struct endpoint *ep);
/* All that the kernel and the resolver have of it goes, and its addresses and ports are free. */
void net_take_out(struct engine *e, struct endpoint *ep);
/* What the firewall's tables have and no endpoint stands for goes. */
void networks_sweep(struct engine *e);

/* --- resolver.c: what postern-resolver is told --- */
/* A container's names in its networks, and its own sockets when it is in a network of a user's and has none yet. A
 * failure is logged: a container without names is better than none. merged: its configuration, NULL: to be read. */
void resolver_update(struct container *c, const cJSON *merged, int userns, int netns, const struct call_ctx *ctx);
/* The same for one that runs, whose networks have changed. */
void resolver_refresh(struct container *c);
void resolver_unname(struct engine *e, struct endpoint *ep);
void resolver_forget(struct container *c);
/* After a start of the controller or of the resolver: everything again. */
void resolver_repeat(struct engine *e);

/* --- forward.c: what postern-forward is told --- */
int forward_publish(struct engine *e, struct endpoint *ep, const struct call_ctx *ctx, struct err *err);
/* Nobody waits: until postern-forward has heard of it, it keeps the ports taken. */
void forward_unpublish(struct engine *e, struct endpoint *ep);
/* Waits until it has. False: there was nothing to wait for. */
bool forward_settles(struct engine *e);
/* After a start of the controller or of postern-forward: the ports of one endpoint, of all. Failures are logged. */
void forward_again(struct engine *e, struct endpoint *ep);
void forward_repeat(struct engine *e);

/* --- names.c --- */
/* Its lines of /etc/hosts; config: its container's Config. */
void endpoint_hosts(FILE *f, const struct endpoint *ep, const cJSON *config);
/* The line of a link to a container that is there; its host name is among the names. */
void link_hosts(FILE *f, const struct container *target, const struct endpoint *ep, const char *alias);
/* The network in which a container's links are lines and variables: the default one, if it is in that; else NULL. */
struct network *links_network(struct container *c);

/* --- hosts.c: /etc/hosts of containers that run --- */
/* The lines of one endpoint, which the caller holds, into the file of its container and of those that have joined that
 * one's network, and out of them. A failure is logged. A crash between the two of row and file leaves no line behind
 * when it is added after the row, and taken out before. */
void hosts_add(struct container *c, const struct endpoint *ep);
void hosts_remove(struct container *c, const struct endpoint *ep);
/* A container that starts has a new address: so have its lines in those that run and have a link to it. */
void hosts_tell_linking(struct container *target);
/* Takes out of text every line that is one of lines, resp. (by_link) that is of the same link: the new length. */
size_t hosts_without(char *text, size_t len, const char *lines, bool by_link);

/* --- links.c --- */
/* The container of "name:alias": a reference. */
struct container *link_target(struct engine *e, const char *link, char alias[256], struct err *err);

#endif
