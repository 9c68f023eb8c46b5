// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * case_nested.c - STOPPER_ADMIT_NESTED: running tasks start tasks while a drain waits for them.
 */
#include "outer.h"

static int record_run(struct stopper_ctx *ctx, struct stopper_async *async)
{
	return 7;
}

struct record {
	struct stopper_async async;
	struct env_counter told;
	int status;
};

static void record_done(struct stopper_async *async, int status)
{
	struct record *r = (struct record *)async;

	r->status = status;
	env_inc(&r->told);
}

static void start_each_kind(struct outer *o)
{
	struct record r = { .status = 0 };
	struct stopper_task task;
	struct stopper_sem sem;

	stopper_async_init(&r.async, record_run, record_done);
	CHECK_EQ(stopper_sem_init(&sem, 1), 0);
	CHECK_EQ(stopper_phase(o->s), STOPPER_QUIESCING);
	CHECK_EQ(stopper_run_task(o->s, NULL, "sync", case_count_fn, &o->ran), 0);
	CHECK_EQ(stopper_run_task_err(o->s, NULL, "err", case_count_err_fn, &o->ran), 0);
	CHECK_EQ(stopper_task_begin(o->s, NULL, "handle", &task), 0);
	CHECK_EQ(stopper_num_tasks(o->s), 2);
	stopper_task_end(&task);
	CHECK_EQ(stopper_num_tasks(o->s), 1);
	CHECK_EQ(stopper_task_begin_wait(o->s, NULL, "wait", &task), 0);
	stopper_task_end(&task);
	CHECK_EQ(stopper_async_start(o->s, NULL, "record", &r.async), 0);
	CHECK_EQ(stopper_async_wait(&r.async, NULL), 0);
	CHECK_EQ(env_get(&r.told), 1);
	CHECK_EQ(r.status, 7);
	CHECK_EQ(stopper_run_limited_async_task(o->s, NULL, "limited", &sem, false, case_count_fn,
						&o->ran), 0);
	/* It may have to wait for the slot, which no ShouldQuiesce ends. */
	CHECK_EQ(stopper_run_limited_async_task(o->s, NULL, "limited", &sem, true, case_count_fn,
						&o->ran), 0);
	CHECK_EQ(stopper_run_async_task_err(o->s, NULL, "err", case_count_err_fn, &o->ran), 0);
	CHECK_SOON(stopper_num_tasks(o->s) == 1);
	CHECK_EQ(stopper_sem_length(&sem), 0);
	stopper_sem_destroy(&sem);
	CHECK_EQ(stopper_run_async_task(o->s, NULL, "async", case_count_fn, &o->ran), 0);
}

static void quiesce_admits_what_a_task_starts(void)
{
	struct outer o;
	int async;

	for (async = 0; async < 2; async++) {
		outer_init(&o, new_nesting(0, NULL), start_each_kind);
		outer_run(&o, async);
		CHECK_EQ(env_get(&o.ran), 6);
		stop_and_put(o.s);
		outer_destroy(&o);
	}
}

static void refuse_each_kind(struct outer *o)
{
	struct stopper_task task;

	CHECK_EQ(stopper_run_task(o->s, NULL, "sync", case_count_fn, &o->ran), -ESHUTDOWN);
	CHECK_EQ(stopper_run_task_err(o->s, NULL, "err", case_count_err_fn, &o->ran), -ESHUTDOWN);
	CHECK_EQ(stopper_task_begin(o->s, NULL, "handle", &task), -ESHUTDOWN);
	CHECK_EQ(stopper_task_begin_wait(o->s, NULL, "wait", &task), -ESHUTDOWN);
	CHECK_EQ(stopper_run_async_task(o->s, NULL, "async", case_count_fn, &o->ran), -ESHUTDOWN);
	CHECK_EQ(env_get(&o->ran), 0);
}

static void without_the_flag_a_quiesce_admits_none(void)
{
	struct outer o;

	outer_init(&o, new_stopper(NULL), refuse_each_kind);
	outer_run(&o, true);
	stop_and_put(o.s);
	outer_destroy(&o);
}

