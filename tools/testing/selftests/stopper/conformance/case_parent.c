// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * case_parent.c - a stopper with a parent: quiesced and stopped as a part of it.
 */
#include "case.h"

static void child_quiesces_with_its_parent(void)
{
	struct stopper *parent = new_stopper(NULL);
	struct stopper *child = new_child("child", parent);
	struct env_counter ran = { 0 };

	CHECK_EQ(stopper_quiesce(parent, NULL), 0);
	CHECK(stopper_event_fired(stopper_should_quiesce(child)));
	CHECK_EQ(stopper_run_task(child, NULL, "late", case_count_fn, &ran), -ESHUTDOWN);
	CHECK(!stopper_event_fired(stopper_should_stop(child)));
	stop_and_put(parent);
	CHECK_EQ(stopper_phase(child), STOPPER_STOPPED);
	stopper_put(child);
	CHECK_EQ(env_get(&ran), 0);
}

static void wait_for_quiesce(struct stopper_ctx *ctx, void *stopper)
{
	CHECK_EQ(stopper_wait(stopper_should_quiesce(stopper), ctx), 0);
}

/* Else a task of the parent's that works through the child would hold up both. */
static void child_quiesces_before_the_tasks_of_its_parent_have_ended(void)
{
	struct stopper *parent = new_stopper(NULL);
	struct stopper *child = new_child("child", parent);

	CHECK_EQ(stopper_run_async_task(parent, NULL, "task", wait_for_quiesce, child), 0);
	CHECK_EQ(stopper_quiesce(parent, NULL), 0);
	stop_and_put(parent);
	stopper_put(child);
}

static void quiesce_of_the_parent_waits_for_tasks_of_the_child(void)
{
	struct stopper *parent = new_stopper(NULL);
	struct stopper *child = new_child("child", parent);
	struct case_call quiesce;
	struct stopper_task task;

	CHECK_EQ(stopper_task_begin(child, NULL, "task", &task), 0);
	CHECK_EQ(stopper_num_tasks(parent), 0);
	case_quiesce_begin(&quiesce, parent, NULL);
	CHECK_SOON(stopper_event_fired(stopper_should_quiesce(child)));
	env_settle();
	CHECK(!env_get(&quiesce.returned));
	stopper_task_end(&task);
	CHECK_EQ(case_call_end(&quiesce), 0);
	stop_and_put(parent);
	stopper_put(child);
}

struct generations {
	struct stopper *parent, *child, *grandchild;
	struct env_counter n;
	int parent_at, child_at, grandchild_at;
};

static void parent_closed(void *arg)
{
	struct generations *g = arg;

	CHECK(stopper_event_fired(stopper_is_stopped(g->child)));
	CHECK(stopper_event_fired(stopper_is_stopped(g->grandchild)));
	g->parent_at = env_inc(&g->n);
}

static void child_closed(void *arg)
{
	struct generations *g = arg;

	CHECK(!stopper_event_fired(stopper_is_stopped(g->parent)));
	CHECK(stopper_event_fired(stopper_is_stopped(g->grandchild)));
	g->child_at = env_inc(&g->n);
}

static void grandchild_closed(void *arg)
{
	struct generations *g = arg;

	CHECK(!stopper_event_fired(stopper_is_stopped(g->parent)));
	CHECK(!stopper_event_fired(stopper_is_stopped(g->child)));
	g->grandchild_at = env_inc(&g->n);
}

static void stop_of_the_parent_stops_the_children_first(void)
{
	struct generations g = { .parent = new_stopper(NULL) };

	g.child = new_child("child", g.parent);
	g.grandchild = new_child("child", g.child);
	CHECK_EQ(stopper_add_closer_fn(g.parent, "parent", parent_closed, &g), 0);
	CHECK_EQ(stopper_add_closer_fn(g.child, "child", child_closed, &g), 0);
	CHECK_EQ(stopper_add_closer_fn(g.grandchild, "grandchild", grandchild_closed, &g), 0);
	CHECK_EQ(stopper_stop(g.parent, NULL), 0);
	CHECK_EQ(g.grandchild_at, 1);
	CHECK_EQ(g.child_at, 2);
	CHECK_EQ(g.parent_at, 3);
	CHECK_EQ(stopper_phase(g.child), STOPPER_STOPPED);
	CHECK_EQ(stopper_phase(g.grandchild), STOPPER_STOPPED);
	CHECK_EQ(stopper_stop(g.child, NULL), 0);
	stopper_put(g.parent);
	stopper_put(g.child);
	stopper_put(g.grandchild);
}

