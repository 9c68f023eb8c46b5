// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * case_tree.c - the stop of a tree: children side by side or in an order, how many heavy barriers,
 * and which child a report names.
 */
#include "case.h"

#define CHILDREN	40

static void meet(void *here)
{
	env_inc(here);
	CHECK_SOON(env_get(here) == 2);
}

static void siblings_run_their_closers_side_by_side(void)
{
	struct stopper *parent = new_stopper(NULL);
	struct stopper *a = new_child("a", parent), *b = new_child("b", parent);
	struct env_counter here = { 0 };

	CHECK_EQ(stopper_add_closer_fn(a, "meet", meet, &here), 0);
	CHECK_EQ(stopper_add_closer_fn(b, "meet", meet, &here), 0);
	stop_and_put(parent);
	CHECK_EQ(env_get(&here), 2);
	CHECK_EQ(stopper_phase(a), STOPPER_STOPPED);
	CHECK_EQ(stopper_phase(b), STOPPER_STOPPED);
	stopper_put(a);
	stopper_put(b);
}

struct awaits {
	struct stopper *me, *other;
};

static void return_when_the_other_has_stopped(struct stopper_ctx *ctx, void *awaits)
{
	struct awaits *w = awaits;

	CHECK_EQ(stopper_wait(stopper_should_stop(w->me), NULL), 0);
	CHECK_EQ(stopper_wait(stopper_is_stopped(w->other), NULL), 0);
}

/* Whichever of the two is the older one. */
static void worker_may_wait_until_a_sibling_has_stopped(void)
{
	int i;

	for (i = 0; i < 2; i++) {
		struct stopper *parent = new_stopper(NULL);
		struct stopper *a = new_child("a", parent), *b = new_child("b", parent);
		struct awaits w = { i ? a : b, i ? b : a };

		CHECK_EQ(stopper_run_worker(w.me, NULL, "awaits",
					    return_when_the_other_has_stopped, &w), 0);
		stop_and_put(parent);
		stopper_put(a);
		stopper_put(b);
	}
}

struct turns {
	struct env_counter n;
	int at[4];
};

struct turn {
	struct turns *turns;
	int i;
};

static void take_turn(void *turn)
{
	struct turn *t = turn;

	env_settle();
	t->turns->at[t->i] = env_inc(&t->turns->n);
}

/* c after a and b, d after c; made in this order, they would stop in the other one. */
static void siblings_stop_in_the_order_that_was_asked_for(void)
{
	struct stopper *parent = new_stopper(NULL), *s[4];
	struct turns turns = { .at = { 0 } };
	struct turn turn[4];
	int i;

	for (i = 0; i < 4; i++) {
		s[i] = new_child("child", parent);
		turn[i] = (struct turn){ &turns, i };
		CHECK_EQ(stopper_add_closer_fn(s[i], "turn", take_turn, &turn[i]), 0);
	}
	CHECK_EQ(stopper_stop_after(s[2], s[0]), 0);
	CHECK_EQ(stopper_stop_after(s[2], s[1]), 0);
	CHECK_EQ(stopper_stop_after(s[3], s[2]), 0);
	stop_and_put(parent);
	CHECK_EQ(turns.at[0] + turns.at[1], 3);
	CHECK_EQ(turns.at[2], 3);
	CHECK_EQ(turns.at[3], 4);
	for (i = 0; i < 4; i++)
		stopper_put(s[i]);
}

static void begin_late(void *turns)
{
	struct turns *t = turns;

	CHECK_EQ(env_get(&t->n), 1);
}

static void count_first(void *turns)
{
	env_inc(&((struct turns *)turns)->n);
}

