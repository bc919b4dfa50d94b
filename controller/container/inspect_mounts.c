/* inspect_mounts.c - what a container has mounted, as inspect and lists show it: Docker's MountPoint; events of
 * volumes. */
#include <stdio.h>
#include <string.h>

#include "../volume/volume.h"
#include "events.h"
#include "internal.h"

/* Where volumes and images are is a name, not a way in: the store's parent is closed. */
static const char *source_text(struct engine *e, const struct spec_mount *m, char *path, size_t size)
{
	switch (m->type) {
	case SPEC_VOLUME:
		volume_mountpoint(e, m->source, path, size);
		return path;
	case SPEC_BIND:
		return m->source;
	default:
		return "";
	}
}

static cJSON *mount_json(struct engine *e, const struct spec_mount *m)
{
	static const char *const types[] = {
		[SPEC_BIND] = "bind", [SPEC_VOLUME] = "volume", [SPEC_TMPFS] = "tmpfs", [SPEC_IMAGE] = "image",
	};
	char path[4096 + NAME_MAX_LEN];
	cJSON *o = cJSON_CreateObject();

	cJSON_AddStringToObject(o, "Type", types[m->type]);
	if (m->type == SPEC_VOLUME || m->type == SPEC_IMAGE)
		cJSON_AddStringToObject(o, "Name", m->source);
	cJSON_AddStringToObject(o, "Source", source_text(e, m, path, sizeof(path)));
	cJSON_AddStringToObject(o, "Destination", m->target);
	if (m->type == SPEC_VOLUME)
		cJSON_AddStringToObject(o, "Driver", "local");
	cJSON_AddStringToObject(o, "Mode", m->mode ? m->mode : "");
	cJSON_AddBoolToObject(o, "RW", !m->readonly);
	cJSON_AddStringToObject(o, "Propagation", m->propagation ? m->propagation : "");
	return o;
}

/* A tmpfs of --tmpfs is none of them, one of --mount is. */
static bool is_shown(const struct spec_mount *m)
{
	return m->type != SPEC_DEVICE && (m->type != SPEC_TMPFS || m->typed);
}

cJSON *container_mounts_json(struct engine *e, const cJSON *merged)
{
	cJSON *array = cJSON_CreateArray();
	struct spec_mounts mounts = { 0 };

	if (container_mounts(merged, &mounts, NULL) >= 0)
		for (size_t i = 0; i < mounts.n; i++)
			if (is_shown(&mounts.v[i]))
				cJSON_AddItemToArray(array, mount_json(e, &mounts.v[i]));
	spec_mounts_finish(&mounts);
	return array;
}

void container_tell_volumes(struct container *c, bool mounted)
{
	struct spec_mounts mounts = { 0 };
	cJSON *merged;

	if (!c->volumes)
		return;
	merged = container_config(c);
	if (container_mounts(merged, &mounts, NULL) < 0)
		mounts.n = 0;
	for (size_t i = 0; i < mounts.n; i++) {
		const struct spec_mount *m = &mounts.v[i];
		cJSON *attributes;

		if (m->type != SPEC_VOLUME)
			continue;
		attributes = cJSON_CreateObject();
		cJSON_AddStringToObject(attributes, "container", c->row.id);
		if (mounted)
			cJSON_AddStringToObject(attributes, "destination", m->target);
		cJSON_AddStringToObject(attributes, "driver", "local");
		if (mounted) {
			cJSON_AddStringToObject(attributes, "propagation", m->propagation ? m->propagation : "");
			cJSON_AddStringToObject(attributes, "read/write", m->readonly ? "false" : "true");
		}
		events_emit(c->e, "volume", mounted ? "mount" : "unmount", m->source, attributes);
		cJSON_Delete(attributes);
	}
	spec_mounts_finish(&mounts);
	cJSON_Delete(merged);
}
