/* daemon_config.h - posternd.json, the operator's defaults for containers: beside the policy, and optional. It grants
 * nothing: what containers may hold is the policy's to say. */
#ifndef POSTERN_DAEMON_CONFIG_H
#define POSTERN_DAEMON_CONFIG_H

#include <cjson/cJSON.h>

struct err;

enum { DAEMON_CONFIG_MAX = 1 << 20 /* bytes */ };

/* Reads and checks the file (fd borrowed); strict: an unknown name, a value of another kind or one that create would
 * refuse is an error that says where. *ret is the caller's, NULL for an empty file. 0 or -1. */
int daemon_config_read(int fd, cJSON **ret, struct err *err);
/* The body of a create with the defaults put in where the client says nothing: fresh, the caller's. config may be NULL.
 */
cJSON *daemon_config_apply(const cJSON *config, const cJSON *body);
/* "json-file" unless the file says another. */
const char *daemon_config_log_driver(const cJSON *config);

#endif