static void nothing(struct outer *o)
{
}

static void refuse_in_task_of_other(struct stopper_ctx *ctx, void *outer)
{
	refuse_each_kind(outer);
}

static void quiesce_refuses_what_no_task_of_it_starts(void)
{
	struct stopper *other = new_nesting(0, NULL);
	struct case_call quiesce;
	struct stopper_task held;
	struct outer o;

	outer_init(&o, new_nesting(0, NULL), nothing);
	/* A handle belongs to no thread: the one that holds it runs no task. */
	CHECK_EQ(stopper_task_begin(o.s, NULL, "held", &held), 0);
	case_quiesce_begin(&quiesce, o.s, NULL);
	CHECK_SOON(stopper_event_fired(stopper_should_quiesce(o.s)));
	refuse_each_kind(&o);
	CHECK_EQ(stopper_run_task(other, NULL, "other", refuse_in_task_of_other, &o), 0);
	CHECK_EQ(stopper_num_tasks(o.s), 1);
	stopper_task_end(&held);
	CHECK_EQ(case_call_end(&quiesce), 0);
	refuse_each_kind(&o);
	stop_and_put(o.s);
	stop_and_put(other);
	outer_destroy(&o);
}

#define HANDLES	200

/* A refusal costs no walk over the requests that are held: none of them is run by a thread. */
static void refusal_looks_at_no_handle(void)
{
	struct stopper_task *held = env_alloc(HANDLES * sizeof(*held));
	struct case_call quiesce;
	unsigned long before;
	struct outer o;
	int i;

#if defined(STOPPER_TSAN) || defined(__KERNEL__)
	/* With TSan, or beside many handles of one CPU. */
	case_skip("a synchronous task may be on a list here, and lists are then searched");
	env_free(held);
	return;
#endif
	/* A stall report walks over them. */
	outer_init(&o, new_nesting(STOPPER_QUIET, NULL), nothing);
	for (i = 0; i < HANDLES; i++)
		CHECK_EQ(stopper_task_begin(o.s, NULL, "held", &held[i]), 0);
	case_quiesce_begin(&quiesce, o.s, NULL);
	CHECK_SOON(stopper_event_fired(stopper_should_quiesce(o.s)));
	before = __stopper_steps("listed tasks looked at");
	for (i = 0; i < HANDLES; i++)
		refuse_each_kind(&o);
	CHECK(__stopper_steps("listed tasks looked at") - before <= 2 * HANDLES);
	for (i = 0; i < HANDLES; i++)
		stopper_task_end(&held[i]);
	CHECK_EQ(case_call_end(&quiesce), 0);
	stop_and_put(o.s);
	outer_destroy(&o);
	env_free(held);
}

static void count_nested_fn(struct stopper_ctx *ctx, void *outer)
{
	struct outer *o = outer;
	struct stopper_task task;

	/* Only what ends before it. */
	CHECK_EQ(stopper_run_task(o->s, NULL, "sync", case_count_fn, &o->ran), 0);
	CHECK_EQ(stopper_task_begin(o->s, NULL, "handle", &task), -ESHUTDOWN);
	CHECK_EQ(stopper_run_async_task(o->s, NULL, "async", case_count_fn, &o->ran), -ESHUTDOWN);
}

static void sync_in_nested_fn(struct stopper_ctx *ctx, void *outer)
{
	struct outer *o = outer;

	count_nested_fn(ctx, o);
	CHECK_EQ(stopper_run_task(o->s, NULL, "inner", count_nested_fn, o), 0);
}

static void start_one_that_starts(struct outer *o)
{
	CHECK_EQ(stopper_run_async_task(o->s, NULL, "let in", sync_in_nested_fn, o), 0);
}

