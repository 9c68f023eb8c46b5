// SPDX-License-Identifier: GPL-2.0
/*
 * blk_hand.c - the life of the disk by hand: a flag, the reference count that the block layer has
 * for a queue (blk_mq_freeze_queue()), and delayed works. Written to be compared with
 * blk_stopper.c: it keeps the same promises, except that nothing says which request a drain waits
 * for, or why the disk was removed.
 */
#include "blk.h"

static void hand_run(struct work_struct *work)
{
	struct blk_cmd *cmd = container_of(to_delayed_work(work), struct blk_cmd, work);

	if (blk_claim(cmd))
		blk_end(cmd, blk_transfer(cmd));
}

static void hand_init(struct blk_cmd *cmd)
{
	INIT_DELAYED_WORK(&cmd->work, hand_run);
}

/* A request that was answered by a removal may be queued after that. */
static void hand_exit(struct blk_cmd *cmd)
{
	cancel_delayed_work_sync(&cmd->work);
}

static int hand_submit(struct blk_cmd *cmd, unsigned int delay_ms)
{
	int err = READ_ONCE(cmd->d->refusal);

	if (err)
		return err;
	blk_begin(cmd, true);
	queue_delayed_work(cmd->d->wq, &cmd->work, msecs_to_jiffies(delay_ms));
	return 0;
}

static void hand_end(struct blk_cmd *cmd)
{
}

/* A request that has seen the flag clear holds a reference to the queue. */
static void hand_drain(struct blk_disk *d)
{
	unsigned int flags = blk_mq_freeze_queue(d->disk->queue);

	blk_mq_unfreeze_queue(d->disk->queue, flags);
}

/* The queue is frozen for the drain only: until the resume, submitters need not sleep. */
static int hand_pause(struct blk_disk *d)
{
	unsigned int flags;

	if (READ_ONCE(d->refusal))
		return -ESHUTDOWN;
	flags = blk_mq_freeze_queue(d->disk->queue);
	blk_mq_quiesce_queue_nowait(d->disk->queue);
	blk_mq_unfreeze_queue(d->disk->queue, flags);
	return 0;
}

static void hand_resume(struct blk_disk *d)
{
	blk_mq_unquiesce_queue(d->disk->queue);
}

static void hand_refuse(struct blk_disk *d, int err, const char *why)
{
	WRITE_ONCE(d->refusal, err);
}

static void hand_destroy(void *wq)
{
	destroy_workqueue(wq);
}

static int hand_create(struct blk_disk *d, struct device *dev)
{
	d->wq = alloc_workqueue("stopper_blk", WQ_MEM_RECLAIM | WQ_UNBOUND, 0);
	if (!d->wq)
		return -ENOMEM;
	return devm_add_action_or_reset(dev, hand_destroy, d->wq);
}

const struct blk_life blk_life_hand = {
	.create = hand_create,
	.init = hand_init,
	.exit = hand_exit,
	.submit = hand_submit,
	.end = hand_end,
	.pause = hand_pause,
	.resume = hand_resume,
	.refuse = hand_refuse,
	.drain = hand_drain,
};
