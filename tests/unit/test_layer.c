/* test_layer.c - what postern-layer's workers do, in a user namespace over the foreign ids as in production: unpacking
 * of friendly and hostile archives, removal, size, users. Needs root (to map the ids); says so and passes without. */
#include <CUnit/Basic.h>
#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <locale.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "../../controller/digest.h"
#include "../../helpers/base/cleanup.h"
#include "../../helpers/base/fd.h"
#include "../../helpers/base/sys.h"
#include "../../helpers/layer/extract.h"
#include "../../helpers/layer/layer.h"
#include "../../helpers/layer/split.h"

static int base = -1; /* an empty directory of ours */
static struct policy_layer policy = { .max_bytes = 64 << 20, .max_entries = 2000, .max_ratio = 200,
				      .common = { .ids_count = 1, .nmap = 1, .map = { { 0, MAP_SIZE } } } };

/* --- archives ---------------------------------------------------------------------------------------------------- */
struct tar {
	struct archive *a;
	char *data;
	size_t size, used;
};

static void tar_begin(struct tar *t, int (*filter)(struct archive *))
{
	t->size = 40 << 20;
	t->data = malloc(t->size);
	t->a = archive_write_new();
	archive_write_set_format_pax_restricted(t->a);
	if (filter)
		filter(t->a);
	archive_write_set_bytes_in_last_block(t->a, 1);
	CU_ASSERT_EQUAL_FATAL(archive_write_open_memory(t->a, t->data, t->size, &t->used), ARCHIVE_OK);
}

static struct archive_entry *entry_new(const char *path, mode_t mode)
{
	struct archive_entry *e = archive_entry_new();

	archive_entry_copy_pathname(e, path);
	archive_entry_set_mode(e, mode);
	archive_entry_set_mtime(e, 1000000000, 5);
	return e;
}

static void tar_put(struct tar *t, struct archive_entry *e, const void *data, size_t n)
{
	archive_entry_set_size(e, (int64_t)n);
	CU_ASSERT_EQUAL(archive_write_header(t->a, e), ARCHIVE_OK);
	if (n)
		CU_ASSERT_EQUAL(archive_write_data(t->a, data, n), (la_ssize_t)n);
	archive_entry_free(e);
}

static void tar_file(struct tar *t, const char *path, const char *text)
{
	tar_put(t, entry_new(path, S_IFREG | 0644), text, strlen(text));
}

static void tar_dir(struct tar *t, const char *path)
{
	tar_put(t, entry_new(path, S_IFDIR | 0755), NULL, 0);
}

static void tar_symlink(struct tar *t, const char *path, const char *target)
{
	struct archive_entry *e = entry_new(path, S_IFLNK | 0777);

	archive_entry_copy_symlink(e, target);
	tar_put(t, e, NULL, 0);
}

static mode_t hardlink_mode = 0644;
static uid_t hardlink_uid;

static void tar_hardlink(struct tar *t, const char *path, const char *target)
{
	struct archive_entry *e = entry_new(path, S_IFREG | 0644);

	archive_entry_copy_hardlink(e, target);
	archive_entry_set_mode(e, S_IFREG | hardlink_mode);
	archive_entry_set_uid(e, hardlink_uid);
	tar_put(t, e, NULL, 0);
}

static void tar_end(struct tar *t)
{
	CU_ASSERT_EQUAL(archive_write_close(t->a), ARCHIVE_OK);
	archive_write_free(t->a);
}

static void sha256(const void *data, size_t n, uint8_t out[32])
{
	digest_sha256(data, n, out);
}

static int file_of(const void *data, size_t n)
{
	int fd = openat(base, ".", O_TMPFILE | O_RDWR, 0600);

	CU_ASSERT_EQUAL_FATAL(write(fd, data, n), (ssize_t)n);
	return fd;
}

static int layer_new(void)
{
	tree_remove(base, "l");
	CU_ASSERT_EQUAL_FATAL(mkdirat(base, "l", 0755), 0);
	return openat(base, "l", O_RDONLY | O_DIRECTORY);
}

/* Whatever was unpacked, its archive comes out again, byte for byte. */
static void check_join(int split, int dir, const char *raw, size_t nraw, const uint8_t diff[ID_BYTES])
{
	int out = memfd_create("out", MFD_CLOEXEC);
	struct result r = { 0 };
	uint64_t length = 0;
	char *again = malloc(nraw + 1);

	CU_ASSERT_EQUAL(split_length(split, &length), 0);
	CU_ASSERT_EQUAL(length, nraw);
	CU_ASSERT_EQUAL(split_join(dup(split), dir, out, diff, &r, &length), 0);
	CU_ASSERT_STRING_EQUAL(r.stage, "");
	CU_ASSERT_EQUAL(length, nraw);
	CU_ASSERT_EQUAL(pread(out, again, nraw + 1, 0), (ssize_t)nraw);
	CU_ASSERT_EQUAL(memcmp(again, raw, nraw), 0);
	free(again);
	close(out);
}

