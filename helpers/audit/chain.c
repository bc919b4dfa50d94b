/* chain.c - appending to the log.
 *
 * The file is append-only for us (chattr +a, O_APPEND): what is written stays. So a line that was written in part is
 * closed by a newline and the next record, of kind "torn", says how many bytes these are and their hash. Each record
 * holds the hash of the one before and ends with its own, over all of its text up to there. */
#include "chain.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>


#include "../base/cleanup.h"
#include "../base/digest.h"
#include "../base/log.h"
#include "../base/text.h"

enum { CHUNK = 1 << 20 };

static const char hash_key[] = ",\"hash\":\"";
static const char seq_key[] = "{\"seq\":";
enum { HASH_KEY = sizeof(hash_key) - 1, SUFFIX = HASH_KEY + HASH_HEX + 2 /* "} */ };

void hash_hex(const void *data, size_t n, char *out)
{
	uint8_t digest[HASH_BYTES];

	digest_sha256(data, n, digest);
	hex_encode(digest, sizeof(digest), out);
}

void time_text(char *out)
{
	struct timespec t;
	struct tm tm;

	clock_gettime(CLOCK_REALTIME, &t);
	gmtime_r(&t.tv_sec, &tm);
	(void)text_format(out, 40, "%04d-%02d-%02dT%02d:%02d:%02d.%09ldZ", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
			  tm.tm_hour, tm.tm_min, tm.tm_sec, t.tv_nsec);
}

uint64_t mono_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Is this (without its newline) a record whose hash is right? Then the chain goes on from it. */
static bool take_record(struct chain *c, const char *line, size_t n)
{
	char hex[HASH_HEX + 1];
	uint64_t sequence = 0;
	size_t i = sizeof(seq_key) - 1;

	if (n < sizeof(seq_key) + SUFFIX || memcmp(line, seq_key, sizeof(seq_key) - 1) != 0 ||
	    memcmp(line + n - SUFFIX, hash_key, HASH_KEY) != 0 || memcmp(line + n - 2, "\"}", 2) != 0)
		return false;
	hash_hex(line, n - SUFFIX, hex);
	if (memcmp(line + n - 2 - HASH_HEX, hex, HASH_HEX) != 0)
		return false;
	for (; line[i] >= '0' && line[i] <= '9'; i++)
		sequence = sequence * 10 + (uint64_t)(line[i] - '0');
	c->sequence = sequence;
	memcpy(c->hash, hex, sizeof(hex));
	return true;
}

int chain_open(struct chain *c)
{
	static char tail[TORN_MAX + AUDIT_RECORD_MAX];
	struct stat st;
	size_t n, end;
	off_t from;

	memset(c->hash, '0', HASH_HEX);
	c->hash[HASH_HEX] = '\0';
	if (fstat(c->log, &st) < 0)
		return -errno;
	c->size = c->allocated = (uint64_t)st.st_size;
	if (st.st_size == 0)
		return 0;
	from = st.st_size > (off_t)sizeof(tail) ? st.st_size - (off_t)sizeof(tail) : 0;
	n = (size_t)(st.st_size - from);
	for (size_t got = 0; got < n;) {
		ssize_t r = pread(c->log, tail + got, n - got, from + (off_t)got);

		if (r <= 0)
			return r < 0 ? -errno : -EIO;
		got += (size_t)r;
	}
	/* Backwards over the lines, to the last one that is a record. */
	for (end = n; end > 0; end--) {
		size_t start;

		if (tail[end - 1] != '\n')
			continue;
		start = end - 1;
		while (start > 0 && tail[start - 1] != '\n')
			start--;
		if (take_record(c, tail + start, end - 1 - start))
			break;
	}
	if ((end == 0 && from > 0) || n - end > TORN_MAX)
		return -EBADMSG;
	c->torn = n - end;
	memcpy(c->torn_bytes, tail + end, c->torn);
	return 0;
}

/* Keeps blocks for the reserve allocated behind the end, so that what must fit does, also on a full disk. */
static int reserve_blocks(struct chain *c)
{
	struct statfs fs;

	if (c->allocated >= c->size + c->reserve)
		return 0;
	for (uint64_t more = CHUNK;; more = 0) {
		if (fallocate(c->log, FALLOC_FL_KEEP_SIZE, (off_t)c->size, (off_t)(c->reserve + more)) == 0) {
			c->allocated = c->size + c->reserve + more;
			return 0;
		}
		if (errno != ENOSPC && errno != EDQUOT && errno != EFBIG)
			break;
		if (more == 0)
			return -EDQUOT;
	}
	/* A file system that cannot: what is free must do. */
	if (fstatfs(c->log, &fs) < 0)
		return -EDQUOT;
	return fs.f_bavail * (uint64_t)fs.f_bsize >= c->reserve ? 0 : -EDQUOT;
}

