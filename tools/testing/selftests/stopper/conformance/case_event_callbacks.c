// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * case_event_callbacks.c - callbacks on events, and what detaching them guarantees.
 */
#include "case.h"

struct list {
	struct env_counter n;
	int order[8];
};

struct item {
	struct stopper_on_fire of;	/* first */
	struct list *list;
	int nr;
};

static void note(struct stopper_on_fire *of, void *arg)
{
	struct item *item = arg;

	CHECK((void *)of == arg);
	item->list->order[env_inc(&item->list->n) - 1] = item->nr;
}

static void callbacks_run_once_in_the_order_of_attaching(void)
{
	struct list list = { .order = { 0 } };
	struct stopper_event ev;
	struct item item[5];
	int i;

	stopper_event_init(&ev);
	for (i = 0; i < 5; i++) {
		item[i].list = &list;
		item[i].nr = i;
		CHECK_EQ(stopper_event_on_fire(&ev, &item[i].of, note, &item[i]), 0);
	}
	CHECK_EQ(env_get(&list.n), 0);
	stopper_event_fire(&ev);
	stopper_event_fire(&ev);
	CHECK_EQ(env_get(&list.n), 5);
	for (i = 0; i < 5; i++)
		CHECK_EQ(list.order[i], i);
	stopper_event_destroy(&ev);
}

static void attached_after_the_fire_it_is_called_at_once(void)
{
	struct list list = { .order = { 0 } };
	struct item item = { .list = &list };
	struct stopper_event ev;

	stopper_event_init(&ev);
	stopper_event_fire(&ev);
	CHECK_EQ(stopper_event_on_fire(&ev, &item.of, note, &item), 0);
	CHECK_EQ(env_get(&list.n), 1);
	CHECK(!stopper_event_detach(&ev, &item.of));
	CHECK_EQ(env_get(&list.n), 1);
	stopper_event_destroy(&ev);
}

static void detached_before_the_fire_it_is_never_called(void)
{
	struct list list = { .order = { 0 } };
	struct item item[3];
	struct stopper_event ev;
	int i;

	stopper_event_init(&ev);
	for (i = 0; i < 3; i++) {
		item[i].list = &list;
		item[i].nr = i;
		CHECK_EQ(stopper_event_on_fire(&ev, &item[i].of, note, &item[i]), 0);
	}
	CHECK(stopper_event_detach(&ev, &item[1].of));
	stopper_event_fire(&ev);
	CHECK_EQ(env_get(&list.n), 2);
	CHECK_EQ(list.order[0], 0);
	CHECK_EQ(list.order[1], 2);
	stopper_event_destroy(&ev);
}

static void record_may_be_attached_again_after_detach(void)
{
	struct list list = { .order = { 0 } };
	struct item item = { .list = &list };
	struct stopper_event a, b;
	int i;

	stopper_event_init(&a);
	stopper_event_init(&b);
	for (i = 0; i < 10; i++) {
		CHECK_EQ(stopper_event_on_fire(&a, &item.of, note, &item), 0);
		CHECK(stopper_event_detach(&a, &item.of));
	}
	CHECK_EQ(stopper_event_on_fire(&b, &item.of, note, &item), 0);
	stopper_event_fire(&a);
	CHECK_EQ(env_get(&list.n), 0);
	stopper_event_fire(&b);
	CHECK_EQ(env_get(&list.n), 1);
	stopper_event_destroy(&a);
	stopper_event_destroy(&b);
}

struct slow {
	struct stopper_event ev;
	struct stopper_on_fire of;
	struct case_hold hold;
	struct env_counter detached;
	bool uncalled;
};

static void run_slowly(struct stopper_on_fire *of, void *arg)
{
	struct slow *s = arg;

	case_hold_fn(NULL, &s->hold);
}

static void fire_slow(void *arg)
{
	struct slow *s = arg;

	stopper_event_fire(&s->ev);
}

static void detach_slow(void *arg)
{
	struct slow *s = arg;

	s->uncalled = stopper_event_detach(&s->ev, &s->of);
	CHECK_EQ(env_get(&s->hold.out), 1);
	env_inc(&s->detached);
}

