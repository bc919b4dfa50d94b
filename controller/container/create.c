/* create.c - docker create, rename and rm: from a body to a row with directories, and back to nothing.
 *
 * Order of create: everything that can be refused is checked first; then the directories; the row last, so that a crash
 * leaves directories without a row, which recovery removes. Order of remove: row REMOVING, directories, row. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../helpers/base/cleanup.h"
#include "../../helpers/base/log.h"
#include "../../helpers/base/text.h"
#include "../daemon_config.h"
#include "../image/image.h"
#include "../json.h"
#include "../network/network.h"
#include "../volume/volume.h"
#include "internal.h"
#include "log_file.h"
#include "start.h"

/* what: in front of the message ("" or "... "); slash: before the name in it, as Docker has it. */
static int check_name(struct engine *e, const char *name, const char *what, const char *slash, struct err *err)
{
	struct container *other;

	if (strlen(name) < 2 || strlen(name) > NAME_MAX_LEN || !name_valid(name, strlen(name)))
		return err_set(err, 400, "%sInvalid container name (%s%s), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed",
			       what, slash, name);
	other = container_by_name(e, name);
	if (other)
		return err_set(err, 409,
			       "%sConflict. The container name \"/%s\" is already in use by container \"%s\". You have "
			       "to remove "
			       "(or rename) that container to be able to reuse that name.",
			       what, name, other->row.id);
	return 0;
}

