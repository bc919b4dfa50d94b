/* journal.c - see journal.h. */
#include "journal.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "../base/cleanup.h"
#include "../base/text.h"

static struct sockaddr_un address;

void journal_at(const char *path)
{
	address.sun_family = text_copy(address.sun_path, sizeof(address.sun_path), path) < 0 ? AF_UNSPEC : AF_UNIX;
}

void journal_init(struct journal *j)
{
	*j = (struct journal){ .fd = -EBADF };
}

static int make_epoch(char *ret)
{
	uint8_t bytes[16];

	if (getrandom(bytes, sizeof(bytes), GRND_NONBLOCK) != sizeof(bytes))
		return -EAGAIN;
	hex_encode(bytes, sizeof(bytes), ret);
	return 0;
}

int journal_open(struct journal *j, bool waits)
{
	_cleanup_close_ int fd = -EBADF;

	if (address.sun_family != AF_UNIX)
		return -ENOENT;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	j->waits = waits;
	j->fd = TAKE_FD(fd);
	return make_epoch(j->epoch);
}

/* What each entry says for itself: a field of the same name would stand before it. */
static const char *const own_fields[] = { "MESSAGE", "PRIORITY", "SYSLOG_TIMESTAMP" };
static const char *const own_prefixes[] = { "CONTAINER_LOG_", "CONTAINER_PARTIAL_" };

static bool field_own(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(own_fields); i++)
		if (strcmp(name, own_fields[i]) == 0)
			return true;
	for (size_t i = 0; i < ARRAY_SIZE(own_prefixes); i++)
		if (strncmp(name, own_prefixes[i], strlen(own_prefixes[i])) == 0)
			return true;
	return false;
}

/* As journald has it: capitals, digits and underscores, at most 64; what begins with one is the journal's own. */
static bool field_valid(const char *name)
{
	size_t n = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");

	return n > 0 && n <= 64 && name[n] == '\0' && name[0] != '_' && !(name[0] >= '0' && name[0] <= '9') &&
	       !field_own(name);
}

/* NAME, newline, length of the value in 8 bytes, little end first: for values of any bytes. */
static size_t put_head(char *to, const char *name, size_t n)
{
	size_t at = (size_t)sprintf(to, "%s\n", name);

	for (unsigned i = 0; i < 8; i++, n >>= 8)
		to[at++] = (char)(n & 0xff);
	return at;
}

int journal_fields(struct journal *j, const char *text)
{
	cJSON *fields = text && strlen(text) <= JOURNAL_FIELDS_MAX ? cJSON_Parse(text) : NULL;
	const cJSON *v;
	size_t size = 1;

	cJSON_ArrayForEach(v, fields)
		size += cJSON_IsString(v) && v->string ? strlen(v->string) + 1 + 8 + strlen(v->valuestring) + 1 : 0;
	j->nfields = 0;
	j->fields = cJSON_IsObject(fields) ? malloc(size) : NULL;
	cJSON_ArrayForEach(v, fields) {
		size_t n;

		if (!j->fields || !cJSON_IsString(v) || !v->string || !field_valid(v->string))
			continue;
		n = strlen(v->valuestring);
		j->nfields += put_head(j->fields + j->nfields, v->string, n);
		memcpy(j->fields + j->nfields, v->valuestring, n);
		j->nfields += n;
		j->fields[j->nfields++] = '\n';
	}
	cJSON_Delete(fields);
	return j->fields ? 0 : -EINVAL;
}

void journal_round(struct journal *j)
{
	j->left_ms = j->waits && !j->behind ? JOURNAL_WAIT_MS : 0;
}

/* False when there is no more time, or nobody at the other end. */
static bool await(struct journal *j)
{
	struct pollfd p = { .fd = j->fd, .events = POLLOUT };
	struct timespec from, to;
	int r, took;

	if (j->left_ms <= 0)
		return false;
	clock_gettime(CLOCK_MONOTONIC, &from);
	r = poll(&p, 1, j->left_ms);
	clock_gettime(CLOCK_MONOTONIC, &to);
	took = (int)((to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000);
	j->left_ms -= took > 0 ? took : 1; /* so it comes to an end, whatever the kernel says */
	return (r < 0 && errno == EINTR) || (r > 0 && (p.revents & POLLOUT));
}

void journal_send(struct journal *j, const struct journal_line *l)
{
	char head[512], message[24];
	int n = snprintf(head, sizeof(head),
			 "PRIORITY=%d\nSYSLOG_TIMESTAMP=%.*s\nCONTAINER_LOG_EPOCH=%s\nCONTAINER_LOG_ORDINAL=%llu\n",
			 l->error ? 3 : 6, (int)l->time_n, l->time, j->epoch, (unsigned long long)++j->ordinal);
	struct iovec iov[] = { { j->fields, j->nfields },
			       { head, 0 },
			       { message, put_head(message, "MESSAGE", l->n) },
			       { (char *)l->text, l->n },
			       { (char *)"\n", 1 } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = ARRAY_SIZE(iov) };
	ssize_t r;

	if (l->piece)
		n += snprintf(head + n, sizeof(head) - (size_t)n,
			      "CONTAINER_PARTIAL_ID=%s%016llx\nCONTAINER_PARTIAL_ORDINAL=%u\n"
			      "CONTAINER_PARTIAL_LAST=%s\n%s",
			      j->epoch, (unsigned long long)l->id, l->piece, l->last ? "true" : "false",
			      l->last ? "" : "CONTAINER_PARTIAL_MESSAGE=true\n");
	iov[1].iov_len = (size_t)n;
	do
		r = sendmsg(j->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (r < 0 && (errno == EINTR || (errno == EAGAIN && await(j))));
	j->behind = r < 0;
	j->lost += r < 0;
}

void journal_finish(struct journal *j)
{
	j->fd = close_fd(j->fd);
	free(j->fields);
	journal_init(j);
}
