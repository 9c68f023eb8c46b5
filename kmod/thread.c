// SPDX-License-Identifier: GPL-2.0
/*
 * thread.c - kthreads: start, stop, reap, and what is done when one dies.
 *
 * Death. An oops, a BUG() or kthread_exit() in a function of the user ends the kthread without
 * a return to this module. The exit of every process wakes the wait queue of its struct pid,
 * which is how pidfds become readable. So each kthread of the stopper has an entry in that
 * queue. The dying kthread itself calls the function of the entry, exit_notify(), late in
 * do_exit(), while its stack still exists. That call holds locks and has interrupts off. So
 * exit_notify() only removes the records that are on that stack from all lists; a work item does
 * the rest, first of all the panic hook.
 *
 * After an oops that is too late: the kernel continues from the top of the stack and overwrites
 * the records on it. So a die notifier removes these records, on any thread. It leaves out a
 * thread that had interrupts off, as it may hold a lock of the stopper, and any thread on an
 * architecture for which regs_interrupts_off() does not know the register.
 *
 *   what the dead thread left             after an oops           otherwise
 *   records on its stack: late closers,   die_notify()            exit_notify(), __stopper_panic()
 *     scopes, tasks on lists
 *   its slots in tables                   exit_notify()           the same
 *   the async task, worker or closer      thread_died_work_fn()   the same, __stopper_panic()
 *
 * For a thread of another origin, for example a process in an ioctl, only an oops is seen. Its
 * tasks are transferred to a work item and become handles. They keep the stopper, its hook and
 * their sites alive until the hook has been called, and then end. These 80 lines (here and in
 * death.c) are for one case: without them, a stop waits for ever if a process has oopsed in a task
 * of the stopper, and so do its rmmod and a reboot that calls it (tried: kernel_oops hangs at
 * sync_bug).
 *
 * Reaping. A work item reaps each kthread with kthread_stop(); when that has returned, the
 * kthread no longer executes code of this module. Unloading waits until all started kthreads
 * are reaped (->alive), and only then drains the workqueue: a kthread that is no longer counted
 * by its stopper may not have queued its reaping yet.
 *
 *   kthread                             thread_reap() (workqueue)
 *   main() returns
 *   leaves pid->wait_pidfd
 *   queues reap; touches nothing more   kthread_stop(): waits until it has exited
 *   returns                             release(): frees
 *
 * Stopping. A stopper makes kthread_should_stop() true in all its workers at once, without a
 * thread that sleeps for each of them: kthread_request_stop() is kthread_stop() without the wait
 * for the exit. The mutex ->stopping orders it and the reaping: a kthread is queued for reaping
 * only after ->exiting is set, and then no stop is requested.
 *
 * A request before the thread function has been entered would keep it from ever running. In that
 * case the thread requests its own stop when it has entered the function.
 *
 * A process with a fatal signal pending cannot create kthreads, but a workqueue can. So the
 * task of a dying process is started all the same.
 *
 * Why async tasks are not items of a workqueue. A handle for each item, for admission and the
 * list, and alloc_workqueue(WQ_UNBOUND, WQ_MAX_ACTIVE) was tried beside the pool (the peer
 * "workqueue" of stopper_bench_async.c and _start.c). It is as fast, and sooner when all threads
 * are blocked: 8 to 50 us, where the pool waits for its tick. But a workqueue runs at most
 * WQ_MAX_ACTIVE items at once, 512 up to 6.12 and 2,048 in 7.2. A task may block for ever, so one
 * task more and no other would ever begin; the pool has no such number. Nor would the thread of a
 * task have its name.
 */
#include <linux/kdebug.h>
#include <linux/kthread.h>
#include <linux/notifier.h>
#include <linux/pid.h>
#include <linux/ptrace.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/sched/task_stack.h>
#include "internal.h"
#include "panic.h"
#include "upcalls.h"
#include "compat.h"

static atomic_t alive = ATOMIC_INIT(0);
static DECLARE_WAIT_QUEUE_HEAD(all_reaped);

