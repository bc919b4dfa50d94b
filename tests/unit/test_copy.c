/* test_copy.c - filling a volume from an image (layer's copy.c over stack.c): what overlay would show and nothing
 * else, whatever the layers hold. Needs root (for owners and whiteouts); says so and passes without. */
#include <CUnit/Basic.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "../../helpers/base/cleanup.h"
#include "../../helpers/layer/stack.h"

enum { NLAYERS = 3 };

static int base = -1, to = -1, layers[NLAYERS];
static struct policy_layer policy = { .max_bytes = 1 << 20, .max_entries = 500 };

static void fresh(void)
{
	char name[8];

	tree_clear(base);
	for (int i = 0; i < NLAYERS; i++) {
		snprintf(name, sizeof(name), "l%d", i);
		mkdirat(base, name, 0755);
		close_fd(layers[i]);
		layers[i] = openat(base, name, O_RDONLY | O_DIRECTORY);
	}
	mkdirat(base, "to", 0755);
	close_fd(to);
	to = openat(base, "to", O_RDONLY | O_DIRECTORY);
}

static void put(int dir, const char *path, const char *text)
{
	int fd = openat(dir, path, O_CREAT | O_WRONLY | O_EXCL, 0644);

	CU_ASSERT_EQUAL(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close_fd(fd);
}

static void put_link(int dir, const char *path, const char *text)
{
	CU_ASSERT_EQUAL(symlinkat(text, dir, path), 0);
}

static bool holds(const char *path, const char *text)
{
	int fd = openat(to, path, O_RDONLY | O_NOFOLLOW);
	char buf[64] = "";
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);

	close_fd(fd);
	return n == (ssize_t)strlen(text) && !memcmp(buf, text, (size_t)n);
}