static int make_directories(struct engine *e, const char *id, const struct call_ctx *ctx, struct err *err)
{
	struct req_layer_create req = { .what = LAYER_CONTAINER };
	char path[128];
	int fd;

	/* Gets the exit line later; until then it tells recovery that the store may have directories. No directory of
	 * our own each: freeing one can take the disk milliseconds. */
	snprintf(path, sizeof(path), "containers/%s", id);
	fd = openat(e->state_dir, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_set(err, 500, "file of the container: %s", strerror(errno));
	close_fd(fd);
	snprintf(req.name, sizeof(req.name), "%s", id);
	if (helper_call(e, OP_LAYER_CREATE, &req, NULL, ctx, err) == 0)
		return 0;
	container_delete_files(e, id);
	return -1;
}

/* After a create that failed; its client may have left. */
static void undo(struct engine *e, const char *id, const cJSON *merged, const struct call_ctx *ctx, bool directories)
{
	struct req_layer_remove req = { .what = LAYER_CONTAINER };

	snprintf(req.name, sizeof(req.name), "%s", id);
	if (directories && helper_call(e, OP_LAYER_REMOVE, &req, NULL, ctx, NULL) == 0)
		container_delete_files(e, id);
	remove_anonymous(e, merged, ctx);
}

/* Docker's default host name is the beginning of the id, or the host's own where the network or the name is that. */
static void fill_hostname(cJSON *merged, const char *id)
{
	cJSON *config = cJSON_GetObjectItem(merged, "Config");
	const cJSON *host = json_get(merged, "HostConfig");
	const char *name = json_text(config, "Hostname", "", NULL);
	char text[65] = "";

	if (name && name[0])
		return;
	if (spec_share(host, "NetworkMode", NULL) == SHARE_HOST || spec_share(host, "UTSMode", NULL) == SHARE_HOST)
		gethostname(text, sizeof(text) - 1);
	if (!text[0])
		snprintf(text, sizeof(text), "%.12s", id);
	cJSON_DeleteItemFromObject(config, "Hostname");
	cJSON_AddStringToObject(config, "Hostname", text);
}

static int insert(struct engine *e, cJSON *merged, const char *id, const char *name, const struct image *image,
		  struct container **ret, struct err *err)
{
	struct container_row row = { .created_ns = time_now_ns(), .status = STATUS_CREATED };
	int r;

	memcpy(row.id, id, sizeof(row.id));
	memcpy(row.image_id, image->id, sizeof(row.image_id));
	row.name = strdup(name);
	row.image_ref = strdup(json_text(json_get(merged, "Config"), "Image", image->id, NULL));
	row.auto_remove = json_bool(json_get(merged, "HostConfig"), "AutoRemove", false, NULL);
	row.config = cJSON_PrintUnformatted(merged);
	r = row.name && row.image_ref && row.config ? state_container_insert(e->state, &row) : -ENOMEM;
	if (r == 0) {
		*ret = container_add(e, &row, merged);
		if (*ret) {
			container_ref(*ret);
			return 0;
		}
		state_container_delete(e->state, id);
		r = -ENOMEM;
	}
	container_row_finish(&row);
	return err_set(err, r == -EEXIST ? 409 : 500, "container cannot be stored: %s", strerror(-r));
}

/* The row and what hangs on it; only references are left. */
static void forget(struct container *c)
{
	struct endpoint *ep;

	while ((ep = endpoint_next(c->e, c->row.id, NULL)))
		endpoint_delete(c->e, ep);
	state_container_delete(c->e->state, c->row.id);
	container_drop(c);
}

/* name NULL: a generated one. */
static int create_merged(struct engine *e, cJSON *merged, const char *name, const struct image *image,
			 const struct call_ctx *ctx, struct container **ret, struct err *err)
{
	char generated[64];
	bool directories = false;
	struct req_cgroup_create limits;
	struct call_ctx own = *ctx;
	uint8_t raw[ID_BYTES];
	char id[ID_HEX + 1];
	int r;

	do
		if (getrandom(raw, sizeof(raw), 0) != sizeof(raw))
			return err_set(err, 500, "no random numbers");
	while (!container_id_fits(raw));
	hex_encode(raw, sizeof(raw), id);
	own.container = raw;
	message_init(&op_desc(OP_CGROUP_CREATE)->req, &limits);
	if (spec_limits(merged, &limits, err) < 0 || devices_io(merged, &limits, err) < 0)
		return -1;
	fill_hostname(merged, id);
	r = create_mounts(e, merged, image, &own, err);
	if (r == 0)
		r = make_directories(e, id, &own, err);
	directories = r == 0;
	/* Names are taken only now: another may have come first while helpers worked. */
	if (r == 0 && !name) {
		container_name_generate(e, generated, sizeof(generated));
		name = generated;
	}
	if (r == 0)
		r = check_name(e, name, "", "", err);
	if (r == 0)
		r = insert(e, merged, id, name, image, ret, err);
	if (r == 0 && endpoints_of_create(e, id, merged, err) < 0) {
		/* A network, not an image: clients would pull for a 404. */
		err->status = err->status == 404 ? 400 : err->status;
		forget(*ret);
		container_put(*ret);
		*ret = NULL;
		r = -1;
	}
	if (r < 0)
		undo(e, id, merged, &own, directories);
	return r;
}

/* In an engine without networks a container has loopback only. */
static int warn_network(struct engine *e, const cJSON *merged, cJSON *warnings, struct err *err)
{
	const cJSON *host = json_get(merged, "HostConfig");
	const char *mode = json_text(host, "NetworkMode", "default", NULL);
	char text[300];

	if (!networks_absent(e) || spec_share(host, "NetworkMode", NULL) != SHARE_OWN || strcmp(mode, "none") == 0 ||
	    json_bool(json_get(merged, "Config"), "NetworkDisabled", false, NULL))
		return 0;
	snprintf(text, sizeof(text), "network %.128s is not available in this engine: the container gets loopback only",
		 mode);
	cJSON_AddItemToArray(warnings, cJSON_CreateString(text));
	return 0;
}

int container_create(struct engine *e, const cJSON *body, const char *name, const char *platform,
		     const struct call_ctx *ctx, cJSON *warnings, struct container **ret, struct err *err)
{
	const char *ref;
	struct image image;
	cJSON *merged = NULL, *full;
	int r;

	if (name && name[0] == '/')
		name++;
	if (name && !name[0])
		name = NULL;
	if (name && check_name(e, name, "", "", err) < 0)
		return -1;
	if (e->containers->n >= CONTAINERS_MAX)
		return err_set(err, 500, "too many containers: at most %u", CONTAINERS_MAX);
	ref = json_text(body, "Image", "", err);
	if (!ref || err->status)
		return -1;
	if (!ref[0])
		return err_set(err, 400, "no image given");
	if (image_find(e, ref, &image, err) < 0)
		return -1;
	full = daemon_config_apply(e->config, body);
	if (spec_platform(platform, ref, image.config, warnings, err) == 0)
		merged = spec_merge(full, image.config, warnings, err);
	cJSON_Delete(full);
	r = merged ? spec_offered(merged, e->limits, warnings, err) : -1;
	if (r == 0)
		r = links_take(e, merged, err);
	if (r == 0)
		r = warn_network(e, merged, warnings, err);
	if (r == 0)
		r = policy_check(e, merged, err);
	if (r == 0)
		r = create_merged(e, merged, name, &image, ctx, ret, err);
	cJSON_Delete(merged);
	image_finish(&image);
	if (r == 0)
		container_emit(*ret, "create", NULL, NULL);
	return r;
}

int container_rename(struct container *c, const char *name, struct err *err)
{
	char *copy, *old;

	if (name[0] == '/')
		name++;
	if (!name[0])
		return err_set(err, 400, "Neither old nor new names may be empty");
	if (strcmp(c->row.name, name) == 0)
		return err_set(err, 400, "Renaming a container with the same name as its current name");
	if (check_name(c->e, name, "Error when allocating new name: ", "/", err) < 0)
		return -1;
	copy = strdup(name);
	if (!copy)
		return err_set(err, 500, "out of memory");
	old = container_set_name(c, copy);
	if (container_store(c) < 0) {
		free(container_set_name(c, old));
		return err_set(err, 500, "name cannot be stored");
	}
	net_renamed(c);
	container_emit(c, "rename", "oldName", old);
	free(old);
	return 0;
}

/* --- remove ---------------------------------------------------------------------------------------------- */
static int end_run(struct container *c, bool force, const struct call_ctx *ctx, struct err *err)
{
	while (c->row.status == STATUS_STARTING || c->cleaning)
		container_watch(c, -1);
	if (!container_is_running(c))
		return 0;
	if (!force)
		return err_set(
			err, 409,
			c->row.status == STATUS_PAUSED
				? "cannot remove container \"/%s\": container is paused and must be unpaused first"
				: "cannot remove container \"/%s\": container is running: stop the container before "
				  "removing "
				  "or force remove",
			c->row.name);
	if (container_kill(c, 9, ctx, err) < 0 && container_is_running(c))
		return -1;
	while (c->cleaning)
		container_watch(c, -1);
	return container_is_running(c)
		       ? err_set(err, 500, "cannot remove container \"/%s\": could not kill: it does not end",
				 c->row.name)
		       : 0;
}

/* Cheap, and false for most. */
static bool has_anonymous(const struct container *c)
{
	return strstr(c->row.config, "\"AnonymousVolumes\":{\"");
}

int container_remove(struct container *c, bool force, bool volumes, const struct call_ctx *ctx, struct err *err)
{
	struct req_layer_remove req = { .what = LAYER_CONTAINER };
	struct call_ctx own = ctx ? *ctx : container_ctx(c);
	struct err failure = { 0 };
	int r;

	own.container = c->raw_id;
	if (end_run(c, force, &own, err) < 0)
		return -1;
	if (c->gone)
		return err_set(err, 404, "No such container: %s", c->row.id);
	if (container_apply(c, EVENT_REMOVE) < 0)
		return err_set(err, 409, "removal of container %s is already in progress", c->row.name);
	snprintf(req.name, sizeof(req.name), "%s", c->row.id);
	/* After a crash one that has run and removes itself is removed whatever its row says. */
	if (!c->row.auto_remove || !c->row.started_ns)
		container_store(c);
	r = helper_call(c->e, OP_LAYER_REMOVE, &req, NULL, &own, &failure);
	if (r < 0 && r != -ENOENT) {
		container_apply(c, EVENT_REMOVE_FAILED);
		container_store(c);
		return err_set(err, 500, "cannot remove container \"/%s\": %s", c->row.name, failure.message);
	}
	log_file_delete_archives(c);
	container_delete_files(c->e, c->row.id);
	forget(c);
	container_emit(c, "destroy", NULL, NULL);
	if (volumes && has_anonymous(c)) {
		cJSON *merged = container_config(c);

		remove_anonymous(c->e, merged, &own);
		cJSON_Delete(merged);
	}
	container_changed(c);
	container_fail_attachers(c);
	container_put(c); /* the list's; callers hold their own */
	return 0;
}
