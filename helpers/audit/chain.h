/* chain.h - the log file: chained lines, reserve, torn lines, anchors. README.md has the format. */
#ifndef POSTERN_AUDIT_CHAIN_H
#define POSTERN_AUDIT_CHAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../base/limits.h"

enum { HASH_BYTES = 32, HASH_HEX = 64, BODY_MAX = 8192, TORN_MAX = 65536, BOOT_MAX = 40 };

struct chain {
	int log, anchors, kernel_log; /* kernel_log may be -EBADF */
	uint64_t max_bytes, reserve; /* policy */
	uint64_t sequence; /* of the last record */
	uint64_t size, allocated; /* bytes of the file, and how far blocks are there */
	uint64_t anchored, told; /* sequence of the last anchor, and of the last one that the kernel's log has */
	char hash[HASH_HEX + 1]; /* of the last record */
	char boot[BOOT_MAX];
	size_t torn; /* bytes behind the last record that are no record */
	uint8_t torn_bytes[TORN_MAX];
};

/* What a record has beside its body. */
struct record {
	const char *channel, *kind;
	uint64_t cseq; /* 0: none */
	const char *body; /* JSON members, valid, or "" */
	const char *extra; /* members made by ourselves, or "" */
};

/* Finds the end of the chain in the file; what is behind the last record is torn. -EBADMSG when the tail holds no
 * record. */
int chain_open(struct chain *c);
/* Is there room for an act that takes something (the reserve stays free)? 0 or -EDQUOT. */
int chain_room(struct chain *c);
/* Appends one record whole; *ret_sequence may be NULL. -errno when it is not on file; a part of it that is becomes
 * torn. */
int chain_append(struct chain *c, const struct record *r, uint64_t *ret_sequence);
/* An anchor record, and its sequence and hash to where this program cannot change them, unless nothing is new. */
void chain_anchor(struct chain *c);
/* The same for the kernel's log, of the last record; seldomer, for it is not ours alone. */
void chain_tell_kernel(struct chain *c);

/* out takes HASH_HEX + 1 bytes. */
void hash_hex(const void *data, size_t n, char *out);
/* UTC, RFC 3339 with nanoseconds; out takes 40 bytes. */
void time_text(char *out);
uint64_t mono_ns(void);

#endif
