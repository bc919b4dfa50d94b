/* run.c - run, create, start, attach. The order is Docker's: attach and wait are open before start is asked for, so
 * that nothing of the output and no exit is missed. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../helpers/base/cleanup.h"
#include "../../helpers/base/fd.h"
#include "cli.h"
#include "http_client.h"

static void destroy_http(struct http **h)
{
	if (*h)
		http_finish(*h);
	free(*h);
}
#define _cleanup_http_ __attribute__((cleanup(destroy_http)))

/* 125, 126 or 127, told from the words of the error as Docker's command line does. */
static int start_status(const char *error)
{
	if (strstr(error, "executable file not found") || strstr(error, "no such file or directory"))
		return 127;
	if (strstr(error, "permission denied") || strstr(error, "is a directory"))
		return 126;
	return 125;
}

static int pull(struct cli *cli, const char *image, bool quiet)
{
	_cleanup_free_ char *path = api_path(API "/images/create?fromImage=%s", image);
	_cleanup_http_ struct http *h = api_open(cli, "POST", path, "");

	return h ? api_progress(h, quiet) : 1;
}

static bool has_tag(const char *image)
{
	const char *slash = strrchr(image, '/');

	return strpbrk(slash ? slash : image, ":@");
}

/* Creates the container; *ret_id is fresh memory. 0, or 125 after a message. */
static int create(struct cli *cli, struct run_options *o, char **ret_id)
{
	_cleanup_free_ char *path = api_path(API "/containers/create?name=%s&platform=%s", o->name ? o->name : "",
					     o->platform ? o->platform : "");
	const char *image = json_text_at(o->body, "Image");
	char error[2048];
	cJSON *answer = NULL;
	const cJSON *warning;
	int r;

	if (o->pull && strcmp(o->pull, "always") == 0 && pull(cli, image, o->quiet) != 0)
		return 125;
	r = api_try(cli, "POST", path, o->body, &answer, error, sizeof(error));
	if (r == -404 && strstr(error, "No such image") && (!o->pull || strcmp(o->pull, "never") != 0)) {
		fprintf(stderr, "Unable to find image '%s%s' locally\n", image, has_tag(image) ? "" : ":latest");
		if (pull(cli, image, o->quiet) != 0)
			return 125;
		r = api_try(cli, "POST", path, o->body, &answer, error, sizeof(error));
	}
	if (r < 0) {
		if (*error)
			fprintf(stderr, "postern: Error response from daemon: %s\n", error);
		return 125;
	}
	cJSON_ArrayForEach(warning, json_at(answer, "Warnings")) {
		if (cJSON_IsString(warning))
			fprintf(stderr, "WARNING: %s\n", warning->valuestring);
	}
	*ret_id = strdup(json_text_at(answer, "Id"));
	cJSON_Delete(answer);
	return *ret_id && **ret_id ? 0 : fail(125, "the engine gave no id");
}

static int write_cidfile(const char *path, const char *id)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	int r = fd < 0 ? -errno : fd_write_all(fd, id, strlen(id));

	return r < 0 ? fail(125, "%s: %s", path, strerror(-r)) : 0;
}

static struct http *ask_attach(struct cli *cli, const char *id, bool logs, bool in, bool out, bool err,
				const char *keys)
{
	_cleanup_free_ char *path =
		api_path(API "/containers/%s/attach?stream=1&logs=%s&stdin=%s&stdout=%s&stderr=%s&detachKeys=%s", id,
			 logs ? "1" : "0", in ? "1" : "0", out ? "1" : "0", err ? "1" : "0", keys ? keys : "");

	return api_ask(cli, "POST", path, "Connection: Upgrade\r\nUpgrade: tcp\r\n");
}

static struct http *ask_wait(struct cli *cli, const char *id, const char *condition)
{
	_cleanup_free_ char *path = api_path(API "/containers/%s/wait?condition=%s", id, condition);

	return api_ask(cli, "POST", path, "");
}

/* Both are on their way before either is answered; neither needs the other. 0, or -1 after a message. */
static int both_answered(struct http **attach, struct http **wait)
{
	*attach = api_answered(*attach);
	if (*attach)
		*wait = api_answered(*wait);
	return *attach && *wait ? 0 : -1;
}

/* Exit code out of wait's answer. */
struct exit_code {
	int code;
};

