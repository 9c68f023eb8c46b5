/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * view.h - one task as a reader sees it, and what this thread runs; see view.c.
 */
#ifndef STOPPER_CORE_VIEW_H
#define STOPPER_CORE_VIEW_H

#include "internal.h"

bool task_in_table_of_this_thread(struct stopper *s);
bool task_listed_by_this_thread(struct stopper *s);
bool task_may_nest(struct stopper *s, const struct stopper_slot *own, unsigned int kind);

/* A task as a reader sees it; @site is valid only inside the visit. */
struct task_view {
	struct stopper *s;
	const struct stopper_site *site;
	const struct stopper_slot *slot;	/* NULL: queued */
	unsigned int kind;
	bool nested;		/* an async task that was let in */
	unsigned int seq;
	unsigned int order;	/* rises within a thread (kernel: CPU) */
	int tid;
	int64_t age;
	char label[STOPPER_LABEL_SHOWN + 1];
};

typedef void (*visit_fn)(void *arg, const struct task_view *v);

/* A visit of a task on a list. */
struct listed_visit {
	visit_fn visit;
	void *arg;
};

bool slot_view(struct stopper_slot *slot, struct stopper *s, struct task_view *v,
	       uint64_t *start);
void task_visit_listed(struct stopper_task *task, void *visit);
struct stopper_slot *slot_innermost(void);

#endif /* STOPPER_CORE_VIEW_H */
