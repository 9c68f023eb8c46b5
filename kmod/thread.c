// SPDX-License-Identifier: GPL-2.0
/*
 * thread.c - kthreads: started, named, stopped, and missed when they die.
 *
 * Death. An oops, a BUG() or kthread_exit() in a user's function ends the kthread
 * without returning to us. The exit of every process wakes those who wait on its
 * struct pid (that is how pidfds become readable), so each of our kthreads has a
 * wait entry there, whose function is called by the dying kthread itself, late in
 * do_exit(), with its stack still there. It is called with locks held and
 * interrupts off, so it only takes what lies on that stack off our lists, and
 * leaves the rest, the panic hook first, to a work item.
 *
 * After an oops that is too late: the kernel goes on from the top of the stack, over
 * the records that lie there. So these are taken off our lists by a die notifier, on
 * whichever thread they are. A thread that had interrupts off may hold a lock of
 * ours, and is left alone; so is each thread of a machine whose registers are not
 * asked here.
 *
 *   what the dying thread left            after an oops           otherwise
 *   records on its stack: closers added   die_notify()            exit_notify(), __stopper_panic()
 *     late, scopes, tasks on lists
 *   its slots in tables                   exit_notify()           the same
 *   the async task, worker or closer      thread_died_work_fn()   the same, __stopper_panic()
 *
 * Of a thread that is not ours, a process in an ioctl say, only an oops is known. The
 * tasks that it was in are handed to a work item, as handles: they keep the stopper, its
 * hook and their sites until the hook has been told, and then end.
 *
 * Leaving. Each kthread is reaped by a work item that calls kthread_stop(): when
 * that returns, the kthread has left this module's text for good. Unloading waits
 * until all that were started are reaped (->alive), and only then drains the
 * workqueue: a kthread that nobody counts any more may not have queued its reaping.
 *
 *   kthread                             thread_reap() (workqueue)
 *   main() returns
 *   off pid->wait_pidfd
 *   queue reap; touch nothing more      kthread_stop(): waits until it has exited
 *   return                              release(): frees
 *
 * Stopping. kthread_stop() makes kthread_should_stop() true in a kthread, ends its
 * interruptible sleep, and waits for its exit. A stopper wants the first two for all its
 * workers at once, and no thread that sleeps for each of them. The kernel has no call for
 * that, but what kthread_stop() waits for can be reached: it is the completion at which
 * task_struct::vfork_done points until the exit has completed it, in every kernel since
 * 3.8. Each call takes one count of it. So plat_thread_stop() adds a count, which its
 * kthread_stop() takes, and the exit adds the one for thread_reap():
 *
 *   plat_thread_stop()                  kthread                   thread_reap()
 *   ->stopping; exiting? no
 *   complete(vfork_done)
 *   kthread_stop(): does not sleep      should stop: returns
 *   unlock ->stopping                   ->stopping; exiting; unlock
 *                                       queue reap
 *                                       exit: complete()          kthread_stop(): sleeps
 *
 *   Under the mutex ->stopping thread_reap() cannot take the count that was not its own, and
 *   nobody is told who is about to be reaped.
 *
 * Poking the bit into the private struct kthread was the other way; this one lets each
 * kernel's kthread_stop() do all that it does for a kthread that is to stop. That it does
 * not sleep is tried at load, with a thread, as a kernel may come in which it would.
 *
 * kthread_stop() before the thread function was entered would keep it from ever running.
 * Then the thread tells itself, when it has entered.
 *
 * A process with a fatal signal pending cannot create kthreads; a workqueue can,
 * so that a dying process' task is started all the same.
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

static atomic_t alive = ATOMIC_INIT(0);
static DECLARE_WAIT_QUEUE_HEAD(all_reaped);

static int thread_main(void *data);

/* NULL: this thread is not ours. */
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

/* Forgets what lies on this thread's stack, which goes with it. */
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

