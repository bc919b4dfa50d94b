/* tickets.c - a bounded table. Numbers are the controller's; they are names, not authority: each kind comes over a
 * socket of its own maker, and what is behind a number is a kernel object with the facts that its maker found. */
#include <errno.h>
#include <stdlib.h>

#include "../base/cleanup.h"
#include "mount.h"

int tickets_init(struct tickets *t, uint32_t size)
{
	t->v = calloc(size, sizeof(*t->v));
	t->size = size;
	return t->v ? 0 : -ENOMEM;
}

struct ticket *tickets_find(struct tickets *t, enum ticket_kind kind, uint64_t number)
{
	for (uint32_t i = 0; i < t->size; i++)
		if (t->v[i].kind == kind && t->v[i].number == number)
			return &t->v[i];
	return NULL;
}

int tickets_add(struct tickets *t, const struct ticket *new)
{
	if (tickets_find(t, new->kind, new->number))
		return -EEXIST;
	for (uint32_t i = 0; i < t->size; i++)
		if (t->v[i].kind == TICKET_FREE) {
			t->v[i] = *new;
			return 0;
		}
	return -EDQUOT;
}

void ticket_free(struct ticket *t)
{
	close_fd(t->fd);
	*t = (struct ticket){ .fd = -EBADF };
}

void tickets_drop(struct tickets *t, uint64_t number)
{
	for (uint32_t i = 0; i < t->size; i++)
		if (t->v[i].kind != TICKET_FREE && t->v[i].number == number)
			ticket_free(&t->v[i]);
}
