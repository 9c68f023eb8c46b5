// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * run.c - the list of cases, and how one is run.
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
#ifdef __KERNEL__
	cases_only_softirq,
#else
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

bool case_run(const struct test_case *c, const char **skip)
{
	bool ok;

	current_case = c->name;
	env_set(&failures, 0);
	skip_reason = NULL;
	c->fn();
	ok = !env_get(&failures);
	*skip = ok ? skip_reason : NULL;
	return ok;
}

const struct test_case *case_next(const struct test_case *prev)
{
	const struct test_case *c;
	bool found = !prev;
	int i;

	for (i = 0; groups[i]; i++) {
		for (c = groups[i]; c->name; c++) {
			if (found)
				return c;
			found = c == prev;
		}
	}
	return NULL;
}
