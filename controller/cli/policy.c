/* policy.c - policy check and explain: the launcher's own compiler answers, run as an ordinary program. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../helpers/base/cleanup.h"
#include "../../helpers/base/text.h"
#include "cli.h"

#define SYSTEM_POLICY "/etc/postern/policy.json"

/* Next to our own program (a build tree), or where `make install` puts it. */
static int find_launcher(char *out, size_t size)
{
	static const char *const places[] = { "postern-launcher", "../libexec/postern/postern-launcher" };
	char own[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", own, sizeof(own) - 1);
	char *slash;

	own[n > 0 ? n : 0] = '\0';
	slash = strrchr(own, '/');
	for (size_t i = 0; slash && i < ARRAY_SIZE(places); i++)
		if (text_format(out, size, "%.*s/%s", (int)(slash - own), own, places[i]) == 0 && access(out, X_OK) == 0)
			return 0;
	return fail(-1, "postern-launcher is neither beside %s nor in ../libexec/postern", own);
}

int verb_policy(struct cli *cli, int argc, char **argv)
{
	static const char how[] = "policy check [FILE]\n       postern policy explain [FILE] [bind PATH --uid UID [--rw] | device PATH | "
				  "user UID | cap NAME]";
	char launcher[PATH_MAX], option[32];
	char *args[TEXTS_MAX] = { launcher, option };
	const char *file = SYSTEM_POLICY;
	cJSON *facts = NULL;
	struct stat st;
	int n = 2, first = 2;

	if (argc < 2 || (strcmp(argv[1], "check") != 0 && strcmp(argv[1], "explain") != 0) || argc > TEXTS_MAX - 4)
		return usage(how);
	/* A file is named by a path that is there; a question starts with a word. */
	if (argc > 2 && (strchr(argv[2], '/') || stat(argv[2], &st) == 0)) {
		file = argv[2];
		first = 3;
	} else {
		facts = launcher_facts(cli);
		if (*json_text_at(facts, "policy"))
			file = json_text_at(facts, "policy");
	}
	if (find_launcher(launcher, sizeof(launcher)) < 0)
		return 1;
	snprintf(option, sizeof(option), "--policy-%s", argv[1]);
	args[n++] = (char *)file;
	for (int i = first; i < argc; i++)
		args[n++] = argv[i];
	execv(launcher, args);
	return fail(1, "%s: %s", launcher, strerror(errno));
}
