/* cli.h - what the verbs of `postern` share: their table, options as data, the engine's answers, output.
 *
 * One short-lived process per command and no privilege: everything goes over the engine's socket, but what the kernel
 * and root's files tell anybody (helpers, audit, policy). Answers of the engine are shown to a terminal: control
 * characters in tables are replaced. Exit status: 0; 1 for an error; 125, 126, 127 of run and start as in Docker. */
#ifndef POSTERN_CLI_H
#define POSTERN_CLI_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define API "/v1.47"

struct cli {
	const char *socket;
	int kept; /* a connection whose last answer is read, for the next request, or -EBADF (api.c) */
};

struct verb {
	const char *name; /* "volume ls" is name "volume" with a table of its own */
	const char *usage; /* after the name */
	const char *text; /* one line */
	int (*run)(struct cli *cli, int argc, char **argv); /* argv[0] is the verb */
	const struct verb *sub; /* NULL, or a table instead of run */
};
extern const struct verb verbs[];
/* NULL when there is none of that name. */
const struct verb *verb_find(const struct verb *table, const char *name);
/* Of the words that next() gives until NULL, the one that was probably meant, or NULL. */
const char *word_nearest(const char *word, const char *(*next)(const void *data, size_t i), const void *data);
/* Prints what may stand for the last of these words, one a line. */
int complete(struct cli *cli, int argc, char **argv);
/* The only argument of a verb that is to print its options so (options_parse). */
#define COMPLETE_FLAGS "--__flags"
#define MAN_FLAGS "--__man" /* the same as a list of mdoc(7) */
/* postern(1). */
int man_page(struct cli *cli);
/* Runs argv[0] out of a table of verbs (ended by a NULL name); `group` is "volume " or "". */
int verb_dispatch(struct cli *cli, const struct verb *table, const char *group, int argc, char **argv);

/* --- options ------------------------------------------------------------------------------------------------ */
enum option_kind {
	OPT_FLAG,  /* bool; "--x" or "--x=false" */
	OPT_TEXT,  /* const char * */
	OPT_INT,   /* long */
	OPT_LIST,  /* struct texts */
	OPT_APPLY, /* apply(); an argument follows */
	OPT_APPLY_FLAG, /* apply() with "true" or "false" */
};
enum { TEXTS_MAX = 256 };
struct texts {
	size_t n;
	const char *v[TEXTS_MAX];
};
struct option_row {
	const char *name;
	char letter; /* 0: none */
	enum option_kind kind;
	size_t offset; /* into the struct given to options_parse */
	int (*apply)(void *to, const struct option_row *row, const char *value); /* 0, or -1 after a message */
	const char *path; /* for apply */
	const char *text; /* for --help */
};
/* Parses argv from 1 on; positional arguments are moved to the front of argv[1..] and counted in *ret_n. in_order: the
 * first positional ends the options (run, create). 0; -1 after a message; 1 when help was shown. */
int options_parse(const struct option_row *rows, size_t n, void *to, bool in_order, int argc, char **argv, int *ret_n);
#define OPTIONS(rows, to, in_order, argc, argv, ret_n) \
	options_parse(rows, sizeof(rows) / sizeof((rows)[0]), to, in_order, argc, argv, ret_n)

