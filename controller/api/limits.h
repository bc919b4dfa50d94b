/* limits.h - every bound of the API: sizes, counts and times that a client could otherwise choose. */
#ifndef POSTERN_API_LIMITS_H
#define POSTERN_API_LIMITS_H

#define POSTERN_VERSION "0.1.0" /* a semantic version: clients parse it */
#define API_VERSION_TEXT "1.47" /* the newest that we speak, and what we call ours */
#define API_VERSION_LEAST_TEXT "1.24"

enum {
	API_VERSION = 147, /* times 100 */
	API_VERSION_LEAST = 124,

	/* counts */
	API_CONNECTIONS_MAX = 1000, /* served at once; the process needs as many fds and some */
	API_REFUSALS_MAX = 64, /* beyond them, being told 503; more are closed without a word */
	API_HEADERS_MAX = 100, /* of one request */
	API_QUERY_MAX = 100, /* parameters of one request */
	API_SEGMENTS_MAX = 32, /* of one path */
	API_ARGS_MAX = 4, /* variable parts of one route */

	/* bytes */
	API_HEAD_MAX = 64 * 1024, /* request line and headers */
	API_BODY_MAX = 1024 * 1024, /* a JSON body */
	API_INPUT_BYTES = 32 * 1024, /* read ahead of a connection: what is beyond waits in the socket */
	API_WRITE_HIGH = 64 * 1024, /* queued behind a full socket before a writer parks */
	API_REPLY_HEADERS_MAX = 16 * 1024, /* further headers of an answer */
	API_DRAIN_KEEP = 64 * 1024, /* a body that nobody read is read to its end to keep the connection */
	API_DRAIN_MAX = 256 * 1024 * 1024, /* thrown away before closing, so that its client reads the answer */

	/* milliseconds */
	API_IDLE_MS = 300 * 1000, /* between requests */
	API_EVICT_MS = 2000, /* idle for so long, a connection makes room for another when all are taken */
	API_HEAD_MS = 10 * 1000, /* from a request's first byte to the end of its headers */
	API_BODY_MS = 300 * 1000, /* without a byte of a body that the handler waits for */
	API_JSON_MS = 30 * 1000, /* for a whole JSON body */
	API_LINGER_MS = 5000, /* for the client to take our last bytes and to close */
	API_SWEEP_MS = 1000, /* how often times are looked at, while there are connections */
};

#endif
