/* Texts, fd proofs, policy rights: what everything else stands on. */
#include <CUnit/Basic.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../helpers/base/fd.h"
#include "../../helpers/base/names.h"
#include "../../helpers/base/pass.h"
#include "../../helpers/base/policy.h"
#include "../../helpers/base/sys.h"
#include "../../helpers/base/text.h"

#define VALID(f, s) f(s, sizeof(s) - 1)

static void names_and_paths(void)
{
	CU_ASSERT(VALID(name_valid, "a"));
	CU_ASSERT(VALID(name_valid, "web_1.x-y"));
	CU_ASSERT(!VALID(name_valid, ""));
	CU_ASSERT(!VALID(name_valid, ".hidden"));
	CU_ASSERT(!VALID(name_valid, "../x"));
	CU_ASSERT(!VALID(name_valid, "a\0b"));
	CU_ASSERT(!VALID(name_valid, "a\n"));
	CU_ASSERT(VALID(path_valid, "/"));
	CU_ASSERT(VALID(path_valid, "/a/..b/c.d"));
	CU_ASSERT(!VALID(path_valid, "a"));
	CU_ASSERT(!VALID(path_valid, "/a/"));
	CU_ASSERT(!VALID(path_valid, "//a"));
	CU_ASSERT(!VALID(path_valid, "/a/../b"));
	CU_ASSERT(!VALID(path_valid, "/a/./b"));
	CU_ASSERT(!VALID(path_valid, "/a/.."));
	CU_ASSERT(!VALID(path_valid, "/a\nb"));
	CU_ASSERT(path_below("/home/bob", "/home/bob"));
	CU_ASSERT(path_below("/home/bob/x", "/home/bob"));
	CU_ASSERT(!path_below("/home/bobby", "/home/bob"));
	CU_ASSERT(path_below("/x", "/"));
}

static void numbers_and_hex(void)
{
	uint8_t id[4];
	uint64_t n = 7;
	char text[9];

	CU_ASSERT_EQUAL(text_u64("18446744073709551615", UINT64_MAX, &n), 0);
	CU_ASSERT_EQUAL(n, UINT64_MAX);
	CU_ASSERT_EQUAL(text_u64("18446744073709551616", UINT64_MAX, &n), -ERANGE);
	CU_ASSERT_EQUAL(text_u64("256", 255, &n), -ERANGE);
	CU_ASSERT_EQUAL(text_u64("9", 5, &n), -ERANGE);
	CU_ASSERT_EQUAL(text_u64("", 5, &n), -EINVAL);
	CU_ASSERT_EQUAL(text_u64("1 ", 5, &n), -EINVAL);
	CU_ASSERT_EQUAL(text_u64("-1", 5, &n), -EINVAL);
	CU_ASSERT_EQUAL(n, UINT64_MAX); /* untouched on failure */
	CU_ASSERT_EQUAL(hex_decode("00ff10a5", id, 4), 0);
	hex_encode(id, 4, text);
	CU_ASSERT_STRING_EQUAL(text, "00ff10a5");
	CU_ASSERT_EQUAL(hex_decode("00ff10a", id, 4), -EINVAL);
	CU_ASSERT_EQUAL(hex_decode("00ff10a5x", id, 4), -EINVAL);
	CU_ASSERT_EQUAL(hex_decode("00FF10A5", id, 4), -EINVAL);
}

static void proofs_of_fds(void)
{
	struct fd_devs devs;
	int pair[2], stream[2], pipes[2], memfd = memfd_sealed("t", "x", 1), loose = memfd_create("u", MFD_ALLOW_SEALING);
	int netns = open("/proc/self/ns/net", O_RDONLY), userns = open("/proc/self/ns/user", O_RDONLY);
	int path = open("/proc/self/ns/net", O_PATH), null = open("/dev/null", O_RDWR), dir = open("/", O_RDONLY | O_DIRECTORY);
	int pidfd = sys_pidfd_open(getpid()), proc = open("/proc/self", O_RDONLY | O_DIRECTORY);

	CU_ASSERT_EQUAL(fd_devs_read(&devs), 0);
	fd_proofs_use(&devs);
	CU_ASSERT_FATAL(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, stream) == 0 &&
			pipe(pipes) == 0);
	struct {
		int fd;
		enum fd_kind kind;
	} right[] = {
		{ netns, FDK_NETNS }, { userns, FDK_USERNS }, { path, FDK_PATH }, { memfd, FDK_MEMFD }, { pair[0], FDK_CHANNEL },
		{ stream[0], FDK_CLIENT }, { pipes[0], FDK_STREAM }, { pidfd, FDK_PIDFD }, { proc, FDK_PROCDIR },
	};
	size_t n = sizeof(right) / sizeof(right[0]);

	/* Each is its own kind and no other. */
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < n; k++)
			CU_ASSERT_EQUAL(fd_prove(right[i].fd, right[k].kind, NULL), i == k ? 0 : -EMEDIUMTYPE);
	for (int k = 0; k < FDK_COUNT; k++) {
		CU_ASSERT_NOT_EQUAL(fd_prove(null, (enum fd_kind)k, NULL), 0);
		CU_ASSERT_NOT_EQUAL(fd_prove(-1, (enum fd_kind)k, NULL), 0);
		if (k != FDK_FILE && k != FDK_LOG)
			CU_ASSERT_NOT_EQUAL(fd_prove(loose, (enum fd_kind)k, NULL), 0);
		CU_ASSERT_NOT_EQUAL(fd_prove(dir, (enum fd_kind)k, NULL), 0);
	}
	/* A socket that signals somebody else is refused. */
	fcntl(pair[1], F_SETFL, fcntl(pair[1], F_GETFL) | O_ASYNC);
	CU_ASSERT_EQUAL(fd_prove(pair[1], FDK_CHANNEL, NULL), -EMEDIUMTYPE);
	/* The host's own namespaces are nobody's children. */
	CU_ASSERT_NOT_EQUAL(userns_prove(userns, userns, getuid()), 0);
	CU_ASSERT(fd_same(netns, netns) && !fd_same(netns, userns));
}

