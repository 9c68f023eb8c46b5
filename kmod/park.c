// SPDX-License-Identifier: GPL-2.0
/*
 * park.c - parking.
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
 * Blocked or idle. A wait is idle (TASK_IDLE): a worker that waits for ShouldStop, or an
 * idle thread, is no load and no hung task. Only a caller of stopper_stop() or
 * stopper_quiesce() is blocked (TASK_UNINTERRUPTIBLE), as in flush_workqueue(): it is in the
 * load, in sysrq-w, and after hung_task_timeout_secs in the log with its stack.
 *
 * Kill. With a context of stopper_ctx_with_kill() the wait is also TASK_WAKEKILL: the signal
 * wakes it, and the core looks (plat_killed()) before it parks again. The hung task detector
 * leaves out what can be killed.
 *
 * A frozen thread keeps its locks. That is why lockdep warns of TASK_FREEZABLE with a lock
 * held, unless it is marked as known (_UNSAFE), as it is here: a lock of the caller's own
 * does no harm, as others who wait for it let suspend give up, as before. A lock that
 * suspend itself takes, above all the device lock that is held around remove(), would
 * hang the machine. So who stops with such a lock held says so: STOPPER_NO_FREEZE. Then
 * suspend waits for the stop, or gives up. A stopper of devm_stopper_create() is such a
 * one. There is no way to see it here: without lockdep nobody knows what is held.
 */
#include "internal.h"

#if defined(CONFIG_SMP) && defined(CONFIG_64BIT)
static_assert(offsetof(struct stopper, refs) >= 64);	/* nothing is written where tasks read */
#endif
#ifndef CONFIG_LOCKDEP
static_assert(sizeof(struct stopper) <= 1024);
#endif

void plat_park_init(struct plat_parker *p)
{
	raw_spin_lock_init(&p->lock);
	p->set = false;
	p->no_freeze = false;
	p->killable = false;
	p->blocked = false;
	p->waiter = current;
}

static bool parker_take(struct plat_parker *p)
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
	unsigned int state = (p->blocked ? TASK_UNINTERRUPTIBLE : TASK_IDLE) |
			     (p->no_freeze ? 0 : TASK_FREEZABLE_UNSAFE) |
			     (p->killable ? TASK_WAKEKILL : 0);
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
		set = parker_take(p);
		if (set || !left || (p->killable && plat_killed()))
			break;
		schedule_timeout(left);
	}
	__set_current_state(TASK_RUNNING);
	return set || left;
}

void plat_unpark(struct plat_parker *p)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&p->lock, flags);
	p->set = true;
	wake_up_process(p->waiter);
	raw_spin_unlock_irqrestore(&p->lock, flags);
}
