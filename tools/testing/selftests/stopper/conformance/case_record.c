// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * case_record.c - async tasks in records of the caller: start, cancel, wait, done.
 */
#include "case.h"

struct item {
	struct stopper_async async;
	struct stopper *s;
	struct stopper_ctx *ctx;
	struct env_gate gate;
	struct env_counter in, ran, done;
	int returns;			/* what the function returns */
	int status;			/* what done() was told last */
	int err, wait_err;		/* of calls that it makes itself */
	int fn_tid, done_tid;
	unsigned long counted;		/* tasks of ->s as done() sees them */
	int more;			/* how often done() starts it again */
};

static struct item *item_of(struct stopper_async *async)
{
	return (struct item *)((char *)async - offsetof(struct item, async));
}

static int item_fn(struct stopper_ctx *ctx, struct stopper_async *async)
{
	struct item *it = item_of(async);

	it->ctx = ctx;
	it->fn_tid = env_tid();
	env_inc(&it->ran);
	return it->returns;
}

static int item_hold_fn(struct stopper_ctx *ctx, struct stopper_async *async)
{
	struct item *it = item_of(async);

	env_inc(&it->in);
	CHECK(env_gate_wait(&it->gate));
	return item_fn(ctx, async);
}

static void item_done(struct stopper_async *async, int status)
{
	struct item *it = item_of(async);

	it->status = status;
	it->done_tid = env_tid();
	it->counted = stopper_num_tasks(it->s);
	env_inc(&it->done);
}

static void item_init(struct item *it, struct stopper *s, stopper_async_fn fn,
		      stopper_async_done_fn done)
{
	memset(it, 0, sizeof(*it));
	it->s = s;
	env_gate_init(&it->gate);
	stopper_async_init(&it->async, fn, done);
}

static void record_runs_once_a_start_and_done_gets_the_result(void)
{
	struct stopper *s = new_stopper(NULL);
	struct item it;
	int i;

	item_init(&it, s, item_fn, item_done);
	for (i = 1; i <= 20; i++) {
		it.returns = -i;
		CHECK_EQ(stopper_async_start(s, NULL, "item", &it.async), 0);
		CHECK_EQ(stopper_async_wait(&it.async, NULL), 0);
		CHECK_EQ(env_get(&it.ran), i);
		CHECK_EQ(env_get(&it.done), i);
		CHECK_EQ(it.status, -i);
		CHECK_EQ(it.counted, 1);
		CHECK(!it.ctx);
		CHECK(it.fn_tid != env_tid());
		CHECK_EQ(it.done_tid, it.fn_tid);
	}
	stop_and_put(s);
	CHECK_EQ(env_get(&it.ran), 20);
	env_gate_destroy(&it.gate);
}

static int plain_ran(struct stopper_ctx *ctx, struct stopper_async *async);
static struct stopper_async plain = STOPPER_ASYNC_INIT(plain_ran, NULL);
static struct env_counter plain_runs;

static int plain_ran(struct stopper_ctx *ctx, struct stopper_async *async)
{
	CHECK(async == &plain);
	env_inc(&plain_runs);
	return 0;
}

static void record_with_a_static_initializer_and_without_done(void)
{
	struct stopper *s = new_stopper(NULL);

	env_set(&plain_runs, 0);
	CHECK_EQ(stopper_async_wait(&plain, NULL), 0);
	CHECK(!stopper_async_cancel(&plain));
	CHECK_EQ(stopper_async_start(s, NULL, "plain", &plain), 0);
	CHECK_EQ(stopper_async_wait(&plain, NULL), 0);
	CHECK_EQ(env_get(&plain_runs), 1);
	CHECK_EQ(stopper_async_start(s, NULL, "plain", &plain), 0);
	stop_and_put(s);
	CHECK_EQ(env_get(&plain_runs), 2);
	CHECK_EQ(stopper_async_wait(&plain, NULL), 0);
}

