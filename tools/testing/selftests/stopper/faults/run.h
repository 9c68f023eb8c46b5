/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * run.h - runs a scenario once for each call that can fail; see run.c.
 */
#ifndef STOPPER_TEST_FAULTS_RUN_H
#define STOPPER_TEST_FAULTS_RUN_H

#include <stdint.h>
#include <stdio.h>

#include <stopper/stopper.h>
#include "../env/program.h"
#include "inject.h"

/* Ends a scenario: this line broke a promise. */
#define NEED(cond) do {								\
	if (!(cond))								\
		return __LINE__;						\
} while (0)

/* A set of faults. */
#define F(fault)	(1u << FAULT_##fault)

/* Each scenario meets these: it has to get a stopper and to end it. */
#define F_ANY	(F(MEMORY) | F(THREAD) | F(THREAD_ATTR) | F(KEY) | F(SPECIFIC) | F(ATFORK) |	\
		 F(EVENTFD) | F(RING) | F(RING_EINTR) | F(RING_DEAD) | F(MEMBARRIER))

struct totals {
	unsigned int runs, faults, places;
};

/*
 * Runs @scenario in children of this process, which must not have used the library, with the
 * first, second, ... call of each of @faults failing, until one meets no failure any more; then
 * with all from the first, second, ... on. 0, or the line of @scenario or run.c that a promise
 * was broken at; @what says what failed then.
 */
int every_fault(int (*scenario)(void), unsigned int faults, struct totals *totals,
		char *what, size_t size);

/* In a scenario: is @err, of a call that may fail for one of @faults, right? */
bool fair(int err, unsigned int faults);

/* Counts how often functions are called, and how often they should have been. */
struct tally {
	unsigned int accepted, called;
};

void tally_task(struct stopper_ctx *ctx, void *tally);
int tally_task_err(struct stopper_ctx *ctx, void *tally);
void tally_plain(void *tally);
/* A result of a call with tally_*(): counts it as accepted; false: that error is not fair. */
bool tally_accept(struct tally *t, int err, unsigned int faults);
unsigned int tally_called(struct tally *t);
bool tally_right(struct tally *t);

#endif /* STOPPER_TEST_FAULTS_RUN_H */
