// SPDX-License-Identifier: GPL-2.0
/*
 * stopper_lender.c - owns a stopper that another module, stopper_borrower.c, uses.
 */
#include <linux/module.h>
#include <stopper/stopper.h>
#include "stopper_lender.h"

struct stopper *lender_stopper;
EXPORT_SYMBOL_GPL(lender_stopper);

struct stopper_event lender_gate;
EXPORT_SYMBOL_GPL(lender_gate);

/* A handle that the borrower has left behind; only this module can end it. */
struct stopper_task *lender_left;
EXPORT_SYMBOL_GPL(lender_left);

static int open_gate(const char *val, const struct kernel_param *kp)
{
	stopper_event_fire(&lender_gate);
	return 0;
}

/* Also runs the closers, of which one may be the borrower's. */
static int do_stop(const char *val, const struct kernel_param *kp)
{
	if (lender_left)
		stopper_task_end(lender_left);
	lender_left = NULL;
	return stopper_stop(lender_stopper, NULL);
}

static const struct kernel_param_ops gate_ops = { .set = open_gate };
static const struct kernel_param_ops stop_ops = { .set = do_stop };

module_param_cb(gate, &gate_ops, NULL, 0200);
MODULE_PARM_DESC(gate, "opens the gate that tasks and workers wait for");
module_param_cb(stop, &stop_ops, NULL, 0200);
MODULE_PARM_DESC(stop, "stops the stopper");

static int __init lender_init(void)
{
	stopper_event_init(&lender_gate);
	return stopper_create(&lender_stopper, "lent", NULL);
}

static void __exit lender_exit(void)
{
	stopper_stop(lender_stopper, NULL);
	stopper_put(lender_stopper);
	stopper_event_destroy(&lender_gate);
}

module_init(lender_init);
module_exit(lender_exit);

MODULE_DESCRIPTION("Test of the stopper: a stopper that other modules use");
MODULE_LICENSE("GPL");
