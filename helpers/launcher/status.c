/* status.c - RUN/helpers.json: which process is which, for `postern helpers`, which reads everything else from the kernel. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/text.h"
#include "../protocol/audit.h"
#include "launcher.h"

static void add_flag(struct json_text *j, const char *key, bool value)
{
	char member[64];

	if (text_format(member, sizeof(member), "\"%s\":%s", key, value ? "true" : "false") == 0)
		json_raw(j, member);
}

static void describe(FILE *f, const struct launcher *l, const struct child *c)
{
	static const char *const userns[] = { [USERNS_HOST] = "host", [USERNS_RANGE] = "range", [USERNS_STORE] = "store" };
	const struct row *row = c->row;
	char text[512], caps[32];
	struct json_text j;

	json_begin(&j, text, sizeof(text));
	json_str(&j, "name", helper_name(row->id));
	json_u64(&j, "pid", (uint64_t)c->pid);
	json_u64(&j, "restarts", c->restarts);
	snprintf(caps, sizeof(caps), "%llx", (unsigned long long)row->caps);
	json_str(&j, "row_caps", caps);
	json_u64(&j, "row_uid", row->userns == USERNS_STORE ? l->ids.store_first : engine_id(l, row->id));
	add_flag(&j, "row_no_new_privs", row->no_new_privs);
	add_flag(&j, "row_seccomp", row->seccomp);
	add_flag(&j, "landlock", row->landlock);
	json_str(&j, "row_userns", userns[row->userns]);
	fprintf(f, ",\n  {%s}", text);
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
