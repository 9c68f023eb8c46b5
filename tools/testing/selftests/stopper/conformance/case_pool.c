// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * case_pool.c - tasks on their way: from the queue into a thread, from a semaphore's line into the
 * queue, and more of them than any table has room for.
 */
#include "case.h"

#define MANY		300
#define BURST		40

struct many {
	struct stopper *s;
	struct case_hold hold;
	struct env_counter asked, accepted, stop;
	struct stopper_task task[MANY];
};

static struct many *many_new(void)
{
	struct many *m = env_alloc(sizeof(*m));

	m->s = new_stopper(NULL);
	case_hold_init(&m->hold);
	return m;
}

static void many_free(struct many *m)
{
	stop_and_put(m->s);
	case_hold_destroy(&m->hold);
	env_free(m);
}

static void hand_over_all(void *arg)
{
	struct many *m = arg;
	int i;

	for (i = 0; i < MANY; i++) {
		env_inc(&m->asked);
		CHECK_EQ(stopper_run_async_task(m->s, NULL, "held", case_hold_fn, &m->hold), 0);
		env_inc(&m->accepted);
	}
}

/* No task has ended: a reader sees at least those accepted before, at most those requested. */
static void look_between(struct many *m)
{
	int least = env_get(&m->accepted);
	int n = (int)stopper_num_tasks(m->s);

	CHECK(n >= least);
	CHECK(n <= env_get(&m->asked));
}

static void task_is_counted_once_while_it_goes_from_queue_to_thread(void)
{
	struct many *m = many_new();
	struct env_thread thread;

	CHECK_EQ(env_spawn(&thread, hand_over_all, m), 0);
	while (env_get(&m->accepted) < MANY) {
		look_between(m);
		env_yield();
	}
	/* now they only get their threads */
	while (env_get(&m->hold.in) < MANY) {
		if (!CHECK_EQ(stopper_num_tasks(m->s), MANY))
			break;
		env_yield();
	}
	env_join(&thread);
	env_gate_open(&m->hold.gate);
	many_free(m);
}

static void flood(void *arg)
{
	struct many *m = arg;
	struct env_counter ran = { 0 };
	int n = 0;

	while (!env_get(&m->stop)) {
		CHECK_EQ(stopper_run_async_task(m->s, NULL, "brief", case_count_fn, &ran), 0);
		n++;
		while (n - env_get(&ran) > 50)
			env_yield();
	}
	CHECK_SOON(env_get(&ran) == n);
}

#define FLOOD		1000
#define GUESTS		3

struct flood;

/* A thread that pushes. */
struct guest {
	struct stopper *s;
	struct flood *flood;
	struct env_thread thread;
	struct env_counter begun;
	int asked, before;		/* how many of the flood had run then */
};

struct flood {
	int length;			/* of a task, in turns of a loop */
	struct env_counter ran;
	struct env_gate pushed;		/* opened when all of it is queued */
	struct guest producer, guest[GUESTS];
};

static void work(struct stopper_ctx *ctx, void *arg)
{
	struct flood *f = arg;
	int i;

	(void)ctx;
	for (i = 0; i < f->length; i++)
		__stopper_compiler_barrier();
	env_inc(&f->ran);
}

static void hand_over_flood(void *arg)
{
	struct guest *g = arg;
	int i;

	for (i = 0; i < FLOOD; i++)
		CHECK_EQ(stopper_run_async_task(g->s, NULL, "flood", work, g->flood), 0);
	env_gate_open(&g->flood->pushed);
}

static void guest_fn(struct stopper_ctx *ctx, void *arg)
{
	struct guest *g = arg;

	(void)ctx;
	g->before = (int)env_get(&g->flood->ran);
	env_inc(&g->begun);
}

static void hand_over_guest(void *arg)
{
	struct guest *g = arg;

	env_gate_wait(&g->flood->pushed);
	g->asked = (int)env_get(&g->flood->ran);
	CHECK_EQ(stopper_run_async_task(g->s, NULL, "guest", guest_fn, g), 0);
}

static void guest_init(struct guest *g, struct stopper *s, struct flood *f)
{
	*g = (struct guest){ .s = s, .flood = f };
}

