/* cdi.c - devices by name: --gpus, and requests of the driver "cdi", from the host's Container Device Interface files
 * (cncf-tags/container-device-interface, SPEC.md 0.6-1.0; /etc/cdi and /var/run/cdi, JSON).
 *
 * Root's files say what a device is made of: nodes, mounts, environment, groups. All of it becomes what a client could
 * have asked for itself, so policy decides as ever. Hooks are programs of the host's that would run with nobody's
 * rights here: they are not run, and the log says so. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../helpers/base/cleanup.h"
#include "../../helpers/base/fd.h"
#include "../../helpers/base/log.h"
#include "../../helpers/base/text.h"
#include "../json.h"
#include "start.h"

enum { FILE_BYTES_MAX = 1 << 20, FILES_MAX = 64 };

/* The later ones win. */
const char *const cdi_dirs[2] = { "/etc/cdi", "/var/run/cdi" };

struct cdi {
	unsigned n;
	cJSON *files[FILES_MAX];
	bool yaml; /* there are files that we cannot read */
};

static void cdi_finish(struct cdi *c)
{
	while (c->n > 0)
		cJSON_Delete(c->files[--c->n]);
}

static bool ends(const char *name, const char *suffix)
{
	size_t n = strlen(name), k = strlen(suffix);

	return n > k && strcmp(name + n - k, suffix) == 0;
}

static void read_file(struct cdi *c, int dir, const char *name)
{
	_cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	_cleanup_free_ char *text = NULL;
	struct err err = { 0 };
	cJSON *file;
	size_t len;

	if (c->n == FILES_MAX || fd < 0 || fd_read_all(fd, FILE_BYTES_MAX, &text, &len) < 0)
		return;
	file = json_parse(text, len, &err);
	if (cJSON_IsObject(file) && json_text(file, "kind", NULL, NULL))
		c->files[c->n++] = file;
	else
		cJSON_Delete(file);
}

