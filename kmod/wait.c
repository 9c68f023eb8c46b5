// SPDX-License-Identifier: GPL-2.0
/*
 * wait.c - parking, timers, the slot tables of CPUs, the log.
 *
 * A parker is a flag and its waiter under a lock that both must take, so the
 * waiter cannot leave, and its stack go, while the waker is still inside:
 *
 *   waiter                            waker
 *   state = TASK_IDLE                 lock
 *   lock; set? no; unlock             set = true
 *   schedule()                        wake_up_process(waiter)
 *   lock; set? yes; unlock; return    unlock
 *
 * The lock is raw: it is taken inside others, and by whoever fires an event. ->waiter
 * is who made the parker, from then on: a waker may come before the first park.
 *
 * Suspend. A process that waits here is frozen where it waits (TASK_FREEZABLE), and so
 * is a kthread that asked for it (set_freezable); else suspend would give up after 20 s.
 * What wakes it meanwhile is not lost: ->set stays, and is looked at after the thaw.
 *
 * A frozen thread keeps its locks. That is why lockdep warns of TASK_FREEZABLE with a lock
 * held, unless it is marked as known (_UNSAFE), as it is here: a lock of the caller's own
 * does no harm, as others who wait for it let suspend give up, as before. A lock that
 * suspend itself takes, above all the device lock that is held around remove(), would
 * hang the machine. So who stops with such a lock held says so: STOPPER_NO_FREEZE. Then
 * suspend waits for the stop, or gives up. A stopper of devm_stopper_create() is such a
 * one. There is no way to see it here: without lockdep nobody knows what is held.
 *
 * A timer that runs holds this module, whose text it would call: a context whose
 * deadline is to come may have been left behind by a module that has gone. Not so the
 * pool's, which lies in the module; pool_exit() waits for that.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include "internal.h"

#if defined(CONFIG_SMP) && defined(CONFIG_64BIT)
static_assert(offsetof(struct stopper, refs) >= 64);	/* nothing is written where tasks read */
#endif
#ifndef CONFIG_LOCKDEP
static_assert(sizeof(struct stopper) <= 1024);
#endif

static DEFINE_PER_CPU_ALIGNED(struct slot_table, slot_tables);

DEFINE_PER_CPU(struct stopper_cursor [2], stopper_cursors);
EXPORT_PER_CPU_SYMBOL_GPL(stopper_cursors);

void __init slots_init(void)
{
	struct slot_table *t;
	int cpu, i;

	for_each_possible_cpu(cpu) {
		t = per_cpu_ptr(&slot_tables, cpu);
		t->id = cpu;
		for (i = 0; i < 2; i++) {
			per_cpu(stopper_cursors[i], cpu).first = &t->slot[i * HALF];
			per_cpu(stopper_cursors[i], cpu).slot = &t->slot[i * HALF];
		}
	}
}

struct slot_table *plat_slots_walk(struct slot_table *t)
{
	unsigned int cpu = cpumask_next(t ? (int)t->id : -1, cpu_possible_mask);

	return cpu < nr_cpu_ids ? per_cpu_ptr(&slot_tables, cpu) : NULL;
}

void plat_park_init(struct plat_parker *p)
{
	raw_spin_lock_init(&p->lock);
	p->set = false;
	p->no_freeze = false;
	p->waiter = current;
}

static bool take(struct plat_parker *p)
{
	unsigned long flags;
	bool set;

	raw_spin_lock_irqsave(&p->lock, flags);
	set = p->set;
	p->set = false;
	raw_spin_unlock_irqrestore(&p->lock, flags);
	return set;
}

bool plat_park(struct plat_parker *p, s64 deadline)
{
	unsigned int state = TASK_IDLE | (p->no_freeze ? 0 : TASK_FREEZABLE_UNSAFE);
	long left = MAX_SCHEDULE_TIMEOUT;
	bool set;

	might_sleep();
	/* Another thread's parker: its waker would wake a thread that may be gone. */
	WARN_ON_ONCE(p->waiter != current);
	for (;;) {
		if (deadline != PLAT_FOREVER) {
			s64 ns = deadline - plat_now();

			left = ns <= 0 ? 0 : min_t(u64, nsecs_to_jiffies64(ns) + 1, LONG_MAX - 1);
		}
		set_current_state(state);
		set = take(p);
		if (set || !left)
			break;
		schedule_timeout(left);
	}
	__set_current_state(TASK_RUNNING);
	return set;
}

void plat_unpark(struct plat_parker *p)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&p->lock, flags);
	p->set = true;
	wake_up_process(p->waiter);
	raw_spin_unlock_irqrestore(&p->lock, flags);
}

static void timer_work(struct work_struct *work)
{
	struct plat_timer *t = container_of(work, struct plat_timer, work);

	t->fn(t);
}

static bool holds_module(const struct plat_timer *t)
{
	return !within_module((unsigned long)t, THIS_MODULE);
}

static void let_go(const struct plat_timer *t)
{
	if (holds_module(t))
		module_put(THIS_MODULE);
}

/*
 * A jiffy may be 10 ms, and a timer of jiffies is up to two late. Once the module is let
 * go, it is the end of the interrupt that its freeing waits for.
 */
static enum hrtimer_restart timer_expired(struct hrtimer *timer)
{
	struct plat_timer *t = container_of(timer, struct plat_timer, timer);

	queue_work(stopper_wq, &t->work);
	let_go(t);
	return HRTIMER_NORESTART;
}

void plat_timer_init(struct plat_timer *t, void (*fn)(struct plat_timer *t))
{
	hrtimer_init(&t->timer, CLOCK_MONOTONIC, HRTIMER_MODE_ABS);
	t->timer.function = timer_expired;
	INIT_WORK(&t->work, timer_work);
	t->fn = fn;
}

int plat_timer_start(struct plat_timer *t, s64 deadline)
{
	if (deadline <= plat_now()) {
		queue_work(stopper_wq, &t->work);
		return 0;
	}
	if (holds_module(t))
		__module_get(THIS_MODULE);
	hrtimer_start(&t->timer, ns_to_ktime(deadline), HRTIMER_MODE_ABS);
	return 0;
}

/* Waits for timer_expired(), not for the work. */
bool plat_timer_cancel(struct plat_timer *t)
{
	if (!hrtimer_cancel(&t->timer))
		return cancel_work(&t->work);
	let_go(t);
	return true;
}

void plat_log(int level, const char *line)
{
	if (level <= STOPPER_LOG_ERR)
		pr_err("%s\n", line);
	else if (level <= STOPPER_LOG_WARNING)
		pr_warn("%s\n", line);
	else
		pr_info("%s\n", line);
}
