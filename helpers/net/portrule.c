/* portrule.c - see portrule.h. */
#include "portrule.h"

#include <string.h>

#include "inaddr.h"

bool port_allowed(const struct policy_port *rules, uint32_t n, uint32_t protocol, const uint8_t host[16], uint32_t port,
		  const char **ret_rule)
{
	static const uint8_t any[2][16] = { { 0 }, { [10] = 0xff, [11] = 0xff } };
	bool v4 = inaddr_is_v4(host), everywhere = memcmp(host, any[v4], 16) == 0;

	*ret_rule = "ports";
	for (uint32_t i = 0; i < n && i < POLICY_PORTS_MAX; i++) {
		const struct policy_subnet *s = &rules[i].address;

		if ((rules[i].protocol && rules[i].protocol != protocol) || port < rules[i].first ||
		    port > rules[i].last)
			continue;
		/* Every address takes a rule that is about every address of that version. */
		if (everywhere ? s->bits != (v4 ? 96 : 0) || inaddr_is_v4(s->address) != v4
			       : !policy_subnet_holds(s, host, 128))
			continue;
		*ret_rule = rules[i].rule;
		return true;
	}
	return false;
}
