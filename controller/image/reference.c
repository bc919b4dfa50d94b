/* reference.c - names of images, as distribution/reference has them: [host[:port]/]path[:tag][@digest]. Hostile
 * input.
 *
 * Names are kept in Docker's familiar form: "docker.io/library/busybox" is "busybox". One that leaves the host out also
 * finds the only image that differs by that alone, since other engines name what they build "localhost/x".
 * "repository@sha256:..." names the image of that manifest. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../../helpers/base/text.h"
#include "../engine.h"
#include "internal.h"

static bool is_lower(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_word(char c)
{
	return is_lower(c) || (c >= 'A' && c <= 'Z') || c == '_';
}

/* [a-z0-9]+ joined by one of ".", "_", "__" or any number of "-". */
static bool component_valid(const char *s, size_t n)
{
	size_t i = 0;

	while (i < n) {
		size_t word = i, gap;

		while (i < n && is_lower(s[i]))
			i++;
		if (i == word)
			return false;
		if (i == n)
			return true;
		gap = i;
		while (i < n && s[i] == '-')
			i++;
		if (i > gap)
			continue;
		if (s[i] != '.' && s[i] != '_')
			return false;
		i += s[i] == '_' && i + 1 < n && s[i + 1] == '_' ? 2 : 1;
	}
	return false;
}

/* The first component is a host when it could be nothing else. */
static bool is_host(const char *s, size_t n)
{
	return memchr(s, '.', n) || memchr(s, ':', n) || (n == 9 && memcmp(s, "localhost", 9) == 0);
}

/* Labels of letters, digits and inner "-", joined by ".", and a port. */
static bool host_valid(const char *s, size_t n)
{
	const char *colon = memchr(s, ':', n);
	size_t name = colon ? (size_t)(colon - s) : n, label = 0;

	if (colon && name + 1 == n)
		return false;
	for (size_t i = 0; i <= name; i++) {
		if (i == name || s[i] == '.') {
			if (i == label || s[label] == '-' || s[i - 1] == '-')
				return false;
			label = i + 1;
		} else if ((!is_word(s[i]) && s[i] != '-') || s[i] == '_') {
			return false;
		}
	}
	for (size_t i = name + 1; i < n; i++)
		if (s[i] < '0' || s[i] > '9')
			return false;
	return true;
}

static bool repository_valid(const char *s)
{
	const char *slash = strchr(s, '/');

	if (slash && is_host(s, (size_t)(slash - s))) {
		if (!host_valid(s, (size_t)(slash - s)))
			return false;
		s = slash + 1;
	}
	for (;;) {
		size_t n = strcspn(s, "/");

		if (!component_valid(s, n))
			return false;
		if (s[n] == '\0')
			return true;
		s += n + 1;
	}
}

static bool tag_valid(const char *s)
{
	if (!is_word(s[0]))
		return false;
	while (is_word(*s) || *s == '.' || *s == '-')
		s++;
	return *s == '\0';
}

/* "docker.io" and its "library" are understood where no host is said. */
static const char *familiar(const char *repository)
{
	static const char *const hosts[] = { "docker.io/", "index.docker.io/" };
	const char *name = repository, *slash;

	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]) && name == repository; i++)
		if (strncmp(name, hosts[i], strlen(hosts[i])) == 0)
			name += strlen(hosts[i]);
	if (strncmp(name, "library/", 8) == 0 && !strchr(name + 8, '/'))
		name += 8;
	/* What would then begin like a host stays as it is. */
	slash = strchr(name, '/');
	return *name && !(slash && is_host(name, (size_t)(slash - name))) ? name : repository;
}

