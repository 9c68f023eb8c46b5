/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * list.h - circular doubly linked lists of struct stopper_list, for all platforms.
 */
#ifndef STOPPER_CORE_LIST_H
#define STOPPER_CORE_LIST_H

#include <stopper/types.h>

#define STOPPER_LIST(name)	struct stopper_list name = { &(name), &(name) }

#define list_item(ptr, type, member) \
	((type *)((char *)(ptr) - offsetof(type, member)))

#define list_walk(pos, head) \
	for ((pos) = (head)->next; (pos) != (head); (pos) = (pos)->next)

static inline void slist_init(struct stopper_list *l)
{
	l->next = l;
	l->prev = l;
}

static inline bool slist_empty(const struct stopper_list *head)
{
	return head->next == head;
}

static inline void slist_insert(struct stopper_list *prev, struct stopper_list *node)
{
	node->prev = prev;
	node->next = prev->next;
	prev->next->prev = node;
	prev->next = node;
}

static inline void slist_push(struct stopper_list *head, struct stopper_list *node)
{
	slist_insert(head, node);
}

static inline void slist_append(struct stopper_list *head, struct stopper_list *node)
{
	slist_insert(head->prev, node);
}

static inline void slist_remove(struct stopper_list *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	slist_init(node);
}

/* Removes and returns the first node; NULL if the list is empty. */
static inline struct stopper_list *slist_pop(struct stopper_list *head)
{
	struct stopper_list *node = head->next;

	if (node == head)
		return NULL;
	slist_remove(node);
	return node;
}

/* Moves all nodes of @from to the end of @to. */
static inline void slist_splice(struct stopper_list *from, struct stopper_list *to)
{
	if (slist_empty(from))
		return;
	from->next->prev = to->prev;
	to->prev->next = from->next;
	from->prev->next = to;
	to->prev = from->prev;
	slist_init(from);
}

#endif /* STOPPER_CORE_LIST_H */
