// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * case_closer.c - closers: exactly once, in order, after all else; late ones at once.
 */
#include "case.h"

#define N	10

struct diary {
	struct stopper *s;
	struct env_counter n;
	int order[N + 2];
	int tid[N + 2];
};

struct entry {
	struct stopper_closer closer;
	struct diary *d;
	int nr;
	struct env_counter calls;
};

static void write_entry(struct entry *e)
{
	int i = env_inc(&e->d->n) - 1;

	env_inc(&e->calls);
	if (CHECK(i < (int)ARRAY_SIZE(e->d->order))) {
		e->d->order[i] = e->nr;
		e->d->tid[i] = env_tid();
	}
}

static void write_closer(struct stopper_closer *closer)
{
	write_entry((struct entry *)closer);
}

static void write_plain(void *arg)
{
	write_entry(arg);
}

static void add(struct diary *d, struct entry *e, int nr, bool plain)
{
	memset(e, 0, sizeof(*e));
	e->d = d;
	e->nr = nr;
	e->closer.name = nr % 3 ? "entry" : NULL;
	e->closer.fn = write_closer;
	if (plain)
		CHECK_EQ(stopper_add_closer_fn(d->s, "entry", write_plain, e), 0);
	else
		CHECK_EQ(stopper_add_closer(d->s, &e->closer), 0);
}

static void run_ordered(unsigned int flags)
{
	struct stopper_options opts = { .size = sizeof(opts), .flags = flags };
	struct diary d = { .s = new_stopper(&opts) };
	struct entry *e = env_alloc(N * sizeof(*e));
	int i;

	for (i = 0; i < N; i++)
		add(&d, &e[i], i, i % 2);
	CHECK_EQ(env_get(&d.n), 0);
	stop_and_put(d.s);
	CHECK_EQ(env_get(&d.n), N);
	for (i = 0; i < N; i++) {
		CHECK_EQ(env_get(&e[i].calls), 1);
		CHECK_EQ(d.order[i], flags & STOPPER_CLOSERS_LIFO ? N - 1 - i : i);
	}
	env_free(e);
}

static void closers_run_once_in_the_order_of_adding(void)
{
	run_ordered(0);
}

static void closers_run_last_added_first_with_the_flag(void)
{
	run_ordered(STOPPER_CLOSERS_LIFO);
}

static void closers_do_not_run_in_quiesce(void)
{
	struct diary d = { .s = new_stopper(NULL) };
	struct entry e;

	add(&d, &e, 0, false);
	CHECK_EQ(stopper_quiesce(d.s, NULL), 0);
	env_settle();
	CHECK_EQ(env_get(&d.n), 0);
	stop_and_put(d.s);
	CHECK_EQ(env_get(&d.n), 1);
}

struct surroundings {
	struct stopper *s;
	struct env_counter ran;
	struct case_worker worker;
	struct case_hold task;
};

static void look_around(void *arg)
{
	struct surroundings *u = arg;

	CHECK_EQ(stopper_phase(u->s), STOPPER_CLOSING);
	CHECK(stopper_event_fired(stopper_should_quiesce(u->s)));
	CHECK(stopper_event_fired(stopper_should_stop(u->s)));
	CHECK(!stopper_event_fired(stopper_is_stopped(u->s)));
	CHECK_EQ(env_get(&u->worker.out), 1);
	CHECK_EQ(env_get(&u->task.out), 1);
	CHECK_EQ(stopper_num_tasks(u->s), 0);
	env_inc(&u->ran);
}

static void closers_run_after_all_tasks_and_workers(void)
{
	struct surroundings u = { .s = new_stopper(NULL) };

	u.worker.s = u.s;
	case_hold_init(&u.task);
	env_gate_open(&u.task.gate);
	CHECK_EQ(stopper_add_closer_fn(u.s, "look", look_around, &u), 0);
	CHECK_EQ(stopper_run_worker(u.s, NULL, "worker", case_worker_fn, &u.worker), 0);
	CHECK_EQ(stopper_run_async_task(u.s, NULL, "task", case_hold_fn, &u.task), 0);
	stop_and_put(u.s);
	CHECK_EQ(env_get(&u.ran), 1);
	case_hold_destroy(&u.task);
}

static void is_stopped_is_blocked_by_a_closer(void)
{
	struct stopper *s = new_stopper(NULL);
	struct case_call stop;
	struct case_hold h;

	case_hold_init(&h);
	CHECK_EQ(stopper_add_closer_fn(s, "slow", case_hold_closer_fn, &h), 0);
	case_stop_begin(&stop, s, NULL);
	CHECK_SOON(env_get(&h.in));
	env_settle();
	CHECK(!env_get(&stop.returned));
	CHECK(!stopper_event_fired(stopper_is_stopped(s)));
	CHECK_EQ(stopper_phase(s), STOPPER_CLOSING);
	env_gate_open(&h.gate);
	CHECK_EQ(case_call_end(&stop), 0);
	CHECK(stopper_event_fired(stopper_is_stopped(s)));
	stopper_put(s);
	case_hold_destroy(&h);
}

