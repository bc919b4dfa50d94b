/* elements.c - elements of sets and maps by libnftnl: two to four microseconds each, however many there are. */
#include "firewall.h"

#include <errno.h>
#include <libnftnl/common.h>
#include <libnftnl/set.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "../base/cleanup.h"

enum { BATCH_BYTES = 256 << 10, ANSWER_BYTES = 32 << 10 };

static void append(uint8_t *to, uint8_t *size, size_t max, const void *part, size_t n)
{
	size_t whole = (n + 3) / 4 * 4;

	if (*size + whole > max)
		return; /* the kernel refuses the short one; parts are of our own making */
	memset(to + *size, 0, whole);
	memcpy(to + *size, part, n);
	*size = (uint8_t)(*size + whole);
}

void element_key(struct element *e, const void *part, size_t size)
{
	append(e->key, &e->key_size, sizeof(e->key), part, size);
}

void element_data(struct element *e, const void *part, size_t size)
{
	append(e->data, &e->data_size, sizeof(e->data), part, size);
}

int elements_open(struct nft *n)
{
	n->sock = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	if (!n->sock || mnl_socket_bind(n->sock, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	n->sequence = (uint32_t)time(NULL);
	return 0;
}

static struct nftnl_set *set_of(const struct nft *n, const char *name)
{
	struct nftnl_set *s = nftnl_set_alloc();

	if (s &&
	    (nftnl_set_set_str(s, NFTNL_SET_TABLE, n->table) < 0 || nftnl_set_set_str(s, NFTNL_SET_NAME, name) < 0)) {
		nftnl_set_free(s);
		return NULL;
	}
	return s;
}

static int put(struct nft *n, struct mnl_nlmsg_batch *batch, uint16_t type, uint16_t flags, const struct element *e)
{
	struct nftnl_set *set = set_of(n, e->set);
	struct nftnl_set_elem *elem = set ? nftnl_set_elem_alloc() : NULL;
	struct nlmsghdr *h;

	if (!elem) {
		if (set)
			nftnl_set_free(set);
		return -ENOMEM;
	}
	nftnl_set_elem_set(elem, NFTNL_SET_ELEM_KEY, e->key, e->key_size);
	if (e->data_size && type == NFT_MSG_NEWSETELEM)
		nftnl_set_elem_set(elem, NFTNL_SET_ELEM_DATA, e->data, e->data_size);
	nftnl_set_elem_add(set, elem);
	h = nftnl_nlmsg_build_hdr(mnl_nlmsg_batch_current(batch), type, e->family, flags, n->sequence++);
	nftnl_set_elems_nlmsg_build_payload(h, set);
	nftnl_set_free(set);
	return mnl_nlmsg_batch_next(batch) ? 0 : -EMSGSIZE;
}

/* The kernel has answered when send returns, and says nothing of what went well: the first error, or 0. */
static int first_error(struct nft *n)
{
	char answer[ANSWER_BYTES];
	int fd = mnl_socket_get_fd(n->sock), r = 0;
	ssize_t got;

	while ((got = recv(fd, answer, sizeof(answer), MSG_DONTWAIT)) > 0) {
		int left = (int)got;

		for (const struct nlmsghdr *h = (void *)answer; mnl_nlmsg_ok(h, left); h = mnl_nlmsg_next(h, &left))
			if (h->nlmsg_type == NLMSG_ERROR && r == 0)
				r = ((const struct nlmsgerr *)mnl_nlmsg_get_payload(h))->error;
	}
	return r;
}

static int change(struct nft *n, uint16_t type, uint16_t flags, const struct element *e, unsigned count)
{
	static char room[2 * BATCH_BYTES];
	struct mnl_nlmsg_batch *batch = mnl_nlmsg_batch_start(room, BATCH_BYTES);
	int r = 0;

	if (!batch)
		return -ENOMEM;
	nftnl_batch_begin(mnl_nlmsg_batch_current(batch), n->sequence++);
	mnl_nlmsg_batch_next(batch);
	for (unsigned i = 0; i < count && r == 0; i++)
		r = put(n, batch, type, flags, &e[i]);
	nftnl_batch_end(mnl_nlmsg_batch_current(batch), n->sequence++);
	mnl_nlmsg_batch_next(batch);
	if (r == 0 && mnl_socket_sendto(n->sock, mnl_nlmsg_batch_head(batch), mnl_nlmsg_batch_size(batch)) < 0)
		r = -errno;
	mnl_nlmsg_batch_stop(batch);
	return r < 0 ? r : first_error(n);
}

int elements_add(struct nft *n, const struct element *e, unsigned count)
{
	return count ? change(n, NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_EXCL, e, count) : 0;
}

int elements_put(struct nft *n, const struct element *e, unsigned count)
{
	return count ? change(n, NFT_MSG_NEWSETELEM, NLM_F_CREATE, e, count) : 0;
}

/* Is the element there? No dump: the kernel looks up this one. */
static bool is_there(struct nft *n, const struct element *e)
{
	char room[ANSWER_BYTES];
	struct mnl_nlmsg_batch *batch = mnl_nlmsg_batch_start(room, sizeof(room) / 2);
	bool there = batch && put(n, batch, NFT_MSG_GETSETELEM, NLM_F_ACK, e) == 0 &&
		     mnl_socket_sendto(n->sock, mnl_nlmsg_batch_head(batch), mnl_nlmsg_batch_size(batch)) >= 0 &&
		     first_error(n) == 0;

	if (batch)
		mnl_nlmsg_batch_stop(batch);
	return there;
}

/* A change that fails costs the kernel a grace period, some 20 ms: so what is not there is left out. */
int elements_remove(struct nft *n, const struct element *e, unsigned count)
{
	static struct element there[64];
	unsigned found = 0;
	int r = 0;

	for (unsigned i = 0; i < count && r == 0; i++) {
		if (is_there(n, &e[i]))
			there[found++] = e[i];
		if (found == ARRAY_SIZE(there) || (found && i + 1 == count)) {
			r = change(n, NFT_MSG_DELSETELEM, 0, there, found);
			found = 0;
		}
	}
	return r;
}

struct walk {
	struct element e;
	int (*each)(const struct element *e, void *data);
	void *data;
	int result;
};

static int one_element(struct nftnl_set_elem *elem, void *data)
{
	struct walk *w = data;
	uint32_t size = 0;
	const void *part = nftnl_set_elem_get(elem, NFTNL_SET_ELEM_KEY, &size);

	w->e.key_size = w->e.data_size = 0;
	if (part)
		element_key(&w->e, part, size);
	part = nftnl_set_elem_is_set(elem, NFTNL_SET_ELEM_DATA) ? nftnl_set_elem_get(elem, NFTNL_SET_ELEM_DATA, &size)
								: NULL;
	if (part)
		element_data(&w->e, part, size);
	if (w->result == 0)
		w->result = w->each(&w->e, w->data);
	return 0;
}

static int one_message(const struct nlmsghdr *h, void *data)
{
	struct nftnl_set *set = nftnl_set_alloc();

	if (set && nftnl_set_elems_nlmsg_parse(h, set) == 0)
		nftnl_set_elem_foreach(set, one_element, data);
	if (set)
		nftnl_set_free(set);
	return MNL_CB_OK;
}

int elements_each(struct nft *n, uint16_t family, const char *set, int (*each)(const struct element *e, void *data),
		  void *data)
{
	struct walk w = { .e = { .family = family, .set = set }, .each = each, .data = data };
	struct nftnl_set *s = set_of(n, set);
	uint32_t sequence = n->sequence++;
	char buf[ANSWER_BYTES];
	struct nlmsghdr *h = nftnl_nlmsg_build_hdr(buf, NFT_MSG_GETSETELEM, family, NLM_F_DUMP, sequence);
	int more = 1;

	if (!s)
		return -ENOMEM;
	nftnl_set_nlmsg_build_payload(h, s);
	nftnl_set_free(s);
	if (mnl_socket_sendto(n->sock, h, h->nlmsg_len) < 0)
		return -errno;
	while (more > MNL_CB_STOP) {
		ssize_t got = mnl_socket_recvfrom(n->sock, buf, sizeof(buf));

		if (got < 0)
			return -errno;
		more = mnl_cb_run(buf, (size_t)got, sequence, mnl_socket_get_portid(n->sock), one_message, &w);
	}
	return more < 0 ? -errno : w.result;
}
