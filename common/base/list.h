/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Intrusive doubly linked list with a sentinel head. An element is in at most one list per link;
 * a link that is in none points to itself (mu_link_init), so unlinking twice is harmless.
 */
#ifndef MUSTER_BASE_LIST_H
#define MUSTER_BASE_LIST_H

#include "common/base/mem.h"

#include <stdbool.h>

struct mu_link {
	struct mu_link *prev;
	struct mu_link *next;
};

static inline void mu_link_init(struct mu_link *l)
{
	l->prev = l->next = l;
}

static inline bool mu_list_empty(const struct mu_link *head)
{
	return head->next == head;
}

static inline void mu_list_insert_before(struct mu_link *pos, struct mu_link *l)
{
	l->prev = pos->prev;
	l->next = pos;
	pos->prev->next = l;
	pos->prev = l;
}

static inline void mu_list_push_back(struct mu_link *head, struct mu_link *l)
{
	mu_list_insert_before(head, l);
}

static inline void mu_list_push_front(struct mu_link *head, struct mu_link *l)
{
	mu_list_insert_before(head->next, l);
}

static inline void mu_list_remove(struct mu_link *l)
{
	l->prev->next = l->next;
	l->next->prev = l->prev;
	mu_link_init(l);
}

/* First element as `type *`, or NULL. */
#define mu_list_first(head, type, member)                                                          \
	(mu_list_empty(head) ? NULL : MU_CONTAINER_OF((head)->next, type, member))

/* `it` is a struct mu_link *; the current element may be removed inside the loop. */
#define mu_list_each(it, head)                                                                     \
	for (struct mu_link *it = (head)->next, *it##_next = it->next; it != (head);               \
	     it = it##_next, it##_next = it->next)

#endif
