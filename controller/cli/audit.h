/* audit.h - reading the audit log: `postern audit list|follow|verify|export|receipt`.
 *
 * `dir` holds `audit.log` and `anchors`; the format is in helpers/audit/README.md. Only root, or a group that root
 * gave read access, can open them; nothing here writes. The log is trusted only as far as `audit_verify` says:
 * every text in it may come from a hostile client, so the readers escape what could act on a terminal.
 *
 * All functions return an exit status: 0; 1 when there is something to report (the chain is broken, nothing was found);
 * 2 when the log cannot be read. Messages go to `out` for results and to standard error for what went wrong. */
#ifndef POSTERN_CLI_AUDIT_H
#define POSTERN_CLI_AUDIT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* What list and follow show; a NULL or zero member does not filter. */
struct audit_filter {
	const char *helper; /* "mount": the channel that the record came from */
	const char *op; /* "bind", or with its helper "mount.bind" */
	const char *container; /* hex id or the start of one */
	const char *kind; /* "intent", "outcome", "event", "suppressed", "start", "anchor", "gap", "torn" */
	int64_t since_ns, until_ns; /* CLOCK_REALTIME */
	bool denied; /* only refused acts and events */
	uint64_t tail; /* only the last so many of what is left; 0: all (of follow: none of the old ones) */
};

/* Checks the whole chain and the anchors. Prints one line with the state, or the first line that was edited, dropped,
 * reordered, rewritten or cut off, and how that shows. */
int audit_verify(const char *dir, FILE *out);

/* One line each, or with `json` the records as they are. filter may be NULL. */
int audit_list(const char *dir, const struct audit_filter *filter, FILE *out, bool json);

/* As list, then what is appended from now on, until out fails, the log is
 * removed, or a signal ends the program. */
int audit_follow(const char *dir, const struct audit_filter *filter, FILE *out, bool json);

/* format "json": the records; "ocsf": one OCSF event (JSON) each: API Activity (class 6003);
 * what has no counterpart is in `unmapped`. */
int audit_export(const char *dir, const char *format, FILE *out);

/* Every privileged act that made and ended a container, in order: time, helper, op, arguments, result. `container` is
 * the hex id or an unambiguous start of one. */
int audit_receipt(const char *dir, const char *container, FILE *out);

#endif
