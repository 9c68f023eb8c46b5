// SPDX-License-Identifier: GPL-2.0
/*
 * blk_main.c - stopper_blk, a disk in memory whose removal, pause and stop are those of stoppers.
 *
 * An example of a driver. Each request is a task; the driver's life is theirs:
 *
 *   unbind, rmmod   refuse (-ESHUTDOWN); drain: requests that have begun complete; del_gendisk()
 *   eject           the hardware has gone: refuse (-ENODEV); requests that wait for it are answered
 *                   in its place; drain; blk_mark_disk_dead()
 *   suspend, size   pause: as unbind, but requests are kept back by blk-mq; resume
 *
 * The parameter "hand" selects a life that is made by hand, blk_hand.c, for comparison. Both are a
 * struct blk_life; this file has what they share.
 *
 * A request that waits for its delay has two possible ends: the delay is over, or the disk is
 * ejected. Both claim it, and the one that gets it ends it:
 *
 *   function of the delay                 eject
 *   blk_claim()  yes: transfers           blk_claim()  yes: fails it
 *                no: it has ended                      no: it has ended, or will
 *
 * An open file of the disk pins the module (fops->owner), so rmmod is refused. It does not keep
 * the disk: after unbind, its requests fail, and the gendisk is freed at the last close.
 *
 * /sys/devices/platform/stopper_blk/: counts (read), size_mb (read, write), eject (write).
 *
 * At unbind one line is logged, for scripts:
 *   stopper_blk stopper_blk: begun=N completed=N failed=N refused=N lost=N
 * lost is begun - completed - failed, which is 0 unless there is a bug.
 */
#include <linux/blkdev.h>
#include <linux/bvec.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/pm.h>
#include <linux/sizes.h>
#include <linux/vmalloc.h>
#include "blk.h"

#define NAME	"stopper_blk"

static unsigned int size_mb = 16;
module_param(size_mb, uint, 0444);
MODULE_PARM_DESC(size_mb, "size of the disk in MiB (16)");

static unsigned int delay_ms;
module_param(delay_ms, uint, 0644);
MODULE_PARM_DESC(delay_ms, "milliseconds until a request is transferred (0)");

static bool hand;
module_param(hand, bool, 0644);
MODULE_PARM_DESC(hand, "disks that are bound from now on live without stoppers (N)");

/**
 * blk_begin() - count a request that begins
 * @cmd: the request
 * @waits: it may be claimed from now on
 */
void blk_begin(struct blk_cmd *cmd, bool waits)
{
	atomic_long_inc(&cmd->d->begun);
	if (waits)
		set_bit(0, &cmd->waiting);
}

/**
 * blk_claim() - get the right to end a request that waits
 * @cmd: the request
 *
 * Return: true if the caller has to end it with blk_end().
 */
bool blk_claim(struct blk_cmd *cmd)
{
	return test_and_clear_bit(0, &cmd->waiting);
}

/**
 * blk_transfer() - copy the data of a request
 * @cmd: the request
 *
 * Return: 0; -EIO behind the end of the disk, as it may have shrunk; -EOPNOTSUPP.
 */
int blk_transfer(struct blk_cmd *cmd)
{
	struct request *rq = blk_mq_rq_from_pdu(cmd);
	u64 pos = (u64)blk_rq_pos(rq) << SECTOR_SHIFT;
	struct blk_disk *d = cmd->d;
	struct req_iterator iter;
	struct bio_vec bv;
	char *data;

	if (req_op(rq) != REQ_OP_READ && req_op(rq) != REQ_OP_WRITE)
		return -EOPNOTSUPP;
	if (pos + blk_rq_bytes(rq) > d->size)
		return -EIO;
	data = d->data + pos;
	rq_for_each_segment(bv, rq, iter) {
		if (rq_data_dir(rq) == WRITE)
			memcpy_from_bvec(data, &bv);
		else
			memcpy_to_bvec(&bv, data);
		data += bv.bv_len;
	}
	return 0;
}

/* The memory of @cmd belongs to another request as soon as this one has ended. */
static void blk_answer(struct blk_cmd *cmd, int err)
{
	cmd->d->life->end(cmd);
	blk_mq_end_request(blk_mq_rq_from_pdu(cmd), errno_to_blk_status(err));
}

/**
 * blk_end() - end a request that has begun
 * @cmd: the request
 * @err: its result
 */
void blk_end(struct blk_cmd *cmd, int err)
{
	atomic_long_inc(err ? &cmd->d->failed : &cmd->d->completed);
	blk_answer(cmd, err);
}

/**
 * blk_drop() - end a request that was admitted, but has not begun
 * @cmd: the request
 * @err: why not
 */
