// SPDX-License-Identifier: GPL-2.0
/*
 * stopper_machine.c - a stopper, and the state of the machine that it runs on.
 *
 * The process that writes a command to /dev/stopper_machine executes it:
 *
 *   again N [US]   N async tasks that spin for US microseconds and start themselves again, until
 *                  `limit' tasks have run in all
 *   flood N [US]   N async tasks that spin for US microseconds
 *   task KIND      an async task that leaves KIND on its thread, see kinds[], then tasks until one
 *                  runs on that thread; -EUCLEAN: that one found the thread changed
 *   worker N       N workers that wait until kthread_should_stop() and then until `let_go'
 *   freezable N    N freezable workers that wait for ShouldStop
 *   hold           an async task that waits until `let_go'
 *   let_go         ends the waits above and the handle of `softirq'
 *   softirq        a timer begins a handle
 *   softirq_stop   stopper_stop_async() from a timer
 *   kill_wait, kill_any, kill_quiesce, kill_stop, kill_sem, kill_limited
 *                  the named wait, with a context of stopper_ctx_with_kill()
 *   wait           stopper_wait() for ShouldStop; wait_locked: with a mutex held
 *   quiesce_locked stopper_quiesce() with the mutex held
 *   stop           stopper_stop() and stopper_put(); stop_locked: with the mutex held
 *   task_locks     an async task locks and unlocks the mutex
 *
 * A read returns one line: "ran N stopping N returned N waiting N interrupted N". "stopping" is the
 * number of workers that have seen kthread_should_stop().
 */
#define pr_fmt(fmt) "stopper_machine: " fmt

#include <linux/atomic.h>
#include <linux/bottom_half.h>
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/cred.h>
#include <linux/freezer.h>
#include <linux/fs.h>
#include <linux/irqflags.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/timer.h>
#include <linux/uaccess.h>
#include <stopper/stopper.h>

static int limit = 10000;
module_param(limit, int, 0644);
MODULE_PARM_DESC(limit, "tasks that `again' runs in all");

static bool no_freeze;
module_param(no_freeze, bool, 0644);
MODULE_PARM_DESC(no_freeze, "set STOPPER_NO_FREEZE for the next stopper");

static struct stopper *s;
static struct completion let_go;
static atomic_t ran, stopping, returned, waiting, interrupted;
static int spin_us;
static DEFINE_MUTEX(machine_mutex);

static int machine_stopper(void)
{
	struct stopper_options opts = {
		.size = sizeof(opts),
		.flags = no_freeze ? STOPPER_NO_FREEZE : 0,
	};

	if (s)
		return 0;
	init_completion(&let_go);
	atomic_set(&stopping, 0);
	atomic_set(&returned, 0);
	atomic_set(&waiting, 0);
	return stopper_create(&s, "machine", &opts);
}

static void spin_task(struct stopper_ctx *ctx, void *arg)
{
	u64 end = ktime_get_ns() + spin_us * NSEC_PER_USEC;

	while (ktime_get_ns() < end)
		cpu_relax();
	atomic_inc(&ran);
}

static void spin_again_task(struct stopper_ctx *ctx, void *arg)
{
	spin_task(ctx, arg);
	if (atomic_read(&ran) < limit)
		stopper_run_async_task(s, NULL, "machine-again", spin_again_task, NULL);
}

static void hold_task(struct stopper_ctx *ctx, void *arg)
{
	wait_for_completion(&let_go);
	atomic_inc(&returned);
}

static void slow_worker(struct stopper_ctx *ctx, void *arg)
{
	for (;;) {
		set_current_state(TASK_IDLE);
		if (kthread_should_stop())
			break;
		schedule();
	}
	__set_current_state(TASK_RUNNING);
	atomic_inc(&stopping);
	while (!try_wait_for_completion(&let_go))
		schedule_timeout_idle(HZ / 20);
	complete_all(&let_go);
	atomic_inc(&returned);
}

static void freezable_worker(struct stopper_ctx *ctx, void *arg)
{
	set_freezable();
	atomic_inc(&waiting);
	stopper_wait(stopper_should_stop(s), NULL);
	atomic_inc(&returned);
}

static void leave_nofs(void)
{
	current->flags |= PF_MEMALLOC_NOFS;
}

static void leave_nice(void)
{
	set_user_nice(current, -15);
}

static void leave_fifo(void)
{
	sched_set_fifo(current);
}

static void leave_cpus(void)
{
	set_cpus_allowed_ptr(current, cpumask_of(raw_smp_processor_id()));
}

static void leave_signal(void)
{
	allow_signal(SIGUSR1);
	send_sig(SIGUSR1, current, 1);
}

/* Unbalanced on purpose. __release() hides that from sparse. */
static void leave_preemption_off(void)
{
	preempt_disable();
}

