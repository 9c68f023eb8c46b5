/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * snapshot.h - the running tasks by call site; see snapshot.c.
 */
#ifndef STOPPER_CORE_SNAPSHOT_H
#define STOPPER_CORE_SNAPSHOT_H

#include "internal.h"

#define THREADS_SHOWN	5	/* the oldest threads of a call site */

struct thread_age {
	int tid;
	unsigned int tasks;		/* of this site; a thread may begin many handles */
	int64_t age;			/* of the oldest */
	char label[STOPPER_LABEL_SHOWN + 1];	/* likewise */
};

struct site_group {
	struct stopper *s;
	const struct stopper_site *site;
	unsigned int kind;		/* PANIC_TASK: any task; else the activity's */
	unsigned int queued;		/* tasks that wait for a pool thread */
	unsigned int nshown;
	unsigned int more;		/* tasks of threads not in ->shown */
	struct thread_age shown[THREADS_SHOWN];
	struct stopper_task_info info;
};

struct task_snapshot {
	struct site_group *groups;	/* sorted: stopper, kind, most first */
	unsigned int *index;		/* hash of (s, site, kind): group + 1 */
	unsigned int max_groups, index_size;
	unsigned int ngroups;
	unsigned int lost;		/* tasks of groups that did not fit */
};

int snapshot_make(struct task_snapshot *snap, struct stopper *s, bool activities);
void snapshot_fill(struct task_snapshot *snap, struct stopper *s, bool activities);
unsigned int snapshot_find(const struct task_snapshot *snap, const struct stopper *s);
void snapshot_free(struct task_snapshot *snap);

#endif /* STOPPER_CORE_SNAPSHOT_H */
