// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * run.c - the list of cases and the loop that runs them.
 */
#include "case.h"

static const struct test_case *const groups[] = {
	cases_admission,
	cases_refusal,
	cases_async,
	cases_record,
	cases_result,
	cases_limited,
	cases_pool,
	cases_timer,
	cases_worker,
	cases_closer,
	cases_phase,
	cases_stop,
	cases_stages,
	cases_parent,
	cases_tree,
	cases_pause,
	cases_pause_beside,
	cases_nested,
	cases_stall,
	cases_event,
	cases_event_callbacks,
	cases_ctx,
	cases_ctx_stopper,
	cases_ctx_task,
	cases_cause,
	cases_span,
	cases_sem,
	cases_sem_weight,
	cases_guard,
	cases_panic,
	cases_count,
	cases_name,
	cases_label,
	cases_args,
	cases_outline,
	cases_callback,
	cases_race,
	cases_order,
	cases_misuse,
	cases_only,
#ifndef __KERNEL__
	cases_only_list,
#endif
	NULL
};

static struct env_counter failures;
static const char *skip_reason;
const char *current_case = "";

void case_skip(const char *why)
{
	skip_reason = why;
}

/* A loop that fails a thousand times says so ten times. */
#define MAX_FAILURES	10

void check_failed(const char *file, int line, const char *fmt, ...)
{
	char text[200], where[300];
	va_list ap;

	if (env_inc(&failures) > MAX_FAILURES)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	snprintf(where, sizeof(where), "%s: %s:%d: %s", current_case, check_base_name(file), line,
		 text);
	case_say_failure(where);
}

static void run_case(const struct test_case *c, struct case_totals *run)
{
	const char *skip = NULL;
	bool ok;

	current_case = c->name;
	case_say_begin(run->cases, c->name);
	env_set(&failures, 0);
	skip_reason = NULL;
	c->fn();
	ok = !env_get(&failures);
	if (!ok)
		run->failed++;
	else if (skip_reason)
		run->skipped++;
	else
		run->passed++;
	if (ok)
		skip = skip_reason;
	case_say_end(run->cases, c->name, ok, skip);
}

static int count(case_filter_fn wanted)
{
	const struct test_case *c;
	int n = 0;
	int i;

	for (i = 0; groups[i]; i++)
		for (c = groups[i]; c->name; c++)
			n += wanted(c->name);
	return n;
}

struct case_totals run_all_cases(case_filter_fn wanted)
{
	struct case_totals run = { 0, 0, 0, 0 };
	const struct test_case *c;
	int i;

	case_say_plan(count(wanted));
	for (i = 0; groups[i]; i++) {
		for (c = groups[i]; c->name; c++) {
			if (!wanted(c->name))
				continue;
			run.cases++;
			run_case(c, &run);
		}
	}
	return run;
}

void each_case_name(void (*fn)(const char *name))
{
	const struct test_case *c;
	int i;

	for (i = 0; groups[i]; i++)
		for (c = groups[i]; c->name; c++)
			fn(c->name);
}
