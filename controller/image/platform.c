/* platform.c - "linux/arm64/v8" and {"os":...,"architecture":...}: which machine an image is for. Hostile input:
 * texts of clients, configs of images. image-spec config.md and image-index.md, "platform". */
#include <string.h>

#include "../../helpers/base/text.h"
#include "../json.h"
#include "internal.h"

#if defined(__x86_64__)
const char image_native_arch[] = "amd64";
#else
const char image_native_arch[] = "arm64";
#endif

/* What uname and users say for it. */
static const struct {
	const char *said, *arch, *variant;
} aliases[] = {
	{ "x86_64", "amd64", "" }, { "x86-64", "amd64", "" }, { "aarch64", "arm64", "" }, { "armhf", "arm", "v7" },
	{ "armel", "arm", "v6" },  { "i386", "386", "" },
};

static int take(char *to, size_t size, const char *text, const char *whole, struct err *err)
{
	size_t n = strlen(text);

	if (n >= size || strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_-.") != n)
		return err_set(err, 400, "\"%.64s\" is an invalid OS/architecture component", whole);
	memcpy(to, text, n + 1);
	return 0;
}

static int parse_json(const char *text, struct platform *p, struct err *err)
{
	cJSON *v = json_parse(text, strlen(text), err);
	const char *os = json_text(v, "os", "linux", err), *arch = json_text(v, "architecture", image_native_arch, err),
		   *variant = json_text(v, "variant", "", err);
	int e = -1;

	if (v && !err->status && os && arch && variant && take(p->os, sizeof(p->os), os, os, err) == 0 &&
	    take(p->arch, sizeof(p->arch), arch, arch, err) == 0)
		e = take(p->variant, sizeof(p->variant), variant, variant, err);
	cJSON_Delete(v);
	return e;
}

int platform_parse(const char *text, struct platform *ret, struct err *err)
{
	struct platform p = { .os = "linux" };
	char copy[100], *rest = copy, *part;

	text_copy(p.arch, sizeof(p.arch), image_native_arch);
	if (text && *text == '{') {
		if (parse_json(text, &p, err) < 0)
			return -1;
	} else if (text && *text) {
		if (text_copy(copy, sizeof(copy), text) < 0)
			return err_set(err, 400, "\"%.64s\" is an invalid OS/architecture component", text);
		if (take(p.os, sizeof(p.os), strsep(&rest, "/"), text, err) < 0)
			return -1;
		if ((part = strsep(&rest, "/")) && take(p.arch, sizeof(p.arch), part, text, err) < 0)
			return -1;
		if ((part = strsep(&rest, "/")) && take(p.variant, sizeof(p.variant), part, text, err) < 0)
			return -1;
		if (rest)
			return err_set(err, 400, "\"%.64s\" is an invalid OS/architecture component", text);
	}
	for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++)
		if (strcmp(p.arch, aliases[i].said) == 0) {
			text_copy(p.arch, sizeof(p.arch), aliases[i].arch);
			if (!p.variant[0])
				text_copy(p.variant, sizeof(p.variant), aliases[i].variant);
		}
	*ret = p;
	return 0;
}

bool platform_matches(const struct platform *p, const cJSON *config)
{
	const char *os = json_text(config, "os", "linux", NULL), *variant = json_text(config, "variant", "", NULL),
		   *arch = json_text(config, "architecture", image_native_arch, NULL);

	return os && arch && variant && strcmp(*os ? os : "linux", p->os) == 0 &&
	       strcmp(*arch ? arch : image_native_arch, p->arch) == 0 &&
	       (!p->variant[0] || strcmp(variant, p->variant) == 0);
}
