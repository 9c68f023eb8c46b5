// SPDX-License-Identifier: GPL-2.0
/*
 * timer.c - timers: an hrtimer that queues a work item.
 *
 * A pending timer pins this module, whose code it would call: a context whose deadline lies in
 * the future may have been left behind by a module that was unloaded. The timer of the pool does
 * not pin, as it is in the module itself; pool_exit() waits for it. Built in, there is no module.
 */
#include "internal.h"
#include "compat.h"

static void timer_work_fn(struct work_struct *work)
{
	struct plat_timer *t = container_of(work, struct plat_timer, work);

	t->fn(t);
}

static bool timer_holds_module(const struct plat_timer *t)
{
	return !IS_BUILTIN(CONFIG_STOPPER) && !within_module((unsigned long)t, THIS_MODULE);
}

static void timer_put_module(const struct plat_timer *t)
{
	if (timer_holds_module(t))
		module_put(THIS_MODULE);
}

/*
 * An hrtimer, because a jiffy may be 10 ms and a timer of jiffies up to two jiffies late. After
 * the module_put() the module may be unloaded; freeing its memory waits for a grace period, and
 * so for the end of this interrupt.
 */
static enum hrtimer_restart timer_expired(struct hrtimer *timer)
{
	struct plat_timer *t = container_of(timer, struct plat_timer, timer);

	queue_work(stopper_wq, &t->work);
	timer_put_module(t);
	return HRTIMER_NORESTART;
}

void plat_timer_init(struct plat_timer *t, void (*fn)(struct plat_timer *t))
{
	hrtimer_setup(&t->timer, timer_expired, CLOCK_MONOTONIC, HRTIMER_MODE_ABS);
	INIT_WORK(&t->work, timer_work_fn);
	t->fn = fn;
}

int plat_timer_start(struct plat_timer *t, s64 deadline)
{
	if (deadline <= plat_now()) {
		queue_work(stopper_wq, &t->work);
		return 0;
	}
	if (timer_holds_module(t))
		__module_get(THIS_MODULE);
	hrtimer_start(&t->timer, ns_to_ktime(deadline), HRTIMER_MODE_ABS);
	return 0;
}

/* Waits for timer_expired(), not for the work. */
bool plat_timer_cancel(struct plat_timer *t)
{
	if (!hrtimer_cancel(&t->timer))
		return cancel_work(&t->work);
	timer_put_module(t);
	return true;
}
