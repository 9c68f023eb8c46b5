// SPDX-License-Identifier: GPL-2.0
/*
 * thread_state.c - what a task leaves on its kthread: detect, restore, report.
 *
 * The threads of the pool are shared, so a change that a task makes to its thread would affect an
 * unrelated task, perhaps of another module. process_one_work() checks for leaked atomic context,
 * locks and RCU sections after each work item for the same reason. This file checks more, and
 * restores what can be restored, as do_one_initcall() does with the preempt count and interrupts:
 *
 *   checked after each task                        restored
 *   interrupts, softirqs, preempt count            yes, the count; a spinlock that was taken with
 *                                                  it stays locked
 *   RCU read-side sections                         yes, they are ended
 *   locks, if lockdep counts them                  no; lockdep prints them
 *   PF_MEMALLOC*, PF_NOFREEZE and others           yes
 *   policy and nice, CPUs, migrate_disable()       yes, to SCHED_NORMAL and the CPUs of kthreads
 *   signals allowed or pending                     yes, none is allowed
 *   credentials, kthread_use_mm()                  yes
 *
 * The state after a task is compared with the state before it, so what an administrator sets on
 * an idle thread stays. Of the allowed CPUs only the number is compared. The name of the thread
 * is checked in pool_loop.c.
 *
 * All this is done while the task is still counted, so its site and its stopper, which the report
 * needs, still exist. For each site, each kind of leak is reported once, as long as the site is
 * among the last KNOWN_LEAKS that leaked. Workers have threads of their own, which end with them.
 */
#include <linux/cpumask.h>
#include <linux/cred.h>
#include <linux/debug_locks.h>
#include <linux/interrupt.h>
#include <linux/kthread.h>
#include <linux/lockdep.h>
#include <linux/mmu_context.h>
#include <linux/preempt.h>
#include <linux/sched/isolation.h>
#include <linux/sched/signal.h>
#include "internal.h"
#include "panic.h"
#include "upcalls.h"

#define KNOWN_LEAKS		16

static const struct {
	unsigned int flag;
	const char *name;
} flag_names[] = {
	{ PF_MEMALLOC, "PF_MEMALLOC" },
	{ PF_MEMALLOC_NOFS, "PF_MEMALLOC_NOFS" },
	{ PF_MEMALLOC_NOIO, "PF_MEMALLOC_NOIO" },
	{ PF_MEMALLOC_PIN, "PF_MEMALLOC_PIN" },
	{ PF_LOCAL_THROTTLE, "PF_LOCAL_THROTTLE" },
	{ PF_NO_SETAFFINITY, "PF_NO_SETAFFINITY" },
	{ PF_NOFREEZE, "PF_NOFREEZE" },
};

#define CHECKED_FLAGS	(PF_MEMALLOC | PF_MEMALLOC_NOFS | PF_MEMALLOC_NOIO | PF_MEMALLOC_PIN | \
			 PF_LOCAL_THROTTLE | PF_NO_SETAFFINITY | PF_NOFREEZE)

/* Kinds of leaks. */
enum {
	LEAK_IRQS = 1 << 0,
	LEAK_PREEMPT = 1 << 1,
	LEAK_RCU = 1 << 2,
	LEAK_LOCKS = 1 << 3,
	LEAK_FLAGS = 1 << 4,
	LEAK_SCHED = 1 << 5,
	LEAK_CPUS = 1 << 6,
	LEAK_SIGNALS = 1 << 7,
	LEAK_CREDS = 1 << 8,
	LEAK_MM = 1 << 9,
};

struct thread_state {
	unsigned int preempt;
	unsigned int rcu;
	unsigned int locks;
	unsigned int flags;
	unsigned int policy;
	int prio;
	int pinned;
	int ncpus;
	const struct cred *cred;
};

static inline int pinned_to_cpu(void)
{
#ifdef CONFIG_SMP
	return current->migration_disabled;
#else
	return 0;
#endif
}

