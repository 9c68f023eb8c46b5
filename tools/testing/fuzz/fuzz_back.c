// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * fuzz_back.c - the functions that the library calls back, each at its place in the plan.
 */
#include <stddef.h>
#include <string.h>
#include "fuzz_api.h"

static char cookie;			/* the value of our panics */

/* We have been called back. true: end by a panic. */
static bool call_back(enum m_what what, int id)
{
	const struct step *st = &plan.step[at];

	if (st->kind != ENTER || st->a != (int)what || st->b != id)
		fail("a function was called that was not to be called now (kind %d, number %d)",
		     (int)what, id);
	at++;
	perform();
	st = &plan.step[at];
	if (st->kind != LEAVE)
		fail("the plan is not where a function that was called ends");
	at++;
	return st->panic;
}

void sync_task(struct stopper_ctx *ctx, void *arg)
{
	(void)ctx;
	if (call_back(M_TASK, ((struct own_task *)arg)->id))
		stopper_panic(&cookie);
}

int sync_task_err(struct stopper_ctx *ctx, void *arg)
{
	sync_task(ctx, arg);
	return result_of(((struct own_task *)arg)->site);
}

/* A waiter continues once this task is no longer counted. */
void joined_task(struct stopper_ctx *ctx, void *arg)
{
	struct own_task *t = arg;
	bool panic = call_back(M_TASK, t->id);

	(void)ctx;
	sem_post(&t->over);
	if (panic)
		stopper_panic(&cookie);
}

int joined_task_err(struct stopper_ctx *ctx, void *arg)
{
	joined_task(ctx, arg);
	return result_of(((struct own_task *)arg)->site);
}

void held_task(struct stopper_ctx *ctx, void *arg)
{
	struct own_task *t = arg;

	(void)ctx;
	if (t->label) {
		if (set_label(NULL, t->label))
			fail("a task that has begun has no label");
		sem_post(&t->over);
	}
	stopper_wait(&t->gate, NULL);
	t->runs++;
}

void never_due(struct stopper_ctx *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
	fail("a timer fired before it was due");
}

/* The same two as records. */
static struct own_task *task_of(struct stopper_async *async)
{
	return (struct own_task *)((char *)async - offsetof(struct own_task, async));
}

int record_task(struct stopper_ctx *ctx, struct stopper_async *async)
{
	struct own_task *t = task_of(async);

	sync_task(ctx, t);
	return result_of(t->site);
}

int held_record_task(struct stopper_ctx *ctx, struct stopper_async *async)
{
	held_task(ctx, task_of(async));
	return 0;
}

void record_done(struct stopper_async *async, int status)
{
	struct own_task *t = task_of(async);

	t->ends++;
	t->status = status;
}

void worker(struct stopper_ctx *ctx, void *arg)
{
	(void)ctx;
	stopper_wait(stopper_should_stop(arg), NULL);
}

void closer_embedded(struct stopper_closer *closer)
{
	if (call_back(M_CLOSER, ((struct own_closer *)closer)->id))
		stopper_panic(&cookie);
}

void closer_plain(void *arg)
{
	if (call_back(M_CLOSER, ((struct own_closer *)arg)->id))
		stopper_panic(&cookie);
}

void on_fire(struct stopper_on_fire *of, void *arg)
{
	(void)arg;
	call_back(M_RECORD, (int)(of - real.record));
}

void on_panic(void *arg, const struct stopper_panic_info *info)
{
	(void)arg;
	if (info->value != &cookie || info->died)
		fail("a panic with another value than was given");
}

void on_log(void *arg, int level, const char *line)
{
	(void)arg;
	(void)level;
	if (!list_is_printable(line, strlen(line)))
		fail("a log line with bytes that cannot be printed");
}
