/* status.c - RUN/helpers.json: which process is which, for `postern helpers`, which reads everything else from the kernel. */
#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/fd.h"
#include "launcher.h"

static cJSON *describe(const struct launcher *l, const char *name, pid_t pid, uint32_t restarts, const struct row *row)
{
	cJSON *o = cJSON_CreateObject();

	cJSON_AddStringToObject(o, "name", name);
	cJSON_AddNumberToObject(o, "pid", pid);
	cJSON_AddNumberToObject(o, "restarts", restarts);
	if (row) {
		char caps[32];

		snprintf(caps, sizeof(caps), "%llx", (unsigned long long)row->caps);
		cJSON_AddStringToObject(o, "row_caps", caps);
		cJSON_AddNumberToObject(o, "row_uid", row->userns == USERNS_STORE ? (double)FOREIGN_FIRST : engine_id(l, row->id));
		cJSON_AddBoolToObject(o, "row_no_new_privs", row->no_new_privs);
		cJSON_AddBoolToObject(o, "row_seccomp", row->seccomp);
		cJSON_AddBoolToObject(o, "landlock", row->landlock);
		cJSON_AddStringToObject(o, "row_userns",
					row->userns == USERNS_HOST ? "host" : row->userns == USERNS_RANGE ? "range" : "store");
	}
	return o;
}

int status_write(const struct launcher *l)
{
	char path[PATH_SIZE + 32], temporary[PATH_SIZE + 32];
	_cleanup_close_ int fd = -EBADF;
	cJSON *root = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(root, "helpers");
	char *text;
	int r;

	cJSON_AddNumberToObject(root, "launcher", getpid());
	cJSON_AddStringToObject(root, "data", l->config.data);
	snprintf(path, sizeof(path), "%s/audit", l->config.data);
	cJSON_AddStringToObject(root, "audit_dir", path);
	cJSON_AddStringToObject(root, "policy", l->config.policy);
	cJSON_AddStringToObject(root, "cgroup", l->config.cgroup);
	cJSON_AddNumberToObject(root, "ids", l->config.ids_base);
	cJSON_AddItemToArray(list, describe(l, "launcher", getpid(), 0, NULL));
	for (unsigned i = 0; i < nrows; i++) {
		const struct child *c = &l->children[rows[i].id];

		if (c->pid > 0)
			cJSON_AddItemToArray(list, describe(l, helper_name(rows[i].id), c->pid, c->restarts, &rows[i]));
	}
	text = cJSON_Print(root);
	cJSON_Delete(root);
	if (!text)
		return -ENOMEM;
	snprintf(path, sizeof(path), "%s/helpers.json", l->config.run);
	snprintf(temporary, sizeof(temporary), "%s/.helpers.json", l->config.run);
	fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
	r = fd < 0 ? -errno : fd_write_all(fd, text, strlen(text));
	cJSON_free(text);
	if (r == 0 && (fchmod(fd, 0644) < 0 || rename(temporary, path) < 0))
		r = -errno;
	return r;
}
