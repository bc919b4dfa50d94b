/* seal.h - between the files of postern-seal. */
#ifndef POSTERN_SEAL_H
#define POSTERN_SEAL_H

#include "../base/limits.h"

enum { SLOTS = LAYERS_MAX + 1 };

/* --- stage.c: the one place where mounts are attached --- */

/* Enters own user and mount namespaces whose whole tree is an empty stage. Before any sandbox: needs /proc. 0 or
 * -errno. */
int stage_enter(void);
/* Lays fresh slots over the shared place, when there are none. */
int stage_open(void);
/* Attaches a detached mount to slot i, which is used once. */
int stage_attach(unsigned i, int mount, int is_dir);
/* Takes everything away again, slots included. Nothing when there are none. */
int stage_clear(void);
/* Path of slot i. */
void stage_slot(unsigned i, int is_dir, char ret[16]);

/* --- inner.c: the process that makes the sealed clones --- */

/* Starts it in a user and mount namespace below ours. An fd to ask it over, or -errno. */
int inner_start(void);
/* Has it clone n slots from `first` on; the fds are the caller's. 0 or -errno; -ENODATA: it has ended. */
int inner_clone(int sock, unsigned first, unsigned n, const unsigned char *is_dir, int *ret);

#endif
