/* protocol.c - the reference page of the capability protocol, derived from the declaration of every op (ops.h): it
 * cannot differ from what the helpers take. */
#include <string.h>

#include "../../helpers/base/cleanup.h"
#include "../../helpers/base/fd.h"
#include "../../helpers/protocol/message.h"
#include "../../helpers/shared/op_names.h"
#include "cli.h"

static const char *const type_words[] = {
	[FIELD_U32] = "u32",	   [FIELD_U64] = "u64", [FIELD_NAME] = "name", [FIELD_PATH] = "path",
	[FIELD_TEXT] = "text",	   [FIELD_ID] = "id",	[FIELD_IDS] = "ids",   [FIELD_U32S] = "u32 list",
	[FIELD_U64S] = "u64 list", [FIELD_FD] = "fd",	[FIELD_FDS] = "fds",
};
_Static_assert(ARRAY_SIZE(type_words) == FIELD_FDS + 1, "a field type without a word");

static const char *type_word(const struct field_desc *f)
{
	return (size_t)f->type < ARRAY_SIZE(type_words) ? type_words[f->type] : "?";
}

static void bounds(const struct field_desc *f, char *out, size_t size)
{
	const char *kind = f->type == FIELD_FD || f->type == FIELD_FDS ? fd_kind_name((enum fd_kind)f->min) : "";

	switch (f->type) {
	case FIELD_FD:
		snprintf(out, size, "%s%s", kind, f->max == OPTIONAL ? ", optional" : "");
		break;
	case FIELD_FDS:
		snprintf(out, size, "%s, 0 to %llu", kind, (unsigned long long)f->max);
		break;
	case FIELD_ID:
		snprintf(out, size, "%d bytes", ID_BYTES);
		break;
	case FIELD_NAME:
	case FIELD_PATH:
	case FIELD_TEXT:
		snprintf(out, size, "%llu to %llu bytes", (unsigned long long)f->min, (unsigned long long)f->max);
		break;
	case FIELD_IDS:
	case FIELD_U32S:
	case FIELD_U64S:
		snprintf(out, size, "%llu to %llu of them", (unsigned long long)f->min, (unsigned long long)f->max);
		break;
	default:
		if (f->min == 0 && f->max >= (f->type == FIELD_U32 ? UINT32_MAX : UINT64_MAX))
			snprintf(out, size, "any");
		else if (f->max == UINT64_MAX || (f->type == FIELD_U32 && f->max == UINT32_MAX))
			snprintf(out, size, "%llu or more", (unsigned long long)f->min);
		else
			snprintf(out, size, "%llu to %llu", (unsigned long long)f->min, (unsigned long long)f->max);
	}
}

static void print_fields(const char *title, const struct message_desc *m)
{
	char text[96];

	if (m->nfields == 0)
		return;
	printf("| %s | type | bounds |\n| --- | --- | --- |\n", title);
	for (unsigned i = 0; i < m->nfields; i++) {
		bounds(&m->fields[i], text, sizeof(text));
		printf("| %s | %s | %s |\n", m->fields[i].name, type_word(&m->fields[i]), text);
	}
	printf("\n");
}

static void print_markdown(void)
{
	const char *helper = "";

	printf("# The capability protocol\n\n"
	       "Made by `postern protocol` from helpers/protocol/ops.h. One datagram (SOCK_SEQPACKET) is one message:\n"
	       "a fixed header, then the fields in this order, fds beside them. A reply starts with status, stage and\n"
	       "rule; its fields follow when the status is 0. Class: acquire (its intent is on file before its\n"
	       "effect), release (space for its records is reserved), query, private (between two helpers). Rights:\n"
	       "what the proven API client must have by policy.\n");
	for (unsigned op = 0; op < OP_COUNT; op++) {
		const struct op_desc *d = op_desc(op);

		if (!d)
			continue;
		if (strcmp(helper, d->helper_name) != 0)
			printf("\n## %s\n", strcmp(d->helper_name, "base") == 0 ? "every helper" : d->helper_name);
		helper = d->helper_name;
		printf("\n### %s %s\n%s. Class %s, rights %s.\n\n", d->helper_name, d->name, d->text,
		       op_class_name(d->class), op_rights_name(d->rights));
		print_fields("request", &d->req);
		print_fields("reply", &d->rep);
	}
}