static void stop_of_the_parent_waits_for_workers_and_closers_of_the_child(void)
{
	struct stopper *parent = new_stopper(NULL);
	struct stopper *child = new_child("child", parent);
	struct case_hold worker, closer;
	struct case_call stop;

	case_hold_init(&worker);
	case_hold_init(&closer);
	CHECK_EQ(stopper_run_worker(child, NULL, "worker", case_hold_fn, &worker), 0);
	CHECK_EQ(stopper_add_closer_fn(child, "closer", case_hold_closer_fn, &closer), 0);
	case_stop_begin(&stop, parent, NULL);
	CHECK_SOON(stopper_event_fired(stopper_should_stop(child)));
	env_settle();
	CHECK(!env_get(&stop.returned));
	env_gate_open(&worker.gate);
	CHECK_SOON(env_get(&closer.in));
	env_settle();
	CHECK(!env_get(&stop.returned));
	env_gate_open(&closer.gate);
	CHECK_EQ(case_call_end(&stop), 0);
	CHECK(stopper_event_fired(stopper_is_stopped(child)));
	stopper_put(parent);
	stopper_put(child);
	case_hold_destroy(&worker);
	case_hold_destroy(&closer);
}

static void child_stopped_alone_leaves_its_parent_running(void)
{
	struct stopper *parent = new_stopper(NULL);
	struct stopper *child = new_child("child", parent), *sibling = new_child("child", parent);
	struct env_counter ran = { 0 };

	stop_and_put(child);
	CHECK_EQ(stopper_phase(parent), STOPPER_RUNNING);
	CHECK_EQ(stopper_phase(sibling), STOPPER_RUNNING);
	CHECK_EQ(stopper_run_task(parent, NULL, "task", case_count_fn, &ran), 0);
	CHECK_EQ(stopper_run_task(sibling, NULL, "task", case_count_fn, &ran), 0);
	CHECK_EQ(env_get(&ran), 2);
	stop_and_put(parent);
	CHECK_EQ(stopper_phase(sibling), STOPPER_STOPPED);
	stopper_put(sibling);
}

static void child_of_a_quiescing_parent_is_refused(void)
{
	struct stopper *parent = new_stopper(NULL);
	struct stopper_options opts = { .size = sizeof(opts), .parent = parent };
	struct stopper *untouched = (struct stopper *)&opts, *s = untouched;

	CHECK_EQ(stopper_quiesce(parent, NULL), 0);
	CHECK_EQ(stopper_create(&s, "late", &opts), -ESHUTDOWN);
	CHECK(s == untouched || !s);
	CHECK_EQ(stopper_stop(parent, NULL), 0);
	CHECK_EQ(stopper_create(&s, "late", &opts), -ESHUTDOWN);
	stopper_put(parent);
}

struct climber {
	struct stopper *parent, *child;
	struct env_counter ran;
};

static void stop_upwards(struct stopper_ctx *ctx, void *arg)
{
	struct climber *c = arg;

	CHECK_EQ(stopper_stop(c->parent, NULL), -EDEADLK);
	CHECK_EQ(stopper_quiesce(c->parent, NULL), -EDEADLK);
	CHECK_EQ(stopper_phase(c->parent), STOPPER_RUNNING);
	CHECK_EQ(stopper_phase(c->child), STOPPER_RUNNING);
	env_inc(&c->ran);
}

static void stop_of_the_parent_in_a_task_of_the_child_is_edeadlk(void)
{
	struct climber c = { .parent = new_stopper(NULL) };

	c.child = new_child("child", c.parent);
	CHECK_EQ(stopper_run_task(c.child, NULL, "task", stop_upwards, &c), 0);
	CHECK_EQ(stopper_run_async_task(c.child, NULL, "async", stop_upwards, &c), 0);
	CHECK_SOON(env_get(&c.ran) == 2);
	stop_and_put(c.parent);
	stopper_put(c.child);
}