static void task_that_was_let_in_may_only_run_synchronous_ones(void)
{
	struct outer o;

	outer_init(&o, new_nesting(0, NULL), start_one_that_starts);
	outer_run(&o, false);
	CHECK_EQ(env_get(&o.ran), 2);
	stop_and_put(o.s);
	outer_destroy(&o);
}

static void again_fn(struct stopper_ctx *ctx, void *outer)
{
	struct outer *o = outer;

	env_inc(&o->ran);
	stopper_run_async_task(o->s, NULL, "again", again_fn, o);
}

static void start_again(struct outer *o)
{
	again_fn(NULL, o);
}

static void chain_of_tasks_that_start_one_another_ends(void)
{
	struct outer o;

	outer_init(&o, new_nesting(0, NULL), start_again);
	outer_run(&o, true);
	CHECK_EQ(env_get(&o.ran), 2);
	stop_and_put(o.s);
	outer_destroy(&o);
}

static void start_held_ones(struct outer *o)
{
	CHECK_EQ(stopper_run_async_task(o->s, NULL, "held", case_hold_fn, &o->hold), 0);
	CHECK_EQ(stopper_task_begin(o->s, NULL, "held", &o->handle), 0);
}

static void quiesce_waits_for_those_let_in(void)
{
	static struct stopper_task_info info[4];	/* too large for a stack */
	struct case_call quiesce;
	struct outer o;

	outer_init(&o, new_nesting(0, NULL), start_held_ones);
	outer_begin(&o, false);
	case_quiesce_begin(&quiesce, o.s, NULL);
	CHECK_SOON(stopper_event_fired(stopper_should_quiesce(o.s)));
	env_gate_open(&o.gate);
	env_join(&o.thread);
	CHECK_SOON(env_get(&o.hold.in));
	/* The outer one has ended; they are counted and listed as others are. */
	CHECK_EQ(stopper_num_tasks(o.s), 2);
	CHECK_EQ(stopper_running_tasks(o.s, info, 4), 2);
	CHECK_STR(info[0].name, "held");
	CHECK_STR(info[1].name, "held");
	env_settle();
	CHECK(!env_get(&quiesce.returned));
	env_gate_open(&o.hold.gate);
	CHECK_SOON(stopper_num_tasks(o.s) == 1);
	env_settle();
	CHECK(!env_get(&quiesce.returned));
	CHECK_EQ(stopper_phase(o.s), STOPPER_QUIESCING);
	stopper_task_end(&o.handle);
	CHECK_EQ(case_call_end(&quiesce), 0);
	CHECK_EQ(env_get(&o.hold.out), 1);
	stop_and_put(o.s);
	outer_destroy(&o);
}

/* The record of the debug list and of reports: those that may outlast the task that starts them. */
static void report_counts_those_let_in(void)
{
	struct case_log *log = case_log_new();
	struct case_call quiesce;
	struct outer o;

	log->opts.flags = STOPPER_ADMIT_NESTED;
	log->opts.stall_ns = 10 * ENV_MSEC;
	outer_init(&o, new_stopper(&log->opts), start_held_ones);
	outer_begin(&o, true);
	case_quiesce_begin(&quiesce, o.s, NULL);
	CHECK_SOON(case_log_count(log, "quiescing"));
	CHECK_EQ(case_log_count(log, "  nested "), 0);
	env_gate_open(&o.gate);
	CHECK_SOON(case_log_count(log, "  nested 2"));
	env_gate_open(&o.hold.gate);
	CHECK_SOON(stopper_num_tasks(o.s) == 1);
	stopper_task_end(&o.handle);
	CHECK_EQ(case_call_end(&quiesce), 0);
	stop_and_put(o.s);
	outer_destroy(&o);
	env_free(log);
}

/* More than the table at hand has room for: what comes then is on a list. */
#define FILL	200
#define DEEP	20	/* a kernel's stack is small */

static struct stopper_task *fill_table(struct stopper *other)
{
	struct stopper_task *task = env_alloc(FILL * sizeof(*task));
	int i;

	for (i = 0; i < FILL; i++)
		CHECK_EQ(stopper_task_begin(other, NULL, "fill", &task[i]), 0);
	return task;
}