void blk_drop(struct blk_cmd *cmd, int err)
{
	atomic_long_inc(&cmd->d->refused);
	blk_answer(cmd, err);
}

/* In a pause, blk-mq keeps the request, and tries again after some milliseconds. */
static blk_status_t blk_queue_rq(struct blk_mq_hw_ctx *hctx, const struct blk_mq_queue_data *bd)
{
	struct blk_cmd *cmd = blk_mq_rq_to_pdu(bd->rq);
	struct blk_disk *d = hctx->queue->queuedata;
	int err;

	if (!cmd->d) {		/* once: the memory was zeroed when the tags were allocated */
		cmd->d = d;
		d->life->init(cmd);
	}
	blk_mq_start_request(bd->rq);
	err = d->life->submit(cmd, READ_ONCE(delay_ms));
	if (!err)
		return BLK_STS_OK;
	if (err == -EAGAIN)
		return BLK_STS_RESOURCE;
	atomic_long_inc(&d->refused);
	return errno_to_blk_status(err);
}

static void blk_exit_request(struct blk_mq_tag_set *set, struct request *rq, unsigned int hctx)
{
	struct blk_cmd *cmd = blk_mq_rq_to_pdu(rq);

	if (cmd->d)
		cmd->d->life->exit(cmd);
}

static const struct blk_mq_ops blk_ops = {
	.queue_rq = blk_queue_rq,
	.exit_request = blk_exit_request,
};

static const struct block_device_operations blk_fops = {
	.owner = THIS_MODULE,
};

/* In place of the hardware. */
static bool blk_fail_waiting(struct request *rq, void *data)
{
	struct blk_cmd *cmd = blk_mq_rq_to_pdu(rq);

	if (blk_claim(cmd))
		blk_end(cmd, -ENODEV);
	return true;
}

static void blk_eject(struct blk_disk *d)
{
	d->life->refuse(d, -ENODEV, "removed");
	/* Each request that was admitted waits by now. */
	blk_mq_quiesce_queue(d->disk->queue);
	blk_mq_tagset_busy_iter(&d->set, blk_fail_waiting, d);
	blk_mq_unquiesce_queue(d->disk->queue);
	d->life->drain(d);
	blk_mark_disk_dead(d->disk);
}

static int blk_resize(struct blk_disk *d, size_t size)
{
	char *data = vzalloc(size);
	int err;

	if (!data)
		return -ENOMEM;
	err = d->life->pause(d);
	if (!err) {
		memcpy(data, d->data, min(size, d->size));
		swap(data, d->data);
		d->size = size;
		set_capacity_and_notify(d->disk, size >> SECTOR_SHIFT);
		d->life->resume(d);
	}
	vfree(data);
	return err;
}

static ssize_t eject_store(struct device *dev, struct device_attribute *attr, const char *buf,
			   size_t len)
{
	struct blk_disk *d = dev_get_drvdata(dev);

	mutex_lock(&d->lock);
	blk_eject(d);
	mutex_unlock(&d->lock);
	return len;
}
static DEVICE_ATTR_WO(eject);

static ssize_t size_mb_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct blk_disk *d = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%zu\n", READ_ONCE(d->size) / SZ_1M);
}

static ssize_t size_mb_store(struct device *dev, struct device_attribute *attr, const char *buf,
			     size_t len)
{
	struct blk_disk *d = dev_get_drvdata(dev);
	u16 mb;
	int err = kstrtou16(buf, 0, &mb);

	if (err || !mb)
		return err ?: -EINVAL;
	mutex_lock(&d->lock);
	err = blk_resize(d, (size_t)mb * SZ_1M);
	mutex_unlock(&d->lock);
	return err ?: len;
}
static DEVICE_ATTR_RW(size_mb);

static int blk_print_counts(struct blk_disk *d, char *buf, size_t len)
{
	long completed = atomic_long_read(&d->completed);
	long failed = atomic_long_read(&d->failed);
	long begun = atomic_long_read(&d->begun);

	return scnprintf(buf, len, "begun=%ld completed=%ld failed=%ld refused=%ld lost=%ld\n",
			 begun, completed, failed, atomic_long_read(&d->refused),
			 begun - completed - failed);
}

/* While requests are in flight, they are "lost". */
static ssize_t counts_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return blk_print_counts(dev_get_drvdata(dev), buf, PAGE_SIZE);
}
static DEVICE_ATTR_RO(counts);

static struct attribute *blk_attrs[] = {
	&dev_attr_counts.attr,
	&dev_attr_eject.attr,
	&dev_attr_size_mb.attr,
	NULL
};
ATTRIBUTE_GROUPS(blk);

