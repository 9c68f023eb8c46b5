// SPDX-License-Identifier: GPL-2.0
/*
 * park.c - parking: one thread sleeps until another wakes it.
 *
 * A parker is a flag and its waiter under a lock that both sides take. So the waiter cannot
 * return, and its stack cannot be freed, while the waker still uses the parker:
 *
 *   waiter                            waker
 *   state = TASK_IDLE                 lock
 *   lock; set? no; unlock             set = true
 *   schedule()                        wake_up_process(waiter)
 *   lock; set? yes; unlock; return    unlock
 *
 * The lock is raw, because it is taken inside other locks and by every thread that fires an
 * event. ->waiter is the thread that initialized the parker, from then on: a wake-up may come
 * before the first park.
 *
 * Suspend. A process that waits here is frozen where it waits (TASK_FREEZABLE), and so is a
 * kthread that called set_freezable(); otherwise suspend would fail after 20 s. A wake-up during
 * suspend is not lost: ->set stays, and is tested after the thaw.
 *
 * Blocked or idle. By default a wait is idle (TASK_IDLE): a worker that waits for ShouldStop or
 * an idle thread is neither load nor a hung task. Only a caller of stopper_stop() or
 * stopper_quiesce() is blocked (TASK_UNINTERRUPTIBLE), as in flush_workqueue(): it counts in the
 * load average and appears in sysrq-w and, after hung_task_timeout_secs, in the log with its
 * stack.
 *
 * Kill. With a context of stopper_ctx_with_kill() the state also has TASK_WAKEKILL. The signal
 * wakes the thread, and the core tests plat_killed() before it parks again. The hung task
 * detector ignores waits that can be killed.
 *
 * Frozen with locks. A frozen thread keeps its locks. So lockdep warns about TASK_FREEZABLE with
 * a lock held, unless the use is marked as known (_UNSAFE), as it is here. A lock of the caller's
 * own is harmless: other waiters for it make suspend fail, as before. A lock that suspend itself
 * takes, above all the device lock that is held around remove(), would hang the machine. So a
 * caller that stops with such a lock held must set STOPPER_NO_FREEZE; devm_stopper_create() does.
 * Then suspend waits for the stop, or fails. This file cannot detect the case: without lockdep
 * the kernel does not know which locks a thread holds.
 */
#include "internal.h"

#if defined(CONFIG_SMP) && defined(CONFIG_64BIT)
static_assert(offsetof(struct stopper, refs) >= 64);	/* nothing writes where tasks read */
#endif
/* Locks are larger there. */
#if !defined(CONFIG_LOCKDEP) && !defined(CONFIG_PREEMPT_RT)
static_assert(sizeof(struct stopper) <= 1536);
#endif

void plat_park_init(struct plat_parker *p)
{
	raw_spin_lock_init(&p->lock);
	p->set = false;
	p->how = 0;
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
	unsigned int state = (p->how & PARK_BLOCKED ? TASK_UNINTERRUPTIBLE : TASK_IDLE) |
			     (p->how & PARK_NO_FREEZE ? 0 : TASK_FREEZABLE_UNSAFE) |
			     (p->how & PARK_KILLABLE ? TASK_WAKEKILL : 0);
	long left = MAX_SCHEDULE_TIMEOUT;
	bool set;

	might_sleep();
	/* With the parker of another thread, the waker could wake a thread that has exited. */
	WARN_ON_ONCE(p->waiter != current);
	for (;;) {
		if (deadline != PLAT_FOREVER) {
			s64 ns = deadline - plat_now();

			left = ns <= 0 ? 0 : min_t(u64, nsecs_to_jiffies64(ns) + 1, LONG_MAX - 1);
		}
		set_current_state(state);
		set = parker_take(p);
		if (set || !left || (p->how & PARK_KILLABLE && plat_killed()))
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
