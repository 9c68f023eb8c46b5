// SPDX-License-Identifier: GPL-2.0
/*
 * stopper_oops.c - threads that die under a stopper, in the ways that oops.
 *
 *   insmod stopper_oops.ko how=bug|null|exit|panic|sync
 *
 *   bug, null   BUG() and a NULL dereference in an async task and a worker
 *   exit        kthread_complete_and_exit() there
 *   panic       stopper_panic() there
 *   sync        stopper_panic() in a synchronous task of a foreign kthread
 *
 * Then it stops the stopper. What came of it is to be read from
 * /sys/module/stopper_oops/parameters/: hooks (how often the panic hook was
 * called), died (how often it said so), length (slots of the semaphore still
 * held), tasks (still counted), stopped (1 when Stop returned 0).
 */
#define pr_fmt(fmt) "stopper_oops: " fmt

#include <linux/atomic.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/string.h>
#include <stopper/stopper.h>

static char *how = "bug";
module_param(how, charp, 0444);
MODULE_PARM_DESC(how, "how the threads die: bug, null, exit, panic, sync");

static int hooks, died, length = -1, tasks = -1, stopped;
module_param(hooks, int, 0444);
module_param(died, int, 0444);
module_param(length, int, 0444);
module_param(tasks, int, 0444);
module_param(stopped, int, 0444);

static struct stopper *stopper;
static struct stopper_sem sem;
static atomic_t hook_calls, hook_died;
static int value;

static void on_panic(void *arg, const struct stopper_panic_info *info)
{
	pr_info("hook: %s of %s, kind %d, died %d\n", info->site->name, info->stopper, info->kind,
		info->died);
	if (info->died)
		atomic_inc(&hook_died);
	atomic_inc(&hook_calls);
}

static void die(struct stopper_ctx *ctx, void *arg)
{
	int *nowhere = NULL;

	OPTIMIZER_HIDE_VAR(nowhere);
	if (!strcmp(how, "bug"))
		BUG();
	else if (!strcmp(how, "null"))
		*nowhere = 1;
	else if (!strcmp(how, "exit"))
		kthread_complete_and_exit(NULL, 0);
	else
		stopper_panic(&value);
}

static int foreign(void *arg)
{
	stopper_run_task(stopper, NULL, "doomed-sync", die, NULL);
	pr_err("a synchronous task came back from its panic\n");
	return 0;
}

static int start(void)
{
	int err;

	if (!strcmp(how, "sync"))
		return PTR_ERR_OR_ZERO(kthread_run(foreign, NULL, "foreign"));
	err = stopper_run_limited_async_task(stopper, NULL, "doomed-async", &sem, true, die, NULL);
	return err ?: stopper_run_worker(stopper, NULL, "doomed-worker", die, NULL);
}

static int __init stopper_oops_init(void)
{
	struct stopper_options opts = { .size = sizeof(opts), .on_panic = on_panic };
	struct stopper_ctx *ctx;
	int want = strcmp(how, "sync") ? 2 : 1;
	int i, err;

	stopper_sem_init(&sem, 1);
	err = stopper_create(&stopper, "oops", &opts);
	if (err)
		return err;
	err = start();
	/* Half a minute, should the hook not be called at all. */
	for (i = 0; i < 1500 && !err && atomic_read(&hook_calls) < want; i++)
		msleep(20);
	err = stopper_ctx_with_timeout(NULL, 30 * 1000000000LL, &ctx);
	if (err)
		return err;
	stopped = !stopper_stop(stopper, ctx);
	stopper_ctx_put(ctx);
	hooks = atomic_read(&hook_calls);
	died = atomic_read(&hook_died);
	length = stopper_sem_length(&sem);
	tasks = stopper_num_tasks(stopper);
	stopper_put(stopper);
	return 0;
}

static void __exit stopper_oops_exit(void)
{
}

module_init(stopper_oops_init);
module_exit(stopper_oops_exit);
MODULE_DESCRIPTION("Dying threads for the tests of the stopper");
MODULE_LICENSE("GPL");
