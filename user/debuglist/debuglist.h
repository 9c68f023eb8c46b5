/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * debuglist.h - parses the text of the debug list, and converts it to JSON and to metrics.
 *
 * The structures have a member for each field of core/list_forms.h. All strings are owned by the
 * list, consist of printable ASCII whatever the text holds, and are NULL if the text lacks them.
 * Times are in milliseconds.
 */
#ifndef STOPPER_DEBUGLIST_H
#define STOPPER_DEBUGLIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../core/list_forms.h"

struct debug_site {
	const char *file, *function;
	uint64_t line;
};

struct debug_origin {
	struct debug_site at;
	uint64_t tid;		/* 0: unknown */
	const char *comm;
	uint64_t ago;		/* of a stop request or a pause */
};

struct debug_thread {
	uint64_t tid, age;
	const char *comm, *state, *wchan;	/* state: as in the text, including "gone" */
	const char *label;			/* of its oldest task; NULL: none */
	const char **stack;			/* innermost first */
	size_t nr_stack;
};

enum debug_kind { DEBUG_TASK, DEBUG_WORKER, DEBUG_CLOSER };

struct debug_group {
	enum debug_kind kind;
	const char *name;
	struct debug_site at;
	uint64_t count, oldest, queued;
	uint64_t more;			/* tasks of threads that are not listed */
	struct debug_thread *threads;		/* oldest first */
	size_t nr_threads;
};

/* A semaphore for which callers wait to run a task of the stopper. */
struct debug_sem {
	const char *name;		/* NULL: it has none */
	uint64_t held, capacity, waiters;
	const char *task;		/* of the first waiter; NULL: unknown */
	struct debug_site at;
	uint64_t tid, waited;
};

#define DEBUG_COUNT_MEMBER(word, help)	uint64_t word;
#define DEBUG_COUNT_ONE(word, help)	+ 1

struct debug_stopper {
	LIST_COUNTS(DEBUG_COUNT_MEMBER, DEBUG_COUNT_MEMBER)
	uint64_t id, phase_age, age;
	const char *name, *phase;
	struct debug_origin created;
	uint64_t parent_id;
	const char *parent;			/* its name; NULL: no parent */
	struct debug_origin stop_asked, paused;	/* without a file: it is not */
	const char *cause;			/* of the stop; NULL: none was given */
	int64_t cause_err;
	int64_t error;				/* the first one, negative; 0: none */
	const char *failed;			/* name of the function that returned it */
	struct debug_origin failed_at;
	uint64_t timers;			/* that are pending */
	const char *timer;			/* name of the next one; NULL: there is none */
	struct debug_site timer_at;
	uint64_t timer_due;			/* from now on */
	uint64_t nested;			/* tasks let in while it drained */
	struct debug_sem *sems;
	size_t nr_sems;
	struct debug_group *groups;
	size_t nr_groups;
};

struct debug_list {
	struct debug_stopper *stoppers;
	size_t nr_stoppers;
	uint64_t tasks_more;	/* tasks for which the list had no room */
	size_t odd_line;	/* the first that is not understood to its end; 0: none */
	char *text;
};

/* The counts in the first line of a stopper; the word is that of text, JSON and metrics. */
struct debug_count {
	const char *word;
	size_t offset;		/* of a uint64_t in struct debug_stopper */
	bool always;		/* in the text also if it is 0 */
	const char *help;	/* for people */
};

#define DEBUG_COUNTS	(0 LIST_COUNTS(DEBUG_COUNT_ONE, DEBUG_COUNT_ONE))

extern const struct debug_count debug_counts[DEBUG_COUNTS];

static inline uint64_t debug_count_get(const struct debug_stopper *s,
				       const struct debug_count *count)
{
	return *(const uint64_t *)((const char *)s + count->offset);
}

/*
 * Parses @len bytes at @text, which may hold any bytes. Unknown kinds of lines are ignored, and so
 * is a last line without a newline. An empty text is a list without stoppers.
 *
 * Returns 0 and sets *@list, to be freed with debug_list_free(); -EINVAL if the text is not a debug
 * list, with *@line set to the first wrong line; or -ENOMEM. On errors *@list is NULL.
 */
int debug_list_parse(const char *text, size_t len, struct debug_list **list, size_t *line);
void debug_list_free(struct debug_list *list);

const char *debug_kind_name(enum debug_kind kind);

struct json_t;		/* jansson.h */

/* Returns a new reference, or NULL without memory. */
struct json_t *debug_list_json(const struct debug_list *list);

/* Returns one line of text, to be freed with free(), or NULL without memory. */
char *debug_list_json_text(const struct debug_list *list);

/* Returns the metrics, to be freed with free(), and their length; NULL without memory. */
char *debug_list_metrics(const struct debug_list *list, size_t *len);

#endif /* STOPPER_DEBUGLIST_H */
