// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * case_event.c - events: fire once, for ever; waiting for one and for one of several.
 */
#include "case.h"

static void event_fires_once_for_ever(void)
{
	struct stopper_event ev;
	int i;

	stopper_event_init(&ev);
	CHECK(!stopper_event_fired(&ev));
	CHECK(stopper_event_fire(&ev));
	for (i = 0; i < 3; i++) {
		CHECK(stopper_event_fired(&ev));
		CHECK(!stopper_event_fire(&ev));
		CHECK_EQ(stopper_wait(&ev, NULL), 0);
	}
	stopper_event_destroy(&ev);
	stopper_event_destroy(NULL);
}

struct waiter {
	struct env_thread thread;
	struct stopper_event *const *evs;
	unsigned int n;
	struct stopper_ctx *ctx;
	int ret;
	struct env_counter in, returned;
};

static void wait_main(void *arg)
{
	struct waiter *w = arg;

	env_inc(&w->in);
	w->ret = w->n ? stopper_wait_any(w->evs, w->n, w->ctx) : stopper_wait(w->evs[0], w->ctx);
	env_inc(&w->returned);
}

/* @n of 0: stopper_wait() for the first */
static void wait_begin(struct waiter *w, struct stopper_event *const *evs, unsigned int n,
		       struct stopper_ctx *ctx)
{
	memset(w, 0, sizeof(*w));
	w->evs = evs;
	w->n = n;
	w->ctx = ctx;
	CHECK_EQ(env_spawn(&w->thread, wait_main, w), 0);
	CHECK_SOON(env_get(&w->in));
}

static int wait_end(struct waiter *w)
{
	env_join(&w->thread);
	return w->ret;
}

static void wait_returns_when_the_event_fires(void)
{
	struct stopper_event ev, *evs[] = { &ev };
	struct waiter w;

	stopper_event_init(&ev);
	wait_begin(&w, evs, 0, NULL);
	env_settle();
	CHECK(!env_get(&w.returned));
	CHECK(stopper_event_fire(&ev));
	CHECK_EQ(wait_end(&w), 0);
	stopper_event_destroy(&ev);
}

static void fire_wakes_all_who_wait(void)
{
	struct stopper_event ev, *evs[] = { &ev };
	struct waiter w[10];
	unsigned int i;

	stopper_event_init(&ev);
	for (i = 0; i < ARRAY_SIZE(w); i++)
		wait_begin(&w[i], evs, 0, NULL);
	CHECK(stopper_event_fire(&ev));
	for (i = 0; i < ARRAY_SIZE(w); i++)
		CHECK_EQ(wait_end(&w[i]), 0);
	stopper_event_destroy(&ev);
}

static void wait_gives_up_with_its_context(void)
{
	struct stopper_ctx *cancel = new_ctx(NULL);
	struct stopper_ctx *timeout = new_ctx_timeout(NULL, 10 * ENV_MSEC);
	struct stopper_event ev, *evs[] = { &ev };
	struct waiter w;

	stopper_event_init(&ev);
	wait_begin(&w, evs, 0, cancel);
	env_settle();
	CHECK(!env_get(&w.returned));
	stopper_ctx_cancel(cancel);
	CHECK_EQ(wait_end(&w), -ECANCELED);
	CHECK_EQ(stopper_wait(&ev, cancel), -ECANCELED);
	CHECK_EQ(stopper_wait(&ev, timeout), -ETIMEDOUT);
	CHECK(!stopper_event_fired(&ev));
	stopper_event_destroy(&ev);
	stopper_ctx_put(cancel);
	stopper_ctx_put(timeout);
}

static void fired_event_wins_over_an_ended_context(void)
{
	struct stopper_ctx *ctx = new_ctx(NULL);
	struct stopper_event ev, *evs[] = { &ev };

	stopper_event_init(&ev);
	stopper_ctx_cancel(ctx);
	stopper_event_fire(&ev);
	CHECK_EQ(stopper_wait(&ev, ctx), 0);
	CHECK_EQ(stopper_wait_any(evs, 1, ctx), 0);
	stopper_event_destroy(&ev);
	stopper_ctx_put(ctx);
}

