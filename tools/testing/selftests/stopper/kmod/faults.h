/* SPDX-License-Identifier: GPL-2.0 */
/*
 * faults.h - what the parts of stopper_faults.ko share.
 */
#ifndef STOPPER_FAULTS_H
#define STOPPER_FAULTS_H

#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/device.h>
#include <stopper/stopper.h>

#define EVENTS		64	/* more than stopper_wait_any() keeps on its stack */
#define BOUND_NS	(60 * 1000000000LL)

/* The objects of a case, created anew for each n. */
struct fixture {
	struct stopper *s;
	struct stopper *made;
	struct stopper_ctx *ended, *ctx, *limit;
	struct stopper_sem sem;
	struct stopper_closer closer;
	struct stopper_task handle;
	struct stopper_event event[EVENTS];
	struct stopper_event *events[EVENTS];
	struct stopper_task_info info[4];
	char text[64];
	struct completion gate;
	struct device *dev;
	atomic_t ran;		/* calls of the function passed to the call under test */
	atomic_t others;	/* calls of functions admitted by prepare() */
};

extern struct fixture fx;

struct fault_case {
	const char *name;
	int (*call)(void);
	int (*prepare)(void);
	int want;		/* expected result, unless -ENOMEM */
	int runs;		/* expected calls of the function, if the call succeeds */
	bool must;		/* -ENOMEM is a failure */
	bool ends;		/* wait for the end of the stop that the call began */
	int others;		/* expected calls of functions admitted by prepare() */
};

/* faults_calls.c; the last case has no name. */
extern const struct fault_case fault_cases[];

/* Those that faults_run.c makes beside the cases. */
int call_run_async(void);
int call_run_worker(void);
int call_run_limited(void);
int call_add_closer_fn(void);
int call_task_map(void);
int call_running_tasks(void);
int call_run_task(void);
int have_blocked_thread(void);
int have_much_to_stop(void);
void count_closer_record(struct stopper_closer *closer);

#endif /* STOPPER_FAULTS_H */
