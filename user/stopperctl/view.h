/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * view.h - a debug list as a person asks of it: who holds up which stop, worst first.
 */
#ifndef STOPPERCTL_VIEW_H
#define STOPPERCTL_VIEW_H

#include "../debuglist/debuglist.h"
#include "source.h"

struct view_stopper {
	const struct debug_stopper *s;
	const struct debug_group *culprit;	/* the oldest of what its phase waits for */
	const struct debug_stopper *child;	/* no such thing, but a child that lasts */
	uint64_t held, held_count;		/* its age; how many there are */
	uint64_t oldest;			/* of anything in it */
};

struct view_group {
	const struct debug_group *g;
	const struct view_stopper *of;
	bool holds;				/* its stopper's phase waits for this */
};

enum view_key { BY_AGE, BY_COUNT, BY_NAME, BY_STOPPER };

/* One reading of the source: a list, or why there is none. */
struct view {
	enum source_state state;
	char why[SENTENCE];
	int64_t taken;				/* now_ns() */
	char clock[16];				/* the time of day */
	struct debug_list *list;
	struct view_stopper *stoppers;		/* worst first */
	struct view_stopper **by_id;
	size_t nr_stoppers;
	struct view_group *groups;		/* as view_sort() left them */
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