static void wait_any_returns_the_one_that_fired(void)
{
	struct stopper_event ev[5], *evs[5];
	struct waiter w;
	int i, j;

	for (i = 0; i < 5; i++)
		evs[i] = &ev[i];
	for (i = 0; i < 5; i++) {
		for (j = 0; j < 5; j++)
			stopper_event_init(&ev[j]);
		wait_begin(&w, evs, 5, NULL);
		env_settle();
		CHECK(!env_get(&w.returned));
		stopper_event_fire(&ev[i]);
		CHECK_EQ(wait_end(&w), i);
		for (j = 0; j < 5; j++)
			stopper_event_destroy(&ev[j]);
	}
}

static void wait_any_returns_the_lowest_if_several_fired(void)
{
	struct stopper_event ev[5], *evs[5];
	int i;

	for (i = 0; i < 5; i++) {
		stopper_event_init(&ev[i]);
		evs[i] = &ev[i];
	}
	for (i = 4; i >= 0; i--) {
		stopper_event_fire(&ev[i]);
		CHECK_EQ(stopper_wait_any(evs, 5, NULL), i);
	}
	for (i = 0; i < 5; i++)
		stopper_event_destroy(&ev[i]);
}

static void wait_any_takes_null_entries_and_many_events(void)
{
	struct stopper_ctx *ctx = new_ctx_timeout(NULL, 10 * ENV_MSEC);
	struct stopper_event *ev = env_alloc(40 * sizeof(*ev));
	struct stopper_event *evs[40] = { NULL };
	struct waiter w;
	int i;

	CHECK_EQ(stopper_wait_any(evs, 40, ctx), -ETIMEDOUT);
	for (i = 1; i < 40; i += 2) {
		stopper_event_init(&ev[i]);
		evs[i] = &ev[i];
	}
	wait_begin(&w, evs, 40, NULL);
	env_settle();
	CHECK(!env_get(&w.returned));
	stopper_event_fire(&ev[39]);
	CHECK_EQ(wait_end(&w), 39);
	stopper_event_fire(&ev[9]);
	CHECK_EQ(stopper_wait_any(evs, 40, NULL), 9);
	for (i = 1; i < 40; i += 2)
		stopper_event_destroy(&ev[i]);
	stopper_ctx_put(ctx);
	env_free(ev);
}

static void wait_any_takes_the_same_event_twice(void)
{
	struct stopper_event ev, *evs[] = { &ev, &ev };
	struct waiter w;

	stopper_event_init(&ev);
	wait_begin(&w, evs, 2, NULL);
	env_settle();
	stopper_event_fire(&ev);
	CHECK_EQ(wait_end(&w), 0);
	stopper_event_destroy(&ev);
}

static void wait_any_gives_up_with_its_context(void)
{
	struct stopper_ctx *ctx = new_ctx(NULL);
	struct stopper_event ev[2], *evs[] = { &ev[0], &ev[1] };
	struct waiter w;

	stopper_event_init(&ev[0]);
	stopper_event_init(&ev[1]);
	wait_begin(&w, evs, 2, ctx);
	env_settle();
	stopper_ctx_cancel(ctx);
	CHECK_EQ(wait_end(&w), -ECANCELED);
	stopper_event_destroy(&ev[0]);
	stopper_event_destroy(&ev[1]);
	stopper_ctx_put(ctx);
}

static void events_of_no_stopper_never_fire(void)
{
	struct stopper_event *const evs[] = { stopper_should_quiesce(NULL),
		stopper_should_stop(NULL), stopper_is_stopped(NULL), stopper_ctx_done(NULL) };
	struct stopper_ctx *ctx;
	struct env_counter called;
	unsigned int i;

	env_set(&called, 0);
	for (i = 0; i < ARRAY_SIZE(evs); i++) {
		struct stopper_on_fire of;

		ctx = new_ctx_timeout(NULL, 5 * ENV_MSEC);
		if (!CHECK(evs[i]))
			continue;
		CHECK(!stopper_event_fired(evs[i]));
		CHECK_EQ(stopper_wait(evs[i], ctx), -ETIMEDOUT);
		CHECK_EQ(stopper_event_on_fire(evs[i], &of, case_count_on_fire, &called), 0);
		CHECK(stopper_event_detach(evs[i], &of));
		stopper_ctx_put(ctx);
	}
	ctx = new_ctx_timeout(NULL, 5 * ENV_MSEC);
	CHECK_EQ(stopper_wait_any(evs, ARRAY_SIZE(evs), ctx), -ETIMEDOUT);
	stopper_ctx_put(ctx);
	CHECK_EQ(env_get(&called), 0);
}

