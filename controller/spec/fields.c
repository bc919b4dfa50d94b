/* fields.c - the structures of Docker's API that create takes and inspect shows, as tables, and a typed copy by them.
 *
 * The copy is what makes client input and image configuration (both hostile) regular: known members only, in Docker's
 * spelling and order, each of its type, defaults in place. Everything behind it works on such copies. */
#include <math.h>
#include <string.h>

#include "../../helpers/base/cleanup.h"
#include "internal.h"

static const struct field log_config[] = {
	{ "Type", SHAPE_TEXT, ABSENT_ZERO, NULL },
	{ "Config", SHAPE_MAP, ABSENT_EMPTY, NULL },
	{ 0 },
};

static const struct field restart_policy[] = {
	{ "Name", SHAPE_TEXT, ABSENT_ZERO, NULL },
	{ "MaximumRetryCount", SHAPE_INT, ABSENT_ZERO, NULL },
	{ 0 },
};

static const struct field port_binding[] = {
	{ "HostIp", SHAPE_TEXT, ABSENT_ZERO, NULL },
	{ "HostPort", SHAPE_TEXT, ABSENT_ZERO, NULL },
	{ 0 },
};

static const struct field device[] = {
	{ "PathOnHost", SHAPE_TEXT, ABSENT_ZERO, NULL },
	{ "PathInContainer", SHAPE_TEXT, ABSENT_ZERO, NULL },
	{ "CgroupPermissions", SHAPE_TEXT, ABSENT_ZERO, NULL },
	{ 0 },
};

static const struct field device_request[] = {
	{ "Driver", SHAPE_TEXT, ABSENT_ZERO, NULL },	 { "Count", SHAPE_INT, ABSENT_ZERO, NULL },
	{ "DeviceIDs", SHAPE_TEXTS, ABSENT_NULL, NULL }, { "Capabilities", SHAPE_ANY, ABSENT_NULL, NULL },
	{ "Options", SHAPE_MAP, ABSENT_EMPTY, NULL },	 { 0 },
};

static const struct field ulimit[] = {
	{ "Name", SHAPE_TEXT, ABSENT_ZERO, NULL },
	{ "Hard", SHAPE_INT, ABSENT_ZERO, NULL },
	{ "Soft", SHAPE_INT, ABSENT_ZERO, NULL },
	{ 0 },
};

static const struct field weight_device[] = {
	{ "Path", SHAPE_TEXT, ABSENT_ZERO, NULL },
	{ "Weight", SHAPE_INT, ABSENT_ZERO, NULL },
	{ 0 },
};

static const struct field throttle_device[] = {
	{ "Path", SHAPE_TEXT, ABSENT_ZERO, NULL },
	{ "Rate", SHAPE_INT, ABSENT_ZERO, NULL },
	{ 0 },
};

static const struct field bind_options[] = {
	{ "Propagation", SHAPE_TEXT, ABSENT_OMIT, NULL },
	{ "NonRecursive", SHAPE_BOOL, ABSENT_OMIT, NULL },
	{ "CreateMountpoint", SHAPE_BOOL, ABSENT_OMIT, NULL },
	{ "ReadOnlyNonRecursive", SHAPE_BOOL, ABSENT_OMIT, NULL },
	{ "ReadOnlyForceRecursive", SHAPE_BOOL, ABSENT_OMIT, NULL },
	{ 0 },
};

static const struct field volume_driver[] = {
	{ "Name", SHAPE_TEXT, ABSENT_OMIT, NULL },
	{ "Options", SHAPE_MAP, ABSENT_OMIT, NULL },
	{ 0 },
};

static const struct field volume_options[] = {
	{ "NoCopy", SHAPE_BOOL, ABSENT_OMIT, NULL },
	{ "Labels", SHAPE_MAP, ABSENT_OMIT, NULL },
	{ "Subpath", SHAPE_TEXT, ABSENT_OMIT, NULL },
	{ "DriverConfig", SHAPE_STRUCT, ABSENT_NOTHING, volume_driver },
	{ 0 },
};

