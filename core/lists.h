/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * lists.h - tasks on lists; see lists.c.
 */
#ifndef STOPPER_CORE_LISTS_H
#define STOPPER_CORE_LISTS_H

#include "internal.h"

#ifndef SHARDS
#define SHARDS		16
#endif

struct shard {
	stopper_lock_t lock;
	struct stopper_list tasks;	/* struct stopper_task */
} PLAT_CACHELINE_ALIGNED;

/* A list of tasks and its lock. Number SHARDS is the one in the stopper itself. */
struct task_list {
	stopper_lock_t *lock;
	struct stopper_list *tasks;
};

struct task_list task_list_of(struct stopper *s, unsigned int i);
struct stopper_slot *task_list_add(struct stopper *s, const struct stopper_site *site,
				   struct stopper_task *task, unsigned int kind);
void task_list_del(struct stopper_task *task);
void task_list_each(const struct task_list *l,
		    void (*fn)(struct stopper_task *task, void *arg), void *arg);
void tasks_walk_lists(struct stopper *s, void (*fn)(struct stopper_task *task, void *arg),
		      void *arg);
void task_lists_free(struct stopper *s);

#endif /* STOPPER_CORE_LISTS_H */