/* Has the task of a guest begun long before the flood was over? @meets: was there still a flood? */
static bool guest_overtakes(struct stopper *s, struct flood *f, bool *meets)
{
	bool overtakes = false;
	int i;

	for (i = 0; i < GUESTS; i++) {
		guest_init(&f->guest[i], s, f);
		CHECK_EQ(env_spawn(&f->guest[i].thread, hand_over_guest, &f->guest[i]), 0);
	}
	guest_init(&f->producer, s, f);
	CHECK_EQ(env_spawn(&f->producer.thread, hand_over_flood, &f->producer), 0);
	env_join(&f->producer.thread);
	for (i = 0; i < GUESTS; i++) {
		env_join(&f->guest[i].thread);
		CHECK_SOON(env_get(&f->guest[i].begun));
		*meets = *meets || f->guest[i].asked < FLOOD - 200;
		overtakes = overtakes || f->guest[i].before < FLOOD - 100;
	}
	CHECK_SOON(!stopper_num_tasks(s));
	return overtakes;
}

/*
 * Only if tasks are longer than pushes there is a flood; where the many threads of long tasks
 * leave the producer no time, never. One guest may share an inbox with the flood, not all.
 */
static void task_does_not_wait_for_the_flood_of_another_producer(void)
{
	struct flood *f = env_alloc(sizeof(*f));
	struct stopper *s = new_stopper(NULL);
	bool overtakes = false, meets = false;
	int i;

	for (i = 0; i < 10 && !overtakes; i++) {
		*f = (struct flood){ .length = 1000 << i };
		env_gate_init(&f->pushed);
		overtakes = guest_overtakes(s, f, &meets);
		env_gate_destroy(&f->pushed);
	}
	if (meets || overtakes)
		CHECK(overtakes);
	else
		case_skip("this machine runs a flood as it comes");
	stop_and_put(s);
	env_free(f);
}

/* Pool threads go idle for the first time, their starter has ended, and work arrives. */
static void pool_thread_is_woken_when_its_starter_has_gone(void)
{
	struct many *m = many_new();
	struct env_counter ran = { 0 };
	struct env_thread thread;
	int i;

	CHECK_EQ(env_spawn(&thread, hand_over_all, m), 0);
	env_join(&thread);
	CHECK_SOON(env_get(&m->hold.in) == MANY);
	env_gate_open(&m->hold.gate);
	for (i = 0; i < 10 * MANY; i++) {
		CHECK_EQ(stopper_run_async_task(m->s, NULL, "brief", case_count_fn, &ran), 0);
		if (i % 16 == 0)
			env_yield();
	}
	many_free(m);
	CHECK_EQ(env_get(&ran), 10 * MANY);
}

static int held_count(struct stopper *s)
{
	struct stopper_task_info *info = env_alloc(4 * sizeof(*info));
	int i, n = stopper_running_tasks(s, info, 4), count = 0;

	for (i = 0; i < n && i < 4; i++)
		if (!strcmp(info[i].name, "held"))
			count += (int)info[i].count;
	env_free(info);
	return count;
}

static void held_tasks_are_counted_exactly_in_a_flood_of_others(void)
{
	struct many *m = many_new();
	struct env_thread thread;
	int i;

	for (i = 0; i < 5; i++)
		CHECK_EQ(stopper_run_async_task(m->s, NULL, "held", case_hold_fn, &m->hold), 0);
	CHECK_EQ(env_spawn(&thread, flood, m), 0);
	for (i = 0; i < case_rounds(2000); i++)
		CHECK_EQ(held_count(m->s), 5);
	env_inc(&m->stop);
	env_join(&thread);
	env_gate_open(&m->hold.gate);
	many_free(m);
}

static void cancel_on_fire(struct stopper_on_fire *of, void *ctx)
{
	stopper_ctx_cancel(ctx);
}

/*
 * The stack of a quiesce that gave up was here. Zeros: a later write would change them (in the
 * kernel zeros are a free lock, for a stray attempt to take it).
 */
static noinline void tasks_get_their_threads(struct many *m)
{
	char old_stack[768];
	size_t i;
	int written = 0;

	memset(old_stack, 0, sizeof(old_stack));
	/* the compiler must not know what is in it */
	__asm__ volatile("" : : "r" (old_stack) : "memory");
	CHECK_SOON(env_get(&m->hold.in) == BURST);
	for (i = 0; i < sizeof(old_stack); i++)
		written += old_stack[i] != 0;
	CHECK_EQ(written, 0);
}