static void empty_table(struct stopper_task *task)
{
	int i;

	for (i = 0; i < FILL; i++)
		stopper_task_end(&task[i]);
	env_free(task);
}

struct deep {
	struct outer *o;
	int left;
};

static void deep_fn(struct stopper_ctx *ctx, void *deep)
{
	struct deep *d = deep, next = { .o = d->o, .left = d->left - 1 };

	env_inc(&d->o->ran);
	if (next.left)
		CHECK_EQ(stopper_run_task(d->o->s, NULL, "deep", deep_fn, &next), 0);
	else
		CHECK_EQ(stopper_run_async_task(d->o->s, NULL, "async", case_count_fn,
						&d->o->ran), 0);
}

static void go_deep(struct outer *o)
{
	struct deep d = { .o = o, .left = DEEP };
	struct stopper_task *fill;

	deep_fn(NULL, &d);
	fill = fill_table(o->other);
	deep_fn(NULL, &d);
	empty_table(fill);
}

/* In a table, and on a list. */
static void tasks_nest_as_deep_as_before(void)
{
	struct outer o;

	outer_init(&o, new_nesting(0, NULL), go_deep);
	o.other = new_stopper(NULL);
	outer_run(&o, false);
	CHECK_EQ(env_get(&o.ran), 2 * (DEEP + 1));
	stop_and_put(o.s);
	stop_and_put(o.other);
	outer_destroy(&o);
}

static void listed_thread(void *outer)
{
	struct outer *o = outer;
	struct stopper_task *fill = fill_table(o->other);

	outer_thread(o);
	empty_table(fill);
}

/* The outer task is on a list. */
static void task_on_a_list_starts_others(void)
{
	struct case_call quiesce;
	struct outer o;

	outer_init(&o, new_nesting(0, NULL), start_each_kind);
	o.other = new_stopper(NULL);
	CHECK_EQ(env_spawn(&o.thread, listed_thread, &o), 0);
	CHECK_SOON(env_get(&o.in));
	case_quiesce_begin(&quiesce, o.s, NULL);
	CHECK_SOON(stopper_event_fired(stopper_should_quiesce(o.s)));
	env_gate_open(&o.gate);
	CHECK_EQ(case_call_end(&quiesce), 0);
	env_join(&o.thread);
	CHECK_EQ(env_get(&o.ran), 6);
	stop_and_put(o.s);
	stop_and_put(o.other);
	outer_destroy(&o);
}

static void late_worker(struct stopper_ctx *ctx, void *outer)
{
	struct outer *o = outer;

	CHECK_EQ(stopper_wait(stopper_should_stop(o->s), NULL), 0);
	CHECK_EQ(stopper_phase(o->s), STOPPER_STOPPING);
	refuse_each_kind(o);
	env_inc(&o->in);
}

static void late_closer(void *outer)
{
	struct outer *o = outer;

	CHECK_EQ(stopper_phase(o->s), STOPPER_CLOSING);
	refuse_each_kind(o);
	env_inc(&o->in);
}

static void later_phases_admit_none(void)
{
	struct outer o;

	outer_init(&o, new_nesting(0, NULL), nothing);
	CHECK_EQ(stopper_run_worker(o.s, NULL, "late", late_worker, &o), 0);
	CHECK_EQ(stopper_add_closer_fn(o.s, "late", late_closer, &o), 0);
	CHECK_EQ(stopper_stop(o.s, NULL), 0);
	CHECK_EQ(env_get(&o.in), 2);
	refuse_each_kind(&o);
	stopper_put(o.s);
	outer_destroy(&o);
}

static void start_in_pause(struct outer *o)
{
	struct stopper_task task;

	CHECK_EQ(stopper_phase(o->s), STOPPER_RUNNING);
	CHECK_EQ(stopper_run_task(o->s, NULL, "sync", case_count_fn, &o->ran), 0);
	CHECK_EQ(stopper_task_begin_wait(o->s, NULL, "wait", &task), 0);
	stopper_task_end(&task);
	CHECK_EQ(stopper_run_async_task(o->s, NULL, "held", case_hold_fn, &o->hold), 0);
}

