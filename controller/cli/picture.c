/* picture.c - `postern network picture` and `network inspect --picture`: a tree, a graph for dot(1), or a drawing.
 *
 * Reads what inspect says of networks and of the containers in them. Names, aliases and addresses come from the engine
 * and are not believed to be harmless: each form has an escape of its own, and nothing reaches the output without it.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "../../helpers/base/cleanup.h"
#include "picture.h"

/* --- escapes ---------------------------------------------------------------------------------------------- */
/* Bytes of the UTF-8 sequence at s, or 0 when it is none (or a control character). */
static unsigned sequence(const char *s)
{
	const unsigned char *p = (const unsigned char *)s;
	unsigned n = *p < 0x80 ? 1 : *p < 0xc2 || *p > 0xf4 ? 0 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : 4;

	if (*p < 0x20 || *p == 0x7f || (*p == 0xc2 && p[1] < 0xa0))
		return 0;
	for (unsigned i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	/* Too long for what they say, surrogates, beyond Unicode; U+FFFE and U+FFFF, which XML has not. */
	if ((*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] > 0x9f) || (*p == 0xf0 && p[1] < 0x90) ||
	    (*p == 0xf4 && p[1] > 0x8f) || (*p == 0xef && p[1] == 0xbf && p[2] >= 0xbe))
		return 0;
	return n;
}

static void put_escaped(FILE *out, enum picture_form form, const char *s)
{
	static const char *const entities[256] = {
		['&'] = "&amp;", ['<'] = "&lt;", ['>'] = "&gt;", ['"'] = "&quot;", ['\''] = "&#39;",
	};
	unsigned n;

	for (; *s; s += n ? n : 1) {
		n = sequence(s);
		if (n == 0)
			fputc('?', out);
		else if (form == PICTURE_SVG && entities[(unsigned char)*s])
			fputs(entities[(unsigned char)*s], out);
		else if (form == PICTURE_DOT && (*s == '"' || *s == '\\'))
			fprintf(out, "\\%c", *s);
		else
			fwrite(s, 1, n, out);
	}
}

/* Format with each %s escaped; nothing else of printf's but %d. */
static void put(FILE *out, enum picture_form form, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	for (const char *p = format; *p; p++) {
		if (p[0] == '%' && p[1] == 's')
			/* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): clang-tidy 14 errs here */
			put_escaped(out, form, va_arg(args, const char *));
		else if (p[0] == '%' && p[1] == 'd')
			/* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): clang-tidy 14 errs here */
			fprintf(out, "%d", va_arg(args, int));
		else
			fputc(*p, out);
		p += *p == '%';
	}
	va_end(args);
}

/* --- what there is ---------------------------------------------------------------------------------------- */
/* Appends to a list in words. */
static void join(char *text, size_t size, const char *separator, const char *word)
{
	size_t n = strlen(text);

	if (*word)
		snprintf(text + n, size - n, "%s%s", n ? separator : "", word);
}

static void add_field(cJSON *to, const char *key, const char *text)
{
	cJSON_AddStringToObject(to, key, text);
}

static void add_ports(cJSON *to, const cJSON *ports)
{
	char text[2048] = "", one[256];
	const cJSON *p, *b;

	cJSON_ArrayForEach(p, ports)
		cJSON_ArrayForEach(b, p) {
			const char *ip = json_text_at(b, "HostIp");

			snprintf(one, sizeof(one), strchr(ip, ':') ? "[%s]:%s->%s" : "%s:%s->%s", ip,
				 json_text_at(b, "HostPort"), p->string);
			join(text, sizeof(text), ", ", one);
		}
	add_field(to, "Ports", text);
}

static void add_names(cJSON *to, const cJSON *aliases, const char *name)
{
	char text[1024] = "";
	const cJSON *a;

	cJSON_ArrayForEach(a, aliases)
		if (cJSON_IsString(a) && strcmp(a->valuestring, name) != 0)
			join(text, sizeof(text), ", ", a->valuestring);
	add_field(to, "Names", text);
}

