// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * conf_event.c - events: fire once, for ever; waiting for one and for one of several.
 */
#include "conf.h"

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
	struct conf_thread thread;
	struct stopper_event *const *evs;
	unsigned int n;
	struct stopper_ctx *ctx;
	int ret;
	struct conf_counter in, returned;
};

static void wait_main(void *arg)
{
	struct waiter *w = arg;

	conf_inc(&w->in);
	w->ret = w->n ? stopper_wait_any(w->evs, w->n, w->ctx) : stopper_wait(w->evs[0], w->ctx);
	conf_inc(&w->returned);
}

/* @n of 0: stopper_wait() for the first */
static void wait_begin(struct waiter *w, struct stopper_event *const *evs, unsigned int n,
		       struct stopper_ctx *ctx)
{
	memset(w, 0, sizeof(*w));
	w->evs = evs;
	w->n = n;
	w->ctx = ctx;
	CHECK_EQ(conf_spawn(&w->thread, wait_main, w), 0);
	conf_wait_for(conf_get(&w->in));
}

static int wait_end(struct waiter *w)
{
	conf_join(&w->thread);
	return w->ret;
}

static void wait_returns_when_the_event_fires(void)
{
	struct stopper_event ev, *evs[] = { &ev };
	struct waiter w;

	stopper_event_init(&ev);
	wait_begin(&w, evs, 0, NULL);
	conf_settle();
	CHECK(!conf_get(&w.returned));
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
	struct stopper_ctx *cancel = conf_ctx(NULL);
	struct stopper_ctx *timeout = conf_ctx_timeout(NULL, 10 * CONF_MSEC);
	struct stopper_event ev, *evs[] = { &ev };
	struct waiter w;

	stopper_event_init(&ev);
	wait_begin(&w, evs, 0, cancel);
	conf_settle();
	CHECK(!conf_get(&w.returned));
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
	struct stopper_ctx *ctx = conf_ctx(NULL);
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
		conf_settle();
		CHECK(!conf_get(&w.returned));
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
	struct stopper_ctx *ctx = conf_ctx_timeout(NULL, 10 * CONF_MSEC);
	struct stopper_event *ev = conf_alloc(40 * sizeof(*ev));
	struct stopper_event *evs[40] = { NULL };
	struct waiter w;
	int i;

	CHECK_EQ(stopper_wait_any(evs, 40, ctx), -ETIMEDOUT);
	for (i = 1; i < 40; i += 2) {
		stopper_event_init(&ev[i]);
		evs[i] = &ev[i];
	}
	wait_begin(&w, evs, 40, NULL);
	conf_settle();
	CHECK(!conf_get(&w.returned));
	stopper_event_fire(&ev[39]);
	CHECK_EQ(wait_end(&w), 39);
	stopper_event_fire(&ev[9]);
	CHECK_EQ(stopper_wait_any(evs, 40, NULL), 9);
	for (i = 1; i < 40; i += 2)
		stopper_event_destroy(&ev[i]);
	stopper_ctx_put(ctx);
	conf_free(ev);
}

static void wait_any_takes_the_same_event_twice(void)
{
	struct stopper_event ev, *evs[] = { &ev, &ev };
	struct waiter w;

	stopper_event_init(&ev);
	wait_begin(&w, evs, 2, NULL);
	conf_settle();
	stopper_event_fire(&ev);
	CHECK_EQ(wait_end(&w), 0);
	stopper_event_destroy(&ev);
}

static void wait_any_gives_up_with_its_context(void)
{
	struct stopper_ctx *ctx = conf_ctx(NULL);
	struct stopper_event ev[2], *evs[] = { &ev[0], &ev[1] };
	struct waiter w;

	stopper_event_init(&ev[0]);
	stopper_event_init(&ev[1]);
	wait_begin(&w, evs, 2, ctx);
	conf_settle();
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
	struct conf_counter called;
	unsigned int i;

	conf_set(&called, 0);
	for (i = 0; i < ARRAY_SIZE(evs); i++) {
		struct stopper_on_fire of;

		ctx = conf_ctx_timeout(NULL, 5 * CONF_MSEC);
		if (!CHECK(evs[i]))
			continue;
		CHECK(!stopper_event_fired(evs[i]));
		CHECK_EQ(stopper_wait(evs[i], ctx), -ETIMEDOUT);
		CHECK_EQ(stopper_event_on_fire(evs[i], &of, conf_count_on_fire, &called), 0);
		CHECK(stopper_event_detach(evs[i], &of));
		stopper_ctx_put(ctx);
	}
	ctx = conf_ctx_timeout(NULL, 5 * CONF_MSEC);
	CHECK_EQ(stopper_wait_any(evs, ARRAY_SIZE(evs), ctx), -ETIMEDOUT);
	stopper_ctx_put(ctx);
	CHECK_EQ(conf_get(&called), 0);
}

static void no_event_is_an_event_that_never_fires(void)
{
	struct stopper_ctx *ctx = conf_ctx_timeout(NULL, 10 * CONF_MSEC);

	CHECK(!stopper_event_fired(NULL));
	CHECK_EQ(stopper_wait(NULL, ctx), -ETIMEDOUT);
	stopper_ctx_put(ctx);
}

struct fire_race {
	struct stopper_event ev;
	struct conf_counter go, won;
	int before;
};

static void race_to_fire(void *arg)
{
	struct fire_race *r = arg;

	while (!conf_get(&r->go))
		conf_yield();
	if (stopper_event_fire(&r->ev))
		conf_inc(&r->won);
}

