// SPDX-License-Identifier: GPL-2.0
/*
 * stopper_load.c - a module with many tasks, which stops them in its exit function.
 *
 *   insmod stopper_load.ko [handles=N] [sites=N] [async=N] [churn=N] [stalled=N]
 *
 * From load to unload @handles handles are open, spread over @sites call sites named load-00000
 * and so on. @async tasks wait for ShouldQuiesce, each on a kthread of its own. @churn workers
 * begin and end tasks without pause. Each of @stalled further stoppers is asked to stop at once
 * and cannot stop, because it has a task that sleeps until unload.
 * /sys/module/stopper_load/parameters/blocked is the number of async tasks that have started.
 */
#define pr_fmt(fmt) "stopper_load: " fmt

#include <linux/atomic.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <stopper/stopper.h>

#define MAX_SITES	4096

static int handles;
module_param(handles, int, 0444);
MODULE_PARM_DESC(handles, "handles that stay open until unload");

static int sites = 1;
module_param(sites, int, 0444);
MODULE_PARM_DESC(sites, "call sites of the handles");

static int async;
module_param(async, int, 0444);
MODULE_PARM_DESC(async, "async tasks that wait for ShouldQuiesce");

static int churn;
module_param(churn, int, 0444);
MODULE_PARM_DESC(churn, "workers that begin and end tasks");

static int stalled;
module_param(stalled, int, 0444);
MODULE_PARM_DESC(stalled, "stoppers whose stop waits for a task until unload");

static atomic_t entered, returned, churned;

static int blocked_get(char *buf, const struct kernel_param *kp)
{
	return sysfs_emit(buf, "%d\n", atomic_read(&entered));
}

static const struct kernel_param_ops blocked_ops = { .get = blocked_get };
module_param_cb(blocked, &blocked_ops, NULL, 0444);

static struct stopper *stopper;
static struct stopper_task *task;
static struct stopper_site site[MAX_SITES];
static char name[MAX_SITES][sizeof("load--2147483648")];

static void blocked_task(struct stopper_ctx *ctx, void *arg)
{
	atomic_inc(&entered);
	stopper_wait(stopper_should_quiesce(stopper), NULL);
	atomic_inc(&returned);
}

static void churn_task(struct stopper_ctx *ctx, void *arg)
{
	atomic_inc(&churned);
}

static void churn_worker(struct stopper_ctx *ctx, void *arg)
{
	struct stopper_task nested[4];
	int i, n;

	while (!kthread_should_stop()) {
		stopper_run_task(stopper, NULL, "load-churn", churn_task, NULL);
		for (n = 0; n < ARRAY_SIZE(nested); n++)
			if (stopper_task_begin(stopper, NULL, "load-nested", &nested[n]))
				break;
		for (i = 0; i < n; i++)
			stopper_task_end(&nested[i]);
		cond_resched();
	}
}

static DECLARE_COMPLETION(unload);
static struct stopper *stalls[MAX_SITES];

static void sleep_until_unload(struct stopper_ctx *ctx, void *arg)
{
	wait_for_completion(&unload);
	atomic_inc(&returned);		/* no tail call, so that this function has a frame */
}

static int start_stalled(struct stopper **s)
{
	struct stopper_options opts = { .size = sizeof(opts), .flags = STOPPER_CONTROL };
	int err = stopper_create(s, "stalled", &opts);

	if (!err)
		err = stopper_run_async_task(*s, NULL, "load-stuck", sleep_until_unload, NULL);
	return err ?: stopper_stop_async(*s);
}

static void end_stalls(void)
{
	int i;

	complete_all(&unload);
	for (i = 0; i < stalled && stalls[i]; i++) {
		stopper_stop(stalls[i], NULL);
		stopper_put(stalls[i]);
	}
}

static int begin_handles(void)
{
	int i, err;

	for (i = 0; i < sites; i++) {
		snprintf(name[i], sizeof(name[i]), "load-%05d", i);
		site[i] = (struct stopper_site) { .name = name[i], .file = __FILE__,
			.func = __func__, .owner = THIS_MODULE, .line = i + 1 };
	}
	for (i = 0; i < handles; i++) {
		err = __stopper_task_begin(stopper, NULL, &site[i % sites], &task[i]);
		if (err)
			return err;
	}
	return 0;
}

static int start_threads(void)
{
	int i, err = 0;

	for (i = 0; i < async && !err; i++)
		err = stopper_run_async_task(stopper, NULL, "load-async", blocked_task, NULL);
	for (i = 0; i < churn && !err; i++)
		err = stopper_run_worker(stopper, NULL, "load-worker", churn_worker, NULL);
	for (i = 0; i < stalled && !err; i++)
		err = start_stalled(&stalls[i]);
	return err;
}

static void stop_all(void)
{
	int i;

	end_stalls();
	/* The stop waits for the handles: begin it, then end them. */
	stopper_stop_async(stopper);
	for (i = 0; i < handles; i++)
		if (task[i].slot)
			stopper_task_end(&task[i]);
	stopper_stop(stopper, NULL);
	stopper_put(stopper);
	kvfree(task);
}

static int __init load_init(void)
{
	struct stopper_options opts = { .size = sizeof(opts), .flags = STOPPER_CONTROL };
	int err;

	if (handles < 0 || sites < 1 || sites > MAX_SITES || async < 0 || churn < 0 ||
	    stalled < 0 || stalled > MAX_SITES)
		return -EINVAL;
	task = kvcalloc(handles + 1, sizeof(*task), GFP_KERNEL);
	if (!task)
		return -ENOMEM;
	err = stopper_create(&stopper, "load", &opts);
	if (err) {
		kvfree(task);
		return err;
	}
	err = begin_handles();
	if (!err)
		err = start_threads();
	if (err)
		stop_all();
	return err;
}

static void __exit load_exit(void)
{
	stop_all();
	if (atomic_read(&returned) == async + stalled)
		pr_info("stopped: %d async tasks returned, %d tasks churned\n",
			atomic_read(&returned), atomic_read(&churned));
	else
		pr_err("%d of %d async tasks returned\n", atomic_read(&returned), async);
}

module_init(load_init);
module_exit(load_exit);
MODULE_DESCRIPTION("Test of the stopper: load");
MODULE_LICENSE("GPL");
