/* portrule.h - policy about ports of the host's, for the programs that publish them. */
#ifndef POSTERN_NET_PORTRULE_H
#define POSTERN_NET_PORTRULE_H

#include <stdbool.h>
#include <stdint.h>

#include "../base/policy.h"

/* May that port of that address of the host's (or of all: ::, ::ffff:0.0.0.0) lead to a container? The rule that says
 * so, or "ports". */
bool port_allowed(const struct policy_port *rules, uint32_t n, uint32_t protocol, const uint8_t host[16], uint32_t port,
		  const char **ret_rule);

#endif