int chain_room(struct chain *c)
{
	if (c->size + AUDIT_RECORD_MAX > c->max_bytes || c->max_bytes - c->size - AUDIT_RECORD_MAX < c->reserve)
		return -EDQUOT;
	return reserve_blocks(c);
}

/* Whole or not at all, but for what the disk makes of it: that is remembered as torn. */
static int write_line(struct chain *c, const char *line, size_t n)
{
	ssize_t w;

	do
		w = write(c->log, line, n);
	while (w < 0 && errno == EINTR);
	if (w < 0)
		return -errno;
	c->size += (uint64_t)w;
	if ((size_t)w == n)
		return 0;
	if (c->torn + (size_t)w <= TORN_MAX) {
		memcpy(c->torn_bytes + c->torn, line, (size_t)w);
		c->torn += (size_t)w;
	}
	return -ENOSPC;
}

static int append(struct chain *c, const struct record *r, uint64_t *ret_sequence)
{
	static char line[AUDIT_RECORD_MAX];
	char hash[HASH_HEX + 1], when[40], cseq[40] = "";
	int n, e;

	time_text(when);
	if (r->cseq)
		(void)text_format(cseq, sizeof(cseq), "\"cseq\":%" PRIu64 ",", r->cseq);
	n = snprintf(line, sizeof(line) - SUFFIX - 1,
		     "%s%" PRIu64 ",\"chan\":\"%s\",%s\"kind\":\"%s\",\"time\":\"%s\",\"mono\":%" PRIu64
		     ",\"boot\":\"%s\"%s%s%s%s,\"prev\":\"%s\"",
		     seq_key, c->sequence + 1, r->channel, cseq, r->kind, when, mono_ns(), c->boot, *r->body ? "," : "",
		     r->body, *r->extra ? "," : "", r->extra, c->hash);
	if (n < 0 || (size_t)n >= sizeof(line) - SUFFIX - 1)
		return -EMSGSIZE;
	hash_hex(line, (size_t)n, hash);
	n += snprintf(line + n, sizeof(line) - (size_t)n, "%s%s\"}\n", hash_key, hash);
	e = write_line(c, line, (size_t)n);
	if (e < 0)
		return e;
	c->sequence++;
	memcpy(c->hash, hash, sizeof(hash));
	if (ret_sequence)
		*ret_sequence = c->sequence;
	return 0;
}

/* Closes what is torn and says so; nothing else may be written before. */
static int mend(struct chain *c)
{
	char hash[HASH_HEX + 1], extra[128];
	struct record r = { "audit", "torn", 0, "", extra };
	int e;

	if (c->torn_bytes[c->torn - 1] != '\n') {
		if (c->torn == TORN_MAX)
			return -ENOSPC;
		c->torn_bytes[c->torn] = '\n';
		e = write_line(c, "\n", 1);
		if (e < 0)
			return e;
		c->torn++;
	}
	hash_hex(c->torn_bytes, c->torn, hash);
	(void)text_format(extra, sizeof(extra), "\"bytes\":%zu,\"sha256\":\"%s\"", c->torn, hash);
	e = append(c, &r, NULL);
	if (e == 0)
		c->torn = 0;
	return e;
}

int chain_append(struct chain *c, const struct record *r, uint64_t *ret_sequence)
{
	int e = c->torn ? mend(c) : 0;

	return e < 0 ? e : append(c, r, ret_sequence);
}

void chain_anchor(struct chain *c)
{
	struct record r = { "audit", "anchor", 0, "", "" };
	char text[256], when[40];
	int n;

	if (c->sequence == c->anchored || chain_append(c, &r, &c->anchored) < 0)
		return;
	time_text(when);
	n = snprintf(text, sizeof(text), "{\"seq\":%" PRIu64 ",\"hash\":\"%s\",\"time\":\"%s\",\"boot\":\"%s\"}\n",
		     c->sequence, c->hash, when, c->boot);
	if (write(c->anchors, text, (size_t)n) != n)
		log_error("anchor %" PRIu64 " could not be written: %s", c->sequence, strerror(errno));
}

void chain_tell_kernel(struct chain *c)
{
	char text[160];
	int n;

	c->told = c->sequence;
	if (c->kernel_log < 0)
		return;
	n = snprintf(text, sizeof(text), "<5>postern-audit[%u]: seq=%" PRIu64 " hash=%s", getuid(), c->sequence,
		     c->hash);
	if (write(c->kernel_log, text, (size_t)n) < 0)
		c->kernel_log = close_fd(c->kernel_log);
}
