/* picture.h - who is connected to what: networks, bridges, subnets, containers, ports. */
#ifndef POSTERN_CLI_PICTURE_H
#define POSTERN_CLI_PICTURE_H

#include "cli.h"

enum picture_form { PICTURE_TEXT, PICTURE_DOT, PICTURE_SVG };

/* Draws the named networks, or all. Returns the exit status. */
int picture_print(struct cli *cli, enum picture_form form, int n, char **names);

/* What is drawn: texts that nobody checks for us; every form escapes them its own way. `networks` is an array of
 * {Name, Driver, Bridge, Subnets, Flags, Containers: [{Name, Addresses, Names, Ports}]}, all of them texts. */
void picture_draw(FILE *out, enum picture_form form, const cJSON *networks);

#endif
