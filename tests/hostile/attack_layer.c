/* attack_layer.c - threats 15, 22 and 27: archives that are asked of postern-layer, and layers below that are none. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../helpers/base/cleanup.h"
#include "../../helpers/base/text.h"
#include "hostile.h"

static struct reply_header why;

static void refused(const char *threat, int r, int wanted, const char *what)
{
	result(r == wanted, "%s: %s (%s at %s)", threat, what, strerror(-r), why.stage);
	memset(&why, 0, sizeof(why));
}

static void random_id(uint8_t id[ID_BYTES])
{
	if (getrandom(id, ID_BYTES, 0) != ID_BYTES)
		memset(id, 0x5a, ID_BYTES);
}

static int pipe_ends(int ends[2])
{
	if (pipe2(ends, O_CLOEXEC) == 0)
		return 0;
	result(false, "22: no pipe");
	return -1;
}

static void joins(void)
{
	struct req_layer_join req = { 0 };
	char buf[65536];
	pid_t reader;
	int ends[2];

	if (pipe_ends(ends) < 0)
		return;
	req.out = ends[1];
	random_id(req.layer);
	refused("22", ask(channel(HELPER_LAYER), OP_LAYER_JOIN, &req, NULL, &why), -ENOENT, "the archive of a layer that is none");
	if (some_layer(req.layer) < 0) {
		result(false, "22: no layer");
		return;
	}
	reader = fork();
	if (reader == 0) {
		close_fd(ends[1]);
		while (read(ends[0], buf, sizeof(buf)) > 0)
			;
		_exit(0);
	}
	refused("22", ask(channel(HELPER_LAYER), OP_LAYER_JOIN, &req, NULL, &why), -EINVAL, "an archive with another digest than it has");
	kill(reader, SIGKILL);
	waitpid(reader, NULL, 0);
	refused("36", ask_as(channel(HELPER_LAYER), OP_LAYER_JOIN, &req, NULL, &why, user_client), -EPERM,
		"an archive for a client without the right");
	close_fd(ends[0]);
	refused("22", ask(channel(HELPER_LAYER), OP_LAYER_JOIN, &req, NULL, &why), -EPIPE, "an archive into a pipe that has no reader");
	close_fd(ends[1]);
}

static void exports(void)
{
	struct req_layer_export req = { .layers.n = 1 };
	struct req_layer_create create = { .what = LAYER_CONTAINER };
	struct req_layer_remove remove = { .what = LAYER_CONTAINER };
	int ends[2];

	if (pipe_ends(ends) < 0)
		return;
	req.out = ends[1];
	random_id(req.container);
	some_layer(req.layers.id[0]);
	refused("22", ask(channel(HELPER_LAYER), OP_LAYER_EXPORT, &req, NULL, &why), -ENOENT, "the files of a container that is none");
	hex_encode(req.container, ID_BYTES, create.name);
	strcpy(remove.name, create.name);
	ask(channel(HELPER_LAYER), OP_LAYER_CREATE, &create, NULL, &why);
	refused("36", ask_as(channel(HELPER_LAYER), OP_LAYER_EXPORT, &req, NULL, &why, user_client), -EPERM,
		"a container's files for a client without the right");
	random_id(req.layers.id[0]);
	refused("22", ask(channel(HELPER_LAYER), OP_LAYER_EXPORT, &req, NULL, &why), -ENOENT, "a container over a layer that is none");
	ask(channel(HELPER_LAYER), OP_LAYER_REMOVE, &remove, NULL, &why);
	close_fd(ends[0]);
	close_fd(ends[1]);
}

static void unpacks(void)
{
	struct req_layer_unpack req = { .below.n = 1 };

	req.archive = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	random_id(req.layer);
	random_id(req.below.id[0]);
	refused("27", ask(channel(HELPER_LAYER), OP_LAYER_UNPACK, &req, NULL, &why), -ENOENT, "a layer over one that is none");
	req.below.n = 0;
	refused("27", ask(channel(HELPER_LAYER), OP_LAYER_UNPACK, &req, NULL, &why), -EINVAL, "a program as a layer's archive");
	req.offset = UINT64_MAX - 5;
	req.length = 10;
	refused("27", ask(channel(HELPER_LAYER), OP_LAYER_UNPACK, &req, NULL, &why), -ERANGE, "an archive behind the end of its file");
	close_fd(req.archive);
}

/* As many pipes that nobody reads as there are workers: whoever wants to unpack or count does not wait for them. */
static void slow_readers(void)
{
	struct req_layer_join req = { 0 };
	struct req_layer_size size = { .what = LAYER_IMAGE };
	struct rep_layer_size rep;
	int ends[2], r;
	pid_t pids[8]; /* policy's default of workers */

	if (pipe_ends(ends) < 0 || some_layer(req.layer) < 0)
		return;
	req.out = ends[1];
	for (unsigned i = 0; i < ARRAY_SIZE(pids); i++) {
		int fd = derived(HELPER_LAYER);

		pids[i] = fd < 0 ? -1 : fork();
		if (pids[i] == 0)
			_exit(ask(fd, OP_LAYER_JOIN, &req, NULL, NULL) == 0);
		close_fd(fd);
	}
	hex_encode(req.layer, ID_BYTES, size.name);
	r = ask(channel(HELPER_LAYER), OP_LAYER_SIZE, &size, &rep, &why);
	result(r == 0 && rep.size > 0, "15: archives that nobody reads hold up nobody else (%s)", strerror(-r));
	close_fd(ends[0]);
	close_fd(ends[1]);
	for (unsigned i = 0; i < ARRAY_SIZE(pids); i++)
		if (pids[i] > 0) {
			kill(pids[i], SIGKILL);
			waitpid(pids[i], NULL, 0);
		}
}

const struct attack layer_attacks[] = {
	{ "22", joins },
	{ "22", exports },
	{ "27", unpacks },
	{ "15", slow_readers },
};
const unsigned n_layer_attacks = ARRAY_SIZE(layer_attacks);
