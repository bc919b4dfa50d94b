/* status.c - RUN/helpers.json: which process is which, for `postern helpers`, which reads everything else from the
 * kernel. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../protocol/audit.h"
#include "launcher.h"

/* Names and numbers of our own: nothing needs escaping. */
static void describe(FILE *f, const struct launcher *l, const struct child *c)
{
	static const char *const userns[] = { "host", "range", "store" }; /* enum userns */
	static const char *const word[] = { "false", "true" };
	const struct row *row = c->row;
	uint32_t uid = row->userns == USERNS_STORE ? l->ids.store_first : engine_id(l, row->id);

	fprintf(f, ",\n  {\"name\":\"%s\",\"pid\":%d,\"restarts\":%u,\"row_uid\":%u,", helper_name(row->id), c->pid,
		c->restarts, uid);
	fprintf(f, "\"row_userns\":\"%s\",\"row_caps\":\"%llx\",", userns[row->userns], (unsigned long long)row->caps);
	fprintf(f, "\"row_no_new_privs\":%s,\"row_seccomp\":%s,\"landlock\":%s}", word[row->no_new_privs],
		word[row->seccomp], word[row->landlock]);
}

static void write_all(FILE *f, const struct launcher *l)
{
	char text[3 * PATH_SIZE], audit[PATH_SIZE + 16];
	struct json_text j;

	fprintf(f, "{\"helpers\":[\n  {\"name\":\"launcher\",\"pid\":%d,\"restarts\":0}", getpid());
	for (unsigned i = 0; i < nrows; i++)
		if (l->children[rows[i].id].pid > 0)
			describe(f, l, &l->children[rows[i].id]);
	json_begin(&j, text, sizeof(text));
	json_u64(&j, "launcher", (uint64_t)getpid());
	json_str(&j, "data", l->config.data);
	snprintf(audit, sizeof(audit), "%s/audit", l->config.data);
	json_str(&j, "audit_dir", audit);
	json_str(&j, "policy", l->config.policy);
	json_str(&j, "policy_narrower", l->config.narrower);
	json_str(&j, "cgroup", l->config.cgroup);
	json_u64(&j, "ids", l->config.ids_base);
	fprintf(f, "],\n%s}\n", text);
}

int status_write(const struct launcher *l)
{
	char path[PATH_SIZE + 32], temporary[PATH_SIZE + 32];
	_cleanup_close_ int fd = -EBADF;
	FILE *f;

	snprintf(path, sizeof(path), "%s/helpers.json", l->config.run);
	snprintf(temporary, sizeof(temporary), "%s/.helpers.json", l->config.run);
	fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
	f = fd < 0 || fchmod(fd, 0644) < 0 ? NULL : fdopen(fd, "we");
	if (!f)
		return -errno;
	TAKE_FD(fd);
	write_all(f, l);
	if (fclose(f) != 0 || rename(temporary, path) < 0)
		return -errno;
	return 0;
}