static void record_that_runs_is_busy_and_counted(void)
{
	struct stopper *s = new_stopper(NULL);
	struct item it;

	item_init(&it, s, item_hold_fn, item_done);
	CHECK_EQ(stopper_async_start(s, NULL, "item", &it.async), 0);
	CHECK_EQ(stopper_num_tasks(s), 1);
	CHECK_EQ(stopper_async_start(s, NULL, "item", &it.async), -EBUSY);
	CHECK_SOON(env_get(&it.in));
	CHECK_EQ(stopper_async_start(s, NULL, "item", &it.async), -EBUSY);
	CHECK(!stopper_async_cancel(&it.async));
	CHECK_EQ(stopper_num_tasks(s), 1);
	env_gate_open(&it.gate);
	stop_and_put(s);
	CHECK_EQ(env_get(&it.ran), 1);
	CHECK_EQ(env_get(&it.done), 1);
	env_gate_destroy(&it.gate);
}

static int starts_itself(struct stopper_ctx *ctx, struct stopper_async *async)
{
	struct item *it = item_of(async);

	it->err = stopper_async_start(it->s, NULL, "item", async);
	it->wait_err = stopper_async_wait(async, NULL);
	return item_fn(ctx, async);
}

static void record_can_neither_start_nor_wait_in_its_own_function(void)
{
	struct stopper *s = new_stopper(NULL);
	struct item it;

	item_init(&it, s, starts_itself, item_done);
	CHECK_EQ(stopper_async_start(s, NULL, "item", &it.async), 0);
	CHECK_EQ(stopper_async_wait(&it.async, NULL), 0);
	CHECK_EQ(it.err, -EBUSY);
	CHECK_EQ(it.wait_err, -EDEADLK);
	stop_and_put(s);
	CHECK_EQ(env_get(&it.ran), 1);
	env_gate_destroy(&it.gate);
}

static void item_again(struct stopper_async *async, int status)
{
	struct item *it = item_of(async);
	bool more = it->more-- > 0;

	it->status = status;
	it->wait_err = stopper_async_wait(async, NULL);
	env_inc(&it->done);
	/* last: the next run may be there before this returns */
	if (more)
		CHECK_EQ(stopper_async_start(it->s, NULL, "item", async), 0);
}

static void record_may_start_again_in_done(void)
{
	struct stopper *s = new_stopper(NULL);
	struct item it;

	item_init(&it, s, item_fn, item_again);
	it.more = 100;
	CHECK_EQ(stopper_async_start(s, NULL, "item", &it.async), 0);
	CHECK_SOON(env_get(&it.done) == 101);
	CHECK_EQ(stopper_async_wait(&it.async, NULL), 0);
	CHECK_EQ(env_get(&it.ran), 101);
	CHECK_EQ(it.wait_err, -EDEADLK);
	stop_and_put(s);
	env_gate_destroy(&it.gate);
}

static struct env_counter freed;

static void item_free(struct stopper_async *async, int status)
{
	env_gate_destroy(&item_of(async)->gate);
	env_free(item_of(async));
	env_inc(&freed);
}

static void done_may_free_the_object(void)
{
	struct stopper *s = new_stopper(NULL);
	int n = case_rounds(500), i;
	struct item *it;

	env_set(&freed, 0);
	for (i = 0; i < n; i++) {
		it = env_alloc(sizeof(*it));
		item_init(it, s, item_fn, item_free);
		CHECK_EQ(stopper_async_start(s, NULL, "item", &it->async), 0);
	}
	stop_and_put(s);
	CHECK_EQ(env_get(&freed), n);
}

static void object_may_be_freed_after_a_wait(void)
{
	struct stopper *s = new_stopper(NULL);
	int n = case_rounds(500), i;
	struct item *it;

	for (i = 0; i < n; i++) {
		it = env_alloc(sizeof(*it));
		item_init(it, s, item_fn, i % 2 ? item_done : NULL);
		CHECK_EQ(stopper_async_start(s, NULL, "item", &it->async), 0);
		if (i % 3 == 2)
			stopper_async_cancel(&it->async);
		CHECK_EQ(stopper_async_wait(&it->async, NULL), 0);
		CHECK_EQ(env_get(&it->done), i % 2);
		env_gate_destroy(&it->gate);
		env_free(it);
	}
	stop_and_put(s);
}

