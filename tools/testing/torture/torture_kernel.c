// SPDX-License-Identifier: GPL-2.0
/*
 * torture_kernel.c - the torture as a module, and what only the kernel has: deferred operations in
 * softirq, tasks with interrupts off, real-time priorities.
 *
 *   insmod stopper_torture.ko [seconds=N] [threads=N] [stoppers=N] [seed=N] [stutter=N] [hang=N]
 *
 * insmod returns at once. Messages go to the kernel log, the verdict last; the parameter
 * "result" is "running", "SUCCESS" or "FAILURE". rmmod ends it early. CPUs that
 * come and go, memory pressure, readers of the debug file and modules that load and unload beside
 * it are done by a script: selftests/stopper/kernel_torture.sh.
 */
#define pr_fmt(fmt) "stopper_torture: " fmt

#include <linux/cpumask.h>
#include <linux/module.h>
#include <linux/random.h>
#include <linux/timer.h>

#include "torture.h"

static int seconds = 60;
module_param(seconds, int, 0444);
MODULE_PARM_DESC(seconds, "how long");

static int threads;
module_param(threads, int, 0444);
MODULE_PARM_DESC(threads, "how many threads do random things (default: 2 per CPU)");

static int stoppers = 8;
module_param(stoppers, int, 0444);
MODULE_PARM_DESC(stoppers, "how many stoppers at once");

static unsigned int seed;
module_param(seed, uint, 0444);
MODULE_PARM_DESC(seed, "of all random numbers (default: one is drawn)");

static int stutter = 3;
module_param(stutter, int, 0444);
MODULE_PARM_DESC(stutter, "all pause together every so many seconds; 0: never");

static int hang = 120;
module_param(hang, int, 0444);
MODULE_PARM_DESC(hang, "an operation that takes so many seconds has failed");

static const char *result = "running";

static int result_get(char *buf, const struct kernel_param *kp)
{
	return sysfs_emit(buf, "%s\n", env_load(&result));
}

static const struct kernel_param_ops result_ops = { .get = result_get };
module_param_cb(result, &result_ops, NULL, 0444);

/* --- what torture.h asks of the platform ------------------------------------------------------ */

void torture_say(bool bad, const char *line)
{
	if (bad)
		pr_alert("%s\n", line);
	else
		pr_info("%s\n", line);
}

bool torture_interrupted(void)
{
	return kthread_should_stop();
}

void perturb_thread(unsigned int number)
{
	unsigned int cpu = number / 64 % nr_cpu_ids;

	set_user_nice(current, (int)(number % 40) - 20);
	if (number & 0x10000)
		sched_set_fifo_low(current);
	/*
	 * An error where that one is offline just now. Not on PREEMPT_RT: 6.12's scheduler
	 * warns in migrate_enable() when the CPU of a bound thread goes offline.
	 */
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		return;
	set_cpus_allowed_ptr(current, number & 0x20000 ? cpumask_of(cpu) : cpu_possible_mask);
}

/* Not for long: deferred operations must run, too. */
void perturb_end(void)
{
	sched_set_normal(current, 0);
}

/* The threads that hang are in our text. */
void report_hang(void)
{
	__module_get(THIS_MODULE);
}

/* --- softirq ---------------------------------------------------------------------------------- */

static void softirq_run(struct timer_list *timer)
{
	deferred_run(8);
	mod_timer(timer, jiffies + 1);
}

static DEFINE_TIMER(softirq_timer, softirq_run);

int platform_begin(void)
{
	mod_timer(&softirq_timer, jiffies + 1);
	return 0;
}

void platform_end(void)
{
	timer_delete_sync(&softirq_timer);
}

/* Other modules' stoppers are in it, too: the script checks it after they are unloaded. */
bool debug_list_is_empty(void)
{
	return true;
}

/* With a lock of its user's, and interrupts off; but on PREEMPT_RT, where they stay on. */
void op_platform(struct actor *a, struct instance *inst)
{
	unsigned long flags;
	spinlock_t lock;	/* private */

	spin_lock_init(&lock);
	spin_lock_irqsave(&lock, flags);
	softirq_tasks(inst);
	spin_unlock_irqrestore(&lock, flags);
}

/* --- the module ------------------------------------------------------------------------------- */

static struct task_struct *main_task;

static int torture_main(void *arg)
{
	bool good = !torture_run();

	env_store(&result, good ? "SUCCESS" : "FAILURE");
	while (!kthread_should_stop()) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (!kthread_should_stop())
			schedule();
		__set_current_state(TASK_RUNNING);
	}
	return 0;
}

static int __init stopper_torture_init(void)
{
	if (seconds < 1 || threads < 0 || threads > 1000 || stoppers < 1 || stoppers > 10000 ||
	    stutter < 0 || hang < 1)
		return -EINVAL;
	if (!threads)
		threads = max_t(int, 4, 2 * num_online_cpus());
	if (!seed)
		seed = get_random_u32() % 1000000;
	params = (struct torture_params) {
		.seconds = seconds, .threads = threads, .stoppers = stoppers, .seed = seed,
		.stutter = stutter, .hang = hang, .progress = 5,
	};
	main_task = kthread_run(torture_main, NULL, "torture-main");
	return PTR_ERR_OR_ZERO(main_task);
}

static void __exit stopper_torture_exit(void)
{
	kthread_stop(main_task);
}

module_init(stopper_torture_init);
module_exit(stopper_torture_exit);
MODULE_DESCRIPTION("Torture of the stopper");
MODULE_LICENSE("GPL");
