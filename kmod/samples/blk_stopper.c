// SPDX-License-Identifier: GPL-2.0
/*
 * blk_stopper.c - the life of the disk with stoppers.
 *
 * A request is a task of the stopper "stopper_blk", whichever thread has it: a struct stopper_async
 * if it is transferred at once, or a handle if it waits for its delay first. The delay is a timer
 * of a second stopper, "stopper_blk: medium", because a stop drops pending timers: the requests
 * that wait for them must have ended before. So the requests stop first, then the medium.
 */
#include <linux/time64.h>
#include <stopper/device.h>
#include "blk.h"

/* The error of a request that is refused: the cause of the stop. */
static int life_error(struct blk_disk *d, int err)
{
	struct stopper_cause why;

	return err == -ESHUTDOWN && stopper_stop_cause(d->requests, &why) ? why.err : err;
}

/* "write 2048+8": a block number and a count, in sectors */
static void life_label(struct stopper_task *task, struct blk_cmd *cmd)
{
	struct request *rq = blk_mq_rq_from_pdu(cmd);

	stopper_task_label(task, "%s %llu+%u", rq_data_dir(rq) ? "write" : "read",
			   (unsigned long long)blk_rq_pos(rq), blk_rq_sectors(rq));
}

static int life_transfer(struct stopper_ctx *ctx, struct stopper_async *async)
{
	struct blk_cmd *cmd = container_of(async, struct blk_cmd, async);

	blk_begin(cmd, false);
	life_label(NULL, cmd);
	return blk_transfer(cmd);
}

/* -ESHUTDOWN: the stop has dropped the request before its function began. */
static void life_done(struct stopper_async *async, int status)
{
	struct blk_cmd *cmd = container_of(async, struct blk_cmd, async);

	if (status == -ESHUTDOWN)
		blk_drop(cmd, life_error(cmd->d, status));
	else
		blk_end(cmd, status);
}

static void life_delay_is_over(struct stopper_ctx *ctx, void *arg)
{
	struct blk_cmd *cmd = arg;

	if (blk_claim(cmd))
		blk_end(cmd, blk_transfer(cmd));
}

static void life_init(struct blk_cmd *cmd)
{
	stopper_async_init(&cmd->async, life_transfer, life_done);
	stopper_timer_init(&cmd->delay, cmd->d->medium, "blk: medium", life_delay_is_over, cmd);
}

/* blk_end() may be called before the function of the timer returns. */
static void life_exit(struct blk_cmd *cmd)
{
	stopper_timer_cancel_sync(&cmd->delay);
}

static int life_submit(struct blk_cmd *cmd, unsigned int delay_ms)
{
	struct blk_disk *d = cmd->d;
	int err;

	cmd->has_task = delay_ms;
	if (!delay_ms) {
		err = stopper_async_start(d->requests, NULL, "blk: request", &cmd->async);
		return life_error(d, err);
	}
	err = stopper_task_begin(d->requests, NULL, "blk: request", &cmd->task);
	if (err)
		return life_error(d, err);
	life_label(&cmd->task, cmd);
	blk_begin(cmd, true);
	err = stopper_run_after(&cmd->delay, NULL, delay_ms * NSEC_PER_MSEC);
	if (err && blk_claim(cmd))
		blk_end(cmd, err);
	return 0;
}

static void life_end(struct blk_cmd *cmd)
{
	if (cmd->has_task)
		stopper_task_end(&cmd->task);
}

static int life_pause(struct blk_disk *d)
{
	return stopper_pause(d->requests, NULL);
}

static void life_resume(struct blk_disk *d)
{
	stopper_resume(d->requests);
}

static void life_refuse(struct blk_disk *d, int err, const char *why)
{
	stopper_stop_async_because(d->requests, err, "%s", why);
}

static void life_drain(struct blk_disk *d)
{
	stopper_stop(d->requests, NULL);
	stopper_stop(d->medium, NULL);
}

static int life_create(struct blk_disk *d, struct device *dev)
{
	struct stopper_options opts = { .size = sizeof(opts), .flags = STOPPER_DROP_QUEUED };
	int err = devm_stopper_create(dev, &d->medium, "stopper_blk: medium", NULL);

	return err ? err : devm_stopper_create(dev, &d->requests, "stopper_blk", &opts);
}

const struct blk_life blk_life_stopper = {
	.create = life_create,
	.init = life_init,
	.exit = life_exit,
	.submit = life_submit,
	.end = life_end,
	.pause = life_pause,
	.resume = life_resume,
	.refuse = life_refuse,
	.drain = life_drain,
};