static void free_closer(struct stopper_closer *closer)
{
	struct entry *e = (struct entry *)closer;

	write_entry(e);
	memset(e, 0xa5, sizeof(*e));
	env_free(e);
}

static void closer_may_free_itself(void)
{
	struct diary d = { .s = new_stopper(NULL) };
	int i;

	for (i = 0; i < N; i++) {
		struct entry *e = env_alloc(sizeof(*e));

		e->d = &d;
		e->nr = i;
		e->closer.fn = free_closer;
		CHECK_EQ(stopper_add_closer(d.s, &e->closer), 0);
	}
	stop_and_put(d.s);
	CHECK_EQ(env_get(&d.n), N);
}

static void closer_added_while_quiescing_is_run_by_stop(void)
{
	struct diary d = { .s = new_stopper(NULL) };
	struct entry e[2];

	CHECK_EQ(stopper_quiesce(d.s, NULL), 0);
	add(&d, &e[0], 0, false);
	add(&d, &e[1], 1, true);
	CHECK_EQ(env_get(&d.n), 0);
	stop_and_put(d.s);
	CHECK_EQ(env_get(&e[0].calls), 1);
	CHECK_EQ(env_get(&e[1].calls), 1);
}

static void closer_added_while_stopping_is_run_by_stop(void)
{
	struct diary d = { .s = new_stopper(NULL) };
	struct case_call stop;
	struct case_hold h;
	struct entry e[2];

	case_hold_init(&h);
	CHECK_EQ(stopper_run_worker(d.s, NULL, "slow", case_hold_fn, &h), 0);
	case_stop_begin(&stop, d.s, NULL);
	CHECK_SOON(stopper_phase(d.s) == STOPPER_STOPPING);
	add(&d, &e[0], 0, false);
	add(&d, &e[1], 1, true);
	CHECK_EQ(env_get(&d.n), 0);
	env_gate_open(&h.gate);
	CHECK_EQ(case_call_end(&stop), 0);
	CHECK_EQ(env_get(&e[0].calls), 1);
	CHECK_EQ(env_get(&e[1].calls), 1);
	stopper_put(d.s);
	case_hold_destroy(&h);
}

static void closer_added_while_closing_runs_at_once_in_its_adder(void)
{
	struct diary d = { .s = new_stopper(NULL) };
	struct case_call stop;
	struct case_hold h;
	struct entry e[2];
	int i;

	case_hold_init(&h);
	CHECK_EQ(stopper_add_closer_fn(d.s, "slow", case_hold_closer_fn, &h), 0);
	case_stop_begin(&stop, d.s, NULL);
	CHECK_SOON(env_get(&h.in));
	for (i = 0; i < 2; i++) {
		add(&d, &e[i], i, i);
		CHECK_EQ(env_get(&e[i].calls), 1);
		CHECK_EQ(d.tid[i], env_tid());
	}
	CHECK(!env_get(&stop.returned));
	env_gate_open(&h.gate);
	CHECK_EQ(case_call_end(&stop), 0);
	stopper_put(d.s);
	CHECK_EQ(env_get(&d.n), 2);
	case_hold_destroy(&h);
}

struct late_adder {
	struct stopper *s;
	struct case_hold h;
};

static void add_late_and_hold(void *arg)
{
	struct late_adder *a = arg;

	CHECK_EQ(stopper_add_closer_fn(a->s, "late", case_hold_closer_fn, &a->h), 0);
}

static void stop_waits_for_a_closer_that_its_adder_runs(void)
{
	struct late_adder a = { .s = new_stopper(NULL) };
	struct env_thread thread;
	struct stopper_ctx *soon;
	struct case_call stop;
	struct case_hold h;

	case_hold_init(&h);
	case_hold_init(&a.h);
	CHECK_EQ(stopper_add_closer_fn(a.s, "slow", case_hold_closer_fn, &h), 0);
	case_stop_begin(&stop, a.s, NULL);
	CHECK_SOON(env_get(&h.in));
	CHECK_EQ(env_spawn(&thread, add_late_and_hold, &a), 0);
	CHECK_SOON(env_get(&a.h.in));
	env_gate_open(&h.gate);
	soon = new_ctx_timeout(NULL, 50 * 1000 * 1000);
	CHECK_EQ(stopper_stop(a.s, soon), -ETIMEDOUT);
	CHECK(!stopper_event_fired(stopper_is_stopped(a.s)));
	env_gate_open(&a.h.gate);
	env_join(&thread);
	CHECK_EQ(case_call_end(&stop), 0);
	stopper_ctx_put(soon);
	stopper_put(a.s);
	case_hold_destroy(&a.h);
	case_hold_destroy(&h);
}