static void wait_for_a_record_ends_with_its_context(void)
{
	struct stopper_ctx *ended = new_ctx(NULL), *late = new_ctx_timeout(NULL, ENV_MSEC);
	struct stopper *s = new_stopper(NULL);
	struct item it;

	stopper_ctx_cancel(ended);
	item_init(&it, s, item_hold_fn, item_done);
	CHECK_EQ(stopper_async_wait(&it.async, ended), 0);
	CHECK_EQ(stopper_async_start(s, ended, "item", &it.async), 0);
	CHECK_EQ(stopper_async_wait(&it.async, ended), -ECANCELED);
	CHECK_EQ(stopper_async_wait(&it.async, late), -ETIMEDOUT);
	env_gate_open(&it.gate);
	CHECK_EQ(stopper_async_wait(&it.async, NULL), 0);
	CHECK(it.ctx == ended);
	stop_and_put(s);
	stopper_ctx_put(ended);
	stopper_ctx_put(late);
	env_gate_destroy(&it.gate);
}

/* One of the two, never both, never neither; until both were seen. */
static void cancelled_record_does_not_run_and_is_told(void)
{
	struct stopper *s = new_stopper(NULL);
	int64_t until = env_now() + ENV_BOUND;
	int cancelled = 0, i;
	struct item it;

	item_init(&it, s, item_fn, item_done);
	for (i = 0; i < case_rounds(100) || (!cancelled && env_now() < until); i++) {
		bool mine;

		env_set(&it.ran, 0);
		env_set(&it.done, 0);
		it.returns = 7;
		CHECK_EQ(stopper_async_start(s, NULL, "item", &it.async), 0);
		mine = stopper_async_cancel(&it.async);
		CHECK(!stopper_async_cancel(&it.async));
		CHECK_EQ(stopper_async_wait(&it.async, NULL), 0);
		CHECK_EQ(env_get(&it.done), 1);
		CHECK_EQ(it.status, mine ? -ECANCELED : 7);
		CHECK_EQ(env_get(&it.ran), !mine);
		CHECK_EQ(it.counted, 1);
		cancelled += mine;
	}
	CHECK(cancelled);
	stop_and_put(s);
	env_gate_destroy(&it.gate);
}

static void refused_record_is_told_only_if_it_asked_for_it(void)
{
	struct stopper *s = new_stopper(NULL);
	struct item it;

	item_init(&it, s, item_fn, item_done);
	CHECK_EQ(stopper_quiesce(s, NULL), 0);
	CHECK_EQ(stopper_async_start(s, NULL, "item", &it.async), -ESHUTDOWN);
	CHECK_EQ(env_get(&it.done), 0);
	it.async.flags = STOPPER_ASYNC_TELL_REFUSED;
	CHECK_EQ(stopper_async_start(s, NULL, "item", &it.async), -ESHUTDOWN);
	CHECK_EQ(env_get(&it.done), 1);
	CHECK_EQ(it.status, -ESHUTDOWN);
	CHECK_EQ(it.done_tid, env_tid());
	it.async.done = NULL;
	CHECK_EQ(stopper_async_start(s, NULL, "item", &it.async), -ESHUTDOWN);
	CHECK_EQ(stopper_async_wait(&it.async, NULL), 0);
	CHECK_EQ(env_get(&it.ran), 0);
	stop_and_put(s);
	env_gate_destroy(&it.gate);
}

#define DROPPED	64

/* Starts many and quiesces at once. Returns how many functions were called. */
static int drop_round(unsigned int flags, struct item *items, bool told)
{
	struct stopper_options opts = { .size = sizeof(opts), .flags = flags };
	struct stopper *s = new_stopper(&opts);
	int i, ran = 0;

	for (i = 0; i < DROPPED; i++) {
		item_init(&items[i], s, item_fn, told ? item_done : NULL);
		CHECK_EQ(stopper_async_start(s, NULL, "item", &items[i].async), 0);
	}
	CHECK_EQ(stopper_quiesce(s, NULL), 0);
	for (i = 0; i < DROPPED; i++) {
		ran += env_get(&items[i].ran);
		CHECK_EQ(env_get(&items[i].done), told);
		if (told)
			CHECK_EQ(items[i].status, env_get(&items[i].ran) ? 0 : -ESHUTDOWN);
		env_gate_destroy(&items[i].gate);
	}
	stop_and_put(s);
	return ran;
}

