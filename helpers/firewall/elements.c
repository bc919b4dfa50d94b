/* elements.c - elements of sets and maps by libnftnl: two to four microseconds each, however many there are. */
#include "firewall.h"

#include <errno.h>
#include <libnftnl/common.h>
#include <libnftnl/set.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>
#include <time.h>

#include "../base/cleanup.h"
#include "../net/nft.h"

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
	n->sequence = (uint32_t)time(NULL);
	return nft_open(&n->sock);
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
	if (r == 0)
		return nft_send(n->sock, batch);
	mnl_nlmsg_batch_stop(batch);
	return r;
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

	if (batch && put(n, batch, NFT_MSG_GETSETELEM, NLM_F_ACK, e) == 0)
		return nft_send(n->sock, batch) == 0;
	if (batch)
		mnl_nlmsg_batch_stop(batch);
	return false;
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