/* What the next archive is unpacked over. */
static struct work lower = { .ndirs = 0 };
static bool waits;

/* Unpacks with junk around the archive in the file. raw: what the digest is of. */
static int unpack_bytes(const char *data, size_t n, const char *raw, size_t nraw, struct result *ret, int *ret_dir)
{
	struct req_layer_unpack req = { .offset = 7, .length = n, .waits = waits };
	struct work w = { .kind = WORK_UNPACK, .digest = -EBADF, .policy = &policy, .ndirs = 1 + lower.ndirs, .req = &req };
	char *padded = malloc(n + 20);
	int e;

	memset(padded, 'j', n + 20);
	memcpy(padded + 7, data, n);
	sha256(raw, nraw, req.diff);
	sha256(data, n, req.blob);
	w.archive = file_of(padded, n + 20);
	w.out = file_of("", 0);
	memset(ret, 0, sizeof(*ret));
	w.dirs[0] = *ret_dir = layer_new();
	memcpy(w.dirs + 1, lower.dirs, sizeof(int) * lower.ndirs);
	e = unpack(&w, &req, ret);
	if (e == 0)
		check_join(w.out, *ret_dir, raw, nraw, req.diff);
	close(w.archive);
	close(w.out);
	free(padded);
	return e;
}

static int unpack_tar(struct tar *t, struct result *ret, int *ret_dir)
{
	int e;

	tar_end(t);
	e = unpack_bytes(t->data, t->used, t->data, t->used, ret, ret_dir);
	free(t->data);
	return e;
}

static struct stat stat_of(int dir, const char *path)
{
	struct stat st = { 0 };

	fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW);
	return st;
}

static bool holds(int dir, const char *path, const char *text)
{
	int fd = openat(dir, path, O_RDONLY | O_NOFOLLOW);
	char buf[200] = "";
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);

	close_fd(fd);
	return n == (ssize_t)strlen(text) && memcmp(buf, text, (size_t)n) == 0;
}

/* --- unpacking --------------------------------------------------------------------------------------------------- */
static void test_ordinary(void)
{
	static const uint8_t cap[20] = { 1, 0, 0, 2, 0, 4 }; /* cap_net_bind_service, effective, revision 2 */
	struct archive_entry *e;
	struct result r;
	struct tar t;
	struct stat st;
	char value[64];
	int dir;

	/* Written as UTF-8 in a pax header, read in the C locale, as in the helper. */
	setlocale(LC_CTYPE, "C.UTF-8");
	tar_begin(&t, NULL);
	tar_dir(&t, "./");
	e = entry_new("./bin/", S_IFDIR | 0750);
	archive_entry_set_uid(e, 1000);
	archive_entry_set_gid(e, 65535);
	archive_entry_xattr_add_entry(e, "user.note", "hi", 2);
	archive_entry_xattr_add_entry(e, "user.overlay.opaque", "y", 1);
	archive_entry_xattr_add_entry(e, "trusted.overlay.opaque", "y", 1);
	tar_put(&t, e, NULL, 0);
	e = entry_new("/bin/su", S_IFREG | 06755);
	archive_entry_set_uid(e, 7);
	archive_entry_xattr_add_entry(e, "security.capability", cap, sizeof(cap));
	tar_put(&t, e, "su!", 3);
	hardlink_mode = 04711; /* the last name says */
	hardlink_uid = 7;
	tar_hardlink(&t, "bin/su2", "./bin/su");
	hardlink_mode = 0644;
	hardlink_uid = 0;
	tar_symlink(&t, "bin/sh", "/etc/../../x");
	tar_put(&t, entry_new("fifo", S_IFIFO | 0620), NULL, 0);
	tar_file(&t, "deep/er/file\xc3\xa9", "utf-8 \xc3\xa9");
	setlocale(LC_CTYPE, "C");
	tar_file(&t, "bin/late", "");
	e = entry_new("null", S_IFCHR | 0666);
	archive_entry_set_rdev(e, makedev(1, 3));
	tar_put(&t, e, NULL, 0);
	CU_ASSERT_EQUAL(unpack_tar(&t, &r, &dir), 0);
	CU_ASSERT_STRING_EQUAL(r.stage, "");
	CU_ASSERT_EQUAL(r.unpack.size, 3 + 8);
	st = stat_of(dir, "bin");
	CU_ASSERT_EQUAL(st.st_mode, S_IFDIR | 0750);
	CU_ASSERT_EQUAL(st.st_uid, 1000);
	CU_ASSERT_EQUAL(st.st_gid, 65535);
	CU_ASSERT_EQUAL(st.st_mtim.tv_sec, 1000000000); /* though files were made in it later */
	CU_ASSERT_EQUAL(st.st_mtim.tv_nsec, 5);
	int bin = openat(dir, "bin", O_RDONLY);
	CU_ASSERT_EQUAL(fgetxattr(bin, "user.note", value, sizeof(value)), 2);
	CU_ASSERT_FALSE(is_opaque(bin));
	close(bin);
	st = stat_of(dir, "bin/su");
	CU_ASSERT_EQUAL(st.st_mode, S_IFREG | 04711);
	CU_ASSERT_EQUAL(st.st_uid, 7);
	CU_ASSERT_EQUAL(st.st_nlink, 2);
	CU_ASSERT_EQUAL(stat_of(dir, "bin/su2").st_ino, st.st_ino);
	int su = openat(dir, "bin/su", O_RDONLY);
	CU_ASSERT_TRUE(fgetxattr(su, "security.capability", value, sizeof(value)) >= 20);
	close(su);
	CU_ASSERT_TRUE(S_ISLNK(stat_of(dir, "bin/sh").st_mode));
	CU_ASSERT_EQUAL(stat_of(dir, "fifo").st_mode, S_IFIFO | 0620);
	CU_ASSERT_TRUE(holds(dir, "deep/er/file\xc3\xa9", "utf-8 \xc3\xa9"));
	CU_ASSERT_EQUAL(stat_of(dir, "deep").st_mode, S_IFDIR | 0755);
	CU_ASSERT_EQUAL(faccessat(dir, "null", F_OK, AT_SYMLINK_NOFOLLOW), -1);
	close(dir);
}