static void of_concurrent_fires_one_fired(void)
{
	int round;

	for (round = 0; round < conf_rounds(200); round++) {
		struct conf_thread thread[3];
		struct fire_race r;
		unsigned int i;

		memset(&r, 0, sizeof(r));
		stopper_event_init(&r.ev);
		for (i = 0; i < ARRAY_SIZE(thread); i++)
			CHECK_EQ(conf_spawn(&thread[i], race_to_fire, &r), 0);
		conf_set(&r.go, 1);
		for (i = 0; i < ARRAY_SIZE(thread); i++)
			conf_join(&thread[i]);
		CHECK_EQ(conf_get(&r.won), 1);
		stopper_event_destroy(&r.ev);
	}
}

static void write_and_fire(void *arg)
{
	struct fire_race *r = arg;

	while (!conf_get(&r->go))
		conf_yield();
	r->before = 42;		/* a plain write: the sanitizers watch as well */
	stopper_event_fire(&r->ev);
}

static void who_sees_it_fired_sees_what_was_written_before(void)
{
	int round;

	for (round = 0; round < conf_rounds(300); round++) {
		struct conf_thread thread;
		struct fire_race r;

		memset(&r, 0, sizeof(r));
		stopper_event_init(&r.ev);
		CHECK_EQ(conf_spawn(&thread, write_and_fire, &r), 0);
		conf_set(&r.go, 1);
		if (round % 2)
			CHECK_EQ(stopper_wait(&r.ev, NULL), 0);
		else
			while (!stopper_event_fired(&r.ev))
				conf_yield();
		CHECK_EQ(r.before, 42);
		conf_join(&thread);
		stopper_event_destroy(&r.ev);
	}
}

static void fire_late(void *arg)
{
	struct fire_race *r = arg;

	while (!conf_get(&r->go))
		conf_yield();
	stopper_event_fire(&r->ev);
}

/* Whoever waits must be woken however the fire falls. */
static void no_wake_up_is_lost(void)
{
	struct stopper_ctx *ctx = conf_ctx_timeout(NULL, CONF_BOUND);
	int round;

	for (round = 0; round < conf_rounds(500); round++) {
		struct conf_thread thread;
		struct fire_race r;

		memset(&r, 0, sizeof(r));
		stopper_event_init(&r.ev);
		CHECK_EQ(conf_spawn(&thread, fire_late, &r), 0);
		conf_set(&r.go, 1);
		CHECK_EQ(stopper_wait(&r.ev, ctx), 0);
		conf_join(&thread);
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

/* After destroy the memory is another's: who fires must not write to it. */
static void a_waiter_may_free_the_event(void)
{
	int round;

	for (round = 0; round < conf_rounds(500); round++) {
		struct conf_thread thread;
		struct fire_race r;

		memset(&r, 0, sizeof(r));
		stopper_event_init(&r.ev);
		CHECK_EQ(conf_spawn(&thread, fire_late, &r), 0);
		conf_set(&r.go, 1);
		CHECK_EQ(stopper_wait(&r.ev, NULL), 0);
		stopper_event_destroy(&r.ev);
		memset(&r.ev, POISON, sizeof(r.ev));
		conf_join(&thread);
		CHECK(is_poisoned(&r.ev, sizeof(r.ev)));
	}
}

struct doomed {
	struct stopper_event ev;
	struct stopper_on_fire of;
	struct conf_hold hold;
	struct conf_counter destroyed;
};

static void doomed_callback(struct stopper_on_fire *of, void *arg)
{
	struct doomed *d = arg;

	conf_hold_fn(NULL, &d->hold);
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
	CHECK_EQ(conf_get(&d->hold.out), 1);
	memset(&d->ev, POISON, sizeof(d->ev));
	conf_set(&d->destroyed, 1);
}

static void destroy_waits_for_the_callback(void)
{
	struct conf_thread firer, destroyer;
	struct doomed d;

	memset(&d, 0, sizeof(d));
	conf_hold_init(&d.hold);
	stopper_event_init(&d.ev);
	CHECK_EQ(stopper_event_on_fire(&d.ev, &d.of, doomed_callback, &d), 0);
	CHECK_EQ(conf_spawn(&firer, doomed_fire, &d), 0);
	conf_wait_for(conf_get(&d.hold.in) == 1);
	CHECK_EQ(conf_spawn(&destroyer, doomed_destroy, &d), 0);
	conf_settle();
	CHECK(!conf_get(&d.destroyed));
	conf_gate_open(&d.hold.gate);
	conf_join(&destroyer);
	conf_join(&firer);
	CHECK(is_poisoned(&d.ev, sizeof(d.ev)));
	conf_hold_destroy(&d.hold);
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

const struct conf_case cases_event[] = {
	CONF_CASE(event_fires_once_for_ever),
	CONF_CASE(wait_returns_when_the_event_fires),
	CONF_CASE(fire_wakes_all_who_wait),
	CONF_CASE(wait_gives_up_with_its_context),
	CONF_CASE(fired_event_wins_over_an_ended_context),
	CONF_CASE(wait_any_returns_the_one_that_fired),
	CONF_CASE(wait_any_returns_the_lowest_if_several_fired),
	CONF_CASE(wait_any_takes_null_entries_and_many_events),
	CONF_CASE(wait_any_takes_the_same_event_twice),
	CONF_CASE(wait_any_gives_up_with_its_context),
	CONF_CASE(events_of_no_stopper_never_fire),
	CONF_CASE(no_event_is_an_event_that_never_fires),
	CONF_CASE(of_concurrent_fires_one_fired),
	CONF_CASE(who_sees_it_fired_sees_what_was_written_before),
	CONF_CASE(no_wake_up_is_lost),
	CONF_CASE(a_waiter_may_free_the_event),
	CONF_CASE(destroy_waits_for_the_callback),
	CONF_CASE(a_callback_may_free_its_event),
	CONF_END
};