static void no_event_is_an_event_that_never_fires(void)
{
	struct stopper_ctx *ctx = new_ctx_timeout(NULL, 10 * ENV_MSEC);

	CHECK(!stopper_event_fired(NULL));
	CHECK_EQ(stopper_wait(NULL, ctx), -ETIMEDOUT);
	stopper_ctx_put(ctx);
}

struct fire_race {
	struct stopper_event ev;
	struct env_counter go, won;
	int before;
};

static void race_to_fire(void *arg)
{
	struct fire_race *r = arg;

	while (!env_get(&r->go))
		env_yield();
	if (stopper_event_fire(&r->ev))
		env_inc(&r->won);
}

static void of_concurrent_fires_one_fired(void)
{
	int round;

	for (round = 0; round < case_rounds(200); round++) {
		struct env_thread thread[3];
		struct fire_race r;
		unsigned int i;

		memset(&r, 0, sizeof(r));
		stopper_event_init(&r.ev);
		for (i = 0; i < ARRAY_SIZE(thread); i++)
			CHECK_EQ(env_spawn(&thread[i], race_to_fire, &r), 0);
		env_set(&r.go, 1);
		for (i = 0; i < ARRAY_SIZE(thread); i++)
			env_join(&thread[i]);
		CHECK_EQ(env_get(&r.won), 1);
		stopper_event_destroy(&r.ev);
	}
}

static void write_and_fire(void *arg)
{
	struct fire_race *r = arg;

	while (!env_get(&r->go))
		env_yield();
	r->before = 42;		/* a plain write: the sanitizers watch as well */
	stopper_event_fire(&r->ev);
}

static void who_sees_it_fired_sees_what_was_written_before(void)
{
	int round;

	for (round = 0; round < case_rounds(300); round++) {
		struct env_thread thread;
		struct fire_race r;

		memset(&r, 0, sizeof(r));
		stopper_event_init(&r.ev);
		CHECK_EQ(env_spawn(&thread, write_and_fire, &r), 0);
		env_set(&r.go, 1);
		if (round % 2)
			CHECK_EQ(stopper_wait(&r.ev, NULL), 0);
		else
			while (!stopper_event_fired(&r.ev))
				env_yield();
		CHECK_EQ(r.before, 42);
		env_join(&thread);
		stopper_event_destroy(&r.ev);
	}
}

static void fire_late(void *arg)
{
	struct fire_race *r = arg;

	while (!env_get(&r->go))
		env_yield();
	stopper_event_fire(&r->ev);
}

/* Every waiter must be woken, whenever the event fires. */
static void no_wake_up_is_lost(void)
{
	struct stopper_ctx *ctx = new_ctx_timeout(NULL, ENV_BOUND);
	int round;

	for (round = 0; round < case_rounds(500); round++) {
		struct env_thread thread;
		struct fire_race r;

		memset(&r, 0, sizeof(r));
		stopper_event_init(&r.ev);
		CHECK_EQ(env_spawn(&thread, fire_late, &r), 0);
		env_set(&r.go, 1);
		CHECK_EQ(stopper_wait(&r.ev, ctx), 0);
		env_join(&thread);
		stopper_event_destroy(&r.ev);
	}
	stopper_ctx_put(ctx);
}

/* --- the memory's end ------------------------------------------------------------------------- */

#define POISON	0x5a

static bool is_poisoned(const void *p, size_t size)
{
	const unsigned char *byte = p;

	while (size && *byte == POISON) {
		byte++;
		size--;
	}
	return !size;
}

