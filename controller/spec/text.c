/* text.c - paths, lists, names and numbers in what clients write: checks without side effects. All input is hostile. */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../../helpers/base/cleanup.h"
#include "../../helpers/base/text.h"
#include "internal.h"

bool path_clean(const char *path, char ret[SPEC_PATH_MAX])
{
	size_t n = 0;
	const char *part, *at = path;
	size_t len;

	if (path[0] != '/' || !text_valid(path, strlen(path)))
		return false;
	while (list_next(&at, '/', &part, &len)) {
		if (!len || (len == 1 && part[0] == '.'))
			continue;
		if (len == 2 && part[0] == '.' && part[1] == '.') {
			while (n && ret[--n] != '/')
				;
			continue;
		}
		if (len > SPEC_PATH_MAX - 2 || n > SPEC_PATH_MAX - 2 - len)
			return false;
		ret[n++] = '/';
		memcpy(ret + n, part, len);
		n += len;
	}
	if (!n)
		ret[n++] = '/';
	ret[n] = '\0';
	return true;
}

bool list_next(const char **at, char separator, const char **ret_part, size_t *ret_len)
{
	const char *end;

	if (!*at)
		return false;
	end = strchr(*at, separator);
	*ret_part = *at;
	*ret_len = end ? (size_t)(end - *at) : strlen(*at);
	*at = end ? end + 1 : NULL;
	return true;
}

bool list_has(const char *list, char separator, const char *word)
{
	const char *part;
	size_t len;

	while (list_next(&list, separator, &part, &len))
		if (len == strlen(word) && !memcmp(part, word, len))
			return true;
	return false;
}

bool ip_valid(const char *text)
{
	uint8_t buf[16];

	return inet_pton(AF_INET, text, buf) == 1 || inet_pton(AF_INET6, text, buf) == 1;
}

bool host_valid(const char *text, size_t max)
{
	size_t i;

	for (i = 0; text[i]; i++)
		if (i >= max || !(isalnum((unsigned char)text[i]) || strchr(".-_", text[i])))
			return false;
	return i > 0;
}

/* Components of lower-case letters and digits, joined by one '.', "__" at most, or dashes. */
static bool name_component(const char *s, size_t n)
{
	size_t i;

	if (!n || !isalnum((unsigned char)s[0]) || !isalnum((unsigned char)s[n - 1]))
		return false;
	for (i = 0; i < n; i++)
		if (!(islower((unsigned char)s[i]) || isdigit((unsigned char)s[i]) || strchr("._-", s[i])) ||
		    (s[i] == '.' && s[i + 1] == '.'))
			return false;
	return true;
}

/* The first component is a registry when it has a dot, a port, or is localhost. */
static bool is_registry(const char *s, size_t n)
{
	return memchr(s, '.', n) || memchr(s, ':', n) || (n == 9 && !memcmp(s, "localhost", n));
}

static bool registry_valid(const char *s, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (!isalnum((unsigned char)s[i]) && !strchr(".-:[]", s[i]))
			return false;
	return n > 0;
}

static bool tag_valid(const char *s, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (!isalnum((unsigned char)s[i]) && s[i] != '_' && (!i || !strchr(".-", s[i])))
			return false;
	return n > 0 && n <= 128;
}

static bool digest_valid(const char *s)
{
	size_t i, skip = strlen("sha256:");

	if (strncmp(s, "sha256:", skip) != 0)
		return false;
	for (i = 0; s[skip + i]; i++)
		if (!isdigit((unsigned char)s[skip + i]) && !(s[skip + i] >= 'a' && s[skip + i] <= 'f'))
			return false;
	return i == 64;
}

