/* spec.h - from what a client asked to what spawn is given: pure functions, no input or output but their arguments. */
#ifndef POSTERN_SPEC_H
#define POSTERN_SPEC_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../helpers/protocol/message.h"
#include "../err.h"

/* Checks a create body (docker create), merges the image's config (Env, Cmd, Entrypoint, WorkingDir, User, Labels,
 * Volumes, StopSignal, ExposedPorts ...) as Docker does and returns {"Config":{},"HostConfig":{},"NetworkingConfig":{}}
 * complete with Docker's defaults, as inspect shows it. err: 400 with Docker's words. warnings: array that gets texts.
 * The caller owns it. */
cJSON *spec_merge(const cJSON *body, const cJSON *image_config, cJSON *warnings, struct err *err);

/* "db", "db:alias", "/db:/web/alias", as clients may say it of a link. */
bool spec_link_valid(const char *text);

/* Regular copies, as fields_copy makes them, of the body of /networks/create, and of what a client says of a container
 * in a network (EndpointSettings; NULL and null: nothing). NULL with err (400) when a member is of another type. */
cJSON *spec_network(const cJSON *body, struct err *err);
cJSON *spec_endpoint(const cJSON *settings, struct err *err);

/* Is the image (its whole configuration) for the platform that the client names (NULL or "": this host's)? err 404
 * when it is not what was asked; a warning when nothing was asked and it is not this host's. */
int spec_platform(const char *platform, const char *ref, const cJSON *image_config, cJSON *warnings, struct err *err);

/* Whose namespace a mode of HostConfig ("PidMode", "NetworkMode" ...) asks for. *ret_name (may be NULL): the
 * container's, borrowed. */
enum spec_share { SHARE_OWN, SHARE_HOST, SHARE_CONTAINER };
enum spec_share spec_share(const cJSON *host, const char *field, const char **ret_name);

enum spec_mount_type { SPEC_BIND, SPEC_VOLUME, SPEC_TMPFS, SPEC_DEVICE, SPEC_IMAGE };
struct spec_mount {
	enum spec_mount_type type;
	char *source; /* host path, volume name ("" for an anonymous one), device path, image */
	char *target; /* cleaned absolute path in the container */
	bool readonly;
	char *options; /* tmpfs: options as given; volume: "nocopy" or NULL */
	char *device_access; /* "rwm" */
	bool create; /* bind: a missing source is to be made (-v), not refused (--mount) */
	bool flat; /* bind: without what is mounted below the source */
	bool below_writable; /* bind, readonly: but what is mounted below the source */
	bool typed; /* from HostConfig.Mounts */
	bool anonymous; /* volume: named by us (container_mounts) */
	bool inherited; /* of another container (--volumes-from): nothing is copied into it */
	char *subpath; /* volume, image: what of it is mounted, canonical from its root; NULL: all */
	char *mode, *propagation; /* as inspect shows them; NULL: "" */
	const cJSON *volume; /* Labels and DriverConfig for a volume that is to be made (borrowed), or NULL */
};
struct spec_mounts {
	size_t n;
	struct spec_mount *v;
};
/* All mounts that the merged configuration asks for, in order of target depth: Binds, Mounts, Tmpfs, Volumes, Devices.
 */
int spec_mounts(const cJSON *merged, struct spec_mounts *ret, struct err *err);
/* One more device, unless something is mounted there already; access: letters of "rwm". */
int spec_mounts_device(struct spec_mounts *m, const char *source, const char *target, const char *access,
		       struct err *err);
/* Takes the one at index i out. */
void spec_mounts_remove(struct spec_mounts *m, size_t i);
/* Bind, volume and image mounts as "InheritedMounts" of a container that has them by --volumes-from; readonly beside
 * their own. */
int spec_mounts_inherit(const struct spec_mounts *from, bool readonly, cJSON *inherited, struct err *err);
/* Options of a tmpfs: flags and size=, mode=, ... . err 400 "invalid tmpfs option". */
int check_tmpfs_options(const char *options, struct err *err);
void spec_mounts_finish(struct spec_mounts *m);
/* "c 10:200 rwm" (Docker's form; any of the numbers may be "*") to type, access, major, minor as device ATTACH wants
 * them. err 400. */
int spec_device_rule(const char *text, uint32_t ret[4], struct err *err);

struct spec_input {
	const cJSON *merged;
	const char *id, *name; /* of the container */
	uint32_t uid, gid; /* resolved user */
	const uint32_t *groups;
	size_t ngroups;
	const char *home; /* for HOME when the environment has none */
	const struct spec_mounts *mounts; /* all but TMPFS take binds[0], [1] ... in this order */
	const unsigned *image_layers; /* how many of them each IMAGE takes, in order of `mounts` */
	const char *cgroups_path;
	uint64_t caps_allowed; /* policy; a capability outside is an error */
	const cJSON *network_of; /* merged configuration of the container whose network it has, or NULL */
	const char *net_hosts, *net_resolv; /* lines of its networks, and the whole file; NULL: in no network */
	const char *host_name, *host_hosts, *host_resolv; /* with the host's network: its name and files, or NULL */
	const struct policy_common *ids; /* which ids containers have; NULL: all of 0..MAP_SIZE-1 */
};
/* OCI runtime spec (config.json). Mount sources of binds are "fd:N"; annotations "org.postern.file./etc/hosts" and the
 * like carry the content of files that the init makes. err 400 for what cannot be. The caller owns it. */
cJSON *spec_build(const struct spec_input *in, struct err *err);

/* Capabilities of the container: Docker's defaults, CapAdd, CapDrop, within what policy allows. err 403 for one
 * outside. */
int spec_caps(const cJSON *merged, uint64_t caps_allowed, uint64_t *ret, struct err *err);

/* What SecurityOpt asks of seccomp: *ret_profile is the JSON text (borrowed from merged) or NULL for the default one;
 * true when there is to be no filter at all. */
bool spec_seccomp_unconfined(const cJSON *merged, const char **ret_profile);

/* Changes HostConfig to what this host can limit (offered: LIMIT_*), with Docker's warnings; err 400 where Docker
 * refuses. */
int spec_offered(cJSON *merged, uint64_t offered, cJSON *warnings, struct err *err);
/* Limits for cgroup CREATE, but `io`: devices are paths of the host's. */
int spec_limits(const cJSON *merged, struct req_cgroup_create *ret, struct err *err);
/* Device rules for device ATTACH, from the DEVICE mounts with the numbers that lookup found. */

/* --- seccomp: JSON profile (Docker's format) to a raw filter --- */
/* profile NULL: the built-in default. caps: bit per capability the process has (rules depend on them). The filter is a
 * malloc'ed array of struct sock_filter; cached by profile and caps, so borrow it: do not free. It stays at least until
 * SECCOMP_CACHE_MAX further filters are asked for, so copy it (memfd) before the next park. err 400. */
enum { SECCOMP_CACHE_MAX = 64, SECCOMP_PROFILE_MAX = 1 << 20 };
int seccomp_filter(const char *profile, uint64_t caps, const void **ret, size_t *ret_bytes, struct err *err);

/* "CAP_CHOWN" or "chown" to its number, -1 when unknown. */
int cap_by_name(const char *name);
const char *cap_name(int cap); /* "CAP_CHOWN" */

#endif