static const struct field tmpfs_options[] = {
	{ "SizeBytes", SHAPE_INT, ABSENT_OMIT, NULL },
	{ "Mode", SHAPE_INT, ABSENT_OMIT, NULL },
	{ "Options", SHAPE_ANY, ABSENT_OMIT, NULL },
	{ 0 },
};

static const struct field image_options[] = {
	{ "Subpath", SHAPE_TEXT, ABSENT_OMIT, NULL },
	{ 0 },
};

static const struct field mount[] = {
	{ "Type", SHAPE_TEXT, ABSENT_OMIT, NULL },
	{ "Source", SHAPE_TEXT, ABSENT_OMIT, NULL },
	{ "Target", SHAPE_TEXT, ABSENT_OMIT, NULL },
	{ "ReadOnly", SHAPE_BOOL, ABSENT_OMIT, NULL },
	{ "Consistency", SHAPE_TEXT, ABSENT_OMIT, NULL },
	{ "BindOptions", SHAPE_STRUCT, ABSENT_NOTHING, bind_options },
	{ "VolumeOptions", SHAPE_STRUCT, ABSENT_NOTHING, volume_options },
	{ "ImageOptions", SHAPE_STRUCT, ABSENT_NOTHING, image_options },
	{ "TmpfsOptions", SHAPE_STRUCT, ABSENT_NOTHING, tmpfs_options },
	{ 0 },
};

static const struct field healthcheck[] = {
	{ "Test", SHAPE_TEXTS, ABSENT_OMIT, NULL },
	{ "Interval", SHAPE_INT, ABSENT_OMIT, NULL },
	{ "Timeout", SHAPE_INT, ABSENT_OMIT, NULL },
	{ "StartPeriod", SHAPE_INT, ABSENT_OMIT, NULL },
	{ "StartInterval", SHAPE_INT, ABSENT_OMIT, NULL },
	{ "Retries", SHAPE_INT, ABSENT_OMIT, NULL },
	{ 0 },
};

const struct field config_fields[] = {
	{ "Hostname", SHAPE_TEXT, ABSENT_ZERO, NULL },
	{ "Domainname", SHAPE_TEXT, ABSENT_ZERO, NULL },
	{ "User", SHAPE_TEXT, ABSENT_ZERO, NULL },
	{ "AttachStdin", SHAPE_BOOL, ABSENT_ZERO, NULL },
	{ "AttachStdout", SHAPE_BOOL, ABSENT_ZERO, NULL },
	{ "AttachStderr", SHAPE_BOOL, ABSENT_ZERO, NULL },
	{ "ExposedPorts", SHAPE_SET, ABSENT_OMIT, NULL },
	{ "Tty", SHAPE_BOOL, ABSENT_ZERO, NULL },
	{ "OpenStdin", SHAPE_BOOL, ABSENT_ZERO, NULL },
	{ "StdinOnce", SHAPE_BOOL, ABSENT_ZERO, NULL },
	{ "Env", SHAPE_TEXTS, ABSENT_NULL, NULL },
	{ "Cmd", SHAPE_SLICE, ABSENT_NULL, NULL },
	{ "Healthcheck", SHAPE_STRUCT, ABSENT_NOTHING, healthcheck },
	{ "ArgsEscaped", SHAPE_BOOL, ABSENT_OMIT, NULL },
	{ "Image", SHAPE_TEXT, ABSENT_ZERO, NULL },
	{ "Volumes", SHAPE_SET, ABSENT_NULL, NULL },
	{ "WorkingDir", SHAPE_TEXT, ABSENT_ZERO, NULL },
	{ "Entrypoint", SHAPE_SLICE, ABSENT_NULL, NULL },
	{ "NetworkDisabled", SHAPE_BOOL, ABSENT_OMIT, NULL },
	{ "MacAddress", SHAPE_TEXT, ABSENT_OMIT, NULL },
	{ "OnBuild", SHAPE_TEXTS, ABSENT_NULL, NULL },
	{ "Labels", SHAPE_MAP, ABSENT_EMPTY, NULL },
	{ "StopSignal", SHAPE_TEXT, ABSENT_OMIT, NULL },
	{ "StopTimeout", SHAPE_INT, ABSENT_NOTHING, NULL },
	{ "Shell", SHAPE_SLICE, ABSENT_OMIT, NULL },
	{ 0 },
};

