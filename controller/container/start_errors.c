/* start_errors.c - a start that failed, in the words of Docker and runc: clients look for them. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../json.h"
#include "start.h"

const char *go_error(int err)
{
	static char text[128];

	/* As Go spells them: clients look for these words. */
	snprintf(text, sizeof(text), "%s", strerror(err));
	text[0] = (char)tolower((unsigned char)text[0]);
	return text;
}

void start_error(const cJSON *spec, int status, const char *stage, struct err *err)
{
	const cJSON *process = json_get(spec, "process");
	const cJSON *args = json_get(process, "args");
	const cJSON *first = cJSON_GetArrayItem(args, 0);
	const char *arg0 = cJSON_IsString(first) ? first->valuestring : "";
	char what[512];

	if (strcmp(stage, "exec") == 0 && status == -ENOENT && !strchr(arg0, '/'))
		snprintf(what, sizeof(what), "exec: \"%s\": executable file not found in $PATH", arg0);
	else if (strcmp(stage, "exec") == 0 && status == -ENOENT)
		snprintf(what, sizeof(what), "exec: \"%s\": stat %s: no such file or directory", arg0, arg0);
	else if (strcmp(stage, "exec") == 0 && status == -EISDIR)
		/* Older clients take 126 only from the second sentence. */
		snprintf(what, sizeof(what), "exec: \"%s\": is a directory: permission denied", arg0);
	else if (strcmp(stage, "exec") == 0)
		snprintf(what, sizeof(what), "exec: \"%s\": %s", arg0, go_error(-status));
	else if (strncmp(stage, "subpath ", 8) == 0)
		snprintf(what, sizeof(what), "mount %s: cannot access the subpath: %s", stage + 8,
			 status == -EXDEV ? "path concatenation escapes the base directory" : go_error(-status));
	else if (strcmp(stage, "chdir") == 0)
		snprintf(what, sizeof(what), "chdir to cwd (\"%s\") set in config.json failed: %s",
			 json_text(process, "cwd", "/", NULL), go_error(-status));
	else
		snprintf(what, sizeof(what), "%s%s%s", stage, stage[0] ? ": " : "", go_error(-status));
	err->status = 500;
	snprintf(err->message, sizeof(err->message),
		 "failed to create task for container: failed to create shim task: OCI runtime create failed: runc "
		 "create failed: "
		 "unable to start container process: error during container init: %s: unknown",
		 what);
}

int start_exit_code(struct err *err)
{
	int code = 128;

	if (strcasestr(err->message, "executable file not found") ||
	    strcasestr(err->message, "no such file or directory"))
		code = 127;
	if (strcasestr(err->message, "permission denied") || strcasestr(err->message, "is a directory"))
		code = 126;
	if (code != 128 && err->status == 500)
		err->status = 400;
	return code;
}