static void closer_added_after_stop_runs_at_once_in_its_adder(void)
{
	struct diary d = { .s = new_stopper(NULL) };
	struct entry e[2];
	int i;

	CHECK_EQ(stopper_stop(d.s, NULL), 0);
	for (i = 0; i < 2; i++) {
		add(&d, &e[i], i, i);
		CHECK_EQ(env_get(&e[i].calls), 1);
		CHECK_EQ(d.tid[i], env_tid());
	}
	stopper_put(d.s);
	CHECK_EQ(env_get(&d.n), 2);
}

static void add_in_closer(void *arg)
{
	struct diary *d = arg;
	struct entry e;

	/* On the stack: it must have run when add returns. */
	add(d, &e, 7, false);
	CHECK_EQ(env_get(&e.calls), 1);
	add(d, &e, 8, true);
	CHECK_EQ(env_get(&e.calls), 1);
}

static void closer_added_by_a_closer_runs_at_once(void)
{
	struct diary d = { .s = new_stopper(NULL) };

	CHECK_EQ(stopper_add_closer_fn(d.s, "adder", add_in_closer, &d), 0);
	stop_and_put(d.s);
	CHECK_EQ(env_get(&d.n), 2);
	CHECK_EQ(d.order[0], 7);
	CHECK_EQ(d.order[1], 8);
}

struct adders {
	struct stopper *s;
	struct env_counter ran, go;
};

struct racing_closer {
	struct stopper_closer closer;
	struct adders *a;
	struct env_counter calls;
};

struct racer {
	struct env_thread thread;
	struct adders *a;
	struct racing_closer closer[8];
};

static void count_racer(struct stopper_closer *closer)
{
	struct racing_closer *r = (struct racing_closer *)closer;

	env_inc(&r->calls);
	env_inc(&r->a->ran);
}

static void add_racers(void *arg)
{
	struct racer *r = arg;
	unsigned int i;

	env_inc(&r->a->go);
	for (i = 0; i < ARRAY_SIZE(r->closer); i++) {
		r->closer[i].a = r->a;
		r->closer[i].closer.fn = count_racer;
		CHECK_EQ(stopper_add_closer(r->a->s, &r->closer[i].closer), 0);
	}
}

static void closer_added_while_stop_runs_is_run_exactly_once(void)
{
	struct racer *r = env_alloc(3 * sizeof(*r));
	unsigned int i, j;
	int round;

	for (round = 0; round < case_rounds(300); round++) {
		struct adders a = { .s = new_stopper(NULL) };

		memset(r, 0, 3 * sizeof(*r));
		for (i = 0; i < 3; i++) {
			r[i].a = &a;
			CHECK_EQ(env_spawn(&r[i].thread, add_racers, &r[i]), 0);
		}
		while (!env_get(&a.go))
			env_yield();
		CHECK_EQ(stopper_stop(a.s, NULL), 0);
		for (i = 0; i < 3; i++)
			env_join(&r[i].thread);
		CHECK_EQ(env_get(&a.ran), 3 * (int)ARRAY_SIZE(r->closer));
		for (i = 0; i < 3; i++)
			for (j = 0; j < ARRAY_SIZE(r->closer); j++)
				CHECK_EQ(env_get(&r[i].closer[j].calls), 1);
		stopper_put(a.s);
	}
	env_free(r);
}

struct canceller {
	struct stopper *s;
	struct stopper_ctx *ctx;
	struct env_counter ran;
};

static void cancel_in_closer(void *arg)
{
	struct canceller *c = arg;

	CHECK_EQ(stopper_ctx_err(c->ctx), 0);
	stopper_ctx_cancel(c->ctx);
	CHECK_EQ(stopper_ctx_err(c->ctx), -ECANCELED);
	env_inc(&c->ran);
}

static void closer_may_cancel_a_context(void)
{
	struct canceller c = { .s = new_stopper(NULL), .ctx = new_ctx(NULL) };
	struct stopper_ctx *child = new_ctx(c.ctx);

	CHECK_EQ(stopper_add_closer_fn(c.s, "cancel", cancel_in_closer, &c), 0);
	stop_and_put(c.s);
	CHECK_EQ(env_get(&c.ran), 1);
	CHECK_EQ(stopper_ctx_err(child), -ECANCELED);
	stopper_ctx_put(child);
	stopper_ctx_put(c.ctx);
}

/* The context of the Stop that runs the closers: it must come back from all this. */
static void closer_may_cancel_the_context_of_stop(void)
{
	struct canceller c = { .s = new_stopper(NULL), .ctx = new_ctx(NULL) };
	int err;

	CHECK_EQ(stopper_add_closer_fn(c.s, "cancel", cancel_in_closer, &c), 0);
	err = stopper_stop(c.s, c.ctx);
	CHECK(err == 0 || err == -ECANCELED);
	stop_and_put(c.s);
	CHECK_EQ(env_get(&c.ran), 1);
	stopper_ctx_put(c.ctx);
}