const struct field host_fields[] = {
	{ "Binds", SHAPE_TEXTS, ABSENT_NULL, NULL },
	{ "ContainerIDFile", SHAPE_TEXT, ABSENT_ZERO, NULL },
	{ "LogConfig", SHAPE_STRUCT, ABSENT_ZERO, log_config },
	{ "NetworkMode", SHAPE_TEXT, ABSENT_ZERO, NULL },
	{ "PortBindings", SHAPE_PORTS, ABSENT_EMPTY, port_binding },
	{ "RestartPolicy", SHAPE_STRUCT, ABSENT_ZERO, restart_policy },
	{ "AutoRemove", SHAPE_BOOL, ABSENT_ZERO, NULL },
	{ "VolumeDriver", SHAPE_TEXT, ABSENT_ZERO, NULL },
	{ "VolumesFrom", SHAPE_TEXTS, ABSENT_NULL, NULL },
	{ "ConsoleSize", SHAPE_INTS, ABSENT_NULL, NULL },
	{ "Annotations", SHAPE_MAP, ABSENT_OMIT, NULL },
	{ "CapAdd", SHAPE_SLICE, ABSENT_NULL, NULL },
	{ "CapDrop", SHAPE_SLICE, ABSENT_NULL, NULL },
	{ "CgroupnsMode", SHAPE_TEXT, ABSENT_ZERO, NULL },
	{ "Dns", SHAPE_TEXTS, ABSENT_EMPTY, NULL },
	{ "DnsOptions", SHAPE_TEXTS, ABSENT_EMPTY, NULL },
	{ "DnsSearch", SHAPE_TEXTS, ABSENT_EMPTY, NULL },
	{ "ExtraHosts", SHAPE_TEXTS, ABSENT_NULL, NULL },
	{ "GroupAdd", SHAPE_TEXTS, ABSENT_NULL, NULL },
	{ "IpcMode", SHAPE_TEXT, ABSENT_ZERO, NULL },
	{ "Cgroup", SHAPE_TEXT, ABSENT_ZERO, NULL },
	{ "Links", SHAPE_TEXTS, ABSENT_NULL, NULL },
	{ "OomScoreAdj", SHAPE_INT, ABSENT_ZERO, NULL },
	{ "PidMode", SHAPE_TEXT, ABSENT_ZERO, NULL },
	{ "Privileged", SHAPE_BOOL, ABSENT_ZERO, NULL },
	{ "PublishAllPorts", SHAPE_BOOL, ABSENT_ZERO, NULL },
	{ "ReadonlyRootfs", SHAPE_BOOL, ABSENT_ZERO, NULL },
	{ "SecurityOpt", SHAPE_TEXTS, ABSENT_NULL, NULL },
	{ "StorageOpt", SHAPE_MAP, ABSENT_OMIT, NULL },
	{ "Tmpfs", SHAPE_MAP, ABSENT_OMIT, NULL },
	{ "UTSMode", SHAPE_TEXT, ABSENT_ZERO, NULL },
	{ "UsernsMode", SHAPE_TEXT, ABSENT_ZERO, NULL },
	{ "ShmSize", SHAPE_INT, ABSENT_ZERO, NULL },
	{ "Sysctls", SHAPE_MAP, ABSENT_OMIT, NULL },
	{ "Runtime", SHAPE_TEXT, ABSENT_ZERO, NULL },
	{ "Isolation", SHAPE_TEXT, ABSENT_ZERO, NULL },
	{ "CpuShares", SHAPE_INT, ABSENT_ZERO, NULL },
	{ "Memory", SHAPE_INT, ABSENT_ZERO, NULL },
	{ "NanoCpus", SHAPE_INT, ABSENT_ZERO, NULL },
	{ "CgroupParent", SHAPE_TEXT, ABSENT_ZERO, NULL },
	{ "BlkioWeight", SHAPE_INT, ABSENT_ZERO, NULL },
	{ "BlkioWeightDevice", SHAPE_STRUCTS, ABSENT_EMPTY, weight_device },
	{ "BlkioDeviceReadBps", SHAPE_STRUCTS, ABSENT_EMPTY, throttle_device },
	{ "BlkioDeviceWriteBps", SHAPE_STRUCTS, ABSENT_EMPTY, throttle_device },
	{ "BlkioDeviceReadIOps", SHAPE_STRUCTS, ABSENT_EMPTY, throttle_device },
	{ "BlkioDeviceWriteIOps", SHAPE_STRUCTS, ABSENT_EMPTY, throttle_device },
	{ "CpuPeriod", SHAPE_INT, ABSENT_ZERO, NULL },
	{ "CpuQuota", SHAPE_INT, ABSENT_ZERO, NULL },
	{ "CpuRealtimePeriod", SHAPE_INT, ABSENT_ZERO, NULL },
	{ "CpuRealtimeRuntime", SHAPE_INT, ABSENT_ZERO, NULL },
	{ "CpusetCpus", SHAPE_TEXT, ABSENT_ZERO, NULL },
	{ "CpusetMems", SHAPE_TEXT, ABSENT_ZERO, NULL },
	{ "Devices", SHAPE_STRUCTS, ABSENT_EMPTY, device },
	{ "DeviceCgroupRules", SHAPE_TEXTS, ABSENT_NULL, NULL },
	{ "DeviceRequests", SHAPE_STRUCTS, ABSENT_NULL, device_request },
	{ "KernelMemory", SHAPE_INT, ABSENT_OMIT, NULL },
	{ "KernelMemoryTCP", SHAPE_INT, ABSENT_OMIT, NULL },
	{ "MemoryReservation", SHAPE_INT, ABSENT_ZERO, NULL },
	{ "MemorySwap", SHAPE_INT, ABSENT_ZERO, NULL },
	{ "MemorySwappiness", SHAPE_INT, ABSENT_NULL, NULL },
	{ "OomKillDisable", SHAPE_BOOL, ABSENT_NULL, NULL },
	{ "PidsLimit", SHAPE_INT, ABSENT_NULL, NULL },
	{ "Ulimits", SHAPE_STRUCTS, ABSENT_EMPTY, ulimit },
	{ "CpuCount", SHAPE_INT, ABSENT_ZERO, NULL },
	{ "CpuPercent", SHAPE_INT, ABSENT_ZERO, NULL },
	{ "IOMaximumIOps", SHAPE_INT, ABSENT_ZERO, NULL },
	{ "IOMaximumBandwidth", SHAPE_INT, ABSENT_ZERO, NULL },
	{ "Mounts", SHAPE_STRUCTS, ABSENT_OMIT, mount },
	{ "MaskedPaths", SHAPE_TEXTS, ABSENT_NULL, NULL },
	{ "ReadonlyPaths", SHAPE_TEXTS, ABSENT_NULL, NULL },
	{ "Init", SHAPE_BOOL, ABSENT_NOTHING, NULL },
	{ 0 },
};