/* After destroy the memory may be reused: the firing thread must not write to it. */
static void a_waiter_may_free_the_event(void)
{
	int round;

	for (round = 0; round < case_rounds(500); round++) {
		struct env_thread thread;
		struct fire_race r;

		memset(&r, 0, sizeof(r));
		stopper_event_init(&r.ev);
		CHECK_EQ(env_spawn(&thread, fire_late, &r), 0);
		env_set(&r.go, 1);
		CHECK_EQ(stopper_wait(&r.ev, NULL), 0);
		stopper_event_destroy(&r.ev);
		memset(&r.ev, POISON, sizeof(r.ev));
		env_join(&thread);
		CHECK(is_poisoned(&r.ev, sizeof(r.ev)));
	}
}

struct doomed {
	struct stopper_event ev;
	struct stopper_on_fire of;
	struct case_hold hold;
	struct env_counter destroyed;
};

static void doomed_callback(struct stopper_on_fire *of, void *arg)
{
	struct doomed *d = arg;

	case_hold_fn(NULL, &d->hold);
}

static void doomed_fire(void *arg)
{
	struct doomed *d = arg;

	CHECK(stopper_event_fire(&d->ev));
}

static void doomed_destroy(void *arg)
{
	struct doomed *d = arg;

	stopper_event_destroy(&d->ev);
	CHECK_EQ(env_get(&d->hold.out), 1);
	memset(&d->ev, POISON, sizeof(d->ev));
	env_set(&d->destroyed, 1);
}

static void destroy_waits_for_the_callback(void)
{
	struct env_thread firer, destroyer;
	struct doomed d;

	memset(&d, 0, sizeof(d));
	case_hold_init(&d.hold);
	stopper_event_init(&d.ev);
	CHECK_EQ(stopper_event_on_fire(&d.ev, &d.of, doomed_callback, &d), 0);
	CHECK_EQ(env_spawn(&firer, doomed_fire, &d), 0);
	CHECK_SOON(env_get(&d.hold.in) == 1);
	CHECK_EQ(env_spawn(&destroyer, doomed_destroy, &d), 0);
	env_settle();
	CHECK(!env_get(&d.destroyed));
	env_gate_open(&d.hold.gate);
	env_join(&destroyer);
	env_join(&firer);
	CHECK(is_poisoned(&d.ev, sizeof(d.ev)));
	case_hold_destroy(&d.hold);
}

static void destroy_in_callback(struct stopper_on_fire *of, void *arg)
{
	stopper_event_destroy(arg);
	memset(arg, POISON, sizeof(struct stopper_event));
}

static void a_callback_may_free_its_event(void)
{
	struct stopper_on_fire of;
	struct stopper_event ev;

	stopper_event_init(&ev);
	CHECK_EQ(stopper_event_on_fire(&ev, &of, destroy_in_callback, &ev), 0);
	CHECK(stopper_event_fire(&ev));
	CHECK(is_poisoned(&ev, sizeof(ev)));
}

const struct test_case cases_event[] = {
	CASE(event_fires_once_for_ever),
	CASE(wait_returns_when_the_event_fires),
	CASE(fire_wakes_all_who_wait),
	CASE(wait_gives_up_with_its_context),
	CASE(fired_event_wins_over_an_ended_context),
	CASE(wait_any_returns_the_one_that_fired),
	CASE(wait_any_returns_the_lowest_if_several_fired),
	CASE(wait_any_takes_null_entries_and_many_events),
	CASE(wait_any_takes_the_same_event_twice),
	CASE(wait_any_gives_up_with_its_context),
	CASE(events_of_no_stopper_never_fire),
	CASE(no_event_is_an_event_that_never_fires),
	CASE(of_concurrent_fires_one_fired),
	CASE(who_sees_it_fired_sees_what_was_written_before),
	CASE(no_wake_up_is_lost),
	CASE(a_waiter_may_free_the_event),
	CASE(destroy_waits_for_the_callback),
	CASE(a_callback_may_free_its_event),
	CASES_END
};