static bool absent(const char *path)
{
	struct stat st;

	return fstatat(to, path, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT;
}

/* 1: copied, 0: nothing to copy, or -errno. */
static int copy(const char *path)
{
	struct result r = { 0 };
	int e = copy_tree(to, layers, NLAYERS, path, &policy, &r);

	return e < 0 ? e : (int)r.copy.copied;
}

static void test_overlay(void)
{
	fresh();
	for (int i = 0; i < NLAYERS; i++)
		mkdirat(layers[i], "d", 0755);
	put(layers[2], "d/low", "low");
	put(layers[2], "d/both", "low");
	put(layers[0], "d/both", "high");
	put(layers[2], "d/gone", "low");
	mknodat(layers[1], "d/gone", S_IFCHR, makedev(0, 0));
	mkdirat(layers[2], "d/sub", 0755);
	put(layers[2], "d/sub/hidden", "low");
	mkdirat(layers[1], "d/sub", 0700);
	put(layers[1], "d/sub/new", "new");
	int sub = openat(layers[1], "d/sub", O_RDONLY | O_DIRECTORY);
	CU_ASSERT_EQUAL(fsetxattr(sub, "user.overlay.opaque", "y", 1, 0), 0);
	CU_ASSERT_EQUAL(fsetxattr(sub, "user.kept", "v", 1, 0), 0);
	close_fd(sub);
	/* a file over a directory, and a directory over a file */
	mkdirat(layers[2], "d/swap", 0755);
	put(layers[2], "d/swap/x", "x");
	put(layers[0], "d/swap", "file");
	put(layers[2], "d/paws", "file");
	mkdirat(layers[0], "d/paws", 0755);
	CU_ASSERT_EQUAL(fchownat(layers[0], "d", 5, 6, 0), 0);
	CU_ASSERT_EQUAL(copy("/d"), 1);
	CU_ASSERT(holds("low", "low") && holds("both", "high") && holds("sub/new", "new") && holds("swap", "file"));
	CU_ASSERT(absent("gone") && absent("sub/hidden") && absent("paws/x"));
	struct stat st;
	CU_ASSERT(fstat(to, &st) == 0 && st.st_uid == 5 && st.st_gid == 6);
	sub = openat(to, "sub", O_RDONLY | O_DIRECTORY);
	char value[4];
	CU_ASSERT_EQUAL(fgetxattr(sub, "user.kept", value, sizeof(value)), 1);
	CU_ASSERT(fgetxattr(sub, "user.overlay.opaque", value, sizeof(value)) < 0);
	close_fd(sub);
}

static void test_paths(void)
{
	static const struct {
		const char *path;
		int result;
	} rows[] = {
		{ "/absolute", 1 },	   { "/up", 1 },      { "/a/back/d", 1 }, { "/a/../d", 1 }, { "/../../../d", 1 },
		{ "/loop", -ELOOP },	   { "/host", 0 },    { "/none", 0 },	  { "/file", 0 },   { "/file/x", 0 },
		{ "/whiteout/d", 0 },	   { "/opaque/d", 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		fresh();
		mkdirat(layers[2], "d", 0755);
		put(layers[2], "d/f", "f");
		mkdirat(layers[1], "a", 0755);
		put_link(layers[0], "absolute", "/d");
		put_link(layers[0], "up", "../../../../d");
		put_link(layers[1], "a/back", "..");
		put_link(layers[0], "loop", "loop");
		put_link(layers[0], "host", "/etc");
		put(layers[0], "file", "x");
		mkdirat(layers[2], "whiteout", 0755);
		mkdirat(layers[2], "whiteout/d", 0755);
		mknodat(layers[1], "whiteout", S_IFCHR, makedev(0, 0));
		mkdirat(layers[2], "opaque", 0755);
		mkdirat(layers[2], "opaque/d", 0755);
		mkdirat(layers[0], "opaque", 0755);
		int fd = openat(layers[0], "opaque", O_RDONLY | O_DIRECTORY);
		fsetxattr(fd, "user.overlay.opaque", "y", 1, 0);
		close_fd(fd);
		int e = copy(rows[i].path);

		if (e != rows[i].result)
			fprintf(stderr, "\n%s: %d\n", rows[i].path, e);
		CU_ASSERT_EQUAL(e, rows[i].result);
		CU_ASSERT_EQUAL(holds("f", "f"), rows[i].result == 1);
	}
}

static void test_links(void)
{
	struct stat a = { 0 }, b = { 0 };
	char text[64];

	fresh();
	mkdirat(layers[1], "d", 0755);
	mkdirat(layers[1], "d/sub", 0755);
	put(layers[1], "d/one", "linked");
	CU_ASSERT_EQUAL(linkat(layers[1], "d/one", layers[1], "d/sub/two", 0), 0);
	mkdirat(layers[0], "d", 0755);
	put(layers[0], "d/three", "alone");
	put_link(layers[0], "d/link", "/etc/passwd");
	mkfifoat(layers[0], "d/fifo", 0600);
	CU_ASSERT_EQUAL(copy("/d"), 1);
	CU_ASSERT(fstatat(to, "one", &a, 0) == 0 && fstatat(to, "sub/two", &b, 0) == 0);
	CU_ASSERT(a.st_ino == b.st_ino && a.st_nlink == 2);
	CU_ASSERT(holds("three", "alone") && holds("sub/two", "linked"));
	CU_ASSERT_EQUAL(readlinkat(to, "link", text, sizeof(text)), 11);
	CU_ASSERT(fstatat(to, "fifo", &a, 0) == 0 && S_ISFIFO(a.st_mode));
}

static void test_limits(void)
{
	char name[16];
	int at, e;

	fresh();
	mkdirat(layers[0], "d", 0755);
	for (unsigned i = 0; i <= policy.max_entries; i++) {
		snprintf(name, sizeof(name), "d/%u", i);
		put(layers[0], name, "");
	}
	CU_ASSERT_EQUAL(copy("/d"), -E2BIG);
	fresh();
	mkdirat(layers[0], "d", 0755);
	put(layers[0], "d/big", "");
	at = openat(layers[0], "d/big", O_WRONLY);
	CU_ASSERT_EQUAL(ftruncate(at, (off_t)policy.max_bytes + 1), 0);
	close_fd(at);
	CU_ASSERT_EQUAL(copy("/d"), -EFBIG);
	/* deeper than any walk goes */
	fresh();
	at = dup(layers[0]);
	for (unsigned i = 0; i < LAYER_DEPTH_MAX + 4; i++) {
		mkdirat(at, "d", 0755);
		e = openat(at, "d", O_RDONLY | O_DIRECTORY);
		close_fd(at);
		at = e;
	}
	close_fd(at);
	e = copy("/d");
	CU_ASSERT(e == -ELOOP || e == -EMFILE);
}

int main(void)
{
	char path[] = "/var/tmp/postern-test-copy-XXXXXX";
	unsigned failed;
	CU_pSuite suite;

	if (geteuid() != 0) {
		printf("test_copy: skipped, needs root\n");
		return 0;
	}
	for (int i = 0; i < NLAYERS; i++)
		layers[i] = -EBADF;
	if (!mkdtemp(path))
		return 1;
	base = open(path, O_RDONLY | O_DIRECTORY);
	umask(0);
	CU_initialize_registry();
	suite = CU_add_suite("copy", NULL, NULL);
	CU_add_test(suite, "as overlay shows it", test_overlay);
	CU_add_test(suite, "paths in the image", test_paths);
	CU_add_test(suite, "links and special files", test_links);
	CU_add_test(suite, "limits", test_limits);
	CU_basic_run_tests();
	failed = CU_get_number_of_failures();
	CU_cleanup_registry();
	tree_clear(base);
	rmdir(path);
	return failed != 0;
}