/* One that has gone meanwhile is left out. */
static void add_container(struct cli *cli, cJSON *to, const char *network, const cJSON *there)
{
	_cleanup_free_ char *path = api_path(API "/containers/%s/json", there->string);
	cJSON *c = NULL, *out;
	const cJSON *endpoint;
	char text[256] = "", error[256];

	if (api_try(cli, "GET", path, NULL, &c, error, sizeof(error)) < 0 || !c)
		return;
	out = cJSON_CreateObject();
	endpoint = cJSON_GetObjectItemCaseSensitive(json_at(c, "NetworkSettings.Networks"), network);
	add_field(out, "Name", json_text_at(there, "Name"));
	join(text, sizeof(text), ", ", json_text_at(there, "IPv4Address"));
	join(text, sizeof(text), ", ", json_text_at(there, "IPv6Address"));
	add_field(out, "Addresses", text);
	add_names(out, json_at(endpoint, "Aliases"), json_text_at(there, "Name"));
	add_ports(out, json_at(c, "NetworkSettings.Ports"));
	cJSON_AddItemToArray(to, out);
	cJSON_Delete(c);
}

static cJSON *describe(struct cli *cli, const cJSON *n)
{
	cJSON *out = cJSON_CreateObject(), *containers;
	const cJSON *v;
	char text[1024] = "";

	add_field(out, "Name", json_text_at(n, "Name"));
	add_field(out, "Driver", json_text_at(n, "Driver"));
	add_field(out, "Bridge", json_text_at(n, "Bridge"));
	cJSON_ArrayForEach(v, json_at(n, "IPAM.Config")) {
		char one[256];

		snprintf(one, sizeof(one), *json_text_at(v, "Gateway") ? "%s via %s" : "%s", json_text_at(v, "Subnet"),
			 json_text_at(v, "Gateway"));
		join(text, sizeof(text), ", ", one);
	}
	add_field(out, "Subnets", text);
	add_field(out, "Flags", cJSON_IsTrue(json_at(n, "Internal")) ? "internal" : "");
	containers = cJSON_AddArrayToObject(out, "Containers");
	cJSON_ArrayForEach(v, json_at(n, "Containers"))
		add_container(cli, containers, json_text_at(n, "Name"), v);
	return out;
}

/* The list does not have the containers: each network is asked for. */
static int read_networks(struct cli *cli, int n, char **names, cJSON *to)
{
	cJSON *list = NULL, *one;
	const cJSON *item;
	int status = 0;

	if (n == 0 && api_call(cli, "GET", API "/networks", NULL, &list) < 0)
		return 1;
	for (int i = 0; i < (n ? n : cJSON_GetArraySize(list)); i++) {
		item = n ? NULL : cJSON_GetArrayItem(list, i);
		const char *name = n ? names[i] : json_text_at(item, "Id");
		_cleanup_free_ char *path = api_path(API "/networks/%s?verbose=true", name);

		one = NULL;
		if (api_call(cli, "GET", path, NULL, &one) < 0)
			status = 1;
		else
			cJSON_AddItemToArray(to, describe(cli, one));
		cJSON_Delete(one);
	}
	cJSON_Delete(list);
	return status;
}

