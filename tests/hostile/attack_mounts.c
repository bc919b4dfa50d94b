/* attack_mounts.c - threats 3, 4, 6-8, 22, 26: mounts of images, volumes that are filled, directories that are made. */
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../../helpers/base/cleanup.h"
#include "../../helpers/base/fd.h"
#include "../../helpers/base/sys.h"
#include "../../helpers/base/text.h"
#include "hostile.h"

static struct reply_header why;

static void refused(const char *threat, int r, const char *what)
{
	result(r < 0 && r != -ETIMEDOUT && r != -ENODATA && r != -EBADMSG, "%s: %s (%s at %s%s%s)", threat, what, strerror(-r),
	       why.stage, why.rule[0] ? ", rule " : "", why.rule);
	memset(&why, 0, sizeof(why));
}

/* A bind of the user's own directory, writable: what an honest controller has before MAKE. */
static int bind_owned(const struct sandbox *s, int *ret)
{
	struct req_lookup_open open = { .ticket = new_ticket(), .writable = 1 };
	struct req_idmap_owner owner = {
		.ticket = new_ticket(), .base = s->base, .owner_uid = owner_id(), .owner_gid = owner_id()
	};
	struct req_mount_bind bind = { .source = open.ticket, .mapping = owner.ticket };
	struct rep_mount_bind rep;
	int r;

	text_copy(open.path, sizeof(open.path), in_hang("user-owned"));
	r = ask(channel(HELPER_LOOKUP), OP_LOOKUP_OPEN, &open, NULL, &why);
	if (r == 0)
		r = ask(channel(HELPER_IDMAP), OP_IDMAP_OWNER, &owner, NULL, &why);
	if (r == 0)
		r = ask(channel(HELPER_MOUNT), OP_MOUNT_BIND, &bind, &rep, &why);
	if (r == 0)
		*ret = rep.mount;
	return r;
}

static int make(const struct sandbox *s, int dir, const char *path)
{
	struct req_spawn_make req = { .userns = s->userns, .dir = dir };

	text_copy(req.path, sizeof(req.path), path);
	return ask(channel(HELPER_SPAWN), OP_SPAWN_MAKE, &req, NULL, &why);
}

static void made_directories(void)
{
	char deep[200] = "", hidden[300];
	struct sandbox s, host;
	int owned = -EBADF, loose, r;

	if (sandbox_make(&s, true) < 0 || bind_owned(&s, &owned) < 0) {
		result(false, "6: no sandbox or no bind (%s)", why.stage);
		return;
	}
	r = make(&s, owned, "/made/here"); /* the script looks whose it is, and that nothing else is there */
	result(r == 0, "6: an honest MAKE works (%s at %s)", strerror(-r), why.stage);
	/* what a mount by the container's ids does not reach */
	loose = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (!policy()->ids_shared)
		refused("6", make(&s, loose, "/postern-hostile-made"), "a directory that anybody may write to, not as a mount");
	close_fd(loose);
	loose = open(in_hang("root-owned"), O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (loose >= 0)
		refused("6", make(&s, loose, "/made"), "root's directory");
	close_fd(loose);
	/* the script's link to root-owned */
	refused("6", make(&s, owned, "/out/made"), "a path through a symbolic link");
	for (int i = 0; i < 40; i++)
		strcat(deep, "/d");
	refused("6", make(&s, owned, deep), "too many levels");
	snprintf(hidden, sizeof(hidden), "/%0260d", 0);
	refused("6", make(&s, owned, hidden), "a name that is too long");
	/* 4: whose user namespace */
	host = s;
	host.userns = open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC);
	refused("4", make(&host, owned, "/made2"), "MAKE in the controller's own user namespace");
	close_fd(host.userns);
	close_fd(owned);
	sandbox_drop(&s);
}

