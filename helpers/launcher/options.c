/* options.c - the launcher's command line, which is root's or, in the namespace of a user's engine, postern-user's. */
#include <errno.h>
#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/log.h"
#include "../base/text.h"
#include "launcher.h"

static int parse_ranges(const char *text, struct config *c)
{
	char *end;
	unsigned long first = strtoul(text, &end, 10), last;

	if (*end != '-')
		return -EINVAL;
	last = strtoul(end + 1, &end, 10);
	if (*end || last <= first || last >= FOREIGN_FIRST)
		return -EINVAL;
	c->range_first = (uint32_t)first;
	c->range_last = (uint32_t)last;
	return 0;
}

static void default_bin(struct config *c)
{
	ssize_t n = readlink("/proc/self/exe", c->bin, sizeof(c->bin) - 1);
	char *slash;

	c->bin[n < 0 ? 0 : n] = '\0';
	slash = strrchr(c->bin, '/');
	if (slash)
		*slash = '\0';
}

/* "0:65512,65534:1": ascending, from 0 on. With more ids than that one the engine has its own beside them. */
static int parse_map(const char *text, struct ids *ids)
{
	char copy[POLICY_MAP_TEXT], *rest = copy, *count;
	uint64_t next = 0, first, n;

	*ids = (struct ids){ .user = true };
	if (text_copy(copy, sizeof(copy), text) < 0)
		return -EINVAL;
	while ((count = strsep(&rest, ","))) {
		const char *number = strsep(&count, ":");

		if (!count || ids->nmap == POLICY_EXTENTS_MAX || text_u64(number, MAP_SIZE - 1, &first) < 0 ||
		    text_u64(count, MAP_SIZE - first, &n) < 0 || first < next || n == 0)
			return -EINVAL;
		ids->map[ids->nmap++] = (struct policy_extent){ (uint32_t)first, (uint32_t)n };
		next = first + n;
	}
	ids->count = next > 1 ? IDS_PER_ENGINE : 0;
	return ids->map[0].first == 0 ? 0 : -EINVAL;
}

/* In the first one the container ids of a user's engine would be those of the host's own users. */
static bool in_first_userns(void)
{
	struct stat st;

	return stat("/proc/self/ns/user", &st) < 0 || st.st_ino == 0xeffffffdu /* PROC_USER_INIT_INO */;
}

enum kind { TEXT, NUMBER, FLAG, RANGES, USER_MAP };

/* Where an option's value goes in struct launcher; max: the room of a text, or the greatest number. */
#define INTO(kind, member, max) kind, offsetof(struct launcher, member), max
#define INTO_TEXT(member) INTO(TEXT, member, sizeof(((struct launcher *)0)->member))
static const struct option_row {
	const char *name, *argument;
	enum kind kind;
	size_t offset;
	uint64_t max;
	const char *help;
} table[] = {
	{ "data", "DIR", INTO_TEXT(config.data), "images, containers, state, audit log (/var/lib/postern)" },
	{ "run", "DIR", INTO_TEXT(config.run), "socket, status (/run/postern)" },
	{ "policy", "FILE", INTO_TEXT(config.policy), "(/etc/postern/policy.json)" },
	{ "bin", "DIR", INTO_TEXT(config.bin), "programs (the directory of this one)" },
	{ "cgroup", "NAME", INTO_TEXT(config.cgroup), "directory below each cgroup hierarchy (postern)" },
	{ "ids", "FIRST", INTO(NUMBER, config.ids_base, FOREIGN_FIRST - IDS_PER_ENGINE),
	  "first of the engine's own 24 uids and gids (60706)" },
	{ "ranges", "A-B", INTO(RANGES, config, 0), "container ids (as the policy says)" },
	{ "also", "SOCKET", INTO_TEXT(config.sockets[SOCKET_ALSO]), "a second socket, such as /run/docker.sock" },
	{ "read", "SOCKET", INTO_TEXT(config.sockets[SOCKET_READ]), "one that gives no right but to read" },
	{ "journal", "SOCKET", INTO_TEXT(config.journal), "of the log driver journald (/run/systemd/journal/socket)" },
	{ "group", "NAME", INTO_TEXT(config.group), "may connect (everyone; the policy decides what they may do)" },
	{ "log", "FILE", INTO_TEXT(config.log), "messages of all programs (standard error)" },
	{ "daemon", "", INTO(FLAG, config.daemon, 0), "go to the background" },
	{ "purge", "", INTO(FLAG, config.purge, 0),
	  "end what runs, remove data, cgroups and status for good; do not start" },
	{ "user-map", "MAP", INTO(USER_MAP, ids, 0), "postern-user: the ids of containers, FIRST:COUNT,..." },
	{ "absent", "BITS", INTO(NUMBER, absent, UINT32_MAX), "postern-user: programs that cannot be had, by number" },
	/* setns(2) takes it only when it is one below our own */
	{ "range-ns", "FD", INTO(NUMBER, range_ns, INT32_MAX), "postern-user: of containers that run already" },
	{ "netns", "FD", INTO(NUMBER, netns, INT32_MAX), "postern-user: where veth, firewall and forward work" },
	{ "narrower", "FILE", INTO_TEXT(config.narrower), "postern-user: root's policy for users' engines" },
	{ "home", "DIR", INTO_TEXT(config.home), "postern-user: that user's home" },
};