static void quiesce_gives_up_while_tasks_are_queued(void)
{
	int round, i;

	for (round = 0; round < case_rounds(50); round++) {
		struct many *m = many_new();
		struct stopper_ctx *ctx = new_ctx(NULL);
		struct stopper_on_fire of;

		memset(&of, 0, sizeof(of));
		/* ends the context when quiescing has begun, before the tasks are looked at */
		CHECK_EQ(stopper_event_on_fire(stopper_should_quiesce(m->s), &of, cancel_on_fire,
					       ctx), 0);
		for (i = 0; i < BURST; i++)
			CHECK_EQ(stopper_run_async_task(m->s, NULL, "held", case_hold_fn,
							&m->hold), 0);
		CHECK_EQ(stopper_quiesce(m->s, ctx), -ECANCELED);
		tasks_get_their_threads(m);
		CHECK_EQ(stopper_run_async_task(m->s, NULL, "late", case_hold_fn, &m->hold),
			 -ESHUTDOWN);
		CHECK_EQ(stopper_num_tasks(m->s), BURST);
		env_gate_open(&m->hold.gate);
		CHECK_EQ(stopper_quiesce(m->s, NULL), 0);
		CHECK_EQ(env_get(&m->hold.out), BURST);
		stopper_ctx_put(ctx);
		many_free(m);
	}
}

static void two_stoppers_quiesce_with_their_tasks_mixed_in_the_queue(void)
{
	int round, i;

	for (round = 0; round < case_rounds(50); round++) {
		struct many *a = many_new(), *b = many_new();
		struct case_call call;

		for (i = 0; i < BURST; i++) {
			CHECK_EQ(stopper_run_async_task(a->s, NULL, "held", case_hold_fn,
							&a->hold), 0);
			CHECK_EQ(stopper_run_async_task(b->s, NULL, "held", case_hold_fn,
							&b->hold), 0);
		}
		case_quiesce_begin(&call, a->s, NULL);
		env_gate_open(&b->hold.gate);
		CHECK_EQ(stopper_quiesce(b->s, NULL), 0);
		CHECK_EQ(env_get(&b->hold.out), BURST);
		CHECK(!env_get(&call.returned));
		env_gate_open(&a->hold.gate);
		CHECK_EQ(case_call_end(&call), 0);
		CHECK_EQ(env_get(&a->hold.out), BURST);
		many_free(a);
		many_free(b);
	}
}

/* More handles than a CPU or thread has slots, ended in another order. */
static void more_handles_than_slots(void)
{
	struct many *m = many_new();
	int i, left = MANY;

	for (i = 0; i < MANY; i++)
		CHECK_EQ(stopper_task_begin(m->s, NULL, "handle", &m->task[i]), 0);
	CHECK_EQ(stopper_num_tasks(m->s), MANY);
	/* 77 and 300 have no common factor */
	for (i = 0; i < MANY; i++) {
		stopper_task_end(&m->task[i * 77 % MANY]);
		left--;
		if (i % 10 == 0)
			CHECK_EQ(stopper_num_tasks(m->s), left);
	}
	CHECK_EQ(stopper_num_tasks(m->s), 0);
	many_free(m);
}

static void end_half(void *arg)
{
	struct many *m = arg;
	int i;

	for (i = 0; i < MANY; i += 2)
		stopper_task_end(&m->task[i]);
}

static void begin_all(void *arg)
{
	struct many *m = arg;
	int i;

	for (i = 0; i < MANY; i++)
		CHECK_EQ(stopper_task_begin(m->s, NULL, "handle", &m->task[i]), 0);
}

/* The thread that began them has ended, and others start in its place. */
static void handles_of_a_thread_that_has_gone(void)
{
	struct many *m = many_new(), *other = many_new();
	struct env_thread thread;
	struct case_call call;
	int i;

	CHECK_EQ(env_spawn(&thread, begin_all, m), 0);
	env_join(&thread);
	CHECK_EQ(env_spawn(&thread, begin_all, other), 0);
	env_join(&thread);
	CHECK_EQ(stopper_num_tasks(m->s), MANY);
	CHECK_EQ(env_spawn(&thread, end_half, m), 0);
	env_join(&thread);
	CHECK_EQ(stopper_num_tasks(m->s), MANY / 2);
	case_quiesce_begin(&call, m->s, NULL);
	for (i = 1; i < MANY; i += 2)
		stopper_task_end(&m->task[i]);
	CHECK_EQ(case_call_end(&call), 0);
	CHECK_EQ(stopper_num_tasks(other->s), MANY);
	for (i = 0; i < MANY; i++)
		stopper_task_end(&other->task[i]);
	many_free(m);
	many_free(other);
}