static int __maybe_unused blk_suspend(struct device *dev)
{
	struct blk_disk *d = dev_get_drvdata(dev);

	d->paused = !d->life->pause(d);
	return 0;
}

static int __maybe_unused blk_resume(struct device *dev)
{
	struct blk_disk *d = dev_get_drvdata(dev);

	if (d->paused)
		d->life->resume(d);
	d->paused = false;
	return 0;
}

static SIMPLE_DEV_PM_OPS(blk_pm_ops, blk_suspend, blk_resume);

/*
 * What probe has acquired is released in reverse order by these functions, rather than by a
 * remove(), which has another type in older kernels. The files in sysfs have gone before.
 */
static void blk_free_data(void *arg)
{
	struct blk_disk *d = arg;

	vfree(d->data);
}

static void blk_free_tags(void *arg)
{
	struct blk_disk *d = arg;

	blk_mq_free_tag_set(&d->set);
}

static void blk_put_disk(void *arg)
{
	struct blk_disk *d = arg;

	put_disk(d->disk);
}

static void blk_unbind(void *arg)
{
	struct blk_disk *d = arg;
	char counts[128];

	sync_blockdev(d->disk->part0);
	d->life->refuse(d, -ESHUTDOWN, "unbound");
	d->life->drain(d);
	del_gendisk(d->disk);
	blk_print_counts(d, counts, sizeof(counts));
	pr_info(NAME ": %s", counts);
}

static int blk_create_tags(struct blk_disk *d, struct device *dev)
{
	int err;

	d->set.ops = &blk_ops;
	d->set.nr_hw_queues = 1;
	d->set.queue_depth = 64;
	d->set.numa_node = NUMA_NO_NODE;
	d->set.cmd_size = sizeof(struct blk_cmd);
	d->set.flags = BLK_MQ_F_NO_SCHED_BY_DEFAULT;
	err = blk_mq_alloc_tag_set(&d->set);
	return err ?: devm_add_action_or_reset(dev, blk_free_tags, d);
}

static int blk_create_disk(struct blk_disk *d, struct device *dev)
{
	d->disk = blk_mq_alloc_disk(&d->set, NULL, d);
	if (IS_ERR(d->disk))
		return PTR_ERR(d->disk);
	d->disk->fops = &blk_fops;
	d->disk->flags |= GENHD_FL_NO_PART;
	strscpy(d->disk->disk_name, NAME, sizeof(d->disk->disk_name));
	set_capacity(d->disk, d->size >> SECTOR_SHIFT);
	return devm_add_action_or_reset(dev, blk_put_disk, d);
}

static int blk_probe(struct platform_device *pdev)
{
	struct device *dev = &pdev->dev;
	struct blk_disk *d = devm_kzalloc(dev, sizeof(*d), GFP_KERNEL);
	int err;

	if (!d)
		return -ENOMEM;
	mutex_init(&d->lock);
	d->life = hand ? &blk_life_hand : &blk_life_stopper;
	d->size = (size_t)size_mb * SZ_1M;
	d->data = vzalloc(d->size);
	if (!d->data)
		return -ENOMEM;
	err = devm_add_action_or_reset(dev, blk_free_data, d);
	if (!err)
		err = d->life->create(d, dev);
	if (!err)
		err = blk_create_tags(d, dev);
	if (!err)
		err = blk_create_disk(d, dev);
	if (err)
		return err;
	platform_set_drvdata(pdev, d);
	err = device_add_disk(dev, d->disk, NULL);
	return err ?: devm_add_action_or_reset(dev, blk_unbind, d);
}

static struct platform_driver blk_driver = {
	.probe = blk_probe,
	.driver = {
		.name = NAME,
		.dev_groups = blk_groups,
		.pm = &blk_pm_ops,
	},
};

static struct platform_device *blk_device;

static int __init blk_init(void)
{
	int err = platform_driver_register(&blk_driver);

	if (err)
		return err;
	blk_device = platform_device_register_simple(NAME, PLATFORM_DEVID_NONE, NULL, 0);
	if (IS_ERR(blk_device))
		platform_driver_unregister(&blk_driver);
	return PTR_ERR_OR_ZERO(blk_device);
}
module_init(blk_init);

static void __exit blk_exit(void)
{
	platform_device_unregister(blk_device);
	platform_driver_unregister(&blk_driver);
}
module_exit(blk_exit);

MODULE_DESCRIPTION("A disk in memory that is removed in order: a sample user of the stopper");
MODULE_AUTHOR("The stopper developers");
MODULE_LICENSE("GPL");