static void stop_upwards_in_worker(struct stopper_ctx *ctx, void *arg)
{
	struct climber *c = arg;

	CHECK_EQ(stopper_stop(c->parent, NULL), -EDEADLK);
	env_inc(&c->ran);
}

static void stop_of_the_parent_in_a_worker_of_the_child_is_edeadlk(void)
{
	struct climber c = { .parent = new_stopper(NULL) };

	c.child = new_child("child", c.parent);
	CHECK_EQ(stopper_run_worker(c.child, NULL, "worker", stop_upwards_in_worker, &c), 0);
	CHECK_SOON(env_get(&c.ran) == 1);
	CHECK_EQ(stopper_phase(c.parent), STOPPER_RUNNING);
	stop_and_put(c.parent);
	stopper_put(c.child);
}

static void stop_downwards(struct stopper_ctx *ctx, void *arg)
{
	struct climber *c = arg;

	CHECK_EQ(stopper_stop(c->child, NULL), 0);
	env_inc(&c->ran);
}

static void stop_of_the_child_in_a_task_of_the_parent_is_fine(void)
{
	struct climber c = { .parent = new_stopper(NULL) };

	c.child = new_child("child", c.parent);
	CHECK_EQ(stopper_run_task(c.parent, NULL, "task", stop_downwards, &c), 0);
	CHECK_EQ(env_get(&c.ran), 1);
	CHECK_EQ(stopper_phase(c.child), STOPPER_STOPPED);
	stop_and_put(c.parent);
	stopper_put(c.child);
}

static void parent_lives_until_its_child_has_stopped(void)
{
	struct stopper *parent = new_stopper(NULL);
	struct stopper *child = new_child("child", parent);
	struct stopper_task task;

	CHECK_EQ(stopper_task_begin(child, NULL, "task", &task), 0);
	CHECK_EQ(stopper_stop_async(parent), 0);
	stopper_put(parent);
	CHECK_SOON(stopper_event_fired(stopper_should_quiesce(child)));
	stopper_task_end(&task);
	CHECK_EQ(stopper_wait(stopper_is_stopped(child), NULL), 0);
	stopper_put(child);
}

static void parent_deadline_goes_for_its_children(void)
{
	struct stopper_ctx *ctx = new_ctx_timeout(NULL, 20 * ENV_MSEC);
	struct stopper *parent = new_stopper(NULL);
	struct stopper *child = new_child("child", parent);
	struct stopper_task task;

	CHECK_EQ(stopper_task_begin(child, NULL, "task", &task), 0);
	CHECK_EQ(stopper_stop(parent, ctx), -ETIMEDOUT);
	CHECK_EQ(stopper_phase(parent), STOPPER_QUIESCING);
	CHECK_EQ(stopper_phase(child), STOPPER_QUIESCING);
	stopper_task_end(&task);
	stop_and_put(parent);
	CHECK_EQ(stopper_phase(child), STOPPER_STOPPED);
	stopper_put(child);
	stopper_ctx_put(ctx);
}

static void parent_and_child_stopped_at_once(void)
{
	int round;

	for (round = 0; round < case_rounds(100); round++) {
		struct stopper *parent = new_stopper(NULL);
		struct stopper *child = new_child("child", parent);
		struct env_counter closed = { 0 };
		struct case_call a, b;

		CHECK_EQ(stopper_add_closer_fn(child, "closer", case_count_plain, &closed), 0);
		case_stop_begin(&a, child, NULL);
		case_stop_begin(&b, parent, NULL);
		CHECK_EQ(case_call_end(&a), 0);
		CHECK_EQ(case_call_end(&b), 0);
		CHECK_EQ(env_get(&closed), 1);
		stopper_put(parent);
		stopper_put(child);
	}
}

struct births {
	struct stopper *parent;
	unsigned int flags;
	struct env_counter go;
	struct stopper *born[64];
	int n;
};

static void give_birth(void *arg)
{
	struct births *b = arg;
	struct stopper_options opts = {
		.size = sizeof(opts),
		.flags = b->flags,
		.parent = b->parent,
	};
	int err = 0;

	env_inc(&b->go);
	while (b->n < (int)ARRAY_SIZE(b->born) && !err) {
		err = stopper_create(&b->born[b->n], "born", &opts);
		if (!err)
			b->n++;
		else
			CHECK_EQ(err, -ESHUTDOWN);
	}
}