const char *json_kind(const cJSON *v)
{
	if (cJSON_IsString(v))
		return "string";
	if (cJSON_IsNumber(v))
		return "number";
	if (cJSON_IsBool(v))
		return "bool";
	return cJSON_IsArray(v) ? "array" : "object";
}

static cJSON *mismatch(const cJSON *v, const char *what, const char *name, const char *type, struct err *err)
{
	err_set(err, 400, "json: cannot unmarshal %s into Go struct field %s.%s of type %s", json_kind(v), what, name,
		type);
	return NULL;
}

static cJSON *copy_elements(const cJSON *v, const struct field *f, enum shape shape, const char *what, struct err *err);

static bool is_whole(const cJSON *v)
{
	return cJSON_IsNumber(v) && isfinite(v->valuedouble) && trunc(v->valuedouble) == v->valuedouble &&
	       v->valuedouble >= -9223372036854775808.0 && v->valuedouble < 9223372036854775808.0;
}

/* Fresh copy of one value that is there. */
static cJSON *copy_value(const cJSON *v, const struct field *f, enum shape shape, const char *what, struct err *err)
{
	switch (shape) {
	case SHAPE_TEXT:
		return cJSON_IsString(v) ? cJSON_CreateString(v->valuestring)
					 : mismatch(v, what, f->name, "string", err);
	case SHAPE_BOOL:
		return cJSON_IsBool(v) ? cJSON_CreateBool(cJSON_IsTrue(v)) : mismatch(v, what, f->name, "bool", err);
	case SHAPE_INT:
		return is_whole(v) ? cJSON_CreateNumber(v->valuedouble) : mismatch(v, what, f->name, "int64", err);
	case SHAPE_STRUCT:
		return cJSON_IsObject(v) ? fields_copy(v, f->sub, what, err)
					 : mismatch(v, what, f->name, "object", err);
	case SHAPE_EMPTY:
		return cJSON_IsObject(v) ? cJSON_CreateObject() : mismatch(v, what, f->name, "struct {}", err);
	case SHAPE_ANY:
		return cJSON_Duplicate(v, /* recurse= */ true);
	default:
		return copy_elements(v, f, shape, what, err);
	}
}