/* An order is one of the tree's stop; and whoever stops alone releases those that come after. */
static void child_that_stops_alone_waits_for_nobody(void)
{
	struct stopper *parent = new_stopper(NULL);
	struct stopper *first = new_child("first", parent), *then = new_child("then", parent);
	struct stopper *last = new_child("last", parent);
	struct turns turns = { .at = { 0 } };

	CHECK_EQ(stopper_add_closer_fn(first, "first", count_first, &turns), 0);
	CHECK_EQ(stopper_add_closer_fn(last, "last", begin_late, &turns), 0);
	CHECK_EQ(stopper_stop_after(then, first), 0);
	CHECK_EQ(stopper_stop_after(last, first), 0);
	CHECK_EQ(stopper_stop(then, NULL), 0);
	CHECK_EQ(env_get(&turns.n), 0);
	CHECK_EQ(stopper_stop_after(then, last), -ESHUTDOWN);
	CHECK_EQ(stopper_stop(first, NULL), 0);
	CHECK_EQ(stopper_stop_after(last, first), -ESHUTDOWN);
	stop_and_put(parent);
	stopper_put(first);
	stopper_put(then);
	stopper_put(last);
}

/* b after a, and d after c: with b gone, a may come after d. */
static void order_of_a_child_that_has_stopped_is_over(void)
{
	struct stopper *parent = new_stopper(NULL);
	struct stopper *a = new_child("a", parent), *b = new_child("b", parent);
	struct stopper *c = new_child("c", parent), *d = new_child("d", parent);

	CHECK_EQ(stopper_stop_after(b, a), 0);
	CHECK_EQ(stopper_stop_after(d, c), 0);
	CHECK_EQ(stopper_stop_after(a, d), -ELOOP);
	CHECK_EQ(stopper_stop_async(b), 0);
	CHECK_EQ(stopper_wait(stopper_is_stopped(b), NULL), 0);
	CHECK_EQ(stopper_stop_after(a, d), 0);
	/* c is not waited for any more, so d waits for nobody. */
	CHECK_EQ(stopper_stop_async(c), 0);
	CHECK_EQ(stopper_wait(stopper_is_stopped(c), NULL), 0);
	CHECK_EQ(stopper_stop_after(d, a), -ELOOP);
	stop_and_put(parent);
	stopper_put(a);
	stopper_put(b);
	stopper_put(c);
	stopper_put(d);
}

static void orders_that_cannot_be_are_refused(void)
{
	struct stopper *parent = new_stopper(NULL), *other = new_stopper(NULL);
	struct stopper *a = new_child("a", parent), *b = new_child("b", parent);
	struct stopper *c = new_child("c", parent), *stranger = new_child("d", other);
	struct stopper *below = new_child("e", a);

	CHECK_EQ(stopper_stop_after(NULL, a), -EINVAL);
	CHECK_EQ(stopper_stop_after(a, NULL), -EINVAL);
	CHECK_EQ(stopper_stop_after(parent, a), -EINVAL);
	CHECK_EQ(stopper_stop_after(a, parent), -EINVAL);
	CHECK_EQ(stopper_stop_after(a, stranger), -EINVAL);
	CHECK_EQ(stopper_stop_after(a, below), -EINVAL);
	CHECK_EQ(stopper_stop_after(a, a), -ELOOP);
	CHECK_EQ(stopper_stop_after(b, a), 0);
	CHECK_EQ(stopper_stop_after(a, b), -ELOOP);
	CHECK_EQ(stopper_stop_after(c, b), 0);
	CHECK_EQ(stopper_stop_after(a, c), -ELOOP);
	CHECK_EQ(stopper_stop_after(c, a), 0);
	CHECK_EQ(stopper_quiesce(parent, NULL), 0);
	CHECK_EQ(stopper_stop_after(c, a), -ESHUTDOWN);
	stop_and_put(parent);
	CHECK_EQ(stopper_stop_after(c, a), -ESHUTDOWN);
	stop_and_put(other);
	stopper_put(a);
	stopper_put(b);
	stopper_put(c);
	stopper_put(below);
	stopper_put(stranger);
}