int reference_parse(const char *text, struct reference *ret, struct err *err)
{
	const char *at = strchr(text, '@');
	size_t n = at ? (size_t)(at - text) : strlen(text);
	uint8_t digest[ID_BYTES];
	struct reference r = { 0 };
	char whole[IMAGE_REF_MAX], *tag;

	if (n >= sizeof(whole))
		return err_set(err, 400, "invalid reference format");
	memcpy(whole, text, n);
	whole[n] = '\0';
	if (at && (strncmp(at, "@sha256:", 8) != 0 || hex_decode(at + 8, digest, ID_BYTES) < 0))
		return err_set(err, 400, "invalid reference format");
	r.digest = at != NULL;
	/* A colon behind the last slash starts the tag; one before it belongs to the host. */
	tag = strrchr(whole, ':');
	if (tag && !strchr(tag, '/')) {
		*tag++ = '\0';
		if (!tag_valid(tag) || text_copy(r.tag, sizeof(r.tag), tag) < 0)
			return err_set(err, 400, "invalid reference format");
	}
	if (text_copy(r.repository, sizeof(r.repository), familiar(whole)) < 0)
		return err_set(err, 400,
			       "invalid reference format: repository name must not be more than 255 characters");
	if (!repository_valid(r.repository)) {
		for (char *c = whole; *c; c++)
			if (*c >= 'A' && *c <= 'Z')
				*c = (char)(*c + 32);
		if (repository_valid(whole))
			return err_set(err, 400, "invalid reference format: repository name (%s) must be lowercase",
				       r.repository);
		return err_set(err, 400, "invalid reference format");
	}
	*ret = r;
	return 0;
}

void reference_text(const struct reference *r, char ret[IMAGE_REF_MAX])
{
	snprintf(ret, IMAGE_REF_MAX, "%s:%s", r->repository, *r->tag ? r->tag : "latest");
}

struct search {
	const char *wanted;
	char found[65];
	char tag[IMAGE_REF_MAX];
	unsigned n;
};

static int match_id(void *data, struct image_row *row)
{
	struct search *s = data;

	if (strncmp(row->id, s->wanted, strlen(s->wanted)) != 0)
		return 0;
	memcpy(s->found, row->id, sizeof(s->found));
	s->n++;
	return 0;
}

/* "HOST/NAME" and "HOST/library/NAME" for "NAME". */
static int match_short(void *data, const char *ref, const char *image_id)
{
	struct search *s = data;
	const char *slash = strchr(ref, '/');

	if (!slash || !is_host(ref, (size_t)(slash - ref)))
		return 0;
	slash++;
	if (!strchr(s->wanted, '/') && strncmp(slash, "library/", 8) == 0)
		slash += 8;
	if (strcmp(slash, s->wanted) != 0)
		return 0;
	if (strcmp(s->found, image_id) != 0)
		s->n++;
	snprintf(s->found, sizeof(s->found), "%s", image_id);
	snprintf(s->tag, sizeof(s->tag), "%s", ref);
	return 0;
}

static bool is_hex(const char *s)
{
	return *s && strspn(s, "0123456789abcdef") == strlen(s) && strlen(s) <= ID_HEX;
}

static int by_name(struct engine *e, const char *name, struct search *s)
{
	const char *slash = strchr(name, '/');
	int r = state_tag_get(e->state, name, s->found);

	if (r == 0)
		snprintf(s->tag, sizeof(s->tag), "%s", name);
	if (r != -ENOENT)
		return r;
	if (slash && is_host(name, (size_t)(slash - name)))
		return -ENOENT;
	s->wanted = name;
	r = state_tag_each(e->state, NULL, match_short, s);
	return r < 0 ? r : s->n == 1 ? 0 : -ENOENT;
}

int image_resolve(struct engine *e, const char *text, char ret_id[65], char ret_tag[IMAGE_REF_MAX], struct err *err)
{
	bool digest = strncmp(text, "sha256:", 7) == 0;
	const char *id = digest ? text + 7 : text;
	char name[IMAGE_REF_MAX];
	struct search s = { 0 };
	struct reference ref = { 0 };
	bool named = false;
	int r = -ENOENT;

	snprintf(name, sizeof(name), "%s", text);
	if (!digest && !(is_hex(id) && strlen(id) == ID_HEX)) {
		if (reference_parse(text, &ref, err) < 0)
			return -1;
		named = true;
		if (ref.digest)
			snprintf(name, sizeof(name), "%s%s", ref.repository, strchr(text, '@'));
		else
			reference_text(&ref, name);
		r = by_name(e, name, &s);
	}
	if (r == -ENOENT && is_hex(id)) {
		s = (struct search){ .wanted = id };
		r = state_image_each(e->state, match_id, &s);
		r = r < 0 ? r : s.n == 1 ? 0 : -ENOENT;
		s.tag[0] = '\0';
	}
	if (r == -ENOENT)
		return err_set(err, 404, "No such image: %s", named ? name : text);
	if (r < 0)
		return err_set(err, 500, "state: %s", strerror(-r));
	memcpy(ret_id, s.found, sizeof(s.found));
	if (ret_tag)
		memcpy(ret_tag, s.tag, sizeof(s.tag));
	return 0;
}
