// SPDX-License-Identifier: GPL-2.0
/*
 * run_kunit.c - the conformance cases as a KUnit suite, for a stopper in the kernel's tree.
 *
 * The test has one parameter a case, so that each case has a result of its own. The parameters of
 * the module select cases as those of test_stopper.ko do; built in, on the kernel command line:
 *
 *   kunit.py run --kernel_args stopper_kunit.filter=NAME
 *
 * Cases that provoke warnings are skipped, because a warning would taint the kernel of other tests.
 */
#include <kunit/test.h>
#include <linux/module.h>
#include <linux/trace_events.h>

#include "case.h"

static char filter[128];
module_param_string(filter, filter, sizeof(filter), 0444);
MODULE_PARM_DESC(filter, "only cases whose name contains this");

static int rounds = 20;
module_param(rounds, int, 0444);
MODULE_PARM_DESC(rounds, "per cent of the rounds of cases that repeat");

static struct kunit *current_test;

int case_rounds(int n)
{
	return max(n * rounds / 100, 1);
}

bool case_may_misuse(void)
{
	return false;
}

bool case_trace(bool on)
{
#ifdef CONFIG_EVENT_TRACING
	return !trace_set_clr_event("stopper", NULL, on);
#else
	return false;
#endif
}

/* On any thread of the case: a failure is noted, and the case goes on. */
void case_say_failure(const char *line)
{
	KUNIT_FAIL(current_test, "%s", line);
}

static const void *next_param(const void *prev, char *desc)
{
	const struct test_case *c = prev;

	do
		c = case_next(c);
	while (c && !strstr(c->name, filter));
	if (c)
		strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
	return c;
}

#ifdef HAVE_KUNIT_ARRAY_GEN_PARAMS
static const void *generate_params(struct kunit *test, const void *prev, char *desc)
{
	return next_param(prev, desc);
}
#else
static const void *generate_params(const void *prev, char *desc)
{
	return next_param(prev, desc);
}
#endif

static void conformance(struct kunit *test)
{
	const char *skip;

	current_test = test;
	case_run(test->param_value, &skip);
	if (skip)
		kunit_mark_skipped(test, "%s", skip);
}

static struct kunit_case stopper_cases[] = {
	KUNIT_CASE_PARAM_ATTR(conformance, generate_params, { .speed = KUNIT_SPEED_SLOW }),
	{ }
};

static struct kunit_suite stopper_suite = {
	.name = "stopper",
	.test_cases = stopper_cases,
};

kunit_test_suite(stopper_suite);
MODULE_DESCRIPTION("Conformance tests of the stopper");
MODULE_LICENSE("GPL");