/* --- a tree ----------------------------------------------------------------------------------------------- */
static void draw_text(FILE *out, const cJSON *networks)
{
	static const struct {
		const char *key, *before;
	} parts[] = { { "Addresses", "  " }, { "Names", "  also " }, { "Ports", "  published " } };
	const cJSON *n, *c;

	cJSON_ArrayForEach(n, networks) {
		put(out, PICTURE_TEXT, "%s (%s", json_text_at(n, "Name"), json_text_at(n, "Driver"));
		put(out, PICTURE_TEXT, *json_text_at(n, "Bridge") ? " %s" : "%s", json_text_at(n, "Bridge"));
		put(out, PICTURE_TEXT, *json_text_at(n, "Subnets") ? ", %s" : "%s", json_text_at(n, "Subnets"));
		put(out, PICTURE_TEXT, *json_text_at(n, "Flags") ? ", %s)\n" : "%s)\n", json_text_at(n, "Flags"));
		cJSON_ArrayForEach(c, json_at(n, "Containers")) {
			put(out, PICTURE_TEXT, c->next ? "├── %s" : "└── %s", json_text_at(c, "Name"));
			for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
				if (*json_text_at(c, parts[i].key))
					put(out, PICTURE_TEXT, "%s%s", parts[i].before, json_text_at(c, parts[i].key));
			fputc('\n', out);
		}
	}
}

/* --- containers once -------------------------------------------------------------------------------------- */
/* One container is in several networks: its number among all, in the order in which they are met. */
static int number_of(const cJSON *all, const char *name)
{
	const cJSON *c;
	int i = 0;

	cJSON_ArrayForEach(c, all) {
		if (strcmp(json_text_at(c, "Name"), name) == 0)
			return i;
		i++;
	}
	return -1;
}

static cJSON *all_containers(const cJSON *networks)
{
	cJSON *all = cJSON_CreateArray();
	const cJSON *n, *c;

	cJSON_ArrayForEach(n, networks)
		cJSON_ArrayForEach(c, json_at(n, "Containers"))
			if (number_of(all, json_text_at(c, "Name")) < 0)
				cJSON_AddItemToArray(all, cJSON_Duplicate(c, true));
	return all;
}

/* --- DOT -------------------------------------------------------------------------------------------------- */
static void draw_dot(FILE *out, const cJSON *networks)
{
	cJSON *all = all_containers(networks);
	const cJSON *n, *c;
	int i = 0;

	fputs("graph networks {\n\trankdir=LR;\n\tnode [shape=box, fontname=\"sans-serif\"];\n"
	      "\tedge [fontname=\"sans-serif\", fontsize=10];\n",
	      out);
	cJSON_ArrayForEach(c, all) {
		put(out, PICTURE_DOT, "\tc%d [label=\"%s", i++, json_text_at(c, "Name"));
		put(out, PICTURE_DOT, *json_text_at(c, "Ports") ? "\\n%s\"];\n" : "%s\"];\n", json_text_at(c, "Ports"));
	}
	i = 0;
	cJSON_ArrayForEach(n, networks) {
		put(out, PICTURE_DOT, "\tn%d [shape=ellipse%s, label=\"%s\\n%s", i,
		    *json_text_at(n, "Flags") ? ", style=dashed" : "", json_text_at(n, "Name"),
		    json_text_at(n, "Driver"));
		put(out, PICTURE_DOT, " %s\\n%s\"];\n", json_text_at(n, "Bridge"), json_text_at(n, "Subnets"));
		cJSON_ArrayForEach(c, json_at(n, "Containers")) {
			put(out, PICTURE_DOT, "\tn%d -- c%d [label=\"%s", i, number_of(all, json_text_at(c, "Name")),
			    json_text_at(c, "Addresses"));
			put(out, PICTURE_DOT, *json_text_at(c, "Names") ? "\\n%s\"];\n" : "%s\"];\n",
			    json_text_at(c, "Names"));
		}
		i++;
	}
	fputs("}\n", out);
	cJSON_Delete(all);
}

/* --- SVG -------------------------------------------------------------------------------------------------- */
/* Networks stand on the left, containers on the right, lines between them; sizes are pixels. */
enum { MARGIN = 20, BOX_HEIGHT = 56, STEP = 80, LEFT_WIDTH = 320, GAP = 320, RIGHT_WIDTH = 380 };
enum { RIGHT = MARGIN + LEFT_WIDTH + GAP, WIDTH = RIGHT + RIGHT_WIDTH + MARGIN };

