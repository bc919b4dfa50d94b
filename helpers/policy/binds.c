/* binds.c - the rules about bind sources. What they can name at most is here: never the system as a whole, never our
 * own state. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../base/cleanup.h"
#include "../base/log.h"
#include "../base/text.h"
#include "read.h"

struct bind_rule {
	const char *name, *why, *path;
	uint32_t writable, suid, submounts, any_owner;
};
static const struct policy_field bind_fields[] = {
	POLICY_NAME(struct bind_rule),
	POLICY_WHY(struct bind_rule),
	POLICY_FIELD(struct bind_rule, path, PT_TEXT, PF_REQUIRED, 1, sizeof(((struct policy_path *)0)->path) - 1),
	POLICY_FIELD(struct bind_rule, writable, PT_BOOL, PF_REQUIRED, 0, 1),
	POLICY_FIELD(struct bind_rule, suid, PT_BOOL, 0, 0, 1),
	POLICY_FIELD(struct bind_rule, submounts, PT_BOOL, 0, 0, 1),
	POLICY_FIELD(struct bind_rule, any_owner, PT_BOOL, 0, 0, 1),
};

/* The system itself: never as a whole; below them read-only at most, and nothing of the kernel's file systems. */
static const struct {
	const char *path;
	bool below; /* may a rule lie below it? */
} system_paths[] = {
	{ "/", true },	      { "/proc", false },   { "/sys", false },	{ "/dev", false }, { "/.store", false },
	{ "/boot", true },    { "/etc", true },	    { "/root", true },	{ "/usr", true },  { "/bin", true },
	{ "/sbin", true },    { "/lib", true },	    { "/lib64", true }, { "/run", true },  { "/var", true },
	{ "/var/lib", true }, { "/var/run", true },
};
static const char *const readonly_below[] = { "/boot", "/etc", "/root", "/usr", "/bin", "/sbin", "/lib", "/lib64" };

static int check_bind(struct policy_ctx *c, const struct bind_rule *rule, const char *where)
{
	const struct policy_lookup *l = &c->out->lookup;

	for (size_t i = 0; i < ARRAY_SIZE(system_paths); i++)
		if (strcmp(rule->path, system_paths[i].path) == 0 ||
		    (!system_paths[i].below && path_below(rule->path, system_paths[i].path)))
			return policy_error(c, where, "%s belongs to the system; name a directory for users' files",
					    rule->path);
	for (size_t i = 0; rule->writable && i < ARRAY_SIZE(readonly_below); i++)
		if (path_below(rule->path, readonly_below[i]))
			return policy_error(c, where, "%s is below %s; write \"writable\": false", rule->path,
					    readonly_below[i]);
	for (uint32_t i = 0; i < l->ndenied; i++)
		if (path_below(rule->path, l->denied[i]))
			return policy_error(c, where, "%s is the engine's own (%s); choose another", rule->path,
					    l->denied[i]);
	return 0;
}

static const struct policy_path *same_path(const struct policy_lookup *l, const char *path)
{
	for (uint32_t i = 0; i < l->npaths; i++)
		if (strcmp(l->paths[i].path, path) == 0)
			return &l->paths[i];
	return NULL;
}

static bool is_of_home(const struct policy_ctx *c, const char *rule)
{
	for (unsigned i = 0; i < c->nof_home; i++)
		if (strcmp(c->of_home[i], rule) == 0)
			return true;
	return false;
}

/* "~" and what is below it, `rest`: in the home of the user whose engine it is, into `to`. 0, or -EINVAL when there is
 * none that can be bound: a home is what a user has, not a slip of whoever wrote the rule, so that is no error of the
 * file's. */
static int expand_home(struct policy_ctx *c, const char *rest, char *to, size_t size)
{
	const char *home = c->input->home ? c->input->home : "";

	if (!path_valid(home, strlen(home)) || strcmp(home, "/") == 0 || text_format(to, size, "%s%s", home, rest) < 0)
		return -EINVAL;
	return 0;
}

/* The longest path first, so that the first rule that covers a source is the closest to it. */
void policy_add_path(struct policy_lookup *l, const struct policy_path *p)
{
	uint32_t at = l->npaths++;

	while (at > 0 && strlen(l->paths[at - 1].path) < strlen(p->path)) {
		l->paths[at] = l->paths[at - 1];
		at--;
	}
	l->paths[at] = *p;
}

int policy_read_bind(struct policy_ctx *c, const cJSON *v, const char *where)
{
	struct policy_lookup *l = &c->out->lookup;
	struct bind_rule rule = { 0 };
	struct policy_path p = { 0 };
	const struct policy_path *same;
	char expanded[sizeof(p.path)] = "";
	const char *rest;
	bool of_home;

	if (POLICY_OBJECT(c, v, where, bind_fields, &rule) < 0)
		return -EINVAL;
	of_home = strcmp(rule.path, "~") == 0 || strncmp(rule.path, "~/", 2) == 0;
	rest = rule.path + of_home; /* behind the "~": nothing, or a path */
	if (of_home ? strcmp(rest, "/") == 0 || (*rest && !path_valid(rest, strlen(rest)))
		    : !path_valid(rest, strlen(rest)))
		return policy_error(
			c, where, "\"%s\" is not canonical; write it absolute, without '.', '..', '//' or a final '/'",
			rule.path);
	if (of_home) {
		rule.path = expanded;
		if (expand_home(c, rest, expanded, sizeof(expanded)) < 0 || check_bind(c, &rule, where) < 0) {
			log_warn("policy: %s: rule %s is left out: %s", where, rule.name,
				 *expanded ? c->error : "this engine has no user with a home");
			c->error[0] = '\0';
			return 0;
		}
	} else if (check_bind(c, &rule, where) < 0) {
		return -EINVAL;
	}
	same = same_path(l, rule.path);
	/* A home may be where another rule is, which is nobody's slip: the first one counts. */
	if (same && (of_home || is_of_home(c, same->rule)))
		return 0;
	if (same)
		return policy_error(c, where, "rule \"%s\" is for the same path; join them", same->rule);
	p.writable = rule.writable;
	p.suid = rule.suid;
	p.submounts = rule.submounts;
	p.any_owner = rule.any_owner;
	if (text_copy(p.path, sizeof(p.path), rule.path) < 0 || text_copy(p.rule, sizeof(p.rule), rule.name) < 0)
		return -EINVAL;
	policy_add_path(l, &p);
	if (of_home)
		c->of_home[c->nof_home++] = rule.name;
	return 0;
}
