/* engine.h - the one context of posternd. */
#ifndef POSTERN_ENGINE_H
#define POSTERN_ENGINE_H

#include <stdint.h>
#include <uv.h>

#include "../helpers/base/policy.h"

struct state;
struct cJSON;
struct helpers;
struct containers;
struct images;
struct events;
struct networks;
struct http_server;

struct engine {
	uv_loop_t *loop;
	const struct policy_common *policy;
	struct state *state; /* state/state.h: SQLite */
	struct helpers *helpers; /* helper_client.h */
	struct containers *containers; /* container/container.h */
	struct images *images; /* image/image.h */
	struct events *events; /* container/events.h */
	struct networks *networks; /* network/network.h */
	struct http_server *http; /* api/http.h: set by http_listen */
	int state_dir; /* fd of the controller's own directory (0700): state.db, containers/HEX/, spool */
	const char *state_path; /* the same as a path, to be shown */
	const char *data_root; /* DATA as shown in info */
	const char *socket_path;
	const struct cJSON *config; /* daemon_config.h; NULL: none */
	const char *policy_path; /* of root's file, to be shown */
	uint64_t next_api_id;
	uint64_t limits; /* LIMIT_* that containers can have; learned at recovery */
};

#endif