static int middle(int i)
{
	return MARGIN + i * STEP + BOX_HEIGHT / 2;
}

static void put_box(FILE *out, int x, int i, int width, const char *class, const char *title, const char *below)
{
	put(out, PICTURE_SVG, "<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"6\"/>\n", class, x,
	    middle(i) - BOX_HEIGHT / 2, width, BOX_HEIGHT);
	put(out, PICTURE_SVG, "<text x=\"%d\" y=\"%d\" class=\"title\">%s</text>\n", x + 12, middle(i) - 4, title);
	put(out, PICTURE_SVG, "<text x=\"%d\" y=\"%d\">%s</text>\n", x + 12, middle(i) + 16, below);
}

/* Labels of lines stand at the container's end, where no two meet: as many as it has networks, one below the other. */
static void put_line(FILE *out, int network, int container, int nth, const cJSON *c)
{
	put(out, PICTURE_SVG, "<line x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\"/>\n", MARGIN + LEFT_WIDTH, middle(network),
	    RIGHT, middle(container));
	put(out, PICTURE_SVG, *json_text_at(c, "Names") ? "<text x=\"%d\" y=\"%d\" class=\"end\">%s (%s)</text>\n" :
							    "<text x=\"%d\" y=\"%d\" class=\"end\">%s%s</text>\n",
	    RIGHT - 8, middle(container) - 6 + 14 * nth, json_text_at(c, "Addresses"), json_text_at(c, "Names"));
}

static void draw_svg(FILE *out, const cJSON *networks)
{
	cJSON *all = all_containers(networks);
	int left = cJSON_GetArraySize(networks), right = cJSON_GetArraySize(all), rows = left > right ? left : right;
	int i = 0;
	int *lines = calloc((size_t)right + 1, sizeof(*lines));
	const cJSON *n, *c;
	char text[2400];

	if (!lines)
		abort();
	put(out, PICTURE_SVG, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\">\n", WIDTH,
	    2 * MARGIN + rows * STEP);
	fputs("<style>text{font:12px sans-serif}.title{font-weight:bold;font-size:14px}"
	      ".end{text-anchor:end;font-size:11px}rect{fill:#fff;stroke:#333}.network{fill:#e8f0fe}"
	      ".internal{fill:#eee;stroke-dasharray:4}line{stroke:#888}</style>\n",
	      out);
	cJSON_ArrayForEach(n, networks) {
		cJSON_ArrayForEach(c, json_at(n, "Containers")) {
			int k = number_of(all, json_text_at(c, "Name"));

			put_line(out, i, k, lines[k]++, c);
		}
		snprintf(text, sizeof(text), "%s %s  %s", json_text_at(n, "Driver"), json_text_at(n, "Bridge"),
			 json_text_at(n, "Subnets"));
		put_box(out, MARGIN, i++, LEFT_WIDTH, *json_text_at(n, "Flags") ? "internal" : "network",
			json_text_at(n, "Name"), text);
	}
	i = 0;
	cJSON_ArrayForEach(c, all)
		put_box(out, RIGHT, i++, RIGHT_WIDTH, "container", json_text_at(c, "Name"), json_text_at(c, "Ports"));
	fputs("</svg>\n", out);
	free(lines);
	cJSON_Delete(all);
}

void picture_draw(FILE *out, enum picture_form form, const cJSON *networks)
{
	static void (*const draw[])(FILE *, const cJSON *) = {
		[PICTURE_TEXT] = draw_text, [PICTURE_DOT] = draw_dot, [PICTURE_SVG] = draw_svg,
	};

	draw[form](out, networks);
}

int picture_print(struct cli *cli, enum picture_form form, int n, char **names)
{
	cJSON *networks = cJSON_CreateArray();
	int status = read_networks(cli, n, names, networks);

	picture_draw(stdout, form, networks);
	cJSON_Delete(networks);
	return status;
}