static int thread_main(void *data);

/* NULL: this thread was not started here. */
static struct plat_thread *this_thread(void)
{
	if (!(current->flags & PF_KTHREAD) || kthread_func(current) != thread_main)
		return NULL;
	return kthread_data(current);
}

bool on_stopper_thread(void)
{
	return this_thread();
}

static void thread_reap(struct work_struct *work)
{
	struct plat_thread *t = container_of(work, struct plat_thread, reap);

	kthread_stop(t->task);
	put_task_struct(t->task);
	t->release(t);
	if (atomic_dec_and_test(&alive))
		wake_up(&all_reaped);
}

/* Removes records on this thread's stack from all lists: the stack is about to be freed. */
static void thread_end_on_stack(void)
{
	tasks_end_on_stack(task_stack_page(current), THREAD_SIZE);
	activities_end_thread(current->pid);
}

static bool regs_interrupts_off(const struct pt_regs *regs)
{
#ifdef CONFIG_X86
	return !(regs->flags & X86_EFLAGS_IF);
#elif defined(interrupts_enabled)	/* arm, arm64 */
	return !interrupts_enabled(regs);
#else
	return true;
#endif
}

/* The tasks of an oopsed thread that was not started here. */
struct dead_thread_work {
	struct work_struct work;
	struct call innermost;
	int tid;
};

static void dead_thread_work_fn(struct work_struct *work)
{
	struct dead_thread_work *e = container_of(work, struct dead_thread_work, work);

	panic_hook(&e->innermost, NULL, e->tid, true);
	tasks_end_transferred(e);
	stopper_unpin(e->innermost.s);
	kfree(e);
}

static void foreign_thread_died(void)
{
	struct dead_thread_work *e;
	struct call c;

	if (!task_innermost(&c))
		return;
	e = kzalloc(sizeof(*e), GFP_ATOMIC | __GFP_NOWARN);
	if (!e) {
		plat_log(STOPPER_LOG_ERR,
			 "thread oopsed inside a task: out of memory, panic hook not called");
		tasks_end_thread(current->pid);
		return;
	}
	e->innermost = c;
	e->tid = current->pid;
	/* Until here the task keeps the stopper alive. */
	stopper_pin(c.s);
	tasks_transfer(e->tid, e);
	INIT_WORK(&e->work, dead_thread_work_fn);
	queue_work(stopper_wq, &e->work);
}

static int die_notify(struct notifier_block *nb, unsigned long what, void *data)
{
	const struct die_args *args = data;

	/* Called with interrupts off, where the locks of PREEMPT_RT cannot be taken. */
	if (IS_ENABLED(CONFIG_PREEMPT_RT) || what != DIE_OOPS || !in_task() ||
	    regs_interrupts_off(args->regs))
		return NOTIFY_DONE;
	thread_end_on_stack();
	if (!this_thread())
		foreign_thread_died();
	return NOTIFY_DONE;
}

static struct notifier_block die_nb = {
	.notifier_call = die_notify,
};

void plat_thread_stop(struct plat_thread *t)
{
	mutex_lock(&t->stopping);
	if (t->entered && !t->exiting)
		kthread_request_stop(t->task);
	t->stop_requested = true;
	mutex_unlock(&t->stopping);
}

static void thread_set_entered(struct plat_thread *t)
{
	mutex_lock(&t->stopping);
	t->entered = true;
	if (t->stop_requested)
		kthread_request_stop(t->task);
	mutex_unlock(&t->stopping);
}

static void thread_set_exiting(struct plat_thread *t)
{
	mutex_lock(&t->stopping);
	t->exiting = true;
	mutex_unlock(&t->stopping);
}

int threads_init(void)
{
	int err = register_die_notifier(&die_nb);

#ifndef HAVE_KTHREAD_REQUEST_STOP
	if (err)
		return err;
	err = request_stop_probe();
	if (err)
		threads_exit();
#endif
	return err;
}

