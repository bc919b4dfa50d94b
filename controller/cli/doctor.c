/* doctor.c - what stands in the way of an engine on this host: for whom it is asked, and of which each has its own.
 * Says what it sees, what root would run about it and what works without; ends with 1 only where no engine can run. */
#include <cjson/cJSON.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../helpers/base/cleanup.h"
#include "../../helpers/base/text.h"
#include "cli.h"
#include "doctor.h"

static const char *const words[] = { [DOCTOR_GOOD] = "good", [DOCTOR_LESS] = "less", [DOCTOR_BAD] = "bad" };

#define SAY(f, member)                                                                                                 \
	do {                                                                                                           \
		va_list args;                                                                                          \
		va_start(args, format);                                                                                \
		vsnprintf((f)->member, sizeof((f)->member), format, args);                                             \
		va_end(args);                                                                                          \
	} while (0)

void doctor_good(struct finding *f, const char *format, ...)
{
	f->state = DOCTOR_GOOD;
	SAY(f, seen);
}

void doctor_less(struct finding *f, const char *format, ...)
{
	f->state = DOCTOR_LESS;
	SAY(f, seen);
}

void doctor_bad(struct finding *f, const char *format, ...)
{
	f->state = DOCTOR_BAD;
	SAY(f, seen);
}

void doctor_fix(struct finding *f, const char *format, ...)
{
	SAY(f, fix);
}

void doctor_cost(struct finding *f, const char *format, ...)
{
	SAY(f, cost);
}

/* The data directory as the launcher takes it, or the one above it that is there. */
static void find_data(const char *given, char ret[4096])
{
	const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
	char *slash;

	if (given)
		snprintf(ret, 4096, "%s", given);
	else if (geteuid() == 0)
		snprintf(ret, 4096, "/var/lib/postern");
	else if (data && data[0] == '/')
		snprintf(ret, 4096, "%s/postern", data);
	else
		snprintf(ret, 4096, "%s/.local/share/postern", home && home[0] == '/' ? home : "");
	while (access(ret, F_OK) < 0 && (slash = strrchr(ret, '/')) && slash != ret)
		*slash = '\0';
}

static void show(const struct probe *probe, const struct finding *f)
{
	printf("%-4s  %s: %s\n", words[f->state], probe->name, f->seen);
	if (f->fix[0])
		printf("      root would run: %s\n", f->fix);
	if (f->cost[0])
		printf("      without it: %s\n", f->cost);
}

static void add(cJSON *list, const struct probe *probe, const struct finding *f)
{
	cJSON *v = cJSON_CreateObject();

	cJSON_AddStringToObject(v, "Name", probe->name);
	cJSON_AddStringToObject(v, "State", words[f->state]);
	cJSON_AddStringToObject(v, "Seen", f->seen);
	cJSON_AddStringToObject(v, "Fix", f->fix);
	cJSON_AddStringToObject(v, "Without", f->cost);
	cJSON_AddItemToArray(list, v);
}

/* Shows each finding, or collects them. True when one of them lets no engine run. */
static bool examine(const struct probe *probes, const struct patient *p, cJSON *list)
{
	bool bad = false;

	for (; probes->name; probes++) {
		struct finding f = { DOCTOR_GOOD };

		probes->run(p, &f);
		if (f.state == DOCTOR_GOOD)
			f.fix[0] = f.cost[0] = '\0';
		bad |= f.state == DOCTOR_BAD;
		if (list)
			add(list, probes, &f);
		else
			show(probes, &f);
	}
	return bad;
}

struct doctor_options {
	const char *format, *data;
};

int verb_doctor(struct cli *cli, int argc, char **argv)
{
	static const struct option_row rows[] = {
		{ "format", 'f', OPT_TEXT, offsetof(struct doctor_options, format), NULL, NULL, "json" },
		{ "data", 0, OPT_TEXT, offsetof(struct doctor_options, data), NULL, NULL,
		  "data directory of the engine" },
	};
	struct doctor_options o = { 0 };
	struct patient p = { .uid = geteuid() };
	const struct passwd *who = getpwuid(p.uid);
	cJSON *root = NULL, *list = NULL;
	bool bad;
	int n, r = OPTIONS(rows, &o, false, argc, argv, &n);

	if (r != 0)
		return r < 0;
	if (n > 0 || (o.format && strcmp(o.format, "json") != 0))
		return usage("doctor [--format json] [--data DIR]");
	if (who)
		snprintf(p.user, sizeof(p.user), "%s", who->pw_name);
	else
		snprintf(p.user, sizeof(p.user), "%u", p.uid);
	find_data(o.data, p.data);
	if (o.format) {
		root = cJSON_CreateObject();
		cJSON_AddStringToObject(root, "Engine", p.uid == 0 ? "system" : "user");
		cJSON_AddStringToObject(root, "User", p.user);
		list = cJSON_AddArrayToObject(root, "Findings");
	}
	fflush(stdout); /* children that try something must not say it again */
	bad = examine(p.uid == 0 ? doctor_root_probes : doctor_user_probes, &p, list);
	bad |= examine(doctor_host_probes, &p, list);
	bad |= examine(p.uid == 0 ? doctor_root_network_probes : doctor_user_network_probes, &p, list);
	bad |= examine(doctor_network_probes, &p, list);
	if (root) {
		cJSON_AddBoolToObject(root, "CanRun", !bad);
		json_print(stdout, root, 0);
		cJSON_Delete(root);
	}
	return bad;
}
