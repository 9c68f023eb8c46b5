/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * upcalls.h - what a platform calls of the core, beside the public functions.
 *
 * Their comments are where they are defined.
 */
#ifndef STOPPER_CORE_UPCALLS_H
#define STOPPER_CORE_UPCALLS_H

#include "seam.h"

struct call;
struct line_sink;
struct task_view;

/* loading and unloading */
void pool_init(void);
void pool_exit(void);
bool pool_end_threads(bool all, int64_t deadline);
void pool_slots_exit(void);
void labels_free(struct slot_table *t);
void spans_exit(void);

/* the keeper's thread or work item */
bool keeper_run(void);

/* a thread that ends in tasks, or of which the platform takes a table back */
void tasks_exit_table(struct slot_table *t);
void tasks_end_thread(int tid);
void tasks_end_on_stack(const void *from, size_t size);
void tasks_transfer(int tid, void *new_owner);
void tasks_end_transferred(void *new_owner);
void activities_end_thread(int tid);

/* a call that would wait for a stop */
bool stop_would_deadlock(struct stopper *s);

/* what a stop waits for: of one kind, in the whole tree */
struct stop_holdup {
	enum stopper_panic_kind kind;	/* TASK: any task; WORKER; CLOSER */
	unsigned long count;
	int64_t oldest_ns;
	char name[STOPPER_NAME_SHOWN + 1];	/* of the oldest one, or its label; escaped */
	char stopper[STOPPER_NAME_SHOWN + 1];	/* whose it is */
};

bool stop_held_up(struct stopper *s, struct stop_holdup *h);

/* panics */
bool task_innermost(struct call *c);
bool activity_innermost(struct call *c);
void panic_hook(const struct call *c, void *value, int tid, bool died);

/* tasks whose frame the platform keeps, for a panic to unwind to */
int task_run(struct stopper *s, struct stopper_ctx *ctx, const struct stopper_site *site,
	     stopper_fn fn, stopper_err_fn err_fn, void *arg);
int task_run_listed(struct stopper *s, struct stopper_ctx *ctx, const struct stopper_site *site,
		    stopper_fn fn, stopper_err_fn err_fn, void *arg);

/* a module that is unloaded */
unsigned int registry_count(void);
struct stopper *registry_find_owned(struct module *owner);
void stopper_pin(struct stopper *s);
void stopper_unpin(struct stopper *s);
void stopper_wait_unled(struct stopper *s);
struct slot_table *slots_walk(struct slot_table *t, bool pool);
void tasks_walk_all_lists(void (*fn)(struct stopper_task *task, void *arg), void *arg);
void task_end_listed(struct stopper_task *task);
void ctx_make_killable(struct stopper_ctx *ctx);

/* a heap of deadlines: due.c */
void due_insert(struct stopper_due **heap, struct stopper_due *n, int64_t at);
void due_remove(struct stopper_due **heap, struct stopper_due *n);

/* the debug list and the log */
int report_all(const struct line_sink *out);
size_t report_size(void);
void tasks_visit(struct stopper *s, void (*visit)(void *arg, const struct task_view *v), void *arg);
void stopper_log(struct stopper *s, int level, const char *fmt, ...) STOPPER_PRINTF(3, 4);
size_t name_escape(char *dst, size_t size, const char *name);
void name_escape_comm(char *dst, size_t size, const char *name);
size_t name_escape_tail(char *dst, size_t size, const char *name);

#endif /* STOPPER_CORE_UPCALLS_H */