int reference_check(const char *ref, struct err *err)
{
	const char *digest = strchr(ref, '@'), *colon, *part, *at;
	size_t n = digest ? (size_t)(digest - ref) : strlen(ref), len;
	char name[256], lower[256];
	bool first = true, good = true;
	size_t i;

	if (digest_valid(ref))
		return 0;
	if (!n || n >= sizeof(name) || (digest && !digest_valid(digest + 1)))
		return err_set(err, 400, "invalid reference format");
	memcpy(name, ref, n);
	name[n] = '\0';
	colon = strrchr(name, ':');
	if (colon && !strchr(colon, '/')) {
		good = tag_valid(colon + 1, strlen(colon + 1));
		name[colon - name] = '\0';
	}
	for (at = name; list_next(&at, '/', &part, &len); first = false) {
		if (first && at && is_registry(part, len)) {
			good = good && registry_valid(part, len);
			continue;
		}
		for (i = 0; i < len; i++)
			lower[i] = (char)tolower((unsigned char)part[i]);
		lower[len] = '\0';
		if (good && name_component(lower, len) && memcmp(lower, part, len) != 0)
			return err_set(err, 400, "invalid reference format: repository name (%s) must be lowercase",
				       name);
		good = good && name_component(part, len);
	}
	return good ? 0 : err_set(err, 400, "invalid reference format");
}

int signal_parse(const char *text)
{
	static const struct {
		const char *name;
		int number;
	} table[] = {
		{ "HUP", SIGHUP },	 { "INT", SIGINT },	{ "QUIT", SIGQUIT }, { "ILL", SIGILL },
		{ "TRAP", SIGTRAP },	 { "ABRT", SIGABRT },	{ "IOT", SIGIOT },   { "BUS", SIGBUS },
		{ "FPE", SIGFPE },	 { "KILL", SIGKILL },	{ "USR1", SIGUSR1 }, { "SEGV", SIGSEGV },
		{ "USR2", SIGUSR2 },	 { "PIPE", SIGPIPE },	{ "ALRM", SIGALRM }, { "TERM", SIGTERM },
		{ "STKFLT", SIGSTKFLT }, { "CHLD", SIGCHLD },	{ "CLD", SIGCHLD },  { "CONT", SIGCONT },
		{ "STOP", SIGSTOP },	 { "TSTP", SIGTSTP },	{ "TTIN", SIGTTIN }, { "TTOU", SIGTTOU },
		{ "URG", SIGURG },	 { "XCPU", SIGXCPU },	{ "XFSZ", SIGXFSZ }, { "VTALRM", SIGVTALRM },
		{ "PROF", SIGPROF },	 { "WINCH", SIGWINCH }, { "IO", SIGIO },     { "POLL", SIGPOLL },
		{ "PWR", SIGPWR },	 { "SYS", SIGSYS },
	};
	enum { FIRST_REALTIME = 34, LAST = 64 }; /* as programs see them: the C library keeps 32 and 33 */
	uint64_t n;
	size_t i;

	if (!text_u64(text, LAST, &n))
		return n ? (int)n : -1;
	if (!strncasecmp(text, "SIG", 3))
		text += 3;
	for (i = 0; i < ARRAY_SIZE(table); i++)
		if (!strcasecmp(text, table[i].name))
			return table[i].number;
	if (!strcasecmp(text, "RTMIN"))
		return FIRST_REALTIME;
	if (!strcasecmp(text, "RTMAX"))
		return LAST;
	if (!strncasecmp(text, "RTMIN+", 6) && !text_u64(text + 6, LAST - FIRST_REALTIME, &n))
		return FIRST_REALTIME + (int)n;
	if (!strncasecmp(text, "RTMAX-", 6) && !text_u64(text + 6, LAST - FIRST_REALTIME, &n))
		return LAST - (int)n;
	return -1;
}

int cpulist_check(const char *text, unsigned limit)
{
	const char *part, *at = text;
	size_t len;
	int r = 0;

	while (list_next(&at, ',', &part, &len)) {
		char buf[32], *dash;
		uint64_t from, to;

		if (!len || len >= sizeof(buf))
			return -EINVAL;
		memcpy(buf, part, len);
		buf[len] = '\0';
		dash = strchr(buf, '-');
		if (dash)
			*dash++ = '\0';
		if (text_u64(buf, 8191, &from) || (dash && text_u64(dash, 8191, &to)))
			return -EINVAL;
		if (!dash)
			to = from;
		if (to < from)
			return -EINVAL;
		if (to >= limit)
			r = -ERANGE;
	}
	return r;
}