static void test_compression(void)
{
	static int (*const kinds[])(struct archive *) = {
		archive_write_add_filter_gzip, archive_write_add_filter_zstd, archive_write_add_filter_xz,
	};
	struct tar raw;

	tar_begin(&raw, NULL);
	tar_file(&raw, "a", "one");
	tar_dir(&raw, "d");
	tar_end(&raw);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct tar t;
		struct result r;
		int dir;

		tar_begin(&t, kinds[i]);
		tar_file(&t, "a", "one");
		tar_dir(&t, "d");
		tar_end(&t);
		CU_ASSERT_EQUAL(unpack_bytes(t.data, t.used, raw.data, raw.used, &r, &dir), 0);
		CU_ASSERT_TRUE(holds(dir, "a", "one"));
		close(dir);
		/* Cut off, and with the digest of something else. */
		CU_ASSERT_TRUE(unpack_bytes(t.data, t.used - 9, raw.data, raw.used, &r, &dir) < 0);
		close(dir);
		CU_ASSERT_EQUAL(unpack_bytes(t.data, t.used, "x", 1, &r, &dir), -EINVAL);
		CU_ASSERT_STRING_EQUAL(r.stage, "digest");
		close(dir);
		free(t.data);
	}
	free(raw.data);
}

static void test_digest_covers_all(void)
{
	struct tar t;
	struct result r;
	int dir;

	tar_begin(&t, NULL);
	tar_file(&t, "a", "one");
	tar_end(&t);
	memset(t.data + t.used, 0, 9000); /* zeros behind the end belong to it */
	CU_ASSERT_EQUAL(unpack_bytes(t.data, t.used + 9000, t.data, t.used + 9000, &r, &dir), 0);
	close(dir);
	CU_ASSERT_EQUAL(unpack_bytes(t.data, t.used + 9000, t.data, t.used, &r, &dir), -EINVAL);
	CU_ASSERT_STRING_EQUAL(r.stage, "digest");
	close(dir);
	free(t.data);
}

static void test_whiteouts(void)
{
	struct result r;
	struct tar t;
	struct stat st;
	int dir, fd;

	tar_begin(&t, NULL);
	tar_file(&t, "etc/.wh.gone", "");
	tar_file(&t, "opq/.wh..wh..opq", "");
	tar_file(&t, "opq/new", "n");
	tar_file(&t, ".wh.redone", "");
	tar_dir(&t, "redone");
	tar_file(&t, ".wh.implied", "");
	tar_file(&t, "implied/x", "");
	tar_file(&t, "stays", "s");
	tar_file(&t, ".wh.stays", "");
	tar_file(&t, ".wh..wh.plnk", "");
	CU_ASSERT_EQUAL(unpack_tar(&t, &r, &dir), 0);
	st = stat_of(dir, "etc/gone");
	CU_ASSERT_TRUE(is_whiteout(&st));
	CU_ASSERT_TRUE(holds(dir, "stays", "s"));
	CU_ASSERT_TRUE(faccessat(dir, ".wh..wh.plnk", F_OK, 0) < 0);
	for (int i = 0; i < 3; i++) {
		static const char *const opaque[] = { "opq", "redone", "implied" };

		fd = openat(dir, opaque[i], O_RDONLY);
		CU_ASSERT_TRUE(is_opaque(fd));
		close(fd);
	}
	fd = openat(dir, "etc", O_RDONLY);
	CU_ASSERT_FALSE(is_opaque(fd));
	close(fd);
	close(dir);
}

