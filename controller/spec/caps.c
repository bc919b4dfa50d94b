/* caps.c - names of capabilities, and which of them a container has. capabilities(7), linux/capability.h.
 *
 * A container's capabilities count inside its own user namespace only. CapAdd and CapDrop come from the client. */
#include <assert.h>
#include <ctype.h>
#include <linux/capability.h>
#include <string.h>
#include <strings.h>

#include "../../helpers/shared/caps.h"
#include "../../helpers/base/cleanup.h"
#include "internal.h"

static const char *const names[] = {
#define NAME(n) [CAP_##n] = "CAP_" #n,
	CAPABILITIES(NAME)
#undef NAME
};
static_assert(ARRAY_SIZE(names) == 41, "a capability without a name");

#define BIT(cap) (UINT64_C(1) << (cap))
#define ALL (BIT(ARRAY_SIZE(names)) - 1)

/* What Docker gives. */
static const uint64_t defaults = BIT(CAP_CHOWN) | BIT(CAP_DAC_OVERRIDE) | BIT(CAP_FSETID) | BIT(CAP_FOWNER) |
				 BIT(CAP_MKNOD) | BIT(CAP_NET_RAW) | BIT(CAP_SETGID) | BIT(CAP_SETUID) |
				 BIT(CAP_SETFCAP) | BIT(CAP_SETPCAP) | BIT(CAP_NET_BIND_SERVICE) | BIT(CAP_SYS_CHROOT) |
				 BIT(CAP_KILL) | BIT(CAP_AUDIT_WRITE);

int cap_by_name(const char *name)
{
	int cap = capability_number(name);

	return cap < 0 ? -1 : cap;
}

const char *cap_name(int cap)
{
	return cap >= 0 && (size_t)cap < ARRAY_SIZE(names) ? names[cap] : NULL;
}

/* Docker's words: in capitals and with the prefix, however it was given. */
static int unknown(const char *field, const char *name, struct err *err)
{
	char text[65];
	size_t n = 0;

	for (; n < sizeof(text) - 1 && name[n]; n++)
		text[n] = (char)toupper((unsigned char)name[n]);
	text[n] = '\0';
	return err_set(err, 400, "invalid %s: unknown capability: \"%s%s\"", field,
		       strncmp(text, "CAP_", 4) ? "CAP_" : "", text);
}

/* Capabilities that a list names; ALL is every one. */
static int parse(const cJSON *host, const char *field, uint64_t *ret, bool *ret_all, struct err *err)
{
	const cJSON *item;

	*ret = 0;
	*ret_all = false;
	cJSON_ArrayForEach(item, json_get(host, field)) {
		int cap;

		if (!strcasecmp(item->valuestring, "ALL") || !strcasecmp(item->valuestring, "CAP_ALL")) {
			*ret_all = true;
			continue;
		}
		cap = cap_by_name(item->valuestring);
		if (cap < 0)
			return unknown(field, item->valuestring, err);
		*ret |= BIT(cap);
	}
	return 0;
}

int spec_caps(const cJSON *merged, uint64_t caps_allowed, uint64_t *ret, struct err *err)
{
	const cJSON *host = json_get(merged, "HostConfig");
	uint64_t add, drop, caps, outside;
	bool add_all, drop_all;

	if (parse(host, "CapAdd", &add, &add_all, err) || parse(host, "CapDrop", &drop, &drop_all, err))
		return -1;
	if (get_bool(host, "Privileged")) {
		*ret = ALL & caps_allowed;
		return 0;
	}
	/* Docker's order: ALL among the added wins, then ALL among the dropped; an added one beats a dropped one. */
	if (add_all)
		caps = add = ALL & ~drop;
	else if (drop_all)
		caps = add;
	else
		caps = (defaults & ~drop) | add;
	/* What was asked for by name is refused rather than left out; a default one that policy withholds is just not
	 * there. */
	outside = add & ~caps_allowed;
	if (outside)
		return err_set(err, 403, "capability %s is not allowed by the policy of this engine",
			       names[__builtin_ctzll(outside)]);
	*ret = caps & caps_allowed;
	return 0;
}
