/* doctor.h - between doctor.c and its probes: each looks at one thing of this host and says what it saw, what its
 * absence costs and what root would run about it. Nothing is changed but by trials that end with their process or are
 * removed at once. */
#ifndef POSTERN_CLI_DOCTOR_H
#define POSTERN_CLI_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum doctor_state {
	DOCTOR_GOOD,
	DOCTOR_LESS, /* an engine runs, with less */
	DOCTOR_BAD, /* none can run */
};

struct finding {
	enum doctor_state state;
	char seen[600];
	char fix[600]; /* what root would run, "" when nothing */
	char cost[300]; /* what there is without it, "" when nothing is missing */
};

/* Whose engine it is about. */
struct patient {
	uid_t uid;
	char user[64];
	char data[4096]; /* the data directory, or the nearest above it that is there */
};

struct probe {
	const char *name;
	void (*run)(const struct patient *p, struct finding *f);
};
extern const struct probe doctor_user_probes[], doctor_root_probes[],
	doctor_host_probes[]; /* each ends with a NULL name */
extern const struct probe doctor_user_network_probes[], doctor_root_network_probes[], doctor_network_probes[];

/* Good, as it was seen. */
void doctor_good(struct finding *f, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Not good. */
void doctor_less(struct finding *f, const char *format, ...) __attribute__((format(printf, 2, 3)));
void doctor_bad(struct finding *f, const char *format, ...) __attribute__((format(printf, 2, 3)));
void doctor_fix(struct finding *f, const char *format, ...) __attribute__((format(printf, 2, 3)));
void doctor_cost(struct finding *f, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* --- doctor_trial.c: what a probe tries, in a child, so that it is over with it. 0 or the errno of what failed --- */
int doctor_in_child(int (*trial)(const void *data), const void *data);
/* In a child: a user namespace with one id, and others by CLONE_NEW*. */
int doctor_enter(int flags);
/* Mounts that an engine would make, in namespaces as an engine would make them. */
int doctor_try_namespace(void);
int doctor_try_proc(void);
int doctor_try_overlay(const char *dir); /* over directories made in there */
int doctor_try_idmap(const char *dir); /* as root */
/* newuidmap or newgidmap with one subordinate id: its exit status, -errno when it cannot be run. */
int doctor_try_mapper(const char *program, uint32_t self, uint32_t subordinate);

/* --- doctor_text.c: what files say; everything here takes text, so that tests can give it --- */
/* Whole small file, or NULL. The caller frees it. */
char *doctor_read(const char *path);
long doctor_number(const char *path); /* -1 when there is none */

struct doctor_range {
	uint32_t first, count;
};
enum { DOCTOR_RANGES = 16 };
/* Ranges of a user in the text of subuid(5), by name or number; others that meet one of them are told in ret_other
 * (name). */
unsigned doctor_ranges(const char *text, const char *user, uid_t uid, struct doctor_range ret[DOCTOR_RANGES],
		       char ret_other[64]);

/* Where in the tree of the file system a process of /proc/PID/cgroup and mountinfo's texts is, for a controller, "" for
 * version 2. 0 or -ENOENT. */
int doctor_cgroup(const char *cgroup, const char *mountinfo, const char *controller, char *ret, size_t size);
/* An option of the file system that is mounted at that very point ("hidepid=2"): its text from the name on, into ret.
 */
bool doctor_mount_option(const char *mountinfo, const char *point, const char *name, char *ret, size_t size);
/* Does a list of words, separated by blanks, commas or newlines, have this one? */
bool doctor_has_word(const char *list, const char *word);

#endif
