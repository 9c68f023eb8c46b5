/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * planner.h - the plan that is being made, and what the files that make it share.
 */
#ifndef STOPPER_FUZZ_PLANNER_H
#define STOPPER_FUZZ_PLANNER_H

#include "plan.h"

#define CTX_ENDED	0	/* the context that has ended before all */
#define MANY		40	/* handles at once, more than a table has slots for */

struct planner {
	struct model m;
	struct plan *p;
	const uint8_t *at, *end;
	int depth, workers, causes, labels;
	int last_event[NRECORDS], entered[NRECORDS], entered_by[NRECORDS];
	int cancelling[NCTXS];
	bool panicked, cleaning, stops_async;
};

extern struct planner now;

/* plan.c */
int pick(int n);
struct step *begins(enum op op, int a, int b, int c, int d);
struct step *returns2(enum op op, int s, struct m_ret ret);
struct step *returns(enum op op, int s, int ret);
int a_stopper(void);
int a_ctx(void);
int a_task(enum m_kind kind);
bool event_lives(int ev);
int an_event(void);
bool has_records(int first, int n);
bool in_a_stop(void);
bool may_last(int s);

/* plan_stop.c */
void plan_create(void);
void plan_put(int s);
void plan_stop(int s, bool stop, int c);
void plan_stop_async(int s);
void plan_stop_staged(int s);
void plan_order(int s);
void plan_closer(int s, enum op op);
void plan_pause(int s, int c);
void plan_resume(int s);

/* plan_event.c */
void plan_ctx(enum op op);
void plan_ctx_put(int c);
void plan_cancel(int c, enum op op);
void plan_fire(int ev);
void plan_attach(int ev, int r);
void plan_detach(int r);
void plan_wait(void);
void plan_wait_any(void);

/* plan_task.c */
void plan_run(int s, enum op op);
void plan_begin(int s, int n);
void plan_begin_wait(int s);
void plan_end(int t, enum op op);
void plan_async(int s, enum op op);
void plan_worker(int s);
void plan_sem(enum op op);
void plan_label(void);
void plan_label_own(void);
void plan_map(int s);
void plan_list(void);

#endif /* STOPPER_FUZZ_PLANNER_H */