static bool refuses(struct stopper *s)
{
	struct env_counter ran = { 0 };

	return stopper_run_task(s, NULL, "probe", case_count_fn, &ran);
}

static void pause_admits_what_a_task_starts(void)
{
	struct case_call pause;
	struct outer o;

	outer_init(&o, new_nesting(0, NULL), start_in_pause);
	outer_begin(&o, true);
	case_pause_begin(&pause, o.s, NULL);
	CHECK_SOON(refuses(o.s));
	env_gate_open(&o.gate);
	CHECK_SOON(env_get(&o.hold.in));
	CHECK_SOON(stopper_num_tasks(o.s) == 1);
	env_settle();
	CHECK(!env_get(&pause.returned));
	CHECK_EQ(stopper_run_task(o.s, NULL, "sync", case_count_fn, &o.ran), -EAGAIN);
	env_gate_open(&o.hold.gate);
	CHECK_EQ(case_call_end(&pause), 0);
	CHECK_EQ(stopper_num_tasks(o.s), 0);
	CHECK_EQ(env_get(&o.ran), 1);
	CHECK_EQ(stopper_run_async_task(o.s, NULL, "async", case_count_fn, &o.ran), -EAGAIN);
	CHECK_EQ(stopper_resume(o.s), 0);
	CHECK_EQ(stopper_run_task(o.s, NULL, "sync", case_count_fn, &o.ran), 0);
	stop_and_put(o.s);
	outer_destroy(&o);
}

static void start_on_other(struct outer *o)
{
	struct stopper_task task;

	CHECK_EQ(stopper_run_task(o->other, NULL, "sync", case_count_fn, &o->ran), -ESHUTDOWN);
	CHECK_EQ(stopper_task_begin(o->other, NULL, "handle", &task), -ESHUTDOWN);
	CHECK_EQ(stopper_run_async_task(o->other, NULL, "async", case_count_fn, &o->ran),
		 -ESHUTDOWN);
	CHECK_EQ(stopper_run_task(o->s, NULL, "sync", case_count_fn, &o->ran), 0);
	CHECK_EQ(stopper_run_async_task(o->s, NULL, "async", case_count_fn, &o->ran), 0);
}

/* Each stopper of a tree for itself: the flag and the tasks. */
static void task_of_a_parent_or_child_does_not_count(void)
{
	struct stopper *parent = new_nesting(0, NULL), *plain;
	struct outer up, down, no;
	struct case_call quiesce;
	int i;

	outer_init(&up, parent, start_on_other);
	outer_init(&down, new_nesting(0, parent), start_on_other);
	plain = new_child("plain", parent);
	outer_init(&no, plain, refuse_each_kind);
	up.other = down.s;
	down.other = parent;
	for (i = 0; i < 2; i++)
		outer_begin(i ? &down : &up, i);
	outer_begin(&no, false);
	case_quiesce_begin(&quiesce, parent, NULL);
	CHECK_SOON(stopper_event_fired(stopper_should_quiesce(down.s)));
	CHECK_SOON(stopper_event_fired(stopper_should_quiesce(plain)));
	env_gate_open(&up.gate);
	env_gate_open(&down.gate);
	env_gate_open(&no.gate);
	CHECK_EQ(case_call_end(&quiesce), 0);
	env_join(&up.thread);
	env_join(&no.thread);
	CHECK_EQ(env_get(&up.ran), 2);
	CHECK_EQ(env_get(&down.ran), 2);
	CHECK_EQ(env_get(&no.ran), 0);
	CHECK_EQ(stopper_stop(parent, NULL), 0);
	stopper_put(plain);
	stopper_put(down.s);
	stopper_put(parent);
	outer_destroy(&up);
	outer_destroy(&down);
	outer_destroy(&no);
}