#define MANY	500

struct crowd {
	struct env_counter ran;
	int tid;
};

static void note_thread(void *arg)
{
	struct crowd *c = arg;

	if (env_inc(&c->ran) == 1)
		c->tid = env_tid();
	else
		CHECK_EQ(env_tid(), c->tid);
}

static void closers_are_handed_to_a_thread_once(void)
{
	unsigned long before = __stopper_steps("closers handed over");
	struct stopper *s = new_stopper(NULL);
	struct crowd c = { .tid = 0 };
	int i;

	for (i = 0; i < MANY; i++)
		CHECK_EQ(stopper_add_closer_fn(s, "crowd", note_thread, &c), 0);
	stop_and_put(s);
	CHECK_EQ(env_get(&c.ran), MANY);
	CHECK_EQ(__stopper_steps("closers handed over") - before, 1);
	CHECK(c.tid != env_tid());
}

struct named {
	struct env_counter ran;
	const char *name;
};

static void look_at_name(void *arg)
{
	struct named *n = arg;
	char comm[32];

	env_comm(comm, sizeof(comm));
	CHECK(case_is_comm_of(comm, n->name));
	env_inc(&n->ran);
}

static void rename_thread(void *arg)
{
	env_rename("other");
	env_inc(arg);
}

static void thread_bears_the_name_of_each_closer(void)
{
	struct named a = { .name = "closer-a" }, b = { .name = "closer-b" };
	struct named c = { .name = "closer" };
	struct stopper *s = new_stopper(NULL);
	struct env_counter renamed = { 0 };

	CHECK_EQ(stopper_add_closer_fn(s, a.name, look_at_name, &a), 0);
	CHECK_EQ(stopper_add_closer_fn(s, b.name, look_at_name, &b), 0);
	CHECK_EQ(stopper_add_closer_fn(s, b.name, look_at_name, &b), 0);
	CHECK_EQ(stopper_add_closer_fn(s, NULL, look_at_name, &c), 0);
	CHECK_EQ(stopper_add_closer_fn(s, b.name, rename_thread, &renamed), 0);
	CHECK_EQ(stopper_add_closer_fn(s, a.name, look_at_name, &a), 0);
	stop_and_put(s);
	CHECK_EQ(env_get(&a.ran), 2);
	CHECK_EQ(env_get(&b.ran), 2);
	CHECK_EQ(env_get(&c.ran), 1);
	CHECK_EQ(env_get(&renamed), 1);
}

/* One that runs when the context ends is the last one, until somebody stops again. */
static void stop_that_gives_up_begins_no_further_closer(void)
{
	struct canceller c = { .s = new_stopper(NULL), .ctx = new_ctx(NULL) };
	struct env_counter closed = { 0 };

	CHECK_EQ(stopper_add_closer_fn(c.s, "cancel", cancel_in_closer, &c), 0);
	CHECK_EQ(stopper_add_closer_fn(c.s, "next", case_count_plain, &closed), 0);
	CHECK_EQ(stopper_stop(c.s, c.ctx), -ECANCELED);
	env_settle();
	CHECK_EQ(env_get(&closed), 0);
	CHECK_EQ(stopper_phase(c.s), STOPPER_CLOSING);
	stop_and_put(c.s);
	CHECK_EQ(env_get(&c.ran), 1);
	CHECK_EQ(env_get(&closed), 1);
	stopper_ctx_put(c.ctx);
}

const struct test_case cases_closer[] = {
	CASE(closers_are_handed_to_a_thread_once),
	CASE(thread_bears_the_name_of_each_closer),
	CASE(stop_that_gives_up_begins_no_further_closer),
	CASE(closers_run_once_in_the_order_of_adding),
	CASE(closers_run_last_added_first_with_the_flag),
	CASE(closers_do_not_run_in_quiesce),
	CASE(closers_run_after_all_tasks_and_workers),
	CASE(is_stopped_is_blocked_by_a_closer),
	CASE(closer_may_free_itself),
	CASE(closer_added_while_quiescing_is_run_by_stop),
	CASE(closer_added_while_stopping_is_run_by_stop),
	CASE(closer_added_while_closing_runs_at_once_in_its_adder),
	CASE(stop_waits_for_a_closer_that_its_adder_runs),
	CASE(closer_added_after_stop_runs_at_once_in_its_adder),
	CASE(closer_added_by_a_closer_runs_at_once),
	CASE(closer_added_while_stop_runs_is_run_exactly_once),
	CASE(closer_may_cancel_a_context),
	CASE(closer_may_cancel_the_context_of_stop),
	CASES_END
};