static void detach_waits_for_the_callback_that_runs(void)
{
	struct env_thread firer, detacher[1];
	struct slow s;
	unsigned int i;

	memset(&s, 0, sizeof(s));
	stopper_event_init(&s.ev);
	case_hold_init(&s.hold);
	CHECK_EQ(stopper_event_on_fire(&s.ev, &s.of, run_slowly, &s), 0);
	CHECK_EQ(env_spawn(&firer, fire_slow, &s), 0);
	CHECK_SOON(env_get(&s.hold.in));
	/* no reader or waiter is blocked */
	CHECK(stopper_event_fired(&s.ev));
	CHECK_EQ(stopper_wait(&s.ev, NULL), 0);
	CHECK(!stopper_event_fire(&s.ev));
	for (i = 0; i < ARRAY_SIZE(detacher); i++)
		CHECK_EQ(env_spawn(&detacher[i], detach_slow, &s), 0);
	env_settle();
	CHECK_EQ(env_get(&s.detached), 0);
	env_gate_open(&s.hold.gate);
	for (i = 0; i < ARRAY_SIZE(detacher); i++)
		env_join(&detacher[i]);
	env_join(&firer);
	CHECK_EQ(env_get(&s.detached), (int)ARRAY_SIZE(detacher));
	CHECK(!s.uncalled);
	stopper_event_destroy(&s.ev);
	case_hold_destroy(&s.hold);
}

struct chain {
	struct stopper_event *ev;
	struct stopper_on_fire of;
	struct stopper_on_fire *victim;
	struct stopper_event *next;
	struct env_counter called;
};

static void detach_self(struct stopper_on_fire *of, void *arg)
{
	struct chain *c = arg;

	CHECK(!stopper_event_detach(c->ev, of));
	env_inc(&c->called);
}

static void detach_within_the_callback_returns_at_once(void)
{
	struct stopper_event ev;
	struct chain c = { .ev = &ev };

	stopper_event_init(&ev);
	CHECK_EQ(stopper_event_on_fire(&ev, &c.of, detach_self, &c), 0);
	stopper_event_fire(&ev);
	CHECK_EQ(env_get(&c.called), 1);
	/* also when it is called by the attach */
	CHECK_EQ(stopper_event_on_fire(&ev, &c.of, detach_self, &c), 0);
	CHECK_EQ(env_get(&c.called), 2);
	stopper_event_destroy(&ev);
}

static void detach_victim(struct stopper_on_fire *of, void *arg)
{
	struct chain *c = arg;

	CHECK(stopper_event_detach(c->ev, c->victim));
	env_inc(&c->called);
}

static void callback_may_detach_a_later_one(void)
{
	struct env_counter called = { 0 };
	struct stopper_on_fire victim, last;
	struct stopper_event ev;
	struct chain c = { .ev = &ev, .victim = &victim };

	stopper_event_init(&ev);
	CHECK_EQ(stopper_event_on_fire(&ev, &c.of, detach_victim, &c), 0);
	CHECK_EQ(stopper_event_on_fire(&ev, &victim, case_count_on_fire, &called), 0);
	CHECK_EQ(stopper_event_on_fire(&ev, &last, case_count_on_fire, &called), 0);
	stopper_event_fire(&ev);
	CHECK_EQ(env_get(&c.called), 1);
	CHECK_EQ(env_get(&called), 1);
	stopper_event_destroy(&ev);
}

static void free_self(struct stopper_on_fire *of, void *arg)
{
	struct item *item = arg;

	env_inc(&item->list->n);
	memset(item, 0xa5, sizeof(*item));
	env_free(item);
}

static void callback_may_free_its_record(void)
{
	struct list list = { .order = { 0 } };
	struct stopper_event ev;
	int i;

	stopper_event_init(&ev);
	for (i = 0; i < 6; i++) {
		struct item *item = env_alloc(sizeof(*item));

		if (i == 5)	/* called at once */
			stopper_event_fire(&ev);
		item->list = &list;
		CHECK_EQ(stopper_event_on_fire(&ev, &item->of, free_self, item), 0);
	}
	CHECK_EQ(env_get(&list.n), 6);
	stopper_event_destroy(&ev);
}

static void fire_next(struct stopper_on_fire *of, void *arg)
{
	struct chain *c = arg;

	env_inc(&c->called);
	CHECK(stopper_event_fired(c->ev));
	CHECK(!stopper_event_fire(c->ev));
	if (c->next)
		CHECK(stopper_event_fire(c->next));
}

static void callback_may_fire_other_events(void)
{
	struct stopper_event ev[10];
	struct chain c[10];
	int i;

	memset(c, 0, sizeof(c));
	for (i = 0; i < 10; i++) {
		stopper_event_init(&ev[i]);
		c[i].ev = &ev[i];
		c[i].next = i < 9 ? &ev[i + 1] : NULL;
		CHECK_EQ(stopper_event_on_fire(&ev[i], &c[i].of, fire_next, &c[i]), 0);
	}
	stopper_event_fire(&ev[0]);
	for (i = 0; i < 10; i++) {
		CHECK_EQ(env_get(&c[i].called), 1);
		stopper_event_destroy(&ev[i]);
	}
}