static void test_replaced(void)
{
	struct result r;
	struct tar t;
	int dir;

	tar_begin(&t, NULL);
	tar_file(&t, "d/e/f", "old");
	tar_file(&t, "d/e/g", "kept");
	tar_file(&t, "d/e/f", "new");
	tar_dir(&t, "x/y/z");
	tar_file(&t, "x", "file now");
	tar_file(&t, "s", "s");
	tar_symlink(&t, "s", "/etc/passwd");
	tar_file(&t, "s", "no link"); /* never through it */
	CU_ASSERT_EQUAL(unpack_tar(&t, &r, &dir), 0);
	CU_ASSERT_TRUE(holds(dir, "d/e/f", "new"));
	CU_ASSERT_TRUE(holds(dir, "d/e/g", "kept"));
	CU_ASSERT_TRUE(holds(dir, "x", "file now"));
	CU_ASSERT_TRUE(holds(dir, "s", "no link"));
	close(dir);
}

/* Each is one archive of two entries that must be refused, with what is said. */
static void test_hostile(void)
{
	static const struct {
		const char *link, *target, *hardlink, *path;
		int e;
		const char *stage;
	} cases[] = {
		{ NULL, NULL, NULL, "../out", -EINVAL, "path with .." },
		{ NULL, NULL, NULL, "a/../../out", -EINVAL, "path with .." },
		{ NULL, NULL, NULL, "/../out", -EINVAL, "path with .." },
		{ "l", "l", NULL, "l/out", -ELOOP, "symlinks in path" },
		{ "l", "a/f", NULL, "l/out", -ENOTDIR, "path" },
		{ "l", "a/f/..", NULL, "l/out", -ENOTDIR, "path" },
		{ NULL, NULL, "../victim", "h", -EINVAL, "hard link" },
		{ NULL, NULL, "/etc/hostname", "h", -ENOENT, "hard link" },
		{ "l", "..", "l/victim", "h", -ENOENT, "hard link" },
		{ "l", "/none", "l/victim", "h", -ENOENT, "hard link" },
		{ NULL, NULL, "a", "h", -EPERM, "hard link" },
		{ NULL, NULL, NULL, ".wh..", -EINVAL, "whiteout" },
		{ NULL, NULL, NULL, ".wh...", -EINVAL, "whiteout" },
		{ NULL, NULL, NULL, ".wh.", -EINVAL, "whiteout" },
	};
	int fd = openat(base, "victim", O_WRONLY | O_CREAT, 0644);

	close(fd);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct result r;
		struct tar t;
		int dir;

		tar_begin(&t, NULL);
		tar_file(&t, "a/f", "");
		if (cases[i].link)
			tar_symlink(&t, cases[i].link, cases[i].target);
		if (cases[i].hardlink)
			tar_hardlink(&t, cases[i].path, cases[i].hardlink);
		else
			tar_file(&t, cases[i].path, "x");
		int e = unpack_tar(&t, &r, &dir);

		if (e != cases[i].e || strcmp(r.stage, cases[i].stage) != 0)
			printf("\ncase %zu (%s): %d %s\n", i, cases[i].path, e, r.stage);
		CU_ASSERT_EQUAL(e, cases[i].e);
		CU_ASSERT_STRING_EQUAL(r.stage, cases[i].stage);
		CU_ASSERT_TRUE(faccessat(base, "out", F_OK, AT_SYMLINK_NOFOLLOW) < 0);
		close(dir);
	}
	CU_ASSERT_EQUAL(stat_of(base, "victim").st_nlink, 1);
	unlinkat(base, "victim", 0);
}

/* Links lead where they would in a container, and never out. */
static void test_through_links(void)
{
	static const char *const targets[] = { "..", "../../..", "/", "/../x/..", "made/.." };
	struct result r;
	struct tar t;
	int dir;

	for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
		tar_begin(&t, NULL);
		tar_dir(&t, "x");
		tar_dir(&t, "made");
		tar_symlink(&t, "l", targets[i]);
		tar_file(&t, "l/out", "in");
		tar_file(&t, "l/new/deep/out", "in");
		tar_file(&t, "l/.wh.gone", "");
		tar_hardlink(&t, "again", "l/out");
		CU_ASSERT_EQUAL(unpack_tar(&t, &r, &dir), 0);
		CU_ASSERT_STRING_EQUAL(r.stage, "");
		CU_ASSERT_TRUE(holds(dir, "out", "in"));
		CU_ASSERT_TRUE(holds(dir, "again", "in"));
		CU_ASSERT_TRUE(holds(dir, "new/deep/out", "in"));
		CU_ASSERT_TRUE(S_ISCHR(stat_of(dir, "gone").st_mode));
		CU_ASSERT_TRUE(S_ISLNK(stat_of(dir, "l").st_mode));
		CU_ASSERT_TRUE(faccessat(base, "out", F_OK, AT_SYMLINK_NOFOLLOW) < 0);
		close(dir);
	}
	tar_begin(&t, NULL);
	tar_symlink(&t, "lib", "usr/lib");
	tar_symlink(&t, "usr/lib64", "/lib");
	tar_file(&t, "usr/lib64/a", "1");
	tar_file(&t, "lib/b", "2");
	CU_ASSERT_EQUAL(unpack_tar(&t, &r, &dir), 0);
	CU_ASSERT_TRUE(holds(dir, "usr/lib/a", "1"));
	CU_ASSERT_TRUE(holds(dir, "usr/lib/b", "2"));
	close(dir);
}

