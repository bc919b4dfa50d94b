/* network_fields.c - what clients say of networks, as tables (fields.c): the body of /networks/create, and the settings
 * of a container in a network (/containers/create, /networks/{id}/connect).
 *
 * Both are hostile, are kept in rows and shown again by inspect: clients in typed languages cannot read a list of
 * networks of which one has a text for a map. */
#include "internal.h"

static const struct field ipam_entry[] = {
	{ "Subnet", SHAPE_TEXT, ABSENT_OMIT, NULL },
	{ "IPRange", SHAPE_TEXT, ABSENT_OMIT, NULL },
	{ "Gateway", SHAPE_TEXT, ABSENT_OMIT, NULL },
	{ "AuxiliaryAddresses", SHAPE_MAP, ABSENT_OMIT, NULL },
	{ 0 },
};

static const struct field ipam[] = {
	{ "Driver", SHAPE_TEXT, ABSENT_ZERO, NULL },
	{ "Options", SHAPE_MAP, ABSENT_NULL, NULL },
	{ "Config", SHAPE_STRUCTS, ABSENT_EMPTY, ipam_entry },
	{ 0 },
};

static const struct field config_from[] = {
	{ "Network", SHAPE_TEXT, ABSENT_ZERO, NULL },
	{ 0 },
};

static const struct field network_fields[] = {
	{ "Name", SHAPE_TEXT, ABSENT_ZERO, NULL },
	{ "CheckDuplicate", SHAPE_BOOL, ABSENT_OMIT, NULL },
	{ "Driver", SHAPE_TEXT, ABSENT_ZERO, NULL },
	{ "Scope", SHAPE_TEXT, ABSENT_ZERO, NULL },
	{ "EnableIPv6", SHAPE_BOOL, ABSENT_ZERO, NULL },
	{ "IPAM", SHAPE_STRUCT, ABSENT_ZERO, ipam },
	{ "Internal", SHAPE_BOOL, ABSENT_ZERO, NULL },
	{ "Attachable", SHAPE_BOOL, ABSENT_ZERO, NULL },
	{ "Ingress", SHAPE_BOOL, ABSENT_ZERO, NULL },
	{ "ConfigOnly", SHAPE_BOOL, ABSENT_ZERO, NULL },
	{ "ConfigFrom", SHAPE_STRUCT, ABSENT_ZERO, config_from },
	{ "Options", SHAPE_MAP, ABSENT_EMPTY, NULL },
	{ "Labels", SHAPE_MAP, ABSENT_EMPTY, NULL },
	{ 0 },
};

static const struct field endpoint_ipam[] = {
	{ "IPv4Address", SHAPE_TEXT, ABSENT_OMIT, NULL },
	{ "IPv6Address", SHAPE_TEXT, ABSENT_OMIT, NULL },
	{ "LinkLocalIPs", SHAPE_TEXTS, ABSENT_OMIT, NULL },
	{ 0 },
};

static const struct field endpoint_fields[] = {
	{ "IPAMConfig", SHAPE_STRUCT, ABSENT_NOTHING, endpoint_ipam },
	{ "Links", SHAPE_TEXTS, ABSENT_NOTHING, NULL },
	{ "Aliases", SHAPE_TEXTS, ABSENT_NOTHING, NULL },
	{ "MacAddress", SHAPE_TEXT, ABSENT_OMIT, NULL },
	{ "DriverOpts", SHAPE_MAP, ABSENT_NOTHING, NULL },
	{ 0 },
};

cJSON *spec_network(const cJSON *body, struct err *err)
{
	if (cJSON_IsObject(body))
		return fields_copy(body, network_fields, "NetworkCreateRequest", err);
	err_set(err, 400, "json: cannot unmarshal %s into Go value of type NetworkCreateRequest", json_kind(body));
	return NULL;
}

cJSON *spec_endpoint(const cJSON *settings, struct err *err)
{
	if (!settings || cJSON_IsNull(settings) || cJSON_IsObject(settings))
		return fields_copy(settings, endpoint_fields, "EndpointSettings", err);
	err_set(err, 400, "json: cannot unmarshal %s into Go value of type EndpointSettings", json_kind(settings));
	return NULL;
}

cJSON *networking_copy(const cJSON *networking, struct err *err)
{
	const cJSON *given = json_get(networking, "EndpointsConfig"), *settings;
	cJSON *copy = cJSON_CreateObject(), *all = given ? cJSON_AddObjectToObject(copy, "EndpointsConfig") : NULL;
	struct err ours = { 0 };

	if (!err)
		err = &ours;
	if (given && !cJSON_IsObject(given))
		err_set(err, 400,
			"json: cannot unmarshal %s into Go struct field NetworkingConfig.EndpointsConfig of type "
			"map[string]EndpointSettings",
			json_kind(given));
	cJSON_ArrayForEach(settings, given) {
		cJSON *one = err->status ? NULL : spec_endpoint(settings, err);

		if (!one || !cJSON_AddItemToObject(all, settings->string, one)) {
			cJSON_Delete(one);
			err_set(err, 500, "out of memory"); /* unless it says already what is wrong */
		}
	}
	if (!err->status)
		return copy;
	cJSON_Delete(copy);
	return NULL;
}