#define MOTHERS	4

/* Also those whose order of birth is not the order in which the parent came to know them. */
static void children_born_at_once_all_quiesce(void)
{
	struct births *b = env_alloc(MOTHERS * sizeof(*b));
	struct env_thread thread[MOTHERS];
	int round, i, j;

	for (round = 0; round < case_rounds(100); round++) {
		memset(b, 0, MOTHERS * sizeof(*b));
		b[0].parent = new_stopper(NULL);
		for (i = 0; i < MOTHERS; i++) {
			b[i].parent = b[0].parent;
			CHECK_EQ(env_spawn(&thread[i], give_birth, &b[i]), 0);
		}
		for (i = 0; i < MOTHERS; i++)
			env_join(&thread[i]);
		CHECK_EQ(stopper_quiesce(b[0].parent, NULL), 0);
		for (i = 0; i < MOTHERS; i++)
			for (j = 0; j < b[i].n; j++)
				CHECK(stopper_event_fired(stopper_should_quiesce(b[i].born[j])));
		stop_and_put(b[0].parent);
		for (i = 0; i < MOTHERS; i++)
			for (j = 0; j < b[i].n; j++)
				stopper_put(b[i].born[j]);
	}
	env_free(b);
}

static void born_while_the_parent_stops(unsigned int flags)
{
	struct births *b = env_alloc(sizeof(*b));
	struct env_thread thread;
	int round, i;

	for (round = 0; round < case_rounds(50); round++) {
		memset(b, 0, sizeof(*b));
		b->parent = new_stopper(NULL);
		b->flags = flags;
		CHECK_EQ(env_spawn(&thread, give_birth, b), 0);
		while (!env_get(&b->go))
			env_yield();
		CHECK_EQ(stopper_stop(b->parent, NULL), 0);
		env_join(&thread);
		for (i = 0; i < b->n; i++) {
			CHECK_EQ(stopper_phase(b->born[i]), STOPPER_STOPPED);
			stopper_put(b->born[i]);
		}
		stopper_put(b->parent);
	}
	env_free(b);
}

static void child_born_while_the_parent_stops_is_stopped_or_refused(void)
{
	born_while_the_parent_stops(0);
}

/* Kernel: its files may be added when it has stopped already. */
static void controlled_child_born_while_the_parent_stops(void)
{
	born_while_the_parent_stops(STOPPER_CONTROL);
}

struct from_callback {
	struct stopper_on_fire of;
	struct stopper *s;
	bool stop;
	int err;
};

static void stop_from_callback(struct stopper_on_fire *of, void *arg)
{
	struct from_callback *fc = arg;

	fc->err = fc->stop ? stopper_stop(fc->s, NULL) : stopper_quiesce(fc->s, NULL);
}

/* The callback is called by the parent's stop, between the child's phase and its ShouldQuiesce. */
static void callback_of_the_parents_stop_that_quiesces_the_child_is_edeadlk(void)
{
	struct stopper *parent = new_stopper(NULL), *middle = new_child("child", parent);
	struct stopper *child = new_child("child", middle);
	struct from_callback fc[2] = { { .s = child }, { .s = middle } };
	struct stopper_ctx *ctx = NULL;
	int i;

	CHECK_EQ(stopper_ctx_with_cancel_on_quiesce(child, NULL, &ctx), 0);
	for (i = 0; i < 2; i++)
		CHECK_EQ(stopper_event_on_fire(stopper_ctx_done(ctx), &fc[i].of, stop_from_callback,
					       &fc[i]), 0);
	CHECK_EQ(stopper_quiesce(parent, NULL), 0);
	CHECK_EQ(fc[0].err, -EDEADLK);
	CHECK_EQ(fc[1].err, -EDEADLK);
	stopper_ctx_put(ctx);
	stop_and_put(parent);
	stopper_put(middle);
	stopper_put(child);
}

