// SPDX-License-Identifier: GPL-2.0
/*
 * stopper_borrower.c - a module that uses the stopper of another module, and is unloaded.
 *
 * what=task, worker, closer   runs a function on the stopper of stopper_lender.ko
 * what=handle                 begins a handle on it, in memory that this module allocates
 * what=forget                 creates a stopper and does not stop it; its task registers a module
 *                             notifier when the lender's gate opens
 */
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/slab.h>
#include "stopper_lender.h"

static char *what = "task";
module_param(what, charp, 0);
MODULE_PARM_DESC(what, "what it leaves behind at unload");

static struct stopper *own;

static void wait_for_gate(struct stopper_ctx *ctx, void *arg)
{
	stopper_wait(&lender_gate, NULL);
}

static void empty_closer(void *arg)
{
}

static int notifier_ignore(struct notifier_block *nb, unsigned long action, void *data)
{
	return NOTIFY_DONE;
}

static struct notifier_block nb = { .notifier_call = notifier_ignore };

static void register_late(struct stopper_ctx *ctx, void *arg)
{
	stopper_wait(&lender_gate, NULL);
	if (!register_module_notifier(&nb))
		unregister_module_notifier(&nb);
}

static int leave_handle(void)
{
	struct stopper_task *task = kzalloc(sizeof(*task), GFP_KERNEL);
	int err = task ? stopper_task_begin(lender_stopper, NULL, "handle", task) : -ENOMEM;

	if (err)
		kfree(task);
	else
		lender_left = task;
	return err;
}

static int leave_stopper(void)
{
	int err = stopper_create(&own, "forgotten", NULL);

	return err ?: stopper_run_async_task(own, NULL, "late", register_late, NULL);
}

static int __init borrower_init(void)
{
	if (!strcmp(what, "task"))
		return stopper_run_async_task(lender_stopper, NULL, "task", wait_for_gate, NULL);
	if (!strcmp(what, "worker"))
		return stopper_run_worker(lender_stopper, NULL, "worker", wait_for_gate, NULL);
	if (!strcmp(what, "closer"))
		return stopper_add_closer_fn(lender_stopper, "closer", empty_closer, NULL);
	if (!strcmp(what, "handle"))
		return leave_handle();
	if (!strcmp(what, "forget"))
		return leave_stopper();
	return -EINVAL;
}

static void __exit borrower_exit(void)
{
	/* nothing is ended here */
}

module_init(borrower_init);
module_exit(borrower_exit);

MODULE_DESCRIPTION("Test of the stopper: functions that run on the stopper of another module");
MODULE_LICENSE("GPL");
