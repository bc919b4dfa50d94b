/* internal.h - what the files of controller/spec share; nobody else includes it (but their unit tests). */
#ifndef POSTERN_SPEC_INTERNAL_H
#define POSTERN_SPEC_INTERNAL_H

#include <stdio.h>

#include "../json.h"
#include "spec.h"

/* --- fields.c: the members of Docker's structures, as tables --- */
enum shape {
	SHAPE_TEXT,
	SHAPE_BOOL,
	SHAPE_INT,
	SHAPE_TEXTS, /* array of texts */
	SHAPE_SLICE, /* the same, or one text */
	SHAPE_MAP, /* object of texts */
	SHAPE_SET, /* object of empty objects */
	SHAPE_EMPTY, /* one of those: what is in it is dropped */
	SHAPE_INTS, /* array of whole numbers */
	SHAPE_STRUCT, /* object with the members in sub */
	SHAPE_STRUCTS, /* array of such */
	SHAPE_PORTS, /* object of arrays of such */
	SHAPE_ANY, /* kept as it is */
};
/* What stands there when the client sends nothing (or null). */
enum absent {
	ABSENT_ZERO,
	ABSENT_NULL,
	ABSENT_EMPTY,
	ABSENT_OMIT, /* nothing, and nothing for the zero value either: Go's omitempty */
	ABSENT_NOTHING, /* nothing: omitempty of a pointer */
};

struct field {
	const char *name;
	enum shape shape;
	enum absent absent;
	const struct field *sub;
};

enum { SPEC_ELEMENTS_MAX = 8192 /* of one list or map */ };

extern const struct field config_fields[], host_fields[];

/* Fresh object with exactly the members of the table, in its order and with its spelling; others are dropped. from may
 * be NULL. NULL with err (400) when a member is of another type; what names the structure in it. */
cJSON *fields_copy(const cJSON *from, const struct field *table, const char *what, struct err *err);

/* Go's name of what the client sent, for its sentence about what was expected. */
const char *json_kind(const cJSON *v);

/* --- network_fields.c --- */
/* {"EndpointsConfig": {...}}, regular. NULL with err: 400. */
cJSON *networking_copy(const cJSON *networking, struct err *err);

/* --- small changes of JSON --- */
/* Puts or replaces a member, taking item. -1 with err (500) when there is no memory (item NULL included). */
int json_put(cJSON *o, const char *name, cJSON *item, struct err *err);
int json_put_text(cJSON *o, const char *name, const char *text, struct err *err);
int json_put_int(cJSON *o, const char *name, int64_t n, struct err *err);
/* Adds a formatted text to an array; 0 also when there is no array. */
#define json_warn(warnings, err, ...)                        \
	({                                                   \
		char text_[512];                             \
		snprintf(text_, sizeof(text_), __VA_ARGS__); \
		json_warn_text(warnings, text_, err);        \
	})
int json_warn_text(cJSON *warnings, const char *text, struct err *err);
/* Members of an already checked value: "" and 0 for absent. */
const char *get_text(const cJSON *o, const char *name);
int64_t get_int(const cJSON *o, const char *name);
bool get_bool(const cJSON *o, const char *name);
int get_size(const cJSON *o, const char *name); /* number of elements; 0 for absent */

/* --- text.c: paths and words --- */
enum { SPEC_PATH_MAX = 4096 };
/* Lexically: "/a//b/../c/" to "/a/c". false when it does not fit or has control characters. */
bool path_clean(const char *path, char ret[SPEC_PATH_MAX]);
/* True when one of the parts between the separators is word. */
bool list_has(const char *list, char separator, const char *word);
/* Steps through a list: length of the part at *at, which moves behind its separator; false at the end. */
bool list_next(const char **at, char separator, const char **ret_part, size_t *ret_len);
bool ip_valid(const char *text);
/* A host or domain name that cannot break /etc/hosts: letters, digits, '.', '-', '_'; 1..max bytes. */
bool host_valid(const char *text, size_t max);
/* Grammar of an image's name or id. err 400: "invalid reference format". */
int reference_check(const char *ref, struct err *err);
/* "SIGTERM", "term", "15": 1..64, or -1. */
int signal_parse(const char *text);
/* "1-3,5" with numbers below limit. 0, -EINVAL, or -ERANGE when a number is not there. */
int cpulist_check(const char *text, unsigned limit);

/* --- checks: each changes hostconfig to what holds, adds warnings, or refuses --- */
int check_config(cJSON *config, struct err *err);
int check_hostconfig(cJSON *host, const cJSON *config, cJSON *warnings, struct err *err);
int check_resources(cJSON *host, cJSON *warnings, struct err *err);
/* modes.c */
int check_modes(cJSON *host, struct err *err);
int check_mode_conflicts(const cJSON *host, const cJSON *config, struct err *err);
/* A sysctl of a namespace that is not the container's own. */
int check_sysctl_modes(const cJSON *host, const char *name, struct err *err);
int check_security(const cJSON *host, cJSON *warnings, struct err *err);
/* Fails unless the name is of a namespace that every container has of its own. */
int check_sysctl(const char *name, struct err *err);
/* Index into the kernel's RLIMIT_* names ("nofile"), -1 when unknown; *ret_oci "RLIMIT_NOFILE". */
int rlimit_by_name(const char *name, const char **ret_oci);

/* Processors that we may use, and how many this machine can have; a test may set spec_cpus_override for both. */
unsigned spec_cpus(void);
unsigned spec_cpu_ids(void);
extern unsigned spec_cpus_override;

/* --- mounts (mounts.c; mounts_typed.c: HostConfig.Mounts and those of other containers) --- */
/* Copies the texts of one. err 400 "Duplicate mount point: ...". */
int mounts_add(struct spec_mounts *m, const struct spec_mount *one, struct err *err);
const struct spec_mount *mount_at(const struct spec_mounts *m, const char *target); /* NULL: none */
/* Cleans a target; refuses what no mount can have. prefix: begin of the sentence, type: word in it. */
int mount_target(const char *target, const char *prefix, const char *type, char ret[SPEC_PATH_MAX], struct err *err);
/* How many directories a mount's target lies below the root. */
unsigned path_depth(const char *path);
int check_volume_name(const char *name, struct err *err);
int check_volume_driver(const char *driver, struct err *err);
int mount_typed(struct spec_mounts *m, const cJSON *spec, struct err *err);
int mount_inherited(struct spec_mounts *m, const cJSON *o, struct err *err);
/* Tells of what is asked and not carried out. */
int mounts_warn(const struct spec_mounts *m, cJSON *warnings, struct err *err);

/* --- security options (security.c) --- */
bool security_no_new_privileges(const cJSON *host);
/* The profile that is asked for, or NULL. */
const char *security_apparmor(const cJSON *host);
/* Has this host AppArmor? A test may set the override to 0 or 1. */
bool spec_apparmor(void);
extern int spec_apparmor_override;

/* --- parts of the runtime spec --- */
/* Is it an id that containers have? */
bool spec_maps(const struct spec_input *in, uint32_t id);
extern const char *const masked_paths[], *const readonly_paths[]; /* NULL at the end */
/* Adds mounts[] to spec. */
int build_mounts(cJSON *spec, const struct spec_input *in, const cJSON *host, struct err *err);
/* Adds org.postern.file.* annotations. */
int build_files(cJSON *annotations, const struct spec_input *in, const char *hostname, struct err *err);

/* --- built-in profile (default_profile.c) --- */
extern const char seccomp_default_profile[], seccomp_default_profile_end[];

#endif