static void callback_of_the_childs_stop_that_stops_the_parent_changes_nothing(void)
{
	struct stopper *parent = new_stopper(NULL), *child = new_child("child", parent);
	struct from_callback fc = { .s = parent, .stop = true };

	CHECK_EQ(stopper_event_on_fire(stopper_should_quiesce(child), &fc.of, stop_from_callback,
				       &fc), 0);
	CHECK_EQ(stopper_stop(child, NULL), 0);
	CHECK_EQ(fc.err, -EDEADLK);
	CHECK_EQ(stopper_phase(parent), STOPPER_RUNNING);
	stop_and_put(parent);
	stopper_put(child);
}

struct fired_by_parent {
	struct stopper_on_fire of;
	struct stopper *child;
	struct env_gate called;
	int ret;
};

static void stop_child(struct stopper_on_fire *of, void *arg)
{
	struct fired_by_parent *f = arg;

	f->ret = stopper_stop(f->child, NULL);
}

/* The events of a child fire when those of its parent have. */
static void callback_of_the_parents_quiesce_may_stop_the_child(void)
{
	struct stopper *parent = new_stopper(NULL);
	struct fired_by_parent f = { .child = new_child("child", parent), .ret = 1 };

	CHECK_EQ(stopper_event_on_fire(stopper_should_quiesce(parent), &f.of, stop_child, &f), 0);
	CHECK_EQ(stopper_quiesce(parent, NULL), 0);
	CHECK_EQ(f.ret, 0);
	CHECK_EQ(stopper_phase(f.child), STOPPER_STOPPED);
	stop_and_put(parent);
	stopper_put(f.child);
}

static void wait_for_child(struct stopper_on_fire *of, void *arg)
{
	struct fired_by_parent *f = arg;

	env_gate_open(&f->called);
	f->ret = stopper_wait(stopper_is_stopped(f->child), NULL);
}

/* Another thread that stops the child does not wait for what the parent's callbacks do. */
static void callback_of_the_parents_quiesce_may_wait_for_the_childs(void)
{
	struct stopper *parent = new_stopper(NULL);
	struct fired_by_parent f = { .child = new_child("child", parent), .ret = 1 };
	struct case_call quiesce;

	env_gate_init(&f.called);
	CHECK_EQ(stopper_event_on_fire(stopper_should_quiesce(parent), &f.of, wait_for_child, &f),
		 0);
	case_quiesce_begin(&quiesce, parent, NULL);
	CHECK(env_gate_wait(&f.called));
	CHECK_EQ(stopper_stop(f.child, NULL), 0);
	CHECK_EQ(case_call_end(&quiesce), 0);
	CHECK_EQ(f.ret, 0);
	stop_and_put(parent);
	stopper_put(f.child);
	env_gate_destroy(&f.called);
}

const struct test_case cases_parent[] = {
	CASE(child_quiesces_with_its_parent),
	CASE(child_quiesces_before_the_tasks_of_its_parent_have_ended),
	CASE(quiesce_of_the_parent_waits_for_tasks_of_the_child),
	CASE(stop_of_the_parent_stops_the_children_first),
	CASE(stop_of_the_parent_waits_for_workers_and_closers_of_the_child),
	CASE(child_stopped_alone_leaves_its_parent_running),
	CASE(child_of_a_quiescing_parent_is_refused),
	CASE(stop_of_the_parent_in_a_task_of_the_child_is_edeadlk),
	CASE(stop_of_the_parent_in_a_worker_of_the_child_is_edeadlk),
	CASE(stop_of_the_child_in_a_task_of_the_parent_is_fine),
	CASE(callback_of_the_parents_quiesce_may_stop_the_child),
	CASE(callback_of_the_parents_quiesce_may_wait_for_the_childs),
	CASE(callback_of_the_parents_stop_that_quiesces_the_child_is_edeadlk),
	CASE(callback_of_the_childs_stop_that_stops_the_parent_changes_nothing),
	CASE(parent_lives_until_its_child_has_stopped),
	CASE(parent_deadline_goes_for_its_children),
	CASE(parent_and_child_stopped_at_once),
	CASE(children_born_at_once_all_quiesce),
	CASE(child_born_while_the_parent_stops_is_stopped_or_refused),
	CASE(controlled_child_born_while_the_parent_stops),
	CASES_END
};
