/* merge.c - docker create: the client's body and the image's configuration become the container's. Both are hostile.
 *
 * The rules are Docker's: what the client says wins; environment, labels, ports and volumes are united; an entry point
 * of the client's drops the image's command. */
#include <string.h>

#include "../../helpers/base/cleanup.h"
#include "internal.h"

static void cleanup_json_p(cJSON **p)
{
	cJSON_Delete(*p);
}
#define _cleanup_json_ __attribute__((cleanup(cleanup_json_p)))

/* Takes a member of the image's configuration when the container's has none. */
static int take(cJSON *config, const cJSON *image, const char *name, struct err *err)
{
	const cJSON *v = json_get(image, name);

	return v ? json_put(config, name, cJSON_Duplicate(v, true), err) : 0;
}

/* Adds the members of an object that the container's has not. */
static int unite(cJSON *config, const cJSON *image, const char *name, struct err *err)
{
	const cJSON *from = json_get(image, name), *item;
	cJSON *to = cJSON_GetObjectItemCaseSensitive(config, name);

	if (!from || !from->child)
		return 0;
	if (!cJSON_IsObject(to))
		return take(config, image, name, err);
	cJSON_ArrayForEach(item, from)
		if (!cJSON_GetObjectItemCaseSensitive(to, item->string) &&
		    json_put(to, item->string, cJSON_Duplicate(item, true), err))
			return -1;
	return 0;
}

static size_t key_length(const char *env)
{
	return strcspn(env, "=");
}

static bool env_has(const cJSON *env, const char *entry)
{
	size_t n = key_length(entry);
	const cJSON *e;

	cJSON_ArrayForEach(e, env)
		if (key_length(e->valuestring) == n && !memcmp(e->valuestring, entry, n))
			return true;
	return false;
}

/* Entries of the image without a name are dropped: nobody could use them. */
static int merge_env(cJSON *config, const cJSON *image, struct err *err)
{
	cJSON *env = cJSON_GetObjectItemCaseSensitive(config, "Env"), *last;
	const cJSON *from = json_get(image, "Env"), *item;
	_cleanup_json_ cJSON *added = NULL;

	if (!from)
		return 0;
	if (!cJSON_IsArray(env)) {
		if (json_put(config, "Env", cJSON_CreateArray(), err))
			return -1;
		env = cJSON_GetObjectItemCaseSensitive(config, "Env");
	}
	added = cJSON_CreateArray();
	cJSON_ArrayForEach(item, from)
		if (key_length(item->valuestring) && !env_has(env, item->valuestring) &&
		    json_put(added, NULL, cJSON_CreateString(item->valuestring), err))
			return -1;
	while (added && (last = cJSON_DetachItemViaPointer(added, added->child)))
		if (json_put(env, NULL, last, err))
			return -1;
	return 0;
}

static int merge_command(cJSON *config, const cJSON *image, struct err *err)
{
	const cJSON *entrypoint;

	if (!get_size(config, "Entrypoint")) {
		if (!get_size(config, "Cmd") &&
		    (take(config, image, "Cmd", err) || take(config, image, "ArgsEscaped", err)))
			return -1;
		if (!json_get(config, "Entrypoint") && take(config, image, "Entrypoint", err))
			return -1;
	}
	/* [""] is how a client asks for none at all (docker run --entrypoint ""). */
	entrypoint = json_get(config, "Entrypoint");
	if (cJSON_GetArraySize(entrypoint) == 1 && !entrypoint->child->valuestring[0] &&
	    json_put(config, "Entrypoint", cJSON_CreateNull(), err))
		return -1;
	return 0;
}

static int merge_healthcheck(cJSON *config, const cJSON *image, struct err *err)
{
	const cJSON *from = json_get(image, "Healthcheck"), *item;
	cJSON *to = cJSON_GetObjectItemCaseSensitive(config, "Healthcheck");

	if (!from || !to)
		return to ? 0 : take(config, image, "Healthcheck", err);
	cJSON_ArrayForEach(item, from)
		if (!cJSON_GetObjectItemCaseSensitive(to, item->string) &&
		    json_put(to, item->string, cJSON_Duplicate(item, true), err))
			return -1;
	return 0;
}

static int merge_image(cJSON *config, const cJSON *image, struct err *err)
{
	static const char *const texts[] = { "User", "WorkingDir", "StopSignal" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(texts); i++)
		if (!get_text(config, texts[i])[0] && take(config, image, texts[i], err))
			return -1;
	if (!json_get(config, "StopTimeout") && take(config, image, "StopTimeout", err))
		return -1;
	if (unite(config, image, "ExposedPorts", err) || unite(config, image, "Labels", err) ||
	    unite(config, image, "Volumes", err))
		return -1;
	if (merge_env(config, image, err) || merge_command(config, image, err) ||
	    merge_healthcheck(config, image, err) || take(config, image, "OnBuild", err) ||
	    take(config, image, "Shell", err))
		return -1;
	return 0;
}

/* The "config" member of an image configuration, regular; an empty one when there is no image. */
static cJSON *image_part(const cJSON *image_config, struct err *err)
{
	const cJSON *inner = json_get(image_config, "config");

	return fields_copy(cJSON_IsObject(inner) ? inner : image_config, config_fields, "ImageConfig", err);
}

cJSON *spec_merge(const cJSON *body, const cJSON *image_config, cJSON *warnings, struct err *err)
{
	_cleanup_json_ cJSON *config = NULL, *host = NULL, *image = NULL, *merged = NULL;
	struct spec_mounts mounts = { 0 };
	const cJSON *networking = json_get(body, "NetworkingConfig"), *host_given = json_get(body, "HostConfig");
	cJSON *network;
	uint64_t caps;
	int r;

	if (!cJSON_IsObject(body)) {
		err_set(err, 400, "config cannot be empty in order to create a container");
		return NULL;
	}
	if ((host_given && !cJSON_IsObject(host_given)) || (networking && !cJSON_IsObject(networking))) {
		err_set(err, 400,
			"json: cannot unmarshal %s into Go struct field CreateRequest.HostConfig of type object",
			cJSON_IsArray(host_given ? host_given : networking) ? "array" : "value");
		return NULL;
	}
	config = fields_copy(body, config_fields, "CreateRequest", err);
	host = config ? fields_copy(host_given, host_fields, "HostConfig", err) : NULL;
	image = host ? image_part(image_config, err) : NULL;
	if (!image || check_config(config, err) || merge_image(config, image, err))
		return NULL;
	if (!get_size(config, "Entrypoint") && !get_size(config, "Cmd")) {
		err_set(err, 400, "No command specified");
		return NULL;
	}
	/* Again: what has come from the image is held to the same rules. */
	if (check_config(config, err) || check_hostconfig(host, config, warnings, err))
		return NULL;

	merged = cJSON_CreateObject();
	network = networking_copy(networking, err);
	if (json_put(merged, "Config", TAKE_PTR(config), err) || json_put(merged, "HostConfig", TAKE_PTR(host), err) ||
	    json_put(merged, "NetworkingConfig", network, err))
		return NULL;
	/* Checked by doing it: both are derived again when the container starts. */
	if (spec_caps(merged, UINT64_MAX, &caps, err) || spec_mounts(merged, &mounts, err))
		return NULL;
	r = mounts_warn(&mounts, warnings, err);
	spec_mounts_finish(&mounts);
	return r ? NULL : TAKE_PTR(merged);
}