static int unpack_into(const char *name, struct tar *t)
{
	struct result r;
	int dir;

	CU_ASSERT_EQUAL(unpack_tar(t, &r, &dir), 0);
	CU_ASSERT_STRING_EQUAL(r.stage, "");
	tree_remove(base, name);
	CU_ASSERT_EQUAL(renameat(base, "l", base, name), 0);
	return dir;
}

/* A layer is a difference to those below it. */
static void test_over_lower_layers(void)
{
	struct archive_entry *e;
	struct result r;
	struct tar t;
	int dir;

	tar_begin(&t, NULL);
	tar_dir(&t, "usr/lib");
	tar_symlink(&t, "lib", "usr/lib");
	tar_symlink(&t, "hidden", "usr/lib");
	tar_symlink(&t, "opq/link", "../usr/lib");
	e = entry_new("home/bob", S_IFDIR | 0700);
	archive_entry_set_uid(e, 1000);
	tar_put(&t, e, NULL, 0);
	tar_file(&t, "file", "f");
	lower.dirs[1] = unpack_into("low1", &t);
	tar_begin(&t, NULL);
	tar_file(&t, ".wh.hidden", "");
	tar_file(&t, "opq/.wh..wh..opq", "");
	lower.dirs[0] = unpack_into("low2", &t);
	lower.ndirs = 2;

	tar_begin(&t, NULL);
	tar_file(&t, "lib/x", "x");
	tar_file(&t, "home/bob/f", "y");
	tar_file(&t, "hidden/z", "z");
	tar_file(&t, "opq/link/z", "z");
	tar_file(&t, "file/z", "z");
	CU_ASSERT_EQUAL(unpack_tar(&t, &r, &dir), 0);
	CU_ASSERT_TRUE(holds(dir, "usr/lib/x", "x"));
	CU_ASSERT_EQUAL(stat_of(dir, "home/bob").st_mode, S_IFDIR | 0700);
	CU_ASSERT_EQUAL(stat_of(dir, "home/bob").st_uid, 1000);
	CU_ASSERT_TRUE(S_ISDIR(stat_of(dir, "hidden").st_mode));
	CU_ASSERT_TRUE(S_ISDIR(stat_of(dir, "opq/link").st_mode));
	CU_ASSERT_TRUE(S_ISDIR(stat_of(dir, "file").st_mode));
	close(dir);
	/* When they are not there yet it says so, but only if it must know. */
	close(lower.dirs[0]);
	close(lower.dirs[1]);
	lower.ndirs = 0;
	waits = true;
	tar_begin(&t, NULL);
	tar_file(&t, "lib/x", "x");
	CU_ASSERT_EQUAL(unpack_tar(&t, &r, &dir), -EAGAIN);
	close(dir);
	tar_begin(&t, NULL);
	tar_dir(&t, "lib");
	tar_file(&t, "lib/x", "x");
	CU_ASSERT_EQUAL(unpack_tar(&t, &r, &dir), 0);
	close(dir);
	waits = false;
}

static void test_hardlink_to_whiteout(void)
{
	struct result r;
	struct tar t;
	int dir;

	tar_begin(&t, NULL);
	tar_file(&t, ".wh.w", "");
	tar_hardlink(&t, "h", "w");
	CU_ASSERT_EQUAL(unpack_tar(&t, &r, &dir), -EPERM);
	close(dir);
}

static void expect_owner(int64_t uid, int64_t gid, int expected)
{
	struct archive_entry *e = entry_new("f", S_IFREG | 0644);
	struct result r;
	struct tar t;
	int dir;

	tar_begin(&t, NULL);
	archive_entry_set_uid(e, uid);
	archive_entry_set_gid(e, gid);
	tar_put(&t, e, NULL, 0);
	CU_ASSERT_EQUAL(unpack_tar(&t, &r, &dir), expected);
	close(dir);
}

static void test_owners(void)
{
	expect_owner(65535, 65535, 0);
	expect_owner(65536, 0, -EOVERFLOW);
	expect_owner(0, 65536, -EOVERFLOW);
	expect_owner(INT64_C(1) << 32, 0, -EOVERFLOW);
	expect_owner(0, (INT64_C(1) << 32) + 5, -EOVERFLOW);
}