static void usage(FILE *to)
{
	fputs("Usage: postern-launcher [options]\n"
	      "Starts the engine: reads root's policy, makes what the helpers need, runs and supervises them.\n"
	      "Only root starts it like this: an ordinary user starts postern-user.\n", to);
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		fprintf(to, "  --%-8s %-6s  %s\n", table[i].name, table[i].argument, table[i].help);
}

static int take(struct launcher *l, const struct option_row *o, const char *value)
{
	void *to = (char *)l + o->offset;
	uint64_t number = 0;
	int r = 0;

	switch (o->kind) {
	case TEXT: return text_copy(to, o->max, value);
	case RANGES: return parse_ranges(value, to);
	case USER_MAP: return in_first_userns() ? -EPERM : parse_map(value, to);
	case FLAG: *(bool *)to = true; break;
	case NUMBER:
		r = text_u64(value, o->max, &number);
		*(uint32_t *)to = (uint32_t)number;
	}
	return r;
}

/* What is wrong with them together; NULL when nothing is. */
static const char *flaw(const struct launcher *l)
{
	const uint32_t can_miss = 1u << HELPER_CGROUP | 1u << HELPER_DEVICE | 1u << HELPER_VETH |
				  1u << HELPER_FIREWALL | 1u << HELPER_FORWARD;
	const struct config *c = &l->config;

	if ((!l->ids.user && (l->absent || l->range_ns >= 0 || l->netns >= 0)) || (l->absent & ~can_miss))
		return "--absent, --range-ns and --netns are for users' engines, which may miss cgroup, device, veth, "
		       "firewall and forward";
	/* Two levels down are named below it: R/containers, R/helpers. */
	if (!path_valid(c->data, strlen(c->data)) || !path_valid(c->run, strlen(c->run)) || c->cgroup[0] == '/' ||
	    strstr(c->cgroup, "..") || !strcmp(c->data, "/") || !strcmp(c->run, "/"))
		return "--data and --run are absolute paths, --cgroup a name without '..'";
	return NULL;
}

int options_read(int argc, char **argv, struct launcher *l)
{
	struct option options[ARRAY_SIZE(table) + 2] = { [ARRAY_SIZE(table)] = { "help", 0, NULL, 'h' } };
	const char *wrong = NULL;
	int i, r = 0;

	for (size_t k = 0; k < ARRAY_SIZE(table); k++)
		options[k] = (struct option){ table[k].name, table[k].argument[0] != '\0', NULL, (int)k };
	default_bin(&l->config);
	while (r == 0 && (i = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (i == 'h') {
			usage(stdout);
			exit(0);
		}
		r = i == '?' ? -EINVAL : take(l, &table[i], optarg);
		if (r < 0 && i != '?')
			log_error("option --%s: not a usable value: %s", table[i].name, optarg);
	}
	wrong = r == 0 ? flaw(l) : NULL;
	if (wrong)
		log_error("%s", wrong);
	if (r == 0 && optind == argc && !wrong)
		return 0;
	usage(stderr);
	return -EINVAL;
}
