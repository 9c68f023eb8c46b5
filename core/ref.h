/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * ref.h - the registry, walks; see ref.c.
 */
#ifndef STOPPER_CORE_REF_H
#define STOPPER_CORE_REF_H

#include "internal.h"

/* A walk over the stoppers of a list, in the list's order. */
struct stopper_walk {
	stopper_lock_t *lock;
	struct stopper_list *head;
	struct stopper_link at;		/* behind ->s */
	struct stopper *s;		/* the one returned last; NULL: not begun, or over */
};

struct stopper *stopper_walk_next(struct stopper_walk *w);
void stopper_walk_end(struct stopper_walk *w);

/* For each child of @p: it is @w.s, and pinned while the loop is at it. */
#define for_each_child(w, p)								\
	for (struct stopper_walk w __attribute__((cleanup(stopper_walk_end))) =		\
	     { .lock = &(p)->lock, .head = &(p)->children }; stopper_walk_next(&w);)

void registry_walk_init(struct stopper_walk *w);
void registry_add(struct stopper *s);
struct stopper *parent_get(struct stopper *s);
void registry_hide(struct stopper *s);
void registry_remove(struct stopper *s);
bool stopper_is_within(const struct stopper *s, const struct stopper *tree);

#endif /* STOPPER_CORE_REF_H */
