// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * run_all.c - the loop that runs the cases, for the program and for test_stopper.ko.
 */
#include "case.h"

static int count(case_filter_fn wanted)
{
	const struct test_case *c;
	int n = 0;

	for (c = case_next(NULL); c; c = case_next(c))
		n += wanted(c->name);
	return n;
}

static void run_next(const struct test_case *c, struct case_totals *run)
{
	const char *skip;
	bool ok;

	run->cases++;
	case_say_begin(run->cases, c->name);
	ok = case_run(c, &skip);
	if (!ok)
		run->failed++;
	else if (skip)
		run->skipped++;
	else
		run->passed++;
	case_say_end(run->cases, c->name, ok, skip);
}

struct case_totals run_all_cases(case_filter_fn wanted)
{
	struct case_totals run = { 0, 0, 0, 0 };
	const struct test_case *c;

	case_say_plan(count(wanted));
	for (c = case_next(NULL); c; c = case_next(c))
		if (wanted(c->name))
			run_next(c, &run);
	return run;
}

void each_case_name(void (*fn)(const char *name))
{
	const struct test_case *c;

	for (c = case_next(NULL); c; c = case_next(c))
		fn(c->name);
}