static void read_all(struct cdi *c)
{
	for (size_t i = 0; i < ARRAY_SIZE(cdi_dirs); i++) {
		int dir = open(cdi_dirs[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		struct dirent **names;
		int n = dir < 0 ? -1 : scandirat(dir, ".", &names, NULL, alphasort);

		for (int k = 0; k < n; k++) {
			if (ends(names[k]->d_name, ".json"))
				read_file(c, dir, names[k]->d_name);
			c->yaml |= ends(names[k]->d_name, ".yaml");
			free(names[k]);
		}
		if (n >= 0)
			free(names);
		close_fd(dir);
	}
}

/* Of "vendor.com/class=name": the last file's that has it. */
static const cJSON *find_device(const struct cdi *c, const char *kind, size_t kind_len, const char *name,
				const cJSON **ret_file)
{
	for (unsigned i = c->n; i > 0; i--) {
		const cJSON *file = c->files[i - 1], *d;
		const char *its = json_text(file, "kind", "", NULL);

		if (strlen(its) != kind_len || memcmp(its, kind, kind_len) != 0)
			continue;
		cJSON_ArrayForEach(d, json_get(file, "devices")) {
			const char *device = json_text(d, "name", "", NULL);

			if (device && strcmp(device, name) == 0) {
				*ret_file = file;
				return d;
			}
		}
	}
	return NULL;
}

/* --- edits: as a client would have written them --- */
/* The array of that name, made when it is not there. */
static cJSON *list_of(cJSON *o, const char *name)
{
	cJSON *list = cJSON_GetObjectItemCaseSensitive(o, name);

	if (cJSON_IsArray(list))
		return list;
	cJSON_DeleteItemFromObjectCaseSensitive(o, name);
	return cJSON_AddArrayToObject(o, name);
}

static void add_nodes(cJSON *host, const cJSON *edits)
{
	const cJSON *node;

	cJSON_ArrayForEach(node, json_get(edits, "deviceNodes")) {
		const char *path = json_text(node, "path", "", NULL), *from = json_text(node, "hostPath", path, NULL);
		const char *access = json_text(node, "permissions", "rw", NULL);
		cJSON *device = cJSON_CreateObject();

		cJSON_AddStringToObject(device, "PathOnHost", from ? from : "");
		cJSON_AddStringToObject(device, "PathInContainer", path ? path : "");
		cJSON_AddStringToObject(device, "CgroupPermissions", access ? access : "rw");
		cJSON_AddItemToArray(list_of(host, "Devices"), device);
	}
}

static void add_mounts(cJSON *host, const cJSON *edits)
{
	const cJSON *m, *option;

	cJSON_ArrayForEach(m, json_get(edits, "mounts")) {
		const char *from = json_text(m, "hostPath", "", NULL), *to = json_text(m, "containerPath", "", NULL);
		cJSON *mount = cJSON_CreateObject();
		bool readonly = false;

		cJSON_ArrayForEach(option, json_get(m, "options"))
			readonly |= cJSON_IsString(option) && strcmp(option->valuestring, "ro") == 0;
		cJSON_AddStringToObject(mount, "Type", "bind");
		cJSON_AddStringToObject(mount, "Source", from ? from : "");
		cJSON_AddStringToObject(mount, "Target", to ? to : "");
		cJSON_AddBoolToObject(mount, "ReadOnly", readonly);
		cJSON_AddItemToArray(list_of(host, "Mounts"), mount);
	}
}

static void apply(cJSON *merged, const cJSON *edits, const char *name)
{
	cJSON *config = cJSON_GetObjectItemCaseSensitive(merged, "Config");
	cJSON *host = cJSON_GetObjectItemCaseSensitive(merged, "HostConfig");
	const cJSON *e;

	cJSON_ArrayForEach(e, json_get(edits, "env"))
		if (cJSON_IsString(e) && strchr(e->valuestring, '='))
			cJSON_AddItemToArray(list_of(config, "Env"), cJSON_CreateString(e->valuestring));
	cJSON_ArrayForEach(e, json_get(edits, "additionalGids")) {
		char gid[24];

		snprintf(gid, sizeof(gid), "%.0f", cJSON_IsNumber(e) ? e->valuedouble : 0);
		if (cJSON_IsNumber(e) && e->valuedouble > 0)
			cJSON_AddItemToArray(list_of(host, "GroupAdd"), cJSON_CreateString(gid));
	}
	add_nodes(host, edits);
	add_mounts(host, edits);
	if (cJSON_GetArraySize(json_get(edits, "hooks")))
		log_warn("CDI device %s: its hooks are not run", name);
}

/* --- requests --- */
struct requests {
	struct cdi cdi;
	cJSON *merged;
	const cJSON *seen[FILES_MAX]; /* files whose common edits are there */
	unsigned nseen;
};

static int inject(struct requests *r, const char *name, struct err *err)
{
	const char *equal = strchr(name, '=');
	const cJSON *file, *d = equal ? find_device(&r->cdi, name, (size_t)(equal - name), equal + 1, &file) : NULL;
	unsigned i;

	if (!d)
		return err_set(err, 400, "CDI device injection failed: unresolvable CDI devices %.128s%s", name,
			       r->cdi.yaml ? " (of the files in /etc/cdi and /var/run/cdi only JSON is read)" : "");
	for (i = 0; i < r->nseen && r->seen[i] != file; i++)
		;
	if (i == r->nseen) {
		r->seen[r->nseen++] = file;
		apply(r->merged, json_get(file, "containerEdits"), name);
	}
	apply(r->merged, json_get(d, "containerEdits"), name);
	return 0;
}

/* [[gpu compute]], as Go prints it. */
static void print_capabilities(const cJSON *capabilities, char *ret, size_t size)
{
	const cJSON *all, *one;
	FILE *f = fmemopen(ret, size, "w");

	if (!f)
		return;
	fputc('[', f);
	cJSON_ArrayForEach(all, capabilities) {
		fputs(all->prev && all != capabilities->child ? " [" : "[", f);
		cJSON_ArrayForEach(one, all) {
			fprintf(f, "%s%.32s", one == all->child ? "" : " ",
				cJSON_IsString(one) ? one->valuestring : "");
		}
		fputc(']', f);
	}
	fputc(']', f);
	fclose(f);
	ret[size - 1] = '\0';
}

/* A kind that is a GPU's: "nvidia.com/gpu" before others. */
static const char *gpu_kind(const struct cdi *c)
{
	const char *found = NULL;

	for (unsigned i = 0; i < c->n; i++) {
		const char *kind = json_text(c->files[i], "kind", "", NULL);

		if (strcmp(kind, "nvidia.com/gpu") == 0 || (!found && ends(kind, "/gpu")))
			found = kind;
	}
	return found;
}

static int inject_gpus(struct requests *r, const cJSON *request, const char *kind, struct err *err)
{
	int64_t count = json_int(request, "Count", 0, NULL);
	const cJSON *id;
	char name[256];

	if (count && cJSON_GetArraySize(json_get(request, "DeviceIDs")))
		return err_set(err, 400, "cannot set both Count and DeviceIDs on device request");
	cJSON_ArrayForEach(id, json_get(request, "DeviceIDs")) {
		snprintf(name, sizeof(name), "%s%s%s", strchr(id->valuestring, '=') ? "" : kind,
			 strchr(id->valuestring, '=') ? "" : "=", id->valuestring);
		if (inject(r, name, err) < 0)
			return -1;
	}
	if (count < 0) {
		snprintf(name, sizeof(name), "%s=all", kind);
		return inject(r, name, err);
	}
	for (int64_t i = 0; i < count && i < DEVICE_RULES_MAX; i++) {
		snprintf(name, sizeof(name), "%s=%lld", kind, (long long)i);
		if (inject(r, name, err) < 0)
			return -1;
	}
	return 0;
}

static bool wants_gpu(const cJSON *capabilities)
{
	const cJSON *all, *one;

	cJSON_ArrayForEach(all, capabilities) {
		cJSON_ArrayForEach(one, all) {
			if (cJSON_IsString(one) && strcmp(one->valuestring, "gpu") == 0)
				return true;
		}
	}
	return false;
}

static int one_request(struct requests *r, const cJSON *request, struct err *err)
{
	const char *driver = json_text(request, "Driver", "", NULL), *kind = gpu_kind(&r->cdi);
	const cJSON *capabilities = json_get(request, "Capabilities"), *id;
	char text[256] = "[]";

	if (driver && strcmp(driver, "cdi") == 0) {
		cJSON_ArrayForEach(id, json_get(request, "DeviceIDs"))
			if (inject(r, id->valuestring, err) < 0)
				return -1;
		return 0;
	}
	if (kind && (!driver[0] || strcmp(driver, "nvidia") == 0) && wants_gpu(capabilities))
		return inject_gpus(r, request, kind, err);
	print_capabilities(capabilities, text, sizeof(text));
	return err_set(err, 400, "could not select device driver \"%.64s\" with capabilities: %s", driver ? driver : "",
		       text);
}

int cdi_inject(cJSON *merged, struct err *err)
{
	const cJSON *requests = json_get(json_get(merged, "HostConfig"), "DeviceRequests"), *request;
	struct requests r = { .merged = merged };
	int e = 0;

	if (!cJSON_GetArraySize(requests))
		return 0;
	read_all(&r.cdi);
	cJSON_ArrayForEach(request, requests)
		if (e == 0)
			e = one_request(&r, request, err);
	cdi_finish(&r.cdi);
	return e;
}
