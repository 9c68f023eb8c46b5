// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * fuzz_api.c - makes the calls of a plan and compares what happens with the plan.
 *
 * The plan has one current place, and exactly one thread is there: the caller, or a callback
 * while the caller waits. A task that is planned to run beside the rest waits at a gate and
 * touches nothing. So the plan holds however the threads are scheduled.
 *
 * On a difference the plan up to there is printed, as calls, and the process aborts. Of a run that
 * hangs, gdb prints it: gdb -p PID -batch -ex 'call (void)plan_print(&plan, at)'.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "fuzz_api.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct plan plan;
int at;
struct real real;

void fail(const char *fmt, ...)
{
	va_list ap;

	fputs("\nThe calls so far, and what was expected of them:\n", stderr);
	plan_print(&plan, at);
	fputs("DIFFERENT: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	abort();
}

/* Is it the one that the model says? */
static void compare_cause(const char *of, int i, bool there, const struct stopper_cause *c,
			  int want)
{
	static const char *const texts[] = {
		"", "cancel", "deadline", "quiesce", "stop", "stop_async", "stop_staged",
	};
	int err = want == C_DEADLINE ? -ETIMEDOUT : -ECANCELED;
	bool none = want == C_NONE;
	char text[64];

	if (there == none)
		fail("%s%d has a cause: %d", of, i, there);
	if (!there)
		return;
	if (want > C_GIVEN) {
		err = err_of(want - C_GIVEN);
		snprintf(text, sizeof(text), SHOWN, want - C_GIVEN);
	} else {
		snprintf(text, sizeof(text), "%s", texts[want]);
	}
	if (c->err != err || strcmp(c->text, text))
		fail("the cause of %s%d is %d \"%s\", not %d \"%s\"", of, i, c->err, c->text, err,
		     text);
}

static void compare_stopper(int i, const struct seen_state *v)
{
	static const int public[] = { QUIESCE, STOP, STOPPED };
	struct stopper *s = real.s[i];
	struct stopper_cause c;
	unsigned int k;

	if (v->phase[i] == NONE)
		return;
	compare_cause("s", i, stopper_stop_cause(s, &c), &c, v->stop_cause[i]);
	if (stopper_result(s, NULL) != v->error[i])
		fail("the first error of s%d is %d, not %d", i, stopper_result(s, NULL),
		     v->error[i]);
	if ((int)stopper_phase(s) != v->phase[i])
		fail("s%d is %s, not %s", i, stopper_phase_name(stopper_phase(s)),
		     stopper_phase_name((enum stopper_phase)v->phase[i]));
	for (k = 0; k < 3; k++)
		if (stopper_event_fired(event_of(EV_STOPPER(i, public[k]))) !=
		    (v->fired[i] >> public[k] & 1))
			fail("event %d of s%d has fired: %d", public[k], i,
			     !(v->fired[i] >> public[k] & 1));
}

static void compare(const struct step *st, int ret)
{
	const struct seen_state *v = &st->seen;
	struct stopper_cause c;
	int i;

	if (ret != st->ret.ret && ret != st->ret.or)
		fail("it returned %d (%s)", ret, stopper_strerror(ret));
	for (i = 0; i < NSTOPPERS; i++)
		compare_stopper(i, v);
	for (i = 0; i < NCTXS; i++) {
		if (v->ctx[i] == 1)
			continue;
		if (stopper_ctx_err(real.ctx[i]) != v->ctx[i])
			fail("ctx%d has ended with %d, not %d", i, stopper_ctx_err(real.ctx[i]),
			     v->ctx[i]);
		compare_cause("ctx", i, stopper_ctx_cause(real.ctx[i], &c), &c, v->cause[i]);
	}
	for (i = 0; i < NEVENTS; i++)
		if (stopper_event_fired(&real.ev[i]) != (v->own >> i & 1))
			fail("own event %d has fired: %d", i, !(v->own >> i & 1));
	for (i = 0; i < NSEMS; i++)
		if (stopper_sem_length(&real.sem[i]) != v->length[i])
			fail("semaphore %d is held by %d, not %d", i,
			     stopper_sem_length(&real.sem[i]), v->length[i]);
	if (st->a != NONE && stopper_num_tasks(real.s[st->a]) != (unsigned long)v->tasks)
		fail("s%d has %lu tasks, not %d", st->a, stopper_num_tasks(real.s[st->a]),
		     v->tasks);
}

/* To the end of the function that was called, or of the plan. */
void perform(void)
{
	const struct step *st;
	int ret;

	while (plan.step[at].kind == CALL) {
		st = &plan.step[at++];
		ret = make_call(st);
		if (plan.step[at].kind != RETURNS || plan.step[at].op != st->op)
			fail("it returned %d, before it had called what it was to call", ret);
		compare(&plan.step[at], ret);
		at++;
	}
}

static void set_up(void)
{
	static const char *const files[] = { "fuzz_api.c", "a\nstopper 1 \"b\".c", "", "d/e f.c" };
	int i;

	memset(&real, 0, sizeof(real));
	for (i = 0; i < NEVENTS; i++)
		stopper_event_init(&real.ev[i]);
	for (i = 0; i < NSEMS; i++) {
		stopper_sem_init(&real.sem[i], plan.capacity[i]);
		stopper_sem_set_name(&real.sem[i], i ? plan.name[0] : NULL);
	}
	for (i = 0; i < NSITES; i++)
		real.site[i] = (struct stopper_site){
			.name = plan.name[i], .file = files[i % 4], .func = i % 2 ? "f\r g" : NULL,
			.line = (unsigned int)i + 1, .layout = STOPPER_LAYOUT,
		};
	at = 0;
}

static void tear_down(void)
{
	int i;

	for (i = 0; i < NEVENTS; i++)
		stopper_event_destroy(&real.ev[i]);
	for (i = 0; i < NSEMS; i++)
		stopper_sem_destroy(&real.sem[i]);
}

static struct {
	unsigned long sequences, calls, callbacks, panics;
} did;

static void __attribute__((destructor)) say_what_was_done(void)
{
	fprintf(stderr, "stat::sequences: %lu\nstat::calls: %lu\nstat::callbacks: %lu\n"
		"stat::panics: %lu\n", did.sequences, did.calls, did.callbacks, did.panics);
}

static void count(void)
{
	int i;

	did.sequences++;
	for (i = 0; i < plan.n; i++) {
		did.calls += plan.step[i].kind == CALL;
		did.callbacks += plan.step[i].kind == ENTER;
		did.panics += plan.step[i].panic;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	plan_make(&plan, data, size);
	set_up();
	perform();
	if (plan.step[at].kind != THE_END)
		fail("the plan was not gone through");
	tear_down();
	count();
	plan_free(&plan);
	return 0;
}