/* The leader gives up in the middle; what is left is stopped by the next one. */
static void stop_of_a_tree_gives_up_and_goes_on(void)
{
	struct stopper *parent = new_stopper(NULL);
	struct stopper *a = new_child("a", parent), *b = new_child("b", a);
	struct stopper_ctx *ctx = new_ctx(NULL);
	struct case_hold h;
	struct case_call stop;

	case_hold_init(&h);
	CHECK_EQ(stopper_run_worker(b, NULL, "held", case_hold_fn, &h), 0);
	case_stop_begin(&stop, parent, ctx);
	CHECK_SOON(stopper_event_fired(stopper_should_stop(b)));
	stopper_ctx_cancel(ctx);
	CHECK_EQ(case_call_end(&stop), -ECANCELED);
	CHECK_EQ(stopper_phase(b), STOPPER_STOPPING);
	CHECK_EQ(stopper_phase(a), STOPPER_QUIESCING);
	case_stop_begin(&stop, a, NULL);
	env_settle();
	CHECK(!env_get(&stop.returned));
	env_gate_open(&h.gate);
	CHECK_EQ(case_call_end(&stop), 0);
	stop_and_put(parent);
	stopper_put(a);
	stopper_put(b);
	stopper_ctx_put(ctx);
	case_hold_destroy(&h);
}

struct wide {
	struct stopper *parent, *child[CHILDREN];
	struct case_worker worker[CHILDREN];
	struct env_counter closed;
};

/* Some of them below others, with workers and closers, while other threads stop a few of them. */
static void wide_tree_stops_whole(void)
{
	struct wide *w = env_alloc(sizeof(*w));
	struct case_call stop[3];
	int i, round;

	for (round = case_rounds(5); round; round--) {
		memset(w, 0, sizeof(*w));
		w->parent = new_stopper(NULL);
		for (i = 0; i < CHILDREN; i++) {
			w->child[i] = new_child("child", i % 4 ? w->child[i / 4 * 4] : w->parent);
			w->worker[i].s = w->child[i];
			CHECK_EQ(stopper_run_worker(w->child[i], NULL, "worker", case_worker_fn,
						    &w->worker[i]), 0);
			CHECK_EQ(stopper_add_closer_fn(w->child[i], "closer", case_count_plain,
						       &w->closed), 0);
		}
		for (i = 4; i < CHILDREN; i += 4)
			CHECK_EQ(stopper_stop_after(w->child[i], w->child[i - 4]), 0);
		case_stop_begin(&stop[0], w->child[8], NULL);
		case_stop_begin(&stop[1], w->child[9], NULL);
		case_stop_begin(&stop[2], w->parent, NULL);
		CHECK_EQ(stopper_stop(w->parent, NULL), 0);
		for (i = 0; i < 3; i++)
			CHECK_EQ(case_call_end(&stop[i]), 0);
		CHECK_EQ(env_get(&w->closed), CHILDREN);
		for (i = 0; i < CHILDREN; i++) {
			CHECK_EQ(env_get(&w->worker[i].out), 1);
			CHECK_EQ(stopper_phase(w->child[i]), STOPPER_STOPPED);
			stopper_put(w->child[i]);
		}
		stopper_put(w->parent);
	}
	env_free(w);
}

#define KIDS	200

/* Every third one has children of its own. */
static struct stopper **tree_of(struct stopper *parent)
{
	struct stopper **kids = env_alloc(KIDS * sizeof(struct stopper *));
	int i;

	for (i = 0; i < KIDS; i++)
		kids[i] = new_child("child", i % 3 ? kids[i - i % 3] : parent);
	return kids;
}

static void tree_put(struct stopper **kids)
{
	int i;

	for (i = 0; i < KIDS; i++) {
		CHECK_EQ(stopper_phase(kids[i]), STOPPER_STOPPED);
		stopper_put(kids[i]);
	}
	env_free(kids);
}