static void queued_records_are_dropped_at_quiesce_and_told(void)
{
	struct item *items = env_alloc(DROPPED * sizeof(*items));
	int64_t until = env_now() + ENV_BOUND;
	int i, ran, dropped = 0;

	for (i = 0; i < case_rounds(20) || (!dropped && env_now() < until); i++) {
		ran = drop_round(STOPPER_DROP_QUEUED, items, true);
		CHECK(ran <= DROPPED);
		dropped += DROPPED - ran;
	}
	CHECK(dropped);
	/* Without the flag, or without a done() that could be told, all run. */
	CHECK_EQ(drop_round(0, items, true), DROPPED);
	CHECK_EQ(drop_round(STOPPER_DROP_QUEUED, items, false), DROPPED);
	env_free(items);
}

static void done_stops(struct stopper_async *async, int status)
{
	struct item *it = item_of(async);

	it->err = stopper_stop(it->s, NULL);
	it->status = status;
	env_inc(&it->done);
}

static void stop_in_done_would_wait_for_itself(void)
{
	struct stopper *s = new_stopper(NULL);
	struct item it;

	item_init(&it, s, item_fn, done_stops);
	CHECK_EQ(stopper_async_start(s, NULL, "item", &it.async), 0);
	stop_and_put(s);
	CHECK_EQ(env_get(&it.done), 1);
	CHECK_EQ(it.err, -EDEADLK);
	env_gate_destroy(&it.gate);
}

static struct env_counter panics;

static void count_panic(void *arg, const struct stopper_panic_info *info)
{
	CHECK_EQ(info->kind, STOPPER_PANIC_ASYNC);
	CHECK_STR(info->site->name, "doomed");
	env_inc(&panics);
}

static int panics_fn(struct stopper_ctx *ctx, struct stopper_async *async)
{
	stopper_panic(NULL);
}

static int dies_fn(struct stopper_ctx *ctx, struct stopper_async *async)
{
	env_thread_exit();
	return 0;
}

static void panics_done(struct stopper_async *async, int status)
{
	item_done(async, status);
	stopper_panic(NULL);
}

static void frees_and_dies_done(struct stopper_async *async, int status)
{
	item_free(async, status);
	env_thread_exit();
}

static void doomed(stopper_async_fn fn, stopper_async_done_fn done, int status)
{
	struct stopper_options opts = { .size = sizeof(opts), .on_panic = count_panic };
	struct stopper *s = new_stopper(&opts);
	struct item *it = env_alloc(sizeof(*it));

	env_set(&panics, 0);
	env_set(&freed, 0);
	item_init(it, s, fn, done);
	CHECK_EQ(stopper_async_start(s, NULL, "doomed", &it->async), 0);
	if (done == frees_and_dies_done) {
		stop_and_put(s);
		CHECK_EQ(env_get(&freed), 1);
		CHECK_EQ(env_get(&panics), 1);
		return;
	}
	CHECK_EQ(stopper_async_wait(&it->async, NULL), 0);
	if (done) {
		CHECK_EQ(env_get(&it->done), 1);
		CHECK_EQ(it->status, status);
		CHECK_EQ(it->counted, 1);
	}
	stop_and_put(s);
	CHECK_EQ(env_get(&panics), 1);
	env_gate_destroy(&it->gate);
	env_free(it);
}

static void done_is_told_of_a_panic_and_of_the_death_of_its_thread(void)
{
	doomed(panics_fn, item_done, -EOWNERDEAD);
	doomed(dies_fn, item_done, -EOWNERDEAD);
	doomed(panics_fn, NULL, 0);
	doomed(dies_fn, NULL, 0);
	doomed(item_fn, panics_done, 0);
	doomed(item_fn, frees_and_dies_done, 0);
}

/* Producers ask for work, one record does it: no request is lost, and no two runs overlap. */
struct mailbox {
	struct stopper_async async;
	struct stopper *s;
	struct env_counter wanted, handled, inside;
};

