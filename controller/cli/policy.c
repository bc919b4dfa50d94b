/* policy.c - policy check and explain. The launcher's own compiler (helpers/policy) says whether the file is valid:
 * what it accepts here is what the engine will run with. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../helpers/base/cleanup.h"
#include "../../helpers/base/text.h"
#include "cli.h"

#define SYSTEM_POLICY "/etc/postern/policy.json"

/* Next to our own program (a build tree), or where `make install` puts it. */
static int find_compiler(char *out, size_t size)
{
	static const char *const places[] = { "postern-policy", "../libexec/postern/postern-policy" };
	char own[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", own, sizeof(own) - 1);
	char *slash;

	own[n > 0 ? n : 0] = '\0';
	slash = strrchr(own, '/');
	for (size_t i = 0; slash && i < ARRAY_SIZE(places); i++)
		if (text_format(out, size, "%.*s/%s", (int)(slash - own), own, places[i]) == 0 &&
		    access(out, X_OK) == 0)
			return 0;
	return fail(-1, "postern-policy is neither beside %s nor in ../libexec/postern", own);
}

/* Runs the check; with quiet only errors are shown. Returns its exit status. */
static int check(const char *file, bool quiet)
{
	char compiler[PATH_MAX];
	int status;
	pid_t pid;

	if (find_compiler(compiler, sizeof(compiler)) < 0)
		return 2;
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		if (quiet && !freopen("/dev/null", "w", stdout))
			_exit(2);
		execl(compiler, compiler, "--check", file, (char *)NULL);
		fail(2, "%s: %s", compiler, strerror(errno));
		_exit(2);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return 2;
	return pid > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : 2;
}

static int explain_one(const char *file, const cJSON *facts, int argc, char **argv)
{
	_cleanup_free_ char *text = NULL;
	cJSON *policy;
	int r = check(file, /* quiet= */ true);

	if (r)
		return r;
	text = text_file(file);
	policy = text ? cJSON_Parse(text) : NULL;
	r = policy ? policy_explain(policy, facts, argc, argv) : 2;
	cJSON_Delete(policy);
	return r;
}

/* With root's file for users' engines, where the engine's is narrowed by one: what is denied by either is denied. */
static int explain(const char *file, const char *narrower, const cJSON *facts, int argc, char **argv)
{
	int r, by_root;

	if (!*narrower)
		return explain_one(file, facts, argc, argv);
	printf("%s%s\n", file, argc ? ":" : ", of which only that holds which root's allows, too:");
	r = explain_one(file, facts, argc, argv);
	printf("\n%s:\n", narrower);
	by_root = explain_one(narrower, facts, argc, argv);
	return r > by_root ? r : by_root;
}

int verb_policy(struct cli *cli, int argc, char **argv)
{
	const char *file = SYSTEM_POLICY, *narrower = "";
	cJSON *facts;
	struct stat st;
	int first = 2, r;

	if (argc < 2 || (strcmp(argv[1], "check") != 0 && strcmp(argv[1], "explain") != 0))
		return usage("policy check [FILE]\n       postern policy explain [FILE] [QUESTION]") + 1;
	facts = launcher_facts(cli);
	if (*json_text_at(facts, "policy")) {
		file = json_text_at(facts, "policy");
		narrower = json_text_at(facts, "policy_narrower");
	}
	/* A file is named by a path that is there; a question starts with a word. */
	if (argc > 2 && (strchr(argv[2], '/') || stat(argv[2], &st) == 0)) {
		file = argv[first++];
		narrower = "";
	}
	if (strcmp(argv[1], "check") == 0)
		r = argc > first ? usage("policy check [FILE]") + 1 : check(file, /* quiet= */ false);
	else
		r = explain(file, narrower, facts, argc - first, argv + first);
	cJSON_Delete(facts);
	return r;
}
