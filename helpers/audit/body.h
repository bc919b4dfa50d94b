/* body.h - the members that a helper gives for a record are checked before they become part of one. */
#ifndef POSTERN_AUDIT_BODY_H
#define POSTERN_AUDIT_BODY_H

#include <stdbool.h>
#include <stdint.h>

struct body {
	uint64_t cseq;
	const char *members; /* behind cseq */
	char op[32]; /* "" when there is none */
	bool denied; /* its decision */
};

/* A helper that was taken over may send anything: only well-formed members with distinct keys, none of which is the
 * log's own, starting with "cseq". Bytes that are no UTF-8 are replaced in text. 0 or -EBADMSG. */
int body_check(char *text, struct body *ret);

#endif