static void leave_interrupts_off(void)
{
	local_irq_disable();
}

static void leave_softirqs_off(void)
{
	local_bh_disable();
}

static void leave_rcu(void)
{
	rcu_read_lock();
	__release(RCU);
}

static const struct cred *other_credentials;

static void leave_credentials(void)
{
	if (!other_credentials)
		other_credentials = prepare_kernel_cred(&init_task);
	if (other_credentials)
		override_creds(other_credentials);
}

static void leave_freezable(void)
{
	set_freezable();
}

/* What a task changes on its thread and does not restore. */
static const struct {
	const char *name;
	void (*fn)(void);
} kinds[] = {
	{ "nofs", leave_nofs },
	{ "nice", leave_nice },
	{ "fifo", leave_fifo },
	{ "cpus", leave_cpus },
	{ "signal", leave_signal },
	{ "preempt", leave_preemption_off },
	{ "irqs", leave_interrupts_off },
	{ "bh", leave_softirqs_off },
	{ "rcu", leave_rcu },
	{ "creds", leave_credentials },
	{ "freezable", leave_freezable },
};

static int leaker;			/* the thread of the last leak_task() */

static void leak_task(struct stopper_ctx *ctx, void *fn)
{
	void (*leave)(void) = fn;

	leaker = current->pid;
	leave();
}

static bool thread_is_clean(void)
{
	return !(current->flags & PF_MEMALLOC_NOFS) && current->flags & PF_NOFREEZE &&
	       !task_nice(current) && current->policy == SCHED_NORMAL &&
	       current->nr_cpus_allowed == num_possible_cpus() && !signal_pending(current) &&
	       !preempt_count() && !irqs_disabled() && !rcu_preempt_depth() &&
	       current_cred() == current_real_cred();
}

/* A later task: does it run on the leaker's thread, and is that thread clean? */
static void check_task(struct stopper_ctx *ctx, void *arg)
{
	int *found = arg;

	*found = current->pid != leaker ? -EAGAIN : thread_is_clean() ? 0 : -EUCLEAN;
}

static int run_task(stopper_fn fn, void *arg)
{
	int err = stopper_run_async_task(s, NULL, "machine-task", fn, arg);

	while (!err && stopper_num_tasks(s))
		schedule_timeout_idle(1);
	return err;
}

/* Returns -EUCLEAN if the next task on the thread found it changed. */
static int run_leak_kind(const char *name)
{
	int i, err = -EINVAL, found = -EAGAIN;

	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(name, kinds[i].name))
			err = run_task(leak_task, kinds[i].fn);
	for (i = 0; !err && found == -EAGAIN && i < 1000; i++)
		err = run_task(check_task, &found);
	return err ?: found;
}

static int run_tasks(int n, stopper_fn fn)
{
	int i, err = 0;

	for (i = 0; !err && i < n; i++) {
		err = stopper_run_async_task(s, NULL, "machine-task", fn, NULL);
		if (i % 1000 == 0)
			cond_resched();
	}
	return err;
}

static int run_workers(int n, stopper_fn fn)
{
	int i, err = 0;

	for (i = 0; !err && i < n; i++)
		err = stopper_run_worker(s, NULL, "machine-worker", fn, NULL);
	return err;
}

static int wait_for_stop(void)
{
	/* Another process may stop and put it before this one runs again. */
	struct stopper *mine = stopper_get(s);
	int err;

	atomic_inc(&waiting);
	err = stopper_wait(stopper_should_stop(mine), NULL);
	atomic_dec(&waiting);
	stopper_put(mine);
	return err;
}

static int stop_and_put(void)
{
	struct stopper *old = s;
	int err;

	if (!s)
		return 0;
	err = stopper_stop(old, NULL);
	if (!err) {
		s = NULL;
		stopper_put(old);
	}
	return err;
}

static int wait_killable(const char *what)
{
	struct stopper_event *any[] = { stopper_should_stop(s), stopper_is_stopped(s) };
	struct stopper_ctx *ctx;
	struct stopper_sem sem;
	int err = stopper_ctx_with_kill(NULL, &ctx);

	if (err)
		return err;
	stopper_sem_init(&sem, 0);
	atomic_inc(&waiting);
	if (!strcmp(what, "kill_wait"))
		err = stopper_wait(stopper_should_stop(s), ctx);
	else if (!strcmp(what, "kill_any"))
		err = stopper_wait_any(any, ARRAY_SIZE(any), ctx);
	else if (!strcmp(what, "kill_quiesce"))
		err = stopper_quiesce(s, ctx);
	else if (!strcmp(what, "kill_stop"))
		err = stopper_stop(s, ctx);
	else if (!strcmp(what, "kill_sem"))
		err = stopper_sem_acquire(&sem, ctx);
	else
		err = stopper_run_limited_async_task(s, ctx, "machine-limited", &sem, true,
						     spin_task, NULL);
	atomic_dec(&waiting);
	if (err == -EINTR)
		atomic_inc(&interrupted);
	stopper_sem_destroy(&sem);
	stopper_ctx_put(ctx);
	return err;
}