static void rights_by_policy(void)
{
	struct policy_common p = { .ids_base = 60706, .ids_count = IDS_PER_ENGINE, .nusers = 3, .users = {
		{ POLICY_UID, 0, 4, "root" }, { POLICY_GID, 50, 2, "staff" }, { POLICY_ANY, 0, 1, "all" } } };
	struct peer root = { .uid = 0 }, staff = { .uid = 1000, .ngroups = 2, .groups = { 1, 50 } }, other = { .uid = 1001, .gid = 7 };
	struct peer ours = { .uid = 60706, .gid = 50 }, last = { .uid = 60706 + IDS_PER_ENGINE };
	struct peer reader = { .uid = 0, .socket = SOCKET_READ };
	const char *rule;

	CU_ASSERT_EQUAL(policy_rights(&p, &root, &rule), 4);
	CU_ASSERT_STRING_EQUAL(rule, "root");
	CU_ASSERT_EQUAL(policy_rights(&p, &staff, &rule), 2);
	CU_ASSERT_EQUAL(policy_rights(&p, &other, &rule), 1);
	CU_ASSERT_EQUAL(policy_rights(&p, &ours, &rule), 0); /* a controller asks for nobody but its clients */
	CU_ASSERT_EQUAL(policy_rights(&p, &last, &rule), 1);
	CU_ASSERT_EQUAL(policy_rights(&p, &reader, &rule), 1); /* through that socket nobody is more */
	CU_ASSERT_STRING_EQUAL(rule, "read-only-socket");
	p.nusers = 0;
	CU_ASSERT_EQUAL(policy_rights(&p, &reader, &rule), 0);
	CU_ASSERT_EQUAL(policy_rights(&p, &root, &rule), 0);
}

static void ids_by_policy(void)
{
	struct policy_common all = { .ids_base = 60706, .ids_count = IDS_PER_ENGINE, .nmap = 1, .map = { { 0, MAP_SIZE } } };
	struct policy_common parts = { .ids_base = MAP_SIZE, .ids_count = IDS_PER_ENGINE, .ids_shared = 1, .nmap = 3,
				       .map = { { 0, 1 }, { 1, 65511 }, { OVERFLOW_ID, 1 } } };
	struct policy_common one = { .ids_base = 5, .ids_shared = 1, .nmap = 1, .map = { { 0, 1 } } };
	char text[POLICY_MAP_TEXT];

	CU_ASSERT(policy_maps(&all, 0) && policy_maps(&all, 65535) && !policy_maps(&all, 65536));
	CU_ASSERT(policy_maps(&parts, 0) && policy_maps(&parts, 65511) && !policy_maps(&parts, 65512));
	CU_ASSERT(policy_maps(&parts, 65534) && !policy_maps(&parts, 65535) && !policy_maps(&parts, 65533));
	CU_ASSERT(policy_maps(&one, 0) && !policy_maps(&one, 1) && !policy_maps(&one, UINT32_MAX));
	CU_ASSERT_EQUAL(policy_map_format(&parts, 0, 100, text), strlen(text));
	CU_ASSERT_STRING_EQUAL(text, "0 100 1\n1 101 65511\n65534 65634 1\n");
	/* Where one id is all there is, it is every program's, and its client is no program. */
	CU_ASSERT(policy_id(&all, IDS_OWNER) == 60726 && policy_id(&one, IDS_OWNER) == 5);
	CU_ASSERT(policy_own_id(&all, 60706) && policy_own_id(&all, 60729) && !policy_own_id(&all, 60730) && !policy_own_id(&one, 5));
	/* With ids_shared nothing is shown otherwise than it is; the engine's own stays out all the same. */
	CU_ASSERT(!policy_owner_ordinary(&all, 0, 1000) && !policy_owner_ordinary(&all, OVERFLOW_ID, 1000));
	CU_ASSERT(policy_owner_ordinary(&parts, 0, 0) && policy_owner_ordinary(&parts, OVERFLOW_ID, 0));
	CU_ASSERT(!policy_owner_ordinary(&parts, MAP_SIZE, 0) && !policy_owner_ordinary(&parts, UINT32_MAX, 0));
}