static int take_code(void *data, const cJSON *v)
{
	struct exit_code *e = data;

	if (*json_text_at(v, "Error.Message"))
		fprintf(stderr, "Error waiting for container: %s\n", json_text_at(v, "Error.Message"));
	e->code = (int)json_number_at(v, "StatusCode");
	return 1;
}

static int read_code(struct http *wait)
{
	struct exit_code e = { 125 };

	if (api_stream(wait, take_code, &e) < 1)
		return fail(125, "the engine went away while the container ran");
	return e.code;
}

static int start(struct cli *cli, const char *id, char *error, size_t size)
{
	_cleanup_free_ char *path = api_path(API "/containers/%s/start", id);

	return api_try(cli, "POST", path, NULL, NULL, error, size);
}

/* Starts with the terminal attached and returns the container's exit code. */
static int run_attached(struct cli *cli, const struct run_options *o, const char *id)
{
	bool in = cJSON_IsTrue(json_at(o->body, "AttachStdin")), out = cJSON_IsTrue(json_at(o->body, "AttachStdout"));
	_cleanup_http_ struct http *attach = ask_attach(cli, id, false, in, out, out, o->detach_keys);
	_cleanup_http_ struct http *wait = attach ? ask_wait(cli, id, o->remove ? "removed" : "next-exit") : NULL;
	struct stream_options so = {
		.tty = o->tty, .stdin_open = in, .sig_proxy = o->sig_proxy, .detach_keys = o->detach_keys, .id = id
	};
	char error[2048];

	if (both_answered(&attach, &wait) < 0)
		return 125;
	if (start(cli, id, error, sizeof(error)) < 0) {
		if (*error)
			fprintf(stderr, "postern: Error response from daemon: %s\n", error);
		return start_status(error);
	}
	switch (stream_run(cli, attach, wait, &so)) {
	case STREAM_DETACHED:
		return 0;
	case STREAM_FAILED:
		return 125;
	case STREAM_ENDED:
		break;
	}
	return read_code(wait);
}

static int run_detached(struct cli *cli, const char *id)
{
	char error[2048];

	if (start(cli, id, error, sizeof(error)) < 0) {
		if (*error)
			fprintf(stderr, "postern: Error response from daemon: %s\n", error);
		return start_status(error);
	}
	printf("%s\n", id);
	return 0;
}

static int run_container(struct cli *cli, struct run_options *o, bool only_create)
{
	_cleanup_free_ char *id = NULL, *path = NULL;
	char error[2048];
	int r = create(cli, o, &id);

	if (r == 0 && o->cidfile)
		r = write_cidfile(o->cidfile, id);
	if (r != 0)
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): its cleanup attribute frees it */
		return r;
	if (only_create) {
		printf("%s\n", id);
		return 0;
	}
	r = o->detach ? run_detached(cli, id) : run_attached(cli, o, id);
	/* One that never started does not end: nobody else would remove it. */
	if (o->remove && r >= 125 && r <= 127) {
		path = api_path(API "/containers/%s", id);
		api_try(cli, "DELETE", path, NULL, NULL, error, sizeof(error));
	}
	return r;
}

/* Help was shown, nothing was given, or something is wrong with it. */
static int parse_status(int r)
{
	return r > 0 ? 0 : r == -2 ? 1 : 125;
}

int verb_run(struct cli *cli, int argc, char **argv)
{
	struct run_options o;
	int r = config_parse(&o, false, argc, argv);

	if (r == 0 && o.tty && o.interactive && !o.detach && !isatty(STDIN_FILENO))
		r = fail(-1, "the input device is not a TTY");
	r = r == 0 ? run_container(cli, &o, false) : parse_status(r);
	cJSON_Delete(o.body);
	return r;
}

int verb_create(struct cli *cli, int argc, char **argv)
{
	struct run_options o;
	int r = config_parse(&o, true, argc, argv);

	/* 125 is for what run itself could not do. */
	r = r == 0 ? run_container(cli, &o, true) != 0 : parse_status(r);
	cJSON_Delete(o.body);
	return r;
}

/* --- start and attach of a container that is there -------------------------------------------------------- */
struct attach_options {
	bool attach, interactive, sig_proxy, no_stdin;
	const char *detach_keys;
};