static struct mailbox *mailbox_of(struct stopper_async *async)
{
	return (struct mailbox *)((char *)async - offsetof(struct mailbox, async));
}

static int mailbox_fn(struct stopper_ctx *ctx, struct stopper_async *async)
{
	struct mailbox *m = mailbox_of(async);
	long seen = env_get(&m->wanted);

	CHECK_EQ(env_inc(&m->inside), 1);
	env_set(&m->handled, seen);
	CHECK_EQ(env_dec(&m->inside), 0);
	return 0;
}

static void mailbox_ask(struct mailbox *m)
{
	int err = stopper_async_start(m->s, NULL, "mail", &m->async);

	/* The done() of an earlier run may ask late, when all is done and the stop has begun. */
	CHECK(!err || err == -EBUSY ||
	      (err == -ESHUTDOWN && env_get(&m->handled) == env_get(&m->wanted)));
}

static void mailbox_done(struct stopper_async *async, int status)
{
	struct mailbox *m = mailbox_of(async);

	if (env_get(&m->handled) != env_get(&m->wanted))
		mailbox_ask(m);
}

static void mailbox_produce(void *arg)
{
	struct mailbox *m = arg;
	int i, n = case_rounds(2000);

	for (i = 0; i < n; i++) {
		env_inc(&m->wanted);
		mailbox_ask(m);
	}
}

static void busy_start_loses_no_request(void)
{
	struct mailbox *m = env_alloc(sizeof(*m));
	struct env_thread thread[2];
	int i;

	memset(m, 0, sizeof(*m));
	m->s = new_stopper(NULL);
	stopper_async_init(&m->async, mailbox_fn, mailbox_done);
	for (i = 0; i < 2; i++)
		CHECK_EQ(env_spawn(&thread[i], mailbox_produce, m), 0);
	for (i = 0; i < 2; i++)
		env_join(&thread[i]);
	CHECK_SOON(env_get(&m->handled) == 2 * case_rounds(2000));
	stop_and_put(m->s);
	env_free(m);
}

static void bad_arguments_start_no_record(void)
{
	struct stopper *s = new_stopper(NULL);
	struct item it;

	item_init(&it, s, item_fn, item_done);
	CHECK_EQ(stopper_async_start(NULL, NULL, "bad", &it.async), -EINVAL);
	CHECK_EQ(stopper_async_start(s, NULL, "bad", (struct stopper_async *)NULL), -EINVAL);
	it.async.fn = NULL;
	CHECK_EQ(stopper_async_start(s, NULL, "bad", &it.async), -EINVAL);
	it.async.fn = item_fn;
	it.async.flags = 1u << 31;
	CHECK_EQ(stopper_async_start(s, NULL, "bad", &it.async), -EINVAL);
	CHECK_EQ(__stopper_async_start(s, NULL, NULL, &it.async), -EINVAL);
	CHECK_EQ(stopper_async_wait(NULL, NULL), -EINVAL);
	CHECK(!stopper_async_cancel(NULL));
	stop_and_put(s);
	CHECK_EQ(env_get(&it.ran), 0);
	CHECK_EQ(env_get(&it.done), 0);
	env_gate_destroy(&it.gate);
}

const struct test_case cases_record[] = {
	CASE(record_runs_once_a_start_and_done_gets_the_result),
	CASE(record_with_a_static_initializer_and_without_done),
	CASE(record_that_runs_is_busy_and_counted),
	CASE(record_can_neither_start_nor_wait_in_its_own_function),
	CASE(record_may_start_again_in_done),
	CASE(done_may_free_the_object),
	CASE(object_may_be_freed_after_a_wait),
	CASE(wait_for_a_record_ends_with_its_context),
	CASE(cancelled_record_does_not_run_and_is_told),
	CASE(refused_record_is_told_only_if_it_asked_for_it),
	CASE(queued_records_are_dropped_at_quiesce_and_told),
	CASE(stop_in_done_would_wait_for_itself),
	CASE(done_is_told_of_a_panic_and_of_the_death_of_its_thread),
	CASE(busy_start_loses_no_request),
	CASE(bad_arguments_start_no_record),
	CASES_END
};