static void reading_whole_files(void)
{
	_Static_assert(sizeof(int) == 4, "fd lists are 32 bits");
	int fd = memfd_create("r", 0);
	char *text;
	size_t n;

	CU_ASSERT_EQUAL(fd_write_all(fd, "0123456789", 10), 0);
	CU_ASSERT_EQUAL(fd_read_all(fd, 10, &text, &n), 0);
	CU_ASSERT(n == 10 && !strcmp(text, "0123456789"));
	free(text);
	CU_ASSERT_EQUAL(fd_read_all(fd, 9, &text, &n), -EFBIG);
	CU_ASSERT_EQUAL(ftruncate(fd, 0), 0);
	CU_ASSERT_EQUAL(fd_read_all(fd, 9, &text, &n), 0);
	CU_ASSERT_STRING_EQUAL(text, "");
	free(text);
	close(fd);
}

static void prefixes(void)
{
	static const char *const expected[] = { "/srv", "/srv//a", "/srv//a/b" };
	char part[16];
	size_t at = 0, n = 0;

	while (path_prefix("/srv//a/b/", &at, part, sizeof(part))) {
		CU_ASSERT_FATAL(n < 3);
		CU_ASSERT_STRING_EQUAL(part, expected[n]);
		n++;
	}
	CU_ASSERT_EQUAL(n, 3);
	at = 0;
	CU_ASSERT(path_prefix("a/b", &at, part, sizeof(part)));
	CU_ASSERT_STRING_EQUAL(part, "a");
	at = 0;
	CU_ASSERT(!path_prefix("/", &at, part, sizeof(part)));
	CU_ASSERT(!path_prefix("/longer-than-the-buffer", &at, part, sizeof(part))); /* never cut */
}

static int open_fds(void)
{
	int n = 0;

	for (int i = 0; i < 256; i++)
		n += fcntl(i, F_GETFD) >= 0;
	return n;
}

static void passing_fds(void)
{
	char text[4], buf[3];
	const struct iovec out = { "abc", 3 }, in = { text, sizeof(text) }, small = { buf, 2 };
	int pair[2], fds[3] = { 0, 0, 0 }, got[2], before;
	size_t n = 9;

	CU_ASSERT_FATAL(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0);
	before = open_fds();
	CU_ASSERT_EQUAL(pass_receive(pair[1], &in, 1, got, 2, &n, MSG_DONTWAIT), -EAGAIN);
	CU_ASSERT_EQUAL(pass_send(pair[0], &out, 1, fds, 2, 0), 0);
	CU_ASSERT_EQUAL(pass_receive(pair[1], &in, 1, got, 2, &n, 0), 3);
	CU_ASSERT(n == 2 && !memcmp(text, "abc", 3) && (fcntl(got[1], F_GETFD) & FD_CLOEXEC));
	close(got[0]);
	close(got[1]);
	/* More fds or bytes than there is room for: nothing is taken, nothing leaks, *ret_nfds stays. */
	n = 9;
	CU_ASSERT_EQUAL(pass_send(pair[0], &out, 1, fds, 3, 0), 0);
	CU_ASSERT_EQUAL(pass_receive(pair[1], &in, 1, got, 2, &n, 0), -EBADMSG);
	CU_ASSERT_EQUAL(pass_send(pair[0], &out, 1, fds, 1, 0), 0);
	CU_ASSERT_EQUAL(pass_receive(pair[1], &small, 1, got, 2, &n, 0), -EBADMSG);
	CU_ASSERT(n == 9 && open_fds() == before);
	CU_ASSERT_EQUAL(pass_send(pair[0], &out, 1, fds, FRAME_FDS_MAX + 1, 0), -EMSGSIZE);
	close(pair[1]);
	CU_ASSERT_EQUAL(pass_send(pair[0], &out, 1, NULL, 0, 0), -EPIPE); /* and no signal */
	close(pair[0]);
}

int main(void)
{
	CU_initialize_registry();
	CU_pSuite s = CU_add_suite("base", NULL, NULL);

	CU_add_test(s, "names and paths", names_and_paths);
	CU_add_test(s, "numbers and hex", numbers_and_hex);
	CU_add_test(s, "proofs of fds", proofs_of_fds);
	CU_add_test(s, "rights by policy", rights_by_policy);
	CU_add_test(s, "ids by policy", ids_by_policy);
	CU_add_test(s, "reading whole files", reading_whole_files);
	CU_add_test(s, "prefixes of paths", prefixes);
	CU_add_test(s, "passing fds", passing_fds);
	CU_basic_run_tests();
	unsigned bad = CU_get_number_of_tests_failed();

	CU_cleanup_registry();
	return bad != 0;
}
