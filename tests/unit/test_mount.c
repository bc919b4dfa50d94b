/* test_mount.c - tickets, store paths and clones of postern-mount. Clones need root and a mount namespace of our own; the test
 * says so and passes without. */
#include <CUnit/Basic.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "../../helpers/mount/clone.c"
#include "../../helpers/mount/tickets.c"

static char base[] = "/tmp/postern-test-mount-XXXXXX";

static struct ticket ticket(enum ticket_kind kind, uint64_t number)
{
	return (struct ticket){ .kind = kind, .number = number, .fd = open("/dev/null", O_PATH | O_CLOEXEC) };
}

static bool open_fd(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static void test_tickets(void)
{
	struct tickets t;
	struct ticket a = ticket(TICKET_SOURCE, 5), b = ticket(TICKET_MAPPING, 5), c = ticket(TICKET_SOURCE, 6), d = c;

	CU_ASSERT_FATAL(tickets_init(&t, 3) == 0);
	CU_ASSERT(tickets_add(&t, &a) == 0);
	CU_ASSERT(tickets_add(&t, &a) == -EEXIST);
	CU_ASSERT(tickets_add(&t, &b) == 0); /* kinds have numbers of their own */
	CU_ASSERT(tickets_add(&t, &c) == 0);
	d.number = 7;
	CU_ASSERT(tickets_add(&t, &d) == -EDQUOT);
	CU_ASSERT(open_fd(d.fd)); /* refused: still the caller's */
	CU_ASSERT(tickets_find(&t, TICKET_SOURCE, 5)->fd == a.fd);
	CU_ASSERT(tickets_find(&t, TICKET_MAPPING, 5)->fd == b.fd);
	CU_ASSERT_PTR_NULL(tickets_find(&t, TICKET_MAPPING, 6));
	CU_ASSERT_PTR_NULL(tickets_find(&t, TICKET_SOURCE, 0)); /* free ones have number 0 */
	tickets_drop(&t, 5);
	CU_ASSERT(!open_fd(a.fd) && !open_fd(b.fd) && open_fd(c.fd));
	CU_ASSERT_PTR_NULL(tickets_find(&t, TICKET_SOURCE, 5));
	tickets_drop(&t, 5);
	tickets_drop(&t, 0);
	CU_ASSERT(open_fd(0) && open_fd(c.fd));
	tickets_drop(&t, 6);
	free(t.v);
}

static void test_store_open(void)
{
	_cleanup_close_ int store = open(base, O_PATH | O_DIRECTORY | O_CLOEXEC), fd = -EBADF;

	fd = store_open(store, "layers/real");
	CU_ASSERT(fd >= 0);
	CU_ASSERT(store_open(store, "layers/nosuch") == -ENOENT);
	CU_ASSERT(store_open(store, "layers/file") == -ENOTDIR);
	CU_ASSERT(store_open(store, "layers/out") < 0); /* a link out of the store */
	CU_ASSERT(store_open(store, "layers/near") < 0); /* a link inside it */
	CU_ASSERT(store_open(store, "near/real") == -ELOOP); /* a link on the way */
	CU_ASSERT(store_open(store, "..") == -EXDEV);
	CU_ASSERT(store_open(store, "layers/../..") == -EXDEV);
	CU_ASSERT(store_open(store, "/etc") == -EXDEV);
}

static void test_clone(void)
{
	const struct clone_options o = { .userns = -EBADF, .attrs = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID };
	const struct clone_options host = { .userns = open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC) };
	_cleanup_close_ int dir = open(base, O_PATH | O_DIRECTORY | O_CLOEXEC), fd = -EBADF;
	struct statvfs vfs;
	struct fd_id a, b;

	if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0) {
		printf("(skipped: not root) ");
		CU_ASSERT(clone_object(dir, &o) == -EPERM);
		return;
	}
	/* Opened in another mount namespace: not ours to clone. */
	CU_ASSERT(clone_object(dir, &o) == -EINVAL);
	close_fd(dir);
	dir = open(base, O_PATH | O_DIRECTORY | O_CLOEXEC);
	fd = clone_object(dir, &o);
	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT(fstatvfs(fd, &vfs) == 0 && (vfs.f_flag & ST_RDONLY) && (vfs.f_flag & ST_NOSUID) && (vfs.f_flag & ST_NODEV));
	CU_ASSERT(fd_identify(dir, &a) == 0 && fd_identify(fd, &b) == 0 && a.dev == b.dev && a.ino == b.ino);
	CU_ASSERT(mkdirat(fd, "new", 0700) < 0 && errno == EROFS);
	CU_ASSERT(mkdirat(dir, "new", 0700) == 0);
	CU_ASSERT(clone_object(dir, &host) < 0); /* the host's own user namespace is no mapping */
	close_fd(host.userns);
}

int main(void)
{
	CU_pSuite suite;
	unsigned failed;
	char command[256];

	if (!mkdtemp(base))
		return 1;
	snprintf(command, sizeof(command),
		 "cd %s && mkdir -p layers/real && touch layers/file && ln -s /etc layers/out && ln -s real layers/near && ln -s layers near",
		 base);
	if (system(command) != 0)
		return 1;
	CU_initialize_registry();
	suite = CU_add_suite("mount", NULL, NULL);
	CU_add_test(suite, "tickets", test_tickets);
	CU_add_test(suite, "store", test_store_open);
	CU_add_test(suite, "clone", test_clone);
	CU_basic_run_tests();
	failed = CU_get_number_of_failures();
	CU_cleanup_registry();
	snprintf(command, sizeof(command), "rm -rf %s", base);
	return system(command) != 0 || failed != 0;
}
