/* fuzz_layer.c - a layer's archive: entries, pax, sparse maps, attributes; and the split that makes it again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../helpers/layer/split.h"
#include "../../helpers/layer/stream.h"
#include "../../helpers/layer/tar.h"

/* Right checksums, so that what is behind them is reached. */
static void set_checksums(uint8_t *data, size_t n)
{
	for (size_t at = 0; at + 512 <= n; at += 512) {
		unsigned sum = 8 * ' ';
		char text[9];

		if (data[at] == 0 || data[at + 257] != 'u')
			continue;
		for (size_t i = 0; i < 512; i++)
			sum += i >= 148 && i < 156 ? 0 : data[at + i];
		snprintf(text, sizeof(text), "%06o", sum);
		memcpy(data + at + 148, text, 7);
	}
}

static void read_all(struct tar *t)
{
	const struct tar_entry *entry;
	const void *data;
	uint64_t offset;
	ssize_t n;

	while (tar_next(t, &entry) > 0) {
		if (strlen(entry->name) >= sizeof(entry->name) || (entry->mode & ~07777u) || entry->nxattrs > TAR_XATTRS_MAX)
			abort();
		for (unsigned i = 0; i < entry->nxattrs; i++)
			if (strlen(entry->xattrs[i].name) > TAR_EXTENSION_MAX || entry->xattrs[i].size > TAR_EXTENSION_MAX)
				abort();
		if (entry->mode & 1)
			continue; /* not all read their data */
		while ((n = tar_data(t, &data, &offset)) > 0)
			if (offset > entry->size || (uint64_t)n > entry->size - offset)
				abort();
	}
	tar_rest(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const struct policy_layer policy = { .max_bytes = 16 << 20, .max_entries = 1000, .max_ratio = 400 };
	struct work w = { .kind = WORK_UNPACK, .policy = &policy, .out = -1, .digest = -1 };
	struct req_layer_unpack req = { .length = n };
	struct result why = { 0 };
	struct split *split = NULL;
	struct stream *s = NULL;
	struct tar *t = NULL;
	uint8_t *copy = malloc(n + 1);
	uint64_t length;
	int out = memfd_create("split", MFD_CLOEXEC);

	memcpy(copy, data, n);
	set_checksums(copy, n);
	w.archive = memfd_create("fuzz", MFD_CLOEXEC);
	if (write(w.archive, copy, n) == (ssize_t)n && stream_open(&w, &req, &why, &s) == 0 && split_create(out, &split) == 0 &&
	    tar_open(s, split, &why, &t) == 0) {
		read_all(t);
		/* What came through is what went in, unless the archive broke off. */
		split_finish(split, stream_length(s));
		if (why.status == 0 && (split_length(out, &length) < 0 || length != stream_length(s)))
			abort();
	}
	why = (struct result){ 0 };
	split_join(dup(w.archive), out, out, req.diff, &why, &length); /* any bytes as a split, too */
	tar_close(t);
	split_destroy(split);
	stream_close(s);
	close(w.archive);
	close(out);
	free(copy);
	return 0;
}