static int call_locked(int (*fn)(void))
{
	int err;

	mutex_lock(&machine_mutex);
	err = fn();
	mutex_unlock(&machine_mutex);
	return err;
}

static struct stopper_task handle;
static bool handle_begun;
static struct completion from_timer;
static int timer_err;

static void timer_begins(struct timer_list *timer)
{
	timer_err = stopper_task_begin(s, NULL, "machine-softirq", &handle);
	handle_begun = !timer_err;
	complete(&from_timer);
}

static void end_softirq_handle(void)
{
	if (handle_begun)
		stopper_task_end(&handle);
	handle_begun = false;
}

static void timer_stops(struct timer_list *timer)
{
	timer_err = stopper_stop_async(s);
	complete(&from_timer);
}

static DEFINE_TIMER(begins, timer_begins);
static DEFINE_TIMER(stops, timer_stops);

static int run_in_softirq(struct timer_list *timer)
{
	init_completion(&from_timer);
	mod_timer(timer, jiffies + 1);
	wait_for_completion(&from_timer);
	return timer_err;
}

static int machine_quiesce(void)
{
	return stopper_quiesce(s, NULL);
}

static void lock_task(struct stopper_ctx *ctx, void *arg)
{
	mutex_lock(&machine_mutex);
	mutex_unlock(&machine_mutex);
}

static int machine_command(const char *what, int n, const char *kind)
{
	int err = machine_stopper();

	if (err)
		return err;
	if (!strcmp(what, "again"))
		return run_tasks(n, spin_again_task);
	if (!strcmp(what, "flood"))
		return run_tasks(n, spin_task);
	if (!strcmp(what, "task"))
		return run_leak_kind(kind);
	if (!strcmp(what, "worker"))
		return run_workers(n, slow_worker);
	if (!strcmp(what, "freezable"))
		return run_workers(n, freezable_worker);
	if (!strcmp(what, "hold"))
		return run_tasks(1, hold_task);
	if (!strcmp(what, "wait"))
		return wait_for_stop();
	if (!strcmp(what, "wait_locked"))
		return call_locked(wait_for_stop);
	if (!strcmp(what, "task_locks"))
		return run_task(lock_task, NULL);
	if (!strcmp(what, "softirq"))
		return run_in_softirq(&begins);
	if (!strcmp(what, "softirq_stop"))
		return run_in_softirq(&stops);
	if (!strcmp(what, "quiesce_locked"))
		return call_locked(machine_quiesce);
	if (!strcmp(what, "stop"))
		return stop_and_put();
	if (!strncmp(what, "kill_", 5))
		return wait_killable(what);
	if (!strcmp(what, "stop_locked"))
		return call_locked(stop_and_put);
	if (strcmp(what, "let_go"))
		return -EINVAL;
	complete_all(&let_go);
	end_softirq_handle();
	return 0;
}

static ssize_t machine_write(struct file *file, const char __user *from, size_t size, loff_t *pos)
{
	char line[64] = "", what[16] = "", kind[16] = "";
	int n = 1, err;

	if (size >= sizeof(line))
		return -EINVAL;
	if (copy_from_user(line, from, size))
		return -EFAULT;
	spin_us = 1000;
	if (sscanf(line, "%15s %d %d", what, &n, &spin_us) == 1)
		sscanf(line, "%15s %15s", what, kind);
	err = machine_command(what, n, kind);
	return err ?: size;
}

static ssize_t machine_read(struct file *file, char __user *to, size_t size, loff_t *pos)
{
	char line[96];
	int len = scnprintf(line, sizeof(line),
			    "ran %d stopping %d returned %d waiting %d interrupted %d\n",
			    atomic_read(&ran), atomic_read(&stopping), atomic_read(&returned),
			    atomic_read(&waiting), atomic_read(&interrupted));

	return simple_read_from_buffer(to, size, pos, line, len);
}

static const struct file_operations machine_fops = {
	.owner = THIS_MODULE,
	.read = machine_read,
	.write = machine_write,
};

static struct miscdevice machine = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "stopper_machine",
	.fops = &machine_fops,
};

static int __init machine_init(void)
{
	return misc_register(&machine);
}

static void __exit machine_exit(void)
{
	misc_deregister(&machine);
	if (s)
		complete_all(&let_go);
	end_softirq_handle();
	stop_and_put();
	put_cred(other_credentials);
}

module_init(machine_init);
module_exit(machine_exit);

MODULE_DESCRIPTION("Test of the stopper: interactions with the rest of the kernel");
MODULE_LICENSE("GPL");