static enum shape element_shape(enum shape shape)
{
	switch (shape) {
	case SHAPE_INTS:
		return SHAPE_INT;
	case SHAPE_STRUCTS:
		return SHAPE_STRUCT;
	case SHAPE_PORTS:
		return SHAPE_STRUCTS;
	case SHAPE_SET:
		return SHAPE_EMPTY;
	default:
		return SHAPE_TEXT;
	}
}

/* What stands for a null among the elements: Go's zero value of the type. */
static cJSON *zero_element(const struct field *f, enum shape shape, const char *what, struct err *err)
{
	switch (shape) {
	case SHAPE_STRUCT:
		return fields_copy(NULL, f->sub, what, err);
	case SHAPE_STRUCTS:
		return cJSON_CreateNull();
	case SHAPE_EMPTY:
		return cJSON_CreateObject();
	case SHAPE_INT:
		return cJSON_CreateNumber(0);
	default:
		return cJSON_CreateString("");
	}
}

static cJSON *copy_elements(const cJSON *v, const struct field *f, enum shape shape, const char *what, struct err *err)
{
	bool object = shape == SHAPE_MAP || shape == SHAPE_SET || shape == SHAPE_PORTS;
	cJSON *copy, *item;
	const cJSON *e;

	if (shape == SHAPE_SLICE && cJSON_IsString(v)) {
		copy = cJSON_CreateArray();
		return json_put(copy, NULL, cJSON_CreateString(v->valuestring), err) ? (cJSON_Delete(copy), NULL)
										     : copy;
	}
	if (object ? !cJSON_IsObject(v) : !cJSON_IsArray(v))
		return mismatch(v, what, f->name, object ? "map" : "[]string", err);
	if (cJSON_GetArraySize(v) > SPEC_ELEMENTS_MAX) {
		err_set(err, 400, "invalid %s: more than %d elements", f->name, SPEC_ELEMENTS_MAX);
		return NULL;
	}
	copy = object ? cJSON_CreateObject() : cJSON_CreateArray();
	cJSON_ArrayForEach(e, v) {
		if (cJSON_IsNull(e))
			item = zero_element(f, element_shape(shape), what, err);
		else
			item = copy_value(e, f, element_shape(shape), what, err);
		/* json_put would look for the name first, and json_parse has seen that each is there once. */
		if (!item ||
		    !(object ? cJSON_AddItemToObject(copy, e->string, item) : cJSON_AddItemToArray(copy, item))) {
			err_set(err, 500, "out of memory");
			cJSON_Delete(item);
			cJSON_Delete(copy);
			return NULL;
		}
	}
	return copy;
}

