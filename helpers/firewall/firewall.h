/* firewall.h - what the files of postern-firewall share. */
#ifndef POSTERN_FIREWALL_H
#define POSTERN_FIREWALL_H

#include <libmnl/libmnl.h>
#include <stdint.h>

#include "../base/policy.h"

enum { TABLE_MAX = 32, KEY_MAX = 48, DATA_MAX = 20 };

struct nft {
	struct mnl_socket *sock;
	uint32_t sequence;
	char table[TABLE_MAX];
};

/* --- table.c --- */
/* Makes both tables, or gives those that are there the rules of this build; elements stay. 0 or -errno, said in the
 * log. */
int table_make(const struct policy_firewall *policy, const char *table);
int table_delete(const char *table);

/* --- elements.c --- */
/* Key and data as the kernel has them: each part in network byte order, filled up to whole 4 bytes. */
struct element {
	uint16_t family; /* NFPROTO_INET, NFPROTO_BRIDGE */
	const char *set;
	uint8_t key[KEY_MAX], data[DATA_MAX];
	uint8_t key_size, data_size; /* data_size 0: of a set, not of a map */
};

/* Appends a part to the key or the data. */
void element_key(struct element *e, const void *part, size_t size);
void element_data(struct element *e, const void *part, size_t size);

int elements_open(struct nft *n);
/* All or none. -EEXIST when one is there, -ENFILE when the set is as large as policy allows. */
int elements_add(struct nft *n, const struct element *e, unsigned count);
/* The same for elements of sets; those that are there stay as they are. */
int elements_put(struct nft *n, const struct element *e, unsigned count);
/* Those that are there, all at once. */
int elements_remove(struct nft *n, const struct element *e, unsigned count);
/* Calls each() with every element of a set, until it answers other than 0. */
int elements_each(struct nft *n, uint16_t family, const char *set, int (*each)(const struct element *e, void *data),
		  void *data);

#endif