/* No thread is started any more. Work items that are still queued do nothing. */
void threads_exit(void)
{
	unregister_die_notifier(&die_nb);
	wait_event(all_reaped, !atomic_read(&alive));
}

/* The thread has no records on lists any more. */
static void thread_leave(struct plat_thread *t)
{
	thread_set_exiting(t);
	remove_wait_queue(&t->pid->wait_pidfd, &t->exit_wait);
	put_pid(t->pid);
	INIT_WORK(&t->reap, thread_reap);
	queue_work(stopper_wq, &t->reap);
}

static void thread_died_work_fn(struct work_struct *work)
{
	struct plat_thread *t = container_of(work, struct plat_thread, reap);

	thread_set_exiting(t);
	t->died(t, false);
	put_pid(t->pid);
	thread_reap(work);
}

static int exit_notify(struct wait_queue_entry *wait, unsigned int mode, int flags, void *key)
{
	struct plat_thread *t = container_of(wait, struct plat_thread, exit_wait);

	list_del_init(&wait->entry);
	lockdep_end_thread();
	tasks_end_thread(t->task->pid);
	thread_end_on_stack();
	INIT_WORK(&t->reap, thread_died_work_fn);
	queue_work(stopper_wq, &t->reap);
	return 0;
}

static int thread_main(void *data)
{
	struct plat_thread *t = data;

	t->pid = get_task_pid(current, PIDTYPE_PID);
	init_waitqueue_func_entry(&t->exit_wait, exit_notify);
	add_wait_queue(&t->pid->wait_pidfd, &t->exit_wait);
	thread_set_entered(t);
	t->main(t);
	thread_leave(t);
	return 0;
}

static int thread_create(struct plat_thread *t)
{
	struct task_struct *task = kthread_create(thread_main, t, "%s", t->comm);

	if (IS_ERR(task))
		return PTR_ERR(task);
	t->task = get_task_struct(task);
	atomic_inc(&alive);
	wake_up_process(task);
	return 0;
}

struct thread_create_work {
	struct work_struct work;
	struct plat_thread *t;
	int err;
};

static void thread_create_work_fn(struct work_struct *work)
{
	struct thread_create_work *cw = container_of(work, struct thread_create_work, work);

	cw->err = thread_create(cw->t);
}

int plat_thread_start(struct plat_thread *t, const char *name)
{
	struct thread_create_work cw = { .t = t };
	int err;

	mutex_init(&t->stopping);
	t->entered = false;
	t->stop_requested = false;
	t->exiting = false;
	name_escape_comm(t->comm, sizeof(t->comm), name);
	err = thread_create(t);
	if (err != -EINTR)
		return err;
	INIT_WORK_ONSTACK(&cw.work, thread_create_work_fn);
	queue_work(stopper_wq, &cw.work);
	flush_work(&cw.work);
	destroy_work_on_stack(&cw.work);
	return cw.err;
}

void plat_thread_name(struct plat_thread *t, const char *name)
{
	memset(t->comm, 0, sizeof(t->comm));
	name_escape_comm(t->comm, sizeof(t->comm), name);
	set_task_comm(current, t->comm);
}

static bool panic_find_callback(struct call *c)
{
	bool task = task_innermost(c);
	struct call run;

	/* An async task or worker is the outermost function on its thread. */
	if (task && c->kind == STOPPER_PANIC_TASK)
		return true;
	if (activity_innermost(&run)) {
		*c = run;
		return true;
	}
	return task;
}

void __stopper_panic(void *value)
{
	struct plat_thread *t = this_thread();
	int tid = plat_tid();
	struct call c;

	if (panic_find_callback(&c))
		panic_hook(&c, value, tid, false);
	else
		plat_log(STOPPER_LOG_ERR,
			 "panic outside any task, worker, closer or recover scope");
	lockdep_end_thread();
	tasks_end_thread(tid);
	thread_end_on_stack();
	if (!t)
		BUG();
	t->died(t, true);
	thread_leave(t);
	kthread_complete_and_exit(NULL, 0);
}
EXPORT_SYMBOL_PLAT(__stopper_panic);