struct attacher {
	struct stopper_event *ev;
	struct stopper_on_fire of, more;
	struct env_counter called;
};

static void attach_more(struct stopper_on_fire *of, void *arg)
{
	struct attacher *a = arg;

	CHECK_EQ(stopper_event_on_fire(a->ev, &a->more, case_count_on_fire, &a->called), 0);
	CHECK_EQ(env_get(&a->called), 1);
}

static void callback_may_attach_to_its_own_event(void)
{
	struct stopper_event ev;
	struct attacher a = { .ev = &ev };

	stopper_event_init(&ev);
	CHECK_EQ(stopper_event_on_fire(&ev, &a.of, attach_more, &a), 0);
	stopper_event_fire(&ev);
	CHECK_EQ(env_get(&a.called), 1);
	stopper_event_destroy(&ev);
}

struct race {
	struct stopper_event ev;
	struct env_counter go, called, running, dead;
};

static void racing(struct stopper_on_fire *of, void *arg)
{
	struct race *r = arg;

	env_inc(&r->running);
	CHECK(!env_get(&r->dead));
	env_yield();
	CHECK(!env_get(&r->dead));
	env_inc(&r->called);
	env_dec(&r->running);
}

static void fire_race(void *arg)
{
	struct race *r = arg;

	while (!env_get(&r->go))
		env_yield();
	stopper_event_fire(&r->ev);
}

static void after_detach_the_callback_does_not_run(void)
{
	int round;

	for (round = 0; round < case_rounds(500); round++) {
		struct stopper_on_fire of;
		struct env_thread thread;
		struct race r;
		bool uncalled;
		int i;

		memset(&r, 0, sizeof(r));
		stopper_event_init(&r.ev);
		CHECK_EQ(stopper_event_on_fire(&r.ev, &of, racing, &r), 0);
		CHECK_EQ(env_spawn(&thread, fire_race, &r), 0);
		env_set(&r.go, 1);
		for (i = 0; i < round % 8; i++)
			env_yield();
		uncalled = stopper_event_detach(&r.ev, &of);
		CHECK_EQ(env_get(&r.running), 0);
		CHECK_EQ(env_get(&r.called), !uncalled);
		env_set(&r.dead, 1);
		memset(&of, 0xa5, sizeof(of));
		env_join(&thread);
		CHECK_EQ(env_get(&r.called), !uncalled);
		stopper_event_destroy(&r.ev);
	}
}

struct crowd {
	struct stopper_event *ev;
	struct env_counter go;
	struct list called;
	int per_thread;
};

static void attach_crowd(void *arg)
{
	struct crowd *c = arg;
	int i;

	env_inc(&c->go);
	for (i = 0; i < c->per_thread; i++) {
		struct item *item = env_alloc(sizeof(*item));

		item->list = &c->called;
		CHECK_EQ(stopper_event_on_fire(c->ev, &item->of, free_self, item), 0);
	}
}

static void callback_attached_while_firing_is_called_once(void)
{
	int round;

	for (round = 0; round < case_rounds(100); round++) {
		struct env_thread thread[2];
		struct stopper_event ev;
		struct crowd c = { .ev = &ev, .per_thread = 50 };

		stopper_event_init(&ev);
		CHECK_EQ(env_spawn(&thread[0], attach_crowd, &c), 0);
		CHECK_EQ(env_spawn(&thread[1], attach_crowd, &c), 0);
		while (!env_get(&c.go))
			env_yield();
		stopper_event_fire(&ev);
		env_join(&thread[0]);
		env_join(&thread[1]);
		CHECK_EQ(env_get(&c.called.n), 2 * c.per_thread);
		stopper_event_destroy(&ev);
	}
}

const struct test_case cases_event_callbacks[] = {
	CASE(callbacks_run_once_in_the_order_of_attaching),
	CASE(attached_after_the_fire_it_is_called_at_once),
	CASE(detached_before_the_fire_it_is_never_called),
	CASE(record_may_be_attached_again_after_detach),
	CASE(detach_waits_for_the_callback_that_runs),
	CASE(detach_within_the_callback_returns_at_once),
	CASE(callback_may_detach_a_later_one),
	CASE(callback_may_free_its_record),
	CASE(callback_may_fire_other_events),
	CASE(callback_may_attach_to_its_own_event),
	CASE(after_detach_the_callback_does_not_run),
	CASE(callback_attached_while_firing_is_called_once),
	CASES_END
};