static void image_mounts(void)
{
	struct mount_attr clear = { .attr_clr = MOUNT_ATTR_RDONLY };
	struct req_mount_image req = { .layers = { .n = 1 } };
	struct rep_mount_image rep;
	struct sandbox s;
	int r;

	if (sandbox_make(&s, true) < 0 || some_layer(req.layers.id[0]) < 0) {
		result(false, "7: no sandbox or no layer");
		return;
	}
	req.mapping = s.ticket;
	r = ask(channel(HELPER_MOUNT), OP_MOUNT_IMAGE, &req, &rep, &why);
	result(r == 0 && rep.layers.n == 1, "7: an honest IMAGE works (%s at %s)", strerror(-r), why.stage);
	if (r == 0) {
		result(sys_mount_setattr(rep.layers.fd[0], "", AT_EMPTY_PATH, &clear) < 0, "7: its read-only cannot be cleared");
		message_close_fds(&op_desc(OP_MOUNT_IMAGE)->rep, &rep);
	}
	req.mapping = new_ticket();
	refused("8", ask(channel(HELPER_MOUNT), OP_MOUNT_IMAGE, &req, &rep, &why), "an image under a mapping that nobody made");
	req.mapping = s.ticket;
	memset(req.layers.id[0], 0x5a, ID_BYTES);
	refused("22", ask(channel(HELPER_MOUNT), OP_MOUNT_IMAGE, &req, &rep, &why), "a layer that is not there, as an image");
	sandbox_drop(&s);
}

static void filled_volumes(void)
{
	struct req_layer_create create = { .what = LAYER_VOLUME, .name = "hostile-filled" };
	struct req_layer_remove remove = { .what = LAYER_VOLUME, .name = "hostile-filled" };
	struct req_layer_copy req = { .layers = { .n = 1 }, .volume = "hostile-filled", .path = "/bin" };
	struct rep_layer_copy rep;
	int r;

	if (some_layer(req.layers.id[0]) < 0 || ask(channel(HELPER_LAYER), OP_LAYER_CREATE, &create, NULL, &why) < 0) {
		result(false, "22: no layer or no volume (%s)", why.stage);
		return;
	}
	text_copy(req.path, sizeof(req.path), "/not/there");
	r = ask(channel(HELPER_LAYER), OP_LAYER_COPY, &req, &rep, &why);
	result(r == 0 && !rep.copied, "22: what the image has not is not copied");
	text_copy(req.path, sizeof(req.path), "/bin");
	r = ask(channel(HELPER_LAYER), OP_LAYER_COPY, &req, &rep, &why);
	result(r == 0 && rep.copied, "22: an honest COPY works (%s at %s)", strerror(-r), why.stage);
	text_copy(req.path, sizeof(req.path), "/etc");
	r = ask(channel(HELPER_LAYER), OP_LAYER_COPY, &req, &rep, &why);
	result(r == 0 && !rep.copied, "22: a volume with content is not filled again");
	text_copy(req.volume, sizeof(req.volume), "hostile-none");
	refused("22", ask(channel(HELPER_LAYER), OP_LAYER_COPY, &req, &rep, &why), "a volume that is not there");
	text_copy(req.volume, sizeof(req.volume), "hostile-filled");
	ask(channel(HELPER_LAYER), OP_LAYER_REMOVE, &remove, NULL, NULL);
	ask(channel(HELPER_LAYER), OP_LAYER_CREATE, &create, NULL, &why);
	memset(req.layers.id[0], 0x5a, ID_BYTES);
	refused("22", ask(channel(HELPER_LAYER), OP_LAYER_COPY, &req, &rep, &why), "a layer that is not there, as what is copied");
	ask(channel(HELPER_LAYER), OP_LAYER_REMOVE, &remove, NULL, NULL);
}

const struct attack mount_attacks[] = {
	{ "4, 6", made_directories },
	{ "7, 8, 22", image_mounts },
	{ "22", filled_volumes },
};
const unsigned n_mount_attacks = ARRAY_SIZE(mount_attacks);