/* --- messages ----------------------------------------------------------------------------------------------- */
/* "postern: ..." to standard error; returns status. */
int fail(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The usage of a verb that was called wrongly; returns 1. */
int usage(const char *text);
/* The same, with what was wrong: `n` arguments where others are wanted. */
int usage_of(const char *verb, const char *arguments, int n);

/* --- a user's own engine (engine.c) ---------------------------------------------------------------------------- */
#define SYSTEM_SOCKET "/run/postern/postern.sock" /* of root's engine */
int engine_user_run(char *ret, size_t size); /* its run directory */
int engine_program(const char *name, char *ret, size_t size); /* path of a program of ours */
/* Starts it and waits until it answers; -ENOENT when the socket is not its. Says what it does. */
int engine_start(const char *socket);
struct http;
/* As http_connect to the engine's socket; a user's own engine is started when it does not run. */
int engine_connect(struct cli *cli, struct http *h);

/* --- the engine (api.c) --------------------------------------------------------------------------------------- */
/* One request with an optional JSON body (borrowed); *ret (may be NULL) gets the answer, NULL when it has none. Returns
 * the HTTP status when it is below 400, else -status after "Error response from daemon: ..." (quiet: without), or -1
 * without an engine. */
int api_call(struct cli *cli, const char *method, const char *path, const cJSON *body, cJSON **ret);
/* The same, but the message goes into error (size bytes) and nothing is printed. */
int api_try(struct cli *cli, const char *method, const char *path, const cJSON *body, cJSON **ret, char *error,
	    size_t size);
/* A request for each name, which is put into format's "%s", with `query` behind it; prints the name when that went
 * well. With force it is no failure that there is none. Returns the exit status. */
int api_each(struct cli *cli, int n, char **names, const char *method, const char *format, const char *query,
	     bool force);
/* Opens a request on a connection of its own and reads the answer's head; the body is the caller's to read. NULL after
 * a message. */
struct http *api_open(struct cli *cli, const char *method, const char *path, const char *headers);
/* The same in two steps, so that several can be on their way: the request, and the answer's head (takes h; NULL stays
 * NULL). */
struct http *api_ask(struct cli *cli, const char *method, const char *path, const char *headers);
struct http *api_answered(struct http *h);
/* Reads an error's body and prints its message; returns -status. */
int api_error(struct http *h);
/* Reads a stream of JSON values, one a line, until its end or f returns non-zero: that. -1 when it breaks. */
int api_stream(struct http *h, int (*f)(void *data, const cJSON *value), void *data);
/* Prints progress of load, import and pull; 1 when the stream brought an error. */
int api_progress(struct http *h, bool quiet);
/* printf with each %s percent-encoded for a path or query, into fresh memory. */
char *api_path(const char *format, ...);
/* {"key":["value"]} out of "key=value" texts, percent-encoded, or NULL when there are none or (with a message) one is
 * wrong. */
char *api_filters(const struct texts *filters);

/* --- JSON and output (format.c) ---------------------------------------------------------------------------------- */
/* "State.Status" inside v; NULL when it is not there. */
const cJSON *json_at(const cJSON *v, const char *path);
/* Text at path, or "". */
const char *json_text_at(const cJSON *v, const char *path);
double json_number_at(const cJSON *v, const char *path);

/* "name=value" texts as an object of texts, added under key. */
void json_put_pairs(cJSON *to, const char *key, const struct texts *pairs);
/* Indented, with a final newline at depth 0. */
void json_print(FILE *out, const cJSON *v, int depth);

/* Go templates as far as Docker's users go with --format: {{.A.B}}, {{json .A}}, \t and \n, other text. 0 or -1 after a
 * message. */
int template_print(FILE *out, const char *template, const cJSON *v);

struct column {
	const char *title, *key;
};
/* Rows are objects of texts. format NULL: the columns as a table; "json"; "table {{.A}}\t{{.B}}"; or a template per
 * row. 0 or 1 after a message. */
int table_print(const cJSON *rows, const struct column *columns, size_t n, const char *format, bool titles);

void text_ago(char *out, size_t size, int64_t seconds); /* "3 minutes" */
/* "4.27MB" or "4.268MB": Docker has both. */
enum size_digits { SIZE_SHORT = 3, SIZE_LONG };
void text_size(char *out, size_t size, double bytes, enum size_digits digits);
int64_t time_seconds(const char *rfc3339); /* 0 when it is none */
/* "20s", "1h30m", a Unix time or RFC 3339: Unix seconds as the API wants them, in out. 0 or -1 after a message. */
int time_argument(const char *s, char *out, size_t size);
/* "512m", "1g", "4k", "100": bytes. 0 or -1. */
int size_argument(const char *s, int64_t *ret);
/* Copies a text for a terminal: control characters become '?'. */
void text_plain(char *out, size_t size, const char *s);

/* --- containers (run.c, stream.c) ------------------------------------------------------------------------------- */
struct stream_options {
	bool tty, stdin_open, sig_proxy;
	const char *detach_keys; /* NULL: ctrl-p,ctrl-q */
	const char *id;
};
enum stream_end { STREAM_ENDED, STREAM_DETACHED, STREAM_FAILED };
/* Moves input and output between the terminal and an attached connection until `wait` (may be NULL) can be read and the
 * output has ended. Signals and window sizes are passed on. */
enum stream_end stream_run(struct cli *cli, struct http *attach, struct http *wait, const struct stream_options *o);
/* Splits a multiplexed stream to standard output and error; plain with tty. Blocks until its end. */
int stream_copy(struct http *h, bool tty);

int verb_run(struct cli *cli, int argc, char **argv);
int verb_create(struct cli *cli, int argc, char **argv);
int verb_start(struct cli *cli, int argc, char **argv);
int verb_attach(struct cli *cli, int argc, char **argv);
/* The member "Labels" of a table's row: "a=1,b=2". */
void row_add_labels(cJSON *row, const cJSON *labels);
/* Rows of the tables of ps and images, out of what the API lists; whole: nothing is cut. */
cJSON *container_row(const cJSON *container, bool whole);
cJSON *image_row(const cJSON *image, const char *ref, bool whole);
int verb_ps(struct cli *cli, int argc, char **argv);
int verb_logs(struct cli *cli, int argc, char **argv);
int verb_stop(struct cli *cli, int argc, char **argv);
int verb_kill(struct cli *cli, int argc, char **argv);
int verb_wait(struct cli *cli, int argc, char **argv);
int verb_rm(struct cli *cli, int argc, char **argv);
int verb_images(struct cli *cli, int argc, char **argv);
int verb_load(struct cli *cli, int argc, char **argv);
int verb_import(struct cli *cli, int argc, char **argv);
int verb_rmi(struct cli *cli, int argc, char **argv);
int verb_tag(struct cli *cli, int argc, char **argv);
int verb_inspect(struct cli *cli, int argc, char **argv);
int verb_doctor(struct cli *cli, int argc, char **argv);
int system_df(struct cli *cli, int argc, char **argv);
int system_prune(struct cli *cli, int argc, char **argv);
int system_start(struct cli *cli, int argc, char **argv);
int system_stop(struct cli *cli, int argc, char **argv);
int system_unit(struct cli *cli, int argc, char **argv);
int system_dial_stdio(struct cli *cli, int argc, char **argv);
int verb_info(struct cli *cli, int argc, char **argv);
int verb_version(struct cli *cli, int argc, char **argv);
int verb_events(struct cli *cli, int argc, char **argv);
int volume_ls(struct cli *cli, int argc, char **argv);
int volume_create(struct cli *cli, int argc, char **argv);
int volume_rm(struct cli *cli, int argc, char **argv);
int volume_prune(struct cli *cli, int argc, char **argv);
int network_ls(struct cli *cli, int argc, char **argv);
int network_create(struct cli *cli, int argc, char **argv);
int network_inspect(struct cli *cli, int argc, char **argv);
int network_rm(struct cli *cli, int argc, char **argv);
int network_prune(struct cli *cli, int argc, char **argv);
int network_connect(struct cli *cli, int argc, char **argv);
int network_disconnect(struct cli *cli, int argc, char **argv);
int network_picture(struct cli *cli, int argc, char **argv);
int verb_port(struct cli *cli, int argc, char **argv);
int container_prune(struct cli *cli, int argc, char **argv);
int image_prune(struct cli *cli, int argc, char **argv);
int verb_pause(struct cli *cli, int argc, char **argv);
int verb_unpause(struct cli *cli, int argc, char **argv);
int verb_restart(struct cli *cli, int argc, char **argv);
int verb_rename(struct cli *cli, int argc, char **argv);
int verb_top(struct cli *cli, int argc, char **argv);
int verb_history(struct cli *cli, int argc, char **argv);
int verb_save(struct cli *cli, int argc, char **argv);
int verb_export(struct cli *cli, int argc, char **argv);
int verb_completion(struct cli *cli, int argc, char **argv);
int verb_helpers(struct cli *cli, int argc, char **argv);
int verb_audit(struct cli *cli, int argc, char **argv);
int verb_policy(struct cli *cli, int argc, char **argv);
int verb_protocol(struct cli *cli, int argc, char **argv);

/* --- configuration of a new container (config.c) ---------------------------------------------------------- */
struct run_options {
	bool detach, interactive, tty, remove, quiet, sig_proxy;
	const char *name, *pull, *detach_keys, *cidfile, *platform;
	struct texts attach;
	const char *ip, *ip6, *mac; /* of its first network, as are the next two */
	struct texts aliases, linklocals;
	cJSON *networks; /* what --network said, or NULL */
	cJSON *body; /* what POST /containers/create takes */
};
/* Reads the options, image and command of run and create; body is fresh and the caller's. 0, -1, 1 as options_parse, -2
 * (after a message) without an image. */
int config_parse(struct run_options *o, bool create, int argc, char **argv);

/* A whole text file of at most 4 MiB in fresh memory; NULL after a message. */
char *text_file(const char *path);

/* The policy (valid, or the questions make no sense) in words, or the answer to a question: argv[0] is "bind" and so
 * on. facts: of the running engine, or NULL. 0 allowed, 1 denied, 2 no such question. */
int policy_explain(const cJSON *policy, const cJSON *facts, int argc, char **argv);

/* helpers.json beside the socket: what the launcher says of this engine. NULL (without a message) when it cannot be
 * read. */
cJSON *launcher_facts(const struct cli *cli);

#endif
