/* completion.c - what shells complete. The scripts ask `postern __complete WORDS...`, which reads the tables of verbs
 * and of their options: they cannot differ from what is taken. Names come from an engine that runs; none is started. */
#include <stdlib.h>
#include <string.h>

#include "../../helpers/base/cleanup.h"
#include "cli.h"
#include "http_client.h"

static const char bash_script[] = "# bash completion of postern: source <(postern completion bash)\n"
				  "_postern() {\n"
				  "\tlocal word\n"
				  "\tCOMPREPLY=()\n"
				  "\t# not compgen -W, which would expand what stands in a name\n"
				  "\twhile IFS= read -r word; do\n"
				  "\t\t[[ $word == \"${COMP_WORDS[COMP_CWORD]}\"* ]] && COMPREPLY+=(\"$word\")\n"
				  "\tdone < <(postern __complete \"${COMP_WORDS[@]:1:COMP_CWORD}\" 2>/dev/null)\n"
				  "}\n"
				  "complete -o default -F _postern postern\n";

static const char zsh_script[] = "#compdef postern\n"
				 "# zsh completion of postern: source <(postern completion zsh)\n"
				 "_postern() {\n"
				 "\tlocal -a found\n"
				 "\tfound=(${(f)\"$(postern __complete \"${(@)words[2,$CURRENT]}\" 2>/dev/null)\"})\n"
				 "\tcompadd -a found || _files\n"
				 "}\n"
				 "# Loaded by compinit, this file is the function itself at its first call.\n"
				 "if [ \"$funcstack[1]\" = _postern ]; then _postern \"$@\"; "
				 "else compdef _postern postern; fi\n";

static const char fish_script[] = "# fish completion of postern: postern completion fish | source\n"
				  "function __postern_complete\n"
				  "\tset -l words (commandline -opc) (commandline -ct)\n"
				  "\tset -l found (postern __complete $words[2..-1] 2>/dev/null "
				  "| string match -- \"$words[-1]*\")\n"
				  "\tif set -q found[1]\n"
				  "\t\tprintf '%s\\n' $found\n"
				  "\telse\n"
				  "\t\t__fish_complete_path $words[-1]\n"
				  "\tend\n"
				  "end\n"
				  "complete -c postern -f -a '(__postern_complete)'\n";

static const struct {
	const char *shell, *script;
} scripts[] = { { "bash", bash_script }, { "zsh", zsh_script }, { "fish", fish_script } };

int verb_completion(struct cli *cli, int argc, char **argv)
{
	for (size_t i = 0; argc == 2 && i < ARRAY_SIZE(scripts); i++)
		if (strcmp(argv[1], scripts[i].shell) == 0)
			return fputs(scripts[i].script, stdout) < 0;
	return usage_of(argv[0], "bash|zsh|fish", argc - 1);
}

/* --- answers ---------------------------------------------------------------------------------------------- */
/* Texts of lists of the engine's: at `path` of every element, or of every element of that. */
static void print_names(struct cli *cli, const char *url, const char *list, const char *path)
{
	cJSON *answer = NULL;
	const cJSON *item, *name;
	char error[256];
	struct http h;

	/* Without an engine there is nothing to complete, and none is to be started for it. */
	if (http_connect(&h, cli->socket) < 0)
		return;
	http_finish(&h);
	if (api_try(cli, "GET", url, NULL, &answer, error, sizeof(error)) < 0)
		return;
	cJSON_ArrayForEach(item, json_at(answer, list)) {
		const cJSON *at = json_at(item, path);

		if (cJSON_IsString(at))
			printf("%s\n", at->valuestring);
		for (name = cJSON_IsArray(at) ? at->child : NULL; name; name = name->next)
			if (cJSON_IsString(name))
				printf("%s\n", name->valuestring + (name->valuestring[0] == '/'));
	}
	cJSON_Delete(answer);
}

static void print_arguments(struct cli *cli, const struct verb *v)
{
	static const struct {
		const char *word, *url, *list, *path;
	} kinds[] = {
		{ "CONTAINER", API "/containers/json?all=1", "", "Names" },
		{ "IMAGE", API "/images/json", "", "RepoTags" },
		{ "NETWORK", API "/networks", "", "Name" },
		{ "VOLUME", API "/volumes", "Volumes", "Name" },
		{ "NAME...", API "/containers/json?all=1", "", "Names" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (strstr(v->usage, kinds[i].word))
			print_names(cli, kinds[i].url, kinds[i].list, kinds[i].path);
}

/* argv: the words so far; the last one is being typed. */
int complete(struct cli *cli, int argc, char **argv)
{
	char *flags[] = { NULL, COMPLETE_FLAGS, NULL };
	const struct verb *table = verbs, *v = NULL;

	for (int i = 0; i + 1 < argc && table; i++) {
		if (argv[i][0] == '-') {
			/* "-H SOCKET" before the verb. */
			i += strcmp(argv[i], "-H") == 0 || strcmp(argv[i], "--host") == 0 ||
			     strcmp(argv[i], "--socket") == 0;
			continue;
		}
		v = verb_find(table, argv[i]);
		table = v ? v->sub : NULL;
	}
	if (table) {
		for (v = table; v->name; v++)
			printf("%s\n", v->name);
		return 0;
	}
	if (!v || !v->run || argc < 1 || !v->usage[0])
		return 0;
	if (argv[argc - 1][0] != '-') {
		print_arguments(cli, v);
		return 0;
	}
	flags[0] = (char *)v->name;
	v->run(cli, 2, flags);
	return 0;
}