static void test_limits(void)
{
	struct archive_entry *e;
	struct result r;
	struct tar t;
	char name[40];
	int dir;

	/* 1999 entries and their directory. */
	for (int extra = 0; extra < 2; extra++) {
		tar_begin(&t, NULL);
		for (int i = 0; i < 1999 + extra; i++) {
			snprintf(name, sizeof(name), "d/%d", i);
			tar_file(&t, name, "");
		}
		CU_ASSERT_EQUAL(unpack_tar(&t, &r, &dir), extra ? -EFBIG : 0);
		CU_ASSERT_STRING_EQUAL(r.rule, extra ? "layer.max_entries" : "");
		close(dir);
	}
	/* A hole of a terabyte. */
	tar_begin(&t, NULL);
	e = entry_new("sparse", S_IFREG | 0644);
	archive_entry_set_size(e, INT64_C(1) << 40);
	archive_entry_sparse_add_entry(e, 0, 512);
	CU_ASSERT_EQUAL(archive_write_header(t.a, e), ARCHIVE_OK);
	char block[512] = "x";
	archive_write_data(t.a, block, sizeof(block));
	archive_entry_free(e);
	tar_end(&t);
	CU_ASSERT_EQUAL(unpack_bytes(t.data, 4096, t.data, 4096, &r, &dir), -EFBIG);
	CU_ASSERT_STRING_EQUAL(r.rule, "layer.max_bytes");
	close(dir);
	free(t.data);
	/* Zeros compress a thousandfold. */
	char *zeros = calloc(1, 32 << 20);
	tar_begin(&t, archive_write_add_filter_gzip);
	tar_put(&t, entry_new("bomb", S_IFREG | 0644), zeros, 32 << 20);
	CU_ASSERT_EQUAL(unpack_tar(&t, &r, &dir), -EFBIG);
	CU_ASSERT_STRING_EQUAL(r.rule, "layer.max_ratio");
	close(dir);
	free(zeros);
	/* Paths of 4 kB, names of 256. */
	char path[4200];
	memset(path, 'n', sizeof(path));
	for (size_t i = 100; i < sizeof(path); i += 100)
		path[i] = '/';
	path[4150] = '\0';
	tar_begin(&t, NULL);
	tar_file(&t, path, "");
	CU_ASSERT_EQUAL(unpack_tar(&t, &r, &dir), -ENAMETOOLONG);
	close(dir);
	memset(path, 'n', 300);
	path[256] = '\0';
	tar_begin(&t, NULL);
	tar_file(&t, path, "");
	CU_ASSERT_EQUAL(unpack_tar(&t, &r, &dir), -ENAMETOOLONG);
	close(dir);
}

static void checksum(char *header)
{
	unsigned sum = 0;

	memset(header + 148, ' ', 8);
	for (int i = 0; i < 512; i++)
		sum += (unsigned char)header[i];
	snprintf(header + 148, 8, "%06o", sum);
}

/* Headers that no tool would write. */
static void test_broken(void)
{
	char data[2048] = "";
	struct result r;
	int dir;

	CU_ASSERT_EQUAL(unpack_bytes(data, 0, data, 0, &r, &dir), -EINVAL); /* length 0 is "to the end": junk */
	close(dir);
	CU_ASSERT_EQUAL(unpack_bytes(data, 1024, data, 1024, &r, &dir), 0); /* an empty layer */
	close(dir);
	memset(data, 'z', sizeof(data));
	CU_ASSERT_EQUAL(unpack_bytes(data, sizeof(data), data, sizeof(data), &r, &dir), -EINVAL);
	CU_ASSERT_STRING_EQUAL(r.stage, "archive");
	close(dir);
	memset(data, 0, sizeof(data));
	strcpy(data, "neg");
	strcpy(data + 100, "0000644");
	memset(data + 124, 0xff, 12); /* size -1 in base 256 */
	data[156] = '0';
	memcpy(data + 257, "ustar\00000", 8);
	checksum(data);
	CU_ASSERT_TRUE(unpack_bytes(data, sizeof(data), data, sizeof(data), &r, &dir) < 0);
	close(dir);
	memcpy(data + 124, "77777777777", 12); /* 8 GB said, nothing there */
	checksum(data);
	CU_ASSERT_TRUE(unpack_bytes(data, sizeof(data), data, sizeof(data), &r, &dir) < 0);
	close(dir);
}

