/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * snapshot.h - what runs, by call site; see snapshot.c.
 */
#ifndef STOPPER_CORE_SNAPSHOT_H
#define STOPPER_CORE_SNAPSHOT_H

#include "internal.h"

#define THREADS_SHOWN	5	/* of a call site, the oldest */
#define LINE_SIZE	512	/* of the list's and of the reports' text, at most */

struct thread_age {
	int tid;
	unsigned int tasks;		/* of this site: a thread may begin many handles */
	int64_t age;			/* of the oldest */
};

struct site_group {
	struct stopper *s;
	const struct stopper_site *site;
	unsigned int kind;		/* PANIC_TASK: any task; else as runs have it */
	unsigned int queued;		/* tasks that wait for a thread */
	unsigned int nshown;
	unsigned int more;		/* tasks of threads that are not in ->shown */
	struct thread_age shown[THREADS_SHOWN];
	struct stopper_task_info info;
};

struct task_snapshot {
	struct site_group *groups;	/* sorted: stopper, kind, most first */
	unsigned int *index;		/* hash of (s, site, kind) -> group + 1 */
	unsigned int max_groups, index_size;
	unsigned int ngroups;
	unsigned int lost;		/* tasks for whose group there was no room */
};

int snapshot_make(struct task_snapshot *snap, struct stopper *s, bool activities);
void snapshot_fill(struct task_snapshot *snap, struct stopper *s, bool activities);
unsigned int snapshot_find(const struct task_snapshot *snap, const struct stopper *s);
void snapshot_free(struct task_snapshot *snap);

/* report.c */
void report_stopper(const struct line_sink *out, const struct task_snapshot *snap,
		    struct stopper *s, unsigned int *lookups);

#endif /* STOPPER_CORE_SNAPSHOT_H */
