/* man.c - postern(1), out of the tables of verbs and of their options: `postern __man`. The other pages are in man/. */
#include <string.h>

#include "cli.h"

static void put_escaped(const char *s)
{
	for (; *s; s++) {
		if (*s == '-' || *s == '\\')
			putchar('\\');
		if (*s == '\\')
			putchar('e');
		else
			putchar(*s);
	}
}

static void put_verb(struct cli *cli, const char *group, const struct verb *v)
{
	char *flags[] = { (char *)v->name, MAN_FLAGS, NULL };

	printf(".Ss ");
	put_escaped(group);
	put_escaped(v->name);
	printf(" ");
	put_escaped(v->usage);
	printf("\n");
	put_escaped(v->text);
	printf(".\n");
	/* Those without a table of options say nothing to a flag. */
	if (v->run && (strstr(v->usage, "OPTION") || v->usage[0] == '['))
		v->run(cli, 2, flags);
}

static void put_verbs(struct cli *cli, const char *group, const struct verb *table)
{
	char inner[64];

	for (const struct verb *v = table; v->name; v++) {
		if (!v->sub) {
			put_verb(cli, group, v);
			continue;
		}
		snprintf(inner, sizeof(inner), "%s%s ", group, v->name);
		put_verbs(cli, inner, v->sub);
	}
}

int man_page(struct cli *cli)
{
	printf(".\\\" Made by `postern __man` from the tables of verbs.\n"
	       ".Dd $Mdocdate$\n.Dt POSTERN 1\n.Os\n.Sh NAME\n.Nm postern\n"
	       ".Nd run containers without privilege\n.Sh SYNOPSIS\n.Nm\n.Op Fl H Ar socket\n.Ar command\n"
	       ".Op Ar argument ...\n"
	       ".Sh DESCRIPTION\n.Nm\nasks the engine\n.Xr posternd 8\nover its socket, "
	       "with the verbs and flags of Docker's command line.\n"
	       "Templates of\n.Fl \\-format\nare Go's as far as Docker's users go: fields, variables, pipes,\n"
	       ".Cm if ,\n.Cm range ,\n.Cm with ,\nand the functions json, upper, lower, title, join, split, truncate, "
	       "pad, print, println, printf, len,\n"
	       "index, slice, eq, ne, lt, le, gt, ge, and, or, not.\n"
	       ".Sh COMMANDS\n");
	put_verbs(cli, "", verbs);
	printf(".Sh ENVIRONMENT\n.Bl -tag -width Ds\n.It Ev POSTERN_SOCKET\nThe engine's socket.\n.El\n"
	       ".Sh FILES\n.Bl -tag -width Ds\n.It Pa /run/postern/postern.sock\nSocket of root's engine.\n"
	       ".It Pa $XDG_RUNTIME_DIR/postern/postern.sock\nSocket of a user's own.\n.El\n"
	       ".Sh EXIT STATUS\n0, or 1 for an error.\n.Cm run\nreturns the container's own, 125 when the engine "
	       "refused, 126 when the command cannot be\n"
	       "executed, 127 when it is not there.\n"
	       ".Sh SEE ALSO\n.Xr posternd.json 5 ,\n.Xr postern\\-policy 5 ,\n.Xr postern\\-protocol 7 ,\n"
	       ".Xr posternd 8\n");
	return 0;
}
