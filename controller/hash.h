/* hash.h - uthash, by which containers, endpoints and networks are found: how many there are must not be felt.
 *
 * Each table belongs to the list of the same things, which keeps their order. Its functions stand beside the list's, so
 * that nobody else knows of it. A key lies in the thing itself and must not change while that is in the table. Clients
 * may choose names that meet in one place of a table: then it is as slow as its list. */
#ifndef POSTERN_HASH_H
#define POSTERN_HASH_H

#include <stdlib.h>

#define uthash_fatal(message) abort() /* so small an allocation fails only when the system is past saving */
#include <uthash.h>

#endif