/* --- a semaphore's line ----------------------------------------------------------------------- */

struct line {
	struct stopper *s;
	struct stopper_sem sem;
	struct stopper_ctx *ctx;
	stopper_fn fn;
	void *arg;
	struct env_counter ran, waiting;
	int ret;
};

static void stand_in_line(void *arg)
{
	struct line *l = arg;

	env_inc(&l->waiting);
	l->ret = stopper_run_limited_async_task(l->s, l->ctx, "limited", &l->sem, true,
						l->fn, l->arg);
}

static void line_init(struct line *l)
{
	memset(l, 0, sizeof(*l));
	l->s = new_stopper(NULL);
	l->ctx = new_ctx(NULL);
	l->fn = case_count_fn;
	l->arg = &l->ran;
	CHECK_EQ(stopper_sem_init(&l->sem, 1), 0);
	CHECK_EQ(stopper_sem_acquire(&l->sem, NULL), 0);
}

static void line_end(struct line *l)
{
	stop_and_put(l->s);
	CHECK_EQ(stopper_sem_length(&l->sem), 0);
	stopper_ctx_put(l->ctx);
	stopper_sem_destroy(&l->sem);
}

static void slot_released_by_hand_starts_the_task_that_waits(void)
{
	struct env_thread thread;
	struct case_hold hold;
	struct line l;

	line_init(&l);
	case_hold_init(&hold);
	l.fn = case_hold_fn;
	l.arg = &hold;
	CHECK_EQ(env_spawn(&thread, stand_in_line, &l), 0);
	CHECK_SOON(stopper_sem_waiters(&l.sem) == 1);
	CHECK_EQ(stopper_num_tasks(l.s), 0);
	stopper_sem_release(&l.sem);
	/* by the release itself, not by its waiter when it comes to run */
	CHECK_EQ(stopper_num_tasks(l.s), 1);
	CHECK_EQ(stopper_sem_length(&l.sem), 1);
	env_join(&thread);
	CHECK_EQ(l.ret, 0);
	env_gate_open(&hold.gate);
	line_end(&l);
	CHECK_EQ(env_get(&hold.out), 1);
	case_hold_destroy(&hold);
}

/* What ends the wait comes with the slot; either wins, never both, never neither. */
static void slot_that_comes_as_the_wait_ends(void)
{
	struct env_thread thread;
	struct case_call call;
	struct line l;
	int round;

	for (round = 0; round < case_rounds(600); round++) {
		line_init(&l);
		CHECK_EQ(env_spawn(&thread, stand_in_line, &l), 0);
		if (round & 1)
			CHECK_SOON(stopper_sem_waiters(&l.sem) == 1);
		else
			while (!env_get(&l.waiting))
				env_yield();
		if (round % 3 == 0)
			case_quiesce_begin(&call, l.s, NULL);
		else if (round % 3 == 1)
			stopper_ctx_cancel(l.ctx);
		else
			stopper_sem_close(&l.sem);
		stopper_sem_release(&l.sem);
		env_join(&thread);
		if (round % 3 == 0)
			CHECK_EQ(case_call_end(&call), 0);
		CHECK_SOON(!stopper_num_tasks(l.s));
		CHECK(l.ret == 0 || l.ret == (round % 3 == 1 ? -ECANCELED : -ESHUTDOWN));
		CHECK_EQ(env_get(&l.ran), l.ret == 0);
		line_end(&l);
	}
}

const struct test_case cases_pool[] = {
	CASE(task_is_counted_once_while_it_goes_from_queue_to_thread),
	CASE(task_does_not_wait_for_the_flood_of_another_producer),
	CASE(pool_thread_is_woken_when_its_starter_has_gone),
	CASE(held_tasks_are_counted_exactly_in_a_flood_of_others),
	CASE(quiesce_gives_up_while_tasks_are_queued),
	CASE(two_stoppers_quiesce_with_their_tasks_mixed_in_the_queue),
	CASE(more_handles_than_slots),
	CASE(handles_of_a_thread_that_has_gone),
	CASE(slot_released_by_hand_starts_the_task_that_waits),
	CASE(slot_that_comes_as_the_wait_ends),
	CASES_END
};
