/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * view.h - a debug list, sorted, with what blocks each stop.
 */
#ifndef STOPPERCTL_VIEW_H
#define STOPPERCTL_VIEW_H

#include "../debuglist/debuglist.h"
#include "source.h"

struct view_stopper {
	const struct debug_stopper *s;
	const struct debug_group *culprit;	/* the oldest group that its phase waits for */
	const struct debug_stopper *child;	/* without a culprit: the child it waits for */
	uint64_t blocked_for, nr_blocking;	/* age of culprit or child; number of culprits */
	uint64_t oldest;			/* age of the oldest group */
};

struct view_group {
	const struct debug_group *g;
	const struct view_stopper *of;
	bool blocks;				/* blocks the stop of its stopper */
};

enum view_key { BY_AGE, BY_COUNT, BY_NAME, BY_STOPPER };

/* One reading of the source: a list, or an error message. */
struct view {
	enum source_state state;
	char why[SENTENCE];
	int64_t taken;				/* now_ns() */
	char clock[16];				/* the time of day */
	struct debug_list *list;
	struct view_stopper *stoppers;		/* worst first */
	struct view_stopper **by_id;
	size_t nr_stoppers;
	struct view_group *groups;		/* in the order of view_sort() */
	size_t nr_groups;
	uint64_t tasks, workers, stops;
};

struct view *view_take(void);
void view_free(struct view *v);
void view_sort(struct view *v, enum view_key key, bool reverse);
struct view_stopper *view_find(const struct view *v, uint64_t id);

size_t view_thread(char *dst, size_t size, const struct debug_thread *t, size_t width);
size_t view_site(char *dst, size_t size, const struct debug_site *at, size_t width);
bool view_is_stop(const struct debug_stopper *s);

#endif /* STOPPERCTL_VIEW_H */