static void tree_quiesces_with_one_heavy_barrier(void)
{
	struct stopper *parent = new_stopper(NULL), **kids = tree_of(parent);
	unsigned long before = __stopper_steps("heavy barriers");
	struct env_counter ran = { 0 };
	int i;

	CHECK_EQ(stopper_quiesce(parent, NULL), 0);
	for (i = 0; i < KIDS; i++) {
		CHECK(stopper_event_fired(stopper_should_quiesce(kids[i])));
		CHECK_EQ(stopper_run_task(kids[i], NULL, "late", case_count_fn, &ran), -ESHUTDOWN);
	}
	stop_and_put(parent);
	CHECK_EQ(__stopper_steps("heavy barriers") - before, 1);
	CHECK_EQ(env_get(&ran), 0);
	tree_put(kids);
}

struct enders {
	struct stopper_task task[KIDS];
	struct env_counter ended;
};

static void tree_drains_with_one_more(void)
{
	struct stopper *parent = new_stopper(NULL), **kids = tree_of(parent);
	struct enders *e = env_alloc(sizeof(*e));
	unsigned long before;
	struct case_call stop;
	int i;

	for (i = 0; i < KIDS; i += KIDS / 4)
		CHECK_EQ(stopper_task_begin(kids[i], NULL, "task", &e->task[i]), 0);
	before = __stopper_steps("heavy barriers");
	case_stop_begin(&stop, parent, NULL);
	CHECK_SOON(stopper_event_fired(stopper_should_quiesce(kids[KIDS - 1])));
	for (i = 0; i < KIDS; i += KIDS / 4) {
		/* A drain that makes a barrier for each has time to come to this one. */
		env_settle();
		CHECK(!env_get(&stop.returned));
		stopper_task_end(&e->task[i]);
	}
	CHECK_EQ(case_call_end(&stop), 0);
	/*
	 * Handles on lists need none: where there is no membarrier(), or under TSan. The contract
	 * allows a third: a thread that ended a task of an earlier case, in a slot that is used
	 * again now, may take the watch there (race 4 of core/task.c), which is then set anew. One
	 * for each of the four tasks would be five.
	 */
	CHECK(__stopper_steps("heavy barriers") - before <= 3);
	stopper_put(parent);
	tree_put(kids);
	env_free(e);
}

/* The parent is quiet: the child's own period is its deadline in the tree. */
static void report_follows_the_tree_to_the_leaf(void)
{
	struct case_log *log = case_log_new();
	struct stopper_options opts = { .size = sizeof(opts), .flags = STOPPER_QUIET };
	struct stopper *web = NULL, *first, *store, *journal = NULL;
	struct case_call stop;
	struct case_hold h;

	case_hold_init(&h);
	CHECK_EQ(stopper_create(&web, "web", &opts), 0);
	first = new_child("first", web);
	store = new_child("store", web);
	log->opts.parent = store;
	log->opts.stall_ns = ENV_MSEC;
	CHECK_EQ(stopper_create(&journal, "journal", &log->opts), 0);
	CHECK_EQ(stopper_run_worker(journal, NULL, "fsync", case_hold_fn, &h), 0);
	case_stop_begin(&stop, web, NULL);
	CHECK_SOON(case_log_count(log, "waits for \"web/store/journal\": worker \"fsync\""));
	CHECK(case_log_count(log, "stopper \"journal\": stop blocked for "));
	env_gate_open(&h.gate);
	CHECK_EQ(case_call_end(&stop), 0);
	stopper_put(web);
	stopper_put(first);
	stopper_put(store);
	stopper_put(journal);
	case_hold_destroy(&h);
	env_free(log);
}

const struct test_case cases_tree[] = {
	CASE(siblings_run_their_closers_side_by_side),
	CASE(worker_may_wait_until_a_sibling_has_stopped),
	CASE(siblings_stop_in_the_order_that_was_asked_for),
	CASE(child_that_stops_alone_waits_for_nobody),
	CASE(order_of_a_child_that_has_stopped_is_over),
	CASE(orders_that_cannot_be_are_refused),
	CASE(stop_of_a_tree_gives_up_and_goes_on),
	CASE(wide_tree_stops_whole),
	CASE(tree_quiesces_with_one_heavy_barrier),
	CASE(tree_drains_with_one_more),
	CASE(report_follows_the_tree_to_the_leaf),
	CASES_END
};