static void state_save(struct thread_state *st)
{
	st->preempt = preempt_count();
	st->rcu = rcu_preempt_depth();
	st->locks = lockdep_depth(current);
	st->flags = current->flags & CHECKED_FLAGS;
	st->policy = current->policy;
	st->prio = current->static_prio;
	st->pinned = pinned_to_cpu();
	st->ncpus = current->nr_cpus_allowed;
	st->cred = current_cred();
}

/* kthreadd ignores all signals, and so do its children until they call allow_signal(). */
static bool signals_allowed(void)
{
	const struct k_sigaction *sa = rcu_dereference_protected(current->sighand, true)->action;
	unsigned long other = 0;
	int i;

	for (i = 0; i < SIGRTMIN - 1; i++)
		other |= (__force unsigned long)sa[i].sa.sa_handler ^
			 (__force unsigned long)SIG_IGN;
	return other || signal_pending(current);
}

static unsigned int state_leaks(const struct thread_state *before)
{
	struct thread_state now;
	unsigned int leaks = 0;

	state_save(&now);
	if (irqs_disabled())
		leaks |= LEAK_IRQS;
	if (now.preempt != before->preempt)
		leaks |= LEAK_PREEMPT;
	if (now.rcu != before->rcu)
		leaks |= LEAK_RCU;
	if (now.locks > before->locks)
		leaks |= LEAK_LOCKS;
	if (now.flags != before->flags)
		leaks |= LEAK_FLAGS;
	if (now.policy != before->policy || now.prio != before->prio)
		leaks |= LEAK_SCHED;
	if (now.pinned != before->pinned || now.ncpus != before->ncpus)
		leaks |= LEAK_CPUS;
	if (signals_allowed())
		leaks |= LEAK_SIGNALS;
	if (now.cred != before->cred)
		leaks |= LEAK_CREDS;
	if (current->mm)
		leaks |= LEAK_MM;
	return leaks;
}

/* First of all: nothing may sleep before this. */
static void state_restore_context(const struct thread_state *before)
{
	if (irqs_disabled())
		local_irq_enable();
	while (softirq_count())
		local_bh_enable();
	if (preempt_count() != before->preempt)
		preempt_count_set(before->preempt);
	while (rcu_preempt_depth() > before->rcu) {
		__acquire(RCU);
		rcu_read_unlock();
	}
}

static void state_restore_cpus(const struct thread_state *before)
{
	while (pinned_to_cpu() > before->pinned)
		migrate_enable();
	set_cpus_allowed_ptr(current, housekeeping_cpumask(HK_TYPE_KTHREAD));
}

static void state_restore_signals(void)
{
	int sig;

	for (sig = 1; sig < SIGRTMIN; sig++)
		kernel_sigaction(sig, SIG_IGN);
	flush_signals(current);
}

static void state_restore(const struct thread_state *before, unsigned int leaks)
{
	state_restore_context(before);
	current->flags = (current->flags & ~CHECKED_FLAGS) | before->flags;
	if (leaks & LEAK_SCHED)
		sched_set_normal(current, PRIO_TO_NICE(before->prio));
	if (leaks & LEAK_CPUS)
		state_restore_cpus(before);
	if (leaks & LEAK_SIGNALS)
		state_restore_signals();
	if (leaks & LEAK_CREDS)
		revert_creds(before->cred);
	if (leaks & LEAK_MM)
		kthread_unuse_mm(current->mm);
}

struct leak_text {
	char text[192];
	size_t len;
};

static __printf(2, 3) void leak_text_add(struct leak_text *t, const char *fmt, ...)
{
	va_list args;

	if (t->len)
		t->len += scnprintf(t->text + t->len, sizeof(t->text) - t->len, ", ");
	va_start(args, fmt);
	t->len += vscnprintf(t->text + t->len, sizeof(t->text) - t->len, fmt, args);
	va_end(args);
}

static void leaks_describe_flags(struct leak_text *t, unsigned int before)
{
	unsigned int i, now = current->flags;

	for (i = 0; i < ARRAY_SIZE(flag_names); i++)
		if ((now ^ before) & flag_names[i].flag)
			leak_text_add(t, "%s %s", flag_names[i].name,
				      now & flag_names[i].flag ? "set" : "cleared");
}