static struct record let_in;
static int ctx_err;

static void note_ctx(struct stopper_ctx *ctx, void *arg)
{
	ctx_err = stopper_ctx_err(ctx);
}

static void start_record(struct outer *o)
{
	CHECK_EQ(stopper_async_start(o->s, NULL, "record", &let_in.async), 0);
	CHECK_EQ(stopper_run_async_task(o->s, NULL, "ctx", note_ctx, NULL), 0);
}

static void other_options_see_those_let_in(void)
{
	struct outer o;

	memset(&let_in, 0, sizeof(let_in));
	stopper_async_init(&let_in.async, record_run, record_done);
	ctx_err = 0;
	outer_init(&o, new_nesting(STOPPER_DROP_QUEUED | STOPPER_CTX_ENDS_AT_QUIESCE, NULL),
		   start_record);
	outer_run(&o, false);
	/* Not dropped: it was admitted by a stopper that quiesces. Its context has ended. */
	CHECK_EQ(env_get(&let_in.told), 1);
	CHECK_EQ(let_in.status, 7);
	CHECK_EQ(ctx_err, -ECANCELED);
	stop_and_put(o.s);
	outer_destroy(&o);
}

static struct stopper_sem slots;

static void wait_for_slot(struct outer *o)
{
	CHECK_EQ(stopper_run_limited_async_task(o->s, NULL, "limited", &slots, true,
						case_count_fn, &o->ran), 0);
}

/* A wait for a slot that began before the quiesce goes on. */
static void wait_for_a_slot_outlasts_the_quiesce(void)
{
	struct case_log *log = case_log_new();
	struct case_call quiesce;
	struct outer o;

	log->opts.flags = STOPPER_ADMIT_NESTED;
	log->opts.stall_ns = 10 * ENV_MSEC;
	outer_init(&o, new_stopper(&log->opts), wait_for_slot);
	CHECK_EQ(stopper_sem_init(&slots, 1), 0);
	stopper_sem_set_name(&slots, "the \"slots\"\n");
	CHECK_EQ(stopper_sem_try_acquire(&slots), 0);
	outer_begin(&o, true);
	env_gate_open(&o.gate);
	CHECK_SOON(stopper_sem_waiters(&slots) == 1);
	case_quiesce_begin(&quiesce, o.s, NULL);
	CHECK_SOON(stopper_event_fired(stopper_should_quiesce(o.s)));
	CHECK_SOON(case_log_count(log, "  semaphore \"the \\\"slots\\\"\\n\": held 1 of 1, "));
	CHECK_EQ(stopper_sem_waiters(&slots), 1);
	CHECK(!env_get(&quiesce.returned));
	/* This thread grants the slot, and is in no task. */
	stopper_sem_release(&slots);
	CHECK_EQ(case_call_end(&quiesce), 0);
	CHECK_EQ(env_get(&o.ran), 1);
	CHECK_EQ(stopper_sem_length(&slots), 0);
	stop_and_put(o.s);
	stopper_sem_destroy(&slots);
	outer_destroy(&o);
	env_free(log);
}

const struct test_case cases_nested[] = {
	CASE(quiesce_admits_what_a_task_starts),
	CASE(without_the_flag_a_quiesce_admits_none),
	CASE(quiesce_refuses_what_no_task_of_it_starts),
	CASE(refusal_looks_at_no_handle),
	CASE(task_that_was_let_in_may_only_run_synchronous_ones),
	CASE(chain_of_tasks_that_start_one_another_ends),
	CASE(quiesce_waits_for_those_let_in),
	CASE(report_counts_those_let_in),
	CASE(tasks_nest_as_deep_as_before),
	CASE(task_on_a_list_starts_others),
	CASE(later_phases_admit_none),
	CASE(pause_admits_what_a_task_starts),
	CASE(task_of_a_parent_or_child_does_not_count),
	CASE(other_options_see_those_let_in),
	CASE(wait_for_a_slot_outlasts_the_quiesce),
	CASES_END
};