/* --- trees ------------------------------------------------------------------------------------------------------- */
static void test_trees(void)
{
	uint64_t size = 0;
	int dir = layer_new(), fd, down;

	fd = openat(dir, "a", O_WRONLY | O_CREAT, 0);
	CU_ASSERT_EQUAL(write(fd, "12345", 5), 5);
	close(fd);
	CU_ASSERT_EQUAL(linkat(dir, "a", dir, "b", 0), 0);
	CU_ASSERT_EQUAL(linkat(dir, "a", dir, "c", 0), 0);
	mkdirat(dir, "sub", 0755);
	CU_ASSERT_EQUAL(symlinkat("/", dir, "sub/root"), 0);
	fd = openat(dir, "sub/f", O_WRONLY | O_CREAT, 0644);
	CU_ASSERT_EQUAL(write(fd, "1234567", 7), 7);
	close(fd);
	CU_ASSERT_EQUAL(fchmodat(dir, "sub", 0, 0), 0);
	CU_ASSERT_EQUAL(tree_size(dir, &size), 0);
	CU_ASSERT_EQUAL(size, 12);
	/* Deeper than any path: made level by level. */
	down = dup(dir);
	for (int i = 0; i < 1000; i++) {
		int next;

		CU_ASSERT_EQUAL_FATAL(mkdirat(down, "deep", 0), 0);
		next = openat(down, "deep", O_RDONLY);
		close(down);
		down = next;
	}
	close(openat(down, "leaf", O_WRONLY | O_CREAT, 0));
	close(down);
	CU_ASSERT_EQUAL(tree_size(dir, &size), 0);
	CU_ASSERT_EQUAL(tree_remove(base, "l"), -ELOOP);
	CU_ASSERT_EQUAL(tree_clear(dir), 0);
	CU_ASSERT_EQUAL(unlinkat(base, "l", AT_REMOVEDIR), 0); /* empty */
	CU_ASSERT_TRUE(faccessat(AT_FDCWD, "/etc", F_OK, 0) == 0);
	close(dir);
}

/* --- users ------------------------------------------------------------------------------------------------------- */
static int top = -1, bottom = -1;

static int find(const char *user, struct rep_layer_user *ret, struct result *why)
{
	int layers[] = { top, bottom };

	memset(why, 0, sizeof(*why));
	return user_find(layers, 2, user, "", ret, why);
}

static void expect_more(const char *user, const char *more, unsigned n, uint32_t last)
{
	int layers[] = { top, bottom };
	struct rep_layer_user u;
	struct result why = { 0 };

	CU_ASSERT_EQUAL_FATAL(user_find(layers, 2, user, more, &u, &why), 0);
	CU_ASSERT_EQUAL_FATAL(u.groups.n, n);
	CU_ASSERT_EQUAL(u.groups.v[n - 1], last);
}

static void expect_no_more(const char *more, int e, const char *stage)
{
	int layers[] = { top, bottom };
	struct rep_layer_user u;
	struct result why = { 0 };

	CU_ASSERT_EQUAL(user_find(layers, 2, "", more, &u, &why), e);
	CU_ASSERT_STRING_EQUAL(why.stage, stage);
}