static cJSON *default_value(const struct field *f, const char *what, struct err *err)
{
	if (f->absent == ABSENT_NULL)
		return cJSON_CreateNull();
	switch (f->shape) {
	case SHAPE_TEXT:
		return cJSON_CreateString("");
	case SHAPE_BOOL:
		return cJSON_CreateFalse();
	case SHAPE_INT:
		return cJSON_CreateNumber(0);
	case SHAPE_STRUCT:
		return fields_copy(NULL, f->sub, what, err);
	case SHAPE_MAP:
	case SHAPE_SET:
	case SHAPE_PORTS:
		return cJSON_CreateObject();
	default:
		return cJSON_CreateArray();
	}
}

static bool is_zero(const cJSON *v)
{
	return cJSON_IsFalse(v) || (cJSON_IsNumber(v) && v->valuedouble == 0) ||
	       (cJSON_IsString(v) && !v->valuestring[0]) || ((cJSON_IsArray(v) || cJSON_IsObject(v)) && !v->child);
}

cJSON *fields_copy(const cJSON *from, const struct field *table, const char *what, struct err *err)
{
	cJSON *to = cJSON_CreateObject();
	const struct field *f;

	for (f = table; f->name; f++) {
		const cJSON *v = json_get(from, f->name);
		cJSON *copy;

		if (!v && f->absent >= ABSENT_OMIT)
			continue;
		copy = v ? copy_value(v, f, f->shape, what, err) : default_value(f, what, err);
		if (copy && f->absent == ABSENT_OMIT && is_zero(copy)) {
			cJSON_Delete(copy);
			continue;
		}
		/* Tables have each name once, and for good: nothing is looked for or copied. */
		if (!copy || !cJSON_AddItemToObjectCS(to, f->name, copy)) {
			err_set(err, 500, "out of memory"); /* unless it says already what is wrong */
			cJSON_Delete(copy);
			cJSON_Delete(to);
			return NULL;
		}
	}
	return to;
}

int json_put(cJSON *o, const char *name, cJSON *item, struct err *err)
{
	bool done;

	if (!o || !item)
		goto no_memory; /* or err is set already: the first one stays */
	if (!name)
		done = cJSON_AddItemToArray(o, item);
	else if (cJSON_GetObjectItemCaseSensitive(o, name))
		done = cJSON_ReplaceItemInObjectCaseSensitive(o, name, item);
	else
		done = cJSON_AddItemToObject(o, name, item);
	if (done)
		return 0;
no_memory:
	cJSON_Delete(item);
	return err_set(err, 500, "out of memory");
}

int json_put_text(cJSON *o, const char *name, const char *text, struct err *err)
{
	return json_put(o, name, cJSON_CreateString(text), err);
}

int json_put_int(cJSON *o, const char *name, int64_t n, struct err *err)
{
	return json_put(o, name, cJSON_CreateNumber((double)n), err);
}

int json_warn_text(cJSON *warnings, const char *text, struct err *err)
{
	return warnings ? json_put(warnings, NULL, cJSON_CreateString(text), err) : 0;
}

const char *get_text(const cJSON *o, const char *name)
{
	const cJSON *v = json_get(o, name);

	return cJSON_IsString(v) ? v->valuestring : "";
}

int64_t get_int(const cJSON *o, const char *name)
{
	const cJSON *v = json_get(o, name);

	return is_whole(v) ? (int64_t)v->valuedouble : 0;
}

bool get_bool(const cJSON *o, const char *name)
{
	return cJSON_IsTrue(json_get(o, name));
}

int get_size(const cJSON *o, const char *name)
{
	return cJSON_GetArraySize(json_get(o, name));
}