static int attach_existing(struct cli *cli, const char *name, const struct attach_options *o, bool start_it)
{
	_cleanup_free_ char *path = api_path(API "/containers/%s/json", name);
	_cleanup_http_ struct http *attach = NULL, *wait = NULL;
	struct stream_options so = { .sig_proxy = o->sig_proxy, .detach_keys = o->detach_keys };
	char error[2048] = "";
	cJSON *c = NULL;
	int r = 1;

	if (api_call(cli, "GET", path, NULL, &c) < 0)
		return 1;
	so.id = json_text_at(c, "Id");
	so.tty = cJSON_IsTrue(json_at(c, "Config.Tty"));
	so.stdin_open = o->interactive && cJSON_IsTrue(json_at(c, "Config.OpenStdin"));
	if (!start_it && !cJSON_IsTrue(json_at(c, "State.Running"))) {
		r = fail(1, "cannot attach to a stopped container, start it first");
		goto out;
	}
	attach = ask_attach(cli, so.id, false, so.stdin_open, true, true, o->detach_keys);
	wait = attach ? ask_wait(cli, so.id, cJSON_IsTrue(json_at(c, "HostConfig.AutoRemove")) ? "removed" :
				 start_it ? "next-exit" : "not-running") : NULL;
	if (both_answered(&attach, &wait) < 0)
		goto out;
	if (start_it && start(cli, so.id, error, sizeof(error)) < 0) {
		if (*error)
			fprintf(stderr, "Error response from daemon: %s\n", error);
		goto out;
	}
	r = stream_run(cli, attach, wait, &so) == STREAM_ENDED ? read_code(wait) : 0;
out:
	cJSON_Delete(c);
	return r;
}

static const struct option_row start_rows[] = {
	{ "attach", 'a', OPT_FLAG, offsetof(struct attach_options, attach), NULL, NULL,
	  "show its output, return its exit code" },
	{ "interactive", 'i', OPT_FLAG, offsetof(struct attach_options, interactive), NULL, NULL, "attach its input" },
	{ "detach-keys", 0, OPT_TEXT, offsetof(struct attach_options, detach_keys), NULL, NULL, "leave with these" },
	{ "sig-proxy", 0, OPT_FLAG, offsetof(struct attach_options, sig_proxy), NULL, NULL, "pass signals on (true)" },
};

int verb_start(struct cli *cli, int argc, char **argv)
{
	struct attach_options o = { .sig_proxy = true };
	int n, r, failed = 0;
	char error[2048];

	r = OPTIONS(start_rows, &o, false, argc, argv, &n);
	if (r)
		return r < 0;
	if (n == 0)
		return usage("start [-a] [-i] CONTAINER...");
	if (o.attach || o.interactive)
		return n == 1 ? attach_existing(cli, argv[1], &o, true)
			      : fail(1, "you cannot attach to several containers at once");
	for (int i = 1; i <= n; i++) {
		if (start(cli, argv[i], error, sizeof(error)) >= 0) {
			printf("%s\n", argv[i]);
			continue;
		}
		if (*error)
			fprintf(stderr, "Error response from daemon: %s\n", error);
		argv[1 + failed++] = argv[i];
	}
	fflush(stdout);
	for (int i = 1; i <= failed; i++)
		fprintf(stderr, "%s%s%s", i > 1 ? ", " : "Error: failed to start containers: ", argv[i],
			i == failed ? "\n" : "");
	return failed > 0;
}

int verb_attach(struct cli *cli, int argc, char **argv)
{
	static const struct option_row rows[] = {
		{ "no-stdin", 0, OPT_FLAG, offsetof(struct attach_options, no_stdin), NULL, NULL,
		  "leave its input alone" },
		{ "detach-keys", 0, OPT_TEXT, offsetof(struct attach_options, detach_keys), NULL, NULL,
		  "leave with these" },
		{ "sig-proxy", 0, OPT_FLAG, offsetof(struct attach_options, sig_proxy), NULL, NULL,
		  "pass signals on (true)" },
	};
	struct attach_options o = { .sig_proxy = true };
	int n, r;

	r = OPTIONS(rows, &o, false, argc, argv, &n);
	if (r)
		return r < 0;
	if (n != 1)
		return usage("attach [OPTIONS] CONTAINER");
	o.interactive = !o.no_stdin;
	return attach_existing(cli, argv[1], &o, false);
}
