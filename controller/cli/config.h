/* config.h - the forms that values of run's and create's options have, and what they make of the body. */
#ifndef POSTERN_CLI_CONFIG_H
#define POSTERN_CLI_CONFIG_H

#include "cli.h"

/* The object that holds the last part of a path inside body, made where missing; *ret_key is that part. */
cJSON *config_holder(cJSON *body, const char *path, const char **ret_key);
/* Puts (taking) or replaces what stands at a path of the body; the list at one, made when missing. */
void config_put(struct run_options *o, const char *path, cJSON *value);
cJSON *config_list(struct run_options *o, const char *path);

/* Each line of a file but empty ones and those with a '#' in front. 0 or -1 after a message. */
int config_add_lines(void *to, const struct option_row *row, const char *path,
		     int (*add)(void *to, const struct option_row *row, const char *line));

/* For rows of OPT_APPLY; `to` is a struct run_options. */
int config_add_pair(void *to, const struct option_row *row, const char *value); /* "key=value" into a map */
int config_add_pair_file(void *to, const struct option_row *row, const char *value); /* a file of such lines */
int config_add_port(void *to, const struct option_row *row, const char *value); /* -p */
int config_add_expose(void *to, const struct option_row *row, const char *value);
int config_add_host(void *to, const struct option_row *row, const char *value); /* --add-host */
int config_add_server(void *to, const struct option_row *row, const char *value); /* --dns */
int config_add_link(void *to, const struct option_row *row, const char *value);
int config_add_network(void *to, const struct option_row *row, const char *value); /* NAME, or name=NAME,alias=... */
int config_add_throttle(void *to, const struct option_row *row, const char *value); /* /dev/sda:1mb */
int config_add_weight_device(void *to, const struct option_row *row, const char *value); /* /dev/sda:200 */
int config_put_restart(void *to, const struct option_row *row, const char *value);
int config_put_health(void *to, const struct option_row *row, const char *value);
int config_put_duration(void *to, const struct option_row *row, const char *value); /* "1m30s" to nanoseconds */
int config_put_no_health(void *to, const struct option_row *row, const char *value);
int config_add_gpus(void *to, const struct option_row *row, const char *value);

/* Networks and what was said of the first one into the body, when all options are known. 0 or -1 after a message. */
int config_finish_network(struct run_options *o);

#endif
