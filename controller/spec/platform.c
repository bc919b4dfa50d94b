/* platform.c - "--platform": is the image for what was asked? In the words of Docker and containerd's platforms
 * package: os[/architecture[/variant]], or an architecture alone. */
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "../../helpers/base/cleanup.h"
#include "../../helpers/base/text.h"
#include "internal.h"

struct platform {
	char os[32], arch[32], variant[32];
};

/* What people write, and Go's name for it. */
static const struct {
	const char *word, *arch, *variant;
} archs[] = {
	{ "amd64", "amd64", "" },	{ "x86_64", "amd64", "" },    { "x86-64", "amd64", "" },
	{ "arm64", "arm64", "" },	{ "aarch64", "arm64", "" },   { "386", "386", "" },
	{ "i386", "386", "" },		{ "i686", "386", "" },	      { "arm", "arm", "v7" },
	{ "armhf", "arm", "v7" },	{ "armv7l", "arm", "v7" },    { "armel", "arm", "v6" },
	{ "ppc64le", "ppc64le", "" },	{ "s390x", "s390x", "" },     { "riscv64", "riscv64", "" },
	{ "mips64le", "mips64le", "" }, { "loong64", "loong64", "" }, { "wasm", "wasm", "" },
};

static bool put_arch(struct platform *p, const char *word)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(archs); i++)
		if (!strcmp(word, archs[i].word)) {
			snprintf(p->arch, sizeof(p->arch), "%s", archs[i].arch);
			snprintf(p->variant, sizeof(p->variant), "%s", archs[i].variant);
			return true;
		}
	return false;
}

static void native(struct platform *p)
{
	struct utsname u;

	*p = (struct platform){ .os = "linux" };
	if (uname(&u) < 0 || !put_arch(p, u.machine))
		snprintf(p->arch, sizeof(p->arch), "unknown");
}

static int parse(const char *text, struct platform *ret, struct err *err)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
	char parts[3][32] = { "" };
	const char *part, *at = text;
	size_t n = 0, len;

	while (list_next(&at, '/', &part, &len)) {
		if (n == ARRAY_SIZE(parts))
			return err_set(err, 400, "\"%.64s\": cannot parse platform specifier: invalid argument", text);
		if (!len || len >= sizeof(parts[0]) || strspn(part, letters) < len)
			return err_set(
				err, 400,
				"\"%.64s\" is an invalid component of \"%.64s\": platform specifier component must "
				"match \"^[A-Za-z0-9_-]+$\": invalid argument",
				part, text);
		memcpy(parts[n++], part, len);
	}
	native(ret);
	if (n == 1 && put_arch(ret, parts[0]))
		return 0;
	if (n == 1 && !list_has("linux,windows,darwin,freebsd", ',', parts[0]))
		return err_set(err, 400, "\"%.32s\": unknown operating system or architecture: invalid argument", text);
	snprintf(ret->os, sizeof(ret->os), "%s", parts[0]);
	if (n > 1 && !put_arch(ret, parts[1])) {
		snprintf(ret->arch, sizeof(ret->arch), "%s", parts[1]);
		ret->variant[0] = '\0';
	}
	if (n > 2)
		snprintf(ret->variant, sizeof(ret->variant), "%s", parts[2]);
	return 0;
}

static void print(const struct platform *p, char *ret, size_t size)
{
	snprintf(ret, size, "%s/%s%s%s", p->os, p->arch, p->variant[0] ? "/" : "", p->variant);
}

int spec_platform(const char *platform, const char *ref, const cJSON *image_config, cJSON *warnings, struct err *err)
{
	struct platform host, actual, wanted;
	char text[2][100];

	native(&host);
	actual = host;
	snprintf(actual.os, sizeof(actual.os), "%.31s", get_text(image_config, "os"));
	snprintf(actual.arch, sizeof(actual.arch), "%.31s", get_text(image_config, "architecture"));
	snprintf(actual.variant, sizeof(actual.variant), "%.31s", get_text(image_config, "variant"));
	if (!actual.os[0])
		snprintf(actual.os, sizeof(actual.os), "linux");
	if (!actual.arch[0]) /* as a root file system that was imported */
		actual = host;
	wanted = host;
	if (platform && platform[0] && parse(platform, &wanted, err))
		return -1;
	/* A variant counts where both say one. */
	if (!strcmp(wanted.os, actual.os) && !strcmp(wanted.arch, actual.arch) &&
	    (!wanted.variant[0] || !actual.variant[0] || !strcmp(wanted.variant, actual.variant)))
		return 0;
	print(&wanted, text[0], sizeof(text[0]));
	print(&actual, text[1], sizeof(text[1]));
	if (platform && platform[0])
		return err_set(
			err, 404,
			"image with reference %.256s was found but does not match the specified platform: wanted "
			"%s, actual: %s",
			ref, text[0], text[1]);
	return json_warn(
		warnings, err,
		"The requested image's platform (%s) does not match the detected host platform (%s) and no specific "
		"platform was requested",
		text[1], text[0]);
}