static void man_fields(const char *title, const struct message_desc *m)
{
	char text[96];

	if (m->nfields == 0)
		return;
	printf("%s:\n.Bl -tag -width Ds -compact\n", title);
	for (unsigned i = 0; i < m->nfields; i++) {
		bounds(&m->fields[i], text, sizeof(text));
		printf(".It Va %s\n%s, %s\n", m->fields[i].name, type_word(&m->fields[i]), text);
	}
	printf(".El\n");
}

static void print_man(void)
{
	printf(".\\\" Made by `postern protocol --man` from helpers/protocol/ops.h.\n"
	       ".Dd $Mdocdate$\n.Dt POSTERN-PROTOCOL 7\n.Os\n.Sh NAME\n.Nm postern\\-protocol\n"
	       ".Nd every act that helpers can be asked for\n.Sh DESCRIPTION\n"
	       "One datagram is one message: a fixed header, then the fields in this order, open files beside them.\n"
	       "A reply starts with status, stage and rule; its fields follow when the status is 0.\n");
	for (unsigned op = 0; op < OP_COUNT; op++) {
		const struct op_desc *d = op_desc(op);

		if (!d)
			continue;
		printf(".Ss %s %s\n%s.\nClass %s, rights %s.\n.Pp\n", d->helper_name, d->name, d->text,
		       op_class_name(d->class), op_rights_name(d->rights));
		man_fields("Request", &d->req);
		man_fields("Reply", &d->rep);
	}
	printf(".Sh SEE ALSO\n.Xr postern 1 ,\n.Xr posternd 8\n");
}

static cJSON *json_fields(const struct message_desc *m)
{
	cJSON *list = cJSON_CreateArray();
	char text[96];

	for (unsigned i = 0; i < m->nfields; i++) {
		cJSON *f = cJSON_CreateObject();

		bounds(&m->fields[i], text, sizeof(text));
		cJSON_AddStringToObject(f, "name", m->fields[i].name);
		cJSON_AddStringToObject(f, "type", type_word(&m->fields[i]));
		cJSON_AddStringToObject(f, "bounds", text);
		cJSON_AddItemToArray(list, f);
	}
	return list;
}

static void print_json(void)
{
	cJSON *list = cJSON_CreateArray();

	for (unsigned op = 0; op < OP_COUNT; op++) {
		const struct op_desc *d = op_desc(op);
		cJSON *o;

		if (!d)
			continue;
		o = cJSON_CreateObject();
		cJSON_AddNumberToObject(o, "number", op);
		cJSON_AddStringToObject(o, "helper", d->helper_name);
		cJSON_AddStringToObject(o, "op", d->name);
		cJSON_AddStringToObject(o, "text", d->text);
		cJSON_AddStringToObject(o, "class", op_class_name(d->class));
		cJSON_AddStringToObject(o, "rights", op_rights_name(d->rights));
		cJSON_AddItemToObject(o, "request", json_fields(&d->req));
		cJSON_AddItemToObject(o, "reply", json_fields(&d->rep));
		cJSON_AddItemToArray(list, o);
	}
	json_print(stdout, list, 0);
	cJSON_Delete(list);
}

int verb_protocol(struct cli *cli, int argc, char **argv)
{
	struct {
		bool json, man;
	} o = { 0 };
	static const struct option_row rows[] = {
		{ "json", 0, OPT_FLAG, 0, NULL, NULL, "as JSON" },
		{ "man", 0, OPT_FLAG, sizeof(bool), NULL, NULL, "as a manual page" },
	};
	int n, r;

	r = OPTIONS(rows, &o, false, argc, argv, &n);
	if (r)
		return r < 0;
	if (o.json)
		print_json();
	else if (o.man)
		print_man();
	else
		print_markdown();
	return 0;
}
