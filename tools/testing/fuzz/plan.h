/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * plan.h - a sequence of calls with all that is to come of it, made from bytes.
 */
#ifndef STOPPER_FUZZ_PLAN_H
#define STOPPER_FUZZ_PLAN_H

#include <stddef.h>
#include <stdint.h>
#include "model.h"

enum op {
	OP_CREATE, OP_GET_PUT, OP_PUT, OP_STOP, OP_QUIESCE, OP_STOP_ASYNC, OP_CLOSER,
	OP_CLOSER_FN, OP_CTX_CANCEL, OP_CTX_PAST, OP_CTX_FUTURE, OP_CTX_ON_QUIESCE,
	OP_CTX_ON_STOP, OP_CTX_PUT, OP_CANCEL, OP_FIRE, OP_ATTACH, OP_DETACH, OP_RUN,
	OP_RUN_ERR, OP_BEGIN, OP_END, OP_ASYNC, OP_LIMITED, OP_HELD, OP_HELD_LIMITED,
	OP_RECORD, OP_HELD_RECORD, OP_ASYNC_ERR, OP_OPEN,
	OP_WORKER, OP_TRY, OP_ACQUIRE, OP_RELEASE, OP_SEM_CLOSE, OP_WAIT, OP_WAIT_ANY, OP_MAP,
	OP_LIST, OP_BAD, OP_WORDS, OP_AFTER, OP_TIMER_CANCEL, OP_TIMER_SYNC,
	OP_CANCEL_BECAUSE, OP_STOP_STAGED, OP_RESIZE,
	OP_PAUSE, OP_RESUME, OP_BEGIN_WAIT, OP_STOP_AFTER, OP_LABEL,
	NOPS
};

enum step_kind { CALL, RETURNS, ENTER, LEAVE, THE_END };

/* What is to be seen when a call has returned. */
struct seen_state {
	signed char phase[NSTOPPERS];	/* NONE: freed */
	short error[NSTOPPERS];
	unsigned char fired[NSTOPPERS];	/* of its events, a bit each */
	short ctx[NCTXS];		/* NONE: freed */
	short cause[NCTXS], stop_cause[NSTOPPERS];
	unsigned char own;		/* of the events, a bit each */
	int length[NSEMS];
	int tasks;			/* of the stopper that was called */
};

struct step {
	enum step_kind kind;
	enum op op;
	int a, b, c, d, e;		/* CALL: arguments; ENTER: kind, index */
	int label;			/* CALL: that a task gives itself, or 0 */
	bool panic;			/* LEAVE: without returning */
	struct m_ret ret;		/* RETURNS */
	struct seen_state seen;		/* RETURNS */
	char *text;			/* RETURNS of MAP; expected lines of LIST */
	struct m_group *groups;		/* RETURNS of both: what runs */
	int ngroups;
};

#define NSTEPS		1152
#define NAME_MAX_	200

struct plan {
	struct step step[NSTEPS];
	int n;
	/* What names the sites, stoppers have. */
	char name[NSITES][NAME_MAX_];
	int capacity[NSEMS];
};

void plan_make(struct plan *p, const uint8_t *data, size_t size);
void plan_free(struct plan *p);
void plan_print(const struct plan *p, int last);
int result_of(int site);

/* fuzz_bad.c */
int bad_call(int which, struct stopper *s);

#endif /* STOPPER_FUZZ_PLAN_H */