static void put(int dir, const char *path, const char *text)
{
	int fd = openat(dir, path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	CU_ASSERT_EQUAL(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static void expect_user(const char *user, uint32_t uid, uint32_t gid, unsigned ngroups, const char *home)
{
	struct rep_layer_user u;
	struct result why;

	CU_ASSERT_EQUAL(find(user, &u, &why), 0);
	CU_ASSERT_EQUAL(u.uid, uid);
	CU_ASSERT_EQUAL(u.gid, gid);
	CU_ASSERT_EQUAL(u.groups.n, ngroups);
	CU_ASSERT_STRING_EQUAL(u.home, home);
}

static void expect_no_user(const char *user, int e, const char *stage)
{
	struct rep_layer_user u;
	struct result why;

	CU_ASSERT_EQUAL(find(user, &u, &why), e);
	CU_ASSERT_STRING_EQUAL(why.stage, stage);
}

static void test_users(void)
{
	int dir = layer_new(), fd;

	mkdirat(dir, "top", 0755);
	mkdirat(dir, "bottom", 0755);
	top = openat(dir, "top", O_RDONLY);
	bottom = openat(dir, "bottom", O_RDONLY);
	expect_user("", 0, 0, 0, "/"); /* no files at all */
	expect_user("12:34", 12, 34, 0, "/");
	expect_no_user("bob", -ENOENT, "user");
	expect_no_user("0:staff", -ENOENT, "group");
	mkdirat(bottom, "etc", 0755);
	mkdirat(top, "etc", 0700);
	put(bottom, "etc/passwd",
	    "root:x:0:0:root:/root:/bin/sh\n\n bob:x:1000:100::/home/bob \n1234:x:7:7::/n:\nbad:x:y:z:\n"
	    "big:x:70000:1::/:\n");
	put(bottom, "etc/group", "root:x:0:\nstaff:x:50:bob,alice\nwheel:x:10:bob\nusers:x:100:\n60:x:61:\n");
	expect_user("", 0, 0, 0, "/root");
	expect_user("bob", 1000, 100, 2, "/home/bob");
	expect_user("1000", 1000, 100, 2, "/home/bob");
	expect_user("bob:wheel", 1000, 10, 0, "/home/bob");
	expect_user("bob:77", 1000, 77, 0, "/home/bob");
	expect_user("bob:60", 1000, 60, 0, "/home/bob"); /* a number is not a name */
	expect_user("1234", 1234, 0, 0, "/");
	expect_user(":staff", 0, 50, 0, "/root");
	expect_more("", "wheel", 1, 10);
	expect_more("", "wheel,50,777", 3, 777);
	expect_more("bob", "wheel,users", 3, 100); /* each once */
	expect_more("", "60", 1, 61); /* here a name comes first */
	expect_no_more("wheel,nobody-has-this", -ENOENT, "+nobody-has-this");
	expect_no_more("70000", -ERANGE, "+70000");
	expect_no_user("bad", -ENOENT, "user"); /* ids that are none */
	expect_no_user("big", -ENOENT, "user");
	expect_no_user("70000", -ERANGE, "user");
	expect_no_user("0:4294967296", -ERANGE, "group");
	expect_no_user("bo", -ENOENT, "user");
	/* The upper layer's file wins; links, FIFOs and whiteouts hide those below. */
	put(top, "etc/passwd", "bob:x:5:5::/t:\n");
	expect_user("bob", 5, 5, 2, "/t");
	unlinkat(top, "etc/passwd", 0);
	CU_ASSERT_EQUAL(symlinkat("/etc/passwd", top, "etc/passwd"), 0);
	expect_no_user("root", -ENOENT, "user");
	unlinkat(top, "etc/passwd", 0);
	mknodat(top, "etc/passwd", S_IFIFO | 0644, 0);
	expect_no_user("bob", -ENOENT, "user");
	unlinkat(top, "etc/passwd", 0);
	CU_ASSERT_EQUAL(mknodat(top, "etc/passwd", S_IFCHR, makedev(0, 0)), 0);
	expect_no_user("bob", -ENOENT, "user");
	unlinkat(top, "etc/passwd", 0);
	expect_user("bob", 1000, 100, 2, "/home/bob");
	fd = openat(top, "etc", O_RDONLY);
	CU_ASSERT_EQUAL(extract_set_opaque(fd), 0);
	close(fd);
	expect_no_user("bob", -ENOENT, "user");
	unlinkat(top, "etc", AT_REMOVEDIR);
	CU_ASSERT_EQUAL(symlinkat("../bottom/etc", top, "etc"), 0);
	expect_no_user("bob", -ENOENT, "user");
	unlinkat(top, "etc", 0);
	/* Gigabytes. */
	fd = openat(bottom, "etc/passwd", O_WRONLY);
	CU_ASSERT_EQUAL(ftruncate(fd, INT64_C(1) << 32), 0);
	close(fd);
	expect_no_user("bob", -EFBIG, "passwd");
	close(top);
	close(bottom);
	close(dir);
}

/* --- running ----------------------------------------------------------------------------------------------------- */
static int run(void)
{
	unsigned failed;
	CU_pSuite suite;

	CU_initialize_registry();
	suite = CU_add_suite("layer", NULL, NULL);
	CU_add_test(suite, "an ordinary archive", test_ordinary);
	CU_add_test(suite, "compression", test_compression);
	CU_add_test(suite, "the digest covers all", test_digest_covers_all);
	CU_add_test(suite, "whiteouts", test_whiteouts);
	CU_add_test(suite, "later entries replace", test_replaced);
	CU_add_test(suite, "hostile entries", test_hostile);
	CU_add_test(suite, "through symbolic links", test_through_links);
	CU_add_test(suite, "over lower layers", test_over_lower_layers);
	CU_add_test(suite, "hard link to a whiteout", test_hardlink_to_whiteout);
	CU_add_test(suite, "owners", test_owners);
	CU_add_test(suite, "limits", test_limits);
	CU_add_test(suite, "broken headers", test_broken);
	CU_add_test(suite, "sizes and removal", test_trees);
	CU_add_test(suite, "users", test_users);
	CU_basic_run_tests();
	failed = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failed != 0;
}

static int write_map(pid_t pid, const char *file)
{
	char path[64];
	int fd, e;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	fd = open(path, O_WRONLY);
	e = fd < 0 || write(fd, "0 2147352576 65536", 18) != 18;
	close_fd(fd);
	return e;
}

int main(void)
{
	char path[] = "/tmp/postern-test-layer-XXXXXX";
	int ready[2], mapped[2], status = 1;
	pid_t pid;
	char c = 0;

	if (geteuid() != 0) {
		printf("test_layer: skipped, needs root\n");
		return 0;
	}
	if (!mkdtemp(path) || chown(path, FOREIGN_FIRST, FOREIGN_FIRST) < 0 || pipe(ready) < 0 || pipe(mapped) < 0)
		return 1;
	base = open(path, O_RDONLY | O_DIRECTORY);
	pid = fork();
	if (pid == 0) {
		if (unshare(CLONE_NEWUSER) < 0 || write(ready[1], "r", 1) != 1 || read(mapped[0], &c, 1) != 1 ||
		    c != 'm' || setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
			_exit(2);
		umask(0);
		status = run();
		tree_clear(base);
		fflush(stdout);
		_exit(status);
	}
	if (read(ready[0], &c, 1) == 1 && !write_map(pid, "uid_map") && !write_map(pid, "gid_map"))
		c = 'm';
	if (write(mapped[1], &c, 1) == 1)
		waitpid(pid, &status, 0);
	rmdir(path);
	return status != 0;
}
