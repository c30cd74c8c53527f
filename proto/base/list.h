/* SPDX-License-Identifier: Apache-2.0 */
/* Intrusive doubly linked list. An unlinked node points to itself, so removing twice is harmless. */
#ifndef GW_LIST_H
#define GW_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct gw_list {
	struct gw_list *next, *prev;
};

#define GW_CONTAINER(ptr, type, member) ((type *)((char *)(ptr) - offsetof(type, member)))
#define GW_LIST_FOREACH(it, head) for (struct gw_list *it = (head)->next; it != (head); it = it->next)
/** Safe against removal of the current node. */
#define GW_LIST_FOREACH_SAFE(it, tmp, head)                                                        \
	for (struct gw_list *it = (head)->next, *tmp = it->next; it != (head); it = tmp, tmp = it->next)

static inline void gw_list_init(struct gw_list *l)
{
	l->next = l->prev = l;
}

static inline bool gw_list_empty(const struct gw_list *l)
{
	return l->next == l;
}

static inline void gw_list_append(struct gw_list *head, struct gw_list *n)
{
	n->prev = head->prev;
	n->next = head;
	head->prev->next = n;
	head->prev = n;
}

static inline void gw_list_remove(struct gw_list *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
	gw_list_init(n);
}

#endif