/* Called before the state is restored. */
static void leaks_describe(struct leak_text *t, const struct thread_state *before,
			   unsigned int leaks)
{
	if (leaks & LEAK_IRQS)
		leak_text_add(t, "interrupts off");
	if (leaks & LEAK_PREEMPT)
		leak_text_add(t, "preempt count %x", preempt_count());
	if (leaks & LEAK_RCU)
		leak_text_add(t, "RCU depth %d", rcu_preempt_depth());
	if (leaks & LEAK_LOCKS)
		leak_text_add(t, "%u locks held", lockdep_depth(current) - before->locks);
	if (leaks & LEAK_FLAGS)
		leaks_describe_flags(t, before->flags);
	if (leaks & LEAK_SCHED)
		leak_text_add(t, "policy %u nice %d", current->policy, task_nice(current));
	if (leaks & LEAK_CPUS)
		leak_text_add(t, "allowed CPUs %*pbl", cpumask_pr_args(current->cpus_ptr));
	if (leaks & LEAK_SIGNALS)
		leak_text_add(t, "signals allowed");
	if (leaks & LEAK_CREDS)
		leak_text_add(t, "changed credentials");
	if (leaks & LEAK_MM)
		leak_text_add(t, "an attached address space");
}

static DEFINE_SPINLOCK(known_leaks_lock);
static struct {
	const struct stopper_site *site;	/* only compared: its module may be unloaded */
	unsigned int leaks;
} known_leaks[KNOWN_LEAKS];

/* Is one of the leaks new for @site, as far as is remembered? */
static bool leak_is_new(const struct stopper_site *site, unsigned int leaks)
{
	static unsigned int next;
	unsigned int i, known;

	spin_lock(&known_leaks_lock);
	for (i = 0; i < KNOWN_LEAKS && known_leaks[i].site != site; i++)
		;
	if (i == KNOWN_LEAKS) {
		i = next++ % KNOWN_LEAKS;
		known_leaks[i].site = site;
		known_leaks[i].leaks = 0;
	}
	known = known_leaks[i].leaks;
	known_leaks[i].leaks |= leaks;
	spin_unlock(&known_leaks_lock);
	return leaks & ~known;
}

static void leaks_report(const struct call *c, const char *what)
{
	char name[STOPPER_NAME_SHOWN + 1], file[64];

	name_escape(name, sizeof(name), c->site->name);
	name_escape_tail(file, sizeof(file), c->site->file ? c->site->file : "?");
	stopper_log(c->s, STOPPER_LOG_WARNING, "\"%s\": %s \"%s\" (%s:%u) left its thread with %s",
		    c->s->name, c->kind == STOPPER_PANIC_CLOSER ? "closer" : "task", name, file,
		    c->site->line, what);
}

static noinline void leaks_repair(const struct call *c, const struct thread_state *before,
				  unsigned int leaks)
{
	struct leak_text what = { .len = 0 };

	leaks_describe(&what, before, leaks);
	state_restore(before, leaks);
	if (!leak_is_new(c->site, leaks))
		return;
	leaks_report(c, what.text);
	if (leaks & LEAK_LOCKS)
		debug_show_held_locks(current);
}

/* Do other tasks run on this thread too? Closers run on a pool thread or on their caller's. */
static bool thread_is_shared(const struct call *c)
{
	return c->kind == STOPPER_PANIC_ASYNC ||
	       (c->kind == STOPPER_PANIC_CLOSER && on_stopper_thread());
}

/* Never true: a panic cannot be unwound in the kernel; it ends the thread. */
bool plat_call(struct call *c, stopper_fn fn, struct stopper_ctx *ctx, void *arg)
{
	struct lockdep_map *map = lockdep_enter_call(c);
	struct thread_state before;
	unsigned int leaks;

	if (thread_is_shared(c)) {
		state_save(&before);
		fn(ctx, arg);
		leaks = state_leaks(&before);
		if (unlikely(leaks))
			leaks_repair(c, &before, leaks);
	} else {
		fn(ctx, arg);
	}
	lockdep_leave_call(map);
	return false;
}