/* The tasks of a thread that is not ours, and has oopsed. */
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
	/* The task keeps it until now. */
	stopper_pin(c.s);
	tasks_transfer(e->tid, e);
	INIT_WORK(&e->work, dead_thread_work_fn);
	queue_work(stopper_wq, &e->work);
}

static int die_notify(struct notifier_block *nb, unsigned long what, void *data)
{
	const struct die_args *args = data;

	/* With PREEMPT_RT locks may sleep, and this is called with interrupts off. */
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

/* With ->stopping held, of a thread that runs: it shall stop. Does not wait for it. */
static void thread_request_stop(struct plat_thread *t)
{
	struct completion *exited;

	task_lock(t->task);
	exited = t->task->vfork_done;
	if (exited)
		complete(exited);
	task_unlock(t->task);
	/* Else it has exited, under its function. */
	if (exited)
		kthread_stop(t->task);
}

void plat_thread_stop(struct plat_thread *t)
{
	mutex_lock(&t->stopping);
	if (t->entered && !t->exiting)
		thread_request_stop(t);
	t->stop_requested = true;
	mutex_unlock(&t->stopping);
}

static void thread_set_entered(struct plat_thread *t)
{
	mutex_lock(&t->stopping);
	t->entered = true;
	if (t->stop_requested)
		thread_request_stop(t);
	mutex_unlock(&t->stopping);
}

static void thread_set_exiting(struct plat_thread *t)
{
	mutex_lock(&t->stopping);
	t->exiting = true;
	mutex_unlock(&t->stopping);
}

/* A thread that is told to stop, and looks whether who told it waits for it. */
struct stop_probe {
	struct plat_thread thread;
	struct completion returned;
	struct completion released;
	bool stop_waited;
};

static void stop_probe_main(struct plat_thread *t)
{
	struct stop_probe *p = container_of(t, struct stop_probe, thread);

	for (;;) {
		set_current_state(TASK_IDLE);
		if (kthread_should_stop())
			break;
		schedule();
	}
	__set_current_state(TASK_RUNNING);
	p->stop_waited = !wait_for_completion_timeout(&p->returned, HZ);
}

static void stop_probe_release(struct plat_thread *t)
{
	complete(&container_of(t, struct stop_probe, thread)->released);
}

static int stop_probe_run(void)
{
	struct stop_probe *p = kzalloc(sizeof(*p), GFP_KERNEL);
	int err = -ENOMEM;

	if (!p)
		return err;
	init_completion(&p->returned);
	init_completion(&p->released);
	p->thread.main = stop_probe_main;
	p->thread.release = stop_probe_release;
	err = plat_thread_start(&p->thread, "stopper/probe");
	if (err)
		goto out;
	plat_thread_stop(&p->thread);
	complete(&p->returned);
	wait_for_completion(&p->released);
	if (p->stop_waited) {
		pr_err("kthread_stop() of this kernel waits after vfork_done: not supported\n");
		err = -EOPNOTSUPP;
	}
out:
	kfree(p);
	return err;
}

int threads_init(void)
{
	int err = register_die_notifier(&die_nb);

	if (err)
		return err;
	err = stop_probe_run();
	if (err)
		threads_exit();
	return err;
}

/* Nobody starts threads any more. What runs after this is queued work that is over. */
void threads_exit(void)
{
	unregister_die_notifier(&die_nb);
	wait_event(all_reaped, !atomic_read(&alive));
}

/* Nothing of ours is on its lists any more. */
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
	name_comm(t->comm, sizeof(t->comm), name);
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
	name_comm(t->comm, sizeof(t->comm), name);
	/* As __set_task_comm(), which modules cannot call: readers hold this lock. */
	task_lock(current);
	memcpy(current->comm, t->comm, sizeof(t->comm));
	task_unlock(current);
}

static bool panic_find_callback(struct call *c)
{
	bool task = task_innermost(c);
	struct call run;

	/* An async task or worker is below all that runs on its thread. */
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
