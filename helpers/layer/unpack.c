/* unpack.c - a layer's archive into a directory, and what it takes to make the archive again (split.h).
 *
 * Hostile input: all of the archive; stream.c, tar.c and extract.c say what each of them holds. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "extract.h"
#include "split.h"
#include "stream.h"

int result_fail(struct result *r, int e, const char *stage)
{
	/* The first one is the cause. */
	if (r->status == 0) {
		r->status = e;
		snprintf(r->stage, sizeof(r->stage), "%s", stage);
	}
	return r->status;
}

static int extract_all(struct tar *t, struct extract *x, struct split *split)
{
	const struct tar_entry *entry;
	int e;

	while ((e = tar_next(t, &entry)) > 0) {
		e = extract_entry(x, t, entry, split);
		if (e < 0)
			return e;
	}
	return e < 0 ? e : tar_rest(t);
}

/* Entries of the same name: data that the archive had is nowhere in the layer. The split holds all of the archive
 * then. */
static int split_whole(const struct work *w, const struct req_layer_unpack *req, struct result *ret)
{
	struct work again = *w;
	struct split *split = NULL;
	struct stream *s;
	const void *data;
	ssize_t n;
	int e;

	again.digest = -EBADF;
	e = stream_open(&again, req, ret, &s);
	if (e == 0 && (lseek(w->out, 0, SEEK_SET) < 0 || ftruncate(w->out, 0) < 0))
		e = result_fail(ret, -errno, "split");
	if (e == 0 && (e = split_create(w->out, &split)) < 0)
		result_fail(ret, e, "split");
	while (e == 0 && (n = stream_read(s, &data)) != 0) {
		e = n < 0 ? (int)n : split_bytes(split, data, (size_t)n);
		if (e < 0)
			result_fail(ret, e, "split");
	}
	if (e == 0 && (e = split_finish(split, stream_length(s))) < 0)
		result_fail(ret, e, "split");
	split_destroy(split);
	stream_close(s);
	return e;
}

int unpack(const struct work *w, const struct req_layer_unpack *req, struct result *ret)
{
	struct split *split = NULL;
	struct stream *s = NULL;
	struct tar *t = NULL;
	struct extract x;
	int e;

	extract_init(&x, w->dirs[0], w->policy, ret);
	x.lowers = w->dirs + 1;
	x.nlowers = w->ndirs - 1;
	x.waits = req->waits;
	e = stream_open(w, req, ret, &s);
	if (e == 0 && w->out >= 0 && (e = split_create(w->out, &split)) < 0)
		result_fail(ret, e, "split");
	if (e == 0)
		e = tar_open(s, split, ret, &t);
	if (e == 0)
		e = extract_all(t, &x, split);
	if (e == 0)
		e = stream_verify(s, req);
	if (e == 0)
		e = extract_times(&x);
	if (e == 0 && split && (e = split_finish(split, stream_length(s))) < 0)
		result_fail(ret, e, "split");
	if (e == 0 && split && x.replaced)
		e = split_whole(w, req, ret);
	if (e == 0) {
		ret->unpack.size = x.bytes;
		ret->unpack.length = stream_length(s);
	}
	tar_close(t);
	split_destroy(split);
	extract_finish(&x);
	stream_close(s);
	return e == 0 ? 0 : ret->status;
}
